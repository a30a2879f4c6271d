//! The other side of an association as far as protection goes: how its messages open, and how answers to it are sealed
//! and signed.

use core::ops::Range;

use heapless::Vec;

use super::answer::Cover;
use super::application::{Application, SecurityEvent};
use super::buffers::PDU_MAX;
use super::session::Peer;
use crate::apdu::{Exception, ServiceFault, StateFault};
use crate::security::{
    CIPHERING, Curve, Dialect, Envelope, GeneralCiphered, GeneralSigned, Header, Key, KeyInfo, KeyNote, KeySet, Keys,
    OpenError, Policy, Protection, PublicKey, Purpose, SIGNING, Schedule, Scheme, Sealed, TRANSACTION_MAX, Title,
    derive, generate, open_general, open_with, seal_general, seal_with, sign_general, signing_overhead, unwrap,
    verify_ephemeral, wrap,
};

/// Whose messages these are.
pub(super) struct Party {
    pub(super) peer: Peer,
    /// The title that it came with.
    pub(super) title: Option<Title>,
    pub(super) policy: Policy,
    pub(super) dialect: Dialect,
    pub(super) dedicated: Option<Dedicated>,
    /// The key of its signatures, once it was needed.
    pub(super) signer: Option<PublicKey>,
    /// The transaction identifier of the last message that had a signature alone.
    signed_last: Vec<u8, TRANSACTION_MAX>,
    exchange: Exchange,
    /// The key of its last message, expanded.
    schedule: Schedule,
}

/// The key that a client chose for one association.
pub(super) struct Dedicated {
    pub(super) key: Key,
    /// The greatest counter that came with it.
    pub(super) last: Option<u32>,
    /// The last counter that was sent with it, when it has one of its own.
    pub(super) sent: u32,
}

/// What the last general-ciphering or general-signing request said, for the answer.
struct Exchange {
    transaction: Vec<u8, TRANSACTION_MAX>,
    kind: Kind,
    /// The client said a new key, so the answer says one too.
    renew: bool,
    incoming: Option<Key>,
    outgoing: Option<Key>,
    /// The static public key of the client, once it was needed.
    partner: Option<PublicKey>,
}

/// How the keys of general-ciphering come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Identified,
    Wrapped,
    OnePass,
    Static,
}

/// A message whose protection was taken off. Where the APDU is counts in the buffer.
pub(super) struct Opened {
    pub(super) apdu: Range<usize>,
    pub(super) protection: Protection,
    /// How the answer goes back; its longest PDU is still to be limited to what the client takes.
    pub(super) cover: Cover,
}

/// Why a message is not served: what the client is told, and what is noted.
pub(super) struct Distrust {
    pub(super) exception: Exception,
    pub(super) event: Option<SecurityEvent>,
}

impl From<Exception> for Distrust {
    fn from(exception: Exception) -> Self {
        Self { exception, event: None }
    }
}

impl From<SecurityEvent> for Distrust {
    fn from(event: SecurityEvent) -> Self {
        let exception = match event {
            SecurityEvent::Unprotected => Exception::NOT_ALLOWED,
            SecurityEvent::Replayed { expected, .. } => Exception {
                state: StateFault::NotAllowed,
                service: ServiceFault::Counter(expected),
            },
            _ => Exception::DECIPHERING,
        };
        Self {
            exception,
            event: Some(event),
        }
    }
}

impl From<OpenError> for Distrust {
    fn from(error: OpenError) -> Self {
        match error {
            // Compression is a service that is not there; nobody is suspected.
            OpenError::Compressed => Exception::UNKNOWN.into(),
            _ => SecurityEvent::DecryptionFailed.into(),
        }
    }
}

/// True for the tags of messages that are protected in any form.
pub(super) const fn is_protected(tag: u8) -> bool {
    Sealed::is_tag(tag) || matches!(tag, CIPHERING | SIGNING)
}

/// A transaction identifier as a number of any length: without leading zeros.
fn digits(transaction: &[u8]) -> &[u8] {
    let zeros = transaction.iter().take_while(|octet| **octet == 0).count();
    transaction.get(zeros..).unwrap_or(&[])
}

