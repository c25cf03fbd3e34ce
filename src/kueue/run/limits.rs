//! Limit ranges as they come and go: workloads that wait are counted anew by them.

use std::sync::Arc;

use model::Text;
use model::queueing::QueuedWorkload;
use model::workload::LimitRange;
use units::SortedMap;

use super::{Controller, Stage};
use crate::limits;

/// Limit ranges by namespace and name.
#[derive(Clone, Debug, Default)]
pub(super) struct LimitRanges(SortedMap<(Text, Text), Arc<LimitRange>>);

impl LimitRanges {
    fn all(&self) -> impl Iterator<Item = &LimitRange> + Clone {
        self.0.values().map(|range| &**range)
    }

    /// A workload as it is counted.
    pub(super) fn adjusted(&self, workload: QueuedWorkload) -> QueuedWorkload {
        limits::adjusted(workload, self.all())
    }

    /// The reason for which a workload can't be admitted whatever is free.
    pub(super) fn fault(&self, workload: &QueuedWorkload) -> Option<String> {
        limits::fault(workload, self.all())
    }
}

impl Controller {
    /// A limit range is there, or has changed. What an earlier state of it gave to workloads they keep.
    pub fn set_limit_range(&mut self, range: Arc<LimitRange>) {
        let namespace = range.namespace.clone();
        let key = (namespace.clone(), range.name.clone());
        self.limit_ranges.0.insert(key, range);
        self.count_anew(&namespace);
    }

    /// A limit range is gone.
    pub fn remove_limit_range(&mut self, namespace: &Text, name: &Text) {
        let key = (namespace.clone(), name.clone());
        if self.limit_ranges.0.remove(&key).is_some() {
            self.count_anew(namespace);
        }
    }

    /// Counts the workloads of a namespace that wait anew, and has them tried again.
    fn count_anew(&mut self, namespace: &Text) {
        let waiting = self.states.iter();
        let waiting = waiting.filter(|(_, state)| {
            state.stage == Stage::Pending && state.workload.namespace == *namespace
        });
        let numbers: Vec<usize> = waiting.map(|(number, _)| *number).collect();
        for number in numbers {
            let known = QueuedWorkload::clone(&self.states[&number].workload);
            let workload = self.limit_ranges.adjusted(known.clone());
            let queue = self.states[&number].queue;
            let fits = workload
                .pod_sets
                .iter()
                .all(|set| set.spec.requests().is_ok());
            if workload != known && fits {
                let shape = self.shape_of(&workload);
                let state = self.state_mut(number);
                state.shape = shape;
                state.workload = Arc::new(workload);
            }
            if let Some(queue) = queue {
                self.ask_for_retry(queue);
            }
        }
    }
}
