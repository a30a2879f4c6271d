//! What a laboratory may change about the world around a meter; the control interface and scenarios read the same documents.

use grid::{ChannelFault, SupplySetting};
use grid::{FixedLoad, Harmonic, Harmonics, HouseholdSetting, LoadSetting, PhaseLoad, PhaseSupply};
use meter::{Contact, Press};
use metrology::{Channel, N_CHANNELS, Tariff};
use serde_json::{Value, json};

use crate::document::{FaultKind, Faults, Path, Table};

/// New settings of the supply; what is none stays.
#[derive(Clone, Debug, PartialEq)]
pub struct SupplyChange {
    /// Frequency in hertz.
    pub frequency_hz: Option<f64>,
    /// The phases that the meter has.
    pub phases: Option<Vec<PhaseSupply>>,
}

/// A new load.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadChange {
    /// Fixed currents of the phases that the meter has.
    Fixed(Vec<PhaseLoad>),
    /// The household; what is none stays.
    Household {
        /// Peak power of the solar inverter in watts.
        pv_watts: Option<f64>,
        /// How busy the household is; 1 is an ordinary day.
        level: Option<f64>,
    },
}

/// New positions of the contacts; what is none stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContactsChange {
    /// Whether the meter cover is open.
    pub meter_cover_open: Option<bool>,
    /// Whether the terminal cover is open.
    pub terminal_cover_open: Option<bool>,
    /// Whether a strong magnetic field is near.
    pub magnet_near: Option<bool>,
    /// The tariff that the contacts of the tariff input ask for.
    pub tariff_input: Option<Tariff>,
    /// One press of the button, or of the sealed one that ends a billing period.
    pub press: Option<Contact>,
}

/// Channels of the converter that break or are mended; what is none stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConverterChange {
    faults: [Option<ChannelFault>; N_CHANNELS],
}

/// How fast the world runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// Seconds of the world per second of real time; 0 pauses.
    Times(f64),
    /// As fast as the machine can.
    Max,
}

/// A change of pace or of civil time; what is none stays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimeChange {
    /// The new speed.
    pub speed: Option<Speed>,
    /// Seconds by which civil time moves, before the speed changes.
    pub jump_seconds: Option<i64>,
}

impl SupplyChange {
    /// Reads the fields of a supply for a meter of `phases` phases.
    pub fn read(table: &mut Table<'_>, phases: usize, faults: &mut Faults) -> Option<Self> {
        let frequency_hz = table.number("frequency_hz", 40.0..=70.0, faults);
        let list = table.list("phases", phases..=phases, faults);
        at_least_one(table, &["frequency_hz", "phases"], faults);
        let list = list.map(|list| {
            let read = |(index, (value, path))| PhaseSupply::read(value, path, index, faults);
            list.into_iter().enumerate().map(read).collect::<Vec<_>>()
        });
        let phases = match list {
            Some(list) => Some(list.into_iter().collect::<Option<Vec<_>>>()?),
            None => None,
        };
        Some(Self { frequency_hz, phases })
    }

    /// Changes `setting`.
    pub fn apply(&self, setting: &mut SupplySetting) {
        if let Some(hertz) = self.frequency_hz {
            setting.frequency_hz = hertz;
        }
        for (phase, new) in setting.phases.iter_mut().zip(self.phases.iter().flatten()) {
            phase.clone_from(new);
        }
    }
}

trait ReadPhase: Sized {
    fn read(value: &Value, path: Path, index: usize, faults: &mut Faults) -> Option<Self>;
}

impl ReadPhase for PhaseSupply {
    fn read(value: &Value, path: Path, index: usize, faults: &mut Faults) -> Option<Self> {
        let mut table = Table::open(value, path, faults)?;
        let volts = table.number("volts", 0.0..=400.0, faults);
        let volts = table.required("volts", volts, faults);
        let usual_deg = [0.0, -120.0, 120.0].get(index).copied().unwrap_or_default();
        let angle_deg = table.number("angle_deg", -360.0..=360.0, faults).unwrap_or(usual_deg);
        let harmonics = read_harmonics(&mut table, faults);
        table.close(faults);
        Some(Self {
            volts: volts?,
            angle_deg,
            harmonics,
        })
    }
}

