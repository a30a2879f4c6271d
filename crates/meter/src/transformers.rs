//! The ratios of the current and voltage transformers before a CT meter, and what stands on their primary side (V3).
//!
//! The registers that a bill is made of, the demands, the profiles and the pulses are secondary, as the meter is verified: a ratio that is
//! changed moves none of them. Primary values are made of them beside: powers, voltages and currents by multiplying, and energies so that they
//! go on from where they stood: each window counts with the ratio that held when it was measured.
//!
//! ```text
//! primary energy = base + (secondary energy - secondary energy at the change) * ratio       base is taken anew at each change
//! ```
//! The ratio stands behind the seal, since who multiplies by it makes a bill with it.

use cosem::axdr::Reader;
use cosem::{AccessError, Attribute, Obis};
use metrology::{Element, Quantity, Registers};

use crate::Board;
use crate::effect::{Change, Effect, Record};
use crate::event_log::{Log, standard};
use crate::legal::LegalAct;
use crate::memory::{MemoryError, Save};
use crate::model::Model;
use crate::step::Core;

/// The object that is written with all four parts at once.
pub const WHOLE: Obis = Obis::new("0-0:96.130.0");

/// Whether an object is the ratio or a part of it: its changes are logged by [`Part`].
#[must_use]
pub fn is_ratio(name: Obis) -> bool {
    name == WHOLE || Part::ALL.iter().any(|part| part.name() == name)
}

/// Primary to secondary, of both kinds of transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Primary and secondary amperes of the current transformers.
    pub current: (u32, u32),
    /// Primary and secondary volts of the voltage transformers.
    pub voltage: (u32, u32),
}

/// A part of the ratio, an object each (1-0:0.4.x).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// 1-0:0.4.2
    CurrentNumerator,
    /// 1-0:0.4.3
    VoltageNumerator,
    /// 1-0:0.4.5
    CurrentDenominator,
    /// 1-0:0.4.6
    VoltageDenominator,
}

impl Part {
    /// All of them, in the order of the whole ratio.
    pub const ALL: [Self; 4] = [
        Self::CurrentNumerator,
        Self::CurrentDenominator,
        Self::VoltageNumerator,
        Self::VoltageDenominator,
    ];

    /// The object that it is.
    #[must_use]
    pub const fn name(self) -> Obis {
        match self {
            Self::CurrentNumerator => Obis::new("1-0:0.4.2"),
            Self::VoltageNumerator => Obis::new("1-0:0.4.3"),
            Self::CurrentDenominator => Obis::new("1-0:0.4.5"),
            Self::VoltageDenominator => Obis::new("1-0:0.4.6"),
        }
    }
}

impl Ratio {
    /// No transformers: secondary is primary.
    pub const UNITY: Self = Self {
        current: (1, 1),
        voltage: (1, 1),
    };

    /// Most primary amperes and volts, and secondary ones.
    const MOST_AMPERES: (u32, u32) = (100_000, 10);
    const MOST_VOLTS: (u32, u32) = (1_000_000, 1_000);
    /// Most of both ratios together: 10 kW, more than the meter carries, are 4.0 GW then, which 32 bits hold.
    pub const MOST: u32 = 400_000;

    /// Whether a meter can have it: no part is 0 or beyond its range, neither ratio is below 1, and both together are at most
    /// [`Ratio::MOST`].
    #[must_use]
    pub const fn is_possible(self) -> bool {
        const fn is_within((numerator, denominator): (u32, u32), most: (u32, u32)) -> bool {
            0 < denominator && denominator <= numerator && numerator <= most.0 && denominator <= most.1
        }
        let (numerator, denominator) = self.overall();
        is_within(self.current, Self::MOST_AMPERES)
            && is_within(self.voltage, Self::MOST_VOLTS)
            && numerator <= denominator * Self::MOST as u64
    }

    /// Numerator and denominator of both together: what powers and energies are multiplied by.
    #[must_use]
    pub const fn overall(self) -> (u64, u64) {
        (
            self.current.0 as u64 * self.voltage.0 as u64,
            self.current.1 as u64 * self.voltage.1 as u64,
        )
    }

    /// One part.
    #[must_use]
    pub const fn part(self, part: Part) -> u32 {
        match part {
            Part::CurrentNumerator => self.current.0,
            Part::VoltageNumerator => self.voltage.0,
            Part::CurrentDenominator => self.current.1,
            Part::VoltageDenominator => self.voltage.1,
        }
    }

    /// The same with another value of one part.
    #[must_use]
    pub const fn with(mut self, part: Part, value: u32) -> Self {
        match part {
            Part::CurrentNumerator => self.current.0 = value,
            Part::VoltageNumerator => self.voltage.0 = value,
            Part::CurrentDenominator => self.current.1 = value,
            Part::VoltageDenominator => self.voltage.1 = value,
        }
        self
    }
}

