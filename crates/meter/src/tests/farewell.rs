//! The record of a failing supply (U2): how long it gets when everything moves that can.

extern crate std;

use std::println;

use base::Utc;
use flash::RECORD_BYTES;
use metrology::{Apparent, Measurement, PhaseReading, Position};

use super::{Bench, Life, WINDOW, start};
use crate::mbus::{Reading, Source};
use crate::{Contact, Input};

impl Life {
    /// One window in which each phase has a load and a quadrant of its own; each reverses now and then.
    fn measure_everything(&mut self, number: i64) {
        self.now = self.now + WINDOW;
        self.bench.flash.pass(WINDOW);
        let phase = |phase: i64| {
            let active = if (number / 150 + phase) % 3 == 0 {
                -23_000_000_000
            } else {
                23_000_000_000
            } + number * 1_237
                + phase;
            let reactive = if (number / 250 + phase) % 2 == 0 {
                -17_000_000_003
            } else {
                17_000_000_003
            } - number * 977;
            PhaseReading::steady(230_000_000, 100_000_000, active, reactive, 200_000_000)
        };
        let (from, to) = (Position::START, Position::of_sample(1_600));
        let phases = [phase(0), phase(1), phase(2)];
        let window = Measurement::of_phases(from, to, 200_000_000, 50_000_000, phases, Apparent::Arithmetic);
        self.step(Input::Measured(&window)).expect("a good step");
        self.step(Input::Tick).expect("a good step");
    }
}

/// Load at the limit in all four quadrants, eight tariffs in turn, sixteen M-Bus values, covers, demand and billing periods that end: at any window of
/// an hour the farewell fits its place in the reserve, which is three programs of a page.
#[test]
fn the_farewell_fits_the_reserve_whatever_moves() {
    let (mut life, _) = Life::begin(Bench::new(), Some(start()));
    life.associate().expect("a good step");
    let (mut longest, mut at): (usize, Option<Utc>) = (0, None);
    for number in 0..5 * 3_600_i64 {
        // Every tariff has energy in each quarter of an hour.
        if number % 300 == 7 {
            let tariff = u8::try_from(number / 300 % 8 + 1).expect("small");
            life.step(Input::Contact(Contact::TariffInput(
                metrology::Tariff::new(tariff).expect("one of eight"),
            )))
            .expect("a good step");
        }
        if number % 40 == 3 {
            let value = u8::try_from(number / 40 % 16).expect("small");
            let source = Source::new(value / 4 + 1, value % 4 + 1).expect("it exists");
            let reading = Reading {
                value: u32::try_from(number * 104_729 % 2_000_000_011).expect("small"),
                scaler: -3,
                unit: 13,
                status: u8::try_from(number % 7).expect("small"),
            };
            life.step(Input::MBus(source, reading)).expect("a good step");
        }
        if number % 2_000 == 1_999 {
            life.step(Input::Contact(Contact::BillingButton)).expect("a good step");
        }
        life.measure_everything(number);
        let core = &life.meter.core;
        let octets = core
            .memory
            .farewell_octets(&life.bench.flash, &core.model)
            .expect("there is a whole one");
        if longest < octets {
            (longest, at) = (octets, Some(life.meter.model().utc()));
        }
    }
    println!("the longest farewell has {longest} of {RECORD_BYTES} octets, at {at:?}");
    assert!(350 < longest, "everything moved: {longest}");
    assert!(longest <= RECORD_BYTES, "{longest} octets at {at:?}");
}
