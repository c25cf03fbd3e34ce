//! Records of a Kubernetes cluster: its audit log, and its events.

pub mod audit;
pub mod events;
mod lives;

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use crate::error::TraceError;
use crate::job_fields::{Outcome, outcome_alone};
use crate::ledger::Journal;
use crate::options::ReadOptions;
use crate::stream::ArrivalSource;
use lives::Pods;
use model::PodSpec;
use units::Instant;

/// A pod by its namespace, its name and its number in all time, which is empty where none is stated. The name of one
/// that the server names is what that begins with.
type Key = (Arc<str>, Arc<str>, Arc<str>);

/// A record about a pod.
struct Act {
    file: u16,
    /// The pod, by the place of its key.
    pod: u32,
    line: u64,
    at: Instant,
    deed: Deed,
}

/// The change of a pod's life that a record states.
enum Deed {
    /// It is created, with this spec if that is recorded.
    Create(Option<u32>),
    /// One of a name that the server will choose is created.
    CreateUnnamed(Option<u32>),
    /// It is there, with this spec, and may have come before the records began.
    Known(Box<Known>),
    /// It is bound to a node.
    Bind,
    /// It is there, or was: records about a pod go on after its end.
    Seen,
    /// A container of it is about to start, so that it has not ended.
    Readied,
    /// A container of it starts.
    Start,
    /// It is over: succeeded or failed.
    Over(Outcome),
    /// It is deleted or evicted, with what the answer says of how it ended.
    Delete(Option<Outcome>),
    /// It, or a container that starts again, is killed.
    Kill(Outcome),
}

/// A pod that is there.
struct Known {
    spec: u32,
    created: Option<Instant>,
    started: Option<Instant>,
}

/// Records about pods, in any order, up to now.
#[derive(Default)]
struct Records {
    acts: Vec<Act>,
    /// The pods, and whether their specs are known.
    pods: IndexMap<Key, bool, FxBuildHasher>,
    specs: IndexSet<Arc<PodSpec>, FxBuildHasher>,
    files: Vec<Arc<str>>,
    texts: IndexSet<Arc<str>, FxBuildHasher>,
    /// Whether they say how any pod ended.
    have_phases: bool,
}

impl Records {
    /// Adds what a record says of a pod.
    fn add(&mut self, journal: &Journal, line: u64, pod: u32, at: Instant, deed: Deed) {
        if self.files.last() != Some(&journal.file) {
            self.files.push(journal.file.clone());
        }
        self.have_phases |= matches!(deed, Deed::Over(_));
        self.acts.push(Act {
            file: u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX),
            pod,
            line,
            at,
            deed,
        });
    }

    /// The place of a pod.
    fn pod(&mut self, namespace: &str, name: &str, uid: &str) -> u32 {
        let key = [namespace, name, uid].map(|own| match self.texts.get(own) {
            Some(known) => known.clone(),
            None => own.into(),
        });
        let [namespace, name, uid] = key;
        // Names of pods are there once; namespaces are shared.
        self.texts.insert(namespace.clone());
        let entry = self.pods.entry((namespace, name, uid));
        let place = entry.index();
        entry.or_default();
        place as u32
    }

    /// The place of a spec.
    fn spec(&mut self, spec: PodSpec) -> u32 {
        match self.specs.get_index_of(&spec) {
            Some(place) => place as u32,
            None => self.specs.insert_full(Arc::new(spec)).0 as u32,
        }
    }

    /// The pods as demands with the first as the zero of time. What is not known is noted.
    fn lives(
        mut self,
        mut journal: Journal,
        options: &ReadOptions,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        self.acts.sort_by_key(|act| act.at);
        let acts = std::mem::take(&mut self.acts);
        let mut pods = Pods::new(&self, acts.first().map_or(Instant::ZERO, |act| act.at));
        for act in acts {
            journal.file = self.file(act.file);
            pods.take(&mut journal, act)?;
        }
        let mut gather = pods.finish(&mut journal, options)?;
        gather.header.fields = outcome_alone(options);
        gather.finish_from_first(journal)
    }

    fn file(&self, place: u16) -> Arc<str> {
        self.files[usize::from(place)].clone()
    }
}
