//! Script tables: what can be done by number, by a client, a schedule or the calendar (class 9).
//!
//! The tables are fixed. Selector 0 does nothing, everywhere.

use cosem::axdr::{Enumerated, Full, Octets, Writer};
use cosem::{ActionError, Obis};
use metrology::Tariff;

use crate::billing::{BILLING_SCRIPTS, Scheme};
use crate::config::Config;
use crate::day_table::TARIFF_SCRIPTS;
use crate::disconnector::Command;
use crate::model::Model;

/// The script table of the disconnector.
pub const DISCONNECT_SCRIPTS: Obis = Obis::new("0-0:10.0.106");
/// Enters the verification mode (M7).
pub const TEST_MODE_SCRIPTS: Obis = Obis::new("0-0:10.0.101");
/// Leaves it.
pub const NORMAL_MODE_SCRIPTS: Obis = Obis::new("0-0:10.0.102");
/// The register activations of energies and of maximum demands.
pub const REGISTER_ACTIVATIONS: [Obis; 2] = [Obis::new("0-0:14.0.1"), Obis::new("0-0:14.0.2")];

/// service_id of an action: write an attribute, or execute a method.
const WRITE: u8 = 1;
const EXECUTE: u8 = 2;

impl Model {
    /// Carries out script `selector` of `table`.
    ///
    /// # Errors
    /// `OtherReason` when there is no such table or script; the refusal of what it does.
    pub fn run_script(&mut self, table: Obis, selector: u16) -> Result<(), ActionError> {
        if selector == 0 {
            return Ok(());
        }
        match table {
            BILLING_SCRIPTS => {
                let scheme = Scheme::ALL.into_iter().find(|scheme| scheme.script() == selector);
                self.close_by_hand(scheme.ok_or(ActionError::OtherReason)?)
            }
            TARIFF_SCRIPTS => {
                let tariff = u8::try_from(selector).ok().and_then(Tariff::new);
                let tariff = tariff.ok_or(ActionError::OtherReason)?;
                self.tariffs.set_energy(tariff);
                self.tariffs.set_demand(tariff);
                Ok(())
            }
            TEST_MODE_SCRIPTS | NORMAL_MODE_SCRIPTS if selector == 1 => {
                self.verify(table == TEST_MODE_SCRIPTS);
                Ok(())
            }
            DISCONNECT_SCRIPTS if self.config.switching_module => match selector {
                1 => Ok(self.command(Command::RemoteDisconnect)?),
                2 => Ok(self.command(Command::RemoteReconnect)?),
                _ => Err(ActionError::OtherReason),
            },
            _ => Err(ActionError::OtherReason),
        }
    }
}

/// Whether a meter has script `selector` of `table`. Selector 0, which does nothing, is one of every table that it has.
#[must_use]
pub fn exists(config: &Config, table: Obis, selector: u16) -> bool {
    let last = match table {
        BILLING_SCRIPTS | DISCONNECT_SCRIPTS => 2,
        TARIFF_SCRIPTS => 8,
        TEST_MODE_SCRIPTS | NORMAL_MODE_SCRIPTS => 1,
        _ => return false,
    };
    selector <= last && (table != DISCONNECT_SCRIPTS || config.switching_module)
}

/// Attribute 2 of a table.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn write_scripts(table: Obis, out: &mut Writer<'_>) -> Result<(), Full> {
    match table {
        BILLING_SCRIPTS => {
            let profiles = [Obis::new("0-0:98.1.0"), Obis::new("0-0:98.2.0")];
            out.array(profiles.len())?;
            for (number, profile) in (1_u16..).zip(profiles) {
                script(out, number, 1)?;
                action(out, EXECUTE, 7, profile, 2)?;
                out.value(0_i8)?;
            }
            Ok(())
        }
        TARIFF_SCRIPTS => {
            out.array(Tariff::all().count())?;
            for tariff in Tariff::all() {
                script(out, u16::from(tariff.number()), REGISTER_ACTIVATIONS.len())?;
                for activation in REGISTER_ACTIVATIONS {
                    action(out, WRITE, 6, activation, 4)?;
                    out.value(Octets(&[tariff.number()]))?;
                }
            }
            Ok(())
        }
        TEST_MODE_SCRIPTS | NORMAL_MODE_SCRIPTS => {
            out.array(1)?;
            script(out, 1, 1)?;
            action(out, WRITE, 1, Obis::new("0-0:96.128.2"), 2)?;
            out.value(table == TEST_MODE_SCRIPTS)
        }
        _ => {
            out.array(2)?;
            for number in [1_u8, 2] {
                script(out, u16::from(number), 1)?;
                action(out, EXECUTE, 70, Obis::new("0-0:96.3.10"), number.cast_signed())?;
                out.value(0_i8)?;
            }
            Ok(())
        }
    }
}

fn script(out: &mut Writer<'_>, number: u16, actions: usize) -> Result<(), Full> {
    out.structure(2)?;
    out.value(number)?;
    out.array(actions)
}

/// An action without its parameter, which is to be written next.
fn action(out: &mut Writer<'_>, service: u8, class_id: u16, name: Obis, index: i8) -> Result<(), Full> {
    out.structure(5)?;
    out.value(Enumerated(service))?;
    out.value(class_id)?;
    out.value(name)?;
    out.value(index)
}