impl Party {
    pub(super) const fn new(peer: Peer, title: Option<Title>, policy: Policy, dialect: Dialect) -> Self {
        Self {
            peer,
            title,
            policy,
            dialect,
            dedicated: None,
            signer: None,
            signed_last: Vec::new(),
            exchange: Exchange {
                transaction: Vec::new(),
                kind: Kind::Identified,
                renew: false,
                incoming: None,
                outgoing: None,
                partner: None,
            },
            schedule: Schedule::new(),
        }
    }

    /// Takes the protection off the message at `message` of `buffer`, in place, and checks that it has enough of it.
    pub(super) fn open(
        &mut self,
        buffer: &mut [u8],
        message: Range<usize>,
        app: &mut dyn Application,
    ) -> Result<Opened, Distrust> {
        let octets = buffer.get(message.clone()).unwrap_or(&[]);
        let (content, signed) = if octets.first() == Some(&SIGNING) {
            let content = self.verify(octets, app)?;
            (
                message.start + content.start..message.start + content.end,
                Protection::SIGNED,
            )
        } else {
            (message, Protection::NONE)
        };
        let octets = buffer.get(content.clone()).unwrap_or(&[]);
        let (apdu, protection, envelope) = match octets.first() {
            Some(&CIPHERING) => self.open_general(buffer, content, signed, app)?,
            Some(&tag) if Sealed::is_tag(tag) => self.open_sealed(buffer, content, signed, app)?,
            _ => {
                if !self.policy.admits(signed) {
                    return Err(SecurityEvent::Unprotected.into());
                }
                if signed != Protection::NONE {
                    self.expect_later()?;
                }
                (content, signed, None)
            }
        };
        Ok(Opened {
            apdu,
            protection,
            cover: self.cover(envelope, protection, app),
        })
    }

    /// How an answer to a request with this protection is protected: as the request, and as the policy says.
    fn cover(&self, envelope: Option<Envelope>, protection: Protection, app: &dyn Application) -> Cover {
        let protection = protection | self.policy.response();
        if protection == Protection::NONE {
            return Cover {
                sealed: None,
                around: 0,
                pdu_max: PDU_MAX,
                general_blocks: false,
            };
        }
        // Protected answers to plain requests have a tag per service.
        let envelope = envelope.unwrap_or(Envelope::Global);
        Cover {
            sealed: Some((envelope, protection)),
            around: self.around(envelope, protection, app),
            pdu_max: PDU_MAX,
            general_blocks: false,
        }
    }

    /// Octets of an answer that stand around its sealed form.
    pub(super) fn around(&self, envelope: Envelope, protection: Protection, app: &dyn Application) -> usize {
        let title = app.system_title();
        let header = Header {
            transaction: &self.exchange.transaction,
            originator: &title,
            recipient: &title,
            dialect: self.dialect,
        };
        let pair = app
            .keys(self.peer.client, KeySet::Unicast)
            .and_then(|keys| Curve::of(keys.suite))
            .map_or(0, Curve::pair_length);
        let mut around = 0;
        if envelope == Envelope::GeneralCiphering && protection.ciphered() != Protection::NONE {
            let note = match self.exchange.kind {
                _ if !self.exchange.renew => 3,
                Kind::Identified => 3,
                Kind::Wrapped => 4 + crate::security::WRAPPED_MAX,
                Kind::OnePass => 6 + 2 * pair,
                Kind::Static => 5,
            };
            around += header.length() + note;
        }
        if protection.covers(Protection::SIGNED) {
            around += signing_overhead(header, pair, PDU_MAX);
        }
        around
    }

    /// Verifies a general-signing message and answers where its content is, from the start of the message.
    fn verify(&mut self, octets: &[u8], app: &mut dyn Application) -> Result<Range<usize>, Distrust> {
        let signed = GeneralSigned::parse(octets).map_err(|_| Exception::MALFORMED)?;
        let title = self.originator(signed.heading.originator, signed.heading.recipient, app)?;
        let public = match self.signer {
            Some(public) => public,
            None => app
                .public_key(self.peer.client, &title, Purpose::Signature)
                .map_err(SecurityEvent::Certificate)?,
        };
        if !signed.verify(octets, app.algorithms(), &public) {
            return Err(SecurityEvent::SignatureFailed.into());
        }
        self.signer = Some(public);
        self.note(octets, signed.heading.transaction);
        Ok(signed.content)
    }

