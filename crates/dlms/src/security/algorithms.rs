//! What goes beyond AES: digests, signatures and key agreement, as a set of algorithms that is lent to whoever needs it.
//!
//! They are a value and not a Cargo feature: an image whose application lends [`SYMMETRIC`] holds no code for elliptic
//! curves, since nobody in it names [`ASYMMETRIC`].

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Suite;
use super::curves;

/// An elliptic curve of the suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// P-256, suite 1.
    P256,
    /// P-384, suite 2.
    P384,
}

impl Curve {
    /// The curve of a suite; suite 0 has none.
    #[must_use]
    pub const fn of(suite: Suite) -> Option<Self> {
        match suite {
            Suite::Zero => None,
            Suite::One => Some(Self::P256),
            Suite::Two => Some(Self::P384),
        }
    }

    /// Octets of a coordinate and of a private key.
    #[must_use]
    pub const fn scalar_length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// Octets of a public key X ‖ Y and of a signature r ‖ s.
    #[must_use]
    pub const fn pair_length(self) -> usize {
        2 * self.scalar_length()
    }

    /// The digest that its signatures and key derivations use.
    #[must_use]
    pub const fn hash(self) -> Hash {
        match self {
            Self::P256 => Hash::Sha256,
            Self::P384 => Hash::Sha384,
        }
    }
}

/// What a key pair or a certificate is for (class 64, certificate_type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// 0: digital signatures.
    Signature,
    /// 1: key agreement.
    Agreement,
    /// 2: TLS.
    Tls,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Signature, Self::Agreement, Self::Tls];

    /// The purpose of this number.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::Signature),
            1 => Some(Self::Agreement),
            2 => Some(Self::Tls),
            _ => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Signature => 0,
            Self::Agreement => 1,
            Self::Tls => 2,
        }
    }
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// MD5, for mechanism 3 alone.
    Md5,
    /// SHA-1, for mechanism 4 alone.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// Two numbers of a curve behind each other: a public key X ‖ Y, or a signature r ‖ s.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    curve: Curve,
    octets: [u8; 96],
}

impl Pair {
    /// The pair with these octets; `None` when they are not as many as the curve's.
    #[must_use]
    pub fn new(curve: Curve, octets: &[u8]) -> Option<Self> {
        if octets.len() != curve.pair_length() {
            return None;
        }
        let mut pair = Self { curve, octets: [0; 96] };
        for (place, &octet) in pair.octets.iter_mut().zip(octets) {
            *place = octet;
        }
        Some(pair)
    }

    /// Its curve.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.curve.pair_length()).unwrap_or(&[])
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:", self.curve)?;
        self.octets().iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

/// A public key: X ‖ Y.
pub type PublicKey = Pair;
/// A signature: r ‖ s.
pub type Signature = Pair;

/// Octets that nobody may see: a private key, a shared number, a derived key. They are zeroed when dropped, and nothing
/// prints them.
#[derive(Clone)]
pub struct SecretNumber {
    curve: Curve,
    octets: [u8; 48],
}

impl Drop for SecretNumber {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl ZeroizeOnDrop for SecretNumber {}

impl SecretNumber {
    /// The number with these octets; `None` when they are not as many as the curve's. Whether it is a private key is for
    /// [`Algorithms::public_key`] to say.
    #[must_use]
    pub fn new(curve: Curve, octets: &[u8]) -> Option<Self> {
        if octets.len() != curve.scalar_length() {
            return None;
        }
        let mut number = Self { curve, octets: [0; 48] };
        for (place, &octet) in number.octets.iter_mut().zip(octets) {
            *place = octet;
        }
        Some(number)
    }

    /// Its curve.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        self.curve
    }

    /// The octets, to be copied nowhere that is not zeroed.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.curve.scalar_length()).unwrap_or(&[])
    }

    /// Whether two are the same, in a time that does not depend on where they differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.octets().ct_eq(other.octets()).into()
    }
}

/// A private key.
pub type PrivateKey = SecretNumber;

/// A digest of up to 48 octets.
#[derive(Clone)]
pub struct Digest {
    octets: [u8; 48],
    length: usize,
}

impl Digest {
    fn new(octets: &[u8]) -> Self {
        let mut digest = Self {
            octets: [0; 48],
            length: octets.len().min(48),
        };
        for (place, &octet) in digest.octets.iter_mut().zip(octets) {
            *place = octet;
        }
        digest
    }

    /// The octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }
}

impl Drop for Digest {
    /// A digest may be a key.
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

/// A set of algorithms. What it lacks, it answers with `None` or false; it never fails otherwise.
pub trait Algorithms: Sync {
    /// Whether it can do all that a suite needs.
    fn supports(&self, suite: Suite) -> bool;

