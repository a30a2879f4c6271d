//! The server allocates nothing, whatever it is asked: a counting allocator watches it.

use base::{Instant, Micros};
use cosem::axdr::Writer;
use cosem::buffer::{RowForm, put_row};
use cosem::{AccessError, ActionError, Attribute, Cursor, Method, Obis, Returned, Selection, Step};
use ferraris_dlms::acse::{Diagnostic, Mechanism};
use ferraris_dlms::apdu::Item;
use ferraris_dlms::client::{Client, Command, Credentials, Framing, Outcome, Patience, Settings};
use ferraris_dlms::initiate::Conformance;
use ferraris_dlms::security::{Challenge, Dialect, Key, KeySet, Keys, Policy, Protection, Suite, Title};
use ferraris_dlms::server::{Application, Caller, Exhausted, Profile, Proposal, Replay, SecurityEvent, WrapperLink};

/// A device that allocates nothing itself. With keys it wants everything sealed.
#[derive(Default)]
struct Still {
    keys: Option<[Key; 2]>,
    /// The numbers of the last message that it sent, and that it heard.
    sent: u32,
    heard: u32,
}

/// Rows of the buffer (class 7) that it shows.
const ROWS: u8 = 200;

/// A row of a clock, a status and four registers, in plain values.
fn row(number: u8) -> [u8; 36] {
    let mut row = [0; 36];
    let head = [
        0x09,
        12,
        7,
        0xEA,
        7,
        1,
        3,
        number / 4,
        15 * (number % 4),
        0,
        0,
        0xFF,
        0x88,
        0,
        0x11,
        8,
    ];
    row[..16].copy_from_slice(&head);
    for (at, place) in row[16..].chunks_mut(5).enumerate() {
        place[0] = 0x06;
        place[4] = number.wrapping_mul(u8::try_from(at).unwrap_or(0));
    }
    row
}

impl Application for Still {
    fn admit(&self, _: Proposal) -> Result<Profile, Diagnostic> {
        Ok(Profile {
            policy: if self.keys.is_some() {
                Policy::BOTH
            } else {
                Policy::NONE
            },
            conformance: Conformance::from_octets([0xFF, 0xFF, 0xFF]),
            receive_max: 1_024,
            dialect: Dialect::STANDARD,
        })
    }

    fn system_title(&self) -> Title {
        *b"STILL\0\0\x01"
    }

    fn secret(&self, _: u16, _: Mechanism) -> Option<&[u8]> {
        None
    }

    fn keys(&self, _: u16, _: KeySet) -> Option<Keys<'_>> {
        self.keys.as_ref().map(|[encryption, authentication]| Keys {
            suite: Suite::Zero,
            encryption,
            authentication,
        })
    }

    fn expects_title(&self, _: u16, _: &Title) -> bool {
        true
    }

    fn next_counter(&mut self, _: u16) -> Result<u32, Exhausted> {
        self.sent += 1;
        Ok(self.sent)
    }

    fn last_counter(&self, _: u16, _: KeySet) -> Option<u32> {
        Some(self.heard)
    }

    fn accept_counter(&mut self, _: u16, _: KeySet, number: u32) -> Result<(), Replay> {
        self.heard = number;
        Ok(())
    }

    fn entropy(&mut self, out: &mut [u8]) {
        out.fill(1);
    }

    fn observe(&mut self, _: u16, _: SecurityEvent) {}

    fn get(
        &mut self,
        _: &Caller,
        what: Attribute,
        _: Selection<'_>,
        cursor: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError> {
        if what.class_id == 7 {
            let [number, ..] = &mut cursor.words;
            let at = u8::try_from(*number).unwrap_or(ROWS);
            if at == 0 {
                out.array(usize::from(ROWS))?;
            }
            out.structure(6)?;
            let before = at.checked_sub(1).map(row);
            put_row(
                RowForm::Delta,
                &row(at),
                before.as_ref().map(<[u8; 36]>::as_slice),
                None,
                out,
            )?;
            *number += 1;
            return Ok(if at + 1 == ROWS { Step::Done } else { Step::More });
        }
        if cursor.step == 0 {
            out.put(&[0x09, 0x82, 0x04, 0x00])?;
        }
        out.put(&[0x55; 256])?;
        Ok(if cursor.step == 3 { Step::Done } else { Step::More })
    }

    fn set(&mut self, _: &Caller, _: Attribute, _: Selection<'_>, _: &[u8]) -> Result<(), AccessError> {
        Ok(())
    }

    fn invoke(
        &mut self,
        _: &Caller,
        _: Method,
        _: Option<&[u8]>,
        out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        out.put(&[0x11, 1]).map_err(|_| ActionError::OtherReason)?;
        Ok(Returned::Data)
    }
}

fn wrapped(hex: &str) -> Vec<u8> {
    let hex: Vec<u8> = hex.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let digit = |octet: u8| u8::try_from(char::from(octet).to_digit(16).expect("a hex digit")).expect("small");
    let pdu: Vec<u8> = hex.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let length = u16::try_from(pdu.len()).expect("short");
    [[1, 16, 1, length].map(u16::to_be_bytes).concat(), pdu].concat()
}

