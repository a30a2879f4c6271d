//! Q1, Q3: the quality of the supply as one value, from samples and windows to events, aggregates and the week.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "codes of 24 bits and counts"
)]

use core::f64::consts::{SQRT_2, TAU};

use ferraris_metrology::{
    Apparent, Calibration, Chain, Channel, GaplessHarmonics, Measurement, N_PHASES, N_TEMPERATURES, Phase,
    PhaseReading, Position, QualityFinding, QualitySetup, SampleSet, Setup, SupplyQuality, TemperatureCurve,
    VoltageEventKind, WEEK_RECORD_OCTETS, Week,
};

const VOLTS_PER_LSB: f64 = 600.0 / 8_388_608.0;
/// A Monday, 00:00.
const MONDAY: u64 = 1_785_715_200_000;

/// What came out, as far as the tests look.
#[derive(Debug, Default)]
struct Seen {
    began: Vec<VoltageEventKind>,
    ended: Vec<(VoltageEventKind, f64)>,
    rapid_changes: Vec<(f64, f64)>,
    frequencies: Vec<Option<u64>>,
    cycles: Vec<bool>,
    /// Begin and end of each 150 cycles in samples.
    runs: Vec<(f64, f64)>,
    ten_minutes: Vec<TenMinutes>,
    two_hours: Vec<(bool, [Option<u32>; N_PHASES])>,
    weeks: Vec<Week>,
    /// Urms(1/2) at the end.
    half_cycle_volts: f64,
}

#[derive(Debug)]
struct TenMinutes {
    flagged: bool,
    n_windows: u32,
    /// Begin and end in samples.
    span: (f64, f64),
    volts: f64,
    fundamental_volts: Option<f64>,
    thd_percent: Option<f64>,
    spans: u32,
    fifth_percent: Option<f64>,
    pst: Option<u32>,
}

impl Seen {
    fn take(&mut self, finding: QualityFinding<'_>) {
        match finding {
            QualityFinding::Began(event) => self.began.push(event.kind),
            QualityFinding::Ended(event) => self.ended.push((event.kind, event.extreme_microvolts as f64 * 1e-6)),
            QualityFinding::RapidChange(change) => self.rapid_changes.push((
                f64::from(change.greatest_microvolts) * 1e-6,
                f64::from(change.steady_microvolts) * 1e-6,
            )),
            QualityFinding::TenSeconds(hertz) => self.frequencies.push(hertz),
            QualityFinding::Cycles(aggregate) => {
                self.cycles.push(aggregate.flagged);
                self.runs.push((aggregate.from.samples(), aggregate.to.samples()));
            }
            QualityFinding::TenMinutes(it) => self.ten_minutes.push(TenMinutes {
                flagged: it.aggregate.flagged,
                n_windows: it.aggregate.n_values,
                span: (it.aggregate.from.samples(), it.aggregate.to.samples()),
                volts: it.aggregate.voltage_microvolts[0] as f64 * 1e-6,
                fundamental_volts: it
                    .harmonics
                    .fundamental_micro(Channel::V1)
                    .map(|it| f64::from(it) * 1e-6),
                thd_percent: it.harmonics.thd_millionths(Channel::V1).map(|it| f64::from(it) * 1e-4),
                spans: it.harmonics.spans(Channel::I3),
                fifth_percent: it
                    .harmonics
                    .harmonic_millionths(Channel::I2, 5)
                    .map(|it| f64::from(it) * 1e-4),
                pst: it.pst_thousandths[0],
            }),
            QualityFinding::TwoHours(it) => {
                self.two_hours
                    .push((it.aggregate.is_some_and(|it| it.flagged), it.plt_thousandths));
            }
            QualityFinding::Week(week) => self.weeks.push(week.clone()),
        }
    }
}

/// 230 V with 4 % of a fifth harmonic, currents of 5 A with 20 %, and `part` of the voltages.
fn samples(rate_hz: f64, first: u64, n: u64, part: impl Fn(f64) -> f64) -> Vec<SampleSet> {
    (first..first + n)
        .map(|sample| {
            let seconds = sample as f64 / rate_hz;
            let mut set = [0; 7];
            for phase in 0..3_u8 {
                let angle = TAU * (50.013 * seconds - f64::from(phase) / 3.0).fract();
                let volts = 230.0 * SQRT_2 * part(seconds) * (angle.sin() + 0.04 * (5.0 * angle).sin());
                let amperes = 5.0 * SQRT_2 * (angle.sin() + 0.2 * (5.0 * angle).sin());
                set[usize::from(phase)] = (volts / VOLTS_PER_LSB).round() as i32;
                set[usize::from(phase) + 3] = (amperes / 1e-5).round() as i32;
            }
            set
        })
        .collect()
}

