//! Proof that the portable rooms need neither std nor a heap: they are built for a processor that has none.
//!
//! A crate made for the purpose links all of them for a Cortex-M4F, for which there is no std. It has a panic handler
//! and no allocator, and rustc refuses to finish a library of that kind if anything in it links `alloc`. That it does
//! refuse is shown in the same run by linking `alloc` on purpose.

use std::path::Path;
use std::process::Command;

use crate::house::ROOMS;
use crate::steps::{Failure, Passed, watch};
use crate::workspace::Workspace;

const TARGET: &str = "thumbv7em-none-eabihf";

pub(crate) fn check(house: &Workspace) -> Result<Passed, Failure> {
    let toolchain = toolchain().ok_or_else(|| format!("no Rust for {TARGET}; run scripts/setup.sh portable"))?;
    let rooms: Vec<&str> = ROOMS
        .iter()
        .filter(|room| room.portable && house.root.join("crates").join(room.name).is_dir())
        .map(|room| room.name)
        .collect();
    let probe = house.target.join("portable").join("probe");
    lay(house, &probe, &rooms).map_err(|why| format!("{}: {why}", probe.display()))?;

    println!("rooms: {}", rooms.join(" "));
    watch(&mut build(house, &probe, toolchain, &[]))?;

    let mut with_heap = build(house, &probe, toolchain, &["--features", "heap"]);
    let said = with_heap.output().map_err(|why| format!("cargo: {why}"))?;
    let words = String::from_utf8_lossy(&said.stderr);
    if said.status.success() || !words.contains("no global memory allocator found") {
        return Err(
            format!("linking a heap on purpose was not refused, so the build above proves nothing: {words}").into(),
        );
    }
    println!("no std, no heap; a heap linked on purpose was refused");
    Ok(Passed(rooms.len() as u64 + 1))
}

/// The argument that selects a toolchain with the target: none for the default one, or Debian's (scripts/setup.sh).
fn toolchain() -> Option<Option<&'static str>> {
    [None, Some("+debian")].into_iter().find(|toolchain| {
        let Ok(said) = Command::new("rustc")
            .args(*toolchain)
            .args(["--print", "sysroot"])
            .output()
        else {
            return false;
        };
        let sysroot = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let libraries = Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib");
        said.status.success()
            && std::fs::read_dir(libraries)
                .into_iter()
                .flatten()
                .flatten()
                .any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
    })
}

/// Writes the crate that links every portable room.
fn lay(house: &Workspace, probe: &Path, rooms: &[&str]) -> std::io::Result<()> {
    let mut manifest = "[package]\nname = \"probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[lib]\n\
        crate-type = [\"staticlib\"]\n\n[features]\nheap = []\n\n[profile.dev]\npanic = \"abort\"\n\
        opt-level = 0\ndebug = false\n\n[workspace]\n\n[dependencies]\n"
        .to_owned();
    let mut source = "//! Links every portable room, for a processor without an operating system.\n#![no_std]\n\
        #[cfg(feature = \"heap\")]\nextern crate alloc;\n"
        .to_owned();
    for room in rooms {
        let path = house.root.join("crates").join(room);
        manifest += &format!("{room} = {{ package = \"ferraris-{room}\", path = {path:?} }}\n");
        source += &format!("use {room} as _;\n");
    }
    source += "#[panic_handler]\nfn panic(_: &core::panic::PanicInfo<'_>) -> ! { loop {} }\n";
    std::fs::create_dir_all(probe.join("src"))?;
    // The versions that the house has locked, not the newest ones.
    std::fs::copy(house.root.join("Cargo.lock"), probe.join("Cargo.lock"))?;
    std::fs::write(probe.join("Cargo.toml"), manifest)?;
    std::fs::write(probe.join("src/lib.rs"), source)
}

fn build(house: &Workspace, probe: &Path, toolchain: Option<&str>, arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args(toolchain)
        .args(["build", "--target", TARGET])
        .args(arguments)
        .env("CARGO_TARGET_DIR", house.target.join("portable"))
        .current_dir(probe);
    cargo
}
