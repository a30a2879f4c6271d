//! Event logs and their event codes (L2).

use cosem::Object;
use cosem::class::ProfileGeneric;

use super::Data;
use super::policy::{LOG, MEASURED};
use super::profile::{column, entries_in_use, n_columns, profile_entries};
use crate::effect::Effect;
use crate::event_log::{LOG_CLEARED, Log};
use crate::model::Model;
use crate::profile::JournalId;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new(
        "0-0:96.11.0",
        &Data::shown(|it, out| out.value(code(it, Log::Standard))),
        &MEASURED,
    ),
    Object::new(
        "0-0:96.11.1",
        &Data::shown(|it, out| out.value(code(it, Log::Fraud))),
        &MEASURED,
    ),
    Object::new(
        "0-0:96.11.2",
        &Data::shown(|it, out| out.value(code(it, Log::Disconnect))),
        &MEASURED,
    ),
    Object::new("0-0:99.98.0", &log(JournalId::StandardLog), &LOG),
    Object::new("0-0:99.98.1", &log(JournalId::FraudLog), &LOG),
    Object::new("0-0:99.98.2", &log(JournalId::DisconnectLog), &LOG),
];

/// The code that the log took last.
fn code(it: &Model, log: Log) -> u8 {
    it.last_event.get(log.index()).copied().unwrap_or(0)
}

const fn log(journal: JournalId) -> ProfileGeneric<Model> {
    ProfileGeneric {
        journal: journal as u8,
        n_columns,
        column,
        set_capture_objects: None,
        capture_period: |_, _| 0,
        set_capture_period: None,
        entries_in_use,
        profile_entries,
        set_profile_entries: None,
        reset: |it, journal| {
            if let Some(journal) = JournalId::new(journal) {
                it.effects.push(Effect::Clear(journal));
                if let Some(log) = journal.log() {
                    it.effects.push(Effect::Event(log, LOG_CLEARED));
                }
            }
            Ok(())
        },
        capture: None,
    }
}
