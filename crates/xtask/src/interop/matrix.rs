//! The tables of docs/interop.md against the checks that ran: no cell without a check, no check without a cell.
//!
//! A check of a script writes the cells that it proves into a file (`Report.prove` in `interop/checks.py`), as
//! `table | row | peer`. Tests of dlms-cosem-rs run with `cargo test`; a line `// interop: table | row | peer` stands
//! above each. A cell that begins with "has none" says that the peer's code has nothing of the kind, and needs no check.

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::Workspace;

/// The table below a heading, and its name in what the checks say.
const TABLES: &[(&str, &str)] = &[
    ("## Our meter, their client", "our meter"),
    ("## Their meter, our client", "their meter"),
    ("## Our notifications, their listener", "our notifications"),
];

/// Where the tests of dlms-cosem-rs are.
const TESTS: &[&str] = &["crates/dlms/tests", "crates/meter/src/tests"];
const MARK: &str = "// interop: ";

/// A place in a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    table: String,
    row: String,
    peer: String,
}

impl Place {
    /// From `table | row | peer`.
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split('|').map(|part| part.trim().to_owned());
        let place = Self {
            table: parts.next()?,
            row: parts.next()?,
            peer: parts.next()?,
        };
        parts.next().is_none().then_some(place)
    }
}

/// Compares the tables with what was proved, `proved` being the file that the scripts have written; answers how many cells agree.
pub(super) fn check(house: &Workspace, proved: &Path) -> Result<u64, String> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()));
    let mut places = BTreeSet::new();
    for line in read(proved)?.lines() {
        places.insert(Place::parse(line).ok_or_else(|| format!("{}: not a cell: {line}", proved.display()))?);
    }
    for folder in TESTS {
        let folder = house.root.join(folder);
        let files = std::fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        for file in files {
            let path = file.map_err(|why| format!("{}: {why}", folder.display()))?.path();
            if path.extension().is_some_and(|it| it == "rs") {
                for line in read(&path)?.lines().filter_map(|line| line.strip_prefix(MARK)) {
                    places.insert(Place::parse(line).ok_or_else(|| format!("{}: not a cell: {line}", path.display()))?);
                }
            }
        }
    }
    let cells = cells(&read(&house.root.join("docs/interop.md"))?);
    let findings = compare(&cells, &places);
    if findings.is_empty() {
        println!("ok     docs/interop.md: each of {} cells has its check", cells.len());
        return Ok(1);
    }
    for finding in &findings {
        println!("FAILED docs/interop.md: {finding}");
    }
    Err(format!(
        "docs/interop.md and the checks that ran differ in {} cells",
        findings.len()
    ))
}

/// The cells of all tables and what they say.
fn cells(document: &str) -> Vec<(Place, String)> {
    let mut cells = Vec::new();
    let (mut table, mut peers) = (None, Vec::new());
    for line in document.lines() {
        if line.starts_with('#') {
            table = TABLES
                .iter()
                .find(|(heading, _)| *heading == line)
                .map(|(_, name)| (*name).to_owned());
            peers.clear();
        }
        let (Some(table), Some(line)) = (&table, line.strip_prefix('|').and_then(|it| it.strip_suffix('|'))) else {
            continue;
        };
        let mut columns = line.split('|').map(str::trim);
        let row = columns.next().unwrap_or_default();
        if peers.is_empty() {
            // The head: each peer by its name, without the version.
            peers.extend(columns.map(|it| it.split(' ').next().unwrap_or_default().to_owned()));
        } else if !row.starts_with("---") {
            for (peer, says) in peers.iter().zip(columns) {
                let place = Place {
                    table: table.clone(),
                    row: row.to_owned(),
                    peer: peer.clone(),
                };
                cells.push((place, says.to_owned()));
            }
        }
    }
    cells
}

/// What is wrong with the tables, or with the checks.
fn compare(cells: &[(Place, String)], proved: &BTreeSet<Place>) -> Vec<String> {
    let mut findings = Vec::new();
    for (place, says) in cells {
        let Place { table, row, peer } = place;
        if says.is_empty() || says.contains("not tried") {
            findings.push(format!("{table}, {row}, {peer}: the cell says nothing"));
        } else if !says.starts_with("has none") && !proved.contains(place) {
            findings.push(format!("{table}, {row}, {peer}: no check ran for it"));
        }
    }
    for Place { table, row, peer } in proved {
        let known = |(it, _): &(Place, String)| (&it.table, &it.row, &it.peer) == (table, row, peer);
        if !cells.iter().any(known) {
            findings.push(format!("{table}, {row}, {peer}: a check proves it, and it has no cell"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Place, cells, compare};

    const DOCUMENT: &str = "\
## Our meter, their client
text | with a bar
| | gurux-dlms 1.0 | pydlms-client |
| --- | --- | --- |
| ded | suites 0, 1 | has none |
| HLS 7 | suite 1 | suite 2 |
## Another
| | a |
| --- | --- |
| b | c |
";

    fn check(document: &str, proved: &[&str], expected: &[&str]) {
        let proved = proved.iter().map(|it| Place::parse(it).expect("a cell")).collect();
        assert_eq!(compare(&cells(document), &proved), expected, "{proved:?}");
    }

    #[test]
    fn every_cell_needs_a_check_and_every_check_a_cell() {
        let all = [
            "our meter | ded | gurux-dlms",
            "our meter | HLS 7 | gurux-dlms",
            "our meter | HLS 7 | pydlms-client",
        ];
        assert_eq!(cells(DOCUMENT).len(), 4);
        check(DOCUMENT, &all, &[]);
        check(
            DOCUMENT,
            &all[1..],
            &["our meter, ded, gurux-dlms: no check ran for it"],
        );
        let more = [&all[..], &["our meter | glo | gurux-dlms"]].concat();
        check(
            DOCUMENT,
            &more,
            &["our meter, glo, gurux-dlms: a check proves it, and it has no cell"],
        );
        let untried = DOCUMENT.replace("suites 0, 1", "not tried");
        check(&untried, &all, &["our meter, ded, gurux-dlms: the cell says nothing"]);
        assert_eq!(Place::parse("our meter | ded"), None);
        assert_eq!(Place::parse("our meter | ded | a | b"), None);
    }
}
