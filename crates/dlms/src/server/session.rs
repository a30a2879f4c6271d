//! One session: a PDU in, a PDU out, and what must be remembered between them.

use zeroize::Zeroize;

use super::application::{Application, Caller};
use super::association::Association;
use super::buffers::{Outbox, PDU_MAX, Store};
use super::protection::Request;
use super::transfer::Transfer;
use crate::acse;
use crate::apdu::Exception;
use crate::security::{HEADROOM, Protection};

/// Both ends of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's service access point.
    pub client: u16,
    /// The logical device's service access point.
    pub server: u16,
}

/// The state of one link above its framing: buffers, one association, one transfer. About 6.5 kB, no heap.
///
/// A request is written into [`Session::inbox`] and served by [`Session::serve`]; its answer stays in
/// [`Session::answer`] until the next request is served, so that a link can send it again.
pub struct Session {
    pub(super) inbox: [u8; HEADROOM + PDU_MAX],
    pub(super) outbox: Outbox,
    pub(super) store: Store,
    pub(super) association: Association,
    pub(super) transfer: Transfer,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A session without an association.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            inbox: [0; HEADROOM + PDU_MAX],
            outbox: Outbox::new(),
            store: Store::new(),
            association: Association::Closed,
            transfer: Transfer::Idle,
        }
    }

    /// Where a request is to be written.
    pub fn inbox(&mut self) -> &mut [u8] {
        self.inbox.get_mut(HEADROOM..).unwrap_or_default()
    }

    /// The answer to the last request, with what was put before it.
    #[must_use]
    pub fn answer(&self) -> &[u8] {
        self.outbox.octets()
    }

    /// Puts the octets of a link's header before the answer.
    pub fn prepend(&mut self, header: &[u8]) {
        let fits = self.outbox.prepend(header);
        debug_assert!(fits, "the headroom is made for it");
    }

    /// The client of the association, if there is one.
    #[must_use]
    pub fn client(&self) -> Option<u16> {
        self.association.terms().map(|terms| terms.peer.client)
    }

    /// Who the association is with and what it allows, if there is one.
    #[must_use]
    pub fn caller(&self) -> Option<Caller> {
        self.association.caller(Protection::NONE)
    }

    /// The link below is gone: the association is over.
    pub fn lost(&mut self, app: &mut dyn Application) {
        self.close(app);
    }

    /// Serves the request in the first `length` octets of the inbox; answers whether there is an answer.
    pub fn serve(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> bool {
        self.outbox.clear();
        let length = length.min(PDU_MAX);
        let served = match self.inbox.get(HEADROOM).filter(|_| 0 < length) {
            None => return false,
            Some(&acse::REQUEST) => {
                let associated = self.associate(peer, length, app);
                // Password and dedicated key have stood in these.
                self.inbox.zeroize();
                self.store.lend().zeroize();
                associated
            }
            Some(&acse::RELEASE_REQUEST) => self.release(peer, length, app),
            Some(_) => self.request(peer, length, app),
        };
        if let Err(exception) = served {
            self.refuse(exception);
        }
        0 < self.outbox.len()
    }

    /// Answers a request that was too long for the inbox.
    pub fn refuse_too_long(&mut self) {
        self.refuse(Exception::TOO_LONG);
    }

    /// An exception is always sent plain: it says nothing, and the other side may have no key to open it with.
    fn refuse(&mut self, exception: Exception) {
        self.outbox.clear();
        let (octets, count) = exception.octets();
        let fits = self.outbox.put(octets.get(..count).unwrap_or(&[]));
        debug_assert!(fits, "an empty outbox takes an exception");
    }

    fn request(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> Result<(), Exception> {
        let Request {
            apdu,
            protection,
            cover,
            floor,
        } = self.unprotect(peer, length, app)?;
        let stands = if let Association::Open { .. } = self.association {
            let caller = self.association.caller(protection).ok_or(Exception::NOT_ALLOWED)?;
            self.dispatch(apdu, &caller, cover, app)?;
            true
        } else {
            self.reply_to_challenge(apdu, floor, app)?
        };
        self.protect(cover, app)?;
        if !stands {
            self.close(app);
        }
        Ok(())
    }
}
