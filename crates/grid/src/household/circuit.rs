//! One phase as a circuit: the source behind its impedance, and the consumers that hang on the same terminals.
//!
//! ```text
//!        R    L       v (the meter)
//!  e ---[ ]--UUU---+---------+------------+-----------+-----------+
//!                  |         |            |           |           |
//!                  G      rectifiers   windings    dimmer      inverter
//!                  |      |v| > charge   R + L     late part   sine current
//!  0 --------------+---------+------------+-----------+-----------+
//! ```
//!
//! Time goes in fine steps with the backward Euler rule. It turns every inductor and capacitor into a resistor and a source that
//! can only lose energy, so the circuit is stable at any step, however stiff it is: an open rectifier behind an inductance is no
//! limit case. What is left per step is one equation for the terminal voltage, rising in straight pieces between the rectifiers'
//! thresholds. It has exactly one solution, which [`Circuit::step`] finds without iteration.

/// Motors that a phase can feed.
pub(crate) const N_MOTORS: usize = 3;

/// Groups of rectifiers that a phase feeds.
pub(crate) const N_RECTIFIERS: usize = 2;

/// One phase.
#[derive(Clone, Debug)]
pub(crate) struct Circuit {
    step_seconds: f64,
    /// Source resistance, and inductance by the step.
    source_ohms: f64,
    source_reactance: f64,
    /// Factor on every consumer's current.
    level: f64,
    conductance: f64,
    dimmed_conductance: f64,
    windings: [Windings; N_MOTORS],
    rectifiers: [Rectifier; N_RECTIFIERS],
    /// Current through the source, from the mains to the load.
    amps: f64,
    /// Sum of the squares of the terminal voltage since it was last taken, and of how many steps.
    square_volts: f64,
    n_steps: f64,
}

/// The windings of one motor on one phase: magnetisation and rotor, each a resistor and an inductor in series.
#[derive(Clone, Copy, Debug, Default)]
struct Windings {
    /// Off, all the rest is 0 and is passed over.
    on: bool,
    magnet: Branch,
    rotor: Branch,
    /// Sum of the squares of the rotor's current since it was last taken.
    square_amps: f64,
}

/// A resistor and an inductor in series, as the backward Euler rule sees them: i = admittance * v + memory * (last i).
#[derive(Clone, Copy, Debug, Default)]
struct Branch {
    admittance: f64,
    memory: f64,
    amps: f64,
}

/// A bridge rectifier with resistance, capacitor and a load of constant power.
#[derive(Clone, Copy, Debug)]
struct Rectifier {
    plan: RectifierPlan,
    /// What is left of the charge after a step without current.
    decay: f64,
    /// Current per volt above the charge, and charge per ampere.
    slope: f64,
    rise: f64,
    /// Voltage of the capacitor.
    charge: f64,
}

/// What a rectifier is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RectifierPlan {
    /// Resistance in front of the capacitor.
    pub(crate) ohms: f64,
    /// The capacitor.
    pub(crate) farads: f64,
}

/// The electrical state of a motor's windings on one phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindingPlan {
    pub(crate) magnet_ohms: f64,
    pub(crate) magnet_henries: f64,
    /// Stator and rotor together at the present slip.
    pub(crate) rotor_ohms: f64,
    pub(crate) rotor_henries: f64,
}

impl Circuit {
    pub(crate) fn new(step_seconds: f64, rectifiers: [RectifierPlan; N_RECTIFIERS]) -> Self {
        Self {
            step_seconds,
            source_ohms: 1.0,
            source_reactance: 0.0,
            level: 1.0,
            conductance: 0.0,
            dimmed_conductance: 0.0,
            windings: [Windings::default(); N_MOTORS],
            rectifiers: rectifiers.map(|plan| Rectifier::new(plan, step_seconds)),
            amps: 0.0,
            square_volts: 0.0,
            n_steps: 0.0,
        }
    }

    /// Sets the source's impedance and the factor on every consumer's current.
    pub(crate) fn set_source(&mut self, ohms: f64, henries: f64, level: f64) {
        self.source_ohms = ohms;
        self.source_reactance = henries / self.step_seconds;
        self.level = level;
    }

    /// Sets the conductances of the resistive consumers, plain and dimmed.
    pub(crate) const fn set_resistors(&mut self, conductance: f64, dimmed_conductance: f64) {
        self.conductance = conductance;
        self.dimmed_conductance = dimmed_conductance;
    }

    /// Sets the power that each group of rectifiers feeds.
    pub(crate) fn set_rectifiers(&mut self, watts: [f64; N_RECTIFIERS]) {
        for (rectifier, watts) in self.rectifiers.iter_mut().zip(watts) {
            rectifier.feed(watts, self.step_seconds);
        }
    }

