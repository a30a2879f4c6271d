//! Values over every way: what the reader shows is what the meter's control interface shows.

use serde_json::Value;

use crate::command::Bench;

/// The ways to the meter, with what they need.
const WAYS: &[(&str, &[&str])] = &[
    ("wrapper", &[]),
    ("hdlc", &["--hdlc"]),
    (
        "hdlc",
        &["--hdlc", "--physical", "17", "--window", "1", "--information", "128"],
    ),
    ("hdlc", &["--hdlc", "--address-octets", "4"]),
    ("udp", &["--udp"]),
    ("optical", &["--mode-e"]),
    ("optical", &["--hdlc"]),
];

#[test]
fn registers_are_shown_with_scaler_and_unit_over_every_way_and_with_every_secret() {
    let bench = Bench::begin(&[]);
    let state = bench.meter.state();
    for (port, way) in WAYS {
        for secret in [
            &["--password", "demo-password"][..],
            &["KEYS", "--auth", "lls"],
            &["KEYS"],
        ] {
            let args = [way, secret, &["--format", "json"]].concat();
            let said = bench.read(port, &args);
            assert_eq!(said.code, Some(0), "{args:?}: {said:#?}");
            for name in ["1-0:1.8.0", "1-0:2.8.0"] {
                let (read, shown) = (said.value(name), &state["registers"][name]);
                assert_eq!(read["value"].as_f64(), shown["value"].as_f64(), "{args:?} {name}");
                assert_eq!(read["unit"], shown["unit"], "{args:?} {name}");
            }
            assert_eq!(said.value("1-0:1.8.0")["meaning"], "energy active, import");
            let clock = said.value("0-0:1.0.0")["value"].as_str().expect("text").to_owned();
            assert!(
                clock.starts_with("2026-01-05T12:5") && clock.ends_with("+01:00"),
                "{clock}"
            );
        }
    }
}

