//! Flicker: how much the voltage's fluctuations disturb who sits under a lamp (IEC 61000-4-15), Pst and Plt.
//!
//! ```text
//! codes -> squares, averaged to 800 a second -> by the slow mean square -> 0.05 Hz .. 35 Hz -> eye -> square, 0.3 s -> Pinst
//!                                                                                                   Pinst -> classes -> Pst
//! ```
//! Squaring demodulates; the eye's filter is that of a 60 W lamp and a person. The classes are the octaves of a float cut in 16: no
//! logarithm for each sample. The short-term interval (10 minutes) is the caller's, who has the clock.

use core::f32::consts::PI;

use libm::{cbrt, cosf, hypotf, sinf, sqrt, tanf};

use crate::channel::{N_PHASES, Phase, SampleSet};
use crate::rounding::nearest_u32;
use crate::setup::{NominalFrequency, Setup, SetupError};
use crate::sums::times;

/// The lamp that is assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lamp {
    /// 230 V, 60 W: a thick coil.
    V230,
    /// 120 V, 60 W: a thin one, that is slower.
    V120,
}

/// The flickermeters of all voltages. Takes about 6 kB.
#[derive(Clone, Debug)]
pub struct Flicker {
    voltages: [Option<Flickermeter>; N_PHASES],
}

/// The flickermeter of one voltage.
#[derive(Clone, Debug)]
struct Flickermeter {
    /// Samples of one average.
    decimation: u32,
    square: i64,
    filled: u32,
    /// Mean square below which there is no voltage to judge.
    least_square: f32,
    slow_square: Option<f32>,
    slow_share: f32,
    high_pass: HighPass,
    low_pass: [Section; 3],
    eye: [Section; 2],
    smooth_share: f32,
    smooth: f32,
    scale: f32,
    /// Averages until the filters have settled.
    settling: u32,
    settling_after_gap: u32,
    classes: [u32; N_CLASSES],
}

/// A high-pass of first order.
#[derive(Clone, Copy, Debug)]
struct HighPass {
    gain: f32,
    pole: f32,
    before: f32,
    passed: f32,
}

/// A filter of second order, direct form II transposed.
#[derive(Clone, Copy, Debug)]
struct Section {
    forward: [f32; 3],
    back: [f32; 2],
    state: [f32; 2],
}

impl Flicker {
    /// Flickermeters for the voltages of the setup.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd.
    #[inline(never)] // so that the stack of who makes the whole holds one part at a time
    pub fn new(setup: &Setup, lamp: Lamp) -> Result<Self, SetupError> {
        setup.check()?;
        Ok(Self {
            voltages: Phase::ALL.map(|phase| {
                let channel = phase.voltage();
                let nominal_lsb = setup.nominal_volts / setup.per_lsb(channel);
                setup
                    .channels
                    .contains(channel)
                    .then(|| Flickermeter::new(setup, lamp, nominal_lsb * setup.presence_fraction))
            }),
        })
    }

    /// Takes sample sets. How they are cut into blocks changes nothing.
    pub fn push_block(&mut self, block: &[SampleSet]) {
        for (phase, meter) in Phase::ALL.into_iter().zip(&mut self.voltages) {
            if let Some(meter) = meter {
                meter.take(block, phase.voltage().index());
            }
        }
    }

    /// The instantaneous flicker of `phase` in thousandths; 1 is what half of all people just see. None until the filters have
    /// settled, half a minute after the voltage came.
    #[must_use]
    pub fn instantaneous_thousandths(&self, phase: Phase) -> Option<u32> {
        let meter = self.voltages.get(phase.index())?.as_ref()?;
        (meter.settling == 0).then(|| nearest_u32(f64::from(meter.smooth) * 1e3))
    }

    /// Ends the short-term interval: the Pst of each voltage in thousandths, and all begins anew. None where no voltage was judged.
    pub fn short_term_thousandths(&mut self) -> [Option<u32>; N_PHASES] {
        self.voltages.each_mut().map(|meter| {
            let meter = meter.as_mut()?;
            let pst = short_term(&meter.classes);
            meter.classes = [0; N_CLASSES];
            pst.map(|pst| nearest_u32(pst * 1e3))
        })
    }

