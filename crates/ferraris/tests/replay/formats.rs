//! Formats as they occur: editions, line ends, names, sides, rates.

use core::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::waves::{Wave, sets};
use super::{folder, number, result_of, sample};

/// The active energy per second of a result.
fn watts(result: &Value) -> f64 {
    number(result, &["quantities", "1-0:16.7.0", "value"])
}

#[track_caller]
fn close(found: f64, expected: f64, relative: f64) {
    assert!(
        (found - expected).abs() <= relative * expected.abs(),
        "{found}, should be {expected}"
    );
}

/// A sample's configuration and data, changed, in a new folder.
fn changed(name: &str, stem: &str, change: impl FnOnce(&mut String, &mut Vec<u8>)) -> PathBuf {
    let folder = folder(&format!("formats_{name}"));
    let mut config = std::fs::read_to_string(sample(&format!("{stem}.cfg"))).unwrap();
    let mut data = std::fs::read(sample(&format!("{stem}.dat"))).unwrap();
    change(&mut config, &mut data);
    std::fs::write(folder.join("R.CFG"), config).unwrap();
    std::fs::write(folder.join("R.DAT"), data).unwrap();
    folder
}

#[test]
fn comtrade_is_opened_by_any_of_its_files() {
    let by_config = result_of(&sample("factory_1999.cfg"), &[]);
    let by_data = result_of(&sample("factory_1999.dat"), &[]);
    assert_eq!(by_config["registers"], by_data["registers"]);
    assert_eq!(by_config["recorded_at"], "2026-11-22T10:00:00.000000");
    let folder = changed("upper", "factory_1999", |_, _| {});
    assert_eq!(
        result_of(&folder.join("R.CFG"), &[])["registers"],
        by_config["registers"]
    );
    assert_eq!(
        result_of(&folder.join("R.DAT"), &[])["registers"],
        by_config["registers"]
    );
}

#[test]
fn the_side_of_the_transformers_can_be_chosen() {
    let secondary = result_of(&sample("factory_1999.cfg"), &[]);
    assert_eq!(secondary["channels"][0]["side"], "secondary");
    assert_eq!(
        result_of(&sample("factory_1999.cfg"), &["--side", "secondary"])["registers"],
        secondary["registers"]
    );
    let primary = result_of(&sample("factory_1999.cfg"), &["--side", "primary"]);
    close(watts(&primary), watts(&secondary) * 200.0 * 60.0, 1e-7);
    close(
        number(&primary, &["quantities", "1-0:32.7.0", "value"]),
        200.0 * number(&secondary, &["quantities", "1-0:32.7.0", "value"]),
        1e-7,
    );
}

#[test]
fn channels_are_mapped_by_name_or_as_told() {
    let whole = result_of(&sample("factory_1999.cfg"), &[]);
    let swapped = result_of(
        &sample("factory_1999.cfg"),
        &["--map", "v2=U_C", "--map", "v3=U_B", "--map", "i2=#6", "--map", "i3=#5"],
    );
    assert_eq!(
        (&whole["sequence"], &swapped["sequence"]),
        (&Value::from("123"), &Value::from("132"))
    );
    close(watts(&swapped), watts(&whole), 1e-6);
    let one = result_of(
        &sample("factory_1999.cfg"),
        &["--map", "v2=", "--map", "v3=", "--map", "i2=", "--map", "i3="],
    );
    assert_eq!(one["variant"], "SM402D");
    assert_eq!(one["quantities"]["1-0:41.7.0"], Value::Null);
    close(
        watts(&one),
        number(&whole, &["quantities", "1-0:21.7.0", "value"]),
        1e-6,
    );
}

#[test]
fn a_three_phase_recording_fits_a_single_phase_meter_in_part() {
    let whole = result_of(&sample("household.raw"), &[]);
    let single = result_of(&sample("household.raw"), &["--variant", "SM402D"]);
    close(
        watts(&single),
        number(&whole, &["quantities", "1-0:36.7.0", "value"]),
        1e-6,
    );
    assert!(
        single["remarks"].to_string().contains("left out: v2, v3, i2, i3"),
        "{}",
        single["remarks"]
    );
    assert_eq!(single["quantities"]["1-0:52.7.0"], Value::Null);
}

