//! `ferraris explain` as a user meets it: octets in, words out, exit codes.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose files cannot be written or read has failed"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

fn explain<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Outcome {
    let output = Command::new(env!("CARGO_BIN_EXE_ferraris"))
        .arg("explain")
        .args(arguments)
        .output()
        .expect("the command starts");
    Outcome {
        code: output.status.code().expect("the command ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

fn place(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// The octets of a file of published vectors, by their name.
fn vectors(file: &str, field: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(place("../dlms/vectors").join(file)).unwrap();
    let mut name = String::new();
    let mut vectors = Vec::new();
    for line in text.lines() {
        if let Some(field_line) = line.strip_prefix("  ") {
            match field_line.split_once(' ') {
                Some((found, octets)) if found == field && !octets.trim().is_empty() => {
                    vectors.push((name.clone(), octets.trim().to_owned()));
                }
                _ => {}
            }
        } else if !line.starts_with('#') && !line.is_empty() {
            line.clone_into(&mut name);
        }
    }
    vectors
}

/// Every published frame and APDU is explained to its end.
#[test]
fn published_vectors_are_explained_to_their_end() {
    let mut count = 0;
    for file in ["acse.txt", "hdlc.txt", "wrapper.txt", "xdlms.txt"] {
        for (name, octets) in vectors(file, "octets") {
            // Digits for the check sum; and modulo-128 numbering and short names, which the family does not have.
            if ["crc-x25-check", "snrme-w20", "aare-ctx2"].contains(&name.as_str()) {
                continue;
            }
            let outcome = explain(&[&octets]);
            assert_eq!(outcome.code, 0, "{file} {name}: {}{}", outcome.stdout, outcome.stderr);
            assert!(!outcome.stdout.contains("WRONG"), "{name}: {}", outcome.stdout);
            count += 1;
        }
    }
    assert!(30 < count, "{count} vectors were found");
}

const KEYS: &str = r#"
[[keys]]
name = "the standard's example"
meter_title = "4D4D4D0000BC614E"
client_title = "4D4D4D0000BC614E"
encryption_key = "000102030405060708090A0B0C0D0E0F"
authentication_key = "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"
"#;

/// The text, JSON and XML of a session, from sign-on to release, golden.
#[test]
fn a_session_is_explained_as_the_golden_files_say() {
    let folder = std::env::temp_dir().join(format!("ferraris-explain-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (keys, session) = (folder.join("keys.toml"), folder.join("session.txt"));
    std::fs::write(&keys, KEYS).unwrap();
    std::fs::write(
        &session,
        std::fs::read_to_string(place("tests/explain/session.txt")).unwrap(),
    )
    .unwrap();
    for format in ["text", "json", "xml"] {
        let outcome = explain(&[
            session.as_os_str(),
            "--keys".as_ref(),
            keys.as_os_str(),
            "--format".as_ref(),
            format.as_ref(),
        ]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let golden = place("tests/golden").join(format!("explain.{format}"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
            std::fs::write(&golden, &outcome.stdout).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(
            expected == outcome.stdout,
            "{} is not what the command prints; run with UPDATE=1 and look at the difference",
            golden.display()
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Each ciphered vector of suite 0 opens with its keys and says so.
#[test]
fn ciphered_vectors_open() {
    let folder = std::env::temp_dir().join(format!("ferraris-explain-keys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let keys = folder.join("keys.toml");
    std::fs::write(&keys, KEYS).unwrap();
    let opened: usize = vectors("suite0.txt", "apdu")
        .iter()
        .map(|(_, octets)| explain(&[octets.as_ref(), "--keys".as_ref(), keys.as_os_str()]))
        .filter(|outcome| {
            outcome.code == 0
                && outcome
                    .stdout
                    .contains("with the global unicast key of the standard's example")
        })
        .count();
    assert!(3 <= opened, "{opened} opened");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Keys that both ends agreed on, in one pass and static, of both curves, as another implementation sealed with them; and words for what is
/// missing. V.44 is told, not guessed at.
#[test]
fn agreed_keys_are_computed_from_private_keys() {
    let folder = std::env::temp_dir().join(format!("ferraris-explain-agreed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let field = |id: &str, name: &str| {
        let found = vectors("general-peer.txt", name).into_iter().find(|(it, _)| it == id);
        found.expect("the vector has it").1
    };
    let file = folder.join("keys.toml");
    for (id, how) in [
        ("gurux-net-suite1-general-ciphering", "agreed on in one pass"),
        ("gurux-net-suite2-general-ciphering", "agreed on in one pass"),
        ("gurux-net-suite1-static-unified", "between the static keys"),
        ("gurux-net-suite2-static-unified", "between the static keys"),
    ] {
        let entry = |with_keys: bool| {
            let mut text = format!(
                "[[keys]]\nname = \"the peer\"\nauthentication_key = \"{}\"\n",
                field(id, "ak")
            );
            if with_keys {
                text += &format!("client_agreement_key = \"{}\"\n", field(id, "originator_ka_private"));
                text += &format!("meter_agreement_key = \"{}\"\n", field(id, "recipient_ka_private"));
            }
            text
        };
        for (with_keys, says) in [(true, how), (false, "the key file needs client_agreement_key")] {
            std::fs::write(&file, entry(with_keys)).unwrap();
            let outcome = explain(&[field(id, "apdu").as_ref(), "--keys".as_ref(), file.as_os_str()]);
            assert_eq!(outcome.code, 0, "{id}: {}", outcome.stderr);
            assert!(outcome.stdout.contains(says), "{id}: {}", outcome.stdout);
            // The GET inside of it, of the logical device name.
            assert_eq!(
                outcome.stdout.contains("0-0:42.0.0"),
                with_keys,
                "{id}: {}",
                outcome.stdout
            );
        }
    }
    std::fs::write(&file, "[[keys]]\nmeter_agreement_key = \"0102\"").unwrap();
    let outcome = explain(&[
        "C001C100010000800000FF0200".as_ref(),
        "--keys".as_ref(),
        file.as_os_str(),
    ]);
    assert!(outcome.stderr.contains("32 octets (P-256)"), "{}", outcome.stderr);
    let compressed = explain(&["DB084D4D4D0000BC614F 0A 80 00000001 0011223344"]);
    assert!(
        compressed
            .stdout
            .contains("compressed with ITU-T V.44, which is not undone here"),
        "{}",
        compressed.stdout
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let check = |arguments: &[&str], code: i32, says: &str| {
        let outcome = explain(arguments);
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert_eq!(outcome.code, code, "{said}");
        assert!(said.contains(says), "{said}");
    };
    // usage
    check(
        &["nonsense"],
        2,
        "neither a file nor hexadecimal digits: 'n' at character 1",
    );
    check(&["7EA"], 2, "odd number");
    check(&[], 2, "required");
    check(&["00", "--keys", "/nowhere/keys.toml"], 1, "/nowhere/keys.toml");
    // octets
    check(&["7EA00802232193BD657E"], 1, "the frame check is wrong");
    check(&["7EA00802232193BD"], 1, "10 octets are due, but only 8 are there");
    check(&["C001C100010000800000FF"], 1, "1 octets should follow at 000B");
    check(&["C001C100010000800000FF020042"], 1, "1 octets are left over at 000D");
    check(&["C401C100 0102 0600"], 1, "4 octets should follow at 0007");
    check(&["C401C1000700"], 1, "07 at 0004 is no data type");
    // a key is missing, which is nobody's mistake
    check(
        &["DB084D4D4D0000BC614F 15 30 00000001 00112233445566778899AABBCCDDEEFF"],
        0,
        "none of the keys opens it",
    );
}
