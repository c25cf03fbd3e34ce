//! Places of pods in the queue, and moves between them.

use super::queued_pod::RejectionGroup;
use super::{BackoffRule, Place, PodUid, Queue, QueueContext, Strategy};

impl Queue {
    /// Puts a pod where a strategy says; returns where it went.
    pub(super) fn requeue(
        &mut self,
        ctx: QueueContext<'_>,
        uid: PodUid,
        strategy: Strategy,
    ) -> Place {
        let Some(pod) = self.pods.get_mut(&uid) else {
            return Place::Unschedulable;
        };
        let expiry = self.backoff.expiry(pod, self.timing);
        let timing = self.timing;
        let is_waiting = expiry.is_some_and(|expiry| timing.is_backing_off(expiry, ctx.now));
        match strategy {
            Strategy::Skip => {
                self.take_out(uid);
                self.put(uid, Place::Unschedulable);
            }
            Strategy::AfterBackoff if is_waiting => self.put_into_backoff(ctx, uid),
            Strategy::AfterBackoff | Strategy::Immediately => self.put_into_active(ctx, uid, true),
        }
        self.pods
            .get(&uid)
            .map_or(Place::Unschedulable, |pod| pod.place)
    }

    fn put_into_backoff(&mut self, ctx: QueueContext<'_>, uid: PodUid) {
        self.take_out(uid);
        // Pods that wait out their back-off to the end are asked for when they leave it.
        let is_gated = self.timing == BackoffRule::Early && self.gate(ctx, uid);
        let place = match self.pods.get(&uid) {
            _ if is_gated => Place::Unschedulable,
            Some(pod) if pod.rejectors().is_empty() => Place::ErrorBackoff,
            _ => Place::Backoff,
        };
        self.put(uid, place);
    }

    pub(super) fn put_into_active(&mut self, ctx: QueueContext<'_>, uid: PodUid, asks_gates: bool) {
        self.take_out(uid);
        let is_gated = asks_gates && self.gate(ctx, uid);
        let place = if is_gated {
            Place::Unschedulable
        } else {
            Place::Active
        };
        self.put(uid, place);
    }

    /// Asks the plugins that let pods into the queue; returns whether one holds the pod back.
    fn gate(&mut self, ctx: QueueContext<'_>, uid: PodUid) -> bool {
        self.pods.get_mut(&uid).is_some_and(|pod| pod.gate(ctx))
    }

    /// Takes a pod out of the place where it is.
    pub(super) fn take_out(&mut self, uid: PodUid) {
        let Some(pod) = self.pods.get(&uid) else {
            return;
        };
        let rank = pod.rank();
        let expiry = pod.expiry.unwrap_or_default();
        match pod.place {
            Place::Active => _ = self.active.remove(&(rank, uid)),
            Place::Backoff => _ = self.waiting_out.remove(&(expiry, rank, uid)),
            Place::ErrorBackoff => _ = self.after_errors.remove(&(expiry, rank, uid)),
            Place::Unschedulable => {
                let key = RejectionGroup::of(pod);
                if let Some(members) = self.unschedulable.get_mut(&key) {
                    members.remove(&(pod.timestamp, uid));
                    if members.is_empty() {
                        self.unschedulable.remove(&key);
                    }
                }
            }
            Place::InFlight => {}
        }
    }

    /// Puts a pod that is in no place into one.
    pub(super) fn put(&mut self, uid: PodUid, place: Place) {
        let Some(pod) = self.pods.get_mut(&uid) else {
            return;
        };
        let expiry = self.backoff.expiry(pod, self.timing).unwrap_or_default();
        pod.place = place;
        let rank = pod.rank();
        match place {
            Place::Active => _ = self.active.insert((rank, uid)),
            Place::Backoff => _ = self.waiting_out.insert((expiry, rank, uid)),
            Place::ErrorBackoff => _ = self.after_errors.insert((expiry, rank, uid)),
            Place::Unschedulable => {
                let members = self
                    .unschedulable
                    .entry(RejectionGroup::of(pod))
                    .or_default();
                members.insert((pod.timestamp, uid));
            }
            Place::InFlight => {}
        }
    }
}
