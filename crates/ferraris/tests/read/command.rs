//! The command under test, and a wire in front of a meter that breaks.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::Value;

use crate::running::{Running, Scratch};

/// What a call said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        assert!(matches!(self.code, Some(0 | 5)), "{self:#?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The value of the first reply with this name.
    pub(crate) fn value(&self, name: &str) -> Value {
        let json = self.json();
        let values = json["values"].as_array().expect("values").clone();
        let found = values.into_iter().find(|it| it["obis"] == name);
        found.unwrap_or_else(|| panic!("{name} is not there: {json:#}"))
    }
}

/// A meter at work that stands still, and the folder of its reader.
pub(crate) struct Bench {
    pub(crate) meter: Running,
    pub(crate) scratch: Scratch,
}

impl Bench {
    pub(crate) fn begin(args: &[&str]) -> Self {
        Self::begin_in(Scratch::new(), args)
    }

    /// In a folder in which something is laid out already.
    pub(crate) fn begin_in(scratch: Scratch, args: &[&str]) -> Self {
        let usual = [
            "--optical",
            "127.0.0.1:0",
            "--udp",
            "127.0.0.1:0",
            "--seed",
            "1",
            "--start",
            "2026-01-05T11:50:00Z",
            "--speed",
            "0",
        ];
        let meter = Running::start(&scratch, &[&usual, args].concat());
        std::fs::write(scratch.join("meter.json"), meter.says.to_string()).expect("it is written");
        Self { meter, scratch }
    }

    /// The same meter switched off and on with a changed order.
    pub(crate) fn ordered_anew(self, change: impl FnOnce(String) -> String) -> Self {
        let Self { meter, scratch } = self;
        let _said = meter.stop("-TERM");
        let path = scratch.join("order.toml");
        let order = std::fs::read_to_string(&path).expect("an order");
        std::fs::write(&path, change(order)).expect("it is written");
        let path = path.display().to_string();
        Self::begin_in(scratch, &["--config", &path])
    }

    /// `ferraris read` at an address of the meter.
    pub(crate) fn read(&self, port: &str, args: &[&str]) -> Said {
        self.read_at(self.meter.address(port), args)
    }

    pub(crate) fn read_at(&self, address: &str, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferraris"));
        command.args(["read", address, "--timeout", "10", "--state"]);
        command.arg(self.scratch.join("reader"));
        let keys = self.scratch.join("meter.json");
        for arg in args {
            match *arg {
                "KEYS" => command.args(["--keys".as_ref(), keys.as_os_str()]),
                arg => command.arg(arg),
            };
        }
        let Output { status, stdout, stderr } = command.output().expect("the command is built");
        Said {
            code: status.code(),
            out: String::from_utf8(stdout).expect("text"),
            err: String::from_utf8(stderr).expect("text"),
        }
    }
}

/// Stands between reader and meter and cuts every connection after so many octets from the meter. Each connection may
/// have more than the one before.
pub(crate) struct Cutter {
    pub(crate) address: String,
    pub(crate) cuts: Arc<AtomicUsize>,
}

impl Cutter {
    pub(crate) fn before(meter: &str, first: usize, more: usize) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address").to_string();
        let (meter, cuts) = (meter.to_owned(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&cuts);
        std::thread::spawn(move || {
            let mut allowed = first;
            for reader in socket.incoming() {
                let (Ok(reader), Ok(meter)) = (reader, TcpStream::connect(&meter)) else {
                    return;
                };
                let budget = allowed;
                allowed += more;
                let cuts = Arc::clone(&counted);
                let (mut to_meter, mut from_reader) = (
                    meter.try_clone().expect("a stream"),
                    reader.try_clone().expect("a stream"),
                );
                std::thread::spawn(move || std::io::copy(&mut from_reader, &mut to_meter));
                std::thread::spawn(move || pass(meter, reader, budget, &cuts));
            }
        });
        Self { address, cuts }
    }
}

/// Stands between reader and meter and changes the last octet of everything that the meter says from its message `first` on.
pub(crate) fn forger(meter: &str, first: usize) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("an address").to_string();
    let meter = meter.to_owned();
    std::thread::spawn(move || {
        for reader in socket.incoming() {
            let (Ok(mut reader), Ok(mut meter)) = (reader, TcpStream::connect(&meter)) else {
                return;
            };
            let mut to_meter = meter.try_clone().expect("a stream");
            let mut from_reader = reader.try_clone().expect("a stream");
            std::thread::spawn(move || std::io::copy(&mut from_reader, &mut to_meter));
            for message in 1.. {
                // The wrapper's header says how long it is.
                let mut header = [0; 8];
                if meter.read_exact(&mut header).is_err() {
                    break;
                }
                let mut octets = vec![0; usize::from(u16::from_be_bytes([header[6], header[7]]))];
                meter.read_exact(&mut octets).expect("the rest of it");
                if first <= message {
                    *octets.last_mut().expect("an APDU") ^= 1;
                }
                if reader.write_all(&[&header[..], &octets].concat()).is_err() {
                    break;
                }
            }
            let _gone = (meter.shutdown(Shutdown::Both), reader.shutdown(Shutdown::Both));
        }
    });
    address
}

fn pass(mut meter: TcpStream, mut reader: TcpStream, mut budget: usize, cuts: &AtomicUsize) {
    let mut octets = [0; 512];
    while let Ok(count @ 1..) = meter.read(&mut octets) {
        let passed = count.min(budget);
        budget -= passed;
        if reader.write_all(&octets[..passed]).is_err() {
            break;
        }
        if budget == 0 {
            cuts.fetch_add(1, Ordering::Relaxed);
            break;
        }
    }
    let _gone = (meter.shutdown(Shutdown::Both), reader.shutdown(Shutdown::Both));
}
