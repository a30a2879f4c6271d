//! A server that we did not write read by our client, without a socket: the crate `dlms-cosem-rs`.

mod device;

use base::{Instant, Micros};
use cosem::{Attribute, Method, Obis, Selection};
use device::{AUTHENTICATION, CLIENT_TITLE, ENCRYPTION, SERVICES};
use dlms_cosem_rs::acse::AuthMechanism;
use dlms_cosem_rs::axdr::Data;
use dlms_cosem_rs::codec::{Encode as _, Result as PeerResult, Writer};
use dlms_cosem_rs::cosem::{AttributeAccess, MethodAccess};
use dlms_cosem_rs::obis::Obis as PeerObis;
use dlms_cosem_rs::security::{KeyRing, RandomSource, RustCryptoProvider, SecurityPolicy, SecuritySuite, SystemTitle};
use dlms_cosem_rs::server::{ObjectStore, Server, ServerConfig, StoreResult};
use dlms_cosem_rs::xdlms::{ActionResult as PeerAction, DataAccessResult, SelectiveAccess};
use ferraris_dlms::apdu::{ActionResult, Item};
use ferraris_dlms::client::{Client, ClientError, Command, Credentials, Framing, Outcome, Patience, Settings};
use ferraris_dlms::security::{Challenge, Key, Keys, Protection, Suite};

/// Objects of the foreign server: a register, a switch, a buffer longer than a PDU.
struct Store {
    energy: u32,
    closed: bool,
}

impl ObjectStore for Store {
    fn get_attribute(
        &self,
        class_id: u16,
        name: PeerObis,
        attribute: i8,
        selection: Option<SelectiveAccess<'_>>,
        out: &mut dyn Writer,
    ) -> StoreResult<()> {
        let full = |_| DataAccessResult::OtherReason;
        let [_, _, c, d, ..] = *name.as_bytes();
        match (class_id, c, d, attribute) {
            (3, 1, 8, 2) => Data::DoubleLongUnsigned(self.energy).encode(out).map_err(full),
            (70, 96, 3, 2) => Data::Boolean(self.closed).encode(out).map_err(full),
            (7, 99, 1, 2) => {
                let rows = selection.map_or(400, |it| u32::from(it.selector) * 10);
                out.write_u8(1).map_err(full)?;
                out.write_length(rows as usize).map_err(full)?;
                (0..rows).try_for_each(|row| Data::DoubleLongUnsigned(row).encode(out).map_err(full))
            }
            _ => Err(DataAccessResult::ObjectUndefined),
        }
    }

    fn set_attribute(
        &mut self,
        class_id: u16,
        _name: PeerObis,
        attribute: i8,
        _selection: Option<SelectiveAccess<'_>>,
        value: Data<'_>,
    ) -> StoreResult<()> {
        match (class_id, attribute, value) {
            (3, 2, Data::DoubleLongUnsigned(energy)) => self.energy = energy,
            (3, 2, _) => return Err(DataAccessResult::TypeUnmatched),
            _ => return Err(DataAccessResult::ReadWriteDenied),
        }
        Ok(())
    }

    fn invoke_method(
        &mut self,
        class_id: u16,
        _name: PeerObis,
        method: i8,
        _parameters: Option<Data<'_>>,
        _out: &mut dyn Writer,
    ) -> Result<bool, PeerAction> {
        match (class_id, method) {
            (70, 1 | 2) => self.closed = method == 2,
            _ => return Err(PeerAction::ObjectUndefined),
        }
        Ok(false)
    }

    fn attribute_access(&self, _: u16, _: PeerObis, _: i8) -> AttributeAccess {
        AttributeAccess::READ | AttributeAccess::WRITE
    }

    fn method_access(&self, _: u16, _: PeerObis, _: i8) -> MethodAccess {
        MethodAccess::ACCESS
    }
}

struct Chance;

impl RandomSource for Chance {
    fn fill(&self, out: &mut [u8]) -> PeerResult<()> {
        out.fill(0x5A);
        Ok(())
    }
}

type Foreign = Server<Store, RustCryptoProvider<Chance>, 8192>;

fn foreign(ciphered: bool) -> Foreign {
    let config = ServerConfig {
        system_title: Some(SystemTitle::new(*b"MMM\x00\x00\xbcaN")),
        mechanism: if ciphered {
            AuthMechanism::HighGmac
        } else {
            AuthMechanism::None
        },
        security: match ciphered {
            true => SecurityPolicy::authenticated_encrypted(SecuritySuite::Suite0),
            false => SecurityPolicy::NONE,
        },
        max_pdu_size: 512,
        invocation_counter: 7,
        ..Default::default()
    };
    let keys = match ciphered {
        true => KeyRing::new(ENCRYPTION, AUTHENTICATION),
        false => KeyRing::default(),
    };
    let store = Store {
        energy: 12_345_678,
        closed: true,
    };
    Server::new(config, store, RustCryptoProvider::with_rng(keys, Chance))
}

