//! Fixed currents against their closed form: amplitudes, powers, angles, harmonics, errors of sensors, and what changes.

use core::f64::consts::PI;

use ferraris_grid::{
    Connection, ConverterSetting, FixedLoad, Harmonic, LoadSetting, Noise, PhaseTruth, SampleSet, SupplySetting, World,
    WorldSetting,
};

/// Fixed currents on a converter without noise.
fn quiet(connection: Connection, amps: f64, angle_deg: f64) -> WorldSetting {
    let mut setting = WorldSetting::fixed(connection, amps, angle_deg, 1);
    setting.converter.noise = Noise::Off;
    setting
}

fn harmonics(list: &[(u8, f64, f64)]) -> ferraris_grid::Harmonics {
    list.iter()
        .map(|&(order, percent, phase_deg)| Harmonic {
            order,
            percent,
            phase_deg,
        })
        .collect()
}

/// The channels in volts and amperes.
fn physical(world: &World, set: SampleSet) -> [f64; 7] {
    let (volts, amps) = (world.volts_per_lsb(), world.amps_per_lsb());
    let mut scales = [volts, volts, volts, amps, amps, amps, amps];
    for (scale, code) in scales.iter_mut().zip(set) {
        *scale *= f64::from(code);
    }
    scales
}

/// What whole seconds of samples say of every phase.
fn measure(world: &mut World, seconds: u32, frequency_hz: f64) -> [PhaseTruth; 3] {
    let rate_hz = world.converter().rate_hz;
    let n = seconds * rate_hz;
    let turn = 2.0 * PI * frequency_hz / f64::from(rate_hz);
    let mut sums = [[0.0; 7]; 3];
    for sample in 0..n {
        let set = world.sample();
        let values = physical(world, set);
        let (sin, cos) = (turn * f64::from(sample)).sin_cos();
        for (phase, sums) in sums.iter_mut().enumerate() {
            let (v, i) = (values[phase], values[phase + 3]);
            for (sum, term) in sums
                .iter_mut()
                .zip([v * v, i * i, v * i, v * sin, v * cos, i * sin, i * cos])
            {
                *sum += term;
            }
        }
    }
    let n = f64::from(n);
    sums.map(|[vv, ii, vi, v_sin, v_cos, i_sin, i_cos]| PhaseTruth {
        volts: (vv / n).sqrt(),
        amps: (ii / n).sqrt(),
        active_watts: vi / n,
        fundamental_active_watts: 2.0 * (v_sin * i_sin + v_cos * i_cos) / (n * n),
        fundamental_reactive_vars: 2.0 * (v_cos * i_sin - v_sin * i_cos) / (n * n),
    })
}

#[track_caller]
fn compare(measured: &[PhaseTruth; 3], truth: &[PhaseTruth; 3], tolerance: f64) {
    for (found, truth) in measured.iter().zip(truth) {
        let apparent = truth.volts * truth.amps + 1e-3;
        let off = [
            (found.volts - truth.volts) / (truth.volts + 1e-3),
            (found.amps - truth.amps) / (truth.amps + 1e-3),
            (found.active_watts - truth.active_watts) / apparent,
            (found.fundamental_active_watts - truth.fundamental_active_watts) / apparent,
            (found.fundamental_reactive_vars - truth.fundamental_reactive_vars) / apparent,
        ];
        assert!(
            off.iter().all(|off| off.abs() < tolerance),
            "{off:?}\n{found:?}\n{truth:?}"
        );
    }
}

#[test]
fn powers_amplitudes_and_angles_are_those_of_the_closed_form() {
    for (angle_deg, amps) in [
        (0.0, 5.0),
        (60.0, 100.0),
        (-60.0, 20.0),
        (180.0, 10.0),
        (-120.0, 10.0),
        (90.0, 50.0),
    ] {
        let mut world = World::new(&quiet(Connection::ThreePhase, amps, angle_deg)).expect("in range");
        let truth = world.truth().expect("fixed currents");
        let apparent = 230.0 * amps;
        let (sin, cos) = (angle_deg * PI / 180.0).sin_cos();
        for phase in truth.phases {
            assert!((phase.active_watts - apparent * cos).abs() < 1e-9 * apparent);
            assert!((phase.fundamental_reactive_vars - apparent * sin).abs() < 1e-9 * apparent);
        }
        let measured = measure(&mut world, 2, 50.0);
        compare(&measured, &truth.phases, 2e-6);
    }
}

#[test]
fn harmonics_and_unequal_phases_are_those_of_the_closed_form_at_every_rate() {
    for rate_hz in [2000, 6400, 8000, 15_625, 64_000] {
        let mut setting = quiet(Connection::ThreePhase, 10.0, 0.0);
        setting.converter.rate_hz = rate_hz;
        setting.supply.frequency_hz = 51.0;
        setting.supply.phases[0].harmonics = harmonics(&[(5, 4.0, 0.0), (3, 5.0, 77.0), (50, 1.0, -30.0)]);
        setting.supply.phases[1].volts = 207.5;
        setting.supply.phases[2].angle_deg = 100.0;
        let LoadSetting::Fixed(load) = &mut setting.load else {
            panic!("fixed currents")
        };
        load.phases[0].harmonics = harmonics(&[(5, 40.0, 10.0), (50, 10.0, 0.0), (2, 3.0, 0.0)]);
        load.phases[1].angle_deg = 30.0;
        load.phases[2].amps = 0.5;
        let mut world = World::new(&setting).expect("in range");
        let truth = world.truth().expect("fixed currents");
        let measured = measure(&mut world, 3, 51.0);
        compare(&measured, &truth.phases, 3e-6);
    }
}

