//! One test on one meter: the world is made, the meter measures, and what its registers or its LED counted is held against the truth.

use metrology::{Direction, Element, PulseQuantity, Pulses, Quantity as Register, Registers, Tariff};

use super::condition::{Condition, Influence, NOMINAL_VOLTS, Quantity};
use super::specimen::{BLOCK, Block, Specimen, run};
use super::supply::SupplyTest;

/// A test that is run on a meter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trial {
    /// The error of the energy that the registers count; `turn` tells repetitions apart.
    Error {
        condition: Condition,
        seconds: f64,
        turn: u32,
    },
    /// The error of the energy between the first and the last pulse of the LED.
    Led { condition: Condition, seconds: f64 },
    /// How far the number of pulses is from the register.
    Constant { condition: Condition, seconds: f64 },
    /// Pulses within the time of the standard, at 1.15 Un without current.
    NoLoad {
        quantity: Quantity,
        constant: u32,
        seconds: f64,
    },
    /// The longer of the times to the first pulse and to the next one, in parts of the theoretical time at Ist.
    Starting { condition: Condition, constant: u32 },
    /// Seconds from voltage and load until energy is counted.
    Ready { condition: Condition },
    /// The error of a meter whose transformers are not linear, with its curve or without.
    Bent {
        condition: Condition,
        seconds: f64,
        corrected: bool,
    },
    /// A test of supply quality.
    Supply(SupplyTest),
}

/// What a trial found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    /// The value, in the trial's unit.
    pub(super) value: f64,
    /// Standard uncertainty of an error, from the scatter of its windows.
    pub(super) uncertainty: Option<f64>,
    /// Of a spectrum: the error of each order, of which the value is the worst.
    pub(super) orders: Vec<(u8, f64)>,
}

impl Outcome {
    /// A value without uncertainty.
    pub(super) const fn of(value: f64) -> Self {
        Self {
            value,
            uncertainty: None,
            orders: Vec::new(),
        }
    }
}

impl Trial {
    /// The longest time that a trial may take of the meter's life, for the plan.
    pub(super) fn seconds(&self) -> f64 {
        match self {
            Self::Error { seconds, .. }
            | Self::Led { seconds, .. }
            | Self::Constant { seconds, .. }
            | Self::NoLoad { seconds, .. }
            | Self::Bent { seconds, .. } => *seconds,
            Self::Supply(test) => test.seconds() / 8.0,
            Self::Starting { condition, constant } => {
                // One phase is the slowest.
                2.0 * pulse_seconds(*constant, NOMINAL_VOLTS * condition.amps)
            }
            Self::Ready { .. } => 1.0,
        }
    }

    /// Runs the trial.
    ///
    /// # Errors
    /// When the condition is beyond what the model can do.
    pub(super) fn run(&self, specimen: &Specimen, seed: u64) -> anyhow::Result<Outcome> {
        match self {
            Self::Error { condition, seconds, .. } => error(specimen, condition, *seconds, seed),
            Self::Led { condition, seconds } => led(specimen, condition, *seconds, seed),
            Self::Constant { condition, seconds } => constant(specimen, condition, *seconds, seed),
            Self::NoLoad {
                quantity,
                constant,
                seconds,
            } => no_load(specimen, *quantity, *constant, *seconds, seed),
            Self::Bent {
                condition,
                seconds,
                corrected,
            } => error(&specimen.bent(condition.amps, *corrected)?, condition, *seconds, seed),
            Self::Supply(test) => test.run(specimen, seed),
            Self::Starting { condition, constant } => starting(specimen, condition, *constant, seed),
            Self::Ready { condition } => ready(specimen, condition, seed),
        }
    }
}

/// Seconds between two pulses at this power.
fn pulse_seconds(constant: u32, watts: f64) -> f64 {
    3.6e6 / f64::from(constant) / watts
}

/// The true power of the condition's quantity over all phases.
fn true_power(specimen: &Specimen, condition: &Condition, seed: u64) -> anyhow::Result<f64> {
    let truth = specimen
        .world(condition, seed)?
        .truth()
        .ok_or_else(|| anyhow::anyhow!("a bench has fixed currents"))?;
    Ok(truth
        .phases
        .iter()
        .map(|phase| match condition.quantity {
            Quantity::Active => phase.active_watts,
            Quantity::Reactive => phase.fundamental_reactive_vars,
        })
        .sum())
}

fn error(specimen: &Specimen, condition: &Condition, seconds: f64, seed: u64) -> anyhow::Result<Outcome> {
    let power = true_power(specimen, condition, seed)?;
    let mut world = specimen.world(condition, seed)?;
    let mut registers = Registers::new(Direction::SumOfPhases);
    let (mut count, mut nanos, mut sum, mut squares) = (0.0, 0.0, 0.0, 0.0);
    run(&mut world, specimen.core(condition)?, seconds, |measurement| {
        registers.book(measurement, Tariff::FIRST);
        let flow = &measurement.total.energy;
        let micro = match condition.quantity {
            Quantity::Active => flow.active_microjoules,
            Quantity::Reactive => flow.reactive_microvarseconds,
        };
        let percent = 100.0 * (micro as f64 * 1e3 / measurement.duration_nanos as f64 / power - 1.0);
        count += 1.0;
        nanos += measurement.duration_nanos as f64;
        sum += percent;
        squares += percent * percent;
    });
    let (import, export) = match condition.quantity {
        Quantity::Active => (Register::ActiveImport, Register::ActiveExport),
        Quantity::Reactive => (Register::ReactiveImport, Register::ReactiveExport),
    };
    let micro = |register| registers.micro(register, Element::Total) as f64;
    let counted = micro(import) - micro(export);
    let mean = sum / count;
    let variance = ((squares / count - mean * mean) * count / (count - 1.0)).max(0.0);
    Ok(Outcome {
        value: 100.0 * (counted / (power * nanos * 1e-3) - 1.0),
        uncertainty: (condition.influence != Influence::Bursts).then(|| (variance / count).sqrt()),
        orders: Vec::new(),
    })
}

