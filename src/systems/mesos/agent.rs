//! The agents of a Mesos cluster: tasks are never started again where they are. What ends has ended,
//! and what was on a host that went down is lost; its framework decides what follows.

use crate::parts::forward::forward;
use std::sync::Arc;

use crate::kubelet::{Kubelet, KubeletOptions};
use control::local_node::LocalNode;
use control::node::{Assignment, Report, StopOrder};
use control::{AgentOutput, NodeAgent};
use model::{EndReason, PodLife, PodSpec, RestartPolicy};
use units::Instant;

/// The agents of all nodes: probes and graceful stops are those of the kubelet, restarts are not.
#[derive(Clone, Debug)]
pub struct MesosAgent {
    inner: Kubelet,
    /// The last spec that was changed, and into what.
    last: Option<(Arc<PodSpec>, Arc<PodSpec>)>,
}

impl MesosAgent {
    /// Agents without tasks.
    pub fn new(options: KubeletOptions) -> Self {
        Self {
            inner: Kubelet::new(options),
            last: None,
        }
    }

    /// A task as its agent runs it.
    fn task(&mut self, mut assignment: Assignment) -> Assignment {
        let Some(life) = &assignment.spec.life else {
            return assignment;
        };
        if let Some((known, task)) = &self.last
            && Arc::ptr_eq(known, &assignment.spec)
        {
            assignment.spec = task.clone();
            return assignment;
        }
        let mut life = PodLife {
            restart: RestartPolicy::Never,
            ..(**life).clone()
        };
        // A health check that never passed does not count as passed: without a readiness check of its own, an
        // instance is ready once it is healthy (marathon `ReadinessBehavior.scala`, `instanceHealthBehavior`).
        for container in &mut life.containers {
            container.readiness = container.readiness.or(container.liveness);
        }
        let task = Arc::new(PodSpec {
            life: Some(Arc::new(life)),
            ..(*assignment.spec).clone()
        });
        self.last = Some((assignment.spec, task.clone()));
        assignment.spec = task;
        assignment
    }
}

impl NodeAgent for MesosAgent {
    fn assigned(
        &mut self,
        now: Instant,
        assignment: Assignment,
        local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        let assignment = self.task(assignment);
        self.inner.assigned(now, assignment, local, out);
    }

    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        let pod = assignment.pod;
        // What it reports of the restart is not what happens: the task is lost.
        let mut unheard = AgentOutput::default();
        self.inner.rebooted(now, assignment, order, &mut unheard);
        let reason = order.map_or(EndReason::NodeLost, |order| order.reason);
        out.reports.push(Report::Ended(pod, reason));
    }

    forward!(inner: stopping, relisted, machine, woken);

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}
