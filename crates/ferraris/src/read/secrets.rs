//! As whom the meter is read: mechanism, context, keys and forms of protection, and the system title that makes nonces
//! unique.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dlms::acse::{Context, Mechanism};
use dlms::client::{Credentials, Identity, SessionKey, Settings};
use dlms::initiate::Conformance;
use dlms::security::{
    ASYMMETRIC, Challenge, Curve, Dialect, Key, Keys, PrivateKey, Protection, Suite, Title, generate,
};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::keys_file::Material;
use crate::hex::{exact, hex};

/// The options that say as whom, and how protected.
#[derive(Args)]
pub(crate) struct SecurityArgs {
    /// The client's number [default: 16 without secrets, 1 with]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    client: Option<u16>,

    /// How to show who it is [default: keys mean hls5, a password lls, an hls_secret alone hls6, nothing none]
    #[arg(long, value_enum)]
    auth: Option<Authentication>,

    /// The password of LLS; better in --keys, where other users of this machine do not see it
    #[arg(long, value_name = "TEXT")]
    password: Option<String>,

    /// Secrets, keys and certificates as a TOML file (docs/read.md), or the first line of `ferraris meter --json`
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// The security suite [default: as in --keys, else 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=2))]
    suite: Option<u8>,

    /// The application context [default: ciphered with keys and hls2 to hls7, else plain]
    #[arg(long, value_enum)]
    context: Option<ContextName>,

    /// What every message must have in a ciphered context
    #[arg(long, value_enum, default_value = "both")]
    protect: Cover,

    /// Sign every request, and take none but signed answers (general-signing)
    #[arg(long)]
    sign: bool,

    /// The form of protected messages
    #[arg(long, value_enum, default_value = "glo")]
    form: Form,

    /// With which key general-ciphering seals
    #[arg(long, value_enum, default_value = "identified")]
    session_key: KeyName,

    /// For meters that differ from the standard: see docs/security.md
    #[arg(long, value_enum, value_delimiter = ',')]
    dialect: Vec<Difference>,
}

/// How the client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Authentication {
    /// Not at all
    None,
    /// By a password
    Lls,
    /// The manufacturer's: AES over the challenge
    Hls2,
    /// MD5
    Hls3,
    /// SHA-1
    Hls4,
    /// GMAC
    Hls5,
    /// SHA-256
    Hls6,
    /// ECDSA
    Hls7,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ContextName {
    Plain,
    Ciphered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cover {
    /// Nothing
    None,
    /// A tag shows who wrote it
    Authentication,
    /// Nobody else can read it
    Encryption,
    /// Authentication and encryption
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A tag for each service, global key
    Glo,
    /// A tag for each service, a dedicated key for this association
    Ded,
    /// general-glo-ciphering
    GeneralGlo,
    /// general-ded-ciphering
    GeneralDed,
    /// general-ciphering, with --session-key
    GeneralCiphering,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KeyName {
    /// The global unicast key
    Identified,
    /// A new key, wrapped under the master key
    Wrapped,
    /// A new key, agreed in one pass: C(1e, 1s)
    OnePass,
    /// A key agreed between the static keys: C(0e, 2s)
    Static,
}

/// One thing in which meters differ from the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Difference {
    /// The header of general-ciphering is not authenticated (Gurux, pydlms)
    HeaderNotAuthenticated,
    /// general-signing signs the content with its length (Great Britain)
    ContentLengthSigned,
    /// The ephemeral key is signed behind 01 (Gurux)
    EphemeralSchemeSigned,
    /// Messages under a dedicated key have a counter of their own
    DedicatedCounter,
    /// HLS 5 does not name the suite: 10 in every suite
    GmacWithoutSuite,
    /// A wrapped or agreed key of general-ciphering is said in every message (pydlms)
    KeySaidEachTime,
    /// ACCESS is used with --use access even if the meter does not grant it
    AccessNotNegotiated,
    /// General blocks are used with --use general-blocks even if the meter does not grant them
    GeneralBlocksNotNegotiated,
}

/// Everything that an association is asked for with.
pub(crate) struct Secrets {
    pub(crate) client: u16,
    pub(crate) authentication: Authentication,
    context: Context,
    protection: Protection,
    form: Form,
    session_key: KeyName,
    dialect: Dialect,
    assumed: Conformance,
    title: Title,
    material: Material,
    /// A name for key and title under which counters are kept; it tells nothing about the key.
    pub(crate) fingerprint: String,
}

/// What one association alone has: a challenge, and keys.
pub(crate) struct Fresh {
    challenge: Challenge,
    dedicated: Option<Key>,
    wrapped: Option<Key>,
    ephemeral: Option<PrivateKey>,
}

impl Authentication {
    /// For messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "no authentication",
            Self::Lls => "LLS",
            Self::Hls2 => "HLS 2",
            Self::Hls3 => "HLS 3",
            Self::Hls4 => "HLS 4",
            Self::Hls5 => "HLS 5",
            Self::Hls6 => "HLS 6",
            Self::Hls7 => "HLS 7",
        }
    }

    /// The mechanism on the wire.
    pub(crate) const fn mechanism(self) -> Mechanism {
        match self {
            Self::None => Mechanism::None,
            Self::Lls => Mechanism::Password,
            Self::Hls2 => Mechanism::Manufacturer,
            Self::Hls3 => Mechanism::Md5,
            Self::Hls4 => Mechanism::Sha1,
            Self::Hls5 => Mechanism::Gmac,
            Self::Hls6 => Mechanism::Sha256,
            Self::Hls7 => Mechanism::Ecdsa,
        }
    }
}

