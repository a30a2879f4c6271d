//! What is wrong between supply, meter and load, and with the samples (F1, M7): 0-0:96.129.E, in the range that is the manufacturer's.
//! docs/connection.md describes them.

use cosem::axdr::{Full, Reader, Writer};
use cosem::{AccessError, Object};
use metrology::{Condition, ConnectionThresholds, Hysteresis, N_CONDITIONS};

use super::Data;
use super::policy::{MEASURED, PARAMETER};
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &[
    // A bit for each condition of the last window.
    Object::new(
        "0-0:96.129.0",
        &Data::shown(|it, out| out.value(it.connection.active().bits())),
        &MEASURED,
    ),
    Object::new("0-0:96.129.1", &Data::shown(aggregates), &MEASURED),
    Object::new("0-0:96.129.2", &Data::shown(signal), &MEASURED),
    Object::new(
        "0-0:96.129.3",
        &Data {
            value: |it, out| {
                let numbers = numbers(it.connection.thresholds());
                out.structure(numbers.len())?;
                numbers.iter().try_for_each(|number| out.value(*number))
            },
            set: Some(set_thresholds),
        },
        &PARAMETER,
    )
    .kept(&[2]),
    // Seconds of export after which a device that is to import only tells of a current reversal; 0 where export is agreed.
    Object::new(
        "0-0:96.129.4",
        &Data {
            value: |it, out| out.value(it.import_only.patience_seconds),
            set: Some(|it, value| {
                it.import_only.patience_seconds = value.value()?;
                Ok(())
            }),
        },
        &PARAMETER,
    )
    .kept(&[2]),
];

/// For each condition: how often, and seconds in all.
fn aggregates(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.array(N_CONDITIONS)?;
    for condition in Condition::ALL {
        let aggregate = it.connection.aggregate(condition);
        out.structure(2)?;
        out.value(aggregate.count)?;
        out.value(u32::try_from(aggregate.nanos / 1_000_000_000).unwrap_or(u32::MAX))?;
    }
    Ok(())
}

/// Channels of the last window that clipped, had codes of more than 24 bits, never changed, had a stuck bit, had direct current (a bit for
/// v1 v2 v3 i1 i2 i3 in each), and whether the frequency was out of range.
fn signal(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    let clipped = it.reading.map(|reading| reading.clipped).unwrap_or_default();
    let faults = it.reading.map(|reading| reading.faults).unwrap_or_default();
    out.structure(6)?;
    for channels in [clipped, faults.invalid, faults.constant, faults.stuck, faults.direct] {
        out.value(channels.bits())?;
    }
    out.value(faults.frequency)
}

fn set_thresholds(it: &mut Model, value: &mut Reader<'_>) -> Result<(), AccessError> {
    let mut given = [0_u16; N_NUMBERS];
    value.structure(N_NUMBERS)?;
    for number in &mut given {
        *number = value.value()?;
    }
    let thresholds = of_numbers(given);
    if !thresholds.is_sane() {
        return Err(AccessError::OtherReason);
    }
    it.connection.set_thresholds(thresholds);
    Ok(())
}

const N_NUMBERS: usize = 20;

/// The thresholds in thousandths, in the order of their fields.
const fn numbers(of: &ConnectionThresholds) -> [u16; N_NUMBERS] {
    [
        of.zero_sequence.begins,
        of.zero_sequence.ends,
        of.line_voltage,
        of.current_difference.begins,
        of.current_difference.ends,
        of.difference_from,
        of.direct_voltage.begins,
        of.direct_voltage.ends,
        of.distortion.begins,
        of.distortion.ends,
        of.reversal.begins,
        of.reversal.ends,
        of.voltage_missing.begins,
        of.voltage_missing.ends,
        of.voltage_present,
        of.current_without_voltage.begins,
        of.current_without_voltage.ends,
        of.current_missing.begins,
        of.current_missing.ends,
        of.current_present,
    ]
}

const fn of_numbers(numbers: [u16; N_NUMBERS]) -> ConnectionThresholds {
    let [
        a,
        b,
        line_voltage,
        c,
        d,
        difference_from,
        e,
        f,
        g,
        h,
        i,
        j,
        k,
        l,
        voltage_present,
        m,
        n,
        o,
        p,
        current_present,
    ] = numbers;
    const fn pair(begins: u16, ends: u16) -> Hysteresis {
        Hysteresis { begins, ends }
    }
    ConnectionThresholds {
        zero_sequence: pair(a, b),
        line_voltage,
        current_difference: pair(c, d),
        difference_from,
        direct_voltage: pair(e, f),
        distortion: pair(g, h),
        reversal: pair(i, j),
        voltage_missing: pair(k, l),
        voltage_present,
        current_without_voltage: pair(m, n),
        current_missing: pair(o, p),
        current_present,
    }
}
