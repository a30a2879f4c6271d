//! What the metrology hands to the application every 10 or 12 cycles: one finished window, in integers.
//!
//! The fields are public: a fleet of virtual meters makes measurements without samples, and both kinds are booked by the same
//! [`Registers::book`](crate::Registers::book). Energies, not powers, are what is booked; a window's length is never assumed.

use crate::channel::{ChannelSet, N_PHASES, Phase};
use crate::position::Position;
use crate::resynchronisation::Part;
use crate::signal::SignalFaults;

/// One window of 10 (50 Hz) or 12 (60 Hz) cycles of the supply. Windows are contiguous: `to` of one is `from` of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Where the window begins on the sample axis.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
    /// Its length in nanoseconds; lengths of neighbours add up without drift.
    pub duration_nanos: u64,
    /// Frequency of the supply in microhertz; the last one known when no voltage is present.
    pub frequency_microhertz: u64,
    /// Whether the window held whole cycles of a tracked voltage; false while free-running or after a jump of frequency.
    pub synchronised: bool,
    /// Which piece of 10 or 12 cycles it is: shorter windows lie around a 10-minute tick.
    pub part: Part,
    /// Readings by phase; all zero for phases that the meter does not have.
    pub phases: [PhaseReading; N_PHASES],
    /// True rms of the current in the neutral conductor, in microamperes.
    pub neutral_current_microamperes: u64,
    /// The sum over the phases.
    pub total: TotalReading,
    /// The order of the phase voltages; unknown unless all three are present.
    pub sequence: Option<Sequence>,
    /// Channels with codes at or beyond the rails within the window.
    pub clipped: ChannelSet,
    /// What else was wrong with the samples of the window.
    pub faults: SignalFaults,
    /// Whether the load of all phases together was below the no-load threshold, so that nothing was counted.
    pub no_load: bool,
    /// What happened at a known moment since the last window.
    pub events: Events,
}

/// What one phase did during a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseReading {
    /// Whether the voltage is there at all (above 20 % of the nominal voltage unless set otherwise).
    pub present: bool,
    /// True rms voltage to neutral in microvolts.
    pub voltage_microvolts: u64,
    /// True rms current in microamperes.
    pub current_microamperes: u64,
    /// The direct part of the voltage in microvolts: what its mean is beyond the calibrated offset.
    pub voltage_direct_microvolts: i64,
    /// Rms of the voltage's fundamental in microvolts.
    pub voltage_fundamental_microvolts: u64,
    /// Rms of the current's fundamental in microamperes.
    pub current_fundamental_microamperes: u64,
    /// Active power in microwatts, positive for import; 0 below the no-load threshold of the phase.
    pub active_microwatts: i64,
    /// Reactive power of the fundamental in microvars (IEC 62053-24), positive for an inductive import (quadrants I and II).
    pub reactive_microvars: i64,
    /// Apparent power, rms voltage times rms current, in microvoltamperes.
    pub apparent_microvoltamperes: u64,
    /// Active over apparent power in millionths, with the sign of the active power; 0 without load.
    pub power_factor_millionths: i32,
    /// The angle by which this voltage lags the one of L1, in millidegrees, 0..360 000: 120 000 for L2 in normal sequence.
    /// None unless both are present.
    pub voltage_angle_millidegrees: Option<u32>,
    /// The angle by which the current lags its own voltage (fundamentals), in millidegrees, -180 000..=180 000.
    /// None without voltage or current.
    pub current_angle_millidegrees: Option<i32>,
    /// The energies of the window.
    pub energy: Flow,
}

/// What all phases together did during a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotalReading {
    /// Sum of the active powers in microwatts; 0 without load.
    pub active_microwatts: i64,
    /// Sum of the reactive powers in microvars.
    pub reactive_microvars: i64,
    /// Apparent power in microvoltamperes, added up as [`Apparent`] says.
    pub apparent_microvoltamperes: u64,
    /// Active over apparent power in millionths, with the sign of the active power; 0 without load.
    pub power_factor_millionths: i32,
    /// The energies of the window: sums over the phases, apparent as [`Apparent`] says.
    pub energy: Flow,
}

/// Energies of one window with their direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Active energy in microjoules, positive for import.
    pub active_microjoules: i64,
    /// Reactive energy in microvarseconds, positive for quadrants I and II.
    pub reactive_microvarseconds: i64,
    /// Apparent energy in microvoltampereseconds; its direction is that of the active energy.
    pub apparent_microvoltampereseconds: u64,
}

