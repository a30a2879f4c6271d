//! The end of a life: panic, fault or a loop that hangs. The cause is recorded, the registers are saved, the board starts anew.
//!
//! What the next life must know stands in the backup domain: how the last one ended, where, how many have ended so in a row, and the time.

use core::fmt;
use core::panic::PanicInfo;

use base::{Instant, Micros, Utc};
use board::clock::Clock;
use board::{backup, say};
use cortex_m_rt::{ExceptionFrame, exception};
use meter::{Input, Meter};

use crate::hardware::Hardware;
use crate::place::Place;
use crate::trace::{self, Event};

/// The meter and what it acts on: all that is needed for its last step.
pub(crate) struct Living {
    pub(crate) meter: &'static mut Meter,
    pub(crate) hardware: Hardware,
    /// The last instant that the loop saw.
    pub(crate) now: Instant,
}

pub(crate) static LIVING: Place<Living> = Place::new();

/// How the life before this one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The power was away, or the board was reset from outside.
    Power = 0,
    /// The program broke a promise of its own.
    Panic = 1,
    /// The core refused an instruction or an access.
    Fault = 2,
    /// The loop hung, and the watchdog's first end recorded it.
    Hang = 3,
    /// Nothing was recorded: the watchdog's second end, or a core that locked up.
    Unknown = 4,
}

/// What the last life left behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    pub(crate) cause: Cause,
    /// Restarts in a row, this one included.
    pub(crate) restarts: u32,
    /// The meter's time, at most a second before the end.
    pub(crate) utc: Option<Utc>,
    line: u32,
    file: [u8; FILE_OCTETS],
}

/// Reads what the last life left, and begins the record of this one.
pub(crate) fn begin() -> Last {
    let last = Last::read();
    set(RESTARTS, last.restarts);
    // Until a minute has passed or a handler says otherwise, an end of this life is nobody's.
    set(CAUSE, Cause::Unknown as u32);
    keep_utc(last.utc);
    seal();
    last
}

/// The loop lives: every second its time is kept, after a minute the restarts before it are forgotten.
pub(crate) fn alive(now: Instant, meter: &Meter) {
    let second = u32::try_from(now.as_micros() / 1_000_000).unwrap_or(u32::MAX);
    if backup::word(SECOND) == second {
        return;
    }
    set(SECOND, second);
    keep_utc(Some(meter.model().utc()).filter(|_| meter.model().clock.is_valid()));
    if FORGET_AFTER_SECONDS <= second {
        set(RESTARTS, 0);
    }
    seal();
}

/// Ends a life that cannot begin: waits, so that a damaged board does not wear its flash out, and starts anew.
pub(crate) fn give_up(clock: &mut Clock, why: &str) -> ! {
    say!("fault {why}");
    let now = clock.now();
    trace::note(now, Event::GaveUp);
    while clock.now() < now + PAUSE_BEFORE_ANOTHER {}
    end(Cause::Panic)
}

impl Living {
    /// One step; a refusal is in the meter's error register and log already.
    pub(crate) fn step(&mut self, now: Instant, input: Input<'_>) {
        let _noted_by_the_meter = self.meter.step(now, input, &mut self.hardware);
    }
}

impl Cause {
    /// Whether the program itself ended.
    pub(crate) const fn is_fault(self) -> bool {
        !matches!(self, Self::Power)
    }

    const fn from_word(word: u32) -> Self {
        match word {
            1 => Self::Panic,
            2 => Self::Fault,
            3 => Self::Hang,
            _ => Self::Unknown,
        }
    }
}

