#![no_std]
#![forbid(unsafe_code)]
//! Converters of the ADS131M family (two to eight simultaneous channels of 24 bits) over an `embedded-hal` SPI bus.
//!
//! ```text
//!   host    | command | CRC of command | 0 ...                        |
//!   device  | status  | channel 0 | .. | channel N-1 | CRC of it all  |     words of 24 bits, SPI mode 1
//! ```
//!
//! [`Ads131m::setup`] brings the part to a known state and reads every register back; [`Frame::parse`] turns the octets of one frame
//! into codes or says what is wrong with it. Parsing is apart from the bus: at 8 000 frames a second the bus is moved by DMA, and the
//! frames are looked at in blocks afterwards. The driver holds no sample back and guesses none: a damaged frame has no codes.

mod driver;
mod frame;
mod registers;

#[cfg(test)]
mod model;

pub use driver::{Ads131m, Fault};
pub use frame::{Damage, Frame, NULL_FRAME, RawFrame, Status, WORD, compose, frame_length};
pub use registers::{Clock, Gain, Oversampling, Power, Register, Setup};
