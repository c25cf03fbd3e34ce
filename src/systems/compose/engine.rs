//! The container engine of the host: it starts containers, checks their health, and starts those
//! that end again as their restart policy says (spec: orchestrators-a.md sections 3 and 9.4; moby
//! `restartmanager`).

use control::local_node::LocalNode;
use control::node::{Assignment, Report, StopOrder};
use control::{AgentOutput, MachineCommand, MachineEvent, NodeAgent};
use model::{EndReason, Object, PodRef};
use units::{Duration, Instant, NodeId, PodId, SortedMap};

use super::options::ComposeOptions;
use super::project::{service_name, service_of};
use super::restart::{RestartPolicy, Restarts};
use crate::parts::health_check::{self, HealthState};

/// Something that is due for a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// It is started again.
    Restart,
    /// The health check of the container comes to another state.
    Health(HealthState),
}

/// A container on the host.
#[derive(Clone, Debug)]
struct Held {
    node: NodeId,
    is_owned: bool,
    restarts: Restarts,
    /// States that its health check comes to, and when, from its start on.
    health: Option<Vec<(Duration, HealthState)>>,
    /// Instant since which it runs.
    up_since: Option<Instant>,
    is_ready: bool,
    /// Number of restarts that were reported.
    restarts_told: u32,
    due: Vec<(Instant, Due)>,
    /// Reason it is being stopped.
    stopping: Option<EndReason>,
}

/// Engines of all hosts.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    options: ComposeOptions,
    containers: SortedMap<PodId, Held>,
}

impl Held {
    fn expect(&mut self, at: Instant, pod: PodRef, due: Due, out: &mut AgentOutput) {
        self.due.push((at, due));
        out.wakes.push((at, pod));
    }

    fn set_ready(&mut self, pod: PodRef, is_ready: bool, out: &mut AgentOutput) {
        self.is_ready = is_ready;
        if self.is_owned {
            out.reports.push(Report::Ready(pod, is_ready));
        }
    }

    /// The container runs: it counts as healthy at once unless a check has to say so.
    fn started(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        self.up_since = Some(now);
        out.reports.push(Report::Running(pod));
        let count = self.restarts.count();
        if std::mem::replace(&mut self.restarts_told, count) < count {
            let restarts = model::Restarts::of_one(count);
            out.reports.push(Report::Restarted(pod, restarts));
        }
        let Some(health) = &self.health else {
            return self.set_ready(pod, true, out);
        };
        let states = health.iter();
        self.due.extend(states.map(|&(after, state)| {
            let at = now.saturating_add(after);
            out.wakes.push((at, pod));
            (at, Due::Health(state))
        }));
    }

    /// Its health check came to a state.
    fn checked(&mut self, pod: PodRef, state: HealthState, out: &mut AgentOutput) {
        if state == HealthState::Healthy {
            return self.set_ready(pod, true, out);
        }
        self.is_ready = false;
        if self.is_owned {
            out.reports.push(Report::Unhealthy(pod));
        }
    }

    /// The container ended with a code: the reason for its end, unless it is started again.
    fn exited(
        &mut self,
        now: Instant,
        pod: PodRef,
        container: u16,
        code: i32,
        out: &mut AgentOutput,
    ) -> Option<EndReason> {
        let ran = self
            .up_since
            .take()
            .map_or(Duration::ZERO, |up| now.since(up));
        self.due.clear();
        let delay = match self.stopping {
            None => self.restarts.ended(code, ran),
            Some(_) => None,
        };
        // One that does its work and stays away is no fault.
        let is_done = delay.is_none() && code == 0 && self.stopping.is_none();
        if self.is_owned && !is_done {
            out.reports.push(Report::Exited(pod, container, code));
        }
        if let Some(reason) = self.stopping {
            return Some(reason);
        }
        match delay {
            Some(delay) => {
                if self.is_ready {
                    self.set_ready(pod, false, out);
                }
                self.expect(now.saturating_add(delay), pod, Due::Restart, out);
                None
            }
            None if code == 0 => Some(EndReason::Completed),
            None => Some(EndReason::Error),
        }
    }
}

