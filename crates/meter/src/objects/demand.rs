//! Demands (M6): 1-0:C.2.E cumulated maxima, C.3.0 minimum, C.4.0 the running and the last average, C.5.0 the last one with its time,
//! C.6.E maxima, for each energy of `demand::QUANTITIES` and, where there is an E, as total and by tariff.

use cosem::axdr::Writer;
use cosem::class::{Class, DemandRegister, ExtendedRegister};
use cosem::{AccessError, Attributes, DateTime, Obis, Object, Policy, ScalerUnit, Unit};
use metrology::Quantity;

use super::policy::{DEMAND, MAXIMUM, MEASURED};
use crate::demand::{Average, Peak, QUANTITIES};
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &ROWS;

const N_RATES: usize = 9;
const N_RATED: usize = QUANTITIES.len() * N_RATES;
/// Cumulated maxima, minimum, average, last average, maxima.
const N_OF_QUANTITY: usize = N_RATES + 3 + N_RATES;

/// Class 3 over a cumulated maximum.
#[derive(Clone, Copy)]
struct Cumulative(u16);

/// The number of a row for its accessors: the quantity, and the tariff, 0 for all.
const fn number(quantity: usize, rate: usize) -> u16 {
    let [low, high, ..] = (quantity * 16 + rate).to_le_bytes();
    u16::from_le_bytes([low, high])
}

fn quantity(which: u16) -> usize {
    usize::from(which / 16)
}

fn rate(which: u16) -> usize {
    usize::from(which % 16)
}

static CUMULATIVE: [Cumulative; N_RATED] = {
    let mut rows = [Cumulative(0); N_RATED];
    let mut at = 0;
    while at < N_RATED {
        rows[at] = Cumulative(number(at / N_RATES, at % N_RATES));
        at += 1;
    }
    rows
};

static MAXIMA: [ExtendedRegister<Model>; N_RATED] = {
    let mut rows = [const { maximum(0) }; N_RATED];
    let mut at = 0;
    while at < N_RATED {
        rows[at] = maximum(number(at / N_RATES, at % N_RATES));
        at += 1;
    }
    rows
};

static MINIMA: [ExtendedRegister<Model>; QUANTITIES.len()] = {
    let mut rows = [const { minimum(0) }; QUANTITIES.len()];
    let mut at = 0;
    while at < QUANTITIES.len() {
        rows[at] = minimum(number(at, 0));
        at += 1;
    }
    rows
};

static LAST: [ExtendedRegister<Model>; QUANTITIES.len()] = {
    let mut rows = [const { last(0) }; QUANTITIES.len()];
    let mut at = 0;
    while at < QUANTITIES.len() {
        rows[at] = last(number(at, 0));
        at += 1;
    }
    rows
};

static AVERAGES: [DemandRegister<Model>; QUANTITIES.len()] = {
    let mut rows = [const { average(0) }; QUANTITIES.len()];
    let mut at = 0;
    while at < QUANTITIES.len() {
        rows[at] = average(number(at, 0));
        at += 1;
    }
    rows
};

static ROWS: [Object<Model>; QUANTITIES.len() * N_OF_QUANTITY] = {
    let mut rows = [row(1, 2, 0, &CUMULATIVE[0], &MEASURED, Attributes::NONE); QUANTITIES.len() * N_OF_QUANTITY];
    let mut quantity = 0;
    while quantity < QUANTITIES.len() {
        let (c, _) = QUANTITIES[quantity];
        let first = quantity * N_OF_QUANTITY;
        let mut rate = 0;
        while rate < N_RATES {
            let at = quantity * N_RATES + rate;
            rows[first + rate] = row(c, 2, rate, &CUMULATIVE[at], &MEASURED, Attributes::NONE);
            rows[first + N_RATES + 3 + rate] = row(c, 6, rate, &MAXIMA[at], &MAXIMUM, Attributes::NONE);
            rate += 1;
        }
        let after = first + N_RATES;
        rows[after] = row(c, 3, 0, &MINIMA[quantity], &MEASURED, Attributes::NONE);
        rows[after + 1] = row(c, 4, 0, &AVERAGES[quantity], &DEMAND, Attributes::of(&[8, 9]));
        rows[after + 2] = row(c, 5, 0, &LAST[quantity], &MEASURED, Attributes::NONE);
        quantity += 1;
    }
    rows
};

