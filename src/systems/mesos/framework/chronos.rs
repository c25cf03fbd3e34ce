//! Chronos: jobs by the clock, jobs after other jobs, and jobs that run once
//! (spec: orchestrators-b.md section 3).

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Framework, Open, OwnPod, TaskEnd, TaskNews, clear, create, damaged, kill, made_of};
use crate::mesos::chronos::calendar::DateTime;
use crate::mesos::chronos::graph::JobGraph;
use crate::mesos::chronos::job::{AfterFailure, Job, JobOptions, Launch};
use crate::mesos::chronos::schedule::Schedule;
use crate::mesos::chronos::section::{ChronosFramework, ChronosJob};
use crate::mesos::fast::amounts::Bundle;
use crate::mesos::marathon::backoff::TaskStatus;
use crate::mesos::workload::schedule_of;
use crate::parts::turn::Turn;
use cluster::Store;
use control::Outbox;
use model::{EndReason, Object, PodRef, PodSpec, Text};
use serde::{Deserialize, Serialize};
use units::{Duration, Instant, ObjectId, PodId, SortedMap, SortedSet};

/// A run of a job that was not launched yet, or goes on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Run {
    pod: PodRef,
    attempt: u32,
    is_launched: bool,
    /// `true` if its launch has moved the schedule.
    is_counted: bool,
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    object: ObjectId,
    name: Text,
    spec: Arc<PodSpec>,
    /// Schedule as the object states it, with its time zone.
    stated: Text,
    /// Job with its schedule, which nobody asks for if the job waits for others, or runs once.
    job: Job,
    /// Whether the clock starts it.
    is_scheduled: bool,
    /// Of a job that runs once: how many runs are still to succeed, and how many go on at once.
    left: Option<(u64, u64)>,
    runs: SortedMap<PodId, Run>,
    /// Attempts of runs that were asked for and are not there yet.
    coming: VecDeque<u32>,
    /// Instants at which failed runs are tried again, with their attempt.
    retries: SortedSet<(Instant, u32)>,
}

/// The framework.
#[derive(Clone, Default)]
pub struct Chronos {
    options: ChronosFramework,
    graph: JobGraph,
    jobs: SortedMap<ObjectId, Known>,
    by_name: SortedMap<Text, ObjectId>,
    job_of: SortedMap<PodId, ObjectId>,
    /// Jobs with runs that wait for an offer.
    waiting: SortedSet<(PodId, ObjectId)>,
    todo: Vec<(Instant, Todo)>,
    has_news: bool,
}

/// What is kept in storage.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Remembered {
    jobs: Vec<Known>,
    /// How often parents finished, by child and parent.
    finished: SortedMap<Text, SortedMap<Text, u64>>,
}

#[derive(Clone, Copy, Debug)]
enum Todo {
    Declared(ObjectId),
    Ended(PodRef, TaskEnd),
    /// A run that waited is not launched.
    Dropped(PodRef),
}

impl Chronos {
    /// A Chronos without jobs; dependencies go in no circle, as was checked.
    pub fn new(options: ChronosFramework) -> Self {
        Self {
            graph: options.graph().unwrap_or_default(),
            options,
            ..Self::default()
        }
    }

    fn date(&self, at: Instant) -> DateTime {
        DateTime(self.options.zero_unix_secs + at.as_nanos().div_euclid(1_000_000_000))
    }

    fn declared(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let object = turn.store.objects().get(id).map(|row| &row.object);
        let Some(object) = object else {
            if let Some(known) = self.jobs.remove(&id) {
                self.by_name.remove(&known.name);
                for run in known.runs.values() {
                    self.waiting.remove(&(run.pod.id, id));
                    kill(run.pod, turn);
                }
            }
            return;
        };
        let Some(new) = self.known_of(turn.now, id, object) else {
            return;
        };
        if let Some(known) = self.jobs.get_mut(&id) {
            // Runs that there are go on; those from now on are as declared.
            known.spec = new.spec;
            if known.stated != new.stated {
                (known.stated, known.job.schedule) = (new.stated, new.job.schedule);
            }
            return;
        }
        self.by_name.insert(new.name.clone(), id);
        self.jobs.insert(id, new);
    }

