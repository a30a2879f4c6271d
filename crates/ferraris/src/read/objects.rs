//! The object list: read once, kept by the identity of the meter, so that the next reading begins at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cosem::{Attribute, Obis, Selection};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::talk::{Broken, Talk};
use super::value::{Measure, Value};

/// One object of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) class: u16,
    pub(crate) version: u8,
    pub(crate) name: [u8; 6],
    /// Attributes that this client may read.
    pub(crate) readable: Vec<i8>,
}

/// What is known of a meter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) objects: Vec<Listed>,
    /// Scaler and unit of registers and columns, by class, name and attribute of scaler_unit; none where it was refused.
    measures: BTreeMap<String, Option<(i8, u8)>>,
}

/// The list of one meter in its file.
pub(crate) struct Objects {
    pub(crate) known: Known,
    path: PathBuf,
    /// True when it came from the file.
    pub(crate) remembered: bool,
    changed: bool,
}

/// Whose list it is.
pub(crate) struct Identity<'a> {
    pub(crate) logical_device_name: &'a str,
    pub(crate) firmware: &'a str,
    /// What else tells one state of the meter from another.
    pub(crate) state: &'a str,
    pub(crate) client: u16,
}

/// The current association.
const ASSOCIATION: Obis = Obis::new("0-0:40.0.0");

impl Listed {
    /// The object's name.
    pub(crate) const fn obis(&self) -> Obis {
        Obis::from_octets(self.name)
    }
}

impl Objects {
    /// The list of this meter: from its file, unless there is none or `refresh` wants it read.
    ///
    /// # Errors
    /// When the list cannot be read. A file that cannot be used is no error: the list is read again.
    pub(crate) fn of(
        talk: &mut Talk<'_, '_>,
        state: &Path,
        identity: &Identity<'_>,
        refresh: bool,
    ) -> Result<Self, Broken> {
        let name = format!(
            "objects-{}-{}-{}-{}.json",
            file_name(identity.logical_device_name),
            file_name(identity.firmware),
            file_name(identity.state),
            identity.client
        );
        let path = state.join(name);
        let remembered = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice::<Known>(&text).ok())
            .filter(|known| !refresh && !known.objects.is_empty());
        if let Some(known) = remembered {
            return Ok(Self {
                known,
                path,
                remembered: true,
                changed: false,
            });
        }
        Ok(Self {
            known: read(talk)?,
            path,
            remembered: false,
            changed: true,
        })
    }

    /// Reads the list again: what was remembered is not what the meter has now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn renew(&mut self, talk: &mut Talk<'_, '_>) -> Result<(), Broken> {
        self.known = read(talk)?;
        (self.remembered, self.changed) = (false, true);
        Ok(())
    }

    /// Of a meter that is not asked for its list.
    pub(crate) fn unknown() -> Self {
        Self {
            known: Known::default(),
            path: PathBuf::new(),
            remembered: false,
            changed: false,
        }
    }

    /// Writes what was learned. A folder that cannot be written costs time at the next reading and nothing else.
    pub(crate) fn keep(&self) {
        if !self.changed || self.known.objects.is_empty() {
            return;
        }
        if let Ok(text) = serde_json::to_vec(&self.known) {
            let folder = self.path.parent().unwrap_or(&self.path);
            let _costs_time = fs::create_dir_all(folder).and_then(|()| {
                let fresh = self.path.with_extension("new");
                fs::write(&fresh, text)?;
                fs::rename(&fresh, &self.path)
            });
        }
    }

    /// Scaler and unit of these attributes, each asked for once in a meter's life.
    pub(crate) fn measures(
        &mut self,
        talk: &mut Talk<'_, '_>,
        attributes: &[Attribute],
    ) -> Result<Vec<Option<Measure>>, Broken> {
        let mut missing: Vec<Attribute> = Vec::new();
        for place in attributes.iter().filter_map(|it| scaler_unit(*it)) {
            if !self.known.measures.contains_key(&key(place)) && !missing.contains(&place) {
                missing.push(place);
            }
        }
        let answers = talk.get_all(&missing)?;
        for (place, answer) in missing.iter().zip(answers) {
            let measure = answer.ok().and_then(|octets| Value::parse(&octets).ok());
            let measure = measure.and_then(|value| Measure::from_value(&value));
            self.known
                .measures
                .insert(key(*place), measure.map(|it| (it.scaler, it.unit)));
            self.changed = true;
        }
        let known = |attribute: &Attribute| {
            let (scaler, unit) = (*self.known.measures.get(&key(scaler_unit(*attribute)?))?)?;
            Some(Measure { scaler, unit })
        };
        Ok(attributes.iter().map(known).collect())
    }

    /// The class of the object with this name; the first where there are several.
    pub(crate) fn class_of(&self, name: Obis) -> Option<u16> {
        let found = self.known.objects.iter().find(|it| it.obis() == name);
        found.map(|it| it.class)
    }
}

