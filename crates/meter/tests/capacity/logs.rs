//! Every log filled until its ring has wrapped, and read whole through the server.

use base::Micros;
use cosem::DateTime;
use cosem::axdr::Reader;
use ferraris_meter::event_log::Log;
use ferraris_meter::profile::JournalId;
use ferraris_meter::{FlashSize, Input};
use metrology::PhaseReading;

use super::life::{Life, hex};

/// L2: at least 500 entries in each log, 200 in the one of fraud, filled until the ring has wrapped and read whole.
#[test]
fn every_log_holds_its_entries() {
    for size in [FlashSize::Megabytes16, FlashSize::Megabytes4] {
        let mut life = Life::begin(size);
        // Codes that are written each time they happen.
        let events = [
            (Log::Standard, 20, "0000636200FF"),
            (Log::Fraud, 91, "0000636201FF"),
            (Log::Disconnect, 61, "0000636202FF"),
            (Log::Quality, 92, "0000636204FF"),
            (Log::Communication, 150, "0000636205FF"),
            (Log::Security, 48, "0000636209FF"),
            (Log::MBus1, 105, "0001636203FF"),
            (Log::MBus2, 115, "0002636203FF"),
            (Log::MBus3, 125, "0003636203FF"),
            (Log::MBus4, 135, "0004636203FF"),
        ];
        for (log, code, name) in events {
            let id = JournalId::of_log(log);
            let depth = life.meter.model().depth(id);
            assert!(500 <= depth, "{log:?}: {depth}");
            // One sector more than the depth, so that the oldest are gone.
            let count = depth + 400;
            for _ in 0..count {
                life.step(Input::Noted(log, code));
                life.pass(Micros::from_millis(60));
            }
            let state = life.meter.model().journals[id.index()];
            assert!(
                depth <= state.in_use && state.in_use < state.written,
                "{log:?}: {state:?}"
            );
            let buffer = life.buffer(name, "00", |_| {});
            let mut rows = Reader::new(&buffer);
            assert_eq!(rows.array(), Ok(usize::try_from(depth).expect("small")), "{log:?}");
            let mut before = None;
            for _ in 0..depth {
                let columns = rows.octet().and_then(|_structure| rows.length()).expect("a row");
                let time: DateTime = rows.value().expect("a time");
                let time = time.utc(|_| 0).expect("a moment");
                assert!(before <= Some(time), "{log:?}");
                before = Some(time);
                assert_eq!(rows.value(), Ok(code), "{log:?}");
                for _ in 2..columns {
                    rows.skip_value().expect("a value");
                }
            }
            rows.end().expect("nothing more");
        }
    }
}

/// Q2, L2: the log of long power failures, of a failure of L2 each, each with a duration of its own; the oldest go.
#[test]
fn the_log_of_long_power_failures_holds_its_entries() {
    for size in [FlashSize::Megabytes16, FlashSize::Megabytes4] {
        let mut life = Life::begin(size);
        life.set_of("0003 0000600714FF", 2, &hex("12 000A"));
        let there = PhaseReading::steady(230_000_000, 0, 0, 0, 200_000_000);
        let depth = life.meter.model().depth(JournalId::PowerInterruptionLog);
        assert!(500 <= depth, "{size:?}: {depth}");
        let mut failures = Vec::new();
        for number in 0..depth + 400 {
            let seconds = 10 + number % 1_000;
            life.window([there, PhaseReading::default(), there]);
            // One that is too short to be a long one comes before every seventh.
            if number % 7 == 0 {
                life.pass(Micros::from_secs(9));
                life.window([there; 3]);
                life.window([there, PhaseReading::default(), there]);
            }
            life.pass(Micros::from_secs(seconds.into()));
            life.window([there; 3]);
            failures.push((life.meter.model().utc(), seconds));
            life.pass(Micros::from_millis(500));
        }
        let buffer = life.buffer("0100636100FF", "00", |_| {});
        let mut rows = Reader::new(&buffer);
        let kept = usize::try_from(depth).expect("small");
        assert_eq!(rows.array(), Ok(kept));
        for (ended, seconds) in &failures[failures.len() - kept..] {
            rows.structure(2).expect("two columns");
            let time: DateTime = rows.value().expect("a time");
            assert_eq!(time.utc(|_| 0), Ok(*ended));
            assert_eq!(rows.value(), Ok(*seconds));
        }
        rows.end().expect("nothing more");
    }
}

/// L2: the log of parameter changes: one row for each change, whose old digest is the new one of the row before.
#[test]
fn the_log_of_parameter_changes_holds_its_entries() {
    for size in [FlashSize::Megabytes16, FlashSize::Megabytes4] {
        let mut life = Life::begin(size);
        let depth = life.meter.model().depth(JournalId::ParameterChangeLog);
        assert!(500 <= depth, "{size:?}: {depth}");
        for number in 0..depth + 200 {
            let threshold = u16::try_from(1 + number).expect("below 65536").to_be_bytes();
            life.set_of("0003 0000600714FF", 2, &[&[0x12][..], &threshold].concat());
            life.pass(Micros::from_millis(500));
        }
        let buffer = life.buffer("0000636280FF", "00", |_| {});
        let mut rows = Reader::new(&buffer);
        assert_eq!(rows.array(), Ok(usize::try_from(depth).expect("small")));
        let mut before = None;
        for row in 0..depth {
            rows.structure(5).expect("five columns");
            let _time: DateTime = rows.value().expect("a time");
            assert_eq!(rows.value(), Ok(1_u8), "row {row}: the client");
            rows.structure(3).expect("what was changed");
            for _ in 0..3 {
                rows.skip_value().expect("class, name, attribute");
            }
            let (old, new): (u32, u32) = (rows.value().expect("a digest"), rows.value().expect("a digest"));
            assert!(before.is_none_or(|before| before == old) && old != new, "row {row}");
            before = Some(new);
        }
        rows.end().expect("nothing more");
    }
}
