//! Routes: what the page asks for.

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, SET_COOKIE};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::assets;
use super::gate::{Gate, guard};
use super::jobs::{Jobs, Order};
use super::live::{self, Live};
use super::log::{Course, EventSearch, ObjectSearch, PodSearch, Variant};
use super::logs::{EVENTS, Entry, Logs};
use super::places::{MOST_BYTES, Places};
use super::program::Program;
use super::questions::Side;
use super::refusal::Refusal;

/// Most bytes of a request.
const MOST_BODY: usize = 4 << 20;
/// Requests that are worked on at once; further ones are refused.
const MOST_REQUESTS: usize = 64;
/// Questions that the program answers at once; further ones wait.
const MOST_QUESTIONS: usize = 2;

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

    fn entry(&self, run: &str) -> Result<Arc<Entry>, Refusal> {
        if run == live::NAME {
            let live = self.live.as_ref();
            let live = live.ok_or_else(|| Refusal::missing("no live cluster is shown"))?;
            return Ok(Arc::clone(&live.entry));
        }
        self.logs.of(&self.places.result(run)?)
    }
}

type Server = State<Arc<Site>>;
type Answer = Result<Response, Refusal>;

/// The shared state, and the room for work.
pub(crate) struct Site {
    shared: Arc<Shared>,
    requests: Semaphore,
    questions: Semaphore,
}

/// The service of all routes.
pub(crate) fn service(shared: Arc<Shared>) -> Router {
    let site = Arc::new(Site {
        shared,
        requests: Semaphore::new(MOST_REQUESTS),
        questions: Semaphore::new(MOST_QUESTIONS),
    });
    Router::new()
        .route("/", get(page))
        .route("/api/state", get(state))
        .route("/api/log", get(log))
        .route("/api/at", get(at))
        .route("/api/node", get(node))
        .route("/api/object", get(object))
        .route("/api/objects", get(objects))
        .route("/api/pods", get(pods))
        .route("/api/events", get(events))
        .route("/api/step", get(step))
        .route("/api/metrics", get(metrics))
        .route("/api/report", get(report))
        .route("/api/experiment", get(experiment).post(save))
        .route("/api/schema", get(schema))
        .route("/api/check", post(check))
        .route("/api/explain", post(explain))
        .route("/api/diff", post(diff))
        .route("/api/run", post(run))
        .route("/api/reproduce", post(reproduce))
        .route("/api/stop", post(stop))
        .fallback(get(asset))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), admit))
        .with_state(site)
}

/// Lets requests in that may come in, as many as there is room for.
async fn admit(State(site): Server, request: Request, next: Next) -> Result<Response, Infallible> {
    let gate = &site.shared.gate;
    let checked = gate.check(request.method(), request.uri(), request.headers());
    let mut response = match (checked, site.requests.try_acquire()) {
        (Err(refusal), _) => refusal.into_response(),
        (Ok(()), Err(_)) => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests at once; try again",
        )
        .into_response(),
        (Ok(()), Ok(_room)) => next.run(request).await,
    };
    guard(response.headers_mut());
    Ok(response)
}

