//! One association with a meter over a wire: a command out, its outcome in, in real time.

use core::time::Duration;
use std::time::Instant as RealInstant;

use base::{Instant, Micros};
use cosem::axdr::Reader;
use cosem::{AccessError, ActionError, Attribute, Method, Selection};
use dlms::apdu::{AccessSpec, ActionResult, Item};
use dlms::client::{Client, ClientError, Command, Outcome};
use dlms::initiate::Conformance;
use zeroize::Zeroizing;

use super::counters::Counters;
use super::failure::{Attempt, Failure, explain};
use super::wire::Wire;

/// An attribute's value in A-XDR, or why the meter gives none.
pub(crate) type Answer = Result<Vec<u8>, AccessError>;

/// How it went with a method, and what it returned in A-XDR.
pub(crate) type Done = (Result<(), ActionError>, Option<Answer>);

/// A broken conversation: what happened, and whether to begin anew is worth it.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) failure: Failure,
    pub(crate) again: bool,
    /// What the client said, when it was the client.
    pub(crate) error: Option<ClientError>,
    /// Whether something of a request may have left.
    sent: bool,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            again: false,
            error: None,
            sent: false,
        }
    }
}

impl Broken {
    /// Whether a request may have been served although no answer to it has come that can be used.
    pub(crate) const fn may_have_been_done(&self) -> bool {
        let is_no = matches!(
            &self.error,
            Some(ClientError::Refused { .. } | ClientError::Exception(_) | ClientError::Service(_))
        );
        self.sent && !is_no
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
            let items: Vec<_> = piece.iter().map(|it| whole(*it)).collect();
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
        let wanted: Vec<_> = attributes
            .iter()
            .map(|&attribute| (AccessSpec::Get(whole(attribute)), NULL))
            .collect();
        answers.extend(self.accessed(&wanted)?.into_iter().map(|(value, code)| match code {
            0 => Ok(value),
            code => Err(access_error(code)),
        }));
        Ok(())
    }

