//! Averages, least and greatest values and consumptions of the recording intervals (L1).
//!
//! Group D says which: 49 average, 51 least, 53 greatest value and 29 consumption of load profile 1's period; 50, 52, 54 and 30 the same of load
//! profile 2's; 24, 23 and 26 average, least and greatest value of the third interval, 10 minutes unless set otherwise.

use cosem::axdr::Writer;
use cosem::class::Class;
use cosem::{AccessError, Attributes, Obis, Object, ScalerUnit, Unit};

use super::policy::{MEASURED, PARAMETER};
use super::{Register, three_phase};
use crate::interval::{ENERGIES, N_INTERVALS, N_QUANTITIES};
use crate::model::Model;
use crate::profile::JournalId;

pub(super) const OBJECTS: &[Object<Model>] = &ROWS;

pub(super) const PERIODS: &[Object<Model>] = &[
    Object::new(
        "1-0:0.8.2",
        &Register {
            value: |it, out| out.value(it.intervals.third_seconds()),
            scaler_unit: |_| SECONDS,
            set: Some(|it, value| it.set_third_interval(value.value()?)),
            reset: None,
        },
        &PARAMETER,
    )
    .kept(&[2]),
    Object::new(
        "1-0:0.8.4",
        &Register::shown(|it, out| out.value(it.period(JournalId::LoadProfile1)), |_| SECONDS),
        &MEASURED,
    ),
    Object::new(
        "1-0:0.8.5",
        &Register::shown(|it, out| out.value(it.period(JournalId::LoadProfile2)), |_| SECONDS),
        &MEASURED,
    ),
];

const SECONDS: ScalerUnit = ScalerUnit::new(0, Unit::Second);

/// Which figure of an interval.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    Average,
    Least,
    Greatest,
    Consumed,
}

/// A class 3 row over the last interval.
#[derive(Clone, Copy)]
struct OfInterval {
    figure: Figure,
    interval: usize,
    /// Of quantities or, for a consumption, of energies.
    which: usize,
    unit: ScalerUnit,
}

/// Group C and unit, in the order of the quantities.
const QUANTITIES: [(u8, ScalerUnit); N_QUANTITIES] = [
    (1, ScalerUnit::new(0, Unit::Watt)),
    (2, ScalerUnit::new(0, Unit::Watt)),
    (3, ScalerUnit::new(0, Unit::Var)),
    (4, ScalerUnit::new(0, Unit::Var)),
    (9, ScalerUnit::new(0, Unit::VoltAmpere)),
    (14, ScalerUnit::new(-2, Unit::Hertz)),
    (31, ScalerUnit::new(-2, Unit::Ampere)),
    (51, ScalerUnit::new(-2, Unit::Ampere)),
    (71, ScalerUnit::new(-2, Unit::Ampere)),
    (32, ScalerUnit::new(-1, Unit::Volt)),
    (52, ScalerUnit::new(-1, Unit::Volt)),
    (72, ScalerUnit::new(-1, Unit::Volt)),
];

/// Group C and unit, in the order of the energies.
const CONSUMED: [(u8, Unit); ENERGIES.len()] = [
    (1, Unit::WattHour),
    (2, Unit::WattHour),
    (3, Unit::VarHour),
    (4, Unit::VarHour),
    (9, Unit::VoltAmpereHour),
    (10, Unit::VoltAmpereHour),
];

/// Group D and what it says of which interval.
const FIGURES: [(u8, Figure, usize); 3 * N_INTERVALS] = [
    (23, Figure::Least, 2),
    (24, Figure::Average, 2),
    (26, Figure::Greatest, 2),
    (49, Figure::Average, 0),
    (50, Figure::Average, 1),
    (51, Figure::Least, 0),
    (52, Figure::Least, 1),
    (53, Figure::Greatest, 0),
    (54, Figure::Greatest, 1),
];

const N_FIGURES: usize = N_QUANTITIES * FIGURES.len();
const N_ROWS: usize = N_FIGURES + 2 * ENERGIES.len();

const fn name(c: u8, d: u8) -> Obis {
    Obis::from_octets([1, 0, c, d, 0, 255])
}

/// All rows with their names, sorted by name.
static CLASSES: [(Obis, OfInterval); N_ROWS] = {
    let nothing = OfInterval {
        figure: Figure::Average,
        interval: 0,
        which: 0,
        unit: SECONDS,
    };
    let mut rows = [(Obis::NONE, nothing); N_ROWS];
    let mut at = 0;
    while at < N_FIGURES {
        let which = at / FIGURES.len();
        let (c, unit) = QUANTITIES[which];
        let (d, figure, interval) = FIGURES[at % FIGURES.len()];
        rows[at] = (
            name(c, d),
            OfInterval {
                figure,
                interval,
                which,
                unit,
            },
        );
        at += 1;
    }
    while at < N_ROWS {
        let (which, interval) = ((at - N_FIGURES) / 2, (at - N_FIGURES) % 2);
        let (c, unit) = CONSUMED[which];
        rows[at] = (
            name(c, if interval == 0 { 29 } else { 30 }),
            OfInterval {
                figure: Figure::Consumed,
                interval,
                which,
                unit: ScalerUnit::new(0, unit),
            },
        );
        at += 1;
    }
    sorted(rows)
};

/// The rows by C and D, which is by name, by insertion.
const fn sorted(mut rows: [(Obis, OfInterval); N_ROWS]) -> [(Obis, OfInterval); N_ROWS] {
    let mut at = 1;
    while at < N_ROWS {
        let mut to = at;
        while 0 < to && place(rows[to].0) < place(rows[to - 1].0) {
            let moved = rows[to];
            rows[to] = rows[to - 1];
            rows[to - 1] = moved;
            to -= 1;
        }
        at += 1;
    }
    rows
}

const fn place(name: Obis) -> u16 {
    let [_, _, c, d, ..] = name.octets();
    u16::from_be_bytes([c, d])
}

static ROWS: [Object<Model>; N_ROWS] = {
    let mut rows = [Object::new("1-0:1.24.0", &CLASSES[0].1, &MEASURED); N_ROWS];
    let mut at = 0;
    while at < N_ROWS {
        let [_, _, c, ..] = CLASSES[at].0.octets();
        let present: fn(&Model) -> bool = if 51 <= c { three_phase } else { |_| true };
        rows[at] = Object {
            name: CLASSES[at].0,
            class: &CLASSES[at].1,
            policy: &MEASURED,
            kept: Attributes::NONE,
            present,
            longest: None,
        };
        at += 1;
    }
    rows
};

impl Class<Model> for OfInterval {
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
        if attribute == 3 {
            return Ok(out.value(self.unit)?);
        }
        let figures = it.intervals.figures(self.interval, self.which);
        let value = match self.figure {
            Figure::Average => figures.average,
            Figure::Least => figures.least,
            Figure::Greatest => figures.greatest,
            Figure::Consumed => it.intervals.consumed(self.interval, self.which),
        };
        // Voltages, currents and the frequency have 16 bits, as their instantaneous values have.
        if self.unit.scaler < 0 {
            out.value(u16::try_from(value).unwrap_or(u16::MAX))?;
        } else {
            out.value(value)?;
        }
        Ok(())
    }
}
