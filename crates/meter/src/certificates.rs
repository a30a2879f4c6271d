//! Certificates of the meter, its clients and their authorities: kept in flash, judged by the meter's clock (class 64, methods 3 to 8).
//!
//! Trust anchors come from the factory and from nowhere else. Everything that a client imports must follow from one of them, belong to
//! whom it says, and be valid now.

use base::Utc;
use cosem::axdr::{Enumerated, Octets, Reader, Writer};
use cosem::{AccessError, ActionError, Cursor, Step};
use dlms::security::{
    Algorithms, CERTIFICATE_MAX, Certificate, CertificateFault, Curve, Key, PublicKey, Purpose, Scheme, Title, derive,
    follow, generate, request,
};
use flash::Nor;

use crate::effect::{Effect, Record};
use crate::event_log::{Log, security};
use crate::keys::KeyId;
use crate::memory::Memory;
use crate::model::Model;
use crate::step::Chance;

/// Whose certificate it is (class 64, certificate_entity).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entity {
    Server = 0,
    Client = 1,
    Authority = 2,
}

/// Places for certificates in flash: the meter's own by purpose, authorities, clients.
pub(crate) const SLOTS: u8 = 12;
const AUTHORITIES: core::ops::Range<u8> = 3..6;
const CLIENTS: core::ops::Range<u8> = 6..SLOTS;

/// What the methods work on.
pub(crate) struct Office<'a> {
    pub(crate) model: &'a mut Model,
    pub(crate) memory: &'a mut Memory,
    pub(crate) nor: &'a mut dyn Nor,
    pub(crate) chance: &'a mut Chance,
}

/// How a certificate is asked for.
enum Wanted<'a> {
    By(Entity, Purpose, &'a [u8]),
    Serial(&'a [u8], &'a [u8]),
}

const OTHER: ActionError = ActionError::OtherReason;

