//! The metrology LED: one pulse for each part of a kWh or kvarh (EN 50470-1, IEC 62053-31).
//!
//! The energy of a finished window is spread evenly over the window after it, so a pulse comes 200 ms late and lies within one
//! sample of where constant power puts it. The count is the integer part of energy times constant, exactly: no pulse is lost
//! or invented at the edges of windows, nor over a restart that resumes from the registers.

use crate::measurement::{Direction, Flow, Measurement};
use crate::position::Position;
use crate::registers::{Element, Quantity, Registers};

/// What an LED counts: by default |A| and |R+| + |R-|.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PulseQuantity {
    /// |A|: active energy of either direction.
    Active,
    /// |R+| + |R-|: reactive energy of either direction.
    Reactive,
    /// A+: imported active energy.
    ActiveImport,
    /// A-: exported active energy.
    ActiveExport,
    /// R+: reactive energy of quadrants I and II.
    ReactiveImport,
    /// R-: reactive energy of quadrants III and IV.
    ReactiveExport,
    /// S+ and S-: apparent energy of either direction.
    Apparent,
}

impl PulseQuantity {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Active,
        Self::Reactive,
        Self::ActiveImport,
        Self::ActiveExport,
        Self::ReactiveImport,
        Self::ReactiveExport,
        Self::Apparent,
    ];

    /// What the registers have counted of it: micro units of the total, where an LED goes on after a restart.
    #[must_use]
    pub fn counted(self, registers: &Registers) -> u128 {
        let micro = |quantity| registers.micro(quantity, Element::Total).unsigned_abs();
        let both = |one, other| micro(one).saturating_add(micro(other));
        match self {
            Self::Active => micro(Quantity::ActiveAbsolute),
            Self::Reactive => both(Quantity::ReactiveImport, Quantity::ReactiveExport),
            Self::ActiveImport => micro(Quantity::ActiveImport),
            Self::ActiveExport => micro(Quantity::ActiveExport),
            Self::ReactiveImport => micro(Quantity::ReactiveImport),
            Self::ReactiveExport => micro(Quantity::ReactiveExport),
            Self::Apparent => both(Quantity::ApparentImport, Quantity::ApparentExport),
        }
    }

    /// The micro units that a flow adds to it.
    const fn of(self, flow: &Flow) -> u64 {
        let (active, reactive) = (flow.active_microjoules, flow.reactive_microvarseconds);
        let counts = match self {
            Self::Active | Self::Reactive | Self::Apparent => true,
            Self::ActiveImport => 0 <= active,
            Self::ActiveExport => active < 0,
            Self::ReactiveImport => 0 <= reactive,
            Self::ReactiveExport => reactive < 0,
        };
        match self {
            _ if !counts => 0,
            Self::Active | Self::ActiveImport | Self::ActiveExport => active.unsigned_abs(),
            Self::Reactive | Self::ReactiveImport | Self::ReactiveExport => reactive.unsigned_abs(),
            Self::Apparent => flow.apparent_microvoltampereseconds,
        }
    }
}

/// One LED.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulses {
    quantity: PulseQuantity,
    direction: Direction,
    constant: u32,
    /// Energy since the last pulse, in micro units times the constant.
    residue: u64,
    count: u64,
    last: Position,
}

/// The pulses of one window: an iterator over the sample numbers at which the LED is switched on.
#[derive(Clone, Debug)]
pub struct PulseTrain {
    from: Position,
    length_raw: u64,
    /// Micro units times constant: before the window, and of the window.
    before: u64,
    energy: u128,
    emitted: u64,
    pulses: u64,
    not_before: u64,
    width_nanos: u64,
}

impl Pulses {
    /// Pulses per kWh of direct connected meters (M5).
    pub const DIRECT_CONSTANT: u32 = 1_000;
    /// Pulses per kWh of CT connected meters (M5).
    pub const CT_CONSTANT: u32 = 10_000;
    /// Most pulses per kWh.
    pub const MOST_CONSTANT: u32 = 1_000_000;

