//! What is tested beyond the errors of active energy: influences on reactive energy, starting, no load and constant after each part of
//! IEC 62053, transformers that are not linear, ideal sensors, and the quality of the supply.

use metrology::{Lamp, NominalFrequency, VoltageEventKind};

use super::condition::{Condition, Influence, NOMINAL_VOLTS, Quantity, Side};
use super::plan::{Limit, Planner};
use super::supply::{Channels, OfEvent, OfSpectrum, SupplyTest};
use super::trial::Trial;
use super::warm_supply::OfWarm;

/// Rectangular changes a minute whose Pst is 1 (IEC 61000-4-15, table 5).
const CHANGES: [f64; 6] = [1.0, 2.0, 7.0, 39.0, 110.0, 1620.0];

/// Depths in percent by lamp and frequency, for [`CHANGES`] and for 4000 (4800) a minute.
const VECTORS: [(Lamp, NominalFrequency, [f64; 7]); 4] = [
    (
        Lamp::V230,
        NominalFrequency::Hz50,
        [2.715, 2.191, 1.450, 0.894, 0.722, 0.407, 2.343],
    ),
    (
        Lamp::V230,
        NominalFrequency::Hz60,
        [2.719, 2.194, 1.450, 0.895, 0.723, 0.409, 3.263],
    ),
    (
        Lamp::V120,
        NominalFrequency::Hz50,
        [3.178, 2.561, 1.694, 1.045, 0.844, 0.545, 3.426],
    ),
    (
        Lamp::V120,
        NominalFrequency::Hz60,
        [3.181, 2.564, 1.694, 1.040, 0.844, 0.548, 4.837],
    ),
];

/// Frequency and depth of sinusoidal fluctuations whose Pinst,max is 1 (230 V, 50 Hz).
const SINES: [(f64, f64); 11] = [
    (0.5, 2.325),
    (1.0, 1.397),
    (1.5, 1.067),
    (3.0, 0.645),
    (5.0, 0.396),
    (8.8, 0.250),
    (10.0, 0.261),
    (15.0, 0.438),
    (20.0, 0.704),
    (25.0, 1.037),
    (33.0 + 1.0 / 3.0, 2.128),
];

/// The same of rectangular ones.
const RECTANGLES: [(f64, f64); 6] = [
    (0.5, 0.509),
    (3.5, 0.342),
    (8.8, 0.196),
    (18.0, 0.446),
    (25.0, 0.764),
    (33.0 + 1.0 / 3.0, 1.671),
];

impl Planner {
    /// Voltage, frequency and waveform against reactive energy; starting, no load and constant of the reactive LED and of each class.
    pub(super) fn reactive_influences(&mut self) {
        let basic = self.currents.basic;
        for factor in [1.0, 0.5] {
            let reference = Condition::balanced(Quantity::Reactive, basic, factor, Side::Inductive);
            for part in [0.9, 1.1] {
                self.change("Influences on reactive energy", &reference, Influence::Voltage(part));
            }
            for part in [0.98, 1.02] {
                self.change("Influences on reactive energy", &reference, Influence::Frequency(part));
            }
        }
        let full = Condition::balanced(Quantity::Reactive, basic, 1.0, Side::Inductive);
        self.change("Influences on reactive energy", &full, Influence::FifthHarmonic);
        if 1 < self.variant.n_phases() {
            self.change("Influences on reactive energy", &full, Influence::MissingPhases(1));
        }
        self.starts();
    }

