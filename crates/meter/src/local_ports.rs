//! The settings of optical port and HDLC lines (0-0:20.0.0, 0-0:22.0.0). A link takes them when it begins.

use base::Micros;
use cosem::AccessError;
use dlms::hdlc::Limits;
use dlms::iec62056_21::{Speed, StationSettings};
use dlms::server::HdlcSettings;
use heapless::{String, Vec};

use crate::config::Config;

/// What a client can set about the ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPorts {
    /// default_mode: 0 sign-on of IEC 62056-21, 1 HDLC at once.
    direct: bool,
    /// default_baud: the speed of the sign-on, or of HDLC without one.
    opening: Speed,
    /// prop_baud.
    proposed: Speed,
    /// response_time: 20 ms rather than 200.
    fast: bool,
    /// device_addr.
    address: Vec<u8, 32>,
    limits: Limits,
    octet_milliseconds: u16,
    silence_seconds: u16,
    physical: u16,
}

/// The physical address of a meter that nobody addressed.
pub const PHYSICAL_ADDRESS: u16 = 17;

const OUT_OF_RANGE: AccessError = AccessError::OtherReason;

impl LocalPorts {
    /// As the meter leaves the factory: its serial number is its address for a sign-on.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            direct: false,
            opening: Speed::B300,
            proposed: Speed::B9600,
            fast: false,
            address: config.serial_digits().into_iter().collect(),
            // A window of 1 is the standard's default, and readers are in use that lose frames of greater ones. Class 23 allows up to 7.
            limits: Limits {
                transmit: 2_030,
                receive: 2_030,
                transmit_window: 1,
                receive_window: 1,
            },
            octet_milliseconds: 25,
            silence_seconds: 120,
            physical: PHYSICAL_ADDRESS,
        }
    }

    /// Attributes 2 to 5 of class 19.
    #[must_use]
    pub fn port_setting(&self, attribute: u8) -> u8 {
        match attribute {
            2 => u8::from(self.direct),
            3 => self.opening.code(),
            4 => self.proposed.code(),
            _ => u8::from(!self.fast),
        }
    }

    /// Sets one of them.
    ///
    /// # Errors
    /// When the standard, or this port, has no such setting.
    pub fn set_port(&mut self, attribute: u8, setting: u8) -> Result<(), AccessError> {
        match (attribute, setting) {
            (2, 0 | 1) => self.direct = setting == 1,
            (3 | 4, _) => {
                let character = setting.checked_add(b'0').ok_or(OUT_OF_RANGE)?;
                let speed = Speed::from_character(character).ok_or(OUT_OF_RANGE)?;
                if attribute == 3 {
                    self.opening = speed;
                } else {
                    self.proposed = speed;
                }
            }
            (5, 0 | 1) => self.fast = setting == 0,
            _ => return Err(OUT_OF_RANGE),
        }
        Ok(())
    }

    /// The address for a sign-on.
    #[must_use]
    pub fn address(&self) -> &[u8] {
        &self.address
    }

    /// Sets it: up to 32 letters, digits and spaces; none for a meter that is only called without address.
    ///
    /// # Errors
    /// When it is longer, or has other characters.
    pub fn set_address(&mut self, address: &[u8]) -> Result<(), AccessError> {
        let allowed = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b' ';
        if !address.iter().all(allowed) {
            return Err(OUT_OF_RANGE);
        }
        self.address = Vec::from_slice(address).map_err(|_| OUT_OF_RANGE)?;
        Ok(())
    }

    /// Attributes 2 to 9 of class 23.
    #[must_use]
    pub fn hdlc_setting(&self, attribute: u8) -> u16 {
        match attribute {
            2 => self.proposed.code().into(),
            3 => self.limits.transmit_window.into(),
            4 => self.limits.receive_window.into(),
            5 => self.limits.transmit,
            6 => self.limits.receive,
            7 => self.octet_milliseconds,
            8 => self.silence_seconds,
            _ => self.physical,
        }
    }

    /// Sets one of them; lines that are in use go on as they began.
    ///
    /// # Errors
    /// When it is outside of the standard's range: windows 1 to 7, fields 32 to 2030 octets, 20 to 6000 ms between octets,
    /// any inactivity (0 for ever), addresses 16 to 16381.
    pub fn set_hdlc(&mut self, attribute: u8, setting: u16) -> Result<(), AccessError> {
        let window = u8::try_from(setting)
            .ok()
            .filter(|it| (1..=7).contains(it))
            .ok_or(OUT_OF_RANGE);
        let size = Some(setting).filter(|it| (32..=2030).contains(it)).ok_or(OUT_OF_RANGE);
        match attribute {
            2 => {
                let code = u8::try_from(setting).map_err(|_| OUT_OF_RANGE)?;
                self.set_port(4, code)?;
            }
            3 => self.limits.transmit_window = window?,
            4 => self.limits.receive_window = window?,
            5 => self.limits.transmit = size?,
            6 => self.limits.receive = size?,
            7 if (20..=6_000).contains(&setting) => self.octet_milliseconds = setting,
            8 => self.silence_seconds = setting,
            9 if (16..=16_381).contains(&setting) => self.physical = setting,
            _ => return Err(OUT_OF_RANGE),
        }
        Ok(())
    }

    /// What a line is set to.
    #[must_use]
    pub const fn hdlc(&self) -> HdlcSettings {
        HdlcSettings {
            limits: self.limits,
            octet_patience: Micros::from_millis(self.octet_milliseconds as u64),
            silence_patience: if self.silence_seconds == 0 {
                Micros::MAX
            } else {
                Micros::from_secs(self.silence_seconds as u64)
            },
            ..HdlcSettings::standard(self.physical)
        }
    }

    /// What an optical port of this meter is set to.
    #[must_use]
    pub fn optical(&self, config: &Config) -> StationSettings {
        let text = |octets: &[u8]| {
            core::str::from_utf8(octets)
                .ok()
                .and_then(|it| String::try_from(it).ok())
        };
        let identification = String::try_from(config.variant.name()).unwrap_or_default();
        StationSettings {
            // A lower-case third letter promises the fast reaction.
            manufacturer: if self.fast { *b"FRr" } else { *b"FRR" },
            identification,
            proposed: self.proposed,
            address: text(&self.address).unwrap_or_default(),
            reaction: Micros::from_millis(if self.fast { 20 } else { 200 }),
            confirms_at_new_speed: false,
            opening: self.opening,
            direct_hdlc: true,
            hdlc_alone: self.direct,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Variant, test_secrets};

    #[test]
    fn settings_outside_of_the_standards_ranges_change_nothing() {
        let config = Config::new(Variant::St402d, 40_200_001, test_secrets());
        let factory = LocalPorts::new(&config);
        let mut it = factory.clone();
        for (attribute, setting) in [
            (2, 7),
            (3, 0),
            (3, 8),
            (4, 256),
            (5, 31),
            (5, 2031),
            (6, 0),
            (7, 19),
            (7, 6001),
            (9, 15),
            (9, 16_382),
        ] {
            assert_eq!(
                it.set_hdlc(attribute, setting),
                Err(OUT_OF_RANGE),
                "{attribute} {setting}"
            );
        }
        for (attribute, setting) in [(2, 2), (3, 7), (4, 7), (4, 250), (5, 2)] {
            assert_eq!(
                it.set_port(attribute, setting),
                Err(OUT_OF_RANGE),
                "{attribute} {setting}"
            );
        }
        assert!(it.set_address(b"a/b").is_err() && it.set_address(&[b'1'; 33]).is_err());
        assert_eq!(it, factory);
    }

    #[test]
    fn what_is_set_arrives_at_the_links() {
        let config = Config::new(Variant::St402d, 40_200_001, test_secrets());
        let mut it = LocalPorts::new(&config);
        for (attribute, setting) in [(2, 6), (3, 2), (4, 3), (5, 128), (6, 2030), (7, 100), (8, 0), (9, 16)] {
            assert_eq!(it.set_hdlc(attribute, setting), Ok(()));
            assert_eq!(it.hdlc_setting(attribute), setting);
        }
        let hdlc = it.hdlc();
        assert_eq!((hdlc.limits.transmit_window, hdlc.limits.receive), (2, 2030));
        assert_eq!((hdlc.physical, hdlc.silence_patience), (16, Micros::MAX));
        assert_eq!(it.set_port(5, 0), Ok(()));
        assert!(!it.optical(&config).hdlc_alone);
        assert_eq!((it.set_port(2, 1), it.set_port(3, 5)), (Ok(()), Ok(())));
        let optical = it.optical(&config);
        assert!(optical.hdlc_alone && optical.opening == Speed::B9600);
        assert_eq!((optical.proposed, optical.manufacturer), (Speed::B19200, *b"FRr"));
        assert_eq!(
            (optical.address.as_str(), optical.reaction.as_millis()),
            ("40200001", 20)
        );
    }
}
