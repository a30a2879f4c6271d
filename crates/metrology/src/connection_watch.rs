//! What is wrong between the supply, the meter and the load, window by window: the detecting half of fraud detection (F1).
//!
//! Each condition has a threshold at which it begins and another at which it ends (metrology.md section 6 proposes both). What begins
//! and ends is told with its place on the time line, and counted; how long it must last to be an event of a log is decided above.

use libm::{cos, fabs, sqrt};

use crate::channel::{N_PHASES, Phase};
use crate::measurement::{Measurement, PhaseReading, Sequence};
use crate::position::Position;
use crate::unbalance::Unbalance;

/// A condition that somebody should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The star point has moved while the voltages between the phases are in order: the neutral conductor is open.
    NeutralInterrupted,
    /// Two phases are swapped.
    PhaseSequence,
    /// Phase and neutral current of a single-phase meter differ: current flows beside the meter.
    CurrentDifference,
    /// Direct voltage, or a voltage that is hardly a sine.
    NeutralDisturbance,
    /// Active power is exported, in total.
    Reversal,
    /// Active power of a phase is exported.
    PhaseReversal(Phase),
    /// A phase has no voltage while another one has.
    VoltageMissing(Phase),
    /// A phase carries current and has no voltage: its voltage is not connected.
    CurrentWithoutVoltage(Phase),
    /// A phase carries no current while another one does: its transformer may be shorted. A household may look like that too.
    CurrentMissing(Phase),
}

/// A set of conditions, a bit for each in the order of [`Condition::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConditionSet(u32);

/// Where a condition begins and where it ends, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hysteresis {
    /// It begins beyond this.
    pub begins: u16,
    /// It ends on the other side of this.
    pub ends: u16,
}

/// The thresholds of all conditions, in thousandths of what each says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionThresholds {
    /// Zero against positive sequence of the voltages, above which the neutral is open.
    pub zero_sequence: Hysteresis,
    /// Deviation of the voltages between phases from nominal, within which they are in order.
    pub line_voltage: u16,
    /// Difference of phase and neutral current against the larger.
    pub current_difference: Hysteresis,
    /// Least larger current, of the reference current, for which the difference is looked at.
    pub difference_from: u16,
    /// Direct voltage against the nominal voltage.
    pub direct_voltage: Hysteresis,
    /// Total harmonic distortion of a voltage.
    pub distortion: Hysteresis,
    /// Exported power against nominal voltage times reference current.
    pub reversal: Hysteresis,
    /// Voltage against the nominal voltage, below which it is missing.
    pub voltage_missing: Hysteresis,
    /// Voltage of another phase that is enough to miss one.
    pub voltage_present: u16,
    /// Current against the reference current that a missing voltage must not have.
    pub current_without_voltage: Hysteresis,
    /// Current against the reference current, below which it is missing.
    pub current_missing: Hysteresis,
    /// Current of another phase that is enough to miss one.
    pub current_present: u16,
}

/// Watches the measurements of one meter.
#[derive(Clone, Debug)]
pub struct ConnectionWatch {
    thresholds: ConnectionThresholds,
    nominal_volts: f64,
    reference_amperes: f64,
    phases: usize,
    active: ConditionSet,
    aggregates: [ConditionAggregate; N_CONDITIONS],
}

/// How often and how long a condition was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConditionAggregate {
    /// How often it began.
    pub count: u32,
    /// How long it lasted in all, in nanoseconds.
    pub nanos: u64,
    /// Where it began last.
    pub since: Position,
}

/// What a window has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionFindings {
    /// Conditions that began with the window.
    pub began: ConditionSet,
    /// Conditions that ended before the window.
    pub ended: ConditionSet,
    /// Where the window begins.
    pub at: Position,
}

/// Conditions that are watched.
pub const N_CONDITIONS: usize = 17;

