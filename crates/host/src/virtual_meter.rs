//! One meter in its world: samples in, switch out, a battery-backed clock, covers, and a mains switch that takes its power away.
//!
//! The world moves by blocks of samples of at most 10 ms; a block ends early where the meter's deadline, the scenario or the end comes, so
//! that the same seed and the same calls give the same bytes. The meter's own time line begins at zero whenever it gets power.

use base::{Instant, Micros, Utc};
use grid::{Connection, DayTime, HouseholdSetting, SampleSet, SupplySetting, World, WorldSetting};
use meter::{Bench, Board, BootReport, Config, Contact, Fault as MeterFault, Input, Meter, Model, Trouble, Variant};
use metrology::{Chain, Channel, Measurement, NominalFrequency, Parameters, PulseQuantity, Pulses, Setup};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::backup_clock::{ClockOrder, TimeLine, drift_micros};
use crate::change::{
    ContactsChange, ConverterChange, LoadChange, Speed, SupplyChange, TimeChange, converter_json, load_json, plain,
    supply_json,
};
use crate::civil_text::{local_text, utc_text};
use crate::conversation::{Conversation, Served};
use crate::document::{Fault, FaultKind, Path};
use crate::flash_file::FlashFile;
use crate::links::Framing;
use crate::mbus_devices::{Device, Devices};
use crate::scenario::{Moment, Scenario};
use crate::sensors::{Instruments, Sensors};
use crate::supply_watch::{SupplyWatch, Told, unix_millis};
use crate::trail::Trail;
use crate::world_file::Remembered;

/// What a virtual meter begins with.
pub(crate) struct Beginning {
    pub(crate) config: Config,
    /// On M-Bus channels 1 to 4.
    pub(crate) devices: [Option<Device>; 4],
    pub(crate) clock: ClockOrder,
    pub(crate) sensors: Sensors,
    pub(crate) flash: FlashFile,
    /// The flash's file had been cut: the meter is told, whatever it misses.
    pub(crate) damaged: bool,
    pub(crate) seed: Option<u64>,
    pub(crate) remembered: Remembered,
    pub(crate) speed: Speed,
    pub(crate) scenario: Scenario,
    pub(crate) duration: Option<Micros>,
}

/// A meter in its world.
pub(crate) struct VirtualMeter {
    config: Config,
    setup: Setup,
    rate_hz: u64,
    seed: Option<u64>,
    world: World,
    household: HouseholdSetting,
    /// Accepted changes of supply and load.
    world_revision: u64,
    flash: FlashFile,
    /// While there is no power it takes no step, but its registers can still be shown.
    meter: Meter,
    power: Option<Box<Powered>>,
    /// Watches the supply while there is power.
    watch: Option<Box<SupplyWatch>>,
    /// Light pulses of all lives before this one: active, reactive.
    pulses: [u64; 2],
    /// Clocks, covers, lives. Its time is the one at sample 0, moved by jumps.
    remembered: Remembered,
    /// Sample sets since the process began.
    samples: u64,
    end: Option<u64>,
    speed: Speed,
    devices: Devices,
    /// Crystal, reserve; the room's temperature is that of `instruments`.
    clock: ClockOrder,
    instruments: Instruments,
    /// Parts in a thousand million by which the meter's crystal is fast.
    fast_ppb: i32,
    /// The time since the process began at which the present cut began, or was counted last.
    off: Micros,
    /// The switch in front of the meter, whatever the supply behind it carries.
    mains_on: bool,
    achieved: f64,
    scenario: Scenario,
    trail: Trail,
    broken: Option<String>,
}

/// What works only while the meter has power.
struct Powered {
    chain: Chain,
    leds: [Pulses; 2],
    distortion: [Option<u16>; 6],
    /// The meter's time line, from when power came.
    line: TimeLine,
    /// Of the parameters that the chain measures with.
    checksum: u32,
}

/// The board of a meter: its flash file, the switch in the world's supply, the battery-backed clock.
struct HostBoard<'a> {
    flash: &'a mut FlashFile,
    world: &'a mut World,
}

impl Board for HostBoard<'_> {
    fn flash(&mut self) -> &mut dyn flash::Nor {
        self.flash
    }

    fn drive_disconnector(&mut self, closed: bool) {
        self.world.set_connected(closed);
    }

    /// One crystal counts for the meter and for its backup clock: what it shows is taken when the power goes.
    fn set_rtc(&mut self, _utc: Utc) {}
}

