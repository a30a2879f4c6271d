//! The activity calendar: which day type holds on a date, by special day, season and week (T2; classes 20 and 11).
//!
//! ```text
//! date -> special day? -> day type
//!      -> season (the one that began last) -> week -> day of week -> day type -> switchings (day_table.rs)
//! ```
//!
//! A season begins at a moment with wildcards: every year or once, on a day of one month or of each, on every such weekday, or with
//! daylight saving; at midnight or at a time of the day. From that moment on the rest of the day is one of its own week.
//!
//! What a client writes is checked by itself and refused whole; that the parts fit together is checked when the passive calendar is to
//! become active, since they may be written in any order. A calendar that contradicts itself never becomes active.

use base::Civil;
use cosem::axdr::{Full, Octets, Reader, Writer};
use cosem::{AccessError, DateTime};
use heapless::Vec;

use crate::clock::{Clock, is_meant, year_of};

/// Most seasons and weeks of a calendar.
pub const SEASONS: usize = 8;
/// Most weeks.
pub const WEEKS: usize = 8;
/// Most special days.
pub const SPECIAL_DAYS: usize = 31;
/// Most octets of a name.
pub const NAME_OCTETS: usize = 8;

/// The name of a calendar, season or week: 1 to 8 octets.
pub type Name = Vec<u8, NAME_OCTETS>;

/// A season: from a moment on, which may come again and again, a week holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Season {
    name: Name,
    start: DateTime,
    week: Name,
}

/// A week: a day type for Monday to Sunday.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Week {
    name: Name,
    days: [u8; 7],
}

/// The day types that a day table defines, and where in the memory it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// The place of the table among the large values; none while there is no table.
    pub place: Option<u8>,
    /// Octets of the table.
    pub length: u32,
    /// The numbers that it defines.
    pub known: DayIds,
}

/// A set of day types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayIds([u32; 8]);

/// One calendar, active or passive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Its name.
    pub name: Name,
    seasons: Vec<Season, SEASONS>,
    weeks: Vec<Week, WEEKS>,
    /// Its day table.
    pub days: Days,
}

/// Special days, in the order of their indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialDays(Vec<SpecialDay, SPECIAL_DAYS>);

/// A day that is not like the others of its week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialDay {
    /// Its number.
    pub index: u16,
    /// Year, month, day, day of week, with wildcards.
    pub date: [u8; 5],
    /// The day type that holds.
    pub day_id: u8,
}

/// Why a calendar cannot become active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// A season names a week that is not defined, or there is no season at all.
    Week,
    /// A week or a special day names a day type that is not defined.
    Day,
}

impl Days {
    /// Octets of the saved form.
    pub const OCTETS: usize = 1 + 4 + 32;

    /// Writes what is known of the table, [`Days::OCTETS`].
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(self.place.unwrap_or(0xFF))?;
        out.put(&self.length.to_be_bytes())?;
        self.known.0.iter().try_for_each(|word| out.put(&word.to_be_bytes()))
    }

    /// Reads what [`Days::save`] wrote.
    #[must_use]
    pub fn restored(from: &mut Reader<'_>) -> Option<Self> {
        let place = from.octet().ok()?;
        let length = u32::from_be_bytes(from.array_of().ok()?);
        let mut known = DayIds::default();
        for word in &mut known.0 {
            *word = u32::from_be_bytes(from.array_of().ok()?);
        }
        Some(Self {
            place: (place != 0xFF).then_some(place),
            length,
            known,
        })
    }
}

