//! Both roles through every mechanism, suite and general form, over both transports; and what an attacker makes of them.

mod device;
mod pair;

use device::{CLIENT_TITLE, SERVER_TITLE, SERVICES, register};
use ferraris_dlms::acse::{Context, Mechanism};
use ferraris_dlms::client::{ClientError, Command, Credentials, Identity, Outcome, SessionKey, Settings};
use ferraris_dlms::security::{
    ASYMMETRIC, Challenge, Curve, Dialect, Key, Keys, Policy, PrivateKey, Protection, PublicKey, Suite, generate,
};
use ferraris_dlms::server::SecurityEvent;
use pair::{PATIENCE, Pair, Transport, whole};

/// Everything that both sides have in one suite.
struct Chest {
    suite: Suite,
    encryption: Key,
    authentication: Key,
    master: Key,
    session: Key,
    client: [PrivateKey; 2],
    meter: [PrivateKey; 2],
    ephemeral: PrivateKey,
}

impl Chest {
    fn new(suite: Suite) -> Self {
        let curve = Curve::of(suite).unwrap_or(Curve::P256);
        let private = |seed: u8| generate(ASYMMETRIC, curve, &mut |out| out.fill(seed)).expect("a key").0;
        let key = |octet: u8| Key::new(&[octet; 32][..suite.key_length()]).expect("of the suite");
        Self {
            suite,
            encryption: key(1),
            authentication: key(2),
            master: key(3),
            session: key(4),
            client: [private(5), private(6)],
            meter: [private(7), private(8)],
            ephemeral: private(9),
        }
    }

    fn public(private: &PrivateKey) -> PublicKey {
        ASYMMETRIC.public_key(private).expect("a private key")
    }

    fn settings(&self) -> Settings<'_> {
        let [signing, agreement] = &self.client;
        let [meter_signing, meter_agreement] = self.meter.each_ref().map(|it| Some(Self::public(it)));
        let keys = Keys {
            suite: self.suite,
            encryption: &self.encryption,
            authentication: &self.authentication,
        };
        let credentials = Credentials::Gmac(Challenge::new(b"K56iVagY").expect("8 octets"));
        Settings {
            credentials,
            identity: Some(Identity {
                algorithms: ASYMMETRIC,
                signing: Some(signing),
                agreement: Some(agreement),
                ephemeral: Some(&self.ephemeral),
                meter_signing,
                meter_agreement,
                certificate: None,
            }),
            ..Settings::public(1, 1, SERVICES).ciphered(CLIENT_TITLE, keys, Protection::BOTH)
        }
    }

    fn pair<'b>(&self, transport: Transport, settings: Settings<'b>, lent: &'b mut [u8]) -> Pair<'b> {
        let dialect = settings.dialect;
        let mut pair = Pair::new(transport, settings, PATIENCE, lent);
        let device = &mut pair.device;
        device.suite = self.suite;
        device.dialect = dialect;
        device.encryption = self.encryption.clone();
        device.authentication = self.authentication.clone();
        device.master = Some(self.master.clone());
        for (purpose, (meter, client)) in (0..).zip(self.meter.iter().zip(&self.client)) {
            device.private.insert(purpose, meter.clone());
            device.partner.insert(purpose, Self::public(client));
        }
        pair
    }
}

/// Associates, reads a register and a value of many blocks, and releases.
fn converse(pair: &mut Pair<'_>, what: &str) {
    let long = pair.device.put_long(10, 3_000);
    pair.run(Command::Associate)
        .unwrap_or_else(|why| panic!("{what}: {why}"));
    for (number, expected) in [(2, vec![0x12, 0x12, 0x34]), (10, long)] {
        pair.run(Command::Get(whole(register(number))))
            .unwrap_or_else(|why| panic!("{what}: {why}"));
        let outcome = pair.client.outcome();
        assert_eq!(outcome, Some(Outcome::Value(Ok(&expected[..]))), "{what}");
    }
    pair.run(Command::Release).unwrap_or_else(|why| panic!("{what}: {why}"));
}

const TRANSPORTS: [Transport; 2] = [Transport::Wrapper, Transport::Hdlc(128, 1)];
const SUITES: [Suite; 3] = [Suite::Zero, Suite::One, Suite::Two];

