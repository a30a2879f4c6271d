//! How associations are made and end (IEC 62056-5-3, 6.2 to 6.4; 7.2).
//!
//! ```text
//!            AARQ, no or right password
//!   Closed ------------------------------> Open
//!     |  AARQ, GMAC              right      ^
//!     +--------------> Pending -------------+
//!   Pending, Open -- RLRQ, wrong answer, link lost --> Closed
//!   Pending, Open -- AARQ --> as from Closed, the old association is over
//! ```

use cosem::axdr::{Octets, Reader, Writer};
use cosem::{Method, Obis};

use super::answer::Cover;
use super::application::{Application, Caller, PreEstablished, Profile, Proposal, SecurityEvent, Status};
use super::blocks::Blocks;
use super::buffers::PDU_MAX;
use super::party::{Dedicated, Opened, Party, is_protected};
use super::session::{Peer, Session};
use super::transfer::Transfer;
use crate::acse::{AssociationRequest, AssociationResponse, Context, Diagnostic, Mechanism, Outcome};
use crate::acse::{ReleaseRequest, ReleaseResponse};
use crate::apdu::{ActionRequest, ActionResponse, ActionResult, Exception};
use crate::initiate::{self, Conformance, InitiateError, InitiateRequest, InitiateResponse};
use crate::security::{
    ANSWER_MAX, Answer, CertificateFault, Challenge, HEADROOM, Key, KeySet, Policy, Proof, Protection, Purpose, Suite,
    Title, gmac_token_in, passwords_match, secret_answer, signed_answer, verify_gmac_token_in, verify_secret_answer,
    verify_signed_answer,
};

/// Octets of the challenges that this server makes.
const CHALLENGE_LENGTH: usize = 32;

/// The shortest PDU that a client may be limited to (IEC 62056-5-3, 7.3.2: 0C).
const PDU_MIN: u16 = 12;

/// The longest PDU that a client may be allowed to send.
const PDU_LIMIT: u16 = 2048;
const _: () = assert!(PDU_LIMIT as usize == PDU_MAX, "both say the same");

/// Where an association is.
pub(super) enum Association {
    /// There is none.
    Closed,
    /// The challenges wait for their answers.
    Pending {
        terms: Terms,
        /// CtoS.
        from_client: Challenge,
        /// StoC.
        from_server: Challenge,
    },
    /// It stands.
    Open { terms: Terms },
}

/// What was agreed.
pub(super) struct Terms {
    pub(super) peer: Peer,
    pub(super) context: Context,
    pub(super) mechanism: Mechanism,
    pub(super) conformance: Conformance,
    /// The longest PDU that the client takes, as it said; 0 for any.
    pub(super) send_max: u16,
    pub(super) receive_max: u16,
    pub(super) suite: Option<Suite>,
    pub(super) party: Party,
}

impl Association {
    pub(super) const fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Closed => None,
            Self::Pending { terms, .. } | Self::Open { terms } => Some(terms),
        }
    }

    pub(super) const fn terms_mut(&mut self) -> Option<&mut Terms> {
        match self {
            Self::Closed => None,
            Self::Pending { terms, .. } | Self::Open { terms } => Some(terms),
        }
    }

    /// The caller that a request with this protection has; `None` without an association.
    pub(super) fn caller(&self, protection: Protection) -> Option<Caller> {
        let terms = self.terms()?;
        Some(Caller {
            client: terms.peer.client,
            server: terms.peer.server,
            context: terms.context,
            mechanism: terms.mechanism,
            suite: terms.suite,
            protection,
            conformance: terms.conformance,
            send_max: terms.send_max,
            receive_max: terms.receive_max,
            status: if matches!(self, Self::Open { .. }) {
                Status::Associated
            } else {
                Status::Pending
            },
        })
    }
}

impl Terms {
    /// The longest PDU that may be sent.
    pub(super) fn pdu_max(&self) -> usize {
        match usize::from(self.send_max) {
            0 => PDU_MAX,
            limit => limit.min(PDU_MAX),
        }
    }

