//! A client that talks to the meter under test, with associations as a head-end makes them.

extern crate std;

use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use base::{Instant, Micros};
use cosem::{Attribute, Obis, Selection};
use dlms::apdu::Item;
use dlms::client::{Client, Command, Credentials, Framing, Identity, Outcome, Patience, Settings};
use dlms::initiate::Conformance;
use dlms::security::{Challenge, Key, Keys, Protection, Suite, Title};
use dlms::server::{Link, WrapperLink};

use super::Life;
use crate::{Fault, Input};

pub(super) const CLIENT: Title = *b"HES\0\0\0\0\x01";
/// What the talker proposes.
pub(super) const SERVICES: Conformance = Conformance::GENERAL_PROTECTION
    .with(Conformance::GENERAL_BLOCK_TRANSFER)
    .with(Conformance::BLOCKS_WITH_GET)
    .with(Conformance::BLOCKS_WITH_SET)
    .with(Conformance::BLOCKS_WITH_ACTION)
    .with(Conformance::MULTIPLE_REFERENCES)
    .with(Conformance::GET)
    .with(Conformance::SET)
    .with(Conformance::SELECTIVE_ACCESS)
    .with(Conformance::ACTION);

/// Symmetric keys that a client knows.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) suite: Suite,
    pub(super) encryption: Key,
    pub(super) authentication: Key,
}

impl Known {
    /// The keys of [`test_secrets`](crate::config::test_secrets).
    pub(super) fn of_tests() -> Self {
        let key = || Key::new(&[0; 16]).expect("16 octets");
        Self {
            suite: Suite::Zero,
            encryption: key(),
            authentication: key(),
        }
    }

    /// Client 1 with HLS 5 and everything sealed.
    pub(super) fn settings(&self) -> Settings<'_> {
        let keys = Keys {
            suite: self.suite,
            encryption: &self.encryption,
            authentication: &self.authentication,
        };
        Settings {
            credentials: Credentials::Gmac(Challenge::new(b"K56iVagY").expect("8 octets")),
            ..Settings::public(1, 1, SERVICES).ciphered(CLIENT, keys, Protection::BOTH)
        }
    }

    /// The same, signed where the policy wants it.
    pub(super) fn signed<'k>(&'k self, identity: Identity<'k>) -> Settings<'k> {
        Settings {
            identity: Some(identity),
            protection: Protection::BOTH | Protection::SIGNED,
            ..self.settings()
        }
    }
}

pub(super) const fn item(class_id: u16, name: &str, index: i8) -> Item<'static> {
    Item {
        attribute: Attribute::new(class_id, Obis::new(name), index),
        selection: Selection::Whole,
    }
}

/// The total active energy, which every client that may read anything may read.
pub(super) const ENERGY: Item<'static> = item(3, "1-0:1.8.0", 2);

/// A client on a connection of its own.
pub(super) struct Talker<'k> {
    pub(super) client: Client<'k>,
    pub(super) link: Link,
    /// The last frame that it sent, and the last that it heard.
    pub(super) said: Vec<u8>,
    pub(super) heard: Vec<u8>,
}

impl<'k> Talker<'k> {
    /// One that seals with numbers from `counter` on.
    pub(super) fn new(life: &Life, settings: Settings<'k>, counter: u32) -> Self {
        let patience = Patience {
            answer: Micros::from_secs(2),
            retries: 0,
        };
        let lent = vec![0; 6_144].leak();
        Self {
            client: Client::new(settings, Framing::Wrapper, patience, counter, lent),
            link: Link::Wrapper(WrapperLink::new(life.now, Micros::from_secs(180))),
            said: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Gives a command and answers what came of it: the value, or what a method returned.
    pub(super) fn ask(&mut self, life: &mut Life, command: Command<'_>) -> Result<Vec<u8>, String> {
        let mut up = Vec::new();
        self.client
            .start(life.now, command, &mut |octets| up.push(octets.to_vec()))
            .map_err(|why| format!("{why:?}"))?;
        loop {
            let mut down = Vec::new();
            for frame in core::mem::take(&mut up) {
                let (answer, _told_by_the_answer) = life.hand(&mut self.link, &frame);
                self.said = frame;
                down.extend(answer);
            }
            if down.is_empty() {
                return Err("no answer".into());
            }
            for frame in down {
                let more = &mut |octets: &[u8]| up.push(octets.to_vec());
                let done = self.client.receive(life.now, &frame, more);
                self.heard = frame;
                if done.map_err(|why| format!("{why:?}"))? {
                    return match self.client.outcome() {
                        Some(Outcome::Value(Ok(value))) => Ok(value.to_vec()),
                        Some(Outcome::Associated | Outcome::Released | Outcome::Written(Ok(()))) => Ok(Vec::new()),
                        Some(Outcome::Done(it)) if it.result.is_ok() => match it.returned {
                            None => Ok(Vec::new()),
                            Some(Ok(value)) => Ok(value.to_vec()),
                            Some(Err(why)) => Err(format!("{why:?}")),
                        },
                        other => Err(format!("{other:?}")),
                    };
                }
            }
        }
    }
}

impl Life {
    /// Hands octets to the meter on a link; answers the frames that come back and what the step said.
    pub(super) fn hand(&mut self, link: &mut Link, octets: &[u8]) -> (Vec<Vec<u8>>, Result<(), Fault>) {
        let mut frames = Vec::new();
        self.bench.flash.pass(Micros::from_millis(1));
        let input = Input::Received {
            link,
            at: self.now,
            octets,
            answer: &mut |frame| frames.push(frame.to_vec()),
        };
        let outcome = self.meter.step(self.now, input, &mut self.bench);
        (frames, outcome)
    }

    /// Whether a client with these settings is let in and reads.
    pub(super) fn serves(&mut self, settings: Settings<'_>, counter: u32) -> Result<(), String> {
        let mut talker = Talker::new(self, settings, counter);
        talker.ask(self, Command::Associate)?;
        talker.ask(self, Command::Get(ENERGY))?;
        talker.ask(self, Command::Release).map(drop)
    }

    /// Lets time pass and the flash prepare what comes.
    pub(super) fn idle(&mut self, seconds: u64) {
        self.now = self.now + Micros::from_secs(seconds);
        for _ in 0..200 {
            self.bench.flash.pass(Micros::from_millis(50));
            let _told_by_the_error_register = self.step(Input::Tick);
            if !self.meter.core.memory.needs_tending() {
                break;
            }
        }
    }

    /// A connection.
    pub(super) fn connect(&self) -> Link {
        Link::Wrapper(WrapperLink::new(self.now, Micros::from_secs(180)))
    }

    /// The end of time as links know it has come.
    pub(super) fn elapse(&mut self, link: &mut Link, at: Instant) -> Result<(), Fault> {
        self.meter.step(self.now, Input::Elapsed { link, at }, &mut self.bench)
    }

    /// A connection is cut.
    pub(super) fn cut(&mut self, link: &mut Link) {
        let _nothing_to_say = self.meter.step(self.now, Input::Lost { link }, &mut self.bench);
    }
}

/// An APDU of client 1 in a wrapper.
pub(super) fn wrapped(apdu: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 1, 0, 1, 0, 1];
    frame.extend(u16::try_from(apdu.len()).expect("a short APDU").to_be_bytes());
    frame.extend(apdu);
    frame
}
