//! The agents of a Fleet's machines in a run: a unit that is still scheduled to its machine after a
//! reboot is started again there; what a cut-off machine runs goes on.

use crate::parts::forward::forward;
use std::sync::Arc;

use crate::kubelet::{Kubelet, KubeletOptions};
use control::local_node::LocalNode;
use control::node::Assignment;
use control::{AgentOutput, NodeAgent};
use model::{PodLife, PodSpec};
use units::Instant;

/// The agents of all machines; systemd's restarts and stops are those of the kubelet.
#[derive(Clone, Debug)]
pub struct FleetAgent {
    inner: Kubelet,
}

impl FleetAgent {
    /// Agents without units.
    pub fn new(options: KubeletOptions) -> Self {
        Self {
            inner: Kubelet::new(options),
        }
    }
}

impl NodeAgent for FleetAgent {
    fn assigned(
        &mut self,
        now: Instant,
        assignment: Assignment,
        local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        // Whoever submitted it: its agent keeps what the registry says.
        let assignment = Assignment {
            is_owned: true,
            spec: without_readiness(assignment.spec),
            ..assignment
        };
        self.inner.assigned(now, assignment, local, out);
    }

    forward!(inner: stopping, rebooted, relisted, machine, woken);

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}

/// The spec of a pod as systemd runs it: it asks no unit whether it serves.
fn without_readiness(spec: Arc<PodSpec>) -> Arc<PodSpec> {
    let is_asked = |life: &Arc<PodLife>| life.containers.iter().any(|own| own.readiness.is_some());
    if !spec.life.as_ref().is_some_and(is_asked) {
        return spec;
    }
    let mut spec = (*spec).clone();
    for life in spec.life.iter_mut().map(Arc::make_mut) {
        for container in &mut life.containers {
            container.readiness = None;
        }
    }
    Arc::new(spec)
}
