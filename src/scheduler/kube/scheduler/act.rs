//! Actions of the scheduler: cycles, places taken and given back, bindings, evictions.

use std::sync::Arc;

use super::pod_record::{Stage, pod_of, uid_of};
use super::read::whole_secs;
use super::{CycleFailure, KubeScheduler};
use crate::kube::cycle::{Failure, Nomination, Outcome};
use crate::kube::labels::Work;
use crate::kube::queue::PluginMask;
use crate::kube::{
    AttemptContext, AttemptView, Cache, Candidate, ClusterEvent, KubeProfile, PodInfo, QueueContext,
};
use cluster::Store;
use control::Outbox;
use model::event::Hold;
use model::{DeviceSet, EndReason, Event, EvictionCause, PodChange, PodPhase, PodRef, Text};
use units::{Duration, Instant};

impl KubeScheduler {
    /// Takes the next pod through a cycle.
    pub(super) fn attempt(&mut self, now: Instant, view: &Store, out: &mut Outbox) {
        let queue = &mut self.queue;
        let Some((uid, queued)) = self.labels.within(Work::Queue, || queue.pop()) else {
            return;
        };
        let (pod, info, profile) = (pod_of(uid), queued.info.clone(), queued.profile);
        let number = queued.attempts;
        let Some(seen) = self.pods.get_mut(pod) else {
            self.queue.done(uid);
            return;
        };
        if let Some(tried_at) = seen.try_at(self.changes) {
            self.tried_at.remove(&(tried_at, uid));
        }
        out.decided_pods += 1;
        out.decided_jobs += 1;
        self.attempt_begins(now, pod, number, view);
        let profile = &self.options.profiles[profile];
        let start = self.round.start;
        let outcome = self.round.decide(profile, &self.cache, &info);
        if let Some(witness) = &self.options.witness {
            witness.attempted(AttemptView {
                at: now,
                cache: &self.cache,
                profile,
                pod: &info,
                start,
                outcome: &outcome,
            });
        }
        match outcome {
            Outcome::Placed(slot) => self.place(now, pod, slot, view, out),
            Outcome::Failed(failure) => self.fail(now, pod, failure, view, out),
        }
        self.attempt_claims(out);
    }

    /// A pod gets a place: it counts there from now on.
    fn place(&mut self, now: Instant, pod: PodRef, slot: usize, view: &Store, out: &mut Outbox) {
        self.reserve(pod, slot);
        self.reserve_devices(pod, slot);
        let Some(seen) = self.pods.get_mut(pod) else {
            return;
        };
        if seen.info.nominated_node().is_some() {
            self.cache.withdraw(&seen.info);
        }
        let profile = { seen.profile() }.and_then(|index| self.options.profiles.get(index));
        let devices = devices(profile, &self.cache, &seen.info, slot);
        let node = self.by_slot[slot];
        // Bound at once it is what it will be when the log says so.
        let is_immediate =
            self.options.binding_time == Duration::ZERO && self.options.client.is_none();
        let is_bound_now = is_immediate && { seen.profile() }
            .is_some_and(|profile| self.options.profiles[profile].permit.is_empty());
        let mut assumed = PodInfo {
            is_assigned: true,
            ..(*seen.info).clone()
        };
        assumed.set_started_secs(is_bound_now.then(|| whole_secs(now)));
        assumed.set_nominated_node(None);
        assumed.set_devices(devices.unwrap_or_default());
        let assumed = Arc::new(assumed);
        seen.stage = Stage::Assumed;
        seen.set_node(Some(node));
        seen.info = assumed.clone();
        self.cache.add_pod_in(assumed, slot);
        self.changes += 1;
        self.messages.remove(&uid_of(pod));
        self.ask_permit(now, pod, view, out);
    }

