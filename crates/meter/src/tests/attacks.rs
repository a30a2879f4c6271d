//! Attacks on the link, each with its refusal, its one entry in the log, and a meter that serves on (S1; issue 5, bad input).

extern crate std;

use std::vec::Vec;
use std::{format, vec};

use base::Micros;
use dlms::acse::{AssociationResponse, Mechanism};
use dlms::client::{Command, Credentials, Settings};
use dlms::security::{Challenge, Envelope, HEADROOM, Key, Keys, Protection, Secret, Title, gmac_token, seal};
use dlms::server::Link;

use super::talker::{CLIENT, ENERGY, Known, SERVICES, Talker, wrapped};
use super::{AARQ_LLS, Life, PASSWORD, config, hex, start};
use crate::profile::JournalId;
use crate::{Config, Fault, Input, Secrets};

const AUTHENTICATION: u8 = 46;
const DECRYPTION: u8 = 49;
const REPLAY: u8 = 50;
const LOCKED_OUT: u8 = 224;
const LOCK_OUT_ENDED: u8 = 225;
const DOWNGRADE: u8 = 229;
const MALFORMED: u8 = 230;
const FLOOD: u8 = 231;

/// A meter that knows its client's title.
fn begin() -> Life {
    Life::ordered(&Config {
        client_system_title: Some(CLIENT),
        ..config()
    })
}

/// Carries an attack out `times` times; it is told once in the logs, and a good client is served before, meanwhile and behind.
fn attack(name: &str, codes: &[u8], times: u32, mut act: impl FnMut(&mut Life, u32)) {
    let mut life = begin();
    for number in 0..times {
        act(&mut life, number);
        if number == times / 2 {
            let counter = fresh(&life);
            life.serves(Known::of_tests().settings(), counter)
                .unwrap_or_else(|why| panic!("{name}: meanwhile: {why}"));
        }
    }
    assert_eq!(life.log(JournalId::SecurityLog), codes, "{name}: security log");
    let fraud: Vec<u8> = codes.iter().copied().filter(|code| *code < 200).collect();
    assert_eq!(life.log(JournalId::FraudLog), fraud, "{name}: fraud log");
    life.idle(1);
    let counter = fresh(&life);
    life.serves(Known::of_tests().settings(), counter)
        .unwrap_or_else(|why| panic!("{name}: behind it: {why}"));
    let (mut again, report) = Life::begin(life.bench.revived(), Some(start()));
    assert!(!report.has_loss(), "{name}: {report:?}");
    let counter = fresh(&again);
    again
        .serves(Known::of_tests().settings(), counter)
        .unwrap_or_else(|why| panic!("{name}: after a boot: {why}"));
}

/// A number that the meter has not seen.
fn fresh(life: &Life) -> u32 {
    life.meter.model().security.received.last() + 10
}

/// What the meter answers a request of client 1 on a link, without the wrapper.
fn say(life: &mut Life, link: &mut Link, apdu: &[u8]) -> Vec<u8> {
    let (frames, outcome) = life.hand(link, &wrapped(apdu));
    assert_eq!(outcome, Ok(()), "the link stays");
    frames.into_iter().flat_map(|frame| frame[8..].to_vec()).collect()
}

fn refused(life: &mut Life, settings: Settings<'_>, why: &str) {
    let refusal = Talker::new(life, settings, 1).ask(life, Command::Associate);
    let refusal = refusal.expect_err("it is refused");
    assert!(refusal.contains(why), "{refusal}");
}

#[test]
fn wrong_system_titles_are_refused() {
    let known = Known::of_tests();
    let own = config().system_title();
    attack("titles", &[DECRYPTION], 20, |life, number| {
        // A stranger's, and the meter's own.
        let title: Title = if number % 2 == 0 { *b"HES\0\0\0\0\x02" } else { own };
        let settings = Settings {
            title,
            ..known.settings()
        };
        refused(life, settings, "CallingTitleNotRecognised");
    });
}

#[test]
fn associations_with_less_than_must_be_shown_are_refused() {
    let known = Known::of_tests();
    attack("less shown", &[DOWNGRADE], 20, |life, number| {
        let public = Settings::public(1, 1, SERVICES);
        match number % 3 {
            // Nothing; what needs a ciphered context in a plain one; a password in the ciphered one.
            0 => refused(life, public, "MechanismRequired"),
            1 => refused(
                life,
                Settings {
                    credentials: known.settings().credentials,
                    keys: known.settings().keys,
                    title: CLIENT,
                    ..public
                },
                "ContextNotSupported",
            ),
            _ => refused(
                life,
                Settings {
                    credentials: Credentials::Password(PASSWORD),
                    ..known.settings()
                },
                "MechanismNotRecognised",
            ),
        }
    });
}

