//! `ferraris replay` as a user meets it: the built command, files on disk, exit codes, messages and numbers.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose files cannot be written or read has failed"
)]

mod damage;
mod formats;
mod refusals;
mod samples;
mod truth;
mod waves;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the command did.
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `ferraris replay` with these arguments.
fn replay<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_ferraris"))
        .arg("replay")
        .args(arguments)
        .output()
        .expect("the command starts");
    Outcome {
        code: output.status.code().expect("the command ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// The JSON result of a recording that must be fine.
fn result_of(file: &Path, options: &[&str]) -> Value {
    let mut arguments = vec![file.to_str().expect("a path of text"), "--json"];
    arguments.extend(options);
    let outcome = replay(&arguments);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{}", file.display());
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

/// A number in a result, such as `["span", "from_s"]`.
fn number(result: &Value, path: &[&str]) -> f64 {
    path.iter()
        .fold(result, |value, key| &value[key])
        .as_f64()
        .unwrap_or_else(|| panic!("{path:?} is no number in {result}"))
}

/// An empty folder of this test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay").join(name);
    let _absent = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The folder of the sample recordings.
fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").join(name)
}
