//! The ring of sectors under store and journal: which sector is newest, which are erased ahead, and how the next one is opened.
//!
//! ```text
//! sector:  mark (16 B) | header (44 B) | header again (44 B) | room of the shape ...
//! life:    any bits -> erasing -> blank, seen so -> marked "clean for ordinal o" -> opened with header o -> filled -> any bits
//! ```
//!
//! Ordinals rise by one with each opened sector, and sector `o % n` of the region holds ordinal `o`: so wear is even, a header in the wrong
//! place is none, and no list of sectors is needed in RAM. What a cut left of an erase or of a header is never taken for a clean sector,
//! because a clean one carries a mark that was programmed after its erase was seen to end.

use core::fmt;

use crate::bytes::{Check, Fields, Taken};
use crate::nor::{Nor, NorError, Region, SECTOR_BYTES};

/// Where the room of the shape begins in each sector.
pub(crate) const ROOM: u32 = MARK + 2 * HEADER;

pub(crate) const MARK: u32 = 16;
const HEADER: u32 = 44;
const MARK_MAGIC: u32 = 0x4645_5252;
const VERSION: u8 = 1;
const ATTEMPTS: u8 = 3;

/// Why a memory could not do what it was asked for; nothing acknowledged is lost by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The flash itself refused.
    Nor(NorError),
    /// No erased sector is ready: call `tend` until it is done, then try again.
    Busy,
    /// A sector, numbered within its region, does not take what is programmed or stays unerased: an alarm is due.
    Worn(u32),
    /// The region is too small or too large for the shape.
    Region,
}

impl From<NorError> for Fault {
    fn from(error: NorError) -> Self {
        Self::Nor(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nor(error) => error.fmt(f),
            Self::Busy => f.write_str("no erased sector is ready"),
            Self::Worn(sector) => write!(f, "sector {sector} is worn out"),
            Self::Region => f.write_str("the region does not fit this memory"),
        }
    }
}

impl core::error::Error for Fault {}

/// Whether tending has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tended {
    /// All is prepared; tend again after the next write.
    Done,
    /// There is more to do; call again soon.
    More,
}

/// What the head of an opened sector says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) ordinal: u32,
    pub(crate) epoch: u32,
    /// Sectors with lower ordinals held nothing of value when this one was opened.
    pub(crate) floor: u32,
    /// Sequence number of the first thing in the sector.
    pub(crate) first: u32,
    pub(crate) width: u16,
    pub(crate) tag: u32,
    pub(crate) run: u32,
    pub(crate) base: i64,
}

/// The ring's state in RAM.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    pub(crate) region: Region,
    /// Tells the shapes apart, so that no shape reads another's sector.
    kind: u8,
    pub(crate) newest: u32,
    pub(crate) epoch: u32,
    pub(crate) floor: u32,
    /// Sectors after the newest that are erased and marked.
    pub(crate) clean: u32,
    /// Sectors that ought to be.
    spares: u32,
    erasing: bool,
    attempts: u8,
}

impl Ring {
    /// Finds the newest sector; `None` when no sector of the region has a header of this kind.
    pub(crate) fn mount(nor: &dyn Nor, region: Region, kind: u8, spares: u32) -> Result<Option<(Self, Header)>, Fault> {
        let mut newest: Option<Header> = None;
        for index in 0..region.sectors() {
            let header = read_header(nor, region, kind, index)?;
            if let Some(header) = header
                && newest.is_none_or(|newest| newest.ordinal < header.ordinal)
            {
                newest = Some(header);
            }
        }
        let Some(header) = newest else { return Ok(None) };
        let Header {
            ordinal: newest,
            epoch,
            floor,
            ..
        } = header;
        let mut ring = Self {
            region,
            kind,
            newest,
            epoch,
            floor,
            clean: 0,
            spares,
            erasing: false,
            attempts: 0,
        };
        ring.count_clean(nor)?;
        Ok(Some((ring, header)))
    }