    /// The terms of an association that stands without having been asked for.
    pub(super) fn pre_established(peer: Peer, it: &PreEstablished, suite: Option<Suite>) -> Self {
        Self {
            peer,
            context: Context::Ciphered,
            mechanism: Mechanism::None,
            conformance: it.profile.conformance,
            send_max: it.send_max,
            receive_max: receive_max(it.profile),
            suite,
            party: Party::new(peer, it.title, it.profile.policy, it.profile.dialect),
        }
    }

    fn initiate_response(&self) -> InitiateResponse {
        InitiateResponse {
            quality: None,
            conformance: self.conformance,
            receive_max: self.receive_max,
        }
    }
}

/// The longest PDU that a client may send.
const fn receive_max(profile: Profile) -> u16 {
    if profile.receive_max == 0 || PDU_LIMIT < profile.receive_max {
        PDU_LIMIT
    } else {
        profile.receive_max
    }
}

/// reply_to_HLS_authentication, by which a client answers the challenge of the server: class 15, 0-0:40.0.0, method 1.
pub const REPLY_TO_CHALLENGE: Method = Method::new(15, Obis::new("0-0:40.0.0"), 1);

/// Why an AARQ is refused: the diagnostic, and the service error when it is about the initiate request.
struct Refusal {
    diagnostic: Diagnostic,
    error: Option<InitiateError>,
    event: Option<SecurityEvent>,
}

impl From<Diagnostic> for Refusal {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostic,
            error: None,
            event: None,
        }
    }
}

impl From<InitiateError> for Refusal {
    fn from(error: InitiateError) -> Self {
        Self {
            diagnostic: Diagnostic::NoReason,
            error: Some(error),
            event: None,
        }
    }
}

impl From<CertificateFault> for Refusal {
    fn from(fault: CertificateFault) -> Self {
        Self {
            diagnostic: Diagnostic::CALLING_QUALIFIER_NOT_RECOGNISED,
            error: None,
            event: Some(match fault {
                // Somebody wants in whose title nobody here knows.
                CertificateFault::Missing => SecurityEvent::TitleRefused,
                fault => SecurityEvent::Certificate(fault),
            }),
        }
    }
}

impl From<SecurityEvent> for Refusal {
    fn from(event: SecurityEvent) -> Self {
        Self {
            diagnostic: Diagnostic::AuthenticationFailure,
            error: None,
            event: Some(event),
        }
    }
}

impl Session {
    /// Ends the association, if there is one, without its client's word: one whose challenges are not answered was abandoned.
    pub(super) fn close(&mut self, app: &mut dyn Application) {
        if let Association::Pending { terms, .. } = &self.association {
            app.observe(terms.peer.client, SecurityEvent::Abandoned);
        }
        self.end(app);
    }

    /// Ends the association, if there is one.
    pub(super) fn end(&mut self, app: &mut dyn Application) {
        self.transfer = Transfer::Idle;
        self.blocks = Blocks::Idle;
        if let Some(terms) = self.association.terms() {
            app.observe(terms.peer.client, SecurityEvent::Released);
            self.association = Association::Closed;
        }
    }

