//! The meter on bare metal: builds its images, says how big they are, runs them in QEMU, counts what they cost.
//!
//! The firmware is a workspace of its own under `firmware/`. Its tests are Rust tests of `firmware/bench`, which start QEMU themselves;
//! here they only get their images.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::steps::{self, Failure, Passed, Step, watch};
use crate::workspace::Workspace;
use crate::{firmware_cost, firmware_twin};

/// A board of QEMU, and the target that stands for it.
const BOARDS: &[(&str, &str)] = &[
    ("mps2-an386", "thumbv7em-none-eabihf"),
    ("mps2-an505", "thumbv8m.main-none-eabihf"),
];

/// Octets of flash and RAM that an image should take.
const FLASH_GOAL: u64 = 384 * 1024;
const RAM_GOAL: u64 = 96 * 1024;
/// Octets of flash of the part that the boards stand for. The first image kept the goal; with tariffs, demands, billing, eight profiles and all
/// services of DLMS it is beyond that, so the table names the goal and the part is the limit.
const FLASH_LIMIT: u64 = 512 * 1024;

/// `cargo xtask firmware build`.
const BUILD: &[Step] = &[Step::new("images", build)];

/// `cargo xtask firmware test`, in the order in which it fails fastest.
const TEST: &[Step] = &[
    Step::new("parts", parts),
    Step::new("skeleton", skeleton),
    Step::new("images", build),
    Step::new("bench", compile_bench),
    Step::new("boots", |house| bench(house, "boots")),
    Step::new("damage", |house| bench(house, "damage")),
    Step::new("lines", |house| bench(house, "lines")),
    Step::new("cuts", |house| bench(house, "cuts")),
    Step::new("twin", firmware_twin::check),
    Step::new("cost", firmware_cost::check),
    Step::new("peers", |house| bench(house, "peers")),
];

/// `cargo xtask firmware cost`.
const COST: &[Step] = &[Step::new("cost", firmware_cost::check)];

/// The subcommands of `firmware`.
pub(crate) fn run(house: &Workspace, words: &[String]) -> ExitCode {
    match words.split_first() {
        Some((command, [])) if command == "build" => steps::run(house, BUILD, &[]),
        Some((command, [])) if command == "cost" => steps::run(house, COST, &[]),
        Some((command, names)) if command == "test" => steps::run(house, TEST, names),
        _ => {
            let names: Vec<&str> = TEST.iter().map(|step| step.name).collect();
            eprintln!(
                "cargo xtask firmware build | test [STEP..] | cost\n\nThe steps of `test`: {}",
                names.join(" ")
            );
            ExitCode::from(2)
        }
    }
}

/// All of `cargo xtask firmware test`, as one step of `cargo xtask test`.
pub(crate) fn check(house: &Workspace) -> Result<Passed, Failure> {
    let mut tests = 0;
    for step in TEST {
        println!("\n-- firmware: {}", step.name);
        match (step.run)(house) {
            Ok(Passed(passed)) => tests += passed.max(1),
            Err(failure) => {
                return Err(Failure {
                    passed: tests + failure.passed,
                    ..failure
                });
            }
        }
    }
    Ok(Passed(tests))
}

/// The argument that selects a toolchain which has a `core` for `target`: none for the default one, or Debian's (scripts/setup.sh).
pub(crate) fn toolchain(target: &str) -> Option<Option<&'static str>> {
    [None, Some("+debian")].into_iter().find(|toolchain| {
        let Ok(said) = Command::new("rustc")
            .args(*toolchain)
            .args(["--print", "sysroot"])
            .output()
        else {
            return false;
        };
        let sysroot = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let libraries = Path::new(&sysroot).join("lib/rustlib").join(target).join("lib");
        let has_core = |file: std::fs::DirEntry| file.file_name().to_string_lossy().starts_with("libcore-");
        said.status.success()
            && std::fs::read_dir(libraries)
                .into_iter()
                .flatten()
                .flatten()
                .any(has_core)
    })
}

