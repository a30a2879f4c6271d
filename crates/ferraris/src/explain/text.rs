//! The explanation as text: a line for each piece, its place and octets to the left.

use core::fmt::Write as _;

use super::tree::Node;
use crate::hex::hex;

/// Octets that a line shows before it stops.
const SHOWN: usize = 8;

/// Appends a message.
pub(crate) fn print(out: &mut String, title: &str, octets: &[u8], node: &Node) {
    if !title.is_empty() {
        let _a_string_takes_all = writeln!(out, "{title}");
    }
    piece(out, octets, node, 0);
    out.push('\n');
}

fn piece(out: &mut String, octets: &[u8], node: &Node, depth: usize) {
    let own = node.octets.as_deref();
    let shown = if node.children.is_empty() && own.is_none() {
        octets.get(node.at.clone()).unwrap_or(&[])
    } else {
        &[]
    };
    let mut digits = hex(shown.get(..shown.len().min(SHOWN)).unwrap_or(shown));
    if SHOWN < shown.len() {
        digits.push_str("..");
    }
    let place = if own.is_some() {
        "    ".to_owned()
    } else {
        format!("{:04X}", node.at.start)
    };
    let mut line = format!("  {place}  {digits:<18}  {:width$}{}", "", node.name, width = 2 * depth);
    if let Some(value) = node.value.as_deref().filter(|value| !value.is_empty()) {
        let _a_string_takes_all = write!(line, ": {value}");
    }
    out.push_str(line.trim_end());
    out.push('\n');
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        // From here on places count in these octets.
        for (row, chunk) in own.chunks(32).enumerate().take(4) {
            let more = if row == 3 && 4 * 32 < own.len() { ".." } else { "" };
            let _a_string_takes_all = writeln!(
                out,
                "        {:18}  {:width$}{}{more}",
                "",
                "",
                hex(chunk),
                width = 2 * depth + 2
            );
        }
    }
    for child in &node.children {
        piece(out, own.unwrap_or(octets), child, depth + 1);
    }
    if let Some(fault) = &node.fault {
        let _a_string_takes_all = writeln!(
            out,
            "        {:18}  {:width$}WRONG: {fault}",
            "",
            "",
            width = 2 * depth + 2
        );
    }
}
