#![no_std]
#![forbid(unsafe_code)]
//! The Ferraris meter: a plain struct of numbers, rules that move it through time, and a table of rows that shows it to COSEM clients.
//!
//! [`Meter::boot`] brings it to life on a [`Board`], [`Meter::step`] is the only door. The meter reads no clock, draws no chance and opens
//! no socket: instants, measurements, octets, contacts and entropy come in as [`Input`]; frames, the state of the switch and the time of
//! the backup clock go out through the board during the call. The same inputs give the same outputs, octet by octet, on every machine.
//!
//! ```text
//! Input -> step -> rules (clock, profile, disconnector, ...) -> Effects -> memory, board
//!                    ^
//! link -> dlms -> service -> objects (rows) -> model
//! ```

pub mod activation;
pub mod alarm;
pub mod attack;
mod before;
pub mod billing;
pub mod calendar;
pub mod capture;
mod certificates;
pub mod clock;
pub mod config;
pub mod day_table;
pub mod demand;
pub mod disconnector;
pub mod display;
pub mod event_log;
pub mod fraud;
pub mod import_only;
pub mod interval;
pub mod keys;
pub mod legal;
pub mod local_ports;
pub mod mbus;
pub mod outage;
pub mod port_protection;
pub mod profile;
pub mod quality;
pub mod schedule;
pub mod security;
pub mod tariff;
pub mod transformers;
pub mod trouble;
pub mod verification;

mod capture_lists;
mod closing;
mod effect;
pub mod limits;
mod memory;
mod model;
mod objects;
pub mod readout;
pub mod scripts;
mod service;
mod set_up;
mod step;
mod stream;
mod tariffing;
pub mod timekeeping;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

use base::{Instant, Micros, Utc};
use cosem::axdr::Writer;
use cosem::{AccessError, Attribute, Object, Role};
use dlms::server::DataLink;
use flash::Nor;
use metrology::{LegalEntry, Measurement, NonVolatileFault, Parameters, QualityFinding, Refusal, Spectrum};

pub use config::{Config, ConfigError, Differences, Secrets, Variant};
pub use effect::{Actor, Change, Record};
pub use fraud::{Contact, Press};
pub use legal::Bench;
pub use memory::{BootReport, FlashSize, MemoryError, N_PARTITIONS, calibration, partitions};
pub use model::{JournalState, Model, Partner, error_bit};
pub use objects::DIRECTORY;
pub use service::{MANAGEMENT_CLIENT, PRE_ESTABLISHED_CLIENT, PUBLIC_CLIENT, READING_CLIENT};
pub use trouble::Trouble;

use attack::Attack;
use effect::Effect;
use event_log::Log;
use memory::Memory;
use profile::JournalId;
use service::Service;
use step::{Chance, Core};
use timekeeping::Synchroniser;

pub use timekeeping::Battery;

/// What the meter needs of the hardware, or of what stands in for it. Calls come only from within a step and return at once.
pub trait Board {
    /// The non-volatile memory, of at least [`FlashSize::sectors`] sectors.
    fn flash(&mut self) -> &mut dyn Nor;

    /// Closes or opens the switch in the supply.
    fn drive_disconnector(&mut self, closed: bool);

    /// Sets the clock that runs on while the meter has no supply.
    fn set_rtc(&mut self, utc: Utc);
}