    fn known_of(&self, now: Instant, object: ObjectId, declared: &Object) -> Option<Known> {
        let (namespace, name) = (declared.namespace(), declared.name());
        let own = self.options.jobs.get(&**name);
        // A job that is not named in the options has as many retries as its object says.
        let limit = match declared {
            Object::Job(job) => Some(job.backoff_limit),
            Object::CronJob(cron) => Some(cron.template.backoff_limit),
            _ => None,
        };
        let options = own.map_or_else(
            || {
                let usual = JobOptions::default();
                JobOptions {
                    retries: limit.map_or(usual.retries, |most| most.max(0).unsigned_abs()),
                    ..usual
                }
            },
            ChronosJob::runs,
        );
        let stated = own.and_then(|own| own.schedule.as_ref());
        let has_parents = own.is_some_and(|own| !own.parents.is_empty());
        let now_date = self.date(now);
        let unasked = || Schedule::parse("R//PT1H", now_date).ok();
        let mut written = Text::default();
        let (template, schedule, left) = match declared {
            Object::CronJob(cron) => {
                let schedule = match stated {
                    _ if has_parents => None,
                    Some(stated) => Schedule::parse(stated, now_date).ok(),
                    None => schedule_of(&cron.schedule, cron.time_zone.as_deref(), now_date).ok(),
                };
                let zone = cron.time_zone.as_deref().unwrap_or_default();
                written = format!("{} {zone}", cron.schedule).into();
                (&cron.template.template, schedule, None)
            }
            Object::Job(job) => {
                let schedule = stated.and_then(|text| Schedule::parse(text, now_date).ok());
                let once = schedule.is_none() && !has_parents;
                let completions = job.completions.unwrap_or(1).max(0) as u64;
                let left = once.then_some((completions, job.parallelism.max(0) as u64));
                (&job.template, schedule, left)
            }
            _ => return None,
        };
        let is_scheduled = schedule.is_some();
        Some(Known {
            object,
            name: name.clone(),
            spec: made_of(template, namespace, declared.kind(), name),
            stated: written,
            job: Job::new(options, schedule.or_else(unasked)?),
            is_scheduled,
            left,
            runs: SortedMap::new(),
            coming: VecDeque::new(),
            retries: SortedSet::new(),
        })
    }

    /// Queues what is due of a job.
    fn queue(&mut self, id: ObjectId, now: Instant, out: &mut Outbox) {
        let date = self.date(now);
        let Some(known) = self.jobs.get_mut(&id) else {
            return;
        };
        let due = known.retries.iter().filter(|(at, _)| *at <= now).count();
        for _ in 0..due {
            if let Some((_, attempt)) = known.retries.pop_first() {
                known.start(attempt, out);
            }
        }
        if known.is_scheduled && !known.is_queued() && known.job.wants_offer(date) {
            known.start(0, out);
        }
        if let Some((left, at_once)) = known.left {
            let under_way = (known.runs.len() + known.coming.len() + known.retries.len()) as u64;
            for _ in under_way..left.min(at_once) {
                known.start(0, out);
            }
        }
    }

    /// Jobs that follow another one are queued.
    fn follow(&mut self, names: Vec<Text>, out: &mut Outbox) {
        for name in names {
            let id = self.by_name.get(&name);
            let known = id.and_then(|id| self.jobs.get_mut(id));
            if let Some(known) = known.filter(|known| !known.job.is_disabled()) {
                known.start(0, out);
            }
        }
    }

