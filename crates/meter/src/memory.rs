//! What is kept over a power cut, and how: parameters in a store, energies in a checkpoint, rows in journals.
//!
//! At boot every record is decoded and checked by the same code that takes it from a client, and the effects of that are thrown away:
//! restoring must not act on the world. What is damaged is said in the [`BootReport`]; what is whole is kept.

mod journals;
mod large;
mod partitions;
mod report;
mod sealed;
mod snapshot;
mod sparse;

use base::Utc;
use cosem::axdr::{Reader, Writer};
use cosem::{AccessError, Object};
use dlms::security::CERTIFICATE_MAX;
use flash::{Fault, Journal, Key, Nor, PAGE_BYTES, Region, SECTOR_BYTES, Store, StoreError, Tended};
use metrology::{Element, Quantity, Week};

use crate::activation::{Activation, ENERGIES, MAXIMA};
use crate::calendar::{Calendar, Days};
use crate::capture;
use crate::day_table::{self, Day};
use crate::disconnector::{Disconnector, Mode, State};
use crate::effect::Record;
use crate::event_log::Causes;
use crate::fraud::Contacts;
use crate::keys::KEYS_OCTETS;
use crate::limits::{KEPT_OCTETS, KEYS, ROW_OCTETS};
use crate::model::Model;
use crate::objects::DIRECTORY;
use crate::profile::JournalId;
use crate::quality::Quality;
use crate::security::Counter;
use crate::tariff::Wanted;
use crate::transformers::Transformers;

pub use partitions::{FlashSize, N_PARTITIONS, calibration, partitions};

pub(crate) use large::{Kind, kind as large_kind};
pub use report::{BootReport, MemoryError};
pub(crate) use sealed::{Sealed, SealedRead};
pub(crate) use snapshot::Save;

pub(crate) use journals::room;

use journals::Journals;
use large::Large;
use partitions::LAYOUT_VERSION;
use snapshot::Snapshots;

/// Octets of the mark.
const LAID_OCTETS: usize = 7;

/// The mark of a complete layout: its version, whose it is, and the size of the part.
fn laid_by(it: &Model) -> [u8; LAID_OCTETS] {
    let [a, b, c, d] = it.config.serial.to_be_bytes();
    let config = &it.config;
    [LAYOUT_VERSION, config.variant.code(), a, b, c, d, config.flash.code()]
}

/// The memories of one meter.
#[derive(Debug)]
pub(crate) struct Memory {
    /// What is none is found by [`Memory::boot`], one after the other, where it stays: so the stack holds little of it.
    store: Option<Store<KEYS>>,
    snapshots: Option<Snapshots>,
    journals: Journals,
    large: Option<Large>,
    /// Something was written since all was prepared for the next write.
    needs_tending: bool,
}

/// The key of a kept attribute in the store: a digest of class, name and number with the highest bit set.
pub(crate) fn attribute_key(object: &Object<Model>, attribute: u8) -> u32 {
    let class = object.class_id().to_be_bytes();
    let octets = class.into_iter().chain(object.name.octets()).chain([attribute]);
    capture::fnv_1a(octets) | 1 << 31
}

/// The key of a certificate in the store.
fn certificate_key(slot: u8) -> Key {
    Key(0x100 + u32::from(slot))
}

const fn record_key(record: Record) -> Key {
    Key(match record {
        Record::Alarms => 32,
        Record::Disconnector => 1,
        Record::Contacts => 2,
        Record::Counters => 3,
        Record::Security => 4,
        Record::Laid => 5,
        Record::Journals => 6,
        Record::ActiveCalendar => 16,
        Record::PassiveDays => 17,
        Record::Activations => 18,
        Record::Transformers => 19,
        Record::Keys => 24,
        Record::Quality => 40,
    })
}

