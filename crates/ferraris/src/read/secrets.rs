//! As whom the meter is read: client number, password, keys, and the system title that makes nonces unique.

use std::fs;
use std::path::{Path, PathBuf};

use dlms::client::{Credentials, Settings};
use dlms::initiate::Conformance;
use dlms::security::{Challenge, Key, Keys, Protection, Suite, Title};
use serde::Deserialize;
use serde_json::Value as Json;

use super::failure::Failure;

/// How the client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Authentication {
    /// Not at all.
    None,
    /// By a password (LLS).
    Lls,
    /// By GMAC over challenges (HLS 5), ciphered.
    Hls5,
}

/// What a keys file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    client: Option<u16>,
    client_system_title: Option<String>,
    password: Option<String>,
    suite: Option<u8>,
    encryption_key: Option<String>,
    authentication_key: Option<String>,
}

/// Everything that an association is asked for with.
pub(crate) struct Secrets {
    pub(crate) client: u16,
    pub(crate) authentication: Authentication,
    pub(crate) title: Title,
    password: Option<String>,
    keys: Option<(Key, Key)>,
    /// A name for key and title under which counters are kept; it tells nothing about the key.
    pub(crate) fingerprint: String,
}

/// What the command line says about it.
pub(crate) struct Asked<'a> {
    pub(crate) client: Option<u16>,
    pub(crate) authentication: Option<Authentication>,
    pub(crate) password: Option<&'a str>,
    pub(crate) keys: Option<&'a Path>,
    /// The folder of what is remembered.
    pub(crate) state: &'a Path,
}

impl Secrets {
    /// Reads the keys file and decides: keys mean HLS 5, a password LLS, neither the public client.
    ///
    /// # Errors
    /// What the file or the options lack.
    pub(crate) fn gather(asked: &Asked<'_>) -> Result<Self, Failure> {
        let file = asked.keys.map(read_file).transpose()?.unwrap_or_default();
        let octets = |name: &str, text: &Option<String>| -> Result<Option<Vec<u8>>, Failure> {
            let Some(text) = text else { return Ok(None) };
            hexadecimal(text).map(Some).ok_or_else(|| {
                // The value is not repeated: it may be a key.
                Failure::Usage(format!("{name} in --keys is not an even number of hexadecimal digits"))
            })
        };
        let encryption = octets("encryption_key", &file.encryption_key)?;
        let authentication = octets("authentication_key", &file.authentication_key)?;
        if file.suite.is_some_and(|suite| suite != 0) {
            return Err(Failure::Usage(
                "suite in --keys must be 0: the others are not read here yet".to_owned(),
            ));
        }
        let password = asked.password.map(ToOwned::to_owned).or(file.password);
        let means = match (asked.authentication, &encryption, &password) {
            (Some(means), ..) => means,
            // A password on the command line says what is meant.
            (None, ..) if asked.password.is_some() => Authentication::Lls,
            (None, Some(_), _) => Authentication::Hls5,
            (None, None, Some(_)) => Authentication::Lls,
            (None, None, None) => Authentication::None,
        };
        let mut fingerprint = String::new();
        let title = match octets("client_system_title", &file.client_system_title)? {
            Some(title) => Title::try_from(title.as_slice()).map_err(|_| {
                Failure::Usage("client_system_title in --keys must have 16 hexadecimal digits".to_owned())
            })?,
            None if means == Authentication::Hls5 => own_title(asked.state)?,
            None => [0; 8],
        };
        let mut keys = None;
        match means {
            Authentication::None => {}
            Authentication::Lls if password.is_none() => {
                return Err(Failure::Usage(
                    "LLS needs a password: --password, or password in --keys".to_owned(),
                ));
            }
            Authentication::Lls => {}
            Authentication::Hls5 => {
                let (Some(encryption), Some(authentication)) = (&encryption, &authentication) else {
                    let why = "HLS 5 needs encryption_key and authentication_key in --keys FILE (see docs/read.md)";
                    return Err(Failure::Usage(why.to_owned()));
                };
                let key = |name: &str, octets: &[u8]| {
                    let key = (octets.len() == 16).then(|| Key::new(octets)).flatten();
                    key.ok_or_else(|| Failure::Usage(format!("{name} in --keys must have 32 hexadecimal digits")))
                };
                fingerprint = name_of(encryption, &title);
                keys = Some((
                    key("encryption_key", encryption)?,
                    key("authentication_key", authentication)?,
                ));
            }
        }
        let usual = if means == Authentication::None { 16 } else { 1 };
        Ok(Self {
            client: asked.client.or(file.client).unwrap_or(usual),
            authentication: means,
            title,
            password,
            keys,
            fingerprint,
        })
    }

