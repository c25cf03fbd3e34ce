//! Goals of a plan, judged by plain sums and packings on its cluster: after each loss the lost pods are put on the
//! fullest nodes that take them, the largest first, or on the emptiest; shares and room are counted.

use std::cmp::Reverse;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::{Case, Cluster, array, covers, domains, number, takes_port_of, text};
use crate::snapshot::Snapshot;
use k8s::Maker;
use model::node::{ZONE_LABEL, label_of};
use model::rules::admits;
use model::{ClusterObjects, PodSpec, Text};
use scheduler::kube::{Amounts, NodeInfo, PodInfo};
use units::{SortedMap, SortedSet};

/// Statements about the goals that the cluster of a plan meets.
pub(super) fn cases(
    plan: &Value,
    cluster: &mut Cluster,
    snapshot: &mut Snapshot,
) -> Result<Vec<(&'static str, Case)>, String> {
    let goals = &plan["goals"];
    // Where no node can go, the plan is the cluster of today, of which it says whether it meets the goals.
    let drains = !array(&plan["drain"]["gone"]).is_empty();
    let has_answer = drains || !plan["buy"]["plan"].is_null();
    if !has_answer && plan["meetsGoals"] != true {
        return Ok(Vec::new());
    }
    let mut cases = Vec::new();
    // Who displaces others finds places that no packing here looks for.
    if goals["preemption"] != true && !array(&goals["survive"]).is_empty() {
        let excused = { array(&plan["aside"]).iter() }.chain(array(&plan["drain"]["excused"]));
        let mut calm: SortedSet<String> = excused.map(|own| text(own).to_owned()).collect();
        let bare = { snapshot.pods.iter() }.filter(|pod| pod.maker == Maker::Nobody);
        calm.extend(bare.map(|pod| format!("{}/{}", pod.namespace(), pod.name)));
        cases.push((
            "survival",
            survival(goals, cluster, &calm, &snapshot.cache.objects),
        ));
    }
    if number(&goals["freePpm"]) > 0 {
        cases.push(("free shares", free(number(&goals["freePpm"]), cluster)));
    }
    if !array(&goals["room"]).is_empty() {
        cases.push(("room for more", room(plan, cluster, snapshot)?));
    }
    Ok(cases)
}

/// The lost pods of every domain find nodes.
fn survival(
    goals: &Value,
    cluster: &mut Cluster,
    calm: &SortedSet<String>,
    objects: &ClusterObjects,
) -> Case {
    for goal in array(&goals["survive"]).iter().map(text) {
        for (domain, lost) in lost(cluster, goal) {
            let pods = { lost.iter() }.flat_map(|place| &cluster.nodes[*place].pods);
            let pods: Vec<Arc<PodInfo>> = pods
                .filter(|pod| {
                    let name = pod.full_name();
                    cluster.found.contains_key(&name) && !calm.contains(&name)
                })
                .cloned()
                .collect();
            if let Some(pod) = without_node(cluster, &lost, &pods, objects) {
                return Err(format!(
                    "`goals.survive` has `{goal}`: after the loss of {domain} `{pod}` finds no node, whether \
                     pods go to the fullest or to the emptiest"
                ));
            }
        }
    }
    Ok(())
}

/// Nodes that a goal loses together, by what they are called.
fn lost(cluster: &Cluster, goal: &str) -> Vec<(String, Vec<usize>)> {
    let machines = cluster.nodes.iter().enumerate();
    let machines = machines.filter(|(_, node)| !node.object.is_virtual());
    let count = match goal.split_once(':') {
        _ if goal == "node" => Some(1),
        Some(("node", count)) => count.parse::<usize>().ok(),
        _ => None,
    };
    let Some(count) = count else {
        let label = if goal == "zone" { ZONE_LABEL } else { goal };
        let mut values: SortedMap<&Text, Vec<usize>> = SortedMap::new();
        for (place, node) in machines {
            if let Some(value) = label_of(&node.object.labels, label).filter(|own| !own.is_empty())
            {
                values.entry(value).or_default().push(place);
            }
        }
        let values = values.into_iter();
        return values
            .map(|(value, own)| (format!("{goal} {value}"), own))
            .collect();
    };
    let machines: Vec<usize> = machines.map(|(place, _)| place).collect();
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..count {
        let longer = chosen.iter().flat_map(|own| {
            let further = machines.iter().filter(|place| own.last() < Some(*place));
            further.map(|place| [&own[..], &[*place]].concat())
        });
        chosen = longer.collect();
    }
    let named = chosen.into_iter().map(|own| {
        let names: Vec<&str> = own
            .iter()
            .map(|place| &**cluster.nodes[*place].name())
            .collect();
        (format!("node {}", names.join(", ")), own)
    });
    named.collect()
}

