//! Selectors over labels (spec: kubernetes.md, "Notation").

use super::{Labels, Text};
use serde::{Deserialize, Serialize};

/// Comparison of a label's value with those of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Operator {
    /// The label is present with one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is present.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// The label is an integer greater than the one value (node terms only).
    Gt,
    /// The label is an integer less than the one value (node terms only).
    Lt,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// The label's key.
    pub key: Text,
    /// Operator of the comparison.
    pub operator: Operator,
    /// Values to compare with.
    pub values: Vec<Text>,
}

impl Requirement {
    /// Whether labels satisfy this requirement.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get(&self.key).map(|value| &**value))
    }

    /// Whether a label's value (`None` if it is absent) satisfies this requirement.
    pub fn matches_value(&self, value: Option<&str>) -> bool {
        let among = |value: &str| self.values.iter().any(|known| **known == *value);
        match self.operator {
            Operator::In => value.is_some_and(among),
            Operator::NotIn => !value.is_some_and(among),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => self
                .compare_integers(value)
                .is_some_and(|(label, own)| label > own),
            Operator::Lt => self
                .compare_integers(value)
                .is_some_and(|(label, own)| label < own),
        }
    }

    fn compare_integers(&self, value: Option<&str>) -> Option<(i64, i64)> {
        let [own] = self.values.as_slice() else {
            return None;
        };
        Some((value?.parse().ok()?, own.parse().ok()?))
    }
}

/// A selector over pod labels: all requirements must hold. Without any it matches everything; an
/// absent selector (`Option::None` at its place of use) matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LabelSelector {
    /// Conditions that all must hold; `matchLabels` entries come as [`Operator::In`] of one value.
    pub requirements: Vec<Requirement>,
}

impl LabelSelector {
    /// Whether labels satisfy every requirement.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.matches(labels))
    }

    /// A label that matching objects must have, with the values it may have; `None` if the selector
    /// demands no such label.
    pub fn demanded(&self) -> Option<(&Text, &[Text])> {
        let mut demanding = self.requirements.iter();
        let found = demanding.find(|own| own.operator == Operator::In)?;
        Some((&found.key, &found.values))
    }
}

/// One alternative of a node selector: all of its conditions must hold. Without any conditions it
/// matches no node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeSelectorTerm {
    /// Conditions on node labels.
    pub match_expressions: Vec<Requirement>,
    /// Conditions on node fields; the only field is `metadata.name`.
    pub match_fields: Vec<Requirement>,
}

impl NodeSelectorTerm {
    /// Whether a node of this name and these labels satisfies the term.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        !(self.match_expressions.is_empty() && self.match_fields.is_empty())
            && self
                .match_expressions
                .iter()
                .all(|requirement| requirement.matches(labels))
            && self
                .match_fields
                .iter()
                .all(|requirement| requirement.matches_value(Some(name)))
    }
}

/// A selector over nodes: at least one term must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeSelector {
    /// Alternatives.
    pub terms: Vec<NodeSelectorTerm>,
}

impl NodeSelector {
    /// Whether a node of this name and these labels matches one of the terms.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        self.terms.iter().any(|term| term.matches(name, labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|&(key, value)| (key.into(), value.into()))
            .collect()
    }

    #[test]
    fn operators_follow_the_specification() {
        let labels = labels(&[("disk", "ssd"), ("cores", "16"), ("word", "many")]);
        for (key, operator, values, expected) in [
            ("disk", Operator::In, &["hdd", "ssd"][..], true),
            ("disk", Operator::In, &["hdd"], false),
            ("absent", Operator::In, &["x"], false),
            ("disk", Operator::NotIn, &["ssd"], false),
            ("absent", Operator::NotIn, &["ssd"], true),
            ("disk", Operator::Exists, &[], true),
            ("absent", Operator::Exists, &[], false),
            ("absent", Operator::DoesNotExist, &[], true),
            ("cores", Operator::Gt, &["15"], true),
            ("cores", Operator::Gt, &["16"], false),
            ("cores", Operator::Lt, &["17"], true),
            ("word", Operator::Gt, &["1"], false),
            ("absent", Operator::Lt, &["1"], false),
            ("cores", Operator::Gt, &["x"], false),
        ] {
            let requirement = Requirement {
                key: key.into(),
                operator,
                values: values.iter().map(|&value| value.into()).collect(),
            };
            assert_eq!(
                requirement.matches(&labels),
                expected,
                "{key} {operator:?} {values:?}"
            );
        }
    }

    #[test]
    fn an_empty_term_matches_no_node_and_an_empty_selector_every_pod() {
        assert!(!NodeSelectorTerm::default().matches("a", &Labels::new()));
        assert!(LabelSelector::default().matches(&Labels::new()));
        assert!(!NodeSelector::default().matches("a", &Labels::new()));
    }
}
