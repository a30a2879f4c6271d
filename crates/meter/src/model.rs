//! The meter as numbers: a field per feature, and the order in which they live through a step.

use base::{Instant, Utc};
use cosem::{AccessError, ActionError, Attribute, DateTime, Method};
use dlms::security::CertificateFault;
use heapless::Vec;
use metrology::{Condition, ConnectionThresholds, ConnectionWatch, Direction, Measurement, Phase, Registers};

use crate::alarm::{Alarms, raised_by};
use crate::attack::{Attack, Attacks};
use crate::billing::{Billing, Scheme};
use crate::capture::{self, Columns};
use crate::capture_lists;
use crate::clock::{Clock, ClockRefusal};
use crate::config::Config;
use crate::demand::{self, Demand};
use crate::disconnector::{Command, Disconnector, Mode, Refusal};
use crate::display::Display;
use crate::effect::{Change, Effect, Effects, Record};
use crate::event_log::{Causes, Filter, Log, fraud, mbus, security, standard};
use crate::fraud::{Contact, Contacts, Press};
use crate::import_only::ImportOnly;
use crate::interval::Intervals;
use crate::keys::Keys;
use crate::legal::Legal;
use crate::limits::DEVICE_ID_OCTETS;
use crate::local_ports::LocalPorts;
use crate::mbus::{Channels, Reading, Source};
use crate::outage::Outages;
use crate::port_protection::PortProtection;
use crate::profile::{JournalId, N_PROFILES, Profile, Profiles, status};
use crate::quality::Quality;
use crate::security::Security;
use crate::tariff::Tariffs;
use crate::timekeeping::{Preset, Synchronised};
use crate::transformers::{self, Transformers};
use crate::trouble::Trouble;
use crate::verification::Verification;

/// Everything that a meter is, but for what lies in flash.
#[derive(Debug)]
pub struct Model {
    /// The instant of this step.
    pub now: Instant,
    /// What the factory decided.
    pub config: Config,
    /// Civil time.
    pub clock: Clock,
    /// When the clock was set last, and by whom.
    pub synchronised: Option<Synchronised>,
    /// A time that waits for the command to be set.
    pub(crate) preset: Option<Preset>,
    /// Whether daylight saving held at the last look.
    pub(crate) summer: bool,
    /// When daylight saving, calendar and tariff are looked at next.
    pub(crate) look_due: Utc,
    /// The parameters are restored: from now on the meter acts.
    pub(crate) awake: bool,
    /// The energies. Only the step books into them; rows read.
    pub registers: Registers,
    /// The tariffs that are counted under, and the calendars that say which.
    pub tariffs: Tariffs,
    /// Average powers and their maxima.
    pub demand: Demand,
    /// Billing periods of both schemes.
    pub billing: [Billing; 2],
    /// The last finished window, none before the first.
    pub reading: Option<Measurement>,
    /// Total harmonic distortion in tenths of a percent: voltages L1 to L3, currents L1 to L3; none where unknown.
    pub distortion: [Option<u16>; 6],
    /// What the thermometer shows, in degrees Celsius; none on a board without one.
    pub celsius: Option<i8>,
    /// The quality of the supply.
    pub quality: Quality,
    /// Load profiles and the profiles of M-Bus channels.
    pub profiles: Profiles,
    /// Averages and consumptions of recording intervals.
    pub intervals: Intervals,
    /// Power failures.
    pub outages: Outages,
    /// What M-Bus devices delivered.
    pub mbus: Channels,
    /// The code that each log took last.
    pub last_event: [u8; Log::ALL.len()],
    /// Who was behind it, see [`Actor::code`](crate::effect::Actor::code).
    pub last_actor: [u8; Log::ALL.len()],
    /// The codes that each log takes.
    pub filters: [Filter; Log::ALL.len()],
    /// What has begun and not ended.
    pub causes: Causes,
    /// Alarm registers, filters, descriptors.
    pub alarms: Alarms,
    /// The last change of a parameter, and who made it.
    pub last_change: (Change, u8),
    /// Rows in each journal, and how many it can hold.
    pub journals: [JournalState; JournalId::ALL.len()],
    /// The switch in the supply.
    pub disconnector: Disconnector,
    /// Covers and magnet.
    pub contacts: Contacts,
    /// The display.
    pub display: Display,
    /// Counters and policy.
    pub security: Security,
    /// Keys.
    pub keys: Keys,
    /// Who guesses passwords is locked out.
    pub port_protection: PortProtection,
    /// Optical port and HDLC lines.
    pub ports: LocalPorts,
    /// Identifications 1 to 7 (0-0:96.1.x) that a client may write.
    pub device_ids: [Vec<u8, DEVICE_ID_OCTETS>; 7],
    /// The client whose request is being served, or was served last.
    pub partner: Option<Partner>,
    /// 0-0:97.97.0.
    pub error_register: u32,
    /// Power failures since the factory (0-0:96.7.21).
    pub power_failures: u16,
    /// Associations ever made with somebody who authenticated (0-0:96.12.1).
    pub connections: u32,
    /// The attacks that are under way.
    pub attacks: Attacks,
    /// The seal over the metrology's parameters.
    pub legal: Legal,
    /// The transformers before a CT meter, and what stands on their primary side.
    pub transformers: Transformers,
    /// Whether it is being verified.
    pub verification: Verification,
    /// What is wrong between supply, meter and load (F1).
    pub connection: ConnectionWatch,
    /// Whether it is to import only, and for how long it has not.
    pub import_only: ImportOnly,
    /// Windows in a row whose samples had faults.
    pub faulty_windows: u8,
    /// Windows in a row in which two phases were swapped.
    pub swapped_windows: u8,
    /// What is to be done when the rules have spoken.
    pub effects: Effects,
}

