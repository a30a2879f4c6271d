//! Every mechanism in every suite, every form of protection, and what the reader says when a meter wants another one
//! (issue 5, 2 and 4).

use crate::command::{Bench, Said};
use crate::party::{PASSWORD, SECRET, party};
use crate::profiles::grow;

/// Reads name and clock of a party's meter.
fn read(bench: &Bench, port: &str, args: &[&str]) -> Said {
    let keys = bench.scratch.join("client.toml").display().to_string();
    let names = ["--obis", "0-0:42.0.0/1", "--obis", "0-0:1.0.0/8", "--format", "json"];
    bench.read(port, &[&["--keys", &keys], args, &names].concat())
}

#[track_caller]
fn succeeds(bench: &Bench, port: &str, args: &[&str]) {
    let said = read(bench, port, args);
    assert_eq!(said.code, Some(0), "{args:?}: {said:#?}");
    let name = said.value("0-0:42.0.0")["value"].clone();
    assert_eq!(name, "FRR1030140200001", "{args:?}");
    let clock = said.value("0-0:1.0.0")["value"].as_str().expect("text").to_owned();
    assert!(clock.starts_with("2026-01-05T12:5"), "{args:?}: {clock}");
}

#[track_caller]
fn fails(said: &Said, code: i32, parts: &[&str]) {
    assert_eq!(said.code, Some(code), "{said:#?}");
    for part in parts {
        assert!(said.err.contains(part), "{part} is missing: {}", said.err);
    }
    for secret in [PASSWORD, SECRET, "101112131415"] {
        assert!(!said.err.contains(secret), "a secret was printed: {}", said.err);
    }
}

const MECHANISMS: &[&[&str]] = &[
    &["--auth", "none", "--client", "16"],
    &["--auth", "lls"],
    &["--auth", "hls2"],
    &["--auth", "hls3"],
    &["--auth", "hls4"],
    &["--auth", "hls5"],
    &["--auth", "hls6"],
    &["--auth", "hls6", "--client", "2"],
];

const FORMS: &[&[&str]] = &[
    &["--form", "ded"],
    &["--form", "general-glo"],
    &["--form", "general-ded"],
    &["--form", "general-ciphering"],
    &["--form", "general-ciphering", "--session-key", "wrapped"],
];

const ASYMMETRIC_FORMS: &[&[&str]] = &[
    &["--auth", "hls7"],
    &["--auth", "hls7", "--form", "general-ded"],
    &["--sign"],
    &["--sign", "--form", "general-ciphering"],
    &["--form", "general-ciphering", "--session-key", "one-pass"],
    &["--form", "general-ciphering", "--session-key", "static"],
    &[
        "--auth",
        "hls7",
        "--sign",
        "--form",
        "general-ciphering",
        "--session-key",
        "one-pass",
    ],
];

#[test]
fn every_mechanism_and_every_form_reads_in_suite_0() {
    let bench = party(0, "");
    for args in MECHANISMS.iter().chain(FORMS) {
        succeeds(&bench, "wrapper", args);
    }
    // Complaint 11 of `dlms_peers.md`: the object of the counter is the caller's to name, and may be none.
    for counter in ["0-0:43.1.1", "0-0:43.1.99"] {
        succeeds(&bench, "wrapper", &["--counter", counter]);
    }
    for args in [MECHANISMS[6], FORMS[4]] {
        succeeds(&bench, "hdlc", &[args, &["--hdlc"]].concat());
        succeeds(&bench, "udp", &[args, &["--udp"]].concat());
    }
}

#[test]
fn every_mechanism_and_every_form_reads_in_suites_1_and_2() {
    for suite in [1, 2] {
        let bench = party(suite, "");
        for args in MECHANISMS.iter().chain(FORMS).chain(ASYMMETRIC_FORMS) {
            succeeds(&bench, "wrapper", args);
        }
        let most = ASYMMETRIC_FORMS[6];
        succeeds(&bench, "hdlc", &[most, &["--hdlc"]].concat());
        succeeds(&bench, "optical", &[&["--auth", "hls7"][..], &["--mode-e"]].concat());
    }
}

