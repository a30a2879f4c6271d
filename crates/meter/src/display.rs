//! The display: which page is shown when, and what it reads (C9).

use core::fmt::Write as _;

use base::{Instant, Micros};
use cosem::Obis;
use heapless::String;
use metrology::{Element, Phase, Quadrant, Quantity, Sequence};

use crate::disconnector::State;
use crate::fraud::Press;
use crate::model::Model;

/// What the glass shows now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The object; none on pages without one.
    pub name: Option<Obis>,
    /// At most 8 cells, right-aligned; points and colons stand between cells.
    pub text: String<16>,
    /// The unit, as it is printed.
    pub unit: &'static str,
    /// The symbols that are lit.
    pub symbols: Symbols,
    /// Whether every segment is lit.
    pub segments_test: bool,
}

/// A symbol of the glass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as it is printed on the glass, see `name`")]
pub enum Symbol {
    L1,
    L2,
    L3,
    Reverse,
    Import,
    Export,
    Q1,
    Q2,
    Q3,
    Q4,
    T1,
    T2,
    T3,
    T4,
    T5,
    T6,
    T7,
    T8,
    Open,
    Ready,
    MeterCover,
    TerminalCover,
    Magnet,
    Clock,
    Error,
    Comm,
    Manual,
}

impl Symbol {
    /// All symbols.
    pub const ALL: [Self; 27] = [
        Self::L1,
        Self::L2,
        Self::L3,
        Self::Reverse,
        Self::Import,
        Self::Export,
        Self::Q1,
        Self::Q2,
        Self::Q3,
        Self::Q4,
        Self::T1,
        Self::T2,
        Self::T3,
        Self::T4,
        Self::T5,
        Self::T6,
        Self::T7,
        Self::T8,
        Self::Open,
        Self::Ready,
        Self::MeterCover,
        Self::TerminalCover,
        Self::Magnet,
        Self::Clock,
        Self::Error,
        Self::Comm,
        Self::Manual,
    ];

    const PHASES: [Self; 3] = [Self::L1, Self::L2, Self::L3];
    const QUADRANTS: [Self; 4] = [Self::Q1, Self::Q2, Self::Q3, Self::Q4];
    const TARIFFS: [Self; 8] = [
        Self::T1,
        Self::T2,
        Self::T3,
        Self::T4,
        Self::T5,
        Self::T6,
        Self::T7,
        Self::T8,
    ];

    /// The symbol's name in the control interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::Reverse => "reverse",
            Self::Import => "import",
            Self::Export => "export",
            Self::Q1 => "Q1",
            Self::Q2 => "Q2",
            Self::Q3 => "Q3",
            Self::Q4 => "Q4",
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
            Self::T4 => "T4",
            Self::T5 => "T5",
            Self::T6 => "T6",
            Self::T7 => "T7",
            Self::T8 => "T8",
            Self::Open => "open",
            Self::Ready => "ready",
            Self::MeterCover => "meter_cover",
            Self::TerminalCover => "terminal_cover",
            Self::Magnet => "magnet",
            Self::Clock => "clock",
            Self::Error => "error",
            Self::Comm => "comm",
            Self::Manual => "manual",
        }
    }
}

/// A set of symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbols(u32);

impl Symbols {
    /// Every symbol.
    pub const ALL: Self = Self(u32::MAX);

    /// Lights `symbol` when `on`.
    pub const fn light(&mut self, symbol: Symbol, on: bool) {
        if on {
            self.0 |= 1 << symbol as u8;
        }
    }

    /// The symbols that are lit, in the order of [`Symbol::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Symbol> {
        Symbol::ALL
            .into_iter()
            .filter(move |&symbol| self.0 >> symbol as u8 & 1 == 1)
    }
}

