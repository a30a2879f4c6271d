//! Harmonics of all channels, span after span without a gap (IEC 61000-4-7, IEC 61000-4-30 class A): for who has the memory.
//!
//! All channels are resampled together, so that the kernel's weights are found once for each point. Spans of 10 or 12 cycles follow each
//! other to the fraction of a sample; the length of each is what the frequency is expected to be.
//!
//! At a 10-minute tick of the clock spans begin anew (IEC 61000-4-30, 4.5): the one that the tick finds under way goes on to its end, and the
//! next has begun at the tick, with the points that the two share.

use crate::channel::{Channel, ChannelSet, N_CHANNELS, SampleSet};
use crate::position::Position;
use crate::resampler::{ENTRIES_PER_TAP, HALF_TAPS, POINTS, RING, WIDEST_STRETCH, entries_around, ring_index, weight};
use crate::rounding::{nearest_u32, nearest_u64};
use crate::setup::{Setup, SetupError};
use crate::spectrum::{Span, Spectrum, cycles, highest_order, least_fundamentals, single};

/// Harmonics of all channels without gaps. Takes 74 kB.
#[derive(Clone, Debug)]
pub struct GaplessHarmonics {
    channels: ChannelSet,
    rate_hz: f64,
    nominal_hertz: f64,
    cycles: usize,
    least: [f64; N_CHANNELS],
    per_lsb: [f64; N_CHANNELS],
    recent: [Lanes; RING],
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
    /// The span's kernel; none while no frequency is known.
    kernel: Option<Kernel>,
    /// The frequency of the next span.
    hertz: Option<f64>,
    /// Where a span is to begin.
    tick: Option<Position>,
}

/// One sample of all channels.
type Lanes = [f32; LANES];

/// The seven channels and one lane that makes vectors whole.
const LANES: usize = 8;

/// How a span is resampled.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    hertz: f64,
    /// Distance of the points in samples, Q32.32.
    step: u64,
    /// Half the width in samples.
    reach: u64,
    /// Table entries of one sample, Q16.
    entries_per_sample: u32,
    inverse_stretch: f32,
}

impl GaplessHarmonics {
    /// For the channels of the setup. Its scales are those of 23 degrees; parts of the fundamental do not depend on them.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    pub fn new(setup: &Setup) -> Result<Self, SetupError> {
        setup.check()?;
        let gain = |channel: Channel| {
            let calibration = setup.calibration.get(channel.index());
            calibration.map_or(1.0, crate::calibration::Calibration::gain)
        };
        Ok(Self {
            channels: setup.channels,
            rate_hz: setup.rate_hz,
            nominal_hertz: setup.nominal_frequency.hertz(),
            cycles: cycles(setup.nominal_frequency),
            least: least_fundamentals(setup),
            per_lsb: Channel::ALL.map(|channel| setup.per_lsb(channel) * gain(channel)),
            recent: [[0.0; LANES]; RING],
            points: [[0.0; POINTS]; N_CHANNELS],
            shared: [0.0; POINTS],
            filled: 0,
            origin: 0,
            received: 0,
            place: 0,
            begun: 0,
            kernel: None,
            hertz: None,
            tick: None,
        })
    }

    /// Says what the frequency of the next span will be; none when it is not known, which spoils the span that runs.
    pub fn expect_hertz(&mut self, hertz: Option<f64>) {
        // Beyond what is tracked there is nothing to expect; not a number is no frequency.
        let (least, most) = (self.nominal_hertz * 0.8, self.nominal_hertz * 1.2);
        self.hertz = hertz.filter(|hertz| (least..=most).contains(hertz));
        if self.hertz.is_none() {
            self.kernel = None;
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
            if let Some(lanes) = self.recent.get_mut(ring_index(self.received)) {
                for (lane, code) in lanes.iter_mut().zip(set) {
                    *lane = single((*code).clamp(-0x80_0000, 0x7F_FFFF));
                }
            }
            self.received += 1;
            let kernel = match (self.kernel, self.hertz) {
                (Some(kernel), _) => kernel,
                (None, Some(hertz)) => self.begin(hertz, None),
                (None, None) => {
                    self.rebase(self.received);
                    continue;
                }
            };
            while (self.place >> 32) + kernel.reach < self.received {
                self.interpolate(&kernel);
                if POINTS <= self.filled {
                    self.finish(&kernel, &mut each);
                    break;
                }
            }
        }
    }

    /// Begins a span where the one before ended, or as soon as the kernel has its samples.
    fn begin(&mut self, hertz: f64, at: Option<u64>) -> Kernel {
        let step = self.cycles as f64 * self.rate_hz / hertz / POINTS as f64;
        let stretch = step.clamp(1.0, WIDEST_STRETCH);
        #[expect(clippy::cast_possible_truncation, reason = "the weights are single precision")]
        let kernel = Kernel {
            hertz,
            step: nearest_u64(step * 4_294_967_296.0),
            reach: nearest_u64(libm::ceil(HALF_TAPS as f64 * stretch)),
            entries_per_sample: nearest_u32(f64::from(ENTRIES_PER_TAP << 16) / stretch),
            inverse_stretch: (1.0 / stretch) as f32,
        };
        self.filled = 0;
        self.place = at.unwrap_or((self.received + kernel.reach) << 32);
        self.begun = self.place;
        self.kernel = Some(kernel);
        kernel
    }

    /// All channels at `place`.
    fn interpolate(&mut self, kernel: &Kernel) {
        let whole = self.place >> 32;
        let step = kernel.entries_per_sample;
        let (mut before, mut after) = entries_around(self.place, step);
        let mut sums = [0.0_f32; LANES];
        for back in 0..kernel.reach {
            let (here, next) = (weight(before), weight(after));
            let sample = self.recent.get(ring_index(whole.wrapping_sub(back)));
            let later = self.recent.get(ring_index(whole + 1 + back));
            if let (Some(sample), Some(later)) = (sample, later) {
                for ((sum, sample), later) in sums.iter_mut().zip(sample).zip(later) {
                    *sum += sample * here + later * next;
                }
            }
            before = before.wrapping_add(step);
            after = after.wrapping_add(step);
        }
        for (points, sum) in self.points.iter_mut().zip(sums) {
            if let Some(point) = points.get_mut(self.filled) {
                *point = sum * kernel.inverse_stretch;
            }
        }
        self.filled += 1;
        self.place += kernel.step;
    }

    /// Transforms all channels of a complete span and begins the next.
    fn finish(&mut self, kernel: &Kernel, each: &mut impl FnMut(&Spectrum)) {
        let at = |place: u64| Position::of_sample(self.origin).plus_raw(place >> 16);
        let (from, to) = (at(self.begun), at(self.place));
        let anew = self.begins_anew(kernel);
        for channel in self.channels.iter() {
            let index = channel.index();
            let span = Span {
                channel,
                from,
                to,
                cycles: self.cycles,
                highest_order: highest_order(self.rate_hz, kernel.hertz),
                per_lsb: self.per_lsb.get(index).copied().unwrap_or(1.0),
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
            self.begun += kernel.step * u64::try_from(first).unwrap_or(0);
            self.rebase(self.begun >> 32);
            return;
        }
        self.rebase(self.place >> 32);
        match self.hertz {
            Some(hertz) => {
                self.begin(hertz, Some(self.place));
            }
            None => self.kernel = None,
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
        let turns = (to / RING as u64) * RING as u64;
        self.origin = self.origin.saturating_add(turns);
        self.received = self.received.saturating_sub(turns);
        self.place = self.place.saturating_sub(turns << 32);
        self.begun = self.begun.saturating_sub(turns << 32);
    }
}
