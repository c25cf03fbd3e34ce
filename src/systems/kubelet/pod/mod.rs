//! A pod on its node: init containers one after the other, sidecars that stay, then the others, each
//! with restarts, probes and an image of its own (spec: kubernetes.md part 4).

mod ending;
mod found;
mod probed;

use super::Verdicts;
use super::container::{State, Unit};
use super::images::NodeImages;
use control::node::{Assignment, ContainerEvent, Report};
use control::{AgentOutput, MachineCommand};
use model::{
    ContainerKind, ContainerLife, EndReason, PodRef, PodSpec, PullError, PullPolicy, PullStep,
    RestartPolicy, Restarts, Text,
};
use units::{Duration, Instant, NodeId, SortedSet};

/// Context in which a pod takes its turn.
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    /// The images of its node, where they are looked at.
    pub(super) images: Option<&'a mut NodeImages>,
    /// `true` if its machine makes the probes.
    pub(super) orders_probes: bool,
    pub(super) out: &'a mut AgentOutput,
}

/// A pod on its node.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pod: PodRef,
    pub(super) node: NodeId,
    restart: RestartPolicy,
    grace: Duration,
    units: Vec<Unit>,
    /// Instant at which the pod's containers were first started.
    since: Option<Instant>,
    is_ready: bool,
    /// Reason for the pod's end, once it ends.
    ending: Option<EndReason>,
    /// The wake-up asked for last.
    asked: Option<Instant>,
    /// How long it may run from its first start on.
    limit: Option<Duration>,
    /// Until when it may run, once it has started.
    deadline: Option<Instant>,
    /// Marks a pod that is not ready though its containers are: a gate of its readiness is closed.
    is_gated: bool,
}

impl Held {
    pub(super) fn new(assignment: &Assignment) -> Self {
        let spec: &PodSpec = &assignment.spec;
        let units = spec
            .all_containers()
            .zip(ContainerKind::all(spec))
            .enumerate()
            .map(|(number, (container, kind))| {
                let life = spec.container_life(number).cloned().unwrap_or_default();
                Unit::new(kind, container.image.clone(), life)
            });
        // Traces state nothing of what pods do.
        let is_known = assignment.is_owned || spec.behaviour.is_some();
        let restart = match (&spec.life, is_known) {
            (Some(life), _) => life.restart,
            (None, true) => RestartPolicy::Always,
            // Nothing is known of it but when it ends.
            (None, false) => RestartPolicy::Never,
        };
        let mut units: Vec<Unit> = units.collect();
        if units.is_empty() {
            units.push(Unit::new(
                ContainerKind::App,
                Text::default(),
                ContainerLife::default(),
            ));
        }
        Self {
            pod: assignment.pod,
            node: assignment.node,
            restart,
            grace: spec.grace(),
            units,
            since: None,
            is_ready: false,
            ending: None,
            asked: None,
            limit: assignment.time_limit.filter(|_| is_known),
            deadline: None,
            is_gated: false,
        }
    }

