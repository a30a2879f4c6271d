//! The client's side: what a reader says on a link. The twin of [`crate::server`], from the same vocabulary.
//!
//! A [`Client`] is given a [`Command`], octets and the time; what is to be sent goes out during the call, and what came
//! of the command is its [`Outcome`]. Long values are assembled in, and cut from, a buffer that the caller lends.

mod access;
mod association;
mod blocks;
mod error;
mod general;
mod link;
mod listener;
mod protection;
mod session;
mod settings;
mod transfer;
#[cfg(test)]
mod walk;

pub use error::{ClientError, Protocol};
pub use link::{Client, Framing, Patience};
pub use listener::{Listener, Trust};
pub use session::{Command, Outcome};
pub use settings::{Credentials, Identity, SessionKey, Settings};
