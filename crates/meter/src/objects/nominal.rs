//! Nominal values and meter constants of the nameplate (1-0:0.3, 1-0:0.4, 1-0:0.6).

use cosem::{Object, ScalerUnit, Unit};

use super::Register;
use super::policy::NAMEPLATE;
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new(
        "1-0:0.3.0",
        &Register::shown(
            |it, out| out.value(it.led_constant()),
            |_| ScalerUnit::new(-3, Unit::PerWattHour),
        ),
        &NAMEPLATE,
    ),
    Object::new(
        "1-0:0.3.1",
        &Register::shown(
            |it, out| out.value(it.led_constant()),
            |_| ScalerUnit::new(-3, Unit::PerVarHour),
        ),
        &NAMEPLATE,
    ),
    Object::new(
        "1-0:0.6.0",
        &Register::shown(
            |it, out| out.value(it.config.nominal_volts),
            |_| ScalerUnit::new(0, Unit::Volt),
        ),
        &NAMEPLATE,
    ),
    Object::new(
        "1-0:0.6.1",
        &Register::shown(
            |it, out| out.value(it.config.variant.basic_amperes()),
            |_| ScalerUnit::new(0, Unit::Ampere),
        ),
        &NAMEPLATE,
    ),
    Object::new(
        "1-0:0.6.2",
        &Register::shown(
            |it, out| out.value(it.config.nominal_hertz),
            |_| ScalerUnit::new(0, Unit::Hertz),
        ),
        &NAMEPLATE,
    ),
    Object::new(
        "1-0:0.6.3",
        &Register::shown(
            |it, out| out.value(it.config.variant.maximum_amperes()),
            |_| ScalerUnit::new(0, Unit::Ampere),
        ),
        &NAMEPLATE,
    ),
];
