//! Gives the linker the memory of an STM32F407.

use std::path::PathBuf;

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
        std::fs::copy("memory.x", out.join("memory.x")).expect("the folder of build results can be written");
        println!("cargo::rustc-link-search={}", out.display());
    }
    println!("cargo::rerun-if-changed=memory.x");
}
