//! The world around one meter: supply, load and converter put together, asked for one sample set after the other.

use crate::bursts::Bursts;
use crate::chance::Chance;
use crate::channel_fault::ChannelFault;
use crate::converter::{Converter, ConverterSetting, SampleSet};
use crate::daytime::DayTime;
use crate::decimator::MAX_FACTOR;
use crate::household::{Activity, Household};
use crate::load::{FixedLoad, HouseholdSetting, LoadSetting};
use crate::oscillator::{Angle, Wave, Waves};
use crate::sensor::SensorError;
use crate::setting::{Field, SettingError};
use crate::supply::{Ramp, SupplySetting};
use crate::truth::Truth;

/// How the meter is connected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Connection {
    /// One phase, direct: v1, i1 and the neutral's current; the other channels are 0.
    SinglePhase,
    /// Three phases and neutral, direct.
    ThreePhase,
    /// Three phases and neutral behind current transformers. Fixed currents are those at the meter; a household's are
    /// divided by the ratio.
    Transformers {
        /// Primary by secondary current, 1 to 10 000.
        ratio: f64,
    },
}

/// Everything that a world begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldSetting {
    /// How the meter is connected.
    pub connection: Connection,
    /// The mains.
    pub supply: SupplySetting,
    /// What is behind the meter.
    pub load: LoadSetting,
    /// Sensors and converter.
    pub converter: ConverterSetting,
    /// Local civil time of the first sample.
    pub begin: DayTime,
    /// Seed of all chance: noise, habits, weather.
    pub seed: u64,
}

/// The world around one meter. It is about 40 kB large; keep it in one place.
///
/// Samples are evenly spaced; the local time moves on with them. Every `set_*` takes effect with the next sample and keeps the
/// running angle. A refused setting changes nothing.
#[derive(Clone, Debug)]
pub struct World {
    connection: Connection,
    supply: SupplySetting,
    ramp: Option<Ramp>,
    load: LoadSetting,
    converter_setting: ConverterSetting,
    powered: bool,
    connected: bool,
    /// The second that the next sample belongs to, and the samples of it that are gone.
    now: DayTime,
    sample_of_second: u32,
    samples_per_tick: u32,
    fine_steps: usize,
    /// The running angle at the next sample, and how far it turns until the one after it.
    angle: Angle,
    turn: Angle,
    fixed: Waves<6>,
    bursts: Option<Bursts>,
    household: Household,
    converter: Converter,
}

impl WorldSetting {
    /// Nominal mains, an ordinary household and the converter that fits the connection, at noon of a day in winter.
    #[must_use]
    pub fn household(connection: Connection, seed: u64) -> Self {
        let load = LoadSetting::Household(HouseholdSetting::ordinary());
        Self {
            load,
            ..Self::fixed(connection, 0.0, 0.0, seed)
        }
    }

    /// Nominal mains, the same sine current in all phases, lagging by `angle_deg`, and the converter that fits the connection.
    #[must_use]
    pub fn fixed(connection: Connection, amps: f64, angle_deg: f64, seed: u64) -> Self {
        let converter = match connection {
            Connection::SinglePhase | Connection::ThreePhase => ConverterSetting::direct(),
            Connection::Transformers { .. } => ConverterSetting::transformers(),
        };
        Self {
            connection,
            supply: SupplySetting::nominal(),
            load: LoadSetting::symmetrical(amps, angle_deg),
            converter,
            begin: DayTime::from_local_seconds(NOON_IN_WINTER),
            seed,
        }
    }

    /// Refuses what is out of range.
    ///
    /// # Errors
    /// The first field that is out of range, not a number or infinite.
    pub fn check(&self) -> Result<(), SettingError> {
        if let Connection::Transformers { ratio } = self.connection {
            Field::of("ratio").check(ratio, 1.0, 10_000.0)?;
        }
        self.supply.check()?;
        self.load.check()?;
        self.converter.check()
    }
}