/// A ratio, and the primary energies as they were when it began to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transformers {
    ratio: Ratio,
    anchors: [Anchor; ENERGIES.len()],
}

/// One energy when the ratio began to hold, in micro units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Anchor {
    primary: u128,
    secondary: u128,
}

/// The energies that are shown on the primary side; all others are made of these.
const ENERGIES: [Quantity; 6] = [
    Quantity::ActiveImport,
    Quantity::ActiveExport,
    Quantity::ReactiveImport,
    Quantity::ReactiveExport,
    Quantity::ApparentImport,
    Quantity::ApparentExport,
];

/// Micro units of a Wh, varh or VAh.
const MICRO_PER_UNIT: u128 = 3_600_000_000;

fn counted(registers: &Registers, quantity: Quantity) -> u128 {
    registers.micro(quantity, Element::Total).unsigned_abs()
}

impl Anchor {
    /// What it has become at `secondary` micro units. Registers that lost energy hold it where it is.
    fn at(self, secondary: u128, ratio: Ratio) -> u128 {
        let (numerator, denominator) = ratio.overall();
        let since = secondary.saturating_sub(self.secondary);
        let gained = since.saturating_mul(u128::from(numerator)) / u128::from(denominator.max(1));
        self.primary.saturating_add(gained)
    }
}

impl Transformers {
    /// Octets of the record in flash.
    pub(crate) const OCTETS: usize = 4 * 4 + ENERGIES.len() * 32;

    /// The ratio of the order; a meter that has counted nothing has counted nothing on the primary side.
    #[must_use]
    pub const fn new(ratio: Ratio) -> Self {
        const NOTHING: Anchor = Anchor {
            primary: 0,
            secondary: 0,
        };
        Self {
            ratio,
            anchors: [NOTHING; ENERGIES.len()],
        }
    }

    /// The ratio that holds.
    #[must_use]
    pub const fn ratio(&self) -> Ratio {
        self.ratio
    }

    /// The same energies going on with another ratio.
    fn changed(&self, ratio: Ratio, registers: &Registers) -> Self {
        let mut after = Self::new(ratio);
        for ((after, before), quantity) in after.anchors.iter_mut().zip(&self.anchors).zip(ENERGIES) {
            let secondary = counted(registers, quantity);
            *after = Anchor {
                primary: before.at(secondary, self.ratio),
                secondary,
            };
        }
        after
    }

    /// Registers that came back with less than was counted at the change go on from there.
    pub(crate) fn reconcile(&mut self, registers: &Registers) {
        for (anchor, quantity) in self.anchors.iter_mut().zip(ENERGIES) {
            anchor.secondary = anchor.secondary.min(counted(registers, quantity));
        }
    }

    /// A primary energy in whole Wh, varh or VAh: A+, A-, R+, R-, S+, S-, and |A| and net as their sum and difference. None for others.
    #[must_use]
    pub fn energy(&self, quantity: Quantity, registers: &Registers) -> Option<i64> {
        let whole = |quantity| {
            let place = ENERGIES.into_iter().position(|it| it == quantity)?;
            let anchor = self.anchors.get(place)?;
            let units = anchor.at(counted(registers, quantity), self.ratio) / MICRO_PER_UNIT;
            // Halved, so that the sum of two fits.
            Some(i64::try_from(units).unwrap_or(i64::MAX).min(i64::MAX / 2))
        };
        let (import, export) = (Quantity::ActiveImport, Quantity::ActiveExport);
        match quantity {
            Quantity::ActiveAbsolute => Some(whole(import)? + whole(export)?),
            Quantity::ActiveNet => Some(whole(import)? - whole(export)?),
            one => whole(one),
        }
    }

    /// The record in flash: the four parts, and primary and secondary energy of each anchor, all with the highest octet first.
    pub(crate) fn save(&self) -> [u8; Self::OCTETS] {
        let Ratio { current, voltage } = self.ratio;
        let parts = [current.0, current.1, voltage.0, voltage.1].map(u32::to_be_bytes);
        let energies = self.anchors.iter().flat_map(|it| [it.primary, it.secondary]);
        let written = parts.into_iter().flatten().chain(energies.flat_map(u128::to_be_bytes));
        let mut octets = [0; Self::OCTETS];
        for (octet, written) in octets.iter_mut().zip(written) {
            *octet = written;
        }
        octets
    }

