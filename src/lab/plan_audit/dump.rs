//! Statements of a plan about the dump that it was made of: its files, the nodes that go, where each move
//! begins and ends, and the numbers of the verdict.

use std::path::Path;

use serde_json::Value;

use super::{Case, Cluster, array, placed, text};
use crate::snapshot::Snapshot;
use intake::Input;
use model::Text;
use units::{SortedMap, SortedSet, plural};

/// The files of a plan are those that it was made of.
pub(super) fn inputs(plan: &Value, today: &Snapshot) -> Case {
    let (lists, stated): (Vec<&Value>, Vec<&Value>) =
        { array(&plan["inputs"]).iter() }.partition(|own| !own["option"].is_null());
    for own in lists {
        let path = Path::new(text(&own["path"]));
        let found = Input::path(path).blake3().map_err(|error| {
            format!(
                "`{}` (`inputs`): {error}; call from where the plan was made",
                text(&own["option"])
            )
        })?;
        if *found != *text(&own["blake3"]) {
            return Err(format!(
                "`{} {}` is not the file that the plan was made of: its hash is {found}, `inputs` has `{}`",
                text(&own["option"]),
                path.display(),
                text(&own["blake3"])
            ));
        }
    }
    for (number, input) in today.inputs.iter().enumerate() {
        let found = input.blake3().map_err(|error| error.to_string())?;
        let mut hashes = stated.iter().map(|own| text(&own["blake3"]));
        if !hashes.any(|own| *own == *found) {
            let said = stated.get(number).map_or("", |own| text(&own["blake3"]));
            return Err(format!(
                "`{}` is not the file that the plan was made of: its hash is {found}, \
                 `inputs[{number}].blake3` is `{said}`",
                &*input.name
            ));
        }
    }
    if today.inputs.len() < stated.len() {
        return Err(format!(
            "the plan was made of {} (`inputs`), and {} were given",
            plural::count(stated.len(), "file"),
            today.inputs.len()
        ));
    }
    Ok(())
}

/// The statements about the dump.
pub(super) fn cases(
    plan: &Value,
    today: &Snapshot,
    cluster: &Cluster,
) -> Vec<(&'static str, Case)> {
    vec![
        ("today", numbers(plan, today)),
        ("nodes that go", gone(plan, today, cluster)),
        ("moves", moves(plan, today)),
        ("starts", starts(plan, today)),
    ]
}

/// Nodes of the pods of a dump that run or wait.
fn homes(today: &Snapshot) -> SortedMap<String, &Text> {
    let pods = today.pods.iter().filter(|pod| !pod.phase.is_final());
    let homes = pods.filter_map(|pod| {
        let home = pod.node_name.as_ref()?;
        Some((format!("{}/{}", pod.namespace(), pod.name), home))
    });
    homes.collect()
}

/// Pods that start have no node in the dump.
fn starts(plan: &Value, today: &Snapshot) -> Case {
    let homes = homes(today);
    let pods = array(&plan["starts"]).iter().map(|own| text(&own["pod"]));
    for (number, pod) in pods.enumerate() {
        if let Some(home) = homes.get(pod) {
            return Err(format!(
                "`starts[{number}].pod` is `{pod}`, which has a node in the dump: `{home}`"
            ));
        }
    }
    Ok(())
}

fn names(nodes: &Value) -> SortedSet<&str> {
    array(nodes).iter().map(text).collect()
}

/// Today's nodes are counted right.
fn numbers(plan: &Value, today: &Snapshot) -> Case {
    let found = today.cache.node_count() as u64;
    match plan["today"]["nodes"].as_u64() {
        Some(said) if said == found => Ok(()),
        said => Err(format!(
            "`today.nodes` is {}, the dump has {found}",
            said.unwrap_or(0)
        )),
    }
}