impl ReadPhase for PhaseLoad {
    fn read(value: &Value, path: Path, _index: usize, faults: &mut Faults) -> Option<Self> {
        let mut table = Table::open(value, path, faults)?;
        let amps = table.number("amps", 0.0..=120.0, faults);
        let amps = table.required("amps", amps, faults);
        let angle_deg = table.number("angle_deg", -360.0..=360.0, faults).unwrap_or(0.0);
        let harmonics = read_harmonics(&mut table, faults);
        table.close(faults);
        Some(Self {
            amps: amps?,
            angle_deg,
            harmonics,
        })
    }
}

impl LoadChange {
    /// Reads the fields of a load for a meter of `phases` phases.
    pub fn read(table: &mut Table<'_>, phases: usize, faults: &mut Faults) -> Option<Self> {
        if table.has("phases") {
            if table.has("household") {
                let detail = "stands beside household; allowed are either phases or household";
                faults.note(FaultKind::UnknownField, table.path().key("phases"), detail);
                return None;
            }
            let list = table.list("phases", phases..=phases, faults)?;
            let read = |(index, (value, path))| PhaseLoad::read(value, path, index, faults);
            let phases: Vec<_> = list.into_iter().enumerate().map(read).collect();
            return phases.into_iter().collect::<Option<_>>().map(Self::Fixed);
        }
        let household = table.boolean("household", faults);
        let household = table.required("household", household, faults);
        let pv_watts = table.number("pv_watts", 0.0..=30_000.0, faults);
        let level = table.number("level", 0.0..=5.0, faults);
        if household == Some(false) {
            faults.note(
                FaultKind::OutOfRange,
                table.path().key("household"),
                "is false; allowed are true, or phases",
            );
        }
        household.map(|_| Self::Household { pv_watts, level })
    }

    /// Changes `setting`; `household` is the household as it was last seen, also when fixed currents were set meanwhile.
    pub fn apply(&self, setting: &mut LoadSetting, household: &mut HouseholdSetting) {
        match self {
            Self::Fixed(phases) => {
                let LoadSetting::Fixed(mut load) = LoadSetting::none() else {
                    return;
                };
                for (phase, new) in load.phases.iter_mut().zip(phases) {
                    phase.clone_from(new);
                }
                *setting = LoadSetting::Fixed(load);
            }
            Self::Household { pv_watts, level } => {
                household.pv_watts = pv_watts.unwrap_or(household.pv_watts);
                household.level = level.unwrap_or(household.level);
                *setting = LoadSetting::Household(household.clone());
            }
        }
    }
}

impl ContactsChange {
    /// Reads the fields of the contacts.
    pub fn read(table: &mut Table<'_>, faults: &mut Faults) -> Self {
        const COVER: &[(&str, bool)] = &[("open", true), ("closed", false)];
        const BUTTONS: &[(&str, Contact)] = &[
            ("short", Contact::Button(Press::Short)),
            ("long", Contact::Button(Press::Long)),
            ("billing", Contact::BillingButton),
        ];
        let change = Self {
            meter_cover_open: table.word("meter_cover", COVER, faults),
            terminal_cover_open: table.word("terminal_cover", COVER, faults),
            magnet_near: table.boolean("magnet", faults),
            tariff_input: table
                .integer("tariff_input", 1..=8, faults)
                .and_then(|number| u8::try_from(number).ok())
                .and_then(Tariff::new),
            press: table.word("button", BUTTONS, faults),
        };
        at_least_one(
            table,
            &["meter_cover", "terminal_cover", "magnet", "tariff_input", "button"],
            faults,
        );
        change
    }

    /// What the meter's inputs see of it, in this order.
    pub fn contacts(self) -> impl Iterator<Item = Contact> {
        let contacts = [
            self.meter_cover_open.map(|open| Contact::MeterCover { open }),
            self.terminal_cover_open.map(|open| Contact::TerminalCover { open }),
            self.magnet_near.map(|near| Contact::Magnet { near }),
            self.tariff_input.map(Contact::TariffInput),
            self.press,
        ];
        contacts.into_iter().flatten()
    }
}

impl ConverterChange {
    /// Reads a fault for each channel.
    pub fn read(table: &mut Table<'_>, faults: &mut Faults) -> Self {
        let mut change = Self::default();
        for (channel, fault) in Channel::ALL.into_iter().zip(&mut change.faults) {
            *fault = table.word(channel.name(), CHANNEL_FAULTS, faults);
        }
        at_least_one(table, &Channel::ALL.map(Channel::name), faults);
        change
    }

