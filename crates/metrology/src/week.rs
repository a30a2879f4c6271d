//! EN 50160 statistics of a week: how many of the 10-minute (10-second, 2-hour) values lay within what a public supply promises.
//!
//! Values are counted in classes of a hundredth of their limit, so that any percentile can be asked for afterwards without keeping the
//! values. What was flagged is counted apart and left out where the setup says so.

use crate::channel::{Channel, N_PHASES, Phase};
use crate::harmonic_means::HarmonicMeans;
use crate::rounding::nearest_u32;
use crate::setup::{Setup, SetupError, within};

/// What is asked of the supply (EN 50160 for low voltage).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeekLimits {
    /// Percent of the week within which the narrow limits must hold; 50 to 100. 95 at low, 99 at medium voltage.
    pub percentile: f64,
    /// Narrow limit of the voltage's distance from nominal, as a part; 0.01 to 0.5.
    pub voltage: f64,
    /// Wide limits, for all values: below and above.
    pub voltage_always: [f64; 2],
    /// Narrow limit of the frequency's distance from nominal, as a part.
    pub frequency: f64,
    /// Wide limits, for all values: below and above.
    pub frequency_always: [f64; 2],
    /// u2, as a part of the positive sequence.
    pub unbalance: f64,
    /// THD to order 40, as a part of the fundamental.
    pub thd: f64,
    /// Plt.
    pub plt: f64,
    /// Whether values that a dip, swell or interruption spoilt are left out.
    pub without_flagged: bool,
}

/// One quantity in one week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// Values that count.
    pub values: u32,
    /// Values that were flagged.
    pub flagged: u32,
    /// Values within the narrow limit.
    pub within: u32,
    /// Values within the wide limits.
    pub within_always: u32,
    /// The least value in millionths of the nominal value (voltage, frequency) or of the reference (the others).
    pub least_millionths: u32,
    /// The greatest.
    pub greatest_millionths: u32,
    pub(crate) classes: [u16; N_CLASSES],
}

/// A share of values in hundredths of a percent, rounded down: 10 000 only when it is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u16);

/// The statistics of a week. Takes 6 kB.
#[derive(Clone, Debug)]
pub struct Week {
    limits: WeekLimits,
    /// 10-minute voltages.
    pub voltage: [Statistic; N_PHASES],
    /// 10-second frequencies.
    pub frequency: Statistic,
    /// 10-minute u2.
    pub unbalance: Statistic,
    /// 10-minute THD to order 40.
    pub thd: [Statistic; N_PHASES],
    /// 2-hour Plt.
    pub plt: [Statistic; N_PHASES],
    /// 10-minute values of each harmonic, 2 to 25, within its limit.
    pub(crate) harmonics_within: [[u16; N_ORDERS]; N_PHASES],
    pub(crate) harmonics: [u16; N_PHASES],
}

impl WeekLimits {
    /// EN 50160, low voltage, 95 %.
    pub const EN_50160: Self = Self {
        percentile: 95.0,
        voltage: 0.10,
        voltage_always: [0.15, 0.10],
        frequency: 0.01,
        frequency_always: [0.06, 0.04],
        unbalance: 0.02,
        thd: 0.08,
        plt: 1.0,
        without_flagged: true,
    };

    /// Checks every field.
    ///
    /// # Errors
    /// [`SetupError::OutOfRange`] names the first that is out of its range.
    pub fn check(&self) -> Result<(), SetupError> {
        within("percentile", None, self.percentile, 50.0, 100.0)?;
        for (field, part) in [
            ("voltage limit", self.voltage),
            ("lower voltage limit", self.voltage_always[0]),
            ("upper voltage limit", self.voltage_always[1]),
            ("unbalance limit", self.unbalance),
            ("THD limit", self.thd),
        ] {
            within(field, None, part, 0.001, 0.5)?;
        }
        for (field, part) in [
            ("frequency limit", self.frequency),
            ("lower frequency limit", self.frequency_always[0]),
            ("upper frequency limit", self.frequency_always[1]),
        ] {
            within(field, None, part, 0.0005, 0.15)?;
        }
        within("Plt limit", None, self.plt, 0.1, 10.0)
    }
}

impl Statistic {
    const NONE: Self = Self {
        values: 0,
        flagged: 0,
        within: 0,
        within_always: 0,
        least_millionths: u32::MAX,
        greatest_millionths: 0,
        classes: [0; N_CLASSES],
    };