impl Secrets {
    /// The suite, where keys show who it is.
    pub(crate) fn suite(&self) -> Option<u8> {
        matches!(self.authentication, Authentication::Hls5).then(|| self.material.suite.id())
    }

    /// Reads the keys file and decides. `state` is the folder of what is remembered.
    ///
    /// # Errors
    /// What the file or the options lack.
    pub(crate) fn gather(args: &SecurityArgs, state: &Path) -> Result<Self, Failure> {
        let mut material = Material::read(args.keys.as_deref(), args.suite)?;
        if let Some(password) = &args.password {
            material.password = Some(Zeroizing::new(password.clone()));
        }
        let authentication = match args.auth {
            Some(authentication) => authentication,
            // A password on the command line says what is meant.
            None if args.password.is_some() => Authentication::Lls,
            None if material.encryption.is_some() => Authentication::Hls5,
            None if material.password.is_some() => Authentication::Lls,
            None if material.hls_secret.is_some() => Authentication::Hls6,
            None => Authentication::None,
        };
        let low = matches!(authentication, Authentication::None | Authentication::Lls);
        let context = match args.context {
            Some(ContextName::Plain) => Context::Plain,
            Some(ContextName::Ciphered) => Context::Ciphered,
            None if !low && material.encryption.is_some() => Context::Ciphered,
            None => Context::Plain,
        };
        let mut protection = match args.protect {
            _ if context == Context::Plain => Protection::NONE,
            Cover::None => Protection::NONE,
            Cover::Authentication => Protection::AUTHENTICATED,
            Cover::Encryption => Protection::ENCRYPTED,
            Cover::Both => Protection::BOTH,
        };
        if args.sign {
            protection = protection | Protection::SIGNED;
        }
        let usual = if authentication == Authentication::None { 16 } else { 1 };
        let mut it = Self {
            client: args.client.or(material.client).unwrap_or(usual),
            authentication,
            context,
            protection,
            form: args.form,
            session_key: args.session_key,
            dialect: dialect(&args.dialect),
            assumed: assumed(&args.dialect),
            title: material.title.unwrap_or_default(),
            fingerprint: String::new(),
            material,
        };
        it.check()?;
        let titled = it.context == Context::Ciphered || !low;
        if titled && it.material.title.is_none() {
            it.title = own_title(state)?;
        }
        if let Some(encryption) = it.material.encryption.as_ref().filter(|_| it.uses_counter()) {
            it.fingerprint = name_of(encryption.octets(), &it.title);
        }
        Ok(it)
    }

