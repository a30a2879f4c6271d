//! B7: a part that refuses now and then with its power on. What was refused is written elsewhere, and what is acknowledged is there.
#![expect(clippy::cast_possible_truncation, reason = "numbers in a test are small")]

mod part;

use base::Utc;
use flash::{
    Blocking, Checkpoint, Erase, Fault, Journal, JournalError, Key, Nor, NorError, Shape, Step, Store, StoreError,
};
use part::{Part, blank, region};

/// Every fifth program comes half way and is reported as failed.
struct Failing {
    part: Part,
    programs: u32,
}

impl Nor for Failing {
    fn sectors(&self) -> u32 {
        self.part.sectors()
    }
    fn read(&self, at: u32, into: &mut [u8]) -> Result<(), NorError> {
        self.part.read(at, into)
    }
    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorError> {
        self.programs += 1;
        if self.programs.is_multiple_of(5) {
            self.part.program(at, &bytes[..bytes.len() / 2])?;
            return Err(NorError::Failed);
        }
        self.part.program(at, bytes)
    }
    fn start_erase(&mut self, sector: u32) -> Result<(), NorError> {
        self.part.start_erase(sector)
    }
    fn poll_erase(&mut self) -> Result<Erase, NorError> {
        self.part.poll_erase()
    }
    fn suspend_erase(&mut self) -> Result<(), NorError> {
        self.part.suspend_erase()
    }
    fn resume_erase(&mut self) -> Result<(), NorError> {
        self.part.resume_erase()
    }
}

#[test]
fn refused_programs_spoil_nothing_that_is_acknowledged() {
    let mut part = blank(12);
    let (rows, values) = (region(&part, 0, 4), region(&part, 4, 8));
    let mut journal = Journal::format(&mut part, rows, Shape { width: 40, tag: 0 }).unwrap();
    let mut store = Store::<8>::format(&mut part, values).unwrap();
    let mut part = Failing { part, programs: 0 };
    let (mut written, mut set) = (0, 0_u32);
    for n in 0..600_u32 {
        let utc = Utc::from_unix(i64::from(written));
        match journal.append(&mut part, utc, &[written as u8; 40]) {
            Ok(sequence) => {
                assert_eq!(sequence, written);
                written += 1;
            }
            // A header that was refused: its sector is prepared once more.
            Err(JournalError::Fault(Fault::Busy | Fault::Worn(_))) => {}
            Err(error) => panic!("{error}"),
        }
        match store.set(&mut part, Key(n % 5), &n.to_le_bytes()) {
            Ok(()) => set = n,
            Err(StoreError::Fault(Fault::Busy | Fault::Worn(_))) => {}
            Err(error) => panic!("{error}"),
        }
        for _ in 0..20 {
            journal.tend(&mut part).unwrap();
            store.tend(&mut part).unwrap();
            part.part.pass(base::Micros::from_millis(50));
        }
    }
    assert!(500 < written);
    assert_eq!(part.part.writes().twice, 0);
    let (journal, found) = Journal::mount(&part, rows).unwrap().unwrap();
    assert_eq!((found.lost_rows, journal.next_sequence()), (0, written));
    let (mut cursor, mut into) = (journal.all(), [0; 40]);
    for expected in journal.first()..written {
        let step = journal.next(&part, &mut cursor, &mut into).unwrap();
        assert!(matches!(step, Step::Row { sequence, .. } if sequence == expected));
        assert_eq!(into, [expected as u8; 40]);
    }
    let (store, found) = Store::<8>::mount(&part, values).unwrap().unwrap();
    assert_eq!((found.lost_keys, found.lost_records), (0, 0));
    assert_eq!(
        store.get(&part, Key(set % 5), &mut [0; 4]),
        Ok(Some(set.to_le_bytes().as_slice()))
    );
}

