//! The plainest node agent: a pod starts as soon as it is assigned, runs until its processes end,
//! and is stopped when it is told to end or, if asked for, when it has run for its time limit.

use super::parts::time_limits::TimeLimits;
use control::local_node::LocalNode;
use control::node::{Assignment, Report, StopOrder};
use control::{AgentOutput, MachineCommand, MachineEvent, NodeAgent};
use model::{EndReason, EvictionCause, PodRef, Restarts};
use units::{Duration, Instant, NodeId, PodId};

/// The agents of all nodes.
#[derive(Clone, Debug)]
pub struct PlainAgent {
    time_limits: TimeLimits,
    /// Time for which a pod goes on that is told to end at its time limit.
    kill_wait: Duration,
    /// The pods on nodes, by slot.
    pods: Vec<Held>,
    /// Longest run times, where they are enforced; once pods run, the instants until which they
    /// may: in nanoseconds, [`ENDLESS`] without a limit, by slot as far as there are limits.
    limits: Vec<i64>,
}

/// A pod on its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    /// [`NOBODY`] where nobody lives.
    id: PodId,
    node: NodeId,
    running: bool,
    /// Whether somebody looks at its readiness: it is ready once it runs.
    is_owned: bool,
    /// Number of restarts.
    restarts: u32,
    /// Reason the pod is being stopped, if it is.
    stopping: Option<EndReason>,
}

const ENDLESS: i64 = i64::MAX;
/// No pod is given this identity: a store refuses to count so far.
const NOBODY: PodId = PodId(u32::MAX);

const VACANT: Held = Held {
    id: NOBODY,
    node: NodeId(0),
    running: false,
    is_owned: false,
    restarts: 0,
    stopping: None,
};

/// What is known of a pod that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// How often it was started again.
    pub(super) restarts: u32,
    /// Until when it may run; the end of time without a limit.
    pub(super) until: Instant,
}

impl PlainAgent {
    /// Agents without pods.
    pub fn new(time_limits: TimeLimits) -> Self {
        Self {
            time_limits,
            kill_wait: Duration::ZERO,
            pods: Vec::new(),
            limits: Vec::new(),
        }
    }

    /// These agents where a pod that is told to end at its time limit goes on until it is killed, so long
    /// after. Deadlines that a template states are none of these limits.
    #[must_use]
    pub fn with_kill_wait(self, kill_wait: Duration) -> Self {
        Self { kill_wait, ..self }
    }

    #[inline]
    fn limit(&self, pod: PodRef) -> i64 {
        let limit = self.limits.get(pod.slot.index());
        limit.copied().unwrap_or(ENDLESS)
    }

    #[inline]
    fn set_limit(&mut self, pod: PodRef, limit: i64) {
        let slot = pod.slot.index();
        if self.limits.len() <= slot && limit != ENDLESS {
            self.limits.resize(slot + 1, ENDLESS);
        }
        if let Some(known) = self.limits.get_mut(slot) {
            *known = limit;
        }
    }

    #[inline]
    fn held(&mut self, pod: PodRef) -> Option<&mut Held> {
        let held = self.pods.get_mut(pod.slot.index())?;
        (held.id == pod.id).then_some(held)
    }

    /// Gives up a pod that runs, to another agent of its node.
    pub(super) fn hand_over(&mut self, pod: PodRef) -> Option<Left> {
        let until = Instant::from_nanos(self.limit(pod));
        let held = self.held(pod).filter(|held| held.stopping.is_none())?;
        let restarts = held.restarts;
        self.pods[pod.slot.index()] = VACANT;
        Some(Left { restarts, until })
    }

    /// Orders a stop, once; the first reason counts.
    fn stop(&mut self, pod: PodRef, reason: EndReason, out: &mut AgentOutput) {
        if let Some(held) = self.held(pod)
            && held.stopping.is_none()
        {
            held.stopping = Some(reason);
            out.commands.push(MachineCommand::Stop {
                pod,
                node: held.node,
            });
        }
    }

    /// Takes a pod and starts it.
    pub(super) fn take(&mut self, assignment: &Assignment, out: &mut AgentOutput) {
        let Assignment {
            pod,
            node,
            time_limit,
            is_owned,
            ..
        } = *assignment;
        if self.pods.len() <= pod.slot.index() {
            self.pods.resize(pod.slot.index() + 1, VACANT);
        }
        // What a template states is a deadline, what a trace tells an estimate.
        let is_enforced = is_owned || self.time_limits == TimeLimits::Enforced;
        let limit = time_limit.filter(|_| is_enforced);
        let limit = limit.map(|limit| {
            if is_owned {
                limit
            } else {
                limit.saturating_add(self.kill_wait)
            }
        });
        self.pods[pod.slot.index()] = Held {
            id: pod.id,
            node,
            is_owned,
            ..VACANT
        };
        self.set_limit(pod, limit.map_or(ENDLESS, Duration::as_nanos));
        out.reports.push(Report::Starting(pod));
        out.commands.push(MachineCommand::Start { pod, node });
    }

