//! Suites 1 and 2, the mechanisms and the general forms against known octets: those of the standard's annex, those that
//! other implementations sent, and those of another library.

mod known;

use cosem::axdr::{Octets, Reader};
use ferraris_dlms::acse::Mechanism;
use ferraris_dlms::security::{
    ASYMMETRIC, Challenge, Curve, Dialect, Envelope, GeneralCiphered, GeneralSigned, HEADROOM, Hash, Header, Key,
    KeyInfo, KeyNote, KeySet, Keys, OpenError, PrivateKey, Proof, Protection, PublicKey, SYMMETRIC, Scheme, Sealed,
    Suite, Title, derive, open, open_general, seal, seal_general, secret_answer, sign_general, signed_answer,
    signing_overhead, unwrap, verify_ephemeral, verify_secret_answer, verify_signed_answer, wrap,
};
use known::{Fields, octets, vectors};

const CLIENT: Title = [0x4D, 0x4D, 0x4D, 0, 0, 0, 0, 1];
const SERVER: Title = [0x4D, 0x4D, 0x4D, 0, 0, 0xBC, 0x61, 0x4E];

fn key(fields: &Fields, name: &str) -> Key {
    Key::new(&fields[name]).expect("16 or 32 octets")
}

fn private(fields: &Fields, name: &str) -> PrivateKey {
    let octets = &fields[name];
    let curve = if octets.len() == 32 { Curve::P256 } else { Curve::P384 };
    PrivateKey::new(curve, octets).expect("of the curve")
}

fn public(octets: &[u8]) -> PublicKey {
    let curve = if octets.len() == 64 { Curve::P256 } else { Curve::P384 };
    PublicKey::new(curve, octets).expect("of the curve")
}

fn title(octets: &[u8]) -> Title {
    octets.try_into().expect("8 octets")
}

/// An APDU in a buffer with the room that sealing and opening need.
fn placed(apdu: &[u8]) -> ([u8; 2048], core::ops::Range<usize>) {
    let mut buffer = [0; 2048];
    let range = HEADROOM..HEADROOM + apdu.len();
    buffer[range.clone()].copy_from_slice(apdu);
    (buffer, range)
}

#[test]
fn answers_by_a_secret_are_those_of_the_field() {
    let vectors = vectors("mechanisms");
    for (id, mechanism) in [
        ("hls3-md5", Mechanism::Md5),
        ("hls4-sha1", Mechanism::Sha1),
        ("hls6-sha256", Mechanism::Sha256),
    ] {
        let fields = &vectors[id];
        let challenge = |name: &str| Challenge::new(&fields[name]).expect("8 octets");
        let (stoc, ctos) = (challenge("stoc"), challenge("ctos"));
        let client = Proof {
            prover: CLIENT,
            verifier: SERVER,
            challenge: &stoc,
            own: &ctos,
        };
        let server = Proof {
            prover: SERVER,
            verifier: CLIENT,
            challenge: &ctos,
            own: &stoc,
        };
        let secret = &fields["secret"];
        for (proof, name) in [(client, "fstoc"), (server, "fctos")] {
            let answer = secret_answer(ASYMMETRIC, mechanism, secret, proof).expect("it is lent");
            assert_eq!(answer.as_slice(), fields[name], "{id} {name}");
            assert!(verify_secret_answer(ASYMMETRIC, mechanism, secret, proof, &answer));
            assert!(!verify_secret_answer(
                ASYMMETRIC,
                mechanism,
                b"other secret",
                proof,
                &answer
            ));
            assert!(!verify_secret_answer(
                ASYMMETRIC,
                mechanism,
                secret,
                proof,
                &answer[1..]
            ));
        }
        // What a small meter lends has SHA-256 and neither of the old ones.
        let lent = secret_answer(SYMMETRIC, mechanism, secret, client).is_some();
        assert_eq!(lent, mechanism == Mechanism::Sha256);
    }
    let fields = &vectors["hls2-manufacturer-aes"];
    let challenge = Challenge::new(&fields["challenge"]).expect("8 octets");
    let proof = Proof {
        prover: CLIENT,
        verifier: SERVER,
        challenge: &challenge,
        own: &challenge,
    };
    let answer = secret_answer(SYMMETRIC, Mechanism::Manufacturer, &fields["secret"], proof).expect("AES is there");
    assert_eq!(answer.as_slice(), fields["result"]);
    assert!(
        secret_answer(ASYMMETRIC, Mechanism::Manufacturer, &[0; 17], proof).is_none(),
        "a secret too long"
    );
}

