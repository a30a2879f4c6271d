//! The energy registers: what a bill is made of, for the totals and each phase, by quadrant and tariff, exact to the microjoule.
//!
//! Two things are kept for each of ten cells (active energy by quadrant, reactive by quadrant, apparent by direction) of each
//! element (total, L1, L2, L3):
//! - the exact sum of what was booked: whole units and a remainder in micro units;
//! - the whole units by tariff, as they are displayed and billed.
//!
//! A whole unit is credited when it completes, and it completes on the *register* A+, A-, R+, R-, S+ or S-, which has one
//! remainder for all its quadrants and tariffs: the unit goes to the quadrant and tariff in which it completes. So in whole
//! units, at every instant and by construction: the tariffs of a register add up to its total; A+ = QI + QIV, A- = QII + QIII,
//! R+ = R1 + R2, R- = R3 + R4, |A| = A+ + A-, net = A+ - A-; and A+ never lags behind the energy by a unit or more.
//! (A single quadrant or tariff may differ from its own exact energy by less than one unit for each change of quadrant or tariff.)
//!
//! Roll-over: the whole units are u64 and are held at their end, which 100 kW would reach after 2 10^10 years; what a
//! display or a COSEM register shows modulo its number of digits is for the application to cut. Energies never run backwards.

use core::fmt;

use crate::channel::Phase;
use crate::measurement::{Direction, Flow, Measurement, Quadrant};

/// Tariffs of the bank.
pub const N_TARIFFS: usize = 8;

/// The energies of the meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    direction: Direction,
    elements: [ElementRegisters; N_ELEMENTS],
}

/// A tariff of the bank, 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tariff(u8);

/// What a register belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// All phases together.
    Total,
    /// One phase.
    Of(Phase),
}

/// What a register counts: Wh, varh or VAh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// A+ (OBIS C = 1): active import.
    ActiveImport,
    /// A- (C = 2): active export.
    ActiveExport,
    /// R+ (C = 3): reactive in quadrants I and II.
    ReactiveImport,
    /// R- (C = 4): reactive in quadrants III and IV.
    ReactiveExport,
    /// R1 .. R4 (C = 5..8): reactive by quadrant.
    Reactive(Quadrant),
    /// S+ (C = 9): apparent while importing active energy.
    ApparentImport,
    /// S- (C = 10): apparent while exporting active energy.
    ApparentExport,
    /// |A| (C = 15): A+ plus A-.
    ActiveAbsolute,
    /// A+ minus A- (C = 16); the only one that can fall.
    ActiveNet,
    /// Active by quadrant (C = 17..20).
    Active(Quadrant),
}

/// Why bytes were refused as registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistersError {
    /// Not [`Registers::LENGTH`] bytes.
    Length,
    /// A version that this code does not know.
    Version(u8),
    /// No such direction mode.
    Direction(u8),
    /// A remainder of a whole unit or more, or whole units by tariff that do not add up to the exact sum.
    Inconsistent,
}

impl Registers {
    /// Bytes of the stored form.
    pub const LENGTH: usize = HEAD_LENGTH + N_ELEMENTS * N_CELLS * CELL_LENGTH;

