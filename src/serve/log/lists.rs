//! Lists of events and of pods, searched.

use serde::Deserialize;
use serde_json::{Value, json};

use super::variant::{ObjectId, Variant};

/// Most rows of a list.
const MOST_ROWS: usize = 500;

/// Search for events.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventSearch {
    /// Text in the name of the object or in the details.
    pub(crate) q: String,
    /// Kind of event.
    pub(crate) kind: String,
    /// Name of the object, whole.
    pub(crate) object: String,
    /// Events before this one.
    pub(crate) before: Option<usize>,
    /// Most rows.
    pub(crate) limit: usize,
}

/// Search for pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PodSearch {
    /// Text in the name.
    pub(crate) q: String,
    /// Phase; every one if empty.
    pub(crate) phase: String,
    /// Most rows.
    pub(crate) limit: usize,
}

fn rows(limit: usize) -> usize {
    if limit == 0 {
        100
    } else {
        limit.min(MOST_ROWS)
    }
}

/// Whether a text has another in it, upper and lower case alike.
pub(crate) fn has(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    wanted.is_empty()
        || text
            .windows(wanted.len())
            .any(|own| own.eq_ignore_ascii_case(wanted))
}

impl Variant {
    /// Events up to an instant that are looked for, the latest first.
    pub(crate) fn events(&self, time_ns: i64, search: &EventSearch) -> Value {
        let end = self.events_until(time_ns);
        let end = search.before.map_or(end, |before| before.min(end));
        let kind = { self.kinds.iter() }.position(|own| *own == search.kind);
        let limit = rows(search.limit);
        let mut found = Vec::new();
        let mut count = 0_usize;
        let mut take = |number: usize| {
            count += 1;
            if found.len() < limit {
                found.push(self.event_row(number));
            }
        };
        if search.object.is_empty() && search.q.is_empty() && search.kind.is_empty() {
            (0..end).rev().take(limit).for_each(&mut take);
            count = end;
        } else if kind.is_some() || search.kind.is_empty() {
            // Texts are few beside events: each is looked at once.
            let word_has: Vec<bool> = (0..self.words.len() as u32)
                .map(|word| has(self.words.get(word), &search.q))
                .collect();
            let finds = |number: usize| {
                let object = &self.objects[self.object_of[number] as usize];
                kind.is_none_or(|kind| usize::from(self.kind_of[number]) == kind)
                    && (search.q.is_empty()
                        || word_has[object.name as usize]
                        || word_has[self.what_of[number] as usize])
            };
            if search.object.is_empty() {
                (0..end)
                    .rev()
                    .filter(|number| finds(*number))
                    .for_each(&mut take);
            } else if let Some(object) = self.find(&search.object) {
                let own = self.objects[object as usize].events.iter().rev();
                let own = own.map(|number| *number as usize);
                own.filter(|number| *number < end && finds(*number))
                    .for_each(&mut take);
            }
        }
        json!({"count": count, "rows": found})
    }

    /// Pods at an instant that are looked for: those that wait longest first.
    pub(crate) fn pods(&self, time_ns: i64, search: &PodSearch) -> Value {
        let events = self.events_until(time_ns);
        let pods = (0..self.objects.len() as ObjectId).filter(|id| {
            let name = self.name(*id);
            name.starts_with("Pod/") && has(name, &search.q)
        });
        let mut found: Vec<_> = pods
            .map(|pod| (pod, self.pod_after(pod, events)))
            .filter(|(pod, now)| {
                let first = self.objects[*pod as usize].events.first();
                // Those that are not there yet are not shown.
                first.is_some_and(|own| (*own as usize) < events)
                    && (search.phase.is_empty() || now.phase.name() == search.phase)
            })
            .collect();
        found.sort_by_key(|(pod, now)| (now.since_ns, *pod));
        let count = found.len();
        let found = found.into_iter().take(rows(search.limit));
        let found: Vec<Value> = found.map(|(pod, now)| self.pod_row(pod, now)).collect();
        json!({"count": count, "rows": found})
    }

    /// Instant of the event before or after those of an instant.
    pub(crate) fn step(&self, time_ns: i64, is_forward: bool) -> Option<i64> {
        if is_forward {
            return self.times.get(self.events_until(time_ns)).copied();
        }
        let before = self.times.partition_point(|own| *own < time_ns);
        before.checked_sub(1).map(|number| self.times[number])
    }
}
