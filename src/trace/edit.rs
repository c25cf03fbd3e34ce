//! Edits of a workload, in a fixed order: what follows a line, a window, the arrivals of some tenants, those that meet a
//! condition, fields written anew, a sample, another rate, a shift, other workloads merged, names left
//! out. All stream.

use std::sync::Arc;

use super::cut_tasks::CutTasks;
use super::error::{TraceError, refused_edit};
use super::expression::{Assignment, Condition, Facts};
use super::ledger::Ledger;
use super::links::Links;
use super::merge::Merge;
use super::renumbered::Renumbered;
use super::rewritten::Rewritten;
use super::stream::{Arrival, ArrivalSource, Classes};
use super::transform::{Ratio, Scale, Window};
use model::{PodName, PodSpec, Text};
use units::{Duration, Instant, SortedMap};

/// An edit; the default leaves everything as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The line after which records of the trace's one file are kept.
    pub after_line: Option<u64>,
    /// The first instant that is kept, which becomes zero, and the first that no longer is.
    pub window: Option<(Instant, Instant)>,
    /// The tenants whose arrivals are kept; empty keeps all.
    pub tenants: Vec<Text>,
    /// The condition that the kept arrivals meet.
    pub condition: Option<Condition>,
    /// The assignments to fields, one after the other.
    pub assignments: Vec<Assignment>,
    /// The part that is kept.
    pub sample: Option<Sample>,
    /// The factor on submit times: 1/2 doubles the rate.
    pub times: Option<Ratio>,
    /// The span by which everything is submitted later.
    pub shift: Duration,
    /// Whether names of arrivals, tenants and namespaces are replaced by numbers.
    pub is_anonymous: bool,
}

/// A random part of a workload. An arrival is in it or not by the hash of the seed and a name, so that
/// neither the order nor what else is in the trace makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The share that is kept, in millionths.
    pub millionths: u32,
    /// The name that decides.
    pub by: SampleBy,
    /// The seed.
    pub seed: u64,
}

/// The name that decides whether an arrival is in a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleBy {
    /// That of the arrival.
    Job,
    /// That of the tenant: all arrivals of a tenant are in, or none.
    Tenant,
}

impl Sample {
    fn has(&self, name: &str) -> bool {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        let place = (u128::from(u64::from_le_bytes(first)) * 1_000_000) >> 64;
        place < u128::from(self.millionths)
    }
}

impl Edit {
    /// The edited source, with other sources merged that are not edited but for their names.
    ///
    /// # Errors
    /// A source can't be read.
    pub fn apply(
        &self,
        source: Box<dyn ArrivalSource>,
        others: Vec<Box<dyn ArrivalSource>>,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut source = source;
        if let Some(line) = self.after_line {
            source = Step::AfterLine(line).after(source);
        }
        if let Some((from, until)) = self.window {
            source = Box::new(Window::new(source, from, until));
        }
        if !self.tenants.is_empty() {
            source = Step::Tenants(self.tenants.clone().into()).after(source);
        }
        if let Some(condition) = &self.condition {
            source = Step::Condition(Arc::new(condition.clone())).after(source);
        }
        if !self.assignments.is_empty() {
            source = Box::new(Rewritten::new(source, self.assignments.clone().into()));
        }
        if let Some(sample) = self.sample {
            source = Step::Sample(sample).after(source);
        }
        if let Some(factor) = self.times {
            source = Box::new(Scale::new(source, factor));
        }
        if self.shift > Duration::ZERO {
            source = Step::Shift(self.shift).after(source);
        }
        if !others.is_empty() {
            let all = std::iter::once(source).chain(others).collect();
            source = Box::new(Merge::new(all)?);
        }
        if self.is_anonymous {
            source = Box::new(Anonymous::new(source));
        }
        Ok(Box::new(Renumbered::new(source)))
    }
}

/// A step that takes one arrival after the other.
#[derive(Clone)]
enum Step {
    /// Only those of records after a line.
    AfterLine(u64),
    /// Only those of some tenants.
    Tenants(Arc<[Text]>),
    /// Only those that meet a condition.
    Condition(Arc<Condition>),
    /// Only those of a sample.
    Sample(Sample),
    /// All, later by a span.
    Shift(Duration),
}

impl Step {
    fn after(self, inner: Box<dyn ArrivalSource>) -> Box<dyn ArrivalSource> {
        let cut = inner.may_wait().then(CutTasks::default);
        let step = self;
        Box::new(Stepped { inner, step, cut })
    }

    /// Whether an arrival is kept; one that is may be changed.
    fn take(&self, arrival: &mut Arrival, inner: &dyn ArrivalSource) -> Result<bool, TraceError> {
        let tenant = || inner.tenants().get(arrival.tenant as usize);
        Ok(match self {
            Self::AfterLine(line) => {
                let origin = arrival.origin;
                if origin.line == 0 || origin.file > 0 {
                    let name = &arrival.name;
                    return Err(refused_edit(format!(
                        "a line is one of a trace of one file, and `{name}` has no line there; name \
                         the file that was cut off"
                    )));
                }
                u64::from(origin.line) > *line
            }
            Self::Condition(condition) => {
                let facts = Facts {
                    arrival,
                    spec: &inner.classes()[arrival.class as usize],
                    tenant: tenant().map_or("", |name| name),
                };
                condition.holds(facts).map_err(refused_edit)?
            }
            Self::Tenants(kept) => tenant().is_some_and(|name| kept.contains(name)),
            Self::Sample(sample) => match sample.by {
                SampleBy::Job => sample.has(&arrival.name.to_string()),
                SampleBy::Tenant => sample.has(tenant().map_or("", |name| name)),
            },
            Self::Shift(span) => {
                let later = |at: Instant| at.checked_add(*span).ok_or_else(beyond);
                arrival.submit = later(arrival.submit)?;
                arrival.historic_start = arrival.historic_start.map(later).transpose()?;
                true
            }
        })
    }
}

