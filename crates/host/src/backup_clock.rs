//! What carries a virtual meter's clock: the crystal that its time line follows, and the reserve that keeps it through a power cut (T1).

use base::{Instant, Micros};
use grid::Crystal;
use meter::Battery;

/// What keeps the clock of a meter without power, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// Nothing: every power cut takes the time.
    None,
    /// A capacitor: so many hours of one cut. It is full again when power returns.
    Capacitor {
        /// Hours.
        hours: u32,
    },
    /// A battery: so many hours of all cuts together.
    Battery {
        /// Hours.
        hours: u32,
    },
}

/// What a meter counts its time by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timing {
    /// The world's own time: the meter's clock neither gains nor loses.
    Ideal,
    /// A crystal as the trim of the factory leaves it, another one for each serial number.
    Trimmed,
    /// This crystal.
    Of(Crystal),
}

/// The clock of a meter as it was ordered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockOrder {
    /// What it counts its time by.
    pub timing: Timing,
    /// The temperature of the room.
    pub room_celsius: f64,
    /// What carries it through power cuts.
    pub reserve: Reserve,
}

/// The meter's time line over the world's samples: it begins at zero with the power and runs as fast as the crystal, which another
/// temperature makes another speed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLine {
    rate_hz: u64,
    /// The sample at which power came.
    power: u64,
    /// The sample since which the crystal has this speed, and the meter's time then.
    since: u64,
    begun: Micros,
    /// Parts in a thousand million by which the crystal is fast.
    fast_ppb: i32,
}

impl ClockOrder {
    /// What is usually ordered: an ideal clock, a battery, a room of 23 C.
    pub const USUAL: Self = Self {
        timing: Timing::Ideal,
        room_celsius: 23.0,
        reserve: Reserve::Battery { hours: BATTERY_HOURS },
    };

    /// Parts in a thousand million by which the clock of meter `serial` is fast.
    pub(crate) fn fast_ppb(&self, serial: u32) -> i32 {
        let crystal = match self.timing {
            Timing::Ideal => return 0,
            Timing::Trimmed => Crystal::of_seed(u64::from(serial)),
            Timing::Of(crystal) => crystal,
        };
        crystal.fast_ppb(self.room_celsius)
    }
}

impl Reserve {
    /// Whether the clock runs on through a cut of `cut_seconds`, when all cuts with it make `used_seconds`.
    pub(crate) const fn carries(self, cut_seconds: u64, used_seconds: u64) -> bool {
        match self {
            Self::None => cut_seconds == 0,
            Self::Capacitor { hours } => cut_seconds <= 3_600 * hours as u64,
            Self::Battery { hours } => used_seconds <= 3_600 * hours as u64,
        }
    }

    /// What the board sees of the battery, if there is one.
    pub(crate) const fn battery(self, used_seconds: u64) -> Option<Battery> {
        let Self::Battery { hours } = self else { return None };
        let hours = hours as u64;
        Some(if 3_600 * hours <= used_seconds {
            Battery::Spent
        } else if 3_240 * hours <= used_seconds {
            Battery::Low
        } else {
            Battery::Good
        })
    }
}

impl TimeLine {
    pub(crate) const fn new(rate_hz: u64, power: u64, fast_ppb: i32) -> Self {
        Self {
            rate_hz,
            power,
            since: power,
            begun: Micros::ZERO,
            fast_ppb,
        }
    }

    /// From `sample` on the crystal is as fast as this.
    pub(crate) fn turned(self, sample: u64, fast_ppb: i32) -> Self {
        Self {
            since: sample,
            begun: self.at(sample).since(Instant::START),
            fast_ppb,
            ..self
        }
    }

    /// Parts of the crystal's time in [`BILLION`] parts of the world's.
    fn speed(self) -> u128 {
        u128::from((BILLION + i64::from(self.fast_ppb)).unsigned_abs())
    }