    /// Changes `faults`.
    pub fn apply(&self, faults: &mut [ChannelFault; N_CHANNELS]) {
        for (fault, new) in faults.iter_mut().zip(self.faults) {
            *fault = new.unwrap_or(*fault);
        }
    }
}

/// Reads the temperature of the meter.
pub(crate) fn read_temperature(table: &mut Table<'_>, faults: &mut Faults) -> Option<f64> {
    let celsius = table.number("celsius", ROOM_CELSIUS, faults);
    table.required("celsius", celsius, faults)
}

impl Speed {
    /// Reads the field `speed`.
    pub fn read(table: &mut Table<'_>, faults: &mut Faults) -> Option<Self> {
        let (value, path) = table.find("speed")?;
        let allowed = "0, 0.1 to 100000, and \"max\"";
        let speed = match value {
            Value::String(text) if text == "max" => Some(Self::Max),
            Value::Number(number) => number.as_f64().and_then(Self::times),
            _ => None,
        };
        if speed.is_none() {
            let kind = if value.is_number() || value.is_string() {
                FaultKind::OutOfRange
            } else {
                FaultKind::WrongType
            };
            let shown: String = value.to_string().chars().take(60).collect();
            faults.note(kind, path, format!("is {shown}; allowed are {allowed}"));
        }
        speed
    }

    /// So many seconds of the world per second, if that is allowed.
    #[must_use]
    pub fn times(factor: f64) -> Option<Self> {
        (factor == 0.0 || (0.1..=100_000.0).contains(&factor)).then_some(Self::Times(factor))
    }

    /// As the control interface shows it.
    #[must_use]
    pub fn json(self) -> Value {
        match self {
            Self::Times(factor) => plain(factor),
            Self::Max => json!("max"),
        }
    }
}

impl TimeChange {
    /// Reads the fields of the time.
    pub fn read(table: &mut Table<'_>, faults: &mut Faults) -> Self {
        let speed = Speed::read(table, faults);
        let jump_seconds = table.integer("jump_s", -MOST_JUMP_SECONDS..=MOST_JUMP_SECONDS, faults);
        at_least_one(table, &["speed", "jump_s"], faults);
        Self { speed, jump_seconds }
    }
}

/// The first `phases` phases of a supply, as the control interface shows them.
#[must_use]
pub(crate) fn supply_json(supply: &SupplySetting, phases: usize) -> Value {
    let phase = |it: &PhaseSupply| json!({ "volts": plain(it.volts), "angle_deg": plain(it.angle_deg), "harmonics": harmonics_json(&it.harmonics) });
    let phases: Vec<Value> = supply.phases.iter().take(phases).map(phase).collect();
    json!({ "frequency_hz": plain(supply.frequency_hz), "phases": phases })
}

/// The converter's channels, as the control interface shows them.
#[must_use]
pub(crate) fn converter_json(faults: &[ChannelFault; N_CHANNELS]) -> Value {
    let channels = Channel::ALL.into_iter().zip(faults).map(|(channel, fault)| {
        let word = CHANNEL_FAULTS.iter().find(|(_, one)| one == fault);
        (channel.name().to_owned(), json!(word.map_or("sound", |(word, _)| word)))
    });
    Value::Object(channels.collect())
}

/// A load, as the control interface shows it.
#[must_use]
pub(crate) fn load_json(load: &LoadSetting, phases: usize) -> Value {
    match load {
        LoadSetting::Fixed(FixedLoad { phases: all }) => {
            let phase = |it: &PhaseLoad| json!({ "amps": plain(it.amps), "angle_deg": plain(it.angle_deg), "harmonics": harmonics_json(&it.harmonics) });
            json!({ "phases": all.iter().take(phases).map(phase).collect::<Vec<_>>() })
        }
        LoadSetting::Household(it) => {
            json!({ "household": true, "pv_watts": plain(it.pv_watts), "level": plain(it.level) })
        }
    }
}

/// A number without a needless decimal point.
#[must_use]
pub(crate) fn plain(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and far below the limits of i64")]
        let whole = number as i64;
        json!(whole)
    } else {
        json!(number)
    }
}

