#![no_std]
#![forbid(unsafe_code)]
//! Words of the house that every room uses: the monotonic instant and civil time.
//!
//! Nothing here reads a clock. Time is always handed in; civil time is a value with a calendar.

mod civil;
mod instant;

pub use civil::{Civil, CivilError, Utc};
pub use instant::{Instant, Micros};
