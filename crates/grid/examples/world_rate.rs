//! Prints how many sample sets a second one core computes, for fixed currents and for the household.
//! Run with `cargo run --release -p ferraris-grid --example world_rate`.

use std::time::Instant;

use ferraris_grid::{Connection, ConverterSetting, Harmonic, Noise, SupplySetting, World, WorldSetting};

fn main() {
    let connection = Connection::ThreePhase;
    let fixed = WorldSetting::fixed(connection, 5.0, 60.0, 1);
    let mut quiet = fixed.clone();
    quiet.converter.noise = Noise::Off;
    let mut distorted = fixed.clone();
    distorted.supply = harmonics(distorted.supply);
    let household = WorldSetting::household(connection, 1);
    let mut household_distorted = household.clone();
    household_distorted.supply = harmonics(household_distorted.supply);
    let at = |rate_hz: u32| {
        let converter = ConverterSetting {
            rate_hz,
            ..household.converter.clone()
        };
        WorldSetting {
            converter,
            ..household.clone()
        }
    };
    println!("world {:.0} kB", size_of::<World>() as f64 / 1000.0);
    report("fixed, no noise", &quiet);
    report("fixed", &fixed);
    report("fixed, 10 harmonics", &distorted);
    report("household", &household);
    report("household, 10 harmonics", &household_distorted);
    report(
        "household, single phase",
        &WorldSetting::household(Connection::SinglePhase, 1),
    );
    report("household, 2 kS/s", &at(2000));
    report("household, 64 kS/s", &at(64_000));
}

fn harmonics(mut supply: SupplySetting) -> SupplySetting {
    for phase in &mut supply.phases {
        for order in 2..12 {
            let full = phase.harmonics.push(Harmonic {
                order,
                percent: 1.0,
                phase_deg: 0.0,
            });
            full.expect("ten of 49");
        }
    }
    supply
}

fn report(name: &str, setting: &WorldSetting) {
    let mut world = World::new(setting).expect("in range");
    let mut sets = vec![[0; 7]; 8000];
    world.fill(&mut sets);
    let start = Instant::now();
    let mut n_sets = 0_usize;
    let mut sum = 0_i64;
    while start.elapsed().as_secs_f64() < 1.0 {
        world.fill(&mut sets);
        n_sets += sets.len();
        sum = sets
            .iter()
            .flatten()
            .fold(sum, |sum, code| sum.wrapping_add(i64::from(*code)));
    }
    let rate = n_sets as f64 / start.elapsed().as_secs_f64();
    let times = rate / f64::from(setting.converter.rate_hz);
    println!(
        "{name:28} {:7.2} million sets/s, {times:6.0} times real time (checksum {sum:x})",
        rate / 1e6
    );
}
