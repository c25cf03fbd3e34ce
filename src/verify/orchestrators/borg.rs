//! Cases of Borg: scores, preemption, reclaimed reservations, and the figures of its papers (spec:
//! orchestrators-b.md section 5).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use metrics::statistics::concentration::{Concentration, nearest_rank};
use policy::borg::{Rule, cost};
use policy::preemption::borg_preemption::{RunningTask, victims};
use systems::parts::reservation::{Estimator, ReservationOptions};
use units::Resources;

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "borg-score" => score,
        "borg-preemption" => preemption,
        "borg-reservation" => reservation,
        "borg-p90" => percentile,
        "borg-metrics" => concentration,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Machine {
    free: IndexMap<String, f64>,
}

#[derive(Deserialize)]
struct Scored {
    score: String,
    task: IndexMap<String, f64>,
    base: Option<f64>,
}

/// Difference below which a fraction still fits.
const ROUNDING: f64 = 1e-9;

fn score(case: &Case) -> Result<Value, Trouble> {
    let machines: IndexMap<String, Machine> = read(&case.nodes)?;
    let given: Scored = read(&case.request)?;
    let rule = match given.score.as_str() {
        "epvm" => Rule::Epvm {
            base: given.base.unwrap_or(10.0),
        },
        "best_fit" => Rule::BestFit,
        "stranded" => Rule::Stranded,
        other => return Err(Trouble::Unsupported(format!("no score `{other}`"))),
    };
    let mut values = Map::new();
    let mut chosen: Option<Chosen> = None;
    for (id, machine) in &machines {
        let task = |name: &String| given.task.get(name).copied().unwrap_or(0.0);
        let wanted: Vec<f64> = machine.free.keys().map(task).collect();
        let free: Vec<f64> = machine.free.values().copied().collect();
        if free
            .iter()
            .zip(&wanted)
            .any(|(free, task)| *task > free + ROUNDING)
        {
            continue;
        }
        let value = cost(rule, &free, &wanted);
        values.insert(id.clone(), json!(value));
        let left = match rule {
            Rule::Stranded => cost(Rule::BestFit, &free, &wanted),
            _ => 0.0,
        };
        let own = Chosen {
            value,
            left,
            id: id.clone(),
        };
        if chosen.as_ref().is_none_or(|best| own.is_before(best)) {
            chosen = Some(own);
        }
    }
    let chosen = chosen.map(|best| best.id);
    Ok(json!({ "value": values, "choose": chosen }))
}

/// A machine with its cost.
struct Chosen {
    value: f64,
    left: f64,
    id: String,
}

impl Chosen {
    fn is_before(&self, other: &Self) -> bool {
        let is_less = |one: f64, other: f64| one < other - ROUNDING;
        if is_less(self.value, other.value) || is_less(other.value, self.value) {
            return self.value < other.value;
        }
        if is_less(self.left, other.left) || is_less(other.left, self.left) {
            return self.left < other.left;
        }
        self.id < other.id
    }
}

#[derive(Deserialize)]
struct Capacity {
    cpu: f64,
}

#[derive(Deserialize)]
struct Task {
    id: String,
    cpu: f64,
    prio: i32,
    started: i64,
}

#[derive(Deserialize)]
struct Newcomer {
    prio: i32,
    cpu: f64,
}

fn cpu(cores: f64) -> Resources {
    Resources {
        cpu_milli: (cores * 1_000.0).round() as i64,
        ..Resources::default()
    }
}

fn preemption(case: &Case) -> Result<Value, Trouble> {
    let capacity: Capacity = read(&case.nodes)?;
    let tasks: Vec<Task> = read(&case.existing)?;
    let newcomer: Newcomer = read(&case.request)?;
    let mut free = cpu(capacity.cpu);
    let running: Vec<RunningTask<String>> = tasks
        .iter()
        .map(|task| {
            free.subtract(&cpu(task.cpu));
            RunningTask {
                task: task.id.clone(),
                priority: task.prio,
                started: task.started,
                holds: cpu(task.cpu),
            }
        })
        .collect();
    let found = victims(newcomer.prio, &cpu(newcomer.cpu), &free, &running);
    let names = |tasks: Vec<RunningTask<String>>| -> Vec<String> {
        tasks.into_iter().map(|task| task.task).collect()
    };
    Ok(json!({ "victims": found.map(names) }))
}

#[derive(Deserialize)]
struct Reserved {
    limit: f64,
    dt_s: f64,
    window_s: f64,
    margin: f64,
    decay_per_s: f64,
    usage: Vec<f64>,
}

fn reservation(case: &Case) -> Result<Value, Trouble> {
    let given: Reserved = read(&case.request)?;
    let options = ReservationOptions {
        window: given.window_s,
        margin: given.margin,
        decay: given.decay_per_s,
        ..ReservationOptions::default()
    };
    let mut estimator = Estimator::new(given.limit, options);
    let mut reserved = Vec::new();
    for (index, &usage) in given.usage.iter().enumerate() {
        reserved.push(estimator.sample(index as f64 * given.dt_s, usage));
    }
    Ok(json!({ "reservation": reserved }))
}

fn percentile(case: &Case) -> Result<Value, Trouble> {
    let mut sizes: Vec<f64> = read(&case.request)?;
    sizes.sort_by(f64::total_cmp);
    Ok(json!({
        "p90": nearest_rank(&sizes, 0.9),
        "min": sizes.first(),
        "max": sizes.last(),
    }))
}

fn concentration(case: &Case) -> Result<Value, Trouble> {
    let usages: Vec<f64> = read(&case.request)?;
    let found = Concentration::of(&usages, 4);
    Ok(json!({
        "mean": found.mean,
        "c2": found.squared_variation,
        "top_quarter_share": found.top_share,
    }))
}
