//! Pods that were on their node before the run began: their containers go on from where a dump found them.
//!
//! What the dump says counts, also where the model would have it otherwise: an application that should
//! answer by now and does not is taken to go on so until its container starts anew.

use super::super::back_off::CrashLoop;
use super::super::container::{State, Unit};
use super::super::{Probes, Verdicts, judge};
use super::{Held, Turn};
use control::node::{Assignment, Report};
use model::{
    ContainerKind, ContainerLife, EndReason, InitialContainer, InitialContainerState, InitialState,
    RestartPolicy,
};
use units::{Duration, Instant};

impl Held {
    /// A pod whose only container was started again so often, runs, and may run until an instant.
    pub(in super::super) fn running(
        assignment: &Assignment,
        restarts: u32,
        until: Instant,
    ) -> Self {
        let mut own = Self::new(assignment);
        for unit in &mut own.units {
            unit.state = State::Running;
            (unit.starts, unit.restarts) = (restarts.saturating_add(1), restarts);
            (unit.is_started, unit.is_ready) = (true, true);
        }
        own.is_ready = true;
        own.deadline = (until < Instant::MAX).then_some(until);
        own
    }

    /// A pod in the state in which it was found; what runs of it is to be [taken up](Self::take_up).
    pub(in super::super) fn as_found(
        now: Instant,
        assignment: &Assignment,
        found: &InitialState,
    ) -> Self {
        let mut own = Self::new(assignment);
        let begun = found.started.unwrap_or(now);
        own.since = found.is_running.then_some(begun);
        let is_ready = found.readiness.is_none_or(|known| known.is_ready);
        let restart = own.restart;
        for (container, unit) in own.units.iter_mut().enumerate() {
            let known = found.containers.get(container).copied();
            let known = known.or_else(|| {
                let state = match unit.kind {
                    ContainerKind::Init => InitialContainerState::Ended { code: 0 },
                    ContainerKind::Sidecar | ContainerKind::App => {
                        InitialContainerState::Running(begun)
                    }
                };
                found.is_running.then_some(InitialContainer {
                    state,
                    is_ready,
                    restarts: 0,
                })
            });
            let Some(known) = known else {
                continue;
            };
            unit.find(now, begun, known);
            if let State::Ended { success } = unit.state
                && unit.is_restarted(restart, success)
            {
                unit.state = State::BackOff(unit.back_off.restart_at(now));
            }
        }
        let counted = own.units.iter().filter(|unit| unit.counts());
        let are_ready = counted.clone().all(|unit| unit.is_ready);
        // Its gates are closed, as long as nothing says that they open.
        own.is_gated = !is_ready && are_ready && counted.count() > 0;
        let limit = own.limit.filter(|_| found.is_running);
        own.deadline = limit.map(|limit| begun.saturating_add(limit));
        own.limit = own.limit.filter(|_| !found.is_running);
        if found.is_terminating {
            own.go_on_ending(now, found.stop_within);
        }
        own
    }

    /// The pod was told to end before the run began. Nobody knows how long its applications take, so they
    /// take what is left of their grace; without any, something unknown holds the pod.
    fn go_on_ending(&mut self, now: Instant, within: Option<Duration>) {
        // Nobody knows who told it, nor why.
        self.ending = Some(EndReason::Cancelled);
        let Some(within) = within else {
            return;
        };
        for unit in &mut self.units {
            if unit.state == State::Running {
                (unit.stop_at, unit.is_killed) = (Some(now.saturating_add(within)), true);
            }
        }
    }

    /// Has the machine go on with what was found running, and reports how the pod is.
    pub(in super::super) fn take_up(&mut self, found: &InitialState, turn: &mut Turn<'_>) {
        if found.is_running {
            turn.out.reports.push(Report::Running(self.pod));
        }
        for container in 0..self.units.len() {
            if self.units[container].state == State::Running {
                self.order(container, true, turn);
            }
        }
        self.show_readiness(turn);
    }
}

/// Time after its start for which a container that is not ready may still be starting, and not failing: as
/// long as its probes may fail in a row.
fn patience(life: &ContainerLife) -> Duration {
    let probes = [&life.startup, &life.readiness].into_iter().flatten();
    let spans = probes.map(|probe| {
        let failures = i64::from(probe.failure_threshold.max(1));
        let period = Duration::from_secs(i64::from(probe.period_secs.max(1)));
        let delay = Duration::from_secs(i64::from(probe.initial_delay_secs.max(0)));
        delay.saturating_add(period.checked_mul(failures).unwrap_or(Duration::MAX))
    });
    let all = spans.fold(Duration::ZERO, Duration::saturating_add);
    // One without probes is ready once it runs.
    if life.startup.is_none() && life.readiness.is_none() {
        Duration::MAX
    } else {
        all
    }
}

impl Unit {
    /// The container was found in a state, in a pod that began at an instant.
    fn find(&mut self, now: Instant, begun: Instant, known: InitialContainer) {
        (self.starts, self.restarts) = (known.restarts, known.restarts);
        match known.state {
            InitialContainerState::Waiting => {}
            InitialContainerState::Stuck => {
                self.is_stuck = true;
                self.state = State::PullBackOff(Instant::MAX);
            }
            InitialContainerState::Ended { code } => {
                self.state = State::Ended { success: code == 0 }
            }
            InitialContainerState::BackOff(crash) => {
                self.starts = known.restarts.saturating_add(1);
                self.is_failing = !crash.was_ready;
                let (back_off, at) = CrashLoop::found(known.restarts, crash.ended);
                (self.back_off, self.state) = (back_off, State::BackOff(at.max(now)));
            }
            InitialContainerState::Running(since) => {
                self.starts = known.restarts.saturating_add(1);
                self.state = State::Running;
                if known.restarts > 0 {
                    self.back_off = CrashLoop::restarted(known.restarts, since);
                }
                self.go_on(now, begun.min(since), since, known.is_ready);
            }
        }
    }

    /// Its probes go on, of a container that runs since an instant.
    fn go_on(&mut self, now: Instant, begun: Instant, since: Instant, is_ready: bool) {
        let mut life = self.life.clone();
        let is_starting = !is_ready && since.saturating_add(patience(&life)) > now;
        if is_starting {
            // It answers from now on, which its next probes find.
            let health = &mut life.application.health;
            health.from = health.from.max(now.since(since));
        }
        let probes = Probes {
            life: &life,
            since: begun,
        };
        let ahead = |at: Option<Instant>| at.filter(|&at| at > now || (is_starting && at == now));
        let computed = judge(&probes, since);
        self.is_started = is_ready || ahead(computed.started).is_none();
        self.is_ready = is_ready;
        self.verdicts = Verdicts {
            started: ahead(computed.started).filter(|_| !is_ready),
            ready: ahead(computed.ready).filter(|_| !is_ready),
            unready: ahead(computed.unready),
            killed: ahead(computed.killed),
        };
    }

    /// Whether the container is started again once it has ended.
    pub(super) fn is_restarted(&self, restart: RestartPolicy, success: bool) -> bool {
        match self.kind {
            ContainerKind::Sidecar => true,
            ContainerKind::App => restart.restarts(success),
            ContainerKind::Init => !success && restart != RestartPolicy::Never,
        }
    }
}
