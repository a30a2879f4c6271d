//! How each side shows that it knows a secret: password, and GMAC over the other side's challenge (IEC 62056-5-3,
//! 5.7.4).

use heapless::Vec;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::cipher::{TAG_LENGTH, decrypt, encrypt};
use super::{Keys, Protection, Title};

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
    fn new(keys: Keys<'_>, challenge: &Challenge) -> Self {
        let control = [control(keys)];
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

/// Authentication alone, and the suite.
fn control(keys: Keys<'_>) -> u8 {
    Protection::AUTHENTICATED.bits() | keys.suite.id()
}

/// The answer of the side `title` to `challenge`. `None` when the keys do not fit their suite.
#[must_use]
pub fn gmac_token(keys: Keys<'_>, title: Title, counter: u32, challenge: &Challenge) -> Option<[u8; TOKEN_LENGTH]> {
    let associated = Associated::new(keys, challenge);
    let tag = encrypt(
        keys.suite,
        keys.encryption,
        title,
        counter,
        associated.octets(),
        &mut [],
    )
    .ok()?;
    let mut token = [0; TOKEN_LENGTH];
    let octets = [control(keys)].into_iter().chain(counter.to_be_bytes()).chain(tag);
    for (place, octet) in token.iter_mut().zip(octets) {
        *place = octet;
    }
    Some(token)
}

/// The invocation counter of `token` when it is the answer of the side `title` to `challenge`; else `None`.
/// Whether the counter is a new one is for the caller to say.
#[must_use]
pub fn verify_gmac_token(keys: Keys<'_>, title: Title, challenge: &Challenge, token: &[u8]) -> Option<u32> {
    let [head, c1, c2, c3, c4, ref tag @ ..] = *token else {
        return None;
    };
    let tag = <[u8; TAG_LENGTH]>::try_from(tag).ok()?;
    let counter = u32::from_be_bytes([c1, c2, c3, c4]);
    let associated = Associated::new(keys, challenge);
    let right = head == control(keys)
        && decrypt(
            keys.suite,
            keys.encryption,
            title,
            counter,
            associated.octets(),
            &mut [],
            tag,
        );
    right.then_some(counter)
}
