//! The meter read by a client that we did not write, without a socket: the crate `dlms-cosem-rs`. The other clients are
//! processes of their own (`interop/`); what each of them is asked for stands in `docs/interop.md`.

extern crate std;

use std::println;
use std::vec::Vec;

use base::Micros;
use dlms::server::Link;
use dlms_cosem_rs::acse::AuthMechanism;
use dlms_cosem_rs::axdr::{Data, DateTime};
use dlms_cosem_rs::client::{AccessItem, AssociationStep, BlockCollector, ClientConfig, ClientSession, Response};
use dlms_cosem_rs::codec::{Decode as _, Encode as _, Reader, Result as PeerResult, SliceWriter, Writer as _};
use dlms_cosem_rs::cosem::{EntryDescriptor, RangeDescriptor};
use dlms_cosem_rs::obis::Obis;
use dlms_cosem_rs::security::{
    Key, KeyRing, RandomSource, RustCryptoProvider, Secret, SecurityPolicy, SecuritySuite, SystemTitle,
};
use dlms_cosem_rs::xdlms::{
    AttributeDescriptor, Conformance, DataAccessResult, GbtAction, GbtReceiver, GeneralBlockTransfer, MethodDescriptor,
    SelectiveAccess,
};

use super::talker::CLIENT;
use super::{Bench, Life, start, vec};
use crate::Input;

const NAME: AttributeDescriptor = AttributeDescriptor::new(1, Obis::new(0, 0, 42, 0, 0, 255), 2);
const NOTHING: AttributeDescriptor = AttributeDescriptor::new(1, Obis::new(0, 0, 42, 0, 9, 255), 2);
const OBJECTS: AttributeDescriptor = AttributeDescriptor::new(15, Obis::new(0, 0, 40, 0, 0, 255), 2);
const BUFFER: AttributeDescriptor = AttributeDescriptor::new(7, Obis::new(1, 0, 99, 1, 0, 255), 2);
const TIME_ZONE: AttributeDescriptor = AttributeDescriptor::new(8, Obis::new(0, 0, 1, 0, 0, 255), 3);
const SHIFT_TIME: MethodDescriptor = MethodDescriptor::new(8, Obis::new(0, 0, 1, 0, 0, 255), 6);

/// What the peer proposes: all that its client drives.
const SERVICES: Conformance = Conformance::CLIENT_DEFAULT;
/// The same with general blocks in place of those of a service.
const GENERAL_BLOCKS: Conformance = SERVICES
    .difference(Conformance::BLOCK_TRANSFER_WITH_GET_OR_READ)
    .difference(Conformance::BLOCK_TRANSFER_WITH_SET_OR_WRITE)
    .difference(Conformance::BLOCK_TRANSFER_WITH_ACTION)
    .union(Conformance::GENERAL_BLOCK_TRANSFER);

struct Chance;

impl RandomSource for Chance {
    fn fill(&self, out: &mut [u8]) -> PeerResult<()> {
        out.fill(0x5A);
        Ok(())
    }
}

/// The peer's client on a connection to the meter.
struct Foreign {
    session: ClientSession<RustCryptoProvider<Chance>>,
    link: Link,
    /// The tag of the last APDU that it sent.
    sent: u8,
}

/// How the associations are protected.
const NONE: SecurityPolicy = SecurityPolicy::NONE;
const GLOBAL: SecurityPolicy = SecurityPolicy::authenticated_encrypted(SecuritySuite::Suite0);
const DEDICATED: SecurityPolicy = GLOBAL.with_dedicated(true);

impl Foreign {
    /// A client with LLS, or with HLS 5 when it is to be protected.
    fn new(life: &Life, security: SecurityPolicy, conformance: Conformance, max_pdu_size: u16) -> Self {
        let ciphered = !security.is_none();
        let mut keys = KeyRing::new([0; 16], [0; 16]);
        if security.dedicated() {
            keys.set_dedicated(Key::new([7; 16]));
        }
        let config = ClientConfig {
            client_sap: 1,
            system_title: ciphered.then_some(SystemTitle::new(CLIENT)),
            mechanism: if ciphered {
                AuthMechanism::HighGmac
            } else {
                AuthMechanism::Low
            },
            password: Some(Secret::new(b"12345678").expect("it is short")),
            security,
            max_pdu_size,
            conformance,
            ..Default::default()
        };
        Self {
            session: ClientSession::new(config, RustCryptoProvider::with_rng(keys, Chance)),
            link: life.connect(),
            sent: 0,
        }
    }

