//! Every Rust file starts by saying what it is for, and no file hides behind a name that says nothing.

use std::path::Path;

use super::Finding;
use crate::workspace::Workspace;

/// Names under which anything could be filed.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "types", "misc"];

/// The languages of the house's own code.
const CODE: &[&str] = &["rs", "py", "ts", "tsx", "mjs", "js", "sh"];

pub(super) fn named_and_introduced(house: &Workspace) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for path in house.tracked()? {
        let is = |kinds: &[&str]| {
            path.extension()
                .and_then(|extension| extension.to_str())
                .is_some_and(|extension| kinds.contains(&extension))
        };
        if is(CODE) && says_nothing(&path) {
            findings.push(Finding::new(path.display().to_string(), "has a name that says nothing"));
        }
        if is(&["rs"]) {
            let whole = house.root.join(&path);
            let source = std::fs::read_to_string(&whole).map_err(|why| format!("{}: {why}", path.display()))?;
            if !is_introduced(&source) {
                findings.push(Finding::new(path.display().to_string(), "does not start with `//!`"));
            }
        }
    }
    Ok(findings)
}

fn says_nothing(path: &Path) -> bool {
    path.with_extension("")
        .iter()
        .any(|part| part.to_str().is_some_and(|part| EMPTY_NAMES.contains(&part)))
}

/// Attributes of the whole crate may stand before the introduction.
fn is_introduced(source: &str) -> bool {
    source
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!["))
        .is_some_and(|line| line.strip_prefix("//!").is_some_and(|words| !words.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::{Path, is_introduced, says_nothing};

    #[test]
    fn a_file_without_an_introduction_is_found() {
        assert!(is_introduced("//! Says it.\nuse a::b;"));
        assert!(is_introduced("#![no_std]\n#![forbid(unsafe_code)]\n\n//! Says it."));
        assert!(!is_introduced("use a::b;\n//! Too late."));
        assert!(!is_introduced("// Not for the reader of the docs."));
        assert!(!is_introduced("//!\nuse a::b;"));
        assert!(!is_introduced(""));
    }

    #[test]
    fn an_empty_name_is_found_wherever_it_stands() {
        for path in [
            "crates/dlms/src/utils.rs",
            "crates/dlms/tests/common/mod.rs",
            "web/src/types.ts",
        ] {
            assert!(says_nothing(Path::new(path)), "{path}");
        }
        for path in [
            "crates/dlms/src/wrapper.rs",
            "crates/cosem/src/type_name.rs",
            "interop/meter.py",
        ] {
            assert!(!says_nothing(Path::new(path)), "{path}");
        }
    }
}
