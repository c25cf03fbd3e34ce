//! Systems that run jobs alone: their components decide where and when tasks start, and plain agents run
//! them.

use cluster::Commitment;
use control::{Component, Stepping};

use super::capability::{self, Capability, INIT_IN_START, Row, rows};
use super::entry::{SystemParts, SystemRequest};
use super::plain_agent::PlainAgent;

const REASON: &str = "it supports only jobs";

/// Capabilities that all of these systems have alike.
const SHARED: &[Row] = &rows! {
    CpuFractions: Yes("thousandths of a core"),
    WholeGpus: Yes("the first free devices"),
    GpuChoice: Yes("devices of any of the models"),
    GpuShares: Yes("the first device with room"),
    Needs: Without("assumed to exist"),
    InitContainers: Without(INIT_IN_START),
    RestartInPlace: Without("ended containers are not restarted"),
    LivenessProbes: Without("not probed"),
    Replicas | RollingUpdate | StatefulSet | DaemonSet | Job | CronJob: Refused(REASON),
    OtherObjects: Without(REASON),
    Overcommit: Without("never"),
    FailureDetection: Yes("detected at once"),
};

/// Capabilities of a system: its own ones and those that all have alike.
pub(crate) const fn capabilities(own: &[Row]) -> [Row; Capability::ALL.len()] {
    capability::table(own, SHARED)
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