/// A sealed message of client 1 with this number.
fn sealed(apdu: &[u8], protection: Protection, title: Title, counter: u32) -> Vec<u8> {
    let known = Known::of_tests();
    let keys = Keys {
        suite: known.suite,
        encryption: &known.encryption,
        authentication: &known.authentication,
    };
    let mut buffer = vec![0; HEADROOM + apdu.len() + 16];
    let range = HEADROOM..HEADROOM + apdu.len();
    buffer[range.clone()].copy_from_slice(apdu);
    let range = seal(&mut buffer, range, Envelope::Global, protection, keys, title, counter).expect("it fits");
    buffer[range].to_vec()
}

#[test]
fn requests_with_less_protection_than_the_policy_are_refused() {
    let known = Known::of_tests();
    let get = hex("C001C1 0003 0100010800FF 02 00");
    attack("downgrade", &[DOWNGRADE], 20, |life, number| {
        let mut talker = Talker::new(life, known.settings(), fresh(life));
        talker.ask(life, Command::Associate).expect("it is let in");
        let counter = fresh(life) + 500;
        let request = match number % 3 {
            0 => get.clone(),
            1 => sealed(&get, Protection::AUTHENTICATED, CLIENT, counter),
            _ => sealed(&get, Protection::ENCRYPTED, CLIENT, counter),
        };
        assert_eq!(say(life, &mut talker.link, &request), hex("D80101"), "{number}");
        // The association stands: the attacker cannot end it.
        talker.ask(life, Command::Get(ENERGY)).expect("it goes on");
    });
}

#[test]
fn replayed_messages_are_refused() {
    let known = Known::of_tests();
    attack("replay", &[REPLAY], 20, |life, _| {
        let mut talker = Talker::new(life, known.settings(), fresh(life));
        talker.ask(life, Command::Associate).expect("it is let in");
        talker.ask(life, Command::Get(ENERGY)).expect("it reads");
        let (frames, _) = life.hand(&mut talker.link, &talker.said);
        let expected = life.meter.model().security.received.last() + 1;
        let answer = [&hex("D80106")[..], &expected.to_be_bytes()].concat();
        assert_eq!(frames.concat()[8..], answer);
        talker.ask(life, Command::Get(ENERGY)).expect("it goes on");
    });
}

#[test]
fn a_recorded_association_does_not_open_again() {
    let known = Known::of_tests();
    let mut recorded = Vec::new();
    attack("recorded AARQ", &[REPLAY], 20, |life, number| {
        if number == 0 {
            let mut talker = Talker::new(life, known.settings(), 1_000);
            let mut link = life.connect();
            talker
                .client
                .start(life.now, Command::Associate, &mut |frame| recorded = frame.to_vec())
                .expect("it asks");
            let (frames, _) = life.hand(&mut link, &recorded);
            assert!(!frames.concat().is_empty());
            talker.link = link;
            let mut answer = Vec::new();
            let done = talker
                .client
                .receive(life.now, &frames.concat(), &mut |frame| answer = frame.to_vec());
            assert_eq!(done, Ok(false));
            let (frames, _) = life.hand(&mut talker.link, &answer);
            assert_eq!(frames.len(), 1, "the association stands");
        } else {
            let mut link = life.connect();
            let (frames, _) = life.hand(&mut link, &recorded);
            // AARE, rejected.
            assert!(frames.concat().windows(5).any(|it| it == hex("A203020101").as_slice()));
        }
    });
}

#[test]
fn reflected_messages_are_refused() {
    let known = Known::of_tests();
    attack("reflected", &[DECRYPTION], 20, |life, number| {
        let mut talker = Talker::new(life, known.settings(), fresh(life));
        talker.ask(life, Command::Associate).expect("it is let in");
        talker.ask(life, Command::Get(ENERGY)).expect("it reads");
        let mut answer = talker.heard[8..].to_vec();
        // As it came, and as if it were a request.
        if number % 2 == 0 {
            answer[0] = 0xC8;
        }
        assert_eq!(say(life, &mut talker.link, &answer), hex("D80105"), "{number}");
        talker.ask(life, Command::Get(ENERGY)).expect("it goes on");
    });
}