impl World {
    /// A world before its first sample: mains on, switch closed.
    ///
    /// # Errors
    /// The first field of the setting that is out of range.
    pub fn new(setting: &WorldSetting) -> Result<Self, SettingError> {
        setting.check()?;
        let n_phases = match setting.connection {
            Connection::SinglePhase => 1,
            Connection::ThreePhase | Connection::Transformers { .. } => 3,
        };
        let several = 1 < n_phases;
        let rate_hz = setting.converter.rate_hz;
        let fine_steps = fine_steps(rate_hz);
        let house = match &setting.load {
            LoadSetting::Household(house) => house.clone(),
            LoadSetting::Fixed(_) => HouseholdSetting::ordinary(),
        };
        let silence = Wave {
            rms: 0.0,
            degrees: 0.0,
            harmonics: &[],
        };
        let mut world = Self {
            connection: setting.connection,
            supply: setting.supply.clone(),
            ramp: None,
            load: setting.load.clone(),
            converter_setting: setting.converter.clone(),
            powered: true,
            connected: true,
            now: setting.begin,
            sample_of_second: 0,
            samples_per_tick: rate_hz.div_ceil(TICKS_PER_SECOND),
            fine_steps,
            angle: Angle(0),
            turn: Angle(0),
            fixed: Waves::new(&[silence; 6], Angle(0), Angle(0)),
            bursts: None,
            household: Household::new(house, setting.seed, n_phases, fine_steps, f64::from(rate_hz)),
            converter: Converter::new(
                &setting.converter,
                [true, several, several, true, several, several, true],
                Chance::new(setting.seed, NOISE),
            ),
        };
        world.apply(&setting.supply);
        world.household.live(world.now);
        world.household.tick(1.0 / f64::from(TICKS_PER_SECOND));
        world.household.enter(world.angle, true);
        Ok(world)
    }

    /// The next sample set.
    pub fn sample(&mut self) -> SampleSet {
        let mut sets = [[0; 7]];
        self.fill(&mut sets);
        let [set] = sets;
        set
    }

    /// The next sample sets; the same ones that as many calls of [`World::sample`] give.
    pub fn fill(&mut self, sets: &mut [SampleSet]) {
        let mut rest = sets;
        while !rest.is_empty() {
            let of_tick = self.sample_of_second % self.samples_per_tick;
            let until_second = self.converter_setting.rate_hz - self.sample_of_second;
            let until_tick = (self.samples_per_tick - of_tick).min(until_second);
            let n = usize::try_from(until_tick).map_or(rest.len(), |until_tick| until_tick.min(rest.len()));
            let (now, later) = rest.split_at_mut(n);
            self.fill_within_tick(now);
            rest = later;
            let passed = u32::try_from(n).unwrap_or(until_tick);
            self.sample_of_second += passed;
            if passed == until_tick {
                self.tick(of_tick + passed);
            }
        }
    }

