//! The sign-on of an optical port or local bus (IEC 62056-21): who is there, at which speed, and then HDLC (mode E) or a
//! read-out of plain text (mode C, and mode A where nothing was chosen).
//!
//! ```text
//!   reader                         meter                      line
//!   /?12345!                                                  300 Bd, 7E1
//!                                  /FRR5\2ident               300 Bd, 7E1
//!   ACK 2 5 2                                                 300 Bd, 7E1
//!                                  ACK 2 5 2                  300 Bd, 7E1 (some meters: already 9600 Bd)
//!   SNRM ..                        UA ..                      9600 Bd, 8N1
//! ```
//!
//! [`Station`] is the meter's machine, [`Reader`] its twin. Both say which [`LineMode`] the line must have; their owner
//! changes it when everything that was sent has left. Behind TCP or a pseudo-terminal octets are plain seven bits; bit 7
//! is ignored on receipt, so that a raw view of a line with parity works too.

mod line;
mod reader;
mod station;

pub use line::{LineMode, Speed};
pub use reader::{Goal, Reader, ReaderError, Sign};
pub use station::{IDENTIFICATION_MAX, Station, StationSettings, Text};

/// Acknowledge: begins an option.
const ACK: u8 = 0x06;
/// Start of a command.
const SOH: u8 = 0x01;
/// Start of data.
const STX: u8 = 0x02;
/// End of data.
const ETX: u8 = 0x03;

/// The block check: all octets after the first SOH or STX up to and including ETX, added without carry.
#[must_use]
pub fn block_check(octets: &[u8]) -> u8 {
    octets.iter().fold(0, |sum, octet| sum ^ (octet & 0x7F))
}