impl DayIds {
    /// Adds a number; false when it was there.
    pub fn insert(&mut self, id: u8) -> bool {
        let bit = 1 << (id % 32);
        match self.0.get_mut(usize::from(id / 32)) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    /// Whether a number is among them.
    #[must_use]
    pub fn contains(&self, id: u8) -> bool {
        self.0
            .get(usize::from(id / 32))
            .is_some_and(|word| word >> (id % 32) & 1 == 1)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

/// Reads a name.
///
/// # Errors
/// `TypeUnmatched` when it is no octet-string, `OtherReason` when it is longer than 8 octets.
pub fn read_name(from: &mut Reader<'_>) -> Result<Name, AccessError> {
    let Octets(octets) = from.value()?;
    Name::from_slice(octets).map_err(|_| AccessError::OtherReason)
}

fn named(from: &mut Reader<'_>) -> Result<Name, AccessError> {
    read_name(from).and_then(|name| {
        if name.is_empty() {
            Err(AccessError::OtherReason)
        } else {
            Ok(name)
        }
    })
}

impl Season {
    /// The local reading at which it began last, up to `now`, in seconds.
    fn began(&self, now: Civil, clock: &Clock) -> Option<i64> {
        let last = now.utc().unix();
        let (mut year, mut month) = (now.year(), now.month());
        if let Some(only) = year_of(self.start) {
            if now.year() < only {
                return None;
            }
            if only < now.year() {
                (year, month) = (only, 12);
            }
        }
        for _ in 0..MONTHS_BACK {
            let mut starts = (1..=31)
                .rev()
                .filter_map(|day| self.start_on((year, month, day), clock));
            let began = starts.find(|start| *start <= last);
            if began.is_some() {
                return began;
            }
            (year, month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
            if year < 2000 || year_of(self.start).is_some_and(|only| only != year) {
                return None;
            }
        }
        None
    }

    /// The local reading at which it begins on a day, in seconds; none when that is no day of its own.
    fn start_on(&self, (year, month, day): (u16, u8, u8), clock: &Clock) -> Option<i64> {
        let [year_high, year_low, of_month, of_day, weekday, hour, minute, second, ..] = self.start.octets();
        let part = |part| if part == NOT_SPECIFIED { 0 } else { part };
        if year_of(self.start).is_some_and(|only| only != year) {
            return None;
        }
        let start = Civil::new(year, month, day, part(hour), part(minute), part(second)).ok()?;
        let is_day = match of_month {
            SUMMER_BEGINS | SUMMER_ENDS => {
                clock.daylight_saving_day(year, of_month == SUMMER_ENDS) == Some((month, day))
            }
            of_month => is_meant([year_high, year_low, of_month, of_day, weekday], start),
        };
        is_day.then(|| start.utc().unix())
    }

    /// Whether a season can begin so: on a day that some year has, at a time of the day or with no time at all, which is midnight.
    fn is_possible(&self) -> bool {
        let [_, _, month, day, weekday, hour, minute, second, hundredths, ..] = self.start.octets();
        let has_time = match hour {
            NOT_SPECIFIED => [minute, second].iter().all(|part| [0, NOT_SPECIFIED].contains(part)),
            hour => hour < 24 && minute < 60 && (second < 60 || second == NOT_SPECIFIED),
        };
        let has_year = year_of(self.start).is_none_or(|year| (2000..2100).contains(&year));
        // The night in which daylight saving begins or ends is a day already.
        let is_night = [SUMMER_BEGINS, SUMMER_ENDS].contains(&month);
        let in_range = (month == NOT_SPECIFIED || is_night || (1..=12).contains(&month))
            && (weekday == NOT_SPECIFIED || (1..=7).contains(&weekday))
            && [0, NOT_SPECIFIED].contains(&hundredths)
            && (!is_night || [day, weekday] == [NOT_SPECIFIED; 2]);
        let has_day = match (month, day) {
            (_, NOT_SPECIFIED | 0xFE | 0xFD) => true,
            (2, day) => (1..=29).contains(&day) && (day != 29 || year_of(self.start).is_none_or(|year| year % 4 == 0)),
            (4 | 6 | 9 | 11, day) => (1..=30).contains(&day),
            (_, day) => (1..=31).contains(&day),
        };
        has_time && has_year && in_range && has_day
    }

    /// The start with what is not specified of its time filled in.
    fn moment(&self) -> [u8; 8] {
        let [year_high, year_low, month, day, weekday, time @ .., _, _, _, _] = self.start.octets();
        let [hour, minute, second] = time.map(|part| if part == NOT_SPECIFIED { 0 } else { part });
        [year_high, year_low, month, day, weekday, hour, minute, second]
    }
}

/// A part of a date or time that is not specified: any.
const NOT_SPECIFIED: u8 = 0xFF;
/// A month that stands for the day on which daylight saving begins.
const SUMMER_BEGINS: u8 = 0xFE;
/// A month that stands for the day on which it ends.
const SUMMER_ENDS: u8 = 0xFD;
/// Months that are looked back for the last beginning: a 29th of February may be eight years ago.
const MONTHS_BACK: usize = 8 * 12 + 1;

impl Calendar {
    /// Attribute 3 or 7.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn write_seasons(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.array(self.seasons.len())?;
        for season in &self.seasons {
            out.structure(3)?;
            out.value(Octets(&season.name))?;
            out.value(season.start)?;
            out.value(Octets(&season.week))?;
        }
        Ok(())
    }

    /// Sets attribute 7.
    ///
    /// # Errors
    /// `TypeUnmatched` when it is no array of seasons; `OtherReason` when there are more than 8, a name is empty, longer than 8 octets or
    /// comes twice, a start is no moment of any year or comes twice. Then nothing has changed.
    pub fn set_seasons(&mut self, from: &mut Reader<'_>) -> Result<(), AccessError> {
        let mut seasons: Vec<Season, SEASONS> = Vec::new();
        for _ in 0..from.array()? {
            from.structure(3)?;
            let season = Season {
                name: named(from)?,
                start: from.value()?,
                week: named(from)?,
            };
            let is_like = |other: &Season| other.name == season.name || other.moment() == season.moment();
            if !season.is_possible() || seasons.iter().any(is_like) {
                return Err(AccessError::OtherReason);
            }
            seasons.push(season).map_err(|_| AccessError::OtherReason)?;
        }
        self.seasons = seasons;
        Ok(())
    }

    /// Attribute 4 or 8.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn write_weeks(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.array(self.weeks.len())?;
        for week in &self.weeks {
            out.structure(8)?;
            out.value(Octets(&week.name))?;
            week.days.iter().try_for_each(|day| out.value(*day))?;
        }
        Ok(())
    }

    /// Sets attribute 8.
    ///
    /// # Errors
    /// `TypeUnmatched` when it is no array of weeks; `OtherReason` when there are more than 8, a name is empty, longer than 8 octets or comes
    /// twice. Then nothing has changed.
    pub fn set_weeks(&mut self, from: &mut Reader<'_>) -> Result<(), AccessError> {
        let mut weeks: Vec<Week, WEEKS> = Vec::new();
        for _ in 0..from.array()? {
            from.structure(8)?;
            let mut week = Week {
                name: named(from)?,
                days: [0; 7],
            };
            for day in &mut week.days {
                *day = from.value()?;
            }
            if weeks.iter().any(|other| other.name == week.name) {
                return Err(AccessError::OtherReason);
            }
            weeks.push(week).map_err(|_| AccessError::OtherReason)?;
        }
        self.weeks = weeks;
        Ok(())
    }

    /// Whether there is nothing to follow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seasons.is_empty()
    }

    /// Whether the parts fit together. A calendar without anything in it does: it switches nothing.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self, special: &SpecialDays) -> Result<(), Contradiction> {
        let known = &self.days.known;
        if self.seasons.is_empty() && self.weeks.is_empty() && self.days.place.is_none() {
            return Ok(());
        }
        let has_week = |season: &Season| self.weeks.iter().any(|week| week.name == season.week);
        if self.seasons.is_empty() || !self.seasons.iter().all(has_week) {
            return Err(Contradiction::Week);
        }
        let of_weeks = self.weeks.iter().flat_map(|week| &week.days);
        let of_special = special.0.iter().map(|day| &day.day_id);
        if of_weeks.chain(of_special).all(|id| known.contains(*id)) {
            Ok(())
        } else {
            Err(Contradiction::Day)
        }
    }

