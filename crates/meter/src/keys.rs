//! The keys of a meter: what it leaves the factory with, how clients change it, and how it is kept (S1; class 64).
//!
//! A changed key waits until the answer to the change has gone out under the old one; it is in flash before that, so that a power cut
//! in between leaves the key that the client was told. Nothing prints a key, and no attribute reads one.

use cosem::axdr::{Full, Reader, Writer};
use dlms::security::{Curve, Key, KeySet, PrivateKey, Purpose, Suite};

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
    pending: [Option<Key>; 4],
}

impl core::fmt::Debug for Keys {
    /// Nothing of them is printed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Keys")
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// Octets of the record of the keys: head, four symmetric and four private keys with their lengths.
pub(crate) const KEYS_OCTETS: usize = 4 + 4 * 33 + 4 * 50;

const VERSION: u8 = 1;

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
    /// When it is not of the suite's length, or the present key of the same name: its counters would begin anew with it.
    pub fn offer(&mut self, id: KeyId, key: Key) -> Result<(), KeyRefusal> {
        let present = self.symmetric(id);
        let same = present.is_some_and(|present| dlms::security::passwords_match(present.octets(), key.octets()));
        if key.octets().len() != self.suite.key_length() || same {
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
        out.octet(purpose)
    }

    /// Puts back what was saved; `None` when it cannot be.
    pub(crate) fn restore(&mut self, octets: &[u8]) -> Option<()> {
        let mut reader = Reader::new(octets);
        let [version, suite, unicast, broadcast] = reader.array_of().ok()?;
        if version != VERSION || Suite::from_id(suite) != Some(self.suite) {
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
        reader.end().ok()?;
        let [first, second, third, generated] = private;
        // A meter without these two would be one that nobody can speak to.
        let whole = matches!(symmetric, [Some(_), _, Some(_), _]);
        whole.then(|| {
            self.symmetric = symmetric;
            self.private = [first, second, third];
            self.generated = purpose.zip(generated);
            self.generations = [unicast, broadcast];
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

    #[test]
    fn damaged_keys_are_not_restored() {
        let keys = Keys::new(&test_secrets());
        let octets = saved(&keys);
        let mut restored = Keys::new(&test_secrets());
        for cut in 0..octets.len() {
            assert!(restored.restore(&octets[..cut]).is_none(), "cut at {cut}");
        }
        assert!(restored.restore(&octets).is_some());
    }
}
