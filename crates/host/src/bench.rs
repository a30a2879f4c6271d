//! One virtual meter on the laboratory's bench: many callers, one lock, nobody waits long.
//!
//! The pace holds the lock only for short stretches and lets go as soon as somebody waits, so a client is served within one block of
//! samples at any speed.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::OnceLock;
use std::thread::Thread;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use crate::virtual_meter::VirtualMeter;

/// The meter under its lock.
pub(crate) struct Bench {
    meter: Mutex<VirtualMeter>,
    waiting: AtomicUsize,
    /// The thread that lets the world move on.
    pacer: OnceLock<Thread>,
    begun: Instant,
    /// Real milliseconds since `begun` at which the world last moved.
    moved_at: AtomicU64,
}

impl Bench {
    pub(crate) fn new(meter: VirtualMeter) -> Self {
        Self {
            meter: Mutex::new(meter),
            waiting: AtomicUsize::new(0),
            pacer: OnceLock::new(),
            begun: Instant::now(),
            moved_at: AtomicU64::new(0),
        }
    }

    /// Does something with the meter between two of its steps.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut VirtualMeter) -> T) -> T {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let mut meter = self.meter.lock();
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        act(&mut meter)
    }

    /// As [`Bench::with`], but gives up after `patience`.
    pub(crate) fn try_with<T>(&self, patience: Duration, act: impl FnOnce(&mut VirtualMeter) -> T) -> Option<T> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let meter = self.meter.try_lock_for(patience);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        meter.map(|mut meter| act(&mut meter))
    }

    /// The pace's own way in: it calls [`Bench::is_wanted`] and lets go by [`Bench::let_go`].
    pub(crate) fn hold(&self) -> MutexGuard<'_, VirtualMeter> {
        self.meter.lock()
    }

    /// Hands the lock to whoever waits longest.
    pub(crate) fn let_go(&self, meter: MutexGuard<'_, VirtualMeter>) {
        self.moved_at.store(self.millis(), Ordering::Release);
        MutexGuard::unlock_fair(meter);
    }

    /// Whether somebody waits for the meter.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Acquire) != 0
    }

    /// Makes the calling thread the one that [`Bench::wake`] wakes.
    pub(crate) fn be_pacer(&self) {
        // The first one stays; there is only one.
        let _first = self.pacer.set(std::thread::current());
    }

    /// Tells the pace that something changed.
    pub(crate) fn wake(&self) {
        if let Some(pacer) = self.pacer.get() {
            pacer.unpark();
        }
    }

    /// Whole seconds of real time since the pace last held the meter.
    pub(crate) fn quiet_seconds(&self) -> u64 {
        self.millis().saturating_sub(self.moved_at.load(Ordering::Acquire)) / 1_000
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
