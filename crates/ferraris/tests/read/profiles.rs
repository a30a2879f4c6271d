//! Load profiles: whole, by range, with holes, and over connections that break in the middle.

use core::sync::atomic::Ordering;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::command::{Bench, Cutter, Said};

/// A meter whose load profile has some rows, and a hole where its clock jumped.
fn with_rows() -> Bench {
    let bench = Bench::begin(&[]);
    for _ in 0..3 {
        grow(&bench, "demo-password");
    }
    bench.meter.put("/api/v1/time", &json!({ "jump_s": 3600 }));
    for _ in 0..2 {
        grow(&bench, "demo-password");
    }
    bench
}

/// Lets the meter live to within seconds of the next quarter of an hour, and over it: one row or more.
pub(crate) fn grow(bench: &Bench, password: &str) {
    let time = bench.meter.state()["time"]["utc"].as_str().expect("a time").to_owned();
    let minutes: i64 = time[14..16].parse().expect("minutes");
    let seconds: i64 = time[17..19].parse().expect("seconds");
    let jump = 900 - (minutes % 15 * 60 + seconds) - 4;
    bench.meter.put("/api/v1/time", &json!({ "jump_s": jump, "speed": 0 }));
    bench.meter.put("/api/v1/time", &json!({ "speed": "max" }));
    let begun = rows(bench, password);
    bench.meter.until("a row", |_| begun < rows(bench, password));
    bench.meter.pause();
}

fn rows(bench: &Bench, password: &str) -> u64 {
    let said = bench.read(
        "wrapper",
        &["--password", password, "--obis", "1-0:99.1.0/7:7", "--format", "json"],
    );
    said.value("1-0:99.1.0")["value"].as_u64().expect("a number")
}

fn stamps(said: &Said) -> Vec<String> {
    let json = said.json();
    let rows = json["profile"]["rows"].as_array().expect("rows").clone();
    rows.iter()
        .map(|row| row[0].as_str().expect("a stamp").to_owned())
        .collect()
}

#[test]
fn a_profile_is_read_whole_by_range_by_number_and_over_a_wire_that_breaks() {
    let bench = with_rows();
    let secret = ["--password", "demo-password", "--profile", "1", "--format", "json"];
    let read = |port: &str, args: &[&str]| bench.read(port, &[&secret[..], args].concat());
    let whole = read("wrapper", &[]);
    assert_eq!(whole.code, Some(0), "{whole:#?}");
    let all = stamps(&whole);
    assert!(5 <= all.len(), "{all:?}");
    assert!(all.is_sorted(), "{all:?}");
    let profile = whole.json()["profile"].clone();
    assert_eq!(profile["period_s"], 900);
    assert_eq!(profile["columns"][2]["unit"], "Wh");
    // The hole is the meter's, and is told.
    let missing: i64 = profile["gaps"]
        .as_array()
        .expect("gaps")
        .iter()
        .filter_map(|gap| gap["rows"].as_i64())
        .sum();
    assert!(1 <= missing, "{profile:#}");
    assert!(whole.err.contains("are not in the meter"), "{}", whole.err);

    // The same by number and by range, over every framing and with every form of the bounds.
    assert_eq!(stamps(&read("wrapper", &["--last", "3"])), all[all.len() - 3..]);
    assert_eq!(stamps(&read("hdlc", &["--hdlc"])), all);
    let (from, to) = (&all[1], &all[all.len() - 2]);
    for form in ["as-written", "present", "absent"] {
        let said = read("wrapper", &["--from", from, "--to", to, "--range-deviation", form]);
        assert_eq!(stamps(&said), all[1..all.len() - 1], "{form}");
    }
    let local = |stamp: &String| stamp[..19].to_owned();
    let said = read("hdlc", &["--hdlc", "--from", &local(from), "--to", &local(to)]);
    assert_eq!(stamps(&said), all[1..all.len() - 1]);
    assert_eq!(
        stamps(&read("wrapper", &["--from", "2030-01-01", "--to", "2030-01-02"])),
        Vec::<String>::new()
    );

    // Every connection is cut, each later than the one before: what has come is not read again.
    for (port, way, first) in [
        ("wrapper", &[][..], 150),
        ("hdlc", &["--hdlc", "--information", "128"], 150),
    ] {
        let cutter = Cutter::before(bench.meter.address(port), first, 100);
        let said = bench.read_at(
            &cutter.address,
            &[&secret[..], way, &["--retries", "200", "--timeout", "2"]].concat(),
        );
        assert_eq!(said.code, Some(0), "{said:#?}");
        assert_eq!(said.json()["profile"], profile, "{port}");
        assert!(1 < cutter.cuts.load(Ordering::Relaxed), "the wire broke");
    }
    // When it never heals, nothing came at first, later something: it is shown, and the exit code says that it is not all.
    let mut codes = Vec::new();
    for octets in (100..).step_by(100) {
        let cutter = Cutter::before(bench.meter.address("wrapper"), octets, 0);
        let year = ["--from", "2026-01-01", "--to", "2026-12-31", "--retries", "0"];
        let said = bench.read_at(&cutter.address, &[&secret[..], &year].concat());
        match said.code {
            Some(3) => assert_eq!(said.out, ""),
            Some(5) => {
                // The first of many pieces has the rows.
                assert!(said.err.contains("not everything was read"), "{}", said.err);
                assert_eq!(said.json()["profile"]["rows"], profile["rows"]);
            }
            code => assert_eq!(code, Some(0), "{said:#?}"),
        }
        codes.push(said.code);
        if said.code == Some(0) {
            break;
        }
    }
    codes.dedup();
    assert_eq!(codes, [Some(3), Some(5), Some(0)]);

    // CSV carries the rows alone.
    let said = bench.read(
        "wrapper",
        &["--password", "demo-password", "--profile", "1", "--format", "csv"],
    );
    let lines: Vec<_> = said.out.split("\r\n").filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1 + all.len());
    assert!(lines[0].starts_with("0-0:1.0.0,"), "{}", lines[0]);
    let table = bench.read("wrapper", &["--password", "demo-password", "--profile", "1"]);
    assert!(table.out.contains("rows are not in the meter)"), "{}", table.out);
    let other = bench.read("wrapper", &["--password", "demo-password", "--profile", "9-9:9.9.9"]);
    assert_eq!(other.code, Some(4), "{other:#?}");
    assert_ne!(profile["rows"], Value::Null);
}

