//! Chronos: jobs by the clock, jobs after other jobs, and jobs that run once
//! (spec: orchestrators-b.md section 3).

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Framework, Open, OwnPod, TaskNews, clear, create, damaged, kill, made_of};
use crate::mesos::chronos::calendar::DateTime;
use crate::mesos::chronos::graph::JobGraph;
use crate::mesos::chronos::job::{AfterFailure, Job, Launch};
use crate::mesos::chronos::schedule::Schedule;
use crate::mesos::fast::amounts::Bundle;
use crate::mesos::options::ChronosFramework;
use crate::mesos::workload::schedule_of;
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
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    object: ObjectId,
    name: Text,
    spec: Arc<PodSpec>,
    /// Job with its schedule; a job that waits for others, or runs once, has none that is ever due.
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
#[derive(Clone)]
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
    Ended(PodRef, EndReason),
    Missed(PodRef),
}

impl Chronos {
    /// A Chronos without jobs; dependencies go in no circle, as was checked.
    pub fn new(options: ChronosFramework) -> Self {
        let parents = (options.jobs.iter()).filter(|(_, job)| !job.parents.is_empty());
        let parents = parents.map(|(name, job)| (name.clone(), job.parents.clone()));
        let soft = (options.jobs.iter()).filter(|(_, job)| job.soft_error);
        let soft = soft.map(|(name, _)| name.clone());
        Self {
            graph: JobGraph::new(parents, soft).unwrap_or_default(),
            options,
            jobs: SortedMap::new(),
            by_name: SortedMap::new(),
            job_of: SortedMap::new(),
            waiting: SortedSet::new(),
            todo: Vec::new(),
            has_news: false,
        }
    }

    fn date(&self, at: Instant) -> DateTime {
        DateTime(self.options.zero_unix_secs + at.as_nanos().div_euclid(1_000_000_000))
    }

    fn instant(&self, date: DateTime) -> Instant {
        let seconds = date.0.saturating_sub(self.options.zero_unix_secs);
        let since = Duration::checked_from_secs(seconds).unwrap_or(Duration::MAX);
        Instant::ZERO.saturating_add(since)
    }

    fn declared(&mut self, now: Instant, id: ObjectId, store: &Store, out: &mut Outbox) {
        let object = store.objects().get(id).map(|row| &row.object);
        let Some(object) = object else {
            if let Some(known) = self.jobs.remove(&id) {
                self.by_name.remove(&known.name);
                for run in known.runs.values() {
                    self.waiting.remove(&(run.pod.id, id));
                    kill(out, store, run.pod);
                }
            }
            return;
        };
        let known = self.jobs.contains_key(&id);
        if let Some(new) = self.known_of(now, id, object).filter(|_| !known) {
            self.by_name.insert(new.name.clone(), id);
            self.jobs.insert(id, new);
        }
    }