impl VirtualMeter {
    /// Makes the world and gives the meter power.
    ///
    /// # Errors
    /// What the world, the metrology or the meter refused, in words.
    pub(crate) fn begin(beginning: Beginning) -> Result<(Self, BootReport), String> {
        let Beginning {
            config,
            devices,
            clock,
            sensors,
            mut flash,
            damaged,
            seed,
            mut remembered,
            speed,
            scenario,
            duration,
        } = beginning;
        let fast_ppb = clock.fast_ppb(config.serial);
        let instruments = Instruments::new(sensors, config.variant, config.serial, clock.room_celsius);
        let mut world = begin_world(&config, &instruments, seed, remembered.utc)?;
        let setup = setup(&config, &world);
        let rate_hz = u64::from(world.converter().rate_hz);
        let away = core::mem::take(&mut remembered.away_seconds);
        remembered.spend(away, clock.reserve, fast_ppb);
        remembered.cut_seconds = 0;
        let reading = remembered.reading(remembered.utc.unix() * 1_000_000);
        let entropy = entropy(seed, remembered.boots)?;
        let (meter, report) = boot(&config, reading, entropy, &mut flash, &mut world)?;
        let line = TimeLine::new(rate_hz, 0, fast_ppb);
        let power = Powered::begin(&setup, &meter, &flash, line, instruments.thermometer())?;
        let mut begun = Self {
            trail: Trail::new(rate_hz),
            end: duration.map(|duration| samples_of(duration, rate_hz)),
            config,
            setup,
            rate_hz,
            seed,
            world,
            household: HouseholdSetting::ordinary(),
            world_revision: 0,
            flash,
            meter,
            power: Some(Box::new(power)),
            watch: None,
            pulses: [0; 2],
            remembered,
            samples: 0,
            speed,
            achieved: 0.0,
            devices: Devices::new(devices),
            clock,
            instruments,
            fast_ppb,
            off: Micros::ZERO,
            mains_on: true,
            scenario,
            broken: None,
        };
        begun.remembered.boots += 1;
        if report.first_boot {
            begun.manufacture();
        }
        begun.watch = Some(Box::new(begun.begin_watch(&begun.meter)?));
        begun.feel_temperature();
        begun.feel_contacts();
        begun.feel_battery();
        if damaged {
            begun.step(Input::Trouble(Trouble::Memory));
        }
        Ok((begun, report))
    }

    /// Lets the world move on by one block.
    pub(crate) fn advance(&mut self) {
        while let Some(moment) = self.scenario.take_due(self.elapsed()) {
            let pace = self.speed;
            self.play(&moment);
            if self.speed != pace {
                // The world goes on at the new pace, or stands still from this very moment.
                return;
            }
        }
        let mut block = [SampleSet::default(); BLOCK];
        let count = self.block_length();
        let block = block.get_mut(..count).unwrap_or_default();
        self.world.fill(block);
        let begin = self.now();
        self.samples += count as u64;
        let Some(power) = &mut self.power else { return };
        self.trail.extend(block);
        let time = unix_millis(&self.meter.model().clock, begin);
        SupplyWatch::announce_tick(&mut power.chain, self.rate_hz, time);
        let mut finished: [Option<Measurement>; 2] = [None; 2];
        let mut places = finished.iter_mut();
        power.chain.push_block(block, |measurement| {
            if let Some(place) = places.next() {
                *place = Some(*measurement);
            }
        });
        for measurement in finished.iter().flatten() {
            self.measure(measurement);
        }
        self.watch_supply(block, &finished);
        for (source, reading) in self.devices.due(self.meter.model().utc()) {
            self.step(Input::MBus(source, reading));
        }
        if self.meter.deadline() <= self.now() {
            self.step(Input::Tick);
        }
    }

    /// Tells the meter what is found in the supply.
    fn watch_supply(&mut self, block: &[SampleSet], windows: &[Option<Measurement>]) {
        let Some(line) = self.power.as_ref().map(|power| power.line) else {
            return;
        };
        let Some(mut watch) = self.watch.take() else { return };
        let clock = self.meter.model().clock.clone();
        let rate_hz = u32::try_from(self.rate_hz).unwrap_or(u32::MAX);
        watch.take(
            block,
            windows,
            |at| unix_millis(&clock, line.after(at.since(Instant::START))),
            |told| match told {
                Told::Finding(finding) => {
                    self.step(Input::Quality { finding, rate_hz });
                }
                Told::Spectrum(spectrum) => {
                    self.step(Input::Spectrum(spectrum));
                }
            },
        );
        if self.is_on() {
            self.watch = Some(watch);
        }
    }

    /// Samples until something has to happen: at least one.
    fn block_length(&self) -> usize {
        let mut until = self.samples.saturating_add(BLOCK as u64);
        if let Some(at) = self.scenario.next_at() {
            until = until.min(samples_of(at, self.rate_hz));
        }
        if let Some(end) = self.end {
            until = until.min(end);
        }
        let deadline = self.meter.deadline();
        if let Some(power) = self.power.as_ref().filter(|_| deadline != Instant::FAR) {
            until = until.min(power.line.sample_of(deadline));
        }
        usize::try_from(until.saturating_sub(self.samples))
            .unwrap_or(BLOCK)
            .clamp(1, BLOCK)
    }

