//! The seal over the metrology's parameters as the meter lives with it: who may change the calibration, and what is noted (M7).
//!
//! The metrology owns the parameters, their memory and their log; here stands what the rows show, and the way in. A laboratory at the
//! meter speaks through [`Bench`]. A client only asks for the calibration of a channel, and is refused once the seal is set, unless the
//! laboratory has put the meter into the bench mode.

use cosem::AccessError;
use flash::Nor;
use metrology::{
    Access, Actor, Calibration, Channel, LegalEntry, N_CHANNELS, NonVolatileFault, Parameters, Refusal, SealedStore,
};

use crate::Board;
use crate::effect::Effect;
use crate::memory::{FlashSize, Sealed, SealedRead};
use crate::model::Model;
use crate::step::Core;
use crate::trouble::Trouble;

/// What a production line or a laboratory does at the meter itself, through the connector under the seal.
#[derive(Clone, Copy, Debug)]
pub enum Bench<'a> {
    /// Closes (true) or opens the switch of the bench mode.
    Mode(bool),
    /// Writes the factory's copy and the working copy, before the seal.
    Manufacture(&'a Parameters),
    /// Changes the working copy.
    Write(&'a Parameters),
    /// Sets the seal.
    Seal,
}

/// The seal and what is shown of it.
#[derive(Clone, Debug, Default)]
pub struct Legal {
    store: Option<SealedStore>,
    bench_mode: bool,
    calibration: Option<[Calibration; N_CHANNELS]>,
    constant: Option<u32>,
    /// The newest entries of the legal log, the oldest of them first.
    recent: [Option<LegalEntry>; RECENT],
    /// What a client asks for, until the step carries it out.
    wanted: Option<(Channel, Calibration)>,
}

/// What a rule wants done about the sealed parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegalAct {
    /// Carry out what a client asked for.
    Calibrate,
    /// Note that a client was refused.
    Refused,
}

impl Legal {
    /// The state of the seal; none when the memory could not be read at boot.
    #[must_use]
    pub const fn store(&self) -> Option<&SealedStore> {
        self.store.as_ref()
    }

    /// Whether the meter is in the bench mode.
    #[must_use]
    pub const fn bench_mode(&self) -> bool {
        self.bench_mode
    }

    /// The calibration of a channel that counts.
    #[must_use]
    pub fn calibration(&self, channel: Channel) -> Calibration {
        let all = self.calibration.as_ref();
        all.and_then(|all| all.get(channel.index()))
            .copied()
            .unwrap_or(Calibration::IDENTITY)
    }

    /// The LED constant under the seal; none before production has written it.
    #[must_use]
    pub const fn constant(&self) -> Option<u32> {
        self.constant
    }

    /// The newest entries of the legal log, the oldest of them first.
    pub fn recent(&self) -> impl Iterator<Item = &LegalEntry> {
        self.recent.iter().flatten()
    }

    pub(crate) fn may_change(&self) -> bool {
        self.bench_mode || self.store.is_some_and(|store| !store.is_sealed())
    }

    fn remember(&mut self, entry: &LegalEntry) {
        self.recent.rotate_left(1);
        let [.., last] = &mut self.recent;
        *last = Some(*entry);
    }
}

impl Model {
    /// Pulses of the LEDs per kWh and per kvarh: what stands under the seal, or what was ordered until production has written it (M5); more
    /// while the meter is being verified (M7).
    #[must_use]
    pub fn led_constant(&self) -> u32 {
        let constant = self.legal.constant.unwrap_or(self.config.constant);
        self.verification.constant(constant)
    }

    /// A client asks for another calibration of a channel.
    ///
    /// # Errors
    /// `ReadWriteDenied` under the seal; the attempt is noted in the legal log.
    pub fn calibrate(&mut self, channel: Channel, calibration: Calibration) -> Result<(), AccessError> {
        if !self.legal.may_change() {
            self.effects.push(Effect::Legal(LegalAct::Refused));
            return Err(AccessError::ReadWriteDenied);
        }
        if calibration != self.legal.calibration(channel) {
            self.legal.wanted = Some((channel, calibration));
            self.effects.push(Effect::Legal(LegalAct::Calibrate));
        }
        Ok(())
    }

    fn access(&self, actor: Actor) -> Access {
        Access {
            actor,
            bench_mode: self.legal.bench_mode,
            unix_seconds: self.utc().unix(),
        }
    }
}

impl Core {
    /// Finds the sealed parameters at boot. Damage is an error bit, an event, and an entry of the legal log when it is news.
    pub(crate) fn find_parameters(&mut self, board: &mut dyn Board) {
        let size = self.model.config.flash;
        let mounted = SealedRead::new(board.flash(), size).and_then(|memory| {
            let (store, parameters) = SealedStore::mount(&memory)?;
            Ok((store, parameters))
        });
        let Ok((mut store, parameters)) = mounted else {
            self.model.suffer(Trouble::Measurement);
            return;
        };
        let before = store.entries().saturating_sub(1);
        if store.is_damaged() {
            self.model.suffer(Trouble::Measurement);
            let mut known = false;
            let read = read_log(board.flash(), size, &store, before, |entry| {
                known = entry.kind == metrology::LegalKind::Damaged;
            });
            let access = self.model.access(Actor::Meter);
            if let (Ok(()), false, Ok(mut memory)) = (read, known, Sealed::new(board.flash(), size)) {
                let _full_or_worn = store.note_damage(&mut memory, access);
            }
        }
        self.take_parameters(
            store,
            &parameters,
            board,
            store.entries().saturating_sub(RECENT_ENTRIES),
        );
    }