impl Office<'_> {
    fn algorithms(&self) -> &'static dyn Algorithms {
        self.model.config.algorithms
    }

    /// The time by which certificates are judged; none while nobody knows it.
    fn now(&self) -> Option<Utc> {
        self.model.clock.is_valid().then(|| self.model.utc())
    }

    fn slot<'b>(&self, slot: u8, buffer: &'b mut [u8; CERTIFICATE_MAX]) -> Option<&'b [u8]> {
        self.memory.certificate(&*self.nor, slot, buffer)
    }

    /// Whether the chain of a certificate ends at a trust anchor of this meter.
    fn trust(&self, leaf: &Certificate<'_>) -> Result<(), CertificateFault> {
        // The authorities are few and long: they are read one after the other, and what is kept of a chain is its last link.
        let now = self.now();
        leaf.check_time(now)?;
        let mut buffers = [[0; CERTIFICATE_MAX]; 3];
        let mut lengths = [0; 3];
        for ((buffer, length), slot) in buffers.iter_mut().zip(&mut lengths).zip(AUTHORITIES) {
            *length = self.slot(slot, buffer).map_or(0, <[u8]>::len);
        }
        let mut authorities = |at: usize| {
            // Empty places are passed over.
            let mut there = buffers.iter().zip(lengths).filter(|(_, length)| *length != 0);
            let (buffer, length) = there.nth(at)?;
            Certificate::parse(buffer.get(..length)?).ok()
        };
        follow(leaf, &mut authorities, now, self.algorithms())
    }

    fn judge(&self, octets: &[u8], title: &Title, purpose: Purpose) -> Result<PublicKey, CertificateFault> {
        let leaf = Certificate::parse(octets)?;
        leaf.check_use(title, purpose)?;
        if Some(leaf.public.curve()) != Curve::of(self.model.keys.suite()) {
            return Err(CertificateFault::Key);
        }
        self.trust(&leaf)?;
        Ok(leaf.public)
    }

    /// The public key of a client, by a stored certificate that is good now.
    pub(crate) fn public_key(&self, title: &Title, purpose: Purpose) -> Result<PublicKey, CertificateFault> {
        let mut fault = CertificateFault::Missing;
        for slot in CLIENTS {
            let mut buffer = [0; CERTIFICATE_MAX];
            let Some(octets) = self.slot(slot, &mut buffer) else {
                continue;
            };
            match self.judge(octets, title, purpose) {
                Ok(public) => return Ok(public),
                // Those of others say nothing.
                Err(CertificateFault::Name | CertificateFault::Usage) => {}
                Err(worse) => fault = worse,
            }
        }
        Err(fault)
    }

    /// The public key in a certificate that a client presents.
    pub(crate) fn present(&self, title: &Title, octets: &[u8]) -> Result<PublicKey, CertificateFault> {
        self.judge(octets, title, Purpose::Signature)
    }

    /// Puts the factory's certificates in place, anchors first.
    pub(crate) fn furnish(&mut self) -> Result<(), CertificateFault> {
        for octets in self.model.config.certificates {
            let certificate = Certificate::parse(octets)?;
            let slot = self.place(&certificate)?;
            self.keep(slot, Some(octets))?;
        }
        Ok(())
    }

    /// Takes a generated key into use whose certificate is there already: the power went between the two.
    pub(crate) fn finish_import(&mut self) {
        let Some((purpose, public)) = self.model.keys.waiting().and_then(|(purpose, key)| {
            let public = self.algorithms().public_key(key)?;
            Some((purpose, public))
        }) else {
            return;
        };
        let mut buffer = [0; CERTIFICATE_MAX];
        let certificate = self.slot(purpose.id(), &mut buffer).map(Certificate::parse);
        if matches!(certificate, Some(Ok(it)) if it.public == public) {
            self.model.keys.certify(purpose);
            self.model.effects.push(Effect::Keep(Record::Keys));
        }
    }

    fn keep(&mut self, slot: u8, octets: Option<&[u8]>) -> Result<(), CertificateFault> {
        self.memory
            .keep_certificate(self.nor, slot, octets)
            .map_err(|_| CertificateFault::Full)
    }

    fn entity(&self, certificate: &Certificate<'_>) -> Option<Entity> {
        if certificate.is_authority() {
            return Some(Entity::Authority);
        }
        let own = self.model.config.system_title();
        certificate
            .title()
            .map(|title| if title == own { Entity::Server } else { Entity::Client })
    }

    /// Where a certificate goes: where its forerunner is, or to a free place.
    fn place(&self, certificate: &Certificate<'_>) -> Result<u8, CertificateFault> {
        let entity = self.entity(certificate).ok_or(CertificateFault::Name)?;
        let range = match entity {
            Entity::Server => {
                let purpose = certificate.purpose().ok_or(CertificateFault::Usage)?;
                return Ok(purpose.id());
            }
            Entity::Authority => AUTHORITIES,
            Entity::Client => CLIENTS,
        };
        let mut free = None;
        for slot in range {
            let mut buffer = [0; CERTIFICATE_MAX];
            match self.slot(slot, &mut buffer).map(Certificate::parse) {
                Some(Ok(there)) => {
                    if there.subject == certificate.subject && there.purpose() == certificate.purpose() {
                        return Ok(slot);
                    }
                }
                _ => free = free.or(Some(slot)),
            }
        }
        free.ok_or(CertificateFault::Full)
    }

    /// Method 6, import_certificate.
    fn import(&mut self, octets: &[u8]) -> Result<(), CertificateFault> {
        if CERTIFICATE_MAX < octets.len() {
            return Err(CertificateFault::Malformed);
        }
        let certificate = Certificate::parse(octets)?;
        let entity = self.entity(&certificate).ok_or(CertificateFault::Name)?;
        if certificate.is_self_issued() {
            // An anchor that vouches for itself vouches for nothing.
            return Err(CertificateFault::Untrusted);
        }
        if entity != Entity::Authority && Some(certificate.public.curve()) != Curve::of(self.model.keys.suite()) {
            return Err(CertificateFault::Key);
        }
        self.trust(&certificate)?;
        if entity == Entity::Server {
            let purpose = certificate.purpose().ok_or(CertificateFault::Usage)?;
            let own = self.model.keys.requested(purpose);
            let public = own.and_then(|own| self.algorithms().public_key(own));
            if public != Some(certificate.public) {
                return Err(CertificateFault::Key);
            }
            let slot = self.place(&certificate)?;
            self.keep(slot, Some(octets))?;
            self.model.keys.certify(purpose);
            self.model.effects.push(Effect::Keep(Record::Keys));
        } else {
            if entity == Entity::Client && certificate.purpose().is_none() {
                return Err(CertificateFault::Usage);
            }
            let slot = self.place(&certificate)?;
            self.keep(slot, Some(octets))?;
        }
        self.model
            .effects
            .push(Effect::Event(Log::Security, security::CERTIFICATE_IMPORTED));
        Ok(())
    }

    /// The slot of the certificate that is asked for, and its octets.
    fn find<'b>(&self, wanted: &Wanted<'_>, buffer: &'b mut [u8; CERTIFICATE_MAX]) -> Option<(u8, &'b [u8])> {
        let mut found = None;
        for slot in 0..SLOTS {
            let mut octets = [0; CERTIFICATE_MAX];
            let Some(Ok(certificate)) = self.slot(slot, &mut octets).map(Certificate::parse) else {
                continue;
            };
            let is_it = match wanted {
                Wanted::By(entity, purpose, title) => {
                    let title_fits = match (*entity, certificate.title()) {
                        (Entity::Authority, _) => true,
                        (_, Some(of)) => title.is_empty() || of == *title,
                        (_, None) => false,
                    };
                    let purpose_fits = *entity == Entity::Authority || certificate.purpose() == Some(*purpose);
                    self.entity(&certificate) == Some(*entity) && title_fits && purpose_fits
                }
                Wanted::Serial(serial, issuer) => certificate.serial == *serial && certificate.issuer == *issuer,
            };
            if is_it {
                found = Some(slot);
                break;
            }
        }
        let slot = found?;
        Some((slot, self.slot(slot, buffer)?))
    }

    /// Invokes one of the methods 3 to 8. Answers whether something is returned.
    pub(crate) fn invoke(&mut self, method: u8, parameters: &[u8], out: &mut Writer<'_>) -> Result<bool, ActionError> {
        let suite = self.model.keys.suite();
        let curve = Curve::of(suite).filter(|_| self.algorithms().supports(suite));
        let curve = curve.ok_or(ActionError::ObjectUnavailable)?;
        let mut reader = Reader::new(parameters);
        match method {
            3 => self.agree(&mut reader, curve, out).map(|()| true),
            4 => {
                let purpose = purpose(&mut reader)?;
                let chance = &mut *self.chance;
                let drawn = generate(self.model.config.algorithms, curve, &mut |out| chance.fill(out));
                let (private, _) = drawn.ok_or(OTHER)?;
                self.model.keys.generated(purpose, private);
                self.model.effects.push(Effect::Keep(Record::Keys));
                self.model
                    .effects
                    .push(Effect::Event(Log::Security, security::KEY_PAIR_GENERATED));
                Ok(false)
            }
            5 => {
                let purpose = purpose(&mut reader)?;
                let mut buffer = [0; 400];
                let title = self.model.config.system_title();
                let private = self
                    .model
                    .keys
                    .requested(purpose)
                    .ok_or(ActionError::ObjectUnavailable)?;
                let length = request(self.algorithms(), private, &title, &mut buffer).ok_or(OTHER)?;
                out.value(Octets(buffer.get(..length).unwrap_or(&[])))
                    .map_err(|_| OTHER)?;
                Ok(true)
            }
            6 => {
                let Octets(octets) = reader.value().map_err(|_| ActionError::TypeUnmatched)?;
                self.import(octets).map_err(|fault| {
                    self.model.note_certificate(fault);
                    match fault {
                        // Room can be made.
                        CertificateFault::Full => ActionError::TemporaryFailure,
                        _ => OTHER,
                    }
                })?;
                Ok(false)
            }
            7 | 8 => {
                let wanted = wanted(&mut reader)?;
                let mut buffer = [0; CERTIFICATE_MAX];
                let (slot, octets) = self.find(&wanted, &mut buffer).ok_or(ActionError::ObjectUndefined)?;
                if method == 7 {
                    out.value(Octets(octets)).map_err(|_| OTHER)?;
                    return Ok(true);
                }
                let anchor = Certificate::parse(octets).is_ok_and(|it| it.is_self_issued());
                // Without its anchors the meter would trust nobody ever again.
                if anchor {
                    return Err(ActionError::ReadWriteDenied);
                }
                self.keep(slot, None).map_err(|_| ActionError::HardwareFault)?;
                self.model
                    .effects
                    .push(Effect::Event(Log::Security, security::CERTIFICATE_REMOVED));
                Ok(false)
            }
            _ => Err(ActionError::ObjectUnavailable),
        }
    }

    /// Method 3, key_agreement: C(2e, 0s) for each key of the list.
    fn agree(&mut self, reader: &mut Reader<'_>, curve: Curve, out: &mut Writer<'_>) -> Result<(), ActionError> {
        let unmatched = |_| ActionError::TypeUnmatched;
        let client = self.model.security.client_system_title();
        let own = self.model.config.system_title();
        let signer = self.public_key(&client, Purpose::Signature).map_err(|fault| {
            self.model.note_certificate(fault);
            OTHER
        })?;
        let algorithms = self.algorithms();
        let count = reader.array().map_err(unmatched)?;
        if !(1..=4).contains(&count) {
            return Err(OTHER);
        }
        out.array(count).map_err(|_| OTHER)?;
        let mut all = || -> Result<(), ActionError> {
            for _ in 0..count {
                reader.structure(2).map_err(unmatched)?;
                let Enumerated(id) = reader.value().map_err(unmatched)?;
                let Octets(data) = reader.value().map_err(unmatched)?;
                let key_id = KeyId::new(id).ok_or(OTHER)?;
                let (point, signature) = data.split_at_checked(curve.pair_length()).ok_or(OTHER)?;
                if !algorithms.verify(&signer, &[&[id], point], signature) {
                    self.model.note_attack(crate::attack::Attack::Decryption);
                    return Err(OTHER);
                }
                let theirs = PublicKey::new(curve, point).ok_or(OTHER)?;
                let chance = &mut *self.chance;
                let drawn = generate(algorithms, curve, &mut |out| chance.fill(out));
                let (private, public) = drawn.ok_or(OTHER)?;
                let shared = algorithms.agree(&private, &theirs).ok_or(OTHER)?;
                let key: Key = derive(algorithms, &shared, Scheme::Ephemeral, &client, &own).ok_or(OTHER)?;
                let keys = &mut self.model.keys;
                let signing = keys.private(Purpose::Signature).ok_or(ActionError::ObjectUnavailable)?;
                let signed = algorithms.sign(signing, &[&[id], public.octets()]).ok_or(OTHER)?;
                keys.offer(key_id, key).map_err(|_| OTHER)?;
                let mut data = [0; 192];
                let mut data = Writer::new(&mut data);
                let mut put = || {
                    data.put(public.octets())?;
                    data.put(signed.octets())?;
                    out.structure(2)?;
                    out.value(Enumerated(id))?;
                    out.value(Octets(data.written()))
                };
                put().map_err(|_| OTHER)?;
            }
            reader.end().map_err(unmatched)
        };
        let agreed = all();
        match agreed {
            Ok(()) => self.model.effects.push(Effect::Keep(Record::Keys)),
            // All or nothing.
            Err(_) => self.model.keys.abandon(),
        }
        agreed
    }

    /// Attribute 6, one certificate a step.
    pub(crate) fn stream(&self, cursor: &mut Cursor, out: &mut Writer<'_>) -> Result<Step, AccessError> {
        let there = |slot: u8| {
            let mut buffer = [0; CERTIFICATE_MAX];
            self.slot(slot, &mut buffer)
                .is_some_and(|octets| Certificate::parse(octets).is_ok())
        };
        let [next, ..] = &mut cursor.words;
        if cursor.step == 0 {
            out.array((0..SLOTS).filter(|&slot| there(slot)).count())?;
        }
        let from = u8::try_from(*next).unwrap_or(SLOTS);
        let Some(slot) = (from..SLOTS).find(|&slot| there(slot)) else {
            return Ok(Step::Done);
        };
        self.describe(slot, out)?;
        *next = u32::from(slot) + 1;
        Ok(Step::More)
    }

    /// Appends the description of the certificate in `slot` to attribute 6; false when there is none.
    pub(crate) fn describe(&self, slot: u8, out: &mut Writer<'_>) -> Result<bool, cosem::axdr::Full> {
        let mut buffer = [0; CERTIFICATE_MAX];
        let Some(Ok(it)) = self.slot(slot, &mut buffer).map(Certificate::parse) else {
            return Ok(false);
        };
        out.structure(6)?;
        out.value(Enumerated(self.entity(&it).map_or(3, |entity| entity as u8)))?;
        out.value(Enumerated(it.purpose().map_or(3, Purpose::id)))?;
        for octets in [it.serial, it.issuer, it.subject, it.alternative] {
            out.value(Octets(octets))?;
        }
        Ok(true)
    }
}

