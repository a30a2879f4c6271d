//! What moves, as server-sent events: the reader's pace decides, never the meter's.

use core::convert::Infallible;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::time::{Interval, MissedTickBehavior};

use super::Service;
use super::problem::{Problem, ProblemKind};

/// Most streams at once.
const MOST_STREAMS: usize = 32;
/// Real time between two events.
const PERIOD: Duration = Duration::from_millis(250);

/// A place among the streams that are open; given back when the stream ends.
struct Place(Arc<AtomicUsize>);

/// One reader's stream.
struct Reader {
    service: Service,
    ticks: Interval,
    sequence: u64,
    _place: Place,
}

pub(super) async fn events(State(service): State<Service>) -> Response {
    let Some(place) = Place::take(&service.streams) else {
        let detail = format!("{MOST_STREAMS} streams are open; close one of them");
        return Problem::new(ProblemKind::Unavailable, detail).into_response();
    };
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reader = Reader {
        service,
        ticks,
        sequence: 0,
        _place: place,
    };
    let chunks = stream::unfold(reader, |mut reader| async move {
        let chunk = reader.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), reader))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(chunks)).into_response()
}

impl Reader {
    /// The next piece of the stream, none when the process stops.
    async fn next(&mut self) -> Option<String> {
        if self.sequence == 0 {
            self.sequence = 1;
            return Some("retry: 1000\n\n".to_owned());
        }
        loop {
            tokio::select! {
                _ = self.ticks.tick() => {}
                () = self.service.stopping() => return None,
            }
            let sequence = self.sequence;
            // A meter that does not answer in time is seen by /healthz; the stream goes on.
            let Ok(event) = self.service.with(|meter| meter.event_json(sequence)) else {
                continue;
            };
            self.sequence += 1;
            return Some(format!("event: state\nid: {sequence}\ndata: {event}\n\n"));
        }
    }
}

impl Place {
    fn take(streams: &Arc<AtomicUsize>) -> Option<Self> {
        let taken = streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| {
            (open < MOST_STREAMS).then_some(open + 1)
        });
        taken.is_ok().then(|| Self(Arc::clone(streams)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
