//! A device for the tests: attributes in a map, clients with their keys, counters, and a log of what the server told
//! it.
#![allow(dead_code, reason = "each test file uses its part of the device")]

use std::collections::{BTreeMap, BTreeSet};

use cosem::axdr::{Octets, Reader, Writer};
use cosem::{AccessError, ActionError, Attribute, Cursor, Method, Obis, Returned, Selection, Step};
use ferraris_dlms::acse::{Context, Diagnostic, Mechanism};
use ferraris_dlms::apdu::LongInvoke;
use ferraris_dlms::initiate::Conformance;
use ferraris_dlms::security::{
    ASYMMETRIC, Algorithms, CertificateFault, Dialect, Key, KeySet, Keys, Policy, PrivateKey, PublicKey, Purpose,
    Suite, Title,
};
use ferraris_dlms::server::{
    Application, Caller, Exhausted, PDU_MAX, PreEstablished, Profile, Proposal, Replay, STEP_MAX, SecurityEvent,
};

pub(crate) const ENCRYPTION: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
pub(crate) const AUTHENTICATION: [u8; 16] = [
    0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF,
];
pub(crate) const SERVER_TITLE: Title = *b"FER\0\0\0\0\x01";
pub(crate) const CLIENT_TITLE: Title = *b"CLI\0\0\0\0\x02";
pub(crate) const PASSWORD: &[u8] = b"12345678";

/// Everything this crate's server can do.
pub(crate) const SERVICES: Conformance = Conformance::GENERAL_PROTECTION
    .with(Conformance::PRIORITY)
    .with(Conformance::BLOCKS_WITH_GET)
    .with(Conformance::BLOCKS_WITH_SET)
    .with(Conformance::BLOCKS_WITH_ACTION)
    .with(Conformance::MULTIPLE_REFERENCES)
    .with(Conformance::GET)
    .with(Conformance::SET)
    .with(Conformance::SELECTIVE_ACCESS)
    .with(Conformance::ACTION);

/// All of it, and what clients propose that know more than these services.
pub(crate) const EVERYTHING: Conformance = SERVICES
    .with(Conformance::ACCESS)
    .with(Conformance::GENERAL_BLOCK_TRANSFER)
    .with(Conformance::DATA_NOTIFICATION)
    .with(Conformance::EVENT_NOTIFICATION)
    .with(Conformance::ATTRIBUTE_0_WITH_GET)
    .with(Conformance::ATTRIBUTE_0_WITH_SET);

pub(crate) struct Device {
    pub(crate) objects: BTreeMap<Attribute, Vec<u8>>,
    /// Octets of each step.
    pub(crate) step: usize,
    /// At which step each GET fails, and how.
    pub(crate) fails_at: Option<(u32, AccessError)>,
    pub(crate) encryption: Key,
    pub(crate) authentication: Key,
    pub(crate) suite: Suite,
    /// The policy of ciphered associations.
    pub(crate) policy: Policy,
    pub(crate) dialect: Dialect,
    /// Keys that only some tests have.
    pub(crate) broadcast: Option<Key>,
    pub(crate) master: Option<Key>,
    pub(crate) private: BTreeMap<u8, PrivateKey>,
    /// Public keys of the client, by purpose.
    pub(crate) partner: BTreeMap<u8, PublicKey>,
    pub(crate) received: Option<u32>,
    pub(crate) received_broadcast: Option<u32>,
    pub(crate) sent: u32,
    /// Every counter that was given out.
    pub(crate) given: BTreeSet<u32>,
    pub(crate) events: Vec<(u16, SecurityEvent)>,
    pub(crate) invoked: Vec<(Method, Option<Vec<u8>>)>,
    pub(crate) callers: Vec<Caller>,
    pub(crate) seed: u64,
    pub(crate) receive_max: u16,
    /// What it grants, and what it tolerates without having granted it.
    pub(crate) services: Conformance,
    pub(crate) tolerated: Conformance,
    /// The client that is served without an association, and what it may do.
    pub(crate) pre_established: Option<(u16, PreEstablished)>,
    /// What was pushed and is confirmed.
    pub(crate) confirmed: Vec<u32>,
    /// Attributes whose values come part by part, and the most octets they may have.
    pub(crate) large: BTreeMap<Attribute, usize>,
    /// What was staged, and the parts it came in.
    pub(crate) staged: Vec<u8>,
    pub(crate) parts: Vec<usize>,
}

