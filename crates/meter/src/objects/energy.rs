//! Energy registers (M1): every quantity as total, by tariff and by phase, 1-0:C.8.E.

use cosem::axdr::{Reader, Writer};
use cosem::class::{Class, Returned};
use cosem::{AccessError, ActionError, Attributes, Obis, Object, ScalerUnit, Unit};
use metrology::{Element, Phase, Quantity, Tariff};

use super::policy::MEASURED;
use super::three_phase;
use crate::activation::RATED;
use crate::limits::REGISTER_MODULUS;
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &ROWS;

/// The phases, with what they add to group C.
const PHASES: [(u8, Phase); 3] = [(20, Phase::L1), (40, Phase::L2), (60, Phase::L3)];

/// Group E of the totals: all tariffs, and each of the eight.
const N_RATES: usize = 9;
const N_TOTALS: usize = RATED.len() * N_RATES;
const N_ROWS: usize = N_TOTALS + PHASES.len() * RATED.len();

/// Class 3 over one energy register. It has no reset: nobody may clear what a bill is made of (M1).
#[derive(Clone, Copy)]
struct EnergyRegister {
    quantity: Quantity,
    element: Element,
    /// 0 for all tariffs.
    rate: u8,
}

static REGISTERS: [EnergyRegister; N_ROWS] = {
    let mut registers = [EnergyRegister {
        quantity: Quantity::ActiveImport,
        element: Element::Total,
        rate: 0,
    }; N_ROWS];
    let mut at = 0;
    while at < N_ROWS {
        registers[at] = if at < N_TOTALS {
            let (_, quantity) = RATED[at / N_RATES];
            EnergyRegister {
                quantity,
                element: Element::Total,
                rate: rate(at),
            }
        } else {
            let (_, phase) = PHASES[(at - N_TOTALS) / RATED.len()];
            let (_, quantity) = RATED[(at - N_TOTALS) % RATED.len()];
            EnergyRegister {
                quantity,
                element: Element::Of(phase),
                rate: 0,
            }
        };
        at += 1;
    }
    registers
};

static ROWS: [Object<Model>; N_ROWS] = {
    const FIRST: Obis = Obis::new("1-0:1.8.0");
    let mut rows = [Object::new("1-0:1.8.0", &REGISTERS[0], &MEASURED); N_ROWS];
    let mut at = 0;
    while at < N_ROWS {
        let of_total = at < N_TOTALS;
        let name = if of_total {
            FIRST.with_c(RATED[at / N_RATES].0).with_e(rate(at))
        } else {
            let (base, _) = PHASES[(at - N_TOTALS) / RATED.len()];
            FIRST.with_c(base + RATED[(at - N_TOTALS) % RATED.len()].0)
        };
        let of_first_phase = at < N_TOTALS + RATED.len();
        let present: fn(&Model) -> bool = if of_first_phase { |_| true } else { three_phase };
        rows[at] = Object {
            name,
            class: &REGISTERS[at],
            policy: &MEASURED,
            kept: Attributes::NONE,
            present,
            longest: None,
        };
        at += 1;
    }
    rows
};

/// Group E of row `at` among the totals.
const fn rate(at: usize) -> u8 {
    (at % N_RATES).to_le_bytes()[0]
}

impl EnergyRegister {
    fn value(self, it: &Model) -> i64 {
        let units = match Tariff::new(self.rate) {
            None => it.registers.value(self.quantity, self.element),
            Some(tariff) => it.registers.tariff_value(self.quantity, self.element, tariff),
        };
        units % REGISTER_MODULUS
    }

    const fn unit(self) -> Unit {
        match self.quantity {
            Quantity::ActiveImport
            | Quantity::ActiveExport
            | Quantity::ActiveAbsolute
            | Quantity::ActiveNet
            | Quantity::Active(_) => Unit::WattHour,
            Quantity::ReactiveImport | Quantity::ReactiveExport | Quantity::Reactive(_) => Unit::VarHour,
            Quantity::ApparentImport | Quantity::ApparentExport => Unit::VoltAmpereHour,
        }
    }
}

impl Class<Model> for EnergyRegister {
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
        match (attribute, self.quantity) {
            (2, Quantity::ActiveNet) => {
                // within the modulus, which is below 2^31
                out.value(i32::try_from(self.value(it)).map_err(|_| AccessError::OtherReason)?)
            }
            (2, _) => out.value(u32::try_from(self.value(it)).map_err(|_| AccessError::OtherReason)?),
            _ => out.value(ScalerUnit::new(0, self.unit())),
        }?;
        Ok(())
    }

    fn invoke(
        &self,
        _it: &mut Model,
        _reset: u8,
        _parameters: &mut Reader<'_>,
        _out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        Err(ActionError::ReadWriteDenied)
    }
}