#[test]
fn without_secrets_the_public_part_is_read() {
    let bench = Bench::begin(&[]);
    let said = bench.read("wrapper", &[]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert!(said.out.starts_with("FRR1030140200001 at "), "{}", said.out);
    assert!(said.out.contains("+01:00  clock\n"), "{}", said.out);
    let said = bench.read("wrapper", &["--list", "--format", "csv"]);
    assert!(
        said.out.contains("0-0:43.1.0,1,0,1 2,\"invocation counter 0\"\n"),
        "{}",
        said.out
    );
}

#[test]
fn everything_that_may_be_read_is_read() {
    let bench = Bench::begin(&[]);
    let said = bench.read("wrapper", &["KEYS", "--all", "--format", "json"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    let json = said.json();
    let values = json["values"].as_array().expect("values");
    assert!(500 < values.len(), "{} attributes", values.len());
    assert!(values.iter().all(|it| it["error"] == Value::Null));
}

#[test]
fn the_object_list_is_read_once_in_a_meters_life() {
    let bench = Bench::begin(&[]);
    let octets = |args: &[&str]| {
        let cutter = crate::command::Cutter::before(bench.meter.address("wrapper"), usize::MAX, 0);
        let said = bench.read_at(
            &cutter.address,
            &[
                &["--password", "demo-password", "--obis", "1-0:1.8.0", "--format", "json"],
                args,
            ]
            .concat(),
        );
        assert_eq!(said.code, Some(0), "{said:#?}");
        said.value("1-0:1.8.0")["value"].clone()
    };
    let list = || {
        let folder = std::fs::read_dir(bench.scratch.join("reader")).expect("a folder");
        let mut files: Vec<_> = folder
            .map(|file| file.expect("a file"))
            .filter(|file| file.file_name().to_string_lossy().starts_with("objects-"))
            .collect();
        assert_eq!(files.len(), 1);
        files.remove(0)
    };
    let first = octets(&[]);
    let written = list().metadata().expect("a file").modified().expect("a time");
    assert_eq!(octets(&[]), first);
    assert_eq!(
        list().metadata().expect("a file").modified().expect("a time"),
        written,
        "nothing was learned"
    );
    // What is not in the file may be in the meter: the list is read anew before anybody is refused.
    let forget = || {
        let text = std::fs::read_to_string(list().path()).expect("text");
        let mut known: Value = serde_json::from_str(&text).expect("JSON");
        let objects = known["objects"].as_array_mut().expect("a list");
        objects.retain(|it| it["name"] != serde_json::json!([1, 0, 1, 8, 0, 255]));
        std::fs::write(list().path(), known.to_string()).expect("written");
    };
    forget();
    assert_eq!(octets(&[]), first);
    forget();
    assert_eq!(octets(&["--refresh"]), first);
    let said = bench.read("wrapper", &["--password", "demo-password", "--obis", "9-9:9.9.9"]);
    assert_eq!(said.code, Some(4), "{said:#?}");
    assert!(said.err.contains("not in the object list"), "{}", said.err);
    // What is in the file and not in the meter: the list is read anew, too.
    let text = std::fs::read_to_string(list().path()).expect("text");
    std::fs::write(list().path(), text.replacen("[1,0,1,8,0,255]", "[9,0,1,8,0,255]", 1)).expect("written");
    let said = bench.read("wrapper", &["--password", "demo-password", "--format", "json"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert_eq!(said.value("1-0:1.8.0")["value"], first);
    // A damaged file is read anew.
    std::fs::write(list().path(), "{").expect("written");
    assert_eq!(octets(&[]), first);
}

#[test]
fn counters_are_never_used_twice() {
    let bench = Bench::begin(&[]);
    let kept = || {
        let folder = std::fs::read_dir(bench.scratch.join("reader")).expect("a folder");
        let file = folder
            .map(|file| file.expect("a file").path())
            .find(|path| path.to_string_lossy().contains("counter-"));
        let text = std::fs::read_to_string(file.expect("there is one")).expect("text");
        text.trim().parse::<u64>().expect("a number")
    };
    let accepted = || {
        let said = bench.read("wrapper", &["--obis", "0-0:43.1.0", "--format", "json"]);
        said.value("0-0:43.1.0")["value"].as_u64().expect("a number")
    };
    let mut before = accepted();
    for round in 0..3 {
        let said = bench.read(
            ["wrapper", "hdlc"][round % 2],
            &[&["KEYS", "--obis", "1-0:1.8.0"][..], [&[][..], &["--hdlc"]][round % 2]].concat(),
        );
        assert_eq!(said.code, Some(0), "{said:#?}");
        let now = accepted();
        assert!(before < now, "the meter accepted numbers after {before}: {now}");
        assert!(now < kept(), "what the meter has seen is not free: {now}");
        before = now;
    }
    // Another installation with the same keys goes on where the meter stands.
    std::fs::remove_dir_all(bench.scratch.join("reader")).expect("it is there");
    let said = bench.read("wrapper", &["KEYS", "--obis", "1-0:1.8.0"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert!(before < kept());
}

/// Where nobody tells which numbers are free none is guessed, and what the public client tells is followed only so far.
#[test]
fn a_counter_that_nobody_tells_or_that_is_far_away_is_said_on_the_command_line() {
    let bench = Bench::begin(&[]);
    let read = |args: &[&str]| bench.read("wrapper", &[&["KEYS", "--obis", "1-0:1.8.0"], args].concat());
    let untold = ["--counter", "0-0:43.1.99"];
    let forget = || std::fs::remove_dir_all(bench.scratch.join("reader")).expect("it is there");
    let title = || std::fs::read_to_string(bench.scratch.join("reader/system-title")).expect("it is kept");
    assert_eq!(read(&[]).code, Some(0), "the meter has accepted some");
    let own = title();
    forget();
    std::fs::create_dir_all(bench.scratch.join("reader")).expect("a folder");
    std::fs::write(bench.scratch.join("reader/system-title"), own).expect("written");
    let said = read(&untold);
    assert_eq!(said.code, Some(2), "{said:#?}");
    for part in ["0-0:43.1.99", "is new", "none is guessed", "--first-counter 1"] {
        assert!(said.err.contains(part), "{part} is missing: {}", said.err);
    }
    // Too low: the meter refuses, and the counter is among what to check.
    let said = read(&[&untold[..], &["--first-counter", "1"]].concat());
    assert_eq!(said.code, Some(4), "{said:#?}");
    assert!(said.err.contains("the counter, which began with 1,"), "{}", said.err);
    let said = read(&[&untold[..], &["--first-counter", "1000"]].concat());
    assert_eq!(said.code, Some(0), "{said:#?}");
    // From now on the file tells, and what it tells is not passed by a lower order.
    assert_eq!(read(&untold).code, Some(0));
    assert_eq!(read(&["--first-counter", "1"]).code, Some(0));
    // Far away: only by order.
    assert_eq!(read(&["--first-counter", "20000000"]).code, Some(0));
    forget();
    let said = read(&[]);
    assert_eq!(said.code, Some(1), "{said:#?}");
    assert!(said.err.contains("no more than 16777216 are"), "{}", said.err);
    let (_, told) = said.err.split_once("say --first-counter ").expect("what to try");
    let said = read(&["--first-counter", told.trim()]);
    assert_eq!(said.code, Some(0), "{said:#?}");
}

#[test]
fn csv_and_table_say_the_same_as_json() {
    let bench = Bench::begin(&[]);
    let asked = [
        "--password",
        "demo-password",
        "--obis",
        "1-0:32.7.0",
        "--obis",
        "1-0:0.3.0",
        "--obis",
        "1-0:1.8.0:3",
    ];
    let read = |format| {
        let said = bench.read("wrapper", &[&asked[..], &["--format", format]].concat());
        assert_eq!(said.code, Some(0), "{said:#?}");
        said
    };
    let volts = read("json").value("1-0:32.7.0")["value"].as_f64().expect("a number");
    let volts = format!("{volts:.1}");
    let csv = read("csv").out;
    let lines: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(lines[0], "obis,class,attribute,value,unit,meaning,error");
    assert_eq!(lines[1], format!("1-0:32.7.0,3,2,{volts},V,\"voltage, L1\","));
    assert!(lines[2].starts_with("1-0:0.3.0,3,2,1.000,1/Wh,"), "{}", lines[2]);
    let table = read("table").out;
    assert!(table.contains(&format!("{volts} V  voltage, L1\n")), "{table}");
    assert!(table.contains("1-0:1.8.0/3:3"), "{table}");
}

#[test]
fn the_optical_port_is_read_out_without_an_association() {
    let bench = Bench::begin(&[]);
    let said = bench.read("optical", &["--mode-c"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    let lines: Vec<_> = said.out.split("\r\n").collect();
    assert_eq!(lines[..2], ["F.F(00000000)", "C.1.0(40200001)"]);
    let state = bench.meter.state();
    let energy = state["registers"]["1-0:1.8.0"]["value"].as_f64().expect("a number");
    let expected = format!("1.8.0({:012.3}*kWh)", energy / 1000.0);
    assert!(lines.contains(&expected.as_str()), "{expected} is not in {lines:?}");
    // By its address, and not by another's.
    let said = bench.read("optical", &["--mode-c", "--device-address", "40200001"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    let said = bench.read("optical", &["--mode-c", "--device-address", "40200002"]);
    assert_eq!(said.code, Some(3), "{said:#?}");
    assert!(said.err.contains("--device-address"), "{}", said.err);
}
