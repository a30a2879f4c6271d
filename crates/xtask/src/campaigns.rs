//! What takes minutes and is run by hand: cuts of power everywhere, and twenty years.

use std::process::Command;

use crate::steps::{Failure, Passed, command, watch};
use crate::workspace::Workspace;

/// Cuts the power in every change of the flash: of each shape by itself, and of the whole meter.
pub(crate) fn power_cuts(house: &Workspace) -> Result<Passed, Failure> {
    let shapes = watch(
        Command::new("cargo")
            .args([
                "test",
                "--release",
                "--locked",
                "-p",
                "ferraris-flash",
                "--test",
                "power_cut",
            ])
            .args(["--", "--nocapture"])
            .env("FLASH_CAMPAIGN", "1")
            .current_dir(&house.root),
    )?;
    let meter = command(
        house,
        "cargo",
        &[
            "test",
            "--release",
            "--locked",
            "-p",
            "ferraris-meter",
            "--lib",
            "cuts::campaign",
            "--",
            "--ignored",
            "--nocapture",
        ],
    )?;
    Ok(Passed(shapes.0 + meter.0))
}

/// Lives twenty years, or as much as is said.
pub(crate) fn twenty_years(house: &Workspace, years: &[String]) -> Result<Passed, Failure> {
    let mut words = vec![
        "run",
        "--release",
        "--locked",
        "-p",
        "ferraris-meter",
        "--example",
        "twenty_years",
        "--",
    ];
    words.extend(years.iter().map(String::as_str));
    command(house, "cargo", &words)
}
