//! What the people in the house do: which appliance wants what, second by second, from habits and a seed.
//!
//! Thermostats see the energy that their appliance really got: at a low voltage the kettle boils later, with the mains off the
//! refrigerator grows warm.

use core::f64::consts::PI;

use super::circuit::{N_MOTORS, N_RECTIFIERS};
use crate::chance;
use crate::daytime::DayTime;

/// What the appliances ask of the circuits until the next second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Demand {
    pub(crate) phases: [PhaseDemand; 3],
    /// Compressor, drum, heat pump.
    pub(crate) motors: [bool; N_MOTORS],
    /// The share of each half-wave that the dimmer waits.
    pub(crate) dimmer_wait: f64,
    pub(crate) kettle: bool,
    pub(crate) oven: bool,
}

/// What one phase has to feed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PhaseDemand {
    /// Conductance of what heats.
    pub(crate) conductance: f64,
    /// Conductance behind the dimmer.
    pub(crate) dimmed_conductance: f64,
    /// Watts of electronics and of lamps.
    pub(crate) rectified_watts: [f64; N_RECTIFIERS],
}

/// The appliances with their temperatures and programmes.
#[derive(Clone, Debug)]
pub(crate) struct Appliances {
    seed: u64,
    single_phase: bool,
    kettle_joules: f64,
    oven_seconds: u32,
    oven_celsius: f64,
    oven_heats: bool,
    wash_seconds: u32,
    wash_joules: f64,
    fridge_celsius: f64,
    compressor: bool,
    house_celsius: f64,
    heats_house: bool,
    hot_water_seconds: u32,
}

impl Appliances {
    pub(crate) fn new(seed: u64, single_phase: bool) -> Self {
        Self {
            seed,
            single_phase,
            kettle_joules: 0.0,
            oven_seconds: 0,
            oven_celsius: ROOM_CELSIUS,
            oven_heats: false,
            wash_seconds: 0,
            wash_joules: 0.0,
            fridge_celsius: 4.5 + 2.0 * chance::share(seed, BEGINNING, 0),
            compressor: false,
            house_celsius: 20.4 + 0.8 * chance::share(seed, BEGINNING, 1),
            heats_house: chance::draw(seed, BEGINNING, 2).is_multiple_of(2),
            hot_water_seconds: 0,
        }
    }

    /// Lives through the second before `now`, in which the phases had these mean squares of voltage, and says what is wanted
    /// next. `sun` is the irradiance as a share.
    pub(crate) fn live(&mut self, now: DayTime, sun: f64, square_volts: [f64; 3]) -> Demand {
        let [l1, l2, l3] = if self.single_phase {
            [square_volts[0]; 3]
        } else {
            square_volts
        };
        let mut demand = Demand::default();
        let [on_l1, on_l2, on_l3] = &mut demand.phases;

        on_l1.conductance += self.boil(now, l1);
        demand.kettle = 0.0 < on_l1.conductance;
        let oven = self.bake(now, l2);
        on_l2.conductance += oven;
        demand.oven = 0.0 < oven;
        let (heater, drum) = self.wash(now, l2);
        on_l2.conductance += heater;
        demand.motors = [self.cool(l1), drum, self.heat(now, l1.min(l2).min(l3))];

        let awake = self.awake(now);
        let evening = awake && hours(17.5) <= now.second();
        let dark = sun < 0.06;
        for (place, phase) in [&mut *on_l1, &mut *on_l2, &mut *on_l3].into_iter().enumerate() {
            let quarter = |purpose| self.by_quarter_hour(now, purpose + place as u64);
            phase.conductance += STANDBY_WATTS / NOMINAL_SQUARE_VOLTS;
            let [electronics, lamps] = &mut phase.rectified_watts;
            *electronics += 25.0 + if awake { 120.0 * quarter(ELECTRONICS) } else { 0.0 };
            *lamps += match (awake, dark) {
                (true, true) => 15.0 + 60.0 * quarter(LAMPS),
                (true, false) => 3.0 + 8.0 * quarter(LAMPS),
                (false, _) => 1.0,
            };
        }
        if evening {
            on_l2.rectified_watts[0] += TELEVISION_WATTS;
            on_l3.dimmed_conductance += DIMMED_WATTS / NOMINAL_SQUARE_VOLTS;
        }
        demand.dimmer_wait = 0.3 + 0.4 * self.by_quarter_hour(now, DIMMER);
        if self.single_phase {
            demand.fold();
        }
        demand
    }