#[test]
fn many_power_failures_in_turn_use_the_reserve_up_and_a_snapshot_frees_it() {
    let mut part = blank(5);
    let sides = [region(&part, 0, 2), region(&part, 2, 2)];
    let reserve = region(&part, 4, 1);
    let mut checkpoint = Checkpoint::format(&mut part, sides, reserve, 64).unwrap();
    checkpoint.save(&mut part, &[1; 64]).unwrap();
    for n in 0..5 {
        assert!(checkpoint.is_ready());
        checkpoint.save_record(&mut part, &[n; 100]).unwrap();
        checkpoint.settle(&mut part).unwrap();
        assert_eq!(checkpoint.record(&part, &mut [0; 512]), Ok(Some([n; 100].as_slice())));
    }
    assert_eq!(checkpoint.save_record(&mut part, &[9; 100]), Err(Fault::Busy.into()));
    checkpoint.save(&mut part, &[2; 64]).unwrap();
    assert_eq!(checkpoint.record(&part, &mut [0; 512]), Ok(None));
    checkpoint.settle(&mut part).unwrap();
    checkpoint.save_record(&mut part, &[10; 512]).unwrap();
    let (checkpoint, restored) = Checkpoint::mount(&mut part, sides, reserve).unwrap().unwrap();
    assert_eq!(
        (restored.snapshot, restored.record, restored.damaged),
        (Some((2, 64)), Some(512), 0)
    );
    assert_eq!(checkpoint.record(&part, &mut [0; 512]), Ok(Some([10; 512].as_slice())));
}

#[test]
fn a_worn_side_leaves_its_turn_to_the_other() {
    let mut part = blank(9);
    let sides = [region(&part, 0, 4), region(&part, 4, 4)];
    let mut checkpoint = Checkpoint::format(&mut part, sides, region(&blank(9), 8, 1), 1_000).unwrap();
    let first_open = 1;
    part.break_sector(Some(first_open));
    for n in 1..=6 {
        assert_eq!(checkpoint.save(&mut part, &[n; 1_000]), Ok(u32::from(n)));
        assert_eq!(
            checkpoint.snapshot(&part, &mut [0; 1_000]),
            Ok(Some([n; 1_000].as_slice()))
        );
        checkpoint.settle(&mut part).unwrap();
    }
}

/// A part behind the traits of `embedded-storage`.
struct Foreign(Vec<u8>);

#[derive(Debug)]
struct Refusal;

impl embedded_storage::nor_flash::NorFlashError for Refusal {
    fn kind(&self) -> embedded_storage::nor_flash::NorFlashErrorKind {
        embedded_storage::nor_flash::NorFlashErrorKind::OutOfBounds
    }
}

impl embedded_storage::nor_flash::ErrorType for Foreign {
    type Error = Refusal;
}

impl embedded_storage::nor_flash::ReadNorFlash for Foreign {
    const READ_SIZE: usize = 1;
    fn read(&mut self, at: u32, into: &mut [u8]) -> Result<(), Refusal> {
        into.copy_from_slice(self.0.get(at as usize..at as usize + into.len()).ok_or(Refusal)?);
        Ok(())
    }
    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl embedded_storage::nor_flash::NorFlash for Foreign {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1_024;
    fn erase(&mut self, from: u32, to: u32) -> Result<(), Refusal> {
        self.0.get_mut(from as usize..to as usize).ok_or(Refusal)?.fill(0xFF);
        Ok(())
    }
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Refusal> {
        let cells = self.0.get_mut(at as usize..at as usize + bytes.len()).ok_or(Refusal)?;
        cells.iter_mut().zip(bytes).for_each(|(cell, byte)| *cell &= byte);
        Ok(())
    }
}

#[test]
fn any_embedded_storage_flash_carries_a_store() {
    let mut part = Blocking::new(Foreign(vec![0x33; 6 * 4_096]));
    let place = flash::Region::new(&part, 1, 5).unwrap();
    assert_eq!(flash::Region::new(&part, 2, 5), Err(NorError::OutOfRange));
    assert_eq!(part.program(4_095, &[0, 0]), Err(NorError::CrossesPage));
    let mut store = Store::<8>::format(&mut part, place).unwrap();
    for n in 0..1_000_u32 {
        store.set(&mut part, Key(n % 7), &n.to_le_bytes()).unwrap();
        store.settle(&mut part).unwrap();
    }
    let (store, _) = Store::<8>::mount(&part, place).unwrap().unwrap();
    assert_eq!(
        store.get(&part, Key(0), &mut [0; 4]),
        Ok(Some(994_u32.to_le_bytes().as_slice()))
    );
}
