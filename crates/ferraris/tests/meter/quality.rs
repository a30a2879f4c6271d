//! Q1, Q3: what happens to the supply is what a client reads about its quality.

use serde_json::json;

use crate::foreign::ForeignClient;
use crate::running::{Running, Scratch};

/// Reads until `wanted` holds.
fn until(client: &mut ForeignClient, class: u16, name: &str, wanted: impl Fn(i64) -> bool) -> i64 {
    let begun = std::time::Instant::now();
    loop {
        let value = client.number(class, name, 2);
        if let Some(value) = value.filter(|value| wanted(*value)) {
            return value;
        }
        assert!(begun.elapsed().as_secs() < 120, "{name}: {value:?}");
        std::thread::sleep(core::time::Duration::from_millis(20));
    }
}

/// A sag of L1 with its count, duration and magnitude; harmonics, distortion and a first part of the week.
#[test]
fn a_client_reads_sags_harmonics_and_the_week() {
    let scratch = Scratch::new();
    let args = ["--seed", "1", "--start", "2026-01-05T11:55:00Z", "--speed", "max"];
    let meter = Running::start(&scratch, &args);
    let fifth = json!([{ "order": 5, "percent": 4 }]);
    let supply =
        |volts: f64| json!({ "phases": [{ "volts": volts, "harmonics": fifth }, { "volts": 230 }, { "volts": 230 }] });
    meter.put("/api/v1/world/supply", &supply(190.0));
    let password = meter.says["clients"][1]["password"].as_str().expect("a password");
    let mut client = ForeignClient::with_password(meter.address("wrapper"), password);
    client.associate();
    assert_eq!(client.number(3, "1-0:12.31.0", 2), Some(207), "the threshold of sags");
    until(&mut client, 1, "1-0:32.32.0", |count| count == 1);
    assert_eq!(client.number(1, "1-0:52.32.0", 2), Some(0));
    assert_eq!(
        client.number(7, "0-0:99.98.4", 7),
        Some(1),
        "undervoltage in the quality log"
    );
    meter.put("/api/v1/world/supply", &supply(230.0));
    let magnitude = until(&mut client, 3, "1-0:32.34.0", |decivolts| 0 < decivolts);
    // The household draws current through the supply's impedance: a few volts less than at the source.
    assert!((1_800..=1_904).contains(&magnitude), "{magnitude}");
    assert!(60 <= client.number(3, "1-0:32.33.0", 2).expect("a duration"));
    assert_eq!(client.number(7, "0-0:99.98.4", 7), Some(2), "and that all is well");
    let order_5 = client.get(61, "1-0:32.7.255", 2, |value| {
        value.as_array().and_then(|orders| orders.get(4).ok()?.as_u64())
    });
    let order_5 = order_5.expect("it can be read").expect("fifty orders");
    assert!((380..=425).contains(&order_5), "{order_5}");
    // Twenty minutes later a whole interval of ten minutes is counted.
    until(&mut client, 1, "1-0:52.24.147", |values| 1 <= values);
    let distortion = until(&mut client, 3, "1-0:32.24.124", |permille| 0 < permille);
    assert!((38..=43).contains(&distortion), "{distortion}");
    assert_eq!(client.number(3, "1-0:52.24.140", 2), Some(10_000), "within 10 %");
    assert!((2_200..=2_310).contains(&client.number(3, "1-0:52.24.142", 2).expect("a voltage")));
}
