//! The sample path: samples to measurements, without harmonics. Cuts the samples into contiguous windows of 10 or 12 tracked cycles.
//!
//! ```text
//! Searching --two periods of a voltage, or none for 0.3 s--> Waiting --first sample of the edge--> Edge <--> Inside
//! ```
//! At each edge the window before it (if any) is finished and the one after it begins, with the length that the tracker expects.

use crate::channel::{Channel, ChannelSet, N_CHANNELS, N_PHASES, Phase, SampleSet};
use crate::crossing::{CHUNKS_PER_CYCLE, Crossings};
use crate::edge::{self, EDGE_SAMPLES};
use crate::measurement::{
    Event, EventKind, Events, Flow, Measurement, PhaseReading, Sequence, TotalReading, power_factor,
};
use crate::no_load::NoLoad;
use crate::oscillator::Oscillator;
use crate::position::Position;
use crate::presence::{Change, FOLLOWED, Presence, VoltageChunk};
use crate::resynchronisation::Part;
use crate::rounding::{nearest_i32, nearest_i64, nearest_u32, nearest_u64};
use crate::setup::{DirectCurrent, NominalFrequency, Setup, SetupError};
use crate::signal::{Bits, CONSTANT_VARIANCE, DIRECT_SHARE, SignalFaults};
use crate::solver::{PhaseSolution, Phasor, Solution, Solver};
use crate::sums::{MOST_IN_BLOCK, MOST_MAGNITUDE, Sums, WindowSums, held, raise_peaks, reaches, times};
use crate::temperature::TemperatureCurve;
use crate::tracker::{Observation, Tracked, Tracker};

/// Samples to measurements, without harmonics: the least that a bill needs. Takes about 3.5 kB.
///
/// [`Chain`](crate::Chain) is this and the harmonics.
#[derive(Clone, Debug)]
pub struct Core {
    nominal: NominalFrequency,
    rate_hz: f64,
    channels: ChannelSet,
    clipping_code: u32,
    direct_current: DirectCurrent,
    apparent: crate::measurement::Apparent,
    phases_exist: [bool; N_PHASES],
    presence_lsb: [f64; N_PHASES],
    /// Level of a chunk, added up, that must be passed below zero before the next crossing.
    armed_at: [i64; N_PHASES],
    solver: Solver,
    tracker: Tracker,
    presence: Presence,
    crossings: [Crossings; N_PHASES],
    total_load: NoLoad,
    phase_loads: [NoLoad; N_PHASES],

    stage: Stage,
    /// Number of the next sample.
    now: u64,
    chunk: Chunk,
    window: Option<Window>,
    edge_samples: [SampleSet; EDGE_SAMPLES],
    /// The least magnitude that [`Self::peaks`] are for: a clipped code, or one of more than 24 bits.
    watched_code: i32,
    /// The greatest magnitudes of this window that reach [`Self::watched_code`].
    peaks: [u32; N_CHANNELS],
    bits: Bits,
    /// Voltages that did not lead at some time in the present window.
    lost_in_window: [bool; N_PHASES],
    events: Events,
    /// What rounding to nanoseconds has left over.
    nanos_left: f64,
    /// The 10-minute tick at which a window is to begin.
    tick: Option<Position>,
    measurement: Option<Measurement>,
}

/// Where on the sample axis the path is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// No window yet: looking for the frequency.
    Searching,
    /// The first window will begin here, with this frequency.
    Waiting { from: Position, hertz: f64 },
    /// Within the samples around an edge, so many of which are here.
    Edge { at: Position, hertz: f64, collected: usize },
    /// Within a window, as far as this sample.
    Inside { until: u64 },
}

/// The window that is being summed.
#[derive(Clone, Debug)]
struct Window {
    from: Position,
    length_raw: u64,
    cycles: u32,
    part: Part,
    oscillator: Oscillator,
    /// The oscillator's phase at the next sample.
    phase: u32,
    leading: WindowSums,
    sums: Sums,
}

