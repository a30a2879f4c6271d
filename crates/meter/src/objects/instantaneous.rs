//! Instantaneous values (M2, Q3): powers, voltages, currents, power factor, angles, frequency, distortion.

use cosem::axdr::{Full, Null, Writer};
use cosem::class::Class;
use cosem::{AccessError, Attributes, Obis, Object, ScalerUnit, Unit};
use metrology::{Measurement, Phase, PhaseReading, Quadrant};

use super::policy::MEASURED;
use super::three_phase;
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &ROWS;

/// What a row reads out of the last window.
#[derive(Clone, Copy)]
enum Value {
    /// Active power of import (true) or export.
    Active(bool),
    /// Reactive power of quadrants I and II (true) or III and IV.
    Reactive(bool),
    ReactiveOf(Quadrant),
    Apparent(bool),
    PowerFactor,
    Frequency,
    /// |+A| + |-A|.
    ActiveAbsolute,
    /// With its sign.
    ActiveNet,
    Current,
    Voltage,
    NeutralCurrent,
    SumOfCurrents,
    /// Index into the model's distortions.
    Distortion(u8),
    /// The angle of this voltage against the one of L1.
    VoltageAngle,
    /// The angle of the current against its voltage.
    CurrentAngle,
}

/// A class 3 row over the last window; `phase` is none for the sum.
#[derive(Clone, Copy)]
struct Instantaneous {
    value: Value,
    phase: Option<Phase>,
}

const fn total(name: &'static str, value: Value) -> (Obis, Instantaneous) {
    (Obis::new(name), Instantaneous { value, phase: None })
}

const fn of(name: &'static str, value: Value, phase: Phase) -> (Obis, Instantaneous) {
    (
        Obis::new(name),
        Instantaneous {
            value,
            phase: Some(phase),
        },
    )
}

const N_ROWS: usize = 58;

/// All values in the order of their names.
const VALUES: [(Obis, Instantaneous); N_ROWS] = [
    total("1-0:1.7.0", Value::Active(true)),
    total("1-0:2.7.0", Value::Active(false)),
    total("1-0:3.7.0", Value::Reactive(true)),
    total("1-0:4.7.0", Value::Reactive(false)),
    total("1-0:5.7.0", Value::ReactiveOf(Quadrant::I)),
    total("1-0:6.7.0", Value::ReactiveOf(Quadrant::II)),
    total("1-0:7.7.0", Value::ReactiveOf(Quadrant::III)),
    total("1-0:8.7.0", Value::ReactiveOf(Quadrant::IV)),
    total("1-0:9.7.0", Value::Apparent(true)),
    total("1-0:10.7.0", Value::Apparent(false)),
    total("1-0:13.7.0", Value::PowerFactor),
    total("1-0:14.7.0", Value::Frequency),
    total("1-0:15.7.0", Value::ActiveAbsolute),
    total("1-0:16.7.0", Value::ActiveNet),
    of("1-0:21.7.0", Value::Active(true), Phase::L1),
    of("1-0:22.7.0", Value::Active(false), Phase::L1),
    of("1-0:23.7.0", Value::Reactive(true), Phase::L1),
    of("1-0:24.7.0", Value::Reactive(false), Phase::L1),
    of("1-0:29.7.0", Value::Apparent(true), Phase::L1),
    of("1-0:30.7.0", Value::Apparent(false), Phase::L1),
    of("1-0:31.7.0", Value::Current, Phase::L1),
    of("1-0:31.7.124", Value::Distortion(3), Phase::L1),
    of("1-0:32.7.0", Value::Voltage, Phase::L1),
    of("1-0:32.7.124", Value::Distortion(0), Phase::L1),
    of("1-0:33.7.0", Value::PowerFactor, Phase::L1),
    of("1-0:36.7.0", Value::ActiveNet, Phase::L1),
    of("1-0:41.7.0", Value::Active(true), Phase::L2),
    of("1-0:42.7.0", Value::Active(false), Phase::L2),
    of("1-0:43.7.0", Value::Reactive(true), Phase::L2),
    of("1-0:44.7.0", Value::Reactive(false), Phase::L2),
    of("1-0:49.7.0", Value::Apparent(true), Phase::L2),
    of("1-0:50.7.0", Value::Apparent(false), Phase::L2),
    of("1-0:51.7.0", Value::Current, Phase::L2),
    of("1-0:51.7.124", Value::Distortion(4), Phase::L2),
    of("1-0:52.7.0", Value::Voltage, Phase::L2),
    of("1-0:52.7.124", Value::Distortion(1), Phase::L2),
    of("1-0:53.7.0", Value::PowerFactor, Phase::L2),
    of("1-0:56.7.0", Value::ActiveNet, Phase::L2),
    of("1-0:61.7.0", Value::Active(true), Phase::L3),
    of("1-0:62.7.0", Value::Active(false), Phase::L3),
    of("1-0:63.7.0", Value::Reactive(true), Phase::L3),
    of("1-0:64.7.0", Value::Reactive(false), Phase::L3),
    of("1-0:69.7.0", Value::Apparent(true), Phase::L3),
    of("1-0:70.7.0", Value::Apparent(false), Phase::L3),
    of("1-0:71.7.0", Value::Current, Phase::L3),
    of("1-0:71.7.124", Value::Distortion(5), Phase::L3),
    of("1-0:72.7.0", Value::Voltage, Phase::L3),
    of("1-0:72.7.124", Value::Distortion(2), Phase::L3),
    of("1-0:73.7.0", Value::PowerFactor, Phase::L3),
    of("1-0:76.7.0", Value::ActiveNet, Phase::L3),
    of("1-0:81.7.0", Value::VoltageAngle, Phase::L1),
    of("1-0:81.7.1", Value::VoltageAngle, Phase::L2),
    of("1-0:81.7.2", Value::VoltageAngle, Phase::L3),
    of("1-0:81.7.4", Value::CurrentAngle, Phase::L1),
    of("1-0:81.7.15", Value::CurrentAngle, Phase::L2),
    of("1-0:81.7.26", Value::CurrentAngle, Phase::L3),
    total("1-0:90.7.0", Value::SumOfCurrents),
    total("1-0:91.7.0", Value::NeutralCurrent),
];

