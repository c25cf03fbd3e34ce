//! Pods of Kubernetes as recordings of a cluster hold them: read as manifests are (`k8s::read_pod`), and without what
//! nothing in a recording lifts or fulfils.

use k8s::{BrokenField, ManifestFinding};
use serde_json::Value;

use crate::prelude::*;
use intake::unknown_columns::note_key;
use model::PodVolume;

/// The note about rules that are not enforced: what lifts a gate or fulfils a claim is not in a recording.
pub(crate) const UNENFORCED: &str = "gates, and claims on volumes or devices of pods, not enforced";

/// The note about pods that another scheduler placed.
const OTHER_SCHEDULER: &str =
    "pods of a scheduler of another name; the run's scheduler places them";

/// Most notes about fields that are told each by itself.
const MOST_NOTES: usize = 32;

/// How notes about fields of pods begin.
const NOTE: &str = "pod: ";

/// A pod, or the template of the pods of an owner, where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'a> {
    /// The line that complaints name.
    pub(crate) line: u64,
    /// The object with `metadata` and `spec`.
    pub(crate) object: &'a Value,
    pub(crate) namespace: &'a str,
    /// Kind of the owner of a template.
    pub(crate) owner: Option<&'a str>,
}

/// Reads a pod.
pub(crate) fn read(journal: &mut Journal, pod: Recorded<'_>) -> Result<PodSpec, Refused> {
    let line = pod.line;
    let read = k8s::read_pod(pod.object, pod.namespace, pod.owner)
        .map_err(|broken| bad_row(line, broken))?;
    for finding in &read.findings {
        note(journal, line, finding)?;
    }
    let mut spec = read.spec;
    let is_claim = |own: &PodVolume| matches!(own, PodVolume::Claim(_) | PodVolume::Ephemeral(_));
    if !spec.scheduling_gates.is_empty()
        || !spec.device_claims.0.is_empty()
        || spec.volumes.iter().any(is_claim)
    {
        journal.dirt(UNENFORCED, Action::Waive, line)?;
    }
    journal.waive_if(!spec.scheduler_name.is_empty(), OTHER_SCHEDULER, line)?;
    spec.scheduling_gates.clear();
    spec.device_claims.0.clear();
    spec.volumes.clear();
    spec.scheduler_name = model::Text::default();
    // The objects that control the pods are not recorded.
    spec.owner = None;
    Ok(spec)
}

/// A broken field of a pod as a complaint about a row.
pub(crate) fn bad_row(line: u64, broken: BrokenField) -> BadRow {
    BadRow {
        line,
        column: broken.field,
        value: broken.found.chars().take(80).collect(),
        rule: broken.rule,
    }
}

/// Notes a field of a pod that is not modelled, or that the API does not have.
fn note(journal: &mut Journal, line: u64, finding: &ManifestFinding) -> Result<(), TraceError> {
    if finding.is_of_unknown_field() {
        return note_key(journal, line, &without_places(&finding.field));
    }
    let field = without_places(&finding.field);
    let kind = format!("{NOTE}{field}: {}; {}", finding.what, finding.effect);
    let entries = || journal.ledger.entries().iter();
    let is_told = entries().any(|own| *own.kind == *kind);
    let told = entries().filter(|own| own.kind.starts_with(NOTE)).count();
    if is_told || told < MOST_NOTES {
        journal.dirt(&kind, Action::Waive, line)
    } else {
        journal.dirt("pod: another field, not modelled", Action::Waive, line)
    }
}

