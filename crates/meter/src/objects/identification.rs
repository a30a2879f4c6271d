//! Names, numbers and firmware of the meter (0-0:42, 0-0:96.1, 1-b:0.2).

use cosem::axdr::{Full, OctetText, Octets, Reader, Writer};
use cosem::class::SapAssignment;
use cosem::{AccessError, Object};
use heapless::Vec;

use super::Data;
use super::policy::{MEASURED, NAMEPLATE, PARAMETER};
use crate::model::Model;

/// Identification of the legally relevant part.
const METROLOGY_FIRMWARE: &str = concat!("FRR-M ", env!("CARGO_PKG_VERSION"));
/// Identification of the application.
const APPLICATION_FIRMWARE: &str = concat!("FRR-A ", env!("CARGO_PKG_VERSION"));

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:41.0.0", &SapAssignment { logical_device_name }, &NAMEPLATE),
    Object::new(
        "0-0:42.0.0",
        &Data::shown(|it, out| out.value(Octets(&it.config.logical_device_name()))),
        &NAMEPLATE,
    ),
    Object::new("0-0:96.1.0", &Data::shown(show_device_id::<0>), &NAMEPLATE),
    Object::new("0-0:96.1.1", &device_id::<1>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.1.2", &device_id::<2>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.1.3", &device_id::<3>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.1.4", &device_id::<4>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.1.5", &device_id::<5>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.1.6", &device_id::<6>(), &PARAMETER).kept(&[2]),
    Object::new(
        "0-0:96.1.9",
        &Data::shown(|it, out| out.value(OctetText(it.config.variant.name()))),
        &NAMEPLATE,
    ),
    Object::new(
        "1-0:0.2.0",
        &Data::shown(|_, out| out.value(OctetText(METROLOGY_FIRMWARE))),
        &MEASURED,
    ),
    Object::new(
        "1-1:0.2.0",
        &Data::shown(|_, out| out.value(OctetText(APPLICATION_FIRMWARE))),
        &MEASURED,
    ),
];

fn logical_device_name(it: &Model) -> [u8; 16] {
    it.config.logical_device_name()
}

/// One of the identifications that a client may write.
const fn device_id<const N: usize>() -> Data {
    Data {
        value: show_device_id::<N>,
        set: Some(write_device_id::<N>),
    }
}

fn show_device_id<const N: usize>(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.value(Octets(it.device_ids.get(N).map_or(&[], |id| id)))
}

fn write_device_id<const N: usize>(it: &mut Model, value: &mut Reader<'_>) -> Result<(), AccessError> {
    let Octets(id) = value.value()?;
    let id = Vec::from_slice(id).map_err(|_| AccessError::OtherReason)?;
    *it.device_ids.get_mut(N).ok_or(AccessError::ObjectUnavailable)? = id;
    Ok(())
}