#[test]
fn messages_under_a_wrong_key_are_refused() {
    let known = Known::of_tests();
    attack("wrong key", &[DECRYPTION], 20, |life, _| {
        let other = Known {
            encryption: Key::new(&[9; 16]).expect("16 octets"),
            ..known.clone()
        };
        refused(life, other.settings(), "AuthenticationFailure");
        let mut talker = Talker::new(life, known.settings(), fresh(life));
        talker.ask(life, Command::Associate).expect("it is let in");
        let mut request = sealed(
            &hex("C001C1 0003 0100010800FF 02 00"),
            Protection::BOTH,
            CLIENT,
            fresh(life) + 500,
        );
        let last = request.len() - 1;
        request[last] ^= 1;
        assert_eq!(say(life, &mut talker.link, &request), hex("D80105"));
        talker.ask(life, Command::Get(ENERGY)).expect("it goes on");
    });
}

/// Class 124: who guesses is locked out, the right password with him; then everybody is served again.
#[test]
fn guessed_passwords_lock_the_port() {
    let mut life = begin();
    let mut wrong = AARQ_LLS.to_vec();
    let at = wrong.windows(8).position(|it| it == PASSWORD).expect("it is in there");
    let accepted = hex("A203020100");
    let let_in = |answer: &[u8]| answer.windows(5).any(|it| it == accepted);
    for guess in 0..200_u32 {
        wrong[at..at + 4].copy_from_slice(&guess.to_be_bytes());
        let mut link = life.connect();
        assert!(!let_in(&say(&mut life, &mut link, &wrong)), "guess {guess}");
    }
    let mut link = life.connect();
    assert!(!let_in(&say(&mut life, &mut link, AARQ_LLS)), "the port is locked");
    assert_eq!(
        life.serves(Settings::public(16, 1, SERVICES), 1).map_err(|_| ()),
        Err(()),
        "energy is not public"
    );
    assert_eq!(life.log(JournalId::SecurityLog), [AUTHENTICATION, LOCKED_OUT]);
    assert_eq!(life.log(JournalId::FraudLog), [AUTHENTICATION]);
    assert!(life.meter.deadline() <= life.now + Micros::from_secs(60));
    life.idle(61);
    assert_eq!(
        life.log(JournalId::SecurityLog),
        [AUTHENTICATION, LOCKED_OUT, LOCK_OUT_ENDED]
    );
    assert!(let_in(&say(&mut life, &mut link, AARQ_LLS)));
    life.serves(Known::of_tests().settings(), 1).expect("it is let in");
}

/// Whether client 1 is let in with a secret of HLS 6, sealed with the right keys.
fn shows(life: &mut Life, secret: &[u8]) -> bool {
    let known = Known::of_tests();
    let own = Challenge::new(&[0x5A; 32]).expect("32 octets");
    let settings = Settings {
        credentials: Credentials::Secret(Mechanism::Sha256, secret, own),
        ..known.settings()
    };
    let counter = fresh(life);
    Talker::new(life, settings, counter)
        .ask(life, Command::Associate)
        .is_ok()
}

/// The same for the secret of HLS: who comes with the right keys and answers the challenge wrongly guesses, too.
#[test]
fn guessed_secrets_of_hls_lock_the_port() {
    let mut life = Life::ordered(&Config {
        client_system_title: Some(CLIENT),
        secrets: Secrets {
            hls_secret: Secret::new(b"right-secret"),
            ..config().secrets
        },
        ..config()
    });
    assert!(shows(&mut life, b"right-secret"));
    for guess in 0..200_u32 {
        let secret = [b"wrong-se".as_slice(), &guess.to_be_bytes()].concat();
        assert!(!shows(&mut life, &secret), "guess {guess}");
    }
    assert!(!shows(&mut life, b"right-secret"), "the port is locked");
    assert_eq!(life.log(JournalId::SecurityLog), [AUTHENTICATION, LOCKED_OUT]);
    assert_eq!(life.log(JournalId::FraudLog), [AUTHENTICATION]);
    life.idle(61);
    assert!(shows(&mut life, b"right-secret"));
    assert_eq!(
        life.log(JournalId::SecurityLog),
        [AUTHENTICATION, LOCKED_OUT, LOCK_OUT_ENDED]
    );
}

