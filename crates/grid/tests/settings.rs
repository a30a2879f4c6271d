//! Whatever is set, the world refuses it by name or gives samples; it never panics and never loses its numbers.

use ferraris_grid::{
    Connection, FixedLoad, Harmonic, Harmonics, HouseholdSetting, LoadSetting, PhaseLoad, PhaseSupply, SupplySetting,
    World, WorldSetting,
};
use proptest::prelude::*;

/// Numbers around a range, and those that are none.
fn number(least: f64, most: f64) -> impl Strategy<Value = f64> {
    prop_oneof![
        200 => least..=most,
        1 => Just(least),
        1 => Just(most),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-1.0), Just(1e300), Just(-0.0)],
    ]
}

fn harmonics() -> impl Strategy<Value = Harmonics> {
    let harmonic =
        (2_u8..=50, number(0.0, 100.0), number(-360.0, 360.0)).prop_map(|(order, percent, phase_deg)| Harmonic {
            order,
            percent,
            phase_deg,
        });
    proptest::collection::vec(harmonic, 0..3).prop_map(|list| list.into_iter().collect())
}

fn supply() -> impl Strategy<Value = SupplySetting> {
    let phase = (number(0.0, 400.0), number(-360.0, 360.0), harmonics());
    let phase = phase
        .prop_map(|(volts, angle_deg, harmonics)| PhaseSupply {
            volts,
            angle_deg,
            harmonics,
        })
        .boxed();
    (number(40.0, 70.0), [phase.clone(), phase.clone(), phase])
        .prop_map(|(frequency_hz, phases)| SupplySetting { frequency_hz, phases })
}

fn load() -> impl Strategy<Value = LoadSetting> {
    let phase = (number(0.0, 120.0), number(-360.0, 360.0), harmonics());
    let phase = phase
        .prop_map(|(amps, angle_deg, harmonics)| PhaseLoad {
            amps,
            angle_deg,
            harmonics,
        })
        .boxed();
    let household = (
        number(0.0, 5.0),
        number(0.0, 30_000.0),
        number(0.01, 5.0),
        number(0.0, 0.01),
    )
        .prop_map(|(level, pv_watts, source_ohms, source_henries)| HouseholdSetting {
            level,
            pv_watts,
            source_ohms,
            source_henries,
        });
    prop_oneof![
        [phase.clone(), phase.clone(), phase].prop_map(|phases| LoadSetting::Fixed(FixedLoad { phases })),
        household.prop_map(LoadSetting::Household),
    ]
}

fn finite(supply: &SupplySetting, load: &LoadSetting) -> bool {
    let listed = |harmonics: &Harmonics| {
        harmonics
            .iter()
            .all(|it| it.percent.is_finite() && it.phase_deg.is_finite())
    };
    let of_load = match load {
        LoadSetting::Fixed(load) => load
            .phases
            .iter()
            .all(|it| it.amps.is_finite() && it.angle_deg.is_finite() && listed(&it.harmonics)),
        LoadSetting::Household(house) => [house.level, house.pv_watts, house.source_ohms, house.source_henries]
            .iter()
            .all(|it| it.is_finite()),
    };
    let of_supply = supply
        .phases
        .iter()
        .all(|it| it.volts.is_finite() && it.angle_deg.is_finite() && listed(&it.harmonics));
    supply.frequency_hz.is_finite() && of_supply && of_load
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// A sample that lost its number would come out as code 0 for ever; so after all the changes a sound supply must be seen again.
    #[test]
    fn any_sequence_of_settings_is_refused_or_leaves_numbers(
        steps in proptest::collection::vec((supply(), load(), any::<(bool, bool)>(), number(0.0, 0.2), any::<i64>()), 1..8),
        rate_hz in prop_oneof![Just(2000_u32), Just(8000), Just(64_000), 2000_u32..64_000],
        single in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let connection = if single { Connection::SinglePhase } else { Connection::ThreePhase };
        let mut setting = WorldSetting::household(connection, seed);
        setting.converter.rate_hz = rate_hz;
        let mut world = World::new(&setting).expect("in range");
        let mut sets = vec![[0; 7]; usize::try_from(rate_hz / 50).expect("small")];
        for (supply, load, (connected, powered), seconds, time) in steps {
            let accepted = [world.set_supply(&supply).is_ok(), world.set_load(&load).is_ok()];
            prop_assert_eq!(accepted, [supply.check().is_ok(), load.check().is_ok()]);
            prop_assert!(accepted != [true; 2] || finite(&supply, &load));
            world.set_connected(connected);
            world.set_powered(powered);
            world.set_time(ferraris_grid::DayTime::from_local_seconds(time));
            world.fill(&mut sets);
            let _refused_or_not = world.ramp_supply(&SupplySetting::nominal(), seconds);
            world.fill(&mut sets);
            if let Some(truth) = world.truth() {
                prop_assert!(truth.phases.iter().all(|phase| phase.active_watts.is_finite() && phase.volts.is_finite()));
            }
        }
        world.set_powered(true);
        world.set_connected(true);
        world.set_supply(&SupplySetting::nominal()).expect("in range");
        world.set_load(&LoadSetting::Household(HouseholdSetting::ordinary())).expect("in range");
        for _ in 0..50 {
            world.fill(&mut sets);
        }
        let n = sets.len() as f64;
        let rms = (sets.iter().map(|set| f64::from(set[0]).powi(2)).sum::<f64>() / n).sqrt() * world.volts_per_lsb();
        prop_assert!((190.0..260.0).contains(&rms), "{} V", rms);
        prop_assert!(sets.iter().any(|set| set[3] != 0));
    }
}
