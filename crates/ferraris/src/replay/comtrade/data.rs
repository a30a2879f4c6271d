//! The samples of a COMTRADE recording (IEEE C37.111, clause "Data file"): ASCII, 16 and 32 bit integers, 32 bit floats.
//!
//! What the configuration promised is held against what is there: number of samples, length, numbering, time stamps.
//! Values that are marked as missing are refused, because a meter cannot leave out samples.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use metrology::N_CHANNELS;

use super::super::lines::{LONGEST_FIELD, Lines};
use super::super::recording::{Fault, Place, Samples, Values, shown};
use super::super::timebase::{Grid, Timebase, as_f64};
use super::config::{Analog, Encoding, Revision};

/// The part of a file that holds samples.
#[derive(Debug)]
pub(super) struct DataFile {
    file: PathBuf,
    from_byte: u64,
    n_bytes: u64,
    /// How many lines stand before the first byte.
    lines_before: u64,
}

/// What a configuration says about the data.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) encoding: Encoding,
    pub(super) n_analog: usize,
    pub(super) n_status: usize,
    pub(super) n_samples: u64,
    pub(super) rate_hz: Option<f64>,
    pub(super) stamp_seconds: f64,
    pub(super) scales: [Option<Scale>; N_CHANNELS],
}

/// How one input follows from one channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    place: usize,
    factor: f64,
    offset: f64,
    /// Values at or beyond these stood at the end of the converter's range.
    rails: (f64, f64),
    /// The value that marks a missing sample.
    missing: Option<f64>,
}

impl Scale {
    pub(super) fn new(place: usize, channel: &Analog, encoding: Encoding, revision: Revision, side: f64) -> Self {
        let declared = channel.range;
        let format = match encoding {
            // 1991 has no reserved code but says so of 0xFFFF, which is the everyday value -1 in files of that time.
            Encoding::Binary16 => (f64::from(-i16::MAX), f64::from(i16::MAX)),
            Encoding::Binary32 => (f64::from(-i32::MAX), f64::from(i32::MAX)),
            Encoding::Ascii | Encoding::Float32 => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let missing = match encoding {
            Encoding::Binary16 if revision > Revision::Of1991 => Some(f64::from(i16::MIN)),
            Encoding::Binary32 => Some(f64::from(i32::MIN)),
            // 99999 is a value like others for a recorder that declares more.
            Encoding::Ascii if declared.1 < 99_999.0 => Some(99_999.0),
            _ => None,
        };
        // Some writers declare the least and greatest value that occurred; those are no rails.
        let rails = if is_converter_range(declared) {
            (declared.0.max(format.0), declared.1.min(format.1))
        } else {
            format
        };
        Self {
            place,
            factor: channel.a * side,
            offset: channel.b * side,
            rails,
            missing,
        }
    }

    /// Volts or amperes per step.
    pub(super) const fn factor(&self) -> f64 {
        self.factor
    }
}

/// Whether these limits are those of a converter of 8 to 32 bits or of the ASCII format.
fn is_converter_range((least, greatest): (f64, f64)) -> bool {
    let of_bits = |bits: i32| {
        let full = f64::from(bits).exp2();
        let half = full / 2.0;
        (greatest == half - 1.0 && (least == -half || least == 1.0 - half)) || (least == 0.0 && greatest == full - 1.0)
    };
    (8..=32).any(of_bits) || ((-99_999.0..=-99_998.0).contains(&least) && (99_998.0..=99_999.0).contains(&greatest))
}

impl Layout {
    /// Bytes of a binary sample: number and stamp, analogue values, digital channels in groups of 16.
    fn sample_bytes(&self) -> usize {
        8 + self.n_analog * self.value_bytes() + 2 * self.n_status.div_ceil(16)
    }

    const fn value_bytes(&self) -> usize {
        match self.encoding {
            Encoding::Binary16 => 2,
            Encoding::Ascii | Encoding::Binary32 | Encoding::Float32 => 4,
        }
    }
}

impl DataFile {
    /// A file that is nothing but data.
    pub(super) fn whole(file: &Path) -> Result<Self, Fault> {
        let n_bytes = std::fs::metadata(file).map_err(|error| Fault::io(file, &error))?.len();
        Ok(Self {
            file: file.to_owned(),
            from_byte: 0,
            n_bytes,
            lines_before: 0,
        })
    }

