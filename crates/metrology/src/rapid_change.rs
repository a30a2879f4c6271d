//! Rapid voltage changes (IEC 61000-4-30, 5.11): a quick step from one steady voltage to another that is no dip and no swell.
//!
//! ```text
//!          1 s within the threshold            beyond the threshold of the mean         1 s within the hysteresis
//! Settling ------------------------> Steady ----------------------------------> Changing ----------------> Steady
//! ```
//! A voltage is steady while the last 100 (120 at 60 Hz) values of Urms(1/2) lie within the threshold of their mean. The changes of several
//! phases are one change, from the first that leaves its steady voltage to the last that has a new one.

use crate::channel::{N_PHASES, Phase};
use crate::half_cycle::HalfCycle;
use crate::position::Position;
use crate::setup::{NominalFrequency, Setup, SetupError, within};

/// Thresholds as parts of the nominal voltage, see [`Setup::nominal_volts`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RapidChangeThresholds {
    /// A change leaves the mean of the second before by more than this; 0.01 to 0.06.
    pub change: f64,
    /// It is over when a second lies within this part of the threshold; 0.1 to 1.
    pub hysteresis: f64,
}

/// A rapid voltage change of all phases together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RapidChange {
    /// The beginning of the Urms(1/2) that left the steady voltage.
    pub from: Position,
    /// Where the new steady voltage began.
    pub to: Position,
    /// dUmax: the greatest distance from the steady voltage before, in microvolts.
    pub greatest_microvolts: u32,
    /// dUss: the distance of the two steady voltages in microvolts; the greatest of the phases.
    pub steady_microvolts: u32,
    /// The phase that had dUmax.
    pub phase: Phase,
}

/// Finds rapid changes in Urms(1/2). Takes about 1.6 kB.
#[derive(Clone, Debug)]
pub struct RapidChanges {
    /// Values of a second: 100 or 120.
    n_values: usize,
    change_microvolts: u32,
    back_microvolts: u32,
    phases: [Followed; N_PHASES],
    /// The change that goes on, and whether it is a dip or a swell.
    ongoing: Option<(RapidChange, bool)>,
    /// Dips, swells and interruptions that go on.
    disturbances: u8,
}

/// One voltage and its last second.
#[derive(Clone, Copy, Debug)]
struct Followed {
    recent: [u32; MOST_VALUES],
    next: usize,
    filled: usize,
    sum: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Settling,
    Steady,
    /// With the steady voltage before.
    Changing(u32),
}

impl RapidChangeThresholds {
    /// 3 % with half of it as hysteresis.
    pub const USUAL: Self = Self {
        change: 0.03,
        hysteresis: 0.5,
    };

    /// Checks both.
    ///
    /// # Errors
    /// [`SetupError::OutOfRange`] names the first that is out of its range.
    pub fn check(&self) -> Result<(), SetupError> {
        within("rapid change", None, self.change, 0.01, 0.06)?;
        within("rapid change hysteresis", None, self.hysteresis, 0.1, 1.0)
    }
}

impl RapidChanges {
    /// For the voltages of the setup.
    ///
    /// # Errors
    /// [`SetupError`] when setup or thresholds are absurd.
    #[inline(never)] // as the flicker
    pub fn new(setup: &Setup, thresholds: &RapidChangeThresholds) -> Result<Self, SetupError> {
        setup.check()?;
        thresholds.check()?;
        let micro = |part: f64| crate::rounding::nearest_u32(part * setup.nominal_volts * 1e6);
        Ok(Self {
            n_values: match setup.nominal_frequency {
                NominalFrequency::Hz50 => 100,
                NominalFrequency::Hz60 => 120,
            },
            change_microvolts: micro(thresholds.change),
            back_microvolts: micro(thresholds.change * thresholds.hysteresis),
            phases: [Followed::NEW; N_PHASES],
            ongoing: None,
            disturbances: 0,
        })
    }

    /// Looks for steady voltages anew: those before were read with another calibration, and a step between both is none of the supply.
    pub(crate) const fn restart(&mut self) {
        self.phases = [Followed::NEW; N_PHASES];
        self.ongoing = None;
    }

    /// Says that a dip, swell or interruption has begun: a change that goes on, or comes while it lasts, is part of it.
    pub const fn disturbance_began(&mut self) {
        self.disturbances = self.disturbances.saturating_add(1);
        if let Some((_change, spoilt)) = &mut self.ongoing {
            *spoilt = true;
        }
    }

    /// Says that a dip, swell or interruption is over.
    pub const fn disturbance_ended(&mut self) {
        self.disturbances = self.disturbances.saturating_sub(1);
    }