    /// Plt of the Pst values of two hours, in thousandths: the cube root of the mean of their cubes.
    #[must_use]
    pub fn long_term_thousandths(short_term_thousandths: &[u32; 12]) -> u32 {
        let cubes: f64 = short_term_thousandths
            .iter()
            .map(|pst| f64::from(*pst) * f64::from(*pst) * f64::from(*pst))
            .sum();
        nearest_u32(cbrt(cubes / 12.0))
    }
}

impl Flickermeter {
    fn new(setup: &Setup, lamp: Lamp, least_lsb: f64) -> Self {
        let decimation = nearest_u32(setup.rate_hz / RATE_HZ).max(1);
        let rate_hz = narrow(setup.rate_hz / f64::from(decimation));
        let corner_hz = match setup.nominal_frequency {
            NominalFrequency::Hz50 => 35.0,
            NominalFrequency::Hz60 => 42.0,
        };
        let high_pass = HighPass::new(LOWEST_HZ, rate_hz);
        // Butterworth of sixth order; the corner is where it should be after the transformation.
        let corner = 2.0 * rate_hz * tanf(PI * corner_hz / rate_hz);
        let low_pass = [1.0_f32, 3.0, 5.0].map(|n| {
            let damping = 2.0 * cosf(n * PI / 12.0);
            Section::bilinear(
                [1.0, 0.0, 0.0],
                [1.0, damping / corner, 1.0 / (corner * corner)],
                2.0 * rate_hz,
            )
        });
        let settling_after_gap = nearest_u32(f64::from(SETTLING_SECONDS * rate_hz));
        let smooth_share = 1.0 / (SMOOTHING_SECONDS * rate_hz);
        Self {
            decimation,
            square: 0,
            filled: 0,
            least_square: narrow(least_lsb * least_lsb),
            slow_square: None,
            slow_share: 1.0 / (TRACKING_SECONDS * rate_hz),
            scale: scale(&low_pass, rate_hz),
            high_pass,
            low_pass,
            eye: eye(lamp, rate_hz),
            smooth_share,
            smooth: 0.0,
            settling: settling_after_gap,
            settling_after_gap,
            classes: [0; N_CLASSES],
        }
    }

    /// Takes the codes of a channel, held to 24 bits.
    fn take(&mut self, block: &[SampleSet], channel: usize) {
        let mut rest = block;
        while !rest.is_empty() {
            let left = usize::try_from(self.decimation.saturating_sub(self.filled)).unwrap_or(usize::MAX);
            let (piece, after) = rest.split_at(left.clamp(1, rest.len()));
            for set in piece {
                let code = set.get(channel).copied().unwrap_or(0).clamp(-0x80_0000, 0x7F_FFFF);
                self.square = self.square.wrapping_add(times(code, code));
            }
            self.filled = self
                .filled
                .saturating_add(u32::try_from(piece.len()).unwrap_or(u32::MAX));
            if self.decimation <= self.filled {
                let mean = narrow(self.square as f64 / f64::from(self.decimation));
                (self.square, self.filled) = (0, 0);
                self.observe(mean);
            }
            rest = after;
        }
    }

    /// Takes the next mean square.
    fn observe(&mut self, square: f32) {
        let slow = match self.slow_square {
            // The first cycles have not shown the mean yet: it is found quickly, then slowly.
            None => square,
            Some(slow) => {
                let haste = if self.settling_after_gap / 2 < self.settling {
                    200.0
                } else {
                    1.0
                };
                slow + (square - slow) * (self.slow_share * haste).min(1.0)
            }
        };
        self.slow_square = Some(slow);
        if slow < self.least_square {
            self.settling = self.settling_after_gap;
            self.high_pass.rest_at(1.0);
            return;
        }
        let mut value = self.high_pass.pass(square / slow);
        for section in self.low_pass.iter_mut().chain(&mut self.eye) {
            value = section.pass(value);
        }
        self.smooth += (value * value * self.scale - self.smooth) * self.smooth_share;
        if self.settling == 0 {
            if let Some(class) = self.classes.get_mut(class_of(self.smooth)) {
                *class = class.saturating_add(1);
            }
        } else {
            self.settling -= 1;
        }
    }
}

