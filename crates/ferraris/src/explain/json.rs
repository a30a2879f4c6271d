//! The explanation as JSON: the tree as it is.

use serde_json::{Map, Value, json};

use super::tree::Node;
use crate::hex::hex;

/// A message: where it comes from, its octets, its pieces.
pub(crate) fn message(source: &str, octets: &[u8], node: &Node) -> Value {
    json!({ "source": source, "octets": hex(octets), "explanation": piece(node) })
}

fn piece(node: &Node) -> Value {
    let mut map = Map::new();
    map.insert("name".into(), node.name.clone().into());
    map.insert("offset".into(), node.at.start.into());
    map.insert("length".into(), node.at.len().into());
    if let Some(value) = &node.value {
        map.insert("value".into(), value.clone().into());
    }
    if let Some(octets) = &node.octets {
        map.insert("octets".into(), hex(octets).into());
    }
    if let Some(fault) = &node.fault {
        map.insert("fault".into(), fault.clone().into());
    }
    if !node.children.is_empty() {
        map.insert("pieces".into(), node.children.iter().map(piece).collect());
    }
    Value::Object(map)
}
