//! Energies of the stated span against the closed form of the wave over just that span: rates, frequencies, directions, distortion.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::waves::{Wave, energy, num, reactive, sets};
use super::{folder, number, result_of};

/// Writes waves as a raw recording with steps fine enough not to matter.
fn recorded(folder: &Path, channels: &[&str], waves: &[Wave], frequency: f64, rate: f64, seconds: f64) -> PathBuf {
    let file = folder.join(format!("{frequency}_{rate}.raw"));
    let steps: Vec<f64> = channels
        .iter()
        .map(|name| if name.starts_with('v') { 1e-4 } else { 1e-5 })
        .collect();
    let mut bytes = Vec::new();
    for set in sets(waves, frequency, rate, seconds) {
        for (value, step) in set.iter().zip(&steps) {
            bytes.extend(code(value / step).to_le_bytes());
        }
    }
    std::fs::write(&file, bytes).unwrap();
    let sidecar =
        serde_json::json!({"rate_hz": rate, "channels": channels, "volts_per_lsb": 1e-4, "amps_per_lsb": 1e-5});
    std::fs::write(folder.join(format!("{frequency}_{rate}.raw.json")), sidecar.to_string()).unwrap();
    file
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded, and small enough by choice of the test"
)]
fn code(counts: f64) -> i32 {
    counts.round() as i32
}

fn span(result: &Value) -> (f64, f64) {
    (number(result, &["span", "from_s"]), number(result, &["span", "to_s"]))
}

fn wh(result: &Value, name: &str) -> f64 {
    assert!(["Wh", "varh", "VAh"].contains(&result["registers"][name]["unit"].as_str().unwrap()));
    number(result, &["registers", name, "value"])
}

/// Issue 2, item 3: any rate from 2 to 64 kS/s; M1; M4: 50 and 60 Hz.
#[test]
fn energies_are_those_of_the_span_at_every_rate_and_frequency() {
    let folder = folder("truth_rates");
    let mut worst = 0.0_f64;
    for rate in [
        2_000.0, 4_000.0, 6_400.0, 7_812.5, 8_000.0, 12_800.0, 16_000.0, 44_100.0, 64_000.0,
    ] {
        for frequency in [45.0, 49.2, 50.0, 50.013, 55.0, 59.9, 60.0, 64.5] {
            if rate > 20_000.0 && frequency != 50.013 {
                continue; // the other frequencies say nothing new at these rates, and cost time
            }
            let voltage = Wave::new(230.0, 20.0)
                .with(3.0, 3.0, 10.0)
                .with(5.0, 4.0, -30.0)
                .with(7.0, 2.0, 60.0);
            let current = Wave::new(7.3, 20.0 - 55.0)
                .with(3.0, 20.0, 0.0)
                .with(5.0, 10.0, 100.0)
                .with(7.0, 5.0, -40.0);
            let file = recorded(
                &folder,
                &["v1", "i1"],
                &[voltage.clone(), current.clone()],
                frequency,
                rate,
                1.3,
            );
            let result = result_of(&file, &[]);
            let (from, to) = span(&result);
            assert!(
                from < 0.01 && to > 1.05,
                "{rate} S/s, {frequency} Hz: {from} s to {to} s"
            );
            let checked = [
                ("1-0:1.8.0", energy(&voltage, &current, frequency, from, to)),
                ("1-0:3.8.0", reactive(&voltage, &current) * (to - from)),
                ("1-0:9.8.0", voltage.rms() * current.rms() * (to - from)),
            ];
            for (name, joules) in checked {
                let off = (wh(&result, name) * 3_600.0 / joules - 1.0).abs();
                worst = worst.max(off);
                assert!(off < 1e-5, "{rate} S/s, {frequency} Hz: {name} is off by {off:.1e}");
            }
            assert!((number(&result, &["quantities", "1-0:14.7.0", "value"]) - frequency).abs() < 1e-5);
        }
    }
    println!("worst relative error of an energy: {worst:.2e}");
}

