//! The journals of one meter: found at boot, laid out in the background when something is to be captured into them for the first time.

use base::Utc;
use flash::{Cursor, Fault, Journal, JournalError, Laying, Nor, Shape, Step, Store, Tended};

use super::{BootReport, MemoryError, is_worn, partitions, record_key};
use crate::capture::{self, Column};
use crate::effect::Record;
use crate::limits::{KEYS, ROW_OCTETS};
use crate::model::{JournalState, Model};
use crate::profile::JournalId;

/// Every journal that is there, and the one that is being laid out.
#[derive(Debug)]
pub(super) struct Journals {
    found: [Option<Journal>; JournalId::ALL.len()],
    laying: Option<(JournalId, Laying)>,
    /// Those that were laid out once, a bit each: one that is missing then is lost.
    laid: u32,
    /// Those whose region does not take a journal, a bit each.
    broken: u32,
    /// `laid` is to be kept.
    has_news: bool,
    /// Those that rows wait for while they are laid out, a bit each.
    awaited: u32,
    /// Those that are to be cleared before the next row, and read as empty until then, a bit each.
    stale: u32,
}

/// More rows than one request writes to one journal.
const REQUEST_ROWS: u32 = 8;

/// What must take rows in the very first step: the logs, and the profile that every meter has on. The others are laid out while it lives.
fn must_be_there(id: JournalId) -> bool {
    JournalId::StandardLog.index() <= id.index() || id == JournalId::LoadProfile1
}

impl Journals {
    /// Journals that are still to be found.
    pub(super) const fn new() -> Self {
        Self {
            found: [const { None }; JournalId::ALL.len()],
            laying: None,
            laid: 0,
            broken: 0,
            has_news: false,
            awaited: 0,
            stale: 0,
        }
    }

    /// Finds the journals that something is captured into. Rows of another capture list cannot be read by the present one and are given up.
    pub(super) fn boot(
        &mut self,
        nor: &mut dyn Nor,
        it: &mut Model,
        store: &Store<KEYS>,
        report: &mut BootReport,
    ) -> Result<(), MemoryError> {
        let mut octets = [0; 4];
        if let Ok(Some(_)) = store.get(nor, record_key(Record::Journals), &mut octets) {
            self.laid = u32::from_be_bytes(octets);
        }
        for id in JournalId::ALL {
            if it.columns(id).is_empty() {
                continue;
            }
            // What was captured once can be read, also when nothing more comes.
            let journal = match self.mount(nor, it, id, report)? {
                None if must_be_there(id) => {
                    let region = partitions::journal(it.config.flash, id).region(nor)?;
                    self.note_laid(id);
                    Some(Journal::format(nor, region, shape(it, id)?)?)
                }
                found => found,
            };
            self.put(it, id, journal)?;
        }
        Ok(())
    }