    /// What a laboratory does at the meter.
    pub(crate) fn bench(&mut self, act: Bench<'_>, board: &mut dyn Board) -> Result<(), Refusal> {
        let (Some(mut store), size) = (self.model.legal.store, self.model.config.flash) else {
            return Err(Refusal::Memory);
        };
        let access = self.model.access(Actor::Bench);
        let from = store.entries();
        let mut memory = Sealed::new(board.flash(), size).map_err(|NonVolatileFault| Refusal::Memory)?;
        let done = match act {
            Bench::Mode(on) if on == access.bench_mode => Ok(()),
            Bench::Mode(on) => store.note_bench_mode(&mut memory, on, access).or_else(|refusal| {
                // What cannot be noted is not entered; leaving is always possible.
                if on { Err(refusal) } else { Ok(()) }
            }),
            Bench::Manufacture(parameters) => store.manufacture(&mut memory, parameters, access),
            Bench::Write(parameters) => store.write(&mut memory, parameters, access),
            Bench::Seal => store.seal(&mut memory, access),
        };
        if let (Bench::Mode(on), Ok(())) = (act, done) {
            self.model.legal.bench_mode = on;
        }
        if let (Bench::Write(_), Ok(())) = (act, done) {
            self.model.note_change();
        }
        self.reload(store, board, from)?;
        done
    }

    /// Carries out what a rule wants of the sealed parameters.
    pub(crate) fn legal_act(&mut self, act: LegalAct, board: &mut dyn Board) -> Result<(), Refusal> {
        let (Some(mut store), size) = (self.model.legal.store, self.model.config.flash) else {
            return Err(Refusal::Memory);
        };
        let access = self.model.access(Actor::Client);
        let from = store.entries();
        let done = match (act, self.model.legal.wanted.take()) {
            (LegalAct::Calibrate, Some((channel, calibration))) => {
                let (_state, mut parameters) = self.mounted(board)?;
                if let Some(slot) = parameters.calibration.get_mut(channel.index()) {
                    *slot = calibration;
                }
                let mut memory = Sealed::new(board.flash(), size).map_err(|NonVolatileFault| Refusal::Memory)?;
                store.write(&mut memory, &parameters, access)
            }
            (LegalAct::Calibrate, None) => Ok(()),
            (LegalAct::Refused, _) => {
                let mut memory = Sealed::new(board.flash(), size).map_err(|NonVolatileFault| Refusal::Memory)?;
                store.refuse(&mut memory, access);
                Ok(())
            }
        };
        if let (LegalAct::Calibrate, Ok(())) = (act, done) {
            self.model.note_change();
        }
        self.reload(store, board, from)?;
        done
    }

    /// Takes what the memory says now; entries of the log from number `from` on are news.
    fn reload(&mut self, store: SealedStore, board: &mut dyn Board, from: u32) -> Result<(), Refusal> {
        let (_state, parameters) = self.mounted(board)?;
        self.take_parameters(store, &parameters, board, from);
        Ok(())
    }

    fn mounted(&self, board: &mut dyn Board) -> Result<(SealedStore, Parameters), Refusal> {
        SealedRead::new(board.flash(), self.model.config.flash)
            .and_then(|memory| SealedStore::mount(&memory))
            .map_err(|NonVolatileFault| Refusal::Memory)
    }

    fn take_parameters(&mut self, store: SealedStore, parameters: &Parameters, board: &mut dyn Board, from: u32) {
        let size = self.model.config.flash;
        let legal = &mut self.model.legal;
        legal.store = Some(store);
        legal.calibration = Some(parameters.calibration);
        legal.constant = parameters.constant;
        let _entries_that_cannot_be_read_are_not_shown =
            read_log(board.flash(), size, &store, from, |entry| legal.remember(entry));
        self.model.registers.set_direction(parameters.direction);
    }
}

/// The sealed parameters that count, as the metrology finds them.
pub(crate) fn parameters(nor: &dyn Nor, size: FlashSize) -> Result<Parameters, NonVolatileFault> {
    let (_state, parameters) = SealedStore::mount(&SealedRead::new(nor, size)?)?;
    Ok(parameters)
}

/// Hands the entries of the legal log from number `from` on to `visit`.
pub(crate) fn read_log(
    nor: &dyn Nor,
    size: FlashSize,
    store: &SealedStore,
    from: u32,
    visit: impl FnMut(&LegalEntry),
) -> Result<(), NonVolatileFault> {
    store.read_log(&SealedRead::new(nor, size)?, from, visit)
}

/// Entries of the legal log that the rows show.
const RECENT: usize = 8;
const RECENT_ENTRIES: u32 = 8;
