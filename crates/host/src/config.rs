//! The order of one meter as a TOML file: variant, serial number, options, keys.
//!
//! Unknown keys are refused, and so is what no meter can be. What is left out is as it is usually ordered; without a table
//! `management` the meter has [demo keys](KeyRing::demo).

use std::path::Path;

use cosem::buffer::RowForm;
use dlms::initiate::Conformance;
use dlms::security::{ASYMMETRIC, Certificate, CertificateFault};
use grid::Crystal;
use meter::readout::READ_OUT_LINES;
use meter::transformers::Ratio;
use meter::{Config, FlashSize, Variant};
use serde_json::Value;

use crate::backup_clock::{BATTERY_HOURS, CAPACITOR_HOURS, ClockOrder, Reserve, Timing};
use crate::change::ROOM_CELSIUS;
use crate::demo::KeyRing;
use crate::document::{FaultKind, Faults, Path as At, Table};
use crate::mbus_devices::Device;
use crate::sensors::Sensors;
use crate::toml_file::{TomlFile, TomlFileError};

/// The serial number of a meter that nobody numbered.
pub(crate) const DEFAULT_SERIAL: u32 = 40_200_001;

/// The transformers of the household before a CT meter.
const USUAL_RATIO: Ratio = Ratio {
    current: (100, 5),
    ..Ratio::UNITY
};

/// A meter as it was ordered, and what its owner is told.
#[derive(Clone)]
pub struct Order {
    /// What the factory builds.
    pub config: Config,
    /// What goes to the owner in a sealed envelope.
    pub keys: KeyRing,
    /// What is connected to M-Bus channels 1 to 4.
    pub mbus: [Option<Device>; 4],
    /// Its crystal, and what carries its clock without power.
    pub clock: ClockOrder,
    /// Its sensors.
    pub sensors: Sensors,
}

impl Order {
    /// A usual meter of this variant with demo keys.
    #[must_use]
    pub fn usual(variant: Variant) -> Self {
        let keys = KeyRing::demo();
        Self {
            config: Config {
                // A file does not wear: what a client was told is never taken back, not even by kill -9.
                checkpoint_seconds: 0,
                algorithms: ASYMMETRIC,
                transformers: if variant.is_direct() { Ratio::UNITY } else { USUAL_RATIO },
                ..Config::new(variant, DEFAULT_SERIAL, keys.secrets())
            },
            keys,
            mbus: [None; 4],
            clock: ClockOrder::USUAL,
            sensors: Sensors::Ideal,
        }
    }

    /// Reads the file at `path`. `variant`, if given, stands above the file's.
    ///
    /// # Errors
    /// Every key that is wrong, with its line and what is allowed.
    pub fn read(path: &Path, variant: Option<Variant>) -> Result<Self, TomlFileError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| TomlFileError::unreadable(&name, &error))?;
        Self::parse(&name, &text, variant)
    }

    /// Reads `text`; `name` is what messages call it.
    ///
    /// # Errors
    /// As [`Order::read`].
    pub fn parse(name: &str, text: &str, variant: Option<Variant>) -> Result<Self, TomlFileError> {
        TomlFile::parse(name, text)?.read(|table, faults| fill_in(table, variant, faults))
    }
}

