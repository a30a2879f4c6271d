//! What is written and invoked before anything is read: `--set` and `--action`.
//!
//! Every value is made before the first is sent, so that a slip of the pen writes nothing. What was sent and not answered is
//! never sent again: whether it was done only the meter knows.

use std::fs;

use cosem::axdr::tag;
use cosem::{AccessError, ActionError, Attribute, Method, Obis};

use super::failure::Failure;
use super::notation::{self, Known};
use super::objects::Objects;
use super::talk::{Broken, Talk};
use super::value::DeviationSign;
use super::{AskedAttribute, asked_attribute};

/// `--set` as it was written.
#[derive(Clone, Debug)]
pub(crate) struct AskedSet {
    pub(crate) attribute: AskedAttribute,
    value: String,
}

/// `--action` as it was written.
#[derive(Clone, Debug)]
pub(crate) struct AskedAction {
    pub(crate) name: Obis,
    pub(crate) class: Option<u16>,
    pub(crate) index: i8,
    value: Option<String>,
}

/// What came of a SET.
pub(crate) struct Written {
    pub(crate) attribute: Attribute,
    pub(crate) result: Result<(), AccessError>,
}

/// What came of an ACTION.
pub(crate) struct Invoked {
    pub(crate) method: Method,
    pub(crate) result: Result<(), ActionError>,
    pub(crate) returned: Option<Result<Vec<u8>, AccessError>>,
}

/// Everything that is to be done, and what of it is. It outlives a broken association.
#[derive(Default)]
pub(crate) struct Deeds {
    sets: Option<Vec<(Attribute, Vec<u8>)>>,
    actions: Vec<(Method, Option<Vec<u8>>)>,
    pub(crate) written: Vec<Written>,
    pub(crate) invoked: Vec<Invoked>,
    /// How many were sent behind those that are done, and not answered.
    undecided: usize,
}

/// Octets of values in one request; what is longer goes alone, in blocks where it must.
const LIST_OCTETS: usize = 512;

impl AskedSet {
    /// Reads `OBIS[/CLASS][:ATTRIBUTE]=VALUE`.
    ///
    /// # Errors
    /// What would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| "a value is missing: 0-0:1.0.0=2026-01-05T12:00:00+01:00, 0-0:96.1.4=text:ABC".to_owned())?;
        let attribute = asked_attribute(name)?;
        if attribute.index == 1 {
            return Err("attribute 1 is the name of the object, which cannot be written".to_owned());
        }
        let value = from_file(value)?;
        Ok(Self { attribute, value })
    }
}

impl AskedAction {
    /// Reads `OBIS[/CLASS]:METHOD[=VALUE]`.
    ///
    /// # Errors
    /// What would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (place, value) = match text.split_once('=') {
            Some((place, value)) => (place, Some(from_file(value)?)),
            None => (text, None),
        };
        let wrong = || "allowed are methods such as 0-0:96.3.10:1, 0-0:96.3.10/70:1 with a class, 0-0:10.0.0:1=long-unsigned:3 with a value";
        // The name has a colon of its own.
        if place.matches(':').count() != 2 {
            return Err(wrong().to_owned());
        }
        let AskedAttribute { name, class, index } = asked_attribute(place).map_err(|_| wrong().to_owned())?;
        if index < 1 {
            return Err("methods are counted from 1".to_owned());
        }
        Ok(Self {
            name,
            class,
            index,
            value,
        })
    }
}

/// The value itself, or what is in the file behind an @, where other users of this machine do not see it.
fn from_file(value: &str) -> Result<String, String> {
    match value.strip_prefix('@') {
        Some(path) => fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| format!("{path}: {error}")),
        None => Ok(value.to_owned()),
    }
}

impl Deeds {
    /// Things that were answered.
    pub(crate) const fn done(&self) -> usize {
        self.written.len() + self.invoked.len()
    }

    /// Whether something was sent of which nobody knows whether it is done: it must not be sent again.
    pub(crate) const fn is_undecided(&self) -> bool {
        0 < self.undecided
    }

    /// The failure that ended it, with what is not known to be done and what is not done.
    pub(crate) fn told(&self, failure: Failure) -> Failure {
        let sets = self.sets.iter().flatten();
        let sets = sets.map(|(it, _)| format!("{}/{}:{}", it.name, it.class_id, it.index));
        let actions = self.actions.iter();
        let actions = actions.map(|(it, _)| format!("{}/{} method {}", it.name, it.class_id, it.index));
        let mut names = sets.chain(actions).skip(self.done());
        let undecided: Vec<_> = names.by_ref().take(self.undecided).collect();
        let undone: Vec<_> = names.collect();
        let failure = match undecided.as_slice() {
            [] => failure,
            names => failure.with(&format!(
                ". {} was sent and not answered: it may be done or not. Read what is there before you send it again",
                names.join(", ")
            )),
        };
        match undone.as_slice() {
            [] => failure,
            names => failure.with(&format!(". Not done: {}", names.join(", "))),
        }
    }

    /// Things that the meter did not want to do.
    pub(crate) fn refused(&self) -> usize {
        self.written.iter().filter(|it| it.result.is_err()).count()
            + self.invoked.iter().filter(|it| it.result.is_err()).count()
    }

