//! Both ways to a register agree: samples through the chain, and measurements made of known powers, as fleets make them.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "micro units of household loads"
)]

mod waveform;

use ferraris_metrology::{
    Apparent, Direction, Element, Measurement, PhaseReading, Quantity, Registers, Sequence, Tariff,
};
use proptest::prelude::*;
use waveform::{Waveform, measure, setup};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn samples_and_finished_measurements_fill_the_same_registers(
        hertz in 45.0_f64..55.0,
        volts in 190.0_f64..260.0,
        amperes in 0.5_f64..90.0,
        lag_degrees in 0.0_f64..360.0,
        per_phase: bool,
    ) {
        let wave = Waveform::balanced(hertz, volts, amperes, lag_degrees, true);
        let direction = if per_phase { Direction::PerPhase } else { Direction::SumOfPhases };
        let (mut sampled, mut finished) = (Registers::new(direction), Registers::new(direction));
        let tariff = Tariff::new(3).expect("a tariff");
        for window in measure(&wave, &setup(8_000.0), 2.0).iter().skip(4) {
            prop_assert_eq!(window.sequence, Some(Sequence::Normal));
            sampled.book(window, tariff);
            let micro = |value: f64| (value * 1e6).round();
            let phases = core::array::from_fn(|phase| {
                let truth = wave.truth(phase);
                PhaseReading::steady(
                    micro(truth.volts) as u64,
                    micro(truth.amperes) as u64,
                    micro(truth.watts) as i64,
                    micro(truth.vars) as i64,
                    window.duration_nanos,
                )
            });
            let known = Measurement::of_phases(
                window.from,
                window.to,
                window.duration_nanos,
                window.frequency_microhertz,
                phases,
                Apparent::Arithmetic,
            );
            finished.book(&known, tariff);
        }
        let apparent = finished.micro(Quantity::ApparentImport, Element::Total)
            + finished.micro(Quantity::ApparentExport, Element::Total);
        for quantity in Quantity::ALL {
            for element in Element::ALL {
                let (measured, known) = (sampled.micro(quantity, element), finished.micro(quantity, element));
                let difference = (measured - known).abs() as f64 / apparent as f64;
                prop_assert!(difference < 3e-6, "{:?} {:?}: {} {}", quantity, element, measured, known);
            }
        }
    }
}