    /// Takes the record back; none when it is not what [`Transformers::save`] writes.
    pub(crate) fn restored(octets: &[u8]) -> Option<Self> {
        let mut from = Reader::new(octets);
        let mut word = || from.array_of().map(u32::from_be_bytes).ok();
        let ratio = Ratio {
            current: (word()?, word()?),
            voltage: (word()?, word()?),
        };
        let mut it = Self::new(ratio);
        for anchor in &mut it.anchors {
            let mut energy = || from.array_of().map(u128::from_be_bytes).ok();
            *anchor = Anchor {
                primary: energy()?,
                secondary: energy()?,
            };
        }
        from.end().ok()?;
        ratio.is_possible().then_some(it)
    }
}

impl Model {
    /// A client asks for another ratio.
    ///
    /// # Errors
    /// `ReadWriteDenied` under the seal, and the attempt is noted in the legal log; `OtherReason` when no meter can have such a ratio, see
    /// [`Ratio::is_possible`].
    pub fn set_transformer_ratio(&mut self, wanted: Ratio) -> Result<(), AccessError> {
        if !self.legal.may_change() {
            self.effects.push(Effect::Legal(LegalAct::Refused));
            return Err(AccessError::ReadWriteDenied);
        }
        if !wanted.is_possible() {
            return Err(AccessError::OtherReason);
        }
        if wanted != self.transformers.ratio {
            self.effects.push(Effect::Transform(wanted));
        }
        Ok(())
    }
}

