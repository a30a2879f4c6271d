//! What a store keeps, refuses and costs.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and its numbers are small"
)]

mod part;

use std::collections::BTreeMap;

use base::Micros;
use flash::{Fault, Key, Store, StoreError, Tended, VALUE_BYTES};
use part::{Part, blank, region};
use proptest::prelude::*;

const KEYS: usize = 32;

fn laid(sectors: u32) -> (Part, Store<KEYS>) {
    let mut part = blank(sectors);
    let place = region(&part, 0, sectors);
    let store = Store::format(&mut part, place).unwrap();
    (part, store)
}

#[test]
fn absent_is_not_empty_and_nothing_formatted_is_neither() {
    let part = blank(5);
    assert!(Store::<KEYS>::mount(&part, region(&part, 0, 5)).unwrap().is_none());
    let (mut part, mut store) = laid(5);
    store.set(&mut part, Key(1), &[]).unwrap();
    assert_eq!(store.get(&part, Key(1), &mut []), Ok(Some([].as_slice())));
    assert_eq!(store.get(&part, Key(2), &mut []), Ok(None));
    store.set(&mut part, Key(1), &[1, 2]).unwrap();
    assert_eq!(store.get(&part, Key(1), &mut [0]), Err(StoreError::TooSmall(2)));
}

#[test]
fn an_equal_value_is_not_written_again() {
    let (mut part, mut store) = laid(5);
    store.set(&mut part, Key(1), b"same").unwrap();
    let steps = part.writes().steps;
    store.set(&mut part, Key(1), b"same").unwrap();
    assert_eq!(part.writes().steps, steps);
}

#[test]
fn limits_are_refused_and_change_nothing() {
    let (mut part, mut store) = laid(5);
    assert_eq!(
        store.set(&mut part, Key(0), &[0; VALUE_BYTES + 1]),
        Err(StoreError::TooLong)
    );
    for key in 0..KEYS as u32 {
        store.set(&mut part, Key(key), &[1]).unwrap();
    }
    assert_eq!(store.set(&mut part, Key(99), &[1]), Err(StoreError::Full));
    let (live, most) = store.room();
    assert_eq!(live, KEYS as u32 * 48);
    assert_eq!(
        store.set(&mut part, Key(0), &vec![0; (most - live) as usize]),
        Err(StoreError::TooLong)
    );
    store.set(&mut part, Key(0), &[0; VALUE_BYTES]).unwrap();
    assert_eq!(store.set(&mut part, Key(1), &[0; VALUE_BYTES]), Err(StoreError::Full));
    assert_eq!(store.get(&part, Key(1), &mut [0; 8]), Ok(Some([1].as_slice())));
    let place = region(&part, 0, 5);
    assert_eq!(Store::<4>::mount(&part, place).err(), Some(StoreError::Full));
    assert_eq!(
        Store::<4>::format(&mut blank(4), region(&part, 0, 4)).err(),
        Some(StoreError::Fault(Fault::Region))
    );
}

#[test]
fn a_full_store_takes_new_values_for_ever_and_wears_evenly() {
    let (mut part, mut store) = laid(6);
    let (_, most) = store.room();
    let len = most / 30 - 48;
    for n in 0..20_000_u32 {
        let key = n.wrapping_mul(2_654_435_761) >> 8;
        store
            .set(&mut part, Key(key % 30), &vec![n as u8; len as usize])
            .unwrap();
        store.settle(&mut part).unwrap();
    }
    let (_, wear) = part.clone().into_parts();
    let (least, greatest) = (wear.iter().min().unwrap(), wear.iter().max().unwrap());
    assert!(greatest - least <= 2, "{wear:?}");
    assert_eq!(part.writes().twice, 0);
}