impl Engine {
    /// Engines without containers.
    pub(super) const fn new(options: ComposeOptions) -> Self {
        Self {
            options,
            containers: SortedMap::new(),
        }
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason, out: &mut AgentOutput) {
        self.containers.remove(&pod.id);
        out.reports.push(Report::Ended(pod, reason));
    }
}

impl NodeAgent for Engine {
    fn assigned(
        &mut self,
        _now: Instant,
        assignment: Assignment,
        local: LocalNode<'_>,
        out: &mut AgentOutput,
    ) {
        let (pod, node) = (assignment.pod, assignment.node);
        let owner = local.owner(pod);
        let service = owner.map_or_else(
            || service_of(&assignment.spec).into(),
            |object| service_name(object, &assignment.spec),
        );
        let own = self.options.services.get(&*service);
        let restart = own.and_then(|own| own.restart).unwrap_or(match owner {
            Some(Object::Job(job)) => RestartPolicy::of_job(job.backoff_limit),
            _ => RestartPolicy::No,
        });
        let life = assignment.spec.main_life();
        let check = life.and_then(|life| Some((life.health_check?, &life.application)));
        let held = Held {
            node,
            is_owned: assignment.is_owned,
            restarts: Restarts::new(restart),
            health: check.map(|(check, application)| health_check::changes(check, application)),
            up_since: None,
            is_ready: false,
            restarts_told: 0,
            due: Vec::new(),
            stopping: None,
        };
        self.containers.insert(pod.id, held);
        out.reports.push(Report::Starting(pod));
        out.commands.push(MachineCommand::Start { pod, node });
    }

    fn stopping(&mut self, _now: Instant, order: StopOrder, out: &mut AgentOutput) {
        let pod = order.pod;
        let Some(held) = self.containers.get_mut(&pod.id) else {
            out.reports.push(Report::Ended(pod, order.reason));
            return;
        };
        let is_first = held.stopping.replace(order.reason).is_none();
        let awaits_restart = held.due.iter().any(|&(_, due)| due == Due::Restart);
        if awaits_restart {
            // There is no process to stop.
            self.ended(pod, order.reason, out);
        } else if is_first {
            let node = held.node;
            out.commands.push(MachineCommand::Stop { pod, node });
        }
    }

    fn rebooted(
        &mut self,
        _now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        let pod = assignment.pod;
        let Some(held) = self.containers.get_mut(&pod.id) else {
            return;
        };
        let ordered = order.map(|order| order.reason).or(held.stopping);
        held.due.clear();
        held.up_since = None;
        if let Some(reason) = ordered {
            self.ended(pod, reason, out);
        } else if held.restarts.survives_reboot() {
            let node = held.node;
            if held.is_ready {
                held.set_ready(pod, false, out);
            }
            out.commands.push(MachineCommand::Start { pod, node });
        } else {
            self.ended(pod, EndReason::Error, out);
        }
    }

    fn relisted(&mut self, _now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let held = self.containers.get(&pod.id);
        if let Some(held) = held.filter(|held| held.up_since.is_some()) {
            out.reports.push(Report::Running(pod));
            if held.is_owned && held.is_ready {
                out.reports.push(Report::Ready(pod, true));
            }
        }
    }

    fn machine(&mut self, now: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
        let Some(held) = self.containers.get_mut(&pod.id) else {
            return;
        };
        let reason = match event {
            MachineEvent::Started => {
                held.started(now, pod, out);
                None
            }
            MachineEvent::Exited { container, code } => held.exited(now, pod, container, code, out),
            MachineEvent::Stopped => Some(held.stopping.unwrap_or(EndReason::Cancelled)),
            // A service's container is the only one of its pod.
            MachineEvent::Container(..) => None,
        };
        if let Some(reason) = reason {
            self.ended(pod, reason, out);
        }
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let Some(held) = self.containers.get_mut(&pod.id) else {
            return;
        };
        let due = std::mem::take(&mut held.due);
        let (now_due, later) = due.into_iter().partition(|&(at, _)| at <= now);
        held.due = later;
        let now_due: Vec<(Instant, Due)> = now_due;
        for (_, due) in now_due {
            match due {
                Due::Restart => {
                    let node = held.node;
                    out.commands.push(MachineCommand::Start { pod, node });
                }
                Due::Health(state) => held.checked(pod, state, out),
            }
        }
    }

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}
