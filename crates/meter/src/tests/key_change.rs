//! Keys, certificates and policies that a client changes over DLMS, with the power cut at every step of the flash: afterwards the old or
//! the new is there, never half (class 64, methods 1 to 8).

extern crate std;

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;
use std::{format, println, vec};

use base::{Civil, Utc};
use cosem::axdr::{Enumerated, Octets, Reader, Writer};
use cosem::{Method, Obis};
use dlms::acse::Mechanism;
use dlms::client::{Command, Credentials, Identity, SessionKey, Settings};
use dlms::security::{
    ASYMMETRIC, CERTIFICATE_MAX, Certificate, Challenge, Curve, Issue, Key, PrivateKey, PublicKey, Purpose, Scheme,
    Secret, Suite, Title, derive, generate, wrap,
};
use flash::model::{Cut, How, Model as Flash, Timing};

use super::talker::{CLIENT, Known, Talker, item};
use super::{Bench, Life, TEST_SECTORS, config, start};
use crate::config::test_secrets;
use crate::keys::KeyId;
use crate::profile::JournalId;
use crate::{Config, Input, Meter, Secrets};

fn key(octet: u8) -> Key {
    Key::new(&[octet; 16]).expect("16 octets")
}

fn pair(seed: u8) -> (PrivateKey, PublicKey) {
    generate(ASYMMETRIC, Curve::P256, &mut |out| out.fill(seed)).expect("a key")
}

fn year(year: u16) -> Utc {
    Civil::new(year, 1, 1, 0, 0, 0).expect("a date").utc()
}

fn digits(title: Title) -> String {
    title.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// A certificate of the authority.
fn issue(subject: &str, public: &PublicKey, purpose: Option<Purpose>, serial: u8) -> Vec<u8> {
    let it = Issue {
        serial: &[serial],
        issuer: "root",
        subject,
        from: year(2020),
        to: year(2060),
        public,
        purpose,
    };
    emit(&it, &pair(1).0)
}

fn emit(it: &Issue<'_>, authority: &PrivateKey) -> Vec<u8> {
    let mut out = [0; CERTIFICATE_MAX];
    let length = it.emit(ASYMMETRIC, authority, &mut out).expect("it fits");
    out[..length].to_vec()
}

/// Everything of one meter of suite 1 and its client.
struct Chest {
    order: Config,
    client_signing: PrivateKey,
    meter_signing: PublicKey,
}

impl Chest {
    fn new() -> Self {
        let ((client_signing, client_public), (meter_signing, meter_public)) = (pair(2), pair(3));
        let title = config().system_title();
        let ds = Some(Purpose::Signature);
        let certificates: Vec<&'static [u8]> = [
            issue("root", &pair(1).1, None, 1),
            issue(&digits(CLIENT), &client_public, ds, 2),
            issue(&digits(title), &meter_public, ds, 3),
        ]
        .into_iter()
        .map(|it| &*it.leak())
        .collect();
        let secrets = Secrets {
            suite: Suite::One,
            master_key: Some(key(5)),
            hls_secret: Secret::new(b"recovery-secret"),
            private_keys: [Some(meter_signing), Some(pair(4).0), None],
            ..test_secrets()
        };
        Self {
            order: Config {
                client_system_title: Some(CLIENT),
                algorithms: ASYMMETRIC,
                certificates: Box::leak(certificates.into_boxed_slice()),
                secrets,
                ..config()
            },
            client_signing,
            meter_signing: meter_public,
        }
    }

    fn identity(&self) -> Identity<'_> {
        Identity {
            algorithms: ASYMMETRIC,
            signing: Some(&self.client_signing),
            agreement: None,
            ephemeral: None,
            meter_signing: Some(self.meter_signing),
            meter_agreement: None,
            certificate: None,
        }
    }

    /// A new meter, and a client that manages it.
    fn managed<'k>(&self, known: &'k Known) -> (Life, Talker<'k>) {
        let mut life = self.boot(virgin());
        life.idle(1);
        let mut talker = Talker::new(&life, known.settings(), 10);
        talker.ask(&mut life, Command::Associate).expect("it is let in");
        (life, talker)
    }

    fn boot(&self, flash: super::TestFlash) -> Life {
        let mut bench = Bench {
            flash,
            closed: None,
            rtc: None,
        };
        let (meter, report) = Meter::boot(&self.order, Some(start()), [7; 32], &mut bench).expect("this flash works");
        assert!(!report.has_loss(), "{report:?}");
        let link = dlms::server::Link::Wrapper(dlms::server::WrapperLink::new(
            base::Instant::START,
            base::Micros::from_secs(180),
        ));
        Life {
            bench,
            meter,
            now: base::Instant::START,
            link,
        }
    }
}

