//! Certificates: those of another writer are read and judged, those of ours too, and every octet counts.

mod known;

use base::{Civil, Utc};
use ferraris_dlms::security::{
    ASYMMETRIC, CERTIFICATE_MAX, Certificate, CertificateFault, Curve, Issue, PrivateKey, Purpose, Title, follow,
    generate, request,
};
use known::vectors;

const TITLE: Title = [0x4D, 0x4D, 0x4D, 0, 0, 0xBC, 0x61, 0x4E];

fn at(year: u16) -> Utc {
    Civil::new(year, 1, 1, 0, 0, 0).expect("a date").utc()
}

/// What a meter with these authorities says of a certificate.
fn judge(octets: &[u8], authorities: &[Vec<u8>], now: Option<Utc>, purpose: Purpose) -> Result<(), CertificateFault> {
    let leaf = Certificate::parse(octets)?;
    leaf.check_use(&TITLE, purpose)?;
    leaf.check_time(now)?;
    let mut list = |at: usize| Certificate::parse(authorities.get(at)?).ok();
    follow(&leaf, &mut list, now, ASYMMETRIC)
}

#[test]
fn certificates_of_another_writer_are_read_and_judged() {
    let vectors = vectors("certificates");
    assert_eq!(vectors.len(), 2);
    for (id, fields) in &vectors {
        let authority = [fields["ca"].clone()];
        let curve = if id == "p256" { Curve::P256 } else { Curve::P384 };
        let now = Some(at(2030));
        let root = Certificate::parse(&fields["ca"]).expect("a certificate");
        assert!(root.is_authority() && root.is_self_issued() && root.title().is_none());
        let private = PrivateKey::new(curve, &fields["private"]).expect("of the curve");
        for (name, purpose, other) in [
            ("ds", Purpose::Signature, Purpose::Agreement),
            ("ka", Purpose::Agreement, Purpose::Signature),
        ] {
            let octets = &fields[name];
            let leaf = Certificate::parse(octets).expect("a certificate");
            assert_eq!(Some(leaf.public), ASYMMETRIC.public_key(&private), "{id} {name}");
            assert_eq!((leaf.title(), leaf.purpose()), (Some(TITLE), Some(purpose)));
            assert_eq!(judge(octets, &authority, now, purpose), Ok(()), "{id} {name}");
            // Each failure by its name.
            assert_eq!(judge(octets, &authority, now, other), Err(CertificateFault::Usage));
            assert_eq!(judge(octets, &authority, None, purpose), Err(CertificateFault::NoTime));
            for year in [2020, 2060] {
                assert_eq!(
                    judge(octets, &authority, Some(at(year)), purpose),
                    Err(CertificateFault::Expired)
                );
            }
            assert_eq!(judge(octets, &[], now, purpose), Err(CertificateFault::Untrusted));
            let others: Vec<_> = vectors
                .iter()
                .filter(|(it, _)| *it != id)
                .map(|(_, it)| it["ca"].clone())
                .collect();
            assert_eq!(judge(octets, &others, now, purpose), Err(CertificateFault::Untrusted));
            // One of the same name that did not sign it.
            let [key, _] = [1, 2].map(|seed| keys(curve, seed));
            let same_name = issue("Test Root CA", "Test Root CA", &key.0, &key.1, None, (2020, 2049));
            assert_eq!(
                judge(octets, &[same_name], now, purpose),
                Err(CertificateFault::Untrusted)
            );
            // A certificate that may not vouch for anybody.
            assert_eq!(
                judge(octets, core::slice::from_ref(octets), now, purpose),
                Err(CertificateFault::Untrusted)
            );
        }
    }
}

fn keys(curve: Curve, seed: u8) -> (PrivateKey, ferraris_dlms::security::PublicKey) {
    generate(ASYMMETRIC, curve, &mut |out| out.fill(seed)).expect("a key")
}

fn issue(
    issuer: &str,
    subject: &str,
    authority: &PrivateKey,
    public: &ferraris_dlms::security::PublicKey,
    purpose: Option<Purpose>,
    years: (u16, u16),
) -> Vec<u8> {
    let mut out = [0; CERTIFICATE_MAX];
    let it = Issue {
        serial: &[0x80, 1],
        issuer,
        subject,
        from: at(years.0),
        to: at(years.1),
        public,
        purpose,
    };
    let length = it.emit(ASYMMETRIC, authority, &mut out).expect("it fits");
    out[..length].to_vec()
}

