//! Node selectors and node affinity (spec: kubernetes.md 1.5).

use crate::{Node, NodeSelector, NodeSelectorTerm, PodSpec};

/// Whether a pod's node selector and its required node affinity admit a node.
pub fn admits(spec: &PodSpec, node: &Node) -> bool {
    let mut labels = spec.node_selector.iter();
    labels.all(|(key, value)| node.labels.get(key) == Some(value))
        && meets(spec.affinity.node.required.as_ref(), node)
}

/// Whether a node meets required node affinity; `None` is no requirement.
pub fn meets(required: Option<&NodeSelector>, node: &Node) -> bool {
    required.is_none_or(|required| required.matches(&node.name, &node.labels))
}

/// The sum of the weights of the preferred terms that a node matches.
pub fn preference<'t>(
    preferred: impl IntoIterator<Item = &'t (i32, NodeSelectorTerm)>,
    node: &Node,
) -> i64 {
    preferred
        .into_iter()
        .filter(|(_, term)| term.matches(&node.name, &node.labels))
        .map(|&(weight, _)| i64::from(weight))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Operator, Requirement};

    fn term(key: &str, value: &str) -> NodeSelectorTerm {
        NodeSelectorTerm {
            match_expressions: vec![Requirement {
                key: key.into(),
                operator: Operator::In,
                values: vec![value.into()],
            }],
            match_fields: Vec::new(),
        }
    }

    #[test]
    fn selector_and_required_terms_must_both_match() {
        let node = |labels: &[(&str, &str)]| Node {
            labels: labels.iter().map(|&(k, v)| (k.into(), v.into())).collect(),
            ..Node::default()
        };
        let mut spec = PodSpec::default();
        let both = node(&[("disk", "ssd"), ("zone", "b")]);
        let disk = node(&[("disk", "ssd"), ("zone", "c")]);
        let zone = node(&[("zone", "b")]);
        assert!(admits(&spec, &both) && admits(&spec, &zone));
        spec.node_selector.insert("disk".into(), "ssd".into());
        spec.affinity.node.required = Some(NodeSelector {
            terms: vec![term("zone", "a"), term("zone", "b")],
        });
        for (node, expected) in [(&both, true), (&disk, false), (&zone, false)] {
            assert_eq!(admits(&spec, node), expected, "{:?}", node.labels);
        }
        let preferred = [(3, term("disk", "ssd")), (5, term("zone", "b"))];
        for (node, expected) in [(&both, 8), (&disk, 3), (&zone, 5)] {
            assert_eq!(preference(&preferred, node), expected);
        }
    }
}
