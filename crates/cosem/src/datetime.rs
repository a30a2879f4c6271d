//! Date and time as COSEM objects hold them: 12 octets, any of which may be "not specified" (IEC 62056-6-2, 4.1.6.1).

use base::{Civil, Utc};

use crate::axdr::{AxdrError, Decode, Encode, Full, Octets, Reader, Writer, tag};

/// A COSEM date-time in its 12 octets: year (2), month, day of month, day of week, hour, minute, second, hundredths, deviation (2),
/// clock status. `FF` (year `FFFF`, deviation `8000`) means "not specified".
///
/// The deviation is what must be **added to local time to get UTC**, in minutes: -60 in Central European winter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime([u8; 12]);

/// What a clock says of itself (bits of the clock status octet).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockStatus {
    /// The time cannot be relied on at all: the reserve was exhausted and nobody set the clock since.
    pub invalid: bool,
    /// The time may be off, e.g. after a reset.
    pub doubtful: bool,
    /// Daylight saving is in force.
    pub daylight_saving: bool,
}

/// A date-time that names no single moment, since parts of it are wildcards or no date of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wildcard;

impl ClockStatus {
    /// The octet: bit 0 invalid, bit 1 doubtful, bit 7 daylight saving.
    #[must_use]
    pub const fn octet(self) -> u8 {
        (self.invalid as u8) | (self.doubtful as u8) << 1 | (self.daylight_saving as u8) << 7
    }
}

impl DateTime {
    /// Nothing specified at all.
    pub const UNSPECIFIED: Self = Self([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0x00, 0xFF]);

    /// The date-time in these octets; they are not checked, since wildcards are allowed nearly everywhere.
    #[must_use]
    pub const fn from_octets(octets: [u8; 12]) -> Self {
        Self(octets)
    }

    /// The 12 octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 12] {
        self.0
    }

    /// The reading `local` of a clock that is `deviation` minutes from UTC (UTC = local + deviation).
    #[must_use]
    pub fn from_local(local: Civil, deviation: i16, status: ClockStatus) -> Self {
        let [year_high, year_low] = local.year().to_be_bytes();
        let [deviation_high, deviation_low] = deviation.to_be_bytes();
        Self([
            year_high,
            year_low,
            local.month(),
            local.day(),
            local.weekday(),
            local.hour(),
            local.minute(),
            local.second(),
            0,
            deviation_high,
            deviation_low,
            status.octet(),
        ])
    }

    /// The moment `utc` on a clock that is `deviation` minutes from UTC.
    #[must_use]
    pub fn from_utc(utc: Utc, deviation: i16, status: ClockStatus) -> Self {
        Self::from_local(utc.plus(-60 * i64::from(deviation)).civil(), deviation, status)
    }

    /// The deviation in minutes, if it is specified.
    #[must_use]
    pub const fn deviation(self) -> Option<i16> {
        let [.., high, low, _] = self.0;
        match i16::from_be_bytes([high, low]) {
            i16::MIN => None,
            minutes => Some(minutes),
        }
    }

    /// The same with the sign of its deviation the other way round, as some meters say it: what local time is ahead of UTC.
    #[must_use]
    pub const fn with_deviation_reversed(self) -> Self {
        let [a, b, c, d, e, f, g, h, i, high, low, status] = self.0;
        // "Not specified" is its own opposite.
        let [high, low] = i16::from_be_bytes([high, low]).wrapping_neg().to_be_bytes();
        Self([a, b, c, d, e, f, g, h, i, high, low, status])
    }

    /// Date and time of day as the local clock reads; seconds and hundredths that are not specified count as 0.
    ///
    /// # Errors
    /// [`Wildcard`] when another part is not specified, or the calendar has no such date. The day of week is not looked at.
    pub fn local(self) -> Result<Civil, Wildcard> {
        let [year_high, year_low, month, day, _, hour, minute, second, ..] = self.0;
        let second = if second == 0xFF { 0 } else { second };
        Civil::new(
            u16::from_be_bytes([year_high, year_low]),
            month,
            day,
            hour,
            minute,
            second,
        )
        .map_err(|_| Wildcard)
    }

    /// The moment, where a date-time without deviation is taken to be `otherwise` minutes from UTC.
    ///
    /// # Errors
    /// [`Wildcard`] when it names no single moment.
    pub fn utc(self, otherwise: impl FnOnce(Civil) -> i16) -> Result<Utc, Wildcard> {
        let local = self.local()?;
        let deviation = self.deviation().unwrap_or_else(|| otherwise(local));
        Ok(local.utc().plus(60 * i64::from(deviation)))
    }
}

impl Encode for DateTime {
    /// As an octet-string of 12 octets, which is what clients expect of clocks and time stamps.
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        Octets(&self.0).encode(out)
    }
}

impl Decode<'_> for DateTime {
    /// From an octet-string of 12 octets or the type date-time; clients send both.
    fn decode(from: &mut Reader<'_>) -> Result<Self, AxdrError> {
        if from.peek() == Some(tag::DATE_TIME) {
            from.octet()?;
            return from.array_of().map(Self);
        }
        let at = from.offset();
        let octets: Octets<'_> = from.value()?;
        octets.0.try_into().map(Self).map_err(|_| AxdrError {
            at,
            why: "a date-time has 12 octets",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Services reference, HDLC vector get-clock-r: 2002-12-04 03:10:06, deviation +120.
    #[test]
    fn a_clock_reading_has_the_octets_of_the_published_frame() {
        let local = Civil::new(2002, 12, 4, 10, 6, 11).expect("the calendar has it");
        let reading = DateTime::from_local(local, 120, ClockStatus::default());
        assert_eq!(
            reading.octets(),
            [0x07, 0xD2, 0x0C, 0x04, 0x03, 0x0A, 0x06, 0x0B, 0x00, 0x00, 0x78, 0x00]
        );
    }

    #[test]
    fn the_deviation_leads_from_local_time_to_utc() {
        let winter = DateTime::from_utc(Utc::from_unix(1_700_000_000), -60, ClockStatus::default());
        assert_eq!(winter.local().map(|it| it.utc().unix()), Ok(1_700_003_600));
        assert_eq!(winter.utc(|_| 0), Ok(Utc::from_unix(1_700_000_000)));
        let mut octets = winter.octets();
        octets[9..11].copy_from_slice(&[0x80, 0x00]);
        assert_eq!(
            DateTime::from_octets(octets).utc(|_| -120),
            Ok(Utc::from_unix(1_699_996_400))
        );
    }

    #[test]
    fn wildcards_name_no_moment() {
        assert_eq!(DateTime::UNSPECIFIED.local(), Err(Wildcard));
        assert_eq!(DateTime::UNSPECIFIED.deviation(), None);
    }

    #[test]
    fn both_forms_on_the_wire_are_read() {
        let mut octets = [0; 13];
        octets[0] = 0x19;
        octets[1..].copy_from_slice(&DateTime::UNSPECIFIED.octets());
        assert_eq!(Reader::new(&octets).value::<DateTime>(), Ok(DateTime::UNSPECIFIED));
        let mut string = [0; 14];
        string[..2].copy_from_slice(&[9, 12]);
        string[2..].copy_from_slice(&DateTime::UNSPECIFIED.octets());
        assert_eq!(Reader::new(&string).value::<DateTime>(), Ok(DateTime::UNSPECIFIED));
        assert!(Reader::new(&[9, 5, 1, 2, 3, 4, 5]).value::<DateTime>().is_err());
    }
}
