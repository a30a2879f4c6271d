//! Power failures (Q2): how often each phase, any phase and all phases failed, and how long the last long failure took.
//!
//! A failure counts when it begins. One that was at least the threshold long is a long one: it counts among those when it is over, its
//! duration is kept, and if it was a failure of any phase the log of long power failures gets a row. While the whole meter is without power
//! all phases are; which of them are back is known from the first measurement, and they came back when the meter did.

use base::Utc;
use cosem::axdr::{Full, Reader, Writer};

/// What can fail: L1, L2, L3, any of them, all of them.
pub const N_KINDS: usize = 5;

/// Any phase, among the kinds.
pub const ANY: usize = 3;
/// All phases, among the kinds.
pub const ALL: usize = 4;

/// Failures from this many seconds on are long unless a client sets another threshold (0-0:96.7.20).
const THRESHOLD_SECONDS: u16 = 180;

/// The duration of a failure that outlasted the clock.
pub const UNKNOWN_SECONDS: u32 = u32::MAX;

/// Failures of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// When the present one began, in seconds since 1970; 0 while there is none, 1 when nobody knows.
    began: u32,
    /// How many there were, long ones too.
    pub count: u16,
    /// How many long ones.
    pub long: u16,
    /// Seconds of the last long one.
    pub last_long_seconds: u32,
}

/// Failures of all kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outages {
    kinds: [Failures; N_KINDS],
    /// When the meter came back, until the first measurement says what came back with it.
    resumed: Option<Utc>,
    threshold_seconds: u16,
}

/// A mark for a beginning that nobody knows.
const UNKNOWN: u32 = 1;

impl Failures {
    fn begin(&mut self, at: u32) {
        if self.began == 0 {
            self.began = at;
            self.count = self.count.saturating_add(1);
        }
    }

    /// The seconds of a failure that ends now, if it was long.
    fn end(&mut self, at: u32, threshold: u16) -> Option<u32> {
        let began = core::mem::take(&mut self.began);
        let seconds = match began {
            0 => return None,
            UNKNOWN => UNKNOWN_SECONDS,
            began => at.saturating_sub(began),
        };
        if seconds < u32::from(threshold) {
            return None;
        }
        self.long = self.long.saturating_add(1);
        self.last_long_seconds = seconds;
        Some(seconds)
    }
}

impl Outages {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            kinds: [Failures::default(); N_KINDS],
            resumed: None,
            threshold_seconds: THRESHOLD_SECONDS,
        }
    }

    /// The failures of a kind.
    #[must_use]
    pub fn of(&self, kind: usize) -> Failures {
        self.kinds.get(kind).copied().unwrap_or_default()
    }

    /// Failures from so many seconds on are long.
    #[must_use]
    pub const fn threshold_seconds(&self) -> u16 {
        self.threshold_seconds
    }

    /// Sets from how many seconds on failures are long.
    pub const fn set_threshold_seconds(&mut self, seconds: u16) {
        self.threshold_seconds = seconds;
    }

    /// The clock was set this many seconds ahead, or back: what is under way began by so much later, or earlier, of its readings.
    pub fn shift(&mut self, by: i64) {
        let moved = |utc: Utc| utc.plus(by);
        for failures in &mut self.kinds {
            if UNKNOWN < failures.began {
                failures.began = seconds(moved(Utc::from_unix(i64::from(failures.began))));
            }
        }
        self.resumed = self.resumed.map(moved);
    }

    /// The meter is back at `to`; it was without power since `from`, if that is known and both are readings of a valid clock.
    pub fn resume(&mut self, from: Option<Utc>, to: Utc) {
        let began = from.map_or(UNKNOWN, seconds);
        for failures in &mut self.kinds {
            failures.begin(began);
            if from.is_none() {
                // What began before the clock was lost has no length by this one.
                failures.began = UNKNOWN;
            }
        }
        let [.., all] = &mut self.kinds;
        let _is_in_the_register = all.end(seconds(to), self.threshold_seconds);
        self.resumed = Some(to);
    }

    /// Takes which of the meter's phases are without voltage at `utc`. Answers when a long failure of any phase ended, if one did.
    pub fn observe(&mut self, missing: &[bool], utc: Utc) -> Option<Utc> {
        let resumed = self.resumed.take();
        let ended_at = resumed.unwrap_or(utc);
        let any = missing.contains(&true);
        let all = !missing.contains(&false);
        let threshold = self.threshold_seconds;
        let mut row = None;
        let [phases @ .., any_failures, all_failures] = &mut self.kinds;
        // Phases that the meter does not have follow the others, and nobody sees it.
        let states = missing.iter().copied().chain(core::iter::repeat(false));
        let kinds = phases.iter_mut().zip(states);
        for (kind, is_missing) in kinds.chain([(all_failures, all)]) {
            if is_missing {
                kind.begin(seconds(utc));
            } else {
                let _is_in_the_register = kind.end(seconds(ended_at), threshold);
            }
        }
        if any {
            any_failures.begin(seconds(utc));
        } else if any_failures.end(seconds(ended_at), threshold).is_some() {
            row = Some(ended_at);
        }
        row
    }

    /// Octets that [`Outages::save`] makes.
    pub const OCTETS: usize = N_KINDS * 12;

    /// Appends counters, durations and what is under way.
    ///
    /// # Errors
    /// When `out` is full.
    pub fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        for it in &self.kinds {
            out.put(&it.began.to_be_bytes())?;
            out.put(&it.count.to_be_bytes())?;
            out.put(&it.long.to_be_bytes())?;
            out.put(&it.last_long_seconds.to_be_bytes())?;
        }
        Ok(())
    }

    /// Takes back what [`Outages::save`] made; `None`, and nothing changed, when it is not that.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let mut kinds = self.kinds;
        for it in &mut kinds {
            *it = Failures {
                began: u32::from_be_bytes(from.array_of().ok()?),
                count: u16::from_be_bytes(from.array_of().ok()?),
                long: u16::from_be_bytes(from.array_of().ok()?),
                last_long_seconds: u32::from_be_bytes(from.array_of().ok()?),
            };
        }
        self.kinds = kinds;
        Some(())
    }
}

