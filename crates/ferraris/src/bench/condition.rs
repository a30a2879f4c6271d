//! A test condition: what the bench's source puts in front of the meter, as a person reads it and as the model takes it.

use core::f64::consts::{FRAC_PI_2, PI};
use core::fmt;

use grid::{FixedLoad, Harmonic, Harmonics, LoadSetting, PhaseLoad, SupplySetting, WorldSetting};
use metrology::Phase;

/// What is put in front of the meter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    /// The quantity whose error is looked at.
    pub(super) quantity: Quantity,
    /// Rms current of the loaded phases in amperes.
    pub(super) amps: f64,
    /// Power factor, or for reactive power the sine.
    pub(super) factor: f64,
    /// To which side the current is shifted.
    pub(super) side: Side,
    /// Whether the energy flows backwards.
    pub(super) export: bool,
    /// The phases that carry current.
    pub(super) phases: Phases,
    /// What is not as at reference conditions.
    pub(super) influence: Influence,
    /// Temperature of the meter in degrees Celsius.
    pub(super) celsius: f64,
}

/// The quantity whose error is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Quantity {
    /// Active energy.
    Active,
    /// Reactive energy of the fundamental.
    Reactive,
}

/// To which side the current is shifted against its voltage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Not at all.
    Unity,
    /// It lags.
    Inductive,
    /// It leads.
    Capacitive,
}

/// The phases that carry current; voltages are there on all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phases {
    /// All that the meter has.
    All,
    /// One of three.
    Only(Phase),
}

/// What is not as at reference conditions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Influence {
    /// All is: 230 V, 50 Hz, sines.
    None,
    /// All voltages are this part of the nominal one.
    Voltage(f64),
    /// The frequency is this part of the nominal one.
    Frequency(f64),
    /// L2 and L3 are swapped.
    ReversedSequence,
    /// So many phases, counted from the last, have neither voltage nor current.
    MissingPhases(usize),
    /// 10 % in the voltage, 40 % in the current, in phase.
    FifthHarmonic,
    /// The current flows in every other half wave; its mean does not pass the transformer.
    HalfWave,
    /// The current flows in the second half of each half wave.
    PhaseFired,
    /// Two cycles on, two off.
    Bursts,
}

impl Condition {
    /// All phases loaded alike, at reference conditions, importing.
    pub(super) const fn balanced(quantity: Quantity, amps: f64, factor: f64, side: Side) -> Self {
        Self {
            quantity,
            amps,
            factor,
            side,
            export: false,
            phases: Phases::All,
            influence: Influence::None,
            celsius: NOMINAL_CELSIUS,
        }
    }

    pub(super) fn with(&self, influence: Influence) -> Self {
        Self {
            influence,
            ..self.clone()
        }
    }

    pub(super) fn at_temperature(&self, celsius: f64) -> Self {
        Self {
            celsius,
            ..self.clone()
        }
    }

    pub(super) fn is_at_nominal_temperature(&self) -> bool {
        (self.celsius - NOMINAL_CELSIUS).abs() < 1e-9
    }

    pub(super) fn factor_is(&self, factor: f64) -> bool {
        (self.factor - factor).abs() < 1e-9
    }

    pub(super) const fn is_single_phase_load(&self) -> bool {
        matches!(self.phases, Phases::Only(_))
    }

    /// "PF 0.5i" or "sin 0.5c", without "1i".
    pub(super) fn factor_name(&self) -> String {
        let side = match (self.side, self.quantity) {
            (Side::Inductive, _) if self.factor_is(1.0) => "",
            (Side::Unity, _) => "",
            (Side::Inductive, _) => "i",
            (Side::Capacitive, _) => "c",
        };
        let name = match self.quantity {
            Quantity::Active => "PF",
            Quantity::Reactive => "sin",
        };
        let sign = if self.export { "-" } else { "" };
        format!("{name} {sign}{}{side}", self.factor)
    }

    /// The angle by which the current lags its voltage, in degrees.
    fn lag_degrees(&self) -> f64 {
        let lag = match self.quantity {
            Quantity::Active => self.factor.acos().to_degrees(),
            Quantity::Reactive => self.factor.asin().to_degrees(),
        };
        let lag = match self.side {
            Side::Unity | Side::Inductive => lag,
            Side::Capacitive => -lag,
        };
        if self.export { lag + 180.0 } else { lag }
    }

