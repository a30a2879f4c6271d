//! A place for one value that lives as long as the program: built where it stays, so that no stack has to hold it.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

/// A place that is filled once.
pub(crate) struct Place<T> {
    filled: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

#[expect(unsafe_code, reason = "a static is shared by declaration")]
// SAFETY: the value is lent once, by `put_with`; the second way to it, `seize`, demands that the first is never used again.
unsafe impl<T: Send> Sync for Place<T> {}

impl<T> Place<T> {
    /// An empty place.
    pub(crate) const fn new() -> Self {
        Self {
            filled: AtomicBool::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Fills the place. It is filled once; a second time is a broken promise of ours.
    #[expect(unsafe_code, reason = "the value outlives every scope")]
    #[expect(clippy::mut_from_ref, reason = "the flag makes it the only reference")]
    #[inline(always)]
    pub(crate) fn put_with(&'static self, make: impl FnOnce() -> T) -> &'static mut T {
        // SAFETY: the flag is looked at before anything is lent, and nothing interrupts the program that fills places.
        let place = unsafe { &mut *self.value.get() };
        assert!(!self.filled.load(Ordering::Relaxed), "a place is filled once");
        let value = place.write(make());
        self.filled.store(true, Ordering::Release);
        value
    }

    /// The value, taken from whoever has it; none when there was none, or at the second time.
    ///
    /// # Safety
    /// The code that got the value from [`Place::put_with`] never runs again.
    #[expect(unsafe_code, reason = "the last one who runs may take everything")]
    #[expect(
        clippy::mut_from_ref,
        reason = "the caller promises that it is the only reference that is used"
    )]
    pub(crate) unsafe fn seize(&'static self) -> Option<&'static mut T> {
        if !self.filled.swap(false, Ordering::Acquire) {
            return None;
        }
        // SAFETY: filled, and by the caller's promise nobody uses the first reference any more.
        Some(unsafe { (*self.value.get()).assume_init_mut() })
    }
}
