//! What is tested on a variant: the trials to run, and the rows of the report that look at their outcomes.

use metrology::Phase;

use super::condition::{Condition, Influence, NOMINAL_CELSIUS, NOMINAL_VOLTS, Phases, Quantity, Side};
use super::limits::{Table, goal, mid_band};
use super::supply::SupplyTest;
use super::trial::{Outcome, Trial};
use super::variant::{Currents, Variant};

/// The tests of one variant.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Each is run once.
    pub(super) trials: Vec<Trial>,
    /// What the report says, in order.
    pub(super) rows: Vec<Row>,
}

/// One line of the report before it is measured.
#[derive(Debug)]
pub(super) struct Row {
    /// The part of the report.
    pub(super) section: &'static str,
    /// What is tested.
    pub(super) point: String,
    /// The unit of value, limits and goal.
    pub(super) unit: &'static str,
    /// The outcomes that make the value.
    pub(super) look: Look,
    /// What the standards allow.
    pub(super) limits: Vec<Limit>,
    /// What we ask of ourselves; magnitude of the value.
    pub(super) goal: Option<f64>,
    /// Where the value is a point of a curve.
    pub(super) curve: Option<Curve>,
}

/// What a value is drawn over.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Curve {
    /// The error of an energy, over the current.
    Load(Condition),
    /// What a test of supply quality found, over what the test varies.
    Supply(SupplyTest),
}

/// How a value is made of outcomes, which are given by their place in the list of trials.
#[derive(Debug)]
pub(super) enum Look {
    /// As it is.
    Plain(usize),
    /// The first less the second.
    Change(usize, usize),
    /// The first less the second, by so many kelvins.
    Slope(usize, usize, f64),
    /// Between the greatest and the least.
    Spread(Vec<usize>),
}

/// What a standard allows.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(super) struct Limit {
    /// The table.
    pub(super) name: String,
    /// The least value allowed.
    pub(super) least: f64,
    /// The greatest value allowed.
    pub(super) most: f64,
}

impl Look {
    /// The value and its standard uncertainty.
    pub(super) fn at(&self, outcomes: &[Outcome]) -> Outcome {
        match self {
            Self::Plain(trial) => outcomes[*trial].clone(),
            Self::Change(with, without) => {
                let (with, without) = (&outcomes[*with], &outcomes[*without]);
                Outcome {
                    value: with.value - without.value,
                    uncertainty: with
                        .uncertainty
                        .zip(without.uncertainty)
                        .map(|(one, other)| one.hypot(other)),
                    orders: Vec::new(),
                }
            }
            Self::Slope(with, without, kelvins) => {
                let change = Self::Change(*with, *without).at(outcomes);
                Outcome {
                    value: change.value / kelvins,
                    uncertainty: change.uncertainty.map(|sigma| sigma / kelvins.abs()),
                    orders: Vec::new(),
                }
            }
            Self::Spread(trials) => {
                let values = trials.iter().map(|trial| outcomes[*trial].value);
                let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
                Outcome::of(most - values.fold(f64::INFINITY, f64::min))
            }
        }
    }
}

impl Limit {
    pub(super) fn symmetrical(name: impl Into<String>, percent: f64) -> Self {
        Self {
            name: name.into(),
            least: -percent,
            most: percent,
        }
    }

    pub(super) fn allows(&self, value: f64) -> bool {
        (self.least..=self.most).contains(&value)
    }
}

/// A plan being written.
pub(super) struct Planner {
    pub(super) variant: Variant,
    pub(super) currents: Currents,
    pub(super) quick: bool,
    plan: Plan,
}

/// The whole type test of a variant; `quick` leaves out points between the corners of the tables and measures shorter.
pub(super) fn plan(variant: Variant, quick: bool) -> Plan {
    let mut planner = Planner {
        variant,
        currents: variant.currents(),
        quick,
        plan: Plan::default(),
    };
    planner.active();
    planner.reactive();
    planner.single_phase_loads();
    planner.voltages_and_frequencies();
    planner.distortions();
    planner.temperatures();
    planner.repeatability();
    planner.counting();
    planner.reactive_influences();
    planner.bent_transformers();
    planner.supply();
    planner.plan
}

const FULL: [(f64, Side); 5] = [
    (1.0, Side::Unity),
    (0.5, Side::Inductive),
    (0.8, Side::Capacitive),
    (0.25, Side::Inductive),
    (0.5, Side::Capacitive),
];

impl Planner {
    /// Active energy with all phases loaded alike, in both directions.
    fn active(&mut self) {
        for (factor, side) in FULL {
            for amps in self.amperes(self.least_amps(factor, side)) {
                self.error(
                    "Active energy",
                    Condition::balanced(Quantity::Active, amps, factor, side),
                );
            }
        }
        for (factor, side) in [(1.0, Side::Unity), (0.5, Side::Inductive)] {
            for amps in self.amperes(self.currents.transitional) {
                let mut condition = Condition::balanced(Quantity::Active, amps, factor, side);
                condition.export = true;
                self.error("Active energy, exported", condition);
            }
        }
    }

