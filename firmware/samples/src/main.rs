//! Instructions of a sample set in the metrology: the core that a bill needs, and the chain with harmonics, over a steady waveform.
//!
//! Under `-icount shift=6` an instruction takes 64 ns of QEMU's time whatever it is, and the board's counter runs at 25 MHz. On a host
//! there is nothing to count.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image;

#[cfg(not(target_os = "none"))]
fn main() {}
