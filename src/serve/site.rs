//! Shared parts of all answers: the state, room for work, and the fields of requests.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::gate::Gate;
use super::jobs::Jobs;
use super::live::{self, Live};
use super::log::Variant;
use super::logs::{Entry, Logs};
use super::places::Places;
use super::program::Program;
use super::refusal::Refusal;

/// What all requests share.
pub(crate) struct Shared {
    /// Folders that are shown.
    pub(crate) places: Places,
    /// The program.
    pub(crate) program: Program,
    /// Runs of this page.
    pub(crate) jobs: Jobs,
    /// Logs in memory.
    pub(crate) logs: Logs,
    /// The live cluster.
    pub(crate) live: Option<Live>,
    /// The gate.
    pub(crate) gate: Gate,
}

impl Shared {
    /// Reads the log that the page shows first, before it is asked for.
    pub(crate) fn read_ahead(&self) {
        let first = self.places.results().into_iter().find(|own| own.has_events);
        if let Some(folder) = first.and_then(|own| self.places.result(&own.path).ok()) {
            let _ = self.logs.of(&folder);
        }
    }

    /// The log of a run, or of the live cluster.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn entry(&self, run: &str) -> Result<Arc<Entry>, Refusal> {
        if run == live::NAME {
            let live = self.live.as_ref();
            let live = live.ok_or_else(|| Refusal::missing("no live cluster is shown"))?;
            return Ok(Arc::clone(&live.entry));
        }
        self.logs.of(&self.places.result(run)?)
    }
}

/// The state as answers get it.
pub(super) type Server = State<Arc<Site>>;
/// Answer to a request.
pub(super) type Answer = Result<Response, Refusal>;

/// The shared state, and the room for work.
pub(crate) struct Site {
    /// The state.
    pub(crate) shared: Arc<Shared>,
    /// Room for requests.
    pub(crate) requests: Semaphore,
    /// Room for questions to the program.
    pub(crate) questions: Semaphore,
}

/// Work that keeps a thread busy, away from the thread of connections.
pub(super) async fn work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server could not do it",
        ))
    })
}

/// A request about a variant of a run at an instant.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    /// Result folder.
    pub(crate) run: String,
    /// Variant.
    pub(crate) variant: String,
    /// Microseconds: nanoseconds of long runs are beyond what a script counts exactly.
    pub(crate) t: i64,
    /// Resource.
    pub(crate) resource: String,
    /// Name of what is asked about.
    pub(crate) name: String,
    /// Direction of a step.
    pub(crate) forward: Option<bool>,
}

impl Place {
    /// End of the microsecond, so that what happens within it counts.
    pub(crate) const fn time_ns(&self) -> i64 {
        self.t.saturating_mul(1_000).saturating_add(999)
    }
}

/// Answers from the log of a variant.
pub(super) async fn of_variant(
    site: Arc<Site>,
    place: Place,
    answer: impl FnOnce(&Variant, &Place) -> Option<Value> + Send + 'static,
) -> Answer {
    let found = work(move || {
        let entry = site.shared.entry(&place.run)?;
        let log = entry.log();
        let variant = log.variant(&place.variant);
        let variant = variant.ok_or_else(|| match entry.error() {
            Some(told) => Refusal::failed(told),
            None => Refusal::missing(format!("no variant `{}` so far", place.variant)),
        })?;
        answer(variant, &place)
            .ok_or_else(|| Refusal::missing(format!("{}: not there", place.name)))
    });
    Ok(Json(found.await?).into_response())
}

/// Fields of an address, or why they are none.
pub(super) type Asked<T> = Result<Query<T>, QueryRejection>;
/// Fields of a body, or why they are none.
pub(super) type Told<T> = Result<Json<T>, JsonRejection>;

/// Fields of an address.
pub(super) fn asked<T>(query: Asked<T>) -> Result<T, Refusal> {
    let Query(own) = query.map_err(|error| Refusal::wrong(error.body_text()))?;
    Ok(own)
}

/// Fields of a body.
pub(super) fn told<T>(body: Told<T>) -> Result<T, Refusal> {
    let Json(own) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    Ok(own)
}