/// A sixteenth of a nominal cycle of the voltages.
#[derive(Clone, Debug)]
struct Chunk {
    length: u32,
    filled: u32,
    levels: [i64; N_PHASES],
    squares: [i64; N_PHASES],
}

impl Core {
    /// A path that finds the frequency by itself: the first window begins when a voltage was seen for two periods (within
    /// about 70 ms), or after 0.3 s without any.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    #[inline(never)] // so that the stack of who makes a chain holds one part at a time
    pub fn new(setup: &Setup) -> Result<Self, SetupError> {
        setup.check()?;
        let presence_lsb =
            Phase::ALL.map(|phase| setup.nominal_volts * setup.presence_fraction / setup.per_lsb(phase.voltage()));
        let starting_watts = setup.nominal_volts * setup.starting_amperes;
        let chunk_samples = setup.rate_hz / setup.nominal_frequency.hertz() / f64::from(CHUNKS_PER_CYCLE);
        Ok(Self {
            nominal: setup.nominal_frequency,
            rate_hz: setup.rate_hz,
            channels: setup.channels,
            clipping_code: setup.clipping_code,
            direct_current: setup.direct_current,
            apparent: setup.apparent,
            phases_exist: Phase::ALL
                .map(|phase| setup.channels.contains(phase.voltage()) || setup.channels.contains(phase.current())),
            presence_lsb,
            armed_at: presence_lsb
                .map(|lsb| nearest_i64(lsb * ARMED_AT * f64::from(nearest_u32(chunk_samples).max(1)))),
            solver: Solver::new(setup),
            tracker: Tracker::new(setup.nominal_frequency, setup.rate_hz),
            presence: Presence::new(presence_lsb),
            crossings: [Crossings::NONE; N_PHASES],
            total_load: NoLoad::new(starting_watts),
            phase_loads: [NoLoad::new(starting_watts); N_PHASES],
            stage: Stage::Searching,
            now: 0,
            chunk: Chunk {
                length: nearest_u32(chunk_samples).max(1),
                filled: 0,
                levels: [0; N_PHASES],
                squares: [0; N_PHASES],
            },
            window: None,
            edge_samples: [[0; N_CHANNELS]; EDGE_SAMPLES],
            watched_code: i32::try_from(setup.clipping_code.min(MOST_MAGNITUDE + 1)).unwrap_or(1),
            peaks: [0; N_CHANNELS],
            bits: Bits::NONE,
            lost_in_window: [false; N_PHASES],
            events: Events::default(),
            nanos_left: 0.0,
            tick: None,
            measurement: None,
        })
    }

    /// A path whose first window begins at sample number `at_sample` (1 at the least: the edge needs the sample before it) with a
    /// frequency that is known already. With it a recording loses one sample at its beginning.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd or `hertz` is not within 20 % of the nominal frequency.
    pub fn with_start(setup: &Setup, hertz: f64, at_sample: u64) -> Result<Self, SetupError> {
        let mut core = Self::new(setup)?;
        let nominal = setup.nominal_frequency.hertz();
        crate::setup::within("hertz", None, hertz, nominal * 0.8, nominal * 1.2)?;
        let from = Position::of_sample(at_sample.max(1));
        core.stage = match edge::first_sample(from) {
            0 => Stage::Edge {
                at: from,
                hertz,
                collected: 0,
            },
            _ => Stage::Waiting { from, hertz },
        };
        Ok(core)
    }

    /// Takes one sample set; gives the measurement that it finishes.
    pub fn push(&mut self, set: &SampleSet) -> Option<&Measurement> {
        self.consume(core::slice::from_ref(set));
        self.measurement.as_ref()
    }

    /// Takes many sample sets and hands every measurement that they finish to `each`.
    pub fn push_block(&mut self, mut block: &[SampleSet], mut each: impl FnMut(&Measurement)) {
        while !block.is_empty() {
            block = self.consume(block);
            if let Some(measurement) = &self.measurement {
                each(measurement);
            }
        }
    }

