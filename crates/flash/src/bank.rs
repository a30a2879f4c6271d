//! Values that no buffer in RAM holds: written part by part into a free place of several sectors, read back, committed with one program.
//!
//! ```text
//! place:   mark (16 B) "erased for the how-manieth time" | begun (8 B) | head (32 B), the commit | .. | the value, from byte 256 on
//! life:    any bits -> erasing, sector by sector -> marked clean -> begun -> staged -> committed -> replaced -> any bits
//! head:    magic | key | sequence | length | check of the value | check
//! ```
//!
//! The newest head of a key counts. A value that is being staged leaves the old one where it is, and until the commit is programmed nothing has
//! changed; behind it the old place is erased in the background. So each key has two places in turn, and all keys share the spare ones.

use core::fmt;

use crate::bytes::{Check, Fields, Taken, small};
use crate::nor::{Nor, NorError, PAGE_BYTES, Region, SECTOR_BYTES};
use crate::ring::{Fault, MARK, Tended, mark};

/// Places of the largest bank.
const PLACES: usize = 16;

/// Large values by key, each in a place of its own.
///
/// Its life: [`Bank::mount`] at boot (an erased region is an empty bank), then [`Bank::begin`], [`Bank::write`] and [`Bank::commit`] for each value,
/// and [`Bank::tend`] whenever there is time.
#[derive(Clone, Debug)]
pub struct Bank {
    region: Region,
    /// Sectors of a place.
    sectors: u32,
    places: [Place; PLACES],
    staging: Option<Staging>,
    erasing: Option<Erasing>,
    /// Sequence of the next commit.
    next: u32,
}

/// What mounting found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BankMounted {
    /// Values that are whole.
    pub kept: u32,
    /// Values that were committed and are damaged.
    pub lost: u32,
}

/// Why a bank refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BankError {
    /// The flash. [`Fault::Busy`]: no place is erased yet; tend and try again.
    Fault(Fault),
    /// The part does not go on where the one before ended, or nothing is being staged.
    Order,
    /// The value is longer than a place.
    TooLong,
    /// Every place holds a value that counts, or is worn.
    Full,
    /// What was staged does not read back.
    Damaged,
}

impl<E: Into<Fault>> From<E> for BankError {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl fmt::Display for BankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Order => f.write_str("the part does not go on where the one before ended"),
            Self::TooLong => f.write_str("the value is longer than its place"),
            Self::Full => f.write_str("no place is free"),
            Self::Damaged => f.write_str("what was staged does not read back"),
        }
    }
}

impl core::error::Error for BankError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Holds nothing that counts.
    Dirty,
    /// Erased, and marked so.
    Clean,
    /// Takes what is being staged.
    Staged,
    /// Holds the value of a key.
    Value { key: u32, length: u32, check: u32 },
    /// Does not take what is programmed, or stays unerased.
    Worn,
}

#[derive(Clone, Debug)]
struct Staging {
    place: usize,
    length: u32,
    check: Check,
}

#[derive(Clone, Debug)]
struct Erasing {
    place: usize,
    /// The sector within the place; the first one is erased last, since it holds the old head.
    sector: u32,
    is_running: bool,
    attempts: u8,
}

impl Bank {
    /// Finds the values in the region, in places of `sectors` sectors, and checks each of them once; writes nothing.
    ///
    /// # Errors
    /// [`Fault::Region`] for fewer than two or more than 16 places; [`BankError::Fault`].
    pub fn mount(nor: &dyn Nor, region: Region, sectors: u32) -> Result<(Self, BankMounted), BankError> {
        let count = region.sectors().checked_div(sectors).unwrap_or(0);
        if !(2..=small(PLACES)).contains(&count) {
            return Err(Fault::Region.into());
        }
        let mut bank = Self {
            region,
            sectors,
            places: [Place::Worn; PLACES],
            staging: None,
            erasing: None,
            next: 1,
        };
        let mut mounted = BankMounted::default();
        let mut heads = [None; PLACES];
        for (place, head) in heads.iter_mut().enumerate().take(count as usize) {
            *head = bank.head(nor, place)?;
            bank.set(place, Place::Dirty);
            if let Some(Head { sequence, .. }) = *head {
                bank.next = bank.next.max(sequence.saturating_add(1));
            } else if bank.is_clean(nor, place)? {
                bank.set(place, Place::Clean);
            }
        }
        for (place, head) in heads.iter().enumerate() {
            let Some(head) = head else { continue };
            let is_newest = |other: &Head| other.key != head.key || other.sequence <= head.sequence;
            if !heads.iter().flatten().all(is_newest) {
                continue;
            }
            if bank.digest(nor, place, head.length)? == head.check {
                mounted.kept += 1;
                let Head { key, length, check, .. } = *head;
                bank.set(place, Place::Value { key, length, check });
            } else {
                mounted.lost += 1;
            }
        }
        Ok((bank, mounted))
    }

