//! Harmonics and total harmonic distortion after IEC 61000-4-7, one channel after the other.
//!
//! The channels take turns: one is resampled over 10 or 12 cycles and transformed, then the next. With seven channels each is
//! renewed every 1.5 s: what a small target can do. [`GaplessHarmonics`](crate::GaplessHarmonics) takes all at once.
//! A span during which the supply's frequency was not tracked is thrown away.

use microfft::real::rfft_2048;

use crate::channel::{Channel, ChannelSet, N_CHANNELS, SampleSet};
use crate::kernel::POINTS;
use crate::position::Position;
use crate::resampler::{PASSBAND, Resampler};
use crate::rounding::{nearest_u32, nearest_u64};
use crate::setup::{NominalFrequency, Setup};
use crate::solver::Solver;

/// Highest order of harmonics.
pub const MAX_ORDER: usize = 50;

/// The harmonics of one channel over 10 or 12 cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spectrum {
    /// The channel.
    pub channel: Channel,
    /// Where the span begins.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
    /// Rms of the fundamental's subgroup in microvolts or microamperes.
    pub fundamental_micro: u64,
    /// Total harmonic distortion (subgroups 2 to [`Self::highest_order`]) in millionths of the fundamental; none without a
    /// fundamental to speak of: below the threshold of presence, or below the starting current.
    pub thd_millionths: Option<u32>,
    /// The highest order that the sampling rate lets through, at most 50.
    pub highest_order: u8,
    harmonics: [u32; MAX_ORDER],
}

impl Spectrum {
    /// Rms of the subgroup of harmonic `order`, 1 to [`Self::highest_order`], in millionths of the fundamental.
    #[must_use]
    pub fn harmonic_millionths(&self, order: u8) -> Option<u32> {
        let known = (1..=self.highest_order).contains(&order) && self.thd_millionths.is_some();
        known.then(|| self.harmonics.get(usize::from(order) - 1).copied())?
    }
}

/// The channels' harmonics in turn.
#[derive(Clone, Debug)]
pub(crate) struct Analyser {
    channels: ChannelSet,
    rate_hz: f64,
    cycles: usize,
    /// Least fundamental in volts or amperes.
    least: [f64; N_CHANNELS],
    /// The channel whose turn it is, and the frequency with which its span was begun.
    channel: Channel,
    hertz: Option<f64>,
    resampler: Resampler,
    spectra: [Option<Spectrum>; N_CHANNELS],
}

impl Analyser {
    /// For a setup that was checked.
    #[inline(never)] // as the core
    pub(crate) fn new(setup: &Setup) -> Self {
        let least = least_fundamentals(setup);
        Self {
            channels: setup.channels,
            rate_hz: setup.rate_hz,
            cycles: cycles(setup.nominal_frequency),
            least,
            channel: Channel::In,
            hertz: None,
            resampler: Resampler::idle(),
            spectra: [None; N_CHANNELS],
        }
    }

    /// Takes samples that came while the supply had the frequency `hertz` (none: unknown); `now` is the number of the first.
    pub(crate) fn feed(&mut self, block: &[SampleSet], now: u64, hertz: Option<f64>, solver: &Solver) {
        let Some(tracked) = hertz else {
            self.hertz = None; // what was begun is spoiled
            return;
        };
        let mut next = now;
        for set in block {
            let begun = match self.hertz {
                Some(begun) => begun,
                None => self.begin(tracked),
            };
            next = next.saturating_add(1);
            let code = set
                .get(self.channel.index())
                .copied()
                .unwrap_or(0)
                .clamp(-0x80_0000, 0x7F_FFFF);
            if self.resampler.push(single(code)) {
                self.finish(next, begun, solver);
                self.hertz = None;
            }
        }
    }

    /// The latest spectrum of `channel`.
    pub(crate) fn spectrum(&self, channel: Channel) -> Option<&Spectrum> {
        self.spectra.get(channel.index())?.as_ref()
    }

    /// Gives the next channel its turn.
    fn begin(&mut self, hertz: f64) -> f64 {
        let after = self.channel.index() + 1;
        let mut order = Channel::ALL.iter().cycle().skip(after).take(N_CHANNELS);
        self.channel = order
            .find(|channel| self.channels.contains(**channel))
            .copied()
            .unwrap_or(Channel::V1);
        self.resampler.begin(self.cycles as f64 * self.rate_hz / hertz);
        self.hertz = Some(hertz);
        hertz
    }