    /// The number of the next sample.
    #[must_use]
    pub const fn position(&self) -> Position {
        Position::of_sample(self.now)
    }

    /// Corrects for the sensors' temperature, from the window that ends next on; the curves are in the order of a sample set. To
    /// be called whenever the temperature was measured, every few seconds.
    pub fn compensate(&mut self, celsius: f64, curves: &[TemperatureCurve; N_CHANNELS]) {
        self.solver.compensate(celsius, curves);
    }

    /// Measures on with the calibration, the linearity and the apparent mode of `setup`, from the window that ends next on; nothing else
    /// of it is looked at. Corrections for temperature begin anew.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn adjust(&mut self, setup: &Setup) -> Result<(), SetupError> {
        setup.check()?;
        self.solver = Solver::new(setup);
        self.apparent = setup.apparent;
        Ok(())
    }

    /// The frequency that the present window was given; none while searching.
    #[must_use]
    pub fn assumed_hertz(&self) -> Option<f64> {
        let window = self.window.as_ref()?;
        Some(f64::from(window.cycles) * self.rate_hz / Position::from_raw(window.length_raw).samples())
    }

    /// Says where a 10-minute tick of the clock falls: a window will begin there, to the nearest cycle, see [`Part`]. To be said before the
    /// sample at the tick is pushed; what is said later holds from the next cycle on.
    pub fn resynchronise(&mut self, tick: Position) {
        self.tick = Some(tick);
        self.cut();
    }

    /// Cuts the present window at the tick, when the tick is in it.
    fn cut(&mut self) {
        let (Some(tick), Stage::Inside { .. }, Some(window)) = (self.tick, self.stage, &mut self.window) else {
            return;
        };
        let cycle_raw = (window.length_raw / u64::from(window.cycles)).max(1);
        // A window that has begun cannot be made shorter than it is.
        let passed = Position::of_sample(self.now.saturating_add(EDGE_SAMPLES as u64));
        let wanted = if tick <= window.from { 0 } else { tick - window.from };
        let cycles = (wanted + cycle_raw / 2) / cycle_raw;
        if u64::from(window.cycles) < cycles {
            return;
        }
        self.tick = None;
        let least = if cycles == 0 || passed <= window.from {
            0
        } else {
            (passed - window.from).div_ceil(cycle_raw)
        };
        let cycles = u32::try_from(cycles.max(least)).unwrap_or(u32::MAX);
        if window.part != Part::Whole || cycles == 0 || window.cycles <= cycles {
            return;
        }
        let cycles_wide = u128::from(cycles) * u128::from(window.length_raw) / u128::from(window.cycles);
        window.length_raw = u64::try_from(cycles_wide).unwrap_or(window.length_raw);
        (window.cycles, window.part) = (cycles, Part::Head);
        self.stage = Stage::Inside {
            until: edge::first_sample(window.from.plus_raw(window.length_raw)),
        };
    }

    /// What makes volts and amperes of codes, as it is now.
    pub(crate) const fn solver(&self) -> &Solver {
        &self.solver
    }

    /// The measurement that the last consumed sample finished.
    pub(crate) const fn finished(&self) -> Option<&Measurement> {
        self.measurement.as_ref()
    }

    /// Consumes samples up to the end of the block or of a window, whichever comes first; gives the rest of the block.
    pub(crate) fn consume<'a>(&mut self, block: &'a [SampleSet]) -> &'a [SampleSet] {
        self.measurement = None;
        let mut rest = block;
        while !rest.is_empty() && self.measurement.is_none() {
            let (run, after) = rest.split_at(self.run_length(rest.len()));
            if reaches(run, self.watched_code) {
                self.take_extreme(run);
            } else {
                self.take(run);
            }
            self.after_run();
            rest = after;
        }
        rest
    }

    /// Adds a run in which a code is clipped, or no code of 24 bits.
    #[cold]
    #[inline(never)]
    fn take_extreme(&mut self, run: &[SampleSet]) {
        raise_peaks(&mut self.peaks, run);
        let mut copy = [[0; N_CHANNELS]; MOST_IN_BLOCK];
        for (held_set, set) in copy.iter_mut().zip(run) {
            *held_set = held(set);
        }
        self.take(copy.get(..run.len()).unwrap_or(&copy));
    }

    /// How many samples, at most `available`, lie before the next thing that has to be looked at; at least 1.
    fn run_length(&self, available: usize) -> usize {
        let chunk = u64::from(self.chunk.length.saturating_sub(self.chunk.filled));
        let limit = match self.stage {
            Stage::Searching => chunk,
            Stage::Waiting { from, .. } => chunk.min(edge::first_sample(from).saturating_sub(self.now)),
            Stage::Edge { .. } => 1,
            // Chunks that end within change nothing that the sums need.
            Stage::Inside { until } => until.saturating_sub(self.now),
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        available.min(limit).clamp(1, MOST_IN_BLOCK)
    }

    /// Adds a run of samples, all of one stage.
    fn take(&mut self, run: &[SampleSet]) {
        match (self.stage, &mut self.window) {
            (Stage::Inside { .. }, Some(window)) => {
                let step = window.oscillator.step();
                window.sums.add(run, window.phase, step, self.phases_exist);
                let advance = u32::try_from(run.len()).unwrap_or(0);
                window.phase = window.phase.wrapping_add(step.wrapping_mul(advance));
            }
            (Stage::Edge { at, hertz, collected }, _) => {
                if let (Some(slot), [set, ..]) = (self.edge_samples.get_mut(collected), run) {
                    *slot = *set;
                }
                self.stage = Stage::Edge {
                    at,
                    hertz,
                    collected: collected + 1,
                };
            }
            _ => {}
        }
        let mut rest = run;
        while !rest.is_empty() {
            let left = self.chunk.length.saturating_sub(self.chunk.filled).max(1);
            let (piece, after) = rest.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(rest.len()));
            self.chunk.add(piece);
            self.bits.look(piece);
            self.now = self.now.saturating_add(piece.len() as u64);
            if self.chunk.length <= self.chunk.filled {
                self.end_chunk();
            }
            rest = after;
        }
    }

    /// Looks at what the last run has completed.
    fn after_run(&mut self) {
        match self.stage {
            Stage::Searching => {}
            Stage::Waiting { from, hertz } => {
                if edge::first_sample(from) <= self.now {
                    self.stage = Stage::Edge {
                        at: from,
                        hertz,
                        collected: 0,
                    };
                    self.peaks = [0; N_CHANNELS];
                    self.bits.restart();
                }
            }
            Stage::Inside { until } => {
                if let (true, Some(window)) = (until <= self.now, &self.window) {
                    let at = window.from.plus_raw(window.length_raw);
                    self.stage = Stage::Edge {
                        at,
                        hertz: self.nominal.hertz(),
                        collected: 0,
                    };
                }
            }
            Stage::Edge { at, hertz, collected } => {
                if EDGE_SAMPLES <= collected {
                    self.turn(at, hertz);
                }
            }
        }
    }

    /// Ends a chunk of the voltages: presence, zero crossings, and while searching the decision to begin.
    fn end_chunk(&mut self) {
        let n_samples = self.chunk.filled;
        let chunk: [VoltageChunk; N_PHASES] = core::array::from_fn(|phase| VoltageChunk {
            level: self.chunk.levels.get(phase).copied().unwrap_or(0),
            square: self.chunk.squares.get(phase).copied().unwrap_or(0),
        });
        self.chunk.filled = 0;
        self.chunk.levels = [0; N_PHASES];
        self.chunk.squares = [0; N_PHASES];
        let chunk = self.existing(chunk, VoltageChunk::default());

        for ((crossings, chunk), armed_at) in self.crossings.iter_mut().zip(&chunk).zip(self.armed_at) {
            crossings.observe(chunk.level, armed_at);
        }
        let changes = self.presence.observe(chunk, n_samples);
        let [p1, p2, p3] = self.presence.leading();
        let [l1, l2, l3] = &mut self.lost_in_window;
        (*l1, *l2, *l3) = (*l1 | !p1, *l2 | !p2, *l3 | !p3);
        if changes != [Change::None; N_PHASES] {
            self.tell_changes(changes);
        }

        if matches!(self.stage, Stage::Searching) && self.presence.known() {
            let waited = self.now as f64 / self.rate_hz;
            let given_up = (LONGEST_SEARCH_SECONDS <= waited).then_some(self.nominal.hertz());
            if let Some(hertz) = self.coarse_hertz(PERIODS_TO_START, [false; N_PHASES]).or(given_up) {
                let from = Position::of_sample(self.now.saturating_add(1));
                self.stage = Stage::Waiting {
                    from,
                    hertz: self.tracker.held(hertz),
                };
            }
        }
    }

    /// Voltages that came or went with the last chunk become events.
    #[cold]
    #[inline(never)]
    fn tell_changes(&mut self, changes: [Change; N_PHASES]) {
        let at = Position::of_sample(self.now);
        for (phase, change) in Phase::ALL.into_iter().zip(changes) {
            let kind = match change {
                Change::None => continue,
                Change::Lost => EventKind::VoltageLost(phase),
                Change::Returned => EventKind::VoltageReturned(phase),
            };
            self.events.push(Event { kind, at });
        }
    }

    /// At an edge with all its samples here: finishes the window before it, begins the one after it.
    fn turn(&mut self, at: Position, start_hertz: f64) {
        let shares = edge::shares(at);
        let first = edge::first_sample(at);
        let whole = self.nominal.cycles();
        let (mut part, mut cycles) = (Part::Whole, whole);
        let next_hertz = match self.window.take() {
            Some(window) => {
                (part, cycles) = match window.part {
                    Part::Head => (Part::Tail, whole.saturating_sub(window.cycles).max(1)),
                    Part::Tail => (Part::Rest, whole.saturating_sub(window.cycles).max(1)),
                    Part::Rest | Part::Whole => (Part::Whole, whole),
                };
                let mut sums = window.leading.clone();
                sums.add(&window.sums);
                sums.add_edge(&self.edge_samples, shares, first, &window.oscillator);
                self.finish(&window, at, &sums)
            }
            None => start_hertz,
        };
        for crossings in &mut self.crossings {
            crossings.restart();
        }
        self.lost_in_window = self.presence.leading().map(|leading| !leading);
        let length_samples = f64::from(cycles) * self.rate_hz / next_hertz;
        let length_raw = nearest_u64(length_samples * 65_536.0);
        let oscillator = Oscillator::new(at, length_raw, cycles);
        let mut leading = WindowSums::ZERO;
        leading.add_edge(&self.edge_samples, shares.map(|share| 1.0 - share), first, &oscillator);
        self.window = Some(Window {
            from: at,
            length_raw,
            cycles,
            part,
            phase: oscillator.phase(self.now),
            oscillator,
            leading,
            sums: Sums::ZERO,
        });
        self.stage = Stage::Inside {
            until: edge::first_sample(at.plus_raw(length_raw)),
        };
        self.cut();
    }

    /// Makes the measurement of a finished window; gives the frequency of the next.
    fn finish(&mut self, window: &Window, to: Position, sums: &WindowSums) -> f64 {
        let length_samples = Position::from_raw(window.length_raw).samples();
        let (raw_phasors, present) = self.voltages(sums, length_samples);
        let any_present = present.contains(&true);
        let angles_turns = core::array::from_fn(|phase| {
            let (phasor, rms) = raw_phasors.get(phase)?;
            let leads = if any_present {
                present.get(phase).copied()?
            } else {
                self.presence_lsb.get(phase).copied()? * f64::from(FOLLOWED) <= *rms
            };
            let there = leads && !self.lost_in_window.get(phase).copied()?;
            let trusted = there && rms * FUNDAMENTAL_SHARE <= phasor.magnitude();
            trusted.then(|| phasor.turns())
        });
        let is_whole = window.part == Part::Whole;
        // A few cycles have too few crossings to doubt the angles with.
        let coarse_hertz = if is_whole {
            self.coarse_hertz(1, self.lost_in_window)
                .or_else(|| self.coarse_hertz(1, [false; N_PHASES]))
        } else {
            None
        };
        let tracked = self.tracker.observe(&Observation {
            length_samples,
            cycles: window.cycles,
            angles_turns,
            coarse_hertz,
        });
        let solution = self.solver.solve(sums, length_samples, tracked.hertz);
        let seconds = length_samples / self.rate_hz;
        let mut measurement = self.measure(window.from, to, &solution, &tracked, present, seconds);
        measurement.part = window.part;
        measurement.faults = self.faults(sums, length_samples, &tracked);
        if !is_whole {
            // Too few samples to say that a bit never changes.
            measurement.faults.stuck = ChannelSet::NONE;
        }
        for (phase, reading) in Phase::ALL.into_iter().zip(&mut measurement.phases) {
            let direct = self.solver.direct(sums, phase.voltage(), length_samples);
            reading.voltage_direct_microvolts = nearest_i64(direct * 1e6);
        }
        self.measurement = Some(measurement);
        self.peaks = [0; N_CHANNELS];
        self.bits.restart();
        tracked.next_hertz
    }

    /// What was wrong with the samples of a window.
    fn faults(&self, sums: &WindowSums, length_samples: f64, tracked: &Tracked) -> SignalFaults {
        let mut faults = SignalFaults::default();
        for (channel, peak) in Channel::ALL.into_iter().zip(self.peaks) {
            if !self.channels.contains(channel) {
                continue;
            }
            if MOST_MAGNITUDE < peak {
                faults.invalid = faults.invalid.with(channel);
            }
            let (mean, variance) = Solver::mean_and_variance(sums, channel, length_samples);
            if variance < CONSTANT_VARIANCE {
                faults.constant = faults.constant.with(channel);
            }
            if self.bits.stuck(channel, mean, libm::sqrt(variance.max(0.0))) {
                faults.stuck = faults.stuck.with(channel);
            }
            let real = self.direct_current == DirectCurrent::Measured;
            if !real && f64::from(self.clipping_code) * DIRECT_SHARE < libm::fabs(mean) {
                faults.direct = faults.direct.with(channel);
            }
        }
        let (least, most) = self.nominal.range_hertz();
        faults.frequency = !(least..=most).contains(&tracked.hertz);
        faults
    }

    /// Uncorrected fundamentals and rms values of the voltages in codes, and which of them are present.
    fn voltages(&self, sums: &WindowSums, length_samples: f64) -> ([(Phasor, f64); N_PHASES], [bool; N_PHASES]) {
        let values = Phase::ALL.map(|phase| {
            let channel = phase.voltage();
            let rms = self.solver.raw_rms(sums, channel, length_samples);
            (self.solver.raw_phasor(sums, channel, length_samples), rms)
        });
        let present = core::array::from_fn(|phase| match (values.get(phase), self.presence_lsb.get(phase)) {
            (Some((_phasor, rms)), Some(threshold)) => threshold <= rms,
            _ => false,
        });
        (values, self.existing(present, false))
    }

    fn measure(
        &mut self,
        from: Position,
        to: Position,
        solution: &Solution,
        tracked: &Tracked,
        present: [bool; N_PHASES],
        seconds: f64,
    ) -> Measurement {
        let nanos = seconds * 1e9 + self.nanos_left;
        let duration_nanos = nearest_u64(nanos);
        self.nanos_left = nanos - libm::round(nanos);

        let mut phases = [PhaseReading::default(); N_PHASES];
        for ((reading, solved), present) in phases.iter_mut().zip(&solution.phases).zip(present) {
            *reading = reading_of(solved, present, seconds);
        }
        let [first, ..] = &solution.phases;
        let first_present = present.first().copied().unwrap_or(false);
        for ((reading, solved), present) in phases.iter_mut().zip(&solution.phases).zip(present) {
            if first_present && present {
                reading.voltage_angle_millidegrees = Some(lag_millidegrees(first.voltage, solved.voltage));
            }
        }
        let mut total = TotalReading::of_phases(&phases, duration_nanos, self.apparent);

        let magnitudes = solution.phases.iter().fold((0.0, 0.0), |sum, solved| {
            (sum.0 + libm::fabs(solved.watts), sum.1 + libm::fabs(solved.vars))
        });
        let no_load = self.total_load.observe(magnitudes.0, magnitudes.1);
        for ((reading, solved), load) in phases.iter_mut().zip(&solution.phases).zip(&mut self.phase_loads) {
            if load.observe(solved.watts, solved.vars) {
                blank(reading);
            }
            if no_load {
                blank(reading);
                reading.energy = Flow::default();
            }
        }
        if no_load {
            total = TotalReading::default();
        }

        let clipped = Channel::ALL
            .into_iter()
            .zip(self.peaks)
            .fold(ChannelSet::NONE, |set, (channel, peak)| {
                if self.channels.contains(channel) && self.clipping_code <= peak {
                    set.with(channel)
                } else {
                    set
                }
            });
        Measurement {
            from,
            to,
            duration_nanos,
            frequency_microhertz: nearest_u64(tracked.hertz * 1e6),
            synchronised: tracked.synchronised,
            part: Part::Whole,
            phases,
            neutral_current_microamperes: nearest_u64(solution.neutral_amperes * 1e6),
            total,
            sequence: sequence(solution, present),
            clipped,
            faults: SignalFaults::default(),
            no_load,
            events: core::mem::take(&mut self.events),
        }
    }

    /// The frequency by zero crossings of the first leading voltage that had at least `periods` of them and is not in `excluded`.
    fn coarse_hertz(&self, periods: u32, excluded: [bool; N_PHASES]) -> Option<f64> {
        let mut voltages = self.presence.leading().into_iter().zip(excluded).zip(&self.crossings);
        voltages.find_map(|((leading, excluded), crossings)| {
            let seen = leading && !excluded && periods <= crossings.periods();
            let period = crossings.period().filter(|_period| seen)?;
            Some(self.rate_hz / (period * f64::from(self.chunk.length)))
        })
    }

    /// `values`, with `absent` in place of what belongs to a voltage that the meter does not have.
    fn existing<T: Copy>(&self, mut values: [T; N_PHASES], absent: T) -> [T; N_PHASES] {
        for (phase, value) in Phase::ALL.into_iter().zip(&mut values) {
            if !self.channels.contains(phase.voltage()) {
                *value = absent;
            }
        }
        values
    }
}

