//! Sectors that wear out while the meter lives (U2): memories go on beside them, the meter says so once, and nothing acknowledged is lost.

extern crate std;

use std::vec::Vec;
use std::{println, vec};

use base::Micros;
use flash::model::{Ailing, Cut, How, Model as Flash, Timing};

use super::{Bench, Life, TEST_SECTORS, hex, partition, set_device_id, start};
use crate::event_log::standard;
use crate::model::error_bit;
use crate::profile::JournalId;
use crate::{Contact, Input};

impl Life {
    /// Lets the flash prepare what comes.
    fn rest(&mut self) {
        for _ in 0..40 {
            self.bench.flash.pass(Micros::from_millis(100));
            let _said_in_the_error_register = self.step(Input::Tick);
        }
    }

    /// A parameter and an event; whether the parameter was acknowledged.
    fn change(&mut self, octet: u8) -> bool {
        let answer = self.talk(&set_device_id(octet));
        let open = octet.is_multiple_of(2);
        let _waits_or_is_written = self.step(Input::Contact(Contact::TerminalCover { open }));
        answer == Ok(hex("C501C100"))
    }
}

/// One sector after the other of store and logs takes nothing any more: parameters are still acknowledged and kept, events are still logged, and the
/// memory error is one event.
#[test]
fn a_worn_sector_of_store_or_log_is_left_out() {
    for (name, behind) in [
        ("parameters", 0),
        ("parameters", 1),
        ("parameters", 3),
        ("fraud log", 1),
        ("fraud log", 2),
        ("parameter change log", 2),
        ("standard log", 2),
    ] {
        let (first, sectors) = partition(name);
        let (mut life, _) = Life::begin(Bench::new(), Some(start()));
        life.associate().expect("a good step");
        // Ordinals begin at one lap and one, so sector 1 is the first that is opened, and 2 the spare.
        let sector = u32::try_from(first + (1 + behind) % sectors).expect("small");
        life.bench.flash.break_sector(Some(sector));
        let rounds = if name == "parameters" { 1_500_u32 } else { 700 };
        let mut changed = 0;
        for number in 0..rounds {
            let [octet, ..] = number.to_le_bytes();
            changed += u32::from(life.change(octet));
            life.rest();
        }
        assert!(rounds - 4 <= changed, "{name} {behind}: {changed} of {rounds}");
        let errors = life.log(JournalId::StandardLog);
        let errors = errors.iter().filter(|code| **code == standard::NV_MEMORY_ERROR);
        assert_eq!(errors.count(), 1, "{name} {behind}");
        assert_ne!(life.meter.model().error_register & error_bit::NV_MEMORY, 0);
        let before = life.read(1, "0-0:96.1.1", 2);
        let events = life.log(JournalId::FraudLog).len();
        let (again, report) = Life::begin(life.bench.revived(), Some(start().plus(3_600)));
        assert!(!report.has_loss(), "{name} {behind}: {report:?}");
        assert_eq!(again.read(1, "0-0:96.1.1", 2), before, "{name} {behind}");
        assert!(events <= again.log(JournalId::FraudLog).len(), "{name} {behind}");
    }
}

