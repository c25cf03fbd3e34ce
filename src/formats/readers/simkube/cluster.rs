//! The cluster of a trace: owners with their pods, from event to event.

use serde_json::Value;

use super::past::{Demands, Past, Pod};
use crate::parts::recorded_pod::{self, Recorded};
use crate::readers::prelude::*;
use arrivals::pod::template::bad;
use arrivals::spill::TextLog;
use intake::budget::OBJECTS;
use units::SortedMap;

/// The life of a pod in seconds since 1970; without an end it lasts beyond the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Life {
    start: i64,
    end: Option<i64>,
}

/// The way in which an object has pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pods {
    /// It is one.
    Itself,
    /// It keeps this number of them.
    Replicas(i64),
    /// It starts some by the clock.
    ByClock,
}

/// An owner that is there.
struct Owner {
    /// The name of its pods.
    name: String,
    /// The spec of its pods.
    spec: Arc<PodSpec>,
    /// The numbers of the pods that are there.
    pods: Vec<u64>,
}

/// The cluster up to an event.
#[derive(Default)]
pub(super) struct Cluster {
    zero: Option<i64>,
    now: i64,
    /// The line or number of the present event.
    line: u64,
    /// Lives that no pod has had up to now, by owner, the last first. They are given out by their
    /// starts, whatever the template: the hashes by which they are listed are not computed.
    lives: SortedMap<String, Vec<Life>>,
    owners: SortedMap<String, Owner>,
    /// The number of pods that an owner ever had, by the hash of its key.
    numbers: Places,
    /// The line of a `Job`'s event, and the completions that it wants, by the hash of its key.
    completions: Places<2>,
    /// The keys of those jobs.
    jobs: TextLog<1>,
    /// The pods of owners that are there, by their numbers.
    pods: SortedMap<u64, Pod>,
    /// The number of pods up to now.
    count: u64,
    past: Past,
    /// The number of pods that began before the first event.
    early: u64,
}

impl Cluster {
    /// A cluster before the first event, of whose pods and owners a number is held in memory.
    #[cfg(test)]
    pub(super) fn holding(most_held: usize) -> Self {
        Self {
            numbers: Places::holding(most_held),
            completions: Places::holding(most_held),
            past: Past::holding(most_held),
            ..Self::default()
        }
    }

    /// Adds the lives of an owner's pods, of all its templates.
    pub(super) fn add_lives(
        &mut self,
        line: u64,
        owner: &str,
        templates: &Value,
    ) -> Result<(), Refused> {
        let column = "pod_lifecycles";
        let wrong = |found: &Value| {
            let expected = "lists of {\"Running\": start} and {\"Finished\": [start, end]}";
            Refused::Row(bad(line, column, Some(found), expected))
        };
        let lists = templates.as_object().ok_or_else(|| wrong(templates))?;
        let mut lives = Vec::new();
        for list in lists.values() {
            for life in list.as_array().ok_or_else(|| wrong(list))? {
                let second = |at: &str| life.pointer(at).and_then(second);
                let ran = second("/Finished/0").zip(second("/Finished/1"));
                let documented = second("/start_ts");
                let (start, end) = match (ran, second("/Running"), documented) {
                    (Some((start, end)), ..) if end >= start => (start, Some(end)),
                    (None, Some(start), _) => (start, None),
                    (None, None, Some(start)) => (start, second("/end_ts")),
                    _ => return Err(wrong(life)),
                };
                lives.push(Life { start, end });
            }
        }
        lives.sort_unstable();
        lives.reverse();
        self.lives.insert(owner.to_owned(), lives);
        Ok(())
    }

