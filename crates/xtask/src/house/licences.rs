//! Every dependency may be shipped inside a closed product: its licence is permissive.

use serde_json::Value;

use super::Finding;
use crate::workspace::Workspace;

const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

pub(super) fn permissive(house: &Workspace) -> Result<Vec<Finding>, String> {
    judge(&house.dependencies()?)
}

fn judge(metadata: &Value) -> Result<Vec<Finding>, String> {
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    let mut findings = Vec::new();
    for package in packages {
        let name = format!(
            "{} {}",
            package["name"].as_str().unwrap_or("?"),
            package["version"].as_str().unwrap_or("?")
        );
        match package["license"].as_str() {
            Some(licence) if is_permissive(licence) => {}
            Some(licence) => findings.push(Finding::new(name, format!("is licensed {licence}"))),
            None => findings.push(Finding::new(name, "names no licence")),
        }
    }
    Ok(findings)
}

/// Whether an SPDX expression leaves a choice of permissive terms only. `/` is the old way to write `OR`.
fn is_permissive(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    any(&mut rest) && rest.is_empty()
}

/// `all OR all ..`: one is enough, but each must be read to its end.
fn any(rest: &mut &[&str]) -> bool {
    let mut good = all(rest);
    while let ["OR", tail @ ..] = rest {
        *rest = tail;
        good |= all(rest);
    }
    good
}

/// `one AND one ..`: each must be good.
fn all(rest: &mut &[&str]) -> bool {
    let mut good = one(rest);
    while let ["AND", tail @ ..] = rest {
        *rest = tail;
        good &= one(rest);
    }
    good
}

fn one(rest: &mut &[&str]) -> bool {
    match rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let good = any(rest);
            let [")", tail @ ..] = rest else { return false };
            *rest = tail;
            good
        }
        [name, "WITH", exception, tail @ ..] => {
            let name = format!("{name} WITH {exception}");
            *rest = tail;
            PERMISSIVE.contains(&name.as_str())
        }
        [name, tail @ ..] => {
            let good = PERMISSIVE.contains(name);
            *rest = tail;
            good
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_permissive, judge};

    fn check(expression: &str, expected: bool) {
        assert_eq!(is_permissive(expression), expected, "{expression}");
    }

    #[test]
    fn an_expression_is_judged_by_its_best_choice() {
        check("MIT", true);
        check("MIT OR Apache-2.0", true);
        check("MIT/Apache-2.0", true);
        check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
        check("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true);
        check("MIT OR GPL-2.0-only", true);
        check("GPL-3.0-or-later", false);
        check("MIT AND GPL-2.0-only", false);
        check("(MIT OR Apache-2.0) AND MPL-2.0", false);
        check("BUSL-1.1", false);
        check("GPL-2.0-only WITH Classpath-exception-2.0", false);
        check("(MIT", false);
        check("MIT MIT", false);
        check("", false);
    }

    #[test]
    fn a_package_without_a_good_licence_is_found() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "fine", "version": "1.0.0", "license": "MIT" },
            { "name": "copyleft", "version": "1.0.0", "license": "GPL-3.0" },
            { "name": "silent", "version": "1.0.0", "license": null },
        ] });
        let found: Vec<String> = judge(&metadata)
            .expect("well-formed")
            .into_iter()
            .map(|found| found.place)
            .collect();
        assert_eq!(found, ["copyleft 1.0.0", "silent 1.0.0"]);
    }
}
