//! The agents of all nodes: each walks its tasks up the [`Ladder`], prepared first and started when
//! the manager says so; what ended is not started again (spec: orchestrators-a.md section 2.1;
//! swarmkit `agent/exec/controller.go`).
//!
//! A pod's start is reported once it is prepared, for that is what its manager waits for.

use control::local_node::LocalNode;
use control::node::{Assignment, Report, StopOrder};
use control::{AgentOutput, MachineCommand, MachineEvent, NodeAgent};
use model::exit::{KILLED, TERMINATED};
use model::{EndReason, PodRef};
use units::{Duration, Instant, NodeId, PodId, SortedMap, SortedSet};

use crate::parts::health_check::{self, HealthVerdict};

use super::ladder::{Action, Happening, Ladder};
use super::task::{DesiredState, TaskState};

/// Times of steps that no other part knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimes {
    /// Time to pull the image and make the container.
    pub prepare: Duration,
    /// Time to stop the container.
    pub stop: Duration,
}

/// The agents.
#[derive(Clone, Debug)]
pub struct SwarmKitAgent {
    times: StepTimes,
    tasks: SortedMap<PodId, Task>,
    /// Pods that are to be held back once they are assigned.
    held: SortedSet<PodId>,
}

#[derive(Clone, Debug)]
struct Task {
    node: NodeId,
    ladder: Ladder,
    is_owned: bool,
    /// Instant at which the step under way is done.
    due: Option<(Instant, Step)>,
    /// Verdict of the task's health check, from its start on.
    health: Option<HealthVerdict>,
    /// Number of its container.
    container: u16,
    /// The code that it ends with if it is found unhealthy.
    code: i32,
    is_unhealthy: bool,
    /// Reason the task is being stopped.
    reason: Option<EndReason>,
    is_up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Prepare,
    Stop,
    /// The task's health check is passed.
    Healthy,
    /// The task's health check has failed.
    Unhealthy,
}

/// Least time for a container that is asked to end.
const STOP_GRACE: Duration = Duration::from_secs(10);

impl Task {
    /// A step of its health check is due so much later, unless something else is under way.
    fn expect(
        &mut self,
        now: Instant,
        pod: PodRef,
        step: Option<(Duration, Step)>,
        out: &mut AgentOutput,
    ) {
        let Some((after, step)) = step.filter(|_| self.due.is_none()) else {
            return;
        };
        let at = now.saturating_add(after);
        self.due = Some((at, step));
        out.wakes.push((at, pod));
    }
}

impl SwarmKitAgent {
    /// Agents without tasks.
    pub fn new(times: StepTimes) -> Self {
        Self {
            times,
            tasks: SortedMap::new(),
            held: SortedSet::new(),
        }
    }

    fn act(&mut self, now: Instant, pod: PodRef, action: Option<Action>, out: &mut AgentOutput) {
        let times = self.times;
        let Some(task) = self.tasks.get_mut(&pod.id) else {
            return;
        };
        let (step, takes) = match action {
            Some(Action::Prepare) => (Step::Prepare, times.prepare),
            Some(Action::Stop) => (Step::Stop, times.stop),
            Some(Action::Start) => {
                let node = task.node;
                out.commands.push(MachineCommand::Start { pod, node });
                return;
            }
            None => return,
        };
        let at = now.saturating_add(takes);
        task.due = Some((at, step));
        if takes > Duration::ZERO {
            out.wakes.push((at, pod));
        } else {
            self.done(now, pod, out);
        }
    }

    /// The step under way is done.
    fn done(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let Some(task) = self.tasks.get_mut(&pod.id) else {
            return;
        };
        let Some((_, step)) = task.due.take() else {
            return;
        };
        match step {
            Step::Prepare => {
                out.reports.push(Report::Starting(pod));
                let action = task.ladder.happened(Happening::Prepared);
                self.act(now, pod, action, out);
            }
            Step::Stop if task.ladder.observed() >= TaskState::Starting => {
                let node = task.node;
                out.commands.push(MachineCommand::Stop { pod, node });
            }
            Step::Healthy => self.runs(now, pod, out),
            Step::Unhealthy => {
                task.is_unhealthy = true;
                let node = task.node;
                out.commands.push(MachineCommand::Stop { pod, node });
            }
            // There is no process to stop.
            Step::Stop => self.ended(pod, Happening::Stopped, EndReason::Cancelled, out),
        }
    }

    /// It runs: its process is up, and its health check is passed if it has one.
    fn runs(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let Some(task) = self.tasks.get_mut(&pod.id) else {
            return;
        };
        task.is_up = true;
        out.reports.push(Report::Running(pod));
        if task.is_owned {
            out.reports.push(Report::Ready(pod, true));
        }
        if let Some(HealthVerdict {
            healthy: Some(healthy),
            unhealthy: Some(unhealthy),
        }) = task.health
        {
            let left = Duration::from_nanos(unhealthy.as_nanos() - healthy.as_nanos());
            task.expect(now, pod, Some((left, Step::Unhealthy)), out);
        }
        let action = task.ladder.happened(Happening::Started);
        self.act(now, pod, action, out);
    }

