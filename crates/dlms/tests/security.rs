//! What an attacker tries, and what comes of it.

mod device;
mod pair;

use base::{Instant, Micros};
use cosem::axdr::Writer;
use device::{
    AUTHENTICATION, CLIENT_TITLE, Device, ENCRYPTION, PASSWORD, SERVER_TITLE, SERVICES, hex, octets, register,
};
use ferraris_dlms::acse::{
    AssociationRequest, AssociationResponse, Context, Diagnostic, Mechanism, ReleaseRequest, ReleaseResponse,
};
use ferraris_dlms::client::{ClientError, Command, Credentials, Outcome, Settings};
use ferraris_dlms::initiate::{InitiateRequest, VERSION};
use ferraris_dlms::security::{
    Challenge, Envelope, HEADROOM, Key, Keys, Policy, Protection, Sealed, Suite, Title, gmac_token, open, seal,
};
use ferraris_dlms::server::{Application, Link, Peer, SecurityEvent, Session, WrapperLink};
use pair::{PATIENCE, Pair, Secrets, Transport, whole};

const MANAGEMENT: Peer = Peer { client: 1, server: 1 };
const GET: &str = "C001C1 0003 0100010800FF 02 00";

/// A client that can do everything wrong.
struct Attacker {
    session: Session,
    device: Device,
    encryption: Key,
    authentication: Key,
    title: Title,
}

impl Attacker {
    fn new() -> Self {
        Self {
            session: Session::new(),
            device: Device::new(),
            encryption: Key::new(&ENCRYPTION).expect("16 octets"),
            authentication: Key::new(&AUTHENTICATION).expect("16 octets"),
            title: CLIENT_TITLE,
        }
    }

    fn ask(&mut self, pdu: &[u8]) -> Vec<u8> {
        self.session.inbox()[..pdu.len()].copy_from_slice(pdu);
        if self.session.serve(MANAGEMENT, pdu.len(), &mut self.device) {
            self.session.answer().to_vec()
        } else {
            Vec::new()
        }
    }

    fn keys(&self) -> Keys<'_> {
        Keys {
            suite: Suite::Zero,
            encryption: &self.encryption,
            authentication: &self.authentication,
        }
    }

    fn seal(&self, envelope: Envelope, protection: Protection, counter: u32, apdu: &[u8]) -> Vec<u8> {
        let mut buffer = [0; 512];
        buffer[HEADROOM..HEADROOM + apdu.len()].copy_from_slice(apdu);
        let range = HEADROOM..HEADROOM + apdu.len();
        let range = seal(
            &mut buffer,
            range,
            envelope,
            protection,
            self.keys(),
            self.title,
            counter,
        )
        .expect("there is room");
        buffer[range].to_vec()
    }

    fn open(&self, pdu: &[u8]) -> Vec<u8> {
        let mut buffer = [0; 512];
        buffer[HEADROOM..HEADROOM + pdu.len()].copy_from_slice(pdu);
        let head = Sealed::parse(pdu).expect("a ciphered APDU");
        let range = open(&mut buffer, HEADROOM, &head, self.keys(), SERVER_TITLE).expect("it opens");
        buffer[range].to_vec()
    }

    fn initiate(dedicated: Option<&[u8]>) -> Vec<u8> {
        let mut buffer = [0; 64];
        let mut out = Writer::new(&mut buffer);
        let request = InitiateRequest {
            dedicated_key: dedicated,
            response_allowed: true,
            quality: None,
            version: VERSION,
            conformance: SERVICES,
            receive_max: 0,
        };
        request.emit(&mut out).expect("there is room");
        out.written().to_vec()
    }

    fn aarq(&self, mechanism: Mechanism, authentication: &[u8], information: &[u8]) -> Vec<u8> {
        let mut buffer = [0; 256];
        let mut out = Writer::new(&mut buffer);
        let request = AssociationRequest {
            calling_title: Some(&self.title),
            mechanism: Some(Some(mechanism)),
            authentication: Some(authentication),
            ..AssociationRequest::new(Context::Ciphered, information)
        };
        request.emit(&mut out).expect("there is room");
        out.written().to_vec()
    }

    /// A ciphered association with a password, by the rules, with counter 1.
    fn associate(&mut self) {
        let initiate = self.seal(Envelope::Global, Protection::BOTH, 1, &Self::initiate(None));
        let aare = self.ask(&self.aarq(Mechanism::Password, PASSWORD, &initiate));
        assert_eq!(refusal(&aare), None, "{}", hex(&aare));
    }

    /// The server's challenge after an AARQ by the rules with challenge `own`.
    fn challenge(&mut self, own: &[u8]) -> Challenge {
        let initiate = self.seal(Envelope::Global, Protection::BOTH, 1, &Self::initiate(None));
        let aare = self.ask(&self.aarq(Mechanism::Gmac, own, &initiate));
        assert_eq!(refusal(&aare), Some(Diagnostic::AuthenticationRequired));
        let response = AssociationResponse::parse(&aare).expect("an AARE");
        Challenge::new(response.authentication.expect("a challenge")).expect("of a good length")
    }

    fn reply(&mut self, counter: u32, token: &[u8]) -> Vec<u8> {
        let action = [&octets("C301C1 000F 0000280000FF 01 01 09")[..], &[17], token].concat();
        let sealed = self.seal(Envelope::Global, Protection::BOTH, counter, &action);
        self.ask(&sealed)
    }

    fn last_event(&self) -> Option<SecurityEvent> {
        self.device.events.last().map(|(_, event)| *event)
    }
}

