//! Urms(1/2), dips, swells and interruptions after IEC 61000-4-30 against voltages whose course is known.

use core::f64::consts::{SQRT_2, TAU};

use ferraris_metrology::{
    Channel, ChannelSet, HalfCycle, NominalFrequency, Phase, SampleSet, Setup, VoltageEvent, VoltageEventKind,
    VoltageFinding, VoltageThresholds, VoltageWatch,
};
use proptest::prelude::*;

const VOLTS_PER_LSB: f64 = 600.0 / 8_388_608.0;
const RATE_HZ: f64 = 8_000.0;
const UDIN: f64 = 230.0;

/// Voltages in parts of Udin over time, by phase.
struct Course<'a> {
    hertz: f64,
    distorted: bool,
    part: &'a dyn Fn(usize, f64) -> f64,
}

impl Course<'_> {
    fn set(&self, sample: u32) -> SampleSet {
        let seconds = f64::from(sample) / RATE_HZ;
        let mut set = [0; 7];
        for phase in 0..3_u8 {
            let angle = TAU * (self.hertz * seconds + 0.13 - f64::from(phase) / 3.0).fract();
            let wave = |order: f64| (angle * order).sin();
            let distortion = if self.distorted {
                0.05 * wave(3.0) + 0.06 * (5.0 * angle + 1.0).sin() + 0.02 * wave(11.0)
            } else {
                0.0
            };
            let volts = UDIN * SQRT_2 * (self.part)(usize::from(phase), seconds) * (wave(1.0) + distortion);
            set[usize::from(phase)] = nearest(volts / VOLTS_PER_LSB);
        }
        set
    }

    /// Rms of a voltage of part 1.
    fn rms(&self) -> f64 {
        let squares = if self.distorted {
            0.05 * 0.05 + 0.06 * 0.06 + 0.02 * 0.02
        } else {
            0.0
        };
        UDIN * (1.0_f64 + squares).sqrt()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "codes of 24 bits")]
fn nearest(value: f64) -> i32 {
    value.round() as i32
}

fn setup() -> Setup {
    Setup::three_phase(RATE_HZ, VOLTS_PER_LSB, 1e-5)
}

