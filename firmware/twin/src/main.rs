//! Lives a script: `twin replay SCRIPT TRACE`, on a host or in an image; a host also makes one: `twin record SCRIPT TRACE`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
mod host;
#[cfg(target_os = "none")]
mod host_file;
#[cfg(target_os = "none")]
mod image;
#[cfg(not(target_os = "none"))]
mod recorder;

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    host::main()
}