    /// The kettle: so much water, and off when it boils.
    fn boil(&mut self, now: DayTime, square_volts: f64) -> f64 {
        let conductance = KETTLE_WATTS / NOMINAL_SQUARE_VOLTS;
        self.kettle_joules = (self.kettle_joules - conductance * square_volts).max(0.0);
        let habits = [
            habit(7.0, 0.6, 0.9),
            habit(10.0, 1.0, 0.4),
            habit(15.5, 1.0, 0.6),
            habit(20.0, 1.0, 0.6),
        ];
        if let Some(occasion) = self.begins(now, KETTLE, &habits) {
            let kilograms = 0.5 + 1.0 * chance::share(self.seed, KETTLE_WATER, occasion);
            self.kettle_joules = kilograms * 80.0 * 4186.0;
        }
        if 0.0 < self.kettle_joules { conductance } else { 0.0 }
    }

    /// The oven: three quarters of an hour around 200 degrees.
    fn bake(&mut self, now: DayTime, square_volts: f64) -> f64 {
        let conductance = OVEN_WATTS / NOMINAL_SQUARE_VOLTS;
        let heat = if self.oven_heats {
            conductance * square_volts
        } else {
            0.0
        };
        self.oven_celsius += (heat - 5.0 * (self.oven_celsius - ROOM_CELSIUS)) / 5000.0;
        self.oven_seconds = self.oven_seconds.saturating_sub(1);
        if self
            .begins(now, OVEN, &[habit(12.0, 0.5, 0.35), habit(18.5, 0.7, 0.65)])
            .is_some()
        {
            self.oven_seconds = 2700;
        }
        self.oven_heats = 0 < self.oven_seconds && self.oven_celsius < if self.oven_heats { 205.0 } else { 195.0 };
        if self.oven_heats { conductance } else { 0.0 }
    }

    /// The washing machine: warm water, a drum that turns and rests, eight minutes of spinning at the end.
    fn wash(&mut self, now: DayTime, square_volts: f64) -> (f64, bool) {
        let conductance = WASH_WATTS / NOMINAL_SQUARE_VOLTS;
        let heats = |it: &Self| 0 < it.wash_seconds && it.wash_seconds < WASH_SECONDS - 180 && 0.0 < it.wash_joules;
        if heats(self) {
            self.wash_joules -= conductance * square_volts;
        }
        self.wash_seconds = self.wash_seconds.saturating_sub(1);
        if self
            .begins(now, WASHER, &[habit(10.0, 1.5, 0.5), habit(17.0, 1.0, 0.3)])
            .is_some()
        {
            self.wash_seconds = WASH_SECONDS;
            self.wash_joules = 1.1e6;
        }
        let drum = 0 < self.wash_seconds && (self.wash_seconds < 480 || self.wash_seconds % 20 < 12);
        (if heats(self) { conductance } else { 0.0 }, drum)
    }

    /// The refrigerator: between 4 and 6.5 degrees.
    fn cool(&mut self, square_volts: f64) -> bool {
        let cooled = if self.compressor && STARTING_SQUARE_VOLTS < square_volts {
            210.0
        } else {
            0.0
        };
        self.fridge_celsius += (1.5 * (ROOM_CELSIUS - self.fridge_celsius) - cooled) / 15_000.0;
        self.compressor = (if self.compressor { 4.0 } else { 6.5 }) < self.fridge_celsius;
        self.compressor
    }