fn fill_in(table: &mut Table<'_>, variant: Option<Variant>, faults: &mut Faults) -> Option<Order> {
    let written = table.word("variant", VARIANTS, faults);
    let mut order = Order::usual(variant.or(written).unwrap_or(Variant::St402d));
    let config = &mut order.config;
    if let Some(serial) = table.integer("serial", 1..=99_999_999, faults) {
        config.serial = u32::try_from(serial).unwrap_or(config.serial);
    }
    if let Some(minutes) = table.integer("time_zone_minutes", -720..=840, faults) {
        config.time_zone = i16::try_from(-minutes).unwrap_or(config.time_zone);
    }
    if let Some(summer_time) = table.boolean("daylight_saving", faults) {
        config.daylight_saving = summer_time;
    }
    if let Some(form) = table.word("row_form", ROW_FORMS, faults) {
        config.row_form = form;
    }
    if let Some(hertz) = table.integer("nominal_hertz", 50..=60, faults) {
        config.nominal_hertz = u8::try_from(hertz).unwrap_or(config.nominal_hertz);
    }
    if let Some(volts) = table.integer("nominal_volts", 110..=230, faults) {
        config.nominal_volts = u16::try_from(volts).unwrap_or(config.nominal_volts);
    }
    if let Some(constant) = table.integer("constant", 1..=1_000_000, faults) {
        config.constant = u32::try_from(constant).unwrap_or(config.constant);
    }
    if let Some(has_switch) = table.boolean("switching_module", faults) {
        config.switching_module = has_switch;
    }
    if let Some(mut transformers) = table.table("transformers", faults) {
        let Ratio { current, voltage } = &mut config.transformers;
        for (name, most, place) in [
            ("primary_amperes", 100_000, &mut current.0),
            ("secondary_amperes", 10, &mut current.1),
            ("primary_volts", 1_000_000, &mut voltage.0),
            ("secondary_volts", 1_000, &mut voltage.1),
        ] {
            let number = transformers.integer(name, 1..=most, faults);
            *place = number.and_then(|number| u32::try_from(number).ok()).unwrap_or(*place);
        }
        transformers.close(faults);
    }
    if let Some(size) = table.word("flash", FLASH_SIZES, faults) {
        config.flash = size;
    }
    for (key, device) in ["mbus_1", "mbus_2", "mbus_3", "mbus_4"]
        .into_iter()
        .zip(&mut order.mbus)
    {
        *device = table.word(key, DEVICES, faults);
    }
    order.clock = clock(table, faults);
    order.sensors = table.word("sensors", SENSORS, faults).unwrap_or(order.sensors);
    let config = &mut order.config;
    config.client_system_title = octets(table, "client_system_title", faults);
    if let Some(list) = table.list("read_out", 0..=READ_OUT_LINES, faults) {
        config.read_out = Some(
            list.into_iter()
                .filter_map(|(name, path)| read_out_name(name, path, faults))
                .collect(),
        );
    }
    if let Some(mut differences) = table.table("differences", faults) {
        let it = &mut config.dialect;
        for (name, place) in [
            ("header_authenticated", &mut it.header_authenticated),
            ("content_length_signed", &mut it.content_length_signed),
            ("ephemeral_scheme_signed", &mut it.ephemeral_scheme_signed),
            ("dedicated_counter", &mut it.dedicated_counter),
            ("gmac_names_suite", &mut it.gmac_names_suite),
        ] {
            *place = differences.boolean(name, faults).unwrap_or(*place);
        }
        let it = &mut config.differences;
        for (name, place) in [
            ("general_blocks_first", &mut it.general_blocks_first),
            ("deviation_reversed", &mut it.deviation_reversed),
        ] {
            *place = differences.boolean(name, faults).unwrap_or(*place);
        }
        for (key, allowed, place) in [
            ("withheld", SERVICES, &mut it.withheld),
            ("tolerated", TOLERATED, &mut it.tolerated),
        ] {
            let services = differences.list(key, 0..=allowed.len(), faults);
            for (name, path) in services.unwrap_or_default() {
                *place = place.with(service(name, allowed, path, faults));
            }
        }
        differences.close(faults);
    }
    if let Some(mut management) = table.table("management", faults) {
        order.keys = key_ring(&mut management, faults)?;
        order.config.secrets = order.keys.secrets();
        if let Some(folder) = management.text("certificates", faults) {
            match certificates(Path::new(folder)) {
                Ok(certificates) => order.config.certificates = certificates,
                Err(detail) => faults.note(FaultKind::OutOfRange, management.path().key("certificates"), detail),
            }
        }
        management.close(faults);
    }
    if let Err(error) = order.config.check() {
        faults.note(
            FaultKind::OutOfRange,
            table.path().key(error.key),
            format!("must be {}", error.allowed),
        );
    }
    Some(order)
}

