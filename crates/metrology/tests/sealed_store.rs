//! M7: the sealed parameters over power cuts, damage, refused attempts and a full log.

#![allow(clippy::cast_possible_truncation, reason = "a region of a few sectors")]

use ferraris_metrology::{
    Access, Actor, Calibration, LegalKind, NonVolatile, NonVolatileFault, NonVolatileRead, Parameters, Refusal,
    SECTOR_OCTETS, SealedStore, Source,
};

/// A NOR region in RAM whose power goes after some octets: then a program has half done its last octet, an erase left garbage.
#[derive(Clone)]
struct Region {
    octets: Vec<u8>,
    /// Octets (a sector's erase counts as one) until the power goes.
    budget: usize,
}

impl Region {
    fn new(sectors: u32) -> Self {
        Self {
            octets: vec![0xFF; (sectors * SECTOR_OCTETS) as usize],
            budget: usize::MAX,
        }
    }

    fn spend(&mut self) -> Result<(), NonVolatileFault> {
        self.budget = self.budget.checked_sub(1).ok_or(NonVolatileFault)?;
        Ok(())
    }
}

impl NonVolatileRead for Region {
    fn sectors(&self) -> u32 {
        self.octets.len() as u32 / SECTOR_OCTETS
    }

    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NonVolatileFault> {
        let end = at as usize + into.len();
        into.copy_from_slice(self.octets.get(at as usize..end).ok_or(NonVolatileFault)?);
        Ok(())
    }
}

impl NonVolatile for Region {
    fn program(&mut self, at: u32, octets: &[u8]) -> Result<(), NonVolatileFault> {
        for (place, octet) in (at as usize..).zip(octets) {
            if self.spend().is_err() {
                self.octets[place] &= octet | 0x55;
                return Err(NonVolatileFault);
            }
            assert_eq!(
                self.octets[place], 0xFF,
                "each octet is programmed once between two erases"
            );
            self.octets[place] &= octet;
        }
        Ok(())
    }

    fn erase(&mut self, sector: u32) -> Result<(), NonVolatileFault> {
        let at = (sector * SECTOR_OCTETS) as usize;
        let spent = self.spend();
        let garbage = if spent.is_ok() { 0xFF } else { 0x7B };
        self.octets[at..at + SECTOR_OCTETS as usize].fill(garbage);
        spent
    }
}

fn parameters(gain: f64) -> Parameters {
    let mut parameters = Parameters::IDEAL;
    parameters.calibration[3] = Calibration::new(gain, 0.1, 5_000.0, 3.0, 60.0).expect("in range");
    parameters
}

fn access(actor: Actor, bench_mode: bool) -> Access {
    Access {
        actor,
        bench_mode,
        unix_seconds: 1_700_000_000,
    }
}

const BENCH: Actor = Actor::Bench;

/// A meter that was calibrated and sealed.
fn sealed(sectors: u32) -> (Region, SealedStore) {
    let mut region = Region::new(sectors);
    let (mut store, found) = SealedStore::mount(&region).expect("it reads");
    assert_eq!(
        (store.source(), store.is_damaged(), found),
        (Source::Ideal, false, Parameters::IDEAL)
    );
    store
        .manufacture(&mut region, &parameters(1.01), access(BENCH, false))
        .expect("an open meter");
    store.seal(&mut region, access(BENCH, false)).expect("a seal");
    assert!(store.is_sealed());
    (region, store)
}

fn kinds(region: &Region, store: &SealedStore) -> Vec<(LegalKind, Actor)> {
    let mut kinds = Vec::new();
    store
        .read_log(region, 0, |entry| kinds.push((entry.kind, entry.actor)))
        .expect("it reads");
    kinds
}