/// The waves themselves, before rounding, stay within 1e-11 of the closed form over an hour: a unit test of the oscillator
/// holds that. Here an hour passes through the converter.
#[test]
fn after_an_hour_the_samples_are_still_those_of_the_closed_form() {
    let mut setting = quiet(Connection::ThreePhase, 100.0, 60.0);
    setting.supply.frequency_hz = 50.013;
    let mut world = World::new(&setting).expect("in range");
    let mut sets = vec![[0; 7]; 8000];
    for _ in 0..3600 {
        world.fill(&mut sets);
    }
    for sample in 0..8000_u32 {
        let set = world.sample();
        let values = physical(&world, set);
        // 3600 s are 180046.8 turns.
        let angle = 2.0 * PI * (0.8 + 50.013 * f64::from(sample) / 8000.0);
        let exact = [
            230.0 * angle.sin(),
            230.0 * (angle - 2.0 * PI / 3.0).sin(),
            100.0 * (angle - PI / 3.0).sin(),
        ];
        for (found, exact) in [values[0], values[1], values[3]].into_iter().zip(exact) {
            assert!(
                (found - exact * 2.0_f64.sqrt()).abs() < 40e-6,
                "{sample}: {found} {}",
                exact * 2.0_f64.sqrt()
            );
        }
    }
}

#[test]
fn phases_follow_each_other_in_order_and_the_neutral_returns_the_rest() {
    let mut setting = quiet(Connection::ThreePhase, 10.0, 0.0);
    let LoadSetting::Fixed(load) = &mut setting.load else {
        panic!("fixed currents")
    };
    load.phases[2].amps = 4.0;
    let mut world = World::new(&setting).expect("in range");
    let mut risings = Vec::new();
    let mut last = [0.0; 7];
    for _ in 0..480 {
        let set = world.sample();
        let values = physical(&world, set);
        for phase in 0..3 {
            if last[phase] < 0.0 && 0.0 <= values[phase] {
                risings.push(phase);
            }
        }
        assert!((values[3] + values[4] + values[5] + values[6]).abs() < 1e-4);
        last = values;
    }
    let from_l1 = risings.iter().position(|phase| *phase == 0).expect("L1 rises");
    assert!(
        risings[from_l1..].chunks(3).all(|chunk| [0, 1, 2].starts_with(chunk)),
        "{risings:?}"
    );
}

/// V1: the single-phase meter has one voltage and sees the same current in the phase and in the neutral.
#[test]
fn a_single_phase_meter_has_three_channels() {
    let mut world = World::new(&WorldSetting::fixed(Connection::SinglePhase, 5.0, 0.0, 1)).expect("in range");
    let truth = world.truth().expect("fixed currents");
    assert!((truth.phases[0].active_watts - 1150.0).abs() < 1e-9);
    assert_eq!(truth.phases[1], PhaseTruth::default());
    for _ in 0..1000 {
        let [_, v2, v3, i1, i2, i3, neutral] = world.sample();
        assert_eq!([v2, v3, i2, i3], [0; 4]);
        assert!((i1 + neutral).abs() < 1500, "only noise is between {i1} and {neutral}");
    }
}

/// V3: a meter on transformers has a finer current channel that holds 1.2 times 6 A.
#[test]
fn a_meter_on_transformers_holds_its_greatest_current() {
    let mut world = World::new(&quiet(Connection::Transformers { ratio: 20.0 }, 7.2, 0.0)).expect("in range");
    let truth = world.truth().expect("fixed currents");
    let measured = measure(&mut world, 1, 50.0);
    compare(&measured, &truth.phases, 1e-6);
}

#[test]
fn a_change_keeps_the_running_angle() {
    let mut world = World::new(&quiet(Connection::ThreePhase, 10.0, 0.0)).expect("in range");
    let mut last = 0.0;
    let greatest_step = 2.0_f64.sqrt() * 231.0 * 2.0 * PI * 52.0 / 8000.0;
    for step in 0..2000 {
        if step % 37 == 36 {
            let supply = SupplySetting::symmetrical(230.0, 48.0 + f64::from(step % 5));
            world.set_supply(&supply).expect("in range");
        }
        if step % 101 == 100 {
            world.set_connected(step % 2 == 0);
        }
        let set = world.sample();
        let v1 = physical(&world, set)[0];
        assert!((v1 - last).abs() < greatest_step, "{step}: {last} {v1}");
        last = v1;
    }
}

