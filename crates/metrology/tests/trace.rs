//! The same samples give the same bits, in every build and on every target: a fixed trace with its checksum.
//!
//! The samples are made with integers only, so that nothing but the chain decides. Optimised and unoptimised builds, hosts and
//! targets must all print this checksum; a deliberate change of the arithmetic changes it here, in the same commit.

use ferraris_metrology::{
    Chain, Channel, Direction, Element, Measurement, Quantity, Registers, SampleSet, Setup, Tariff,
};

/// FNV-1a over 64-bit words.
struct Checksum(u64);

impl Checksum {
    fn add(&mut self, word: u64) {
        for octet in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(octet)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}

/// A wave of parabolas, near a sine with 3.6 % of odd harmonics: `turns` in 2^-32, amplitude 2^22 codes.
fn parabola(turns: u32) -> i32 {
    let half = i64::from(turns & 0x7FFF_FFFF) - 0x4000_0000; // -2^30..2^30 over half a turn
    let bow = (1_i64 << 60) - half * half; // 0..2^60
    let code = i32::try_from(bow >> 38).unwrap_or(0);
    if turns < 0x8000_0000 { code } else { -code }
}

/// Three phases near 50 Hz at 8 kS/s, the currents a little less, lagging, with a pinch of noise from a counter.
fn set(n: u32) -> SampleSet {
    let turns = n.wrapping_mul(26_923_456); // 50.148 Hz
    let third = 1_431_655_765_u32;
    let noise = |salt: u32| (n.wrapping_add(salt).wrapping_mul(2_654_435_761) >> 26).cast_signed() - 32;
    let voltage = |place: u32| parabola(turns.wrapping_sub(third.wrapping_mul(place)));
    let current = |place: u32| parabola(turns.wrapping_sub(third.wrapping_mul(place)).wrapping_sub(500_000_000)) / 7;
    [
        voltage(0) + noise(1),
        voltage(1) + noise(2),
        voltage(2) + noise(3),
        current(0) + noise(4),
        current(1) / 2 + noise(5),
        -current(2) / 3 + noise(6),
        noise(7),
    ]
}

#[test]
fn a_fixed_trace_has_its_checksum() {
    let mut chain = Chain::new(&Setup::three_phase(8_000.0, 71.5e-6, 23.8e-6)).expect("a good setup");
    let mut registers = Registers::new(Direction::PerPhase);
    let mut checksum = Checksum(0xCBF2_9CE4_8422_2325);
    let samples: Vec<SampleSet> = (0..40_000).map(set).collect();
    let mut last: Option<Measurement> = None;
    chain.push_block(&samples, |measurement| {
        registers.book(measurement, Tariff::FIRST);
        checksum.add(measurement.from.raw());
        checksum.add(measurement.duration_nanos);
        checksum.add(measurement.frequency_microhertz);
        for phase in &measurement.phases {
            checksum.add(phase.voltage_microvolts);
            checksum.add(phase.current_microamperes);
            checksum.add(phase.energy.active_microjoules.cast_unsigned());
            checksum.add(phase.energy.reactive_microvarseconds.cast_unsigned());
            checksum.add(phase.energy.apparent_microvoltampereseconds);
            checksum.add(
                phase
                    .current_angle_millidegrees
                    .map_or(0, |angle| u64::from(angle.cast_unsigned())),
            );
        }
        last = Some(*measurement);
    });
    for channel in Channel::ALL {
        let spectrum = chain
            .spectrum(channel)
            .expect("five seconds are enough for every channel");
        checksum.add(spectrum.fundamental_micro);
        for order in 1..=spectrum.highest_order {
            checksum.add(u64::from(spectrum.harmonic_millionths(order).unwrap_or(0)));
        }
    }
    let last = last.expect("many windows");
    println!("{last:#?}\n{:#018x}", checksum.0);
    assert!(last.synchronised && registers.micro(Quantity::ActiveExport, Element::Total) > 0);
    assert_eq!(checksum.0, TRACE_CHECKSUM);
}

const TRACE_CHECKSUM: u64 = 0x0B95_1839_2644_5626;
