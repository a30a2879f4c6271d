//! Who guesses passwords is locked out, for longer each time (class 124, communication port protection).
//!
//! ```text
//!           one failure too many             the time is over
//!   Open -----------------------> Locked until ----------------> Open, at its limit: the next failure locks again
//!     ^                               |
//!     +------- success, reset --------+ reset
//! ```
//!
//! While it is locked nobody who shows a secret gets in, not even with the right one, and the refusal is that of a wrong
//! one: a guesser learns nothing. That goes for answers to challenges from before the lockout, too. Who has an association keeps it, and the public client is served. A lockout is never
//! longer than its maximum, so a guesser cannot shut the utility out for good.
//!
//! Failures and what is left of a lockout are saved with each snapshot and when a lockout begins. A power cut gives no new attempts; without
//! power a lockout stands still.

use base::{Instant, Micros};
use cosem::axdr::{Full, Reader, Writer};
use cosem::class::{PortSettings, PortState};

/// The protection of the meter's DLMS ports.
#[derive(Clone, Debug)]
pub struct PortProtection {
    settings: PortSettings,
    failed: u32,
    cumulative: u32,
    /// When the present lockout ends.
    until: Option<Instant>,
}

/// Settings that make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsRefusal;

impl Default for PortProtection {
    /// As it leaves the factory: ten attempts, then a minute, then twice as long each time, an hour at most.
    fn default() -> Self {
        Self {
            settings: PortSettings {
                mode: ON_FAILURES,
                allowed_attempts: 10,
                initial_seconds: 60,
                steepness: 2,
                max_seconds: 3_600,
            },
            failed: 0,
            cumulative: 0,
            until: None,
        }
    }
}

impl PortProtection {
    /// Attributes 2 to 6.
    #[must_use]
    pub const fn settings(&self) -> PortSettings {
        self.settings
    }

    /// Changes the settings. A lockout that runs goes on as it was.
    ///
    /// # Errors
    /// For an unknown mode, no attempt at all, a steepness of 0, or a first lockout longer than the longest.
    pub const fn set(&mut self, settings: PortSettings) -> Result<(), SettingsRefusal> {
        let senseless = UNLOCKED < settings.mode
            || settings.allowed_attempts == 0
            || settings.steepness == 0
            || settings.max_seconds < settings.initial_seconds;
        if senseless {
            return Err(SettingsRefusal);
        }
        self.settings = settings;
        Ok(())
    }

    /// Whether who shows a secret is let in at `now`.
    #[must_use]
    pub fn is_open(&self, now: Instant) -> bool {
        match self.settings.mode {
            LOCKED => false,
            ON_FAILURES => self.until.is_none_or(|until| until <= now),
            _ => true,
        }
    }

    /// Attributes 8 to 10 at `now`.
    #[must_use]
    pub fn state(&self, now: Instant) -> PortState {
        PortState {
            status: match (self.settings.mode, self.is_open(now)) {
                (LOCKED, _) => 2,
                (_, false) => 1,
                (_, true) => 0,
            },
            failed: self.failed,
            cumulative: self.cumulative,
        }
    }

    /// Somebody showed a wrong secret; answers whether the port is locked from now on.
    pub fn failed(&mut self, now: Instant) -> bool {
        let was_open = self.is_open(now);
        self.cumulative = self.cumulative.saturating_add(1);
        // What is refused while it is locked was not looked at.
        if !was_open {
            return false;
        }
        self.failed = self.failed.saturating_add(1);
        let Some(beyond) = self.failed.checked_sub(u32::from(self.settings.allowed_attempts)) else {
            return false;
        };
        if self.settings.mode != ON_FAILURES {
            return false;
        }
        self.until = Some(now + Micros::from_secs(self.lockout_seconds(beyond)));
        true
    }

    /// When the present lockout ends.
    #[must_use]
    pub const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Whether a lockout has ended by now; answers so once.
    pub fn has_ended(&mut self, now: Instant) -> bool {
        self.until.take_if(|until| *until <= now).is_some()
    }

    /// Somebody showed the right secret.
    pub fn succeeded(&mut self) {
        self.failed = 0;
        self.end();
    }

    /// Method 1.
    pub fn reset(&mut self) {
        self.failed = 0;
        self.end();
    }

    /// Lets a lockout that runs end at once.
    fn end(&mut self) {
        self.until = self.until.map(|_| Instant::START);
    }