/// Complaint 6 of `dlms_peers.md`: readers took the first column for the one that a range restricts. Here the clock stands second.
#[test]
fn a_range_is_read_wherever_the_clock_stands() {
    let bench = Bench::begin(&[]);
    let aarq = "603BA1090607608574050801018A0207808B0760857405080201AC0F800D64656D6F2D70617373776F7264BE10040E01000000065F1F0400007E1F04B0";
    let column = |class, name| format!("0204 12{class} 0906{name} 0F02 120000");
    let (energy, clock) = (column("0003", "0100010800FF"), column("0008", "0000010000FF"));
    let set = format!("C101C1 0007 0100630100FF 03 00 0102 {energy} {clock}");
    let mut stream = TcpStream::connect(bench.meter.address("wrapper")).expect("the meter listens");
    let mut ask = |digits: &str| {
        let digits: Vec<u8> = digits.bytes().filter(|it| *it != b' ').collect();
        let octet = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).expect("digits"), 16).expect("digits");
        let apdu: Vec<u8> = digits.chunks(2).map(octet).collect();
        let length = u16::try_from(apdu.len()).expect("short").to_be_bytes();
        let frame = [&[0, 1, 0, 1, 0, 1][..], &length, &apdu].concat();
        stream.write_all(&frame).expect("it listens");
        let mut head = [0; 8];
        stream.read_exact(&mut head).expect("it answers");
        let mut answer = vec![0; usize::from(u16::from_be_bytes([head[6], head[7]]))];
        stream.read_exact(&mut answer).expect("it answers");
        answer
    };
    assert_eq!(ask(aarq)[0], 0x61);
    assert_eq!(ask(&set), [0xC5, 0x01, 0xC1, 0x00]);
    for _ in 0..3 {
        grow(&bench, "demo-password");
    }
    let args = ["--password", "demo-password", "--profile", "1", "--format", "json"];
    let whole = bench.read("wrapper", &args).json()["profile"]["rows"].clone();
    let stamps: Vec<String> = whole
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row[1].as_str().expect("a stamp").to_owned())
        .collect();
    assert!(3 <= stamps.len(), "{whole:#}");
    let stamp = |at: usize| stamps[at].replace(" (summer time)", "");
    let range = bench.read(
        "wrapper",
        &[&args[..], &["--from", &stamp(1), "--to", &stamp(1)]].concat(),
    );
    let rows = range.json()["profile"]["rows"].clone();
    assert_eq!(rows, json!([whole[1]]), "{range:#?}");
}

/// A range restricts the clock wherever it stands among the columns; without one everything is read, and that is told.
#[test]
fn the_clock_may_be_any_column_or_none() {
    let bench = Bench::begin(&[]);
    let said = bench.read(
        "wrapper",
        &[
            "KEYS",
            "--set",
            "1-0:99.1.0:3=[{3, 1-0:1.8.0, 2, 0}, {8, 0-0:1.0.0, 2, 0}]",
            "--set",
            "1-0:99.2.0:3=[{3, 1-0:2.8.0, 2, 0}]",
            "--set",
            "1-0:99.2.0:4=900",
        ],
    );
    assert_eq!(said.code, Some(0), "{said:#?}");
    for _ in 0..3 {
        grow(&bench, "demo-password");
    }
    let read = |profile: &str, args: &[&str]| {
        let asked = ["KEYS", "--profile", profile, "--format", "json"];
        let said = bench.read("wrapper", &[&asked[..], args].concat());
        assert_eq!(said.code, Some(0), "{said:#?}");
        said.json()["profile"].clone()
    };
    let whole = read("1", &[]);
    let rows = whole["rows"].as_array().expect("rows");
    assert!(3 <= rows.len(), "{whole:#}");
    let stamp = |row: &Value| row[1].as_str().expect("a stamp").to_owned();
    let (from, to) = (stamp(&rows[1]), stamp(&rows[rows.len() - 1]));
    let range = read("1", &["--from", &from, "--to", &to]);
    assert_eq!(range["rows"].as_array().expect("rows"), &rows[1..]);
    assert_eq!(range["remark"], Value::Null);
    let clockless = read("2", &["--from", &from, "--to", &from]);
    let remark = clockless["remark"].as_str().expect("it is told");
    assert!(remark.contains("no clock among its columns"), "{remark}");
    // A register that stands still: rows that are equal are rows.
    let said = bench.read(
        "wrapper",
        &[
            "KEYS",
            "--obis",
            "1-0:99.2.0/7:7",
            "--obis",
            "1-0:2.8.0",
            "--format",
            "json",
        ],
    );
    let count = said.value("1-0:99.2.0")["value"].as_u64().expect("a number");
    let energy = said.value("1-0:2.8.0")["value"].clone();
    let expected: Vec<_> = (0..count).map(|_| json!([energy])).collect();
    assert!(3 <= count, "{count}");
    assert_eq!(clockless["rows"], json!(expected));
    assert_eq!(read("2", &[])["rows"], json!(expected));
}
