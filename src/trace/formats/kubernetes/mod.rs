//! Records of a Kubernetes cluster: its audit log, and its events.

pub mod audit;
pub mod events;

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::error::TraceError;
use crate::gather::{Demand, Gather};
use crate::ledger::{Action, Journal};
use crate::stream::ArrivalSource;
use model::{PodName, PodSpec, ResourceList};
use units::Instant;

/// A pod by its namespace, its name and its number in all time, which is empty where none is stated.
type Key = (String, String, String);

/// A record about a pod.
struct Act {
    file: Arc<str>,
    line: u64,
    key: Key,
    at: Instant,
    deed: Deed,
}

/// The change of a pod's life that a record states.
enum Deed {
    /// It is created, with this spec if that is recorded.
    Create(Option<Box<PodSpec>>),
    /// It is bound to a node.
    Bind,
    /// It is there, or was: records about a pod go on after its end.
    Seen,
    /// A container of it is about to start, so that it has not ended.
    Readied,
    /// A container of it starts.
    Start,
    /// It ends for good.
    End,
    /// It, or a container that starts again, is killed.
    Kill,
}

/// A pod as records tell of it.
struct Pod {
    file: Arc<str>,
    line: u64,
    key: Key,
    submit: Instant,
    start: Option<Instant>,
    end: Option<Instant>,
    spec: Option<PodSpec>,
}

/// The pods in the order of their first records.
#[derive(Default)]
struct Pods {
    pods: Vec<Pod>,
    known: IndexMap<Key, usize, FxBuildHasher>,
}

/// The pods of records in any order, as demands with the first as the zero of time. What is not known is
/// noted.
fn lives(mut acts: Vec<Act>, mut journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
    acts.sort_by_key(|act| act.at);
    let mut pods = Pods::default();
    for act in acts {
        journal.file = act.file.clone();
        pods.take(&mut journal, act)?;
    }
    pods.finish(journal)
}

impl Pods {
    fn take(&mut self, journal: &mut Journal, act: Act) -> Result<(), TraceError> {
        let Act { line, at, .. } = act;
        let known = self.known.get(&act.key).copied();
        match (act.deed, known.map(|place| &mut self.pods[place])) {
            (Deed::Create(spec), known) => {
                if let Some(pod) = known.filter(|pod| pod.end.is_none()) {
                    pod.end = Some(at);
                    let kind = "pod created again without an end; the first ends then";
                    journal.dirt(kind, Action::Repair, line)?;
                }
                self.add(act.file, line, act.key, at).spec = spec.map(|spec| *spec);
            }
            (Deed::Bind, Some(pod)) => {
                pod.start.get_or_insert(at);
            }
            (Deed::Bind, None) => {
                let kind = "pod whose creation is not recorded; arrives with its binding";
                journal.dirt(kind, Action::Repair, line)?;
                self.add(act.file, line, act.key, at).start = Some(at);
            }
            (Deed::Start, Some(pod)) => {
                pod.start.get_or_insert(at);
                pod.end = None;
            }
            (Deed::Start, None) => self.add(act.file, line, act.key, at).start = Some(at),
            (Deed::Readied, Some(pod)) => pod.end = None,
            (Deed::Seen, Some(_)) => {}
            (Deed::Seen | Deed::Readied, None) => {
                self.add(act.file, line, act.key, at);
            }
            (Deed::End, Some(pod)) => {
                pod.end.get_or_insert(at);
            }
            (Deed::Kill, Some(pod)) => pod.end = Some(at),
            (Deed::Kill, None) => self.add(act.file, line, act.key, at).end = Some(at),
            (Deed::End, None) => {
                let kind = "end of a pod that was created before the log";
                journal.dirt(kind, Action::Drop, line)?;
            }
        }
        Ok(())
    }

    /// A new pod.
    fn add(&mut self, file: Arc<str>, line: u64, key: Key, submit: Instant) -> &mut Pod {
        let place = self.pods.len();
        self.known.insert(key.clone(), place);
        self.pods.push(Pod {
            file,
            line,
            key,
            submit,
            start: None,
            end: None,
            spec: None,
        });
        &mut self.pods[place]
    }

    fn finish(self, mut journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut gather = Gather::default();
        for pod in self.pods {
            journal.file = pod.file;
            let (namespace, name, _) = pod.key;
            if pod.spec.is_none() {
                let kind = "pod whose spec is not recorded; requests nothing";
                journal.dirt(kind, Action::Keep, pod.line)?;
            }
            let unknown = || PodSpec {
                namespace: namespace.as_str().into(),
                ..PodSpec::with_requests(ResourceList::default())
            };
            let spec = pod.spec.unwrap_or_else(unknown);
            if pod.end.is_none() {
                let kind = "pod whose end is not recorded; run time not known";
                journal.dirt(kind, Action::Keep, pod.line)?;
            }
            let from = pod.start.unwrap_or(pod.submit);
            gather.push(
                journal.origin(pod.line),
                Demand {
                    submit: pod.submit,
                    name: PodName::Text(name.into()),
                    tenant: namespace.into(),
                    spec,
                    run_time: pod.end.map(|end| end.max(from).since(from)),
                    historic_start: pod.start,
                    ..Demand::default()
                },
            );
        }
        gather.finish_from_first(journal)
    }
}
