//! The protection of requests comes off, the protection of answers goes on (IEC 62056-5-3, 5.7; 7.3.13).

use core::ops::Range;

use super::answer::Cover;
use super::application::{Application, SecurityEvent};
use super::party::{Distrust, Opened, is_protected};
use super::session::{Peer, Session};
use crate::apdu::{Exception, tag};
use crate::initiate::Conformance;
use crate::security::{CIPHERING, HEADROOM, KeySet, Protection, SIGNING};

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
        let known = is_protected(first)
            || matches!(
                first,
                tag::GET_REQUEST
                    | tag::SET_REQUEST
                    | tag::ACTION_REQUEST
                    | tag::ACCESS_REQUEST
                    | tag::NOTIFICATION_CONFIRM
            );
        if !known {
            app.observe(peer.client, SecurityEvent::Malformed);
            return Err(Exception::UNKNOWN);
        }
        let Some(terms) = terms else {
            return Err(Exception::NOT_ALLOWED);
        };
        if is_protected(first) && terms.suite.is_none() {
            return Err(Exception::NOT_ALLOWED);
        }
        if matches!(first, CIPHERING | SIGNING) && !terms.conformance.has(Conformance::GENERAL_PROTECTION) {
            return Err(Exception::NOT_NEGOTIATED);
        }
        let client = peer.client;
        let floor = app.last_counter(client, KeySet::Unicast);
        let opened = terms.party.open(&mut self.inbox, HEADROOM..HEADROOM + length, app);
        let Opened {
            apdu,
            protection,
            mut cover,
        } = opened.map_err(|Distrust { exception, event }| {
            if let Some(event) = event {
                app.observe(client, event);
            }
            exception
        })?;
        cover.pdu_max = terms.pdu_max();
        Ok(Request {
            apdu,
            protection,
            cover,
            floor,
        })
    }

    /// Puts the protection on an answer.
    pub(super) fn protect(&mut self, cover: Cover, app: &mut dyn Application) -> Result<(), Exception> {
        if cover.sealed.is_none() {
            return Ok(());
        }
        let terms = self.association.terms_mut().ok_or(Exception::NOT_ALLOWED)?;
        let (buffer, apdu) = self.outbox.parts();
        let sealed = terms.party.seal(buffer, apdu, cover, app)?;
        self.outbox.moved(sealed);
        Ok(())
    }
}