fn setup() -> Setup {
    Setup::three_phase(2_500.0, VOLTS_PER_LSB, 1e-5)
}

/// What measures.
struct Path {
    chain: Chain,
    quality: SupplyQuality,
    gapless: GaplessHarmonics,
}

/// Runs a meter whose clock starts so many seconds before a 10-minute tick, as a host does: gapless.
fn run(seconds: u64, before_tick: u64, part: impl Fn(f64) -> f64 + Copy) -> Seen {
    run_with(seconds, before_tick, part, |_tenths, _path| {})
}

/// The same; `each` may change the calibration before each tenth of a second.
fn run_with(seconds: u64, before_tick: u64, part: impl Fn(f64) -> f64 + Copy, each: impl Fn(u64, &mut Path)) -> Seen {
    let setup = setup();
    let mut path = Path {
        chain: Chain::new(&setup).expect("a good setup"),
        quality: SupplyQuality::new(&setup, &QualitySetup::USUAL).expect("a good setup"),
        gapless: GaplessHarmonics::new(&setup).expect("a good setup"),
    };
    let mut seen = Seen::default();
    let start = MONDAY + 600_000 - before_tick * 1_000;
    for block in 0..seconds * 10 {
        each(block, &mut path);
        let Path {
            chain,
            quality,
            gapless,
        } = &mut path;
        let block = samples(2_500.0, block * 250, 250, part);
        let mut windows: Vec<Measurement> = Vec::new();
        let millis = start + chain.position().sample() * 1_000 / 2_500;
        let to_tick = millis.next_multiple_of(600_000) - millis;
        if to_tick < 300 {
            chain.resynchronise(Position::of_sample(chain.position().sample() + to_tick * 5 / 2));
        }
        chain.push_block(&block, |window| windows.push(*window));
        quality.push_block(&block, |finding| seen.take(finding));
        for window in &windows {
            let millis = (window.to.seconds(2_500.0) * 1e3).round() as u64;
            quality.book(window, start + millis, |finding| seen.take(finding));
            gapless.expect_hertz(quality.expected_hertz());
        }
        gapless.push_block(&block, |spectrum| quality.book_spectrum(spectrum));
    }
    let at_the_end = path.quality.watch().voltage_microvolts(Phase::L1).unwrap_or(0);
    seen.half_cycle_volts = at_the_end as f64 * 1e-6;
    seen
}

/// Q1, M7: another calibration counts in all of the quality at once. What holds values of both sides is flagged, and only that; the step of
/// 5 % is no rapid change and no flicker. A temperature is followed without a flag.
#[test]
fn a_new_calibration_flags_the_intervals_it_falls_into_and_a_temperature_none() {
    let calibrated = |gain: f64| {
        let mut setup = setup();
        setup.calibration = [Calibration::new(gain, 0.0, 0.0, 0.0, 0.0).expect("in range"); 7];
        setup
    };
    let mut points = [TemperatureCurve::FLAT.at(23.0); N_TEMPERATURES];
    for (point, celsius) in points.iter_mut().zip([-40.0, -20.0, 0.0, 23.0, 40.0, 55.0, 70.0]) {
        point.celsius = celsius;
        point.gain = if celsius == 70.0 { 1.001 } else { 1.0 };
    }
    let curves = [TemperatureCurve::new(points).expect("rising"); 7];
    let seen = run_with(
        1_207,
        5,
        |_seconds| 1.0,
        |tenths, path| match tenths {
            200 => {
                let setup = calibrated(1.05);
                path.chain.adjust(&setup).expect("a good setup");
                path.quality.adjust(&setup).expect("a good setup");
                path.gapless.adjust(&setup).expect("a good setup");
                let mut absurd = setup;
                absurd.rate_hz = f64::NAN;
                assert!(path.quality.adjust(&absurd).is_err() && path.gapless.adjust(&absurd).is_err());
            }
            6_000 => {
                path.chain.compensate(70.0, &curves);
                path.quality.compensate(70.0, &curves);
                path.gapless.compensate(70.0, &curves);
            }
            _ => {}
        },
    );
    assert!(seen.began.is_empty(), "{:?}", seen.began);
    assert!(seen.rapid_changes.is_empty(), "{:?}", seen.rapid_changes);
    let flagged: Vec<usize> = (0..seen.cycles.len()).filter(|run| seen.cycles[*run]).collect();
    let [run] = flagged[..] else {
        panic!("one run of 150 cycles holds both: {flagged:?}")
    };
    let (from, to) = seen.runs[run];
    assert!(from <= 20.0 * 2_500.0 && 20.0 * 2_500.0 <= to, "{from} to {to}");
    let [_cut, both, new] = &seen.ten_minutes[..] else {
        panic!("{:?}", seen.ten_minutes)
    };
    assert!(both.flagged && !new.flagged);
    let truth = 230.0 * (1.0_f64 + 0.0016).sqrt() * 1.05 * 1.001;
    assert!((new.volts / truth - 1.0).abs() < 1e-5, "{} of {truth}", new.volts);
    let fundamental = new.fundamental_volts.expect("a voltage");
    assert!(
        (fundamental / (230.0 * 1.05 * 1.001) - 1.0).abs() < 1e-5,
        "{fundamental}"
    );
    for interval in [both, new] {
        assert!(interval.pst.is_some_and(|pst| pst < 40), "{:?}", interval.pst);
    }
    assert!(
        (seen.half_cycle_volts / truth - 1.0).abs() < 1e-4,
        "{}",
        seen.half_cycle_volts
    );
}

