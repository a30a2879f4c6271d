//! Security setups and invocation counters (S1).

use cosem::class::SecuritySetup;
use cosem::{ActionError, Object};

use super::Data;
use super::policy::{NAMEPLATE, SECURITY_SETUP, SECURITY_SETUP_OPEN};
use crate::effect::{Effect, Record};
use crate::model::Model;

/// The setup of the plain associations: nothing is asked for.
const OPEN: SecuritySetup<Model> = SecuritySetup {
    policy: |_| 0,
    ..CIPHERED
};

/// The setup that the caller's association refers to.
const CURRENT: SecuritySetup<Model> = SecuritySetup {
    policy: |it| {
        if it.partner.is_some_and(|partner| partner.is_ciphered()) {
            it.security.policy()
        } else {
            0
        }
    },
    ..CIPHERED
};

/// The setup of the management client's ciphered association.
const CIPHERED: SecuritySetup<Model> = SecuritySetup {
    policy: |it| it.security.policy(),
    suite: |_| 0,
    client_system_title: |it| it.security.client_system_title(),
    server_system_title: |it| it.config.system_title(),
    activate: |it, policy| {
        it.security.activate(policy).map_err(|_| ActionError::OtherReason)?;
        it.effects.push(Effect::Keep(Record::Security));
        Ok(())
    },
    // Granted to nobody until keys can be changed safely; the row then gets the right.
    key_transfer: |_, _| Err(ActionError::ObjectUnavailable),
};

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:43.0.0", &CURRENT, &SECURITY_SETUP),
    Object::new("0-0:43.0.1", &OPEN, &SECURITY_SETUP_OPEN),
    Object::new("0-0:43.0.2", &CIPHERED, &SECURITY_SETUP),
    // The last number accepted from the management client: it goes on with the next one.
    Object::new(
        "0-0:43.1.0",
        &Data::shown(|it, out| out.value(it.security.received.last())),
        &NAMEPLATE,
    ),
];
