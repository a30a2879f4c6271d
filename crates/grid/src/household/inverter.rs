//! The solar inverter: a sine current in phase with the mains, as strong as the sun allows and as long as the mains is sound.

use core::f64::consts::SQRT_2;

/// The inverter: feeding, or waiting for a minute of sound mains.
#[derive(Clone, Debug)]
pub(crate) struct Inverter {
    /// Mean square of the voltage of each phase, smoothed over a fifth of a second.
    square_volts: [f64; 3],
    /// Seconds of sound mains that it still waits for.
    wait_seconds: f64,
    /// Share of the sun's power that it has come up to, 0 to 1.
    share: f64,
}

impl Inverter {
    pub(crate) const fn new() -> Self {
        Self {
            square_volts: [NOMINAL_VOLTS * NOMINAL_VOLTS; 3],
            wait_seconds: 0.0,
            share: 1.0,
        }
    }

    /// Watches the mains for `seconds`, in which the phases had these mean squares of voltage.
    pub(crate) fn watch(&mut self, square_volts: &[f64], seconds: f64) {
        let new = (seconds / 0.2).min(1.0);
        for (smooth, square) in self.square_volts.iter_mut().zip(square_volts) {
            *smooth += (square - *smooth) * new;
        }
        let watched = self.square_volts.iter().zip(square_volts).map(|(smooth, _)| *smooth);
        // VDE-AR-N 4105: off below 0.8 and above 1.15 Un; back after a minute within 0.85 to 1.1 Un, then rising slowly.
        let within = |least: f64, most: f64| {
            let (least, most) = (least * NOMINAL_VOLTS, most * NOMINAL_VOLTS);
            watched
                .clone()
                .all(|square| (least * least..=most * most).contains(&square))
        };
        if self.wait_seconds <= 0.0 {
            if within(0.8, 1.15) {
                self.share = (self.share + seconds / 60.0).min(1.0);
            } else {
                self.wait_seconds = 60.0;
                self.share = 0.0;
            }
        } else if within(0.85, 1.1) {
            self.wait_seconds -= seconds;
        } else {
            self.wait_seconds = 60.0;
        }
    }

    /// Share of the sun's power that is being fed, 0 to 1.
    pub(crate) const fn share(&self) -> f64 {
        self.share
    }

    /// Peak of the sine current with which a phase feeds `watts`, before the share.
    pub(crate) fn peak_amps(&self, phase: usize, watts: f64) -> f64 {
        let square = self.square_volts.get(phase).copied().unwrap_or(0.0);
        if square < 10_000.0 {
            0.0
        } else {
            SQRT_2 * watts * self.share / libm::sqrt(square)
        }
    }
}

const NOMINAL_VOLTS: f64 = 230.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(inverter: &mut Inverter, volts: [f64; 3], seconds: u32) {
        for _ in 0..seconds * 250 {
            inverter.watch(&volts.map(|volts| volts * volts), 0.004);
        }
    }

    #[test]
    fn it_goes_off_when_a_phase_is_missing_and_comes_back_a_minute_after_it() {
        let mut inverter = Inverter::new();
        watch(&mut inverter, [230.0; 3], 1);
        assert!((inverter.peak_amps(0, 2300.0) - 10.0 * SQRT_2).abs() < 1e-6);
        watch(&mut inverter, [230.0, 0.0, 230.0], 1);
        assert_eq!(inverter.peak_amps(0, 2300.0), 0.0);
        watch(&mut inverter, [230.0; 3], 59);
        assert_eq!(inverter.share(), 0.0);
        watch(&mut inverter, [230.0; 3], 10);
        assert!(0.0 < inverter.share() && inverter.share() < 0.2);
        watch(&mut inverter, [230.0; 3], 60);
        assert_eq!(inverter.share(), 1.0);
    }

    #[test]
    fn it_goes_off_above_one_and_a_seventh_of_the_nominal_voltage() {
        let mut inverter = Inverter::new();
        watch(&mut inverter, [263.0; 3], 2);
        assert_eq!(inverter.share(), 1.0);
        watch(&mut inverter, [266.0; 3], 2);
        assert_eq!(inverter.share(), 0.0);
    }

    #[test]
    fn one_phase_is_enough_where_there_is_only_one() {
        let mut inverter = Inverter::new();
        for _ in 0..1000 {
            inverter.watch(&[52_900.0], 0.004);
        }
        assert_eq!(inverter.share(), 1.0);
    }
}
