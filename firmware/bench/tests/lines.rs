//! Clients on both UARTs: our own, garbage, and what they read compared with the host's meter.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use bench::chance::Chance;
use bench::desk::{self, HostMeter};
use bench::memory::Memory;
use bench::qemu::{Board, Pace, Qemu};
use bench::reader::{Identity, Role, Transport, Wire};
use meter::Variant;

fn address(qemu: &Qemu, transport: Transport) -> SocketAddr {
    match transport {
        Transport::Hdlc => qemu.hdlc(),
        Transport::Wrapper => qemu.wrapper(),
    }
}

fn object_list(transport: Transport, role: Role, wire: Wire<'_>) -> Vec<u8> {
    let mut identity = Identity::new(role);
    let mut reader = identity
        .associate(transport, wire)
        .unwrap_or_else(|error| panic!("{transport:?} {role:?}: {error}"));
    let list = reader
        .read(15, "0-0:40.0.0", 2)
        .unwrap_or_else(|error| panic!("{transport:?} {role:?}: {error}"));
    reader.release().expect("it is released");
    list
}

/// Issue 3, 3: the image has every row of `docs/objects.md`.
#[test]
fn the_object_list_equals_the_hosts_byte_for_byte() {
    for board in Board::ALL {
        for (variant, serial) in [
            (Variant::St402d, desk::SERIAL),
            (Variant::Sm402d, 7),
            (Variant::St402c, 8),
        ] {
            let config = desk::config(variant, serial);
            let memory = Memory::erased(&format!("objects-{}", board.name())).expect("a disk");
            memory.overwrite(0, &desk::order(&config)).expect("a disk");
            let qemu = Qemu::boot(board, &memory, &["rtc=1767225600"]);
            let mut host = HostMeter::boot(&config);
            let mut counter = 1;
            for role in [Role::Public, Role::Password, Role::Sealed(0)] {
                let expected = object_list(Transport::Wrapper, sealed(role, &mut 1_000), Wire::host(&mut host));
                for transport in [Transport::Wrapper, Transport::Hdlc] {
                    let wire = Wire::to(address(&qemu, transport)).expect("QEMU listens");
                    let list = object_list(transport, sealed(role, &mut counter), wire);
                    assert!(
                        list == expected,
                        "{} {variant:?} {role:?} {transport:?}: lists differ",
                        board.name()
                    );
                }
                println!(
                    "{} {variant:?} {role:?}: {} octets, equal",
                    board.name(),
                    expected.len()
                );
            }
        }
    }
}

/// The same role with a counter that nobody used.
fn sealed(role: Role, counter: &mut u32) -> Role {
    match role {
        Role::Sealed(_) => {
            *counter += 1_000;
            Role::Sealed(*counter)
        }
        other => other,
    }
}

