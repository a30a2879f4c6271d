//! Times on the command line, and how a meter is asked for what lies between two of them.

use base::{Civil, Utc};
use cosem::{ClockStatus, DateTime};

/// A time as somebody wrote it: a reading of a clock, and how far that clock is from UTC, if it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    local: Civil,
    /// Minutes to be added to make UTC.
    deviation: Option<i16>,
}

/// Whether bounds of a range carry a deviation: some meters refuse it, some refuse its absence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RangeDeviation {
    /// As it was written: with a zone it is present, without it is not specified and the meter takes its own.
    #[default]
    AsWritten,
    /// Always: a time without zone is taken to be in the meter's.
    Present,
    /// Never: a time with a zone is turned into the meter's local time.
    Absent,
}

impl Moment {
    /// Reads `2026-01-05`, `2026-01-05T12:00`, with seconds, and with `Z` or `+01:00` behind.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (text, deviation) = match text.strip_suffix(['Z', 'z']) {
            Some(text) => (text, Some(0)),
            None => split_zone(text)?,
        };
        let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00:00"));
        let mut date = date.splitn(3, '-').map(str::parse::<u16>);
        let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
        let mut time = time.splitn(3, ':').map(str::parse::<u8>);
        let (hour, minute) = (time.next()?.ok()?, time.next()?.ok()?);
        let second = time.next().unwrap_or(Ok(0)).ok()?;
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let local = Civil::new(year, month, day, hour, minute, second).ok()?;
        Some(Self { local, deviation })
    }

    /// The moment that a meter's clock or stamp shows.
    pub(crate) fn of(at: DateTime) -> Option<Self> {
        Some(Self {
            local: at.local().ok()?,
            deviation: at.deviation(),
        })
    }

    /// Seconds on the time line of its own clock.
    pub(crate) fn seconds(self) -> i64 {
        self.local.utc().unix()
    }

    /// The same clock at another of its seconds.
    pub(crate) fn at(self, seconds: i64) -> Self {
        Self {
            local: Utc::from_unix(seconds).civil(),
            ..self
        }
    }

    /// UTC, where a time without zone is in one that is `otherwise` minutes from it.
    pub(crate) fn utc(self, otherwise: i16) -> Utc {
        self.local
            .utc()
            .plus(60 * i64::from(self.deviation.unwrap_or(otherwise)))
    }

    /// As a bound of a range for a meter whose clock is `meter` minutes from UTC.
    pub(crate) fn bound(self, meter: i16, form: RangeDeviation) -> DateTime {
        let (local, deviation) = match (form, self.deviation) {
            (RangeDeviation::AsWritten, deviation) => (self.local, deviation),
            (RangeDeviation::Present, deviation) => (self.local, Some(deviation.unwrap_or(meter))),
            (RangeDeviation::Absent, None) => (self.local, None),
            (RangeDeviation::Absent, Some(_)) => (self.utc(meter).plus(-60 * i64::from(meter)).civil(), None),
        };
        let written = DateTime::from_local(local, deviation.unwrap_or(0), ClockStatus::default());
        let mut octets = written.octets();
        let [_, _, _, _, day_of_week, _, _, _, hundredths, high, low, status] = &mut octets;
        // Bounds say when, and nothing of the clock that showed it.
        (*day_of_week, *hundredths, *status) = (0xFF, 0xFF, 0xFF);
        if deviation.is_none() {
            (*high, *low) = (0x80, 0x00);
        }
        DateTime::from_octets(octets)
    }
}

/// Takes `+01:00` off; none where what looks like a zone is none.
fn split_zone(text: &str) -> Option<(&str, Option<i16>)> {
    let Some(at) = text.find(['T', 't', ' ']).and_then(|from| {
        let rest = text.get(from..)?;
        rest.find(['+', '-']).map(|it| from + it)
    }) else {
        return Some((text, None));
    };
    let (before, zone) = text.split_at(at);
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let minutes = 60 * hours.parse::<i16>().ok()? + minutes.parse::<i16>().ok()?;
    if 14 * 60 < minutes {
        return None;
    }
    Some((before, Some(if zone.starts_with('-') { minutes } else { -minutes })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str, form: RangeDeviation) -> String {
        let octets = Moment::parse(text).expect("a time").bound(-60, form).octets();
        crate::hex::hex(&octets)
    }

    #[test]
    fn times_are_read_with_and_without_a_zone() {
        for (text, utc) in [
            ("2026-01-05", 1_767_571_200 - 3600),
            ("2026-01-05T12:00Z", 1_767_571_200 + 43_200),
            ("2026-01-05T12:00:30+01:00", 1_767_571_200 + 43_230 - 3600),
            ("2026-01-05 12:00:00-02:30", 1_767_571_200 + 43_200 + 9000),
        ] {
            assert_eq!(Moment::parse(text).expect(text).utc(-60).unix(), utc, "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-01-05T25:00",
            "2026-01-05T12:00+99:00",
            "yesterday",
            "2026-01-05T12:00+1",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_deviation_of_a_bound_is_present_or_absent_as_the_meter_wants_it() {
        // Complaint about peers (Gurux/gurux.dlms.java pull 25): some meters refuse a range with a deviation, others one without.
        let with_zone = "2026-01-05T12:00:00+02:00";
        assert_eq!(bound(with_zone, RangeDeviation::AsWritten), "07EA0105FF0C0000FFFF88FF");
        assert_eq!(bound(with_zone, RangeDeviation::Present), "07EA0105FF0C0000FFFF88FF");
        assert_eq!(bound(with_zone, RangeDeviation::Absent), "07EA0105FF0B0000FF8000FF");
        let without = "2026-01-05T12:00:00";
        assert_eq!(bound(without, RangeDeviation::AsWritten), "07EA0105FF0C0000FF8000FF");
        assert_eq!(bound(without, RangeDeviation::Present), "07EA0105FF0C0000FFFFC4FF");
        assert_eq!(bound(without, RangeDeviation::Absent), "07EA0105FF0C0000FF8000FF");
    }
}
