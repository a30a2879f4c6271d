//! The configuration of a COMTRADE recording (IEEE C37.111, clause "Configuration file"): channels, rates, data format.

use std::io::BufRead;

use super::super::lines::{LONGEST_FIELD, Lines};
use super::super::recording::{Fault, shown};

/// A configuration that is whole in itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// The year of the standard's edition.
    pub(crate) revision: Revision,
    /// Analogue channels in the order of the data.
    pub(crate) analog: Vec<Analog>,
    /// How many digital channels follow them in the data.
    pub(crate) n_status: usize,
    /// Samples per second, where the recording has one fixed rate.
    pub(crate) rate_hz: Option<f64>,
    /// How many samples there must be.
    pub(crate) n_samples: u64,
    /// Date and time of the first sample in ISO order, local to the recorder, unless it had no clock.
    pub(crate) recorded_at: Option<String>,
    /// How the samples are written.
    pub(crate) encoding: Encoding,
    /// Seconds in one unit of a time stamp.
    pub(crate) stamp_seconds: f64,
}

/// Editions of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Revision {
    /// C37.111-1991: no year in the first line, no primary and secondary, dates as month/day/year.
    Of1991,
    /// C37.111-1999 and IEC 60255-24:2001.
    Of1999,
    /// C37.111-2013 and IEC 60255-24:2013.
    Of2013,
}

/// How a data file writes its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Ascii,
    Binary16,
    Binary32,
    Float32,
}

/// An analogue channel: `a * value + b` in a unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Analog {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) phase: String,
    pub(crate) unit: Unit,
    /// The unit as it was written.
    pub(crate) unit_text: String,
    /// Volts or amperes (or the foreign unit) per step.
    pub(crate) a: f64,
    /// Volts or amperes at 0.
    pub(crate) b: f64,
    /// How late this channel is sampled, in seconds.
    pub(crate) skew_s: f64,
    /// The least and greatest value that the recorder can write.
    pub(crate) range: (f64, f64),
    /// The ratio of the transformer, `None` in recordings of 1991.
    pub(crate) transformer: Option<Transformer>,
}

/// What stands between the network and the recorder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transformer {
    pub(crate) primary: f64,
    pub(crate) secondary: f64,
    /// The side that the values of the recording belong to.
    pub(crate) side: Side,
}

/// A side of a transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Side {
    /// The network's side.
    Primary,
    /// The recorder's side.
    Secondary,
}

/// What a channel measures, as far as a meter cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Volt,
    Ampere,
    Other,
}

impl Encoding {
    /// The name in configurations and in the headings of combined files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ASCII",
            Self::Binary16 => "BINARY",
            Self::Binary32 => "BINARY32",
            Self::Float32 => "FLOAT32",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Ascii, Self::Binary16, Self::Binary32, Self::Float32]
            .into_iter()
            .find(|encoding| encoding.name().eq_ignore_ascii_case(name.trim()))
    }
}

impl Side {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }
}

