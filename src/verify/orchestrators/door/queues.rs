//! Batch queues: the starts of jobs.

use serde_json::{Map, Value, json};

use crate::cases::{Differences, list, typed};
use crate::door::Said;
use crate::door::batch;
use crate::job_runs::RigidJob;
use crate::orchestrators::batch::in_order_of_ids;
use units::{Duration, Instant};

pub(super) fn decide(case: &Value, order: &str, backfill: &str) -> Result<Said, String> {
    let nodes: u32 = typed(&case["nodes"]["nodes"])?;
    let mut jobs = list(case, "requests");
    let seconds = |value: &Value| {
        let nanos = libm::rint(value.as_f64().unwrap_or_default() * 1e9);
        Duration::from_nanos(nanos as i64)
    };
    jobs.sort_by(|one, other| {
        let by_time = seconds(&one["submit"]).cmp(&seconds(&other["submit"]));
        by_time.then_with(|| in_order_of_ids(&one["id"], &other["id"]))
    });
    let table = jobs.iter().map(|job| RigidJob {
        submit: Instant::ZERO.saturating_add(seconds(&job["submit"])),
        run: seconds(&job["run"]),
        requested: seconds(&job["req"]),
        members: job["nodes"].as_u64().unwrap_or_default() as u32,
    });
    let table: Vec<RigidJob> = table.collect();
    let started = batch::run(&table, nodes, order, backfill, true)?;
    let mut starts = Map::new();
    for own in started {
        let (id, at) = (&jobs[own.position]["id"], own.at);
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        starts.insert(id, json!(at.as_secs_f64()));
    }
    let mut differences = Differences::default();
    differences.loosely("start", &case["expected"]["start"], &Value::Object(starts));
    Ok(if differences.is_empty() {
        Said::Agrees
    } else {
        Said::Differs(differences.told())
    })
}
