//! The twin test: a host records a life with real clients; the host again, and each board in QEMU, live it once more. The traces of
//! all (frames, pulses, switch, display, flash, a hash of each measurement and spectrum) must be equal octet by octet.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::firmware::{program, target};
use crate::steps::{Failure, Passed, watch};
use crate::workspace::Workspace;

/// A board of QEMU and the target that stands for it.
pub(crate) const BOARDS: &[(&str, &str)] = &[
    ("mps2-an386", "thumbv7em-none-eabihf"),
    ("mps2-an505", "thumbv8m.main-none-eabihf"),
];

/// A life that was recorded.
pub(crate) struct Recording {
    /// What happened.
    pub(crate) script: PathBuf,
    /// What the meter did.
    trace: PathBuf,
}

/// The step of the tests.
pub(crate) fn check(house: &Workspace) -> Result<Passed, Failure> {
    let folder = folder(house)?;
    let host = host_program(house)?;
    let recording = record(&host, &folder)?;
    let again = folder.join("host.trace");
    watch(Command::new(&host).arg("replay").args([&recording.script, &again]))?;
    compare("the host, replayed", &recording.trace, &again)?;
    for (board, target_name) in BOARDS {
        let program = program(house, target_name, PACKAGE, "twin")?;
        let trace = folder.join(format!("{board}.trace"));
        let words = ["replay", text(&recording.script)?, text(&trace)?];
        let said = emulate(board, &program, &folder, &[], &words)?;
        print!("{board}: {said}");
        compare(board, &recording.trace, &trace)?;
    }
    Ok(Passed(BOARDS.len() as u64 + 1))
}

/// Where scripts and traces go.
pub(crate) fn folder(house: &Workspace) -> Result<PathBuf, Failure> {
    let folder = target(house).join("twin");
    fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    Ok(folder)
}

/// Builds the host's twin.
pub(crate) fn host_program(house: &Workspace) -> Result<PathBuf, Failure> {
    watch(
        Command::new("cargo")
            .args(["build", "--release", "--locked", "-p", PACKAGE])
            .env("CARGO_TARGET_DIR", target(house))
            .current_dir(house.root.join("firmware")),
    )?;
    Ok(target(house).join("release").join("twin"))
}

/// Lets the host record a life.
pub(crate) fn record(host: &Path, folder: &Path) -> Result<Recording, Failure> {
    let (script, trace) = (folder.join("life.script"), folder.join("life.trace"));
    watch(Command::new(host).arg("record").args([&script, &trace]))?;
    Ok(Recording { script, trace })
}

/// Runs an image of the twin on blank flash until it ends by itself, and gives what it said.
pub(crate) fn emulate(
    board: &str,
    program: &Path,
    folder: &Path,
    options: &[&str],
    words: &[&str],
) -> Result<String, Failure> {
    let nvm = folder.join(format!("{board}.nvm"));
    fs::write(&nvm, vec![0xFF; NVM_OCTETS]).map_err(|why| format!("{}: {why}", nvm.display()))?;
    let mut semihosting = "enable=on,target=native,arg=twin".to_owned();
    for word in words {
        if word.contains([',', ' ']) {
            return Err(format!("QEMU takes no word with a comma or a space: {word}").into());
        }
        semihosting += &format!(",arg={word}");
    }
    let mut child = Command::new("qemu-system-arm")
        .args(["-M", &format!("{board},memory-backend=nvm"), "-object"])
        .arg(format!(
            "memory-backend-file,id=nvm,size=16M,mem-path={},share=on",
            text(&nvm)?
        ))
        .args([
            "-nographic",
            "-serial",
            "none",
            "-monitor",
            "none",
            "-semihosting-config",
            &semihosting,
        ])
        .args(options)
        .arg("-kernel")
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| format!("qemu-system-arm: {why}; scripts/setup.sh installs it"))?;
    let began = Instant::now();
    while child
        .try_wait()
        .map_err(|why| format!("qemu-system-arm: {why}"))?
        .is_none()
    {
        if PATIENCE < began.elapsed() {
            // It may have ended just now.
            let _ended = child.kill();
            return Err(format!("{board}: the image did not end within {} s", PATIENCE.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child
        .wait_with_output()
        .map_err(|why| format!("qemu-system-arm: {why}"))?;
    // The console of semihosting is the standard error.
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        Ok(said)
    } else {
        Err(format!("{board}: the image ended with {}: {said}", output.status).into())
    }
}

/// Compares two traces and shows where they part.
fn compare(name: &str, expected: &Path, found: &Path) -> Result<(), Failure> {
    let read = |path: &Path| fs::read(path).map_err(|why| format!("{}: {why}", path.display()));
    let (expected, found) = (read(expected)?, read(found)?);
    if expected.is_empty() {
        return Err("the recorded life left no trace, so nothing was compared".into());
    }
    if expected == found {
        println!("{name}: {} octets of trace, equal", found.len());
        return Ok(());
    }
    let (expected, found) = (String::from_utf8_lossy(&expected), String::from_utf8_lossy(&found));
    let pairs = expected.lines().zip(found.lines());
    let line = pairs.take_while(|(left, right)| left == right).count();
    let at = |text: &str| text.lines().nth(line).unwrap_or("(ended)").to_owned();
    Err(format!(
        "{name}: the traces part at line {}\n  recorded: {}\n  {name}: {}",
        line + 1,
        at(&expected),
        at(&found)
    )
    .into())
}

fn text(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("{}: QEMU takes paths in UTF-8 only", path.display()))
}

pub(crate) const PACKAGE: &str = "ferraris-firmware-twin";
const NVM_OCTETS: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(120);