    fn ended(&mut self, pod: PodRef, end: TaskEnd, turn: &mut Turn<'_>) {
        let date = self.date(turn.now);
        let Some(id) = self.job_of.remove(&pod.id) else {
            return;
        };
        self.waiting.remove(&(pod.id, id));
        if end.reason.leaves_object() {
            clear(pod, turn);
        }
        let Some(known) = self.jobs.get_mut(&id) else {
            return;
        };
        let Some(run) = known.runs.remove(&pod.id).filter(|run| run.is_launched) else {
            return;
        };
        let name = known.name.clone();
        let followers = match end.status {
            TaskStatus::Finished => {
                known.job.finished(date);
                known.count_run();
                self.graph.finished(&name)
            }
            TaskStatus::Killed => {
                known.job.killed();
                known.count_run();
                Vec::new()
            }
            _ => match known.job.failed(date, run.attempt) {
                AfterFailure::Retry(at) => {
                    let at = turn.now.saturating_add(Duration::from_secs(at.0 - date.0));
                    known.retries.insert((at, run.attempt + 1));
                    Vec::new()
                }
                AfterFailure::GiveUp | AfterFailure::Disable => {
                    if let Some((left, _)) = &mut known.left {
                        *left = 0;
                    }
                    self.graph.failed(&name)
                }
            },
        };
        self.follow(followers, turn.out);
    }
}

impl Known {
    /// One run less of a job that runs once.
    const fn count_run(&mut self) {
        if let Some((left, _)) = &mut self.left {
            *left = left.saturating_sub(1);
        }
    }

    /// Whether a run that the clock asked for has not been launched yet.
    fn is_queued(&self) -> bool {
        let mut runs = self.runs.values();
        runs.any(|run| !run.is_launched && run.attempt == 0) || self.coming.contains(&0)
    }

    /// An offer has room for a run; whether it is launched.
    fn takes(&mut self, run: Run, date: DateTime) -> bool {
        if self.left.is_some() {
            self.job.started();
            return true;
        }
        if self.job.is_disabled() || self.job.drops() {
            return false;
        }
        if !self.is_scheduled || run.is_counted {
            self.job.started();
            return true;
        }
        let due = (run.attempt == 0).then(|| self.job.offered(date)).flatten();
        if due.is_none() {
            self.job.retried(date);
        }
        !matches!(due, Some(Launch::Missed(_)))
    }

    fn start(&mut self, attempt: u32, out: &mut Outbox) {
        self.coming.push_back(attempt);
        create(out, self.object, &self.name, &self.spec);
    }
}

impl Framework for Chronos {
    fn waits(&mut self, _now: Instant, pod: PodRef, store: &Store) {
        let owner = store.pod_states().get(pod).and_then(|state| state.owner);
        let Some(id) = owner.map(|owner| owner.object) else {
            return;
        };
        let Some(known) = self.jobs.get_mut(&id) else {
            return;
        };
        if let Some(run) = known.runs.get_mut(&pod.id) {
            // Its launch was refused: it does not run.
            if std::mem::take(&mut run.is_launched) {
                known.job.killed();
            }
        } else {
            let run = Run {
                pod,
                attempt: known.coming.pop_front().unwrap_or(0),
                is_launched: false,
                is_counted: false,
            };
            known.runs.insert(pod.id, run);
        }
        self.job_of.insert(pod.id, id);
        self.waiting.insert((pod.id, id));
        self.has_news = true;
    }

    fn told(&mut self, now: Instant, pod: PodRef, news: TaskNews, _store: &Store) {
        match news {
            TaskNews::Running => {
                let id = self.job_of.get(&pod.id);
                if let Some(known) = id.and_then(|id| self.jobs.get(id)) {
                    self.graph.running(&known.name);
                }
            }
            TaskNews::Ended(end) => self.todo.push((now, Todo::Ended(pod, end))),
            TaskNews::Withdrawn(reason) => {
                let end = TaskEnd::withdrawn(reason);
                self.todo.push((now, Todo::Ended(pod, end)));
            }
            TaskNews::Ready(_) => {}
        }
    }

    fn object(&mut self, now: Instant, id: ObjectId, _store: &Store) {
        self.todo.push((now, Todo::Declared(id)));
    }

