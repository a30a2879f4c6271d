//! What can go wrong while a meter is read: what, where, why, and what to try. The exit code tells the kinds apart.

use core::fmt;
use std::process::ExitCode;

use dlms::acse::{Diagnostic, Outcome};
use dlms::apdu::{Exception, ServiceFault};
use dlms::client::{ClientError, Protocol};
use dlms::initiate::InitiateError;

/// Why a reading did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked for what makes no sense.
    Usage(String),
    /// Nobody answers there.
    Unreachable(String),
    /// The meter does not want to.
    Refused(String),
    /// What came cannot be used, or something on this side does not work.
    Failed(String),
    /// Some of what was asked for was read, and some was not.
    Partial(String),
}

impl Failure {
    /// See docs/read.md.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::Refused(_) => 4,
            Self::Partial(_) => 5,
        })
    }

    /// What happened, without what to try.
    pub(crate) fn what(&self) -> String {
        let text = self.to_string();
        text.split_once(". ").map(|(what, _)| what.to_owned()).unwrap_or(text)
    }

    /// The same kind with more behind it.
    #[must_use]
    pub(crate) fn with(mut self, more: &str) -> Self {
        let (Self::Usage(text)
        | Self::Unreachable(text)
        | Self::Refused(text)
        | Self::Failed(text)
        | Self::Partial(text)) = &mut self;
        text.push_str(more);
        self
    }

    /// A file or a device of this machine.
    pub(crate) fn file(path: &std::path::Path, error: &dyn fmt::Display) -> Self {
        Self::Failed(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(text)
        | Self::Unreachable(text)
        | Self::Refused(text)
        | Self::Failed(text)
        | Self::Partial(text)) = self;
        f.write_str(text)
    }
}

/// As whom, and how, somebody tried.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Where the meter is.
    pub(crate) place: String,
    /// The logical device.
    pub(crate) server: u16,
    /// True for HDLC, false for the wrapper.
    pub(crate) hdlc: bool,
    /// The client's number.
    pub(crate) client: u16,
    /// How it showed who it is.
    pub(crate) means: &'static str,
    /// The security suite, where keys are used.
    pub(crate) suite: Option<u8>,
    /// True while the association is being asked for.
    pub(crate) associating: bool,
    /// The counter that its messages began with, where the meter did not tell the last one.
    pub(crate) untold: Option<u32>,
}

/// A refusal of an association, and what was found out about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) diagnostic: Diagnostic,
    pub(crate) initiate: Option<InitiateError>,
    /// The mechanisms that the meter knows for this client.
    pub(crate) expected: Option<&'a str>,
}

impl Attempt {
    /// What to check where the other side does not speak as a meter does.
    const fn framing_hint(&self) -> &'static str {
        if self.hdlc {
            "Is this a port for HDLC? Without --hdlc the framing is the wrapper, as is usual over TCP; an optical port wants --mode-e"
        } else {
            "Is this a meter's port for the wrapper (usually 4059)? Behind a serial server it is HDLC, which needs --hdlc, or --mode-e"
        }
    }
}

/// Whether it is worth to connect again and to go on: the transfer broke, but nobody said no.
pub(crate) const fn is_worth_another_try(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::NoAnswer
            | ClientError::Disconnected
            | ClientError::Rejected(_)
            | ClientError::Protocol(_)
            | ClientError::Replayed
    )
}

/// Says what a client's error means.
pub(crate) fn explain(error: &ClientError, attempt: &Attempt) -> Failure {
    let Attempt {
        place,
        means,
        associating,
        ..
    } = attempt;
    match error {
        ClientError::NoAnswer => Failure::Unreachable(format!(
            "{place}: {error}. Check address and framing (--hdlc, --udp, --mode-e), the logical device (--server) and, on a bus, --physical; \
             a slow line needs a longer --timeout"
        )),
        ClientError::Disconnected if *associating => Failure::Unreachable(format!(
            "{place}: the connection was ended before anybody answered. {}",
            attempt.framing_hint()
        )),
        ClientError::Protocol(Protocol::Framing | Protocol::Apdu) if *associating => Failure::Failed(format!(
            "{place}: {error}: this is no DLMS meter, or another framing. {}",
            attempt.framing_hint()
        )),
        ClientError::Disconnected => Failure::Unreachable(format!(
            "{place}: {error}. What is between may cut long transfers: try a smaller --pdu, or ask for less at once"
        )),
        ClientError::Refused {
            outcome,
            diagnostic,
            initiate,
        } => {
            let refusal = Refusal {
                outcome: *outcome,
                diagnostic: *diagnostic,
                initiate: *initiate,
                expected: None,
            };
            refused(attempt, refusal)
        }
        ClientError::Exception(exception) => Failure::Refused(format!("{place}: {error}. {}", hint(*exception, means))),
        ClientError::Impostor => Failure::Failed(format!(
            "{place}: {error}. Wrong keys, or not the meter that they are for; nothing was read"
        )),
        ClientError::Deciphering | ClientError::Unprotected => Failure::Failed(format!(
            "{place}: {error}. Check encryption_key and authentication_key in --keys, and the suite"
        )),
        ClientError::Keys => Failure::Usage(format!(
            "{error}; see what --keys FILE must hold for {means} in docs/read.md"
        )),
        ClientError::TooLong => Failure::Failed(format!("{place}: {error}; ask for less at once (--from, --to)")),
        _ => Failure::Failed(format!("{place}: {error}")),
    }
}

