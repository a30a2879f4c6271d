//! `cargo xtask fuzz`: coverage-guided fuzzing of parsers, server, client and meter with libFuzzer.
//!
//! The targets stand in `fuzz/`, a workspace of its own that is built with coverage counters in all code. What the fuzzer learns stays below
//! `target/fuzz/`; an input that breaks a target is printed and goes, as a line of digits, into `fuzz/seeds/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use crate::steps::{Failure, Passed};
use crate::workspace::Workspace;

/// How long each target runs in continuous integration.
const SHORT_SECONDS: u64 = 30;
/// Targets that run at once.
const AT_ONCE: usize = 4;
/// Address space of one fuzzer; an allocation beyond it fails, and the target breaks.
const MEMORY_KILOBYTES: u32 = 2 << 20;
/// Counters of edges and comparisons, as libFuzzer reads them; nothing of it needs a nightly compiler.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1";

/// The short form, a step of `cargo xtask test`: every target for a while, its seeds first.
pub(crate) fn check(house: &Workspace) -> Result<Passed, Failure> {
    Ok(Passed(campaign(house, &[], SHORT_SECONDS)?))
}

/// The command of its own: `cargo xtask fuzz [--seconds N] [TARGET..]`.
pub(crate) fn run(house: &Workspace, words: &[String]) -> ExitCode {
    let (seconds, names) = match words {
        [option, seconds, names @ ..] if option == "--seconds" => match seconds.parse() {
            Ok(seconds) => (seconds, names),
            Err(why) => {
                eprintln!("xtask: --seconds {seconds}: {why}");
                return ExitCode::from(2);
            }
        },
        names => (SHORT_SECONDS, names),
    };
    match campaign(house, names, seconds) {
        Ok(_targets) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

fn target_dir(house: &Workspace) -> PathBuf {
    house.target.join("fuzz")
}

/// Builds and runs targets, all when none is named; answers how many.
fn campaign(house: &Workspace, names: &[String], seconds: u64) -> Result<u64, String> {
    let all = targets(house)?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        return Err(format!(
            "there is no fuzz target {unknown}; there are {}",
            all.join(", ")
        ));
    }
    let chosen: Vec<&String> = all
        .iter()
        .filter(|name| names.is_empty() || names.contains(name))
        .collect();
    let host = host_triple()?;
    let into = target_dir(house);
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet", "--bins", "--target", &host])
        .env("RUSTFLAGS", COVERAGE)
        .env("CARGO_TARGET_DIR", &into)
        .current_dir(house.root.join("fuzz"))
        .status()
        .map_err(|why| format!("cargo does not start: {why}"))?;
    if !built.success() {
        return Err("the fuzz targets do not build".to_owned());
    }
    let binaries = into.join(&host).join("release");
    let mut total = 0_u64;
    for some in chosen.chunks(AT_ONCE) {
        let started: Result<Vec<_>, _> = some
            .iter()
            .map(|name| Run::start(house, &binaries, name, seconds))
            .collect();
        // All of them end before the first failure is told, or the others would run on.
        let ended: Vec<_> = started?.into_iter().map(Run::finish).collect();
        for executions in ended {
            total += executions?;
        }
    }
    println!("{} fuzz targets, {total} executions", chosen.len());
    u64::try_from(chosen.len()).map_err(|why| why.to_string())
}

/// One fuzzer at work.
struct Run {
    name: String,
    log: PathBuf,
    process: Child,
}

impl Run {
    fn start(house: &Workspace, binaries: &Path, name: &str, seconds: u64) -> Result<Self, String> {
        let place = target_dir(house).join("corpus").join(name);
        plant(house, name, &place).map_err(|why| format!("{}: {why}", place.display()))?;
        let log = target_dir(house).join(format!("{name}.log"));
        let output = File::create(&log).map_err(|why| format!("{}: {why}", log.display()))?;
        let errors = output.try_clone().map_err(|why| format!("{}: {why}", log.display()))?;
        // libFuzzer's own limit reads the peak of the process, which starts at the peak of whoever started it: a big parent breaks it at once.
        let process = Command::new("sh")
            .args(["-c", &format!("ulimit -v {MEMORY_KILOBYTES} && exec \"$@\""), "sh"])
            .arg(binaries.join(name))
            .arg(&place)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/{name}-", target_dir(house).display()))
            .args([
                "-max_len=2048",
                "-timeout=20",
                "-rss_limit_mb=0",
                "-print_final_stats=1",
            ])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|why| format!("{name} does not start: {why}"))?;
        Ok(Self {
            name: name.to_owned(),
            log,
            process,
        })
    }

    /// Waits for the end; answers how many inputs were tried.
    fn finish(mut self) -> Result<u64, String> {
        let status = self.process.wait().map_err(|why| format!("{}: {why}", self.name))?;
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        if !status.success() {
            let last: Vec<&str> = said.lines().rev().take(40).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            return Err(format!("fuzz target {} broke:\n{}", self.name, last.join("\n")));
        }
        let executions = said
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
            .and_then(|count| count.trim().parse().ok())
            .ok_or_else(|| format!("{} does not say how much it did", self.log.display()))?;
        println!("ok     fuzz {:<16} {executions:>12} executions", self.name);
        Ok(executions)
    }
}

/// Puts the seeds, lines of digits, into the folder that the fuzzer works in.
fn plant(house: &Workspace, name: &str, place: &Path) -> std::io::Result<()> {
    fs::create_dir_all(place)?;
    let seeds = fs::read_to_string(house.root.join("fuzz/seeds").join(name).with_extension("txt"))?;
    let mut lines = seeds.lines().filter(|line| !line.starts_with('#')).peekable();
    if lines.peek().is_none() {
        return Err(std::io::Error::other("a target needs seeds"));
    }
    for (at, line) in lines.enumerate() {
        let octets: Vec<u8> = (0..line.len())
            .step_by(2)
            .filter_map(|at| u8::from_str_radix(line.get(at..at + 2)?, 16).ok())
            .collect();
        fs::write(place.join(format!("seed-{at}")), octets)?;
    }
    Ok(())
}

/// The targets, by the files that they are.
fn targets(house: &Workspace) -> Result<Vec<String>, String> {
    let folder = house.root.join("fuzz/targets");
    let entries = fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn host_triple() -> Result<String, String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|why| format!("rustc does not start: {why}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| "rustc does not say its host".to_owned())
}