#[test]
fn a_ramp_moves_volts_and_frequency_and_arrives() {
    let mut world = World::new(&quiet(Connection::ThreePhase, 10.0, 0.0)).expect("in range");
    world
        .ramp_supply(&SupplySetting::symmetrical(184.0, 50.0), 2.0)
        .expect("in range");
    let mut rms = Vec::new();
    for _ in 0..3 {
        let [l1, ..] = measure(&mut world, 1, 50.0);
        rms.push(l1.volts);
    }
    assert!((rms[0] - 218.5).abs() < 1.0 && (rms[1] - 195.5).abs() < 1.0, "{rms:?}");
    assert!((rms[2] - 184.0).abs() < 1e-3, "{rms:?}");
    assert!((world.truth().expect("fixed currents").phases[0].volts - 184.0).abs() < 1e-9);
}

#[test]
fn a_missing_phase_keeps_its_current_and_an_open_switch_does_not() {
    let mut setting = quiet(Connection::ThreePhase, 10.0, 0.0);
    setting.supply.phases[1].volts = 0.0;
    let mut world = World::new(&setting).expect("in range");
    let [_, l2, _] = measure(&mut world, 1, 50.0);
    assert_eq!(l2.volts, 0.0);
    assert!((l2.amps - 10.0).abs() < 1e-4);
    world.set_connected(false);
    let truth = world.truth().expect("fixed currents");
    let measured = measure(&mut world, 1, 50.0);
    compare(&measured, &truth.phases, 1e-6);
    assert!((measured[0].volts - 230.0).abs() < 1e-4);
    assert_eq!(measured[0].amps, 0.0);
    world.set_connected(true);
    world.set_powered(false);
    let measured = measure(&mut world, 1, 50.0);
    assert_eq!(measured, [PhaseTruth::default(); 3]);
    world.set_powered(true);
    let measured = measure(&mut world, 1, 50.0);
    assert!((measured[0].active_watts - 2300.0).abs() < 0.01);
}

/// Reference chain of the metrology: gain, offset, the lead of a current transformer and the skew of a channel.
#[test]
fn errors_of_sensors_show_in_the_samples() {
    let mut setting = quiet(Connection::ThreePhase, 5.0, 60.0);
    setting.converter.sensors[0].gain_percent = 2.0;
    setting.converter.sensors[3].lead_deg = 0.23;
    setting.converter.sensors[4].delay_us = 20.0;
    setting.converter.sensors[5].offset_codes = 7000.0;
    let mut world = World::new(&setting).expect("in range");
    let _start_up = measure(&mut world, 10, 50.0);
    let measured = measure(&mut world, 1, 50.0);
    let expected = |angle_deg: f64, gain: f64| 1150.0 * gain * (angle_deg * PI / 180.0).cos();
    for (found, expected) in
        measured
            .iter()
            .zip([expected(60.0 - 0.23, 1.02), expected(60.36, 1.0), expected(60.0, 1.0)])
    {
        assert!(
            (found.active_watts / expected - 1.0).abs() < 2e-6,
            "{} {expected}",
            found.active_watts
        );
    }
    let offset = 7000.0 * world.amps_per_lsb();
    assert!((measured[2].amps - (25.0 + offset * offset).sqrt()).abs() < 1e-5);
}

#[test]
fn currents_beyond_the_range_are_held_at_the_rails() {
    let mut setting = quiet(Connection::ThreePhase, 120.0, 0.0);
    setting.converter = ConverterSetting {
        noise: Noise::Off,
        ..ConverterSetting::transformers()
    };
    let mut world = World::new(&setting).expect("in range");
    let codes: Vec<i32> = (0..160).map(|_| world.sample()[3]).collect();
    assert_eq!(
        (codes.iter().max(), codes.iter().min()),
        (Some(&8_388_607), Some(&-8_388_608))
    );
}

#[test]
fn a_refused_setting_changes_nothing() {
    let mut world = World::new(&quiet(Connection::ThreePhase, 5.0, 0.0)).expect("in range");
    let untouched = world.truth();
    let mut supply = SupplySetting::nominal();
    supply.phases[1].volts = f64::NAN;
    let error = world.set_supply(&supply).expect_err("not a number");
    assert_eq!(error.field.to_string(), "phases[1].volts");
    assert!(world.ramp_supply(&SupplySetting::nominal(), -1.0).is_err());
    assert!(world.set_load(&LoadSetting::symmetrical(-5.0, 0.0)).is_err());
    assert_eq!(world.truth(), untouched);
    let load = LoadSetting::Fixed(FixedLoad {
        phases: [1.0, 2.0, 3.0].map(|amps| ferraris_grid::PhaseLoad {
            amps,
            angle_deg: 0.0,
            harmonics: harmonics(&[]),
        }),
    });
    world.set_load(&load).expect("in range");
    assert_eq!(world.load(), &load);
    let setting = WorldSetting::fixed(Connection::Transformers { ratio: 0.0 }, 5.0, 0.0, 1);
    assert_eq!(
        World::new(&setting).err().map(|error| error.to_string()).as_deref(),
        Some("ratio is 0, allowed is 1 to 10000")
    );
}
