//! What a replay found, as a table for people and as JSON for programs.
//!
//! Registers are energies of the span, exact to the microjoule. Quantities are means over the span: powers are energy over time, rms values
//! the root of the mean square, angles the direction of the mean phasor, frequency and THD the mean.

use core::fmt;

use metrology::{Channel, Element, Phase, Quadrant, Quantity, Registers};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::recording::unit_of;

/// The result of a replay.
#[derive(Debug, serde::Serialize)]
pub(super) struct Report {
    /// The file as it was named.
    pub(super) file: String,
    /// The format of the recording.
    pub(super) format: &'static str,
    /// The wall-clock time of the first sample, where the recording has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recorded_at: Option<String>,
    /// The variant of the meter.
    pub(super) variant: &'static str,
    /// Samples a second.
    pub(super) rate_hz: f64,
    /// Sample sets in the recording.
    pub(super) samples: u64,
    /// The nominal frequency: windows are 10 cycles of 50 Hz or 12 of 60 Hz.
    pub(super) nominal_hz: f64,
    /// The inputs that were there.
    pub(super) channels: Vec<ChannelLine>,
    /// Values at the end of the recorder's range, by input.
    pub(super) clipped: Named<u64>,
    /// The time that was measured, on the recording's own axis.
    pub(super) span: Span,
    /// What of the recording lies outside the span.
    pub(super) lost: Lost,
    /// Finished windows.
    pub(super) windows: u64,
    /// The order of the phases, where all three were present: "123" or "132".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sequence: Option<&'static str>,
    /// What happened at a known moment.
    pub(super) events: Vec<EventLine>,
    /// Energies by OBIS name.
    pub(super) registers: Named<Value>,
    /// Means by OBIS name.
    pub(super) quantities: Named<Value>,
    /// What a reader should know besides.
    pub(super) remarks: Vec<String>,
}

/// A part of the recording, in seconds of its own axis.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(super) struct Span {
    /// Its beginning.
    pub(super) from_s: f64,
    /// Its end.
    pub(super) to_s: f64,
}

/// What was not measured.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(super) struct Lost {
    /// Seconds before the first window.
    pub(super) start_s: f64,
    /// Seconds after the last finished window.
    pub(super) end_s: f64,
}

/// An input and where it comes from.
#[derive(Debug, serde::Serialize)]
pub(super) struct ChannelLine {
    /// The input of the meter.
    pub(super) input: &'static str,
    /// The recording's name for it.
    pub(super) name: String,
    /// Volt or ampere.
    pub(super) unit: &'static str,
    /// The greatest magnitude in the recording.
    pub(super) peak: f64,
    /// Volts or amperes of one step of the codes that the metrology was given.
    pub(super) per_code: f64,
    /// For COMTRADE: the side of the transformer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) side: Option<&'static str>,
}

/// Something that happened at a known moment.
#[derive(Debug, serde::Serialize)]
pub(super) struct EventLine {
    /// When, in seconds of the recording's own axis.
    pub(super) at_s: f64,
    /// What.
    pub(super) kind: &'static str,
    /// To which phase.
    pub(super) phase: &'static str,
}

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(super) struct Value {
    pub(super) value: f64,
    pub(super) unit: &'static str,
}

/// Entries by name, in the order in which they were made.
#[derive(Clone, Debug)]
pub(super) struct Named<T>(pub(super) Vec<(String, T)>);

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<T> Named<T> {
    /// No entry yet.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, name: impl Into<String>, value: T) {
        self.0.push((name.into(), value));
    }
}

/// Every energy register of the elements that exist, by OBIS name: 1-0:C.8.0, with C of a phase 20, 40 or 60 above that of the total.
pub(super) fn energies(registers: &Registers, elements: &[Element]) -> Named<Value> {
    let mut energies = Named::new();
    for element in elements {
        for quantity in Quantity::ALL {
            let unit = match kind_of(quantity) {
                Kind::Active => "Wh",
                Kind::Reactive => "varh",
                Kind::Apparent => "VAh",
            };
            let value = micro_as_f64(registers.micro(quantity, *element)) / MICRO_PER_UNIT;
            energies.push(
                format!("1-0:{}.8.0", group_c(quantity, *element)),
                Value { value, unit },
            );
        }
    }
    energies
}

/// Mean powers over `seconds` of every register, by OBIS name: 1-0:C.7.0.
pub(super) fn powers(registers: &Registers, elements: &[Element], seconds: f64) -> Named<Value> {
    let mut powers = Named::new();
    for element in elements {
        for quantity in Quantity::ALL {
            let unit = match kind_of(quantity) {
                Kind::Active => "W",
                Kind::Reactive => "var",
                Kind::Apparent => "VA",
            };
            let value = micro_as_f64(registers.micro(quantity, *element)) / 1e6 / seconds;
            powers.push(
                format!("1-0:{}.7.0", group_c(quantity, *element)),
                Value { value, unit },
            );
        }
    }
    powers
}

