//! Harmonics of all channels, span after span without a gap (IEC 61000-4-7, IEC 61000-4-30 class A): for who has the memory.
//!
//! All channels are resampled together, so that the kernel's weights are found once for each point. Spans of 10 or 12 cycles follow each
//! other to the fraction of a sample; the length of each is what the frequency is expected to be.
//!
//! At a 10-minute tick of the clock spans begin anew (IEC 61000-4-30, 4.5): the one that the tick finds under way goes on to its end, and the
//! next has begun at the tick, with the points that the two share.

use crate::channel::{ChannelSet, N_CHANNELS, SampleSet};
use crate::kernel::{Kernel, PLACES, POINTS, Ring, TAPS};
use crate::position::Position;
use crate::setup::{Setup, SetupError};
use crate::solver::Solver;
use crate::spectrum::{Span, Spectrum, cycles, highest_order, least_fundamentals, single};
use crate::temperature::TemperatureCurve;

/// Harmonics of all channels without gaps. Takes 74 kB.
#[derive(Clone, Debug)]
pub struct GaplessHarmonics {
    channels: ChannelSet,
    rate_hz: f64,
    nominal_hertz: f64,
    cycles: usize,
    least: [f64; N_CHANNELS],
    solver: Solver,
    recent: Ring<Lanes>,
    /// The latest point before it is scaled.
    point: Lanes,
    points: [[f32; POINTS]; N_CHANNELS],
    /// Points that a span shares with the next, while it is transformed.
    shared: [f32; POINTS],
    filled: usize,
    /// Number of the sample that `received` and `place` count from; a multiple of the ring.
    origin: u64,
    /// Samples received since `origin`.
    received: u64,
    /// Place of the next point in samples since `origin`, Q32.32.
    place: u64,
    /// Where the span began, like `place`.
    begun: u64,
    /// How the span is resampled; none while no frequency is known.
    resampling: Option<Resampling>,
    /// The frequency of the next span.
    hertz: Option<f64>,
    /// Where a span is to begin.
    tick: Option<Position>,
}

/// One sample of all channels, and a lane that makes vectors whole: processors add four at once.
type Lanes = [[f32; 4]; 2];

/// How a span is resampled.
#[derive(Clone, Copy, Debug)]
struct Resampling {
    hertz: f64,
    kernel: Kernel,
}