/// HLS 2 has a key of 16 octets: with a longer secret nobody could answer, so it is not offered and nobody is counted.
#[test]
fn a_secret_that_is_too_long_for_hls_2_is_for_the_others() {
    let known = Known::of_tests();
    let long = b"a-secret-of-some-17";
    for (length, is_offered) in [(16, true), (17, false)] {
        let secret = &long[..length];
        let mut life = Life::ordered(&Config {
            secrets: Secrets {
                hls_secret: Secret::new(secret),
                old_mechanisms: true,
                ..config().secrets
            },
            ..config()
        });
        let own = Challenge::new(&[0x5A; 32]).expect("32 octets");
        let settings = Settings {
            credentials: Credentials::Secret(Mechanism::Manufacturer, secret, own),
            ..known.settings()
        };
        let answered = Talker::new(&life, settings, 1).ask(&mut life, Command::Associate);
        match answered {
            Ok(_) => assert!(is_offered, "{length}"),
            Err(why) => assert!(!is_offered && why.contains("MechanismNotRecognised"), "{length}: {why}"),
        }
        assert_eq!(life.meter.model().port_protection.state(life.now).cumulative, 0);
        assert!(shows(&mut life, secret), "{length}: HLS 6");
    }
}

/// Handshakes that were begun before the lockout are answered in it: no answer is looked at, wrong ones are counted, and the right one
/// neither gets in nor ends the lockout.
#[test]
fn a_lockout_is_for_handshakes_that_were_begun_before_it() {
    let known = Known::of_tests();
    let keys = Keys {
        suite: known.suite,
        encryption: &known.encryption,
        authentication: &known.authentication,
    };
    let mut life = begin();
    let mut begun = Vec::new();
    for _ in 0..31 {
        let mut talker = Talker::new(&life, known.settings(), fresh(&life));
        let mut asked = Vec::new();
        talker
            .client
            .start(life.now, Command::Associate, &mut |frame| asked = frame.to_vec())
            .expect("it asks");
        let answer = life.hand(&mut talker.link, &asked).0.concat();
        let response = AssociationResponse::parse(&answer[8..]).expect("an AARE");
        let challenge = response.authentication.and_then(Challenge::new).expect("StoC");
        begun.push((talker.link, challenge));
    }
    let answer = |life: &mut Life, (link, challenge): &mut (Link, Challenge), is_right: bool| {
        let number = fresh(life);
        let mut token = gmac_token(keys, CLIENT, number + 1, challenge).expect("a token");
        token[16] ^= u8::from(!is_right);
        let reply = [&hex("C301C1 000F 0000280000FF 01 01 0911")[..], &token].concat();
        let connections = life.meter.model().connections;
        say(life, link, &sealed(&reply, Protection::BOTH, CLIENT, number));
        life.meter.model().connections != connections
    };
    let (first, others) = begun.split_first_mut().expect("some");
    assert!(answer(&mut life, first, true), "the right answer gets in");
    for (number, one) in others.iter_mut().enumerate() {
        assert!(!answer(&mut life, one, 15 <= number), "{number}");
    }
    let state = life.meter.model().port_protection.state(life.now);
    assert_eq!((state.status, state.failed, state.cumulative), (1, 10, 30));
    life.idle(61);
    let counter = fresh(&life);
    life.serves(known.settings(), counter)
        .expect("it is let in when the time is over");
}

/// Neither a lockout nor the failures before it are forgotten without power.
#[test]
fn a_lockout_outlives_power_cuts() {
    let state = |life: &Life| {
        let state = life.meter.model().port_protection.state(life.now);
        (state.status, state.failed, state.cumulative)
    };
    let mut wrong = AARQ_LLS.to_vec();
    let at = wrong.windows(8).position(|it| it == PASSWORD).expect("it is in there");
    wrong[at] ^= 1;
    let (mut life, _) = Life::begin(super::Bench::new(), Some(start()));
    let mut link = life.connect();
    for _ in 0..9 {
        say(&mut life, &mut link, &wrong);
    }
    life.step(Input::PowerFailing).expect("a good farewell");
    let (mut life, _) = Life::begin(life.bench.revived(), Some(start()));
    assert_eq!(state(&life), (0, 9, 9));
    let mut link = life.connect();
    say(&mut life, &mut link, &wrong);
    assert_eq!(state(&life), (1, 10, 10));
    // Without a farewell.
    let (mut life, _) = Life::begin(life.bench.revived(), Some(start()));
    assert_eq!(state(&life), (1, 10, 10));
    let mut link = life.connect();
    say(&mut life, &mut link, AARQ_LLS);
    assert_eq!(state(&life), (1, 10, 10), "the right password, too");
    life.idle(61);
    say(&mut life, &mut link, AARQ_LLS);
    assert_eq!(state(&life), (0, 0, 10));
}