    /// The data section of a combined file.
    pub(super) fn section(file: &Path, from_byte: u64, n_bytes: u64, lines_before: u64) -> Self {
        Self {
            file: file.to_owned(),
            from_byte,
            n_bytes,
            lines_before,
        }
    }

    /// Refuses binary data whose length is not what the configuration says; ASCII data are counted while they are read.
    pub(super) fn check_size(&self, layout: &Layout) -> Result<(), Fault> {
        if layout.n_samples == 0 {
            return Err(Fault::whole(
                &self.file,
                "the configuration says that there are 0 samples",
            ));
        }
        if layout.encoding == Encoding::Ascii {
            return Ok(());
        }
        let sample_bytes = layout.sample_bytes() as u64;
        let expected = layout.n_samples.checked_mul(sample_bytes);
        if expected == Some(self.n_bytes) {
            return Ok(());
        }
        let n_samples = layout.n_samples;
        Err(Fault::at(
            &self.file,
            Place::Byte(self.from_byte + self.n_bytes.min(expected.unwrap_or(u64::MAX))),
            format!(
                "the configuration says {n_samples} samples of {sample_bytes} bytes ({} analogue channels of {}, {} digital), but there are {} bytes, which is {} samples and {} bytes",
                layout.n_analog,
                layout.encoding.name(),
                layout.n_status,
                self.n_bytes,
                self.n_bytes / sample_bytes,
                self.n_bytes % sample_bytes
            ),
        ))
    }

    /// The sampling rate by time stamps, for recordings that state no rate.
    pub(super) fn grid(&self, layout: &Layout) -> Result<Grid, Fault> {
        let mut walk = self.walk(layout)?;
        let mut base = Timebase::default();
        let mut values = [0.0; N_CHANNELS];
        while walk.next(&mut values)? {
            let seen = match walk.stamp {
                Some(stamp) => base.observe(as_f64(stamp) * layout.stamp_seconds),
                None => Err("the configuration states no sampling rate, so every sample needs a time stamp".to_owned()),
            };
            seen.map_err(|what| walk.fault(what))?;
        }
        let grid = base
            .grid()
            .ok_or_else(|| Fault::whole(&self.file, "holds fewer than 3 samples"))?;
        grid.checked(&self.file)
    }

    /// Walks the samples.
    pub(super) fn samples<'a>(&'a self, layout: &'a Layout) -> Result<Box<dyn Samples + 'a>, Fault> {
        Ok(Box::new(self.walk(layout)?))
    }

    fn walk<'a>(&'a self, layout: &'a Layout) -> Result<Walk<'a>, Fault> {
        let io = |error: std::io::Error| Fault::io(&self.file, &error);
        let mut opened = File::open(&self.file).map_err(io)?;
        opened.seek(SeekFrom::Start(self.from_byte)).map_err(io)?;
        let reader = BufReader::with_capacity(1 << 16, opened.take(self.n_bytes));
        let source = match layout.encoding {
            Encoding::Ascii => Source::Text(Lines::new(reader, &self.file, self.lines_before)),
            Encoding::Binary16 | Encoding::Binary32 | Encoding::Float32 => Source::Binary {
                reader,
                sample: vec![0; layout.sample_bytes()],
            },
        };
        Ok(Walk {
            data: self,
            layout,
            source,
            channels: vec![0.0; layout.n_analog],
            index: 0,
            number: 0,
            stamp: None,
            first_stamp: None,
            clipped: [0; N_CHANNELS],
        })
    }
}

/// One walk over the data.
struct Walk<'a> {
    data: &'a DataFile,
    layout: &'a Layout,
    source: Source,
    channels: Vec<f64>,
    /// How many samples have been read.
    index: u64,
    /// The number that the last sample gave itself.
    number: u64,
    stamp: Option<u64>,
    first_stamp: Option<u64>,
    clipped: [u64; N_CHANNELS],
}