    /// Takes the storage that a pod gets on its node.
    fn reserve(&mut self, pod: PodRef, slot: usize) {
        let Some(seen) = self.pods.get(pod) else {
            return;
        };
        if seen.info.spec().volumes.is_empty() {
            return;
        }
        let (Some(profile), Some(place)) = (seen.profile(), self.cache.node_in(slot)) else {
            return;
        };
        let ctx = AttemptContext {
            cache: &self.cache,
            pod: &seen.info,
        };
        let profile = &self.options.profiles[profile];
        let plugins = profile.pre_filter.iter();
        let choices = plugins.flat_map(|&index| profile.plugins[index].reserve(ctx, place));
        let choices: Vec<_> = choices.collect();
        if !choices.is_empty() {
            let name = place.name().clone();
            let objects = &mut self.cache.objects;
            self.reservations.take(objects, uid_of(pod), &name, choices);
        }
    }

    /// Binds a pod that has a place and leave to be bound: at once, or after the binding time.
    pub(super) fn bind(&mut self, now: Instant, pod: PodRef, view: &Store, out: &mut Outbox) {
        self.queue.forget_events(uid_of(pod));
        let mut at = now.saturating_add(self.options.binding_time);
        if let Some(client) = &mut self.client {
            at = client.reserve(at);
        }
        if at > now {
            self.bindings.insert((at, pod));
            self.hold(pod, view, out);
        } else {
            self.write_binding(pod, view, out);
        }
    }

    /// Binds a pod whose claims are its own, or makes them so first.
    pub(super) fn write_binding(&mut self, pod: PodRef, view: &Store, out: &mut Outbox) {
        if !self.writes_claims(pod, view, out) {
            return;
        }
        let Some(seen) = self.pods.get_mut(pod) else {
            return;
        };
        if std::mem::take(&mut seen.is_held) {
            let (owner, number) = (self.options.owner, uid_of(pod));
            out.write(view, Event::HoldReleased { owner, number });
        }
        let node = seen
            .node()
            .filter(|&node| view.nodes().object(node).is_some());
        let Some(node) = node else {
            self.refused.push(pod);
            return;
        };
        let devices = seen.info.devices();
        let profile = seen.profile().map(|own| &self.options.profiles[own]);
        if let Some((_, extenders)) = profile.and_then(KubeProfile::extenders) {
            let info = seen.info.clone();
            if extenders.bind(&info, view.nodes().name(node)).is_err() {
                self.refused.push(pod);
                return;
            }
        }
        out.write(view, Event::PodBound { pod, node, devices });
    }

    /// Lets a hold of the store stand for a pod's place.
    pub(super) fn hold(&mut self, pod: PodRef, view: &Store, out: &mut Outbox) {
        let Some(seen) = self.pods.get_mut(pod).filter(|seen| !seen.is_held) else {
            return;
        };
        let node = seen
            .node()
            .filter(|&node| view.nodes().object(node).is_some());
        let (Some(node), Some(record)) = (node, view.pods().get(pod)) else {
            return;
        };
        let class = view.class(record.class);
        seen.is_held = true;
        let hold = Hold {
            owner: self.options.owner,
            number: uid_of(pod),
            node,
            resources: class.requests.clone(),
            devices: seen.info.devices(),
            milli_per_device: class.gpu.milli_per_device,
            until: None,
        };
        out.write(view, Event::HoldPlaced(Arc::new(hold)));
    }

    /// A cycle found no place.
    fn fail(
        &mut self,
        now: Instant,
        pod: PodRef,
        failure: Failure,
        view: &Store,
        out: &mut Outbox,
    ) {
        self.messages.insert(uid_of(pod), failure.message);
        out.write(view, Event::PodUnschedulable { pod });
        match failure.nomination {
            Nomination::Keep => {}
            Nomination::Clear => self.nominate(now, pod, None),
            Nomination::Make(candidate) => {
                self.preempt(now, pod, &candidate, view, out);
            }
        }
        if let Some(claim) = &failure.deallocated {
            self.deallocate(claim, view, out);
        }
        let rejected_by = failure.rejected_by;
        self.failed = Some(CycleFailure { pod, rejected_by });
        self.give_up_group_of(now, pod, view, out);
    }

