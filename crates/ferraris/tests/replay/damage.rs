//! Damaged recordings of every format end in a result or a refusal, never in a crash, whatever bytes were hit.

use std::path::Path;

use super::{folder, replay, sample};

/// A small generator of chance, so that a run can be repeated from the seed it prints.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

/// Hits a file: bytes changed, removed, doubled, or the end cut.
fn damaged(content: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut content = content.to_vec();
    for _ in 0..=chance.below(3) {
        let place = chance.below(content.len().max(1));
        match chance.below(5) {
            0 => content.truncate(place),
            1 if !content.is_empty() => drop(content.remove(place)),
            2 => content.insert(place, b",\n-0e9\xff\x00"[chance.below(8)]),
            3 => content.extend_from_within(place..),
            _ => {
                if let Some(byte) = content.get_mut(place) {
                    *byte ^= 1 << chance.below(8);
                }
            }
        }
    }
    content
}

fn survives(file: &Path, what: &str) {
    let outcome = replay(&[file.to_str().unwrap(), "--json"]);
    assert!(
        outcome.code == 0 || outcome.code == 1,
        "{what}: exit code {}: {}",
        outcome.code,
        outcome.stderr
    );
    assert_eq!(outcome.stdout.is_empty(), outcome.code == 1, "{what}");
    if outcome.code == 0 {
        let result: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert!(result["registers"].is_object(), "{what}");
    }
}

#[test]
fn damage_anywhere_is_refused_or_measured() {
    let seed = 20_261_122;
    println!("seed {seed}");
    let mut chance = Chance(seed);
    let folder = folder("damage");
    // The file that is hit, and the one beside it.
    let pairs = [
        ("household.raw.json", Some("household.raw"), "household.raw"),
        ("household.raw", Some("household.raw.json"), "household.raw"),
        ("solar.csv", None, "solar.csv"),
        ("household_1991.cfg", Some("household_1991.dat"), "household_1991.cfg"),
        ("household_1991.dat", Some("household_1991.cfg"), "household_1991.cfg"),
        ("factory_1999.cfg", Some("factory_1999.dat"), "factory_1999.cfg"),
        ("factory_2013.dat", Some("factory_2013.cfg"), "factory_2013.cfg"),
        ("solar_2013.cff", None, "solar_2013.cff"),
    ];
    for (hit, beside, opened) in pairs {
        let whole = std::fs::read(sample(hit)).unwrap();
        if let Some(beside) = beside {
            std::fs::copy(sample(beside), folder.join(beside)).unwrap();
        }
        for round in 0..20 {
            // The first kilobyte is where headings are; half of the hits go there.
            let (head, tail) = whole.split_at(if round % 2 == 0 {
                whole.len().min(1_000)
            } else {
                whole.len()
            });
            let mut content = damaged(head, &mut chance);
            content.extend_from_slice(tail);
            std::fs::write(folder.join(hit), content).unwrap();
            survives(&folder.join(opened), &format!("{hit}, round {round}, seed {seed}"));
        }
    }
}
