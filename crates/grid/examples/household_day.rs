//! Prints a day of the household as a table, a line for every half hour: what the meter's terminals see over 200 ms.
//! Run with `cargo run --release -p ferraris-grid --example household_day [seed] [pv_watts]`.

use core::f64::consts::PI;

use ferraris_grid::{Connection, DayTime, HouseholdSetting, LoadSetting, World, WorldSetting};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments
        .next()
        .map_or(1, |seed| seed.parse().expect("the seed is a whole number"));
    let pv_watts = arguments
        .next()
        .map_or(0.0, |watts| watts.parse().expect("the watts are a number"));
    let mut setting = WorldSetting::household(Connection::ThreePhase, seed);
    setting.load = LoadSetting::Household(HouseholdSetting {
        pv_watts,
        ..HouseholdSetting::ordinary()
    });
    setting.begin = DayTime::from_local_seconds(20_552 * 86_400);
    let mut world = World::new(&setting).expect("the settings are in range");
    println!(
        "time     V1     V2     V3 |     P1     P2     P3 W | THD of I1  I2  I3 % | of V1   V2   V3 % | what is on"
    );
    let mut sets = vec![[0; 7]; 1600];
    let mut joules = 0.0;
    let mut worst = (0.0_f64, f64::INFINITY, 0.0_f64);
    for second in 0..86_400_u32 {
        let (mut volts, mut watts) = ([0.0; 3], [0.0; 3]);
        for _ in 0..5 {
            world.fill(&mut sets);
            for phase in 0..3 {
                let mean = |one: usize, other: usize| {
                    sets.iter()
                        .map(|set| f64::from(set[one]) * f64::from(set[other]))
                        .sum::<f64>()
                        / 1600.0
                };
                volts[phase] = mean(phase, phase).sqrt() * world.volts_per_lsb();
                watts[phase] = mean(phase, phase + 3) * world.volts_per_lsb() * world.amps_per_lsb();
                joules += 0.2 * watts[phase];
                worst.0 = worst.0.max(volts[phase]);
                worst.1 = worst.1.min(volts[phase]);
            }
        }
        let peak = sets
            .iter()
            .flat_map(|set| &set[3..6])
            .map(|code| code.abs())
            .max()
            .unwrap_or(0);
        worst.2 = worst.2.max(f64::from(peak) * world.amps_per_lsb());
        if second % 1800 == 0 {
            let [v1, v2, v3] = volts;
            let [p1, p2, p3] = watts;
            let [d1, d2, d3, e1, e2, e3] = [3, 4, 5, 0, 1, 2].map(|channel| distortion(&sets, channel));
            let on = world.activity().expect("a household");
            println!(
                "{:02}:{:02} {v1:6.1} {v2:6.1} {v3:6.1} | {p1:6.0} {p2:6.0} {p3:6.0}   |    {d1:6.1} {d2:4.1} {d3:4.1}   | {e1:5.2} {e2:4.2} {e3:4.2}   | {on:?}",
                second / 3600,
                second / 60 % 60,
            );
        }
    }
    println!(
        "{:.2} kWh net; voltage {:.1} to {:.1} V over 200 ms; greatest current {:.0} A",
        joules / 3.6e6,
        worst.1,
        worst.0,
        worst.2
    );
}

/// Total harmonic distortion in percent, orders 2 to 40.
fn distortion(sets: &[[i32; 7]], channel: usize) -> f64 {
    let square = |order: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for (sample, set) in sets.iter().enumerate() {
            let (sin, cos) = (2.0 * PI * 10.0 * order * sample as f64 / sets.len() as f64).sin_cos();
            re += f64::from(set[channel]) * cos;
            im += f64::from(set[channel]) * sin;
        }
        re * re + im * im
    };
    100.0 * ((2..=40).map(|order| square(f64::from(order))).sum::<f64>() / square(1.0)).sqrt()
}
