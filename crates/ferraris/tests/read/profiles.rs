//! Load profiles: whole, by range, with holes, and over connections that break in the middle.

use core::sync::atomic::Ordering;

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
    // When it never heals, what came is shown and the exit code says that it is not all.
    let said = {
        let cutter = Cutter::before(bench.meter.address("wrapper"), 100, 0);
        bench.read_at(
            &cutter.address,
            &[&secret[..], &["--retries", "2", "--timeout", "2"]].concat(),
        )
    };
    assert_eq!(said.code, Some(3), "{said:#?}");

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