/// The keys from the factory.
fn factory() -> Known {
    Known {
        suite: Suite::One,
        encryption: key(0),
        authentication: key(0),
    }
}

const fn setup(method: i8) -> Method {
    Method::new(64, Obis::new("0-0:43.0.2"), method)
}

/// What a client does to the meter, and what it learns by that.
struct Act<'a> {
    name: &'static str,
    /// Does it; answers what the meter returned, or why not.
    act: &'a dyn Fn(&mut Talker<'_>, &mut Life) -> Result<Vec<u8>, String>,
    /// Whether a meter is as it is after the act (true) or as before (false); anything else panics. It gets what the meter returned when it
    /// acknowledged.
    is_new: &'a dyn Fn(&mut Life, Option<&[u8]>) -> bool,
}

/// A flash as it comes from its maker.
fn virgin() -> Flash<Vec<u8>, Vec<u32>> {
    Flash::new(
        vec![0xFF; TEST_SECTORS * 4_096],
        vec![0; TEST_SECTORS],
        Timing::TYPICAL,
        1,
    )
}

/// Does the act with the power cut at each step of the flash in each way.
fn cut_everywhere(chest: &Chest, prepare: &dyn Fn(&mut Life), act: &Act<'_>) {
    let mut life = chest.boot(virgin());
    life.idle(1);
    prepare(&mut life);
    life.idle(1);
    life.step(Input::PowerFailing).expect("a good farewell");
    let cells = life.bench.revived().flash.cells().to_vec();
    let begin = |seed: u64| {
        let wear = vec![0; TEST_SECTORS];
        let mut life = chest.boot(Flash::new(cells.clone(), wear, Timing::TYPICAL, seed));
        life.idle(1);
        life
    };
    let counter = |life: &Life| life.meter.model().security.received.last() + 10;
    let perform = |life: &mut Life| {
        let known = factory();
        let settings = known.settings();
        let settings = Settings {
            identity: Some(chest.identity()),
            ..settings
        };
        let mut talker = Talker::new(life, settings, counter(life));
        talker.ask(life, Command::Associate)?;
        (act.act)(&mut talker, life)
    };
    // Once without a cut, to know the steps.
    let mut whole = begin(1);
    assert!(!(act.is_new)(&mut begin(1), None), "{}: it is old before", act.name);
    let from = whole.bench.flash.writes().steps;
    let returned = perform(&mut whole).unwrap_or_else(|why| panic!("{}: {why}", act.name));
    let to = whole.bench.flash.writes().steps;
    assert!(
        (act.is_new)(&mut whole, Some(&returned)),
        "{}: it is new after",
        act.name
    );
    assert!(from < to, "{}: it must write", act.name);
    let (mut old, mut new) = (0, 0);
    for step in from..to {
        for how in [How::NotDone, How::HalfDone, How::Torn, How::Done] {
            let seed = step << 8 | 1;
            let context = format!("{}: step {step} of {from}..{to}, {how:?}, seed {seed}", act.name);
            let mut life = begin(seed);
            life.bench.flash.cut(Some(Cut { step, how }));
            let acknowledged = perform(&mut life);
            let mut life = chest.boot(life.bench.revived().flash);
            let is_new = (act.is_new)(&mut life, acknowledged.as_deref().ok());
            assert!(
                is_new || acknowledged.is_err(),
                "{context}: what was acknowledged is there"
            );
            if is_new {
                new += 1;
            } else {
                old += 1;
            }
        }
    }
    println!(
        "{}: {} cuts in {} steps: {old} old, {new} new",
        act.name,
        old + new,
        to - from
    );
    assert!(0 < old && 0 < new, "{}: cuts on both sides", act.name);
}