    /// Sets a motor's windings, or takes them off the phase.
    pub(crate) fn set_windings(&mut self, motor: usize, plan: Option<WindingPlan>) {
        let step_seconds = self.step_seconds;
        if let Some(windings) = self.windings.get_mut(motor) {
            match plan {
                Some(plan) => {
                    windings.on = true;
                    windings
                        .magnet
                        .set(plan.magnet_ohms, plan.magnet_henries / step_seconds);
                    windings.rotor.set(plan.rotor_ohms, plan.rotor_henries / step_seconds);
                }
                None => *windings = Windings::default(),
            }
        }
    }

    /// The sum of the squares of a motor's rotor current over the steps since it was last taken.
    pub(crate) fn take_square_amps(&mut self, motor: usize) -> f64 {
        self.windings.get_mut(motor).map_or(0.0, |windings| {
            windings.magnet.settle();
            windings.rotor.settle();
            core::mem::take(&mut windings.square_amps)
        })
    }

    /// The mean square of the load's voltage over the steps since it was last taken, if there were any.
    pub(crate) fn take_mean_square_volts(&mut self) -> Option<f64> {
        let mean = (0.0 < self.n_steps).then(|| self.square_volts / self.n_steps);
        self.square_volts = 0.0;
        self.n_steps = 0.0;
        mean
    }

    /// One fine step with the mains at `source_volts`, the dimmer conducting for the share `dimmer_open` of the step, and the
    /// inverter feeding `fed_amps`. Returns volts at the terminals and amperes from the mains to the load.
    pub(crate) fn step(&mut self, source_volts: f64, dimmer_open: f64, fed_amps: f64) -> (f64, f64) {
        let mut conductance = self.conductance + self.dimmed_conductance * dimmer_open;
        let mut remembered = 0.0;
        for windings in self.windings.iter().filter(|windings| windings.on) {
            conductance += windings.magnet.admittance + windings.rotor.admittance;
            remembered += windings.magnet.memory * windings.magnet.amps + windings.rotor.memory * windings.rotor.amps;
        }
        // v = e + L/h * (last i) - (R + L/h) * i  with  i = level * (conductance * v + remembered + rectifiers(v)) - fed
        let impedance = self.source_ohms + self.source_reactance;
        let scaled = impedance * self.level;
        let open = source_volts + self.source_reactance * self.amps + impedance * fed_amps - scaled * remembered;
        let [one, other] = &self.rectifiers;
        let volts = solve(
            1.0 + scaled * conductance,
            open,
            (one.threshold(), scaled * one.slope),
            (other.threshold(), scaled * other.slope),
        );
        let mut unit_amps = conductance * volts + remembered;
        for rectifier in &mut self.rectifiers {
            unit_amps += rectifier.step(volts);
        }
        for windings in self.windings.iter_mut().filter(|windings| windings.on) {
            windings.magnet.step(volts);
            windings.rotor.step(volts);
            windings.square_amps += windings.rotor.amps * windings.rotor.amps;
        }
        self.amps = self.level * unit_amps - fed_amps;
        self.square_volts += volts * volts;
        self.n_steps += 1.0;
        (volts, self.amps)
    }

    /// One fine step with the switch open: nothing flows through the meter, motors lose their field in the arc, rectifiers go on
    /// from their charge.
    pub(crate) fn step_open(&mut self) {
        for windings in &mut self.windings {
            windings.magnet.amps = 0.0;
            windings.rotor.amps = 0.0;
        }
        for rectifier in &mut self.rectifiers {
            let _none_at_0_volts = rectifier.step(0.0);
        }
        self.amps = 0.0;
        self.n_steps += 1.0;
    }
}

impl Branch {
    fn set(&mut self, ohms: f64, reactance: f64) {
        self.admittance = 1.0 / (ohms + reactance);
        self.memory = reactance * self.admittance;
    }

    /// Lets a current die that is no more than a number: processors are slow with the smallest of them.
    fn settle(&mut self) {
        if self.amps.abs() < 1e-12 {
            self.amps = 0.0;
        }
    }

    fn step(&mut self, volts: f64) {
        self.amps = self.admittance * volts + self.memory * self.amps;
    }
}

impl Rectifier {
    fn new(plan: RectifierPlan, step_seconds: f64) -> Self {
        let mut it = Self {
            plan,
            decay: 1.0,
            slope: 0.0,
            rise: 0.0,
            charge: CHARGE_AT_FIRST,
        };
        it.feed(0.0, step_seconds);
        it
    }

