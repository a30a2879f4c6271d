//! A queue of octets between an interrupt and the main loop: one writer, one reader, no lock and no `unsafe`.

use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Up to `N` octets, in order. `N` is a power of two.
pub struct Queue<const N: usize> {
    octets: [AtomicU8; N],
    /// Octets ever read, and ever written; both wrap, and the difference is what waits.
    read: AtomicUsize,
    written: AtomicUsize,
}

impl<const N: usize> Queue<N> {
    /// An empty queue.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a static needs a const, which Default is not")]
    pub const fn new() -> Self {
        const { assert!(N.is_power_of_two(), "positions wrap by masking") };
        Self {
            octets: [const { AtomicU8::new(0) }; N],
            read: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
        }
    }

    /// Appends an octet; false when the queue is full. For the writer alone.
    #[must_use]
    pub fn push(&self, octet: u8) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        if N <= written.wrapping_sub(self.read.load(Ordering::Acquire)) {
            return false;
        }
        if let Some(place) = self.octets.get(written % N) {
            place.store(octet, Ordering::Relaxed);
        }
        self.written.store(written.wrapping_add(1), Ordering::Release);
        true
    }

    /// Takes the oldest octet. For the reader alone.
    #[must_use]
    pub fn pop(&self) -> Option<u8> {
        let read = self.read.load(Ordering::Relaxed);
        if read == self.written.load(Ordering::Acquire) {
            return None;
        }
        let octet = self.octets.get(read % N)?.load(Ordering::Relaxed);
        self.read.store(read.wrapping_add(1), Ordering::Release);
        Some(octet)
    }

    /// Octets that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written
            .load(Ordering::Acquire)
            .wrapping_sub(self.read.load(Ordering::Acquire))
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