/// Whether these keys open the meter; the counter is one that no key has seen.
fn opens(life: &mut Life, known: &Known) -> bool {
    let counter = life.meter.model().security.received.last() + 10;
    life.serves(known.settings(), counter).is_ok()
}

/// Exactly one of two sets of keys opens the meter; answers whether it is the new one.
fn opened_by(life: &mut Life, old: &Known, new: &Known) -> bool {
    let found = [opens(life, old), opens(life, new)];
    assert!(found[0] != found[1], "one of both: {found:?}");
    found[1]
}

fn transfer(keys: &[(KeyId, u8)]) -> Vec<u8> {
    let mut buffer = [0; 400];
    let mut out = Writer::new(&mut buffer);
    out.array(keys.len()).expect("it fits");
    for &(id, octet) in keys {
        out.structure(2).expect("it fits");
        out.value(Enumerated(id as u8)).expect("it fits");
        let wrapped = wrap(&key(5), &key(octet)).expect("a key wraps");
        out.value(Octets(&wrapped)).expect("it fits");
    }
    out.written().to_vec()
}

/// Method 2: two keys of one list change together or not at all.
#[test]
fn transferred_keys_are_old_or_new_after_a_cut() {
    let new = Known {
        encryption: key(0x11),
        authentication: key(0x22),
        ..factory()
    };
    let parameters = transfer(&[(KeyId::Unicast, 0x11), (KeyId::Authentication, 0x22)]);
    let act = Act {
        name: "key_transfer",
        act: &|talker, life| talker.ask(life, Command::Act(setup(2), Some(&parameters))),
        is_new: &|life, _| opened_by(life, &factory(), &new),
    };
    cut_everywhere(&Chest::new(), &|_| {}, &act);
}

/// The parameters of key_agreement for the unicast key, signed by the client.
fn agreement(chest: &Chest, point: &PublicKey) -> Vec<u8> {
    let mut data = point.octets().to_vec();
    let signature = ASYMMETRIC
        .sign(&chest.client_signing, &[&[0], point.octets()])
        .expect("it signs");
    data.extend(signature.octets());
    let mut buffer = [0; 200];
    let mut out = Writer::new(&mut buffer);
    out.array(1).and_then(|()| out.structure(2)).expect("it fits");
    out.value(Enumerated(0))
        .and_then(|()| out.value(Octets(&data)))
        .expect("it fits");
    out.written().to_vec()
}

/// Method 3: the key is what both sides have agreed on, or the old one.
#[test]
fn agreed_keys_are_old_or_new_after_a_cut() {
    let chest = Chest::new();
    let (ephemeral, point) = pair(9);
    let parameters = agreement(&chest, &point);
    // What the client makes of the answer.
    let agree = |answer: &[u8]| {
        let mut reader = Reader::new(answer);
        assert_eq!(reader.array().expect("an array"), 1);
        reader.structure(2).expect("a structure");
        let Enumerated(id) = reader.value().expect("a key");
        let Octets(data) = reader.value().expect("its data");
        let (point, signature) = data.split_at(64);
        assert!(ASYMMETRIC.verify(&chest.meter_signing, &[&[id], point], signature));
        let theirs = PublicKey::new(Curve::P256, point).expect("a point");
        let shared = ASYMMETRIC.agree(&ephemeral, &theirs).expect("they agree");
        let own = config().system_title();
        derive(ASYMMETRIC, &shared, Scheme::Ephemeral, &CLIENT, &own).expect("a key")
    };
    let act = Act {
        name: "key_agreement",
        act: &|talker, life| talker.ask(life, Command::Act(setup(3), Some(&parameters))),
        is_new: &|life, answer| match answer {
            Some(answer) => {
                let new = Known {
                    encryption: agree(answer),
                    ..factory()
                };
                opened_by(life, &factory(), &new)
            }
            // The client did not hear the other half: the meter has the old key, or a whole new one.
            None => {
                let present = life.meter.model().keys.symmetric(KeyId::Unicast).cloned();
                let present = Known {
                    encryption: present.expect("there is always one"),
                    ..factory()
                };
                assert!(opens(life, &present));
                !opens(life, &factory())
            }
        },
    };
    cut_everywhere(&chest, &|_| {}, &act);
}