    fn reached(&mut self, now: Instant, pods: &[PodRef], is_reached: bool, _store: &Store) {
        // It does not know of partitions: what is lost is lost.
        if !is_reached {
            let end = TaskEnd {
                reason: EndReason::NodeLost,
                status: TaskStatus::Lost,
            };
            let lost = |&pod| (now, Todo::Ended(pod, end));
            self.todo.extend(pods.iter().map(lost));
        }
    }

    fn act(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let turn = &mut Turn::new(now, store, out);
        for (at, todo) in std::mem::take(&mut self.todo) {
            match todo {
                Todo::Declared(id) => self.declared(id, &mut turn.at(at)),
                Todo::Ended(pod, end) => self.ended(pod, end, &mut turn.at(at)),
                Todo::Dropped(pod) => kill(pod, turn),
            }
        }
        let ids: Vec<ObjectId> = self.jobs.keys().copied().collect();
        for id in ids {
            self.queue(id, turn.now, turn.out);
        }
    }

    fn may_take(&self, _offered: &Bundle) -> bool {
        !self.waiting.is_empty()
    }

    fn offered(&mut self, open: &mut Open<'_>) {
        let date = self.date(open.now);
        let waiting: Vec<(PodId, ObjectId)> = self.waiting.iter().copied().collect();
        for (pod, id) in waiting {
            let Some(known) = self.jobs.get_mut(&id) else {
                continue;
            };
            let Some(&run) = known.runs.get(&pod) else {
                continue;
            };
            let class = open.store.pods().get(run.pod);
            let class = class.map(|record| open.store.class(record.class));
            if class.is_none_or(|class| open.room(class) == 0) {
                continue;
            }
            // What is too late, or would run beside another one, is gone from the queue; what is due
            // later on is queued again.
            self.waiting.remove(&(pod, id));
            if !known.takes(run, date) {
                self.todo.push((open.now, Todo::Dropped(run.pod)));
            } else if open.launch(run.pod)
                && let Some(run) = known.runs.get_mut(&pod)
            {
                (run.is_launched, run.is_counted) = (true, true);
            }
        }
    }

    fn wants_offers(&self, _now: Instant) -> bool {
        !self.waiting.is_empty()
    }

    fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    fn wakes(&self, now: Instant) -> Option<Instant> {
        let of_job = |known: &Known| {
            let retry = known.retries.first().map(|(at, _)| *at);
            let is_open = known.is_scheduled
                && known.job.schedule.repeat != Some(0)
                && !known.job.is_disabled()
                && !known.is_queued()
                && (known.job.options.is_concurrent || known.runs.is_empty());
            let next = is_open.then(|| self.options.instant(known.job.schedule.start));
            retry.into_iter().chain(next).min()
        };
        let due = (!self.todo.is_empty()).then_some(now);
        self.jobs.values().filter_map(of_job).chain(due).min()
    }

    fn backlog(&self) -> usize {
        self.waiting.len()
    }

    fn memory(&self) -> Option<String> {
        let jobs = self.jobs.values().cloned().collect();
        let finished = self.graph.counts().clone();
        serde_json::to_string(&Remembered { jobs, finished }).ok()
    }

    fn recall(
        &mut self,
        _now: Instant,
        memory: &str,
        own: &[OwnPod],
        _store: &Store,
    ) -> Result<(), String> {
        let memory: Remembered = serde_json::from_str(memory).map_err(|why| damaged(&why))?;
        self.graph.set_counts(&memory.finished);
        let rows: SortedMap<PodId, PodRef> = own.iter().map(|own| (own.pod.id, own.pod)).collect();
        for mut known in memory.jobs {
            let id = known.object;
            known.runs.retain(|pod, _| rows.contains_key(pod));
            for (pod, run) in &mut known.runs {
                run.pod = rows.get(pod).copied().unwrap_or(run.pod);
                self.job_of.insert(*pod, id);
                if !run.is_launched {
                    self.waiting.insert((*pod, id));
                }
            }
            self.by_name.insert(known.name.clone(), id);
            self.jobs.insert(id, known);
        }
        self.has_news = true;
        Ok(())
    }

    fn clone_framework(&self) -> Box<dyn Framework> {
        Box::new(self.clone())
    }
}
