//! Cases of cell compaction: the procedure of `windtunnel compact` over given orders of removal, with a
//! profile of the pipeline for each policy (spec: orchestrators-b.md section 5.4).

use std::sync::atomic::AtomicBool;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use crate::experiment_text::experiment;
use lab::compact::{Compacted, Pending, Question, TrialPlan, compact};
use lab::limits::Limits;
use lab::replicate::Workers;
use units::{Duration, SortedMap};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    (kind == "borg-compaction").then_some(compaction)
}

/// The profile of each policy. Borg's act without preemption.
const PROFILES: [(&str, &str); 4] = [
    ("first", "{profile: first-fit}"),
    (
        "best",
        "{profile: borg-best-fit, plugins: {borg-preemption: null}}",
    ),
    (
        "worst",
        "{profile: first-fit, plugins: {borg-worst-fit: {}}}",
    ),
    (
        "stranded",
        "{profile: borg, plugins: {borg-preemption: null}}",
    ),
];

/// A task: its number, cores, GiB and priority.
#[derive(Deserialize)]
struct Task(u32, i64, i64, i32);

/// A machine: its number, cores and GiB.
#[derive(Deserialize)]
struct Machine(usize, i64, i64);

#[derive(Deserialize)]
struct Cell {
    tasks_id_cpu_mem_prio: Vec<Task>,
    removal_orders: Vec<Vec<usize>>,
    pending_allowed: u64,
}

fn compaction(case: &Case) -> Result<Value, Trouble> {
    let mut machines: Vec<Machine> = read(&case.nodes)?;
    let cell: Cell = read(&case.request)?;
    let mut tasks = cell.tasks_id_cpu_mem_prio;
    machines.sort_by_key(|own| own.0);
    tasks.sort_by_key(|own| own.0);
    let places: SortedMap<usize, usize> = { machines.iter().enumerate() }
        .map(|(place, own)| (own.0, place))
        .collect();
    let order = |numbers: &Vec<usize>| numbers.iter().map(|own| places.get(own).copied()).collect();
    let removals: Option<Vec<Vec<usize>>> = cell.removal_orders.iter().map(order).collect();
    let removals = removals.ok_or_else(|| {
        Trouble::Malformed("an order of removal names a machine that the cell lacks".to_owned())
    })?;
    let plan = TrialPlan {
        question: Question::Compact,
        trials: removals.len(),
        removals: &removals,
        pending: Pending::Any {
            pods: cell.pending_allowed,
        },
        seed: 0,
        settle: Duration::from_secs(3600),
    };
    let files = [("pods.json".to_owned(), pods(&tasks).to_string())];
    let experiment = experiment(&text(&machines, &case.expected), files.into_iter());
    let experiment = experiment.map_err(Trouble::Malformed)?;
    let workers = Workers {
        threads: 1,
        interrupted: &AtomicBool::new(false),
        progress: &|_, _| {},
        limits: Limits::default(),
        manifests: &world::ManifestCache::new(),
    };
    let compacted = compact(&experiment, plan, workers);
    let compacted = compacted.map_err(|error| Trouble::Malformed(error.to_string()))?;
    let answer = |own: &Compacted| {
        let value = json!({"trials": own.trials, "p90": own.value(Question::Compact)});
        (own.name.clone(), value)
    };
    Ok(Value::Object(compacted.iter().map(answer).collect()))
}

/// The experiment: a variant for each policy that the case has answers for.
fn text(machines: &[Machine], expected: &Value) -> String {
    let node = |Machine(number, cores, memory): &Machine| {
        json!({
            "name": format!("m{number}"),
            "count": 1,
            "template": {"allocatable": {
                "cpu": cores, "memory": format!("{memory}Gi"), "pods": 100_000,
            }},
        })
    };
    let nodes: Vec<Value> = machines.iter().map(node).collect();
    let asked = PROFILES
        .iter()
        .filter(|(policy, _)| expected.get(policy).is_some());
    let variants = asked.map(|(policy, scheduler)| {
        format!("  {policy}: {{system: {{name: pipeline, scheduler: {scheduler}}}}}\n")
    });
    format!(
        "windtunnel: v1\nname: cell\ncluster: {{nodes: {}}}\nworkload: [{{manifests: pods.json}}]\n\
         system: {{name: pipeline}}\nstop: {{when: idle}}\nvariants:\n{}",
        Value::Array(nodes),
        variants.collect::<String>()
    )
}

/// The tasks as pods.
fn pods(tasks: &[Task]) -> Value {
    let pod = |Task(number, cores, memory, priority): &Task| {
        let mut requests = Map::new();
        requests.insert("cpu".to_owned(), json!(cores));
        requests.insert("memory".to_owned(), json!(format!("{memory}Gi")));
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": format!("t{number}"), "namespace": "default"},
            "spec": {
                "priority": priority,
                "containers": [{"name": "main", "resources": {"requests": requests}}],
            },
        })
    };
    Value::Array(tasks.iter().map(pod).collect())
}
