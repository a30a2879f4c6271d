//! M3: sensors that drift and bend, and what the sealed curves make of them, as a client reads it over -40 to +70 degrees.

use serde_json::json;

use crate::foreign::ForeignClient;
use crate::running::{Running, Scratch};

/// The greatest errors of the total active power in percent over the temperatures, by load: full and PF 1, a fifth and PF 0.5.
fn greatest_errors(sensors: &str) -> [f64; 2] {
    const LOADS: [(f64, f64); 2] = [(100.0, 0.0), (20.0, 60.0)];
    let scratch = Scratch::new();
    let order = scratch.join("meter.toml");
    std::fs::write(
        &order,
        format!("serial = 40200007\nsensors = \"{sensors}\"\nswitching_module = false\n"),
    )
    .expect("a disk");
    let order = order.to_str().expect("a path of text");
    let args = [
        "--seed",
        "1",
        "--start",
        "2026-01-05T12:00:00Z",
        "--speed",
        "max",
        "--config",
        order,
    ];
    let meter = Running::start(&scratch, &args);
    let password = meter.says["clients"][1]["password"].as_str().expect("a password");
    let mut client = ForeignClient::with_password(meter.address("wrapper"), password);
    client.associate();
    let mut greatest = [0.0_f64; 2];
    for (greatest, (amps, angle_deg)) in greatest.iter_mut().zip(LOADS) {
        let phase = json!({ "amps": amps, "angle_deg": angle_deg });
        meter.put("/api/v1/world/load", &json!({ "phases": [phase, phase, phase] }));
        let truth = 3.0 * 230.0 * amps * f64::to_radians(angle_deg).cos();
        for celsius in [-40, -10, 23, 50, 70] {
            meter.put("/api/v1/world/temperature", &json!({ "celsius": celsius }));
            wait(&meter, 2);
            let shown = client.number(3, "0-0:96.9.0", 2).expect("a temperature");
            assert!((shown - celsius).abs() <= 1, "{shown} at {celsius}");
            // Whole watts: 0.0015 % of the first load, 0.015 % of the second.
            let watts = client.number(3, "1-0:1.7.0", 2).expect("a power") as f64;
            let error = (watts / truth - 1.0) * 100.0;
            println!("{sensors}, {amps} A, {celsius} C: {error:+.4} %");
            *greatest = greatest.max(error.abs());
        }
    }
    meter.stop("-TERM");
    greatest
}

/// Lets so many seconds of the world go by, by the meter's clock.
fn wait(meter: &Running, seconds: usize) {
    // Two states are of the same second or of two: so many others have gone by at least.
    let seen = core::cell::RefCell::new(std::collections::BTreeSet::new());
    meter.until("seconds go by", |state| {
        let local = state["time"]["local"].as_str().expect("a time");
        seen.borrow_mut().insert(local.to_owned());
        seconds < seen.borrow().len()
    });
}

/// Class C asks for 0.5 to 2 % over the four bands of the MID; the curves leave a twentieth of that, which the sensors alone would not keep.
#[test]
fn curves_over_temperature_and_current_hold_a_meter_whose_sensors_drift_and_bend() {
    let with = greatest_errors("calibrated");
    let without = greatest_errors("calibrated-once");
    assert!(with[0] <= 0.01 && with[1] <= 0.03, "{with:?}");
    assert!(0.1 < without[0] && 0.15 < without[1], "{without:?}");
}
