//! The verification mode: fine registers on the display and more pulses for a laboratory, without a trace in what is billed (M7).
//!
//! ```text
//! Off --begin--> On until the time is over       back by command, by time, or with the power
//! ```
//! It changes what is shown and how often the LEDs flash, and nothing else: no register, no demand, no profile knows of it. So it needs no
//! broken seal; begin and end stand in the standard log, with who it was.

use base::{Instant, Micros};
use cosem::AccessError;

use crate::effect::Effect;
use crate::event_log::{Log, standard};
use crate::model::Model;

/// Whether the meter is being verified, and for how long at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    until: Option<Instant>,
    minutes: u16,
}

/// So many pulses come for one of the LED's own constant.
pub const PULSES: u32 = 100;
/// It ends by itself after this long, unless a client sets another time: a working day of a laboratory.
const MINUTES: u16 = 480;
/// The longest time that can be set: a day.
const MOST_MINUTES: u16 = 1_440;

impl Verification {
    /// A meter in service.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            until: None,
            minutes: MINUTES,
        }
    }

    /// Whether the meter is being verified.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.until.is_some()
    }

    /// When it ends by itself; none in service.
    #[must_use]
    pub const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Minutes after which it ends by itself.
    #[must_use]
    pub const fn minutes(&self) -> u16 {
        self.minutes
    }

    /// Sets the minutes after which it ends by itself, for the next time.
    ///
    /// # Errors
    /// `OtherReason` for 0 and for more than a day.
    pub fn set_minutes(&mut self, minutes: u16) -> Result<(), AccessError> {
        if !(1..=MOST_MINUTES).contains(&minutes) {
            return Err(AccessError::OtherReason);
        }
        self.minutes = minutes;
        Ok(())
    }

    /// The constant of the LEDs now, whose own is `constant`; at most what an LED can have.
    #[must_use]
    pub fn constant(&self, constant: u32) -> u32 {
        if self.is_on() {
            let most = constant.max(metrology::Pulses::MOST_CONSTANT);
            constant.saturating_mul(PULSES).min(most)
        } else {
            constant
        }
    }
}

impl Default for Verification {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// Enters or leaves the verification mode. Entering it again begins its time anew.
    pub fn verify(&mut self, on: bool) {
        let was_on = self.verification.is_on();
        let time = Micros::from_secs(60 * u64::from(self.verification.minutes));
        self.verification.until = on.then(|| self.now + time);
        if was_on != on {
            let code = if on {
                standard::VERIFICATION_BEGUN
            } else {
                standard::VERIFICATION_ENDED
            };
            self.effects.push(Effect::Event(Log::Standard, code));
        }
    }

    /// Leaves the verification mode when its time is over.
    pub(crate) fn elapse_verification(&mut self) {
        if self.verification.until.is_some_and(|until| until <= self.now) {
            self.verify(false);
        }
    }
}
