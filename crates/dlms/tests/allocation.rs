//! The server allocates nothing, whatever it is asked: a counting allocator watches it.

use base::{Instant, Micros};
use cosem::axdr::Writer;
use cosem::{AccessError, ActionError, Attribute, Cursor, Method, Returned, Selection, Step};
use ferraris_dlms::acse::{Diagnostic, Mechanism};
use ferraris_dlms::initiate::Conformance;
use ferraris_dlms::security::{Dialect, KeySet, Keys, Policy, Title};
use ferraris_dlms::server::{Application, Caller, Exhausted, Profile, Proposal, Replay, SecurityEvent, WrapperLink};

/// A device that allocates nothing itself.
struct Still;

impl Application for Still {
    fn admit(&self, _: Proposal) -> Result<Profile, Diagnostic> {
        Ok(Profile {
            policy: Policy::NONE,
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
        None
    }

    fn expects_title(&self, _: u16, _: &Title) -> bool {
        true
    }

    fn next_counter(&mut self, _: u16) -> Result<u32, Exhausted> {
        Err(Exhausted)
    }

    fn last_counter(&self, _: u16, _: KeySet) -> Option<u32> {
        None
    }

    fn accept_counter(&mut self, _: u16, _: KeySet, _: u32) -> Result<(), Replay> {
        Err(Replay)
    }

    fn entropy(&mut self, out: &mut [u8]) {
        out.fill(1);
    }

    fn observe(&mut self, _: u16, _: SecurityEvent) {}

    fn get(
        &mut self,
        _: &Caller,
        _: Attribute,
        _: Selection<'_>,
        cursor: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError> {
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
    let (mut device, mut answers) = (Still, 0_u32);
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