    /// Takes the next Urms(1/2) of a phase; gives the change that it ends.
    pub fn observe(&mut self, cycle: &HalfCycle) -> Option<RapidChange> {
        let value = u32::try_from(cycle.voltage_microvolts).unwrap_or(u32::MAX);
        let followed = self.phases.get_mut(cycle.phase.index())?;
        let before = followed.mean(self.n_values);
        followed.take(value, self.n_values);
        let mut settled_at = None;
        match followed.state {
            State::Settling => {
                if followed.is_within(self.change_microvolts, self.n_values) {
                    followed.state = State::Steady;
                }
            }
            State::Steady => {
                if let Some(mean) = before.filter(|mean| self.change_microvolts < mean.abs_diff(value)) {
                    followed.state = State::Changing(mean);
                    let change = RapidChange {
                        from: cycle.from,
                        to: cycle.to,
                        greatest_microvolts: 0,
                        steady_microvolts: 0,
                        phase: cycle.phase,
                    };
                    self.ongoing.get_or_insert((change, 0 < self.disturbances));
                }
            }
            State::Changing(_) => {}
        }
        if let (State::Changing(mean), Some((change, _spoilt))) = (followed.state, &mut self.ongoing) {
            if change.greatest_microvolts < mean.abs_diff(value) {
                change.greatest_microvolts = mean.abs_diff(value);
                change.phase = cycle.phase;
            }
            if followed.is_within(self.back_microvolts, self.n_values) {
                followed.state = State::Steady;
                let now = followed.mean(self.n_values).unwrap_or(value);
                change.steady_microvolts = change.steady_microvolts.max(mean.abs_diff(now));
                // The second that is steady now began so many half cycles ago.
                let half = (cycle.to - cycle.from) / 2;
                let second = half.saturating_mul(u64::try_from(self.n_values).unwrap_or(0));
                settled_at = Some(Position::from_raw(cycle.to.raw().saturating_sub(second)).max(change.from));
            }
        }
        let to = settled_at?;
        let all_over = self
            .phases
            .iter()
            .all(|followed| !matches!(followed.state, State::Changing(_)));
        if !all_over {
            return None;
        }
        let (mut change, spoilt) = self.ongoing.take()?;
        change.to = to;
        (!spoilt).then_some(change)
    }
}

impl Followed {
    const NEW: Self = Self {
        recent: [0; MOST_VALUES],
        next: 0,
        filled: 0,
        sum: 0,
        state: State::Settling,
    };

    /// The mean of the last second; none before there is one.
    fn mean(&self, n_values: usize) -> Option<u32> {
        let count = u64::try_from(n_values).ok().filter(|_| n_values <= self.filled)?;
        u32::try_from(self.sum / count).ok()
    }

    fn take(&mut self, value: u32, n_values: usize) {
        if let Some(slot) = self.recent.get_mut(self.next) {
            self.sum = self
                .sum
                .saturating_sub(u64::from(*slot))
                .saturating_add(u64::from(value));
            *slot = value;
        }
        self.next = if self.next + 1 < n_values { self.next + 1 } else { 0 };
        self.filled = (self.filled + 1).min(n_values);
    }

    /// Whether the last second lies within `microvolts` of its mean.
    fn is_within(&self, microvolts: u32, n_values: usize) -> bool {
        let recent = self.recent.get(..n_values).unwrap_or(&[]);
        self.mean(n_values)
            .is_some_and(|mean| recent.iter().all(|value| value.abs_diff(mean) <= microvolts))
    }
}

const MOST_VALUES: usize = 120;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    const HALF: u64 = 80 << 16;

    /// Half cycles of three phases of which L2 goes through `volts`; the others stay at 230 V.
    fn run(volts: impl Fn(u64) -> u64, n: u64, dip_at: Option<u64>) -> Vec<RapidChange> {
        let setup = Setup::three_phase(8_000.0, 71.5e-6, 23.8e-6);
        let mut changes = RapidChanges::new(&setup, &RapidChangeThresholds::USUAL).expect("a good setup");
        let mut found = Vec::new();
        for k in 0..n {
            for phase in Phase::ALL {
                let volts = if phase == Phase::L2 { volts(k) } else { 230_000_000 };
                let cycle = HalfCycle {
                    phase,
                    from: Position::from_raw(k * HALF),
                    to: Position::from_raw((k + 2) * HALF),
                    voltage_microvolts: volts,
                };
                found.extend(changes.observe(&cycle));
            }
            if dip_at == Some(k) {
                changes.disturbance_began();
            }
            if dip_at.is_some_and(|at| at + 5 == k) {
                changes.disturbance_ended();
            }
        }
        found
    }

    /// 5.11: dUss is the distance of the means, dUmax the greatest way from the mean before, the end is where the steady second began.
    #[test]
    fn a_step_is_found_with_its_greatest_and_its_lasting_change() {
        let course = |k| match k {
            ..300 => 230_000_000,
            300..310 => 214_000_000,
            _ => 220_000_000,
        };
        let found = run(course, 600, None);
        assert_eq!(found.len(), 1);
        let change = found[0];
        assert_eq!((change.phase, change.from.raw()), (Phase::L2, 300 * HALF));
        assert_eq!(change.greatest_microvolts, 16_000_000);
        assert!(
            change.steady_microvolts.abs_diff(10_000_000) < 700_000,
            "{}",
            change.steady_microvolts
        );
        assert!(change.to.raw() / HALF >= 300 && change.to.raw() / HALF <= 312);
    }

    #[test]
    fn slow_drifts_and_small_steps_are_no_rapid_changes() {
        assert!(run(|k| 230_000_000 - k * 20_000, 600, None).is_empty());
        assert!(run(|k| if k < 300 { 230_000_000 } else { 224_000_000 }, 600, None).is_empty());
        assert!(
            run(|k| 230_000_000 + (k % 2) * 20_000_000, 600, None).is_empty(),
            "never steady"
        );
    }

    #[test]
    fn a_dip_is_no_rapid_change() {
        let course = |k| {
            if (300..305).contains(&k) {
                180_000_000
            } else {
                230_000_000
            }
        };
        assert_eq!(run(course, 600, None).len(), 1);
        assert!(run(course, 600, Some(300)).is_empty());
    }
}