impl Condition {
    /// All of them; the place is the number in sets and objects.
    pub const ALL: [Self; N_CONDITIONS] = [
        Self::NeutralInterrupted,
        Self::PhaseSequence,
        Self::CurrentDifference,
        Self::NeutralDisturbance,
        Self::Reversal,
        Self::PhaseReversal(Phase::L1),
        Self::PhaseReversal(Phase::L2),
        Self::PhaseReversal(Phase::L3),
        Self::VoltageMissing(Phase::L1),
        Self::VoltageMissing(Phase::L2),
        Self::VoltageMissing(Phase::L3),
        Self::CurrentWithoutVoltage(Phase::L1),
        Self::CurrentWithoutVoltage(Phase::L2),
        Self::CurrentWithoutVoltage(Phase::L3),
        Self::CurrentMissing(Phase::L1),
        Self::CurrentMissing(Phase::L2),
        Self::CurrentMissing(Phase::L3),
    ];

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::NeutralInterrupted => 0,
            Self::PhaseSequence => 1,
            Self::CurrentDifference => 2,
            Self::NeutralDisturbance => 3,
            Self::Reversal => 4,
            Self::PhaseReversal(phase) => 5 + phase.index(),
            Self::VoltageMissing(phase) => 8 + phase.index(),
            Self::CurrentWithoutVoltage(phase) => 11 + phase.index(),
            Self::CurrentMissing(phase) => 14 + phase.index(),
        }
    }

    /// Its name for people and programs, such as `voltage_missing_l2`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; N_CONDITIONS] = [
            "neutral_interrupted",
            "phase_sequence",
            "current_difference",
            "neutral_disturbance",
            "reversal",
            "reversal_l1",
            "reversal_l2",
            "reversal_l3",
            "voltage_missing_l1",
            "voltage_missing_l2",
            "voltage_missing_l3",
            "current_without_voltage_l1",
            "current_without_voltage_l2",
            "current_without_voltage_l3",
            "current_missing_l1",
            "current_missing_l2",
            "current_missing_l3",
        ];
        NAMES[self.index()]
    }
}

impl ConditionSet {
    /// No condition.
    pub const NONE: Self = Self(0);

    /// Whether `condition` is in the set.
    #[must_use]
    pub const fn contains(self, condition: Condition) -> bool {
        self.0 & 1 << condition.index() != 0
    }

    /// Whether no condition is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// A bit for each condition.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The conditions in order.
    pub fn iter(self) -> impl Iterator<Item = Condition> {
        Condition::ALL.into_iter().filter(move |one| self.contains(*one))
    }

    const fn set(&mut self, condition: Condition, is: bool) {
        let bit = 1 << condition.index();
        self.0 = if is { self.0 | bit } else { self.0 & !bit };
    }
}

impl ConnectionThresholds {
    /// The proposals of metrology.md section 6.
    pub const STANDARD: Self = Self {
        zero_sequence: Hysteresis { begins: 100, ends: 50 },
        line_voltage: 100,
        current_difference: Hysteresis { begins: 62, ends: 40 },
        difference_from: 50,
        direct_voltage: Hysteresis { begins: 100, ends: 80 },
        distortion: Hysteresis { begins: 500, ends: 400 },
        reversal: Hysteresis { begins: 10, ends: 5 },
        voltage_missing: Hysteresis { begins: 500, ends: 600 },
        voltage_present: 800,
        current_without_voltage: Hysteresis { begins: 50, ends: 40 },
        current_missing: Hysteresis { begins: 10, ends: 20 },
        current_present: 200,
    };

    /// Whether each condition ends where it does not begin again at once, and none is always there.
    #[must_use]
    pub fn is_sane(&self) -> bool {
        let above = [
            self.zero_sequence,
            self.current_difference,
            self.direct_voltage,
            self.distortion,
            self.reversal,
            self.current_without_voltage,
        ];
        let below = [self.voltage_missing, self.current_missing];
        above.iter().all(|it| 0 < it.ends && it.ends <= it.begins)
            && below.iter().all(|it| 0 < it.begins && it.begins <= it.ends)
            && self.voltage_missing.ends <= self.voltage_present
            && self.current_missing.ends <= self.current_present
    }
}

