//! Interface classes (IEC 62056-6-2): what each attribute and method is called, in which form it travels, and which model it reads.
//!
//! One file per class. A class struct holds accessors into the device's model `M`; the row that owns it ([`crate::Object`]) gives it a
//! name and rights. Attribute 1, the logical name, belongs to the row and never reaches the class.

mod activity_calendar;
mod association;
mod clock;
mod data;
mod demand_register;
mod disconnect;
mod extended_register;
mod hdlc_setup;
mod local_port;
mod port_protection;
mod profile;
mod register;
mod register_activation;
mod register_table;
mod sap;
mod script_table;
mod security;
mod single_action_schedule;
mod special_days;

pub use activity_calendar::ActivityCalendar;
pub use association::{AssociationLn, associated_partner, context_name, mechanism_name, xdlms_context};
pub use clock::{AdjustTo, Clock};
pub use data::{Data, Show, Write};
pub use demand_register::DemandRegister;
pub use disconnect::DisconnectControl;
pub use extended_register::ExtendedRegister;
pub use hdlc_setup::HdlcSetup;
pub use local_port::IecLocalPort;
pub use port_protection::{PortProtection, PortSettings, PortState};
pub use profile::{ProfileGeneric, SortMethod};
pub use register::Register;
pub use register_activation::RegisterActivation;
pub use register_table::RegisterTable;
pub use sap::SapAssignment;
pub use script_table::ScriptTable;
pub use security::SecuritySetup;
pub use single_action_schedule::SingleActionSchedule;
pub use special_days::SpecialDaysTable;

use crate::axdr::{Reader, Writer, tag};
use crate::{AccessError, ActionError};

/// Whether a method left return data in the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// It answered with success alone.
    Nothing,
    /// It wrote one A-XDR value.
    Data,
}

/// An attribute whose value is not in the model: the device streams it from where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The list of objects that the caller's association shows.
    ObjectList,
    /// The rows of the journal with this number.
    Journal(u8),
    /// The columns of the journal with this number. The class writes them as one value too, where there is room for all.
    Columns(u8),
    /// The certificates of a security setup.
    Certificates,
    /// The value with this number among those that no buffer holds; when it is set it comes part by part too.
    Large(u8),
}

/// The behaviour of one interface class over the model `M`.
///
/// Numbers outside `2..=attributes()` and `1..=methods()` never arrive: the directory has refused them.
pub trait Class<M>: Sync {
    /// The class_id, e.g. 3.
    fn id(&self) -> u16;

    /// The version of the class.
    fn version(&self) -> u8;

    /// The number of the last attribute.
    fn attributes(&self) -> u8;

    /// The number of the last method; 0 when there is none.
    fn methods(&self) -> u8 {
        0
    }

    /// Where the value of `attribute` lies when it is not in the model.
    fn stream(&self, attribute: u8) -> Option<Stream> {
        let _in_the_model = attribute;
        None
    }

    /// The most octets of A-XDR that values of `attribute` have, when they vary in type or length and may be captured nevertheless; none when
    /// the type never changes, or nobody can say.
    fn longest(&self, attribute: u8) -> Option<u16> {
        let _of_one_type = attribute;
        None
    }

    /// Appends the value of `attribute`.
    ///
    /// # Errors
    /// The refusal that goes on the wire.
    fn get(&self, it: &M, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError>;

    /// Takes the value of `attribute`, checks it, and puts it into the model with all that follows from it.
    ///
    /// # Errors
    /// The refusal that goes on the wire; then nothing has changed.
    fn set(&self, it: &mut M, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        let _no_attribute_can_be_set = (it, attribute, value);
        Err(AccessError::ReadWriteDenied)
    }

    /// Carries out `method`.
    ///
    /// # Errors
    /// The refusal that goes on the wire; then nothing has changed.
    fn invoke(
        &self,
        it: &mut M,
        method: u8,
        parameters: &mut Reader<'_>,
        out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        let _no_method = (it, method, parameters, out);
        Err(ActionError::ReadWriteDenied)
    }
}

/// The parameter of methods that need none: `integer 0`. Clients send other numbers, null-data or nothing at all, and mean the same;
/// anything else is a mistake.
fn no_parameter(parameters: &mut Reader<'_>) -> Result<(), ActionError> {
    const MEANT: [u8; 8] = [
        tag::NULL,
        tag::INTEGER,
        tag::UNSIGNED,
        tag::LONG,
        tag::LONG_UNSIGNED,
        tag::DOUBLE_LONG,
        tag::DOUBLE_LONG_UNSIGNED,
        tag::ENUM,
    ];
    let Some(kind) = parameters.peek() else { return Ok(()) };
    if !MEANT.contains(&kind) {
        return Err(ActionError::TypeUnmatched);
    }
    let passed = parameters.skip_value().and_then(|_number| parameters.end());
    passed.map_err(|_| ActionError::TypeUnmatched)
}