    /// The instant of a sample, rounded down to microseconds.
    pub(crate) fn at(self, sample: u64) -> Instant {
        let samples = u128::from(sample.saturating_sub(self.since));
        let micros =
            samples * 1_000_000 * self.speed() / (u128::from(self.rate_hz) * u128::from(BILLION.unsigned_abs()));
        Instant::START + self.begun + Micros::new(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The first sample at which the time line has come to `instant`.
    pub(crate) fn sample_of(self, instant: Instant) -> u64 {
        let instant = instant.since(Instant::START).as_micros();
        let micros = u128::from(instant.saturating_sub(self.begun.as_micros()));
        let parts = u128::from(self.rate_hz) * u128::from(BILLION.unsigned_abs());
        let samples = (micros * parts).div_ceil(1_000_000 * self.speed());
        self.since.saturating_add(u64::try_from(samples).unwrap_or(u64::MAX))
    }

    /// The instant at which the world is `passed` after power came.
    pub(crate) fn after(self, passed: Micros) -> Instant {
        let turned = u128::from(self.since - self.power) * 1_000_000 / u128::from(self.rate_hz);
        let passed = u128::from(passed.as_micros());
        let crystal = |micros: u128| {
            let micros = micros * self.speed() / u128::from(BILLION.unsigned_abs());
            u64::try_from(micros).unwrap_or(u64::MAX)
        };
        let begun = self.begun.as_micros();
        let micros = if turned <= passed {
            begun.saturating_add(crystal(passed - turned))
        } else {
            begun.saturating_sub(crystal(turned - passed))
        };
        Instant::START + Micros::new(micros)
    }
}

/// By how many microseconds a clock is ahead after `seconds` of the world.
pub(crate) fn drift_micros(seconds: u64, fast_ppb: i32) -> i64 {
    let micros = i128::from(seconds) * i128::from(fast_ppb) / 1_000;
    i64::try_from(micros).unwrap_or(0)
}

const BILLION: i64 = 1_000_000_000;
/// Ten years.
pub(crate) const BATTERY_HOURS: u32 = 87_600;
/// A week.
pub(crate) const CAPACITOR_HOURS: u32 = 168;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_line_is_as_fast_as_its_crystal() {
        for fast_ppb in [-100_000, 0, 3_500, 100_000] {
            let line = TimeLine::new(8_000, 16_000, fast_ppb);
            assert_eq!(line.at(16_000), Instant::START);
            let day = line.at(16_000 + 8_000 * 86_400).since(Instant::START).as_micros();
            let ahead = i64::try_from(day).expect("small") - 86_400_000_000;
            assert!((ahead - drift_micros(86_400, fast_ppb)).abs() <= 1, "{ahead}");
            assert_eq!(
                line.after(Micros::from_secs(86_400)).since(Instant::START).as_micros(),
                day
            );
            for micros in [0, 1, 124, 125, 126, 999_999, 86_400_000_000] {
                let instant = Instant::START + Micros::new(micros);
                let sample = line.sample_of(instant);
                assert!(instant <= line.at(sample));
                assert!(sample == 16_000 || line.at(sample - 1) < instant);
            }
        }
    }

    /// A crystal that gets cold is slower from then on, and no instant comes twice.
    #[test]
    fn a_time_line_turns_when_its_crystal_changes() {
        let line = TimeLine::new(8_000, 16_000, 100_000);
        let turned = line.turned(16_000 + 8_000 * 1_000, -100_000);
        for second in [0, 1, 999, 1_000] {
            let sample = 16_000 + 8_000 * second;
            if second == 1_000 {
                assert_eq!(turned.at(sample), line.at(sample));
            }
            let passed = turned.after(Micros::from_secs(second)).since(Instant::START);
            let before = line.after(Micros::from_secs(second)).since(Instant::START);
            assert!(passed.as_micros().abs_diff(before.as_micros()) <= 200_000);
        }
        let day = turned.at(16_000 + 8_000 * 2_000).since(Instant::START).as_micros();
        assert_eq!(day, 1_000_100_000 + 999_900_000);
        assert_eq!(
            turned.after(Micros::from_secs(2_000)).since(Instant::START).as_micros(),
            day
        );
        let instant = Instant::START + Micros::new(1_500_000_000);
        let sample = turned.sample_of(instant);
        assert!(instant <= turned.at(sample) && turned.at(sample - 1) < instant);
    }

    #[test]
    fn each_reserve_lasts_as_long_as_it_does() {
        let (hour, hours) = (3_600, 10);
        assert!(Reserve::None.carries(0, 7) && !Reserve::None.carries(1, 1));
        let capacitor = Reserve::Capacitor { hours };
        assert!(capacitor.carries(10 * hour, 99 * hour) && !capacitor.carries(10 * hour + 1, 10 * hour + 1));
        let battery = Reserve::Battery { hours };
        assert!(battery.carries(hour, 10 * hour) && !battery.carries(1, 10 * hour + 1));
        assert_eq!(capacitor.battery(99 * hour), None);
        assert_eq!(battery.battery(9 * hour - 1), Some(Battery::Good));
        assert_eq!(battery.battery(9 * hour), Some(Battery::Low));
        assert_eq!(battery.battery(10 * hour), Some(Battery::Spent));
    }
}
