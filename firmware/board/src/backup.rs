//! A few words that a reset leaves alone: what a backup domain is on a real part, memory that the start-up code does not clear here.
//!
//! After power was away they hold anything; whoever keeps something in them adds a checksum.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

/// Words that there are.
pub const WORDS: usize = 256;

/// Word number `index`; 0 beyond the last.
#[must_use]
#[expect(unsafe_code, reason = "memory without an initial value")]
pub fn word(index: usize) -> u32 {
    if WORDS <= index {
        return 0;
    }
    // SAFETY: inside the array; every pattern of bits is a word, and a volatile read takes what the memory holds.
    unsafe { DOMAIN.0.get().cast::<u32>().add(index).read_volatile() }
}

/// Sets word number `index`; beyond the last, nothing.
#[expect(unsafe_code, reason = "memory without an initial value")]
pub fn set_word(index: usize, value: u32) {
    if index < WORDS {
        // SAFETY: inside the array; a word is written by one instruction, so that a handler that writes too tears none.
        unsafe { DOMAIN.0.get().cast::<u32>().add(index).write_volatile(value) };
    }
}

/// Starts the board anew. The words stay.
pub fn restart() -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}

struct Domain(UnsafeCell<MaybeUninit<[u32; WORDS]>>);

#[expect(unsafe_code, reason = "shared between the main loop and handlers")]
// SAFETY: there is one core, and all access goes through the two functions above, a word at a time, volatile.
unsafe impl Sync for Domain {}

#[expect(unsafe_code, reason = "the section that the start-up code does not clear")]
#[unsafe(link_section = ".uninit.backup")]
static DOMAIN: Domain = Domain(UnsafeCell::new(MaybeUninit::uninit()));