#[test]
fn after_the_seal_only_the_bench_mode_writes_and_every_attempt_is_logged() {
    let (mut region, mut store) = sealed(8);
    let client = access(Actor::Client, false);
    assert_eq!(
        store.write(&mut region, &parameters(1.05), client),
        Err(Refusal::Sealed)
    );
    assert_eq!(
        store.manufacture(&mut region, &parameters(1.05), access(BENCH, true)),
        Err(Refusal::Sealed)
    );
    assert_eq!(store.checksum(), parameters(1.01).checksum());
    store
        .note_bench_mode(&mut region, true, access(BENCH, true))
        .expect("room");
    store
        .write(&mut region, &parameters(1.02), access(BENCH, true))
        .expect("the bench mode");
    store
        .note_bench_mode(&mut region, false, access(BENCH, false))
        .expect("room");
    use LegalKind::{BenchEntered, BenchLeft, Changed, Changing, FactoryWritten, Refused, Sealed};
    let expected = [
        FactoryWritten,
        Changing,
        Changed,
        Sealed,
        Changing,
        Changed,
        Refused,
        Refused,
        BenchEntered,
        Changing,
        Changed,
        BenchLeft,
    ];
    let found = kinds(&region, &store);
    assert_eq!(found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), expected);
    assert_eq!(found[6].1, Actor::Client);
    // All of it outlives the power.
    let (again, found) = SealedStore::mount(&region).expect("it reads");
    assert_eq!((again, found), (store, parameters(1.02)));
    assert!(again.is_sealed() && again.source() == Source::Working && !again.is_damaged());
}

/// Damage in any octet of the working copy: it is refused, the factory's copy counts, and the bench writes anew.
#[test]
fn a_damaged_copy_is_refused_and_the_factory_s_counts() {
    let (mut region, mut store) = sealed(4);
    store
        .write(&mut region, &parameters(1.03), access(BENCH, true))
        .expect("the bench mode");
    let banks = [1, 2].map(|sector: usize| sector * SECTOR_OCTETS as usize);
    for offset in (0..Parameters::LENGTH + 12).step_by(7) {
        let mut damaged = region.clone();
        for bank in banks {
            damaged.octets[bank + offset] ^= 0x10;
        }
        let (mut store, found) = SealedStore::mount(&damaged).expect("it reads");
        assert_eq!(
            (store.source(), &found),
            (Source::Factory, &parameters(1.01)),
            "octet {offset}"
        );
        assert!(store.is_damaged() && store.is_sealed());
        store
            .write(&mut damaged, &parameters(1.04), access(BENCH, true))
            .expect("the bench mode");
        let (store, found) = SealedStore::mount(&damaged).expect("it reads");
        assert_eq!((store.is_damaged(), found), (false, parameters(1.04)));
    }
    // The bank before the last change is no refuge: what it holds was replaced.
    let newest = banks.into_iter().find(|bank| {
        let mut damaged = region.clone();
        damaged.octets[bank + 9] ^= 1;
        SealedStore::mount(&damaged).expect("it reads").1 == parameters(1.01)
    });
    assert!(newest.is_some());
    // Everything gone: ideal sensors, and the meter says so.
    let mut gone = region;
    gone.octets[..3 * SECTOR_OCTETS as usize].fill(0);
    let (store, found) = SealedStore::mount(&gone).expect("it reads");
    assert_eq!((store.source(), found), (Source::Ideal, Parameters::IDEAL));
    assert!(store.is_damaged() && store.is_sealed(), "the log keeps the seal");
}

