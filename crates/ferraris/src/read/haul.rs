//! What one call reads of a meter, and what of it has come: identity, deeds, attributes, a profile.

use std::path::Path;

use cosem::{AccessError, Attribute, Method, Obis};
use dlms::initiate::Conformance;

use super::deeds::Deeds;
use super::failure::Failure;
use super::notation;
use super::objects::{Identity, Listed, Objects};
use super::output::{Absent, Reply as Shown, UNLISTED};
use super::profile::{Reading, Wanted};
use super::secrets::{Authentication, Secrets};
use super::talk::{self, Broken, Talk};
use super::value::{DeviationSign, Value};
use super::{AskedAttribute, ReadArgs};

/// What is read in one call, and what of it has come. It outlives a broken association.
#[derive(Default)]
pub(super) struct Haul {
    pub(super) identity: Option<(String, String)>,
    pub(super) deeds: Deeds,
    pub(super) replies: Vec<Shown>,
    pub(super) reading: Option<Reading>,
    pub(super) list: Vec<Listed>,
}

impl Haul {
    /// Grows with everything that was read.
    pub(super) fn weight(&self) -> usize {
        usize::from(self.identity.is_some())
            + self.deeds.done()
            + self.replies.len()
            + self.reading.as_ref().map_or(0, |reading| 1 + reading.rows.len())
    }

    pub(super) fn take(
        &mut self,
        talk: &mut Talk<'_, '_>,
        args: &ReadArgs,
        state: &Path,
        secrets: &Secrets,
    ) -> Result<(), Broken> {
        if self.identity.is_none() {
            let names = [
                Attribute::new(1, Obis::new("0-0:42.0.0"), 2),
                Attribute::new(1, Obis::new("1-0:0.2.0"), 2),
            ];
            let texts = talk.get_all(&names)?.into_iter().map(|answer| match answer {
                Ok(octets) => {
                    Value::parse(&octets).map_or_else(|_| "-".to_owned(), |it| it.text(None, args.deviation_sign))
                }
                Err(_) => "-".to_owned(),
            });
            let mut texts = texts;
            self.identity = texts.next().zip(texts.next());
        }
        let (logical_device_name, firmware) = self.identity.clone().unwrap_or_default();
        // Names with their class need no list; everything else does.
        let needs_list = args.list || args.all || args.profile.is_some();
        let names = args.obis.iter().map(|it| it.class);
        let names = names.chain(args.set.iter().map(|it| it.attribute.class));
        let mut names = names.chain(args.action.iter().map(|it| it.class)).peekable();
        let listless = !needs_list && names.peek().is_some() && names.all(|class| class.is_some());
        let mut objects = match listless {
            true => Objects::unknown(),
            false => {
                let identity = Identity {
                    logical_device_name: &logical_device_name,
                    firmware: &firmware,
                    state: &state_of(talk)?,
                    client: secrets.client,
                };
                // Who wants the list, or everything, wants what the meter has now.
                Objects::of(talk, state, &identity, args.refresh || args.list || args.all)?
            }
        };
        let taken = self.take_all(talk, args, secrets, &mut objects);
        objects.keep();
        taken
    }

    fn take_all(
        &mut self,
        talk: &mut Talk<'_, '_>,
        args: &ReadArgs,
        secrets: &Secrets,
        objects: &mut Objects,
    ) -> Result<(), Broken> {
        // A list that lacks what is asked for may be older than the meter's.
        let listless = args.obis.iter().map(|it| (it.name, it.class));
        let listless = listless.chain(args.set.iter().map(|it| (it.attribute.name, it.attribute.class)));
        let mut listless = listless.chain(args.action.iter().map(|it| (it.name, it.class)));
        if objects.remembered && listless.any(|(name, class)| class.is_none() && objects.class_of(name).is_none()) {
            objects.renew(talk)?;
        }
        self.list.clone_from(&objects.known.objects);
        if args.list {
            return Ok(());
        }
        let mut wanted = wanted(args, objects);
        self.act(talk, args, secrets, objects)?;
        while let Some(attribute) = wanted.get(self.replies.len()) {
            if attribute.class_id == UNLISTED {
                self.replies.push(Shown {
                    attribute: *attribute,
                    value: Err(Absent::Unlisted),
                    data: None,
                    measure: None,
                });
                continue;
            }
            let left = wanted.get(self.replies.len()..).unwrap_or_default().iter();
            let piece = left.take_while(|it| it.class_id != UNLISTED).take(16);
            let piece: Vec<Attribute> = piece.copied().collect();
            let answers = talk.get_all(&piece)?;
            if objects.remembered && answers.iter().any(is_no_object) {
                objects.renew(talk)?;
                self.list.clone_from(&objects.known.objects);
                self.replies.clear();
                wanted = self::wanted(args, objects);
                continue;
            }
            let measures = objects.measures(talk, &piece)?;
            for ((attribute, answer), measure) in piece.iter().zip(answers).zip(measures) {
                let data = answer.as_ref().ok().map(|octets| notation::typed(octets));
                let value = match answer {
                    Ok(octets) => Ok(Value::parse(&octets).map_err(|error| {
                        Failure::Failed(format!("{}: the meter's value is none: {error}", attribute.name))
                    })?),
                    Err(error) => Err(Absent::Refused(error)),
                };
                self.replies.push(Shown {
                    attribute: *attribute,
                    value,
                    data,
                    measure,
                });
            }
        }
        let Some(name) = args.profile else { return Ok(()) };
        let reading = self.reading.get_or_insert_with(|| {
            Reading::new(Wanted {
                name,
                from: args.from,
                to: args.to,
                last: args.last,
                deviation: args.range_deviation,
                sign: args.deviation_sign,
            })
        });
        let quiet = args.quiet;
        let mut told = |rows, pieces| {
            if !quiet && 0 < pieces {
                eprintln!("profile {name}: {rows} rows, {pieces} pieces to go");
            }
        };
        reading.go_on(talk, objects, &mut told)
    }