#[test]
fn a_chain_of_authorities_is_followed_to_its_anchor() {
    for curve in [Curve::P256, Curve::P384] {
        let [root, middle, lower, lowest, own] = [1, 2, 3, 4, 5].map(|seed| keys(curve, seed));
        let name = "4D4D4D0000BC614E";
        let anchor = issue("root", "root", &root.0, &root.1, None, (2020, 2060));
        let second = issue("root", "middle", &root.0, &middle.1, None, (2020, 2060));
        let third = issue("middle", "lower", &middle.0, &lower.1, None, (2020, 2060));
        let fourth = issue("lower", "lowest", &lower.0, &lowest.1, None, (2020, 2060));
        let old = issue("root", "middle", &root.0, &middle.1, None, (2020, 2024));
        let ds = Some(Purpose::Signature);
        let by = |issuer: &str, key: &PrivateKey| issue(issuer, name, key, &own.1, ds, (2020, 2060));
        let now = Some(at(2030));
        let check = |leaf: &[u8], authorities: &[&Vec<u8>], expected| {
            let authorities: Vec<_> = authorities.iter().map(|&it| it.clone()).collect();
            assert_eq!(judge(leaf, &authorities, now, Purpose::Signature), expected);
        };
        check(&by("root", &root.0), &[&anchor], Ok(()));
        check(&by("lower", &lower.0), &[&third, &anchor, &second], Ok(()));
        check(
            &by("lower", &lower.0),
            &[&anchor, &third],
            Err(CertificateFault::Untrusted),
        );
        check(
            &by("middle", &middle.0),
            &[&anchor, &old],
            Err(CertificateFault::Expired),
        );
        check(
            &by("middle", &root.0),
            &[&anchor, &second],
            Err(CertificateFault::Untrusted),
        );
        let too_long = by("lowest", &lowest.0);
        check(
            &too_long,
            &[&anchor, &second, &third, &fourth],
            Err(CertificateFault::Untrusted),
        );
        // Without the anchor, authorities vouch for nothing.
        check(&by("middle", &middle.0), &[&second], Err(CertificateFault::Untrusted));
        let stranger = issue("root", "4D4D4D0000BC614F", &root.0, &own.1, ds, (2020, 2060));
        check(&stranger, &[&anchor], Err(CertificateFault::Name));
        let nameless = issue("root", "meter", &root.0, &own.1, ds, (2020, 2060));
        check(&nameless, &[&anchor], Err(CertificateFault::Name));
    }
}

/// RFC 5280: an authority vouches for no longer a path than it may (4.2.1.9), and no extension stands there twice (4.2).
#[test]
fn a_path_is_no_longer_than_an_authority_allows() {
    let vectors = vectors("certificate_paths");
    let it = &vectors["path_length"];
    let authorities = ["root", "sub", "below"].map(|name| it[name].clone());
    let now = Some(at(2030));
    let judged = |name: &str| judge(&it[name], &authorities, now, Purpose::Signature);
    assert_eq!(judged("good"), Ok(()));
    assert_eq!(judged("bad"), Err(CertificateFault::Untrusted));
    assert_eq!(judged("twice"), Err(CertificateFault::Malformed));
    // The authority itself, when it is imported.
    let [root, sub, below] = authorities
        .each_ref()
        .map(|it| Certificate::parse(it).expect("a certificate"));
    let mut anchors = |at: usize| [root, sub].get(at).copied();
    assert_eq!(follow(&sub, &mut anchors, now, ASYMMETRIC), Ok(()));
    let followed = follow(&below, &mut anchors, now, ASYMMETRIC);
    assert_eq!(followed, Err(CertificateFault::Untrusted));
}

#[test]
fn no_octet_of_a_certificate_may_change_and_none_may_be_missing() {
    let root = keys(Curve::P256, 1);
    let own = keys(Curve::P256, 5);
    let anchor = [issue("root", "root", &root.0, &root.1, None, (2020, 2060))];
    let ka = Some(Purpose::Agreement);
    let leaf = issue("root", "4D4D4D0000BC614E", &root.0, &own.1, ka, (2020, 2060));
    let now = Some(at(2030));
    assert_eq!(judge(&leaf, &anchor, now, Purpose::Agreement), Ok(()));
    for cut in 0..leaf.len() {
        assert_eq!(
            judge(&leaf[..cut], &anchor, now, Purpose::Agreement),
            Err(CertificateFault::Malformed),
            "cut at {cut}"
        );
    }
    for at in 0..leaf.len() {
        let mut wrong = leaf.clone();
        wrong[at] ^= 0x04;
        assert!(
            judge(&wrong, &anchor, now, Purpose::Agreement).is_err(),
            "octet {at} changed"
        );
    }
    let longer = [&leaf[..], &[0]].concat();
    assert_eq!(
        judge(&longer, &anchor, now, Purpose::Agreement),
        Err(CertificateFault::Malformed)
    );
    // A length that lies, nesting without end, and nothing.
    for octets in [&[0x30, 0x82, 0xFF, 0xFF][..], &[0x30; 600], &[], &[0x30, 0x80, 0, 0]] {
        assert!(Certificate::parse(octets).is_err());
    }
}

#[test]
fn a_request_says_the_title_and_is_signed_by_its_own_key() {
    for curve in [Curve::P256, Curve::P384] {
        let (private, public) = keys(curve, 9);
        let mut out = [0; 400];
        let length = request(ASYMMETRIC, &private, &TITLE, &mut out).expect("it fits");
        let octets = &out[..length];
        assert!(octets.windows(16).any(|it| it == b"4D4D4D0000BC614E"));
        assert!(octets.windows(public.octets().len()).any(|it| it == public.octets()));
        assert_eq!(request(ASYMMETRIC, &private, &TITLE, &mut [0; 100]), None, "no room");
        if let Some(folder) = std::env::var_os("FERRARIS_WRITE_REQUESTS") {
            // For a look with `openssl req -inform DER -verify`.
            let path = std::path::Path::new(&folder).join(format!("{curve:?}.csr"));
            std::fs::write(path, octets).expect("it can be written");
        }
    }
}
