//! Cases of Sparrow: formulas, and jobs with given probes on workers of one slot (spec:
//! orchestrators-b.md section 6.2).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use scheduler::sparrow::queues::{JobKey, Queues, Slots, TaskRequest};
use scheduler::sparrow::theory;
use units::{ClassId, SortedMap};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "sparrow-zero-wait" => zero_wait,
        "supermarket" => supermarket,
        "sparrow" => late_binding,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Load {
    rho: f64,
    tasks: u32,
    d: u32,
}

fn zero_wait(case: &Case) -> Result<Value, Trouble> {
    let given: Load = read(&case.request)?;
    Ok(json!({
        "random": theory::zero_wait_random(given.rho, given.tasks),
        "per_task": theory::zero_wait_per_task(given.rho, given.tasks, given.d),
        "batch": theory::zero_wait_batch(given.rho, given.tasks, given.d),
    }))
}

#[derive(Deserialize)]
struct Market {
    load: f64,
    d: u32,
}

fn supermarket(case: &Case) -> Result<Value, Trouble> {
    let given: Market = read(&case.request)?;
    Ok(json!({ "mean_time_in_system": theory::supermarket(given.load, given.d) }))
}

#[derive(Deserialize)]
struct Workers {
    workers: Vec<String>,
}

#[derive(Deserialize)]
struct Occupied {
    #[serde(default)]
    busy_until: IndexMap<String, f64>,
}

#[derive(Deserialize)]
struct Job {
    id: String,
    submit: f64,
    tasks: Vec<f64>,
    probes: Vec<String>,
}

#[derive(Deserialize)]
struct Given {
    jobs: Vec<Job>,
    rtt_s: f64,
    #[serde(default)]
    cancel: bool,
}

fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

/// Workers with one slot each, and the instants from which on they are free again.
struct Single {
    idle: Vec<bool>,
}

impl Slots for Single {
    fn has_room(&mut self, worker: usize, _: ClassId) -> bool {
        self.idle[worker]
    }

    fn take(&mut self, worker: usize, _: JobKey) {
        self.idle[worker] = false;
    }
}

/// A task's start.
#[derive(Clone, Copy)]
struct Placed {
    start: i64,
    end: i64,
    worker: usize,
}

fn late_binding(case: &Case) -> Result<Value, Trouble> {
    let Workers { workers } = read(&case.nodes)?;
    let occupied: Option<Occupied> = read(&case.existing)?;
    let given: Given = read(&case.request)?;
    let number = |name: &String| {
        let found = workers.iter().position(|worker| worker == name);
        found.ok_or_else(|| Trouble::Malformed(format!("no worker `{name}`")))
    };
    let mut slots = Single {
        idle: vec![true; workers.len()],
    };
    // Workers that become free, and jobs that arrive, by instant.
    let mut freed: SortedMap<i64, Vec<usize>> = SortedMap::new();
    for (name, &until) in occupied.iter().flat_map(|own| &own.busy_until) {
        let worker = number(name)?;
        slots.idle[worker] = false;
        freed.entry(nanos(until)).or_default().push(worker);
    }
    let mut arrivals: SortedMap<i64, Vec<usize>> = SortedMap::new();
    for (index, job) in given.jobs.iter().enumerate() {
        arrivals.entry(nanos(job.submit)).or_default().push(index);
    }
    let mut queues = Queues::new(given.cancel);
    let tasks = given.jobs.iter().map(|job| vec![None; job.tasks.len()]);
    let mut placed: Vec<Vec<Option<Placed>>> = tasks.collect();
    let trip = nanos(given.rtt_s);
    while let Some(now) = earliest(&freed, &arrivals) {
        for worker in freed.remove(&now).unwrap_or_default() {
            slots.idle[worker] = true;
            queues.freed(worker);
        }
        let mut arrived = arrivals.remove(&now).unwrap_or_default();
        arrived.sort_by(|&one, &other| given.jobs[one].id.cmp(&given.jobs[other].id));
        for index in arrived {
            let job = &given.jobs[index];
            let probes: Result<Vec<usize>, Trouble> = job.probes.iter().map(number).collect();
            queues.submit(index as JobKey, job.tasks.len() as u32, &probes?);
        }
        for TaskRequest { worker, job, task } in queues.ask(&mut slots) {
            let start = now + trip;
            let mut end = start;
            if let Some(task) = task {
                let (job, task) = (job as usize, task as usize);
                end += nanos(given.jobs[job].tasks[task]);
                placed[job][task] = Some(Placed { start, end, worker });
            }
            freed.entry(end).or_default().push(worker);
        }
    }
    let (mut starts, mut hosts, mut finish) = (Map::new(), Map::new(), Map::new());
    for (job, tasks) in given.jobs.iter().zip(&placed) {
        let of = |value: fn(&Placed) -> f64| -> Vec<Value> {
            let tasks = tasks.iter().map(|task| task.as_ref().map(value));
            tasks.map(|value| json!(value)).collect()
        };
        starts.insert(job.id.clone(), json!(of(|task| seconds(task.start))));
        let names: Vec<Option<&String>> = tasks
            .iter()
            .map(|task| task.as_ref().map(|task| &workers[task.worker]))
            .collect();
        hosts.insert(job.id.clone(), json!(names));
        let last = tasks.iter().flatten().map(|task| task.end).max();
        finish.insert(job.id.clone(), json!(last.map(seconds)));
    }
    Ok(json!({
        "start": starts,
        "worker": hosts,
        "finish": finish,
        "no_task_replies": queues.no_task_replies(),
    }))
}

fn earliest(
    freed: &SortedMap<i64, Vec<usize>>,
    arrivals: &SortedMap<i64, Vec<usize>>,
) -> Option<i64> {
    let first = |times: &SortedMap<i64, Vec<usize>>| times.first_key_value().map(|(&at, _)| at);
    [first(freed), first(arrivals)].into_iter().flatten().min()
}
