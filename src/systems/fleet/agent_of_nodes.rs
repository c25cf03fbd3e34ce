//! The agents of a Fleet's machines in a run: a unit that is still scheduled to its machine after a
//! reboot is started again there; what a cut-off machine runs goes on.

use crate::kubelet::{Kubelet, KubeletOptions};
use control::local_node::LocalNode;
use control::node::{Assignment, StopOrder};
use control::{AgentOutput, MachineEvent, NodeAgent};
use model::PodRef;
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
            ..assignment
        };
        self.inner.assigned(now, assignment, local, out);
    }

    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput) {
        self.inner.stopping(now, order, out);
    }

    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        self.inner.rebooted(now, assignment, order, out);
    }

    fn relisted(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        self.inner.relisted(now, pod, out);
    }

    fn machine(&mut self, now: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
        self.inner.machine(now, pod, event, out);
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        self.inner.woken(now, pod, out);
    }

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}
