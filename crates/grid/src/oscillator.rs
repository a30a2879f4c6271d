//! The running angle of the mains, and waves that follow it: a fundamental and harmonics on several channels at once.
//!
//! The angle is a counter of 2^64 to the turn, so that it neither drifts nor loses resolution, however long the meter runs.
//! Waves turn by complex multiplication, a fraction of the cost of a sine, and are set right from the counter every second.

use core::f64::consts::{PI, SQRT_2};

use heapless::Vec;

use crate::setting::{Harmonic, MAX_HARMONICS};

/// The running angle: 2^64 is a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Angle(pub(crate) u64);

impl Angle {
    pub(crate) fn from_degrees(degrees: f64) -> Self {
        Self::from_turns(degrees / 360.0)
    }

    pub(crate) fn from_turns(turns: f64) -> Self {
        Self(whole((turns - libm::floor(turns)) * TURN))
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    pub(crate) const fn times(self, factor: u64) -> Self {
        Self(self.0.wrapping_mul(factor))
    }

    /// Radians from -pi to pi.
    pub(crate) fn radians(self) -> f64 {
        self.0.cast_signed() as f64 * (2.0 * PI / TURN)
    }
}

/// The fundamental of one channel and its harmonics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wave<'a> {
    /// Root mean square of the fundamental.
    pub(crate) rms: f64,
    /// Angle of the fundamental against the running angle.
    pub(crate) degrees: f64,
    /// In percent of the fundamental, angles at its rising zero crossing.
    pub(crate) harmonics: &'a [Harmonic],
}

/// Waves of `N` channels over one running angle. The fundamental is always there; harmonics at and above half the rate
/// are left out, as the filter in front of a converter would.
#[derive(Clone, Debug)]
pub(crate) struct Waves<const N: usize> {
    tones: Vec<Tone<N>, { MAX_HARMONICS + 1 }>,
}

/// One frequency in all channels: where it stands (`cos`, `sin`), how far it turns per sample, and its share in each channel.
#[derive(Clone, Debug)]
struct Tone<const N: usize> {
    order: u64,
    cos: f64,
    sin: f64,
    turn_cos: f64,
    turn_sin: f64,
    of_cos: [f64; N],
    of_sin: [f64; N],
}

impl<const N: usize> Waves<N> {
    /// The waves at `angle`, turning by `step` each sample.
    pub(crate) fn new(waves: &[Wave<'_>; N], angle: Angle, step: Angle) -> Self {
        let mut it = Self { tones: Vec::new() };
        for (channel, wave) in waves.iter().enumerate() {
            it.add(channel, 1, wave.rms, Angle::from_degrees(wave.degrees));
            for harmonic in wave.harmonics {
                let order = u64::from(harmonic.order);
                if step.0.checked_mul(order).is_some_and(|turned| turned < HALF_TURN) && 0.0 < harmonic.percent {
                    let at_zero_crossing = Angle::from_degrees(wave.degrees).times(order);
                    let angle = at_zero_crossing.plus(Angle::from_degrees(harmonic.phase_deg));
                    it.add(channel, order, wave.rms * harmonic.percent / 100.0, angle);
                }
            }
        }
        it.align(angle, step);
        it
    }

    /// Sets every tone to where the running angle stands.
    pub(crate) fn align(&mut self, angle: Angle, step: Angle) {
        for tone in &mut self.tones {
            (tone.sin, tone.cos) = libm::sincos(angle.times(tone.order).radians());
            (tone.turn_sin, tone.turn_cos) = libm::sincos(step.times(tone.order).radians());
        }
    }

    /// Cosine and sine of the running angle.
    pub(crate) fn unit(&self) -> [f64; 2] {
        self.tones.first().map_or([1.0, 0.0], |tone| [tone.cos, tone.sin])
    }

    /// The present values; then the angle moves on by a step.
    pub(crate) fn next(&mut self) -> [f64; N] {
        let mut values = [0.0; N];
        for tone in &mut self.tones {
            for (value, (of_cos, of_sin)) in values.iter_mut().zip(tone.of_cos.iter().zip(&tone.of_sin)) {
                *value += of_cos * tone.cos + of_sin * tone.sin;
            }
            let cos = tone.cos * tone.turn_cos - tone.sin * tone.turn_sin;
            tone.sin = tone.sin * tone.turn_cos + tone.cos * tone.turn_sin;
            tone.cos = cos;
        }
        values
    }

    fn add(&mut self, channel: usize, order: u64, rms: f64, angle: Angle) {
        if !self.tones.iter().any(|tone| tone.order == order) {
            let silent = Tone {
                order,
                cos: 1.0,
                sin: 0.0,
                turn_cos: 1.0,
                turn_sin: 0.0,
                of_cos: [0.0; N],
                of_sin: [0.0; N],
            };
            let room = self.tones.push(silent);
            assert!(room.is_ok(), "there are at most 50 orders, each once");
        }
        let (sin, cos) = libm::sincos(angle.radians());
        for tone in self.tones.iter_mut().filter(|tone| tone.order == order) {
            if let (Some(of_cos), Some(of_sin)) = (tone.of_cos.get_mut(channel), tone.of_sin.get_mut(channel)) {
                *of_cos = rms * SQRT_2 * sin;
                *of_sin = rms * SQRT_2 * cos;
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 2^64, and the cast saturates"
)]
const fn whole(counts: f64) -> u64 {
    counts as u64
}

const TURN: f64 = 18_446_744_073_709_551_616.0;

const HALF_TURN: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn the_angle_knows_its_quarters() {
        assert_eq!(Angle::from_degrees(90.0), Angle(1 << 62));
        assert_eq!(Angle::from_degrees(-90.0), Angle(3 << 62));
        assert_eq!(Angle::from_degrees(-360.0), Angle(0));
        assert!((Angle::from_degrees(-120.0).radians() + 2.0 * PI / 3.0).abs() < 1e-15);
    }

    #[test]
    fn an_hour_of_turning_stays_within_a_millionth_of_a_millionth() {
        let harmonics = [Harmonic {
            order: 50,
            percent: 100.0,
            phase_deg: 30.0,
        }];
        let step = Angle::from_turns(50.013 / 8000.0);
        let mut angle = Angle(0);
        let wave = Wave {
            rms: 1.0,
            degrees: -120.0,
            harmonics: &harmonics,
        };
        let mut waves = Waves::new(&[wave], angle, step);
        let mut worst = 0.0_f64;
        for _second in 0..3600 {
            waves.align(angle, step);
            for _ in 0..7999 {
                let _passed = waves.next();
            }
            let [value] = waves.next();
            let at = angle.plus(step.times(7999)).plus(Angle::from_degrees(-120.0));
            let exact = SQRT_2 * (libm::sin(at.radians()) + libm::sin(at.times(50).radians() + PI / 6.0));
            worst = worst.max((value - exact).abs());
            angle = angle.plus(step.times(8000));
        }
        assert!(worst < 1e-11, "{worst:e}");
    }

    #[test]
    fn what_the_rate_cannot_carry_is_left_out() {
        let harmonics = [Harmonic {
            order: 20,
            percent: 100.0,
            phase_deg: 90.0,
        }];
        let wave = Wave {
            rms: 1.0,
            degrees: 0.0,
            harmonics: &harmonics,
        };
        let value = |rate| Waves::new(&[wave], Angle(0), Angle::from_turns(50.0 / rate)).next()[0];
        assert!((value(2001.0) - SQRT_2).abs() < 1e-12);
        assert_eq!(value(2000.0), 0.0);
    }
}
