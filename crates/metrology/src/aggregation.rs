//! Aggregation of the supply's quantities (IEC 61000-4-30, 4.5): windows to 150/180 cycles, 10 minutes, 2 hours; frequency over 10 s.
//!
//! Values are aggregated as the root of the mean of their squares. The clock is the caller's: it says when 10 seconds, 10 minutes and
//! 2 hours are over, between two windows. Windows begin anew at each 10-minute tick ([`Part`](crate::Part)): the one that the tick finds under
//! way goes on to its end and belongs to the 10 minutes before (4.5, overlap 1). Where nobody told the sample path of the tick, the
//! window across it counts in the 10 minutes before and in those after. A run of 150/180 cycles
//! starts anew with each 10 minutes; the one that the tick finds under way goes on to its end beside it (4.5.4, overlap 2).

use libm::sqrt;

use crate::channel::N_PHASES;
use crate::measurement::Measurement;
use crate::position::Position;
use crate::rounding::{nearest_i64, nearest_u32, nearest_u64};
use crate::unbalance::Unbalance;

/// The quantities of several windows together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Where the first window began.
    pub from: Position,
    /// Where the last one ended.
    pub to: Position,
    /// How many values it was made of: windows, or 10-minute values for 2 hours.
    pub n_values: u32,
    /// Whether a dip, swell or interruption fell into it, so that it may mislead (4.7).
    pub flagged: bool,
    /// Rms voltages in microvolts.
    pub voltage_microvolts: [u64; N_PHASES],
    /// Rms currents in microamperes.
    pub current_microamperes: [u64; N_PHASES],
    /// Mean active powers in microwatts.
    pub active_microwatts: [i64; N_PHASES],
    /// Unbalance of the voltages; none unless every value had one.
    pub unbalance: Option<Unbalance>,
}

/// What ends with a 10-minute tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// The 10 minutes; none without a window in them.
    pub ten_minutes: Option<Aggregate>,
    /// The 2 hours, when the tick ends them; none without a value in them.
    pub two_hours: Option<Aggregate>,
}

/// Aggregates windows.
#[derive(Clone, Debug)]
pub struct Aggregation {
    cycles: Sums,
    /// The run of 150/180 cycles that was under way at the last 10-minute tick.
    overlapping: Option<Sums>,
    ten_minutes: Sums,
    two_hours: Sums,
}

/// The mean frequency of an interval, of whole cycles over their time (5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanFrequency {
    turns: f64,
    seconds: f64,
}

/// Sums over some values.
#[derive(Clone, Copy, Debug)]
struct Sums {
    from: Position,
    to: Position,
    n_values: u32,
    flagged: bool,
    voltage_squares: [f64; N_PHASES],
    current_squares: [f64; N_PHASES],
    watts: [f64; N_PHASES],
    unbalance_squares: Option<[f64; 2]>,
}

/// Windows of the shortest aggregate: 150 or 180 cycles.
const WINDOWS: u32 = 15;
const TEN_MINUTES_OF_TWO_HOURS: u32 = 12;

impl Aggregation {
    /// Nothing aggregated yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            cycles: Sums::NONE,
            overlapping: None,
            ten_minutes: Sums::NONE,
            two_hours: Sums::NONE,
        }
    }

    /// Takes a window, `flagged` when a voltage event was present in it; gives the 150/180 cycles that it completes.
    pub fn book(&mut self, window: &Measurement, flagged: bool) -> Option<Aggregate> {
        let value = Aggregate::of_window(window, flagged);
        self.ten_minutes.add(&value);
        self.cycles.add(&value);
        if let Some(run) = &mut self.overlapping {
            run.add(&value);
            if WINDOWS <= run.n_values {
                return self.overlapping.take().and_then(|mut run| run.take());
            }
        }
        if WINDOWS <= self.cycles.n_values {
            self.cycles.take()
        } else {
            None
        }
    }

    /// Flags the 10 minutes under way: the clock was set, or part of them is missing.
    pub const fn flag(&mut self) {
        self.ten_minutes.flagged = true;
    }

    /// The time that the windows of the 10 minutes under way cover, in 1/65 536 sample.
    #[must_use]
    pub fn covered_raw(&self) -> u64 {
        if self.ten_minutes.n_values == 0 {
            0
        } else {
            self.ten_minutes.to - self.ten_minutes.from
        }
    }

    /// Ends 10 minutes of the clock, and 2 hours when `ends_two_hours`. A window that lies `across` the tick was booked before and counts
    /// in the next 10 minutes too.
    pub fn tick(&mut self, ends_two_hours: bool, across: Option<(&Measurement, bool)>) -> Ticked {
        let under_way = core::mem::replace(&mut self.cycles, Sums::NONE);
        // A run that began with the window across the tick is the next one already.
        let least = u32::from(across.is_some());
        self.overlapping = (least < under_way.n_values).then_some(under_way);
        let ten_minutes = self.ten_minutes.take();
        if let Some(value) = &ten_minutes {
            self.two_hours.add(value);
        }
        if let Some((window, flagged)) = across {
            let value = Aggregate::of_window(window, flagged);
            self.ten_minutes.add(&value);
            self.cycles.add(&value);
        }
        Ticked {
            ten_minutes,
            two_hours: if ends_two_hours { self.take_two_hours() } else { None },
        }
    }
}

