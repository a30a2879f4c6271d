//! What the fuzz targets do with octets. None of it may panic, run for ever, or leave a server that does not serve the next client.
//!
//! Each function is one target; `targets/` has a binary for each, which runs its seeds first.

#[path = "../../crates/dlms/tests/device/mod.rs"]
mod device;
#[path = "../../crates/dlms/tests/pair/mod.rs"]
mod pair;

mod conversations;
mod meters;
mod parsers;

pub use conversations::{client, optical, server_hdlc, server_wrapper};
pub use meters::whole_meter;
pub use parsers::{acse, apdu, axdr, certificate, framing, initiate, notifications, rows, sealed, selection};