impl Memory {
    /// Memories that are still to be found.
    pub(crate) const fn new() -> Self {
        Self {
            store: None,
            snapshots: None,
            journals: Journals::new(),
            large: None,
            needs_tending: true,
        }
    }

    /// Finds the memories, or lays them out in an empty flash, and brings the model to where it was.
    pub(crate) fn boot(&mut self, nor: &mut dyn Nor, it: &mut Model) -> Result<BootReport, MemoryError> {
        let mut report = BootReport::default();
        self.find_store_and_snapshots(nor, it, &mut report)?;
        self.lay_store_and_snapshots(nor, it, &mut report)?;
        self.restore(nor, it, &mut report)?;
        // The mark is missing, and yet a meter has lived here: it measured, or said farewell. What the store held is damage.
        let measured = it.registers.micro(Quantity::ActiveAbsolute, Element::Total) != 0;
        let said_farewell = report.last_alive.is_some() && !report.unclean;
        let lost = report.registers_lost || report.registers_aged;
        if report.first_boot && (measured || said_farewell || lost) {
            (report.first_boot, report.parameters_lost) = (false, true);
        }
        let store = self.store.as_ref().ok_or(MemoryError::Bound)?;
        self.journals.boot(nor, it, store, &mut report)?;
        let (large, lost) = Large::mount(nor, it)?;
        self.large = Some(large);
        if !report.first_boot {
            report.lost_values = report.lost_values.saturating_add(lost);
        }
        report.lost_values += u32::from(self.adopt_all(nor, it));
        it.effects.clear();
        report.worn |= self.settle(nor)?;
        Ok(report)
    }

    /// Looks for the store and the snapshots, and writes nothing.
    #[inline(never)]
    fn find_store_and_snapshots(
        &mut self,
        nor: &mut dyn Nor,
        it: &Model,
        report: &mut BootReport,
    ) -> Result<(), MemoryError> {
        // A flash that cannot be read says nothing of what it holds: nothing is laid out over it.
        if let Some((store, mounted)) = Store::mount(nor, partitions::parameters(it.config.flash).region(nor)?)? {
            let records = mounted.lost_keys.saturating_add(mounted.lost_records);
            report.lost_values = records.saturating_add(mounted.lost_sectors);
            self.store = Some(store);
        }
        self.snapshots = Snapshots::mount(nor, it, report)?;
        // The store is laid out first and marked last, so a first boot that was cut is a first boot again. As long as there is no store,
        // nothing else has been written: what stands there then was a memory once, or is damage.
        report.first_boot = match &self.store {
            None => self.snapshots.is_none() && Snapshots::is_untouched(nor, it)?,
            Some(store) => {
                let mut buffer = [0; LAID_OCTETS];
                match store.get(nor, record_key(Record::Laid), &mut buffer) {
                    Ok(None) => true,
                    Ok(Some([version, ..])) if *version != LAYOUT_VERSION => return Err(MemoryError::Layout(*version)),
                    // Energies and keys of another meter are not this one's.
                    Ok(Some(by)) if by != laid_by(it) => return Err(MemoryError::Foreign),
                    _ => false,
                }
            }
        };
        Ok(())
    }

    /// Lays out what is missing of store and snapshots.
    #[inline(never)]
    fn lay_store_and_snapshots(
        &mut self,
        nor: &mut dyn Nor,
        it: &Model,
        report: &mut BootReport,
    ) -> Result<(), MemoryError> {
        if self.store.is_none() {
            report.parameters_lost = !report.first_boot;
            let parameters = partitions::parameters(it.config.flash).region(nor)?;
            self.store = Some(Store::format(nor, parameters)?);
        }
        if self.snapshots.is_none() {
            report.registers_lost = !report.first_boot;
            self.snapshots = Some(Snapshots::format(nor, it)?);
        }
        report.registers_lost &= !report.first_boot;
        report.registers_aged &= !report.first_boot;
        Ok(())
    }