    fn starts(&mut self) {
        let (direct, basic, maximum) = (self.currents.direct, self.currents.basic, self.currents.maximum);
        let constant = self.variant.constant() * if self.quick { 10 } else { 1 };
        let within = |name: String, most: f64| Limit { name, least: 0.0, most };
        // Class, quantity, part of Ib or In at which it must start, k of the no-load time.
        let classes: &[(&str, Quantity, f64, f64)] = if direct {
            &[
                ("IEC 62053-21 cl. 1", Quantity::Active, 0.004, 600.0),
                ("IEC 62053-21 cl. 2", Quantity::Active, 0.005, 480.0),
                ("IEC 62053-23 cl. 2", Quantity::Reactive, 0.005, 480.0),
                ("IEC 62053-23 cl. 3", Quantity::Reactive, 0.01, 300.0),
            ]
        } else {
            &[
                ("IEC 62053-21 cl. 1", Quantity::Active, 0.002, 600.0),
                ("IEC 62053-22 cl. 0.2S", Quantity::Active, 0.001, 900.0),
                ("IEC 62053-22 cl. 0.5S", Quantity::Active, 0.001, 600.0),
                ("IEC 62053-23 cl. 2", Quantity::Reactive, 0.003, 480.0),
                ("IEC 62053-23 cl. 3", Quantity::Reactive, 0.005, 300.0),
                ("IEC 62053-24 cl. 0.5S", Quantity::Reactive, 0.001, 600.0),
                ("IEC 62053-24 cl. 1S", Quantity::Reactive, 0.002, 600.0),
            ]
        };
        let side = |quantity| match quantity {
            Quantity::Active => Side::Unity,
            Quantity::Reactive => Side::Inductive,
        };
        let phases = f64::from(if self.variant.n_phases() == 1 { 1_u8 } else { 3 });
        for (class, quantity, part, k) in classes.iter().copied() {
            let name = match quantity {
                Quantity::Active => "active",
                Quantity::Reactive => "reactive",
            };
            let amps = basic * part;
            self.row(
                "Starting, no load, constant by class",
                format!("{class}: {name} starts at {amps:.4} A, pulses after parts of their time"),
                "times",
                Trial::Starting {
                    condition: Condition::balanced(quantity, amps, 1.0, side(quantity)),
                    constant,
                },
                vec![within(class.to_owned(), 1.5)],
                1.2,
            );
            let seconds = 60.0 * k * 1e6 / (f64::from(constant) * phases * NOMINAL_VOLTS * maximum);
            self.row(
                "Starting, no load, constant by class",
                format!("{class}: {name} pulses without load in {seconds:.0} s"),
                "imp",
                Trial::NoLoad {
                    quantity,
                    constant,
                    seconds,
                },
                vec![within(class.to_owned(), 1.0)],
                0.0,
            );
        }
        self.row(
            "Starting, no load, constant by class",
            format!("reactive pulses less register, {maximum} A, 10 s"),
            "imp",
            Trial::Constant {
                condition: Condition::balanced(Quantity::Reactive, maximum, 1.0, Side::Inductive),
                seconds: 10.0,
            },
            vec![Limit::symmetrical("pulses and register agree", 0.0)],
            0.0,
        );
    }

    /// Transformers whose ratio and lead change with the current: with one calibration, and with the curve.
    pub(super) fn bent_transformers(&mut self) {
        let (basic, maximum) = (self.currents.basic, self.currents.maximum);
        let all = [basic * 0.05, basic * 0.13, basic * 0.5, basic, maximum * 0.7];
        let amps = if self.quick { &all[1..2] } else { &all[..] };
        for amps in amps {
            for (factor, side) in [(1.0, Side::Unity), (0.5, Side::Inductive)] {
                let condition = Condition::balanced(Quantity::Active, *amps, factor, side);
                let currents = self.currents;
                for (corrected, with) in [(true, "with its curve"), (false, "with one calibration")] {
                    let limits = if corrected {
                        self.limits(|table| table.error_limit(&currents, &condition))
                    } else {
                        Vec::new()
                    };
                    self.row(
                        "Transformers that are not linear",
                        format!("{condition}, {with}"),
                        "%",
                        Trial::Bent {
                            condition: condition.clone(),
                            seconds: 30.0,
                            corrected,
                        },
                        limits,
                        // Without the curve the goal is only what to compare with.
                        if corrected { 0.03 } else { 2.0 },
                    );
                }
            }
        }
    }

    /// The quality of the supply.
    pub(super) fn supply(&mut self) {
        self.ideal_sensors();
        self.flicker();
        self.spectra();
        self.events();
        self.values();
    }

    fn test(
        &mut self,
        section: &'static str,
        point: String,
        unit: &'static str,
        test: SupplyTest,
        limit: (&str, f64),
        goal: f64,
    ) {
        let (name, most) = limit;
        self.row(
            section,
            point,
            unit,
            Trial::Supply(test),
            vec![Limit::symmetrical(name, most)],
            goal,
        );
    }

    fn ideal_sensors(&mut self) {
        for (amps, goal) in [(5.0, 0.001), (1.0, 0.001), (0.1, 0.005), (0.01, 0.02)] {
            for reactive in [false, true] {
                let name = if reactive { "sin 0.87, Q1" } else { "PF 0.5i, P" };
                self.test(
                    "Ideal sensors, only rounded, THD 6 % and 23 %",
                    format!("{amps} A, {name}, energy of 60 s"),
                    "%",
                    SupplyTest::Ideal {
                        amps,
                        reactive,
                        window: false,
                    },
                    ("class 0.2S", 0.2),
                    goal,
                );
            }
        }
        for reactive in [false, true] {
            let name = if reactive { "Q1" } else { "P" };
            self.test(
                "Ideal sensors, only rounded, THD 6 % and 23 %",
                format!("1 A, {name}, worst window of 200 ms"),
                "%",
                SupplyTest::Ideal {
                    amps: 1.0,
                    reactive,
                    window: true,
                },
                ("class 0.2S", 0.2),
                0.005,
            );
        }
    }

