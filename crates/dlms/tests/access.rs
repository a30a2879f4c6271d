//! ACCESS between client and server: everything in one request, errors among successes, and what does not fit.

mod device;
mod pair;

use cosem::{AccessError, Method, Selection};
use device::{ECHO, EVERYTHING, QUIET, register};
use ferraris_dlms::apdu::{AccessSpec, Exception, Item};
use ferraris_dlms::client::{ClientError, Command, Outcome, Settings};
use ferraris_dlms::initiate::Conformance;
use pair::{PATIENCE, Pair, Secrets, Transport, whole};

const NULL: &[u8] = &[0];

/// What came of an ACCESS: value, kind and code of each.
fn accessed(pair: &Pair<'_>) -> Vec<(Vec<u8>, u8, u8)> {
    let Some(Outcome::Accessed(response)) = pair.client.outcome() else {
        panic!("an Access-Response, not {:?}", pair.client.outcome())
    };
    response
        .iter()
        .map(|(value, kind, code)| (value.to_vec(), kind, code))
        .collect()
}

fn everything<'a>(long: &'a [u8], selection: &'a [u8]) -> Vec<(AccessSpec<'a>, &'a [u8])> {
    let selected = Item {
        attribute: register(1),
        selection: Selection::Selected {
            selector: 2,
            parameters: selection,
        },
    };
    vec![
        (AccessSpec::Get(whole(register(1))), NULL),
        (AccessSpec::Set(whole(register(2))), &[0x12, 0, 9]),
        (AccessSpec::Act(ECHO), long),
        (AccessSpec::Get(selected), NULL),
        (AccessSpec::Get(whole(register(99))), NULL),
        (AccessSpec::Set(whole(register(1))), &[0x12, 0, 9]),
        (AccessSpec::Act(Method::new(3, register(1).name, 9)), NULL),
        (AccessSpec::Act(QUIET), NULL),
        (AccessSpec::Get(whole(register(2))), NULL),
    ]
}

/// Issue 5, 1: reads, writes and methods in one request, over every association and both links.
#[test]
fn everything_is_asked_for_in_one_request() {
    let secrets = Secrets::new();
    for (name, settings) in secrets.associations() {
        for transport in [Transport::Wrapper, Transport::Hdlc(128, 1), Transport::Hdlc(1024, 7)] {
            let mut lent = vec![0; 8192];
            let settings = Settings {
                conformance: EVERYTHING,
                ..settings.clone()
            };
            let mut pair = Pair::new(transport, settings, PATIENCE, &mut lent);
            pair.device.services = EVERYTHING;
            assert_eq!(pair.run(Command::Associate), Ok(()), "{name}");
            for length in [0, 100, 600] {
                let long = pair.device.put_long(10, length);
                pair.device.objects.insert(register(2), vec![0x12, 0x12, 0x34]);
                let selection = [0x02, 0x01, 0x11, 7];
                let wanted = everything(&long, &selection);
                let command = Command::Access {
                    wanted: &wanted,
                    break_on_error: false,
                };
                assert_eq!(pair.run(command), Ok(()), "{name} {transport:?} {length}");
                let expected = [
                    (vec![6, 0, 0, 0x13, 0x91], 1, 0),
                    (vec![0], 2, 0),
                    (long.clone(), 3, 0),
                    (selection.to_vec(), 1, 0),
                    (vec![0], 1, 4),
                    (vec![0], 2, 12),
                    (vec![0], 3, 4),
                    (vec![0], 3, 0),
                    (vec![0x12, 0, 9], 1, 0),
                ];
                assert_eq!(accessed(&pair), expected, "{name} {transport:?} {length}");
            }
        }
    }
}

