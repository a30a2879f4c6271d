//! A client joined to a server without a socket, in virtual time, over a wire that may be faulty.
#![allow(dead_code, reason = "each test file uses its part of the pair")]

use base::{Instant, Micros};
use cosem::{Attribute, Selection};
use ferraris_dlms::apdu::Item;
use ferraris_dlms::client::{Client, ClientError, Command, Credentials, Framing, Patience, Settings};
use ferraris_dlms::hdlc::{Address, Limits};
use ferraris_dlms::security::{Challenge, Key, Keys, Protection, Suite};
use ferraris_dlms::server::{HdlcLink, HdlcSettings, Link, WrapperLink};

use crate::device::{AUTHENTICATION, CLIENT_TITLE, Device, ENCRYPTION, PASSWORD, SERVICES};

/// What a wire does to what is sent over it, in frames of 1000.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost: u32,
    pub(crate) doubled: u32,
    pub(crate) flipped: u32,
    pub(crate) cut: u32,
    pub(crate) noise: u32,
}

/// Chance from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u32) -> u32 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        u32::try_from(high % u64::from(sides)).expect("less than the sides")
    }
}

pub(crate) struct Pair<'b> {
    pub(crate) client: Client<'b>,
    pub(crate) link: Link,
    pub(crate) device: Device,
    pub(crate) now: Instant,
    pub(crate) faults: Faults,
    pub(crate) dice: Dice,
    /// Octets of each PDU or frame, in the order they were sent, by the client (true) and the server.
    pub(crate) sent: Vec<(bool, usize)>,
}

pub(crate) const PATIENCE: Patience = Patience {
    answer: Micros::from_secs(2),
    retries: 3,
};

/// One of the transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Wrapper,
    /// Octets of information fields, frames in a window.
    Hdlc(u16, u8),
}

impl<'b> Pair<'b> {
    pub(crate) fn new(transport: Transport, settings: Settings<'b>, patience: Patience, lent: &'b mut [u8]) -> Self {
        let (framing, link) = match transport {
            Transport::Wrapper => (
                Framing::Wrapper,
                Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(120))),
            ),
            Transport::Hdlc(size, window) => {
                let limits = Limits {
                    transmit: size,
                    receive: size,
                    transmit_window: window,
                    receive_window: window,
                };
                let settings = HdlcSettings {
                    limits,
                    ..HdlcSettings::standard(17)
                };
                let framing = Framing::Hdlc(Address::Four(1, 17), limits);
                (framing, Link::Hdlc(HdlcLink::new(settings)))
            }
        };
        Self {
            client: Client::new(settings, framing, patience, 1, lent),
            link,
            device: Device::new(),
            now: Instant::START,
            faults: Faults::default(),
            dice: Dice(1),
            sent: Vec::new(),
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run(&mut self, command: Command<'_>) -> Result<(), ClientError> {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        self.client
            .start(self.now, command, &mut |octets| up.push(octets.to_vec()))?;
        for _ in 0..1_000_000 {
            if up.is_empty() && down.is_empty() {
                // Silence: the next timer.
                let next = self.client.deadline().min(self.link.deadline());
                assert!(next < Instant::FAR, "everybody waits for ever");
                self.now = next.max(self.now);
                let _closed = self.link.elapse(self.now, &mut self.device);
                self.client.elapse(self.now, &mut |octets| up.push(octets.to_vec()))?;
            }
            for octets in core::mem::take(&mut up) {
                self.sent.push((true, octets.len()));
                let octets = self.carry(octets);
                let mut out = |octets: &[u8]| down.push(octets.to_vec());
                let closed = self.link.receive(self.now, &octets, &mut self.device, &mut out);
                assert_eq!(closed, Ok(()), "the client speaks the protocol");
            }
            for octets in core::mem::take(&mut down) {
                self.sent.push((false, octets.len()));
                let octets = self.carry(octets);
                if self
                    .client
                    .receive(self.now, &octets, &mut |octets| up.push(octets.to_vec()))?
                {
                    return Ok(());
                }
            }
            self.now = self.now + Micros::from_millis(1);
        }
        panic!("the conversation has no end");
    }

    /// What arrives of a frame.
    fn carry(&mut self, mut octets: Vec<u8>) -> Vec<u8> {
        let Faults {
            lost,
            doubled,
            flipped,
            cut,
            noise,
        } = self.faults;
        let dice = &mut self.dice;
        let length = u32::try_from(octets.len()).expect("frames are short");
        if dice.roll(1000) < flipped {
            let at = dice.roll(length * 8);
            octets[at as usize / 8] ^= 1 << (at % 8);
        }
        if dice.roll(1000) < cut {
            octets.truncate(dice.roll(length) as usize);
        }
        if dice.roll(1000) < noise {
            let count = dice.roll(20);
            let noise = (0..count).map(|_| u8::try_from(dice.roll(256)).expect("one octet"));
            let noise: Vec<u8> = noise.collect();
            octets.splice(0..0, noise);
        }
        if dice.roll(1000) < doubled {
            octets.extend_from_within(..);
        }
        if dice.roll(1000) < lost { Vec::new() } else { octets }
    }
}

/// The keys that client and device share.
pub(crate) struct Secrets {
    encryption: Key,
    authentication: Key,
    dedicated: Key,
}

impl Secrets {
    pub(crate) fn new() -> Self {
        Self {
            encryption: Key::new(&ENCRYPTION).expect("16 octets"),
            authentication: Key::new(&AUTHENTICATION).expect("16 octets"),
            dedicated: Key::new(&[0x33; 16]).expect("16 octets"),
        }
    }

    pub(crate) fn keys(&self) -> Keys<'_> {
        Keys {
            suite: Suite::Zero,
            encryption: &self.encryption,
            authentication: &self.authentication,
        }
    }

    /// Every association that the device grants, by name.
    pub(crate) fn associations(&self) -> Vec<(&'static str, Settings<'_>)> {
        let gmac = || Credentials::Gmac(Challenge::new(b"K56iVagY").expect("8 octets"));
        let password = Settings::public(1, 1, SERVICES).with_password(PASSWORD);
        let ciphered = password.clone().ciphered(CLIENT_TITLE, self.keys(), Protection::BOTH);
        let high = Settings {
            credentials: gmac(),
            ..ciphered.clone()
        };
        let plain_high = Settings {
            credentials: gmac(),
            title: CLIENT_TITLE,
            keys: Some(self.keys()),
            ..Settings::public(1, 1, SERVICES)
        };
        vec![
            ("public", Settings::public(16, 1, SERVICES)),
            ("password", password),
            ("password, ciphered", ciphered.clone()),
            ("GMAC, plain", plain_high),
            ("GMAC", high.clone()),
            (
                "GMAC, general",
                Settings {
                    general: true,
                    ..high.clone()
                },
            ),
            (
                "GMAC, dedicated key",
                Settings {
                    dedicated: Some(&self.dedicated),
                    ..high.clone()
                },
            ),
            (
                "GMAC, dedicated key, general",
                Settings {
                    dedicated: Some(&self.dedicated),
                    general: true,
                    ..high
                },
            ),
        ]
    }
}

/// The whole of an attribute.
pub(crate) const fn whole(attribute: Attribute) -> Item<'static> {
    Item {
        attribute,
        selection: Selection::Whole,
    }
}
