//! The quality of the supply as the meter keeps it (Q1, Q3): under- and overvoltages of each phase with thresholds and durations into the
//! quality log, and what the metrology found: dips by depth and duration, rapid changes, distortion, flicker, unbalance, EN 50160 weeks.
//!
//! A voltage beyond a threshold counts when it has been for the time that the client set; then it is an event, and one more when all is
//! well again. What is shorter is no event here: the metrology's dips, from half cycle to half cycle, are counted in the table of dips.

use cosem::axdr::{Full, Reader, Writer};
use metrology::{
    Channel, Measurement, N_PHASES, Phase, QualityFinding, Share, Spectrum, Statistic, VoltageEvent, VoltageEventKind,
    Week,
};

use crate::effect::{Effect, Record};
use crate::event_log::{Causes, Log, quality};
use crate::model::Model;

/// What can be wrong with the voltage of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Below the threshold of sags, above that of cuts.
    Sag = 0,
    /// Above the threshold of swells.
    Swell = 1,
    /// Below the threshold of cuts.
    Cut = 2,
}

/// Highest order of harmonics in the model.
pub const N_ORDERS: usize = metrology::MAX_ORDER;
/// Channels whose harmonics are shown: voltages, then currents.
pub const N_SPECTRA: usize = 2 * N_PHASES;
/// Rows and columns of the table of dips.
pub const DIP_ROWS: usize = 5;
/// Columns: by duration.
pub const DIP_COLUMNS: usize = 6;

/// Everything about the quality of the supply.
#[derive(Clone, Debug)]
pub struct Quality {
    /// The voltage that dips are measured by, in volts.
    pub reference_volts: u16,
    /// In volts, by [`Fault`].
    pub thresholds_volts: [u16; N_FAULTS],
    /// In seconds, by [`Fault`].
    pub times_seconds: [u16; N_FAULTS],
    /// What was counted of each phase.
    pub phases: [[Faults; N_FAULTS]; N_PHASES],
    /// Phases for which an event was told and not yet that all is well; over a power cut the causes know it.
    unwell: [bool; N_PHASES],
    /// Whether something was counted since the counters were saved.
    unsaved: bool,
    /// Dips by depth and duration (UNIPEDE).
    pub dips: [[u16; DIP_COLUMNS]; DIP_ROWS],
    /// Swells of any phase, interruptions of all, rapid changes: as the metrology finds them.
    pub found: [u16; 3],
    /// dUmax and dUss of the last rapid change in tenths of a volt.
    pub last_change: [u16; 2],
    /// u2 and u0 of the last ten minutes in hundredths of a percent.
    pub unbalance: Option<[u16; 2]>,
    /// THD of the last ten minutes in tenths of a percent: voltages, then currents.
    pub distortion: [Option<u16>; N_SPECTRA],
    /// Harmonics of the last spectrum of each channel in hundredths of a percent of the fundamental, order 1 first.
    pub harmonics: [[u16; N_ORDERS]; N_SPECTRA],
    /// Pst of the last ten minutes in hundredths.
    pub pst: [Option<u16>; N_PHASES],
    /// Plt of the last two hours in hundredths.
    pub plt: [Option<u16>; N_PHASES],
    /// The week that runs, and the one before.
    pub weeks: [WeekSummary; 2],
}

/// One kind of fault of one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many there were.
    pub count: u16,
    /// Seconds of the last one.
    pub last_seconds: u16,
    /// Voltage of the last one in tenths of a volt: the lowest of a sag or cut, the highest of a swell.
    pub last_decivolts: u16,
    /// Milliseconds of the present one; none while all is well.
    lasting_millis: Option<u32>,
    /// The extreme of the present one.
    extreme_decivolts: u16,
}

/// A week of EN 50160 in few numbers; shares in hundredths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeekSummary {
    /// Whether everything was kept; none before the first ten minutes.
    pub kept: Option<bool>,
    /// Voltages.
    pub voltage: [WeekVoltage; N_PHASES],
    /// Ten-minute THD within its limit.
    pub thd: [Option<u16>; N_PHASES],
    /// Two-hour Plt within its limit.
    pub plt: [Option<u16>; N_PHASES],
    /// u2 within its limit.
    pub unbalance: Option<u16>,
    /// Ten-second frequencies within the narrow and within the wide limits.
    pub frequency: [Option<u16>; 2],
}