    /// Brings parameters, energies and what was under way back.
    #[inline(never)]
    fn restore(&mut self, nor: &mut dyn Nor, it: &mut Model, report: &mut BootReport) -> Result<(), MemoryError> {
        let store = self.store.as_ref().ok_or(MemoryError::Bound)?;
        let knows_counters = restore_parameters(store, nor, it, report)? && report.lost_values == 0;
        self.snapshots()?.restore(nor, it, knows_counters, report)?;
        it.transformers.reconcile(&it.registers);
        Ok(())
    }

    /// Puts another mark into the store, for the test of a flash of another layout.
    #[cfg(test)]
    pub(crate) fn keep_mark(&mut self, nor: &mut dyn Nor, mark: &[u8]) {
        let store = self.store().expect("it has booted");
        store.set(nor, record_key(Record::Laid), mark).expect("a good flash");
    }

    fn store(&mut self) -> Result<&mut Store<KEYS>, MemoryError> {
        self.store.as_mut().ok_or(MemoryError::Bound)
    }

    fn snapshots(&mut self) -> Result<&mut Snapshots, MemoryError> {
        self.snapshots.as_mut().ok_or(MemoryError::Bound)
    }

    /// Makes the value of a kept attribute durable.
    pub(crate) fn keep_attribute(
        &mut self,
        nor: &mut dyn Nor,
        it: &Model,
        object: &Object<Model>,
        attribute: u8,
    ) -> Result<(), MemoryError> {
        let mut buffer = [0; KEPT_OCTETS];
        let mut out = Writer::new(&mut buffer);
        DIRECTORY
            .get(it, object, attribute, &mut out)
            .map_err(|_| MemoryError::Bound)?;
        self.needs_tending = true;
        Ok(self
            .store()?
            .set(nor, Key(attribute_key(object, attribute)), out.written())?)
    }

    /// The switchings of a day type, out of the table of the active calendar.
    pub(crate) fn read_day(&self, nor: &dyn Nor, wanted: Wanted) -> Result<Day, MemoryError> {
        let Wanted { place, length, day_id } = wanted;
        let read = |at: u32, into: &mut [u8]| self.read_large(nor, u32::from(place), at, into);
        match day_table::find(&read, length, day_id) {
            Ok(day) => Ok(day.unwrap_or_default()),
            Err(AccessError::TemporaryFailure) => Err(MemoryError::Fault(Fault::Busy)),
            Err(_) => Err(MemoryError::Bound),
        }
    }

