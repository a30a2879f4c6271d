//! Values that no buffer holds (a day table has 22 kB): staged part by part in flash, checked where they lie, committed with one program.
//!
//! ```text
//! SET:  service -> stage (part by part) -> check of the kind reads back -> commit under a key -> adopt of the kind
//! GET:  service -> stream.rs copies octets from the key that the kind names
//! boot: adopt of each kind, when its key has a value
//! ```
//!
//! **To give an attribute a large value:** its class answers `Some(Stream::Large(number))` for it, and [`KINDS`] gets a line with that number.
//! The value is A-XDR as on the wire, so a GET copies. A *key* is a place in the bank; the model says which key holds what, in a record of its own:
//! so the active and the passive day table are keys 1 and 2, a SET of the passive one is committed under the key that is not active,
//! and activation changes one octet in a record instead of copying 22 kB. A rule that needs a part of a value (the switchings of today) pushes an
//! effect, and `step.rs` reads it with [`Memory::read_large`].

use cosem::axdr::{Writer, tag};
use cosem::{AccessError, Attribute, Cursor, Step};
use flash::{Bank, BankError, Fault, Nor};

use super::{Memory, MemoryError, partitions};
use crate::capture;
use crate::limits::STEP_OCTETS;
use crate::model::Model;
use crate::tariffing::{ACTIVE_DAY_TABLE, PASSIVE_DAY_TABLE};

/// Reads octets of a value from an offset on.
pub(crate) type Read<'a> = &'a dyn Fn(u32, &mut [u8]) -> Result<(), AccessError>;

/// What the meter knows of one large attribute.
pub(crate) struct Kind {
    /// The number in `Stream::Large`.
    pub(crate) number: u8,
    /// The key that the attribute reads from now; none reads as an empty array.
    pub(crate) key: fn(&Model) -> Option<u32>,
    /// Checks a value of so many octets before it is committed, and answers the key to commit it under.
    pub(crate) check: fn(&Model, Read<'_>, u32) -> Result<u32, AccessError>,
    /// Lets the model take the value that lies under the key: after the commit, and at boot.
    pub(crate) adopt: fn(&mut Model, u32, Read<'_>, u32) -> Result<(), AccessError>,
}

/// The large attributes of this meter.
pub(crate) const KINDS: &[Kind] = &[ACTIVE_DAY_TABLE, PASSIVE_DAY_TABLE];

/// The kind with this number.
pub(crate) fn kind(number: u8) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.number == number)
}

/// What an attribute without a value reads as.
const EMPTY_ARRAY: [u8; 2] = [tag::ARRAY, 0];

/// Sectors of a place: 32 kB.
const PLACE_SECTORS: u32 = 8;

/// The bank, and who is staging what in it.
#[derive(Debug)]
pub(super) struct Large {
    pub(super) bank: Bank,
    staging: Option<(u16, Attribute)>,
}

impl Large {
    /// Finds the values; answers how many are damaged.
    pub(super) fn mount(nor: &dyn Nor, it: &Model) -> Result<(Self, u32), MemoryError> {
        let region = partitions::large_values(it.config.flash).region(nor)?;
        let (bank, mounted) = Bank::mount(nor, region, PLACE_SECTORS)?;
        Ok((Self { bank, staging: None }, mounted.lost))
    }
}

impl Memory {
    pub(super) fn large(&mut self) -> Result<&mut Large, MemoryError> {
        self.large.as_mut().ok_or(MemoryError::Bound)
    }

