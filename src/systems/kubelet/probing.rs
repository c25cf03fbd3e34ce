//! Probes in closed form: what they will have found, and when, of an application whose health is
//! known ahead. Probes that change nothing are not made one by one; the tests make them and come to
//! the same verdicts (spec: kubernetes.md part 4).

use model::ContainerLife;
use model::workload::Probe;
use units::{Duration, Instant};

/// The probes of a container, and since when its node makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probes<'a> {
    /// The probes, and what they meet.
    pub life: &'a ContainerLife,
    /// Instant at which the pod was first started there: probes follow at multiples of their
    /// periods.
    pub since: Instant,
}

/// Probe results of one run of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Instant at which the container has started: at once without a startup probe.
    pub started: Option<Instant>,
    /// Instant at which the container becomes ready.
    pub ready: Option<Instant>,
    /// Instant at which the container stops being ready.
    pub unready: Option<Instant>,
    /// Instant at which the container is killed, to be started again.
    pub killed: Option<Instant>,
}

/// Answers that the probes of one kind meet: when they are answered, and when they can't be made.
struct Answers {
    from: Instant,
    until: Option<Instant>,
}

/// A probe with its grid.
struct Grid {
    since: Instant,
    period: Duration,
    delay: Duration,
    successes: i64,
    failures: i64,
    /// From and until when it can't be made.
    hole: Option<(Instant, Instant)>,
    answers: Answers,
}

impl Grid {
    fn new(probe: &Probe, life: &ContainerLife, since: Instant, start: Instant) -> Self {
        let positive = |number: i32| i64::from(number.max(1));
        let application = &life.application;
        let health = application.health;
        let after = |span: Duration| start.saturating_add(span);
        let timeout = Duration::from_secs(positive(probe.timeout_secs));
        let hole = health
            .unknown
            .map(|(from, until)| (after(from), after(until)));
        Self {
            since,
            period: Duration::from_secs(positive(probe.period_secs)),
            delay: Duration::from_secs(i64::from(probe.initial_delay_secs.max(0))),
            successes: positive(probe.success_threshold),
            failures: positive(probe.failure_threshold),
            hole: hole.filter(|(from, until)| from < until),
            answers: if application.answer_time > timeout {
                Answers {
                    from: Instant::MAX,
                    until: None,
                }
            } else {
                Answers {
                    from: after(health.from),
                    until: health.until.map(after),
                }
            },
        }
    }

    /// The first point of the grid at or after an instant.
    fn point(&self, at: Instant) -> Instant {
        let since = at.since(self.since).as_nanos().max(0);
        let period = self.period.as_nanos();
        let whole = since.saturating_add(period - 1) / period;
        self.steps(self.since, whole)
    }

    fn steps(&self, at: Instant, steps: i64) -> Instant {
        let span = self.period.checked_mul(steps).unwrap_or(Duration::MAX);
        at.saturating_add(span)
    }

    /// The first probe that is made at or after an instant.
    fn first(&self, at: Instant) -> Instant {
        let point = self.point(at);
        match self.hole {
            Some((from, until)) if point >= from && point < until => self.point(until),
            _ => point,
        }
    }

    /// The probe so many probes later than one that is made.
    fn later(&self, at: Instant, probes: i64) -> Instant {
        let plain = self.steps(at, probes);
        let Some((from, until)) = self.hole else {
            return plain;
        };
        let left_out = self.point(from);
        if at >= left_out || plain < left_out || left_out >= until {
            return plain;
        }
        let gap = self.point(until).since(left_out);
        plain.saturating_add(gap)
    }

    /// The first probe that is made when the container answers, at or after an instant.
    fn answered(&self, at: Instant) -> Option<Instant> {
        if self.answers.from == Instant::MAX {
            return None;
        }
        let first = self.first(at.max(self.answers.from));
        let is_answered = self.answers.until.is_none_or(|until| first < until);
        is_answered.then_some(first)
    }

    /// Instant at which a number of probes in a row, from the probe `first` on, have failed: before
    /// the first that succeeds (`None` is never), or else of those after the last.
    fn failed(&self, first: Instant) -> Option<Instant> {
        let at_once = self.later(first, self.failures - 1);
        match self.answered(first) {
            None => Some(at_once),
            Some(answered) if at_once < answered => Some(at_once),
            Some(_) => {
                let until = self.answers.until?;
                Some(self.later(self.first(until.max(first)), self.failures - 1))
            }
        }
    }
}

/// Computes the probe results of a container that starts at `start`.
pub fn judge(probes: &Probes<'_>, start: Instant) -> Verdicts {
    let life = probes.life;
    let grid = |probe: &Option<Probe>| {
        let probe = probe.as_ref()?;
        Some(Grid::new(probe, life, probes.since, start))
    };
    let begin = |grid: &Grid, gate: Instant| grid.first(start.saturating_add(grid.delay).max(gate));
    let mut gate = start;
    if let Some(startup) = grid(&life.startup) {
        let first = begin(&startup, start);
        let last = startup.later(first, startup.failures - 1);
        match startup.answered(first).filter(|&answered| answered <= last) {
            Some(answered) => gate = answered,
            None => {
                return Verdicts {
                    killed: Some(last),
                    ..Verdicts::default()
                };
            }
        }
    }
    let killed = grid(&life.liveness).and_then(|liveness| liveness.failed(begin(&liveness, gate)));
    let (ready, unready) = match grid(&life.readiness) {
        None => (Some(gate), None),
        Some(readiness) => {
            let ready = (readiness.answered(begin(&readiness, gate)))
                .map(|first| readiness.later(first, readiness.successes - 1))
                .filter(|&ready| readiness.answers.until.is_none_or(|until| ready < until));
            let unready = readiness
                .answers
                .until
                .map(|until| readiness.later(readiness.first(until), readiness.failures - 1));
            (ready, unready.filter(|_| ready.is_some()))
        }
    };
    let before = |at: &Instant| killed.is_none_or(|killed| *at < killed);
    Verdicts {
        // At one instant it starts before it is found dead.
        started: Some(gate).filter(|at| killed.is_none_or(|killed| *at <= killed)),
        ready: ready.filter(before),
        unready: unready.filter(before),
        killed,
    }
}
