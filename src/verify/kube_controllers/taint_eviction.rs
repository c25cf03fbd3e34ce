//! Instants at which pods of a node are deleted while the node's taints change.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{objects, seconds, told};
use crate::cases::{Differences, typed};
use control::controllers::taint_eviction::TaintEviction;
use model::{Taint, Text, Toleration};
use units::{Instant, SortedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    pods: Vec<SeenPod>,
    taint_changes: Vec<Change>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenPod {
    name: String,
    created_at: f64,
    #[serde(default)]
    tolerations: Option<Vec<objects::Toleration>>,
}

#[derive(Deserialize)]
struct Change {
    t: f64,
    #[serde(default)]
    taints: Option<Vec<objects::Taint>>,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    let mut pods: Vec<(Instant, Text, Vec<Toleration>)> = Vec::new();
    for pod in &input.pods {
        let tolerations = pod.tolerations.iter().flatten();
        let tolerations = tolerations.map(objects::Toleration::model);
        let tolerations = tolerations.collect::<Result<_, _>>()?;
        pods.push((
            seconds(pod.created_at),
            pod.name.as_str().into(),
            tolerations,
        ));
    }
    let mut changes: Vec<(Instant, Vec<Taint>)> = Vec::new();
    for change in &input.taint_changes {
        let taints = change.taints.iter().flatten().map(objects::Taint::model);
        changes.push((seconds(change.t), taints.collect::<Result<_, _>>()?));
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
