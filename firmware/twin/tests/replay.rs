//! The twin test would find a difference: a life lived again leaves the same trace, and one with a single octet changed does not.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn twin(words: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_twin"))
        .args(words)
        .output()
        .expect("the twin starts")
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn replay(script: &[u8], name: &str) -> Result<Vec<u8>, String> {
    let (file, trace) = (scratch(&format!("{name}.script")), scratch(&format!("{name}.trace")));
    std::fs::write(&file, script).expect("a scratch file");
    let output = twin(&[Path::new("replay"), &file, &trace]);
    if output.status.success() {
        Ok(std::fs::read(trace).expect("a trace"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn a_life_lived_again_is_the_same_and_one_octet_makes_another() {
    let (script, trace) = (scratch("life.script"), scratch("life.trace"));
    assert!(twin(&[Path::new("record"), &script, &trace]).status.success());
    let (script, trace) = (
        std::fs::read(script).expect("a script"),
        std::fs::read(trace).expect("a trace"),
    );
    let text = String::from_utf8_lossy(&trace);
    for kind in [
        "booted",
        "measured",
        "spectrum",
        "distortion",
        // Supply quality: a dip, a swell, an interruption and their ends, and what the tick of ten minutes ended.
        "Began(VoltageEvent { kind: Dip",
        "Began(VoltageEvent { kind: Swell",
        "Began(VoltageEvent { kind: Interruption",
        "Ended(VoltageEvent",
        "aggregate",
        "pulse",
        "frame Hdlc",
        "frame Wrapper",
        "switch open",
        "switch closed",
        "display",
        "program",
        "erase",
        "converter",
        "fault",
    ] {
        assert!(text.contains(kind), "no `{kind}` in the trace");
    }
    assert!(replay(&script, "again").is_ok_and(|again| again == trace));

    // In the middle of the samples: a bit of one frame. Its checksum finds it, and the frame is bridged.
    let mut changed = script.clone();
    let place = frames_behind(&script, script.len() / 2) + 40;
    changed[place] ^= 0x10;
    assert!(replay(&changed, "changed").is_ok_and(|other| other != trace));

    // A script that is cut ends with words.
    let cut = &script[..script.len() - 3];
    assert!(replay(cut, "cut").is_err_and(|why| why.contains("twin: ")));
}

/// Where the first entry of converter frames behind `place` begins: an entry is its kind, an instant, a length, and so many octets.
fn frames_behind(script: &[u8], place: usize) -> usize {
    let mut at = 0;
    while at < place || script[at] != 1 {
        at += 11 + usize::from(u16::from_be_bytes([script[at + 9], script[at + 10]]));
    }
    at
}
