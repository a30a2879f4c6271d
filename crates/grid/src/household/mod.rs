//! A household behind a source impedance: appliances, motors, electronics and a solar inverter on one or three phases.
//!
//! It is computed in fine steps of at most 31.25 microseconds, several to a sample; three clocks drive it. Every fine step the
//! circuits are solved. Every tick (some milliseconds) shafts turn and the inverter looks at the mains. Every second people
//! and thermostats decide.

mod appliances;
mod circuit;
mod inverter;
mod motor;
mod sun;

use crate::daytime::DayTime;
use crate::decimator::{Analog, DELAY, Decimator};
use crate::load::HouseholdSetting;
use crate::oscillator::{Angle, Wave, Waves};
use crate::supply::SupplySetting;
use appliances::{Appliances, Demand};
use circuit::{Circuit, N_MOTORS, RectifierPlan};
use inverter::Inverter;
use motor::Motor;

/// What goes on in the household at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activity {
    /// Power that the solar inverter feeds.
    pub pv_watts: f64,
    /// The kettle is heating.
    pub kettle: bool,
    /// The oven is heating.
    pub oven: bool,
    /// The refrigerator's compressor is on.
    pub compressor: bool,
    /// The washing machine's drum is turning.
    pub washing_machine: bool,
    /// The heat pump is on.
    pub heat_pump: bool,
}

/// The household.
#[derive(Clone, Debug)]
pub(crate) struct Household {
    setting: HouseholdSetting,
    seed: u64,
    n_phases: usize,
    fine_steps: usize,
    step_seconds: f64,
    /// The angle of the next fine step, and how far it turns in one.
    angle: Angle,
    fine_turn: Angle,
    waves: Waves<3>,
    feeders: [Feeder; 3],
    motors: [Motor; N_MOTORS],
    appliances: Appliances,
    demand: Demand,
    sun: f64,
    inverter: Inverter,
    decimator: Decimator,
}

/// One phase with what its circuit is told at every fine step.
#[derive(Clone, Debug)]
struct Feeder {
    circuit: Circuit,
    /// Angle of the phase's voltage, and the share of the running cosine and sine in its sine.
    angle: Angle,
    of_unit: [f64; 2],
    fed_peak_amps: f64,
    /// Half-wave angle (2^64 is half a turn) at which the dimmer fires.
    fires: u64,
    /// Sum of mean square volts times seconds, and of the seconds, since the last second.
    square_volt_seconds: f64,
    seconds: f64,
}

impl Household {
    /// A household at rest before its first second. `fine_steps` to a sample; `rate_hz` samples a second.
    pub(crate) fn new(setting: HouseholdSetting, seed: u64, n_phases: usize, fine_steps: usize, rate_hz: f64) -> Self {
        let step_seconds = 1.0 / (rate_hz * fine_steps as f64);
        let single_phase = n_phases == 1;
        let feeder = Feeder {
            circuit: Circuit::new(
                step_seconds,
                if single_phase {
                    RECTIFIERS_SINGLE_PHASE
                } else {
                    RECTIFIERS
                },
            ),
            angle: Angle(0),
            of_unit: [0.0; 2],
            fed_peak_amps: 0.0,
            fires: 0,
            square_volt_seconds: 0.0,
            seconds: 0.0,
        };
        let silence = Wave {
            rms: 0.0,
            degrees: 0.0,
            harmonics: &[],
        };
        let heat_pump = if single_phase {
            motor::HEAT_PUMP_SINGLE_PHASE
        } else {
            motor::HEAT_PUMP
        };
        let mut it = Self {
            setting: setting.clone(),
            seed,
            n_phases,
            fine_steps,
            step_seconds,
            angle: Angle(0),
            fine_turn: Angle(0),
            waves: Waves::new(&[silence; 3], Angle(0), Angle(0)),
            feeders: [feeder.clone(), feeder.clone(), feeder],
            motors: [motor::COMPRESSOR, motor::DRUM, heat_pump].map(Motor::new),
            appliances: Appliances::new(seed, single_phase),
            demand: Demand::default(),
            sun: 0.0,
            inverter: Inverter::new(),
            decimator: Decimator::new(fine_steps, 50.0 / rate_hz),
        };
        it.set(setting);
        it
    }