    /// Takes an event.
    pub(super) fn take(
        &mut self,
        journal: &mut Journal,
        line: u64,
        event: &Value,
    ) -> Result<(), Refused> {
        let at = event.get("ts").and_then(second);
        let at = at.ok_or_else(|| bad(line, "ts", event.get("ts"), "seconds since 1970"))?;
        self.zero.get_or_insert(at);
        let kind = "event earlier than the one before; taken at the time of that";
        journal.repair_if(at < self.now, kind, line)?;
        self.now = self.now.max(at);
        self.line = line;
        for (member, is_there) in [("applied_objs", true), ("deleted_objs", false)] {
            let list = match event.get(member) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(list)) => list,
                found => return Err(bad(line, member, found, "a list of objects").into()),
            };
            for object in list {
                heed(journal, |journal| {
                    self.change(journal, line, object, is_there)
                })?;
            }
        }
        Ok(())
    }

    /// Takes an object that is changed, or deleted.
    fn change(
        &mut self,
        journal: &mut Journal,
        line: u64,
        object: &Value,
        is_there: bool,
    ) -> Result<(), Refused> {
        let text = |at: &str| {
            object
                .pointer(at)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (version, kind) = (text("/apiVersion"), text("/kind"));
        let name = text("/metadata/name");
        for (column, found) in [("kind", kind), ("metadata.name", name)] {
            if found.is_empty() {
                return Err(bad(line, column, None, "a text").into());
            }
        }
        let namespace = Some(text("/metadata/namespace")).filter(|own| !own.is_empty());
        let namespace = namespace.unwrap_or("default");
        let key = format!("{version}.{kind} {namespace}/{name}");
        if !is_there {
            let kind = "deletion of an object that has no pods";
            journal.drop_if(!self.delete(&key)?, kind, line)?;
            return Ok(());
        }
        let Some((mut pods, template)) = pods_of(line, kind, object)? else {
            let kind = "object that keeps no number of pods";
            return Ok(journal.dirt(kind, Action::Drop, line)?);
        };
        if kind == "Job" {
            self.want(line, &key, object, &mut pods)?;
        }
        let spec = recorded_pod::read(
            journal,
            Recorded {
                line,
                object: template,
                namespace,
                owner: Some(kind),
            },
        )?;
        self.replace(&key, self.now)?;
        let known = self.owners.get(&key);
        if known.is_some_and(|own| *own.spec != spec && !own.pods.is_empty()) {
            let kind = "pods of another template; replaced at once";
            journal.dirt(kind, Action::Repair, line)?;
            self.scale(line, &key, namespace, 0)?;
        }
        let pod = match pods {
            Pods::Itself => name.to_owned(),
            Pods::Replicas(_) | Pods::ByClock => format!("{name}-"),
        };
        let owner = self.owners.entry(key.clone()).or_insert_with(|| Owner {
            name: pod,
            spec: Arc::default(),
            pods: Vec::new(),
        });
        owner.spec = spec.into();
        match pods {
            Pods::Itself => self.scale(line, &key, namespace, 1)?,
            Pods::Replicas(count) => self.scale(line, &key, namespace, count)?,
            Pods::ByClock => {
                let kind = "pods that start by the clock, of which none is recorded";
                journal.drop_if(self.lives.get(&key).is_none_or(Vec::is_empty), kind, line)?;
                self.add_clocked(&key, namespace)?;
            }
        }
        Ok(())
    }

    /// Adds the pods of an owner of which only the lives are recorded.
    fn add_clocked(&mut self, key: &str, namespace: &str) -> Result<(), Refused> {
        while let Some(life) = self.lives.get(key).and_then(|lives| lives.last()).copied() {
            self.add(key, namespace, life.start)?;
        }
        Ok(())
    }

    /// Takes the completions that a job wants.
    fn want(
        &mut self,
        line: u64,
        key: &str,
        object: &Value,
        pods: &mut Pods,
    ) -> Result<(), TraceError> {
        let wanted = object.pointer("/spec/completions").and_then(Value::as_u64);
        if let (Pods::Replicas(count), Some(wanted)) = (pods, wanted) {
            // No more of its pods run at once than are wanted in all.
            *count = i64::try_from(wanted).map_or(*count, |wanted| wanted.min(*count));
            let hash = Places::key([key]);
            if self.completions.all(hash)?.is_none() {
                self.jobs.push([key]);
            }
            self.completions.put_all(hash, [line, wanted])?;
        }
        Ok(())
    }

    /// Scales an owner to a number of pods.
    fn scale(&mut self, line: u64, key: &str, namespace: &str, count: i64) -> Result<(), Refused> {
        let have = self
            .owners
            .get(key)
            .map_or(0, |owner| owner.pods.len() as i64);
        if self.count as i64 + (count - have).max(0) > OBJECTS as i64 {
            let expected = format!("replicas that make no more than {OBJECTS} pods in all");
            return Err(bad(line, "replicas", Some(&count.into()), &expected).into());
        }
        for _ in have..count {
            self.add(key, namespace, self.now)?;
        }
        for _ in count..have {
            let last = self.owners.get_mut(key).and_then(|owner| owner.pods.pop());
            if let Some(number) = last {
                self.end(number);
            }
        }
        Ok(())
    }

    /// Replaces pods of an owner that have ended by the lives that began after their ends, up to a time: those of a
    /// `Job` beyond its parallelism, and of others whose pods died.
    fn replace(&mut self, key: &str, until: i64) -> Result<(), TraceError> {
        loop {
            let next = self.lives.get(key).and_then(|lives| lives.last());
            let Some(start) = next.map(|life| life.start).filter(|&start| start <= until) else {
                return Ok(());
            };
            let Some(owner) = self.owners.get(key) else {
                return Ok(());
            };
            let ended = owner.pods.iter().enumerate().filter_map(|(slot, number)| {
                let pod = self.pods.get(number)?;
                let to = pod.to.filter(|&to| to <= start)?;
                Some((to, slot, *number))
            });
            let Some((_, slot, number)) = ended.min() else {
                return Ok(());
            };
            let tenant = { self.pods.get(&number) }.map(|pod| pod.tenant.clone());
            self.add(key, &tenant.unwrap_or_default(), start)?;
            if let Some(owner) = self.owners.get_mut(key)
                && let Some(last) = owner.pods.pop()
            {
                owner.pods[slot] = last;
            }
            self.end(number);
        }
    }

    /// Adds a pod of an owner; it has the owner's next life.
    fn add(&mut self, key: &str, namespace: &str, from: i64) -> Result<(), TraceError> {
        let life = self.lives.get_mut(key).and_then(Vec::pop);
        let hash = Places::key([key]);
        let number = self.numbers.get(hash)?.unwrap_or_default() + 1;
        self.numbers.put(hash, number)?;
        let Some(owner) = self.owners.get_mut(key) else {
            return Ok(());
        };
        let name = if owner.name.ends_with('-') {
            format!("{}{number}", owner.name)
        } else {
            owner.name.clone()
        };
        owner.pods.push(self.count);
        let pod = Pod {
            name,
            tenant: namespace.to_owned(),
            spec: owner.spec.clone(),
            from,
            to: life.and_then(|life| life.end),
            start: life.map(|life| life.start),
            line: self.line,
        };
        self.pods.insert(self.count, pod);
        self.count += 1;
        Ok(())
    }

    /// Ends a pod whose end is not recorded, and that no owner has any longer.
    fn end(&mut self, number: u64) {
        if let Some(mut pod) = self.pods.remove(&number) {
            pod.to.get_or_insert(self.now);
            self.leave(number, &pod);
        }
    }

    /// Puts away a pod of which nothing more is told.
    fn leave(&mut self, number: u64, pod: &Pod) {
        let zero = self.zero.unwrap_or_default();
        self.early += u64::from(pod.from.min(pod.start.unwrap_or(zero)) < zero);
        self.past.push(number, pod);
    }

    /// Ends the pods of an owner; whether there is such an owner.
    fn delete(&mut self, key: &str) -> Result<bool, TraceError> {
        self.replace(key, self.now)?;
        let Some(owner) = self.owners.remove(key) else {
            return Ok(false);
        };
        for number in owner.pods {
            self.end(number);
        }
        Ok(true)
    }

    /// The pods with the lines of their events, with the first event as the zero of time.
    pub(super) fn finish(mut self, journal: &mut Journal) -> Result<Demands, TraceError> {
        let keys: Vec<String> = self.owners.keys().cloned().collect();
        for key in keys {
            self.replace(&key, LAST_SECOND)?;
        }
        self.jobs.each(|[key]| {
            let hash = Places::key([key.as_str()]);
            let [line, wanted] = self.completions.all(hash)?.unwrap_or_default();
            let had = self.numbers.get(hash)?.unwrap_or_default();
            let kind = "job with completions of which no life is recorded; left out";
            journal.drop_if(had < wanted, kind, line)?;
            Ok(())
        })?;
        for _ in self.lives.values().flatten() {
            journal.dirt("recorded life that no pod of an owner has", Action::Drop, 0)?;
        }
        for (number, pod) in std::mem::take(&mut self.pods) {
            self.leave(number, &pod);
        }
        for _ in 0..self.early {
            let kind = "life before the first event; counted from there";
            journal.dirt(kind, Action::Repair, 0)?;
        }
        Ok(self.past.demands(self.zero.unwrap_or_default()))
    }
}