/// What can happen to a meter.
pub enum Input<'a> {
    /// Time has passed; due at [`Meter::deadline`].
    Tick,
    /// The metrology has finished a window, which ends now.
    Measured(&'a Measurement),
    /// Total harmonic distortion in tenths of a percent, voltages L1 to L3, then currents.
    Distortion([Option<u16>; 6]),
    /// The metrology found something about the quality of the supply.
    Quality {
        /// What.
        finding: QualityFinding<'a>,
        /// Samples a second of the metrology.
        rate_hz: u32,
    },
    /// A channel's harmonics.
    Spectrum(&'a Spectrum),
    /// Octets came on a link.
    Received {
        /// The link, lent by its owner.
        link: &'a mut dyn DataLink,
        /// Now on the time line of the link's timers. A virtual meter may live faster than its clients; a real one passes `now`.
        at: Instant,
        /// The octets.
        octets: &'a [u8],
        /// Takes what is answered, during the call.
        answer: &'a mut dyn FnMut(&[u8]),
    },
    /// A deadline of the link has come.
    Elapsed {
        /// The link.
        link: &'a mut dyn DataLink,
        /// Now on the time line of the link's timers.
        at: Instant,
    },
    /// The link is gone.
    Lost {
        /// The link.
        link: &'a mut dyn DataLink,
    },
    /// A contact or the button.
    Contact(Contact),
    /// A device on an M-Bus channel delivered a value.
    MBus(mbus::Source, mbus::Reading),
    /// A part of the meter that has no rules here, such as a modem or the M-Bus master, has seen something that is an event.
    Noted(Log, u8),
    /// The board found a part of the meter failing.
    Trouble(Trouble),
    /// A production line or a laboratory at the meter itself (M7).
    Bench(Bench<'a>),
    /// What the board's thermometer shows, in degrees Celsius: at boot, and whenever it changes.
    Temperature(i8),
    /// What the board sees of the battery that carries the clock through a power cut: at boot, and whenever it changes.
    Battery(Battery),
    /// A port had more connections than it has places, and gave one up or refused one.
    Crowded,
    /// A time source of the board, such as a laboratory's or the network's, says what time it is: the clock is set as by a client (T1).
    Time(Utc),
    /// Fresh entropy, mixed by replacing the generator's seed.
    Entropy([u8; 32]),
    /// The supply is failing: save what must be saved. No input comes after this one.
    PowerFailing,
}

/// Why a step did not go through. The meter lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The link must be closed by its owner: what came on it cannot be a client's.
    Closed,
    /// The memory did not take something; the error register and the log say so too.
    Memory(AccessError),
    /// The time is not in 2000 to 2099; the clock stays as it was.
    Time,
    /// The sealed parameters stay as they were.
    Sealed(Refusal),
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Closed => f.write_str("the link must be closed"),
            Self::Memory(error) => write!(f, "the memory refused: {error}"),
            Self::Time => f.write_str("the time is not in 2000 to 2099"),
            Self::Sealed(refusal) => refusal.fmt(f),
        }
    }
}

impl core::error::Error for Fault {}

/// Why a meter does not boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootFault {
    /// Such a meter cannot be built.
    Config(ConfigError),
    /// The flash does not work at all.
    Memory(MemoryError),
}

impl core::fmt::Display for BootFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Config(error) => write!(f, "configuration: {error}"),
            Self::Memory(error) => write!(f, "memory: {error}"),
        }
    }
}

impl core::error::Error for BootFault {}

/// One meter.
#[derive(Debug)]
pub struct Meter {
    core: Core,
}

impl Meter {
    /// Brings a meter to life: finds its memory or lays it out, restores what is kept, drives the switch to its stored state, and logs
    /// that power is back. `rtc` is the reading of the backup clock, none when its reserve is exhausted.
    ///
    /// # Errors
    /// [`BootFault`] when the configuration is impossible or the flash does not work at all. Damage in the flash is no fault: what is
    /// whole is kept, and the report says what was lost.
    pub fn boot(
        config: &Config,
        rtc: Option<Utc>,
        entropy: [u8; 32],
        board: &mut dyn Board,
    ) -> Result<(Self, BootReport), BootFault> {
        let mut place = None;
        let (_, report) = Self::boot_in(&mut place, config, rtc, entropy, board)?;
        Ok((place.expect("a boot that ends well has filled its place"), report))
    }