#[test]
fn every_mechanism_proves_both_sides_to_each_other() {
    for suite in SUITES {
        let chest = Chest::new(suite);
        let challenge = || Challenge::new(&[0x5A; 32]).expect("32 octets");
        let secret = |mechanism| Credentials::Secret(mechanism, device::PASSWORD, challenge());
        let mut all = vec![
            secret(Mechanism::Manufacturer),
            secret(Mechanism::Md5),
            secret(Mechanism::Sha1),
            secret(Mechanism::Sha256),
            Credentials::Gmac(challenge()),
        ];
        if suite != Suite::Zero {
            all.push(Credentials::Signature(challenge()));
        }
        for credentials in all {
            for context in [Context::Plain, Context::Ciphered] {
                let settings = Settings {
                    credentials: credentials.clone(),
                    context,
                    ..chest.settings()
                };
                let mut lent = vec![0; 8192];
                let mut pair = chest.pair(Transport::Wrapper, settings, &mut lent);
                converse(&mut pair, &format!("{suite:?} {context:?}"));
                assert!(matches!(
                    pair.device.events.first(),
                    Some((1, SecurityEvent::Associated { .. }))
                ));
            }
        }
    }
}

#[test]
fn a_wrong_secret_proves_nothing_by_any_mechanism() {
    let chest = Chest::new(Suite::One);
    let challenge = || Challenge::new(&[0x5A; 32]).expect("32 octets");
    let mut all: Vec<Credentials<'_>> = [
        Mechanism::Manufacturer,
        Mechanism::Md5,
        Mechanism::Sha1,
        Mechanism::Sha256,
    ]
    .map(|mechanism| Credentials::Secret(mechanism, b"87654321", challenge()))
    .into();
    all.push(Credentials::Signature(challenge()));
    for credentials in all {
        let mut settings = Settings {
            credentials,
            ..chest.settings()
        };
        // The key agreement's key signs nothing that anybody believes.
        settings.identity = settings.identity.map(|it| Identity {
            signing: it.agreement,
            ..it
        });
        let mut lent = vec![0; 1024];
        let mut pair = chest.pair(Transport::Wrapper, settings, &mut lent);
        assert_eq!(pair.run(Command::Associate), Err(ClientError::Impostor));
        let events: Vec<_> = pair.device.events.iter().map(|(_, event)| *event).collect();
        assert!(events.contains(&SecurityEvent::AuthenticationFailed), "{events:?}");
    }
}

#[test]
fn every_general_form_carries_a_conversation() {
    for suite in SUITES {
        let chest = Chest::new(suite);
        let wrapped = SessionKey::Wrapped {
            master: &chest.master,
            key: &chest.session,
        };
        let mut keys = vec![None, Some(SessionKey::Identified), Some(wrapped)];
        if suite != Suite::Zero {
            keys.extend([Some(SessionKey::OnePass), Some(SessionKey::Static)]);
        }
        for (which, session_key) in keys.into_iter().enumerate() {
            let signs = if suite == Suite::Zero {
                vec![false]
            } else {
                vec![false, true]
            };
            for signed in signs {
                let each_time = Dialect {
                    key_said_each_time: true,
                    ..Dialect::STANDARD
                };
                for dialect in [Dialect::STANDARD, Dialect::GURUX, each_time] {
                    let transport = TRANSPORTS[which % 2];
                    let protection = if signed {
                        Protection::BOTH | Protection::SIGNED
                    } else {
                        Protection::BOTH
                    };
                    let settings = Settings {
                        session_key,
                        protection,
                        dialect,
                        ..chest.settings()
                    };
                    let mut lent = vec![0; 8192];
                    let mut pair = chest.pair(transport, settings, &mut lent);
                    converse(
                        &mut pair,
                        &format!("{suite:?} key {which} signed {signed} {transport:?}"),
                    );
                }
            }
        }
    }
}

#[test]
fn a_policy_that_wants_signatures_gets_them_or_nothing() {
    let chest = Chest::new(Suite::One);
    let signed = Policy::from_mask(0xFC);
    let settings = Settings {
        protection: Protection::BOTH | Protection::SIGNED,
        ..chest.settings()
    };
    let mut lent = vec![0; 8192];
    let mut pair = chest.pair(Transport::Wrapper, settings, &mut lent);
    pair.device.policy = signed;
    converse(&mut pair, "signed");
    // The initiate request is not signed; the first request is refused that is not either.
    let mut lent = vec![0; 8192];
    let mut pair = chest.pair(Transport::Wrapper, chest.settings(), &mut lent);
    pair.device.policy = signed;
    assert!(matches!(pair.run(Command::Associate), Err(ClientError::Exception(_))));
    let last = pair.device.events.last().map(|(_, event)| *event);
    assert_eq!(last, Some(SecurityEvent::Unprotected));
}

/// What one side says, and what the other answers to it.
struct Wire {
    up: Vec<Vec<u8>>,
    down: Vec<Vec<u8>>,
}