/// The answer to key_agreement is lost, so the client never hears the meter's half of the new key. It comes back without any: under a key
/// that it wraps under the master key, or agrees on in one pass or from static keys, initiate request and all; it shows who it is by its
/// signature, or by a secret, and hands over a key that both know.
#[test]
fn a_client_that_lost_the_answer_comes_back_without_the_key() {
    let (client_agreement, meter_agreement) = (pair(6), pair(4).1);
    let (master, session, ephemeral) = (key(5), key(0x77), pair(12).0);
    for (number, session_key) in [
        SessionKey::Wrapped {
            master: &master,
            key: &session,
        },
        SessionKey::OnePass,
        SessionKey::Static,
    ]
    .into_iter()
    .enumerate()
    {
        let chest = Chest::new();
        let mut life = chest.boot(virgin());
        life.idle(1);
        let known = factory();
        let identity = Identity {
            agreement: Some(&client_agreement.0),
            ephemeral: Some(&ephemeral),
            meter_agreement: Some(meter_agreement),
            ..chest.identity()
        };
        let settings = Settings {
            identity: Some(identity),
            ..known.settings()
        };
        let mut talker = Talker::new(&life, settings.clone(), 10);
        talker.ask(&mut life, Command::Associate).expect("it is let in");
        let certificate = issue(&digits(CLIENT), &client_agreement.1, Some(Purpose::Agreement), 7);
        let imported = talker.ask(&mut life, Command::Act(setup(6), Some(&octet_string(&certificate))));
        drop(imported.expect("the meter knows the key of the client's agreements"));
        let parameters = agreement(&chest, &pair(9).1);
        let lost = talker.ask(&mut life, Command::Act(setup(3), Some(&parameters)));
        drop(lost.expect("the meter has agreed"));
        assert!(!opens(&mut life, &factory()), "the old key is gone");

        let own = Challenge::new(&[0x5A; 32]).expect("32 octets");
        let settings = Settings {
            session_key: Some(session_key),
            recovers_at: Some(config().system_title()),
            credentials: match number {
                1 => Credentials::Secret(Mechanism::Sha256, b"recovery-secret", own),
                _ => Credentials::Signature(own),
            },
            ..settings
        };
        let counter = life.meter.model().security.received.last() + 10;
        // Somebody else's title is not that of this meter.
        let stranger = Settings {
            recovers_at: Some(CLIENT),
            ..settings.clone()
        };
        assert!(life.serves(stranger, counter).is_err(), "another meter is meant");
        let mut talker = Talker::new(&life, settings, counter + 10);
        talker
            .ask(&mut life, Command::Associate)
            .unwrap_or_else(|why| panic!("{number}: {why}"));
        let transferred = talker.ask(
            &mut life,
            Command::Act(setup(2), Some(&transfer(&[(KeyId::Unicast, 0x11)]))),
        );
        drop(transferred.unwrap_or_else(|why| panic!("{number}: {why}")));
        let new = Known {
            encryption: key(0x11),
            ..factory()
        };
        assert!(opens(&mut life, &new), "{number}: both know a key again");
    }
}

fn octet_string(octets: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; octets.len() + 8];
    let mut out = Writer::new(&mut buffer);
    out.value(Octets(octets)).expect("it fits");
    out.written().to_vec()
}

/// The certificates that the meter lists, whole.
fn listed(life: &mut Life) -> usize {
    let mut buffers = (0..crate::certificates::SLOTS).map(|slot| {
        let mut buffer = [0; CERTIFICATE_MAX];
        let octets = life.meter.core.memory.certificate(&life.bench.flash, slot, &mut buffer);
        octets.is_some_and(|octets| {
            assert!(Certificate::parse(octets).is_ok(), "slot {slot} is whole");
            true
        })
    });
    buffers.by_ref().filter(|is_there| *is_there).count()
}