    /// Writes and invokes what was asked for.
    fn act(
        &mut self,
        talk: &mut Talk<'_, '_>,
        args: &ReadArgs,
        secrets: &Secrets,
        objects: &mut Objects,
    ) -> Result<(), Broken> {
        let granted = talk.client.conformance();
        let by_access = talk.by_access && granted.has(Conformance::ACCESS);
        for (is_wanted, service, name) in [
            (!args.set.is_empty(), Conformance::SET, "SET"),
            (!args.action.is_empty(), Conformance::ACTION, "ACTION"),
        ] {
            if is_wanted && !by_access && !granted.has(service) {
                let why = format!(
                    "{}: the meter grants client {} no {name}; nothing was done. Try another --client, with its secrets in --keys",
                    talk.attempt.place, secrets.client
                );
                return Err(Failure::Refused(why).into());
            }
        }
        let mut sets = Vec::with_capacity(args.set.len());
        for asked in &args.set {
            let AskedAttribute { name, class, index } = asked.attribute;
            sets.push((
                Attribute::new(class_of(name, class, secrets, objects)?, name, index),
                asked,
            ));
        }
        let mut actions = Vec::with_capacity(args.action.len());
        for asked in &args.action {
            let class = class_of(asked.name, asked.class, secrets, objects)?;
            actions.push((Method::new(class, asked.name, asked.index), asked));
        }
        self.deeds.plan(talk, objects, &sets, &actions, args.deviation_sign)?;
        self.deeds.go_on(talk)
    }
}

/// The meter does not have what its list said.
fn is_no_object(answer: &talk::Answer) -> bool {
    matches!(
        answer,
        Err(AccessError::ObjectUndefined | AccessError::ObjectClassInconsistent)
    )
}

/// What changes when the object list may, as far as the meter has it: the second firmware, the signature of the first, how often
/// the meter was configured.
fn state_of(talk: &mut Talk<'_, '_>) -> Result<String, Broken> {
    let names = ["1-1:0.2.0", "1-0:0.2.8", "0-0:96.2.0"];
    let names: Vec<_> = names.iter().map(|name| Attribute::new(1, Obis::new(name), 2)).collect();
    let answers = talk.get_all(&names)?.into_iter().map(|answer| {
        let value = answer.ok().and_then(|octets| Value::parse(&octets).ok());
        value.map_or_else(String::new, |it| it.text(None, DeviationSign::Standard))
    });
    Ok(answers.collect::<Vec<_>>().join("-"))
}

/// The attributes that are read beside a profile; those that the list lacks are of class [`UNLISTED`].
fn wanted(args: &ReadArgs, objects: &Objects) -> Vec<Attribute> {
    if args.all {
        let all = objects.known.objects.iter().flat_map(|object| {
            // Buffers and lists are asked for by name.
            let large = |index: &i8| matches!((object.class, index), (7 | 15, 2));
            let readable = object.readable.iter().filter(move |index| !large(index));
            readable.map(|index| Attribute::new(object.class, object.obis(), *index))
        });
        return all.collect();
    }
    if args.obis.is_empty() && args.profile.is_none() {
        if !args.set.is_empty() || !args.action.is_empty() {
            return Vec::new();
        }
        let usual = objects
            .known
            .objects
            .iter()
            .filter(|object| object.readable.contains(&2) && (object.class == 8 || matches!(object.class, 3..=5)));
        return usual
            .map(|object| Attribute::new(object.class, object.obis(), 2))
            .collect();
    }
    args.obis
        .iter()
        .map(|asked| {
            let class = asked.class.or_else(|| objects.class_of(asked.name));
            Attribute::new(class.unwrap_or(UNLISTED), asked.name, asked.index)
        })
        .collect()
}

/// The class that was said, else that of the object list.
fn class_of(name: Obis, said: Option<u16>, secrets: &Secrets, objects: &Objects) -> Result<u16, Failure> {
    said.or_else(|| objects.class_of(name))
        .ok_or_else(|| Failure::Refused(unlisted(&[name], secrets)))
}

/// What to try with names that the object list lacks.
pub(super) fn unlisted(names: &[Obis], secrets: &Secrets) -> String {
    let is = if names.len() == 1 { "is" } else { "are" };
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    format!(
        "{all} {is} not in the object list of client {client}.{hint} See --list, or name the class to ask all the same: {first}/3",
        all = names.join(", "),
        client = secrets.client,
        hint = hint_at_credentials(secrets),
        first = names.first().map_or("", String::as_str),
    )
}

/// What a client that shows no secret may try.
pub(super) fn hint_at_credentials(secrets: &Secrets) -> &'static str {
    match secrets.authentication {
        Authentication::None => " Clients that show who they are may read more: --password TEXT or --keys FILE.",
        _ => "",
    }
}