    /// Sets or clears the node that a pod awaits a place on.
    fn nominate(&mut self, now: Instant, pod: PodRef, node: Option<&Text>) {
        let Some(seen) = self.pods.get_mut(pod) else {
            return;
        };
        let before = seen.info.clone();
        if before.nominated_node() == node {
            return;
        }
        let mut info = (*before).clone();
        info.set_nominated_node(node.cloned());
        let info = Arc::new(info);
        seen.info = info.clone();
        self.queue.set_info(uid_of(pod), info.clone());
        self.cache.withdraw(&before);
        self.cache.nominate(info);
        if before.nominated_node().is_some() {
            // Pods of at most its priority saw the place as taken.
            self.changes += 1;
            let most = before.priority();
            let event = ClusterEvent::PodDeleted(before);
            self.with_queue(now, |queue, ctx| {
                queue.happened_to(ctx, event, |_, other| other.info.priority() <= most);
            });
        }
    }

    fn preempt(
        &mut self,
        now: Instant,
        pod: PodRef,
        candidate: &Candidate,
        view: &Store,
        out: &mut Outbox,
    ) {
        let Some(priority) = self.pods.get(pod).map(|seen| seen.info.priority()) else {
            return;
        };
        for victim in &candidate.victims {
            self.evict(now, victim, view, out);
        }
        let lower: Vec<PodRef> = self
            .cache
            .nominated(&candidate.node)
            .iter()
            .filter(|other| other.priority() < priority)
            .map(|other| pod_of(other.uid))
            .collect();
        for other in lower {
            self.nominate(now, other, None);
        }
        self.nominate(now, pod, Some(&candidate.node));
    }

    /// Tells a pod to end.
    fn evict(&mut self, now: Instant, victim: &PodInfo, view: &Store, out: &mut Outbox) {
        let pod = pod_of(victim.uid);
        if victim.is_terminating {
            return;
        }
        if self.waiting.contains(pod) {
            self.give_up(now, pod, view, out);
            return;
        }
        let is_owned = (view.pod_states().get(pod)).is_some_and(|state| state.owner.is_some());
        if is_owned || victim.spec().life.is_some() {
            // Its object stays until its node has stopped it within its grace.
            let order = PodChange::Terminating {
                grace: victim.spec().grace(),
                reason: EndReason::Evicted(EvictionCause::Preemption),
            };
            out.write(view, Event::PodChanged { pod, change: order });
            self.mark_preempted(pod);
            return;
        }
        if self.options.eviction_time == Duration::ZERO {
            let reason = EndReason::Evicted(EvictionCause::Preemption);
            out.write(view, Event::PodEnded { pod, reason });
            return;
        }
        if !self.mark_preempted(pod) {
            return;
        }
        self.evictions
            .insert((now.saturating_add(self.options.eviction_time), pod));
    }

    /// Marks a pod as ending for another's sake; whether it is known.
    fn mark_preempted(&mut self, pod: PodRef) -> bool {
        let Some(seen) = self.pods.get_mut(pod) else {
            return false;
        };
        let info = Arc::new(PodInfo {
            is_terminating: true,
            is_preempted: true,
            ..(*seen.info).clone()
        });
        seen.info = info.clone();
        if let Some(slot) = seen.node().and_then(|node| self.slot_of(node)) {
            self.cache.replace_pod_in(&info, slot);
        }
        true
    }

    /// A cycle that failed is over; places whose write was refused are given back.
    pub(super) fn conclude(&mut self, now: Instant) {
        if let Some(CycleFailure { pod, rejected_by }) = self.failed.take() {
            self.back_to_queue(now, pod, rejected_by);
        }
        for pod in std::mem::take(&mut self.refused) {
            if let Some(seen) = self.pods.get_mut(pod) {
                seen.is_held = false;
            }
            self.take_back(now, pod, PluginMask::default(), None);
        }
    }