/// Active over apparent energy, which is the mean power factor, with the sign of the active energy; none without load.
pub(super) fn power_factor(registers: &Registers, element: Element) -> Option<f64> {
    let apparent =
        registers.micro(Quantity::ApparentImport, element) + registers.micro(Quantity::ApparentExport, element);
    (apparent > 0).then(|| micro_as_f64(registers.micro(Quantity::ActiveNet, element)) / micro_as_f64(apparent))
}

/// OBIS group C of a quantity of an element (IEC 62056-6-1, table of group C of electricity).
fn group_c(quantity: Quantity, element: Element) -> u8 {
    let of_quadrant = |first: u8, quadrant: Quadrant| match quadrant {
        Quadrant::I => first,
        Quadrant::II => first + 1,
        Quadrant::III => first + 2,
        Quadrant::IV => first + 3,
    };
    let of_total = match quantity {
        Quantity::ActiveImport => 1,
        Quantity::ActiveExport => 2,
        Quantity::ReactiveImport => 3,
        Quantity::ReactiveExport => 4,
        Quantity::Reactive(quadrant) => of_quadrant(5, quadrant),
        Quantity::ApparentImport => 9,
        Quantity::ApparentExport => 10,
        Quantity::ActiveAbsolute => 15,
        Quantity::ActiveNet => 16,
        Quantity::Active(quadrant) => of_quadrant(17, quadrant),
    };
    of_total + offset_of(element)
}

/// What group C of an element is above that of the total.
pub(super) const fn offset_of(element: Element) -> u8 {
    match element {
        Element::Total => 0,
        Element::Of(Phase::L1) => 20,
        Element::Of(Phase::L2) => 40,
        Element::Of(Phase::L3) => 60,
    }
}

/// What a quantity is measured in.
enum Kind {
    Active,
    Reactive,
    Apparent,
}

const fn kind_of(quantity: Quantity) -> Kind {
    match quantity {
        Quantity::ReactiveImport | Quantity::ReactiveExport | Quantity::Reactive(_) => Kind::Reactive,
        Quantity::ApparentImport | Quantity::ApparentExport => Kind::Apparent,
        Quantity::ActiveImport
        | Quantity::ActiveExport
        | Quantity::ActiveAbsolute
        | Quantity::ActiveNet
        | Quantity::Active(_) => Kind::Active,
    }
}

/// Microjoules in a watt hour.
const MICRO_PER_UNIT: f64 = 3.6e9;

/// Micro units as a number to calculate with: 15 digits.
#[expect(clippy::cast_precision_loss, reason = "15 digits are more than a recording has")]
pub(super) const fn micro_as_f64(micro: i128) -> f64 {
    micro as f64
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {}, {} Hz, {} samples",
            self.file, self.format, self.rate_hz, self.samples
        )?;
        if let Some(recorded_at) = &self.recorded_at {
            writeln!(f, "recorded {recorded_at}")?;
        }
        for channel in &self.channels {
            write!(f, "  {} = {}", channel.input, channel.name)?;
            if let Some(side) = channel.side {
                write!(f, " ({side})")?;
            }
            writeln!(f, ", peak {} {}", significant(channel.peak, 6), channel.unit)?;
        }
        writeln!(
            f,
            "measured as {} in {} windows of {} from {:.9} s to {:.9} s; lost: {:.9} s at the start, {:.9} s at the end",
            self.variant,
            self.windows,
            if self.nominal_hz > 55.0 {
                "12 cycles"
            } else {
                "10 cycles"
            },
            self.span.from_s,
            self.span.to_s,
            self.lost.start_s,
            self.lost.end_s
        )?;
        if let Some(sequence) = self.sequence {
            writeln!(f, "phase sequence {sequence}")?;
        }
        for (input, count) in self.clipped.0.iter().filter(|(_, count)| *count > 0) {
            writeln!(f, "clipped: {input} in {count} samples")?;
        }
        for event in &self.events {
            writeln!(f, "{:.6} s: {} {}", event.at_s, event.kind, event.phase)?;
        }
        for remark in &self.remarks {
            writeln!(f, "note: {remark}")?;
        }
        writeln!(f, "\nregisters, energy of the span")?;
        rows(f, &self.registers)?;
        writeln!(f, "\nquantities, mean over the span")?;
        rows(f, &self.quantities)
    }
}

fn rows(f: &mut fmt::Formatter<'_>, values: &Named<Value>) -> fmt::Result {
    for (name, value) in &values.0 {
        writeln!(
            f,
            "  {name:<14} {:>18} {:<5} {}",
            significant(value.value, 9),
            value.unit,
            meaning(name)
        )?;
    }
    Ok(())
}