#[test]
fn ten_minutes_hold_voltage_harmonics_and_flicker() {
    let seen = run(616, 5, |_seconds| 1.0);
    assert!(seen.began.is_empty() && seen.rapid_changes.is_empty());
    assert_eq!(seen.ten_minutes.len(), 2);
    let (first, whole) = (&seen.ten_minutes[0], &seen.ten_minutes[1]);
    assert!(first.flagged, "five seconds of ten minutes");
    assert!(!whole.flagged);
    assert!(
        (whole.volts / (230.0 * (1.0_f64 + 0.0016).sqrt()) - 1.0).abs() < 1e-5,
        "{}",
        whole.volts
    );
    assert!((whole.thd_percent.expect("a voltage") - 4.0).abs() < 0.001);
    assert!((whole.fifth_percent.expect("a current") - 20.0).abs() < 0.005);
    assert!((2_990..=3_002).contains(&whole.spans), "gapless: {}", whole.spans);
    assert!(whole.pst.is_some_and(|pst| pst < 40), "{:?}", whole.pst);
    assert!((60..=62).contains(&seen.frequencies.len()));
    let last = seen.frequencies[30].expect("a voltage");
    assert!((last as f64 * 1e-6 - 50.013).abs() < 1e-4, "{last}");
    // IEC 61000-4-30, 4.5: 600 s are 3000.78 windows of 50.013 Hz. They begin at the tick; the last one is under way at the next tick and
    // goes on to its end (overlap 1), so there are 3001, within half a cycle.
    assert_eq!(whole.n_windows, 3_001);
    let window = 2_500.0 * 10.0 / 50.013;
    let (tick, half_cycle) = (5.0 * 2_500.0, window / 20.0 + 0.1);
    assert!((whole.span.0 - tick).abs() < half_cycle, "{:?}", whole.span);
    assert!(
        (whole.span.1 - whole.span.0 - 3_001.0 * window).abs() < 0.1,
        "{:?}",
        whole.span
    );
    assert!(
        first.span.1 < whole.span.0 + window && whole.span.0 < first.span.1,
        "they overlap"
    );
    // 150 cycles: one run before the first tick; the run that the tick finds goes on to its end beside the new ones (overlap 2).
    let new: Vec<_> = seen
        .runs
        .iter()
        .filter(|run| whole.span.0 <= run.0 && run.1 <= whole.span.1)
        .collect();
    assert_eq!(new.len(), 200);
    for (n, run) in (0..).zip(&new) {
        let begin = whole.span.0 + f64::from(n) * 15.0 * window;
        assert!((run.0 - begin).abs() < 0.1, "{n}: {run:?}");
        assert!((run.1 - begin - 15.0 * window).abs() < 0.1, "{n}: {run:?}");
    }
    let across: Vec<_> = seen
        .runs
        .iter()
        .filter(|run| run.0 < whole.span.0 && whole.span.0 < run.1)
        .collect();
    assert_eq!(across.len(), 1, "one run is under way at the tick");
    assert!(
        (across[0].1 - across[0].0 - 15.0 * window).abs() < window,
        "15 windows, of which two overlap"
    );
}