    /// Answers an AARQ of `length` octets.
    pub(super) fn associate(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> Result<(), Exception> {
        self.close(app);
        let Self {
            inbox,
            outbox,
            store,
            association,
            ..
        } = self;
        let octets = inbox.get(HEADROOM..HEADROOM + length).unwrap_or(&[]);
        let request = AssociationRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
        let scratch = store.lend();
        match negotiate(peer, &request, scratch, app) {
            Ok(Granted {
                mut terms,
                challenges,
                cover,
            }) => {
                let mechanism = terms.mechanism;
                let initiate = seal_initiate(&mut terms, cover, scratch, app).ok_or(Exception::NOT_ALLOWED)?;
                let title = app.system_title();
                let high = mechanism.is_high();
                // Who presents a certificate wants to see ours.
                let mut certificate = [0; CERTIFICATE_MAX];
                let certificate = request
                    .calling_qualifier
                    .filter(|_| mechanism == Mechanism::Ecdsa)
                    .and_then(|_| app.certificate(Purpose::Signature, &mut certificate))
                    .and_then(|length| certificate.get(..length));
                let response = AssociationResponse {
                    context: Some(terms.context),
                    outcome: Outcome::Accepted,
                    diagnostic: if high {
                        Diagnostic::AuthenticationRequired
                    } else {
                        Diagnostic::Null
                    },
                    responding_title: (high || terms.context == Context::Ciphered).then_some(&title),
                    responding_qualifier: certificate,
                    // The standard's example of a password leaves the name out; a client that is strict about it wants
                    // its mechanism confirmed.
                    mechanism: (mechanism != Mechanism::None).then_some(mechanism),
                    authentication: challenges.as_ref().map(|(_, from_server)| from_server.octets()),
                    information: Some(initiate),
                };
                outbox
                    .write(PDU_MAX, |out| response.emit(out))
                    .map_err(|_| Exception::TOO_LONG)?;
                *association = match challenges {
                    Some((from_client, from_server)) => Association::Pending {
                        terms,
                        from_client,
                        from_server,
                    },
                    None => {
                        let title = terms.party.title;
                        app.observe(peer.client, SecurityEvent::Associated { mechanism, title });
                        Association::Open { terms }
                    }
                };
            }
            Err(Refusal {
                diagnostic,
                error,
                event,
            }) => {
                if let Some(event) = event {
                    app.observe(peer.client, event);
                }
                let error = error.map(InitiateError::octets);
                let information = error.as_ref().map(<[u8; 4]>::as_slice);
                let response = AssociationResponse {
                    information,
                    ..AssociationResponse::refused(request.context, diagnostic)
                };
                outbox
                    .write(PDU_MAX, |out| response.emit(out))
                    .map_err(|_| Exception::TOO_LONG)?;
            }
        }
        Ok(())
    }

    /// Answers an RLRQ of `length` octets; without an association too, since the client only wants to be sure.
    ///
    /// A sealed one must open, and is answered sealed. A plain one is accepted even from a client whose requests must
    /// be sealed: it can do no more than closing the socket can.
    pub(super) fn release(&mut self, peer: Peer, length: usize, app: &mut dyn Application) -> Result<(), Exception> {
        let Self {
            inbox,
            outbox,
            store,
            association,
            ..
        } = self;
        let octets = inbox.get(HEADROOM..HEADROOM + length).unwrap_or(&[]);
        let request = ReleaseRequest::parse(octets).map_err(|_| Exception::MALFORMED)?;
        let mut mine = association.terms_mut().filter(|terms| terms.peer == peer);
        let scratch = store.lend();
        let information = match (request.information, &mut mine) {
            (Some(information), Some(terms)) if information.first().is_some_and(|&tag| is_protected(tag)) => {
                let opened = open_initiate(information, &mut terms.party, scratch, app);
                let (_, cover) = opened.map_err(|refusal| {
                    if let Some(event) = refusal.event {
                        app.observe(peer.client, event);
                    }
                    Exception::DECIPHERING
                })?;
                Some(seal_initiate(terms, cover, scratch, app).ok_or(Exception::NOT_ALLOWED)?)
            }
            _ => None,
        };
        let response = ReleaseResponse {
            reason: Some(0),
            information,
        };
        outbox
            .write(PDU_MAX, |out| response.emit(out))
            .map_err(|_| Exception::TOO_LONG)?;
        if mine.is_some() {
            self.end(app);
        }
        Ok(())
    }

    /// Serves a request while the challenges are not answered: reply_to_HLS_authentication, and nothing else.
    /// `floor` is the last counter before this very message. Answers whether the association stands.
    pub(super) fn reply_to_challenge(
        &mut self,
        apdu: core::ops::Range<usize>,
        floor: Option<u32>,
        app: &mut dyn Application,
    ) -> Result<bool, Exception> {
        let Self {
            inbox,
            outbox,
            association,
            ..
        } = self;
        let Association::Pending {
            terms,
            from_client,
            from_server,
        } = association
        else {
            return Err(Exception::NOT_ALLOWED);
        };
        let Ok(ActionRequest::Normal(invoke, REPLY_TO_CHALLENGE, Some(parameters))) =
            ActionRequest::parse(inbox.get(apdu).unwrap_or(&[]))
        else {
            return Err(Exception::NOT_ALLOWED);
        };
        let client = terms.peer.client;
        // It was admitted when it asked. Since then others may have guessed so often that nobody's answer is looked at.
        let proposal = Proposal {
            client,
            server: terms.peer.server,
            context: terms.context,
            mechanism: terms.mechanism,
        };
        let answer = app
            .admit(proposal)
            .ok()
            .and_then(|_| answer_challenges(terms, floor, parameters, from_client, from_server, app));
        let mut data = [0; 2 + ANSWER_MAX];
        let mut data = Writer::new(&mut data);
        let written = answer.map(|token| data.value(Octets(&token)));
        let stands = matches!(written, Some(Ok(())));
        let result = if stands {
            ActionResult {
                result: Ok(()),
                returned: Some(Ok(data.written())),
            }
        } else {
            ActionResult {
                result: Err(cosem::ActionError::ReadWriteDenied),
                returned: None,
            }
        };
        outbox
            .write(PDU_MAX, |out| ActionResponse::Normal(invoke, result).emit(out))
            .map_err(|_| Exception::TOO_LONG)?;
        let (mechanism, title) = (terms.mechanism, terms.party.title);
        if stands {
            if let Association::Pending { terms, .. } = core::mem::replace(association, Association::Closed) {
                *association = Association::Open { terms };
            }
            app.observe(client, SecurityEvent::Associated { mechanism, title });
        } else {
            app.observe(client, SecurityEvent::AuthenticationFailed);
        }
        Ok(stands)
    }
}

/// Verifies the client's answer to our challenge and answers its own; `None` when it is wrong.
fn answer_challenges(
    terms: &Terms,
    floor: Option<u32>,
    parameters: &[u8],
    from_client: &Challenge,
    from_server: &Challenge,
    app: &mut dyn Application,
) -> Option<Answer> {
    let mut reader = Reader::new(parameters);
    let Octets(answer) = reader.value().ok()?;
    reader.end().ok()?;
    let (client, mechanism) = (terms.peer.client, terms.mechanism);
    let own = app.system_title();
    let algorithms = app.algorithms();
    if mechanism == Mechanism::Gmac {
        let dialect = terms.party.dialect;
        let keys = app.keys(client, KeySet::Unicast)?;
        let counter = verify_gmac_token_in(dialect, keys, terms.party.title?, from_server, answer)?;
        // Clients count the token's number before the message around it, after it, or use the same one: it only must
        // not be an old one.
        if floor.is_some_and(|floor| counter <= floor) {
            return None;
        }
        if app
            .last_counter(client, KeySet::Unicast)
            .is_none_or(|last| last < counter)
        {
            app.accept_counter(client, KeySet::Unicast, counter).ok()?;
        }
        let counter = app.next_counter(client).ok()?;
        let token = gmac_token_in(dialect, app.keys(client, KeySet::Unicast)?, own, counter, from_client)?;
        return Answer::from_slice(&token).ok();
    }
    // Mechanisms 2 to 4 do not speak of titles, so their clients need none.
    let title = terms.party.title.unwrap_or_default();
    let theirs = Proof {
        prover: title,
        verifier: own,
        challenge: from_server,
        own: from_client,
    };
    let ours = Proof {
        prover: own,
        verifier: title,
        challenge: from_client,
        own: from_server,
    };
    if mechanism == Mechanism::Ecdsa {
        let right = verify_signed_answer(algorithms, &terms.party.signer?, theirs, answer);
        let private = app.private_key(Purpose::Signature).filter(|_| right)?;
        return signed_answer(algorithms, private, ours);
    }
    let secret = app.secret(client, mechanism)?;
    let right = verify_secret_answer(algorithms, mechanism, secret, theirs, answer);
    secret_answer(algorithms, mechanism, secret, ours).filter(|_| right)
}

/// An association that is granted, CtoS and StoC when they are still to be answered, and how the initiate response is
/// protected.
struct Granted {
    terms: Terms,
    challenges: Option<(Challenge, Challenge)>,
    cover: Cover,
}

fn negotiate(
    peer: Peer,
    request: &AssociationRequest<'_>,
    scratch: &mut [u8],
    app: &mut dyn Application,
) -> Result<Granted, Refusal> {
    request.version.map_err(|_| Diagnostic::NoCommonVersion)?;
    let Some(context @ (Context::Plain | Context::Ciphered)) = request.context else {
        return Err(Diagnostic::ContextNotSupported.into());
    };
    let mechanism = match request.mechanism {
        None => Mechanism::None,
        Some(Some(mechanism)) => mechanism,
        Some(None) => return Err(Diagnostic::MechanismNotRecognised.into()),
    };
    let proposal = Proposal {
        client: peer.client,
        server: peer.server,
        context,
        mechanism,
    };
    let profile = app.admit(proposal).map_err(|diagnostic| Refusal {
        // A client that there is wants in with less than it must show, or with what it never had.
        event: match diagnostic {
            Diagnostic::ContextNotSupported | Diagnostic::MechanismRequired | Diagnostic::MechanismNotRecognised => {
                Some(SecurityEvent::Unprotected)
            }
            _ => None,
        },
        ..diagnostic.into()
    })?;
    let ciphered = context == Context::Ciphered;
    if !ciphered && profile.policy != Policy::NONE {
        return Err(Refusal {
            event: Some(SecurityEvent::Unprotected),
            ..Diagnostic::ContextNotSupported.into()
        });
    }

    let title = request.calling_title.and_then(|title| Title::try_from(title).ok());
    let titled = matches!(mechanism, Mechanism::Gmac | Mechanism::Sha256 | Mechanism::Ecdsa);
    if ciphered || titled {
        // Our own title in the client's mouth: our own messages, reflected, would open.
        let known = title.filter(|title| *title != app.system_title() && app.expects_title(peer.client, title));
        if known.is_none() {
            return Err(Refusal {
                event: Some(SecurityEvent::TitleRefused),
                ..Diagnostic::CallingTitleNotRecognised.into()
            });
        }
    }
    let mut party = Party::new(peer, title, profile.policy, profile.dialect);
    let challenges = match mechanism {
        Mechanism::None => None,
        Mechanism::Password => {
            let given = request.authentication.ok_or(SecurityEvent::AuthenticationFailed)?;
            let right = app
                .secret(peer.client, mechanism)
                .is_some_and(|secret| passwords_match(secret, given));
            if !right {
                return Err(SecurityEvent::AuthenticationFailed.into());
            }
            None
        }
        _ => {
            let shortest = if mechanism == Mechanism::Ecdsa {
                CHALLENGE_LENGTH
            } else {
                0
            };
            let from_client = request
                .authentication
                .filter(|challenge| shortest <= challenge.len())
                .and_then(Challenge::new)
                .ok_or(SecurityEvent::AuthenticationFailed)?;
            if mechanism == Mechanism::Ecdsa {
                let title = title.ok_or(Diagnostic::CallingTitleNotRecognised)?;
                let signer = match request.calling_qualifier {
                    Some(certificate) => app.present(peer.client, &title, certificate),
                    None => app.public_key(peer.client, &title, Purpose::Signature),
                };
                party.signer = Some(signer?);
            }
            let mut octets = [0; CHALLENGE_LENGTH];
            app.entropy(&mut octets);
            // Equal challenges would let a client answer ours with our answer to its own.
            let from_server = Challenge::new(&octets)
                .filter(|it| *it != from_client)
                .ok_or(Diagnostic::NoReason)?;
            Some((from_client, from_server))
        }
    };

    let information = request.information.ok_or(InitiateError::Refused)?;
    // In a plain context nothing is sealed, so nobody's title opens anything.
    party.title = title.filter(|_| ciphered);
    let (plain, cover) = open_initiate(information, &mut party, scratch, app)?;
    party.title = title;
    let proposed = InitiateRequest::parse(scratch.get(plain).unwrap_or(&[])).map_err(|_| Refusal {
        event: Some(SecurityEvent::Malformed),
        ..InitiateError::Refused.into()
    })?;
    if proposed.version < initiate::VERSION {
        return Err(InitiateError::VersionTooLow.into());
    }
    let conformance = proposed.conformance & profile.conformance;
    if conformance == Conformance::NONE {
        return Err(InitiateError::IncompatibleConformance.into());
    }
    if proposed.receive_max != 0 && proposed.receive_max < PDU_MIN {
        return Err(InitiateError::PduTooShort.into());
    }
    let suite = app
        .keys(peer.client, KeySet::Unicast)
        .filter(|_| ciphered)
        .map(|keys| keys.suite);
    party.dedicated = match proposed.dedicated_key {
        None => None,
        // A key that everybody could read, or of another suite, is none.
        Some(key) => Some(Dedicated {
            key: Key::new(key)
                .filter(|key| cover.is_encrypted() && suite.is_some_and(|it| it.key_length() == key.octets().len()))
                .ok_or(InitiateError::Refused)?,
            last: None,
            sent: 0,
        }),
    };
    let terms = Terms {
        peer,
        context,
        mechanism,
        conformance,
        send_max: proposed.receive_max,
        receive_max: receive_max(profile),
        suite,
        party,
    };
    Ok(Granted {
        terms,
        challenges,
        cover,
    })
}

/// Opens the initiate request of an AARQ or RLRQ into `scratch` when it is sealed; answers where it is, and how the
/// response goes back.
fn open_initiate(
    information: &[u8],
    party: &mut Party,
    scratch: &mut [u8],
    app: &mut dyn Application,
) -> Result<(core::ops::Range<usize>, Cover), Refusal> {
    let range = HEADROOM..HEADROOM + information.len();
    scratch
        .get_mut(range.clone())
        .ok_or(InitiateError::Refused)?
        .copy_from_slice(information);
    let tag = information.first().copied().unwrap_or_default();
    let failed = SecurityEvent::DecryptionFailed;
    if is_protected(tag) && party.title.is_none() {
        return Err(failed.into());
    }
    let policy = party.policy;
    party.policy = policy.unsigned();
    let opened = party.open(scratch, range, app);
    party.policy = policy;
    let Opened { apdu, mut cover, .. } = opened.map_err(|distrust| Refusal::from(distrust.event.unwrap_or(failed)))?;
    // What comes plain, the response to it goes plain.
    if !is_protected(tag) {
        cover.sealed = None;
    }
    Ok((apdu, cover))
}

/// Writes the initiate response into `scratch`, sealed when the request was.
fn seal_initiate<'s>(
    terms: &mut Terms,
    cover: Cover,
    scratch: &'s mut [u8],
    app: &mut dyn Application,
) -> Option<&'s [u8]> {
    let mut out = Writer::new(scratch.get_mut(HEADROOM..)?);
    terms.initiate_response().emit(&mut out).ok()?;
    let range = HEADROOM..HEADROOM + out.len();
    let range = terms.party.seal(scratch, range, cover, app).ok()?;
    scratch.get(range)
}

/// Octets of the certificate that a server presents.
const CERTIFICATE_MAX: usize = 768;
