//! Seal, legal log, calibration of each channel, the verification mode and its registers (M7): 0-0:10.0.101, 0-0:10.0.102, 0-0:96.128.E and
//! 1-0:C.128.0, the last two in the ranges that IEC 62056-6-1 leaves to the manufacturer. docs/calibration.md describes them.

use cosem::axdr::{Full, Reader, Writer};
use cosem::{AccessError, Object, ScalerUnit, Unit};
use metrology::{Calibration, Channel, Element, Quantity, Source};

use super::billing::table;
use super::policy::{MEASURED, NAMEPLATE, PARAMETER, SCRIPTS};
use super::{Data, Register, three_phase};
use crate::model::Model;
use crate::scripts::{NORMAL_MODE_SCRIPTS, TEST_MODE_SCRIPTS};

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:10.0.101", &table(TEST_MODE_SCRIPTS), &SCRIPTS),
    Object::new("0-0:10.0.102", &table(NORMAL_MODE_SCRIPTS), &SCRIPTS),
    Object::new("0-0:96.128.0", &Data::shown(seal), &NAMEPLATE),
    Object::new("0-0:96.128.1", &Data::shown(log), &MEASURED),
    Object::new("0-0:96.128.2", &VERIFICATION, &PARAMETER),
    Object::new("0-0:96.128.3", &VERIFICATION_MINUTES, &PARAMETER).kept(&[2]),
    channel("0-0:96.128.10", &V1),
    channel("0-0:96.128.11", &V2).present_when(three_phase),
    channel("0-0:96.128.12", &V3).present_when(three_phase),
    channel("0-0:96.128.13", &I1),
    channel("0-0:96.128.14", &I2).present_when(three_phase),
    channel("0-0:96.128.15", &I3).present_when(three_phase),
    channel("0-0:96.128.16", &IN),
    Object::new("1-0:1.128.0", &ACTIVE_IMPORT, &MEASURED),
    Object::new("1-0:2.128.0", &ACTIVE_EXPORT, &MEASURED),
    Object::new("1-0:3.128.0", &REACTIVE_IMPORT, &MEASURED),
    Object::new("1-0:4.128.0", &REACTIVE_EXPORT, &MEASURED),
    Object::new("1-0:9.128.0", &APPARENT_IMPORT, &MEASURED),
    Object::new("1-0:10.128.0", &APPARENT_EXPORT, &MEASURED),
];

/// Whether the meter is being verified.
static VERIFICATION: Data = Data {
    value: |it, out| out.value(it.verification.is_on()),
    set: Some(|it, value| {
        let on = value.value()?;
        it.verify(on);
        Ok(())
    }),
};

/// Minutes after which the verification mode ends by itself.
static VERIFICATION_MINUTES: Data = Data {
    value: |it, out| out.value(it.verification.minutes()),
    set: Some(|it, value| {
        let minutes = value.value()?;
        it.verification.set_minutes(minutes)
    }),
};

const fn channel(name: &str, class: &'static Data) -> Object<Model> {
    Object::new(name, class, &PARAMETER)
}

/// The calibration of the channel with this place in a sample set.
const fn calibration<const PLACE: usize>() -> Data {
    Data {
        value: |it, out| show(&it.legal.calibration(Channel::ALL[PLACE]), out),
        set: Some(|it, value| {
            let calibration = read(value)?;
            it.calibrate(Channel::ALL[PLACE], calibration)
        }),
    }
}

static V1: Data = calibration::<0>();
static V2: Data = calibration::<1>();
static V3: Data = calibration::<2>();
static I1: Data = calibration::<3>();
static I2: Data = calibration::<4>();
static I3: Data = calibration::<5>();
static IN: Data = calibration::<6>();

/// Registers of the verification mode: the exact energies in millionths, so that a test of minutes shows its energy.
macro_rules! fine {
    ($quantity:ident, $unit:ident) => {
        Register::shown(
            |it, out| out.value(millionths(it, Quantity::$quantity)),
            |_| ScalerUnit::new(-6, Unit::$unit),
        )
    };
}

static ACTIVE_IMPORT: Register = fine!(ActiveImport, WattHour);
static ACTIVE_EXPORT: Register = fine!(ActiveExport, WattHour);
static REACTIVE_IMPORT: Register = fine!(ReactiveImport, VarHour);
static REACTIVE_EXPORT: Register = fine!(ReactiveExport, VarHour);
static APPARENT_IMPORT: Register = fine!(ApparentImport, VoltAmpereHour);
static APPARENT_EXPORT: Register = fine!(ApparentExport, VoltAmpereHour);

/// Millionths of a Wh, towards zero; 64 bits hold 18 million MWh of them.
fn millionths(it: &Model, quantity: Quantity) -> u64 {
    let micro = it.registers.micro(quantity, Element::Total).unsigned_abs();
    u64::try_from(micro / 3_600).unwrap_or(u64::MAX)
}

/// Sealed, bench mode, where the parameters come from, damaged, their checksum, changes, entries of the log, attempts without an entry.
fn seal(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    let store = it.legal.store();
    out.structure(8)?;
    out.value(store.is_some_and(metrology::SealedStore::is_sealed))?;
    out.value(it.legal.bench_mode())?;
    out.value(store.map_or(0_u8, |store| match store.source() {
        Source::Ideal => 0,
        Source::Factory => 1,
        Source::Working => 2,
    }))?;
    out.value(store.is_none_or(metrology::SealedStore::is_damaged))?;
    out.value(store.map_or(0, metrology::SealedStore::checksum))?;
    out.value(store.map_or(0, metrology::SealedStore::changes))?;
    out.value(store.map_or(0, metrology::SealedStore::entries))?;
    out.value(store.map_or(0, metrology::SealedStore::unlogged))
}

/// The newest entries: number, time, kind, actor, checksum.
fn log(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.array(it.legal.recent().count())?;
    for entry in it.legal.recent() {
        out.structure(5)?;
        out.value(entry.number)?;
        let utc = base::Utc::from_unix(entry.unix_seconds);
        out.value(it.clock.date_time(utc))?;
        out.value(entry.kind as u8)?;
        out.value(entry.actor as u8)?;
        out.value(entry.checksum)?;
    }
    Ok(())
}

/// Gain in 1e-9, lead in microdegrees, delay in picoseconds, offset and noise in hundredths of a code.
fn show(calibration: &Calibration, out: &mut Writer<'_>) -> Result<(), Full> {
    let [gain, lead, delay, offset, noise] = calibration.integers();
    out.structure(5)?;
    for number in [gain, lead, delay, offset, noise] {
        out.value(number)?;
    }
    Ok(())
}

fn read(value: &mut Reader<'_>) -> Result<Calibration, AccessError> {
    value.structure(5)?;
    let integers = [
        value.value()?,
        value.value()?,
        value.value()?,
        value.value()?,
        value.value()?,
    ];
    Calibration::of_integers(integers).map_err(|_range| AccessError::OtherReason)
}