    fn flicker(&mut self) {
        let class = ("IEC 61000-4-15 F1", 5.0);
        for (lamp, nominal, depths) in VECTORS {
            let fastest = match nominal {
                NominalFrequency::Hz50 => 4000.0,
                NominalFrequency::Hz60 => 4800.0,
            };
            let rates = CHANGES.into_iter().chain([fastest]);
            for (percent, a_minute) in depths.into_iter().zip(rates) {
                let is_corner = nominal == NominalFrequency::Hz50 && lamp == Lamp::V230 && a_minute == 39.0;
                if self.quick && !is_corner {
                    continue;
                }
                let volts = if lamp == Lamp::V230 { 230 } else { 120 };
                self.test(
                    "Flicker, Pst of rectangular changes",
                    format!("{volts} V, {} Hz, {percent} %, {a_minute} a minute", nominal.hertz()),
                    "%",
                    SupplyTest::ShortTerm {
                        lamp,
                        nominal,
                        percent,
                        a_minute,
                        scale: 1.0,
                    },
                    class,
                    2.0,
                );
            }
        }
        let scales: &[f64] = if self.quick {
            &[]
        } else {
            &[0.1, 0.2, 0.5, 2.0, 3.0, 5.0]
        };
        for scale in scales {
            self.test(
                "Flicker, Pst of rectangular changes",
                format!("230 V, 50 Hz, 39 a minute for a Pst of {scale}"),
                "%",
                SupplyTest::ShortTerm {
                    lamp: Lamp::V230,
                    nominal: NominalFrequency::Hz50,
                    percent: 0.894,
                    a_minute: 39.0,
                    scale: *scale,
                },
                class,
                2.0,
            );
        }
        for (rectangular, points) in [(false, &SINES[..]), (true, &RECTANGLES[..])] {
            let quick = self.quick;
            for (hertz, percent) in points.iter().copied().filter(|(hertz, _)| !quick || *hertz == 8.8) {
                let shape = if rectangular { "rectangular" } else { "sinusoidal" };
                self.row(
                    "Flicker, greatest Pinst",
                    format!("{shape}, {hertz:.1} Hz, {percent} %"),
                    "%",
                    Trial::Supply(SupplyTest::Instantaneous {
                        rectangular,
                        hertz,
                        percent,
                    }),
                    vec![Limit::symmetrical("IEC 61000-4-15", 8.0)],
                    2.0,
                );
            }
        }
    }

    fn spectra(&mut self) {
        let all = [50.013, 42.713, 49.217, 57.213];
        for hertz in if self.quick { &all[..1] } else { &all[..] } {
            for (of, name) in [(Channels::Voltages, "U"), (Channels::Currents, "I")] {
                for (what, text, goal) in [
                    (OfSpectrum::To40, "h2..40 of 1 %, the worst", 0.1),
                    (OfSpectrum::Above40, "h41..50 of 1 %, the worst", 1.0),
                    (OfSpectrum::Distortion, "THD", 0.02),
                ] {
                    self.test(
                        "Harmonics, gapless subgroups",
                        format!("{name} at {hertz} Hz: {text}"),
                        "%",
                        SupplyTest::Harmonics {
                            hertz: *hertz,
                            of,
                            what,
                        },
                        ("IEC 61000-4-7 class I", 5.0),
                        goal,
                    );
                }
            }
        }
    }

