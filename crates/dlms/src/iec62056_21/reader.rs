//! The reader's side of the sign-on, twin of [`super::Station`].

use core::fmt;

use base::{Instant, Micros};
use heapless::Vec;

use super::{ACK, ETX, LineMode, STX, Speed, block_check};

/// What a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// HDLC (mode E).
    Hdlc,
    /// The read-out (mode C).
    ReadOut,
}

/// How far the reader has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Not at its goal yet.
    Waiting,
    /// HDLC may begin, in the line mode that the reader says.
    Hdlc,
    /// The read-out is whole: so many octets of the lent buffer, without STX, `!` and check.
    ReadOut(usize),
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderError {
    /// Nobody answered the call.
    NoAnswer,
    /// The meter has no mode that the goal needs.
    NoMode,
    /// The read-out stopped before its end.
    Cut,
    /// The check of the read-out is wrong.
    Check,
    /// The read-out is longer than the lent buffer.
    TooLong,
}

impl fmt::Display for ReaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => "nobody answered the sign-on",
            Self::NoMode => "the meter's identification offers no such mode",
            Self::Cut => "the read-out stopped before its end",
            Self::Check => "the check of the read-out is wrong",
            Self::TooLong => "the read-out is too long",
        })
    }
}

impl core::error::Error for ReaderError {}

/// The reader's machine.
///
/// Life: [`Reader::start`], then octets by [`Reader::receive`] and [`Reader::elapse`] at [`Reader::deadline`], until
/// either answers that the goal is reached. [`Reader::line_mode`] is asked after every call.
pub struct Reader<'b> {
    goal: Goal,
    state: State,
    mode: LineMode,
    heard: Vec<u8, 80>,
    /// Where the read-out is put, and how much of it has come; `None` before STX.
    lent: &'b mut [u8],
    held: Option<usize>,
    /// Our call came back: the line has an echo, and our option will come back too.
    echo: bool,
    deadline: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling,
    /// The option was sent; the meter confirms it.
    Confirming(Speed),
    /// Both have changed; the line rests before HDLC.
    Resting,
    ReadingOut,
    Done,
}

/// How long a meter may take to begin its answer, and to go on.
const PATIENCE: Micros = Micros::from_millis(1_500);
/// How long the line rests after the change of speed.
const REST: Micros = Micros::from_millis(300);

impl<'b> Reader<'b> {
    /// A reader that has said nothing. A read-out is put together in `lent`.
    #[must_use]
    pub const fn new(goal: Goal, lent: &'b mut [u8]) -> Self {
        Self {
            goal,
            state: State::Done,
            mode: LineMode::START,
            heard: Vec::new(),
            lent,
            held: None,
            echo: false,
            deadline: Instant::FAR,
        }
    }

    /// How the line must be set, once everything that was sent has left.
    #[must_use]
    pub const fn line_mode(&self) -> LineMode {
        self.mode
    }

    /// When [`Reader::elapse`] must be called.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The octets of a read-out that has ended.
    #[must_use]
    pub fn read_out(&self, length: usize) -> &[u8] {
        self.lent.get(..length).unwrap_or(&[])
    }

    /// Calls the meter with this address; everybody with an empty one.
    pub fn start(&mut self, now: Instant, address: &str, out: &mut dyn FnMut(&[u8])) {
        self.state = State::Calling;
        self.mode = LineMode::START;
        self.heard.clear();
        self.held = None;
        self.echo = false;
        out(b"/?");
        out(address.as_bytes());
        out(b"!\r\n");
        let took = LineMode::START.duration(address.len() + 5);
        self.deadline = now + took + PATIENCE;
    }

