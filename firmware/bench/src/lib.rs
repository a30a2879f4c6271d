//! The test bench of the image: QEMU with the boards, the file that is their flash, and our own client on their lines.
//!
//! The tests want built images and QEMU; `cargo xtask firmware test` builds the one and tells where they are. Each prints the seed that
//! repeats it (`FERRARIS_SEED`); `FERRARIS_CUTS` asks for more power cuts than usual.

pub mod chance;
pub mod desk;
pub mod memory;
pub mod qemu;
pub mod reader;
