//! Load profiles (L1).

use cosem::class::ProfileGeneric;
use cosem::{CaptureObject, Object};

use super::Data;
use super::policy::{MEASURED, PROFILE};
use crate::effect::Effect;
use crate::event_log::{Log, standard};
use crate::model::{JournalState, Model};
use crate::profile::JournalId;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new(
        "0-0:96.10.1",
        &Data::shown(|it, out| out.value(it.load_profile.status())),
        &MEASURED,
    ),
    Object::new(
        "1-0:99.1.0",
        &ProfileGeneric {
            journal: JournalId::LoadProfile1 as u8,
            capture_objects,
            set_capture_objects: None,
            capture_period: |it, _| it.load_profile.period(),
            set_capture_period: Some(|it, _, seconds| it.set_capture_period(seconds)),
            entries_in_use,
            profile_entries,
            set_profile_entries: None,
            reset: |it, _| {
                it.effects.push(Effect::Clear(JournalId::LoadProfile1));
                it.effects.push(Effect::Event(Log::Standard, standard::PROFILE_CLEARED));
                Ok(())
            },
            capture: Some(|it, _| {
                it.capture_now();
                Ok(())
            }),
        },
        &PROFILE,
    )
    .kept(&[4]),
];

pub(super) fn capture_objects(it: &Model, journal: u8) -> &[CaptureObject] {
    JournalId::new(journal).map_or(&[], |journal| it.columns(journal))
}

pub(super) fn entries_in_use(it: &Model, journal: u8) -> u32 {
    state(it, journal).in_use
}

pub(super) fn profile_entries(it: &Model, journal: u8) -> u32 {
    state(it, journal).capacity
}

fn state(it: &Model, journal: u8) -> JournalState {
    it.journals.get(usize::from(journal)).copied().unwrap_or_default()
}