impl Config {
    /// Reads a configuration from its first line on.
    pub(crate) fn read<R: BufRead>(lines: &mut Lines<R>) -> Result<Self, Fault> {
        let revision = parsed(lines, "the station and the year of the standard", revision_of)?;
        let (n_total, n_analog, n_status) = parsed(lines, "the numbers of channels", channel_counts)?;
        if n_analog.checked_add(n_status) != Some(n_total) {
            return Err(lines.fault(format!(
                "{n_total} channels are announced, but {n_analog}A and {n_status}D"
            )));
        }
        let mut analog = Vec::new();
        for _ in 0..n_analog {
            analog.push(parsed(lines, "an analogue channel", |line| {
                Analog::parse(line, revision)
            })?);
        }
        for _ in 0..n_status {
            parsed(lines, "a digital channel", |line| match fields(line)?.len() {
                3 | 5 => Ok(()),
                n => Err(format!("a digital channel has 5 fields (3 in 1991); here are {n}")),
            })?;
        }
        parsed(lines, "the line frequency", |line| match line.trim() {
            "" => Ok(()),
            text => number(text, "the line frequency").map(|_| ()),
        })?;
        let (rate_hz, n_samples) = read_rates(lines)?;
        let start = parsed(lines, "the time of the first sample", |line| {
            Stamp::parse(line, revision)
        })?;
        let trigger = parsed(lines, "the time of the trigger", |line| Stamp::parse(line, revision))?;
        let encoding = parsed(lines, "the format of the data", |line| {
            Encoding::from_name(line).ok_or_else(|| {
                format!(
                    "the data format is \"{}\"; allowed are ASCII, BINARY, BINARY32, FLOAT32",
                    shown(line)
                )
            })
        })?;
        // 2013 lets the time of day have nine decimals, and then counts the stamps of the samples in nanoseconds.
        let unit = if start.in_nanoseconds || trigger.in_nanoseconds {
            1e-9
        } else {
            1e-6
        };
        let multiplier = match lines.next()?.map(str::trim) {
            None | Some("") => 1.0,
            Some(text) => {
                let multiplier = number(text, "the multiplier of time stamps");
                match multiplier {
                    Ok(value) if value > 0.0 => value,
                    Ok(value) => {
                        return Err(
                            lines.fault(format!("the multiplier of time stamps is {value}; it must be above 0"))
                        );
                    }
                    Err(what) => return Err(lines.fault(what)),
                }
            }
        };
        // Behind it, 2013 has time codes and the quality of the clock: nothing that a measurement depends on.
        Ok(Self {
            revision,
            analog,
            n_status,
            rate_hz,
            n_samples,
            recorded_at: start.text,
            encoding,
            stamp_seconds: unit * multiplier,
        })
    }
}

impl Analog {
    fn parse(line: &str, revision: Revision) -> Result<Self, String> {
        let fields = fields(line)?;
        let (shared, ratio) = match (fields.as_slice(), revision) {
            ([shared @ .., _, _, _, _, _], Revision::Of1991) if fields.len() == 10 => (shared, None),
            ([shared @ .., _, _, _, _, _, primary, secondary, side], _) if fields.len() == 13 => {
                (shared, Some((*primary, *secondary, *side)))
            }
            _ => {
                let allowed = if revision == Revision::Of1991 { "10 or 13" } else { "13" };
                return Err(format!(
                    "an analogue channel has {allowed} fields; here are {}",
                    fields.len()
                ));
            }
        };
        let [number_text, name, phase, _component, unit_text] = shared else {
            return Err("an analogue channel needs number, name, phase, component and unit".to_owned());
        };
        let number_at = |place: usize, what: &str| number(fields.get(place).copied().unwrap_or(""), what);
        let number_or_zero = |place: usize, what: &str| match fields.get(place).copied() {
            None | Some("") => Ok(0.0),
            Some(text) => number(text, what),
        };
        let (unit, factor) = unit_of(unit_text);
        let a = number_at(5, "the factor a")? * factor;
        if a == 0.0 || !a.is_normal() {
            return Err(format!("the factor a is {a}; any number but 0 is allowed"));
        }
        let b = number_or_zero(6, "the offset b")? * factor;
        if !b.is_finite() {
            return Err("the offset b is too great".to_owned());
        }
        let transformer = match ratio {
            None => None,
            Some((primary, secondary, side)) => Some(Transformer::parse(primary, secondary, side)?),
        };
        Ok(Self {
            number: count(number_text, "the number of the channel")?,
            name: (*name).to_owned(),
            phase: (*phase).to_owned(),
            unit,
            unit_text: (*unit_text).to_owned(),
            a,
            b,
            skew_s: number_or_zero(7, "the skew")? * 1e-6,
            range: (number_at(8, "the least value")?, number_at(9, "the greatest value")?),
            transformer,
        })
    }
}

impl Transformer {
    fn parse(primary: &str, secondary: &str, side: &str) -> Result<Self, String> {
        let ratio = |text: &str, what: &str| {
            let value = number(text, what)?;
            if value > 0.0 {
                Ok(value)
            } else {
                Err(format!("{what} is {value}; it must be above 0"))
            }
        };
        let side = match side.as_bytes() {
            b"P" | b"p" => Side::Primary,
            b"S" | b"s" => Side::Secondary,
            _ => {
                return Err(format!(
                    "the last field is \"{}\"; allowed are P (primary) and S (secondary)",
                    shown(side)
                ));
            }
        };
        Ok(Self {
            primary: ratio(primary, "the primary of the transformer")?,
            secondary: ratio(secondary, "the secondary of the transformer")?,
            side,
        })
    }

