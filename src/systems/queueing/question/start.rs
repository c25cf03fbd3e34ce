//! The time at which a queued job starts: the cluster replayed forward, with the run times that users
//! give or that ended workloads had. Nothing is submitted in the meantime.

use kueue::run::{Controller, Stage};
use model::Text;
use model::queueing::QueuedWorkload;
use rng::Stream;
use units::{Duration, Instant, SortedMap, SortedSet};

use super::{MOST_CYCLES, Question};

/// Purpose of the random stream of run times.
const PURPOSE: &str = "queue/run-times";

/// Most replays, and the most workloads that they see together.
const MOST_REPLAYS: usize = 200;
const MOST_WORKLOADS: usize = 200_000;

/// Most work of all replays together, in usage of workloads that is counted in or out. The first
/// replay ends after half of it.
const MOST_WORK: u64 = 12_000_000;

/// Time after which a job counts as one that does not start.
const HORIZON: Duration = Duration::from_secs(365 * 86_400);

/// Number of ended workloads of a queue from which on its workloads run as these did; with fewer, as
/// those of all queues.
const ENOUGH: usize = 5;

/// Name of the condition of a workload that runs, and of one that has ended.
const ADMITTED: &str = "Admitted";
const FINISHED: &str = "Finished";

/// Source of the run times of workloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunTimes {
    /// Those of the ended workloads of the dump.
    #[default]
    Ended,
    /// One for all workloads.
    Given(Duration),
}

/// Times from the dump until a job starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The time that a twentieth of the replays reach, half of them, and all but a twentieth; `None`
    /// where the job does not start in them.
    pub quantiles: [Option<Duration>; 3],
    /// Number of replays.
    pub replays: usize,
    /// Number of ended workloads whose run times were drawn; `None` for a given one.
    pub ended: Option<usize>,
    /// Time to which the cluster was replayed, if that took too much work and the job has not started by
    /// then.
    pub later_than: Option<Duration>,
}

/// Run times that ended workloads had, ascending, by the name of their queue.
struct History {
    of_queues: SortedMap<Text, Vec<Duration>>,
    all: Vec<Duration>,
}

impl History {
    fn of(workloads: &[QueuedWorkload]) -> Self {
        let mut history = Self {
            of_queues: SortedMap::new(),
            all: Vec::new(),
        };
        for own in workloads {
            let times = own.holding(ADMITTED).zip(own.holding(FINISHED));
            let times = times.map(|(admitted, finished)| finished.since.since(admitted.since));
            let Some(time) = times.filter(|time| *time > Duration::ZERO) else {
                continue;
            };
            history.all.push(time);
            if let Some(admission) = &own.admission {
                let queue = history.of_queues.entry(admission.cluster_queue.clone());
                queue.or_default().push(time);
            }
        }
        history.all.sort_unstable();
        history
            .of_queues
            .values_mut()
            .for_each(|own| own.sort_unstable());
        history
    }

    /// A run time of a workload of a queue that has run for some time already: one of those that are
    /// longer, or twice as long as it has run if none is.
    fn draw(&self, queue: &Text, ran: Duration, stream: &mut Stream) -> Duration {
        let own = self.of_queues.get(queue).filter(|own| own.len() >= ENOUGH);
        let times = own.unwrap_or(&self.all);
        let longer = &times[times.partition_point(|time| *time <= ran)..];
        if longer.is_empty() {
            return ran.saturating_add(ran);
        }
        longer[stream.below(longer.len() as u64) as usize]
    }
}

/// A cluster that is replayed forward.
struct Replay<'a> {
    cluster: Controller,
    now: Instant,
    run_times: &'a dyn Fn(&Text, Duration, &mut Stream) -> Duration,
    stream: Stream,
    /// Ends of the workloads that run, by their numbers.
    ends: SortedSet<(Instant, usize)>,
    /// The end of each of them.
    end_of: SortedMap<usize, Instant>,
    cycles: usize,
    /// Work at which the replay ends.
    most: u64,
}

