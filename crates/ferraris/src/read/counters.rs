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
    /// None while nothing is known of this key.
    reserved_to: Option<u32>,
}

/// Where numbers may begin, beside what the file says.
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// After the greatest that the meter has accepted, as its public client tells. Nothing protects that.
    Told(u32),
    /// With the number that was said on the command line.
    Ordered(u32),
    /// Nobody tells, and why.
    Unknown(String),
}

/// Numbers reserved at once.
const RESERVATION: u32 = 256;
/// Numbers that may be passed over since the meter tells so: more than a key uses in twenty years, and few enough to be lost.
const LEAP_MOST: u32 = 1 << 24;

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
            "" => None,
            number => Some(number.parse().map_err(|_| {
                Failure::Failed(format!(
                    "{} does not hold a number; if it is lost for good, delete it: the counter is then taken from the meter alone",
                    path.display()
                ))
            })?),
        };
        Ok(Self {
            file,
            path,
            reserved_to,
        })
    }

    /// Whether nothing is known here of this key.
    pub(crate) const fn is_new(&self) -> bool {
        self.reserved_to.is_none()
    }

    /// Reserves numbers from the first that is free here and where `start` says; answers the first.
    ///
    /// # Errors
    /// When the file cannot be written, the numbers are used up, or none can be told to be free.
    pub(crate) fn reserve(&mut self, start: &Start) -> Result<u32, Failure> {
        let free = self.reserved_to.unwrap_or(1);
        let first = match start {
            Start::Ordered(first) => *first,
            Start::Told(accepted) if LEAP_MOST < accepted.saturating_sub(free) => {
                return Err(Failure::Failed(format!(
                    "the meter's public client tells that {accepted} was the last counter that it accepted; here {free} is the next. Nothing \
                     protects what it tells, and numbers that are passed over are lost for the key, so no more than {LEAP_MOST} are. If it is \
                     right, say --first-counter {}",
                    accepted.saturating_add(1)
                )));
            }
            Start::Told(accepted) => accepted.saturating_add(1),
            Start::Unknown(why) if self.is_new() => {
                return Err(Failure::Usage(format!(
                    "nobody tells which counters are free for this key: {} is new, and the meter's public client did not tell the last one \
                     ({why}). A number that is used twice lays messages open, so none is guessed. If this key was never used with this \
                     system title say --first-counter 1, else a number above all that were used; --counter names another object",
                    self.path.display()
                )));
            }
            Start::Unknown(_) => free,
        };
        let first = first.max(free);
        self.keep(first.checked_add(RESERVATION).ok_or_else(used_up)?)?;
        Ok(first)
    }

    /// Makes sure that `next` and some after it are reserved.
    ///
    /// # Errors
    /// As [`Counters::reserve`].
    pub(crate) fn stay_ahead(&mut self, next: u32) -> Result<(), Failure> {
        if self
            .reserved_to
            .is_some_and(|to| next.saturating_add(RESERVATION / 2) < to)
        {
            return Ok(());
        }
        self.keep(next.checked_add(RESERVATION).ok_or_else(used_up)?)
    }

    /// Gives back what was reserved and not used: `next` was not.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn settle(&mut self, next: u32) -> Result<(), Failure> {
        if self.reserved_to.is_some_and(|to| next < to) {
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
        self.reserved_to = Some(reserved_to);
        Ok(())
    }
}

fn used_up() -> Failure {
    Failure::Failed("the invocation counter is used up: the meter needs new keys".to_owned())
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
            let start = match round {
                0 => Start::Ordered(1),
                _ => unknown(),
            };
            let first = counters.reserve(&start).expect("there are numbers");
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
        assert_eq!(counters.reserve(&Start::Told(5000)).expect("numbers"), 5001);
        counters.settle(5003).expect("written");
        for lower in [Start::Told(17), Start::Ordered(17), unknown()] {
            let first = counters.reserve(&lower).expect("numbers");
            assert_eq!(first, 5003, "a lowered counter is not followed: {lower:?}");
            counters.settle(first).expect("written");
        }
        assert!(
            counters.reserve(&Start::Ordered(u32::MAX - 3)).is_err(),
            "no reservation beyond the last number"
        );
    }

    #[test]
    fn a_new_file_begins_with_what_somebody_tells_and_never_by_itself() {
        let folder = Folder::new("new");
        let mut counters = Counters::open(&folder.0, "key").expect("it opens");
        let Err(Failure::Usage(text)) = counters.reserve(&unknown()) else {
            panic!("a number was guessed")
        };
        assert!(
            text.contains("--first-counter 1") && text.contains("no answer"),
            "{text}"
        );
        drop(counters);
        let mut counters = Counters::open(&folder.0, "key").expect("it opens");
        assert!(counters.is_new(), "a refusal leaves it new");
        assert_eq!(counters.reserve(&Start::Ordered(1)).expect("numbers"), 1);
        assert!(!counters.is_new());
    }

    #[test]
    fn what_the_meter_tells_is_followed_so_far_and_further_only_by_order() {
        let folder = Folder::new("leap");
        let mut counters = Counters::open(&folder.0, "key").expect("it opens");
        for far in [1 + LEAP_MOST + 1, u32::MAX] {
            let Err(Failure::Failed(text)) = counters.reserve(&Start::Told(far)) else {
                panic!("{far} was followed")
            };
            assert!(
                text.contains(&format!("--first-counter {}", far.saturating_add(1))),
                "{text}"
            );
        }
        assert_eq!(
            counters.reserve(&Start::Told(1 + LEAP_MOST)).expect("numbers"),
            2 + LEAP_MOST
        );
        assert_eq!(
            counters.reserve(&Start::Ordered(3_000_000_000)).expect("numbers"),
            3_000_000_000
        );
        assert!(
            counters.reserve(&Start::Told(3_000_000_500)).is_ok(),
            "from there on it goes"
        );
    }

    fn unknown() -> Start {
        Start::Unknown("no answer".to_owned())
    }

    #[test]
    fn a_damaged_file_is_not_guessed() {
        let folder = Folder::new("damage");
        drop(Counters::open(&folder.0, "key").expect("it opens"));
        fs::write(folder.0.join("counter-key"), "12x").expect("written");
        assert!(Counters::open(&folder.0, "key").is_err());
    }
}
