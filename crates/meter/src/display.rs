//! The display: which page is shown when, and what it reads (C9).

use core::fmt::Write as _;

use base::{Instant, Micros};
use cosem::axdr::{Writer, tag};
use cosem::{Attribute, CaptureObject, Obis, Role};
use heapless::{String, Vec};
use metrology::{Element, Phase, Quadrant, Quantity, Sequence};

use crate::disconnector::State;
use crate::fraud::Press;
use crate::model::Model;
use crate::objects::DIRECTORY;

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
    /// The list that the page belongs to.
    pub list: Which,
    /// Its place in the list, from 1.
    pub page: u8,
    /// How many pages the list has.
    pub pages: u8,
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
    /// A register of the verification mode: the last four digits of whole units, and ten-thousandths.
    Fine(Attribute),
    /// An energy on the primary side, with as many digits as the ratio wants.
    Primary(Attribute),
    /// Any attribute, by its own scaler and unit.
    Other(Attribute),
}

/// Most objects of a list.
pub const ENTRIES: usize = 24;

/// The objects of a list, in the order in which they are shown.
pub type Entries = Vec<CaptureObject, ENTRIES>;

/// The three lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Rolls by itself (0-0:21.0.1).
    Automatic = 0,
    /// Led by the button (0-0:21.0.2).
    Manual = 1,
    /// The service mode, behind the manual list (0-0:21.0.3).
    Service = 2,
    /// Rolls in place of the automatic list while the meter is being verified (M7); it is always the factory's.
    Verification = 3,
}

impl Which {
    /// The list's name in the control interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Manual => "manual",
            Self::Service => "service",
            Self::Verification => "verification",
        }
    }
}

const fn entry(class_id: u16, name: &str, index: i8) -> CaptureObject {
    CaptureObject::whole(Attribute::new(class_id, Obis::new(name), index))
}

/// The list that rolls, from the factory.
const AUTOMATIC: [CaptureObject; 10] = [
    entry(3, "1-0:1.8.0", 2),
    entry(3, "1-0:2.8.0", 2),
    entry(3, "1-0:3.8.0", 2),
    entry(3, "1-0:4.8.0", 2),
    entry(3, "1-0:16.7.0", 2),
    entry(3, "1-0:32.7.0", 2),
    entry(3, "1-0:52.7.0", 2),
    entry(3, "1-0:72.7.0", 2),
    entry(1, "1-0:0.9.1", 2),
    entry(1, "1-0:0.9.2", 2),
];

/// The list that the button leads through, from the factory.
const MANUAL: [CaptureObject; 21] = [
    entry(1, "0-0:96.1.0", 2),
    entry(3, "1-0:1.8.0", 2),
    entry(3, "1-0:2.8.0", 2),
    entry(3, "1-0:15.8.0", 2),
    entry(3, "1-0:16.7.0", 2),
    entry(3, "1-0:3.7.0", 2),
    entry(3, "1-0:32.7.0", 2),
    entry(3, "1-0:52.7.0", 2),
    entry(3, "1-0:72.7.0", 2),
    entry(3, "1-0:31.7.0", 2),
    entry(3, "1-0:51.7.0", 2),
    entry(3, "1-0:71.7.0", 2),
    entry(3, "1-0:14.7.0", 2),
    // Of a CT meter: the ratio, and what stands on the primary side.
    entry(1, "1-0:0.4.2", 2),
    entry(1, "1-0:0.4.5", 2),
    entry(1, "1-0:0.4.3", 2),
    entry(1, "1-0:0.4.6", 2),
    entry(3, "1-0:1.129.0", 2),
    entry(3, "1-0:16.130.0", 2),
    entry(70, "0-0:96.3.10", 3),
    entry(1, "1-0:0.9.1", 2),
];

/// The service mode, from the factory: errors, power failures, number of the billing period, tariff, maximum and its time.
const SERVICE: [CaptureObject; 6] = [
    entry(1, "0-0:97.97.0", 2),
    entry(1, "0-0:96.7.21", 2),
    entry(1, "1-0:0.1.0", 2),
    entry(1, "0-0:96.14.0", 2),
    entry(4, "1-0:1.6.0", 2),
    entry(4, "1-0:1.6.0", 5),
];

/// What a laboratory compares with its reference.
const VERIFICATION: [CaptureObject; 6] = [
    entry(3, "1-0:1.128.0", 2),
    entry(3, "1-0:2.128.0", 2),
    entry(3, "1-0:3.128.0", 2),
    entry(3, "1-0:4.128.0", 2),
    entry(3, "1-0:9.128.0", 2),
    entry(3, "1-0:10.128.0", 2),
];

