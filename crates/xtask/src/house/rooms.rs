//! The floors of the house and who may import whom (ARCHITECTURE.md draws them).

use serde_json::Value;

use super::Finding;
use crate::workspace::Workspace;

/// A crate of the house.
pub(crate) struct Room {
    /// Its folder under `crates/`.
    pub(crate) name: &'static str,
    /// Imports go to lower floors only.
    pub(crate) floor: u8,
    /// Whether it runs inside a meter's case: `no_std`, no heap, no I/O.
    pub(crate) portable: bool,
    /// The rooms that it may import, besides what its tests need.
    pub(crate) imports: &'static [&'static str],
}

/// Every room that there may be. A room that is not built yet has no folder; a folder that is not here is a finding.
pub(crate) const ROOMS: &[Room] = &[
    Room {
        name: "base",
        floor: 1,
        portable: true,
        imports: &[],
    },
    Room {
        name: "flash",
        floor: 2,
        portable: true,
        imports: &["base"],
    },
    Room {
        name: "metrology",
        floor: 2,
        portable: true,
        imports: &["base"],
    },
    Room {
        name: "mbus",
        floor: 2,
        portable: true,
        imports: &["base"],
    },
    Room {
        name: "cosem",
        floor: 2,
        portable: true,
        imports: &["base"],
    },
    Room {
        name: "dlms",
        floor: 3,
        portable: true,
        imports: &["base", "cosem"],
    },
    Room {
        name: "grid",
        floor: 4,
        portable: true,
        imports: &["base", "metrology"],
    },
    Room {
        name: "meter",
        floor: 4,
        portable: true,
        imports: &["base", "flash", "metrology", "mbus", "cosem", "dlms"],
    },
    // That our head-end reads our meter proves something only while they share the bytes alone.
    Room {
        name: "collector",
        floor: 4,
        portable: true,
        imports: &["base", "mbus", "cosem", "dlms"],
    },
    Room {
        name: "headend",
        floor: 5,
        portable: false,
        imports: &["base", "mbus", "cosem", "dlms", "collector"],
    },
    Room {
        name: "world",
        floor: 5,
        portable: false,
        imports: &[
            "base",
            "flash",
            "metrology",
            "mbus",
            "cosem",
            "dlms",
            "grid",
            "meter",
            "collector",
        ],
    },
    Room {
        name: "host",
        floor: 5,
        portable: false,
        imports: &["base", "flash", "metrology", "mbus", "cosem", "dlms", "grid", "meter"],
    },
    Room {
        name: "ferraris",
        floor: 6,
        portable: false,
        imports: &[
            "base",
            "flash",
            "metrology",
            "mbus",
            "cosem",
            "dlms",
            "grid",
            "meter",
            "collector",
            "headend",
            "world",
            "host",
        ],
    },
    Room {
        name: "xtask",
        floor: 7,
        portable: false,
        imports: &[],
    },
];

/// One import of a room by another.
struct Edge {
    from: String,
    to: String,
    /// Only its tests, examples and benches import it.
    in_tests: bool,
}

pub(super) fn edges(house: &Workspace) -> Result<Vec<Finding>, String> {
    let (names, edges) = drawn(&house.metadata)?;
    Ok(judge(&names, &edges))
}

/// The rooms and edges that `cargo metadata` shows.
fn drawn(metadata: &Value) -> Result<(Vec<String>, Vec<Edge>), String> {
    let packages = metadata["packages"]
        .as_array()
        .ok_or("cargo metadata lists no packages")?;
    let (mut names, mut edges) = (Vec::new(), Vec::new());
    for package in packages {
        let folder = package["manifest_path"]
            .as_str()
            .and_then(|path| path.rsplit('/').nth(1));
        let from = folder.ok_or("a package without a folder")?.to_owned();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if let Some(path) = dependency["path"].as_str() {
                let to = path.rsplit('/').next().unwrap_or(path).to_owned();
                edges.push(Edge {
                    from: from.clone(),
                    to,
                    in_tests: dependency["kind"] == "dev",
                });
            }
        }
        names.push(from);
    }
    Ok((names, edges))
}

fn judge(names: &[String], edges: &[Edge]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in names {
        if room(name).is_none() {
            findings.push(Finding::new(
                format!("crates/{name}"),
                "is no room of the house; its floor is not known",
            ));
        }
    }
    for Edge { from, to, in_tests } in edges {
        let (Some(source), Some(goal)) = (room(from), room(to)) else {
            continue;
        };
        let allowed = source.imports.contains(&goal.name) || (*in_tests && goal.floor <= source.floor);
        if !allowed {
            findings.push(Finding::new(format!("crates/{from}"), format!("imports {to}")));
        }
    }
    findings
}

fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

#[cfg(test)]
mod tests {
    use super::{Edge, ROOMS, Value, drawn, judge, room};

    fn check(from: &str, to: &str, in_tests: bool, allowed: bool) {
        let edge = Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            in_tests,
        };
        assert_eq!(judge(&[], &[edge]).is_empty(), allowed, "{from} -> {to}");
    }

    #[test]
    fn an_arrow_that_points_up_or_across_is_found() {
        check("dlms", "cosem", false, true);
        check("dlms", "meter", false, false);
        check("dlms", "flash", false, false);
        check("flash", "metrology", false, false);
        check("grid", "meter", false, false);
        check("headend", "meter", false, false);
        check("collector", "flash", false, false);
        check("host", "ferraris", false, false);
        check("base", "base", false, false);
    }

    #[test]
    fn tests_may_import_peers_but_nothing_above() {
        check("metrology", "flash", true, true);
        check("dlms", "flash", true, true);
        check("cosem", "dlms", true, false);
        check("meter", "host", true, false);
    }

    #[test]
    fn an_unknown_room_is_found() {
        assert_eq!(judge(&["helpers".to_owned()], &[]).len(), 1);
        assert!(judge(&["base".to_owned()], &[]).is_empty());
    }

    #[test]
    fn the_table_itself_points_down() {
        for room_here in ROOMS {
            for import in room_here.imports {
                let goal = room(import).expect("every import is a room");
                assert!(goal.floor < room_here.floor, "{} -> {import}", room_here.name);
                assert!(
                    !room_here.portable || goal.portable,
                    "{} leans on {import}",
                    room_here.name
                );
            }
        }
    }

    #[test]
    fn edges_are_read_from_what_cargo_says() {
        let metadata: Value = serde_json::json!({ "packages": [{
            "manifest_path": "somewhere/crates/dlms/Cargo.toml",
            "dependencies": [
                { "name": "ferraris-cosem", "path": "somewhere/crates/cosem", "kind": null },
                { "name": "ferraris-meter", "path": "somewhere/crates/meter", "kind": null },
                { "name": "ferraris-flash", "path": "somewhere/crates/flash", "kind": "dev" },
                { "name": "heapless", "path": null, "kind": null },
            ],
        }] });
        let (names, edges) = drawn(&metadata).expect("well-formed");
        assert_eq!((names.len(), edges.len()), (1, 3));
        let said: Vec<String> = judge(&names, &edges).into_iter().map(|finding| finding.what).collect();
        assert_eq!(said, ["imports meter"]);
    }
}
