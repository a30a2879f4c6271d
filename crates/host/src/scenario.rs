//! A time line for the world around a meter, read from a TOML file; `docs/scenario.md` describes it.

use std::path::Path;

use base::Micros;

use crate::change::{ContactsChange, ConverterChange, LoadChange, SupplyChange, TimeChange, read_temperature};
use crate::civil_text::parse_span;
use crate::document::{FaultKind, Faults, Table};
use crate::toml_file::{TomlFile, TomlFileError};

/// What happens, in the order in which it happens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    moments: Vec<Moment>,
}

/// What happens at one moment, in the order of the fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// When, counted in the world's time from the start of the process.
    pub at: Micros,
    /// Mains on or off.
    pub power: Option<bool>,
    /// The supply.
    pub supply: Option<SupplyChange>,
    /// The load.
    pub load: Option<LoadChange>,
    /// The temperature of the meter in degrees Celsius.
    pub temperature: Option<f64>,
    /// Channels of the converter that break.
    pub converter: Option<ConverterChange>,
    /// Covers, magnet, button.
    pub contacts: Option<ContactsChange>,
    /// Pace and civil time.
    pub clock: Option<TimeChange>,
}

impl Scenario {
    /// Reads the file at `path` for a meter of `phases` phases.
    ///
    /// # Errors
    /// Every mistake with its line.
    pub fn read(path: &Path, phases: usize) -> Result<Self, TomlFileError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| TomlFileError::unreadable(&name, &error))?;
        Self::parse(&name, &text, phases)
    }

    /// Reads `text`; `name` is what messages call it.
    ///
    /// # Errors
    /// As [`Scenario::read`].
    pub fn parse(name: &str, text: &str, phases: usize) -> Result<Self, TomlFileError> {
        TomlFile::parse(name, text)?.read(|table, faults| {
            let mut moments: Vec<Moment> = Vec::new();
            for (value, path) in table.list("at", 0..=MOST_MOMENTS, faults).unwrap_or_default() {
                let Some(mut entry) = Table::open(value, path, faults) else {
                    continue;
                };
                let moment = Moment::read(&mut entry, phases, faults);
                let time = entry.path().key("time");
                entry.close(faults);
                let Some(moment) = moment else { continue };
                if moments.last().is_some_and(|before| moment.at < before.at) {
                    faults.note(
                        FaultKind::OutOfRange,
                        time,
                        "is before the entry above; allowed are times in order",
                    );
                }
                moments.push(moment);
            }
            Some(Self { moments })
        })
    }

    /// When the next moment comes.
    #[must_use]
    pub fn next_at(&self) -> Option<Micros> {
        self.moments.first().map(|moment| moment.at)
    }

    /// Takes the next moment if it has come at `elapsed`.
    pub fn take_due(&mut self, elapsed: Micros) -> Option<Moment> {
        let due = self.next_at().is_some_and(|at| at <= elapsed);
        due.then(|| self.moments.remove(0))
    }
}

impl Moment {
    fn read(entry: &mut Table<'_>, phases: usize, faults: &mut Faults) -> Option<Self> {
        let at = read_time(entry, faults);
        let power = entry.table("power", faults).and_then(|mut power| {
            let on = power.boolean("on", faults);
            let on = power.required("on", on, faults);
            power.close(faults);
            on
        });
        let supply = entry.table("supply", faults).and_then(|mut supply| {
            let change = SupplyChange::read(&mut supply, phases, faults);
            supply.close(faults);
            change
        });
        let load = entry.table("load", faults).and_then(|mut load| {
            let change = LoadChange::read(&mut load, phases, faults);
            load.close(faults);
            change
        });
        let temperature = entry.table("temperature", faults).and_then(|mut temperature| {
            let celsius = read_temperature(&mut temperature, faults);
            temperature.close(faults);
            celsius
        });
        let converter = entry.table("converter", faults).map(|mut converter| {
            let change = ConverterChange::read(&mut converter, faults);
            converter.close(faults);
            change
        });
        let contacts = entry.table("contacts", faults).map(|mut contacts| {
            let change = ContactsChange::read(&mut contacts, faults);
            contacts.close(faults);
            change
        });
        let clock = entry.table("clock", faults).map(|mut clock| {
            let change = TimeChange::read(&mut clock, faults);
            clock.close(faults);
            change
        });
        Some(Self {
            at: at?,
            power,
            supply,
            load,
            temperature,
            converter,
            contacts,
            clock,
        })
    }
}