    /// The heat pump: the house around 21 degrees, and hot water twice a day.
    fn heat(&mut self, now: DayTime, square_volts: f64) -> bool {
        let year = libm::fmod(now.day() as f64, 365.2425) / 365.2425;
        let day = f64::from(now.second()) / 86_400.0;
        let weather = 6.0 * (chance::share(self.seed, WEATHER, now.day().cast_unsigned()) - 0.5);
        let outside =
            10.0 - 9.5 * libm::cos(2.0 * PI * (year - 0.05)) + 4.0 * libm::cos(2.0 * PI * (day - 0.625)) + weather;
        let running = STARTING_SQUARE_VOLTS < square_volts;
        let heat = if self.heats_house && self.hot_water_seconds == 0 && running {
            8000.0
        } else {
            0.0
        };
        let lost = 150.0 * (self.house_celsius - outside) - 600.0;
        self.house_celsius = (self.house_celsius + (heat - lost) / 8.0e6).clamp(0.0, 40.0);
        self.heats_house = self.house_celsius < if self.heats_house { 21.3 } else { 20.3 };
        if self
            .begins(now, HOT_WATER, &[habit(5.0, 0.5, 1.0), habit(13.5, 0.8, 0.8)])
            .is_some()
        {
            self.hot_water_seconds = 1500;
        } else if running {
            self.hot_water_seconds = self.hot_water_seconds.saturating_sub(1);
        }
        self.heats_house || 0 < self.hot_water_seconds
    }

    fn awake(&self, now: DayTime) -> bool {
        let day = now.day().cast_unsigned();
        let up = hours(6.0 + 0.8 * chance::share(self.seed, UP, day));
        let down = hours(22.3 + 1.2 * chance::share(self.seed, DOWN, day));
        (up..down).contains(&now.second())
    }

    /// Whether one of these habits begins in this second; which time of all times, if so.
    fn begins(&self, now: DayTime, purpose: u64, habits: &[Habit]) -> Option<u64> {
        let mut occasion = now.day().cast_unsigned().wrapping_mul(16);
        for habit in habits {
            let hour = habit.hour + habit.spread_hours * (2.0 * chance::share(self.seed, purpose, occasion) - 1.0);
            let today = chance::share(self.seed, purpose, occasion | 8) < habit.likelihood;
            if today && hours(hour) == now.second() {
                return Some(occasion);
            }
            occasion = occasion.wrapping_add(1);
        }
        None
    }

    fn by_quarter_hour(&self, now: DayTime, purpose: u64) -> f64 {
        let quarter = now
            .day()
            .cast_unsigned()
            .wrapping_mul(96)
            .wrapping_add(u64::from(now.second() / 900));
        chance::share(self.seed, purpose, quarter)
    }
}

impl Demand {
    /// Puts everything on the first phase.
    fn fold(&mut self) {
        let [first, rest @ ..] = &mut self.phases;
        for phase in rest {
            first.conductance += phase.conductance;
            first.dimmed_conductance += phase.dimmed_conductance;
            for (watts, more) in first.rectified_watts.iter_mut().zip(phase.rectified_watts) {
                *watts += more;
            }
            *phase = PhaseDemand::default();
        }
    }
}

/// Something that is done about this hour of the day, give or take a spread, on this share of all days.
#[derive(Clone, Copy, Debug)]
struct Habit {
    hour: f64,
    spread_hours: f64,
    likelihood: f64,
}

const fn habit(hour: f64, spread_hours: f64, likelihood: f64) -> Habit {
    Habit {
        hour,
        spread_hours,
        likelihood,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "hours of a day, 0 to 24"
)]
const fn hours(hours: f64) -> u32 {
    (hours * 3600.0) as u32
}

const NOMINAL_SQUARE_VOLTS: f64 = 230.0 * 230.0;

/// Below 170 V no compressor starts.
const STARTING_SQUARE_VOLTS: f64 = 170.0 * 170.0;