fn read_harmonics(table: &mut Table<'_>, faults: &mut Faults) -> Harmonics {
    let mut harmonics = Harmonics::new();
    for (value, path) in table
        .list("harmonics", 0..=grid::MAX_HARMONICS, faults)
        .unwrap_or_default()
    {
        let Some(mut table) = Table::open(value, path, faults) else {
            continue;
        };
        let order = table.integer("order", 2..=50, faults);
        let order = table.required("order", order, faults);
        let percent = table.number("percent", 0.0..=100.0, faults);
        let percent = table.required("percent", percent, faults);
        let phase_deg = table.number("phase_deg", -360.0..=360.0, faults).unwrap_or(0.0);
        if let (Some(order), Some(percent)) = (order.and_then(|order| u8::try_from(order).ok()), percent) {
            if harmonics.iter().any(|other| other.order == order) {
                let detail = format!("is {order}; allowed are orders that the list does not have yet");
                faults.note(FaultKind::OutOfRange, table.path().key("order"), detail);
            }
            // The list's own length was checked.
            let _fits = harmonics.push(Harmonic {
                order,
                percent,
                phase_deg,
            });
        }
        table.close(faults);
    }
    harmonics
}

fn harmonics_json(harmonics: &Harmonics) -> Vec<Value> {
    let harmonic =
        |it: &Harmonic| json!({ "order": it.order, "percent": plain(it.percent), "phase_deg": plain(it.phase_deg) });
    harmonics.iter().map(harmonic).collect()
}

pub(crate) fn at_least_one(table: &mut Table<'_>, names: &[&'static str], faults: &mut Faults) {
    if !names.iter().any(|name| table.has(name)) {
        let detail = format!("is empty; allowed are {}", names.join(", "));
        faults.note(FaultKind::MissingField, table.path().clone(), detail);
    }
}

/// Where a meter may be.
pub(crate) const ROOM_CELSIUS: core::ops::RangeInclusive<f64> = -40.0..=70.0;

const CHANNEL_FAULTS: &[(&str, ChannelFault)] = &[
    ("sound", ChannelFault::Sound),
    ("dead", ChannelFault::Dead),
    ("clipped", ChannelFault::Clipped),
    ("stuck", ChannelFault::Stuck),
    ("invalid", ChannelFault::Invalid),
    ("direct", ChannelFault::Direct),
];

