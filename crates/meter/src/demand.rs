//! Demand: the average power over the running and the last measurement period, its maxima with their time, its minimum and the
//! cumulated maxima, for each energy and tariff (M6; classes 5 and 4).
//!
//! An average is an exact energy, in microjoules, divided by the nominal length of the measurement period, towards zero. So a period that
//! was cut short never shows more than there was; it is flagged. What ends a period early, what a power cut does to it and what its
//! status says is written in docs/tariffs.md.

use base::Utc;
use cosem::axdr::{Full, Reader, Writer};
use metrology::{Quantity, Registers, Tariff};

use crate::clock::Clock;
use crate::profile::status;

/// The energies that have a demand, with group C of their names.
pub const QUANTITIES: [(u8, Quantity); 7] = [
    (1, Quantity::ActiveImport),
    (2, Quantity::ActiveExport),
    (3, Quantity::ReactiveImport),
    (4, Quantity::ReactiveExport),
    (9, Quantity::ApparentImport),
    (10, Quantity::ApparentExport),
    (15, Quantity::ActiveAbsolute),
];

/// Energies booked at once, in the order of [`QUANTITIES`].
pub type Energies = [u64; QUANTITIES.len()];

/// The demands of the meter.
#[derive(Clone, Debug)]
pub struct Demand {
    averages: [Average; QUANTITIES.len()],
    peaks: [Peaks; QUANTITIES.len()],
}

/// One demand register (class 5): the measurement period of `number` steps of `period` seconds, block when `number` is 1, else sliding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Average {
    period: u16,
    number: u8,
    /// When the running step began and ends.
    start: Utc,
    due: Utc,
    /// Micro units of the running step, and of the steps before it, the newest first.
    running: u64,
    before: [u64; STEPS_MAX - 1],
    /// Status bits of the running step, and of those before it.
    marks: u8,
    marks_before: [u8; STEPS_MAX - 1],
    /// How many of the steps before were measured at all.
    known: u8,
    last: Peak,
}

/// A value in W, var or VA, when it occurred, and its status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// The average power.
    pub value: u32,
    /// The end of the measurement period, as seconds since 1970; 0 when there was none.
    at: u32,
    /// Bits of the AMR profile status.
    pub status: u8,
}

/// What is remembered of the averages of one energy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Peaks {
    /// Total, then tariffs 1 to 8.
    maxima: [Peak; N_RATES],
    cumulative: [u32; N_RATES],
    minimum: Option<Peak>,
}

/// A measurement period that the meter does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodRefusal;

/// Total and eight tariffs.
const N_RATES: usize = 9;
/// Most steps of a measurement period: 15 of one minute.
const STEPS_MAX: usize = 15;
/// The longest measurement period in seconds.
const LONGEST: u32 = 3_600;
/// Lengths of a step in seconds.
const PERIODS: [u16; 6] = [60, 300, 600, 900, 1_800, 3_600];
/// Micro units of a unit.
const MICRO: u64 = 1_000_000;

impl Peak {
    /// When it occurred; none when nothing did yet.
    #[must_use]
    pub fn at(self) -> Option<Utc> {
        (self.at != 0).then(|| Utc::from_unix(i64::from(self.at)))
    }

    fn new(value: u32, at: Utc, status: u8) -> Self {
        Self {
            value,
            at: seconds(at),
            status,
        }
    }
}

impl Average {
    /// Block demand of 15 minutes that waits for [`Average::start`].
    const fn new() -> Self {
        Self {
            period: 900,
            number: 1,
            start: Utc::from_unix(0),
            due: Utc::from_unix(i64::MAX),
            running: 0,
            before: [0; STEPS_MAX - 1],
            marks: 0,
            marks_before: [0; STEPS_MAX - 1],
            known: 0,
            last: Peak {
                value: 0,
                at: 0,
                status: 0,
            },
        }
    }

    /// Attribute 8, period in seconds: the step after which the last average is renewed.
    #[must_use]
    pub const fn period(&self) -> u16 {
        self.period
    }

