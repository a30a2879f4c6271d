//! The explanation in the XML form of the DLMS UA's schema (`http://www.dlms.com/COSEMpdu`), whose element names are those of the ASN.1.
//!
//! Frames have no elements there: each message is one APDU. What could be deciphered stands in the place of what hid it, with a comment.

use super::tree::{Node, Xml};

/// The name space of the schema.
const NAME_SPACE: &str = "http://www.dlms.com/COSEMpdu";

/// The head of a document.
pub(crate) const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// Appends the APDUs of a message, each as an element of its own.
pub(crate) fn print(out: &mut String, title: &str, node: &Node) {
    for apdu in apdus(node) {
        if !title.is_empty() {
            comment(out, 0, title);
        }
        let association = matches!(apdu.children.first(), Some(child) if matches!(child.xml, Xml::Element("aarq" | "aare" | "rlrq" | "rlre")));
        let root = if association { "aCSE-APDU" } else { "xDLMS-APDU" };
        out.push_str(&format!("<x:{root} xmlns:x=\"{NAME_SPACE}\">\n"));
        for child in &apdu.children {
            element(out, child, 1);
        }
        if let Some(fault) = apdu.first_fault() {
            comment(out, 1, &format!("wrong: {fault}"));
        }
        out.push_str(&format!("</x:{root}>\n"));
    }
}

/// The APDUs of a message, as they came.
fn apdus(node: &Node) -> Vec<&Node> {
    if node.name == "APDU" {
        return vec![node];
    }
    node.children.iter().flat_map(apdus).collect()
}

fn element(out: &mut String, node: &Node, depth: usize) {
    let indent = "  ".repeat(depth);
    match &node.xml {
        Xml::Hidden => {}
        Xml::Through => node.children.iter().for_each(|child| element(out, child, depth)),
        Xml::Text(name, text) => out.push_str(&format!("{indent}<x:{name}>{}</x:{name}>\n", escape(text))),
        Xml::Element(name) => {
            let mut inside = String::new();
            node.children
                .iter()
                .for_each(|child| element(&mut inside, child, depth + 1));
            if inside.is_empty() {
                out.push_str(&format!("{indent}<x:{name} />\n"));
            } else {
                out.push_str(&format!("{indent}<x:{name}>\n{inside}{indent}</x:{name}>\n"));
            }
        }
        Xml::Instead(name) => instead(out, node, name, depth),
    }
}

/// A ciphered APDU: what is inside when it was opened, else its octets.
fn instead(out: &mut String, node: &Node, name: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    if let Some(inside) = node.children.iter().find(|child| child.name == "deciphered") {
        let how = inside.value.as_deref().unwrap_or_default();
        comment(out, depth, &format!("{name}: {how}"));
        element(out, inside, depth);
        return;
    }
    let visible: Vec<&Node> = node.children.iter().filter(|child| child.xml != Xml::Hidden).collect();
    if let [only] = visible.as_slice()
        && let Xml::Text(_, text) = &only.xml
    {
        out.push_str(&format!("{indent}<x:{name}>{text}</x:{name}>\n"));
        return;
    }
    out.push_str(&format!("{indent}<x:{name}>\n"));
    node.children.iter().for_each(|child| element(out, child, depth + 1));
    out.push_str(&format!("{indent}</x:{name}>\n"));
}

fn comment(out: &mut String, depth: usize, text: &str) {
    // Two dashes end a comment.
    out.push_str(&format!(
        "{}<!-- {} -->\n",
        "  ".repeat(depth),
        escape(&text.replace("--", "- -"))
    ));
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML has no form for the other control characters.
            control if control.is_control() && !matches!(control, '\t' | '\n' | '\r') => escaped.push('\u{FFFD}'),
            other => escaped.push(other),
        }
    }
    escaped
}
