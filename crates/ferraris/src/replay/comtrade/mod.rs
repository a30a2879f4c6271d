//! COMTRADE recordings (IEEE C37.111-1991, -1999, -2013): `.cfg` beside `.dat`, or both in one `.cff`.
//!
//! Own code, because of the crates on the Rust package registry that read this format `comtrade` 0.2.1 reads ASCII data only: its binary
//! formats end in empty channels, and short lines panic.
//!
//! What is taken from a recording: its analogue channels, its one sampling rate (or the even time stamps), its start. Digital channels
//! are stepped over. Values are those of the side of the instrument transformer that the file says they belong to, unless
//! `--side` asks for the other one.

mod combined;
mod config;
mod data;
mod mapping;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

pub(super) use config::Side;
pub(super) use mapping::Override;

use metrology::{Channel, N_CHANNELS};

use self::config::{Analog, Config, Encoding};
use self::data::{DataFile, Layout, Scale};
use super::lines::Lines;
use super::recording::{Fault, Origin, Place, Recording, Samples, check_rate, shown};

/// A COMTRADE recording whose configuration has been read and held against its data.
#[derive(Debug)]
pub(super) struct Comtrade {
    rate_hz: f64,
    start_s: f64,
    recorded_at: Option<String>,
    origins: [Option<Origin>; N_CHANNELS],
    layout: Layout,
    data: DataFile,
}

impl Comtrade {
    /// Opens a recording by any of its files: `.cfg`, `.dat` or `.cff`.
    pub(super) fn open(file: &Path, overrides: &[Override], side: Option<Side>) -> Result<Self, Fault> {
        let (heading_file, config, data) = if has_extension(file, "cff") {
            let (config, data) = combined::open(file)?;
            (file.to_owned(), config, data)
        } else {
            let heading_file = if has_extension(file, "cfg") {
                file.to_owned()
            } else {
                sibling(file, "cfg")?
            };
            let data_file = if has_extension(file, "cfg") {
                sibling(file, "dat")?
            } else {
                file.to_owned()
            };
            let opened = File::open(&heading_file).map_err(|error| Fault::io(&heading_file, &error))?;
            let config = Config::read(&mut Lines::new(BufReader::new(opened), &heading_file, 0))?;
            let data = DataFile::whole(&data_file)?;
            (heading_file, config, data)
        };
        Self::join(&heading_file, config, data, overrides, side)
    }

    fn join(
        heading_file: &Path,
        config: Config,
        data: DataFile,
        overrides: &[Override],
        side: Option<Side>,
    ) -> Result<Self, Fault> {
        let places = mapping::assign(&config.analog, overrides).map_err(|what| Fault::whole(heading_file, what))?;
        let mut origins = [const { None }; N_CHANNELS];
        let mut scales = [None; N_CHANNELS];
        let mut chosen = Vec::new();
        for (input, place) in Channel::ALL.into_iter().zip(places) {
            let Some((place, channel)) =
                place.and_then(|place| config.analog.get(place).map(|channel| (place, channel)))
            else {
                continue;
            };
            let factor = factor_to(channel, side).map_err(|what| Fault::whole(heading_file, what))?;
            let scale = Scale::new(place, channel, config.encoding, config.revision, factor);
            chosen.push(channel);
            if let (Some(origin), Some(slot)) = (origins.get_mut(input.index()), scales.get_mut(input.index())) {
                *origin = Some(Origin {
                    name: channel.name.clone(),
                    step: (config.encoding != Encoding::Float32).then_some(scale.factor().abs()),
                    side: channel
                        .transformer
                        .map(|transformer| side.unwrap_or(transformer.side).name()),
                    skew_s: channel.skew_s,
                });
                *slot = Some(scale);
            }
        }
        if side.is_none() {
            one_side(&chosen).map_err(|what| Fault::whole(heading_file, what))?;
        }
        let layout = Layout {
            encoding: config.encoding,
            n_analog: config.analog.len(),
            n_status: config.n_status,
            n_samples: config.n_samples,
            rate_hz: config.rate_hz,
            stamp_seconds: config.stamp_seconds,
            scales,
        };
        data.check_size(&layout)?;
        let (rate_hz, start_s) = match config.rate_hz {
            Some(rate_hz) => {
                check_rate(heading_file, Place::Whole, rate_hz)?;
                (rate_hz, 0.0)
            }
            None => {
                let grid = data.grid(&layout)?;
                (grid.rate_hz, grid.start_s)
            }
        };
        Ok(Self {
            rate_hz,
            start_s,
            recorded_at: config.recorded_at,
            origins,
            layout,
            data,
        })
    }
}

impl Recording for Comtrade {
    fn format(&self) -> &'static str {
        match self.layout.encoding {
            Encoding::Ascii => "COMTRADE ASCII",
            Encoding::Binary16 => "COMTRADE BINARY",
            Encoding::Binary32 => "COMTRADE BINARY32",
            Encoding::Float32 => "COMTRADE FLOAT32",
        }
    }

    fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    fn start_s(&self) -> f64 {
        self.start_s
    }

    fn recorded_at(&self) -> Option<&str> {
        self.recorded_at.as_deref()
    }

    fn origins(&self) -> &[Option<Origin>; N_CHANNELS] {
        &self.origins
    }

    fn samples(&self) -> Result<Box<dyn Samples + '_>, Fault> {
        self.data.samples(&self.layout)
    }
}

/// What turns a channel's values into those of the wanted side.
fn factor_to(channel: &Analog, side: Option<Side>) -> Result<f64, String> {
    match (side, channel.transformer) {
        (None, _) => Ok(1.0),
        (Some(wanted), Some(transformer)) => Ok(transformer.factor_to(wanted)),
        (Some(wanted), None) => Err(format!(
            "the recording does not say how the {} side of \"{}\" follows from its values",
            wanted.name(),
            shown(&channel.name)
        )),
    }
}

/// Energies of a voltage of one side with a current of the other are those of no place in the network.
fn one_side(channels: &[&Analog]) -> Result<(), String> {
    let mut sides = channels
        .iter()
        .filter_map(|channel| channel.transformer.map(|transformer| (channel, transformer)))
        .filter(|(_, transformer)| transformer.primary != transformer.secondary);
    let Some((first, of_first)) = sides.next() else {
        return Ok(());
    };
    match sides.find(|(_, transformer)| transformer.side != of_first.side) {
        Some((other, of_other)) => Err(format!(
            "\"{}\" has values of the {} side and \"{}\" of the {} side; choose with --side",
            shown(&first.name),
            of_first.side.name(),
            shown(&other.name),
            of_other.side.name()
        )),
        None => Ok(()),
    }
}

fn has_extension(file: &Path, wanted: &str) -> bool {
    file.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// The file of the same name with another extension, in the case of letters that is there.
fn sibling(file: &Path, extension: &str) -> Result<PathBuf, Fault> {
    [extension.to_owned(), extension.to_uppercase()]
        .into_iter()
        .map(|extension| file.with_extension(extension))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            let missing = file.with_extension(extension);
            Fault::whole(file, format!("belongs to {}, which is not there", missing.display()))
        })
}