    /// Puts supply and currents into `world`. Bursts are switched by the world itself.
    pub(super) fn apply(&self, world: &mut WorldSetting) {
        let (volts, hertz) = match self.influence {
            Influence::Voltage(part) => (NOMINAL_VOLTS * part, NOMINAL_HERTZ),
            Influence::Frequency(part) => (NOMINAL_VOLTS, NOMINAL_HERTZ * part),
            _ => (NOMINAL_VOLTS, NOMINAL_HERTZ),
        };
        let mut supply = SupplySetting::symmetrical(volts, hertz);
        let (share, shift_degrees, harmonics) = self.shape();
        let phase = PhaseLoad {
            amps: self.amps * share,
            angle_deg: self.lag_degrees() + shift_degrees,
            harmonics,
        };
        let mut load = FixedLoad {
            phases: [phase.clone(), phase.clone(), phase],
        };
        if let Phases::Only(only) = self.phases {
            for (place, phase) in Phase::ALL.into_iter().zip(&mut load.phases) {
                if place != only {
                    phase.amps = 0.0;
                }
            }
        }
        match self.influence {
            Influence::ReversedSequence => {
                let [_l1, l2, l3] = &mut supply.phases;
                core::mem::swap(&mut l2.angle_deg, &mut l3.angle_deg);
            }
            Influence::MissingPhases(missing) => {
                for (volts, amps) in supply.phases.iter_mut().zip(&mut load.phases).skip(3 - missing) {
                    volts.volts = 0.0;
                    amps.amps = 0.0;
                }
            }
            Influence::FifthHarmonic => {
                for phase in &mut supply.phases {
                    phase.harmonics = harmonics_of([(5, 10.0, 0.0)]);
                }
            }
            _ => {}
        }
        world.supply = supply;
        world.load = LoadSetting::Fixed(load);
    }

    /// The fundamental as a part of the rms current that the condition names, the angle by which it lags further, and the harmonics.
    /// All are Fourier series up to the 49th order: band-limited, with a power known in closed form.
    fn shape(&self) -> (f64, f64, Harmonics) {
        match self.influence {
            Influence::FifthHarmonic => (1.0, 0.0, harmonics_of([(5, 40.0, 0.0)])),
            // Half of a sine's half waves: a fundamental of half the peak, which is rms over root 2, and even orders.
            Influence::HalfWave => {
                let orders = (1..=24_u8).map(|half| {
                    let order = f64::from(2 * half);
                    // -cos(n x) is a sine that begins at -90 degrees.
                    (2 * half, 400.0 / PI / (order * order - 1.0), -90.0)
                });
                (core::f64::consts::FRAC_1_SQRT_2, 0.0, harmonics_of(orders))
            }
            Influence::PhaseFired => {
                let (cosine, sine) = phase_fired(1);
                let fundamental = cosine.hypot(sine);
                // The rms of the fired wave is that of half a sine: a peak of 1 has 1/2, its fundamental has fundamental / root 2.
                let share = fundamental * core::f64::consts::SQRT_2;
                let lead = cosine.atan2(sine);
                let orders = (1..=24_u8).map(|half| {
                    let order = 2 * half + 1;
                    let (cosine, sine) = phase_fired(order);
                    let angle = cosine.atan2(sine) - f64::from(order) * lead;
                    let degrees = angle.to_degrees().rem_euclid(360.0);
                    (order, 100.0 * cosine.hypot(sine) / fundamental, degrees)
                });
                (share, -lead.to_degrees(), harmonics_of(orders))
            }
            _ => (1.0, 0.0, Harmonics::new()),
        }
    }
}

/// Fourier coefficients (of cosine and sine) of odd order of a sine of peak 1 that flows from 90 to 180 and from 270 to 360 degrees.
fn phase_fired(order: u8) -> (f64, f64) {
    if order == 1 {
        return (-1.0 / PI, 0.5);
    }
    let (sum, difference) = (f64::from(order) + 1.0, f64::from(order) - 1.0);
    let cosine = |at: f64| (difference * at).cos() / difference - (sum * at).cos() / sum;
    let sine = |at: f64| (difference * at).sin() / difference - (sum * at).sin() / sum;
    ((cosine(PI) - cosine(FRAC_PI_2)) / PI, (sine(PI) - sine(FRAC_PI_2)) / PI)
}

