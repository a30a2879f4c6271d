//! The benchmarks, one after another. They measure and print; they never pass or fail by a time.

use std::process::ExitCode;

use crate::steps::command;
use crate::workspace::Workspace;

/// Name, package and the example or benchmark in it.
const BENCHES: &[(&str, &str, Kind, &str)] = &[
    ("metrology", "ferraris-metrology", Kind::Example, "chain_rate"),
    ("world", "ferraris-grid", Kind::Example, "world_rate"),
    ("journal", "ferraris-flash", Kind::Bench, "journal_rate"),
    ("profile", "ferraris-meter", Kind::Example, "profile_rate"),
    ("dlms", "ferraris-dlms", Kind::Example, "get_rate"),
    ("server", "ferraris-dlms", Kind::Example, "server_speed"),
    ("tcp", "ferraris", Kind::Bench, "speed"),
];

/// How cargo runs it.
#[derive(Clone, Copy)]
enum Kind {
    Example,
    Bench,
}

/// Runs the named benchmarks, or all of them.
pub(crate) fn run(house: &Workspace, names: &[String]) -> ExitCode {
    if let Some(unknown) = names
        .iter()
        .find(|name| !BENCHES.iter().any(|(known, ..)| known == name))
    {
        let known: Vec<&str> = BENCHES.iter().map(|bench| bench.0).collect();
        eprintln!(
            "xtask: there is no benchmark called {unknown}; there are {}",
            known.join(", ")
        );
        return ExitCode::from(2);
    }
    for (name, package, kind, target) in BENCHES {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("\n== {name}");
        let arguments: &[&str] = match kind {
            Kind::Example => &["run", "--release", "--locked", "-p", package, "--example", target],
            Kind::Bench => &["bench", "--locked", "-p", package, "--bench", target],
        };
        if let Err(failure) = command(house, "cargo", arguments) {
            eprintln!("xtask: {}", failure.why);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
