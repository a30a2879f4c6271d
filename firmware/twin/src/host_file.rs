//! Files of the host, by semihosting: the script comes from one, the trace goes to another.

/// A file that is open as long as the image lives.
pub(crate) struct HostFile(usize);

impl HostFile {
    /// Opens a file to read; none when there is none.
    pub(crate) fn open(name: &str) -> Option<Self> {
        Self::open_as(name, READ_BINARY)
    }

    /// Makes a file anew.
    pub(crate) fn create(name: &str) -> Option<Self> {
        Self::open_as(name, WRITE_BINARY)
    }

    fn open_as(name: &str, mode: usize) -> Option<Self> {
        let mut terminated = [0; 256];
        terminated
            .get_mut(..name.len())
            .filter(|_| name.len() < 256)?
            .copy_from_slice(name.as_bytes());
        let block = [terminated.as_ptr() as usize, mode, name.len()];
        let handle = call(OPEN, &block);
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Reads; gives how many octets came, fewer than asked for at the end of the file.
    pub(crate) fn read(&self, into: &mut [u8]) -> usize {
        let block = [self.0, into.as_mut_ptr() as usize, into.len()];
        // The answer is how many octets are missing.
        into.len().saturating_sub(call(READ, &block))
    }

    /// Writes; false when the host's disk is full.
    pub(crate) fn write(&self, octets: &[u8]) -> bool {
        octets.is_empty() || call(WRITE, &[self.0, octets.as_ptr() as usize, octets.len()]) == 0
    }
}

/// One call of the host with a block of arguments.
#[expect(unsafe_code, reason = "the breakpoint instruction that calls the host is assembly")]
fn call(operation: usize, block: &[usize; 3]) -> usize {
    let result;
    // SAFETY: the host reads or writes within the buffers that the blocks above name, and their owners outlive the call.
    unsafe {
        core::arch::asm!("bkpt #0xAB", inout("r0") operation => result, in("r1") block.as_ptr(), options(nostack));
    }
    result
}

const OPEN: usize = 0x01;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
/// Modes `rb` and `wb` of the C library.
const READ_BINARY: usize = 1;
const WRITE_BINARY: usize = 5;