const fn row(
    c: u8,
    d: u8,
    e: usize,
    class: &'static dyn Class<Model>,
    policy: &'static Policy,
    kept: Attributes,
) -> Object<Model> {
    Object {
        name: Obis::from_octets([1, 0, c, d, e.to_le_bytes()[0], 255]),
        class,
        policy,
        kept,
        longest: None,
        present: |_| true,
    }
}

const fn maximum(which: u16) -> ExtendedRegister<Model> {
    ExtendedRegister {
        which,
        value: |it, which, out| out.value(peak(it, which).value),
        scaler_unit,
        status: |it, which| peak(it, which).status,
        capture_time: |it, which| time_of(it, peak(it, which)),
        reset: Some(|it, which| {
            it.demand.reset_maximum(quantity(which), rate(which));
            Ok(())
        }),
    }
}

const fn minimum(which: u16) -> ExtendedRegister<Model> {
    ExtendedRegister {
        which,
        value: |it, which, out| out.value(it.demand.minimum(quantity(which)).value),
        scaler_unit,
        status: |it, which| it.demand.minimum(quantity(which)).status,
        capture_time: |it, which| time_of(it, it.demand.minimum(quantity(which))),
        reset: None,
    }
}

const fn last(which: u16) -> ExtendedRegister<Model> {
    ExtendedRegister {
        which,
        value: |it, which, out| out.value(last_of(it, which).value),
        scaler_unit,
        status: |it, which| last_of(it, which).status,
        capture_time: |it, which| time_of(it, last_of(it, which)),
        reset: None,
    }
}

const fn average(which: u16) -> DemandRegister<Model> {
    DemandRegister {
        which,
        current_average: |it, which| of(it, which).map_or(0, Average::current),
        last_average: |it, which| last_of(it, which).value,
        scaler_unit,
        status: |it, which| last_of(it, which).status,
        capture_time: |it, which| time_of(it, last_of(it, which)),
        start_time: |it, which| {
            it.clock
                .date_time(of(it, which).map_or_else(|| it.utc(), Average::start_time))
        },
        periods: |it, which| of(it, which).map_or((0, 0), |it| (it.period().into(), it.number().into())),
        set_periods: |it, which, periods| it.set_demand_period(quantity(which), periods),
        reset: |it, which| {
            let utc = it.utc();
            it.demand.reset_average(quantity(which), &it.clock, utc);
            Ok(())
        },
        next_period: |it, which| {
            let utc = it.utc();
            it.demand
                .next_period(quantity(which), &it.clock, utc, it.tariffs.demand());
            Ok(())
        },
    }
}

fn of(it: &Model, which: u16) -> Option<&Average> {
    it.demand.average(quantity(which))
}

fn last_of(it: &Model, which: u16) -> Peak {
    of(it, which).map(Average::last).unwrap_or_default()
}

fn peak(it: &Model, which: u16) -> Peak {
    it.demand.maximum(quantity(which), rate(which))
}

/// When a value occurred; nothing specified when it did not.
fn time_of(it: &Model, peak: Peak) -> DateTime {
    peak.at().map_or(DateTime::UNSPECIFIED, |at| it.clock.date_time(at))
}

fn scaler_unit(_it: &Model, which: u16) -> ScalerUnit {
    let unit = match QUANTITIES.get(quantity(which)) {
        Some((_, Quantity::ReactiveImport | Quantity::ReactiveExport)) => Unit::Var,
        Some((_, Quantity::ApparentImport | Quantity::ApparentExport)) => Unit::VoltAmpere,
        _ => Unit::Watt,
    };
    ScalerUnit::new(0, unit)
}

impl Class<Model> for Cumulative {
    fn id(&self) -> u16 {
        3
    }

    fn version(&self) -> u8 {
        0
    }

    fn attributes(&self) -> u8 {
        3
    }

    fn methods(&self) -> u8 {
        1
    }

    fn get(&self, it: &Model, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            2 => out.value(it.demand.cumulative(quantity(self.0), rate(self.0))),
            _ => out.value(scaler_unit(it, self.0)),
        }?;
        Ok(())
    }
}