    /// Hands a finished window to LEDs and meter, and what is new about the distortion.
    fn measure(&mut self, measurement: &Measurement) {
        let Some(power) = &mut self.power else { return };
        for led in &mut power.leds {
            // The page counts pulses; when within the next window each of them shines is for lamps.
            let _train = led.book(measurement);
        }
        let distortion = distortion(&power.chain);
        let news = distortion != power.distortion;
        power.distortion = distortion;
        self.step(Input::Measured(measurement));
        if news {
            self.step(Input::Distortion(distortion));
        }
    }

    /// One step of the meter, if it has power; whether its link goes on.
    fn step(&mut self, input: Input<'_>) -> Served {
        self.step_telling(input, |_outcome| {})
    }

    /// The same, and `tell` hears what the meter said.
    pub(crate) fn step_telling(&mut self, input: Input<'_>, tell: impl FnOnce(&Result<(), MeterFault>)) -> Served {
        let now = self.now();
        if !self.is_on() {
            return Served::Closed;
        }
        let mut board = HostBoard {
            flash: &mut self.flash,
            world: &mut self.world,
        };
        let stepped = self.meter.step(now, input, &mut board);
        // The meter notes a memory that fails in its error register and goes on; a file that cannot be written ends the process.
        if self.flash.is_broken() && self.broken.is_none() {
            self.broken = Some("the flash file cannot be written any more".to_owned());
        }
        tell(&stepped);
        self.follow_parameters();
        match stepped {
            Ok(()) => Served::Open,
            Err(MeterFault::Closed) => Served::Closed,
            // Whoever tried hears it, and the legal log keeps it.
            Err(MeterFault::Sealed(_)) => Served::Open,
            Err(fault) => {
                tracing::warn!(%fault, "a step of the meter did not go through");
                Served::Open
            }
        }
    }

    fn play(&mut self, moment: &Moment) {
        let Moment {
            power,
            supply,
            load,
            temperature,
            converter,
            contacts,
            clock,
            ..
        } = moment;
        if let Some(on) = power {
            self.switch_power(*on);
        }
        if let Some(change) = supply {
            self.change_supply(change);
        }
        if let Some(change) = load {
            self.change_load(change);
        }
        if let Some(celsius) = temperature {
            self.change_temperature(*celsius);
        }
        if let Some(change) = converter {
            self.change_converter(change);
        }
        if let Some(change) = contacts {
            self.change_contacts(*change);
        }
        if let Some(Err(fault)) = clock.map(|change| self.change_time(change)) {
            tracing::warn!(%fault, "the scenario asks for a time that the meter does not have");
        }
    }

    // What the laboratory does.

    /// Changes the supply and shows it.
    pub(crate) fn change_supply(&mut self, change: &SupplyChange) -> Value {
        let mut setting = self.world.supply().clone();
        change.apply(&mut setting);
        // The change was checked against the same bounds when it was read.
        if let Err(error) = self.world.set_supply(&setting) {
            tracing::warn!(%error, "the world refused a supply");
        }
        self.world_revision += 1;
        self.feed();
        self.supply_json()
    }

    /// Changes the load and shows it.
    pub(crate) fn change_load(&mut self, change: &LoadChange) -> Value {
        let mut setting = self.world.load().clone();
        change.apply(&mut setting, &mut self.household);
        // The change was checked against the same bounds when it was read.
        if let Err(error) = self.world.set_load(&setting) {
            tracing::warn!(%error, "the world refused a load");
        }
        self.world_revision += 1;
        self.load_json()
    }

    /// Changes the temperature of the meter and shows it: its sensors drift, its crystal turns, its thermometer tells.
    pub(crate) fn change_temperature(&mut self, celsius: f64) -> Value {
        if !self.is_on() {
            self.count_cut();
        }
        self.instruments.celsius = celsius;
        self.clock.room_celsius = celsius;
        self.fast_ppb = self.clock.fast_ppb(self.config.serial);
        if let Some(errors) = self.instruments.errors()
            && let Err(error) = self.world.set_sensors(&errors)
        {
            tracing::warn!(%error, "the world refused sensors");
        }
        let (parameters, shown) = (self.parameters(), self.instruments.thermometer());
        if let Some(power) = &mut self.power {
            power.line = power.line.turned(self.samples, self.fast_ppb);
            power.chain.compensate(shown, &parameters.temperature);
        }
        if let Some(watch) = &mut self.watch {
            watch.compensate(&parameters, shown);
        }
        self.feel_temperature();
        self.temperature_json()
    }

    /// Breaks or mends channels of the converter and shows them all.
    pub(crate) fn change_converter(&mut self, change: &ConverterChange) -> Value {
        let mut faults = self.world.faults();
        change.apply(&mut faults);
        self.world.set_faults(&faults);
        self.converter_json()
    }