impl Last {
    fn read() -> Self {
        if backup::word(SEAL) != checksum() {
            return Self {
                cause: Cause::Power,
                restarts: 0,
                utc: None,
                line: 0,
                file: [0; FILE_OCTETS],
            };
        }
        let mut file = [0; FILE_OCTETS];
        for (index, piece) in file.chunks_mut(4).enumerate() {
            for (place, octet) in piece.iter_mut().zip(backup::word(FILE + index).to_le_bytes()) {
                *place = octet;
            }
        }
        let seconds = u64::from(backup::word(UTC_HIGH)) << 32 | u64::from(backup::word(UTC_LOW));
        Self {
            cause: Cause::from_word(backup::word(CAUSE)),
            restarts: backup::word(RESTARTS).saturating_add(1),
            utc: (seconds != NO_UTC).then(|| Utc::from_unix(seconds.cast_signed())),
            line: backup::word(LINE),
            file,
        }
    }
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.file.iter().position(|octet| *octet == 0).unwrap_or(FILE_OCTETS);
        let file = core::str::from_utf8(self.file.get(..length).unwrap_or(&[])).unwrap_or("?");
        write!(f, "at={file}:{}", self.line)
    }
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    if let Some(place) = info.location() {
        record_place(place.file(), place.line());
    }
    end(Cause::Panic)
}

#[allow(unsafe_code, reason = "the core calls it, nobody else")]
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    record_place("pc", frame.pc());
    end(Cause::Fault)
}

/// The watchdog's first end: the loop has hung for two seconds.
#[allow(unsafe_code, reason = "the core calls it, nobody else")]
#[exception]
unsafe fn NonMaskableInt() {
    record_place("watchdog", 0);
    end(Cause::Hang)
}

/// Records, saves what the registers hold, and starts anew. Whatever fails on the way leads straight to the restart.
#[expect(unsafe_code, reason = "the last one who runs takes the meter from whoever had it")]
fn end(cause: Cause) -> ! {
    set(CAUSE, cause as u32);
    seal();
    // SAFETY: this function never returns, and what it interrupted never runs again.
    if let Some(living) = unsafe { LIVING.seize() } {
        let now = living.now;
        trace::note(now, Event::Ended(cause));
        // Registers are plain numbers, whole after every booking: what was measured until now is saved, as at the end of the supply.
        living.step(now, Input::PowerFailing);
    }
    backup::restart()
}

fn record_place(file: &str, line: u32) {
    let from = file.len().saturating_sub(FILE_OCTETS);
    let tail = file.as_bytes().get(from..).unwrap_or(&[]);
    for index in 0..FILE_OCTETS / 4 {
        let mut word = [0; 4];
        for (place, octet) in word.iter_mut().zip(tail.iter().skip(4 * index)) {
            *place = *octet;
        }
        set(FILE + index, u32::from_le_bytes(word));
    }
    set(LINE, line);
}

fn keep_utc(utc: Option<Utc>) {
    let seconds = utc.map_or(NO_UTC, |utc| utc.unix().cast_unsigned());
    let [a, b, c, d, high @ ..] = seconds.to_le_bytes();
    set(UTC_LOW, u32::from_le_bytes([a, b, c, d]));
    set(UTC_HIGH, u32::from_le_bytes(high));
}

fn set(index: usize, value: u32) {
    backup::set_word(index, value);
}

fn seal() {
    set(SEAL, checksum());
}

/// Over the record, so that what a memory holds after it was without power is not taken for one.
fn checksum() -> u32 {
    let mut digest = CHECKSUM.digest();
    for index in 0..SEAL {
        digest.update(&backup::word(index).to_le_bytes());
    }
    digest.finalize()
}

const CHECKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

const CAUSE: usize = 0;
const RESTARTS: usize = 1;
const UTC_LOW: usize = 2;
const UTC_HIGH: usize = 3;
const SECOND: usize = 4;
const LINE: usize = 5;
const FILE: usize = 6;
const SEAL: usize = FILE + FILE_OCTETS / 4;

/// The end of the file's name that is kept.
const FILE_OCTETS: usize = 32;
const PAUSE_BEFORE_ANOTHER: Micros = Micros::from_secs(10);
const FORGET_AFTER_SECONDS: u32 = 60;
/// No time is known.
const NO_UTC: u64 = u64::MAX;
