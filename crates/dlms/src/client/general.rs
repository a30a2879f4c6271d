//! How a client proves who it is by mechanisms 2 to 7, and how it speaks general-ciphering and general-signing.

use core::ops::Range;

use heapless::Vec;

use super::error::{ClientError, Protocol};
use super::session::Session;
use super::settings::{Credentials, Identity, SessionKey};
use crate::security::{
    Answer, CIPHERING, Challenge, Curve, GeneralCiphered, GeneralSigned, HEADROOM, Header, Key, KeyInfo, KeyNote,
    KeySet, Keys, Proof, Protection, PublicKey, SYMMETRIC, Scheme, Sealed, Title, derive, gmac_token_in, open_general,
    seal_general, secret_answer, sign_general, signed_answer, signing_overhead, unwrap, verify_ephemeral,
    verify_gmac_token_in, verify_secret_answer, verify_signed_answer, wrap,
};

const APDU: ClientError = ClientError::Protocol(Protocol::Apdu);

/// What is remembered between two messages.
pub(super) struct General {
    /// The transaction identifier of the last request; its answer has the same. An association with a challenge has none of another one:
    /// they begin with octets of that.
    transaction: u64,
    /// The key of the meter's messages, once it said one.
    incoming: Option<Key>,
    /// Whether the meter knows the key of ours.
    is_said: bool,
}

impl General {
    pub(super) fn new(own: Option<&Challenge>) -> Self {
        let mut transaction = [0; 8];
        // Three octets count.
        let own = own.map_or(&[][..], Challenge::octets);
        for (octet, chance) in transaction.iter_mut().zip(own.iter().take(5)) {
            *octet = *chance;
        }
        Self {
            transaction: u64::from_be_bytes(transaction),
            incoming: None,
            is_said: false,
        }
    }
}