impl ConnectionWatch {
    /// Nothing seen yet. `phases` is 1 or 3.
    #[must_use]
    pub const fn new(
        thresholds: ConnectionThresholds,
        nominal_volts: f64,
        reference_amperes: f64,
        phases: usize,
    ) -> Self {
        Self {
            thresholds,
            nominal_volts,
            reference_amperes,
            phases,
            active: ConditionSet::NONE,
            aggregates: [ConditionAggregate {
                count: 0,
                nanos: 0,
                since: Position::START,
            }; N_CONDITIONS],
        }
    }

    /// Takes a window.
    pub fn observe(&mut self, window: &Measurement) -> ConnectionFindings {
        let mut now = self.active;
        for condition in Condition::ALL {
            let was = self.active.contains(condition);
            now.set(condition, self.holds(condition, was, window).unwrap_or(was));
        }
        let findings = ConnectionFindings {
            began: ConditionSet(now.0 & !self.active.0),
            ended: ConditionSet(self.active.0 & !now.0),
            at: window.from,
        };
        for (condition, aggregate) in Condition::ALL.into_iter().zip(&mut self.aggregates) {
            if findings.began.contains(condition) {
                aggregate.count = aggregate.count.saturating_add(1);
                aggregate.since = window.from;
            }
            if now.contains(condition) {
                aggregate.nanos = aggregate.nanos.saturating_add(window.duration_nanos);
            }
        }
        self.active = now;
        findings
    }

    /// The conditions of the last window.
    #[must_use]
    pub const fn active(&self) -> ConditionSet {
        self.active
    }

    /// How often and how long a condition was there.
    #[must_use]
    pub fn aggregate(&self, condition: Condition) -> ConditionAggregate {
        self.aggregates.get(condition.index()).copied().unwrap_or_default()
    }

    /// Takes back how often and how long a condition was there before the power went.
    pub fn restore(&mut self, condition: Condition, count: u32, nanos: u64) {
        if let Some(aggregate) = self.aggregates.get_mut(condition.index()) {
            (aggregate.count, aggregate.nanos) = (count, nanos);
        }
    }

    /// The thresholds.
    #[must_use]
    pub const fn thresholds(&self) -> &ConnectionThresholds {
        &self.thresholds
    }

    /// Changes the thresholds from the next window on.
    pub const fn set_thresholds(&mut self, thresholds: ConnectionThresholds) {
        self.thresholds = thresholds;
    }

