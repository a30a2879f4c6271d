//! Where the house stands, and what cargo knows about it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The checkout that the chores work on.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// `cargo metadata --no-deps`.
    pub(crate) metadata: Value,
}

impl Workspace {
    /// The workspace that this program belongs to.
    pub(crate) fn find() -> Result<Self, String> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .ok_or("crates/xtask has no house around it")?
            .to_path_buf();
        let metadata = metadata(&root, &["--no-deps"])?;
        let target = metadata["target_directory"]
            .as_str()
            .ok_or("cargo metadata names no target folder")?
            .into();
        Ok(Self { root, target, metadata })
    }

    /// `cargo metadata` with all dependencies, as the lock file has them.
    pub(crate) fn dependencies(&self) -> Result<Value, String> {
        metadata(&self.root, &["--locked"])
    }

    /// The paths of all files that git tracks, relative to the root.
    pub(crate) fn tracked(&self) -> Result<Vec<PathBuf>, String> {
        let listed = Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(&self.root)
            .output()
            .map_err(|why| format!("git ls-files: {why}"))?;
        if !listed.status.success() {
            return Err(format!(
                "git ls-files: {}",
                String::from_utf8_lossy(&listed.stderr).trim()
            ));
        }
        let paths = String::from_utf8(listed.stdout).map_err(|why| format!("git ls-files: {why}"))?;
        // A file that is deleted but not yet committed is still listed.
        Ok(paths
            .split_terminator('\0')
            .map(PathBuf::from)
            .filter(|path| self.root.join(path).is_file())
            .collect())
    }
}

fn metadata(root: &std::path::Path, arguments: &[&str]) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = Command::new(cargo)
        .args(["metadata", "--format-version", "1"])
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|why| format!("cargo metadata: {why}"))?;
    if !said.status.success() {
        return Err(format!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&said.stderr).trim()
        ));
    }
    serde_json::from_slice(&said.stdout).map_err(|why| format!("cargo metadata: {why}"))
}