/// Ten years.
const MOST_JUMP_SECONDS: i64 = 315_576_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused<T: core::fmt::Debug>(
        document: &Value,
        read: impl Fn(&mut Table<'_>, &mut Faults) -> Option<T>,
        expected: &[&str],
    ) {
        let mut faults = Faults::default();
        let mut table = Table::open(document, Path::default(), &mut faults).expect("a table");
        let value = read(&mut table, &mut faults);
        table.close(&mut faults);
        let faults = faults.unless_any(value).expect_err("it is wrong");
        let said: Vec<String> = faults
            .iter()
            .map(|fault| format!("{} {}", fault.path.pointer(), fault.detail))
            .collect();
        assert_eq!(said, expected);
    }

    #[track_caller]
    fn read<T>(document: &Value, read: impl Fn(&mut Table<'_>, &mut Faults) -> Option<T>) -> T {
        let mut faults = Faults::default();
        let mut table = Table::open(document, Path::default(), &mut faults).expect("a table");
        let value = read(&mut table, &mut faults);
        table.close(&mut faults);
        faults.unless_any(value).expect("nothing is wrong")
    }

    #[test]
    fn a_supply_keeps_what_is_left_out_and_fills_in_the_usual_angles() {
        let document = json!({ "phases": [{ "volts": 0 }, { "volts": 225 }, { "volts": 230, "angle_deg": 119 }] });
        let change = read(&document, |table, faults| SupplyChange::read(table, 3, faults));
        let mut setting = SupplySetting::nominal();
        setting.frequency_hz = 51.0;
        change.apply(&mut setting);
        let angles: Vec<f64> = setting.phases.iter().map(|phase| phase.angle_deg).collect();
        assert_eq!(
            (angles, setting.frequency_hz, setting.phases[0].volts),
            (vec![0.0, -120.0, 119.0], 51.0, 0.0)
        );
    }

    #[test]
    fn what_is_shown_can_be_sent_back() {
        let document = json!({
            "frequency_hz": 49.9,
            "phases": [{ "volts": 230, "angle_deg": 0, "harmonics": [{ "order": 5, "percent": 4.5, "phase_deg": 30 }] }],
        });
        let change = read(&document, |table, faults| SupplyChange::read(table, 1, faults));
        let mut setting = SupplySetting::nominal();
        change.apply(&mut setting);
        assert_eq!(supply_json(&setting, 1), document);
    }

    #[test]
    fn a_household_remembers_its_sun_over_fixed_currents() {
        let (mut load, mut household) = (LoadSetting::none(), HouseholdSetting::ordinary());
        let apply = |document: Value, load: &mut LoadSetting, household: &mut HouseholdSetting| {
            read(&document, |table, faults| LoadChange::read(table, 3, faults)).apply(load, household);
        };
        apply(
            json!({ "household": true, "pv_watts": 3000 }),
            &mut load,
            &mut household,
        );
        apply(
            json!({ "phases": [{ "amps": 5, "angle_deg": 60 }, { "amps": 5 }, { "amps": 5 }] }),
            &mut load,
            &mut household,
        );
        assert_eq!(
            load_json(&load, 3)["phases"][0],
            json!({ "amps": 5, "angle_deg": 60, "harmonics": [] })
        );
        apply(json!({ "household": true, "level": 2 }), &mut load, &mut household);
        assert_eq!(
            load_json(&load, 3),
            json!({ "household": true, "pv_watts": 3000, "level": 2 })
        );
    }

    /// Issue 2, item 7: the control interface refuses with a pointer to the field.
    #[test]
    fn wrong_changes_are_refused_field_by_field() {
        let supply = |table: &mut Table<'_>, faults: &mut Faults| SupplyChange::read(table, 3, faults);
        refused(&json!({}), supply, &["# is empty; allowed are frequency_hz, phases"]);
        refused(
            &json!({ "frequency_hz": 39 }),
            supply,
            &["#/frequency_hz is 39; allowed are 40 to 70"],
        );
        refused(
            &json!({ "phases": [{ "volts": 1 }] }),
            supply,
            &["#/phases has 1 elements; allowed are 3"],
        );
        refused(
            &json!({ "phases": [{ "volts": 500 }, {}, { "volts": 1, "harmonics": [
                { "order": 1, "percent": 0 }, { "order": 3 }, { "order": 5, "percent": 1 }, { "order": 5, "percent": 1 } ] }] }),
            supply,
            &[
                "#/phases/0/volts is 500; allowed are 0 to 400",
                "#/phases/1/volts is missing",
                "#/phases/2/harmonics/0/order is 1; allowed are 2 to 50",
                "#/phases/2/harmonics/1/percent is missing",
                "#/phases/2/harmonics/3/order is 5; allowed are orders that the list does not have yet",
            ],
        );
        let load = |table: &mut Table<'_>, faults: &mut Faults| LoadChange::read(table, 3, faults);
        refused(&json!({}), load, &["#/household is missing"]);
        refused(
            &json!({ "household": false }),
            load,
            &["#/household is false; allowed are true, or phases"],
        );
        refused(
            &json!({ "household": true, "phases": [] }),
            load,
            &["#/phases stands beside household; allowed are either phases or household"],
        );
        let contacts = |table: &mut Table<'_>, faults: &mut Faults| Some(ContactsChange::read(table, faults));
        refused(
            &json!({}),
            contacts,
            &["# is empty; allowed are meter_cover, terminal_cover, magnet, tariff_input, button"],
        );
        refused(
            &json!({ "magnet": "yes" }),
            contacts,
            &["#/magnet is the text \"yes\"; allowed are true and false"],
        );
        let time = |table: &mut Table<'_>, faults: &mut Faults| Some(TimeChange::read(table, faults));
        refused(
            &json!({ "speed": 0.05 }),
            time,
            &["#/speed is 0.05; allowed are 0, 0.1 to 100000, and \"max\""],
        );
        refused(
            &json!({ "speed": true }),
            time,
            &["#/speed is true; allowed are 0, 0.1 to 100000, and \"max\""],
        );
        refused(
            &json!({ "jump_s": 400_000_000 }),
            time,
            &["#/jump_s is 400000000; allowed are -315576000 to 315576000"],
        );
    }
}