/// Nothing, cut, nested without end, lengths and counts that lie, and what no tag begins.
#[test]
fn malformed_messages_are_refused() {
    let wrong: Vec<Vec<u8>> = vec![
        hex("FF"),
        hex("6036A109"),
        hex("60FFFFFFFFFF"),
        hex("C0"),
        hex("C001C1 0003 0100010800FF 02"),
        hex("C003C1 FF 0003 0100010800FF 02 00"),
        hex("C101C1 0001 0000600101FF 02 00 09 84FFFFFFFF"),
        [hex("C101C1 0001 0000600101FF 02 00"), [0x01, 0x01].repeat(400)].concat(),
        hex("C104C1 02 0003 0100010800FF 02 00"),
        hex("C301C1 0046 000060030AFF 01"),
        hex("C8 82FFFF 30 00000001"),
        hex("00"),
        hex("7F").repeat(2_000),
        hex("620380"),
    ];
    attack("malformed", &[MALFORMED], 420, |life, number| {
        let mut link = life.connect();
        // Half of them without an association, half in one.
        if number % 2 == 0 {
            say(life, &mut link, AARQ_LLS);
        }
        let request = &wrong[number as usize % wrong.len()];
        let answer = say(life, &mut link, request);
        let is_refusal = matches!(answer.as_slice(), [0xD8, ..] | [0x0E, ..] | [0xC5, _, _, 1..=255, ..]);
        assert!(is_refusal, "{request:02X?}: {answer:02X?}");
    });
}

#[test]
fn messages_that_are_too_long_end_the_connection() {
    attack("too long", &[MALFORMED], 50, |life, number| {
        let mut link = life.connect();
        say(life, &mut link, AARQ_LLS);
        // 2049 octets to 65535, and what is no wrapper.
        let frame = match number % 3 {
            0 => hex("0001 0001 0001 0801"),
            1 => hex("0001 0001 0001 FFFF"),
            _ => hex("0002 0001 0001 0010"),
        };
        let (frames, outcome) = life.hand(&mut link, &frame);
        assert_eq!((frames, outcome), (vec![], Err(Fault::Closed)));
    });
}

#[test]
fn blocks_out_of_order_are_refused() {
    attack("out of order", &[MALFORMED], 60, |life, number| {
        let mut link = life.connect();
        say(life, &mut link, AARQ_LLS);
        let (requests, answer): (&[&str], _) = match number % 6 {
            // The next block of nothing: GET, SET, ACTION.
            0 => (&["C002C1 00000001"], "C402C1 01 00000001 01 10"),
            1 => (&["C103C1 01 00000002 02 0900"], "C503C1 12 00000002"),
            2 => (&["C302C1 00000001"], "C701C1 10 00"),
            // A leap.
            3 => (
                &[
                    "C102C1 0001 0000600101FF 02 00 00 00000001 02 0908",
                    "C103C1 01 00000003 02 0900",
                ],
                "C503C1 13 00000003",
            ),
            4 => (
                &["C001C1 000F 0000280000FF 02 00", "C002C1 00000007"],
                "C402C1 01 00000007 01 13",
            ),
            // The first once more.
            _ => (
                &[
                    "C102C1 0001 0000600101FF 02 00 00 00000001 02 0908",
                    "C103C1 01 00000001 02 0900",
                ],
                "C503C1 13 00000001",
            ),
        };
        let mut said = Vec::new();
        for request in requests {
            said = say(life, &mut link, &hex(request));
        }
        assert_eq!(said, hex(answer), "{requests:?}");
        assert_eq!(life.read(1, "0-0:96.1.1", 2), hex("0900"), "nothing was half set");
    });
}

/// Blocks without end cost one buffer, and the transfer.
#[test]
fn floods_of_blocks_are_refused() {
    attack("flood of blocks", &[MALFORMED], 6, |life, number| {
        let mut link = life.connect();
        say(life, &mut link, AARQ_LLS);
        let zeros = vec![0; 1_000];
        let block = |head: &str, number: u32| {
            let number = number.to_be_bytes();
            [&hex(head)[..], &number, &[0x82, 0x03, 0xE8], &zeros].concat()
        };
        let first = match number % 2 {
            0 => block("C102C1 0001 0000600101FF 02 00 00", 1),
            _ => block("C304C1 0046 000060030AFF 01 00", 1),
        };
        let mut answer = say(life, &mut link, &first);
        for block_number in 2..50 {
            if matches!(answer.as_slice(), [0xC5, 0x03, ..] | [0xC7, 0x01, ..]) {
                break;
            }
            let head = if number % 2 == 0 { "C103C1 00" } else { "C306C1 00" };
            answer = say(life, &mut link, &block(head, block_number));
        }
        // long-set-aborted, long-action-aborted
        let expected = if number % 2 == 0 {
            hex("C503C1 11")
        } else {
            hex("C701C1 0F")
        };
        assert_eq!(answer[..4], expected, "{answer:02X?}");
    });
}

