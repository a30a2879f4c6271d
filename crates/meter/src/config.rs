//! What the factory decides about one meter: variant, names, keys, options. It does not change in the field.

use core::fmt;

use cosem::buffer::RowForm;
use dlms::initiate::Conformance;
use dlms::security::{Algorithms, Dialect, Key, PrivateKey, SYMMETRIC, Secret, Suite};

use crate::limits::{CHECKPOINT_SECONDS, HLS_SECRET_OCTETS, PASSWORD_OCTETS};
use crate::memory::FlashSize;
use crate::readout::ReadOut;
use crate::transformers::Ratio;

/// The members of the family (V1 to V3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Single-phase, direct connected, 5(100) A.
    Sm402d,
    /// Three-phase four-wire, direct connected, 5(100) A.
    St402d,
    /// Three-phase four-wire, CT connected, 5(6) A.
    St402c,
}

impl Variant {
    /// The type designation on the nameplate.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sm402d => "SM402D",
            Self::St402d => "ST402D",
            Self::St402c => "ST402C",
        }
    }

    /// Whether it has three phases.
    #[must_use]
    pub const fn is_three_phase(self) -> bool {
        !matches!(self, Self::Sm402d)
    }

    /// Whether it carries the load's current itself; only then it can have a switching module.
    #[must_use]
    pub const fn is_direct(self) -> bool {
        !matches!(self, Self::St402c)
    }

    /// The LED constant that it is ordered with, in pulses per kWh and per kvarh (M5).
    #[must_use]
    pub const fn default_constant(self) -> u32 {
        if self.is_direct() { 1_000 } else { 10_000 }
    }

    /// Nominal or basic current in amperes.
    #[must_use]
    pub const fn basic_amperes(self) -> u16 {
        5
    }

    /// Maximum current in amperes.
    #[must_use]
    pub const fn maximum_amperes(self) -> u16 {
        if self.is_direct() { 100 } else { 6 }
    }

    /// The variant in the mark of its flash.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Sm402d => 1,
            Self::St402d => 2,
            Self::St402c => 3,
        }
    }

    /// The type in logical device name and system title: 102 single-phase, 103 polyphase.
    const fn device_type(self) -> u8 {
        if self.is_three_phase() { 103 } else { 102 }
    }
}

/// One meter as it was ordered.
#[derive(Clone)]
pub struct Config {
    /// The variant.
    pub variant: Variant,
    /// The serial number, 1 to 99 999 999.
    pub serial: u32,
    /// Minutes from local normal time to UTC, -60 for Central Europe.
    pub time_zone: i16,
    /// Whether daylight saving is on, by the rules of the European Union unless a client sets others.
    pub daylight_saving: bool,
    /// Nominal frequency in hertz, 50 or 60.
    pub nominal_hertz: u8,
    /// Nominal voltage in volts.
    pub nominal_volts: u16,
    /// Pulses of the LEDs per kWh and per kvarh (M5).
    pub constant: u32,
    /// The transformers before it, until a client sets others; none before a direct meter (V3).
    pub transformers: Ratio,
    /// Whether it has a switching module (V5).
    pub switching_module: bool,
    /// The external flash, which decides how much every profile and log can hold.
    pub flash: FlashSize,
    /// Seconds between two saves of the energies without a warning of power loss; 0 saves each window, for memories that do not wear.
    pub checkpoint_seconds: u16,
    /// How rows of buffers go over the wire. Every client reads plain ones; differences go to those alone that agree on
    /// them.
    pub row_form: RowForm,
    /// Which of the forms that implementations differ in it speaks (docs/security.md).
    pub dialect: Dialect,
    /// In what else it is like other meters.
    pub differences: Differences,
    /// The keys and passwords that it leaves the factory with.
    pub secrets: Secrets,
    /// The only client system title that is accepted, or any.
    pub client_system_title: Option<[u8; 8]>,
    /// The algorithms that the board lends. Suites 1 and 2 need [`dlms::security::ASYMMETRIC`].
    pub algorithms: &'static dyn Algorithms,
    /// Certificates (DER) that it leaves the factory with: trust anchors, its own, its clients'.
    pub certificates: &'static [&'static [u8]],
    /// What the optical port reads out in modes A and C of IEC 62056-21, in this order.
    /// None for the usual list.
    pub read_out: Option<ReadOut>,
}

