//! The meter as the DLMS server sees it: clients, keys, counters, and access to the rows.

use cosem::axdr::Writer;
use cosem::buffer::RowForm;
use cosem::class::Stream;
use cosem::{AccessError, ActionError, Attribute, Cursor, Method, Returned, Role, Selection, Step};
use dlms::acse::{Context, Diagnostic, Mechanism};
use dlms::iec62056_21::Text;
use dlms::initiate::Conformance;
use dlms::security::{
    Algorithms, CERTIFICATE_MAX, CertificateFault, Key, KeySet, Keys, Policy, PrivateKey, PublicKey, Purpose, Title,
};
use dlms::server::{Application, Caller, Exhausted, PDU_MAX, PreEstablished, Profile, Proposal, Replay, SecurityEvent};
use flash::Nor;

use crate::attack::Attack;
use crate::before::Before;
use crate::certificates::Office;
use crate::config::Config;
use crate::effect::{Actor, Change, Effect, Record};
use crate::event_log::{Log, security};
use crate::keys::KeyId;
use crate::limits::KEPT_OCTETS;
use crate::memory::{Memory, large_kind};
use crate::model::{Model, Partner};
use crate::objects::DIRECTORY;
use crate::profile::JournalId;
use crate::step::Core;
use crate::{Board, stream};

/// Client 16: identification and counters, without security.
pub const PUBLIC_CLIENT: u16 = 16;
/// Client 1: the utility.
pub const MANAGEMENT_CLIENT: u16 = 1;
/// Client 2: reads what the utility reads, and changes nothing.
pub const READING_CLIENT: u16 = 2;
/// Client 102: has an association without asking, for what is said to all meters at once.
pub const PRE_ESTABLISHED_CLIENT: u16 = 102;
/// The management logical device.
const MANAGEMENT_DEVICE: u16 = 1;

/// The services of this meter.
const CONFORMANCE: Conformance = Conformance::GENERAL_PROTECTION
    .with(Conformance::GENERAL_BLOCK_TRANSFER)
    .with(Conformance::ATTRIBUTE_0_WITH_SET)
    .with(Conformance::PRIORITY)
    .with(Conformance::ATTRIBUTE_0_WITH_GET)
    .with(Conformance::ACCESS)
    .with(Conformance::BLOCKS_WITH_GET)
    .with(Conformance::BLOCKS_WITH_SET)
    .with(Conformance::BLOCKS_WITH_ACTION)
    .with(Conformance::MULTIPLE_REFERENCES)
    .with(Conformance::GET)
    .with(Conformance::SET)
    .with(Conformance::SELECTIVE_ACCESS)
    .with(Conformance::ACTION);

/// The longest PDU that the meter takes and makes.
const PDU_SIZE: u16 = {
    assert!(PDU_MAX <= 0xFFFF, "PDU sizes have 16 bits");
    let [low, high, ..] = PDU_MAX.to_le_bytes();
    u16::from_le_bytes([low, high])
};

/// The association that a client would get: what its object shows while nobody is there.
pub(crate) const fn offer(config: &Config, client: u16) -> Partner {
    let [a, b, c] = CONFORMANCE.without(config.differences.withheld).octets();
    Partner {
        client,
        mechanism: match client {
            MANAGEMENT_CLIENT | READING_CLIENT => 5,
            _ => 0,
        },
        context: if client == PUBLIC_CLIENT { 1 } else { 3 },
        conformance: u32::from_be_bytes([0, a, b, c]),
        pdu_sizes: (PDU_SIZE, PDU_SIZE),
    }
}

/// One step's view of the meter for a link.
pub(crate) struct Service<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) board: &'a mut dyn Board,
}

impl Service<'_> {
    /// Notes who asks and answers as what. Nothing but the handshake is served before an association stands.
    fn enter(&mut self, caller: &Caller) -> Role {
        let [a, b, c] = caller.conformance.octets();
        self.core.model.effects.acting = acting(caller.client);
        self.core.model.partner = Some(Partner {
            client: caller.client,
            mechanism: caller.mechanism.id(),
            context: caller.context.id(),
            conformance: u32::from_be_bytes([0, a, b, c]),
            pdu_sizes: (
                caller.receive_max,
                if caller.send_max == 0 {
                    u16::MAX
                } else {
                    caller.send_max
                },
            ),
        });
        role(caller.client)
    }

    fn office(&mut self) -> Office<'_> {
        self.core.office(self.board)
    }

    /// Makes the reserve of the counters durable before a number of it is used; false when the flash refused.
    fn keep_counters(&mut self) -> bool {
        let Core { model, memory, .. } = &mut *self.core;
        memory.keep(self.board.flash(), model, Record::Counters).is_ok()
    }
}

