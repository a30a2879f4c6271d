//! A server that we did not write read by our client, without a socket: the crate `dlms-cosem-rs`.

mod device;

use base::{Instant, Micros};
use cosem::{Attribute, Method, Obis, Selection};
use device::{AUTHENTICATION, CLIENT_TITLE, ENCRYPTION, EVERYTHING, PASSWORD, SERVICES};
use dlms_cosem_rs::acse::AuthMechanism;
use dlms_cosem_rs::axdr::Data;
use dlms_cosem_rs::codec::{Encode as _, Result as PeerResult, Writer};
use dlms_cosem_rs::cosem::{AttributeAccess, MethodAccess};
use dlms_cosem_rs::obis::Obis as PeerObis;
use dlms_cosem_rs::security::{
    KeyRing, RandomSource, RustCryptoProvider, Secret, SecurityPolicy, SecuritySuite, SystemTitle,
};
use dlms_cosem_rs::server::{ObjectStore, Server, ServerConfig, StoreResult};
use dlms_cosem_rs::xdlms::{ActionResult as PeerAction, DataAccessResult, SelectiveAccess};
use ferraris_dlms::apdu::{AccessSpec, ActionResult, Item};
use ferraris_dlms::client::{
    Client, ClientError, Command, Credentials, Framing, Outcome, Patience, SessionKey, Settings,
};
use ferraris_dlms::initiate::Conformance;
use ferraris_dlms::security::{Challenge, Dialect, Key, Keys, Protection, Suite};

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
                let rows = selection.map_or(Ok(0..400), |it| selected(&it).ok_or(DataAccessResult::TypeUnmatched))?;
                out.write_u8(1).map_err(full)?;
                out.write_length(rows.len()).map_err(full)?;
                rows.into_iter()
                    .try_for_each(|row| Data::DoubleLongUnsigned(row).encode(out).map_err(full))
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