#[test]
fn a_full_store_that_is_tended_too_seldom_never_gets_stuck() {
    let (mut part, mut store) = laid(5);
    let (_, most) = store.room();
    // Two of the longest values and small ones up to the limit.
    let small = (most - 2 * (40 + 1_024)) / 48;
    let mut busy = 0;
    for n in 0..6_000_u32 {
        let (key, value) = match n % 3 {
            0 => (n / 3 % 2, vec![n as u8; VALUE_BYTES]),
            _ => (2 + n % small, vec![n as u8; 8]),
        };
        // Cleaning begins only when nothing else goes, and stops at once.
        while store.set(&mut part, Key(key), &value) == Err(StoreError::Fault(Fault::Busy)) {
            store.tend(&mut part).unwrap();
            busy += 1;
            assert!(busy < 6_000_000, "stuck");
        }
        let mut into = [0; VALUE_BYTES];
        assert_eq!(store.get(&part, Key(key), &mut into), Ok(Some(value.as_slice())));
    }
    assert!(0 < busy);
}

#[test]
fn no_call_waits_for_an_erase() {
    let (mut part, mut store) = laid(8);
    let mut busy = 0;
    for n in 0..3_000_u32 {
        let before = part.writes().elapsed;
        match store.set(&mut part, Key(n % 20), &n.to_le_bytes()) {
            Ok(()) => {}
            Err(StoreError::Fault(Fault::Busy)) => busy += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(part.writes().elapsed - before <= Micros::from_millis(4));
        let before = part.writes().elapsed;
        while store.tend(&mut part).unwrap() == Tended::More && part.writes().elapsed - before < Micros::from_millis(2)
        {
        }
        assert!(part.writes().elapsed - before <= Micros::from_millis(6));
        part.pass(Micros::from_millis(5));
    }
    assert_eq!(busy, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// A store is a map, also after mounting again.
    #[test]
    fn a_store_is_a_map(
        ops in prop::collection::vec((0_u32..20, prop::option::weighted(0.9, (0_usize..90, any::<u8>())), 0_u8..12), 1..300),
    ) {
        let (mut part, mut store) = laid(6);
        let place = region(&part, 0, 6);
        let mut truth = BTreeMap::new();
        for (key, value, then) in ops {
            match value {
                Some((len, byte)) => {
                    store.set(&mut part, Key(key), &vec![byte; len]).unwrap();
                    truth.insert(key, vec![byte; len]);
                }
                None => {
                    store.remove(&mut part, Key(key)).unwrap();
                    truth.remove(&key);
                }
            }
            if then == 0 {
                store = Store::mount(&part, place).unwrap().unwrap().0;
            }
            store.settle(&mut part).unwrap();
        }
        for store in [&store, &Store::mount(&part, place).unwrap().unwrap().0] {
            prop_assert!(store.keys().map(|key| key.0).eq(truth.keys().copied()));
            for (key, value) in &truth {
                let mut into = [0; 1_024];
                prop_assert_eq!(store.get(&part, Key(*key), &mut into), Ok(Some(value.as_slice())));
            }
        }
    }

    /// Any bytes at all in place of an image: mounting ends without a panic, and so do tending and setting.
    #[test]
    fn any_image_mounts_or_does_not(bytes in prop::collection::vec((0_usize..5 * 4_096, any::<u8>()), 1..300)) {
        let (mut part, mut store) = laid(5);
        for n in 0..200_u32 {
            store.set(&mut part, Key(n % 30), &[n as u8; 40]).unwrap();
            store.settle(&mut part).unwrap();
        }
        for (at, byte) in bytes {
            part.cells_mut()[at] = byte;
        }
        let place = region(&part, 0, 5);
        if let Ok(Some((mut store, _))) = Store::<KEYS>::mount(&part, place) {
            // A damaged store may be too full to go on; it may not hang or panic.
            let settled = store.settle(&mut part);
            let set = store.set(&mut part, Key(1), b"new");
            if settled.is_ok() && set.is_ok() {
                let mut into = [0; 64];
                prop_assert_eq!(store.get(&part, Key(1), &mut into), Ok(Some(b"new".as_slice())));
            }
        }
    }
}
