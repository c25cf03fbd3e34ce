//! Cases of Tetris (spec: orchestrators-b.md section 6.3).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Case, Decide, Trouble, read};
use policy::tetris::{Task, alignment, best, combined, fill};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "tetris" => choose,
        "tetris-fill" => filled,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Machine {
    avail: Vec<f64>,
}

#[derive(Deserialize)]
struct Demand {
    demand: Vec<f64>,
    #[serde(default)]
    remote: bool,
}

#[derive(Deserialize)]
struct Given {
    tasks: Vec<Demand>,
    job_remaining: Option<Vec<f64>>,
    m: Option<f64>,
}

fn choose(case: &Case) -> Result<Value, Trouble> {
    let Machine { avail } = read(&case.nodes)?;
    let given: Given = read(&case.request)?;
    let aligned = |task: &Demand| alignment(&task.demand, &avail, task.remote);
    let alignments: Vec<Option<f64>> = given.tasks.iter().map(aligned).collect();
    let mut decided = json!({
        "alignment": alignments,
        "choose_packing": best(&alignments),
    });
    if let Some(left) = &given.job_remaining {
        let weighed = combined(&alignments, left, given.m.unwrap_or(1.0));
        decided["eps"] = json!(weighed.weight);
        decided["choose_combined"] = json!(best(&weighed.scores));
        decided["combined"] = json!(weighed.scores);
    }
    Ok(decided)
}

fn filled(case: &Case) -> Result<Value, Trouble> {
    let Machine { mut avail } = read(&case.nodes)?;
    let given: Given = read(&case.request)?;
    let task = |task: Demand| Task {
        demand: task.demand,
        is_remote: task.remote,
    };
    let tasks: Vec<Task> = given.tasks.into_iter().map(task).collect();
    let order = fill(&tasks, &mut avail);
    let left: Vec<usize> = (0..tasks.len())
        .filter(|task| !order.contains(task))
        .collect();
    Ok(json!({ "order": order, "left": left, "free": avail }))
}
