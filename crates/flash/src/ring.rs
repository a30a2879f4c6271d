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
//!
//! A sector that cannot be prepared three times is left out: its ordinal is never opened, the next one is prepared in its place, and the header
//! that is opened behind it says how many were left out, so that nobody takes them for lost. No list of bad sectors is kept: each is tried again
//! a lap later. What is left out is said once, by [`Fault::Worn`] from the call of `tend` that gives it up.

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
/// So far behind the newest sector clean ones are looked for at boot.
const LOOKED_AHEAD: u32 = 15;

/// Why a memory could not do what it was asked for; nothing acknowledged is lost by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The flash itself refused.
    Nor(NorError),
    /// No erased sector is ready: call `tend` until it is done, then try again.
    Busy,
    /// A sector, numbered within its region, does not take what is programmed or stays unerased: an alarm is due. It is left out, and
    /// the memory goes on with the next one as long as there is one.
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
    /// So many ordinals before this one were never opened, since their sectors are worn.
    pub(crate) left_out: u16,
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
    /// Sectors after the newest that are erased and marked, a bit each; the lowest bit is the next one.
    clean: u32,
    /// Those that are worn and left out.
    worn: u32,
    /// Sectors that ought to be clean.
    spares: u32,
    /// The ordinal whose sector is being erased.
    erasing: Option<u32>,
    /// The ordinal that was tried last, and how often.
    tried: (u32, u8),
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
            worn: 0,
            spares,
            erasing: None,
            tried: (0, 0),
        };
        ring.find_clean(nor)?;
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
        let header = loop {
            // Worn sectors are left out; what is left must suffice.
            ring.prepare(nor)?;
            match ring.open_first(nor, header) {
                Err(Fault::Busy) => {}
                opened => break opened?,
            }
        };
        ring.spares = spares;
        ring.prepare(nor)?;
        Ok((ring, header))
    }

    /// Begins a new epoch above anything that is found in the region, and writes nothing yet: when tending has prepared a sector,
    /// [`Ring::open_first`] makes it the first one.
    pub(crate) fn begin(nor: &dyn Nor, region: Region, kind: u8) -> Result<Self, Fault> {
        if u32::from(u16::MAX) < region.sectors() {
            return Err(Fault::Region);
        }
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
            worn: 0,
            spares: 1,
            erasing: None,
            tried: (0, 0),
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
        self.erasing.is_some()
    }

    /// How many clean sectors there are.
    pub(crate) const fn n_clean(&self) -> u32 {
        self.clean.count_ones()
    }

    /// How many sectors behind the newest are no longer what they were a lap ago: at least one spare.
    pub(crate) fn reach(&self) -> u32 {
        let touched = u32::BITS - (self.clean | self.worn).leading_zeros();
        let wanted = self.offset_wanted().map_or(0, |offset| offset + 1);
        touched.max(wanted).max(1)
    }

    /// Whether every sector that might be prepared is worn.
    pub(crate) fn is_stuck(&self) -> bool {
        self.clean == 0 && self.offset_wanted().is_none()
    }

    /// Why no sector can be opened: none is ready yet, or all are worn.
    pub(crate) fn unready(&self) -> Fault {
        if self.is_stuck() {
            Fault::Worn(self.index(self.ordinal_at(0)))
        } else {
            Fault::Busy
        }
    }

    /// The ordinal whose sector must be erased next, while spares are missing.
    pub(crate) fn wants(&self) -> Option<u32> {
        Some(self.ordinal_at(self.offset_wanted()?))
    }

    fn offset_wanted(&self) -> Option<u32> {
        // What lies before a clean sector is tried first, so that none is left out that is good.
        let offset = (self.clean | self.worn).trailing_ones();
        let is_needed = self.n_clean() < self.spares || self.clean >> offset.min(31) != 0;
        (is_needed && offset <= self.farthest()).then_some(offset)
    }

    /// The farthest offset that is not the newest sector itself.
    const fn farthest(&self) -> u32 {
        let last = self.region.sectors().saturating_sub(2);
        if last < u32::BITS - 1 { last } else { u32::BITS - 1 }
    }

    /// The ordinal of a bit of `clean` and `worn`.
    const fn ordinal_at(&self, offset: u32) -> u32 {
        self.newest.saturating_add(1).saturating_add(offset)
    }

    /// Makes the next clean sector the newest. The header is durable when this returns.
    pub(crate) fn open_next(&mut self, nor: &mut dyn Nor, header: Header) -> Result<Header, Fault> {
        if self.clean == 0 {
            return Err(self.unready());
        }
        let offset = self.clean.trailing_zeros();
        let ordinal = self.newest.checked_add(1 + offset).ok_or(Fault::Region)?;
        let left_out = u16::try_from(offset).map_err(|_| Fault::Region)?;
        let header = Header {
            ordinal,
            left_out,
            ..header
        };
        let bytes = header.bytes(self.kind, self.region);
        // Whatever happens, this sector is no longer clean.
        self.clean &= !(1 << offset);
        let whole = self
            .region
            .program_checked(nor, self.start(ordinal) + MARK, &[&bytes, &bytes])?;
        // One good copy is a header: it would be found at the next boot, so it counts now.
        if !whole && read_header(nor, self.region, self.kind, self.index(ordinal))? != Some(header) {
            // Its sector is prepared again, as often as any.
            return Err(Fault::Busy);
        }
        self.clean = self.clean.checked_shr(offset + 1).unwrap_or(0);
        self.worn = self.worn.checked_shr(offset + 1).unwrap_or(0);
        // An erase of a sector that was passed over goes on by itself; nobody waits for it.
        self.erasing = self.erasing.filter(|erasing| ordinal < *erasing);
        self.newest = ordinal;
        self.epoch = header.epoch;
        self.floor = header.floor;
        Ok(header)
    }

    /// Goes on preparing spare sectors; never waits. A sector that is left out now is said once, by [`Fault::Worn`]: tend again.
    pub(crate) fn tend(&mut self, nor: &mut dyn Nor) -> Result<Tended, Fault> {
        let Some(offset) = self.offset_wanted() else {
            return Ok(Tended::Done);
        };
        let ordinal = self.ordinal_at(offset);
        let index = self.index(ordinal);
        if self.erasing != Some(ordinal) {
            if self.tried == (ordinal, ATTEMPTS) {
                self.worn |= 1 << offset;
                return Err(Fault::Worn(index));
            }
            return match self.region.start_erase(nor, index) {
                Ok(()) => {
                    self.erasing = Some(ordinal);
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
        self.erasing = None;
        let times = if self.tried.0 == ordinal { self.tried.1 } else { 0 };
        self.tried = (ordinal, times + 1);
        let at = index * SECTOR_BYTES;
        let mark = mark(self.kind, ordinal);
        if self.region.is_blank(nor, at, SECTOR_BYTES)? && self.region.program_checked(nor, at, &[&mark])? {
            self.clean |= 1 << offset;
        }
        Ok(if self.offset_wanted().is_some() {
            Tended::More
        } else {
            Tended::Done
        })
    }

    /// Tends until all spares are ready, waiting for the erases. A sector that was left out meanwhile is said at the end.
    pub(crate) fn settle(&mut self, nor: &mut dyn Nor) -> Result<(), Fault> {
        nor.resume_erase()?;
        let mut outcome = Ok(());
        loop {
            match self.tend(nor) {
                Ok(Tended::More) => core::hint::spin_loop(),
                Ok(Tended::Done) => return outcome,
                Err(Fault::Worn(sector)) => outcome = Err(Fault::Worn(sector)),
                Err(error) => return Err(error),
            }
        }
    }

    /// The same, where worn sectors do not matter as long as one is left.
    fn prepare(&mut self, nor: &mut dyn Nor) -> Result<(), Fault> {
        match self.settle(nor) {
            Err(Fault::Worn(_)) if !self.is_stuck() => Ok(()),
            settled => settled,
        }
    }

    /// Finds the clean sectors that follow the newest one.
    fn find_clean(&mut self, nor: &dyn Nor) -> Result<(), NorError> {
        for offset in 0..=self.farthest().min(LOOKED_AHEAD) {
            let ordinal = self.ordinal_at(offset);
            let at = self.start(ordinal);
            if self.region.holds(nor, at, &[&mark(self.kind, ordinal)])?
                && self.region.is_blank(nor, at + MARK, 2 * HEADER)?
            {
                self.clean |= 1 << offset;
                if self.n_clean() == self.spares {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Header {
    fn bytes(&self, kind: u8, region: Region) -> [u8; HEADER as usize] {
        let body: [u8; HEADER as usize - 4] = Fields::new()
            .put(&[kind, VERSION])
            .put(&self.width.to_le_bytes())
            .put(&u16::try_from(region.sectors()).unwrap_or(u16::MAX).to_le_bytes())
            .put(&self.left_out.to_le_bytes())
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
        // Most sectors of a young region are blank: those cost no check.
        if !body.starts_with(&[kind, VERSION]) {
            return None;
        }
        if Check::new().add(body).value() != u32::from_le_bytes(*check) {
            return None;
        }
        let mut fields = Taken(body);
        let _kind_and_version = fields.u16();
        let width = fields.u16();
        let (sectors, left_out) = (u32::from(fields.u16()), fields.u16());
        let header = Self {
            width,
            left_out,
            ordinal: fields.u32(),
            epoch: fields.u32(),
            floor: fields.u32(),
            first: fields.u32(),
            run: fields.u32(),
            base: fields.i64(),
            tag: fields.u32(),
        };
        let fits = sectors == region.sectors() && header.ordinal % sectors == index;
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
