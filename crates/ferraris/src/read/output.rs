//! What was read, as a table for people, and as JSON and CSV for programs.

use core::fmt::Write as _;

use cosem::{AccessError, Attribute};
use serde_json::{Value as Json, json};

use super::deeds::{Deeds, Invoked};
use super::meaning::meaning;
use super::notation::typed;
use super::objects::Listed;
use super::profile::Reading;
use super::value::{DeviationSign, Measure, Value};

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// One JSON object.
    Json,
    /// Lines of values with a comma between them.
    Csv,
}

/// One attribute that was asked for.
pub(crate) struct Reply {
    pub(crate) attribute: Attribute,
    pub(crate) value: Result<Value, Absent>,
    /// The value with its types.
    pub(crate) data: Option<String>,
    pub(crate) measure: Option<Measure>,
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The meter gives none.
    Refused(AccessError),
    /// The object list does not have the object, and nobody said its class.
    Unlisted,
}

/// The class of what is [`Absent::Unlisted`]; no object has it.
pub(crate) const UNLISTED: u16 = 0;

impl core::fmt::Display for Absent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Unlisted => f.write_str("not in the object list"),
        }
    }
}

/// Everything that one call brought.
pub(crate) struct Report<'a> {
    pub(crate) place: &'a str,
    pub(crate) logical_device_name: &'a str,
    pub(crate) firmware: &'a str,
    pub(crate) client: u16,
    pub(crate) deeds: &'a Deeds,
    pub(crate) replies: &'a [Reply],
    pub(crate) profile: Option<(&'a cosem::Obis, &'a Reading)>,
    pub(crate) sign: DeviationSign,
}

impl Reply {
    /// The value as what its attribute is: octets of a clock or a stamp as date and time.
    fn shown(&self) -> Result<Value, Absent> {
        self.value.clone().map(|value| shown(self.attribute, value))
    }
}

/// Attributes that hold a date-time in an octet-string: the clock's time, and the capture times of registers.
fn shown(attribute: Attribute, value: Value) -> Value {
    let stamp = matches!((attribute.class_id, attribute.index), (8, 2) | (4, 5) | (5, 6 | 7));
    match value.date_time() {
        Some(at) if stamp => Value::DateTime(at),
        _ => value,
    }
}

