//! Issue 2, "Bad input": each bad recording ends with exit code 1 and a message that says where and what is allowed; wrong usage with 2.

use core::fmt::Write as _;
use std::path::Path;

use super::waves::{Wave, sets};
use super::{folder, replay, sample};

/// The recording is refused with this text, and nothing is printed as if it were a result.
#[track_caller]
fn refused(file: &Path, options: &[&str], expected: &str) {
    let mut arguments = vec![file.to_str().expect("a path of text")];
    arguments.extend(options);
    let outcome = replay(&arguments);
    assert!(
        outcome.stderr.contains(expected),
        "expected \"{expected}\" in: {}",
        outcome.stderr
    );
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{}", outcome.stderr);
    assert_eq!(
        outcome.stderr.lines().count(),
        1,
        "one line says it: {}",
        outcome.stderr
    );
}

/// Writes a file and expects its refusal.
#[track_caller]
fn refused_csv(name: &str, content: impl AsRef<[u8]>, expected: &str) {
    let file = folder(name).join("r.csv");
    std::fs::write(&file, content).unwrap();
    refused(&file, &[], expected);
}

/// A second of v1 and i1 at 2 kS/s.
fn good_csv() -> String {
    let mut text = "t,v1,i1\n".to_owned();
    for (values, n) in sets(&[Wave::new(230.0, 0.0), Wave::new(5.0, -30.0)], 50.0, 2_000.0, 1.0).zip(0_u32..) {
        writeln!(text, "{:.4},{:.6},{:.6}", f64::from(n) / 2_000.0, values[0], values[1]).unwrap();
    }
    text
}

/// The good recording with line `line` (from 1) replaced.
fn with_line(line: usize, replacement: &str) -> String {
    let good = good_csv();
    let mut lines: Vec<&str> = good.lines().collect();
    lines[line - 1] = replacement;
    lines.join("\n")
}

