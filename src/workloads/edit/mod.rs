//! Edits of a workload, in a fixed order: what follows a line, a window, the arrivals of some tenants, those that meet a
//! condition, fields written anew, a sample, another rate, a shift, other workloads merged, names left
//! out. All stream.

use std::sync::Arc;

use crate::anonymous::Anonymous;
pub use crate::anonymous::KeptNames;
use crate::cut_gangs::CutGangs;
use crate::expression::{Assignment, Condition, Facts};
use crate::rewriting::{Rewritten, refused_edit};
use arrivals::cut_tasks::CutTasks;
use arrivals::header_record::HeaderRecord;
use arrivals::merge::Merge;
use arrivals::renumbering::Renumbered;
use arrivals::stream::{Arrival, ArrivalSource};
use arrivals::transform::{Ratio, Scale, Window};
use intake::TraceError;
use intake::ledger::Ledger;
use model::Text;
use units::{Duration, Instant};

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
    /// Whether names and other free texts are replaced by numbers.
    pub is_anonymous: bool,
    /// The names that stay all the same.
    pub kept_names: KeptNames,
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
    /// That of the gang of several that the arrival is a member of, or of the task that it is a part of, or its own: a
    /// job is in with all its parts, or none.
    Job,
    /// That of the tenant: all arrivals of a tenant are in, or none; of a gang of several, that of its first member.
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
            let mut all = others;
            // Of equal times the edited trace comes first, but for one that goes on where the others end.
            let place = self.after_line.map_or(0, |_| all.len());
            all.insert(place, source);
            source = Box::new(Merge::new(all)?);
        }
        if self.is_anonymous {
            source = Box::new(Anonymous::new(source, self.kept_names));
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
        let gangs = inner.has_gangs().then(CutGangs::default);
        let header = inner.header().of_part();
        Box::new(Stepped {
            inner,
            step,
            cut,
            gangs,
            ledger: None,
            header,
        })
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
                    spec: &*inner.classes().get(arrival.class)?,
                    tenant: tenant().map_or("", |name| name),
                };
                condition.holds(facts).map_err(refused_edit)?
            }
            Self::Tenants(kept) => tenant().is_some_and(|name| kept.contains(name)),
            Self::Sample(sample) => match sample.by {
                SampleBy::Job => {
                    let name = arrival.gang().unwrap_or_else(|| arrival.task());
                    sample.has(&name.to_string())
                }
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
    /// The gangs that the step cuts, where there may be any.
    gangs: Option<CutGangs>,
    /// The ledger at the end, if the step has something to tell.
    ledger: Option<Ledger>,
    header: HeaderRecord,
}

impl Stepped {
    /// Whether an arrival is kept, which may be changed then.
    fn take(&mut self, arrival: &mut Arrival) -> Result<bool, TraceError> {
        let Some(gangs) = &mut self.gangs else {
            return self.step.take(arrival, &*self.inner);
        };
        let before = arrival.clone();
        let of_mate = gangs.kept_mate(arrival);
        let is_kept = match (&self.step, of_mate) {
            (Step::Sample(_), Some(is_kept)) => is_kept,
            (step, _) => step.take(arrival, &*self.inner)?,
        };
        gangs.take(&before, is_kept, self.inner.files());
        Ok(is_kept)
    }
}

impl ArrivalSource for Stepped {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        while let Some(mut arrival) = self.inner.next()? {
            let is_kept = self.take(&mut arrival)?;
            match &mut self.cut {
                Some(cut) if is_kept => cut.keep(&mut arrival),
                Some(cut) => cut.leave_out(&arrival),
                None => {}
            }
            if is_kept {
                return Ok(Some(arrival));
            }
        }
        let gangs = self.gangs.as_ref();
        self.ledger = gangs.and_then(|gangs| gangs.told(self.inner.ledger()));
        Ok(None)
    }

    fn header(&self) -> &HeaderRecord {
        &self.header
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(Self {
            inner: self.inner.fork()?,
            step: self.step.clone(),
            cut: self.cut.clone(),
            gangs: self.gangs.clone(),
            ledger: self.ledger.clone(),
            header: self.header.clone(),
        }))
    }

    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().unwrap_or_else(|| self.inner.ledger())
    }

    fn inner(&self) -> Option<&dyn ArrivalSource> {
        Some(&*self.inner)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
