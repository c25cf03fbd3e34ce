//! Requests that a trace changes while a task waits or runs. Where a run can resize a task in place, those of a task
//! that runs become a part of what it does. Otherwise an arrival has one request, so each change is counted with what
//! it changes. The option `largest-request` has a task ask for the most of each resource that it ever asked for.

use crate::prelude::*;
use model::behaviour::Resize;
use model::resource_list::{CPU, MEMORY};

/// The resources that requests of traces change, with the words for more of one and for less.
const RESOURCES: [(&str, &str, &str); 2] = [
    (CPU, "more cores", "fewer cores"),
    (MEMORY, "more memory", "less memory"),
];

/// The request of a task that asks for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The first one.
    First,
    /// The most of each resource.
    Largest,
    /// The first one until the task is resized.
    Latest,
}

impl Standing {
    /// The request that stands by the options of a reader.
    pub(crate) const fn of(options: &ReadOptions) -> Self {
        match (options.largest_request, options.resizes) {
            (true, _) => Self::Largest,
            (false, true) => Self::Latest,
            (false, false) => Self::First,
        }
    }
}

/// A change of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changed<'s> {
    /// The spec before.
    pub(crate) before: &'s PodSpec,
    /// The spec after.
    pub(crate) after: &'s PodSpec,
    /// The state of the task, as words that follow a verb.
    pub(crate) when: &'static str,
    /// The request that stands: [`Standing::Latest`] if the task is resized.
    pub(crate) stands: Standing,
}

impl Changed<'_> {
    /// Counts each thing that is changed and not followed; returns the spec with the largest requests of both.
    pub(crate) fn note(self, journal: &mut Journal, line: u64) -> Result<PodSpec, TraceError> {
        let Self { when, .. } = self;
        let [before, after] =
            [self.before, self.after].map(|own| own.requests().unwrap_or_default());
        let mut largest = self.before.clone();
        for (resource, more, fewer) in RESOURCES {
            let (old, new) = (before.get(resource), after.get(resource));
            if old == new || new == Quantity::ZERO || self.stands == Standing::Latest {
                continue;
            }
            let (change, stands, action) = match (new > old, self.stands) {
                (true, Standing::Largest) => (more, "requested from the start", Action::Repair),
                (true, _) => (more, "the first request stands", Action::Keep),
                (false, Standing::Largest) => (fewer, "the largest request stands", Action::Keep),
                (false, _) => (fewer, "the first request stands", Action::Keep),
            };
            let kind = format!("{change} requested {when}; {stands}");
            journal.dirt(&kind, action, line)?;
            if new > old
                && let Some(container) = largest.containers.first_mut()
            {
                container.requests.set(resource, new);
            }
        }
        let limits = |own: &PodSpec| own.containers.first().map(|one| one.limits.clone());
        if limits(self.before) != limits(self.after) {
            let kind = format!("other limits {when}; the first ones stand");
            journal.dirt(&kind, Action::Keep, line)?;
        }
        if self.before.priority != self.after.priority {
            let kind = format!("another priority {when}; the first one stands");
            journal.dirt(&kind, Action::Keep, line)?;
        }
        if self.before.affinity != self.after.affinity {
            let kind = format!("other constraints {when}; the first ones stand");
            journal.dirt(&kind, Action::Keep, line)?;
        }
        Ok(largest)
    }
}

/// The resizes of a task since it began to run, in order of time.
#[derive(Debug, Default)]
pub(crate) struct Resizes(Vec<Resize>);

impl Resizes {
    /// Whether the task was never resized.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a resize, to what a spec asks for; a resource that it does not state stays as it was.
    pub(crate) fn add(&mut self, after: Duration, first: &PodSpec, spec: &PodSpec) {
        let [stated, first] = [spec, first].map(|own| own.containers.first());
        let latest = self.0.last().map(|own| &own.requests);
        let latest = latest.or(first.map(|own| &own.requests));
        let (Some(stated), Some(latest)) = (stated, latest) else {
            return;
        };
        let mut requests = latest.clone();
        for (resource, ..) in RESOURCES {
            let amount = stated.requests.get(resource);
            if amount != Quantity::ZERO {
                requests.set(resource, amount);
            }
        }
        if requests == *latest {
            return;
        }
        // Of several at one instant, the last one stands.
        self.0.retain(|own| own.after != after);
        self.0.push(Resize { after, requests });
    }