    /// The day type that holds at a local reading; none when no season has begun yet. Of seasons that begin at the same moment the one
    /// that stands last holds.
    #[must_use]
    pub fn day_id(&self, special: &SpecialDays, local: Civil, clock: &Clock) -> Option<u8> {
        if let Some(day) = special
            .0
            .iter()
            .find(|day| is_meant(day.date, local) && self.days.known.contains(day.day_id))
        {
            return Some(day.day_id);
        }
        let (_, season) = self
            .seasons
            .iter()
            .filter_map(|season| Some((season.began(local, clock)?, season)))
            .max_by_key(|(began, _)| *began)?;
        let week = self.weeks.iter().find(|week| week.name == season.week)?;
        week.days.get(usize::from(local.weekday()) - 1).copied()
    }

    /// Whether a season begins on a local date.
    #[must_use]
    pub fn has_start(&self, date: Civil, clock: &Clock) -> bool {
        let date = (date.year(), date.month(), date.day());
        self.seasons.iter().any(|season| season.start_on(date, clock).is_some())
    }

    /// The first second of the local day, after that of `local`, at which a season begins.
    #[must_use]
    pub fn next_start(&self, local: Civil, clock: &Clock) -> Option<u32> {
        let (date, now) = ((local.year(), local.month(), local.day()), local.utc().unix());
        let starts = self.seasons.iter().filter_map(|season| season.start_on(date, clock));
        let next = starts.filter(|start| now < *start).min()?;
        u32::try_from(next.rem_euclid(86_400)).ok()
    }

