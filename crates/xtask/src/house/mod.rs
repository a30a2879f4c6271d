//! The rules of the house. Each is a function from what is written to what is wrong with it, and each is shown to fail.
//!
//! That golden files are fresh is not here: the crates' own tests compare them.

mod code;
mod files;
mod licences;
mod rooms;
mod standards;
mod tracked;

pub(crate) use rooms::ROOMS;

use crate::steps::{Failure, Passed};
use crate::workspace::Workspace;

/// What breaks a rule, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    place: String,
    what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

struct Rule {
    name: &'static str,
    check: fn(&Workspace) -> Result<Vec<Finding>, String>,
}

const RULES: &[Rule] = &[
    Rule {
        name: "arrows between rooms point down",
        check: rooms::edges,
    },
    Rule {
        name: "portable rooms are sealed: no std, no heap, no clock, no chance, no I/O",
        check: code::portable,
    },
    Rule {
        name: "no unfinished or careless code outside tests",
        check: code::finished,
    },
    Rule {
        name: "every file says what it is for, and its name is a noun of the trade",
        check: files::named_and_introduced,
    },
    Rule {
        name: "licences of dependencies are permissive",
        check: licences::permissive,
    },
    Rule {
        name: "no path of a machine and no registry host in tracked files",
        check: tracked::no_machine,
    },
    Rule {
        name: "the tests that the manual names are there",
        check: standards::tests_are_there,
    },
    Rule {
        name: "lock files and built pages are committed",
        check: tracked::committed,
    },
];

/// Checks every rule, prints each with what breaks it, and counts them.
pub(crate) fn check(house: &Workspace) -> Result<Passed, Failure> {
    let (mut passed, mut failed) = (0, 0);
    for rule in RULES {
        let findings = (rule.check)(house)?;
        println!(
            "{} {}",
            if findings.is_empty() { "ok    " } else { "BROKEN" },
            rule.name
        );
        for finding in &findings {
            println!("         {}: {}", finding.place, finding.what);
        }
        if findings.is_empty() { passed += 1 } else { failed += 1 }
    }
    if failed == 0 {
        Ok(Passed(passed))
    } else {
        Err(Failure {
            why: format!("{failed} house rules"),
            passed,
            failed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, Workspace};

    #[test]
    fn the_house_keeps_its_rules() {
        let house = Workspace::find().expect("the tests run inside the workspace");
        for rule in RULES {
            let findings = (rule.check)(&house).expect("cargo and git answer");
            assert!(findings.is_empty(), "{}: {findings:#?}", rule.name);
        }
    }
}
