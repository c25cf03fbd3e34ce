//! Cases of batch queues: starts under an order and a rule, and the figures that follow from them
//! (spec: orchestrators-b.md section 7).

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::job_runs::{JobMachine, RigidJob, run_jobs};
use super::{Case, Decide, Forms, Trouble, read};
use metrics::slowdown::{USUAL_BOUND, bounded_slowdown};
use scheduler::pipeline::evaluate::Form;
use sim::DecisionTime;
use systems::TimeLimits;
use systems::batch::BatchOptions;
use units::{Duration, Instant};

/// The judge of a kind.
pub(super) fn forms(kind: &str) -> Option<Forms> {
    let both = |plain: Decide, fast: Decide| Some(Forms::Both { plain, fast });
    match kind {
        "batch-fcfs" => Some(Forms::One(|case| {
            decide(case, "fcfs", "strict", Form::Plain)
        })),
        "batch-sjf" => Some(Forms::One(|case| {
            decide(case, "sjf", "strict", Form::Plain)
        })),
        "batch-easy" => both(
            |case| decide(case, "fcfs", "easy", Form::Plain),
            |case| decide(case, "fcfs", "easy", Form::Incremental),
        ),
        "batch-conservative" => both(
            |case| decide(case, "fcfs", "conservative", Form::Plain),
            |case| decide(case, "fcfs", "conservative", Form::Incremental),
        ),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Machine {
    nodes: u32,
}

#[derive(Deserialize)]
struct Job {
    id: Value,
    submit: f64,
    nodes: u32,
    req: f64,
    run: f64,
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_nanos((seconds * 1e9).round() as i64)
}

/// Numbers come in their order, before words.
pub(crate) fn in_order_of_ids(one: &Value, other: &Value) -> Ordering {
    let number = |id: &Value| id.as_f64().or_else(|| id.as_str()?.parse().ok());
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.as_str().cmp(&other.as_str()),
    }
}

fn decide(case: &Case, order: &str, backfill: &str, form: Form) -> Result<Value, Trouble> {
    let Machine { nodes } = read(&case.nodes)?;
    let mut jobs: Vec<Job> = read(&case.request)?;
    jobs.sort_by(|one, other| {
        let by_time = one.submit.total_cmp(&other.submit);
        by_time.then_with(|| in_order_of_ids(&one.id, &other.id))
    });
    let rigid = |job: &Job| RigidJob {
        submit: Instant::ZERO.saturating_add(seconds(job.submit)),
        run: seconds(job.run.min(job.req)),
        requested: seconds(job.req),
        members: job.nodes,
    };
    let rigid: Vec<RigidJob> = jobs.iter().map(rigid).collect();
    let machine = JobMachine {
        nodes,
        options: BatchOptions {
            order: order.to_owned(),
            backfill: backfill.to_owned(),
            ..BatchOptions::default()
        },
        form,
        time_limits: TimeLimits::Enforced,
        decision_time: DecisionTime::default(),
    };
    let started = run_jobs(&rigid, &machine).map_err(Trouble::Malformed)?;
    let mut starts = Map::new();
    let (mut waited, mut slowed, mut worked) = (0.0, 0.0, 0.0);
    let first = rigid.iter().map(|job| job.submit).min();
    let first = first.unwrap_or(Instant::ZERO);
    let mut last = first;
    for start in &started {
        let job = &rigid[start.position];
        let id = &jobs[start.position].id;
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        starts.insert(id, json!(start.at.as_secs_f64()));
        let wait = start.at.since(job.submit);
        waited += wait.as_secs_f64();
        slowed += bounded_slowdown(wait, job.run, USUAL_BOUND);
        worked += f64::from(job.members) * job.run.as_secs_f64();
        last = last.max(start.at.saturating_add(job.run));
    }
    let count = rigid.len().max(1) as f64;
    let makespan = last.since(first).as_secs_f64();
    Ok(json!({
        "start": starts,
        "makespan": makespan,
        "mean_wait": waited / count,
        "mean_bounded_slowdown": slowed / count,
        "utilisation": worked / (f64::from(nodes) * makespan),
    }))
}