    /// Opens a new epoch above anything that is found in the region and prepares the spares, waiting for the erases.
    /// After a cut the region holds the old epoch, without the sector after its newest, or the new one.
    pub(crate) fn format(
        nor: &mut dyn Nor,
        region: Region,
        kind: u8,
        spares: u32,
        header: Header,
    ) -> Result<(Self, Header), Fault> {
        let mut ring = Self::begin(nor, region, kind)?;
        ring.settle(nor)?;
        ring.spares = spares;
        let header = ring.open_first(nor, header)?;
        ring.settle(nor)?;
        Ok((ring, header))
    }

    /// Begins a new epoch above anything that is found in the region, and writes nothing yet: when tending has prepared a sector,
    /// [`Ring::open_first`] makes it the first one.
    pub(crate) fn begin(nor: &dyn Nor, region: Region, kind: u8) -> Result<Self, Fault> {
        // Ordinals begin at one lap, so that "a lap ago" always exists.
        let (newest, epoch) = match Self::mount(nor, region, kind, 1)? {
            Some((_, found)) => (found.ordinal, found.epoch.saturating_add(1)),
            None => (region.sectors(), 1),
        };
        Ok(Self {
            region,
            kind,
            newest,
            epoch,
            floor: newest.saturating_add(1),
            clean: 0,
            spares: 1,
            erasing: false,
            attempts: 0,
        })
    }

    /// Opens the first sector of the epoch that [`Ring::begin`] has begun.
    pub(crate) fn open_first(&mut self, nor: &mut dyn Nor, header: Header) -> Result<Header, Fault> {
        let (epoch, floor) = (self.epoch, self.newest.saturating_add(1));
        self.open_next(nor, Header { epoch, floor, ..header })
    }

    /// The header of a live ordinal; `None` when it is lost.
    pub(crate) fn header(&self, nor: &dyn Nor, ordinal: u32) -> Result<Option<Header>, NorError> {
        let found = read_header(nor, self.region, self.kind, self.index(ordinal))?;
        Ok(found.filter(|header| header.ordinal == ordinal && header.epoch == self.epoch))
    }

    /// Byte of the region where the sector of this ordinal begins.
    pub(crate) const fn start(&self, ordinal: u32) -> u32 {
        self.index(ordinal) * SECTOR_BYTES
    }

    /// Number of the sector of this ordinal within the region.
    pub(crate) const fn index(&self, ordinal: u32) -> u32 {
        // A region is never empty.
        ordinal % self.region.sectors()
    }

    /// Whether an erase is under way, so that the sector it wants is no longer in doubt.
    pub(crate) const fn is_erasing(&self) -> bool {
        self.erasing
    }

    /// The ordinal whose sector must be erased next, while spares are missing.
    pub(crate) const fn wants(&self) -> Option<u32> {
        if self.clean < self.spares {
            Some(self.newest.saturating_add(1).saturating_add(self.clean))
        } else {
            None
        }
    }

    /// Makes the next clean sector the newest. The header is durable when this returns.
    pub(crate) fn open_next(&mut self, nor: &mut dyn Nor, header: Header) -> Result<Header, Fault> {
        if self.clean == 0 {
            return Err(Fault::Busy);
        }
        let ordinal = self.newest.checked_add(1).ok_or(Fault::Region)?;
        let header = Header { ordinal, ..header };
        let bytes = header.bytes(self.kind, self.region);
        let at = self.start(ordinal) + MARK;
        // Whatever happens, this sector is no longer clean, and those behind it no longer follow a clean one.
        let clean = core::mem::take(&mut self.clean);
        let erasing = core::mem::take(&mut self.erasing);
        if !self.region.program_checked(nor, at, &[&bytes, &bytes])? {
            return Err(Fault::Worn(self.index(ordinal)));
        }
        self.clean = clean - 1;
        self.erasing = erasing;
        self.newest = ordinal;
        self.epoch = header.epoch;
        self.floor = header.floor;
        Ok(header)
    }

