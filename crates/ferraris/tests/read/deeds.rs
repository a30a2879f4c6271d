//! Attributes are written and methods invoked, over every framing and in every form, and what is shown can be written back.

use serde_json::Value;

use crate::command::{Bench, Cutter, Said};
use crate::party::{PASSWORD, party};

fn entry(said: &Said, list: &str, name: &str) -> Value {
    let json = said.json();
    let found = json[list]
        .as_array()
        .expect("a list")
        .iter()
        .find(|it| it["obis"] == name);
    found
        .unwrap_or_else(|| panic!("{name} is not in {list}: {json:#}"))
        .clone()
}

/// Issue line "Client: same completeness": GET, SET and ACTION, alone, with lists, in blocks and by ACCESS.
#[test]
fn values_are_written_and_methods_invoked_in_every_form() {
    let bench = Bench::begin(&[]);
    let text = "long, ".repeat(8);
    let long = format!("0-0:96.1.4=text:\"{text}\"");
    let forms: [(&str, &[&str]); 6] = [
        ("wrapper", &["KEYS"]),
        ("wrapper", &["--password", "demo-password"]),
        ("wrapper", &["KEYS", "--use", "access"]),
        ("wrapper", &["KEYS", "--use", "general-blocks", "--pdu", "128"]),
        ("hdlc", &["KEYS", "--hdlc", "--information", "128"]),
        ("udp", &["KEYS", "--udp", "--form", "general-ded"]),
    ];
    for (round, (port, form)) in forms.iter().enumerate() {
        let short = format!("0-0:96.1.1=text:ROUND {round}");
        let deeds = [
            "--set",
            &short,
            "--set",
            &long,
            "--action",
            "0-0:96.3.10:1",
            "--obis",
            "0-0:96.1.1",
            "--obis",
            "0-0:96.1.4",
            "--obis",
            "0-0:96.3.10",
            "--format",
            "json",
        ];
        let said = bench.read(port, &[form, &deeds[..]].concat());
        assert_eq!(said.code, Some(0), "{form:?}: {said:#?}");
        assert_eq!(entry(&said, "written", "0-0:96.1.1")["result"], "success");
        assert_eq!(entry(&said, "written", "0-0:96.1.4")["result"], "success");
        assert_eq!(entry(&said, "invoked", "0-0:96.3.10")["result"], "success");
        // What is read afterwards shows it.
        assert_eq!(said.value("0-0:96.1.1")["value"], format!("ROUND {round}"), "{form:?}");
        assert_eq!(said.value("0-0:96.1.4")["value"], text, "{form:?}");
        assert_eq!(said.value("0-0:96.3.10")["value"], false, "disconnected");
        let said = bench.read(port, &[form, &["--action", "0-0:96.3.10/70:2=integer:0"][..]].concat());
        assert_eq!(said.code, Some(0), "{form:?}: {said:#?}");
        assert!(said.out.contains("0-0:96.3.10/70 method 2  done"), "{}", said.out);
    }
}

/// A meter without lists gets one thing after the other. Where the wire breaks, what is done is shown as done, what was sent and not
/// answered as that, and the rest as not done.
#[test]
fn what_was_done_before_a_break_is_told_and_not_done_again() {
    let bench = party(0, "differences = { withheld = [\"lists\"] }");
    let names = ["0-0:96.1.1/1:2", "0-0:96.1.2/1:2", "0-0:96.1.3/1:2"];
    let mut kinds = Vec::new();
    for octets in (100..).step_by(4) {
        let cutter = Cutter::before(bench.meter.address("wrapper"), octets, 0);
        let sets = names.map(|name| format!("{name}=text:CUT {octets}"));
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        let said = bench.read_at(
            &cutter.address,
            &[&["--password", PASSWORD, "--retries", "3", "--quiet"], &sets[..]].concat(),
        );
        let done = said.out.matches("  written  ").count();
        if said.code == Some(0) {
            assert_eq!(done, 3, "{said:#?}");
            break;
        }
        let doubt = usize::from(said.err.contains("it may be done or not"));
        let (doubtful, rest) = names[done..].split_at(doubt);
        for name in doubtful {
            assert!(
                said.err.contains(&format!("{name} was sent and not answered")),
                "{said:#?}"
            );
        }
        if doubt == 0 {
            // Nothing was sent in as many associations as were tried.
            assert_eq!((said.code, done), (Some(3), 0), "{said:#?}");
            continue;
        }
        let not_done = format!("Not done: {}", rest.join(", "));
        assert_eq!(said.err.contains(&not_done), !rest.is_empty(), "{said:#?}");
        assert_eq!(said.code, Some(if 0 < done { 5 } else { 3 }), "{said:#?}");
        // As the meter has it: what was answered is there, and what was not sent is not.
        let asked: Vec<&str> = names.iter().flat_map(|name| ["--obis", name]).collect();
        let read = ["--password", PASSWORD, "--format", "json"];
        let read = bench.read("wrapper", &[&read[..], &asked].concat()).json();
        let is_there = |at: usize| read["values"][at]["value"] == format!("CUT {octets}");
        assert!(
            (0..done).all(is_there) && !(done + 1..3).any(is_there),
            "{octets}: {read:#}"
        );
        kinds.push(done);
    }
    kinds.dedup();
    assert_eq!(kinds, [0, 1, 2]);
}

