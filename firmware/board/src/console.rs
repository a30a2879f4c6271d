//! The debugger's console (semihosting): arguments, lines of text and the exit code of a test. Nothing of the meter depends on it.

use core::fmt;

/// The program's arguments, as the caller of QEMU gave them; empty when there are none. They are cut at the end of the buffer.
pub fn arguments(buffer: &mut [u8]) -> &str {
    let mut block = [buffer.as_mut_ptr() as usize, buffer.len()];
    if call(GET_COMMAND_LINE, block.as_mut_ptr() as usize) != 0 {
        return "";
    }
    let length = buffer.iter().position(|octet| *octet == 0).unwrap_or(0);
    core::str::from_utf8(buffer.get(..length).unwrap_or(&[])).unwrap_or("")
}

/// Seconds since 1970 as the host knows them, for a board without a backup clock.
#[must_use]
pub fn host_seconds() -> i64 {
    i64::from(u32::try_from(call(TIME, 0)).unwrap_or(0))
}

/// Fills the octets with entropy of the host; false when it gives none.
#[must_use]
pub fn host_entropy(octets: &mut [u8]) -> bool {
    const SOURCE: &[u8] = b"/dev/urandom\0";
    let open = [SOURCE.as_ptr() as usize, READ_BINARY, SOURCE.len() - 1];
    let file = call(OPEN, open.as_ptr() as usize);
    if file == usize::MAX {
        return false;
    }
    let mut read = [file, octets.as_mut_ptr() as usize, octets.len()];
    // The answer is how many octets are missing.
    let missing = call(READ, read.as_mut_ptr() as usize);
    let close = [file];
    call(CLOSE, close.as_ptr() as usize);
    missing == 0
}

/// Ends the emulation with an exit code of 0 to 255.
pub fn exit(code: u8) -> ! {
    let block = [APPLICATION_EXIT, usize::from(code)];
    loop {
        call(EXIT_EXTENDED, block.as_ptr() as usize);
    }
}

/// A writer to the console.
#[derive(Debug)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The call takes a text that ends with zero; pieces of it save a buffer of unknown length.
        for piece in text.as_bytes().chunks(PIECE) {
            let mut terminated = [0; PIECE + 1];
            for (place, octet) in terminated.iter_mut().zip(piece) {
                *place = *octet;
            }
            call(WRITE_TEXT, terminated.as_ptr() as usize);
        }
        Ok(())
    }
}

/// Prints a line to the console.
#[macro_export]
macro_rules! say {
    ($($arguments:tt)*) => {{
        use core::fmt::Write as _;
        // The console never refuses.
        let _written = writeln!($crate::console::Console, $($arguments)*);
    }};
}

/// One call of the host. `argument` is an address or a number, as the operation wants it.
#[expect(unsafe_code, reason = "the breakpoint instruction that calls the host is assembly")]
fn call(operation: usize, argument: usize) -> usize {
    let result;
    // SAFETY: the operations above read, or write within, the blocks that their callers own and outlive the call.
    unsafe {
        core::arch::asm!("bkpt #0xAB", inout("r0") operation => result, in("r1") argument, options(nostack));
    }
    result
}

const PIECE: usize = 64;
const OPEN: usize = 0x01;
const CLOSE: usize = 0x02;
const READ: usize = 0x06;
/// Mode `rb` of the C library.
const READ_BINARY: usize = 1;
const WRITE_TEXT: usize = 0x04;
const TIME: usize = 0x11;
const GET_COMMAND_LINE: usize = 0x15;
const EXIT_EXTENDED: usize = 0x20;
const APPLICATION_EXIT: usize = 0x2_0026;