/// What a row says of a journal without looking into flash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalState {
    /// Rows that can be read.
    pub in_use: u32,
    /// Rows that it holds when full.
    pub capacity: u32,
    /// Rows ever written since the factory; it goes on when the journal is cleared.
    pub written: u32,
}

/// A client and its association, as the current association object shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Client and server SAP.
    pub client: u16,
    /// Last number of the mechanism name.
    pub mechanism: u8,
    /// Last number of the context name.
    pub context: u8,
    /// Negotiated conformance, 24 bits.
    pub conformance: u32,
    /// Largest PDU towards the meter and towards the client.
    pub pdu_sizes: (u16, u16),
}

impl Partner {
    /// Whether the context is a ciphered one.
    #[must_use]
    pub const fn is_ciphered(&self) -> bool {
        self.context == 3
    }
}

/// Bits of the error register (0-0:97.97.0).
pub mod error_bit {
    /// The clock is invalid.
    pub const CLOCK_INVALID: u32 = 1 << 0;
    /// The battery of the clock is to be replaced.
    pub const REPLACE_BATTERY: u32 = 1 << 1;
    /// The program broke a promise of its own.
    pub const PROGRAM: u32 = 1 << 8;
    /// The non-volatile memory lost something.
    pub const NV_MEMORY: u32 = 1 << 10;
    /// The measuring system reports an error.
    pub const MEASUREMENT_SYSTEM: u32 = 1 << 11;
    /// An attempt of fraud was seen.
    pub const FRAUD: u32 = 1 << 13;
    /// The device on M-Bus channel 1 does not answer; the next three bits are for channels 2 to 4.
    pub const MBUS_COMMUNICATION: u32 = 1 << 16;
    /// The device on M-Bus channel 1 reports an attempt of fraud; the next three bits are for channels 2 to 4.
    pub const MBUS_FRAUD: u32 = 1 << 20;
}

/// Faulty windows in a row that are an error: a second.
const FAULTY_WINDOWS: u8 = 5;
/// Swapped phases are an event when they last five seconds, in windows of 200 ms: a phase that comes or goes is none.
const SWAPPED_WINDOWS: u8 = 25;