/// What is booked to the totals of one window: one flow, or one for each phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flows {
    flows: [Flow; N_PHASES],
    count: usize,
}

/// How the direction of the totals is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The phases are added up first, the sign of the sum decides: one phase may supply another. The usual way.
    SumOfPhases,
    /// Every phase is booked by its own sign: import and export may both move in one window.
    PerPhase,
}

/// How apparent power is added up over the phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apparent {
    /// The sum of the phases' apparent powers.
    Arithmetic,
    /// The root of the squares of total active and total (fundamental) reactive power.
    Vector,
}

/// Quadrant of active and reactive power after IEC 62053-24 annex and IEC 62056-6-1: I import inductive, counted anticlockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quadrant {
    /// Import, inductive.
    I = 0,
    /// Export, reactive import.
    II = 1,
    /// Export, reactive export.
    III = 2,
    /// Import, capacitive.
    IV = 3,
}

/// The order in which the phase voltages reach their peaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// L1, L2, L3.
    Normal,
    /// L1, L3, L2: two phases are swapped.
    Reversed,
}

/// Something that happened at a moment, found by the metrology; debouncing against the utility's thresholds is done above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When, on the sample axis.
    pub at: Position,
}

/// What an [`Event`] may be. More kinds come with supply quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The one-cycle rms voltage of the phase fell below the threshold of loss.
    VoltageLost(Phase),
    /// The one-cycle rms voltage of the phase rose above the threshold of return.
    VoltageReturned(Phase),
}

/// Most events that one measurement can carry.
pub const MAX_EVENTS: usize = 8;

/// The events of one window in the order in which they happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    slots: [Option<Event>; MAX_EVENTS],
    count: usize,
    lost: u32,
}

impl Measurement {
    /// A measurement made of phase readings alone, for sources that have no samples: totals are the sums over the phases.
    ///
    /// Neutral current, sequence, clipping and events are left empty, `no_load` is false; set the fields as needed.
    #[must_use]
    pub fn of_phases(
        from: Position,
        to: Position,
        duration_nanos: u64,
        frequency_microhertz: u64,
        phases: [PhaseReading; N_PHASES],
        apparent: Apparent,
    ) -> Self {
        Self {
            from,
            to,
            duration_nanos,
            frequency_microhertz,
            synchronised: true,
            part: Part::Whole,
            phases,
            neutral_current_microamperes: 0,
            total: TotalReading::of_phases(&phases, duration_nanos, apparent),
            sequence: None,
            clipped: ChannelSet::NONE,
            faults: SignalFaults::default(),
            no_load: false,
            events: Events::default(),
        }
    }

    /// The reading of `phase`.
    #[must_use]
    pub const fn phase(&self, phase: Phase) -> &PhaseReading {
        let [l1, l2, l3] = &self.phases;
        match phase {
            Phase::L1 => l1,
            Phase::L2 => l2,
            Phase::L3 => l3,
        }
    }

    /// What this window adds to the totals when the direction is found as `direction` says.
    #[must_use]
    pub const fn flows(&self, direction: Direction) -> Flows {
        match direction {
            Direction::SumOfPhases => Flows {
                flows: [self.total.energy; N_PHASES],
                count: 1,
            },
            Direction::PerPhase => {
                let [l1, l2, l3] = &self.phases;
                Flows {
                    flows: [l1.energy, l2.energy, l3.energy],
                    count: N_PHASES,
                }
            }
        }
    }

    /// The quadrant of the totals.
    #[must_use]
    pub const fn quadrant(&self) -> Quadrant {
        Quadrant::of(self.total.active_microwatts, self.total.reactive_microvars)
    }
}