impl Section {
    /// The filter with numerator and denominator in powers of s, `double_rate` being twice the rate.
    fn bilinear(above: [f32; 3], below: [f32; 3], double_rate: f32) -> Self {
        let transform = |[a, b, c]: [f32; 3]| {
            let (b, c) = (b * double_rate, c * double_rate * double_rate);
            [a + b + c, 2.0 * (a - c), a - b + c]
        };
        let [first, second, third] = transform(below);
        let [a, b, c] = transform(above);
        Self {
            forward: [a / first, b / first, c / first],
            back: [second / first, third / first],
            state: [0.0; 2],
        }
    }

    /// Of a filter whose numerator is of first order: the zero that the transformation has put at half the rate is moved inwards, to make up
    /// for some of the averaging of samples and the warp of the eye's filters, which together cost 2.3 % of Pinst at 33.3 Hz. It makes up for
    /// as much as keeps both within 2 %: Pinst there, and Pst of the vector of 4800 changes, which reads high.
    fn sharpened(self) -> Self {
        let [first, _, second] = self.forward;
        let scale = 2.0 / (1.0 + ZERO);
        Self {
            forward: [scale * first, scale * (second + ZERO * first), scale * ZERO * second],
            ..self
        }
    }

    #[inline]
    fn pass(&mut self, value: f32) -> f32 {
        let [now, before, earlier] = self.forward;
        let [back, further_back] = self.back;
        let [first, second] = self.state;
        let passed = now * value + first;
        self.state = [
            before * value - back * passed + second,
            earlier * value - further_back * passed,
        ];
        passed
    }

    /// The gain at `turns` of a turn per sample.
    fn gain(&self, turns: f32) -> f32 {
        let at = |[a, b, c]: [f32; 3]| {
            let angle = 2.0 * PI * turns;
            let real = a + b * cosf(angle) + c * cosf(2.0 * angle);
            hypotf(real, b * sinf(angle) + c * sinf(2.0 * angle))
        };
        let [back, further_back] = self.back;
        at(self.forward) / at([1.0, back, further_back])
    }
}

impl HighPass {
    fn new(corner_hz: f32, rate_hz: f32) -> Self {
        let corner = tanf(PI * corner_hz / rate_hz);
        Self {
            gain: 1.0 / (1.0 + corner),
            pole: (1.0 - corner) / (1.0 + corner),
            before: 1.0,
            passed: 0.0,
        }
    }

    #[inline]
    fn pass(&mut self, value: f32) -> f32 {
        self.passed = self.pole * self.passed + self.gain * (value - self.before);
        self.before = value;
        self.passed
    }

    /// As after `value` for ever.
    const fn rest_at(&mut self, value: f32) {
        self.before = value;
        self.passed = 0.0;
    }
}

/// The weighting of lamp, eye and brain.
fn eye(lamp: Lamp, rate_hz: f32) -> [Section; 2] {
    // k, and lambda, w1 .. w4 over two pi.
    let (gain, of_standard) = match lamp {
        Lamp::V230 => (1.748_02, [4.059_81, 9.154_94, 2.279_79, 1.225_35, 21.9]),
        Lamp::V120 => (1.635_7, [4.167_375, 9.077_169, 2.939_902, 1.394_468, 17.315_12]),
    };
    let [damping, w1, w2, w3, w4] = of_standard.map(|hertz: f32| 2.0 * PI * hertz);
    [
        Section::bilinear([0.0, gain * w1, 0.0], [w1 * w1, 2.0 * damping, 1.0], 2.0 * rate_hz),
        Section::bilinear(
            [1.0, 1.0 / w2, 0.0],
            [1.0, 1.0 / w3 + 1.0 / w4, 1.0 / (w3 * w4)],
            2.0 * rate_hz,
        )
        .sharpened(),
    ]
}

/// What makes a Pinst of 1 of the squared signal: a sine of 8.8 Hz and 0.25 % under the lamp for 230 V.
fn scale(low_pass: &[Section; 3], rate_hz: f32) -> f32 {
    let turns = REFERENCE_HZ / rate_hz;
    let gain: f32 = low_pass
        .iter()
        .chain(&eye(Lamp::V230, rate_hz))
        .map(|section| section.gain(turns))
        .product();
    // The square of the wave has a mean and a ripple of twice the frequency, which the smoothing leaves a little of.
    let ripple = 1.0 / hypotf(1.0, 4.0 * PI * REFERENCE_HZ * SMOOTHING_SECONDS);
    let peak = REFERENCE_DEPTH * REFERENCE_DEPTH * gain * gain / 2.0 * (1.0 + ripple);
    1.0 / peak
}