    /// Takes the next part of a value from a client; offset 0 begins one, and whatever anybody was staging is forgotten.
    ///
    /// # Errors
    /// `Busy` while no place is erased yet, `LongSetAborted` when the part does not go on where the same client's part before ended.
    pub(crate) fn stage(
        &mut self,
        nor: &mut dyn Nor,
        client: u16,
        what: Attribute,
        offset: u32,
        octets: &[u8],
    ) -> Result<(), AccessError> {
        self.needs_tending = true;
        let Large { bank, staging } = self.large()?;
        if offset == 0 {
            *staging = None;
            bank.begin(nor).map_err(MemoryError::from)?;
            *staging = Some((client, what));
        } else if *staging != Some((client, what)) {
            return Err(AccessError::NoLongSetInProgress);
        }
        let written = bank.write(nor, offset, octets);
        if written.is_err() {
            *staging = None;
        }
        written.map_err(|error| match error {
            BankError::Order => AccessError::NoLongSetInProgress,
            error => MemoryError::from(error).into(),
        })
    }

    /// Checks what a client has staged, commits it, and lets the model take it.
    ///
    /// # Errors
    /// The refusal of the check, or of the flash: then nothing has changed.
    pub(crate) fn set_staged(
        &mut self,
        nor: &mut dyn Nor,
        it: &mut Model,
        kind: &Kind,
        owner: (u16, Attribute),
        length: u32,
    ) -> Result<(), AccessError> {
        self.needs_tending = true;
        let Large { bank, staging } = self.large()?;
        if staging.take() != Some(owner) || bank.staged() != Some(length) {
            return Err(AccessError::NoLongSetInProgress);
        }
        let checked = (kind.check)(
            it,
            &|at, into: &mut [u8]| exactly(bank.read_staged(nor, at, into), into.len()),
            length,
        );
        let key = match checked {
            Ok(key) => key,
            Err(refusal) => {
                bank.abort();
                return Err(refusal);
            }
        };
        bank.commit(nor, key).map_err(MemoryError::from)?;
        self.adopt(nor, it, kind, key)
    }

    /// Lets the model take the value under `key`, if there is one.
    fn adopt(&self, nor: &dyn Nor, it: &mut Model, kind: &Kind, key: u32) -> Result<(), AccessError> {
        match self.length_of_large(key) {
            Some(length) => (kind.adopt)(it, key, &|at, into| self.read_large(nor, key, at, into), length),
            None => Ok(()),
        }
    }

    /// At boot: every kind takes its value. True when one of them could not be taken.
    pub(super) fn adopt_all(&self, nor: &dyn Nor, it: &mut Model) -> bool {
        let mut refused = false;
        for kind in KINDS {
            if let Some(key) = (kind.key)(it) {
                refused |= self.adopt(nor, it, kind, key).is_err();
            }
        }
        refused
    }

    /// Octets of the value under a key; none when there is no value.
    pub(crate) fn length_of_large(&self, key: u32) -> Option<u32> {
        self.large.as_ref()?.bank.length(key)
    }

    /// Fills `into` with the octets of the value under `key` from `at` on.
    ///
    /// # Errors
    /// `OtherReason` when it has not so many, `HardwareFault` when the flash cannot be read.
    pub(crate) fn read_large(&self, nor: &dyn Nor, key: u32, at: u32, into: &mut [u8]) -> Result<(), AccessError> {
        let large = self.large.as_ref().ok_or(AccessError::OtherReason)?;
        exactly(large.bank.read(nor, key, at, into), into.len())
    }

    /// The digest of a large attribute as the log of parameter changes has it.
    ///
    /// # Errors
    /// As [`Memory::read_large`].
    pub(crate) fn digest_large(&self, nor: &dyn Nor, it: &Model, kind: &Kind) -> Result<u32, AccessError> {
        let key = (kind.key)(it);
        let Some((key, length)) = key.and_then(|key| Some((key, self.length_of_large(key)?))) else {
            return Ok(capture::fnv_1a(EMPTY_ARRAY));
        };
        let mut digest = capture::fnv_1a([]);
        for at in (0..length).step_by(64) {
            let mut chunk = [0; 64];
            let left = usize::try_from(length - at).unwrap_or(usize::MAX);
            let piece = chunk.get_mut(..left.min(64)).unwrap_or_default();
            self.read_large(nor, key, at, piece)?;
            digest = capture::fnv_1a_on(digest, piece.iter().copied());
        }
        Ok(digest)
    }

