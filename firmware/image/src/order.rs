//! The order of the factory, from the first two sectors of the flash: two copies of one record, so that one may be damaged.
//!
//! | octets | what |
//! | --- | --- |
//! | 0..4 | `FRRO` |
//! | 4 | version, 1 |
//! | 5 | variant: 0 SM402D, 1 ST402D, 2 ST402C |
//! | 6..10 | serial number |
//! | 10..12 | minutes from local normal time to UTC |
//! | 12 | daylight saving, 0 or 1 |
//! | 13 | nominal frequency in hertz |
//! | 14..16 | nominal voltage in volts |
//! | 16..20 | pulses per kWh |
//! | 20 | switching module, 0 or 1 |
//! | 21 | octets of the password, 0 for none |
//! | 22..38 | password |
//! | 38..54 | encryption key |
//! | 54..70 | authentication key |
//! | 70 | 1 when only one client system title is accepted, 0 for any |
//! | 71..79 | that title |
//! | 79..83 | CRC-32 (ISO-HDLC) of all before |
//!
//! Numbers are big-endian. Sectors that were never written are those of a board on a desk: it is a ST402D with keys that everybody knows.

use dlms::security::{Key, Secret};
use flash::{Nor, SECTOR_BYTES};
use meter::limits::PASSWORD_OCTETS;
use meter::{Config, Secrets, Variant};

/// What the meter is, and how that is known.
pub(crate) struct Order {
    pub(crate) config: Config,
    pub(crate) source: &'static str,
    /// A copy was written and cannot be read.
    pub(crate) damaged: bool,
}

/// Reads the order: the first whole copy, else the board's own.
pub(crate) fn read(nor: &dyn Nor) -> Order {
    let mut damaged = false;
    let mut found = None;
    for (source, at) in [("first", 0), ("second", SECTOR_BYTES)] {
        match copy(nor, at) {
            Copy::Whole(config) => found = found.or(Some((config, source))),
            Copy::Damaged => damaged = true,
            Copy::Blank => {}
        }
    }
    let (config, source) = found.unwrap_or_else(|| (on_a_desk(), "desk"));
    Order {
        config,
        source,
        damaged,
    }
}

enum Copy {
    Blank,
    Damaged,
    Whole(Config),
}

fn copy(nor: &dyn Nor, at: u32) -> Copy {
    let mut octets = [0; LENGTH];
    if nor.read(at, &mut octets).is_err() {
        return Copy::Damaged;
    }
    if octets == [0xFF; LENGTH] {
        return Copy::Blank;
    }
    parse(&octets)
        .filter(|config| config.check().is_ok())
        .map_or(Copy::Damaged, Copy::Whole)
}

fn parse(octets: &[u8; LENGTH]) -> Option<Config> {
    let (record, checksum) = octets.split_last_chunk::<4>()?;
    if CHECKSUM.checksum(record) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let mut rest = record;
    if *take(&mut rest)? != *b"FRRO" || *take(&mut rest)? != [VERSION] {
        return None;
    }
    let variant = match take::<1>(&mut rest)? {
        [0] => Variant::Sm402d,
        [1] => Variant::St402d,
        [2] => Variant::St402c,
        _ => return None,
    };
    let serial = u32::from_be_bytes(*take(&mut rest)?);
    let time_zone = i16::from_be_bytes(*take(&mut rest)?);
    let daylight_saving = flag(&mut rest)?;
    let [nominal_hertz] = *take(&mut rest)?;
    let nominal_volts = u16::from_be_bytes(*take(&mut rest)?);
    let constant = u32::from_be_bytes(*take(&mut rest)?);
    let switching_module = flag(&mut rest)?;
    let [password_octets] = *take(&mut rest)?;
    let password: &[u8; PASSWORD_OCTETS] = take(&mut rest)?;
    let lls_password = match password_octets {
        0 => None,
        octets => Some(Secret::new(password.get(..usize::from(octets))?)?),
    };
    let encryption_key = Key::new(take::<16>(&mut rest)?)?;
    let authentication_key = Key::new(take::<16>(&mut rest)?)?;
    let is_titled = flag(&mut rest)?;
    let title: [u8; 8] = *take(&mut rest)?;
    let secrets = Secrets {
        lls_password,
        ..Secrets::new(encryption_key, authentication_key)
    };
    let mut config = Config::new(variant, serial, secrets);
    config.time_zone = time_zone;
    config.daylight_saving = daylight_saving;
    config.nominal_hertz = nominal_hertz;
    config.nominal_volts = nominal_volts;
    config.constant = constant;
    config.switching_module = switching_module;
    config.client_system_title = is_titled.then_some(title);
    Some(config)
}

fn take<'o, const N: usize>(rest: &mut &'o [u8]) -> Option<&'o [u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(taken)
}

fn flag(rest: &mut &[u8]) -> Option<bool> {
    match take::<1>(rest)? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

/// The meter that stands on a desk: the same as `ferraris meter` without an order, with the keys of the standard's examples.
fn on_a_desk() -> Config {
    let key = |octets: &[u8; 16]| Key::new(octets).expect("16 octets are a key");
    let secrets = Secrets {
        lls_password: Secret::new(b"demo-password"),
        ..Secrets::new(
            key(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
            key(&[
                0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF,
            ]),
        )
    };
    Config::new(Variant::St402d, 40_200_001, secrets)
}

const VERSION: u8 = 1;
const LENGTH: usize = 83;
const CHECKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
