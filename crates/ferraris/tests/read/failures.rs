//! What goes wrong has an exit code of its own kind and says what, where, why, and what to try.

use std::net::TcpListener;

use crate::command::{Bench, forger};

#[test]
fn a_wrong_secret_is_a_refusal_that_says_what_to_try() {
    let bench = Bench::begin(&[]);
    for port in ["wrapper", "hdlc"] {
        let way: &[&str] = if port == "hdlc" { &["--hdlc"] } else { &[] };
        let said = bench.read(port, &[way, &["--password", "another-word"]].concat());
        assert_eq!(said.code, Some(4), "{said:#?}");
        let address = bench.meter.address(port);
        for part in [
            address,
            "AARE rejected: authentication failure (13)",
            "Client 1 may use HLS 5 or HLS 6 there; you used LLS",
            "check --password",
        ] {
            assert!(said.err.contains(part), "{part} is missing: {}", said.err);
        }
        assert_eq!(said.out, "");
    }
    // A mechanism that the client does not have.
    let said = bench.read("wrapper", &["--client", "16", "--password", "demo-password"]);
    assert_eq!(said.code, Some(4), "{said:#?}");
    assert!(
        said.err.contains("AARE rejected: ") && said.err.contains("client 16"),
        "{}",
        said.err
    );
    let said = bench.read("wrapper", &["--client", "1"]);
    assert_eq!(said.code, Some(4), "{said:#?}");
    assert!(
        said.err.contains("must authenticate") || said.err.contains("try --keys"),
        "{}",
        said.err
    );
    // Wrong keys.
    let keys = bench.scratch.join("wrong.toml");
    let key = |digit: &str| digit.repeat(32);
    std::fs::write(
        &keys,
        format!(
            "encryption_key = \"{}\"\nauthentication_key = \"{}\"\n",
            key("1"),
            key("2")
        ),
    )
    .expect("written");
    let said = bench.read("wrapper", &["--keys", keys.to_str().expect("text")]);
    assert_eq!(said.code, Some(4), "{said:#?}");
    assert!(!said.err.contains(&key("1")), "a key was printed");
}

#[test]
fn nobody_there_is_told_apart_from_no() {
    let bench = Bench::begin(&[]);
    // A port on which nobody listens.
    let free = TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port");
    let said = bench.read_at(&free.to_string(), &[]);
    assert_eq!(said.code, Some(3), "{said:#?}");
    assert!(
        said.err.contains(&free.to_string()) && said.err.contains("Is the meter on"),
        "{}",
        said.err
    );
    // Somebody who says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = mute.local_addr().expect("an address").to_string();
    for way in [&[][..], &["--hdlc"]] {
        let said = bench.read_at(&address, &[way, &["--timeout", "1", "--retries", "0"]].concat());
        assert_eq!(said.code, Some(3), "{said:#?}");
        assert!(
            said.err.contains("did not answer in time") && said.err.contains("--physical"),
            "{}",
            said.err
        );
    }
    // The wrong framing, both ways round.
    let said = bench.read("hdlc", &["--timeout", "1", "--retries", "0"]);
    assert_eq!(said.code, Some(3), "{said:#?}");
    let said = bench.read("wrapper", &["--hdlc", "--timeout", "1", "--retries", "0"]);
    assert_eq!(said.code, Some(3), "{said:#?}");
    assert!(said.err.contains("framing"), "{}", said.err);
    // The wrong physical address.
    let said = bench.read(
        "hdlc",
        &["--hdlc", "--physical", "18", "--timeout", "1", "--retries", "0"],
    );
    assert_eq!(said.code, Some(3), "{said:#?}");
}

