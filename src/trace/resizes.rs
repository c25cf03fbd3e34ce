//! Requests that a trace changes while a task waits or runs: an arrival has one request, so each
//! change is counted with what it changes. The option `largest-request` has a task ask for the most
//! of each resource that it ever asked for.

use super::error::TraceError;
use super::ledger::{Action, Journal};
use model::PodSpec;
use model::resource_list::{CPU, MEMORY};
use units::Quantity;

/// The resources that requests of traces change, with the words for more of one and for less.
const RESOURCES: [(&str, &str, &str); 2] = [
    (CPU, "more cores", "fewer cores"),
    (MEMORY, "more memory", "less memory"),
];

/// A change of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resize<'s> {
    /// The spec before.
    pub(crate) before: &'s PodSpec,
    /// The spec after.
    pub(crate) after: &'s PodSpec,
    /// The state of the task, as words that follow a verb.
    pub(crate) when: &'static str,
    /// Whether the largest request stands, in place of the first one.
    pub(crate) is_largest_kept: bool,
}

impl Resize<'_> {
    /// Counts each thing that is changed; returns the spec with the largest requests of both.
    pub(crate) fn note(self, journal: &mut Journal, line: u64) -> Result<PodSpec, TraceError> {
        let Self { when, .. } = self;
        let [before, after] =
            [self.before, self.after].map(|own| own.requests().unwrap_or_default());
        let mut largest = self.before.clone();
        for (resource, more, fewer) in RESOURCES {
            let (old, new) = (before.get(resource), after.get(resource));
            if old == new || new == Quantity::ZERO {
                continue;
            }
            let (change, stands, action) = match (new > old, self.is_largest_kept) {
                (true, true) => (more, "requested from the start", Action::Repair),
                (true, false) => (more, "the first request stands", Action::Keep),
                (false, true) => (fewer, "the largest request stands", Action::Keep),
                (false, false) => (fewer, "the first request stands", Action::Keep),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::requests;
    use crate::ledger::RowPolicy;
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
        for is_largest_kept in [false, true] {
            let resize = Resize {
                before: &before,
                after: &after,
                when: "while it ran",
                is_largest_kept,
            };
            let largest = resize.note(&mut journal, 3).expect("not strict");
            assert_eq!(largest, spec(500, 2_000, 1));
        }
        let told: Vec<(&str, u64)> = { journal.ledger.entries().iter() }
            .map(|own| (&*own.kind, own.count))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "fewer cores requested while it ran; the first request stands",
                    1
                ),
                (
                    "more memory requested while it ran; the first request stands",
                    1
                ),
                ("another priority while it ran; the first one stands", 2),
                (
                    "fewer cores requested while it ran; the largest request stands",
                    1
                ),
                (
                    "more memory requested while it ran; requested from the start",
                    1
                ),
            ]
        );
    }

    proptest! {
        #[test]
        fn the_largest_request_covers_both(
            before in (1_i64..9, 1_i64..9),
            after in (0_i64..9, 0_i64..9),
        ) {
            let mut journal = Journal::new("t".into(), RowPolicy::REPORT);
            let (old, new) = (spec(before.0, before.1, 0), spec(after.0, after.1, 0));
            let resize = Resize {
                before: &old,
                after: &new,
                when: "later",
                is_largest_kept: true,
            };
            let largest = resize.note(&mut journal, 1).expect("not strict");
            prop_assert_eq!(largest, spec(before.0.max(after.0), before.1.max(after.1), 0));
        }
    }
}