    /// Changes the source's impedance, the level and the inverter's size.
    pub(crate) fn set(&mut self, setting: HouseholdSetting) {
        for feeder in &mut self.feeders {
            feeder
                .circuit
                .set_source(setting.source_ohms, setting.source_henries, setting.level);
        }
        self.setting = setting;
    }

    /// Changes the mains; the running angle goes on from where it is.
    pub(crate) fn supply(&mut self, supply: &SupplySetting, fine_turn: Angle) {
        self.fine_turn = fine_turn;
        let [l1, l2, l3] = &supply.phases;
        let waves = [l1, l2, l3].map(|phase| Wave {
            rms: phase.volts,
            degrees: phase.angle_deg,
            harmonics: &phase.harmonics,
        });
        self.waves = Waves::new(&waves, self.angle, fine_turn);
        for (feeder, phase) in self.feeders.iter_mut().zip(&supply.phases) {
            feeder.angle = Angle::from_degrees(phase.angle_deg);
            let (sin, cos) = libm::sincos(feeder.angle.radians());
            feeder.of_unit = [sin, cos];
        }
    }

    /// Comes behind the meter at the sample with this running angle: the filter is filled with what was before it.
    pub(crate) fn enter(&mut self, angle: Angle, connected: bool) {
        let n_before = (self.decimator.n_taps() + self.fine_steps) as u64;
        let ahead = self.fine_turn.times(self.fine_steps as u64 * DELAY + 1);
        self.angle = angle.plus(ahead).minus(self.fine_turn.times(n_before));
        self.align();
        for _ in 0..n_before - self.fine_steps as u64 {
            self.step(connected);
        }
    }

    /// Sets the waves right from the running angle.
    pub(crate) fn align(&mut self) {
        self.waves.align(self.angle, self.fine_turn);
    }

    /// People and thermostats decide, from what was since they last did.
    pub(crate) fn live(&mut self, now: DayTime) {
        let mut square_volts = [0.0; 3];
        for (square, feeder) in square_volts.iter_mut().zip(&mut self.feeders) {
            if 0.0 < feeder.seconds {
                *square = feeder.square_volt_seconds / feeder.seconds;
            }
            feeder.square_volt_seconds = 0.0;
            feeder.seconds = 0.0;
        }
        self.sun = sun::irradiance(self.seed, now);
        self.demand = self.appliances.live(now, self.sun, square_volts);
        for (motor, on) in self.motors.iter_mut().zip(self.demand.motors) {
            motor.switch(on);
        }
    }

    /// Shafts turn and the inverter watches, for the `seconds` since the last tick.
    pub(crate) fn tick(&mut self, seconds: f64) {
        let mut square_volts = [0.0; 3];
        let mut measured = true;
        for (square, feeder) in square_volts.iter_mut().zip(&mut self.feeders).take(self.n_phases) {
            match feeder.circuit.take_mean_square_volts() {
                Some(mean) => {
                    *square = mean;
                    feeder.square_volt_seconds += mean * seconds;
                    feeder.seconds += seconds;
                }
                None => measured = false,
            }
        }
        if measured {
            self.inverter
                .watch(square_volts.get(..self.n_phases).unwrap_or(&[]), seconds);
        }
        for (place, motor) in self.motors.iter_mut().enumerate() {
            let phases = if place == HEAT_PUMP {
                0..self.n_phases
            } else {
                let phase = place.min(self.n_phases - 1);
                phase..phase + 1
            };
            let feeders = self.feeders.get_mut(phases).unwrap_or(&mut []);
            let square_amps: f64 = feeders
                .iter_mut()
                .map(|feeder| feeder.circuit.take_square_amps(place))
                .sum();
            motor.turn(square_amps * self.step_seconds / seconds, seconds);
            for feeder in feeders {
                feeder.circuit.set_windings(place, motor.windings());
            }
        }
        let pv_watts = self.setting.pv_watts * self.sun / self.n_phases as f64;
        let fires = Angle::from_turns(self.demand.dimmer_wait).0;
        for (place, (feeder, demand)) in self.feeders.iter_mut().zip(&self.demand.phases).enumerate() {
            feeder
                .circuit
                .set_resistors(demand.conductance, demand.dimmed_conductance);
            feeder.circuit.set_rectifiers(demand.rectified_watts);
            feeder.fed_peak_amps = self.inverter.peak_amps(place, pv_watts);
            feeder.fires = fires;
        }
    }