impl Core {
    /// Lets the ratio hold that a client asked for. The registers are made durable first: they never come back with less than the change knows.
    pub(crate) fn transform(&mut self, wanted: Ratio, board: &mut dyn Board) -> Result<(), MemoryError> {
        let Self { model, memory, .. } = self;
        memory.checkpoint(board.flash(), model, Save::Changes)?;
        let after = model.transformers.changed(wanted, &model.registers);
        let before = core::mem::replace(&mut model.transformers, after);
        if let Err(error) = memory.keep(board.flash(), model, Record::Transformers) {
            model.transformers = before;
            return Err(error);
        }
        model
            .effects
            .push(Effect::Event(Log::Standard, standard::TRANSFORMER_RATIO_CHANGED));
        model.note_change();
        for part in Part::ALL {
            let (old, new) = (before.ratio.part(part), wanted.part(part));
            if old != new {
                let what = Attribute::new(1, part.name(), 2);
                model.effects.push(Effect::Change(Change { what, old, new }));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use metrology::{Apparent, Direction, Measurement, PhaseReading, Position, Tariff};
    use proptest::prelude::*;

    use super::*;

    fn ratio(current: (u32, u32), voltage: (u32, u32)) -> Ratio {
        Ratio { current, voltage }
    }

    /// V3: what no installation has is refused, the ends of the ranges are taken.
    #[test]
    fn absurd_ratios_are_impossible() {
        let check = |current, voltage, expected| {
            let it = ratio(current, voltage);
            assert_eq!(it.is_possible(), expected, "{it:?}");
        };
        for (current, voltage) in [
            ((1, 1), (1, 1)),
            ((200, 5), (1, 1)),
            ((7, 6), (1, 1)),
            ((100_000, 5), (1, 1)),
            ((100_000, 1), (4, 1)),
            ((1_800, 5), (110_000, 100)),
            ((500, 5), (400_000, 100)),
            ((1, 1), (1_000_000, 1_000)),
            ((10, 10), (1_000, 1_000)),
        ] {
            check(current, voltage, true);
        }
        for (current, voltage) in [
            ((0, 0), (1, 1)),
            ((0, 1), (1, 1)),
            ((5, 0), (1, 1)),
            ((4, 5), (1, 1)),
            ((100_001, 5), (1, 1)),
            ((200, 11), (1, 1)),
            ((200, 5), (0, 0)),
            ((200, 5), (99, 100)),
            ((200, 5), (1_000_001, 100)),
            ((200, 5), (2_000, 1_001)),
            ((100_000, 1), (401, 100)),
            ((u32::MAX, u32::MAX), (u32::MAX, u32::MAX)),
            ((u32::MAX, 1), (u32::MAX, 1)),
        ] {
            check(current, voltage, false);
        }
    }

    /// The most that 3 phases of 300 V and 11 A carry fits 32 bits of watts at the greatest ratio.
    #[test]
    fn the_greatest_ratio_leaves_powers_within_32_bits() {
        assert!(3 * 300 * 11 * u64::from(Ratio::MOST) < u64::from(u32::MAX));
    }

    #[test]
    fn the_record_reads_back_and_nonsense_is_refused() {
        let mut it = Transformers::new(ratio((400, 5), (20_000, 100)));
        for (anchor, n) in it.anchors.iter_mut().zip(1_u128..) {
            *anchor = Anchor {
                primary: n << 80,
                secondary: n << 40,
            };
        }
        let octets = it.save();
        assert_eq!(Transformers::restored(&octets), Some(it));
        for length in 0..octets.len() {
            assert_eq!(Transformers::restored(&octets[..length]), None);
        }
        let mut long = [0; Transformers::OCTETS + 1];
        long[..octets.len()].copy_from_slice(&octets);
        assert_eq!(Transformers::restored(&long), None);
        let mut zero = octets;
        zero[4..8].fill(0);
        assert_eq!(Transformers::restored(&zero), None);
    }

    fn window(watts: i64, vars: i64) -> Measurement {
        let phase = PhaseReading::steady(230_000_000, 5_000_000, watts * 1_000, vars * 1_000, 200_000_000);
        let (from, to) = (Position::START, Position::of_sample(1_600));
        Measurement::of_phases(from, to, 200_000_000, 50_000_000, [phase; 3], Apparent::Arithmetic)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        /// V3, M1: over any powers and any changes of the ratio no energy jumps or runs backwards, each window counts with the ratio
        /// that held, and the identities hold at every instant, on both sides.
        #[test]
        fn energies_go_on_over_changes_of_the_ratio(
            life in prop::collection::vec(
                (-2_000_000_i64..2_000_000, -2_000_000_i64..2_000_000, 1_u8..9, 0_u8..4, (1_u32..2_000, 1_u32..6, 1_u32..400)),
                1..60,
            ),
        ) {
            let mut registers = Registers::new(Direction::SumOfPhases);
            let mut plain = registers.clone();
            let mut it = Transformers::new(Ratio::UNITY);
            // Micro units times the denominators would be exact; a change gives up less than one micro unit.
            let mut exact = [0_f64; ENERGIES.len()];
            let mut before = [0_i64; ENERGIES.len()];
            for (milliwatts, millivars, tariff, change, (primary, secondary, volts)) in life {
                if change == 0 {
                    let wanted = ratio((primary.max(secondary), secondary), (volts, 1));
                    if wanted.is_possible() {
                        it = it.changed(wanted, &registers);
                        for (quantity, before) in ENERGIES.into_iter().zip(before) {
                            prop_assert_eq!(it.energy(quantity, &registers), Some(before), "a change moves nothing");
                        }
                        // Power goes, and the record comes back.
                        it = Transformers::restored(&it.save()).expect("it reads back");
                    }
                }
                let counted_before = ENERGIES.map(|quantity| counted(&registers, quantity));
                let tariff = Tariff::new(tariff).expect("1 to 8");
                registers.book(&window(milliwatts, millivars), tariff);
                plain.book(&window(milliwatts, millivars), tariff);
                let (numerator, denominator) = it.ratio().overall();
                for (place, quantity) in ENERGIES.into_iter().enumerate() {
                    let gained = counted(&registers, quantity) - counted_before[place];
                    exact[place] += gained as f64 * numerator as f64 / denominator as f64;
                    let now = it.energy(quantity, &registers).expect("a primary energy");
                    prop_assert!(before[place] <= now, "{quantity:?} runs backwards");
                    prop_assert!((exact[place] / 3.6e9 - now as f64 - 0.5).abs() <= 0.500_001, "{quantity:?} {now} of {exact:?}");
                    before[place] = now;
                }
                let energy = |quantity| it.energy(quantity, &registers).expect("a primary energy");
                let (import, export) = (energy(Quantity::ActiveImport), energy(Quantity::ActiveExport));
                prop_assert_eq!(energy(Quantity::ActiveNet), import - export);
                prop_assert_eq!(energy(Quantity::ActiveAbsolute), import + export);
                // No ratio touches what is billed.
                prop_assert_eq!(&registers, &plain);
                for quantity in Quantity::ALL {
                    let tariffs: i64 = Tariff::all().map(|it| registers.tariff_value(quantity, Element::Total, it)).sum();
                    prop_assert_eq!(tariffs, registers.value(quantity, Element::Total));
                }
            }
        }
    }

    /// U2: registers that came back with less than the change knows go on at once.
    #[test]
    fn registers_that_lost_energy_go_on_from_where_they_are() {
        let mut registers = Registers::new(Direction::SumOfPhases);
        for _ in 0..50 {
            registers.book(&window(2_000_000, 0), Tariff::FIRST);
        }
        let mut it = Transformers::new(Ratio::UNITY).changed(ratio((100, 5), (1, 1)), &registers);
        let at_change = it.energy(Quantity::ActiveImport, &registers).expect("an energy");
        let mut lost = Registers::new(Direction::SumOfPhases);
        it.reconcile(&lost);
        assert_eq!(it.energy(Quantity::ActiveImport, &lost), Some(at_change));
        for _ in 0..3 {
            lost.book(&window(2_000_000, 0), Tariff::FIRST);
        }
        let gained = it.energy(Quantity::ActiveImport, &lost).expect("an energy") - at_change;
        // 3 x 2 kW for 0.6 s, 20 times: 20 Wh.
        assert!((19..=20).contains(&gained), "{gained}");
    }
}