    /// Begins to stage a value; what was being staged is forgotten.
    ///
    /// # Errors
    /// [`Fault::Busy`] until a place is erased, [`BankError::Full`], [`Fault::Worn`] when the place does not take it: another one is taken next.
    pub fn begin(&mut self, nor: &mut dyn Nor) -> Result<(), BankError> {
        self.abort();
        let Some(place) = self.places.iter().position(|place| *place == Place::Clean) else {
            let has_room = self.places.contains(&Place::Dirty);
            return Err(if has_room { Fault::Busy.into() } else { BankError::Full });
        };
        let at = self.start(place) + MARK;
        self.set(place, Place::Dirty);
        if !self.region.program_checked(nor, at, &[&[0; BEGUN as usize]])? {
            self.set(place, Place::Worn);
            return Err(Fault::Worn(self.first_sector(place)).into());
        }
        self.set(place, Place::Staged);
        self.staging = Some(Staging {
            place,
            length: 0,
            check: Check::new(),
        });
        Ok(())
    }

    /// Appends a part to what is being staged.
    ///
    /// # Errors
    /// [`BankError::Order`] when it does not begin at `offset`, [`BankError::TooLong`], [`Fault::Worn`]. After an error the value must be begun anew.
    pub fn write(&mut self, nor: &mut dyn Nor, offset: u32, octets: &[u8]) -> Result<(), BankError> {
        let staging = self.staging.take().ok_or(BankError::Order)?;
        let place = staging.place;
        self.set(place, Place::Dirty);
        if staging.length != offset {
            return Err(BankError::Order);
        }
        let end = offset
            .checked_add(small(octets.len()))
            .filter(|end| *end <= self.longest());
        let length = end.ok_or(BankError::TooLong)?;
        let at = self.start(place) + PAGE_BYTES + offset;
        if !self.region.program_checked(nor, at, &[octets])? {
            self.set(place, Place::Worn);
            return Err(Fault::Worn(self.first_sector(place)).into());
        }
        let check = staging.check.add(octets);
        self.set(place, Place::Staged);
        self.staging = Some(Staging { place, length, check });
        Ok(())
    }

    /// Forgets what is being staged.
    pub fn abort(&mut self) {
        if let Some(staging) = self.staging.take() {
            self.set(staging.place, Place::Dirty);
        }
    }

    /// Octets staged so far, none when nothing is being staged.
    #[must_use]
    pub fn staged(&self) -> Option<u32> {
        self.staging.as_ref().map(|staging| staging.length)
    }

    /// Reads staged octets from `offset` on into the front of `into`, as many as there are, and answers how many.
    ///
    /// # Errors
    /// [`BankError::Order`] when nothing is being staged, [`BankError::Fault`].
    pub fn read_staged(&self, nor: &dyn Nor, offset: u32, into: &mut [u8]) -> Result<usize, BankError> {
        let staging = self.staging.as_ref().ok_or(BankError::Order)?;
        self.read_place(nor, staging.place, staging.length, offset, into)
    }