#[test]
fn an_answer_by_a_signature_is_of_one_side_to_one_challenge() {
    for fields in vectors("suites").values() {
        let (own, other) = (private(fields, "client_private"), private(fields, "server_private"));
        let [stoc, ctos] = [b"P6wRJ21F", b"K56iVagY"].map(|it| Challenge::new(it).expect("8 octets"));
        let proof = Proof {
            prover: CLIENT,
            verifier: SERVER,
            challenge: &stoc,
            own: &ctos,
        };
        let answer = signed_answer(ASYMMETRIC, &own, proof).expect("it is a key");
        let right = public(&fields["client_public"]);
        assert!(verify_signed_answer(ASYMMETRIC, &right, proof, &answer));
        assert_eq!(
            ASYMMETRIC
                .digest(Hash::Sha256, &[b"ab", b"c"])
                .expect("it is lent")
                .octets(),
            octets("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")
        );
        assert!(!verify_signed_answer(
            ASYMMETRIC,
            &right,
            Proof {
                challenge: &ctos,
                own: &stoc,
                ..proof
            },
            &answer
        ));
        assert!(!verify_signed_answer(
            ASYMMETRIC,
            &public(&fields["server_public"]),
            proof,
            &answer
        ));
        let foreign = signed_answer(ASYMMETRIC, &other, proof).expect("it is a key");
        assert!(!verify_signed_answer(ASYMMETRIC, &right, proof, &foreign));
        assert_eq!(signed_answer(SYMMETRIC, &own, proof), None);
    }
}

/// RFC 6979, A.2.5 and A.2.6: no nonce of a signature hangs on a source of random numbers, good or bad.
#[test]
fn signatures_are_those_of_rfc_6979() {
    for (curve, key, signature) in [
        (
            Curve::P256,
            "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
            concat!(
                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
            ),
        ),
        (
            Curve::P384,
            "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
            concat!(
                "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
                "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8"
            ),
        ),
    ] {
        let key = PrivateKey::new(curve, &octets(key)).expect("of the length");
        let signed = ASYMMETRIC.sign(&key, &[b"sam", b"ple"]).expect("it is a key");
        assert_eq!(signed.octets(), octets(signature), "{curve:?}");
    }
}

#[test]
fn keys_of_the_rules_are_derived_on_both_curves() {
    let vectors = vectors("suites");
    assert_eq!(vectors.len(), 2);
    for (id, fields) in &vectors {
        let (client, server) = (private(fields, "client_private"), private(fields, "server_private"));
        for (own, name) in [(&client, "client_public"), (&server, "server_public")] {
            let computed = ASYMMETRIC.public_key(own).expect("a private key");
            assert_eq!(computed.octets(), fields[name], "{id} {name}");
        }
        let z = ASYMMETRIC
            .agree(&client, &public(&fields["server_public"]))
            .expect("points");
        assert_eq!(z.octets(), fields["z"], "{id}");
        let back = ASYMMETRIC
            .agree(&server, &public(&fields["client_public"]))
            .expect("points");
        assert!(z.is_same(&back), "{id}");
        let transaction = octets("0102030405060708");
        let check = |scheme, name: &str| {
            let key = derive(ASYMMETRIC, &z, scheme, &CLIENT, &SERVER).expect("a key");
            assert_eq!(key.octets(), fields[name], "{id} {name}");
        };
        check(Scheme::Ephemeral, "k_ephemeral");
        check(Scheme::Static(&transaction), "k_static");

        // Points that are not on the curve, and numbers that are no keys.
        let mut outside = fields["server_public"].clone();
        outside[5] ^= 1;
        assert!(ASYMMETRIC.agree(&client, &public(&outside)).is_none());
        assert!(!ASYMMETRIC.verify(&public(&outside), &[b"x"], &fields["server_public"]));
        let length = fields["client_private"].len();
        for none in [vec![0; length], vec![0xFF; length]] {
            let none = PrivateKey::new(client.curve(), &none).expect("of the length");
            assert!(ASYMMETRIC.public_key(&none).is_none() && ASYMMETRIC.sign(&none, &[b"x"]).is_none());
        }
    }
}

