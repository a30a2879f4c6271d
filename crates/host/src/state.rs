//! The JSON picture of a meter: registers, quantities, display, logs, profiles, read through the objects that a client would read.

use std::collections::VecDeque;

use base::Utc;
use cosem::axdr::{Enumerated, Reader, Writer, tag};
use cosem::{Attribute, Obis, Role};
use meter::display::Symbols;
use meter::event_log::{self, Log};
use meter::profile::JournalId;
use serde_json::{Map, Value, json};

use crate::change::plain;
use crate::civil_text::utc_text;
use crate::virtual_meter::VirtualMeter;

/// Which rows of a profile are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProfileRange {
    /// Not before this time.
    pub(crate) from: Option<Utc>,
    /// Before this time.
    pub(crate) to: Option<Utc>,
    /// The newest of them, so many.
    pub(crate) limit: usize,
}

/// The value of a register with its unit.
struct Reading {
    name: Obis,
    value: Value,
    unit: &'static str,
}

impl VirtualMeter {
    /// Everything at one instant, but for the links, which the meter does not know.
    pub(crate) fn state_json(&mut self) -> Value {
        let config = self.config();
        let title: String = config
            .system_title()
            .iter()
            .map(|octet| format!("{octet:02X}"))
            .collect();
        let (registers, quantities) = self.readings();
        let mut logs: Map<String, Value> = LOGS
            .iter()
            .map(|(name, log)| ((*name).to_owned(), self.log_json(*log)))
            .collect();
        logs.insert("power_failure".to_owned(), self.power_failures_json());
        json!({
            "variant": config.variant.name(),
            "serial": format!("{:08}", config.serial),
            "system_title": title,
            "firmware": env!("CARGO_PKG_VERSION"),
            "time": self.time_json(),
            "registers": with_units(&registers),
            "quantities": with_units(&quantities),
            "display": self.display_json(),
            "leds": self.leds_json(),
            "disconnector": self.disconnector_json(),
            "contacts": self.contacts_json(),
            "conditions": self.conditions_json(),
            "world": {
                "on": self.is_on(),
                "supply": self.supply_json(),
                "load": self.load_json(),
                "temperature": self.temperature_json(),
                "converter": self.converter_json(),
            },
            "logs": logs,
            "profiles": self.profiles_json(),
        })
    }

    /// What moves, for the stream of events.
    pub(crate) fn event_json(&mut self, sequence: u64) -> Value {
        let (registers, quantities) = self.readings();
        let bare = |readings: &[Reading]| -> Map<String, Value> {
            readings
                .iter()
                .map(|reading| (text_of(reading.name), reading.value.clone()))
                .collect()
        };
        let totals: Vec<Reading> = registers.into_iter().filter(|reading| is_total(reading.name)).collect();
        let journals = &self.model().journals;
        let log_entries: u32 = LOGS
            .iter()
            .filter_map(|(_, log)| journals.get(JournalId::of_log(*log).index()))
            .fold(0, |sum, journal| sum.wrapping_add(journal.written));
        let rows: Map<String, Value> = self
            .profiles()
            .map(|(number, id)| {
                let written = journals.get(id.index()).map_or(0, |journal| journal.written);
                (number.to_string(), json!(written))
            })
            .collect();
        json!({
            "sequence": sequence,
            "time": self.time_json(),
            "display": self.display_json(),
            "leds": self.leds_json(),
            "disconnector": self.disconnector_json(),
            "contacts": self.contacts_json(),
            "on": self.is_on(),
            "quantities": bare(&quantities),
            "registers": bare(&totals),
            "world_revision": self.world_revision(),
            "log_entries": log_entries,
            "profile_entries": rows,
        })
    }

    /// The conditions between supply, meter and load that hold now, by name.
    fn conditions_json(&self) -> Value {
        let active = self.model().connection.active();
        active.iter().map(metrology::Condition::name).collect()
    }

    /// Every energy register, as the control interface shows it.
    pub(crate) fn registers_json(&self) -> Value {
        Value::Object(with_units(&self.readings().0))
    }

