//! Which tariff energies and maximum demands are counted under now, and who says so (T2).
//!
//! ```text
//! clock invalid ----------------------------> emergency tariff
//! source = input: contact ------------------> its tariff
//! source = calendar: day type of the date --> script of the last switching --> tariff
//!                    no calendar, no season -> default tariff
//! ```
//!
//! The tariff is decided by the reading of the local clock, so both nights of daylight saving and every setting of the clock follow from it:
//! an hour that comes twice is counted twice by the same switchings, one that is left out takes its switchings at its end. A client that
//! sets an active mask by hand keeps it until the decision changes.

use base::{Civil, Utc};
use cosem::DateTime;
use metrology::Tariff;

use crate::activation::{Activation, ENERGIES, MAXIMA};
use crate::calendar::{Calendar, SpecialDays};
use crate::clock::Clock;
use crate::day_table::Day;

/// Who decides on the tariff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The activity calendar.
    Calendar = 0,
    /// The contacts of the tariff input.
    Input = 1,
}

/// Tariffs and calendars of the meter.
#[derive(Clone, Debug)]
pub struct Tariffs {
    energy: Tariff,
    demand: Tariff,
    /// What was decided last; only a change of it switches.
    decided: Option<Tariff>,
    source: Source,
    input: Tariff,
    default: Tariff,
    emergency: Tariff,
    /// The calendar that is followed.
    pub active: Calendar,
    /// The calendar that is being prepared.
    pub passive: Calendar,
    /// When the passive calendar becomes active.
    pub activation: DateTime,
    /// The registers of the energies, by mask.
    pub energies: Activation,
    /// Those of the maximum demands.
    pub maxima: Activation,
    /// Days that are not like the others.
    pub special: SpecialDays,
    today: Today,
}

/// The present day and what it switches.
#[derive(Clone, Debug)]
struct Today {
    /// Year, month and day; none before the first look.
    date: Option<(u16, u8, u8)>,
    /// A season begins on it, so that it may have two day types.
    has_start: bool,
    day_id: Option<u8>,
    day: Day,
}

/// A day type to be read from the table of the active calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The place of the table.
    pub place: u8,
    /// Octets of the table.
    pub length: u32,
    /// The day type.
    pub day_id: u8,
}

/// The tariff is looked at least this often, in seconds: daylight saving begins and ends on such a boundary.
const LOOK_SECONDS: u32 = 900;

impl Default for Tariffs {
    fn default() -> Self {
        Self::new()
    }
}

impl Tariffs {
    /// A meter from the factory: no calendar, tariff 1.
    #[must_use]
    pub fn new() -> Self {
        Self {
            energy: Tariff::FIRST,
            demand: Tariff::FIRST,
            decided: None,
            source: Source::Calendar,
            input: Tariff::FIRST,
            default: Tariff::FIRST,
            emergency: Tariff::FIRST,
            active: Calendar::default(),
            passive: Calendar::default(),
            activation: DateTime::UNSPECIFIED,
            energies: Activation::factory(ENERGIES),
            maxima: Activation::factory(MAXIMA),
            special: SpecialDays::default(),
            today: Today {
                date: None,
                has_start: false,
                day_id: None,
                day: Day::default(),
            },
        }
    }

    /// The tariff of the energies.
    #[must_use]
    pub const fn energy(&self) -> Tariff {
        self.energy
    }

    /// The tariff of the maximum demands.
    #[must_use]
    pub const fn demand(&self) -> Tariff {
        self.demand
    }

    /// Sets the tariff of the energies, until the decision changes.
    pub const fn set_energy(&mut self, tariff: Tariff) {
        self.energy = tariff;
    }

    /// Sets the tariff of the maximum demands, until the decision changes.
    pub const fn set_demand(&mut self, tariff: Tariff) {
        self.demand = tariff;
    }

    /// Who decides.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Sets who decides.
    pub const fn set_source(&mut self, source: Source) {
        self.source = source;
    }

    /// The tariff that counts while there is no calendar, or none of its seasons has begun.
    #[must_use]
    pub const fn default_tariff(&self) -> Tariff {
        self.default
    }

    /// Sets the default tariff.
    pub const fn set_default_tariff(&mut self, tariff: Tariff) {
        self.default = tariff;
    }

    /// The tariff that counts while the clock is invalid.
    #[must_use]
    pub const fn emergency_tariff(&self) -> Tariff {
        self.emergency
    }

