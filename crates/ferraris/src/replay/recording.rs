//! What every recording is once its format is forgotten: seven inputs, one sampling rate, values in volts and amperes.
//!
//! A [`Recording`] is opened once and may be walked several times: the first walk finds peaks and frequency, the second one feeds
//! the metrology. Nothing keeps all samples in memory.

use core::fmt;
use std::path::{Path, PathBuf};

use metrology::{Channel, N_CHANNELS};

/// One value per input, volts and amperes; absent inputs are 0.
pub(super) type Values = [f64; N_CHANNELS];

/// The slowest sampling that is taken, in Hz.
pub(super) const RATE_LEAST_HZ: f64 = 2_000.0;

/// The fastest sampling that is taken, in Hz.
pub(super) const RATE_GREATEST_HZ: f64 = 64_000.0;

/// The input of this name: v1, v2, v3, i1, i2, i3 or in.
pub(super) fn input_named(text: &str) -> Result<Channel, String> {
    Channel::ALL
        .into_iter()
        .find(|input| text.eq_ignore_ascii_case(input.name()))
        .ok_or_else(|| {
            format!(
                "no input is called \"{}\"; inputs are v1, v2, v3, i1, i2, i3, in",
                shown(text)
            )
        })
}

/// The unit of an input's values.
pub(super) const fn unit_of(input: Channel) -> &'static str {
    if input.is_voltage() { "V" } else { "A" }
}

/// Where an input's values come from, as far as the report says it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Origin {
    /// What the recording calls it.
    pub(super) name: String,
    /// The step between neighbouring values, in volts or amperes, where the format counts in steps.
    pub(super) step: Option<f64>,
    /// For COMTRADE: whether values are those of the primary or the secondary side of a transformer.
    pub(super) side: Option<&'static str>,
    /// How long after the set this channel is sampled, in seconds.
    pub(super) skew_s: f64,
}

/// A recording whose heading has been read and found whole.
pub(super) trait Recording {
    /// The name of the format.
    fn format(&self) -> &'static str;

    /// Samples per second, of every input.
    fn rate_hz(&self) -> f64;

    /// The time of the first sample on the recording's own axis, in seconds.
    fn start_s(&self) -> f64;

    /// The wall-clock time that the recording gives to its start, if it does.
    fn recorded_at(&self) -> Option<&str> {
        None
    }

    /// The inputs that are there.
    fn origins(&self) -> &[Option<Origin>; N_CHANNELS];

    /// Walks the samples from the first one.
    fn samples(&self) -> Result<Box<dyn Samples + '_>, Fault>;
}

/// One walk over a recording.
pub(super) trait Samples {
    /// Puts the next set into `values`; `false` after the last one.
    fn next(&mut self, values: &mut Values) -> Result<bool, Fault>;

    /// How many values of each input stood at the end of the range of the recorder's converter so far.
    fn clipped(&self) -> [u64; N_CHANNELS] {
        [0; N_CHANNELS]
    }
}

/// Why a recording was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    file: PathBuf,
    place: Place,
    what: String,
}

/// A place in a file, as a person would look for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The file as a whole.
    Whole,
    /// A line, counted from 1.
    Line(u64),
    /// A byte, counted from 0.
    Byte(u64),
}

impl Fault {
    /// The file as a whole is wrong.
    pub(super) fn whole(file: &Path, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: Place::Whole,
            what: what.into(),
        }
    }

    /// A line, counted from 1, is wrong.
    pub(super) fn line(file: &Path, line: u64, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: Place::Line(line),
            what: what.into(),
        }
    }

    /// Something at a place is wrong.
    pub(super) fn at(file: &Path, place: Place, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place,
            what: what.into(),
        }
    }

    /// The operating system refused.
    pub(super) fn io(file: &Path, error: &std::io::Error) -> Self {
        Self::whole(file, format!("cannot be read: {error}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        match self.place {
            Place::Whole => {}
            Place::Line(line) => write!(f, "line {line}: ")?,
            Place::Byte(byte) => write!(f, "byte {byte}: ")?,
        }
        f.write_str(&self.what)
    }
}

impl core::error::Error for Fault {}

/// Refuses a sampling rate that the metrology does not take.
pub(super) fn check_rate(file: &Path, place: Place, rate_hz: f64) -> Result<f64, Fault> {
    // A rate that was worked out from rounded times may miss the limit by that rounding.
    let slack = 1e-6;
    if rate_hz >= RATE_LEAST_HZ * (1.0 - slack) && rate_hz <= RATE_GREATEST_HZ * (1.0 + slack) {
        Ok(rate_hz.clamp(RATE_LEAST_HZ, RATE_GREATEST_HZ))
    } else {
        Err(Fault::at(
            file,
            place,
            format!("the sampling rate is {rate_hz} Hz; allowed are {RATE_LEAST_HZ} to {RATE_GREATEST_HZ} Hz"),
        ))
    }
}

/// Foreign text as it may stand in a message: one line, not too long.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut short: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push_str("...");
    }
    short
}