    /// What one unit of the recording is on the wanted side.
    pub(crate) fn factor_to(self, wanted: Side) -> f64 {
        match (self.side, wanted) {
            (Side::Primary, Side::Secondary) => self.secondary / self.primary,
            (Side::Secondary, Side::Primary) => self.primary / self.secondary,
            (Side::Primary, Side::Primary) | (Side::Secondary, Side::Secondary) => 1.0,
        }
    }
}

/// Date and time, as far as a replay cares.
struct Stamp {
    text: Option<String>,
    in_nanoseconds: bool,
}

impl Stamp {
    fn parse(line: &str, revision: Revision) -> Result<Self, String> {
        if line.trim_matches([',', ' ']).is_empty() {
            return Ok(Self {
                text: None,
                in_nanoseconds: false,
            });
        }
        let order = if revision == Revision::Of1991 {
            "mm/dd/yyyy"
        } else {
            "dd/mm/yyyy"
        };
        let wrong = || {
            format!(
                "the date and time is \"{}\"; {order},hh:mm:ss.ssssss is allowed",
                shown(line)
            )
        };
        let fields = fields(line)?;
        let [date, time] = fields.as_slice() else {
            return Err(wrong());
        };
        let date: Vec<u16> = date.split('/').map(digits).collect::<Option<_>>().ok_or_else(wrong)?;
        let (day, month, year) = match (date.as_slice(), revision) {
            ([month, day, year], Revision::Of1991) | ([day, month, year], _) => (*day, *month, *year),
            _ => return Err(wrong()),
        };
        let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
        let clock: Vec<u16> = clock.split(':').map(digits).collect::<Option<_>>().ok_or_else(wrong)?;
        let [hour, minute, second] = clock.as_slice() else {
            return Err(wrong());
        };
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || fraction.len() > 12 {
            return Err(wrong());
        }
        // Two digits in files of 1991: no recorder of that kind is older than 1970.
        let year = match year {
            0..70 => 2_000 + year,
            70..100 => 1_900 + year,
            _ => year,
        };
        if day == 0 && month == 0 {
            return Ok(Self {
                text: None,
                in_nanoseconds: fraction.len() > 6,
            });
        }
        let small = |value: u16| u8::try_from(value).map_err(|_| wrong());
        // A leap second is written as 60; the calendar of the house has none.
        base::Civil::new(
            year,
            small(month)?,
            small(day)?,
            small(*hour)?,
            small(*minute)?,
            small((*second).min(59))?,
        )
        .map_err(|_| wrong())?;
        if *second > 60 {
            return Err(wrong());
        }
        let point = if fraction.is_empty() { "" } else { "." };
        Ok(Self {
            text: Some(format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}"
            )),
            in_nanoseconds: fraction.len() > 6,
        })
    }
}

fn read_rates<R: BufRead>(lines: &mut Lines<R>) -> Result<(Option<f64>, u64), Fault> {
    let n_rates = parsed(lines, "the number of sampling rates", |line| {
        count(line.trim(), "the number of sampling rates")
    })?;
    let mut found: Option<f64> = None;
    let mut n_samples = 0;
    // Without a rate there is still one line, with rate 0 and the number of samples.
    for segment in 0..n_rates.max(1) {
        let (rate, end) = parsed(lines, "a sampling rate", |line| match fields(line)?.as_slice() {
            [rate, end] => Ok((number(rate, "the sampling rate")?, count(end, "the last sample")?)),
            other => Err(format!(
                "a sampling rate has 2 fields, the rate and its last sample; here are {}",
                other.len()
            )),
        })?;
        if segment > 0 && end <= n_samples {
            return Err(lines.fault(format!(
                "the last sample {end} of this rate does not come after {n_samples}"
            )));
        }
        n_samples = end;
        if rate < 0.0 {
            return Err(lines.fault(format!("the sampling rate is {rate} Hz")));
        }
        match found {
            Some(first) if first != rate => {
                return Err(lines.fault(format!(
                    "the recording changes its sampling rate from {first} Hz to {rate} Hz; only recordings of one rate can be replayed"
                )));
            }
            _ => found = Some(rate),
        }
    }
    Ok((found.filter(|rate| *rate > 0.0), n_samples))
}

