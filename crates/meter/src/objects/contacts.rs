//! Switch, inputs and thermometer.

use cosem::axdr::Null;
use cosem::class::DisconnectControl;
use cosem::{Object, ScalerUnit, Unit};

use super::policy::{MEASURED, SWITCH};
use super::{Data, Register};
use crate::disconnector::Command;
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new(
        "0-0:96.3.1",
        &Data::shown(|it, out| out.value(it.contacts.octet())),
        &MEASURED,
    ),
    Object::new(
        "0-0:96.3.10",
        &DisconnectControl {
            output_state: |it: &Model| it.disconnector.is_connected(),
            control_state: |it| it.disconnector.state() as u8,
            control_mode: |it| it.disconnector.mode().number(),
            set_control_mode: Model::set_control_mode,
            remote_disconnect: |it| Ok(it.command(Command::RemoteDisconnect)?),
            remote_reconnect: |it| Ok(it.command(Command::RemoteReconnect)?),
        },
        &SWITCH,
    )
    .present_when(|it| it.config.switching_module),
    // Null-data on a board without a thermometer.
    Object::new(
        "0-0:96.9.0",
        &Register::shown(
            |it, out| match it.celsius {
                Some(celsius) => out.value(celsius),
                None => out.value(Null),
            },
            |_| ScalerUnit::new(0, Unit::Celsius),
        ),
        &MEASURED,
    )
    .up_to(2),
];
