//! Annotations of this program: those that no reader looks at are mostly misspelt, or stand on the
//! wrong object.

use crate::ingress_settings;
use crate::keys;
use crate::raw::Annotations;
use units::nearest;

/// Prefix of the annotations of this program.
const PREFIX: &str = "windtunnel.dev/";

/// Annotations of pods and of templates of pods, without the prefix.
const OF_PODS: &[&str] = &[
    "answer-time",
    "answers-after",
    "answers-until",
    "concurrency",
    "cpu-per-request",
    "cpu-usage",
    "error-rate",
    "exit-code",
    "health-check",
    "memory-usage",
    "pre-stop-time",
    "probes-unknown",
    "queue-limit",
    "run-time",
    "service-time",
    "start-time",
    "stop-time",
    "weight",
];

/// Annotations of other kinds, without the prefix.
const OF_KINDS: &[(&str, &str)] = &[
    ("Service", "balancing"),
    ("Ingress", "backend-weights"),
    ("AdmissionCheck", "check-answer"),
    ("AdmissionCheck", "check-retries"),
    ("AdmissionCheck", "check-takes"),
    ("Configuration", "equal-shares"),
];

/// An unread annotation, and the reason.
pub(crate) struct Unread<'a> {
    pub(crate) key: &'a str,
    pub(crate) what: String,
}

/// Annotations of a pod, or of a template of pods, that are not read.
pub(crate) fn unread_of_pod<'a>(
    annotations: &'a Annotations,
    containers: &[&str],
) -> Vec<Unread<'a>> {
    let mut unread = Vec::new();
    for (key, name) in own(annotations) {
        let (base, container) = match name.split_once('.') {
            Some((base, container)) => (base, Some(container)),
            None => (name, None),
        };
        let what = if !OF_PODS.contains(&base) {
            unknown(base, OF_PODS.iter().copied())
        } else if let Some(container) = container.filter(|own| !containers.contains(own)) {
            format!("the pod has no container `{container}`")
        } else {
            continue;
        };
        unread.push(Unread { key, what });
    }
    unread.extend(hook(annotations));
    unread
}

/// A hook of Helm.
fn hook(annotations: &Annotations) -> Option<Unread<'_>> {
    let (key, _) = annotations.0.get_key_value(keys::HELM_HOOK)?;
    let what =
        "Helm makes it before or after a release or a test alone; here it is part of the workload";
    Some(Unread {
        key,
        what: what.to_owned(),
    })
}

/// Annotations of an object of another kind that are not read.
pub(crate) fn unread_of_object<'a>(kind: &str, annotations: &'a Annotations) -> Vec<Unread<'a>> {
    let mut unread = Vec::new();
    for (key, name) in own(annotations) {
        if OF_KINDS.contains(&(kind, name)) {
            continue;
        }
        let base = name.split_once('.').map_or(name, |(base, _)| base);
        let what = if OF_PODS.contains(&base) {
            "it is read of pods and of `spec.template.metadata`, not here".to_owned()
        } else {
            unknown(name, OF_KINDS.iter().map(|&(_, name)| name))
        };
        unread.push(Unread { key, what });
    }
    unread.extend(hook(annotations));
    if ["Ingress", "Route"].contains(&kind) {
        let keys = annotations.0.keys();
        unread.extend(keys.filter_map(|key| {
            let what = ingress_settings::instead(key)?.to_owned();
            Some(Unread { key, what })
        }));
    }
    unread
}

/// Annotations with the prefix, and their names without it.
fn own(annotations: &Annotations) -> impl Iterator<Item = (&str, &str)> {
    let keys = annotations.0.keys();
    keys.filter_map(|key| Some((key.as_str(), key.strip_prefix(PREFIX)?)))
}

fn unknown<'k>(name: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    format!(
        "there is no such annotation; {}",
        nearest::hint(name, known)
    )
}