    /// Counts `value`, whose distance from what is best is `distance`, against the narrow limit.
    fn count(&mut self, value: f64, distance: f64, limit: f64, always: bool) {
        self.values = self.values.saturating_add(1);
        self.within = self.within.saturating_add(u32::from(distance <= limit));
        self.within_always = self.within_always.saturating_add(u32::from(always));
        let millionths = nearest_u32(value * 1e6);
        self.least_millionths = self.least_millionths.min(millionths);
        self.greatest_millionths = self.greatest_millionths.max(millionths);
        // A value exactly at the end of a class belongs to it.
        let class = nearest_u32(libm::ceil(distance / limit * 100.0)).saturating_sub(1);
        let class = usize::try_from(class).unwrap_or(usize::MAX).min(N_CLASSES - 1);
        if let Some(class) = self.classes.get_mut(class) {
            *class = class.saturating_add(1);
        }
    }

    /// The share of the values within the narrow limit; none without values.
    #[must_use]
    pub fn share_within(&self) -> Option<Share> {
        Share::of(self.within, self.values)
    }

    /// The share within the wide limits.
    #[must_use]
    pub fn share_always(&self) -> Option<Share> {
        Share::of(self.within_always, self.values)
    }

    /// What `percent` of the values do not exceed, in hundredths of the narrow limit (the end of its class; 256 and above are one class).
    /// None without values.
    #[must_use]
    pub fn percentile_hundredths(&self, percent: f64) -> Option<u16> {
        let total: u32 = self.classes.iter().map(|count| u32::from(*count)).sum();
        let wanted = nearest_u32(libm::ceil(f64::from(total) * percent / 100.0));
        let mut seen = 0;
        (0 < total).then_some(())?;
        self.classes.iter().zip(1_u16..).find_map(|(count, end)| {
            seen += u32::from(*count);
            (wanted <= seen).then_some(end)
        })
    }
}

impl Share {
    fn of(part: u32, all: u32) -> Option<Self> {
        let hundredths = (u64::from(part) * 10_000).checked_div(u64::from(all))?;
        u16::try_from(hundredths).ok().map(Self)
    }

    /// Whether it is at least so many percent.
    #[must_use]
    pub fn reaches(self, percent: f64) -> bool {
        percent <= f64::from(self.0) / 100.0
    }
}

impl Week {
    /// An empty week.
    ///
    /// # Errors
    /// [`SetupError`] when the limits are absurd.
    pub fn new(limits: &WeekLimits) -> Result<Self, SetupError> {
        limits.check()?;
        Ok(Self {
            limits: *limits,
            voltage: [Statistic::NONE; N_PHASES],
            frequency: Statistic::NONE,
            unbalance: Statistic::NONE,
            thd: [Statistic::NONE; N_PHASES],
            plt: [Statistic::NONE; N_PHASES],
            harmonics_within: [[0; N_ORDERS]; N_PHASES],
            harmonics: [0; N_PHASES],
        })
    }

    /// What is asked.
    #[must_use]
    pub const fn limits(&self) -> &WeekLimits {
        &self.limits
    }

    /// The share of the 10-minute values of a harmonic (2 to 25) of a voltage within EN 50160, table 1.
    #[must_use]
    pub fn harmonic_share(&self, phase: Phase, order: u8) -> Option<Share> {
        let place = usize::from(order.checked_sub(2)?);
        let within = self.harmonics_within.get(phase.index())?.get(place)?;
        let all = self.harmonics.get(phase.index())?;
        Share::of(u32::from(*within), u32::from(*all))
    }

    /// Whether the ten-minute voltages of a phase keep EN 50160 so far.
    #[must_use]
    pub fn is_voltage_kept(&self, phase: Phase) -> bool {
        self.voltage.get(phase.index()).is_none_or(|statistic| {
            let share = statistic.share_within();
            share.is_none_or(|share| share.reaches(self.limits.percentile))
                && statistic.within_always == statistic.values
        })
    }