    /// Makes what was staged the value of `key`, durably and at once: before this returns `Ok` the old value counts, afterwards the new one.
    ///
    /// # Errors
    /// [`BankError::Order`] when nothing was staged, [`BankError::Damaged`] when it does not read back, [`Fault::Worn`]. Nothing has changed then.
    pub fn commit(&mut self, nor: &mut dyn Nor, key: u32) -> Result<(), BankError> {
        let Staging { place, length, check } = self.staging.take().ok_or(BankError::Order)?;
        self.set(place, Place::Dirty);
        let check = check.value();
        if self.digest(nor, place, length)? != check {
            return Err(BankError::Damaged);
        }
        let head = Head {
            key,
            sequence: self.next,
            length,
            check,
        };
        let at = self.start(place) + HEAD_AT;
        if !self.region.program_checked(nor, at, &[&head.bytes()])? {
            self.set(place, Place::Worn);
            return Err(Fault::Worn(self.first_sector(place)).into());
        }
        self.next = self.next.saturating_add(1);
        for old in &mut self.places {
            if matches!(old, Place::Value { key: other, .. } if *other == key) {
                *old = Place::Dirty;
            }
        }
        self.set(place, Place::Value { key, length, check });
        Ok(())
    }

    /// The length of a key's value; none when it was never committed, or is lost.
    #[must_use]
    pub fn length(&self, key: u32) -> Option<u32> {
        self.find(key).map(|(_, length, _)| length)
    }

    /// A mark of a key's present value: another one after each commit of other octets.
    #[must_use]
    pub fn mark_of(&self, key: u32) -> Option<u32> {
        self.find(key).map(|(.., check)| check)
    }

    /// Reads a key's value from `offset` on into the front of `into`, as many octets as there are, and answers how many; 0 without a value.
    ///
    /// # Errors
    /// [`BankError::Fault`].
    pub fn read(&self, nor: &dyn Nor, key: u32, offset: u32, into: &mut [u8]) -> Result<usize, BankError> {
        match self.find(key) {
            Some((place, length, _)) => self.read_place(nor, place, length, offset, into),
            None => Ok(0),
        }
    }

    /// Octets of the longest value.
    #[must_use]
    pub const fn longest(&self) -> u32 {
        self.sectors * SECTOR_BYTES - PAGE_BYTES
    }

    /// Goes on erasing a place, while none is clean. Never waits; call until [`Tended::Done`].
    ///
    /// # Errors
    /// [`Fault::Worn`] once when a place stays unerased: it is not used any more. [`BankError::Fault`].
    pub fn tend(&mut self, nor: &mut dyn Nor) -> Result<Tended, BankError> {
        let Some(mut erasing) = self.erasing.take() else {
            if self.places.contains(&Place::Clean) {
                return Ok(Tended::Done);
            }
            let Some(place) = self.places.iter().position(|place| *place == Place::Dirty) else {
                return Ok(Tended::Done);
            };
            self.erasing = Some(Erasing {
                place,
                sector: self.sectors,
                is_running: false,
                attempts: 0,
            });
            return Ok(Tended::More);
        };
        let index = self.first_sector(erasing.place) + erasing.sector.saturating_sub(1);
        if !erasing.is_running {
            match self.region.start_erase(nor, index) {
                Ok(()) => erasing.is_running = true,
                // Another memory of the same chip erases; ours comes later.
                Err(NorError::Busy) => {}
                Err(error) => return Err(error.into()),
            }
            self.erasing = Some(erasing);
            return Ok(Tended::More);
        }
        if self.region.is_erasing(nor, index)? {
            self.erasing = Some(erasing);
            return Ok(Tended::More);
        }
        erasing.is_running = false;
        if !self.region.is_blank(nor, index * SECTOR_BYTES, SECTOR_BYTES)? {
            erasing.attempts += 1;
            if erasing.attempts == ATTEMPTS {
                self.set(erasing.place, Place::Worn);
                return Err(Fault::Worn(index).into());
            }
        } else if 1 < erasing.sector {
            erasing.sector -= 1;
            erasing.attempts = 0;
        } else {
            // Every sector's erase was seen to end.
            let at = self.start(erasing.place);
            let is_marked = self.region.program_checked(nor, at, &[&mark(KIND, 0)])?;
            self.set(erasing.place, if is_marked { Place::Clean } else { Place::Worn });
            return if is_marked {
                Ok(Tended::More)
            } else {
                Err(Fault::Worn(index).into())
            };
        }
        self.erasing = Some(erasing);
        Ok(Tended::More)
    }

