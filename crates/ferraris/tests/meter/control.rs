//! The world follows the control interface, and the meter follows the world (issue 2, items 2, 6 and 7).

use serde_json::{Value, json};

use crate::running::{Running, Scratch, codes, quantity, register};

const START: &str = "2026-01-05T11:50:00Z";

fn begin(scratch: &Scratch, more: &[&str]) -> Running {
    let args = [&["--seed", "1", "--start", START, "--speed", "max"], more].concat();
    Running::start(scratch, &args)
}

fn near(measured: f64, expected: f64, tolerance: f64) -> bool {
    (measured - expected).abs() <= tolerance
}

#[test]
fn the_first_line_says_all_that_a_script_needs() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    for port in ["wrapper", "hdlc", "http"] {
        let address: core::net::SocketAddr = meter.address(port).parse().expect("an address");
        assert!(address.ip().is_loopback() && address.port() != 0, "{port} {address}");
    }
    assert_eq!(
        meter.says["clients"][0],
        json!({ "client": 16, "authentication": "none" })
    );
    assert_eq!(meter.says["clients"][1]["authentication"], "lls");
    assert_eq!(meter.says["clients"][2]["suite"], 0);
    assert_eq!(meter.get("/healthz"), json!({ "status": "ok" }));
    let state = meter.state();
    assert_eq!(state["system_title"], meter.says["system_title"]);
    assert_eq!(state["links"]["wrapper"]["address"], meter.says["wrapper"]);
    assert_eq!(
        (&state["variant"], &state["serial"]),
        (&json!("ST402D"), &json!("40200001"))
    );
}

/// V1, M2: what is set in the world is what the meter shows.
#[test]
fn supply_and_load_move_voltage_current_and_power() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    let supply = json!({ "frequency_hz": 49.9, "phases": [{ "volts": 220 }, { "volts": 230 }, { "volts": 240 }] });
    let answer = meter.put("/api/v1/world/supply", &supply);
    assert_eq!(
        answer["phases"][1],
        json!({ "volts": 230, "angle_deg": -120, "harmonics": [] })
    );
    let load = json!({ "phases": [{ "amps": 5, "angle_deg": 60 }, { "amps": 10 }, { "amps": 2, "angle_deg": 180 }] });
    meter.put("/api/v1/world/load", &load);
    let settled = |state: &Value| {
        near(quantity(state, "1-0:32.7.0"), 220.0, 0.2)
            && near(quantity(state, "1-0:14.7.0"), 49.9, 0.01)
            && near(quantity(state, "1-0:36.7.0"), 550.0, 2.0)
            && near(quantity(state, "1-0:23.7.0"), 952.6, 3.0)
            && near(quantity(state, "1-0:56.7.0"), 2_300.0, 5.0)
            && near(quantity(state, "1-0:76.7.0"), -480.0, 2.0)
            && near(quantity(state, "1-0:71.7.0"), 2.0, 0.01)
    };
    let state = meter.until("the quantities follow the world", settled);
    assert_eq!(state["world"]["load"]["phases"][0]["angle_deg"], 60);
    let before = register(&state, "1-0:1.8.0");
    let pulses = state["leds"]["active"]["pulses"].as_u64().expect("a count");
    meter.until("energy and pulses grow", |state| {
        before + 5.0 < register(state, "1-0:1.8.0") && Some(pulses + 5) < state["leds"]["active"]["pulses"].as_u64()
    });
    let waveform = meter.get("/api/v1/waveform?cycles=2");
    let channels = waveform["channels"].as_array().expect("a list");
    assert_eq!(channels.len(), 7);
    assert!(
        channels
            .iter()
            .all(|channel| channel["values"].as_array().is_some_and(|values| 300 < values.len()))
    );
    let second = &waveform["phasors"]["currents"][1];
    assert!(near(second["rms"].as_f64().unwrap_or(0.0), 10.0, 0.05), "{second}");
    assert!(
        near(second["angle_deg"].as_f64().unwrap_or(0.0), -120.0, 0.2),
        "{second}"
    );
}

