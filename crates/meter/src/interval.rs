//! Averages, least and greatest values, and consumptions of an interval (L1): of the capture periods of load profiles 1 and 2, and of a third
//! interval of its own (10 minutes unless set otherwise). What is shown is the last interval that ended.
//!
//! An average weighs each window by its duration. What was measured before a power failure in the same interval is not in it; the status of
//! the row says so. Consumptions are differences of the registers, so they miss nothing.

use base::Utc;
use metrology::{Element, Measurement, Quantity as Energy, Registers};

use crate::clock::Clock;
use crate::limits::REGISTER_MODULUS;

/// What is averaged, in the order of [`values`].
pub const N_QUANTITIES: usize = 12;
/// Energies whose consumption is shown: A+, A-, R+, R-, S+, S-.
pub const ENERGIES: [Energy; 6] = [
    Energy::ActiveImport,
    Energy::ActiveExport,
    Energy::ReactiveImport,
    Energy::ReactiveExport,
    Energy::ApparentImport,
    Energy::ApparentExport,
];
/// Intervals: of load profile 1, of load profile 2, and the third.
pub const N_INTERVALS: usize = 3;
/// The third one, among them.
const THIRD: usize = 2;
/// Its length unless a client sets another (1-0:0.8.2).
const THIRD_SECONDS: u16 = 600;

/// A value in the running interval.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    /// Value times milliseconds.
    sum: u64,
    least: u32,
    greatest: u32,
}

/// A value in the last interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Weighed by time, rounded to the nearest.
    pub average: u32,
    /// The least window.
    pub least: u32,
    /// The greatest window.
    pub greatest: u32,
}

/// One interval.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    measured_millis: u64,
    running: [Running; N_QUANTITIES],
    last: [Figures; N_QUANTITIES],
    /// The energies when it began, as the registers show them.
    at_begin: [u32; ENERGIES.len()],
    consumed: [u32; ENERGIES.len()],
}

/// All intervals.
#[derive(Debug)]
pub struct Intervals {
    intervals: [Interval; N_INTERVALS],
    third_seconds: u16,
    third_due: Option<Utc>,
}

impl Intervals {
    /// Nothing measured yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            intervals: [Interval::default(); N_INTERVALS],
            third_seconds: THIRD_SECONDS,
            third_due: None,
        }
    }

    /// A value of the last interval.
    #[must_use]
    pub fn figures(&self, interval: usize, quantity: usize) -> Figures {
        let interval = self.intervals.get(interval);
        interval
            .and_then(|it| it.last.get(quantity))
            .copied()
            .unwrap_or_default()
    }

    /// What was consumed in the last interval, in whole Wh, varh or VAh.
    #[must_use]
    pub fn consumed(&self, interval: usize, energy: usize) -> u32 {
        let interval = self.intervals.get(interval);
        interval
            .and_then(|it| it.consumed.get(energy))
            .copied()
            .unwrap_or_default()
    }

    /// Seconds of the third interval.
    #[must_use]
    pub const fn third_seconds(&self) -> u16 {
        self.third_seconds
    }

    /// Sets the third interval; false when it is not 1, 5, 10, 15, 30 or 60 minutes.
    pub fn set_third_seconds(&mut self, seconds: u16, clock: &Clock, utc: Utc) -> bool {
        let is_allowed = matches!(seconds, 60 | 300 | 600 | 900 | 1_800 | 3_600);
        if is_allowed {
            self.third_seconds = seconds;
            self.align(clock, utc);
        }
        is_allowed
    }

    /// When the third interval ends.
    #[must_use]
    pub const fn due(&self) -> Option<Utc> {
        self.third_due
    }

    /// Waits for the next boundary of the local clock: after power up and after the clock was set.
    pub fn align(&mut self, clock: &Clock, utc: Utc) {
        self.third_due = Some(clock.next_boundary(utc, u32::from(self.third_seconds)));
    }

    /// Begins all intervals with what the registers show: at the first boot.
    pub fn begin(&mut self, registers: &Registers) {
        let now = energies(registers);
        for interval in &mut self.intervals {
            interval.at_begin = now;
        }
    }

    /// Takes one window.
    pub fn observe(&mut self, measurement: &Measurement) {
        let millis = measurement.duration_nanos / 1_000_000;
        if millis == 0 {
            return;
        }
        let values = values(measurement);
        for interval in &mut self.intervals {
            let is_first = interval.measured_millis == 0;
            interval.measured_millis = interval.measured_millis.saturating_add(millis);
            for (running, value) in interval.running.iter_mut().zip(values) {
                running.sum = running.sum.saturating_add(u64::from(value).saturating_mul(millis));
                running.least = if is_first { value } else { running.least.min(value) };
                running.greatest = if is_first { value } else { running.greatest.max(value) };
            }
        }
    }

    /// Ends the third interval if it is over at `utc`.
    pub fn elapse(&mut self, clock: &Clock, utc: Utc, registers: &Registers) {
        if self.third_due.is_some_and(|due| due <= utc) {
            self.end(THIRD, registers);
            self.align(clock, utc);
        }
    }

    /// Ends an interval: its figures are shown from now on.
    pub fn end(&mut self, interval: usize, registers: &Registers) {
        let Some(interval) = self.intervals.get_mut(interval) else {
            return;
        };
        let millis = interval.measured_millis;
        for (last, running) in interval.last.iter_mut().zip(interval.running) {
            let average = running.sum.saturating_add(millis / 2).checked_div(millis).unwrap_or(0);
            *last = Figures {
                average: u32::try_from(average).unwrap_or(u32::MAX),
                least: running.least,
                greatest: running.greatest,
            };
        }
        let now = energies(registers);
        let before = core::mem::replace(&mut interval.at_begin, now);
        for (consumed, (now, before)) in interval.consumed.iter_mut().zip(now.into_iter().zip(before)) {
            *consumed = since(before, now);
        }
        interval.measured_millis = 0;
        interval.running = Default::default();
    }

    /// Octets of [`Intervals::at_begin`].
    pub const OCTETS: usize = N_INTERVALS * ENERGIES.len() * 4;

    /// The energies at the begin of the running intervals: what must outlive a power failure.
    pub fn at_begin(&self) -> impl Iterator<Item = u32> {
        self.intervals.iter().flat_map(|interval| interval.at_begin)
    }

    /// Takes the energies at the begin of the running intervals back.
    pub fn restore_begin(&mut self, energies: [[u32; ENERGIES.len()]; N_INTERVALS]) {
        for (interval, energies) in self.intervals.iter_mut().zip(energies) {
            interval.at_begin = energies;
        }
    }
}