fn read_time(entry: &mut Table<'_>, faults: &mut Faults) -> Option<Micros> {
    let text = entry.text("time", faults);
    let text = entry.required("time", text, faults)?;
    let span = parse_span(text);
    if span.is_none() {
        let shown: String = text.chars().take(60).collect();
        let detail = format!("is \"{shown}\"; allowed are spans since the start such as 00:05:00, 90s, 2h30m");
        faults.note(FaultKind::OutOfRange, entry.path().key("time"), detail);
    }
    span
}

const MOST_MOMENTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let said = Scenario::parse("day.toml", text, 3).map_err(|error| error.to_string());
        assert_eq!(said, Err(expected.to_owned()));
    }

    #[test]
    fn a_scenario_does_what_the_control_interface_does() {
        let text = r#"
            [[at]]
            time = "00:00:10"
            supply = { frequency_hz = 49.8 }
            load = { phases = [{ amps = 5, angle_deg = 60 }, { amps = 5 }, { amps = 5 }] }

            [[at]]
            time = "5m"
            power = { on = false }

            [[at]]
            time = "5m"
            power = { on = true }
            contacts = { meter_cover = "open", button = "short" }
            clock = { jump_s = 3600, speed = "max" }
        "#;
        let mut scenario = Scenario::parse("day.toml", text, 3).expect("nothing is wrong");
        assert_eq!(scenario.take_due(Micros::from_secs(9)), None);
        let first = scenario.take_due(Micros::from_secs(10)).expect("it has come");
        assert_eq!(first.supply.and_then(|supply| supply.frequency_hz), Some(49.8));
        assert!(matches!(first.load, Some(LoadChange::Fixed(_))));
        assert_eq!(scenario.next_at(), Some(Micros::from_secs(300)));
        let off = scenario.take_due(Micros::from_secs(300)).expect("it has come");
        let on = scenario.take_due(Micros::from_secs(300)).expect("at the same moment");
        assert_eq!((off.power, on.power), (Some(false), Some(true)));
        assert_eq!(on.clock.and_then(|clock| clock.jump_seconds), Some(3_600));
        assert_eq!(scenario.next_at(), None);
    }

    #[test]
    fn a_broken_scenario_is_refused_with_its_line() {
        refused(
            "[[at]]\nsupply = {}",
            "day.toml:1:1: at/0/time is missing\nday.toml:2:1: at/0/supply is empty; allowed are frequency_hz, phases",
        );
        refused(
            "[[at]]\ntime = \"soon\"",
            "day.toml:2:1: at/0/time is \"soon\"; allowed are spans since the start such as 00:05:00, 90s, 2h30m",
        );
        refused(
            "[[at]]\ntime = \"2s\"\n[[at]]\ntime = \"1s\"",
            "day.toml:4:1: at/1/time is before the entry above; allowed are times in order",
        );
        refused(
            "[[at]]\ntime = \"2s\"\nload = { household = true, pv = 3 }",
            "day.toml:3:28: at/0/load/pv is not known here; allowed are household, level, phases, pv_watts",
        );
        refused(
            "[[at]]\ntime = \"2s\"\npower = {}",
            "day.toml:3:1: at/0/power/on is missing",
        );
    }

    proptest::proptest! {
        #[test]
        fn no_file_is_too_strange(text in "[a-z_0-9=\\[\\]{}\",.\n -]{0,200}") {
            let _any = (Scenario::parse("any.toml", &text, 3), crate::Order::parse("any.toml", &text, None).map(|_| ()));
        }
    }
}