    /// Places that are worn out.
    #[must_use]
    pub fn worn(&self) -> usize {
        let count = self.region.sectors().checked_div(self.sectors).unwrap_or(0);
        let worn = |place: &&Place| **place == Place::Worn;
        self.places.iter().take(count as usize).filter(worn).count()
    }

    fn find(&self, key: u32) -> Option<(usize, u32, u32)> {
        self.places.iter().enumerate().find_map(|(place, held)| match *held {
            Place::Value { key: of, length, check } if of == key => Some((place, length, check)),
            _ => None,
        })
    }

    fn set(&mut self, place: usize, to: Place) {
        if let Some(place) = self.places.get_mut(place) {
            *place = to;
        }
    }

    fn first_sector(&self, place: usize) -> u32 {
        small(place) * self.sectors
    }

    fn start(&self, place: usize) -> u32 {
        self.first_sector(place) * SECTOR_BYTES
    }

    fn head(&self, nor: &dyn Nor, place: usize) -> Result<Option<Head>, NorError> {
        let mut bytes = [0; HEAD as usize];
        self.region.read(nor, self.start(place) + HEAD_AT, &mut bytes)?;
        Ok(Head::parse(&bytes).filter(|head| head.length <= self.longest()))
    }

    /// Whether a place was erased completely, seen so, and nothing was begun in it since.
    fn is_clean(&self, nor: &dyn Nor, place: usize) -> Result<bool, NorError> {
        let at = self.start(place);
        Ok(
            self.region.holds(nor, at, &[&mark(KIND, 0)])?
                && self.region.is_blank(nor, at + MARK, PAGE_BYTES - MARK)?,
        )
    }

    fn read_place(
        &self,
        nor: &dyn Nor,
        place: usize,
        length: u32,
        offset: u32,
        into: &mut [u8],
    ) -> Result<usize, BankError> {
        let left = length.saturating_sub(offset) as usize;
        let count = left.min(into.len());
        let at = self.start(place) + PAGE_BYTES + offset.min(length);
        self.region.read(nor, at, into.get_mut(..count).unwrap_or_default())?;
        Ok(count)
    }

    fn digest(&self, nor: &dyn Nor, place: usize, length: u32) -> Result<u32, NorError> {
        let mut check = Check::new();
        let (mut done, mut chunk) = (0, [0; CHUNK as usize]);
        while done < length {
            let Some(piece) = chunk.get_mut(..(length - done).min(CHUNK) as usize) else {
                break;
            };
            self.region.read(nor, self.start(place) + PAGE_BYTES + done, piece)?;
            check = check.add(piece);
            done += small(piece.len());
        }
        Ok(check.value())
    }
}

/// The commit of a value.
#[derive(Clone, Copy, Debug)]
struct Head {
    key: u32,
    sequence: u32,
    length: u32,
    check: u32,
}

impl Head {
    fn bytes(&self) -> [u8; HEAD as usize] {
        let body: [u8; HEAD as usize - 4] = Fields::new()
            .put(&MAGIC.to_le_bytes())
            .put(&self.key.to_le_bytes())
            .put(&self.sequence.to_le_bytes())
            .put(&self.length.to_le_bytes())
            .put(&self.check.to_le_bytes())
            .done();
        let check = Check::new().add(&body).value();
        Fields::new().put(&body).put(&check.to_le_bytes()).done()
    }

    fn parse(bytes: &[u8; HEAD as usize]) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<4>()?;
        if Check::new().add(body).value() != u32::from_le_bytes(*check) {
            return None;
        }
        let mut fields = Taken(body);
        let magic = fields.u32();
        let head = Self {
            key: fields.u32(),
            sequence: fields.u32(),
            length: fields.u32(),
            check: fields.u32(),
        };
        (magic == MAGIC).then_some(head)
    }
}

const KIND: u8 = b'B';
const MAGIC: u32 = 0x4B4E_4142;
const BEGUN: u32 = 8;
const HEAD: u32 = 32;
const HEAD_AT: u32 = MARK + BEGUN;
const CHUNK: u32 = 64;
const ATTEMPTS: u8 = 3;

const _: () = assert!(HEAD_AT + HEAD <= PAGE_BYTES, "the commit lies in one page");
