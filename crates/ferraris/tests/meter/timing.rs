//! T1: a crystal that is off, and what carries the clock through power cuts; a foreign client sets what has gone wrong.

use dlms_cosem_rs::axdr::Data;
use serde_json::json;

use crate::foreign::ForeignClient;
use crate::running::{Running, Scratch, codes};

/// A paused meter with an order of its own, in a world that begins at noon.
fn begin(scratch: &Scratch, order: &str) -> Running {
    let path = scratch.join("meter.toml");
    std::fs::write(
        &path,
        format!("time_zone_minutes = 0\ndaylight_saving = false\n{order}"),
    )
    .expect("a disk");
    let path = path.to_str().expect("a path of text");
    Running::start(
        scratch,
        &[
            "--seed",
            "1",
            "--start",
            "2026-01-05T12:00:00Z",
            "--speed",
            "0",
            "--config",
            path,
        ],
    )
}

/// The power fails, so many seconds go by, and it returns.
fn outage(meter: &Running, seconds: i64) {
    meter.put("/api/v1/world/power", &json!({ "on": false }));
    meter.put("/api/v1/time", &json!({ "jump_s": seconds }));
    meter.put("/api/v1/world/power", &json!({ "on": true }));
}

fn set_clock(meter: &Running, [day, hour]: [u8; 2]) {
    let password = meter.says["clients"][1]["password"]
        .as_str()
        .expect("a password")
        .to_owned();
    let mut client = ForeignClient::with_password(meter.address("wrapper"), &password);
    client.associate();
    let time = [0x07, 0xEA, 1, day, 0xFF, hour, 0, 0, 0, 0, 0, 0];
    let done = client.set(8, "0-0:1.0.0", 2, Data::OctetString(&time));
    assert!(done.contains("Ok") || done.contains("Success"), "{done}");
}

#[test]
fn a_slow_crystal_loses_time_until_a_client_sets_the_clock() {
    let scratch = Scratch::new();
    // 100 millionths at 25 C, where its curve adds nothing: 10 days lose 86.4 s.
    let meter = begin(&scratch, "crystal_ppm = -100\nroom_celsius = 25\n");
    outage(&meter, 864_000);
    assert_eq!(meter.state()["time"]["local"], "2026-01-15T11:58:34+00:00");
    set_clock(&meter, [15, 12]);
    assert_eq!(meter.state()["time"]["local"], "2026-01-15T12:00:00+00:00");
    assert_eq!(codes(&meter.state(), "standard")[..4], [5, 4, 2, 1]);
    // Another process finds the clock that it left, and what it lost since.
    outage(&meter, 86_400);
    meter.stop("-TERM");
    let path = scratch.join("meter.toml");
    let again = Running::start(
        &scratch,
        &["--seed", "1", "--speed", "0", "--config", path.to_str().expect("text")],
    );
    assert_eq!(again.state()["time"]["local"], "2026-01-16T11:59:51+00:00");
}

#[test]
fn an_ideal_clock_stays_with_the_world() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, "room_celsius = 60\n");
    outage(&meter, 8_640_000);
    assert_eq!(meter.state()["time"]["local"], "2026-04-15T12:00:00+00:00");
}

#[test]
fn a_capacitor_carries_the_clock_for_its_hours_of_each_cut() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, "clock_reserve = \"capacitor\"\nclock_reserve_hours = 2\n");
    for _ in 0..3 {
        outage(&meter, 7_000);
    }
    let status = |meter: &Running| meter.state()["time"]["status"].as_u64().expect("a status") & 1;
    assert_eq!(status(&meter), 0, "each cut was within its hours");
    outage(&meter, 7_300);
    assert_eq!(status(&meter), 1, "invalid");
    assert_eq!(codes(&meter.state(), "standard")[0], 6);
    set_clock(&meter, [6, 8]);
    assert_eq!(status(&meter), 0, "set, and so valid");
    assert_eq!(meter.state()["time"]["local"], "2026-01-06T08:00:00+00:00");
}

#[test]
fn a_battery_carries_the_clock_until_it_is_spent_and_says_so_before() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, "clock_reserve = \"battery\"\nclock_reserve_hours = 10\n");
    outage(&meter, 8 * 3_600);
    assert!(!codes(&meter.state(), "standard").contains(&8));
    outage(&meter, 3_600 + 60);
    assert!(codes(&meter.state(), "standard").contains(&8), "battery low");
    assert!(!codes(&meter.state(), "standard").contains(&6));
    outage(&meter, 3_600);
    let standard = codes(&meter.state(), "standard");
    assert!(
        standard.contains(&7) && standard.contains(&6),
        "replace it; the clock is invalid: {standard:?}"
    );
}
