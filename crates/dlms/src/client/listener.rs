//! A listener for what meters push: notifications without an association, in one PDU or in general blocks.
//!
//! It is given the octets that a frame or wrapper carried, and calls back with each notification. LLC before them is
//! passed over, and several plain notifications in one frame, which some meters send, are all told. What was protected
//! must have been so with these keys, by a title that is said in it, and with a greater counter than the one before. Who shall not be told
//! once more after a restart what was recorded before it keeps [`Listener::meter`] and [`Listener::counter`], and begins with [`Listener::after`].

use cosem::axdr::{Reader, Writer};

use super::error::{ClientError, Protocol};
use crate::apdu::{GeneralBlock, Notification, NotificationConfirm, tag};
use crate::hdlc::{LLC_COMMAND, LLC_RESPONSE};
use crate::security::{Envelope, HEADROOM, Keys, Protection, Sealed, Title, open, seal};

/// What a listener knows of the meter.
#[derive(Clone)]
pub struct Trust<'k> {
    /// The listener's own system title, which no meter may have.
    pub title: Title,
    /// The keys that are shared with the meter; without them only plain notifications are told.
    pub keys: Option<Keys<'k>>,
    /// The least protection that a notification must have.
    pub protection: Protection,
}

/// A listener to one meter.
pub struct Listener<'b> {
    trust: Trust<'b>,
    /// Where blocks are put together and protections taken off.
    buffer: &'b mut [u8],
    /// Octets that were put together, and the block that came last.
    length: usize,
    got: u16,
    /// The meter's counter, and its title.
    received: Option<u32>,
    meter: Option<Title>,
}

const APDU: ClientError = ClientError::Protocol(Protocol::Apdu);

impl<'b> Listener<'b> {
    /// A listener that has heard nothing. Notifications may be as long as `buffer`, less [`HEADROOM`].
    #[must_use]
    pub fn new(trust: Trust<'b>, buffer: &'b mut [u8]) -> Self {
        Self {
            trust,
            buffer,
            length: 0,
            got: 0,
            received: None,
            meter: None,
        }
    }

    /// A listener that believes this meter alone, and of what it protects only what has a greater counter than the last one that was heard.
    #[must_use]
    pub fn after(trust: Trust<'b>, meter: Title, counter: Option<u32>, buffer: &'b mut [u8]) -> Self {
        Self {
            received: counter,
            meter: Some(meter),
            ..Self::new(trust, buffer)
        }
    }

    /// The meter's system title: the one that the listener was given, or that the first notification had which opened.
    #[must_use]
    pub const fn meter(&self) -> Option<Title> {
        self.meter
    }

    /// The counter of the last protected notification.
    #[must_use]
    pub const fn counter(&self) -> Option<u32> {
        self.received
    }

    /// Takes one PDU; `tell` is called with every notification that is whole now.
    ///
    /// # Errors
    /// Why it was no notification of this meter. A stream of blocks with a gap is forgotten: nobody can be asked.
    pub fn hear(&mut self, pdu: &[u8], tell: &mut dyn FnMut(Notification<'_>)) -> Result<(), ClientError> {
        let pdu = without_llc(pdu);
        if pdu.first() == Some(&tag::GENERAL_BLOCK) {
            return self.block(pdu, tell);
        }
        let place = self.buffer.get_mut(HEADROOM..).and_then(|it| it.get_mut(..pdu.len()));
        place.ok_or(ClientError::TooLong)?.copy_from_slice(pdu);
        self.whole(pdu.len(), tell)
    }

    fn block(&mut self, pdu: &[u8], tell: &mut dyn FnMut(Notification<'_>)) -> Result<(), ClientError> {
        let block = GeneralBlock::parse(pdu).map_err(|_| APDU)?;
        if block.number == 1 {
            (self.length, self.got) = (0, 0);
        }
        if block.number == self.got {
            // The same once more.
            return Ok(());
        }
        if self.got.checked_add(1) != Some(block.number) {
            (self.length, self.got) = (0, 0);
            return Err(ClientError::Protocol(Protocol::BlockNumber));
        }
        let from = HEADROOM + self.length;
        let place = self.buffer.get_mut(from..from + block.data.len());
        place.ok_or(ClientError::TooLong)?.copy_from_slice(block.data);
        self.length += block.data.len();
        self.got = block.number;
        if !block.last {
            return Ok(());
        }
        let length = self.length;
        (self.length, self.got) = (0, 0);
        self.whole(length, tell)
    }

    /// Opens and tells what stands in the buffer.
    fn whole(&mut self, length: usize, tell: &mut dyn FnMut(Notification<'_>)) -> Result<(), ClientError> {
        let mut range = HEADROOM..HEADROOM + length;
        let octets = self.buffer.get(range.clone()).unwrap_or(&[]);
        let first = octets.first().copied().ok_or(APDU)?;
        if Sealed::is_tag(first) {
            let sealed = Sealed::parse(octets).map_err(|_| APDU)?;
            if !sealed
                .protection()
                .covers(self.trust.protection | Protection::AUTHENTICATED)
            {
                return Err(ClientError::Unprotected);
            }
            let keys = self.trust.keys.ok_or(ClientError::Keys)?;
            let title = sealed.title.or(self.meter).ok_or(ClientError::Deciphering)?;
            if title == self.trust.title || self.meter.is_some_and(|meter| meter != title) {
                return Err(ClientError::Impostor);
            }
            range = open(self.buffer, HEADROOM, &sealed, keys, title).map_err(|_| ClientError::Deciphering)?;
            if self.received.is_some_and(|last| sealed.counter <= last) {
                return Err(ClientError::Replayed);
            }
            (self.received, self.meter) = (Some(sealed.counter), Some(title));
        } else if self.trust.protection != Protection::NONE {
            return Err(ClientError::Unprotected);
        }
        let mut octets = self.buffer.get(range).unwrap_or(&[]);
        while !octets.is_empty() {
            let mut reader = Reader::new(octets);
            tell(Notification::take(&mut reader).map_err(|_| APDU)?);
            octets = without_llc(reader.rest());
        }
        Ok(())
    }

    /// Writes the confirmation of a notification into `out`, protected as the notification had to be, with `counter`;
    /// answers its octets.
    ///
    /// # Errors
    /// When it does not fit, or the keys do not.
    pub fn confirm<'o>(
        &self,
        confirm: &NotificationConfirm<'_>,
        counter: u32,
        out: &'o mut [u8],
    ) -> Result<&'o [u8], ClientError> {
        let mut writer = Writer::new(out.get_mut(HEADROOM..).ok_or(ClientError::TooLong)?);
        confirm.emit(&mut writer).map_err(|_| ClientError::TooLong)?;
        let mut range = HEADROOM..HEADROOM + writer.len();
        if self.trust.protection != Protection::NONE {
            let keys = self.trust.keys.ok_or(ClientError::Keys)?;
            let by = self.trust.protection;
            range = seal(out, range, Envelope::GeneralGlobal, by, keys, self.trust.title, counter)
                .map_err(|_| ClientError::Keys)?;
        }
        Ok(out.get(range).unwrap_or(&[]))
    }
}

fn without_llc(pdu: &[u8]) -> &[u8] {
    pdu.strip_prefix(&LLC_RESPONSE)
        .or_else(|| pdu.strip_prefix(&LLC_COMMAND))
        .unwrap_or(pdu)
}
