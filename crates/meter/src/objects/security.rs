//! Security setups and invocation counters (S1).

use cosem::axdr::{Enumerated, Octets, Reader};
use cosem::class::SecuritySetup;
use cosem::{ActionError, Object};
use dlms::security::unwrap;

use super::Data;
use super::policy::{NAMEPLATE, SECURITY_SETUP, SECURITY_SETUP_OPEN};
use crate::attack::Attack;
use crate::effect::{Effect, Record};
use crate::event_log::{Log, security};
use crate::keys::KeyId;
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
    suite: |it| it.keys.suite().id(),
    client_system_title: |it| it.security.client_system_title(),
    server_system_title: |it| it.config.system_title(),
    activate: |it, policy| {
        let suite = it.keys.suite();
        it.security
            .activate(policy, suite)
            .map_err(|_| ActionError::OtherReason)?;
        it.effects.push(Effect::Keep(Record::Security));
        it.effects
            .push(Effect::Event(Log::Security, security::POLICY_ACTIVATED));
        Ok(())
    },
    key_transfer,
};

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:43.0.0", &CURRENT, &SECURITY_SETUP),
    Object::new("0-0:43.0.1", &OPEN, &SECURITY_SETUP_OPEN),
    Object::new("0-0:43.0.2", &CIPHERED, &SECURITY_SETUP),
    // That of client 102: the same keys, and the broadcast key.
    Object::new("0-0:43.0.3", &CIPHERED, &SECURITY_SETUP_OPEN),
    // The last number accepted from the management client: it goes on with the next one.
    Object::new(
        "0-0:43.1.0",
        &Data::shown(|it, out| out.value(it.security.received.last())),
        &NAMEPLATE,
    ),
    // The same of the broadcast key.
    Object::new(
        "0-0:43.1.1",
        &Data::shown(|it, out| out.value(it.security.received_broadcast.last())),
        &NAMEPLATE,
    ),
];

/// Method 2: every key of the list is unwrapped under the master key, or none is taken.
fn key_transfer(it: &mut Model, parameters: &mut Reader<'_>) -> Result<(), ActionError> {
    let taken = take_keys(it, parameters);
    match taken {
        Ok(()) => it.effects.push(Effect::Keep(Record::Keys)),
        Err(_) => it.keys.abandon(),
    }
    taken
}

fn take_keys(it: &mut Model, parameters: &mut Reader<'_>) -> Result<(), ActionError> {
    let unmatched = |_| ActionError::TypeUnmatched;
    let count = parameters.array().map_err(unmatched)?;
    if !(1..=4).contains(&count) {
        return Err(ActionError::OtherReason);
    }
    let master = it
        .keys
        .symmetric(KeyId::Master)
        .cloned()
        .ok_or(ActionError::ObjectUnavailable)?;
    for _ in 0..count {
        parameters.structure(2).map_err(unmatched)?;
        let Enumerated(id) = parameters.value().map_err(unmatched)?;
        let Octets(wrapped) = parameters.value().map_err(unmatched)?;
        let id = KeyId::new(id).ok_or(ActionError::OtherReason)?;
        let Some(key) = unwrap(&master, wrapped) else {
            it.note_attack(Attack::Decryption);
            return Err(ActionError::OtherReason);
        };
        it.keys.offer(id, key).map_err(|_| ActionError::OtherReason)?;
    }
    parameters.end().map_err(unmatched)
}