fn refusal(aare: &[u8]) -> Option<Diagnostic> {
    let response = AssociationResponse::parse(aare).expect("an AARE");
    (response.diagnostic != Diagnostic::Null).then_some(response.diagnostic)
}

#[test]
fn a_wrong_password_key_or_title_gives_no_association() {
    let secrets = Secrets::new();
    for (name, settings) in secrets.associations() {
        let mut lent = [0; 1024];
        let wrong = Settings {
            credentials: Credentials::Password(b"12345679"),
            ..settings.clone()
        };
        let mut pair = Pair::new(Transport::Wrapper, wrong, PATIENCE, &mut lent);
        let refused = pair.run(Command::Associate);
        assert!(
            matches!(refused, Err(ClientError::Refused { .. })),
            "{name}: {refused:?}"
        );

        let encryption = Key::new(&[9; 16]).expect("16 octets");
        for both in [false, true] {
            let Some(keys) = settings.keys else { continue };
            let keys = Keys {
                encryption: if both { &encryption } else { keys.encryption },
                authentication: &encryption,
                ..keys
            };
            let mut lent = [0; 1024];
            let wrong = Settings {
                keys: Some(keys),
                ..settings.clone()
            };
            let mut pair = Pair::new(Transport::Wrapper, wrong, PATIENCE, &mut lent);
            let refused = pair.run(Command::Associate);
            let known = matches!(
                refused,
                Err(ClientError::Refused {
                    diagnostic: Diagnostic::AuthenticationFailure,
                    ..
                })
            );
            assert!(known || refused == Err(ClientError::Impostor), "{name}: {refused:?}");
            assert_eq!(pair.link.session().caller(), None, "{name}");
            assert_eq!(
                pair.device.received, None,
                "{name}: a tag that is wrong moves no counter"
            );
            let event = pair.device.events.iter().any(|(_, event)| {
                matches!(
                    event,
                    SecurityEvent::AuthenticationFailed | SecurityEvent::DecryptionFailed
                )
            });
            assert!(event, "{name}: it is noted");
        }

        if settings.keys.is_some() {
            for title in [SERVER_TITLE, *b"STRANGER"] {
                let mut lent = [0; 1024];
                let wrong = Settings {
                    title,
                    ..settings.clone()
                };
                let mut pair = Pair::new(Transport::Wrapper, wrong, PATIENCE, &mut lent);
                let refused = pair.run(Command::Associate);
                let expected = Diagnostic::CallingTitleNotRecognised;
                assert!(
                    matches!(refused, Err(ClientError::Refused { diagnostic, .. }) if diagnostic == expected),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn less_protection_than_the_policy_is_not_served() {
    let kinds = [
        Protection::NONE,
        Protection::AUTHENTICATED,
        Protection::ENCRYPTED,
        Protection::BOTH,
    ];
    for policy in [
        Policy::NONE,
        Policy::AUTHENTICATED,
        Policy::from_mask(0x48),
        Policy::BOTH,
        Policy::from_mask(0x60),
    ] {
        for kind in kinds {
            let mut attacker = Attacker::new();
            attacker.device.policy = policy;
            // The association request itself.
            let plain = Attacker::initiate(None);
            let initiate = if kind == Protection::NONE {
                plain
            } else {
                attacker.seal(Envelope::Global, kind, 1, &plain)
            };
            let aare = attacker.ask(&attacker.aarq(Mechanism::Password, PASSWORD, &initiate));
            assert_eq!(
                refusal(&aare).is_none(),
                policy.admits(kind),
                "AARQ {policy:?} {kind:?}"
            );
            // A request in an association by the rules.
            let mut attacker = Attacker::new();
            attacker.associate();
            attacker.device.policy = policy;
            let mut attacker = Attacker {
                device: attacker.device,
                ..Attacker::new()
            };
            attacker.device.received = None;
            let strongest = kinds
                .into_iter()
                .rev()
                .find(|&kind| policy.admits(kind))
                .expect("there is one");
            let initiate = attacker.seal(Envelope::Global, strongest, 1, &Attacker::initiate(None));
            let aare = attacker.ask(&attacker.aarq(Mechanism::Password, PASSWORD, &initiate));
            assert_eq!(refusal(&aare), None);
            let get = octets(GET);
            let pdu = if kind == Protection::NONE {
                get
            } else {
                attacker.seal(Envelope::Global, kind, 2, &get)
            };
            let before = attacker.device.received;
            let answer = attacker.ask(&pdu);
            if policy.admits(kind) {
                let protection = policy.response() | kind;
                let expected = if protection == Protection::NONE { 0xC4 } else { 0xCC };
                assert_eq!(answer[0], expected, "{policy:?} {kind:?}");
                let plain = if expected == 0xCC {
                    attacker.open(&answer)
                } else {
                    answer.clone()
                };
                assert_eq!(hex(&plain), "C401C1000600001391");
                assert!(
                    expected == 0xC4 || answer[2] == protection.bits(),
                    "{policy:?} {kind:?}"
                );
            } else {
                assert_eq!(hex(&answer), "D80101", "{policy:?} {kind:?}");
                assert_eq!(attacker.last_event(), Some(SecurityEvent::Unprotected));
                assert_eq!(attacker.device.received, before, "no counter moves");
            }
        }
    }
}

#[test]
fn what_was_heard_once_cannot_be_said_again() {
    let mut attacker = Attacker::new();
    let initiate = attacker.seal(Envelope::Global, Protection::BOTH, 5, &Attacker::initiate(None));
    let aarq = attacker.aarq(Mechanism::Password, PASSWORD, &initiate);
    assert_eq!(refusal(&attacker.ask(&aarq)), None);
    let get = attacker.seal(Envelope::Global, Protection::BOTH, 9, &octets(GET));
    assert_eq!(attacker.ask(&get)[0], 0xCC);
    // The same again, and an older one that was never used.
    assert_eq!(hex(&attacker.ask(&get)), "D801060000000A");
    assert_eq!(
        attacker.last_event(),
        Some(SecurityEvent::Replayed {
            received: 9,
            expected: 10
        })
    );
    let older = attacker.seal(Envelope::Global, Protection::BOTH, 8, &octets(GET));
    assert_eq!(hex(&attacker.ask(&older)), "D801060000000A");
    // The association request again, in the same session and in a new one.
    assert_eq!(refusal(&attacker.ask(&aarq)), Some(Diagnostic::AuthenticationFailure));
    attacker.session = Session::new();
    assert_eq!(refusal(&attacker.ask(&aarq)), Some(Diagnostic::AuthenticationFailure));
    assert_eq!(
        attacker.last_event(),
        Some(SecurityEvent::Replayed {
            received: 5,
            expected: 10
        })
    );
    assert_eq!(attacker.device.received, Some(9));
}

#[test]
fn a_message_that_does_not_open_changes_nothing() {
    let mut attacker = Attacker::new();
    attacker.associate();
    let get = attacker.seal(Envelope::Global, Protection::BOTH, 2, &octets(GET));
    for at in 0..get.len() {
        for bit in 0..8 {
            let mut wrong = get.clone();
            wrong[at] ^= 1 << bit;
            let answer = attacker.ask(&wrong);
            assert_eq!(answer[0], 0xD8, "octet {at}, bit {bit}: {}", hex(&answer));
            assert_eq!(attacker.device.received, Some(1), "octet {at}, bit {bit}");
        }
    }
    for cut in 0..get.len() {
        let answer = attacker.ask(&get[..cut]);
        assert!(answer.is_empty() || answer[0] == 0xD8, "cut at {cut}");
        assert_eq!(attacker.device.received, Some(1));
    }
    // The answers of the server, sent back to it.
    let answer = attacker.ask(&get);
    assert_eq!(answer[0], 0xCC);
    assert_eq!(attacker.ask(&answer)[0], 0xD8);
    // And by the rules it goes on.
    let get = attacker.seal(Envelope::Global, Protection::BOTH, 3, &octets(GET));
    assert_eq!(attacker.ask(&get)[0], 0xCC);
}

#[test]
fn broadcast_keys_compression_and_other_suites_are_refused() {
    for control in [0x31_u8, 0x32, 0x33, 0x70, 0xB0, 0xF0] {
        let mut attacker = Attacker::new();
        attacker.associate();
        let before = attacker.last_event();
        let mut get = attacker.seal(Envelope::Global, Protection::BOTH, 2, &octets(GET));
        get[2] = control;
        let answer = hex(&attacker.ask(&get));
        if control == 0xB0 {
            // Compression is a service that is not there, and no attack.
            assert_eq!((answer.as_str(), attacker.last_event()), ("D80202", before));
        } else {
            assert_eq!(answer, "D80105", "{control:02X}");
            assert_eq!(attacker.last_event(), Some(SecurityEvent::DecryptionFailed));
        }
    }
}

#[test]
fn another_apdu_than_its_tag_promises_is_refused() {
    let mut attacker = Attacker::new();
    attacker.associate();
    let mut get = attacker.seal(Envelope::Global, Protection::BOTH, 2, &octets(GET));
    // The tag is not covered by the protection: a GET that calls itself a SET.
    get[0] = 0xC9;
    assert_eq!(hex(&attacker.ask(&get)), "D80105");
    // Inside of the general form nothing but requests is served.
    for (counter, apdu) in [(3, "C401C1000600001391"), (4, "601DA109"), (5, "00"), (6, "DB00")] {
        let sealed = attacker.seal(Envelope::GeneralGlobal, Protection::BOTH, counter, &octets(apdu));
        let answer = attacker.ask(&sealed);
        assert_eq!(answer[0], 0xD8, "{apdu}: {}", hex(&answer));
    }
}

#[test]
fn the_title_in_a_general_form_must_be_that_of_the_association() {
    let mut attacker = Attacker::new();
    attacker.associate();
    attacker.title = *b"SOMEBODY";
    let get = attacker.seal(Envelope::GeneralGlobal, Protection::BOTH, 2, &octets(GET));
    assert_eq!(hex(&attacker.ask(&get)), "D80105");
    attacker.title = CLIENT_TITLE;
    let mut get = attacker.seal(Envelope::GeneralGlobal, Protection::BOTH, 3, &octets(GET));
    // Left out, it is that of the association.
    get.splice(1..10, [0]);
    assert_eq!(attacker.ask(&get)[0], 0xDB);
}

#[test]
fn challenges_are_answered_once_and_by_nobody_else() {
    // By the rules, with the token's counter below, equal to, and above that of the message around it.
    for (message, token_counter) in [(7, 6), (7, 7), (7, 8)] {
        let mut attacker = Attacker::new();
        let challenge = attacker.challenge(b"K56iVagY");
        let token = gmac_token(attacker.keys(), attacker.title, token_counter, &challenge).expect("keys of the suite");
        let answer = attacker.reply(message, &token);
        let plain = attacker.open(&answer);
        assert!(hex(&plain).starts_with("C701C1000100091110"), "{}", hex(&plain));
        let own = Challenge::new(b"K56iVagY").expect("8 octets");
        let counter = u32::from_be_bytes(plain[9..13].try_into().expect("4 octets"));
        let expected = gmac_token(attacker.keys(), SERVER_TITLE, counter, &own).expect("keys of the suite");
        assert_eq!(&plain[8..], expected);
        assert_eq!(
            attacker.device.received,
            Some(8.max(message).min(token_counter.max(message)))
        );
        assert!(matches!(
            attacker.last_event(),
            Some(SecurityEvent::Associated {
                mechanism: Mechanism::Gmac,
                title: Some(_)
            })
        ));
        // Once more is once too often.
        let again = attacker.reply(20, &token);
        assert_eq!(hex(&attacker.open(&again)), "C701C10300");
    }
    // Not by the rules: the association is over, and nothing else is served before.
    type Forge = fn(&Attacker, &Challenge) -> Vec<u8>;
    let forgeries: [(&str, Forge); 6] = [
        ("an old counter", |it, challenge| {
            gmac_token(it.keys(), it.title, 1, challenge).expect("keys").to_vec()
        }),
        ("another title", |it, challenge| {
            gmac_token(it.keys(), SERVER_TITLE, 9, challenge)
                .expect("keys")
                .to_vec()
        }),
        ("another challenge", |it, _| {
            let other = Challenge::new(b"12345678").expect("8 octets");
            gmac_token(it.keys(), it.title, 9, &other).expect("keys").to_vec()
        }),
        ("another key", |it, challenge| {
            let key = Key::new(&[1; 16]).expect("16 octets");
            gmac_token(
                Keys {
                    authentication: &key,
                    ..it.keys()
                },
                it.title,
                9,
                challenge,
            )
            .expect("keys")
            .to_vec()
        }),
        ("zeros", |_, _| vec![0; 17]),
        ("another control octet", |it, challenge| {
            let mut token = gmac_token(it.keys(), it.title, 9, challenge).expect("keys").to_vec();
            token[0] = 0x30;
            token
        }),
    ];
    for (name, forge) in forgeries {
        let mut attacker = Attacker::new();
        let challenge = attacker.challenge(b"K56iVagY");
        let get = attacker.seal(Envelope::Global, Protection::BOTH, 6, &octets(GET));
        assert_eq!(
            hex(&attacker.ask(&get)),
            "D80101",
            "nothing is served before the challenges are answered"
        );
        let token = forge(&attacker, &challenge);
        let answer = attacker.reply(8, &token);
        assert_eq!(hex(&attacker.open(&answer)), "C701C10300", "{name}");
        assert!(
            attacker
                .device
                .events
                .contains(&(1, SecurityEvent::AuthenticationFailed)),
            "{name}"
        );
        assert_eq!(attacker.last_event(), Some(SecurityEvent::Released), "{name}");
        assert_eq!(attacker.session.caller(), None, "{name}");
        // A right answer to the old challenge comes too late.
        let token = gmac_token(attacker.keys(), attacker.title, 30, &challenge).expect("keys");
        assert_eq!(hex(&attacker.reply(31, &token)), "D80101", "{name}");
    }
}

#[test]
fn a_challenge_that_comes_back_is_refused_by_both_sides() {
    // The device's chance is made to give what the client sent: it must not grant the association.
    let mut attacker = Attacker::new();
    let mut challenge = [0; 32];
    Device::new().entropy(&mut challenge);
    let initiate = attacker.seal(Envelope::Global, Protection::BOTH, 1, &Attacker::initiate(None));
    let aare = attacker.ask(&attacker.aarq(Mechanism::Gmac, &challenge, &initiate));
    assert_eq!(refusal(&aare), Some(Diagnostic::NoReason));

    // A false meter that sends the client its own challenge, or its own title.
    let secrets = Secrets::new();
    let (_, settings) = secrets.associations().swap_remove(3);
    for (title, challenge) in [(&SERVER_TITLE, &b"K56iVagY"[..]), (&CLIENT_TITLE, &b"P6wRJ21F"[..])] {
        let mut lent = [0; 256];
        let framing = ferraris_dlms::client::Framing::Wrapper;
        let mut client = ferraris_dlms::client::Client::new(settings.clone(), framing, PATIENCE, 1, &mut lent);
        client
            .start(Instant::START, Command::Associate, &mut |_| ())
            .expect("it is sent");
        let information = octets("0800065F1F0400005E1D08000007");
        let mut buffer = [0; 256];
        let mut out = Writer::new(&mut buffer);
        let response = AssociationResponse {
            outcome: ferraris_dlms::acse::Outcome::Accepted,
            diagnostic: Diagnostic::AuthenticationRequired,
            responding_title: Some(title),
            mechanism: Some(Mechanism::Gmac),
            authentication: Some(challenge),
            information: Some(&information),
            ..AssociationResponse::refused(Some(Context::Plain), Diagnostic::Null)
        };
        response.emit(&mut out).expect("there is room");
        let length = u8::try_from(out.len()).expect("short");
        let pdu = [&[0, 1, 0, 1, 0, 1, 0, length][..], out.written()].concat();
        assert_eq!(
            client.receive(Instant::START, &pdu, &mut |_| ()),
            Err(ClientError::Impostor)
        );
    }
}

#[test]
fn a_dedicated_key_lives_as_long_as_its_association() {
    let dedicated = [0x44; 16];
    let mut attacker = Attacker::new();
    let initiate = attacker.seal(
        Envelope::Global,
        Protection::BOTH,
        1,
        &Attacker::initiate(Some(&dedicated)),
    );
    assert_eq!(
        refusal(&attacker.ask(&attacker.aarq(Mechanism::Password, PASSWORD, &initiate))),
        None
    );
    attacker.encryption = Key::new(&dedicated).expect("16 octets");
    // Its counter is its own: it starts where the client likes, and goes up.
    let get = attacker.seal(Envelope::Dedicated, Protection::BOTH, 0, &octets(GET));
    let answer = attacker.ask(&get);
    assert_eq!(answer[0], 0xD4);
    assert_eq!(hex(&attacker.open(&answer)), "C401C1000600001391");
    assert_eq!(hex(&attacker.ask(&get)), "D8010600000001");
    let get = attacker.seal(Envelope::GeneralDedicated, Protection::BOTH, 1, &octets(GET));
    assert_eq!(attacker.ask(&get)[0], 0xDC);
    assert_eq!(
        attacker.device.received,
        Some(1),
        "the counter of the global key has not moved"
    );
    // The global key does not open the dedicated form, nor the other way round.
    let get = attacker.seal(Envelope::Global, Protection::BOTH, 9, &octets(GET));
    assert_eq!(hex(&attacker.ask(&get)), "D80105");
    attacker.encryption = Key::new(&ENCRYPTION).expect("16 octets");
    let get = attacker.seal(Envelope::Dedicated, Protection::BOTH, 9, &octets(GET));
    assert_eq!(hex(&attacker.ask(&get)), "D80105");
    // A new association without one.
    let initiate = attacker.seal(Envelope::Global, Protection::BOTH, 10, &Attacker::initiate(None));
    assert_eq!(
        refusal(&attacker.ask(&attacker.aarq(Mechanism::Password, PASSWORD, &initiate))),
        None
    );
    attacker.encryption = Key::new(&dedicated).expect("16 octets");
    let get = attacker.seal(Envelope::Dedicated, Protection::BOTH, 11, &octets(GET));
    assert_eq!(hex(&attacker.ask(&get)), "D80105");
}

/// A dedicated key in an initiate request that is not encrypted is everybody's: the server takes none, the client sends none.
#[test]
fn a_dedicated_key_that_everybody_could_read_is_none() {
    let key = [0x44; 16];
    for (protection, expected) in [
        (Protection::AUTHENTICATED, Some(Diagnostic::NoReason)),
        (Protection::BOTH, None),
    ] {
        let mut attacker = Attacker::new();
        attacker.device.policy = Policy::NONE;
        let initiate = attacker.seal(Envelope::Global, protection, 1, &Attacker::initiate(Some(&key)));
        let aare = attacker.ask(&attacker.aarq(Mechanism::Password, PASSWORD, &initiate));
        assert_eq!(refusal(&aare), expected, "{protection:?}");
    }
    let secrets = Secrets::new();
    let (_, dedicated) = secrets
        .associations()
        .into_iter()
        .find(|(name, _)| *name == "GMAC, dedicated key")
        .expect("it is there");
    for (protection, expected) in [
        (Protection::NONE, Err(ClientError::Keys)),
        (Protection::AUTHENTICATED, Err(ClientError::Keys)),
        (Protection::BOTH, Ok(())),
    ] {
        let settings = Settings {
            protection,
            ..dedicated.clone()
        };
        let mut lent = [0; 1024];
        let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
        pair.device.policy = Policy::NONE;
        assert_eq!(pair.run(Command::Associate), expected, "{protection:?}");
    }
}

#[test]
fn nothing_is_sealed_when_the_counter_has_no_numbers_left() {
    let mut attacker = Attacker::new();
    attacker.associate();
    attacker.device.sent = u32::MAX - 1;
    let get = attacker.seal(Envelope::Global, Protection::BOTH, 2, &octets(GET));
    assert_eq!(attacker.ask(&get)[0], 0xCC);
    let get = attacker.seal(Envelope::Global, Protection::BOTH, 3, &octets(GET));
    assert_eq!(hex(&attacker.ask(&get)), "D80101");
    assert_eq!(attacker.last_event(), Some(SecurityEvent::CounterExhausted));
}

#[test]
fn a_sealed_release_is_answered_sealed() {
    // Defect of a peer (GuruxDLMS.c): it answers a protected release with "service not supported".
    let mut attacker = Attacker::new();
    attacker.associate();
    let sealed = attacker.seal(Envelope::Global, Protection::BOTH, 2, &Attacker::initiate(None));
    let length = u8::try_from(sealed.len()).expect("short");
    let release = [
        &[0x62, length + 7, 0x80, 1, 0, 0xBE, length + 2, 4, length][..],
        &sealed,
    ]
    .concat();
    let mut wrong = release.clone();
    *wrong.last_mut().expect("not empty") ^= 1;
    assert_eq!(hex(&attacker.ask(&wrong)), "D80105");
    assert!(attacker.session.caller().is_some());
    let answer = attacker.ask(&release);
    assert_eq!(answer[0], 0x63);
    assert_eq!(hex(&answer[2..6]), "800100BE");
    assert_eq!(attacker.open(&answer[9..])[0], 0x08);
    assert_eq!(attacker.session.caller(), None);
}

#[test]
fn every_suite_seals_with_its_own_control_octet() {
    // Divergence of peers: GMAC with control octet 10 in suites 1 and 2 (pydlms simulator). It must name the suite.
    for (suite, length) in [(Suite::Zero, 16), (Suite::One, 16), (Suite::Two, 32)] {
        let (encryption, authentication) = (
            Key::new(&vec![1; length]).expect("a key"),
            Key::new(&vec![2; length]).expect("a key"),
        );
        let keys = Keys {
            suite,
            encryption: &encryption,
            authentication: &authentication,
        };
        let settings = Settings {
            credentials: Credentials::Gmac(Challenge::new(b"K56iVagY").expect("8 octets")),
            ..Settings::public(1, 1, SERVICES).ciphered(CLIENT_TITLE, keys, Protection::BOTH)
        };
        let mut lent = [0; 1024];
        let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
        pair.device.suite = suite;
        pair.device.encryption = encryption.clone();
        pair.device.authentication = authentication.clone();
        pair.run(Command::Associate).expect("the association is granted");
        pair.run(Command::Get(whole(register(1)))).expect("it is read");
        assert_eq!(pair.client.outcome(), Some(Outcome::Value(Ok(&[6, 0, 0, 0x13, 0x91]))));
        let challenge = Challenge::new(b"12345678").expect("8 octets");
        assert_eq!(
            gmac_token(keys, CLIENT_TITLE, 1, &challenge).expect("keys of the suite")[0],
            0x10 | suite.id()
        );
    }
}

#[test]
fn a_client_does_not_take_less_than_it_asked_for() {
    // A false meter answers a sealed GET in plain.
    let secrets = Secrets::new();
    let (_, settings) = secrets.associations().swap_remove(2);
    let mut lent = [0; 1024];
    let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
    pair.run(Command::Associate).expect("the association is granted");
    pair.client
        .start(Instant::START, Command::Get(whole(register(1))), &mut |_| ())
        .expect("it is sent");
    let answer = octets("0001 0001 0001 0009 C401C2 00 0600000001");
    assert_eq!(
        pair.client.receive(Instant::START, &answer, &mut |_| ()),
        Err(ClientError::Unprotected)
    );
    // An old answer, recorded and sent again.
    let mut recorded = Vec::new();
    let mut request = Vec::new();
    pair.client
        .start(Instant::START, Command::Get(whole(register(1))), &mut |it| {
            request = it.to_vec()
        })
        .expect("it is sent");
    pair.link
        .receive(Instant::START, &request, &mut pair.device, &mut |it| {
            recorded = it.to_vec()
        })
        .expect("served");
    assert_eq!(pair.client.receive(Instant::START, &recorded, &mut |_| ()), Ok(true));
    pair.client
        .start(Instant::START, Command::Get(whole(register(1))), &mut |_| ())
        .expect("it is sent");
    assert_eq!(
        pair.client.receive(Instant::START, &recorded, &mut |_| ()),
        Err(ClientError::Replayed)
    );
}

#[test]
fn a_client_releases_sealed_when_it_shall_and_believes_no_other_answer() {
    let secrets = Secrets::new();
    for (name, settings) in secrets.associations() {
        let is_sealing = settings.keys.is_some() && settings.protection != Protection::NONE;
        let settings = Settings {
            sealed_release: true,
            ..settings
        };
        // The meter's answer; what anybody can say; what nobody can.
        for (answer, expected) in [
            ("true", Ok(true)),
            ("plain", Err(ClientError::Unprotected)),
            ("changed", Err(ClientError::Deciphering)),
        ] {
            let mut lent = [0; 1024];
            let mut pair = Pair::new(Transport::Wrapper, settings.clone(), PATIENCE, &mut lent);
            assert_eq!(pair.run(Command::Associate), Ok(()), "{name}");
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            pair.client
                .start(Instant::START, Command::Release, &mut |it| asked = it.to_vec())
                .expect("it is sent");
            let requested = ReleaseRequest::parse(&asked[8..]).expect("an RLRQ");
            assert_eq!(requested.information.is_some(), is_sealing, "{name}");
            pair.link
                .receive(Instant::START, &asked, &mut pair.device, &mut |it| {
                    answered = it.to_vec()
                })
                .expect("served");
            let released = ReleaseResponse::parse(&answered[8..]).expect("an RLRE");
            assert_eq!(released.information.is_some(), is_sealing, "{name}");
            match answer {
                "plain" => answered = octets("0001 0001 0001 0005 6303800100"),
                "changed" => *answered.last_mut().expect("not empty") ^= 1,
                _ => {}
            }
            if is_sealing || answer == "true" {
                let heard = pair.client.receive(Instant::START, &answered, &mut |_| ());
                assert_eq!(heard, expected, "{name}, {answer}");
                let over = pair.client.outcome() == Some(Outcome::Released);
                assert_eq!(over, expected.is_ok(), "{name}, {answer}");
            }
        }
    }
}

#[test]
fn a_wrapper_of_another_version_or_too_long_closes_the_connection() {
    for stream in [
        "0002 0010 0001 0001 00",
        "474554202F",
        "0001 0010 0001 0801",
        "0001 0010 0001 FFFF 00",
    ] {
        let mut device = Device::new();
        let mut link = Link::Wrapper(WrapperLink::new(Instant::START, Micros::from_secs(120)));
        let mut said = 0;
        let closed = link.receive(Instant::START, &octets(stream), &mut device, &mut |_| said += 1);
        assert!(closed.is_err(), "{stream}");
        assert_eq!(said, 0);
    }
}
