//! The recordings in `samples/` give what `samples/generate.py` worked out from their waves in closed form.

use std::process::Command;

use serde_json::Value;

use super::{number, replay, result_of, sample};

const SAMPLES: [(&str, &str, &str); 6] = [
    ("household.raw", "household", "raw"),
    ("solar.csv", "solar", "CSV"),
    ("household_1991.cfg", "household_1991", "COMTRADE ASCII"),
    ("factory_1999.cfg", "factory_1999", "COMTRADE BINARY"),
    ("factory_2013.cfg", "factory_2013", "COMTRADE FLOAT32"),
    ("solar_2013.cff", "solar_2013", "COMTRADE BINARY32"),
];

/// How far a quantity may be off: relative, and absolute in its unit.
fn tolerance(unit: &str, relative: f64) -> (f64, f64) {
    match unit {
        "°" => (0.0, 0.002),
        "Hz" => (2e-7, 0.0),
        "%" => (2e-4, 0.0),
        "" => (0.0, 2e-6),
        _ => (relative, 0.0),
    }
}

/// Issue 2, item 3; M1, M2.
#[test]
fn every_sample_gives_its_closed_form() {
    let mut worst = (0.0, String::new());
    for (file, stem, format) in SAMPLES {
        let result = result_of(&sample(file), &[]);
        let expected: Value =
            serde_json::from_str(&std::fs::read_to_string(sample(&format!("{stem}.expected.json"))).unwrap()).unwrap();
        let relative = number(&expected, &["relative_tolerance"]);
        assert_eq!(result["format"], format);
        let hours = (number(&result, &["span", "to_s"]) - number(&result, &["span", "from_s"])) / 3_600.0;
        for (part, factor) in [("registers_per_hour", hours), ("quantities", 1.0)] {
            let found = &result[if factor == 1.0 { "quantities" } else { "registers" }];
            for (name, entry) in expected[part].as_object().unwrap() {
                let unit = entry["unit"].as_str().unwrap();
                assert_eq!(found[name]["unit"], unit, "{file}: {name}");
                let (right, seen) = (number(entry, &["value"]) * factor, number(found, &[name, "value"]));
                let (of_value, of_unit) = tolerance(unit, relative);
                let off = (seen - right).abs();
                assert!(
                    off <= right.abs() * of_value + of_unit,
                    "{file}: {name} is {seen} {unit}, should be {right}"
                );
                if part == "registers_per_hour" && right != 0.0 && off / right.abs() > worst.0 {
                    worst = (off / right.abs(), format!("{name} of {file}"));
                }
            }
        }
        // Nothing that should not be there: every register of the result is known to the generator.
        for name in result["registers"].as_object().unwrap().keys() {
            assert!(expected["registers_per_hour"][name].is_object(), "{file}: {name}");
        }
    }
    println!("worst relative error of an energy: {:.2e}, {}", worst.0, worst.1);
}

#[test]
fn a_sample_says_what_it_lost() {
    for (file, ..) in SAMPLES {
        let result = result_of(&sample(file), &[]);
        let (from, to) = (number(&result, &["span", "from_s"]), number(&result, &["span", "to_s"]));
        let (start, end) = (
            number(&result, &["lost", "start_s"]),
            number(&result, &["lost", "end_s"]),
        );
        let seconds = number(&result, &["samples"]) / number(&result, &["rate_hz"]);
        assert!((start + (to - from) + end - seconds).abs() < 1e-9, "{file}");
        assert!(
            start * number(&result, &["rate_hz"]) <= 1.001,
            "{file}: {start} s lost at the start"
        );
        assert!(end < 0.21, "{file}: {end} s lost at the end");
        for (input, count) in result["clipped"].as_object().unwrap() {
            assert_eq!(count, 0, "{file}: {input}");
        }
    }
}

#[test]
fn the_table_names_what_the_json_has() {
    let outcome = replay(&[sample("household.raw").to_str().unwrap()]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    for words in [
        "1-0:1.8.0",
        "A+",
        "1-0:72.7.124",
        "THD of the voltage L3",
        "phase sequence 123",
        "lost:",
        "raw, 3200 Hz, 9600 samples",
    ] {
        assert!(outcome.stdout.contains(words), "{words}: {}", outcome.stdout);
    }
}

/// The generator is the source of what is compared: files that were changed by hand would prove nothing.
#[test]
fn the_samples_are_as_generated() {
    let script = sample("generate.py");
    let output = Command::new("python3").arg("-B").arg(&script).arg("--check").output();
    match output {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => println!("not checked: no python3 here ({error})"),
    }
}
