//! AES key wrap (RFC 3394), by which new keys and session keys travel under the master key.

use aes_kw::{KeyInit, KwAes128, KwAes256};
use zeroize::Zeroize;

use super::Key;

/// Octets of the longest wrapped key.
pub const WRAPPED_MAX: usize = 40;

/// Wraps `key` under `master` and answers the octets: 8 more than the key has.
#[must_use]
pub fn wrap(master: &Key, key: &Key) -> Option<heapless::Vec<u8, WRAPPED_MAX>> {
    let mut buffer = [0; WRAPPED_MAX];
    let wrapped = match master.octets().len() {
        16 => KwAes128::new_from_slice(master.octets())
            .ok()?
            .wrap_key(key.octets(), &mut buffer)
            .ok()?,
        _ => KwAes256::new_from_slice(master.octets())
            .ok()?
            .wrap_key(key.octets(), &mut buffer)
            .ok()?,
    };
    heapless::Vec::from_slice(wrapped).ok()
}

/// The key in `wrapped`; `None` when it was not wrapped under `master`, or is none of 16 or 32 octets.
#[must_use]
pub fn unwrap(master: &Key, wrapped: &[u8]) -> Option<Key> {
    let mut buffer = [0; WRAPPED_MAX];
    let key = match master.octets().len() {
        16 => KwAes128::new_from_slice(master.octets())
            .ok()
            .and_then(|cipher| cipher.unwrap_key(wrapped, &mut buffer).ok().and_then(Key::new)),
        _ => KwAes256::new_from_slice(master.octets())
            .ok()
            .and_then(|cipher| cipher.unwrap_key(wrapped, &mut buffer).ok().and_then(Key::new)),
    };
    buffer.zeroize();
    key
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// RFC 3394, 4.1, 4.3 (128 bits under 256) and 4.6.
    #[test]
    fn the_examples_of_the_rfc_wrap_and_unwrap() {
        let master: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
        let data: [u8; 32] = core::array::from_fn(|at| {
            let at = u8::try_from(at).unwrap_or(0);
            if at < 16 { at * 0x11 } else { at - 16 }
        });
        let check = |master_length: usize, length: usize, expected: &str| {
            let master = Key::new(&master[..master_length]).expect("a key");
            let key = Key::new(&data[..length]).expect("a key");
            let wrapped = wrap(&master, &key).expect("it wraps");
            let hex: std::string::String = wrapped.iter().map(|octet| std::format!("{octet:02X}")).collect();
            assert_eq!(hex, expected);
            assert!(unwrap(&master, &wrapped).is_some_and(|it| it.octets() == key.octets()));
            for at in 0..wrapped.len() {
                let mut wrong = wrapped.clone();
                wrong[at] ^= 1;
                assert!(unwrap(&master, &wrong).is_none());
                assert!(unwrap(&master, &wrapped[..at]).is_none());
            }
        };
        check(16, 16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5");
        check(32, 16, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7");
        check(
            32,
            32,
            "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
        );
    }
}
