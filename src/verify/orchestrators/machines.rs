//! Cases of what processes share on a node, and of checkpoints.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use model::PodRef;
use model::checkpoint::{Checkpoints, expected_time_ratio};
use model::qos::QosClass;
use sim::cores::{Claim, CorePlace, Cores, ProcessRef, cpu_weight};
use units::{Duration, Instant, NodeId, PodId, PodSlot, SortedMap};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "cpu-share" => cpu_share,
        "cpu-weight" => cpu_weights,
        "oom-adj" => oom_adjustments,
        "checkpoint" => checkpoint,
        "ettr" => time_ratio,
        _ => return None,
    };
    Some(decide)
}

#[derive(Deserialize)]
struct Cored {
    cores: f64,
}

#[derive(Deserialize)]
struct Task {
    weight: i64,
    demand: f64,
    limit: Option<f64>,
}

/// Thousandths of a core; these cases go further, so their cores are taken a million times.
const SCALE: f64 = 1e9;

fn cpu_share(case: &Case) -> Result<Value, Trouble> {
    let node: Cored = read(&case.nodes)?;
    let tasks: SortedMap<String, Task> = read(&case.request)?;
    let whole = |amount: f64| libm::rint(amount * SCALE) as i64;
    let now = Instant::ZERO;
    let mut cores = Cores::default();
    for (number, task) in (0..).zip(tasks.values()) {
        let pod = PodRef {
            id: PodId(number),
            slot: PodSlot(number),
        };
        let claim = Claim {
            weight: task.weight,
            demand_milli: whole(task.demand),
            limit_milli: task.limit.map(whole),
        };
        let place = CorePlace {
            node: NodeId(0),
            capacity_milli: whole(node.cores),
        };
        let process = ProcessRef { pod, container: 0 };
        cores.begin(now, place, process, claim, Some(Duration::from_secs(1)));
    }
    let mut got = Map::new();
    let mut all = 0.0;
    for (number, name) in (0..).zip(tasks.keys()) {
        let own = cores.got(now, PodId(number), 0).unwrap_or_default() as f64 / SCALE;
        all += own;
        got.insert(name.clone(), json!(own));
    }
    Ok(json!({ "got": got, "idle": node.cores - all }))
}

fn cpu_weights(case: &Case) -> Result<Value, Trouble> {
    let shares: Vec<i64> = read(&case.request)?;
    let weights: Vec<i64> = shares.into_iter().map(cpu_weight).collect();
    Ok(json!({ "weight": weights }))
}

#[derive(Deserialize)]
struct Sized {
    capacity_gib: f64,
}

#[derive(Deserialize)]
struct Requesting {
    request_gib: f64,
}

/// Least adjustment of these cases (orchestrators-b.md 10.6); the kubelet's is one more.
const LEAST_ADJUSTMENT: i64 = 2;

fn oom_adjustments(case: &Case) -> Result<Value, Trouble> {
    let node: Sized = read(&case.nodes)?;
    let pods: Vec<Requesting> = read(&case.request)?;
    let bytes = |gib: f64| libm::rint(gib * f64::from(1 << 30)) as i64;
    let of = |pod: Requesting| {
        let (request, capacity) = (bytes(pod.request_gib), bytes(node.capacity_gib));
        QosClass::Burstable.oom_score_adj_from(LEAST_ADJUSTMENT, request, capacity)
    };
    let adjustments: Vec<i64> = pods.into_iter().map(of).collect();
    Ok(json!({ "adj": adjustments }))
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "C")]
    write_s: f64,
    #[serde(rename = "M_h")]
    mtbf_h: f64,
    #[serde(rename = "R")]
    restart_s: f64,
}

fn seconds(amount: f64) -> Duration {
    Duration::from_nanos(libm::rint(amount * 1e9) as i64)
}

fn checkpoint(case: &Case) -> Result<Value, Trouble> {
    let given: Written = read(&case.request)?;
    let mtbf = seconds(given.mtbf_h * 3600.0);
    let checkpoints = Checkpoints::young(seconds(given.write_s), seconds(given.restart_s), mtbf);
    Ok(json!({
        "interval_s": checkpoints.interval.as_secs_f64(),
        "efficiency": checkpoints.efficiency(mtbf),
    }))
}

#[derive(Deserialize)]
struct Training {
    nodes: f64,
    rate_per_node_day: f64,
    restart_min: f64,
    interval_min: f64,
    write_min: f64,
}

fn time_ratio(case: &Case) -> Result<Value, Trouble> {
    let given: Training = read(&case.request)?;
    let checkpoints = Checkpoints {
        interval: seconds(given.interval_min * 60.0),
        write: seconds(given.write_min * 60.0),
        restart: seconds(given.restart_min * 60.0),
    };
    let rate = given.nodes * given.rate_per_node_day / 86_400.0;
    Ok(json!({ "ettr": expected_time_ratio(&checkpoints, rate) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_adjustment_is_that_of_the_cases() {
        let case = json!({
            "system": "oom-adj", "case": "almost-all", "nodes": {"capacity_gib": 64},
            "requests": [{"request_gib": 63.9}, {"request_gib": 64}, {"request_gib": 4}],
            "expected": {},
        });
        let case: Case = serde_json::from_value(case).expect("a case");
        let decided = oom_adjustments(&case).expect("adjustments");
        assert_eq!(decided, json!({"adj": [2, 2, 938]}));
    }
}
