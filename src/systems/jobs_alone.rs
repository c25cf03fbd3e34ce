//! Systems that run jobs alone: their components decide where and when tasks start, and plain agents run
//! them.

use cluster::Commitment;
use control::{Component, Stepping};

use super::capability::Capability;
use super::capability::Support::{self, Refused, Without, Yes};
use super::entry::{SystemParts, SystemRequest};
use super::plain_agent::PlainAgent;

const REASON: &str = "it supports only jobs";

/// Capabilities that all of these systems have alike.
const SHARED: [(Capability, Support); 17] = [
    (Capability::CpuFractions, Yes("thousandths of a core")),
    (Capability::WholeGpus, Yes("the first free devices")),
    (Capability::GpuChoice, Yes("devices of any of the models")),
    (Capability::GpuShares, Yes("the first device with room")),
    (Capability::Needs, Without("assumed to exist")),
    (
        Capability::InitContainers,
        Without("only their requests matter"),
    ),
    (
        Capability::RestartInPlace,
        Without("ended containers are not restarted"),
    ),
    (Capability::LivenessProbes, Without("not probed")),
    (Capability::Replicas, Refused(REASON)),
    (Capability::RollingUpdate, Refused(REASON)),
    (Capability::StatefulSet, Refused(REASON)),
    (Capability::DaemonSet, Refused(REASON)),
    (Capability::Job, Refused(REASON)),
    (Capability::CronJob, Refused(REASON)),
    (Capability::OtherObjects, Without(REASON)),
    (Capability::Overcommit, Without("never")),
    (Capability::FailureDetection, Yes("detected at once")),
];

/// Number of all capabilities.
const COUNT: usize = Capability::ALL.len();

/// Number of the capabilities in which the systems differ.
const OWN: usize = COUNT - SHARED.len();

/// Capabilities of a system: its own ones and those that all have alike.
pub(crate) const fn capabilities(
    own: &[(Capability, Support); OWN],
) -> [(Capability, Support); COUNT] {
    let mut all = [SHARED[0]; COUNT];
    let mut next = 0;
    while next < COUNT {
        all[next] = if next < OWN {
            own[next]
        } else {
            SHARED[next - OWN]
        };
        next += 1;
    }
    all
}

/// Parts of a system: its components over plain agents.
pub(crate) fn parts(
    request: &SystemRequest,
    components: Vec<Box<dyn Component>>,
    stepping: Stepping,
) -> SystemParts {
    let agent = PlainAgent::new(request.time_limits);
    parts_with(agent, components, stepping)
}

/// Parts of a system: its components over these agents.
pub(crate) fn parts_with(
    agent: PlainAgent,
    components: Vec<Box<dyn Component>>,
    stepping: Stepping,
) -> SystemParts {
    SystemParts {
        components,
        agent: Box::new(agent),
        stepping,
        commitment: Commitment::Checked,
    }
}
