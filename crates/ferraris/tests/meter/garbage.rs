//! Octets that no client sends: the meter drops them, or the connection, and goes on (issue 2, bad input).

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::foreign::ForeignClient;
use crate::running::{Running, Scratch, codes};

/// A small generator of octets; the seed is printed with what it did.
struct Octets(u64);

impl Octets {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn some(&mut self, most: u64) -> Vec<u8> {
        let count = self.next() % most;
        (0..count).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}

#[test]
fn garbage_on_both_ports_does_not_stop_the_meter() {
    let seed = 0x5EED_0000_F00D_0001;
    println!("seed {seed:#x}");
    let mut octets = Octets(seed);
    let scratch = Scratch::new();
    let meter = Running::start(&scratch, &["--seed", "1", "--speed", "max"]);
    // A plausible beginning, so that more than the first octet is looked at.
    let wrapped = [0, 1, 0, 16, 0, 1, 0, 31];
    let framed = [0x7E, 0xA0, 0x21, 0x03, 0x21, 0x93];
    for round in 0..150 {
        let (port, head): (&str, &[u8]) = if round % 2 == 0 {
            ("wrapper", &wrapped)
        } else {
            ("hdlc", &framed)
        };
        let mut stream = TcpStream::connect(meter.address(port)).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_millis(5)))
            .expect("a socket");
        if octets.next().is_multiple_of(2) {
            let _closed = stream.write_all(head);
        }
        for _ in 0..octets.next() % 4 {
            // The meter may have hung up; that is its right.
            let _closed = stream.write_all(&octets.some(600));
        }
        let _whatever = stream.read(&mut [0; 4_096]);
    }
    // An announcement of much that never comes, cut in two.
    let mut stream = TcpStream::connect(meter.address("wrapper")).expect("it listens");
    stream.write_all(&[0, 1, 0, 16]).expect("it reads");
    stream.write_all(&[0, 1, 0xFF, 0xFF]).expect("it reads");
    let mut client = ForeignClient::public(meter.address("wrapper"));
    client.associate();
    assert!(client.logical_device_name().starts_with(b"FRR"));
    assert_eq!(meter.get("/healthz")["status"], "ok");
}

/// 16 places a port: the oldest connection without an association gives way, an associated one stays.
#[test]
fn idle_connections_give_way_to_new_ones() {
    let scratch = Scratch::new();
    let meter = Running::start(&scratch, &["--seed", "1"]);
    let mut associated = ForeignClient::public(meter.address("wrapper"));
    associated.associate();
    let mut idle: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(meter.address("wrapper")).expect("it listens"))
        .collect();
    let mut late = ForeignClient::public(meter.address("wrapper"));
    late.associate();
    assert!(late.logical_device_name().starts_with(b"FRR"));
    assert!(associated.logical_device_name().starts_with(b"FRR"));
    let first = idle.first_mut().expect("many");
    assert!(
        matches!(first.read(&mut [0; 1]), Ok(0) | Err(_)),
        "the oldest was hung up"
    );
    meter.until("places are bounded", |state| {
        state["links"]["wrapper"]["open"].as_u64() <= Some(16)
    });
    // However many there were, the security log tells of it once.
    meter.until("the flood is told", |state| codes(state, "security") == [231]);
}