    /// Registers at zero.
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self {
            direction,
            elements: [ElementRegisters::ZERO; N_ELEMENTS],
        }
    }

    /// How the direction of the totals is found.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Changes how the direction of the totals is found, from the next measurement on; nothing that was counted changes.
    pub const fn set_direction(&mut self, direction: Direction) {
        self.direction = direction;
    }

    /// Books the energies of one window to the totals and the phases, under `tariff`.
    pub fn book(&mut self, measurement: &Measurement, tariff: Tariff) {
        let [total, phases @ ..] = &mut self.elements;
        for flow in measurement.flows(self.direction).iter() {
            total.book(flow, tariff);
        }
        for (element, reading) in phases.iter_mut().zip(&measurement.phases) {
            element.book(&reading.energy, tariff);
        }
    }

    /// The register in whole Wh, varh or VAh, over all tariffs: what is displayed and billed.
    #[must_use]
    pub fn value(&self, quantity: Quantity, element: Element) -> i64 {
        self.sum(quantity, element, ElementRegisters::whole_units)
    }

    /// The tariff register in whole Wh, varh or VAh. The eight tariffs add up to [`Self::value`] at every instant.
    #[must_use]
    pub fn tariff_value(&self, quantity: Quantity, element: Element, tariff: Tariff) -> i64 {
        self.sum(quantity, element, |registers, cell| {
            registers.tariff_units(cell, tariff)
        })
    }

    /// The exact energy in microjoules, microvarseconds or microvoltampereseconds, over all tariffs: for verification and replay.
    #[must_use]
    pub fn micro(&self, quantity: Quantity, element: Element) -> i128 {
        let registers = self.element(element);
        let cells = |cells: &[Cell]| -> i128 { cells.iter().map(|cell| registers.exact(*cell).micro()).sum() };
        match quantity {
            Quantity::ActiveNet => cells(&ACTIVE_IMPORT) - cells(&ACTIVE_EXPORT),
            Quantity::ActiveAbsolute => cells(&ACTIVE_IMPORT) + cells(&ACTIVE_EXPORT),
            _ => cells(quantity.cells().as_slice()),
        }
    }

    /// Writes the stored form; the storage layer adds checksum and number.
    pub fn write_to(&self, bytes: &mut [u8; Self::LENGTH]) {
        let (head, cells) = bytes.split_at_mut(HEAD_LENGTH);
        head.copy_from_slice(&[VERSION, direction_code(self.direction)]);
        let all = self
            .elements
            .iter()
            .flat_map(|element| element.exact.iter().zip(&element.tariffs));
        for (out, (exact, tariffs)) in cells.chunks_exact_mut(CELL_LENGTH).zip(all) {
            let words = core::iter::once(&exact.whole)
                .chain(core::iter::once(&exact.micro))
                .chain(tariffs);
            for (out, word) in out.chunks_exact_mut(WORD_LENGTH).zip(words) {
                out.copy_from_slice(&word.to_le_bytes());
            }
        }
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// [`RegistersError`] when the bytes are not what [`Self::write_to`] writes or contradict themselves.
    pub fn read_from(bytes: &[u8]) -> Result<Self, RegistersError> {
        let bytes: &[u8; Self::LENGTH] = bytes.try_into().map_err(|_length| RegistersError::Length)?;
        let (&[version, direction], cells) = bytes.split_first_chunk().ok_or(RegistersError::Length)?;
        if version != VERSION {
            return Err(RegistersError::Version(version));
        }
        let mut registers = Self::new(direction_of(direction)?);
        let mut words = cells
            .chunks_exact(WORD_LENGTH)
            .map(|word| word.try_into().map_or(0, u64::from_le_bytes));
        for element in &mut registers.elements {
            for (exact, tariffs) in element.exact.iter_mut().zip(&mut element.tariffs) {
                for word in [&mut exact.whole, &mut exact.micro].into_iter().chain(tariffs) {
                    *word = words.next().ok_or(RegistersError::Length)?;
                }
            }
            if !element.consistent() {
                return Err(RegistersError::Inconsistent);
            }
        }
        Ok(registers)
    }

    const fn element(&self, element: Element) -> &ElementRegisters {
        let [total, l1, l2, l3] = &self.elements;
        match element {
            Element::Total => total,
            Element::Of(Phase::L1) => l1,
            Element::Of(Phase::L2) => l2,
            Element::Of(Phase::L3) => l3,
        }
    }

    /// Adds up the cells of a quantity in whole units; sums of whole units, so that identities hold in what is displayed.
    fn sum(&self, quantity: Quantity, element: Element, units: impl Fn(&ElementRegisters, Cell) -> u64) -> i64 {
        let registers = self.element(element);
        let cells = |cells: &[Cell]| {
            let sum = cells
                .iter()
                .fold(0_u64, |sum, cell| sum.saturating_add(units(registers, *cell)));
            i64::try_from(sum).unwrap_or(i64::MAX)
        };
        match quantity {
            Quantity::ActiveNet => cells(&ACTIVE_IMPORT).saturating_sub(cells(&ACTIVE_EXPORT)),
            Quantity::ActiveAbsolute => cells(&ACTIVE_IMPORT).saturating_add(cells(&ACTIVE_EXPORT)),
            _ => cells(quantity.cells().as_slice()),
        }
    }
}