#[test]
fn a_household_lives_and_its_sun_feeds_in() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    assert_eq!(
        meter.state()["world"]["load"],
        json!({ "household": true, "pv_watts": 0, "level": 1 })
    );
    let load = json!({ "household": true, "pv_watts": 20_000, "level": 0 });
    assert_eq!(meter.put("/api/v1/world/load", &load), load);
    meter.until("the sun feeds in", |state| {
        quantity(state, "1-0:16.7.0") < -500.0 && 0.0 < register(state, "1-0:2.8.0")
    });
    meter.put(
        "/api/v1/world/load",
        &json!({ "household": true, "pv_watts": 0, "level": 5 }),
    );
    meter.until("the household takes", |state| 100.0 < quantity(state, "1-0:16.7.0"));
}

/// F1: covers, magnet and button.
#[test]
fn contacts_are_seen_and_logged() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &["--speed", "1"]);
    let change = json!({ "meter_cover": "open", "terminal_cover": "closed", "magnet": true, "button": "short" });
    let answer = meter.put("/api/v1/world/contacts", &change);
    assert_eq!(
        answer,
        json!({ "meter_cover": "open", "terminal_cover": "closed", "magnet": true, "tariff_input": 1 })
    );
    let state = meter.state();
    assert_eq!(codes(&state, "fraud"), [42, 44]);
    assert_eq!(state["logs"]["fraud"][1]["text"], "meter cover removed");
    assert_eq!(state["contacts"], answer);
    meter.put("/api/v1/world/contacts", &json!({ "meter_cover": "closed" }));
    assert_eq!(codes(&meter.state(), "fraud"), [45, 42, 44]);
}

/// U1, L2: an outage is survived and logged, registers stay to be seen.
#[test]
fn the_mains_can_be_switched_off_and_on() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    let load = json!({ "phases": [{ "amps": 50 }, { "amps": 50 }, { "amps": 50 }] });
    meter.put("/api/v1/world/load", &load);
    meter.until("energy", |state| 100.0 < register(state, "1-0:1.8.0"));
    assert_eq!(
        meter.put("/api/v1/world/power", &json!({ "on": false })),
        json!({ "on": false })
    );
    let off = meter.state();
    assert_eq!((&off["world"]["on"], &off["quantities"]), (&json!(false), &json!({})));
    assert_eq!(
        (&off["display"]["text"], &off["display"]["symbols"]),
        (&json!(""), &json!([]))
    );
    assert_eq!(meter.get("/healthz"), json!({ "status": "ok" }));
    assert_eq!(meter.get("/api/v1/waveform")["channels"][0]["values"], json!([]));
    assert!(100.0 < register(&off, "1-0:1.8.0"));
    assert_eq!(
        meter.put("/api/v1/world/power", &json!({ "on": false })),
        json!({ "on": false })
    );
    meter.put("/api/v1/world/power", &json!({ "on": true }));
    let on = meter.until("it measures again", |state| 200.0 < quantity(state, "1-0:32.7.0"));
    assert!(register(&off, "1-0:1.8.0") <= register(&on, "1-0:1.8.0"));
    assert!(off["leds"]["active"]["pulses"].as_u64() <= on["leds"]["active"]["pulses"].as_u64());
    assert_eq!(codes(&on, "standard"), [2, 1, 2], "power up, power down, power up");
}

/// T1: a jump is a setting of the clock, and registers do not move.
/// The meter lives on its phases: one is enough, none is an outage.
#[test]
fn phases_without_voltage_are_an_outage() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    meter.until("a voltage", |state| near(quantity(state, "1-0:32.7.0"), 230.0, 5.0));
    let phases = |volts: [u32; 3]| json!({ "phases": volts.map(|volts| json!({ "volts": volts })) });
    meter.put("/api/v1/world/supply", &phases([0, 0, 230]));
    assert_eq!(meter.state()["world"]["on"], true);
    meter.put("/api/v1/world/supply", &phases([0, 0, 0]));
    assert_eq!(meter.state()["world"]["on"], false);
    meter.put("/api/v1/world/supply", &phases([230, 230, 230]));
    let state = meter.until("a voltage", |state| near(quantity(state, "1-0:32.7.0"), 230.0, 5.0));
    assert_eq!(codes(&state, "standard"), [2, 1, 2]);
}

