//! Three phases of 50 Hz in closed form, made of integers: the same codes on every machine.

use metrology::SampleSet;

use crate::Samples;

/// Voltages without harmonics, currents with a third one, 50 Hz at 8 000 samples a second: a cycle is 160 samples, and 120 degrees
/// are a third of the table of 480.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waveform {
    /// Peak of the voltages in codes, L1 to L3.
    pub volts_peak: [i32; 3],
    /// Peak of the currents' fundamentals in codes, L1 to L3.
    pub amps_peak: [i32; 3],
    /// By how much the currents lag their voltages, in 480ths of a cycle: 0.75 degrees each.
    pub lag: u16,
    /// The third harmonic of the currents in thousandths of their fundamentals.
    pub third_permille: i32,
}

impl Waveform {
    /// 230 V, 10 A lagging by 30 degrees, a third harmonic of 10 %.
    pub const ORDINARY: Self = Self {
        volts_peak: [4_547_556; 3], // 230 V x 1.41421356 of 600 V
        amps_peak: [593_159; 3],    // 10 A x 1.41421356 of 200 A
        lag: 40,
        third_permille: 100,
    };

    /// No voltage, no current.
    pub const SILENCE: Self = Self {
        volts_peak: [0; 3],
        amps_peak: [0; 3],
        lag: 0,
        third_permille: 0,
    };

    /// The active power that it stands for. Voltages have no harmonics, so the third one carries none.
    #[must_use]
    pub fn active_watts(&self, volts_per_lsb: f64, amps_per_lsb: f64) -> f64 {
        // cos(lag) is sin(lag + 90 degrees) of the same table.
        let cosine = f64::from(sine(u64::from(self.lag) + 120)) / f64::from(ONE);
        let phases = self.volts_peak.iter().zip(&self.amps_peak);
        phases
            .map(|(volts, amps)| f64::from(*volts) * volts_per_lsb * f64::from(*amps) * amps_per_lsb / 2.0 * cosine)
            .sum()
    }
}

impl Samples for Waveform {
    fn set(&mut self, number: u64) -> SampleSet {
        let angle = number % 160 * 3;
        // L2 lags L1 by 120 degrees, L3 by 240.
        let [l1, l2, l3] = [angle, angle + 320, angle + 160];
        let [v1, v2, v3] = self.volts_peak;
        let [a1, a2, a3] = self.amps_peak;
        let lag = 480 - u64::from(self.lag % 480);
        let third = i64::from(self.third_permille);
        let current =
            |peak, angle: u64| scaled(peak, sine(angle + lag)) + scaled(peak, permille(third, sine((angle + lag) * 3)));
        let currents = [current(a1, l1), current(a2, l2), current(a3, l3)];
        let [i1, i2, i3] = currents;
        [
            scaled(v1, sine(l1)),
            scaled(v2, sine(l2)),
            scaled(v3, sine(l3)),
            i1,
            i2,
            i3,
            -(i1 + i2 + i3),
        ]
    }
}

/// Sine of `angle` 480ths of a cycle, in units of [`ONE`].
fn sine(angle: u64) -> i32 {
    let angle = usize::try_from(angle % 480).unwrap_or(0);
    let (within, negative) = if angle < 240 {
        (angle, false)
    } else {
        (angle - 240, true)
    };
    let value = QUARTER.get(within.min(240 - within)).copied().unwrap_or(0);
    if negative { -value } else { value }
}

/// `peak` times a sine, rounded towards minus infinity; all codes are below 2^23, so the product fits.
fn scaled(peak: i32, sine: i32) -> i32 {
    i32::try_from((i64::from(peak) * i64::from(sine)) >> 30).unwrap_or(0)
}

/// Thousandths of a sine.
fn permille(share: i64, sine: i32) -> i32 {
    i32::try_from(i64::from(sine) * share / 1_000).unwrap_or(0)
}

/// The sine of a right angle.
const ONE: i32 = 1 << 30;

/// The first quarter of a sine in steps of 0.75 degrees, in units of [`ONE`].
const QUARTER: [i32; 121] = quarter();

/// Turns a unit vector step by step. Constants are computed by the compiler, so no target has a say in it.
const fn quarter() -> [i32; 121] {
    const COS_STEP: f64 = 0.999_914_327_574_007_1;
    const SIN_STEP: f64 = 0.013_089_595_571_344_44;
    let mut table = [0; 121];
    let (mut cosine, mut sine) = (1.0, 0.0);
    let mut step = 0;
    while step <= 120 {
        table[step] = rounded(sine * (1_u64 << 30) as f64);
        (cosine, sine) = (cosine * COS_STEP - sine * SIN_STEP, sine * COS_STEP + cosine * SIN_STEP);
        step += 1;
    }
    table
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the sine is at most 1, so the product is at most 2^30"
)]
const fn rounded(value: f64) -> i32 {
    (value + 0.5) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_a_sine() {
        assert_eq!(sine(0), 0);
        assert_eq!(sine(120), ONE);
        assert_eq!(sine(40), ONE / 2);
        assert_eq!(sine(280), -ONE / 2);
        for angle in 0..960_u32 {
            let truth = true_sine(f64::from(angle) / 480.0);
            let error = f64::from(sine(u64::from(angle))) / f64::from(ONE) - truth;
            assert!(error.abs() < 2e-9, "{angle}: {error}");
        }
    }

    /// Sine of a turn's fraction, by the standard library of the test's machine.
    fn true_sine(turns: f64) -> f64 {
        extern crate std;
        f64::sin(turns * core::f64::consts::TAU)
    }

    #[test]
    fn phases_follow_each_other_and_cancel() {
        let mut waveform = Waveform {
            third_permille: 0,
            ..Waveform::ORDINARY
        };
        for number in 0..160 {
            let [v1, v2, v3, ..] = waveform.set(number);
            assert!((v1 + v2 + v3).abs() <= 3, "{number}");
            let [.., v3_later, _, _, _, _] = waveform.set(number);
            assert_eq!(v3, v3_later);
        }
        assert_eq!(
            waveform.set(40)[0],
            Waveform::ORDINARY.volts_peak[0],
            "L1 peaks after a quarter"
        );
        assert!(waveform.set(40 + 53)[1] > 4_500_000, "L2 peaks a third later");
        assert_eq!(waveform.set(7), waveform.set(160 * 1_000_000 + 7));
    }

    #[test]
    fn third_harmonics_meet_in_the_neutral_conductor() {
        let mut waveform = Waveform::ORDINARY;
        let most = (0..160).map(|number| waveform.set(number)[6]).max();
        // Three times 10 % of 593 159.
        assert!(most.is_some_and(|code| (177_900..178_000).contains(&code)), "{most:?}");
    }
}
