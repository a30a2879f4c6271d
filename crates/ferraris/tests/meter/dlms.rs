//! A client that we did not write reads the meter and operates its switch (issue 2, items 4 and 5).

use dlms_cosem_rs::axdr::Data;
use serde_json::{Value, json};

use crate::foreign::ForeignClient;
use crate::running::{Running, Scratch, codes, quantity, register};

fn begin(scratch: &Scratch) -> Running {
    Running::start(
        scratch,
        &["--seed", "1", "--start", "2026-01-05T11:50:00Z", "--speed", "max"],
    )
}

/// The keys that the first line gives.
fn keys(meter: &Running) -> Value {
    meter.says["clients"][2].clone()
}

fn password(meter: &Running) -> String {
    meter.says["clients"][1]["password"]
        .as_str()
        .expect("a password")
        .to_owned()
}

/// Names of all objects that the client sees, with their classes.
fn object_list(client: &mut ForeignClient) -> Vec<(u64, String)> {
    let objects = client.get(15, "0-0:40.0.0", 2, |value| {
        let list = value.as_array().expect("an array");
        let objects = list.iter().map(|object| {
            let fields = object.expect("an object").as_structure().expect("a structure");
            let class = fields.get(0).expect("a class").as_u64().expect("a number");
            let name = fields.get(2).expect("a name");
            let [a, b, c, d, e, _] = name.as_bytes().expect("octets").try_into().expect("six of them");
            (class, format!("{a}-{b}:{c}.{d}.{e}"))
        });
        objects.collect()
    });
    objects.expect("it can be read")
}

#[test]
fn the_public_reads_name_clock_and_counter() {
    let scratch = Scratch::new();
    let meter = begin(&scratch);
    let mut client = ForeignClient::public(meter.address("wrapper"));
    client.associate();
    assert_eq!(client.logical_device_name(), b"FRR1030140200001");
    let year = client.get(8, "0-0:1.0.0", 2, |value| match value {
        Data::OctetString([high, low, ..]) => u16::from_be_bytes([*high, *low]),
        other => panic!("{other:?}"),
    });
    assert_eq!(year, Ok(2026));
    assert!(client.number(1, "0-0:43.1.0", 2).is_some());
    assert!(
        client.get(3, "1-0:1.8.0", 2, |_| ()).is_err(),
        "registers are not for the public"
    );
}

#[test]
fn every_association_reads_the_object_list_and_the_registers() {
    let scratch = Scratch::new();
    let meter = begin(&scratch);
    meter.until("energy", |state| 20.0 < register(state, "1-0:1.8.0"));
    meter.pause();
    let state = meter.state();
    let (password, keys, wrapper) = (password(&meter), keys(&meter), meter.address("wrapper"));
    let mut clients = [
        ForeignClient::with_password(wrapper, &password),
        ForeignClient::with_keys(wrapper, &keys, 0),
    ];
    for client in &mut clients {
        client.associate();
        let objects = object_list(client);
        assert!(100 <= objects.len(), "{}", objects.len());
        for (name, reading) in state["registers"].as_object().expect("registers") {
            assert!(objects.contains(&(3, name.clone())), "{name} is in the object list");
            let value = client.number(3, name, 2);
            assert_eq!(value, reading["value"].as_i64(), "{name}");
        }
        let decivolts = client.number(3, "1-0:32.7.0", 2).expect("a number");
        let volts = quantity(&state, "1-0:32.7.0");
        let scaler = client.get(3, "1-0:32.7.0", 3, |value| {
            value.as_structure().and_then(|it| it.get(0).ok()?.as_i64())
        });
        let scaler = i32::try_from(scaler.expect("it can be read").expect("a number")).expect("small");
        assert!(
            (decivolts as f64 * 10_f64.powi(scaler) - volts).abs() < 1e-9,
            "{decivolts} {volts}"
        );
    }
    assert_eq!(meter.state()["links"]["wrapper"]["open"], 2);
}

