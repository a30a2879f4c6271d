//! General block transfer between client and server: both directions, every association and link, with PDUs that go
//! missing.

mod device;
mod pair;

use cosem::axdr::Reader;
use device::{ECHO, EVERYTHING, register};
use ferraris_dlms::apdu::{AccessSpec, ActionResult};
use ferraris_dlms::client::{ClientError, Command, Outcome, Patience, Settings};
use ferraris_dlms::initiate::Conformance;
use pair::{Faults, PATIENCE, Pair, Secrets, Transport, whole};

/// Only general blocks: nothing else can carry what is long.
const ONLY: Conformance = Conformance::GENERAL_PROTECTION
    .with(Conformance::GENERAL_BLOCK_TRANSFER)
    .with(Conformance::MULTIPLE_REFERENCES)
    .with(Conformance::ACCESS)
    .with(Conformance::GET)
    .with(Conformance::SET)
    .with(Conformance::ACTION);

fn pair<'b>(
    transport: Transport,
    settings: &Settings<'b>,
    (to_client, to_server): (u16, u16),
    patience: Patience,
    lent: &'b mut [u8],
) -> Pair<'b> {
    let settings = Settings {
        conformance: ONLY,
        receive_max: to_client,
        ..settings.clone()
    };
    let mut pair = Pair::new(transport, settings, patience, lent);
    pair.device.services = EVERYTHING;
    pair.device.receive_max = to_server;
    pair
}

