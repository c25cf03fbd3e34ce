//! Records of a Kubernetes cluster: its audit log, and its events.

pub mod audit;
pub mod events;

use crate::gather::{Demand, Gather};
use crate::ledger::{Action, Journal};
use crate::stream::ArrivalSource;
use indexmap::IndexMap;
use model::{PodName, PodSpec, ResourceList};
use rustc_hash::FxBuildHasher;
use units::Instant;

use crate::error::TraceError;

/// A pod as records tell of it.
#[derive(Default)]
struct Pod {
    line: u64,
    submit: Instant,
    start: Option<Instant>,
    end: Option<Instant>,
    spec: Option<PodSpec>,
}

/// The pods by namespace and name, in the order of the file; a name may come again after its end.
#[derive(Default)]
struct Pods {
    pods: Vec<(String, String, Pod)>,
    known: IndexMap<(String, String), usize, FxBuildHasher>,
}

impl Pods {
    /// The present pod of a name.
    fn get(&mut self, namespace: &str, name: &str) -> Option<&mut Pod> {
        let key = (namespace.to_owned(), name.to_owned());
        let place = *self.known.get(&key)?;
        Some(&mut self.pods[place].2)
    }

    /// A new pod of a name.
    fn add(&mut self, namespace: &str, name: &str, pod: Pod) {
        let key = (namespace.to_owned(), name.to_owned());
        self.known.insert(key, self.pods.len());
        self.pods.push((namespace.to_owned(), name.to_owned(), pod));
    }

    /// The pods as demands, with the first as the zero of time. What is not known is noted.
    fn finish(self, mut journal: Journal) -> Result<Box<dyn ArrivalSource>, TraceError> {
        let mut gather = Gather::default();
        for (namespace, name, pod) in self.pods {
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
            gather.push(Demand {
                submit: pod.submit,
                name: PodName::Text(name.into()),
                tenant: namespace.into(),
                spec,
                run_time: pod
                    .end
                    .filter(|end| *end >= from)
                    .map(|end| end.since(from)),
                historic_start: pod.start,
                ..Demand::default()
            });
        }
        Ok(gather.finish_from_first(journal))
    }
}
