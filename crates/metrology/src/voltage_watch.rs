//! Dips, swells and interruptions of the supply (IEC 61000-4-30, 5.4 and 5.5), found in Urms(1/2) of all voltages together.
//!
//! ```text
//!            one voltage beyond the threshold                all voltages back by the hysteresis
//! Quiet ------------------------------------------> Present --------------------------------------> Quiet
//! ```
//! An interruption is the other way round: all voltages below its threshold begin it, any one that is back ends it. It lies
//! within a dip, and both are told.

use crate::channel::{N_CHANNELS, N_PHASES, Phase, SampleSet};
use crate::half_cycle::{HalfCycle, HalfCycles};
use crate::position::Position;
use crate::rounding::nearest_u64;
use crate::setup::{Setup, SetupError, within};
use crate::temperature::TemperatureCurve;

/// Thresholds as parts of the nominal voltage, see [`Setup::nominal_volts`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoltageThresholds {
    /// A dip is below this; 0.5 to 1.
    pub dip: f64,
    /// A swell is above this; 1 to 2.
    pub swell: f64,
    /// An interruption is below this, in all phases; 0.005 to 0.5.
    pub interruption: f64,
    /// By so much a voltage must be back for the event to end; 0 to 0.1.
    pub hysteresis: f64,
}

/// What a voltage event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VoltageEventKind {
    /// At least one voltage too low.
    Dip = 0,
    /// At least one voltage too high.
    Swell = 1,
    /// All voltages gone.
    Interruption = 2,
}

/// A dip, swell or interruption of all phases together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoltageEvent {
    /// What it is.
    pub kind: VoltageEventKind,
    /// The beginning of the Urms(1/2) that began it.
    pub from: Position,
    /// The end of the latest Urms(1/2) in it: of the one that ended it, once it has ended.
    pub to: Position,
    /// How long it lasted, in 1/65 536 sample: the distance of the stamps, less those parts of the first and of the last cycle that lie beside
    /// a rectangular event of the depth that was found. The stamps of a deep dip are up to two cycles further apart than it was long; this is
    /// within about half a cycle of it, at any depth.
    pub duration_raw: u64,
    /// The residual voltage of a dip or an interruption, the greatest voltage of a swell, in microvolts.
    pub extreme_microvolts: u64,
    /// The phase that had it.
    pub phase: Phase,
}

/// What was found in the voltages, in the order in which it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoltageFinding {
    /// The rms of the latest cycle of one phase.
    HalfCycle(HalfCycle),
    /// An event has begun; its extreme is not final.
    Began(VoltageEvent),
    /// An event is over.
    Ended(VoltageEvent),
}

/// Watches the voltages sample by sample, beside [`Core`](crate::Core) and independent of it. Takes about 1 kB.
///
/// The first 0.2 s of a voltage are not judged: the half cycles find its zero crossings.
#[derive(Clone, Debug)]
pub struct VoltageWatch {
    voltages: [Option<Watched>; N_PHASES],
    limits: [Limits; N_KINDS],
    present: [Option<Present>; N_KINDS],
    /// Number of the next sample.
    now: u64,
}

/// A voltage with the latest of its cycles.
#[derive(Clone, Debug)]
struct Watched {
    half_cycles: HalfCycles,
    latest_microvolts: Option<u64>,
}

/// An event that goes on.
#[derive(Clone, Copy, Debug)]
struct Present {
    event: VoltageEvent,
    /// The phase whose cycle began it.
    began_by: Phase,
    /// The extreme of each voltage in it.
    extremes_microvolts: [Option<u64>; N_PHASES],
}

/// Where an event begins and where it ends.
#[derive(Clone, Copy, Debug)]
struct Limits {
    kind: VoltageEventKind,
    nominal_microvolts: u64,
    begin_microvolts: u64,
    end_microvolts: u64,
}

const N_KINDS: usize = 3;

impl VoltageThresholds {
    /// 90, 110 and 5 % with 2 % of hysteresis.
    pub const USUAL: Self = Self {
        dip: 0.90,
        swell: 1.10,
        interruption: 0.05,
        hysteresis: 0.02,
    };

    /// Checks every threshold.
    ///
    /// # Errors
    /// [`SetupError::OutOfRange`] names the first that is out of its range.
    pub fn check(&self) -> Result<(), SetupError> {
        within("dip", None, self.dip, 0.5, 1.0)?;
        within("swell", None, self.swell, 1.0, 2.0)?;
        within("interruption", None, self.interruption, 0.005, 0.5)?;
        within("hysteresis", None, self.hysteresis, 0.0, 0.1)
    }
}

