//! The ratio of the transformers before a CT meter and what stands on their primary side (V3): 0-0:96.130.0, 1-0:0.4.x, energies 1-0:C.129.0, values of the last
//! window 1-0:C.130.0. docs/transformers.md describes them. A direct meter has none of them.

use cosem::axdr::{Full, Writer};
use cosem::{Object, ScalerUnit, Unit};
use metrology::{Phase, PhaseReading, Quantity, TotalReading};

use super::policy::{MEASURED, NAMEPLATE, RATIO};
use super::{Data, Register};
use crate::model::Model;
use crate::transformers::Part;

pub(super) const OBJECTS: &[Object<Model>] = &[
    ratio("0-0:96.130.0", &WHOLE),
    ratio("1-0:0.4.2", &CURRENT_NUMERATOR),
    ratio("1-0:0.4.3", &VOLTAGE_NUMERATOR),
    overall("1-0:0.4.4", &OVERALL_NUMERATOR),
    ratio("1-0:0.4.5", &CURRENT_DENOMINATOR),
    ratio("1-0:0.4.6", &VOLTAGE_DENOMINATOR),
    overall("1-0:0.4.7", &OVERALL_DENOMINATOR),
    primary("1-0:1.129.0", &ACTIVE_IMPORT),
    primary("1-0:1.130.0", &POWER_IMPORT),
    primary("1-0:2.129.0", &ACTIVE_EXPORT),
    primary("1-0:2.130.0", &POWER_EXPORT),
    primary("1-0:3.129.0", &REACTIVE_IMPORT),
    primary("1-0:3.130.0", &REACTIVE_POWER_IMPORT),
    primary("1-0:4.129.0", &REACTIVE_EXPORT),
    primary("1-0:4.130.0", &REACTIVE_POWER_EXPORT),
    primary("1-0:9.129.0", &APPARENT_IMPORT),
    primary("1-0:9.130.0", &APPARENT_POWER),
    primary("1-0:10.129.0", &APPARENT_EXPORT),
    primary("1-0:15.129.0", &ACTIVE_ABSOLUTE),
    primary("1-0:16.129.0", &ACTIVE_NET),
    primary("1-0:16.130.0", &POWER_NET),
    primary("1-0:31.130.0", &CURRENT_1),
    primary("1-0:32.130.0", &VOLTAGE_1),
    primary("1-0:51.130.0", &CURRENT_2),
    primary("1-0:52.130.0", &VOLTAGE_2),
    primary("1-0:71.130.0", &CURRENT_3),
    primary("1-0:72.130.0", &VOLTAGE_3),
];

/// Whether there are transformers before the meter.
fn behind_transformers(it: &Model) -> bool {
    !it.config.variant.is_direct()
}

const fn ratio(name: &str, class: &'static Data) -> Object<Model> {
    Object::new(name, class, &RATIO).present_when(behind_transformers)
}

const fn overall(name: &str, class: &'static Data) -> Object<Model> {
    Object::new(name, class, &NAMEPLATE).present_when(behind_transformers)
}

const fn primary(name: &str, class: &'static Register) -> Object<Model> {
    Object::new(name, class, &MEASURED).present_when(behind_transformers)
}

/// All four parts, taken whole or not at all.
static WHOLE: Data = Data {
    value: |it, out| {
        out.structure(Part::ALL.len())?;
        let ratio = it.transformers.ratio();
        Part::ALL.iter().try_for_each(|part| out.value(ratio.part(*part)))
    },
    set: Some(|it, value| {
        value.structure(Part::ALL.len())?;
        let mut wanted = it.transformers.ratio();
        for part in Part::ALL {
            wanted = wanted.with(part, value.value()?);
        }
        it.set_transformer_ratio(wanted)
    }),
};

macro_rules! part {
    ($part:ident) => {
        Data {
            value: |it, out| out.value(it.transformers.ratio().part(Part::$part)),
            set: Some(|it, value| {
                let wanted = it.transformers.ratio().with(Part::$part, value.value()?);
                it.set_transformer_ratio(wanted)
            }),
        }
    };
}

static CURRENT_NUMERATOR: Data = part!(CurrentNumerator);
static VOLTAGE_NUMERATOR: Data = part!(VoltageNumerator);
static CURRENT_DENOMINATOR: Data = part!(CurrentDenominator);
static VOLTAGE_DENOMINATOR: Data = part!(VoltageDenominator);
static OVERALL_NUMERATOR: Data = Data::shown(|it, out| out.value(it.transformers.ratio().overall().0));
static OVERALL_DENOMINATOR: Data = Data::shown(|it, out| out.value(it.transformers.ratio().overall().1));

/// Whole Wh, varh or VAh in 64 bits: at the greatest ratio 32 bits would roll over within the hour.
macro_rules! energy {
    ($quantity:ident, $unit:ident) => {
        Register::shown(
            |it, out| out.value(energy(it, Quantity::$quantity).unsigned_abs()),
            |_| ScalerUnit::new(0, Unit::$unit),
        )
    };
}

