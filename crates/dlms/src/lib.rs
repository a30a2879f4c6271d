#![no_std]
#![forbid(unsafe_code)]
//! DLMS (IEC 62056-5-3, -46, -4-7) without I/O: framing, security, associations, server and client.
#![warn(clippy::indexing_slicing)]

pub mod acse;
pub mod apdu;
pub mod client;
pub mod hdlc;
pub mod iec62056_21;
pub mod initiate;
pub mod security;
pub mod server;
pub mod wrapper;

#[cfg(test)]
mod golden;