    /// Moves contacts, presses the button, and shows the contacts.
    pub(crate) fn change_contacts(&mut self, change: ContactsChange) -> Value {
        let remembered = &mut self.remembered;
        remembered.meter_cover_open = change.meter_cover_open.unwrap_or(remembered.meter_cover_open);
        remembered.terminal_cover_open = change.terminal_cover_open.unwrap_or(remembered.terminal_cover_open);
        remembered.magnet_near = change.magnet_near.unwrap_or(remembered.magnet_near);
        remembered.tariff_input = change.tariff_input.unwrap_or(remembered.tariff_input);
        for contact in change.contacts() {
            self.step(Input::Contact(contact));
        }
        self.contacts_json()
    }

    /// Switches the mains and shows it. Off: the meter saves what it must and stops. On: it boots from its flash.
    pub(crate) fn switch_power(&mut self, on: bool) -> Value {
        self.mains_on = on;
        self.feed();
        json!({ "on": self.is_on() })
    }

    /// The meter lives on its phases: any one that carries half of the nominal voltage feeds it, as long as the mains is on.
    fn feed(&mut self) {
        let phases = if self.config.variant.is_three_phase() { 3 } else { 1 };
        let least = f64::from(self.config.nominal_volts) / 2.0;
        let fed = self.mains_on
            && self
                .world
                .supply()
                .phases
                .iter()
                .take(phases)
                .any(|phase| least <= phase.volts);
        match (self.is_on(), fed) {
            (true, false) => self.lose_power(),
            (false, true) => self.get_power(),
            (true, true) | (false, false) => {}
        }
    }

    /// Changes pace and civil time, and shows them.
    ///
    /// # Errors
    /// The field that cannot be obeyed; then nothing has changed.
    pub(crate) fn change_time(&mut self, change: TimeChange) -> Result<Value, Fault> {
        if let Some(seconds) = change.jump_seconds {
            self.jump(seconds)?;
        }
        if let Some(speed) = change.speed {
            self.speed = speed;
        }
        Ok(self.time_json())
    }

    fn jump(&mut self, seconds: i64) -> Result<(), Fault> {
        let (world, clock) = (self.utc().plus(seconds), self.meter_utc().plus(seconds));
        let years = FIRST_SECOND..=LAST_SECOND;
        if !years.contains(&world.unix()) || !years.contains(&clock.unix()) {
            return Err(Fault {
                kind: FaultKind::OutOfRange,
                path: Path::default().key("jump_s"),
                detail: format!("is {seconds}; allowed are jumps that stay within the years 2000 to 2099"),
            });
        }
        // The battery-backed clock moves on with the world; the meter's own is set as by a time source of its board.
        if !self.is_on() {
            self.count_cut();
            let passed = u64::try_from(seconds).unwrap_or(0);
            self.remembered.spend(passed, self.clock.reserve, self.fast_ppb);
        }
        self.remembered.utc = self.remembered.utc.plus(seconds);
        self.world.set_time(day_time(world, &self.config));
        if self.is_on() {
            self.step(Input::Time(clock));
        }
        Ok(())
    }

    fn lose_power(&mut self) {
        self.step(Input::PowerFailing);
        self.remembered = self.with_clock();
        self.off = self.elapsed();
        self.devices.forget();
        self.world.set_powered(false);
        self.trail.clear();
        if let Some(power) = self.power.take() {
            for (sum, led) in self.pulses.iter_mut().zip(&power.leds) {
                *sum += led.count();
            }
        }
    }

    fn get_power(&mut self) {
        self.world.set_powered(true);
        self.count_cut();
        self.remembered.cut_seconds = 0;
        let clock = self.remembered.reading(self.world_micros());
        let line = TimeLine::new(self.rate_hz, self.samples, self.fast_ppb);
        let booted = entropy(self.seed, self.remembered.boots).and_then(|entropy| {
            let (meter, report) = boot(&self.config, clock, entropy, &mut self.flash, &mut self.world)?;
            let celsius = self.instruments.thermometer();
            let power = Powered::begin(&self.setup, &meter, &self.flash, line, celsius)?;
            let watch = self.begin_watch(&meter)?;
            Ok((meter, power, watch, report))
        });
        match booted {
            Ok((meter, power, watch, report)) => {
                say_losses(&report);
                self.meter = meter;
                self.power = Some(Box::new(power));
                self.watch = Some(Box::new(watch));
                self.remembered.boots += 1;
                self.feel_temperature();
                self.feel_contacts();
                self.feel_battery();
            }
            Err(why) => self.broken = Some(why),
        }
    }

    /// Counts what has passed of a power cut: the crystal goes on, the reserve is used.
    fn count_cut(&mut self) {
        let seconds = (self.elapsed() - self.off).as_secs();
        self.off += Micros::from_secs(seconds);
        self.remembered.spend(seconds, self.clock.reserve, self.fast_ppb);
    }

    /// Watches the supply with the calibration that counts now.
    fn begin_watch(&self, meter: &Meter) -> Result<SupplyWatch, String> {
        let mut setup = self.setup.clone();
        let parameters = meter.parameters(&self.flash);
        let parameters = parameters.map_err(|error| format!("the sealed parameters: {error}"))?;
        parameters.apply(&mut setup);
        let shown = self.instruments.thermometer();
        SupplyWatch::begin(
            &setup,
            &parameters,
            shown,
            self.config.nominal_volts,
            meter,
            &self.flash,
        )
    }