impl Aggregation {
    /// Two hours that are not twelve 10-minute values are flagged: the supply or the meter was away.
    fn take_two_hours(&mut self) -> Option<Aggregate> {
        self.two_hours.flagged |= self.two_hours.n_values < TEN_MINUTES_OF_TWO_HOURS;
        self.two_hours.take()
    }
}

impl Default for Aggregation {
    fn default() -> Self {
        Self::new()
    }
}

impl MeanFrequency {
    /// Takes a window. One that was not synchronised to a voltage says nothing about the frequency.
    pub fn book(&mut self, window: &Measurement) {
        self.book_part(window, window.duration_nanos);
    }

    /// Takes the part of a window that was not in the one before.
    pub(crate) fn book_part(&mut self, window: &Measurement, nanos: u64) {
        if window.synchronised {
            let seconds = nanos as f64 * 1e-9;
            self.turns += window.frequency_microhertz as f64 * 1e-6 * seconds;
            self.seconds += seconds;
        }
    }

    /// Ends the interval (10 s of the clock): its mean frequency in microhertz, none without a synchronised window.
    pub fn close(&mut self) -> Option<u64> {
        let Self { turns, seconds } = core::mem::take(self);
        (0.0 < seconds).then(|| nearest_u64(turns / seconds * 1e6))
    }
}

impl Aggregate {
    /// A window as an aggregate of one.
    #[must_use]
    pub fn of_window(window: &Measurement, flagged: bool) -> Self {
        let mut value = Self {
            from: window.from,
            to: window.to,
            n_values: 1,
            flagged,
            voltage_microvolts: [0; N_PHASES],
            current_microamperes: [0; N_PHASES],
            active_microwatts: [0; N_PHASES],
            unbalance: Unbalance::of(window),
        };
        let voltages = value.voltage_microvolts.iter_mut().zip(&mut value.current_microamperes);
        for (((volts, amperes), watts), reading) in voltages.zip(&mut value.active_microwatts).zip(&window.phases) {
            *volts = reading.voltage_microvolts;
            *amperes = reading.current_microamperes;
            *watts = reading.active_microwatts;
        }
        value
    }
}

impl Sums {
    const NONE: Self = Self {
        from: Position::START,
        to: Position::START,
        n_values: 0,
        flagged: false,
        voltage_squares: [0.0; N_PHASES],
        current_squares: [0.0; N_PHASES],
        watts: [0.0; N_PHASES],
        unbalance_squares: Some([0.0; 2]),
    };

    fn add(&mut self, value: &Aggregate) {
        if self.n_values == 0 {
            self.from = value.from;
        }
        self.to = value.to;
        self.n_values = self.n_values.saturating_add(1);
        self.flagged |= value.flagged;
        let squares = |sums: &mut [f64; N_PHASES], values: &[u64; N_PHASES]| {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += *value as f64 * *value as f64;
            }
        };
        squares(&mut self.voltage_squares, &value.voltage_microvolts);
        squares(&mut self.current_squares, &value.current_microamperes);
        for (sum, watts) in self.watts.iter_mut().zip(value.active_microwatts) {
            *sum += watts as f64;
        }
        self.unbalance_squares = self
            .unbalance_squares
            .zip(value.unbalance)
            .map(|([negative, zero], of_value)| {
                let square = |millionths: u32| f64::from(millionths) * f64::from(millionths);
                [
                    negative + square(of_value.negative_millionths),
                    zero + square(of_value.zero_millionths),
                ]
            });
    }

    /// The aggregate, none of nothing; the sums begin anew.
    fn take(&mut self) -> Option<Aggregate> {
        let sums = core::mem::replace(self, Self::NONE);
        let n = f64::from(sums.n_values);
        let root = |squares: f64| sqrt(squares / n);
        (0 < sums.n_values).then(|| Aggregate {
            from: sums.from,
            to: sums.to,
            n_values: sums.n_values,
            flagged: sums.flagged,
            voltage_microvolts: sums.voltage_squares.map(|squares| nearest_u64(root(squares))),
            current_microamperes: sums.current_squares.map(|squares| nearest_u64(root(squares))),
            active_microwatts: sums.watts.map(|sum| nearest_i64(sum / n)),
            unbalance: sums.unbalance_squares.map(|[negative, zero]| Unbalance {
                negative_millionths: nearest_u32(root(negative)),
                zero_millionths: nearest_u32(root(zero)),
            }),
        })
    }
}
