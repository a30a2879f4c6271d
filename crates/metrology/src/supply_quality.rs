//! The quality of the supply, whole: everything of IEC 61000-4-30 in one value beside [`Chain`](crate::Chain), fed by the sampling side.
//!
//! ```text
//! samples  --> VoltageWatch --> dips, swells, interruptions --.
//!          |         `-------> RapidChanges                   |  flags
//!          `-> Flicker                                        v
//! windows  ------------------> frequency of 10 s, aggregates of 150/180 cycles, 10 minutes, 2 hours --> Week (EN 50160)
//! spectra  ------------------> harmonics of 10 minutes -----^
//! ```
//! The clock is the caller's: with each window it says when it ended. Intervals follow that clock; when it is set, the interval is flagged.
//! The caller tells the sample path of each 10-minute tick too ([`Chain::resynchronise`](crate::Chain::resynchronise)), so that windows begin
//! there; the pieces that come of it are put together here. Spans of gapless harmonics begin there too ([`SupplyQuality::take_tick`]).
//!
//! After a power cut the week goes on ([`SupplyQuality::resume`]); ten minutes that are not whole have neither a Pst nor a value that counts.
//! Nothing is lost with the Pst values before it: two hours follow the clock, so those with the cut in them lack a Pst and have no Plt (IEC
//! 61000-4-15 wants all twelve), and those after it have all of theirs.

use crate::aggregation::{Aggregate, Aggregation, MeanFrequency};
use crate::channel::{N_CHANNELS, N_PHASES, SampleSet};
use crate::flicker::{Flicker, Lamp};
use crate::harmonic_means::{HarmonicMeans, HarmonicSums};
use crate::measurement::Measurement;
use crate::position::Position;
use crate::rapid_change::{RapidChange, RapidChangeThresholds, RapidChanges};
use crate::resynchronisation::{Part, joined};
use crate::setup::{Setup, SetupError};
use crate::spectrum::Spectrum;
use crate::temperature::TemperatureCurve;
use crate::voltage_watch::{VoltageEvent, VoltageFinding, VoltageThresholds, VoltageWatch};
use crate::week::{Scale, Week, WeekLimits};

/// The parameters of the supply's quality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualitySetup {
    /// Dips, swells, interruptions.
    pub voltage: VoltageThresholds,
    /// Rapid voltage changes.
    pub rapid_change: RapidChangeThresholds,
    /// The lamp of the flickermeter.
    pub lamp: Lamp,
    /// What a week is held against.
    pub week: WeekLimits,
}

