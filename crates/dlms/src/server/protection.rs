//! The protection of requests comes off, the protection of answers goes on (IEC 62056-5-3, 5.7; 7.3.13).

use core::ops::Range;

use super::answer::Cover;
use super::application::{Application, SecurityEvent};
use super::association::{ENVELOPE, accept};
use super::session::{Peer, Session};
use crate::apdu::{Exception, ServiceFault, StateFault, tag};
use crate::security::{HEADROOM, Keys, Protection, Sealed, open, seal};

/// A request whose protection was taken off.
pub(super) struct Request {
    pub(super) apdu: Range<usize>,
    pub(super) protection: Protection,
    pub(super) cover: Cover,
    /// The last counter before this message.
    pub(super) floor: Option<u32>,
}

impl Session {
    /// Takes the protection off a request and checks that it has enough of it.
    pub(super) fn unprotect(
        &mut self,
        peer: Peer,
        length: usize,
        app: &mut dyn Application,
    ) -> Result<Request, Exception> {
        let terms = self.association.terms_mut().filter(|terms| terms.peer == peer);
        let octets = self.inbox.get(HEADROOM..HEADROOM + length).unwrap_or(&[]);
        let first = octets.first().copied().unwrap_or_default();
        let known = Sealed::is_tag(first)
            || matches!(
                first,
                tag::GET_REQUEST
                    | tag::SET_REQUEST
                    | tag::ACTION_REQUEST
                    | tag::ACCESS_REQUEST
                    | tag::NOTIFICATION_CONFIRM
            );
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
                general_blocks: false,
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
            general_blocks: false,
        };
        Ok(Request {
            apdu,
            protection,
            cover,
            floor,
        })
    }

    /// Puts the protection on an answer.
    pub(super) fn protect(&mut self, cover: Cover, app: &mut dyn Application) -> Result<(), Exception> {
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
