//! Resizes in place: what the updater asked of nodes and they have not made. A node makes one as soon as it
//! has room, and never one that is larger than what it can give its pods (the kubelet's
//! `pkg/kubelet/allocation`, `canResizePod`).

use std::sync::Arc;

use cluster::{Conflict, Store};
use control::Outbox;
use control::admission::Creation;
use model::resource_list::{CPU, MEMORY};
use model::{PodRef, PodSpec};
use units::{Instant, SortedMap};

use crate::vertical::PendingResize;

/// The resizes of pods that are pending.
#[derive(Clone, Debug, Default)]
pub(super) struct Resizes {
    /// Those that were asked for in the last pass.
    asked: SortedMap<PodRef, Arc<PodSpec>>,
    pending: SortedMap<PodRef, ResizeRecord>,
}

/// A resize that its node has not made.
#[derive(Clone, Debug)]
struct ResizeRecord {
    spec: Arc<PodSpec>,
    /// The instant of the first pass that saw it.
    seen: Option<Instant>,
}

impl Resizes {
    /// Asks for a resize.
    pub(super) fn ask(&mut self, pod: PodRef, spec: Arc<PodSpec>, out: &mut Outbox) {
        self.asked.insert(pod, spec.clone());
        out.creations.push(Creation::Resized { pod, spec });
    }

    /// A resize was declined: for want of room it waits.
    pub(super) fn declined(&mut self, pod: PodRef, spec: &Arc<PodSpec>, conflict: &Conflict) {
        let is_ours = self.asked.get(&pod).is_some_and(|own| own == spec);
        if is_ours && matches!(conflict, Conflict::NoRoom) {
            let seen = self.pending.get(&pod).and_then(|own| own.seen);
            let spec = spec.clone();
            self.pending.insert(pod, ResizeRecord { spec, seen });
        }
    }

    /// A pod is gone.
    pub(super) fn forget(&mut self, pod: PodRef) {
        self.asked.remove(&pod);
        self.pending.remove(&pod);
    }

    /// Makes what there is room for now.
    pub(super) fn try_again(&mut self, store: &Store, out: &mut Outbox) {
        if self.pending.is_empty() {
            return;
        }
        let fits = |(&pod, own): (&PodRef, &ResizeRecord)| {
            let class = store.class_of(&own.spec)?;
            store.can_resize(pod, class).then_some(pod)
        };
        // The change of one has the others tried.
        if let Some(pod) = self.pending.iter().find_map(fits)
            && let Some(own) = self.pending.remove(&pod)
        {
            self.ask(pod, own.spec, out);
        }
    }

    /// What a pass sees of a pod's resize; `None` if none is pending.
    pub(super) fn seen(
        &mut self,
        now: Instant,
        pod: PodRef,
        store: &Store,
    ) -> Option<PendingResize> {
        let own = self.pending.get_mut(&pod)?;
        let since = *own.seen.get_or_insert(now);
        Some(if is_feasible(store, pod, &own.spec) {
            PendingResize::Deferred(since)
        } else {
            PendingResize::Infeasible
        })
    }
}

/// Whether the node of a pod could ever give it what a spec asks for.
pub(super) fn is_feasible(store: &Store, pod: PodRef, spec: &PodSpec) -> bool {
    let node = store.pods().get(pod).and_then(model::Pod::node);
    let (Some(node), Ok(requests)) = (node, spec.requests()) else {
        return false;
    };
    let offered = store.nodes().allocatable().row(node);
    let asked = |name: &str| {
        let amount = requests.get(name);
        let whole = match name {
            CPU => amount.milli_ceil(),
            _ => amount.units_ceil(),
        };
        whole.unwrap_or(i64::MAX)
    };
    asked(CPU) <= offered.cpu_milli && asked(MEMORY) <= offered.memory_bytes
}
