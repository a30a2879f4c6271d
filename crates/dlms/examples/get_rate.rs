//! How long one GET of a register takes from octets to octets: `cargo run --release -p ferraris-dlms --example
//! get_rate`.
//!
//! One core, no socket: wrapped requests go into a link and the answers are counted. The device behind it holds one
//! register.

use std::time::Instant as Clock;

use base::{Instant, Micros};
use cosem::axdr::Writer;
use cosem::{AccessError, ActionError, Attribute, Cursor, Method, Returned, Selection, Step};
use ferraris_dlms::acse::{AssociationRequest, Context, Diagnostic, Mechanism};
use ferraris_dlms::initiate::{Conformance, InitiateRequest, VERSION};
use ferraris_dlms::security::{Dialect, Envelope, HEADROOM, Key, KeySet, Keys, Policy, Protection, Suite, Title, seal};
use ferraris_dlms::server::{
    Application, Caller, Exhausted, Link, Profile, Proposal, Replay, SecurityEvent, WrapperLink,
};
use ferraris_dlms::wrapper::Header;

/// A meter with one register.
struct Register {
    key: Key,
    sent: u32,
    received: Option<u32>,
    watt_hours: u32,
}

impl Application for Register {
    fn admit(&self, proposal: Proposal) -> Result<Profile, Diagnostic> {
        let policy = if proposal.context == Context::Ciphered {
            Policy::BOTH
        } else {
            Policy::NONE
        };
        Ok(Profile {
            policy,
            conformance: Conformance::GET,
            receive_max: 1024,
            dialect: Dialect::STANDARD,
        })
    }

    fn system_title(&self) -> Title {
        *b"FER\0\0\0\0\x01"
    }

    fn secret(&self, _client: u16, _mechanism: Mechanism) -> Option<&[u8]> {
        Some(b"12345678")
    }

    fn keys(&self, _client: u16, _set: KeySet) -> Option<Keys<'_>> {
        Some(Keys {
            suite: Suite::Zero,
            encryption: &self.key,
            authentication: &self.key,
        })
    }

    fn expects_title(&self, _client: u16, _title: &Title) -> bool {
        true
    }

    fn next_counter(&mut self, _client: u16) -> Result<u32, Exhausted> {
        self.sent = self.sent.checked_add(1).ok_or(Exhausted)?;
        Ok(self.sent)
    }

    fn last_counter(&self, _client: u16, _set: KeySet) -> Option<u32> {
        self.received
    }

    fn accept_counter(&mut self, _client: u16, _set: KeySet, received: u32) -> Result<(), Replay> {
        if self.received.is_some_and(|last| received <= last) {
            return Err(Replay);
        }
        self.received = Some(received);
        Ok(())
    }

    fn entropy(&mut self, out: &mut [u8]) {
        out.fill(7);
    }

    fn observe(&mut self, _client: u16, _event: SecurityEvent) {}

    fn get(
        &mut self,
        _caller: &Caller,
        what: Attribute,
        _selection: Selection<'_>,
        _cursor: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError> {
        if what.class_id != 3 {
            return Err(AccessError::ObjectUndefined);
        }
        self.watt_hours = self.watt_hours.wrapping_add(1);
        out.value(self.watt_hours)?;
        Ok(Step::Done)
    }

    fn set(&mut self, _: &Caller, _: Attribute, _: Selection<'_>, _: &[u8]) -> Result<(), AccessError> {
        Err(AccessError::ReadWriteDenied)
    }

    fn invoke(&mut self, _: &Caller, _: Method, _: Option<&[u8]>, _: &mut Writer<'_>) -> Result<Returned, ActionError> {
        Err(ActionError::ReadWriteDenied)
    }
}

const TITLE: Title = *b"CLI\0\0\0\0\x02";
const GET: [u8; 13] = [0xC0, 1, 0xC1, 0, 3, 1, 0, 1, 8, 0, 0xFF, 2, 0];

/// `apdu` sealed for the meter, or plain without a counter.
fn pdu(apdu: &[u8], counter: Option<u32>, key: &Key) -> Vec<u8> {
    let mut buffer = [0; 256];
    let mut range = HEADROOM..HEADROOM + apdu.len();
    buffer[range.clone()].copy_from_slice(apdu);
    if let Some(counter) = counter {
        let keys = Keys {
            suite: Suite::Zero,
            encryption: key,
            authentication: key,
        };
        range = seal(
            &mut buffer,
            range,
            Envelope::Global,
            Protection::BOTH,
            keys,
            TITLE,
            counter,
        )
        .expect("there is room");
    }
    buffer[range].to_vec()
}

fn wrapped(pdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(pdu.len()).expect("short");
    [
        &Header {
            source: 1,
            destination: 1,
            length,
        }
        .octets()[..],
        pdu,
    ]
    .concat()
}

fn measure(name: &str, sealed: bool, count: u32) {
    let key = Key::new(&[7; 16]).expect("16 octets");
    let mut meter = Register {
        key: key.clone(),
        sent: 0,
        received: None,
        watt_hours: 0,
    };
    let mut link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::MAX));

    let mut initiate = [0; 64];
    let mut out = Writer::new(&mut initiate);
    let request = InitiateRequest {
        dedicated_key: None,
        response_allowed: true,
        quality: None,
        version: VERSION,
        conformance: Conformance::GET,
        receive_max: 1024,
    };
    request.emit(&mut out).expect("there is room");
    let initiate = pdu(out.written(), sealed.then_some(1), &key);
    let context = if sealed { Context::Ciphered } else { Context::Plain };
    let mut aarq = [0; 256];
    let mut out = Writer::new(&mut aarq);
    let request = AssociationRequest {
        calling_title: Some(&TITLE),
        mechanism: Some(Some(Mechanism::Password)),
        authentication: Some(b"12345678"),
        ..AssociationRequest::new(context, &initiate)
    };
    request.emit(&mut out).expect("there is room");

    let mut answered = 0_usize;
    let requests: Vec<_> = (0..count)
        .map(|n| wrapped(&pdu(&GET, sealed.then_some(n + 2), &key)))
        .collect();
    link.receive(Instant::START, &wrapped(out.written()), &mut meter, &mut |answer| {
        assert_eq!(answer[8], 0x61)
    })
    .expect("the link stays");
    assert!(link.session().caller().is_some(), "the association stands");
    let start = Clock::now();
    for request in &requests {
        link.receive(Instant::START, request, &mut meter, &mut |answer| {
            answered += usize::from(answer[8] & 0xC0 == 0xC0)
        })
        .expect("the link stays");
    }
    let each = start.elapsed() / count;
    assert_eq!((answered, meter.watt_hours), (count as usize, count));
    println!("{name}: {each:?} a GET, {:.0} a second", 1.0 / each.as_secs_f64());
}

fn main() {
    println!(
        "a wrapper link with its session takes {} octets",
        size_of::<WrapperLink>()
    );
    measure("plain", false, 1_000_000);
    measure("sealed (suite 0, authenticated and encrypted)", true, 300_000);
}
