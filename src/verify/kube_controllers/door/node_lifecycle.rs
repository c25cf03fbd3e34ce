//! Nodes that fall silent, or say that they are not ready, over minutes. When a node renews its lease follows
//! from its name; a loss of contact for a millisecond has it renewed at an instant of one's choice.
//!
//! The recorded passes are exactly five seconds apart, so that what is silent for the grace of fifty seconds
//! is overdue one pass later. In a run passes are taken to be a little longer apart, as they are in a cluster:
//! nodes fall silent one pass later than recorded and are marked in the same one.

use serde_json::{Value, json};

use super::{controllers, list, node, number, pod, said};
use crate::cases::Differences;
use crate::door::Said;
use crate::door::folder::Folder;
use crate::door::watch::{NodeChange, Watch};
use model::TaintEffect;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Time between two passes, in milliseconds.
const PASS: i64 = 5_000;

/// Time between two renewals of a lease, in milliseconds.
const RENEWAL: i64 = 10_000;

/// Time after which a node says that its runtime does not answer, in milliseconds.
const PATIENCE: i64 = 30_000;

/// Order in which waiting nodes are tainted is random in the original: so many orders of the program are
/// tried to find the recorded one.
const ORDERS: i64 = 12;

/// Changes of nodes and pods: milliseconds, words.
type Told = Vec<(i64, String)>;

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let recorded = recorded(case);
    let mut differences = Differences::default();
    for seed in 1..=ORDERS {
        let decided = run(input, seed)?;
        if decided == recorded {
            return Ok(Said::Agrees);
        }
        if seed == 1 {
            // Which nodes are tainted when they can be is no matter of the recording.
            compare(input, &recorded, &decided, &mut differences);
            if !differences.is_empty() {
                break;
            }
        }
    }
    Ok(said(&differences))
}

fn compare(input: &Value, recorded: &Told, decided: &Told, differences: &mut Differences) {
    for (what, part) in [("nodes", Part::Nodes), ("taints of zones", Part::Zones)] {
        let (one, other) = (part.of(input, recorded), part.of(input, decided));
        if let Some(place) =
            (0..one.len().max(other.len())).find(|&at| one.get(at) != other.get(at))
        {
            let next = |told: &Told| json!(told.iter().skip(place).take(3).collect::<Vec<_>>());
            differences.field(what, Some(&next(&one)), &next(&other));
        }
    }
    for (whose, told) in [("recorded", recorded), ("decided", decided)] {
        let due = due(input, told);
        let gone: Told = Part::Pods.of(input, told);
        if due != gone {
            differences.field(
                &format!("pods by {whose} taints"),
                Some(&json!(due)),
                &json!(gone),
            );
        }
    }
}

/// Parts of what is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What is told of nodes but for taints that tell pods to end.
    Nodes,
    /// Times at which nodes of each zone got taints that tell pods to end.
    Zones,
    /// Pods that were told to end.
    Pods,
}

impl Part {
    fn of(self, input: &Value, told: &Told) -> Told {
        let own = told.iter().filter(|(_, words)| {
            let part = if words.ends_with("deleted") {
                Self::Pods
            } else if words.contains("NoExecute") {
                Self::Zones
            } else {
                Self::Nodes
            };
            part == self && !(part == Self::Zones && words.contains(" -"))
        });
        let mut own: Told = own
            .map(|(at, words)| match self {
                Self::Zones => (*at, zone_of(input, words)),
                _ => (*at, words.clone()),
            })
            .collect();
        own.sort();
        own
    }
}

/// The zone of a node that words begin with, and what is said of it.
fn zone_of(input: &Value, words: &str) -> String {
    let (name, rest) = words.split_once(' ').unwrap_or_default();
    let nodes = list(input, "nodes");
    let own = nodes.iter().find(|node| node["name"] == name);
    let zone = own.and_then(|node| node["zone"].as_str());
    format!("{} {rest}", zone.unwrap_or_default())
}

