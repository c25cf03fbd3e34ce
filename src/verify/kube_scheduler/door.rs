//! Decisions of kube-scheduler through files. A single decision is asked twice: of a dump (`explain DUMP
//! POD`), and of a run at the beginning of which the objects are there and the pod comes (`explain RUN POD
//! --attempt 1`). A sequence is a run in which users do what its steps say (`super::sequence_door`).

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::sequence_door;
use crate::VerifyOptions;
use crate::cases::{Differences, list};
use crate::door::folder::Folder;
use crate::door::lines;
use crate::door::{DoorReport, Said, Share};
use crate::kube_scheduler::world::AROUND;
use lab::explain::{Explanation, Outcome, PreemptionView};
use model::Release;
use units::SortedMap;

/// Why sequences of operations on the queue have no door.
const QUEUE: &str = "the recording has no cluster: its operations say how attempts end, and in a run \
    the nodes do; runs in `tests/it` hold what hints wake";

/// Judges the cases of files through the door.
///
/// # Errors
/// A file can't be read.
pub(crate) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
) -> Result<Vec<(String, DoorReport)>, String> {
    let whole = crate::kube_scheduler::FAMILY.name;
    let row = |family: Option<&str>| Some(format!("kube-{}", family?));
    lines::judge(files, options, share, whole, row, |case| {
        if case.get("ops").is_some() {
            Ok(Said::Unsaid(QUEUE.to_owned()))
        } else if case.get("steps").is_some() {
            sequence_door::decide(case)
        } else {
            let expected = case.get("expect").unwrap_or(&Value::Null);
            decide(case, expected, Release::default())
        }
    })
}

/// Holds a single decision, as a release makes it, against what is expected, by a dump and by a run.
///
/// # Errors
/// The files have no answer, in words.
pub(crate) fn decide(case: &Value, expected: &Value, release: Release) -> Result<Said, String> {
    let incoming = case.get("pod").ok_or("the case has no pod to place")?;
    let mut dump = cluster(case);
    dump.objects("pod.json", &[incoming]);
    let config = case.get("config").map(|config| {
        dump.text("config.json", config.to_string());
        "config.json"
    });
    let mut differences = Differences::default();
    let files = ["nodes.json", "objects.json"];
    let explained = dump.explain_dump(&files, "pod.json", config, release.changes());
    let explained = explained.map_err(|why| format!("by the dump: {why}"))?;
    hold("by the dump: ", expected, &explained, &mut differences);
    // Pods that are nominated would be tried themselves in a run, and come before this one.
    if list(case, "nominatedPods").is_empty() {
        run(&mut dump, incoming, expected, release, &mut differences)?;
    }
    Ok(if differences.is_empty() {
        Said::Agrees
    } else {
        Said::Differs(differences.told())
    })
}

/// The nodes of a case, and all other objects that stand around its pod.
pub(super) fn cluster(case: &Value) -> Folder {
    let nodes = list(case, "nodes");
    let mut others: Vec<Value> = Vec::new();
    for field in AROUND.iter().chain(&["pods", "nominatedPods"]) {
        others.extend(list(case, field).into_iter().cloned());
    }
    let others: Vec<&Value> = others.iter().collect();
    Folder::kubernetes(&nodes, &others, 1)
}

/// Asks a run.
fn run(
    folder: &mut Folder,
    incoming: &Value,
    expected: &Value,
    release: Release,
    differences: &mut Differences,
) -> Result<(), String> {
    folder.arrive("pod.json", 0);
    let mut scheduler = json!({"release": release.to_string()});
    if folder.file("config.json").is_some() {
        scheduler["config"] = "config.json".into();
    }
    folder.set_in("system", "scheduler", scheduler);
    let meta = &incoming["metadata"];
    let namespace = meta["namespace"].as_str().unwrap_or("default");
    let name = meta["name"].as_str().unwrap_or_default();
    let attempted = folder.explain_run(&format!("{namespace}/{name}"));
    let attempted = attempted.map_err(|why| format!("by the run: {why}"))?;
    let Some(mut attempted) = attempted else {
        let decided = json!("gated");
        differences.field("by the run: result", expected.get("result"), &decided);
        return Ok(());
    };
    hold("by the run: ", expected, &attempted.explain(), differences);
    let best = expected.get("best").and_then(Value::as_array);
    let bound = attempted.facts.node.as_deref();
    let is_best = best.is_some_and(|best| {
        let mut best = best.iter().filter_map(Value::as_str);
        bound.is_some_and(|bound| best.any(|one| one == bound))
    });
    if expected["result"] == "scheduled" && !is_best {
        let decided = json!(bound);
        differences.field("by the run: node", expected.get("best"), &decided);
    }
    Ok(())
}

