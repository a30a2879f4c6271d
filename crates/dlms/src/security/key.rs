//! Keys and the suites that use them (IEC 62056-5-3, 5.3.7).

use core::ops::Deref;

use heapless::Vec;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A set of algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// 0: AES-GCM-128.
    Zero,
    /// 1: AES-GCM-128, ECDSA and ECDH on P-256, SHA-256.
    One,
    /// 2: AES-GCM-256, ECDSA and ECDH on P-384, SHA-384.
    Two,
}

impl Suite {
    /// The suite of this number.
    #[must_use]
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::Zero),
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// The number in the security control octet.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// Octets of a symmetric key.
    #[must_use]
    pub const fn key_length(self) -> usize {
        match self {
            Self::Zero | Self::One => 16,
            Self::Two => 32,
        }
    }
}

/// A symmetric key of 16 or 32 octets. It is zeroed when dropped, and nothing prints it.
#[derive(Clone)]
pub struct Key {
    octets: [u8; 32],
    long: bool,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl ZeroizeOnDrop for Key {}

impl Key {
    /// The key with these octets; `None` when they are not 16 or 32.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let long = match octets.len() {
            16 => false,
            32 => true,
            _ => return None,
        };
        let mut key = Self { octets: [0; 32], long };
        for (place, &octet) in key.octets.iter_mut().zip(octets) {
            *place = octet;
        }
        Some(key)
    }

    /// Whether two are the same, in a time that does not depend on where they differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.octets().ct_eq(other.octets()).into()
    }

    /// The octets, to be copied nowhere that is not zeroed.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        let [low @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = &self.octets;
        if self.long { &self.octets } else { low }
    }
}

/// A password, or the secret of a mechanism, of up to `N` octets. It is zeroed when dropped, and nothing prints it.
#[derive(Clone)]
pub struct Secret<const N: usize>(Vec<u8, N>);

impl<const N: usize> Secret<N> {
    /// The secret with these octets; `None` when they are more than `N`.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        Vec::from_slice(octets).ok().map(Self)
    }
}

impl<const N: usize> Deref for Secret<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

/// The keys that protect what two parties say to each other.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    /// Which algorithms they are for.
    pub suite: Suite,
    /// The encryption key: global unicast, or dedicated to an association.
    pub encryption: &'a Key,
    /// The authentication key.
    pub authentication: &'a Key,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The features of the crates that compute are what this is about: without them it does not compile.
    #[test]
    fn whatever_holds_a_key_is_zeroed_when_it_is_dropped() {
        fn zeroed<T: ZeroizeOnDrop>() -> bool {
            core::mem::needs_drop::<T>()
        }
        assert!(zeroed::<Key>() && zeroed::<Secret<16>>() && zeroed::<crate::security::SecretNumber>());
        assert!(zeroed::<aes_gcm::aes::Aes128>() && zeroed::<aes_gcm::aes::Aes256>());
        assert!(zeroed::<aes_gcm::Aes128Gcm>() && zeroed::<aes_gcm::Aes256Gcm>());
        assert!(zeroed::<aes_kw::KwAes128>() && zeroed::<aes_kw::KwAes256>());
        assert!(zeroed::<sha2::Sha256>() && zeroed::<sha2::Sha384>());
        assert!(zeroed::<md5::Md5>() && zeroed::<sha1::Sha1>());
        assert!(zeroed::<p256::SecretKey>() && zeroed::<p384::SecretKey>());
        assert!(zeroed::<p256::ecdsa::SigningKey>() && zeroed::<p384::ecdsa::SigningKey>());
        assert!(zeroed::<p256::ecdh::SharedSecret>() && zeroed::<p384::ecdh::SharedSecret>());
    }

    #[test]
    fn a_secret_has_as_many_octets_as_were_given_and_no_more_than_fit() {
        assert!(Secret::<4>::new(b"1234").is_some_and(|it| &*it == b"1234"));
        assert!(Secret::<4>::new(b"").is_some_and(|it| it.is_empty()));
        assert!(Secret::<4>::new(b"12345").is_none());
    }

    #[test]
    fn a_key_has_sixteen_or_thirty_two_octets() {
        for length in 0..=40 {
            let octets = [7; 40];
            let key = Key::new(&octets[..length]);
            assert_eq!(key.is_some(), length == 16 || length == 32);
            assert!(key.is_none_or(|key| key.octets() == &octets[..length]));
        }
    }
}
