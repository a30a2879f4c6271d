//! How each side shows that it knows a secret: a password, or the answer to the other side's challenge (IEC 62056-5-3,
//! 5.7.4; mechanisms 2 to 7).

use heapless::Vec;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::algorithms::{Algorithms, Hash, PrivateKey, PublicKey};
use super::cipher::{Schedule, TAG_LENGTH, decrypt, encrypt, encrypt_block};
use super::{Dialect, Key, Keys, Protection, Title};
use crate::acse::Mechanism;

/// A challenge of 8 to 64 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(Vec<u8, 64>);

impl Challenge {
    /// The challenge with these octets; `None` when they are fewer than 8 or more than 64.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        if octets.len() < 8 {
            None
        } else {
            Vec::from_slice(octets).ok().map(Self)
        }
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Octets of the answer to a challenge with mechanism 5: security control, invocation counter, tag.
pub const TOKEN_LENGTH: usize = 1 + 4 + TAG_LENGTH;

/// Whether a password is the one that is expected, in a time that does not depend on where they differ.
#[must_use]
pub fn passwords_match(expected: &[u8], given: &[u8]) -> bool {
    expected.ct_eq(given).into()
}

/// Security control, authentication key and challenge: what the GMAC is taken over.
struct Associated {
    octets: [u8; 1 + 32 + 64],
    length: usize,
}

impl Associated {
    fn new(keys: Keys<'_>, challenge: &Challenge, names_suite: bool) -> Self {
        let control = [control(keys, names_suite)];
        let parts = control
            .iter()
            .chain(keys.authentication.octets())
            .chain(challenge.octets());
        let mut associated = Self {
            octets: [0; 97],
            length: 0,
        };
        for (place, &octet) in associated.octets.iter_mut().zip(parts) {
            *place = octet;
            associated.length += 1;
        }
        associated
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }
}

impl Drop for Associated {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

/// Authentication alone, and the suite unless it is not named.
fn control(keys: Keys<'_>, names_suite: bool) -> u8 {
    Protection::AUTHENTICATED.bits() | if names_suite { keys.suite.id() } else { 0 }
}

/// The answer of the side `title` to `challenge`. `None` when the keys do not fit their suite.
#[must_use]
pub fn gmac_token(keys: Keys<'_>, title: Title, counter: u32, challenge: &Challenge) -> Option<[u8; TOKEN_LENGTH]> {
    gmac_token_in(Dialect::STANDARD, keys, title, counter, challenge)
}

/// The same in a dialect: the standard's security control octet names the suite, that of some implementations does not.
#[must_use]
pub fn gmac_token_in(
    dialect: Dialect,
    keys: Keys<'_>,
    title: Title,
    counter: u32,
    challenge: &Challenge,
) -> Option<[u8; TOKEN_LENGTH]> {
    let names_suite = dialect.gmac_names_suite;
    let associated = Associated::new(keys, challenge, names_suite);
    let tag = encrypt(
        &mut Schedule::new(),
        (keys.suite, keys.encryption),
        title,
        counter,
        associated.octets(),
        &mut [],
    )
    .ok()?;
    let mut token = [0; TOKEN_LENGTH];
    let octets = [control(keys, names_suite)]
        .into_iter()
        .chain(counter.to_be_bytes())
        .chain(tag);
    for (place, octet) in token.iter_mut().zip(octets) {
        *place = octet;
    }
    Some(token)
}

/// The invocation counter of `token` when it is the answer of the side `title` to `challenge`; else `None`.
/// Whether the counter is a new one is for the caller to say.
#[must_use]
pub fn verify_gmac_token(keys: Keys<'_>, title: Title, challenge: &Challenge, token: &[u8]) -> Option<u32> {
    verify_gmac_token_in(Dialect::STANDARD, keys, title, challenge, token)
}

/// The same in a dialect.
#[must_use]
pub fn verify_gmac_token_in(
    dialect: Dialect,
    keys: Keys<'_>,
    title: Title,
    challenge: &Challenge,
    token: &[u8],
) -> Option<u32> {
    let names_suite = dialect.gmac_names_suite;
    let [head, c1, c2, c3, c4, ref tag @ ..] = *token else {
        return None;
    };
    let tag = <[u8; TAG_LENGTH]>::try_from(tag).ok()?;
    let counter = u32::from_be_bytes([c1, c2, c3, c4]);
    let associated = Associated::new(keys, challenge, names_suite);
    let right = head == control(keys, names_suite)
        && decrypt(
            &mut Schedule::new(),
            (keys.suite, keys.encryption),
            title,
            counter,
            associated.octets(),
            &mut [],
            tag,
        );
    right.then_some(counter)
}

/// Octets of the longest answer to a challenge: an ECDSA signature of P-384.
pub const ANSWER_MAX: usize = 96;

/// The answer to a challenge, by any mechanism.
pub type Answer = Vec<u8, ANSWER_MAX>;

/// What an answer speaks of: who proves, to whom, the challenge that is answered and the one that the prover made.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// The title of the side that answers.
    pub prover: Title,
    /// The title of the side that made the challenge.
    pub verifier: Title,
    /// The challenge that is answered.
    pub challenge: &'a Challenge,
    /// The challenge of the side that answers.
    pub own: &'a Challenge,
}