async fn page(State(site): Server, request: Request) -> Response {
    let mut response = assets::page();
    let gate = &site.shared.gate;
    if gate.is_invited(request.uri())
        && let Ok(cookie) = HeaderValue::from_str(&gate.cookie())
    {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

async fn asset(request: Request) -> Answer {
    let path = request.uri().path();
    assets::find(path).ok_or_else(|| Refusal::missing(format!("{path}: there is no such page")))
}

async fn state(State(site): Server) -> Answer {
    let own = Arc::clone(&site);
    let found = work(move || {
        let places = &own.shared.places;
        Ok(json!({
            "version": env!("CARGO_PKG_VERSION"),
            "allowsExternal": own.shared.program.allows_external,
            "live": own.shared.live.is_some(),
            "results": places.results(),
            "experiments": places.experiments(),
            "first": places.first,
            "experiment": places.experiment,
        }))
    });
    let mut found = found.await?;
    found["jobs"] = json!(site.shared.jobs.list());
    Ok(Json(found).into_response())
}

/// Work that keeps a thread busy, away from the thread of connections.
async fn work<T: Send + 'static>(
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
struct Place {
    run: String,
    variant: String,
    /// Microseconds: nanoseconds of long runs are beyond what a script counts exactly.
    t: i64,
    resource: String,
    name: String,
    forward: Option<bool>,
}

impl Place {
    /// End of the microsecond, so that what happens within it counts.
    const fn time_ns(&self) -> i64 {
        self.t.saturating_mul(1_000).saturating_add(999)
    }
}

/// Answers from the log of a variant.
async fn of_variant(
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

type Asked<T> = Result<Query<T>, QueryRejection>;
type Told<T> = Result<Json<T>, JsonRejection>;

fn asked<T>(query: Asked<T>) -> Result<T, Refusal> {
    let Query(own) = query.map_err(|error| Refusal::wrong(error.body_text()))?;
    Ok(own)
}

fn told<T>(body: Told<T>) -> Result<T, Refusal> {
    let Json(own) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    Ok(own)
}

async fn log(State(site): Server, query: Asked<Place>) -> Answer {
    let place = asked(query)?;
    let found = work(move || {
        let entry = site.shared.entry(&place.run)?;
        let log = entry.log();
        let names: Vec<&str> = log.variants.iter().map(|own| own.name.as_str()).collect();
        let variant = log.variant(&place.variant).or_else(|| log.variants.first());
        let own = variant.map(|own| {
            let end = entry.end(&own.name);
            let nodes: Vec<&str> = (0..own.nodes.len() as u32)
                .map(|node| own.node_name(node))
                .collect();
            let places: Vec<&str> = own
                .place_of
                .iter()
                .map(|word| own.words.get(*word))
                .collect();
            json!({
                "name": own.name,
                "events": own.len(),
                "startNs": own.times.first(),
                "endNs": end,
                "kinds": own.kinds,
                "resources": own.resources(),
                "nodes": nodes,
                "places": places,
                "course": Course::of(own, end),
            })
        });
        Ok(json!({
            "variants": names,
            "variant": own,
            "isReading": entry.is_reading(),
            "share": entry.share(),
            "error": entry.error(),
            "badLines": log.bad_lines,
            "isCut": log.is_cut,
            "isLive": place.run == live::NAME,
        }))
    });
    Ok(Json(found.await?).into_response())
}

async fn at(State(site): Server, query: Asked<Place>) -> Answer {
    of_variant(site, asked(query)?, |variant, place| {
        Some(json!(variant.heat(place.time_ns(), &place.resource)))
    })
    .await
}

async fn node(State(site): Server, query: Asked<Place>) -> Answer {
    of_variant(site, asked(query)?, |variant, place| {
        variant.node_at(&place.name, place.time_ns())
    })
    .await
}

async fn object(State(site): Server, query: Asked<Place>) -> Answer {
    of_variant(site, asked(query)?, |variant, place| {
        variant.object_at(&place.name, place.time_ns())
    })
    .await
}

async fn objects(State(site): Server, query: Asked<Place>, search: Asked<ObjectSearch>) -> Answer {
    let search = asked(search)?;
    of_variant(site, asked(query)?, move |variant, place| {
        Some(variant.objects_at(place.time_ns(), &search))
    })
    .await
}

async fn pods(State(site): Server, query: Asked<Place>, search: Asked<PodSearch>) -> Answer {
    let search = asked(search)?;
    of_variant(site, asked(query)?, move |variant, place| {
        Some(variant.pods(place.time_ns(), &search))
    })
    .await
}

async fn events(State(site): Server, query: Asked<Place>, search: Asked<EventSearch>) -> Answer {
    let search = asked(search)?;
    of_variant(site, asked(query)?, move |variant, place| {
        Some(variant.events(place.time_ns(), &search))
    })
    .await
}

async fn step(State(site): Server, query: Asked<Place>) -> Answer {
    of_variant(site, asked(query)?, |variant, place| {
        let is_forward = place.forward.unwrap_or(true);
        let from = if is_forward {
            place.time_ns()
        } else {
            place.t.saturating_mul(1_000)
        };
        Some(json!({"timeNs": variant.step(from, is_forward)}))
    })
    .await
}

#[derive(Deserialize)]
struct MetricsRequest {
    /// Result folders, one a line.
    runs: String,
    #[serde(default)]
    all: bool,
}

async fn metrics(State(site): Server, query: Asked<MetricsRequest>) -> Answer {
    let own = asked(query)?;
    let folders = own.runs.lines().take(8);
    let folders = folders.map(|run| site.shared.places.result(run));
    let folders = folders.collect::<Result<Vec<PathBuf>, _>>()?;
    let _room = site.questions.acquire().await;
    let found = site.shared.program.metrics(&folders, own.all).await?;
    Ok(Json(found).into_response())
}

/// The report of a run, in a world of its own: its scripts can ask nothing of this server.
async fn report(State(site): Server, query: Asked<Place>) -> Answer {
    let folder = site.shared.places.result(&asked(query)?.run)?;
    let bytes = work(move || {
        let path = folder.join("report.html").canonicalize().ok();
        let path = path.filter(|path| path.starts_with(&folder));
        let bytes = path.and_then(|path| fs::read(path).ok());
        bytes.ok_or_else(|| Refusal::missing("the run has no report"))
    });
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            CONTENT_SECURITY_POLICY,
            "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; \
             style-src 'unsafe-inline'; img-src data:",
        ),
    ];
    Ok((headers, bytes.await?).into_response())
}

async fn experiment(State(site): Server, query: Asked<Place>) -> Answer {
    let place = asked(query)?;
    // Of a run, the experiment as it was run.
    let path = if place.run.is_empty() {
        site.shared.places.experiment(&place.name)?
    } else {
        site.shared.places.result(&place.run)?.join("scenario.yaml")
    };
    let text = work(move || {
        let is_small = path
            .metadata()
            .is_ok_and(|own| own.is_file() && own.len() <= MOST_BYTES);
        let text = is_small.then(|| fs::read_to_string(&path).ok()).flatten();
        text.ok_or_else(|| Refusal::failed("no text of at most 1 MiB"))
    });
    Ok(Json(json!({"text": text.await?})).into_response())
}

#[derive(Deserialize)]
struct SaveRequest {
    path: String,
    text: String,
    known: Option<String>,
}

async fn save(State(site): Server, body: Told<SaveRequest>) -> Answer {
    let own = told(body)?;
    if own.text.len() as u64 > MOST_BYTES {
        return Err(Refusal::wrong("the experiment is longer than 1 MiB"));
    }
    work(move || {
        let places = &site.shared.places;
        places.write(&own.path, &own.text, own.known.as_deref())
    })
    .await?;
    Ok(Json(json!({})).into_response())
}

async fn schema(State(site): Server) -> Answer {
    let text = site.shared.program.schema().await?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

#[derive(Deserialize)]
struct CheckRequest {
    /// Path of the experiment, in whose folder its own paths start.
    #[serde(default)]
    path: String,
    text: String,
}

async fn check(State(site): Server, body: Told<CheckRequest>) -> Answer {
    let own = told(body)?;
    let places = &site.shared.places;
    let file = if own.path.is_empty() {
        None
    } else {
        places.experiment(&own.path).ok()
    };
    let folder = file.as_deref().and_then(std::path::Path::parent);
    let folder = folder.unwrap_or(&places.root);
    let _room = site.questions.acquire().await;
    let found = site.shared.program.check(&own.text, folder).await?;
    Ok(Json(found).into_response())
}

#[derive(Deserialize)]
struct ExplainRequest {
    #[serde(flatten)]
    side: Side,
    pod: String,
    t: Option<i64>,
}

async fn explain(State(site): Server, body: Told<ExplainRequest>) -> Answer {
    let own = told(body)?;
    let folder = site.shared.places.result(&own.side.run)?;
    let at = own
        .t
        .map(|micros| micros.saturating_mul(1_000).saturating_add(999));
    let _room = site.questions.acquire().await;
    let program = &site.shared.program;
    let found = program
        .explain(&folder, &own.side.variant, &own.pod, at)
        .await?;
    Ok(Json(found).into_response())
}

#[derive(Deserialize)]
struct DiffRequest {
    sides: [Side; 2],
}

async fn diff(State(site): Server, body: Told<DiffRequest>) -> Answer {
    let [one, other] = told(body)?.sides;
    let places = &site.shared.places;
    let folders = [places.result(&one.run)?, places.result(&other.run)?];
    let _room = site.questions.acquire().await;
    let sides = [
        (folders[0].as_path(), one.variant.as_str()),
        (folders[1].as_path(), other.variant.as_str()),
    ];
    Ok(Json(site.shared.program.diff(sides).await?).into_response())
}

#[derive(Deserialize)]
struct RunRequest {
    path: String,
    /// Name of the result folder; one that is free if empty.
    #[serde(default)]
    result: String,
    #[serde(default)]
    sets: Vec<String>,
}

async fn run(State(site): Server, body: Told<RunRequest>) -> Answer {
    let own = told(body)?;
    let shared = &site.shared;
    let file = shared.places.experiment(&own.path)?;
    if own.sets.len() > 64
        || own
            .sets
            .iter()
            .any(|set| set.len() > 4_096 || set.contains('\0'))
    {
        return Err(Refusal::wrong("expected at most 64 overrides of 4 KiB"));
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let result = if own.result.is_empty() {
        shared.places.free_name(&stem)
    } else {
        own.result
    };
    let out = shared.places.new_result(&result)?;
    let order = Order {
        experiment: own.path,
        file,
        result: result.clone(),
        out,
        sets: own.sets,
    };
    let id = shared.jobs.start(&shared.program, order)?;
    Ok(Json(json!({"id": id, "result": result})).into_response())
}

/// Runs the experiment of a result again, with its log.
async fn reproduce(State(site): Server, body: Told<Side>) -> Answer {
    let own = told(body)?;
    let shared = &site.shared;
    let folder = shared.places.result(&own.run)?;
    let file = folder.join("scenario.yaml");
    if !file.is_file() {
        return Err(Refusal::missing(format!(
            "{}: no scenario.yaml in it",
            own.run
        )));
    }
    let stem = folder.file_name().unwrap_or_default().to_string_lossy();
    let result = shared.places.free_name(&format!("{stem}-events"));
    let out = shared.places.new_result(&result)?;
    let order = Order {
        experiment: format!("{}/scenario.yaml", own.run),
        file,
        result: result.clone(),
        out,
        sets: Vec::new(),
    };
    let id = shared.jobs.start(&shared.program, order)?;
    Ok(Json(json!({"id": id, "result": result, "adds": EVENTS})).into_response())
}

#[derive(Deserialize)]
struct StopRequest {
    id: u64,
}

async fn stop(State(site): Server, body: Told<StopRequest>) -> Answer {
    site.shared.jobs.stop(told(body)?.id)?;
    Ok(Json(json!({})).into_response())
}