#[test]
fn wrong_usage_ends_with_two() {
    let good = sample("solar.csv");
    let good = good.to_str().unwrap();
    for arguments in [
        vec![],
        vec![good, "--nominal", "55"],
        vec![good, "--variant", "SM999"],
        vec![good, "--map", "v1"],
        vec![good, "--map", "v9=UA"],
        vec![good, "--format", "wav"],
        vec![good, "--nominal-volts", "0"],
        vec![good, "--starting-amperes", "NaN"],
        vec![good, "--sides", "primary"],
        vec![good, good],
    ] {
        let outcome = replay(&arguments);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (2, ""),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn files_that_are_not_there_or_of_no_known_format_are_named() {
    let folder = folder("nothing");
    refused(
        &folder.join("absent.csv"),
        &[],
        "absent.csv: cannot be read: No such file",
    );
    refused(&folder, &[], "is a folder");
    let unknown = folder.join("notes.txt");
    std::fs::write(&unknown, "hello").unwrap();
    refused(
        &unknown,
        &[],
        "is of no known format: COMTRADE ends in .cfg, .dat or .cff, CSV in .csv, and raw integers need",
    );
    refused(&unknown, &["--format", "raw"], "notes.txt.json: cannot be read");
    refused(&unknown, &["--format", "comtrade"], "notes.txt: belongs to");
    refused(
        &sample("solar.csv"),
        &["--map", "v1=UA"],
        "--map and --side are for COMTRADE recordings only",
    );
}

#[test]
fn bad_headers_of_csv_are_explained() {
    refused_csv(
        "empty",
        "",
        "is empty; the first line must be a header such as t,v1,v2,v3,i1,i2,i3,in",
    );
    refused_csv("no_t", "v1,i1\n1,2\n", "line 1: the column t (seconds) is missing");
    refused_csv("only_t", "t,\n0\n", "line 1: no column is called \"\"");
    refused_csv(
        "unknown",
        "t,v1,i9\n",
        "line 1: no column is called \"i9\"; allowed are t,v1,v2,v3,i1,i2,i3,in",
    );
    refused_csv("twice", "t,v1,V1\n", "line 1: the column V1 stands twice in the header");
    refused_csv(
        "semicolons",
        "t;v1;i1\n0;1;2\n",
        "line 1: the header is \"t;v1;i1\"; columns are separated by commas",
    );
    refused_csv("no_header", "0.0,1.0,2.0\n", "line 1: no column is called \"0.0\"");
    refused_csv("no_samples", "t,v1,i1\n", "holds fewer than 3 samples");
}

#[test]
fn bad_lines_of_csv_are_named() {
    refused_csv(
        "missing",
        with_line(17, "0.0075,1.5"),
        "line 17: 2 values, but the header has 3 columns",
    );
    refused_csv(
        "more",
        with_line(17, "0.0075,1.5,2,3"),
        "line 17: 4 values, but the header has 3 columns",
    );
    refused_csv(
        "hole",
        with_line(17, "0.0075,1.5,"),
        "line 17: i1 is empty; every line needs a number in every column",
    );
    refused_csv(
        "nan",
        with_line(17, "0.0075,NaN,1"),
        "line 17: v1 is NaN; only finite numbers are allowed",
    );
    refused_csv(
        "inf",
        with_line(17, "0.0075,1,-inf"),
        "line 17: i1 is -inf; only finite numbers are allowed",
    );
    refused_csv(
        "overflow",
        with_line(17, "0.0075,1,1e999"),
        "line 17: i1 is inf; only finite numbers are allowed",
    );
    refused_csv(
        "text",
        with_line(17, "0.0075,1,abc"),
        "line 17: i1 is \"abc\", which is not a number",
    );
    refused_csv(
        "comma",
        with_line(17, "0,0075;1;2"),
        "line 17: v1 is \"0075;1;2\", which is not a number (decimal point, no unit)",
    );
    refused_csv(
        "blank",
        with_line(17, ""),
        "line 18: follows the empty line 17; empty lines may only stand at the end",
    );
    let overlong = format!("0.0075,1,{}", "7".repeat(300));
    refused_csv(
        "overlong",
        with_line(17, &overlong),
        "line 17: i1 is 300 characters long; up to 256 are allowed",
    );
    let endless = format!("0.0075,1,{}", "7".repeat(100_000));
    refused_csv(
        "endless",
        with_line(17, &endless),
        "line 17: the line is longer than the 65536 bytes that are allowed",
    );
    let mut foreign = with_line(17, "0.0075,1,X").into_bytes();
    let place = foreign.iter().rposition(|byte| *byte == b'X').unwrap();
    foreign[place] = 0xE9;
    refused_csv("latin", foreign, "line 17: byte 10 of the line is not UTF-8 text");
    // Cut in the middle of the last number nothing can be noticed; cut before it, it is.
    let cut = good_csv();
    refused_csv(
        "cut",
        &cut[..cut.rfind(',').unwrap()],
        "line 2001: 2 values, but the header has 3 columns",
    );
}

#[test]
fn sampling_that_is_uneven_or_of_a_rate_out_of_range_is_refused() {
    refused_csv(
        "gap",
        with_line(17, "0.0080,1,1"),
        "line 17: the sampling is not even: a step of 1.000e-3 s where 5.000e-4 s is usual",
    );
    refused_csv(
        "back",
        with_line(17, "0.0001,1,1"),
        "line 17: the time 0.0001 s does not come after the 0.007 s before it",
    );
    refused_csv(
        "t_nan",
        with_line(17, "nan,1,1"),
        "line 17: t is NaN; only finite numbers are allowed",
    );
    let of_rate = |rate: f64| {
        let lines = (0..2_000_u32).map(|n| format!("{:.9},1,1\n", f64::from(n) / rate));
        "t,v1,i1\n".to_owned() + &lines.collect::<String>()
    };
    refused_csv(
        "slow",
        of_rate(1_999.0),
        "the sampling rate is 1999 Hz; allowed are 2000 to 64000 Hz",
    );
    refused_csv("quick", of_rate(64_100.0), "allowed are 2000 to 64000 Hz");
}

#[test]
fn a_recording_without_a_supply_or_too_short_says_so() {
    let folder = folder("short");
    let short: String = good_csv().lines().take(350).collect::<Vec<_>>().join("\n");
    std::fs::write(folder.join("short.csv"), short).unwrap();
    refused(&folder.join("short.csv"), &[], "is too short: ");
    let mut text = "t,v1,i1\n".to_owned();
    for n in 0..4_000_u32 {
        writeln!(
            text,
            "{:.6},{:.3},1",
            f64::from(n) / 4_000.0,
            300.0 * (f64::from(n) * 0.6).sin()
        )
        .unwrap();
    }
    std::fs::write(folder.join("fast.csv"), text).unwrap();
    refused(
        &folder.join("fast.csv"),
        &[],
        "v1 has no fundamental between 42.5 and 69 Hz",
    );
    let mut text = "t,v1\n".to_owned();
    for n in 0..4_000_u32 {
        writeln!(
            text,
            "{:.6},{:.3}",
            f64::from(n) / 4_000.0,
            300.0 * (f64::from(n) / 4_000.0 * 40.0 * core::f64::consts::TAU).sin()
        )
        .unwrap();
    }
    std::fs::write(folder.join("slow.csv"), text).unwrap();
    refused(&folder.join("slow.csv"), &[], "the fundamental of v1 has 40");
}

/// A good raw recording and its sidecar in a new folder, changed by `change`.
#[track_caller]
fn refused_raw(name: &str, change: impl FnOnce(&mut Vec<u8>, &mut String), expected: &str) {
    let folder = folder(&format!("raw_{name}"));
    let mut data = std::fs::read(sample("household.raw")).unwrap();
    let mut sidecar = std::fs::read_to_string(sample("household.raw.json")).unwrap();
    change(&mut data, &mut sidecar);
    std::fs::write(folder.join("r.raw"), data).unwrap();
    std::fs::write(folder.join("r.raw.json"), sidecar).unwrap();
    refused(&folder.join("r.raw"), &[], expected);
}

#[test]
fn bad_raw_recordings_are_refused() {
    refused_raw(
        "cut",
        |data, _| data.truncate(268_795),
        "byte 268772: the last sample set is cut: 268795 bytes are not a multiple of 28",
    );
    refused_raw("empty", |data, _| data.clear(), "r.raw: is empty");
    let replaced = |name: &str, from: &str, to: &str, expected: &str| {
        refused_raw(name, |_, sidecar| *sidecar = sidecar.replace(from, to), expected);
    };
    replaced("broken", "{", "", "r.raw.json: is not a sidecar such as");
    replaced("no_rate", "rate_hz", "rate", "missing field `rate_hz`");
    replaced("rate_text", "3200", "\"3200\"", "expected f64 at line 1 column");
    replaced(
        "slow",
        "3200",
        "1999.9",
        "the sampling rate is 1999.9 Hz; allowed are 2000 to 64000 Hz",
    );
    replaced(
        "quick",
        "3200",
        "64001",
        "the sampling rate is 64001 Hz; allowed are 2000 to 64000 Hz",
    );
    replaced(
        "no_scale",
        "amps_per_lsb",
        "amps",
        "\"amps_per_lsb\" is missing, but there is a channel i1",
    );
    replaced("zero_scale", "5e-05", "0", "\"volts_per_lsb\" is 0; a number between");
    replaced(
        "negative",
        "5e-05",
        "-5e-05",
        "\"volts_per_lsb\" is -0.00005; a number between",
    );
    replaced(
        "unknown",
        "\"v1\"",
        "\"u1\"",
        "no input is called \"u1\"; inputs are v1, v2, v3, i1, i2, i3, in",
    );
    replaced("twice", "\"v2\"", "\"v1\"", "\"channels\" names v1 twice");
    refused_raw(
        "none",
        |_, sidecar| *sidecar = r#"{"rate_hz": 8000, "channels": []}"#.to_owned(),
        "\"channels\" names no channel",
    );
    refused_raw(
        "long",
        |_, sidecar| sidecar.push_str(&" ".repeat(70_000)),
        "is longer than the 65536 bytes",
    );
}

/// A copy of a COMTRADE sample in a new folder, changed by `change`.
#[track_caller]
fn refused_comtrade(
    name: &str,
    stem: &str,
    change: impl FnOnce(&mut String, &mut Vec<u8>),
    options: &[&str],
    expected: &str,
) {
    let folder = folder(&format!("comtrade_{name}"));
    let mut config = std::fs::read_to_string(sample(&format!("{stem}.cfg"))).unwrap();
    let mut data = std::fs::read(sample(&format!("{stem}.dat"))).unwrap();
    change(&mut config, &mut data);
    std::fs::write(folder.join("r.cfg"), config).unwrap();
    std::fs::write(folder.join("r.dat"), data).unwrap();
    refused(&folder.join("r.cfg"), options, expected);
}

#[test]
fn a_configuration_that_contradicts_its_data_is_refused() {
    let data = |name: &str, change: fn(&mut Vec<u8>), expected: &str| {
        refused_comtrade(name, "factory_1999", |_, data| change(data), &[], expected);
    };
    data(
        "cut",
        |data| data.truncate(239_990),
        "r.dat: byte 239990: the configuration says 10000 samples of 24 bytes (6 analogue channels of BINARY, 17 digital), but there are 239990 bytes, which is 9999 samples and 14 bytes",
    );
    data(
        "more",
        |data| data.extend([0; 24]),
        "byte 240000: the configuration says 10000 samples of 24 bytes",
    );
    data("none", Vec::clear, "byte 0: the configuration says 10000 samples");
    data(
        "hole",
        |data| drop(data.splice(2_400..2_424, vec![0; 24])),
        "byte 2400: sample 0 follows sample 100; the samples must be numbered without a gap",
    );
    data(
        "missing",
        |data| data[2_408..2_410].copy_from_slice(&[0x00, 0x80]),
        "byte 2400: analogue channel 1 is marked as missing (-32768)",
    );

    let config = |name: &str, from: &'static str, to: &'static str, expected: &str| {
        refused_comtrade(
            name,
            "factory_1999",
            |config, _| *config = config.replacen(from, to, 1),
            &[],
            expected,
        );
    };
    config(
        "count",
        "5000,10000",
        "5000,9000",
        "byte 216000: the configuration says 9000 samples",
    );
    config("status", "23,6A,17D", "22,6A,16D", "r.cfg: line 25: ");
    config(
        "totals",
        "23,6A,17D",
        "23,5A,17D",
        "line 2: 23 channels are announced, but 5A and 17D",
    );
    config("stamps", "5000,10000", "2500,10000", "by its time stamp sample ");
    config(
        "encoding",
        "BINARY",
        "BINARY32",
        "the configuration says 10000 samples of 36 bytes",
    );
    config(
        "rates",
        "\r\n1\r\n5000,10000",
        "\r\n2\r\n5000,5000\r\n2500,10000",
        "line 29: the recording changes its sampling rate from 5000 Hz to 2500 Hz",
    );
    config(
        "slow",
        "5000,10000",
        "1000,10000",
        "the sampling rate is 1000 Hz; allowed are 2000 to 64000 Hz",
    );
    config(
        "zero",
        "5000,10000",
        "5000,0",
        "the configuration says that there are 0 samples",
    );
    config(
        "sides",
        "300,5,S",
        "300,5,P",
        "\"U_A\" has values of the secondary side and \"I_A\" of the primary side; choose with --side",
    );
    config(
        "mapped_twice",
        "U_B,B",
        "U_A,A",
        "the channels \"U_A\" and \"U_A\" could both be v1; choose with --map v1=CHANNEL",
    );
}

#[test]
fn bad_ascii_data_are_named_by_line() {
    let line = |name: &str, number: usize, change: fn(&str) -> String, expected: &str| {
        let changed = |_: &mut String, data: &mut Vec<u8>| {
            let text = String::from_utf8(data.clone()).unwrap();
            let lines = text
                .lines()
                .zip(1..)
                .map(|(line, n)| if n == number { change(line) } else { line.to_owned() });
            *data = lines.collect::<Vec<_>>().join("\r\n").into_bytes();
        };
        refused_comtrade(&format!("ascii_{name}"), "household_1991", changed, &[], expected);
    };
    line(
        "short",
        100,
        |_| "100,41250,1".to_owned(),
        "r.dat: line 100: 3 fields, but number, time stamp, 7 analogue and 1 digital channels are 10",
    );
    line(
        "hole",
        100,
        |_| "100,41250,1,2,,4,5,6,7,0".to_owned(),
        "line 100: analogue channel 3 is empty: marked as missing",
    );
    line(
        "nan",
        100,
        |_| "100,41250,1,2,NaN,4,5,6,7,0".to_owned(),
        "line 100: analogue channel 3 is \"NaN\", which is not a finite number",
    );
    line(
        "number",
        100,
        |_| "101,41250,1,2,3,4,5,6,7,0".to_owned(),
        "line 100: sample 101 follows sample 99",
    );
    line(
        "stamp",
        100,
        |_| "100,x,1,2,3,4,5,6,7,0".to_owned(),
        "line 100: the time stamp is \"x\"",
    );
    line(
        "gone",
        100,
        |_| String::new(),
        "line 101: sample 101 follows sample 99; the samples must be numbered without a gap",
    );
    line(
        "end",
        4_800,
        |_| String::new(),
        "line 4799: the data end after 4799 samples; the configuration says 4800",
    );
    line(
        "more",
        4_800,
        |line| format!("{line}\n4801,2000000,1,2,3,4,5,6,7,0"),
        "line 4801: more samples than the 4800 that the configuration says",
    );
    refused_comtrade(
        "ascii_latin",
        "household_1991",
        |_, data| data[2] = 0xFC,
        &[],
        "line 1: byte 3 of the line is not UTF-8 text",
    );
}

#[test]
fn comtrade_parts_that_are_missing_or_foreign_are_named() {
    let folder = folder("comtrade_parts");
    let config = std::fs::read(sample("factory_1999.cfg")).unwrap();
    std::fs::write(folder.join("alone.cfg"), &config).unwrap();
    refused(&folder.join("alone.cfg"), &[], "alone.dat, which is not there");
    std::fs::write(folder.join("only.dat"), [0; 48]).unwrap();
    refused(&folder.join("only.dat"), &[], "only.cfg, which is not there");
    let mut foreign = config;
    foreign[0] = 0xE4;
    std::fs::write(folder.join("latin.cfg"), foreign).unwrap();
    std::fs::write(folder.join("latin.dat"), [0; 48]).unwrap();
    refused(
        &folder.join("latin.cfg"),
        &[],
        "latin.cfg: line 1: byte 1 of the line is not UTF-8 text",
    );
    refused(
        &sample("factory_1999.cfg"),
        &["--map", "v1=UX"],
        "--map v1: no channel is called \"UX\"; there are \"U_A\", \"U_B\"",
    );
    refused(
        &sample("factory_1999.cfg"),
        &["--map", "v1=I_A"],
        "the channel \"I_A\" is in \"A\", but v1 needs V",
    );
    refused(
        &sample("household_1991.cfg"),
        &["--side", "primary"],
        "does not say how the primary side of \"v1\" follows",
    );
}

#[test]
fn broken_combined_files_are_refused() {
    let folder = folder("cff");
    let whole = std::fs::read(sample("solar_2013.cff")).unwrap();
    let file = folder.join("r.cff");
    let check = |content: &[u8], expected: &str| {
        std::fs::write(&file, content).unwrap();
        refused(&file, &[], expected);
    };
    let replaced = |from: &str, to: &str| {
        let place = whole
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .expect("the text is there");
        [&whole[..place], to.as_bytes(), &whole[place + from.len()..]].concat()
    };
    check(
        &whole[..whole.len() - 1],
        "the DAT section should have 204800 bytes, but the file ends after 204799",
    );
    check(&whole[..350], "has no DAT section");
    check(b"", "has no CFG section before its DAT section");
    check(b"hello\n", "line 1: a combined file begins with --- file type: CFG ---");
    check(
        &replaced("type: CFG", "type: XYZ"),
        "line 1: there are no sections \"XYZ\"",
    );
    check(&replaced("type: CFG", "type: INF"), "has no CFG section");
    check(
        &replaced("DAT BINARY32", "DAT FLOAT32"),
        "the DAT section is FLOAT32, but the configuration says BINARY32",
    );
    check(
        &replaced("DAT BINARY32", "DAT WHATEVER"),
        "DAT sections are ASCII, BINARY, BINARY32 or FLOAT32, not \"WHATEVER\"",
    );
    check(
        &replaced(": 204800", ": 204784"),
        "the configuration says 12800 samples of 16 bytes",
    );
    check(&replaced(": 204800", ": many"), "is not a number of bytes");
}