    /// Goes on preparing spare sectors; never waits.
    pub(crate) fn tend(&mut self, nor: &mut dyn Nor) -> Result<Tended, Fault> {
        let Some(ordinal) = self.wants() else {
            return Ok(Tended::Done);
        };
        let index = self.index(ordinal);
        if !self.erasing {
            if self.attempts == ATTEMPTS {
                return Err(Fault::Worn(index));
            }
            return match self.region.start_erase(nor, index) {
                Ok(()) => {
                    self.erasing = true;
                    Ok(Tended::More)
                }
                // Another memory of the same chip erases; ours comes later.
                Err(NorError::Busy) => Ok(Tended::More),
                Err(error) => Err(error.into()),
            };
        }
        if self.region.is_erasing(nor, index)? {
            return Ok(Tended::More);
        }
        self.erasing = false;
        self.attempts += 1;
        let at = index * SECTOR_BYTES;
        let mark = mark(self.kind, ordinal);
        if self.region.is_blank(nor, at, SECTOR_BYTES)? && self.region.program_checked(nor, at, &[&mark])? {
            self.attempts = 0;
            self.count_clean(nor)?;
        }
        Ok(if self.clean < self.spares {
            Tended::More
        } else {
            Tended::Done
        })
    }

    /// Tends until all spares are ready, waiting for the erases.
    pub(crate) fn settle(&mut self, nor: &mut dyn Nor) -> Result<(), Fault> {
        nor.resume_erase()?;
        while self.tend(nor)? == Tended::More {
            core::hint::spin_loop();
        }
        Ok(())
    }

    /// Counts the clean sectors that follow the newest one.
    fn count_clean(&mut self, nor: &dyn Nor) -> Result<(), NorError> {
        self.clean = 0;
        while let Some(ordinal) = self.wants() {
            let at = self.start(ordinal);
            if !self.region.holds(nor, at, &[&mark(self.kind, ordinal)])?
                || !self.region.is_blank(nor, at + MARK, 2 * HEADER)?
            {
                break;
            }
            self.clean += 1;
        }
        Ok(())
    }
}

impl Header {
    fn bytes(&self, kind: u8, region: Region) -> [u8; HEADER as usize] {
        let body: [u8; HEADER as usize - 4] = Fields::new()
            .put(&[kind, VERSION])
            .put(&self.width.to_le_bytes())
            .put(&region.sectors().to_le_bytes())
            .put(&self.ordinal.to_le_bytes())
            .put(&self.epoch.to_le_bytes())
            .put(&self.floor.to_le_bytes())
            .put(&self.first.to_le_bytes())
            .put(&self.run.to_le_bytes())
            .put(&self.base.to_le_bytes())
            .put(&self.tag.to_le_bytes())
            .done();
        let check = Check::new().add(&body).value();
        Fields::new().put(&body).put(&check.to_le_bytes()).done()
    }

    fn parse(bytes: &[u8; HEADER as usize], kind: u8, region: Region, index: u32) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<4>()?;
        if Check::new().add(body).value() != u32::from_le_bytes(*check) {
            return None;
        }
        let mut fields = Taken(body);
        let head = [fields.u8(), fields.u8()];
        let width = fields.u16();
        let sectors = fields.u32();
        let header = Self {
            width,
            ordinal: fields.u32(),
            epoch: fields.u32(),
            floor: fields.u32(),
            first: fields.u32(),
            run: fields.u32(),
            base: fields.i64(),
            tag: fields.u32(),
        };
        let fits = head == [kind, VERSION] && sectors == region.sectors() && header.ordinal % sectors == index;
        // Ordinals begin above one lap and the floor is never above its sector.
        (fits && sectors < header.ordinal && header.floor <= header.ordinal).then_some(header)
    }
}

/// Reads a header, from its second copy when the first is damaged.
fn read_header(nor: &dyn Nor, region: Region, kind: u8, index: u32) -> Result<Option<Header>, NorError> {
    for copy in [MARK, MARK + HEADER] {
        let mut bytes = [0; HEADER as usize];
        match region.read(nor, index * SECTOR_BYTES + copy, &mut bytes) {
            // A sector under erase holds nothing.
            Err(NorError::Busy) => return Ok(None),
            result => result?,
        }
        let found = Header::parse(&bytes, kind, region, index);
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// "The sector was erased completely, to hold this ordinal."
pub(crate) fn mark(kind: u8, ordinal: u32) -> [u8; MARK as usize] {
    let check = Check::at([MARK_MAGIC ^ u32::from(kind), ordinal]).value();
    Fields::new()
        .put(&MARK_MAGIC.to_le_bytes())
        .put(&u32::from(kind).to_le_bytes())
        .put(&ordinal.to_le_bytes())
        .put(&check.to_le_bytes())
        .done()
}
