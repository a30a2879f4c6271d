//! The bench's own source for tests of supply quality: voltages and currents in closed form, through the converter of a specimen.
//!
//! Steps of an amplitude are raised cosines of a millisecond, so that nothing folds; they are half way at the moment that is named.

use core::f64::consts::{PI, SQRT_2, TAU};

use metrology::{N_CHANNELS, N_PHASES, SampleSet, Setup};

use super::specimen::{Chance, Specimen};

/// One sine of a voltage or current: order, part of the fundamental, angle in degrees.
pub(super) type Tone = (f64, f64, f64);

/// What the source gives, the same shape on all phases.
pub(super) struct Course<'a> {
    pub(super) hertz: f64,
    pub(super) volts: f64,
    pub(super) amps: f64,
    pub(super) lag_degrees: f64,
    pub(super) voltage_tones: &'a [Tone],
    pub(super) current_tones: &'a [Tone],
    /// Angles of the three voltages in degrees.
    pub(super) places: [f64; N_PHASES],
    /// Factor on the voltage of a phase at a time.
    pub(super) part: &'a dyn Fn(usize, f64) -> f64,
}

/// The converter in front of the metrology.
pub(super) struct Converter {
    gains: [f64; N_CHANNELS],
    offsets: [f64; N_CHANNELS],
    noise_codes: f64,
    chance: Chance,
}

impl Course<'_> {
    /// 230 V and 5 A, balanced, without distortion.
    pub(super) const fn plain() -> Course<'static> {
        Course {
            hertz: 50.013,
            volts: 230.0,
            amps: 5.0,
            lag_degrees: 0.0,
            voltage_tones: &[],
            current_tones: &[],
            places: [0.0, -120.0, 120.0],
            part: &|_phase, _seconds| 1.0,
        }
    }

    /// Volts, then amperes, at a time.
    fn values(&self, seconds: f64) -> [f64; N_CHANNELS] {
        let turns = (self.hertz * seconds).fract();
        let mut values = [0.0; N_CHANNELS];
        for (phase, place) in self.places.into_iter().enumerate() {
            let wave = |tones: &[Tone], turns: f64| {
                let of = |(order, part, degrees): &Tone| part * (TAU * (order * turns + degrees / 360.0)).sin();
                (TAU * turns).sin() + tones.iter().map(of).sum::<f64>()
            };
            let turns = turns + place / 360.0;
            let part = (self.part)(phase, seconds);
            values[phase] = self.volts * SQRT_2 * part * wave(self.voltage_tones, turns);
            if self.amps != 0.0 {
                let lagging = turns - self.lag_degrees / 360.0;
                values[phase + 3] = self.amps * SQRT_2 * wave(self.current_tones, lagging);
            }
        }
        values
    }

    /// Rms of a shape whose fundamental is 1.
    pub(super) fn rms(tones: &[Tone]) -> f64 {
        (1.0 + tones.iter().map(|(_order, part, _degrees)| part * part).sum::<f64>()).sqrt()
    }
}

impl Converter {
    /// That of the specimen, with its gains, offsets and noise.
    pub(super) fn of(specimen: &Specimen, setup: &Setup, seed: u64) -> Self {
        let sensors = &specimen.sensors.at_reference;
        let per_lsb = Self::scales(setup);
        Self {
            gains: core::array::from_fn(|channel| (1.0 + sensors[channel].gain_percent / 100.0) / per_lsb[channel]),
            offsets: core::array::from_fn(|channel| sensors[channel].offset_codes),
            noise_codes: specimen.converter.noise_codes(),
            chance: Chance(seed),
        }
    }

    /// One that does nothing but round.
    pub(super) fn ideal(setup: &Setup) -> Self {
        Self {
            gains: Self::scales(setup).map(|per_lsb| 1.0 / per_lsb),
            offsets: [0.0; N_CHANNELS],
            noise_codes: 0.0,
            chance: Chance(0),
        }
    }

    fn scales(setup: &Setup) -> [f64; N_CHANNELS] {
        let ([v1, v2, v3], [i1, i2, i3, neutral]) = (setup.volts_per_lsb, setup.amps_per_lsb);
        [v1, v2, v3, i1, i2, i3, neutral]
    }

    /// Calls `each` with blocks of a twentieth of a second.
    pub(super) fn run(&mut self, course: &Course<'_>, setup: &Setup, seconds: f64, mut each: impl FnMut(&[SampleSet])) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few hundred samples"
        )]
        let per_block = (setup.rate_hz / 20.0) as usize;
        let (mut block, mut sample) = (Vec::new(), 0.0);
        while sample < seconds * setup.rate_hz {
            block.clear();
            for _ in 0..per_block {
                block.push(self.sample(course, setup, sample / setup.rate_hz));
                sample += 1.0;
            }
            each(&block);
        }
    }

    fn sample(&mut self, course: &Course<'_>, setup: &Setup, seconds: f64) -> SampleSet {
        let values = course.values(seconds);
        let mut set = [0; N_CHANNELS];
        for channel in setup.channels.iter().map(metrology::Channel::index) {
            let noise = if self.noise_codes == 0.0 {
                0.0
            } else {
                self.noise_codes * self.normal()
            };
            let code = values[channel] * self.gains[channel] + self.offsets[channel] + noise;
            #[expect(clippy::cast_possible_truncation, reason = "held to 24 bits")]
            let held = code.round().clamp(-8_388_608.0, 8_388_607.0) as i32;
            set[channel] = held;
        }
        set
    }

    /// The sum of four even numbers: near enough to a normal one, with variance 1.
    fn normal(&mut self) -> f64 {
        let bits = self.chance.bits();
        let part = |shift: u32| (bits >> shift & 0xFFFF) as f64 / 65_535.0 - 0.5;
        (part(0) + part(16) + part(32) + part(48)) * 3.0_f64.sqrt()
    }
}

/// From 0 to 1 around `at`, within a millisecond.
pub(super) fn edge(seconds: f64, at: f64) -> f64 {
    const WIDTH: f64 = 1e-3;
    let place = ((seconds - at) / WIDTH + 0.5).clamp(0.0, 1.0);
    (1.0 - (PI * place).cos()) / 2.0
}
