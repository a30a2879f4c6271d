//! Currents that flow for some cycles and then not for some, as a burst-fired heater draws them.

use crate::oscillator::Angle;

/// The switches of the three phases, each in step with its own current.
#[derive(Clone, Debug)]
pub(crate) struct Bursts {
    cycles_on: u64,
    cycles: u64,
    switches: [Switch; 3],
    turn: Angle,
}

#[derive(Clone, Copy, Debug)]
struct Switch {
    /// The current's own angle: a rising zero crossing at 0.
    angle: Angle,
    /// The cycle of the pattern; none until the first crossing.
    cycle: Option<u64>,
}

impl Bursts {
    pub(crate) fn new(cycles_on: u16, cycles_off: u16) -> Self {
        Self {
            cycles_on: u64::from(cycles_on),
            cycles: u64::from(cycles_on) + u64::from(cycles_off),
            switches: [Switch {
                angle: Angle(0),
                cycle: None,
            }; 3],
            turn: Angle(0),
        }
    }

    /// Follows currents that stand at `angles` and turn by `turn` each sample.
    pub(crate) const fn follow(&mut self, angles: [Angle; 3], turn: Angle) {
        let [a1, a2, a3] = angles;
        let [s1, s2, s3] = &mut self.switches;
        (s1.angle, s2.angle, s3.angle) = (a1, a2, a3);
        self.turn = turn;
    }

    /// Takes out the currents that do not flow now, and moves on by a sample.
    pub(crate) fn switch(&mut self, amps: &mut [f64; 3]) {
        for (amps, switch) in amps.iter_mut().zip(&mut self.switches) {
            if switch.cycle.is_none_or(|cycle| self.cycles_on <= cycle) {
                *amps = 0.0;
            }
            let before = switch.angle;
            switch.angle = before.plus(self.turn);
            if switch.angle.0 < before.0 {
                switch.cycle = Some(switch.cycle.map_or(0, |cycle| (cycle + 1) % self.cycles));
            }
        }
    }

    /// The share of the time in which the currents flow.
    pub(crate) fn share_on(&self) -> f64 {
        self.cycles_on as f64 / self.cycles as f64
    }
}

#[cfg(test)]
mod tests {
    use crate::{Connection, World, WorldSetting};

    /// IEC 62053-21, sub-harmonics: two cycles on, two off.
    #[test]
    fn bursts_flow_in_whole_cycles_and_half_the_power() {
        let setting = WorldSetting::fixed(Connection::ThreePhase, 10.0, 60.0, 1);
        let mut world = World::new(&setting).expect("in range");
        assert!(world.set_bursts(0, 2).is_err() && world.set_bursts(2, 1001).is_err());
        world.set_bursts(2, 2).expect("in range");
        let truth = world.truth().expect("fixed currents").phases[1];
        assert!((truth.active_watts - 575.0).abs() < 1e-9);
        assert!((truth.amps * truth.amps - 50.0).abs() < 1e-9);
        let (volts, amps) = (world.volts_per_lsb(), world.amps_per_lsb());
        let mut joules = [0.0; 3];
        let mut flowing = [0; 3];
        for sample in 0..2 * 8000 + 640 {
            let set = world.sample();
            for phase in 0..3 {
                let current = f64::from(set[3 + phase]) * amps;
                if 640 <= sample {
                    joules[phase] += f64::from(set[phase]) * volts * current / 8000.0;
                    flowing[phase] += i32::from(0.5 < current.abs());
                }
            }
        }
        for phase in 0..3 {
            assert!((joules[phase] / 2.0 / 575.0 - 1.0).abs() < 2e-5, "{joules:?}");
            assert!((7500..8000).contains(&flowing[phase]), "{flowing:?}");
        }
        world.set_bursts(2, 0).expect("in range");
        assert!((world.truth().expect("fixed currents").phases[1].active_watts - 1150.0).abs() < 1e-9);
    }
}
