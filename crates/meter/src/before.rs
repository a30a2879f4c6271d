//! What a client's request may change for good, as it was before: so that what the flash refuses does not stay.

use crate::activation::Activation;
use crate::alarm::Alarms;
use crate::calendar::{Calendar, SpecialDays};
use crate::disconnector::Disconnector;
use crate::model::Model;

/// Copies of what stands in a record of its own, or in an attribute that a method changes. Other kept attributes are put back by SET, keys by
/// [`Keys::abandon`](crate::keys::Keys::abandon).
pub(crate) struct Before {
    disconnector: Disconnector,
    policy: u8,
    alarms: Alarms,
    energies: Activation,
    maxima: Activation,
    active: Calendar,
    special: SpecialDays,
}

impl Before {
    pub(crate) fn of(it: &Model) -> Self {
        let tariffs = &it.tariffs;
        Self {
            disconnector: it.disconnector,
            policy: it.security.policy(),
            alarms: it.alarms,
            energies: tariffs.energies.clone(),
            maxima: tariffs.maxima.clone(),
            active: tariffs.active.clone(),
            special: tariffs.special.clone(),
        }
    }

    /// Puts everything back, and lets the tariff follow.
    pub(crate) fn put_back(self, it: &mut Model) {
        it.disconnector = self.disconnector;
        it.security.restore_policy(self.policy);
        it.alarms = self.alarms;
        let tariffs = &mut it.tariffs;
        (tariffs.energies, tariffs.maxima) = (self.energies, self.maxima);
        (tariffs.active, tariffs.special) = (self.active, self.special);
        it.keys.abandon();
        it.look_again();
    }
}
