//! What git tracks holds for every reader: no path of one machine, no host of a registry, and everything needed to build.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::workspace::Workspace;

/// Folders of one machine, cut in two so that this file does not break its own rule.
const MACHINE_FOLDERS: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

/// Hosts that packages come from; clients know them, committed files need not.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("files.", "pythonhosted.org"),
    concat!("pypi", ".org"),
    concat!("deb.", "debian.org"),
    concat!("security.", "debian.org"),
    concat!("static.", "rust-lang.org"),
];

pub(super) fn no_machine(house: &Workspace) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for path in house.tracked()? {
        let bytes = std::fs::read(house.root.join(&path)).map_err(|why| format!("{}: {why}", path.display()))?;
        // What is not text (recordings, pictures) has no lines.
        let Ok(text) = core::str::from_utf8(&bytes) else {
            continue;
        };
        findings.extend(machine_words(&path, text));
    }
    Ok(findings)
}

fn machine_words(path: &Path, text: &str) -> Vec<Finding> {
    let is_package_lock = path.file_name().is_some_and(|name| name == "package-lock.json");
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut found = |what: String| findings.push(Finding::new(format!("{}:{}", path.display(), index + 1), what));
        for folder in MACHINE_FOLDERS {
            if line.match_indices(folder).any(|(at, _)| starts_a_path(line, at)) {
                found(format!("names {folder}"));
            }
        }
        for host in REGISTRY_HOSTS {
            if line.contains(host) {
                found(format!("names {host}"));
            }
        }
        if is_package_lock && line.contains("\"resolved\": \"http") {
            found("names where a package was downloaded".to_owned());
        }
    }
    findings
}

/// Whether a slash is the first of a path, not one inside it.
fn starts_a_path(line: &str, at: usize) -> bool {
    let before = line.get(..at).and_then(|head| head.chars().next_back());
    !before.is_some_and(|letter| letter.is_alphanumeric() || "._-~}$)".contains(letter))
}

pub(super) fn committed(house: &Workspace) -> Result<Vec<Finding>, String> {
    Ok(missing(&house.tracked()?))
}

fn missing(tracked: &[PathBuf]) -> Vec<Finding> {
    let has = |start: &str| tracked.iter().any(|path| path.starts_with(start));
    let mut findings = Vec::new();
    let mut need = |start: &str, because: &str| {
        if !has(start) {
            findings.push(Finding::new(start, format!("is not committed: {because}")));
        }
    };
    need("Cargo.lock", "builds must repeat");
    if has("web") {
        need("web/package-lock.json", "builds of the page must repeat");
        need("web/dist/index.html", "the program is built without node");
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Path, PathBuf, machine_words, missing};

    fn check(name: &str, line: &str, expected: usize) {
        assert_eq!(machine_words(Path::new(name), line).len(), expected, "{line}");
    }

    #[test]
    fn a_path_of_a_machine_is_found() {
        check("a.md", concat!("see /ho", "me/someone/notes"), 1);
        check("a.rs", concat!("include!(\"/ro", "ot/x\")"), 1);
        check("a.sh", concat!("cd /wo", "rk/main"), 1);
        check("a.md", "https://example.org/some/work/of/art", 0);
        check("a.sh", concat!("$HOME/wo", "rk/x and ../ho", "me/y"), 0);
    }

    #[test]
    fn a_registry_host_is_found() {
        check("a.toml", concat!("https://registry.", "npmjs.org/x"), 1);
        check(
            "package-lock.json",
            "\"resolved\": \"https://mirror.example/x.tgz\",",
            1,
        );
        check(
            "Cargo.lock",
            "source = \"registry+https://github.com/rust-lang/crates.io-index\"",
            0,
        );
    }

    #[test]
    fn what_a_build_needs_and_git_lacks_is_found() {
        let tracked = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(missing(&tracked(&["src/lib.rs"])).len(), 1);
        assert_eq!(missing(&tracked(&["Cargo.lock"])).len(), 0);
        assert_eq!(missing(&tracked(&["Cargo.lock", "web/src/lcd.tsx"])).len(), 2);
        let whole = [
            "Cargo.lock",
            "web/src/lcd.tsx",
            "web/package-lock.json",
            "web/dist/index.html",
        ];
        assert_eq!(missing(&tracked(&whole)).len(), 0);
    }
}
