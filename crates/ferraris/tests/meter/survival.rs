//! What outlives a stop, a kill -9, a damaged image; and what two runs with one seed have in common.

use serde_json::{Value, json};

use crate::running::{Running, Scratch, codes, command, register};

const LOAD: &str = r#"{"phases":[{"amps":60},{"amps":60},{"amps":60}]}"#;

fn measure(scratch: &Scratch, args: &[&str]) -> Running {
    let meter = Running::start(scratch, &[&["--seed", "3", "--speed", "max"], args].concat());
    let load: Value = serde_json::from_str(LOAD).expect("JSON");
    meter.put("/api/v1/world/load", &load);
    meter
}

/// The second of the day that the meter's clock shows.
fn second_of_day(state: &Value) -> i64 {
    let utc = state["time"]["utc"].as_str().expect("a time");
    let (_, time) = utc.split_once('T').expect("a date and a time");
    let parts = time.trim_end_matches('Z').split(':');
    parts.fold(0, |sum, part| 60 * sum + part.parse::<i64>().expect("a number"))
}

/// U2: a clean stop loses nothing.
#[test]
fn a_stop_keeps_every_register_to_the_watt_hour() {
    for signal in ["-INT", "-TERM"] {
        let scratch = Scratch::new();
        let meter = measure(&scratch, &["--start", "2026-01-05T11:50:00Z"]);
        meter.until("energy", |state| 500.0 < register(state, "1-0:1.8.0"));
        meter.pause();
        let before = meter.state();
        meter.put("/api/v1/world/contacts", &json!({ "meter_cover": "open" }));
        let rest = meter.stop(signal);
        let farewell: Value = serde_json::from_str(&rest).expect("the farewell is one JSON object");
        assert_eq!(farewell["registers"], before["registers"]);
        let again = Running::start(&scratch, &["--seed", "3", "--speed", "0"]);
        let after = again.state();
        assert_eq!(after["registers"], before["registers"]);
        // The meter's clock begins at the nearest second.
        let ahead = second_of_day(&after) - second_of_day(&before);
        assert!(
            (0..=1).contains(&ahead),
            "with a seed the world goes on where it stopped: {ahead} s"
        );
        assert_eq!(codes(&after, "standard"), [2, 1, 2]);
        assert_eq!(codes(&after, "fraud"), [44], "a cover that stays open is one event");
    }
}

/// U2, issue 2 item 2: kill -9 takes back nothing that was told.
#[test]
fn kill_9_keeps_the_registers_and_the_profile() {
    let scratch = Scratch::new();
    let meter = measure(&scratch, &["--start", "2026-01-05T11:50:00Z"]);
    let filled = |state: &Value| {
        500.0 < register(state, "1-0:1.8.0") && state["profiles"]["1"]["entries_in_use"].as_u64() >= Some(1)
    };
    meter.until("energy and a row", filled);
    meter.pause();
    let before = meter.state();
    let rows = meter.get("/api/v1/profile/1")["rows"].clone();
    meter.kill();
    let again = Running::start(&scratch, &["--seed", "3", "--speed", "0"]);
    let after = again.state();
    assert_eq!(after["registers"], before["registers"]);
    assert_eq!(again.get("/api/v1/profile/1")["rows"], rows);
    assert_eq!(
        codes(&after, "standard"),
        [2, 1, 2],
        "the power down was not seen, and is logged all the same"
    );
}

