//! Progress of jobs that write checkpoints: interrupted work goes on from the last one, on the same
//! node, on another, or as another pod of the same job (spec: orchestrators-b.md 10.1).

use model::checkpoint::Checkpoints;
use units::{Duration, Instant, ObjectId, PodId, SortedMap};

use super::hosts::{Pace, PaceChange};

/// A pod's work.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Work to do from the last checkpoint on.
    work: Duration,
    /// Work that is saved.
    done: Duration,
    /// `true` if the run begins at a checkpoint.
    is_resumed: bool,
    /// Instant from which the pod is up, and the pace of its work since.
    since: Option<(Instant, Pace)>,
    /// Time at the usual pace that this run took before that instant.
    booked: Duration,
    /// The job that it belongs to.
    job: Option<ObjectId>,
}

/// The work of the pods of a cell.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    rule: Checkpoints,
    runs: SortedMap<PodId, Run>,
    /// Work of jobs that was begun by pods that are gone.
    begun: SortedMap<ObjectId, Vec<RemainingWork>>,
}

/// Rest of a pod's work, and whether and how much of it was done and saved in checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RemainingWork {
    pub(super) work: Duration,
    pub(super) done: Duration,
    pub(super) is_resumed: bool,
}

/// What another pod goes on with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handover {
    /// The rest of the work; `None` of work without an end.
    pub(super) left: Option<RemainingWork>,
    /// How much of the pod's recorded use is over, unless checkpoints tell.
    pub(super) over: Duration,
}

/// What a pod that comes from another node while it is up goes on with.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveHandover {
    pub(super) rest: Handover,
    /// How long each run of it takes from its beginning; `None` of work without an end.
    pub(super) whole_run: Option<Duration>,
    /// Number of its last start, where exit codes depend on it.
    pub(super) start: Option<usize>,
}

impl Run {
    const fn left(&self) -> RemainingWork {
        RemainingWork {
            work: self.work,
            done: self.done,
            is_resumed: self.is_resumed,
        }
    }
}

impl RemainingWork {
    /// All of it.
    pub(super) const fn all(work: Duration) -> Self {
        Self {
            work,
            done: Duration::ZERO,
            is_resumed: false,
        }
    }
}

impl Progress {
    pub(super) const fn new(rule: Checkpoints) -> Self {
        Self {
            rule,
            runs: SortedMap::new(),
            begun: SortedMap::new(),
        }
    }

    fn run_time(&self, run: Run) -> Duration {
        let restart = if run.is_resumed {
            self.rule.restart
        } else {
            Duration::ZERO
        };
        let span = self.rule.run_time(run.work).checked_add(restart);
        span.unwrap_or(Duration::MAX)
    }

    /// A pod is to do so much work; how long that takes if nothing interrupts it. A pod of a job goes
    /// on where another had to stop.
    pub(super) fn submit(
        &mut self,
        pod: PodId,
        left: RemainingWork,
        job: Option<ObjectId>,
    ) -> Duration {
        let begun = job.and_then(|job| self.begun.get_mut(&job)?.pop());
        let RemainingWork {
            work,
            done,
            is_resumed,
        } = begun.unwrap_or(left);
        let run = Run {
            work,
            done,
            is_resumed,
            since: None,
            booked: Duration::ZERO,
            job,
        };
        self.runs.insert(pod, run);
        self.run_time(run)
    }

    /// A pod is up, and gets on with its work at a pace.
    pub(super) fn started(&mut self, now: Instant, pod: PodId, pace: Pace) {
        if let Some(run) = self.runs.get_mut(&pod) {
            run.since = Some((now, pace));
        }
    }

    /// A pod gets on with its work at another pace.
    pub(super) fn changed(&mut self, now: Instant, pod: PodId, change: PaceChange) {
        if let Some(run) = self.runs.get_mut(&pod)
            && let Some((since, pace)) = &mut run.since
        {
            let span = Pace::USUAL.stretch(now.since(*since), *pace);
            run.booked = run.booked.checked_add(span).unwrap_or(Duration::MAX);
            (*since, *pace) = (now, change.of(*pace));
        }
    }