    /// The board looks at its thermometer.
    fn feel_temperature(&mut self) {
        #[expect(clippy::cast_possible_truncation, reason = "the room has -40 to 70 degrees")]
        let celsius = self.instruments.thermometer().round() as i8;
        self.step(Input::Temperature(celsius));
    }

    /// The board of a meter with a battery looks at it.
    fn feel_battery(&mut self) {
        if let Some(battery) = self.clock.reserve.battery(self.remembered.reserve_used_seconds) {
            self.step(Input::Battery(battery));
        }
    }

    /// What is remembered, with the meter's own clock as it is now while the meter has power.
    fn with_clock(&self) -> Remembered {
        let clock = &self.model().clock;
        Remembered {
            rtc_ahead_micros: clock.micros(self.now()) - self.world_micros(),
            clock_valid: clock.is_valid(),
            ..self.remembered
        }
    }

    /// What the production line does with a new meter: the bench knows this meter's sensors, writes the calibration, and seals it.
    fn manufacture(&mut self) {
        let calibrated = self
            .instruments
            .calibration(self.world.converter(), self.config.constant);
        for act in [Bench::Manufacture(&calibrated), Bench::Seal] {
            self.step_telling(Input::Bench(act), |outcome| {
                if let Err(fault) = outcome {
                    tracing::warn!(%fault, "the calibration of a new meter did not go through");
                }
            });
        }
    }

    /// When the sealed parameters have changed, the metrology measures on with the new ones; so it does when the LEDs have another constant.
    fn follow_parameters(&mut self) {
        let (checksum, constant) = (checksum(&self.meter), self.meter.model().led_constant());
        let Some(power) = &mut self.power else {
            return;
        };
        let [led, _] = &power.leds;
        let is_calibrated = power.checksum != checksum;
        if !is_calibrated && led.constant() == constant {
            return;
        }
        let changed = self.meter.parameters(&self.flash).map_err(|error| error.to_string());
        let changed = changed.and_then(|parameters| {
            power.checksum = checksum;
            if is_calibrated {
                let shown = self.instruments.thermometer();
                let calibrated = power.adjust(&self.setup, &parameters, shown)?;
                if let Some(watch) = &mut self.watch {
                    watch.adjust(&calibrated, &parameters, shown)?;
                }
            }
            let leds = leds(&self.meter, &parameters)?;
            Ok(core::mem::replace(&mut power.leds, leds))
        });
        match changed {
            Ok(before) => {
                for (sum, led) in self.pulses.iter_mut().zip(&before) {
                    *sum += led.count();
                }
            }
            Err(why) => self.broken = Some(why),
        }
    }

    /// The meter's inputs read covers, magnet and tariff contacts as they are; it knows whether that is news.
    fn feel_contacts(&mut self) {
        let Remembered {
            meter_cover_open,
            terminal_cover_open,
            magnet_near,
            tariff_input,
            ..
        } = self.remembered;
        let contacts = [
            Contact::MeterCover { open: meter_cover_open },
            Contact::TerminalCover {
                open: terminal_cover_open,
            },
            Contact::Magnet { near: magnet_near },
            Contact::TariffInput(tariff_input),
        ];
        for contact in contacts {
            self.step(Input::Contact(contact));
        }
    }

    /// The end: the meter gets its warning and saves.
    pub(crate) fn shut_down(&mut self) {
        if self.is_on() {
            self.lose_power();
        }
    }

    // What clients do.

    /// A link for a new connection, if the meter has power.
    pub(crate) fn open_link(&self, framing: Framing) -> Option<Conversation> {
        self.is_on()
            .then(|| Conversation::new(framing, self.remembered.boots, self.meter.model()))
    }

    /// Serves octets of a client; the answer is appended.
    pub(crate) fn receive(&mut self, talk: &mut Conversation, octets: &[u8], answer: &mut Vec<u8>) -> Served {
        if talk.boots != self.remembered.boots {
            return Served::Closed;
        }
        let at = talk.at();
        let answer = &mut |frame: &[u8]| answer.extend_from_slice(frame);
        self.step(Input::Received {
            link: &mut *talk.link,
            at,
            octets,
            answer,
        })
    }

    /// Nothing came from a client for as long as its link was patient.
    pub(crate) fn elapse_link(&mut self, talk: &mut Conversation) -> Served {
        if talk.boots != self.remembered.boots {
            return Served::Closed;
        }
        let at = talk.at();
        self.step(Input::Elapsed {
            link: &mut *talk.link,
            at,
        })
    }

    /// A connection is gone.
    pub(crate) fn lose_link(&mut self, talk: &mut Conversation) {
        if talk.boots == self.remembered.boots {
            self.step(Input::Lost { link: &mut *talk.link });
        }
    }