/// D1: the client opens the switch, the load stops; it closes it, the load is back.
#[test]
fn a_disconnection_over_dlms_stops_the_load() {
    let scratch = Scratch::new();
    let meter = begin(&scratch);
    meter.put(
        "/api/v1/world/load",
        &json!({ "phases": [{ "amps": 10 }, { "amps": 10 }, { "amps": 10 }] }),
    );
    meter.until("the load", |state| 6_800.0 < quantity(state, "1-0:1.7.0"));
    let mut client = ForeignClient::with_keys(meter.address("wrapper"), &keys(&meter), 0);
    client.associate();
    let done = client.act(70, "0-0:96.3.10", 1);
    assert!(done.contains("Ok") || done.contains("Success"), "{done}");
    let state = meter.until("the load stops", |state| quantity(state, "1-0:1.7.0") == 0.0);
    assert_eq!(
        state["disconnector"],
        json!({ "output_state": false, "control_state": "disconnected", "control_mode": 4 })
    );
    assert!(
        220.0 < quantity(&state, "1-0:32.7.0"),
        "the voltage before the switch stays"
    );
    assert_eq!(
        client.get(70, "0-0:96.3.10", 2, |value| value.as_bool()),
        Ok(Some(false))
    );
    // The switch stays open over an outage and over a restart of the process.
    meter.put("/api/v1/world/power", &json!({ "on": false }));
    meter.put("/api/v1/world/power", &json!({ "on": true }));
    assert!(
        client.get(70, "0-0:96.3.10", 2, |_| ()).is_err(),
        "the outage ended the connection"
    );
    meter.until("it measures", |state| {
        220.0 < quantity(state, "1-0:32.7.0") && quantity(state, "1-0:1.7.0") == 0.0
    });
    let used = ForeignClient::last_counter(meter.address("wrapper"));
    let mut client = ForeignClient::with_keys(meter.address("wrapper"), &keys(&meter), used);
    client.associate();
    let done = client.act(70, "0-0:96.3.10", 2);
    assert!(done.contains("Ok") || done.contains("Success"), "{done}");
    let state = meter.until("the load is back", |state| 6_800.0 < quantity(state, "1-0:1.7.0"));
    assert_eq!(codes(&state, "disconnect"), [63, 62]);
}

/// T1: the clock that a client sets is the clock that runs on through an outage.
#[test]
fn a_clock_that_is_set_runs_on_without_mains() {
    let scratch = Scratch::new();
    let meter = begin(&scratch);
    let mut client = ForeignClient::with_password(meter.address("wrapper"), &password(&meter));
    client.associate();
    meter.pause();
    let time = [0x07, 0xEC, 2, 29, 0xFF, 12, 0, 0, 0, 0xFF, 0xC4, 0];
    let done = client.set(8, "0-0:1.0.0", 2, Data::OctetString(&time));
    assert!(done.contains("Ok") || done.contains("Success"), "{done}");
    assert_eq!(meter.state()["time"]["local"], "2028-02-29T12:00:00+01:00");
    meter.put("/api/v1/world/power", &json!({ "on": false }));
    assert_eq!(meter.state()["time"]["local"], "2028-02-29T12:00:00+01:00");
    meter.put("/api/v1/world/power", &json!({ "on": true }));
    assert_eq!(meter.state()["time"]["local"], "2028-02-29T12:00:00+01:00");
    assert_eq!(codes(&meter.state(), "standard")[..4], [2, 1, 5, 4]);
    meter.stop("-TERM");
    let again = Running::start(&scratch, &["--seed", "1", "--speed", "0"]);
    assert_eq!(again.state()["time"]["local"], "2028-02-29T12:00:00+01:00");
}

/// S1: who has the wrong password, the wrong key or an old counter stays outside.
#[test]
fn wrong_secrets_are_refused() {
    let scratch = Scratch::new();
    let meter = begin(&scratch);
    let wrapper = meter.address("wrapper");
    assert!(
        ForeignClient::with_password(wrapper, "not-the-password")
            .try_associate()
            .is_err()
    );
    let mut wrong = keys(&meter);
    wrong["encryption_key"] = json!("00000000000000000000000000000001");
    assert!(ForeignClient::with_keys(wrapper, &wrong, 0).try_associate().is_err());
    let mut wrong = keys(&meter);
    wrong["authentication_key"] = json!("00000000000000000000000000000001");
    assert!(ForeignClient::with_keys(wrapper, &wrong, 0).try_associate().is_err());
    ForeignClient::with_keys(wrapper, &keys(&meter), 100).associate();
    let replayed = ForeignClient::with_keys(wrapper, &keys(&meter), 100).try_associate();
    assert!(replayed.is_err(), "the counters were used");
    let used = ForeignClient::last_counter(wrapper);
    assert!(100 < used);
    ForeignClient::with_keys(wrapper, &keys(&meter), used).associate();
    let state = meter.state();
    assert!(
        codes(&state, "fraud").contains(&50),
        "replay attack: {}",
        state["logs"]["fraud"]
    );
}