fn read(talk: &mut Talk<'_, '_>) -> Result<Known, Broken> {
    let list = talk.get(Attribute::new(15, ASSOCIATION, 2), Selection::Whole)?;
    let place = &talk.attempt.place;
    let octets = list.map_err(|error| {
        Failure::Refused(format!(
            "{place}: the object list cannot be read: {error}. Name what you want with its class, such as --obis 1-0:1.8.0/3: that needs no list"
        ))
    })?;
    let wrong = || Failure::Failed(format!("{place}: the object list is not of the form of class 15"));
    Ok(Known {
        objects: listed_all(&octets).ok_or_else(wrong)?,
        measures: BTreeMap::new(),
    })
}

/// The objects of a list, those of classes that nobody knows among them: reading needs no more than their attributes' numbers.
fn listed_all(octets: &[u8]) -> Option<Vec<Listed>> {
    Value::parse(octets).ok()?.fields().iter().map(listed).collect()
}

/// Where scaler and unit of an attribute stand, for classes that have them.
fn scaler_unit(attribute: Attribute) -> Option<Attribute> {
    let index = match (attribute.class_id, attribute.index) {
        (3 | 4, 2) => 3,
        (5, 2 | 3) => 4,
        _ => return None,
    };
    Some(Attribute::new(attribute.class_id, attribute.name, index))
}

fn key(attribute: Attribute) -> String {
    format!("{}/{}:{}", attribute.name, attribute.class_id, attribute.index)
}

fn listed(value: &Value) -> Option<Listed> {
    let [class, version, name, rights] = value.fields() else {
        return None;
    };
    let [attributes, _methods] = rights.fields() else {
        return None;
    };
    let readable = attributes.fields().iter().filter_map(|it| match it.fields() {
        // Version 0 and 1 say 1 read, 3 read and write; later ones set bit 0 of the mode for reading.
        [index, mode, ..] => (mode.integer()? & 1 == 1).then(|| i8::try_from(index.integer()?).ok())?,
        _ => None,
    });
    Some(Listed {
        class: u16::try_from(class.integer()?).ok()?,
        version: u8::try_from(version.integer()?).ok()?,
        name: name.name()?.octets(),
        readable: readable.collect(),
    })
}

/// Letters and digits stay, everything else is a dash.
fn file_name(text: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// gurux-dlms ends at classes 62, 76 and 77; a manufacturer's own begin at 32 768 and may have attributes below zero.
    #[test]
    fn objects_of_any_class_are_listed_with_what_may_be_read() {
        let row = |class: u16| {
            let [high, low] = class.to_be_bytes();
            let head = [2, 4, 0x12, high, low, 0x11, 9, 9, 6, 0, 0, 66, 0, 1, 255];
            // Logical name to read, attribute 2 to read and write, 3 to nobody, -1 to read.
            let rights = [
                &[2, 2, 1, 4][..],
                &[2, 3, 0x0F, 1, 0x16, 1, 0],
                &[2, 3, 0x0F, 2, 0x16, 3, 0],
                &[2, 3, 0x0F, 3, 0x16, 0, 0],
                &[2, 3, 0x0F, 0xFF, 0x16, 1, 0],
                &[1, 0],
            ];
            [&head[..], &rights.concat()].concat()
        };
        let classes = [62, 76, 77, 0x8001, 0xFFFF];
        let list = [vec![1, 5], classes.map(row).concat()].concat();
        let found = listed_all(&list).expect("a list");
        assert_eq!(found.iter().map(|it| it.class).collect::<Vec<_>>(), classes);
        for it in found {
            assert_eq!((it.version, it.readable), (9, vec![1, 2, -1]));
        }
    }
}