    /// Appends what must outlive a power cut at `now`.
    pub(crate) fn save(&self, now: Instant, out: &mut Writer<'_>) -> Result<(), Full> {
        let left = self
            .until
            .map_or(0, |until| until.since(now).as_micros().div_ceil(1_000_000));
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        [self.cumulative, self.failed, left]
            .iter()
            .try_for_each(|number| out.put(&number.to_be_bytes()))
    }

    /// Puts back what was saved, at `now`; firmware of before saved the number of all failures alone.
    pub(crate) fn restore(&mut self, now: Instant, version: u8, from: &mut Reader<'_>) -> Option<()> {
        let mut next = || from.array_of().map(u32::from_be_bytes).ok();
        let cumulative = next()?;
        let (failed, left) = if version == 1 { (0, 0) } else { (next()?, next()?) };
        (self.cumulative, self.failed) = (cumulative, failed);
        self.until = (0 < left).then(|| now + Micros::from_secs(left.into()));
        Some(())
    }

    /// Octets of what is saved.
    pub(crate) const OCTETS: usize = 12;

    /// initial times steepness to the power of `beyond`, at most the maximum.
    fn lockout_seconds(&self, beyond: u32) -> u64 {
        let max = u64::from(self.settings.max_seconds);
        u64::from(self.settings.steepness)
            .checked_pow(beyond)
            .and_then(|factor| factor.checked_mul(u64::from(self.settings.initial_seconds)))
            .map_or(max, |seconds| seconds.min(max))
    }
}

const LOCKED: u8 = 0;
const ON_FAILURES: u8 = 1;
const UNLOCKED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::START + Micros::from_secs(seconds)
    }

    /// Class 124: lockouts grow by the steepness up to the maximum, and a success ends the row.
    #[test]
    fn lockouts_grow_and_end() {
        let mut port = PortProtection::default();
        let mut now = 0;
        for attempt in 1..10 {
            assert!(!port.failed(at(now)), "attempt {attempt}");
        }
        for seconds in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600] {
            assert!(port.is_open(at(now)));
            assert!(port.failed(at(now)), "a lockout of {seconds} s");
            assert!(!port.is_open(at(now + seconds - 1)));
            assert_eq!(port.state(at(now + 1)).status, 1);
            assert!(!port.failed(at(now + 1)), "it is locked already");
            now += seconds;
            assert!(port.is_open(at(now)));
        }
        assert_eq!(
            port.state(at(now)),
            PortState {
                status: 0,
                failed: 18,
                cumulative: 27
            }
        );
        port.succeeded();
        assert_eq!(
            port.state(at(now)),
            PortState {
                status: 0,
                failed: 0,
                cumulative: 27
            }
        );
        assert!(!port.failed(at(now)));
    }

    #[test]
    fn the_modes_lock_always_or_never() {
        let mut port = PortProtection::default();
        let with_mode = |mode| PortSettings {
            mode,
            allowed_attempts: 1,
            ..PortProtection::default().settings()
        };
        assert_eq!(port.set(with_mode(2)), Ok(()));
        for _ in 0..100 {
            assert!(!port.failed(at(0)));
            assert!(port.is_open(at(0)));
        }
        assert_eq!(port.set(with_mode(0)), Ok(()));
        assert!(!port.is_open(at(1_000_000)));
        assert_eq!(port.state(at(0)).status, 2);
        assert_eq!(port.set(with_mode(1)), Ok(()));
        assert!(port.is_open(at(0)));
        assert!(port.failed(at(0)));
        port.reset();
        assert!(port.is_open(at(0)));
    }

    #[test]
    fn senseless_settings_are_refused() {
        let mut port = PortProtection::default();
        let usual = port.settings();
        for wrong in [
            PortSettings { mode: 3, ..usual },
            PortSettings {
                allowed_attempts: 0,
                ..usual
            },
            PortSettings { steepness: 0, ..usual },
            PortSettings {
                max_seconds: 59,
                ..usual
            },
        ] {
            assert_eq!(port.set(wrong), Err(SettingsRefusal));
        }
        assert_eq!(port.settings(), usual);
        // No power of the steepness overflows.
        assert_eq!(
            port.set(PortSettings {
                steepness: 255,
                max_seconds: u32::MAX,
                ..usual
            }),
            Ok(())
        );
        assert_eq!(port.lockout_seconds(u32::MAX), u64::from(u32::MAX));
    }
}