/// In what a meter is like others, and unlike the standard (docs/security.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differences {
    /// Services and encodings that it has and offers to nobody, for clients that go wrong when they are offered.
    pub withheld: Conformance,
    /// Services that clients may use without having negotiated them: ACCESS, general blocks.
    pub tolerated: Conformance,
    /// Long answers to clients that negotiated general blocks go in these; false and they go in the blocks of GET, which clients can
    /// read that propose general blocks and do not know them. A request in general blocks is answered in them either way.
    pub general_blocks_first: bool,
    /// The deviation of date-times has the other sign: minutes that local time is ahead of UTC.
    pub deviation_reversed: bool,
}

impl Differences {
    /// None.
    pub const NONE: Self = Self {
        withheld: Conformance::NONE,
        tolerated: Conformance::NONE,
        general_blocks_first: false,
        deviation_reversed: false,
    };
}

/// Keys and passwords as the factory set them. They are never printed.
#[derive(Clone)]
pub struct Secrets {
    /// The password of LLS for the management client; none switches LLS off.
    pub lls_password: Option<Secret<PASSWORD_OCTETS>>,
    /// The security suite. Its keys have 16 octets, those of suite 2 have 32.
    pub suite: Suite,
    /// Global unicast encryption key.
    pub encryption_key: Key,
    /// Authentication key.
    pub authentication_key: Key,
    /// Global broadcast encryption key; none and client 102 has its unicast key alone.
    pub broadcast_key: Option<Key>,
    /// Master key, under which other keys are changed; none and they are not changed so.
    pub master_key: Option<Key>,
    /// The secret of mechanism 6 and, if they are allowed, 2 to 4; none switches them off.
    pub hls_secret: Option<Secret<HLS_SECRET_OCTETS>>,
    /// Whether the mechanisms that are not safe any more may be used: 2 (manufacturer), 3 (MD5), 4 (SHA-1).
    pub old_mechanisms: bool,
    /// Private keys by purpose: digital signature, key agreement, TLS.
    pub private_keys: [Option<PrivateKey>; 3],
}

impl Secrets {
    /// The keys of suite 0, and nothing else.
    #[must_use]
    pub const fn new(encryption_key: Key, authentication_key: Key) -> Self {
        Self {
            lls_password: None,
            suite: Suite::Zero,
            encryption_key,
            authentication_key,
            broadcast_key: None,
            master_key: None,
            hls_secret: None,
            old_mechanisms: false,
            private_keys: [const { None }; 3],
        }
    }
}

/// Why an order is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key of the order that is wrong.
    pub key: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.allowed)
    }
}

impl core::error::Error for ConfigError {}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("variant", &self.variant)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// A meter of this variant as it is usually ordered, for 3 x 230/400 V, 50 Hz, Central European time.
    #[must_use]
    pub const fn new(variant: Variant, serial: u32, secrets: Secrets) -> Self {
        Self {
            variant,
            serial,
            time_zone: -60,
            daylight_saving: true,
            nominal_hertz: 50,
            nominal_volts: 230,
            constant: variant.default_constant(),
            transformers: Ratio::UNITY,
            switching_module: variant.is_direct(),
            flash: FlashSize::Megabytes16,
            checkpoint_seconds: CHECKPOINT_SECONDS,
            row_form: RowForm::Plain,
            dialect: Dialect::STANDARD,
            differences: Differences::NONE,
            secrets,
            client_system_title: None,
            algorithms: SYMMETRIC,
            certificates: &[],
            read_out: None,
        }
    }

    /// Checks that such a meter can be built.
    ///
    /// # Errors
    /// The first key that is wrong, and what it may be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refused = |key, allowed| Err(ConfigError { key, allowed });
        if !(1..=99_999_999).contains(&self.serial) {
            return refused("serial", "1 to 99999999");
        }
        if !(-840..=720).contains(&self.time_zone) {
            return refused("time_zone", "-840 to 720 minutes from local normal time to UTC");
        }
        if ![50, 60].contains(&self.nominal_hertz) {
            return refused("nominal_hertz", "50 or 60");
        }
        if !(110..=230).contains(&self.nominal_volts) {
            return refused("nominal_volts", "110 to 230");
        }
        if !(1..=1_000_000).contains(&self.constant) {
            return refused("constant", "1 to 1000000 pulses per kWh");
        }
        if !self.transformers.is_possible() || (self.variant.is_direct() && self.transformers != Ratio::UNITY) {
            return refused(
                "transformers",
                "for ST402C alone: 1 to 100000 A by 1 to 10 A, 1 to 1000000 V by 1 to 1000 V, each at least 1, together at most 400000",
            );
        }
        if 3_600 < self.checkpoint_seconds {
            return refused("checkpoint_seconds", "0 to 3600");
        }
        if self.switching_module && !self.variant.is_direct() {
            return refused(
                "switching_module",
                "false for ST402C: a switch of 100 A cannot open a CT circuit (V5)",
            );
        }
        let secrets = &self.secrets;
        if !self.algorithms.supports(secrets.suite) {
            return refused("suite", "0 for a board that lends no elliptic curves");
        }
        let length = secrets.suite.key_length();
        for (name, key) in [
            ("encryption_key", Some(&secrets.encryption_key)),
            ("authentication_key", Some(&secrets.authentication_key)),
            ("broadcast_key", secrets.broadcast_key.as_ref()),
            ("master_key", secrets.master_key.as_ref()),
        ] {
            if key.is_some_and(|key| key.octets().len() != length) {
                return refused(name, "16 octets, 32 in suite 2");
            }
        }
        if secrets.hls_secret.as_ref().is_some_and(|it| it.len() < 8) {
            return refused("hls_secret", "8 to 64 octets, or left out");
        }
        for key in secrets.private_keys.iter().flatten() {
            if dlms::security::Curve::of(secrets.suite) != Some(key.curve()) {
                return refused("private_keys", "of the curve of the suite");
            }
        }
        if self.secrets.lls_password.as_ref().is_some_and(|it| it.len() < 8) {
            return refused("lls_password", "8 to 16 octets, or left out");
        }
        Ok(())
    }

    /// The COSEM logical device name: FLAG id, device type, function type, serial number.
    #[must_use]
    pub fn logical_device_name(&self) -> [u8; 16] {
        let mut name = *b"FRR1020000000000";
        let [_, _, _, _, _, kind, _, function, serial @ ..] = &mut name;
        *kind = b'0' + (self.variant.device_type() - 100);
        *function = b'0' + u8::from(self.switching_module);
        *serial = digits(self.serial);
        name
    }

    /// The serial number as it stands on the nameplate, 8 digits.
    #[must_use]
    pub fn serial_digits(&self) -> [u8; 8] {
        digits(self.serial)
    }

    /// The system title: FLAG id, device type, functions (4 bits) and serial number (28 bits).
    #[must_use]
    pub fn system_title(&self) -> [u8; 8] {
        let [a, b, c, d] = (self.serial & 0x0FFF_FFFF | u32::from(self.switching_module) << 28).to_be_bytes();
        [b'F', b'R', b'R', self.variant.device_type(), a, b, c, d]
    }
}