#[test]
fn a_refused_reader_hears_what_the_meter_expects() {
    let bench = party(0, "");
    // A mechanism that the client does not have there.
    let said = bench.read("wrapper", &["--client", "2", "--password", "another-word"]);
    fails(
        &said,
        4,
        &[
            "AARE rejected: authentication mechanism name not recognised (11)",
            "The meter expects HLS 5, HLS 6, HLS 2, HLS 3 or HLS 4 on client 2; you used LLS",
        ],
    );
    let said = bench.read("hdlc", &["--hdlc", "--client", "1"]);
    fails(
        &said,
        4,
        &[
            "The meter expects HLS 5,",
            "on client 1; you used no authentication",
            "--keys FILE",
        ],
    );
    // A wrong secret: the mechanism may be right.
    let said = bench.read("wrapper", &["--password", "another-word"]);
    fails(
        &said,
        4,
        &[
            "authentication failure (13)",
            "Client 1 may use HLS 5, ",
            "you used LLS",
            "check --password",
        ],
    );
    // A plain context where a ciphered one is due.
    let said = read(&bench, "wrapper", &["--auth", "hls6", "--context", "plain"]);
    fails(&said, 4, &["application context", "you used HLS 6", "ciphered"]);
    // Nobody of that number: then there is nothing to expect.
    let said = bench.read("wrapper", &["--client", "77"]);
    fails(
        &said,
        4,
        &[
            "You are client 77; you used no authentication",
            "may not have client 77",
        ],
    );
    // The questions were no attempts: the meter counts the one wrong password that it looked at, and notes no more than that somebody
    // asked for less than he must show.
    let names = ["--obis", "0-0:44.2.2:10", "--format", "json"];
    let said = bench.read("wrapper", &[&["--password", PASSWORD][..], &names].concat());
    assert_eq!(said.code, Some(0), "{said:#?}");
    assert_eq!(said.value("0-0:44.2.2")["value"], 1, "cumulative_failed_attempts");
    let logs = &bench.meter.state()["logs"];
    let told = |log: &str| -> Vec<_> {
        let entries = logs[log].as_array().expect("entries");
        entries.iter().map(|entry| entry["code"].clone()).collect()
    };
    assert_eq!(told("security"), [229], "{logs:#}");
    assert!(told("fraud").is_empty(), "{logs:#}");
}

#[test]
fn a_name_that_the_public_client_does_not_have_names_client_and_credentials() {
    let bench = party(0, "");
    let said = bench.read("wrapper", &["--obis", "1-0:32.7.0"]);
    fails(
        &said,
        4,
        &[
            "1-0:32.7.0 is not in the object list of client 16",
            "--password TEXT or --keys FILE",
            "1-0:32.7.0/3",
        ],
    );
    let said = read(&bench, "wrapper", &["--obis", "1-0:99.99.0"]);
    fails(&said, 5, &["1-0:99.99.0 is not in the object list of client 1."]);
    assert!(!said.err.contains("--password"), "{}", said.err);
}

#[test]
fn what_a_form_lacks_is_usage() {
    let bench = party(0, "");
    for (args, parts) in [
        (&["--auth", "hls7"][..], &["HLS 7 needs suite 1 or 2"][..]),
        (&["--sign"], &["--sign needs keys of suite 1 or 2"]),
        (
            &["--session-key", "wrapped"],
            &["--session-key needs --form general-ciphering"],
        ),
        (
            &["--form", "general-ciphering", "--session-key", "static"],
            &["key agreement needs suite 1 or 2"],
        ),
        (
            &["--form", "ded", "--auth", "lls"],
            &["--form needs a ciphered context"],
        ),
        (
            &["--form", "ded", "--protect", "authentication"],
            &["a dedicated key needs --protect both or encryption"],
        ),
        (
            &["--suite", "2"],
            &["encryption_key in --keys must have 64 hexadecimal digits"],
        ),
        (&["--suite", "3"], &["0..=2"]),
        (&["--auth", "hls8"], &["hls7"]),
    ] {
        fails(&read(&bench, "wrapper", args), 2, parts);
    }
    let bare = |args: &[&str], part: &str| fails(&bench.read("wrapper", args), 2, &[part]);
    bare(&["--auth", "hls3"], "HLS 3 needs hls_secret");
    bare(
        &["--auth", "lls", "--context", "ciphered", "--password", "x"],
        "a ciphered context needs encryption_key",
    );
    // A certificate of the wrong kind, and none at all.
    let bench = party(1, "");
    let keys = std::fs::read_to_string(bench.scratch.join("client.toml")).expect("written");
    let path = bench.scratch.join("wrong.toml");
    for (from, to, part) in [
        ("meter-signing.der", "meter-agreement.der", "it is for another use"),
        ("meter-signing.der", "nobody.der", "No such file"),
        ("suite = 1", "suite = 2", "must have 64"),
    ] {
        std::fs::write(&path, keys.replace(from, to)).expect("written");
        let said = bench.read("wrapper", &["--keys", path.to_str().expect("text"), "--auth", "hls7"]);
        fails(&said, 2, &[part]);
    }
}

