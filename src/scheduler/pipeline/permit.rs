//! Pods that have a place and wait for leave to be bound. Their place is a hold in the store, so
//! that no other pod counts on it.

use std::sync::Arc;

use cluster::Store;
use model::event::Hold;
use model::{Event, Pod, PodRef};
use units::{ComponentId, Instant, Revision, SortedMap};

use super::ClassContext;
use super::cycle::{Cycle, Placement};
use super::plugin::Permit;
use control::Outbox;

/// A place that a pod holds while it waits.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The place.
    pub placement: Placement,
    /// Instant at which the claim lapses.
    pub until: Instant,
}

/// Waiting pods, in order of pod.
#[derive(Clone, Debug, Default)]
pub struct WaitingPods {
    pods: SortedMap<PodRef, Claim>,
    asked: Revision,
}

impl WaitingPods {
    /// Whether no pod waits.
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// Number of waiting pods.
    pub fn len(&self) -> usize {
        self.pods.len()
    }

    /// Claims a pod's place for a time.
    pub fn add(
        &mut self,
        owner: ComponentId,
        pod: &Pod,
        claim: Claim,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Claim { placement, until } = claim;
        let class = store.class(pod.class);
        let hold = Hold {
            owner,
            number: u64::from(pod.pod.id.0),
            node: placement.node,
            resources: class.requests.clone(),
            devices: placement.devices,
            milli_per_device: class.gpu.milli_per_device,
            until: Some(until),
        };
        out.write(store, Event::HoldPlaced(Arc::new(hold)));
        out.wake_at(until);
        self.pods.insert(pod.pod, claim);
    }

    /// The pod of a hold that the store refused: it has no place to wait with.
    pub fn take_back(&mut self, number: u64) -> Option<PodRef> {
        let (&pod, _) = self
            .pods
            .iter()
            .find(|(pod, _)| u64::from(pod.id.0) == number)?;
        self.pods.remove(&pod);
        Some(pod)
    }

    /// Asks again for every waiting pod if anything changed; writes bindings and lapses. Returns
    /// the pods that lost their place.
    pub fn review(
        &mut self,
        owner: ComponentId,
        cycle: &mut Cycle,
        now: Instant,
        store: &Store,
        out: &mut Outbox,
    ) -> Vec<PodRef> {
        let mut lost = Vec::new();
        let changed = self.asked != store.revision();
        self.asked = store.revision();
        let waiting: Vec<_> = self
            .pods
            .iter()
            .map(|(&pod, &claim)| (pod, claim))
            .collect();
        for (pod, Claim { placement, until }) in waiting {
            let number = u64::from(pod.id.0);
            let Some(record) = store.pods().get(pod) else {
                self.pods.remove(&pod);
                out.write(store, Event::HoldReleased { owner, number });
                continue;
            };
            let ctx = ClassContext::new(now, store, record.class);
            let answer = if changed {
                cycle.permit(&ctx, record, placement.node)
            } else {
                Permit::Wait(until - now)
            };
            match answer {
                Permit::Allow => {
                    out.write(store, Event::HoldReleased { owner, number });
                    let binding = cycle.bind(record, placement);
                    out.write(store, binding);
                    self.pods.remove(&pod);
                }
                Permit::Wait(_) if now < until => out.wake_at(until),
                Permit::Wait(_) | Permit::Reject(_) => {
                    out.write(store, Event::HoldReleased { owner, number });
                    cycle.unreserve(&ctx, record, placement.node);
                    out.write(store, Event::PodUnschedulable { pod });
                    self.pods.remove(&pod);
                    lost.push(pod);
                }
            }
        }
        lost
    }
}