    fn ended(
        &mut self,
        pod: PodRef,
        happening: Happening,
        reason: EndReason,
        out: &mut AgentOutput,
    ) {
        if let Some(mut task) = self.tasks.remove(&pod.id) {
            task.ladder.happened(happening);
            let reason = match task.reason {
                Some(ordered) => ordered,
                None => reason,
            };
            out.reports.push(Report::Ended(pod, reason));
        }
    }
}

impl NodeAgent for SwarmKitAgent {
    fn held(&mut self, pod: PodRef) {
        self.held.insert(pod.id);
    }

    fn assigned(
        &mut self,
        now: Instant,
        assignment: Assignment,
        _local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        let pod = assignment.pod;
        let desired = if self.held.remove(&pod.id) {
            DesiredState::Ready
        } else {
            DesiredState::Running
        };
        let mut ladder = Ladder::new(desired);
        let action = ladder.advance();
        let life = assignment.spec.main_life();
        let check = life.and_then(|life| Some((life.health_check?, &life.application)));
        let health = check.map(|(check, application)| health_check::judge(check, application));
        // A container is given ten seconds to end.
        let is_slow = life.is_some_and(|life| life.application.stop_time > STOP_GRACE);
        let code = if is_slow { KILLED } else { TERMINATED };
        let task = Task {
            node: assignment.node,
            ladder,
            health,
            container: assignment.spec.main_container() as u16,
            code,
            is_unhealthy: false,
            is_owned: assignment.is_owned,
            due: None,
            reason: None,
            is_up: false,
        };
        self.tasks.insert(pod.id, task);
        self.act(now, pod, action, out);
    }

    fn knows_holds(&self) -> bool {
        true
    }

    fn released(
        &mut self,
        now: Instant,
        pod: PodRef,
        _local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        if let Some(task) = self.tasks.get_mut(&pod.id) {
            let action = task.ladder.want(DesiredState::Running);
            self.act(now, pod, action, out);
        }
    }

    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput) {
        let pod = order.pod;
        let Some(task) = self.tasks.get_mut(&pod.id) else {
            // It was lost with its host, or never came here.
            out.reports.push(Report::Ended(pod, order.reason));
            return;
        };
        task.reason.get_or_insert(order.reason);
        let action = task.ladder.want(DesiredState::Shutdown);
        self.act(now, pod, action, out);
    }

    fn rebooted(
        &mut self,
        _now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        // Its container is gone: a task is never started again in place.
        let pod = assignment.pod;
        self.tasks.remove(&pod.id);
        let reason = order.map_or(EndReason::Error, |order| order.reason);
        out.reports.push(Report::Ended(pod, reason));
    }

    fn relisted(&mut self, _now: Instant, pod: PodRef, out: &mut AgentOutput) {
        if let Some(task) = self.tasks.get(&pod.id)
            && task.is_up
        {
            out.reports.push(Report::Running(pod));
            if task.is_owned {
                out.reports.push(Report::Ready(pod, true));
            }
        }
    }

    fn machine(&mut self, now: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
        let Some(task) = self.tasks.get_mut(&pod.id) else {
            return;
        };
        match event {
            MachineEvent::Started => {
                match task.health {
                    // It is starting until its health check is passed.
                    Some(health) => {
                        let healthy = health.healthy.map(|after| (after, Step::Healthy));
                        let unhealthy = health.unhealthy.map(|after| (after, Step::Unhealthy));
                        task.expect(now, pod, healthy.or(unhealthy), out);
                    }
                    None => self.runs(now, pod, out),
                }
            }
            MachineEvent::Exited { container, code } => {
                let success = code == 0;
                if task.is_owned && !success {
                    out.reports.push(Report::Exited(pod, container, code));
                }
                let reason = if success {
                    EndReason::Completed
                } else {
                    EndReason::Error
                };
                task.reason = None;
                self.ended(pod, Happening::Exited { success }, reason, out);
            }
            MachineEvent::Stopped if task.is_unhealthy => {
                let code = task.code;
                if task.is_owned {
                    out.reports.push(Report::Exited(pod, task.container, code));
                }
                self.ended(pod, Happening::Failed, EndReason::Error, out);
            }
            MachineEvent::Stopped => {
                self.ended(pod, Happening::Stopped, EndReason::Cancelled, out);
            }
            // A task is one container.
            MachineEvent::Container(..) => {}
        }
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let task = self.tasks.get(&pod.id);
        let due = task.and_then(|task| task.due);
        if due.is_some_and(|(at, _)| at <= now) {
            self.done(now, pod, out);
        }
    }

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}
