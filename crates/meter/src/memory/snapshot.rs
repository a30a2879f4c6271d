//! What always moves, kept every minute: energies, counters, and what each feature has under way.
//!
//! ```text
//! image:   head (40) | registers (3208) | section | section | ...       section: id, version, length (2), room (2), spare (2) | octets, room
//! whole:   the image packed, a row of the checkpoint: at boot, every 15 minutes, and when the changes grow long
//! changes: number of the whole one (4) | length (2) | difference to it, a row of the journal "registers, changes": every minute
//! record:  difference to the whole one, at most 512 octets in the reserved sector: when the supply fails
//! ```
//!
//! The newest of the three counts; each says its number in the head. A minute costs a twelfth of a sector so, and the farewell three pages.
//!
//! A feature keeps what it has under way by a line in [`SECTIONS`]: an id that is never given twice, a version of its octets, the most that
//! they take, and two functions. `restore` gets the version and octets that were saved, maybe by an older firmware, and returns `None` when
//! it cannot read them: then it must leave the model as it is. What moves with every window should be few octets: the farewell has 512 for
//! all. What changes rarely (a maximum and its time) costs nothing while it does not change.

use base::{Instant, Micros, Utc};
use cosem::axdr::{Full, Reader, Writer};
use flash::{Checkpoint, CheckpointError, Fault, Journal, Nor, RECORD_BYTES, Shape, Step, Tended};
use metrology::{Condition, N_CONDITIONS, Registers};

use super::sparse::{WORD, apply, difference, pack, unpack};
use super::{BootReport, MemoryError, is_untouched, is_worn, partitions};
use crate::billing::Billing;
use crate::demand::Demand;
use crate::interval::{ENERGIES, Intervals, N_INTERVALS};
use crate::mbus::Channels;
use crate::model::Model;
use crate::outage::Outages;
use crate::port_protection::PortProtection;
use crate::profile::N_PROFILES;
use crate::security::Counter;

