//! Urms(1/2) of one voltage (IEC 61000-4-30, 5.4): the rms over one cycle from a zero crossing of the fundamental, every half cycle.
//!
//! The zero crossings come from a phase-locked loop: an oscillator, corrected a little after every half cycle by the angle of the
//! fundamental in the cycle that ends there. So harmonics and noise make no crossings of their own, and through a dip or an
//! interruption the half cycles go on. A sample that lies across the end of a half cycle belongs to both, in parts.

use libm::{atan2, hypot, sqrt};

use crate::channel::{Phase, SampleSet};
use crate::oscillator::{AMPLITUDE, cosine_sine};
use crate::position::Position;
use crate::rounding::{nearest_i64, nearest_u64};
use crate::setup::Setup;
use crate::sums::{LEAST_CODE, MOST_CODE, times};

/// The rms voltage over one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfCycle {
    /// The phase.
    pub phase: Phase,
    /// Where the cycle begins: a rising or falling zero crossing.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
    /// Urms(1/2) in microvolts.
    pub voltage_microvolts: u64,
}

/// Follows one voltage.
#[derive(Clone, Debug)]
pub(crate) struct HalfCycles {
    phase: Phase,
    volts_per_lsb: f64,
    /// Factor on it for the present temperature.
    drift: f64,
    offset_lsb: f64,
    /// Least amplitude of the fundamental, in codes, that the oscillator follows.
    least_lsb: f64,
    least_step: u64,
    most_step: u64,
    /// Turns of one sample in 2^-64.
    step: u64,
    /// Turns from the beginning of the next sample's interval to the end of the half cycle.
    remaining: u64,
    /// The oscillator's phase at the end of the half cycle: half a turn, or 0 for a whole one.
    target: u64,
    running: Sums,
    /// What split samples have given to the present half cycle.
    split: Half,
    before: Option<Half>,
    /// Half cycles for which the oscillator still looks for the voltage, and no cycle is told.
    searching: u32,
    /// Half cycles since the oscillator was corrected.
    uncorrected: u32,
}

/// Exact sums of the whole samples of a half cycle. Bound: 24 bits times 24 bits times fewer than 2^11 samples of a half cycle.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    square: i64,
    level: i64,
    cosine: i64,
    sine: i64,
    samples: u32,
}

/// Sums of a half cycle.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    from: Position,
    square: f64,
    level: f64,
    cosine: f64,
    sine: f64,
    samples: f64,
}

impl HalfCycles {
    /// The voltage of `phase` in a setup that was checked.
    pub(crate) fn new(setup: &Setup, phase: Phase) -> Self {
        let (volts_per_lsb, offset_lsb) = scale(setup, phase);
        let step = |hertz: f64| nearest_u64(hertz / setup.rate_hz * (TURN / 2.0)).saturating_mul(2);
        let hertz = setup.nominal_frequency.hertz();
        Self {
            phase,
            volts_per_lsb,
            drift: 1.0,
            offset_lsb,
            least_lsb: FOLLOWED_SHARE * setup.nominal_volts * core::f64::consts::SQRT_2 / volts_per_lsb,
            least_step: step(hertz * (1.0 - RANGE)),
            most_step: step(hertz * (1.0 + RANGE)),
            step: step(hertz),
            remaining: HALF_TURN,
            target: HALF_TURN,
            running: Sums::default(),
            split: Half::default(),
            before: None,
            searching: SEARCH,
            uncorrected: 0,
        }
    }

    /// From the cycle that ends next on, measures with the calibration of this setup, which was checked; the drift begins anew. The cycle's
    /// sums are codes, so it is whole.
    pub(crate) fn adjust(&mut self, setup: &Setup) {
        (self.volts_per_lsb, self.offset_lsb) = scale(setup, self.phase);
        self.drift = 1.0;
    }

    /// From the cycle that ends next on, corrects by this factor for the temperature.
    pub(crate) const fn compensate(&mut self, gain: f64) {
        self.drift = gain;
    }

    /// Samples up to and with the one that lies across the end of the half cycle.
    pub(crate) fn samples_to_end(&self) -> usize {
        usize::try_from(self.remaining / self.step)
            .unwrap_or(usize::MAX)
            .saturating_add(1)
    }

    /// Takes the codes of `run`, held to 24 bits, at most [`Self::samples_to_end`] of them; gives the cycle that the last one ends.
    /// `at` is the number of the first sample.
    pub(crate) fn take(&mut self, run: &[SampleSet], at: u64) -> Option<HalfCycle> {
        let channel = self.phase.voltage().index();
        let code = |set: &SampleSet| set.get(channel).copied().unwrap_or(0).clamp(LEAST_CODE, MOST_CODE);
        let mut phase = self.target.wrapping_sub(self.remaining).wrapping_add(self.step / 2);
        // Of so many samples none but the last lies across the end of the half cycle.
        let (whole, across) = match run.split_last() {
            Some((last, before)) if self.samples_to_end() <= run.len() => (before, Some(last)),
            _ => (run, None),
        };
        let mut sums = self.running;
        for set in whole {
            sums.add(code(set), word(phase));
            phase = phase.wrapping_add(self.step);
        }
        self.running = sums;
        let n_whole = whole.len() as u64;
        self.remaining = self.remaining.saturating_sub(self.step.saturating_mul(n_whole));
        across.and_then(|set| self.cross(code(set), word(phase), at.saturating_add(n_whole)))
    }

