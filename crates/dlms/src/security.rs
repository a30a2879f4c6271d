//! Protection of APDUs and proof of identity (IEC 62056-5-3, 5): AES-GCM in place on the caller's buffer, suites as
//! values.
//!
//! [`Key`] is zeroed when it is dropped and cannot be printed. [`seal`] and [`open`] work on a buffer with [`HEADROOM`]
//! octets before the APDU, so that nothing is copied. Counters are not kept here: who calls [`open`] checks them, and
//! only when it succeeded.

mod challenge;
mod cipher;
mod envelope;
mod key;
mod policy;

pub use challenge::{Challenge, TOKEN_LENGTH, gmac_token, passwords_match, verify_gmac_token};
pub use envelope::{Envelope, HEADROOM, OpenError, SealError, Sealed, open, overhead, seal};
pub use key::{Key, Keys, Suite};
pub use policy::{Policy, Protection};

/// A system title: three letters of the manufacturer and five octets of its own.
pub type Title = [u8; 8];