fn purpose(reader: &mut Reader<'_>) -> Result<Purpose, ActionError> {
    let Enumerated(id) = reader.value().map_err(|_| ActionError::TypeUnmatched)?;
    Purpose::from_id(id).ok_or(OTHER)
}

fn wanted<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a>, ActionError> {
    let unmatched = |_| ActionError::TypeUnmatched;
    reader.structure(2).map_err(unmatched)?;
    let Enumerated(kind) = reader.value().map_err(unmatched)?;
    match kind {
        0 => {
            reader.structure(3).map_err(unmatched)?;
            let Enumerated(entity) = reader.value().map_err(unmatched)?;
            let Enumerated(id) = reader.value().map_err(unmatched)?;
            let Octets(title) = reader.value().map_err(unmatched)?;
            let entity = match entity {
                0 => Entity::Server,
                1 => Entity::Client,
                2 => Entity::Authority,
                _ => return Err(ActionError::ObjectUndefined),
            };
            let purpose = Purpose::from_id(id).or_else(|| (entity == Entity::Authority).then_some(Purpose::Signature));
            Ok(Wanted::By(entity, purpose.ok_or(ActionError::ObjectUndefined)?, title))
        }
        1 => {
            reader.structure(2).map_err(unmatched)?;
            let Octets(serial) = reader.value().map_err(unmatched)?;
            let Octets(issuer) = reader.value().map_err(unmatched)?;
            Ok(Wanted::Serial(serial, issuer))
        }
        _ => Err(OTHER),
    }
}
