//! A gate before the agents of nodes: a pod whose volumes are not on its node yet waits there, whatever the
//! system, and its agent hears of it once they are (spec: orchestrators-a.md section 9.6).

use super::parts::forward::forward;
use control::local_node::LocalNode;
use control::node::{Assignment, Report, StopOrder};
use control::{AgentOutput, NodeAgent};
use model::{PodRef, PodSpec};
use units::{Duration, Instant, PodId, SortedMap, SortedSet};

/// Agents whose pods wait for their volumes.
#[derive(Clone)]
pub struct AwaitsVolumes {
    inner: Box<dyn NodeAgent>,
    /// Pods that wait.
    waiting: SortedMap<PodId, Assignment>,
    /// Pods that come from other nodes while they run: their volumes come with them.
    arriving: SortedSet<PodId>,
}

impl AwaitsVolumes {
    /// A gate before agents.
    pub fn new(inner: Box<dyn NodeAgent>) -> Self {
        Self {
            inner,
            waiting: SortedMap::new(),
            arriving: SortedSet::new(),
        }
    }
}

impl NodeAgent for AwaitsVolumes {
    fn assigned(
        &mut self,
        now: Instant,
        assignment: Assignment,
        local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        let pod = assignment.pod;
        let has_arrived = self.arriving.remove(&pod.id);
        if !assignment.has_volumes || has_arrived {
            return self.inner.assigned(now, assignment, local, out);
        }
        if self.inner.knows_holds() {
            self.inner.held(pod);
            return self.inner.assigned(now, assignment, local, out);
        }
        self.waiting.insert(pod.id, assignment);
    }

    fn posts_status(&self) -> bool {
        self.inner.posts_status()
    }

    fn order_probes(&mut self) {
        self.inner.order_probes();
    }

    fn held(&mut self, pod: PodRef) {
        self.inner.held(pod);
    }

    fn knows_holds(&self) -> bool {
        true
    }

    fn arrives(&mut self, pod: PodRef, downtime: Duration) {
        self.arriving.insert(pod.id);
        self.inner.arrives(pod, downtime);
    }

    fn guest_speed_ppm(&self) -> u32 {
        self.inner.guest_speed_ppm()
    }

    fn guest_cores_milli(&self, spec: &PodSpec) -> Option<i64> {
        self.inner.guest_cores_milli(spec)
    }

    fn released(&mut self, now: Instant, pod: PodRef, local: LocalNode<'_>, out: &mut AgentOutput) {
        match self.waiting.remove(&pod.id) {
            Some(assignment) => self.inner.assigned(now, assignment, local, out),
            None => self.inner.released(now, pod, local, out),
        }
    }

    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput) {
        if self.waiting.remove(&order.pod.id).is_some() {
            out.reports.push(Report::Ended(order.pod, order.reason));
        } else {
            self.inner.stopping(now, order, out);
        }
    }

    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        if !self.waiting.contains_key(&assignment.pod.id) {
            self.inner.rebooted(now, assignment, order, out);
        } else if let Some(order) = order {
            self.stopping(now, order, out);
        }
    }

    fn relisted(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        if !self.waiting.contains_key(&pod.id) {
            self.inner.relisted(now, pod, out);
        }
    }

    forward!(inner: machine, image, node_woken, woken);

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}
