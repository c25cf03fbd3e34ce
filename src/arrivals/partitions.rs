//! Jobs of a workload in partitions of the nodes.

use std::sync::Arc;

use crate::stream::{Arrival, ArrivalSource, ClassTotal, Classes};
use intake::TraceError;
use intake::ledger::{Action, Ledger};
use model::{NodeSelector, NodeSelectorTerm, PARTITION_LABEL, PodSpec, Text};
use units::Duration;

/// Partition that jobs name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPartition {
    /// Name of the partition.
    pub name: Text,
    /// Nodes of the partition; `None` for all.
    pub nodes: Option<NodeSelectorTerm>,
    /// Time limit of jobs that state none, and the field that states it.
    pub time: Option<(Duration, &'static str)>,
    /// Longest time that its jobs may ask for, as the scenario states it.
    pub most: Option<Duration>,
}

impl JobPartition {
    /// A spec of pods that run in the partition.
    fn hold(&self, spec: &Arc<PodSpec>) -> Arc<PodSpec> {
        let mut held = PodSpec::clone(spec);
        held.labels
            .insert(PARTITION_LABEL.into(), Arc::clone(&self.name));
        if let Some(own) = &self.nodes {
            let required = &mut held.affinity.node.required;
            let terms = &mut required.get_or_insert_with(NodeSelector::default).terms;
            if terms.is_empty() && spec.affinity.node.required.is_none() {
                terms.push(NodeSelectorTerm::default());
            }
            for term in terms {
                let expressions = own.match_expressions.iter().cloned();
                term.match_expressions.extend(expressions);
                term.match_fields.extend(own.match_fields.iter().cloned());
            }
        }
        Arc::new(held)
    }
}

/// Partitions of a workload.
#[derive(Debug)]
struct Partitions {
    all: Vec<JobPartition>,
    /// Partition of jobs that name none.
    default: Option<usize>,
    /// The field that declares them.
    field: &'static str,
}

impl Partitions {
    /// The partition of a class.
    fn of(&self, spec: &PodSpec) -> Option<usize> {
        match spec.labels.get(PARTITION_LABEL) {
            Some(name) => self.all.iter().position(|own| own.name == *name),
            None => self.default,
        }
    }

    fn unknown(&self, spec: Option<&PodSpec>, job: &Arrival) -> TraceError {
        let field = self.field;
        let named = spec.and_then(|spec| spec.labels.get(PARTITION_LABEL));
        let job = &job.name;
        let reason = match named {
            Some(name) => format!(
                "the job `{job}` is of the partition `{name}`, which is not declared here; add it, or \
                 leave `{field}` out"
            ),
            None => format!(
                "the job `{job}` names no partition, and none is that of such jobs; write `default: \
                 true` at one, or leave `{field}` out"
            ),
        };
        TraceError::Format {
            file: field.to_owned(),
            reason,
        }
    }
}

/// A source whose jobs run on the nodes of their partitions; a job of a partition that is not declared
/// is an error.
pub struct Partitioned {
    inner: Box<dyn ArrivalSource>,
    partitions: Arc<Partitions>,
    /// The partition of each class.
    places: Vec<Option<usize>>,
    classes: Classes,
    /// The notes up to now.
    notes: Ledger,
    /// Those of the source and these, once the end was reached.
    all: Option<Ledger>,
}

impl Partitioned {
    /// A source under the partitions of a field; `default` is that of jobs that name none.
    pub fn new(
        inner: Box<dyn ArrivalSource>,
        all: Vec<JobPartition>,
        default: Option<usize>,
        field: &'static str,
    ) -> Self {
        let partitions = Partitions {
            all,
            default,
            field,
        };
        Self {
            inner,
            partitions: Arc::new(partitions),
            places: Vec::new(),
            classes: Classes::default(),
            notes: Ledger::EMPTY,
            all: None,
        }
    }

    /// Gives a job that states no time limit that of its partition, and tells, as of one that is beyond the longest.
    fn limit(&mut self, arrival: &mut Arrival, place: usize) {
        let JobPartition {
            name, time, most, ..
        } = &self.partitions.all[place];
        let (kind, action) = match (arrival.time_limit, time, most) {
            (None, Some((time, field)), _) => {
                arrival.time_limit = Some(*time);
                let limit = format!("`{field}` of the partition `{name}` is its limit, {time}");
                (format!("no time limit; {limit}"), Action::Repair)
            }
            (Some(asked), _, Some(most)) if asked > *most => {
                let limit = format!("`maxTime` of the partition `{name}`, {most}");
                let kind = format!("asks for more time than {limit}: such a job never starts");
                (kind, Action::Waive)
            }
            _ => return,
        };
        let (file, line) = arrival
            .origin
            .place(self.inner.files(), &self.partitions.field.into());
        self.notes.note(&kind, action, &file, line);
    }

    fn catch_up(&mut self) -> Result<(), TraceError> {
        for spec in self.inner.classes().since(self.places.len()) {
            let spec = spec?;
            let place = self.partitions.of(&spec);
            let held = place.map(|place| self.partitions.all[place].hold(&spec));
            self.classes.push(held.unwrap_or(spec));
            self.places.push(place);
        }
        Ok(())
    }
}

impl ArrivalSource for Partitioned {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(mut arrival) = self.inner.next()? else {
            let all = self.all.get_or_insert_with(|| self.inner.ledger().clone());
            all.merge(&std::mem::take(&mut self.notes));
            return Ok(None);
        };
        self.catch_up()?;
        let class = arrival.class as usize;
        let Some(place) = self.places.get(class).copied().flatten() else {
            let is_known = class < self.classes.len();
            let spec = is_known.then(|| self.classes.get(arrival.class));
            let spec = spec.transpose()?;
            return Err(self.partitions.unknown(spec.as_deref(), &arrival));
        };
        self.limit(&mut arrival, place);
        Ok(Some(arrival))
    }

    fn ledger(&self) -> &Ledger {
        self.all.as_ref().unwrap_or_else(|| self.inner.ledger())
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn class_totals(&self) -> Option<Vec<ClassTotal>> {
        let mut totals = self.inner.class_totals()?;
        for total in &mut totals {
            if let Some(place) = self.partitions.of(&total.spec) {
                total.spec = self.partitions.all[place].hold(&total.spec);
            }
        }
        Some(totals)
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut fork = Self {
            inner: self.inner.fork()?,
            partitions: Arc::clone(&self.partitions),
            places: Vec::new(),
            classes: Classes::default(),
            notes: Ledger::EMPTY,
            all: None,
        };
        fork.catch_up()?;
        Ok(Box::new(fork))
    }
}
