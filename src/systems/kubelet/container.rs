//! One container of a pod on its node: where it is, and what is due of it.

use super::images::PullBackOff;
use super::prober::Prober;
use super::{CrashLoop, Verdicts};
use model::exit::{KILLED, TERMINATED};
use model::{ContainerKind, ContainerLife, PullPolicy, Text};
use units::{Duration, Instant};

/// Least time for a container that is to be killed (spec: kubernetes.md part 4).
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// State of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not its turn yet, or it is to start now.
    Waiting,
    /// The container's image is on its way.
    Pulling,
    /// The container's image could not be pulled; the next pull is due then.
    PullBackOff(Instant),
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It ended and is started again then.
    BackOff(Instant),
    /// It ended and stays so.
    Ended {
        /// `true` if the container's work is done.
        success: bool,
    },
}

/// A container.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) kind: ContainerKind,
    pub(super) image: Text,
    pub(super) life: ContainerLife,
    pub(super) state: State,
    pub(super) is_started: bool,
    pub(super) is_ready: bool,
    /// Number of starts.
    pub(super) starts: u32,
    /// Number of starts after the first, in an earlier life too.
    pub(super) restarts: u32,
    /// Verdicts of the probes that are due.
    pub(super) verdicts: Verdicts,
    /// The probes that the machine makes, while it runs.
    pub(super) prober: Option<Prober>,
    /// Latest instant at which the container is stopped, once it was told to end.
    pub(super) stop_at: Option<Instant>,
    /// `true` if the application takes longer to end than its grace.
    pub(super) is_killed: bool,
    /// True if the container can't be started: what it lacks will not come.
    pub(super) is_stuck: bool,
    /// True if the container fails again and again before it is ready.
    pub(super) is_failing: bool,
    pub(super) back_off: CrashLoop,
    pub(super) pull_back_off: PullBackOff,
}

impl Unit {
    pub(super) fn new(kind: ContainerKind, image: Text, life: ContainerLife) -> Self {
        Self {
            kind,
            image,
            life,
            state: State::Waiting,
            is_started: false,
            is_ready: false,
            starts: 0,
            restarts: 0,
            verdicts: Verdicts::default(),
            prober: None,
            stop_at: None,
            is_killed: false,
            is_stuck: false,
            is_failing: false,
            back_off: CrashLoop::default(),
            pull_back_off: PullBackOff::default(),
        }
    }

    pub(super) fn pull_policy(&self) -> PullPolicy {
        let stated = self.life.pull;
        stated.unwrap_or_else(|| PullPolicy::of_image(&self.image))
    }

    /// `true` if the container counts for the readiness of its pod.
    pub(super) fn counts(&self) -> bool {
        self.kind != ContainerKind::Init
    }

    /// `true` if the container has a process on the node.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Running | State::Starting)
    }

    /// Notes that the container has no process any more, however that came.
    pub(super) fn down(&mut self, state: State) {
        self.state = state;
        (self.is_started, self.is_ready) = (false, false);
        (self.verdicts, self.stop_at) = (Verdicts::default(), None);
        self.prober = None;
    }

    /// Instant at which a container has ended that is told to end now, within a grace: its hook
    /// runs first, a sidecar then waits for `turn`, and what is left of the grace is for its
    /// application, two seconds at least.
    pub(super) fn end_of_stop(
        &self,
        now: Instant,
        grace: Duration,
        turn: Option<Instant>,
    ) -> Instant {
        let latest = now.saturating_add(grace);
        let hook = now.saturating_add(self.life.pre_stop);
        let told = turn.map_or(hook, |turn| hook.max(turn)).min(latest);
        let left = latest.since(told).max(LEAST_GRACE);
        told.saturating_add(self.life.application.stop_time.min(left))
    }

    /// `true` if the application ends by itself if it is asked to end now and is killed at an
    /// instant.
    pub(super) fn stops_within(&self, now: Instant, at: Instant) -> bool {
        let told = now.saturating_add(self.life.pre_stop);
        told.saturating_add(self.life.application.stop_time) <= at
    }

    /// The code of a container that its node stopped: that of its signal.
    pub(super) const fn code_when_stopped(&self) -> i32 {
        if self.is_killed { KILLED } else { TERMINATED }
    }

    /// Instant at which something is due of the container next. One of a pod that is ending starts no more: its back-off
    /// is due for nobody while another container of the pod takes its time to stop.
    pub(super) fn next(&self, is_ending: bool) -> Option<Instant> {
        let waits = match self.state {
            State::PullBackOff(at) | State::BackOff(at) if !is_ending => Some(at),
            _ => None,
        };
        let Verdicts {
            started,
            ready,
            unready,
            killed,
        } = self.verdicts;
        let probe = self.prober.as_ref().and_then(Prober::next);
        let due = [waits, self.stop_at, started, ready, unready, killed, probe];
        due.into_iter().flatten().min()
    }
}