    /// Appends as many octets of a large attribute as one step takes.
    ///
    /// # Errors
    /// `LongGetAborted` when the value was set anew between two steps.
    pub(crate) fn stream_large(
        &self,
        nor: &dyn Nor,
        it: &Model,
        kind: &Kind,
        cursor: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError> {
        let key = (kind.key)(it);
        let Some((key, length)) = key.and_then(|key| Some((key, self.length_of_large(key)?))) else {
            out.array(0)?;
            return Ok(Step::Done);
        };
        let now = self.large.as_ref().and_then(|it| it.bank.mark_of(key)).unwrap_or(0) ^ key;
        let [at, mark, ..] = &mut cursor.words;
        if cursor.step == 0 {
            (*at, *mark) = (0, now);
        } else if *mark != now {
            return Err(AccessError::LongGetAborted);
        }
        let mut chunk = [0; 64];
        let end = out.len() + out.room().min(STEP_OCTETS - 8);
        while *at < length && out.len() < end {
            let left = usize::try_from(length - *at).unwrap_or(usize::MAX);
            let Some(piece) = chunk.get_mut(..left.min(64).min(end - out.len())) else {
                break;
            };
            self.read_large(nor, key, *at, piece)?;
            out.put(piece)?;
            *at = at.saturating_add(u32::try_from(piece.len()).unwrap_or(0));
        }
        Ok(if *at < length { Step::More } else { Step::Done })
    }
}

/// All octets that were asked for, or a refusal.
fn exactly(read: Result<usize, BankError>, wanted: usize) -> Result<(), AccessError> {
    match read.map_err(MemoryError::from)? {
        count if count == wanted => Ok(()),
        _ => Err(AccessError::OtherReason),
    }
}

impl From<BankError> for MemoryError {
    fn from(error: BankError) -> Self {
        match error {
            BankError::Fault(fault) => Self::Fault(fault),
            BankError::Damaged => Self::Fault(Fault::Worn(0)),
            BankError::Order | BankError::TooLong | BankError::Full => Self::Bound,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    use base::Instant;
    use cosem::Obis;
    use flash::model::{Model as Flash, Timing};

    use super::*;
    use crate::config::test_secrets;
    use crate::{Config, FlashSize, Variant};

    const WHAT: Attribute = Attribute::new(20, Obis::new("0-0:13.0.0"), 9);
    /// An octet string under key 1, whose first octet must not be 0xEE; the model counts adoptions in its power failures.
    const KIND: Kind = Kind {
        number: 0,
        key: |_| Some(1),
        check: |_, read, length| {
            let mut octet = [0];
            read(0, &mut octet)?;
            read(length - 1, &mut octet)?;
            let mut first = [0];
            read(0, &mut first)?;
            if first == [0xEE] {
                Err(AccessError::OtherReason)
            } else {
                Ok(1)
            }
        },
        adopt: |it, _, _, length| {
            it.power_failures = u16::try_from(length).map_err(|_| AccessError::OtherReason)?;
            Ok(())
        },
    };

    struct Desk {
        flash: Flash<Vec<u8>, Vec<u32>>,
        it: Model,
        memory: Memory,
    }

    impl Desk {
        fn boot(mut flash: Flash<Vec<u8>, Vec<u32>>) -> Self {
            let config = Config {
                flash: FlashSize::Megabytes4,
                ..Config::new(Variant::St402d, 7, test_secrets())
            };
            let mut it = Model::new(&config, Instant::START, None);
            let mut memory = Memory::new();
            memory.boot(&mut flash, &mut it).expect("a good flash");
            Self { flash, it, memory }
        }

        fn settle(&mut self) {
            while self.memory.needs_tending() {
                self.flash.pass(base::Micros::from_secs(1));
                self.memory.tend(&mut self.flash, &mut self.it).expect("a good flash");
            }
        }

        fn set(&mut self, client: u16, octets: &[u8]) -> Result<(), AccessError> {
            for (number, part) in octets.chunks(500).enumerate() {
                let offset = u32::try_from(number * 500).expect("small");
                self.memory.stage(&mut self.flash, client, WHAT, offset, part)?;
            }
            let length = u32::try_from(octets.len()).expect("small");
            self.memory
                .set_staged(&mut self.flash, &mut self.it, &KIND, (client, WHAT), length)
        }

        fn get(&self) -> Vec<u8> {
            let (mut cursor, mut octets) = (Cursor::default(), Vec::new());
            loop {
                let mut buffer = [0; STEP_OCTETS];
                let mut out = Writer::new(&mut buffer);
                let step = self
                    .memory
                    .stream_large(&self.flash, &self.it, &KIND, &mut cursor, &mut out);
                octets.extend_from_slice(out.written());
                cursor.step += 1;
                if step.expect("it streams") == Step::Done {
                    return octets;
                }
            }
        }
    }

    /// T2: 22 kB are set part by part, read back by chunks, and there after a power cut; what is refused or abandoned changes nothing.
    #[test]
    fn a_large_value_is_set_whole_or_not_at_all() {
        let sectors = FlashSize::Megabytes4.sectors();
        let cells = vec![0xFF; sectors as usize * 4_096];
        let mut desk = Desk::boot(Flash::new(cells, vec![0; sectors as usize], Timing::TYPICAL, 1));
        assert_eq!(desk.get(), [1, 0], "nothing was ever set: an empty array");
        assert_eq!(
            desk.set(1, &[1; 10]),
            Err(AccessError::TemporaryFailure),
            "no place is erased yet"
        );
        desk.settle();
        let first: Vec<u8> = (0..22_000_u32).map(|at| (at * 7 % 251).to_le_bytes()[0]).collect();
        assert_eq!(desk.set(1, &first), Ok(()));
        assert!(desk.get() == first && desk.it.power_failures == 22_000);
        desk.settle();
        let mut refused = vec![0x11; 600];
        refused[0] = 0xEE;
        assert_eq!(desk.set(1, &refused), Err(AccessError::OtherReason));
        desk.settle();
        // Another client takes over; the first one's next part and its end are refused.
        assert_eq!(desk.memory.stage(&mut desk.flash, 1, WHAT, 0, &[1; 100]), Ok(()));
        desk.settle();
        assert_eq!(desk.memory.stage(&mut desk.flash, 2, WHAT, 0, &[2; 50]), Ok(()));
        let late = desk.memory.stage(&mut desk.flash, 1, WHAT, 100, &[1; 100]);
        assert_eq!(late, Err(AccessError::NoLongSetInProgress));
        let owner = (1, WHAT);
        let early = desk.memory.set_staged(&mut desk.flash, &mut desk.it, &KIND, owner, 100);
        assert_eq!(early, Err(AccessError::NoLongSetInProgress));
        assert!(desk.get() == first);
        // A reader that is overtaken by a SET is told.
        let (mut cursor, mut buffer) = (Cursor::default(), [0; STEP_OCTETS]);
        let step = desk
            .memory
            .stream_large(&desk.flash, &desk.it, &KIND, &mut cursor, &mut Writer::new(&mut buffer));
        assert_eq!(step, Ok(Step::More));
        desk.settle();
        assert_eq!(desk.set(2, &[9; 700]), Ok(()));
        cursor.step += 1;
        let step = desk
            .memory
            .stream_large(&desk.flash, &desk.it, &KIND, &mut cursor, &mut Writer::new(&mut buffer));
        assert_eq!(step, Err(AccessError::LongGetAborted));
        desk.flash.lose_power();
        desk.flash.power_up();
        let desk = Desk::boot(desk.flash);
        assert_eq!(desk.get(), [9; 700]);
    }
}