impl Proof<'_> {
    /// The titles and challenges of mechanisms 6 and 7, in their order.
    fn parts(&self) -> [&[u8]; 4] {
        [&self.prover, &self.verifier, self.challenge.octets(), self.own.octets()]
    }
}

/// The answer by a secret: mechanisms 2, 3, 4 and 6. `None` for the others, and for an algorithm that is not lent.
///
/// Mechanism 2 belongs to manufacturers; this is the form that is seen in the field: AES-128 in single blocks, secret
/// and challenge filled up with zeros.
#[must_use]
pub fn secret_answer(
    algorithms: &dyn Algorithms,
    mechanism: Mechanism,
    secret: &[u8],
    proof: Proof<'_>,
) -> Option<Answer> {
    let [first, second, third, fourth] = proof.parts();
    let challenge = proof.challenge.octets();
    let digest = match mechanism {
        Mechanism::Manufacturer => return blocks(secret, challenge),
        Mechanism::Md5 => algorithms.digest(Hash::Md5, &[challenge, secret]),
        Mechanism::Sha1 => algorithms.digest(Hash::Sha1, &[challenge, secret]),
        Mechanism::Sha256 => algorithms.digest(Hash::Sha256, &[secret, first, second, third, fourth]),
        _ => None,
    }?;
    Vec::from_slice(digest.octets()).ok()
}

/// Whether `answer` is the one by this secret, in a time that does not depend on where it is wrong.
#[must_use]
pub fn verify_secret_answer(
    algorithms: &dyn Algorithms,
    mechanism: Mechanism,
    secret: &[u8],
    proof: Proof<'_>,
    answer: &[u8],
) -> bool {
    secret_answer(algorithms, mechanism, secret, proof).is_some_and(|right| right.as_slice().ct_eq(answer).into())
}

/// The answer by a signature: mechanism 7.
#[must_use]
pub fn signed_answer(algorithms: &dyn Algorithms, private: &PrivateKey, proof: Proof<'_>) -> Option<Answer> {
    let signature = algorithms.sign(private, &proof.parts())?;
    Vec::from_slice(signature.octets()).ok()
}

/// Whether `answer` is signed by the owner of `public`.
#[must_use]
pub fn verify_signed_answer(algorithms: &dyn Algorithms, public: &PublicKey, proof: Proof<'_>, answer: &[u8]) -> bool {
    algorithms.verify(public, &proof.parts(), answer)
}

fn blocks(secret: &[u8], challenge: &[u8]) -> Option<Answer> {
    let mut key = [0; 16];
    key.get_mut(..secret.len())?.copy_from_slice(secret);
    let cipher = Key::new(&key);
    key.zeroize();
    let mut answer = Answer::new();
    for part in challenge.chunks(16) {
        let mut block = [0; 16];
        block.get_mut(..part.len())?.copy_from_slice(part);
        encrypt_block(cipher.as_ref()?, &mut block)?;
        answer.extend_from_slice(&block).ok()?;
    }
    Some(answer)
}
