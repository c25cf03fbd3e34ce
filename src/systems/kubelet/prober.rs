//! Probes that a machine makes one by one: when each of a container's is due, and what their results come
//! to (spec: kubernetes.md part 4). The closed form of `probing.rs` comes to the same where the health of
//! the application is known ahead.

use model::ContainerLife;
use model::workload::Probe;
use model::workload::probe::ProbeKind;
use units::{Duration, Instant};

/// The probes of a container that runs.
#[derive(Clone, Debug)]
pub(super) struct Prober {
    workers: Vec<Worker>,
    /// Instant at which the pod was first started here.
    since: Instant,
    start: Instant,
}

/// Meaning of results in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The container has started.
    Started {
        /// `true` if there is no readiness probe to wait for.
        is_ready: bool,
    },
    /// It serves.
    Ready,
    /// It serves no more.
    Unready,
    /// It has not started or does not live, and is to be killed.
    Failed,
}

/// The probe of one purpose.
#[derive(Clone, Debug)]
struct Worker {
    kind: ProbeKind,
    probe: Probe,
    state: State,
    /// The last result, and how often it came in a row.
    last: Option<(bool, i64)>,
}

/// State of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It waits for the container to have started.
    Gated,
    /// The next one is due then.
    Due(Instant),
    /// One is being made since then.
    Made(Instant),
    /// It is done.
    Over,
}

impl Prober {
    /// The probes of a container that starts at `start`.
    pub(super) fn new(life: &ContainerLife, since: Instant, start: Instant) -> Self {
        let stated = [
            (ProbeKind::Startup, life.startup),
            (ProbeKind::Liveness, life.liveness),
            (ProbeKind::Readiness, life.readiness),
        ];
        let workers = stated.into_iter().filter_map(|(kind, probe)| {
            Some(Worker {
                kind,
                probe: probe?,
                state: State::Gated,
                last: None,
            })
        });
        let mut prober = Self {
            workers: workers.collect(),
            since,
            start,
        };
        let gated = prober.worker(ProbeKind::Startup).is_some();
        for worker in &mut prober.workers {
            if !gated || worker.kind == ProbeKind::Startup {
                worker.open(since, start, start);
            }
        }
        prober
    }

    fn worker(&mut self, kind: ProbeKind) -> Option<&mut Worker> {
        self.workers.iter_mut().find(|worker| worker.kind == kind)
    }

    fn has(&self, kind: ProbeKind) -> bool {
        self.workers.iter().any(|worker| worker.kind == kind)
    }

    /// What is known without any probe.
    pub(super) fn verdicts(&self, now: Instant) -> super::Verdicts {
        let has_started = !self.has(ProbeKind::Startup);
        let is_ready = has_started && !self.has(ProbeKind::Readiness);
        super::Verdicts {
            started: has_started.then_some(now),
            ready: is_ready.then_some(now),
            ..super::Verdicts::default()
        }
    }

    /// Instant at which a probe is due next.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = self.workers.iter().filter_map(|worker| match worker.state {
            State::Due(at) => Some(at),
            State::Gated | State::Made(_) | State::Over => None,
        });
        due.min()
    }

    /// The probes to make now. Each is in the making until its result comes.
    pub(super) fn due(&mut self, now: Instant) -> Vec<ProbeKind> {
        let mut kinds = Vec::new();
        for worker in &mut self.workers {
            if matches!(worker.state, State::Due(at) if at <= now) {
                worker.state = State::Made(now);
                kinds.push(worker.kind);
            }
        }
        kinds
    }

    /// Takes in the result of a probe; one that is not being made changes nothing.
    pub(super) fn take(
        &mut self,
        now: Instant,
        kind: ProbeKind,
        is_success: bool,
    ) -> Option<Finding> {
        let (since, start) = (self.since, self.start);
        let is_ready = !self.has(ProbeKind::Readiness);
        let worker = self.worker(kind)?;
        let State::Made(at) = worker.state else {
            return None;
        };
        worker.state = State::Due(worker.point(since, at.saturating_add(Duration::from_nanos(1))));
        if !worker.counts(is_success) {
            return None;
        }
        match (kind, is_success) {
            (ProbeKind::Startup, true) => {
                for worker in &mut self.workers {
                    worker.state = State::Over;
                    if worker.kind != ProbeKind::Startup {
                        worker.open(since, start, now);
                    }
                }
                Some(Finding::Started { is_ready })
            }
            (ProbeKind::Startup | ProbeKind::Liveness, false) => {
                self.workers.clear();
                Some(Finding::Failed)
            }
            (ProbeKind::Liveness, true) => None,
            (ProbeKind::Readiness, true) => Some(Finding::Ready),
            (ProbeKind::Readiness, false) => Some(Finding::Unready),
        }
    }

    /// The container is to end: of the probes, readiness alone goes on.
    pub(super) fn look_at_readiness_alone(&mut self) {
        self.workers
            .retain(|worker| worker.kind == ProbeKind::Readiness);
    }
}

impl Worker {
    /// Probes of this purpose begin: at the points of their grid. That of readiness is made once besides,
    /// as soon as the container has started.
    fn open(&mut self, since: Instant, start: Instant, gate: Instant) {
        let delay = Duration::from_secs(i64::from(self.probe.initial_delay_secs.max(0)));
        let earliest = start.saturating_add(delay);
        let is_at_once = self.kind == ProbeKind::Readiness && earliest <= gate;
        self.state = State::Due(if is_at_once {
            gate
        } else {
            self.point(since, earliest.max(gate))
        });
    }

    /// The first point of the grid at or after an instant.
    fn point(&self, since: Instant, at: Instant) -> Instant {
        let period = Duration::from_secs(i64::from(self.probe.period_secs.max(1)));
        let passed = at.since(since).as_nanos().max(0);
        let whole = passed.saturating_add(period.as_nanos() - 1) / period.as_nanos();
        since.saturating_add(period.checked_mul(whole).unwrap_or(Duration::MAX))
    }

    /// Counts a result; whether as many in a row as it takes have come.
    fn counts(&mut self, is_success: bool) -> bool {
        let before = self.last.filter(|(last, _)| *last == is_success);
        let count = before.map_or(0, |(_, count)| count) + 1;
        self.last = Some((is_success, count));
        let threshold = if is_success {
            self.probe.success_threshold
        } else {
            self.probe.failure_threshold
        };
        count == i64::from(threshold.max(1))
    }
}
