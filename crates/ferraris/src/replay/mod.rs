//! `ferraris replay FILE`: a recording goes through the metrology of the meter, and its registers and quantities are printed.
//!
//! ```text
//! COMTRADE, CSV, raw -> Recording -> Survey (peaks, frequency) -> Converter (24-bit codes) -> Chain -> Registers -> Report
//! ```
//!
//! A recording is walked at least twice and never kept in memory. The metrology starts with the frequency that the survey found,
//! so its first window begins at the first sample that the window's soft edge allows; what is lost there, and in the
//! unfinished last window, is reported.

mod comtrade;
mod converter;
mod csv;
mod lines;
mod metering;
mod raw;
mod recording;
mod report;
mod survey;
mod timebase;

use std::io::Write;
use std::path::{Path, PathBuf};

use metrology::{Channel, ChannelSet, DirectCurrent, NominalFrequency};

use self::comtrade::{Comtrade, Override, Side};
use self::csv::Csv;
use self::metering::Wiring;
use self::raw::Raw;
use self::recording::{Fault, Recording};

/// Measure a recording: COMTRADE (.cfg with .dat, .cff), CSV (t,v1,v2,v3,i1,i2,i3,in), or raw 32-bit integers with FILE.json
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The recording
    file: PathBuf,

    /// What the file is; found by its name otherwise
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The meter that measures: SM402D has v1, i1, in; the others have three phases [default: by the inputs that are there]
    #[arg(long, value_enum)]
    variant: Option<Variant>,

    /// Nominal frequency, 50 or 60 Hz [default: by the frequency at the beginning]
    #[arg(long, value_parser = nominal_of)]
    nominal: Option<NominalFrequency>,

    /// Nominal voltage to neutral in volts; below a fifth of it a phase counts as absent [default: as at the beginning]
    #[arg(long, value_parser = positive)]
    nominal_volts: Option<f64>,

    /// Starting current in amperes: a smaller load is not counted, as in a meter
    #[arg(long, value_parser = not_negative, default_value = "0")]
    starting_amperes: f64,

    /// What is done with direct components of voltage and current
    #[arg(long, value_enum, default_value = "measured")]
    direct_current: Direct,

    /// COMTRADE: the channel of this name (or number, as #3) is this input; v2= leaves the input out
    #[arg(long, value_name = "INPUT=CHANNEL")]
    map: Vec<Override>,

    /// COMTRADE: the side of the instrument transformers to measure on [default: the side of the recorded values]
    #[arg(long, value_enum)]
    side: Option<Side>,

    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Formats of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// IEEE C37.111: .cfg and .dat, or .cff
    Comtrade,
    /// Comma-separated values with a header
    Csv,
    /// Little-endian 32-bit integers with a JSON sidecar
    Raw,
}

/// Variants of the meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Variant {
    /// Single-phase, direct
    #[value(name = "SM402D", alias = "sm402d")]
    Sm402d,
    /// Three-phase, direct
    #[value(name = "ST402D", alias = "st402d")]
    St402d,
    /// Three-phase, current transformers
    #[value(name = "ST402C", alias = "st402c")]
    St402c,
}

/// What is done with direct components.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Direct {
    /// They count as recorded
    Measured,
    /// They are taken for offsets and removed, as behind current transformers
    Removed,
}

/// Runs the command.
///
/// # Errors
/// When the recording cannot be read or measured; the message names file, line or byte, and what is allowed.
pub(crate) fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let recording = open(&args)?;
    let wiring = wiring(&args, &*recording)?;
    let report = metering::measure(&*recording, &args.file, &wiring)?;
    let text = if args.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        report.to_string()
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads us, such as `head`, may have read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Opens the recording in the format that was asked for or that its name tells.
fn open(args: &ReplayArgs) -> Result<Box<dyn Recording>, Fault> {
    let file = args.file.as_path();
    if let Err(error) = std::fs::metadata(file) {
        return Err(Fault::io(file, &error));
    }
    if file.is_dir() {
        return Err(Fault::whole(file, "is a folder; a recording is a file"));
    }
    let sidecar = raw::sidecar_of(file);
    let format = match args.format {
        Some(format) => format,
        None => format_of(file, &sidecar)?,
    };
    if format != Format::Comtrade && !(args.map.is_empty() && args.side.is_none()) {
        return Err(Fault::whole(file, "--map and --side are for COMTRADE recordings only"));
    }
    Ok(match format {
        Format::Comtrade => Box::new(Comtrade::open(file, &args.map, args.side)?),
        Format::Csv => Box::new(Csv::open(file)?),
        Format::Raw => Box::new(Raw::open(file, &sidecar)?),
    })
}

/// A sidecar says raw; otherwise the extension tells.
fn format_of(file: &Path, sidecar: &Path) -> Result<Format, Fault> {
    let extension = file
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("cfg" | "cff") => Ok(Format::Comtrade),
        Some("csv") => Ok(Format::Csv),
        _ if sidecar.is_file() => Ok(Format::Raw),
        Some("dat") => Ok(Format::Comtrade),
        _ => Err(Fault::whole(
            file,
            format!(
                "is of no known format: COMTRADE ends in .cfg, .dat or .cff, CSV in .csv, and raw integers need {} beside them; or say --format",
                sidecar.display()
            ),
        )),
    }
}

/// What of the recording goes into which meter.
fn wiring(args: &ReplayArgs, recording: &dyn Recording) -> Result<Wiring, Fault> {
    let mut there = ChannelSet::NONE;
    for (input, origin) in Channel::ALL.into_iter().zip(recording.origins()) {
        if origin.is_some() {
            there = there.with(input);
        }
    }
    let single = ChannelSet::SINGLE_PHASE;
    let fits_single = there.iter().all(|input| single.contains(input));
    let (variant, channels) = match args.variant {
        None if fits_single => ("SM402D", there),
        None => ("ST402D", there),
        Some(Variant::Sm402d) => (
            "SM402D",
            there
                .iter()
                .filter(|input| single.contains(*input))
                .fold(ChannelSet::NONE, ChannelSet::with),
        ),
        Some(Variant::St402d) => ("ST402D", there),
        Some(Variant::St402c) => ("ST402C", there),
    };
    if channels.is_empty() {
        return Err(Fault::whole(
            &args.file,
            "has none of the inputs of an SM402D: v1, i1, in",
        ));
    }
    Ok(Wiring {
        variant,
        single_phase: variant == "SM402D",
        channels,
        left_out: there
            .iter()
            .filter(|input| !channels.contains(*input))
            .fold(ChannelSet::NONE, ChannelSet::with),
        nominal: args.nominal,
        nominal_volts: args.nominal_volts,
        starting_amperes: args.starting_amperes,
        direct_current: match args.direct_current {
            Direct::Measured => DirectCurrent::Measured,
            Direct::Removed => DirectCurrent::Removed,
        },
    })
}

fn nominal_of(text: &str) -> Result<NominalFrequency, String> {
    match text {
        "50" => Ok(NominalFrequency::Hz50),
        "60" => Ok(NominalFrequency::Hz60),
        _ => Err("allowed are 50 and 60".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("a number above 0 is allowed".to_owned()),
    }
}

fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("0 or a number above is allowed".to_owned()),
    }
}