/// The first of some pods that finds no node in either way once nodes are lost; the cluster is as before.
fn without_node(
    cluster: &mut Cluster,
    lost: &[usize],
    pods: &[Arc<PodInfo>],
    objects: &ClusterObjects,
) -> Option<String> {
    let away: Vec<NodeInfo> = { lost.iter().rev() }
        .map(|place| cluster.nodes.remove(*place))
        .collect();
    let mut large = pods.to_vec();
    large.sort_by_key(|pod| {
        let asked = &pod.class.requests;
        (Reverse(asked.cpu_milli), Reverse(asked.memory))
    });
    let waiting = put(cluster, &large, true, objects)
        .and_then(|_| put(cluster, pods, false, objects))
        .map(|pod| pod.full_name());
    for (place, node) in lost.iter().zip(away.into_iter().rev()) {
        cluster.nodes.insert(*place, node);
    }
    waiting
}

/// Puts pods on the fullest or the emptiest nodes that take them, and takes that back; the first that finds none.
fn put(
    cluster: &mut Cluster,
    pods: &[Arc<PodInfo>],
    is_full_first: bool,
    objects: &ClusterObjects,
) -> Option<Arc<PodInfo>> {
    let mut before: Vec<(usize, NodeInfo)> = Vec::new();
    let mut waiting = None;
    for pod in pods {
        let nodes = cluster.nodes.iter().enumerate();
        let room = nodes.filter_map(|(place, node)| {
            let left = least_left(node, &pod.class.requests)?;
            Some((if is_full_first { left } else { -left }, place))
        });
        let mut room: Vec<(i64, usize)> = room.collect();
        room.sort_unstable();
        let open = room.iter().map(|own| own.1);
        let Some(place) = open
            .into_iter()
            .find(|place| takes(cluster, *place, pod, objects))
        else {
            waiting = Some(pod.clone());
            break;
        };
        before.push((place, cluster.nodes[place].clone()));
        cluster.nodes[place].add_pod(pod.clone());
    }
    for (place, node) in before.into_iter().rev() {
        cluster.nodes[place] = node;
    }
    waiting
}

/// Share that a node has left of cpu or memory, whichever is less, once it has a pod; `None` if it lacks room.
fn least_left(node: &NodeInfo, asked: &Amounts) -> Option<i64> {
    let (used, of) = (&node.requested, &*node.allocatable);
    let left = |used: i64, asked: i64, of: i64| {
        (asked == 0 || used + asked <= of).then_some(of - used - asked)
    };
    left(node.pods.len() as i64, 1, of.pods)?;
    left(used.storage, asked.storage, of.storage)?;
    for (name, own) in &asked.scalars {
        left(used.scalar(name), *own, of.scalar(name))?;
    }
    let share =
        |left: i64, of: i64| i64::try_from(i128::from(left) * 1_000_000 / i128::from(of.max(1)));
    let cpu = share(
        left(used.cpu_milli, asked.cpu_milli, of.cpu_milli)?,
        of.cpu_milli,
    );
    let memory = share(left(used.memory, asked.memory, of.memory)?, of.memory);
    Some(cpu.unwrap_or(i64::MAX).min(memory.unwrap_or(i64::MAX)))
}

/// Whether a node with room may take a pod.
fn takes(cluster: &Cluster, place: usize, pod: &PodInfo, objects: &ClusterObjects) -> bool {
    let (node, spec) = (&cluster.nodes[place], pod.spec());
    admits(spec, &node.object)
        && !node.pods.iter().any(|other| takes_port_of(pod, other))
        && domains::unreached(node, pod, objects).is_none()
        && domains::is_even(cluster, node, spec)
        && is_apart(cluster, node, spec)
        && is_beside(cluster, node, spec)
}

