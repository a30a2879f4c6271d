//! AES-GCM with a tag of 12 octets, for the key sizes of the suites.

use aes_gcm::aead::consts::U12;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{AeadInOut, AesGcm, KeyInit, Nonce, Tag};

use super::Title;
use super::key::{Key, Suite};

/// Octets of a tag, in all suites.
pub(super) const TAG_LENGTH: usize = 12;

/// The key and its suite do not fit each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyMismatch;

/// The initialisation vector: who sends, and a number that the sender never uses twice with one key.
fn nonce(title: Title, counter: u32) -> Nonce<U12> {
    let mut nonce = Nonce::<U12>::default();
    let octets = title.iter().copied().chain(counter.to_be_bytes());
    for (place, octet) in nonce.iter_mut().zip(octets) {
        *place = octet;
    }
    nonce
}

/// The ciphers with the keys expanded.
enum Expanded {
    Short(AesGcm<Aes128, U12, U12>),
    Long(AesGcm<Aes256, U12, U12>),
}

impl Expanded {
    fn new(suite: Suite, key: &Key) -> Option<Self> {
        match suite {
            Suite::Zero | Suite::One => AesGcm::new_from_slice(key.octets()).ok().map(Self::Short),
            Suite::Two => AesGcm::new_from_slice(key.octets()).ok().map(Self::Long),
        }
    }

    #[cfg(not(target_os = "none"))]
    const fn fits(&self, suite: Suite) -> bool {
        match (self, suite) {
            (Self::Short(_), Suite::Zero | Suite::One) | (Self::Long(_), Suite::Two) => true,
            (Self::Short(_), Suite::Two) | (Self::Long(_), Suite::Zero | Suite::One) => false,
        }
    }
}

/// What a key is expanded to, kept from one message to the next: with hardware that computes AES, expanding a key and zeroing
/// it again takes longer than a message of usual length. One key, zeroed when another one comes and when it is dropped.
///
/// On bare metal nothing is kept: half a kilobyte for each association is worth more there.
pub(crate) struct Schedule {
    #[cfg(not(target_os = "none"))]
    kept: Option<(Key, Expanded)>,
}

impl Schedule {
    /// One that keeps nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            #[cfg(not(target_os = "none"))]
            kept: None,
        }
    }

    /// Lets `run` have the cipher with this key; `None` when the key does not fit the suite.
    fn with<T>(&mut self, suite: Suite, key: &Key, run: impl FnOnce(&Expanded) -> T) -> Option<T> {
        #[cfg(target_os = "none")]
        return Expanded::new(suite, key).as_ref().map(run);
        #[cfg(not(target_os = "none"))]
        {
            let kept = self
                .kept
                .take_if(|(kept, expanded)| !(expanded.fits(suite) && kept.is_same(key)));
            drop(kept);
            if self.kept.is_none() {
                self.kept = Some((key.clone(), Expanded::new(suite, key)?));
            }
            self.kept.as_ref().map(|(_, expanded)| run(expanded))
        }
    }
}

/// Encrypts `data` in place and answers the tag over it and `associated`. Without the tag it also decrypts.
pub(super) fn encrypt(
    schedule: &mut Schedule,
    keys: (Suite, &Key),
    title: Title,
    counter: u32,
    associated: &[u8],
    data: &mut [u8],
) -> Result<[u8; TAG_LENGTH], KeyMismatch> {
    let nonce = nonce(title, counter);
    let (suite, key) = keys;
    let tag = schedule.with(suite, key, |cipher| match cipher {
        Expanded::Short(cipher) => cipher.encrypt_inout_detached(&nonce, associated, data.into()),
        Expanded::Long(cipher) => cipher.encrypt_inout_detached(&nonce, associated, data.into()),
    });
    // The only other error is data of 64 GB.
    tag.ok_or(KeyMismatch)?.map(Into::into).map_err(|_| KeyMismatch)
}

/// Verifies the tag in constant time and, when it is right, decrypts `data` in place. A wrong tag changes nothing.
pub(super) fn decrypt(
    schedule: &mut Schedule,
    keys: (Suite, &Key),
    title: Title,
    counter: u32,
    associated: &[u8],
    data: &mut [u8],
    tag: [u8; TAG_LENGTH],
) -> bool {
    let nonce = nonce(title, counter);
    let tag = Tag::<U12>::from(tag);
    let (suite, key) = keys;
    let opened = schedule.with(suite, key, |cipher| match cipher {
        Expanded::Short(cipher) => cipher.decrypt_inout_detached(&nonce, associated, data.into(), &tag),
        Expanded::Long(cipher) => cipher.decrypt_inout_detached(&nonce, associated, data.into(), &tag),
    });
    matches!(opened, Some(Ok(())))
}

/// Encrypts one block with AES-128, as mechanism 2 does.
pub(super) fn encrypt_block(key: &Key, block: &mut [u8; 16]) -> Option<()> {
    let cipher = Aes128::new_from_slice(key.octets()).ok()?;
    cipher.encrypt_block(block.into());
    Some(())
}