impl Session<'_> {
    fn identity(&self) -> Result<Identity<'_>, ClientError> {
        self.settings.identity.ok_or(ClientError::Keys)
    }

    /// Titles and challenges of our answer (`true`) or the meter's.
    fn proof<'a>(&self, ours: bool, own: &'a Challenge, theirs: &'a Challenge) -> Proof<'a> {
        // Mechanisms 2 to 4 do not speak of titles, so a meter may have said none.
        let (client, server) = (self.settings.title, self.server_title.unwrap_or_default());
        if ours {
            Proof {
                prover: client,
                verifier: server,
                challenge: theirs,
                own,
            }
        } else {
            Proof {
                prover: server,
                verifier: client,
                challenge: own,
                own: theirs,
            }
        }
    }

    /// Our answer to the meter's challenge.
    pub(super) fn prove(&mut self, challenge: &Challenge, own: &Challenge) -> Result<Answer, ClientError> {
        let proof = self.proof(true, own, challenge);
        let answer = match &self.settings.credentials {
            Credentials::Secret(mechanism, secret, _) => {
                let algorithms = self.settings.identity.map_or(SYMMETRIC, |it| it.algorithms);
                secret_answer(algorithms, *mechanism, secret, proof)
            }
            Credentials::Signature(_) => {
                let identity = self.identity()?;
                let signing = identity.signing.ok_or(ClientError::Keys)?;
                signed_answer(identity.algorithms, signing, proof)
            }
            Credentials::Probe(..) => return Err(ClientError::Keys),
            _ => {
                let keys = self.settings.keys.ok_or(ClientError::Keys)?;
                let counter = self.take_counter()?;
                let token = gmac_token_in(self.settings.dialect, keys, self.settings.title, counter, challenge);
                token.and_then(|token| Answer::from_slice(&token).ok())
            }
        };
        answer.ok_or(ClientError::Keys)
    }

    /// Whether the meter's answer to our challenge is right.
    pub(super) fn believes(&self, answer: &[u8]) -> bool {
        let (Some(own), Some(theirs)) = (self.settings.challenge(), &self.from_server) else {
            return false;
        };
        let proof = self.proof(false, own, theirs);
        match &self.settings.credentials {
            Credentials::Secret(mechanism, secret, _) => {
                let algorithms = self.settings.identity.map_or(SYMMETRIC, |it| it.algorithms);
                verify_secret_answer(algorithms, *mechanism, secret, proof, answer)
            }
            Credentials::Signature(_) => self.settings.identity.is_some_and(|it| {
                let public = it.meter_signing;
                public.is_some_and(|public| verify_signed_answer(it.algorithms, &public, proof, answer))
            }),
            _ => match (self.settings.keys, self.server_title) {
                (Some(keys), Some(title)) => {
                    verify_gmac_token_in(self.settings.dialect, keys, title, own, answer).is_some()
                }
                _ => false,
            },
        }
    }

    /// Octets of a request that stand around its sealed form.
    pub(super) fn general_overhead(&self) -> usize {
        let pair = self
            .settings
            .keys
            .and_then(|keys| Curve::of(keys.suite))
            .map_or(0, Curve::pair_length);
        // Transaction identifier, two titles, no time, nothing else.
        let header = 9 + 9 + 9 + 2;
        let ciphering = if self.settings.session_key.is_some() {
            header + 7 + 2 * pair.max(20)
        } else {
            0
        };
        let signing = if self.settings.protection.covers(Protection::SIGNED) {
            1 + header + 3 + 1 + pair
        } else {
            0
        };
        ciphering + signing
    }

    /// Seals the request as general-ciphering.
    pub(super) fn seal_general(&mut self, counter: u32) -> Result<Range<usize>, ClientError> {
        self.general.transaction = self.general.transaction.wrapping_add(1);
        let transaction = self.general.transaction.to_be_bytes();
        let (own, meter) = (self.settings.title, self.server_title.ok_or(ClientError::Keys)?);
        let keys = self.settings.keys.ok_or(ClientError::Keys)?;
        let mut wrapped = Vec::<u8, 40>::new();
        let mut signature = None;
        let mut point = None;
        let session = self.settings.session_key.ok_or(ClientError::Keys)?;
        let agreed = match session {
            SessionKey::Identified => None,
            SessionKey::Wrapped { master, key } => {
                wrapped = wrap(master, key).ok_or(ClientError::Keys)?;
                Some(key.clone())
            }
            SessionKey::OnePass => {
                let it = self.identity()?;
                let (ephemeral, partner) = it.ephemeral.zip(it.meter_agreement).ok_or(ClientError::Keys)?;
                let public = it.algorithms.public_key(ephemeral).ok_or(ClientError::Keys)?;
                let scheme: &[u8] = if self.settings.dialect.ephemeral_scheme_signed {
                    &[1]
                } else {
                    &[]
                };
                let signing = it.signing.ok_or(ClientError::Keys)?;
                signature = it.algorithms.sign(signing, &[scheme, public.octets()]);
                point = Some(public);
                let shared = it.algorithms.agree(ephemeral, &partner).ok_or(ClientError::Keys)?;
                derive(it.algorithms, &shared, Scheme::Ephemeral, &own, &meter)
            }
            SessionKey::Static => Some(self.static_key(&transaction, true)?),
        };
        // A static key hangs on the transaction, so it is said each time; the others once.
        let is_said = self.general.is_said && !self.settings.dialect.key_said_each_time;
        let note = match (session, is_said, &point, &signature) {
            (SessionKey::Identified, ..) => KeyNote::Identified(KeySet::Unicast),
            (SessionKey::Static, ..) => KeyNote::Static,
            (_, true, ..) => KeyNote::Absent,
            (SessionKey::Wrapped { .. }, ..) => KeyNote::Wrapped(&wrapped),
            (SessionKey::OnePass, _, Some(point), Some(signature)) => {
                KeyNote::OnePass(point.octets(), signature.octets())
            }
            _ => return Err(ClientError::Keys),
        };
        let encryption = match (session, &agreed) {
            (SessionKey::Identified, _) => keys.encryption,
            (_, Some(key)) => key,
            _ => return Err(ClientError::Keys),
        };
        let header = Header {
            transaction: &transaction,
            originator: &own,
            recipient: &meter,
            dialect: self.settings.dialect,
        };
        let protection = self.settings.protection.ciphered();
        let keys = Keys { encryption, ..keys };
        let sealed = seal_general(
            &mut *self.outbox,
            self.pdu.clone(),
            header,
            note,
            protection,
            keys,
            counter,
        )
        .map_err(|_| ClientError::Keys)?;
        self.general.is_said = true;
        Ok(sealed)
    }

    /// Seals the initiate request, which stands in `scratch` at `range`, under the session key: the meter may not have the key
    /// that it would be sealed with otherwise. Answers where the sealed form stands.
    pub(super) fn seal_initiate(
        &mut self,
        scratch: &mut [u8],
        range: Range<usize>,
        meter: Title,
    ) -> Result<Range<usize>, ClientError> {
        if matches!(self.settings.session_key, None | Some(SessionKey::Identified)) || !self.settings.is_sealing() {
            return Err(ClientError::Keys);
        }
        self.server_title = Some(meter);
        let initiate = scratch.get(range).unwrap_or(&[]);
        self.pdu = HEADROOM..HEADROOM + initiate.len();
        let place = self.outbox.get_mut(self.pdu.clone()).ok_or(ClientError::TooLong)?;
        place.copy_from_slice(initiate);
        let counter = self.take_counter()?;
        let sealed = self.seal_general(counter)?;
        let sealed = self.outbox.get(sealed).unwrap_or(&[]);
        let place = scratch.get_mut(..sealed.len()).ok_or(ClientError::TooLong)?;
        place.copy_from_slice(sealed);
        Ok(0..sealed.len())
    }

    /// Opens the initiate response to that, which stands in `scratch` at `range`; answers where it stands then.
    pub(super) fn open_initiate(
        &mut self,
        scratch: &mut [u8],
        range: Range<usize>,
    ) -> Result<Range<usize>, ClientError> {
        let sealed = scratch.get(range).unwrap_or(&[]);
        if sealed.first() != Some(&CIPHERING) {
            return Err(ClientError::Unprotected);
        }
        let message = HEADROOM..HEADROOM + sealed.len();
        let place = self.inbox.get_mut(message.clone()).ok_or(ClientError::TooLong)?;
        place.copy_from_slice(sealed);
        let opened = self.open_ciphered(message, false)?;
        let opened = self.inbox.get(opened).unwrap_or(&[]);
        let place = scratch.get_mut(..opened.len()).ok_or(ClientError::TooLong)?;
        place.copy_from_slice(opened);
        Ok(0..opened.len())
    }

    /// Signs what is in the outbox.
    pub(super) fn sign_general(&mut self) -> Result<Range<usize>, ClientError> {
        self.general.transaction = self.general.transaction.wrapping_add(1);
        let transaction = self.general.transaction.to_be_bytes();
        let (own, meter) = (self.settings.title, self.server_title.ok_or(ClientError::Keys)?);
        let it = self.settings.identity.ok_or(ClientError::Keys)?;
        let header = Header {
            transaction: &transaction,
            originator: &own,
            recipient: &meter,
            dialect: self.settings.dialect,
        };
        let signing = it.signing.ok_or(ClientError::Keys)?;
        debug_assert!(
            signing_overhead(header, 96, self.pdu.len()) < 160,
            "room was counted for it"
        );
        sign_general(&mut *self.outbox, self.pdu.clone(), header, it.algorithms, signing).map_err(|_| ClientError::Keys)
    }

    /// The key of C(0e, 2s) of our messages, or of the meter's.
    fn static_key(&self, transaction: &[u8], ours: bool) -> Result<Key, ClientError> {
        let it = self.identity()?;
        let (own, meter) = (self.settings.title, self.server_title.ok_or(ClientError::Keys)?);
        let (private, partner) = it.agreement.zip(it.meter_agreement).ok_or(ClientError::Keys)?;
        let shared = it.algorithms.agree(private, &partner).ok_or(ClientError::Keys)?;
        let (first, second) = if ours { (&own, &meter) } else { (&meter, &own) };
        derive(it.algorithms, &shared, Scheme::Static(transaction), first, second).ok_or(ClientError::Keys)
    }

    /// Opens an answer in a general form, in place; answers what is inside and whether that is the APDU itself.
    pub(super) fn open_general(
        &mut self,
        message: Range<usize>,
        lent: bool,
    ) -> Result<(Range<usize>, bool), ClientError> {
        let octets = self.buffer(lent).get(message.clone()).unwrap_or(&[]);
        if octets.first() == Some(&CIPHERING) {
            if self.settings.protection.covers(Protection::SIGNED) {
                return Err(ClientError::Unprotected);
            }
            return Ok((self.open_ciphered(message, lent)?, true));
        }
        let signed = GeneralSigned::parse(octets).map_err(|_| APDU)?;
        let it = self.identity()?;
        let public = it.meter_signing.ok_or(ClientError::Keys)?;
        let is_ours = signed
            .heading
            .recipient
            .is_none_or(|title| title == self.settings.title);
        if signed.heading.originator != self.server_title || !is_ours || !signed.verify(octets, it.algorithms, &public)
        {
            return Err(ClientError::Deciphering);
        }
        let transaction = octets.get(signed.heading.transaction.clone());
        let is_fresh = transaction == Some(&self.general.transaction.to_be_bytes()[..]);
        let content = message.start + signed.content.start..message.start + signed.content.end;
        let first = self.buffer(lent).get(content.start).copied().unwrap_or_default();
        if first == CIPHERING {
            return Ok((self.open_ciphered(content, lent)?, true));
        }
        let plain = !Sealed::is_tag(first);
        if plain && self.settings.protection.ciphered() != Protection::NONE {
            return Err(ClientError::Unprotected);
        }
        // What is sealed has a counter. Of a signature alone only this tells that it is no recorded one.
        if plain && !is_fresh {
            return Err(ClientError::Replayed);
        }
        Ok((content, plain))
    }

    fn buffer(&self, lent: bool) -> &[u8] {
        if lent { self.lent } else { &*self.inbox }
    }

    fn open_ciphered(&mut self, message: Range<usize>, lent: bool) -> Result<Range<usize>, ClientError> {
        let octets = self.buffer(lent).get(message.clone()).unwrap_or(&[]);
        let general = GeneralCiphered::parse(octets).map_err(|_| APDU)?;
        let least = self.settings.protection.ciphered() | Protection::AUTHENTICATED;
        if !general.protection().covers(least) {
            return Err(ClientError::Unprotected);
        }
        let meter: Title = self
            .server_title
            .filter(|title| general.heading.originator == Some(*title))
            .ok_or(ClientError::Deciphering)?;
        let own = self.settings.title;
        let get = |range: &Range<usize>| octets.get(range.clone()).unwrap_or(&[]);
        let said = match &general.key {
            KeyInfo::Absent | KeyInfo::Identified(_) => None,
            KeyInfo::Wrapped(wrapped) => match self.settings.session_key {
                Some(SessionKey::Wrapped { master, .. }) => unwrap(master, get(wrapped)),
                _ => None,
            },
            KeyInfo::OnePass { public, signature } => {
                let it = self.identity()?;
                let (private, signer) = it.agreement.zip(it.meter_signing).ok_or(ClientError::Keys)?;
                let point = get(public);
                if !verify_ephemeral(it.algorithms, &signer, point, get(signature)) {
                    return Err(ClientError::Deciphering);
                }
                let ephemeral = PublicKey::new(private.curve(), point).ok_or(APDU)?;
                let shared = it
                    .algorithms
                    .agree(private, &ephemeral)
                    .ok_or(ClientError::Deciphering)?;
                derive(it.algorithms, &shared, Scheme::Ephemeral, &meter, &own)
            }
            KeyInfo::Static => Some(self.static_key(get(&general.heading.transaction), false)?),
        };
        if said.is_some() {
            self.general.incoming = said;
        }
        let keys = self.settings.keys.ok_or(ClientError::Keys)?;
        let session = match (&general.key, self.settings.session_key) {
            (KeyInfo::Identified(_), _) | (_, Some(SessionKey::Identified) | None) => Some(keys.encryption),
            _ => self.general.incoming.as_ref(),
        };
        let keys = Keys {
            encryption: session.ok_or(ClientError::Deciphering)?,
            ..keys
        };
        let dialect = self.settings.dialect;
        let buffer: &mut [u8] = if lent { self.lent } else { &mut *self.inbox };
        let buffer = buffer.get_mut(..message.end).unwrap_or_default();
        let apdu = open_general(buffer, message.start, &general, keys, meter, dialect)
            .map_err(|_| ClientError::Deciphering)?;
        if self.received.is_some_and(|last| general.counter <= last) {
            return Err(ClientError::Replayed);
        }
        self.received = Some(general.counter);
        Ok(apdu)
    }
}
