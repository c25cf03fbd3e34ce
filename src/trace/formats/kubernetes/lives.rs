//! The lives of pods, put together from records in the order of time.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{Act, Deed, Known, Records};
use crate::error::TraceError;
use crate::gather::{Demand, Gather};
use crate::job_fields::Outcome;
use crate::ledger::{Action, Journal};
use crate::options::ReadOptions;
use model::{PodName, PodSpec, ResourceList};
use units::Instant;

/// The length of what the server adds to a name that it makes.
const ADDED: usize = 5;

/// A pod as records tell of it.
struct Pod {
    file: u16,
    line: u64,
    key: u32,
    submit: Instant,
    start: Option<Instant>,
    end: Option<Instant>,
    outcome: Option<Outcome>,
    /// Whether it was said to be over, not only deleted.
    is_over: bool,
    spec: Option<u32>,
}

impl Pod {
    /// Takes a record about a pod that is known.
    fn take(&mut self, act: Act) {
        let at = act.at;
        match act.deed {
            Deed::Known(known) => {
                self.spec.get_or_insert(known.spec);
            }
            Deed::Bind => {
                self.start.get_or_insert(at);
            }
            Deed::Start => {
                self.start.get_or_insert(at);
                self.end = None;
                self.outcome = None;
            }
            Deed::Readied => {
                self.end = None;
                self.outcome = None;
            }
            Deed::Over(outcome) if !self.is_over => {
                // What is deleted while it runs ends by that, whatever its containers say then.
                self.outcome = Some(if self.end.is_some() {
                    Outcome::Cancelled
                } else {
                    outcome
                });
                self.end = Some(at);
                self.is_over = true;
            }
            Deed::Delete(outcome) if !self.is_over => {
                // The last of several is that of the node, when the pod is gone.
                self.end = Some(at);
                self.outcome = self.outcome.or(outcome);
            }
            Deed::Create(_)
            | Deed::Seen
            | Deed::CreateUnnamed(_)
            | Deed::Over(_)
            | Deed::Delete(_) => {}
            Deed::Kill(outcome) => {
                self.end = Some(at);
                self.outcome = Some(outcome);
            }
        }
    }
}

/// A creation of a pod whose name is not known up to now.
struct Unnamed {
    file: u16,
    line: u64,
    at: Instant,
    spec: Option<u32>,
}

/// The pods in the order of their first records.
pub(super) struct Pods<'r> {
    records: &'r Records,
    /// The time of the first record.
    zero: Instant,
    all: Vec<Pod>,
    /// The last pod of each key.
    known: IndexMap<u32, usize, FxBuildHasher>,
    /// Creations by their keys, the earliest first.
    unnamed: IndexMap<u32, Vec<Unnamed>, FxBuildHasher>,
}

impl<'r> Pods<'r> {
    pub(super) fn new(records: &'r Records, zero: Instant) -> Self {
        Self {
            records,
            zero,
            all: Vec::new(),
            known: IndexMap::default(),
            unnamed: IndexMap::default(),
        }
    }

    pub(super) fn take(&mut self, journal: &mut Journal, act: Act) -> Result<(), TraceError> {
        let Act {
            file,
            line,
            at,
            pod,
            ..
        } = act;
        if let Deed::CreateUnnamed(spec) = act.deed {
            let own = Unnamed {
                file,
                line,
                at,
                spec,
            };
            self.unnamed.entry(pod).or_default().push(own);
            return Ok(());
        }
        let mut known = self.known.get(&pod).copied();
        if known.is_none() && !matches!(act.deed, Deed::Create(_)) {
            known = self.named(journal, &act)?;
        }
        let Some(place) = known else {
            return self.take_first(journal, &act);
        };
        let own = &mut self.all[place];
        if let Deed::Create(spec) = act.deed {
            if own.end.is_none() {
                own.end = Some(at);
                let kind = "pod created again without an end; the first ends then";
                journal.dirt(kind, Action::Repair, line)?;
            }
            self.add(&act, at).spec = spec;
        } else {
            own.take(act);
        }
        Ok(())
    }

    /// Takes the first record about a pod.
    fn take_first(&mut self, journal: &mut Journal, act: &Act) -> Result<(), TraceError> {
        let &Act { line, at, .. } = act;
        match &act.deed {
            Deed::Create(spec) => {
                let spec = *spec;
                self.add(act, at).spec = spec;
            }
            Deed::Known(known) => {
                let Known {
                    spec,
                    created,
                    started,
                } = **known;
                let submit = created.unwrap_or(self.zero).clamp(self.zero, at);
                if created.is_none_or(|created| created < self.zero) {
                    let kind = "pod that was there before the log; arrives at its beginning";
                    journal.dirt(kind, Action::Repair, line)?;
                }
                let pod = self.add(act, submit);
                pod.spec = Some(spec);
                pod.start = started.map(|started| started.max(submit));
            }
            Deed::Bind => {
                let kind = "pod whose creation is not recorded; arrives with its binding";
                journal.dirt(kind, Action::Repair, line)?;
                self.add(act, at).start = Some(at);
            }
            Deed::Start => self.add(act, at).start = Some(at),
            Deed::Seen | Deed::Readied => {
                self.add(act, at);
            }
            Deed::Kill(outcome) => {
                let outcome = *outcome;
                let zero = self.zero;
                if at > zero {
                    let kind = "pod that was there before the events; arrives at their beginning";
                    journal.dirt(kind, Action::Repair, line)?;
                }
                let pod = self.add(act, zero);
                (pod.end, pod.outcome) = (Some(at), Some(outcome));
            }
            Deed::Over(_) | Deed::Delete(_) => {
                let kind = "end of a pod that was created before the log";
                journal.dirt(kind, Action::Drop, line)?;
            }
            Deed::CreateUnnamed(_) => {}
        }
        Ok(())
    }

