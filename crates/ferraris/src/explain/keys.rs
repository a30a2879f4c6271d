//! The key file: which keys and system titles to try on what is ciphered.

use anyhow::{Context as _, bail};
use dlms::security::{PrivateKey, PublicKey};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::agreement::{Agreement, curve};
use crate::hex::from_hex;

/// Eight octets that name a meter or a client.
pub(crate) type Title = [u8; 8];

/// Keys that belong together: those of one meter, with the titles of both ends.
#[derive(Clone, Default)]
pub(crate) struct KeySet {
    /// The title of the meter, when it is known beforehand.
    pub(crate) meter: Option<Title>,
    /// The title of the client, when it is known beforehand.
    pub(crate) client: Option<Title>,
    pub(crate) unicast: Option<Zeroizing<Vec<u8>>>,
    pub(crate) broadcast: Option<Zeroizing<Vec<u8>>>,
    pub(crate) authentication: Option<Zeroizing<Vec<u8>>>,
    pub(crate) dedicated: Option<Zeroizing<Vec<u8>>>,
    pub(crate) master: Option<Zeroizing<Vec<u8>>>,
    /// For keys that both ends agree on.
    pub(crate) client_agreement: Agreement,
    pub(crate) meter_agreement: Agreement,
    /// Where it comes from, for the explanation.
    pub(crate) name: String,
}

/// All keys that may be tried.
pub(crate) struct Keys {
    pub(crate) sets: Vec<KeySet>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    meter_title: Option<String>,
    client_title: Option<String>,
    encryption_key: Option<Zeroizing<String>>,
    broadcast_key: Option<Zeroizing<String>>,
    authentication_key: Option<Zeroizing<String>>,
    dedicated_key: Option<Zeroizing<String>>,
    master_key: Option<Zeroizing<String>>,
    client_agreement_key: Option<Zeroizing<String>>,
    client_agreement_public: Option<String>,
    meter_agreement_key: Option<Zeroizing<String>>,
    meter_agreement_public: Option<String>,
}

impl Keys {
    /// The keys that a demo meter has, which everybody knows.
    pub(crate) fn demo() -> Self {
        let ring = host::KeyRing::demo();
        Self {
            sets: vec![KeySet {
                unicast: Some(Zeroizing::new(ring.encryption_key.to_vec())),
                authentication: Some(Zeroizing::new(ring.authentication_key.to_vec())),
                name: "the demo keys".into(),
                ..KeySet::default()
            }],
        }
    }

    /// Reads a key file, and adds the demo keys behind what it says.
    ///
    /// # Errors
    /// Where the text is no key file: not TOML, a word that is no key of it, digits that are not hexadecimal, a length that no key has.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let File { keys } = toml::from_str(text).context("not a key file")?;
        let mut sets = Vec::new();
        for (at, entry) in keys.into_iter().enumerate() {
            let name = entry.name.clone().unwrap_or_else(|| format!("entry {}", at + 1));
            let set = key_set(&entry, &name).with_context(|| format!("[[keys]] {name}"))?;
            sets.push(set);
        }
        sets.extend(Self::demo().sets);
        Ok(Self { sets })
    }
}

fn key_set(entry: &Entry, name: &str) -> anyhow::Result<KeySet> {
    Ok(KeySet {
        meter: title("meter_title", entry.meter_title.as_deref())?,
        client: title("client_title", entry.client_title.as_deref())?,
        unicast: key("encryption_key", entry.encryption_key.as_ref().map(|it| it.as_str()))?,
        broadcast: key("broadcast_key", entry.broadcast_key.as_ref().map(|it| it.as_str()))?,
        authentication: key(
            "authentication_key",
            entry.authentication_key.as_ref().map(|it| it.as_str()),
        )?,
        dedicated: key("dedicated_key", entry.dedicated_key.as_ref().map(|it| it.as_str()))?,
        master: key("master_key", entry.master_key.as_ref().map(|it| it.as_str()))?,
        client_agreement: agreement(
            ["client_agreement_key", "client_agreement_public"],
            &entry.client_agreement_key,
            &entry.client_agreement_public,
        )?,
        meter_agreement: agreement(
            ["meter_agreement_key", "meter_agreement_public"],
            &entry.meter_agreement_key,
            &entry.meter_agreement_public,
        )?,
        name: name.into(),
    })
}

/// The private and the public key of one end.
fn agreement(
    [private, public]: [&str; 2],
    private_digits: &Option<Zeroizing<String>>,
    public_digits: &Option<String>,
) -> anyhow::Result<Agreement> {
    let read = |name: &str, digits: Option<&String>| {
        digits
            .map(|it| from_hex(it).with_context(|| name.to_owned()))
            .transpose()
    };
    let private = read(private, private_digits.as_deref())?
        .map(Zeroizing::new)
        .map(|octets| {
            let key = curve(octets.len()).and_then(|curve| PrivateKey::new(curve, &octets));
            key.with_context(|| {
                format!(
                    "{private}: a private key has 32 octets (P-256) or 48 (P-384) and is less than the curve's order"
                )
            })
        })
        .transpose()?;
    let public = read(public, public_digits.as_ref())?
        .map(|octets| {
            let key = curve(octets.len()).and_then(|curve| PublicKey::new(curve, &octets));
            key.with_context(|| format!("{public}: a public key is a point of 64 octets (P-256) or 96 (P-384)"))
        })
        .transpose()?;
    Ok(Agreement { private, public })
}

fn title(name: &str, digits: Option<&str>) -> anyhow::Result<Option<Title>> {
    let Some(digits) = digits else { return Ok(None) };
    let octets = from_hex(digits).with_context(|| name.to_owned())?;
    match Title::try_from(octets) {
        Ok(title) => Ok(Some(title)),
        Err(octets) => bail!("{name}: a system title has 8 octets, this has {}", octets.len()),
    }
}

fn key(name: &str, digits: Option<&str>) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
    let Some(digits) = digits else { return Ok(None) };
    let octets = Zeroizing::new(from_hex(digits).with_context(|| name.to_owned())?);
    if matches!(octets.len(), 16 | 32) {
        Ok(Some(octets))
    } else {
        bail!(
            "{name}: a key has 16 octets (suites 0 and 1) or 32 (suite 2), this has {}",
            octets.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_says_where_it_is_wrong() {
        let check = |text: &str, says: &str| {
            let Err(error) = Keys::parse(text) else {
                panic!("{text}")
            };
            let said = format!("{error:#}");
            assert!(said.contains(says), "{said}");
        };
        check("[[keys]]\nencryption_key = \"0001\"", "16 octets (suites 0 and 1)");
        check("[[keys]]\nname = \"x\"\nmeter_title = \"00\"", "x: meter_title");
        check("[[keys]]\nkey = \"00\"", "unknown field");
        check("nonsense", "not a key file");
        let good = Keys::parse("[[keys]]\nencryption_key = \"000102030405060708090A0B0C0D0E0F\"").expect("good");
        assert_eq!(good.sets.len(), 2, "its own and the demo keys");
    }
}
