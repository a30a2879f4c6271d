//! The set-up of optical port and HDLC lines.

use cosem::Object;
use cosem::class::{HdlcSetup, IecLocalPort};

use super::policy::{HDLC_SETUP, LOCAL_PORT};
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new(
        "0-0:20.0.0",
        &IecLocalPort {
            setting: |it: &Model, attribute| it.ports.port_setting(attribute),
            set: |it, attribute, setting| it.ports.set_port(attribute, setting),
            device_address: |it| it.ports.address(),
            set_device_address: |it, address| it.ports.set_address(address),
        },
        &LOCAL_PORT,
    )
    .kept(&[2, 3, 4, 5, 6]),
    Object::new(
        "0-0:22.0.0",
        &HdlcSetup {
            setting: |it: &Model, attribute| it.ports.hdlc_setting(attribute),
            set: |it, attribute, setting| it.ports.set_hdlc(attribute, setting),
        },
        &HDLC_SETUP,
    )
    .kept(&[3, 4, 5, 6, 7, 8, 9]),
];
