//! The files of known octets under `vectors/`.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::path::Path;

pub(crate) type Fields = BTreeMap<String, Vec<u8>>;

pub(crate) fn octets(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits"))
        .collect()
}

pub(crate) fn vectors(group: &str) -> BTreeMap<String, Fields> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors")
        .join(group)
        .with_extension("txt");
    let text = std::fs::read_to_string(&path).expect("the vectors are there");
    let mut vectors = BTreeMap::<String, Fields>::new();
    let mut id = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            None => line.clone_into(&mut id),
            Some(field) => {
                let (name, hex) = field.split_once(' ').unwrap_or_else(|| (field.trim(), ""));
                vectors
                    .entry(id.clone())
                    .or_default()
                    .insert(name.to_owned(), octets(hex.trim()));
            }
        }
    }
    vectors
}
