//! Waveforms whose truth is known in closed form: sines with harmonics, quantised by an ideal converter.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and codes of a few seconds"
)]

use ferraris_metrology::{Core, Measurement, N_CHANNELS, SampleSet, Setup};

/// The code step that metrology.md assumes: 24 bits over 600 V peak.
pub(crate) const VOLTS_PER_LSB: f64 = 600.0 / 8_388_608.0;
/// 24 bits over 200 A peak.
pub(crate) const AMPS_PER_LSB: f64 = 200.0 / 8_388_608.0;

/// One sine: order, rms, angle in degrees at time zero (of its own cosine).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tone {
    pub(crate) order: f64,
    pub(crate) rms: f64,
    pub(crate) degrees: f64,
}

/// A three-phase supply with load; all phases are made of the same tones, turned by their place in the sequence.
#[derive(Clone, Debug)]
pub(crate) struct Waveform {
    pub(crate) hertz: f64,
    /// Hertz a second.
    pub(crate) ramp: f64,
    pub(crate) voltages: [Vec<Tone>; 3],
    pub(crate) currents: [Vec<Tone>; 3],
}

/// The truth of one phase.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) volts: f64,
    pub(crate) amperes: f64,
    pub(crate) watts: f64,
    pub(crate) vars: f64,
}

/// 5.8 % of voltage harmonics, 23 % of current harmonics: the distortion of metrology.md section 4.
const VOLTAGE_HARMONICS: [(f64, f64, f64); 4] = [
    (3.0, 0.03, 40.0),
    (5.0, 0.04, -70.0),
    (7.0, 0.025, 110.0),
    (11.0, 0.015, 10.0),
];
const CURRENT_HARMONICS: [(f64, f64, f64); 4] = [
    (3.0, 0.18, 65.0),
    (5.0, 0.12, -20.0),
    (7.0, 0.07, 160.0),
    (11.0, 0.03, 5.0),
];

impl Waveform {
    /// Balanced: `volts`, `amperes` lagging by `lag_degrees`, with or without the distortion.
    pub(crate) fn balanced(hertz: f64, volts: f64, amperes: f64, lag_degrees: f64, distorted: bool) -> Self {
        let tones = |rms: f64, degrees: f64, harmonics: &[(f64, f64, f64)]| {
            let mut tones = vec![Tone {
                order: 1.0,
                rms,
                degrees,
            }];
            if distorted {
                tones.extend(harmonics.iter().map(|&(order, part, turn)| Tone {
                    order,
                    rms: rms * part,
                    degrees: order * degrees + turn,
                }));
            }
            tones
        };
        let place = |phase: usize| 17.0 - 120.0 * phase as f64;
        Self {
            hertz,
            ramp: 0.0,
            voltages: core::array::from_fn(|phase| tones(volts, place(phase), &VOLTAGE_HARMONICS)),
            currents: core::array::from_fn(|phase| tones(amperes, place(phase) - lag_degrees, &CURRENT_HARMONICS)),
        }
    }

    /// Turns of the fundamental until `seconds`.
    fn turns(&self, seconds: f64) -> f64 {
        (self.hertz + 0.5 * self.ramp * seconds) * seconds
    }

    /// The volts or amperes of `tones` at `turns` of the fundamental.
    fn value(tones: &[Tone], turns: f64) -> f64 {
        let angle = |tone: &Tone| core::f64::consts::TAU * (tone.order * turns + tone.degrees / 360.0);
        tones
            .iter()
            .map(|tone| tone.rms * core::f64::consts::SQRT_2 * angle(tone).cos())
            .sum()
    }

    /// The energy of a phase between two instants, by Simpson's rule on the unquantised waveform.
    pub(crate) fn joules(&self, phase: usize, begin: f64, end: f64) -> f64 {
        let power = |seconds: f64| {
            let turns = self.turns(seconds).fract();
            Self::value(&self.voltages[phase], turns) * Self::value(&self.currents[phase], turns)
        };
        let n_steps = 2 * (20_000.0 * (end - begin)).ceil() as u32;
        let step = (end - begin) / f64::from(n_steps);
        let weight = |n: u32| match n {
            0 => 1.0,
            n if n == n_steps => 1.0,
            n if n % 2 == 1 => 4.0,
            _ => 2.0,
        };
        (0..=n_steps)
            .map(|n| weight(n) * power(begin + f64::from(n) * step))
            .sum::<f64>()
            * step
            / 3.0
    }

    /// The codes at `seconds`: v1 v2 v3 i1 i2 i3 in, the neutral carrying the sum of the phases.
    pub(crate) fn codes(&self, seconds: f64) -> SampleSet {
        let turns = self.turns(seconds).fract();
        let mut codes = [0; N_CHANNELS];
        let mut neutral = 0.0;
        for phase in 0..3 {
            let amperes = Self::value(&self.currents[phase], turns);
            neutral += amperes;
            codes[phase] = quantised(Self::value(&self.voltages[phase], turns) / VOLTS_PER_LSB);
            codes[phase + 3] = quantised(amperes / AMPS_PER_LSB);
        }
        codes[6] = quantised(neutral / AMPS_PER_LSB);
        codes
    }

    /// The truth of a phase in closed form, over whole cycles.
    pub(crate) fn truth(&self, phase: usize) -> Truth {
        let (voltages, currents) = (&self.voltages[phase], &self.currents[phase]);
        let square = |tones: &[Tone]| tones.iter().map(|tone| tone.rms * tone.rms).sum::<f64>();
        let mut truth = Truth {
            volts: square(voltages).sqrt(),
            amperes: square(currents).sqrt(),
            ..Truth::default()
        };
        for voltage in voltages {
            for current in currents.iter().filter(|current| current.order == voltage.order) {
                let angle = (voltage.degrees - current.degrees).to_radians();
                truth.watts += voltage.rms * current.rms * angle.cos();
                if voltage.order == 1.0 {
                    truth.vars += voltage.rms * current.rms * angle.sin();
                }
            }
        }
        truth
    }

    /// `n` sample sets at `rate_hz`, from sample number `first`.
    pub(crate) fn samples(&self, rate_hz: f64, first: usize, n: usize) -> Vec<SampleSet> {
        (first..first + n)
            .map(|sample| self.codes(sample as f64 / rate_hz))
            .collect()
    }
}

/// A three-phase setup for these code steps that counts every load.
pub(crate) fn setup(rate_hz: f64) -> Setup {
    let mut setup = Setup::three_phase(rate_hz, VOLTS_PER_LSB, AMPS_PER_LSB);
    setup.starting_amperes = 0.0;
    setup
}

/// The measurements of `seconds` of a waveform.
pub(crate) fn measure(wave: &Waveform, setup: &Setup, seconds: f64) -> Vec<Measurement> {
    let mut core = Core::new(setup).expect("a good setup");
    let mut measurements = Vec::new();
    let n_samples = (seconds * setup.rate_hz) as usize;
    core.push_block(&wave.samples(setup.rate_hz, 0, n_samples), |measurement| {
        measurements.push(*measurement)
    });
    measurements
}

fn quantised(value: f64) -> i32 {
    value.round() as i32
}
