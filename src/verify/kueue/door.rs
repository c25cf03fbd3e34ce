//! Decisions of Kueue through files: `queue DUMP WORKLOAD` on a dump in which the workloads of a case hold
//! what they hold. The answer says whether the workload is admitted, with which flavors and where, who is
//! stopped for it, and else why it waits.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::VerifyOptions;
use crate::cases::{Differences, list};
use crate::door::folder::Folder;
use crate::door::lines;
use crate::door::{DoorReport, Said, Share};
use lab::queue::{Answer, Question, RunTimes, Verdict};

/// Why some cases can't be said.
const GATE: &str = "a gate of Kueue that no file states";
const CURSOR: &str = "a workload that has tried some of its flavors before, which no object shows";
const EVICTED: &str = "a workload that was asked to stop and has not stopped; a question looks at what comes \
    once it has";
const LEAST: &str = "the least number of pods of a workload without an owner, which its job states; the \
    program says so";
const CYCLES: &str = "one of several cycles, of which the next tries another flavor; an answer is that of \
    all";
const STRATEGY: &str = "the strategy of quota checks, which no file states";
const SEQUENCE: &str = "operations and states of workloads at instants that only the recorder's job \
    controller sees; runs of queues are held to reports of users in `tests/it`";
const DEVICES: &str = "which devices a node would give is in no output; kube-scheduler's runs with claims \
    are in `tests/it`";

/// Judges the cases of files through the door.
///
/// # Errors
/// A file can't be read.
pub(crate) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    share: Share,
) -> Result<Vec<(String, DoorReport)>, String> {
    let whole = crate::kueue::FAMILY.name;
    let row = |family: Option<&str>| Some(format!("kueue-{}", family.unwrap_or("dra")));
    lines::judge(files, options, share, whole, row, decide)
}

fn decide(case: &Value) -> Result<Said, String> {
    let unsaid = |why: &str| Ok(Said::Unsaid(why.to_owned()));
    let is_evicted = |own: &Value| {
        let conditions = list(&own["status"], "conditions");
        conditions
            .iter()
            .any(|own| own["type"] == "Evicted" && own["status"] == "True")
    };
    if case.get("resourceSlices").is_some() {
        return unsaid(DEVICES);
    }
    if case.get("steps").is_some() {
        return unsaid(SEQUENCE);
    }
    if case["gates"].as_object().is_some_and(|own| !own.is_empty()) {
        return unsaid(GATE);
    }
    if case
        .get("quotaCheckStrategy")
        .is_some_and(|own| !own.is_null())
    {
        return unsaid(STRATEGY);
    }
    if case
        .get("lastTriedFlavorIdx")
        .is_some_and(|own| !own.is_null())
    {
        return unsaid(CURSOR);
    }
    if list(case, "admitted").into_iter().any(is_evicted) {
        return unsaid(EVICTED);
    }
    let mut sets = list(&case["incoming"]["spec"], "podSets").into_iter();
    if sets.any(|set| set.get("minCount").is_some_and(|own| !own.is_null())) {
        return unsaid(LEAST);
    }
    let assignment = &case["expect"]["assignment"];
    let tried = list(assignment, "lastTriedFlavorIdx").into_iter();
    let mut tried = tried
        .filter_map(Value::as_object)
        .flat_map(serde_json::Map::values);
    if assignment["mode"] != "Fit" && tried.any(|own| *own != -1) {
        return unsaid(CYCLES);
    }
    let answer = ask(case)?;
    let mut differences = Differences::default();
    hold(&case["expect"], &answer, &mut differences);
    Ok(if differences.is_empty() {
        Said::Agrees
    } else {
        Said::Differs(differences.told())
    })
}

fn typed(object: &Value, version: &str, kind: &str) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = version.into();
    object["kind"] = kind.into();
    object
}

/// Gives a node that is not ready the taint that it has in a cluster.
fn taint(object: &mut Value) {
    let conditions = list(&object["status"], "conditions").into_iter();
    let mut ready = conditions.filter(|own| own["type"] == "Ready");
    if object["kind"] != "Node" || ready.all(|own| own["status"] == "True") {
        return;
    }
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    match object["spec"]["taints"].as_array_mut() {
        Some(taints) => taints.push(taint),
        None => object["spec"]["taints"] = json!([taint]),
    }
}