/// The last eight decimal digits of `number`.
fn digits(number: u32) -> [u8; 8] {
    let mut left = number;
    let mut digits = [b'0'; 8];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    digits
}

/// Keys of all zeros, for tests.
#[cfg(test)]
pub(crate) fn test_secrets() -> Secrets {
    let key = || Key::new(&[0; 16]).expect("16 octets");
    Secrets::new(key(), key())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variant: Variant) -> Config {
        Config::new(variant, 40_200_001, test_secrets())
    }

    #[test]
    fn names_say_type_functions_and_serial_number() {
        assert_eq!(&config(Variant::St402d).logical_device_name(), b"FRR1030140200001");
        assert_eq!(&config(Variant::Sm402d).logical_device_name(), b"FRR1020140200001");
        assert_eq!(&config(Variant::St402c).logical_device_name(), b"FRR1030040200001");
        assert_eq!(
            config(Variant::St402d).system_title(),
            [b'F', b'R', b'R', 103, 0x12, 0x65, 0x67, 0x41]
        );
    }

    /// V5: an impossible order is refused and the key named.
    #[test]
    fn impossible_orders_are_refused_by_key() {
        let check = |change: fn(&mut Config), key| {
            let mut order = config(Variant::St402c);
            change(&mut order);
            assert_eq!(order.check().map_err(|error| error.key), Err(key));
        };
        assert_eq!(config(Variant::St402c).check(), Ok(()));
        check(|it| it.switching_module = true, "switching_module");
        check(|it| it.serial = 0, "serial");
        check(|it| it.time_zone = 900, "time_zone");
        check(|it| it.nominal_hertz = 55, "nominal_hertz");
        check(|it| it.nominal_volts = 400, "nominal_volts");
        check(|it| it.constant = 0, "constant");
        check(|it| it.transformers.current = (4, 5), "transformers");
        let ratio = Ratio {
            current: (200, 5),
            ..Ratio::UNITY
        };
        let order = |variant| Config {
            transformers: ratio,
            ..config(variant)
        };
        assert_eq!(order(Variant::St402c).check(), Ok(()));
        for direct in [Variant::St402d, Variant::Sm402d] {
            assert_eq!(order(direct).check().map_err(|error| error.key), Err("transformers"));
        }
        check(|it| it.secrets.lls_password = Secret::new(b"short"), "lls_password");
    }
}