/// Issue 5, speed and size: no allocation per request.
#[test]
fn requests_allocate_nothing() {
    let requests: Vec<_> = [
        "601DA109060760857405080101BE10040E01000000065F1F0400FFFFFF0100",
        "C001C1 0003 0100010800FF 02 00",
        "C002C1 00000001",
        "C003C1 02 0003 0100010800FF 02 00 0003 0100020800FF 02 00",
        "C101C1 0003 0100010800FF 02 00 0600000001",
        "C102C1 0003 0100010800FF 02 00 00 00000001 03 060000",
        "C103C1 01 00000002 02 0001",
        "C301C1 0009 00000A0000FF 01 01 0F00",
        "D9C0000001 00 02 01 0003 0100010800FF 02 03 0009 00000A0000FF 01 02 00 00",
        "E081000100000D C001C1 0003 0100010800FF 02 00",
        "E0880002000100",
        "FF",
        "6200",
    ]
    .iter()
    .map(|hex| wrapped(hex))
    .collect();
    let mut link: WrapperLink = WrapperLink::new(Instant::START, Micros::MAX);
    let (mut device, mut answers) = (Still::default(), 0_u32);
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            for request in &requests {
                let taken = link.receive(Instant::START, request, &mut device, &mut |_| answers += 1);
                assert_eq!(taken, Ok(()));
            }
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert!(1_200 <= answers, "{answers}");
    // The counter counts.
    let one = allocation_counter::measure(|| drop(core::hint::black_box(vec![answers; 8])));
    assert_eq!(one.count_total, 1);
}

/// What is under way between client and server, in a place of its own.
struct Wire {
    octets: [u8; 8_192],
    length: usize,
}

impl Wire {
    const fn new() -> Self {
        Self {
            octets: [0; 8_192],
            length: 0,
        }
    }

    fn put(&mut self, octets: &[u8]) {
        self.octets[self.length..][..octets.len()].copy_from_slice(octets);
        self.length += octets.len();
    }

    fn take(&mut self) -> &[u8] {
        &self.octets[..core::mem::take(&mut self.length)]
    }
}

/// Issue 5, speed and size: neither do sealed requests, associations with challenges and rows of a buffer as differences; the client allocates
/// nothing either.
#[test]
fn sealed_requests_and_rows_allocate_nothing() {
    let key = |octet: u8| Key::new(&[octet; 16]).expect("16 octets");
    let (encryption, authentication) = (key(1), key(2));
    let keys = Keys {
        suite: Suite::Zero,
        encryption: &encryption,
        authentication: &authentication,
    };
    let services = Conformance::GET
        .with(Conformance::BLOCKS_WITH_GET)
        .with(Conformance::ACTION);
    let settings = Settings {
        credentials: Credentials::Gmac(Challenge::new(b"K56iVagY").expect("8 octets")),
        receive_max: 512,
        ..Settings::public(1, 1, services).ciphered(*b"CLIENT\0\x01", keys, Protection::BOTH)
    };
    let mut lent = vec![0; 16_384];
    let patience = Patience {
        answer: Micros::from_secs(2),
        retries: 0,
    };
    let mut client = Client::new(settings, Framing::Wrapper, patience, 1, &mut lent);
    let mut link: WrapperLink = WrapperLink::new(Instant::START, Micros::MAX);
    let mut device = Still {
        keys: Some([key(1), key(2)]),
        ..Still::default()
    };
    let item = |class_id: u16, name: &str| Item {
        attribute: Attribute::new(class_id, Obis::new(name), 2),
        selection: Selection::Whole,
    };
    let (one, buffer) = (item(3, "1-0:1.8.0"), item(7, "1-0:99.1.0"));
    let (mut up, mut down) = (Wire::new(), Wire::new());
    let mut octets = 0;
    let counted = allocation_counter::measure(|| {
        for command in [
            Command::Associate,
            Command::Get(one),
            Command::Get(buffer),
            Command::Release,
        ] {
            for _ in 0..if matches!(command, Command::Get(_)) { 20 } else { 1 } {
                client
                    .start(Instant::START, command, &mut |it| up.put(it))
                    .expect("it asks");
                loop {
                    let taken = link.receive(Instant::START, up.take(), &mut device, &mut |it| down.put(it));
                    assert_eq!(taken, Ok(()));
                    let done = client.receive(Instant::START, down.take(), &mut |it| up.put(it));
                    if done.expect("the meter speaks the protocol") {
                        break;
                    }
                }
                if let Some(Outcome::Value(Ok(value))) = client.outcome() {
                    octets += value.len();
                }
            }
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
    // 20 values of a kilobyte, and 20 buffers of 200 rows.
    assert!(20 * 1_028 + 20 * 200 * 10 < octets, "{octets}");
}
