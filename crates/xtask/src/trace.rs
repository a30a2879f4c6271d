//! What a meter wrote down of its conversations with foreign clients is read back: by `ferraris explain`, and by tshark with our dissector.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::virtual_meter::binary;
use crate::workspace::Workspace;

/// What the dissector says of a packet that it cannot read.
const BROKEN: &[&str] = &[
    "dlms.malformed",
    "dlms_hdlc.check.bad",
    "_ws.lua.error",
    "_ws.malformed",
];

/// How often each APDU tag was seen.
type Tally = BTreeMap<u8, usize>;

/// Checks the capture `path` of a meter that listened at these ports; answers how many things held.
pub(crate) fn check(house: &Workspace, path: &Path, says: &Value) -> Result<u64, String> {
    let explained = explain(house, path)?;
    let count: usize = explained.values().sum();
    if count < 100 {
        return Err(format!("{}: only {count} APDUs were written down", path.display()));
    }
    println!("ok     trace: ferraris explain reads {count} APDUs to their end");
    let dissected = dissect(house, path, says)?;
    if explained != dissected {
        return Err(format!(
            "{}: explain and the Wireshark dissector do not see the same APDUs\n  explain {explained:X?}\n  tshark  {dissected:X?}",
            path.display()
        ));
    }
    println!("ok     trace: tshark with wireshark/dlms.lua sees the same APDUs, none malformed");
    Ok(2)
}

fn explain(house: &Workspace, path: &Path) -> Result<Tally, String> {
    let mut child = Command::new(binary(house))
        .arg("explain")
        .arg(path)
        .args(["--format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| format!("ferraris explain does not start: {why}"))?;
    let mut tally = Tally::new();
    if let Some(said) = child.stdout.take() {
        count(BufReader::new(said), &mut tally)?;
    }
    let status = child.wait().map_err(|why| format!("ferraris explain: {why}"))?;
    if status.success() {
        Ok(tally)
    } else {
        Err(format!("ferraris explain ended with {status}"))
    }
}

/// Counts the APDUs of an array of messages as it comes, since the whole of a long trace is half a gigabyte. The lines of
/// a message are indented by two spaces and more.
fn count(said: impl BufRead, tally: &mut Tally) -> Result<(), String> {
    let mut message = String::new();
    for line in said.lines() {
        let line = line.map_err(|why| format!("ferraris explain: {why}"))?;
        if line.is_empty() || line.starts_with(['[', ']']) {
            continue;
        }
        match line.as_str() {
            "  }" | "  }," => {
                message.push('}');
                let value: Value = serde_json::from_str(&message).map_err(|why| format!("ferraris explain: {why}"))?;
                let octets = value.get("octets").and_then(Value::as_str).unwrap_or_default();
                apdus(&value["explanation"], octets, tally);
                message.clear();
            }
            _ => message.push_str(line.trim_start()),
        }
    }
    match message.as_str() {
        "" => Ok(()),
        rest => Err(format!("ferraris explain: a message has no end: {rest}")),
    }
}

/// Counts the APDUs of a tree, but not those within others.
fn apdus(piece: &Value, octets: &str, tally: &mut Tally) {
    let octets = piece.get("octets").and_then(Value::as_str).unwrap_or(octets);
    for inner in piece.get("pieces").and_then(Value::as_array).into_iter().flatten() {
        if inner.get("name").and_then(Value::as_str) != Some("APDU") {
            apdus(inner, octets, tally);
            continue;
        }
        let at = inner
            .get("offset")
            .and_then(Value::as_u64)
            .and_then(|at| usize::try_from(at).ok());
        let tag = at
            .and_then(|at| octets.get(2 * at..2 * at + 2))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(tag) = tag {
            *tally.entry(tag).or_default() += 1;
        }
    }
}

fn dissect(house: &Workspace, path: &Path, says: &Value) -> Result<Tally, String> {
    let port = |name: &str| {
        let address = says.get(name).and_then(Value::as_str).unwrap_or_default();
        address.rsplit(':').next().unwrap_or_default().to_owned()
    };
    let script = format!("lua_script:{}", house.root.join("wireshark/dlms.lua").display());
    let fields = ["frame.number", "dlms.apdu"].iter().chain(BROKEN);
    let said = output(
        Command::new("tshark")
            .args(["-X", &script, "-r"])
            .arg(path)
            .args(["-d", &format!("tcp.port=={},dlms_wrapper", port("wrapper"))])
            .args(["-d", &format!("tcp.port=={},dlms_hdlc", port("hdlc"))])
            .args(["-Y", &format!("dlms || {}", BROKEN.join(" || ")), "-T", "fields"])
            .args(fields.flat_map(|field| ["-e", field]))
            .stderr(Stdio::null()),
    )?;
    let mut tally = Tally::new();
    for line in said.lines() {
        let mut columns = line.split('\t');
        let (packet, tags) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        if columns.any(|said| !said.is_empty()) {
            return Err(format!(
                "{}: the dissector finds packet {packet} malformed",
                path.display()
            ));
        }
        for tag in tags.split(',') {
            let tag = tag.trim().trim_start_matches("0x");
            let Ok(tag) = u8::from_str_radix(tag, 16) else { continue };
            // Initiate APDUs stand within those of the association.
            if !matches!(tag, 0x01 | 0x08 | 0x21 | 0x28) {
                *tally.entry(tag).or_default() += 1;
            }
        }
    }
    Ok(tally)
}

/// What a command prints; one that fails says why.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("{program} does not start: {why}"))?;
    if !output.status.success() {
        return Err(format!(
            "{program} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|why| format!("{program}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::{Tally, count};

    #[test]
    fn messages_are_counted_one_by_one() {
        let message = |tag: &str, end: &str| {
            format!(
                "  {{\n    \"octets\": \"0001{tag}\",\n    \"explanation\": {{\n      \"pieces\": [\n        {{\n          \
                 \"name\": \"APDU\",\n          \"offset\": 2\n        }}\n      ]\n    }}\n{end}\n"
            )
        };
        let text = format!(
            "[\n{}{}{}]\n",
            message("C0", "  },"),
            message("C4", "  },"),
            message("C0", "  }")
        );
        let mut tally = Tally::new();
        count(text.as_bytes(), &mut tally).expect("three messages");
        assert_eq!(tally, Tally::from([(0xC0, 2), (0xC4, 1)]));
        assert!(
            count(message("C0", "").as_bytes(), &mut tally).is_err(),
            "it has no end"
        );
    }
}