    /// Whether a condition holds, given that it did before; none when the window cannot tell.
    fn holds(&self, condition: Condition, was: bool, window: &Measurement) -> Option<bool> {
        let limits = &self.thresholds;
        let volts = |phase: &PhaseReading| phase.voltage_microvolts as f64 * 1e-6 / self.nominal_volts;
        let amperes = |phase: &PhaseReading| phase.current_microamperes as f64 * 1e-6 / self.reference_amperes;
        let phases = window.phases.get(..self.phases).unwrap_or(&window.phases);
        let others = |phase: Phase, enough: &dyn Fn(&PhaseReading) -> bool| {
            let others = phases.iter().enumerate().filter(|(place, _)| *place != phase.index());
            others.map(|(_, other)| other).any(enough)
        };
        let exists = |phase: Phase| phase.index() < self.phases;
        let power = self.nominal_volts * self.reference_amperes;
        Some(match condition {
            Condition::NeutralInterrupted => {
                if self.phases < N_PHASES {
                    return Some(false);
                }
                // A phase that is gone has no angle: another condition tells of it.
                let zero = f64::from(Unbalance::of(window)?.zero_millionths) * 1e-3;
                let in_order = self.line_voltages_in_order(window)?;
                above(zero, limits.zero_sequence, was) && (was || in_order)
            }
            Condition::PhaseSequence => window.sequence.map(|sequence| sequence == Sequence::Reversed)?,
            Condition::CurrentDifference => {
                if 1 < self.phases {
                    return Some(false);
                }
                let neutral = window.neutral_current_microamperes as f64 * 1e-6 / self.reference_amperes;
                let phase = amperes(window.phase(Phase::L1));
                let larger = phase.max(neutral);
                let enough = f64::from(limits.difference_from) * 1e-3 <= larger;
                enough && above(1e3 * fabs(phase - neutral) / larger, limits.current_difference, was)
            }
            Condition::NeutralDisturbance => phases.iter().filter(|phase| phase.present).any(|phase| {
                let direct = fabs(phase.voltage_direct_microvolts as f64) * 1e-3 / self.nominal_volts;
                above(direct, limits.direct_voltage, was) || above(1e3 * distortion(phase), limits.distortion, was)
            }),
            Condition::Reversal => above(
                -1e-3 * window.total.active_microwatts as f64 / power,
                limits.reversal,
                was,
            ),
            Condition::PhaseReversal(phase) => {
                let watts = window.phase(phase).active_microwatts as f64;
                exists(phase) && above(-1e-3 * watts / power, limits.reversal, was)
            }
            Condition::VoltageMissing(phase) => {
                let present = |other: &PhaseReading| f64::from(limits.voltage_present) * 1e-3 <= volts(other);
                exists(phase)
                    && below(1e3 * volts(window.phase(phase)), limits.voltage_missing, was)
                    && others(phase, &present)
            }
            Condition::CurrentWithoutVoltage(phase) => {
                let reading = window.phase(phase);
                exists(phase)
                    && below(1e3 * volts(reading), limits.voltage_missing, was)
                    && above(1e3 * amperes(reading), limits.current_without_voltage, was)
            }
            Condition::CurrentMissing(phase) => {
                let present = |other: &PhaseReading| f64::from(limits.current_present) * 1e-3 <= amperes(other);
                exists(phase)
                    && below(1e3 * amperes(window.phase(phase)), limits.current_missing, was)
                    && others(phase, &present)
            }
        })
    }

    /// Whether all voltages between two phases are near nominal; none without the angles.
    fn line_voltages_in_order(&self, window: &Measurement) -> Option<bool> {
        let mut phasors = [(0.0, 0.0); N_PHASES];
        for (phasor, phase) in phasors.iter_mut().zip(&window.phases) {
            let degrees = f64::from(phase.voltage_angle_millidegrees?) * 1e-3;
            *phasor = (
                phase.voltage_fundamental_microvolts as f64 * 1e-6,
                degrees * (core::f64::consts::PI / 180.0),
            );
        }
        let [a, b, c] = phasors;
        let nominal = self.nominal_volts * sqrt(3.0);
        let tolerance = f64::from(self.thresholds.line_voltage) * 1e-3;
        Some([(a, b), (b, c), (c, a)].into_iter().all(|(one, other)| {
            let square = one.0 * one.0 + other.0 * other.0 - 2.0 * one.0 * other.0 * cos(one.1 - other.1);
            fabs(sqrt(square.max(0.0)) / nominal - 1.0) <= tolerance
        }))
    }
}

/// Total harmonic distortion of a voltage against its fundamental, from the rms values.
fn distortion(phase: &PhaseReading) -> f64 {
    let (rms, fundamental) = (
        phase.voltage_microvolts as f64,
        phase.voltage_fundamental_microvolts as f64,
    );
    if fundamental <= 0.0 {
        return 1.0;
    }
    sqrt((rms * rms - fundamental * fundamental).max(0.0)) / fundamental
}

fn above(thousandths: f64, limits: Hysteresis, was: bool) -> bool {
    f64::from(if was { limits.ends } else { limits.begins }) < thousandths
}

fn below(thousandths: f64, limits: Hysteresis, was: bool) -> bool {
    thousandths < f64::from(if was { limits.ends } else { limits.begins })
}