/// 4.7: a dip flags the window that it is in, and every aggregate of it. 5.11: a change that is a dip is no rapid change.
#[test]
fn a_dip_flags_what_it_spoils_and_a_step_is_a_rapid_change() {
    let course = |seconds: f64| match seconds {
        ..8.0 => 1.0,
        ..10.5 => 0.95,
        ..10.6 => 0.6,
        _ => 0.95,
    };
    let seen = run(24, 20, course);
    assert_eq!(seen.began, [VoltageEventKind::Dip]);
    assert_eq!(seen.ended.len(), 1);
    assert!(
        (seen.ended[0].1 - 0.6 * 230.0 * (1.0_f64 + 0.0016).sqrt()).abs() < 0.23,
        "{:?}",
        seen.ended
    );
    assert_eq!(seen.rapid_changes.len(), 1, "{:?}", seen.rapid_changes);
    let (greatest, steady) = seen.rapid_changes[0];
    assert!(
        (greatest - 11.5).abs() < 0.2 && (steady - 11.5).abs() < 0.3,
        "{greatest} {steady}"
    );
    // 3 s each: one run of 150 cycles holds the dip at 10.5 s.
    assert_eq!(
        seen.cycles.iter().filter(|flagged| **flagged).count(),
        1,
        "{:?}",
        seen.cycles
    );
}

/// A window of 200 ms that ends at the clock's `millis`.
fn window(n: u64, volts: u64) -> Measurement {
    let phases = [PhaseReading::steady(volts * 1_000_000, 0, 0, 0, 200_000_000); N_PHASES];
    let at = |n: u64| Position::of_sample(n * 1_600);
    Measurement::of_phases(at(n), at(n + 1), 200_000_000, 50_400_000, phases, Apparent::Arithmetic)
}

/// Two hours are told when they end, weeks on Monday; a clock that is set flags the ten minutes and no more.
#[test]
fn a_week_ends_on_monday_and_a_set_clock_flags() {
    let setup = Setup::three_phase(8_000.0, VOLTS_PER_LSB, 1e-5);
    let mut quality = SupplyQuality::new(&setup, &QualitySetup::USUAL).expect("a good setup");
    let mut seen = Seen::default();
    let hours = 26;
    let start = MONDAY - (hours - 1) * 3_600_000;
    let mut shift = 0;
    for n in 0..hours * 18_000 {
        if n == 20_000 {
            shift = 5_000;
        }
        // Too low for the last two hours of the week.
        let volts = if (23 * 18_000..25 * 18_000).contains(&n) {
            200
        } else {
            229
        };
        quality.book(&window(n, volts), start + (n + 1) * 200 + shift, |finding| {
            seen.take(finding)
        });
    }
    assert_eq!(seen.two_hours.len(), 13);
    let flagged: Vec<_> = seen.two_hours.iter().map(|(flagged, _)| *flagged).collect();
    assert!(flagged[0], "one hour only");
    assert_eq!(flagged.iter().filter(|flagged| **flagged).count(), 2);
    assert_eq!(seen.ten_minutes.iter().filter(|it| it.flagged).count(), 1);
    assert_eq!(seen.weeks.len(), 1);
    let week = &seen.weeks[0];
    let voltage = &week.voltage[0];
    assert_eq!((voltage.values, voltage.flagged), (149, 1));
    assert!((11..=13).contains(&(voltage.values - voltage.within)), "{voltage:?}");
    assert_eq!(voltage.within_always, voltage.values);
    assert!(!week.is_kept());
    assert_eq!(week.frequency.within, week.frequency.values);
    assert!(
        (8_900..9_100).contains(&week.frequency.values),
        "{}",
        week.frequency.values
    );
    assert_eq!(quality.week().voltage[0].values, 6, "the new week");
}

