//! What leaves is sealed, what comes is opened: counters, the room that is left, and the least protection that an answer must have.

use core::ops::Range;

use cosem::axdr::{Full, Writer};

use super::error::{ClientError, Protocol};
use super::session::{Session, State, Work};
use crate::apdu::{Exception, SERVICE_ERROR, ServiceError, tag};
use crate::security::{CIPHERING, Envelope, HEADROOM, Keys, Protection, SIGNING, Sealed, open, overhead, seal};
use crate::server::PDU_MAX;

const APDU: ClientError = ClientError::Protocol(Protocol::Apdu);

impl Session<'_> {
    pub(super) fn take_counter(&mut self) -> Result<u32, ClientError> {
        let counter = self.counter;
        self.counter = counter.checked_add(1).ok_or(ClientError::Keys)?;
        Ok(counter)
    }

    /// The longest APDU that fits into what the meter takes.
    pub(super) fn room(&self) -> usize {
        self.room_in(self.send_max)
    }

    pub(super) fn room_in(&self, pdu_max: usize) -> usize {
        if !self.settings.is_sealing() {
            return pdu_max;
        }
        let pdu_max = pdu_max.saturating_sub(self.general_overhead());
        let around = overhead(
            self.settings.envelope(false).general(),
            self.settings.protection,
            pdu_max,
        );
        pdu_max.saturating_sub(around)
    }

    /// Writes a PDU that is never protected.
    pub(super) fn plain(&mut self, emit: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Result<(), ClientError> {
        let mut out = Writer::new(self.outbox.get_mut(HEADROOM..).unwrap_or_default());
        emit(&mut out).map_err(|_| ClientError::TooLong)?;
        self.pdu = HEADROOM..HEADROOM + out.len();
        Ok(())
    }

    /// Writes a request and protects it.
    pub(super) fn request(
        &mut self,
        emit: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<(), ClientError> {
        self.request_with_lent(0, |out, _| emit(out))
    }

    /// The same with the first `length` octets of the lent buffer at hand.
    pub(super) fn request_with_lent(
        &mut self,
        length: usize,
        emit: impl FnOnce(&mut Writer<'_>, &[u8]) -> Result<(), Full>,
    ) -> Result<(), ClientError> {
        // What is longer than the meter's PDU goes out in general blocks, as far as it can be sealed whole.
        let room = if self.has_general_blocks() && self.state == State::Open {
            self.room_in(PDU_MAX)
        } else {
            self.room()
        };
        let to = HEADROOM + room;
        let mut out = Writer::new(self.outbox.get_mut(HEADROOM..to).unwrap_or_default());
        emit(&mut out, self.lent.get(..length).unwrap_or(&[])).map_err(|_| ClientError::TooLong)?;
        self.pdu = HEADROOM..HEADROOM + out.len();
        if self.settings.is_sealing() {
            let own = self.settings.dialect.dedicated_counter && self.settings.envelope(false).is_dedicated();
            let counter = if own {
                self.dedicated_sent = self.dedicated_sent.checked_add(1).ok_or(ClientError::Keys)?;
                self.dedicated_sent
            } else {
                self.take_counter()?
            };
            let keys = self.settings.keys.ok_or(ClientError::Keys)?;
            let keys = self
                .settings
                .dedicated
                .map_or(keys, |encryption| Keys { encryption, ..keys });
            let (envelope, protection) = (self.settings.envelope(false), self.settings.protection);
            // ACCESS and what belongs to notifications have no ciphered form of their own.
            let first = self.outbox.get(HEADROOM).copied().unwrap_or_default();
            let envelope = match first {
                tag::ACCESS_REQUEST | tag::NOTIFICATION_CONFIRM => envelope.general(),
                _ => envelope,
            };
            let title = self.settings.title;
            self.pdu = if envelope == Envelope::GeneralCiphering {
                self.seal_general(counter)?
            } else if protection.ciphered() == Protection::NONE {
                self.pdu.clone()
            } else {
                let range = self.pdu.clone();
                seal(
                    &mut *self.outbox,
                    range,
                    envelope,
                    protection.ciphered(),
                    keys,
                    title,
                    counter,
                )
                .map_err(|_| ClientError::Keys)?
            };
            if protection.covers(Protection::SIGNED) {
                self.pdu = self.sign_general()?;
            }
        }
        if self.send_max < self.pdu.len() {
            return self.give_in_blocks();
        }
        Ok(())
    }

    pub(super) fn unprotect(&mut self, range: Range<usize>) -> Result<Range<usize>, ClientError> {
        self.unprotect_at(range, false)
    }

    /// The same of an answer that was put together in the lent buffer.
    pub(super) fn unprotect_lent(&mut self, range: Range<usize>) -> Result<Range<usize>, ClientError> {
        self.unprotect_at(range, true)
    }

    pub(super) fn unprotect_at(&mut self, range: Range<usize>, lent: bool) -> Result<Range<usize>, ClientError> {
        let buffer: &mut [u8] = if lent { self.lent } else { &mut *self.inbox };
        let octets = buffer.get(range.clone()).unwrap_or(&[]);
        let first = octets.first().copied().ok_or(APDU)?;
        if first == tag::EXCEPTION {
            self.work = Work::Nothing;
            return Err(Exception::parse(octets).map_or(APDU, ClientError::Exception));
        }
        if first == SERVICE_ERROR {
            self.work = Work::Nothing;
            return Err(ServiceError::parse(octets).map_or(APDU, ClientError::Service));
        }
        let mut range = range;
        if matches!(first, CIPHERING | SIGNING) {
            let (inner, whole) = self.open_general(range, lent)?;
            if whole {
                return Ok(inner);
            }
            range = inner;
        } else if self.settings.protection.covers(Protection::SIGNED) {
            return Err(ClientError::Unprotected);
        }
        let buffer: &mut [u8] = if lent { self.lent } else { &mut *self.inbox };
        let octets = buffer.get(range.clone()).unwrap_or(&[]);
        let first = octets.first().copied().ok_or(APDU)?;
        if !Sealed::is_tag(first) {
            let plain = !self.settings.is_sealing() || self.settings.protection.ciphered() == Protection::NONE;
            return if plain {
                Ok(range)
            } else {
                Err(ClientError::Unprotected)
            };
        }
        let sealed = Sealed::parse(octets).map_err(|_| APDU)?;
        if !sealed
            .protection()
            .covers(self.settings.protection.ciphered() | Protection::AUTHENTICATED)
        {
            return Err(ClientError::Unprotected);
        }
        let keys = self.settings.keys.ok_or(ClientError::Keys)?;
        let keys = match self.settings.dedicated {
            Some(encryption) if sealed.envelope.is_dedicated() => Keys { encryption, ..keys },
            _ => keys,
        };
        let title = self
            .server_title
            .filter(|title| sealed.title.is_none_or(|said| said == *title));
        let title = title.ok_or(ClientError::Deciphering)?;
        let buffer = buffer.get_mut(..range.end).unwrap_or_default();
        let apdu = open(buffer, range.start, &sealed, keys, title).map_err(|_| ClientError::Deciphering)?;
        let dedicated = sealed.envelope.is_dedicated() && self.settings.dialect.dedicated_counter;
        let last = if dedicated {
            &mut self.dedicated_received
        } else {
            &mut self.received
        };
        if last.is_some_and(|last| sealed.counter <= last) {
            return Err(ClientError::Replayed);
        }
        *last = Some(sealed.counter);
        Ok(apdu)
    }
}