#[test]
fn time_stamps_replace_a_rate_that_is_not_stated() {
    let stated = result_of(&sample("factory_1999.cfg"), &[]);
    let folder = changed("stamps", "factory_1999", |config, _| {
        *config = config.replace("\r\n1\r\n5000,10000", "\r\n0\r\n0,10000")
    });
    let by_stamps = result_of(&folder.join("R.CFG"), &[]);
    close(number(&by_stamps, &["rate_hz"]), 5_000.0, 1e-9);
    assert_eq!(stated["registers"], by_stamps["registers"]);
}

#[test]
fn ascii_data_end_as_dos_ended_them_and_stand_in_combined_files() {
    let plain = result_of(&sample("household_1991.cfg"), &[]);
    let folder = changed("dos", "household_1991", |config, data| {
        config.push('\u{1a}');
        data.push(0x1A);
    });
    assert_eq!(result_of(&folder.join("R.CFG"), &[])["registers"], plain["registers"]);

    let config =
        std::fs::read_to_string(sample("household_1991.cfg"))
            .unwrap()
            .replacen("generated", "generated,2013", 1);
    // The edition of 2013 has three fields more in analogue channels, two in digital ones, three lines at the end, and writes the day first.
    let lines = config.lines().enumerate().map(|(n, line)| match n {
        2..9 => format!("{line},1,1,P\n"),
        9 => "1,TRIP1,,,0\n".to_owned(),
        _ => format!("{}\n", line.replace("11/22/2026", "22/11/2026")),
    });
    let data = std::fs::read_to_string(sample("household_1991.dat")).unwrap();
    let text = format!(
        "---  File Type: cfg ---\n{}1\n+1h30,+1\nB,3\n--- file type: DAT ASCII ---\n{data}--- file type: HDR ---\nThe header may be last.\n",
        lines.collect::<String>()
    );
    let file = folder.join("c.cff");
    std::fs::write(&file, text).unwrap();
    assert_eq!(result_of(&file, &[])["registers"], plain["registers"]);
}

#[test]
fn an_offset_and_a_skew_of_a_channel_are_taken_out() {
    let plain = result_of(&sample("factory_1999.cfg"), &[]);
    // All counts of channel 1 are 1000 less, and its b gives them back.
    let folder = changed("offset", "factory_1999", |config, data| {
        *config = config.replacen("0.002709,0,", "0.002709,2.709,", 1);
        for sample in data.chunks_exact_mut(24) {
            let code = i16::from_le_bytes([sample[8], sample[9]]).saturating_sub(1_000);
            sample[8..10].copy_from_slice(&code.to_le_bytes());
        }
    });
    let offset = result_of(&folder.join("R.CFG"), &[]);
    close(watts(&offset), watts(&plain), 1e-9);
    // 20 microseconds of skew turn the angle of the current by 0.36 degrees at 50 Hz.
    let folder = changed("skew", "factory_1999", |config, _| {
        *config = config.replacen("0.0002457,0,0,", "0.0002457,0,20,", 1)
    });
    let skewed = result_of(&folder.join("R.CFG"), &[]);
    let angle = |result: &Value| number(result, &["quantities", "1-0:81.7.4", "value"]);
    let turned = angle(&skewed) - angle(&plain);
    assert!((turned.abs() - 0.36 * 49.93 / 50.0).abs() < 0.002, "{turned}");
    // The current was sampled late, so at the time of the voltage it lay further behind.
    assert!(turned > 0.0);
}

#[test]
fn csv_of_any_style_gives_the_same_energies() {
    let folder = folder("csv_styles");
    let plain = result_of(&sample("solar.csv"), &[]);
    let text = std::fs::read_to_string(sample("solar.csv")).unwrap();
    let mut swapped = String::from("\u{feff} I1 , T,V1\r\n");
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        write!(swapped, "{}e0, {} ,{}\r\n", fields[2], fields[0], fields[1]).unwrap();
    }
    swapped.push_str("\r\n\r\n");
    std::fs::write(folder.join("swapped.csv"), swapped).unwrap();
    assert_eq!(
        result_of(&folder.join("swapped.csv"), &[])["registers"],
        plain["registers"]
    );
}