fn watch(course: &Course<'_>, setup: &Setup, n_samples: u32) -> (Vec<HalfCycle>, Vec<VoltageEvent>, Vec<VoltageEvent>) {
    let mut watch = VoltageWatch::new(setup, &VoltageThresholds::USUAL).expect("a good setup");
    let (mut cycles, mut began, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    let samples: Vec<SampleSet> = (0..n_samples).map(|sample| course.set(sample)).collect();
    for block in samples.chunks(77) {
        watch.push_block(block, |finding| match finding {
            VoltageFinding::HalfCycle(cycle) => cycles.push(*cycle),
            VoltageFinding::Began(event) => began.push(*event),
            VoltageFinding::Ended(event) => ended.push(*event),
        });
    }
    (cycles, began, ended)
}

fn volts(microvolts: u64) -> f64 {
    microvolts as f64 * 1e-6
}

/// Goal: 0.1 % Udin; measured far below, over the whole range of frequencies and with harmonics.
#[test]
fn steady_voltages_read_right_every_half_cycle() {
    for hertz in [42.5, 45.0, 49.2, 50.0, 50.013, 51.7, 57.5] {
        let course = Course {
            hertz,
            distorted: true,
            part: &|_phase, _seconds| 1.0,
        };
        let (cycles, began, _ended) = watch(&course, &setup(), 32_000);
        assert!(began.is_empty(), "{hertz} Hz: {began:?}");
        let settled: Vec<&HalfCycle> = cycles.iter().filter(|cycle| 12_000 < cycle.from.sample()).collect();
        let worst = settled
            .iter()
            .map(|cycle| (volts(cycle.voltage_microvolts) / course.rms() - 1.0).abs() * 100.0)
            .fold(0.0, f64::max);
        let period = settled
            .iter()
            .map(|cycle| (cycle.to - cycle.from) as f64 / 65_536.0 / RATE_HZ * hertz);
        let worst_period = period.map(|turns| (turns - 1.0).abs()).fold(0.0, f64::max);
        println!("{hertz} Hz: worst {worst:.5} %, period {worst_period:.6}");
        assert!(worst < 0.01, "{hertz} Hz: {worst} %");
        let per_phase = settled.iter().filter(|cycle| cycle.phase == Phase::L2).count();
        assert!((f64::from(u32::try_from(per_phase).expect("few")) - 2.0 * hertz * 2.5).abs() < 3.0);
        // The cycles of L1 begin at its zero crossings.
        for cycle in settled.iter().filter(|cycle| cycle.phase == Phase::L1) {
            let turns = 2.0 * (cycle.from.seconds(RATE_HZ) * hertz + 0.13);
            assert!((turns - turns.round()).abs() < 0.02, "{turns}");
        }
    }
}

/// Goal: residual within 0.1 % Udin, duration within one cycle, whatever the moment in the cycle; three quarters of a cycle are kept.
#[test]
fn a_dip_has_its_residual_voltage_and_duration() {
    let (mut worst_residual, mut worst_duration) = (0.0_f64, 0.0_f64);
    for (cycles, depth) in [
        (1.5, 0.4),
        (2.0, 0.7),
        (2.37, 0.02),
        (3.66, 0.1),
        (4.75, 0.88),
        (5.0, 0.85),
        (10.0, 0.1),
        (60.0, 0.4),
    ] {
        for turn in 0..8 {
            let begin = 1.5 + 0.0025 * f64::from(turn);
            let end = begin + cycles / 50.0;
            let course = Course {
                hertz: 50.0,
                distorted: true,
                part: &|phase, seconds| {
                    if phase == 1 && begin <= seconds && seconds < end {
                        depth
                    } else {
                        1.0
                    }
                },
            };
            let (_cycles, began, ended) = watch(&course, &setup(), 28_000);
            assert_eq!(
                (began.len(), ended.len()),
                (1, 1),
                "{cycles} cycles to {depth}, turn {turn}"
            );
            let dip = ended[0];
            assert_eq!(
                (dip.kind, dip.phase, began[0].from),
                (VoltageEventKind::Dip, Phase::L2, dip.from)
            );
            let residual = (volts(dip.extreme_microvolts) - depth * course.rms()) / UDIN * 100.0;
            let (from, to) = (dip.from.seconds(RATE_HZ), dip.to.seconds(RATE_HZ));
            let duration = (dip.duration_raw as f64 / 65_536.0 / RATE_HZ - (end - begin)) * 50.0;
            // A cycle at most before it (a shallow dip must fill most of a cycle), a cycle and a half at most after.
            assert!(
                from <= begin + 0.01 && begin - 0.0205 <= from,
                "from {from}, dip from {begin}"
            );
            assert!(end - 0.001 <= to && to <= end + 0.0305, "to {to}, dip to {end}");
            if 2.0 <= cycles {
                worst_residual = worst_residual.max(residual.abs());
            }
            worst_duration = worst_duration.max(duration.abs());
        }
    }
    println!("worst residual {worst_residual:.4} % Udin, worst duration {worst_duration:.3} cycles");
    assert!(worst_residual < 0.1 && worst_duration <= 0.75);
}

#[test]
fn a_swell_has_its_greatest_voltage() {
    let course = Course {
        hertz: 50.0,
        distorted: false,
        part: &|phase, seconds| {
            if phase == 0 && (1.5..1.7).contains(&seconds) {
                1.25
            } else {
                1.0
            }
        },
    };
    let (_cycles, _began, ended) = watch(&course, &setup(), 20_000);
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].kind, ended[0].phase), (VoltageEventKind::Swell, Phase::L1));
    assert!((volts(ended[0].extreme_microvolts) / UDIN - 1.25).abs() < 1e-3);
    let seconds = ended[0].duration_raw as f64 / 65_536.0 / RATE_HZ;
    assert!((seconds - 0.2).abs() <= 0.015, "{seconds}");
}

