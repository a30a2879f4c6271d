//! Attacks on links: which there are, and when one is told (S1; events 46, 49, 50 and own codes 229 to 231).
//!
//! An attack that goes on is told once, and again every hour: a flood of messages wears out no flash and pushes nothing else out of the
//! log. It is over when a minute has passed without it.

use base::{Instant, Micros};

use crate::event_log::{fraud, security};
use crate::limits::ABANDONED;

/// A kind of attack on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// Wrong secrets, several in a row.
    Authentication = 0,
    /// A message that does not open, a wrong signature, title or certificate.
    Decryption = 1,
    /// A message that was used before.
    Replay = 2,
    /// Less protection than there must be.
    Downgrade = 3,
    /// Messages that are none of the protocol, too long or out of order.
    Malformed = 4,
    /// Connections and handshakes without end.
    Flood = 5,
}

impl Attack {
    /// Its event.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Authentication => fraud::AUTHENTICATION_FAILURE,
            Self::Decryption => fraud::DECRYPTION_FAILURE,
            Self::Replay => fraud::REPLAY,
            Self::Downgrade => security::DOWNGRADE,
            Self::Malformed => security::MALFORMED,
            Self::Flood => security::FLOOD,
        }
    }

    /// Whether it stands in the fraud log too. Own codes do not: clients read that log by the tables of the field.
    #[must_use]
    pub const fn is_fraud(self) -> bool {
        matches!(self, Self::Authentication | Self::Decryption | Self::Replay)
    }
}

/// When each kind of attack was seen and told.
#[derive(Clone, Debug, Default)]
pub struct Attacks {
    kinds: [Option<Seen>; N_KINDS],
    /// Connections and handshakes in a row that were begun and not ended.
    abandoned: u8,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    last: Instant,
    told: Instant,
}

impl Attacks {
    /// Notes an attack at `now`; answers whether it is to be told.
    pub fn is_news(&mut self, attack: Attack, now: Instant) -> bool {
        let Some(place) = self.kinds.get_mut(attack as usize) else {
            return false;
        };
        let goes_on = place.filter(|seen| now < seen.last + QUIET && now < seen.told + AGAIN);
        *place = Some(Seen {
            last: now,
            told: goes_on.map_or(now, |seen| seen.told),
        });
        goes_on.is_none()
    }

    /// A connection or handshake was begun and not ended; answers whether so many in a row are a flood.
    pub const fn abandoned(&mut self) -> bool {
        self.abandoned = self.abandoned.saturating_add(1);
        ABANDONED <= self.abandoned
    }

    /// Somebody has authenticated, which ends the row.
    pub const fn succeeded(&mut self) {
        self.abandoned = 0;
    }
}

const N_KINDS: usize = 6;
/// An attack is over when it was not seen for this long.
const QUIET: Micros = Micros::from_secs(60);
/// One that goes on is told this often.
const AGAIN: Micros = Micros::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_is_told_once_and_again_each_hour_while_it_goes_on() {
        let mut attacks = Attacks::default();
        let mut told = [0; 2];
        for second in 0..3 * 3_600 {
            let now = Instant::START + Micros::from_secs(second);
            told[0] += u32::from(attacks.is_news(Attack::Replay, now));
            // This one pauses long enough to be another each time.
            told[1] += u32::from(second % 61 == 0 && attacks.is_news(Attack::Flood, now));
        }
        assert_eq!(told, [3, 178]);
    }

    #[test]
    fn a_row_of_abandoned_handshakes_is_a_flood_until_somebody_authenticates() {
        let mut attacks = Attacks::default();
        for row in 0..3 {
            for number in 1..ABANDONED {
                assert!(!attacks.abandoned(), "row {row} number {number}");
            }
            assert!(attacks.abandoned() && attacks.abandoned());
            attacks.succeeded();
        }
    }
}
