//! The simulated machine under the node agents: starts take time by a model, processes end when
//! their run time is over.

mod initial;
mod migration;

use control::MachineCommand;
use model::PodRef;
use model::checkpoint::Checkpoints;
use rng::{Distribution, Stream};
use units::{Duration, Identity, Instant, ObjectId, PodId, SortedMap};

use super::StartUp;
use super::containers::{Containers, EventEntry, Task};
use super::hosts::{Pace, PaceChange};
use super::progress::{Progress, RemainingWork};

/// The work of a living pod once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The pod.
    pub pod: PodRef,
    /// Run time; `None` runs until the pod is stopped.
    pub run_time: Option<Duration>,
    /// `true` if the pod is up.
    pub running: bool,
    /// Marks a pod that was up before the run began: it takes no time to start.
    pub was_up: bool,
}

/// The machines of a cell.
#[derive(Clone, Debug)]
pub struct Machine {
    seed: u64,
    start_up: StartUp,
    /// By pod slot.
    work: Vec<Row>,
    /// Of pods whose processes were once lost with their host: when what they began since is due;
    /// `None` while they do nothing.
    interrupted: SortedMap<PodId, Option<Instant>>,
    containers: Containers,
    /// The last wake-up that was asked for, for containers, images and cores: its instant, and whether it is for more
    /// than ends.
    tick: Option<(Instant, bool)>,
    /// The progress of pods that write checkpoints.
    progress: Option<Progress>,
    /// Whether processes share cores, so that their ends are not known when they begin.
    shares_cores: bool,
    /// Whether what is due is kept of every pod, as work may come to take longer.
    is_tracking: bool,
    stragglers: Option<Stragglers>,
    /// Of pods that came from other nodes in the middle of a run: how long their later runs take.
    later_runs: SortedMap<PodId, Duration>,
}

/// Pods whose work takes longer than that of others (spec: orchestrators-b.md 10.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stragglers {
    /// Share of the pods that straggle.
    pub share: f64,
    /// Greatest factor by which a straggler's run time grows; evenly from twice to this, or just
    /// this if it is less.
    pub factor: f64,
}

/// [`Work`] and an identity, packed: there are as many as pods live.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Run time in nanoseconds; [`ENDLESS`] until the pod is stopped.
    run_nanos: i64,
    /// Stable identity of the pod, which its random draws are keyed by.
    who: Identity,
    /// The pod; [`NOBODY`] in a free slot.
    id: PodId,
    running: bool,
    before: PriorState,
    /// Whether what its processes run in is there.
    has_sandbox: bool,
}

/// State of a pod before its node received it: down, up there before the run began, or up elsewhere, where it
/// may have come from by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PriorState {
    Down,
    Up,
    Elsewhere,
    Arrived,
}

const ENDLESS: i64 = i64::MIN;
/// No pod is given this identity: a store refuses to count so far.
const NOBODY: PodId = PodId(u32::MAX);

const VACANT: Row = Row {
    run_nanos: ENDLESS,
    who: Identity::of(""),
    id: NOBODY,
    running: false,
    before: PriorState::Down,
    has_sandbox: false,
};

/// The immediate effect of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Immediate {
    /// Nothing yet.
    Nothing,
    /// The processes will be up.
    Starting {
        /// The pod.
        pod: PodRef,
        /// Instant of the start.
        at: Instant,
    },
    /// The processes are up.
    Started(PodRef),
    /// The processes are down.
    Stopped(PodRef),
}

impl Machine {
    /// Machines with nothing on them.
    pub fn new(seed: u64, start_up: StartUp) -> Self {
        Self {
            seed,
            start_up,
            work: Vec::new(),
            interrupted: SortedMap::new(),
            containers: Containers::default(),
            tick: None,
            progress: None,
            shares_cores: false,
            is_tracking: false,
            stragglers: None,
            later_runs: SortedMap::new(),
        }
    }

    /// The wake-up to ask for, for containers and what else is due, if it was not yet: its instant, and whether
    /// it is for more than ends, which come first at an instant.
    pub(super) fn next_tick(
        &mut self,
        now: Instant,
        others: impl Iterator<Item = (Instant, bool)>,
    ) -> Option<(Instant, bool)> {
        let due = others.chain(self.containers.due()).min()?;
        let is_asked = { self.tick }.is_some_and(|asked| asked.0 > now && asked <= due);
        if is_asked {
            return None;
        }
        self.tick = Some(due);
        Some(due)
    }

