//! V3, M7: a virtual ST402C behind its transformers, whose ratio a foreign client sets in the bench mode, and which it puts into the verification
//! mode.

use dlms_cosem_rs::axdr::Data;
use serde_json::{Value, json};

use crate::foreign::ForeignClient;
use crate::running::{Running, Scratch, codes, quantity};

#[test]
fn the_ratio_is_set_over_dlms_and_the_verification_mode_leaves_no_trace() {
    let scratch = Scratch::new();
    let meter = Running::start(
        &scratch,
        &[
            "--variant",
            "ST402C",
            "--seed",
            "1",
            "--start",
            "2026-01-05T11:50:00Z",
            "--speed",
            "max",
        ],
    );
    let phase = json!({ "amps": 5 });
    meter.put("/api/v1/world/load", &json!({ "phases": [phase, phase, phase] }));
    let mut client = ForeignClient::with_password(meter.address("wrapper"), password_of(&meter));
    client.associate();
    // 5 A at the terminals are 100 A of the household.
    meter.until("5 A", |state| (quantity(state, "1-0:31.7.0") - 5.0).abs() < 0.02);
    let near = |value: i64, wanted: i64| (value - wanted).abs() * 500 <= wanted;
    let primary = |client: &mut ForeignClient, name| client.number(3, name, 2).expect("a number");
    assert!(
        near(primary(&mut client, "1-0:31.130.0"), 10_000),
        "hundredths of an ampere"
    );
    assert!(near(primary(&mut client, "1-0:1.130.0"), 69_000), "watts");
    // Sealed; then the laboratory moves its switch.
    let refused = client.set(1, "1-0:0.4.2", 2, Data::DoubleLongUnsigned(200));
    assert!(refused.contains("ReadWriteDenied"), "{refused}");
    assert_eq!(client.number(1, "1-0:0.4.2", 2), Some(100));
    meter.put("/api/v1/calibration", &json!({ "bench_mode": true }));
    let absurd = client.set(1, "1-0:0.4.2", 2, Data::DoubleLongUnsigned(0));
    assert!(absurd.contains("OtherReason"), "{absurd}");
    let granted = client.set(1, "1-0:0.4.2", 2, Data::DoubleLongUnsigned(200));
    assert!(done(&granted), "{granted}");
    meter.put("/api/v1/calibration", &json!({ "bench_mode": false }));
    assert!(near(primary(&mut client, "1-0:31.130.0"), 20_000));
    assert!(near(primary(&mut client, "1-0:1.130.0"), 138_000));
    assert!((quantity(&meter.state(), "1-0:31.7.0") - 5.0).abs() < 0.02, "secondary");
    assert!(codes(&meter.state(), "standard").contains(&201));

    let constant = |state: &Value| state["leds"]["active"]["constant"].clone();
    let pulses = |state: &Value| state["leds"]["active"]["pulses"].as_u64().expect("a count");
    assert_eq!(constant(&meter.state()), json!(10_000));
    let entered = client.act_with(9, "0-0:10.0.101", 1, Data::LongUnsigned(1));
    assert!(done(&entered), "{entered}");
    let begun = meter.until("the fine registers", |state| {
        state["display"]["list"] == json!("verification")
    });
    assert_eq!(constant(&begun), json!(1_000_000));
    assert_eq!(client.number(3, "1-0:0.3.0", 2), Some(1_000_000));
    // 3.45 kW are 958 pulses a second; in service they were 9.6.
    meter.until("a thousand pulses", |state| pulses(&begun) + 1_000 < pulses(state));
    let left = client.act_with(9, "0-0:10.0.102", 1, Data::LongUnsigned(1));
    assert!(done(&left), "{left}");
    let ended = meter.until("the automatic list", |state| {
        state["display"]["list"] == json!("automatic")
    });
    assert_eq!(constant(&ended), json!(10_000));
    let log = codes(&ended, "standard");
    assert!(log.contains(&203) && log.contains(&204), "{log:?}");
    // The ratio outlives the process.
    meter.stop("-TERM");
    let again = Running::start(&scratch, &["--variant", "ST402C", "--seed", "1", "--speed", "0"]);
    let mut client = ForeignClient::with_password(again.address("wrapper"), password_of(&again));
    client.associate();
    assert_eq!(client.number(1, "1-0:0.4.2", 2), Some(200));
    again.stop("-TERM");
}

fn password_of(meter: &Running) -> &str {
    meter.says["clients"][1]["password"].as_str().expect("a password")
}

fn done(answer: &str) -> bool {
    answer.contains("Ok") || answer.contains("Success")
}