/// The meter's LED, looked at as a bench's photo head does: sample numbers of its pulses, and the registers beside it.
struct Watched {
    registers: Registers,
    leds: Pulses,
    first: Option<u64>,
    last: u64,
    seen: u64,
}

impl Watched {
    fn new(quantity: Quantity, constant: u32) -> anyhow::Result<Self> {
        let quantity = match quantity {
            Quantity::Active => PulseQuantity::Active,
            Quantity::Reactive => PulseQuantity::Reactive,
        };
        let leds = Pulses::new(quantity, Direction::SumOfPhases, constant, 0)
            .ok_or_else(|| anyhow::anyhow!("no such LED constant: {constant}"))?;
        Ok(Self {
            registers: Registers::new(Direction::SumOfPhases),
            leds,
            first: None,
            last: 0,
            seen: 0,
        })
    }

    /// Runs the meter from its first voltage on until `enough` or for `seconds`.
    fn run(
        &mut self,
        specimen: &Specimen,
        condition: &Condition,
        seconds: f64,
        seed: u64,
        enough: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let mut world = specimen.world(condition, seed)?;
        let mut core = specimen.core(condition)?;
        let mut block: Block = [[0; 7]; BLOCK];
        let mut samples = 0.0;
        while samples < seconds * specimen.setup.rate_hz && !enough(self) {
            world.fill(&mut block);
            samples += BLOCK as f64;
            core.push_block(&block, |measurement| {
                self.registers.book(measurement, Tariff::FIRST);
                for sample in self.leds.book(measurement) {
                    self.first.get_or_insert(sample);
                    self.last = sample;
                    self.seen += 1;
                }
            });
        }
        Ok(())
    }
}

fn led(specimen: &Specimen, condition: &Condition, seconds: f64, seed: u64) -> anyhow::Result<Outcome> {
    let power = true_power(specimen, condition, seed)?;
    let mut watched = Watched::new(condition.quantity, specimen.variant.constant())?;
    watched.run(specimen, condition, seconds, seed, |_| false)?;
    let first = watched.first.unwrap_or(watched.last);
    let joules = watched.seen.saturating_sub(1) as f64 * 3.6e6 / f64::from(watched.leds.constant());
    let passed = watched.last.saturating_sub(first) as f64 / specimen.setup.rate_hz;
    Ok(Outcome::of(100.0 * (joules / (power * passed) - 1.0)))
}

fn constant(specimen: &Specimen, condition: &Condition, seconds: f64, seed: u64) -> anyhow::Result<Outcome> {
    let mut watched = Watched::new(condition.quantity, specimen.variant.constant())?;
    watched.run(specimen, condition, seconds, seed, |_| false)?;
    let micro = |register| watched.registers.micro(register, Element::Total);
    let counted = match condition.quantity {
        Quantity::Active => micro(Register::ActiveAbsolute),
        Quantity::Reactive => micro(Register::ReactiveImport) + micro(Register::ReactiveExport),
    };
    let due = counted * i128::from(watched.leds.constant()) / 3_600_000_000_000; // towards zero
    Ok(Outcome::of(i128::from(watched.seen) as f64 - due as f64))
}

fn no_load(specimen: &Specimen, quantity: Quantity, constant: u32, seconds: f64, seed: u64) -> anyhow::Result<Outcome> {
    let condition =
        Condition::balanced(quantity, 0.0, 1.0, super::condition::Side::Unity).with(Influence::Voltage(1.15));
    let mut watched = Watched::new(quantity, constant)?;
    watched.run(specimen, &condition, seconds, seed, |_| false)?;
    Ok(Outcome::of(watched.seen as f64))
}

fn starting(specimen: &Specimen, condition: &Condition, constant: u32, seed: u64) -> anyhow::Result<Outcome> {
    let due = pulse_seconds(constant, true_power(specimen, condition, seed)?);
    let mut watched = Watched::new(condition.quantity, constant)?;
    // Both pulses within twice their time, or it has not started.
    watched.run(specimen, condition, 4.0 * due, seed, |watched| 2 <= watched.seen)?;
    let at = |sample: u64| sample as f64 / specimen.setup.rate_hz;
    let value = match watched.first {
        Some(first) if 2 <= watched.seen => (at(first) / due).max((at(watched.last) - at(first)) / due),
        _ => f64::INFINITY,
    };
    Ok(Outcome::of(value))
}

fn ready(specimen: &Specimen, condition: &Condition, seed: u64) -> anyhow::Result<Outcome> {
    let mut world = specimen.world(condition, seed)?;
    let mut core = specimen.core(condition)?;
    let longest = 10 * u64::from(specimen.converter.rate_hz);
    for sample in 1..=longest {
        if let Some(measurement) = core.push(&world.sample())
            && 0 < measurement.total.energy.active_microjoules
        {
            return Ok(Outcome::of(sample as f64 / specimen.setup.rate_hz));
        }
    }
    Ok(Outcome::of(f64::INFINITY))
}