    /// Constant power, seen as a conductance at the present charge. Below 80 V the equipment gives up but for a trickle.
    fn feed(&mut self, watts: f64, step_seconds: f64) {
        if self.charge < 1e-9 {
            self.charge = 0.0;
        }
        let charge = self.charge.max(80.0);
        let drawn = if self.charge < 80.0 { watts / 100.0 } else { watts };
        let elastance = step_seconds / self.plan.farads;
        self.decay = 1.0 / (1.0 + elastance * drawn / (charge * charge));
        self.rise = elastance * self.decay;
        self.slope = 1.0 / (self.plan.ohms + self.rise);
    }

    /// The voltage from which on current flows.
    fn threshold(&self) -> f64 {
        self.charge * self.decay
    }

    fn step(&mut self, volts: f64) -> f64 {
        let threshold = self.threshold();
        let amps = (volts.abs() - threshold).max(0.0) * self.slope;
        self.charge = threshold + self.rise * amps;
        amps.copysign(volts)
    }
}

/// The v of  gradient * v + sum of slope * (what of |v| is above the threshold, with v's sign) = sum. The left side is odd and
/// rises everywhere, so v has the sign of the sum and is found by crossing the thresholds in their order.
fn solve(gradient: f64, sum: f64, one: (f64, f64), other: (f64, f64)) -> f64 {
    let (lower, upper) = if one.0 <= other.0 { (one, other) } else { (other, one) };
    let size = sum.abs();
    let mut volts = size / gradient;
    if lower.0 < volts {
        let above_lower = gradient + lower.1;
        let size = size + lower.1 * lower.0;
        volts = size / above_lower;
        if upper.0 < volts {
            volts = (size + upper.1 * upper.0) / (above_lower + upper.1);
        }
    }
    volts.copysign(sum)
}

/// The world begins with charged capacitors, as a house that has long been on the mains.
const CHARGE_AT_FIRST: f64 = 310.0;

#[cfg(test)]
mod tests {
    use super::*;

    const PLANS: [RectifierPlan; N_RECTIFIERS] = [
        RectifierPlan {
            ohms: 3.0,
            farads: 300e-6,
        },
        RectifierPlan {
            ohms: 8.0,
            farads: 40e-6,
        },
    ];

    #[test]
    fn the_solution_satisfies_the_equation_on_every_piece() {
        for step in -400..=400 {
            let sum = f64::from(step);
            for (one, other) in [
                ((100.0, 3.0), (150.0, 2.0)),
                ((150.0, 3.0), (100.0, 2.0)),
                ((0.0, 0.0), (50.0, 1e6)),
            ] {
                let volts = solve(1.5, sum, one, other);
                let above = |(threshold, slope): (f64, f64)| (volts.abs() - threshold).max(0.0) * slope;
                let left = 1.5 * volts + (above(one) + above(other)).copysign(volts);
                assert!((left - sum).abs() < 1e-8, "{sum}: {left}");
            }
        }
    }

    #[test]
    fn a_resistor_divides_the_voltage_with_the_source() {
        let mut circuit = Circuit::new(1e-4, PLANS);
        circuit.set_source(0.5, 0.0, 2.0);
        circuit.set_resistors(0.1, 0.0);
        // Twice 0.1 S are 5 ohm behind 0.5 ohm. The rectifiers are charged by the first steps and then take nothing.
        let mut volts = 0.0;
        for _ in 0..10_000 {
            (volts, _) = circuit.step(110.0, 0.0, 0.0);
        }
        assert!((volts - 100.0).abs() < 1e-6, "{volts}");
    }

    #[test]
    fn a_stiff_circuit_never_gives_more_energy_than_it_was_given() {
        // A comb of the worst: no consumer but rectifiers, high inductance, square waves of alternating length, steps from
        // 1 microsecond to 1 millisecond. Passive consumers can never have returned more than they took.
        for step_seconds in [1e-6, 1e-5, 1e-4, 1e-3] {
            let mut circuit = Circuit::new(step_seconds, PLANS);
            circuit.set_source(0.01, 0.01, 5.0);
            circuit.set_rectifiers([2000.0, 0.0]);
            circuit.set_windings(
                0,
                Some(WindingPlan {
                    magnet_ohms: 1.0,
                    magnet_henries: 1.0,
                    rotor_ohms: 2.0,
                    rotor_henries: 0.05,
                }),
            );
            let mut joules = 0.0;
            for step in 0..200_000_u32 {
                let source = if (step / (1 + step % 97)).is_multiple_of(2) {
                    560.0
                } else {
                    -560.0
                };
                let (volts, amps) = circuit.step(source, 0.0, 0.0);
                assert!(
                    volts.is_finite() && volts.abs() < 1e5 && amps.is_finite(),
                    "{step_seconds} {step} {volts} {amps}"
                );
                joules += volts * amps * step_seconds;
                assert!(-1e-9 < joules, "{step_seconds} {step} {joules}");
            }
        }
    }
}