/// IEC 61000-4-30, 5.4.2.2: from the first phase that falls to the last that returns.
#[test]
fn dips_of_several_phases_are_one_event() {
    let course = Course {
        hertz: 50.0,
        distorted: false,
        part: &|phase, seconds| match phase {
            0 if (1.5..1.8).contains(&seconds) => 0.7,
            1 if (1.7..2.0).contains(&seconds) => 0.5,
            2 if (1.95..2.2).contains(&seconds) => 0.8,
            _ => 1.0,
        },
    };
    let (_cycles, began, ended) = watch(&course, &setup(), 24_000);
    assert_eq!((began.len(), ended.len()), (1, 1));
    assert_eq!(ended[0].phase, Phase::L2);
    assert!((volts(ended[0].extreme_microvolts) / UDIN - 0.5).abs() < 1e-3);
    assert!((ended[0].from.seconds(RATE_HZ) - 1.5).abs() <= 0.0205);
    assert!((ended[0].to.seconds(RATE_HZ) - 2.2).abs() <= 0.0305);
    // By the depth of the phase that began it and of the one that ended it.
    let seconds = ended[0].duration_raw as f64 / 65_536.0 / RATE_HZ;
    assert!((seconds - 0.7).abs() <= 0.015, "{seconds}");
}

/// 5.5: an interruption takes all phases; it lies within a dip.
#[test]
fn an_interruption_takes_all_phases() {
    for n_gone in [2, 3] {
        let course = Course {
            hertz: 49.7,
            distorted: true,
            part: &|phase, seconds| {
                let back = if phase == 2 { 1.9 } else { 2.0 };
                if phase < n_gone && (1.5..back).contains(&seconds) {
                    0.01
                } else {
                    1.0
                }
            },
        };
        let (_cycles, began, ended) = watch(&course, &setup(), 24_000);
        let kinds: Vec<VoltageEventKind> = ended.iter().map(|event| event.kind).collect();
        if n_gone == 2 {
            assert_eq!(kinds, [VoltageEventKind::Dip]);
            continue;
        }
        assert_eq!(kinds, [VoltageEventKind::Interruption, VoltageEventKind::Dip]);
        assert_eq!(began[0].kind, VoltageEventKind::Dip);
        let seconds = |event: &VoltageEvent| (event.from.seconds(RATE_HZ), event.to.seconds(RATE_HZ));
        let (from, to) = seconds(&ended[0]);
        assert!(
            (from - 1.5).abs() <= 0.0205 && (to - 1.9).abs() <= 0.0305,
            "{from} {to}"
        );
        assert!(
            (seconds(&ended[1]).1 - 2.0).abs() <= 0.0305,
            "the dip lasts until all are back"
        );
        assert!(volts(ended[0].extreme_microvolts) < 0.011 * UDIN);
    }
}

#[test]
fn a_dip_ends_only_beyond_the_hysteresis() {
    let course = Course {
        hertz: 50.0,
        distorted: false,
        part: &|_phase, seconds| match seconds {
            ..1.5 => 0.905,
            ..1.6 => 0.89,
            ..2.0 => 0.915,
            _ => 0.925,
        },
    };
    let (_cycles, _began, ended) = watch(&course, &setup(), 24_000);
    assert_eq!(ended.len(), 1);
    assert!((ended[0].to.seconds(RATE_HZ) - 2.0).abs() <= 0.0305);
    assert!((volts(ended[0].extreme_microvolts) / UDIN - 0.89).abs() < 1e-3);
}