    /// An LED with `constant` pulses per kWh or kvarh, 1 to [`Self::MOST_CONSTANT`], whose register stands at `counted_micro`
    /// micro units, see [`PulseQuantity::counted`].
    #[must_use]
    pub fn new(quantity: PulseQuantity, direction: Direction, constant: u32, counted_micro: u128) -> Option<Self> {
        if !(1..=Self::MOST_CONSTANT).contains(&constant) {
            return None;
        }
        let scaled = (counted_micro % MICRO_PER_KILO) * u128::from(constant);
        let residue = u64::try_from(scaled % MICRO_PER_KILO).unwrap_or(0);
        Some(Self {
            quantity,
            direction,
            constant,
            residue,
            count: 0,
            last: Position::START,
        })
    }

    /// Takes the energy of a window; gives the pulses to emit during the next.
    pub fn book(&mut self, measurement: &Measurement) -> PulseTrain {
        let micro: u128 = measurement
            .flows(self.direction)
            .iter()
            .map(|flow| u128::from(self.quantity.of(flow)))
            .sum();
        let energy = micro * u128::from(self.constant);
        let after = u128::from(self.residue) + energy;
        let pulses = u64::try_from(after / MICRO_PER_KILO).unwrap_or(u64::MAX);
        let length_raw = measurement.to - measurement.from;
        let train = PulseTrain {
            from: measurement.to,
            length_raw,
            before: self.residue,
            energy,
            emitted: 0,
            pulses,
            not_before: self.last.sample(),
            width_nanos: (measurement.duration_nanos / 2 / pulses.max(1)).min(LONGEST_WIDTH_NANOS),
        };
        if let Some(sample) = train.sample_of(pulses) {
            self.last = Position::of_sample(sample);
        }
        self.residue = u64::try_from(after % MICRO_PER_KILO).unwrap_or(0);
        self.count = self.count.saturating_add(pulses);
        train
    }

    /// Pulses since the LED was made.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Pulses per kWh or kvarh.
    #[must_use]
    pub const fn constant(&self) -> u32 {
        self.constant
    }
}

impl PulseTrain {
    /// Pulses still to come.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.pulses - self.emitted
    }

    /// How long the LED stays on: 30 ms, or half the distance of the pulses when that is shorter.
    #[must_use]
    pub const fn width_nanos(&self) -> u64 {
        self.width_nanos
    }

    /// The sample number of pulse `n`, counted from 1.
    fn sample_of(&self, n: u64) -> Option<u64> {
        if n == 0 || self.energy == 0 {
            return None;
        }
        let due = (u128::from(n) * MICRO_PER_KILO).saturating_sub(u128::from(self.before));
        // Both scaled down alike, so that the product fits whatever the energy.
        let shift = 64_u32.saturating_sub(self.energy.leading_zeros());
        let raw = (due >> shift) * u128::from(self.length_raw) / (self.energy >> shift).max(1);
        let at = self.from.plus_raw(u64::try_from(raw).unwrap_or(u64::MAX));
        Some(
            at.sample()
                .saturating_add(u64::from(at.fraction() != 0))
                .max(self.not_before),
        )
    }
}

impl Iterator for PulseTrain {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.pulses <= self.emitted {
            return None;
        }
        self.emitted += 1;
        self.sample_of(self.emitted)
    }
}