impl Model {
    /// A meter as it leaves the factory, with its clock at `rtc`.
    #[must_use]
    pub fn new(config: &Config, now: Instant, rtc: Option<Utc>) -> Self {
        let mut clock = Clock::new(now, rtc, config.time_zone, config.daylight_saving);
        if config.differences.deviation_reversed {
            clock.reverse_deviation();
        }
        let mut device_ids: [Vec<u8, DEVICE_ID_OCTETS>; 7] = Default::default();
        let [serial, ..] = &mut device_ids;
        serial.extend(config.serial_digits());
        let mut it = Self {
            now,
            config: config.clone(),
            clock,
            synchronised: None,
            preset: None,
            summer: false,
            look_due: Utc::from_unix(0),
            awake: false,
            registers: Registers::new(Direction::SumOfPhases),
            tariffs: Tariffs::new(),
            demand: Demand::new(),
            billing: Scheme::ALL.map(Billing::new),
            reading: None,
            distortion: [None; 6],
            celsius: None,
            quality: Quality::new(config.nominal_volts),
            profiles: Profiles::new([const { Profile::new(Columns::new(), 0) }; N_PROFILES]),
            intervals: Intervals::new(),
            outages: Outages::new(),
            mbus: Channels::default(),
            last_event: [0; Log::ALL.len()],
            last_actor: [0; Log::ALL.len()],
            filters: [Filter::ALL; Log::ALL.len()],
            causes: Causes::default(),
            alarms: Alarms::NONE,
            last_change: (Change::NONE, 0),
            journals: [JournalState::default(); JournalId::ALL.len()],
            disconnector: Disconnector::new(),
            contacts: Contacts::default(),
            display: Display::new(now),
            security: Security::default(),
            keys: Keys::new(&config.secrets),
            port_protection: PortProtection::default(),
            ports: LocalPorts::new(config),
            device_ids,
            partner: None,
            error_register: 0,
            power_failures: 0,
            connections: 0,
            attacks: Attacks::default(),
            legal: Legal::default(),
            transformers: Transformers::new(config.transformers),
            verification: Verification::new(),
            connection: ConnectionWatch::new(
                ConnectionThresholds::STANDARD,
                f64::from(config.nominal_volts),
                f64::from(config.variant.basic_amperes()),
                if config.variant.is_three_phase() { 3 } else { 1 },
            ),
            import_only: ImportOnly::default(),
            faulty_windows: 0,
            swapped_windows: 0,
            effects: Effects::new(),
        };
        for journal in JournalId::PROFILES {
            let (columns, period) = capture_lists::of_factory(journal);
            let columns = capture::those_present(&it, columns);
            if let Some(profile) = it.profiles.get_mut(journal) {
                *profile = Profile::new(columns, period);
            }
        }
        for scheme in Scheme::ALL {
            if let Some(profile) = it.profiles.get_mut(scheme.journal()) {
                profile.expect_commands();
            }
        }
        it.profiles.align(&it.clock, it.clock.utc(now));
        it.intervals.align(&it.clock, it.clock.utc(now));
        it
    }

    /// The time now.
    #[must_use]
    pub fn utc(&self) -> Utc {
        self.clock.utc(self.now)
    }

    /// The time now as COSEM objects show it.
    #[must_use]
    pub fn date_time(&self) -> DateTime {
        self.clock.date_time(self.utc())
    }

    /// The columns of a journal; none when nothing is ever captured into it.
    #[must_use]
    pub fn columns(&self, journal: JournalId) -> Columns {
        if let Some(profile) = self.profiles.get(journal) {
            return profile.columns().iter().copied().collect();
        }
        let (columns, _) = capture_lists::of_factory(journal);
        capture::those_present(self, columns)
    }

    /// Whether rows come into a journal: its ring is laid out only then.
    #[must_use]
    pub fn is_captured(&self, journal: JournalId) -> bool {
        match self.profiles.get(journal) {
            Some(profile) => {
                let has_source = journal.channel().is_none_or(|channel| self.mbus.is_installed(channel));
                profile.is_captured() && has_source
            }
            None => !self.columns(journal).is_empty(),
        }
    }

    /// The seconds between the rows of a journal; 0 for a log.
    #[must_use]
    pub fn period(&self, journal: JournalId) -> u32 {
        self.profiles.get(journal).map_or(0, Profile::period)
    }