const ROOM_CELSIUS: f64 = 20.0;
const KETTLE_WATTS: f64 = 2200.0;
const OVEN_WATTS: f64 = 2400.0;
const WASH_WATTS: f64 = 2000.0;
const WASH_SECONDS: u32 = 4500;
const STANDBY_WATTS: f64 = 15.0;
const TELEVISION_WATTS: f64 = 110.0;
const DIMMED_WATTS: f64 = 200.0;

// Purposes of chance. Electronics and lamps take one for each phase.
const BEGINNING: u64 = 1;
const KETTLE: u64 = 2;
const KETTLE_WATER: u64 = 3;
const OVEN: u64 = 4;
const WASHER: u64 = 5;
const HOT_WATER: u64 = 6;
const WEATHER: u64 = 7;
const UP: u64 = 8;
const DOWN: u64 = 9;
const DIMMER: u64 = 10;
const ELECTRONICS: u64 = 11;
const LAMPS: u64 = 14;

#[cfg(test)]
mod tests {
    extern crate std;

    use super::super::sun;
    use super::*;

    /// Kilowatt-hours of one day at nominal voltage.
    fn day_kwh(seed: u64, day: i64, single_phase: bool) -> f64 {
        let mut appliances = Appliances::new(seed, single_phase);
        let mut joules = 0.0;
        for second in 0..2 * 86_400 {
            let now = DayTime::from_local_seconds(day * 86_400 + second);
            let demand = appliances.live(now, sun::irradiance(seed, now), [NOMINAL_SQUARE_VOLTS; 3]);
            if 86_400 <= second {
                for phase in demand.phases {
                    joules += (phase.conductance + 0.5 * phase.dimmed_conductance) * NOMINAL_SQUARE_VOLTS;
                    joules += phase.rectified_watts.iter().sum::<f64>();
                }
                for (on, watts) in demand.motors.into_iter().zip([90.0, 280.0, 2400.0]) {
                    joules += if on { watts } else { 0.0 };
                }
            }
        }
        joules / 3.6e6
    }

    #[test]
    fn a_household_uses_what_households_use() {
        for seed in 0..5 {
            let winter = day_kwh(seed, 20_472, false);
            let summer = day_kwh(seed, 20_640, false);
            assert!((12.0..45.0).contains(&winter), "seed {seed}: {winter} kWh in winter");
            assert!((4.0..20.0).contains(&summer), "seed {seed}: {summer} kWh in summer");
        }
    }

    #[test]
    fn one_phase_feeds_what_three_phases_feed() {
        let (three, one) = (day_kwh(1, 20_472, false), day_kwh(1, 20_472, true));
        assert!((three - one).abs() < 1e-9, "{three} {one}");
    }

    #[test]
    fn every_appliance_is_used_within_a_week() {
        let mut appliances = Appliances::new(1, false);
        let mut used = [false; 6];
        for second in 0..7 * 86_400 {
            let now = DayTime::from_local_seconds(20_472 * 86_400 + second);
            let demand = appliances.live(now, 0.0, [NOMINAL_SQUARE_VOLTS; 3]);
            let [compressor, drum, heat_pump] = demand.motors;
            let dimmed = 0.0 < demand.phases[2].dimmed_conductance;
            for (used, now) in used
                .iter_mut()
                .zip([demand.kettle, demand.oven, compressor, drum, heat_pump, dimmed])
            {
                *used |= now;
            }
        }
        assert_eq!(used, [true; 6]);
    }

    #[test]
    fn the_kettle_boils_later_at_a_low_voltage() {
        let boiling = |volts: f64| {
            let mut appliances = Appliances::new(1, false);
            (0..86_400)
                .filter(|second| {
                    let now = DayTime::from_local_seconds(20_472 * 86_400 + second);
                    appliances.live(now, 0.0, [volts * volts; 3]).kettle
                })
                .count()
        };
        let (usual, low) = (boiling(230.0), boiling(207.0));
        assert!(usual > 100, "{usual}");
        assert!((low as f64 / usual as f64 - 1.2346).abs() < 0.02, "{low} {usual}");
    }
}
