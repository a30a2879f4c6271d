//! A document from outside, JSON or TOML, read field by field; every mistake is kept with the place where it stands.

use core::fmt;
use core::ops::RangeInclusive;

use serde_json::{Map, Value};

/// Where a value stands in a document: the keys and indices that lead to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// One step down into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To an element of a list.
    Index(usize),
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of mistake.
    pub kind: FaultKind,
    /// The field.
    pub path: Path,
    /// What was found and what is allowed, such as `is 500; allowed are 0 to 400`.
    pub detail: String,
}

/// The kinds of mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The value has another type.
    WrongType,
    /// No field of this name is described.
    UnknownField,
    /// A field that must be there is not.
    MissingField,
    /// The type fits, the value does not.
    OutOfRange,
}

/// The fields that are wrong, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

/// A table of a document that is being read; [`Table::close`] refuses what nobody asked for.
#[derive(Debug)]
pub struct Table<'a> {
    entries: &'a Map<String, Value>,
    path: Path,
    asked: Vec<&'static str>,
}

impl Path {
    /// The steps from the root.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// This place as a JSON Pointer in a URI fragment (RFC 6901 section 6): `#/phases/0/volts`.
    #[must_use]
    pub fn pointer(&self) -> String {
        let mut pointer = String::from("#");
        for step in &self.0 {
            pointer.push('/');
            match step {
                Step::Index(index) => pointer.push_str(&index.to_string()),
                Step::Key(key) => {
                    for byte in key.replace('~', "~0").replace('/', "~1").bytes() {
                        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte) {
                            pointer.push(char::from(byte));
                        } else {
                            pointer.push_str(&format!("%{byte:02X}"));
                        }
                    }
                }
            }
        }
        pointer
    }

    /// The place one key further down.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Key(key.to_owned()));
        path
    }

    /// The place one element further down.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Index(index));
        path
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the document");
        }
        for (place, step) in self.0.iter().enumerate() {
            let slash = if place == 0 { "" } else { "/" };
            match step {
                Step::Key(key) => write!(f, "{slash}{key}")?,
                Step::Index(index) => write!(f, "{slash}{index}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.detail)
    }
}

impl Faults {
    /// Notes a mistake.
    pub fn note(&mut self, kind: FaultKind, path: Path, detail: impl Into<String>) {
        self.0.push(Fault {
            kind,
            path,
            detail: detail.into(),
        });
    }

    /// `value` if nothing was wrong.
    ///
    /// # Errors
    /// Every fault that was noted.
    pub fn unless_any<T>(self, value: Option<T>) -> Result<T, Vec<Fault>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            // A reader that gives nothing has said why.
            _ => Err(self.0),
        }
    }
}

impl<'a> Table<'a> {
    /// The table that stands at `path`; none and a fault if it is something else.
    pub fn open(value: &'a Value, path: Path, faults: &mut Faults) -> Option<Self> {
        match value {
            Value::Object(entries) => Some(Self {
                entries,
                path,
                asked: Vec::new(),
            }),
            other => {
                faults.note(FaultKind::WrongType, path, found(other, "a table of fields"));
                None
            }
        }
    }

    /// Where the table stands.
    #[must_use]
    pub const fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the field is there.
    pub fn has(&mut self, name: &'static str) -> bool {
        self.find(name).is_some()
    }

