//! Taints on nodes and the tolerations of pods (spec: kubernetes.md 1.5).

use super::Text;
use serde::{Deserialize, Serialize};
use units::Duration;

/// Effect of a taint on pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaintEffect {
    /// They are not placed on the node.
    NoSchedule,
    /// They are placed there only when nothing better is left.
    PreferNoSchedule,
    /// They are not placed there, and those running are evicted.
    NoExecute,
}

/// A mark on a node that repels pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Taint {
    /// The taint's key.
    pub key: Text,
    /// The taint's value; empty if there is none.
    pub value: Text,
    /// Effect of the taint.
    pub effect: TaintEffect,
}

/// A pod's leave to be placed on tainted nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Toleration {
    /// The taint key; `None` tolerates every key (only with [`Toleration::value`] `None`).
    pub key: Option<Text>,
    /// The value that must be equal; `None` is the operator `Exists`.
    pub value: Option<Text>,
    /// The effect; `None` tolerates every effect.
    pub effect: Option<TaintEffect>,
    /// Time for which a `NoExecute` taint is tolerated; `None` sets no end.
    pub tolerates_for: Option<Duration>,
}

impl Toleration {
    /// Whether this toleration covers the taint.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && self.key.as_ref().is_none_or(|key| *key == taint.key)
            && self
                .value
                .as_ref()
                .is_none_or(|value| *value == taint.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toleration_covers_by_key_value_and_effect() {
        let taint = Taint {
            key: "gpu".into(),
            value: "a100".into(),
            effect: TaintEffect::NoSchedule,
        };
        let toleration = |key: Option<&str>, value: Option<&str>, effect| Toleration {
            key: key.map(Into::into),
            value: value.map(Into::into),
            effect,
            tolerates_for: None,
        };
        for (toleration, expected) in [
            (toleration(None, None, None), true),
            (toleration(Some("gpu"), None, None), true),
            (toleration(Some("gpu"), Some("a100"), None), true),
            (toleration(Some("gpu"), Some("t4"), None), false),
            (toleration(Some("other"), None, None), false),
            (
                toleration(Some("gpu"), None, Some(TaintEffect::NoExecute)),
                false,
            ),
            (
                toleration(Some("gpu"), None, Some(TaintEffect::NoSchedule)),
                true,
            ),
        ] {
            assert_eq!(toleration.tolerates(&taint), expected, "{toleration:?}");
        }
    }
}
