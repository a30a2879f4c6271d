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

/// Encrypts `data` in place and answers the tag over it and `associated`. Without the tag it also decrypts.
pub(super) fn encrypt(
    suite: Suite,
    key: &Key,
    title: Title,
    counter: u32,
    associated: &[u8],
    data: &mut [u8],
) -> Result<[u8; TAG_LENGTH], KeyMismatch> {
    let nonce = nonce(title, counter);
    let tag = match suite {
        Suite::Zero | Suite::One => AesGcm::<Aes128, U12, U12>::new_from_slice(key.octets())
            .map_err(|_| KeyMismatch)?
            .encrypt_inout_detached(&nonce, associated, data.into()),
        Suite::Two => AesGcm::<Aes256, U12, U12>::new_from_slice(key.octets())
            .map_err(|_| KeyMismatch)?
            .encrypt_inout_detached(&nonce, associated, data.into()),
    };
    // The only other error is data of 64 GB.
    tag.map(Into::into).map_err(|_| KeyMismatch)
}

/// Verifies the tag in constant time and, when it is right, decrypts `data` in place. A wrong tag changes nothing.
pub(super) fn decrypt(
    suite: Suite,
    key: &Key,
    title: Title,
    counter: u32,
    associated: &[u8],
    data: &mut [u8],
    tag: [u8; TAG_LENGTH],
) -> bool {
    let nonce = nonce(title, counter);
    let tag = Tag::<U12>::from(tag);
    let opened = match suite {
        Suite::Zero | Suite::One => AesGcm::<Aes128, U12, U12>::new_from_slice(key.octets())
            .map(|cipher| cipher.decrypt_inout_detached(&nonce, associated, data.into(), &tag)),
        Suite::Two => AesGcm::<Aes256, U12, U12>::new_from_slice(key.octets())
            .map(|cipher| cipher.decrypt_inout_detached(&nonce, associated, data.into(), &tag)),
    };
    matches!(opened, Ok(Ok(())))
}

/// Encrypts one block with AES-128, as mechanism 2 does.
pub(super) fn encrypt_block(key: &Key, block: &mut [u8; 16]) -> Option<()> {
    let cipher = Aes128::new_from_slice(key.octets()).ok()?;
    cipher.encrypt_block(block.into());
    Some(())
}