impl Report<'_> {
    /// In the form that was asked for.
    pub(crate) fn text(&self, format: Format) -> String {
        match format {
            Format::Table => self.table(),
            Format::Json => format!("{:#}\n", self.json()),
            Format::Csv => self.csv(),
        }
    }

    fn table(&self) -> String {
        let mut text = format!(
            "{} at {}, firmware {}\n",
            printable(self.logical_device_name),
            self.place,
            printable(self.firmware)
        );
        let written = self.deeds.written.iter().map(|it| {
            let result = it
                .result
                .map_or_else(|error| format!("({error})"), |()| "written".to_owned());
            [label(it.attribute), result, meaning(it.attribute.name)]
        });
        let invoked = self.deeds.invoked.iter().map(|it| {
            let result = match it.result {
                Ok(()) => self
                    .returned(it)
                    .map_or_else(|| "done".to_owned(), |it| format!("done: {it}")),
                Err(error) => format!("({error})"),
            };
            [method(it), result, meaning(it.method.name)]
        });
        let read = self.replies.iter().map(|it| self.line(it));
        let mut lines = written.chain(invoked).chain(read).peekable();
        if lines.peek().is_some() {
            text.push('\n');
            let lines = lines.map(|line| line.map(|field| printable(&field)));
            text += &aligned(&lines.collect::<Vec<_>>(), &[false, true, false]);
        }
        if let Some((name, reading)) = self.profile {
            let _fits = write!(
                text,
                "\nprofile {name}, {}, {} rows\n",
                meaning(*name),
                reading.rows.len()
            );
            let heads = reading
                .columns
                .iter()
                .map(|column| title(column.attribute, column.measure));
            let mut lines: Vec<Vec<String>> = vec![heads.collect()];
            let mut gaps = reading.gaps.iter().peekable();
            for (index, row) in reading.rows.iter().enumerate() {
                lines.push(self.row(reading, row, |value, measure, sign| {
                    printable(&value.text(measure.map(|it| Measure { unit: 255, ..it }), sign))
                }));
                if let Some(gap) = gaps.next_if(|gap| gap.after == index) {
                    lines.push(vec![format!("({} rows are not in the meter)", gap.rows)]);
                }
            }
            let right: Vec<bool> = reading.columns.iter().map(|it| it.measure.is_some()).collect();
            text += &aligned(&lines, &right);
        }
        text
    }

    /// What a method returned, if anything.
    fn returned(&self, invoked: &Invoked) -> Option<String> {
        Some(match invoked.returned.as_ref()? {
            Ok(octets) => Value::parse(octets).map_or_else(|error| format!("({error})"), |it| it.text(None, self.sign)),
            Err(error) => format!("({error})"),
        })
    }

    /// Name, value, meaning.
    fn line(&self, reply: &Reply) -> [String; 3] {
        let value = match reply.shown() {
            Ok(value) => value.text(reply.measure, self.sign),
            Err(error) => format!("({error})"),
        };
        [label(reply.attribute), value, meaning(reply.attribute.name)]
    }

    fn row(
        &self,
        reading: &Reading,
        row: &[Value],
        form: impl Fn(&Value, Option<Measure>, DeviationSign) -> String,
    ) -> Vec<String> {
        let fields = row
            .iter()
            .zip(&reading.columns)
            .map(|(value, column)| form(&shown(column.attribute, value.clone()), column.measure, self.sign));
        fields.collect()
    }

    fn json(&self) -> Json {
        let values = self.replies.iter().map(|reply| {
            let mut json = json!({
                "obis": reply.attribute.name.to_string(),
                "class": class(reply.attribute),
                "attribute": reply.attribute.index,
                "meaning": meaning(reply.attribute.name),
            });
            match reply.shown() {
                Ok(value) => json["value"] = value.json(reply.measure, self.sign),
                Err(absent) => {
                    let code = match absent {
                        Absent::Refused(error) => Some(error.code()),
                        Absent::Unlisted => None,
                    };
                    json["error"] = json!({ "code": code, "text": absent.to_string() });
                }
            }
            if let Some(data) = &reply.data {
                json["data"] = json!(data);
            }
            if let Some(measure) = reply.measure {
                json["unit"] = json!(measure.symbol());
            }
            json
        });
        let mut json = json!({
            "meter": {
                "place": self.place,
                "logical_device_name": self.logical_device_name,
                "firmware": self.firmware,
                "client": self.client,
            },
            "values": values.collect::<Vec<_>>(),
        });
        if 0 < self.deeds.done() {
            let written = self.deeds.written.iter().map(|it| {
                let mut json = json!({
                    "obis": it.attribute.name.to_string(),
                    "class": it.attribute.class_id,
                    "attribute": it.attribute.index,
                });
                match it.result {
                    Ok(()) => json["result"] = json!("success"),
                    Err(error) => json["error"] = json!({ "code": error.code(), "text": error.to_string() }),
                }
                json
            });
            json["written"] = written.collect();
            let invoked = self.deeds.invoked.iter().map(|it| {
                let mut json = json!({
                    "obis": it.method.name.to_string(),
                    "class": it.method.class_id,
                    "method": it.method.index,
                });
                match it.result {
                    Ok(()) => json["result"] = json!("success"),
                    Err(error) => json["error"] = json!({ "code": error.code(), "text": error.to_string() }),
                }
                match &it.returned {
                    Some(Ok(octets)) => json["returned"] = json!(typed(octets)),
                    Some(Err(error)) => {
                        json["returned_error"] = json!({ "code": error.code(), "text": error.to_string() });
                    }
                    None => {}
                }
                json
            });
            json["invoked"] = invoked.collect();
        }
        if let Some((name, reading)) = self.profile {
            let columns = reading.columns.iter().map(|column| {
                json!({
                    "obis": column.attribute.name.to_string(),
                    "class": column.attribute.class_id,
                    "attribute": column.attribute.index,
                    "meaning": meaning(column.attribute.name),
                    "unit": column.measure.map(Measure::symbol),
                })
            });
            let rows = reading.rows.iter().map(|row| {
                let fields = row
                    .iter()
                    .zip(&reading.columns)
                    .map(|(value, column)| shown(column.attribute, value.clone()).json(column.measure, self.sign));
                fields.collect::<Vec<_>>()
            });
            let gaps = reading
                .gaps
                .iter()
                .map(|gap| json!({ "after_row": gap.after, "rows": gap.rows }));
            json["profile"] = json!({
                "obis": name.to_string(),
                "period_s": reading.period_seconds,
                "entries_in_use": reading.entries_in_use,
                "columns": columns.collect::<Vec<_>>(),
                "rows": rows.collect::<Vec<_>>(),
                "gaps": gaps.collect::<Vec<_>>(),
                "remark": reading.remark,
            });
        }
        json
    }

    /// The values, or the rows of the profile where there is one.
    fn csv(&self) -> String {
        let mut text = String::new();
        let mut put = |fields: Vec<String>| {
            let fields: Vec<_> = fields.iter().map(|field| quoted(field)).collect();
            text += &fields.join(",");
            text += "\r\n";
        };
        let plain = |value: &Value, measure: Option<Measure>, sign| match (value, measure) {
            (Value::Null, _) => String::new(),
            // With all the digits that the scaler gives.
            (Value::Integer(number), Some(measure)) => measure.decimal(*number),
            _ => value.text(None, sign),
        };
        if 0 < self.deeds.done() {
            put(["obis", "class", "done", "result", "returned", "meaning", "error"]
                .map(str::to_owned)
                .to_vec());
        }
        let success = |is_ok| if is_ok { "success".to_owned() } else { String::new() };
        for it in &self.deeds.written {
            put(vec![
                it.attribute.name.to_string(),
                it.attribute.class_id.to_string(),
                format!("set {}", it.attribute.index),
                success(it.result.is_ok()),
                String::new(),
                meaning(it.attribute.name),
                it.result.err().map(|error| error.to_string()).unwrap_or_default(),
            ]);
        }
        for it in &self.deeds.invoked {
            put(vec![
                it.method.name.to_string(),
                it.method.class_id.to_string(),
                format!("action {}", it.method.index),
                success(it.result.is_ok()),
                self.returned(it).unwrap_or_default(),
                meaning(it.method.name),
                it.result.err().map(|error| error.to_string()).unwrap_or_default(),
            ]);
        }
        if !self.replies.is_empty() {
            put(["obis", "class", "attribute", "value", "unit", "meaning", "error"]
                .map(str::to_owned)
                .to_vec());
        }
        for reply in self.replies {
            let (value, error) = match reply.shown() {
                Ok(value) => (plain(&value, reply.measure, self.sign), String::new()),
                Err(error) => (String::new(), error.to_string()),
            };
            put(vec![
                reply.attribute.name.to_string(),
                class(reply.attribute).map_or_else(String::new, |it| it.to_string()),
                reply.attribute.index.to_string(),
                value,
                reply.measure.map(Measure::symbol).unwrap_or_default(),
                meaning(reply.attribute.name),
                error,
            ]);
        }
        if let Some((_, reading)) = self.profile {
            put(reading
                .columns
                .iter()
                .map(|column| title(column.attribute, column.measure))
                .collect());
            for row in &reading.rows {
                put(self.row(reading, row, plain));
            }
        }
        text
    }
}