/// Holds an explanation against the recording.
fn hold(by: &str, expected: &Value, decided: &Explanation, differences: &mut Differences) {
    let mut field = |name: &str, decided: &Value| {
        differences.field(&format!("{by}{name}"), expected.get(name), decided);
    };
    match &decided.outcome {
        Outcome::Gated(_) => field("result", &json!("gated")),
        Outcome::Aborted(_) => field("result", &json!("error")),
        Outcome::Placed | Outcome::Nominated(_) => {
            field("result", &json!("scheduled"));
            let mut best: Vec<&str> = match &decided.outcome {
                Outcome::Nominated(node) => vec![node],
                _ => decided.best.iter().map(|node| &**node).collect(),
            };
            best.sort_unstable();
            field("best", &json!(best));
            let (mut totals, mut scores) = (Map::new(), Map::new());
            for node in &decided.feasible {
                totals.insert(node.node.to_string(), node.total.into());
                let points = node.points.iter();
                let points = points.map(|own| {
                    let weighted = own.normalized * own.weight;
                    (own.plugin.to_owned(), Value::from(weighted))
                });
                scores.insert(node.node.to_string(), Value::Object(points.collect()));
            }
            field("totals", &Value::Object(totals));
            field("scores", &Value::Object(scores));
        }
        Outcome::Waits(message, preemption) => {
            field("result", &json!("unschedulable"));
            field("message", &json!(message));
            hold_preemption(by, expected, preemption, differences);
        }
    }
    if expected.get("filters").is_some() && expected.get("result") != Some(&json!("error")) {
        hold_filters(by, expected, decided, differences);
    }
}

/// Holds the reasons of nodes against the recording.
fn hold_filters(by: &str, expected: &Value, decided: &Explanation, differences: &mut Differences) {
    let mut rejected: SortedMap<&str, (&str, Vec<&str>)> = SortedMap::new();
    for group in &decided.groups {
        for node in &group.nodes {
            let own = rejected.entry(&**node).or_default();
            own.0 = group.plugin;
            own.1.push(&group.reason);
        }
    }
    let recorded = expected["filters"].as_object().into_iter().flatten();
    for (node, verdict) in recorded {
        let missing = verdict.get("code") == Some(&json!("missing"));
        let recorded = match verdict {
            Value::Null => Value::Null,
            _ if missing => Value::Null,
            verdict => json!([verdict["plugin"], verdict["reasons"]]),
        };
        let decided = rejected
            .get(&**node)
            .map_or(Value::Null, |(plugin, reasons)| {
                let mut reasons = reasons.clone();
                reasons.sort_unstable();
                json!([plugin, reasons])
            });
        differences.field(&format!("{by}verdict of {node}"), Some(&recorded), &decided);
    }
}

/// Holds the look at preemption against the recording.
fn hold_preemption(
    by: &str,
    expected: &Value,
    decided: &PreemptionView,
    differences: &mut Differences,
) {
    let recorded = expected.get("preemption").unwrap_or(&Value::Null);
    let mut field = |name: &str, decided: &Value| {
        let nothing = Value::Null;
        let recorded = recorded.get(name).unwrap_or(&nothing);
        differences.loosely(&format!("{by}{name}"), recorded, decided);
    };
    let candidates = decided.candidates.iter();
    let candidates: Map<String, Value> = candidates
        .map(|own| {
            let value = json!({"victims": own.victims, "pdbViolations": own.violations});
            (own.node.to_string(), value)
        })
        .collect();
    field("candidates", &Value::Object(candidates));
    let best = decided.candidates.iter().filter(|own| own.is_best);
    let mut best: Vec<_> = best.collect();
    best.sort_by_key(|own| &own.node);
    let names: Vec<&str> = best.iter().map(|own| &*own.node).collect();
    field("nominated", &json!(names));
    let victims = best.first().map(|own| &own.victims);
    field("victims", &json!(victims));
    field("message", &json!(decided.text));
}