    fn back_to_queue(&mut self, now: Instant, pod: PodRef, rejected_by: PluginMask) {
        let uid = uid_of(pod);
        if let Some(tried_at) = self
            .pods
            .get(pod)
            .and_then(super::pod_record::PodRecord::tried_at)
        {
            self.tried_at.insert((tried_at, uid));
        }
        let pending_on = PluginMask::default();
        self.with_queue(now, |queue, ctx| {
            queue.fail(ctx, uid, rejected_by, pending_on);
        });
    }

    /// A pod loses the place it has and is not bound to; it goes back to the queue. `since` limits
    /// those who may take its place to pods that were tried when it was taken already.
    pub(super) fn take_back(
        &mut self,
        now: Instant,
        pod: PodRef,
        rejected_by: PluginMask,
        since: Option<u64>,
    ) {
        let Some(seen) = self
            .pods
            .get_mut(pod)
            .filter(|seen| seen.stage == Stage::Assumed)
        else {
            return;
        };
        let assumed = seen.info.clone();
        let mut info = PodInfo {
            is_assigned: false,
            ..(*assumed).clone()
        };
        info.set_started_secs(None);
        info.set_devices(DeviceSet::EMPTY);
        let info = Arc::new(info);
        seen.stage = Stage::Pending;
        seen.info = info.clone();
        let node = seen.set_node(None);
        if let Some(slot) = node.and_then(|node| self.slot_of(node)) {
            self.cache.remove_pod_in(&assumed, slot);
        }
        let objects = &mut self.cache.objects;
        self.reservations.give_back(objects, uid_of(pod));
        self.give_devices_back(pod);
        self.bindings.retain(|&(_, known)| known != pod);
        let uid = uid_of(pod);
        self.queue.set_info(uid, info);
        self.back_to_queue(now, pod, rejected_by);
        self.changes += 1;
        let pods = &self.pods;
        let (group, ctx) = (
            assumed.group(),
            QueueContext {
                now,
                profiles: &self.options.profiles,
                objects: &self.cache.objects,
            },
        );
        let event = ClusterEvent::PodDeleted(assumed);
        self.queue.given_back(ctx, &event, |other, queued| {
            let Some(since) = since else {
                return other != uid;
            };
            let tried_at = pods
                .get(pod_of(other))
                .and_then(super::pod_record::PodRecord::tried_at);
            let is_sibling = group.is_some() && queued.info.group() == group;
            !is_sibling && tried_at.is_some_and(|tried_at| tried_at >= since)
        });
    }

    /// Does what is due.
    pub(super) fn due(&mut self, now: Instant, view: &Store, out: &mut Outbox) {
        for number in std::mem::take(&mut self.releases) {
            let owner = self.options.owner;
            out.write(view, Event::HoldReleased { owner, number });
        }
        self.claims_due(view, out);
        while let Some(&(at, pod)) = self.bindings.first()
            && at <= now
        {
            self.bindings.pop_first();
            self.write_binding(pod, view, out);
        }
        while let Some(&(at, pod)) = self.evictions.first()
            && at <= now
        {
            self.evictions.pop_first();
            let lives = view.pods().get(pod).map(|record| record.phase);
            if lives.is_some_and(PodPhase::holds_node) {
                let reason = EndReason::Evicted(EvictionCause::Preemption);
                out.write(view, Event::PodEnded { pod, reason });
            }
        }
        self.give_up_bereft(now, view, out);
        self.time_out(now, view, out);
    }
}

/// The GPU devices that a pod gets on the node in a slot.
fn devices(
    profile: Option<&KubeProfile>,
    cache: &Cache,
    pod: &PodInfo,
    slot: usize,
) -> Option<DeviceSet> {
    let request = &pod.spec().gpu;
    let node = cache.node_in(slot).filter(|_| request.devices > 0)?;
    let ctx = AttemptContext { cache, pod };
    let chosen = profile.and_then(|profile| {
        let mut plugins = profile.devices.iter();
        plugins.find_map(|&index| profile.plugins[index].devices(ctx, node))
    });
    chosen.or_else(|| node.devices_for(request))
}