    /// Makes a record durable.
    pub(crate) fn keep(&mut self, nor: &mut dyn Nor, it: &Model, record: Record) -> Result<(), MemoryError> {
        self.needs_tending = true;
        let key = record_key(record);
        match record {
            Record::Disconnector => {
                let value = [it.disconnector.state() as u8, it.disconnector.mode().number()];
                self.store()?.set(nor, key, &value)?;
            }
            Record::Contacts => self.store()?.set(nor, key, &[it.contacts.octet()])?,
            Record::Counters => {
                let security = &it.security;
                let mut value = [0; 14];
                let (counters, generations) = value.split_at_mut(12);
                let all = [security.received, security.sent, security.received_broadcast];
                for (octets, counter) in counters.chunks_exact_mut(4).zip(all) {
                    octets.copy_from_slice(&counter.reserved().to_be_bytes());
                }
                generations.copy_from_slice(&it.keys.generations());
                self.store()?.set(nor, key, &value)?;
            }
            Record::Keys => {
                let mut value = zeroize::Zeroizing::new([0; KEYS_OCTETS]);
                let mut out = Writer::new(value.as_mut_slice());
                it.keys.save(&mut out).map_err(|_| MemoryError::Bound)?;
                self.store()?.set(nor, key, out.written())?;
            }
            Record::Alarms => {
                let [[a, b], [c, d]] = [it.alarms.registers, it.alarms.descriptors];
                let mut value = [0; 20];
                for (octets, word) in value.chunks_exact_mut(4).zip([a, b, c, d, it.causes.0]) {
                    octets.copy_from_slice(&word.to_be_bytes());
                }
                self.store()?.set(nor, key, &value)?;
            }
            Record::Security => self.store()?.set(nor, key, &[it.security.policy()])?,
            Record::Transformers => self.store()?.set(nor, key, &it.transformers.save())?,
            Record::Laid => self.store()?.set(nor, key, &laid_by(it))?,
            Record::Journals => {
                let laid = self.journals.laid();
                self.store()?.set(nor, key, &laid.to_be_bytes())?;
            }
            Record::Quality => {
                let mut buffer = [0; Quality::SAVED_OCTETS];
                let mut out = Writer::new(&mut buffer);
                it.quality.save(&mut out).map_err(|_| MemoryError::Bound)?;
                self.store()?.set(nor, key, out.written())?;
            }
            Record::ActiveCalendar => {
                let mut buffer = [0; Calendar::OCTETS];
                let mut out = Writer::new(&mut buffer);
                it.tariffs.active.save(&mut out).map_err(|_| MemoryError::Bound)?;
                self.store()?.set(nor, key, out.written())?;
            }
            Record::Activations => {
                let mut buffer = [0; 2 * Activation::OCTETS];
                let mut out = Writer::new(&mut buffer);
                for activation in [&it.tariffs.energies, &it.tariffs.maxima] {
                    activation.save(&mut out).map_err(|_| MemoryError::Bound)?;
                }
                self.store()?.set(nor, key, out.written())?;
            }
            Record::PassiveDays => {
                let mut buffer = [0; Days::OCTETS];
                let mut out = Writer::new(&mut buffer);
                it.tariffs.passive.days.save(&mut out).map_err(|_| MemoryError::Bound)?;
                self.store()?.set(nor, key, out.written())?;
            }
        }
        Ok(())
    }

    /// Makes the weeks of the supply's quality durable: as they are shown, and `running` so that the metrology can go on with it. Once in
    /// ten minutes half a kilobyte: a sector of the store is erased some 250 times a year.
    pub(crate) fn keep_week(
        &mut self,
        nor: &mut dyn Nor,
        it: &Model,
        running: Option<&Week>,
    ) -> Result<(), MemoryError> {
        let tick = u64::try_from(it.utc().unix()).unwrap_or(0) / TEN_MINUTES * TEN_MINUTES;
        if running.is_some() && (tick / DAY + DAYS_FROM_MONDAY).is_multiple_of(7) && tick.is_multiple_of(DAY) {
            // The week ends with this tick, and is told next: until then the record of ten minutes ago is the better one.
            return Ok(());
        }
        let mut buffer = [0; KEPT_OCTETS];
        let (shown, record) = buffer.split_at_mut(Quality::WEEKS_OCTETS);
        let mut out = Writer::new(shown);
        it.quality.save_weeks(&mut out).map_err(|_| MemoryError::Bound)?;
        let length = running.and_then(|week| week.save(tick, record)).map_or(0, <[u8]>::len);
        self.needs_tending = true;
        let value = buffer.get(..Quality::WEEKS_OCTETS + length).ok_or(MemoryError::Bound)?;
        Ok(self.store()?.set(nor, WEEK, value)?)
    }