    /// How many of its rows a journal shows at most; none for all that the flash holds.
    #[must_use]
    pub fn entries(&self, journal: JournalId) -> Option<u32> {
        self.profiles.get(journal).and_then(Profile::entries)
    }

    /// How many of its rows a journal shows at most: those of its depth, or as many as it surely holds.
    #[must_use]
    pub fn depth(&self, journal: JournalId) -> u32 {
        let room = self.journals.get(journal.index()).map_or(0, |state| state.capacity);
        self.entries(journal).unwrap_or(room)
    }

    /// Whether a client has an association with somebody.
    #[must_use]
    pub const fn is_client_connected(&self) -> bool {
        self.partner.is_some()
    }

    /// Books one finished window.
    pub fn measure(&mut self, measurement: &Measurement) {
        let before = demand::energies(&self.registers);
        self.registers.book(measurement, self.tariffs.energy());
        let after = demand::energies(&self.registers);
        self.demand.book(&demand::difference(&before, &after));
        self.intervals.observe(measurement);
        self.reading = Some(*measurement);
        self.connection.observe(measurement);
        self.judge_direction(measurement);
        self.judge_sequence();
        self.judge_signal(measurement);
        self.watch_voltages(measurement);
        let missing = measurement.phases.map(|phase| !phase.present);
        let n_phases = if self.config.variant.is_three_phase() { 3 } else { 1 };
        let ended = self
            .outages
            .observe(missing.get(..n_phases).unwrap_or(&missing), self.utc());
        if let Some(ended) = ended {
            self.effects
                .push(Effect::Capture(JournalId::PowerInterruptionLog, ended));
        }
    }

    /// Takes a value of an M-Bus device; the first one of a channel is an event.
    pub fn deliver(&mut self, source: Source, reading: Reading) {
        let is_new = self.mbus.take(source, reading, self.utc());
        let channel = source.channel();
        if let Some(log) = Log::of_channel(channel).filter(|_| is_new) {
            self.effects
                .push(Effect::Event(log, mbus::code(channel, mbus::INSTALLED)));
        }
    }

    /// Sets the third recording interval in seconds.
    ///
    /// # Errors
    /// `OtherReason` when it is not 1, 5, 10, 15, 30 or 60 minutes.
    pub fn set_third_interval(&mut self, seconds: u16) -> Result<(), AccessError> {
        let utc = self.utc();
        let set = self.intervals.set_third_seconds(seconds, &self.clock, utc);
        set.then_some(()).ok_or(AccessError::OtherReason)
    }

    /// Export of a device that is to import only is an event when it lasts.
    fn judge_direction(&mut self, measurement: &Measurement) {
        let active = self.connection.active();
        let is_reversed = active.contains(Condition::Reversal)
            || Phase::ALL
                .into_iter()
                .any(|phase| active.contains(Condition::PhaseReversal(phase)));
        let millis = u32::try_from(measurement.duration_nanos / 1_000_000).unwrap_or(u32::MAX);
        if self.import_only.observe(is_reversed, millis) {
            self.effects.push(Effect::Event(Log::Fraud, fraud::CURRENT_REVERSAL));
        }
    }

    /// Two phases that are swapped are event 88, once until they are in order again (F1).
    fn judge_sequence(&mut self) {
        let is_swapped = self.connection.active().contains(Condition::PhaseSequence);
        self.swapped_windows = if is_swapped {
            self.swapped_windows.saturating_add(1)
        } else {
            0
        };
        if SWAPPED_WINDOWS == self.swapped_windows {
            self.effects
                .push(Effect::Event(Log::Standard, standard::PHASE_SEQUENCE));
        }
        if !is_swapped && self.causes.note(Log::Standard, standard::PHASES_IN_ORDER) {
            self.effects.push(Effect::Keep(Record::Alarms));
        }
    }