/// A number with this many significant digits, but never rounded before the point.
fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let before = whole_digits(value);
    let decimals = usize::try_from(digits - before).unwrap_or(0).min(15);
    format!("{value:.decimals$}")
}

/// Digits before the point; below 1, minus the zeros behind it.
fn whole_digits(value: f64) -> i32 {
    let mut digits = 1;
    let mut magnitude = value.abs();
    while magnitude >= 10.0 && digits < 40 {
        magnitude /= 10.0;
        digits += 1;
    }
    while magnitude < 1.0 && digits > -40 {
        magnitude *= 10.0;
        digits -= 1;
    }
    digits
}

/// What an OBIS name stands for, for people.
fn meaning(name: &str) -> String {
    let mut groups = name
        .trim_start_matches("1-0:")
        .split('.')
        .map(|group| group.parse::<u8>().unwrap_or(0));
    let (c, d, e) = (
        groups.next().unwrap_or(0),
        groups.next().unwrap_or(0),
        groups.next().unwrap_or(0),
    );
    let (of_total, phase) = match c {
        21..=40 => (c - 20, " L1"),
        41..=60 => (c - 40, " L2"),
        61..=80 => (c - 60, " L3"),
        _ => (c, ""),
    };
    let what = match (of_total, d, e) {
        (1, 8, _) => "A+",
        (2, 8, _) => "A-",
        (3, 8, _) => "R+",
        (4, 8, _) => "R-",
        (5, 8, _) => "R1",
        (6, 8, _) => "R2",
        (7, 8, _) => "R3",
        (8, 8, _) => "R4",
        (9, 8, _) => "S+",
        (10, 8, _) => "S-",
        (15, 8, _) => "|A|",
        (16, 8, _) => "A+ minus A-",
        (17, 8, _) => "A in quadrant I",
        (18, 8, _) => "A in quadrant II",
        (19, 8, _) => "A in quadrant III",
        (20, 8, _) => "A in quadrant IV",
        (1, ..) => "P+",
        (2, ..) => "P-",
        (3, ..) => "Q+",
        (4, ..) => "Q-",
        (5, ..) => "Q1",
        (6, ..) => "Q2",
        (7, ..) => "Q3",
        (8, ..) => "Q4",
        (9, ..) => "S+",
        (10, ..) => "S-",
        (11, _, 0) => "current",
        (11, ..) => "THD of the current",
        (12, _, 0) => "voltage",
        (12, ..) => "THD of the voltage",
        (13, ..) => "power factor",
        (14, ..) => "frequency",
        (15, ..) => "|P|",
        (16, ..) => "P+ minus P-",
        (17, ..) => "P in quadrant I",
        (18, ..) => "P in quadrant II",
        (19, ..) => "P in quadrant III",
        (20, ..) => "P in quadrant IV",
        (81, _, 0) => "U(L1) behind U(L1)",
        (81, _, 1) => "U(L2) behind U(L1)",
        (81, _, 2) => "U(L3) behind U(L1)",
        (81, _, 4) => "I(L1) behind U(L1)",
        (81, _, 15) => "I(L2) behind U(L2)",
        (81, _, 26) => "I(L3) behind U(L3)",
        (90, ..) => "sum of the phase currents",
        (91, ..) => "current in the neutral",
        _ => "",
    };
    format!("{what}{phase}")
}

/// The line of an input for the report.
pub(super) fn channel_line(input: Channel, origin: &super::recording::Origin, peak: f64, per_code: f64) -> ChannelLine {
    ChannelLine {
        input: input.name(),
        name: origin.name.clone(),
        unit: unit_of(input),
        peak,
        per_code,
        side: origin.side,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_nine_digits_whatever_their_size() {
        assert_eq!(significant(0.000_123_456_789_01, 9), "0.000123456789");
        assert_eq!(significant(-230.123_456_789, 9), "-230.123457");
        assert_eq!(significant(1_234_567_890_123.4, 9), "1234567890123");
        assert_eq!(significant(0.0, 9), "0");
    }

    #[test]
    fn every_register_has_its_obis_name() {
        let names: Vec<u8> = Quantity::ALL
            .into_iter()
            .map(|quantity| group_c(quantity, Element::Total))
            .collect();
        assert_eq!(names, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 17, 18, 19, 20]);
        assert_eq!(group_c(Quantity::ActiveImport, Element::Of(Phase::L3)), 61);
        assert_eq!(group_c(Quantity::Active(Quadrant::IV), Element::Of(Phase::L1)), 40);
        assert_eq!(meaning("1-0:61.8.0"), "A+ L3");
        assert_eq!(meaning("1-0:40.8.0"), "A in quadrant IV L1");
        assert_eq!(meaning("1-0:32.7.124"), "THD of the voltage L1");
    }
}