/// What one page shows.
#[derive(Clone, Copy)]
enum Page {
    Energy(Quantity, &'static str),
    Power,
    Reactive,
    Voltage(Phase),
    Current(Phase),
    Frequency,
    Time,
    Date,
    Serial,
    Supply,
}

/// The pages that roll by themselves.
const AUTOMATIC: [Page; 10] = [
    Page::Energy(Quantity::ActiveImport, "1-0:1.8.0"),
    Page::Energy(Quantity::ActiveExport, "1-0:2.8.0"),
    Page::Energy(Quantity::ReactiveImport, "1-0:3.8.0"),
    Page::Energy(Quantity::ReactiveExport, "1-0:4.8.0"),
    Page::Power,
    Page::Voltage(Phase::L1),
    Page::Voltage(Phase::L2),
    Page::Voltage(Phase::L3),
    Page::Time,
    Page::Date,
];

/// The pages that the button leads through.
const MANUAL: [Page; 15] = [
    Page::Serial,
    Page::Energy(Quantity::ActiveImport, "1-0:1.8.0"),
    Page::Energy(Quantity::ActiveExport, "1-0:2.8.0"),
    Page::Energy(Quantity::ActiveAbsolute, "1-0:15.8.0"),
    Page::Power,
    Page::Reactive,
    Page::Voltage(Phase::L1),
    Page::Voltage(Phase::L2),
    Page::Voltage(Phase::L3),
    Page::Current(Phase::L1),
    Page::Current(Phase::L2),
    Page::Current(Phase::L3),
    Page::Frequency,
    Page::Supply,
    Page::Time,
];

impl Page {
    /// Whether a meter without L2 and L3 has the page.
    const fn is_single_phase(self) -> bool {
        !matches!(
            self,
            Self::Voltage(Phase::L2 | Phase::L3) | Self::Current(Phase::L2 | Phase::L3)
        )
    }
}

/// The time that a page stands.
const PAGE: Micros = Micros::from_secs(6);
/// All segments are lit for this long after power up.
const SEGMENTS_TEST: Micros = Micros::from_secs(3);
/// Without a press the manual list ends.
const MANUAL_PATIENCE: Micros = Micros::from_secs(60);

/// Which list is shown and since when.
#[derive(Clone, Copy, Debug)]
pub struct Display {
    started: Instant,
    list: List,
}

#[derive(Clone, Copy, Debug)]
enum List {
    /// Rolling; the page follows from the time since `from`, beginning with page `first`.
    Automatic { from: Instant, first: u64 },
    /// Led by the button, until nobody has pressed for a while.
    Manual { page: usize, until: Instant },
}

impl Display {
    /// A display that was switched on now.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            started: now,
            list: List::Automatic { from: now, first: 0 },
        }
    }

    /// Takes a press of the button: short steps the list, long opens or leaves the manual one.
    pub fn press(&mut self, now: Instant, press: Press) {
        let manual = |page| List::Manual {
            page,
            until: now + MANUAL_PATIENCE,
        };
        self.list = match (self.current(now), press) {
            (List::Automatic { .. }, Press::Long) => manual(0),
            (List::Automatic { from, first }, Press::Short) => List::Automatic {
                from: now,
                first: first + now.since(from).as_micros() / PAGE.as_micros() + 1,
            },
            (List::Manual { page, .. }, Press::Short) => manual(page + 1),
            (List::Manual { .. }, Press::Long) => List::Automatic { from: now, first: 0 },
        };
    }

    /// The list now: a manual one that nobody uses any more has ended.
    fn current(&self, now: Instant) -> List {
        match self.list {
            List::Manual { until, .. } if until <= now => List::Automatic { from: until, first: 0 },
            list => list,
        }
    }

    fn page(&self, now: Instant, three_phase: bool) -> (Page, bool) {
        let exists = |page: &&Page| three_phase || page.is_single_phase();
        let pick = |pages: &[Page], number: u64| {
            let count = u64::try_from(pages.iter().filter(exists).count()).unwrap_or(1);
            let at = usize::try_from(number % count.max(1)).unwrap_or(0);
            pages.iter().filter(exists).nth(at).copied().unwrap_or(Page::Time)
        };
        match self.current(now) {
            List::Automatic { from, first } => {
                let number = first + now.since(from).as_micros() / PAGE.as_micros();
                (pick(&AUTOMATIC, number), false)
            }
            List::Manual { page, .. } => (pick(&MANUAL, u64::try_from(page).unwrap_or(0)), true),
        }
    }
}

/// What the glass of this meter shows at `now`.
#[must_use]
pub fn show(it: &Model, now: Instant) -> Shown {
    let (page, manual) = it.display.page(now, it.config.variant.is_three_phase());
    let segments_test = now.since(it.display.started) < SEGMENTS_TEST;
    let mut shown = read(it, now, page);
    shown.segments_test = segments_test;
    shown.symbols = if segments_test {
        Symbols::ALL
    } else {
        symbols(it, now, manual)
    };
    shown
}