    /// Samples that no sound converter gives are an error of the measuring system when they last a second.
    fn judge_signal(&mut self, measurement: &Measurement) {
        let faulty = !measurement.faults.is_empty() || !measurement.clipped.is_empty();
        self.faulty_windows = if faulty {
            self.faulty_windows.saturating_add(1)
        } else {
            0
        };
        if FAULTY_WINDOWS <= self.faulty_windows {
            self.suffer(Trouble::Measurement);
        }
    }

    /// Takes a change of a contact or a press of the button.
    pub fn touch(&mut self, contact: Contact) {
        match contact {
            Contact::BillingButton => {
                // Within the lock-out nothing happens: the display shows the same number of the period.
                let _locked_out = self.close_by_hand(Scheme::First);
            }
            Contact::TariffInput(tariff) => {
                self.tariffs.set_input(tariff);
                self.look_again();
            }
            _ => {}
        }
        if let Contact::Button(press) = contact {
            if press == Press::Long && self.config.switching_module {
                let _only_from_ready = self.command(Command::ManualReconnect);
            }
            self.display.press(self.now, press);
        }
        if let Some((log, code)) = self.contacts.observe(contact) {
            self.effects.push(Effect::Event(log, code));
            self.effects.push(Effect::Keep(Record::Contacts));
        }
    }

    /// Notes that a part of the meter fails: an event, unless the error register says it already.
    pub fn suffer(&mut self, trouble: Trouble) {
        let is_news = self.error_register & trouble.bit() == 0;
        if trouble.spoils_values() {
            self.note_critical(trouble.bit());
        } else {
            self.error_register |= trouble.bit();
        }
        if is_news {
            self.effects.push(Effect::Event(Log::Standard, trouble.code()));
        }
    }

    /// A critical error: a bit of the error register, and the periods that it falls in are marked. The register keeps its bit until it is
    /// written, the periods that begin later are good again.
    pub(crate) fn note_critical(&mut self, bit: u32) {
        self.error_register |= bit;
        let marks = status::CRITICAL_ERROR | status::DATA_NOT_VALID;
        self.profiles.mark(marks);
        self.demand.mark(marks);
    }

    /// Passes a command to the disconnector and lets the world follow.
    ///
    /// # Errors
    /// Why nothing changed.
    pub fn command(&mut self, command: Command) -> Result<(), Refusal> {
        if let Some((log, code)) = self.disconnector.command(command)? {
            self.follow_disconnector();
            self.effects.push(Effect::Event(log, code));
        }
        Ok(())
    }

    /// Sets the disconnector's mode.
    ///
    /// # Errors
    /// `OtherReason` for numbers that are no mode.
    pub fn set_control_mode(&mut self, mode: u8) -> Result<(), AccessError> {
        let mode = Mode::new(mode).ok_or(AccessError::OtherReason)?;
        if mode != self.disconnector.mode() {
            self.disconnector.set_mode(mode);
            self.follow_disconnector();
            self.note_change();
        }
        Ok(())
    }

    fn follow_disconnector(&mut self) {
        self.effects.push(Effect::Keep(Record::Disconnector));
        self.effects.push(Effect::Switch(self.disconnector.is_connected()));
    }

    /// Notes an attack on a link: one event tells of it as long as it goes on. The fraud log has what the standard tables have.
    pub fn note_attack(&mut self, attack: Attack) {
        if !self.attacks.is_news(attack, self.now) {
            return;
        }
        let code = attack.code();
        if attack.is_fraud() {
            self.effects.push(Effect::Event(Log::Fraud, code));
        }
        self.effects.push(Effect::Event(Log::Security, code));
    }

    /// Notes a certificate that is not accepted: who comes with it is not who it says, or somebody's time is over.
    pub fn note_certificate(&mut self, fault: CertificateFault) {
        // None at all is an order, and one too many is a good client's: neither is an attack.
        if !matches!(fault, CertificateFault::Missing | CertificateFault::Full) {
            self.note_attack(Attack::Decryption);
        }
    }