    /// A message that has a signature alone has no counter: its transaction identifier must be greater than that of the one before, or it
    /// may be a recorded one.
    fn expect_later(&mut self) -> Result<(), Distrust> {
        let now = digits(&self.exchange.transaction);
        let last = digits(&self.signed_last);
        if (now.len(), now) <= (last.len(), last) {
            let low = |digits: &[u8]| {
                digits
                    .iter()
                    .fold(0, |number: u32, octet| number << 8 | u32::from(*octet))
            };
            return Err(Distrust {
                // It is no invocation counter.
                exception: Exception::DECIPHERING,
                event: Some(SecurityEvent::Replayed {
                    received: low(now),
                    expected: low(last).wrapping_add(1),
                }),
            });
        }
        self.signed_last.clone_from(&self.exchange.transaction);
        Ok(())
    }

    /// The title of the sender, when it may be the one who is said, and we are meant.
    fn originator(
        &self,
        said: Option<Title>,
        recipient: Option<Title>,
        app: &dyn Application,
    ) -> Result<Title, SecurityEvent> {
        let own = app.system_title();
        let failed = SecurityEvent::DecryptionFailed;
        let title = match (self.title, said) {
            (Some(known), said) if said.is_none_or(|said| said == known) => known,
            // Our own title in the client's mouth: our own messages, reflected, would open.
            (None, Some(said)) if said != own && app.expects_title(self.peer.client, &said) => said,
            _ => return Err(failed),
        };
        if recipient.is_none_or(|recipient| recipient == own) {
            Ok(title)
        } else {
            Err(failed)
        }
    }

    fn note(&mut self, octets: &[u8], transaction: Range<usize>) {
        self.exchange.transaction.clear();
        let fits = self
            .exchange
            .transaction
            .extend_from_slice(octets.get(transaction).unwrap_or(&[]));
        debug_assert!(fits.is_ok(), "the reader takes no longer one");
    }

    /// Opens a glo-, ded-, general-glo- or general-ded- message.
    fn open_sealed(
        &mut self,
        buffer: &mut [u8],
        message: Range<usize>,
        signed: Protection,
        app: &mut dyn Application,
    ) -> Result<(Range<usize>, Protection, Option<Envelope>), Distrust> {
        let octets = buffer.get(message.clone()).unwrap_or(&[]);
        let sealed = Sealed::parse(octets).map_err(|_| Exception::MALFORMED)?;
        let protection = sealed.protection() | signed;
        if !self.policy.admits(protection) {
            return Err(SecurityEvent::Unprotected.into());
        }
        let title = self.originator(sealed.title, None, app)?;
        let set = sealed.key_set();
        let (buffer, start) = (buffer.get_mut(..message.end).unwrap_or_default(), message.start);
        let client = self.peer.client;
        let apdu = if sealed.envelope.is_dedicated() {
            let keys = app.keys(client, KeySet::Unicast).ok_or(OpenError::Control)?;
            let dedicated = self.dedicated.as_mut().ok_or(OpenError::Control)?;
            let keys = Keys {
                encryption: &dedicated.key,
                ..keys
            };
            let apdu = open_with(&mut self.schedule, buffer, start, &sealed, keys, title)?;
            // Only now, with the tag verified, does the counter count.
            if dedicated.last.is_some_and(|last| sealed.counter <= last) {
                return Err(replayed(sealed.counter, dedicated.last).into());
            }
            dedicated.last = Some(sealed.counter);
            apdu
        } else {
            let keys = app.keys(client, set).ok_or(OpenError::Control)?;
            let apdu = open_with(&mut self.schedule, buffer, start, &sealed, keys, title)?;
            accept(client, set, sealed.counter, app)?;
            apdu
        };
        self.title = Some(title);
        Ok((apdu, protection, Some(sealed.envelope)))
    }

