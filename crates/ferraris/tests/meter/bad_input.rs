//! Bad input of the metrology, end to end: whatever converter, supply or laboratory do, a client reads what is wrong, the log has it, and
//! no register runs backwards.

use dlms_cosem_rs::axdr::Data;
use serde_json::{Value, json};

use crate::foreign::ForeignClient;
use crate::running::{Running, Scratch, codes, register};

const REGISTERS: [&str; 4] = ["1-0:1.8.0", "1-0:2.8.0", "1-0:3.8.0", "1-0:15.8.0"];

struct Patient {
    meter: Running,
    client: ForeignClient,
    registers: [f64; 4],
}

impl Patient {
    fn begin(scratch: &Scratch) -> Self {
        let args = ["--seed", "1", "--start", "2026-01-05T12:00:00Z", "--speed", "max"];
        let meter = Running::start(scratch, &args);
        let load = json!({ "phases": [{ "amps": 5 }, { "amps": 5 }, { "amps": 5 }] });
        meter.put("/api/v1/world/load", &load);
        let password = meter.says["clients"][1]["password"].as_str().expect("a password");
        let mut client = ForeignClient::with_password(meter.address("wrapper"), password);
        client.associate();
        Self {
            meter,
            client,
            registers: [0.0; 4],
        }
    }

    /// Waits for a state; in every state that is seen no register is behind the one before.
    fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let registers = core::cell::RefCell::new(&mut self.registers);
        self.meter.until(what, |state| {
            for (name, before) in REGISTERS.into_iter().zip(registers.borrow_mut().iter_mut()) {
                let now = register(state, name);
                assert!(*before <= now, "{name} ran backwards: {before} to {now}");
                *before = now;
            }
            wanted(state)
        })
    }

    /// The channels with each fault, and whether the frequency is out of range: 0-0:96.129.2.
    fn signal(&mut self) -> Vec<i64> {
        let signal = self.client.get(1, "0-0:96.129.2", 2, |value| {
            let fields = value.as_structure().expect("a structure");
            fields
                .iter()
                .map(|field| match field.expect("a field") {
                    Data::Boolean(is) => i64::from(is),
                    other => other.as_i64().expect("a number"),
                })
                .collect()
        });
        signal.expect("it can be read")
    }

    fn error_bit(&mut self) -> bool {
        self.client.number(1, "0-0:97.97.0", 2).expect("the error register") & 1 << 11 != 0
    }

    /// A fault comes, a client sees it and the log has it; it goes, and the client clears the error register.
    fn suffers(&mut self, path: &str, [bad, good]: [&Value; 2], wanted: &[i64]) {
        let count = |state: &Value| codes(state, "standard").iter().filter(|code| **code == 16).count();
        let before = count(&self.meter.state());
        self.meter.put(path, bad);
        self.until("event 16", |state| before < count(state));
        assert_eq!(self.signal(), wanted, "{bad}");
        assert!(self.error_bit(), "{bad}");
        self.meter.put(path, good);
        let begun = std::time::Instant::now();
        while self.signal() != [0; 6] {
            assert!(begun.elapsed().as_secs() < 120, "{good}");
        }
        let cleared = self.client.set(1, "0-0:97.97.0", 2, Data::DoubleLongUnsigned(0));
        assert!(cleared.contains("Ok") || cleared.contains("Success"), "{cleared}");
        assert!(!self.error_bit(), "{bad}");
        assert_eq!(count(&self.meter.state()), before + 1, "once: {bad}");
    }
}

/// Clipped, dead, stuck, NaN-like and direct channels, and frequencies that are none.
#[test]
fn samples_that_cannot_be_are_told_to_a_client_and_logged_and_no_register_falls() {
    let scratch = Scratch::new();
    let mut it = Patient::begin(&scratch);
    for (channel, bit) in [("v2", 1 << 1), ("i3", 1 << 5), ("in", 1 << 6)] {
        for (place, fault) in ["clipped", "invalid", "dead", "stuck", "direct"]
            .into_iter()
            .enumerate()
        {
            // The neutral of a balanced load carries noise only: too little to tell a stuck bit, or to reach the rails.
            if channel == "in" && ["stuck", "clipped"].contains(&fault) {
                continue;
            }
            let mut wanted = [0; 6];
            wanted[place] = bit;
            if fault == "invalid" {
                // Held to 24 bits, it is at the rail.
                wanted[0] = bit;
            }
            let [bad, good] = [fault, "sound"].map(|fault| json!({ channel: fault }));
            it.suffers("/api/v1/world/converter", [&bad, &good], &wanted);
        }
    }
    let good = json!({ "frequency_hz": 50 });
    for hertz in [40.0, 42.0, 58.5, 70.0] {
        let bad = json!({ "frequency_hz": hertz });
        it.suffers("/api/v1/world/supply", [&bad, &good], &[0, 0, 0, 0, 0, 1]);
    }
    let state = it.until("it counts on", |state| 0.0 < register(state, "1-0:1.8.0"));
    assert_eq!(
        register(&state, "1-0:2.8.0"),
        0.0,
        "nothing was exported by a broken channel"
    );
    it.meter.stop("-TERM");
}

