//! The rules of ECS for a service, as its developer guide has them (`deployment-type-ecs.md`,
//! `service_definition_parameters.md`, `deployment-circuit-breaker.md`, `stop-service-deployment.md`), over the events of a run. All tasks
//! come to run here, so that only failed checks count for the breaker, and no try waits.

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Object, Pod, PodChange, PodRef, RolloutStep};
use windtunnel::units::{Instant, PodId, SortedMap, SortedSet};

const SECOND: i64 = 1_000_000_000;

/// `minimumHealthyPercent` and `maximumPercent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percent {
    pub(super) minimum: u64,
    pub(super) maximum: u64,
}

/// `deploymentCircuitBreaker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaker {
    Off,
    On,
    OnWithRollback,
}

/// Health check of the tasks of a version: seconds of an interval, after which a task is healthy, and after
/// three of which it is unhealthy if it never answers.
pub(super) const INTERVAL: i64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Pending,
    Running,
    Healthy,
    Stopping,
}

#[derive(Clone, Debug)]
struct Task {
    image: String,
    deployment: u64,
    phase: Phase,
    is_placed: bool,
    runs_since: i64,
    /// Number of its start.
    number: u64,
}

/// Tasks to stop, old ones that are healthy, other old ones and new ones that are too many, and tasks to
/// start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moves {
    healthy: u64,
    others: u64,
    surplus: u64,
    start: u64,
}

/// The present deployment.
#[derive(Clone, Debug, Default)]
struct Deployment {
    number: u64,
    image: String,
    failures: u64,
    is_failed: bool,
    is_rollback: bool,
    threshold: u64,
}

/// The judge of one run.
pub(super) struct Judge {
    percent: Percent,
    breaker: Breaker,
    /// Version whose tasks never answer their check.
    never_healthy: Option<&'static str>,
    slots: usize,
    desired: u64,
    declared: String,
    /// Whether the user has stopped the deployment under way, so that the service goes back.
    is_stopped: bool,
    /// Whether one was.
    has_stopped: bool,
    deployment: Deployment,
    newest: u64,
    completed: Option<(u64, String)>,
    tasks: SortedMap<PodId, Task>,
    started: u64,
    now: i64,
    /// Tasks that are to be stopped at this instant for their health.
    unhealthy: SortedSet<PodId>,
    /// Tasks that were told to stop at this instant, those of them that have ended, and new tasks.
    ends: SortedSet<PodId>,
    gone: SortedSet<PodId>,
    fresh: SortedMap<PodId, Task>,
    told: Vec<RolloutStep>,
    /// Steps of deployments that are to be told, and those that were.
    due: Vec<RolloutStep>,
    heard: Vec<RolloutStep>,
    wrong: Option<String>,
}

impl Judge {
    pub(super) fn new(
        percent: Percent,
        breaker: Breaker,
        never_healthy: Option<&'static str>,
        slots: usize,
    ) -> Self {
        Self {
            percent,
            breaker,
            never_healthy,
            slots,
            desired: 0,
            declared: String::new(),
            is_stopped: false,
            has_stopped: false,
            deployment: Deployment::default(),
            newest: 0,
            completed: None,
            tasks: SortedMap::new(),
            started: 0,
            now: 0,
            unhealthy: SortedSet::new(),
            ends: SortedSet::new(),
            gone: SortedSet::new(),
            fresh: SortedMap::new(),
            told: Vec::new(),
            due: Vec::new(),
            heard: Vec::new(),
            wrong: None,
        }
    }

    fn differ(&mut self, says: &str, ran: &str) {
        let at = self.now as f64 / SECOND as f64;
        self.wrong
            .get_or_insert_with(|| format!("{at} s: the judge says {says}; {ran} ran"));
    }

    /// A deployment of a task definition: its breaker's threshold is half of its tasks, 10 to 200.
    fn deploy(&mut self, number: u64, image: &str) {
        self.deployment = Deployment {
            number,
            image: image.to_owned(),
            threshold: self.desired.div_ceil(2).clamp(10, 200),
            ..Deployment::default()
        };
    }

    fn declared(&mut self, image: &str, desired: u64) {
        self.desired = desired;
        if self.declared != image {
            image.clone_into(&mut self.declared);
            let is_stopped = std::mem::take(&mut self.is_stopped);
            if self.deployment.image != image {
                let last = self.completed.clone().filter(|_| is_stopped);
                if let Some((number, image)) = last.filter(|(_, last)| last == image) {
                    self.has_stopped = true;
                    return self.go_back(number, &image);
                }
                self.newest += 1;
                self.deploy(self.newest, image);
            }
        }
    }

    fn go_back(&mut self, number: u64, image: &str) {
        self.deploy(number, image);
        self.deployment.is_rollback = true;
        self.due.push(RolloutStep::RollingBack);
    }

    /// The user rolls back: a deployment under way is stopped, and one that is done is followed by another.
    fn stop_deployment(&mut self) {
        let number = self.deployment.number;
        let is_under_way = { self.completed.as_ref() }.is_some_and(|(last, _)| *last != number);
        self.is_stopped = is_under_way && !self.deployment.is_failed;
    }

