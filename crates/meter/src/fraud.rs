//! Covers and magnetic field: an event when something opens or appears, and one when it is over (F1).

use metrology::Tariff;

use crate::event_log::{Log, fraud};

/// A contact of the case, or a press of its button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// The cover of the meter.
    MeterCover {
        /// Whether it is open.
        open: bool,
    },
    /// The cover of the terminals.
    TerminalCover {
        /// Whether it is open.
        open: bool,
    },
    /// The sensor of strong magnetic fields.
    Magnet {
        /// Whether there is such a field.
        near: bool,
    },
    /// The button, pressed and let go.
    Button(Press),
    /// The button under the seal that ends a billing period (B1).
    BillingButton,
    /// The contacts of the tariff input: a tariff from 1 to 8 (T2).
    TariffInput(Tariff),
}

/// How long the button was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Below two seconds.
    Short,
    /// Two seconds or more.
    Long,
}

/// The state of the contacts as last seen; kept, so that a cover which stays open over a power cut is one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    meter_cover_open: bool,
    terminal_cover_open: bool,
    magnet_near: bool,
}

impl Contacts {
    /// Takes a reading and answers the event that it is worth, if it is news.
    pub fn observe(&mut self, contact: Contact) -> Option<(Log, u8)> {
        let (seen, is, events) = match contact {
            Contact::MeterCover { open } => (
                &mut self.meter_cover_open,
                open,
                [fraud::METER_COVER_CLOSED, fraud::METER_COVER_REMOVED],
            ),
            Contact::TerminalCover { open } => (
                &mut self.terminal_cover_open,
                open,
                [fraud::TERMINAL_COVER_CLOSED, fraud::TERMINAL_COVER_REMOVED],
            ),
            Contact::Magnet { near } => (
                &mut self.magnet_near,
                near,
                [fraud::STRONG_FIELD_GONE, fraud::STRONG_FIELD],
            ),
            Contact::Button(_) | Contact::BillingButton | Contact::TariffInput(_) => return None,
        };
        let was = core::mem::replace(seen, is);
        let [over, begun] = events;
        (was != is).then_some((Log::Fraud, if is { begun } else { over }))
    }

    /// Whether the meter cover is open.
    #[must_use]
    pub const fn meter_cover_open(self) -> bool {
        self.meter_cover_open
    }

    /// Whether the terminal cover is open.
    #[must_use]
    pub const fn terminal_cover_open(self) -> bool {
        self.terminal_cover_open
    }

    /// Whether a strong magnetic field acts on the meter.
    #[must_use]
    pub const fn magnet_near(self) -> bool {
        self.magnet_near
    }

    /// The contacts as one octet, as they are stored.
    #[must_use]
    pub fn octet(self) -> u8 {
        u8::from(self.meter_cover_open) | u8::from(self.terminal_cover_open) << 1 | u8::from(self.magnet_near) << 2
    }

    /// The contacts of a stored octet.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Self {
        Self {
            meter_cover_open: octet & 1 != 0,
            terminal_cover_open: octet & 2 != 0,
            magnet_near: octet & 4 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1: one event at the beginning, one at the end, none while it lasts.
    #[test]
    fn a_cover_is_an_event_when_it_opens_and_when_it_closes() {
        let mut contacts = Contacts::default();
        let open = Contact::MeterCover { open: true };
        assert_eq!(contacts.observe(open), Some((Log::Fraud, 44)));
        assert_eq!(contacts.observe(open), None);
        let mut restored = Contacts::from_octet(contacts.octet());
        assert_eq!(restored.observe(open), None);
        assert_eq!(
            restored.observe(Contact::MeterCover { open: false }),
            Some((Log::Fraud, 45))
        );
        assert_eq!(
            restored.observe(Contact::TerminalCover { open: true }),
            Some((Log::Fraud, 40))
        );
        assert_eq!(restored.observe(Contact::Magnet { near: true }), Some((Log::Fraud, 42)));
        assert_eq!(restored.octet(), 6);
    }
}