impl GaplessHarmonics {
    /// For the channels of the setup, at the temperature of its calibration.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn new(setup: &Setup) -> Result<Self, SetupError> {
        setup.check()?;
        Ok(Self {
            channels: setup.channels,
            rate_hz: setup.rate_hz,
            nominal_hertz: setup.nominal_frequency.hertz(),
            cycles: cycles(setup.nominal_frequency),
            least: least_fundamentals(setup),
            solver: Solver::new(setup),
            recent: Ring::of([[0.0; 4]; 2]),
            point: [[0.0; 4]; 2],
            points: [[0.0; POINTS]; N_CHANNELS],
            shared: [0.0; POINTS],
            filled: 0,
            origin: 0,
            received: 0,
            place: 0,
            begun: 0,
            resampling: None,
            hertz: None,
            tick: None,
        })
    }

    /// Measures on with another calibration, see [`Core::adjust`](crate::Core::adjust), from the span that ends next on. Only the fundamental in
    /// volts or amperes depends on it: harmonics are parts of the fundamental.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn adjust(&mut self, setup: &Setup) -> Result<(), SetupError> {
        setup.check()?;
        self.solver = Solver::new(setup);
        Ok(())
    }

    /// Corrects for the sensors' temperature, see [`Core::compensate`](crate::Core::compensate), from the span that ends next on.
    pub fn compensate(&mut self, celsius: f64, curves: &[TemperatureCurve; N_CHANNELS]) {
        self.solver.compensate(celsius, curves);
    }

    /// Says what the frequency of the next span will be; none when it is not known, which spoils the span that runs.
    pub fn expect_hertz(&mut self, hertz: Option<f64>) {
        // Beyond what is tracked there is nothing to expect; not a number is no frequency.
        let (least, most) = (self.nominal_hertz * 0.8, self.nominal_hertz * 1.2);
        self.hertz = hertz.filter(|hertz| (least..=most).contains(hertz));
        if self.hertz.is_none() {
            self.resampling = None;
        }
    }

    /// Says where a 10-minute tick of the clock falls: a span begins there, to the nearest point. It is to be said before the span in which it
    /// is has ended; see [`SupplyQuality::take_tick`](crate::SupplyQuality::take_tick).
    pub const fn resynchronise(&mut self, tick: Position) {
        self.tick = Some(tick);
    }

    /// Takes sample sets and hands the spectra that they complete to `each`, all channels of a span together.
    pub fn push_block(&mut self, block: &[SampleSet], mut each: impl FnMut(&Spectrum)) {
        for set in block {
            let mut lanes = [[0.0; 4]; 2];
            for (lane, code) in lanes.as_flattened_mut().iter_mut().zip(set) {
                *lane = single(*code).clamp(-8_388_608.0, 8_388_607.0);
            }
            self.recent.put(self.received, lanes);
            self.received += 1;
            let resampling = match (self.resampling, self.hertz) {
                (Some(resampling), _) => resampling,
                (None, Some(hertz)) => self.begin(hertz, None),
                (None, None) => {
                    self.rebase(self.received);
                    continue;
                }
            };
            while (self.place >> 32) + resampling.kernel.reach < self.received {
                self.interpolate(&resampling.kernel);
                if POINTS <= self.filled {
                    self.finish(&resampling, &mut each);
                    break;
                }
            }
        }
    }

    /// Begins a span where the one before ended, or as soon as the kernel has its samples.
    fn begin(&mut self, hertz: f64, at: Option<u64>) -> Resampling {
        let kernel = Kernel::of(self.cycles as f64 * self.rate_hz / hertz);
        self.filled = 0;
        self.place = at.unwrap_or((self.received + kernel.reach) << 32);
        self.begun = self.place;
        let resampling = Resampling { hertz, kernel };
        self.resampling = Some(resampling);
        resampling
    }

    /// All channels at `place`.
    fn interpolate(&mut self, kernel: &Kernel) {
        self.point = [[0.0; 4]; 2];
        if let Some((samples, before, after)) = kernel.side_by_side(&self.recent, self.place) {
            let (before, after) = (before.weights(), after.weights());
            for (half, point) in self.point.iter_mut().enumerate() {
                let mut sums = [0.0; 4];
                for tap in 0..TAPS {
                    let (earlier, later) = (&samples[TAPS - 1 - tap][half], &samples[TAPS + tap][half]);
                    add(&mut sums, earlier, before[tap], later, after[tap]);
                }
                *point = sums;
            }
        } else {
            let whole = self.place >> 32;
            for (back, (before, after)) in (0..).zip(kernel.weights(self.place)) {
                let earlier = self.recent.get(whole.wrapping_sub(back));
                let later = self.recent.get(whole.wrapping_add(1 + back));
                for ((sums, earlier), later) in self.point.iter_mut().zip(&earlier).zip(&later) {
                    add(sums, earlier, before, later, after);
                }
            }
        }
        for (points, sum) in self.points.iter_mut().zip(self.point.as_flattened()) {
            if let Some(point) = points.get_mut(self.filled) {
                *point = *sum * kernel.inverse_stretch;
            }
        }
        self.filled += 1;
        self.place += kernel.step;
    }

    /// Transforms all channels of a complete span and begins the next.
    fn finish(&mut self, resampling: &Resampling, each: &mut impl FnMut(&Spectrum)) {
        let at = |place: u64| Position::of_sample(self.origin).plus_raw(place >> 16);
        let (from, to) = (at(self.begun), at(self.place));
        let anew = self.begins_anew(&resampling.kernel);
        for channel in self.channels.iter() {
            let index = channel.index();
            let span = Span {
                channel,
                from,
                to,
                cycles: self.cycles,
                highest_order: highest_order(self.rate_hz, resampling.hertz),
                solver: &self.solver,
                least: self.least.get(index).copied().unwrap_or(0.0),
            };
            if let Some(points) = self.points.get_mut(index) {
                let first = anew.unwrap_or(POINTS);
                for (kept, point) in self.shared.iter_mut().zip(points.iter().skip(first)) {
                    *kept = *point;
                }
                each(&span.transform(points));
                for (point, kept) in points.iter_mut().zip(&self.shared).take(POINTS - first) {
                    *point = *kept;
                }
            }
        }
        if let Some(first) = anew {
            self.filled = POINTS - first;
            self.begun += resampling.kernel.step * u64::try_from(first).unwrap_or(0);
            self.rebase(self.begun >> 32);
            return;
        }
        self.rebase(self.place >> 32);
        match self.hertz {
            Some(hertz) => {
                self.begin(hertz, Some(self.place));
            }
            None => self.resampling = None,
        }
    }

    /// The point of the span that ends at which the next one begins, when a tick is in it.
    fn begins_anew(&mut self, kernel: &Kernel) -> Option<usize> {
        let tick = self.tick?;
        let at = tick.raw().saturating_sub(self.origin << 16) << 16;
        let first = (at.saturating_sub(self.begun) + kernel.step / 2) / kernel.step;
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        if POINTS < first {
            return None; // in a span to come
        }
        self.tick = None;
        (1..POINTS).contains(&first).then_some(first)
    }

    /// Moves the origin up to `to`, by whole turns of the ring.
    const fn rebase(&mut self, to: u64) {
        let turns = to / PLACES as u64 * PLACES as u64;
        self.origin = self.origin.saturating_add(turns);
        self.received = self.received.saturating_sub(turns);
        self.place = self.place.saturating_sub(turns << 32);
        self.begun = self.begun.saturating_sub(turns << 32);
    }
}

/// Adds two weighted samples to the lanes' sums.
#[inline]
fn add(sums: &mut [f32; 4], earlier: &[f32; 4], before: f32, later: &[f32; 4], after: f32) {
    for ((sum, earlier), later) in sums.iter_mut().zip(earlier).zip(later) {
        *sum += earlier * before + later * after;
    }
}
