//! Takes the protection off what is ciphered, with whichever of the given keys fits (IEC 62056-5-3, 5.3 and 7.3.13).

use aes_gcm::aead::consts::U12;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{AeadInOut, AesGcm, KeyInit, Nonce, Tag};
use aes_kw::AesKw;
use zeroize::Zeroizing;

use super::agreement::agreed;
use super::apdu::{Ciphered, Form, KeyInfo};
use super::keys::{KeySet, Keys, Title};

/// Octets of a tag, in all suites.
const TAG: usize = 12;

/// What a conversation knows that helps to open its messages.
pub(crate) struct Known<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) client: Option<Title>,
    pub(crate) meter: Option<Title>,
    pub(crate) dedicated: Option<&'a [u8]>,
    /// The keys that general-ciphering messages said last, this end's first.
    pub(crate) said: [Option<&'a [u8]>; 2],
}

/// A message without its protection.
pub(crate) struct Opened {
    pub(crate) plain: Vec<u8>,
    /// Which key opened it, and whether the tag proves that.
    pub(crate) how: String,
    /// The key itself, when the message said it: messages that say none go on with it.
    pub(crate) said: Option<Zeroizing<Vec<u8>>>,
}

/// Opens a ciphered APDU.
///
/// # Errors
/// Why not: no key of the form that is needed, or none that fits.
pub(crate) fn decipher(octets: &[u8], ciphered: &Ciphered, known: &Known<'_>) -> Result<Opened, String> {
    let body = octets.get(ciphered.body.clone()).unwrap_or(&[]);
    let authenticated = ciphered.control & 0x10 != 0;
    let encrypted = ciphered.control & 0x20 != 0;
    let key_length = if ciphered.control & 0x0F == 2 { 32 } else { 16 };
    let (text, tag) = match (authenticated, body.len().checked_sub(TAG)) {
        (true, None) => return Err("shorter than its tag".into()),
        (true, Some(end)) => (body.get(..end).unwrap_or(&[]), body.get(end..)),
        (false, _) => (body, None),
    };
    if !authenticated && !encrypted {
        return Ok(Opened {
            plain: body.to_vec(),
            how: "it is not protected at all".into(),
            said: None,
        });
    }

    let mut tried = 0_usize;
    for set in &known.keys.sets {
        for (key, key_name) in encryption_keys(octets, ciphered, set, known)? {
            if key.len() != key_length {
                continue;
            }
            for title in titles(ciphered, set, known) {
                let Some(tag) = tag else {
                    // Nothing proves that the key is the right one, but for what comes out.
                    let mut plain = text.to_vec();
                    apply(&key, title, ciphered.counter, &mut plain);
                    if plain.first().is_some_and(|&tag| is_apdu(tag)) {
                        return Ok(Opened {
                            plain,
                            how: format!("with {key_name} of {}; without a tag nothing proves it", set.name),
                            said: says_key(ciphered).then_some(key),
                        });
                    }
                    tried += 1;
                    continue;
                };
                for (associated, how) in associated(octets, ciphered, set, text, encrypted) {
                    let mut plain = if encrypted { text.to_vec() } else { Vec::new() };
                    tried += 1;
                    if verify(&key, title, ciphered.counter, &associated, &mut plain, tag) {
                        let plain = if encrypted { plain } else { text.to_vec() };
                        return Ok(Opened {
                            plain,
                            how: format!("tag verified with {key_name} of {}{how}", set.name),
                            said: says_key(ciphered).then_some(key),
                        });
                    }
                }
            }
        }
    }
    if !encrypted {
        // Authentication alone hides nothing.
        return Ok(Opened {
            plain: text.to_vec(),
            how: format!("not encrypted; the tag is not verified ({tried} keys tried)"),
            said: None,
        });
    }
    Err(match (tried, title_missing(ciphered, known)) {
        (0, true) => "it says no system title, and none is known from an association or the key file".into(),
        (0, false) if matches!(ciphered.key, KeyInfo::Agreed { .. }) => {
            "its key was agreed on: the key file needs client_agreement_key or meter_agreement_key, that of whom it is for in one pass".into()
        }
        (0, false) => "no key of this kind and length is given".into(),
        (tried, _) => format!("none of the keys opens it ({tried} tried)"),
    })
}

/// Whether a message says the key that those behind it may leave out.
const fn says_key(ciphered: &Ciphered) -> bool {
    matches!(ciphered.key, KeyInfo::Wrapped(_) | KeyInfo::Agreed { .. })
}

const fn is_apdu(tag: u8) -> bool {
    matches!(
        tag,
        0x01 | 0x08 | 0x0E | 0x0F | 0x10 | 0xC0..=0xC5 | 0xC7 | 0xD8..=0xDA | 0xDB..=0xDD | 0xDF | 0xE0
    )
}

fn title_missing(ciphered: &Ciphered, known: &Known<'_>) -> bool {
    known
        .keys
        .sets
        .iter()
        .all(|set| titles(ciphered, set, known).is_empty())
}

/// Whose title may be in the initialisation vector: that of who sent it.
fn titles(ciphered: &Ciphered, set: &KeySet, known: &Known<'_>) -> Vec<Title> {
    if let Some(title) = ciphered.title {
        return vec![title];
    }
    let (client, meter) = ([known.client, set.client], [known.meter, set.meter]);
    let candidates = match ciphered.form {
        Form::Global {
            from_client: Some(true),
        }
        | Form::Dedicated {
            from_client: Some(true),
        } => client.to_vec(),
        Form::Global {
            from_client: Some(false),
        }
        | Form::Dedicated {
            from_client: Some(false),
        } => meter.to_vec(),
        _ => [client, meter].concat(),
    };
    let mut titles: Vec<Title> = candidates.into_iter().flatten().collect();
    titles.dedup();
    titles
}