    fn events(&mut self) {
        use VoltageEventKind::{Dip, Interruption, Swell};
        let all = [
            (Dip, 0.4, 2.0),
            (Dip, 0.7, 5.0),
            (Dip, 0.85, 10.0),
            (Dip, 0.1, 50.0),
            (Swell, 1.2, 2.0),
            (Swell, 1.3, 20.0),
            (Interruption, 0.01, 3.0),
            (Interruption, 0.0, 50.0),
        ];
        for (place, (kind, part, cycles)) in all.into_iter().enumerate() {
            if self.quick && place % 3 != 0 {
                continue;
            }
            let name = match kind {
                Dip => "dip",
                Swell => "swell",
                Interruption => "interruption",
            };
            self.test(
                "Dips, swells, interruptions, the worst of 8 moments",
                format!("{name} to {:.0} %, {cycles} cycles: voltage", part * 100.0),
                "% Udin",
                SupplyTest::Event {
                    kind,
                    part,
                    cycles,
                    what: OfEvent::Extreme,
                },
                ("IEC 61000-4-30 A", 0.2),
                0.1,
            );
            self.test(
                "Dips, swells, interruptions, the worst of 8 moments",
                format!("{name} to {:.0} %, {cycles} cycles: duration", part * 100.0),
                "cycles",
                SupplyTest::Event {
                    kind,
                    part,
                    cycles,
                    what: OfEvent::Duration,
                },
                ("IEC 61000-4-30 A", 1.0),
                1.0,
            );
        }
        for steady in [false, true] {
            let name = if steady { "dUss" } else { "dUmax" };
            self.test(
                "Rapid voltage changes",
                format!("8 % for 0.1 s, then 4 %: {name}"),
                "% Udin",
                SupplyTest::RapidChange { part: 0.04, steady },
                ("IEC 61000-4-30 A", 0.2),
                0.1,
            );
        }
    }

    fn values(&mut self) {
        let frequencies: &[f64] = if self.quick {
            &[50.013]
        } else {
            &[42.5, 49.217, 50.013, 57.5]
        };
        for hertz in frequencies.iter().copied() {
            for (ten_seconds, name, goal) in [(true, "10 s", 0.1), (false, "worst window of 200 ms", 1.0)] {
                self.test(
                    "Frequency, THD 6 %",
                    format!("{hertz} Hz, {name}"),
                    "mHz",
                    SupplyTest::Frequency { hertz, ten_seconds },
                    ("IEC 61000-4-30 A", 10.0),
                    goal,
                );
            }
            self.test(
                "Voltage and current, THD 6 % and 23 %",
                format!("Urms(1/2) at {hertz} Hz, the worst"),
                "% Udin",
                SupplyTest::HalfCycles { hertz },
                ("IEC 61000-4-30 A", 0.2),
                0.02,
            );
        }
        let percents: &[f64] = if self.quick {
            &[100.0]
        } else {
            &[10.0, 50.0, 100.0, 150.0]
        };
        for percent in percents.iter().copied() {
            self.test(
                "Voltage and current, THD 6 % and 23 %",
                format!("{percent} % Udin, worst window of 200 ms"),
                "%",
                SupplyTest::Voltage { percent, hertz: 49.217 },
                ("IEC 61000-4-30 A", 0.1 * 100.0 / percent.min(100.0)),
                0.01,
            );
        }
        let (basic, maximum) = (self.currents.basic, self.currents.maximum * 0.8);
        for (amps, goal) in [(self.currents.transitional, 0.01), (basic, 0.01), (maximum, 0.01)] {
            self.test(
                "Voltage and current, THD 6 % and 23 %",
                format!("{amps} A, 10 s"),
                "%",
                SupplyTest::Current { amps },
                ("class A, as the voltage", 0.1),
                goal,
            );
        }
        for celsius in [-40.0, 70.0] {
            for of in OfWarm::ALL {
                let (unit, most, goal) = match of {
                    OfWarm::HalfCycles => ("% Udin", 0.2, 0.02),
                    _ => ("%", 0.1, 0.01),
                };
                self.test(
                    "Supply quality over temperature",
                    format!("{celsius} C: {}", of.name()),
                    unit,
                    SupplyTest::Warm { celsius, of },
                    ("IEC 61000-4-30 A", most),
                    goal,
                );
            }
        }
        let seconds: &[f64] = if self.quick { &[7.0] } else { &[7.0, 600.0] };
        for seconds in seconds.iter().copied() {
            let name = if seconds < 500.0 { "150 cycles" } else { "10 minutes" };
            self.test(
                "Aggregation",
                format!("{name} of a voltage that jumps by 5 %"),
                "%",
                SupplyTest::Aggregate { seconds },
                ("IEC 61000-4-30 A", 0.1),
                0.01,
            );
        }
        if 1 < self.variant.n_phases() {
            for zero in [false, true] {
                self.test(
                    "Unbalance, the worst window",
                    format!("93 and 104 %, 2 degrees off: {}", if zero { "u0" } else { "u2" }),
                    "points",
                    SupplyTest::Unbalance { zero },
                    ("IEC 61000-4-30 A", 0.15),
                    0.01,
                );
            }
        }
    }
}