    /// The next sample: volts at the terminals and amperes through them.
    pub(crate) fn sample(&mut self, connected: bool) -> Analog {
        for _ in 0..self.fine_steps {
            self.step(connected);
        }
        self.decimator.value()
    }

    /// What goes on at the moment.
    pub(crate) fn activity(&self) -> Activity {
        let [compressor, washing_machine, heat_pump] =
            [0, 1, 2].map(|motor| self.motors.get(motor).is_some_and(Motor::runs));
        Activity {
            pv_watts: self.setting.pv_watts * self.sun * self.inverter.share(),
            kettle: self.demand.kettle,
            oven: self.demand.oven,
            compressor,
            washing_machine,
            heat_pump,
        }
    }

    fn step(&mut self, connected: bool) {
        let [unit_cos, unit_sin] = self.waves.unit();
        let source = self.waves.next();
        let mut volts = [0.0; 3];
        let mut amps = [0.0; 3];
        let outputs = volts.iter_mut().zip(&mut amps);
        for ((feeder, source), (volts, amps)) in self.feeders.iter_mut().zip(source).zip(outputs).take(self.n_phases) {
            if connected {
                let [of_cos, of_sin] = feeder.of_unit;
                let fed_amps = feeder.fed_peak_amps * (of_cos * unit_cos + of_sin * unit_sin);
                let half_wave = self.angle.plus(feeder.angle).times(2).0;
                let dimmer_open = open_share(half_wave, self.fine_turn.times(2).0, feeder.fires);
                (*volts, *amps) = feeder.circuit.step(source, dimmer_open, fed_amps);
            } else {
                feeder.circuit.step_open();
                *volts = source;
            }
        }
        self.angle = self.angle.plus(self.fine_turn);
        let [v1, v2, v3] = volts;
        let [i1, i2, i3] = amps;
        self.decimator.push([v1, v2, v3, i1, i2, i3]);
    }
}

/// The share of a fine step in which the dimmer conducts: all of it after firing, part of the step in which it fires.
fn open_share(half_wave: u64, turned: u64, fires: u64) -> f64 {
    match half_wave.checked_sub(fires) {
        None => 0.0,
        Some(since) if turned <= since => 1.0,
        Some(since) => since as f64 / turned as f64,
    }
}

/// Place of the heat pump among the motors; it alone hangs on all phases.
const HEAT_PUMP: usize = 2;

/// Electronics and lamps of one of three phases.
const RECTIFIERS: [RectifierPlan; 2] = [
    RectifierPlan {
        ohms: 4.0,
        farads: 150e-6,
    },
    RectifierPlan {
        ohms: 15.0,
        farads: 30e-6,
    },
];

/// The same where one phase feeds all.
const RECTIFIERS_SINGLE_PHASE: [RectifierPlan; 2] = [
    RectifierPlan {
        ohms: 1.3,
        farads: 450e-6,
    },
    RectifierPlan {
        ohms: 5.0,
        farads: 90e-6,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dimmer_opens_late_and_in_part_of_its_first_step() {
        assert_eq!(open_share(10, 5, 20), 0.0);
        assert_eq!(open_share(22, 5, 20), 0.4);
        assert_eq!(open_share(25, 5, 20), 1.0);
        assert_eq!(open_share(u64::MAX, 5, 20), 1.0);
    }
}