/// Reads register 2 and listens in; the meter's answer is not yet given to the client.
fn ask(pair: &mut Pair<'_>) -> Wire {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    pair.client
        .start(pair.now, Command::Get(whole(register(2))), &mut |octets| {
            up.push(octets.to_vec())
        })
        .expect("it can be given");
    for octets in &up {
        let heard = pair.link.receive(pair.now, octets, &mut pair.device, &mut |octets| {
            down.push(octets.to_vec())
        });
        assert_eq!(heard, Ok(()));
    }
    Wire { up, down }
}

fn take(pair: &mut Pair<'_>, answer: &[u8]) -> Result<bool, ClientError> {
    pair.client.receive(pair.now, answer, &mut |_| {})
}

/// A signature alone has no counter: the server takes no request again, and none from before; the client no answer, not even one with the
/// same invoke id, and none of another association or for another client.
#[test]
fn what_was_signed_alone_is_not_taken_again() {
    let chest: &'static Chest = Box::leak(Box::new(Chest::new(Suite::One)));
    let settings = |challenge: u8| Settings {
        credentials: Credentials::Signature(Challenge::new(&[challenge; 32]).expect("32 octets")),
        protection: Protection::SIGNED,
        ..chest.settings()
    };
    let associated = |settings: Settings<'static>| {
        let mut pair = chest.pair(Transport::Wrapper, settings, vec![0; 8192].leak());
        pair.device.policy = Policy::from_mask(0x90);
        pair.run(Command::Associate).expect("it is let in");
        pair
    };
    let mut pair = associated(settings(0x5A));
    let mut wires = Vec::<Wire>::new();
    for number in 0..17 {
        let wire = ask(&mut pair);
        if number == 16 {
            // Sixteen invoke ids: this one is that of the first.
            assert_eq!(take(&mut pair, &wires[0].down.concat()), Err(ClientError::Replayed));
        } else {
            assert_eq!(take(&mut pair, &wire.down.concat()), Ok(true), "{number}");
        }
        wires.push(wire);
    }
    for number in [0, 16] {
        let mut answer = Vec::new();
        let heard = pair
            .link
            .receive(pair.now, &wires[number].up.concat(), &mut pair.device, &mut |octets| {
                answer.extend_from_slice(octets);
            });
        assert_eq!(heard, Ok(()));
        assert_eq!(answer[8..], [0xD8, 1, 5], "{number}");
        let last = pair.device.events.last().map(|(_, event)| *event);
        assert!(
            matches!(last, Some(SecurityEvent::Replayed { .. })),
            "{number}: {last:?}"
        );
    }
    let mut other = associated(settings(0x5B));
    let wire = ask(&mut other);
    assert_eq!(wire.up.concat().len(), wires[0].up.concat().len());
    assert_eq!(take(&mut other, &wires[0].down.concat()), Err(ClientError::Replayed));
}

#[test]
fn another_title_or_another_key_opens_nothing() {
    let chest = Chest::new(Suite::One);
    let stranger = Chest {
        encryption: Key::new(&[0x77; 16]).expect("16 octets"),
        ..Chest::new(Suite::One)
    };
    for (title, of) in [
        (*b"STRANGER", &chest),
        (SERVER_TITLE, &chest),
        (CLIENT_TITLE, &stranger),
    ] {
        let settings = Settings { title, ..of.settings() };
        let mut lent = vec![0; 1024];
        let mut pair = chest.pair(Transport::Wrapper, settings, &mut lent);
        assert!(matches!(pair.run(Command::Associate), Err(ClientError::Refused { .. })));
        // The meter works on for who it knows.
        let mut lent = vec![0; 8192];
        let mut next = chest.pair(Transport::Wrapper, chest.settings(), &mut lent);
        next.device = pair.device;
        next.device.received = None;
        converse(&mut next, "the right client");
    }
}

/// A defect of gurux-dlms: a meter's wrong signature ended the program. Here it is a meter that is not the one it says.
#[test]
fn a_meter_with_a_wrong_signature_is_an_impostor() {
    for suite in [Suite::One, Suite::Two] {
        let chest = Chest::new(suite);
        let mut settings = Settings {
            credentials: Credentials::Signature(Challenge::new(&[0x5A; 32]).expect("32 octets")),
            ..chest.settings()
        };
        let mut lent = vec![0; 1024];
        let mut pair = chest.pair(Transport::Wrapper, settings.clone(), &mut lent);
        assert_eq!(pair.run(Command::Associate), Ok(()), "{suite:?}");
        settings.identity = settings.identity.map(|it| Identity {
            meter_signing: it.meter_agreement,
            ..it
        });
        let mut lent = vec![0; 1024];
        let mut pair = chest.pair(Transport::Wrapper, settings, &mut lent);
        assert_eq!(pair.run(Command::Associate), Err(ClientError::Impostor), "{suite:?}");
    }
}