    /// Transforms the span that was completed by the sample before number `next`.
    fn finish(&mut self, next: u64, hertz: f64, solver: &Solver) {
        let (before_begin, before_end) = self.resampler.span_before_now();
        let at = |before: f64| Position::of_sample(next) - Position::from_raw(nearest_u64(before * 65_536.0));
        let span = Span {
            channel: self.channel,
            from: Position::from_raw(at(before_begin)),
            to: Position::from_raw(at(before_end)),
            cycles: self.cycles,
            highest_order: highest_order(self.rate_hz, hertz),
            solver,
            least: self.least.get(self.channel.index()).copied().unwrap_or(0.0),
        };
        let spectrum = span.transform(self.resampler.points());
        if let Some(slot) = self.spectra.get_mut(self.channel.index()) {
            *slot = Some(spectrum);
        }
    }
}

/// What is known of a span of one channel before it is transformed.
pub(crate) struct Span<'a> {
    pub(crate) channel: Channel,
    pub(crate) from: Position,
    pub(crate) to: Position,
    pub(crate) cycles: usize,
    pub(crate) highest_order: usize,
    /// What makes volts and amperes of codes.
    pub(crate) solver: &'a Solver,
    /// Least fundamental in volts or amperes.
    pub(crate) least: f64,
}

impl Span<'_> {
    /// The spectrum of the resampled points, which are worked on in place.
    pub(crate) fn transform(&self, points: &mut [f32; POINTS]) -> Spectrum {
        let bins = rfft_2048(points);
        // Sum of the squares of the subgroup's three bins, in squared rms codes.
        let subgroup = |order: usize| {
            let centre = order * self.cycles;
            let bins = bins.get(centre - 1..=centre + 1).unwrap_or(&[]);
            bins.iter()
                .map(|bin| f64::from(bin.re) * f64::from(bin.re) + f64::from(bin.im) * f64::from(bin.im))
                .sum::<f64>()
                * (2.0 / (POINTS * POINTS) as f64)
        };
        let fundamental = subgroup(1);
        let mut harmonics = [0; MAX_ORDER];
        let mut distortion = 0.0;
        for (slot, order) in harmonics.iter_mut().zip(1..=self.highest_order) {
            let square = subgroup(order);
            if 1 < order {
                distortion += square;
            }
            *slot = nearest_u32(libm::sqrt(square / fundamental) * 1e6);
        }
        let rms = self.solver.sine(self.channel, libm::sqrt(fundamental));
        let enough = self.least <= rms;
        Spectrum {
            channel: self.channel,
            from: self.from,
            to: self.to,
            fundamental_micro: nearest_u64(rms * 1e6),
            thd_millionths: enough.then(|| nearest_u32(libm::sqrt(distortion / fundamental) * 1e6)),
            highest_order: u8::try_from(self.highest_order).unwrap_or(u8::MAX),
            harmonics,
        }
    }
}

/// The highest order that a sampling rate lets through at this frequency, at most [`MAX_ORDER`].
pub(crate) fn highest_order(rate_hz: f64, hertz: f64) -> usize {
    usize::try_from(nearest_u64(libm::floor(rate_hz * PASSBAND / hertz)))
        .map_or(MAX_ORDER, |order| order.clamp(1, MAX_ORDER))
}

/// The least fundamental of each channel that is worth a distortion, in volts or amperes.
pub(crate) fn least_fundamentals(setup: &Setup) -> [f64; N_CHANNELS] {
    Channel::ALL.map(|channel| {
        if channel.is_voltage() {
            setup.nominal_volts * setup.presence_fraction
        } else {
            setup.starting_amperes.max(setup.per_lsb(channel))
        }
    })
}

/// Cycles of a span.
pub(crate) const fn cycles(nominal: NominalFrequency) -> usize {
    match nominal {
        NominalFrequency::Hz50 => 10,
        NominalFrequency::Hz60 => 12,
    }
}

/// A code of 24 bits; single precision holds it exactly.
pub(crate) const fn single(code: i32) -> f32 {
    code as f32
}
