//! Exit codes that change from start to start: which start of its owner's pods, or of its completion
//! index, a process is (annotation `windtunnel.dev/exit-code`).

use cluster::Store;
use model::{PodOwner, PodRef, PodSpec};
use units::{ObjectId, PodId, SortedMap, SortedSet};

/// The pods whose starts are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum StartKey {
    /// A pod without a controller.
    Pod(PodId),
    /// The pods of an object.
    Owner(ObjectId),
    /// Those of one completion index.
    Index(ObjectId, i32),
}

/// The starts of processes so far, where exit codes depend on them.
#[derive(Clone, Debug, Default)]
pub(super) struct Exits {
    starts: SortedMap<StartKey, usize>,
    /// Of living pods: the number of their last start.
    last: SortedMap<PodId, usize>,
    /// Pods that come from other nodes in the middle of a run, which starts none.
    arriving: SortedSet<PodId>,
}

impl Exits {
    /// Number of a pod's last start, where exit codes depend on it.
    pub(super) fn last_start(&self, pod: PodRef) -> Option<usize> {
        self.last.get(&pod.id).copied()
    }

    /// A pod comes from another node, where its last start had this number.
    pub(super) fn arrive(&mut self, pod: PodRef, start: Option<usize>) {
        if let Some(start) = start {
            self.last.insert(pod.id, start);
            self.starts.insert(StartKey::Pod(pod.id), start + 1);
            self.arriving.insert(pod.id);
        }
    }

    /// A process of a pod has started.
    pub(super) fn started(&mut self, store: &Store, pod: PodRef) {
        if self.arriving.remove(&pod.id) {
            return;
        }
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let spec = &store.class(record.class).spec;
        let Some(behaviour) = spec
            .behaviour
            .as_ref()
            .filter(|own| !own.exit_plan.is_empty())
        else {
            return;
        };
        let counted = match owner(store, pod) {
            None => StartKey::Pod(pod.id),
            Some(own) if behaviour.exit_plan.is_of_index(Some(own.index)) => {
                StartKey::Index(own.object, own.index)
            }
            Some(own) => StartKey::Owner(own.object),
        };
        let count = self.starts.entry(counted).or_default();
        self.last.insert(pod.id, *count);
        *count += 1;
    }

    /// The code that a container of a pod ends with by itself.
    pub(super) fn code(&self, store: &Store, pod: PodRef, spec: &PodSpec, container: usize) -> i32 {
        let plan = spec.exit_plan(container);
        let Some(plan) = plan else {
            return spec.exit_code(container);
        };
        let start = self.last.get(&pod.id).copied().unwrap_or(0);
        plan.code(owner(store, pod).map(|own| own.index), start)
    }

    /// A pod ended.
    pub(super) fn ended(&mut self, pod: PodRef) {
        if !self.last.is_empty() {
            self.last.remove(&pod.id);
            self.arriving.remove(&pod.id);
        }
    }
}

fn owner(store: &Store, pod: PodRef) -> Option<PodOwner> {
    store.pod_states().get(pod)?.owner
}