/// What table and JSON show goes back: with types, and without where the type is that of what is there.
#[test]
fn what_is_shown_can_be_written_back() {
    let bench = Bench::begin(&[]);
    let names = [
        "0-0:1.0.0",
        "0-0:96.1.1",
        "0-0:44.2.2",
        "0-0:22.0.0/23:8",
        "0-0:13.0.0/20:9",
        "0-0:11.0.0/11:2",
        "0-0:96.3.10/70:4",
    ];
    let said = bench.read("wrapper", &["KEYS", "--set", "0-0:96.1.1=text:WRITTEN ONCE"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    let asked: Vec<&str> = names.iter().flat_map(|name| ["--obis", name]).collect();
    let read = bench.read("wrapper", &[&["KEYS", "--format", "json"][..], &asked].concat());
    assert_eq!(read.code, Some(0), "{read:#?}");
    let values = read.json()["values"].as_array().expect("values").clone();
    let table = bench.read("wrapper", &[&["KEYS"][..], &asked].concat());
    for form in ["data", "value", "table"] {
        let mut sets = Vec::new();
        for (value, name) in values.iter().zip(names) {
            let shown = match (form, &value["value"]) {
                ("data", _) => value["data"].as_str().expect("text").to_owned(),
                ("table", _) => {
                    let label = if name.ends_with(":2") {
                        name.split('/').next().expect("a name")
                    } else {
                        name
                    };
                    let line = table.out.lines().find(|line| line.starts_with(label)).expect(name);
                    line[label.len()..]
                        .trim_start()
                        .split("  ")
                        .next()
                        .expect("a value")
                        .to_owned()
                }
                (_, Value::String(text)) => text.clone(),
                (_, other) => other.to_string(),
            };
            sets.extend(["--set".to_owned(), format!("{name}={shown}")]);
        }
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let said = bench.read("wrapper", &[&["KEYS", "--format", "json"][..], &sets, &asked].concat());
        assert_eq!(said.code, Some(0), "{form}: {said:#?}");
        let now = said.json()["values"].as_array().expect("values").clone();
        // The clock has gone on, and says no hundredths where it was set without.
        assert_eq!(now[1..], values[1..], "{form}");
    }
}

#[test]
fn what_cannot_be_done_is_told_apart_and_nothing_is_half_done() {
    let bench = Bench::begin(&[]);
    let text = |said: &Said| said.value("0-0:96.1.1")["value"].clone();
    let read = || bench.read("wrapper", &["KEYS", "--obis", "0-0:96.1.1", "--format", "json"]);
    let said = bench.read("wrapper", &["KEYS", "--set", "0-0:96.1.1=text:BEFORE"]);
    assert_eq!(said.code, Some(0), "{said:#?}");
    // A slip of the pen in the second value: the first is not written.
    for (second, part) in [
        ("0-0:96.1.2=5", "is no octet-string"),
        ("0-0:44.2.2/124:3=[1,2]", "--set 0-0:44.2.2/124:3"),
        ("0-0:44.2.2=unsigned:300", "0 to 255"),
        ("0-0:96.1.2=structure{text:A", "} is missing"),
    ] {
        let said = bench.read("wrapper", &["KEYS", "--set", "0-0:96.1.1=text:AFTER", "--set", second]);
        assert_eq!(said.code, Some(2), "{second}: {said:#?}");
        assert!(
            said.err.contains(part) && said.err.contains("Nothing was written"),
            "{}",
            said.err
        );
        assert_eq!(text(&read()), "BEFORE", "{second}");
    }
    for (option, wrong) in [
        ("--set", "0-0:96.1.1"),
        ("--set", "0-0:96.1.1:1=text:A"),
        ("--action", "0-0:96.3.10"),
        ("--action", "0-0:96.3.10:0"),
    ] {
        let said = bench.read("wrapper", &["KEYS", option, wrong]);
        assert_eq!(said.code, Some(2), "{wrong}: {said:#?}");
    }
    // Some of it, and none of it.
    let said = bench.read(
        "wrapper",
        &[
            "KEYS",
            "--set",
            "0-0:96.1.1=text:AFTER",
            "--set",
            "1-0:1.8.0=7",
            "--action",
            "0-0:96.3.10:9",
        ],
    );
    assert_eq!(said.code, Some(5), "{said:#?}");
    assert!(said.err.contains("2 of 3 things were refused"), "{}", said.err);
    assert!(said.out.contains("written  device identification 2"), "{}", said.out);
    assert_eq!(text(&read()), "AFTER");
    let said = bench.read("wrapper", &["KEYS", "--set", "1-0:1.8.0=7"]);
    assert_eq!(said.code, Some(4), "{said:#?}");
    let said = bench.read("wrapper", &["--set", "0-0:96.1.1/1=text:PUBLIC"]);
    assert_eq!(said.code, Some(4), "{said:#?}");
    assert!(said.err.contains("none of what was asked for"), "{}", said.err);
    // The wire breaks before the answer: it is not sent again, and nobody knows.
    let whole = Cutter::before(bench.meter.address("wrapper"), usize::MAX, 0);
    let said = bench.read_at(
        &whole.address,
        &[
            "--password",
            "demo-password",
            "--obis",
            "0-0:96.1.1/1",
            "--format",
            "json",
        ],
    );
    assert_eq!(said.code, Some(0), "{said:#?}");
    let (mut lost, mut done) = (0, 0);
    for octets in (60..400).step_by(20) {
        let cutter = Cutter::before(bench.meter.address("wrapper"), octets, 0);
        let set = format!("0-0:96.1.1/1=text:CUT {octets}");
        let said = bench.read_at(
            &cutter.address,
            &[
                "--password",
                "demo-password",
                "--set",
                &set,
                "--retries",
                "1",
                "--timeout",
                "5",
            ],
        );
        if said.err.contains("it may be done or not") {
            assert_eq!(said.code, Some(3), "{said:#?}");
            lost += 1;
        } else if said.code == Some(0) {
            assert_eq!(text(&read()), format!("CUT {octets}"));
            done += 1;
        }
    }
    assert!(0 < lost && 0 < done, "{lost} lost, {done} done");
}