#[test]
fn an_event_that_goes_on_can_be_asked_for() {
    let mut watch = VoltageWatch::new(&setup(), &VoltageThresholds::USUAL).expect("a good setup");
    let course = Course {
        hertz: 50.0,
        distorted: false,
        part: &|phase, seconds| if phase == 0 && 0.5 < seconds { 0.6 } else { 1.0 },
    };
    assert_eq!(watch.voltage_microvolts(Phase::L1), None);
    for sample in 0..8_000 {
        watch.push(&course.set(sample), |_finding| {});
    }
    let dip = watch.present(VoltageEventKind::Dip).expect("it goes on");
    assert!((volts(dip.extreme_microvolts) / UDIN - 0.6).abs() < 1e-3);
    assert!(watch.present(VoltageEventKind::Interruption).is_none());
    assert!((volts(watch.voltage_microvolts(Phase::L3).expect("a voltage")) / UDIN - 1.0).abs() < 1e-3);
}

/// A meter that has one voltage: L1 alone makes an interruption.
#[test]
fn voltages_that_the_meter_does_not_have_are_no_dips() {
    let mut single = setup();
    single.channels = ChannelSet::SINGLE_PHASE;
    let course = Course {
        hertz: 60.0,
        distorted: false,
        part: &|phase, seconds| {
            if phase == 0 && !(1.0..1.5).contains(&seconds) {
                1.0
            } else {
                0.0
            }
        },
    };
    single.nominal_frequency = NominalFrequency::Hz60;
    let (cycles, began, ended) = watch(&course, &single, 16_000);
    assert!(cycles.iter().all(|cycle| cycle.phase == Phase::L1));
    assert_eq!((began.len(), ended.len()), (2, 2));
    assert!(ended.iter().any(|event| event.kind == VoltageEventKind::Interruption));
}

#[test]
fn absurd_thresholds_are_refused_by_name() {
    let check = |change: fn(&mut VoltageThresholds)| {
        let mut thresholds = VoltageThresholds::USUAL;
        change(&mut thresholds);
        VoltageWatch::new(&setup(), &thresholds)
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(check(|_it| {}), None);
    assert_eq!(check(|it| it.dip = 1.2).as_deref(), Some("dip must be 0.5 to 1"));
    assert_eq!(check(|it| it.swell = f64::NAN).as_deref(), Some("swell must be 1 to 2"));
    assert_eq!(
        check(|it| it.interruption = 0.0).as_deref(),
        Some("interruption must be 0.005 to 0.5")
    );
    assert_eq!(
        check(|it| it.hysteresis = -0.1).as_deref(),
        Some("hysteresis must be 0 to 0.1")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the codes: no panic, cycles in order, events that begin before they end, the same for any cut into blocks.
    #[test]
    fn garbage_never_panics(
        codes in prop::collection::vec(prop::sample::select(vec![i32::MIN, i32::MAX, 0, 1, -1, 4_000_000, -4_000_000]), 6_000),
        rate_hz in 2_000.0_f64..64_000.0,
        cut in 1_usize..500,
    ) {
        let mut setup = setup();
        setup.rate_hz = rate_hz;
        let samples: Vec<SampleSet> = codes.chunks(3).map(|three| [three[0], three[1], three[2], 0, 0, 0, 0]).collect();
        let findings = |cut: usize| {
            let mut watch = VoltageWatch::new(&setup, &VoltageThresholds::USUAL).expect("a good setup");
            let mut findings = Vec::new();
            for block in samples.chunks(cut) {
                watch.push_block(block, |finding| findings.push(*finding));
            }
            findings
        };
        let all = findings(cut);
        for finding in &all {
            let (from, to) = match finding {
                VoltageFinding::HalfCycle(cycle) => (cycle.from, cycle.to),
                VoltageFinding::Began(event) | VoltageFinding::Ended(event) => (event.from, event.to),
            };
            prop_assert!(from < to);
        }
        for channel in Channel::ALL.into_iter().take(3) {
            let of_phase: Vec<&HalfCycle> = all.iter().filter_map(|finding| match finding {
                VoltageFinding::HalfCycle(cycle) if cycle.phase.voltage() == channel => Some(cycle),
                _ => None,
            }).collect();
            prop_assert!(of_phase.windows(2).all(|pair| pair[0].from < pair[1].from && pair[1].from < pair[0].to));
        }
        prop_assert_eq!(all, findings(samples.len()));
    }
}
