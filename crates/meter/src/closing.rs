//! How a billing period is closed: by schedule, by hand, on fraud (B1, B2).

use base::Utc;
use cosem::ActionError;
use cosem::axdr::{Full, Reader, Writer};

use crate::billing::{BILLING_SCRIPTS, Billing, Scheme};
use crate::effect::Effect;
use crate::event_log::{Log, standard};
use crate::model::Model;
use crate::profile::{JournalId, Profile};

/// Billing of a scheme among both.
const fn at(billing: &mut [Billing; 2], scheme: Scheme) -> &mut Billing {
    let [first, second] = billing;
    match scheme {
        Scheme::First => first,
        Scheme::Second => second,
    }
}

impl Model {
    /// Billing of a scheme.
    #[must_use]
    pub const fn billing(&self, scheme: Scheme) -> &Billing {
        let [first, second] = &self.billing;
        match scheme {
            Scheme::First => first,
            Scheme::Second => second,
        }
    }

    /// The same, to be changed.
    pub const fn billing_mut(&mut self, scheme: Scheme) -> &mut Billing {
        at(&mut self.billing, scheme)
    }

    /// The schedule of a scheme was changed: its next end is waited for.
    pub(crate) fn align_billing(&mut self, scheme: Scheme) {
        let utc = self.utc();
        at(&mut self.billing, scheme).align(&self.clock, utc);
    }

    /// Writes what must outlive a power cut of both schemes.
    pub(crate) fn save_billing(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        for scheme in Scheme::ALL {
            self.billing(scheme).save(out)?;
        }
        let marks = |journal: JournalId| self.profiles.get(journal).map_or(0, Profile::marks);
        out.put(&JournalId::PROFILES.map(marks))
    }

    /// Reads what [`Model::save_billing`] wrote; `None` when it is too short. Version 1 has no marks but those of the billing profiles.
    pub(crate) fn restore_billing(&mut self, version: u8, from: &mut Reader<'_>) -> Option<()> {
        for scheme in Scheme::ALL {
            self.billing_mut(scheme).restore(version, from)?;
        }
        let marked = match version {
            1 => JournalId::PROFILES.get(JournalId::BillingProfile1.index()..)?,
            _ => &JournalId::PROFILES,
        };
        for journal in marked {
            let marks = from.octet().ok()?;
            if let Some(profile) = self.profiles.get_mut(*journal) {
                profile.resume(marks);
            }
        }
        Some(())
    }

    /// Closes one period whose end the schedule names, if one is over. Others that are over come with a later call, when its row is written.
    pub(crate) fn elapse_billing(&mut self, utc: Utc) {
        if self.effects.closes_billing() {
            return;
        }
        for scheme in Scheme::ALL {
            let Some(stamp) = at(&mut self.billing, scheme).elapse(&self.clock, utc) else {
                continue;
            };
            match self.billing(scheme).schedule.script {
                (BILLING_SCRIPTS, 1) => self.close(Scheme::First, stamp),
                (BILLING_SCRIPTS, 2) => self.close(Scheme::Second, stamp),
                (table, selector) => {
                    let _refused_by_the_script = self.run_script(table, selector);
                }
            }
        }
    }

    /// Goes on at power up: a row that was written when the power went counts as closed. `newest` are the stamps of the last rows.
    pub(crate) fn resume_billing(&mut self, utc: Utc, newest: [Option<Utc>; 2]) {
        for (scheme, stamp) in Scheme::ALL.into_iter().zip(newest) {
            let written = self.journals.get(scheme.journal().index()).map_or(0, |it| it.written);
            if self.billing(scheme).has_unnoted_row(written) {
                // Whichever schedule ended the period: what it waited for is over, also when nobody knows the time now.
                let stamp = stamp.unwrap_or(utc);
                let script = (BILLING_SCRIPTS, scheme.script());
                for billing in self.billing.iter_mut().filter(|it| it.schedule.script == script) {
                    billing.pass(&self.clock, stamp);
                }
                self.closed(scheme, stamp);
            }
        }
        for billing in &mut self.billing {
            billing.resume(&self.clock, utc);
        }
    }

    /// Closes a period by command, script or button, unless one was closed only just now.
    ///
    /// # Errors
    /// `TemporaryFailure` within the lock-out, and while the row of another close waits to be written.
    pub fn close_by_hand(&mut self, scheme: Scheme) -> Result<(), ActionError> {
        let utc = self.utc();
        if self.effects.closes(scheme) {
            return Err(ActionError::TemporaryFailure);
        }
        let permitted = self.billing(scheme).permit(utc);
        permitted.map_err(|_locked_out| ActionError::TemporaryFailure)?;
        self.close(scheme, utc);
        if scheme == Scheme::First {
            self.effects
                .push(Effect::Event(Log::Standard, standard::BILLING_BY_COMMAND));
        }
        Ok(())
    }

    /// Fraud was detected: the second scheme records what is counted now.
    pub(crate) fn record_fraud(&mut self) {
        let _one_is_recorded_already = self.close_by_hand(Scheme::Second);
    }

    /// Writes the row of a period; when it is written the period is closed.
    fn close(&mut self, scheme: Scheme, stamp: Utc) {
        if let Some(profile) = self.profiles.get_mut(scheme.journal()) {
            profile.close(&self.clock, stamp);
        }
        self.effects.push(Effect::CloseBilling(scheme, stamp));
    }

    /// The row of a period is written.
    pub(crate) fn closed(&mut self, scheme: Scheme, stamp: Utc) {
        let written = self.journals.get(scheme.journal().index()).map_or(0, |it| it.written);
        let utc = self.utc();
        self.billing_mut(scheme).close(stamp, utc, written);
        if scheme == Scheme::First {
            self.demand.reset_maxima();
        }
        self.effects.push(Effect::Save);
    }
}