    /// The next thing that is due of a container by now; starts only if they are asked for.
    pub(super) fn pop_container(&mut self, now: Instant, starts: bool) -> Option<EventEntry> {
        self.containers.pop(now, starts)
    }

    /// Processes share cores from now on.
    pub(super) const fn share_cores(&mut self) {
        self.shares_cores = true;
    }

    /// Whether processes share cores.
    pub(super) const fn shares_cores(&self) -> bool {
        self.shares_cores
    }

    /// Starts one container of a pod; how long that takes is drawn.
    pub(super) fn start_container(
        &mut self,
        now: Instant,
        pod: PodRef,
        container: u16,
        stated_start: Option<Duration>,
        mut task: Task,
    ) {
        task.run_time = task.run_time.map(|own| self.straggle(self.who(pod), own));
        task.start_up = self.delay(pod, stated_start);
        self.containers.start(now, pod, container, task);
    }

    /// Stops one container of a pod.
    pub(super) fn stop_container(&mut self, pod: PodRef, container: u16) {
        self.containers.stop(pod, container);
    }

    /// Time that a start takes: as stated of the pod, or else of all pods.
    fn delay(&mut self, pod: PodRef, stated: Option<Duration>) -> Duration {
        if self.is_before(pod, PriorState::Elsewhere) {
            return Duration::ZERO;
        }
        let who = self.who(pod);
        let has_sandbox = match self.row_mut(pod) {
            Some(row) => std::mem::replace(&mut row.has_sandbox, true),
            None => true,
        };
        if let Some(stated) = stated {
            return stated;
        }
        let draw =
            |law: &Distribution, purpose| law.sample(&mut Stream::of(self.seed, purpose, who));
        match &self.start_up {
            StartUp::None => Duration::ZERO,
            StartUp::Drawn(law) => draw(law, "start-up"),
            StartUp::Sandboxed { boot, start } => {
                let start = start.as_ref().map(|law| draw(law, "start-up"));
                let boot = (!has_sandbox).then(|| draw(boot, "boot"));
                let both = start
                    .unwrap_or_default()
                    .checked_add(boot.unwrap_or_default());
                both.unwrap_or(Duration::MAX)
            }
        }
    }
    /// Work may come to take longer from now on.
    pub(super) fn track(&mut self, stragglers: Option<Stragglers>) {
        self.is_tracking = true;
        self.stragglers = stragglers.or(self.stragglers);
    }

    /// Run time of a pod that would run this long if it were like others.
    fn straggle(&self, who: Identity, run_time: Duration) -> Duration {
        let Some(Stragglers { share, factor }) = self.stragglers else {
            return run_time;
        };
        let mut stream = Stream::of(self.seed, "straggler", who);
        if stream.unit_f64() >= share {
            return run_time;
        }
        let least = factor.min(2.0);
        let factor = least + stream.unit_f64() * (factor - least);
        Pace::of(factor).stretch(run_time, Pace::USUAL)
    }

    /// Starts take this time from now on.
    pub(super) fn set_start_up(&mut self, start_up: StartUp) {
        self.start_up = start_up;
    }

    /// A pod was submitted that will run this long.
    #[inline]
    pub fn submit(&mut self, pod: PodRef, who: Identity, run_time: Option<Duration>) {
        self.begin(pod, who, run_time, None);
    }

    /// A pod was submitted, of a job or alone, that would run this long if it were like others.
    pub(super) fn begin(
        &mut self,
        pod: PodRef,
        who: Identity,
        run_time: Option<Duration>,
        job: Option<ObjectId>,
    ) {
        let run_time = run_time.map(|own| self.straggle(who, own));
        self.resume(pod, who, run_time.map(RemainingWork::all), job);
    }

    /// Stable identity of a pod.
    pub(super) fn who(&self, pod: PodRef) -> Identity {
        (self.work.get(pod.slot.index())).map_or(VACANT.who, |row| row.who)
    }

    #[inline]
    fn submit_for(&mut self, pod: PodRef, who: Identity, run_time: Option<Duration>) {
        let slot = pod.slot.index();
        if self.work.len() <= slot {
            self.work.resize(slot + 1, VACANT);
        }
        self.work[slot] = Row {
            run_nanos: run_time.map_or(ENDLESS, Duration::as_nanos),
            who,
            id: pod.id,
            ..VACANT
        };
    }

