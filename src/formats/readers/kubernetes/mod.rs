//! Records of a Kubernetes cluster: its audit log, and its events. Records are sorted by pod on disk where there are many, so
//! that the life of one pod at a time is in memory; names of pods are there, too, and are found by their hashes.

mod acts;
pub mod audit;
pub mod events;
mod lives;
mod resized;
mod unnamed;

use crate::readers::prelude::*;
use acts::{Act, Place};
use arrivals::intern::ClassTable;
use arrivals::spill::{FixedSort, TextLog};
use lives::Lives;

/// The change of a pod's life that a record states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// It is created, with this spec if that is recorded.
    Create(Option<u32>),
    /// One of a name that the server will choose is created.
    CreateUnnamed(Option<u32>),
    /// It is there, with this spec, and may have come before the records began.
    Known(Known),
    /// It is bound to a node.
    Bind,
    /// It has a node, on which its containers are yet to start.
    Assigned,
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
    /// Its containers request other amounts, those that a spec has by their names.
    Resize(u32),
}

/// A pod that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    spec: u32,
    created: Option<Instant>,
    started: Option<Instant>,
}

/// A pod that a record is about.
#[derive(Clone, Copy)]
struct Pod {
    hash: [u64; 2],
    /// The place of its names, by which it is told from others; those that are met later have later ones.
    place: u64,
    /// Whether its spec is known.
    is_known: bool,
}

/// Records about pods, in any order, up to now.
#[derive(Default)]
struct Records {
    acts: FixedSort<{ acts::WORDS }>,
    count: u64,
    /// The instant of the earliest record.
    first: Option<Instant>,
    /// The places of pods, and whether their specs are known, by the hashes of their names.
    pods: Places,
    names: Names,
    specs: ClassTable,
    files: Vec<Arc<str>>,
    /// Whether they say how any pod ended.
    have_phases: bool,
    /// Whether a pod was created whose name the server chose.
    have_unnamed: bool,
    most_held: Option<usize>,
}

/// The namespace of a pod, its name, and its number in all time, which is empty where none is stated. The name of one
/// that the server names is what that begins with.
type Names = TextLog<3>;

/// A sort that holds a number of records, or as many as is usual.
fn sort<const WORDS: usize>(most_held: Option<usize>) -> FixedSort<WORDS> {
    most_held.map_or_else(FixedSort::default, FixedSort::holding)
}

impl Records {
    /// No records yet, of which no more than a number are in memory.
    #[cfg(test)]
    fn holding(most_held: usize) -> Self {
        Self {
            acts: FixedSort::holding(most_held),
            pods: Places::holding(most_held),
            most_held: Some(most_held),
            ..Self::default()
        }
    }

    /// Adds what a record says of a pod.
    fn add(&mut self, journal: &Journal, line: u64, pod: Pod, at: Instant, deed: Deed) {
        if self.files.last() != Some(&journal.file) {
            self.files.push(journal.file.clone());
        }
        self.have_phases |= matches!(deed, Deed::Over(_));
        self.have_unnamed |= matches!(deed, Deed::CreateUnnamed(_));
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        let act = Act {
            pod: pod.place,
            at,
            number: self.count,
            place: Place::of(self.files.len() - 1, line),
            deed,
        };
        self.count += 1;
        self.acts.push(act.words());
    }

    /// The pod of a namespace, a name and a number in all time.
    fn pod(&mut self, namespace: &str, name: &str, uid: &str) -> Result<Pod, TraceError> {
        let hash = Places::key([namespace, name, uid]);
        let known = if let Some(known) = self.pods.get(hash)? {
            known
        } else {
            let known = self.names.push([namespace, name, uid]) << 1;
            self.pods.put(hash, known)?;
            known
        };
        Ok(Pod {
            hash,
            place: known >> 1,
            is_known: known & 1 == 1,
        })
    }

    /// Notes whether the spec of a pod is known.
    fn know(&mut self, pod: Pod, is_known: bool) -> Result<(), TraceError> {
        if pod.is_known == is_known {
            return Ok(());
        }
        self.pods
            .put(pod.hash, pod.place << 1 | u64::from(is_known))
    }

    /// The place of the pod of these names, if a record was about it.
    fn place_of(&self, names: [&str; 3]) -> Result<Option<u64>, TraceError> {
        let known = self.pods.get(Places::key(names))?;
        Ok(known.map(|known| known >> 1))
    }

    /// The place of a spec.
    fn spec(&mut self, spec: PodSpec) -> u32 {
        self.specs.class_of(spec)
    }

    /// The pods as demands with the first as the zero of time. What is not known is noted.
    fn lives(
        mut self,
        mut journal: Journal,
        options: &ReadOptions,
    ) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let acts = std::mem::replace(&mut self.acts, FixedSort::holding(0));
        let mut gather = Lives::of(&self, acts)?.demands(&mut journal, options)?;
        gather.header.fields = outcome_alone(options);
        gather.finish_from_first(journal)
    }
}
