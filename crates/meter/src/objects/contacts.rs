//! Switch, inputs and tariff.

use cosem::Object;
use cosem::axdr::OctetText;
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
    Object::new(
        "0-0:96.14.0",
        &Data::shown(|it, out| out.value(OctetText(tariff_name(it)))),
        &MEASURED,
    ),
];

/// The active tariff as four digits.
fn tariff_name(it: &Model) -> &'static str {
    const NAMES: [&str; 8] = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"];
    NAMES
        .get(usize::from(it.tariff.number()) - 1)
        .copied()
        .unwrap_or("0000")
}
