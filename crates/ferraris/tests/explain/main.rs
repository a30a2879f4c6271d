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
    // The compact arrays of `vectors.md` as values of a GET, and those that are none; general blocks, each by itself.
    for (octets, code) in [
        ("131206000100020304", 0),
        ("130202120306000501000600", 0),
        ("1301000211020102", 0),
        ("13090402616200", 0),
        ("131200", 0),
        ("131203000100", 1),
        ("130700", 1),
        ("131300", 1),
    ] {
        let outcome = explain(&[&format!("C401C100{octets}")]);
        assert_eq!(outcome.code, code, "{octets}: {}{}", outcome.stdout, outcome.stderr);
    }
    for octets in [
        "E00500010000820002C402",
        "E0850001000100",
        "E045000200018200020102",
        "E0810002000300",
        "E001000400028200020506",
    ] {
        assert_eq!(explain(&[octets]).code, 0, "{octets}");
    }
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
    check(
        &["7EA00802232193BD647F"],
        1,
        "7F where the flag 7E must close its 10 octets",
    );
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

/// A conversation over TCP as Ethernet packets, in the forms that captures have.
mod captures {
    pub(crate) const SAID: [(bool, &str); 4] = [
        (
            true,
            "000100100001001F601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0",
        ),
        (
            false,
            "000100010010002B6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F040000501F01F40007",
        ),
        (true, "000100100001000DC001C100010000800000FF0200"),
        (false, "0001000100100009C401C1000600001391"),
    ];

    fn octets(digits: &str) -> Vec<u8> {
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits"))
            .collect()
    }

    /// Packets of IPv4 without (`raw`) or with Ethernet around them.
    pub(crate) fn packets(udp: bool, raw: bool) -> Vec<Vec<u8>> {
        let mut sequences = [1_000_u32, u32::MAX - 40];
        let packet = |(up, said): &(bool, &str)| {
            let said = octets(said);
            let ports: [u16; 2] = if *up { [50_000, 4_059] } else { [4_059, 50_000] };
            let ports = ports.map(u16::to_be_bytes).concat();
            let transport = if udp {
                let length = u16::try_from(said.len() + 8).expect("short").to_be_bytes();
                [&ports[..], &length, &[0, 0], &said].concat()
            } else {
                let sequence = &mut sequences[usize::from(!up)];
                let head = [
                    &ports[..],
                    &sequence.to_be_bytes(),
                    &[0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0],
                ]
                .concat();
                *sequence = sequence.wrapping_add(u32::try_from(said.len()).expect("short"));
                [&head[..], &said].concat()
            };
            let length = u16::try_from(transport.len() + 20).expect("short").to_be_bytes();
            let ends: [u8; 8] = if *up {
                [10, 0, 0, 1, 10, 0, 0, 2]
            } else {
                [10, 0, 0, 2, 10, 0, 0, 1]
            };
            let protocol = if udp { 17 } else { 6 };
            let ip = [
                &[0x45, 0][..],
                &length,
                &[0, 1, 0, 0, 64, protocol, 0, 0],
                &ends,
                &transport,
            ]
            .concat();
            let ethernet: &[u8] = if raw {
                &[]
            } else {
                &[1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0]
            };
            [ethernet, &ip].concat()
        };
        SAID.iter().map(packet).collect()
    }

    pub(crate) struct Form {
        pub(crate) big: bool,
        pub(crate) nanoseconds: bool,
    }

