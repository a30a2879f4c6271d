//! The associations: the current one and one object for each client.

use cosem::class::AssociationLn;
use cosem::{AccessError, ActionError, Obis, Object};

use super::policy::{ASSOCIATION, CURRENT_ASSOCIATION};
use crate::model::{Model, Partner};
use crate::service::{MANAGEMENT_CLIENT, PRE_ESTABLISHED_CLIENT, PUBLIC_CLIENT, READING_CLIENT, offer};

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:40.0.0", &association(0), &CURRENT_ASSOCIATION),
    Object::new("0-0:40.0.1", &association(1), &ASSOCIATION),
    Object::new("0-0:40.0.2", &association(2), &ASSOCIATION),
    Object::new("0-0:40.0.3", &association(3), &ASSOCIATION),
    Object::new("0-0:40.0.4", &association(4), &ASSOCIATION),
];

const fn association(which: u8) -> AssociationLn<Model> {
    AssociationLn {
        which,
        associated_partners: |it, which| (i8::try_from(partner(it, which).client).unwrap_or(i8::MAX), 1),
        context: |it, which| partner(it, which).context,
        xdlms_context: |it, which| {
            let Partner {
                conformance,
                pdu_sizes: (receive, send),
                ..
            } = partner(it, which);
            (conformance, receive, send)
        },
        mechanism: |it, which| partner(it, which).mechanism,
        set_secret: |_, _, _| Err(AccessError::ReadWriteDenied),
        association_status: |it, which| {
            let associated = it
                .partner
                .is_some_and(|now| which == 0 || now.client == partner(it, which).client);
            if associated { 2 } else { 0 }
        },
        security_setup: |it, which| {
            let partner = partner(it, which);
            Obis::new("0-0:43.0.0").with_e(match partner.client {
                PRE_ESTABLISHED_CLIENT => 3,
                _ if partner.is_ciphered() => 2,
                _ => 1,
            })
        },
        change_hls_secret: |_, _, _| Err(ActionError::ReadWriteDenied),
    }
}

/// The partner of association `which`: of the current one who is there, of the others who would be.
fn partner(it: &Model, which: u8) -> Partner {
    let client = match which {
        2 => MANAGEMENT_CLIENT,
        3 => PRE_ESTABLISHED_CLIENT,
        4 => READING_CLIENT,
        _ => PUBLIC_CLIENT,
    };
    it.partner
        .filter(|now| which == 0 || now.client == client)
        .unwrap_or_else(|| offer(&it.config, client))
}