    /// Whether everything is there that the mechanism, the context and the form need.
    fn check(&self) -> Result<(), Failure> {
        let Material { suite, .. } = self.material;
        let lacks = |what: &str, needs: &str| Err(Failure::Usage(format!("{what} needs {needs} (see docs/read.md)")));
        let name = self.authentication.name();
        let ciphered = self.context == Context::Ciphered;
        match self.authentication {
            Authentication::None => {}
            Authentication::Lls if self.material.password.is_none() => {
                return lacks(name, "a password: --password, or password in --keys");
            }
            Authentication::Lls => {}
            Authentication::Hls2 if self.material.hls_secret.as_ref().is_some_and(|it| 16 < it.len()) => {
                return lacks(name, "an hls_secret of 16 octets at most");
            }
            Authentication::Hls2 | Authentication::Hls3 | Authentication::Hls4 | Authentication::Hls6 => {
                if self.material.hls_secret.is_none() {
                    return lacks(name, "hls_secret in --keys FILE");
                }
            }
            Authentication::Hls5 => {
                if self.keys().is_none() {
                    return lacks(name, "encryption_key and authentication_key in --keys FILE");
                }
            }
            Authentication::Hls7 => {
                if self.material.signing.is_none() || self.material.meter_signing.is_none() {
                    return lacks(
                        name,
                        "suite 1 or 2, signing_key, and meter_signing_certificate or meter_signing_key in --keys FILE",
                    );
                }
            }
        }
        if ciphered && self.keys().is_none() {
            return lacks(
                "a ciphered context",
                "encryption_key and authentication_key in --keys FILE",
            );
        }
        if self.form != Form::Glo && !ciphered {
            return lacks("--form", "a ciphered context, and so keys");
        }
        if matches!(self.form, Form::Ded | Form::GeneralDed) && !self.protection.covers(Protection::ENCRYPTED) {
            // The dedicated key itself would be readable.
            return lacks("a dedicated key", "--protect both or encryption");
        }
        if self.session_key != KeyName::Identified && self.form != Form::GeneralCiphering {
            return lacks("--session-key", "--form general-ciphering");
        }
        if self.protection.covers(Protection::SIGNED)
            && (!ciphered || self.material.signing.is_none() || self.material.meter_signing.is_none())
        {
            return lacks(
                "--sign",
                "keys of suite 1 or 2, signing_key, and meter_signing_certificate or meter_signing_key in --keys FILE",
            );
        }
        match self.session_key {
            KeyName::Identified => Ok(()),
            KeyName::Wrapped if self.material.master.is_some() => Ok(()),
            KeyName::Wrapped => lacks("--session-key wrapped", "master_key in --keys FILE"),
            KeyName::OnePass | KeyName::Static if suite == Suite::Zero => lacks("key agreement", "suite 1 or 2"),
            KeyName::OnePass if self.material.signing.is_none() || self.material.meter_signing.is_none() => lacks(
                "--session-key one-pass",
                "signing_key, and meter_signing_certificate or meter_signing_key in --keys FILE",
            ),
            KeyName::OnePass | KeyName::Static
                if self.material.agreement.is_none() || self.material.meter_agreement.is_none() =>
            {
                lacks(
                    "key agreement",
                    "agreement_key, and meter_agreement_certificate or meter_agreement_key in --keys FILE",
                )
            }
            KeyName::OnePass | KeyName::Static => Ok(()),
        }
    }

    fn keys(&self) -> Option<Keys<'_>> {
        Some(Keys {
            suite: self.material.suite,
            encryption: self.material.encryption.as_ref()?,
            authentication: self.material.authentication.as_ref()?,
        })
    }

    /// Whether messages have invocation counters.
    pub(crate) fn uses_counter(&self) -> bool {
        self.context == Context::Ciphered || self.authentication == Authentication::Hls5
    }

    /// For messages.
    pub(crate) const fn means(&self) -> &'static str {
        self.authentication.name()
    }

    /// What one association alone has.
    ///
    /// # Errors
    /// When the system has no chance to give.
    pub(crate) fn fresh(&self) -> Result<Fresh, Failure> {
        let key = || -> Result<Option<Key>, Failure> {
            let mut octets = [0; 32];
            chance(&mut octets)?;
            Ok(octets.get(..self.material.suite.key_length()).and_then(Key::new))
        };
        let dedicated = matches!(self.form, Form::Ded | Form::GeneralDed);
        let mut fault = None;
        let mut entropy = |octets: &mut [u8]| fault = chance(octets).err();
        let ephemeral = match (self.session_key, Curve::of(self.material.suite)) {
            (KeyName::OnePass, Some(curve)) => generate(ASYMMETRIC, curve, &mut entropy).map(|(private, _)| private),
            _ => None,
        };
        fault.map_or(Ok(()), Err)?;
        Ok(Fresh {
            challenge: challenge()?,
            dedicated: if dedicated { key()? } else { None },
            wrapped: if self.session_key == KeyName::Wrapped {
                key()?
            } else {
                None
            },
            ephemeral,
        })
    }

    /// The settings of one association.
    ///
    /// # Errors
    /// When the master key or the secret is missing; [`Secrets::gather`] has seen to it that none is.
    pub(crate) fn settings<'a>(
        &'a self,
        fresh: &'a Fresh,
        server: u16,
        conformance: Conformance,
        receive_max: u16,
    ) -> Result<Settings<'a>, Failure> {
        let it = &self.material;
        let missing = || Failure::Failed(format!("{} lacks its keys", self.means()));
        let challenge = fresh.challenge.clone();
        let credentials = match self.authentication {
            Authentication::None => Credentials::None,
            Authentication::Lls => Credentials::Password(it.password.as_ref().ok_or_else(missing)?.as_bytes()),
            Authentication::Hls5 => Credentials::Gmac(challenge),
            Authentication::Hls7 => Credentials::Signature(challenge),
            other => {
                let secret = it.hls_secret.as_ref().ok_or_else(missing)?;
                Credentials::Secret(other.mechanism(), secret.as_bytes(), challenge)
            }
        };
        let session_key = match (self.form, self.session_key) {
            (Form::GeneralCiphering, KeyName::Identified) => Some(SessionKey::Identified),
            (Form::GeneralCiphering, KeyName::Wrapped) => Some(SessionKey::Wrapped {
                master: it.master.as_ref().ok_or_else(missing)?,
                key: fresh.wrapped.as_ref().ok_or_else(missing)?,
            }),
            (Form::GeneralCiphering, KeyName::OnePass) => Some(SessionKey::OnePass),
            (Form::GeneralCiphering, KeyName::Static) => Some(SessionKey::Static),
            _ => None,
        };
        Ok(Settings {
            context: self.context,
            credentials,
            title: self.title,
            keys: self.keys(),
            dedicated: fresh.dedicated.as_ref(),
            general: matches!(self.form, Form::GeneralGlo | Form::GeneralDed),
            protection: self.protection,
            identity: Some(Identity {
                algorithms: ASYMMETRIC,
                signing: it.signing.as_ref(),
                agreement: it.agreement.as_ref(),
                ephemeral: fresh.ephemeral.as_ref(),
                meter_signing: it.meter_signing,
                meter_agreement: it.meter_agreement,
                certificate: it.certificate.as_deref(),
            }),
            session_key,
            dialect: self.dialect,
            assumed: self.assumed,
            receive_max,
            ..Settings::public(self.client, server, conformance)
        })
    }
}

