//! Gives the linker the memory of the board that the target stands for, and an empty device.x: the interrupts are ours.

use std::path::PathBuf;

fn main() {
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-check-cfg=cfg(board, values(\"an386\", \"an505\"))");
    let board = match target.as_str() {
        "thumbv7em-none-eabihf" => "an386",
        "thumbv8m.main-none-eabihf" => "an505",
        // A host compiles the parts that know no register.
        _ => return,
    };
    println!("cargo::rustc-cfg=board=\"{board}\"");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let memory = format!("memory/{board}.x");
    std::fs::copy(&memory, out.join("memory.x")).expect("the folder of build results can be written");
    std::fs::write(out.join("device.x"), "").expect("the folder of build results can be written");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed={memory}");
}
