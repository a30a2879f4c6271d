//! Motors: windings whose resistance follows the slip, and a shaft that needs time to come up to speed.

use super::circuit::WindingPlan;

/// What a motor is made of. Powers of the shaft are given at synchronous speed, as all torques are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MotorPlan {
    pub(crate) magnet_ohms: f64,
    pub(crate) magnet_henries: f64,
    pub(crate) stator_ohms: f64,
    pub(crate) rotor_ohms: f64,
    pub(crate) rotor_henries: f64,
    /// Twice the energy of the shaft at full speed.
    pub(crate) inertia_joules: f64,
    /// What the shaft is loaded with at full speed; a third of it at standstill.
    pub(crate) shaft_watts: f64,
}

/// A motor: off, starting or running.
#[derive(Clone, Debug)]
pub(crate) struct Motor {
    plan: MotorPlan,
    on: bool,
    slip: f64,
    /// How long it has been on without coming up to speed, or how long it still cools after that.
    stalled_seconds: f64,
}

impl Motor {
    pub(crate) const fn new(plan: MotorPlan) -> Self {
        Self {
            plan,
            on: false,
            slip: 1.0,
            stalled_seconds: 0.0,
        }
    }

    pub(crate) const fn switch(&mut self, on: bool) {
        self.on = on;
    }

    /// Is current allowed to flow. The thermal relay opens after 5 s of standstill, for a minute.
    pub(crate) const fn runs(&self) -> bool {
        self.on && 0.0 <= self.stalled_seconds
    }

    /// Moves the shaft on by `seconds`, in which the rotor's current had this mean square, summed over the phases.
    pub(crate) fn turn(&mut self, mean_square_amps: f64, seconds: f64) {
        let speed = 1.0 - self.slip;
        let driven = mean_square_amps * self.plan.rotor_ohms / self.slip;
        let load = self.plan.shaft_watts * (1.0 + 2.0 * speed * speed) / 3.0;
        let load = if 0.0 < speed || load < driven { load } else { driven };
        self.slip = (self.slip - (driven - load) * seconds / self.plan.inertia_joules).clamp(LEAST_SLIP, 1.0);
        if self.stalled_seconds < 0.0 {
            self.stalled_seconds = (self.stalled_seconds + seconds).min(0.0);
        } else if self.on && 0.0 < mean_square_amps && 0.3 < self.slip {
            self.stalled_seconds += seconds;
            if 5.0 < self.stalled_seconds {
                self.stalled_seconds = -60.0;
            }
        } else {
            self.stalled_seconds = 0.0;
        }
    }

    /// The windings at the present slip, if current may flow.
    pub(crate) fn windings(&self) -> Option<WindingPlan> {
        self.runs().then(|| WindingPlan {
            magnet_ohms: self.plan.magnet_ohms,
            magnet_henries: self.plan.magnet_henries,
            rotor_ohms: self.plan.stator_ohms + self.plan.rotor_ohms / self.slip,
            rotor_henries: self.plan.rotor_henries,
        })
    }
}

/// A refrigerator's compressor: 0.1 kW in operation, 8 A at standstill, up in a third of a second.
pub(crate) const COMPRESSOR: MotorPlan = MotorPlan {
    magnet_ohms: 12.0,
    magnet_henries: 1.2,
    stator_ohms: 8.0,
    rotor_ohms: 12.0,
    rotor_henries: 0.064,
    inertia_joules: 150.0,
    shaft_watts: 85.0,
};

/// A washing machine's drum: 0.3 kW in operation, 9 A at standstill.
pub(crate) const DRUM: MotorPlan = MotorPlan {
    magnet_ohms: 9.0,
    magnet_henries: 0.7,
    stator_ohms: 7.0,
    rotor_ohms: 11.0,
    rotor_henries: 0.055,
    inertia_joules: 250.0,
    shaft_watts: 260.0,
};

/// A heat pump's compressor on three phases: 2.4 kW in operation, 26 A at standstill in each phase.
pub(crate) const HEAT_PUMP: MotorPlan = MotorPlan {
    magnet_ohms: 4.0,
    magnet_henries: 0.3,
    stator_ohms: 1.6,
    rotor_ohms: 2.6,
    rotor_henries: 0.025,
    inertia_joules: 1500.0,
    shaft_watts: 2150.0,
};

/// The same on one phase: 2.4 kW, 60 A at standstill.
pub(crate) const HEAT_PUMP_SINGLE_PHASE: MotorPlan = MotorPlan {
    magnet_ohms: 1.4,
    magnet_henries: 0.1,
    stator_ohms: 0.55,
    rotor_ohms: 0.9,
    rotor_henries: 0.0085,
    inertia_joules: 1500.0,
    shaft_watts: 2150.0,
};

/// Keeps the rotor's resistance finite.
const LEAST_SLIP: f64 = 0.002;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a motor on a stiff sine voltage in phasors: seconds until 90 % of speed, and the power taken then.
    fn start(plan: MotorPlan, volts: f64, n_phases: f64) -> (f64, f64) {
        let mut motor = Motor::new(plan);
        motor.switch(true);
        let mut seconds = 0.0;
        let mut up = f64::INFINITY;
        let mut watts = 0.0;
        while seconds < 4.0 {
            let windings = motor.windings().expect("on");
            let reactance = 314.16 * windings.rotor_henries;
            let square_amps = volts * volts / (windings.rotor_ohms * windings.rotor_ohms + reactance * reactance);
            watts = n_phases * square_amps * windings.rotor_ohms;
            motor.turn(n_phases * square_amps, 0.004);
            seconds += 0.004;
            if motor.slip < 0.1 {
                up = up.min(seconds);
            }
        }
        (up, watts)
    }

    #[test]
    fn motors_come_up_within_a_second_and_then_draw_what_they_are_rated_for() {
        for (plan, n_phases, watts) in [
            (COMPRESSOR, 1.0, 90.0),
            (DRUM, 1.0, 280.0),
            (HEAT_PUMP, 3.0, 2300.0),
            (HEAT_PUMP_SINGLE_PHASE, 1.0, 2300.0),
        ] {
            let (up, taken) = start(plan, 230.0, n_phases);
            assert!((0.1..1.0).contains(&up), "{up} s for {watts} W");
            assert!((taken / watts - 1.0).abs() < 0.15, "{taken} W for {watts} W");
        }
    }

    #[test]
    fn a_motor_that_cannot_start_is_taken_off_after_five_seconds_for_a_minute() {
        let mut motor = Motor::new(HEAT_PUMP);
        motor.switch(true);
        let mut on = 0;
        for _ in 0..60 {
            motor.turn(1.0, 1.0);
            on += u32::from(motor.runs());
        }
        assert_eq!(on, 5);
        for _ in 0..10 {
            motor.turn(0.0, 1.0);
        }
        assert!(motor.runs());
    }

    #[test]
    fn a_shaft_without_current_runs_down() {
        let mut motor = Motor::new(COMPRESSOR);
        motor.slip = 0.02;
        for _ in 0..2500 {
            motor.turn(0.0, 0.004);
        }
        assert!(0.9 < motor.slip && motor.slip <= 1.0);
    }
}