/// A field's path without the places in lists, which would make a note of each pod.
fn without_places(field: &str) -> String {
    let mut parts = field.split('[');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((place, rest)) if place.bytes().all(|own| own.is_ascii_digit()) => path += rest,
            _ => {
                path.push('[');
                path += part;
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use intake::ledger::RowPolicy;

    fn read_text(text: &str) -> Result<(PodSpec, Vec<String>), String> {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let mut journal = Journal::new("t".into(), RowPolicy::REPORT);
        let read = read(
            &mut journal,
            Recorded {
                line: 7,
                object: &value,
                namespace: "ns",
                owner: None,
            },
        );
        let notes = journal.ledger.entries().iter();
        let notes = notes.map(|own| own.kind.to_string()).collect();
        match read {
            Ok(spec) => Ok((spec, notes)),
            Err(Refused::Row(bad)) => {
                Err(format!("{}: {}, found {}", bad.column, bad.rule, bad.value))
            }
            Err(_) => Err("the file".to_owned()),
        }
    }

    #[test]
    fn rules_about_places_are_those_of_the_pod() {
        let text = r#"{"metadata": {"labels": {"app": "web"}}, "spec": {"hostNetwork": true,
            "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": ["app"]}]}},
            "tolerations": [{"key": "gpu", "operator": "Exists"}, {"operator": "Exists", "key": "",
            "effect": "NoExecute", "tolerationSeconds": -3}],
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
            "initContainers": [{"name": "i", "ports": [{"hostPort": 70}]}],
            "containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 80},
            {"hostPort": 90, "containerPort": 90, "protocol": "UDP", "hostIP": "0.0.0.0"}]}]}}"#;
        let (spec, notes) = read_text(text).expect("a pod");
        assert_eq!(notes, [""; 0]);
        let terms = &spec.affinity.required_pod_anti_affinity;
        let selector = terms[0].selector.as_ref().expect("a selector");
        let keys = selector.requirements.iter().map(|own| &*own.key);
        assert_eq!(keys.collect::<Vec<_>>(), ["a", "app"]);
        let [first, second] = &spec.tolerations[..] else {
            panic!("two tolerations");
        };
        assert_eq!((first.key.as_deref(), &first.value), (Some("gpu"), &None));
        assert_eq!(
            (second.key.as_deref(), second.tolerates_for),
            (None, Some(Duration::ZERO))
        );
        assert!(spec.topology_spread[0].hard);
        let ports = spec.host_ports().map(|own| (&*own.protocol, own.port));
        assert_eq!(ports.collect::<Vec<_>>(), [("TCP", 80), ("UDP", 90)]);
    }

    #[test]
    fn requests_follow_from_limits_and_rules_are_noted() {
        let text = r#"{"metadata": {"labels": {"a": "b"}}, "spec": {"priority": 5, "priorityClassName": "p",
            "tolerations": [{"key": "node.kubernetes.io/not-ready"}], "nodeSelector": {"z": "1"},
            "containers": [{"name": "c", "resources": {"limits": {"cpu": 2, "memory": "1Gi"},
            "requests": {"cpu": "500m"}}}]}}"#;
        let (spec, notes) = read_text(text).expect("a pod");
        let requests = spec.requests().expect("small");
        assert_eq!(requests.get("cpu").milli_ceil(), Ok(500));
        assert_eq!(requests.get("memory").units_ceil(), Ok(1 << 30));
        assert_eq!((spec.priority, notes), (5, vec![]));
        for (from, to, note) in [
            (
                "\"key\": \"node.kubernetes.io/not-ready\"",
                "\"key\": \"a\", \"operator\": \"Gt\", \"value\": \"5\"",
                "pod: spec.tolerations.operator: a comparison of numbers (`Lt`, `Gt`); the taint is not tolerated",
            ),
            (
                "\"nodeSelector\": {\"z\": \"1\"}",
                "\"volumes\": [{\"name\": \"v\", \"persistentVolumeClaim\": {}}]",
                UNENFORCED,
            ),
            (
                "\"nodeSelector\": {\"z\": \"1\"}",
                "\"schedulerName\": \"mine\"",
                OTHER_SCHEDULER,
            ),
            (
                "\"nodeSelector\"",
                "\"nodeSelektor\"",
                "key `spec.nodeSelektor`, not used",
            ),
            (
                "\"nodeSelector\": {\"z\": \"1\"}",
                "\"runtimeClassName\": \"kata\"",
                "pod: spec.runtimeClassName: a runtime class, and no `overhead`; the class' overhead and node \
                 selector are not applied",
            ),
        ] {
            let (_, notes) = read_text(&text.replace(from, to)).expect("a pod");
            assert_eq!(notes, [note], "{to}");
        }
        for (from, to, complaint) in [
            (
                "\"500m\"",
                "-1",
                "spec.containers[0].resources.requests[\"cpu\"]: expected a quantity of 0 or more, found -1",
            ),
            (
                "\"500m\"",
                "3",
                "spec.containers[0].resources.requests[\"cpu\"]: must be less than or equal to cpu limit of 2, found 3",
            ),
            (
                "\"containers\"",
                "\"x\"",
                "spec.containers: expected at least one container, but it is missing, found ",
            ),
            (
                "\"priority\": 5",
                "\"restartPolicy\": \"Bogus\"",
                "spec.restartPolicy: Unsupported value: supported values: \"Always\", \"OnFailure\", \"Never\", found Bogus",
            ),
        ] {
            let found = read_text(&text.replace(from, to)).map(drop);
            assert_eq!(found, Err(complaint.to_owned()));
        }
    }
}
