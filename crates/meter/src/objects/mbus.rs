//! M-Bus channels 1 to 4 (group B): values, profile, event log and its code and filter (L1, L2).

use cosem::axdr::{Enumerated, Writer};
use cosem::class::{Class, ProfileGeneric};
use cosem::{AccessError, Attributes, DateTime, Obis, Object, Policy};

use super::Data;
use super::logs::{code, filter, log};
use super::policy::{LOG, MEASURED, PARAMETER, PROFILE};
use super::profile::{KEPT, profile, status};
use crate::model::Model;
use crate::profile::JournalId;

pub(super) static CHANNEL_1: [Object<Model>; N_ROWS] = channel::<1, 4, 6>(&PROFILES[0], &LOGS[0]);
pub(super) static CHANNEL_2: [Object<Model>; N_ROWS] = channel::<2, 5, 7>(&PROFILES[1], &LOGS[1]);
pub(super) static CHANNEL_3: [Object<Model>; N_ROWS] = channel::<3, 6, 8>(&PROFILES[2], &LOGS[2]);
pub(super) static CHANNEL_4: [Object<Model>; N_ROWS] = channel::<4, 7, 9>(&PROFILES[3], &LOGS[3]);

const N_ROWS: usize = 9;

static PROFILES: [ProfileGeneric<Model>; 4] = [
    profile(JournalId::MBusProfile1),
    profile(JournalId::MBusProfile2),
    profile(JournalId::MBusProfile3),
    profile(JournalId::MBusProfile4),
];

static LOGS: [ProfileGeneric<Model>; 4] = [
    log(JournalId::MBusLog1),
    log(JournalId::MBusLog2),
    log(JournalId::MBusLog3),
    log(JournalId::MBusLog4),
];

/// The rows of channel `B`, whose profile and log have these numbers among the profiles and logs.
const fn channel<const B: u8, const PROFILE_AT: usize, const LOG_AT: usize>(
    profile: &'static ProfileGeneric<Model>,
    log: &'static ProfileGeneric<Model>,
) -> [Object<Model>; N_ROWS] {
    [
        row::<B>([24, 2, 1], const { &Value::<B>(1) }, &MEASURED),
        row::<B>([24, 2, 2], const { &Value::<B>(2) }, &MEASURED),
        row::<B>([24, 2, 3], const { &Value::<B>(3) }, &MEASURED),
        row::<B>([24, 2, 4], const { &Value::<B>(4) }, &MEASURED),
        row::<B>([24, 3, 0], profile, &PROFILE).kept(KEPT),
        row::<B>([96, 10, 3], const { &Data::shown(status::<PROFILE_AT>) }, &MEASURED),
        row::<B>([96, 11, 3], const { &Data::shown(code::<LOG_AT>) }, &MEASURED),
        row::<B>([96, 11, 163], const { &filter::<LOG_AT>() }, &PARAMETER).kept(&[2]),
        row::<B>([99, 98, 3], log, &LOG),
    ]
}

const fn row<const B: u8>(
    [c, d, e]: [u8; 3],
    class: &'static dyn Class<Model>,
    policy: &'static Policy,
) -> Object<Model> {
    Object {
        name: Obis::from_octets([0, B, c, d, e, 255]),
        class,
        policy,
        kept: Attributes::NONE,
        present: |_| true,
        longest: None,
    }
}

/// Class 4 over a value of channel `B`.
struct Value<const B: u8>(u8);

impl<const B: u8> Class<Model> for Value<B> {
    fn id(&self) -> u16 {
        4
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        5
    }

    fn methods(&self) -> u8 {
        1
    }

    fn longest(&self, attribute: u8) -> Option<u16> {
        (attribute == 5).then_some(14)
    }

    fn get(&self, it: &Model, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        let delivered = it.mbus.value(B, self.0);
        match attribute {
            2 => out.value(delivered.reading.value),
            3 => {
                out.structure(2)?;
                out.value(delivered.reading.scaler)?;
                let unit = delivered.reading.unit;
                out.value(Enumerated(if unit == 0 { 255 } else { unit }))
            }
            4 => out.value(delivered.reading.status),
            _ => out.value(match delivered.at() {
                Some(utc) => it.clock.date_time(utc),
                None => DateTime::UNSPECIFIED,
            }),
        }?;
        Ok(())
    }
}
