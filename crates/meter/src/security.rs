//! Invocation counters that never repeat, failed authentications, and the security policy (S1; class 64).

use dlms::security::Suite;

use crate::event_log::{Log, fraud};
use crate::limits::{AUTHENTICATION_FAILURES, COUNTER_BLOCK};

/// A counter that is made durable ahead of its use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// The last number used or accepted.
    last: u32,
    /// What flash says: no number up to here may be used again after a power cut.
    reserved: u32,
}

/// The counter has no number left: the key must be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// The number was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay;

impl Counter {
    /// The counter after power up: everything up to the reserve counts as used.
    #[must_use]
    pub const fn restored(reserved: u32) -> Self {
        Self {
            last: reserved,
            reserved,
        }
    }

    /// The last number used or accepted.
    #[must_use]
    pub const fn last(&self) -> u32 {
        self.last
    }

    /// What must be in flash before the last number leaves the meter or takes effect.
    #[must_use]
    pub const fn reserved(&self) -> u32 {
        self.reserved
    }

    /// Takes the next number to send with.
    ///
    /// # Errors
    /// When all numbers are used.
    pub fn take(&mut self) -> Result<Taken, Exhausted> {
        let number = self.last.checked_add(1).ok_or(Exhausted)?;
        let must_keep = self.reserved < number;
        if must_keep {
            self.reserved = number.saturating_add(COUNTER_BLOCK);
        }
        self.last = number;
        Ok(Taken { number, must_keep })
    }

    /// Accepts a received number if it is greater than all before. It is kept as it is before it takes effect, without a reserve: the
    /// client's next number must be good after a power cut too.
    ///
    /// # Errors
    /// When it is not.
    pub const fn accept(&mut self, number: u32) -> Result<(), Replay> {
        if number <= self.last {
            return Err(Replay);
        }
        self.last = number;
        self.reserved = number;
        Ok(())
    }

    /// Begins anew with a new key.
    pub const fn begin(&mut self) {
        (self.last, self.reserved) = (0, 0);
    }

    /// Gives back the unused reserve, when there is time to say goodbye.
    pub const fn settle(&mut self) {
        self.reserved = self.last;
    }
}

/// A number to send with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The number.
    pub number: u32,
    /// Whether the counter's reserve moved and must be durable before the number is used.
    pub must_keep: bool,
}

/// What the meter remembers of its clients' security.
#[derive(Clone, Debug)]
pub struct Security {
    /// Counter of what the management client sends under the global unicast key (0-0:43.1.0).
    pub received: Counter,
    /// Counter of what the meter sends under it.
    pub sent: Counter,
    /// Counter of what is received under the global broadcast key (0-0:43.1.1).
    pub received_broadcast: Counter,
    policy: u8,
    client_system_title: [u8; 8],
    failures: u8,
}

/// The bits of security_policy that exist in suite 0: authenticated and encrypted requests and responses.
const SUITE_0_POLICY: u8 = 0x04 | 0x08 | 0x20 | 0x40;
/// The bits that exist in suites 1 and 2: signed requests and responses too.
const SIGNED_POLICY: u8 = SUITE_0_POLICY | 0x10 | 0x80;

impl Default for Security {
    /// As it leaves the factory: requests and responses of the ciphered context are authenticated and encrypted.
    fn default() -> Self {
        Self {
            received: Counter::default(),
            sent: Counter::default(),
            received_broadcast: Counter::default(),
            policy: SUITE_0_POLICY,
            client_system_title: [0; 8],
            failures: 0,
        }
    }
}

impl Security {
    /// Attribute 2 of the security setup: which protection messages of the management client must have.
    #[must_use]
    pub const fn policy(&self) -> u8 {
        self.policy
    }

    /// Makes the policy stronger; what it demands already cannot be given up.
    ///
    /// # Errors
    /// When the new one lacks a bit of the present one or demands what the suite does not have.
    pub const fn activate(&mut self, policy: u8, suite: Suite) -> Result<(), PolicyRefusal> {
        let known = if suite.id() == 0 { SUITE_0_POLICY } else { SIGNED_POLICY };
        if policy & !known != 0 || policy & self.policy != self.policy {
            return Err(PolicyRefusal);
        }
        self.policy = policy;
        Ok(())
    }

