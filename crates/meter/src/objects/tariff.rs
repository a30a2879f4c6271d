//! Tariffs: calendar, special days, scripts, register activations, and who decides (T2).
//!
//! From the factory a register activation lists A+, A-, R+ and R- (or their maxima) by tariff; all other energies and maxima follow the same mask.

use cosem::axdr::{OctetText, Octets};
use cosem::class::{ActivityCalendar, RegisterActivation, SpecialDaysTable};
use cosem::{AccessError, Object};
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
            register_assignment: |it: &Model, out| it.tariffs.energies.write_assignment(out),
            set_register_assignment: |it, value| it.change_activation(|tariffs| tariffs.energies.set_assignment(value)),
            mask_list: |it, out| it.tariffs.energies.write_masks(out),
            set_mask_list: |it, value| {
                it.change_activation(|tariffs| tariffs.energies.set_masks(value, tariffs.energy()))
            },
            active_mask: |it| it.tariffs.energy().number(),
            set_active_mask: |it, name| {
                let tariff = it.tariffs.energies.tariff(name)?;
                it.tariffs.set_energy(tariff);
                Ok(())
            },
            add_register: |it, value| it.change_activation(|tariffs| tariffs.energies.add_register(value)),
            add_mask: |it, value| it.change_activation(|tariffs| tariffs.energies.add_mask(value)),
            delete_mask: |it, name| {
                it.change_activation(|tariffs| tariffs.energies.delete_mask(name, tariffs.energy()))
            },
        },
        &ACTIVATION,
    ),
    Object::new(
        "0-0:14.0.2",
        &RegisterActivation {
            register_assignment: |it: &Model, out| it.tariffs.maxima.write_assignment(out),
            set_register_assignment: |it, value| it.change_activation(|tariffs| tariffs.maxima.set_assignment(value)),
            mask_list: |it, out| it.tariffs.maxima.write_masks(out),
            set_mask_list: |it, value| {
                it.change_activation(|tariffs| tariffs.maxima.set_masks(value, tariffs.demand()))
            },
            active_mask: |it| it.tariffs.demand().number(),
            set_active_mask: |it, name| {
                let tariff = it.tariffs.maxima.tariff(name)?;
                it.tariffs.set_demand(tariff);
                Ok(())
            },
            add_register: |it, value| it.change_activation(|tariffs| tariffs.maxima.add_register(value)),
            add_mask: |it, value| it.change_activation(|tariffs| tariffs.maxima.add_mask(value)),
            delete_mask: |it, name| it.change_activation(|tariffs| tariffs.maxima.delete_mask(name, tariffs.demand())),
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

/// A tariff as four digits.
pub(crate) fn tariff_name(tariff: Tariff) -> &'static str {
    const NAMES: [&str; 8] = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"];
    NAMES.get(usize::from(tariff.number()) - 1).copied().unwrap_or("0000")
}
