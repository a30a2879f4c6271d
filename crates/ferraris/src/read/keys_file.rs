//! The file of `--keys`: secrets, keys and certificates of one client and one meter, checked where they come in.

use std::fs;
use std::path::{Path, PathBuf};

use dlms::security::{Certificate, Curve, Key, PrivateKey, PublicKey, Purpose, Suite, Title};
use serde::Deserialize;
use serde_json::Value as Json;

use super::failure::Failure;

/// What the file says.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    client: Option<u16>,
    client_system_title: Option<String>,
    password: Option<String>,
    hls_secret: Option<String>,
    suite: Option<u8>,
    encryption_key: Option<String>,
    authentication_key: Option<String>,
    master_key: Option<String>,
    signing_key: Option<String>,
    agreement_key: Option<String>,
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
    pub(crate) password: Option<String>,
    pub(crate) hls_secret: Option<String>,
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
        let key = |name: &str, text: &Option<String>| {
            let key = octets(name, text, suite.key_length())?;
            Ok::<_, Failure>(key.and_then(|octets| Key::new(&octets)))
        };
        let curve = |name: &str| {
            Curve::of(suite)
                .ok_or_else(|| Failure::Usage(format!("{name} in --keys is of suites 1 and 2: say which suite")))
        };
        let private = |name: &str, text: &Option<String>| {
            let Some(_) = text else { return Ok(None) };
            let curve = curve(name)?;
            let octets = octets(name, text, curve.scalar_length())?;
            Ok::<_, Failure>(octets.and_then(|octets| PrivateKey::new(curve, &octets)))
        };
        let public = |name: &str, text: &Option<String>, (named, path): (&str, &Option<PathBuf>), purpose| {
            if let Some(path) = path {
                return Ok(Some(certified(named, &folder.join(path), curve(named)?, purpose)?));
            }
            let Some(_) = text else { return Ok(None) };
            let curve = curve(name)?;
            let octets = octets(name, text, curve.pair_length())?;
            Ok::<_, Failure>(octets.and_then(|octets| PublicKey::new(curve, &octets)))
        };
        let own = file.certificate.as_ref();
        Ok(Self {
            client: file.client,
            title: octets("client_system_title", &file.client_system_title, 8)?
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
fn octets(name: &str, text: &Option<String>, length: usize) -> Result<Option<Vec<u8>>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let octets = hexadecimal(text).filter(|octets| octets.len() == length);
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
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    if text.trim_start().starts_with('{') {
        // The first line that `ferraris meter --json` prints.
        let line = text.lines().next().unwrap_or_default();
        let says: Json = serde_json::from_str(line).map_err(|error| wrong(&error))?;
        return Ok(from_announcement(&says));
    }
    // The parser's own message would repeat the line, and with it a key.
    toml::from_str(&text).map_err(|error| wrong(&error.message()))
}

fn from_announcement(says: &Json) -> File {
    let clients = says.get("clients").and_then(Json::as_array);
    let find = |authentication: &str| {
        clients?
            .iter()
            .find(|it| it.get("authentication").and_then(Json::as_str) == Some(authentication))
    };
    let text = |client: Option<&Json>, name: &str| Some(client?.get(name)?.as_str()?.to_owned());
    let high = find("hls-gmac");
    File {
        client: high.and_then(|it| u16::try_from(it.get("client")?.as_u64()?).ok()),
        suite: high.and_then(|it| u8::try_from(it.get("suite")?.as_u64()?).ok()),
        password: text(find("lls"), "password"),
        hls_secret: text(find("hls-sha256"), "secret"),
        encryption_key: text(high, "encryption_key"),
        authentication_key: text(high, "authentication_key"),
        master_key: text(high, "master_key"),
        ..File::default()
    }
}

/// The octets of an even number of hexadecimal digits.
pub(crate) fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit))
            .collect(),
    )
}