    /// What the meter answers to an APDU, PDU by PDU.
    fn ask(&mut self, life: &mut Life, apdu: &[u8]) -> Vec<Vec<u8>> {
        self.sent = apdu[0];
        let mut frame = vec![0, 1, 0, 1, 0, 1];
        frame.extend(u16::try_from(apdu.len()).expect("it is short").to_be_bytes());
        frame.extend(apdu);
        let (frames, _told_by_the_answer) = life.hand(&mut self.link, &frame);
        frames.iter().map(|frame| frame[8..].to_vec()).collect()
    }

    fn associate(&mut self, life: &mut Life) {
        let mut request = [0; 1_024];
        let length = self.session.associate_request(&mut request).expect("it fits");
        let answer = self.ask(life, &request[..length]).concat();
        let step = self.session.handle_associate_response(&answer).expect("an AARE");
        if step == AssociationStep::HlsReplyRequired {
            let length = self.session.hls_reply_request(&mut request).expect("it fits");
            let answer = self.ask(life, &request[..length]).concat();
            let step = self.session.handle_hls_reply_response(&answer).expect("an answer");
            assert_eq!(step, AssociationStep::Established);
        } else {
            assert_eq!(step, AssociationStep::Established);
        }
    }

    /// The value of an attribute as its octets, put together from blocks when it is long.
    fn get(
        &mut self,
        life: &mut Life,
        what: AttributeDescriptor,
        access: Option<SelectiveAccess<'_>>,
    ) -> Result<Vec<u8>, DataAccessResult> {
        let (mut request, mut plain) = ([0; 1_024], vec![0; 65_536]);
        let length = self.session.get_request(what, access, &mut request).expect("it fits");
        let mut answer = self.whole(life, &request[..length]);
        let mut storage = vec![0; 65_536];
        let mut blocks = BlockCollector::new(&mut storage);
        loop {
            match self.session.handle_response(&answer, &mut plain).expect("an answer") {
                Response::Data(value) => return Ok(encoded(&value)),
                Response::DataError(why) => return Err(why),
                Response::Block { last, number, data } => {
                    blocks.push(number, data).expect("the block that is due");
                    if last {
                        return Ok(blocks.bytes().to_vec());
                    }
                    let length = self
                        .session
                        .get_next_block_request(number, &mut request)
                        .expect("it fits");
                    answer = self.ask(life, &request[..length]).concat();
                }
                other => panic!("not a value: {other:?}"),
            }
        }
    }

    /// The whole answer to a request; when it comes in general blocks, by the peer's receiver of them.
    fn whole(&mut self, life: &mut Life, request: &[u8]) -> Vec<u8> {
        let mut answers = self.ask(life, request);
        if answers[0][0] != 0xE0 {
            return answers.concat();
        }
        let request_tag = self.sent;
        let mut storage = vec![0; 65_536];
        let mut receiver = GbtReceiver::new(&mut storage);
        for _ in 0..2_000 {
            let mut action = GbtAction::Await;
            for pdu in &answers {
                let block = GeneralBlockTransfer::decode(&mut Reader::new(&pdu[1..])).expect("a block");
                action = receiver.push(&block).expect("there is room");
            }
            if action == GbtAction::Complete {
                self.sent = request_tag;
                return receiver.apdu().to_vec();
            }
            let mut acknowledgement = [0xE0; 16];
            let length = receiver.acknowledgement(1, &mut acknowledgement[1..]).expect("it fits");
            answers = self.ask(life, &acknowledgement[..1 + length]);
            assert!(!answers.is_empty(), "the meter goes on with what was acknowledged");
        }
        panic!("the blocks have no end")
    }

    fn release(mut self, life: &mut Life) {
        let (mut request, mut plain) = ([0; 1_024], [0; 1_024]);
        let length = self.session.release_request(&mut request).expect("it fits");
        let answer = self.ask(life, &request[..length]).concat();
        self.session.handle_response(&answer, &mut plain).expect("an RLRE");
    }
}

/// A value as the peer writes it.
fn encoded(value: &Data<'_>) -> Vec<u8> {
    let mut out = vec![0; 65_536];
    let mut writer = SliceWriter::new(&mut out);
    value.encode(&mut writer).expect("there is room");
    let length = writer.written();
    out.truncate(length);
    out
}

/// The rows of a profile: the values of each, as octets.
fn rows(buffer: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let value = Data::from_bytes(buffer).expect("the peer reads it");
    let rows = value.as_array().expect("an array");
    let cells = |row: Data<'_>| {
        let row = row.as_structure().expect("a row");
        row.iter().map(|cell| encoded(&cell.expect("a value"))).collect()
    };
    rows.iter().map(|row| cells(row.expect("a row"))).collect()
}

fn begin() -> Life {
    Life::begin(Bench::new(), Some(start())).0
}

