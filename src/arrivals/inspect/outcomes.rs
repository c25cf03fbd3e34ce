//! Outcomes of a workload's jobs, where their origin states them. What tells the classes of jobs apart is what they ask
//! for: two that differ in their outcome alone count as one.

use crate::intern::ClassTable;
use crate::job_fields::{JobField, OUTCOME, Outcome};
use model::{PodSpec, Text};
use units::SortedMap;

/// Counts of outcomes.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    /// Classes without outcomes.
    kinds: ClassTable,
    counts: SortedMap<Text, u64>,
}

impl Outcomes {
    /// The counts for a source whose jobs state these fields; `None` if they state no outcome.
    pub(super) fn of(fields: &[&'static JobField]) -> Option<Self> {
        fields.contains(&&OUTCOME).then(Self::default)
    }

    /// Takes the spec of the next class.
    pub(super) fn meet(&mut self, spec: &PodSpec) {
        let mut kind = spec.clone();
        kind.labels.remove(OUTCOME.label);
        self.kinds.class_of(kind);
    }

    /// Counts an arrival with its outcome, if any is stated.
    pub(super) fn add(&mut self, outcome: Option<&Text>) {
        if let Some(outcome) = outcome.filter(|own| !own.is_empty()) {
            *self.counts.entry(outcome.clone()).or_default() += 1;
        }
    }

    /// The number of classes without outcomes.
    pub(super) fn classes(&self) -> usize {
        self.kinds.classes().len()
    }

    /// The outcomes with their arrivals: those that have a word first, then others as the origin states them.
    pub(super) fn counted(mut self) -> Vec<(Text, u64)> {
        let words = Outcome::ALL.map(Outcome::word).into_iter();
        let mut counted: Vec<(Text, u64)> = words
            .filter_map(|word| Some((word.into(), self.counts.remove(word)?)))
            .collect();
        counted.extend(self.counts);
        counted
    }
}