impl Tariff {
    /// The first tariff, in which a meter without a calendar counts.
    pub const FIRST: Self = Self(1);

    /// The tariff of a number from 1 to 8.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if 1 <= number && number <= 8 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// 1 to 8.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// All tariffs in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=8).map(Self)
    }
}

impl Element {
    /// The total and the phases in order.
    pub const ALL: [Self; N_ELEMENTS] = [
        Self::Total,
        Self::Of(Phase::L1),
        Self::Of(Phase::L2),
        Self::Of(Phase::L3),
    ];
}

impl Quantity {
    /// All quantities, in the order of their OBIS group C: 1..=10 and 15..=20.
    pub const ALL: [Self; 16] = [
        Self::ActiveImport,
        Self::ActiveExport,
        Self::ReactiveImport,
        Self::ReactiveExport,
        Self::Reactive(Quadrant::I),
        Self::Reactive(Quadrant::II),
        Self::Reactive(Quadrant::III),
        Self::Reactive(Quadrant::IV),
        Self::ApparentImport,
        Self::ApparentExport,
        Self::ActiveAbsolute,
        Self::ActiveNet,
        Self::Active(Quadrant::I),
        Self::Active(Quadrant::II),
        Self::Active(Quadrant::III),
        Self::Active(Quadrant::IV),
    ];

    /// The cells that add up to a quantity; for the two that mix directions, all of them.
    const fn cells(self) -> Cells {
        match self {
            Self::ActiveImport => Cells::Pair(ACTIVE_IMPORT),
            Self::ActiveExport => Cells::Pair(ACTIVE_EXPORT),
            Self::ReactiveImport => Cells::Pair(REACTIVE_IMPORT),
            Self::ReactiveExport => Cells::Pair(REACTIVE_EXPORT),
            Self::ActiveAbsolute | Self::ActiveNet => Cells::Four(ACTIVE),
            Self::ApparentImport => Cells::One([Cell::ApparentImport]),
            Self::ApparentExport => Cells::One([Cell::ApparentExport]),
            Self::Active(quadrant) => Cells::One([Cell::active(quadrant)]),
            Self::Reactive(quadrant) => Cells::One([Cell::reactive(quadrant)]),
        }
    }
}

impl fmt::Display for RegistersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "registers are not {} bytes long", Registers::LENGTH),
            Self::Version(version) => write!(f, "registers of unknown version {version}"),
            Self::Direction(code) => write!(f, "registers with unknown direction mode {code}"),
            Self::Inconsistent => f.write_str("registers that contradict themselves"),
        }
    }
}

impl core::error::Error for RegistersError {}

/// The registers of the total or of one phase.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ElementRegisters {
    exact: [Exact; N_CELLS],
    tariffs: [[u64; N_TARIFFS]; N_CELLS],
}

/// An exact energy: whole units, and a remainder below [`MICRO_PER_UNIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Exact {
    whole: u64,
    micro: u64,
}

/// What is kept apart; the discriminant is the place in the arrays and in the stored form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    ActiveQ1 = 0,
    ActiveQ2 = 1,
    ActiveQ3 = 2,
    ActiveQ4 = 3,
    ReactiveQ1 = 4,
    ReactiveQ2 = 5,
    ReactiveQ3 = 6,
    ReactiveQ4 = 7,
    ApparentImport = 8,
    ApparentExport = 9,
}

/// One, two or four cells without a heap.
enum Cells {
    One([Cell; 1]),
    Pair([Cell; 2]),
    Four([Cell; 4]),
}

impl ElementRegisters {
    const ZERO: Self = Self {
        exact: [Exact::ZERO; N_CELLS],
        tariffs: [[0; N_TARIFFS]; N_CELLS],
    };

