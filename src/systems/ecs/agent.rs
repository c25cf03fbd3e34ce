//! Agents of container instances: a task runs until its processes end, and one that is stopped
//! takes its time, up to its grace (spec: orchestrators-a.md section 7.2: SIGTERM, SIGKILL after 30 s).

use control::local_node::LocalNode;
use control::node::{Assignment, Report, StopOrder};
use control::{AgentOutput, MachineEvent, NodeAgent};
use model::{EndReason, PodRef, PodSpec};
use units::{Duration, Instant, PodId, SortedMap};

use crate::parts::time_limits::TimeLimits;
use crate::plain_agent::PlainAgent;

/// The agents of all instances.
#[derive(Clone, Debug)]
pub(super) struct EcsAgent {
    plain: PlainAgent,
    /// Tasks whose containers take time to stop.
    slow: SortedMap<PodId, Slow>,
}

/// A task that takes time to stop.
#[derive(Clone, Copy, Debug)]
struct Slow {
    stop_time: Duration,
    is_up: bool,
    /// The order to stop, and when the task has stopped.
    leaving: Option<(Instant, StopOrder)>,
}

impl EcsAgent {
    /// Agents without tasks.
    pub(super) fn new(time_limits: TimeLimits) -> Self {
        Self {
            plain: PlainAgent::new(time_limits),
            slow: SortedMap::new(),
        }
    }
}

/// The longest of the times that a task's containers take to stop.
fn stop_time(spec: &PodSpec) -> Duration {
    let times = spec
        .main_lives()
        .map(|(_, life)| life.application.stop_time);
    times.max().unwrap_or(Duration::ZERO)
}

impl NodeAgent for EcsAgent {
    fn assigned(
        &mut self,
        now: Instant,
        assignment: Assignment,
        local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        let stop_time = stop_time(&assignment.spec);
        if stop_time > Duration::ZERO {
            let slow = Slow {
                stop_time,
                is_up: false,
                leaving: None,
            };
            self.slow.insert(assignment.pod.id, slow);
        }
        self.plain.assigned(now, assignment, local, out);
    }

    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput) {
        let slow = self.slow.get_mut(&order.pod.id).filter(|own| own.is_up);
        let Some(slow) = slow else {
            return self.plain.stopping(now, order, out);
        };
        let at = now.saturating_add(slow.stop_time.min(order.grace));
        // A second order can only shorten the grace, and the first reason counts.
        let before = slow.leaving.unwrap_or((at, order));
        let at = at.min(before.0);
        slow.leaving = Some((at, before.1));
        if at <= now {
            self.slow.remove(&order.pod.id);
            self.plain.stopping(now, before.1, out);
        } else {
            out.wakes.push((at, order.pod));
        }
    }

    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        let slow = self.slow.get_mut(&assignment.pod.id);
        let left = slow.and_then(|own| {
            own.is_up = false;
            own.leaving.take()
        });
        let order = order.or(left.map(|(_, order)| order));
        // The agent starts no container again: it reports that the task has stopped, and its service starts
        // another one.
        if order.is_none() && self.plain.hand_over(assignment.pod).is_some() {
            self.slow.remove(&assignment.pod.id);
            let lost = Report::Ended(assignment.pod, EndReason::NodeLost);
            return out.reports.push(lost);
        }
        self.plain.rebooted(now, assignment, order, out);
    }

    fn relisted(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        self.plain.relisted(now, pod, out);
    }

    fn machine(&mut self, now: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
        match event {
            MachineEvent::Started => {
                if let Some(slow) = self.slow.get_mut(&pod.id) {
                    slow.is_up = true;
                }
            }
            MachineEvent::Exited { .. } | MachineEvent::Stopped => {
                self.slow.remove(&pod.id);
            }
            MachineEvent::Container(..) => {}
        }
        self.plain.machine(now, pod, event, out);
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let leaving = self.slow.get(&pod.id).and_then(|own| own.leaving);
        match leaving {
            Some((at, order)) if at <= now => {
                self.slow.remove(&pod.id);
                self.plain.stopping(now, order, out);
            }
            Some(_) => {}
            None => self.plain.woken(now, pod, out),
        }
    }

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use cluster::Store;
    use control::MachineCommand;
    use model::pod_life::ContainerLife;
    use model::{Container, PodLife};
    use units::{NodeId, PodSlot};

    use super::*;

    const NODE: NodeId = NodeId(0);
    const POD: PodRef = PodRef {
        id: PodId(1),
        slot: PodSlot(0),
    };

    fn at(secs: i64) -> Instant {
        Instant::from_secs(secs)
    }

    fn order(grace: i64) -> StopOrder {
        StopOrder {
            pod: POD,
            node: NODE,
            grace: Duration::from_secs(grace),
            reason: EndReason::Cancelled,
        }
    }

    /// The agent of a task that takes five seconds to stop.
    fn agent() -> EcsAgent {
        let mut life = ContainerLife::default();
        life.application.stop_time = Duration::from_secs(5);
        let life = PodLife {
            containers: vec![life],
            ..PodLife::default()
        };
        let spec = PodSpec {
            containers: vec![Container::default()],
            life: Some(life.into()),
            ..PodSpec::default()
        };
        let assignment = Assignment {
            pod: POD,
            node: NODE,
            time_limit: None,
            is_owned: true,
            has_volumes: false,
            spec: spec.into(),
            found: None,
        };
        let mut agent = EcsAgent::new(TimeLimits::Enforced);
        let (store, mut out) = (Store::new(), AgentOutput::default());
        agent.assigned(at(0), assignment, LocalNode::new(&store, NODE), &mut out);
        agent
    }

    const STOP: MachineCommand = MachineCommand::Stop {
        pod: POD,
        node: NODE,
    };

    #[test]
    fn a_task_takes_its_time_to_stop_up_to_its_grace() {
        for (grace, stopped) in [(30, 105), (5, 105), (2, 102), (0, 100)] {
            let (mut agent, mut out) = (agent(), AgentOutput::default());
            agent.machine(at(10), POD, MachineEvent::Started, &mut out);
            out.clear();
            agent.stopping(at(100), order(grace), &mut out);
            if stopped > 100 {
                assert_eq!(
                    (&*out.commands, &*out.wakes),
                    (&[][..], &[(at(stopped), POD)][..])
                );
                out.clear();
                agent.woken(at(stopped), POD, &mut out);
            }
            assert_eq!(out.commands, [STOP], "{grace}");
        }
    }

    #[test]
    fn a_second_order_shortens_the_time_and_what_never_ran_stops_at_once() {
        let (mut agent, mut out) = (agent(), AgentOutput::default());
        agent.stopping(at(1), order(30), &mut out);
        assert_eq!(out.commands, [STOP]);
        let mut agent = self::agent();
        agent.machine(at(10), POD, MachineEvent::Started, &mut out);
        agent.stopping(at(100), order(30), &mut out);
        agent.stopping(at(101), order(1), &mut out);
        out.clear();
        agent.woken(at(102), POD, &mut out);
        assert_eq!(out.commands, [STOP]);
        out.clear();
        agent.woken(at(105), POD, &mut out);
        assert!(out.commands.is_empty());
    }
}