/// M1, M4 quadrants: each direction of each phase is booked where it belongs.
#[test]
fn all_four_quadrants_are_told_apart() {
    let folder = folder("truth_quadrants");
    let voltage = Wave::new(120.0, 0.0);
    for (lag, active, reactive_name, quadrant) in [
        (30.0, "1", "3", 1),
        (150.0, "2", "3", 2),
        (-150.0, "2", "4", 3),
        (-30.0, "1", "4", 4),
    ] {
        let current = Wave::new(10.0, -lag);
        let result = result_of(
            &recorded(&folder, &["v1", "i1"], &[voltage.clone(), current], 60.0, 4_000.0, 1.0),
            &[],
        );
        let (from, to) = span(&result);
        let watt_hours = 1_200.0 * 30_f64.to_radians().cos() * (to - from) / 3_600.0;
        let var_hours = 600.0 * (to - from) / 3_600.0;
        let near = |name: String, expected: f64| {
            let found = wh(&result, &name);
            assert!(
                (found - expected).abs() <= 1e-6 * expected.abs(),
                "lag {lag}: {name} is {found}, should be {expected}"
            );
        };
        near(format!("1-0:{active}.8.0"), watt_hours);
        near(format!("1-0:{reactive_name}.8.0"), var_hours);
        near(format!("1-0:{}.8.0", 4 + quadrant), var_hours);
        near(format!("1-0:{}.8.0", 16 + quadrant), watt_hours);
        near("1-0:15.8.0".to_owned(), watt_hours);
        near(
            "1-0:16.8.0".to_owned(),
            if active == "1" { watt_hours } else { -watt_hours },
        );
        for other in (1..=4).filter(|other| *other != quadrant) {
            near(format!("1-0:{}.8.0", 16 + other), 0.0);
            near(format!("1-0:{}.8.0", 24 + other), 0.0);
        }
    }
}

#[test]
fn direct_components_count_as_recorded_or_not_at_all() {
    let folder = folder("truth_direct");
    let (voltage, current) = (Wave::new(230.0, 0.0).plus(10.0), Wave::new(5.0, 0.0).plus(2.0));
    let file = recorded(
        &folder,
        &["v1", "i1"],
        &[voltage.clone(), current.clone()],
        50.013,
        4_000.0,
        1.5,
    );
    let measured = result_of(&file, &[]);
    let (from, to) = span(&measured);
    let right = energy(&voltage, &current, 50.013, from, to) / 3_600.0;
    assert!((wh(&measured, "1-0:1.8.0") / right - 1.0).abs() < 1e-5);
    assert!((number(&measured, &["quantities", "1-0:31.7.0", "value"]) / current.rms() - 1.0).abs() < 1e-5);
    let removed = result_of(&file, &["--direct-current", "removed"]);
    assert!((wh(&removed, "1-0:1.8.0") * 3_600.0 / (to - from) / 1_150.0 - 1.0).abs() < 1e-5);
    assert!((number(&removed, &["quantities", "1-0:31.7.0", "value"]) / 5.0 - 1.0).abs() < 1e-5);
}

#[test]
fn small_loads_count_unless_a_starting_current_is_set() {
    let folder = folder("truth_small");
    let file = recorded(
        &folder,
        &["v1", "i1"],
        &[Wave::new(230.0, 0.0), Wave::new(0.003, 0.0)],
        50.013,
        8_000.0,
        3.0,
    );
    let counted = result_of(&file, &[]);
    let (from, to) = span(&counted);
    assert!((wh(&counted, "1-0:1.8.0") * 3_600.0 / (to - from) / 0.69 - 1.0).abs() < 2e-3);
    let idle = result_of(&file, &["--starting-amperes", "0.02"]);
    assert_eq!(wh(&idle, "1-0:1.8.0"), 0.0);
}

#[test]
fn a_load_that_changes_is_counted_to_the_joule() {
    // The amplitude of the current swings once in 4 s: two more lines beside the fundamental, so the closed form holds still.
    let folder = folder("truth_swing");
    let voltage = Wave::new(230.0, 0.0);
    let current = Wave::new(10.0, -20.0).with(1.005, 40.0, 33.0).with(0.995, 40.0, -77.0);
    let file = recorded(
        &folder,
        &["v1", "i1"],
        &[voltage.clone(), current.clone()],
        50.0,
        8_000.0,
        3.1,
    );
    let result = result_of(&file, &[]);
    let (from, to) = span(&result);
    let right = energy(&voltage, &current, 50.0, from, to) / 3_600.0;
    let off = wh(&result, "1-0:16.8.0") / right - 1.0;
    println!("relative error {off:.2e}");
    assert!(off.abs() < 1e-5, "{off:.2e}");
}