    /// Work is saved in checkpoints from now on.
    pub(super) fn set_checkpoints(&mut self, rule: Checkpoints) {
        self.progress = Some(Progress::new(rule));
    }

    /// A pod was submitted that goes on with what is left of another's work, or that of its job;
    /// work that takes longer than that of others still does.
    pub(super) fn resume(
        &mut self,
        pod: PodRef,
        who: Identity,
        left: Option<RemainingWork>,
        job: Option<ObjectId>,
    ) {
        let run_time = left.map(|left| match &mut self.progress {
            Some(progress) => progress.submit(pod.id, left, job),
            None => left.work,
        });
        self.submit_for(pod, who, run_time);
    }

    /// The rest of a pod's work that is interrupted now; `None` of one without an end.
    pub(super) fn left(&mut self, now: Instant, pod: PodRef) -> Option<RemainingWork> {
        let plain = RemainingWork::all(self.work(pod)?.run_time?);
        let Some(progress) = &mut self.progress else {
            return Some(plain);
        };
        progress.interrupted(now, pod.id);
        Some(progress.left(pod.id).unwrap_or(plain))
    }

    /// The rest of the work of a pod that is taken off its host, which got on with it at a pace. It is the
    /// work that it has yet to do, or to do again where work is saved in checkpoints; `None` of one without
    /// an end.
    pub(super) fn rest(&mut self, now: Instant, pod: PodRef, pace: Pace) -> Option<RemainingWork> {
        let left = self.left(now, pod)?;
        let due = self.interrupted.get(&pod.id).copied().flatten();
        let is_saved = self.progress.is_none() && self.is_running(pod);
        Some(match due {
            // An unreachable host may have got to the end before.
            Some(due) if is_saved => {
                RemainingWork::all(Pace::USUAL.stretch(due.max(now).since(now), pace))
            }
            _ => left,
        })
    }

    /// The work that a pod which runs at a pace has yet to do; `None` of one without an end.
    pub(super) fn ahead(&self, now: Instant, pod: PodRef, pace: Pace) -> Option<Duration> {
        let due = self.interrupted.get(&pod.id).copied().flatten();
        let due = due.filter(|due| self.is_running(pod) && *due > now)?;
        Some(Pace::USUAL.stretch(due.since(now), pace))
    }

    /// A pod's work that is saved in checkpoints.
    pub(super) fn done(&self, pod: PodRef) -> Option<Duration> {
        Some(self.progress.as_ref()?.left(pod.id)?.done)
    }

    /// A pod's work is interrupted: what is not saved is to be done again.
    fn pause(&mut self, now: Instant, pod: PodRef) {
        let rest = (self.progress.as_mut()).and_then(|own| own.interrupted(now, pod.id));
        if let (Some(rest), Some(row)) = (rest, self.row_mut(pod))
            && row.run_nanos != ENDLESS
        {
            row.run_nanos = rest.as_nanos();
        }
    }

    /// A pod ended.
    pub(super) fn gone(&mut self, now: Instant, pod: PodRef, is_done: bool) {
        if let Some(progress) = &mut self.progress {
            progress.forget(now, pod.id, is_done);
        }
        self.forget(pod);
    }

    /// A pod ended.
    #[inline]
    pub fn forget(&mut self, pod: PodRef) {
        if let Some(row) = self.row_mut(pod) {
            *row = VACANT;
        }
        self.interrupted.remove(&pod.id);
        self.later_runs.remove(&pod.id);
        self.containers.forget(pod.id);
    }

    /// A pod's processes are gone with their host: what was due of them will not be.
    pub fn interrupt(&mut self, now: Instant, pod: PodRef) {
        self.pause(now, pod);
        self.containers.forget(pod.id);
        self.run_over(pod);
        if let Some(row) = self.row_mut(pod) {
            (row.running, row.has_sandbox) = (false, false);
            self.interrupted.insert(pod.id, None);
        }
    }

    /// Whether what is due now of a pod is still to come.
    pub fn awaits(&self, now: Instant, pod: PodRef) -> bool {
        let is_due = |due: &Option<Instant>| *due == Some(now);
        self.work(pod).is_some() && self.interrupted.get(&pod.id).is_none_or(is_due)
    }

