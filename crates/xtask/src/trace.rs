//! What a meter wrote down of its conversations with foreign clients is read back: by `ferraris explain`, and by tshark with our dissector.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::virtual_meter::binary;
use crate::workspace::Workspace;

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
    let json = output(
        Command::new(binary(house))
            .arg("explain")
            .arg(path)
            .args(["--format", "json"]),
    )?;
    let messages: Value = serde_json::from_str(&json).map_err(|why| format!("ferraris explain: {why}"))?;
    let mut tally = Tally::new();
    for message in messages.as_array().into_iter().flatten() {
        let octets = message.get("octets").and_then(Value::as_str).unwrap_or_default();
        apdus(&message["explanation"], octets, &mut tally);
    }
    Ok(tally)
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
    let tshark = |filter: &str, field: &str| {
        output(
            Command::new("tshark")
                .args(["-X", &script, "-r"])
                .arg(path)
                .args(["-d", &format!("tcp.port=={},dlms_wrapper", port("wrapper"))])
                .args(["-d", &format!("tcp.port=={},dlms_hdlc", port("hdlc"))])
                .args(["-Y", filter, "-T", "fields", "-e", field])
                .stderr(Stdio::null()),
        )
    };
    let broken = tshark(
        "dlms.malformed || dlms_hdlc.check.bad || _ws.lua.error || _ws.malformed",
        "frame.number",
    )?;
    if let Some(first) = broken.lines().next() {
        return Err(format!(
            "{}: the dissector finds packet {first} malformed",
            path.display()
        ));
    }
    let mut tally = Tally::new();
    for tag in tshark("dlms", "dlms.apdu")?.lines().flat_map(|line| line.split(',')) {
        let tag = tag.trim().trim_start_matches("0x");
        let Ok(tag) = u8::from_str_radix(tag, 16) else { continue };
        // Initiate APDUs stand within those of the association.
        if !matches!(tag, 0x01 | 0x08 | 0x21 | 0x28) {
            *tally.entry(tag).or_default() += 1;
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
