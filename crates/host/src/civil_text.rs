//! Civil time and spans of time as people and documents write them: RFC 3339, `2h30m`, `00:05:00`.

use base::{Civil, Micros, Utc};

/// `2026-01-05T11:00:07Z`.
#[must_use]
pub(crate) fn utc_text(utc: Utc) -> String {
    format!("{}Z", utc.civil())
}

/// The same instant as local time with its offset: `2026-01-05T12:00:07+01:00`.
#[must_use]
pub(crate) fn local_text(utc: Utc, offset_minutes: i32) -> String {
    let local = utc.plus(i64::from(offset_minutes) * 60).civil();
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let minutes = offset_minutes.unsigned_abs();
    format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Reads an RFC 3339 date and time with `Z` or an offset. Fractions of a second are dropped.
#[must_use]
pub fn parse_utc(text: &str) -> Option<Utc> {
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let (head, tail) = bytes.split_at_checked(shape.len())?;
    let fits = head.iter().zip(shape).all(|(byte, wanted)| match wanted {
        b'd' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        other => byte == other,
    });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let part = |from: usize| u8::try_from(number(from, from + 2)?).ok();
    let civil = Civil::new(number(0, 4)?, part(5)?, part(8)?, part(11)?, part(14)?, part(17)?).ok()?;
    let zone = match tail {
        [b'.', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            rest.get(digits..)?
        }
        whole => whole,
    };
    let offset_minutes = match zone {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let digits = [*h1, *h2, *m1, *m2];
            if !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let [h1, h2, m1, m2] = digits.map(|digit| i64::from(digit - b'0'));
            let (hours, minutes) = (h1 * 10 + h2, m1 * 10 + m2);
            if 23 < hours || 59 < minutes {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    Some(civil.utc().plus(-offset_minutes * 60))
}

/// Reads a span of time: `90s`, `2h`, `1d12h`, `250ms`, `00:05:00` or a bare number of seconds.
#[must_use]
pub fn parse_span(text: &str) -> Option<Micros> {
    if let Some(seconds) = clock_seconds(text) {
        return Some(Micros::from_secs(seconds));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Micros::new(text.parse::<u64>().ok()?.checked_mul(1_000_000)?));
    }
    let mut rest = text;
    let mut micros = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let amount = rest.get(..digits)?.parse::<u64>().ok()?;
        let tail = rest.get(digits..)?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match tail.get(..letters)? {
            "d" => 86_400_000_000,
            "h" => 3_600_000_000,
            "m" | "min" => 60_000_000,
            "s" => 1_000_000,
            "ms" => 1_000,
            _ => return None,
        };
        micros = micros.checked_add(amount.checked_mul(unit)?)?;
        rest = tail.get(letters..)?;
    }
    Some(Micros::new(micros))
}

/// `hh:mm:ss`, hours without limit.
fn clock_seconds(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let number = |part: &str, length: RangeOfDigits| {
        let fits = length.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| part.parse::<u64>().ok()).flatten()
    };
    let minutes = number(minutes, 2..=2).filter(|minutes| *minutes < 60)?;
    let seconds = number(seconds, 2..=2).filter(|seconds| *seconds < 60)?;
    number(hours, 1..=7).map(|hours| hours * 3_600 + minutes * 60 + seconds)
}

type RangeOfDigits = core::ops::RangeInclusive<usize>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read_in_every_zone_and_written_in_utc() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse_utc(text).map(utc_text).as_deref(), expected, "{text}");
        };
        check("2026-01-05T11:00:07Z", Some("2026-01-05T11:00:07Z"));
        check("2026-01-05t11:00:07.250z", Some("2026-01-05T11:00:07Z"));
        check("2026-01-05T12:00:07+01:00", Some("2026-01-05T11:00:07Z"));
        check("2026-01-05 05:30:07-05:30", Some("2026-01-05T11:00:07Z"));
        for wrong in [
            "",
            "2026-01-05",
            "2026-01-05T11:00:07",
            "2026-02-30T11:00:07Z",
            "2026-01-05T11:00:07.Z",
            "2026-01-05T11:00:07+0100",
            "2026-01-05T11:00:07+24:00",
            "2026-01-05T11:00:07Zulu",
            "+026-01-05T11:00:07Z",
            "2026-01-05T11:00:07ü",
        ] {
            check(wrong, None);
        }
        let noon = parse_utc("2026-07-01T10:00:00Z").expect("a time");
        assert_eq!(local_text(noon, 120), "2026-07-01T12:00:00+02:00");
        assert_eq!(local_text(noon, -210), "2026-07-01T06:30:00-03:30");
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        let check =
            |text: &str, millis: Option<u64>| assert_eq!(parse_span(text).map(Micros::as_millis), millis, "{text}");
        check("90", Some(90_000));
        check("90s", Some(90_000));
        check("1h30m", Some(5_400_000));
        check("2d", Some(172_800_000));
        check("250ms", Some(250));
        check("00:05:00", Some(300_000));
        check("48:00:01", Some(172_801_000));
        for wrong in [
            "",
            "s",
            "5x",
            "-5s",
            "1:2:3",
            "00:60:00",
            "5.5h",
            "99999999999999999999d",
            "00:05",
            "1h 30m",
        ] {
            check(wrong, None);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".{0,40}") {
            let _any = (parse_utc(&text), parse_span(&text));
        }

        #[test]
        fn every_time_reads_back_in_every_zone(seconds in 86_400..253_402_214_400_i64, offset in -720..=840_i32) {
            let utc = Utc::from_unix(seconds);
            proptest::prop_assert_eq!(parse_utc(&utc_text(utc)), Some(utc));
            proptest::prop_assert_eq!(parse_utc(&local_text(utc, offset)), Some(utc));
        }
    }
}
