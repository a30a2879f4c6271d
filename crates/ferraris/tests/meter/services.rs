//! Our own client over both ports: every service of the meter's server on the real object model (issue 5, item 1).

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;

use base::Instant;
use cosem::axdr::Reader;
use cosem::{Attribute, Method, Obis, Selection};
use dlms::apdu::{AccessSpec, Item};
use dlms::client::{Client, ClientError, Command, Framing, Outcome, Patience, Settings};
use dlms::hdlc::{Address, Limits};
use dlms::initiate::Conformance;

use crate::running::{Running, Scratch};

/// A reader on a socket.
struct Reading<'b> {
    client: Client<'b>,
    stream: TcpStream,
    begun: std::time::Instant,
}

const PATIENCE: Patience = Patience {
    answer: base::Micros::from_secs(5),
    retries: 3,
};

/// All that this crate's client knows.
fn everything() -> Conformance {
    Conformance::from_octets([0xFF, 0xFF, 0xFF])
}

impl<'b> Reading<'b> {
    fn new(address: &str, framing: Framing, settings: Settings<'b>, lent: &'b mut [u8]) -> Self {
        let stream = TcpStream::connect(address).expect("the meter listens");
        stream.set_nodelay(true).expect("it is a socket");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("it is a socket");
        Self {
            client: Client::new(settings, framing, PATIENCE, 1, lent),
            stream,
            begun: std::time::Instant::now(),
        }
    }

    fn run(&mut self, command: Command<'_>) -> Result<(), ClientError> {
        let at = || Instant::from_micros(u64::try_from(self.begun.elapsed().as_micros()).expect("a short test"));
        let mut stream = &self.stream;
        let mut out = Vec::new();
        self.client
            .start(at(), command, &mut |octets| out.extend_from_slice(octets))?;
        let mut octets = [0; 4096];
        loop {
            stream.write_all(&out).expect("the meter listens");
            out.clear();
            let count = stream.read(&mut octets).expect("the meter answers");
            assert_ne!(count, 0, "the meter hung up");
            let mut put = |octets: &[u8]| out.extend_from_slice(octets);
            if self.client.receive(at(), &octets[..count], &mut put)? {
                return Ok(());
            }
        }
    }

    fn value(&mut self, item: Item<'_>) -> Vec<u8> {
        assert_eq!(self.run(Command::Get(item)), Ok(()));
        match self.client.outcome() {
            Some(Outcome::Value(Ok(value))) => value.to_vec(),
            other => panic!("{item:?}: {other:?}"),
        }
    }
}

fn attribute(class: u16, name: &'static str, index: i8) -> Item<'static> {
    Item {
        attribute: Attribute::new(class, Obis::new(name), index),
        selection: Selection::Whole,
    }
}

const NULL: &[u8] = &[0];

fn converse(address: &str, framing: Framing, password: &str) {
    for receive_max in [0, 128, 600] {
        let mut lent = vec![0; 200_000];
        let settings = Settings {
            receive_max,
            ..Settings::public(1, 1, everything()).with_password(password.as_bytes())
        };
        let mut reading = Reading::new(address, framing, settings, &mut lent);
        assert_eq!(reading.run(Command::Associate), Ok(()));
        let granted = reading.client.conformance();
        for service in [
            Conformance::ACCESS,
            Conformance::GENERAL_BLOCK_TRANSFER,
            Conformance::ATTRIBUTE_0_WITH_GET,
            Conformance::ATTRIBUTE_0_WITH_SET,
        ] {
            assert!(granted.has(service), "{granted:?}");
        }

        // Long: in general blocks when the PDU is short, and it is the same list.
        let list = reading.value(attribute(15, "0-0:40.0.0", 2));
        assert!(5_000 < list.len());
        let mut reader = Reader::new(&list);
        assert!(100 < reader.array().expect("an array"));
        assert_eq!(Reader::new(&list).skip_value().map(<[u8]>::len), Ok(list.len()));

        // Everything in one request: read, write what was read, invoke, and one that is not there.
        let clock = reading.value(attribute(8, "0-0:1.0.0", 3));
        let wanted: [(AccessSpec<'_>, &[u8]); 5] = [
            (AccessSpec::Get(attribute(8, "0-0:1.0.0", 2)), NULL),
            (AccessSpec::Set(attribute(8, "0-0:1.0.0", 3)), &clock),
            (
                AccessSpec::Act(Method::new(70, Obis::new("0-0:96.3.10"), 2)),
                &[0x0F, 0],
            ),
            (AccessSpec::Get(attribute(3, "1-0:99.8.0", 2)), NULL),
            (AccessSpec::Get(attribute(3, "1-0:1.8.0", 3)), NULL),
        ];
        let command = Command::Access {
            wanted: &wanted,
            break_on_error: false,
        };
        assert_eq!(reading.run(command), Ok(()));
        let Some(Outcome::Accessed(response)) = reading.client.outcome() else {
            panic!("{:?}", reading.client.outcome())
        };
        let came: Vec<_> = response
            .iter()
            .map(|(value, kind, code)| (value.len(), kind, code))
            .collect();
        assert_eq!(came, [(14, 1, 0), (1, 2, 0), (1, 3, 0), (1, 1, 4), (6, 1, 0)]);

        // Attribute 0: all attributes at once, equal to each alone.
        let all = reading.value(attribute(3, "1-0:1.8.0", 0));
        let mut reader = Reader::new(&all);
        assert_eq!(reader.structure(3), Ok(()));
        for index in 1..=3 {
            let member = reader.skip_value().expect("a value").to_vec();
            if index != 2 {
                assert_eq!(member, reading.value(attribute(3, "1-0:1.8.0", index)));
            }
        }
        assert!(reader.is_at_end());
        // And set at once: what may not be set refuses all of it.
        let zone = attribute(8, "0-0:1.0.0", 3);
        let before = reading.value(zone);
        let all = reading.value(attribute(8, "0-0:1.0.0", 0));
        let mut count = [0, 0];
        count.copy_from_slice(&all[..2]);
        let nulls = usize::from(count[1]);
        let mut value = vec![2, count[1]];
        for index in 1..=nulls {
            match index {
                3 => value.extend([0x10, 0xFF, 0x88]),
                1 => value.extend([0x09, 0x06, 0, 0, 1, 0, 0, 254]),
                _ => value.push(0),
            }
        }
        assert_eq!(reading.run(Command::Set(attribute(8, "0-0:1.0.0", 0), &value)), Ok(()));
        assert!(matches!(reading.client.outcome(), Some(Outcome::Written(Err(_)))));
        assert_eq!(reading.value(zone), before);
        assert_eq!(reading.run(Command::Release), Ok(()));
    }
}

#[test]
fn our_client_has_every_service_over_tcp_and_hdlc() {
    let scratch = Scratch::new();
    let meter = Running::start(
        &scratch,
        &["--seed", "1", "--start", "2026-01-05T11:50:00Z", "--speed", "0"],
    );
    let password = meter.says["clients"][1]["password"].as_str().expect("a password");
    converse(meter.address("wrapper"), Framing::Wrapper, password);
    let limits = Limits {
        transmit: 512,
        receive: 512,
        transmit_window: 3,
        receive_window: 3,
    };
    let framing = Framing::Hdlc(Address::Four(1, 17), limits);
    converse(meter.address("hdlc"), framing, password);
}
