//! Values that are longer than any buffer: the application takes them part by part, however the client cuts them.

mod device;
mod pair;

use cosem::AccessError;
use device::{Device, SERVICES, register};
use ferraris_dlms::client::{Command, Outcome, Settings};
use ferraris_dlms::server::PDU_MAX;
use pair::{PATIENCE, Pair, Secrets, Transport, whole};

const LARGE: u8 = 30;

/// A device with a register whose value may have `most` octets, and a value of `length` for it.
fn prepare(device: &mut Device, most: usize, length: usize) -> Vec<u8> {
    let value = device.put_long(LARGE, length);
    device.put_long(LARGE, 1);
    device.large.insert(register(LARGE), most);
    value
}

/// Issue 5, 1 and the joint for large attributes: 22 kB of day tables arrive whole, in every association, over both links.
#[test]
fn a_value_longer_than_every_buffer_is_set() {
    let secrets = Secrets::new();
    for (name, settings) in secrets.associations() {
        for transport in [Transport::Wrapper, Transport::Hdlc(128, 1), Transport::Hdlc(1024, 7)] {
            let mut lent = vec![0; 32_768];
            let mut pair = Pair::new(transport, settings.clone(), PATIENCE, &mut lent);
            assert_eq!(pair.run(Command::Associate), Ok(()), "{name}");
            let value = prepare(&mut pair.device, 25_000, 22_000);
            assert_eq!(pair.run(Command::Set(whole(register(LARGE)), &value)), Ok(()));
            assert_eq!(
                pair.client.outcome(),
                Some(Outcome::Written(Ok(()))),
                "{name} {transport:?}"
            );
            assert!(pair.device.objects.get(&register(LARGE)) == Some(&value), "{name}");
            assert!(10 < pair.device.parts.len(), "it came in parts");
            assert!(pair.device.parts.iter().all(|&part| part <= PDU_MAX));
        }
    }
}

/// In one PDU, alone or in a list, it goes the same way.
#[test]
fn a_large_value_in_one_pdu_goes_the_same_way() {
    let secrets = Secrets::new();
    let (_, settings) = secrets.associations().into_iter().next().expect("there is one");
    let mut lent = vec![0; 8192];
    let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
    assert_eq!(pair.run(Command::Associate), Ok(()));
    let value = prepare(&mut pair.device, 25_000, 300);
    assert_eq!(pair.run(Command::Set(whole(register(LARGE)), &value)), Ok(()));
    assert_eq!(pair.client.outcome(), Some(Outcome::Written(Ok(()))));
    assert_eq!(pair.device.parts, [value.len()]);
    assert_eq!(pair.device.objects.get(&register(LARGE)), Some(&value));

    for length in [100, 1800] {
        let value = prepare(&mut pair.device, 25_000, length);
        let short = [6, 0, 0, 0, 7];
        let pairs = [(whole(register(1)), &short[..]), (whole(register(LARGE)), &value[..])];
        assert_eq!(pair.run(Command::SetList(&pairs)), Ok(()));
        assert_eq!(pair.client.outcome(), Some(Outcome::WrittenEach(&[0, 0])));
        assert_eq!(pair.device.parts, [value.len()]);
        assert_eq!(pair.device.objects.get(&register(LARGE)), Some(&value));
    }
}

/// A value that the application does not take ends the transfer with its reason; the old value stays, and the next one
/// is taken.
#[test]
fn a_large_value_that_is_refused_leaves_everything_as_it_was() {
    let secrets = Secrets::new();
    let settings = Settings {
        receive_max: 256,
        conformance: SERVICES,
        ..secrets.associations().into_iter().next().expect("there is one").1
    };
    let mut lent = vec![0; 32_768];
    let mut pair = Pair::new(Transport::Wrapper, settings, PATIENCE, &mut lent);
    pair.device.receive_max = 256;
    assert_eq!(pair.run(Command::Associate), Ok(()));
    let value = prepare(&mut pair.device, 4_000, 9_000);
    let before = pair.device.objects.get(&register(LARGE)).cloned();
    // Longer than its place.
    assert_eq!(pair.run(Command::Set(whole(register(LARGE)), &value)), Ok(()));
    assert_eq!(
        pair.client.outcome(),
        Some(Outcome::Written(Err(AccessError::OtherReason)))
    );
    assert_eq!(pair.device.objects.get(&register(LARGE)), before.as_ref());
    // Octets that are no value: only the whole shows it.
    let broken = vec![0x02; 3_000];
    assert_eq!(pair.run(Command::Set(whole(register(LARGE)), &broken)), Ok(()));
    assert_eq!(
        pair.client.outcome(),
        Some(Outcome::Written(Err(AccessError::TypeUnmatched)))
    );
    assert_eq!(pair.device.objects.get(&register(LARGE)), before.as_ref());
    let value = prepare(&mut pair.device, 4_000, 3_500);
    assert_eq!(pair.run(Command::Set(whole(register(LARGE)), &value)), Ok(()));
    assert_eq!(pair.client.outcome(), Some(Outcome::Written(Ok(()))));
    assert_eq!(pair.device.objects.get(&register(LARGE)), Some(&value));
}
