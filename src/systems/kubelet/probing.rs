//! Probes in closed form: what they will have found, and when, of an application whose health is
//! known ahead. Probes that change nothing are not made one by one; the tests make them and come to
//! the same verdicts (spec: kubernetes.md part 4).

use crate::model::ContainerLife;
use crate::model::workload::Probe;
use crate::units::{Duration, Instant};

/// When an application answers, counted from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// From then on.
    pub from: Duration,
    /// Until then; `None` is for good.
    pub until: Option<Duration>,
}

/// The probes of a container, and since when its node makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes {
    /// The probes.
    pub life: ContainerLife,
    /// When the pod was first started there: probes follow at multiples of their periods.
    pub since: Instant,
}

/// What probes come to, of one run of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// When it becomes ready.
    pub ready: Option<Instant>,
    /// When it stops being ready.
    pub unready: Option<Instant>,
    /// When it is killed, to be started again.
    pub killed: Option<Instant>,
}

/// A probe with its grid.
struct Grid {
    since: Instant,
    period: Duration,
    delay: Duration,
    successes: i64,
    failures: i64,
}

impl Grid {
    fn new(probe: &Probe, since: Instant) -> Self {
        let positive = |number: i32| i64::from(number.max(1));
        Self {
            since,
            period: Duration::from_secs(positive(probe.period_secs)),
            delay: Duration::from_secs(i64::from(probe.initial_delay_secs.max(0))),
            successes: positive(probe.success_threshold),
            failures: positive(probe.failure_threshold),
        }
    }

    /// The first probe at or after an instant.
    fn first(&self, at: Instant) -> Instant {
        let since = at.since(self.since).as_nanos().max(0);
        let period = self.period.as_nanos();
        let whole = since.saturating_add(period - 1) / period;
        let span = self.period.checked_mul(whole).unwrap_or(Duration::MAX);
        self.since.saturating_add(span)
    }

    /// So many probes later.
    fn later(&self, at: Instant, probes: i64) -> Instant {
        let span = self.period.checked_mul(probes).unwrap_or(Duration::MAX);
        at.saturating_add(span)
    }

    /// When so many probes in a row, from `first` on, have failed: before the first that succeeds
    /// (`None` is never), or else of those after `until`.
    fn failed(&self, first: Instant, from: Instant, until: Option<Instant>) -> Option<Instant> {
        let start = self.first(first.max(from));
        let is_answered = until.is_none_or(|until| start < until);
        let at_once = self.later(first, self.failures - 1);
        if at_once < start || !is_answered {
            return Some(at_once);
        }
        until.map(|until| self.later(self.first(until.max(first)), self.failures - 1))
    }
}

/// What the probes of a container come to that starts at `start`.
pub fn judge(probes: &Probes, start: Instant, health: Health) -> Verdicts {
    let from = start.saturating_add(health.from);
    let until = health.until.map(|until| start.saturating_add(until));
    let life = &probes.life;
    let grid = |probe: &Option<Probe>| probe.map(|probe| Grid::new(&probe, probes.since));
    let begin = |grid: &Grid, gate: Instant| grid.first(start.saturating_add(grid.delay).max(gate));
    let mut gate = start;
    if let Some(startup) = grid(&life.startup) {
        let first = begin(&startup, start);
        let answered = startup.first(first.max(from));
        let last = startup.later(first, startup.failures - 1);
        if answered > last || until.is_some_and(|until| answered >= until) {
            return Verdicts {
                killed: Some(last),
                ..Verdicts::default()
            };
        }
        gate = answered;
    }
    let killed = grid(&life.liveness).and_then(|liveness| {
        let first = begin(&liveness, gate);
        liveness.failed(first, from, until)
    });
    let (ready, unready) = match grid(&life.readiness) {
        None => (Some(gate), None),
        Some(readiness) => {
            let first = readiness.first(begin(&readiness, gate).max(from));
            let ready = readiness.later(first, readiness.successes - 1);
            let is_reached = until.is_none_or(|until| ready < until);
            let unready =
                until.map(|until| readiness.later(readiness.first(until), readiness.failures - 1));
            (is_reached.then_some(ready), unready.filter(|_| is_reached))
        }
    };
    let before = |at: &Instant| killed.is_none_or(|killed| *at < killed);
    Verdicts {
        ready: ready.filter(before),
        unready: unready.filter(before),
        killed,
    }
}