/// Issue 2, bad input: a damaged image keeps what is whole and logs what was lost.
#[test]
fn a_damaged_image_keeps_what_is_whole() {
    let scratch = Scratch::new();
    let meter = measure(&scratch, &["--start", "2026-01-05T11:50:00Z"]);
    meter.until("energy", |state| 500.0 < register(state, "1-0:1.8.0"));
    meter.put("/api/v1/world/contacts", &json!({ "magnet": true }));
    meter.pause();
    let before = meter.state();
    meter.stop("-TERM");
    let path = scratch.join("state/flash.bin");
    let mut image = std::fs::read(&path).expect("the image");
    let standard_log = meter::partitions(meter::FlashSize::Megabytes16)
        .iter()
        .find(|partition| partition.name == "standard log")
        .expect("every meter has one");
    let standard_log = (standard_log.first..standard_log.end()).map(|sector| sector as usize * 4_096);
    for at in standard_log {
        image[at..at + 2_048].fill(0x5A);
    }
    std::fs::write(&path, image).expect("a disk");
    let again = Running::start(&scratch, &["--seed", "3", "--speed", "0"]);
    let after = again.state();
    assert_eq!(after["registers"], before["registers"]);
    assert_eq!(codes(&after, "fraud"), [42]);
    assert_eq!(
        codes(&after, "standard").first(),
        Some(&14),
        "NV memory error: {}",
        after["logs"]["standard"]
    );
    again.stop("-TERM");
    // Half of the image is gone: the meter lives on with what is there.
    let image = std::fs::read(&path).expect("the image");
    std::fs::write(&path, &image[..600 * 4_096 + 77]).expect("a disk");
    let short = Running::start(&scratch, &["--seed", "3", "--speed", "0"]);
    assert_eq!(short.state()["registers"], before["registers"]);
    assert_eq!(codes(&short.state(), "standard").first(), Some(&14));
    assert_eq!(
        std::fs::metadata(scratch.join("state/flash.bin.damaged"))
            .expect("put aside")
            .len(),
        600 * 4_096 + 77
    );
    short.stop("-TERM");
    // Something else has this name: it is left alone.
    std::fs::write(&path, vec![1; (16 << 20) + 1]).expect("a disk");
    let refused = command(&scratch, &[]).output().expect("the command is built");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && said.contains("left alone"),
        "{said}"
    );
}

/// A state folder belongs to one meter.
#[test]
fn the_state_of_another_meter_is_refused() {
    let scratch = Scratch::new();
    measure(&scratch, &[]).stop("-TERM");
    let other = ["--variant", "SM402D", "--for", "1s"];
    let refused = command(&scratch, &other).output().expect("the command is built");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && said.contains("another variant, serial number"),
        "{said}"
    );
    measure(&scratch, &[]).stop("-TERM");
}

#[test]
fn a_damaged_world_file_is_said_and_the_meter_starts() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.join("state")).expect("a disk");
    std::fs::write(scratch.join("state/world.json"), "{\"utc\":").expect("a disk");
    let output = command(&scratch, &["--speed", "max", "--for", "1s"])
        .output()
        .expect("the command is built");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("world.json is damaged"),
        "{said}"
    );
}

/// Issue 2, item 2: equal seeds, equal bytes; other seeds, other bytes.
#[test]
fn two_runs_with_one_seed_are_equal_to_the_byte() {
    let run = |seed: &str| {
        let scratch = Scratch::new();
        let args = [
            "--seed",
            seed,
            "--start",
            "2026-01-05T11:50:00Z",
            "--speed",
            "max",
            "--for",
            "12m",
        ];
        let output = command(&scratch, &args).output().expect("the command is built");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        let (_, registers) = text.split_once("Ctrl-C").expect("the greeting, then the registers");
        let registers = registers.to_owned();
        assert!(registers.contains("1-0:1.8.0 "), "{registers}");
        (
            registers,
            std::fs::read(scratch.join("state/flash.bin")).expect("the image"),
        )
    };
    let ((one, image), (two, twin)) = std::thread::scope(|scope| {
        let other = scope.spawn(|| run("8"));
        (run("8"), other.join().expect("it runs"))
    });
    assert_eq!(one, two);
    assert!(image == twin, "the images are equal");
    let (_, third) = run("9");
    assert!(image != third, "another seed is another household");
}

#[test]
fn the_end_of_the_given_time_is_exact() {
    let scratch = Scratch::new();
    let args = [
        "--seed",
        "1",
        "--start",
        "2026-01-05T11:50:00Z",
        "--speed",
        "max",
        "--for",
        "61s",
    ];
    let output = command(&scratch, &args).output().expect("the command is built");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        output.status.success() && text.contains("2026-01-05T12:51:01+01:00"),
        "{text}"
    );
    let world = std::fs::read_to_string(scratch.path().join("state/world.json")).expect("the world's file");
    assert!(world.contains("2026-01-05T11:51:01Z"), "{world}");
}
