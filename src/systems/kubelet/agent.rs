//! The agents of all nodes, as kubelets.

use std::collections::BTreeMap;

use super::{Application, Applications, CrashLoop, Probes, Verdicts, judge};
use crate::control::node::{Assignment, Report, StopOrder};
use crate::control::{AgentOutput, MachineCommand, MachineEvent, NodeAgent};
use crate::model::{ContainerLife, EndReason, PodLife, PodRef, PodSpec, RestartPolicy};
use crate::systems::entry::TimeLimits;
use crate::systems::plain_agent::PlainAgent;
use crate::units::{Duration, Instant, NodeId, PodId};

/// What a container that is to be killed gets at least (spec: kubernetes.md part 4).
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// Kubelets.
#[derive(Clone, Debug)]
pub struct Kubelet {
    applications: Applications,
    /// Pods of which nothing is said.
    plain: PlainAgent,
    pods: BTreeMap<PodId, Held>,
}

/// A pod on its node. Its containers start and end together.
#[derive(Clone, Debug)]
struct Held {
    node: NodeId,
    restart: RestartPolicy,
    /// Of every container: its probes, and what its application does.
    containers: Vec<(ContainerLife, Application)>,
    /// When it was first started.
    since: Option<Instant>,
    is_up: bool,
    is_ready: bool,
    restarts: u32,
    back_off: CrashLoop,
    /// What is due of it.
    verdicts: Verdicts,
    restart_at: Option<Instant>,
    /// Why it ends, and when it is stopped at the latest.
    stopping: Option<(EndReason, Instant)>,
}

impl Held {
    fn new(assignment: &Assignment, applications: &Applications) -> Self {
        let spec: &PodSpec = &assignment.spec;
        let life = spec.life.as_deref();
        let of = |place: usize| {
            let stated = life.and_then(|life: &PodLife| life.containers.get(place));
            stated.copied().unwrap_or_default()
        };
        let containers = spec.containers.iter().enumerate();
        Self {
            node: assignment.node,
            restart: life.map_or(RestartPolicy::Always, |life| life.restart),
            containers: containers
                .map(|(place, container)| {
                    let application = applications.get(&container.image);
                    (of(place), application.copied().unwrap_or_default())
                })
                .collect(),
            since: None,
            is_up: false,
            is_ready: false,
            restarts: 0,
            back_off: CrashLoop::default(),
            verdicts: Verdicts::default(),
            restart_at: None,
            stopping: None,
        }
    }

    /// What probes will come to of a run that begins now: the pod is ready while all its containers
    /// are, and the first that is killed takes the others along.
    fn judge(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let mut all = Verdicts {
            ready: Some(now),
            ..Verdicts::default()
        };
        for &(life, application) in &self.containers {
            let one = judge(&Probes { life, since }, now, application.health);
            all.ready = all.ready.zip(one.ready).map(|(a, b)| a.max(b));
            all.unready = all.unready.into_iter().chain(one.unready).min();
            all.killed = all.killed.into_iter().chain(one.killed).min();
        }
        let limit = all.unready.into_iter().chain(all.killed).min();
        all.ready = all.ready.filter(|&at| limit.is_none_or(|limit| at < limit));
        self.verdicts = all;
    }

    /// How long its containers take to end once they are asked to.
    fn stop_time(&self) -> Duration {
        let each = self.containers.iter().map(|(life, application)| {
            let hook = life.pre_stop.checked_add(application.stop_time);
            hook.unwrap_or(Duration::MAX)
        });
        each.max().unwrap_or_default()
    }

    /// When something is due of it next.
    fn next(&self) -> Option<Instant> {
        let stop = self.stopping.map(|(_, at)| at);
        let Verdicts {
            ready,
            unready,
            killed,
        } = self.verdicts;
        [stop, self.restart_at, ready, unready, killed]
            .into_iter()
            .flatten()
            .min()
    }

    fn set_ready(&mut self, pod: PodRef, ready: bool, out: &mut AgentOutput) {
        if self.is_ready != ready {
            self.is_ready = ready;
            out.reports.push(Report::Ready(pod, ready));
        }
    }

    /// Its containers ended; returns why the pod did, if it did.
    fn exited(
        &mut self,
        now: Instant,
        pod: PodRef,
        success: bool,
        out: &mut AgentOutput,
    ) -> Option<EndReason> {
        (self.is_up, self.verdicts) = (false, Verdicts::default());
        if let Some((reason, _)) = self.stopping {
            return Some(reason);
        }
        if !self.restart.restarts(success) {
            return Some(if success {
                EndReason::Completed
            } else {
                EndReason::Error
            });
        }
        self.set_ready(pod, false, out);
        self.restart_at = Some(self.back_off.restart_at(now));
        None
    }