/// The crystal, the room it is in, and the reserve.
fn clock(table: &mut Table<'_>, faults: &mut Faults) -> ClockOrder {
    let usual = ClockOrder::USUAL;
    let crystal = table.word("crystal", CRYSTALS, faults);
    let offset_ppm = table.number("crystal_ppm", -100.0..=100.0, faults);
    let room_celsius = table.number("room_celsius", ROOM_CELSIUS, faults);
    let reserve = table.word("clock_reserve", RESERVES, faults).unwrap_or(usual.reserve);
    let hours = table.integer("clock_reserve_hours", 1..=200_000, faults);
    let hours = hours.and_then(|hours| u32::try_from(hours).ok());
    ClockOrder {
        timing: match (offset_ppm, crystal) {
            (Some(offset_ppm), _) => Timing::Of(Crystal { offset_ppm }),
            (None, crystal) => crystal.unwrap_or(usual.timing),
        },
        room_celsius: room_celsius.unwrap_or(usual.room_celsius),
        reserve: match (reserve, hours) {
            (Reserve::Battery { .. }, Some(hours)) => Reserve::Battery { hours },
            (Reserve::Capacitor { .. }, Some(hours)) => Reserve::Capacitor { hours },
            (reserve, _) => reserve,
        },
    }
}

fn key_ring(management: &mut Table<'_>, faults: &mut Faults) -> Option<KeyRing> {
    let suite = management.integer("suite", 0..=2, faults).unwrap_or(0);
    let suite = u8::try_from(suite).unwrap_or(0);
    let (length, scalar) = match suite {
        0 => (16, 0),
        1 => (16, 32),
        _ => (32, 48),
    };
    let encryption_key = digits(management, "encryption_key", length, faults);
    let encryption_key = management.required("encryption_key", encryption_key, faults);
    let authentication_key = digits(management, "authentication_key", length, faults);
    let authentication_key = management.required("authentication_key", authentication_key, faults);
    let broadcast_key = digits(management, "broadcast_key", length, faults);
    let master_key = digits(management, "master_key", length, faults);
    let (signing_key, agreement_key) = if scalar == 0 {
        (None, None)
    } else {
        (
            digits(management, "signing_key", scalar, faults),
            digits(management, "agreement_key", scalar, faults),
        )
    };
    let mut text = |name: &'static str, most: usize, or: &str| {
        let text = management.text(name, faults).map(ToOwned::to_owned);
        match text {
            Some(text) if !(8..=most).contains(&text.len()) => {
                let detail = format!("has {} octets; allowed are 8 to {most}, or {or}", text.len());
                faults.note(FaultKind::OutOfRange, management.path().key(name), detail);
                None
            }
            text => Some(text),
        }
    };
    let password = text("password", 16, "no password at all");
    let hls_secret = text("hls_secret", 64, "no secret at all");
    let old_mechanisms = management.boolean("old_mechanisms", faults).unwrap_or(false);
    let (encryption_key, authentication_key) = (encryption_key?, authentication_key?);
    if encryption_key == authentication_key {
        let detail = "is the encryption key; allowed are two different keys";
        faults.note(
            FaultKind::OutOfRange,
            management.path().key("authentication_key"),
            detail,
        );
    }
    Some(KeyRing {
        password: password?,
        encryption_key,
        authentication_key,
        broadcast_key,
        master_key,
        hls_secret: hls_secret?,
        old_mechanisms,
        signing_key,
        agreement_key,
        ..KeyRing::of_suite(suite)
    })
}

/// The certificates (`*.der`) in a folder, in the order of their names. A meter borrows them for as long as it lives, and the
/// process lives as long as its meters.
fn certificates(folder: &Path) -> Result<&'static [&'static [u8]], String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "der") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut certificates: Vec<&'static [u8]> = Vec::new();
    for path in paths {
        let octets = std::fs::read(&path).map_err(unreadable)?;
        Certificate::parse(&octets).map_err(|fault: CertificateFault| format!("holds {}: {fault}", path.display()))?;
        certificates.push(octets.leak());
    }
    Ok(certificates.leak())
}