static INSTANTANEOUS: [Instantaneous; N_ROWS] = {
    let mut values = [VALUES[0].1; N_ROWS];
    let mut at = 0;
    while at < N_ROWS {
        values[at] = VALUES[at].1;
        at += 1;
    }
    values
};

static ROWS: [Object<Model>; N_ROWS] = {
    let mut rows = [Object::new("1-0:1.7.0", &INSTANTANEOUS[0], &MEASURED); N_ROWS];
    let mut at = 0;
    while at < N_ROWS {
        let (name, Instantaneous { phase, .. }) = VALUES[at];
        let present: fn(&Model) -> bool = match phase {
            None | Some(Phase::L1) => |_| true,
            Some(Phase::L2 | Phase::L3) => three_phase,
        };
        rows[at] = Object {
            name,
            class: &INSTANTANEOUS[at],
            policy: &MEASURED,
            kept: Attributes::NONE,
            present,
            longest: None,
        };
        at += 1;
    }
    rows
};

impl Instantaneous {
    fn unit(self) -> ScalerUnit {
        match self.value {
            Value::Active(_) | Value::ActiveAbsolute | Value::ActiveNet => ScalerUnit::new(0, Unit::Watt),
            Value::Reactive(_) | Value::ReactiveOf(_) => ScalerUnit::new(0, Unit::Var),
            Value::Apparent(_) => ScalerUnit::new(0, Unit::VoltAmpere),
            Value::PowerFactor => ScalerUnit::new(-3, Unit::Count),
            Value::Frequency => ScalerUnit::new(-2, Unit::Hertz),
            Value::Current | Value::NeutralCurrent | Value::SumOfCurrents => ScalerUnit::new(-2, Unit::Ampere),
            Value::Voltage => ScalerUnit::new(-1, Unit::Volt),
            Value::Distortion(_) => ScalerUnit::new(-1, Unit::Percent),
            Value::VoltageAngle | Value::CurrentAngle => ScalerUnit::new(-1, Unit::Degree),
        }
    }

