//! Cases of Tarcil and Graphene (spec: orchestrators-b.md section 6.5).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use policy::graphene::{Task, bound};
use policy::tarcil::{below, samples_needed};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "tarcil" => tarcil,
        "graphene-bound" => graphene_bound,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Sampled {
    x: f64,
    samples: u32,
    want: f64,
}

fn tarcil(case: &Case) -> Result<Value, Trouble> {
    let items: Vec<Sampled> = read(&case.request)?;
    let answers: Vec<Value> = items
        .iter()
        .map(|item| {
            json!({
                "p_below": below(item.x, item.samples),
                "samples_needed": samples_needed(item.x, item.want),
            })
        })
        .collect();
    Ok(json!({ "answers": answers }))
}

#[derive(Deserialize)]
struct Stage {
    id: String,
    duration: f64,
    demand: IndexMap<String, f64>,
    parents: Vec<String>,
}

fn graphene_bound(case: &Case) -> Result<Value, Trouble> {
    let capacities: IndexMap<String, f64> = read(&case.nodes)?;
    let given: Vec<Stage> = read(&case.request)?;
    let number = |id: &String| given.iter().position(|own| own.id == *id);
    let mut tasks = Vec::new();
    for own in &given {
        let parents = own
            .parents
            .iter()
            .map(number)
            .collect::<Option<Vec<usize>>>();
        let demand = |resource: &String| own.demand.get(resource).copied().unwrap_or(0.0);
        tasks.push(Task {
            duration: own.duration,
            demand: capacities.keys().map(demand).collect(),
            parents: parents
                .ok_or_else(|| Trouble::Malformed(format!("`{}` has an unknown parent", own.id)))?,
        });
    }
    let amounts: Vec<f64> = capacities.values().copied().collect();
    let bound = bound(&tasks, &amounts)
        .ok_or_else(|| Trouble::Malformed("tasks depend on each other in a circle".to_owned()))?;
    let work = capacities.keys().zip(&bound.work_over_capacity);
    let work: Map<String, Value> = work
        .map(|(name, work)| (name.clone(), json!(work)))
        .collect();
    Ok(json!({
        "critical_path": bound.critical_path,
        "work_over_capacity": work,
        "lower_bound": bound.makespan(),
    }))
}