/// What samples are read from.
enum Source {
    Text(Lines<BufReader<Take<File>>>),
    Binary {
        reader: BufReader<Take<File>>,
        sample: Vec<u8>,
    },
}

impl Samples for Walk<'_> {
    fn next(&mut self, values: &mut Values) -> Result<bool, Fault> {
        let number_before = self.number;
        if !self.read()? {
            return Ok(false);
        }
        if self.index > 0 && self.number != number_before.wrapping_add(1) {
            let what = format!(
                "sample {} follows sample {number_before}; the samples must be numbered without a gap",
                self.number
            );
            return Err(self.fault(what));
        }
        self.check_stamp()?;
        for ((value, clipped), scale) in values.iter_mut().zip(&mut self.clipped).zip(&self.layout.scales) {
            let Some(scale) = scale else { continue };
            let Some(code) = self.channels.get(scale.place).copied() else {
                continue;
            };
            if Some(code) == scale.missing {
                let what = format!(
                    "analogue channel {} is marked as missing ({code}); a meter needs every sample",
                    scale.place + 1
                );
                return Err(self.fault(what));
            }
            *clipped += u64::from(code <= scale.rails.0 || code >= scale.rails.1);
            *value = code.mul_add(scale.factor, scale.offset);
            if !value.is_finite() {
                let what = format!(
                    "analogue channel {} is {code}; only finite numbers are allowed",
                    scale.place + 1
                );
                return Err(self.fault(what));
            }
        }
        self.index += 1;
        Ok(true)
    }

    fn clipped(&self) -> [u64; N_CHANNELS] {
        self.clipped
    }
}

impl Walk<'_> {
    /// Reads number, stamp and channels of the next sample.
    fn read(&mut self) -> Result<bool, Fault> {
        match &mut self.source {
            Source::Text(lines) => {
                let line = loop {
                    match lines.next()? {
                        Some(line) if line.trim().is_empty() => {}
                        other => break other,
                    }
                };
                let Some(line) = line else {
                    if self.index == self.layout.n_samples {
                        return Ok(false);
                    }
                    let what = format!(
                        "the data end after {} samples; the configuration says {}",
                        self.index, self.layout.n_samples
                    );
                    return Err(lines.fault(what));
                };
                if self.index == self.layout.n_samples {
                    let what = format!(
                        "more samples than the {} that the configuration says",
                        self.layout.n_samples
                    );
                    return Err(lines.fault(what));
                }
                let read = read_line(line, &mut self.channels, self.layout.n_status);
                let (number, stamp) = read.map_err(|what| lines.fault(what))?;
                self.number = number;
                self.stamp = stamp;
            }
            Source::Binary { reader, sample } => {
                if self.index == self.layout.n_samples {
                    return Ok(false);
                }
                reader
                    .read_exact(sample)
                    .map_err(|error| Fault::io(&self.data.file, &error))?;
                let (head, body) = sample.split_at(8);
                let (words, _) = head.as_chunks::<4>();
                let mut words = words.iter().map(|word| u32::from_le_bytes(*word));
                self.number = u64::from(words.next().unwrap_or(0));
                self.stamp = words.next().filter(|stamp| *stamp != u32::MAX).map(u64::from);
                let values = body
                    .get(..self.layout.n_analog * self.layout.value_bytes())
                    .unwrap_or(&[]);
                let short = values.as_chunks::<2>().0.iter();
                let long = values.as_chunks::<4>().0.iter();
                match self.layout.encoding {
                    Encoding::Binary16 => fill(
                        &mut self.channels,
                        short.map(|bytes| f64::from(i16::from_le_bytes(*bytes))),
                    ),
                    Encoding::Float32 => fill(
                        &mut self.channels,
                        long.map(|bytes| f64::from(f32::from_le_bytes(*bytes))),
                    ),
                    Encoding::Ascii | Encoding::Binary32 => {
                        fill(
                            &mut self.channels,
                            long.map(|bytes| f64::from(i32::from_le_bytes(*bytes))),
                        );
                    }
                }
            }
        }
        Ok(true)
    }

    /// Time stamps are not what the rate is taken from, but a recording whose stamps tell another rate is not believed.
    fn check_stamp(&mut self) -> Result<(), Fault> {
        let (Some(stamp), Some(rate_hz)) = (self.stamp, self.layout.rate_hz) else {
            return Ok(());
        };
        let Some(first) = self.first_stamp else {
            self.first_stamp = Some(stamp);
            return Ok(());
        };
        // Recorders without a clock write the same stamp everywhere, and 32 bits of microseconds wrap after 71 minutes.
        let expected_s = as_f64(self.index) / rate_hz;
        let wraps_at = f64::from(i32::MAX) * self.layout.stamp_seconds;
        if stamp == first || expected_s > wraps_at {
            return Ok(());
        }
        let elapsed_s = (as_f64(stamp) - as_f64(first)) * self.layout.stamp_seconds;
        // Some editors count microseconds although they write nine decimals of a second.
        let fits = [1.0, 1e3, 1e-3].into_iter().any(|unit| {
            let slack = 0.01_f64.mul_add(expected_s, 2.0 * unit * self.layout.stamp_seconds) + 1.0 / rate_hz;
            elapsed_s.mul_add(unit, -expected_s).abs() <= slack
        });
        if fits {
            return Ok(());
        }
        let what = format!(
            "by its time stamp sample {} comes {elapsed_s} s after the first, but by the {rate_hz} Hz of the configuration {expected_s} s",
            self.number
        );
        Err(self.fault(what))
    }

    /// A fault in the sample that was read last.
    fn fault(&self, what: impl Into<String>) -> Fault {
        match &self.source {
            Source::Text(lines) => lines.fault(what),
            Source::Binary { sample, .. } => Fault::at(
                &self.data.file,
                Place::Byte(self.data.from_byte + self.index * sample.len() as u64),
                what,
            ),
        }
    }
}