#[test]
fn recordings_without_voltage_or_current_are_measured_as_far_as_they_go() {
    let folder = folder("truth_partial");
    let currents = result_of(
        &recorded(
            &folder,
            &["i1", "i2"],
            &[Wave::new(4.0, 0.0), Wave::new(3.0, 0.0)],
            49.9,
            4_000.0,
            1.0,
        ),
        &[],
    );
    assert_eq!(wh(&currents, "1-0:15.8.0"), 0.0);
    assert!(currents["remarks"].to_string().contains("no voltage to follow"));
    assert!((number(&currents, &["quantities", "1-0:31.7.0", "value"]) - 4.0).abs() < 4e-3);
    let voltages = result_of(
        &recorded(&folder, &["v1"], &[Wave::new(230.0, 0.0)], 49.8, 4_000.0, 1.0),
        &[],
    );
    assert_eq!(wh(&voltages, "1-0:15.8.0"), 0.0);
    assert!((number(&voltages, &["quantities", "1-0:32.7.0", "value"]) - 230.0).abs() < 1e-3);
    assert!((number(&voltages, &["quantities", "1-0:14.7.0", "value"]) - 49.8).abs() < 1e-5);
}

#[test]
fn voltage_that_comes_and_goes_is_told_with_its_time() {
    let folder = folder("truth_events");
    let file = folder.join("r.raw");
    let wave = Wave::new(230.0, 0.0);
    let mut bytes = Vec::new();
    for n in 0..16_000_u32 {
        let time = f64::from(n) / 4_000.0;
        let volts = if (1.0..2.5).contains(&time) {
            wave.at(50.0, time)
        } else {
            0.0
        };
        bytes.extend(code(volts / 1e-4).to_le_bytes());
        bytes.extend(code(volts / 23.0 / 1e-5).to_le_bytes());
    }
    std::fs::write(&file, bytes).unwrap();
    let sidecar = r#"{"rate_hz": 4000, "channels": ["v1", "i1"], "volts_per_lsb": 1e-4, "amps_per_lsb": 1e-5}"#;
    std::fs::write(folder.join("r.raw.json"), sidecar).unwrap();
    let result = result_of(&file, &[]);
    assert!(
        result["remarks"]
            .to_string()
            .contains("nothing alternates at the beginning"),
        "{}",
        result["remarks"]
    );
    let events = result["events"].as_array().unwrap();
    let told = |kind: &str, at_s: f64| {
        events.iter().any(|event| {
            event["kind"] == kind && event["phase"] == "L1" && (number(event, &["at_s"]) - at_s).abs() < 0.03
        })
    };
    assert!(told("voltage returned", 1.0) && told("voltage lost", 2.5), "{events:?}");
    // 1.5 s of 2300 W lie inside the span, whatever windows they fall into.
    let joules = wh(&result, "1-0:1.8.0") * 3_600.0;
    println!("{joules} J of 3450 J");
    assert!((joules / 3_450.0 - 1.0).abs() < 0.01, "{joules}");
}

#[test]
fn a_long_recording_is_walked_and_not_kept() {
    let folder = folder("truth_long");
    let (voltage, current) = (Wave::new(230.0, 0.0), Wave::new(5.0, -60.0));
    let file = recorded(
        &folder,
        &["v1", "i1"],
        &[voltage.clone(), current.clone()],
        50.021,
        8_000.0,
        60.0,
    );
    let result = result_of(&file, &[]);
    let (from, to) = span(&result);
    let right = energy(&voltage, &current, 50.021, from, to) / 3_600.0;
    assert!((wh(&result, "1-0:1.8.0") / right - 1.0).abs() < 1e-6);
    assert_eq!(number(&result, &["samples"]), f64::from(num(480_000.0)));
}
