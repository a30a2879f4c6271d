//! One association with a meter over a wire: a command out, its outcome in, in real time.

use core::time::Duration;
use std::time::Instant as RealInstant;

use base::{Instant, Micros};
use cosem::{AccessError, Attribute, Selection};
use dlms::apdu::{AccessSpec, Item};
use dlms::client::{Client, ClientError, Command, Outcome};
use dlms::initiate::Conformance;

use super::counters::Counters;
use super::failure::{Attempt, Failure, explain};
use super::wire::Wire;

/// An attribute's value in A-XDR, or why the meter gives none.
pub(crate) type Answer = Result<Vec<u8>, AccessError>;

/// A broken conversation: what happened, and whether to begin anew is worth it.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) failure: Failure,
    pub(crate) again: bool,
    /// What the client said, when it was the client.
    pub(crate) error: Option<ClientError>,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            again: false,
            error: None,
        }
    }
}

/// A client at its wire.
pub(crate) struct Talk<'b, 'w> {
    pub(crate) client: Client<'b>,
    pub(crate) wire: &'w mut Wire,
    pub(crate) counters: Option<&'w mut Counters>,
    pub(crate) attempt: Attempt,
    begun: RealInstant,
    /// Octets that have come, and what is told of it.
    pub(crate) received: u64,
    pub(crate) progress: &'w mut dyn FnMut(u64),
    /// Whether several attributes are asked for by ACCESS, where it was granted.
    pub(crate) by_access: bool,
}

impl<'b, 'w> Talk<'b, 'w> {
    pub(crate) fn new(
        client: Client<'b>,
        wire: &'w mut Wire,
        counters: Option<&'w mut Counters>,
        attempt: Attempt,
        progress: &'w mut dyn FnMut(u64),
    ) -> Self {
        Self {
            client,
            wire,
            counters,
            attempt,
            begun: RealInstant::now(),
            received: 0,
            progress,
            by_access: false,
        }
    }

    /// Asks for the association.
    pub(crate) fn associate(&mut self) -> Result<(), Broken> {
        self.attempt.associating = true;
        self.run(Command::Associate)?;
        self.attempt.associating = false;
        Ok(())
    }

    /// Ends the association; a meter that does not answer to it has ended it too.
    pub(crate) fn release(&mut self) {
        let _over = self.run(Command::Release);
    }

    /// Reads one attribute.
    pub(crate) fn get(&mut self, attribute: Attribute, selection: Selection<'_>) -> Result<Answer, Broken> {
        self.run(Command::Get(Item { attribute, selection }))?;
        match self.client.outcome() {
            Some(Outcome::Value(value)) => Ok(value.map(<[u8]>::to_vec)),
            other => Err(self.unexpected(&format!("{other:?}"))),
        }
    }

    /// Reads several attributes, in one request where the meter takes such.
    pub(crate) fn get_all(&mut self, attributes: &[Attribute]) -> Result<Vec<Answer>, Broken> {
        let whole = |attribute: &Attribute| Item {
            attribute: *attribute,
            selection: Selection::Whole,
        };
        let mut answers = Vec::with_capacity(attributes.len());
        if self.by_access && self.client.conformance().has(Conformance::ACCESS) {
            for piece in attributes.chunks(LIST_MOST) {
                self.access(piece, &mut answers)?;
            }
            return Ok(answers);
        }
        let lists = self.client.conformance().has(Conformance::MULTIPLE_REFERENCES);
        if !lists || attributes.len() < 2 {
            for attribute in attributes {
                answers.push(self.get(*attribute, Selection::Whole)?);
            }
            return Ok(answers);
        }
        for piece in attributes.chunks(LIST_MOST) {
            let items: Vec<_> = piece.iter().map(whole).collect();
            match self.run(Command::GetList(&items)) {
                Ok(()) => {}
                // Lists were granted, but not of these: one by one then.
                Err(broken) if self.client.is_associated() && !broken.again => {
                    for attribute in piece {
                        answers.push(self.get(*attribute, Selection::Whole)?);
                    }
                    continue;
                }
                Err(broken) => return Err(broken),
            }
            let before = answers.len();
            match self.client.outcome() {
                Some(Outcome::Values(results)) => {
                    answers.extend(results.iter().map(|it| it.map(<[u8]>::to_vec)));
                }
                Some(Outcome::Value(Err(error))) => answers.extend(piece.iter().map(|_| Err(error))),
                other => return Err(self.unexpected(&format!("{other:?}"))),
            }
            if answers.len() != before + piece.len() {
                return Err(self.unexpected("another number of values than was asked for"));
            }
        }
        Ok(answers)
    }

