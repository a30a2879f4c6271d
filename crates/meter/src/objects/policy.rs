//! Who may do what, by named policy. The names are what rows say; the grants are decided here and nowhere else.

use cosem::{Grant, Policy};

const fn policy(public: Grant, management: Grant) -> Policy {
    let reading = Grant {
        read: management.read,
        ..Grant::NONE
    };
    Policy {
        public,
        management,
        reading,
        pre_established: Grant::NONE,
    }
}

/// The same, and what may be said to all meters at once: client 102 is never answered, so it reads nothing.
const fn said_to_all(policy: Policy, pre_established: Grant) -> Policy {
    Policy {
        pre_established,
        ..policy
    }
}

/// What the nameplate says: everybody reads it.
pub(super) const NAMEPLATE: Policy = policy(Grant::READ, Grant::READ);
/// Measured and registered values: nobody changes them.
pub(super) const MEASURED: Policy = policy(Grant::NONE, Grant::READ);
/// A parameter in attribute 2.
pub(super) const PARAMETER: Policy = policy(Grant::NONE, Grant::READ.writing(&[2]));
/// A part of the ratio of the transformers: on the nameplate, and written behind the seal.
pub(super) const RATIO: Policy = policy(Grant::READ, Grant::READ.writing(&[2]));
/// The clock.
pub(super) const CLOCK: Policy = said_to_all(
    policy(
        Grant::NONE.reading_only(&[2]),
        Grant::READ.writing(&[2, 3, 5, 6, 7, 8]).invoking(&[1, 2, 3, 4, 5, 6]),
    ),
    Grant::NONE.writing(&[2]).invoking(&[1, 2, 3, 4, 5, 6]),
);
/// The association that the caller is in. Its secret is never read.
pub(super) const CURRENT_ASSOCIATION: Policy = {
    let read = Grant::NONE.reading_only(&[2, 3, 4, 5, 6, 8, 9]);
    policy(read, read.invoking(&[1]))
};
/// The associations as objects of their own. Secrets are never read.
pub(super) const ASSOCIATION: Policy = policy(Grant::NONE, Grant::NONE.reading_only(&[2, 3, 4, 5, 6, 8, 9]));
/// Security setup: everybody reads suite and system titles, as a client must before it can associate.
pub(super) const SECURITY_SETUP: Policy = policy(
    Grant::NONE.reading_only(&[3, 4, 5]),
    Grant::READ.invoking(&[1, 2, 3, 4, 5, 6, 7, 8]),
);
/// The security setup of the plain associations, which cannot be made stronger: it is what it is.
pub(super) const SECURITY_SETUP_OPEN: Policy = policy(Grant::NONE.reading_only(&[3, 4, 5]), Grant::READ);
/// The optical port's set-up; passwords of a programming mode that there is not are nobody's.
pub(super) const LOCAL_PORT: Policy = policy(
    Grant::NONE,
    Grant::NONE.reading_only(&[2, 3, 4, 5, 6]).writing(&[2, 3, 4, 5, 6]),
);
/// The set-up of HDLC lines.
pub(super) const HDLC_SETUP: Policy = policy(Grant::NONE, Grant::READ.writing(&[2, 3, 4, 5, 6, 7, 8, 9]));
/// The switch in the supply.
pub(super) const SWITCH: Policy = said_to_all(
    policy(Grant::NONE, Grant::READ.writing(&[4]).invoking(&[1, 2])),
    Grant::NONE.invoking(&[1, 2]),
);
/// A load profile.
pub(super) const PROFILE: Policy = policy(Grant::NONE, Grant::READ.writing(&[3, 4, 8]).invoking(&[1, 2]));
/// The protection of the ports.
pub(super) const PORT_PROTECTION: Policy = policy(Grant::NONE, Grant::READ.writing(&[2, 3, 4, 5, 6]).invoking(&[1]));
/// An event log.
pub(super) const LOG: Policy = policy(Grant::NONE, Grant::READ.invoking(&[1]));
/// A demand register: its periods are the client's.
pub(super) const DEMAND: Policy = policy(Grant::NONE, Grant::READ.writing(&[8, 9]).invoking(&[1, 2]));
/// A maximum demand, which may be reset by itself; the cumulative register keeps it.
pub(super) const MAXIMUM: Policy = policy(Grant::NONE, Grant::READ.invoking(&[1]));
/// Billing profiles: the list is the client's, the period is the schedule's.
pub(super) const BILLING_PROFILE: Policy = policy(Grant::NONE, Grant::READ.writing(&[3, 8]).invoking(&[1, 2]));
/// A script table.
pub(super) const SCRIPTS: Policy = policy(Grant::NONE, Grant::READ.invoking(&[1]));
/// The scripts of the switch.
pub(super) const SWITCH_SCRIPTS: Policy = said_to_all(SCRIPTS, Grant::NONE.invoking(&[1]));
/// A single action schedule.
pub(super) const SCHEDULE: Policy = policy(Grant::NONE, Grant::READ.writing(&[2, 3, 4]));
/// A register activation.
pub(super) const ACTIVATION: Policy = policy(Grant::NONE, Grant::READ.writing(&[2, 3, 4]).invoking(&[1, 2, 3]));
/// The activity calendar.
pub(super) const CALENDAR: Policy = said_to_all(
    policy(Grant::NONE, Grant::READ.writing(&[6, 7, 8, 9, 10]).invoking(&[1])),
    Grant::NONE.writing(&[6, 7, 8, 9, 10]),
);
/// The special days.
pub(super) const SPECIAL_DAYS: Policy = said_to_all(
    policy(Grant::NONE, Grant::READ.writing(&[2]).invoking(&[1, 2])),
    Grant::NONE.invoking(&[1, 2]),
);
/// A list of the display.
pub(super) const DISPLAY_LIST: Policy = policy(Grant::NONE, Grant::READ.writing(&[3]));
