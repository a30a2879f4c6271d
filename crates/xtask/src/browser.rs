//! The meter's page: that the committed files are what its source builds to, and that it works in a real browser.

use std::path::PathBuf;
use std::process::Command;

use crate::steps::{Failure, Passed, command, watch};
use crate::virtual_meter::VirtualMeter;
use crate::workspace::Workspace;

/// The page built anew must equal `web/dist`.
pub(crate) fn check_built_files(house: &Workspace) -> Result<Passed, Failure> {
    install(house)?;
    command(house, "npm", &["--prefix", "web", "run", "check"])
}

/// The page of a running meter, driven by a headless Chromium; its pictures stay in the target folder.
pub(crate) fn check_page(house: &Workspace) -> Result<Passed, Failure> {
    if !house.root.join("web/node_modules").is_dir() {
        install(house)?;
    }
    let folder = house.target.join("browser");
    let meter = VirtualMeter::start(house, &folder, "1")?;
    let http = meter.says["http"].as_str().ok_or("the meter names no `http` address")?;
    let address = if http.starts_with("http") {
        http.to_owned()
    } else {
        format!("http://{http}")
    };
    let counted = watch(
        Command::new("npm")
            .args(["--prefix", "web", "test"])
            .env("BASE_URL", address)
            .env("SHOTS", folder.join("pictures"))
            .envs(chromium().map(|path| ("CHROMIUM", path)))
            .current_dir(&house.root),
    )?;
    meter.stop()?;
    Ok(Passed(counted.0 + 1))
}

/// The first of the usual names that is on the path; the test has its own idea without one.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let named = |name: &str| {
        folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|program| program.is_file())
    };
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find_map(named)
}

fn install(house: &Workspace) -> Result<Passed, Failure> {
    command(house, "npm", &["--prefix", "web", "ci", "--no-audit", "--no-fund"])
}
