//! The control interface and the page: HTTP and JSON exactly as `docs/openapi.yaml` says, in a thread of its own.

mod events;
mod guard;
mod listener;
mod page;
mod problem;
mod world;

use core::sync::atomic::AtomicUsize;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, put};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) use self::listener::Connections;
use self::listener::CountingListener;
use self::problem::{Problem, ProblemKind};
use crate::bench::Bench;
use crate::civil_text::parse_utc;
use crate::links::Ports;
use crate::state::ProfileRange;
use crate::virtual_meter::VirtualMeter;

/// What every handler needs.
#[derive(Clone)]
pub(crate) struct Service {
    bench: Arc<Bench>,
    ports: Ports,
    /// Phases of the meter.
    phases: usize,
    streams: Arc<AtomicUsize>,
    stop: watch::Receiver<bool>,
}

impl Service {
    pub(crate) fn new(bench: Arc<Bench>, ports: Ports, phases: usize, stop: watch::Receiver<bool>) -> Self {
        Self {
            bench,
            ports,
            phases,
            streams: Arc::new(AtomicUsize::new(0)),
            stop,
        }
    }

    /// Does something with the meter between two of its steps.
    fn with<T>(&self, act: impl FnOnce(&mut VirtualMeter) -> T) -> Result<T, Problem> {
        let done = self.bench.try_with(PATIENCE, act);
        done.ok_or_else(|| Problem::new(ProblemKind::Unavailable, "the meter does not answer"))
    }

    /// Waits until the process stops.
    async fn stopping(&self) {
        let mut stop = self.stop.clone();
        // An error says that the sender is gone, which is the end as well.
        let _stopped = stop.wait_for(|stop| *stop).await;
    }
}

/// Serves until the process stops.
///
/// # Errors
/// When the socket cannot be used.
pub(crate) async fn serve(socket: std::net::TcpListener, connections: Connections, service: Service) -> io::Result<()> {
    let listener = CountingListener::new(socket, connections)?;
    let until = service.clone();
    tokio::select! {
        served = axum::serve(listener, router(service)).into_future() => served,
        () = until.stopping() => Ok(()),
    }
}

fn router(service: Service) -> Router {
    Router::new()
        .route("/api/v1/state", reading(get(state)))
        .route("/api/v1/events", reading(get(events::events)))
        .route("/api/v1/waveform", reading(get(waveform)))
        .route("/api/v1/profile/{n}", reading(get(profile)))
        .route(
            "/api/v1/calibration",
            get(calibration)
                .put(world::put_calibration)
                .fallback(async || Problem::method_not_allowed("GET, HEAD, PUT")),
        )
        .route("/api/v1/world/supply", writing(put(world::put_supply)))
        .route("/api/v1/world/load", writing(put(world::put_load)))
        .route("/api/v1/world/temperature", writing(put(world::put_temperature)))
        .route("/api/v1/world/converter", writing(put(world::put_converter)))
        .route("/api/v1/world/contacts", writing(put(world::put_contacts)))
        .route("/api/v1/world/power", writing(put(world::put_power)))
        .route("/api/v1/time", writing(put(world::put_time)))
        .route("/api/v1/openapi.yaml", reading(get(openapi)))
        .route("/healthz", reading(get(health)))
        .fallback_service(reading(get(page::page)).with_state(()))
        .layer(middleware::from_fn(guard::guard))
        .with_state(service)
}

fn reading<S: Clone + Send + Sync + 'static>(methods: MethodRouter<S>) -> MethodRouter<S> {
    methods.fallback(async || Problem::method_not_allowed("GET, HEAD"))
}

fn writing(methods: MethodRouter<Service>) -> MethodRouter<Service> {
    methods.fallback(async || Problem::method_not_allowed("PUT"))
}

async fn state(State(service): State<Service>) -> Result<Json<Value>, Problem> {
    let mut state = service.with(VirtualMeter::state_json)?;
    if let Some(fields) = state.as_object_mut() {
        fields.insert("links".to_owned(), service.ports.json());
    }
    Ok(Json(state))
}

async fn calibration(State(service): State<Service>) -> Result<Json<Value>, Problem> {
    service.with(|meter| meter.calibration_json()).map(Json)
}

async fn waveform(State(service): State<Service>, uri: Uri) -> Result<Json<Value>, Problem> {
    let mut cycles = 4;
    for (name, value) in parameters(&uri, &["cycles"])? {
        cycles = whole(&name, &value, 1, 10)?;
    }
    service.with(|meter| meter.waveform_json(cycles)).map(Json)
}

async fn profile(State(service): State<Service>, Path(n): Path<String>, uri: Uri) -> Result<Json<Value>, Problem> {
    let number = whole("n", &n, 1, 8)?;
    let mut range = ProfileRange {
        from: None,
        to: None,
        limit: 500,
    };
    for (name, value) in parameters(&uri, &["from", "to", "limit"])? {
        let time = || {
            let wrong = || Problem::parameter(&name, "is no time as in RFC 3339, such as 2026-01-05T11:00:00Z");
            parse_utc(&value).ok_or_else(wrong).map(Some)
        };
        match name.as_str() {
            "from" => range.from = time()?,
            "to" => range.to = time()?,
            _ => range.limit = whole(&name, &value, 1, 5_000)?,
        }
    }
    let profile = service.with(|meter| meter.profile_json(number, &range))?;
    let none = || {
        Problem::new(
            ProblemKind::NotFound,
            format!("this meter has no load profile {number}"),
        )
    };
    profile.map(Json).ok_or_else(none)
}

async fn openapi() -> Response {
    (
        [(header::CONTENT_TYPE, "application/yaml")],
        include_str!("../../../docs/openapi.yaml"),
    )
        .into_response()
}

async fn health(State(service): State<Service>) -> Result<Json<Value>, Problem> {
    let quiet = service.bench.quiet_seconds();
    let resting = service.with(|meter| meter.is_resting())?;
    if resting || quiet < HEALTHY_SECONDS {
        Ok(Json(json!({ "status": "ok" })))
    } else {
        let detail = format!("the meter took no step for {quiet} seconds");
        Err(Problem::new(ProblemKind::Unavailable, detail))
    }
}

/// The query's parameters; others than `known` are refused, since a misspelt one would be a wrong answer.
fn parameters(uri: &Uri, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Ok(axum::extract::Query(parameters)) = query else {
        return Err(Problem::new(ProblemKind::BadParameter, "the query cannot be read"));
    };
    match parameters.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => {
            let name: String = name.chars().take(60).collect();
            Err(Problem::parameter(
                &name,
                &format!("is not known here; allowed are {}", known.join(", ")),
            ))
        }
        None => Ok(parameters),
    }
}

fn whole(name: &str, text: &str, least: usize, most: usize) -> Result<usize, Problem> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        Problem::parameter(
            name,
            &format!("is {shown}; allowed are whole numbers from {least} to {most}"),
        )
    })
}

/// How long a caller waits for its turn at the meter.
const PATIENCE: Duration = Duration::from_secs(2);
/// A meter that took no step for so long is not well.
const HEALTHY_SECONDS: u64 = 5;
