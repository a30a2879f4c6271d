//! The quality of the supply (Q1, Q3): thresholds, counters and durations of under- and overvoltages, dips by depth and duration,
//! distortion and harmonics, flicker, unbalance, EN 50160 weeks.
//!
//! Flicker, unbalance, rapid changes and weeks have no names of the standard; theirs are in the manufacturer's ranges: group D from 128
//! on, and group E from 128 on below D 24 (averages of the ten minutes).

use cosem::axdr::{Full, Null, Reader, Writer};
use cosem::class::{Class, RegisterTable};
use cosem::{AccessError, Attributes, Obis, Object, ScalerUnit, Unit};

use super::policy::{MEASURED, PARAMETER};
use super::three_phase;
use crate::model::Model;
use crate::quality::{DIP_COLUMNS, DIP_ROWS, Fault, Faults, N_ORDERS, WeekSummary};

/// What a row shows; `of` is the phase or the channel.
#[derive(Clone, Copy)]
enum Value {
    ReferenceVoltage,
    Threshold(Fault),
    Time(Fault),
    Count(Fault),
    Duration(Fault),
    Magnitude(Fault),
    /// Swells of any phase, interruptions of all, rapid changes.
    Found(u8),
    /// dUmax and dUss of the last rapid change.
    LastChange(u8),
    /// u2 and u0.
    Unbalance(u8),
    Distortion,
    Pst,
    Plt,
    Week(When, OfWeek),
}

/// Which week: the one that runs, or the one before.
#[derive(Clone, Copy)]
enum When {
    Running = 0,
    Before = 1,
}

/// What of a week.
#[derive(Clone, Copy)]
enum OfWeek {
    Kept,
    Values,
    Within,
    Always,
    Least,
    Greatest,
    Percentile,
    Distortion,
    Plt,
    Unbalance,
    Frequency,
    FrequencyAlways,
}

/// A class 1 or class 3 row over the quality of the supply.
#[derive(Clone, Copy)]
struct Row {
    value: Value,
    of: u8,
}

const fn row(c: u8, d: u8, e: u8, value: Value, of: u8) -> (Obis, Row) {
    (Obis::from_octets([1, 0, c, d, e, 255]), Row { value, of })
}

/// Rows of the whole supply, by name.
const SUPPLY: [(Obis, Row); 22] = {
    use OfWeek::{Frequency, FrequencyAlways, Kept, Unbalance};
    use When::{Before, Running};
    [
        row(0, 6, 4, Value::ReferenceVoltage, 0),
        row(12, 24, 132, Value::Unbalance(0), 0),
        row(12, 24, 133, Value::Unbalance(1), 0),
        row(12, 24, 140, Value::Week(Running, Kept), 0),
        row(12, 24, 141, Value::Week(Running, Unbalance), 0),
        row(12, 24, 160, Value::Week(Before, Kept), 0),
        row(12, 24, 161, Value::Week(Before, Unbalance), 0),
        row(12, 31, 0, Value::Threshold(Fault::Sag), 0),
        row(12, 35, 0, Value::Threshold(Fault::Swell), 0),
        row(12, 36, 0, Value::Found(0), 0),
        row(12, 39, 0, Value::Threshold(Fault::Cut), 0),
        row(12, 40, 0, Value::Found(1), 0),
        row(12, 43, 0, Value::Time(Fault::Sag), 0),
        row(12, 44, 0, Value::Time(Fault::Swell), 0),
        row(12, 45, 0, Value::Time(Fault::Cut), 0),
        row(12, 128, 0, Value::Found(2), 0),
        row(12, 128, 1, Value::LastChange(0), 0),
        row(12, 128, 2, Value::LastChange(1), 0),
        row(14, 24, 140, Value::Week(Running, Frequency), 0),
        row(14, 24, 141, Value::Week(Running, FrequencyAlways), 0),
        row(14, 24, 160, Value::Week(Before, Frequency), 0),
        row(14, 24, 161, Value::Week(Before, FrequencyAlways), 0),
    ]
};

const N_PER_PHASE: usize = 28;

