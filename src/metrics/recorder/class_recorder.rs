//! Metrics of a class of pods: the families that follow jobs, fed with the jobs of the class alone.

use cluster::Store;

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::JobRecord;
use crate::record::selection::Selection;
use crate::record::setup::Setup;
use crate::values::{MetricValue, Values};

/// Whether a family can be measured for a class of pods: it follows jobs and nothing else.
pub fn is_of_jobs(entry: &MetricEntry) -> bool {
    let collector = (entry.construct)(&Setup::default());
    collector.hears() == [EventKind::Jobs]
}

/// The reason why a class has no values where no job is of it.
pub const NO_MEMBER: &str = "no pod is of this class";

/// The record of a class of pods.
pub(super) struct ClassRecorder {
    selection: Selection,
    /// Jobs of the class.
    members: u64,
    entries: Vec<MetricEntry>,
    /// One for each entry.
    collectors: Vec<Box<dyn Collector>>,
}

impl ClassRecorder {
    /// A record of the families that can be measured for a class.
    pub(super) fn new(selection: &Selection, setup: &Setup, entries: &[MetricEntry]) -> Self {
        let entries: Vec<MetricEntry> = (entries.iter().copied()).filter(is_of_jobs).collect();
        Self {
            selection: selection.clone(),
            members: 0,
            collectors: (entries.iter())
                .map(|entry| (entry.construct)(setup))
                .collect(),
            entries,
        }
    }

    /// Takes in a job whose life is known, if it is of the class.
    pub(super) fn job(&mut self, job: &JobRecord, store: &Store) {
        let spec = job.template.spec(store);
        if spec.is_some_and(|spec| self.selection.has(spec)) {
            self.members += 1;
            self.collectors
                .iter_mut()
                .for_each(|collector| collector.job(job));
        }
    }

    /// The values of the class, with its name behind each id.
    ///
    /// # Errors
    /// If a collector did not read each statistic of its entry once.
    pub(super) fn values(
        &self,
        end: &RunEnd<'_>,
        unsteady: Option<&String>,
    ) -> Result<Vec<MetricValue>, String> {
        let mut all = Vec::new();
        for (entry, collector) in self.entries.iter().zip(&self.collectors) {
            let mut values = Values::of(entry.statistics);
            collector.finish(end, &mut values);
            let named = values.named(entry.subject)?.into_iter();
            all.extend(named.zip(entry.statistics).map(|(value, statistic)| {
                let value = value.unless_unsteady(statistic, unsteady);
                let id = format!("{}{}", value.id, self.selection.name);
                // Nothing of nobody is no measurement.
                match self.members {
                    0 => MetricValue {
                        id,
                        value: None,
                        reason: Some(NO_MEMBER.to_owned()),
                        ..value
                    },
                    _ => MetricValue { id, ..value },
                }
            }));
        }
        Ok(all)
    }
}