    /// Whether everything that was counted keeps EN 50160 so far: the percentile of all narrow limits, all of the wide ones.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        let narrow = |statistic: &Statistic| {
            let share = statistic.share_within();
            share.is_none_or(|share| share.reaches(self.limits.percentile))
        };
        let always = |statistic: &Statistic| statistic.within_always == statistic.values;
        let frequency = self.frequency.share_within();
        let harmonics = Phase::ALL.into_iter().all(|phase| {
            (2..=25).all(|order| {
                let share = self.harmonic_share(phase, order);
                share.is_none_or(|share| share.reaches(self.limits.percentile))
            })
        });
        Phase::ALL.into_iter().all(|phase| self.is_voltage_kept(phase))
            && frequency.is_none_or(|share| share.reaches(FREQUENCY_PERCENT))
            && always(&self.frequency)
            && narrow(&self.unbalance)
            && self.thd.iter().all(narrow)
            && self.plt.iter().all(narrow)
            && harmonics
    }

    /// Counts 10 minutes: the voltages of the phases that `setup` has, their unbalance in millionths and their harmonics.
    pub(crate) fn ten_minutes(
        &mut self,
        setup: &Scale,
        voltage_microvolts: &[u64; N_PHASES],
        unbalance_millionths: Option<u32>,
        harmonics: HarmonicMeans<'_>,
        flagged: bool,
    ) {
        let limits = self.limits;
        let skip = flagged && limits.without_flagged;
        for (phase, microvolts) in Phase::ALL.into_iter().zip(voltage_microvolts) {
            if !setup.phases.get(phase.index()).copied().unwrap_or(false) {
                continue;
            }
            let value = *microvolts as f64 * 1e-6 / setup.nominal_volts;
            let [below, above] = limits.voltage_always;
            let always = (1.0 - below..=1.0 + above).contains(&value);
            if let Some(statistic) = self.voltage.get_mut(phase.index()) {
                statistic.take(skip, flagged, value, libm::fabs(value - 1.0), limits.voltage, always);
            }
            let channel = phase.voltage();
            if harmonics.spans(channel) == 0 {
                continue;
            }
            let part = |order: u8| {
                let millionths = harmonics.harmonic_millionths(channel, order);
                millionths.map_or(0.0, |millionths| f64::from(millionths) * 1e-6)
            };
            let thd = libm::sqrt((2..=40).map(|order| part(order) * part(order)).sum());
            if let Some(statistic) = self.thd.get_mut(phase.index()) {
                statistic.take(skip, flagged, thd, thd, limits.thd, thd <= limits.thd);
            }
            if skip {
                continue;
            }
            let counts = self.harmonics_within.get_mut(phase.index());
            for (count, order) in counts.into_iter().flatten().zip(2_u8..) {
                *count = count.saturating_add(u16::from(part(order) <= harmonic_limit(order)));
            }
            if let Some(all) = self.harmonics.get_mut(phase.index()) {
                *all = all.saturating_add(1);
            }
        }
        if let Some(millionths) = unbalance_millionths {
            let value = f64::from(millionths) * 1e-6;
            let kept = value <= limits.unbalance;
            self.unbalance.take(skip, flagged, value, value, limits.unbalance, kept);
        }
    }

    /// Counts 10 seconds of the frequency, as a part of the nominal one.
    pub(crate) fn ten_seconds(&mut self, frequency: f64, flagged: bool) {
        let limits = self.limits;
        let [below, above] = limits.frequency_always;
        let always = (1.0 - below..=1.0 + above).contains(&frequency);
        let distance = libm::fabs(frequency - 1.0);
        let skip = flagged && limits.without_flagged;
        self.frequency
            .take(skip, flagged, frequency, distance, limits.frequency, always);
    }

    /// Counts 2 hours of flicker.
    pub(crate) fn two_hours(&mut self, plt_thousandths: &[Option<u32>; N_PHASES], flagged: bool) {
        let limits = self.limits;
        let skip = flagged && limits.without_flagged;
        for (statistic, plt) in self.plt.iter_mut().zip(plt_thousandths) {
            if let Some(plt) = plt.map(|thousandths| f64::from(thousandths) * 1e-3) {
                statistic.take(skip, flagged, plt, plt, limits.plt, plt <= limits.plt);
            }
        }
    }

    /// Begins anew.
    pub(crate) fn restart(&mut self) {
        let Ok(new) = Self::new(&self.limits) else {
            return;
        };
        *self = new;
    }
}

impl Statistic {
    fn take(&mut self, skip: bool, flagged: bool, value: f64, distance: f64, limit: f64, always: bool) {
        self.flagged = self.flagged.saturating_add(u32::from(flagged));
        if !skip {
            self.count(value, distance, limit, always);
        }
    }
}