/// The object list for people and programs.
pub(crate) fn listing(list: &[Listed], format: Format) -> String {
    let mut text = String::new();
    if format == Format::Json {
        let list = list.iter().map(|it| {
            json!({ "obis": it.obis().to_string(), "class": it.class, "version": it.version, "readable": it.readable,
                "meaning": meaning(it.obis()) })
        });
        return format!("{:#}\n", Json::from_iter(list));
    }
    for it in list {
        let readable: Vec<_> = it.readable.iter().map(ToString::to_string).collect();
        let (name, meaning) = (it.obis().to_string(), meaning(it.obis()));
        let line = match format {
            Format::Csv => format!(
                "{name},{},{},{},\"{meaning}\"",
                it.class,
                it.version,
                readable.join(" ")
            ),
            _ => format!(
                "{name:<16} {:>4}/{} {:<24} {meaning}",
                it.class,
                it.version,
                readable.join(" ")
            ),
        };
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// `1-0:1.8.0`, with class and attribute where the attribute is not the usual one.
fn label(attribute: Attribute) -> String {
    match (attribute.index, class(attribute)) {
        (2, _) => attribute.name.to_string(),
        (index, Some(class)) => format!("{}/{class}:{index}", attribute.name),
        (index, None) => format!("{}:{index}", attribute.name),
    }
}

/// The class, where it is known.
fn class(attribute: Attribute) -> Option<u16> {
    Some(attribute.class_id).filter(|class| *class != UNLISTED)
}

/// `0-0:96.3.10/70 method 1`.
fn method(it: &Invoked) -> String {
    format!("{}/{} method {}", it.method.name, it.method.class_id, it.method.index)
}

/// The head of a column: name and unit.
fn title(attribute: Attribute, measure: Option<Measure>) -> String {
    let unit = measure.map(Measure::symbol).filter(|unit| !unit.is_empty());
    unit.map_or_else(|| label(attribute), |unit| format!("{} [{unit}]", label(attribute)))
}

/// Lines with their columns under each other.
fn aligned<L: AsRef<[String]>>(lines: &[L], right: &[bool]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    // A line of one field is a remark and widens nothing.
    for line in lines
        .iter()
        .map(AsRef::as_ref)
        .filter(|line| 1 < line.len() || right.len() == 1)
    {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, field) in widths.iter_mut().zip(line) {
            *width = (*width).max(field.chars().count());
        }
    }
    let mut text = String::new();
    for line in lines.iter().map(AsRef::as_ref) {
        let mut one = String::new();
        for (index, field) in line.iter().enumerate() {
            let width = widths.get(index).copied().unwrap_or(0);
            let pad = " ".repeat(width.saturating_sub(field.chars().count()));
            let gap = if index == 0 { "" } else { "  " };
            one += gap;
            if right.get(index) == Some(&true) {
                one += &pad;
                one += field;
            } else {
                one += field;
                one += &pad;
            }
        }
        text += one.trim_end();
        text.push('\n');
    }
    text
}

/// What comes from a meter as a terminal may show it: what would move the cursor, or do worse, is written as an escape.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            safe.extend(letter.escape_default());
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// RFC 4180.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_remarks_widen_nothing() {
        let lines = [
            vec!["a".to_owned(), "10".to_owned()],
            vec!["a long remark".to_owned()],
            vec!["bbb".to_owned(), "1".to_owned()],
        ];
        assert_eq!(aligned(&lines, &[false, true]), "a    10\na long remark\nbbb   1\n");
    }

    #[test]
    fn what_a_meter_says_does_not_rule_the_terminal() {
        const NAME: cosem::Obis = cosem::Obis::new("0-0:96.1.0");
        let attribute = Attribute::new(1, NAME, 2);
        let text = || Value::Text("a\u{1b}]0;b\u{7}c\u{9b}2J\nd".to_owned());
        let replies = [text(), Value::Array(vec![text()])].map(|value| Reply {
            attribute,
            value: Ok(value),
            data: None,
            measure: None,
        });
        let wanted = super::super::profile::Wanted {
            name: NAME,
            from: None,
            to: None,
            last: None,
            deviation: super::super::moment::RangeDeviation::AsWritten,
            sign: DeviationSign::Standard,
        };
        let mut reading = Reading::new(wanted);
        reading.columns = vec![super::super::profile::Column {
            attribute,
            measure: None,
        }];
        reading.rows = vec![vec![text()]];
        let report = Report {
            place: "here",
            logical_device_name: "\u{1b}[31mNAME",
            firmware: "\r1.0",
            client: 1,
            deeds: &Deeds::default(),
            replies: &replies,
            profile: Some((&NAME, &reading)),
            sign: DeviationSign::Standard,
        };
        let table = report.text(Format::Table);
        assert!(!table.chars().any(|it| it.is_control() && it != '\n'), "{table:?}");
        assert_eq!(table.matches("a\\u{1b}]0;b\\u{7}c\\u{9b}2J\\nd").count(), 3, "{table}");
        assert!(
            table.starts_with("\\u{1b}[31mNAME at here, firmware \\r1.0\n"),
            "{table}"
        );
    }

    #[test]
    fn fields_with_commas_are_quoted() {
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"x\""), "\"say \"\"x\"\"\"");
        assert_eq!(quoted("plain"), "plain");
    }
}
