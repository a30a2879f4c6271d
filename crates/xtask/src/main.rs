//! Chores of the house: set up, test, prove the rules, build for the meter's processor, meet the peers, measure.
//!
//! `cargo xtask test` is the whole of it, in order; every other command is one of its steps, or `bench`.

mod bench;
mod browser;
mod campaigns;
mod firmware;
mod firmware_cost;
mod firmware_twin;
mod fuzz;
mod house;
mod interop;
mod portable;
mod steps;
mod trace;
mod virtual_meter;
mod workspace;

use std::process::ExitCode;

use steps::{Failure, Passed, Step};
use workspace::Workspace;

const USAGE: &str = "\
cargo xtask COMMAND

  setup         install what the tests need (scripts/setup.sh)
  test [STEP..] everything that CI runs, in order; with names, only those steps
  house         the house rules
  portable      the portable rooms for bare metal, without std and without heap
  interop       independent DLMS clients read a running meter
  browser       the meter's page in a real browser
  firmware ..   the meter on bare metal: build, test, cost
  fuzz ..       fuzz targets: [--seconds N] [TARGET..]
  bench [NAME]  the benchmarks
  power-cuts    the power is cut in every change of the flash, at every byte, over a million times: minutes
  twenty-years  twenty years at full load: wear, energies to the microjoule: minutes

The steps of `test`:";

/// Everything that must hold, in the order in which it fails fastest.
const STEPS: &[Step] = &[
    Step::new("setup", setup),
    Step::new("fmt", |house| {
        steps::command(house, "cargo", &["fmt", "--all", "--check"])
    }),
    Step::new("house", house::check),
    Step::new("clippy", |house| {
        steps::command(
            house,
            "cargo",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
        )
    }),
    Step::new("tests", |house| {
        steps::command(house, "cargo", &["test", "--workspace", "--locked"])
    }),
    Step::beside("firmware", firmware::check),
    Step::new("portable", portable::check),
    Step::new("web", browser::check_built_files),
    Step::new("release", |house| {
        steps::command(house, "cargo", &["build", "--release", "--locked"])
    }),
    Step::new("interop", interop::check),
    Step::new("fuzz", fuzz::check),
    Step::new("browser", browser::check_page),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let house = match Workspace::find() {
        Ok(house) => house,
        Err(why) => {
            eprintln!("xtask: {why}");
            return ExitCode::FAILURE;
        }
    };
    match arguments.split_first() {
        Some((command, names)) if command == "test" => steps::run(&house, STEPS, names),
        Some((command, words)) if command == "fuzz" => fuzz::run(&house, words),
        Some((command, words)) if command == "firmware" => firmware::run(&house, words),
        Some((command, names)) if command == "bench" => bench::run(&house, names),
        Some((command, [])) if command == "power-cuts" => long(campaigns::power_cuts(&house)),
        Some((command, years)) if command == "twenty-years" => long(campaigns::twenty_years(&house, years)),
        Some((command, [])) if STEPS.iter().any(|step| step.name == command) => {
            steps::run(&house, STEPS, core::slice::from_ref(command))
        }
        _ => {
            let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            eprintln!("{USAGE} {}", names.join(" "));
            ExitCode::from(2)
        }
    }
}

/// How a command ends that is no step of the tests.
fn long(outcome: Result<Passed, Failure>) -> ExitCode {
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {}", failure.why);
            ExitCode::FAILURE
        }
    }
}

fn setup(house: &Workspace) -> Result<Passed, Failure> {
    steps::command(house, "bash", &["scripts/setup.sh"])
}
