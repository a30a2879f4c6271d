//! Counters that never repeat and attacks that are told but cannot flood (S1, F1).

extern crate std;

use std::vec::Vec;

use base::Instant;
use dlms::acse::Mechanism;
use dlms::security::KeySet;
use dlms::server::{Application, SecurityEvent};
use metrology::{Element, Quantity};

use super::{Bench, Life, config, start};
use crate::profile::JournalId;
use crate::service::Service;
use crate::{BootFault, Input, MemoryError, Meter};

impl Life {
    pub(super) fn service(&mut self) -> Service<'_> {
        Service {
            core: &mut self.meter.core,
            board: &mut self.bench,
        }
    }
}

/// A client that goes on with the next number is served after every farewell, and no number is wasted.
#[test]
fn counters_go_on_with_the_next_number_after_a_farewell() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for number in 1..=4 {
        assert_eq!(life.service().next_counter(1), Ok(number));
        assert_eq!(life.service().accept_counter(1, KeySet::Unicast, number), Ok(()));
        life.step(Input::PowerFailing).expect("a good farewell");
        (life, _) = Life::begin(life.bench.revived(), Some(start()));
    }
}

/// After a cut without a warning numbers are wasted, up to the reserve, and never come again.
#[test]
fn counters_leap_over_the_reserve_after_a_cut() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.extend(life.service().next_counter(1));
        sent.extend(life.service().next_counter(1));
        (life, _) = Life::begin(life.bench.revived(), Some(start()));
    }
    assert_eq!(sent, [1, 2, 1_002, 1_003, 2_003, 2_004]);
}

/// A client goes on with its own next number after a cut without a warning, and the last one is a replay.
#[test]
fn what_was_accepted_is_a_replay_after_a_cut_and_the_next_number_is_good() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for number in [5_000, 5_001, 5_007] {
        assert_eq!(life.service().accept_counter(1, KeySet::Unicast, number), Ok(()));
        (life, _) = Life::begin(life.bench.revived(), Some(start()));
        assert!(life.service().accept_counter(1, KeySet::Unicast, number).is_err());
        assert_eq!(life.service().last_counter(1, KeySet::Unicast), Some(number));
    }
}

/// A flash of another meter is refused, and nothing in it is touched.
#[test]
fn the_flash_of_another_meter_is_refused() {
    let (life, _) = Life::begin(Bench::new(), Some(start()));
    let mut bench = life.bench.revived();
    let before = bench.flash.cells().to_vec();
    let mut other = config();
    other.serial += 1;
    let refused = Meter::boot(&other, Some(start()), [7; 32], &mut bench).map(|(_, report)| report);
    assert_eq!(refused, Err(BootFault::Memory(MemoryError::Foreign)));
    assert_eq!(bench.flash.cells(), before);
}

/// With an interval of 0 nothing that was ever shown is lost by a cut without a warning.
#[test]
fn energies_saved_with_each_window_outlive_any_cut() {
    let mut order = config();
    order.checkpoint_seconds = 0;
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for _ in 0..5 {
        (life.meter, _) = Meter::boot(&order, Some(start()), [7; 32], &mut life.bench).expect("this flash works");
        life.now = Instant::START;
        for _ in 0..37 {
            life.measure(6_000).expect("a good step");
            // Erases take their time; the next window comes when they are done.
            while life.meter.core.memory.needs_tending() {
                life.step(Input::Tick).expect("a good step");
            }
        }
        let shown = life.import();
        let mut bench = life.bench.revived();
        let (again, _) = Meter::boot(&order, Some(start()), [7; 32], &mut bench).expect("this flash works");
        assert_eq!(
            again.model().registers.micro(Quantity::ActiveImport, Element::Total),
            shown
        );
        life.bench = bench;
    }
}

/// Reliability B8: a number whose reserve could not be made durable is not used, and neither is the next one.
#[test]
fn no_number_is_used_without_a_durable_reserve() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.bench.flash.lose_power();
    for _ in 0..3 {
        assert!(life.service().next_counter(1).is_err());
        assert!(life.service().accept_counter(1, KeySet::Unicast, 5).is_err());
    }
}

/// F1: an association without authentication does not end a row of failures.
#[test]
fn the_public_client_does_not_hide_failed_authentications() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for _ in 0..5 {
        life.service().observe(1, SecurityEvent::AuthenticationFailed);
        let public = SecurityEvent::Associated {
            mechanism: Mechanism::None,
            title: None,
        };
        life.service().observe(16, public);
    }
    life.step(Input::Tick).expect("a good step");
    assert_eq!(life.log(JournalId::FraudLog), [46]);
}

/// F1: each kind of attack is one event a minute, however they alternate.
#[test]
fn attacks_of_every_kind_cannot_flood_the_log() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    for _ in 0..50 {
        let replayed = SecurityEvent::Replayed {
            received: 1,
            expected: 2,
        };
        for event in [
            SecurityEvent::DecryptionFailed,
            replayed,
            SecurityEvent::AuthenticationFailed,
        ] {
            life.service().observe(1, event);
            life.step(Input::Tick).expect("a good step");
        }
    }
    assert_eq!(life.log(JournalId::FraudLog), [49, 50, 46]);
}

#[test]
fn the_security_setup_says_with_which_title_the_client_came() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    let title = *b"HES\0\0\0\0\x01";
    let associated = SecurityEvent::Associated {
        mechanism: Mechanism::Gmac,
        title: Some(title),
    };
    life.service().observe(1, associated);
    assert_eq!(life.read(64, "0-0:43.0.2", 4)[2..], title);
}