/// A service or encoding that a meter can do without; none of them when it is written wrong.
fn service(name: &Value, allowed: &[(&str, Conformance)], path: At, faults: &mut Faults) -> Conformance {
    let found = allowed.iter().find(|(word, _)| name.as_str() == Some(*word));
    if found.is_none() {
        let words: Vec<&str> = allowed.iter().map(|(word, _)| *word).collect();
        let detail = format!("is {name}; allowed are {}", words.join(", "));
        faults.note(FaultKind::OutOfRange, path, detail);
    }
    found.map_or(Conformance::NONE, |(_, service)| *service)
}

/// A name of the optical port's read-out.
fn read_out_name(name: &Value, path: At, faults: &mut Faults) -> Option<cosem::Obis> {
    let found = name.as_str().and_then(cosem::Obis::parse);
    if found.is_none() {
        faults.note(
            FaultKind::OutOfRange,
            path,
            format!("is {name}; allowed are names such as 1-0:1.8.0"),
        );
    }
    found
}

/// Octets in hexadecimal.
fn octets<const N: usize>(table: &mut Table<'_>, name: &'static str, faults: &mut Faults) -> Option<[u8; N]> {
    digits(table, name, N, faults)?.try_into().ok()
}

/// As many octets in hexadecimal.
fn digits(table: &mut Table<'_>, name: &'static str, length: usize, faults: &mut Faults) -> Option<Vec<u8>> {
    let text = table.text(name, faults)?;
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
        .collect();
    let octets = digits.filter(|digits| digits.len() == 2 * length).map(|digits| {
        let octet = |pair: &[u8]| pair.iter().fold(0, |sum, digit| sum << 4 | digit);
        digits.chunks(2).map(octet).collect()
    });
    if octets.is_none() {
        // The value is not repeated: it may be a key.
        let detail = format!(
            "is {} characters; allowed are {} hexadecimal digits",
            text.chars().count(),
            2 * length
        );
        faults.note(FaultKind::OutOfRange, table.path().key(name), detail);
    }
    octets
}

const VARIANTS: &[(&str, Variant)] = &[
    ("SM402D", Variant::Sm402d),
    ("ST402D", Variant::St402d),
    ("ST402C", Variant::St402c),
];

const ROW_FORMS: &[(&str, RowForm)] = &[
    ("plain", RowForm::Plain),
    ("null-data", RowForm::NullData),
    ("delta", RowForm::Delta),
    ("compact-array", RowForm::CompactArray),
];

const DEVICES: &[(&str, Device)] = &[("gas", Device::Gas), ("water", Device::Water), ("heat", Device::Heat)];

const SERVICES: &[(&str, Conformance)] = &[
    ("access", Conformance::ACCESS),
    (
        "attribute-0",
        Conformance::ATTRIBUTE_0_WITH_GET.with(Conformance::ATTRIBUTE_0_WITH_SET),
    ),
    ("deltas", Conformance::DELTA_VALUES),
    ("general-blocks", Conformance::GENERAL_BLOCK_TRANSFER),
    ("general-protection", Conformance::GENERAL_PROTECTION),
    ("lists", Conformance::MULTIPLE_REFERENCES),
];

/// Services that some clients use without having negotiated them.
const TOLERATED: &[(&str, Conformance)] = &[
    ("access", Conformance::ACCESS),
    ("general-blocks", Conformance::GENERAL_BLOCK_TRANSFER),
];

const CRYSTALS: &[(&str, Timing)] = &[("ideal", Timing::Ideal), ("trimmed", Timing::Trimmed)];

const SENSORS: &[(&str, Sensors)] = &[
    ("ideal", Sensors::Ideal),
    ("calibrated", Sensors::Calibrated),
    ("calibrated-once", Sensors::CalibratedOnce),
];

const RESERVES: &[(&str, Reserve)] = &[
    ("none", Reserve::None),
    ("capacitor", Reserve::Capacitor { hours: CAPACITOR_HOURS }),
    ("battery", Reserve::Battery { hours: BATTERY_HOURS }),
];

const FLASH_SIZES: &[(&str, FlashSize)] = &[("16MB", FlashSize::Megabytes16), ("4MB", FlashSize::Megabytes4)];