    /// Attribute 9, number_of_periods.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// Attribute 7, start_time_current: when the running step began.
    #[must_use]
    pub const fn start_time(&self) -> Utc {
        self.start
    }

    /// Attribute 2: the energy of the running step and of the steps before it that belong to its measurement period, over that period.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.watts()
    }

    /// Attributes 3, 5 and 6: the last average with its status and the end of its period.
    #[must_use]
    pub const fn last(&self) -> Peak {
        self.last
    }

    fn steps_before(&self) -> usize {
        usize::from(self.number).saturating_sub(1).min(STEPS_MAX - 1)
    }

    fn watts(&self) -> u32 {
        let before = self.before.iter().take(self.steps_before());
        let energy = before.fold(self.running, |sum, step| sum.saturating_add(*step));
        let seconds = u64::from(self.period) * u64::from(self.number);
        u32::try_from(energy / (seconds * MICRO)).unwrap_or(u32::MAX) // towards zero
    }

    /// Ends the running step with what was measured in it, and answers the new average.
    fn close(&mut self, stamp: Utc) -> Peak {
        let steps = self.steps_before();
        let marks = self
            .marks_before
            .iter()
            .take(steps)
            .fold(self.marks, |marks, step| marks | step);
        let missing = if usize::from(self.known) < steps {
            status::DATA_NOT_VALID
        } else {
            0
        };
        self.last = Peak::new(self.watts(), stamp, marks | missing);
        self.before.rotate_right(1);
        self.marks_before.rotate_right(1);
        if let (Some(step), Some(marks)) = (self.before.first_mut(), self.marks_before.first_mut()) {
            (*step, *marks) = (self.running, self.marks);
        }
        self.known = self.known.saturating_add(1).min(LAST_STEP);
        (self.running, self.marks) = (0, 0);
        self.last
    }

    /// Begins a step at `utc`; it is flagged unless that is a boundary of the local clock. Steps before it are forgotten.
    fn start(&mut self, clock: &Clock, utc: Utc, marks: u8) {
        let period = u32::from(self.period);
        let on_boundary = clock.next_boundary(utc.plus(-1), period) == utc;
        self.known = 0;
        self.running = 0;
        self.marks = if on_boundary {
            marks
        } else {
            marks | status::DATA_NOT_VALID
        };
        self.start = utc;
        self.due = clock.next_boundary(utc, period);
    }

    /// Ends the steps that are over at `utc`, the oldest first, each with `marks`, and shows each new average.
    fn elapse(&mut self, clock: &Clock, utc: Utc, marks: u8, mut ended: impl FnMut(Peak)) {
        // Behind a long silence come only the averages that what was measured before it belongs to.
        let mut left = usize::from(self.number).max(1);
        while self.due <= utc {
            self.marks |= marks;
            let unknown = if clock.is_valid() {
                0
            } else {
                status::CLOCK_INVALID | status::DATA_NOT_VALID
            };
            self.marks |= unknown;
            let stamp = self.due;
            ended(self.close(stamp));
            self.start = stamp;
            self.due = clock.next_boundary(stamp, u32::from(self.period));
            left = left.saturating_sub(1);
            if left == 0 && self.due <= utc {
                self.due = clock.next_boundary(utc, u32::from(self.period));
                self.start = self.due.plus(-i64::from(self.period));
            }
        }
    }

    /// What moves with every window stands first and together: the farewell has room for few words.
    fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(&self.running.to_be_bytes())?;
        out.put(&seconds(self.start).to_be_bytes())?;
        out.put(&seconds(self.due).to_be_bytes())?;
        save_peak(self.last, out)?;
        out.put(&[self.marks, self.number])?;
        out.put(&self.period.to_be_bytes())?;
        out.put(&[0; 3])
    }

    /// Takes a saved state, unless it is of another measurement period than the one that is set now. Steps before the running one are
    /// not saved: a sliding period that meets a power cut is flagged until it is full again.
    fn restore(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let running = u64::from_be_bytes(from.array_of().ok()?);
        let [start, due] = [
            u32::from_be_bytes(from.array_of().ok()?),
            u32::from_be_bytes(from.array_of().ok()?),
        ];
        let last = read_peak(from)?;
        let [marks, number] = from.array_of().ok()?;
        let period = u16::from_be_bytes(from.array_of().ok()?);
        from.take(3).ok()?;
        if (period, number) == (self.period, self.number) && due != u32::MAX {
            *self = Self {
                period,
                number,
                start: Utc::from_unix(i64::from(start)),
                due: Utc::from_unix(i64::from(due)),
                running,
                marks,
                last,
                ..Self::new()
            };
        }
        Some(())
    }

    /// Octets of the saved form, whole words of 8.
    const LENGTH: usize = 8 + 8 + PEAK_LENGTH + 4 + 3;
}