    fn expect(&mut self, pod: PodRef, at: Instant) {
        if self.is_tracking {
            self.interrupted.insert(pod.id, Some(at));
        } else if let Some(due) = self.interrupted.get_mut(&pod.id) {
            *due = Some(at);
        }
    }

    /// The work of a pod.
    #[inline]
    pub fn work(&self, pod: PodRef) -> Option<Work> {
        let row = self.work.get(pod.slot.index())?;
        (row.id == pod.id).then(|| Work {
            pod,
            run_time: (row.run_nanos != ENDLESS).then(|| Duration::from_nanos(row.run_nanos)),
            running: row.running,
            was_up: row.before == PriorState::Up,
        })
    }

    #[inline]
    fn row_mut(&mut self, pod: PodRef) -> Option<&mut Row> {
        let row = self.work.get_mut(pod.slot.index())?;
        (row.id == pod.id).then_some(row)
    }

    /// Carries out an agent's order; a pod may state the time of its own start, and its init containers take
    /// some.
    pub fn order(
        &mut self,
        now: Instant,
        command: MachineCommand,
        stated_start: Option<Duration>,
        init_time: Duration,
    ) -> Immediate {
        match command {
            MachineCommand::Start { pod, .. } => {
                if self.is_before(pod, PriorState::Arrived) {
                    self.run_over(pod);
                }
                let delay = match self.work(pod) {
                    Some(work) if work.was_up => Duration::ZERO,
                    _ => self.delay(pod, stated_start).saturating_add(init_time),
                };
                if delay <= Duration::ZERO {
                    return Immediate::Started(pod);
                }
                let at = now.saturating_add(delay);
                self.expect(pod, at);
                Immediate::Starting { pod, at }
            }
            MachineCommand::Stop { pod, .. } => {
                self.pause(now, pod);
                let row = self.row_mut(pod);
                if row.is_some_and(|row| std::mem::take(&mut row.running)) {
                    // It may be started again: its end by itself is not due then.
                    self.interrupted.insert(pod.id, None);
                }
                Immediate::Stopped(pod)
            }
            // These are carried out by their numbers.
            MachineCommand::StartContainer { .. } | MachineCommand::StopContainer { .. } => {
                Immediate::Nothing
            }
        }
    }

    /// A host gets on with a pod's work at another pace; returns when its end is due then, if that is
    /// known and has changed.
    pub(super) fn stretch(
        &mut self,
        now: Instant,
        pod: PodRef,
        change: PaceChange,
    ) -> Option<Instant> {
        self.containers.stretch(now, pod.id, change);
        if let Some(progress) = &mut self.progress {
            progress.changed(now, pod.id, change);
        }
        let work = self.work(pod)?;
        if !work.running || work.run_time.is_none() {
            return None;
        }
        let &due = self.interrupted.get(&pod.id)?;
        // Otherwise it is over, and the control plane has yet to hear of it.
        let due = due.filter(|&due| due > now)?;
        let at = now.saturating_add(change.stretch(due.since(now)));
        self.interrupted.insert(pod.id, Some(at));
        Some(at)
    }

    /// A pod's processes are up; returns when their end is due: after their run time, stretched by the
    /// pace of their work.
    pub(super) fn started(&mut self, now: Instant, pod: PodRef, pace: Pace) -> Option<Instant> {
        if let Some(progress) = &mut self.progress {
            progress.started(now, pod.id, pace);
        }
        let shares_cores = self.shares_cores;
        let row = self.row_mut(pod)?;
        row.running = true;
        if row.before == PriorState::Elsewhere {
            row.before = PriorState::Arrived;
        }
        if row.run_nanos == ENDLESS || shares_cores {
            return None;
        }
        let span = Duration::from_nanos(row.run_nanos);
        let at = now.saturating_add(pace.stretch(span, Pace::USUAL));
        self.expect(pod, at);
        Some(at)
    }

    /// A pod's processes ended before or after they would have by themselves.
    pub(super) fn process_ended(&mut self, now: Instant, pod: PodRef) {
        self.pause(now, pod);
        if let Some(row) = self.row_mut(pod) {
            row.running = false;
            self.interrupted.insert(pod.id, None);
        }
    }

    /// Whether a pod's processes are up.
    #[inline]
    pub fn is_running(&self, pod: PodRef) -> bool {
        self.work(pod).is_some_and(|work| work.running) || self.containers.is_running(pod.id)
    }
}
