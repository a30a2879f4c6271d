//! The file of `--keys`: secrets, keys and certificates of one client and one meter, checked where they come in.

use std::fs;
use std::path::{Path, PathBuf};

use dlms::security::{Certificate, Curve, Key, PrivateKey, PublicKey, Purpose, Suite, Title};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::hex::exact;

/// What the file says.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    client: Option<u16>,
    client_system_title: Option<String>,
    password: Option<Zeroizing<String>>,
    hls_secret: Option<Zeroizing<String>>,
    suite: Option<u8>,
    encryption_key: Option<Zeroizing<String>>,
    authentication_key: Option<Zeroizing<String>>,
    master_key: Option<Zeroizing<String>>,
    signing_key: Option<Zeroizing<String>>,
    agreement_key: Option<Zeroizing<String>>,
    certificate: Option<PathBuf>,
    meter_signing_certificate: Option<PathBuf>,
    meter_agreement_certificate: Option<PathBuf>,
    meter_signing_key: Option<String>,
    meter_agreement_key: Option<String>,
}

/// What the file holds, of the lengths and on the curves of its suite.
pub(crate) struct Material {
    pub(crate) client: Option<u16>,
    pub(crate) title: Option<Title>,
    pub(crate) password: Option<Zeroizing<String>>,
    pub(crate) hls_secret: Option<Zeroizing<String>>,
    pub(crate) suite: Suite,
    pub(crate) encryption: Option<Key>,
    pub(crate) authentication: Option<Key>,
    pub(crate) master: Option<Key>,
    /// Private keys of the client.
    pub(crate) signing: Option<PrivateKey>,
    pub(crate) agreement: Option<PrivateKey>,
    /// Public keys of the meter.
    pub(crate) meter_signing: Option<PublicKey>,
    pub(crate) meter_agreement: Option<PublicKey>,
    /// The certificate that the client presents with HLS 7.
    pub(crate) certificate: Option<Vec<u8>>,
}

impl Material {
    /// Reads the file, if there is one. `suite` of the command line stands above its own.
    ///
    /// # Errors
    /// What is wrong, by the name of the entry; values are not repeated, since they may be keys.
    pub(crate) fn read(path: Option<&Path>, suite: Option<u8>) -> Result<Self, Failure> {
        let file = path.map(read_file).transpose()?.unwrap_or_default();
        // Certificates are named from where the file lies.
        let folder = path.and_then(Path::parent).unwrap_or_else(|| Path::new(""));
        let suite = Suite::from_id(suite.or(file.suite).unwrap_or(0))
            .ok_or_else(|| Failure::Usage("suite in --keys must be 0, 1 or 2".to_owned()))?;
        let key = |name: &str, text: &Option<Zeroizing<String>>| {
            let key = octets(name, text.as_deref(), suite.key_length())?;
            Ok::<_, Failure>(key.and_then(|octets| Key::new(&octets)))
        };
        let curve = |name: &str| {
            Curve::of(suite)
                .ok_or_else(|| Failure::Usage(format!("{name} in --keys is of suites 1 and 2: say which suite")))
        };
        let private = |name: &str, text: &Option<Zeroizing<String>>| {
            let Some(_) = text else { return Ok(None) };
            let curve = curve(name)?;
            let octets = octets(name, text.as_deref(), curve.scalar_length())?;
            Ok::<_, Failure>(octets.and_then(|octets| PrivateKey::new(curve, &octets)))
        };
        let public = |name: &str, text: &Option<String>, (named, path): (&str, &Option<PathBuf>), purpose| {
            if let Some(path) = path {
                return Ok(Some(certified(named, &folder.join(path), curve(named)?, purpose)?));
            }
            let Some(_) = text else { return Ok(None) };
            let curve = curve(name)?;
            let octets = octets(name, text.as_ref(), curve.pair_length())?;
            Ok::<_, Failure>(octets.and_then(|octets| PublicKey::new(curve, &octets)))
        };
        let own = file.certificate.as_ref();
        Ok(Self {
            client: file.client,
            title: octets("client_system_title", file.client_system_title.as_ref(), 8)?
                .and_then(|title| Title::try_from(title.as_slice()).ok()),
            suite,
            encryption: key("encryption_key", &file.encryption_key)?,
            authentication: key("authentication_key", &file.authentication_key)?,
            master: key("master_key", &file.master_key)?,
            signing: private("signing_key", &file.signing_key)?,
            agreement: private("agreement_key", &file.agreement_key)?,
            meter_signing: public(
                "meter_signing_key",
                &file.meter_signing_key,
                ("meter_signing_certificate", &file.meter_signing_certificate),
                Purpose::Signature,
            )?,
            meter_agreement: public(
                "meter_agreement_key",
                &file.meter_agreement_key,
                ("meter_agreement_certificate", &file.meter_agreement_certificate),
                Purpose::Agreement,
            )?,
            certificate: own
                .map(|path| read_certificate("certificate", &folder.join(path)))
                .transpose()?,
            password: file.password,
            hls_secret: file.hls_secret,
        })
    }
}