/// IEC 62056-5-3, annex I.1: key_agreement of the security setup, both directions.
#[test]
fn the_key_agreement_of_the_standard_is_reproduced() {
    let fields = &vectors("suite1")["c1-key-agreement"];
    let z = ASYMMETRIC
        .agree(
            &private(fields, "client_ephemeral_private"),
            &public(&fields["server_ephemeral_public"]),
        )
        .expect("points");
    assert_eq!(z.octets(), fields["z"]);
    let (client, server) = (title(&fields["client_title"]), title(&fields["server_title"]));
    let key = derive(ASYMMETRIC, &z, Scheme::Ephemeral, &client, &server).expect("a key");
    assert_eq!(key.octets(), fields["key"]);
    for side in ["client", "server"] {
        let point = &fields[&format!("{side}_ephemeral_public")];
        let signer = public(&fields[&format!("{side}_sign_public")]);
        let signature = &fields[&format!("{side}_signature")];
        assert!(ASYMMETRIC.verify(&signer, &[&[0], point], signature), "{side}");
        assert!(
            !ASYMMETRIC.verify(&signer, &[&[1], point], signature),
            "{side}: of another key"
        );
    }
}

/// IEC 62056-5-3, annex I.2 and I.3. The tags of the annex are of no use (see the reference); what comes before them is.
#[test]
fn the_keys_of_general_ciphering_of_the_standard_are_reproduced() {
    let vectors = vectors("suite1");
    let request = &vectors["c2-one-pass-request"];
    let response = &vectors["c2-one-pass-response"];
    let shared = &vectors["c3-static-unified"];
    let agree = |private: &PrivateKey, point: &[u8]| ASYMMETRIC.agree(private, &public(point)).expect("points");

    let z = agree(
        &private(request, "server_static_private"),
        &request["key_ciphered_data"][..64],
    );
    assert_eq!(z.octets(), request["z"]);
    let (client, server) = (title(&shared["originator"]), title(&shared["recipient"]));
    let ek = derive(ASYMMETRIC, &z, Scheme::Ephemeral, &client, &server).expect("a key");
    assert_eq!(ek.octets(), request["ek"]);

    let z = agree(
        &private(response, "client_static_private"),
        &response["server_ephemeral_public"],
    );
    assert_eq!(z.octets(), response["z"]);
    let ek = derive(ASYMMETRIC, &z, Scheme::Ephemeral, &server, &client).expect("a key");
    assert_eq!(ek.octets(), response["ek"]);

    let z = agree(
        &private(request, "server_static_private"),
        &response["client_static_public"],
    );
    assert_eq!(z.octets(), shared["z"]);
    let transaction = &shared["transaction_id"];
    let ek = derive(ASYMMETRIC, &z, Scheme::Static(transaction), &client, &server).expect("a key");
    assert_eq!(ek.octets(), shared["ek"]);
}

