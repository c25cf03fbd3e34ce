//! Answers to what the page does: experiments, runs and questions about them.

use std::fs;
use std::path::Path;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::json;

use super::jobs::Order;
use super::logs::EVENTS;
use super::places::MOST_BYTES;
use super::questions::Side;
use super::refusal::Refusal;
use super::site::{Answer, Asked, Place, Server, Told, asked, told, work};

/// First words of a result's experiment, before the folder at which its paths start.
const LEAD: &str = "# The paths below start at ";

/// Text of a result's experiment for a file in another folder: its paths start where they did.
fn seen_from(root: &Path, folder: &Path, text: &str) -> String {
    let told = text.strip_prefix(LEAD).and_then(|own| own.split_once('\n'));
    let Some((way, rest)) = told else {
        return text.to_owned();
    };
    let Ok(base) = folder.join(way.trim_end()).canonicalize() else {
        return text.to_owned();
    };
    let way = match base.strip_prefix(root) {
        Ok(own) if own.as_os_str().is_empty() => Path::new("."),
        Ok(own) => own,
        Err(_) => &base,
    };
    format!("{LEAD}{}\n{rest}", way.display())
}

/// Text of an experiment.
pub(super) async fn experiment(State(site): Server, query: Asked<Place>) -> Answer {
    let place = asked(query)?;
    // Of a run, the experiment as it was run.
    let path = if place.run.is_empty() {
        site.shared.places.experiment(&place.name)?
    } else {
        site.shared.places.file_of(&place.run, "scenario.yaml")?
    };
    let is_of_run = !place.run.is_empty();
    let text = work(move || {
        let is_small = path
            .metadata()
            .is_ok_and(|own| own.is_file() && own.len() <= MOST_BYTES);
        let text = is_small.then(|| fs::read_to_string(&path).ok()).flatten();
        let text = text.ok_or_else(|| Refusal::failed("no text of at most 1 MiB"))?;
        Ok(match path.parent().filter(|_| is_of_run) {
            Some(folder) => seen_from(&site.shared.places.root, folder, &text),
            None => text,
        })
    });
    Ok(Json(json!({"text": text.await?})).into_response())
}

#[derive(Deserialize)]
pub(super) struct SaveRequest {
    path: String,
    text: String,
    known: Option<String>,
}

/// Writes an experiment.
pub(super) async fn save(State(site): Server, body: Told<SaveRequest>) -> Answer {
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

/// Schema of experiments.
pub(super) async fn schema(State(site): Server) -> Answer {
    let text = site.shared.program.schema().await?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

#[derive(Deserialize)]
pub(super) struct CheckRequest {
    /// Path of the experiment, in whose folder its own paths start.
    #[serde(default)]
    path: String,
    text: String,
}

/// Findings about a text.
pub(super) async fn check(State(site): Server, body: Told<CheckRequest>) -> Answer {
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
pub(super) struct ExplainRequest {
    #[serde(flatten)]
    side: Side,
    pod: String,
    t: Option<i64>,
}

/// Reasons for a pod.
pub(super) async fn explain(State(site): Server, body: Told<ExplainRequest>) -> Answer {
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
pub(super) struct DiffRequest {
    sides: [Side; 2],
}

/// First decision that differs.
pub(super) async fn diff(State(site): Server, body: Told<DiffRequest>) -> Answer {
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
pub(super) struct RunRequest {
    path: String,
    /// Name of the result folder; one that is free if empty.
    #[serde(default)]
    result: String,
    #[serde(default)]
    sets: Vec<String>,
}

/// Runs an experiment.
pub(super) async fn run(State(site): Server, body: Told<RunRequest>) -> Answer {
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
pub(super) async fn reproduce(State(site): Server, body: Told<Side>) -> Answer {
    let own = told(body)?;
    let shared = &site.shared;
    let folder = shared.places.result(&own.run)?;
    let file = shared.places.file_of(&own.run, "scenario.yaml")?;
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
pub(super) struct StopRequest {
    id: u64,
}

/// Stops a run.
pub(super) async fn stop(State(site): Server, body: Told<StopRequest>) -> Answer {
    site.shared.jobs.stop(told(body)?.id)?;
    Ok(Json(json!({})).into_response())
}
