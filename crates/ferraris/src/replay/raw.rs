//! Raw recordings: little-endian 32-bit integers, interleaved in the order of a JSON sidecar `FILE.json`.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use metrology::{Channel, N_CHANNELS};
use serde::Deserialize;

use super::recording::{Fault, Origin, Place, Recording, Samples, Values, check_rate, input_named, shown};

/// A raw file whose sidecar has been read.
#[derive(Debug)]
pub(super) struct Raw {
    file: PathBuf,
    rate_hz: f64,
    slots: Vec<Slot>,
    origins: [Option<Origin>; N_CHANNELS],
    n_sets: u64,
}

/// The sidecar as it stands in JSON. Other keys may be there and say nothing to us.
#[derive(Deserialize)]
struct Sidecar {
    rate_hz: f64,
    channels: Vec<String>,
    volts_per_lsb: Option<f64>,
    amps_per_lsb: Option<f64>,
}

/// One of the interleaved values.
#[derive(Clone, Copy, Debug)]
struct Slot {
    input: Channel,
    /// Volts or amperes per count.
    step: f64,
}

impl Raw {
    /// Reads the sidecar and holds the file's size against it.
    pub(super) fn open(file: &Path, sidecar: &Path) -> Result<Self, Fault> {
        let text = read_bounded(sidecar)?;
        let heading: Sidecar = serde_json::from_slice(&text)
            .map_err(|error| Fault::whole(sidecar, format!("is not a sidecar such as {EXAMPLE}: {error}")))?;
        let rate_hz = check_rate(sidecar, Place::Whole, heading.rate_hz)?;
        if heading.channels.is_empty() {
            return Err(Fault::whole(sidecar, "\"channels\" names no channel"));
        }
        let mut slots: Vec<Slot> = Vec::new();
        let mut origins = [const { None }; N_CHANNELS];
        for name in &heading.channels {
            let input = input_named(name).map_err(|what| Fault::whole(sidecar, format!("\"channels\": {what}")))?;
            if slots.iter().any(|slot| slot.input == input) {
                return Err(Fault::whole(
                    sidecar,
                    format!("\"channels\" names {} twice", shown(name)),
                ));
            }
            let (key, step) = if input.is_voltage() {
                ("volts_per_lsb", heading.volts_per_lsb)
            } else {
                ("amps_per_lsb", heading.amps_per_lsb)
            };
            let step = step.ok_or_else(|| {
                Fault::whole(
                    sidecar,
                    format!("\"{key}\" is missing, but there is a channel {}", input.name()),
                )
            })?;
            // Signs belong to the wiring, not to the scale: a negative scale would hide a reversed transformer.
            if !(step.is_finite() && step > 0.0 && step < GREATEST_STEP && step > LEAST_STEP) {
                return Err(Fault::whole(
                    sidecar,
                    format!("\"{key}\" is {step}; a number between {LEAST_STEP:e} and {GREATEST_STEP:e} is allowed"),
                ));
            }
            slots.push(Slot { input, step });
            if let Some(origin) = origins.get_mut(input.index()) {
                *origin = Some(Origin {
                    name: input.name().to_owned(),
                    step: Some(step),
                    side: None,
                    skew_s: 0.0,
                });
            }
        }
        let n_bytes = std::fs::metadata(file).map_err(|error| Fault::io(file, &error))?.len();
        let set_bytes = 4 * slots.len() as u64;
        if n_bytes % set_bytes != 0 {
            let what = format!(
                "the last sample set is cut: {n_bytes} bytes are not a multiple of {set_bytes} ({} channels of 4 bytes)",
                slots.len()
            );
            return Err(Fault::at(file, Place::Byte(n_bytes - n_bytes % set_bytes), what));
        }
        if n_bytes == 0 {
            return Err(Fault::whole(file, "is empty"));
        }
        Ok(Self {
            file: file.to_owned(),
            rate_hz,
            slots,
            origins,
            n_sets: n_bytes / set_bytes,
        })
    }
}