/// Method 6, a client's certificate.
#[test]
fn an_imported_certificate_is_there_or_not_after_a_cut() {
    let parameters = octet_string(&issue(&digits(CLIENT), &pair(6).1, Some(Purpose::Agreement), 7));
    let act = Act {
        name: "import_certificate",
        act: &|talker, life| talker.ask(life, Command::Act(setup(6), Some(&parameters))),
        is_new: &|life, _| {
            assert!(opens(life, &factory()), "what it is about stays usable");
            listed(life) == 4
        },
    };
    cut_everywhere(&Chest::new(), &|_| {}, &act);
}

/// Method 8.
#[test]
fn a_removed_certificate_is_there_or_not_after_a_cut() {
    let mut buffer = [0; 100];
    let mut out = Writer::new(&mut buffer);
    let mut put = || {
        out.structure(2)?;
        out.value(Enumerated(0))?;
        out.structure(3)?;
        out.value(Enumerated(1))?;
        out.value(Enumerated(0))?;
        out.value(Octets(&CLIENT))
    };
    put().expect("it fits");
    let parameters = out.written().to_vec();
    let act = Act {
        name: "remove_certificate",
        act: &|talker, life| talker.ask(life, Command::Act(setup(8), Some(&parameters))),
        is_new: &|life, _| listed(life) == 2,
    };
    cut_everywhere(&Chest::new(), &|_| {}, &act);
}

/// The meter's own certificate for a key pair that it has generated: key and certificate go together.
#[test]
fn the_meters_own_certificate_and_its_key_change_together() {
    let chest = Chest::new();
    let title = config().system_title();
    // The factory's draw is the same in every life: so is the key that is generated here.
    let prepare = |life: &mut Life| {
        let known = factory();
        let mut talker = Talker::new(life, known.settings(), 10);
        talker.ask(life, Command::Associate).expect("it is let in");
        talker
            .ask(life, Command::Act(setup(4), Some(&[0x16, 0])))
            .expect("it generates");
        assert!(life.meter.model().keys.waiting().is_some());
    };
    let public_of = |life: &Life| {
        let (_, private) = life.meter.model().keys.waiting()?;
        ASYMMETRIC.public_key(private)
    };
    let act = Act {
        name: "import of the meter's own",
        act: &|talker, life| {
            let public = public_of(life).expect("it waits");
            let certificate = issue(&digits(title), &public, Some(Purpose::Signature), 8);
            talker.ask(life, Command::Act(setup(6), Some(&octet_string(&certificate))))
        },
        is_new: &|life, _| {
            let mut buffer = [0; CERTIFICATE_MAX];
            let memory = &life.meter.core.memory;
            let octets = memory
                .certificate(&life.bench.flash, 0, &mut buffer)
                .expect("there is one");
            let certificate = Certificate::parse(octets).expect("it is whole");
            let (is_new, said) = (certificate.serial == [8], certificate.public);
            let private = life.meter.model().keys.private(Purpose::Signature).cloned();
            let public = ASYMMETRIC.public_key(&private.expect("there is one")).expect("a key");
            assert_eq!(public, said, "the key in use is that of the certificate");
            assert_eq!(life.meter.model().keys.waiting().is_none(), is_new);
            // HLS 7 proves it to a client that knows the certificate.
            let known = factory();
            let settings = Settings {
                credentials: Credentials::Signature(Challenge::new(&[0x5A; 32]).expect("32 octets")),
                identity: Some(Identity {
                    meter_signing: Some(said),
                    ..chest.identity()
                }),
                ..known.settings()
            };
            let counter = life.meter.model().security.received.last() + 10;
            life.serves(settings, counter).expect("the meter proves who it is");
            is_new
        },
    };
    cut_everywhere(&chest, &prepare, &act);
}