/// The reading of one page. Text that would not fit its 8 cells is cut by the string's capacity; no page comes near it.
fn read(it: &Model, now: Instant, page: Page) -> Shown {
    let mut text = String::new();
    let reading = it.reading.as_ref();
    let phase = |phase| reading.map(|it| *it.phase(phase)).unwrap_or_default();
    let (name, unit, written) = match page {
        Page::Energy(quantity, name) => {
            let centi = it.registers.value(quantity, Element::Total) / 10; // hundredths of a kilo unit, towards zero
            let unit = if name.starts_with("1-0:3") || name.starts_with("1-0:4") {
                "kvarh"
            } else {
                "kWh"
            };
            let centi = centi.rem_euclid(100_000_000);
            (
                Some(Obis::new(name)),
                unit,
                write!(text, "{:06}.{:02}", centi / 100, centi % 100),
            )
        }
        Page::Power => {
            let watts = reading.map_or(0, |it| it.total.active_microwatts) / 1_000_000;
            let sign = if watts < 0 { "-" } else { "" };
            let watts = watts.unsigned_abs();
            (
                Some(Obis::new("1-0:16.7.0")),
                "kW",
                write!(text, "{sign}{}.{:03}", watts / 1_000, watts % 1_000),
            )
        }
        Page::Reactive => {
            let vars = reading.map_or(0, |it| it.total.reactive_microvars) / 1_000_000;
            let sign = if vars < 0 { "-" } else { "" };
            let vars = vars.unsigned_abs();
            (
                Some(Obis::new("1-0:3.7.0")),
                "kvar",
                write!(text, "{sign}{}.{:03}", vars / 1_000, vars % 1_000),
            )
        }
        Page::Voltage(which) => {
            let decivolts = phase(which).voltage_microvolts / 100_000;
            let name = Obis::new("1-0:32.7.0").with_c(32 + 20 * which as u8);
            (Some(name), "V", write!(text, "{}.{}", decivolts / 10, decivolts % 10))
        }
        Page::Current(which) => {
            let centiamperes = phase(which).current_microamperes / 10_000;
            let name = Obis::new("1-0:31.7.0").with_c(31 + 20 * which as u8);
            (
                Some(name),
                "A",
                write!(text, "{}.{:02}", centiamperes / 100, centiamperes % 100),
            )
        }
        Page::Frequency => {
            let centihertz = reading.map_or(0, |it| it.frequency_microhertz) / 10_000;
            (
                Some(Obis::new("1-0:14.7.0")),
                "Hz",
                write!(text, "{}.{:02}", centihertz / 100, centihertz % 100),
            )
        }
        Page::Time => {
            let local = it.clock.local(it.clock.utc(now));
            let written = write!(text, "{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second());
            (Some(Obis::new("1-0:0.9.1")), "", written)
        }
        Page::Date => {
            let local = it.clock.local(it.clock.utc(now));
            let written = write!(
                text,
                "{:02}.{:02}.{:02}",
                local.day(),
                local.month(),
                local.year() % 100
            );
            (Some(Obis::new("1-0:0.9.2")), "", written)
        }
        Page::Serial => {
            let digits = it.config.serial_digits();
            let digits = core::str::from_utf8(&digits).unwrap_or("");
            (
                Some(Obis::new("0-0:96.1.0")),
                "",
                text.push_str(digits).map_err(|_| core::fmt::Error),
            )
        }
        Page::Supply => {
            let state = match it.disconnector.state() {
                State::Disconnected => "open",
                State::Connected => "ConnEct",
                State::Ready => "rEAdY",
            };
            (
                Some(Obis::new("0-0:96.3.10")),
                "",
                text.push_str(state).map_err(|_| core::fmt::Error),
            )
        }
    };
    let _cut_at_the_capacity = written;
    Shown {
        name,
        text,
        unit,
        symbols: Symbols::default(),
        segments_test: false,
    }
}

fn symbols(it: &Model, now: Instant, manual: bool) -> Symbols {
    let mut symbols = Symbols::default();
    if let Some(reading) = &it.reading {
        for (symbol, phase) in Symbol::PHASES.into_iter().zip(&reading.phases) {
            symbols.light(symbol, phase.present);
        }
        symbols.light(Symbol::Reverse, reading.sequence == Some(Sequence::Reversed));
        symbols.light(Symbol::Import, 0 < reading.total.active_microwatts);
        symbols.light(Symbol::Export, reading.total.active_microwatts < 0);
        if !reading.no_load {
            for (symbol, quadrant) in Symbol::QUADRANTS.into_iter().zip(Quadrant::ALL) {
                symbols.light(symbol, reading.quadrant() == quadrant);
            }
        }
    }
    for (symbol, number) in Symbol::TARIFFS.into_iter().zip(1_u8..) {
        symbols.light(symbol, it.tariffs.energy().number() == number);
    }
    symbols.light(Symbol::Open, !it.disconnector.is_connected());
    symbols.light(Symbol::Ready, it.disconnector.state() == State::Ready);
    symbols.light(Symbol::MeterCover, it.contacts.meter_cover_open());
    symbols.light(Symbol::TerminalCover, it.contacts.terminal_cover_open());
    symbols.light(Symbol::Magnet, it.contacts.magnet_near());
    symbols.light(
        Symbol::Clock,
        !it.clock.status(it.clock.utc(now)).octet().is_multiple_of(2),
    );
    symbols.light(Symbol::Error, it.error_register != 0);
    symbols.light(Symbol::Comm, it.is_client_connected());
    symbols.light(Symbol::Manual, manual);
    symbols
}
