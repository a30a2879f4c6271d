//! Clock, local date and time, and how far it may be corrected without an event.

use cosem::axdr::Octets;
use cosem::class::Clock;
use cosem::{DateTime, Object, ScalerUnit, Unit};

use super::policy::{CLOCK, MEASURED, PARAMETER};
use super::{Data, Register};
use crate::clock::SHIFT_LIMIT_MOST;
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new(
        "0-0:1.0.0",
        &Clock {
            time: Model::date_time,
            set_time: Model::set_time,
            time_zone: |it| it.clock.zone(),
            set_time_zone: Model::set_zone,
            status: |it| it.clock.status(it.utc()),
            daylight_savings: |it| [it.clock.daylight_saving().begin, it.clock.daylight_saving().end],
            set_daylight_savings: |it, is_end, at| {
                it.set_daylight_saving(|rules| if is_end { rules.end = at } else { rules.begin = at })
            },
            daylight_savings_deviation: |it| it.clock.daylight_saving().deviation,
            set_daylight_savings_deviation: |it, minutes| it.set_daylight_saving(|rules| rules.deviation = minutes),
            daylight_savings_enabled: |it| it.clock.daylight_saving().enabled,
            set_daylight_savings_enabled: |it, enabled| it.set_daylight_saving(|rules| rules.enabled = enabled),
            clock_base: 1, // internal crystal
            adjust: Model::adjust,
            adjust_to_preset: Model::adjust_to_preset_time,
            preset: Model::preset_time,
            shift_time: Model::shift_time,
        },
        &CLOCK,
    )
    .kept(&[3, 5, 6, 7, 8]),
    Object::new(
        "0-0:96.2.12",
        &Data::shown(|it, out| {
            let at = it.synchronised.map(|it| it.at);
            out.value(at.map_or(DateTime::UNSPECIFIED, |at| it.clock.date_time(at)))
        }),
        &MEASURED,
    )
    .up_to(14),
    Object::new(
        "0-0:96.2.13",
        &Data::shown(|it, out| out.value(it.synchronised.map_or(0, |it| it.by.number()))),
        &MEASURED,
    ),
    Object::new(
        "1-0:0.9.1",
        &Data::shown(|it, out| out.value(Octets(&time_of_day(it)))),
        &MEASURED,
    )
    .up_to(6),
    Object::new(
        "1-0:0.9.2",
        &Data::shown(|it, out| out.value(Octets(&date(it)))),
        &MEASURED,
    )
    .up_to(7),
    Object::new(
        "1-0:0.9.11",
        &Register {
            value: |it, out| out.value(it.clock.shift_limit()),
            scaler_unit: |_| ScalerUnit::new(0, Unit::Second),
            set: Some(|it, value| {
                let seconds = value.value::<u16>()?;
                // A greater one that older firmware took is held at the greatest.
                let seconds = if it.awake {
                    seconds
                } else {
                    seconds.min(SHIFT_LIMIT_MOST)
                };
                Ok(it.clock.set_shift_limit(seconds)?)
            }),
            reset: None,
        },
        &PARAMETER,
    )
    .kept(&[2]),
];

/// Hour, minute, second and hundredths of the local clock.
fn time_of_day(it: &Model) -> [u8; 4] {
    let [_, _, _, _, _, hour, minute, second, hundredths, ..] = it.date_time().octets();
    [hour, minute, second, hundredths]
}

/// Year, month, day and day of week of the local clock.
fn date(it: &Model) -> [u8; 5] {
    let [year_high, year_low, month, day, weekday, ..] = it.date_time().octets();
    [year_high, year_low, month, day, weekday]
}
