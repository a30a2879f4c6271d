//! The command: `ferraris meter | replay`.

mod replay;

use std::process::ExitCode;

use clap::Parser;

/// An open smart meter
#[derive(Parser)]
#[command(name = "ferraris", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What it can do.
#[derive(clap::Subcommand)]
enum Command {
    Replay(replay::ReplayArgs),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Replay(args) => replay::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferraris: {error:#}");
            ExitCode::FAILURE
        }
    }
}