    impl Form {
        fn four(&self, number: u32) -> [u8; 4] {
            if self.big {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        }

        fn two(&self, number: u16) -> [u8; 2] {
            if self.big {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        }

        pub(crate) fn pcap(&self, link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
            let magic = if self.nanoseconds { 0xA1B2_3C4D } else { 0xA1B2_C3D4 };
            let versions = [self.two(2), self.two(4)].concat();
            let head = [magic, 0, 0, 65_535, link].map(|number| self.four(number));
            let mut file = [&head[0][..], &versions, &head[1..].concat()].concat();
            for packet in packets {
                let length = u32::try_from(packet.len()).expect("short");
                file.extend(
                    [1_700_000_000, 5, length, length]
                        .map(|number| self.four(number))
                        .concat(),
                );
                file.extend(packet);
            }
            file
        }

        fn block(&self, kind: u32, mut body: Vec<u8>) -> Vec<u8> {
            body.resize(body.len().next_multiple_of(4), 0);
            let length = u32::try_from(body.len() + 12).expect("short");
            [&self.four(kind)[..], &self.four(length), &body, &self.four(length)].concat()
        }

        /// One section.
        pub(crate) fn pcapng(&self, link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
            let section = [&self.four(0x1A2B_3C4D)[..], &self.two(1), &self.two(0), &[0xFF; 8]].concat();
            let resolution = if self.nanoseconds { 9 } else { 6 };
            let options = [&self.two(9)[..], &self.two(1), &[resolution, 0, 0, 0], &[0; 4]].concat();
            let interface = [&self.two(link)[..], &self.two(0), &self.four(65_535), &options].concat();
            let mut file = [self.block(0x0A0D_0D0A, section), self.block(1, interface)].concat();
            for packet in packets {
                let stamp = 1_700_000_000_u64 * 10_u64.pow(u32::from(resolution));
                let length = u32::try_from(packet.len()).expect("short");
                let (high, low) = (u32::try_from(stamp >> 32), u32::try_from(stamp & 0xFFFF_FFFF));
                let head = [0, high.expect("32 bits"), low.expect("32 bits"), length, length];
                let body = [&head.map(|number| self.four(number)).concat()[..], packet].concat();
                file.extend(self.block(6, body));
            }
            file
        }
    }
}

/// Captures of both byte orders, in microseconds and nanoseconds, of TCP (whose sequence numbers wrap) and UDP; several sections in one
/// file; and cut at each octet: what is whole is explained, that the rest is missing is said, and the command fails.
#[test]
fn captures_of_every_form_are_explained_and_cut_ones_are_told() {
    let folder = std::env::temp_dir().join(format!("ferraris-explain-captures-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("capture");
    let check = |octets: &[u8]| {
        std::fs::write(&file, octets).unwrap();
        explain(&[file.as_os_str()])
    };
    let mut said = Vec::new();
    for (big, nanoseconds) in [(false, false), (true, false), (false, true), (true, true)] {
        let form = captures::Form { big, nanoseconds };
        for octets in [
            form.pcap(1, &captures::packets(false, false)),
            form.pcapng(1, &captures::packets(false, false)),
            form.pcap(101, &captures::packets(false, true)),
        ] {
            let outcome = check(&octets);
            assert_eq!(outcome.code, 0, "{}", outcome.stderr);
            assert!(outcome.stdout.contains("0-0:128.0.0"), "{}", outcome.stdout);
            assert!(outcome.stdout.contains("2023-11-14"), "{}", outcome.stdout);
            let times = outcome.stdout.matches("2023-11-14").count();
            assert_eq!(times, 4, "{}", outcome.stdout);
            said.push(outcome.stdout);
        }
        let outcome = check(&form.pcapng(1, &captures::packets(true, false)));
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    // A second section numbers its interfaces anew, and may have the other byte order.
    let (little, big) = (
        captures::Form {
            big: false,
            nanoseconds: false,
        },
        captures::Form {
            big: true,
            nanoseconds: true,
        },
    );
    let first = little.pcapng(1, &captures::packets(false, false));
    let outcome = check(&[first.clone(), big.pcapng(101, &captures::packets(true, true))].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("8 packets, 8 messages, 0 packets of other protocols"),
        "{}",
        outcome.stderr
    );
    // Cut anywhere, the steps being small enough to meet every field.
    for whole in [first, big.pcap(1, &captures::packets(false, false))] {
        let (mut fine, mut failed) = (0, 0);
        for cut in (4..whole.len()).step_by(5) {
            let outcome = check(&whole[..cut]);
            let told = outcome.stderr.contains("cut or damaged") || outcome.stderr.contains("nothing in it");
            match outcome.code {
                // Between two packets.
                0 => fine += 1,
                1 => {
                    assert!(told, "cut at {cut}: {}", outcome.stderr);
                    failed += 1;
                }
                code => panic!("cut at {cut}: {code}: {}", outcome.stderr),
            }
        }
        assert!(fine <= 4 && 70 < failed, "{fine} {failed}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
