//! Power failures (Q2): counters, durations, the threshold, and the log of long ones.

use cosem::axdr::{Full, Writer};
use cosem::{Object, ScalerUnit, Unit};

use super::logs::log;
use super::policy::{LOG, MEASURED, PARAMETER};
use super::{Data, Register, three_phase};
use crate::model::Model;
use crate::outage::{ALL, ANY};
use crate::profile::JournalId;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:96.7.0", &Data::shown(count::<ALL>), &MEASURED),
    Object::new("0-0:96.7.1", &Data::shown(count::<0>), &MEASURED),
    Object::new("0-0:96.7.2", &Data::shown(count::<1>), &MEASURED).present_when(three_phase),
    Object::new("0-0:96.7.3", &Data::shown(count::<2>), &MEASURED).present_when(three_phase),
    Object::new("0-0:96.7.5", &Data::shown(long::<ALL>), &MEASURED),
    Object::new("0-0:96.7.6", &Data::shown(long::<0>), &MEASURED),
    Object::new("0-0:96.7.7", &Data::shown(long::<1>), &MEASURED).present_when(three_phase),
    Object::new("0-0:96.7.8", &Data::shown(long::<2>), &MEASURED).present_when(three_phase),
    Object::new("0-0:96.7.9", &Data::shown(long::<ANY>), &MEASURED),
    Object::new("0-0:96.7.15", &duration::<ALL>(), &MEASURED),
    Object::new("0-0:96.7.16", &duration::<0>(), &MEASURED),
    Object::new("0-0:96.7.17", &duration::<1>(), &MEASURED).present_when(three_phase),
    Object::new("0-0:96.7.18", &duration::<2>(), &MEASURED).present_when(three_phase),
    Object::new("0-0:96.7.19", &duration::<ANY>(), &MEASURED),
    Object::new(
        "0-0:96.7.20",
        &Register {
            value: |it, out| out.value(it.outages.threshold_seconds()),
            scaler_unit: |_| SECONDS,
            set: Some(|it, value| {
                it.outages.set_threshold_seconds(value.value()?);
                Ok(())
            }),
            reset: None,
        },
        &PARAMETER,
    )
    .kept(&[2]),
    Object::new("0-0:96.7.21", &Data::shown(count::<ANY>), &MEASURED),
    Object::new("1-0:99.97.0", &log(JournalId::PowerInterruptionLog), &LOG),
];

const SECONDS: ScalerUnit = ScalerUnit::new(0, Unit::Second);

/// All failures of a kind, long ones too.
fn count<const KIND: usize>(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.value(it.outages.of(KIND).count)
}

fn long<const KIND: usize>(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.value(it.outages.of(KIND).long)
}

/// The duration of the last long failure of a kind.
const fn duration<const KIND: usize>() -> Register {
    Register::shown(|it, out| out.value(it.outages.of(KIND).last_long_seconds), |_| SECONDS)
}
