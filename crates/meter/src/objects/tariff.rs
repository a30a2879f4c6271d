//! Tariffs: calendar, special days, scripts, register activations, and who decides (T2).
//!
//! A register activation lists A+, A-, R+ and R- (or their maxima) by tariff; all other energies and maxima follow the same mask.

use cosem::axdr::{Full, OctetText, Octets, Writer};
use cosem::class::{ActivityCalendar, RegisterActivation, SpecialDaysTable};
use cosem::{AccessError, Obis, Object};
use metrology::Tariff;

use super::Data;
use super::billing::table;
use super::policy::{ACTIVATION, CALENDAR, MEASURED, PARAMETER, SCRIPTS, SPECIAL_DAYS};
use crate::calendar::{Calendar, read_name};
use crate::day_table::TARIFF_SCRIPTS;
use crate::model::Model;
use crate::tariff::Source;

/// Numbers of the day tables among the large values.
pub(crate) const DAY_TABLES: [u8; 2] = [0, 1];

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:10.0.100", &table(TARIFF_SCRIPTS), &SCRIPTS),
    Object::new(
        "0-0:11.0.0",
        &SpecialDaysTable {
            entries: |it: &Model, out| it.tariffs.special.write(out),
            set_entries: Model::set_special_days,
            insert: Model::insert_special_day,
            delete: Model::delete_special_day,
        },
        &SPECIAL_DAYS,
    )
    .kept(&[2]),
    Object::new(
        "0-0:13.0.0",
        &ActivityCalendar {
            name: |it, passive, out| out.value(Octets(&calendar(it, passive).name)),
            set_name: |it, value| {
                let name = read_name(value)?;
                it.set_passive(|calendar| {
                    calendar.name = name;
                    Ok(())
                })
            },
            seasons: |it, passive, out| calendar(it, passive).write_seasons(out),
            set_seasons: |it, value| it.set_passive(|calendar| calendar.set_seasons(value)),
            weeks: |it, passive, out| calendar(it, passive).write_weeks(out),
            set_weeks: |it, value| it.set_passive(|calendar| calendar.set_weeks(value)),
            days: DAY_TABLES,
            activation: |it| it.tariffs.activation,
            set_activation: Model::set_activation,
            activate: Model::activate_passive_calendar,
        },
        &CALENDAR,
    )
    .kept(&[6, 7, 8, 10]),
    Object::new(
        "0-0:14.0.1",
        &RegisterActivation {
            register_assignment: |_, out| assignment(out, 3, 8),
            mask_list,
            active_mask: |it| it.tariffs.energy().number(),
            set_active_mask: |it, name| {
                let tariff = named(name)?;
                it.tariffs.set_energy(tariff);
                Ok(())
            },
        },
        &ACTIVATION,
    ),
    Object::new(
        "0-0:14.0.2",
        &RegisterActivation {
            register_assignment: |_, out| assignment(out, 4, 6),
            mask_list,
            active_mask: |it| it.tariffs.demand().number(),
            set_active_mask: |it, name| {
                let tariff = named(name)?;
                it.tariffs.set_demand(tariff);
                Ok(())
            },
        },
        &ACTIVATION,
    ),
    Object::new(
        "0-0:96.14.0",
        &Data::shown(|it, out| out.value(OctetText(tariff_name(it.tariffs.energy())))),
        &MEASURED,
    ),
    Object::new(
        "0-0:96.14.1",
        &Data::shown(|it, out| out.value(OctetText(tariff_name(it.tariffs.demand())))),
        &MEASURED,
    ),
    Object::new(
        "0-0:128.14.0",
        &Data {
            value: |it, out| out.value(it.tariffs.default_tariff().number()),
            set: Some(|it, value| {
                it.tariffs.set_default_tariff(tariff(value.value()?)?);
                it.look_again();
                Ok(())
            }),
        },
        &PARAMETER,
    )
    .kept(&[2]),
    Object::new(
        "0-0:128.14.1",
        &Data {
            value: |it, out| out.value(it.tariffs.emergency_tariff().number()),
            set: Some(|it, value| {
                it.tariffs.set_emergency_tariff(tariff(value.value()?)?);
                it.look_again();
                Ok(())
            }),
        },
        &PARAMETER,
    )
    .kept(&[2]),
    Object::new(
        "0-0:128.14.2",
        &Data {
            value: |it, out| out.value(it.tariffs.source() as u8),
            set: Some(|it, value| {
                it.tariffs.set_source(match value.value()? {
                    0_u8 => Source::Calendar,
                    1 => Source::Input,
                    _ => return Err(AccessError::OtherReason),
                });
                it.look_again();
                Ok(())
            }),
        },
        &PARAMETER,
    )
    .kept(&[2]),
    Object::new(
        "0-0:128.14.3",
        &Data::shown(|it, out| out.value(it.tariffs.input().number())),
        &MEASURED,
    ),
];

const fn calendar(it: &Model, passive: bool) -> &Calendar {
    if passive {
        &it.tariffs.passive
    } else {
        &it.tariffs.active
    }
}

fn tariff(number: u8) -> Result<Tariff, AccessError> {
    Tariff::new(number).ok_or(AccessError::OtherReason)
}

/// The tariff of a mask: its name is one octet, 1 to 8.
fn named(name: &[u8]) -> Result<Tariff, AccessError> {
    match name {
        [number] => tariff(*number),
        _ => Err(AccessError::OtherReason),
    }
}

/// Group C of the registers that are listed.
const LISTED: [u8; 4] = [1, 2, 3, 4];

fn assignment(out: &mut Writer<'_>, class_id: u16, d: u8) -> Result<(), Full> {
    out.array(LISTED.len() * 8)?;
    for c in LISTED {
        for tariff in Tariff::all() {
            out.structure(2)?;
            out.value(class_id)?;
            out.value(Obis::from_octets([1, 0, c, d, tariff.number(), 255]))?;
        }
    }
    Ok(())
}

/// A mask for each tariff, with the places of its registers in the assignment, from 1.
fn mask_list(_: &Model, out: &mut Writer<'_>) -> Result<(), Full> {
    out.array(Tariff::all().count())?;
    for tariff in Tariff::all() {
        out.structure(2)?;
        out.value(Octets(&[tariff.number()]))?;
        out.array(LISTED.len())?;
        for quantity in 0..4_u8 {
            out.value(8 * quantity + tariff.number())?;
        }
    }
    Ok(())
}

/// A tariff as four digits.
pub(crate) fn tariff_name(tariff: Tariff) -> &'static str {
    const NAMES: [&str; 8] = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"];
    NAMES.get(usize::from(tariff.number()) - 1).copied().unwrap_or("0000")
}