impl Page {
    /// How an object is shown: some have a form of their own, all others are shown by value, scaler and unit.
    fn of(shown: CaptureObject) -> Self {
        let CaptureObject { attribute, .. } = shown;
        let [a, _, c, d, e, _] = attribute.name.octets();
        match (a, c, d, e) {
            _ if attribute == entry(70, "0-0:96.3.10", 3).attribute => Self::Supply,
            _ if attribute == entry(1, "0-0:96.1.0", 2).attribute => Self::Serial,
            _ if attribute.index != 2 => Self::Other(attribute),
            (1, _, 128, 0) => Self::Fine(attribute),
            // The net one may be negative.
            (1, 1..=15, 129, 0) => Self::Primary(attribute),
            (1, 1, 8, 0) => Self::Energy(Quantity::ActiveImport, "1-0:1.8.0"),
            (1, 2, 8, 0) => Self::Energy(Quantity::ActiveExport, "1-0:2.8.0"),
            (1, 3, 8, 0) => Self::Energy(Quantity::ReactiveImport, "1-0:3.8.0"),
            (1, 4, 8, 0) => Self::Energy(Quantity::ReactiveExport, "1-0:4.8.0"),
            (1, 15, 8, 0) => Self::Energy(Quantity::ActiveAbsolute, "1-0:15.8.0"),
            (1, 16, 7, 0) => Self::Power,
            (1, 3, 7, 0) => Self::Reactive,
            (1, 32, 7, 0) => Self::Voltage(Phase::L1),
            (1, 52, 7, 0) => Self::Voltage(Phase::L2),
            (1, 72, 7, 0) => Self::Voltage(Phase::L3),
            (1, 31, 7, 0) => Self::Current(Phase::L1),
            (1, 51, 7, 0) => Self::Current(Phase::L2),
            (1, 71, 7, 0) => Self::Current(Phase::L3),
            (1, 14, 7, 0) => Self::Frequency,
            (1, 0, 9, 1) => Self::Time,
            (1, 0, 9, 2) => Self::Date,
            _ => Self::Other(attribute),
        }
    }
}

/// The time that a page stands.
const PAGE: Micros = Micros::from_secs(6);
/// All segments are lit for this long after power up.
const SEGMENTS_TEST: Micros = Micros::from_secs(3);
/// Without a press the manual list ends.
const MANUAL_PATIENCE: Micros = Micros::from_secs(60);

/// Which list is shown and since when.
#[derive(Clone, Debug)]
pub struct Display {
    started: Instant,
    list: List,
    /// Lists that a client has set; an empty one is the factory's.
    lists: [Entries; 3],
}

#[derive(Clone, Copy, Debug)]
enum List {
    /// Rolling; the page follows from the time since `from`, beginning with page `first`.
    Automatic { from: Instant, first: u64 },
    /// Led by the button, until nobody has pressed for a while; behind it is the service mode.
    Manual { which: Which, page: usize, until: Instant },
}

impl Display {
    /// A display that was switched on now.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            started: now,
            list: List::Automatic { from: now, first: 0 },
            lists: [Entries::new(), Entries::new(), Entries::new()],
        }
    }

    /// Takes a press of the button: short steps the list, long leads from the automatic to the manual list, to the service mode, and back.
    pub fn press(&mut self, now: Instant, press: Press) {
        let led = |which, page| List::Manual {
            which,
            page,
            until: now + MANUAL_PATIENCE,
        };
        self.list = match (self.current(now), press) {
            (List::Automatic { .. }, Press::Long) => led(Which::Manual, 0),
            (List::Automatic { from, first }, Press::Short) => List::Automatic {
                from: now,
                first: first + now.since(from).as_micros() / PAGE.as_micros() + 1,
            },
            (List::Manual { which, page, .. }, Press::Short) => led(which, page + 1),
            (
                List::Manual {
                    which: Which::Manual, ..
                },
                Press::Long,
            ) => led(Which::Service, 0),
            (List::Manual { .. }, Press::Long) => List::Automatic { from: now, first: 0 },
        };
    }

    /// The list now: one that nobody uses any more has ended.
    fn current(&self, now: Instant) -> List {
        match self.list {
            List::Manual { until, .. } if until <= now => List::Automatic { from: until, first: 0 },
            list => list,
        }
    }

    /// The objects of a list.
    #[must_use]
    pub fn entries(&self, which: Which) -> &[CaptureObject] {
        let [automatic, manual, service] = &self.lists;
        let (set, of_factory): (&Entries, &'static [CaptureObject]) = match which {
            Which::Verification => return &VERIFICATION,
            Which::Automatic => (automatic, &AUTOMATIC),
            Which::Manual => (manual, &MANUAL),
            Which::Service => (service, &SERVICE),
        };
        if set.is_empty() { of_factory } else { set }
    }

    /// Sets the objects of a list; none for the factory's. That of the verification mode stays.
    pub fn set_entries(&mut self, which: Which, entries: Entries) {
        let [automatic, manual, service] = &mut self.lists;
        *match which {
            Which::Automatic => automatic,
            Which::Manual => manual,
            Which::Service => service,
            Which::Verification => return,
        } = entries;
    }
}