/// What a reader asks for; the meter grants what it has.
pub(crate) const WANTED: Conformance = Conformance::PRIORITY
    .with(Conformance::GENERAL_PROTECTION)
    .with(Conformance::BLOCKS_WITH_GET)
    .with(Conformance::MULTIPLE_REFERENCES)
    .with(Conformance::GET)
    .with(Conformance::SELECTIVE_ACCESS)
    .with(Conformance::ACTION);

fn dialect(differences: &[Difference]) -> Dialect {
    let mut dialect = Dialect::STANDARD;
    for difference in differences {
        match difference {
            Difference::HeaderNotAuthenticated => dialect.header_authenticated = false,
            Difference::ContentLengthSigned => dialect.content_length_signed = true,
            Difference::EphemeralSchemeSigned => dialect.ephemeral_scheme_signed = true,
            Difference::DedicatedCounter => dialect.dedicated_counter = true,
            Difference::GmacWithoutSuite => dialect.gmac_names_suite = false,
            Difference::KeySaidEachTime => dialect.key_said_each_time = true,
            Difference::AccessNotNegotiated | Difference::GeneralBlocksNotNegotiated => {}
        }
    }
    dialect
}

/// What may be used without being granted.
fn assumed(differences: &[Difference]) -> Conformance {
    differences.iter().fold(Conformance::NONE, |assumed, it| match it {
        Difference::AccessNotNegotiated => assumed.with(Conformance::ACCESS),
        Difference::GeneralBlocksNotNegotiated => assumed.with(Conformance::GENERAL_BLOCK_TRANSFER),
        _ => assumed,
    })
}

/// A challenge that is new.
///
/// # Errors
/// When the system has no chance to give.
pub(crate) fn challenge() -> Result<Challenge, Failure> {
    let mut octets = [0; 32];
    chance(&mut octets)?;
    Challenge::new(&octets).ok_or_else(|| Failure::Failed("a challenge has 8 to 64 octets".to_owned()))
}

fn chance(octets: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(octets).map_err(|error| Failure::Failed(format!("no random numbers: {error}")))
}

/// This installation's own system title: made by chance once, since two readers with one title and one key would repeat
/// each other's nonces.
fn own_title(state: &Path) -> Result<Title, Failure> {
    let path: PathBuf = state.join("system-title");
    if let Some(title) = fs::read_to_string(&path).ok().and_then(|text| exact(text.trim()))
        && let Ok(title) = Title::try_from(title.as_slice())
    {
        return Ok(title);
    }
    let mut title = *b"FRR\0\0\0\0\0";
    let [_, _, _, own @ ..] = &mut title;
    chance(own)?;
    fs::create_dir_all(state).map_err(|error| Failure::file(state, &error))?;
    fs::write(&path, hex(&title)).map_err(|error| Failure::file(&path, &error))?;
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