    /// Makes every value; nothing is sent but questions for what is there now.
    pub(crate) fn plan(
        &mut self,
        talk: &mut Talk<'_, '_>,
        objects: &mut Objects,
        sets: &[(Attribute, &AskedSet)],
        actions: &[(Method, &AskedAction)],
        sign: DeviationSign,
    ) -> Result<(), Broken> {
        if self.sets.is_some() {
            return Ok(());
        }
        let mut values = Vec::with_capacity(sets.len());
        for (attribute, asked) in sets {
            let known = Known {
                sign,
                ..Known::default()
            };
            let value = match notation::encode(&asked.value, known) {
                Ok(octets) if notation::is_typed(&asked.value) => Ok(octets),
                _ => self.by_what_is_there(talk, objects, *attribute, &asked.value, sign)?,
            };
            let wrong = |why| {
                Failure::Usage(format!(
                    "--set {}/{}:{}: {why}. Nothing was written",
                    attribute.name, attribute.class_id, attribute.index
                ))
            };
            values.push((*attribute, value.map_err(wrong)?));
        }
        for (method, asked) in actions {
            let parameters = match asked.value.as_deref() {
                // Most methods want it, and do not look at it.
                None => Some(vec![tag::INTEGER, 0]),
                Some("none") => None,
                Some(text) => {
                    let wrong = |why| {
                        Failure::Usage(format!(
                            "--action {}/{}:{}: {why}. Nothing was invoked",
                            method.name, method.class_id, method.index
                        ))
                    };
                    Some(
                        notation::encode(
                            text,
                            Known {
                                sign,
                                ..Known::default()
                            },
                        )
                        .map_err(wrong)?,
                    )
                }
            };
            self.actions.push((*method, parameters));
        }
        self.sets = Some(values);
        Ok(())
    }

    /// A value without a type takes that of the value that it replaces.
    fn by_what_is_there(
        &self,
        talk: &mut Talk<'_, '_>,
        objects: &mut Objects,
        attribute: Attribute,
        text: &str,
        sign: DeviationSign,
    ) -> Result<Result<Vec<u8>, String>, Broken> {
        let there = talk.get(attribute, cosem::Selection::Whole)?;
        let measure = objects.measures(talk, &[attribute])?.into_iter().next().flatten();
        Ok(match there {
            Ok(octets) => notation::encode(
                text,
                Known {
                    octets: &octets,
                    measure,
                    sign,
                },
            ),
            Err(error) => notation::encode(
                text,
                Known {
                    sign,
                    ..Known::default()
                },
            )
            .map_err(|why| format!("{why} (what is there cannot be read: {error})")),
        })
    }

    /// Does what is not done yet.
    pub(crate) fn go_on(&mut self, talk: &mut Talk<'_, '_>) -> Result<(), Broken> {
        let most = talk.most_at_once();
        let sets = self.sets.clone().unwrap_or_default();
        while let Some(piece) = piece(sets.get(self.written.len()..), most, |(_, octets)| octets.len()) {
            let results = talk.set_all(piece).inspect_err(|broken| {
                self.undecided = if broken.may_have_been_done() { piece.len() } else { 0 };
            })?;
            let each = piece.iter().zip(results);
            self.written.extend(each.map(|((attribute, _), result)| Written {
                attribute: *attribute,
                result,
            }));
        }
        let actions = self.actions.clone();
        while let Some(piece) = piece(actions.get(self.invoked.len()..), most, |(_, octets)| {
            octets.as_ref().map_or(0, Vec::len)
        }) {
            let results = talk.act_all(piece).inspect_err(|broken| {
                self.undecided = if broken.may_have_been_done() { piece.len() } else { 0 };
            })?;
            self.invoked.extend(
                piece
                    .iter()
                    .zip(results)
                    .map(|((method, _), (result, returned))| Invoked {
                        method: *method,
                        result,
                        returned,
                    }),
            );
        }
        Ok(())
    }
}

/// What goes into one request that takes `most`; none when nothing is left.
fn piece<T>(left: Option<&[T]>, most: usize, length: impl Fn(&T) -> usize) -> Option<&[T]> {
    let left = left.filter(|left| !left.is_empty())?;
    let mut octets = 0;
    let fits = left.iter().take(most).take_while(|it| {
        octets += length(it);
        octets <= LIST_OCTETS
    });
    let count = fits.count().max(1);
    left.get(..count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_on_the_command_line_is_read() {
        let set = AskedSet::parse("0-0:96.1.4/1:2=text:a=b").expect("a set");
        assert_eq!(
            (set.attribute.class, set.attribute.index, set.value.as_str()),
            (Some(1), 2, "text:a=b")
        );
        for wrong in ["0-0:96.1.4", "x=1", "0-0:96.1.4:1=5", "0-0:96.1.4=@/nowhere/value"] {
            assert!(AskedSet::parse(wrong).is_err(), "{wrong}");
        }
        let action = AskedAction::parse("0-0:96.3.10:2").expect("an action");
        assert_eq!((action.class, action.index, action.value), (None, 2, None));
        let action = AskedAction::parse("0-0:10.0.0/9:1=long-unsigned:3").expect("an action");
        assert_eq!(
            (action.class, action.index, action.value.as_deref()),
            (Some(9), 1, Some("long-unsigned:3"))
        );
        for wrong in ["0-0:96.3.10", "0-0:96.3.10:0", "0-0:96.3.10:x", "1=2"] {
            assert!(AskedAction::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_hold_so_much_and_what_is_longer_goes_alone() {
        let lengths = [100, 300, 200, 2000, 1];
        let mut left = &lengths[..];
        let mut pieces = Vec::new();
        while let Some(piece) = piece(Some(left), 16, |it| *it) {
            pieces.push(piece.to_vec());
            left = &left[piece.len()..];
        }
        assert_eq!(pieces, [vec![100, 300], vec![200], vec![2000], vec![1]]);
        for most in [1, 16] {
            assert_eq!(piece(Some(&[0_usize; 40]), most, |it| *it).map(<[_]>::len), Some(most));
        }
    }
}