/// The page now, its list, its place there from 1, and how many pages the list has.
fn page(it: &Model, now: Instant) -> (Page, Which, u8, u8) {
    let display = &it.display;
    let (which, number) = match display.current(now) {
        List::Automatic { from, first } => {
            let number = first + now.since(from).as_micros() / PAGE.as_micros();
            let which = if it.verification.is_on() {
                Which::Verification
            } else {
                Which::Automatic
            };
            (which, number)
        }
        List::Manual { which, page, .. } => (which, u64::try_from(page).unwrap_or(0)),
    };
    let exists = |entry: &&CaptureObject| {
        DIRECTORY
            .find(it, entry.attribute.class_id, entry.attribute.name)
            .is_some()
    };
    let entries = display.entries(which);
    let count = u64::try_from(entries.iter().filter(exists).count()).unwrap_or(1);
    let at = usize::try_from(number % count.max(1)).unwrap_or(0);
    let shown = entries.iter().filter(exists).nth(at);
    (
        shown.copied().map_or(Page::Time, Page::of),
        which,
        u8::try_from(at + 1).unwrap_or(u8::MAX),
        u8::try_from(count.max(1)).unwrap_or(u8::MAX),
    )
}

/// A register of 64 bits and its unit; 0 for any other.
fn long(it: &Model, what: Attribute) -> (u64, &'static str) {
    let mut buffer = [0; 16];
    let mut out = Writer::new(&mut buffer);
    let read = |attribute: u8, out: &mut Writer<'_>| {
        let (object, _) = DIRECTORY.readable(it, Role::Management, what).ok()?;
        DIRECTORY.get(it, object, attribute, out).ok()
    };
    let value = read(2, &mut out).and_then(|()| match out.written() {
        [tag::LONG64 | tag::LONG64_UNSIGNED, octets @ ..] => octets.try_into().map(u64::from_be_bytes).ok(),
        _ => None,
    });
    out.truncate(0);
    let unit = read(3, &mut out).and_then(|()| out.written().last().copied());
    let unit = match unit {
        Some(30) => "Wh",
        Some(31) => "VAh",
        Some(32) => "varh",
        _ => "",
    };
    (value.unwrap_or(0), unit)
}

/// What is shown of a number that the glass has no room for.
const TOO_LONG: &str = "--------";