    /// Takes octets from the meter.
    ///
    /// # Errors
    /// Why nothing came of it; the reader may start anew.
    pub fn receive(&mut self, now: Instant, octets: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<Sign, ReaderError> {
        for &octet in octets {
            let octet = octet & 0x7F;
            self.deadline = match self.state {
                State::Done => return Ok(Sign::Waiting),
                // Garbage of a confirmation at another speed does not keep the line from resting.
                State::Resting => self.deadline,
                _ => now + PATIENCE,
            };
            match self.state {
                State::Calling => self.identification(now, octet, out)?,
                State::Confirming(speed) => self.confirmation(now, octet, speed),
                State::ReadingOut => {
                    if let Some(length) = self.data(octet)? {
                        self.state = State::Done;
                        self.deadline = Instant::FAR;
                        self.mode = LineMode::START;
                        return Ok(Sign::ReadOut(length));
                    }
                }
                State::Resting | State::Done => {}
            }
        }
        Ok(Sign::Waiting)
    }

    /// Time has passed.
    ///
    /// # Errors
    /// When the meter stays silent.
    pub fn elapse(&mut self, now: Instant) -> Result<Sign, ReaderError> {
        if now < self.deadline {
            return Ok(Sign::Waiting);
        }
        match self.state {
            State::Calling => Err(self.fail(ReaderError::NoAnswer)),
            // It was confirmed at the new speed, where this line was not: the change is made all the same, and HDLC will
            // tell.
            State::Confirming(speed) => {
                self.change(now, speed);
                Ok(Sign::Waiting)
            }
            State::Resting => {
                self.state = State::Done;
                self.deadline = Instant::FAR;
                Ok(Sign::Hdlc)
            }
            State::ReadingOut => Err(self.fail(ReaderError::Cut)),
            State::Done => Ok(Sign::Waiting),
        }
    }

    fn fail(&mut self, error: ReaderError) -> ReaderError {
        self.state = State::Done;
        self.mode = LineMode::START;
        self.deadline = Instant::FAR;
        error
    }

    fn identification(&mut self, now: Instant, octet: u8, out: &mut dyn FnMut(&[u8])) -> Result<(), ReaderError> {
        if octet == b'/' || self.heard.push(octet).is_err() {
            self.heard.clear();
            if octet == b'/' {
                let _fits = self.heard.push(octet);
            }
            return Ok(());
        }
        if octet != b'\n' {
            return Ok(());
        }
        let line = core::mem::take(&mut self.heard);
        // An optical head gives back our own call: it is no identification.
        if line.starts_with(b"/?") {
            self.echo = true;
            return Ok(());
        }
        let [b'/', _, _, _, character, rest @ .., b'\r', b'\n'] = line.as_slice() else {
            return Ok(());
        };
        let speed = Speed::from_character(*character);
        match (self.goal, speed) {
            (Goal::Hdlc, Some(speed)) if rest.windows(2).any(|pair| pair == b"\\2") => {
                out(&[ACK, b'2', speed.character(), b'2', b'\r', b'\n']);
                self.state = State::Confirming(speed);
                self.deadline = now + LineMode::START.duration(12) + PATIENCE;
            }
            (Goal::Hdlc, _) => return Err(self.fail(ReaderError::NoMode)),
            (Goal::ReadOut, Some(speed)) => {
                out(&[ACK, b'0', speed.character(), b'0', b'\r', b'\n']);
                self.state = State::ReadingOut;
                self.mode = LineMode {
                    speed,
                    seven_even: true,
                };
                self.deadline = now + LineMode::START.duration(6) + PATIENCE;
            }
            // A letter of mode B, or none of mode A: the read-out follows by itself.
            (Goal::ReadOut, None) => self.state = State::ReadingOut,
        }
        Ok(())
    }

    fn confirmation(&mut self, now: Instant, octet: u8, speed: Speed) {
        if octet == ACK {
            self.heard.clear();
        }
        if self.heard.push(octet).is_err() {
            self.heard.clear();
        }
        if !self.heard.ends_with(b"\r\n") {
            return;
        }
        self.heard.clear();
        // Our own option looks the same and comes back first where there is an echo.
        if self.echo {
            self.echo = false;
        } else {
            self.change(now, speed);
        }
    }

    fn change(&mut self, now: Instant, speed: Speed) {
        self.heard.clear();
        self.state = State::Resting;
        self.mode = LineMode {
            speed,
            seven_even: false,
        };
        self.deadline = now + REST;
    }

    /// Takes an octet of the read-out; answers its length when it was the last.
    fn data(&mut self, octet: u8) -> Result<Option<usize>, ReaderError> {
        let Some(held) = self.held else {
            if octet == STX {
                self.held = Some(0);
            }
            return Ok(None);
        };
        let Some(place) = self.lent.get_mut(held) else {
            return Err(self.fail(ReaderError::TooLong));
        };
        *place = octet;
        self.held = Some(held + 1);
        let data = self.lent.get(..held).unwrap_or(&[]);
        if data.last() != Some(&ETX) {
            return Ok(None);
        }
        if block_check(data) != octet {
            return Err(self.fail(ReaderError::Check));
        }
        let text = data.strip_suffix(b"!\r\n\x03").or_else(|| data.strip_suffix(b"!\x03"));
        Ok(Some(text.unwrap_or_else(|| data.get(..held - 1).unwrap_or(&[])).len()))
    }
}