/// The keys of a set that the message may be encrypted with.
fn encryption_keys(
    octets: &[u8],
    ciphered: &Ciphered,
    set: &KeySet,
    known: &Known<'_>,
) -> Result<Vec<(Zeroizing<Vec<u8>>, &'static str)>, String> {
    let unicast = set.unicast.clone().map(|key| (key, "the global unicast key"));
    let broadcast = set.broadcast.clone().map(|key| (key, "the global broadcast key"));
    let dedicated = known
        .dedicated
        .map(|key| Zeroizing::new(key.to_vec()))
        .or_else(|| set.dedicated.clone())
        .map(|key| (key, "the dedicated key"));
    let of_control = if ciphered.control & 0x40 == 0 {
        unicast.clone()
    } else {
        broadcast.clone()
    };
    let keys = match (&ciphered.form, &ciphered.key) {
        (Form::Dedicated { .. } | Form::GeneralDedicated, _) => vec![dedicated],
        (Form::General, KeyInfo::Identified(0)) => vec![unicast],
        (Form::General, KeyInfo::Identified(1)) => vec![broadcast],
        (Form::General, KeyInfo::Identified(other)) => return Err(format!("key {other} is none that there is")),
        (Form::General, KeyInfo::Wrapped(wrapped)) => {
            let key = set.master.as_ref().and_then(|master| unwrapped(master, wrapped));
            vec![key.map(|key| (key, "the key wrapped with the master key"))]
        }
        (
            Form::General,
            KeyInfo::Agreed {
                parameters,
                octets: data,
            },
        ) => {
            return agreed(octets, ciphered, *parameters, data, set);
        }
        (Form::General, KeyInfo::Unsaid) => {
            let said = known
                .said
                .map(|key| key.map(|key| (Zeroizing::new(key.to_vec()), "the key that was said before")));
            said.into_iter().chain([of_control]).collect()
        }
        _ => vec![of_control],
    };
    Ok(keys.into_iter().flatten().collect())
}

/// A key that came wrapped (RFC 3394), if the master key is the right one.
fn unwrapped(master: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0; wrapped.len().checked_sub(8)?]);
    match master.len() {
        32 => AesKw::<Aes256>::new_from_slice(master)
            .ok()?
            .unwrap_key(wrapped, &mut key)
            .ok()?,
        _ => AesKw::<Aes128>::new_from_slice(master)
            .ok()?
            .unwrap_key(wrapped, &mut key)
            .ok()?,
    };
    Some(key)
}

/// What the tag may be over besides the text, with words for a form that is not the usual one.
fn associated(
    octets: &[u8],
    ciphered: &Ciphered,
    set: &KeySet,
    text: &[u8],
    encrypted: bool,
) -> Vec<(Vec<u8>, &'static str)> {
    let Some(authentication) = &set.authentication else {
        return Vec::new();
    };
    let head = [&[ciphered.control], authentication.as_slice()].concat();
    let tail = if encrypted { &[][..] } else { text };
    if ciphered.form == Form::General {
        let header = octets.get(ciphered.header.clone()).unwrap_or(&[]);
        vec![
            ([&head, header, tail].concat(), ", header authenticated"),
            ([&head, tail].concat(), ", header not authenticated"),
        ]
    } else {
        vec![([&head, tail].concat(), "")]
    }
}

fn nonce(title: Title, counter: u32) -> Nonce<U12> {
    let mut nonce = Nonce::<U12>::default();
    let octets = title.into_iter().chain(counter.to_be_bytes());
    for (place, octet) in nonce.iter_mut().zip(octets) {
        *place = octet;
    }
    nonce
}

/// Applies the key stream; without a tag that is all there is to it.
fn apply(key: &[u8], title: Title, counter: u32, data: &mut [u8]) {
    let nonce = nonce(title, counter);
    // A key of another length was sorted out before; the data is shorter than a cipher can take.
    let _never_fails = match key.len() {
        32 => AesGcm::<Aes256, U12, U12>::new_from_slice(key)
            .map(|cipher| cipher.encrypt_inout_detached(&nonce, &[], data.into()).is_ok()),
        _ => AesGcm::<Aes128, U12, U12>::new_from_slice(key)
            .map(|cipher| cipher.encrypt_inout_detached(&nonce, &[], data.into()).is_ok()),
    };
}

fn verify(key: &[u8], title: Title, counter: u32, associated: &[u8], data: &mut [u8], tag: &[u8]) -> bool {
    let Ok(tag) = <[u8; TAG]>::try_from(tag) else {
        return false;
    };
    let (nonce, tag) = (nonce(title, counter), Tag::<U12>::from(tag));
    let opened = match key.len() {
        32 => AesGcm::<Aes256, U12, U12>::new_from_slice(key).map(|cipher| {
            cipher
                .decrypt_inout_detached(&nonce, associated, data.into(), &tag)
                .is_ok()
        }),
        _ => AesGcm::<Aes128, U12, U12>::new_from_slice(key).map(|cipher| {
            cipher
                .decrypt_inout_detached(&nonce, associated, data.into(), &tag)
                .is_ok()
        }),
    };
    opened.unwrap_or(false)
}