/// Where the firmware's builds go.
pub(crate) fn target(house: &Workspace) -> PathBuf {
    house.target.join("firmware")
}

/// Builds a package of the firmware for a target, as users do, and answers where its program is.
pub(crate) fn program(house: &Workspace, target_name: &str, package: &str, binary: &str) -> Result<PathBuf, Failure> {
    let toolchain =
        toolchain(target_name).ok_or_else(|| format!("no Rust for {target_name}; run scripts/setup.sh portable"))?;
    watch(
        Command::new("cargo")
            .args(toolchain)
            .args(["build", "--release", "--locked", "--target", target_name, "-p", package])
            .args(["--config", &places_without_prefix(house)])
            .env("CARGO_TARGET_DIR", target(house))
            // Cargo's own, when it runs this program, would choose its toolchain again.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .current_dir(house.root.join("firmware")),
    )?;
    Ok(target(house).join(target_name).join("release").join(binary))
}

/// Cargo's setting that shortens the places of panics to `meter/step.rs`: the image is smaller, and its octets do not depend on where it is built.
fn places_without_prefix(house: &Workspace) -> String {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let mut prefixes: Vec<(PathBuf, &str)> = std::fs::read_dir(home.join("registry/src"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|registry| (registry.path(), ""))
        .collect();
    let rooms = ["base", "flash", "metrology", "cosem", "dlms", "meter"];
    prefixes.extend(rooms.map(|room| (house.root.join("crates").join(room).join("src"), room)));
    let flags: Vec<String> = prefixes
        .iter()
        .map(|(from, to)| format!("{:?}", format!("--remap-path-prefix={}={to}", from.display())))
        .collect();
    format!("target.'cfg(target_os = \"none\")'.rustflags = [{}]", flags.join(", "))
}

/// Builds the images of both boards, puts them where the tests look for them, and prints how big they are.
fn build(house: &Workspace) -> Result<Passed, Failure> {
    let folder = images(house);
    std::fs::create_dir_all(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let mut table = format!(
        "{:<12} {:>10} {:>10}   goals: {FLASH_GOAL} octets of flash, {RAM_GOAL} of RAM; the part has {FLASH_LIMIT} of flash\n",
        "board", "flash", "RAM"
    );
    for (board, target_name) in BOARDS {
        let program = program(house, target_name, "ferraris-firmware-image", "meter-image")?;
        let octets = std::fs::read(&program).map_err(|why| format!("{}: {why}", program.display()))?;
        let (flash, ram) = size(&octets).ok_or_else(|| format!("{} is no ELF of 32 bits", program.display()))?;
        table += &format!("{board:<12} {flash:>10} {ram:>10}   (RAM without the stack)\n");
        if FLASH_GOAL < flash {
            table += &format!(
                "{:<12} misses the goal for flash by {} octets\n",
                "",
                flash - FLASH_GOAL
            );
        }
        if FLASH_LIMIT < flash || RAM_GOAL < ram {
            return Err(format!(
                "{board}: {flash} octets of flash, {ram} of RAM; allowed are {FLASH_LIMIT} and {RAM_GOAL}"
            )
            .into());
        }
        std::fs::copy(&program, folder.join(board)).map_err(|why| format!("{board}: {why}"))?;
    }
    print!("{table}");
    Ok(Passed(BOARDS.len() as u64))
}

/// Tests of the parts that know no register: the converter's driver, the front end, the twin's script.
fn parts(house: &Workspace) -> Result<Passed, Failure> {
    let packages = ["ads131m", "frontend", "twin"].map(|room| format!("ferraris-firmware-{room}"));
    watch(
        Command::new("cargo")
            .args(["test", "--locked"])
            .args(packages.iter().flat_map(|package| ["-p", package]))
            .env("CARGO_TARGET_DIR", target(house))
            .current_dir(house.root.join("firmware")),
    )
}

/// The worked port compiles.
fn skeleton(house: &Workspace) -> Result<Passed, Failure> {
    let target_name = "thumbv7em-none-eabihf";
    let toolchain =
        toolchain(target_name).ok_or_else(|| format!("no Rust for {target_name}; run scripts/setup.sh portable"))?;
    watch(
        Command::new("cargo")
            .args(toolchain)
            .args([
                "check",
                "--locked",
                "--target",
                target_name,
                "-p",
                "ferraris-firmware-stm32-skeleton",
            ])
            .env("CARGO_TARGET_DIR", target(house))
            // Cargo's own, when it runs this program, would choose its toolchain again.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .current_dir(house.root.join("firmware")),
    )
}

/// Compiles the tests, so that their time is not taken for QEMU's.
fn compile_bench(house: &Workspace) -> Result<Passed, Failure> {
    watch(cargo_test(house).arg("--no-run"))
}

/// One file of tests of the bench. They share two cores with QEMU, so one runs after the other.
fn bench(house: &Workspace, file: &str) -> Result<Passed, Failure> {
    watch(cargo_test(house).args(["--test", file, "--", "--nocapture", "--test-threads", "2"]))
}

fn cargo_test(house: &Workspace) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["test", "--locked", "-p", "ferraris-firmware-bench"])
        .env("CARGO_TARGET_DIR", target(house))
        .env("FERRARIS_IMAGES", images(house))
        .env("FERRARIS_ROOT", &house.root)
        .current_dir(house.root.join("firmware"));
    cargo
}