    /// The spec of the task, which runs for a time, with its resizes; `None` without any.
    pub(crate) fn spec(mut self, first: &PodSpec, run_time: Option<Duration>) -> Option<PodSpec> {
        self.0
            .retain(|own| run_time.is_none_or(|run_time| own.after < run_time));
        if self.0.is_empty() {
            return None;
        }
        let mut spec = first.clone();
        let known = spec.behaviour.take();
        let mut behaviour = known.map(Arc::unwrap_or_clone).unwrap_or_default();
        behaviour.resizes = self.0;
        spec.behaviour = Some(Arc::new(behaviour));
        Some(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::requests::requests;
    use crate::tests::prelude::*;
    use intake::ledger::RowPolicy;
    use proptest::prelude::*;

    fn spec(cpu: i64, memory: i64, priority: i32) -> PodSpec {
        PodSpec {
            priority,
            ..PodSpec::with_requests(requests(Some(cpu), Some(memory)))
        }
    }

    #[test]
    fn each_change_is_counted_with_what_it_changes() {
        let mut journal = Journal::new("t".into(), RowPolicy::REPORT);
        let (before, after) = (spec(500, 1_000, 1), spec(250, 2_000, 2));
        for stands in [Standing::First, Standing::Largest, Standing::Latest] {
            let changed = Changed {
                before: &before,
                after: &after,
                when: "while it ran",
                stands,
            };
            let largest = changed.note(&mut journal, 3).expect("not strict");
            if stands != Standing::Latest {
                assert_eq!(largest, spec(500, 2_000, 1));
            }
        }
        let told: Vec<(&str, u64)> = { journal.ledger.entries().iter() }
            .map(|own| (&*own.kind, own.count))
            .collect();
        told.are([
            (
                "fewer cores requested while it ran; the first request stands",
                1,
            ),
            (
                "more memory requested while it ran; the first request stands",
                1,
            ),
            ("another priority while it ran; the first one stands", 3),
            (
                "fewer cores requested while it ran; the largest request stands",
                1,
            ),
            (
                "more memory requested while it ran; requested from the start",
                1,
            ),
        ]);
    }

    #[test]
    fn a_task_is_resized_while_it_runs_and_never_at_its_end() {
        let first = spec(500, 1_000, 1);
        let mut resizes = Resizes::default();
        for (after, cpu, memory) in [
            (5, 250, 0),
            (5, 750, 0),
            (8, 750, 0),
            (9, 0, 2_000),
            (20, 9, 9),
        ] {
            resizes.add(Duration::from_secs(after), &first, &spec(cpu, memory, 1));
        }
        let resized = resizes.spec(&first, Some(Duration::from_secs(20)));
        let behaviour = resized.and_then(|spec| spec.behaviour).expect("resized");
        let seen = { behaviour.resizes.iter() }.map(|own| {
            let amounts = [CPU, MEMORY].map(|resource| own.requests.get(resource));
            (own.after, amounts)
        });
        let amounts = |cpu, memory| [Quantity::from_milli(cpu), Quantity::from_units(memory)];
        seen.collect::<Vec<_>>().are([
            (Duration::from_secs(5), amounts(750, 1_000)),
            (Duration::from_secs(9), amounts(750, 2_000)),
        ]);
        let mut late = Resizes::default();
        late.add(Duration::from_secs(5), &first, &spec(9, 9, 1));
        assert_eq!(late.spec(&first, Some(Duration::from_secs(5))), None);
    }

    proptest! {
        #[test]
        fn the_largest_request_covers_both(
            before in (1_i64..9, 1_i64..9),
            after in (0_i64..9, 0_i64..9),
        ) {
            let mut journal = Journal::new("t".into(), RowPolicy::REPORT);
            let (old, new) = (spec(before.0, before.1, 0), spec(after.0, after.1, 0));
            let changed = Changed {
                before: &old,
                after: &new,
                when: "later",
                stands: Standing::Largest,
            };
            let largest = changed.note(&mut journal, 1).expect("not strict");
            prop_assert_eq!(largest, spec(before.0.max(after.0), before.1.max(after.1), 0));
        }
    }
}