impl Default for Outages {
    fn default() -> Self {
        Self::new()
    }
}

/// Seconds since 1970, kept away from the marks.
fn seconds(utc: Utc) -> u32 {
    u32::try_from(utc.unix()).unwrap_or(u32::MAX).max(UNKNOWN + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Utc {
        Utc::from_unix(1_800_000_000 + seconds)
    }

    /// Q2: a short failure counts, a long one is a row with its duration; per phase, any and all.
    #[test]
    fn short_failures_count_and_long_ones_are_rows() {
        let mut outages = Outages::new();
        assert_eq!(outages.observe(&[false; 3], at(0)), None);
        assert_eq!(outages.observe(&[true, false, false], at(10)), None);
        assert_eq!(outages.observe(&[false; 3], at(189)), None);
        assert_eq!(
            (outages.of(0).count, outages.of(0).long, outages.of(ANY).count),
            (1, 0, 1)
        );
        // L2 fails, then L1 too, L2 comes back, then L1: any phase failed from the first to the last.
        assert_eq!(outages.observe(&[false, true, false], at(200)), None);
        assert_eq!(outages.observe(&[true, true, false], at(300)), None);
        assert_eq!(outages.observe(&[true, false, false], at(380)), None);
        assert_eq!(outages.observe(&[false; 3], at(400)), Some(at(400)));
        assert_eq!(outages.of(ANY).last_long_seconds, 200);
        assert_eq!((outages.of(0).count, outages.of(0).long), (2, 0));
        assert_eq!(
            (outages.of(1).count, outages.of(1).long, outages.of(1).last_long_seconds),
            (1, 1, 180)
        );
        assert_eq!((outages.of(2).count, outages.of(ALL).count), (0, 0));
    }

    #[test]
    fn the_whole_meter_fails_with_all_phases_and_returns_with_those_that_are_there() {
        let mut outages = Outages::new();
        outages.resume(Some(at(0)), at(1_000));
        assert_eq!((outages.of(ALL).long, outages.of(ALL).last_long_seconds), (1, 1_000));
        assert_eq!(
            outages.observe(&[false, false, true], at(1_001)),
            None,
            "L3 is still away"
        );
        assert_eq!(outages.of(0).last_long_seconds, 1_000);
        assert_eq!(outages.observe(&[false; 3], at(1_100)), Some(at(1_100)));
        assert_eq!(
            (outages.of(2).last_long_seconds, outages.of(ANY).last_long_seconds),
            (1_100, 1_100)
        );
        // A meter of one phase, back after 3 s; then after a time that outlasted its clock.
        let mut single = Outages::new();
        single.resume(Some(at(0)), at(3));
        assert_eq!(single.observe(&[false], at(4)), None);
        assert_eq!((single.of(ANY).count, single.of(ANY).long), (1, 0));
        single.resume(None, at(0));
        assert_eq!(single.observe(&[false], at(1)), Some(at(0)));
        assert_eq!(single.of(ANY).last_long_seconds, UNKNOWN_SECONDS);
    }

    #[test]
    fn what_is_under_way_outlives_a_save() {
        let mut outages = Outages::new();
        assert_eq!(outages.observe(&[true, false, false], at(0)), None);
        let mut buffer = [0; Outages::OCTETS];
        let mut out = Writer::new(&mut buffer);
        outages.save(&mut out).expect("it fits");
        let mut other = Outages::new();
        assert_eq!(other.restore(&mut Reader::new(out.written())), Some(()));
        assert_eq!(other, outages);
        assert_eq!(other.restore(&mut Reader::new(&[0; 59])), None);
        assert_eq!(other, outages);
    }
}