impl VoltageWatch {
    /// A watch on the voltages that the setup has.
    ///
    /// # Errors
    /// [`SetupError`] when setup or thresholds are absurd.
    #[inline(never)] // as the flicker
    pub fn new(setup: &Setup, thresholds: &VoltageThresholds) -> Result<Self, SetupError> {
        setup.check()?;
        thresholds.check()?;
        let micro = |part: f64| nearest_u64(part * setup.nominal_volts * 1e6);
        let limits = |kind, begin: f64, end: f64| Limits {
            kind,
            nominal_microvolts: micro(1.0),
            begin_microvolts: micro(begin),
            end_microvolts: micro(end),
        };
        let VoltageThresholds {
            dip,
            swell,
            interruption,
            hysteresis,
        } = *thresholds;
        Ok(Self {
            voltages: Phase::ALL.map(|phase| {
                setup.channels.contains(phase.voltage()).then(|| Watched {
                    half_cycles: HalfCycles::new(setup, phase),
                    latest_microvolts: None,
                })
            }),
            limits: [
                limits(VoltageEventKind::Dip, dip, dip + hysteresis),
                limits(VoltageEventKind::Swell, swell, swell - hysteresis),
                limits(VoltageEventKind::Interruption, interruption, interruption + hysteresis),
            ],
            present: [None; N_KINDS],
            now: 0,
        })
    }

    /// Measures on with the calibration of `setup`, from the half cycle that ends next on; nothing else of it is looked at. Corrections for
    /// temperature begin anew. An event that goes on keeps what it has seen.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn adjust(&mut self, setup: &Setup) -> Result<(), SetupError> {
        setup.check()?;
        for watched in self.voltages.iter_mut().flatten() {
            watched.half_cycles.adjust(setup);
        }
        Ok(())
    }

    /// Corrects for the sensors' temperature, from the half cycle that ends next on, see [`Core::compensate`](crate::Core::compensate).
    pub fn compensate(&mut self, celsius: f64, curves: &[TemperatureCurve; N_CHANNELS]) {
        for (phase, watched) in Phase::ALL.into_iter().zip(&mut self.voltages) {
            if let (Some(watched), Some(curve)) = (watched, curves.get(phase.voltage().index())) {
                watched.half_cycles.compensate(curve.at(celsius).gain);
            }
        }
    }

    /// Takes one sample set and tells what it completes. Blocks are faster.
    pub fn push(&mut self, set: &SampleSet, each: impl FnMut(&VoltageFinding)) {
        self.push_block(core::slice::from_ref(set), each);
    }

    /// Takes many sample sets and tells what they complete, in the order of time. How the samples are cut into blocks changes nothing.
    pub fn push_block(&mut self, block: &[SampleSet], mut each: impl FnMut(&VoltageFinding)) {
        let mut rest = block;
        while !rest.is_empty() {
            // All voltages go on to the sample in which the first half cycle ends.
            let to_end = self
                .voltages
                .iter()
                .flatten()
                .map(|watched| watched.half_cycles.samples_to_end());
            let (run, after) = rest.split_at(to_end.min().unwrap_or(usize::MAX).clamp(1, rest.len()));
            for phase in Phase::ALL {
                let Some(Some(watched)) = self.voltages.get_mut(phase.index()) else {
                    continue;
                };
                if let Some(cycle) = watched.half_cycles.take(run, self.now) {
                    watched.latest_microvolts = Some(cycle.voltage_microvolts);
                    each(&VoltageFinding::HalfCycle(cycle));
                    self.judge(&cycle, &mut each);
                }
            }
            self.now = self.now.saturating_add(u64::try_from(run.len()).unwrap_or(u64::MAX));
            rest = after;
        }
    }

    /// Urms(1/2) of `phase` in microvolts; none before its first cycle.
    #[must_use]
    pub fn voltage_microvolts(&self, phase: Phase) -> Option<u64> {
        self.voltages.get(phase.index())?.as_ref()?.latest_microvolts
    }

    /// The event of this kind that is going on: while there is one, other quantities of the supply are flagged (5.15).
    #[must_use]
    pub fn present(&self, kind: VoltageEventKind) -> Option<&VoltageEvent> {
        self.present.get(kind as usize)?.as_ref().map(|present| &present.event)
    }

    /// Holds a cycle against the thresholds.
    fn judge(&mut self, cycle: &HalfCycle, each: &mut impl FnMut(&VoltageFinding)) {
        let latest = self.voltages.each_ref().map(|watched| {
            let watched = watched.as_ref()?;
            Some(watched.latest_microvolts)
        });
        // A voltage that has no cycle yet neither begins nor ends anything.
        let all = |test: &dyn Fn(u64) -> bool| latest.iter().flatten().all(|voltage| voltage.is_some_and(test));
        for (limits, slot) in self.limits.iter().zip(&mut self.present) {
            let voltage = cycle.voltage_microvolts;
            let begins = match limits.kind {
                VoltageEventKind::Interruption => all(&|voltage| voltage < limits.begin_microvolts),
                _ => limits.is_beyond(voltage),
            };
            let ends = match limits.kind {
                VoltageEventKind::Interruption => limits.end_microvolts <= voltage,
                _ => all(&|voltage| limits.is_back(voltage)),
            };
            match slot {
                None if begins => {
                    let event = VoltageEvent {
                        kind: limits.kind,
                        from: cycle.from,
                        to: cycle.to,
                        duration_raw: 0,
                        extreme_microvolts: voltage,
                        phase: cycle.phase,
                    };
                    let mut present = Present {
                        event,
                        began_by: cycle.phase,
                        extremes_microvolts: [None; N_PHASES],
                    };
                    present.note(limits, cycle);
                    *slot = Some(present);
                    each(&VoltageFinding::Began(event));
                }
                None => {}
                Some(present) => {
                    present.note(limits, cycle);
                    let inside = present.share_inside(limits, present.began_by, limits.begin_microvolts)
                        + present.share_inside(limits, cycle.phase, limits.end_microvolts);
                    let event = &mut present.event;
                    event.to = cycle.to;
                    // Cycles of different phases have the same length, nearly.
                    let beside = nearest_u64((cycle.to - cycle.from) as f64 * (2.0 - inside));
                    event.duration_raw = (cycle.to - event.from).saturating_sub(beside);
                    if limits.is_more_extreme(voltage, event.extreme_microvolts) {
                        event.extreme_microvolts = voltage;
                        event.phase = cycle.phase;
                    }
                    if ends {
                        let event = *event;
                        each(&VoltageFinding::Ended(event));
                        *slot = None;
                    }
                }
            }
        }
    }
}