/// What was found, in the order of time.
#[derive(Clone, Copy, Debug)]
pub enum QualityFinding<'a> {
    /// A dip, swell or interruption has begun; its extreme is not final.
    Began(VoltageEvent),
    /// It is over.
    Ended(VoltageEvent),
    /// A rapid voltage change is over.
    RapidChange(RapidChange),
    /// Ten seconds of the clock are over: their mean frequency in microhertz, none without a voltage to follow.
    TenSeconds(Option<u64>),
    /// 150 or 180 cycles.
    Cycles(&'a Aggregate),
    /// Ten minutes of the clock are over.
    TenMinutes(&'a TenMinutes<'a>),
    /// Two hours of the clock are over.
    TwoHours(&'a TwoHours),
    /// The week is over, Monday 00:00.
    Week(&'a Week),
}

/// Ten minutes of the supply.
#[derive(Clone, Copy, Debug)]
pub struct TenMinutes<'a> {
    /// Voltages, currents, powers, unbalance.
    pub aggregate: Aggregate,
    /// Harmonics of all channels.
    pub harmonics: HarmonicMeans<'a>,
    /// Pst of each voltage in thousandths.
    pub pst_thousandths: [Option<u32>; N_PHASES],
    /// The week so far, these ten minutes included.
    pub week: &'a Week,
}

/// Two hours of the supply.
#[derive(Clone, Copy, Debug)]
pub struct TwoHours {
    /// Voltages, currents, powers, unbalance; none without a 10-minute value.
    pub aggregate: Option<Aggregate>,
    /// Plt of each voltage in thousandths; none unless there are all twelve Pst.
    pub plt_thousandths: [Option<u32>; N_PHASES],
}

/// The quality of the supply. Takes about 18 kB; with the spectra of [`Chain`](crate::Chain), which come one channel after the other, 32 kB.
///
/// For each block of samples: [`Self::push_block`], then [`Self::book`] for each window that the chain finished in it, and
/// [`Self::book_spectrum`] for each new spectrum. Blocks are to be shorter than a window.
#[derive(Clone, Debug)]
pub struct SupplyQuality {
    rate_hz: f64,
    nominal_hertz: f64,
    scale: Scale,
    watch: VoltageWatch,
    rapid_changes: RapidChanges,
    flicker: Flicker,
    aggregation: Aggregation,
    frequency: MeanFrequency,
    frequency_flagged: bool,
    harmonics: HarmonicSums,
    /// Pst of the last twelve intervals, the latest first.
    psts: [[Option<u32>; 12]; N_PHASES],
    week: Week,
    /// The latest stretch that a dip, swell or interruption spoilt; one that goes on has no end.
    disturbed: Option<(Position, Position)>,
    /// Events that go on.
    going_on: u8,
    /// The window that waits for what its last half cycles say, and the clock at its end.
    waiting: Option<Waiting>,
    /// The last window, when it is a piece of the next.
    piece: Option<Measurement>,
    /// The end of the last window, when it is a 10-minute tick.
    tick: Option<Position>,
    /// Another calibration counts since the last window: the next holds samples of both sides of the change.
    recalibrated: bool,
    /// The clock at the end of the last booked window.
    clock: Option<u64>,
    /// The number of the week that runs, which is the clock's unless that was set back.
    running_week: Option<u64>,
    /// The frequency of the window before the last, for the next.
    hertz: Option<f64>,
    next_hertz: Option<f64>,
}

impl QualitySetup {
    /// 230 V, EN 50160, the usual thresholds.
    pub const USUAL: Self = Self {
        voltage: VoltageThresholds::USUAL,
        rapid_change: RapidChangeThresholds::USUAL,
        lamp: Lamp::V230,
        week: WeekLimits::EN_50160,
    };
}

impl SupplyQuality {
    /// For the voltages of the setup.
    ///
    /// # Errors
    /// [`SetupError`] when setup, thresholds or limits are absurd.
    pub fn new(setup: &Setup, quality: &QualitySetup) -> Result<Self, SetupError> {
        Ok(Self {
            rate_hz: setup.rate_hz,
            nominal_hertz: setup.nominal_frequency.hertz(),
            scale: Scale::new(setup),
            watch: VoltageWatch::new(setup, &quality.voltage)?,
            rapid_changes: RapidChanges::new(setup, &quality.rapid_change)?,
            flicker: Flicker::new(setup, quality.lamp)?,
            aggregation: Aggregation::new(),
            frequency: MeanFrequency::default(),
            frequency_flagged: false,
            harmonics: HarmonicSums::new(),
            psts: [[None; 12]; N_PHASES],
            week: Week::new(&quality.week)?,
            disturbed: None,
            going_on: 0,
            waiting: None,
            piece: None,
            tick: None,
            recalibrated: false,
            clock: None,
            running_week: None,
            hertz: None,
            next_hertz: None,
        })
    }

    /// Goes on with the week that [`Week::save`] wrote before the power went, at `unix_millis` of the caller's clock. Of a week that is over
    /// by then the end is told with the next windows. False, and nothing changes, when the record is damaged or from a time to come.
    pub fn resume(&mut self, record: &[u8], unix_millis: u64) -> bool {
        match self.week.restored(record) {
            Some((week, tick)) if tick <= unix_millis / 1_000 => {
                self.week = week;
                self.clock = Some(tick.saturating_mul(1_000));
                self.running_week = None;
                true
            }
            _ => false,
        }
    }

    /// Measures on with the calibration of `setup`, as the chain does ([`Chain::adjust`](crate::Chain::adjust)); nothing else of it is looked at.
    /// Urms(1/2) follows from the half cycle that ends next on. What is made of windows and spectra follows them; every interval that the window
    /// under way falls into is flagged, since it holds values of both calibrations, and so counts in no statistics of the week. Steady voltages
    /// for rapid changes are found anew. Flicker is a ratio of codes: no calibration changes it. Corrections for temperature begin anew.
    ///
    /// # Errors
    /// [`SetupError`] when the setup is absurd; it measures on with the old one then.
    pub fn adjust(&mut self, setup: &Setup) -> Result<(), SetupError> {
        self.watch.adjust(setup)?;
        self.rapid_changes.restart();
        self.recalibrated = true;
        Ok(())
    }

    /// Corrects for the sensors' temperature, as the chain does ([`Chain::compensate`](crate::Chain::compensate)), from the half cycle that ends
    /// next on. It undoes what the sensors did meanwhile, so nothing is flagged.
    pub fn compensate(&mut self, celsius: f64, curves: &[TemperatureCurve; N_CHANNELS]) {
        self.watch.compensate(celsius, curves);
    }

    /// Takes samples: tells events and rapid changes.
    pub fn push_block(&mut self, block: &[SampleSet], mut each: impl FnMut(QualityFinding<'_>)) {
        let Self {
            watch,
            rapid_changes,
            disturbed,
            going_on,
            ..
        } = self;
        watch.push_block(block, |finding| match finding {
            VoltageFinding::HalfCycle(cycle) => {
                if let Some(change) = rapid_changes.observe(cycle) {
                    each(QualityFinding::RapidChange(change));
                }
            }
            VoltageFinding::Began(event) => {
                rapid_changes.disturbance_began();
                *going_on = going_on.saturating_add(1);
                let from = disturbed.map_or(event.from, |(from, _to)| from);
                *disturbed = Some((from.min(event.from), Position::from_raw(u64::MAX)));
                each(QualityFinding::Began(*event));
            }
            VoltageFinding::Ended(event) => {
                rapid_changes.disturbance_ended();
                *going_on = going_on.saturating_sub(1);
                if let (Some((_from, to)), 0) = (disturbed.as_mut(), *going_on) {
                    *to = event.to;
                }
                each(QualityFinding::Ended(*event));
            }
        });
        self.flicker.push_block(block);
    }

    /// Takes a window of the chain that ended at `unix_millis` of the caller's clock. It is booked with the next one, since its last half
    /// cycles are judged only then.
    pub fn book(&mut self, window: &Measurement, unix_millis: u64, mut each: impl FnMut(QualityFinding<'_>)) {
        let hertz = window.synchronised.then_some(window.frequency_microhertz as f64 * 1e-6);
        // The next window begins a step after the middle of this one: a ramp goes on.
        self.next_hertz = hertz.map(|hertz| match self.hertz {
            Some(before) if libm::fabs(hertz - before) < MOST_RAMP_HERTZ => hertz + (hertz - before),
            _ => hertz,
        });
        self.hertz = hertz;
        let off_tick = unix_millis.saturating_add(HALF_CYCLE_MILLIS) % TEN_MINUTES;
        self.tick = (off_tick < 2 * HALF_CYCLE_MILLIS).then_some(window.to);
        let before = self.piece.take();
        let (whole, new_nanos) = match (before, window.part) {
            (_, Part::Head) => {
                self.piece = Some(*window);
                return;
            }
            (Some(head), Part::Tail) => {
                self.piece = Some(*window);
                (
                    joined(&head, window),
                    head.duration_nanos.saturating_add(window.duration_nanos),
                )
            }
            (Some(tail), Part::Rest) => (joined(&tail, window), window.duration_nanos),
            // A piece whose other half was never seen stands for itself.
            (_, Part::Whole | Part::Tail | Part::Rest) => (*window, window.duration_nanos),
        };
        let waiting = Waiting {
            window: whole,
            new_nanos,
            unix_millis,
            before_anew: window.part == Part::Tail,
            recalibrated: core::mem::take(&mut self.recalibrated),
        };
        if let Some(waiting) = self.waiting.replace(waiting) {
            self.book_waiting(&waiting, &mut each);
        }
    }

    /// Takes a spectrum, of whichever channel is ready.
    pub fn book_spectrum(&mut self, spectrum: &Spectrum) {
        self.harmonics.add(spectrum);
    }

    /// What [`GaplessHarmonics`](crate::GaplessHarmonics) is to expect for its next span; none while no voltage is followed.
    #[must_use]
    pub const fn expected_hertz(&self) -> Option<f64> {
        self.next_hertz
    }

    /// Where windows have just begun anew at a 10-minute tick, once, for [`GaplessHarmonics::resynchronise`](crate::GaplessHarmonics::resynchronise).
    pub const fn take_tick(&mut self) -> Option<Position> {
        self.tick.take()
    }

    /// The events that go on, and Urms(1/2).
    #[must_use]
    pub const fn watch(&self) -> &VoltageWatch {
        &self.watch
    }

    /// The flickermeters.
    #[must_use]
    pub const fn flicker(&self) -> &Flicker {
        &self.flicker
    }

    /// The week so far.
    #[must_use]
    pub const fn week(&self) -> &Week {
        &self.week
    }

    fn book_waiting(&mut self, waiting: &Waiting, each: &mut impl FnMut(QualityFinding<'_>)) {
        let Waiting {
            window, unix_millis, ..
        } = waiting;
        // Windows begin at a tick to the nearest cycle: one that ends just before it ends at it.
        let millis = unix_millis.saturating_add(HALF_CYCLE_MILLIS);
        let flagged = self
            .disturbed
            .is_some_and(|(from, to)| from < window.to && window.from < to);
        if self.disturbed.is_some_and(|(_from, to)| to <= window.from) {
            self.disturbed = None;
        }
        // The frequency does not depend on a calibration.
        self.frequency_flagged |= flagged;
        let flagged = flagged || waiting.recalibrated;
        let length = waiting.new_nanos / 1_000_000;
        let before = self.clock.unwrap_or_else(|| millis.saturating_sub(length));
        self.clock = Some(millis);
        if MOST_DRIFT_MILLIS < before.saturating_add(length).abs_diff(millis) {
            // The clock was set.
            self.aggregation.flag();
            self.frequency_flagged = true;
        }
        if let Some(cycles) = self.aggregation.book(window, flagged) {
            each(QualityFinding::Cycles(&cycles));
        }
        self.frequency.book_part(window, waiting.new_nanos);
        let ended = |interval: u64| before / interval != millis / interval;
        if ended(TEN_SECONDS) {
            let frequency = self.frequency.close();
            let flagged = core::mem::take(&mut self.frequency_flagged);
            if let Some(microhertz) = frequency {
                self.week
                    .ten_seconds(microhertz as f64 * 1e-6 / self.nominal_hertz, flagged);
            }
            each(QualityFinding::TenSeconds(frequency));
        }
        if ended(TEN_MINUTES) {
            let is_across = !waiting.before_anew && 2 * HALF_CYCLE_MILLIS < millis % TEN_MINUTES;
            let across = is_across.then_some((window, flagged));
            self.end_ten_minutes(ended(TWO_HOURS), across, each);
        }
        let week = |millis: u64| (millis / DAY + DAYS_FROM_MONDAY) / 7;
        let (running, now) = (*self.running_week.get_or_insert_with(|| week(before)), week(millis));
        // A clock that is set back over Monday does not end the few minutes of the week that has begun: they would take the place of a whole one.
        if running != now && running != now + 1 {
            each(QualityFinding::Week(&self.week));
            self.week.restart();
            self.running_week = Some(now);
        }
    }

    fn end_ten_minutes(
        &mut self,
        ends_two_hours: bool,
        across: Option<(&Measurement, bool)>,
        each: &mut impl FnMut(QualityFinding<'_>),
    ) {
        let covered = Position::from_raw(self.aggregation.covered_raw()).seconds(self.rate_hz);
        if covered < LEAST_COVERED_SECONDS {
            self.aggregation.flag();
        }
        let ticked = self.aggregation.tick(ends_two_hours, across);
        // Pst is one of ten minutes (IEC 61000-4-15): of less there is none.
        let is_whole = LEAST_COVERED_SECONDS <= covered;
        let pst_thousandths = self
            .flicker
            .short_term_thousandths()
            .map(|pst| pst.filter(|_| is_whole));
        for (psts, pst) in self.psts.iter_mut().zip(pst_thousandths) {
            psts.rotate_right(1);
            if let Some(latest) = psts.first_mut() {
                *latest = pst;
            }
        }
        if let Some(aggregate) = ticked.ten_minutes {
            let harmonics = self.harmonics.means();
            self.week.ten_minutes(
                &self.scale,
                &aggregate.voltage_microvolts,
                aggregate.unbalance.map(|unbalance| unbalance.negative_millionths),
                harmonics,
                aggregate.flagged,
            );
            each(QualityFinding::TenMinutes(&TenMinutes {
                aggregate,
                harmonics,
                pst_thousandths,
                week: &self.week,
            }));
        }
        self.harmonics.restart();
        if ends_two_hours {
            let two_hours = TwoHours {
                aggregate: ticked.two_hours,
                plt_thousandths: self.psts.map(|psts| {
                    let mut all = [0; 12];
                    for (slot, pst) in all.iter_mut().zip(psts) {
                        *slot = pst?;
                    }
                    Some(Flicker::long_term_thousandths(&all))
                }),
            };
            let flagged = two_hours.aggregate.is_some_and(|aggregate| aggregate.flagged);
            self.week.two_hours(&two_hours.plt_thousandths, flagged);
            each(QualityFinding::TwoHours(&two_hours));
        }
    }
}

/// Windows that wait to be judged.
#[derive(Clone, Debug)]
struct Waiting {
    window: Measurement,
    /// How much of it was in no window before.
    new_nanos: u64,
    /// The clock at its end.
    unix_millis: u64,
    /// Whether the next window begins at the tick that is in this one.
    before_anew: bool,
    /// Whether the calibration changed while it was under way.
    recalibrated: bool,
}

/// A little more than half a cycle of the slowest frequency.
const HALF_CYCLE_MILLIS: u64 = 12;
const TEN_SECONDS: u64 = 10_000;
const TEN_MINUTES: u64 = 600_000;
const TWO_HOURS: u64 = 7_200_000;
const DAY: u64 = 86_400_000;
/// 1970-01-01 was a Thursday.
const DAYS_FROM_MONDAY: u64 = 3;
/// Difference of clock and samples that is taken for a clock that was set.
const MOST_DRIFT_MILLIS: u64 = 1_000;
/// Ten minutes of which less was measured are flagged.
const LEAST_COVERED_SECONDS: f64 = 598.0;
/// Largest step of the frequency from window to window that is taken for a ramp.
const MOST_RAMP_HERTZ: f64 = 0.6;
