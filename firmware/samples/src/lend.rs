//! A program that lends a board some algorithms and does nothing: what they take of its flash, see `cargo xtask firmware cost`.

/// The whole of such a program.
macro_rules! lend {
    ($algorithms:expr) => {
        #[cfg(target_os = "none")]
        use board as _; // The memory of the board.

        #[cfg(target_os = "none")]
        #[cortex_m_rt::entry]
        fn main() -> ! {
            loop {
                core::hint::black_box($algorithms);
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
    };
}
