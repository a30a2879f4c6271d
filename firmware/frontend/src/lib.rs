#![no_std]
#![forbid(unsafe_code)]
//! From the converter's frames to the samples that the metrology takes, and the metrology that takes them.
//!
//! ```text
//!  converter --SPI, DMA--+
//!                        +--> DoubleBuffer --> Assembler --> sample sets --> Measuring --> the meter
//!  Source (QEMU, tests) -+   (interrupt)      (main loop)
//! ```
//!
//! A [`Thermometer`] beside the sensors is asked by [`Warmth`], and [`Measuring`] corrects for what it shows.
//!
//! Frames are numbered by the sample clock, not by their arrival: one that is lost or damaged keeps its place on the time line. What was
//! not measured is bridged for at most [`LONGEST_BRIDGE`] samples and is zero after that: energy is never invented.

mod assembler;
mod double_buffer;
mod measuring;
mod source;
mod warmth;
mod waveform;

pub use ads131m::RawFrame;
pub use assembler::{Assembler, Health, LONGEST_BRIDGE, LONGEST_GAP, Report, STOPPED_AFTER};
pub use double_buffer::{DoubleBuffer, Frames};
pub use measuring::{Measuring, Told, supply_quality};
pub use source::{Faults, Recorded, Samples, Source};
pub use warmth::{Look, News, Thermometer, Warmth};
pub use waveform::Waveform;

/// Channels of the converter: seven are the meter's, the eighth is not connected.
pub const CONVERTER_CHANNELS: usize = 8;

/// Samples a second.
pub const RATE_HZ: u32 = 8_000;

/// Volts that one code stands for: 600 V at full scale.
pub const VOLTS_PER_LSB: f64 = 600.0 / 8_388_608.0;

/// Amperes that one code stands for: 200 A at full scale.
pub const AMPS_PER_LSB: f64 = 200.0 / 8_388_608.0;