fn beyond() -> TraceError {
    TraceError::Format {
        file: "shift".to_owned(),
        reason: "an arrival would be submitted after more than 292 years".to_owned(),
    }
}

/// A source with a step after it.
struct Stepped {
    inner: Box<dyn ArrivalSource>,
    step: Step,
    /// What is waited for no more, as the step left it out.
    cut: Option<CutTasks>,
}

impl ArrivalSource for Stepped {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        while let Some(mut arrival) = self.inner.next()? {
            let is_kept = self.step.take(&mut arrival, &*self.inner)?;
            match &mut self.cut {
                Some(cut) if is_kept => cut.keep(&mut arrival),
                Some(cut) => cut.leave_out(&arrival),
                None => {}
            }
            if is_kept {
                return Ok(Some(arrival));
            }
        }
        Ok(None)
    }

    fn may_wait(&self) -> bool {
        self.inner.may_wait()
    }

    fn classes(&self) -> &Classes {
        self.inner.classes()
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            step: self.step.clone(),
            cut: self.cut.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        self.inner.ledger()
    }

    fn files(&self) -> &[Arc<str>] {
        self.inner.files()
    }

    fn tenants(&self) -> &[Text] {
        self.inner.tenants()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner.progress()
    }
}

/// A source whose names are numbers in the order in which they appear.
struct Anonymous {
    inner: Box<dyn ArrivalSource>,
    /// Number of arrivals up to now.
    arrivals: u64,
    classes: Classes,
    tenants: Vec<Text>,
    namespaces: SortedMap<Text, Text>,
    /// The new names of tasks that arrivals are or wait for.
    tasks: SortedMap<(u16, PodName), PodName>,
}

impl Anonymous {
    fn new(inner: Box<dyn ArrivalSource>) -> Self {
        Self {
            inner,
            arrivals: 0,
            classes: Classes::new(),
            tenants: Vec::new(),
            namespaces: SortedMap::new(),
            tasks: SortedMap::new(),
        }
    }

    /// Replaces the names of an arrival's links: a task has the name of the arrival that is all of it,
    /// unless others named it before.
    fn rename(&mut self, arrival: &mut Arrival, name: PodName) {
        let part = arrival.part;
        let mut links = arrival.links.take();
        let stated = links.as_mut().and_then(|own| own.part_of.take());
        let is_whole = stated.is_none();
        let task = (part, stated.unwrap_or(name));
        let known = self.tasks.get(&task).cloned();
        let part_of = match known {
            None if is_whole => {
                self.tasks.insert(task, arrival.name.clone());
                None
            }
            known => Some(known.unwrap_or_else(|| self.name_task(task))),
        };
        let mut after = links.as_ref().map_or(Vec::new(), |own| own.after.clone());
        for name in &mut after {
            let task = (part, name.clone());
            *name = match self.tasks.get(&task) {
                Some(known) => known.clone(),
                None => self.name_task(task),
            };
        }
        let delay = links.map_or(Duration::ZERO, |own| own.delay);
        arrival.links = Links::of(part_of, after);
        if let Some(links) = &mut arrival.links {
            links.delay = delay;
        }
    }

    fn name_task(&mut self, task: (u16, PodName)) -> PodName {
        let name = PodName::Text(format!("task-{}", self.tasks.len() + 1).into());
        self.tasks.insert(task, name.clone());
        name
    }

    fn spec(&mut self, spec: &Arc<PodSpec>) -> Arc<PodSpec> {
        if spec.namespace.is_empty() {
            return spec.clone();
        }
        let number = self.namespaces.len() + 1;
        let known = self.namespaces.entry(spec.namespace.clone());
        let namespace = known.or_insert_with(|| format!("namespace-{number}").into());
        Arc::new(PodSpec {
            namespace: namespace.clone(),
            ..(**spec).clone()
        })
    }
}

impl ArrivalSource for Anonymous {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        let Some(arrival) = self.inner.next()? else {
            return Ok(None);
        };
        for place in self.classes.len()..self.inner.classes().len() {
            let spec = self.inner.classes()[place].clone();
            let spec = self.spec(&spec);
            self.classes.push(spec);
        }
        for number in self.tenants.len()..self.inner.tenants().len() {
            self.tenants.push(format!("tenant-{}", number + 1).into());
        }
        self.arrivals += 1;
        let name = arrival.name.clone();
        let mut arrival = Arrival {
            name: PodName::Job(self.arrivals),
            ..arrival
        };
        if self.may_wait() {
            self.rename(&mut arrival, name);
        }
        Ok(Some(arrival))
    }

    fn may_wait(&self) -> bool {
        self.inner.may_wait()
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            arrivals: self.arrivals,
            classes: self.classes.clone(),
            tenants: self.tenants.clone(),
            namespaces: self.namespaces.clone(),
            tasks: self.tasks.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        self.inner.ledger()
    }

    fn files(&self) -> &[Arc<str>] {
        self.inner.files()
    }

    fn tenants(&self) -> &[Text] {
        &self.tenants
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner.progress()
    }
}

#[cfg(test)]
mod tests;
