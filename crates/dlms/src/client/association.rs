//! How a client comes into an association: the request, the meter's answer, the proof of both sides.

use core::ops::Range;

use cosem::axdr::{Octets, Reader, Writer};

use super::error::{ClientError, Protocol};
use super::general::General;
use super::session::{Kind, Next, Session, State, Work};
use super::settings::Credentials;
use crate::acse::{
    AssociationRequest, AssociationResponse, Context, Mechanism, Outcome as Granted, ReleaseRequest, ReleaseResponse,
};
use crate::apdu::{ActionRequest, ActionResponse, ActionResult, Exception, tag};
use crate::initiate::{self, InitiateError, InitiateRequest, InitiateResponse};
use crate::security::{Challenge, HEADROOM, Protection, Sealed, Title, open, seal};
use crate::server::PDU_MAX;

/// Octets of an initiate request or response, with a key said and two signatures around it at most.
const INITIATE_MAX: usize = 480;

const APDU: ClientError = ClientError::Protocol(Protocol::Apdu);
const VALUE: ClientError = ClientError::Protocol(Protocol::Value);

impl Session<'_> {
    pub(super) fn associate(&mut self) -> Result<(), ClientError> {
        // The initiate request carries the dedicated key: everybody could read it.
        let is_hidden = self.settings.seals_initiate() && self.settings.protection.covers(Protection::ENCRYPTED);
        if self.settings.dedicated.is_some() && !is_hidden {
            return Err(ClientError::Keys);
        }
        self.state = State::Associating;
        self.work = Work::Nothing;
        self.general = General::new(self.settings.challenge());
        self.received = None;
        (self.dedicated_sent, self.dedicated_received) = (0, None);
        self.send_max = PDU_MAX;
        let settings = self.settings.clone();
        let mut scratch = [0; HEADROOM + INITIATE_MAX];
        let range = self.put_initiate(&mut scratch, settings.dedicated.map(|key| key.octets()))?;
        let signs = settings.mechanism() == Mechanism::Ecdsa;
        let titled = settings.context == Context::Ciphered || settings.mechanism().is_high();
        let request = AssociationRequest {
            calling_title: titled.then_some(&settings.title),
            mechanism: Some(Some(settings.mechanism())),
            authentication: match &settings.credentials {
                Credentials::None => None,
                Credentials::Password(password) => Some(password),
                _ => settings.challenge().map(Challenge::octets),
            },
            calling_qualifier: settings.identity.and_then(|it| it.certificate).filter(|_| signs),
            ..AssociationRequest::new(settings.context, scratch.get(range).unwrap_or(&[]))
        };
        self.plain(|out| request.emit(out))
    }

    /// Writes the initiate request behind [`HEADROOM`], sealed where requests are; answers where it stands.
    fn put_initiate(&mut self, scratch: &mut [u8], dedicated_key: Option<&[u8]>) -> Result<Range<usize>, ClientError> {
        let mut out = Writer::new(scratch.get_mut(HEADROOM..).unwrap_or_default());
        let request = InitiateRequest {
            dedicated_key,
            response_allowed: true,
            quality: None,
            version: initiate::VERSION,
            conformance: self.settings.conformance,
            receive_max: self.settings.receive_max,
        };
        request.emit(&mut out).map_err(|_| ClientError::TooLong)?;
        let range = HEADROOM..HEADROOM + out.len();
        if let Some(meter) = self.settings.recovers_at {
            return self.seal_initiate(scratch, range, meter);
        }
        if !self.settings.seals_initiate() {
            return Ok(range);
        }
        let counter = self.take_counter()?;
        let settings = &self.settings;
        let keys = settings.keys.ok_or(ClientError::Keys)?;
        let by = settings.protection.ciphered();
        seal(
            scratch,
            range,
            settings.envelope(true),
            by,
            keys,
            settings.title,
            counter,
        )
        .map_err(|_| ClientError::Keys)
    }

    /// Asks for the end of the association. Whoever cannot seal releases plainly.
    pub(super) fn release(&mut self) -> Result<(), ClientError> {
        self.state = State::Releasing;
        let mut scratch = [0; HEADROOM + INITIATE_MAX];
        let sealed = if self.seals_release() {
            // The dedicated key is not said again: it ends here.
            Some(self.put_initiate(&mut scratch, None)?)
        } else {
            None
        };
        let request = ReleaseRequest {
            reason: Some(0),
            information: sealed.and_then(|range| scratch.get(range)),
        };
        self.plain(|out| request.emit(out))
    }

    /// The meter's answer to a release.
    pub(super) fn released(&mut self, range: Range<usize>) -> Result<Next, ClientError> {
        let octets = self.inbox.get(range).unwrap_or(&[]);
        if octets.first() == Some(&tag::EXCEPTION) {
            return Err(Exception::parse(octets).map_or(APDU, ClientError::Exception));
        }
        let response = ReleaseResponse::parse(octets).map_err(|_| APDU)?;
        if self.seals_release() {
            let information = response.information.ok_or(ClientError::Unprotected)?;
            let title = self.server_title.ok_or(ClientError::Deciphering)?;
            let mut scratch = [0; HEADROOM + INITIATE_MAX];
            let (plain, counter) = self.open_sealed_initiate(information, title, &mut scratch)?;
            if self.received.is_some_and(|last| counter <= last) {
                return Err(ClientError::Replayed);
            }
            InitiateResponse::parse(scratch.get(plain).unwrap_or(&[])).map_err(|_| APDU)?;
            self.received = Some(counter);
        }
        self.state = State::Closed;
        self.finished(Kind::Released)
    }

    fn seals_release(&self) -> bool {
        self.settings.sealed_release && self.settings.seals_initiate() && self.settings.recovers_at.is_none()
    }

    /// Opens the meter's initiate response of an AARE or RLRE; answers where it stands in `scratch`, and its counter.
    fn open_sealed_initiate(
        &self,
        information: &[u8],
        title: Title,
        scratch: &mut [u8],
    ) -> Result<(Range<usize>, u32), ClientError> {
        let sealed = Sealed::parse(information).map_err(|_| ClientError::Unprotected)?;
        if !sealed.protection().covers(self.settings.protection.ciphered()) {
            return Err(ClientError::Unprotected);
        }
        let keys = self.settings.keys.ok_or(ClientError::Keys)?;
        let place = scratch.get_mut(HEADROOM..HEADROOM + information.len()).ok_or(APDU)?;
        place.copy_from_slice(information);
        let plain = open(scratch, HEADROOM, &sealed, keys, title).map_err(|_| ClientError::Deciphering)?;
        Ok((plain, sealed.counter))
    }

    pub(super) fn associated(&mut self, range: Range<usize>) -> Result<Next, ClientError> {
        let octets = self.inbox.get(range).unwrap_or(&[]);
        if octets.first() == Some(&tag::EXCEPTION) {
            return Err(Exception::parse(octets).map_or(APDU, ClientError::Exception));
        }
        let response = AssociationResponse::parse(octets).map_err(|_| APDU)?;
        if response.outcome != Granted::Accepted {
            let initiate = response.information.and_then(InitiateError::parse);
            let (outcome, diagnostic) = (response.outcome, response.diagnostic);
            return Err(ClientError::Refused {
                outcome,
                diagnostic,
                initiate,
            });
        }
        let title = response.responding_title.and_then(|title| Title::try_from(title).ok());
        // The meter with our own title, or with our own challenge, would be ourselves in a mirror.
        if title == Some(self.settings.title) {
            return Err(ClientError::Impostor);
        }
        let challenge = response.authentication.and_then(Challenge::new);
        let information = response.information.ok_or(APDU)?;
        let mut scratch = [0; HEADROOM + INITIATE_MAX];
        let place = HEADROOM..HEADROOM + information.len();
        scratch.get_mut(place.clone()).ok_or(APDU)?.copy_from_slice(information);
        let mut plain = place;
        let mut received = None;
        if let Some(meter) = self.settings.recovers_at {
            if title.is_some_and(|title| title != meter) {
                return Err(ClientError::Impostor);
            }
            plain = self.open_initiate(&mut scratch, plain)?;
            received = self.received;
        } else if self.settings.seals_initiate() {
            let title = title.ok_or(ClientError::Deciphering)?;
            let (opened, counter) = self.open_sealed_initiate(information, title, &mut scratch)?;
            (plain, received) = (opened, Some(counter));
        }
        let granted = InitiateResponse::parse(scratch.get(plain).unwrap_or(&[])).map_err(|_| APDU)?;
        self.received = received;
        self.server_title = title.or(self.settings.recovers_at);
        self.conformance = granted.conformance & self.settings.conformance | self.settings.assumed;
        self.send_max = match usize::from(granted.receive_max) {
            0 => PDU_MAX,
            limit => limit.min(PDU_MAX),
        };
        let Some(own) = self.settings.challenge().cloned() else {
            self.state = State::Open;
            return self.finished(Kind::Associated);
        };
        let challenge = challenge.filter(|it| *it != own).ok_or(ClientError::Impostor)?;
        let token = self.prove(&challenge, &own)?;
        self.from_server = Some(challenge);
        self.state = State::Proving;
        let invoke = self.invoke;
        self.request(|out| {
            ActionRequest::Normal(invoke, crate::server::REPLY_TO_CHALLENGE, Some(&[])).emit(out)?;
            out.value(Octets(&token))
        })?;
        Ok(Next::Send)
    }

    /// The meter's answer to our challenge.
    pub(super) fn proven(&mut self, apdu: Range<usize>) -> Result<Next, ClientError> {
        let octets = self.inbox.get(apdu).unwrap_or(&[]);
        let response = ActionResponse::parse(octets).map_err(|_| APDU)?;
        let ActionResponse::Normal(
            _,
            ActionResult {
                result: Ok(()),
                returned: Some(Ok(token)),
            },
        ) = response
        else {
            return Err(ClientError::Impostor);
        };
        let mut reader = Reader::new(token);
        let Octets(token) = reader.value().map_err(|_| VALUE)?;
        if !self.believes(token) {
            return Err(ClientError::Impostor);
        }
        self.state = State::Open;
        self.finished(Kind::Associated)
    }
}