    /// Whether messages are protected, so that they have counters.
    pub(crate) const fn is_ciphered(&self) -> bool {
        self.keys.is_some()
    }

    /// For messages.
    pub(crate) const fn means(&self) -> &'static str {
        match self.authentication {
            Authentication::None => "no authentication",
            Authentication::Lls => "LLS",
            Authentication::Hls5 => "HLS 5",
        }
    }

    /// The settings of one association, with a challenge that is new each time.
    ///
    /// # Errors
    /// When the system has no chance to give.
    pub(crate) fn settings(&self, server: u16, receive_max: u16) -> Result<Settings<'_>, Failure> {
        let plain = Settings {
            receive_max,
            ..Settings::public(self.client, server, WANTED)
        };
        let Some((encryption, authentication)) = &self.keys else {
            return Ok(match &self.password {
                Some(password) if self.authentication == Authentication::Lls => {
                    plain.with_password(password.as_bytes())
                }
                _ => plain,
            });
        };
        let mut chance = [0; 16];
        getrandom::fill(&mut chance).map_err(|error| Failure::Failed(format!("no random numbers: {error}")))?;
        let keys = Keys {
            suite: Suite::Zero,
            encryption,
            authentication,
        };
        let challenge =
            Challenge::new(&chance).ok_or_else(|| Failure::Failed("a challenge has 16 octets".to_owned()))?;
        Ok(Settings {
            credentials: Credentials::Gmac(challenge),
            ..plain.ciphered(self.title, keys, Protection::BOTH)
        })
    }
}

/// What a reader asks for; the meter grants what it has.
pub(crate) const WANTED: Conformance = Conformance::PRIORITY
    .with(Conformance::BLOCKS_WITH_GET)
    .with(Conformance::MULTIPLE_REFERENCES)
    .with(Conformance::GET)
    .with(Conformance::SELECTIVE_ACCESS)
    .with(Conformance::ACTION);

fn read_file(path: &Path) -> Result<KeysFile, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::Usage(format!("--keys {}: {error}", path.display())))?;
    let wrong = |error: &dyn core::fmt::Display| Failure::Usage(format!("--keys {}: {error}", path.display()));
    if text.trim_start().starts_with('{') {
        // The first line that `ferraris meter --json` prints.
        let line = text.lines().next().unwrap_or_default();
        let says: Json = serde_json::from_str(line).map_err(|error| wrong(&error))?;
        return Ok(from_announcement(&says));
    }
    // The parser's own message would repeat the line, and with it a key.
    toml::from_str(&text).map_err(|error| wrong(&error.message()))
}

fn from_announcement(says: &Json) -> KeysFile {
    let clients = says.get("clients").and_then(Json::as_array);
    let find = |authentication: &str| {
        clients?
            .iter()
            .find(|it| it.get("authentication").and_then(Json::as_str) == Some(authentication))
    };
    let text = |client: Option<&Json>, name: &str| Some(client?.get(name)?.as_str()?.to_owned());
    let high = find("hls-gmac");
    KeysFile {
        client: high.and_then(|it| u16::try_from(it.get("client")?.as_u64()?).ok()),
        password: text(find("lls"), "password"),
        encryption_key: text(high, "encryption_key"),
        authentication_key: text(high, "authentication_key"),
        ..KeysFile::default()
    }
}

/// This installation's own system title: made by chance once, since two readers with one title and one key would repeat
/// each other's nonces.
fn own_title(state: &Path) -> Result<Title, Failure> {
    let path: PathBuf = state.join("system-title");
    if let Some(title) = fs::read_to_string(&path).ok().and_then(|text| hexadecimal(text.trim()))
        && let Ok(title) = Title::try_from(title.as_slice())
    {
        return Ok(title);
    }
    let mut title = *b"FRR\0\0\0\0\0";
    let [_, _, _, chance @ ..] = &mut title;
    getrandom::fill(chance).map_err(|error| Failure::Failed(format!("no random numbers: {error}")))?;
    let text: String = title.iter().map(|octet| format!("{octet:02X}")).collect();
    fs::create_dir_all(state).map_err(|error| Failure::file(state, &error))?;
    fs::write(&path, text).map_err(|error| Failure::file(&path, &error))?;
    Ok(title)
}

/// A one-way name of key and title.
fn name_of(encryption: &[u8], title: &Title) -> String {
    use sha2::Digest as _;
    let mut digest = sha2::Sha256::new();
    digest.update(b"ferraris invocation counter");
    digest.update(encryption);
    digest.update(title);
    digest
        .finalize()
        .iter()
        .take(8)
        .map(|octet| format!("{octet:02x}"))
        .collect()
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
