//! One session: a PDU in, a PDU out, and what must be remembered between them.

use cosem::axdr::{Full, Writer};
use zeroize::Zeroize;

use super::answer::Cover;
use super::application::{Application, Caller, SecurityEvent, Status};
use super::association::{Association, Terms};
use super::blocks::{Blocks, Heard};
use super::buffers::{Outbox, PDU_MAX, Store};
use super::protection::Request;
use super::transfer::Transfer;
use crate::acse::{self, Mechanism};
use crate::apdu::{Exception, Invoke, Notification, NotificationConfirm, ServiceError, tag};
use crate::initiate::Conformance;
use crate::security::{Envelope, HEADROOM, KeySet, Protection};

/// Both ends of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's service access point.
    pub client: u16,
    /// The logical device's service access point.
    pub server: u16,
}

/// What a client has shown of itself, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing.
    #[default]
    Stranger,
    /// It has begun an association whose challenge it has not answered yet, which anybody can.
    Pending,
    /// It has an association for which nothing needs to be shown.
    Public,
    /// It has proved who it is.
    Proven,
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
    pub(super) blocks: Blocks,
    /// The next block goes out without waiting for the client.
    pub(super) streaming: bool,
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
            blocks: Blocks::Idle,
            streaming: false,
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

    /// What its client has shown of itself.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.caller() {
            None => Standing::Stranger,
            Some(caller) if caller.status == Status::Pending => Standing::Pending,
            Some(caller) if caller.mechanism == Mechanism::None => Standing::Public,
            Some(_) => Standing::Proven,
        }
    }

    /// The link below is gone: the association is over.
    pub fn lost(&mut self, app: &mut dyn Application) {
        self.close(app);
    }

    /// Serves the request in the first `length` octets of the inbox; answers whether there is an answer.
    ///
    /// When the answer is one of a stream of blocks, [`Session::proceed`] makes the next one.
    pub fn serve(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> bool {
        let length = length.min(PDU_MAX);
        if self.is_giving_to_another(peer) && !self.is_for_all(peer, app) {
            return false;
        }
        self.streaming = false;
        if self.inbox.get(HEADROOM) == Some(&tag::GENERAL_BLOCK) && 0 < length {
            return self.block(peer, length, app).unwrap_or_else(|exception| {
                (self.blocks, self.transfer) = (Blocks::Idle, Transfer::Idle);
                self.refuse(peer, exception, app);
                true
            });
        }
        self.outbox.clear();
        self.blocks = Blocks::Idle;
        if let Transfer::Streaming(_) = self.transfer {
            self.transfer = Transfer::Idle;
        }
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
            Some(&first) => {
                let associated = self.association.terms().is_some_and(|terms| terms.peer == peer);
                match ServiceError::to_request(first, associated) {
                    Some(error) => {
                        let fits = self.outbox.put(&error.octets());
                        debug_assert!(fits, "an empty outbox takes an error");
                        Ok(())
                    }
                    None if associated => self.request(peer, length, None, app),
                    None => self.unasked(peer, length, app),
                }
            }
        };
        if let Err(exception) = served {
            self.refuse(peer, exception, app);
        }
        0 < self.outbox.len()
    }

    /// Whether somebody else's request or answer goes in general blocks, of which the last may still be asked for: what a stranger is answered
    /// would take its place.
    fn is_giving_to_another(&self, peer: Peer) -> bool {
        let is_another = |terms: &Terms| terms.peer != peer;
        self.blocks != Blocks::Idle && self.association.terms().is_some_and(is_another)
    }

    /// Whether what is in the inbox is heard all the same: it begins a new association, or is said to all meters at once.
    fn is_for_all(&self, peer: Peer, app: &dyn Application) -> bool {
        self.inbox.get(HEADROOM) == Some(&acse::REQUEST) || app.pre_established(peer.client, peer.server).is_some()
    }

    /// Answers a request that was too long for the inbox.
    pub fn refuse_too_long(&mut self, peer: Peer, app: &mut dyn Application) {
        app.observe(peer.client, SecurityEvent::Malformed);
        self.refuse(peer, Exception::TOO_LONG, app);
    }

    /// An exception is always sent plain: it says nothing, and the other side may have no key to open it with.
    fn refuse(&mut self, peer: Peer, exception: Exception, app: &mut dyn Application) {
        if exception == Exception::MALFORMED {
            app.observe(peer.client, SecurityEvent::Malformed);
        }
        self.outbox.clear();
        let (octets, count) = exception.octets();
        let fits = self.outbox.put(octets.get(..count).unwrap_or(&[]));
        debug_assert!(fits, "an empty outbox takes an exception");
    }

    /// Serves a request; `heard` is what came of it in general blocks, if it came so.
    pub(super) fn request(
        &mut self,
        peer: Peer,
        length: usize,
        heard: Option<Heard>,
        app: &mut dyn Application,
    ) -> Result<(), Exception> {
        let terms = self.association.terms().filter(|terms| terms.peer == peer);
        if heard.is_none() && terms.is_some_and(|terms| usize::from(terms.receive_max) < length) {
            app.observe(peer.client, SecurityEvent::Malformed);
            return Err(Exception::TOO_LONG);
        }
        let Request {
            apdu,
            protection,
            mut cover,
            floor,
        } = self.unprotect(peer, length, app)?;
        let stands = if let Association::Open { .. } = self.association {
            let caller = self.association.caller(protection).ok_or(Exception::NOT_ALLOWED)?;
            let services = caller.conformance | app.tolerates(caller.client);
            let octets = self.inbox.get(apdu.clone()).unwrap_or(&[]);
            // ACCESS has no blocks of its own.
            let first = app.begins_general_blocks(caller.client)
                || octets.first() == Some(&tag::ACCESS_REQUEST)
                || !services.has(Conformance::BLOCKS_WITH_GET);
            cover.general_blocks = heard.is_some() || first && services.has(Conformance::GENERAL_BLOCK_TRANSFER);
            match octets.first() {
                Some(&tag::NOTIFICATION_CONFIRM) => {
                    let confirm = NotificationConfirm::parse(octets).map_err(|_| Exception::MALFORMED)?;
                    app.confirmed(&caller, confirm.invoke);
                    return Ok(());
                }
                // ACCESS has no ciphered form of its own.
                Some(&tag::ACCESS_REQUEST) => {
                    cover.sealed = cover.sealed.map(|(envelope, by)| (envelope.general(), by));
                }
                _ => {}
            }
            if !self.dispatch(apdu, &caller, cover, app)? {
                return Ok(());
            }
            true
        } else {
            self.reply_to_challenge(apdu, floor, app)?
        };
        self.protect(cover, app)?;
        if let Some(size) = cover.general_room()
            && (heard.is_some() || cover.pdu_max < self.outbox.len() || matches!(self.transfer, Transfer::Streaming(_)))
        {
            self.give_in_blocks(heard, size)?;
        }
        if !stands {
            self.end(app);
        }
        Ok(())
    }

    /// Serves a request of a client that has no association by having asked for it. It disturbs nobody who has, unless that one is served
    /// in general blocks: nothing of it is kept, and it is not answered.
    fn unasked(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> Result<(), Exception> {
        let Some(it) = app.pre_established(peer.client, peer.server) else {
            let first = self.inbox.get(HEADROOM).copied().unwrap_or_default();
            let exception = Exception::without_association(first);
            if exception == Exception::UNKNOWN {
                app.observe(peer.client, SecurityEvent::Malformed);
            }
            return Err(exception);
        };
        let suite = app.keys(peer.client, KeySet::Unicast).map(|keys| keys.suite);
        let terms = Terms::pre_established(peer, &it, suite);
        let association = core::mem::replace(&mut self.association, Association::Open { terms });
        let transfer = core::mem::replace(&mut self.transfer, Transfer::Idle);
        let served = self.unasked_request(peer, length, app);
        self.association = association;
        // The store may have been used.
        self.transfer = if served == Ok(true) { Transfer::Idle } else { transfer };
        served.map(drop)
    }

    /// Answers whether the store was used.
    fn unasked_request(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> Result<bool, Exception> {
        let uses = self.store.uses();
        let Request {
            apdu,
            protection,
            cover,
            ..
        } = self.unprotect(peer, length, app)?;
        if protection == Protection::NONE {
            app.observe(peer.client, SecurityEvent::Unprotected);
            return Err(Exception::NOT_ALLOWED);
        }
        let caller = self.association.caller(protection).ok_or(Exception::NOT_ALLOWED)?;
        let octets = self.inbox.get(apdu.clone()).unwrap_or(&[]);
        let unconfirmed = match octets {
            [tag::NOTIFICATION_CONFIRM, ..] => {
                let confirm = NotificationConfirm::parse(octets).map_err(|_| Exception::MALFORMED)?;
                app.confirmed(&caller, confirm.invoke);
                return Ok(false);
            }
            [tag::SET_REQUEST | tag::ACTION_REQUEST, form, invoke, ..] => {
                // Blocks must be confirmed, so there are none.
                let whole = matches!((octets.first(), form), (Some(&tag::SET_REQUEST), 1 | 4) | (_, 1 | 3));
                whole && !Invoke(*invoke).is_confirmed()
            }
            [tag::ACCESS_REQUEST, invoke, ..] => invoke & 0x40 == 0,
            _ => false,
        };
        if !unconfirmed {
            return Err(Exception::NOT_ALLOWED);
        }
        let _unanswered = self.dispatch(apdu, &caller, cover, app)?;
        Ok(self.store.uses() != uses)
    }

    /// How an answer goes out that is plain and in general blocks.
    pub(super) fn plain_cover(&self, app: &dyn Application) -> Result<Cover, Exception> {
        let terms = self.association.terms().ok_or(Exception::NOT_ALLOWED)?;
        let services = terms.conformance | app.tolerates(terms.peer.client);
        Ok(Cover {
            sealed: None,
            around: 0,
            pdu_max: terms.pdu_max(),
            general_blocks: services.has(Conformance::GENERAL_BLOCK_TRANSFER),
        })
    }

    /// Makes a notification to `peer` the answer: by the terms of its association, or of the one that is
    /// pre-established. `value` writes the notification's value; what stands in `head` as such is not used. One that is
    /// too long for a PDU goes out in general blocks, if the terms have them: then [`Session::proceed`] makes the next.
    ///
    /// # Errors
    /// Why nothing is sent: no association, no room, or no number to seal it with.
    pub fn notify(
        &mut self,
        peer: Peer,
        head: &Notification<'_>,
        value: &mut dyn FnMut(&mut Writer<'_>) -> Result<(), Full>,
        app: &mut dyn Application,
    ) -> Result<(), Exception> {
        self.streaming = false;
        self.blocks = Blocks::Idle;
        self.outbox.clear();
        let ours = self.association.terms().is_some_and(|terms| terms.peer == peer);
        if ours {
            return self.put_notification(head, value, app);
        }
        let it = app
            .pre_established(peer.client, peer.server)
            .ok_or(Exception::NOT_ALLOWED)?;
        let suite = app.keys(peer.client, KeySet::Unicast).map(|keys| keys.suite);
        let terms = Terms::pre_established(peer, &it, suite);
        let association = core::mem::replace(&mut self.association, Association::Open { terms });
        let put = self.put_notification(head, value, app);
        self.association = association;
        put
    }

    fn put_notification(
        &mut self,
        head: &Notification<'_>,
        value: &mut dyn FnMut(&mut Writer<'_>) -> Result<(), Full>,
        app: &mut dyn Application,
    ) -> Result<(), Exception> {
        let Association::Open { terms } = &self.association else {
            return Err(Exception::NOT_ALLOWED);
        };
        let service = match head {
            Notification::Data { .. } => Conformance::DATA_NOTIFICATION,
            Notification::Event { .. } => Conformance::EVENT_NOTIFICATION,
        };
        if !terms.conformance.has(service) {
            return Err(Exception::NOT_NEGOTIATED);
        }
        let by = terms.party.policy.response();
        let cover = Cover {
            // DataNotification has no ciphered form of its own, and whoever listens must learn the title.
            sealed: (by != Protection::NONE).then_some((Envelope::GeneralGlobal, by)),
            around: terms.party.around(Envelope::GeneralGlobal, by, app),
            pdu_max: terms.pdu_max(),
            general_blocks: terms.conformance.has(Conformance::GENERAL_BLOCK_TRANSFER),
        };
        self.outbox
            .write(cover.whole_room(), |out| {
                head.emit_head(out)?;
                value(out)
            })
            .map_err(|_| Exception::TOO_LONG)?;
        self.protect(cover, app)?;
        match cover.general_room() {
            Some(size) if cover.pdu_max < self.outbox.len() => self.give_unasked(size),
            _ => Ok(()),
        }
    }
}
