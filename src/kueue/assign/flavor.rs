//! Whether the pods of a set may use a flavor (spec: batch-on-kubernetes.md 1.5, step 1).

use model::queueing::ResourceFlavor;
use model::{Labels, NodeSelector, NodeSelectorTerm, PodSpec, Taint, rules};

/// Reason why pods may not use a flavor: a taint, or their wishes about nodes.
pub(super) fn refusal(spec: &PodSpec, flavor: &ResourceFlavor) -> Option<String> {
    if let Some(taint) = untolerated(spec, flavor) {
        return Some(format!(
            "untolerated taint {} in flavor {}",
            words(taint),
            flavor.name
        ));
    }
    if !matches_labels(spec, &flavor.node_labels) {
        return Some(format!(
            "flavor {} doesn't match node affinity",
            flavor.name
        ));
    }
    None
}

fn untolerated<'a>(spec: &PodSpec, flavor: &'a ResourceFlavor) -> Option<&'a Taint> {
    let is_tolerated = |taint: &Taint| {
        let tolerations = spec.tolerations.iter().chain(&flavor.tolerations);
        rules::taints::covering(tolerations, taint).is_some()
    };
    let repelling = rules::taints::REPELLING;
    rules::taints::untolerated(&flavor.node_taints, repelling, is_tolerated).next()
}

/// A taint as Go prints it.
fn words(taint: &Taint) -> String {
    format!("{{{} {} {:?} <nil>}}", taint.key, taint.value, taint.effect)
}

/// Whether wishes about nodes match the labels of a flavor, as far as they name these.
fn matches_labels(spec: &PodSpec, labels: &Labels) -> bool {
    let mut selector = spec.node_selector.iter();
    let is_met = |key: &str, value: &str| labels.get(key).is_none_or(|label| **label == *value);
    if !selector.all(|(key, value)| is_met(key, value)) {
        return false;
    }
    let Some(required) = &spec.affinity.node.required else {
        return true;
    };
    let mut terms = Vec::new();
    for term in &required.terms {
        let expressions = term.match_expressions.iter();
        let named = expressions.filter(|own| labels.contains_key(&own.key));
        let named: Vec<_> = named.cloned().collect();
        if named.is_empty() {
            // A term without wishes about this flavor matches it, and one term suffices.
            return true;
        }
        terms.push(NodeSelectorTerm {
            match_expressions: named,
            match_fields: Vec::new(),
        });
    }
    NodeSelector { terms }.matches("", labels)
}
