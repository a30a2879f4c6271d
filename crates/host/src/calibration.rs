//! The laboratory's side of the sealed parameters: shows seal, calibration and legal log, and changes the calibration as a bench does (M7).

use base::Utc;
use meter::{Bench, Input};
use metrology::{Actor, Calibration, Channel, LegalEntry, LegalKind, N_CHANNELS, Parameters, Refusal, Source};
use serde_json::{Map, Value, json};

use crate::change::at_least_one;
use crate::civil_text::utc_text;
use crate::document::{Faults, Table};
use crate::virtual_meter::VirtualMeter;

/// What a bench asks for; what is none stays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CalibrationChange {
    /// The switch of the bench mode, moved before anything is written.
    bench_mode: Option<bool>,
    /// New corrections of the channels: gain, lead, delay, offset, noise.
    channels: [[Option<f64>; 5]; N_CHANNELS],
}

impl CalibrationChange {
    /// Reads the fields of a change.
    pub(crate) fn read(table: &mut Table<'_>, faults: &mut Faults) -> Option<Self> {
        let bench_mode = table.boolean("bench_mode", faults);
        let mut change = Self {
            bench_mode,
            ..Self::default()
        };
        if let Some((value, path)) = table.find("channels") {
            let mut channels = Table::open(value, path, faults)?;
            for (channel, wanted) in Channel::ALL.into_iter().zip(&mut change.channels) {
                if let Some((value, path)) = channels.find(channel.name()) {
                    let mut fields = Table::open(value, path, faults)?;
                    *wanted = [
                        fields.number("gain", 0.5..=2.0, faults),
                        fields.number("lead_deg", -30.0..=30.0, faults),
                        fields.number("delay_ns", -200_000.0..=200_000.0, faults),
                        fields.number("offset_codes", -8_388_608.0..=8_388_607.0, faults),
                        fields.number("noise_codes", 0.0..=100_000.0, faults),
                    ];
                    fields.close(faults);
                }
            }
            channels.close(faults);
        }
        at_least_one(table, &["bench_mode", "channels"], faults);
        Some(change)
    }

    /// The parameters with what is asked for; none when nothing would change. The ranges were checked when it was read.
    fn applied(&self, before: &Parameters) -> Option<Parameters> {
        let mut after = before.clone();
        for (calibration, wanted) in after.calibration.iter_mut().zip(self.channels) {
            let now = [
                calibration.gain(),
                calibration.lead_degrees(),
                calibration.delay_nanos(),
                calibration.offset_lsb(),
                calibration.noise_lsb(),
            ];
            let [gain, lead, delay, offset, noise] = core::array::from_fn(|place| wanted[place].unwrap_or(now[place]));
            *calibration = Calibration::new(gain, lead, delay, offset, noise).ok()?;
        }
        (after != *before).then_some(after)
    }
}

impl VirtualMeter {
    /// Does what a bench asks for and shows the sealed parameters.
    ///
    /// # Errors
    /// Why the meter refused; the switch of the bench mode has moved then, the parameters have not changed.
    pub(crate) fn change_calibration(&mut self, change: &CalibrationChange) -> Result<Value, Refusal> {
        if let Some(on) = change.bench_mode {
            self.bench(Bench::Mode(on))?;
        }
        let before = self.parameters();
        if let Some(after) = change.applied(&before) {
            self.bench(Bench::Write(&after))?;
        }
        Ok(self.calibration_json())
    }

    /// Seal, parameters and legal log.
    pub(crate) fn calibration_json(&self) -> Value {
        let legal = &self.model().legal;
        let store = legal.store();
        let parameters = self.parameters();
        let channels: Map<String, Value> = Channel::ALL
            .into_iter()
            .zip(&parameters.calibration)
            .map(|(channel, it)| {
                let fields = json!({
                    "gain": it.gain(),
                    "lead_deg": it.lead_degrees(),
                    "delay_ns": it.delay_nanos(),
                    "offset_codes": it.offset_lsb(),
                    "noise_codes": it.noise_lsb(),
                });
                (channel.name().to_owned(), fields)
            })
            .collect();
        let mut log = Vec::new();
        let read = self
            .meter()
            .visit_legal_log(self.flash(), |entry| log.push(entry_json(entry)));
        if let Err(error) = read {
            tracing::warn!(%error, "the legal log cannot be read");
        }
        json!({
            "sealed": store.is_some_and(metrology::SealedStore::is_sealed),
            "bench_mode": legal.bench_mode(),
            "damaged": store.is_none_or(metrology::SealedStore::is_damaged),
            "source": store.map_or("ideal", |store| match store.source() {
                Source::Ideal => "ideal",
                Source::Factory => "factory",
                Source::Working => "working",
            }),
            "checksum": format!("{:08X}", store.map_or(0, metrology::SealedStore::checksum)),
            "changes": store.map_or(0, metrology::SealedStore::changes),
            "unlogged": store.map_or(0, metrology::SealedStore::unlogged),
            "channels": channels,
            "log": log,
        })
    }

    /// The parameters that the meter measures with.
    pub(crate) fn parameters(&self) -> Parameters {
        self.meter().parameters(self.flash()).unwrap_or_else(|error| {
            tracing::warn!(%error, "the sealed parameters cannot be read");
            Parameters::IDEAL
        })
    }

    fn bench(&mut self, act: Bench<'_>) -> Result<(), Refusal> {
        let mut refused = Err(Refusal::Memory);
        self.step_telling(Input::Bench(act), |outcome| {
            refused = match outcome {
                Err(meter::Fault::Sealed(refusal)) => Err(*refusal),
                _ => Ok(()),
            };
        });
        refused
    }
}

fn entry_json(entry: &LegalEntry) -> Value {
    json!({
        "number": entry.number,
        "time": utc_text(Utc::from_unix(entry.unix_seconds)),
        "kind": match entry.kind {
            LegalKind::FactoryWritten => "factory_written",
            LegalKind::Sealed => "sealed",
            LegalKind::Changing => "changing",
            LegalKind::Changed => "changed",
            LegalKind::Refused => "refused",
            LegalKind::BenchEntered => "bench_entered",
            LegalKind::BenchLeft => "bench_left",
            LegalKind::Damaged => "damaged",
        },
        "actor": match entry.actor {
            Actor::Bench => "bench",
            Actor::Client => "client",
            Actor::Meter => "meter",
        },
        "checksum": format!("{:08X}", entry.checksum),
    })
}