    /// Reads a few attributes by one ACCESS.
    fn access(&mut self, attributes: &[Attribute], answers: &mut Vec<Answer>) -> Result<(), Broken> {
        const NULL: &[u8] = &[0];
        let wanted: Vec<_> = attributes
            .iter()
            .map(|&attribute| {
                let selection = Selection::Whole;
                (AccessSpec::Get(Item { attribute, selection }), NULL)
            })
            .collect();
        let before = answers.len();
        self.run(Command::Access {
            wanted: &wanted,
            break_on_error: false,
        })?;
        match self.client.outcome() {
            Some(Outcome::Accessed(response)) => answers.extend(response.iter().map(|(value, _, code)| match code {
                0 => Ok(value.to_vec()),
                code => Err(AccessError::from_code(code).unwrap_or(AccessError::OtherReason)),
            })),
            other => return Err(self.unexpected(&format!("{other:?}"))),
        }
        if answers.len() != before + attributes.len() {
            return Err(self.unexpected("another number of values than was asked for"));
        }
        Ok(())
    }

    fn unexpected(&self, what: &str) -> Broken {
        let place = &self.attempt.place;
        Failure::Failed(format!(
            "{place}: the meter answered something else than was asked for: {what}"
        ))
        .into()
    }

    /// Runs one command to its end.
    fn run(&mut self, command: Command<'_>) -> Result<(), Broken> {
        self.wire.drain();
        self.keep_ahead()?;
        let mut out = Vec::new();
        let now = self.now();
        let started = self.client.start(now, command, &mut |octets| out.push(octets.to_vec()));
        started.map_err(|error| self.broken(&error))?;
        let mut buffer = [0; 4096];
        loop {
            for octets in out.drain(..) {
                self.wire.send(&octets).map_err(|error| gone(&self.attempt, &error))?;
            }
            let patience = self.client.deadline().since(self.now());
            let patience = Duration::from_micros(patience.as_micros()).min(Duration::from_secs(3600));
            let got = self
                .wire
                .receive(&mut buffer, patience)
                .map_err(|error| gone(&self.attempt, &error))?;
            let now = self.now();
            match got {
                None => {
                    self.client.lost();
                    return Err(self.broken(&ClientError::Disconnected));
                }
                Some(0) => {
                    let elapsed = self.client.elapse(now, &mut |octets| out.push(octets.to_vec()));
                    elapsed.map_err(|error| self.broken(&error))?;
                }
                Some(count) => {
                    self.received += count as u64;
                    (self.progress)(self.received);
                    let heard = buffer.get(..count).unwrap_or_default();
                    let received = self.client.receive(now, heard, &mut |octets| out.push(octets.to_vec()));
                    // Numbers are reserved before what was sealed with them leaves.
                    self.keep_ahead()?;
                    if received.map_err(|error| self.broken(&error))? {
                        for octets in out.drain(..) {
                            self.wire.send(&octets).map_err(|error| gone(&self.attempt, &error))?;
                        }
                        return Ok(());
                    }
                }
            }
        }
    }

    fn keep_ahead(&mut self) -> Result<(), Failure> {
        match &mut self.counters {
            Some(counters) => counters.stay_ahead(self.client.next_counter()),
            None => Ok(()),
        }
    }

    fn broken(&self, error: &ClientError) -> Broken {
        Broken {
            failure: explain(error, &self.attempt),
            again: super::failure::is_worth_another_try(error),
            error: Some(*error),
        }
    }

    fn now(&self) -> Instant {
        let micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        Instant::START + Micros::new(micros)
    }
}

fn gone(attempt: &Attempt, error: &std::io::Error) -> Broken {
    Broken {
        failure: Failure::Unreachable(format!("{}: {error}", attempt.place)),
        again: true,
        error: None,
    }
}

/// Attributes in one request: more than that some meters refuse.
const LIST_MOST: usize = 16;