    fn reactive(&mut self) {
        for side in [Side::Inductive, Side::Capacitive] {
            for factor in [1.0, 0.5, 0.25] {
                let least = self.currents.basic
                    * match (factor < 0.4, factor < 0.9, self.currents.direct) {
                        (true, _, true) => 0.2,
                        (true, _, false) | (_, true, true) => 0.1,
                        (_, true, false) | (_, _, true) => 0.05,
                        (_, _, false) => 0.01,
                    };
                for amps in self.amperes(least) {
                    let condition = Condition::balanced(Quantity::Reactive, amps, factor, side);
                    self.error("Reactive energy", condition);
                }
            }
        }
    }

    /// One phase loaded, all voltages there; and how far that is from all phases loaded.
    fn single_phase_loads(&mut self) {
        if self.variant.n_phases() == 1 {
            return;
        }
        let basic = self.currents.basic;
        let amps = [self.currents.transitional, basic, self.currents.maximum];
        let loads = [
            (Quantity::Active, 1.0, Side::Unity),
            (Quantity::Active, 0.5, Side::Inductive),
            (Quantity::Reactive, 1.0, Side::Inductive),
            (Quantity::Reactive, 0.5, Side::Inductive),
        ];
        for (quantity, factor, side) in loads {
            for amps in amps {
                for phase in Phase::ALL {
                    let mut condition = Condition::balanced(quantity, amps, factor, side);
                    condition.phases = Phases::Only(phase);
                    self.error("One phase loaded", condition);
                }
            }
        }
        let balanced = Condition::balanced(Quantity::Active, basic, 1.0, Side::Unity);
        let reference = self.measured(&balanced, 0);
        for phase in Phase::ALL {
            let mut condition = balanced.clone();
            condition.phases = Phases::Only(phase);
            let single = self.measured(&condition, 0);
            let limits = self.limits(|table| table.difference_limit());
            self.plan.rows.push(Row {
                section: "One phase loaded less all phases loaded",
                point: condition.to_string(),
                unit: "%",
                look: Look::Change(single, reference),
                limits,
                goal: Some(0.01),
                curve: None,
            });
        }
    }

    fn voltages_and_frequencies(&mut self) {
        let Currents {
            direct, basic, maximum, ..
        } = self.currents;
        let low = basic * if direct { 0.05 } else { 0.02 };
        for (factor, side, low) in [(1.0, Side::Unity, low), (0.5, Side::Inductive, basic * 0.1)] {
            let parts: &[f64] = if self.quick {
                &[0.9, 1.1, 1.15]
            } else {
                &[0.8, 0.9, 1.1, 1.15]
            };
            let amps = if self.quick {
                vec![low, basic]
            } else {
                vec![low, basic, maximum]
            };
            for amps in amps {
                let reference = Condition::balanced(Quantity::Active, amps, factor, side);
                for part in parts {
                    self.change("Voltage", &reference, Influence::Voltage(*part));
                }
                for part in [0.98, 1.02] {
                    self.change("Frequency", &reference, Influence::Frequency(part));
                }
            }
        }
        let deep = Condition::balanced(Quantity::Active, basic, 1.0, Side::Unity).with(Influence::Voltage(0.6));
        let trial = self.measured(&deep, 0);
        self.plan.rows.push(Row {
            section: "Voltage",
            point: deep.to_string(),
            unit: "%",
            look: Look::Plain(trial),
            limits: vec![Limit {
                name: "below 0.8 Un".to_owned(),
                least: -100.0,
                most: 10.0,
            }],
            goal: Some(0.01),
            curve: None,
        });
    }

    fn distortions(&mut self) {
        let Currents {
            direct, basic, maximum, ..
        } = self.currents;
        let at = |amps| Condition::balanced(Quantity::Active, amps, 1.0, Side::Unity);
        if 1 < self.variant.n_phases() {
            self.change("Phases", &at(basic * 0.1), Influence::ReversedSequence);
            self.change("Phases", &at(basic), Influence::MissingPhases(1));
            self.change("Phases", &at(basic), Influence::MissingPhases(2));
        }
        let section = "Waveform";
        self.change(section, &at(maximum * 0.5), Influence::FifthHarmonic);
        if direct {
            self.change(
                section,
                &at(maximum * core::f64::consts::FRAC_1_SQRT_2),
                Influence::HalfWave,
            );
        }
        self.change(section, &at(basic * 0.5), Influence::PhaseFired);
        self.change(section, &at(basic * 0.5), Influence::Bursts);
    }