#[test]
fn civil_time_jumps_and_the_pace_changes() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    meter.pause();
    let before = meter.state();
    let time = meter.put("/api/v1/time", &json!({ "jump_s": 86_400 }));
    assert_eq!(time["speed"], 0);
    let after = meter.state();
    assert_eq!(before["time"]["utc"].as_str().map(|utc| &utc[..10]), Some("2026-01-05"));
    assert_eq!(after["time"]["utc"].as_str().map(|utc| &utc[..10]), Some("2026-01-06"));
    assert_eq!(codes(&after, "standard"), [5, 4, 2]);
    assert_eq!(before["registers"], after["registers"]);
    let refused = meter.try_put("/api/v1/time", &json!({ "speed": 60, "jump_s": -315_576_000 * 3 }));
    assert_eq!(refused.status, 422);
    for _ in 0..2 {
        meter.put("/api/v1/time", &json!({ "jump_s": -315_576_000 }));
    }
    let refused = meter.try_put("/api/v1/time", &json!({ "speed": 60, "jump_s": -315_576_000 }));
    assert_eq!(
        (refused.status, &refused.json()["errors"][0]["pointer"]),
        (422, &json!("#/jump_s"))
    );
    assert_eq!(meter.state()["time"]["speed"], 0, "a refused change changes nothing");
}

/// L1: the load profile fills in accelerated time.
#[test]
fn the_load_profile_fills_and_is_read_by_range() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    meter.until("two rows", |state| {
        state["profiles"]["1"]["entries_in_use"].as_u64() >= Some(2)
    });
    meter.pause();
    let profile = meter.get("/api/v1/profile/1");
    let rows = profile["rows"].as_array().expect("a list");
    assert_eq!(rows[0]["time"], "2026-01-05T12:00:00Z");
    assert_eq!(rows[1]["time"], "2026-01-05T12:15:00Z");
    assert_eq!(
        profile["columns"][0],
        json!({ "obis": "1-0:1.8.0", "attribute": 2, "unit": "Wh" })
    );
    assert_eq!(
        rows[0]["values"].as_array().map(Vec::len),
        profile["columns"].as_array().map(Vec::len)
    );
    let range = "/api/v1/profile/1?from=2026-01-05T12:00:00Z&to=2026-01-05T13:15:00%2B01:00";
    let part = meter.get(range);
    assert_eq!((&part["rows"], &part["truncated"]), (&json!([rows[0]]), &json!(false)));
    let newest = meter.get("/api/v1/profile/1?limit=1");
    assert_eq!(
        (&newest["rows"][0], &newest["truncated"]),
        (rows.last().expect("rows"), &json!(true))
    );
    assert_eq!(meter.get("/api/v1/profile/2")["period_s"], 86_400);
    assert_eq!(meter.request("GET", "/api/v1/profile/8", &[], b"").status, 404);
    for wrong in [
        "/api/v1/profile/9",
        "/api/v1/profile/1?limit=0",
        "/api/v1/profile/1?from=now",
        "/api/v1/profile/1?form=x",
    ] {
        assert_eq!(meter.request("GET", wrong, &[], b"").status, 400, "{wrong}");
    }
}

#[test]
fn a_single_phase_meter_has_one_phase() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &["--variant", "SM402D"]);
    let refused = meter.try_put(
        "/api/v1/world/supply",
        &json!({ "phases": [{ "volts": 1 }, { "volts": 1 }, { "volts": 1 }] }),
    );
    assert_eq!(
        (refused.status, &refused.json()["errors"][0]["pointer"]),
        (422, &json!("#/phases"))
    );
    meter.put("/api/v1/world/supply", &json!({ "phases": [{ "volts": 240 }] }));
    meter.put("/api/v1/world/load", &json!({ "phases": [{ "amps": 10 }] }));
    let state = meter.until("one phase", |state| near(quantity(state, "1-0:1.7.0"), 2_400.0, 5.0));
    assert_eq!(state["quantities"]["1-0:52.7.0"], Value::Null);
    let names: Vec<Value> = meter.get("/api/v1/waveform")["channels"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    assert_eq!(names, ["v1", "i1", "in"]);
}

#[test]
fn a_meter_behind_transformers_has_no_switch() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &["--variant", "ST402C"]);
    assert_eq!(meter.state()["disconnector"], Value::Null);
    meter.put(
        "/api/v1/world/load",
        &json!({ "phases": [{ "amps": 5 }, { "amps": 5 }, { "amps": 5 }] }),
    );
    meter.until("secondary power", |state| {
        near(quantity(state, "1-0:1.7.0"), 3_450.0, 10.0)
    });
}

