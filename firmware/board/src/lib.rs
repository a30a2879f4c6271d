#![no_std]
//! What the two boards that QEMU has lend the meter: clock, alarm, UARTs, flash, watchdog, and a memory that outlives a reset.
//!
//! | room | what stands behind it in QEMU | on a real board |
//! | --- | --- | --- |
//! | [`clock`] | a free-running counter of the FPGA | a 32-bit timer |
//! | [`alarm`] | CMSDK timer 1, one shot | a compare channel |
//! | [`sampling`] | CMSDK timer 0, periodic: a half of the DMA buffer is full | the DMA's half and full interrupts |
//! | [`uart`] | CMSDK UART 0 and 1, over TCP | UARTs |
//! | [`nvm`] | RAM whose contents are a file of the host | a serial NOR flash |
//! | [`watchdog`] | CMSDK watchdog | the independent watchdog |
//! | [`backup`] | RAM that a reset leaves alone | the backup domain |
//! | [`console`] | semihosting | nothing: only tests use it |
//!
//! The target decides the board: thumbv7em is the mps2-an386 (Cortex-M4F), thumbv8m.main the mps2-an505 (Cortex-M33).

#[cfg(target_os = "none")]
mod map;
#[cfg(target_os = "none")]
mod register;
#[cfg(target_os = "none")]
mod vectors;

#[cfg(target_os = "none")]
pub mod alarm;
#[cfg(target_os = "none")]
pub mod backup;
#[cfg(target_os = "none")]
pub mod clock;
#[cfg(target_os = "none")]
pub mod console;
#[cfg(target_os = "none")]
pub mod nvm;
#[cfg(target_os = "none")]
pub mod queue;
#[cfg(target_os = "none")]
pub mod sampling;
#[cfg(target_os = "none")]
pub mod stack;
#[cfg(target_os = "none")]
pub mod uart;
#[cfg(target_os = "none")]
pub mod watchdog;

/// The board's name, as QEMU calls it.
#[cfg(board = "an386")]
pub const NAME: &str = "mps2-an386";
/// The board's name, as QEMU calls it.
#[cfg(board = "an505")]
pub const NAME: &str = "mps2-an505";