/// Seconds since 1970 as they are saved; a period that never began has all ones.
fn seconds(utc: Utc) -> u32 {
    u32::try_from(utc.unix()).unwrap_or(u32::MAX)
}

const PEAK_LENGTH: usize = 9;

fn save_peak(peak: Peak, out: &mut Writer<'_>) -> Result<(), Full> {
    out.put(&peak.value.to_be_bytes())?;
    out.put(&peak.at.to_be_bytes())?;
    out.octet(peak.status)
}

fn read_peak(from: &mut Reader<'_>) -> Option<Peak> {
    Some(Peak {
        value: u32::from_be_bytes(from.array_of().ok()?),
        at: u32::from_be_bytes(from.array_of().ok()?),
        status: from.octet().ok()?,
    })
}

/// The number of steps before the running one that are remembered.
const LAST_STEP: u8 = 14;

impl Peaks {
    /// Compares the average of a period that ended while `tariff` was counted under.
    fn offer(&mut self, peak: Peak, tariff: Tariff) {
        for rate in [0, usize::from(tariff.number())] {
            if let Some(maximum) = self.maxima.get_mut(rate)
                && (maximum.value < peak.value || maximum.at == 0)
            {
                *maximum = peak;
            }
        }
        // A period that was cut short says nothing about how little was used.
        let is_whole = peak.status & (status::DATA_NOT_VALID | status::POWER_DOWN) == 0;
        if is_whole && self.minimum.is_none_or(|minimum| peak.value < minimum.value) {
            self.minimum = Some(peak);
        }
    }

    /// Adds the maxima to their cumulative registers and begins anew.
    fn reset(&mut self) {
        for (sum, maximum) in self.cumulative.iter_mut().zip(&self.maxima) {
            *sum = sum.saturating_add(maximum.value);
        }
        self.maxima = [Peak::default(); N_RATES];
        self.minimum = None;
    }

    const LENGTH: usize = N_RATES * (PEAK_LENGTH + 4) + 1 + PEAK_LENGTH + 1;
}

impl Default for Demand {
    fn default() -> Self {
        Self::new()
    }
}

impl Demand {
    /// Octets of the saved form.
    pub const LENGTH: usize = QUANTITIES.len() * (Average::LENGTH + Peaks::LENGTH);

