//! Nodes that fall silent, or say that they are not ready, over minutes. When a node renews its lease follows
//! from its name; a loss of contact for a millisecond has it renewed at an instant of one's choice.
//!
//! The recorded passes are exactly five seconds apart, so that what is silent for the grace of fifty seconds
//! is overdue one pass later. In a run passes are taken to be a little longer apart, as they are in a cluster:
//! nodes fall silent one pass later than recorded and are marked in the same one.

use serde_json::{Value, json};

use super::{folder, node, number, pod, said};
use crate::cases::{Differences, list};
use crate::door::Said;
use crate::door::watch::{NodeChange, Step, Watch};
use crate::kube_controllers::node_lifecycle::{Told as CoreTold, in_order, recorded};
use model::Text;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Time between two passes, in milliseconds.
const PASS: i64 = 5_000;

/// Time between two renewals of a lease, in milliseconds.
const RENEWAL: i64 = 10_000;

/// Time after which a node says that its runtime does not answer, in milliseconds.
const PATIENCE: i64 = 30_000;

/// Time between two taintings of nodes that wait, in milliseconds.
const TICK: i64 = 100;

/// Changes of nodes and pods: milliseconds, words.
type Told = Vec<(i64, String)>;

/// Why tokens that come with a pass can't be said.
const AT_ONCE: &str = "a zone gets another rate in the pass with which its next node could be tainted: in a \
    run both are at one instant, and in the recording the pass comes first";

pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let input = &case["input"];
    let told = recorded(case)?;
    let decided = run(input)?;
    let recorded = in_run(&told, input);
    let mut differences = Differences::default();
    if is_same(&recorded, &decided) {
        return Ok(said(&differences));
    }
    // Which of the nodes that wait is tainted is random: the function that is held against the recording
    // says what follows from the choices of the run.
    let followed = in_order(case, chosen(&decided))?;
    let of_nodes = |told: &Told| -> Told {
        let own = told.iter().filter(|(_, words)| !is_of_tick(words));
        own.cloned().collect()
    };
    told_apart(
        "nodes",
        &of_nodes(&recorded),
        &of_nodes(&decided),
        &mut differences,
    );
    told_apart("all", &in_run(&followed, input), &decided, &mut differences);
    if !differences.is_empty() && is_at_once(input, &followed) {
        return Ok(Said::Unsaid(AT_ONCE.to_owned()));
    }
    Ok(said(&differences))
}

/// Tells from where on two lists differ.
fn told_apart(what: &str, one: &Told, other: &Told, differences: &mut Differences) {
    if is_same(one, other) {
        return;
    }
    let (one, other) = (by_words(one), by_words(other));
    let place = one
        .iter()
        .zip(&other)
        .position(|(one, other)| !is_alike(one, other));
    let place = place.unwrap_or(one.len().min(other.len()));
    let next = |told: &[&(i64, String)]| json!(told.iter().skip(place).take(3).collect::<Vec<_>>());
    differences.field(what, Some(&next(&one)), &next(&other));
}

/// Whether both tell the same.
fn is_same(one: &Told, other: &Told) -> bool {
    let (one, other) = (by_words(one), by_words(other));
    one.len() == other.len()
        && one
            .iter()
            .zip(&other)
            .all(|(one, other)| is_alike(one, other))
}

fn by_words(told: &Told) -> Vec<&(i64, String)> {
    let mut told: Vec<&(i64, String)> = told.iter().collect();
    told.sort_by_key(|(at, words)| (words, *at));
    told
}

/// Whether two changes are the same. What a limiter allows half a tick after a pass in the recording, it may
/// allow with the next tick in a run.
fn is_alike(one: &(i64, String), other: &(i64, String)) -> bool {
    let later = other.0 - one.0;
    one.1 == other.1 && (later == 0 || later == TICK && is_of_tick(&one.1))
}

/// Whether words tell of taints that tell pods to end, or of such a pod.
fn is_of_tick(words: &str) -> bool {
    words.contains("NoExecute") || words.ends_with("deleted")
}