    /// Opens a general-ciphering message.
    fn open_general(
        &mut self,
        buffer: &mut [u8],
        message: Range<usize>,
        signed: Protection,
        app: &mut dyn Application,
    ) -> Result<(Range<usize>, Protection, Option<Envelope>), Distrust> {
        let octets = buffer.get(message.clone()).unwrap_or(&[]);
        let general = GeneralCiphered::parse(octets).map_err(|_| Exception::MALFORMED)?;
        let protection = general.protection() | signed;
        if !self.policy.admits(protection) {
            return Err(SecurityEvent::Unprotected.into());
        }
        let title = self.originator(general.heading.originator, general.heading.recipient, app)?;
        let client = self.peer.client;
        let mut set = KeySet::Unicast;
        let (kind, said) = match &general.key {
            KeyInfo::Absent => (self.exchange.kind, None),
            KeyInfo::Identified(identified) => {
                set = *identified;
                (Kind::Identified, None)
            }
            KeyInfo::Wrapped(wrapped) => {
                let wrapped = octets.get(wrapped.clone()).unwrap_or(&[]);
                let key = app.master_key().and_then(|master| unwrap(master, wrapped));
                (Kind::Wrapped, Some(key.ok_or(OpenError::Tag)?))
            }
            KeyInfo::OnePass { public, signature } => {
                let get = |range: &Range<usize>| octets.get(range.clone()).unwrap_or(&[]);
                let key = self.agree_one_pass(get(public), get(signature), &title, app)?;
                (Kind::OnePass, Some(key))
            }
            KeyInfo::Static => {
                let transaction = octets.get(general.heading.transaction.clone()).unwrap_or(&[]);
                let key = self.agree_static(transaction, true, &title, app)?;
                (Kind::Static, Some(key))
            }
        };
        let renew = !matches!(general.key, KeyInfo::Absent);
        self.note(octets, general.heading.transaction.clone());
        let buffer = buffer.get_mut(..message.end).unwrap_or_default();
        let keys = app.keys(client, set).ok_or(OpenError::Control)?;
        let session = said.as_ref().or(match kind {
            Kind::Identified => None,
            _ => self.exchange.incoming.as_ref(),
        });
        let keys = Keys {
            encryption: session.unwrap_or(keys.encryption),
            ..keys
        };
        if keys.encryption.octets().len() != keys.suite.key_length() {
            return Err(OpenError::Control.into());
        }
        let apdu = open_general(buffer, message.start, &general, keys, title, self.dialect)?;
        // Every key that a client may say again, on purpose or by an attacker's hand, has the one counter of the client:
        // a message that was recorded opens no second time.
        accept(client, set, general.counter, app)?;
        self.exchange.renew = renew;
        self.exchange.kind = kind;
        if renew {
            self.exchange.incoming = said;
            self.exchange.outgoing = None;
        }
        self.title = Some(title);
        Ok((apdu, protection, Some(Envelope::GeneralCiphering)))
    }

    fn agree_one_pass(
        &mut self,
        point: &[u8],
        signature: &[u8],
        title: &Title,
        app: &mut dyn Application,
    ) -> Result<Key, Distrust> {
        let algorithms = app.algorithms();
        let curve = self.curve(app).ok_or(OpenError::Control)?;
        let ephemeral = PublicKey::new(curve, point).ok_or(OpenError::Control)?;
        let signer = match self.signer {
            Some(signer) => signer,
            None => app
                .public_key(self.peer.client, title, Purpose::Signature)
                .map_err(SecurityEvent::Certificate)?,
        };
        if !verify_ephemeral(algorithms, &signer, point, signature) {
            return Err(SecurityEvent::SignatureFailed.into());
        }
        self.signer = Some(signer);
        let private = app.private_key(Purpose::Agreement).ok_or(OpenError::Control)?;
        let shared = algorithms.agree(private, &ephemeral).ok_or(OpenError::Control)?;
        let key = derive(algorithms, &shared, Scheme::Ephemeral, title, &app.system_title());
        Ok(key.ok_or(OpenError::Control)?)
    }

