//! The read-out of the optical port (IEC 62056-21, modes A and C): a list of objects as lines of text.

use core::fmt::Write as _;

use cosem::Obis;
use cosem::axdr::{AxdrError, Octets, Reader, Writer, tag};
use dlms::iec62056_21::Text;
use heapless::Vec;

use crate::model::Model;
use crate::objects::DIRECTORY;

/// Lines of a read-out.
pub const READ_OUT_LINES: usize = 32;

/// The objects that are read out, in this order.
pub type ReadOut = Vec<Obis, READ_OUT_LINES>;

/// What is read out of a meter that was ordered without a list: errors, number, time and date, energies.
pub const USUAL: &[Obis] = &[
    Obis::new("0-0:97.97.0"),
    Obis::new("0-0:96.1.0"),
    Obis::new("1-0:0.9.1"),
    Obis::new("1-0:0.9.2"),
    Obis::new("1-0:1.8.0"),
    Obis::new("1-0:1.8.1"),
    Obis::new("1-0:1.8.2"),
    Obis::new("1-0:2.8.0"),
    Obis::new("1-0:2.8.1"),
    Obis::new("1-0:2.8.2"),
    Obis::new("1-0:3.8.0"),
    Obis::new("1-0:4.8.0"),
];

/// Appends line number `line`; false when there are no more. An object that this meter does not have makes an empty
/// pair of brackets.
pub(crate) fn write_line(it: &Model, line: usize, text: &mut Text) -> bool {
    let list = it.config.read_out.as_ref().map_or(USUAL, |list| list.as_slice());
    let Some(name) = list.get(line) else {
        return false;
    };
    // A line has room for 96 characters; what is longer is cut, which the brackets then show.
    let _cut = write_name(*name, text).and_then(|()| text.write_char('('));
    let _cut = write_value(it, *name, text);
    let _cut = text.write_char(')');
    true
}

/// `1.8.0` for 1-0:1.8.0, `F.F` for 0-0:97.97.0, `C.1.0` for 0-0:96.1.0, else the whole name.
fn write_name(name: Obis, text: &mut Text) -> core::fmt::Result {
    let [a, b, c, d, e, f] = name.octets();
    match (a, b, c) {
        (0, 0, 97) if d == 97 && e == 0 => return text.write_str("F.F"),
        (0, 0, 96) => return write!(text, "C.{d}.{e}"),
        (0 | 1, 0, _) => write!(text, "{c}.{d}.{e}")?,
        _ => write!(text, "{a}-{b}:{c}.{d}.{e}")?,
    }
    if f == 255 { Ok(()) } else { write!(text, "*{f:02}") }
}

fn write_value(it: &Model, name: Obis, text: &mut Text) -> core::fmt::Result {
    let mut value = [0; 96];
    let register = DIRECTORY.find(it, 3, name);
    let data = || DIRECTORY.find(it, 1, name);
    let Some(object) = register.or_else(data) else {
        return Ok(());
    };
    let mut out = Writer::new(&mut value);
    if object.class.get(it, 2, &mut out).is_err() {
        return Ok(());
    }
    let value = out.written();
    if register.is_none() {
        return write_data(value, name, text).unwrap_or(Ok(()));
    }
    let mut unit = [0; 16];
    let mut out = Writer::new(&mut unit);
    if object.class.get(it, 3, &mut out).is_err() {
        return Ok(());
    }
    let scaled = integer(value).and_then(|number| Ok((number, scaler_unit(out.written())?)));
    scaled.map_or(Ok(()), |(number, (scaler, unit))| {
        write_register(number, scaler, unit, text)
    })
}

/// Energies and powers in thousands, with the digits of a mechanical register before the point.
fn write_register(number: i64, scaler: i8, unit: u8, text: &mut Text) -> core::fmt::Result {
    let (kilo, symbol) = match unit {
        27 => (3, "kW"),
        28 => (3, "kVA"),
        29 => (3, "kvar"),
        30 => (3, "kWh"),
        31 => (3, "kVAh"),
        32 => (3, "kvarh"),
        33 => (0, "A"),
        35 => (0, "V"),
        44 => (0, "Hz"),
        _ => (0, ""),
    };
    let places = usize::from((kilo - scaler).clamp(0, 9).unsigned_abs());
    let power = 10_u64.saturating_pow(u32::from((scaler - kilo).clamp(0, 9).unsigned_abs()));
    let magnitude = number.unsigned_abs().saturating_mul(power);
    let divisor = 10_u64.pow(u32::try_from(places).unwrap_or(0));
    let width = if kilo == 3 { 8 } else { 1 };
    if number < 0 {
        text.write_char('-')?;
    }
    write!(text, "{:0width$}", magnitude / divisor)?;
    if 0 < places {
        write!(text, ".{:0places$}", magnitude % divisor)?;
    }
    if symbol.is_empty() {
        Ok(())
    } else {
        write!(text, "*{symbol}")
    }
}