    /// The error in every temperature band of the MID, and its mean coefficient from 23 degrees on.
    fn temperatures(&mut self) {
        let Currents {
            transitional,
            basic,
            maximum,
            ..
        } = self.currents;
        let all: &[f64] = if self.quick {
            &[-40.0, -10.0, 40.0, 70.0]
        } else {
            &[-40.0, -25.0, -10.0, 5.0, 30.0, 40.0, 55.0, 70.0]
        };
        let mut slopes = Vec::new();
        for celsius in all {
            for (factor, side) in [(1.0, Side::Unity), (0.5, Side::Inductive)] {
                let amps = if self.quick {
                    vec![basic]
                } else {
                    vec![transitional, basic, maximum]
                };
                for amps in amps {
                    let reference = Condition::balanced(Quantity::Active, amps, factor, side);
                    let condition = reference.at_temperature(*celsius);
                    let with = self.measured(&condition, 0);
                    let without = self.measured(&reference, 0);
                    let limits = self.mid_limits(&condition);
                    self.plan.rows.push(Row {
                        section: "Temperature (MID annex V)",
                        point: condition.to_string(),
                        unit: "%",
                        look: Look::Plain(with),
                        limits,
                        goal: Some(0.03),
                        curve: None,
                    });
                    slopes.push(Row {
                        section: "Mean temperature coefficient",
                        point: format!("{condition} against {NOMINAL_CELSIUS} C"),
                        unit: "%/K",
                        look: Look::Slope(with, without, celsius - NOMINAL_CELSIUS),
                        limits: self.limits(|table| table.coefficient_limit(&condition)),
                        goal: Some(0.001),
                        curve: None,
                    });
                }
            }
        }
        self.plan.rows.append(&mut slopes);
    }

    fn repeatability(&mut self) {
        for (amps, goal) in [(self.currents.basic, 0.005), (self.currents.transitional, 0.02)] {
            let condition = Condition::balanced(Quantity::Active, amps, 1.0, Side::Unity);
            let trials = (0..5).map(|turn| self.measured(&condition, turn)).collect();
            self.plan.rows.push(Row {
                section: "Repeatability, 5 measurements",
                point: condition.to_string(),
                unit: "%",
                look: Look::Spread(trials),
                limits: Vec::new(),
                goal: Some(goal),
                curve: None,
            });
        }
    }

    /// Starting, no load, meter constant, readiness. A quick run sets the LED to ten times its constant, which the
    /// standards' formulas follow.
    fn counting(&mut self) {
        let currents = self.currents;
        let constant = self.variant.constant() * if self.quick { 10 } else { 1 };
        let imp = f64::from(constant);
        let phases = f64::from(if self.variant.n_phases() == 1 { 1_u8 } else { 3 });
        let en_minutes = 240e3 / (imp * phases * 1.15 * NOMINAL_VOLTS * currents.starting);
        let iec_minutes = 600e6 / (imp * phases * NOMINAL_VOLTS * currents.maximum);
        let seconds = 60.0 * en_minutes.max(iec_minutes);
        let within = |name: &str, most: f64| Limit {
            name: name.to_owned(),
            least: 0.0,
            most,
        };
        let section = "Counting";
        self.row(
            section,
            format!("pulses without load, 115 % voltage, {imp} imp/kWh, {seconds:.0} s"),
            "imp",
            Trial::NoLoad {
                quantity: Quantity::Active,
                constant,
                seconds,
            },
            vec![within("EN 50470-3, IEC 62053-21: at most 1", 1.0)],
            0.0,
        );
        let starting = Condition::balanced(Quantity::Active, currents.starting, 1.0, Side::Unity);
        self.row(
            section,
            format!(
                "starting at {} A, {imp} imp/kWh: first and second pulse after parts of their time",
                currents.starting
            ),
            "times",
            Trial::Starting {
                condition: starting,
                constant,
            },
            vec![within("OIML R46", 1.5)],
            1.2,
        );
        let full = Condition::balanced(Quantity::Active, currents.maximum, 1.0, Side::Unity);
        let seconds = if self.quick { 10.0 } else { 60.0 };
        self.row(
            section,
            format!("pulses less register, {} A, {seconds} s", currents.maximum),
            "imp",
            Trial::Constant {
                condition: full.clone(),
                seconds,
            },
            vec![Limit::symmetrical("pulses and register agree", 0.0)],
            0.0,
        );
        let limits = self.limits(|table| table.error_limit(&currents, &full));
        self.row(
            section,
            format!("error between the first and the last pulse, {full}"),
            "%",
            Trial::Led {
                condition: full,
                seconds,
            },
            limits,
            0.01,
        );
        let condition = Condition::balanced(Quantity::Active, currents.basic, 1.0, Side::Unity);
        self.row(
            section,
            "counts after voltage and load are there".to_owned(),
            "s",
            Trial::Ready { condition },
            vec![within("IEC 62052-11", 5.0)],
            1.0,
        );
    }