/// The value of any attribute: a number by its scaler and unit, watt-hours and watts in thousands; a date, or text.
fn write_value(it: &Model, what: Attribute, text: &mut String<16>) -> Result<&'static str, core::fmt::Error> {
    let mut buffer = [0; 64];
    let mut out = Writer::new(&mut buffer);
    let (object, index) = DIRECTORY
        .readable(it, Role::Management, what)
        .map_err(|_| core::fmt::Error)?;
    DIRECTORY
        .get(it, object, index, &mut out)
        .map_err(|_| core::fmt::Error)?;
    let value = out.written();
    let number: Option<i64> = match value {
        [tag::INTEGER, a] => Some(i64::from(a.cast_signed())),
        [tag::UNSIGNED | tag::ENUM | tag::BOOLEAN, a] => Some(i64::from(*a)),
        [tag::LONG, a, b] => Some(i64::from(i16::from_be_bytes([*a, *b]))),
        [tag::LONG_UNSIGNED, a, b] => Some(i64::from(u16::from_be_bytes([*a, *b]))),
        [tag::DOUBLE_LONG, a, b, c, d] => Some(i64::from(i32::from_be_bytes([*a, *b, *c, *d]))),
        [tag::DOUBLE_LONG_UNSIGNED, a, b, c, d] => Some(i64::from(u32::from_be_bytes([*a, *b, *c, *d]))),
        [tag::LONG64, octets @ ..] => octets.try_into().map(i64::from_be_bytes).ok(),
        [tag::LONG64_UNSIGNED, octets @ ..] => {
            let number = octets.try_into().map(u64::from_be_bytes).ok();
            number.map(|number| i64::try_from(number).unwrap_or(i64::MAX))
        }
        _ => None,
    };
    let Some(number) = number else {
        let octets = match value {
            [tag::OCTET_STRING, 12, year_high, year_low, month, day, ..] => {
                let year = u16::from_be_bytes([*year_high, *year_low]);
                if year == 0xFFFF {
                    text.push_str("--.--.--").map_err(|_| core::fmt::Error)?;
                } else {
                    write!(text, "{day:02}.{month:02}.{:02}", year % 100)?;
                }
                return Ok("");
            }
            [tag::OCTET_STRING | tag::VISIBLE_STRING, length, rest @ ..] if usize::from(*length) == rest.len() => rest,
            _ => &[],
        };
        let shown = core::str::from_utf8(octets.get(..octets.len().min(8)).unwrap_or(&[]));
        text.push_str(shown.unwrap_or("")).map_err(|_| core::fmt::Error)?;
        return Ok("");
    };
    // Attribute 3 is scaler_unit of classes 3 and 4, attribute 4 of class 5.
    let scaler_unit = match what.class_id {
        3 | 4 if index == 2 => Some(3),
        5 if index == 2 || index == 3 => Some(4),
        _ => None,
    };
    let (mut exponent, mut unit) = (0_i8, 0xFF);
    if let Some(attribute) = scaler_unit {
        let mut buffer = [0; 16];
        let mut out = Writer::new(&mut buffer);
        DIRECTORY
            .get(it, object, attribute, &mut out)
            .map_err(|_| core::fmt::Error)?;
        if let [tag::STRUCTURE, 2, tag::INTEGER, scaler, tag::ENUM, code] = out.written() {
            (exponent, unit) = (scaler.cast_signed(), *code);
        }
    }
    let (unit, thousands) = match unit {
        27 => ("kW", true),
        28 => ("kVA", true),
        29 => ("kvar", true),
        30 => ("kWh", true),
        31 => ("kVAh", true),
        32 => ("kvarh", true),
        33 => ("A", false),
        35 => ("V", false),
        44 => ("Hz", false),
        7 => ("s", false),
        9 => ("°C", false),
        56 => ("%", false),
        _ => ("", false),
    };
    // A meter on the M-Bus may say any scaler. Noughts stand for one above 0, what comes behind the ninth decimal is cut, and a number that is
    // longer than the glass is not shown as a shorter one.
    let places = if thousands { 3 } else { 0 } - i32::from(exponent);
    let decimals = places.clamp(0, 9).unsigned_abs();
    let surplus = 10_u64.checked_pow(places.unsigned_abs() - decimals);
    let sign = if number < 0 { "-" } else { "" };
    let number = number.unsigned_abs();
    let scaled = match surplus {
        _ if number == 0 => Some(0),
        Some(factor) if places < 0 => number.checked_mul(factor),
        Some(divisor) => Some(number / divisor),
        None if places < 0 => None,
        None => Some(0),
    };
    let written = scaled.ok_or(core::fmt::Error).and_then(|number| {
        if decimals == 0 {
            return write!(text, "{sign}{number}");
        }
        let (divisor, width) = (10_u64.pow(decimals), usize::try_from(decimals).unwrap_or(9));
        write!(text, "{sign}{}.{:0width$}", number / divisor, number % divisor)
    });
    if written.is_err() {
        text.clear();
        text.push_str(TOO_LONG).map_err(|_| core::fmt::Error)?;
    }
    Ok(unit)
}

/// What the glass of this meter shows at `now`.
#[must_use]
pub fn show(it: &Model, now: Instant) -> Shown {
    let (shown, list, page, pages) = page(it, now);
    let segments_test = now.since(it.display.started) < SEGMENTS_TEST;
    let (name, text, unit) = read(it, now, shown);
    Shown {
        name,
        text,
        unit,
        symbols: if segments_test {
            Symbols::ALL
        } else {
            symbols(it, now, matches!(list, Which::Manual | Which::Service))
        },
        segments_test,
        list,
        page,
        pages,
    }
}

/// The reading of one page. Text that would not fit its 8 cells is cut by the string's capacity; no page comes near it.
fn read(it: &Model, now: Instant, page: Page) -> (Option<Obis>, String<16>, &'static str) {
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
        Page::Fine(what) => {
            let (units, unit) = long(it, what);
            let parts = units / 100 % 100_000_000; // ten-thousandths, towards zero
            let written = write!(text, "{:04}.{:04}", parts / 10_000, parts % 10_000);
            (Some(what.name), unit, written)
        }
        Page::Primary(what) => {
            let (units, unit) = long(it, what);
            let (numerator, denominator) = it.transformers.ratio().overall();
            let (divisor, unit) = match (numerator / denominator.max(1), unit) {
                (10_000.., "Wh") => (100_000, "MWh"),
                (10_000.., "varh") => (100_000, "Mvarh"),
                (10_000.., _) => (100_000, "MVAh"),
                (_, "Wh") => (100, "kWh"),
                (_, "varh") => (100, "kvarh"),
                _ => (100, "kVAh"),
            };
            let tenths = units / divisor % 100_000_000;
            let written = write!(text, "{:07}.{}", tenths / 10, tenths % 10);
            (Some(what.name), unit, written)
        }
        Page::Other(what) => match write_value(it, what, &mut text) {
            Ok(unit) => (Some(what.name), unit, Ok(())),
            Err(error) => (Some(what.name), "", Err(error)),
        },
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
    (name, text, unit)
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
