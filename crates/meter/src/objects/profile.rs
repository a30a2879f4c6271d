//! Load profiles (L1).

use cosem::axdr::Writer;
use cosem::class::ProfileGeneric;
use cosem::{CaptureObject, Object};

use super::Data;
use super::policy::{MEASURED, PROFILE};
use crate::model::Model;
use crate::profile::{JournalId, Profile};

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:96.10.1", &Data::shown(status::<0>), &MEASURED),
    Object::new("0-0:96.10.2", &Data::shown(status::<1>), &MEASURED),
    Object::new("0-0:96.10.3", &Data::shown(status::<2>), &MEASURED),
    Object::new("0-0:96.10.4", &Data::shown(status::<3>), &MEASURED),
    Object::new("1-0:99.1.0", &profile(JournalId::LoadProfile1), &PROFILE).kept(KEPT),
    Object::new("1-0:99.1.1", &profile(JournalId::LoadProfile3), &PROFILE).kept(KEPT),
    Object::new("1-0:99.1.2", &profile(JournalId::LoadProfile4), &PROFILE).kept(KEPT),
    Object::new("1-0:99.2.0", &profile(JournalId::LoadProfile2), &PROFILE).kept(KEPT),
];

/// List, period and depth, restored in this order.
pub(super) const KEPT: &[u8] = &[3, 4, 8];

/// A profile whose set-up belongs to the client.
pub(super) const fn profile(journal: JournalId) -> ProfileGeneric<Model> {
    ProfileGeneric {
        journal: journal as u8,
        n_columns,
        column,
        set_capture_objects: Some(|it, journal, value| it.set_capture_objects(known(journal)?, value)),
        capture_period: |it, journal| JournalId::new(journal).map_or(0, |journal| it.period(journal)),
        set_capture_period: Some(|it, journal, seconds| it.set_capture_period(known(journal)?, seconds)),
        entries_in_use,
        profile_entries,
        set_profile_entries: Some(|it, journal, entries| it.set_profile_entries(known(journal)?, entries)),
        reset: |it, journal| {
            it.reset_profile(known(journal)?);
            Ok(())
        },
        capture: Some(|it, journal| it.capture_now(known(journal)?)),
    }
}

/// The status of the profile with this number among the profiles.
pub(super) fn status<const N: usize>(it: &Model, out: &mut Writer<'_>) -> Result<(), cosem::axdr::Full> {
    let profile = JournalId::PROFILES.get(N).and_then(|journal| it.profiles.get(*journal));
    out.value(profile.map_or(0, Profile::status))
}

fn known(journal: u8) -> Result<JournalId, cosem::AccessError> {
    JournalId::new(journal).ok_or(cosem::AccessError::ObjectUnavailable)
}

pub(super) fn n_columns(it: &Model, journal: u8) -> usize {
    JournalId::new(journal).map_or(0, |journal| it.columns(journal).len())
}

pub(super) fn column(it: &Model, journal: u8, at: usize) -> CaptureObject {
    let column = JournalId::new(journal).and_then(|journal| it.columns(journal).get(at).copied());
    column.map_or(CaptureObject::NONE, |column| column.object())
}

pub(super) fn entries_in_use(it: &Model, journal: u8) -> u32 {
    let in_use = it.journals.get(usize::from(journal)).map_or(0, |state| state.in_use);
    in_use.min(profile_entries(it, journal))
}

/// The depth that was set, or how many rows there is room for.
pub(super) fn profile_entries(it: &Model, journal: u8) -> u32 {
    JournalId::new(journal).map_or(0, |journal| it.depth(journal))
}