    fn book(&mut self, flow: &Flow, tariff: Tariff) {
        let quadrant = flow.quadrant();
        let (active, apparent) = match quadrant {
            Quadrant::I | Quadrant::IV => (ACTIVE_IMPORT, [Cell::ApparentImport; 1]),
            Quadrant::II | Quadrant::III => (ACTIVE_EXPORT, [Cell::ApparentExport; 1]),
        };
        let reactive = match quadrant {
            Quadrant::I | Quadrant::II => REACTIVE_IMPORT,
            Quadrant::III | Quadrant::IV => REACTIVE_EXPORT,
        };
        let [apparent_cell] = apparent;
        self.credit(
            &active,
            Cell::active(quadrant),
            flow.active_microjoules.unsigned_abs(),
            tariff,
        );
        self.credit(
            &reactive,
            Cell::reactive(quadrant),
            flow.reactive_microvarseconds.unsigned_abs(),
            tariff,
        );
        self.credit(&apparent, apparent_cell, flow.apparent_microvoltampereseconds, tariff);
    }

    /// Adds `micro` to `cell`, and the whole units that this completes on the register made of `register` to cell and tariff.
    fn credit(&mut self, register: &[Cell], cell: Cell, micro: u64, tariff: Tariff) {
        let before = self.completed(register);
        if let Some(exact) = self.exact.get_mut(cell.index()) {
            exact.add(micro);
        }
        let units = self.completed(register).saturating_sub(before);
        if let Some(slot) = self
            .tariffs
            .get_mut(cell.index())
            .and_then(|bank| bank.get_mut(tariff.index()))
        {
            *slot = slot.saturating_add(units);
        }
    }

    /// Whole units completed on the register that is the sum of `cells`.
    fn completed(&self, cells: &[Cell]) -> u64 {
        let mut sum = Exact::ZERO;
        for cell in cells {
            let exact = self.exact(*cell);
            sum.whole = sum.whole.saturating_add(exact.whole);
            sum.add(exact.micro);
        }
        sum.whole
    }

    fn exact(&self, cell: Cell) -> Exact {
        self.exact.get(cell.index()).copied().unwrap_or(Exact::ZERO)
    }

    fn whole_units(&self, cell: Cell) -> u64 {
        Tariff::all().fold(0, |sum, tariff| self.tariff_units(cell, tariff).saturating_add(sum))
    }

    fn tariff_units(&self, cell: Cell, tariff: Tariff) -> u64 {
        self.tariffs
            .get(cell.index())
            .and_then(|bank| bank.get(tariff.index()))
            .copied()
            .unwrap_or(0)
    }

    /// Whether remainders are remainders, and every register's whole units are those of its exact sum.
    fn consistent(&self) -> bool {
        let registers: [&[Cell]; 6] = [
            &ACTIVE_IMPORT,
            &ACTIVE_EXPORT,
            &REACTIVE_IMPORT,
            &REACTIVE_EXPORT,
            &[Cell::ApparentImport],
            &[Cell::ApparentExport],
        ];
        self.exact.iter().all(|exact| exact.micro < MICRO_PER_UNIT)
            && registers.into_iter().all(|cells| {
                let credited = cells
                    .iter()
                    .fold(0_u64, |sum, cell| sum.saturating_add(self.whole_units(*cell)));
                credited == self.completed(cells)
            })
    }
}

impl Exact {
    const ZERO: Self = Self { whole: 0, micro: 0 };

    /// Adds micro units, carrying whole units over.
    const fn add(&mut self, micro: u64) {
        let remainder = self.micro + micro % MICRO_PER_UNIT; // both below 3.6e9
        let carry = micro / MICRO_PER_UNIT + remainder / MICRO_PER_UNIT;
        self.whole = self.whole.saturating_add(carry);
        self.micro = remainder % MICRO_PER_UNIT;
    }

    fn micro(self) -> i128 {
        i128::from(self.whole) * i128::from(MICRO_PER_UNIT) + i128::from(self.micro)
    }
}

impl Cell {
    const fn index(self) -> usize {
        self as usize
    }

    const fn active(quadrant: Quadrant) -> Self {
        match quadrant {
            Quadrant::I => Self::ActiveQ1,
            Quadrant::II => Self::ActiveQ2,
            Quadrant::III => Self::ActiveQ3,
            Quadrant::IV => Self::ActiveQ4,
        }
    }

    const fn reactive(quadrant: Quadrant) -> Self {
        match quadrant {
            Quadrant::I => Self::ReactiveQ1,
            Quadrant::II => Self::ReactiveQ2,
            Quadrant::III => Self::ReactiveQ3,
            Quadrant::IV => Self::ReactiveQ4,
        }
    }
}