impl Present {
    /// Takes a cycle of any phase.
    fn note(&mut self, limits: &Limits, cycle: &HalfCycle) {
        if let Some(slot) = self.extremes_microvolts.get_mut(cycle.phase.index()) {
            let voltage = cycle.voltage_microvolts;
            if slot.is_none_or(|extreme| limits.is_more_extreme(voltage, extreme)) {
                *slot = Some(voltage);
            }
        }
    }

    /// The part of a cycle of `phase` that lies in the event when its rms is just at the threshold: squares add up over the cycle.
    fn share_inside(&self, limits: &Limits, phase: Phase, threshold_microvolts: u64) -> f64 {
        let square = |microvolts: u64| microvolts as f64 * microvolts as f64;
        let extreme = self.extremes_microvolts.get(phase.index()).copied().flatten();
        let extreme = extreme.unwrap_or(self.event.extreme_microvolts);
        let nominal = square(limits.nominal_microvolts);
        let share = (nominal - square(threshold_microvolts)) / (nominal - square(extreme));
        // An extreme that is not beyond the threshold, as of a phase that took no part in it, says nothing.
        if (0.0..=1.0).contains(&share) { share } else { 1.0 }
    }
}

impl Limits {
    fn is_beyond(&self, microvolts: u64) -> bool {
        match self.kind {
            VoltageEventKind::Swell => self.begin_microvolts < microvolts,
            VoltageEventKind::Dip | VoltageEventKind::Interruption => microvolts < self.begin_microvolts,
        }
    }

    fn is_back(&self, microvolts: u64) -> bool {
        match self.kind {
            VoltageEventKind::Swell => microvolts <= self.end_microvolts,
            VoltageEventKind::Dip | VoltageEventKind::Interruption => self.end_microvolts <= microvolts,
        }
    }

    fn is_more_extreme(&self, microvolts: u64, than: u64) -> bool {
        match self.kind {
            VoltageEventKind::Swell => than < microvolts,
            VoltageEventKind::Dip | VoltageEventKind::Interruption => microvolts < than,
        }
    }
}