    /// A port had more connections than places, or a client held one without taking its answers.
    pub(crate) fn crowded(&mut self) {
        if self.is_on() {
            self.step(Input::Crowded);
        }
    }

    // What is to be seen.

    /// Whether the mains is on.
    pub(crate) const fn is_on(&self) -> bool {
        self.power.is_some()
    }

    /// Whether nothing moves on purpose: paused, or without mains.
    pub(crate) fn is_resting(&self) -> bool {
        !self.is_on() || self.speed == Speed::Times(0.0)
    }

    /// Whether the time that it was to run is over, or it cannot go on.
    pub(crate) fn is_over(&self) -> bool {
        self.broken.is_some() || self.end.is_some_and(|end| end <= self.samples)
    }

    /// Why it cannot go on.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// The oldest life whose clients may still be connected: the present one, or the next one while there is no power.
    pub(crate) const fn oldest_life(&self) -> u64 {
        self.remembered.boots + !self.is_on() as u64
    }

    /// Time of the world since the process began.
    pub(crate) fn elapsed(&self) -> Micros {
        span_of(self.samples, self.rate_hz)
    }

    pub(crate) const fn speed(&self) -> Speed {
        self.speed
    }

    /// Takes note of the speed that the pace has measured.
    pub(crate) const fn achieved(&mut self, speed: f64) {
        self.achieved = speed;
    }

    /// What the world is to remember.
    pub(crate) fn remembered(&self) -> Remembered {
        let mut remembered = if self.is_on() {
            self.with_clock()
        } else {
            let mut off = self.remembered;
            off.spend((self.elapsed() - self.off).as_secs(), self.clock.reserve, self.fast_ppb);
            off
        };
        // The world goes on at a whole second; what is cut off of it is not taken from the meter's clock.
        remembered.utc = self.utc();
        let begun_second = remembered.utc.unix().saturating_mul(1_000_000);
        remembered.rtc_ahead_micros += self.world_micros() - begun_second;
        remembered
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) const fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn model(&self) -> &Model {
        self.meter.model()
    }

    pub(crate) const fn flash(&self) -> &FlashFile {
        &self.flash
    }

    pub(crate) const fn world_revision(&self) -> u64 {
        self.world_revision
    }

    /// The instant on the meter's time line, which begins when it gets power.
    pub(crate) fn now(&self) -> Instant {
        let line = self.power.as_ref().map(|power| power.line);
        line.map_or(Instant::START, |line| line.at(self.samples))
    }

    /// Civil time of the world.
    fn utc(&self) -> Utc {
        self.remembered
            .utc
            .plus(i64::try_from(self.elapsed().as_secs()).unwrap_or(i64::MAX))
    }

    /// Civil time of the world in microseconds since 1970.
    fn world_micros(&self) -> i64 {
        let elapsed = i64::try_from(self.elapsed().as_micros()).unwrap_or(i64::MAX);
        (self.remembered.utc.unix() * 1_000_000).saturating_add(elapsed)
    }

    /// The meter's clock without power.
    fn rtc(&self) -> Utc {
        let drift = drift_micros((self.elapsed() - self.off).as_secs(), self.fast_ppb);
        let micros = self.world_micros() + self.remembered.rtc_ahead_micros + drift;
        Utc::from_unix(micros.div_euclid(1_000_000))
    }

    /// The meter's clock; without power the battery-backed one.
    pub(crate) fn meter_utc(&self) -> Utc {
        if self.is_on() {
            self.model().clock.utc(self.now())
        } else {
            self.rtc()
        }
    }

    /// Light pulses since the process began: active, reactive.
    pub(crate) fn pulses(&self) -> [u64; 2] {
        let mut sums = self.pulses;
        if let Some(power) = &self.power {
            for (sum, led) in sums.iter_mut().zip(&power.leds) {
                *sum += led.count();
            }
        }
        sums
    }

    pub(crate) fn supply_json(&self) -> Value {
        supply_json(self.world.supply(), self.phases())
    }

    pub(crate) fn load_json(&self) -> Value {
        load_json(self.world.load(), self.phases())
    }

    pub(crate) fn temperature_json(&self) -> Value {
        json!({ "celsius": plain(self.instruments.celsius) })
    }

    pub(crate) fn converter_json(&self) -> Value {
        converter_json(&self.world.faults())
    }

    pub(crate) fn contacts_json(&self) -> Value {
        let cover = |open| if open { "open" } else { "closed" };
        json!({
            "meter_cover": cover(self.remembered.meter_cover_open),
            "terminal_cover": cover(self.remembered.terminal_cover_open),
            "magnet": self.remembered.magnet_near,
            "tariff_input": self.remembered.tariff_input.number(),
        })
    }

    /// The meter's clock.
    pub(crate) fn clock_json(&self) -> Value {
        let (utc, clock) = (self.meter_utc(), &self.model().clock);
        let deviation = clock.deviation(utc);
        json!({
            "utc": utc_text(utc),
            "local": local_text(utc, -i32::from(deviation)),
            "deviation_minutes": deviation,
            "status": clock.status(utc).octet(),
        })
    }

