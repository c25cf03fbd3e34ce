//! Cases of the sharing of GPUs over time (spec: orchestrators-b.md section 8.2).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use policy::las::Queues;
use units::Duration;

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    (kind == "tiresias").then_some(tiresias)
}

#[derive(Deserialize)]
struct Given {
    thresholds_gpu_s: Vec<f64>,
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    id: String,
    gpus: u32,
    ran_s: f64,
}

fn duration(seconds: f64) -> Duration {
    Duration::from_nanos(libm::rint(seconds * 1e9) as i64)
}

fn seconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e9
}

fn tiresias(case: &Case) -> Result<Value, Trouble> {
    let given: Given = read(&case.request)?;
    let queues = Queues::new(given.thresholds_gpu_s.iter().copied().map(duration));
    let (mut attained, mut queue, mut leaves) = (Map::new(), Map::new(), Map::new());
    for job in given.jobs {
        let own = Queues::attained(job.gpus, duration(job.ran_s));
        let times = (0..queues.count()).filter_map(|queue| queues.leaves(queue, job.gpus));
        let times: Vec<f64> = times.map(seconds).collect();
        attained.insert(job.id.clone(), json!(seconds(own)));
        queue.insert(job.id.clone(), json!(queues.queue(own)));
        leaves.insert(job.id, json!(times));
    }
    Ok(json!({"attained": attained, "queue": queue, "leaves_queue_at_s": leaves}))
}