    /// Rows of load profile `number`, 1 to 4, or of M-Bus channel `number` - 4; none if there is no such profile.
    pub(crate) fn profile_json(&mut self, number: usize, range: &ProfileRange) -> Option<Value> {
        let (_, id) = self.profiles().find(|(known, _)| *known == number)?;
        let model = self.model();
        let columns: Vec<Attribute> = model
            .columns(id)
            .iter()
            .map(|column| column.object().attribute)
            .collect();
        let status = columns.iter().position(|column| is_status(column.name));
        let shown = |column: &Attribute| column.class_id != CLOCK_CLASS && !is_status(column.name);
        let scales: Vec<(i8, &'static str)> = columns.iter().map(|column| self.scale(*column)).collect();
        // Rows are kept as they are until it is known which ones are wanted.
        let mut rows: VecDeque<(Utc, Vec<u8>)> = VecDeque::new();
        let mut matching = 0_usize;
        let mut visit = |utc: Utc, row: &[u8]| {
            if range.from.is_some_and(|from| utc < from) || range.to.is_some_and(|to| to <= utc) {
                return;
            }
            matching += 1;
            if range.limit <= rows.len() {
                rows.pop_front();
            }
            rows.push_back((utc, row.to_vec()));
        };
        let show = |(utc, row): (Utc, Vec<u8>)| {
            let mut reader = Reader::new(&row);
            let numbers: Vec<Option<i128>> = columns.iter().map(|_| number_in(&mut reader)).collect();
            let status = status
                .and_then(|index| numbers.get(index).copied().flatten())
                .unwrap_or(0);
            let values: Vec<Value> = columns
                .iter()
                .zip(&numbers)
                .zip(&scales)
                .filter(|((column, _), _)| shown(column))
                .map(|((_, number), (scaler, _))| number.map_or(Value::Null, |number| scaled(number, *scaler)))
                .collect();
            json!({ "time": utc_text(utc), "status": clamp_octet(status), "values": values })
        };
        // Without a range only the newest rows are read.
        let journal = model.journals.get(id.index()).copied().unwrap_or_default();
        let newest = journal
            .written
            .saturating_sub(u32::try_from(range.limit).unwrap_or(u32::MAX));
        let whole = range.from.is_none() && range.to.is_none();
        let first = if whole { newest } else { 0 };
        if let Err(error) = self.meter().visit_rows(self.flash(), id, first, &mut visit) {
            tracing::warn!(%error, "the load profile cannot be read");
        }
        let truncated = if whole {
            (range.limit as u64) < u64::from(journal.in_use)
        } else {
            range.limit < matching
        };
        let mut profile = self.profile_head_json(number, id);
        if let Some(fields) = profile.as_object_mut() {
            let heads = columns.iter().zip(&scales).filter(|(column, _)| shown(column));
            let heads: Vec<Value> = heads
                .map(|(column, (_, unit))| json!({ "obis": text_of(column.name), "attribute": column.index, "unit": unit }))
                .collect();
            fields.insert("columns".to_owned(), json!(heads));
            let rows: Vec<Value> = rows.into_iter().map(show).collect();
            fields.insert("rows".to_owned(), Value::Array(rows));
            fields.insert("truncated".to_owned(), json!(truncated));
        }
        Some(profile)
    }

    /// Energy registers and instantaneous values, as the management client reads them.
    fn readings(&self) -> (Vec<Reading>, Vec<Reading>) {
        let mut registers = Vec::new();
        let mut quantities = Vec::new();
        for object in self
            .meter()
            .objects(Role::Management)
            .filter(|object| object.class_id() == REGISTER_CLASS)
        {
            let [a, _, _, d, _, f] = object.name.octets();
            let list = match (a, d, f) {
                (1, 8, 255) => &mut registers,
                (1, 7, 255) if self.is_on() => &mut quantities,
                _ => continue,
            };
            let attribute = Attribute::new(REGISTER_CLASS, object.name, 2);
            let (scaler, unit) = self.scale(attribute);
            let value = self.read(attribute, number_in);
            if let Some(number) = value {
                list.push(Reading {
                    name: object.name,
                    value: scaled(number, scaler),
                    unit,
                });
            }
        }
        (registers, quantities)
    }

    /// Scaler and unit of a register.
    fn scale(&self, of: Attribute) -> (i8, &'static str) {
        let scale = (of.class_id == REGISTER_CLASS).then(|| {
            self.read(Attribute::new(of.class_id, of.name, 3), |reader| {
                reader.structure(2).ok()?;
                let scaler: i8 = reader.value().ok()?;
                let unit: Enumerated = reader.value().ok()?;
                Some((scaler, unit_text(unit.0)))
            })
        });
        scale.flatten().unwrap_or((0, "1"))
    }

    fn read<T>(&self, what: Attribute, decode: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<T> {
        let mut buffer = [0; VALUE_OCTETS];
        let mut out = Writer::new(&mut buffer);
        self.meter().read(Role::Management, what, &mut out).ok()?;
        decode(&mut Reader::new(out.written()))
    }

    fn display_json(&self) -> Value {
        if !self.is_on() {
            return json!({
                "obis": "", "text": "", "unit": "", "symbols": [], "segments_test": false,
                "list": "automatic", "page": 0, "pages": 0,
            });
        }
        let shown = self.meter().display(self.now());
        let symbols = |symbols: Symbols| -> Vec<&'static str> { symbols.iter().map(|symbol| symbol.name()).collect() };
        json!({
            "obis": shown.name.map(text_of).unwrap_or_default(),
            "text": shown.text.as_str(),
            "unit": shown.unit,
            "symbols": symbols(shown.symbols),
            "segments_test": shown.segments_test,
            "list": shown.list.name(),
            "page": shown.page,
            "pages": shown.pages,
        })
    }

    fn leds_json(&self) -> Value {
        let [active, reactive] = self.pulses();
        let led = |pulses| json!({ "pulses": pulses, "constant": self.model().led_constant() });
        json!({ "active": led(active), "reactive": led(reactive) })
    }

    fn disconnector_json(&self) -> Value {
        use meter::disconnector::State;
        if !self.config().switching_module {
            return Value::Null;
        }
        let disconnector = &self.model().disconnector;
        let state = match disconnector.state() {
            State::Disconnected => "disconnected",
            State::Connected => "connected",
            State::Ready => "ready_for_reconnection",
        };
        json!({
            "output_state": disconnector.is_connected(),
            "control_state": state,
            "control_mode": disconnector.mode().number(),
        })
    }

    /// The newest entries of a log, the newest first.
    fn log_json(&self, log: Log) -> Value {
        let id = JournalId::of_log(log);
        let written = self
            .model()
            .journals
            .get(id.index())
            .map_or(0, |journal| journal.written);
        let mut entries = VecDeque::new();
        let mut visit = |utc: Utc, row: &[u8]| {
            let mut reader = Reader::new(row);
            let _time = number_in(&mut reader);
            let code = clamp_octet(number_in(&mut reader).unwrap_or(0));
            entries.push_front(json!({ "time": utc_text(utc), "code": code, "text": event_log::meaning(log, code) }));
        };
        let from = written.saturating_sub(LOG_ENTRIES);
        if let Err(error) = self.meter().visit_rows(self.flash(), id, from, &mut visit) {
            tracing::warn!(%error, "a log cannot be read");
        }
        json!(entries)
    }

    /// The load profiles by number, and behind them those of the M-Bus channels that have a device.
    fn profiles(&self) -> impl Iterator<Item = (usize, JournalId)> {
        let mbus = self.model().mbus;
        let has_source = move |id: JournalId| id.channel().is_none_or(|channel| mbus.is_installed(channel));
        (1..=PROFILE_NAMES.len())
            .zip(JournalId::PROFILES)
            .filter(move |(_, id)| has_source(*id))
    }

    fn profiles_json(&self) -> Map<String, Value> {
        let head = |(number, id)| (usize::to_string(&number), self.profile_head_json(number, id));
        self.profiles().map(head).collect()
    }

    fn profile_head_json(&self, number: usize, id: JournalId) -> Value {
        let model = self.model();
        let journal = model.journals.get(id.index()).copied().unwrap_or_default();
        let name = PROFILE_NAMES.get(number - 1).copied().unwrap_or_default();
        json!({
            "obis": name,
            "period_s": model.period(id),
            "entries_in_use": journal.in_use.min(model.depth(id)),
            "capacity": journal.capacity,
        })
    }

    /// The newest long power failures, the newest first.
    fn power_failures_json(&self) -> Value {
        let id = JournalId::PowerInterruptionLog;
        let written = self
            .model()
            .journals
            .get(id.index())
            .map_or(0, |journal| journal.written);
        let mut entries = VecDeque::new();
        let mut visit = |utc: Utc, row: &[u8]| {
            let mut reader = Reader::new(row);
            let _time = number_in(&mut reader);
            let seconds = number_in(&mut reader).unwrap_or(0);
            let text = if seconds == i128::from(u32::MAX) {
                "no power for longer than the clock ran".to_owned()
            } else {
                format!("no power for {seconds} s")
            };
            entries.push_front(json!({ "time": utc_text(utc), "code": 0, "text": text }));
        };
        let from = written.saturating_sub(LOG_ENTRIES);
        if let Err(error) = self.meter().visit_rows(self.flash(), id, from, &mut visit) {
            tracing::warn!(%error, "the log of power failures cannot be read");
        }
        json!(entries)
    }
}

fn with_units(readings: &[Reading]) -> Map<String, Value> {
    readings
        .iter()
        .map(|reading| {
            (
                text_of(reading.name),
                json!({ "value": reading.value, "unit": reading.unit }),
            )
        })
        .collect()
}

/// `1-0:1.8.0`.
fn text_of(name: Obis) -> String {
    let [a, b, c, d, e, _] = name.octets();
    format!("{a}-{b}:{c}.{d}.{e}")
}

/// AMR profile status: 0-b:96.10.e.
fn is_status(name: Obis) -> bool {
    let [a, _, c, d, ..] = name.octets();
    [a, c, d] == [0, 96, 10]
}

/// 1-0:1.8.0 to 1-0:10.8.0.
fn is_total(name: Obis) -> bool {
    let [_, _, c, _, e, _] = name.octets();
    (1..=10).contains(&c) && e == 0
}

/// The next value if it is a number, boolean or enum; anything else is passed over.
fn number_in(reader: &mut Reader<'_>) -> Option<i128> {
    let value = reader.skip_value().ok()?;
    let (tag, octets) = value.split_first()?;
    let signed = matches!(*tag, tag::INTEGER | tag::LONG | tag::DOUBLE_LONG | tag::LONG64);
    let unsigned = matches!(
        *tag,
        tag::UNSIGNED
            | tag::LONG_UNSIGNED
            | tag::DOUBLE_LONG_UNSIGNED
            | tag::LONG64_UNSIGNED
            | tag::ENUM
            | tag::BOOLEAN
    );
    if !signed && !unsigned {
        return None;
    }
    let bits = octets.iter().fold(0_i128, |sum, octet| sum << 8 | i128::from(*octet));
    let width = 8 * octets.len();
    let negative = signed && bits >> (width - 1) & 1 == 1;
    Some(if negative { bits - (1 << width) } else { bits })
}

/// The number with its scaler applied.
fn scaled(number: i128, scaler: i8) -> Value {
    let power = 10_f64.powi(i32::from(scaler).abs());
    let number = number as f64;
    plain(if scaler < 0 { number / power } else { number * power })
}

fn clamp_octet(number: i128) -> u8 {
    u8::try_from(number.clamp(0, 255)).unwrap_or(0)
}

/// Units by their number on the wire (IEC 62056-6-2), as the control interface writes them.
const fn unit_text(code: u8) -> &'static str {
    match code {
        4 => "d",
        6 => "min",
        7 => "s",
        8 => "deg",
        27 => "W",
        28 => "VA",
        29 => "var",
        30 => "Wh",
        31 => "VAh",
        32 => "varh",
        33 => "A",
        35 => "V",
        44 => "Hz",
        56 => "%",
        _ => "1",
    }
}

const LOGS: [(&str, Log); 6] = [
    ("standard", Log::Standard),
    ("fraud", Log::Fraud),
    ("disconnect", Log::Disconnect),
    ("quality", Log::Quality),
    ("communication", Log::Communication),
    ("security", Log::Security),
];
/// In the order of [`JournalId::PROFILES`].
const PROFILE_NAMES: [&str; 8] = [
    "1-0:99.1.0",
    "1-0:99.2.0",
    "1-0:99.1.1",
    "1-0:99.1.2",
    "0-1:24.3.0",
    "0-2:24.3.0",
    "0-3:24.3.0",
    "0-4:24.3.0",
];
const LOG_ENTRIES: u32 = 100;
const CLOCK_CLASS: u16 = 8;
const REGISTER_CLASS: u16 = 3;
const VALUE_OCTETS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_are_read_with_their_sign() {
        let check = |octets: &[u8], expected: Option<i128>| {
            assert_eq!(number_in(&mut Reader::new(octets)), expected, "{octets:?}");
        };
        check(&[tag::INTEGER, 0xFF], Some(-1));
        check(&[tag::UNSIGNED, 0xFF], Some(255));
        check(&[tag::LONG, 0x80, 0x00], Some(-32_768));
        check(
            &[tag::DOUBLE_LONG_UNSIGNED, 0xFF, 0xFF, 0xFF, 0xFF],
            Some(4_294_967_295),
        );
        check(&[tag::LONG64, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE], Some(-2));
        check(&[tag::NULL], None);
        check(&[tag::OCTET_STRING, 1, 7], None);
        check(&[tag::LONG, 0x80], None);
        check(&[], None);
    }

    #[test]
    fn scalers_are_applied() {
        assert_eq!(scaled(23_012, -2), json!(230.12));
        assert_eq!(scaled(12, 3), json!(12_000));
        assert_eq!(scaled(-5, 0), json!(-5));
    }
}