/// The nodes that a run tainted, in order.
fn chosen(told: &Told) -> Vec<Text> {
    let tainted = told.iter().filter(|(at, words)| {
        let name = words.split(' ').next().unwrap_or_default();
        let lost = format!("{name} -NoExecute");
        // A taint that takes the place of another is none of a node that waits.
        let mut others = told.iter().filter(|(other, _)| other == at);
        words.contains(" +NoExecute") && !others.any(|(_, words)| words.starts_with(&lost))
    });
    let names = tainted.filter_map(|(_, words)| words.split(' ').next());
    names.map(Into::into).collect()
}

/// Whether a zone changes its state in the pass just before a tick with which its next token comes.
fn is_at_once(input: &Value, told: &CoreTold) -> bool {
    let nodes = list(input, "nodes");
    let changes = told.iter().filter_map(|(at, words)| {
        let (zone, _) = words
            .rsplit_once(' ')
            .filter(|(zone, _)| zone.contains('\u{0}'))?;
        Some((
            ms(*at),
            zone.rsplit('\u{0}').next()?.trim_start_matches(':'),
        ))
    });
    changes.into_iter().any(|(at, zone)| {
        told.iter().any(|(tainted, words)| {
            let name = words.split(' ').next().unwrap_or_default();
            let mut own = nodes.iter().filter(|node| node["name"] == name);
            let is_in_zone = own.any(|node| node["zone"] == zone);
            is_in_zone && words.contains(" +NoExecute") && at - ms(*tainted) == RENEWAL
        })
    })
}

fn millis(seconds: &Value) -> i64 {
    libm::rint(number(seconds) * 1e3) as i64
}

/// The recorded changes at the times that they have in a run: a pass comes 50 ms earlier, and the taints that
/// follow from it a tick earlier. States of zones are in no output.
fn in_run(told: &CoreTold, input: &Value) -> Told {
    let end = millis(&input["horizon"]) - TICK;
    let mut ready: SortedMap<String, bool> = SortedMap::new();
    let mut shown = Vec::new();
    for (at, words) in told.iter().filter(|(_, words)| !words.contains('\u{0}')) {
        let (at, is_in_pass) = (ms(*at), ms(*at) % TICK != 0);
        let at = match (is_in_pass, is_of_tick(words)) {
            (true, _) => at - TICK / 2,
            (false, true) => at - TICK,
            (false, false) => at,
        };
        let Some((node, state)) = words.split_once(" ready ") else {
            if at < end || !is_of_tick(words) {
                shown.push((at, words.clone()));
            }
            continue;
        };
        // One that is not ready already is told so no more.
        let is_ready = state == "True";
        if ready.insert(node.to_owned(), is_ready).unwrap_or(true) != is_ready {
            shown.push((at, format!("{node} ready {is_ready}")));
        }
    }
    shown.sort();
    shown
}

/// A run of a case.
fn run(input: &Value) -> Result<Told, String> {
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
    let mut folder = folder(&nodes, &pods, horizon / 1_000);
    for seen in list(input, "nodes") {
        // What nothing heals lasts longer than the run.
        for (kind, from, until) in failures(seen, horizon + PASS) {
            let (at, lasts) = (format!("{from}ms"), format!("{}ms", until - from));
            let failure = json!({"kind": kind, "node": seen["name"], "at": at, "for": lasts});
            folder.push("failures", failure);
        }
    }
    let watch = folder.watch()?;
    let mut told = decided(&watch);
    // What the last tick does is seen in a run alone.
    told.retain(|(at, words)| *at < horizon - TICK || !is_of_tick(words));
    Ok(told)
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

/// The changes of nodes and pods that a run shows.
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
                    format!("{:?}:{key}", taint.effect)
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
        if own.step == Step::Terminating && gone.insert(own.pod.as_str()) {
            told.push((ms(own.at), format!("{} deleted", own.short_name())));
        }
    }
    told.sort();
    told
}