/// The nodes that go are nodes of the dump, and all others stay.
fn gone(plan: &Value, today: &Snapshot, cluster: &Cluster) -> Case {
    if plan["drain"].is_null() {
        return Ok(());
    }
    let gone = names(&plan["drain"]["gone"]);
    let there: SortedSet<&str> = today.cache.nodes().map(|node| &**node.name()).collect();
    if let Some(name) = gone.iter().find(|name| !there.contains(**name)) {
        return Err(format!("`drain.gone` names `{name}`, which the dump lacks"));
    }
    let stay: SortedSet<&str> = cluster.nodes.iter().map(|node| &**node.name()).collect();
    let both = gone.intersection(&stay).next();
    let none = there
        .iter()
        .find(|name| !gone.contains(**name) && !stay.contains(**name));
    match (both, none) {
        (Some(name), _) => Err(format!(
            "`drain.gone` names `{name}`, which is in the cluster of the plan"
        )),
        (_, Some(name)) => Err(format!(
            "node `{name}` of the dump neither goes (`drain.gone`) nor stays in the cluster of the plan"
        )),
        _ => Ok(()),
    }
}

/// Each move begins where the dump has the pod, and ends where the plan places it, on a node that stays;
/// all others stay where they are.
fn moves(plan: &Value, today: &Snapshot) -> Case {
    let drain = &plan["drain"];
    if drain.is_null() {
        return Ok(());
    }
    let homes = homes(today);
    let placed: SortedMap<&str, &str> = placed(plan).map(|own| (own.pod, own.node)).collect();
    let gone = names(&drain["gone"]);
    let mut moved = SortedSet::new();
    for (number, own) in array(&drain["moves"]).iter().enumerate() {
        let (pod, from, to) = (text(&own["pod"]), text(&own["from"]), text(&own["to"]));
        let home = homes.get(pod).map_or("", |home| &***home);
        let place = placed.get(pod).copied().unwrap_or_default();
        // Pods of the months ahead and those that wait have no place in the cluster.
        let is_placed = placed.contains_key(pod);
        let at = format!("`drain.moves[{number}]");
        if home != from {
            return Err(format!(
                "{at}.from` of `{pod}` is `{from}`; the dump has it on `{home}`"
            ));
        }
        if gone.contains(to) {
            return Err(format!(
                "{at}.to` of `{pod}` is `{to}`, which goes (`drain.gone`)"
            ));
        }
        if is_placed && place != to {
            return Err(format!(
                "{at}.to` of `{pod}` is `{to}`; `placement` has it on `{place}`"
            ));
        }
        if !moved.insert(pod) {
            return Err(format!("{at}.pod`: `{pod}` moves twice"));
        }
    }
    for (pod, node) in placed {
        let home = homes.get(pod).map(|home| &***home);
        if let Some(home) = home.filter(|home| *home != node && !moved.contains(pod)) {
            return Err(format!(
                "`placement` has `{pod}` on `{node}`, the dump on `{home}`, and `drain.moves` lacks the move"
            ));
        }
    }
    Ok(())
}

/// The numbers of the verdict are those of the answer.
pub(super) fn verdict(plan: &Value) -> Case {
    let drain = &plan["drain"];
    let said = text(&plan["verdict"]);
    let gone = array(&drain["gone"]).len() as u64;
    if drain.is_null() || said.starts_with("no node can go") {
        return Ok(());
    }
    let number = |own: &Value| own.as_u64().unwrap_or(0);
    let (reached, all) = (number(&drain["reached"]), number(&plan["today"]["nodes"]));
    if reached + gone != all {
        return Err(format!(
            "`drain.reached` is {reached} and `drain.gone` has {gone}, of {all} (`today.nodes`)"
        ));
    }
    let stay = number(&drain["plan"]["nodes"]);
    if stay != reached {
        return Err(format!(
            "`drain.reached` is {reached}, `drain.plan.nodes` is {stay}"
        ));
    }
    let enough = [format!("{reached} of {all} node"), format!("{gone} can go")];
    match enough.iter().find(|own| !said.contains(own.as_str())) {
        Some(lacks) => Err(format!("`verdict` does not say \"{lacks}\": {said}")),
        None => Ok(()),
    }
}
