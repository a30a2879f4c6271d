//! The crystal that a meter counts its time by: a tuning fork of 32 kHz, off by a little, and slower in cold and heat.

use crate::chance::share;

/// A crystal as it came out of the trim of the factory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crystal {
    /// By how many parts in a million it is fast at its turnover temperature.
    pub offset_ppm: f64,
}

/// The temperature at which a tuning fork is fastest.
const TURNOVER_CELSIUS: f64 = 25.0;
/// How much slower it is away from there, in parts in a million per square kelvin.
const CURVATURE_PPM: f64 = 0.034;
/// What the trim of the factory leaves at most: 0.35 s a day, so that IEC 62054-21's 0.5 s a day at 23 C hold.
const TRIMMED_PPM: f64 = 4.0;
/// The purpose of this draw among those of a seed.
const PURPOSE: u64 = 0x0063_7279_7374_616C;

impl Crystal {
    /// The crystal of the meter with this seed, after the trim.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self {
            offset_ppm: TRIMMED_PPM * (2.0 * share(seed, PURPOSE, 0) - 1.0),
        }
    }

    /// By how many parts in a thousand million it is fast at a temperature.
    #[must_use]
    pub fn fast_ppb(&self, celsius: f64) -> i32 {
        let away = celsius - TURNOVER_CELSIUS;
        let ppm = (self.offset_ppm - CURVATURE_PPM * away * away).clamp(-1_000.0, 1_000.0);
        #[expect(clippy::cast_possible_truncation, reason = "a million at most")]
        let ppb = libm::round(ppm * 1e3) as i32;
        ppb
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds a day.
    fn a_day(crystal: Crystal, celsius: f64) -> f64 {
        f64::from(crystal.fast_ppb(celsius)) * 86_400.0 / 1e9
    }

    /// T1, IEC 62054-21: 0.5 s a day at 23 C, whatever meter it is; no two meters are alike.
    #[test]
    fn every_trimmed_crystal_is_within_half_a_second_a_day() {
        let days = || (0..1_000).map(|seed| a_day(Crystal::of_seed(seed), 23.0));
        assert!(days().all(|seconds| seconds.abs() < 0.5));
        assert!(days().any(|seconds| seconds < -0.2) && days().any(|seconds| 0.2 < seconds));
    }

    #[test]
    fn it_is_slower_in_cold_and_heat() {
        let crystal = Crystal { offset_ppm: 2.0 };
        assert_eq!(crystal.fast_ppb(25.0), 2_000);
        assert_eq!(crystal.fast_ppb(35.0), -1_400);
        assert_eq!(crystal.fast_ppb(15.0), -1_400);
        assert_eq!(crystal.fast_ppb(-40.0), -141_650);
    }
}