/// The ten-minute voltages of a week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeekVoltage {
    /// Values that counted.
    pub values: u16,
    /// Within the narrow and within the wide limits.
    pub within: [Option<u16>; 2],
    /// The least and the greatest in tenths of a volt.
    pub extremes_decivolts: [Option<u16>; 2],
    /// Distance from nominal that the percentile does not exceed, in tenths of a percent.
    pub percentile: Option<u16>,
}

const N_FAULTS: usize = 3;

impl Quality {
    /// Nothing found yet; thresholds of 90, 110 and 50 % of `nominal_volts`, to the nearest volt.
    #[must_use]
    pub const fn new(nominal_volts: u16) -> Self {
        // Halves of a volt go up.
        Self {
            reference_volts: nominal_volts,
            thresholds_volts: [
                nominal_volts - nominal_volts.saturating_add(4) / 10,
                nominal_volts.saturating_add(nominal_volts.saturating_add(5) / 10),
                nominal_volts.div_ceil(2),
            ],
            times_seconds: [60, 15, 30],
            phases: [[Faults {
                count: 0,
                last_seconds: 0,
                last_decivolts: 0,
                lasting_millis: None,
                extreme_decivolts: 0,
            }; N_FAULTS]; N_PHASES],
            unwell: [false; N_PHASES],
            unsaved: false,
            dips: [[0; DIP_COLUMNS]; DIP_ROWS],
            found: [0; 3],
            last_change: [0; 2],
            unbalance: None,
            distortion: [None; N_SPECTRA],
            harmonics: [[0; N_ORDERS]; N_SPECTRA],
            pst: [None; N_PHASES],
            plt: [None; N_PHASES],
            weeks: [WeekSummary::NONE; 2],
        }
    }

    /// Takes the harmonics of one channel.
    pub fn take_spectrum(&mut self, spectrum: &Spectrum) {
        let Some(slots) = self.harmonics.get_mut(spectrum.channel.index()) else {
            return; // the neutral's are not shown
        };
        for (slot, order) in slots.iter_mut().zip(1_u8..) {
            *slot = spectrum.harmonic_millionths(order).map_or(0, |it| scaled(it, 100));
        }
    }

    /// What must survive: counters, durations, dips and the last whole week's verdicts are of the past only.
    pub(crate) fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        for faults in self.phases.iter().flatten() {
            out.put(&faults.count.to_be_bytes())?;
            out.put(&faults.last_seconds.to_be_bytes())?;
            out.put(&faults.last_decivolts.to_be_bytes())?;
        }
        for count in self.dips.iter().flatten().chain(&self.found) {
            out.put(&count.to_be_bytes())?;
        }
        Ok(())
    }

    /// Reads what [`Self::save`] wrote; none, and nothing changed, when it is cut.
    pub(crate) fn restore(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let mut restored = self.clone();
        let mut number = || from.array_of().ok().map(u16::from_be_bytes);
        for faults in restored.phases.iter_mut().flatten() {
            faults.count = number()?;
            faults.last_seconds = number()?;
            faults.last_decivolts = number()?;
        }
        for count in restored.dips.iter_mut().flatten().chain(&mut restored.found) {
            *count = number()?;
        }
        *self = restored;
        Some(())
    }

    /// Octets of [`Self::save`].
    pub(crate) const SAVED_OCTETS: usize = 2 * (3 * N_FAULTS * N_PHASES + DIP_ROWS * DIP_COLUMNS + 3);

    /// The running week and the one before, as they are shown.
    pub(crate) fn save_weeks(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        self.weeks.iter().try_for_each(|week| week.save(out))
    }

    /// Reads what [`Self::save_weeks`] wrote; none, and nothing changed, when it is cut.
    pub(crate) fn restore_weeks(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.weeks = [WeekSummary::restored(from)?, WeekSummary::restored(from)?];
        Some(())
    }

    /// Octets of [`Self::save_weeks`].
    pub(crate) const WEEKS_OCTETS: usize = 2 * WeekSummary::OCTETS;

    /// Goes on after a power cut: for which phases it is still to be told that all is well.
    pub(crate) fn resume(&mut self, causes: Causes) {
        for (unwell, place) in self.unwell.iter_mut().zip(0..) {
            let persists = |(_, code): (Fault, u8)| causes.persists(Log::Quality, code + place);
            *unwell = KINDS.into_iter().any(persists);
        }
    }

    /// Which fault a voltage is.
    fn fault_of(&self, decivolts: u16) -> Option<Fault> {
        let [sag, swell, cut] = self.thresholds_volts.map(|volts| volts.saturating_mul(10));
        if decivolts < cut {
            Some(Fault::Cut)
        } else if decivolts < sag {
            Some(Fault::Sag)
        } else if swell < decivolts {
            Some(Fault::Swell)
        } else {
            None
        }
    }

    /// Counts a dip or an interruption in the table, by its depth and duration.
    fn count_dip(&mut self, event: &VoltageEvent, rate_hz: u32) {
        let reference = u64::from(self.reference_volts).max(1) * 1_000_000;
        let residual = event.extreme_microvolts.saturating_mul(100) / reference;
        let millis = (event.duration_raw / 65_536).saturating_mul(1_000) / u64::from(rate_hz.max(1));
        let row = match 100_u64.saturating_sub(residual) {
            ..15 => 0,
            15..30 => 1,
            30..60 => 2,
            60..90 => 3,
            _ => 4,
        };
        let column = match millis {
            ..100 => 0,
            100..500 => 1,
            500..1_000 => 2,
            1_000..3_000 => 3,
            3_000..20_000 => 4,
            20_000..60_000 => 5,
            _ => return, // an outage, not a dip
        };
        if let Some(cell) = self.dips.get_mut(row).and_then(|row| row.get_mut(column)) {
            *cell = cell.saturating_add(1);
        }
    }
}

