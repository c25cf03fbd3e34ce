//! Estimates of the cluster autoscaler through files: each template is a group of a provider, the groups of
//! pending pods are replica sets, and the nodes that are ordered first are counted. Nodes that are there are
//! cordoned, so that pods wait for new ones, as estimates look at new ones alone.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::VerifyOptions;
use crate::cases::{Differences, list, typed};
use crate::door::folder::Folder;
use crate::door::lines;
use crate::door::{DoorReport, Said, Share};
use model::node::HOSTNAME_LABEL;
use units::{Instant, SortedMap};

/// From one loop of the autoscaler to the next, in seconds; the first has no pods yet, the second orders.
const LOOP: i64 = 10;

/// From an order to the nodes, in seconds; the next loop is later.
const BOOT: i64 = 5;

/// Judges the cases of files through the door.
///
/// # Errors
/// A file can't be read.
pub(crate) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
) -> Result<Vec<(String, DoorReport)>, String> {
    let whole = crate::cluster_autoscaler::FAMILY.name;
    let row = |family: Option<&str>| Some(family.unwrap_or(whole).to_owned());
    lines::judge(files, options, share, whole, row, decide)
}

/// Why some estimates can't be said.
const TAKEN: &str = "pods that are spread over hosts are tried on the nodes that are there, too, and those \
    count as new; in a cluster that has the room a scheduler would bind them first";

fn decide(case: &Value) -> Result<Said, String> {
    let is_spread = |group: &&Value| {
        let rules = list(&group["pod"]["spec"], "topologySpreadConstraints");
        { rules.iter() }.any(|own| own["topologyKey"] == HOSTNAME_LABEL)
    };
    if !list(case, "nodes").is_empty() && list(case, "groups").iter().any(is_spread) {
        return Ok(Said::Unsaid(TAKEN.to_owned()));
    }
    let templates = list(case, "templates");
    let mut differences = Differences::default();
    let mut is_sure = true;
    for template in &templates {
        let id = template["id"].as_str().unwrap_or_default();
        let recorded = &case["expect"]["estimates"][id];
        let ordered = order(case, &[*template], None)?;
        let count = ordered.values().sum::<u64>();
        let outcomes = list(recorded, "outcomes");
        is_sure &= outcomes.len() == 1;
        let nodes = |one: &&Value| one["nodes"].as_u64().unwrap_or_default();
        let least = outcomes.iter().map(nodes).min().unwrap_or_default();
        let most = outcomes.iter().map(nodes).max().unwrap_or_default();
        // Where runs of the recording differ, further numbers are possible: fresh nodes are in random order.
        if outcomes.len() == 1 && (count < least || count > most) {
            let (field, recorded) = (format!("nodes of {id}"), json!([least, most]));
            differences.field(&field, Some(&recorded), &json!(count));
        }
    }
    let kept = case["expect"]["expanders"].as_object();
    for (expander, kept) in kept.into_iter().flatten().filter(|_| is_sure) {
        // What is wasted counts by the capacity, which templates of a provider don't state.
        let is_said = |own: &&Value| {
            let status = &own["node"]["status"];
            status["capacity"].is_null() || status["capacity"] == status["allocatable"]
        };
        if expander == "least-waste" && !templates.iter().all(is_said) {
            continue;
        }
        let ordered = order(case, &templates, Some(expander))?;
        let chosen: Vec<&String> = ordered.keys().collect();
        let kept: Vec<String> = typed(kept)?;
        let is_right = match chosen.as_slice() {
            [] => kept.is_empty(),
            [one] => kept.contains(one),
            _ => false,
        };
        if !is_right {
            let recorded = json!(kept);
            differences.field(expander, Some(&recorded), &json!(chosen));
        }
    }
    Ok(if differences.is_empty() {
        Said::Agrees
    } else {
        Said::Differs(differences.told())
    })
}

