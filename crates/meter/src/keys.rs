//! The keys of a meter: what it leaves the factory with, how clients change it, and how it is kept (S1; class 64).
//!
//! A changed key waits until the answer to the change has gone out under the old one; it is in flash before that, so that a power cut
//! in between leaves the key that the client was told. Nothing prints a key, and no attribute reads one.
//!
//! A client's numbers begin anew with a new encryption key. So a key that was in use before is refused: what was recorded under it would
//! open again.

use cosem::axdr::{Full, Reader, Writer};
use dlms::security::{Curve, Key, KeySet, PrivateKey, Purpose, Suite, wrap};

use crate::config::Secrets;

/// Which key a key_id of class 64 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyId {
    /// 0: global unicast encryption key.
    Unicast = 0,
    /// 1: global broadcast encryption key.
    Broadcast = 1,
    /// 2: authentication key.
    Authentication = 2,
    /// 3: master key.
    Master = 3,
}

impl KeyId {
    /// The key of this number.
    #[must_use]
    pub const fn new(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::Unicast),
            1 => Some(Self::Broadcast),
            2 => Some(Self::Authentication),
            3 => Some(Self::Master),
            _ => None,
        }
    }
}

/// Why a key is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRefusal;

/// The keys.
#[derive(Clone)]
pub struct Keys {
    suite: Suite,
    symmetric: [Option<Key>; 4],
    private: [Option<PrivateKey>; 3],
    /// A key pair that waits for its certificate.
    generated: Option<(Purpose, PrivateKey)>,
    /// How often the unicast and the broadcast key were changed: counters are of one generation.
    generations: [u8; 2],
    /// What the unicast and the broadcast key were before.
    past: [Past; 2],
    pending: [Option<Key>; 4],
}

/// The last keys of one name that are no longer in use, by their fingerprints, the oldest first.
#[derive(Clone, Default)]
struct Past(heapless::Vec<[u8; FINGERPRINT_OCTETS], PAST_KEYS>);

impl Past {
    fn has(&self, key: &Key) -> bool {
        fingerprint(key).is_some_and(|it| self.0.contains(&it))
    }

    fn note(&mut self, key: &Key) {
        let Some(fingerprint) = fingerprint(key) else {
            return;
        };
        if self.0.is_full() {
            self.0.remove(0);
        }
        let noted = self.0.push(fingerprint);
        debug_assert!(noted.is_ok(), "there is a place");
    }
}

/// What a key is known again by, and cannot be found from: the beginning of what it wraps zeros to.
fn fingerprint(key: &Key) -> Option<[u8; FINGERPRINT_OCTETS]> {
    let wrapped = wrap(key, &Key::new(&[0; 16])?)?;
    wrapped.first_chunk().copied()
}

/// Keys of one name that are known again: a key that is older than this many changes is taken for a new one.
const PAST_KEYS: usize = 8;
const FINGERPRINT_OCTETS: usize = 8;

impl core::fmt::Debug for Keys {
    /// Nothing of them is printed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Keys")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// Octets of the record of the keys: head, four symmetric and four private keys with their lengths, the past of two.
pub(crate) const KEYS_OCTETS: usize = 4 + 4 * 33 + 4 * 50 + 2 * (1 + PAST_KEYS * FINGERPRINT_OCTETS);

const VERSION: u8 = 2;
/// Of firmware that knew no key again.
const WITHOUT_PAST: u8 = 1;

impl Keys {
    /// The keys that the meter leaves the factory with.
    #[must_use]
    pub fn new(secrets: &Secrets) -> Self {
        Self {
            suite: secrets.suite,
            symmetric: [
                Some(secrets.encryption_key.clone()),
                secrets.broadcast_key.clone(),
                Some(secrets.authentication_key.clone()),
                secrets.master_key.clone(),
            ],
            private: secrets.private_keys.clone(),
            generated: None,
            generations: [0; 2],
            past: Default::default(),
            pending: [const { None }; 4],
        }
    }

    /// The suite that they are for.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// A symmetric key that is in use.
    #[must_use]
    pub fn symmetric(&self, id: KeyId) -> Option<&Key> {
        self.symmetric.get(id as usize)?.as_ref()
    }

    /// The encryption key of a set.
    #[must_use]
    pub fn encryption(&self, set: KeySet) -> Option<&Key> {
        self.symmetric(match set {
            KeySet::Unicast => KeyId::Unicast,
            KeySet::Broadcast => KeyId::Broadcast,
        })
    }

    /// A private key that is in use.
    #[must_use]
    pub fn private(&self, purpose: Purpose) -> Option<&PrivateKey> {
        self.private.get(usize::from(purpose.id()))?.as_ref()
    }

    /// The key that a request for a certificate is for: the one that was generated last, or the one in use.
    #[must_use]
    pub fn requested(&self, purpose: Purpose) -> Option<&PrivateKey> {
        match &self.generated {
            Some((of, key)) if *of == purpose => Some(key),
            _ => self.private(purpose),
        }
    }

