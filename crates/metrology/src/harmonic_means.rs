//! Harmonics of an interval: the subgroups of many spans together, as the root of the mean of their squares (IEC 61000-4-30, 5.8).

use libm::sqrtf;

use crate::channel::{Channel, N_CHANNELS};
use crate::rounding::nearest_u32;
use crate::spectrum::{MAX_ORDER, Spectrum};

/// Sums of squares over the spans of an interval, for every channel. Takes 1.5 kB.
#[derive(Clone, Debug)]
pub struct HarmonicSums {
    channels: [ChannelSums; N_CHANNELS],
}

#[derive(Clone, Copy, Debug)]
struct ChannelSums {
    /// Spans that had a fundamental, and the spans of these that reached the highest order.
    spans: u32,
    highest_order: u8,
    /// Square of the total harmonic distortion, in parts of the fundamental.
    distortion: f32,
    /// Squares of the subgroups, in parts of the fundamental: order 1 is the fundamental itself, in squared volts or amperes.
    orders: [f32; MAX_ORDER],
}

/// The harmonics of an interval.
#[derive(Clone, Copy, Debug)]
pub struct HarmonicMeans<'a> {
    sums: &'a HarmonicSums,
}

impl HarmonicSums {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            channels: [ChannelSums::NONE; N_CHANNELS],
        }
    }

    /// Takes a span. One without a fundamental to speak of says nothing.
    pub fn add(&mut self, spectrum: &Spectrum) {
        let Some(thd) = spectrum.thd_millionths else {
            return;
        };
        let Some(sums) = self.channels.get_mut(spectrum.channel.index()) else {
            return;
        };
        let part = |millionths: u32| millionths as f32 * 1e-6;
        sums.highest_order = match sums.spans {
            0 => spectrum.highest_order,
            _ => sums.highest_order.min(spectrum.highest_order),
        };
        sums.spans = sums.spans.saturating_add(1);
        sums.distortion += part(thd) * part(thd);
        let fundamental = spectrum.fundamental_micro as f32 * 1e-6;
        for (sum, order) in sums.orders.iter_mut().zip(1_u8..) {
            let value = match order {
                1 => fundamental,
                _ => part(spectrum.harmonic_millionths(order).unwrap_or(0)),
            };
            *sum += value * value;
        }
    }

    /// What the spans say together.
    #[must_use]
    pub const fn means(&self) -> HarmonicMeans<'_> {
        HarmonicMeans { sums: self }
    }

    /// Begins anew.
    pub const fn restart(&mut self) {
        self.channels = [ChannelSums::NONE; N_CHANNELS];
    }
}

impl Default for HarmonicSums {
    fn default() -> Self {
        Self::new()
    }
}

impl ChannelSums {
    const NONE: Self = Self {
        spans: 0,
        highest_order: 0,
        distortion: 0.0,
        orders: [0.0; MAX_ORDER],
    };

    fn root(&self, sum: f32) -> f32 {
        sqrtf(sum / self.spans as f32)
    }
}

impl HarmonicMeans<'_> {
    /// Spans of `channel` in the interval: 3000 of ten minutes when gapless.
    #[must_use]
    pub fn spans(&self, channel: Channel) -> u32 {
        self.of(channel).map_or(0, |sums| sums.spans)
    }

    /// THD of `channel` in millionths of the fundamental; none without a span.
    #[must_use]
    pub fn thd_millionths(&self, channel: Channel) -> Option<u32> {
        let sums = self.of(channel)?;
        Some(nearest_u32(f64::from(sums.root(sums.distortion)) * 1e6))
    }

    /// The subgroup of `order` (2 to the highest that every span had) in millionths of the fundamental.
    #[must_use]
    pub fn harmonic_millionths(&self, channel: Channel, order: u8) -> Option<u32> {
        let sums = self.of(channel)?;
        let sum = sums.orders.get(usize::from(order.checked_sub(1)?))?;
        (2..=sums.highest_order)
            .contains(&order)
            .then(|| nearest_u32(f64::from(sums.root(*sum)) * 1e6))
    }

    /// Rms of the fundamental's subgroup in microvolts or microamperes.
    #[must_use]
    pub fn fundamental_micro(&self, channel: Channel) -> Option<u32> {
        let sums = self.of(channel)?;
        let [fundamental, ..] = sums.orders;
        Some(nearest_u32(f64::from(sums.root(fundamental)) * 1e6))
    }

    fn of(&self, channel: Channel) -> Option<&ChannelSums> {
        self.sums.channels.get(channel.index()).filter(|sums| 0 < sums.spans)
    }
}