impl Faults {
    /// Whether there is one now.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        self.lasting_millis.is_some()
    }

    /// Takes a window with this fault; true when the time has just become long enough.
    fn go_on(&mut self, fault: Fault, decivolts: u16, millis: u32, least_seconds: u16) -> bool {
        let before = self.lasting_millis;
        let after = before.unwrap_or(0).saturating_add(millis);
        self.lasting_millis = Some(after);
        self.extreme_decivolts = match (before, fault) {
            (None, _) => decivolts,
            (Some(_), Fault::Swell) => self.extreme_decivolts.max(decivolts),
            (Some(_), Fault::Sag | Fault::Cut) => self.extreme_decivolts.min(decivolts),
        };
        let least = u32::from(least_seconds) * 1_000;
        let is_long = least <= after && before.is_none_or(|before| before < least);
        if is_long {
            self.count = self.count.saturating_add(1);
        }
        is_long
    }

    /// Takes a window without this fault: keeps what there is to say of one that counted.
    fn end(&mut self, least_seconds: u16) {
        let Some(lasted) = self.lasting_millis.take() else {
            return;
        };
        let extreme = core::mem::take(&mut self.extreme_decivolts);
        if u32::from(least_seconds) * 1_000 <= lasted {
            self.last_seconds = u16::try_from(lasted / 1_000).unwrap_or(u16::MAX);
            self.last_decivolts = extreme;
        }
    }
}

impl WeekSummary {
    const NONE: Self = Self {
        kept: None,
        voltage: [WeekVoltage {
            values: 0,
            within: [None; 2],
            extremes_decivolts: [None; 2],
            percentile: None,
        }; N_PHASES],
        thd: [None; N_PHASES],
        plt: [None; N_PHASES],
        unbalance: None,
        frequency: [None; 2],
    };

    /// Octets of a saved one.
    const OCTETS: usize = 1 + 2 * (6 * N_PHASES + 2 * N_PHASES + 3);

    fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(&[self.kept.map_or(2, u8::from)])?;
        let mut put = |value: Option<u16>| out.put(&value.unwrap_or(u16::MAX).to_be_bytes());
        for voltage in &self.voltage {
            put(Some(voltage.values))?;
            for value in voltage.within.into_iter().chain(voltage.extremes_decivolts) {
                put(value)?;
            }
            put(voltage.percentile)?;
        }
        let shares = self.thd.into_iter().chain(self.plt).chain([self.unbalance]);
        shares.chain(self.frequency).try_for_each(put)
    }

    fn restored(from: &mut Reader<'_>) -> Option<Self> {
        let mut restored = Self::NONE;
        let [kept] = from.array_of().ok()?;
        restored.kept = match kept {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        };
        let mut number = || from.array_of().ok().map(u16::from_be_bytes);
        let optional = |number: u16| (number != u16::MAX).then_some(number);
        for voltage in &mut restored.voltage {
            voltage.values = number()?;
            for value in voltage.within.iter_mut().chain(&mut voltage.extremes_decivolts) {
                *value = optional(number()?);
            }
            voltage.percentile = optional(number()?);
        }
        let shares = restored.thd.iter_mut().chain(&mut restored.plt);
        for value in shares.chain([&mut restored.unbalance]).chain(&mut restored.frequency) {
            *value = optional(number()?);
        }
        Some(restored)
    }

    fn of(week: &Week, nominal_volts: u16) -> Self {
        let share = |share: Option<Share>| share.map(|Share(hundredths)| hundredths);
        let within = |statistic: &Statistic| share(statistic.share_within());
        let both = |statistic: &Statistic| [share(statistic.share_within()), share(statistic.share_always())];
        let decivolts = |millionths: u32| {
            let value = u64::from(millionths) * u64::from(nominal_volts) + 50_000;
            u16::try_from(value / 100_000).unwrap_or(u16::MAX)
        };
        // A class is a hundredth of the limit; the percentile is said in tenths of a percent of the nominal voltage.
        let percentile = |statistic: &Statistic| {
            let hundredths = statistic.percentile_hundredths(week.limits().percentile)?;
            let parts = f64::from(hundredths) * week.limits().voltage * 10.0;
            Some(whole(parts))
        };
        Self {
            kept: (0 < week.voltage.iter().map(|it| it.values).sum::<u32>()).then(|| week.is_kept()),
            voltage: week.voltage.each_ref().map(|it| WeekVoltage {
                values: u16::try_from(it.values).unwrap_or(u16::MAX),
                within: both(it),
                extremes_decivolts: match it.values {
                    0 => [None; 2],
                    _ => [
                        Some(decivolts(it.least_millionths)),
                        Some(decivolts(it.greatest_millionths)),
                    ],
                },
                percentile: percentile(it),
            }),
            thd: week.thd.each_ref().map(within),
            plt: week.plt.each_ref().map(within),
            unbalance: within(&week.unbalance),
            frequency: both(&week.frequency),
        }
    }
}

impl Model {
    /// Holds the voltages of a window against the thresholds.
    pub(crate) fn watch_voltages(&mut self, measurement: &Measurement) {
        let n_phases = if self.config.variant.is_three_phase() {
            N_PHASES
        } else {
            1
        };
        let millis = u32::try_from(measurement.duration_nanos / 1_000_000).unwrap_or(u32::MAX);
        let it = &mut self.quality;
        for (place, reading) in (0_u8..).zip(&measurement.phases).take(n_phases) {
            let decivolts = scaled_wide(reading.voltage_microvolts, 100_000);
            let fault = it.fault_of(decivolts);
            let index = usize::from(place);
            let (Some(faults), Some(unwell)) = (it.phases.get_mut(index), it.unwell.get_mut(index)) else {
                continue;
            };
            for ((kind, code), (faults, least)) in KINDS.into_iter().zip(faults.iter_mut().zip(it.times_seconds)) {
                if fault != Some(kind) {
                    faults.end(least);
                } else if faults.go_on(kind, decivolts, millis, least) {
                    *unwell = true;
                    self.effects.push(Effect::Keep(Record::Quality));
                    self.effects.push(Effect::Event(Log::Quality, code + place));
                }
            }
            if *unwell && fault.is_none() {
                *unwell = false;
                self.effects.push(Effect::Keep(Record::Quality));
                self.effects
                    .push(Effect::Event(Log::Quality, quality::VOLTAGE_NORMAL + place));
            }
        }
    }