#[cfg(test)]
mod tests {
    use dlms::security::Dialect;
    use meter::Differences;

    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let said = Order::parse("meter.toml", text, None)
            .map(|_| ())
            .map_err(|error| error.to_string());
        assert_eq!(said, Err(expected.to_owned()));
    }

    const KEYS: &str = "encryption_key = \"F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF\"\n\
                        authentication_key = \"e0e1e2e3e4e5e6e7e8e9eaebecedeeef\"\n";

    #[test]
    fn an_empty_order_is_the_usual_meter_with_demo_keys() {
        let Order { config, keys, .. } = Order::parse("meter.toml", "", None).expect("nothing is wrong");
        assert_eq!((config.variant, config.serial), (Variant::St402d, DEFAULT_SERIAL));
        assert!(keys.is_demo() && config.switching_module);
    }

    #[test]
    fn everything_that_can_be_ordered_arrives() {
        let text = format!(
            "variant = \"SM402D\"\nserial = 7\ntime_zone_minutes = 120\ndaylight_saving = false\nnominal_hertz = 60\n\
             nominal_volts = 127\nconstant = 500\nswitching_module = false\nflash = \"4MB\"\ncrystal_ppm = -7.5\nroom_celsius = 40\nclock_reserve = \"capacitor\"\nclock_reserve_hours = 36\nmbus_2 = \"heat\"\nsensors = \"calibrated-once\"\nclient_system_title = \"4D4D4D0000000001\"\n\
             [management]\npassword = \"12345678\"\n{KEYS}"
        );
        let Order {
            config,
            keys,
            mbus,
            clock,
            sensors,
        } = Order::parse("meter.toml", &text, None).expect("nothing is wrong");
        let timing = Timing::Of(Crystal { offset_ppm: -7.5 });
        assert_eq!((clock.timing, clock.room_celsius), (timing, 40.0));
        assert_eq!(sensors, Sensors::CalibratedOnce);
        assert_eq!(clock.reserve, Reserve::Capacitor { hours: 36 });
        assert_eq!(mbus, [None, Some(Device::Heat), None, None]);
        assert_eq!(
            (config.variant, config.serial, config.time_zone),
            (Variant::Sm402d, 7, -120)
        );
        assert_eq!(
            (config.nominal_hertz, config.nominal_volts, config.constant),
            (60, 127, 500)
        );
        assert_eq!(config.flash, FlashSize::Megabytes4);
        assert!(!config.daylight_saving && !config.switching_module && !keys.is_demo());
        assert_eq!(config.client_system_title, Some(*b"MMM\x00\x00\x00\x00\x01"));
        assert_eq!(keys.authentication_key[0], 0xE0);
        assert_eq!(config.secrets.lls_password.as_deref(), Some(b"12345678".as_slice()));
    }

    /// Issue 5, 6: what implementations differ in is a setting, and the standard's form is the default.
    #[test]
    fn differences_from_the_standard_are_ordered() {
        let Order { config, .. } = Order::parse("meter.toml", "", None).expect("nothing is wrong");
        assert_eq!(
            (config.dialect, config.differences),
            (Dialect::STANDARD, Differences::NONE)
        );
        let text = "[differences]\nheader_authenticated = false\ncontent_length_signed = true\nephemeral_scheme_signed = true\n\
                    dedicated_counter = true\ngmac_names_suite = false\nwithheld = [\"access\", \"general-blocks\"]\n\
                    tolerated = [\"access\"]\ngeneral_blocks_first = true\ndeviation_reversed = true";
        let Order { config, .. } = Order::parse("meter.toml", text, None).expect("nothing is wrong");
        let other = Dialect {
            header_authenticated: false,
            content_length_signed: true,
            ephemeral_scheme_signed: true,
            dedicated_counter: true,
            gmac_names_suite: false,
            key_said_each_time: false,
        };
        assert_eq!(config.dialect, other);
        let differences = Differences {
            withheld: Conformance::ACCESS.with(Conformance::GENERAL_BLOCK_TRANSFER),
            tolerated: Conformance::ACCESS,
            general_blocks_first: true,
            deviation_reversed: true,
        };
        assert_eq!(config.differences, differences);
        refused(
            "[differences]\ntolerated = [\"lists\"]",
            "meter.toml:2:14: differences/tolerated/0 is \"lists\"; allowed are access, general-blocks",
        );
        refused(
            "[differences]\nwithheld = [\"get\"]",
            "meter.toml:2:13: differences/withheld/0 is \"get\"; allowed are access, attribute-0, deltas, general-blocks, general-protection, lists",
        );
    }

    /// V3: an ST402C comes with the household's 100/5 A, or with what is ordered; a direct meter with none.
    #[test]
    fn transformers_are_ordered() {
        let ratio = |text: &str| {
            let order = Order::parse("meter.toml", text, None).expect("nothing is wrong");
            order.config.transformers
        };
        assert_eq!(ratio(""), Ratio::UNITY);
        assert_eq!(ratio("variant = \"ST402C\""), USUAL_RATIO);
        let text =
            "variant = \"ST402C\"\n[transformers]\nprimary_amperes = 400\nprimary_volts = 20000\nsecondary_volts = 100";
        let ordered = Ratio {
            current: (400, 5),
            voltage: (20_000, 100),
        };
        assert_eq!(ratio(text), ordered);
        for text in [
            "variant = \"ST402C\"\n[transformers]\nprimary_amperes = 4",
            "variant = \"ST402C\"\n[transformers]\nsecondary_amperes = 0",
            "[transformers]\nprimary_amperes = 200",
        ] {
            assert!(Order::parse("meter.toml", text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_variant_from_outside_stands_above_the_file() {
        let Order { config, .. } =
            Order::parse("meter.toml", "variant = \"ST402D\"", Some(Variant::St402c)).expect("fine");
        assert!(config.variant == Variant::St402c && !config.switching_module && config.constant == 10_000);
    }

    /// Issue 2, bad input: which key, which line, what is allowed.
    #[test]
    fn a_broken_file_is_refused_with_key_line_and_what_is_allowed() {
        refused(
            "variant = \"ST402\"",
            "meter.toml:1:1: variant is \"ST402\"; allowed are SM402D, ST402D, ST402C",
        );
        refused("\nserial = 0", "meter.toml:2:1: serial is 0; allowed are 1 to 99999999");
        refused(
            "serial = \"7\"",
            "meter.toml:1:1: serial is the text \"7\"; allowed are whole numbers from 1 to 99999999",
        );
        refused("nominal_hertz = 55", "meter.toml:1:1: nominal_hertz must be 50 or 60");
        refused(
            "variant = \"ST402C\"\nswitching_module = true",
            "meter.toml:2:1: switching_module must be false for ST402C: a switch of 100 A cannot open a CT circuit (V5)",
        );
        refused(
            "[management]\npassword = \"short\"",
            "meter.toml:1:2: management/encryption_key is missing\n\
             meter.toml:1:2: management/authentication_key is missing\n\
             meter.toml:2:1: management/password has 5 octets; allowed are 8 to 16, or no password at all",
        );
        refused(
            "[management]\nencryption_key = \"00\"\nauthentication_key = \"zz\"\npass = 1",
            "meter.toml:2:1: management/encryption_key is 2 characters; allowed are 32 hexadecimal digits\n\
             meter.toml:3:1: management/authentication_key is 2 characters; allowed are 32 hexadecimal digits",
        );
        refused(
            &format!("[management]\n{KEYS}pass = 1"),
            "meter.toml:4:1: management/pass is not known here; allowed are authentication_key, broadcast_key, certificates, encryption_key, hls_secret, master_key, old_mechanisms, \
             password, suite",
        );
        refused(
            "colour = \"grey\"",
            "meter.toml:1:1: colour is not known here; allowed are client_system_title, clock_reserve, clock_reserve_hours, \
             constant, crystal, crystal_ppm, daylight_saving, differences, flash, management, mbus_1, mbus_2, mbus_3, mbus_4, nominal_hertz, nominal_volts, read_out, room_celsius, row_form, \
             sensors, serial, switching_module, \
             time_zone_minutes, transformers, variant",
        );
    }
}