    /// Writes all but the day table itself, at most [`Calendar::OCTETS`].
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.value(Octets(&self.name))?;
        self.write_seasons(out)?;
        self.write_weeks(out)?;
        self.days.save(out)
    }

    /// Reads what [`Calendar::save`] wrote, by the checks that a client meets.
    #[must_use]
    pub fn restored(from: &mut Reader<'_>) -> Option<Self> {
        let mut calendar = Self {
            name: read_name(from).ok()?,
            ..Self::default()
        };
        calendar.set_seasons(from).ok()?;
        calendar.set_weeks(from).ok()?;
        calendar.days = Days::restored(from)?;
        Some(calendar)
    }

    /// Most octets of the saved form.
    pub const OCTETS: usize = 2
        + NAME_OCTETS
        + 2
        + SEASONS * (2 + 2 * (2 + NAME_OCTETS) + 14)
        + 2
        + WEEKS * (2 + 2 + NAME_OCTETS + 14)
        + Days::OCTETS;
}

impl SpecialDay {
    /// Whether a date can be meant: parts in their ranges, and some day of 28 years that fits.
    fn is_possible(&self) -> bool {
        let [year_high, year_low, month, day, weekday] = self.date;
        let year = u16::from_be_bytes([year_high, year_low]);
        let years = if year == 0xFFFF { 2000..=2027 } else { year..=year };
        let in_range = (year == 0xFFFF || (2000..2100).contains(&year))
            && (month == 0xFF || (1..=12).contains(&month))
            && (day == 0xFF || day == 0xFE || day == 0xFD || (1..=31).contains(&day))
            && (weekday == 0xFF || (1..=7).contains(&weekday))
            && self.date != [0xFF; 5];
        let months = if month == 0xFF { 1..=12 } else { month..=month };
        in_range
            && years.into_iter().any(|year| {
                months.clone().any(|month| {
                    (1..=31).any(|day| Civil::new(year, month, day, 0, 0, 0).is_ok_and(|it| is_meant(self.date, it)))
                })
            })
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, AccessError> {
        from.structure(3)?;
        let index = from.value()?;
        let Octets(date) = from.value()?;
        let day = Self {
            index,
            date: date.try_into().map_err(|_| AccessError::TypeUnmatched)?,
            day_id: from.value()?,
        };
        if day.is_possible() {
            Ok(day)
        } else {
            Err(AccessError::OtherReason)
        }
    }
}

impl SpecialDays {
    /// Attribute 2 of class 11.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn write(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.array(self.0.len())?;
        for day in &self.0 {
            out.structure(3)?;
            out.value(day.index)?;
            out.value(Octets(&day.date))?;
            out.value(day.day_id)?;
        }
        Ok(())
    }

    /// Reads a whole table. A day type must be one that `is_known`.
    ///
    /// # Errors
    /// `TypeUnmatched` when it is no array of special days; `OtherReason` when there are more than 31, an index comes twice, a date cannot
    /// be, or a day type is unknown.
    pub fn read(from: &mut Reader<'_>, is_known: impl Fn(u8) -> bool) -> Result<Self, AccessError> {
        let mut days = Self::default();
        for _ in 0..from.array()? {
            let day = SpecialDay::read(from)?;
            if days.0.iter().any(|other| other.index == day.index) {
                return Err(AccessError::OtherReason);
            }
            days.put(day, &is_known)?;
        }
        Ok(days)
    }

    fn put(&mut self, day: SpecialDay, is_known: impl Fn(u8) -> bool) -> Result<(), AccessError> {
        if !is_known(day.day_id) {
            return Err(AccessError::OtherReason);
        }
        match self.0.iter().position(|other| day.index <= other.index) {
            Some(at) if self.0.get(at).is_some_and(|other| other.index == day.index) => {
                if let Some(place) = self.0.get_mut(at) {
                    *place = day;
                }
                Ok(())
            }
            Some(at) => self.0.insert(at, day).map_err(|_| AccessError::OtherReason),
            None => self.0.push(day).map_err(|_| AccessError::OtherReason),
        }
    }

    /// Method 1 of class 11: adds a day, or takes the place of the one with the same index.
    ///
    /// # Errors
    /// As [`SpecialDays::read`].
    pub fn insert(&mut self, from: &mut Reader<'_>, is_known: impl Fn(u8) -> bool) -> Result<(), AccessError> {
        self.put(SpecialDay::read(from)?, is_known)
    }

    /// Method 2 of class 11.
    ///
    /// # Errors
    /// `OtherReason` when there is no day with this index.
    pub fn delete(&mut self, index: u16) -> Result<(), AccessError> {
        let at = self
            .0
            .iter()
            .position(|day| day.index == index)
            .ok_or(AccessError::OtherReason)?;
        self.0.remove(at);
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests;