#[test]
fn floods_of_general_blocks_are_refused() {
    let known = Known::of_tests();
    attack("flood of general blocks", &[MALFORMED], 6, |life, number| {
        let mut talker = Talker::new(life, known.settings(), fresh(life));
        talker.ask(life, Command::Associate).expect("it is let in");
        let mut answer = Vec::new();
        for block in 1..40_u16 {
            // A leap of a thousand blocks, or 500 octets each without an end.
            let at = if number % 2 == 0 { block } else { block * 1_000 };
            let head = [&hex("E0 01")[..], &at.to_be_bytes(), &hex("0000 8201F4")].concat();
            answer = say(life, &mut talker.link, &[head, vec![0; 500]].concat());
            if answer.first() == Some(&0xD8) {
                break;
            }
        }
        let expected = if number % 2 == 0 { hex("D80104") } else { hex("E0") };
        assert_eq!(answer[..expected.len()], expected, "{number}: {answer:02X?}");
    });
}

/// Handshakes that nobody finishes hold nothing: each new one takes the place of the one before.
#[test]
fn half_open_associations_give_way() {
    let known = Known::of_tests();
    for cuts in [false, true] {
        attack(&format!("half open, cut {cuts}"), &[FLOOD], 40, |life, _| {
            let mut talker = Talker::new(life, known.settings(), fresh(life));
            let mut asked = Vec::new();
            talker
                .client
                .start(life.now, Command::Associate, &mut |frame| asked = frame.to_vec())
                .expect("it asks");
            let (frames, _) = life.hand(&mut talker.link, &asked);
            assert!(!frames.is_empty());
            let again = Settings {
                credentials: known.settings().credentials,
                ..known.settings()
            };
            if cuts {
                life.cut(&mut talker.link);
            } else {
                // Another one on the same connection.
                let mut next = Talker::new(life, again, fresh(life) + 500);
                next.client
                    .start(life.now, Command::Associate, &mut |frame| asked = frame.to_vec())
                    .expect("it asks");
                let (frames, _) = life.hand(&mut talker.link, &asked);
                assert_eq!(frames.len(), 1);
            }
        });
    }
}

/// Who stops in the middle of a message, or sends an octet now and then, is given up when its time is over.
#[test]
fn slow_clients_are_given_up() {
    attack("slow", &[FLOOD], 12, |life, number| {
        let mut link = life.connect();
        let mut at = life.now;
        let frame = wrapped(AARQ_LLS);
        let octets = if number % 2 == 0 { &frame[..20] } else { &frame[..0] };
        for octet in octets {
            let input = Input::Received {
                link: &mut link,
                at,
                octets: core::slice::from_ref(octet),
                answer: &mut |_| {},
            };
            let outcome = life.meter.step(life.now, input, &mut life.bench);
            assert_eq!(outcome, Ok(()));
            at = at + Micros::from_secs(1);
        }
        assert!(
            link.deadline() <= life.now + Micros::from_secs(180),
            "octets do not keep it"
        );
        assert_eq!(life.elapse(&mut link, life.now + Micros::from_secs(179)), Ok(()));
        assert_eq!(
            life.elapse(&mut link, life.now + Micros::from_secs(180)),
            Err(Fault::Closed)
        );
    });
}

/// More connections than places; how the oldest gives way is the board's, see the host's `links.rs`.
#[test]
fn floods_of_connections_are_told_once() {
    attack("connections", &[FLOOD], 1_000, |life, _| {
        life.step(Input::Crowded).expect("a good step");
    });
}

/// Everything at once for an hour is an entry a kind, and one more each when the hour is over.
#[test]
fn attacks_that_go_on_are_told_each_hour() {
    let mut life = begin();
    let mut link = life.connect();
    for _ in 0..125 {
        life.now = life.now + Micros::from_secs(30);
        say(&mut life, &mut link, &hex("FF"));
        life.step(Input::Crowded).expect("a good step");
    }
    assert_eq!(life.log(JournalId::SecurityLog), [MALFORMED, FLOOD, MALFORMED, FLOOD]);
}
