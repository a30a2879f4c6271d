//! How much of the stack was ever used: painted at the start, looked at later.

/// Paints what is not used now.
#[expect(unsafe_code, reason = "the stack's free part belongs to no Rust object")]
#[inline(never)]
pub fn paint() {
    let end = here() - MARGIN;
    let mut at = bottom();
    while at < end {
        // SAFETY: the words between the stack's end and well below the present frame are used by nobody; handlers that run meanwhile
        // use words above, and leave them before this goes on.
        unsafe { (at as *mut u32).write_volatile(PAINT) };
        at += 4;
    }
}

/// Octets of the stack that were used at most, since [`paint`].
#[must_use]
#[expect(unsafe_code, reason = "as painting")]
pub fn high_water() -> usize {
    let mut at = bottom();
    // SAFETY: aligned words of the stack's own memory; reading what nobody uses disturbs nobody.
    while at < top() && unsafe { (at as *const u32).read_volatile() } == PAINT {
        at += 4;
    }
    top() - at
}

/// Octets that the stack has.
#[must_use]
pub fn capacity() -> usize {
    top() - bottom()
}

#[expect(unsafe_code, reason = "symbols of the linker script")]
fn bottom() -> usize {
    unsafe extern "C" {
        static _stack_end: u32;
    }
    &raw const _stack_end as usize
}

#[expect(unsafe_code, reason = "symbols of the linker script")]
fn top() -> usize {
    unsafe extern "C" {
        static _stack_start: u32;
    }
    &raw const _stack_start as usize
}

fn here() -> usize {
    cortex_m::register::msp::read() as usize
}

const PAINT: u32 = 0x5AFE_57AC;
/// Octets below the stack pointer that stay as they are.
const MARGIN: usize = 256;
