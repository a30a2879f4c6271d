//! `ferraris display` against a running meter: the glass as text, by list and by press (C9).

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::running::{Running, Scratch};

fn display(meter: &Running, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_ferraris"))
        .arg("display")
        .arg(meter.address("http"))
        .args(args)
        .output()
        .expect("the command is built");
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

#[test]
fn lists_are_printed_page_by_page_with_code_value_unit_and_symbols() {
    let scratch = Scratch::new();
    let meter = Running::start(
        &scratch,
        &["--seed", "1", "--start", "2026-01-05T11:50:00Z", "--speed", "1"],
    );
    meter.put(
        "/api/v1/world/load",
        &json!({ "phases": [{ "amps": 5 }, { "amps": 5 }, { "amps": 5 }] }),
    );
    meter.until("the segments test is over and power flows", |state| {
        state["display"]["segments_test"] == json!(false)
            && state["display"]["symbols"]
                .as_array()
                .is_some_and(|lit| lit.contains(&json!("import")))
    });
    // The world stands still, so that no page rolls on.
    meter.put("/api/v1/time", &json!({ "speed": 0 }));
    let (code, manual, errors) = display(&meter, &["--list", "manual"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let lines: Vec<&str> = manual.lines().collect();
    assert_eq!(lines.len(), 15, "{manual}");
    assert!(
        lines[0].starts_with("0-0:96.1.0") && lines[0].contains("40200001"),
        "{manual}"
    );
    assert!(
        lines[4].starts_with("1-0:16.7.0") && lines[4].contains(" kW ") && lines[4].contains("→ L1 L2 L3 Q1"),
        "{manual}"
    );
    assert!(
        lines
            .iter()
            .zip(1..)
            .all(|(line, page)| line.ends_with(&format!("[manual {page}/15]"))),
        "{manual}"
    );
    let (code, service, _) = display(&meter, &["--list", "service"]);
    assert_eq!((code, service.lines().count()), (Some(0), 6), "{service}");
    assert!(service.lines().all(|line| line.contains("[service ")), "{service}");
    let (code, automatic, _) = display(&meter, &["--list", "auto", "--json"]);
    assert_eq!((code, automatic.lines().count()), (Some(0), 10), "{automatic}");
    let first: Value = serde_json::from_str(automatic.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["obis"], &first["page"]), (&json!("1-0:1.8.0"), &json!(1)));
}

/// A second long press leads to the service mode; the button under the seal ends the billing period (B1), and its number is shown there.
#[test]
fn presses_lead_the_display_and_end_the_billing_period() {
    let scratch = Scratch::new();
    let meter = Running::start(
        &scratch,
        &["--seed", "1", "--start", "2026-01-05T11:50:00Z", "--speed", "1"],
    );
    meter.until("the segments test is over", |state| {
        state["display"]["segments_test"] == json!(false)
    });
    meter.put("/api/v1/time", &json!({ "speed": 0 }));
    let (code, shown, _) = display(&meter, &["--press", "long"]);
    assert!(code == Some(0) && shown.contains("[manual 1/15]"), "{shown}");
    let (_, shown, _) = display(&meter, &["--press", "long", "--press", "short", "--press", "short"]);
    assert!(
        shown.starts_with("1-0:0.1.0") && shown.contains("[service 3/6]"),
        "{shown}"
    );
    let periods = |shown: &str| -> u32 {
        let value = shown.split_whitespace().nth(1).expect("a value");
        value.parse().expect("a number")
    };
    let (_, after, _) = display(&meter, &["--press", "billing"]);
    assert_eq!(periods(&after), periods(&shown) + 1);
    // The lock-out holds off the second one.
    let (_, again, _) = display(&meter, &["--press", "billing"]);
    assert_eq!(periods(&again), periods(&after));
    assert_eq!(
        meter.put("/api/v1/world/contacts", &json!({ "tariff_input": 3 }))["tariff_input"],
        3
    );
    meter.put("/api/v1/world/power", &json!({ "on": false }));
    let (code, blank, _) = display(&meter, &[]);
    assert!(code == Some(0) && blank.starts_with("(blank"), "{blank}");
    let (code, _, errors) = display(&meter, &["--list", "automatic"]);
    assert!(code == Some(1) && errors.contains("mains"), "{errors}");
    meter.put("/api/v1/world/power", &json!({ "on": true }));
    assert_eq!(meter.state()["contacts"]["tariff_input"], 3);
    // The world stands still in the first moment after power up.
    let (code, test, _) = display(&meter, &[]);
    assert!(code == Some(0) && test.ends_with("all segments lit\n"), "{test}");
}

#[test]
fn where_no_meter_answers_it_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_ferraris"))
        .args(["display", &address])
        .output()
        .expect("the command is built");
    assert_eq!(status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&stderr).contains("no answer"),
        "{}",
        String::from_utf8_lossy(&stderr)
    );
}
