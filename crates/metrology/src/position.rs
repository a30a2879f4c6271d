//! A point on the sample axis, between the samples: where windows begin and end and when events happened.

use core::ops::Sub;

/// A point on the sample axis in 1/65 536 of a sample (Q48.16): sample number 0 is the first one that was pushed.
///
/// At 64 kS/s the axis lasts 139 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// The first sample.
    pub const START: Self = Self(0);

    /// The point at sample number `samples`; held at the end of the axis.
    #[must_use]
    pub const fn of_sample(samples: u64) -> Self {
        Self(if samples < 1 << 48 { samples << 16 } else { u64::MAX })
    }

    /// The point from its raw count of 1/65 536 sample.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The raw count of 1/65 536 sample.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The number of the sample at or before this point.
    #[must_use]
    pub const fn sample(self) -> u64 {
        self.0 >> 16
    }

    /// How far the point lies after that sample, in 1/65 536 sample.
    #[must_use]
    pub const fn fraction(self) -> u16 {
        let [low, high, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// The point in samples, with fraction; exact below 2^37 samples.
    #[must_use]
    pub const fn samples(self) -> f64 {
        self.0 as f64 / 65_536.0
    }

    /// The point in seconds after sample number 0, for a recording of `rate_hz` samples a second.
    #[must_use]
    pub const fn seconds(self, rate_hz: f64) -> f64 {
        self.samples() / rate_hz
    }

    /// This point moved later by a raw count of 1/65 536 sample, held at the end of the axis.
    #[must_use]
    pub const fn plus_raw(self, raw: u64) -> Self {
        Self(self.0.saturating_add(raw))
    }
}

impl Sub for Position {
    /// Raw count of 1/65 536 sample.
    type Output = u64;

    /// The distance from `earlier` to here; zero when `earlier` is later.
    fn sub(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_splits_into_sample_and_fraction() {
        let position = Position::of_sample(1_000).plus_raw(0x8000);
        assert_eq!((position.sample(), position.fraction()), (1_000, 0x8000));
        assert!((position.samples() - 1_000.5).abs() < 1e-12);
        assert!((position.seconds(8_000.0) - 0.125_062_5).abs() < 1e-12);
        assert_eq!(position - Position::of_sample(1_000), 0x8000);
        assert_eq!(Position::START - position, 0);
        assert_eq!(Position::of_sample(1 << 48).plus_raw(9).raw(), u64::MAX);
    }
}