impl Cells {
    const fn as_slice(&self) -> &[Cell] {
        match self {
            Self::One(cells) => cells,
            Self::Pair(cells) => cells,
            Self::Four(cells) => cells,
        }
    }
}

impl Tariff {
    const fn index(self) -> usize {
        self.0 as usize - 1 // a tariff is 1 to 8
    }
}

const fn direction_code(direction: Direction) -> u8 {
    match direction {
        Direction::SumOfPhases => 0,
        Direction::PerPhase => 1,
    }
}

const fn direction_of(code: u8) -> Result<Direction, RegistersError> {
    match code {
        0 => Ok(Direction::SumOfPhases),
        1 => Ok(Direction::PerPhase),
        _ => Err(RegistersError::Direction(code)),
    }
}

const ACTIVE: [Cell; 4] = [Cell::ActiveQ1, Cell::ActiveQ2, Cell::ActiveQ3, Cell::ActiveQ4];
const ACTIVE_IMPORT: [Cell; 2] = [Cell::ActiveQ1, Cell::ActiveQ4];
const ACTIVE_EXPORT: [Cell; 2] = [Cell::ActiveQ2, Cell::ActiveQ3];
const REACTIVE_IMPORT: [Cell; 2] = [Cell::ReactiveQ1, Cell::ReactiveQ2];
const REACTIVE_EXPORT: [Cell; 2] = [Cell::ReactiveQ3, Cell::ReactiveQ4];

/// Microjoules of a Wh.
const MICRO_PER_UNIT: u64 = 3_600_000_000;
const N_ELEMENTS: usize = 4;
const N_CELLS: usize = 10;