/// Method 1: from then on requests must be signed, or not yet.
#[test]
fn a_raised_policy_is_old_or_new_after_a_cut() {
    let chest = Chest::new();
    let act = Act {
        name: "security_activate",
        act: &|talker, life| talker.ask(life, Command::Act(setup(1), Some(&[0x16, 0x7C]))),
        is_new: &|life, _| {
            let policy = life.read(64, "0-0:43.0.2", 2);
            let is_new = match policy.as_slice() {
                [0x16, 0x6C] => false,
                [0x16, 0x7C] => true,
                other => panic!("neither old nor new: {other:02X?}"),
            };
            let (unsigned, signed) = (factory(), factory());
            let counter = life.meter.model().security.received.last() + 10;
            let served = life.serves(unsigned.settings(), counter).is_ok();
            assert_eq!(served, !is_new, "unsigned requests");
            let counter = life.meter.model().security.received.last() + 10;
            life.serves(signed.signed(chest.identity()), counter)
                .expect("signed requests are served in either case");
            is_new
        },
    };
    cut_everywhere(&chest, &|_| {}, &act);
}

/// HLS 7 by somebody whose certificate nobody ever stored: refused and told, like any other stranger's title.
#[test]
fn a_signature_without_a_certificate_is_told() {
    let chest = Chest::new();
    let known = factory();
    let mut life = chest.boot(virgin());
    life.idle(1);
    let settings = Settings {
        title: *b"HES\0\0\0\0\x09",
        identity: Some(chest.identity()),
        credentials: Credentials::Signature(Challenge::new(&[0x5A; 32]).expect("32 octets")),
        ..known.settings()
    };
    let refused = Talker::new(&life, settings, 1).ask(&mut life, Command::Associate);
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(life.log(JournalId::SecurityLog), [49]);
    assert_eq!(life.log(JournalId::FraudLog), [49]);
}

/// A roll-back to a key of before would bring its numbers back: what was recorded under it would open once more. So it is refused; and the
/// meter's own numbers go on under every key.
#[test]
fn a_key_of_before_does_not_come_back() {
    let chest = Chest::new();
    let known = factory();
    let (mut life, mut talker) = chest.managed(&known);
    let back = transfer(&[(KeyId::Unicast, 0)]);
    let change = |talker: &mut Talker<'_>, life: &mut Life, octet| {
        let parameters = transfer(&[(KeyId::Unicast, octet)]);
        let changed = talker.ask(life, Command::Act(setup(2), Some(&parameters)));
        drop(changed.unwrap_or_else(|why| panic!("{octet}: {why}")));
    };
    let mut sent = life.meter.model().security.sent.last();
    change(&mut talker, &mut life, 0x11);
    for (present, next) in [(0x11, 0x12), (0x12, 0x13)] {
        let known = Known {
            encryption: key(present),
            ..factory()
        };
        let mut talker = Talker::new(&life, known.settings(), 1);
        talker
            .ask(&mut life, Command::Associate)
            .expect("its numbers begin anew");
        let refused = talker.ask(&mut life, Command::Act(setup(2), Some(&back)));
        assert!(refused.is_err(), "{present:02X}: {refused:?}");
        let now = life.meter.model().security.sent.last();
        assert!(sent < now, "{sent} before, {now} under {present:02X}");
        sent = now;
        life.step(Input::PowerFailing).expect("a good farewell");
        life = chest.boot(life.bench.revived().flash);
        let mut talker = Talker::new(&life, known.settings(), 100);
        talker.ask(&mut life, Command::Associate).expect("it is let in");
        let refused = talker.ask(&mut life, Command::Act(setup(2), Some(&back)));
        assert!(refused.is_err(), "{present:02X} after a boot: {refused:?}");
        change(&mut talker, &mut life, next);
    }
}