/// Whether a node's domains have no pod that a further one keeps apart from, nor one that does so itself.
fn is_apart(cluster: &Cluster, node: &NodeInfo, spec: &PodSpec) -> bool {
    let own = &spec.affinity.required_pod_anti_affinity;
    let mut of_others = cluster
        .nodes
        .iter()
        .flat_map(|other| other.pods.iter().map(move |pod| (other, pod)));
    let is_kept_off = |(other, pod): (&NodeInfo, &Arc<PodInfo>)| {
        pod.spec()
            .affinity
            .required_pod_anti_affinity
            .iter()
            .any(|term| {
                let value = domains::value_of(other, &term.topology_key);
                value.is_some()
                    && value == domains::value_of(node, &term.topology_key)
                    && covers(term, pod.spec(), spec)
            })
    };
    own.iter().all(|term| {
        let mut others = cluster.in_domain(node, &term.topology_key);
        !others.any(|other| covers(term, spec, other.spec()))
    }) && !of_others.any(is_kept_off)
}

/// Whether a pod finds those that it wants to be beside, or is the first of them.
fn is_beside(cluster: &Cluster, node: &NodeInfo, spec: &PodSpec) -> bool {
    spec.affinity.required_pod_affinity.iter().all(|term| {
        let is_meant = |other: &Arc<PodInfo>| covers(term, spec, other.spec());
        let mut all = cluster.nodes.iter().flat_map(|own| &own.pods);
        cluster.in_domain(node, &term.topology_key).any(is_meant)
            || covers(term, spec, spec) && !all.any(is_meant)
    })
}

/// Shares of cpu and memory are free in every zone, on the nodes that pods can use.
fn free(least_ppm: i64, cluster: &Cluster) -> Case {
    let mut seen = SortedSet::new();
    for (pod, class) in &cluster.found {
        let open = cluster
            .nodes
            .iter()
            .map(|node| !node.object.is_virtual() && admits(&class.spec, &node.object));
        let open: Vec<bool> = open.collect();
        if !seen.insert(open.clone()) {
            continue;
        }
        let mut zones: SortedMap<Text, [[i128; 2]; 2]> = SortedMap::new();
        for (node, _) in cluster.nodes.iter().zip(open).filter(|own| own.1) {
            let zone = label_of(&node.object.labels, ZONE_LABEL).cloned();
            let sums = zones.entry(zone.unwrap_or_default()).or_default();
            let (used, of) = (&node.requested, &node.allocatable);
            let pairs = [[used.cpu_milli, of.cpu_milli], [used.memory, of.memory]];
            for (sum, own) in sums.iter_mut().flatten().zip(pairs.into_iter().flatten()) {
                *sum += i128::from(own);
            }
        }
        for (zone, sums) in zones {
            let is_short =
                |[used, of]: &[i128; 2]| (of - used) * 1_000_000 < of * i128::from(least_ppm);
            if let Some([used, of]) = sums.iter().find(|own| is_short(own)) {
                return Err(format!(
                    "`goals.freePpm` is {least_ppm}: nodes of zone `{zone}` that take `{pod}` request {used} of {of}"
                ));
            }
        }
    }
    Ok(())
}

/// Further pods find nodes, all of them together.
fn room(plan: &Value, cluster: &mut Cluster, snapshot: &mut Snapshot) -> Result<Case, String> {
    let files = { array(&plan["inputs"]).iter() }.filter(|own| own["option"] == "--headroom");
    let mut pods = Vec::new();
    for (own, file) in array(&plan["goals"]["room"]).iter().zip(files) {
        let (pod, _) = snapshot
            .read_pod(&PathBuf::from(text(&file["path"])))
            .map_err(|error| error.to_string())?;
        let info = snapshot
            .new_pod_info(&pod)
            .map_err(|error| error.to_string())?;
        let info = Arc::new(info);
        pods.extend((0..number(&own["pods"])).map(|_| info.clone()));
    }
    let objects = &snapshot.cache.objects;
    let waiting = without_node(cluster, &[], &pods, objects);
    Ok(waiting.map_or(Ok(()), |pod| {
        Err(format!(
            "`goals.room`: of {} further pods one like `{pod}` finds no node",
            pods.len()
        ))
    }))
}