/// What the statistics must know of the meter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) nominal_volts: f64,
    pub(crate) phases: [bool; N_PHASES],
}

impl Scale {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            nominal_volts: setup.nominal_volts,
            phases: Phase::ALL.map(|phase| setup.channels.contains(phase.voltage())),
        }
    }
}

/// EN 50160, table 1: the 10-minute mean of a harmonic as a part of the fundamental.
const fn harmonic_limit(order: u8) -> f64 {
    match order {
        2 => 0.02,
        4 => 0.01,
        3 | 7 => 0.05,
        5 => 0.06,
        11 => 0.035,
        13 => 0.03,
        17 => 0.02,
        9 | 19 | 23 | 25 => 0.015,
        _ => 0.005,
    }
}

/// The frequency's own share of the time (of a year in the standard).
const FREQUENCY_PERCENT: f64 = 99.5;
const N_CLASSES: usize = 256;
/// Orders 2 to 25.
const N_ORDERS: usize = 24;
/// The channels of the harmonics that are judged.
const _: () = assert!(Channel::V1.index() == Phase::L1.index());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harmonic_means::HarmonicSums;

    const SCALE: Scale = Scale {
        nominal_volts: 230.0,
        phases: [true, false, false],
    };

    fn week(without_flagged: bool) -> Week {
        let limits = WeekLimits {
            without_flagged,
            ..WeekLimits::EN_50160
        };
        Week::new(&limits).expect("good limits")
    }

    fn ten_minutes(week: &mut Week, volts: f64, flagged: bool) {
        let sums = HarmonicSums::new();
        let voltage = [crate::rounding::nearest_u64(volts * 1e6), 0, 0];
        week.ten_minutes(&SCALE, &voltage, None, sums.means(), flagged);
    }

    /// EN 50160, 4.2.2: 95 % of the 1008 means within 10 %, all within +10 and -15 %.
    #[test]
    fn a_week_is_kept_until_one_value_too_many_is_out() {
        let mut it = week(true);
        for n in 0..1_008 {
            ten_minutes(&mut it, if n < 50 { 200.0 } else { 228.0 }, false);
        }
        assert_eq!((it.voltage[0].values, it.voltage[0].within), (1_008, 958));
        assert_eq!(it.voltage[0].share_within(), Some(Share(9_503)));
        assert!(it.is_kept());
        ten_minutes(&mut it, 200.0, false);
        assert!(!it.is_kept(), "51 of 1009 are out");
        assert_eq!(it.voltage[1].values, 0);
        let mut deep = week(true);
        for _ in 0..1_000 {
            ten_minutes(&mut deep, 230.0, false);
        }
        ten_minutes(&mut deep, 195.0, false);
        assert!(!deep.is_kept(), "one value below -15 %");
        assert_eq!(deep.voltage[0].share_always(), Some(Share(9_990)));
    }

    #[test]
    fn flagged_values_are_left_out_where_the_contract_says_so() {
        for (without, values) in [(true, 10), (false, 11)] {
            let mut it = week(without);
            for _ in 0..10 {
                ten_minutes(&mut it, 230.0, false);
            }
            ten_minutes(&mut it, 100.0, true);
            assert_eq!((it.voltage[0].values, it.voltage[0].flagged), (values, 1));
            assert_eq!(it.is_kept(), without);
        }
    }

    #[test]
    fn any_percentile_can_be_asked_for() {
        let mut it = week(true);
        assert_eq!(it.voltage[0].percentile_hundredths(95.0), None);
        for n in 1..=100_u32 {
            // 0.1 % to 10 % away from nominal.
            ten_minutes(&mut it, 230.0 * (1.0 - f64::from(n) * 0.001 + 1e-6), false);
        }
        assert_eq!(it.voltage[0].percentile_hundredths(95.0), Some(95));
        assert_eq!(it.voltage[0].percentile_hundredths(50.0), Some(50));
        assert_eq!(it.voltage[0].percentile_hundredths(100.0), Some(100));
        assert_eq!(it.voltage[0].greatest_millionths / 1_000, 999);
    }

    #[test]
    fn absurd_limits_are_refused_by_name() {
        let limits = WeekLimits {
            percentile: 20.0,
            ..WeekLimits::EN_50160
        };
        let error = Week::new(&limits).expect_err("too little of the week");
        assert_eq!(std::string::ToString::to_string(&error), "percentile must be 50 to 100");
    }

    extern crate std;
}