    /// The key of C(0e, 2s) of messages to us (`incoming`), or from us.
    fn agree_static(
        &mut self,
        transaction: &[u8],
        incoming: bool,
        title: &Title,
        app: &mut dyn Application,
    ) -> Result<Key, Distrust> {
        let partner = self.partner(title, app)?;
        let algorithms = app.algorithms();
        let private = app.private_key(Purpose::Agreement).ok_or(OpenError::Control)?;
        let shared = algorithms.agree(private, &partner).ok_or(OpenError::Control)?;
        let own = app.system_title();
        let (first, second) = if incoming { (title, &own) } else { (&own, title) };
        let key = derive(algorithms, &shared, Scheme::Static(transaction), first, second);
        Ok(key.ok_or(OpenError::Control)?)
    }

    /// The static public key of the client.
    fn partner(&mut self, title: &Title, app: &mut dyn Application) -> Result<PublicKey, Distrust> {
        if let Some(partner) = self.exchange.partner {
            return Ok(partner);
        }
        let partner = app
            .public_key(self.peer.client, title, Purpose::Agreement)
            .map_err(SecurityEvent::Certificate)?;
        self.exchange.partner = Some(partner);
        Ok(partner)
    }

    fn curve(&self, app: &dyn Application) -> Option<Curve> {
        app.keys(self.peer.client, KeySet::Unicast)
            .and_then(|keys| Curve::of(keys.suite))
    }

    /// Puts the protection on the answer at `apdu` of `buffer`; answers where it is then.
    pub(super) fn seal(
        &mut self,
        buffer: &mut [u8],
        apdu: Range<usize>,
        cover: Cover,
        app: &mut dyn Application,
    ) -> Result<Range<usize>, Exception> {
        let Some((envelope, protection)) = cover.sealed else {
            return Ok(apdu);
        };
        let mut range = apdu;
        if protection.ciphered() != Protection::NONE {
            range = self.seal_ciphered(buffer, range, envelope, protection.ciphered(), app)?;
        }
        if protection.covers(Protection::SIGNED) {
            let title = app.system_title();
            let recipient = self.title.unwrap_or_default();
            let header = Header {
                transaction: &self.exchange.transaction,
                originator: &title,
                recipient: &recipient,
                dialect: self.dialect,
            };
            let private = app.private_key(Purpose::Signature).ok_or(Exception::NOT_ALLOWED)?;
            range = sign_general(buffer, range, header, app.algorithms(), private).map_err(|_| Exception::TOO_LONG)?;
        }
        Ok(range)
    }

    fn seal_ciphered(
        &mut self,
        buffer: &mut [u8],
        apdu: Range<usize>,
        envelope: Envelope,
        protection: Protection,
        app: &mut dyn Application,
    ) -> Result<Range<usize>, Exception> {
        let client = self.peer.client;
        let own = app.system_title();
        // Unless the dialect says so, a dedicated key takes its numbers from the same counter: a client may come with the
        // same "dedicated" key again and again.
        let counter = match &mut self.dedicated {
            Some(dedicated) if envelope.is_dedicated() && self.dialect.dedicated_counter => {
                dedicated.sent = dedicated.sent.checked_add(1).ok_or(Exception::NOT_ALLOWED)?;
                dedicated.sent
            }
            _ => app.next_counter(client).map_err(|_| {
                app.observe(client, SecurityEvent::CounterExhausted);
                Exception::NOT_ALLOWED
            })?,
        };
        if envelope == Envelope::GeneralCiphering {
            return self.seal_general(buffer, apdu, protection, counter, app);
        }
        let keys = app.keys(client, KeySet::Unicast).ok_or(Exception::NOT_ALLOWED)?;
        let keys = match &self.dedicated {
            Some(dedicated) if envelope.is_dedicated() => Keys {
                encryption: &dedicated.key,
                ..keys
            },
            _ => keys,
        };
        let cover = (envelope, protection);
        seal_with(&mut self.schedule, buffer, apdu, cover, keys, own, counter).map_err(|_| Exception::TOO_LONG)
    }