    pub(super) fn row(
        &mut self,
        section: &'static str,
        point: String,
        unit: &'static str,
        trial: Trial,
        limits: Vec<Limit>,
        goal: f64,
    ) {
        let curve = match &trial {
            Trial::Supply(test) => Some(Curve::Supply(test.clone())),
            _ => None,
        };
        let look = Look::Plain(self.trial(trial));
        self.plan.rows.push(Row {
            section,
            point,
            unit,
            look,
            limits,
            goal: Some(goal),
            curve,
        });
    }

    /// The error under reference conditions.
    fn error(&mut self, section: &'static str, condition: Condition) {
        let trial = self.measured(&condition, 0);
        let currents = self.currents;
        let mut limits = self.limits(|table| table.error_limit(&currents, &condition));
        limits.extend(self.mid_limits(&condition));
        self.plan.rows.push(Row {
            section,
            point: condition.to_string(),
            unit: "%",
            look: Look::Plain(trial),
            limits,
            goal: Some(goal(&currents, &condition)),
            curve: Some(Curve::Load(condition)),
        });
    }

    /// What an influence changes; and, within the rated operating conditions, the error that is left altogether.
    pub(super) fn change(&mut self, section: &'static str, reference: &Condition, influence: Influence) {
        let condition = reference.with(influence);
        let with = self.measured(&condition, 0);
        let without = self.measured(reference, 0);
        let currents = self.currents;
        let limits = self.limits(|table| table.change_limit(&currents, &condition));
        self.plan.rows.push(Row {
            section,
            point: format!("change by {condition}"),
            unit: "%",
            look: Look::Change(with, without),
            limits,
            goal: Some(goal(&currents, &condition)),
            curve: None,
        });
        let limits = self.mid_limits(&condition);
        if !limits.is_empty() {
            self.plan.rows.push(Row {
                section: "Rated operating conditions (MID annex V)",
                point: condition.to_string(),
                unit: "%",
                look: Look::Plain(with),
                limits,
                goal: Some(0.03),
                curve: None,
            });
        }
    }

    pub(super) fn limits(&self, of: impl Fn(Table) -> Option<f64>) -> Vec<Limit> {
        let tables = self.variant.tables().iter();
        tables
            .filter_map(|table| Some(Limit::symmetrical(table.name(), of(*table)?)))
            .collect()
    }

    fn mid_limits(&self, condition: &Condition) -> Vec<Limit> {
        let mut limits = self.limits(|table| table.mid_limit(&self.currents, condition));
        for limit in &mut limits {
            let class = limit.name.split_off(limit.name.len() - 1);
            limit.name = format!("MID {class}, {}", mid_band(condition.celsius));
        }
        limits
    }

    /// The place of a measured error; the same condition is measured once for each turn.
    fn measured(&mut self, condition: &Condition, turn: u32) -> usize {
        let seconds = match (condition.amps < self.currents.transitional * 0.9, self.quick) {
            (true, true) => 30.0,
            (true, false) => 120.0,
            (false, true) => 10.0,
            (false, false) => 60.0,
        };
        self.trial(Trial::Error {
            condition: condition.clone(),
            seconds,
            turn,
        })
    }

    fn trial(&mut self, trial: Trial) -> usize {
        let trials = &mut self.plan.trials;
        trials.iter().position(|known| *known == trial).unwrap_or_else(|| {
            trials.push(trial);
            trials.len() - 1
        })
    }

    /// The least current at which a power factor is looked at.
    fn least_amps(&self, factor: f64, side: Side) -> f64 {
        let Currents {
            direct,
            starting,
            basic,
            ..
        } = self.currents;
        match (side, factor < 0.4) {
            (Side::Unity, _) => starting,
            (Side::Inductive, false) => basic * if direct { 0.05 } else { 0.02 },
            (Side::Capacitive, _) if 0.6 < factor => basic * if direct { 0.05 } else { 0.02 },
            _ => basic * if direct { 0.2 } else { 0.1 },
        }
    }

    /// The currents of an error curve from `least` on: the corners of the tables, and between them in a full run.
    fn amperes(&self, least: f64) -> Vec<f64> {
        let all: &[f64] = match (self.currents.direct, self.quick) {
            (true, true) => &[0.02, 0.15, 0.25, 0.5, 1.0, 5.0, 50.0, 100.0],
            (true, false) => &[
                0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 50.0, 75.0, 100.0,
            ],
            (false, true) => &[0.005, 0.05, 0.1, 0.25, 0.5, 5.0, 6.0],
            (false, false) => &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 6.0],
        };
        all.iter().copied().filter(|amps| least * 0.999 <= *amps).collect()
    }
}