    /// The running week as it was kept; none when there is none, or it cannot be read.
    pub(crate) fn kept_week<'b>(&self, nor: &dyn Nor, buffer: &'b mut [u8; KEPT_OCTETS]) -> Option<&'b [u8]> {
        let octets = self.store.as_ref()?.get(nor, WEEK, buffer).ok()??;
        octets.get(Quality::WEEKS_OCTETS..).filter(|record| !record.is_empty())
    }

    /// Saves the energies and what is under way.
    pub(crate) fn checkpoint(&mut self, nor: &mut dyn Nor, it: &Model, how: Save) -> Result<(), MemoryError> {
        self.needs_tending = true;
        self.snapshots()?.save(nor, it, how)
    }

    /// Sees to it that what is saved when the supply fails fits its place; false when the flash still prepares for that.
    pub(crate) fn keep_farewell_short(&mut self, nor: &mut dyn Nor, it: &Model) -> Result<bool, MemoryError> {
        self.needs_tending = true;
        self.snapshots()?.keep_farewell_short(nor, it)
    }

    /// Octets that the farewell would take now, however many they are.
    #[cfg(test)]
    pub(crate) fn farewell_octets(&self, nor: &dyn Nor, it: &Model) -> Option<usize> {
        self.snapshots.as_ref()?.farewell_octets(nor, it)
    }

    /// The certificate in a slot; none when there is none, or it cannot be read.
    pub(crate) fn certificate<'b>(
        &self,
        nor: &dyn Nor,
        slot: u8,
        buffer: &'b mut [u8; CERTIFICATE_MAX],
    ) -> Option<&'b [u8]> {
        let key = certificate_key(slot);
        let octets = self.store.as_ref()?.get(nor, key, buffer).ok()??;
        (!octets.is_empty()).then_some(octets)
    }

    /// Keeps a certificate in a slot, or forgets the one that is there.
    pub(crate) fn keep_certificate(
        &mut self,
        nor: &mut dyn Nor,
        slot: u8,
        octets: Option<&[u8]>,
    ) -> Result<(), MemoryError> {
        self.needs_tending = true;
        match octets {
            Some(octets) => self.store()?.set(nor, certificate_key(slot), octets)?,
            None => self.store()?.remove(nor, certificate_key(slot))?,
        }
        Ok(())
    }

    /// Adds a row stamped `stamp` to a journal.
    pub(crate) fn capture(
        &mut self,
        nor: &mut dyn Nor,
        it: &mut Model,
        journal: JournalId,
        stamp: Utc,
    ) -> Result<(), MemoryError> {
        let mut buffer = [0; ROW_OCTETS];
        let mut out = Writer::new(&mut buffer);
        capture::row(it, &it.columns(journal), stamp, &mut out).map_err(|_| MemoryError::Bound)?;
        self.needs_tending = true;
        self.journals.append(nor, it, journal, stamp, out.written())
    }

    /// Forgets all rows of a journal and begins it anew with the present capture list.
    pub(crate) fn clear(&mut self, nor: &mut dyn Nor, it: &mut Model, journal: JournalId) -> Result<(), MemoryError> {
        self.needs_tending = true;
        self.journals.clear(nor, it, journal)
    }

    /// The same, but when the flash still prepares for it, later: until then the journal reads as empty. What was captured by the old list is
    /// given up at boot too, if the power goes meanwhile.
    pub(crate) fn renew(&mut self, nor: &mut dyn Nor, it: &mut Model, journal: JournalId) -> Result<(), MemoryError> {
        self.needs_tending = true;
        match self.journals.clear(nor, it, journal) {
            Err(MemoryError::Fault(Fault::Busy)) => self.journals.clear_later(it, journal),
            cleared => cleared,
        }
    }

    /// A journal, for reading; none while it is not laid out, which is the same as empty.
    pub(crate) fn journal(&self, journal: JournalId) -> Option<&Journal> {
        self.journals.get(journal)
    }

    /// Whether a journal is not laid out yet, and will be.
    pub(crate) fn is_missing(&self, journal: JournalId) -> bool {
        self.journals.is_coming(journal)
    }

    /// Whether a journal could not take a client's rows now, and will when it has been tended.
    pub(crate) fn is_busy(&self) -> bool {
        self.journals.are_busy()
    }

    /// Prepares the next writes a little further, without waiting for the flash. Every memory has its turn, also when another is worn.
    pub(crate) fn tend(&mut self, nor: &mut dyn Nor, it: &mut Model) -> Result<(), MemoryError> {
        if !self.needs_tending {
            return Ok(());
        }
        let store = self.store()?.tend(nor).map_err(MemoryError::from);
        let snapshots = self.snapshots()?.tend(nor);
        let journals = self.journals.tend(nor, it);
        let large = self.large()?.bank.tend(nor).map_err(MemoryError::from);
        let mut more = false;
        let mut outcome = Ok(());
        for tended in [store, snapshots, journals, large] {
            match tended {
                Ok(Tended::More) => more = true,
                Ok(Tended::Done) => {}
                Err(error) => {
                    // A worn sector is said once, and the one behind it is prepared in its place.
                    more |= matches!(error, MemoryError::Fault(Fault::Worn(_)));
                    outcome = outcome.and(Err(error));
                }
            }
        }
        self.needs_tending = more;
        if self.journals.take_news() {
            self.needs_tending = true;
            let kept = self.keep(nor, it, Record::Journals);
            outcome = outcome.and(kept);
        }
        outcome
    }

    /// Whether the flash is to be tended soon.
    pub(crate) const fn needs_tending(&self) -> bool {
        self.needs_tending
    }

    /// Waits until all is prepared: at boot only. True when a sector is worn out: what it belongs to can be read, and lives on as far as it can.
    fn settle(&mut self, nor: &mut dyn Nor) -> Result<bool, MemoryError> {
        let mut worn = is_worn(self.store()?.settle(nor).map_err(MemoryError::from))?;
        worn |= self.snapshots()?.settle(nor)?;
        worn |= self.journals.settle(nor)?;
        // Journals that are not there yet are laid out in the background.
        self.needs_tending = true;
        Ok(worn)
    }
}

