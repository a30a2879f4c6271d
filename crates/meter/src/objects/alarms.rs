//! Error register, alarm registers, filters and descriptors (L2).

use cosem::Object;

use super::Data;
use super::policy::PARAMETER;
use crate::effect::{Effect, Record};
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new(
        "0-0:97.97.0",
        &Data {
            value: |it, out| out.value(it.error_register),
            set: Some(|it, value| {
                it.clear_errors(value.value()?);
                Ok(())
            }),
        },
        &PARAMETER,
    ),
    Object::new("0-0:97.98.0", &register::<0>(), &PARAMETER),
    Object::new("0-0:97.98.1", &register::<1>(), &PARAMETER),
    Object::new("0-0:97.98.10", &filter::<0>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:97.98.11", &filter::<1>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:97.98.20", &descriptor::<0>(), &PARAMETER),
    Object::new("0-0:97.98.21", &descriptor::<1>(), &PARAMETER),
];

const fn register<const N: usize>() -> Data {
    Data {
        value: |it, out| out.value(it.alarms.registers.get(N).copied().unwrap_or(0)),
        set: Some(|it, value| {
            it.clear_alarms(N, value.value()?);
            Ok(())
        }),
    }
}

const fn filter<const N: usize>() -> Data {
    Data {
        value: |it, out| out.value(it.alarms.filters.get(N).copied().unwrap_or(0)),
        set: Some(|it, value| {
            let wanted = value.value()?;
            if let Some(filter) = it.alarms.filters.get_mut(N) {
                *filter = wanted;
            }
            Ok(())
        }),
    }
}

const fn descriptor<const N: usize>() -> Data {
    Data {
        value: |it, out| out.value(it.alarms.descriptors.get(N).copied().unwrap_or(0)),
        set: Some(|it, value| {
            it.alarms.write_descriptor(N, value.value()?);
            it.effects.push(Effect::Keep(Record::Alarms));
            Ok(())
        }),
    }
}