#[test]
fn a_csv_keeps_its_own_time_axis() {
    let folder = folder("csv_axis");
    let plain = result_of(&sample("solar.csv"), &[]);
    let text = std::fs::read_to_string(sample("solar.csv")).unwrap();
    let mut later = String::from("t,v1,i1\n");
    for line in text.lines().skip(1) {
        let (time, rest) = line.split_once(',').unwrap();
        writeln!(later, "{:.7},{rest}", time.parse::<f64>().unwrap() - 100.0).unwrap();
    }
    std::fs::write(folder.join("later.csv"), later).unwrap();
    let moved = result_of(&folder.join("later.csv"), &[]);
    for end in ["from_s", "to_s"] {
        assert!((number(&moved, &["span", end]) + 100.0 - number(&plain, &["span", end])).abs() < 1e-6);
    }
    close(watts(&moved), watts(&plain), 1e-7);
}

/// A raw recording of v1 and i1 made of codes.
fn raw(folder: &Path, name: &str, rate: f64, codes: impl Iterator<Item = [i32; 2]>) -> PathBuf {
    let file = folder.join(name);
    let bytes: Vec<u8> = codes.flatten().flat_map(i32::to_le_bytes).collect();
    std::fs::write(&file, bytes).unwrap();
    let sidecar = format!(
        r#"{{"channels": ["v1", "i1"], "rate_hz": {rate}, "volts_per_lsb": 1e-4, "amps_per_lsb": 1e-6, "by": "test"}}"#
    );
    std::fs::write(folder.join(format!("{name}.json")), sidecar).unwrap();
    file
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded, and small enough by choice of the test"
)]
fn code(value: f64) -> i32 {
    value.round() as i32
}

#[test]
fn clipping_of_the_recorder_is_counted() {
    let folder = folder("clipping");
    let waves = [Wave::new(230.0, 10.0), Wave::new(5.0, 0.0)];
    let codes = |limit: f64, gain: f64| {
        sets(&waves, 50.0, 4_000.0, 1.0)
            .map(move |set| {
                [
                    code(set[0] * 1e4),
                    code((set[1] * 1e6 * gain).clamp(-limit - 1.0, limit)),
                ]
            })
            .collect::<Vec<_>>()
    };
    let clean = result_of(
        &raw(&folder, "clean.raw", 4_000.0, codes(8_388_607.0, 1.0).into_iter()),
        &[],
    );
    assert_eq!(clean["clipped"], serde_json::json!({"v1": 0, "i1": 0}));
    close(watts(&clean), 1_150.0 * 10_f64.to_radians().cos(), 1e-6);

    let clipped_codes = codes(8_388_607.0, 1.5);
    let at_rail = clipped_codes
        .iter()
        .filter(|set| set[1] >= 8_388_607 || set[1] <= -8_388_608)
        .count();
    assert!(at_rail > 500);
    let clipped = result_of(&raw(&folder, "clipped.raw", 4_000.0, clipped_codes.into_iter()), &[]);
    assert_eq!(clipped["clipped"], serde_json::json!({"v1": 0, "i1": at_rail}));

    // A recorder of 32 bits is not clipped where one of 24 would be, and its codes are made to fit.
    let wide = result_of(
        &raw(&folder, "wide.raw", 4_000.0, codes(2_147_483_647.0, 100.0).into_iter()),
        &[],
    );
    assert_eq!(wide["clipped"], serde_json::json!({"v1": 0, "i1": 0}));
    close(watts(&wide), 115_000.0 * 10_f64.to_radians().cos(), 1e-6);
}

#[test]
fn clipping_of_comtrade_is_counted_at_the_ends_of_its_range() {
    let folder = changed("clipped", "factory_1999", |_, data| {
        for sample in data.chunks_exact_mut(24).skip(1_000).take(7) {
            sample[8..10].copy_from_slice(&32_767_i16.to_le_bytes());
        }
    });
    let result = result_of(&folder.join("R.CFG"), &[]);
    assert_eq!(
        result["clipped"],
        serde_json::json!({"v1": 7, "v2": 0, "v3": 0, "i1": 0, "i2": 0, "i3": 0})
    );
}