/// Asks about the workload of a case.
fn ask(case: &Value) -> Result<Answer, String> {
    const KUEUE: &str = "kueue.x-k8s.io/v1beta2";
    let mut dump = Vec::new();
    for (field, version, kind) in [
        ("flavors", KUEUE, "ResourceFlavor"),
        ("topologies", KUEUE, "Topology"),
        ("cohorts", KUEUE, "Cohort"),
        ("clusterQueues", KUEUE, "ClusterQueue"),
        ("nodes", "v1", "Node"),
        ("pods", "v1", "Pod"),
    ] {
        dump.extend(
            list(case, field)
                .into_iter()
                .map(|own| typed(own, version, kind)),
        );
    }
    dump.iter_mut().for_each(taint);
    let local = |queue: &Value| format!("lq-{}", queue.as_str().unwrap_or_default());
    for own in list(case, "clusterQueues") {
        let queue = &own["metadata"]["name"];
        dump.push(json!({
            "apiVersion": KUEUE, "kind": "LocalQueue",
            "metadata": {"name": local(queue), "namespace": "default"},
            "spec": {"clusterQueue": queue},
        }));
    }
    for own in list(case, "admitted") {
        let mut own = typed(own, KUEUE, "Workload");
        own["spec"]["queueName"] = local(&own["status"]["admission"]["clusterQueue"]).into();
        dump.push(own);
    }
    if let Some(fair) = case.get("fairSharing") {
        dump.push(json!({
            "apiVersion": "config.kueue.x-k8s.io/v1beta2", "kind": "Configuration", "fairSharing": fair,
        }));
    }
    let mut incoming = typed(&case["incoming"], KUEUE, "Workload");
    incoming["spec"]["queueName"] = local(&case["clusterQueue"]).into();
    let mut folder = Folder::default();
    let dump: Vec<&Value> = dump.iter().collect();
    folder.objects("dump.json", &dump);
    folder.objects("workload.json", &[&incoming]);
    let (dump, workload) = (folder.file("dump.json"), folder.file("workload.json"));
    let (Some(dump), Some(workload)) = (dump, workload) else {
        return Err("the files are missing".to_owned());
    };
    let asked = lab::queue::read_inputs(&[(dump, Path::new("dump.json"))], &workload, &[]);
    let asked = asked.map_err(|error| error.to_string())?;
    let jobs = asked
        .workloads
        .first()
        .ok_or("no workload is asked about")?;
    let pods = asked.pods.iter().map(|(node, spec)| (node, &**spec));
    let question = Question::new(&asked.objects, jobs)?.on(&asked.nodes, pods);
    let question = question.submitted(asked.submitted);
    Ok(question.with_run_times(RunTimes::Ended).answer())
}

/// Holds an answer against the recording.
fn hold(expected: &Value, answer: &Answer, differences: &mut Differences) {
    let assignment = &expected["assignment"];
    let targets = list(expected, "targets");
    let mode = assignment["mode"].as_str().unwrap_or_default();
    let decided = json!(answer.verdict == Verdict::Admitted);
    // A case is one cycle, an answer what all come to: after the next cycle those that stopped can be back
    // before the one that they stopped for, or it is given other flavors, which lack room.
    let is_in_vain = !targets.is_empty() && answer.verdict == Verdict::Queued;
    if !is_in_vain {
        let is_admitted = mode == "Fit" || !targets.is_empty();
        differences.field("admitted", Some(&json!(is_admitted)), &decided);
    }
    let mut stopped: Vec<(&str, &str)> = { targets.iter() }
        .map(|own| {
            let text = |field: &str| own[field].as_str().unwrap_or_default();
            (text("name"), text("reason"))
        })
        .collect();
    let victims = answer.victims.iter();
    let mut decided: Vec<(&str, &str)> = victims.map(|own| (&*own.name, own.reason)).collect();
    stopped.sort_unstable();
    decided.sort_unstable();
    // Later cycles may stop more.
    if decided.is_empty() != stopped.is_empty() || !stopped.iter().all(|own| decided.contains(own))
    {
        differences.field("stopped", Some(&json!(stopped)), &json!(decided));
    }
    if mode != "Fit" {
        return;
    }
    let sets = list(assignment, "podSets");
    let mut flavors: Vec<(&str, &str)> = Vec::new();
    let mut places: Vec<(String, i64)> = Vec::new();
    for set in &sets {
        for (resource, own) in set["flavors"].as_object().into_iter().flatten() {
            flavors.push((resource, own["flavor"].as_str().unwrap_or_default()));
        }
        for domain in list(&set["topologyAssignment"], "domains") {
            let values = domain[0].as_array().into_iter().flatten();
            let values: Vec<&str> = values.filter_map(Value::as_str).collect();
            places.push((values.join("/"), domain[1].as_i64().unwrap_or_default()));
        }
    }
    flavors.sort_unstable();
    flavors.dedup();
    places.sort_unstable();
    let decided = answer.flavors.iter();
    let mut decided: Vec<(&str, &str)> = decided
        .map(|(resource, flavor)| (&**resource, &**flavor))
        .collect();
    decided.sort_unstable();
    differences.field("flavors", Some(&json!(flavors)), &json!(decided));
    let mut decided = answer.places.clone();
    decided.sort_unstable();
    differences.field("places", Some(&json!(places)), &json!(decided));
}