/// The clients that share the unicast keys.
const fn knows_keys(client: u16) -> bool {
    matches!(client, MANAGEMENT_CLIENT | READING_CLIENT)
}

/// In whose name things are done for a client.
fn acting(client: u16) -> Actor {
    Actor::Client(u8::try_from(client).map_or(0x7F, |client| client & 0x7F))
}

/// How this client gets the rows of buffers: differences only when both have agreed on them.
fn row_form(config: &Config, caller: &Caller) -> RowForm {
    match config.row_form {
        RowForm::Delta if !caller.conformance.has(Conformance::DELTA_VALUES) => RowForm::Plain,
        form => form,
    }
}

fn role(client: u16) -> Role {
    match client {
        MANAGEMENT_CLIENT => Role::Management,
        READING_CLIENT => Role::Reading,
        PRE_ESTABLISHED_CLIENT => Role::PreEstablished,
        _ => Role::Public,
    }
}

impl Application for Service<'_> {
    fn admit(&self, proposal: Proposal) -> Result<Profile, Diagnostic> {
        let Proposal {
            client,
            server,
            context,
            mechanism,
        } = proposal;
        if server != MANAGEMENT_DEVICE {
            return Err(Diagnostic::NoReason);
        }
        // Locked, the right secret is refused like a wrong one.
        let shows_secret = mechanism != Mechanism::None;
        if shows_secret && !self.core.model.port_protection.is_open(self.core.model.now) {
            return Err(Diagnostic::AuthenticationFailure);
        }
        let model = &self.core.model;
        let secrets = &model.config.secrets;
        let has_password = secrets.lls_password.is_some() && client == MANAGEMENT_CLIENT;
        // Whether a client that knows keys may show it in this way.
        let suffices = match mechanism {
            Mechanism::Gmac => true,
            Mechanism::Sha256 => secrets.hls_secret.is_some(),
            Mechanism::Md5 | Mechanism::Sha1 => secrets.hls_secret.is_some() && secrets.old_mechanisms,
            // There the secret is a key of AES-128.
            Mechanism::Manufacturer => {
                let fits = |secret: &[u8]| secret.len() <= 16;
                secrets.hls_secret.as_deref().is_some_and(fits) && secrets.old_mechanisms
            }
            Mechanism::Ecdsa => model.keys.private(Purpose::Signature).is_some(),
            Mechanism::None | Mechanism::Password => false,
        };
        let policy = match (client, context, mechanism) {
            (PUBLIC_CLIENT, Context::Plain, Mechanism::None) => Policy::NONE,
            (PUBLIC_CLIENT, Context::Plain, _) => return Err(Diagnostic::MechanismNotRecognised),
            (MANAGEMENT_CLIENT | READING_CLIENT, Context::Plain | Context::Ciphered, Mechanism::None) => {
                return Err(Diagnostic::MechanismRequired);
            }
            (MANAGEMENT_CLIENT, Context::Plain, Mechanism::Password) if has_password => Policy::NONE,
            (MANAGEMENT_CLIENT | READING_CLIENT, Context::Ciphered, _) if suffices => {
                Policy::from_mask(model.security.policy())
            }
            (MANAGEMENT_CLIENT | READING_CLIENT, Context::Plain, _) if suffices => {
                return Err(Diagnostic::ContextNotSupported);
            }
            (MANAGEMENT_CLIENT | READING_CLIENT, Context::Plain | Context::Ciphered, _) => {
                return Err(Diagnostic::MechanismNotRecognised);
            }
            (PUBLIC_CLIENT | MANAGEMENT_CLIENT | READING_CLIENT, ..) => return Err(Diagnostic::ContextNotSupported),
            _ => return Err(Diagnostic::NoReason),
        };
        Ok(Profile {
            policy,
            conformance: if model.config.row_form == RowForm::Delta {
                CONFORMANCE.with(Conformance::DELTA_VALUES)
            } else {
                CONFORMANCE
            }
            .without(model.config.differences.withheld),
            receive_max: PDU_SIZE,
            dialect: model.config.dialect,
        })
    }

    fn system_title(&self) -> Title {
        self.core.model.config.system_title()
    }

    fn secret(&self, client: u16, mechanism: Mechanism) -> Option<&[u8]> {
        let secrets = &self.core.model.config.secrets;
        match mechanism {
            Mechanism::Password => secrets.lls_password.as_deref().filter(|_| client == MANAGEMENT_CLIENT),
            _ => secrets.hls_secret.as_deref().filter(|_| knows_keys(client)),
        }
    }

    fn keys(&self, client: u16, set: KeySet) -> Option<Keys<'_>> {
        let keys = &self.core.model.keys;
        let knows = match set {
            KeySet::Unicast => knows_keys(client) || client == PRE_ESTABLISHED_CLIENT,
            KeySet::Broadcast => client == PRE_ESTABLISHED_CLIENT,
        };
        Some(Keys {
            suite: keys.suite(),
            encryption: keys.encryption(set).filter(|_| knows)?,
            authentication: keys.symmetric(KeyId::Authentication)?,
        })
    }

    fn algorithms(&self) -> &'static dyn Algorithms {
        self.core.model.config.algorithms
    }

    fn master_key(&self) -> Option<&Key> {
        self.core.model.keys.symmetric(KeyId::Master)
    }

    fn private_key(&self, purpose: Purpose) -> Option<&PrivateKey> {
        self.core.model.keys.private(purpose)
    }

    fn certificate(&mut self, purpose: Purpose, out: &mut [u8]) -> Option<usize> {
        let mut buffer = [0; CERTIFICATE_MAX];
        let nor = &*self.board.flash();
        let octets = self.core.memory.certificate(nor, purpose.id(), &mut buffer)?;
        out.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(octets.len())
    }

    fn public_key(&mut self, _client: u16, title: &Title, purpose: Purpose) -> Result<PublicKey, CertificateFault> {
        self.office().public_key(title, purpose)
    }

    fn present(&mut self, _client: u16, title: &Title, certificate: &[u8]) -> Result<PublicKey, CertificateFault> {
        self.office().present(title, certificate)
    }

    fn pre_established(&self, client: u16, server: u16) -> Option<PreEstablished> {
        (client == PRE_ESTABLISHED_CLIENT && server == MANAGEMENT_DEVICE).then_some(PreEstablished {
            profile: Profile {
                policy: Policy::BOTH,
                conformance: CONFORMANCE
                    .with(Conformance::DATA_NOTIFICATION)
                    .without(self.core.model.config.differences.withheld),
                receive_max: PDU_SIZE,
                dialect: self.core.model.config.dialect,
            },
            title: self.core.model.config.client_system_title,
            send_max: 0,
        })
    }

    fn expects_title(&self, _client: u16, title: &Title) -> bool {
        self.core
            .model
            .config
            .client_system_title
            .is_none_or(|only| only == *title)
    }

    fn next_counter(&mut self, _client: u16) -> Result<u32, Exhausted> {
        let before = self.core.model.security.sent;
        let taken = self.core.model.security.sent.take().map_err(|_| Exhausted)?;
        // Without a durable reserve the number might come twice: rather say nothing, and ask for the reserve again next time.
        if taken.must_keep && !self.keep_counters() {
            self.core.model.security.sent = before;
            return Err(Exhausted);
        }
        Ok(taken.number)
    }

    fn last_counter(&self, client: u16, set: KeySet) -> Option<u32> {
        let security = &self.core.model.security;
        let last = match set {
            KeySet::Unicast => security.received.last(),
            KeySet::Broadcast => security.received_broadcast.last(),
        };
        // Who shares a key shares its counter: what one client said, nobody says again in another's name.
        (self.keys(client, set).is_some() && last != 0).then_some(last)
    }

    fn accept_counter(&mut self, _client: u16, set: KeySet, received: u32) -> Result<(), Replay> {
        let security = &mut self.core.model.security;
        let counter = match set {
            KeySet::Unicast => &mut security.received,
            KeySet::Broadcast => &mut security.received_broadcast,
        };
        let before = *counter;
        counter.accept(received).map_err(|_| Replay)?;
        if !self.keep_counters() {
            let security = &mut self.core.model.security;
            match set {
                KeySet::Unicast => security.received = before,
                KeySet::Broadcast => security.received_broadcast = before,
            }
            return Err(Replay);
        }
        Ok(())
    }

    fn entropy(&mut self, out: &mut [u8]) {
        self.core.chance.fill(out);
    }

    fn read_out(&self, line: usize, text: &mut Text) -> bool {
        crate::readout::write_line(&self.core.model, line, text)
    }

    fn observe(&mut self, client: u16, event: SecurityEvent) {
        let model = &mut self.core.model;
        model.effects.acting = acting(client);
        match event {
            // Who shows nothing has not authenticated, and ends no row of failures.
            SecurityEvent::Associated {
                mechanism: Mechanism::None,
                ..
            } => {}
            SecurityEvent::Associated { title, .. } => {
                model.connections = model.connections.wrapping_add(1);
                model.security.associated(title);
                model.port_protection.succeeded();
                model.attacks.succeeded();
            }
            SecurityEvent::Released => {
                if model.partner.is_some_and(|partner| partner.client == client) {
                    model.partner = None;
                }
            }
            SecurityEvent::AuthenticationFailed => {
                let row = model.security.failed().is_some();
                let locked = model.port_protection.failed(model.now);
                if row || locked {
                    model.note_attack(Attack::Authentication);
                }
                if locked {
                    let event = Effect::Event(Log::Security, security::LOCKED_OUT);
                    model.effects.push(event);
                    // A power cut in the next minute must not end it.
                    model.effects.push(Effect::Save);
                }
            }
            SecurityEvent::DecryptionFailed | SecurityEvent::SignatureFailed | SecurityEvent::TitleRefused => {
                model.note_attack(Attack::Decryption);
            }
            SecurityEvent::Certificate(fault) => model.note_certificate(fault),
            SecurityEvent::Replayed { .. } => model.note_attack(Attack::Replay),
            SecurityEvent::Unprotected => model.note_attack(Attack::Downgrade),
            SecurityEvent::Malformed | SecurityEvent::OutOfSequence => model.note_attack(Attack::Malformed),
            SecurityEvent::Abandoned => {
                if model.attacks.abandoned() {
                    model.note_attack(Attack::Flood);
                }
            }
            // The answer says so already, and nothing was done.
            SecurityEvent::CounterExhausted => {}
        }
    }

    fn tolerates(&self, _client: u16) -> Conformance {
        self.core.model.config.differences.tolerated
    }

    /// The client dlms-cosem proposes general blocks and cannot read them: unless it is ordered, it is served in the blocks of GET.
    fn begins_general_blocks(&self, _client: u16) -> bool {
        self.core.model.config.differences.general_blocks_first
    }

    fn attributes(&self, caller: &Caller, what: Attribute) -> Result<u8, AccessError> {
        let name = Attribute { index: 1, ..what };
        let (object, _) = DIRECTORY.readable(&self.core.model, role(caller.client), name)?;
        Ok(object.class.attributes())
    }

    fn get(
        &mut self,
        caller: &Caller,
        what: Attribute,
        selection: Selection<'_>,
        cursor: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError> {
        let role = self.enter(caller);
        let Core { model, memory, .. } = &mut *self.core;
        let (object, attribute) = DIRECTORY.readable(model, role, what)?;
        match object.class.stream(attribute) {
            Some(Stream::Journal(number)) => {
                let journal = JournalId::new(number).ok_or(AccessError::ObjectUnavailable)?;
                stream::buffer(
                    model,
                    memory,
                    self.board.flash(),
                    (journal, row_form(&model.config, caller)),
                    selection,
                    cursor,
                    out,
                )
            }
            _ if selection != Selection::Whole => Err(AccessError::ScopeOfAccessViolated),
            Some(Stream::Columns(number)) => {
                let journal = JournalId::new(number).ok_or(AccessError::ObjectUnavailable)?;
                stream::columns(model, journal, cursor, out)
            }
            Some(Stream::Large(number)) => {
                let kind = large_kind(number).ok_or(AccessError::ObjectUnavailable)?;
                memory.stream_large(self.board.flash(), model, kind, cursor, out)
            }
            Some(Stream::Certificates) => self.office().stream(cursor, out),
            Some(Stream::ObjectList) => {
                let [.., which, _] = object.name.octets();
                let role = match which {
                    1 => Role::Public,
                    2 => Role::Management,
                    3 => Role::PreEstablished,
                    4 => Role::Reading,
                    _ => role,
                };
                stream::object_list(model, role, cursor, out)
            }
            None => {
                DIRECTORY.get(model, object, attribute, out)?;
                Ok(Step::Done)
            }
        }
    }

    fn set(
        &mut self,
        caller: &Caller,
        what: Attribute,
        selection: Selection<'_>,
        value: &[u8],
    ) -> Result<(), AccessError> {
        let role = self.enter(caller);
        self.core.prepare(self.board)?;
        let Core { model, memory, .. } = &mut *self.core;
        let (object, attribute) = DIRECTORY.writable(model, role, what)?;
        if selection != Selection::Whole {
            return Err(AccessError::ScopeOfAccessViolated);
        }
        let mut before = [0; KEPT_OCTETS];
        let mut before = Writer::new(&mut before);
        let waiting = model.effects.waiting();
        if !object.kept.contains(attribute) {
            let _what_is_only_written_has_no_old_value = DIRECTORY.get(model, object, attribute, &mut before);
            let undo = Before::of(model);
            DIRECTORY.set(model, object, attribute, value)?;
            model.note_set(what, before.written(), value);
            self.core.keep_or_undo(waiting, undo, self.board)?;
            return self.core.settle(self.board);
        }
        DIRECTORY.get(model, object, attribute, &mut before)?;
        DIRECTORY.set(model, object, attribute, value)?;
        if let Err(error) = memory.keep_attribute(self.board.flash(), model, object, attribute) {
            // What is not durable is not acknowledged, and does not stay.
            let _the_old_value_was_valid = DIRECTORY.set(model, object, attribute, before.written());
            model.effects.take_back(waiting);
            return Err(error.into());
        }
        if value != before.written() {
            model.note_change();
            model.note_set(what, before.written(), value);
        }
        self.core.settle(self.board)
    }

    fn is_large(&self, _caller: &Caller, what: Attribute) -> bool {
        let object = DIRECTORY.find(&self.core.model, what.class_id, what.name);
        let index = u8::try_from(what.index).unwrap_or(0);
        object.is_some_and(|object| matches!(object.class.stream(index), Some(Stream::Large(_))))
    }

    fn stage(&mut self, caller: &Caller, what: Attribute, offset: u32, octets: &[u8]) -> Result<(), AccessError> {
        let role = self.enter(caller);
        let Core { model, memory, .. } = &mut *self.core;
        DIRECTORY.writable(model, role, what)?;
        memory.stage(self.board.flash(), caller.client, what, offset, octets)
    }

    fn set_staged(&mut self, caller: &Caller, what: Attribute, length: u32) -> Result<(), AccessError> {
        let role = self.enter(caller);
        self.core.prepare(self.board)?;
        let Core { model, memory, .. } = &mut *self.core;
        let (object, attribute) = DIRECTORY.writable(model, role, what)?;
        let Some(Stream::Large(number)) = object.class.stream(attribute) else {
            return Err(AccessError::ReadWriteDenied);
        };
        let kind = large_kind(number).ok_or(AccessError::ObjectUnavailable)?;
        // A value that cannot be read any more has no digest.
        let digest = |memory: &Memory, nor: &dyn Nor, model: &Model| memory.digest_large(nor, model, kind).unwrap_or(0);
        let old = digest(memory, self.board.flash(), model);
        memory.set_staged(self.board.flash(), model, kind, (caller.client, what), length)?;
        let new = digest(memory, self.board.flash(), model);
        model.note_change();
        model.effects.push(Effect::Change(Change { what, old, new }));
        self.core.settle(self.board)
    }

    fn invoke(
        &mut self,
        caller: &Caller,
        what: Method,
        parameters: Option<&[u8]>,
        out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        let role = self.enter(caller);
        self.core.prepare(self.board)?;
        let model: &mut Model = &mut self.core.model;
        let (object, method) = DIRECTORY.invocable(model, role, what)?;
        let waiting = model.effects.waiting();
        let before = Before::of(model);
        let returned = if object.class_id() == 64 && 2 < method {
            let returns = self.office().invoke(method, parameters.unwrap_or(&[]), out)?;
            if returns { Returned::Data } else { Returned::Nothing }
        } else {
            DIRECTORY.invoke(model, object, method, parameters, out)?
        };
        let model: &mut Model = &mut self.core.model;
        model.note_invocation(what, parameters.unwrap_or(&[]));
        let has_kept = self.core.keep_or_undo(waiting, before, self.board)?;
        match self.core.settle(self.board) {
            // What is durable stands, and is answered so; that a log is worn out is said in the error register.
            Err(_) if has_kept => Ok(returned),
            Err(error) => {
                // What the flash does not take now is not done later behind the client's back.
                self.core.model.effects.take_back(waiting);
                Err(error.into())
            }
            Ok(()) => Ok(returned),
        }
    }
}
