//! Metrics of a class: of pods by the families that follow jobs, fed with the jobs of the class alone;
//! of workloads by the families about them.

use cluster::Store;
use model::Pod;

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::JobRecord;
use crate::record::selection::Selection;
use crate::record::setup::Setup;
use crate::record::workloads::{Row, Workloads};
use crate::values::{MetricValue, Values};

/// Whether a family can be measured for a class of pods: it follows jobs and nothing else.
pub fn is_of_jobs(entry: &MetricEntry) -> bool {
    let collector = (entry.construct)(&Setup::default());
    collector.hears() == [EventKind::Jobs]
}

/// The families that can be measured for workloads by name: they are about workloads, or about pods by
/// what happens to each.
const OF_WORKLOADS: [&str; 9] = [
    "availability",
    "missing_replicas",
    "time_to_recover",
    "time_to_detect",
    "rollouts",
    "blast_radius",
    "spread",
    "exposure",
    "disruptions",
];

/// The metric of those families that is about the pods of the whole cluster.
const OF_CLUSTER: &str = "disruptions.per_1000_pod_hours";

/// Whether a family can be measured for workloads by name.
pub fn is_of_workloads(entry: &MetricEntry) -> bool {
    OF_WORKLOADS.contains(&entry.subject)
}

/// The beginning of the reason why a class has no values where nothing is of it.
pub const NO_MEMBER: &str = "nothing is of this class: ";

/// Number of workloads that the reason names.
const NAMED: usize = 3;

/// The record of a class of pods or workloads.
pub(super) struct ClassRecorder {
    selection: Selection,
    /// Jobs of the class.
    members: u64,
    entries: Vec<MetricEntry>,
    /// One for each entry.
    collectors: Vec<Box<dyn Collector>>,
    /// Whether the present change is about a pod of the workloads of the class.
    is_about: bool,
}

impl ClassRecorder {
    /// A record of the families that can be measured for a class.
    pub(super) fn new(selection: &Selection, setup: &Setup, entries: &[MetricEntry]) -> Self {
        let is_measured = match selection.workload {
            Some(_) => is_of_workloads,
            None => is_of_jobs,
        };
        let entries: Vec<MetricEntry> = (entries.iter().copied()).filter(is_measured).collect();
        Self {
            selection: selection.clone(),
            members: 0,
            collectors: (entries.iter())
                .map(|entry| (entry.construct)(setup))
                .collect(),
            entries,
            is_about: false,
        }
    }

    /// Finds out whether a change is about a pod of the workloads of the class, before they follow it.
    pub(super) fn follow(&mut self, pod: Option<&Pod>, workloads: &Workloads) {
        if let Some(pattern) = &self.selection.workload {
            self.is_about = pod.is_some_and(|own| workloads.is_of(own.pod, pattern));
        }
    }

    /// Takes in a change of a pod of the workloads of the class.
    pub(super) fn event(&mut self, heard: EventKind, change: &Change<'_>) {
        if self.is_about {
            let hears = |own: &&mut Box<dyn Collector>| own.hears().contains(&heard);
            let collectors = self.collectors.iter_mut().filter(hears);
            collectors.for_each(|collector| collector.event(change));
        }
    }

    /// Takes in a job whose life is known, if it is of the class.
    pub(super) fn job(&mut self, job: &JobRecord, store: &Store) {
        if self.selection.workload.is_some() {
            return;
        }
        let spec = job.template.spec(store);
        if spec.is_some_and(|spec| self.selection.has(spec)) {
            self.members += 1;
            self.collectors
                .iter_mut()
                .for_each(|collector| collector.job(job));
        }
    }

    /// Reason why the class has no values: nothing of nobody is no measurement.
    fn no_member(&self, members: &Workloads, all: &Workloads) -> Option<String> {
        if self.selection.workload.is_none() {
            return (self.members == 0).then(|| format!("{NO_MEMBER}no pod matches"));
        }
        if !members.rows().is_empty() {
            return None;
        }
        let mut names = all.rows().iter().map(Row::title);
        let named: Vec<String> = names.by_ref().take(NAMED).collect();
        Some(match (named.as_slice(), names.count()) {
            ([], _) => format!("{NO_MEMBER}there are no workloads"),
            (named, 0) => format!("{NO_MEMBER}there is {}", named.join(", ")),
            (named, more) => format!("{NO_MEMBER}there is {} and {more} more", named.join(", ")),
        })
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
        let pattern = self.selection.workload.as_ref();
        let members = pattern.map(|pattern| end.workloads.subset(pattern));
        let members = members.as_ref().unwrap_or(end.workloads);
        let reason = self.no_member(members, end.workloads);
        let end = &RunEnd {
            workloads: members,
            ..*end
        };
        let mut all = Vec::new();
        for (entry, collector) in self.entries.iter().zip(&self.collectors) {
            let mut values = Values::of(entry.statistics);
            collector.finish(end, &mut values);
            let named = values.named(entry.subject)?.into_iter();
            all.extend(named.zip(entry.statistics).map(|(value, statistic)| {
                let value = value.unless_unsteady(statistic, unsteady);
                let id = format!("{}{}", value.id, self.selection.name);
                let of_cluster = (value.id == OF_CLUSTER)
                    .then(|| "counted over the pods of the whole cluster".to_owned());
                match reason.clone().or(of_cluster) {
                    Some(why) => MetricValue {
                        id,
                        value: None,
                        reason: Some(why),
                        ..value
                    },
                    None => MetricValue { id, ..value },
                }
            }));
        }
        Ok(all)
    }
}