/// When pods are to be told to end, by the taints of their nodes.
fn due(input: &Value, told: &Told) -> Told {
    let horizon = millis(&input["horizon"]);
    let mut due = Vec::new();
    for pod in list(input, "pods") {
        let node = pod["node"].as_str().unwrap_or_default();
        let wait = millis(&pod["tolerationSeconds"]);
        let mut tainted: SortedSet<&str> = SortedSet::new();
        let mut since = None;
        for (at, words) in told {
            let taint = words
                .strip_prefix(node)
                .and_then(|rest| rest.strip_prefix(' '));
            let Some(taint) = taint.filter(|taint| taint.contains("NoExecute")) else {
                continue;
            };
            if since.is_some_and(|since| since + wait <= *at) {
                break;
            }
            let (sign, taint) = taint.split_at(1);
            if sign == "+" {
                tainted.insert(taint);
                since = since.or(Some(*at));
            } else {
                tainted.remove(taint);
                since = since.filter(|_| !tainted.is_empty());
            }
        }
        let at = since.map(|since| since + wait).filter(|&at| at <= horizon);
        let name = pod["name"].as_str().unwrap_or_default();
        due.extend(at.map(|at| (at, format!("{name} deleted"))));
    }
    due.sort();
    due
}

fn millis(seconds: &Value) -> i64 {
    libm::rint(number(seconds) * 1e3) as i64
}

/// What a case records, at the times that it has in a run: a pass is made 50 ms earlier, and the taints that
/// follow from it 100 ms earlier. States of zones are in no output.
fn recorded(case: &Value) -> Told {
    let mut told = Vec::new();
    for own in list(case, "expect") {
        let at = millis(&own["t"]);
        let node = own["node"].as_str().unwrap_or_default();
        let in_pass = at % 100 != 0;
        if let Some(taint) = own["taint"].as_str() {
            let at = match (in_pass, taint.contains("NoExecute")) {
                (true, _) => at - 50,
                (false, true) => at - 100,
                (false, false) => at,
            };
            told.push((at, format!("{node} {taint}")));
        } else if let Some(pod) = own["podDeleted"].as_str() {
            let at = if in_pass { at - 50 } else { at - 100 };
            told.push((at, format!("{pod} deleted")));
        } else if let Some(ready) = own["ready"].as_str() {
            let at = if in_pass { at - 50 } else { at };
            told.push((at, format!("{node} ready {}", ready == "True")));
        }
    }
    told.sort();
    // One that is not ready already is told so no more.
    let mut ready: SortedMap<String, String> = SortedMap::new();
    told.retain(|(_, words)| match words.split_once(" ready ") {
        Some((node, state)) => {
            let before = ready.insert(node.to_owned(), state.to_owned());
            before.as_deref().unwrap_or("true") != state
        }
        None => true,
    });
    told
}

/// A run of a case.
fn run(input: &Value, seed: i64) -> Result<Told, String> {
    let horizon = millis(&input["horizon"]);
    let mut nodes = Vec::new();
    for seen in list(input, "nodes") {
        let mut own = node(seen["name"].as_str().unwrap_or_default());
        own["metadata"]["labels"]["topology.kubernetes.io/region"] = "r".into();
        own["metadata"]["labels"]["topology.kubernetes.io/zone"] = seen["zone"].clone();
        nodes.push(own);
    }
    let mut pods = Vec::new();
    for seen in list(input, "pods") {
        let mut own = pod(seen["name"].as_str().unwrap_or_default());
        own["spec"]["nodeName"] = seen["node"].clone();
        // The API gives a pod that states none a toleration of its own.
        let wait = number(&seen["tolerationSeconds"]) as i64;
        let tolerations = ["not-ready", "unreachable"].map(|key| {
            json!({
                "key": format!("node.kubernetes.io/{key}"), "operator": "Exists",
                "effect": "NoExecute", "tolerationSeconds": wait,
            })
        });
        own["spec"]["tolerations"] = json!(tolerations);
        own["status"] = json!({"phase": "Running"});
        pods.push(own);
    }
    let nodes: Vec<&Value> = nodes.iter().collect();
    let pods: Vec<&Value> = pods.iter().collect();
    let mut folder = Folder::kubernetes(&nodes, &pods, horizon / 1_000);
    controllers(&mut folder);
    folder.set("seed", seed.into());
    for seen in list(input, "nodes") {
        for (kind, from, until) in failures(seen, horizon) {
            let (at, lasts) = (format!("{from}ms"), format!("{}ms", until - from));
            let failure = json!({"kind": kind, "node": seen["name"], "at": at, "for": lasts});
            folder.push("failures", failure);
        }
    }
    let mut watch = Watch::default();
    folder.run(&mut watch)?;
    Ok(decided(&watch))
}

