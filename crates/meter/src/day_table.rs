//! The day table of an activity calendar: up to 24 day types of up to 48 switchings, read where it lies (T2; class 20, attributes 5 and 9).
//!
//! A full table has 22 kB of A-XDR and is never in RAM: it is read from the memory piece by piece, once to check it and once for each day.

use cosem::axdr::tag;
use cosem::{AccessError, Obis};
use heapless::Vec;

use crate::calendar::DayIds;

/// Most day types of a table.
pub const DAYS: usize = 24;
/// Most switchings of a day.
pub const SWITCHES: usize = 48;
/// Most octets of a table: 3 of the array, and for each day 2 + 2 + 2, and 19 for each switching.
pub const OCTETS: u32 = 3 + 24 * (6 + 48 * 19);

/// The script table that day types name.
pub const TARIFF_SCRIPTS: Obis = Obis::new("0-0:10.0.100");

/// One switching: from a second of the local day on, a tariff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Seconds since local midnight.
    pub second: u32,
    /// The script: 1 to 8, or 0 to change nothing.
    pub script: u8,
}

/// The switchings of one day, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day(Vec<Packed, SWITCHES>);

/// Second and script in one word.
type Packed = u32;

/// Reads octets of the table from an offset on.
pub type Read<'a> = &'a dyn Fn(u32, &mut [u8]) -> Result<(), AccessError>;

impl Day {
    /// The script that holds at `second`: that of the last switching which is not empty.
    #[must_use]
    pub fn script_at(&self, second: u32) -> Option<u8> {
        let past = self.iter().take_while(|switch| switch.second <= second);
        past.map(|switch| switch.script).filter(|script| *script != 0).last()
    }

    /// The second of the first switching after `second`.
    #[must_use]
    pub fn next_after(&self, second: u32) -> Option<u32> {
        self.iter().map(|switch| switch.second).find(|at| second < *at)
    }

    /// The switchings.
    pub fn iter(&self) -> impl Iterator<Item = Switch> {
        self.0.iter().map(|packed| {
            let [script, ..] = packed.to_le_bytes();
            Switch {
                second: packed >> 8,
                script,
            }
        })
    }

    fn push(&mut self, switch: Switch) -> Result<(), AccessError> {
        let packed = switch.second << 8 | u32::from(switch.script);
        self.0.push(packed).map_err(|_| AccessError::OtherReason)
    }
}

/// Checks a whole table of `length` octets, and answers the day types that it defines.
///
/// # Errors
/// `TypeUnmatched` when it is no array of day types; `OtherReason` when there are more than 24 or one comes twice, a day has no switching or
/// more than 48, does not begin at 00:00:00, has times that are none, doubled or out of order, or calls another script than 0 to 8 of
/// 0-0:10.0.100. The memory's refusal when it cannot be read.
pub fn check(read: Read<'_>, length: u32) -> Result<DayIds, AccessError> {
    let mut table = Table { read, length, at: 0 };
    let mut known = DayIds::default();
    let count = table.array()?;
    if DAYS < count {
        return Err(AccessError::OtherReason);
    }
    for _ in 0..count {
        let (id, _) = table.day()?;
        if !known.insert(id) {
            return Err(AccessError::OtherReason);
        }
    }
    if table.at == length {
        Ok(known)
    } else {
        Err(AccessError::TypeUnmatched)
    }
}

/// The switchings of day type `id`; none when the table does not define it.
///
/// # Errors
/// As [`check`].
pub fn find(read: Read<'_>, length: u32, id: u8) -> Result<Option<Day>, AccessError> {
    let mut table = Table { read, length, at: 0 };
    for _ in 0..table.array()? {
        let (found, day) = table.day()?;
        if found == id {
            return Ok(Some(day));
        }
    }
    Ok(None)
}

/// A place in a table.
struct Table<'a> {
    read: Read<'a>,
    length: u32,
    at: u32,
}

impl Table<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], AccessError> {
        let end = u32::try_from(N).ok().and_then(|count| self.at.checked_add(count));
        let end = end
            .filter(|end| *end <= self.length)
            .ok_or(AccessError::TypeUnmatched)?;
        let mut octets = [0; N];
        (self.read)(self.at, &mut octets)?;
        self.at = end;
        Ok(octets)
    }

    /// The head of an array.
    fn array(&mut self) -> Result<usize, AccessError> {
        let [kind, first] = self.take()?;
        if kind != tag::ARRAY {
            return Err(AccessError::TypeUnmatched);
        }
        match first {
            0x81 => self.take().map(|[count]: [u8; 1]| usize::from(count)),
            0x82 => self.take().map(|count| usize::from(u16::from_be_bytes(count))),
            count if count < 0x80 => Ok(usize::from(count)),
            _ => Err(AccessError::TypeUnmatched),
        }
    }

    fn day(&mut self) -> Result<(u8, Day), AccessError> {
        let [structure, fields, unsigned, id] = self.take()?;
        if [structure, fields, unsigned] != [tag::STRUCTURE, 2, tag::UNSIGNED] {
            return Err(AccessError::TypeUnmatched);
        }
        let count = self.array()?;
        if !(1..=SWITCHES).contains(&count) {
            return Err(AccessError::OtherReason);
        }
        let mut day = Day::default();
        let mut last = None;
        for _ in 0..count {
            let switch = self.switch()?;
            let in_order = match last {
                None => switch.second == 0,
                Some(last) => last < switch.second,
            };
            if !in_order {
                return Err(AccessError::OtherReason);
            }
            last = Some(switch.second);
            day.push(switch)?;
        }
        Ok((id, day))
    }

    fn switch(&mut self) -> Result<Switch, AccessError> {
        let entry: [u8; 19] = self.take()?;
        let [
            structure,
            fields,
            time_tag,
            time_length,
            hour,
            minute,
            second,
            hundredths,
            name_tag,
            name_length,
            name @ ..,
            selector_tag,
            high,
            low,
        ] = entry;
        let form = [
            structure,
            fields,
            time_tag,
            time_length,
            name_tag,
            name_length,
            selector_tag,
        ];
        let wanted = [
            tag::STRUCTURE,
            3,
            tag::OCTET_STRING,
            4,
            tag::OCTET_STRING,
            6,
            tag::LONG_UNSIGNED,
        ];
        if form != wanted {
            return Err(AccessError::TypeUnmatched);
        }
        let second = if second == 0xFF { 0 } else { second };
        let is_time = hour < 24 && minute < 60 && second < 60 && [0, 0xFF].contains(&hundredths);
        let is_script = Obis::from_octets(name) == TARIFF_SCRIPTS && high == 0 && low <= 8;
        if !is_time || !is_script {
            return Err(AccessError::OtherReason);
        }
        Ok(Switch {
            second: u32::from(hour) * 3_600 + u32::from(minute) * 60 + u32::from(second),
            script: low,
        })
    }
}