    /// Asks for all of this by one ACCESS; answers each value and the code of its result.
    fn accessed(&mut self, wanted: &[(AccessSpec<'_>, &[u8])]) -> Result<Vec<(Vec<u8>, u8)>, Broken> {
        self.run(Command::Access {
            wanted,
            break_on_error: false,
        })?;
        let answers: Vec<_> = match self.client.outcome() {
            Some(Outcome::Accessed(response)) => {
                response.iter().map(|(value, _, code)| (value.to_vec(), code)).collect()
            }
            other => return Err(self.unexpected(&format!("{other:?}"))),
        };
        if answers.len() != wanted.len() {
            return Err(self.unexpected("another number of results than was asked for"));
        }
        Ok(answers)
    }

    /// How much may be written or invoked in one request.
    pub(crate) const fn most_at_once(&self) -> usize {
        let granted = self.client.conformance();
        let lists = granted.has(Conformance::MULTIPLE_REFERENCES);
        if lists || self.by_access && granted.has(Conformance::ACCESS) {
            LIST_MOST
        } else {
            1
        }
    }

    /// Writes attributes in one request, no more than [`Self::most_at_once`]; answers how it went with each.
    pub(crate) fn set_all(&mut self, pairs: &[(Attribute, Vec<u8>)]) -> Result<Vec<Result<(), AccessError>>, Broken> {
        if self.by_access && self.client.conformance().has(Conformance::ACCESS) {
            let wanted: Vec<_> = pairs
                .iter()
                .map(|(attribute, value)| (AccessSpec::Set(whole(*attribute)), value.as_slice()))
                .collect();
            let answers = self.accessed(&wanted)?.into_iter();
            return Ok(answers.map(|(_, code)| success_or(code)).collect());
        }
        if let [(attribute, value)] = pairs {
            self.run(Command::Set(whole(*attribute), value))?;
            return match self.client.outcome() {
                Some(Outcome::Written(result)) => Ok(vec![result]),
                other => Err(self.unexpected(&format!("{other:?}"))),
            };
        }
        let list: Vec<_> = pairs
            .iter()
            .map(|(attribute, value)| (whole(*attribute), value.as_slice()))
            .collect();
        self.run(Command::SetList(&list))?;
        match self.client.outcome() {
            Some(Outcome::WrittenEach(codes)) if codes.len() == pairs.len() => {
                Ok(codes.iter().map(|code| success_or(*code)).collect())
            }
            // The list as a whole was refused.
            Some(Outcome::Written(Err(error))) => Ok(vec![Err(error); pairs.len()]),
            other => Err(self.unexpected(&format!("{other:?}"))),
        }
    }

    /// Invokes methods in one request, no more than [`Self::most_at_once`]; answers how it went with each.
    pub(crate) fn act_all(&mut self, pairs: &[(Method, Option<Vec<u8>>)]) -> Result<Vec<Done>, Broken> {
        let parameters = |it: &'_ Option<Vec<u8>>| it.clone().unwrap_or_else(|| NULL.to_vec());
        if self.by_access && self.client.conformance().has(Conformance::ACCESS) {
            let values: Vec<_> = pairs.iter().map(|(_, value)| parameters(value)).collect();
            let wanted: Vec<_> = pairs
                .iter()
                .zip(&values)
                .map(|((method, _), value)| (AccessSpec::Act(*method), value.as_slice()))
                .collect();
            let answers = self.accessed(&wanted)?.into_iter();
            return Ok(answers
                .map(|(value, code)| {
                    (
                        ActionError::from_code(code).map_or(Ok(()), Err),
                        Some(Ok(value)).filter(|it| *it != Ok(NULL.to_vec())),
                    )
                })
                .collect());
        }
        if let [(method, value)] = pairs {
            self.run(Command::Act(*method, value.as_deref()))?;
            return match self.client.outcome() {
                Some(Outcome::Done(result)) => Ok(vec![done(result)]),
                other => Err(self.unexpected(&format!("{other:?}"))),
            };
        }
        let values: Vec<_> = pairs.iter().map(|(_, value)| parameters(value)).collect();
        let list: Vec<_> = pairs
            .iter()
            .zip(&values)
            .map(|((method, _), value)| (*method, value.as_slice()))
            .collect();
        self.run(Command::ActList(&list))?;
        match self.client.outcome() {
            Some(Outcome::DoneEach(octets)) => {
                let results = results(octets).filter(|results| results.len() == pairs.len());
                results.ok_or_else(|| self.unexpected("results that are none, or another number of them"))
            }
            Some(Outcome::Done(refused)) => Ok(vec![done(refused); pairs.len()]),
            other => Err(self.unexpected(&format!("{other:?}"))),
        }
    }

    fn unexpected(&self, what: &str) -> Broken {
        let place = &self.attempt.place;
        let failure = Failure::Failed(format!(
            "{place}: the meter answered something else than was asked for: {what}"
        ));
        Broken {
            sent: true,
            ..failure.into()
        }
    }

    /// Runs one command to its end.
    fn run(&mut self, command: Command<'_>) -> Result<(), Broken> {
        self.wire.drain();
        self.keep_ahead()?;
        let mut out = Vec::new();
        let now = self.now();
        let started = self
            .client
            .start(now, command, &mut |octets| out.push(Zeroizing::new(octets.to_vec())));
        started.map_err(|error| self.broken(&error))?;
        self.converse(out).map_err(|broken| Broken { sent: true, ..broken })
    }

    /// Sends what is out, and goes on until the answer is whole.
    fn converse(&mut self, mut out: Vec<Zeroizing<Vec<u8>>>) -> Result<(), Broken> {
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
                    let mut send = |octets: &[u8]| out.push(Zeroizing::new(octets.to_vec()));
                    let elapsed = self.client.elapse(now, &mut send);
                    elapsed.map_err(|error| self.broken(&error))?;
                }
                Some(count) => {
                    self.received += count as u64;
                    (self.progress)(self.received);
                    let heard = buffer.get(..count).unwrap_or_default();
                    let mut send = |octets: &[u8]| out.push(Zeroizing::new(octets.to_vec()));
                    let received = self.client.receive(now, heard, &mut send);
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
            sent: false,
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
        sent: false,
    }
}

fn whole(attribute: Attribute) -> Item<'static> {
    Item {
        attribute,
        selection: Selection::Whole,
    }
}

fn access_error(code: u8) -> AccessError {
    AccessError::from_code(code).unwrap_or(AccessError::OtherReason)
}

fn success_or(code: u8) -> Result<(), AccessError> {
    match code {
        0 => Ok(()),
        code => Err(access_error(code)),
    }
}

fn done(result: ActionResult<'_>) -> Done {
    (result.result, result.returned.map(|it| it.map(<[u8]>::to_vec)))
}

/// Results of methods behind their count.
fn results(octets: &[u8]) -> Option<Vec<Done>> {
    let mut reader = Reader::new(octets);
    let count = reader.length().ok()?;
    let mut each = Vec::new();
    for _ in 0..count {
        each.push(done(ActionResult::take(&mut reader).ok()?));
    }
    reader.end().ok().map(|()| each)
}

/// null-data: where a value must stand and there is none.
const NULL: &[u8] = &[0];

/// Attributes and methods in one request: more than that some meters refuse.
const LIST_MOST: usize = 16;

#[cfg(test)]
mod tests {
    use dlms::acse::{Diagnostic, Outcome};
    use dlms::apdu::{Exception, ServiceFault, StateFault};
    use dlms::client::Protocol;

    use super::*;

    /// What was sent may be done, unless the meter said that it is not.
    #[test]
    fn only_a_no_of_the_meter_says_that_nothing_was_done() {
        let exception = Exception {
            state: StateFault::Unknown,
            service: ServiceFault::Other,
        };
        let refused = ClientError::Refused {
            outcome: Outcome::RejectedPermanent,
            diagnostic: Diagnostic::AuthenticationFailure,
            initiate: None,
        };
        for (error, doubt) in [
            (None, true),
            (Some(ClientError::NoAnswer), true),
            (Some(ClientError::Disconnected), true),
            (Some(ClientError::Rejected(1)), true),
            (Some(ClientError::Protocol(Protocol::Apdu)), true),
            (Some(ClientError::Replayed), true),
            (Some(ClientError::Deciphering), true),
            (Some(ClientError::Unprotected), true),
            (Some(ClientError::TooLong), true),
            (Some(ClientError::Exception(exception)), false),
            (Some(refused), false),
        ] {
            let broken = |sent| Broken {
                failure: Failure::Failed(String::new()),
                again: false,
                error,
                sent,
            };
            assert_eq!(broken(true).may_have_been_done(), doubt, "{error:?}");
            assert!(!broken(false).may_have_been_done(), "{error:?}");
        }
    }
}