impl Chunk {
    /// Adds at most [`MOST_IN_BLOCK`] sets: their levels fit 32 bits.
    fn add(&mut self, piece: &[SampleSet]) {
        let (mut level1, mut level2, mut level3) = (0_i32, 0_i32, 0_i32);
        let (mut square1, mut square2, mut square3) = (0_i64, 0_i64, 0_i64);
        for &[v1, v2, v3, ..] in piece {
            level1 = level1.wrapping_add(v1);
            level2 = level2.wrapping_add(v2);
            level3 = level3.wrapping_add(v3);
            square1 = square1.wrapping_add(times(v1, v1));
            square2 = square2.wrapping_add(times(v2, v2));
            square3 = square3.wrapping_add(times(v3, v3));
        }
        for (sum, level) in self.levels.iter_mut().zip([level1, level2, level3]) {
            *sum = sum.wrapping_add(i64::from(level));
        }
        for (sum, square) in self.squares.iter_mut().zip([square1, square2, square3]) {
            *sum = sum.wrapping_add(square);
        }
        let n_samples = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        self.filled = self.filled.saturating_add(n_samples);
    }
}

/// A phase in integers; energies are those of a window of `seconds`.
fn reading_of(solved: &PhaseSolution, present: bool, seconds: f64) -> PhaseReading {
    let active_microwatts = nearest_i64(solved.watts * 1e6);
    let apparent_microvoltamperes = nearest_u64(solved.voltamperes * 1e6);
    let loaded = present && 0.0 < solved.current.magnitude();
    let (in_phase, across) = solved.voltage.times_conjugate(solved.current);
    PhaseReading {
        present,
        voltage_microvolts: nearest_u64(solved.volts * 1e6),
        current_microamperes: nearest_u64(solved.amperes * 1e6),
        voltage_direct_microvolts: 0,
        voltage_fundamental_microvolts: nearest_u64(solved.voltage.magnitude() * 1e6),
        current_fundamental_microamperes: nearest_u64(solved.current.magnitude() * 1e6),
        active_microwatts,
        reactive_microvars: nearest_i64(solved.vars * 1e6),
        apparent_microvoltamperes,
        power_factor_millionths: power_factor(active_microwatts, apparent_microvoltamperes),
        voltage_angle_millidegrees: None,
        current_angle_millidegrees: loaded
            .then(|| nearest_i32(libm::atan2(across, in_phase) * (180_000.0 / core::f64::consts::PI))),
        energy: Flow {
            active_microjoules: nearest_i64(solved.watts * seconds * 1e6),
            reactive_microvarseconds: nearest_i64(solved.vars * seconds * 1e6),
            apparent_microvoltampereseconds: nearest_u64(solved.voltamperes * seconds * 1e6),
        },
    }
}