/// Each difference of `dlms_peers.md` as a setting of both sides (issue 5, 6).
#[test]
fn what_implementations_differ_in_is_ordered_and_read() {
    const KEYED: &[&str] = &["--form", "general-ciphering", "--session-key", "one-pass"];
    for (order, dialect, form) in [
        ("header_authenticated = false", "header-not-authenticated", KEYED),
        ("content_length_signed = true", "content-length-signed", &["--sign"]),
        ("ephemeral_scheme_signed = true", "ephemeral-scheme-signed", KEYED),
        ("dedicated_counter = true", "dedicated-counter", &["--form", "ded"]),
        ("gmac_names_suite = false", "gmac-without-suite", &[]),
    ] {
        let bench = party(1, &format!("differences = {{ {order} }}"));
        succeeds(&bench, "wrapper", &[form, &["--dialect", dialect]].concat());
        let standard = read(&bench, "wrapper", form);
        match dialect {
            // The other form is understood by both.
            "content-length-signed" | "ephemeral-scheme-signed" => assert_eq!(standard.code, Some(0), "{standard:#?}"),
            _ => assert_ne!(standard.code, Some(0), "{dialect}: {standard:#?}"),
        }
    }
}

/// The bits of ACCESS and general blocks: the standard's form is that they must be negotiated; a meter tolerates them without, a reader uses
/// them without, when ordered (issue 5, 6).
#[test]
fn services_are_used_without_negotiation_only_where_that_is_ordered() {
    const ACCESS: &[&str] = &["--use", "access", "--dialect", "access-not-negotiated", "--refresh"];
    const BLOCKS: &[&str] = &[
        "--use",
        "general-blocks,access",
        "--dialect",
        "general-blocks-not-negotiated,access-not-negotiated",
        "--pdu",
        "64",
        "--refresh",
    ];
    let withheld = "withheld = [\"access\", \"general-blocks\", \"lists\", \"attribute-0\", \"deltas\"]";
    let strict = party(0, &format!("differences = {{ {withheld} }}"));
    for args in [ACCESS, BLOCKS] {
        let said = read(&strict, "wrapper", args);
        assert_ne!(said.code, Some(0), "{args:?}: {said:#?}");
    }
    // Without these it is read one by one.
    succeeds(&strict, "wrapper", &["--use", "access,general-blocks,deltas"]);
    let tolerant = "tolerated = [\"access\", \"general-blocks\"], general_blocks_first = true";
    let tolerant = party(0, &format!("differences = {{ {withheld}, {tolerant} }}"));
    for args in [ACCESS, BLOCKS] {
        succeeds(&tolerant, "wrapper", args);
    }
}