/// The rows that are asked for, as the peer reads it: by entry, or by range, where row n is of minute n.
fn selected(selection: &SelectiveAccess<'_>) -> Option<core::ops::Range<u32>> {
    let parameters: Vec<_> = selection
        .parameters
        .as_structure()?
        .iter()
        .collect::<Result<_, _>>()
        .ok()?;
    let minute = |it: &Data<'_>| {
        let octets = it.as_bytes()?;
        Some(u32::from(*octets.get(5)?) * 60 + u32::from(*octets.get(6)?))
    };
    let [first, second, third, _] = &parameters[..] else {
        return None;
    };
    match selection.selector {
        1 => Some(minute(second)?..minute(third)? + 1),
        2 => Some(u32::try_from(first.as_u64()?).ok()? - 1..u32::try_from(second.as_u64()?).ok()?),
        _ => None,
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

fn foreign(mechanism: AuthMechanism, ciphered: bool) -> Foreign {
    let config = ServerConfig {
        system_title: Some(SystemTitle::new(*b"MMM\x00\x00\xbcaN")),
        mechanism,
        password: Some(Secret::new(PASSWORD).expect("it is short")),
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

/// Rows 11 to 14, and those of one o'clock to two o'clock.
const BY_ENTRY: &[u8] = &[2, 4, 6, 0, 0, 0, 11, 6, 0, 0, 0, 14, 0x12, 0, 1, 0x12, 0, 0];
const BY_RANGE: &[u8] = b"\x02\x04\x02\x04\x12\x00\x08\x09\x06\x00\x00\x01\x00\x00\xFF\x0F\x02\x12\x00\x00\
    \x09\x0C\x07\xEA\x0B\x1C\x06\x01\x00\x00\x00\xFF\xC4\x00\x09\x0C\x07\xEA\x0B\x1C\x06\x02\x00\x00\x00\xFF\xC4\x00\x01\x00";

// interop: their meter | no mechanism | dlms-cosem-rs
// interop: their meter | LLS | dlms-cosem-rs
// interop: their meter | HLS 5 | dlms-cosem-rs
// interop: their meter | glo | dlms-cosem-rs
// interop: their meter | blocks of a service | dlms-cosem-rs
// interop: their meter | lists | dlms-cosem-rs
// interop: their meter | short PDUs | dlms-cosem-rs
// interop: their meter | profile whole | dlms-cosem-rs
// interop: their meter | profile by entry | dlms-cosem-rs
// interop: their meter | profile by range | dlms-cosem-rs
#[test]
fn our_client_reads_writes_and_invokes_a_foreign_rust_server() {
    let (encryption, authentication) = (
        Key::new(&ENCRYPTION).expect("16"),
        Key::new(&AUTHENTICATION).expect("16"),
    );
    for mechanism in [AuthMechanism::None, AuthMechanism::Low, AuthMechanism::HighGmac] {
        let ciphered = mechanism == AuthMechanism::HighGmac;
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
                false if mechanism == AuthMechanism::Low => Settings {
                    credentials: Credentials::Password(PASSWORD),
                    ..plain
                },
                false => plain,
            };
            let patience = Patience {
                answer: Micros::from_secs(5),
                retries: 0,
            };
            let mut lent = vec![0; 8192];
            let mut client = Client::new(settings, Framing::Wrapper, patience, 1, &mut lent);
            let mut server = foreign(mechanism, ciphered);
            let story = format!("{mechanism:?}, PDUs of {receive_max}");
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
            for (selector, parameters, expected) in [
                (2, BY_ENTRY, [1, 4, 6, 0, 0, 0, 10]),
                (1, BY_RANGE, [1, 61, 6, 0, 0, 0, 60]),
            ] {
                let selection = Selection::Selected { selector, parameters };
                run(&mut client, &mut server, Command::Get(item(7, "1-0:99.1.0", selection))).expect("it is read");
                let Some(Outcome::Value(Ok(rows))) = client.outcome() else {
                    panic!("{story}: {:?}", client.outcome())
                };
                let count = usize::from(expected[1]);
                assert_eq!((rows.len(), &rows[..7]), (2 + count * 5, &expected[..]), "{story}");
            }

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

/// Our client associates with the foreign server, in suite 0 unless it is `plain`; answers with what came of it.
fn associated<'k>(
    settings: &Settings<'k>,
    plain: bool,
    password: Option<&'k [u8]>,
    lent: &'k mut [u8],
) -> (Client<'k>, Foreign, Result<(), ClientError>) {
    let credentials = match (plain, password) {
        (true, _) => Credentials::None,
        (false, Some(password)) => Credentials::Password(password),
        (false, None) => Credentials::Gmac(Challenge::new(b"K56iVagY").expect("8 octets")),
    };
    let mechanism = match credentials {
        Credentials::None => AuthMechanism::None,
        Credentials::Password(_) => AuthMechanism::Low,
        _ => AuthMechanism::HighGmac,
    };
    let settings = Settings {
        credentials,
        ..settings.clone()
    };
    let patience = Patience {
        answer: Micros::from_secs(5),
        retries: 0,
    };
    let mut client = Client::new(settings, Framing::Wrapper, patience, 1, lent);
    let mut server = foreign(mechanism, mechanism == AuthMechanism::HighGmac);
    let outcome = run(&mut client, &mut server, Command::Associate);
    (client, server, outcome)
}

// interop: their meter | ded | dlms-cosem-rs
// interop: their meter | general-glo | dlms-cosem-rs
// interop: their meter | general-ded | dlms-cosem-rs
// interop: their meter | ACCESS | dlms-cosem-rs
// interop: their meter | general blocks | dlms-cosem-rs
// interop: their meter | a wrong password | dlms-cosem-rs
#[test]
fn our_client_uses_the_forms_and_access_of_a_foreign_rust_server() {
    let (encryption, authentication, dedicated) = (
        Key::new(&ENCRYPTION).expect("16"),
        Key::new(&AUTHENTICATION).expect("16"),
        Key::new(&[7; 16]).expect("16"),
    );
    let keys = Keys {
        suite: Suite::Zero,
        encryption: &encryption,
        authentication: &authentication,
    };
    let plain = Settings {
        receive_max: 300,
        ..Settings::public(16, 1, EVERYTHING)
    };
    let sealed = plain.clone().ciphered(CLIENT_TITLE, keys, Protection::BOTH);
    for (dedicated, general) in [
        (None, false),
        (None, true),
        (Some(&dedicated), false),
        (Some(&dedicated), true),
    ] {
        for is_plain in [false, true] {
            if is_plain && (general || dedicated.is_some()) {
                continue;
            }
            let settings = match is_plain {
                true => plain.clone(),
                false => Settings {
                    dedicated,
                    general,
                    ..sealed.clone()
                },
            };
            let story = format!("plain {is_plain}, dedicated {}, general {general}", dedicated.is_some());
            let mut lent = vec![0; 8192];
            let (mut client, mut server, outcome) = associated(&settings, is_plain, None, &mut lent);
            assert_eq!(outcome, Ok(()), "{story}");
            // It grants no general blocks, so what is long comes in those of GET.
            assert!(
                !client.conformance().has(Conformance::GENERAL_BLOCK_TRANSFER),
                "{story}"
            );
            run(
                &mut client,
                &mut server,
                Command::Get(item(7, "1-0:99.1.0", Selection::Whole)),
            )
            .expect("it is read");
            let Some(Outcome::Value(Ok(rows))) = client.outcome() else {
                panic!("{story}: {:?}", client.outcome())
            };
            assert_eq!(rows.len(), 4 + 400 * 5, "{story}");

            let energy = item(3, "1-0:1.8.0", Selection::Whole);
            let wanted: [(AccessSpec<'_>, &[u8]); 4] = [
                (AccessSpec::Get(energy), &[0]),
                (AccessSpec::Get(item(3, "9-9:9.9.9", Selection::Whole)), &[0]),
                (AccessSpec::Set(energy), &[6, 0, 0, 0, 9]),
                (
                    AccessSpec::Act(Method::new(70, Obis::new("0-0:96.3.10"), 1)),
                    &[0x0F, 0],
                ),
            ];
            let access = Command::Access {
                wanted: &wanted,
                break_on_error: false,
            };
            run(&mut client, &mut server, access).expect("it is answered");
            let Some(Outcome::Accessed(response)) = client.outcome() else {
                panic!("{story}: {:?}", client.outcome())
            };
            let results: Vec<_> = response
                .iter()
                .map(|(value, _, result)| (value.to_vec(), result))
                .collect();
            let read = vec![6, 0, 0xBC, 0x61, 0x4E];
            assert_eq!(
                results,
                [(read, 0), (vec![0], 4), (vec![0], 0), (vec![0], 0)],
                "{story}"
            );
            assert_eq!((server.store().energy, server.store().closed), (9, false), "{story}");
            run(&mut client, &mut server, Command::Release).expect("it is released");
        }
    }
    let mut lent = vec![0; 8192];
    let (_, _, outcome) = associated(&plain, false, Some(b"wrong-one"), &mut lent);
    assert!(matches!(outcome, Err(ClientError::Refused { .. })), "{outcome:?}");
}

// interop: their meter | general-ciphering, identified key | dlms-cosem-rs
// interop: their meter | general-ciphering, wrapped key | dlms-cosem-rs
// interop: their meter | another mechanism | dlms-cosem-rs
#[test]
fn our_client_tries_general_ciphering_and_another_mechanism_on_a_foreign_rust_server() {
    let (encryption, authentication, other) = (
        Key::new(&ENCRYPTION).expect("16"),
        Key::new(&AUTHENTICATION).expect("16"),
        Key::new(&[7; 16]).expect("16"),
    );
    let keys = Keys {
        suite: Suite::Zero,
        encryption: &encryption,
        authentication: &authentication,
    };
    let wrapped = SessionKey::Wrapped {
        master: &other,
        key: &other,
    };
    let plain = Settings::public(16, 1, EVERYTHING);
    let energy = Command::Get(item(3, "1-0:1.8.0", Selection::Whole));
    // The server authenticates no header of general-ciphering, and knows no key that comes with a message.
    for (session_key, header_authenticated, opened) in [
        (SessionKey::Identified, false, true),
        (SessionKey::Identified, true, false),
        (wrapped, false, false),
    ] {
        let settings = Settings {
            session_key: Some(session_key),
            dialect: Dialect {
                header_authenticated,
                ..Dialect::STANDARD
            },
            ..plain.clone().ciphered(CLIENT_TITLE, keys, Protection::BOTH)
        };
        let mut lent = vec![0; 8192];
        let (mut client, mut server, outcome) = associated(&settings, false, None, &mut lent);
        if !opened {
            assert!(outcome.is_err(), "the server opens it now: {outcome:?}");
            continue;
        }
        assert_eq!(outcome, Ok(()));
        run(&mut client, &mut server, energy).expect("it is read");
        let expected: &[u8] = &[6, 0, 0xBC, 0x61, 0x4E];
        assert_eq!(client.outcome(), Some(Outcome::Value(Ok(expected))));
    }
    let patience = Patience {
        answer: Micros::from_secs(5),
        retries: 0,
    };
    let mut lent = vec![0; 8192];
    let settings = plain.with_password(PASSWORD);
    let mut client = Client::new(settings, Framing::Wrapper, patience, 1, &mut lent);
    let outcome = run(
        &mut client,
        &mut foreign(AuthMechanism::HighGmac, true),
        Command::Associate,
    );
    assert!(matches!(outcome, Err(ClientError::Refused { .. })), "{outcome:?}");
}