/// Runs a command against the foreign server.
fn run(client: &mut Client<'_>, server: &mut Foreign, command: Command<'_>) -> Result<(), ClientError> {
    let mut up = Vec::new();
    client.start(Instant::START, command, &mut |it| up.push(it.to_vec()))?;
    for _ in 0..1_000 {
        let sent = core::mem::take(&mut up);
        for pdu in sent {
            let mut out = [0; 2048];
            let length = server.handle(&pdu[8..], &mut out).expect("it is answered");
            let head = [0, 1, pdu[4], pdu[5], pdu[2], pdu[3]];
            let count = u16::try_from(length).expect("short").to_be_bytes();
            let answer = [&head[..], &count, &out[..length]].concat();
            if client.receive(Instant::START, &answer, &mut |it| up.push(it.to_vec()))? {
                return Ok(());
            }
        }
    }
    panic!("the conversation has no end");
}

fn item(class: u16, name: &str, selection: Selection<'static>) -> Item<'static> {
    Item {
        attribute: Attribute::new(class, Obis::parse(name).expect("a name"), 2),
        selection,
    }
}

#[test]
fn our_client_reads_writes_and_invokes_a_foreign_rust_server() {
    let (encryption, authentication) = (
        Key::new(&ENCRYPTION).expect("16"),
        Key::new(&AUTHENTICATION).expect("16"),
    );
    for ciphered in [false, true] {
        for receive_max in [128, 300, 2048] {
            let keys = Keys {
                suite: Suite::Zero,
                encryption: &encryption,
                authentication: &authentication,
            };
            let plain = Settings {
                receive_max,
                ..Settings::public(16, 1, SERVICES)
            };
            let settings = match ciphered {
                true => Settings {
                    credentials: Credentials::Gmac(Challenge::new(b"K56iVagY").expect("8 octets")),
                    ..plain.ciphered(CLIENT_TITLE, keys, Protection::BOTH)
                },
                false => plain,
            };
            let patience = Patience {
                answer: Micros::from_secs(5),
                retries: 0,
            };
            let mut lent = vec![0; 8192];
            let mut client = Client::new(settings, Framing::Wrapper, patience, 1, &mut lent);
            let mut server = foreign(ciphered);
            let story = format!("ciphered {ciphered}, PDUs of {receive_max}");
            assert_eq!(run(&mut client, &mut server, Command::Associate), Ok(()), "{story}");

            let energy = item(3, "1-0:1.8.0", Selection::Whole);
            run(&mut client, &mut server, Command::Get(energy)).expect("it is read");
            let expected: &[u8] = &[6, 0, 0xBC, 0x61, 0x4E];
            assert_eq!(client.outcome(), Some(Outcome::Value(Ok(expected))), "{story}");
            run(
                &mut client,
                &mut server,
                Command::Get(item(3, "9-9:9.9.9", Selection::Whole)),
            )
            .expect("it is answered");
            let missing = Err(cosem::AccessError::ObjectUndefined);
            assert_eq!(client.outcome(), Some(Outcome::Value(missing)), "{story}");

            // Longer than a PDU, whole and selected.
            run(
                &mut client,
                &mut server,
                Command::Get(item(7, "1-0:99.1.0", Selection::Whole)),
            )
            .expect("it is read");
            let Some(Outcome::Value(Ok(rows))) = client.outcome() else {
                panic!("{story}: {:?}", client.outcome())
            };
            assert_eq!(
                (rows.len(), &rows[..4]),
                (4 + 400 * 5, &[1, 0x82, 1, 0x90][..]),
                "{story}"
            );
            let selection = Selection::Selected {
                selector: 2,
                parameters: &[0],
            };
            run(&mut client, &mut server, Command::Get(item(7, "1-0:99.1.0", selection))).expect("it is read");
            let Some(Outcome::Value(Ok(rows))) = client.outcome() else {
                panic!("{story}: {:?}", client.outcome())
            };
            assert_eq!(rows.len(), 2 + 20 * 5, "{story}");

            let list = [
                energy,
                item(3, "9-9:9.9.9", Selection::Whole),
                item(70, "0-0:96.3.10", Selection::Whole),
            ];
            run(&mut client, &mut server, Command::GetList(&list)).expect("it is read");
            let Some(Outcome::Values(values)) = client.outcome() else {
                panic!("{story}: {:?}", client.outcome())
            };
            let values: Vec<_> = values.iter().map(|it| it.map(<[u8]>::len)).collect();
            assert_eq!(
                values,
                [Ok(5), Err(cosem::AccessError::ObjectUndefined), Ok(2)],
                "{story}"
            );

            run(&mut client, &mut server, Command::Set(energy, &[6, 0, 0, 0, 9])).expect("it is answered");
            assert_eq!(client.outcome(), Some(Outcome::Written(Ok(()))), "{story}");
            assert_eq!(server.store().energy, 9, "{story}");
            run(&mut client, &mut server, Command::Set(energy, &[0x12, 0, 9])).expect("it is answered");
            let refused = Err(cosem::AccessError::TypeUnmatched);
            assert_eq!(client.outcome(), Some(Outcome::Written(refused)), "{story}");

            let open = Method::new(70, Obis::new("0-0:96.3.10"), 1);
            run(&mut client, &mut server, Command::Act(open, Some(&[0x0F, 0]))).expect("it is answered");
            let done = ActionResult {
                result: Ok(()),
                returned: None,
            };
            assert_eq!(client.outcome(), Some(Outcome::Done(done)), "{story}");
            assert!(!server.store().closed, "{story}");
            run(&mut client, &mut server, Command::Release).expect("it is released");
        }
    }
}