    #[inline]
    fn ended(&mut self, pod: PodRef, reason: EndReason, out: &mut AgentOutput) {
        self.pods[pod.slot.index()] = VACANT;
        out.reports.push(Report::Ended(pod, reason));
    }
}

impl NodeAgent for PlainAgent {
    fn assigned(
        &mut self,
        _now: Instant,
        assignment: Assignment,
        _local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        self.take(&assignment, out);
    }

    fn stopping(&mut self, _now: Instant, order: StopOrder, out: &mut AgentOutput) {
        self.stop(order.pod, order.reason, out);
    }

    fn rebooted(
        &mut self,
        _now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        let (pod, node) = (assignment.pod, assignment.node);
        let Some(held) = self.held(pod) else {
            return;
        };
        let told = order.map(|order| order.reason).or(held.stopping);
        if told.is_none() && held.is_owned {
            held.restarts += 1;
            held.running = false;
            out.reports
                .push(Report::Restarted(pod, Restarts::of_one(held.restarts)));
            out.commands.push(MachineCommand::Start { pod, node });
        } else {
            self.ended(pod, told.unwrap_or(EndReason::NodeLost), out);
        }
    }

    fn relisted(&mut self, _now: Instant, pod: PodRef, out: &mut AgentOutput) {
        if let Some(held) = self.held(pod)
            && held.is_owned
            && held.running
            && held.stopping.is_none()
        {
            out.reports.push(Report::Ready(pod, true));
        }
    }

    fn machine(&mut self, now: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
        let limit = self.limit(pod);
        let Some(held) = self.held(pod) else {
            return;
        };
        match event {
            MachineEvent::Started => {
                out.reports.push(Report::Running(pod));
                if held.is_owned {
                    out.reports.push(Report::Ready(pod, true));
                }
                let was_running = std::mem::replace(&mut held.running, true);
                if limit != ENDLESS && !was_running {
                    let over = now.saturating_add(Duration::from_nanos(limit));
                    self.set_limit(pod, over.as_nanos());
                    out.wakes.push((over, pod));
                }
            }
            MachineEvent::Exited { code: 0, .. } => self.ended(pod, EndReason::Completed, out),
            MachineEvent::Exited { container, code } => {
                if held.is_owned {
                    out.reports.push(Report::Exited(pod, container, code));
                }
                let reason = held.stopping.unwrap_or(EndReason::Error);
                self.ended(pod, reason, out);
            }
            MachineEvent::Stopped => {
                let reason = held
                    .stopping
                    .unwrap_or(EndReason::Evicted(EvictionCause::Drain));
                self.ended(pod, reason, out);
            }
            // It never starts one by itself.
            MachineEvent::Container(..) => {}
        }
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let is_over = now.as_nanos() >= self.limit(pod);
        if is_over && self.held(pod).is_some_and(|held| held.running) {
            self.stop(pod, EndReason::TimeLimit, out);
        }
    }

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cluster::Store;
    use units::PodSlot;

    const NODE: NodeId = NodeId(4);
    const POD: PodRef = PodRef {
        id: PodId(7),
        slot: PodSlot(2),
    };
    const OTHER: PodRef = PodRef {
        id: PodId(8),
        slot: PodSlot(2),
    };

    #[derive(Clone, Copy, Debug)]
    enum Input {
        Assigned(PodRef, Option<i64>),
        Withdrawn(PodRef),
        Machine(PodRef, MachineEvent),
        Woken(PodRef),
    }

    /// Feeds inputs at whole seconds and expects what comes out of the last one.
    fn check(inputs: &[(i64, Input)], expected: (&[MachineCommand], &[Report], &[(i64, PodRef)])) {
        let mut agent = PlainAgent::new(TimeLimits::Enforced);
        let mut out = AgentOutput::default();
        for &(seconds, input) in inputs {
            out.clear();
            let now = Instant::from_secs(seconds);
            match input {
                Input::Assigned(pod, limit) => {
                    let time_limit = limit.map(Duration::from_secs);
                    agent.assigned(
                        now,
                        Assignment {
                            pod,
                            node: NODE,
                            time_limit,
                            is_owned: false,
                            has_volumes: false,
                            spec: std::sync::Arc::default(),
                            found: None,
                        },
                        LocalNode::new(&Store::new(), NODE),
                        &mut out,
                    );
                }
                Input::Withdrawn(pod) => {
                    let order = StopOrder {
                        pod,
                        node: NODE,
                        grace: Duration::ZERO,
                        reason: EndReason::Evicted(EvictionCause::Drain),
                    };
                    agent.stopping(now, order, &mut out);
                }
                Input::Machine(pod, event) => agent.machine(now, pod, event, &mut out),
                Input::Woken(pod) => agent.woken(now, pod, &mut out),
            }
        }
        assert_eq!(out.commands, expected.0, "{inputs:?}");
        assert_eq!(out.reports, expected.1, "{inputs:?}");
        let wakes: Vec<(Instant, PodRef)> = expected
            .2
            .iter()
            .map(|&(at, pod)| (Instant::from_secs(at), pod))
            .collect();
        assert_eq!(out.wakes, wakes, "{inputs:?}");
    }

