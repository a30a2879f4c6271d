//! One session: a PDU in, a PDU out, and what must be remembered between them.

use core::ops::Range;

use zeroize::Zeroize;

use super::answer::Cover;
use super::application::{Application, Caller, SecurityEvent};
use super::association::{Association, ENVELOPE, accept};
use super::buffers::{Outbox, PDU_MAX, Store};
use super::transfer::Transfer;
use crate::acse;
use crate::apdu::{Exception, ServiceFault, StateFault, tag};
use crate::security::{HEADROOM, Keys, Protection, Sealed, open, seal};

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

/// A request whose protection was taken off.
struct Request {
    apdu: Range<usize>,
    protection: Protection,
    cover: Cover,
    /// The last counter before this message.
    floor: Option<u32>,
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

    /// Takes the protection off a request and checks that it has enough of it.
    fn unprotect(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> Result<Request, Exception> {
        let terms = self.association.terms_mut().filter(|terms| terms.peer == peer);
        let octets = self.inbox.get(HEADROOM..HEADROOM + length).unwrap_or(&[]);
        let first = octets.first().copied().unwrap_or_default();
        let known = Sealed::is_tag(first) || matches!(first, tag::GET_REQUEST | tag::SET_REQUEST | tag::ACTION_REQUEST);
        let Some(terms) = terms else {
            return Err(if known {
                Exception::NOT_ALLOWED
            } else {
                Exception::UNKNOWN
            });
        };
        if !known {
            return Err(Exception::UNKNOWN);
        }
        if usize::from(terms.receive_max) < length {
            return Err(Exception::TOO_LONG);
        }
        let client = peer.client;
        let floor = app.last_counter(client);
        if !Sealed::is_tag(first) {
            if !terms.policy.admits(Protection::NONE) {
                app.observe(client, SecurityEvent::Unprotected);
                return Err(Exception::NOT_ALLOWED);
            }
            let response = terms.policy.response();
            let sealed = (response != Protection::NONE).then_some((ENVELOPE, response));
            let cover = Cover {
                sealed,
                pdu_max: terms.pdu_max(),
            };
            return Ok(Request {
                apdu: HEADROOM..HEADROOM + length,
                protection: Protection::NONE,
                cover,
                floor,
            });
        }

        if terms.suite.is_none() {
            return Err(Exception::NOT_ALLOWED);
        }
        let sealed = Sealed::parse(octets).map_err(|_| Exception::MALFORMED)?;
        let protection = sealed.protection();
        if !terms.policy.admits(protection) {
            app.observe(client, SecurityEvent::Unprotected);
            return Err(Exception::NOT_ALLOWED);
        }
        let opened = {
            let title = terms
                .title
                .filter(|title| sealed.title.is_none_or(|said| said == *title));
            match (app.keys(client), title, &terms.dedicated) {
                (Some(keys), Some(title), Some(dedicated)) if sealed.envelope.is_dedicated() => {
                    let keys = Keys {
                        encryption: &dedicated.key,
                        ..keys
                    };
                    open(&mut self.inbox, HEADROOM, &sealed, keys, title).ok()
                }
                (Some(keys), Some(title), _) if !sealed.envelope.is_dedicated() => {
                    open(&mut self.inbox, HEADROOM, &sealed, keys, title).ok()
                }
                _ => None,
            }
        };
        let Some(apdu) = opened else {
            app.observe(client, SecurityEvent::DecryptionFailed);
            return Err(Exception::DECIPHERING);
        };
        // Only now, with the tag verified, does the counter count.
        let fresh = match &mut terms.dedicated {
            Some(dedicated) if sealed.envelope.is_dedicated() => {
                let expected = dedicated.last.map_or(0, |last| last.saturating_add(1));
                if dedicated.last.is_none_or(|last| last < sealed.counter) {
                    dedicated.last = Some(sealed.counter);
                    Ok(())
                } else {
                    Err(SecurityEvent::Replayed {
                        received: sealed.counter,
                        expected,
                    })
                }
            }
            _ => accept(client, sealed.counter, app),
        };
        if let Err(event) = fresh {
            app.observe(client, event);
            let expected = if let SecurityEvent::Replayed { expected, .. } = event {
                expected
            } else {
                0
            };
            return Err(Exception {
                state: StateFault::NotAllowed,
                service: ServiceFault::Counter(expected),
            });
        }
        let cover = Cover {
            sealed: Some((sealed.envelope, protection | terms.policy.response())),
            pdu_max: terms.pdu_max(),
        };
        Ok(Request {
            apdu,
            protection,
            cover,
            floor,
        })
    }

    /// Puts the protection on an answer.
    fn protect(&mut self, cover: Cover, app: &mut dyn Application) -> Result<(), Exception> {
        let Some((envelope, protection)) = cover.sealed else {
            return Ok(());
        };
        let terms = self.association.terms().ok_or(Exception::NOT_ALLOWED)?;
        let client = terms.peer.client;
        // A dedicated key takes its numbers from the same counter: a client may come with the same "dedicated" key
        // again and again.
        let Ok(counter) = app.next_counter(client) else {
            app.observe(client, SecurityEvent::CounterExhausted);
            return Err(Exception::NOT_ALLOWED);
        };
        let title = app.system_title();
        let keys = app.keys(client).ok_or(Exception::NOT_ALLOWED)?;
        let keys = match &terms.dedicated {
            Some(dedicated) if envelope.is_dedicated() => Keys {
                encryption: &dedicated.key,
                ..keys
            },
            _ => keys,
        };
        let (buffer, apdu) = self.outbox.parts();
        let sealed = seal(buffer, apdu, envelope, protection, keys, title, counter).map_err(|_| Exception::TOO_LONG)?;
        self.outbox.moved(sealed);
        Ok(())
    }
}
