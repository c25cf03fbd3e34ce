//! Kueue's configuration, as far as decisions depend on it.

/// A rule by which fair sharing judges a preemption (spec: batch-on-kubernetes.md 1.8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FairStrategy {
    /// The share of the preemptor, newcomer included, is at most that of the other side without the
    /// candidate.
    LessThanOrEqualToFinalShare,
    /// The share of the preemptor, newcomer included, is below that of the other side as it is.
    LessThanInitialShare,
}

impl FairStrategy {
    /// Rules that hold where none are stated.
    pub const DEFAULT: &[Self] = &[
        Self::LessThanOrEqualToFinalShare,
        Self::LessThanInitialShare,
    ];

    /// The rule of a name.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "LessThanOrEqualToFinalShare" => Some(Self::LessThanOrEqualToFinalShare),
            "LessThanInitialShare" => Some(Self::LessThanInitialShare),
            _ => None,
        }
    }
}

/// Settings of the whole of Kueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Rules of fair sharing, in order; `None` is preemption by priority.
    pub fair_sharing: Option<Vec<FairStrategy>>,
    /// Whether resources that no group of a queue covers are left out of account
    /// (`quotaCheckStrategy: IgnoreUndeclared`).
    pub ignores_undeclared: bool,
    /// Whether pods without a wish about the topology take the fullest domains first (the gate
    /// `TASProfileMixed`).
    pub fills_smallest: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fair_sharing: None,
            ignores_undeclared: false,
            fills_smallest: true,
        }
    }
}