/// Rows of one phase, by name: its current, then its voltage.
const fn of_phase(of: u8) -> [(Obis, Row); N_PER_PHASE] {
    use OfWeek::{Always, Distortion, Greatest, Least, Percentile, Plt, Values, Within};
    use When::{Before, Running};
    let (i, u) = (31 + 20 * of, 32 + 20 * of);
    [
        row(i, 24, 124, Value::Distortion, of + 3),
        row(u, 24, 124, Value::Distortion, of),
        row(u, 24, 130, Value::Pst, of),
        row(u, 24, 131, Value::Plt, of),
        row(u, 24, 140, Value::Week(Running, Within), of),
        row(u, 24, 141, Value::Week(Running, Always), of),
        row(u, 24, 142, Value::Week(Running, Least), of),
        row(u, 24, 143, Value::Week(Running, Greatest), of),
        row(u, 24, 144, Value::Week(Running, Percentile), of),
        row(u, 24, 145, Value::Week(Running, Distortion), of),
        row(u, 24, 146, Value::Week(Running, Plt), of),
        row(u, 24, 147, Value::Week(Running, Values), of),
        row(u, 24, 160, Value::Week(Before, Within), of),
        row(u, 24, 161, Value::Week(Before, Always), of),
        row(u, 24, 162, Value::Week(Before, Least), of),
        row(u, 24, 163, Value::Week(Before, Greatest), of),
        row(u, 24, 164, Value::Week(Before, Percentile), of),
        row(u, 24, 165, Value::Week(Before, Distortion), of),
        row(u, 24, 166, Value::Week(Before, Plt), of),
        row(u, 24, 167, Value::Week(Before, Values), of),
        row(u, 32, 0, Value::Count(Fault::Sag), of),
        row(u, 33, 0, Value::Duration(Fault::Sag), of),
        row(u, 34, 0, Value::Magnitude(Fault::Sag), of),
        row(u, 36, 0, Value::Count(Fault::Swell), of),
        row(u, 37, 0, Value::Duration(Fault::Swell), of),
        row(u, 38, 0, Value::Magnitude(Fault::Swell), of),
        row(u, 40, 0, Value::Count(Fault::Cut), of),
        row(u, 41, 0, Value::Duration(Fault::Cut), of),
    ]
}

const N_ROWS: usize = SUPPLY.len() + 3 * N_PER_PHASE;

static CLASSES: [(Obis, Row); N_ROWS] = {
    let mut rows = [SUPPLY[0]; N_ROWS];
    let phases = [of_phase(0), of_phase(1), of_phase(2)];
    let mut at = 0;
    while at < N_ROWS {
        rows[at] = match at.checked_sub(SUPPLY.len()) {
            None => SUPPLY[at],
            Some(place) => phases[place / N_PER_PHASE][place % N_PER_PHASE],
        };
        at += 1;
    }
    rows
};

static ROWS: [Object<Model>; N_ROWS] = {
    let mut rows = [Object::new("1-0:0.6.4", &CLASSES[0].1, &MEASURED); N_ROWS];
    let mut at = 0;
    while at < N_ROWS {
        let (name, row) = &CLASSES[at];
        let [_, _, c, ..] = name.octets();
        let is_set = row.is_set();
        rows[at] = Object {
            name: *name,
            class: row,
            policy: if is_set { &PARAMETER } else { &MEASURED },
            kept: if is_set { Attributes::of(&[2]) } else { Attributes::NONE },
            present: if 51 <= c { three_phase } else { |_| true },
            longest: None,
        };
        at += 1;
    }
    rows
};

pub(super) const OBJECTS: &[Object<Model>] = &ROWS;

/// Harmonics of a channel, and the table of dips (UNIPEDE): a register table each.
pub(super) const TABLES: &[Object<Model>] = &[
    Object::new("1-0:12.32.255", &DIPS, &MEASURED),
    Object::new("1-0:31.7.255", &harmonics::<3>(31), &MEASURED),
    Object::new("1-0:32.7.255", &harmonics::<0>(32), &MEASURED),
    Object::new("1-0:51.7.255", &harmonics::<4>(51), &MEASURED).present_when(three_phase),
    Object::new("1-0:52.7.255", &harmonics::<1>(52), &MEASURED).present_when(three_phase),
    Object::new("1-0:71.7.255", &harmonics::<5>(71), &MEASURED).present_when(three_phase),
    Object::new("1-0:72.7.255", &harmonics::<2>(72), &MEASURED).present_when(three_phase),
];

const DIPS: RegisterTable<Model> = RegisterTable {
    cells: |it, out| {
        out.array(DIP_ROWS * DIP_COLUMNS)?;
        let mut cells = it.quality.dips.iter().flatten();
        cells.try_for_each(|count| out.value(*count))
    },
    name: Obis::new("1-0:12.32.255"),
    groups: |each| (0..5_u8).try_for_each(|row| (0..6_u8).try_for_each(|column| each(10 * row + column))),
    n_cells: DIP_ROWS * DIP_COLUMNS,
    scaler_unit: ScalerUnit::new(0, Unit::Count),
};

/// Orders 1 to 50 in hundredths of a percent of the fundamental.
const fn harmonics<const CHANNEL: usize>(c: u8) -> RegisterTable<Model> {
    RegisterTable {
        cells: |it, out| {
            let orders = it.quality.harmonics.get(CHANNEL).unwrap_or(&[0; N_ORDERS]);
            out.array(orders.len())?;
            orders.iter().try_for_each(|order| out.value(*order))
        },
        name: Obis::from_octets([1, 0, c, 7, 255, 255]),
        groups: |each| (1..=50_u8).try_for_each(each),
        n_cells: N_ORDERS,
        scaler_unit: ScalerUnit::new(-2, Unit::Percent),
    }
}

impl Row {
    /// Whether a client may set it.
    const fn is_set(&self) -> bool {
        matches!(
            self.value,
            Value::ReferenceVoltage | Value::Threshold(_) | Value::Time(_)
        )
    }