    /// Takes what the metrology found in the supply; `rate_hz` is that of its samples.
    pub(crate) fn take_quality(&mut self, finding: QualityFinding<'_>, rate_hz: u32) {
        let nominal_volts = self.config.nominal_volts;
        let it = &mut self.quality;
        match finding {
            QualityFinding::Began(_) | QualityFinding::TenSeconds(_) | QualityFinding::Cycles(_) => {}
            QualityFinding::Ended(event) => {
                it.unsaved = true;
                let [swells, interruptions, _changes] = &mut it.found;
                match event.kind {
                    VoltageEventKind::Dip => it.count_dip(&event, rate_hz),
                    VoltageEventKind::Swell => *swells = swells.saturating_add(1),
                    VoltageEventKind::Interruption => *interruptions = interruptions.saturating_add(1),
                }
            }
            QualityFinding::RapidChange(change) => {
                it.unsaved = true;
                let [.., changes] = &mut it.found;
                *changes = changes.saturating_add(1);
                it.last_change = [change.greatest_microvolts, change.steady_microvolts]
                    .map(|microvolts| scaled(microvolts, 100_000));
            }
            QualityFinding::TenMinutes(minutes) => {
                it.unbalance = minutes
                    .aggregate
                    .unbalance
                    .map(|it| [it.negative_millionths, it.zero_millionths].map(|millionths| scaled(millionths, 100)));
                // One event when the phases begin to differ, the next when they have been even meanwhile (codes have no end of it).
                let limit = minutes.week.limits().unbalance * 1e6;
                if let (Some(unbalance), false) = (minutes.aggregate.unbalance, minutes.aggregate.flagged) {
                    let is = limit < f64::from(unbalance.negative_millionths);
                    if is {
                        self.effects.push(Effect::Event(Log::Quality, quality::ASYMMETRY));
                    } else if self.causes.note(Log::Quality, quality::BALANCED) {
                        self.effects.push(Effect::Keep(Record::Alarms));
                    }
                }
                for (slot, channel) in it.distortion.iter_mut().zip(Channel::ALL) {
                    *slot = minutes.harmonics.thd_millionths(channel).map(|it| scaled(it, 1_000));
                }
                it.pst = minutes.pst_thousandths.map(|pst| pst.map(|pst| scaled(pst, 10)));
                let [running, _before] = &mut it.weeks;
                *running = WeekSummary::of(minutes.week, nominal_volts);
                // However the supply flickers, the flash is written every ten minutes at the most.
                if core::mem::take(&mut it.unsaved) {
                    self.effects.push(Effect::Keep(Record::Quality));
                }
            }
            QualityFinding::TwoHours(hours) => {
                it.plt = hours.plt_thousandths.map(|plt| plt.map(|plt| scaled(plt, 10)));
            }
            QualityFinding::Week(week) => {
                it.weeks = [WeekSummary::NONE, WeekSummary::of(week, nominal_volts)];
                for (phase, code) in Phase::ALL.into_iter().zip(quality::BAD_VOLTAGE_QUALITY..) {
                    if !week.is_voltage_kept(phase) {
                        self.effects.push(Effect::Event(Log::Quality, code));
                    }
                }
            }
        }
    }
}

/// The faults with the codes of their events for L1.
const KINDS: [(Fault, u8); N_FAULTS] = [
    (Fault::Sag, quality::UNDERVOLTAGE),
    (Fault::Swell, quality::OVERVOLTAGE),
    (Fault::Cut, quality::MISSING_VOLTAGE),
];

/// `value / unit` rounded to the nearest and held at the end of 16 bits.
fn scaled(value: u32, unit: u32) -> u16 {
    scaled_wide(u64::from(value), u64::from(unit))
}

fn scaled_wide(value: u64, unit: u64) -> u16 {
    u16::try_from(value.saturating_add(unit / 2) / unit.max(1)).unwrap_or(u16::MAX)
}