impl Device {
    pub(crate) fn new() -> Self {
        let mut device = Self {
            objects: BTreeMap::new(),
            step: STEP_MAX,
            fails_at: None,
            encryption: Key::new(&ENCRYPTION).expect("16 octets"),
            authentication: Key::new(&AUTHENTICATION).expect("16 octets"),
            suite: Suite::Zero,
            policy: Policy::BOTH,
            dialect: Dialect::STANDARD,
            broadcast: None,
            master: None,
            private: BTreeMap::new(),
            partner: BTreeMap::new(),
            received: None,
            received_broadcast: None,
            sent: 0,
            given: BTreeSet::new(),
            events: Vec::new(),
            invoked: Vec::new(),
            callers: Vec::new(),
            seed: 1,
            receive_max: 2048,
            services: SERVICES,
            tolerated: Conformance::NONE,
            pre_established: None,
            confirmed: Vec::new(),
            large: BTreeMap::new(),
            staged: Vec::new(),
            parts: Vec::new(),
        };
        device.objects.insert(register(1), vec![0x06, 0, 0, 0x13, 0x91]);
        device.objects.insert(register(2), vec![0x12, 0x12, 0x34]);
        device
    }

    /// A register whose value is an octet-string of `length` octets; answers the value with its head.
    pub(crate) fn put_long(&mut self, number: u8, length: usize) -> Vec<u8> {
        let octets: Vec<u8> = (0..=250).cycle().take(length).collect();
        let mut buffer = vec![0; length + 8];
        let mut out = Writer::new(&mut buffer);
        out.value(Octets(&octets)).expect("there is room");
        let value = out.written().to_vec();
        self.objects.insert(register(number), value.clone());
        value
    }
}

/// The value of register number `number`.
pub(crate) fn register(number: u8) -> Attribute {
    Attribute::new(3, Obis::from_octets([1, 0, number, 8, 0, 255]), 2)
}

/// A method that answers with its parameters.
pub(crate) const ECHO: Method = Method::new(9, Obis::new("0-0:10.0.0"), 1);
/// A method that answers with nothing.
pub(crate) const QUIET: Method = Method::new(9, Obis::new("0-0:10.0.0"), 2);

impl Application for Device {
    fn admit(&self, proposal: Proposal) -> Result<Profile, Diagnostic> {
        let policy = match (proposal.server, proposal.client, proposal.mechanism, proposal.context) {
            (1, 16, Mechanism::None, Context::Plain) => Policy::NONE,
            (1, 16, Mechanism::None, _) => return Err(Diagnostic::ContextNotSupported),
            (1, 16, _, _) => return Err(Diagnostic::MechanismNotRecognised),
            (1, 1, Mechanism::None, _) => return Err(Diagnostic::MechanismRequired),
            (1, 1, _, Context::Plain) => Policy::NONE,
            (1, 1, _, _) => self.policy,
            _ => return Err(Diagnostic::NoReason),
        };
        let receive_max = self.receive_max.min(u16::try_from(PDU_MAX).unwrap_or(u16::MAX));
        Ok(Profile {
            policy,
            conformance: self.services,
            receive_max,
            dialect: self.dialect,
        })
    }

    fn system_title(&self) -> Title {
        SERVER_TITLE
    }

    fn secret(&self, client: u16, _mechanism: Mechanism) -> Option<&[u8]> {
        (client == 1).then_some(PASSWORD)
    }