/// The failures of a node: kind, begin and end.
fn failures(seen: &Value, horizon: i64) -> Vec<(&'static str, i64, i64)> {
    let at = |field: &str| (!seen[field].is_null()).then(|| millis(&seen[field]));
    let heal = at("healAt");
    let until = heal.unwrap_or(horizon);
    let Some(first) = at("failAt") else {
        return Vec::new();
    };
    let mut failures = if seen["how"] == "silent" {
        silence(last_renewal(seen, first), until)
    } else {
        // It says so when it is heard again, its runtime not having answered for so long.
        vec![
            ("runtime-outage", first - PATIENCE, until),
            ("partition", first - 1, first),
        ]
    };
    if let Some(again) = at("failAgainAt") {
        failures.extend(silence(last_renewal(seen, again).max(until), horizon));
    }
    failures
}

/// A node falls silent for good, or until it is heard again, and has renewed its lease last at an instant. In
/// a run the pass that is the first to see this is one later.
fn silence(renewed: i64, until: i64) -> Vec<(&'static str, i64, i64)> {
    let pass = (renewed + PASS - 1) / PASS * PASS + PASS;
    if pass + 1 >= until {
        return Vec::new();
    }
    vec![
        ("partition", pass - 2, pass - 1),
        ("partition", pass + 1, until),
    ]
}

/// When a node last renewed its lease by the clock before it fell silent.
fn last_renewal(seen: &Value, silent: i64) -> i64 {
    let phase = millis(&seen["heartbeatPhase"]);
    let passed = silent - 1 - phase;
    // The first is made at the beginning.
    let renewed = phase + passed / RENEWAL * RENEWAL;
    if passed < 0 { 0 } else { renewed }
}

fn ms(at: Instant) -> i64 {
    at.since(Instant::ZERO).as_nanos() / Duration::from_millis(1).as_nanos()
}

/// What a run shows.
fn decided(watch: &Watch) -> Told {
    let mut told = Vec::new();
    let mut ready: SortedMap<&str, bool> = SortedMap::new();
    let mut known: SortedMap<&str, SortedSet<String>> = SortedMap::new();
    for own in &watch.nodes {
        let (at, node) = (ms(own.at), own.node.as_str());
        match &own.change {
            NodeChange::Ready(is_ready) => {
                if ready.insert(node, *is_ready).unwrap_or(true) != *is_ready {
                    told.push((at, format!("{node} ready {is_ready}")));
                }
            }
            NodeChange::Taints(taints) => {
                let taints = taints.iter().map(|taint| {
                    let key = taint.key.rsplit('/').next().unwrap_or_default();
                    let effect = match taint.effect {
                        TaintEffect::NoSchedule => "NoSchedule",
                        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
                        TaintEffect::NoExecute => "NoExecute",
                    };
                    format!("{effect}:{key}")
                });
                let taints: SortedSet<String> = taints.collect();
                let before = known.insert(node, taints.clone()).unwrap_or_default();
                for (sign, some, others) in [("+", &taints, &before), ("-", &before, &taints)] {
                    let new = some.iter().filter(|taint| !others.contains(*taint));
                    told.extend(new.map(|taint| (at, format!("{node} {sign}{taint}"))));
                }
            }
        }
    }
    let mut gone: SortedSet<&str> = SortedSet::new();
    for own in &watch.pods {
        if own.step == crate::door::watch::Step::Terminating && gone.insert(own.pod.as_str()) {
            let name = own.pod.rsplit('/').next().unwrap_or_default();
            told.push((ms(own.at), format!("{name} deleted")));
        }
    }
    told.sort();
    told
}