    /// Takes changed keys into use, after the answer to their change has gone out under the old ones.
    pub fn adopt_keys(&mut self) {
        if !self.keys.is_changing() {
            return;
        }
        let [unicast, broadcast] = self.keys.adopt();
        // Under a new key nothing was recorded: a client's numbers begin at 1. The meter's own go on for ever, so that none comes twice
        // under one key, whatever key is in use next.
        if unicast {
            self.security.received.begin();
        }
        if broadcast {
            self.security.received_broadcast.begin();
        }
        self.effects.push(Effect::Keep(Record::Counters));
        for log in [Log::Standard, Log::Security] {
            self.effects.push(Effect::Event(log, security::KEY_CHANGED));
        }
    }

    /// Notes that a parameter was changed.
    pub fn note_change(&mut self) {
        self.effects
            .push(Effect::Event(Log::Standard, standard::PARAMETERS_CHANGED));
    }

    /// Notes in the log of parameter changes what a client set. Of secrets not even a digest is kept.
    pub fn note_set(&mut self, what: Attribute, old: &[u8], new: &[u8]) {
        if transformers::is_ratio(what.name) {
            // It is noted part by part, with the numbers themselves, when it has changed.
            return;
        }
        let is_secret = (what.class_id, what.index) == (15, 7);
        let digest = |value: &[u8]| {
            if is_secret {
                0
            } else {
                capture::fnv_1a(value.iter().copied())
            }
        };
        let (old, new) = (digest(old), digest(new));
        self.effects.push(Effect::Change(Change { what, old, new }));
    }

    /// Notes in the log of parameter changes what a client did by a method. Proving who one is, and capturing a row, change nothing.
    pub fn note_invocation(&mut self, what: Method, parameters: &[u8]) {
        if matches!((what.class_id, what.index), (15, 1) | (7, 2)) {
            return;
        }
        let what = Attribute::new(what.class_id, what.name, -what.index);
        let new = capture::fnv_1a(parameters.iter().copied());
        self.effects.push(Effect::Change(Change { what, old: 0, new }));
    }

    /// What an event means for the alarms and the error register. Doing it twice is doing it once.
    pub fn heed(&mut self, log: Log, code: u8) {
        if self.alarms.raise(log, code) {
            self.effects.push(Effect::Keep(Record::Alarms));
        }
        if log == Log::Fraud && raised_by(log, code) == [1 << 13, 0] {
            self.error_register |= error_bit::FRAUD;
        }
        if let Some(channel) = log.channel() {
            let of_channel = |happening| code == mbus::code(channel, happening);
            let communication = error_bit::MBUS_COMMUNICATION << (channel - 1);
            if of_channel(mbus::COMMUNICATION_ERROR) {
                self.error_register |= communication;
            } else if of_channel(mbus::COMMUNICATION_OK) {
                self.error_register &= !communication;
            } else if of_channel(mbus::FRAUD_ATTEMPT) {
                self.error_register |= error_bit::MBUS_FRAUD << (channel - 1);
            }
        }
    }

    /// A client writes the error register: bits that are 0 in `value` fall, none rises. What has not gone comes back by itself.
    pub fn clear_errors(&mut self, value: u32) {
        self.error_register &= value;
        self.effects.push(Effect::Save);
        self.effects
            .push(Effect::Event(Log::Standard, standard::ERROR_REGISTER_CLEARED));
    }

    /// A client writes alarm register 1 or 2 (0 or 1 here): bits that are 0 in `value` fall, none rises.
    pub fn clear_alarms(&mut self, at: usize, value: u32) {
        self.alarms.write_register(at, value);
        self.effects.push(Effect::Keep(Record::Alarms));
        self.effects
            .push(Effect::Event(Log::Standard, standard::ALARM_REGISTER_CLEARED));
    }
}

impl From<ClockRefusal> for AccessError {
    fn from(ClockRefusal: ClockRefusal) -> Self {
        Self::OtherReason
    }
}

impl From<ClockRefusal> for ActionError {
    fn from(ClockRefusal: ClockRefusal) -> Self {
        Self::OtherReason
    }
}

impl From<Refusal> for ActionError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotInThisMode => Self::ReadWriteDenied,
            Refusal::NotFromThisState => Self::TemporaryFailure,
        }
    }
}