/// Each change is refused whole when one part of it is wrong, and told in the logs when it is done.
#[test]
fn changes_are_refused_whole_and_told() {
    let chest = Chest::new();
    let known = factory();
    let (mut life, mut talker) = chest.managed(&known);
    let mut damaged = transfer(&[(KeyId::Unicast, 0x11), (KeyId::Authentication, 0x22)]);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let same = transfer(&[(KeyId::Authentication, 0x22), (KeyId::Unicast, 0)]);
    let twice = transfer(&[(KeyId::Unicast, 0x11), (KeyId::Unicast, 0x12)]);
    let foreign = {
        let mut octets = issue(&digits(CLIENT), &pair(6).1, Some(Purpose::Agreement), 7);
        let last = octets.len() - 1;
        octets[last] ^= 1;
        octet_string(&octets)
    };
    let weaker = [0x16, 0x2C];
    for (method, parameters) in [
        (2, &damaged[..]),
        (2, &same),
        (2, &twice),
        (2, &[0x01, 0x00]),
        (3, &[0x01, 0x00]),
        (6, &foreign),
        (6, &octet_string(&issue("root", &pair(1).1, None, 9))),
        (1, &weaker),
        (1, &[0x16, 0xFF]),
        (1, &[0x0F, 0x7C]),
    ] {
        let refused = talker.ask(&mut life, Command::Act(setup(method), Some(parameters)));
        assert!(refused.is_err(), "method {method} {parameters:02X?}");
        assert!(!life.meter.model().keys.is_changing());
        assert_eq!(life.read(64, "0-0:43.0.2", 2), [0x16, 0x6C]);
        assert_eq!(listed(&mut life), 3);
        talker
            .ask(&mut life, Command::Get(item(3, "1-0:1.8.0", 2)))
            .expect("the association goes on");
    }
    // A wrapped key and two certificates that nobody vouches for: one attack, told once.
    assert_eq!(life.log(JournalId::SecurityLog), [49]);
    let parameters = transfer(&[(KeyId::Unicast, 0x11)]);
    talker
        .ask(&mut life, Command::Act(setup(2), Some(&parameters)))
        .expect("it is taken");
    let new = Known {
        encryption: key(0x11),
        ..factory()
    };
    let mut talker = Talker::new(&life, new.settings(), 1);
    talker
        .ask(&mut life, Command::Associate)
        .expect("the new key's numbers begin anew");
    let certificate = octet_string(&issue(&digits(CLIENT), &pair(6).1, Some(Purpose::Agreement), 7));
    for (method, parameters) in [(6, &certificate[..]), (4, &[0x16, 1]), (1, &[0x16, 0x7C])] {
        talker
            .ask(&mut life, Command::Act(setup(method), Some(parameters)))
            .unwrap_or_else(|why| panic!("method {method}: {why}"));
    }
    assert_eq!(life.log(JournalId::SecurityLog), [49, 48, 220, 222, 223]);
    assert_eq!(life.log(JournalId::FraudLog), [49]);
}

