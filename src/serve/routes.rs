//! Routes: what the page asks for.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use super::assets;
use super::gate::guard;
use super::orders::{check, diff, experiment, explain, reproduce, run, save, schema, stop};
use super::refusal::Refusal;
use super::site::{Answer, Server, Shared, Site};
use super::views::{at, events, log, metrics, node, object, objects, pods, report, state, step};

/// Most bytes of a request.
const MOST_BODY: usize = 4 << 20;
/// Requests that are worked on at once; further ones are refused.
const MOST_REQUESTS: usize = 64;
/// Questions that the program answers at once; further ones wait.
const MOST_QUESTIONS: usize = 2;

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