    /// Puts back what was stored, if it is a policy at all.
    pub const fn restore_policy(&mut self, policy: u8) {
        self.policy = policy & SIGNED_POLICY;
    }

    /// Attribute 4 of the security setup: the system title that the last client came with.
    #[must_use]
    pub const fn client_system_title(&self) -> [u8; 8] {
        self.client_system_title
    }

    /// Notes who has associated. A success ends a row of failures.
    pub const fn associated(&mut self, client_system_title: Option<[u8; 8]>) {
        self.failures = 0;
        if let Some(title) = client_system_title {
            self.client_system_title = title;
        }
    }

    /// Notes a failed authentication; every fifth in a row is an event.
    pub const fn failed(&mut self) -> Option<(Log, u8)> {
        self.failures += 1;
        if self.failures < AUTHENTICATION_FAILURES {
            return None;
        }
        self.failures = 0;
        Some((Log::Fraud, fraud::AUTHENTICATION_FAILURE))
    }
}

/// A policy that would be weaker, or that the suite does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyRefusal;

#[cfg(test)]
mod tests {
    use super::*;

    /// S1, U2: a power cut at any time wastes numbers and repeats none.
    #[test]
    fn numbers_never_repeat_over_power_cuts() {
        let mut counter = Counter::default();
        let mut kept = 0;
        let mut highest = 0;
        for step in 0..10_000_u32 {
            if step % 7 == 3 {
                counter = Counter::restored(kept);
            }
            let taken = counter.take().expect("far from the end");
            if taken.must_keep {
                kept = counter.reserved();
            }
            assert!(highest < taken.number, "step {step}");
            highest = taken.number;
        }
    }

    #[test]
    fn received_numbers_must_grow_over_power_cuts_too() {
        let mut counter = Counter::default();
        assert_eq!(counter.accept(1), Ok(()));
        assert_eq!(counter.accept(7), Ok(()));
        assert_eq!(counter.accept(7), Err(Replay));
        assert_eq!(counter.accept(6), Err(Replay));
        let mut restored = Counter::restored(counter.reserved());
        assert_eq!(restored.accept(7), Err(Replay));
        assert_eq!(restored.accept(8), Ok(()));
    }

    #[test]
    fn the_last_number_ends_the_key() {
        let mut counter = Counter::restored(u32::MAX - 1);
        assert_eq!(
            counter.take(),
            Ok(Taken {
                number: u32::MAX,
                must_keep: true
            })
        );
        assert_eq!(counter.take(), Err(Exhausted));
        assert_eq!(counter.accept(u32::MAX), Err(Replay));
    }

    #[test]
    fn a_policy_only_grows() {
        let mut security = Security {
            policy: 0,
            ..Security::default()
        };
        assert_eq!(security.activate(0x0C, Suite::Zero), Ok(()));
        assert_eq!(security.activate(0x04, Suite::Zero), Err(PolicyRefusal));
        assert_eq!(security.activate(0x1C, Suite::Zero), Err(PolicyRefusal));
        assert_eq!(security.activate(0x6C, Suite::Zero), Ok(()));
        assert_eq!(security.policy(), 0x6C);
        // Signatures belong to suites 1 and 2.
        assert_eq!(security.activate(0xFC, Suite::Zero), Err(PolicyRefusal));
        assert_eq!(security.activate(0xFC, Suite::One), Ok(()));
        assert_eq!(security.activate(0x6C, Suite::One), Err(PolicyRefusal));
    }

    #[test]
    fn the_fifth_failure_in_a_row_is_an_event() {
        let mut security = Security::default();
        for _ in 0..4 {
            assert_eq!(security.failed(), None);
        }
        security.associated(None);
        for _ in 0..4 {
            assert_eq!(security.failed(), None);
        }
        assert_eq!(security.failed(), Some((Log::Fraud, 46)));
    }
}
