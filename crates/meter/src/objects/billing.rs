//! Billing: profiles 1 and 2, their schedules, counters and time stamps, and the script table that closes periods (B1, B2).

use cosem::axdr::{Full, Writer};
use cosem::class::{ProfileGeneric, ScriptTable, SingleActionSchedule};
use cosem::{AccessError, DateTime, Object, ScalerUnit, Unit};

use super::policy::{BILLING_PROFILE, MEASURED, PARAMETER, SCHEDULE, SCRIPTS, SWITCH_SCRIPTS};
use super::profile::{profile, status};
use super::{Data, Register};
use crate::billing::{BILLING_SCRIPTS, Scheme};
use crate::model::Model;
use crate::profile::JournalId;
use crate::scripts::{DISCONNECT_SCRIPTS, exists, write_scripts};

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:10.0.1", &table(BILLING_SCRIPTS), &SCRIPTS),
    Object::new("0-0:10.0.106", &table(DISCONNECT_SCRIPTS), &SWITCH_SCRIPTS)
        .present_when(|it| it.config.switching_module),
    Object::new("0-0:15.0.0", &schedule(Scheme::First), &SCHEDULE).kept(&[2, 3, 4]),
    Object::new("0-0:96.10.8", &Data::shown(status::<8>), &MEASURED),
    Object::new("0-0:96.10.9", &Data::shown(status::<9>), &MEASURED),
    Object::new("0-0:98.1.0", &billing(JournalId::BillingProfile1), &BILLING_PROFILE).kept(&[3, 8]),
    Object::new("0-0:98.2.0", &billing(JournalId::BillingProfile2), &BILLING_PROFILE).kept(&[3, 8]),
    Object::new("0-1:15.0.0", &schedule(Scheme::Second), &SCHEDULE).kept(&[2, 3, 4]),
    Object::new("1-0:0.1.0", &Data::shown(number::<1>), &MEASURED),
    Object::new("1-0:0.1.1", &Data::shown(available::<1>), &MEASURED),
    Object::new("1-0:0.1.2", &Data::shown(closed::<1>), &MEASURED).up_to(14),
    Object::new("1-0:0.1.3", &Data::shown(number::<2>), &MEASURED),
    Object::new("1-0:0.1.4", &Data::shown(available::<2>), &MEASURED),
    Object::new("1-0:0.1.5", &Data::shown(closed::<2>), &MEASURED).up_to(14),
    Object::new("1-0:0.9.12", &lockout::<1>(), &PARAMETER).kept(&[2]),
    Object::new("1-0:0.9.13", &lockout::<2>(), &PARAMETER).kept(&[2]),
];

pub(super) const fn table(table: cosem::Obis) -> ScriptTable<Model> {
    ScriptTable {
        table,
        scripts: |_, table, out| write_scripts(table, out),
        execute: Model::run_script,
    }
}

/// A profile whose captures close a period: method 2 is the same as the script.
const fn billing(journal: JournalId) -> ProfileGeneric<Model> {
    ProfileGeneric {
        set_capture_period: None,
        capture: Some(|it, journal| {
            let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.journal() as u8 == journal);
            it.close_by_hand(scheme.ok_or(cosem::ActionError::ObjectUnavailable)?)
        }),
        ..profile(journal)
    }
}

const fn schedule(scheme: Scheme) -> SingleActionSchedule<Model> {
    SingleActionSchedule {
        which: scheme as u8,
        script: |it, which| it.billing(of(which)).schedule.script,
        set_script: |it, which, script| {
            let (table, selector) = script;
            if !exists(&it.config, table, selector) {
                return Err(AccessError::OtherReason);
            }
            it.billing_mut(of(which)).schedule.script = script;
            Ok(())
        },
        kind: |it, which| it.billing(of(which)).schedule.kind(),
        set_kind: |it, which, kind| {
            let is_restored = !it.awake;
            let schedule = &mut it.billing_mut(of(which)).schedule;
            if is_restored {
                // Its times are restored after it.
                schedule.restore_kind(kind)
            } else {
                schedule.set_kind(kind)
            }
        },
        times: |it, which, out| it.billing(of(which)).schedule.write_times(out),
        set_times: |it, which, value| {
            it.billing_mut(of(which)).schedule.set_times(value)?;
            it.align_billing(of(which));
            Ok(())
        },
    }
}

/// The scheme of a row's number.
const fn of(which: u8) -> Scheme {
    if which == Scheme::First as u8 {
        Scheme::First
    } else {
        Scheme::Second
    }
}

const fn scheme<const N: u8>() -> Scheme {
    if N == 1 { Scheme::First } else { Scheme::Second }
}

fn number<const N: u8>(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.value(it.billing(scheme::<N>()).number())
}

fn available<const N: u8>(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.value(super::profile::entries_in_use(it, scheme::<N>().journal() as u8))
}

fn closed<const N: u8>(it: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    let closed = it.billing(scheme::<N>()).closed();
    out.value(closed.map_or(DateTime::UNSPECIFIED, |at| it.clock.date_time(at)))
}

const fn lockout<const N: u8>() -> Register {
    Register {
        value: |it, out| out.value(it.billing(scheme::<N>()).lockout()),
        scaler_unit: |_| ScalerUnit::new(0, Unit::Second),
        set: Some(|it, value| {
            let seconds = value.value::<u16>()?;
            if 3_600 < seconds {
                return Err(AccessError::OtherReason);
            }
            it.billing_mut(scheme::<N>()).set_lockout(seconds);
            Ok(())
        }),
        reset: None,
    }
}
