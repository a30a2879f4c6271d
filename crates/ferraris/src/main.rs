//! The command: `ferraris meter | read | display | replay | bench | explain`; without a word it is `ferraris meter`.

mod bench;
mod display;
mod explain;
mod hex;
mod meter_command;
mod read;
mod replay;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::meter_command::{Failure, MeterArgs};

/// An open smart meter: a virtual one to talk to, and its metrology for recordings
#[derive(Parser)]
#[command(
    name = "ferraris",
    version,
    args_conflicts_with_subcommands = true,
    args_override_self = true
)]
#[command(after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    meter: MeterArgs,
}

/// What it can do.
#[derive(clap::Subcommand)]
enum Command {
    #[command(after_help = meter_command::EXAMPLES, args_override_self = true)]
    Meter(Box<MeterArgs>),
    #[command(after_help = read::EXAMPLES)]
    Read(Box<read::ReadArgs>),
    #[command(after_help = display::EXAMPLES)]
    Display(display::DisplayArgs),
    Replay(replay::ReplayArgs),
    Bench(bench::BenchArgs),
    Explain(explain::ExplainArgs),
}

fn main() -> ExitCode {
    let Arguments { command, meter } = Arguments::parse();
    let done = match command {
        None => meter_command::run(meter),
        Some(Command::Meter(args)) => meter_command::run(*args),
        Some(Command::Read(args)) => return read::run(&args),
        Some(Command::Display(args)) => display::run(&args).map_err(Failure::from),
        Some(Command::Replay(args)) => replay::run(args).map_err(Failure::from),
        Some(Command::Bench(args)) => bench::run(args).map_err(Failure::from),
        Some(Command::Explain(args)) => explain::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(why)) => Arguments::command()
            .error(clap::error::ErrorKind::ValueValidation, why)
            .exit(),
        Err(Failure::Failed(error)) => {
            eprintln!("ferraris: {error:#}");
            ExitCode::FAILURE
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  ferraris                                 start a meter in real time: page, DLMS over TCP and HDLC, on this machine only
  ferraris --speed 60                      one hour a minute
  ferraris meter --help                    everything about the virtual meter
  ferraris read 127.0.0.1:4059             read a meter
  ferraris display --list manual           what the glass of a virtual meter shows, page by page
  ferraris replay recording.cfg --json     measure a recording
  ferraris bench --quick                   the type test of the metrology, on modelled meters
  ferraris explain 7EA00802232193BD647E    what a frame says

Exit codes: 0 done, 1 failed, 2 wrong usage";