/// The next line as `parse` understands it; the recording is cut when there is none.
fn parsed<R: BufRead, T>(
    lines: &mut Lines<R>,
    what: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Fault> {
    let parsed = match lines.next()? {
        Some(line) => parse(line),
        None => Err(format!("the configuration ends here, but {what} should follow")),
    };
    parsed.map_err(|what| lines.fault(what))
}

fn revision_of(line: &str) -> Result<Revision, String> {
    match fields(line)?.as_slice() {
        [_, _] => Ok(Revision::Of1991),
        [_, _, year] => match *year {
            "" | "1991" => Ok(Revision::Of1991),
            "1999" | "2001" => Ok(Revision::Of1999),
            "2013" => Ok(Revision::Of2013),
            other => Err(format!(
                "the year of the standard is \"{}\"; allowed are 1991, 1999, 2001, 2013",
                shown(other)
            )),
        },
        other => Err(format!(
            "station, device and year are 2 or 3 fields; here are {}",
            other.len()
        )),
    }
}

fn channel_counts(line: &str) -> Result<(usize, usize, usize), String> {
    let fields = fields(line)?;
    let &[total, analog, status] = fields.as_slice() else {
        return Err(format!(
            "the numbers of channels are 3 fields such as 8,6A,2D; here are {}",
            fields.len()
        ));
    };
    let lettered = |text: &str, letter: char| {
        text.strip_suffix([letter, letter.to_ascii_lowercase()])
            .and_then(|digits| digits.trim().parse::<usize>().ok())
            .ok_or_else(|| format!("\"{}\" is not a number of channels such as 6{letter}", shown(text)))
    };
    let total: usize = total
        .parse()
        .map_err(|_| format!("\"{}\" is not a number of channels", shown(total)))?;
    Ok((total, lettered(analog, 'A')?, lettered(status, 'D')?))
}

/// The fields of a line, without the blanks around them.
fn fields(line: &str) -> Result<Vec<&str>, String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    match fields.iter().find(|field| field.len() > LONGEST_FIELD) {
        Some(field) => Err(format!(
            "a field has {} bytes; up to {LONGEST_FIELD} are allowed",
            field.len()
        )),
        None => Ok(fields),
    }
}

fn number(text: &str, what: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("{what} is \"{}\", which is not a finite number", shown(text))),
    }
}

fn count(text: &str, what: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{what} is \"{}\", which is not a whole number", shown(text)))
}

fn digits(text: &str) -> Option<u16> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