/// Numbers, text, times and dates of class 1.
fn write_data(value: &[u8], name: Obis, text: &mut Text) -> Result<core::fmt::Result, AxdrError> {
    let mut reader = Reader::new(value);
    if let Ok(number) = integer(value) {
        // Error registers are patterns of bits.
        let [_, _, c, d, ..] = name.octets();
        return Ok(if (c, d) == (97, 97) {
            write!(text, "{number:08X}")
        } else {
            write!(text, "{number}")
        });
    }
    let octets = match reader.peek() {
        Some(tag::OCTET_STRING) => reader.value::<Octets<'_>>()?.0,
        Some(tag::TIME) => reader.rest().get(1..).unwrap_or(&[]),
        Some(tag::DATE) => reader.rest().get(1..).unwrap_or(&[]),
        _ => &[],
    };
    let [_, _, c, d, e, _] = name.octets();
    Ok(match ((c, d, e), octets) {
        ((0, 9, 1), [hour, minute, second, ..]) => write!(text, "{hour:02}:{minute:02}:{second:02}"),
        ((0, 9, 2), [high, low, month, day, ..]) => {
            let year = u16::from_be_bytes([*high, *low]) % 100;
            write!(text, "{year:02}-{month:02}-{day:02}")
        }
        (_, octets) => {
            // Brackets and controls would end the value.
            let plain = |octet: &&u8| (0x20..0x7F).contains(*octet) && !b"()/!".contains(octet);
            octets
                .iter()
                .filter(plain)
                .try_for_each(|octet| text.write_char(char::from(*octet)))
        }
    })
}

/// Any of the integers.
fn integer(value: &[u8]) -> Result<i64, AxdrError> {
    let mut reader = Reader::new(value);
    Ok(match reader.peek() {
        Some(tag::INTEGER) => reader.value::<i8>()?.into(),
        Some(tag::LONG) => reader.value::<i16>()?.into(),
        Some(tag::DOUBLE_LONG) => reader.value::<i32>()?.into(),
        Some(tag::LONG64) => reader.value()?,
        Some(tag::UNSIGNED) => reader.value::<u8>()?.into(),
        Some(tag::LONG_UNSIGNED) => reader.value::<u16>()?.into(),
        Some(tag::DOUBLE_LONG_UNSIGNED) => reader.value::<u32>()?.into(),
        Some(tag::LONG64_UNSIGNED) => i64::try_from(reader.value::<u64>()?).unwrap_or(i64::MAX),
        _ => return Err(reader.error("a number is expected")),
    })
}

fn scaler_unit(value: &[u8]) -> Result<(i8, u8), AxdrError> {
    let mut reader = Reader::new(value);
    reader.structure(2)?;
    let scaler = reader.value()?;
    let cosem::axdr::Enumerated(unit) = reader.value()?;
    Ok((scaler, unit))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::config::{Config, Variant, test_secrets};
    use base::{Civil, Instant};
    use std::string::String;
    use std::vec::Vec as List;

    fn lines(it: &Model) -> List<String> {
        let mut text = Text::new();
        let line = |number| {
            text.clear();
            write_line(it, number, &mut text).then(|| String::from(text.as_str()))
        };
        (0..).map_while(line).collect()
    }

    #[test]
    fn the_usual_lines_are_read_out() {
        let config = Config::new(Variant::St402d, 40_200_001, test_secrets());
        let noon = Civil::new(2026, 1, 5, 11, 0, 0).expect("a time").utc();
        let it = Model::new(&config, Instant::START, Some(noon));
        assert_eq!(
            lines(&it),
            [
                "F.F(00000000)",
                "C.1.0(40200001)",
                "0.9.1(12:00:00)",
                "0.9.2(26-01-05)",
                "1.8.0(00000000.000*kWh)",
                "1.8.1(00000000.000*kWh)",
                "1.8.2(00000000.000*kWh)",
                "2.8.0(00000000.000*kWh)",
                "2.8.1(00000000.000*kWh)",
                "2.8.2(00000000.000*kWh)",
                "3.8.0(00000000.000*kvarh)",
                "4.8.0(00000000.000*kvarh)",
            ]
        );
    }

    #[test]
    fn a_list_of_the_order_is_obeyed_and_what_is_not_there_is_empty() {
        let mut config = Config::new(Variant::Sm402d, 1, test_secrets());
        config.read_out = Some(
            [Obis::new("1-0:0.6.0"), Obis::new("9-9:9.9.9"), Obis::new("1-0:32.7.0")]
                .into_iter()
                .collect(),
        );
        let it = Model::new(&config, Instant::START, None);
        assert_eq!(lines(&it)[..2], ["0.6.0(230*V)", "9-9:9.9.9()"]);
    }

    #[test]
    fn scalers_move_the_point() {
        for (number, scaler, unit, expected) in [
            (1_234_567, 0, 30, "00001234.567*kWh"),
            (1_234_567, 3, 30, "01234567*kWh"),
            (-5, -1, 35, "-0.5*V"),
            (2301, -1, 35, "230.1*V"),
            (50, 0, 44, "50*Hz"),
            (7, 0, 255, "7"),
            (i64::MAX, 9, 30, "18446744073709551615*kWh"),
        ] {
            let mut text = Text::new();
            write_register(number, scaler, unit, &mut text).expect("there is room");
            assert_eq!(text.as_str(), expected);
        }
    }
}