    /// Writes the value of the last window; zero before the first one, null-data where there is nothing to say.
    fn show(self, it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
        let nothing = PhaseReading::default();
        let reading = it.reading.as_ref();
        let phase = match (reading, self.phase) {
            (Some(reading), Some(phase)) => reading.phase(phase),
            _ => &nothing,
        };
        let (active, reactive, apparent, factor) = match (reading, self.phase) {
            (Some(Measurement { total, .. }), None) => (
                total.active_microwatts,
                total.reactive_microvars,
                total.apparent_microvoltamperes,
                total.power_factor_millionths,
            ),
            _ => (
                phase.active_microwatts,
                phase.reactive_microvars,
                phase.apparent_microvoltamperes,
                phase.power_factor_millionths,
            ),
        };
        match self.value {
            Value::Active(import) => out.value(whole(active, import)),
            Value::Reactive(import) => out.value(whole(reactive, import)),
            Value::ReactiveOf(quadrant) => {
                let here = Quadrant::of(active, reactive) == quadrant;
                out.value(if here { whole(reactive, 0 <= reactive) } else { 0 })
            }
            Value::Apparent(import) => {
                let apparent = i64::try_from(apparent).unwrap_or(i64::MAX);
                out.value(if (0 <= active) == import {
                    whole(apparent, true)
                } else {
                    0
                })
            }
            Value::ActiveAbsolute => out.value(whole(active, 0 <= active)),
            Value::ActiveNet => out.value(i32::try_from(nearest(active, 1_000_000)).unwrap_or(0)),
            Value::PowerFactor => out.value(i16::try_from(nearest(i64::from(factor), 1_000)).unwrap_or(0)),
            Value::Frequency => out.value(small(reading.map_or(0, |it| it.frequency_microhertz), 10_000)),
            Value::Voltage => out.value(small(phase.voltage_microvolts, 100_000)),
            Value::Current => out.value(small(phase.current_microamperes, 10_000)),
            Value::NeutralCurrent => out.value(small(reading.map_or(0, |it| it.neutral_current_microamperes), 10_000)),
            Value::SumOfCurrents => {
                let sum = reading.map_or(0, |it| it.phases.iter().map(|it| it.current_microamperes).sum());
                out.value(small(sum, 10_000))
            }
            Value::Distortion(channel) => match it.distortion.get(usize::from(channel)).copied().flatten() {
                Some(permille) => out.value(permille),
                None => out.value(Null),
            },
            Value::VoltageAngle => match phase.voltage_angle_millidegrees {
                Some(angle) => out.value(small(u64::from(angle), 100)),
                None => out.value(Null),
            },
            Value::CurrentAngle => match phase.current_angle_millidegrees {
                Some(angle) => out.value(i16::try_from(nearest(i64::from(angle), 100)).unwrap_or(0)),
                None => out.value(Null),
            },
        }
    }
}

/// Whole units of a power in millionths when it flows in the wanted direction, else 0.
fn whole(micro: i64, positive: bool) -> u32 {
    let magnitude = nearest(micro, 1_000_000);
    u32::try_from(if positive { magnitude } else { -magnitude }).unwrap_or(0)
}

/// `value / unit`, rounded to the nearest, halves away from zero.
const fn nearest(value: i64, unit: i64) -> i64 {
    let half = if value < 0 { -unit / 2 } else { unit / 2 };
    value.saturating_add(half) / unit
}

/// `value / unit`, rounded to the nearest and held at the end of 16 bits.
fn small(value: u64, unit: u64) -> u16 {
    u16::try_from(value.saturating_add(unit / 2) / unit).unwrap_or(u16::MAX)
}

impl Class<Model> for Instantaneous {
    fn id(&self) -> u16 {
        3
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        3
    }

    fn methods(&self) -> u8 {
        1
    }

    fn longest(&self, attribute: u8) -> Option<u16> {
        let may_be_unknown = matches!(
            self.value,
            Value::Distortion(_) | Value::VoltageAngle | Value::CurrentAngle
        );
        (attribute == 2 && may_be_unknown).then_some(3)
    }

    fn get(&self, it: &Model, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => self.show(it, out),
            _ => out.value(self.unit()),
        }?;
        Ok(())
    }
}
