//! M7: a virtual meter leaves its production line calibrated and sealed; only the bench mode changes it, and its log tells of everything.

use serde_json::{Value, json};

use crate::running::{Running, Scratch, codes, quantity};

const PATH: &str = "/api/v1/calibration";

fn kinds(calibration: &Value) -> Vec<&str> {
    let log = calibration["log"].as_array().expect("a log");
    log.iter()
        .map(|entry| entry["kind"].as_str().expect("a kind"))
        .collect()
}

fn begin(scratch: &Scratch) -> Running {
    let meter = Running::start(
        scratch,
        &["--seed", "1", "--start", "2026-01-05T11:50:00Z", "--speed", "max"],
    );
    let load = json!({ "phases": [{ "amps": 5 }, { "amps": 5 }, { "amps": 5 }] });
    meter.put("/api/v1/world/load", &load);
    meter
}

#[test]
fn the_bench_mode_changes_a_sealed_calibration_and_everything_is_logged() {
    let scratch = Scratch::new();
    let meter = begin(&scratch);
    let sealed = meter.get(PATH);
    assert_eq!(
        (&sealed["sealed"], &sealed["source"]),
        (&json!(true), &json!("working"))
    );
    assert_eq!(
        kinds(&sealed),
        [
            "factory_written",
            "changing",
            "changed",
            "sealed",
            "changing",
            "changed"
        ]
    );
    let spoil = json!({ "channels": { "i1": { "gain": 1.1 } } });
    let refused = meter.try_put(PATH, &spoil);
    assert_eq!(
        (refused.status, &refused.json()["type"]),
        (409, &json!("urn:ferraris:problem:sealed"))
    );
    assert_eq!(kinds(&meter.get(PATH)).last(), Some(&"refused"));
    assert_eq!(meter.get(PATH)["checksum"], sealed["checksum"]);
    // Nonsense never gets as far as the meter.
    let nonsense = json!({ "bench_mode": true, "channels": { "i1": { "gain": 5 } } });
    assert_eq!(meter.try_put(PATH, &nonsense).status, 422);
    assert_eq!(meter.get(PATH)["bench_mode"], json!(false));
    let watts = |state: &Value| quantity(state, "1-0:21.7.0");
    meter.until("1150 W", |state| (watts(state) - 1_150.0).abs() < 2.0);
    let changed = meter.put(
        PATH,
        &json!({ "bench_mode": true, "channels": { "i1": { "gain": 1.1 } } }),
    );
    assert_ne!(changed["checksum"], sealed["checksum"]);
    // The metrology measures on with it, without a restart.
    meter.until("a tenth more", |state| (watts(state) - 1_265.0).abs() < 2.0);
    meter.put(PATH, &json!({ "bench_mode": false }));
    let before = meter.get(PATH);
    assert_eq!(
        kinds(&before)[6..],
        ["refused", "bench_entered", "changing", "changed", "bench_left"]
    );
    meter.stop("-TERM");
    let again = Running::start(&scratch, &["--seed", "1", "--speed", "0"]);
    assert_eq!(again.get(PATH), before);
    again.stop("-TERM");
}

#[test]
fn a_damaged_calibration_is_refused_with_an_error_and_the_factory_s_counts() {
    let scratch = Scratch::new();
    let meter = begin(&scratch);
    let bench = json!({ "bench_mode": true, "channels": { "i1": { "gain": 1.1 } } });
    meter.put(PATH, &bench);
    meter.stop("-TERM");
    let path = scratch.join("state/flash.bin");
    let mut image = std::fs::read(&path).expect("the image");
    // The two working copies: sectors 1 and 2 of the partition.
    let first = meter::calibration(meter::FlashSize::Megabytes16).first as usize;
    for bank in [1, 2] {
        image[(first + bank) * 4_096 + 500] ^= 1;
    }
    std::fs::write(&path, image).expect("a disk");
    let again = Running::start(&scratch, &["--seed", "1", "--speed", "0"]);
    let found = again.get(PATH);
    assert_eq!((&found["source"], &found["damaged"]), (&json!("factory"), &json!(true)));
    assert_eq!(
        (&found["sealed"], &found["channels"]["i1"]["gain"]),
        (&json!(true), &json!(1.0))
    );
    assert_eq!(kinds(&found).last(), Some(&"damaged"));
    assert!(
        codes(&again.state(), "standard").contains(&16),
        "measurement system error"
    );
    again.stop("-TERM");
}
