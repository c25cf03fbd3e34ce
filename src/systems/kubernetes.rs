//! Kubernetes: one scheduler with extension points, under a profile. Profiles without a counterpart
//! in Kubernetes are what a scheduler built on its framework would do.

use super::entry::{SystemEntry, SystemError, SystemParts, SystemRequest};
use super::plain_agent::PlainAgent;
use crate::control::Stepping;
use crate::control::scheduler::Pipeline;
use crate::policy::build_profile;
use crate::units::ComponentId;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "kubernetes",
    summary: "A scheduler with extension points that places one pod at a time.",
    source: "kube-scheduler 1.34: scheduling framework, resource fit, taints, node affinity",
    plans_jobs: false,
    build,
};

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let profile = build_profile(&request.profile, &request.setup)?;
    let scheduler = Pipeline::new(ComponentId(0), profile, request.form);
    Ok(SystemParts {
        components: vec![Box::new(scheduler)],
        agent: Box::new(PlainAgent::new(request.time_limits)),
        stepping: Stepping::PerInstant,
    })
}