    /// Counts are data, everything with a unit is a register.
    const fn unit(&self) -> Option<ScalerUnit> {
        Some(match self.value {
            Value::Count(_) | Value::Found(_) | Value::Week(_, OfWeek::Kept | OfWeek::Values) => return None,
            Value::ReferenceVoltage | Value::Threshold(_) => ScalerUnit::new(0, Unit::Volt),
            Value::Time(_) | Value::Duration(_) => ScalerUnit::new(0, Unit::Second),
            Value::Magnitude(_) | Value::LastChange(_) | Value::Week(_, OfWeek::Least | OfWeek::Greatest) => {
                ScalerUnit::new(-1, Unit::Volt)
            }
            Value::Distortion | Value::Week(_, OfWeek::Percentile) => ScalerUnit::new(-1, Unit::Percent),
            Value::Unbalance(_) | Value::Week(..) => ScalerUnit::new(-2, Unit::Percent),
            Value::Pst | Value::Plt => ScalerUnit::new(-2, Unit::Count),
        })
    }

    /// The number; none where there is nothing to say yet.
    fn number(&self, it: &Model) -> Option<u16> {
        let quality = &it.quality;
        let place = usize::from(self.of);
        let faults = |fault: Fault| -> Option<&Faults> { quality.phases.get(place)?.get(fault as usize) };
        match self.value {
            Value::ReferenceVoltage => Some(quality.reference_volts),
            Value::Threshold(fault) => quality.thresholds_volts.get(fault as usize).copied(),
            Value::Time(fault) => quality.times_seconds.get(fault as usize).copied(),
            Value::Count(fault) => faults(fault).map(|it| it.count),
            Value::Duration(fault) => faults(fault).map(|it| it.last_seconds),
            Value::Magnitude(fault) => faults(fault).map(|it| it.last_decivolts),
            Value::Found(which) => quality.found.get(usize::from(which)).copied(),
            Value::LastChange(which) => quality.last_change.get(usize::from(which)).copied(),
            Value::Unbalance(which) => quality.unbalance?.get(usize::from(which)).copied(),
            Value::Distortion => quality.distortion.get(place).copied()?,
            Value::Pst => quality.pst.get(place).copied()?,
            Value::Plt => quality.plt.get(place).copied()?,
            Value::Week(when, what) => of_week(quality.weeks.get(when as usize)?, what, place),
        }
    }

    fn may_be_unknown(&self) -> bool {
        matches!(
            self.value,
            Value::Unbalance(_) | Value::Distortion | Value::Pst | Value::Plt | Value::Week(..)
        )
    }
}

fn of_week(week: &WeekSummary, what: OfWeek, phase: usize) -> Option<u16> {
    let voltage = week.voltage.get(phase)?;
    let [within, always] = voltage.within;
    let [least, greatest] = voltage.extremes_decivolts;
    let [frequency, frequency_always] = week.frequency;
    match what {
        OfWeek::Kept => week.kept.map(u16::from),
        OfWeek::Values => Some(voltage.values),
        OfWeek::Within => within,
        OfWeek::Always => always,
        OfWeek::Least => least,
        OfWeek::Greatest => greatest,
        OfWeek::Percentile => voltage.percentile,
        OfWeek::Distortion => week.thd.get(phase).copied()?,
        OfWeek::Plt => week.plt.get(phase).copied()?,
        OfWeek::Unbalance => week.unbalance,
        OfWeek::Frequency => frequency,
        OfWeek::FrequencyAlways => frequency_always,
    }
}

impl Class<Model> for Row {
    fn id(&self) -> u16 {
        if self.unit().is_some() { 3 } else { 1 }
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        if self.unit().is_some() { 3 } else { 2 }
    }

    fn methods(&self) -> u8 {
        u8::from(self.unit().is_some())
    }

    fn longest(&self, attribute: u8) -> Option<u16> {
        (attribute == 2 && self.may_be_unknown()).then_some(3)
    }

    fn get(&self, it: &Model, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match (attribute, self.unit()) {
            (3, Some(unit)) => out.value(unit)?,
            _ => show(self.number(it), out)?,
        }
        Ok(())
    }

    fn set(&self, it: &mut Model, _value: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        let quality = &mut it.quality;
        let (slot, allowed) = match self.value {
            Value::ReferenceVoltage => (Some(&mut quality.reference_volts), 50..=500),
            Value::Threshold(fault) => (quality.thresholds_volts.get_mut(fault as usize), 5..=750),
            Value::Time(fault) => (quality.times_seconds.get_mut(fault as usize), 1..=3_600),
            _ => return Err(AccessError::ReadWriteDenied),
        };
        let wanted: u16 = value.value()?;
        if !allowed.contains(&wanted) {
            return Err(AccessError::OtherReason);
        }
        *slot.ok_or(AccessError::OtherReason)? = wanted;
        Ok(())
    }
}

fn show(number: Option<u16>, out: &mut Writer<'_>) -> Result<(), Full> {
    match number {
        Some(number) => out.value(number),
        None => out.value(Null),
    }
}