impl Recording for Raw {
    fn format(&self) -> &'static str {
        "raw"
    }

    fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    fn start_s(&self) -> f64 {
        0.0
    }

    fn origins(&self) -> &[Option<Origin>; N_CHANNELS] {
        &self.origins
    }

    fn samples(&self) -> Result<Box<dyn Samples + '_>, Fault> {
        let opened = File::open(&self.file).map_err(|error| Fault::io(&self.file, &error))?;
        Ok(Box::new(Walk {
            raw: self,
            reader: BufReader::with_capacity(1 << 16, opened),
            set: vec![0; 4 * self.slots.len()],
            left: self.n_sets,
            extremes: [Extremes::default(); N_CHANNELS],
        }))
    }
}

/// One walk over the file.
struct Walk<'a> {
    raw: &'a Raw,
    reader: BufReader<File>,
    set: Vec<u8>,
    left: u64,
    extremes: [Extremes; N_CHANNELS],
}

/// How often a channel stood at the ends of a 24-bit and of a 32-bit converter, and whether it ever left 24 bits.
#[derive(Clone, Copy, Debug, Default)]
struct Extremes {
    at_24_bit: u64,
    at_32_bit: u64,
    beyond_24_bit: bool,
}

impl Samples for Walk<'_> {
    fn next(&mut self, values: &mut Values) -> Result<bool, Fault> {
        if self.left == 0 {
            return Ok(false);
        }
        self.reader
            .read_exact(&mut self.set)
            .map_err(|error| Fault::io(&self.raw.file, &error))?;
        self.left -= 1;
        let (codes, _) = self.set.as_chunks::<4>();
        for (slot, bytes) in self.raw.slots.iter().zip(codes) {
            let code = i32::from_le_bytes(*bytes);
            let index = slot.input.index();
            if let (Some(value), Some(extremes)) = (values.get_mut(index), self.extremes.get_mut(index)) {
                *value = f64::from(code) * slot.step;
                extremes.observe(code);
            }
        }
        Ok(true)
    }

    fn clipped(&self) -> [u64; N_CHANNELS] {
        self.extremes.map(|extremes| {
            if extremes.beyond_24_bit {
                extremes.at_32_bit
            } else {
                extremes.at_24_bit
            }
        })
    }
}

impl Extremes {
    fn observe(&mut self, code: i32) {
        const LEAST: i32 = -(1 << 23);
        const GREATEST: i32 = (1 << 23) - 1;
        if code <= LEAST || code >= GREATEST {
            self.at_24_bit += 1;
            self.beyond_24_bit |= !(LEAST..=GREATEST).contains(&code);
            self.at_32_bit += u64::from(code == i32::MIN || code == i32::MAX);
        }
    }
}

/// The sidecar that belongs to a raw file: its whole name and `.json`.
pub(super) fn sidecar_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".json");
    PathBuf::from(name)
}

fn read_bounded(sidecar: &Path) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    let opened = File::open(sidecar).map_err(|error| Fault::io(sidecar, &error))?;
    opened
        .take(LONGEST_SIDECAR + 1)
        .read_to_end(&mut text)
        .map_err(|error| Fault::io(sidecar, &error))?;
    if text.len() as u64 > LONGEST_SIDECAR {
        return Err(Fault::whole(
            sidecar,
            format!("is longer than the {LONGEST_SIDECAR} bytes that are allowed for a sidecar"),
        ));
    }
    Ok(text)
}

const LONGEST_SIDECAR: u64 = 65_536;
const LEAST_STEP: f64 = 1e-15;
const GREATEST_STEP: f64 = 1e6;
const EXAMPLE: &str = r#"{"rate_hz": 8000, "channels": ["v1","v2","v3","i1","i2","i3","in"], "volts_per_lsb": 1e-4, "amps_per_lsb": 3e-5}"#;