static ACTIVE_IMPORT: Register = energy!(ActiveImport, WattHour);
static ACTIVE_EXPORT: Register = energy!(ActiveExport, WattHour);
static REACTIVE_IMPORT: Register = energy!(ReactiveImport, VarHour);
static REACTIVE_EXPORT: Register = energy!(ReactiveExport, VarHour);
static APPARENT_IMPORT: Register = energy!(ApparentImport, VoltAmpereHour);
static APPARENT_EXPORT: Register = energy!(ApparentExport, VoltAmpereHour);
static ACTIVE_ABSOLUTE: Register = energy!(ActiveAbsolute, WattHour);
/// The one that can fall below zero.
static ACTIVE_NET: Register = Register::shown(
    |it, out| out.value(energy(it, Quantity::ActiveNet)),
    |_| ScalerUnit::new(0, Unit::WattHour),
);

fn energy(it: &Model, quantity: Quantity) -> i64 {
    it.transformers.energy(quantity, &it.registers).unwrap_or(0)
}

macro_rules! power {
    ($unit:ident, $power:expr) => {
        Register::shown(
            |it, out| out.value(whole(power(it, $power))),
            |_| ScalerUnit::new(0, Unit::$unit),
        )
    };
}

static POWER_IMPORT: Register = power!(Watt, |total| total.active_microwatts.max(0));
static POWER_EXPORT: Register = power!(Watt, |total| total.active_microwatts.min(0));
static REACTIVE_POWER_IMPORT: Register = power!(Var, |total| total.reactive_microvars.max(0));
static REACTIVE_POWER_EXPORT: Register = power!(Var, |total| total.reactive_microvars.min(0));
static APPARENT_POWER: Register = power!(VoltAmpere, |total| {
    i64::try_from(total.apparent_microvoltamperes).unwrap_or(i64::MAX)
});
/// With its sign.
static POWER_NET: Register = Register::shown(
    |it, out| out.value(power(it, |total| total.active_microwatts)),
    |_| ScalerUnit::new(0, Unit::Watt),
);

/// A power of the last window on the primary side, in whole units, rounded to the nearest.
fn power(it: &Model, of: impl Fn(&TotalReading) -> i64) -> i64 {
    let secondary = it.reading.as_ref().map_or(0, |reading| of(&reading.total));
    let (numerator, denominator) = it.transformers.ratio().overall();
    let magnitude = multiplied(secondary.unsigned_abs(), (numerator, denominator), 1_000_000);
    let magnitude = i64::try_from(magnitude).unwrap_or(i64::MAX);
    if secondary < 0 { -magnitude } else { magnitude }
}

/// The magnitude, held at the end of 32 bits.
fn whole(power: i64) -> u32 {
    u32::try_from(power.unsigned_abs()).unwrap_or(u32::MAX)
}

/// `micro` times the ratio in `unit`s of so many millionths, rounded to the nearest, halves away from zero.
fn multiplied(micro: u64, (numerator, denominator): (u64, u64), unit: u64) -> u64 {
    let divisor = u128::from(denominator.max(1)) * u128::from(unit);
    let product = u128::from(micro).saturating_mul(u128::from(numerator));
    u64::try_from(product.saturating_add(divisor / 2) / divisor).unwrap_or(u64::MAX)
}

macro_rules! current {
    ($phase:ident) => {
        Register::shown(
            |it, out| current(it, Phase::$phase, out),
            |_| ScalerUnit::new(-2, Unit::Ampere),
        )
    };
}

macro_rules! voltage {
    ($phase:ident) => {
        Register::shown(
            |it, out| voltage(it, Phase::$phase, out),
            |_| ScalerUnit::new(-1, Unit::Volt),
        )
    };
}

static CURRENT_1: Register = current!(L1);
static CURRENT_2: Register = current!(L2);
static CURRENT_3: Register = current!(L3);
static VOLTAGE_1: Register = voltage!(L1);
static VOLTAGE_2: Register = voltage!(L2);
static VOLTAGE_3: Register = voltage!(L3);

fn reading(it: &Model, phase: Phase) -> PhaseReading {
    it.reading
        .as_ref()
        .map_or_else(PhaseReading::default, |it| *it.phase(phase))
}

fn current(it: &Model, phase: Phase, out: &mut Writer<'_>) -> Result<(), Full> {
    let (numerator, denominator) = it.transformers.ratio().current;
    let ratio = (u64::from(numerator), u64::from(denominator));
    let current = multiplied(reading(it, phase).current_microamperes, ratio, 10_000);
    out.value(u32::try_from(current).unwrap_or(u32::MAX))
}

fn voltage(it: &Model, phase: Phase, out: &mut Writer<'_>) -> Result<(), Full> {
    let (numerator, denominator) = it.transformers.ratio().voltage;
    let ratio = (u64::from(numerator), u64::from(denominator));
    let voltage = multiplied(reading(it, phase).voltage_microvolts, ratio, 100_000);
    out.value(u32::try_from(voltage).unwrap_or(u32::MAX))
}