/// Each way in which a certificate can be wrong is refused and told, and the meter trusts afterwards whom it trusted before.
#[test]
fn every_failure_of_a_certificate_is_refused_and_told() {
    let chest = Chest::new();
    let known = factory();
    let (mut life, mut talker) = chest.managed(&known);
    let (subject, own) = (digits(CLIENT), digits(config().system_title()));
    let (root, public) = (pair(1).0, pair(6).1);
    let good = Issue {
        serial: &[7],
        issuer: "root",
        subject: &subject,
        from: year(2020),
        to: year(2060),
        public: &public,
        purpose: Some(Purpose::Agreement),
    };
    let other_curve = generate(ASYMMETRIC, Curve::P384, &mut |out| out.fill(6))
        .expect("a key")
        .1;
    let whole = emit(&good, &root);
    let imports = [
        ("cut short", whole[..whole.len() - 1].to_vec()),
        ("over", emit(&Issue { to: year(2026), ..good }, &root)),
        (
            "to come",
            emit(
                &Issue {
                    from: year(2030),
                    ..good
                },
                &root,
            ),
        ),
        ("signed by another", emit(&good, &pair(8).0)),
        (
            "of an unknown authority",
            emit(
                &Issue {
                    issuer: "stranger",
                    ..good
                },
                &root,
            ),
        ),
        (
            "of nobody's title",
            emit(
                &Issue {
                    subject: "somebody",
                    ..good
                },
                &root,
            ),
        ),
        (
            "of another curve",
            emit(
                &Issue {
                    public: &other_curve,
                    ..good
                },
                &root,
            ),
        ),
        (
            "of the meter for a key that is not its own",
            emit(&Issue { subject: &own, ..good }, &root),
        ),
    ];
    let mut told = Vec::new();
    for (name, certificate) in &imports {
        // What came before is over: this one is told by itself.
        life.idle(100);
        let parameters = octet_string(certificate);
        let refused = talker.ask(&mut life, Command::Act(setup(6), Some(&parameters)));
        assert!(refused.is_err(), "{name}: {refused:?}");
        assert_eq!(listed(&mut life), 3, "{name}");
        told.push(49);
        life.idle(1);
        assert_eq!(life.log(JournalId::SecurityLog), told, "{name}");
    }
    talker.ask(&mut life, Command::Release).expect("it goes on");
    let signs = Issue {
        public: &pair(2).1,
        purpose: Some(Purpose::Signature),
        ..good
    };
    let other = digits(*b"HES\0\0\0\0\x02");
    let presented = [
        (
            "over",
            emit(
                &Issue {
                    to: year(2026),
                    ..signs
                },
                &root,
            ),
        ),
        ("signed by another", emit(&signs, &pair(8).0)),
        (
            "for another use",
            emit(
                &Issue {
                    purpose: Some(Purpose::Agreement),
                    ..signs
                },
                &root,
            ),
        ),
        (
            "of somebody else",
            emit(
                &Issue {
                    subject: &other,
                    ..signs
                },
                &root,
            ),
        ),
    ];
    let settings = |certificate| Settings {
        credentials: Credentials::Signature(Challenge::new(&[0x5A; 32]).expect("32 octets")),
        identity: Some(Identity {
            certificate: Some(certificate),
            ..chest.identity()
        }),
        ..known.settings()
    };
    for (name, certificate) in &presented {
        life.idle(100);
        let counter = life.meter.model().security.received.last() + 10;
        let refused = life.serves(settings(certificate), counter);
        assert!(refused.is_err(), "{name} is let in");
        told.push(49);
        life.idle(1);
        assert_eq!(life.log(JournalId::SecurityLog), told, "{name}");
    }
    let counter = life.meter.model().security.received.last() + 10;
    let good = emit(&signs, &root);
    life.serves(settings(&good), counter).expect("the right one is let in");
}

/// A store that is full refuses one more with temporary-failure: nobody is suspected, the others stay, and a place that is given back is
/// taken.
#[test]
fn a_full_store_of_certificates_refuses_one_more_and_suspects_nobody() {
    let chest = Chest::new();
    let known = factory();
    let (mut life, mut talker) = chest.managed(&known);
    let import = |life: &mut Life, talker: &mut Talker<'_>, client: u8| {
        let title = [b'H', b'E', b'S', 0, 0, 0, 1, client];
        let certificate = issue(&digits(title), &pair(6).1, Some(Purpose::Agreement), 20 + client);
        talker.ask(life, Command::Act(setup(6), Some(&octet_string(&certificate))))
    };
    let before = listed(&mut life);
    let mut taken = 0;
    let refusal = loop {
        match import(&mut life, &mut talker, taken) {
            Ok(_) => taken += 1,
            Err(why) => break why,
        }
        assert!(taken < 20, "room has an end");
    };
    assert_eq!(taken, 5, "six of clients, one of them from the factory");
    assert!(refusal.contains("TemporaryFailure"), "{refusal}");
    let full = before + usize::from(taken);
    assert_eq!(listed(&mut life), full);
    // What is there may be replaced.
    import(&mut life, &mut talker, 0).expect("its forerunner gives way");
    assert_eq!(listed(&mut life), full);
    assert!(
        !life.log(JournalId::SecurityLog).contains(&49),
        "{:?}",
        life.log(JournalId::SecurityLog)
    );
    assert_eq!(life.log(JournalId::FraudLog), []);
    let counter = life.meter.model().security.received.last() + 10;
    talker.ask(&mut life, Command::Release).expect("it goes on");
    life.serves(known.settings(), counter).expect("a good client is served");
}