/// Nodes that are ordered at first, by group.
fn order(
    case: &Value,
    templates: &[&Value],
    expander: Option<&str>,
) -> Result<SortedMap<String, u64>, String> {
    let mut nodes: Vec<Value> = list(case, "nodes").into_iter().cloned().collect();
    for node in &mut nodes {
        node["spec"]["unschedulable"] = true.into();
    }
    let mut others: Vec<Value> = list(case, "pods").into_iter().cloned().collect();
    for group in list(case, "groups") {
        others.push(pending(group));
    }
    let limit = case["maxNodes"].as_u64().unwrap_or_default();
    let most = if limit == 0 { 1_000 } else { limit };
    let mut groups = Vec::new();
    for template in templates {
        let id = template["id"].as_str().unwrap_or_default();
        groups.push(node_group(id, &template["node"], most));
        for daemon in list(template, "pods") {
            others.push(daemon_set(id, daemon));
        }
    }
    let nodes: Vec<&Value> = nodes.iter().collect();
    let others: Vec<&Value> = others.iter().collect();
    let mut folder = Folder::kubernetes(&nodes, &others, 2 * LOOP - 1);
    folder.set_in(
        "cluster",
        "provider",
        json!({"boot": format!("constant({BOOT}s)"), "groups": groups}),
    );
    folder.set_in("system", "controllers", json!({}));
    let mut autoscaler = json!({"scaleDown": false, "scanInterval": format!("{LOOP}s")});
    if let Some(expander) = expander {
        autoscaler["expanders"] = json!([expander]);
    }
    folder.set_in("system", "autoscaling", json!({"cluster": autoscaler}));
    let watch = folder.watch()?;
    let mut ordered: SortedMap<String, u64> = SortedMap::new();
    let joined = watch.joined.iter().filter(|(at, _)| *at > Instant::ZERO);
    for (_, name) in joined {
        let group = templates.iter().filter_map(|own| own["id"].as_str());
        let mut group = group.filter(|id| {
            let rest = name.strip_prefix(id);
            rest.is_some_and(|rest| rest.starts_with('-'))
        });
        let group = group.next_back().unwrap_or(name.as_str());
        *ordered.entry(group.to_owned()).or_default() += 1;
    }
    Ok(ordered)
}

/// A group of equal pods as a replica set.
fn pending(group: &Value) -> Value {
    let pod = &group["pod"];
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let mut meta = pod["metadata"].clone();
    if let Some(meta) = meta.as_object_mut() {
        meta.remove("name");
        meta.entry("labels")
            .or_insert_with(|| json!({"group-of-pods": name}));
    }
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": group["count"],
            "selector": {"matchLabels": meta["labels"]},
            "template": {"metadata": meta, "spec": pod["spec"]},
        },
    })
}

/// A pod of every node of a group as a daemon set.
fn daemon_set(group: &str, pod: &Value) -> Value {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let name = format!("{group}-{name}");
    let mut meta = pod["metadata"].clone();
    if let Some(meta) = meta.as_object_mut() {
        meta.remove("name");
    }
    meta["labels"]["daemon"] = name.as_str().into();
    let mut spec = pod["spec"].clone();
    spec["nodeSelector"] = json!({"node-group": group});
    spec["tolerations"] = json!([{"operator": "Exists"}]);
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"daemon": name}},
            "template": {"metadata": meta, "spec": spec},
        },
    })
}

/// A group of the provider with the nodes of a template.
fn node_group(id: &str, node: &Value, most: u64) -> Value {
    let mut labels = Map::new();
    let mut zone = Value::Null;
    for (key, value) in node["metadata"]["labels"].as_object().into_iter().flatten() {
        match key.as_str() {
            "kubernetes.io/hostname" => {}
            "topology.kubernetes.io/zone" => zone = value.clone(),
            _ => {
                labels.insert(key.clone(), value.clone());
            }
        }
    }
    let mut group = json!({
        "name": id, "max": most, "labels": labels,
        "template": {"allocatable": node["status"]["allocatable"]},
        "taints": list(&node["spec"], "taints"),
    });
    if !zone.is_null() {
        group["zone"] = zone;
    }
    group
}
