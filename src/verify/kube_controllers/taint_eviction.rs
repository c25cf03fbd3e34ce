//! Instants at which pods of a node are deleted while the node's taints change.

use serde_json::{Value, json};

use super::{objects, seconds, told};
use crate::cases::{Differences, list, typed};
use control::controllers::taint_eviction::TaintEviction;
use model::{Taint, Text, Toleration};
use units::{Instant, SortedMap};

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input = &case["input"];
    let mut pods: Vec<(Instant, Text, Vec<Toleration>)> = Vec::new();
    for pod in list(input, "pods") {
        let tolerations = objects::tolerations(&list(pod, "tolerations"))?;
        pods.push((at(pod, "createdAt")?, typed(&pod["name"])?, tolerations));
    }
    let mut changes: Vec<(Instant, Vec<Taint>)> = Vec::new();
    for change in list(input, "taintChanges") {
        let taints = objects::taints(&list(change, "taints"))?;
        changes.push((at(change, "t")?, taints));
    }
    changes.sort_by_key(|(at, _)| *at);
    let deleted = play(&pods, &changes, Instant::from_secs(700));
    let decided: SortedMap<&str, Value> = deleted
        .iter()
        .map(|(pod, at)| (&**pod, told(*at)))
        .collect();
    let decided = json!({ "deletedAt": decided });
    differences.loosely(
        "expect",
        case.get("expect").unwrap_or(&Value::Null),
        &decided,
    );
    Ok(())
}

/// The instant of a field.
fn at(of: &Value, field: &str) -> Result<Instant, String> {
    typed(&of[field]).map(seconds)
}

/// Plays pods and changes of taints in order of time, pods first at one instant.
fn play(
    pods: &[(Instant, Text, Vec<Toleration>)],
    changes: &[(Instant, Vec<Taint>)],
    until: Instant,
) -> SortedMap<Text, Instant> {
    let mut eviction = TaintEviction::default();
    let mut deleted: SortedMap<Text, Instant> = SortedMap::new();
    let mut times: Vec<Instant> = pods.iter().map(|(at, ..)| *at).collect();
    times.extend(changes.iter().map(|(at, _)| *at));
    times.push(until);
    times.sort_unstable();
    times.dedup();
    let mut taints: &[Taint] = &[];
    for time in times {
        while let Some(at) = eviction.next().filter(|&at| at < time) {
            deleted.extend(eviction.due(at).into_iter().map(|pod| (pod, at)));
        }
        let arriving = pods.iter().filter(|(at, ..)| *at == time);
        for (_, pod, tolerations) in arriving {
            eviction.observe(time, pod, tolerations, taints);
        }
        deleted.extend(eviction.due(time).into_iter().map(|pod| (pod, time)));
        for (_, to) in changes.iter().filter(|(at, _)| *at == time) {
            taints = to;
            for (at, pod, tolerations) in pods {
                if *at <= time && !deleted.contains_key(pod) {
                    eviction.observe(time, pod, tolerations, taints);
                }
            }
            deleted.extend(eviction.due(time).into_iter().map(|pod| (pod, time)));
        }
    }
    deleted
}