impl PhaseReading {
    /// A reading of constant voltage, current and powers over `duration_nanos`: energies are power times duration, rounded to
    /// the nearest micro unit; fundamentals are taken equal to the rms values, the current's angle is left out.
    #[must_use]
    pub fn steady(
        voltage_microvolts: u64,
        current_microamperes: u64,
        active_microwatts: i64,
        reactive_microvars: i64,
        duration_nanos: u64,
    ) -> Self {
        let apparent = u128::from(voltage_microvolts) * u128::from(current_microamperes) / 1_000_000; // towards zero
        let apparent = u64::try_from(apparent)
            .unwrap_or(u64::MAX)
            .max(active_microwatts.unsigned_abs());
        Self {
            present: voltage_microvolts != 0,
            voltage_microvolts,
            current_microamperes,
            voltage_direct_microvolts: 0,
            voltage_fundamental_microvolts: voltage_microvolts,
            current_fundamental_microamperes: current_microamperes,
            active_microwatts,
            reactive_microvars,
            apparent_microvoltamperes: apparent,
            power_factor_millionths: power_factor(active_microwatts, apparent),
            voltage_angle_millidegrees: None,
            current_angle_millidegrees: None,
            energy: Flow {
                active_microjoules: energy(active_microwatts, duration_nanos),
                reactive_microvarseconds: energy(reactive_microvars, duration_nanos),
                apparent_microvoltampereseconds: apparent_energy(apparent, duration_nanos),
            },
        }
    }

    /// The quadrant of the phase.
    #[must_use]
    pub const fn quadrant(&self) -> Quadrant {
        Quadrant::of(self.active_microwatts, self.reactive_microvars)
    }
}

impl TotalReading {
    /// The sums over the phases. A vector apparent power is made of the summed powers.
    #[must_use]
    pub fn of_phases(phases: &[PhaseReading; N_PHASES], duration_nanos: u64, apparent: Apparent) -> Self {
        let mut total = Self::default();
        for phase in phases {
            total.active_microwatts = total.active_microwatts.saturating_add(phase.active_microwatts);
            total.reactive_microvars = total.reactive_microvars.saturating_add(phase.reactive_microvars);
            total.apparent_microvoltamperes = total
                .apparent_microvoltamperes
                .saturating_add(phase.apparent_microvoltamperes);
            total.energy.add(&phase.energy);
        }
        if apparent == Apparent::Vector {
            let power = hypotenuse(total.active_microwatts, total.reactive_microvars);
            total.apparent_microvoltamperes = power;
            total.energy.apparent_microvoltampereseconds = apparent_energy(power, duration_nanos);
        }
        total.power_factor_millionths = power_factor(total.active_microwatts, total.apparent_microvoltamperes);
        total
    }
}

impl Flow {
    /// The quadrant of this flow.
    #[must_use]
    pub const fn quadrant(&self) -> Quadrant {
        Quadrant::of(self.active_microjoules, self.reactive_microvarseconds)
    }

    /// Adds `other`, held at the ends of the number line.
    pub const fn add(&mut self, other: &Self) {
        self.active_microjoules = self.active_microjoules.saturating_add(other.active_microjoules);
        self.reactive_microvarseconds = self
            .reactive_microvarseconds
            .saturating_add(other.reactive_microvarseconds);
        self.apparent_microvoltampereseconds = self
            .apparent_microvoltampereseconds
            .saturating_add(other.apparent_microvoltampereseconds);
    }
}

impl Flows {
    /// The flows in the order of the phases.
    pub fn iter(&self) -> impl Iterator<Item = &Flow> {
        self.flows.iter().take(self.count)
    }
}

impl Quadrant {
    /// All quadrants in order.
    pub const ALL: [Self; 4] = [Self::I, Self::II, Self::III, Self::IV];

    /// The quadrant of an active and a reactive quantity; zero counts as positive.
    #[must_use]
    pub const fn of(active: i64, reactive: i64) -> Self {
        match (active < 0, reactive < 0) {
            (false, false) => Self::I,
            (true, false) => Self::II,
            (true, true) => Self::III,
            (false, true) => Self::IV,
        }
    }

    /// 0..=3.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl Events {
    /// Adds an event; when the list is full it is counted as lost.
    pub fn push(&mut self, event: Event) {
        match self.slots.get_mut(self.count) {
            Some(slot) => {
                *slot = Some(event);
                self.count += 1;
            }
            None => self.lost = self.lost.saturating_add(1),
        }
    }

    /// The events in order.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.slots.iter().flatten()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many found no place in the list.
    #[must_use]
    pub const fn lost(&self) -> u32 {
        self.lost
    }
}

/// Power times time, rounded to the nearest micro unit, halves away from zero.
fn energy(power_micro: i64, duration_nanos: u64) -> i64 {
    let magnitude = i64::try_from(apparent_energy(power_micro.unsigned_abs(), duration_nanos)).unwrap_or(i64::MAX);
    if power_micro < 0 { -magnitude } else { magnitude }
}