    /// Does what is due.
    fn due(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let node = self.node;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let is_over = |stopping: Option<(EndReason, Instant)>| is_due(stopping.map(|(_, at)| at));
        if self.is_up && (is_over(self.stopping) || is_due(self.verdicts.killed)) {
            self.verdicts = Verdicts::default();
            if let Some((_, at)) = &mut self.stopping {
                *at = Instant::MAX;
            }
            out.commands.push(MachineCommand::Stop { pod, node });
            return;
        }
        if is_due(self.restart_at) {
            self.restart_at = None;
            self.restarts += 1;
            out.reports.push(Report::Restarted(pod, self.restarts));
            out.commands.push(MachineCommand::Start { pod, node });
        }
        if is_due(self.verdicts.ready) {
            self.verdicts.ready = None;
            self.set_ready(pod, true, out);
        }
        if is_due(self.verdicts.unready) {
            self.verdicts.unready = None;
            self.set_ready(pod, false, out);
        }
    }
}

impl Kubelet {
    /// Kubelets without pods.
    pub fn new(applications: Applications, time_limits: TimeLimits) -> Self {
        Self {
            applications,
            plain: PlainAgent::new(time_limits),
            pods: BTreeMap::new(),
        }
    }

    /// Does what is due of a pod, and asks to be woken for what comes next.
    fn settle(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        let Some(held) = self.pods.get_mut(&pod.id) else {
            return;
        };
        held.due(now, pod, out);
        if let Some(at) = held.next().filter(|&at| at != Instant::MAX) {
            out.wakes.push((at, pod));
        }
    }

    fn ended(&mut self, pod: PodRef, reason: EndReason, out: &mut AgentOutput) {
        self.pods.remove(&pod.id);
        out.reports.push(Report::Ended(pod, reason));
    }
}

impl NodeAgent for Kubelet {
    fn assigned(&mut self, now: Instant, assignment: Assignment, out: &mut AgentOutput) {
        if assignment.spec.life.is_none() {
            return self.plain.assigned(now, assignment, out);
        }
        let (pod, node) = (assignment.pod, assignment.node);
        let held = Held::new(&assignment, &self.applications);
        self.pods.insert(pod.id, held);
        out.reports.push(Report::Starting(pod));
        out.commands.push(MachineCommand::Start { pod, node });
    }

    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput) {
        let pod = order.pod;
        let Some(held) = self.pods.get_mut(&pod.id) else {
            return self.plain.stopping(now, order, out);
        };
        if !held.is_up {
            let reason = held.stopping.map_or(order.reason, |(reason, _)| reason);
            if held.restart_at.is_none() {
                let node = held.node;
                held.stopping = Some((reason, Instant::MAX));
                out.commands.push(MachineCommand::Stop { pod, node });
            } else {
                self.ended(pod, reason, out);
            }
            return;
        }
        let grace = order.grace.max(LEAST_GRACE);
        let at = now.saturating_add(held.stop_time().min(grace));
        held.stopping = Some(match held.stopping {
            None => (order.reason, at),
            Some((reason, known)) => (reason, known.min(at)),
        });
        (held.verdicts.killed, held.restart_at) = (None, None);
        self.settle(now, pod, out);
    }

    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    ) {
        let pod = assignment.pod;
        let Some(held) = self.pods.get_mut(&pod.id) else {
            return self.plain.rebooted(now, assignment, order, out);
        };
        held.since = None;
        held.stopping = (order.map(|order| order.reason))
            .or(held.stopping.map(|(reason, _)| reason))
            .map(|reason| (reason, Instant::MAX));
        // The control plane may have taken it for not ready meanwhile.
        match held.exited(now, pod, false, out) {
            Some(reason) => self.ended(pod, reason, out),
            None => self.settle(now, pod, out),
        }
    }

    fn relisted(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        match self.pods.get(&pod.id) {
            None => self.plain.relisted(now, pod, out),
            Some(held) => out.reports.push(Report::Ready(pod, held.is_ready)),
        }
    }

    fn machine(&mut self, now: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
        let Some(held) = self.pods.get_mut(&pod.id) else {
            return self.plain.machine(now, pod, event, out);
        };
        let ended = match event {
            MachineEvent::Started => {
                held.is_up = true;
                held.judge(now);
                out.reports.push(Report::Running(pod));
                None
            }
            MachineEvent::Exited { success } => held.exited(now, pod, success, out),
            MachineEvent::Stopped => held.exited(now, pod, false, out),
        };
        match ended {
            Some(reason) => self.ended(pod, reason, out),
            None => self.settle(now, pod, out),
        }
    }

    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput) {
        if self.pods.contains_key(&pod.id) {
            self.settle(now, pod, out);
        } else {
            self.plain.woken(now, pod, out);
        }
    }

    fn clone_agent(&self) -> Box<dyn NodeAgent> {
        Box::new(self.clone())
    }
}