fn images(house: &Workspace) -> PathBuf {
    target(house).join("images")
}

/// Octets of flash and of RAM that an ELF takes: what is loaded, and what is written to while it runs.
fn size(elf: &[u8]) -> Option<(u64, u64)> {
    let word = |at: usize| Some(u32::from_le_bytes(elf.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let half = |at: usize| Some(u16::from_le_bytes(elf.get(at..at.checked_add(2)?)?.try_into().ok()?));
    if elf.get(..5)? != b"\x7FELF\x01" {
        return None;
    }
    let (table, entry, count) = (
        usize::try_from(word(0x20)?).ok()?,
        usize::from(half(0x2E)?),
        usize::from(half(0x30)?),
    );
    let (mut flash, mut ram) = (0, 0);
    for index in 0..count {
        let at = table + index * entry;
        let (kind, flags, octets) = (word(at + 4)?, word(at + 8)?, u64::from(word(at + 0x14)?));
        if flags & ALLOCATED != 0 {
            flash += if kind == NO_BITS { 0 } else { octets };
            ram += if flags & WRITABLE == 0 { 0 } else { octets };
        }
    }
    Some((flash, ram))
}

/// `SHT_NOBITS`, `SHF_WRITE` and `SHF_ALLOC` of the ELF.
const NO_BITS: u32 = 8;
const WRITABLE: u32 = 1;
const ALLOCATED: u32 = 2;

#[cfg(test)]
mod tests {
    use super::size;

    fn header(kind: u32, flags: u32, octets: u32) -> Vec<u8> {
        [0, kind, flags, 0, 0, octets, 0, 0, 0, 0]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    #[test]
    fn flash_is_what_is_loaded_and_ram_what_is_written_to() {
        let mut elf = b"\x7FELF\x01".to_vec();
        elf.resize(0x34, 0);
        elf[0x20..0x24].copy_from_slice(&0x34_u32.to_le_bytes());
        elf[0x2E..0x32].copy_from_slice(&[40, 0, 4, 0]);
        // Code, initialised variables, cleared variables, debug information.
        for (kind, flags, octets) in [(1, 6, 1_000), (1, 3, 20), (8, 3, 300), (1, 0, 9_999)] {
            elf.extend(header(kind, flags, octets));
        }
        assert_eq!(size(&elf), Some((1_020, 320)));
        assert_eq!(size(&elf[..100]), None);
        assert_eq!(size(b"no ELF"), None);
    }
}