/// The octets of an entry, of which there must be `length`.
fn octets(name: &str, text: Option<&String>, length: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let octets = exact(text).map(Zeroizing::new).filter(|octets| octets.len() == length);
    octets
        .map(Some)
        .ok_or_else(|| Failure::Usage(format!("{name} in --keys must have {} hexadecimal digits", 2 * length)))
}

fn read_certificate(name: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |why: &dyn core::fmt::Display| Failure::Usage(format!("{name} in --keys, {}: {why}", path.display()));
    let octets = fs::read(path).map_err(|error| wrong(&error))?;
    Certificate::parse(&octets).map_err(|fault| wrong(&fault))?;
    Ok(octets)
}

/// The public key in a certificate of the meter. Whoever put it into the file trusts it: no chain is asked for.
fn certified(name: &str, path: &Path, curve: Curve, purpose: Purpose) -> Result<PublicKey, Failure> {
    let octets = read_certificate(name, path)?;
    let wrong = |why: &dyn core::fmt::Display| Failure::Usage(format!("{name} in --keys, {}: {why}", path.display()));
    let certificate = Certificate::parse(&octets).map_err(|fault| wrong(&fault))?;
    if certificate.public.curve() != curve {
        return Err(wrong(&"its key is of another suite"));
    }
    if certificate.purpose() != Some(purpose) {
        return Err(wrong(&"it is for another use"));
    }
    Ok(certificate.public)
}

fn read_file(path: &Path) -> Result<File, Failure> {
    let wrong = |error: &dyn core::fmt::Display| Failure::Usage(format!("--keys {}: {error}", path.display()));
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| wrong(&error))?);
    if text.trim_start().starts_with('{') {
        // The first line that `ferraris meter --json` prints.
        let line = text.lines().next().unwrap_or_default();
        let says: Announcement = serde_json::from_str(line).map_err(|error| wrong(&error))?;
        return Ok(from_announcement(says.clients));
    }
    // The parser's own message would repeat the line, and with it a key.
    toml::from_str(&text).map_err(|error| wrong(&error.message()))
}

/// What `ferraris meter --json` says of its clients, beside other things.
#[derive(Deserialize)]
struct Announcement {
    clients: Vec<Announced>,
}

#[derive(Deserialize)]
struct Announced {
    authentication: String,
    client: Option<u16>,
    suite: Option<u8>,
    password: Option<Zeroizing<String>>,
    secret: Option<Zeroizing<String>>,
    encryption_key: Option<Zeroizing<String>>,
    authentication_key: Option<Zeroizing<String>>,
    master_key: Option<Zeroizing<String>>,
}

fn from_announcement(clients: Vec<Announced>) -> File {
    // The first of each kind is meant.
    let mut file = File::default();
    for it in clients.into_iter().rev() {
        match it.authentication.as_str() {
            "lls" => file.password = it.password,
            "hls-sha256" => file.hls_secret = it.secret,
            "hls-gmac" => {
                (file.client, file.suite) = (it.client, it.suite);
                (file.encryption_key, file.authentication_key) = (it.encryption_key, it.authentication_key);
                file.master_key = it.master_key;
            }
            _ => {}
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    fn zeroed<T: ZeroizeOnDrop>(it: &Option<T>) -> bool {
        it.is_some()
    }

    #[test]
    fn whatever_holds_a_secret_is_zeroed() {
        let file = r#"{"clients": [{"authentication": "lls", "client": 1, "password": "12345678"},
            {"authentication": "hls-gmac", "client": 1, "suite": 0, "encryption_key": "000102030405060708090A0B0C0D0E0F",
             "authentication_key": "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF", "master_key": "00112233445566778899AABBCCDDEEFF"},
            {"authentication": "hls-sha256", "client": 1, "secret": "abcdefgh"}, {"authentication": "none", "client": 16}], "more": 1}"#;
        let says: Announcement = serde_json::from_str(file).expect("an announcement");
        let File {
            client,
            suite,
            password,
            hls_secret,
            encryption_key,
            authentication_key,
            master_key,
            ..
        } = from_announcement(says.clients);
        assert_eq!((client, suite), (Some(1), Some(0)));
        for it in [password, hls_secret, encryption_key, authentication_key, master_key] {
            assert!(zeroed(&it), "it is there, and goes with its owner");
        }
        let key = octets("a key", Some(&"0aF1".to_owned()), 2).expect("two octets");
        assert!(zeroed(&key) && key.is_some_and(|it| *it == [0x0A, 0xF1]));
    }
}