/// Issue 3, bad input: whatever comes on a line, the next client is served, and the meter goes on measuring.
#[test]
fn garbage_on_both_lines_leaves_the_meter_serving() {
    let mut chance = Chance::begin("garbage on lines");
    let seconds = std::env::var("FERRARIS_GARBAGE_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(6);
    let memory = Memory::erased("garbage-lines").expect("a disk");
    let end = format!("exit-at={}", (seconds + 12) * 1_000);
    let qemu = Qemu::boot(Board::An386, &memory, &["rtc=1767225600", &end]);
    let until = Instant::now() + Duration::from_secs(seconds);
    let lines = [Transport::Hdlc, Transport::Wrapper].map(|transport| {
        let (address, mut chance) = (address(&qemu, transport), Chance::clone(&chance));
        std::thread::spawn(move || pester(address, transport, until, &mut chance))
    });
    let _other_numbers = chance.number();
    let sent: usize = lines.into_iter().map(|line| line.join().expect("the line lives")).sum();
    // A line is quiet before its next client begins.
    std::thread::sleep(Duration::from_millis(1_500));
    for transport in [Transport::Hdlc, Transport::Wrapper] {
        let wire = Wire::to(address(&qemu, transport)).expect("QEMU listens");
        let list = object_list(transport, Role::Public, wire);
        assert!(!list.is_empty());
    }
    let ended = qemu.end();
    println!(
        "{sent} octets of garbage in {seconds} s; lost {:?}",
        ended.numbers("uart_lost")
    );
    assert_eq!(ended.code, Some(0), "{:#?}", ended.said);
    assert!(
        (seconds + 12) * 1_000 / 200 * 8 / 10 < ended.number("windows"),
        "it went on measuring, on a machine with other work too: {:#?}",
        ended.said
    );
}

/// Sends garbage, frames with wrong checksums and beginnings of frames until the time is over; answers how much.
fn pester(address: SocketAddr, transport: Transport, until: Instant, chance: &mut Chance) -> usize {
    let mut sent = 0;
    while Instant::now() < until {
        let mut stream = TcpStream::connect(address).expect("QEMU listens");
        stream
            .set_read_timeout(Some(Duration::from_millis(1)))
            .expect("a socket");
        for _ in 0..20 {
            let length = usize::try_from(chance.below(300)).unwrap_or(1);
            let mut octets = chance.octets(length);
            match (transport, chance.below(3)) {
                (Transport::Hdlc, 0) => octets
                    .splice(0..0, [0x7E, 0xA0, 0x20, 0x02, 0x23, 0x21, 0x93])
                    .for_each(drop),
                (Transport::Wrapper, 0) => octets.splice(0..0, [0, 1, 0, 16, 0, 1, 0, 40, 0x60]).for_each(drop),
                _ => {}
            }
            if stream.write_all(&octets).is_err() {
                break;
            }
            sent += octets.len();
            // Whatever is answered is read, so that nothing waits for us.
            let _nothing_or_something = stream.read(&mut [0; 1_024]);
            std::thread::sleep(Duration::from_millis(5));
        }
        // QEMU hangs up when it has taken everything: no other client waits behind what is left of this one.
        let _gone = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let _gone = stream.shutdown(Shutdown::Write);
        while stream.read(&mut [0; 1_024]).is_ok_and(|count| count != 0) {}
    }
    sent
}

/// The figures of a line: a round trip, and how fast a long value comes. They are printed, not judged.
#[test]
fn round_trip_and_speed_are_printed() {
    let memory = Memory::erased("speed").expect("a disk");
    let qemu = Qemu::boot(Board::An386, &memory, &["rtc=1767225600"]);
    for transport in [Transport::Hdlc, Transport::Wrapper] {
        let wire = Wire::to(address(&qemu, transport)).expect("QEMU listens");
        let mut identity = Identity::new(Role::Sealed(if transport == Transport::Hdlc { 10_000 } else { 20_000 }));
        let mut reader = identity.associate(transport, wire).expect("it associates");
        let began = Instant::now();
        for _ in 0..50 {
            reader.read(3, "1-0:1.8.0", 2).expect("it is read");
        }
        let round_trip = began.elapsed() / 50;
        let began = Instant::now();
        let octets = reader.read(15, "0-0:40.0.0", 2).expect("it is read").len();
        let speed = octets as f64 / began.elapsed().as_secs_f64();
        println!(
            "{transport:?}: a sealed GET {} us, {octets} octets at {speed:.0} octets/s",
            round_trip.as_micros()
        );
    }
}

/// Issue 3, figures: a GET is answered within 50 ms at 62.5 million instructions a second, sealed ones and whole blocks among them.
#[test]
fn a_get_is_answered_within_fifty_milliseconds_of_simulated_time() {
    for board in Board::ALL {
        let memory = Memory::erased(&format!("answer-{}", board.name())).expect("a disk");
        let words = ["rtc=1767225600", "exit-at=12000"];
        let qemu = Qemu::boot_at(board, &memory, Pace::CountedWithLines, &words);
        for (transport, counter) in [(Transport::Wrapper, 1_000), (Transport::Hdlc, 2_000)] {
            let wire = Wire::to(address(&qemu, transport)).expect("QEMU listens");
            let mut identity = Identity::new(Role::Sealed(counter));
            let mut reader = identity.associate(transport, wire).expect("it associates");
            for (class_id, name, attribute) in [(3, "1-0:1.8.0", 2), (8, "0-0:1.0.0", 2), (15, "0-0:40.0.0", 2)] {
                reader.read(class_id, name, attribute).expect("it is read");
            }
            reader.release().expect("it is released");
        }
        let ended = qemu.end();
        let micros = ended.number("longest_answer_us");
        println!("{}: the longest answer took {micros} us", board.name());
        assert!(micros <= 50_000, "{:#?}", ended.said);
    }
}
