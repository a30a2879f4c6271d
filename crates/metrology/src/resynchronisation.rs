//! Resynchronisation of the windows to the 10-minute tick of the clock (IEC 61000-4-30, 4.5): the window of 10 or 12 cycles that the tick
//! finds under way goes on to its end, and the next one begins at the tick. The two overlap, and what a bill is made of must not be counted
//! twice. So the sample path cuts at whole cycles, and the quality of the supply puts the pieces together again:
//!
//! ```text
//!                    tick (to the nearest cycle)
//! sample path   |----Head----|--Tail--|----Rest----|----Whole
//! quality       |---10 or 12 cycles---|
//!                            |---10 or 12 cycles---|
//! ```

use crate::channel::N_PHASES;
use crate::measurement::{Measurement, PhaseReading};
use crate::rounding::{nearest_i64, nearest_u32, nearest_u64};

/// Which piece of 10 or 12 cycles a window is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    #[default]
    Whole,
    /// The cycles before a 10-minute tick.
    Head,
    /// Those after it up to where the window would have ended; with the head they are the last window before the tick.
    Tail,
    /// As many cycles as the head had: with the tail they are the first window after the tick.
    Rest,
}

/// Two windows that follow each other as one: what the quality of the supply is aggregated from. The rest is that of the second.
pub(crate) fn joined(first: &Measurement, second: &Measurement) -> Measurement {
    let nanos = first.duration_nanos.saturating_add(second.duration_nanos);
    let share = first.duration_nanos as f64 / nanos.max(1) as f64;
    let mean = |a: f64, b: f64| a * share + b * (1.0 - share);
    let root = |a: u64, b: u64| {
        let (a, b) = (a as f64, b as f64);
        nearest_u64(libm::sqrt(mean(a * a, b * b)))
    };
    let mut phases: [PhaseReading; N_PHASES] = second.phases;
    for (reading, before) in phases.iter_mut().zip(&first.phases) {
        reading.present &= before.present;
        reading.voltage_microvolts = root(before.voltage_microvolts, reading.voltage_microvolts);
        reading.current_microamperes = root(before.current_microamperes, reading.current_microamperes);
        reading.voltage_fundamental_microvolts = nearest_u64(mean(
            before.voltage_fundamental_microvolts as f64,
            reading.voltage_fundamental_microvolts as f64,
        ));
        reading.active_microwatts =
            nearest_i64(mean(before.active_microwatts as f64, reading.active_microwatts as f64));
        let angles = before
            .voltage_angle_millidegrees
            .zip(reading.voltage_angle_millidegrees);
        reading.voltage_angle_millidegrees = angles.map(|(from, to)| {
            let turned = |millidegrees: f64| millidegrees - libm::floor(millidegrees / 360_000.0) * 360_000.0;
            let apart = turned(f64::from(to) - f64::from(from) + 180_000.0) - 180_000.0;
            nearest_u32(turned(f64::from(from) + apart * (1.0 - share)))
        });
    }
    Measurement {
        from: first.from,
        duration_nanos: nanos,
        frequency_microhertz: nearest_u64(mean(
            first.frequency_microhertz as f64,
            second.frequency_microhertz as f64,
        )),
        synchronised: first.synchronised && second.synchronised,
        phases,
        part: Part::Whole,
        ..*second
    }
}