impl Replay<'_> {
    /// Takes note of workloads that begin to run, and of those that are stopped.
    fn follow(&mut self, changed: impl IntoIterator<Item = usize>) {
        for number in changed {
            let Some(state) = self.cluster.state_of(number) else {
                continue;
            };
            let runs = matches!(state.stage, Stage::Admitted | Stage::QuotaReserved);
            match (runs, self.end_of.get(&number).copied()) {
                (true, None) => {
                    let began = state.admitted.unwrap_or(self.now).min(self.now);
                    let ran = self.now.since(began);
                    let queue = state
                        .queue
                        .map(|id| &self.cluster.snapshot().queue(id).spec.name);
                    let queue = queue.cloned().unwrap_or_default();
                    let most = state.workload.max_execution.unwrap_or(Duration::MAX);
                    let time = (self.run_times)(&queue, ran, &mut self.stream).min(most);
                    let end = began.saturating_add(time).max(self.now);
                    self.ends.insert((end, number));
                    self.end_of.insert(number, end);
                }
                (false, Some(end)) => {
                    self.ends.remove(&(end, number));
                    self.end_of.remove(&number);
                }
                _ => {}
            }
        }
    }

    /// Whether the replay has done all the work that it may.
    fn is_exhausted(&self) -> bool {
        self.cluster.snapshot().work() > self.most || self.cycles > MOST_CYCLES
    }

    /// The time at which a workload gets its quota; `None` if it does not within the horizon.
    fn start_of(&mut self, namespace: &str, name: &str) -> Option<Instant> {
        let horizon = self.now.saturating_add(HORIZON);
        let asked = self.cluster.number(namespace, name)?;
        let all: Vec<usize> = self.cluster.numbered_states().map(|own| own.0).collect();
        self.follow(all);
        loop {
            while let Some(cycle) = self.cluster.cycle() {
                self.cycles += 1;
                if !cycle.has_changed || self.is_exhausted() {
                    break;
                }
            }
            let state = self.cluster.state_of(asked)?;
            if matches!(state.stage, Stage::Admitted | Stage::QuotaReserved) {
                return Some(self.now);
            }
            let changed = self.cluster.take_changed_numbers();
            self.follow(changed);
            let end = self.ends.first().map(|(at, _)| *at);
            let next = self.cluster.next_due().into_iter().chain(end).min()?;
            if next > horizon || self.is_exhausted() {
                return None;
            }
            self.now = next.max(self.now);
            self.cluster.advance(self.now);
            while let Some((at, number)) = self.ends.first().copied() {
                if at > self.now {
                    break;
                }
                self.ends.remove(&(at, number));
                self.end_of.remove(&number);
                self.cluster.finish_numbered(number);
            }
        }
    }
}

impl Question<'_> {
    /// The time at which the job starts that waits in a cluster; `None` if no run time is known.
    pub(super) fn start(&self, cluster: &Controller, workload: &QueuedWorkload) -> Option<Start> {
        let workloads = &self.objects.queueing.workloads;
        let history = History::of(workloads);
        let given = match self.run_times {
            RunTimes::Given(time) => Some(time),
            RunTimes::Ended if history.all.is_empty() => return None,
            RunTimes::Ended => None,
        };
        let run_times = |queue: &Text, ran, stream: &mut Stream| match given {
            Some(time) => time,
            None => history.draw(queue, ran, stream),
        };
        let affordable = (MOST_WORKLOADS / (workloads.len() + 1)).clamp(10, MOST_REPLAYS);
        let mut replays = given.map_or(affordable, |_| 1);
        let mut starts: Vec<Option<Duration>> = Vec::with_capacity(replays);
        let mut left = MOST_WORK;
        let mut later_than = None;
        while starts.len() < replays {
            let mut cluster = cluster.clone();
            cluster.submit(workload.clone()).ok()?;
            let is_first = starts.is_empty();
            let before = cluster.snapshot().work();
            let mut replay = Replay {
                now: cluster.now(),
                cluster,
                run_times: &run_times,
                stream: Stream::new(0, PURPOSE, starts.len() as u64),
                ends: SortedSet::new(),
                end_of: SortedMap::new(),
                cycles: 0,
                most: before + if is_first { left / 2 } else { left },
            };
            let found = replay.start_of(&self.own.namespace, &self.own.workload);
            let since = |at: Instant| {
                let seconds = at.since(self.now).as_nanos() / 1_000_000_000;
                Duration::from_secs(seconds)
            };
            if found.is_none() && replay.is_exhausted() {
                if is_first {
                    later_than = Some(since(replay.now));
                    starts.push(None);
                }
                break;
            }
            starts.push(found.map(since));
            let work = replay.cluster.snapshot().work() - before;
            left = left.saturating_sub(work);
            if is_first {
                let further = left / work.max(1);
                replays = replays.min(
                    usize::try_from(further)
                        .unwrap_or(usize::MAX)
                        .saturating_add(1),
                );
            }
        }
        let replays = starts.len();
        // Those that do not start are the latest.
        starts.sort_by_key(|own| own.unwrap_or(Duration::MAX));
        let at = |percent: usize| starts[(replays - 1) * percent / 100];
        Some(Start {
            quantiles: [at(5), at(50), at(95)],
            replays,
            ended: given.is_none().then_some(history.all.len()),
            later_than,
        })
    }
}