/// Number and stamp of a line of ASCII data; its analogue values go into `channels`.
fn read_line(line: &str, channels: &mut [f64], n_status: usize) -> Result<(u64, Option<u64>), String> {
    let expected = 2 + channels.len() + n_status;
    let found = line.split(',').count();
    if found != expected {
        return Err(format!(
            "{found} fields, but number, time stamp, {} analogue and {n_status} digital channels are {expected}",
            channels.len()
        ));
    }
    let mut fields = line.split(',').map(str::trim);
    let number = fields.next().unwrap_or("");
    let number = number
        .parse()
        .map_err(|_| format!("the number of the sample is \"{}\"", shown(number)))?;
    let stamp = match fields.next().unwrap_or("") {
        "" => None,
        text => {
            let stamp: f64 = text
                .parse()
                .map_err(|_| format!("the time stamp is \"{}\"", shown(text)))?;
            // Whole units by the standard; a fraction that some write is below what is compared here.
            Some(whole(stamp).ok_or_else(|| format!("the time stamp is \"{}\"", shown(text)))?)
        }
    };
    for (place, (channel, text)) in channels.iter_mut().zip(fields).enumerate() {
        if text.is_empty() {
            return Err(format!(
                "analogue channel {} is empty: marked as missing; a meter needs every sample",
                place + 1
            ));
        }
        if text.len() > LONGEST_FIELD {
            return Err(format!(
                "analogue channel {} has {} bytes; up to {LONGEST_FIELD} are allowed",
                place + 1,
                text.len()
            ));
        }
        *channel = match text.parse::<f64>() {
            Ok(value) if value.is_finite() => value,
            _ => {
                return Err(format!(
                    "analogue channel {} is \"{}\", which is not a finite number",
                    place + 1,
                    shown(text)
                ));
            }
        };
    }
    Ok((number, stamp))
}

fn fill(channels: &mut [f64], values: impl Iterator<Item = f64>) {
    for (channel, value) in channels.iter_mut().zip(values) {
        *channel = value;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
fn whole(stamp: f64) -> Option<u64> {
    (0.0..=9e15).contains(&stamp).then_some(stamp as u64)
}