    /// A pod's work is interrupted; how long the rest takes.
    pub(super) fn interrupted(&mut self, now: Instant, pod: PodId) -> Option<Duration> {
        let rule = self.rule;
        let run = self.runs.get_mut(&pod)?;
        if let Some((since, pace)) = run.since.take() {
            let restart = if run.is_resumed {
                rule.restart
            } else {
                Duration::ZERO
            };
            let span = Pace::USUAL.stretch(now.since(since), pace);
            let booked = std::mem::take(&mut run.booked);
            let span = booked.checked_add(span).unwrap_or(Duration::MAX);
            let ran = Duration::from_nanos((span.as_nanos() - restart.as_nanos()).max(0));
            let saved = rule.saved(ran, run.work);
            run.work = Duration::from_nanos(run.work.as_nanos() - saved.as_nanos());
            run.done = run.done.saturating_add(saved);
            run.is_resumed |= saved > Duration::ZERO;
        }
        let run = *run;
        Some(self.run_time(run))
    }

    /// Rest of a pod's work.
    pub(super) fn left(&self, pod: PodId) -> Option<RemainingWork> {
        self.runs.get(&pod).map(Run::left)
    }

    /// A pod is gone. What another of its job can go on with is kept, unless its work is done.
    pub(super) fn forget(&mut self, now: Instant, pod: PodId, is_done: bool) {
        if !is_done {
            self.interrupted(now, pod);
        }
        let run = self.runs.remove(&pod);
        if let Some(run) = run.filter(|run| run.is_resumed && !is_done)
            && let Some(job) = run.job
        {
            self.begun.entry(job).or_default().push(run.left());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_goes_on_from_the_last_checkpoint() {
        let secs = Duration::from_secs;
        let at = Instant::from_secs;
        let mut progress = Progress::new(Checkpoints {
            interval: secs(100),
            write: secs(10),
            restart: secs(5),
        });
        let whole = RemainingWork::all(secs(300));
        let job = Some(ObjectId(3));
        let (one, two) = (PodId(1), PodId(2));
        assert_eq!(progress.submit(one, whole, job), secs(320));
        progress.started(at(50), one, Pace::USUAL);
        // 150 s in: a checkpoint after 110 s has saved 100 s of work.
        assert_eq!(progress.interrupted(at(200), one), Some(secs(5 + 210)));
        assert_eq!(progress.left(one).map(|left| left.done), Some(secs(100)));
        progress.started(at(300), one, Pace::USUAL);
        // It ends before it has saved more; another pod of the job goes on.
        progress.forget(at(340), one, false);
        assert_eq!(progress.submit(two, whole, job), secs(215));
        assert_eq!(progress.left(two).map(|left| left.done), Some(secs(100)));
        progress.started(at(400), two, Pace::USUAL);
        progress.forget(at(615), two, true);
        assert_eq!(progress.submit(PodId(3), whole, job), secs(320));
    }

    #[test]
    fn a_change_of_pace_counts_from_its_instant_on() {
        let secs = Duration::from_secs;
        let at = Instant::from_secs;
        let mut progress = Progress::new(Checkpoints {
            interval: secs(100),
            write: secs(0),
            restart: secs(0),
        });
        let (pod, whole) = (PodId(1), RemainingWork::all(secs(1_000)));
        progress.submit(pod, whole, None);
        progress.started(at(0), pod, Pace::USUAL);
        let change = PaceChange {
            before: Pace::USUAL,
            after: Pace::of(2.0),
        };
        // 250 s, and 300 s at half the speed: 400 s of work, of which all is saved.
        progress.changed(at(250), pod, change);
        assert_eq!(progress.interrupted(at(550), pod), Some(secs(600)));
    }
}