    /// Boots as [`Meter::boot`] does, into a place that is its caller's: a meter of 15 kB is made there and never moves, so that a small stack will
    /// do. A boot that fails leaves the place empty.
    ///
    /// # Errors
    /// As [`Meter::boot`].
    pub fn boot_in<'a>(
        place: &'a mut Option<Self>,
        config: &Config,
        rtc: Option<Utc>,
        entropy: [u8; 32],
        board: &mut dyn Board,
    ) -> Result<(&'a mut Self, BootReport), BootFault> {
        config.check().map_err(BootFault::Config)?;
        Self::begin(place, config, rtc, entropy);
        let booted = match place {
            Some(meter) => meter.core.boot(board),
            None => Err(BootFault::Memory(MemoryError::Bound)),
        };
        match booted {
            Ok(report) => match place {
                Some(meter) => Ok((meter, report)),
                None => Err(BootFault::Memory(MemoryError::Bound)),
            },
            Err(fault) => {
                *place = None;
                Err(fault)
            }
        }
    }

    /// Makes a meter as it leaves the factory in its place, before it has found its memory.
    #[inline(never)]
    fn begin(place: &mut Option<Self>, config: &Config, rtc: Option<Utc>, entropy: [u8; 32]) {
        let now = Instant::START;
        let checkpoint_due = now + Micros::from_secs(u64::from(config.checkpoint_seconds));
        *place = Some(Self {
            core: Core {
                model: Model::new(config, now, rtc),
                memory: Memory::new(),
                chance: Chance::new(entropy),
                checkpoint_due,
                farewell_due: now + limits::FAREWELL_WATCHED,
                unsaved: false,
            },
        });
    }

    /// Lets one thing happen at `now`, which never goes back.
    ///
    /// # Errors
    /// [`Fault`]: what could not be done. The meter lives on and may be stepped again.
    pub fn step(&mut self, now: Instant, input: Input<'_>, board: &mut dyn Board) -> Result<(), Fault> {
        let core = &mut self.core;
        // A period that ended before this moment is closed before anything of this moment is counted.
        let ended = core.model.due().and_then(|due| core.model.clock.instant_of(due));
        core.model.now = core.model.now.max(now);
        let mut outcome = Ok(());
        core.model.effects.acting = Actor::Meter;
        if ended.is_some_and(|ended| ended < now) {
            outcome = core.elapse(board).map_err(Fault::Memory);
        }
        core.model.effects.acting = match &input {
            Input::Contact(Contact::Button(_) | Contact::BillingButton) => Actor::Button,
            Input::Time(_) | Input::Trouble(_) | Input::Battery(_) => Actor::Board,
            _ => Actor::Meter,
        };
        match input {
            Input::Tick => {}
            Input::Measured(measurement) => {
                core.model.measure(measurement);
                core.unsaved = true;
            }
            Input::Distortion(permille) => core.model.distortion = permille,
            Input::Quality { finding, rate_hz } => {
                core.model.take_quality(finding, rate_hz);
                let week = match finding {
                    QualityFinding::TenMinutes(minutes) => Some(Some(minutes.week)),
                    QualityFinding::Week(_) => Some(None),
                    _ => None,
                };
                if let Some(week) = week {
                    let kept = core.memory.keep_week(board.flash(), &core.model, week);
                    let kept = match kept.map_err(AccessError::from) {
                        // The flash is erasing: ten minutes later the whole week is kept again.
                        Err(AccessError::TemporaryFailure) => Ok(()),
                        kept => kept.map_err(Fault::Memory),
                    };
                    outcome = outcome.and(kept);
                }
            }
            Input::Spectrum(spectrum) => core.model.quality.take_spectrum(spectrum),
            Input::Contact(contact) => core.model.touch(contact),
            Input::MBus(source, reading) => core.model.deliver(source, reading),
            Input::Noted(log, code) => core.model.effects.push(Effect::Event(log, code)),
            Input::Trouble(trouble) => core.model.suffer(trouble),
            Input::Temperature(celsius) => core.model.celsius = Some(celsius),
            Input::Battery(battery) => core.model.look_at_battery(battery),
            Input::Crowded => core.model.note_attack(Attack::Flood),
            Input::Bench(act) => {
                let done = core.bench(act, board).map_err(Fault::Sealed);
                outcome = outcome.and(done);
            }
            Input::Time(utc) => {
                let set = core
                    .model
                    .set_utc(utc, Synchroniser::TimeSource)
                    .map_err(|_| Fault::Time);
                outcome = outcome.and(set);
            }
            Input::Entropy(seed) => core.chance = Chance::new(seed),
            Input::PowerFailing => return core.power_failing(board).map_err(Fault::Memory),
            Input::Received {
                link,
                at,
                octets,
                answer,
            } => {
                let served = link.receive(at, octets, &mut Service { core, board }, answer);
                // The answer to a change of keys has gone out under the old ones.
                core.model.adopt_keys();
                outcome = served.map_err(|_| Fault::Closed).and(outcome);
            }
            Input::Elapsed { link, at } => {
                let served = link.elapse(at, &mut Service { core, board });
                outcome = served.map_err(|_| Fault::Closed).and(outcome);
            }
            Input::Lost { link } => link.lost(&mut Service { core, board }),
        }
        core.model.effects.acting = Actor::Meter;
        let elapsed = core.elapse(board).map_err(Fault::Memory);
        outcome.and(elapsed)
    }

    /// When the meter wants a [`Input::Tick`] at the latest.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        let Core {
            model,
            memory,
            checkpoint_due,
            unsaved,
            ..
        } = &self.core;
        let soon = model.now + Micros::from_millis(10);
        let row = match model.due() {
            // What passed without power is done one by one.
            Some(due) if due <= model.utc() => soon,
            Some(due) => model.clock.instant_of(due).unwrap_or(Instant::FAR),
            None => Instant::FAR,
        };
        let care = if memory.needs_tending() { soon } else { Instant::FAR };
        let save = if *unsaved { *checkpoint_due } else { Instant::FAR };
        let lockout = model.port_protection.until().unwrap_or(Instant::FAR);
        let verified = model.verification.until().unwrap_or(Instant::FAR);
        row.min(save).min(care).min(lockout).min(verified)
    }

    /// The meter as numbers, for those who stand beside it: its display, a laboratory, tests.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.core.model
    }

    /// What the display shows at `now`.
    #[must_use]
    pub fn display(&self, now: Instant) -> display::Shown {
        display::show(&self.core.model, now)
    }

    /// All objects that `role` sees.
    pub fn objects(&self, role: Role) -> impl Iterator<Item = &'static Object<Model>> {
        DIRECTORY.visible(&self.core.model, role)
    }

    /// Appends the value of an attribute that is not streamed, as `role` would read it.
    ///
    /// # Errors
    /// The refusal that a client would get.
    pub fn read(&self, role: Role, what: Attribute, out: &mut Writer<'_>) -> Result<(), AccessError> {
        let (object, attribute) = DIRECTORY.readable(&self.core.model, role, what)?;
        DIRECTORY.get(&self.core.model, object, attribute, out)
    }

    /// The metrology's parameters that count: what a chain is to be set up with at boot, and again whenever the checksum that
    /// [`legal::Legal`] shows has changed.
    ///
    /// # Errors
    /// When the memory cannot be read.
    pub fn parameters(&self, nor: &dyn Nor) -> Result<Parameters, NonVolatileFault> {
        legal::parameters(nor, self.core.model.config.flash)
    }

    /// The week of the supply's quality that ran when the power went, for [`metrology::SupplyQuality::resume`]; none when there is none.
    #[must_use]
    pub fn kept_week<'b>(&self, nor: &dyn Nor, buffer: &'b mut [u8; limits::KEPT_OCTETS]) -> Option<&'b [u8]> {
        self.core.memory.kept_week(nor, buffer)
    }

    /// Visits the whole entries of the legal log, the oldest first.
    ///
    /// # Errors
    /// When the memory cannot be read.
    pub fn visit_legal_log(&self, nor: &dyn Nor, visit: impl FnMut(&LegalEntry)) -> Result<(), NonVolatileFault> {
        let Core { model, .. } = &self.core;
        let store = model.legal.store().ok_or(NonVolatileFault)?;
        legal::read_log(nor, model.config.flash, store, 0, visit)
    }

    /// Visits rows of a journal, the oldest first: those with sequence numbers from `from` on, as far as they can be read. Each row
    /// comes as its time stamp and the A-XDR values of its columns.
    ///
    /// # Errors
    /// When the flash cannot be read.
    pub fn visit_rows(
        &self,
        nor: &dyn Nor,
        journal: JournalId,
        from: u32,
        visit: &mut dyn FnMut(Utc, &[u8]),
    ) -> Result<(), MemoryError> {
        let Some(source) = self.core.memory.journal(journal) else {
            return Ok(());
        };
        let columns = self.core.model.columns(journal);
        let mut cursor = source.rows(from.max(source.first()), source.next_sequence());
        let mut row = [0; limits::ROW_OCTETS];
        let mut values = [0; limits::ROW_OCTETS];
        loop {
            match source.next(nor, &mut cursor, &mut row)? {
                flash::Step::Row { utc, .. } => {
                    let octets = row.get(..usize::from(source.shape().width)).unwrap_or(&[]);
                    let mut out = Writer::new(&mut values);
                    capture::unpack(&self.core.model.clock, &columns, u32::MAX, utc, octets, &mut out)
                        .map_err(|_| MemoryError::Bound)?;
                    visit(utc, out.written());
                }
                flash::Step::Missing { .. } => {}
                flash::Step::End => return Ok(()),
            }
        }
    }
}