/// Seconds since 1970.
fn second(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .filter(|second| (0..=LAST_SECOND).contains(second))
}

/// The way in which an object has pods, and their template; `None` of one that keeps no number of them.
fn pods_of<'o>(
    line: u64,
    kind: &str,
    object: &'o Value,
) -> Result<Option<(Pods, &'o Value)>, Refused> {
    let template = |at: &str| {
        let found = object.pointer(at);
        found.ok_or_else(|| {
            Refused::Row(bad(
                line,
                at.trim_start_matches('/'),
                None,
                "a template of pods",
            ))
        })
    };
    let count = |member: &str| match object.pointer(&format!("/spec/{member}")) {
        None | Some(Value::Null) => Ok(1),
        found => {
            let number = found.and_then(Value::as_i64);
            let number = number.filter(|number| (0..=MEMBERS).contains(number));
            let wrong = || {
                Refused::Row(bad(
                    line,
                    member,
                    found,
                    &format!("a number from 0 to {MEMBERS}"),
                ))
            };
            number.ok_or_else(wrong)
        }
    };
    Ok(Some(match kind {
        "Pod" => (Pods::Itself, object),
        "CronJob" => (Pods::ByClock, template("/spec/jobTemplate/spec/template")?),
        "Job" => (
            Pods::Replicas(count("parallelism")?),
            template("/spec/template")?,
        ),
        // One a node, of which the trace says nothing.
        "DaemonSet" => return Ok(None),
        _ if object.pointer("/spec/template/spec/containers").is_some() => (
            Pods::Replicas(count("replicas")?),
            template("/spec/template")?,
        ),
        _ => return Ok(None),
    }))
}
