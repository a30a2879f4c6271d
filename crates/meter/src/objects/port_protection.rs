//! Protection of the communication ports against guessed passwords.

use cosem::class::PortProtection;
use cosem::{AccessError, Obis, Object};

use super::policy::PORT_PROTECTION;
use crate::model::Model;

/// All ports on which the meter speaks DLMS: a guesser shall not go from one to the other.
const REMOTE: PortProtection<Model> = PortProtection {
    settings: |it| it.port_protection.settings(),
    set: |it, settings| it.port_protection.set(settings).map_err(|_| AccessError::OtherReason),
    port: Obis::new("0-0:25.0.0"),
    state: |it| it.port_protection.state(it.now),
    reset: |it| {
        it.port_protection.reset();
        Ok(())
    },
};

pub(super) const OBJECTS: &[Object<Model>] =
    &[Object::new("0-0:44.2.2", &REMOTE, &PORT_PROTECTION).kept(&[2, 3, 4, 5, 6])];
