//! Octets that no client sends: the meter drops them, or the connection, and goes on (issue 2, bad input).

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

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

/// Issue 5, bad input: the oldest unauthenticated connection gives way. Associations that need no authentication hold no places against
/// those who prove who they are, over TCP and over UDP.
#[test]
fn public_associations_keep_nobody_out() {
    let scratch = Scratch::new();
    let meter = Running::start(&scratch, &["--seed", "1", "--udp", "127.0.0.1:0"]);
    let password = meter.says["clients"][1]["password"].as_str().expect("a password");
    let mut proven = ForeignClient::with_password(meter.address("wrapper"), password);
    proven.associate();
    let mut flood: Vec<ForeignClient> = (0..40)
        .map(|_| {
            let mut client = ForeignClient::public(meter.address("wrapper"));
            client.associate();
            client
        })
        .collect();
    let mut late = ForeignClient::with_password(meter.address("wrapper"), password);
    late.associate();
    for client in [&mut late, &mut proven] {
        assert!(client.logical_device_name().starts_with(b"FRR"));
    }
    let newest = flood.last_mut().expect("many");
    assert!(newest.logical_device_name().starts_with(b"FRR"));
    meter.until("places are bounded", |state| {
        state["links"]["wrapper"]["open"].as_u64() <= Some(16)
    });
    meter.until("the flood is told", |state| codes(state, "security") == [231]);
    // The same in datagrams: each of 40 gets its association, though there are 16 links.
    let aarq = [
        0, 1, 0, 16, 0, 1, 0, 31, 0x60, 0x1D, 0xA1, 9, 6, 7, 0x60, 0x85, 0x74, 5, 8, 1, 1, 0xBE, 0x10, 4, 0x0E, 1, 0,
        0, 0, 6, 0x5F, 0x1F, 4, 0, 0, 0x7E, 0x1F, 4, 0xB0,
    ];
    let sockets: Vec<UdpSocket> = (0..40)
        .map(|number| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket
                .set_read_timeout(Some(Duration::from_secs(60)))
                .expect("a socket");
            socket.send_to(&aarq, meter.address("udp")).expect("it is sent");
            let mut answer = [0; 256];
            let (count, _) = socket
                .recv_from(&mut answer)
                .unwrap_or_else(|error| panic!("datagram client {number}: {error}"));
            assert_eq!(answer[8..count][0], 0x61);
            socket
        })
        .collect();
    assert_eq!(sockets.len(), 40);
    assert_eq!(meter.get("/healthz")["status"], "ok");
}

/// `--pcap`: what each port heard and said stands in the trace, and explain reads it, of TCP, HDLC and UDP, and what was no protocol too.
#[test]
fn a_trace_holds_what_every_port_heard_and_said() {
    let scratch = Scratch::new();
    let trace = scratch.join("trace.pcapng");
    let args = ["--seed", "1", "--udp", "127.0.0.1:0", "--pcap"];
    let meter = Running::start(&scratch, &[&args[..], &[trace.to_str().expect("text")]].concat());
    let mut client = ForeignClient::public(meter.address("wrapper"));
    client.associate();
    assert!(client.logical_device_name().starts_with(b"FRR"));
    let ask = |octets: &[u8], stream: &mut TcpStream| {
        stream.write_all(octets).expect("it listens");
        let mut answer = [0; 256];
        let count = stream.read(&mut answer).expect("it answers");
        answer[..count].to_vec()
    };
    let mut line = TcpStream::connect(meter.address("hdlc")).expect("it listens");
    let connected = ask(&[0x7E, 0xA0, 7, 3, 0x21, 0x93, 0x0F, 1, 0x7E], &mut line);
    assert_eq!(connected[..2], [0x7E, 0xA0]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a socket");
    let get = [0, 1, 0, 16, 0, 1, 0, 13, 0xC0, 1, 0xC1, 0, 1, 0, 0, 42, 0, 0, 255, 2, 0];
    socket.send_to(&get, meter.address("udp")).expect("it is sent");
    let (count, _) = socket.recv_from(&mut [0; 256]).expect("it answers");
    assert_eq!(count, 11, "an exception: there is no association");
    let explained = std::process::Command::new(env!("CARGO_BIN_EXE_ferraris"))
        .arg("explain")
        .arg(&trace)
        .output()
        .expect("the command is built");
    let text = String::from_utf8_lossy(&explained.stdout);
    assert!(
        explained.status.success(),
        "{}",
        String::from_utf8_lossy(&explained.stderr)
    );
    for part in [
        ", TCP ",
        ", UDP ",
        "0-0:42.0.0",
        "SNRM, connect",
        "UA, done",
        "ExceptionResponse",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

/// Who asks without end and takes no answer is given up after five seconds, which the log tells; others are served meanwhile.
#[test]
fn a_client_that_takes_no_answers_is_given_up() {
    let scratch = Scratch::new();
    let meter = Running::start(&scratch, &["--seed", "1"]);
    let mut deaf = TcpStream::connect(meter.address("wrapper")).expect("it listens");
    deaf.set_write_timeout(Some(Duration::from_secs(120)))
        .expect("a socket");
    let aarq = [
        0, 1, 0, 16, 0, 1, 0, 31, 0x60, 0x1D, 0xA1, 9, 6, 7, 0x60, 0x85, 0x74, 5, 8, 1, 1, 0xBE, 0x10, 4, 0x0E, 1, 0,
        0, 0, 6, 0x5F, 0x1F, 4, 0, 0, 0x7E, 0x1F, 4, 0xB0,
    ];
    deaf.write_all(&aarq).expect("it reads");
    // The object list, of which each answer is a block of 1200 octets.
    let get = [
        0, 1, 0, 16, 0, 1, 0, 13, 0xC0, 1, 0xC1, 0, 15, 0, 0, 40, 0, 0, 255, 2, 0,
    ]
    .repeat(100);
    let flood = std::thread::spawn(move || (0..20_000).find_map(|_| deaf.write_all(&get).err()));
    let mut client = ForeignClient::public(meter.address("wrapper"));
    client.associate();
    assert!(client.logical_device_name().starts_with(b"FRR"));
    let ended = flood.join().expect("it floods").expect("the meter hangs up");
    assert!(
        !matches!(
            ended.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
        "the connection is over: {ended}"
    );
    assert!(client.logical_device_name().starts_with(b"FRR"));
    meter.until("it is told", |state| codes(state, "security") == [231]);
}