#[test]
fn what_moves_comes_as_events() {
    use std::io::{BufRead, BufReader, Write};
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    let mut stream = std::net::TcpStream::connect(meter.address("http")).expect("it listens");
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
    let lines: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).take(40).collect();
    let has = |line: &str| lines.iter().any(|other| other == line);
    assert!(
        has("retry: 1000") && has("event: state") && has("id: 1") && has("id: 2"),
        "{lines:#?}"
    );
    let data = lines.iter().find_map(|line| line.strip_prefix("data: ")).expect("data");
    let event: Value = serde_json::from_str(data).expect("JSON");
    for field in [
        "sequence",
        "time",
        "display",
        "leds",
        "disconnector",
        "contacts",
        "on",
        "quantities",
        "registers",
    ] {
        assert!(!event[field].is_null(), "{field}");
    }
    assert!(
        event["world_revision"].is_u64() && event["log_entries"].is_u64() && event["profile_entries"]["1"].is_u64()
    );
}

#[test]
fn the_page_and_the_contract_are_served() {
    let scratch = Scratch::new();
    let meter = begin(&scratch, &[]);
    let page = meter.request("GET", "/", &[], b"");
    assert!(page.status == 200 && page.head.contains("text/html"), "{}", page.head);
    let contract = meter.request("GET", "/api/v1/openapi.yaml", &[], b"");
    assert!(
        contract.head.contains("application/yaml") && contract.head.contains("no-store"),
        "{}",
        contract.head
    );
    assert!(contract.body.starts_with(b"openapi: 3.1"));
}

#[test]
fn a_scenario_does_the_same_on_a_time_line() {
    let scratch = Scratch::new();
    let path = scratch.join("day.toml");
    let text = r#"
        [[at]]
        time = "1s"
        load = { phases = [{ amps = 4 }, { amps = 4 }, { amps = 4 }] }
        [[at]]
        time = "00:00:20"
        contacts = { terminal_cover = "open" }
        [[at]]
        time = "25s"
        power = { on = false }
        [[at]]
        time = "30s"
        power = { on = true }
        clock = { jump_s = 3600 }
        [[at]]
        time = "40s"
        clock = { speed = 0 }
    "#;
    std::fs::write(&path, text).expect("a disk");
    let meter = begin(&scratch, &["--scenario", path.to_str().expect("text")]);
    let state = meter.until("the scenario pauses the world", |state| state["time"]["speed"] == 0);
    assert_eq!(state["time"]["utc"], "2026-01-05T12:50:40Z");
    assert_eq!(codes(&state, "standard"), [5, 4, 2, 1, 2]);
    assert_eq!(codes(&state, "fraud"), [40]);
    assert!(near(quantity(&state, "1-0:31.7.0"), 4.0, 0.01));
    // 24 s and a little less than 10 s at 2.76 kW.
    assert!(
        (22.0..=26.5).contains(&register(&state, "1-0:1.8.0")),
        "{}",
        register(&state, "1-0:1.8.0")
    );
}

/// L1, M-Bus: a device of the virtual world delivers its values, and the channel's profile captures them.
#[test]
fn a_gas_meter_on_mbus_fills_the_profile_of_its_channel() {
    let scratch = Scratch::new();
    let order = scratch.join("meter.toml");
    std::fs::write(&order, "mbus_2 = \"gas\"\n").expect("a file");
    let order = order.to_str().expect("a path of text");
    let start = "2026-01-05T11:58:00Z";
    let meter = Running::start(
        &scratch,
        &["--seed", "1", "--start", start, "--speed", "max", "--config", order],
    );
    meter.until("a row of the gas meter", |state| {
        state["profiles"]["6"]["entries_in_use"].as_u64() >= Some(1)
    });
    meter.pause();
    let profile = meter.get("/api/v1/profile/6");
    assert_eq!(profile["obis"], "0-2:24.3.0");
    assert_eq!(profile["rows"][0]["time"], "2026-01-05T12:00:00Z");
    assert_eq!(profile["columns"][0]["obis"], "0-2:24.2.1");
    assert!(profile["rows"][0]["values"][0].as_f64() > Some(0.0), "{profile}");
    assert_eq!(meter.request("GET", "/api/v1/profile/5", &[], b"").status, 404);
}
