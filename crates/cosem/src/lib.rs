#![no_std]
#![forbid(unsafe_code)]
//! The vocabulary of COSEM (IEC 62056-6-1/-6-2): names, data, interface classes, rights, and the directory of objects.
//!
//! The crate knows no link, no key, no flash and no meter. A device lists its objects as `static` rows ([`Object`]) that bind a class
//! struct from [`class`] to its own model `M`; [`Directory`] finds them and answers who may do what. What an object holds is encoded
//! as A-XDR ([`axdr`]) in the same way on the wire, in flash and in golden files.

mod answer;
pub mod axdr;
pub mod buffer;
pub mod class;
mod datetime;
mod descriptor;
mod directory;
mod obis;
mod rights;
mod selection;
mod unit;

pub use answer::{AccessError, ActionError};
pub use class::{Class, Returned};
pub use datetime::{ClockStatus, DateTime, Wildcard};
pub use descriptor::{Attribute, Method};
pub use directory::{Directory, Object};
pub use obis::Obis;
pub use rights::{Attributes, Grant, Methods, Policy, Role};
pub use selection::{ByEntry, ByRange, CaptureObject, Cursor, Selection, Step};
pub use unit::{ScalerUnit, Unit};
