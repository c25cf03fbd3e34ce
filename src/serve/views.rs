//! Answers to what the page shows: lists, logs, metrics, reports.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::json;

use super::live;
use super::log::{Course, EventSearch, ObjectSearch, PodSearch};
use super::refusal::Refusal;
use super::site::{Answer, Asked, Place, Server, asked, of_variant, work};

/// State of everything that the page lists.
pub(super) async fn state(State(site): Server) -> Answer {
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

/// Log of a run: its variants, and one of them in outline.
pub(super) async fn log(State(site): Server, query: Asked<Place>) -> Answer {
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

/// Nodes at an instant.
pub(super) async fn at(State(site): Server, query: Asked<Place>) -> Answer {
    of_variant(site, asked(query)?, |variant, place| {
        Some(json!(variant.heat(place.time_ns(), &place.resource)))
    })
    .await
}

/// Node at an instant.
pub(super) async fn node(State(site): Server, query: Asked<Place>) -> Answer {
    of_variant(site, asked(query)?, |variant, place| {
        variant.node_at(&place.name, place.time_ns())
    })
    .await
}

/// Object at an instant.
pub(super) async fn object(State(site): Server, query: Asked<Place>) -> Answer {
    of_variant(site, asked(query)?, |variant, place| {
        variant.object_at(&place.name, place.time_ns())
    })
    .await
}

/// Objects at an instant.
pub(super) async fn objects(
    State(site): Server,
    query: Asked<Place>,
    search: Asked<ObjectSearch>,
) -> Answer {
    let search = asked(search)?;
    of_variant(site, asked(query)?, move |variant, place| {
        Some(variant.objects_at(place.time_ns(), &search))
    })
    .await
}

/// Pods at an instant.
pub(super) async fn pods(
    State(site): Server,
    query: Asked<Place>,
    search: Asked<PodSearch>,
) -> Answer {
    let search = asked(search)?;
    of_variant(site, asked(query)?, move |variant, place| {
        Some(variant.pods(place.time_ns(), &search))
    })
    .await
}

/// Events up to an instant.
pub(super) async fn events(
    State(site): Server,
    query: Asked<Place>,
    search: Asked<EventSearch>,
) -> Answer {
    let search = asked(search)?;
    of_variant(site, asked(query)?, move |variant, place| {
        Some(variant.events(place.time_ns(), &search))
    })
    .await
}

/// Instant of the event before or after one.
pub(super) async fn step(State(site): Server, query: Asked<Place>) -> Answer {
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
pub(super) struct MetricsRequest {
    /// Result folders, one a line.
    runs: String,
    #[serde(default)]
    all: bool,
}

/// Metrics of runs side by side.
pub(super) async fn metrics(State(site): Server, query: Asked<MetricsRequest>) -> Answer {
    let own = asked(query)?;
    let folders = own.runs.lines().take(8);
    let folders = folders.map(|run| site.shared.places.result(run));
    let folders = folders.collect::<Result<Vec<PathBuf>, _>>()?;
    let _room = site.questions.acquire().await;
    let found = site.shared.program.metrics(&folders, own.all).await?;
    Ok(Json(found).into_response())
}

/// The report of a run, in a world of its own: its scripts can ask nothing of this server.
pub(super) async fn report(State(site): Server, query: Asked<Place>) -> Answer {
    let path = site
        .shared
        .places
        .file_of(&asked(query)?.run, "report.html")?;
    let bytes =
        work(move || fs::read(&path).map_err(|_| Refusal::missing("the run has no report")));
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