/// Power times time, rounded to the nearest micro unit.
fn apparent_energy(power_micro: u64, duration_nanos: u64) -> u64 {
    let product = u128::from(power_micro) * u128::from(duration_nanos) + 500_000_000;
    u64::try_from(product / 1_000_000_000).unwrap_or(u64::MAX)
}

/// Active over apparent power in millionths, rounded to the nearest, with the sign of the active power; 0 of 0 is 0.
pub(crate) fn power_factor(active: i64, apparent: u64) -> i32 {
    if apparent == 0 {
        return 0;
    }
    let ratio = (u128::from(active.unsigned_abs()) * 1_000_000 + u128::from(apparent / 2)) / u128::from(apparent);
    let ratio = i32::try_from(ratio.min(1_000_000)).unwrap_or(1_000_000);
    if active < 0 { -ratio } else { ratio }
}

/// The root of the sum of the squares, rounded towards zero.
fn hypotenuse(a: i64, b: i64) -> u64 {
    let square = |side: i64| u128::from(side.unsigned_abs()) * u128::from(side.unsigned_abs());
    u64::try_from((square(a) + square(b)).isqrt()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW_NANOS: u64 = 200_000_000;

    #[test]
    fn quadrants_follow_the_signs_of_active_and_reactive_power() {
        assert_eq!(Quadrant::of(1, 1), Quadrant::I);
        assert_eq!(Quadrant::of(-1, 1), Quadrant::II);
        assert_eq!(Quadrant::of(-1, -1), Quadrant::III);
        assert_eq!(Quadrant::of(1, -1), Quadrant::IV);
        assert_eq!(Quadrant::of(0, 0), Quadrant::I);
    }

    #[test]
    fn a_steady_reading_carries_power_times_time() {
        let reading = PhaseReading::steady(230_000_000, 5_000_000, -575_000_000, 995_929_214, WINDOW_NANOS);
        assert_eq!(reading.apparent_microvoltamperes, 1_150_000_000);
        assert_eq!(reading.power_factor_millionths, -500_000);
        assert_eq!(reading.energy.active_microjoules, -115_000_000);
        assert_eq!(reading.energy.reactive_microvarseconds, 199_185_843);
        assert_eq!(reading.energy.apparent_microvoltampereseconds, 230_000_000);
        assert_eq!(reading.quadrant(), Quadrant::II);
    }

    #[test]
    fn totals_add_up_arithmetically_or_as_vectors() {
        let phase = PhaseReading::steady(230_000_000, 1_000_000, 138_000_000, 0, WINDOW_NANOS);
        let phases = [phase; N_PHASES];
        let arithmetic = TotalReading::of_phases(&phases, WINDOW_NANOS, Apparent::Arithmetic);
        assert_eq!(arithmetic.apparent_microvoltamperes, 690_000_000);
        assert_eq!(arithmetic.power_factor_millionths, 600_000);
        let vector = TotalReading::of_phases(&phases, WINDOW_NANOS, Apparent::Vector);
        assert_eq!(vector.apparent_microvoltamperes, 414_000_000);
        assert_eq!(vector.energy.apparent_microvoltampereseconds, 82_800_000);
        assert_eq!(vector.energy.active_microjoules, 82_800_000);
    }

    #[test]
    fn extremes_are_held_and_never_panic() {
        let phase = PhaseReading::steady(u64::MAX, u64::MAX, i64::MIN, i64::MIN, u64::MAX);
        for apparent in [Apparent::Arithmetic, Apparent::Vector] {
            let span = (Position::START, Position::from_raw(u64::MAX));
            let all = Measurement::of_phases(span.0, span.1, u64::MAX, u64::MAX, [phase; N_PHASES], apparent);
            assert_eq!(all.total.energy.active_microjoules, i64::MIN);
            assert_eq!(all.quadrant(), Quadrant::III);
        }
    }

    #[test]
    fn a_full_event_list_counts_what_it_lost() {
        let mut events = Events::default();
        assert!(events.is_empty());
        for at in 0..10 {
            events.push(Event {
                kind: EventKind::VoltageLost(Phase::L2),
                at: Position::of_sample(at),
            });
        }
        assert_eq!((events.iter().count(), events.lost()), (MAX_EVENTS, 2));
        assert_eq!(events.iter().next().map(|event| event.at), Some(Position::START));
    }
}