    /// A wake-up came: why the pod ended, if its time is over.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>) -> Option<EndReason> {
        let is_over = self.deadline.is_some_and(|at| at <= turn.now);
        if !is_over {
            return None;
        }
        self.deadline = None;
        if self.ending.is_some() {
            return None;
        }
        self.end(EndReason::TimeLimit, self.grace, turn)
    }

    /// The images of its containers.
    pub(super) fn images(&self) -> impl Iterator<Item = &Text> {
        self.units.iter().map(|unit| &unit.image)
    }

    /// An order to the machine; the only container of a pod is the pod.
    fn order(&self, container: usize, starts: bool, turn: &mut Turn<'_>) {
        let (pod, node, number) = (self.pod, self.node, container as u16);
        turn.out.commands.push(match (self.units.len(), starts) {
            (1, true) => MachineCommand::Start { pod, node },
            (1, false) => MachineCommand::Stop { pod, node },
            (_, true) => MachineCommand::StartContainer {
                pod,
                container: number,
            },
            (_, false) => MachineCommand::StopContainer {
                pod,
                container: number,
            },
        });
    }

    /// Starts whoever's turn it is. One that waits for its image or its start holds up those after
    /// it, one that failed does not, unless it is an init container.
    fn sync(&mut self, turn: &mut Turn<'_>) {
        if self.ending.is_some() {
            return;
        }
        for container in 0..self.units.len() {
            let unit = &self.units[container];
            let is_passed = match (unit.kind, unit.state) {
                (ContainerKind::Init, state) => state == State::Ended { success: true },
                (ContainerKind::Sidecar, _) => unit.is_started,
                (ContainerKind::App, state) => {
                    !matches!(state, State::Waiting | State::Pulling | State::Starting)
                }
            };
            if is_passed {
                continue;
            }
            if unit.state == State::Waiting {
                self.begin(container, turn);
                let unit = &self.units[container];
                if unit.kind == ContainerKind::App && matches!(unit.state, State::PullBackOff(_)) {
                    continue;
                }
            }
            return;
        }
    }

    /// A container is to start: first its image is seen to.
    fn begin(&mut self, container: usize, turn: &mut Turn<'_>) {
        let unit = &mut self.units[container];
        if unit.is_stuck {
            unit.state = State::PullBackOff(Instant::MAX);
            return;
        }
        let policy = unit.pull_policy();
        let image = unit.image.clone();
        let Some(images) = turn.images.as_deref_mut().filter(|_| !image.is_empty()) else {
            return self.start(container, turn);
        };
        if images.has(&image) && policy != PullPolicy::Always {
            images.used(turn.now, &image);
            return self.start(container, turn);
        }
        if policy == PullPolicy::Never {
            return self.pull_failed(container, PullError::NeverPull, turn);
        }
        self.units[container].state = State::Pulling;
        let number = container as u16;
        let report = Report::Pull(self.pod, number, PullStep::Asked);
        turn.out.reports.push(report);
        images.ask(image, (self.pod, number), turn.out);
    }

    /// The image that a container waits for is there.
    pub(super) fn pulled(&mut self, number: u16, bytes: i64, turn: &mut Turn<'_>) {
        let container = usize::from(number);
        if self.units.get(container).map(|unit| unit.state) != Some(State::Pulling) {
            return;
        }
        let report = Report::Pull(self.pod, number, PullStep::Done { bytes });
        turn.out.reports.push(report);
        self.start(container, turn);
        self.sync(turn);
    }

    /// The image that a container waits for can't be had.
    pub(super) fn pull_broke(&mut self, number: u16, error: PullError, turn: &mut Turn<'_>) {
        let container = usize::from(number);
        if self.units.get(container).map(|unit| unit.state) == Some(State::Pulling) {
            self.pull_failed(container, error, turn);
            self.sync(turn);
        }
    }

    fn pull_failed(&mut self, container: usize, error: PullError, turn: &mut Turn<'_>) {
        let unit = &mut self.units[container];
        let again = unit.pull_back_off.again_at(turn.now);
        unit.state = State::PullBackOff(again);
        let step = PullStep::Failed { error, again };
        let report = Report::Pull(self.pod, container as u16, step);
        turn.out.reports.push(report);
    }

    fn start(&mut self, container: usize, turn: &mut Turn<'_>) {
        let unit = &mut self.units[container];
        unit.state = State::Starting;
        unit.starts += 1;
        if unit.starts > 1 {
            unit.restarts += 1;
            let counts = self.units.iter().map(|unit| (unit.kind, unit.restarts));
            let report = Report::Restarted(self.pod, Restarts::of(counts));
            turn.out.reports.push(report);
        }
        self.order(container, true, turn);
    }

    /// Something happened to a container's process; why the pod ended, if it did.
    pub(super) fn happened(
        &mut self,
        container: usize,
        event: ContainerEvent,
        turn: &mut Turn<'_>,
    ) -> Option<EndReason> {
        if container >= self.units.len() {
            return None;
        }
        match event {
            ContainerEvent::Started => {
                self.started(container, turn);
                None
            }
            ContainerEvent::Exited { code } => self.exited(container, code, turn),
            // It ended by itself before it could be stopped.
            ContainerEvent::Stopped if !self.units[container].is_up() => None,
            ContainerEvent::Stopped if self.ending.is_some() => {
                self.units[container].down(State::Ended { success: false });
                self.over()
            }
            ContainerEvent::Stopped => {
                let code = self.units[container].code_when_stopped();
                self.exited(container, code, turn)
            }
            ContainerEvent::Probed { kind, is_success } => {
                self.probed(container, kind, is_success, turn);
                None
            }
        }
    }

    fn started(&mut self, container: usize, turn: &mut Turn<'_>) {
        let since = *self.since.get_or_insert(turn.now);
        let unit = &mut self.units[container];
        if unit.state != State::Starting {
            return;
        }
        unit.state = State::Running;
        probed::begin(unit, since, turn);
        let mut apps = self
            .units
            .iter()
            .filter(|unit| unit.kind == ContainerKind::App);
        let has_begun =
            |unit: &Unit| unit.starts > 1 || (unit.starts == 1 && unit.state != State::Starting);
        if self.units[container].kind == ContainerKind::App && apps.all(has_begun) {
            turn.out.reports.push(Report::Running(self.pod));
            if self.deadline.is_none() {
                let limit = self.limit.take();
                self.deadline = limit.map(|limit| turn.now.saturating_add(limit));
            }
        }
    }

    /// A container's process is gone; why the pod ended, if it did.
    fn exited(&mut self, container: usize, code: i32, turn: &mut Turn<'_>) -> Option<EndReason> {
        let (ending, success) = (self.ending, code == 0);
        let unit = &mut self.units[container];
        // One that was found ending, and nothing says how long it takes: it is killed once its grace is over.
        let is_killed = unit.is_killed && unit.stop_at.is_some_and(|at| at <= turn.now);
        if ending.is_some() && is_killed {
            unit.down(State::Ended { success: false });
            return self.over();
        }
        unit.down(State::Ended { success });
        if ending.is_some() {
            if !success {
                let report = Report::Exited(self.pod, container as u16, code);
                turn.out.reports.push(report);
            }
            return self.over();
        }
        let restarts = unit.is_restarted(self.restart, success);
        let is_done = unit.kind == ContainerKind::App && !restarts && self.units.len() > 1;
        if restarts || !success || is_done {
            let report = Report::Exited(self.pod, container as u16, code);
            turn.out.reports.push(report);
        }
        let unit = &mut self.units[container];
        if restarts {
            unit.state = State::BackOff(unit.back_off.restart_at(turn.now));
            self.show_readiness(turn);
            return None;
        }
        if unit.kind == ContainerKind::Init && success {
            self.sync(turn);
            return None;
        }
        let mut apps = self
            .units
            .iter()
            .filter(|unit| unit.kind == ContainerKind::App);
        let has_failed = |unit: &Unit| unit.state == State::Ended { success: false };
        let is_over = |unit: &Unit| matches!(unit.state, State::Ended { .. });
        let is_failed_init = self.units[container].kind == ContainerKind::Init;
        if is_failed_init || apps.all(is_over) {
            let failed = is_failed_init || self.units.iter().any(has_failed);
            let reason = if failed {
                EndReason::Error
            } else {
                EndReason::Completed
            };
            return self.end(reason, self.grace, turn);
        }
        self.show_readiness(turn);
        None
    }

    /// The pod's node is heard again, which may have been believed otherwise.
    pub(super) fn relisted(&self, out: &mut AgentOutput) {
        out.reports.push(Report::Ready(self.pod, self.is_ready));
    }

    fn show_readiness(&mut self, turn: &mut Turn<'_>) {
        let mut counted = self.units.iter().filter(|unit| unit.counts());
        let is_ready = counted.all(|unit| unit.is_ready) && !self.is_gated;
        if self.is_ready != is_ready {
            self.is_ready = is_ready;
            turn.out.reports.push(Report::Ready(self.pod, is_ready));
        }
    }

    /// Does what is due, and asks to be woken for what comes next.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let grace = self.grace;
        for unit in &mut self.units {
            if unit.state == State::Running && is_due(unit.verdicts.killed) {
                (unit.verdicts, unit.prober) = (Verdicts::default(), None);
                let at = unit.end_of_stop(now, grace, None);
                unit.is_killed = !unit.stops_within(now, at);
                unit.stop_at = Some(unit.stop_at.map_or(at, |known| known.min(at)));
            }
        }
        for container in self.stop_order() {
            let unit = &mut self.units[container];
            if unit.state == State::Running && is_due(unit.stop_at) {
                (unit.verdicts, unit.prober) = (Verdicts::default(), None);
                unit.stop_at = Some(Instant::MAX);
                self.order(container, false, turn);
            }
        }
        for container in 0..self.units.len() {
            match self.units[container].state {
                State::BackOff(at) | State::PullBackOff(at)
                    if at <= now && self.ending.is_none() =>
                {
                    self.units[container].state = State::Waiting;
                    self.begin(container, turn);
                }
                _ => {}
            }
            let unit = &mut self.units[container];
            for (verdict, flag, value) in [
                (&mut unit.verdicts.started, &mut unit.is_started, true),
                (&mut unit.verdicts.ready, &mut unit.is_ready, true),
            ] {
                if is_due(*verdict) {
                    (*verdict, *flag) = (None, value);
                }
            }
            if is_due(unit.verdicts.unready) {
                (unit.verdicts.unready, unit.is_ready) = (None, false);
            }
        }
        self.order_probes(turn);
        if self.units.iter().any(|unit| unit.state == State::Running) {
            self.show_readiness(turn);
        }
        self.sync(turn);
        let is_ending = self.ending.is_some();
        let next = { self.units.iter() }.filter_map(|unit| unit.next(is_ending));
        let next = next.chain(self.deadline).min();
        if let Some(at) = next.filter(|&at| at != Instant::MAX)
            && self.asked.is_none_or(|asked| asked != at || asked <= now)
        {
            self.asked = Some(at);
            turn.out.wakes.push((at, self.pod));
        }
    }

    /// Lets the pod go: its images are not in use any more.
    pub(super) fn leave(&self, now: Instant, images: Option<&mut NodeImages>) {
        if let Some(images) = images {
            let own: SortedSet<&Text> = self.images().collect();
            for image in own {
                images.used(now, image);
            }
        }
    }
}
