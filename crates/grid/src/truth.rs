//! What a perfect meter would read on fixed currents, in closed form.

use crate::load::{FixedLoad, PhaseLoad};
use crate::oscillator::Angle;
use crate::setting::Harmonic;
use crate::supply::{PhaseSupply, SupplySetting};

/// The true quantities of a world with fixed currents, from the settings alone. Harmonics that the sampling rate cannot
/// carry (at and above half of it) do not count, because they are not in the samples either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Frequency of the mains.
    pub frequency_hz: f64,
    /// L1, L2, L3; zero for phases that the meter does not have.
    pub phases: [PhaseTruth; 3],
}

/// The true quantities of one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PhaseTruth {
    /// Root mean square of the voltage with its harmonics.
    pub volts: f64,
    /// Root mean square of the current with its harmonics.
    pub amps: f64,
    /// Active power with its harmonics, positive from the mains to the load.
    pub active_watts: f64,
    /// Active power of the fundamental.
    pub fundamental_active_watts: f64,
    /// Reactive power of the fundamental (IEC 62053-24), positive when the current lags.
    pub fundamental_reactive_vars: f64,
}

impl Truth {
    pub(crate) fn of(supply: &SupplySetting, load: &FixedLoad, n_phases: usize, rate_hz: f64) -> Self {
        let mut phases = [PhaseTruth::default(); 3];
        for (truth, (source, drawn)) in phases
            .iter_mut()
            .zip(supply.phases.iter().zip(&load.phases))
            .take(n_phases)
        {
            *truth = phase(source, drawn, rate_hz / 2.0 / supply.frequency_hz);
        }
        Self {
            frequency_hz: supply.frequency_hz,
            phases,
        }
    }

    /// The means over currents that flow only for this share of the time, in whole cycles.
    pub(crate) fn switched(mut self, share_on: f64) -> Self {
        for phase in &mut self.phases {
            phase.amps *= libm::sqrt(share_on);
            phase.active_watts *= share_on;
            phase.fundamental_active_watts *= share_on;
            phase.fundamental_reactive_vars *= share_on;
        }
        self
    }
}

fn phase(source: &PhaseSupply, drawn: &PhaseLoad, first_lost_order: f64) -> PhaseTruth {
    let kept = |harmonic: &&Harmonic| f64::from(harmonic.order) < first_lost_order;
    let square = |harmonics: &[Harmonic]| {
        1.0 + harmonics
            .iter()
            .filter(kept)
            .map(|it| it.percent * it.percent / 10_000.0)
            .sum::<f64>()
    };
    let apparent = source.volts * drawn.amps;
    let (sin, cos) = libm::sincos(Angle::from_degrees(drawn.angle_deg).radians());
    let mut active_watts = apparent * cos;
    for of_volts in source.harmonics.iter().filter(kept) {
        for of_amps in drawn.harmonics.iter().filter(|it| it.order == of_volts.order) {
            let lag = Angle::from_degrees(drawn.angle_deg).times(u64::from(of_volts.order));
            let between = Angle::from_degrees(of_volts.phase_deg - of_amps.phase_deg).plus(lag);
            active_watts += apparent * of_volts.percent * of_amps.percent / 10_000.0 * libm::cos(between.radians());
        }
    }
    PhaseTruth {
        volts: source.volts * libm::sqrt(square(&source.harmonics)),
        amps: drawn.amps * libm::sqrt(square(&drawn.harmonics)),
        active_watts,
        fundamental_active_watts: apparent * cos,
        fundamental_reactive_vars: apparent * sin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::LoadSetting;

    fn truth_of(harmonics: &[(u8, f64, f64)]) -> PhaseTruth {
        let mut supply = SupplySetting::nominal();
        let LoadSetting::Fixed(mut load) = LoadSetting::symmetrical(10.0, 0.0) else {
            panic!("symmetrical currents are fixed");
        };
        for &(order, volts, amps) in harmonics {
            let harmonic = |percent| Harmonic {
                order,
                percent,
                phase_deg: 0.0,
            };
            supply.phases[0].harmonics.push(harmonic(volts)).expect("room");
            load.phases[0].harmonics.push(harmonic(amps)).expect("room");
        }
        Truth::of(&supply, &load, 1, 8000.0).phases[0]
    }

    /// IEC 62053-21 influence of the fifth harmonic: 10 % in the voltage and 40 % in the current, in phase, add 4 %.
    #[test]
    fn the_fifth_harmonic_of_the_standard_adds_four_percent() {
        let truth = truth_of(&[(5, 10.0, 40.0)]);
        assert!((truth.active_watts - 1.04 * 2300.0).abs() < 1e-9);
        assert!((truth.fundamental_active_watts - 2300.0).abs() < 1e-9);
        assert!((truth.amps - 10.0 * libm::sqrt(1.16)).abs() < 1e-9);
    }

    #[test]
    fn phases_that_the_meter_does_not_have_are_zero() {
        let LoadSetting::Fixed(load) = LoadSetting::symmetrical(10.0, 60.0) else {
            panic!("symmetrical currents are fixed");
        };
        let truth = Truth::of(&SupplySetting::nominal(), &load, 1, 8000.0);
        assert_eq!(truth.phases[1], PhaseTruth::default());
        assert!((truth.phases[0].active_watts - 1150.0).abs() < 1e-9);
        assert!((truth.phases[0].fundamental_reactive_vars - 1150.0 * libm::sqrt(3.0)).abs() < 1e-9);
    }
}