    #[test]
    fn life_of_a_pod() {
        use Input::{Assigned, Machine, Withdrawn, Woken};
        use MachineEvent::{Exited, Started, Stopped};
        let start = MachineCommand::Start {
            pod: POD,
            node: NODE,
        };
        let stop = MachineCommand::Stop {
            pod: POD,
            node: NODE,
        };
        let mut steps = vec![(0, Assigned(POD, Some(10)))];
        check(&steps, (&[start], &[Report::Starting(POD)], &[]));
        steps.push((1, Machine(POD, Started)));
        check(&steps, (&[], &[Report::Running(POD)], &[(11, POD)]));
        let with = |more: &[(i64, Input)]| [&steps[..], more].concat();
        let ended = |reason| [Report::Ended(POD, reason)];
        let exited = |code| (5, Machine(POD, Exited { container: 0, code }));
        check(
            &with(&[exited(0)]),
            (&[], &ended(EndReason::Completed), &[]),
        );
        check(&with(&[exited(1)]), (&[], &ended(EndReason::Error), &[]));
        // The time limit.
        check(&with(&[(11, Woken(POD))]), (&[stop], &[], &[]));
        let stopped = (12, Machine(POD, Stopped));
        check(
            &with(&[(11, Woken(POD)), stopped]),
            (&[], &ended(EndReason::TimeLimit), &[]),
        );
        check(&with(&[(5, Woken(POD))]), (&[], &[], &[]));
        // A withdrawal, also before it runs; a second order to stop is none.
        check(&with(&[(5, Withdrawn(POD))]), (&[stop], &[], &[]));
        check(
            &with(&[(5, Withdrawn(POD)), (11, Woken(POD))]),
            (&[], &[], &[]),
        );
        check(
            &with(&[(5, Withdrawn(POD)), stopped]),
            (&[], &ended(EndReason::Evicted(EvictionCause::Drain)), &[]),
        );
        check(&[steps[0], (0, Withdrawn(POD))], (&[stop], &[], &[]));
        // It ended by itself while the order was on its way; what comes later is another's.
        let gone = with(&[(5, Withdrawn(POD)), exited(0)]);
        check(&gone, (&[], &ended(EndReason::Completed), &[]));
        let late = [
            &gone[..],
            &[stopped, (13, Assigned(OTHER, None)), (14, Woken(POD))],
        ]
        .concat();
        check(&late, (&[], &[], &[]));
    }

    #[test]
    fn a_pod_goes_on_from_its_limit_until_it_is_killed() {
        let wait = Duration::from_secs(30);
        let mut agent = PlainAgent::new(TimeLimits::Enforced).with_kill_wait(wait);
        for (is_owned, over) in [(false, 40), (true, 10)] {
            let mut out = AgentOutput::default();
            let assignment = Assignment {
                pod: POD,
                node: NODE,
                time_limit: Some(Duration::from_secs(10)),
                is_owned,
                has_volumes: false,
                spec: std::sync::Arc::default(),
                found: None,
            };
            agent.take(&assignment, &mut out);
            agent.machine(Instant::default(), POD, MachineEvent::Started, &mut out);
            assert_eq!(out.wakes, [(Instant::from_secs(over), POD)]);
        }
    }

    #[test]
    fn limits_may_be_ignored() {
        let mut agent = PlainAgent::new(TimeLimits::Ignored);
        let mut out = AgentOutput::default();
        let time_limit = Some(Duration::from_secs(1));
        agent.assigned(
            Instant::default(),
            Assignment {
                pod: POD,
                node: NODE,
                time_limit,
                is_owned: false,
                has_volumes: false,
                spec: std::sync::Arc::default(),
                found: None,
            },
            LocalNode::new(&Store::new(), NODE),
            &mut out,
        );
        agent.machine(Instant::default(), POD, MachineEvent::Started, &mut out);
        assert!(out.wakes.is_empty());
    }
}