/// Frames that a production client sent, opened as our server would.
#[test]
fn general_forms_of_other_implementations_open() {
    let vectors = vectors("general-peer");
    for suite in [Suite::One, Suite::Two] {
        let of = |form: &str| &vectors[&format!("gurux-net-suite{}-{form}", suite.id())];
        for form in ["general-ciphering", "static-unified"] {
            let fields = of(form);
            let general = GeneralCiphered::parse(&fields["apdu"]).expect("general-ciphering");
            let originator = general.heading.originator.expect("it is said");
            let recipient = general.heading.recipient.expect("it is said");
            let own = private(fields, "recipient_ka_private");
            let get = |range: core::ops::Range<usize>| &fields["apdu"][range];
            let encryption = match &general.key {
                KeyInfo::OnePass {
                    public: point,
                    signature,
                } => {
                    let signer = ASYMMETRIC
                        .public_key(&private(fields, "originator_sign_private"))
                        .expect("a key");
                    let (point, signature) = (get(point.clone()), get(signature.clone()));
                    assert!(verify_ephemeral(ASYMMETRIC, &signer, point, signature), "{form}");
                    assert!(!verify_ephemeral(
                        ASYMMETRIC,
                        &signer,
                        point,
                        &fields["apdu"][..signature.len()]
                    ));
                    let z = ASYMMETRIC.agree(&own, &public(point)).expect("points");
                    derive(ASYMMETRIC, &z, Scheme::Ephemeral, &originator, &recipient)
                }
                KeyInfo::Static => {
                    let partner = ASYMMETRIC
                        .public_key(&private(fields, "originator_ka_private"))
                        .expect("a key");
                    let z = ASYMMETRIC.agree(&own, &partner).expect("points");
                    let scheme = Scheme::Static(get(general.heading.transaction.clone()));
                    derive(ASYMMETRIC, &z, scheme, &originator, &recipient)
                }
                other => panic!("{form}: {other:?}"),
            };
            let encryption = encryption.expect("a key");
            let authentication = key(fields, "ak");
            let keys = Keys {
                suite,
                encryption: &encryption,
                authentication: &authentication,
            };
            let (mut buffer, range) = placed(&fields["apdu"]);
            let standard = open_general(&mut buffer, range.start, &general, keys, originator, Dialect::STANDARD);
            assert_eq!(standard, Err(OpenError::Tag), "Gurux does not authenticate the header");
            let (mut buffer, range) = placed(&fields["apdu"]);
            let apdu = open_general(&mut buffer, range.start, &general, keys, originator, Dialect::GURUX);
            assert_eq!(&buffer[apdu.expect("it opens")], fields["plain"], "{suite:?} {form}");
        }
        let fields = of("general-signing");
        let apdu = &fields["apdu"];
        let signed = GeneralSigned::parse(apdu).expect("general-signing");
        let signer = ASYMMETRIC
            .public_key(&private(fields, "originator_sign_private"))
            .expect("a key");
        assert!(signed.verify(apdu, ASYMMETRIC, &signer));
        for at in 1..apdu.len() {
            let mut wrong = apdu.clone();
            wrong[at] ^= 0x10;
            let verified = GeneralSigned::parse(&wrong).is_ok_and(|signed| signed.verify(&wrong, ASYMMETRIC, &signer));
            assert!(!verified, "octet {at} changed");
        }
        let content = &apdu[signed.content.clone()];
        let inner = Sealed::parse(content).expect("glo-get");
        let (encryption, authentication) = (key(fields, "ek"), key(fields, "ak"));
        let keys = Keys {
            suite,
            encryption: &encryption,
            authentication: &authentication,
        };
        let (mut buffer, range) = placed(content);
        let title = signed.heading.originator.expect("it is said");
        let plain = open(&mut buffer, range.start, &inner, keys, title).expect("it opens");
        assert_eq!(&buffer[plain], fields["plain"]);
    }

    for id in ["cb-sigma-gc_pass3", "cb-sigma-gc_get"] {
        let fields = &vectors[id];
        let general = GeneralCiphered::parse(&fields["apdu"]).expect("general-ciphering");
        assert_eq!(general.key, KeyInfo::Identified(KeySet::Unicast));
        let (encryption, authentication) = (key(fields, "ek"), key(fields, "ak"));
        let keys = Keys {
            suite: Suite::Zero,
            encryption: &encryption,
            authentication: &authentication,
        };
        let (mut buffer, range) = placed(&fields["apdu"]);
        let title = general.heading.originator.expect("it is said");
        let apdu = open_general(&mut buffer, range.start, &general, keys, title, Dialect::STANDARD);
        assert!(apdu.is_ok_and(|apdu| !apdu.is_empty()), "{id}");
    }
    let fields = &vectors["cb-sigma-sign_get"];
    let signed = GeneralSigned::parse(&fields["apdu"]).expect("general-signing");
    let seed = ASYMMETRIC
        .digest(Hash::Sha256, &[b"server-sign-1"])
        .expect("it is lent");
    // The key is the digest modulo (n - 1), plus 1: the digest is less than n, so one is added.
    let mut number = seed.octets().to_vec();
    for octet in number.iter_mut().rev() {
        let (sum, carries) = octet.overflowing_add(1);
        *octet = sum;
        if !carries {
            break;
        }
    }
    let signer = PrivateKey::new(Curve::P256, &number)
        .and_then(|key| ASYMMETRIC.public_key(&key))
        .expect("a key");
    assert!(
        signed.verify(&fields["apdu"], ASYMMETRIC, &signer),
        "content with its length"
    );
}