/// A feature's part of the snapshot.
struct Section {
    /// Never given twice.
    id: u8,
    /// Of the octets; it rises when their meaning changes.
    version: u8,
    /// The most octets, a multiple of 8.
    room: usize,
    save: fn(&Model, &mut Writer<'_>) -> Result<(), Full>,
    restore: fn(&mut Model, version: u8, &mut Reader<'_>) -> Option<()>,
}

/// Everything that is under way, besides the energies.
const SECTIONS: &[Section] = &[
    Section {
        id: 1,
        version: 1,
        room: 8,
        save: |it, out| {
            out.put(&it.power_failures.to_be_bytes())?;
            out.put(&it.error_register.to_be_bytes())
        },
        restore: |it, _, from| {
            let (power_failures, error_register) = (from.array_of().ok()?, from.array_of().ok()?);
            it.power_failures = u16::from_be_bytes(power_failures);
            it.error_register = u32::from_be_bytes(error_register);
            Some(())
        },
    },
    Section {
        id: 2,
        version: 2,
        room: PortProtection::OCTETS.next_multiple_of(WORD),
        save: |it, out| it.port_protection.save(it.now, out),
        restore: |it, version, from| it.port_protection.restore(it.now, version, from),
    },
    Section {
        id: 10,
        version: 1,
        room: (4 + Outages::OCTETS).next_multiple_of(WORD),
        save: |it, out| {
            out.put(&it.connections.to_be_bytes())?;
            it.outages.save(out)
        },
        restore: |it, _, from| {
            let connections = u32::from_be_bytes(from.array_of().ok()?);
            it.outages.restore(from)?;
            it.connections = connections;
            Some(())
        },
    },
    Section {
        id: 11,
        version: 1,
        room: Intervals::OCTETS.next_multiple_of(WORD),
        save: |it, out| {
            it.intervals
                .at_begin()
                .try_for_each(|energy| out.put(&energy.to_be_bytes()))
        },
        restore: |it, _, from| {
            let mut energies = [[0; ENERGIES.len()]; N_INTERVALS];
            for energy in energies.iter_mut().flatten() {
                *energy = u32::from_be_bytes(from.array_of().ok()?);
            }
            it.intervals.restore_begin(energies);
            Some(())
        },
    },
    Section {
        id: 12,
        version: 1,
        room: Channels::OCTETS.next_multiple_of(WORD),
        save: |it, out| it.mbus.save(out),
        restore: |it, _, from| it.mbus.restore(from),
    },
    Section {
        id: 16,
        version: 1,
        room: Demand::LENGTH,
        save: |it, out| it.demand.save(out),
        restore: |it, _, from| it.demand.restore(from),
    },
    Section {
        id: 17,
        version: 2,
        room: (2 * Billing::LENGTH + N_PROFILES).next_multiple_of(WORD),
        save: |it, out| it.save_billing(out),
        restore: |it, version, from| it.restore_billing(version, from),
    },
    Section {
        id: 18,
        version: 1,
        room: 16,
        save: |it, out| it.save_time(out),
        restore: |it, _, from| it.restore_time(from),
    },
    Section {
        id: 20,
        version: 1,
        room: (N_CONDITIONS * (4 + 2)).next_multiple_of(WORD),
        save: |it, out| {
            for aggregate in Condition::ALL.map(|condition| it.connection.aggregate(condition)) {
                // What is shown: whole seconds; counts are held at their end.
                let seconds = u32::try_from(aggregate.nanos / NANOS).unwrap_or(u32::MAX);
                out.put(&seconds.to_le_bytes())?;
                out.put(&u16::try_from(aggregate.count).unwrap_or(u16::MAX).to_le_bytes())?;
            }
            Ok(())
        },
        restore: |it, _, from| {
            let mut aggregates = [(0, 0); N_CONDITIONS];
            for (seconds, count) in &mut aggregates {
                *seconds = u32::from_le_bytes(from.array_of().ok()?);
                *count = u16::from_le_bytes(from.array_of().ok()?);
            }
            for (condition, (seconds, count)) in Condition::ALL.into_iter().zip(aggregates) {
                it.connection
                    .restore(condition, u32::from(count), u64::from(seconds) * NANOS);
            }
            Some(())
        },
    },
];

/// How a snapshot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Save {
    /// All of it: at boot.
    Whole,
    /// What has changed since the last whole one, unless that is long or long ago.
    Changes,
    /// What has changed, where it costs the least time: the supply goes, and nothing is measured after this.
    Farewell,
}

/// The snapshots of one meter.
#[derive(Debug)]
pub(super) struct Snapshots {
    whole: Checkpoint,
    changes: Journal,
    /// Number of the last save of any kind.
    number: u32,
    /// When the next save is a whole one.
    whole_due: Instant,
    /// Rows of changes were found damaged: they are given up with the next whole snapshot.
    is_stale: bool,
    /// Rows of changes that were not whole at boot: torn by a cut, or damaged.
    torn_changes: u32,
}

impl Snapshots {
    /// Finds the snapshots; `None` when there are none.
    pub(super) fn mount(nor: &mut dyn Nor, it: &Model, report: &mut BootReport) -> Result<Option<Self>, MemoryError> {
        let (sides, reserve, changes) = places(nor, it)?;
        let Some((whole, restored)) = Checkpoint::mount(nor, sides, reserve)? else {
            return Ok(None);
        };
        report.registers_lost |= restored.snapshot.is_none();
        let (mut is_stale, mut torn_changes) = (false, 0);
        let changes = match Journal::mount(nor, changes) {
            Ok(Some((journal, mounted))) if journal.shape() == CHANGES => {
                torn_changes = mounted.unfinished_rows;
                is_stale = 0 < torn_changes;
                journal
            }
            Ok(_) | Err(flash::JournalError::Width) => {
                report.registers_aged = true;
                Journal::format(nor, changes, CHANGES)?
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Some(Self {
            whole,
            changes,
            number: 0,
            whole_due: Instant::START,
            is_stale,
            torn_changes,
        }))
    }

    /// Whether nothing was ever written where the snapshots lie.
    pub(super) fn is_untouched(nor: &dyn Nor, it: &Model) -> Result<bool, MemoryError> {
        let (sides, ..) = places(nor, it)?;
        is_untouched(nor, &sides)
    }

    /// Lays out empty snapshots and waits for the erases: for the boot.
    pub(super) fn format(nor: &mut dyn Nor, it: &Model) -> Result<Self, MemoryError> {
        let (sides, reserve, changes) = places(nor, it)?;
        // The changes first: without a whole one they count for nothing.
        let changes = Journal::format(nor, changes, CHANGES)?;
        let length = u16::try_from(WHOLE_OCTETS).map_err(|_| MemoryError::Bound)?;
        Ok(Self {
            whole: Checkpoint::format(nor, sides, reserve, length)?,
            changes,
            number: 0,
            whole_due: Instant::START,
            is_stale: false,
            torn_changes: 0,
        })
    }

    /// Saves the model.
    pub(super) fn save(&mut self, nor: &mut dyn Nor, it: &Model, how: Save) -> Result<(), MemoryError> {
        let number = self.number.checked_add(1).ok_or(MemoryError::Bound)?;
        let mut image = [0; IMAGE_OCTETS];
        write(it, how == Save::Farewell, number, self.whole.records(), &mut image)
            .map_err(|Full| MemoryError::Bound)?;
        match how {
            Save::Changes if it.now < self.whole_due && self.save_changes(nor, &image)? => {}
            Save::Farewell if self.save_record(nor, &image)? => {}
            Save::Whole | Save::Changes | Save::Farewell => self.save_whole(nor, it, &image)?,
        }
        self.number = number;
        Ok(())
    }

    fn save_whole(&mut self, nor: &mut dyn Nor, it: &Model, image: &[u8]) -> Result<(), MemoryError> {
        // What is not programmed stays erased.
        let mut row = [0xFF; WHOLE_OCTETS];
        let (length, packed) = row.split_at_mut(2);
        length.copy_from_slice(&IMAGE_LENGTH.to_le_bytes());
        pack(image, packed).ok_or(MemoryError::Bound)?;
        match self.whole.save(nor, &row) {
            Ok(_number) => {
                self.whole_due = it.now + WHOLE_EVERY;
                if self.is_stale {
                    // The changes before this count no more, and their damage was said: it must not be said again at the next boot.
                    match self.changes.clear(nor, CHANGES) {
                        Ok(()) => self.is_stale = false,
                        // With the next whole one, then.
                        Err(flash::JournalError::Fault(Fault::Busy | Fault::Worn(_))) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            }
            // Neither side is ready yet: the changes since the last whole one do it as well, if they fit.
            Err(CheckpointError::Fault(Fault::Busy)) if self.save_changes(nor, image)? => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Saves the changes as a row; false when they are too long, or the journal is not ready for them.
    fn save_changes(&mut self, nor: &mut dyn Nor, image: &[u8]) -> Result<bool, MemoryError> {
        let mut row = [0xFF; CHANGES.width as usize];
        let (head, changes) = row.split_at_mut(6);
        let Some(length) = self.difference(nor, image, changes)? else {
            return Ok(false);
        };
        let length = u16::try_from(length).map_err(|_| MemoryError::Bound)?.to_le_bytes();
        let number = self.whole.number();
        for (to, from) in head.iter_mut().zip(number.to_le_bytes().iter().chain(&length)) {
            *to = *from;
        }
        match self.changes.append(nor, Utc::from_unix(i64::from(number)), &row) {
            Ok(_sequence) => Ok(true),
            Err(flash::JournalError::Fault(Fault::Busy | Fault::Worn(_))) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Saves the changes in the reserve; false when they are too long for it, or it is not ready.
    fn save_record(&mut self, nor: &mut dyn Nor, image: &[u8]) -> Result<bool, MemoryError> {
        let mut record = [0; RECORD_BYTES];
        let length = self.difference(nor, image, &mut record)?;
        let Some(record) = length.and_then(|length| record.get(..length)) else {
            return Ok(false);
        };
        match self.whole.save_record(nor, record) {
            Ok(()) => Ok(true),
            Err(CheckpointError::Fault(Fault::Busy | Fault::Worn(_))) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Saves a whole snapshot when a farewell would grow too long for its place soon: in the seconds until the next look there may come as much
    /// again as a reversed load and a period that ends bring. False when the flash
    /// still prepares for it.
    pub(super) fn keep_farewell_short(&mut self, nor: &mut dyn Nor, it: &Model) -> Result<bool, MemoryError> {
        let number = self.number.checked_add(1).ok_or(MemoryError::Bound)?;
        let mut image = [0; IMAGE_OCTETS];
        write(it, true, number, self.whole.records(), &mut image).map_err(|Full| MemoryError::Bound)?;
        let mut record = [0; FAREWELL_OCTETS];
        if self.difference(nor, &image, &mut record)?.is_some() {
            return Ok(true);
        }
        match self.save(nor, it, Save::Whole) {
            Err(MemoryError::Fault(Fault::Busy)) => Ok(false),
            saved => saved.map(|()| true),
        }
    }

    /// Octets that the farewell would take now, however many they are.
    #[cfg(test)]
    pub(super) fn farewell_octets(&self, nor: &dyn Nor, it: &Model) -> Option<usize> {
        let mut image = [0; IMAGE_OCTETS];
        write(it, true, self.number + 1, self.whole.records(), &mut image).ok()?;
        self.difference(nor, &image, &mut [0; WHOLE_OCTETS]).ok()?
    }

    /// The newest whole image; none when it cannot be read.
    fn base(&self, nor: &dyn Nor) -> Result<Option<Image>, MemoryError> {
        let mut row = [0; WHOLE_OCTETS];
        match self.whole.snapshot(nor, &mut row) {
            Ok(Some([low, high, packed @ ..])) => Ok(Image::unpacked(u16::from_le_bytes([*low, *high]), packed)),
            Ok(_) | Err(CheckpointError::Damaged | CheckpointError::Length) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What makes `image` of the newest whole one; none when that is another firmware's, or it does not fit.
    fn difference(&self, nor: &dyn Nor, image: &[u8], out: &mut [u8]) -> Result<Option<usize>, MemoryError> {
        let base = self.base(nor)?.filter(|base| base.length == IMAGE_OCTETS);
        Ok(base.and_then(|base| difference(&base.octets, image, out)))
    }

    /// Brings the model to where it was saved last.
    pub(super) fn restore(
        &mut self,
        nor: &dyn Nor,
        it: &mut Model,
        knows_counters: bool,
        report: &mut BootReport,
    ) -> Result<(), MemoryError> {
        let Some(base) = self.base(nor)? else {
            report.registers_lost |= !report.first_boot;
            return Ok(());
        };
        let mut newest = self
            .changed(nor, &base, report)?
            .filter(|changed| base.number() < changed.number());
        // A cut tears the row of changes or the farewell, never both; whole snapshots it may tear at any number of boots. One that was
        // acknowledged and is damaged is named by what was saved after it, or nothing was saved after it.
        let torn = self
            .torn_changes
            .saturating_add(self.whole.damaged_records(base.records()));
        report.registers_aged |= 1 < torn;
        if let Some(after) = self.whole.record_after()
            && after != self.whole.number()
        {
            self.miss(after, report);
        } else {
            let mut record = [0; RECORD_BYTES];
            if let Ok(Some(record)) = self.whole.record(nor, &mut record) {
                match base.changed(record) {
                    Some(farewell) if newest.as_ref().unwrap_or(&base).number() < farewell.number() => {
                        newest = Some(farewell);
                    }
                    Some(_) => {}
                    None => report.registers_aged = true,
                }
            }
        }
        let newest = newest.unwrap_or(base);
        self.number = newest.number();
        match newest.restore(it, knows_counters) {
            Some((is_farewell, saved)) => {
                report.unclean = !is_farewell;
                report.last_alive = Some(saved);
            }
            None => report.registers_lost = true,
        }
        Ok(())
    }

    /// The whole snapshot with this number was acknowledged, and is damaged. Changes made on it say nothing, and its number is not given again:
    /// they must not fit another one.
    fn miss(&mut self, number: u32, report: &mut BootReport) {
        self.whole.pass(number);
        (report.registers_aged, self.is_stale) = (true, true);
    }

    /// The image of the newest row of changes that belongs to the newest whole one.
    fn changed(&mut self, nor: &dyn Nor, base: &Image, report: &mut BootReport) -> Result<Option<Image>, MemoryError> {
        let (mut sequence, first) = (self.changes.next_sequence(), self.changes.first());
        let mut row = [0; CHANGES.width as usize];
        while first < sequence {
            sequence -= 1;
            let mut cursor = self.changes.rows(sequence, sequence + 1);
            if !matches!(self.changes.next(nor, &mut cursor, &mut row)?, Step::Row { .. }) {
                // It was acknowledged once.
                (report.registers_aged, self.is_stale) = (true, true);
                continue;
            }
            let [a, b, c, d, e, f, changes @ ..] = &row;
            let number = u32::from_le_bytes([*a, *b, *c, *d]);
            if number != self.whole.number() {
                if self.whole.number() < number {
                    // Those before it may be changes of the one that is whole.
                    self.miss(number, report);
                    continue;
                }
                return Ok(None);
            }
            let length = usize::from(u16::from_le_bytes([*e, *f]));
            let found = changes.get(..length).and_then(|changes| base.changed(changes));
            self.is_stale |= found.is_none();
            report.registers_aged |= found.is_none();
            return Ok(found);
        }
        Ok(None)
    }

    /// Prepares the next save a little further.
    pub(super) fn tend(&mut self, nor: &mut dyn Nor) -> Result<Tended, MemoryError> {
        let whole = self.whole.tend(nor).map_err(MemoryError::from);
        let changes = self.changes.tend(nor).map_err(MemoryError::from);
        match (whole?, changes?) {
            (Tended::Done, Tended::Done) => Ok(Tended::Done),
            _ => Ok(Tended::More),
        }
    }

    /// Waits until all is prepared: at boot only. True when a sector is worn out.
    pub(super) fn settle(&mut self, nor: &mut dyn Nor) -> Result<bool, MemoryError> {
        let whole = is_worn(self.whole.settle(nor).map_err(MemoryError::from))?;
        let changes = is_worn(self.changes.settle(nor).map_err(MemoryError::from))?;
        Ok(whole || changes)
    }
}

type Places = ([flash::Region; 2], flash::Region, flash::Region);

fn places(nor: &dyn Nor, it: &Model) -> Result<Places, MemoryError> {
    let ([side_0, side_1], reserve, changes) = partitions::registers(it.config.flash);
    let sides = [side_0.region(nor)?, side_1.region(nor)?];
    Ok((sides, reserve.region(nor)?, changes.region(nor)?))
}

/// An image as it was saved, by this firmware or by one with more or fewer sections.
#[derive(Clone)]
struct Image {
    /// Octets that count: those behind them are zeros, sections that this firmware added.
    length: usize,
    octets: [u8; IMAGE_OCTETS],
}

impl Image {
    /// The image of `length` octets that was packed. What is behind our own sections belongs to a newer firmware.
    fn unpacked(length: u16, packed: &[u8]) -> Option<Self> {
        let mut image = Self {
            length: usize::from(length),
            octets: [0; IMAGE_OCTETS],
        };
        let length = image.length.min(IMAGE_OCTETS);
        unpack(packed, image.octets.get_mut(..length)?)?;
        Some(image)
    }

    /// This image with changes, which were made from one as long.
    fn changed(&self, changes: &[u8]) -> Option<Self> {
        let mut image = self.clone();
        let length = image.length.min(IMAGE_OCTETS);
        apply(changes, image.octets.get_mut(..length)?)?;
        Some(image)
    }

    const fn number(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = self.octets;
        u32::from_le_bytes([a, b, c, d])
    }

    /// Places of the reserve that were used when it was saved; 0 in an image of older firmware.
    const fn records(&self) -> u8 {
        let [_, _, records, ..] = self.octets;
        records
    }

    /// Puts the image into the model; answers whether it was a farewell, and when it was saved.
    fn restore(&self, it: &mut Model, knows_counters: bool) -> Option<(bool, Utc)> {
        let mut reader = Reader::new(&self.octets);
        let [version, farewell, _, _] = reader.array_of().ok()?;
        if version != IMAGE_VERSION {
            return None;
        }
        let is_farewell = farewell != 0;
        let _number: [u8; 4] = reader.array_of().ok()?;
        let saved = i64::from_le_bytes(reader.array_of().ok()?);
        let received = u32::from_le_bytes(reader.array_of().ok()?);
        let sent = u32::from_le_bytes(reader.array_of().ok()?);
        reader.take(HEAD_OCTETS - 24).ok()?;
        let registers = reader.take(REGISTERS_OCTETS).ok()?;
        it.registers = Registers::read_from(registers.get(..Registers::LENGTH)?).ok()?;
        while let Ok([id, version, length_low, length_high, room_low, room_high, ..]) =
            reader.array_of::<SECTION_HEAD>()
        {
            let Ok(room) = reader.take(usize::from(u16::from_le_bytes([room_low, room_high]))) else {
                break;
            };
            let octets = room.get(..usize::from(u16::from_le_bytes([length_low, length_high])));
            // A section that this firmware does not know, or cannot read, leaves the feature as it comes from the factory.
            if let (Some(section), Some(octets)) = (SECTIONS.iter().find(|it| it.id == id), octets) {
                let _as_from_the_factory = (section.restore)(it, version, &mut Reader::new(octets));
            }
        }
        for (counter, saved) in [(&mut it.security.received, received), (&mut it.security.sent, sent)] {
            if is_farewell {
                // Nothing was sent or accepted after this.
                *counter = Counter::restored(saved);
            } else if !knows_counters && saved != 0 {
                // The record is the newest when it is there; without it a leap passes whatever was used since.
                *counter = Counter::restored(saved.max(counter.reserved()).saturating_add(COUNTER_LEAP));
            }
        }
        Some((is_farewell, Utc::from_unix(saved)))
    }
}

/// Writes the model into an image of zeros.
fn write(it: &Model, is_farewell: bool, number: u32, records: u8, image: &mut [u8; IMAGE_OCTETS]) -> Result<(), Full> {
    let (head, rest) = image.split_at_mut(HEAD_OCTETS);
    let (registers, sections) = rest.split_at_mut(REGISTERS_OCTETS);
    let mut out = Writer::new(head);
    out.put(&[IMAGE_VERSION, u8::from(is_farewell), records, 0])?;
    out.put(&number.to_le_bytes())?;
    out.put(&it.utc().unix().to_le_bytes())?;
    out.put(&it.security.received.reserved().to_le_bytes())?;
    out.put(&it.security.sent.reserved().to_le_bytes())?;
    let registers = registers.first_chunk_mut().ok_or(Full)?;
    it.registers.write_to(registers);
    let mut rest = sections;
    for section in SECTIONS {
        let (head, more) = rest.split_at_mut_checked(SECTION_HEAD).ok_or(Full)?;
        let (octets, more) = more.split_at_mut_checked(section.room).ok_or(Full)?;
        rest = more;
        let mut out = Writer::new(octets);
        (section.save)(it, &mut out)?;
        let [length_low, length_high] = u16::try_from(out.len()).map_err(|_| Full)?.to_le_bytes();
        let [room_low, room_high] = u16::try_from(section.room).map_err(|_| Full)?.to_le_bytes();
        Writer::new(head).put(&[
            section.id,
            section.version,
            length_low,
            length_high,
            room_low,
            room_high,
        ])?;
    }
    Ok(())
}

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;
/// Version of head and registers in the image.
const IMAGE_VERSION: u8 = 2;
const HEAD_OCTETS: usize = 40;
/// The registers, filled up to whole words.
const REGISTERS_OCTETS: usize = Registers::LENGTH.next_multiple_of(WORD);
const SECTION_HEAD: usize = 8;
/// Octets of all sections with their heads.
const SECTIONS_OCTETS: usize = {
    let mut octets = 0;
    let mut rest = SECTIONS;
    while let [section, others @ ..] = rest {
        assert!(section.room.is_multiple_of(WORD), "sections are whole words");
        octets += SECTION_HEAD + section.room;
        rest = others;
    }
    octets
};
const IMAGE_OCTETS: usize = HEAD_OCTETS + REGISTERS_OCTETS + SECTIONS_OCTETS;

const IMAGE_LENGTH: u16 = {
    assert!(IMAGE_OCTETS <= 0xFFFF, "lengths have 16 bits");
    let [low, high, ..] = IMAGE_OCTETS.to_le_bytes();
    u16::from_le_bytes([low, high])
};

/// Octets of a whole snapshot: its length, and the packed image.
const WHOLE_OCTETS: usize = Shape::WIDEST as usize;
/// Twelve rows of changes fit a sector.
const CHANGES: Shape = Shape { width: 320, tag: 2 };
/// A farewell that is longer than this is made short by a whole snapshot.
const FAREWELL_OCTETS: usize = RECORD_BYTES - 144;
/// Between two whole snapshots.
const WHOLE_EVERY: Micros = Micros::from_secs(900);
/// When the record of the counters is lost, the last snapshot's are passed by this much: no number may come twice under one key.
const COUNTER_LEAP: u32 = 1 << 20;

const _: () = {
    // Twenty years of 3 x 230 V, 100 A are 12 GWh: of each cell the sum and two of its tariffs take 5 octets, the other tariffs and the
    // remainder 4, and half an octet each for the length.
    let registers = 40 * (3 * 5 + 7 * 4 + 5);
    assert!(
        HEAD_OCTETS + registers + SECTIONS_OCTETS * 17 / 16 + 8 <= WHOLE_OCTETS,
        "a whole snapshot fits a sector"
    );
    assert!(12 <= CHANGES.rows_per_sector(), "a minute wears a twelfth of a sector");
};
