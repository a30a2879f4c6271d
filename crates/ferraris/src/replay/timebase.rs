//! The sampling rate of a recording that gives a time with every sample: steps are even, or the line is named.

use super::recording::Fault;

/// A step may differ from the mean of the steps before it by this share of a step: room for times that were rounded when written.
const STEP_TOLERANCE: f64 = 0.25;

/// A time may lie this share of a step away from the even grid that fits all times best.
const GRID_TOLERANCE: f64 = 0.5;

/// Gathers times, in seconds, and fits an even grid to them by least squares.
#[derive(Clone, Debug, Default)]
pub(super) struct Timebase {
    first: f64,
    last: f64,
    count: u64,
    sum_time: f64,
    sum_time_index: f64,
}

/// Evenly spaced times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    /// The time of the first sample, in seconds.
    pub(super) start_s: f64,
    /// Samples per second.
    pub(super) rate_hz: f64,
    /// How many samples there are.
    pub(super) count: u64,
}

impl Timebase {
    /// Takes the time of the next sample; the text says what is wrong with it.
    pub(super) fn observe(&mut self, time: f64) -> Result<(), String> {
        if !time.is_finite() {
            return Err(format!("the time is {time}; a finite number of seconds is allowed"));
        }
        if self.count == 0 {
            self.first = time;
        } else {
            let step = time - self.last;
            if step <= 0.0 {
                return Err(format!(
                    "the time {time} s does not come after the {} s before it",
                    self.last
                ));
            }
            if self.count >= 2 {
                let usual = (self.last - self.first) / as_f64(self.count - 1);
                if (step - usual).abs() > STEP_TOLERANCE * usual {
                    return Err(format!(
                        "the sampling is not even: a step of {step:.3e} s where {usual:.3e} s is usual; up to {} % difference is allowed",
                        STEP_TOLERANCE * 100.0
                    ));
                }
            }
        }
        let since = time - self.first;
        self.sum_time += since;
        self.sum_time_index += since * as_f64(self.count);
        self.last = time;
        self.count += 1;
        Ok(())
    }

    /// The grid that fits best, once there are three times or more.
    pub(super) fn grid(&self) -> Option<Grid> {
        if self.count < 3 {
            return None;
        }
        let n = as_f64(self.count);
        // The slope of the straight line through (index, time) by least squares; the indices are 0..n.
        let numerator = self.sum_time_index - self.sum_time * (n - 1.0) / 2.0;
        let denominator = n * (n * n - 1.0) / 12.0;
        let rate = denominator / numerator;
        let rate_hz = if (rate - rate.round()).abs() < rate * 1e-9 {
            rate.round()
        } else {
            rate
        };
        Some(Grid {
            start_s: self.first,
            rate_hz,
            count: self.count,
        })
    }
}

impl Grid {
    /// Whether the time of sample `index` lies on the grid; the text says how far it does not.
    pub(super) fn check(&self, index: u64, time: f64) -> Result<(), String> {
        let off = (time - self.start_s).mul_add(self.rate_hz, -as_f64(index));
        if off.abs() <= GRID_TOLERANCE {
            Ok(())
        } else {
            Err(format!(
                "the sampling is not even: the time {time} s lies {off:.2} steps off the even grid of {} Hz; up to {GRID_TOLERANCE} steps are allowed",
                self.rate_hz
            ))
        }
    }

    /// A fault unless the metrology takes the rate.
    pub(super) fn checked(self, file: &std::path::Path) -> Result<Self, Fault> {
        let rate_hz = super::recording::check_rate(file, super::recording::Place::Whole, self.rate_hz)?;
        Ok(Self { rate_hz, ..self })
    }
}

/// A count as a number to calculate with; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "recordings have far fewer than 2^53 samples")]
pub(super) const fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(times: impl IntoIterator<Item = f64>) -> Result<Grid, String> {
        let mut base = Timebase::default();
        for time in times {
            base.observe(time)?;
        }
        base.grid().ok_or_else(|| "too few".to_owned())
    }

    #[test]
    fn times_rounded_to_a_microsecond_still_give_the_rate() {
        let grid = fit((0..12_800_u32).map(|n| (f64::from(n) / 6_400.0 * 1e6).round() / 1e6)).unwrap();
        assert!((grid.rate_hz / 6_400.0 - 1.0).abs() < 1e-8, "{grid:?}");
    }

    #[test]
    fn a_gap_a_step_back_and_a_standstill_are_refused() {
        let gap = fit([0.0, 1e-3, 2e-3, 4e-3]).unwrap_err();
        assert!(gap.contains("not even"), "{gap}");
        assert!(fit([0.0, 1e-3, 0.5e-3]).unwrap_err().contains("does not come after"));
        assert!(fit([0.0, 0.0]).unwrap_err().contains("does not come after"));
        assert!(fit([0.0, f64::NAN]).unwrap_err().contains("finite"));
    }

    #[test]
    fn a_clock_that_changes_its_pace_leaves_the_grid() {
        let times: Vec<f64> = (0..2_000_u32)
            .map(|n| {
                if n < 1_000 {
                    f64::from(n) * 1e-3
                } else {
                    1.0 + f64::from(n - 1_000) * 1.01e-3
                }
            })
            .collect();
        let grid = fit(times.iter().copied()).unwrap();
        let off = times
            .iter()
            .zip(0..)
            .find_map(|(time, index)| grid.check(index, *time).err());
        assert!(off.unwrap().contains("steps off the even grid"));
    }
}
