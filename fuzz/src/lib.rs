//! What the fuzz targets do with octets. None of it may panic, run for ever, or leave a server that does not serve the next client.
//!
//! Each function is one target; `targets/` has a binary for each, and `tests/seeds.rs` runs them over the seeds without a fuzzer.

#[path = "../../crates/dlms/tests/device/mod.rs"]
mod device;
#[path = "../../crates/dlms/tests/pair/mod.rs"]
mod pair;

mod conversations;
mod meters;
mod parsers;

pub use conversations::{client, server_hdlc, server_wrapper};
pub use meters::whole_meter;
pub use parsers::{acse, apdu, axdr, certificate, framing, initiate, notifications, rows, sealed, selection};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("framing", framing),
    ("axdr", axdr),
    ("selection", selection),
    ("acse", acse),
    ("initiate", initiate),
    ("apdu", apdu),
    ("sealed", sealed),
    ("certificate", certificate),
    ("rows", rows),
    ("notifications", notifications),
    ("server_wrapper", server_wrapper),
    ("server_hdlc", server_hdlc),
    ("client", client),
    ("whole_meter", whole_meter),
];