    fn keys(&self, client: u16, set: KeySet) -> Option<Keys<'_>> {
        let encryption = match set {
            KeySet::Unicast => Some(&self.encryption),
            KeySet::Broadcast => self.broadcast.as_ref(),
        };
        let keys = Keys {
            suite: self.suite,
            encryption: encryption?,
            authentication: &self.authentication,
        };
        (client == 1 || client == 102).then_some(keys)
    }

    fn algorithms(&self) -> &'static dyn Algorithms {
        ASYMMETRIC
    }

    fn master_key(&self) -> Option<&Key> {
        self.master.as_ref()
    }

    fn private_key(&self, purpose: Purpose) -> Option<&PrivateKey> {
        self.private.get(&purpose.id())
    }

    fn public_key(&mut self, _: u16, title: &Title, purpose: Purpose) -> Result<PublicKey, CertificateFault> {
        if *title != CLIENT_TITLE {
            return Err(CertificateFault::Name);
        }
        self.partner
            .get(&purpose.id())
            .copied()
            .ok_or(CertificateFault::Missing)
    }

    fn expects_title(&self, _client: u16, title: &Title) -> bool {
        title != b"STRANGER"
    }

    fn next_counter(&mut self, _client: u16) -> Result<u32, Exhausted> {
        self.sent = self.sent.checked_add(1).ok_or(Exhausted)?;
        assert!(self.given.insert(self.sent), "a counter came twice");
        Ok(self.sent)
    }

    fn last_counter(&self, _client: u16, set: KeySet) -> Option<u32> {
        match set {
            KeySet::Unicast => self.received,
            KeySet::Broadcast => self.received_broadcast,
        }
    }

    fn accept_counter(&mut self, _client: u16, set: KeySet, received: u32) -> Result<(), Replay> {
        let place = match set {
            KeySet::Unicast => &mut self.received,
            KeySet::Broadcast => &mut self.received_broadcast,
        };
        if place.is_some_and(|last| received <= last) {
            return Err(Replay);
        }
        *place = Some(received);
        Ok(())
    }

    fn entropy(&mut self, out: &mut [u8]) {
        for octet in out {
            self.seed = self
                .seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *octet = self.seed.to_be_bytes()[0];
        }
    }

    fn read_out(&self, line: usize, text: &mut ferraris_dlms::iec62056_21::Text) -> bool {
        let line = ["1.8.0(00005009*kWh)", "32.7.0(230*V)"].get(line);
        line.is_some_and(|line| text.push_str(line).is_ok())
    }

    fn observe(&mut self, client: u16, event: SecurityEvent) {
        self.events.push((client, event));
    }

    fn get(
        &mut self,
        caller: &Caller,
        what: Attribute,
        selection: Selection<'_>,
        cursor: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError> {
        self.callers.push(*caller);
        if let Some((step, error)) = self.fails_at
            && cursor.step == step
        {
            return Err(error);
        }
        // A selection is answered with its parameters.
        let value = match selection {
            Selection::Selected { parameters, .. } => parameters,
            Selection::Whole => self.objects.get(&what).ok_or(AccessError::ObjectUndefined)?,
        };
        assert_eq!(
            cursor.words[0] as usize,
            (cursor.step as usize * self.step).min(value.len()),
            "the session counts the steps"
        );
        let from = cursor.words[0] as usize;
        let to = value.len().min(from + self.step);
        out.put(&value[from..to])?;
        cursor.words[0] = u32::try_from(to).expect("values of tests are short");
        Ok(if to == value.len() { Step::Done } else { Step::More })
    }

    fn set(&mut self, _: &Caller, what: Attribute, _: Selection<'_>, value: &[u8]) -> Result<(), AccessError> {
        let place = self.objects.get_mut(&what).ok_or(AccessError::ObjectUndefined)?;
        if place.first() != value.first() {
            return Err(AccessError::TypeUnmatched);
        }
        *place = value.to_vec();
        Ok(())
    }

    fn tolerates(&self, _: u16) -> Conformance {
        self.tolerated
    }

    fn pre_established(&self, client: u16, server: u16) -> Option<PreEstablished> {
        let (of, it) = self.pre_established?;
        (of == client && server == 1).then_some(it)
    }

    fn confirmed(&mut self, _: &Caller, invoke: LongInvoke) {
        self.confirmed.push(invoke.id());
    }

    fn attributes(&self, _: &Caller, what: Attribute) -> Result<u8, AccessError> {
        let of_object = |known: &&Attribute| (known.class_id, known.name) == (what.class_id, what.name);
        let last = self.objects.keys().filter(of_object).map(|known| known.index).max();
        last.map(i8::cast_unsigned).ok_or(AccessError::ObjectUndefined)
    }

    fn is_large(&self, _: &Caller, what: Attribute) -> bool {
        self.large.contains_key(&what)
    }

    fn stage(&mut self, _: &Caller, what: Attribute, offset: u32, octets: &[u8]) -> Result<(), AccessError> {
        let most = *self.large.get(&what).expect("only large values are staged");
        if offset == 0 {
            self.staged.clear();
            self.parts.clear();
        }
        assert_eq!(
            offset as usize,
            self.staged.len(),
            "parts come in order and without gaps"
        );
        if most < self.staged.len() + octets.len() {
            return Err(AccessError::OtherReason);
        }
        self.staged.extend_from_slice(octets);
        self.parts.push(octets.len());
        Ok(())
    }

    fn set_staged(&mut self, _: &Caller, what: Attribute, length: u32) -> Result<(), AccessError> {
        assert_eq!(length as usize, self.staged.len());
        if !is_value(&self.staged) {
            return Err(AccessError::TypeUnmatched);
        }
        self.objects.insert(what, core::mem::take(&mut self.staged));
        Ok(())
    }

    fn invoke(
        &mut self,
        _: &Caller,
        what: Method,
        parameters: Option<&[u8]>,
        out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        self.invoked.push((what, parameters.map(<[u8]>::to_vec)));
        match (what, parameters) {
            (ECHO, Some(parameters)) => {
                out.put(parameters).map_err(|_| ActionError::OtherReason)?;
                Ok(Returned::Data)
            }
            (QUIET, _) => Ok(Returned::Nothing),
            _ => Err(ActionError::ObjectUndefined),
        }
    }
}

/// A reader of hexadecimal text.
pub(crate) fn octets(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits"))
        .collect()
}

/// Octets as hexadecimal text.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// One whole A-XDR value.
pub(crate) fn is_value(octets: &[u8]) -> bool {
    let mut reader = Reader::new(octets);
    reader.skip_value().is_ok() && reader.is_at_end()
}

/// Compares `text` with the golden file `name`, or rewrites it when UPDATE is set.
pub(crate) fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{name} is not what it was; UPDATE=1 rewrites it. Now:\n{text}"
    );
}
