//! The PUT side of the control interface: one document, one change, the new state as the answer.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use serde_json::Value;

use super::Service;
use super::problem::{Problem, ProblemKind};
use crate::calibration::CalibrationChange;
use crate::change::{ContactsChange, ConverterChange, LoadChange, SupplyChange, TimeChange, read_temperature};
use crate::document::{Faults, Path, Table};

/// Most octets of a body.
const MOST_OCTETS: usize = 65_536;

type Answer = Result<Json<Value>, Problem>;

pub(super) async fn put_supply(State(service): State<Service>, request: Request) -> Answer {
    let phases = service.phases;
    let change = read(request, |table, faults| SupplyChange::read(table, phases, faults)).await?;
    service.with(|meter| meter.change_supply(&change)).map(Json)
}

pub(super) async fn put_load(State(service): State<Service>, request: Request) -> Answer {
    let phases = service.phases;
    let change = read(request, |table, faults| LoadChange::read(table, phases, faults)).await?;
    service.with(|meter| meter.change_load(&change)).map(Json)
}

pub(super) async fn put_contacts(State(service): State<Service>, request: Request) -> Answer {
    let change = read(request, |table, faults| Some(ContactsChange::read(table, faults))).await?;
    service.with(|meter| meter.change_contacts(change)).map(Json)
}

pub(super) async fn put_temperature(State(service): State<Service>, request: Request) -> Answer {
    let celsius = read(request, read_temperature).await?;
    service.with(|meter| meter.change_temperature(celsius)).map(Json)
}

pub(super) async fn put_converter(State(service): State<Service>, request: Request) -> Answer {
    let change = read(request, |table, faults| Some(ConverterChange::read(table, faults))).await?;
    service.with(|meter| meter.change_converter(&change)).map(Json)
}

pub(super) async fn put_calibration(State(service): State<Service>, request: Request) -> Answer {
    let change = read(request, CalibrationChange::read).await?;
    let changed = service.with(|meter| meter.change_calibration(&change))?;
    changed
        .map(Json)
        .map_err(|refusal| Problem::new(ProblemKind::Sealed, refusal.to_string()))
}

pub(super) async fn put_power(State(service): State<Service>, request: Request) -> Answer {
    let on = read(request, |table, faults| {
        let on = table.boolean("on", faults);
        table.required("on", on, faults)
    })
    .await?;
    service.with(|meter| meter.switch_power(on)).map(Json)
}

pub(super) async fn put_time(State(service): State<Service>, request: Request) -> Answer {
    let change = read(request, |table, faults| Some(TimeChange::read(table, faults))).await?;
    let changed = service.with(|meter| meter.change_time(change))?;
    service.bench.wake();
    changed.map(Json).map_err(|fault| Problem::fields(&[fault]))
}

/// Reads a body field by field.
async fn read<T>(request: Request, read: impl FnOnce(&mut Table<'_>, &mut Faults) -> Option<T>) -> Result<T, Problem> {
    let (head, body) = request.into_parts();
    let document = document(&head.headers, body).await?;
    let mut faults = Faults::default();
    let value = Table::open(&document, Path::default(), &mut faults).and_then(|mut table| {
        let value = read(&mut table, &mut faults);
        table.close(&mut faults);
        value
    });
    faults.unless_any(value).map_err(|faults| Problem::fields(&faults))
}

async fn document(headers: &HeaderMap, body: Body) -> Result<Value, Problem> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let detail = "the Content-Type must be application/json";
        return Err(Problem::new(ProblemKind::UnsupportedMediaType, detail));
    }
    let octets = to_bytes(body, MOST_OCTETS).await.map_err(|error| {
        let too_large = core::error::Error::source(&error).is_some_and(|source| source.to_string().contains("limit"));
        if too_large {
            Problem::new(ProblemKind::TooLarge, format!("allowed are {MOST_OCTETS} octets"))
        } else {
            Problem::new(ProblemKind::MalformedJson, "the body ended before it was complete")
        }
    })?;
    serde_json::from_slice(&octets).map_err(|error| Problem::new(ProblemKind::MalformedJson, error.to_string()))
}