/// Whether the head of every sector reads erased.
fn is_untouched(nor: &dyn Nor, regions: &[Region]) -> Result<bool, MemoryError> {
    for region in regions {
        for sector in 0..region.sectors() {
            if !region.is_blank(nor, sector * SECTOR_BYTES, PAGE_BYTES)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether preparing met a worn sector, which is no reason to stop; other faults are.
const fn is_worn(prepared: Result<(), MemoryError>) -> Result<bool, MemoryError> {
    match prepared {
        Ok(()) => Ok(false),
        Err(MemoryError::Fault(Fault::Worn(_))) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Puts kept attributes and records back through the code that takes them from clients.
/// True when the counters' record was among what was found.
fn restore_parameters(
    store: &Store<KEYS>,
    nor: &dyn Nor,
    it: &mut Model,
    report: &mut BootReport,
) -> Result<bool, MemoryError> {
    let mut buffer = [0; flash::VALUE_BYTES];
    let mut knows_counters = false;
    for object in DIRECTORY.rows() {
        for attribute in object.kept.iter(object.class.attributes()) {
            let Some(value) = found(store.get(nor, Key(attribute_key(object, attribute)), &mut buffer))? else {
                continue;
            };
            if DIRECTORY.set(it, object, attribute, value).is_err() {
                report.lost_values = report.lost_values.saturating_add(1);
            }
        }
    }
    // Keys come before the counters, which are of one generation of them.
    for record in [
        Record::Keys,
        Record::Disconnector,
        Record::Contacts,
        Record::Alarms,
        Record::Quality,
        Record::Counters,
        Record::Security,
        Record::ActiveCalendar,
        Record::PassiveDays,
        Record::Activations,
        Record::Transformers,
    ] {
        let Some(value) = found(store.get(nor, record_key(record), &mut buffer))? else {
            continue;
        };
        match restore_record(it, record, value) {
            Some(()) => knows_counters |= record == Record::Counters,
            None => report.lost_values = report.lost_values.saturating_add(1),
        }
    }
    if let Some(value) = found(store.get(nor, WEEK, &mut buffer))?
        && it.quality.restore_weeks(&mut Reader::new(value)).is_none()
    {
        report.lost_values = report.lost_values.saturating_add(1);
    }
    Ok(knows_counters)
}

/// The key of the weeks of the supply's quality.
const WEEK: Key = Key(41);
const TEN_MINUTES: u64 = 600;
const DAY: u64 = 86_400;
/// 1970-01-01 was a Thursday; here 0 is Monday.
const DAYS_FROM_MONDAY: u64 = 3;
const _: () = assert!(
    Quality::WEEKS_OCTETS + metrology::WEEK_RECORD_OCTETS <= KEPT_OCTETS,
    "weeks are kept whole"
);

/// A value that is there. One that is damaged was counted when the store was mounted; a flash that cannot be read is a fault.
fn found(value: Result<Option<&[u8]>, StoreError>) -> Result<Option<&[u8]>, MemoryError> {
    match value {
        Ok(value) => Ok(value),
        Err(StoreError::Fault(fault)) => Err(MemoryError::Fault(fault)),
        Err(_) => Ok(None),
    }
}

fn restore_record(it: &mut Model, record: Record, value: &[u8]) -> Option<()> {
    match (record, value) {
        (Record::Disconnector, &[state, mode]) => {
            it.disconnector = Disconnector::restored(State::new(state)?, Mode::new(mode)?);
        }
        (Record::Contacts, &[octet]) => it.contacts = Contacts::from_octet(octet),
        // As firmware without a broadcast key kept them.
        (Record::Counters, &[a, b, c, d, e, f, g, h]) => {
            it.security.received = Counter::restored(u32::from_be_bytes([a, b, c, d]));
            it.security.sent = Counter::restored(u32::from_be_bytes([e, f, g, h]));
        }
        (Record::Counters, value) => {
            let mut words = Reader::new(value);
            let mut word = || words.array_of().map(u32::from_be_bytes).ok();
            let [received, sent, broadcast] = [word()?, word()?, word()?];
            let [of_unicast, of_broadcast]: [u8; 2] = words.array_of().ok()?;
            words.end().ok()?;
            it.security.sent = Counter::restored(sent);
            // What was received under a key that was changed since counts for nothing.
            let [unicast_now, broadcast_now] = it.keys.generations();
            if of_unicast == unicast_now {
                it.security.received = Counter::restored(received);
            }
            if of_broadcast == broadcast_now {
                it.security.received_broadcast = Counter::restored(broadcast);
            }
        }
        (Record::Keys, value) => it.keys.restore(value)?,
        (Record::Alarms, value) => {
            let mut words = Reader::new(value);
            let mut word = || words.array_of().map(u32::from_be_bytes).ok();
            let [a, b, c, d, causes] = [word()?, word()?, word()?, word()?, word()?];
            (it.alarms.registers, it.alarms.descriptors, it.causes) = ([a, b], [c, d], Causes(causes));
            it.quality.resume(it.causes);
        }
        (Record::Quality, octets) => it.quality.restore(&mut Reader::new(octets))?,
        (Record::Security, &[policy]) => it.security.restore_policy(policy),
        (Record::ActiveCalendar, octets) => it.tariffs.active = Calendar::restored(&mut Reader::new(octets))?,
        (Record::Activations, octets) => {
            let mut octets = Reader::new(octets);
            let energies = Activation::restored(ENERGIES, &mut octets)?;
            let maxima = Activation::restored(MAXIMA, &mut octets)?;
            octets.end().ok()?;
            (it.tariffs.energies, it.tariffs.maxima) = (energies, maxima);
        }
        (Record::Transformers, octets) if !it.config.variant.is_direct() => {
            it.transformers = Transformers::restored(octets)?;
        }
        (Record::PassiveDays, octets) => it.tariffs.passive.days = Days::restored(&mut Reader::new(octets))?,
        _ => return None,
    }
    Some(())
}