    /// Takes the sample that lies across the end of the half cycle, with the oscillator's phase at it.
    fn cross(&mut self, code: i32, phase: u32, at: u64) -> Option<HalfCycle> {
        let share = self.remaining as f64 / self.step as f64;
        // The sample stands for the interval half a sample around it.
        let end = Position::of_sample(at).plus_raw(nearest_u64(share * 65_536.0));
        let end = Position::from_raw(end.raw().saturating_sub(HALF_SAMPLE_RAW));
        let mut sample = Sums::default();
        sample.add(code, phase);
        let mut half = self.split;
        half.add(&self.running, 1.0);
        half.add(&sample, share);
        self.running = Sums::default();
        self.split = Half {
            from: end,
            ..Half::default()
        };
        self.split.add(&sample, 1.0 - share);
        let after = self.step.saturating_sub(self.remaining);
        self.target = self.target.wrapping_add(HALF_TURN);
        self.remaining = HALF_TURN.saturating_sub(after);
        let cycle = self.before.map(|before| self.cycle(&before, &half, end));
        self.before = Some(half);
        self.searching = self.searching.saturating_sub(1);
        cycle.filter(|_cycle| self.searching == 0)
    }

    /// The cycle made of two halves; corrects the oscillator.
    fn cycle(&mut self, first: &Half, second: &Half, end: Position) -> HalfCycle {
        let mut sums = *first;
        sums.square += second.square;
        sums.level += second.level;
        sums.cosine += second.cosine;
        sums.sine += second.sine;
        sums.samples += second.samples;
        let offset = self.offset_lsb;
        let square = (sums.square - 2.0 * offset * sums.level) / sums.samples + offset * offset;
        let amplitude = 2.0 * hypot(sums.cosine, sums.sine) / (AMPLITUDE * sums.samples);
        // In a cycle within which the voltage changed, the angle means nothing.
        let steady = libm::fabs(first.square - second.square) <= STEADY_SHARE * sums.square;
        self.uncorrected = self.uncorrected.saturating_add(1);
        if self.least_lsb <= amplitude && (steady || 0 < self.searching || PATIENCE < self.uncorrected) {
            self.uncorrected = 0;
            let ahead_turns = atan2(sums.cosine, sums.sine) / core::f64::consts::TAU;
            let turned = nearest_i64(ahead_turns * ANGLE_SHARE * TURN);
            self.remaining = self.remaining.saturating_sub_signed(turned);
            let faster = nearest_i64(ahead_turns * FREQUENCY_SHARE * TURN / second.samples.max(1.0));
            self.step = self
                .step
                .saturating_add_signed(faster)
                .clamp(self.least_step, self.most_step);
        }
        HalfCycle {
            phase: self.phase,
            from: first.from,
            to: end,
            voltage_microvolts: nearest_u64(sqrt(square.max(0.0)) * self.volts_per_lsb * self.drift * 1e6),
        }
    }
}

/// The code step of a voltage in volts, calibrated, and its code without a voltage.
fn scale(setup: &Setup, phase: Phase) -> (f64, f64) {
    let channel = phase.voltage();
    let calibration = setup.calibration.get(channel.index());
    let gain = calibration.map_or(1.0, crate::calibration::Calibration::gain);
    let offset_lsb = calibration.map_or(0.0, crate::calibration::Calibration::offset_lsb);
    (setup.per_lsb(channel) * gain, offset_lsb)
}

impl Sums {
    #[inline]
    fn add(&mut self, code: i32, phase: u32) {
        let (cosine, sine) = cosine_sine(phase);
        self.square = self.square.wrapping_add(times(code, code));
        self.level = self.level.wrapping_add(i64::from(code));
        self.cosine = self.cosine.wrapping_add(times(code, cosine));
        self.sine = self.sine.wrapping_add(times(code, sine));
        self.samples = self.samples.wrapping_add(1);
    }
}

impl Half {
    fn add(&mut self, sums: &Sums, share: f64) {
        self.square += sums.square as f64 * share;
        self.level += sums.level as f64 * share;
        self.cosine += sums.cosine as f64 * share;
        self.sine += sums.sine as f64 * share;
        self.samples += f64::from(sums.samples) * share;
    }
}

/// The upper half of a phase.
const fn word(phase: u64) -> u32 {
    (phase >> 32) as u32
}

const TURN: f64 = 18_446_744_073_709_551_616.0;
const HALF_TURN: u64 = 1 << 63;
const HALF_SAMPLE_RAW: u64 = 32_768;
/// The frequency stays within this part of the nominal one.
const RANGE: f64 = 0.18;
/// Share of the nominal amplitude below which there is nothing to follow.
const FOLLOWED_SHARE: f64 = 0.04;
/// Most difference of the energies of two halves, as a share of their sum, in a cycle that is corrected by.
const STEADY_SHARE: f64 = 0.02;
/// After so many half cycles without a correction any cycle will do: the halves may differ for good.
const PATIENCE: u32 = 10;
/// Half cycles of the first search: 0.2 s.
const SEARCH: u32 = 20;
/// Share of the angle that is corrected at once, each half cycle.
const ANGLE_SHARE: f64 = 0.25;
/// Share of the angle that is taken for a wrong frequency, each half cycle.
const FREQUENCY_SHARE: f64 = 0.025;