/// A small positive number, rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and the value is a few thousand at most"
)]
const fn whole(value: f64) -> u16 {
    (value + 0.5) as u16
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;
    use crate::config::{Config, Variant, test_secrets};
    use base::Instant;
    use metrology::{Apparent, PhaseReading, Position};

    fn model(variant: Variant) -> Model {
        Model::new(&Config::new(variant, 40_200_001, test_secrets()), Instant::START, None)
    }

    /// Windows of 200 ms with these voltages for `seconds`; gives the events.
    fn run(it: &mut Model, volts: [u64; 3], seconds: u32) -> Vec<u8> {
        let phases = volts.map(|volts| PhaseReading::steady(volts * 1_000_000, 0, 0, 0, 200_000_000));
        let window = Measurement::of_phases(
            Position::START,
            Position::of_sample(1_600),
            200_000_000,
            50_000_000,
            phases,
            Apparent::Arithmetic,
        );
        let mut codes = Vec::new();
        for _ in 0..seconds * 5 {
            it.watch_voltages(&window);
            while let Some((effect, _actor)) = it.effects.pop() {
                if let Effect::Event(Log::Quality, code) = effect {
                    codes.push(code);
                }
            }
        }
        codes
    }

    /// Q1: threshold and time threshold, one event at the beginning, one when all is well, count, duration and magnitude.
    #[test]
    fn undervoltage_is_an_event_when_it_has_lasted() {
        let mut it = model(Variant::St402d);
        assert!(run(&mut it, [230, 200, 230], 59).is_empty());
        assert!(run(&mut it, [230, 230, 230], 5).is_empty(), "too short to count");
        assert_eq!(run(&mut it, [230, 200, 230], 40), []);
        assert_eq!(run(&mut it, [230, 190, 260], 21), [81, 77]);
        assert_eq!(run(&mut it, [230, 230, 230], 1), [86, 87]);
        let sag = it.quality.phases[1][Fault::Sag as usize];
        assert_eq!((sag.count, sag.last_seconds, sag.last_decivolts), (1, 61, 1_900));
        let swell = it.quality.phases[2][Fault::Swell as usize];
        assert_eq!((swell.count, swell.last_seconds, swell.last_decivolts), (1, 21, 2_600));
        assert_eq!(it.quality.phases[0], [Faults::default(); 3]);
        // From a sag into a cut: one is over, but all is not well.
        assert_eq!(run(&mut it, [200, 230, 230], 70), [76]);
        assert_eq!(run(&mut it, [0, 230, 230], 30), [82]);
        assert_eq!(run(&mut it, [230, 230, 230], 1), [85]);
        // A short cut after a sag: all is well only after it.
        assert_eq!(run(&mut it, [200, 230, 230], 60), [76]);
        assert!(run(&mut it, [0, 230, 230], 2).is_empty());
        assert_eq!(run(&mut it, [230, 230, 230], 1), [85]);
    }

    /// Q1: 90, 110 and 50 % of any nominal voltage.
    #[test]
    fn thresholds_are_parts_of_the_whole_voltage() {
        for nominal in 110..=230_u16 {
            let near = |percent: u16| (nominal * percent + 50) / 100;
            let thresholds = Quality::new(nominal).thresholds_volts;
            assert_eq!(thresholds, [near(90), near(110), near(50)], "{nominal} V");
        }
        assert_eq!(Quality::new(127).thresholds_volts, [114, 140, 64]);
    }

    #[test]
    fn phases_that_the_meter_does_not_have_are_not_missing() {
        let mut it = model(Variant::Sm402d);
        assert!(run(&mut it, [230, 0, 0], 100).is_empty());
    }

    #[test]
    fn dips_are_counted_by_depth_and_duration() {
        let mut it = model(Variant::St402d);
        let dip = |percent: u64, millis: u64| VoltageEvent {
            kind: VoltageEventKind::Dip,
            from: Position::START,
            to: Position::of_sample(9),
            duration_raw: millis * 8 * 65_536,
            extreme_microvolts: 2_300_000 * percent,
            phase: Phase::L2,
        };
        for (percent, millis) in [(88, 20), (40, 700), (40, 700), (0, 59_000), (0, 100_000)] {
            it.take_quality(QualityFinding::Ended(dip(percent, millis)), 8_000);
        }
        let count: u16 = it.quality.dips.iter().flatten().sum();
        assert_eq!(
            (
                it.quality.dips[0][0],
                it.quality.dips[3][2],
                it.quality.dips[4][5],
                count
            ),
            (1, 2, 1, 4)
        );
    }

    /// Cut at every octet nothing is half restored.
    #[test]
    fn counters_survive() {
        let mut it = model(Variant::St402d);
        run(&mut it, [230, 200, 270], 61);
        run(&mut it, [230; 3], 1);
        it.quality.dips[2][3] = 7;
        let mut octets = [0; Quality::SAVED_OCTETS];
        let mut out = Writer::new(&mut octets);
        it.quality.save(&mut out).expect("room for all");
        let saved = out.written().to_vec();
        let mut other = Quality::new(230);
        for length in 0..saved.len() {
            assert_eq!(other.restore(&mut Reader::new(&saved[..length])), None);
            assert_eq!(other.phases, Quality::new(230).phases);
        }
        assert_eq!(other.restore(&mut Reader::new(&saved)), Some(()));
        assert_eq!((other.phases, other.dips), (it.quality.phases, it.quality.dips));
    }
}
