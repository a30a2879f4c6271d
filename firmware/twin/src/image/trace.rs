//! The watch that writes what happens to a file of the host.

use core::cell::{Cell, RefCell};

use twin::{Part, Watch};

use crate::host_file::HostFile;

/// A file that the trace goes to, a kilobyte at a time.
pub(crate) struct Trace {
    file: HostFile,
    buffer: RefCell<heapless::Vec<u8, 1_024>>,
    whole: Cell<bool>,
}

impl Trace {
    pub(crate) const fn new(file: HostFile) -> Self {
        Self {
            file,
            buffer: RefCell::new(heapless::Vec::new()),
            whole: Cell::new(true),
        }
    }

    /// Writes what is held; false when not everything could be written since the beginning.
    pub(crate) fn flush(&self) -> bool {
        let mut buffer = self.buffer.borrow_mut();
        self.whole.set(self.whole.get() && self.file.write(&buffer));
        buffer.clear();
        self.whole.get()
    }
}

impl Watch for Trace {
    const WRITES: bool = true;

    fn write(&self, text: &str) {
        for octet in text.bytes() {
            if self.buffer.borrow().is_full() {
                // It is said at the end.
                let _whole = self.flush();
            }
            // There is room now.
            let _full = self.buffer.borrow_mut().push(octet);
        }
    }

    fn turn_to(&self, _part: Part) {}
}