    /// Something failed that the breaker counts; at its threshold the deployment fails.
    fn count_failure(&mut self) {
        let is_completed = { self.completed.as_ref() }
            .is_some_and(|(number, _)| *number == self.deployment.number);
        if is_completed {
            return;
        }
        self.deployment.failures += 1;
        let is_open = self.deployment.failures >= self.deployment.threshold;
        if !is_open || self.breaker == Breaker::Off || self.deployment.is_failed {
            return;
        }
        self.deployment.is_failed = true;
        match self.completed.clone() {
            Some((number, image)) if self.breaker == Breaker::OnWithRollback => {
                self.go_back(number, &image);
            }
            _ => self.due.push(RolloutStep::Failed),
        }
    }

    fn ended(&mut self, pod: PodRef) {
        if self.ends.contains(&pod.id) {
            self.gone.insert(pod.id);
        } else {
            self.tasks.remove(&pod.id);
        }
    }

    fn runs(&mut self, pod: PodRef) {
        let now = self.now;
        if let Some(task) = self.tasks.get_mut(&pod.id) {
            (task.phase, task.runs_since) = (Phase::Running, now);
        }
    }

    /// When a running task is healthy, or unhealthy.
    fn verdict(&self, task: &Task) -> (i64, bool) {
        if self.never_healthy == Some(task.image.as_str()) {
            (task.runs_since + 3 * INTERVAL * SECOND, false)
        } else {
            (task.runs_since + 40 * SECOND, true)
        }
    }

    /// The next instant at which something is due by itself.
    fn next_due(&self) -> Option<i64> {
        let running = self
            .tasks
            .values()
            .filter(|own| own.phase == Phase::Running);
        running.map(|own| self.verdict(own).0).min()
    }

    /// Goes on to an instant: what is due before is due in vain if it asks for orders.
    fn go_on(&mut self, now: i64) {
        while let Some(at) = self.next_due().filter(|at| *at < now) {
            self.come_to(at);
            self.settle();
        }
        self.come_to(now);
    }

    fn come_to(&mut self, now: i64) {
        self.now = now;
        let running = { self.tasks.iter() }.filter(|(_, own)| own.phase == Phase::Running);
        let due: Vec<(u64, PodId, bool)> = running
            .map(|(id, own)| (own.number, *id, self.verdict(own)))
            .filter(|(_, _, (at, _))| *at <= now)
            .map(|(number, id, (_, is_healthy))| (number, id, is_healthy))
            .collect();
        for (_, id, is_healthy) in due {
            let Some(task) = self.tasks.get_mut(&id) else {
                continue;
            };
            if is_healthy {
                task.phase = Phase::Healthy;
                continue;
            }
            // The service replaces a task that is unhealthy, and stage 2 of the breaker counts it.
            task.phase = Phase::Stopping;
            let is_counted = task.deployment == self.deployment.number;
            self.unhealthy.insert(id);
            if is_counted {
                self.count_failure();
            }
        }
    }

    fn is_old(&self, task: &Task) -> bool {
        task.deployment != self.deployment.number
    }

    fn count(&self, is_old: bool, phases: &[Phase]) -> u64 {
        let such = |own: &&Task| self.is_old(own) == is_old && phases.contains(&own.phase);
        self.tasks.values().filter(such).count() as u64
    }

    /// What the two bounds ask for.
    fn moves(&self) -> Moves {
        let min_running = (self.desired * self.percent.minimum).div_ceil(100);
        let max_total = self.desired * self.percent.maximum / 100;
        let unhealthy = [Phase::Pending, Phase::Running];
        let healthy = [true, false].map(|is_old| self.count(is_old, &[Phase::Healthy]));
        let [old, new] = [true, false].map(|is_old| self.count(is_old, &unhealthy));
        let spare = (healthy[0] + healthy[1]).saturating_sub(min_running);
        let missing = self.desired.saturating_sub(healthy[1] + new);
        let room = max_total.saturating_sub(self.tasks.len() as u64);
        Moves {
            healthy: healthy[0].min(spare),
            others: old,
            surplus: (healthy[1] + new).saturating_sub(self.desired),
            start: if self.deployment.is_failed {
                0
            } else {
                missing.min(room)
            },
        }
    }

