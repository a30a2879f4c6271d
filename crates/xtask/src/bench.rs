//! The benchmarks, one after another. They measure and print; they never pass or fail by a time.

use std::process::ExitCode;

use crate::steps::command;
use crate::workspace::Workspace;

/// Name and arguments for `cargo`.
const BENCHES: &[(&str, &[&str])] = &[(
    "dlms",
    &[
        "run",
        "--release",
        "--locked",
        "-p",
        "ferraris-dlms",
        "--example",
        "get_rate",
    ],
)];

/// Runs the named benchmarks, or all of them.
pub(crate) fn run(house: &Workspace, names: &[String]) -> ExitCode {
    if let Some(unknown) = names
        .iter()
        .find(|name| !BENCHES.iter().any(|(known, _)| known == name))
    {
        let known: Vec<&str> = BENCHES.iter().map(|bench| bench.0).collect();
        eprintln!(
            "xtask: there is no benchmark called {unknown}; there are {}",
            known.join(", ")
        );
        return ExitCode::from(2);
    }
    for (name, arguments) in BENCHES {
        if !names.is_empty() && !names.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("\n== {name}");
        if let Err(failure) = command(house, "cargo", arguments) {
            eprintln!("xtask: {}", failure.why);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
