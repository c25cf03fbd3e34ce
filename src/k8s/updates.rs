//! Systems to which the update of a Deployment says something else than to Kubernetes.

use model::workload::{Finding, Problem};

/// Source of the way in which the pods of a Deployment are replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Updates {
    /// Its rolling update.
    #[default]
    Rolling,
    /// Its rolling update, as the upgrade strategy of Marathon.
    Upgrade,
    /// An upgrade strategy of Marathon that is stated elsewhere.
    Stated,
}

impl Updates {
    /// Judges what Kubernetes finds wrong with a Deployment: that neither more pods may run nor fewer is no fault
    /// where an upgrade strategy is stated, and is reported in terms of Marathon where one could be.
    pub(super) fn judge(self, findings: &mut Vec<Finding>) {
        match self {
            Self::Rolling => {}
            Self::Upgrade => {
                let own = findings.iter_mut().map(|finding| &mut finding.problem);
                for problem in own.filter(|own| **own == Problem::NothingMayMove) {
                    *problem = Problem::NoUpgradeStrategy;
                }
            }
            Self::Stated => findings.retain(|finding| finding.problem != Problem::NothingMayMove),
        }
    }
}