// interop: our meter | no mechanism | dlms-cosem-rs
// interop: our meter | LLS | dlms-cosem-rs
// interop: our meter | HLS 5 | dlms-cosem-rs
// interop: our meter | glo | dlms-cosem-rs
// interop: our meter | ded | dlms-cosem-rs
// interop: our meter | blocks of a service | dlms-cosem-rs
#[test]
fn a_foreign_client_reads_plain_by_glo_and_by_ded() {
    for (security, tag) in [(NONE, 0xC0), (GLOBAL, 0xC8), (DEDICATED, 0xD0)] {
        let mut life = begin();
        let mut foreign = Foreign::new(&life, security, SERVICES, 512);
        foreign.associate(&mut life);
        let name = foreign.get(&mut life, NAME, None).expect("it is read");
        assert_eq!((foreign.sent, name[..5].to_vec()), (tag, b"\x09\x10FRR".to_vec()));
        let missing = foreign.get(&mut life, NOTHING, None);
        assert_eq!(missing, Err(DataAccessResult::ObjectUndefined));
        let objects = foreign.get(&mut life, OBJECTS, None).expect("it is read");
        let listed = Data::from_bytes(&objects).expect("the peer reads it");
        assert!(300 < listed.as_array().expect("an array").len());
        foreign.release(&mut life);
    }
}

// interop: our meter | ACCESS | dlms-cosem-rs
// interop: our meter | general-glo | dlms-cosem-rs
// interop: our meter | general-ded | dlms-cosem-rs
#[test]
fn a_foreign_client_reads_writes_and_invokes_in_one_access() {
    for (security, tag) in [(NONE, 0xD9), (GLOBAL, 0xDB), (DEDICATED, 0xDC)] {
        let mut life = begin();
        let mut foreign = Foreign::new(&life, security, SERVICES, 512);
        foreign.associate(&mut life);
        let get = |descriptor| AccessItem::Get {
            descriptor,
            access: None,
        };
        let items = [
            get(NAME),
            get(NOTHING),
            AccessItem::Set {
                descriptor: TIME_ZONE,
                access: None,
                value: Data::Long(-60),
            },
            AccessItem::Action {
                descriptor: SHIFT_TIME,
                parameters: Some(Data::Long(0)),
            },
        ];
        let (mut request, mut plain) = ([0; 1_024], [0; 1_024]);
        let length = foreign.session.access_request(&items, &mut request).expect("it fits");
        if security.is_none() {
            // It says with bit 29 of the long invoke id that it waits for an answer, where the standard has bit 30.
            assert_eq!(request[1], 0x20, "it says it rightly now");
            request[1] = 0x40;
        }
        let answer = foreign.ask(&mut life, &request[..length]).concat();
        assert_eq!(foreign.sent, tag);
        if !security.is_none() {
            // So what it seals is done, and not answered.
            assert_eq!(answer, []);
            let zone = foreign.get(&mut life, TIME_ZONE, None);
            assert_eq!(zone, Ok(encoded(&Data::Long(-60))), "it was written");
            foreign.release(&mut life);
            continue;
        }
        let Response::Access { data, results } =
            foreign.session.handle_response(&answer, &mut plain).expect("it is one")
        else {
            panic!("not of ACCESS: {answer:02X?}")
        };
        let first = data.iter().next().expect("four values").expect("a value");
        assert!(first.as_bytes().expect("an octet-string").starts_with(b"FRR"));
        let said: Vec<_> = results
            .iter()
            .map(|it| std::format!("{:?}", it.expect("a result")))
            .collect();
        println!("{said:?}");
        assert_eq!(said.iter().filter(|it| it.contains("Success")).count(), 3, "{said:?}");
        assert!(said[1].contains("ObjectUndefined"), "{said:?}");
        let zone = foreign.get(&mut life, TIME_ZONE, None);
        assert_eq!(zone, Ok(encoded(&Data::Long(-60))), "it was written");
        foreign.release(&mut life);
    }
}

// interop: our meter | general blocks | dlms-cosem-rs
#[test]
fn a_foreign_client_takes_general_blocks() {
    for (security, size) in [(NONE, 64), (NONE, 512), (GLOBAL, 64), (DEDICATED, 64)] {
        let mut life = begin();
        let mut foreign = Foreign::new(&life, security, GENERAL_BLOCKS, size);
        foreign.associate(&mut life);
        // What is sealed is sealed whole, so it may have 2 kB.
        let what = if security.is_none() {
            OBJECTS
        } else {
            AttributeDescriptor::new(7, BUFFER.instance_id, 3)
        };
        let mut plain = Foreign::new(&life, NONE, SERVICES, 512);
        plain.associate(&mut life);
        let expected = plain.get(&mut life, what, None).expect("it is read");
        assert!(usize::from(size) < expected.len(), "it needs blocks");
        plain.release(&mut life);
        assert_eq!(foreign.get(&mut life, what, None), Ok(expected), "{size}");
        foreign.release(&mut life);
    }
}