/// The sign of the deviation (complaint 14 of `dlms_peers.md`): a meter and a reader of the other form, over the clock, a range and its rows.
#[test]
fn the_other_sign_of_the_deviation_is_ordered_and_read() {
    let reversed = party(0, "differences = { deviation_reversed = true }");
    let standard = party(0, "");
    for bench in [&reversed, &standard] {
        grow(bench, PASSWORD);
    }
    let rows = |bench: &Bench, sign: &str, form: &str| {
        let keys = bench.scratch.join("client.toml").display().to_string();
        let ends = [
            "--from",
            "2026-01-05T12:30:00+01:00",
            "--to",
            "2026-01-05T14:00:00+01:00",
        ];
        let more = ["--deviation-sign", sign, "--range-deviation", form, "--format", "csv"];
        let said = bench.read(
            "wrapper",
            &[&["--keys", &keys, "--profile", "1"][..], &ends, &more].concat(),
        );
        assert_eq!(said.code, Some(0), "{said:#?}");
        said.out
    };
    for form in ["as-written", "present", "absent"] {
        let expected = rows(&standard, "standard", form);
        assert!(expected.contains("2026-01-05T13:00:00+01:00"), "{expected}");
        let same = |it: &str| it.lines().next().map(str::to_owned);
        assert_eq!(same(&rows(&reversed, "reversed", form)), same(&expected));
        assert!(rows(&reversed, "reversed", form).contains("2026-01-05T13:00:00+01:00"));
    }
    // Who does not know it reads the zone the other way round.
    let clock = ["--obis", "0-0:1.0.0/8", "--format", "json"];
    let keys = reversed.scratch.join("client.toml").display().to_string();
    for (sign, zone) in [("reversed", "+01:00"), ("standard", "-01:00")] {
        let said = reversed.read(
            "wrapper",
            &[&["--keys", &keys, "--deviation-sign", sign][..], &clock].concat(),
        );
        let clock = said.value("0-0:1.0.0")["value"].as_str().expect("text").to_owned();
        assert!(clock.contains(zone), "{sign}: {clock}");
    }
}

/// ACCESS, general blocks and shortened rows where the meter grants them, and the same values where it withholds them.
#[test]
fn services_and_encodings_that_are_granted_are_used() {
    let keys = |bench: &Bench| bench.scratch.join("client.toml").display().to_string();
    let all = |bench: &Bench, more: &[&str]| {
        let keys = keys(bench);
        let said = bench.read(
            "wrapper",
            &[
                &[
                    "--keys",
                    &keys,
                    "--obis",
                    "1-0:1.8.0",
                    "--obis",
                    "1-0:2.8.0",
                    "--obis",
                    "0-0:42.0.0/1",
                ],
                more,
                &["--format", "json"],
            ]
            .concat(),
        );
        assert_eq!(said.code, Some(0), "{more:?}: {said:#?}");
        said.json()["values"].clone()
    };
    let bench = party(0, "");
    let plain = all(&bench, &[]);
    for more in [
        &["--use", "access"][..],
        &["--use", "general-blocks", "--pdu", "128", "--refresh"],
        &["--use", "access,general-blocks", "--pdu", "64"],
    ] {
        assert_eq!(all(&bench, more), plain, "{more:?}");
    }
    let bench = party(
        0,
        "differences = { withheld = [\"access\", \"general-blocks\", \"general-protection\"] }",
    );
    assert_eq!(all(&bench, &["--use", "access,general-blocks", "--pdu", "128"]), plain);
}

#[test]
fn rows_in_every_form_are_the_same_rows() {
    let mut bench = party(0, "row_form = \"plain\"");
    for _ in 0..3 {
        grow(&bench, PASSWORD);
    }
    let read = |bench: &Bench, more: &[&str]| {
        let keys = bench.scratch.join("client.toml").display().to_string();
        let args = [
            "--keys",
            &keys,
            "--profile",
            "1",
            "--to",
            "2026-01-06T00:00",
            "--format",
            "csv",
        ];
        let said = bench.read("wrapper", &[&args[..], more].concat());
        assert_eq!(said.code, Some(0), "{more:?}: {said:#?}");
        said.out
    };
    let plain = read(&bench, &[]);
    assert!(3 < plain.lines().count(), "{plain}");
    for (form, more) in [
        ("null-data", &[][..]),
        ("delta", &["--use", "deltas"]),
        ("delta", &[]),
        ("compact-array", &[]),
    ] {
        bench = bench.ordered_anew(|order| {
            let line = order
                .lines()
                .find(|line| line.starts_with("row_form"))
                .expect("it is ordered");
            order.replace(line, &format!("row_form = \"{form}\""))
        });
        assert_eq!(read(&bench, more), plain, "{form} {more:?}");
    }
}