    /// The meter's clock and the pace of the world.
    pub(crate) fn time_json(&self) -> Value {
        let mut time = self.clock_json();
        if let Some(fields) = time.as_object_mut() {
            fields.insert("speed".to_owned(), self.speed.json());
            fields.insert("achieved_speed".to_owned(), json!(round_to(self.achieved, 1e3)));
        }
        time
    }

    /// The last `cycles` cycles of every channel, and the fundamentals of the last window.
    pub(crate) fn waveform_json(&self, cycles: usize) -> Value {
        let reading = self.model().reading.filter(|_| self.is_on());
        let measured = reading
            .filter(|reading| reading.synchronised)
            .map(|reading| reading.frequency_microhertz);
        let hertz = measured.map(|micro| micro as f64 / 1e6);
        let (rate_hz, channels) = self.trail.json(
            &self.setup,
            cycles,
            hertz.unwrap_or_else(|| f64::from(self.config.nominal_hertz)),
        );
        let (voltages, currents) = reading
            .as_ref()
            .map(|reading| phasors(reading, self.phases()))
            .unwrap_or_default();
        json!({
            "rate_hz": plain(rate_hz),
            "channels": channels,
            "phasors": { "frequency_hz": hertz, "voltages": voltages, "currents": currents },
        })
    }

    pub(crate) const fn phases(&self) -> usize {
        phases(self.config.variant)
    }
}

/// Phases of a meter.
pub(crate) const fn phases(variant: Variant) -> usize {
    if variant.is_three_phase() { 3 } else { 1 }
}

impl Powered {
    fn begin(setup: &Setup, meter: &Meter, flash: &FlashFile, line: TimeLine, celsius: f64) -> Result<Self, String> {
        let parameters = meter
            .parameters(flash)
            .map_err(|error| format!("the sealed parameters: {error}"))?;
        let mut begun = Self {
            chain: Chain::new(setup).map_err(|error| format!("the metrology: {error}"))?,
            leds: leds(meter, &parameters)?,
            distortion: [None; 6],
            line,
            checksum: checksum(meter),
        };
        begun.adjust(setup, &parameters, celsius)?;
        Ok(begun)
    }

    /// Measures on with these parameters, at what the thermometer shows; gives the setup with the calibration that counts now.
    fn adjust(&mut self, setup: &Setup, parameters: &Parameters, celsius: f64) -> Result<Setup, String> {
        let mut setup = setup.clone();
        parameters.apply(&mut setup);
        self.chain
            .adjust(&setup)
            .map_err(|error| format!("the metrology: {error}"))?;
        self.chain.compensate(celsius, &parameters.temperature);
        Ok(setup)
    }
}

/// The two LEDs, which go on where the registers stand.
fn leds(meter: &Meter, parameters: &Parameters) -> Result<[Pulses; 2], String> {
    let (registers, constant) = (&meter.model().registers, meter.model().led_constant());
    let led = |quantity: PulseQuantity| {
        Pulses::new(quantity, registers.direction(), constant, quantity.counted(registers))
            .ok_or_else(|| format!("no LED has {constant} pulses per kWh"))
    };
    let [active, reactive] = parameters.leds;
    Ok([led(active)?, led(reactive)?])
}

/// The checksum of the sealed parameters that count.
fn checksum(meter: &Meter) -> u32 {
    meter.model().legal.store().map_or(0, metrology::SealedStore::checksum)
}

/// Total harmonic distortion in tenths of a percent, voltages, then currents.
fn distortion(chain: &Chain) -> [Option<u16>; 6] {
    [
        Channel::V1,
        Channel::V2,
        Channel::V3,
        Channel::I1,
        Channel::I2,
        Channel::I3,
    ]
    .map(|channel| {
        let millionths = chain.spectrum(channel)?.thd_millionths?;
        Some(u16::try_from(millionths.saturating_add(500) / 1_000).unwrap_or(u16::MAX))
    })
}

fn boot(
    config: &Config,
    clock: Option<Utc>,
    entropy: [u8; 32],
    flash: &mut FlashFile,
    world: &mut World,
) -> Result<(Meter, BootReport), String> {
    let mut board = HostBoard { flash, world };
    Meter::boot(config, clock, entropy, &mut board).map_err(|fault| format!("the meter does not boot: {fault}"))
}

/// Tells the owner what the flash has lost.
pub(crate) fn say_losses(report: &BootReport) {
    if report.has_loss() {
        tracing::warn!("the flash was damaged; lost: {report}; what is whole was kept");
    }
}

