//! The meter on a desk: what an image without an order is, as the host builds it, and its record in the flash.

use base::{Instant, Utc};
use dlms::security::{Key, Secret};
use dlms::server::Link;
use flash::model::{Model as Flash, Timing};
use flash::{Nor, SECTOR_BYTES};
use meter::{Board, Config, FlashSize, Input, Meter, Secrets, Variant};

/// The password of a meter without an order.
pub const PASSWORD: &[u8] = b"demo-password";
/// Its encryption key.
pub const ENCRYPTION_KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Its authentication key.
pub const AUTHENTICATION_KEY: [u8; 16] = [
    0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF,
];
/// Its serial number.
pub const SERIAL: u32 = 40_200_001;

/// A meter of this variant and number with the keys that everybody knows.
///
/// # Panics
/// Never: the keys fit.
#[must_use]
pub fn config(variant: Variant, serial: u32) -> Config {
    let key = |octets: &[u8; 16]| Key::new(octets).expect("16 octets are a key");
    let lls_password = Secret::new(PASSWORD);
    let secrets = Secrets {
        lls_password,
        ..Secrets::new(key(&ENCRYPTION_KEY), key(&AUTHENTICATION_KEY))
    };
    Config::new(variant, serial, secrets)
}

/// The record of the factory that makes an image this meter (`firmware/image/src/order.rs`).
#[must_use]
pub fn order(config: &Config) -> Vec<u8> {
    let variant = match config.variant {
        Variant::Sm402d => 0,
        Variant::St402d => 1,
        Variant::St402c => 2,
    };
    let mut record = b"FRRO\x01".to_vec();
    record.push(variant);
    record.extend(config.serial.to_be_bytes());
    record.extend(config.time_zone.to_be_bytes());
    record.extend([u8::from(config.daylight_saving), config.nominal_hertz]);
    record.extend(config.nominal_volts.to_be_bytes());
    record.extend(config.constant.to_be_bytes());
    record.push(u8::from(config.switching_module));
    let password = config.secrets.lls_password.as_deref().unwrap_or(&[]);
    record.push(u8::try_from(password.len()).unwrap_or(u8::MAX));
    record.extend(password);
    record.resize(38, 0);
    record.extend(config.secrets.encryption_key.octets());
    record.extend(config.secrets.authentication_key.octets());
    record.push(u8::from(config.client_system_title.is_some()));
    record.extend(config.client_system_title.unwrap_or_default());
    let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&record);
    record.extend(checksum.to_be_bytes());
    record
}

/// A meter on the host, for comparison.
pub struct HostMeter {
    meter: Meter,
    board: HostBoard,
}

struct HostBoard(Flash<Vec<u8>, Vec<u32>>);

impl Board for HostBoard {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.0
    }

    fn drive_disconnector(&mut self, _closed: bool) {}

    fn set_rtc(&mut self, _utc: Utc) {}
}

impl HostMeter {
    /// Boots it on an erased flash.
    ///
    /// # Panics
    /// When it does not boot.
    #[must_use]
    pub fn boot(config: &Config) -> Self {
        const SECTORS: u32 = FlashSize::Megabytes16.sectors();
        let cells = vec![0xFF; SECTORS as usize * SECTOR_BYTES as usize];
        let mut board = HostBoard(Flash::new(cells, vec![0; SECTORS as usize], Timing::TYPICAL, 1));
        let (meter, _) = Meter::boot(config, None, [7; 32], &mut board).expect("this flash works");
        Self { meter, board }
    }

    /// Hands octets to the meter and answers what comes back.
    pub fn receive(&mut self, link: &mut Link, octets: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let input = Input::Received {
            link,
            at: Instant::START,
            octets,
            answer: &mut |frame: &[u8]| answer.extend_from_slice(frame),
        };
        // A link that must be closed gives no answer, which its client notices.
        let _closed = self.meter.step(Instant::START, input, &mut self.board);
        answer
    }
}