impl Default for Intervals {
    fn default() -> Self {
        Self::new()
    }
}

/// What the registers show now.
fn energies(registers: &Registers) -> [u32; ENERGIES.len()] {
    ENERGIES.map(|energy| {
        let shown = registers.value(energy, Element::Total) % REGISTER_MODULUS;
        u32::try_from(shown).unwrap_or(0)
    })
}

/// The difference of two readings of a register that rolls over.
fn since(before: u32, now: u32) -> u32 {
    let difference = (i64::from(now) - i64::from(before)).rem_euclid(REGISTER_MODULUS);
    u32::try_from(difference).unwrap_or(0)
}

/// A window in the units of the registers: +P, -P (W), +Q, -Q (var), S (VA), f (0.01 Hz), I1 to I3 (0.01 A), U1 to U3 (0.1 V).
fn values(measurement: &Measurement) -> [u32; N_QUANTITIES] {
    let total = &measurement.total;
    let [l1, l2, l3] = &measurement.phases;
    let current = |micro: u64| rounded(micro, 10_000);
    let voltage = |micro: u64| rounded(micro, 100_000);
    [
        one_way(total.active_microwatts),
        one_way(total.active_microwatts.saturating_neg()),
        one_way(total.reactive_microvars),
        one_way(total.reactive_microvars.saturating_neg()),
        rounded(total.apparent_microvoltamperes, 1_000_000),
        rounded(measurement.frequency_microhertz, 10_000),
        current(l1.current_microamperes),
        current(l2.current_microamperes),
        current(l3.current_microamperes),
        voltage(l1.voltage_microvolts),
        voltage(l2.voltage_microvolts),
        voltage(l3.voltage_microvolts),
    ]
}

/// Whole units of a power that flows one way, 0 when it flows the other.
fn one_way(micro: i64) -> u32 {
    rounded(u64::try_from(micro).unwrap_or(0), 1_000_000)
}

fn rounded(value: u64, unit: u64) -> u32 {
    u32::try_from(value.saturating_add(unit / 2) / unit).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Instant;
    use metrology::{Apparent, Direction, PhaseReading, Position, Tariff};

    fn window(volts: u64, watts: i64, millis: u64) -> Measurement {
        let reading = PhaseReading::steady(volts * 1_000_000, 10_000_000, watts * 1_000_000, 0, millis * 1_000_000);
        let (from, to) = (Position::START, Position::of_sample(millis * 8));
        Measurement::of_phases(
            from,
            to,
            millis * 1_000_000,
            50_000_000,
            [reading; 3],
            Apparent::Arithmetic,
        )
    }

    /// L1: averages weigh by time, least and greatest are of windows, consumption is what the register moved.
    #[test]
    fn an_interval_shows_what_was_measured_in_it() {
        let mut intervals = Intervals::new();
        let mut registers = Registers::new(Direction::SumOfPhases);
        for (volts, watts, millis) in [(230, 1_200_000, 1_000), (200, 1_200_000, 3_000)] {
            let window = window(volts, watts, millis);
            registers.book(&window, Tariff::FIRST);
            intervals.observe(&window);
        }
        intervals.end(0, &registers);
        let voltage = intervals.figures(0, 9);
        assert_eq!(
            (voltage.average, voltage.least, voltage.greatest),
            (2_075, 2_000, 2_300)
        );
        assert_eq!(intervals.figures(0, 0).average, 3_600_000);
        assert_eq!(intervals.figures(0, 1).average, 0);
        assert_eq!(intervals.consumed(0, 0), 4_000);
        // The next one is empty; the other intervals go on.
        intervals.end(0, &registers);
        assert_eq!(
            (intervals.figures(0, 9), intervals.consumed(0, 0)),
            (Figures::default(), 0)
        );
        intervals.end(1, &registers);
        assert_eq!(intervals.figures(1, 9).average, 2_075);
    }

    #[test]
    fn a_register_that_rolls_over_has_moved_forwards() {
        assert_eq!(since(999_999_990, 5), 15);
        assert_eq!(since(5, 5), 0);
    }

    #[test]
    fn the_third_interval_ends_at_its_own_boundaries() {
        let utc = base::Civil::new(2026, 7, 1, 10, 3, 0)
            .expect("the calendar has it")
            .utc();
        let clock = Clock::new(Instant::START, Some(utc), -60, true);
        let registers = Registers::new(Direction::SumOfPhases);
        let mut intervals = Intervals::new();
        assert!(!intervals.set_third_seconds(61, &clock, utc) && intervals.set_third_seconds(300, &clock, utc));
        intervals.observe(&window(230, 1, 200));
        intervals.elapse(&clock, utc.plus(119), &registers);
        assert_eq!(intervals.figures(2, 9).average, 0);
        intervals.elapse(&clock, utc.plus(120), &registers);
        assert_eq!(intervals.figures(2, 9).average, 2_300);
    }
}
