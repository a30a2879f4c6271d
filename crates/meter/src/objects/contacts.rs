//! Switch, inputs and tariff.

use cosem::Object;
use cosem::class::DisconnectControl;

use super::Data;
use super::policy::{MEASURED, SWITCH};
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
];