/// A refused association: why, and what the meter expects of this client as far as it was found out.
pub(crate) fn refused(attempt: &Attempt, refusal: Refusal<'_>) -> Failure {
    let Attempt {
        place, client, means, ..
    } = attempt;
    let Refusal {
        outcome,
        diagnostic,
        initiate,
        expected,
    } = refusal;
    let initiate = initiate.map_or_else(String::new, |error| format!("; initiate request: {error:?}"));
    let who = match expected {
        // It may be the secret alone that is wrong.
        Some(expected) if diagnostic == Diagnostic::AuthenticationFailure => {
            format!("Client {client} may use {expected} there; you used {means}")
        }
        Some(expected) if !expected.contains(means) => {
            format!("The meter expects {expected} on client {client}; you used {means}")
        }
        _ => format!("You are client {client}; you used {means}"),
    };
    let for_now = match outcome {
        Outcome::RejectedTransient => " The meter says that this is for now: it may be busy, try again later.",
        _ => "",
    };
    let counter = match attempt.untold {
        Some(first) if diagnostic == Diagnostic::AuthenticationFailure => format!(
            ". Or it is the counter, which began with {first}, since the meter did not tell the last one: if it has accepted greater ones from \
             this client, say so with --first-counter"
        ),
        _ => String::new(),
    };
    Failure::Refused(format!(
        "{place}: AARE rejected: {diagnostic}{initiate}. {who}. {}{counter}{for_now}",
        advice(diagnostic, attempt, expected)
    ))
}

/// What to try after a refused association.
fn advice(diagnostic: Diagnostic, attempt: &Attempt, expected: Option<&str>) -> String {
    let Attempt {
        server,
        client,
        means,
        suite,
        ..
    } = attempt;
    let secret = match suite {
        Some(suite) => format!(
            "check encryption_key and authentication_key in --keys, and their suite (you used {suite}; \
             --client 16 --obis 0-0:43.0.0/64:3 may tell the meter's)"
        ),
        None if *means == "LLS" => "check --password".to_owned(),
        None => "check the secret in --keys".to_owned(),
    };
    match diagnostic {
        Diagnostic::AuthenticationFailure if expected.is_some_and(|expected| expected.contains(means)) => format!(
            "So it is the secret that is wrong: {secret}. After several wrong ones a meter may refuse the right one, too, for some minutes"
        ),
        Diagnostic::AuthenticationFailure => format!(
            "The meter knows client {client} but does not accept this secret, or expects another mechanism than {means}: {secret}, and --auth. \
             After several wrong ones a meter may refuse the right one, too, for some minutes"
        ),
        Diagnostic::MechanismNotRecognised => format!(
            "The meter expects another mechanism than {means} on client {client}: try --keys FILE with --auth, --password (LLS), or --client 16 \
             without either"
        ),
        Diagnostic::MechanismRequired | Diagnostic::AuthenticationRequired => {
            format!(
                "Client {client} must authenticate: give --password (LLS) or --keys FILE (HLS), or try --client 16 for what is public"
            )
        }
        Diagnostic::ContextNotSupported => format!(
            "Client {client} is not served in this context: with keys it is ciphered, without it is plain; --context changes it"
        ),
        Diagnostic::CallingTitleNotRecognised => "The meter expects another client_system_title in --keys".to_owned(),
        _ if *server != 1 => format!(
            "The meter may not have client {client} on logical device {server}: try --server 1, or another --client"
        ),
        _ if *client == 16 => {
            "The meter may have no public client: try --password TEXT (LLS) or --keys FILE (HLS) with the --client that they are for".to_owned()
        }
        _ => format!("The meter may not have client {client}: try --client 16 for what is public, or another number"),
    }
}

/// What to try after an exception.
fn hint(exception: Exception, means: &str) -> String {
    match exception.service {
        ServiceFault::Counter(expected) => format!(
            "It accepts no counter below {expected} from this client, and its public client did not tell so. Nothing protects this answer; if it is \
             right, say --first-counter {expected}"
        ),
        ServiceFault::Deciphering => format!("The keys of {means} do not open: check --keys"),
        ServiceFault::PduTooLong => "Ask for less at once".to_owned(),
        ServiceFault::NotPossible | ServiceFault::NotSupported | ServiceFault::Other => {
            "The meter does not serve this to this client, or not yet".to_owned()
        }
    }
}
