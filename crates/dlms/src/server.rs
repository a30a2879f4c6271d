//! The server's side: what a meter says on a link (IEC 62056-5-3, 6 and 7).
//!
//! ```text
//!   bytes --> Link { wrapper | hdlc } --> Session { Association, Transfer } --> dyn Application
//!                 ^                              |
//!                 +------------- answer ---------+
//! ```
//!
//! A [`Link`] is lent bytes, the time, and an [`Application`] that knows objects, keys and counters; what it has to say
//! goes out during the call. It holds everything it needs in itself: no heap, no clock, no chance. A link that is not
//! in use need not exist.

mod answer;
mod application;
mod association;
mod blocks;
mod buffers;
mod datagram_link;
mod hdlc_link;
mod link;
mod optical_link;
mod party;
mod protection;
mod session;
mod transfer;
#[cfg(test)]
mod walk;
mod wrapper_link;

pub use application::{
    Application, Caller, Exhausted, PreEstablished, Profile, Proposal, Replay, STEP_MAX, SecurityEvent, Status,
};
pub use association::REPLY_TO_CHALLENGE;
pub use blocks::WINDOW;
pub use buffers::{PDU_MAX, STORE_MAX};
pub use datagram_link::DatagramLink;
pub use hdlc_link::{HdlcLink, HdlcSettings};
pub use link::{Closed, DataLink, Link};
pub use optical_link::OpticalLink;
pub use session::{Peer, Session, Standing};
pub use wrapper_link::WrapperLink;