    /// The field's value as it stands, and its place.
    pub fn find(&mut self, name: &'static str) -> Option<(&'a Value, Path)> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        self.entries.get(name).map(|value| (value, self.path.key(name)))
    }

    /// A number in a range.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<f64>, faults: &mut Faults) -> Option<f64> {
        let (value, path) = self.find(name)?;
        let allowed = format!("{} to {}", range.start(), range.end());
        match value.as_f64() {
            Some(number) if range.contains(&number) => Some(number),
            Some(_) => {
                faults.note(FaultKind::OutOfRange, path, found(value, &allowed));
                None
            }
            None => {
                faults.note(
                    FaultKind::WrongType,
                    path,
                    found(value, &format!("a number from {allowed}")),
                );
                None
            }
        }
    }

    /// A whole number in a range; `5.0` is whole.
    pub fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>, faults: &mut Faults) -> Option<i64> {
        let (value, path) = self.find(name)?;
        let allowed = format!("{} to {}", range.start(), range.end());
        match whole(value) {
            Some(number) if range.contains(&number) => Some(number),
            Some(_) => {
                faults.note(FaultKind::OutOfRange, path, found(value, &allowed));
                None
            }
            None => {
                faults.note(
                    FaultKind::WrongType,
                    path,
                    found(value, &format!("whole numbers from {allowed}")),
                );
                None
            }
        }
    }

    /// True or false.
    pub fn boolean(&mut self, name: &'static str, faults: &mut Faults) -> Option<bool> {
        let (value, path) = self.find(name)?;
        if value.as_bool().is_none() {
            faults.note(FaultKind::WrongType, path, found(value, "true and false"));
        }
        value.as_bool()
    }

    /// A text.
    pub fn text(&mut self, name: &'static str, faults: &mut Faults) -> Option<&'a str> {
        let (value, path) = self.find(name)?;
        if value.as_str().is_none() {
            faults.note(FaultKind::WrongType, path, found(value, "a text"));
        }
        value.as_str()
    }

    /// One of a few words.
    pub fn word<T: Clone>(&mut self, name: &'static str, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let text = self.text(name, faults)?;
        let meant = words.iter().find(|(word, _)| *word == text);
        if meant.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let detail = format!("is \"{}\"; allowed are {}", shortened(text), words.join(", "));
            faults.note(FaultKind::OutOfRange, self.path.key(name), detail);
        }
        meant.map(|(_, meaning)| meaning.clone())
    }

    /// The elements of a list with their places.
    pub fn list(
        &mut self,
        name: &'static str,
        count: RangeInclusive<usize>,
        faults: &mut Faults,
    ) -> Option<Vec<(&'a Value, Path)>> {
        let (value, path) = self.find(name)?;
        let Some(elements) = value.as_array() else {
            faults.note(FaultKind::WrongType, path, found(value, "a list"));
            return None;
        };
        if !count.contains(&elements.len()) {
            let allowed = match (count.start(), count.end()) {
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let detail = format!("has {} elements; allowed are {allowed}", elements.len());
            faults.note(FaultKind::OutOfRange, path, detail);
            return None;
        }
        Some(
            elements
                .iter()
                .enumerate()
                .map(|(index, element)| (element, path.index(index)))
                .collect(),
        )
    }

    /// A table inside this one.
    pub fn table(&mut self, name: &'static str, faults: &mut Faults) -> Option<Self> {
        let (value, path) = self.find(name)?;
        Table::open(value, path, faults)
    }

    /// Notes a fault if the field `name` is not there at all; what is there and wrong has been noted already.
    pub fn required<T>(&mut self, name: &'static str, value: Option<T>, faults: &mut Faults) -> Option<T> {
        if value.is_none() && !self.has(name) {
            faults.note(FaultKind::MissingField, self.path.key(name), "is missing");
        }
        value
    }

    /// Ends the reading: fields that nobody asked for are faults.
    pub fn close(self, faults: &mut Faults) {
        for name in self.entries.keys() {
            if !self.asked.contains(&name.as_str()) {
                let mut known = self.asked.clone();
                known.sort_unstable();
                let detail = format!("is not known here; allowed are {}", known.join(", "));
                faults.note(FaultKind::UnknownField, self.path.key(&shortened(name)), detail);
            }
        }
    }
}

/// The whole number that `value` is, also when it is written with a decimal point.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && number.abs() < 9e15)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and far below the limits of i64")]
        Some(number as i64)
    })
}

/// `is 500; allowed are 0 to 400`.
fn found(value: &Value, allowed: &str) -> String {
    let what = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("the text \"{}\"", shortened(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    };
    format!("is {what}; allowed are {allowed}")
}

/// What is repeated to a caller is bounded.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain("..".chars()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(document: &Value, read: impl FnOnce(&mut Table<'_>, &mut Faults), expected: &[&str]) {
        let mut faults = Faults::default();
        let mut table = Table::open(document, Path::default(), &mut faults).expect("a table");
        read(&mut table, &mut faults);
        table.close(&mut faults);
        let said: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn a_good_document_is_read_without_a_word() {
        let document = json!({ "volts": 230, "order": 5.0, "on": true, "cover": "open", "list": [1, 2] });
        check(
            &document,
            |table, faults| {
                assert_eq!(table.number("volts", 0.0..=400.0, faults), Some(230.0));
                assert_eq!(table.integer("order", 2..=50, faults), Some(5));
                assert_eq!(table.boolean("on", faults), Some(true));
                assert_eq!(table.word("cover", &[("open", 1), ("closed", 2)], faults), Some(1));
                assert_eq!(table.list("list", 1..=3, faults).map(|list| list.len()), Some(2));
                assert_eq!(table.number("absent", 0.0..=1.0, faults), None);
            },
            &[],
        );
    }

    #[test]
    fn every_mistake_is_named_with_what_is_allowed() {
        let document =
            json!({ "volts": 500, "order": 2.5, "on": 1, "cover": "ajar", "list": [], "text": null, "more": 0 });
        check(
            &document,
            |table, faults| {
                table.number("volts", 0.0..=400.0, faults);
                table.integer("order", 2..=50, faults);
                table.boolean("on", faults);
                table.word("cover", &[("open", 1), ("closed", 2)], faults);
                table.list("list", 3..=3, faults);
                table.text("text", faults);
                table.required("gone", None::<u8>, faults);
            },
            &[
                "volts is 500; allowed are 0 to 400",
                "order is 2.5; allowed are whole numbers from 2 to 50",
                "on is 1; allowed are true and false",
                "cover is \"ajar\"; allowed are open, closed",
                "list has 0 elements; allowed are 3",
                "text is null; allowed are a text",
                "gone is missing",
                "more is not known here; allowed are cover, gone, list, on, order, text, volts",
            ],
        );
    }

    #[test]
    fn pointers_are_escaped_as_rfc_6901_says() {
        let path = Path::default().key("a/b~c").index(3).key("ü %");
        assert_eq!(path.pointer(), "#/a~1b~0c/3/%C3%BC%20%25");
        assert_eq!(Path::default().pointer(), "#");
    }

    #[test]
    fn what_a_caller_sent_is_repeated_only_in_part() {
        let long = "x".repeat(100_000);
        let document = json!({ "cover": long });
        let mut faults = Faults::default();
        let mut table = Table::open(&document, Path::default(), &mut faults).expect("a table");
        table.word("cover", &[("open", ())], &mut faults);
        assert!(faults.0[0].detail.len() < 200);
    }
}