    /// Finds a journal; none when it is not laid out.
    fn mount(
        &mut self,
        nor: &mut dyn Nor,
        it: &mut Model,
        id: JournalId,
        report: &mut BootReport,
    ) -> Result<Option<Journal>, MemoryError> {
        let region = partitions::journal(it.config.flash, id).region(nor)?;
        match Journal::mount(nor, region) {
            Ok(Some((mut journal, mounted))) => {
                report.lost_rows = report.lost_rows.saturating_add(mounted.lost_rows);
                let shape = shape(it, id)?;
                if journal.shape() != shape {
                    report.worn |= is_worn(journal.settle(nor).map_err(MemoryError::from))?;
                    journal.clear(nor, shape)?;
                    report.cleared_journals += 1;
                } else if let Some(log) = id.log()
                    && let Some([code, actor]) = last_event(&journal, nor)
                    && let Some(last) = it
                        .last_event
                        .get_mut(log.index())
                        .zip(it.last_actor.get_mut(log.index()))
                {
                    (*last.0, *last.1) = (code, actor);
                }
                Ok(Some(journal))
            }
            Ok(None) | Err(JournalError::Width) => {
                if self.laid & bit(id) != 0 {
                    report.lost_journals += u32::from(!report.first_boot);
                    // It is said once; what is laid out anew is noted anew.
                    self.laid &= !bit(id);
                    self.has_news = true;
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The journals that were laid out once, a bit each.
    pub(super) const fn laid(&self) -> u32 {
        self.laid
    }

    /// Whether [`Journals::laid`] has changed since the last call.
    pub(super) const fn take_news(&mut self) -> bool {
        core::mem::replace(&mut self.has_news, false)
    }

    /// A journal, for reading.
    pub(super) fn get(&self, id: JournalId) -> Option<&Journal> {
        self.found
            .get(id.index())?
            .as_ref()
            .filter(|_| self.stale & bit(id) == 0)
    }

    /// Whether one could not take the rows of a request now, and will when it has been tended.
    pub(super) fn are_busy(&self) -> bool {
        self.found.iter().flatten().any(|journal| journal.is_busy(REQUEST_ROWS))
    }

    /// Whether a journal is not there yet, and its region can take it.
    pub(super) fn is_coming(&self, id: JournalId) -> bool {
        self.is_missing(id) && self.broken & bit(id) == 0
    }

    fn is_missing(&self, id: JournalId) -> bool {
        self.found.get(id.index()).is_none_or(Option::is_none)
    }

    /// Adds a row. A journal that is not there yet is busy until it is laid out.
    pub(super) fn append(
        &mut self,
        nor: &mut dyn Nor,
        it: &mut Model,
        id: JournalId,
        stamp: Utc,
        row: &[u8],
    ) -> Result<(), MemoryError> {
        if self.stale & bit(id) != 0 {
            self.clear(nor, it, id)?;
        }
        if self.is_coming(id) {
            self.awaited |= bit(id);
        }
        let journal = self.ready(id)?;
        journal.append(nor, stamp, row)?;
        let state = state(journal);
        note_state(it, id, state);
        Ok(())
    }

    /// Forgets all rows of a journal and begins it anew with the present capture list.
    pub(super) fn clear(&mut self, nor: &mut dyn Nor, it: &mut Model, id: JournalId) -> Result<(), MemoryError> {
        let shape = shape(it, id)?;
        if self.is_missing(id) {
            // What is laid out next is empty; a laying with the old capture list begins again.
            if self.laying.as_ref().is_some_and(|(laying, _)| *laying == id) {
                self.laying = None;
            }
            return self.put(it, id, None);
        }
        let journal = self.ready(id)?;
        journal.clear(nor, shape)?;
        let state = state(journal);
        self.stale &= !bit(id);
        note_state(it, id, state);
        Ok(())
    }

    /// Lets a journal read as empty until it is cleared, which is before the next row comes.
    pub(super) fn clear_later(&mut self, it: &mut Model, id: JournalId) -> Result<(), MemoryError> {
        self.stale |= bit(id);
        let written = self
            .found
            .get(id.index())
            .and_then(Option::as_ref)
            .map_or(0, Journal::next_sequence);
        let capacity = shape(it, id)?.capacity(partitions::journal(it.config.flash, id).sectors);
        note_state(
            it,
            id,
            JournalState {
                in_use: 0,
                capacity,
                written,
            },
        );
        Ok(())
    }

    /// Prepares the next writes a little further. Every journal has its turn, also when another is worn.
    pub(super) fn tend(&mut self, nor: &mut dyn Nor, it: &mut Model) -> Result<Tended, MemoryError> {
        let mut tended = Tended::Done;
        let mut outcome = Ok(());
        for journal in self.found.iter_mut().flatten() {
            match journal.tend(nor) {
                Ok(Tended::More) => tended = Tended::More,
                Ok(Tended::Done) => {}
                Err(error) => outcome = outcome.and_then(|()| Err(error.into())),
            }
        }
        let stale = self.stale;
        for id in JournalId::ALL.into_iter().filter(|id| stale & bit(*id) != 0) {
            match self.clear(nor, it, id) {
                Ok(()) => {}
                Err(MemoryError::Fault(Fault::Busy)) => tended = Tended::More,
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        match self.lay(nor, it) {
            Ok(Tended::More) => tended = Tended::More,
            Ok(Tended::Done) => {}
            Err(error) => outcome = outcome.and(Err(error)),
        }
        outcome.map(|()| tended)
    }

    /// Goes on with the journal that is being laid out, or begins with the next one that is missing.
    fn lay(&mut self, nor: &mut dyn Nor, it: &mut Model) -> Result<Tended, MemoryError> {
        let (id, mut laying) = match self.laying.take() {
            Some(laying) => laying,
            None => {
                let missing = |id: &JournalId| self.is_coming(*id) && it.is_captured(*id);
                // Those that rows wait for come first.
                let awaited = |id: &JournalId| self.awaited & bit(*id) != 0 && missing(id);
                let mut all = JournalId::ALL.into_iter();
                let Some(id) = all.clone().find(awaited).or_else(|| all.find(missing)) else {
                    return Ok(Tended::Done);
                };
                let region = partitions::journal(it.config.flash, id).region(nor)?;
                (id, Laying::begin(nor, region, shape(it, id)?)?)
            }
        };
        match laying.tend(nor) {
            Ok(None) => self.laying = Some((id, laying)),
            Ok(Some(journal)) => {
                self.note_laid(id);
                self.awaited &= !bit(id);
                self.put(it, id, Some(journal))?;
            }
            Err(error) => {
                // A worn sector is left out, as long as there are others.
                if laying.is_stuck() {
                    self.broken |= bit(id);
                } else {
                    self.laying = Some((id, laying));
                }
                return Err(error.into());
            }
        }
        Ok(Tended::More)
    }

    /// Waits until all is prepared: at boot only. True when a sector is worn out.
    pub(super) fn settle(&mut self, nor: &mut dyn Nor) -> Result<bool, MemoryError> {
        let mut worn = false;
        for journal in self.found.iter_mut().flatten() {
            worn |= is_worn(journal.settle(nor).map_err(MemoryError::from))?;
        }
        Ok(worn)
    }

    fn ready(&mut self, id: JournalId) -> Result<&mut Journal, MemoryError> {
        if self.broken & bit(id) != 0 {
            return Err(MemoryError::Fault(Fault::Worn(0)));
        }
        let journal = self.found.get_mut(id.index()).and_then(Option::as_mut);
        journal.ok_or(MemoryError::Fault(Fault::Busy))
    }

    /// Takes a journal in, or what it would be, and lets the model say how many rows there are.
    fn put(&mut self, it: &mut Model, id: JournalId, journal: Option<Journal>) -> Result<(), MemoryError> {
        let now = match &journal {
            Some(journal) => state(journal),
            None => JournalState {
                in_use: 0,
                capacity: shape(it, id)?.capacity(partitions::journal(it.config.flash, id).sectors),
                written: 0,
            },
        };
        note_state(it, id, now);
        if let Some(place) = self.found.get_mut(id.index()) {
            *place = journal;
        }
        Ok(())
    }

    const fn note_laid(&mut self, id: JournalId) {
        self.laid |= bit(id);
        self.has_news = true;
    }
}

fn note_state(it: &mut Model, id: JournalId, now: JournalState) {
    if let Some(state) = it.journals.get_mut(id.index()) {
        *state = now;
    }
}

const fn state(journal: &Journal) -> JournalState {
    JournalState {
        in_use: journal.len(),
        capacity: journal.capacity(),
        written: journal.next_sequence(),
    }
}

const fn bit(id: JournalId) -> u32 {
    1 << id.index()
}

/// The shape of a journal's rows under the present capture list.
fn shape(it: &Model, journal: JournalId) -> Result<Shape, MemoryError> {
    let columns = it.columns(journal);
    Ok(Shape {
        width: capture::width(&columns).max(1),
        tag: capture::tag(&columns, it.period(journal)),
    })
}

/// Rows of these columns that a journal holds at least.
pub(crate) fn room(it: &Model, journal: JournalId, columns: &[Column]) -> u32 {
    let shape = Shape {
        width: capture::width(columns).max(1),
        tag: 0,
    };
    shape.capacity(partitions::journal(it.config.flash, journal).sectors)
}

/// Code and actor in the newest row of a log, its third and fourth octets, behind the clock; an actor of 0 where the log has none.
fn last_event(journal: &Journal, nor: &dyn Nor) -> Option<[u8; 2]> {
    let newest = journal.next_sequence().checked_sub(1)?;
    let mut cursor: Cursor = journal.rows(newest, journal.next_sequence());
    let mut row = [0; ROW_OCTETS];
    let width = usize::from(journal.shape().width);
    match journal.next(nor, &mut cursor, &mut row) {
        Ok(Step::Row { .. }) => {
            let [_, _, code, actor, ..] = row;
            Some([code, if 3 < width { actor } else { 0 }])
        }
        _ => None,
    }
}