/// The class of an instantaneous flicker: sixteenths of an octave, read off the float itself.
fn class_of(pinst: f32) -> usize {
    let steps = pinst.to_bits().saturating_sub(LEAST_CLASS_BITS) >> CLASS_SHIFT;
    usize::try_from(steps).unwrap_or(usize::MAX).min(N_CLASSES - 1)
}

/// Where a class begins.
fn begin_of(class: usize) -> f64 {
    let steps = u32::try_from(class).unwrap_or(0);
    let bits = LEAST_CLASS_BITS.saturating_add(steps << CLASS_SHIFT);
    if class == 0 {
        0.0
    } else {
        f64::from(f32::from_bits(bits))
    }
}

/// Pst of the classes; none when they are empty.
fn short_term(classes: &[u32; N_CLASSES]) -> Option<f64> {
    let total: f64 = classes.iter().map(|count| f64::from(*count)).sum();
    if total == 0.0 {
        return None;
    }
    let exceeded_for = |percent: f64| {
        let mut missing = total * percent / 100.0;
        for (class, count) in classes.iter().enumerate().rev() {
            let count = f64::from(*count);
            if missing <= count && 0.0 < count {
                let (begin, end) = (begin_of(class), begin_of(class + 1));
                return end - (end - begin) * missing / count;
            }
            missing -= count;
        }
        0.0
    };
    let mean =
        |percents: &[f64]| percents.iter().map(|percent| exceeded_for(*percent)).sum::<f64>() / percents.len() as f64;
    Some(sqrt(
        0.0314 * exceeded_for(0.1)
            + 0.0525 * mean(&[0.7, 1.0, 1.5])
            + 0.0657 * mean(&[2.2, 3.0, 4.0])
            + 0.28 * mean(&[6.0, 8.0, 10.0, 13.0, 17.0])
            + 0.08 * mean(&[30.0, 50.0, 80.0]),
    ))
}

/// Half of a float's digits are enough here.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to the nearest float, that is what is wanted"
)]
const fn narrow(value: f64) -> f32 {
    value as f32
}

/// Averages a second, or as near as whole samples allow.
const RATE_HZ: f64 = 800.0;
const LOWEST_HZ: f32 = 0.05;
const SMOOTHING_SECONDS: f32 = 0.3;
const TRACKING_SECONDS: f32 = 27.3;
const SETTLING_SECONDS: f32 = 30.0;
/// Less the place of the moved zero.
const ZERO: f32 = 0.1;
const REFERENCE_HZ: f32 = 8.8;
const REFERENCE_DEPTH: f32 = 0.0025;
/// 25 octaves of 16 classes: a Pinst of 0.001 to 32 768, a Pst of 0.02 to 130.
const N_CLASSES: usize = 400;
const CLASS_SHIFT: u32 = 19;
/// 2^-10.
const LEAST_CLASS_BITS: u32 = (127 - 10) << 23;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sixteenths_of_octaves() {
        assert_eq!((class_of(0.0), class_of(0.0009), class_of(1.0)), (0, 0, 160));
        assert_eq!((class_of(1.99), class_of(2.0), class_of(f32::MAX)), (175, 176, 399));
        for class in 1..N_CLASSES {
            assert_eq!(class_of(narrow(begin_of(class))), class);
        }
    }

    /// A constant Pinst of 1 gives the root of the sum of the weights.
    #[test]
    fn percentiles_lie_within_their_class() {
        let mut classes = [0; N_CLASSES];
        assert_eq!(short_term(&classes), None);
        classes[class_of(1.0)] = 480_000;
        let pst = short_term(&classes).expect("full");
        assert!((0.7128..0.7352).contains(&pst), "{pst}");
    }

    #[test]
    fn two_hours_are_the_cube_root_of_the_mean_cube() {
        assert_eq!(Flicker::long_term_thousandths(&[1_000; 12]), 1_000);
        let mut once = [0; 12];
        once[3] = 2_000;
        assert_eq!(Flicker::long_term_thousandths(&once), 874);
    }
}
