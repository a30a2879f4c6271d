//! The temperature at the sensors: how often the thermometer is asked, and what is believed of what it says.
//!
//! ```text
//!          a reading in -50..=110                        three that are none
//! room ----------------------------> the reading holds ----------------------> the last good one holds, and trouble is said
//! ```
//! The sealed curves correct for [`Warmth::celsius`]; a reading that differs from it by less than a quarter of a degree changes nothing.

use base::{Instant, Micros};

/// The thermometer of a board, near the sensors: a part of its own, the converter's, or the processor's.
pub trait Thermometer {
    /// The temperature in thousandths of a degree Celsius; none when the thermometer does not answer. Called every ten seconds.
    fn millicelsius(&mut self) -> Option<i32>;
}

/// What is known of the temperature.
#[derive(Clone, Copy, Debug)]
pub struct Warmth {
    /// The last good reading; that of a room before there is one.
    millicelsius: i32,
    /// What the meter was told, in whole degrees.
    told: Option<i8>,
    /// Readings in a row that were none, or absurd.
    failed: u8,
    due: Instant,
}

/// What the board is to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Correct for the temperature anew.
    pub changed: bool,
    /// Hand this to the meter.
    pub news: Option<News>,
}

/// What a meter is told of its thermometer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It shows so many degrees Celsius now.
    Shows(i8),
    /// It fails; said with every look while it does.
    Fails,
}

impl Warmth {
    /// Nothing known yet: a room. The first look is due at once.
    pub const ROOM: Self = Self {
        millicelsius: ROOM_MILLICELSIUS,
        told: None,
        failed: 0,
        due: Instant::START,
    };

    /// The temperature to correct for, in degrees Celsius.
    #[must_use]
    pub fn celsius(&self) -> f64 {
        f64::from(self.millicelsius) * 1e-3
    }

    /// When the next look is due.
    #[must_use]
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// Looks at the thermometer when it is time; none before.
    pub fn look(&mut self, now: Instant, thermometer: &mut impl Thermometer) -> Option<Look> {
        if now < self.due {
            return None;
        }
        self.due = now + BETWEEN_LOOKS;
        Some(self.observe(thermometer.millicelsius()))
    }

    /// Takes a reading.
    pub fn observe(&mut self, reading: Option<i32>) -> Look {
        let Some(reading) = reading.filter(|reading| BELIEVED.contains(reading)) else {
            self.failed = self.failed.saturating_add(1).min(FAILURES);
            return Look {
                changed: false,
                news: (FAILURES <= self.failed).then_some(News::Fails),
            };
        };
        self.failed = 0;
        let changed = LEAST_STEP <= reading.abs_diff(self.millicelsius);
        if changed {
            self.millicelsius = reading;
        }
        let whole = i8::try_from((self.millicelsius + 500).div_euclid(1_000)).unwrap_or(i8::MAX);
        let is_news = self.told != Some(whole);
        self.told = Some(whole);
        Look {
            changed,
            news: is_news.then_some(News::Shows(whole)),
        }
    }
}

/// What a meter's case has, from the coldest night to a loaded terminal block; beyond it the reading is absurd.
const BELIEVED: core::ops::RangeInclusive<i32> = -50_000..=110_000;
/// The temperature of calibration laboratories.
const ROOM_MILLICELSIUS: i32 = 23_000;
/// Sensors drift by some ten millionths a degree: a quarter of a degree is less than can be seen.
const LEAST_STEP: u32 = 250;
/// A case takes minutes to warm up.
const BETWEEN_LOOKS: Micros = Micros::from_secs(10);
/// One bad reading may be a disturbance.
const FAILURES: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    struct Shows(Option<i32>);

    impl Thermometer for Shows {
        fn millicelsius(&mut self) -> Option<i32> {
            self.0
        }
    }

    #[test]
    fn a_reading_is_asked_for_every_ten_seconds_and_told_by_whole_degrees() {
        let mut warmth = Warmth::ROOM;
        let mut look = |seconds: u64, shows| {
            let now = Instant::START + Micros::from_secs(seconds);
            let look = warmth.look(now, &mut Shows(shows));
            (look.map(|look| (look.changed, look.news)), warmth.celsius())
        };
        assert_eq!(look(0, Some(23_100)), (Some((false, Some(News::Shows(23)))), 23.0));
        assert_eq!(look(9, Some(70_000)), (None, 23.0));
        assert_eq!(look(10, Some(23_300)), (Some((true, None)), 23.3));
        assert_eq!(look(20, Some(-39_600)), (Some((true, Some(News::Shows(-40)))), -39.6));
    }

    #[test]
    fn what_fails_three_times_or_is_absurd_is_said_and_the_last_good_reading_holds() {
        let mut warmth = Warmth::ROOM;
        assert_eq!(warmth.observe(Some(40_000)).news, Some(News::Shows(40)));
        for absurd in [None, Some(110_001), Some(-50_001), Some(i32::MAX), Some(i32::MIN)] {
            let mut warmth = warmth;
            let news = [(); 4].map(|()| warmth.observe(absurd).news);
            assert_eq!(news, [None, None, Some(News::Fails), Some(News::Fails)], "{absurd:?}");
            assert_eq!(warmth.celsius(), 40.0);
            // One good reading, and it works again.
            assert_eq!(warmth.observe(Some(41_000)).news, Some(News::Shows(41)));
            assert_eq!(warmth.observe(absurd).news, None);
        }
    }

    #[test]
    fn a_thermometer_that_never_answers_leaves_a_room() {
        let mut warmth = Warmth::ROOM;
        for _ in 0..1_000 {
            assert!(!warmth.observe(None).changed);
        }
        assert_eq!(warmth.celsius(), 23.0);
    }
}