/// Swapped phases and export are conditions that a client reads; swapped phases are event 88, and where export is not agreed it is a current reversal (91) in the fraud log.
#[test]
fn swapped_phases_and_reversed_currents_are_told() {
    let scratch = Scratch::new();
    let mut it = Patient::begin(&scratch);
    let phases =
        |angles: [i32; 3]| json!({ "phases": angles.map(|angle| json!({ "volts": 230, "angle_deg": angle })) });
    let has = |name: &'static str| {
        move |state: &Value| {
            state["conditions"]
                .as_array()
                .is_some_and(|list| list.contains(&json!(name)))
        }
    };
    it.meter.put("/api/v1/world/supply", &phases([0, 120, -120]));
    it.until("swapped", has("phase_sequence"));
    assert_eq!(
        it.client.number(1, "0-0:96.129.0", 2).map(|bits| bits >> 1 & 1),
        Some(1)
    );
    it.until("event 88", |state| codes(state, "standard").contains(&88));
    assert_eq!(
        it.client.number(1, "0-0:97.98.1", 2).map(|bits| bits >> 11 & 1),
        Some(1),
        "AR2.11"
    );
    it.meter.put("/api/v1/world/supply", &phases([0, -120, 120]));
    it.until("in order", |state| !has("phase_sequence")(state));
    let patience = it.client.set(1, "0-0:96.129.4", 2, Data::LongUnsigned(10));
    assert!(patience.contains("Ok") || patience.contains("Success"), "{patience}");
    let load = |angle: f64| json!({ "phases": [{ "amps": 5, "angle_deg": angle }, { "amps": 5 }, { "amps": 5 }] });
    it.meter.put("/api/v1/world/load", &load(180.0));
    let state = it.until("current reversal", |state| codes(state, "fraud").contains(&91));
    assert!(has("reversal_l1")(&state), "{}", state["conditions"]);
    assert_eq!(
        it.client.number(1, "0-0:97.98.1", 2).map(|bits| bits >> 10 & 1),
        Some(1),
        "AR2.10"
    );
    it.meter.put("/api/v1/world/load", &load(0.0));
    it.until("import again", |state| !has("reversal_l1")(state));
    assert_eq!(
        codes(&it.meter.state(), "fraud")
            .iter()
            .filter(|code| **code == 91)
            .count(),
        1
    );
    it.meter.stop("-TERM");
}

/// Absurd calibration values are refused field by field, by the laboratory's way in and by a client's; the extremes that may be written are
/// harmless.
#[test]
fn absurd_calibrations_are_refused_and_extreme_ones_count_forwards() {
    const PATH: &str = "/api/v1/calibration";
    let scratch = Scratch::new();
    let mut it = Patient::begin(&scratch);
    let before = it.meter.get(PATH)["checksum"].clone();
    for (field, number) in [
        ("gain", json!(0)),
        ("gain", json!(-1)),
        ("gain", json!(1e300)),
        ("gain", json!("NaN")),
        ("lead_deg", json!(90)),
        ("delay_ns", json!(-1e9)),
        ("offset_codes", json!(1e12)),
        ("noise_codes", json!(-1)),
    ] {
        let absurd = json!({ "bench_mode": true, "channels": { "i1": { field: number } } });
        let refused = it.meter.try_put(PATH, &absurd);
        assert_eq!(refused.status, 422, "{absurd}: {refused:?}");
    }
    assert_eq!(it.meter.get(PATH)["checksum"], before, "nothing was half applied");
    for (gain, lead, delay, offset, noise) in [
        (0.5, 30.0, 200_000.0, 8_388_607.0, 100_000.0),
        (2.0, -30.0, -200_000.0, -8_388_608.0, 0.0),
    ] {
        let fields =
            json!({ "gain": gain, "lead_deg": lead, "delay_ns": delay, "offset_codes": offset, "noise_codes": noise });
        let channels = json!({ "v1": fields, "v3": fields, "i1": fields, "i2": fields, "in": fields });
        it.meter.put(PATH, &json!({ "bench_mode": true, "channels": channels }));
        let counted = register(&it.meter.state(), "1-0:15.8.0");
        it.until("it counts", |state| counted + 20.0 < register(state, "1-0:15.8.0"));
    }
    it.meter.stop("-TERM");
}