/// The regression octets of the rules: written exactly, read back, cut at each length.
#[test]
fn general_forms_of_the_rules_are_written_and_read() {
    let plain = octets("C001C100080000010000FF0200");
    let transaction = octets("0102030405060708");
    let header = Header {
        transaction: &transaction,
        originator: &CLIENT,
        recipient: &SERVER,
        dialect: Dialect::STANDARD,
    };
    for (id, fields) in vectors("suites") {
        let suite = if id == "suite1" { Suite::One } else { Suite::Two };
        let length = suite.key_length();
        let count = |from: u8| (from..=255).take(length).collect::<Vec<u8>>();
        let (encryption, authentication) = (
            Key::new(&count(0)).expect("a key"),
            Key::new(&count(0xD0)).expect("a key"),
        );
        let keys = Keys {
            suite,
            encryption: &encryption,
            authentication: &authentication,
        };

        let (mut buffer, range) = placed(&plain);
        let range = seal(&mut buffer, range, Envelope::Global, Protection::BOTH, keys, CLIENT, 1).expect("room");
        assert_eq!(&buffer[range.clone()], fields["glo_get"], "{id}");
        let signer = private(&fields, "client_private");
        let signed = sign_general(&mut buffer, range, header, ASYMMETRIC, &signer).expect("room");
        let apdu = buffer[signed].to_vec();
        let known = &fields["general_signing"];
        let pair = signer.curve().pair_length();
        assert_eq!(
            apdu[..apdu.len() - pair],
            known[..known.len() - pair],
            "{id}: all but the signature"
        );
        assert_eq!(
            apdu.len(),
            fields["glo_get"].len() + signing_overhead(header, pair, fields["glo_get"].len())
        );
        let owner = public(&fields["client_public"]);
        for apdu in [&apdu, known] {
            let signed = GeneralSigned::parse(apdu).expect("general-signing");
            assert!(signed.verify(apdu, ASYMMETRIC, &owner), "{id}");
        }
        for cut in 0..apdu.len() {
            assert!(GeneralSigned::parse(&apdu[..cut]).is_err(), "{id} cut at {cut}");
        }

        // The key that is not said is the agreed one.
        let encryption = key(&fields, "k_ephemeral");
        let keys = Keys {
            encryption: &encryption,
            ..keys
        };
        let (mut buffer, range) = placed(&plain);
        let sealed =
            seal_general(&mut buffer, range, header, KeyNote::Absent, Protection::BOTH, keys, 1).expect("room");
        assert_eq!(&buffer[sealed], fields["general_ciphering"], "{id}");
    }
}