fn begin_world(config: &Config, instruments: &Instruments, seed: Option<u64>, utc: Utc) -> Result<World, String> {
    let connection = match config.variant {
        Variant::Sm402d => Connection::SinglePhase,
        Variant::St402d => Connection::ThreePhase,
        Variant::St402c => {
            let (primary, secondary) = config.transformers.current;
            Connection::Transformers {
                ratio: f64::from(primary) / f64::from(secondary),
            }
        }
    };
    let chance = match seed {
        Some(seed) => seed,
        None => {
            let mut octets = [0; 8];
            getrandom::fill(&mut octets).map_err(no_chance)?;
            u64::from_le_bytes(octets)
        }
    };
    let mut setting = WorldSetting::household(connection, chance);
    setting.begin = day_time(utc, config);
    instruments.equip(&mut setting.converter);
    setting.supply = SupplySetting::symmetrical(f64::from(config.nominal_volts), f64::from(config.nominal_hertz));
    World::new(&setting).map_err(|error| format!("the world: {error}"))
}

fn setup(config: &Config, world: &World) -> Setup {
    let (rate_hz, volts, amps) = (
        f64::from(world.converter().rate_hz),
        world.volts_per_lsb(),
        world.amps_per_lsb(),
    );
    let mut setup = if config.variant.is_three_phase() {
        Setup::three_phase(rate_hz, volts, amps)
    } else {
        Setup::single_phase(rate_hz, volts, amps)
    };
    setup.nominal_frequency = if config.nominal_hertz == 60 {
        NominalFrequency::Hz60
    } else {
        NominalFrequency::Hz50
    };
    setup.nominal_volts = f64::from(config.nominal_volts);
    // Starting currents of class B (EN 50470-3): 0.4 % of the reference current, 0.2 % of the nominal one behind transformers.
    setup.starting_amperes =
        f64::from(config.variant.basic_amperes()) * if config.variant.is_direct() { 0.004 } else { 0.002 };
    setup
}

/// What the meter draws its challenges from: with a seed the same for the same life, else from the operating system.
fn entropy(seed: Option<u64>, boots: u64) -> Result<[u8; 32], String> {
    let mut octets = [0; 32];
    match seed {
        Some(seed) => {
            let mut chance = ChaCha20Rng::seed_from_u64(seed);
            chance.set_stream(boots);
            chance.fill_bytes(&mut octets);
        }
        None => getrandom::fill(&mut octets).map_err(no_chance)?,
    }
    Ok(octets)
}

fn no_chance(error: getrandom::Error) -> String {
    format!("the operating system gives no chance: {error}")
}

/// The world's local time: the household does not know of daylight saving.
fn day_time(utc: Utc, config: &Config) -> DayTime {
    DayTime::from_local_seconds(utc.unix() - i64::from(config.time_zone) * 60)
}

/// The least number of samples that last at least `span`.
fn samples_of(span: Micros, rate_hz: u64) -> u64 {
    let samples = (u128::from(span.as_micros()) * u128::from(rate_hz)).div_ceil(1_000_000);
    u64::try_from(samples).unwrap_or(u64::MAX)
}

/// How long `samples` samples last, rounded down to microseconds.
fn span_of(samples: u64, rate_hz: u64) -> Micros {
    let micros = u128::from(samples) * 1_000_000 / u128::from(rate_hz);
    Micros::new(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// Fundamentals as the phasor diagram shows them: counter-clockwise positive, against the voltage of L1.
fn phasors(reading: &Measurement, phases: usize) -> (Vec<Value>, Vec<Value>) {
    let mut voltages = Vec::new();
    let mut currents = Vec::new();
    for (index, phase) in reading
        .phases
        .iter()
        .enumerate()
        .take(phases)
        .filter(|(_, phase)| phase.present)
    {
        let number = index + 1;
        let lag = phase.voltage_angle_millidegrees.map(f64::from);
        let Some(lag) = lag.or_else(|| (index == 0).then_some(0.0)) else {
            continue;
        };
        let voltage = phase.voltage_fundamental_microvolts as f64 / 1e6;
        voltages.push(json!({ "phase": number, "rms": round_to(voltage, 1e3), "angle_deg": upright(-lag / 1e3) }));
        if let Some(angle) = phase.current_angle_millidegrees {
            let current = phase.current_fundamental_microamperes as f64 / 1e6;
            let angle = upright((-lag - f64::from(angle)) / 1e3);
            currents.push(json!({ "phase": number, "rms": round_to(current, 1e3), "angle_deg": angle }));
        }
    }
    (voltages, currents)
}

/// An angle from -180 to 180 degrees in thousandths.
fn upright(degrees: f64) -> f64 {
    let turned = degrees.rem_euclid(360.0);
    round_to(if 180.0 < turned { turned - 360.0 } else { turned }, 1e3)
}

fn round_to(value: f64, parts: f64) -> f64 {
    // Adding zero makes a positive zero of a negative one.
    (value * parts).round() / parts + 0.0
}

/// Samples of a block: 10 ms at 8 kS/s.
const BLOCK: usize = 80;
/// 2000-01-01T00:00:00Z and 2099-12-31T23:59:59Z.
const FIRST_SECOND: i64 = 946_684_800;
const LAST_SECOND: i64 = 4_102_444_799;