/// Every service with answers and requests of `length` octets; a plain GET of `streamed` octets more.
fn converse(pair: &mut Pair<'_>, length: usize, streamed: usize) -> Result<(), ClientError> {
    let value = pair.device.put_long(10, length);
    pair.run(Command::Get(whole(register(10))))?;
    assert_eq!(pair.client.outcome(), Some(Outcome::Value(Ok(&value))), "GET {length}");

    pair.run(Command::GetList(&[
        whole(register(1)),
        whole(register(99)),
        whole(register(10)),
    ]))?;
    let Some(Outcome::Values(results)) = pair.client.outcome() else {
        panic!("values, not {:?}", pair.client.outcome())
    };
    assert_eq!(results.iter().last(), Some(Ok(&value[..])), "GET list {length}");

    pair.device.put_long(10, 1);
    pair.run(Command::Set(whole(register(10)), &value))?;
    assert_eq!(pair.client.outcome(), Some(Outcome::Written(Ok(()))), "SET {length}");
    assert_eq!(pair.device.objects.get(&register(10)), Some(&value));

    pair.device.put_long(10, 1);
    pair.run(Command::SetList(&[
        (whole(register(1)), &[6, 0, 0, 0, 1]),
        (whole(register(10)), &value),
    ]))?;
    assert_eq!(pair.client.outcome(), Some(Outcome::WrittenEach(&[0, 0])));
    assert_eq!(pair.device.objects.get(&register(10)), Some(&value));

    pair.device.invoked.clear();
    pair.run(Command::Act(ECHO, Some(&value)))?;
    let done = ActionResult {
        result: Ok(()),
        returned: Some(Ok(&value[..])),
    };
    assert_eq!(pair.client.outcome(), Some(Outcome::Done(done)), "ACTION {length}");
    pair.run(Command::ActList(&[(ECHO, &value)]))?;
    let Some(Outcome::DoneEach(results)) = pair.client.outcome() else {
        panic!("results, not {:?}", pair.client.outcome())
    };
    let mut reader = Reader::new(results);
    assert_eq!(reader.length(), Ok(1));
    assert_eq!(ActionResult::take(&mut reader), Ok(done));
    assert_eq!(pair.device.invoked.len(), 2, "each was invoked once");

    let wanted: [(AccessSpec<'_>, &[u8]); 2] = [
        (AccessSpec::Get(whole(register(10))), &[0]),
        (AccessSpec::Get(whole(register(2))), &[0]),
    ];
    pair.run(Command::Access {
        wanted: &wanted,
        break_on_error: false,
    })?;
    let Some(Outcome::Accessed(response)) = pair.client.outcome() else {
        panic!("a response, not {:?}", pair.client.outcome())
    };
    assert_eq!(response.iter().next(), Some((&value[..], 1, 0)), "ACCESS {length}");

    let value = pair.device.put_long(11, streamed);
    pair.run(Command::Get(whole(register(11))))?;
    assert_eq!(
        pair.client.outcome(),
        Some(Outcome::Value(Ok(&value))),
        "GET {streamed}"
    );
    pair.run(Command::GetList(&[
        whole(register(11)),
        whole(register(2)),
        whole(register(11)),
    ]))?;
    let Some(Outcome::Values(results)) = pair.client.outcome() else {
        panic!("values, not {:?}", pair.client.outcome())
    };
    assert!(
        results
            .iter()
            .eq([Ok(&value[..]), Ok(&[0x12, 0x12, 0x34]), Ok(&value[..])])
    );
    Ok(())
}

/// Issue 5, 1: general-block-transfer with windows and streaming, both directions, whatever the protection and the PDUs.
#[test]
fn long_requests_and_answers_go_in_general_blocks() {
    let secrets = Secrets::new();
    for (name, settings) in secrets.associations() {
        // What is sealed is sealed whole: then the buffer is the limit.
        let streamed = if settings.keys.is_some() && settings.context == ferraris_dlms::acse::Context::Ciphered {
            800
        } else {
            9_000
        };
        for transport in [Transport::Wrapper, Transport::Hdlc(128, 1), Transport::Hdlc(512, 7)] {
            for sizes in [(80, 90), (128, 128), (400, 1000), (2048, 2048)] {
                for length in [10, 127, 500, 1_700] {
                    let mut lent = vec![0; 40_000];
                    let mut pair = pair(transport, &settings, sizes, PATIENCE, &mut lent);
                    assert_eq!(pair.run(Command::Associate), Ok(()), "{name}");
                    pair.sent.clear();
                    let talked = converse(&mut pair, length, streamed);
                    assert_eq!(talked, Ok(()), "{name} {transport:?} {sizes:?} {length}");
                    let header = if transport == Transport::Wrapper { 8 } else { 0 };
                    let longest = |client: bool| pair.sent.iter().filter(|it| it.0 == client).map(|it| it.1).max();
                    if transport == Transport::Wrapper {
                        assert!(
                            longest(false) <= Some(usize::from(sizes.0) + header),
                            "{name} {sizes:?}"
                        );
                        assert!(longest(true) <= Some(usize::from(sizes.1) + header), "{name} {sizes:?}");
                    }
                }
            }
        }
    }
}

/// The server streams: far fewer turns than blocks.
#[test]
fn a_window_of_blocks_goes_out_without_waiting() {
    let secrets = Secrets::new();
    let (_, settings) = secrets.associations().into_iter().next().expect("there is one");
    let mut lent = vec![0; 40_000];
    let mut pair = pair(Transport::Wrapper, &settings, (128, 128), PATIENCE, &mut lent);
    assert_eq!(pair.run(Command::Associate), Ok(()));
    let value = pair.device.put_long(11, 12_000);
    pair.sent.clear();
    assert_eq!(pair.run(Command::Get(whole(register(11)))), Ok(()));
    assert_eq!(pair.client.outcome(), Some(Outcome::Value(Ok(&value))));
    let (up, down): (Vec<(bool, usize)>, Vec<(bool, usize)>) = pair.sent.iter().partition(|it| it.0);
    assert!(98 < down.len(), "{} blocks", down.len());
    assert!(up.len() < 12, "{} turns for {} blocks", up.len(), down.len());
}

/// PDUs that go missing are sent again, in both directions; what comes twice changes nothing, and methods are invoked
/// once.
#[test]
fn lost_blocks_are_sent_again() {
    let secrets = Secrets::new();
    let patience = Patience {
        retries: 60,
        ..PATIENCE
    };
    let (mut lost, mut runs) = (0, 0);
    for seed in 1..=600 {
        for (name, settings) in secrets.associations().into_iter().step_by(3) {
            let streamed = if settings.keys.is_some() { 700 } else { 5_000 };
            let mut lent = vec![0; 40_000];
            let mut pair = pair(Transport::Wrapper, &settings, (128, 128), patience, &mut lent);
            assert_eq!(pair.run(Command::Associate), Ok(()), "{name}");
            pair.dice = pair::Dice(seed);
            pair.faults = Faults {
                lost: 120,
                doubled: 60,
                ..Faults::default()
            };
            // Only what is in blocks can be said again, so everything that is lost here is a block: requests of more
            // than a PDU, and answers too.
            let value = pair.device.put_long(10, 1_500);
            pair.device.invoked.clear();
            match pair.run(Command::Act(ECHO, Some(&value))) {
                Ok(()) => {
                    let done = ActionResult {
                        result: Ok(()),
                        returned: Some(Ok(&value[..])),
                    };
                    assert_eq!(pair.client.outcome(), Some(Outcome::Done(done)), "{name} seed {seed}");
                    assert_eq!(pair.device.invoked.len(), 1, "{name} seed {seed}");
                }
                Err(error) => panic!("{name} seed {seed}: {error}"),
            }
            // A sealed request that comes twice is a replay, blocks or not.
            pair.faults.doubled = 0;
            runs += 1;
            let value = pair.device.put_long(11, streamed);
            match pair.run(Command::Get(whole(register(11)))) {
                Ok(()) => assert_eq!(
                    pair.client.outcome(),
                    Some(Outcome::Value(Ok(&value))),
                    "{name} seed {seed}"
                ),
                // The request itself is no block: over TCP nothing says it again.
                Err(ClientError::NoAnswer) => lost += 1,
                Err(error) => panic!("{name} seed {seed}: {error}"),
            }
        }
    }
    assert!(
        lost * 3 < runs,
        "{lost} of {runs} requests were lost before their first block"
    );
}