    fn known_of(&self, now: Instant, object: ObjectId, declared: &Object) -> Option<Known> {
        let (namespace, name) = (declared.namespace(), declared.name());
        let own = self.options.jobs.get(name);
        let options = own.map_or(self.options.defaults, |own| own.options);
        let stated = own.and_then(|own| own.schedule.as_ref());
        let has_parents = own.is_some_and(|own| !own.parents.is_empty());
        let now_date = self.date(now);
        let never = || Schedule::parse("R0//PT1H", now_date).ok();
        let (template, schedule, left) = match declared {
            Object::CronJob(cron) => {
                let schedule = match stated {
                    _ if has_parents => None,
                    Some(stated) => Schedule::parse(stated, now_date).ok(),
                    None => schedule_of(&cron.schedule, cron.time_zone.as_deref(), now_date).ok(),
                };
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
            job: Job::new(options, schedule.or_else(never)?),
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
        let waits = known
            .runs
            .values()
            .any(|run| !run.is_launched && run.attempt == 0);
        let comes = known.coming.contains(&0);
        if known.is_scheduled && !waits && !comes && known.job.wants_offer(date) {
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
            if let Some(known) = id.and_then(|id| self.jobs.get_mut(id)) {
                known.start(0, out);
            }
        }
    }

    fn ended(
        &mut self,
        now: Instant,
        pod: PodRef,
        reason: EndReason,
        store: &Store,
        out: &mut Outbox,
    ) {
        let date = self.date(now);
        let Some(id) = self.job_of.remove(&pod.id) else {
            return;
        };
        self.waiting.remove(&(pod.id, id));
        if reason.leaves_object() {
            clear(out, store, pod);
        }
        let Some(known) = self.jobs.get_mut(&id) else {
            return;
        };
        let Some(run) = known.runs.remove(&pod.id).filter(|run| run.is_launched) else {
            return;
        };
        let name = known.name.clone();
        let followers = if reason == EndReason::Completed {
            known.job.finished(date);
            if let Some((left, _)) = &mut known.left {
                *left = left.saturating_sub(1);
            }
            self.graph.finished(&name)
        } else {
            match known.job.failed(date, run.attempt) {
                AfterFailure::Retry(at) => {
                    let at = now.saturating_add(Duration::from_secs(at.0 - date.0));
                    known.retries.insert((at, run.attempt + 1));
                    Vec::new()
                }
                AfterFailure::GiveUp | AfterFailure::Disable => {
                    if let Some((left, _)) = &mut known.left {
                        *left = 0;
                    }
                    self.graph.failed(&name)
                }
            }
        };
        self.follow(followers, out);
    }
}

impl Known {
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
        let again = known.runs.get(&pod.id).map(|run| run.attempt);
        let attempt = again.or_else(|| known.coming.pop_front()).unwrap_or(0);
        known.runs.insert(
            pod.id,
            Run {
                pod,
                attempt,
                is_launched: false,
            },
        );
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
            TaskNews::Ended(reason) | TaskNews::Withdrawn(reason) => {
                self.todo.push((now, Todo::Ended(pod, reason)));
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
            let pods = pods.iter();
            self.todo
                .extend(pods.map(|&pod| (now, Todo::Ended(pod, EndReason::NodeLost))));
        }
    }

    fn act(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        for (at, todo) in std::mem::take(&mut self.todo) {
            match todo {
                Todo::Declared(id) => self.declared(at, id, store, out),
                Todo::Ended(pod, reason) => self.ended(at, pod, reason, store, out),
                Todo::Missed(pod) => kill(out, store, pod),
            }
        }
        let ids: Vec<ObjectId> = self.jobs.keys().copied().collect();
        for id in ids {
            self.queue(id, now, out);
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
            let Some(run) = known.runs.get_mut(&pod) else {
                continue;
            };
            let class = open.store.pods().get(run.pod);
            let class = class.map(|record| open.store.class(record.class));
            if class.is_none_or(|class| open.room(class) == 0) {
                continue;
            }
            let is_clocked = known.is_scheduled && run.attempt == 0;
            if is_clocked {
                match known.job.offered(date) {
                    Some(Launch::Run(_)) => {}
                    Some(Launch::Missed(_)) => {
                        self.todo.push((open.now, Todo::Missed(run.pod)));
                        self.waiting.remove(&(pod, id));
                        continue;
                    }
                    None => continue,
                }
            } else {
                known.job.retried();
            }
            if open.launch(run.pod) {
                run.is_launched = true;
                self.waiting.remove(&(pod, id));
            }
        }
    }

    fn wants_offers(&self, _now: Instant) -> bool {
        !self.waiting.is_empty()
    }

    fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    fn wakes(&self) -> Option<Instant> {
        let of_job = |known: &Known| {
            let retry = known.retries.first().map(|(at, _)| *at);
            let is_open = known.is_scheduled
                && known.job.schedule.repeat != Some(0)
                && !known.job.is_disabled()
                && (known.job.options.is_concurrent || known.runs.is_empty());
            let next = is_open.then(|| self.instant(known.job.schedule.start));
            retry.into_iter().chain(next).min()
        };
        let missed = self.todo.first().map(|(at, _)| *at);
        self.jobs.values().filter_map(of_job).chain(missed).min()
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
