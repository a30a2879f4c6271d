//! Pages that say which test covers which clause, or proves which promise: the tests that they name are there.

use std::path::Path;

use super::Finding;
use crate::workspace::Workspace;

const PAGES: [&str; 4] = [
    "docs/standards.md",
    "docs/registration.md",
    "docs/protocol.md",
    "docs/metrology.md",
];

pub(super) fn tests_are_there(house: &Workspace) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for name in PAGES {
        let page = read(&house.root, name)?;
        let mut named = 0;
        for (index, line) in page.lines().enumerate() {
            for (path, test) in tests(line) {
                named += 1;
                let place = format!("{name}:{}", index + 1);
                match read(&house.root, path) {
                    Err(_) => findings.push(Finding::new(place, format!("there is no file {path}"))),
                    Ok(code) if !has_test(&code, test) => {
                        findings.push(Finding::new(place, format!("{path} has no test {test}")));
                    }
                    Ok(_) => {}
                }
            }
        }
        if named == 0 {
            findings.push(Finding::new(name, "names no test"));
        }
    }
    Ok(findings)
}

fn read(root: &Path, path: &str) -> Result<String, String> {
    std::fs::read_to_string(root.join(path)).map_err(|why| format!("{path}: {why}"))
}

/// The tests that a line names, each as `path.rs::test` between backticks.
fn tests(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|quoted| {
        let (path, test) = quoted.split_once("::")?;
        path.ends_with(".rs").then_some((path, test))
    })
}

/// Whether a function of this name follows a `#[test]`, or stands in a `proptest!`.
fn has_test(code: &str, test: &str) -> bool {
    let declared = format!("fn {test}(");
    code.lines().any(|line| line.trim_start().starts_with(&declared)) && code.contains("#[test]")
}

#[cfg(test)]
mod tests {
    use super::{has_test, tests};

    #[test]
    fn named_tests_are_found_in_a_row() {
        let row = "| 7.3.2 | GET | `crates/a/src/b.rs::reads_it`, `crates/a/tests/c.rs::again` and `nothing` |";
        let found: Vec<_> = tests(row).collect();
        assert_eq!(
            found,
            [("crates/a/src/b.rs", "reads_it"), ("crates/a/tests/c.rs", "again")]
        );
    }

    #[test]
    fn a_name_in_a_comment_is_no_test() {
        assert!(has_test("#[test]\nfn reads_it() {", "reads_it"));
        assert!(!has_test("#[test]\nfn other() {}\n// fn reads_it(", "reads_it"));
        assert!(!has_test("fn reads_it() {", "reads_it"));
    }
}