/// Sectors fail at random from a seed, and the power goes at random in between: what was acknowledged is there after each boot, and energies run back
/// by no more than a minute.
#[test]
fn a_meter_lives_on_failing_sectors_and_cuts() {
    let (mut boots, mut changed) = (0, 0);
    for seed in 1..=12_u64 {
        let (mut life, _) = Life::begin(Bench::new(), Some(start()));
        life.bench.flash.reseed(seed);
        life.bench.flash.ail(Some(Ailing {
            seed,
            one_in: 9,
            within: 4_000,
        }));
        let mut dice = seed;
        let mut below = |bound: u64| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % bound
        };
        let mut promised: Vec<u8> = life.read(1, "0-0:96.1.1", 2);
        let mut utc = start();
        for life_number in 0..8 {
            life.associate().expect("a good step");
            let step = life.bench.flash.writes().steps + 200 + below(900);
            let how = [How::NotDone, How::HalfDone, How::Torn, How::Done][usize::try_from(below(4)).expect("small")];
            life.bench.flash.cut(Some(Cut { step, how }));
            let mut pending = promised.clone();
            let mut events = life.meter.model().journals[JournalId::FraudLog.index()].written;
            let mut saved = life.import();
            while life.bench.flash.is_powered() {
                let octet = u8::try_from(below(250)).expect("small");
                pending = vec![9, 1, octet];
                if life.change(octet) {
                    promised = pending.clone();
                    changed += 1;
                }
                let due = life.meter.core.checkpoint_due;
                for _ in 0..30 {
                    let _said_in_the_error_register = life.measure(6_000);
                }
                if life.bench.flash.is_powered() {
                    events = life.meter.model().journals[JournalId::FraudLog.index()].written;
                    if life.meter.core.checkpoint_due != due && life.meter.model().error_register == 0 {
                        saved = life.import() - 30 * 3_600_000_000;
                    }
                }
                utc = utc.plus(6);
            }
            let context = std::format!("seed {seed}, life {life_number}");
            let (again, report) = Life::begin(life.bench.revived(), Some(utc));
            life = again;
            boots += 1;
            assert!(!report.has_loss(), "{context}: {report:?}");
            let found = life.read(1, "0-0:96.1.1", 2);
            assert!(
                found == promised || found == pending,
                "{context}: {found:?}, {promised:?} or {pending:?}"
            );
            promised = found;
            let now = life.meter.model().journals[JournalId::FraudLog.index()].written;
            assert!(events <= now, "{context}: {now} of {events}");
            assert!(saved <= life.import(), "{context}");
        }
    }
    println!("{boots} boots, {changed} parameters acknowledged");
    assert!(boots == 96 && 1_000 < changed);
}

/// A profile that was never used before captures for the first time while its ring is laid out: its row waits for it, nobody else does, and no row is
/// lost.
#[test]
fn rows_wait_for_a_ring_that_is_laid_out_and_nobody_else_does() {
    let mut bench = Bench::new();
    let timing = Timing {
        erase: Micros::from_secs(2),
        ..Timing::TYPICAL
    };
    bench.flash = Flash::new(vec![0xFF; TEST_SECTORS * 4_096], vec![0; TEST_SECTORS], timing, 1);
    let (mut life, _) = Life::begin(bench, Some(start()));
    life.associate().expect("a good step");
    for profile in ["0100630200FF", "0100630101FF", "0100630102FF"] {
        let answer = life.talk(&hex(&std::format!("C101C1 0007 {profile} 04 00 060000003C")));
        assert_eq!(answer, Ok(hex("C501C100")));
    }
    let profiles = [
        JournalId::LoadProfile2,
        JournalId::LoadProfile3,
        JournalId::LoadProfile4,
    ];
    // An erase takes as long as it is until the minute is over: two seconds.
    let (mut fraud, mut waited) = (life.log(JournalId::FraudLog).len(), 0);
    for window in 0..60 {
        life.measure(6_000).expect("a good step");
        let is_laid = |id: &JournalId| life.meter.core.memory.journal(*id).is_some();
        waited += u32::from(!profiles.iter().all(is_laid) && 10 < window);
        // A cover that is opened closes a billing period too, whose row waits for its own ring, and no other one beside it.
        if window % 10 == 5 {
            let open = window % 20 == 5;
            life.step(Input::Contact(Contact::MeterCover { open }))
                .expect("an event is written at once");
            let events = life.log(JournalId::FraudLog).len();
            assert_eq!(events, fraud + 1, "window {window}");
            fraud = events;
        }
    }
    assert!(10 < waited, "the rings are laid out later than the first row");
    for _ in 0..300 {
        life.measure(6_000).expect("a good step");
    }
    assert_eq!(life.rows_of(JournalId::BillingProfile2).len(), 1);
    for profile in profiles {
        let stamps: Vec<i64> = life
            .rows_of(profile)
            .iter()
            .map(|(utc, _)| utc.seconds_since(start()))
            .collect();
        assert_eq!(stamps, [2, 62], "{profile:?}");
    }
    let failures = error_bit::NV_MEMORY | error_bit::PROGRAM;
    assert_eq!(life.meter.model().error_register & failures, 0);
}
