//! Cordons: nodes that take no new pods (spec: kubernetes.md 1.5, `NodeUnschedulable`).

use super::taints::covering;
use crate::node::CORDON_TAINT;
use crate::{Node, PodSpec, Taint, TaintEffect};

/// Whether a pod tolerates the taint that stands for a cordon.
pub fn tolerates_cordon(spec: &PodSpec) -> bool {
    // Most pods tolerate nothing; they are not to pay for a taint to be built.
    if spec.tolerations.is_empty() {
        return false;
    }
    let cordon = Taint {
        key: CORDON_TAINT.into(),
        value: "".into(),
        effect: TaintEffect::NoSchedule,
    };
    covering(&spec.tolerations, &cordon).is_some()
}

/// Whether a node takes a pod as far as cordons go.
pub fn admits(spec: &PodSpec, node: &Node) -> bool {
    !node.unschedulable || tolerates_cordon(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Toleration;

    #[test]
    fn cordoned_nodes_take_pods_that_tolerate_the_cordon() {
        let node = |unschedulable| Node {
            unschedulable,
            ..Node::default()
        };
        let tolerant = |key: &str| PodSpec {
            tolerations: vec![Toleration {
                key: Some(key.into()),
                value: None,
                effect: None,
                tolerates_for: None,
            }],
            ..PodSpec::default()
        };
        for (spec, expected) in [
            (PodSpec::default(), false),
            (tolerant("other"), false),
            (tolerant(CORDON_TAINT), true),
        ] {
            assert!(admits(&spec, &node(false)));
            assert_eq!(admits(&spec, &node(true)), expected);
        }
    }
}