/// Set back over Monday, the week that has begun goes on when Monday comes again; set back by more than a week, it ends.
#[test]
fn a_week_that_is_told_is_not_told_again_when_the_clock_is_set_back() {
    let setup = Setup::three_phase(8_000.0, VOLTS_PER_LSB, 1e-5);
    let mut quality = SupplyQuality::new(&setup, &QualitySetup::USUAL).expect("a good setup");
    let (minute, day) = (60_000, 86_400_000);
    let mut live = |from: u64, minutes: u64| {
        let mut seen = Seen::default();
        for n in 0..minutes * 300 {
            quality.book(&window(n, 230), from + (n + 1) * 200, |finding| seen.take(finding));
        }
        seen.weeks
    };
    let weeks = live(MONDAY - 60 * minute, 65);
    assert_eq!(weeks.len(), 1);
    assert_eq!(weeks[0].voltage[0].values, 6);
    assert_eq!(live(MONDAY - 10 * minute, 30).len(), 0, "Monday comes again");
    let weeks = live(MONDAY + 7 * day - 30 * minute, 31);
    assert_eq!(weeks.len(), 1, "the next Monday");
    assert!(
        2 <= weeks[0].voltage[0].values,
        "with what was measured since the first"
    );
    assert_eq!(live(MONDAY - 10 * day, 1).len(), 1, "by more than a week");
}

/// How the samples are cut into blocks changes nothing, and memory keeps its goals: 40 kB channel by channel, 96 kB gapless.
#[test]
fn memory_keeps_its_goals() {
    let (all, chain, core, gapless) = (
        size_of::<SupplyQuality>(),
        size_of::<Chain>(),
        size_of::<ferraris_metrology::Core>(),
        size_of::<GaplessHarmonics>(),
    );
    println!(
        "supply quality {all}, analyser of the chain {}, gapless {gapless}, core {core}",
        chain - core
    );
    assert!(all + (chain - core) <= 40 * 1024, "channel by channel");
    assert!(all + gapless <= 96 * 1024, "gapless");
    assert!(core <= 8 * 1024);
}

/// A week goes on after the power was away: what was counted stays, the ten minutes of the cut are flagged, and a week that ended
/// meanwhile is told.
#[test]
fn a_week_goes_on_after_a_power_cut() {
    let setup = Setup::three_phase(8_000.0, VOLTS_PER_LSB, 1e-5);
    let begin = || SupplyQuality::new(&setup, &QualitySetup::USUAL).expect("a good setup");
    let mut record = Vec::new();
    let mut live = |quality: &mut SupplyQuality, from: u64, seconds: u64| {
        let mut seen = Seen::default();
        for n in 0..seconds * 5 {
            let end = from + (n + 1) * 200;
            quality.book(&window(n, 229), end, |finding| {
                if let QualityFinding::TenMinutes(minutes) = finding {
                    let mut octets = [0; WEEK_RECORD_OCTETS];
                    record = minutes
                        .week
                        .save(end / 600_000 * 600, &mut octets)
                        .expect("room")
                        .to_vec();
                }
                seen.take(finding);
            });
        }
        (seen, record.clone())
    };
    let tuesday = MONDAY + 86_400_000;
    let mut quality = begin();
    let (seen, record) = live(&mut quality, tuesday, 3 * 600 + 200);
    assert_eq!(seen.ten_minutes.len(), 3);
    // Away from 00:33:20 to 02:15.
    let mut quality = begin();
    assert!(!quality.resume(&record[1..], tuesday + 8_100_000) && !quality.resume(&record, MONDAY));
    assert!(quality.resume(&record, tuesday + 8_100_000));
    assert_eq!(quality.week().voltage[0].values, 3);
    let (seen, record) = live(&mut quality, tuesday + 8_100_000, 2 * 600);
    // The interval of the cut ends when the power is back; then that of the return, and a whole one.
    let flagged: Vec<_> = seen.ten_minutes.iter().map(|it| it.flagged).collect();
    assert_eq!(flagged, [true, true, false]);
    assert_eq!(seen.two_hours.len(), 1);
    assert!(seen.two_hours[0].0, "two hours with a cut");
    let voltage = &quality.week().voltage[0];
    assert_eq!((voltage.values, voltage.flagged), (4, 2));
    // Back in the next week: the old one ends with what it has.
    let mut quality = begin();
    assert!(quality.resume(&record, MONDAY + 8 * 86_400_000));
    let (seen, _) = live(&mut quality, MONDAY + 8 * 86_400_000, 10);
    assert_eq!(seen.weeks.len(), 1);
    assert_eq!(seen.weeks[0].voltage[0].values, 4);
    assert_eq!(quality.week().voltage[0].values, 0);
}