/// Stored form: version, direction mode, then for each element and cell the exact sum and the eight tariffs, little endian.
const VERSION: u8 = 1;
const HEAD_LENGTH: usize = 2;
const WORD_LENGTH: usize = 8;
const CELL_LENGTH: usize = (2 + N_TARIFFS) * WORD_LENGTH;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::measurement::{Apparent, PhaseReading};
    use crate::position::Position;

    fn window(phases: [(i64, i64, u64); 3]) -> Measurement {
        let phases = phases.map(|(active, reactive, apparent)| PhaseReading {
            energy: Flow {
                active_microjoules: active,
                reactive_microvarseconds: reactive,
                apparent_microvoltampereseconds: apparent,
            },
            ..PhaseReading::default()
        });
        Measurement::of_phases(Position::START, Position::START, 0, 0, phases, Apparent::Arithmetic)
    }

    fn check_identities(registers: &Registers) {
        use Quantity as Q;
        for element in Element::ALL {
            let mut views: Vec<std::boxed::Box<dyn Fn(Quantity) -> i64>> =
                std::vec![std::boxed::Box::new(move |quantity| registers.value(quantity, element))];
            for tariff in Tariff::all() {
                views.push(std::boxed::Box::new(move |quantity| {
                    registers.tariff_value(quantity, element, tariff)
                }));
            }
            for value in views {
                assert_eq!(
                    value(Q::ActiveImport),
                    value(Q::Active(Quadrant::I)) + value(Q::Active(Quadrant::IV))
                );
                assert_eq!(
                    value(Q::ActiveExport),
                    value(Q::Active(Quadrant::II)) + value(Q::Active(Quadrant::III))
                );
                assert_eq!(
                    value(Q::ReactiveImport),
                    value(Q::Reactive(Quadrant::I)) + value(Q::Reactive(Quadrant::II))
                );
                assert_eq!(
                    value(Q::ReactiveExport),
                    value(Q::Reactive(Quadrant::III)) + value(Q::Reactive(Quadrant::IV))
                );
                assert_eq!(
                    value(Q::ActiveAbsolute),
                    value(Q::ActiveImport) + value(Q::ActiveExport)
                );
                assert_eq!(value(Q::ActiveNet), value(Q::ActiveImport) - value(Q::ActiveExport));
            }
            for quantity in Quantity::ALL {
                let tariffs: i64 = Tariff::all()
                    .map(|tariff| registers.tariff_value(quantity, element, tariff))
                    .sum();
                assert_eq!(
                    tariffs,
                    registers.value(quantity, element),
                    "{quantity:?} of {element:?}"
                );
            }
            for billed in [
                Q::ActiveImport,
                Q::ActiveExport,
                Q::ReactiveImport,
                Q::ReactiveExport,
                Q::ApparentImport,
                Q::ApparentExport,
            ] {
                let exact = registers.micro(billed, element);
                assert_eq!(
                    i128::from(registers.value(billed, element)),
                    exact / i128::from(MICRO_PER_UNIT)
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// M1: exact sums, identities and tariffs at every instant, whatever is booked in whatever order.
        #[test]
        fn identities_hold_in_whole_units_at_every_instant(
            per_phase: bool,
            windows in prop::collection::vec(
                (prop::array::uniform3((-9_000_000_000_i64..9_000_000_000, -9_000_000_000_i64..9_000_000_000, 0_u64..9_000_000_000)), 1_u8..=8),
                1..60,
            ),
        ) {
            let direction = if per_phase { Direction::PerPhase } else { Direction::SumOfPhases };
            let mut registers = Registers::new(direction);
            let (mut net, mut absolute, mut reactive) = (0_i128, 0_i128, 0_i128);
            for (phases, tariff) in windows {
                let earlier = registers.clone();
                registers.book(&window(phases), Tariff::new(tariff).expect("1 to 8"));
                check_identities(&registers);
                for quantity in Quantity::ALL.into_iter().filter(|quantity| *quantity != Quantity::ActiveNet) {
                    for element in Element::ALL {
                        prop_assert!(earlier.value(quantity, element) <= registers.value(quantity, element));
                        prop_assert!(earlier.micro(quantity, element) <= registers.micro(quantity, element));
                    }
                }
                let sum: i64 = phases.iter().map(|phase| phase.0).sum();
                let magnitudes: i64 = phases.iter().map(|phase| phase.0.abs()).sum();
                net += i128::from(sum);
                absolute += i128::from(if per_phase { magnitudes } else { sum.abs() });
                reactive += i128::from(phases.iter().map(|phase| phase.1).sum::<i64>());
            }
            prop_assert_eq!(registers.micro(Quantity::ActiveNet, Element::Total), net);
            prop_assert_eq!(registers.micro(Quantity::ActiveAbsolute, Element::Total), absolute);
            let reactive_net = registers.micro(Quantity::ReactiveImport, Element::Total)
                - registers.micro(Quantity::ReactiveExport, Element::Total);
            prop_assert_eq!(reactive_net, reactive);
            let mut bytes = [0; Registers::LENGTH];
            registers.write_to(&mut bytes);
            prop_assert_eq!(Registers::read_from(&bytes), Ok(registers));
        }
    }

    #[test]
    fn a_unit_goes_to_the_tariff_in_which_it_completes() {
        let mut registers = Registers::new(Direction::SumOfPhases);
        let (first, second) = (Tariff::FIRST, Tariff::new(2).expect("a tariff"));
        registers.book(&window([(3_599_999_999, 0, 0), (0, 0, 0), (0, 0, 0)]), first);
        assert_eq!(registers.value(Quantity::ActiveImport, Element::Total), 0);
        registers.book(&window([(1, -1, 0), (0, 0, 0), (0, 0, 0)]), second);
        assert_eq!(registers.value(Quantity::ActiveImport, Element::Total), 1);
        assert_eq!(registers.tariff_value(Quantity::ActiveImport, Element::Total, first), 0);
        assert_eq!(
            registers.tariff_value(Quantity::ActiveImport, Element::Total, second),
            1
        );
        assert_eq!(registers.value(Quantity::Active(Quadrant::IV), Element::Total), 1);
        assert_eq!(
            registers.micro(Quantity::Active(Quadrant::I), Element::Of(Phase::L1)),
            3_599_999_999
        );
    }

    #[test]
    fn directions_differ_when_phases_oppose() {
        let opposed = window([(5_000, 0, 5_000), (-3_000, 0, 3_000), (0, 0, 0)]);
        let mut sum = Registers::new(Direction::SumOfPhases);
        let mut each = Registers::new(Direction::PerPhase);
        sum.book(&opposed, Tariff::FIRST);
        each.book(&opposed, Tariff::FIRST);
        let read = |registers: &Registers| {
            (
                registers.micro(Quantity::ActiveImport, Element::Total),
                registers.micro(Quantity::ActiveExport, Element::Total),
                registers.micro(Quantity::ApparentImport, Element::Total),
                registers.micro(Quantity::ApparentExport, Element::Total),
            )
        };
        assert_eq!(read(&sum), (2_000, 0, 8_000, 0));
        assert_eq!(read(&each), (5_000, 3_000, 5_000, 3_000));
        assert_eq!(sum.micro(Quantity::ActiveExport, Element::Of(Phase::L2)), 3_000);
    }

    /// M1: no microjoule is lost over very many windows (10^8 in the long campaign; the carry is the same at each).
    #[test]
    fn windows_add_up_to_the_microjoule() {
        let mut registers = Registers::new(Direction::SumOfPhases);
        let booked = window([(999_999_937, 17, 1_000_000_000), (0, 0, 0), (0, 0, 0)]);
        // The campaign: FERRARIS_WINDOWS=100000000 cargo test --release -p ferraris-metrology microjoule
        let wanted = std::env::var("FERRARIS_WINDOWS").ok();
        let n_windows: i128 = wanted.map_or(200_000, |text| text.parse().expect("a number of windows"));
        for _ in 0..n_windows {
            registers.book(&booked, Tariff::FIRST);
        }
        assert_eq!(
            registers.micro(Quantity::ActiveImport, Element::Total),
            999_999_937 * n_windows
        );
        assert_eq!(
            i128::from(registers.value(Quantity::ActiveImport, Element::Total)),
            999_999_937 * n_windows / 3_600_000_000
        );
        assert_eq!(
            registers.micro(Quantity::ReactiveImport, Element::Of(Phase::L1)),
            17 * n_windows
        );
    }

    #[test]
    fn registers_are_held_at_their_end_and_never_wrap() {
        let mut registers = Registers::new(Direction::SumOfPhases);
        let huge = window([
            (i64::MAX, i64::MIN, u64::MAX),
            (i64::MIN, i64::MAX, u64::MAX),
            (i64::MIN, 0, u64::MAX),
        ]);
        for _ in 0..4 {
            registers.book(&huge, Tariff::FIRST);
        }
        for element in &mut registers.elements {
            for exact in &mut element.exact {
                exact.whole = u64::MAX;
            }
            for bank in &mut element.tariffs {
                *bank = [u64::MAX; N_TARIFFS];
            }
        }
        registers.book(&huge, Tariff::FIRST);
        for quantity in Quantity::ALL {
            for element in Element::ALL {
                let value = registers.value(quantity, element);
                assert_eq!(value, if quantity == Quantity::ActiveNet { 0 } else { i64::MAX });
            }
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let mut registers = Registers::new(Direction::PerPhase);
        registers.book(&window([(8_000_000_000, 1, 2), (3, 4, 5), (-6, -7, 8)]), Tariff::FIRST);
        let mut bytes = [0; Registers::LENGTH];
        registers.write_to(&mut bytes);
        assert_eq!(Registers::read_from(&bytes), Ok(registers));
        for length in 0..Registers::LENGTH {
            assert_eq!(Registers::read_from(&bytes[..length]), Err(RegistersError::Length));
        }
        let damaged = |index: usize, value: u8| {
            let mut copy = bytes;
            copy[index] = value;
            Registers::read_from(&copy)
        };
        assert_eq!(damaged(0, 9), Err(RegistersError::Version(9)));
        assert_eq!(damaged(1, 7), Err(RegistersError::Direction(7)));
        assert_eq!(damaged(2, 1), Err(RegistersError::Inconsistent)); // a whole unit that no tariff has
        assert_eq!(damaged(2 + 15, 1), Err(RegistersError::Inconsistent)); // a remainder beyond a unit
        assert_eq!(damaged(2 + 16, 9), Err(RegistersError::Inconsistent)); // a tariff that was never counted
    }

    #[test]
    fn tariffs_are_one_to_eight() {
        assert_eq!(Tariff::new(0), None);
        assert_eq!(Tariff::new(9), None);
        assert_eq!(
            Tariff::all().map(Tariff::number).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7, 8]
        );
    }
}
