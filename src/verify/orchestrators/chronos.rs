//! Cases of Chronos: schedules that move on, time lines, dependencies.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use model::Text;
use systems::mesos::chronos::calendar::DateTime;
use systems::mesos::chronos::graph::JobGraph;
use systems::mesos::chronos::job::{Job, JobOptions, Launch};
use systems::mesos::chronos::schedule::Schedule;
use units::SortedMap;

pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "chronos-skip" => skip,
        "chronos-timeline" => timeline,
        "chronos-dependency" => dependency,
        _ => return None,
    };
    Some(decide)
}

fn malformed(error: impl std::fmt::Display) -> Trouble {
    Trouble::Malformed(error.to_string())
}

fn skip(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct SkipCase {
        schedule: String,
        launched_at: String,
    }
    let given: SkipCase = read(&case.request)?;
    let now = DateTime::parse(&given.launched_at)
        .ok_or_else(|| malformed(format!("no time: `{}`", given.launched_at)))?;
    let mut schedule = Schedule::parse(&given.schedule, now).map_err(malformed)?;
    let skips = schedule.advance(now);
    Ok(json!({"schedule": schedule.to_string(), "skips": skips}))
}

#[derive(Deserialize)]
struct TimelineCase {
    start: i64,
    period: i64,
    repeat: Option<u64>,
    duration: i64,
    epsilon: Option<i64>,
    concurrent: bool,
    no_offers: Vec<(i64, i64)>,
    until: i64,
}

/// A job through time: looked at whenever it falls due, a run ends, or offers come again.
fn timeline(case: &Case) -> Result<Value, Trouble> {
    let given: TimelineCase = read(&case.request)?;
    let repeat = given
        .repeat
        .map(|left| left.to_string())
        .unwrap_or_default();
    let text = format!("R{repeat}/{}/PT{}S", DateTime(given.start), given.period);
    let schedule = Schedule::parse(&text, DateTime(0)).map_err(malformed)?;
    let options = JobOptions {
        epsilon: given.epsilon,
        is_concurrent: given.concurrent,
        ..JobOptions::default()
    };
    let mut job = Job::new(options, schedule);
    let mut ends: Vec<i64> = Vec::new();
    let (mut runs, mut missed) = (Vec::new(), Vec::new());
    let mut now = i64::MIN;
    loop {
        let has_offers = |at: i64| {
            !given
                .no_offers
                .iter()
                .any(|&(from, to)| from <= at && at < to)
        };
        let due = job
            .schedule
            .repeat
            .is_none_or(|left| left > 0)
            .then_some(job.schedule.start.0);
        let offers = given.no_offers.iter().map(|&(_, to)| to);
        let later = ends
            .iter()
            .copied()
            .chain(offers)
            .chain(due)
            .filter(|&at| at > now);
        let Some(next) = later.min().filter(|&next| next <= given.until) else {
            break;
        };
        now = next;
        for end in ends.extract_if(.., |end| *end <= now) {
            job.finished(DateTime(end));
        }
        while has_offers(now)
            && let Some(launch) = job.offered(DateTime(now))
        {
            match launch {
                Launch::Run(due) => {
                    runs.push([due.0, now]);
                    ends.push(now + given.duration);
                }
                Launch::Missed(due) => missed.push([due.0, now]),
            }
        }
    }
    Ok(json!({
        "runs": runs, "missed": missed, "next_start": job.schedule.start.0,
        "repeat_left": job.schedule.repeat,
    }))
}

fn dependency(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct GraphCase {
        parents: SortedMap<Text, Vec<Text>>,
        #[serde(default)]
        soft_error: Vec<Text>,
    }
    #[derive(Deserialize)]
    struct EventCase {
        event: String,
        job: Text,
    }
    let given: GraphCase = read(&case.existing)?;
    let events: Vec<EventCase> = read(&case.request)?;
    let mut graph = JobGraph::new(given.parents, given.soft_error).map_err(malformed)?;
    let mut queued = Map::new();
    for (number, event) in events.iter().enumerate() {
        let now = match event.event.as_str() {
            "finished" => graph.finished(&event.job),
            "failed" => graph.failed(&event.job),
            "running" => {
                graph.running(&event.job);
                Vec::new()
            }
            other => return Err(malformed(format!("an event `{other}`"))),
        };
        queued.insert(number.to_string(), json!(now));
    }
    Ok(json!({ "queued_after": queued }))
}