/// The power goes at every octet of a change: before or after, nothing between, and the next change succeeds.
#[test]
fn a_change_that_is_cut_anywhere_takes_place_or_does_not() {
    let (before, _) = sealed(4);
    let (mut old, mut new) = (0, 0);
    for budget in 0.. {
        let mut region = before.clone();
        let (mut store, _) = SealedStore::mount(&region).expect("it reads");
        region.budget = budget;
        let done = store.write(&mut region, &parameters(1.07), access(BENCH, true)).is_ok();
        region.budget = usize::MAX;
        let (mut store, found) = SealedStore::mount(&region).expect("it reads");
        assert!(!store.is_damaged() && store.is_sealed(), "cut after {budget}");
        if found == parameters(1.01) {
            assert!(!done, "what was acknowledged stays");
            old += 1;
        } else {
            assert_eq!(found, parameters(1.07), "cut after {budget}");
            new += 1;
        }
        // A second cut right at the next change's erase: still the one or the other.
        let (mut twice, mut other) = (region.clone(), store);
        twice.budget = 100;
        assert!(other.write(&mut twice, &parameters(1.08), access(BENCH, true)).is_err());
        let (other, again) = SealedStore::mount(&twice).expect("it reads");
        assert_eq!(
            (again, other.is_damaged()),
            (found, false),
            "cut after {budget}, and again"
        );
        store
            .write(&mut region, &parameters(1.09), access(BENCH, true))
            .expect("the next change");
        assert_eq!(SealedStore::mount(&region).expect("it reads").1, parameters(1.09));
        if done {
            break;
        }
    }
    println!("{old} cuts left the old parameters, {new} the new ones");
    assert!(1_000 < old && 30 < new);
}

/// The memory fails anywhere in a change, and later, without a boot between, the power goes anywhere in the next one: what counted at the
/// failure, or what was written after it, and never the factory's copy.
#[test]
fn a_change_that_failed_does_not_cost_the_copy_that_counts() {
    let (region, store) = sealed(4);
    let (mut failed, mut found_old) = (0, 0);
    for budget in (0..).step_by(7) {
        let (mut region, mut store) = (region.clone(), store);
        region.budget = budget;
        if store.write(&mut region, &parameters(1.07), access(BENCH, true)).is_ok() {
            break;
        }
        failed += 1;
        for budget in (0..).step_by(211) {
            let (mut region, mut store) = (region.clone(), store);
            region.budget = budget;
            let done = store.write(&mut region, &parameters(1.08), access(BENCH, true)).is_ok();
            let (after, found) = SealedStore::mount(&region).expect("it reads");
            assert_eq!((after.source(), after.is_damaged()), (Source::Working, false));
            let allowed = [parameters(1.01), parameters(1.07), parameters(1.08)];
            assert!(allowed.contains(&found), "{budget}");
            found_old += u32::from(found == parameters(1.01));
            if done {
                assert_eq!(found, parameters(1.08));
                break;
            }
        }
    }
    assert!(100 < failed && 500 < found_old, "{failed} {found_old}");
}

#[test]
fn a_flood_of_attempts_fills_its_part_of_the_log_and_leaves_room_for_the_bench() {
    let (mut region, mut store) = sealed(4);
    let client = access(Actor::Client, false);
    for _ in 0..200 {
        assert_eq!(
            store.write(&mut region, &parameters(1.05), client),
            Err(Refusal::Sealed)
        );
    }
    assert_eq!(store.entries(), 128 - 32);
    assert_eq!(store.unlogged(), 200 - (128 - 32 - 6));
    for change in 0..15 {
        store
            .write(
                &mut region,
                &parameters(1.0 + f64::from(change) / 1_000.0),
                access(BENCH, true),
            )
            .expect("the last places are for changes");
    }
    // Full: nothing changes any more.
    assert_eq!(
        store.write(&mut region, &parameters(1.05), access(BENCH, true)),
        Err(Refusal::LogFull)
    );
    assert_eq!(SealedStore::mount(&region).expect("it reads").1, parameters(1.014));
}

#[test]
fn damaged_entries_are_left_out_and_keep_their_number() {
    let (mut region, store) = sealed(8);
    let log = 3 * SECTOR_OCTETS as usize;
    region.octets[log + 32 + 5] ^= 1;
    let mut numbers = Vec::new();
    store
        .read_log(&region, 0, |entry| numbers.push(entry.number))
        .expect("it reads");
    assert_eq!(numbers, [0, 2, 3, 4, 5]);
    let (again, _) = SealedStore::mount(&region).expect("it reads");
    assert!(again.is_sealed() && again.entries() == 6);
    assert!(SealedStore::mount(&Region::new(3)).is_err(), "too small a region");
}