fn harmonics_of(orders: impl IntoIterator<Item = (u8, f64, f64)>) -> Harmonics {
    orders
        .into_iter()
        .map(|(order, percent, phase_deg)| Harmonic {
            order,
            percent,
            phase_deg,
        })
        .collect()
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliamperes = (self.amps * 1e3).round();
        write!(f, "{} A, {}", milliamperes / 1e3, self.factor_name())?;
        if let Phases::Only(phase) = self.phases {
            write!(f, ", {phase:?} only")?;
        }
        if !self.is_at_nominal_temperature() {
            write!(f, ", {} C", self.celsius)?;
        }
        if self.influence == Influence::None {
            Ok(())
        } else {
            write!(f, ", {}", self.influence)
        }
    }
}

impl fmt::Display for Influence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("reference"),
            Self::Voltage(part) => write!(f, "{:.0} % voltage", part * 100.0),
            Self::Frequency(part) => write!(f, "{:.0} Hz", part * NOMINAL_HERTZ),
            Self::ReversedSequence => f.write_str("reversed sequence"),
            Self::MissingPhases(1) => f.write_str("one phase missing"),
            Self::MissingPhases(_) => f.write_str("two phases missing"),
            Self::FifthHarmonic => f.write_str("5th harmonic"),
            Self::HalfWave => f.write_str("half waves"),
            Self::PhaseFired => f.write_str("phase fired at 90 degrees"),
            Self::Bursts => f.write_str("2 cycles on, 2 off"),
        }
    }
}

pub(super) const NOMINAL_VOLTS: f64 = 230.0;
pub(super) const NOMINAL_HERTZ: f64 = 50.0;
pub(super) const NOMINAL_CELSIUS: f64 = 23.0;

#[cfg(test)]
mod tests {
    use grid::{Connection, Noise, World};

    use super::*;

    /// The series against the waveform that it stands for, and its power against a sum over samples.
    #[track_caller]
    fn check(influence: Influence, flows: fn(f64) -> bool, peak: f64) {
        let condition = Condition::balanced(Quantity::Active, 10.0, 1.0, Side::Unity).with(influence);
        let mut setting = WorldSetting::fixed(Connection::SinglePhase, 0.0, 0.0, 1);
        setting.converter.noise = Noise::Off;
        condition.apply(&mut setting);
        let mut world = World::new(&setting).expect("in range");
        let truth = world.truth().expect("fixed").phases[0];
        let (volts, amps) = (world.volts_per_lsb(), world.amps_per_lsb());
        let (mut joules, mut mean, mut worst) = (0.0, 0.0, 0.0_f64);
        let expected = |angle: f64| if flows(angle) { peak * angle.sin() } else { 0.0 };
        for sample in 0..160_u32 {
            let set = world.sample();
            let angle = f64::from(sample) / 160.0 * 2.0 * PI;
            joules += f64::from(set[0]) * volts * f64::from(set[3]) * amps;
            // The mean does not pass; it is that of the ideal waveform.
            let ideal_mean = (0..1600).map(|n| expected(f64::from(n) / 800.0 * PI)).sum::<f64>() / 1600.0;
            mean += f64::from(set[3]) * amps;
            let to_edge = (0..5)
                .map(|edge| (angle - f64::from(edge) * FRAC_PI_2).abs())
                .fold(9.0, f64::min);
            if 0.3 < to_edge {
                worst = worst.max((f64::from(set[3]) * amps - (expected(angle) - ideal_mean)).abs());
            }
        }
        assert!((joules / 160.0 / truth.active_watts - 1.0).abs() < 1e-6);
        assert!(mean.abs() < 1e-3);
        assert!(worst < 0.04 * peak, "{worst}");
    }

    #[test]
    fn half_waves_and_fired_waves_look_like_themselves() {
        // 10 A rms of half a sine: a peak of 20 A.
        check(Influence::HalfWave, |angle| angle < PI, 20.0);
        check(Influence::PhaseFired, |angle| FRAC_PI_2 <= angle.rem_euclid(PI), 20.0);
    }

    #[test]
    fn conditions_read_like_a_test_report() {
        let mut condition = Condition::balanced(Quantity::Active, 0.5, 0.5, Side::Inductive);
        assert_eq!(condition.to_string(), "0.5 A, PF 0.5i");
        condition.phases = Phases::Only(Phase::L2);
        condition.influence = Influence::Voltage(0.9);
        assert_eq!(condition.to_string(), "0.5 A, PF 0.5i, L2 only, 90 % voltage");
        let reactive = Condition::balanced(Quantity::Reactive, 5.0, 1.0, Side::Inductive);
        assert_eq!(reactive.to_string(), "5 A, sin 1");
    }
}