    /// Compares what was ordered at this instant with what the bounds ask for. What ends at once makes room
    /// for more.
    fn settle(&mut self) {
        for id in std::mem::take(&mut self.unhealthy) {
            if !self.ends.remove(&id) {
                self.differ(&format!("{id:?} is stopped, as it is unhealthy"), "nothing");
            }
            self.leaves_if_gone(id);
        }
        self.note_completion();
        loop {
            let moves = self.moves();
            if moves == Moves::default() || self.wrong.is_some() {
                break;
            }
            let mut ran = self.stop();
            let started = self.fresh.len().min(moves.start as usize);
            ran.start = started as u64;
            if ran != moves {
                self.differ(&format!("{moves:?}"), &format!("{ran:?}"));
            }
            for _ in 0..started {
                if let Some((id, task)) = self.fresh.pop_first() {
                    if task.image != self.deployment.image {
                        let says = format!("tasks of {} start", self.deployment.image);
                        self.differ(&says, &task.image);
                    }
                    self.tasks.insert(id, task);
                }
            }
        }
        let (ends, fresh) = (self.ends.len(), self.fresh.len());
        if ends + fresh > 0 {
            let ran = format!("{ends} stops and {fresh} starts more");
            self.differ("that is all", &ran);
        }
        self.note_completion();
        self.look_at_room();
        let told = std::mem::take(&mut self.told);
        self.heard.extend(told);
    }

    /// Takes the tasks that were told to stop.
    fn stop(&mut self) -> Moves {
        let mut stopped = Moves::default();
        for id in std::mem::take(&mut self.ends) {
            let is_old = self.tasks.get(&id).is_some_and(|own| self.is_old(own));
            let Some(task) = self.tasks.get_mut(&id) else {
                self.ends.insert(id);
                continue;
            };
            let before = std::mem::replace(&mut task.phase, Phase::Stopping);
            let count = match (is_old, before) {
                (false, _) => &mut stopped.surplus,
                (true, Phase::Healthy) => &mut stopped.healthy,
                (true, _) => &mut stopped.others,
            };
            *count += 1;
            self.leaves_if_gone(id);
        }
        stopped
    }

    fn leaves_if_gone(&mut self, id: PodId) {
        if self.gone.remove(&id) {
            self.tasks.remove(&id);
        }
    }

    /// A deployment is completed once all its tasks are healthy and no old one is left.
    fn note_completion(&mut self) {
        let all = [Phase::Pending, Phase::Running, Phase::Healthy];
        let is_done = self.count(true, &all) == 0
            && self.desired > 0
            && self.count(false, &[Phase::Healthy]) >= self.desired;
        if is_done {
            let own = &mut self.deployment;
            self.completed = Some((own.number, own.image.clone()));
            if std::mem::take(&mut own.is_rollback) {
                self.due.push(RolloutStep::RolledBack);
            }
        }
    }

    /// A task waits only where no instance has room.
    fn look_at_room(&mut self) {
        let placed = self.tasks.values().filter(|own| own.is_placed).count();
        let waits =
            { self.tasks.values() }.any(|own| !own.is_placed && own.phase == Phase::Pending);
        if waits && placed < self.slots {
            self.differ("a task that waits is placed", "nothing");
        }
    }

    /// The run has come to its end, at this second.
    pub(super) fn close(&mut self, end: i64) {
        self.go_on(end * SECOND);
        if self.due != self.heard {
            let says = format!("the deployment's steps are {:?}", self.due);
            let ran = format!("{:?}", self.heard);
            self.differ(&says, &ran);
        }
    }

    /// The run did not come to its end.
    pub(super) fn fail(&mut self, error: String) {
        self.wrong = Some(error);
    }

    /// What is wrong with the run.
    pub(super) fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// The steps of deployments that were told.
    pub(super) fn heard(&self) -> &[RolloutStep] {
        &self.heard
    }

    /// Whether the user's rollback stopped a deployment, or made a third one.
    pub(super) fn is_taken_back(&self) -> bool {
        self.has_stopped || self.newest == 3
    }
}

impl Observer for Judge {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        if at.as_nanos() > self.now {
            self.go_on(at.as_nanos());
        }
        match event {
            Event::Object(_) => {
                for (_, row) in store.objects().iter() {
                    if let Object::Deployment(own) = &row.object {
                        if own.rollback_to.is_some() {
                            self.stop_deployment();
                        }
                        let image = own.template.containers[0].image.to_string();
                        self.declared(&image, own.replicas.max(0) as u64);
                    }
                }
            }
            Event::PodCreated(created) => {
                self.started += 1;
                let task = Task {
                    image: store.class(created.class).spec.containers[0]
                        .image
                        .to_string(),
                    deployment: self.deployment.number,
                    phase: Phase::Pending,
                    is_placed: false,
                    runs_since: 0,
                    number: self.started,
                };
                self.fresh.insert(created.pod.id, task);
            }
            Event::PodBound { pod, .. } => {
                let id = pod.id;
                let task = self.fresh.get_mut(&id).or(self.tasks.get_mut(&id));
                if let Some(task) = task {
                    task.is_placed = true;
                }
            }
            Event::PodRunning { pod } => self.runs(*pod),
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { .. },
            } => {
                self.ends.insert(pod.id);
            }
            Event::PodEnded { pod, .. } => self.ended(*pod),
            Event::Rollout { step, .. } if *step != RolloutStep::Stuck => self.told.push(*step),
            _ => {}
        }
    }

    fn settled(&mut self, _at: Instant, _store: &Store) {
        self.settle();
    }
}