    /// Demands of a meter from the factory, waiting for [`Demand::begin`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            averages: core::array::from_fn(|_| Average::new()),
            peaks: Default::default(),
        }
    }

    /// Begins all periods at `utc`, with these bits in the status of the first.
    pub fn begin(&mut self, clock: &Clock, utc: Utc, marks: u8) {
        for average in &mut self.averages {
            average.start(clock, utc, marks);
        }
    }

    /// Goes on after a power cut: the period that was running ends with what was measured in it, if it is over; nothing was used meanwhile.
    /// With a clock that lost its time nobody knows how long that was, so every period begins anew.
    pub fn resume(&mut self, clock: &Clock, utc: Utc, tariff: Tariff) {
        for average in &mut self.averages {
            average.marks |= status::POWER_DOWN;
        }
        let is_running = |average: &Average| average.start <= utc && average.due != Utc::from_unix(i64::MAX);
        if clock.is_valid() && self.averages.iter().all(is_running) {
            self.end(clock, utc, tariff, status::POWER_DOWN);
            for average in &mut self.averages {
                average.marks |= status::POWER_DOWN;
            }
        } else {
            self.begin(clock, utc, status::POWER_DOWN);
        }
    }

    /// Marks the running steps with bits of [`status`].
    pub fn mark(&mut self, bits: u8) {
        for average in &mut self.averages {
            average.marks |= bits;
        }
    }

    /// Adds energies, in micro units, to the running periods.
    pub fn book(&mut self, energies: &Energies) {
        for (average, energy) in self.averages.iter_mut().zip(energies) {
            average.running = average.running.saturating_add(*energy);
        }
    }

    /// Ends the periods that are over at `utc`; they belong to `tariff`.
    pub fn elapse(&mut self, clock: &Clock, utc: Utc, tariff: Tariff) {
        self.end(clock, utc, tariff, 0);
    }

    fn end(&mut self, clock: &Clock, utc: Utc, tariff: Tariff, marks: u8) {
        for (average, peaks) in self.averages.iter_mut().zip(&mut self.peaks) {
            average.elapse(clock, utc, marks, |peak| peaks.offer(peak, tariff));
        }
    }

    /// The next end of a period.
    #[must_use]
    pub fn due(&self) -> Option<Utc> {
        self.averages.iter().map(|average| average.due).min()
    }

    /// The clock was set beyond a correction, from `from` to `to`: the running periods end early, flagged, and flagged ones begin.
    pub fn break_off(&mut self, clock: &Clock, from: Utc, to: Utc, tariff: Tariff) {
        for (average, peaks) in self.averages.iter_mut().zip(&mut self.peaks) {
            if average.start < from {
                average.marks |= status::CLOCK_ADJUSTED | status::DATA_NOT_VALID;
                peaks.offer(average.close(from), tariff);
            }
            average.start(clock, to, status::CLOCK_ADJUSTED);
        }
    }

    /// The rules of the local clock were changed: periods whose boundary moved are broken off.
    pub fn realign(&mut self, clock: &Clock, utc: Utc, tariff: Tariff) {
        let moved = |average: &Average| clock.next_boundary(utc, u32::from(average.period)) != average.due;
        if self.averages.iter().any(moved) {
            self.break_off(clock, utc, utc, tariff);
        }
    }

    /// The demand register of the quantity at `which` in [`QUANTITIES`].
    #[must_use]
    pub fn average(&self, which: usize) -> Option<&Average> {
        self.averages.get(which)
    }

    /// The maximum of a quantity: `rate` 0 of all, 1 to 8 by tariff.
    #[must_use]
    pub fn maximum(&self, which: usize, rate: usize) -> Peak {
        self.peaks
            .get(which)
            .and_then(|peaks| peaks.maxima.get(rate))
            .copied()
            .unwrap_or_default()
    }

    /// The smallest average of a whole period since the last reset.
    #[must_use]
    pub fn minimum(&self, which: usize) -> Peak {
        self.peaks
            .get(which)
            .and_then(|peaks| peaks.minimum)
            .unwrap_or_default()
    }

    /// The sum of the maxima of all billing periods that were closed.
    #[must_use]
    pub fn cumulative(&self, which: usize, rate: usize) -> u32 {
        self.peaks
            .get(which)
            .and_then(|peaks| peaks.cumulative.get(rate))
            .copied()
            .unwrap_or(0)
    }

    /// The end of a billing period: the maxima are added up and begin anew.
    pub fn reset_maxima(&mut self) {
        for peaks in &mut self.peaks {
            peaks.reset();
        }
    }

    /// Resets one maximum (class 4, method 1).
    pub fn reset_maximum(&mut self, which: usize, rate: usize) {
        if let Some(peaks) = self.peaks.get_mut(which)
            && let (Some(maximum), Some(sum)) = (peaks.maxima.get_mut(rate), peaks.cumulative.get_mut(rate))
        {
            *sum = sum.saturating_add(maximum.value);
            *maximum = Peak::default();
        }
    }

    /// Sets the averages of one quantity to zero and begins a period (class 5, method 1).
    pub fn reset_average(&mut self, which: usize, clock: &Clock, utc: Utc) {
        if let Some(average) = self.averages.get_mut(which) {
            average.last = Peak::default();
            average.start(clock, utc, 0);
        }
    }

    /// Ends the running period of one quantity before its time (class 5, method 2).
    pub fn next_period(&mut self, which: usize, clock: &Clock, utc: Utc, tariff: Tariff) {
        if let (Some(average), Some(peaks)) = (self.averages.get_mut(which), self.peaks.get_mut(which)) {
            average.marks |= status::DATA_NOT_VALID;
            peaks.offer(average.close(utc), tariff);
            average.start(clock, utc, 0);
        }
    }

    /// Sets the measurement period of one quantity: steps of `period` seconds, `number` of them. A change begins a period.
    ///
    /// # Errors
    /// When a step is not 1, 5, 10, 15, 30 or 60 minutes, there are more than 15, or they are longer than an hour together.
    pub fn set_period(
        &mut self,
        which: usize,
        (period, number): (u32, u16),
        clock: &Clock,
        utc: Utc,
    ) -> Result<(), PeriodRefusal> {
        let step = u16::try_from(period).ok().filter(|step| PERIODS.contains(step));
        let steps = u8::try_from(number)
            .ok()
            .filter(|steps| (1..=LAST_STEP + 1).contains(steps));
        let (Some(step), Some(steps)) = (step, steps) else {
            return Err(PeriodRefusal);
        };
        if LONGEST < u32::from(step) * u32::from(steps) {
            return Err(PeriodRefusal);
        }
        let average = self.averages.get_mut(which).ok_or(PeriodRefusal)?;
        if (average.period, average.number) != (step, steps) {
            (average.period, average.number) = (step, steps);
            average.start(clock, utc, 0);
        }
        Ok(())
    }

    /// Writes what must outlive a power cut, [`Demand::LENGTH`] octets.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        for (average, peaks) in self.averages.iter().zip(&self.peaks) {
            average.save(out)?;
            for (maximum, sum) in peaks.maxima.iter().zip(peaks.cumulative) {
                save_peak(*maximum, out)?;
                out.put(&sum.to_be_bytes())?;
            }
            out.octet(u8::from(peaks.minimum.is_some()))?;
            save_peak(peaks.minimum.unwrap_or_default(), out)?;
            out.octet(0)?;
        }
        Ok(())
    }

    /// Reads what [`Demand::save`] wrote. Periods of another length than is set now begin anew.
    ///
    /// Nothing is changed when the octets are too few.
    pub fn restore(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let mut restored = self.clone();
        for (average, peaks) in restored.averages.iter_mut().zip(&mut restored.peaks) {
            average.restore(from)?;
            for (maximum, sum) in peaks.maxima.iter_mut().zip(&mut peaks.cumulative) {
                *maximum = read_peak(from)?;
                *sum = u32::from_be_bytes(from.array_of().ok()?);
            }
            let has_minimum = from.octet().ok()? != 0;
            peaks.minimum = Some(read_peak(from)?).filter(|_| has_minimum);
            from.octet().ok()?;
        }
        *self = restored;
        Some(())
    }
}

/// What the registers hold of each quantity, for the difference that a window makes.
#[must_use]
pub fn energies(registers: &Registers) -> [i128; QUANTITIES.len()] {
    QUANTITIES.map(|(_, quantity)| registers.micro(quantity, metrology::Element::Total))
}

/// The energies between two readings of [`energies`]; none of them can fall.
#[must_use]
pub fn difference(before: &[i128; QUANTITIES.len()], after: &[i128; QUANTITIES.len()]) -> Energies {
    let mut energies = [0; QUANTITIES.len()];
    for ((energy, before), after) in energies.iter_mut().zip(before).zip(after) {
        *energy = u64::try_from(after - before).unwrap_or(0);
    }
    energies
}

#[cfg(test)]
mod tests;