    /// Seals an answer as general-ciphering, with a key that comes about as the client's did.
    fn seal_general(
        &mut self,
        buffer: &mut [u8],
        apdu: Range<usize>,
        protection: Protection,
        counter: u32,
        app: &mut dyn Application,
    ) -> Result<Range<usize>, Exception> {
        let refused = Exception::NOT_ALLOWED;
        let (client, own) = (self.peer.client, app.system_title());
        let recipient = self.title.ok_or(refused)?;
        let algorithms = app.algorithms();
        let suite = app.keys(client, KeySet::Unicast).ok_or(refused)?.suite;
        let mut wrapped = Vec::new();
        let mut ephemeral = None;
        let kind = self.exchange.kind;
        if self.exchange.renew {
            self.exchange.outgoing = match kind {
                Kind::Identified => None,
                Kind::Wrapped => {
                    let mut octets = [0; 32];
                    let place = octets.get_mut(..suite.key_length()).unwrap_or_default();
                    app.entropy(place);
                    let key = Key::new(place).ok_or(refused)?;
                    zeroize::Zeroize::zeroize(&mut octets);
                    wrapped = wrap(app.master_key().ok_or(refused)?, &key).ok_or(refused)?;
                    Some(key)
                }
                Kind::OnePass => {
                    let partner = self.partner(&recipient, app).map_err(|it| it.exception)?;
                    let curve = Curve::of(suite).ok_or(refused)?;
                    let (private, public) = generate(algorithms, curve, &mut |out| app.entropy(out)).ok_or(refused)?;
                    let shared = algorithms.agree(&private, &partner).ok_or(refused)?;
                    let signer = app.private_key(Purpose::Signature).ok_or(refused)?;
                    let scheme: &[u8] = if self.dialect.ephemeral_scheme_signed {
                        &[1]
                    } else {
                        &[]
                    };
                    let signature = algorithms.sign(signer, &[scheme, public.octets()]).ok_or(refused)?;
                    ephemeral = Some((public, signature));
                    derive(algorithms, &shared, Scheme::Ephemeral, &own, &recipient)
                }
                Kind::Static => {
                    let transaction = self.exchange.transaction.clone();
                    let key = self.agree_static(&transaction, false, &recipient, app);
                    Some(key.map_err(|it| it.exception)?)
                }
            };
        }
        let note = match (kind, self.exchange.renew, &ephemeral) {
            (Kind::Identified, true, _) => KeyNote::Identified(KeySet::Unicast),
            (Kind::Wrapped, true, _) => KeyNote::Wrapped(&wrapped),
            (Kind::OnePass, true, Some((public, signature))) => KeyNote::OnePass(public.octets(), signature.octets()),
            (Kind::Static, true, _) => KeyNote::Static,
            _ => KeyNote::Absent,
        };
        let keys = app.keys(client, KeySet::Unicast).ok_or(refused)?;
        let session = match kind {
            Kind::Identified => Some(keys.encryption),
            _ => self.exchange.outgoing.as_ref(),
        };
        let keys = Keys {
            encryption: session.ok_or(refused)?,
            ..keys
        };
        let header = Header {
            transaction: &self.exchange.transaction,
            originator: &own,
            recipient: &recipient,
            dialect: self.dialect,
        };
        seal_general(buffer, apdu, header, note, protection, keys, counter).map_err(|_| Exception::TOO_LONG)
    }
}

const fn replayed(received: u32, last: Option<u32>) -> SecurityEvent {
    let expected = match last {
        Some(last) => last.saturating_add(1),
        None => 0,
    };
    SecurityEvent::Replayed { received, expected }
}

/// Accepts the counter of a message whose tag was verified.
pub(super) fn accept(client: u16, set: KeySet, counter: u32, app: &mut dyn Application) -> Result<(), SecurityEvent> {
    let last = app.last_counter(client, set);
    if last.is_none_or(|last| last < counter) && app.accept_counter(client, set, counter).is_ok() {
        Ok(())
    } else {
        Err(SecurityEvent::Replayed {
            received: counter,
            expected: last.unwrap_or(0).saturating_add(1),
        })
    }
}