/// What a unit measures, and how much of a volt or ampere it is.
fn unit_of(text: &str) -> (Unit, f64) {
    let (prefix, symbol) = match text.char_indices().next_back() {
        Some((at, _)) => text.split_at(at),
        None => return (Unit::Other, 1.0),
    };
    let unit = match symbol {
        "V" | "v" => Unit::Volt,
        "A" | "a" => Unit::Ampere,
        _ => return (Unit::Other, 1.0),
    };
    // The letter case decides only where it must: mV and MV.
    match prefix {
        "" => (unit, 1.0),
        "k" | "K" => (unit, 1e3),
        "M" => (unit, 1e6),
        "m" => (unit, 1e-3),
        "u" | "\u{b5}" | "\u{3bc}" => (unit, 1e-6),
        _ => (Unit::Other, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> Result<Config, String> {
        Config::read(&mut Lines::new(text.as_bytes(), Path::new("x.cfg"), 0)).map_err(|fault| fault.to_string())
    }

    /// Three lines of one analogue channel, then what varies.
    fn with_tail(tail: &str) -> String {
        format!("S,D,1999\n1,1A,0D\n1,VA,A,,kV,0.01,0.5,0,-32767,32767,20000,100,S\n{tail}")
    }

    const TAIL: &str = "50\n1\n8000,16000\n22/11/2026,10:00:00.000000\n22/11/2026,10:00:00.000000\nBINARY\n1\n";

    #[test]
    fn all_three_editions_are_understood() {
        let of_1999 = read(&with_tail(TAIL)).unwrap();
        assert_eq!(
            (of_1999.revision, of_1999.rate_hz, of_1999.n_samples),
            (Revision::Of1999, Some(8_000.0), 16_000)
        );
        assert_eq!(of_1999.recorded_at.as_deref(), Some("2026-11-22T10:00:00.000000"));
        let channel = &of_1999.analog[0];
        assert_eq!((channel.unit, channel.a, channel.b), (Unit::Volt, 10.0, 500.0));
        assert_eq!(channel.transformer.unwrap().factor_to(Side::Primary), 200.0);

        let of_1991 =
            read("S,D\n2,1A,1D\n1,IL1,,,A,1,0,0,0,4095\n1,TRIP,0\n60\n1\n4800,100\n11/22/95,10:00:00.5\n,\nascii\n")
                .unwrap();
        assert_eq!(
            (of_1991.revision, of_1991.encoding, of_1991.n_status),
            (Revision::Of1991, Encoding::Ascii, 1)
        );
        assert_eq!(of_1991.recorded_at.as_deref(), Some("1995-11-22T10:00:00.5"));

        let nano = with_tail(TAIL).replace("1999", "2013").replace(".000000", ".000000001") + "0,0\nB,3\n";
        assert!((read(&nano).unwrap().stamp_seconds - 1e-9).abs() < 1e-18);
    }

    #[test]
    fn a_configuration_cut_anywhere_names_the_line_that_is_missing() {
        let whole = with_tail(TAIL);
        let lines: Vec<&str> = whole.lines().collect();
        for kept in 0..lines.len() - 1 {
            let fault = read(&lines[..kept].join("\n")).unwrap_err();
            assert!(
                fault.contains(&format!("line {kept}")) && fault.contains("should follow"),
                "{kept}: {fault}"
            );
        }
        // The multiplier may be absent: files of 1991 end before it.
        assert!(read(&lines[..lines.len() - 1].join("\n")).is_ok());
    }

    #[test]
    fn each_wrong_line_is_named_with_what_is_allowed() {
        let check = |from: &str, to: &str, expected: &str| {
            let text = with_tail(TAIL).replacen(from, to, 1);
            let fault = read(&text).unwrap_err();
            assert!(fault.contains(expected), "{from} -> {to}: {fault}");
        };
        check("1999", "2024", "line 1: the year of the standard is \"2024\"");
        check("1,1A,0D", "3,1A,0D", "line 2: 3 channels are announced, but 1A and 0D");
        check("1,1A,0D", "1,1X,0D", "line 2: \"1X\" is not a number of channels");
        check(",S\n", "\n", "line 3: an analogue channel has 13 fields; here are 12");
        check(",S\n", ",X\n", "line 3: the last field is \"X\"");
        check(",100,S", ",0,S", "line 3: the secondary of the transformer is 0");
        check("0.01", "0", "line 3: the factor a is 0");
        check(
            "0.01",
            "1e400",
            "line 3: the factor a is \"1e400\", which is not a finite number",
        );
        check("0.01", "NaN", "line 3: the factor a is \"NaN\"");
        check(
            "VA",
            &"V".repeat(300),
            "line 3: a field has 300 bytes; up to 256 are allowed",
        );
        check(
            "1\n8000,16000",
            "2\n8000,8000\n4000,16000",
            "line 7: the recording changes its sampling rate from 8000 Hz to 4000 Hz",
        );
        check(
            "1\n8000,16000",
            "2\n8000,8000\n8000,8000",
            "line 7: the last sample 8000 of this rate does not come after 8000",
        );
        check("8000,16000", "8000", "line 6: a sampling rate has 2 fields");
        check("22/11/2026", "32/11/2026", "line 7: the date and time is");
        check("BINARY", "MATLAB", "line 9: the data format is \"MATLAB\"");
        check(
            "BINARY\n1",
            "BINARY\n-1",
            "line 10: the multiplier of time stamps is -1",
        );
    }

    #[test]
    fn units_are_told_apart() {
        assert_eq!(unit_of("kV"), (Unit::Volt, 1e3));
        assert_eq!(unit_of("mA"), (Unit::Ampere, 1e-3));
        assert_eq!(unit_of("MV"), (Unit::Volt, 1e6));
        assert_eq!(unit_of("a"), (Unit::Ampere, 1.0));
        assert_eq!(unit_of("Hz").0, Unit::Other);
        assert_eq!(unit_of("").0, Unit::Other);
        assert_eq!(unit_of("°").0, Unit::Other);
    }
}
