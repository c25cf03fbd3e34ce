//! Pods that stand in different domains of nodes.

use crate::prelude::*;
use model::{LabelSelector, Operator, PodAffinityTerm, Requirement};

/// Keeps a pod from every domain of a label of nodes in which another one stands that has the same value of a label of pods.
pub(crate) fn keep_apart(spec: &mut PodSpec, label: &str, value: Text, domain: &str) {
    spec.labels.insert(label.into(), value.clone());
    let others = LabelSelector {
        requirements: vec![Requirement {
            key: label.into(),
            operator: Operator::In,
            values: vec![value],
        }],
    };
    let term = PodAffinityTerm {
        selector: Some(others),
        topology_key: domain.into(),
        namespaces: Vec::new(),
        namespace_selector: None,
        match_label_keys: Vec::new(),
        mismatch_label_keys: Vec::new(),
    };
    spec.affinity.required_pod_anti_affinity.push(term);
}
