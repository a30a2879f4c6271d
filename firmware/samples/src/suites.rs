//! Lends a board the algorithms of suites 0 to 2 and does nothing: what they take of its flash, see `cargo xtask firmware cost`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use board as _; // The memory of the board.

#[cfg(target_os = "none")]
#[cortex_m_rt::entry]
fn main() -> ! {
    loop {
        core::hint::black_box(dlms::security::ASYMMETRIC);
    }
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::nop();
    }
}

#[cfg(not(target_os = "none"))]
fn main() {}
