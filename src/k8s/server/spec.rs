//! Rules about a pod as a whole: its names, gates, volumes, and rules about its place.

use super::containers::RESTART_POLICIES;
use super::names::{LABEL, SUBDOMAIN, is_label, is_subdomain};
use super::{Breaches, Rule};
use crate::field::{Path, check_label_key};
use crate::raw;
use units::SortedSet;

/// The rules, in the order in which the server looks at them.
pub(super) const RULES: &[Rule] = &[
    Rule::new(LABEL, "ValidateVolumes", |spec, breaches| {
        each_volume(spec, |path, name| {
            if !is_label(name) {
                breaches.add(path, &[], &name);
            }
        });
    }),
    Rule::new(
        "Duplicate value: two volumes of a pod have one name",
        "ValidateVolumes",
        |spec, breaches| {
            let mut seen = SortedSet::new();
            each_volume(spec, |path, name| {
                if !seen.insert(name) {
                    breaches.add(path, &[], &name);
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"Always\", \"OnFailure\", \"Never\"",
        "validateRestartPolicy",
        |spec, breaches| {
            let path = Path::root("spec");
            let (path, policy) = (path.field("restartPolicy"), spec.restart_policy.as_deref());
            breaches.add_unknown(&path, policy, RESTART_POLICIES);
        },
    ),
    Rule::new(
        "must be between 1 and 2147483647, inclusive",
        "ValidatePodSpec",
        |spec, breaches| {
            let wrong = |secs: &i64| !(1..=i64::from(i32::MAX)).contains(secs);
            if let Some(secs) = spec.active_deadline_seconds.filter(wrong) {
                let path = Path::root("spec");
                breaches.add(&path.field("activeDeadlineSeconds"), &[], &secs);
            }
        },
    ),
    Rule::new(SUBDOMAIN, "ValidatePodSpec", |spec, breaches| {
        let path = Path::root("spec");
        for (field, name) in [
            ("nodeName", &spec.node_name),
            ("priorityClassName", &spec.priority_class_name),
            ("runtimeClassName", &spec.runtime_class_name),
        ] {
            let name = name.as_deref().unwrap_or_default();
            if !name.is_empty() && !is_subdomain(name) {
                breaches.add(&path.field(field), &[], &name);
            }
        }
    }),
    Rule::new(
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character",
        "validateSchedulingGates",
        |spec, breaches| {
            each_gate(spec, |path, name| {
                if check_label_key(name, path).is_err() {
                    breaches.add(path, &[], &name);
                }
            });
        },
    ),
    Rule::new(
        "Duplicate value: a scheduling gate stands twice",
        "validateSchedulingGates",
        |spec, breaches| {
            let mut seen = SortedSet::new();
            each_gate(spec, |path, name| {
                if !seen.insert(name) {
                    breaches.add(path, &[], &name);
                }
            });
        },
    ),
    Rule::new(
        "nodeName cannot be set until all schedulingGates have been cleared",
        "ValidatePodCreate",
        |spec, breaches| {
            let node = spec.node_name.as_deref().unwrap_or_default();
            if !node.is_empty() && !spec.scheduling_gates.is_empty() {
                let path = Path::root("spec");
                breaches.add(&path.field("nodeName"), &[], &node);
            }
        },
    ),
    Rule::new(
        "Duplicate value: {topologyKey, whenUnsatisfiable} stands twice",
        "ValidateSpreadConstraintNotRepeat",
        |spec, breaches| {
            let mut seen = SortedSet::new();
            each_spread(spec, |path, own| {
                let key = own.topology_key.as_deref().unwrap_or_default();
                let when = own.when_unsatisfiable.as_deref().unwrap_or_default();
                if !seen.insert((key, when)) {
                    breaches.add(path, &[], &format!("{key}, {when}"));
                }
            });
        },
    ),
    Rule::new(
        "must not be specified when labelSelector is not set",
        "validateMatchLabelKeysInTopologySpread, validateMatchLabelKeysAndMismatchLabelKeys",
        keys_without_selector,
    ),
    Rule::new(
        "exists in both matchLabelKeys and labelSelector",
        "validateMatchLabelKeysInTopologySpread",
        |spec, breaches| {
            each_spread(spec, |path, own| {
                let path = path.field("matchLabelKeys");
                for (index, key) in own.match_label_keys.iter().enumerate() {
                    let selector = own.label_selector.as_ref();
                    if selector.is_some_and(|selector| is_about(selector, key)) {
                        breaches.add(&path.index(index), &[], key);
                    }
                }
            });
        },
    ),
    Rule::new(
        "exists in both matchLabelKeys and mismatchLabelKeys",
        "validateMatchLabelKeysAndMismatchLabelKeys",
        |spec, breaches| {
            each_term(spec, |path, term| {
                let path = path.field("matchLabelKeys");
                for (index, key) in term.match_label_keys.iter().enumerate() {
                    if term.mismatch_label_keys.contains(key) {
                        breaches.add(&path.index(index), &[], key);
                    }
                }
            });
        },
    ),
    Rule::new(LABEL, "validatePodAffinityTerm", |spec, breaches| {
        each_term(spec, |path, term| {
            for name in term.namespaces.iter().filter(|name| !is_label(name)) {
                breaches.add(&path.field("namespaces"), &[], name);
            }
        });
    }),
];

/// Whether a selector asks for a label.
fn is_about(selector: &raw::LabelSelector, key: &str) -> bool {
    let mut expressions = selector.match_expressions.iter();
    selector.match_labels.contains_key(key)
        || expressions.any(|expression| expression.key.as_deref() == Some(key))
}

fn keys_without_selector(spec: &raw::PodSpec, breaches: &mut Breaches) {
    each_spread(spec, |path, own| {
        if own.label_selector.is_none() && !own.match_label_keys.is_empty() {
            let found = own.match_label_keys.join(", ");
            breaches.add(&path.field("matchLabelKeys"), &[], &found);
        }
    });
    each_term(spec, |path, term| {
        for (field, keys) in [
            ("matchLabelKeys", &term.match_label_keys),
            ("mismatchLabelKeys", &term.mismatch_label_keys),
        ] {
            if term.label_selector.is_none() && !keys.is_empty() {
                breaches.add(&path.field(field), &[], &keys.join(", "));
            }
        }
    });
}

fn each_volume<'a>(spec: &'a raw::PodSpec, mut show: impl FnMut(&Path<'_>, &'a str)) {
    let path = Path::root("spec");
    let path = path.field("volumes");
    for (index, own) in spec.volumes.iter().enumerate() {
        // An unnamed one belongs to no object here.
        if !own.name.is_empty() {
            show(&path.index(index).field("name"), &own.name);
        }
    }
}

fn each_gate<'a>(spec: &'a raw::PodSpec, mut show: impl FnMut(&Path<'_>, &'a str)) {
    let path = Path::root("spec");
    let path = path.field("schedulingGates");
    for (index, own) in spec.scheduling_gates.iter().enumerate() {
        show(&path.index(index), &own.name);
    }
}

fn each_spread<'a>(
    spec: &'a raw::PodSpec,
    mut show: impl FnMut(&Path<'_>, &'a raw::TopologySpread),
) {
    let path = Path::root("spec");
    let path = path.field("topologySpreadConstraints");
    for (index, own) in spec.topology_spread_constraints.iter().enumerate() {
        show(&path.index(index), own);
    }
}

/// Shows each rule about other pods.
fn each_term<'a>(spec: &'a raw::PodSpec, mut show: impl FnMut(&Path<'_>, &'a raw::PodTerm)) {
    let Some(affinity) = &spec.affinity else {
        return;
    };
    let path = Path::root("spec");
    let path = path.field("affinity");
    for (field, rules) in [
        ("podAffinity", &affinity.pod_affinity),
        ("podAntiAffinity", &affinity.pod_anti_affinity),
    ] {
        let path = path.field(field);
        let required = path.field("requiredDuringSchedulingIgnoredDuringExecution");
        for (index, term) in rules.required.iter().enumerate() {
            show(&required.index(index), term);
        }
        let preferred = path.field("preferredDuringSchedulingIgnoredDuringExecution");
        for (index, own) in rules.preferred.iter().enumerate() {
            let path = preferred.index(index);
            show(&path.field("podAffinityTerm"), &own.pod_affinity_term);
        }
    }
}
