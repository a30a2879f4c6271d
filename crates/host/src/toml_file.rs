//! A TOML file that a person wrote: read as the control interface reads JSON, mistakes named with file, line and column.

use core::fmt;
use core::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::{Fault, Faults, Path, Step, Table};

/// A file as it was read.
#[derive(Debug)]
pub(crate) struct TomlFile<'a> {
    name: &'a str,
    text: &'a str,
    tree: Spanned<DeTable<'a>>,
    value: Value,
}

/// What is wrong with a file, one line for each mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TomlFileError(String);

impl<'a> TomlFile<'a> {
    /// Parses `text`; `name` is what messages call the file.
    ///
    /// # Errors
    /// Where the text is not TOML.
    pub(crate) fn parse(name: &'a str, text: &'a str) -> Result<Self, TomlFileError> {
        let tree = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            TomlFileError(format!("{}: {}", place(name, text, at), error.message().trim_end()))
        })?;
        let mut faults = Faults::default();
        let value = json_table(tree.get_ref(), &Path::default(), &mut faults);
        let mut file = Self {
            name,
            text,
            tree,
            value: Value::Null,
        };
        match faults.unless_any(Some(value)) {
            Ok(value) => file.value = value,
            Err(faults) => return Err(file.refusal(&faults)),
        }
        Ok(file)
    }

    /// Reads the file's fields with `read`, which notes what is wrong.
    ///
    /// # Errors
    /// Every mistake that was noted, with its place.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&mut Table<'_>, &mut Faults) -> Option<T>,
    ) -> Result<T, TomlFileError> {
        let mut faults = Faults::default();
        let value = Table::open(&self.value, Path::default(), &mut faults).and_then(|mut table| {
            let value = read(&mut table, &mut faults);
            table.close(&mut faults);
            value
        });
        faults.unless_any(value).map_err(|faults| self.refusal(&faults))
    }

    fn refusal(&self, faults: &[Fault]) -> TomlFileError {
        let lines: Vec<String> = faults
            .iter()
            .map(|fault| format!("{}: {fault}", place(self.name, self.text, self.find(&fault.path).start)))
            .collect();
        TomlFileError(lines.join("\n"))
    }

    /// The text of the value at `path`, or of what should have held it.
    fn find(&self, path: &Path) -> Range<usize> {
        let mut span = self.tree.span();
        let mut table = Some(self.tree.get_ref());
        let mut list = None;
        for step in path.steps() {
            let next = match step {
                Step::Key(key) => {
                    let entry = table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
                    entry.map(|(name, value)| {
                        span = name.span();
                        value
                    })
                }
                Step::Index(index) => list
                    .and_then(|list: &toml::de::DeArray<'_>| list.get(*index))
                    .inspect(|value| {
                        span = value.span();
                    }),
            };
            let Some(next) = next else { return span };
            (table, list) = match next.get_ref() {
                DeValue::Table(inner) => (Some(inner), None),
                DeValue::Array(inner) => (None, Some(inner)),
                _ => (None, None),
            };
        }
        span
    }
}

impl TomlFileError {
    /// A file that cannot be read at all.
    #[must_use]
    pub fn unreadable(name: &str, error: &std::io::Error) -> Self {
        Self(format!("{name}: {error}"))
    }
}

impl fmt::Display for TomlFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for TomlFileError {}

/// `meter.toml:3:1`, counted from 1.
fn place(name: &str, text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{name}:{line}:{column}")
}

fn json_table(table: &DeTable<'_>, path: &Path, faults: &mut Faults) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let name = key.get_ref();
        (name.to_string(), json(value.get_ref(), &path.key(name), faults))
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

/// The same value as JSON has it. A date is the text that it is written as.
fn json(value: &DeValue<'_>, path: &Path, faults: &mut Faults) -> Value {
    use crate::document::FaultKind;
    let mut number = |parsed: Option<Number>| {
        parsed.map_or_else(
            || {
                faults.note(FaultKind::OutOfRange, path.clone(), "is not a finite number of 64 bits");
                Value::Null
            },
            Value::Number,
        )
    };
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(digits) => number(
            i64::from_str_radix(digits.as_str(), digits.radix())
                .ok()
                .map(Number::from),
        ),
        DeValue::Float(digits) => number(digits.as_str().parse().ok().and_then(Number::from_f64)),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(list) => {
            let elements = list.iter().enumerate();
            Value::Array(
                elements
                    .map(|(index, value)| json(value.get_ref(), &path.index(index), faults))
                    .collect(),
            )
        }
        DeValue::Table(table) => json_table(table, path, faults),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<f64, &str>) {
        let read = TomlFile::parse("m.toml", text).and_then(|file| {
            file.read(|table, faults| {
                let volts = table.number("volts", 0.0..=400.0, faults);
                let volts = table.required("volts", volts, faults);
                if let Some(list) = table.list("list", 0..=9, faults) {
                    for (value, path) in list {
                        if let Some(mut inner) = Table::open(value, path, faults) {
                            inner.boolean("on", faults);
                            inner.close(faults);
                        }
                    }
                }
                volts
            })
        });
        assert_eq!(
            read.map_err(|error| error.to_string()),
            expected.map_err(ToOwned::to_owned)
        );
    }

    #[test]
    fn mistakes_are_named_with_file_line_and_column() {
        check("volts = 230", Ok(230.0));
        check("volts = 0x10\nlist = [{ on = true }]", Ok(16.0));
        check(
            "# first\nvolts = 500",
            Err("m.toml:2:1: volts is 500; allowed are 0 to 400"),
        );
        check("", Err("m.toml:1:1: volts is missing"));
        check(
            "volts = 1\nwolts = 2",
            Err("m.toml:2:1: wolts is not known here; allowed are list, volts"),
        );
        check(
            "volts = 1\n[[list]]\non = true\n[[list]]\n  on = 3",
            Err("m.toml:5:3: list/1/on is 3; allowed are true and false"),
        );
        check(
            "volts = 1\nlist = [ {}, 7 ]",
            Err("m.toml:2:14: list/1 is 7; allowed are a table of fields"),
        );
        check(
            "volts = nan",
            Err("m.toml:1:1: volts is not a finite number of 64 bits"),
        );
        check(
            "volts = 99999999999999999999",
            Err("m.toml:1:1: volts is not a finite number of 64 bits"),
        );
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_place() {
        let said = TomlFile::parse("m.toml", "volts = 1\nlist = [")
            .expect_err("cut short")
            .to_string();
        assert!(said.starts_with("m.toml:2:"), "{said}");
        let said = TomlFile::parse("m.toml", "volts = 1\nvolts = 2")
            .expect_err("twice")
            .to_string();
        assert!(said.starts_with("m.toml:2:1: duplicate key"), "{said}");
    }
}