    /// Changes the mains at once.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn set_supply(&mut self, supply: &SupplySetting) -> Result<(), SettingError> {
        supply.check()?;
        self.ramp = None;
        self.supply = supply.clone();
        self.apply(supply);
        Ok(())
    }

    /// Moves volts, angles and frequency in a straight line to those of `supply` within `seconds`, 0 to 86 400, in steps of a few
    /// milliseconds. Harmonics change at once. A way that was not finished is left where it is.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn ramp_supply(&mut self, supply: &SupplySetting, seconds: f64) -> Result<(), SettingError> {
        supply.check()?;
        Field::of("seconds").check(seconds, 0.0, 86_400.0)?;
        let from = self.supply_now();
        self.supply = supply.clone();
        self.ramp = Some(Ramp::new(from, seconds));
        self.move_on_ramp(0.0);
        Ok(())
    }

    /// The sensors' errors become these, as when the temperature changes; each keeps the delay that it began with.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn set_sensors(&mut self, sensors: &[SensorError; 7]) -> Result<(), SettingError> {
        let setting = ConverterSetting {
            sensors: *sensors,
            ..self.converter_setting.clone()
        };
        setting.check()?;
        self.converter.tune(&setting);
        self.converter_setting = setting;
        Ok(())
    }

    /// Breaks or mends the converter's channels v1 v2 v3 i1 i2 i3 in; channels that the meter does not have stay silent.
    pub fn set_faults(&mut self, faults: &[ChannelFault; 7]) {
        self.converter.set_faults(faults);
    }

    /// What is wrong with the converter's channels.
    #[must_use]
    pub fn faults(&self) -> [ChannelFault; 7] {
        self.converter.faults()
    }

    /// Changes what is behind the meter.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn set_load(&mut self, load: &LoadSetting) -> Result<(), SettingError> {
        load.check()?;
        let enters = matches!(self.load, LoadSetting::Fixed(_));
        self.load = load.clone();
        if let LoadSetting::Household(house) = load {
            self.household.set(house.clone());
        }
        self.apply(&self.supply_now());
        if enters && matches!(load, LoadSetting::Household(_)) {
            self.household.enter(self.angle, self.connected);
        }
        Ok(())
    }

    /// Opens or closes the meter's switch. Open, nothing flows, and the terminals show the mains without load.
    pub fn set_connected(&mut self, connected: bool) {
        self.connected = connected;
        self.apply(&self.supply_now());
    }

    /// Switches fixed currents on for `cycles_on` whole cycles and off for `cycles_off`, again and again, each phase from a rising
    /// zero crossing of its own current to the next (the burst control of IEC 62053-21). 1 to 1000 cycles each; `cycles_off` 0
    /// ends it. The phases begin with their first rising crossing from now on.
    ///
    /// # Errors
    /// The number of cycles that is out of range.
    pub fn set_bursts(&mut self, cycles_on: u16, cycles_off: u16) -> Result<(), SettingError> {
        Field::of("cycles_on").check(f64::from(cycles_on), 1.0, 1000.0)?;
        Field::of("cycles_off").check(f64::from(cycles_off), 0.0, 1000.0)?;
        self.bursts = (0 < cycles_off).then(|| Bursts::new(cycles_on, cycles_off));
        self.apply(&self.supply_now());
        Ok(())
    }

    /// Switches the whole mains off or on, with its settings kept. Off, there is neither voltage nor current.
    pub fn set_powered(&mut self, powered: bool) {
        self.powered = powered;
        self.apply(&self.supply_now());
    }

    /// Sets the local civil time that habits and the sun follow, from the next sample on.
    pub const fn set_time(&mut self, now: DayTime) {
        self.now = now;
    }

    /// Local civil time of the next sample, to the second.
    #[must_use]
    pub const fn time(&self) -> DayTime {
        self.now
    }

    /// How the meter is connected.
    #[must_use]
    pub const fn connection(&self) -> Connection {
        self.connection
    }

    /// The mains as set; while it is on its way, where it goes.
    #[must_use]
    pub const fn supply(&self) -> &SupplySetting {
        &self.supply
    }

    /// What is behind the meter.
    #[must_use]
    pub const fn load(&self) -> &LoadSetting {
        &self.load
    }

    /// Is the meter's switch closed.
    #[must_use]
    pub const fn connected(&self) -> bool {
        self.connected
    }

    /// Is the mains on.
    #[must_use]
    pub const fn powered(&self) -> bool {
        self.powered
    }

    /// Sensors and converter.
    #[must_use]
    pub const fn converter(&self) -> &ConverterSetting {
        &self.converter_setting
    }

    /// Volts that one code of v1, v2 and v3 stands for.
    #[must_use]
    pub fn volts_per_lsb(&self) -> f64 {
        self.converter_setting.volts_per_lsb()
    }

    /// Amperes that one code of i1, i2, i3 and in stands for.
    #[must_use]
    pub fn amps_per_lsb(&self) -> f64 {
        self.converter_setting.amps_per_lsb()
    }

    /// What a perfect meter would read at the next sample, in closed form, on fixed currents.
    #[must_use]
    pub fn truth(&self) -> Option<Truth> {
        let LoadSetting::Fixed(load) = &self.load else {
            return None;
        };
        let mut supply = self.supply_now();
        let mut load = load.clone();
        self.silence(&mut supply, &mut load);
        let n_phases = if self.connection == Connection::SinglePhase {
            1
        } else {
            3
        };
        let truth = Truth::of(&supply, &load, n_phases, f64::from(self.converter_setting.rate_hz));
        Some(match &self.bursts {
            Some(bursts) => truth.switched(bursts.share_on()),
            None => truth,
        })
    }

    /// What goes on in the household, if there is one behind the meter.
    #[must_use]
    pub fn activity(&self) -> Option<Activity> {
        matches!(self.load, LoadSetting::Household(_)).then(|| self.household.activity())
    }

    fn fill_within_tick(&mut self, sets: &mut [SampleSet]) {
        let n = sets.len() as u64;
        if matches!(self.load, LoadSetting::Fixed(_)) {
            for set in sets {
                let [v1, v2, v3, i1, i2, i3] = self.fixed.next();
                let mut amps = [i1, i2, i3];
                if let Some(bursts) = &mut self.bursts {
                    bursts.switch(&mut amps);
                }
                *set = self.converter.convert([v1, v2, v3], amps);
            }
        } else {
            let connected = self.connected;
            let secondary = match self.connection {
                Connection::SinglePhase | Connection::ThreePhase => 1.0,
                Connection::Transformers { ratio } => 1.0 / ratio,
            };
            for set in sets {
                let [v1, v2, v3, i1, i2, i3] = self.household.sample(connected);
                *set = self
                    .converter
                    .convert([v1, v2, v3], [i1, i2, i3].map(|amps| amps * secondary));
            }
        }
        self.angle = self.angle.plus(self.turn.times(n));
    }

    /// Between two samples, every few milliseconds: what is slower than a sample moves on.
    fn tick(&mut self, samples: u32) {
        let seconds = f64::from(samples) / f64::from(self.converter_setting.rate_hz);
        let second = self.sample_of_second == self.converter_setting.rate_hz;
        if second {
            self.sample_of_second = 0;
            self.now = self.now.next_second();
        }
        self.move_on_ramp(seconds);
        if matches!(self.load, LoadSetting::Household(_)) {
            if second {
                self.household.live(self.now);
                self.household.align();
            }
            self.household.tick(seconds);
        } else if second {
            self.fixed.align(self.angle, self.turn);
        }
    }

    fn move_on_ramp(&mut self, seconds: f64) {
        if let Some(ramp) = &mut self.ramp {
            let now = ramp.advance(&self.supply, seconds);
            if now.is_none() {
                self.ramp = None;
            }
            let now = now.unwrap_or_else(|| self.supply.clone());
            self.apply(&now);
        }
    }

    /// The mains as it is now, on its way or not.
    fn supply_now(&self) -> SupplySetting {
        let on_its_way = self.ramp.clone().and_then(|mut ramp| ramp.advance(&self.supply, 0.0));
        on_its_way.unwrap_or_else(|| self.supply.clone())
    }

    /// Takes out what the switches take out.
    fn silence(&self, supply: &mut SupplySetting, load: &mut FixedLoad) {
        if !self.powered {
            supply.phases.iter_mut().for_each(|phase| phase.volts = 0.0);
        }
        if !(self.powered && self.connected) {
            load.phases.iter_mut().for_each(|phase| phase.amps = 0.0);
        }
    }

    /// Lets the waves follow the settings, from the running angle on.
    fn apply(&mut self, supply: &SupplySetting) {
        let fine_rate_hz = f64::from(self.converter_setting.rate_hz) * self.fine_steps as f64;
        let fine_turn = Angle::from_turns(supply.frequency_hz / fine_rate_hz);
        self.turn = fine_turn.times(self.fine_steps as u64);
        let mut supply = supply.clone();
        let mut load = match &self.load {
            LoadSetting::Fixed(load) => load.clone(),
            LoadSetting::Household(_) => {
                if !self.powered {
                    supply.phases.iter_mut().for_each(|phase| phase.volts = 0.0);
                }
                self.household.supply(&supply, fine_turn);
                return;
            }
        };
        self.silence(&mut supply, &mut load);
        self.household.supply(&supply, fine_turn);
        let [v1, v2, v3] = supply.phases.each_ref().map(|it| Wave {
            rms: it.volts,
            degrees: it.angle_deg,
            harmonics: &it.harmonics,
        });
        let [i1, i2, i3] = [0, 1, 2].map(|phase: usize| {
            let (volts, amps) = (&supply.phases[phase], &load.phases[phase]);
            Wave {
                rms: amps.amps,
                degrees: volts.angle_deg - amps.angle_deg,
                harmonics: &amps.harmonics,
            }
        });
        self.fixed = Waves::new(&[v1, v2, v3, i1, i2, i3], self.angle, self.turn);
        if let Some(bursts) = &mut self.bursts {
            let currents =
                [i1.degrees, i2.degrees, i3.degrees].map(|degrees| self.angle.plus(Angle::from_degrees(degrees)));
            bursts.follow(currents, self.turn);
        }
    }
}

/// Fine steps a sample, so that one is at most 31.25 microseconds, and at least two, so that edges are filtered at any rate.
fn fine_steps(rate_hz: u32) -> usize {
    usize::try_from(32_000_u32.div_ceil(rate_hz.max(1))).map_or(MAX_FACTOR, |steps| steps.clamp(2, MAX_FACTOR))
}

const TICKS_PER_SECOND: u32 = 256;

/// 2026-01-20T12:00:00.
const NOON_IN_WINTER: i64 = 1_768_910_400;

/// Purpose of the chance that makes the noise.
const NOISE: u64 = 1000;
