//! HDLC as DLMS uses it (IEC 62056-46): frames, the negotiation of their sizes, the meter's station and the reader's.
//!
//! A [`Frame`] borrows the octets it was found in. [`Deframer`] finds frames in a stream of octets by their length
//! field, so that a flag octet inside a check sequence does not end a frame. [`Station`] is the secondary (server)
//! machine, [`Primary`] the client's. None of them holds a PDU: what must be sent again is cut again from the response
//! that is still in the session's buffer.

mod address;
mod deframer;
mod frame;
mod limits;
mod primary;
mod station;

pub use address::Address;
pub use deframer::Deframer;
pub use frame::{Control, Frame, FrameError, FrameFault};
pub use limits::{INFO_MAX, Limits, LimitsError};
pub use primary::{Heard, Primary};
pub use station::{Cut, Offer, Rejection, Reply, Station};

/// The LLC octets before a request (IEC 62056-46, 4.2): destination and source LSAP, quality.
pub const LLC_COMMAND: [u8; 3] = [0xE6, 0xE6, 0x00];
/// The LLC octets before a response.
pub const LLC_RESPONSE: [u8; 3] = [0xE6, 0xE7, 0x00];

/// The longest frame: two flags, format, server and client address, control, two check sequences, and the information.
pub const FRAME_MAX: usize = INFO_MAX + 16;
