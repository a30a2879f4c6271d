//! What a meter that refused the association expects of this client: asked mechanism by mechanism, without a secret.
//!
//! Each question is an AARQ with a challenge. A meter that knows the mechanism sends its own challenge, or asks for a
//! ciphered context; no answer is given to it, so that no attempt counts as a failed one. LLS cannot be asked for so.

use dlms::acse::Diagnostic;
use dlms::client::ClientError;

use super::secrets::Authentication;

/// The mechanisms that are asked for, the usual ones first.
pub(crate) const ASKED: [Authentication; 6] = [
    Authentication::Hls5,
    Authentication::Hls6,
    Authentication::Hls7,
    Authentication::Hls2,
    Authentication::Hls3,
    Authentication::Hls4,
];

/// What a meter said to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It would go on.
    Known,
    /// It does not serve this in a plain context.
    Ciphered,
    /// No.
    Unknown,
}

impl Reply {
    /// What the end of the question means.
    pub(crate) const fn of(error: &ClientError) -> Self {
        match error {
            ClientError::Keys => Self::Known,
            ClientError::Refused { diagnostic, .. } => match diagnostic {
                Diagnostic::CallingTitleNotRecognised | &Diagnostic::CALLING_QUALIFIER_NOT_RECOGNISED => Self::Known,
                Diagnostic::ContextNotSupported => Self::Ciphered,
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }
}

/// Whether it is worth asking after this refusal.
pub(crate) const fn is_worth_asking(diagnostic: Diagnostic) -> bool {
    matches!(
        diagnostic,
        Diagnostic::MechanismNotRecognised
            | Diagnostic::MechanismRequired
            | Diagnostic::AuthenticationFailure
            | Diagnostic::AuthenticationRequired
            | Diagnostic::ContextNotSupported
    )
}

/// In words what the replies to [`ASKED`] say; none when they say nothing.
pub(crate) fn text(replies: &[Reply]) -> Option<String> {
    let all = replies.len() == ASKED.len() && replies.iter().all(|reply| *reply == Reply::Ciphered);
    if all {
        // It looks at the context before the mechanism.
        return Some("a ciphered context (--keys FILE)".to_owned());
    }
    let names: Vec<_> = ASKED
        .iter()
        .zip(replies)
        .filter(|(_, reply)| **reply != Reply::Unknown)
        .map(|(mechanism, _)| mechanism.name())
        .collect();
    match names.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        [more @ .., last] => Some(format!("{} or {last}", more.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_become_words() {
        use Reply::{Ciphered, Known, Unknown};
        assert_eq!(text(&[Unknown; 6]), None);
        assert_eq!(text(&[]), None);
        assert_eq!(
            text(&[Known, Unknown, Unknown, Unknown, Unknown, Unknown]).as_deref(),
            Some("HLS 5")
        );
        assert_eq!(
            text(&[Ciphered, Ciphered, Unknown, Known, Unknown, Unknown]).as_deref(),
            Some("HLS 5, HLS 6 or HLS 2")
        );
        assert_eq!(
            text(&[Ciphered; 6]).as_deref(),
            Some("a ciphered context (--keys FILE)")
        );
    }
}