    /// The pod of a record whose creation stated no more than what its name begins with; `None` if there is none.
    fn named(&mut self, journal: &mut Journal, act: &Act) -> Result<Option<usize>, TraceError> {
        let (namespace, name, uid) = self.key(act.pod);
        let prefix = name
            .len()
            .checked_sub(ADDED)
            .and_then(|length| name.get(..length));
        let Some(prefix) = prefix else {
            return Ok(None);
        };
        let key = (namespace.clone(), prefix.into(), uid.clone());
        let place = self.records.pods.get_index_of(&key);
        let waiting = place.and_then(|place| self.unnamed.get_mut(&(place as u32)));
        let Some(waiting) = waiting.filter(|waiting| !waiting.is_empty()) else {
            return Ok(None);
        };
        let own = waiting.remove(0);
        let kind = "pod that the server named; its creation is found by what its name begins with";
        journal.dirt(kind, Action::Repair, own.line)?;
        self.add_unnamed(&own, act.pod);
        Ok(Some(self.all.len() - 1))
    }

    fn key(&self, place: u32) -> &'r super::Key {
        let found = self.records.pods.get_index(place as usize);
        found.expect("keys are never removed").0
    }

    /// A new pod of a creation without a name, which is found to be this.
    fn add_unnamed(&mut self, own: &Unnamed, pod: u32) {
        let act = Act {
            file: own.file,
            line: own.line,
            at: own.at,
            pod,
            deed: Deed::Create(None),
        };
        self.add(&act, own.at).spec = own.spec;
    }

    /// A new pod.
    fn add(&mut self, act: &Act, submit: Instant) -> &mut Pod {
        let place = self.all.len();
        self.known.insert(act.pod, place);
        self.all.push(Pod {
            file: act.file,
            line: act.line,
            key: act.pod,
            submit,
            start: None,
            end: None,
            outcome: None,
            is_over: false,
            spec: None,
        });
        &mut self.all[place]
    }

    /// The demands.
    pub(super) fn finish(
        mut self,
        journal: &mut Journal,
        options: &ReadOptions,
    ) -> Result<Gather, TraceError> {
        for (key, creations) in std::mem::take(&mut self.unnamed) {
            for own in creations {
                journal.file = self.records.file(own.file);
                let kind = "pod that the server named and no later record names; has what its name begins with";
                journal.dirt(kind, Action::Keep, own.line)?;
                self.add_unnamed(&own, key);
            }
        }
        let mut gather = Gather::default();
        for pod in std::mem::take(&mut self.all) {
            journal.file = self.records.file(pod.file);
            let demand = self.demand(journal, &pod, options)?;
            gather.push(journal.origin(pod.line), demand);
        }
        Ok(gather)
    }

    fn demand(
        &self,
        journal: &mut Journal,
        pod: &Pod,
        options: &ReadOptions,
    ) -> Result<Demand, TraceError> {
        let (namespace, name, _) = self.key(pod.key);
        let mut spec = if let Some(spec) = pod.spec {
            PodSpec::clone(&self.records.specs[spec as usize])
        } else {
            let kind = "pod whose spec is not recorded; requests nothing";
            journal.dirt(kind, Action::Keep, pod.line)?;
            PodSpec {
                namespace: (&**namespace).into(),
                ..PodSpec::with_requests(ResourceList::default())
            }
        };
        if pod.end.is_none() {
            let kind = "pod whose end is not recorded; run time not known";
            journal.dirt(kind, Action::Keep, pod.line)?;
        }
        // Where ends are said to be good or bad, what is deleted before had not come to its own.
        let is_cut = pod.end.is_some() && self.records.have_phases;
        let outcome = pod.outcome.or(is_cut.then_some(Outcome::Cancelled));
        if options.keeps_outcomes() {
            Outcome::state(outcome, &mut spec.labels);
        }
        let from = pod.start.unwrap_or(pod.submit);
        Ok(Demand {
            submit: pod.submit,
            name: PodName::Text(name.clone()),
            tenant: (&**namespace).into(),
            spec,
            run_time: pod.end.map(|end| end.max(from).since(from)),
            historic_start: pod.start,
            ..Demand::default()
        })
    }
}
