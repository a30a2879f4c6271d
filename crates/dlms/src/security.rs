//! Protection of APDUs and proof of identity (IEC 62056-5-3, 5): AES-GCM in place on the caller's buffer, suites as
//! values.
//!
//! [`Key`] is zeroed when it is dropped and cannot be printed. [`seal`] and [`open`] work on a buffer with [`HEADROOM`]
//! octets before the APDU, so that nothing is copied. Counters are not kept here: who calls [`open`] checks them, and
//! only when it succeeded.

mod algorithms;
mod certificate;
mod challenge;
mod cipher;
mod curves;
mod der;
mod derive;
mod envelope;
mod general;
mod key;
mod policy;
mod wrap;

pub use algorithms::{
    ASYMMETRIC, Algorithms, Curve, Digest, Hash, Pair, PrivateKey, PublicKey, Purpose, SYMMETRIC, SecretNumber,
    Signature, generate,
};
pub use certificate::{CERTIFICATE_MAX, Certificate, CertificateFault, Issue, follow, request};
pub use challenge::{
    ANSWER_MAX, Answer, Challenge, Proof, TOKEN_LENGTH, gmac_token, gmac_token_in, passwords_match, secret_answer,
    signed_answer, verify_gmac_token, verify_gmac_token_in, verify_secret_answer, verify_signed_answer,
};
pub(crate) use cipher::Schedule;
pub use derive::{Scheme, derive};
pub use envelope::{Envelope, HEADROOM, KeySet, OpenError, SealError, Sealed, open, overhead, seal};
pub(crate) use envelope::{open_with, seal_with};
pub use general::{
    CIPHERING, Dialect, GeneralCiphered, GeneralSigned, Header, Heading, KeyInfo, KeyNote, SIGNING, TRANSACTION_MAX,
    open_general, seal_general, sign_general, signing_overhead, verify_ephemeral,
};
pub use key::{Key, Keys, Secret, Suite};
pub use policy::{Policy, Protection};
pub use wrap::{WRAPPED_MAX, unwrap, wrap};

/// A system title: three letters of the manufacturer and five octets of its own.
pub type Title = [u8; 8];
