//! Serial lines: the reader at a pseudo-terminal, behind which the meter's port is (issue 5, 3 and 6).

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::command::Bench;

/// A line between a terminal and a port of the meter.
struct Line {
    device: String,
    /// Keeps the terminal alive between two readers.
    _end: File,
}

impl Line {
    fn to(meter: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master)
            .and_then(|()| unlockpt(&master))
            .expect("it may be used");
        let device = ptsname(&master, Vec::new())
            .expect("it has a name")
            .into_string()
            .expect("text");
        let end = File::options()
            .read(true)
            .write(true)
            .open(&device)
            .expect("its other end");
        let mut meter = TcpStream::connect(meter).expect("the meter listens");
        let mut answers = meter.try_clone().expect("a stream");
        let mut to_reader = File::from(master);
        let mut from_reader = to_reader.try_clone().expect("a file");
        // Both end with the process, or when either side is gone.
        std::thread::spawn(move || {
            let mut octets = [0; 512];
            while let Ok(count @ 1..) = from_reader.read(&mut octets) {
                if meter.write_all(&octets[..count]).is_err() {
                    return;
                }
            }
        });
        std::thread::spawn(move || std::io::copy(&mut answers, &mut to_reader));
        Self { device, _end: end }
    }
}

#[track_caller]
fn reads(bench: &Bench, line: &Line, args: &[&str]) {
    let said = bench.read_at(
        &line.device,
        &[
            args,
            &["--obis", "0-0:42.0.0/1", "--obis", "1-0:1.8.0", "--format", "json"],
        ]
        .concat(),
    );
    assert_eq!(said.code, Some(0), "{args:?}: {said:#?}");
    assert_eq!(said.value("0-0:42.0.0")["value"], "FRR1030140200001", "{args:?}");
    let shown = &bench.meter.state()["registers"]["1-0:1.8.0"]["value"];
    assert_eq!(said.value("1-0:1.8.0")["value"].as_f64(), shown.as_f64(), "{args:?}");
}

#[test]
fn hdlc_over_a_serial_line() {
    let bench = Bench::begin(&[]);
    let line = Line::to(bench.meter.address("hdlc"));
    reads(&bench, &line, &["--password", "demo-password"]);
    // The line stays, readers come and go; each proves anew who it is.
    reads(&bench, &line, &["KEYS"]);
    reads(
        &bench,
        &line,
        &[
            "KEYS",
            "--physical",
            "17",
            "--window",
            "1",
            "--information",
            "128",
            "--baud",
            "19200",
        ],
    );
    let said = bench.read_at(&line.device, &["--password", "another-word"]);
    assert_eq!(said.code, Some(4), "{said:#?}");
    let said = bench.read_at(&line.device, &["--physical", "18", "--timeout", "1", "--retries", "0"]);
    assert_eq!(said.code, Some(3), "{said:#?}");
    assert!(said.err.contains(&line.device), "{}", said.err);
}

#[test]
fn modes_c_and_e_over_a_serial_line() {
    let bench = Bench::begin(&[]);
    let line = Line::to(bench.meter.address("optical"));
    reads(&bench, &line, &["--mode-e", "--password", "demo-password"]);
    let said = bench.read_at(&line.device, &["--mode-c"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert!(said.out.contains("1.8.0("), "{}", said.out);
    // HDLC at once, without a sign-on.
    reads(&bench, &line, &["KEYS"]);
}

#[test]
fn a_file_is_no_serial_line() {
    let bench = Bench::begin(&[]);
    let path = bench.scratch.join("meter.json").display().to_string();
    let said = bench.read_at(&path, &[]);
    assert_eq!(said.code, Some(3), "{said:#?}");
    assert!(said.err.contains("cannot be set up"), "{}", said.err);
}
