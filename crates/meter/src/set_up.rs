//! What a client changes about profiles: list, period, depth, and the rows that go with it (L1; class 7).
//!
//! A change is taken whole or not at all, and the rows that were captured before it are gone: an event says so. Setting what is set already
//! changes nothing.

use cosem::axdr::Reader;
use cosem::{AccessError, ActionError, CaptureObject};

use crate::capture;
use crate::effect::Effect;
use crate::event_log::{Log, mbus, standard};
use crate::limits::COLUMNS;
use crate::memory;
use crate::model::Model;
use crate::profile::{JournalId, Profile};

impl Model {
    /// Sets the capture list of a profile.
    ///
    /// # Errors
    /// `TypeUnmatched` when the value is no list of columns; `OtherReason` for more than 32 columns, the same one twice, an attribute that the
    /// meter does not have or cannot capture, and for rows that are too wide for a request or for the depth that was set.
    pub(crate) fn set_capture_objects(
        &mut self,
        journal: JournalId,
        value: &mut Reader<'_>,
    ) -> Result<(), AccessError> {
        let n_columns = value.array()?;
        let mut wanted = heapless::Vec::<CaptureObject, COLUMNS>::new();
        for _ in 0..n_columns {
            wanted.push(value.value()?).map_err(|_| AccessError::OtherReason)?;
        }
        let columns = capture::columns(self, wanted)?;
        let depth = self.entries(journal);
        if depth.is_some_and(|depth| memory::room(self, journal, &columns) < depth) {
            return Err(AccessError::OtherReason);
        }
        self.change(journal, |profile, clock, utc| {
            let is_new = profile.columns() != columns;
            if is_new {
                profile.set_columns(columns, clock, utc);
            }
            Ok(is_new)
        })
    }

    /// Sets the capture period of a profile in seconds; 0 switches it off.
    ///
    /// # Errors
    /// `OtherReason` when the period is not allowed.
    pub(crate) fn set_capture_period(&mut self, journal: JournalId, seconds: u32) -> Result<(), AccessError> {
        let was_on = self.period(journal) != 0;
        self.change(journal, |profile, clock, utc| {
            let is_new = profile.period() != seconds;
            if is_new {
                profile
                    .set_period(seconds, clock, utc)
                    .map_err(|_| AccessError::OtherReason)?;
            }
            Ok(is_new)
        })?;
        let code = match (journal, was_on, seconds != 0) {
            (JournalId::LoadProfile1, false, true) => standard::PROFILE_1_ENABLED,
            (JournalId::LoadProfile1, true, false) => standard::PROFILE_1_DISABLED,
            (JournalId::LoadProfile2, false, true) => standard::PROFILE_2_ENABLED,
            (JournalId::LoadProfile2, true, false) => standard::PROFILE_2_DISABLED,
            _ => return Ok(()),
        };
        self.effects.push(Effect::Event(Log::Standard, code));
        Ok(())
    }

    /// Sets how many rows a profile keeps; as many as there is room for when 0.
    ///
    /// # Errors
    /// `OtherReason` when so many rows of this width do not fit the partition.
    pub(crate) fn set_profile_entries(&mut self, journal: JournalId, entries: u32) -> Result<(), AccessError> {
        if memory::room(self, journal, &self.columns(journal)) < entries {
            return Err(AccessError::OtherReason);
        }
        self.change(journal, |profile, clock, utc| {
            let is_new = profile.entries().unwrap_or(0) != entries;
            if is_new {
                profile.set_entries(entries, clock, utc);
            }
            Ok(is_new)
        })
    }

    /// Forgets the rows of a profile (method 1).
    pub(crate) fn reset_profile(&mut self, journal: JournalId) {
        self.effects.push(Effect::Clear(journal));
        self.note_cleared(journal);
    }

    fn note_cleared(&mut self, journal: JournalId) {
        let (log, code) = match journal.channel().and_then(Log::of_channel) {
            Some(log) => (log, mbus::PROFILE_CLEARED),
            None => (Log::Standard, standard::PROFILE_CLEARED),
        };
        self.effects.push(Effect::Event(log, code));
    }

    /// Adds a row to a profile now (method 2).
    ///
    /// # Errors
    /// `TemporaryFailure` when the profile has no columns.
    pub(crate) fn capture_now(&mut self, journal: JournalId) -> Result<(), ActionError> {
        let utc = self.utc();
        let profile = self.profiles.get_mut(journal);
        let profile = profile.filter(|profile| !profile.columns().is_empty());
        profile.ok_or(ActionError::TemporaryFailure)?.capture(&self.clock, utc);
        self.effects.push(Effect::Capture(journal, utc));
        Ok(())
    }

    /// Lets `set` change a profile; when it did, the rows are gone.
    fn change(
        &mut self,
        journal: JournalId,
        set: impl FnOnce(&mut Profile, &crate::clock::Clock, base::Utc) -> Result<bool, AccessError>,
    ) -> Result<(), AccessError> {
        let utc = self.utc();
        let profile = self.profiles.get_mut(journal).ok_or(AccessError::ReadWriteDenied)?;
        if set(profile, &self.clock, utc)? {
            self.effects.push(Effect::Renew(journal));
            self.note_cleared(journal);
        }
        Ok(())
    }
}