    /// Notes a key pair that was generated; it is used as soon as there is a certificate for it.
    pub fn generated(&mut self, purpose: Purpose, key: PrivateKey) {
        self.generated = Some((purpose, key));
    }

    /// The key pair that waits for its certificate.
    #[must_use]
    pub fn waiting(&self) -> Option<(Purpose, &PrivateKey)> {
        self.generated.as_ref().map(|(purpose, key)| (*purpose, key))
    }

    /// Takes the generated key into use.
    pub fn certify(&mut self, purpose: Purpose) {
        if let Some((_, key)) = self.generated.take_if(|(of, _)| *of == purpose)
            && let Some(place) = self.private.get_mut(usize::from(purpose.id()))
        {
            *place = Some(key);
        }
    }

    /// Notes a new key, which waits for [`Keys::adopt`].
    ///
    /// # Errors
    /// When it is not of the suite's length, or is or was in use under the same name: its counters would begin anew with it.
    pub fn offer(&mut self, id: KeyId, key: Key) -> Result<(), KeyRefusal> {
        let present = self.symmetric(id);
        let same = present.is_some_and(|present| dlms::security::passwords_match(present.octets(), key.octets()));
        let known = self.past.get(id as usize).is_some_and(|past| past.has(&key));
        if key.octets().len() != self.suite.key_length() || same || known {
            return Err(KeyRefusal);
        }
        let place = self.pending.get_mut(id as usize).ok_or(KeyRefusal)?;
        if place.is_some() {
            return Err(KeyRefusal);
        }
        *place = Some(key);
        Ok(())
    }

    /// Forgets what waits.
    pub fn abandon(&mut self) {
        self.pending = [const { None }; 4];
    }

    /// Whether a key waits.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.pending.iter().any(Option::is_some)
    }

    /// Takes what waits into use; answers whether the unicast and the broadcast key are new ones.
    pub fn adopt(&mut self) -> [bool; 2] {
        let mut changed = [false; 2];
        for (at, (place, waiting)) in self.symmetric.iter_mut().zip(&mut self.pending).enumerate() {
            if let Some(key) = waiting.take() {
                if let (Some(past), Some(old)) = (self.past.get_mut(at), place.as_ref()) {
                    past.note(old);
                }
                *place = Some(key);
                if let (Some(changed), Some(generation)) = (changed.get_mut(at), self.generations.get_mut(at)) {
                    *changed = true;
                    *generation = generation.wrapping_add(1);
                }
            }
        }
        changed
    }

    /// The generations that counters are kept with.
    #[must_use]
    pub const fn generations(&self) -> [u8; 2] {
        self.generations
    }