/// Takes the powers out of what is displayed for a phase; the energies stay.
const fn blank(reading: &mut PhaseReading) {
    reading.active_microwatts = 0;
    reading.reactive_microvars = 0;
    reading.apparent_microvoltamperes = 0;
    reading.power_factor_millionths = 0;
    reading.current_angle_millidegrees = None;
}

/// The angle by which `other` lags `reference`, 0 to 360 000 millidegrees.
fn lag_millidegrees(reference: Phasor, other: Phasor) -> u32 {
    let (in_phase, across) = reference.times_conjugate(other);
    let lag = nearest_i32(libm::atan2(across, in_phase) * (180_000.0 / core::f64::consts::PI));
    u32::try_from(lag.rem_euclid(360_000)).unwrap_or(0)
}

/// The order of the phases: which of the symmetrical components is the greater.
fn sequence(solution: &Solution, present: [bool; N_PHASES]) -> Option<Sequence> {
    let [l1, l2, l3] = solution.phases.map(|phase| phase.voltage);
    let positive = l1.plus(l2.turned_a_third()).plus(l3.turned_back_a_third()).magnitude();
    let negative = l1.plus(l2.turned_back_a_third()).plus(l3.turned_a_third()).magnitude();
    let all = present.into_iter().all(|present| present);
    all.then_some(if negative <= positive {
        Sequence::Normal
    } else {
        Sequence::Reversed
    })
}

/// Periods of a voltage that must be seen before the first window begins.
const PERIODS_TO_START: u32 = 2;
/// How long a voltage is searched before windows begin at the nominal frequency.
const LONGEST_SEARCH_SECONDS: f64 = 0.3;
/// Fraction of the threshold of presence that the voltage must fall below zero between two rising zero crossings.
const ARMED_AT: f64 = 0.14;
/// Least share of the fundamental in the rms value for its angle to be trusted.
const FUNDAMENTAL_SHARE: f64 = 0.5;