/// Microjoules of a kWh.
const MICRO_PER_KILO: u128 = 3_600_000_000_000;
const LONGEST_WIDTH_NANOS: u64 = 30_000_000;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::measurement::{Apparent, PhaseReading};
    use crate::registers::Tariff;

    const SAMPLES: u64 = 1_600;
    const WINDOW_NANOS: u64 = 200_000_000;

    fn window(number: u64, microwatts: [i64; 3]) -> Measurement {
        let phases =
            microwatts.map(|power| PhaseReading::steady(230_000_000, 10_000_000, power, power / 2, WINDOW_NANOS));
        let (from, to) = (
            Position::of_sample(number * SAMPLES),
            Position::of_sample((number + 1) * SAMPLES),
        );
        Measurement::of_phases(from, to, WINDOW_NANOS, 50_000_000, phases, Apparent::Arithmetic)
    }

    /// M5: 23 kW at 1000 imp/kWh is a pulse every 156.5 ms, never off by more than a sample.
    #[test]
    fn constant_power_gives_even_pulses() {
        let mut led = Pulses::new(PulseQuantity::Active, Direction::SumOfPhases, 1_000, 0).expect("a good constant");
        let power = 23_000_000_000;
        let mut samples = Vec::new();
        for number in 0..500 {
            samples.extend(led.book(&window(number, [power, 0, 0])));
        }
        assert_eq!(samples.len(), 638); // 23 kW * 100 s = 638.9 Wh
        for (n, sample) in samples.iter().enumerate() {
            let exact = SAMPLES as f64 + (n + 1) as f64 * 3_600.0 / 23_000.0 * 8_000.0;
            assert!(
                (*sample as f64 - exact).abs() <= 1.0,
                "pulse {n} at {sample}, exact {exact}"
            );
        }
    }

    #[test]
    fn pulses_stay_apart_from_each_other_at_full_load() {
        let mut led = Pulses::new(PulseQuantity::Active, Direction::SumOfPhases, 10_000, 0).expect("a good constant");
        let train = led.book(&window(0, [23_000_000_000; 3]));
        assert_eq!(train.remaining(), 38); // 192 a second
        assert!(train.width_nanos() < 2_700_000 && 2_500_000 < train.width_nanos());
        let quiet = led.book(&window(1, [0; 3]));
        assert_eq!((quiet.remaining(), quiet.width_nanos()), (0, 30_000_000));
    }

    /// M5: at Imax and 10 000 pulses a kWh, and far beyond, a pulse has gone out before the next comes on.
    #[test]
    fn widths_fit_between_the_pulses_at_any_load() {
        for constant in [1_000, 10_000, 100_000, Pulses::MOST_CONSTANT] {
            let mut led = Pulses::new(PulseQuantity::Active, Direction::SumOfPhases, constant, 0).expect("good");
            for number in 0..20 {
                let train = led.book(&window(number, [23_000_000_000; 3]));
                let width_samples = train.width_nanos() as f64 * 8_000.0 / 1e9;
                let pulses: Vec<u64> = train.collect();
                for pair in pulses.windows(2) {
                    let apart = pair[1] - pair[0];
                    // Beyond a pulse in two samples no lamp can follow; the count still holds.
                    assert!(
                        apart < 2 || width_samples < apart as f64,
                        "{constant}: {width_samples} in {apart} samples"
                    );
                }
            }
        }
    }

    #[test]
    fn absurd_constants_are_refused() {
        for constant in [0, Pulses::MOST_CONSTANT + 1, u32::MAX] {
            assert_eq!(
                Pulses::new(PulseQuantity::Active, Direction::SumOfPhases, constant, 0),
                None
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// M5: the count of pulses equals the register, over any powers, constants and restarts.
        #[test]
        fn the_count_is_the_integer_part_of_the_register(
            powers in prop::collection::vec(prop::array::uniform3(-80_000_000_000_i64..80_000_000_000), 1..80),
            constant in 1_u32..200_000,
            restart_after in 0_usize..80,
            per_phase: bool,
            quantity in prop::sample::select(PulseQuantity::ALL.to_vec()),
        ) {
            let direction = if per_phase { Direction::PerPhase } else { Direction::SumOfPhases };
            let mut registers = Registers::new(direction);
            let micro = |registers: &Registers| quantity.counted(registers);
            let mut led = Pulses::new(quantity, direction, constant, 0).expect("a good constant");
            let mut seen = 0_u128;
            let mut last = 0;
            for (number, power) in powers.into_iter().enumerate() {
                if number == restart_after {
                    led = Pulses::new(quantity, direction, constant, micro(&registers)).expect("a good constant");
                }
                let measurement = window(number as u64, power);
                registers.book(&measurement, Tariff::FIRST);
                for sample in led.book(&measurement) {
                    prop_assert!(last <= sample);
                    last = sample;
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, micro(&registers) * u128::from(constant) / MICRO_PER_KILO);
        }
    }
}
