//! Classes of pods with terms about other pods, by the labels that the terms demand: a pod is meant by
//! few of them.

use rustc_hash::FxHashMap;

use super::PodClass;
use model::{Affinity, LabelSelector, Labels, PodAffinityTerm, Text};

/// Numbers of classes in ascending order.
type Numbers = Vec<usize>;

/// Classes with terms by what their selectors demand of the pods that they mean.
#[derive(Clone, Debug, Default)]
pub(super) struct TermIndex {
    /// By key and value of a label that a term demands; looked up, never iterated over.
    by_label: FxHashMap<Text, FxHashMap<Text, Numbers>>,
    /// Classes with a term that demands no label.
    of_any: Numbers,
}

/// All terms about other pods.
fn terms(affinity: &Affinity) -> impl Iterator<Item = &PodAffinityTerm> {
    let required = affinity.required_pod_affinity.iter();
    let required = required.chain(&affinity.required_pod_anti_affinity);
    let preferred = affinity.preferred_pod_affinity.iter();
    let preferred = preferred.chain(&affinity.preferred_pod_anti_affinity);
    required.chain(preferred.map(|(_, term)| term))
}

fn append(numbers: &mut Numbers, number: usize) {
    if numbers.last() != Some(&number) {
        numbers.push(number);
    }
}

impl TermIndex {
    /// Takes in a class, whose number is higher than those before.
    pub(super) fn take_in(&mut self, number: usize, class: &PodClass) {
        for term in terms(&class.spec.affinity) {
            // Without a selector a term means no pod.
            match term.selector.as_ref().map(LabelSelector::demanded) {
                Some(Some((key, values))) => {
                    let of_key = self.by_label.entry(key.clone()).or_default();
                    for value in values {
                        append(of_key.entry(value.clone()).or_default(), number);
                    }
                }
                Some(None) => append(&mut self.of_any, number),
                None => {}
            }
        }
    }

    /// The classes with terms that may mean a pod with some labels, in ascending order.
    pub(super) fn that_may_mean(&self, labels: &Labels) -> Numbers {
        let mut numbers = self.of_any.clone();
        for (key, value) in labels {
            let found = self.by_label.get(key).and_then(|own| own.get(value));
            numbers.extend(found.into_iter().flatten());
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use model::{Changes, Operator, PodSpec, Requirement};

    fn class(kind: u8) -> PodClass {
        let requirement = |operator, value: u8| Requirement {
            key: ["app", "tier"][usize::from(value % 2)].into(),
            operator,
            values: ["a", "b", "c"][usize::from(value % 3)..]
                .iter()
                .map(|&value| value.into())
                .collect(),
        };
        let requirements = match kind % 5 {
            0 => Vec::new(),
            1 => vec![requirement(Operator::NotIn, kind)],
            2 => vec![
                requirement(Operator::Exists, kind),
                requirement(Operator::In, kind / 5),
            ],
            _ => vec![requirement(Operator::In, kind / 5)],
        };
        let term = PodAffinityTerm {
            selector: (kind < 250).then_some(LabelSelector { requirements }),
            topology_key: "zone".into(),
            namespaces: Vec::new(),
            namespace_selector: None,
            match_label_keys: Vec::new(),
            mismatch_label_keys: Vec::new(),
        };
        let mut spec = PodSpec::default();
        if kind.is_multiple_of(11) {
            let again = term.clone();
            spec.affinity.required_pod_anti_affinity.push(again);
        }
        match kind % 7 {
            0 => spec.affinity.required_pod_affinity.push(term),
            1 => spec.affinity.required_pod_anti_affinity.push(term),
            2 => spec.affinity.preferred_pod_affinity.push((1, term)),
            3 => spec.affinity.preferred_pod_anti_affinity.push((1, term)),
            _ => {}
        }
        PodClass::derive(Arc::new(spec), Changes::default()).expect("amounts that fit")
    }

    proptest! {
        #[test]
        fn no_class_with_a_term_that_means_a_pod_is_passed_over(
            kinds in prop::collection::vec(any::<u8>(), 0..40),
            values in prop::collection::vec(0..3_usize, 0..3),
        ) {
            let keys = ["app", "tier"].into_iter();
            let labels: Labels = keys
                .zip(&values)
                .map(|(key, &value)| (Text::from(key), Text::from(["a", "b", "c"][value])))
                .collect();
            let mut index = TermIndex::default();
            let (mut meaning, mut strangers) = (Vec::new(), Vec::new());
            for (number, &kind) in kinds.iter().enumerate() {
                let class = class(kind);
                index.take_in(number, &class);
                let mut all = terms(&class.spec.affinity);
                if all.any(|term| term.selector.as_ref().is_some_and(|selector| selector.matches(&labels))) {
                    meaning.push(number);
                }
                // Each term demands a label that the pod has not, or has no selector.
                let mut all = terms(&class.spec.affinity);
                let is_stranger = all.all(|term| match term.selector.as_ref().map(LabelSelector::demanded) {
                    Some(Some((key, values))) => {
                        labels.get(key).is_none_or(|value| !values.contains(value))
                    }
                    Some(None) => false,
                    None => true,
                });
                strangers.extend(is_stranger.then_some(number));
            }
            let found = index.that_may_mean(&labels);
            prop_assert!(found.is_sorted());
            prop_assert!(meaning.iter().all(|number| found.contains(number)));
            prop_assert!(!strangers.iter().any(|number| found.contains(number)));
        }
    }
}