// interop: our meter | profile whole | dlms-cosem-rs
// interop: our meter | profile by entry | dlms-cosem-rs
// interop: our meter | profile by range | dlms-cosem-rs
#[test]
fn a_foreign_client_reads_a_profile_whole_by_entry_and_by_range() {
    let mut life = begin();
    for row in 0..20 {
        life.measure(600 * (row % 7)).expect("a good step");
        life.now = life.now + Micros::from_secs(900);
        life.step(Input::Tick).expect("a good step");
    }
    for security in [NONE, GLOBAL] {
        let mut foreign = Foreign::new(&life, security, SERVICES, 256);
        foreign.associate(&mut life);
        let all = rows(&foreign.get(&mut life, BUFFER, None).expect("it is read"));
        assert!(15 < all.len(), "{} rows", all.len());
        let width = u16::try_from(all[0].len()).expect("few");
        for (from_entry, to_entry, from_value, to_value) in [(1, 0, 1, 0), (3, 7, 1, 0), (2, 9, 2, width), (5, 5, 1, 1)]
        {
            let mut space = [0; 128];
            let entry = EntryDescriptor {
                from_entry,
                to_entry,
                from_value,
                to_value,
            };
            let access = entry.to_selective_access(&mut space).expect("there is room");
            let some = rows(&foreign.get(&mut life, BUFFER, Some(access)).expect("it is read"));
            let last = if to_entry == 0 { all.len() } else { to_entry as usize };
            let right = usize::from(if to_value == 0 { width } else { to_value });
            let cut = |row: &Vec<Vec<u8>>| row[usize::from(from_value) - 1..right].to_vec();
            let expected: Vec<_> = all[from_entry as usize - 1..last].iter().map(cut).collect();
            assert_eq!(some, expected, "{entry:?}");
        }
        let time = |row: usize| {
            let octets = &all[row][0][2..];
            DateTime::from_bytes(octets.try_into().expect("12 octets"))
        };
        for (first, last) in [(0, 0), (2, 6), (0, all.len() - 1)] {
            let mut space = [0; 128];
            let range = RangeDescriptor::by_clock(time(first), time(last));
            let access = range.to_selective_access(&mut space).expect("there is room");
            let some = rows(&foreign.get(&mut life, BUFFER, Some(access)).expect("it is read"));
            assert_eq!(some, all[first..=last], "{first} to {last}");
        }
        foreign.release(&mut life);
    }
}

// interop: our meter | HLS 2 | dlms-cosem-rs
// interop: our meter | HLS 3 | dlms-cosem-rs
// interop: our meter | HLS 4 | dlms-cosem-rs
// interop: our meter | HLS 6 | dlms-cosem-rs
// interop: our meter | HLS 7 | dlms-cosem-rs
/// What the peer has not; when this fails, it has it, and a test of it can take this one's place.
#[test]
fn what_the_foreign_client_has_not() {
    use AuthMechanism::{HighEcdsa, HighManufacturer, HighMd5, HighSha1, HighSha256};
    let life = begin();
    let named = [
        (2, HighManufacturer),
        (3, HighMd5),
        (4, HighSha1),
        (6, HighSha256),
        (7, HighEcdsa),
    ];
    for (number, mechanism) in named {
        let mut foreign = Foreign::new(&life, GLOBAL, SERVICES, 512);
        let config = ClientConfig {
            client_sap: 1,
            system_title: Some(SystemTitle::new(CLIENT)),
            mechanism,
            ..Default::default()
        };
        let keys = KeyRing::new([0; 16], [0; 16]);
        foreign.session = ClientSession::new(config, RustCryptoProvider::with_rng(keys, Chance));
        let mut request = [0; 1_024];
        foreign.session.associate_request(&mut request).expect("it asks for it");
        // An AARE that wants the reply: accepted, this mechanism, a challenge of 16 octets, an initiate response.
        let aare = super::hex(&std::format!(
            "6156 A109060760857405080101 A203020100 A305A10302010E A40A04084652520000000001 88020780 \
             8907608574050802{number:02X} AA1280104142434445464748 4142434445464748 BE10040E0800065F1F0400007E1F04B00007",
        ));
        let step = foreign.session.handle_associate_response(&aare).expect("an AARE");
        assert_eq!(step, AssociationStep::HlsReplyRequired);
        assert!(
            foreign.session.hls_reply_request(&mut request).is_err(),
            "{mechanism:?}"
        );
    }
}