    /// Writes the keys as they will be.
    pub(crate) fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let [unicast, broadcast] = self.generations;
        let next = |generation: u8, at: usize| {
            let waits = self.pending.get(at).is_some_and(Option::is_some);
            generation.wrapping_add(u8::from(waits))
        };
        out.put(&[VERSION, self.suite.id(), next(unicast, 0), next(broadcast, 1)])?;
        for (present, waiting) in self.symmetric.iter().zip(&self.pending) {
            let octets = waiting.as_ref().or(present.as_ref()).map_or(&[][..], Key::octets);
            out.length(octets.len())?;
            out.put(octets)?;
        }
        let generated = self.generated.as_ref();
        let purpose = generated.map_or(0xFF, |(purpose, _)| purpose.id());
        let private = self.private.iter().map(Option::as_ref);
        for key in private.chain([generated.map(|(_, key)| key)]) {
            let octets = key.map_or(&[][..], PrivateKey::octets);
            out.length(octets.len())?;
            out.put(octets)?;
        }
        out.octet(purpose)?;
        for ((past, present), waiting) in self.past.iter().zip(&self.symmetric).zip(&self.pending) {
            let mut past = past.clone();
            if let (Some(old), Some(_)) = (present, waiting) {
                past.note(old);
            }
            out.length(past.0.len())?;
            past.0.iter().try_for_each(|fingerprint| out.put(fingerprint))?;
        }
        Ok(())
    }

    /// Puts back what was saved; `None` when it cannot be.
    pub(crate) fn restore(&mut self, octets: &[u8]) -> Option<()> {
        let mut reader = Reader::new(octets);
        let [version, suite, unicast, broadcast] = reader.array_of().ok()?;
        if !matches!(version, VERSION | WITHOUT_PAST) || Suite::from_id(suite) != Some(self.suite) {
            return None;
        }
        let mut next = || {
            let length = reader.length().ok()?;
            reader.take(length).ok()
        };
        let mut symmetric = [const { None }; 4];
        for place in &mut symmetric {
            let octets = next()?;
            *place = Key::new(octets).filter(|_| octets.len() == self.suite.key_length());
        }
        let mut private = [const { None }; 4];
        for place in &mut private {
            let octets = next()?;
            *place = Curve::of(self.suite).and_then(|curve| PrivateKey::new(curve, octets));
        }
        let purpose = Purpose::from_id(reader.octet().ok()?);
        let mut past: [Past; 2] = Default::default();
        if version != WITHOUT_PAST {
            for Past(fingerprints) in &mut past {
                for _ in 0..reader.length().ok()? {
                    fingerprints.push(reader.array_of().ok()?).ok()?;
                }
            }
        }
        reader.end().ok()?;
        let [first, second, third, generated] = private;
        // A meter without these two would be one that nobody can speak to.
        let whole = matches!(symmetric, [Some(_), _, Some(_), _]);
        whole.then(|| {
            self.symmetric = symmetric;
            self.private = [first, second, third];
            self.generated = purpose.zip(generated);
            self.generations = [unicast, broadcast];
            self.past = past;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::test_secrets;

    fn key(octet: u8) -> Key {
        Key::new(&[octet; 16]).expect("16 octets")
    }

    fn saved(keys: &Keys) -> heapless::Vec<u8, KEYS_OCTETS> {
        let mut buffer = [0; KEYS_OCTETS];
        let mut out = Writer::new(&mut buffer);
        keys.save(&mut out).expect("it fits");
        heapless::Vec::from_slice(out.written()).expect("it fits")
    }

    /// S1: a change is what flash says at once, and what the meter uses when the answer has gone.
    #[test]
    fn a_key_changes_after_its_answer_and_is_kept_before() {
        let mut keys = Keys::new(&test_secrets());
        assert_eq!(
            keys.offer(KeyId::Unicast, key(0)),
            Err(KeyRefusal),
            "the present key again"
        );
        assert_eq!(
            keys.offer(KeyId::Unicast, Key::new(&[1; 32]).expect("a key")),
            Err(KeyRefusal)
        );
        assert_eq!(keys.offer(KeyId::Unicast, key(1)), Ok(()));
        assert_eq!(
            keys.offer(KeyId::Unicast, key(2)),
            Err(KeyRefusal),
            "twice in one change"
        );
        assert_eq!(keys.offer(KeyId::Master, key(3)), Ok(()));
        assert!(keys.is_changing());
        assert_eq!(keys.symmetric(KeyId::Unicast).map(Key::octets), Some(&[0; 16][..]));
        let mut restored = Keys::new(&test_secrets());
        restored.restore(&saved(&keys)).expect("it was saved");
        assert_eq!(restored.symmetric(KeyId::Unicast).map(Key::octets), Some(&[1; 16][..]));
        assert_eq!(restored.generations(), [1, 0]);
        assert_eq!(keys.adopt(), [true, false]);
        assert!(!keys.is_changing());
        assert_eq!(saved(&keys), saved(&restored));
        assert_eq!(keys.symmetric(KeyId::Master).map(Key::octets), Some(&[3; 16][..]));
    }

    /// S1: whatever was in use under a name does not come back, over a cut neither; each name has its own past.
    #[test]
    fn a_key_that_was_in_use_is_refused() {
        let past = u8::try_from(PAST_KEYS).expect("a few");
        let mut keys = Keys::new(&test_secrets());
        for number in 1..=past + 1 {
            assert_eq!(keys.offer(KeyId::Unicast, key(number)), Ok(()));
            let mut cut = Keys::new(&test_secrets());
            cut.restore(&saved(&keys)).expect("it was saved");
            keys.adopt();
            for old in number.saturating_sub(past)..=number {
                assert_eq!(keys.offer(KeyId::Unicast, key(old)), Err(KeyRefusal), "{old}");
                assert_eq!(
                    cut.offer(KeyId::Unicast, key(old)),
                    Err(KeyRefusal),
                    "{old} after a cut"
                );
            }
            assert_eq!(saved(&keys), saved(&cut));
        }
        assert_eq!(keys.offer(KeyId::Broadcast, key(past)), Ok(()));
        assert_eq!(keys.offer(KeyId::Authentication, key(past)), Ok(()));
    }

    #[test]
    fn keys_that_older_firmware_kept_are_restored() {
        let mut keys = Keys::new(&test_secrets());
        keys.offer(KeyId::Unicast, key(1)).expect("a new one");
        let mut octets = saved(&keys);
        octets.truncate(octets.len() - 2 - FINGERPRINT_OCTETS);
        octets[0] = WITHOUT_PAST;
        let mut restored = Keys::new(&test_secrets());
        restored.restore(&octets).expect("it can be read");
        assert_eq!(restored.symmetric(KeyId::Unicast).map(Key::octets), Some(&[1; 16][..]));
    }

    #[test]
    fn damaged_keys_are_not_restored() {
        let mut keys = Keys::new(&test_secrets());
        keys.offer(KeyId::Unicast, key(1)).expect("a new one");
        let octets = saved(&keys);
        let mut restored = Keys::new(&test_secrets());
        for cut in 0..octets.len() {
            assert!(restored.restore(&octets[..cut]).is_none(), "cut at {cut}");
        }
        assert!(restored.restore(&octets).is_some());
    }
}