/// With "break on error" nothing behind the first failure is done.
#[test]
fn what_follows_a_failure_is_left_undone_when_asked() {
    let secrets = Secrets::new();
    let (_, settings) = secrets.associations().into_iter().next().expect("there is one");
    let settings = Settings {
        conformance: EVERYTHING,
        ..settings
    };
    let mut lent = vec![0; 8192];
    let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
    pair.device.services = EVERYTHING;
    assert_eq!(pair.run(Command::Associate), Ok(()));
    let wanted: [(AccessSpec<'_>, &[u8]); 4] = [
        (AccessSpec::Set(whole(register(1))), &[6, 0, 0, 0, 1]),
        (AccessSpec::Get(whole(register(99))), NULL),
        (AccessSpec::Set(whole(register(1))), &[6, 0, 0, 0, 2]),
        (AccessSpec::Act(ECHO), &[0x11, 5]),
    ];
    let codes = |pair: &Pair<'_>| accessed(pair).iter().map(|(_, _, code)| *code).collect::<Vec<_>>();
    assert_eq!(
        pair.run(Command::Access {
            wanted: &wanted,
            break_on_error: true
        }),
        Ok(())
    );
    assert_eq!(codes(&pair), [0, 4, 250, 250]);
    assert_eq!(pair.device.objects.get(&register(1)), Some(&vec![6, 0, 0, 0, 1]));
    assert!(pair.device.invoked.is_empty());
    assert_eq!(
        pair.run(Command::Access {
            wanted: &wanted,
            break_on_error: false
        }),
        Ok(())
    );
    assert_eq!(codes(&pair), [0, 4, 0, 0]);
    assert_eq!(pair.device.objects.get(&register(1)), Some(&vec![6, 0, 0, 0, 2]));
}

/// A value that does not fit is told as one; the others come, and nothing half. With general blocks it fits.
#[test]
fn a_value_that_does_not_fit_is_missed_alone() {
    let secrets = Secrets::new();
    for (name, settings) in secrets.associations() {
        for blocks in [false, true] {
            let conformance = if blocks {
                EVERYTHING
            } else {
                Conformance::ACCESS.with(device::SERVICES)
            };
            let settings = Settings {
                conformance,
                receive_max: 256,
                ..settings.clone()
            };
            let mut lent = vec![0; 8192];
            let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
            pair.device.services = EVERYTHING;
            assert_eq!(pair.run(Command::Associate), Ok(()), "{name}");
            let value = pair.device.put_long(10, 900);
            let wanted = [
                (AccessSpec::Get(whole(register(1))), NULL),
                (AccessSpec::Get(whole(register(10))), NULL),
                (AccessSpec::Get(whole(register(2))), NULL),
            ];
            let command = Command::Access {
                wanted: &wanted,
                break_on_error: false,
            };
            assert_eq!(pair.run(command), Ok(()), "{name}");
            let long = if blocks {
                (value, 1, 0)
            } else {
                (vec![0], 1, AccessError::DataBlockUnavailable.code())
            };
            assert_eq!(
                accessed(&pair),
                [(vec![6, 0, 0, 0x13, 0x91], 1, 0), long, (vec![0x12, 0x12, 0x34], 1, 0)],
                "{name} blocks {blocks}"
            );
        }
    }
}

/// ACCESS must have been negotiated, unless the device tolerates it (a divergence of some clients; off by default).
#[test]
fn it_must_be_negotiated_or_tolerated() {
    let secrets = Secrets::new();
    let (_, settings) = secrets.associations().into_iter().next().expect("there is one");
    let mut lent = vec![0; 8192];
    let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
    assert_eq!(pair.run(Command::Associate), Ok(()));
    let wanted = [(AccessSpec::Get(whole(register(1))), NULL)];
    let command = Command::Access {
        wanted: &wanted,
        break_on_error: false,
    };
    assert_eq!(
        pair.run(command),
        Err(ClientError::Exception(Exception::NOT_NEGOTIATED))
    );
    pair.device.tolerated = Conformance::ACCESS;
    assert_eq!(pair.run(command), Ok(()));
    assert_eq!(accessed(&pair), [(vec![6, 0, 0, 0x13, 0x91], 1, 0)]);
}
