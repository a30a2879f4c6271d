//! The numbers of protected messages: kept in a file, reserved before they are used, so that none is ever used twice.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// The counter file of one key and title, locked while it is used.
///
/// The file holds the first number that nobody has reserved. A crash wastes the rest of a reservation and repeats none.
pub(crate) struct Counters {
    file: File,
    path: PathBuf,
    reserved_to: u32,
}

/// Numbers reserved at once.
const RESERVATION: u32 = 256;

impl Counters {
    /// Opens the file of `fingerprint` in the folder `state`, and waits until nobody else reads with this key.
    ///
    /// # Errors
    /// When it cannot be opened, or does not hold a number: then it must be looked at, not guessed.
    pub(crate) fn open(state: &Path, fingerprint: &str) -> Result<Self, Failure> {
        fs::create_dir_all(state).map_err(|error| Failure::file(state, &error))?;
        let path = state.join(format!("counter-{fingerprint}"));
        let failed = |error: std::io::Error| Failure::file(&path, &error);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        file.lock().map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let reserved_to = match text.trim() {
            "" => 1,
            number => number.parse().map_err(|_| {
                Failure::Failed(format!(
                    "{} does not hold a number; if it is lost for good, delete it: the counter is then taken from the meter alone",
                    path.display()
                ))
            })?,
        };
        Ok(Self {
            file,
            path,
            reserved_to,
        })
    }

    /// Reserves numbers from the first that is free here and greater than `accepted`, the greatest that the meter has
    /// accepted; answers the first.
    ///
    /// # Errors
    /// When the file cannot be written, or the numbers are used up.
    pub(crate) fn reserve(&mut self, accepted: Option<u32>) -> Result<u32, Failure> {
        let first = accepted
            .map_or(Some(0), |it| it.checked_add(1))
            .map(|it| it.max(self.reserved_to));
        let used_up = || Failure::Failed("the invocation counter is used up: the meter needs new keys".to_owned());
        let first = first.ok_or_else(used_up)?;
        self.keep(first.checked_add(RESERVATION).ok_or_else(used_up)?)?;
        Ok(first)
    }

    /// Makes sure that `next` and some after it are reserved.
    ///
    /// # Errors
    /// As [`Counters::reserve`].
    pub(crate) fn stay_ahead(&mut self, next: u32) -> Result<(), Failure> {
        if next.saturating_add(RESERVATION / 2) < self.reserved_to {
            return Ok(());
        }
        let used_up = || Failure::Failed("the invocation counter is used up: the meter needs new keys".to_owned());
        self.keep(next.checked_add(RESERVATION).ok_or_else(used_up)?)
    }

    /// Gives back what was reserved and not used: `next` was not.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn settle(&mut self, next: u32) -> Result<(), Failure> {
        if next < self.reserved_to {
            self.keep(next)
        } else {
            Ok(())
        }
    }

    fn keep(&mut self, reserved_to: u32) -> Result<(), Failure> {
        let mut write = || -> std::io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            // Always as long: a write that is cut leaves no shorter number behind.
            self.file.write_all(format!("{reserved_to:010}\n").as_bytes())?;
            self.file.sync_data()
        };
        write().map_err(|error| Failure::file(&self.path, &error))?;
        self.reserved_to = reserved_to;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("ferraris-counters-{}-{name}", std::process::id()));
            let _absent = fs::remove_dir_all(&folder);
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn no_number_is_given_twice_not_even_after_a_crash() {
        let folder = Folder::new("crash");
        let mut next = 0;
        for round in 0..20 {
            let mut counters = Counters::open(&folder.0, "key").expect("it opens");
            let first = counters.reserve(None).expect("there are numbers");
            assert!(next <= first, "{first} was used before {next}");
            next = first;
            for _ in 0..300 {
                counters.stay_ahead(next).expect("there are numbers");
                next += 1;
            }
            // Every other reader ends without a word.
            if round % 2 == 0 {
                counters.settle(next).expect("it is written");
            }
        }
    }

    #[test]
    fn the_meter_may_be_further_than_the_file() {
        let folder = Folder::new("meter");
        let mut counters = Counters::open(&folder.0, "key").expect("it opens");
        assert_eq!(counters.reserve(Some(5000)).expect("numbers"), 5001);
        counters.settle(5003).expect("written");
        assert_eq!(
            counters.reserve(Some(17)).expect("numbers"),
            5003,
            "a lowered counter of the meter is not followed"
        );
        assert!(counters.reserve(Some(u32::MAX)).is_err());
        assert!(
            counters.reserve(Some(u32::MAX - 3)).is_err(),
            "no reservation beyond the last number"
        );
    }

    #[test]
    fn a_damaged_file_is_not_guessed() {
        let folder = Folder::new("damage");
        drop(Counters::open(&folder.0, "key").expect("it opens"));
        fs::write(folder.0.join("counter-key"), "12x").expect("written");
        assert!(Counters::open(&folder.0, "key").is_err());
    }
}