#[test]
fn what_makes_no_sense_is_usage() {
    let bench = Bench::begin(&[]);
    for (args, part) in [
        (&["--auth", "hls5"][..], "encryption_key"),
        (&["--auth", "lls"], "password"),
        (&["--obis", "nonsense"], "1-0:1.8.0"),
        (&["--profile", "1", "--from", "yesterday"], "2026-01-05"),
        (&["--from", "2026-01-05"], "--profile"),
        (&["--hdlc", "--udp"], "--udp"),
        (&["--keys", "/nowhere/keys.toml"], "/nowhere/keys.toml"),
        (
            &[
                "--password",
                "demo-password",
                "--profile",
                "1",
                "--from",
                "2026-01-06",
                "--to",
                "2026-01-05",
            ],
            "before",
        ),
    ] {
        let said = bench.read("wrapper", args);
        assert_eq!(said.code, Some(2), "{args:?}: {said:#?}");
        assert!(said.err.contains(part), "{args:?}: {}", said.err);
    }
    let said = bench.read_at("nowhere", &[]);
    assert_eq!(said.code, Some(2), "{said:#?}");
    let keys = bench.scratch.join("broken.toml");
    std::fs::write(&keys, "encryption_key = \"SECRET\"\nauthentication_key = \"00\"\n").expect("written");
    let said = bench.read("wrapper", &["--keys", keys.to_str().expect("text")]);
    assert_eq!(said.code, Some(2), "{said:#?}");
    assert!(!said.err.contains("SECRET"), "a key was printed: {}", said.err);
}

#[test]
fn some_of_it_is_partial_and_none_of_it_refused() {
    let bench = Bench::begin(&[]);
    let said = bench.read(
        "wrapper",
        &["--obis", "0-0:1.0.0", "--obis", "1-0:1.8.0/3", "--format", "csv"],
    );
    assert_eq!(said.code, Some(5), "{said:#?}");
    assert!(
        said.out
            .contains("1-0:1.8.0,3,2,,,\"energy active, import\",read-write denied"),
        "{}",
        said.out
    );
    assert!(said.err.contains("1 of 2 attributes were refused"), "{}", said.err);
    let said = bench.read("wrapper", &["--obis", "1-0:1.8.0/3"]);
    assert_eq!(said.code, Some(4), "{said:#?}");
    assert!(said.out.contains("read-write denied"), "{}", said.out);
    // A name that the object list lacks keeps nobody from the others.
    let asked = [
        "--obis",
        "1-0:99.99.0",
        "--obis",
        "0-0:1.0.0",
        "--obis",
        "1-0:99.98.0:3",
    ];
    let said = bench.read("wrapper", &[&["--format", "json"], &asked[..]].concat());
    assert_eq!(said.code, Some(5), "{said:#?}");
    assert!(said.value("0-0:1.0.0")["value"].is_string(), "{said:#?}");
    for name in ["1-0:99.99.0", "1-0:99.98.0"] {
        let reply = said.value(name);
        assert_eq!(reply["error"]["text"], "not in the object list");
        assert!(
            reply["class"].is_null() && reply["error"]["code"].is_null(),
            "{reply:#}"
        );
    }
    for part in [
        "2 of 3 attributes were refused",
        "1-0:99.99.0, 1-0:99.98.0 are not in the object list of client 16",
    ] {
        assert!(said.err.contains(part), "{part} is missing: {}", said.err);
    }
    let said = bench.read("wrapper", &asked);
    assert!(said.out.contains("\n1-0:99.98.0:3  "), "{}", said.out);
    let said = bench.read("wrapper", &["--obis", "1-0:99.99.0"]);
    assert_eq!(said.code, Some(4), "{said:#?}");
}

/// The association's answers, the proof of the meter, and everything afterwards: what does not open cannot be used (1), and is no refusal.
#[test]
fn what_does_not_decipher_is_a_failure_and_what_came_before_it_is_shown() {
    let bench = Bench::begin(&[]);
    let names = ["--obis", "1-0:1.8.0/3", "--obis", "1-0:2.8.0/3"];
    assert_eq!(bench.read("wrapper", &[&["KEYS"], &names[..]].concat()).code, Some(0));
    // AARE, proof, identity, measures and values.
    let mut codes = Vec::new();
    for (first, counter) in (1..).zip((1000..).step_by(1000)) {
        let address = forger(bench.meter.address("wrapper"), first);
        let counter = i32::to_string(&counter);
        let said = bench.read_at(&address, &[&["KEYS", "--first-counter", &counter], &names[..]].concat());
        if said.code == Some(0) {
            break;
        }
        assert!(!said.err.contains("once more"), "it is not tried again: {}", said.err);
        assert_eq!(said.code, Some(1), "{said:#?}");
        assert!(
            said.err.contains("--keys") || said.err.contains("Wrong keys"),
            "{}",
            said.err
        );
        codes.push(said.code);
    }
    assert!(4 <= codes.len(), "{codes:?}");
}