    /// The digest of `parts` in a row.
    fn digest(&self, hash: Hash, parts: &[&[u8]]) -> Option<Digest>;

    /// The public key that belongs to a private one; `None` when the number is no private key of its curve.
    fn public_key(&self, private: &PrivateKey) -> Option<PublicKey>;

    /// The signature over `parts` in a row (FIPS 186-5, deterministic nonce by RFC 6979: the same octets each time).
    fn sign(&self, private: &PrivateKey, parts: &[&[u8]]) -> Option<Signature>;

    /// Whether `signature` is that of the owner of `public` over `parts` in a row.
    fn verify(&self, public: &PublicKey, parts: &[&[u8]], signature: &[u8]) -> bool;

    /// The x coordinate of the point that both sides share (NIST SP 800-56A, 5.7.1.2). A point that is not on the curve
    /// is refused.
    fn agree(&self, private: &PrivateKey, public: &PublicKey) -> Option<SecretNumber>;
}

/// Suite 0, and SHA-256 for mechanism 6.
pub static SYMMETRIC: &dyn Algorithms = &Symmetric;
/// All suites and all mechanisms.
pub static ASYMMETRIC: &dyn Algorithms = &Asymmetric;

struct Symmetric;
struct Asymmetric;

impl Algorithms for Symmetric {
    fn supports(&self, suite: Suite) -> bool {
        suite == Suite::Zero
    }

    fn digest(&self, hash: Hash, parts: &[&[u8]]) -> Option<Digest> {
        (hash == Hash::Sha256).then(|| digest::<sha2::Sha256>(parts))
    }

    fn public_key(&self, _: &PrivateKey) -> Option<PublicKey> {
        None
    }

    fn sign(&self, _: &PrivateKey, _: &[&[u8]]) -> Option<Signature> {
        None
    }

    fn verify(&self, _: &PublicKey, _: &[&[u8]], _: &[u8]) -> bool {
        false
    }

    fn agree(&self, _: &PrivateKey, _: &PublicKey) -> Option<SecretNumber> {
        None
    }
}

impl Algorithms for Asymmetric {
    fn supports(&self, _: Suite) -> bool {
        true
    }

    fn digest(&self, hash: Hash, parts: &[&[u8]]) -> Option<Digest> {
        Some(match hash {
            Hash::Md5 => digest::<md5::Md5>(parts),
            Hash::Sha1 => digest::<sha1::Sha1>(parts),
            Hash::Sha256 => digest::<sha2::Sha256>(parts),
            Hash::Sha384 => digest::<sha2::Sha384>(parts),
        })
    }

    fn public_key(&self, private: &PrivateKey) -> Option<PublicKey> {
        match private.curve {
            Curve::P256 => curves::p256::public_key(private),
            Curve::P384 => curves::p384::public_key(private),
        }
    }

    fn sign(&self, private: &PrivateKey, parts: &[&[u8]]) -> Option<Signature> {
        let digest = self.digest(private.curve.hash(), parts)?;
        match private.curve {
            Curve::P256 => curves::p256::sign(private, digest.octets()),
            Curve::P384 => curves::p384::sign(private, digest.octets()),
        }
    }

    fn verify(&self, public: &PublicKey, parts: &[&[u8]], signature: &[u8]) -> bool {
        let Some(digest) = self.digest(public.curve.hash(), parts) else {
            return false;
        };
        match public.curve {
            Curve::P256 => curves::p256::verify(public, digest.octets(), signature),
            Curve::P384 => curves::p384::verify(public, digest.octets(), signature),
        }
    }

    fn agree(&self, private: &PrivateKey, public: &PublicKey) -> Option<SecretNumber> {
        if private.curve != public.curve {
            return None;
        }
        match private.curve {
            Curve::P256 => curves::p256::agree(private, public),
            Curve::P384 => curves::p384::agree(private, public),
        }
    }
}

fn digest<D: sha2::Digest>(parts: &[&[u8]]) -> Digest {
    let mut hasher = D::new();
    for part in parts {
        hasher.update(part);
    }
    let mut octets = hasher.finalize();
    let digest = Digest::new(&octets);
    octets.as_mut_slice().zeroize();
    digest
}

/// A new private key of `curve` from octets that nobody can guess; `None` when four draws were none, which does not
/// happen with real entropy.
pub fn generate(
    algorithms: &dyn Algorithms,
    curve: Curve,
    entropy: &mut dyn FnMut(&mut [u8]),
) -> Option<(PrivateKey, PublicKey)> {
    for _ in 0..4 {
        let mut private = SecretNumber { curve, octets: [0; 48] };
        entropy(private.octets.get_mut(..curve.scalar_length())?);
        if let Some(public) = algorithms.public_key(&private) {
            return Some((private, public));
        }
    }
    None
}