/// Every form of key and protection, there and back; every octet counts and none is assumed.
#[test]
fn general_ciphering_opens_what_it_sealed_and_nothing_else() {
    let plain = octets("C001C100080000010000FF0200");
    let (encryption, authentication) = (Key::new(&[1; 16]).expect("a key"), Key::new(&[2; 16]).expect("a key"));
    let keys = Keys {
        suite: Suite::One,
        encryption: &encryption,
        authentication: &authentication,
    };
    let wrapped = wrap(&authentication, &encryption).expect("it wraps");
    assert!(unwrap(&authentication, &wrapped).is_some());
    let (point, signature) = ([3; 64], [4; 64]);
    let notes = [
        KeyNote::Absent,
        KeyNote::Identified(KeySet::Unicast),
        KeyNote::Identified(KeySet::Broadcast),
        KeyNote::Wrapped(&wrapped),
        KeyNote::OnePass(&point, &signature),
        KeyNote::Static,
    ];
    let header = Header {
        transaction: &[9; 32],
        originator: &CLIENT,
        recipient: &SERVER,
        dialect: Dialect::STANDARD,
    };
    for note in notes {
        for protection in [Protection::AUTHENTICATED, Protection::ENCRYPTED, Protection::BOTH] {
            for dialect in [Dialect::STANDARD, Dialect::GURUX] {
                let (mut buffer, range) = placed(&plain);
                let header = Header { dialect, ..header };
                let sealed = seal_general(&mut buffer, range, header, note, protection, keys, 7).expect("room");
                let apdu = buffer[sealed].to_vec();
                let opened = |apdu: &[u8]| {
                    let general = GeneralCiphered::parse(apdu).ok()?;
                    let title = general.heading.originator?;
                    let (mut buffer, range) = placed(apdu);
                    let inner = open_general(&mut buffer, range.start, &general, keys, title, dialect).ok()?;
                    Some(buffer[inner].to_vec())
                };
                assert_eq!(opened(&apdu).as_ref(), Some(&plain), "{note:?} {protection:?}");
                for cut in 0..apdu.len() {
                    assert_eq!(opened(&apdu[..cut]), None, "{note:?} {protection:?} cut at {cut}");
                }
                if dialect.header_authenticated && protection.covers(Protection::AUTHENTICATED) {
                    let unsaid = note.length();
                    let told = 1 + header.length()..1 + header.length() + unsaid;
                    for at in (0..apdu.len()).filter(|at| !told.contains(at)) {
                        let mut wrong = apdu.clone();
                        wrong[at] ^= 1;
                        assert_eq!(opened(&wrong), None, "{note:?} {protection:?} octet {at} changed");
                    }
                }
            }
        }
    }
}

#[test]
fn compression_is_refused_by_name() {
    let (encryption, authentication) = (Key::new(&[1; 16]).expect("a key"), Key::new(&[2; 16]).expect("a key"));
    let keys = Keys {
        suite: Suite::Zero,
        encryption: &encryption,
        authentication: &authentication,
    };
    // The packets that are printed in the Recommendation, in a message whose control octet says that they are compressed.
    for packet in ["828486888AB009295B29F817646800", "860941B003", "01C40100"] {
        let packet = octets(packet);
        let length = u8::try_from(packet.len() + 5).expect("short");
        let apdu = [&[0xC8, length, 0x80, 0, 0, 0, 1][..], &packet].concat();
        let sealed = Sealed::parse(&apdu).expect("a ciphered APDU");
        let (mut buffer, range) = placed(&apdu);
        let opened = open(&mut buffer, range.start, &sealed, keys, CLIENT);
        assert_eq!(opened, Err(OpenError::Compressed));
    }
    let apdu = octets("C81EB001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B");
    let sealed = Sealed::parse(&apdu).expect("a ciphered APDU");
    let (mut buffer, range) = placed(&apdu);
    assert!(sealed.is_compressed());
    assert_eq!(
        open(&mut buffer, range.start, &sealed, keys, CLIENT),
        Err(OpenError::Compressed)
    );
}

/// The parameters of key_agreement in the annex are what our reader takes.
#[test]
fn the_method_of_the_annex_reads() {
    let fields = &vectors("suite1")["c1-key-agreement"];
    let mut reader = Reader::new(&fields["action_request"][13..]);
    let count = reader.array().expect("an array");
    assert_eq!(count, 1);
    reader.structure(2).expect("a structure");
    assert_eq!(reader.value::<cosem::axdr::Enumerated>().expect("a key").0, 0);
    let Octets(data) = reader.value().expect("octets");
    assert_eq!(data.len(), 128);
    assert_eq!(data[..64], fields["client_ephemeral_public"]);
}
