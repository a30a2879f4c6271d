//! A meter and a client of one suite that know each other: the order of the one, the keys file of the other, certificates
//! of both under one trust anchor.

use base::{Civil, Utc};
use dlms::security::{ASYMMETRIC, CERTIFICATE_MAX, Curve, Issue, PrivateKey, PublicKey, Purpose, Suite, generate};

use crate::command::Bench;
use crate::running::Scratch;

pub(crate) const PASSWORD: &str = "party-pass";
/// Mechanism 2 takes no longer one than a key of AES-128.
pub(crate) const SECRET: &str = "party-secret-123";

/// The meter with serial number 40200001, as `ferraris meter --json` says it.
const METER_TITLE: &str = "4652526712656741";
const CLIENT_TITLE: &str = "5041520000000001";

/// A meter of this suite at work, and `client.toml` in its scratch. `order` is added to the order of the meter.
pub(crate) fn party(suite: u8, order: &str) -> Bench {
    let scratch = Scratch::new();
    let folder = scratch.join("certificates");
    std::fs::create_dir_all(&folder).expect("a folder");
    let key = |from: u8| -> String {
        let length = if suite == 2 { 32 } else { 16 };
        (from..).take(length).map(|octet| format!("{octet:02X}")).collect()
    };
    let mut common = format!("suite = {suite}\npassword = \"{PASSWORD}\"\nhls_secret = \"{SECRET}\"\n");
    for (name, from) in [("encryption", 0x10), ("authentication", 0x50), ("master", 0x90)] {
        common += &format!("{name}_key = \"{}\"\n", key(from));
    }
    let mut meter = format!("{order}\nserial = 40200001\n[management]\nold_mechanisms = true\n{common}");
    let mut client = format!("client_system_title = \"{CLIENT_TITLE}\"\n{common}");
    if let Some(curve) = Suite::from_id(suite).and_then(Curve::of) {
        let mut seed = 1;
        let (root, _) = pair(curve, &mut seed);
        let root_public = ASYMMETRIC.public_key(&root).expect("it is a key");
        let write = |name: &str, subject: &str, public: &PublicKey, purpose| {
            std::fs::write(folder.join(name), certificate(&root, subject, public, purpose)).expect("written");
        };
        write("0-root.der", "Party Root", &root_public, None);
        for (side, title, file) in [
            ("meter", METER_TITLE, &mut meter),
            ("client", CLIENT_TITLE, &mut client),
        ] {
            for (what, purpose) in [("signing", Purpose::Signature), ("agreement", Purpose::Agreement)] {
                let (private, public) = pair(curve, &mut seed);
                write(&format!("1-{side}-{what}.der"), title, &public, Some(purpose));
                *file += &format!("{what}_key = \"{}\"\n", hexadecimal(private.octets()));
            }
        }
        for what in ["signing", "agreement"] {
            client += &format!("meter_{what}_certificate = \"certificates/1-meter-{what}.der\"\n");
        }
        client += "certificate = \"certificates/1-client-signing.der\"\n";
        meter += &format!("certificates = \"{}\"\n", folder.display());
    }
    std::fs::write(scratch.join("order.toml"), meter).expect("written");
    std::fs::write(scratch.join("client.toml"), client).expect("written");
    let order = scratch.join("order.toml").display().to_string();
    let bench = Bench::begin_in(scratch, &["--config", &order]);
    assert_eq!(bench.meter.says["system_title"], METER_TITLE);
    bench
}

fn pair(curve: Curve, seed: &mut u8) -> (PrivateKey, PublicKey) {
    *seed += 1;
    let first = *seed;
    generate(ASYMMETRIC, curve, &mut |octets| {
        for (octet, number) in octets.iter_mut().zip(first..) {
            *octet = number;
        }
    })
    .expect("a small number is a private key")
}

fn certificate(root: &PrivateKey, subject: &str, public: &PublicKey, purpose: Option<Purpose>) -> Vec<u8> {
    let year = |year| -> Utc { Civil::new(year, 1, 1, 0, 0, 0).expect("a date").utc() };
    let issue = Issue {
        serial: &[1, purpose.map_or(0, Purpose::id)],
        issuer: "Party Root",
        subject,
        from: year(2000),
        to: year(2099),
        public,
        purpose,
    };
    let mut octets = [0; CERTIFICATE_MAX];
    let length = issue.emit(ASYMMETRIC, root, &mut octets).expect("it fits");
    octets[..length].to_vec()
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}
