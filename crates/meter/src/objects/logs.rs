//! Event logs, their codes, actors and filters (L2), and the log of parameter changes.
//!
//! Group E of an event code's name is the log's; 128 more is who was behind it, 160 more is the log's filter.

use cosem::axdr::{Full, Octets, Reader, Writer};
use cosem::class::ProfileGeneric;
use cosem::{AccessError, Object};

use super::Data;
use super::policy::{LOG, MEASURED, PARAMETER};
use super::profile::{column, entries_in_use, n_columns, profile_entries};
use crate::effect::Effect;
use crate::event_log::{Filter, LOG_CLEARED, Log, standard};
use crate::model::Model;
use crate::profile::JournalId;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new(
        "0-0:96.2.128",
        &Data::shown(|it, out| out.value(it.last_change.1)),
        &MEASURED,
    ),
    Object::new("0-0:96.2.129", &Data::shown(show_changed), &MEASURED).up_to(15),
    Object::new(
        "0-0:96.2.130",
        &Data::shown(|it, out| out.value(it.last_change.0.old)),
        &MEASURED,
    ),
    Object::new(
        "0-0:96.2.131",
        &Data::shown(|it, out| out.value(it.last_change.0.new)),
        &MEASURED,
    ),
    Object::new("0-0:96.11.0", &Data::shown(code::<0>), &MEASURED),
    Object::new("0-0:96.11.1", &Data::shown(code::<1>), &MEASURED),
    Object::new("0-0:96.11.2", &Data::shown(code::<2>), &MEASURED),
    Object::new("0-0:96.11.4", &Data::shown(code::<3>), &MEASURED),
    Object::new("0-0:96.11.5", &Data::shown(code::<4>), &MEASURED),
    Object::new("0-0:96.11.9", &Data::shown(code::<5>), &MEASURED),
    Object::new("0-0:96.11.130", &Data::shown(actor::<2>), &MEASURED),
    Object::new("0-0:96.11.133", &Data::shown(actor::<4>), &MEASURED),
    Object::new("0-0:96.11.137", &Data::shown(actor::<5>), &MEASURED),
    Object::new("0-0:96.11.160", &filter::<0>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.11.161", &filter::<1>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.11.162", &filter::<2>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.11.164", &filter::<3>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.11.165", &filter::<4>(), &PARAMETER).kept(&[2]),
    Object::new("0-0:96.11.169", &filter::<5>(), &PARAMETER).kept(&[2]),
    Object::new(
        "0-0:96.12.1",
        &Data::shown(|it, out| out.value(it.connections)),
        &MEASURED,
    ),
    Object::new("0-0:99.98.0", &log(JournalId::StandardLog), &LOG),
    Object::new("0-0:99.98.1", &log(JournalId::FraudLog), &LOG),
    Object::new("0-0:99.98.2", &log(JournalId::DisconnectLog), &LOG),
    Object::new("0-0:99.98.4", &log(JournalId::QualityLog), &LOG),
    Object::new("0-0:99.98.5", &log(JournalId::CommunicationLog), &LOG),
    Object::new("0-0:99.98.9", &log(JournalId::SecurityLog), &LOG),
    // Nobody clears what says who changed what.
    Object::new("0-0:99.98.128", &log(JournalId::ParameterChangeLog), &MEASURED),
];

/// The code that the log with this number took last.
pub(super) fn code<const LOG: usize>(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.value(it.last_event.get(LOG).copied().unwrap_or(0))
}

/// Who was behind the last event of the log with this number.
fn actor<const LOG: usize>(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.value(it.last_actor.get(LOG).copied().unwrap_or(0))
}

/// The codes that the log with this number takes: 32 octets, code 0 in the highest bit of the first.
pub(super) const fn filter<const LOG: usize>() -> Data {
    Data {
        value: |it, out| {
            let Filter(octets) = it.filters.get(LOG).unwrap_or(&Filter::ALL);
            out.value(Octets(octets))
        },
        set: Some(set_filter::<LOG>),
    }
}

fn set_filter<const LOG: usize>(it: &mut Model, value: &mut Reader<'_>) -> Result<(), AccessError> {
    let Octets(octets) = value.value()?;
    let octets = octets.try_into().map_err(|_| AccessError::OtherReason)?;
    *it.filters.get_mut(LOG).ok_or(AccessError::ObjectUnavailable)? = Filter(octets);
    Ok(())
}

/// What was changed last: class, name, and attribute or, below 0, method.
fn show_changed(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    let (change, _) = it.last_change;
    out.structure(3)?;
    out.value(change.what.class_id)?;
    out.value(change.what.name)?;
    out.value(change.what.index)
}

/// A log, whose list belongs to the factory.
pub(super) const fn log(journal: JournalId) -> ProfileGeneric<Model> {
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
                // A log without codes says it in the standard log.
                let (log, code) = match journal.log() {
                    Some(log) => (log, LOG_CLEARED),
                    None => (Log::Standard, standard::PROFILE_CLEARED),
                };
                it.effects.push(Effect::Event(log, code));
            }
            Ok(())
        },
        capture: None,
    }
}