    /// Sets the emergency tariff.
    pub const fn set_emergency_tariff(&mut self, tariff: Tariff) {
        self.emergency = tariff;
    }

    /// Takes a reading of the contacts of the tariff input.
    pub const fn set_input(&mut self, tariff: Tariff) {
        self.input = tariff;
    }

    /// The tariff that the contacts ask for.
    #[must_use]
    pub const fn input(&self) -> Tariff {
        self.input
    }

    /// The day type that is followed today.
    #[must_use]
    pub const fn day_id(&self) -> Option<u8> {
        self.today.day_id
    }

    /// The tariffs of energies and demands, the last decision, and what the contacts ask for, as they are saved.
    #[must_use]
    pub fn state(&self) -> [u8; 4] {
        [
            self.energy.number(),
            self.demand.number(),
            self.decided.map_or(0, Tariff::number),
            self.input.number(),
        ]
    }

    /// Takes a saved state; numbers that are no tariffs change nothing. Older firmware did not save what the contacts ask for: then it is what
    /// was decided last, until the board tells.
    pub fn restore_state(&mut self, [energy, demand, decided]: [u8; 3], input: Option<u8>) {
        if let (Some(energy), Some(demand)) = (Tariff::new(energy), Tariff::new(demand)) {
            (self.energy, self.demand) = (energy, demand);
            self.decided = Tariff::new(decided);
        }
        if let Some(input) = Tariff::new(input.unwrap_or(decided)) {
            self.input = input;
        }
    }

    /// Forgets what today is: the calendar, the special days or the clock were changed.
    pub fn look_again(&mut self) {
        self.today.date = None;
    }

    /// Looks at the local reading; answers the day type to be read when a new day has begun, or a season within the day.
    pub fn turn_page(&mut self, clock: &Clock, utc: Utc) -> Option<Wanted> {
        if !clock.is_valid() {
            return None;
        }
        let local = clock.local(utc);
        let date = Some((local.year(), local.month(), local.day()));
        let is_same = self.today.date == date;
        if is_same && !self.today.has_start {
            return None;
        }
        let day_id = self.active.day_id(&self.special, local, clock);
        if is_same && self.today.day_id == day_id {
            return None;
        }
        self.today = Today {
            date,
            has_start: self.active.has_start(local, clock),
            day_id,
            day: Day::default(),
        };
        Some(Wanted {
            place: self.active.days.place?,
            length: self.active.days.length,
            day_id: self.today.day_id?,
        })
    }

    /// Takes the switchings of the day that [`Tariffs::turn_page`] wanted.
    pub fn take_day(&mut self, day: Day) {
        self.today.day = day;
    }

    /// Decides by the reading of the clock and the contacts; true when a tariff changed.
    pub fn follow(&mut self, clock: &Clock, utc: Utc) -> bool {
        let decided = match self.source {
            _ if !clock.is_valid() => self.emergency,
            Source::Input => self.input,
            Source::Calendar => {
                let script = self.today.day.script_at(second_of_day(clock.local(utc)));
                // A day whose first switchings change nothing goes on with what was decided before.
                let kept = self.decided.filter(|_| self.today.day.iter().next().is_some());
                script.and_then(Tariff::new).or(kept).unwrap_or(self.default)
            }
        };
        if self.decided == Some(decided) {
            return false;
        }
        let changed = (self.energy, self.demand) != (decided, decided);
        self.decided = Some(decided);
        (self.energy, self.demand) = (decided, decided);
        changed
    }

    /// When to look next.
    #[must_use]
    pub fn due(&self, clock: &Clock, utc: Utc) -> Utc {
        let look = clock.next_boundary(utc, LOOK_SECONDS);
        let local = clock.local(utc);
        let now = second_of_day(local);
        let changes = [self.today.day.next_after(now), self.active.next_start(local, clock)];
        let change = changes.into_iter().flatten().min();
        let change = change.map_or(look, |at| utc.plus(i64::from(at) - i64::from(now)));
        let due = look.min(change);
        match self.activation_time(clock) {
            Some(activation) if utc < activation => due.min(activation),
            _ => due,
        }
    }

    /// When the passive calendar becomes active, if ever.
    #[must_use]
    pub fn activation_time(&self, clock: &Clock) -> Option<Utc> {
        clock.moment(self.activation).ok()
    }
}

fn second_of_day(local: Civil) -> u32 {
    u32::from(local.hour()) * 3_600 + u32::from(local.minute()) * 60 + u32::from(local.second())
}
