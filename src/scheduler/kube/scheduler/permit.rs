//! Pods that have a place and wait for the others of their group: all are bound, or all give their
//! places back.
//!
//! Places that were only held wake pods of others that were tried while they were held, and nobody
//! else: for all others the cluster is as it was. A group that gave its places back is not tried
//! before something happens. So groups that don't fit can't wake themselves or each other for ever.

use super::KubeScheduler;
use super::pod_record::{pod_of, uid_of};
use crate::kube::queue::PluginMask;
use crate::kube::{AttemptContext, GroupRef, KubePermit};
use cluster::Store;
use control::Outbox;
use model::{Event, PodRef};
use units::{Instant, SortedMap, SortedSet};

/// A pod that waits.
#[derive(Clone, Copy, Debug)]
struct Wait {
    deadline: Instant,
    /// Plugin that asked the pod to wait.
    plugin: usize,
    group: Option<GroupRef>,
    /// Number of changes of the cluster at the time when the pod got its place.
    since: u64,
}

/// Pods that wait, by creation.
#[derive(Clone, Debug, Default)]
pub(super) struct WaitingPods {
    pods: SortedMap<PodRef, Wait>,
    deadlines: SortedSet<(Instant, PodRef)>,
    /// Groups of pods that waited and are gone: the others give their places back.
    bereft: Vec<GroupRef>,
}

impl WaitingPods {
    pub(super) fn contains(&self, pod: PodRef) -> bool {
        self.pods.contains_key(&pod)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(at, _)| at)
    }

    fn add(&mut self, pod: PodRef, wait: Wait) {
        self.deadlines.insert((wait.deadline, pod));
        self.pods.insert(pod, wait);
    }

    fn take(&mut self, pod: PodRef) -> Option<Wait> {
        let wait = self.pods.remove(&pod)?;
        self.deadlines.remove(&(wait.deadline, pod));
        Some(wait)
    }

    pub(super) fn remove(&mut self, pod: PodRef) {
        self.take(pod);
    }

    /// A pod is gone.
    pub(super) fn lose(&mut self, pod: PodRef) {
        let group = self.take(pod).and_then(|wait| wait.group);
        self.bereft.extend(group);
    }

    fn of_group(&self, group: Option<GroupRef>) -> Vec<PodRef> {
        let pods = self.pods.iter();
        let members = pods.filter(|(_, wait)| group.is_some() && wait.group == group);
        members.map(|(&pod, _)| pod).collect()
    }
}

impl KubeScheduler {
    /// Asks whether a pod that has a place may be bound.
    pub(super) fn ask_permit(&mut self, now: Instant, pod: PodRef, view: &Store, out: &mut Outbox) {
        let Some((profile, info)) = self
            .pods
            .get(pod)
            .and_then(|seen| Some((seen.profile()?, seen.info.clone())))
        else {
            return;
        };
        let profile = &self.options.profiles[profile];
        let mut wait: Option<Wait> = None;
        let mut lets_group_go = false;
        for &plugin in &profile.permit {
            let ctx = AttemptContext {
                cache: &self.cache,
                pod: &info,
            };
            match profile.plugins[plugin].permit(ctx) {
                KubePermit::Allow => {}
                KubePermit::AllowGroup => lets_group_go = true,
                KubePermit::Wait(limit) => {
                    let deadline = now.saturating_add(limit);
                    wait = wait.filter(|wait| wait.deadline <= deadline).or(Some(Wait {
                        deadline,
                        plugin,
                        group: info.group(),
                        since: self.changes,
                    }));
                }
                KubePermit::Reject(rejection) => {
                    self.messages
                        .insert(uid_of(pod), rejection.reasons.join(", ").into());
                    out.write(view, Event::PodUnschedulable { pod });
                    let mask = PluginMask::from_iter([plugin]);
                    self.take_back(now, pod, mask, Some(self.changes));
                    return;
                }
            }
        }
        if let Some(wait) = wait {
            self.waiting.add(pod, wait);
            self.hold(pod, view, out);
            self.activate_siblings(now, pod, info.group());
            return;
        }
        if lets_group_go {
            for member in self.waiting.of_group(info.group()) {
                self.waiting.take(member);
                self.bind(now, member, view, out);
            }
        }
        self.bind(now, pod, view, out);
    }

    /// The other members of the group are to be tried at once.
    fn activate_siblings(&mut self, now: Instant, pod: PodRef, group: Option<GroupRef>) {
        let members = group.and_then(|group| self.cache.groups.get(group));
        let Some(members) = members.map(|group| group.members.clone()) else {
            return;
        };
        for member in members {
            if member != uid_of(pod) && !self.waiting.contains(pod_of(member)) {
                self.with_queue(now, |queue, ctx| {
                    let is_in_flight = queue.in_flight().any(|uid| uid == member);
                    if !is_in_flight {
                        queue.activate(ctx, member);
                    }
                });
            }
        }
    }

    /// A member found no place: the others need not wait for it, if a plugin says so.
    pub(super) fn give_up_group_of(
        &mut self,
        now: Instant,
        pod: PodRef,
        view: &Store,
        out: &mut Outbox,
    ) {
        let Some(seen) = self.pods.get(pod) else {
            return;
        };
        let (Some(group), Some(profile)) = (seen.info.group(), seen.profile()) else {
            return;
        };
        let profile = &self.options.profiles[profile];
        let ctx = AttemptContext {
            cache: &self.cache,
            pod: &seen.info,
        };
        let mut permit = profile.permit.iter();
        if permit.any(|&plugin| profile.plugins[plugin].gives_up_group(ctx)) {
            self.cache.groups.give_up(group);
            for member in self.waiting.of_group(Some(group)) {
                self.give_up_one(now, member, view, out);
            }
        }
    }

    /// A waiting pod gives its place back, and the others of its group do.
    pub(super) fn give_up(&mut self, now: Instant, pod: PodRef, view: &Store, out: &mut Outbox) {
        let group = self.waiting.pods.get(&pod).and_then(|wait| wait.group);
        self.give_up_one(now, pod, view, out);
        for member in self.waiting.of_group(group) {
            self.give_up_one(now, member, view, out);
        }
    }

    /// Releases the nodes of pods that wait for a deleted pod: the plugin rejects the whole group
    /// when one member loses its node (spec: orchestrators-b.md 7.6).
    pub(super) fn give_up_bereft(&mut self, now: Instant, view: &Store, out: &mut Outbox) {
        for group in std::mem::take(&mut self.waiting.bereft) {
            for member in self.waiting.of_group(Some(group)) {
                self.give_up_one(now, member, view, out);
            }
        }
    }

    fn give_up_one(&mut self, now: Instant, pod: PodRef, view: &Store, out: &mut Outbox) {
        let Some(wait) = self.waiting.take(pod) else {
            return;
        };
        self.release(pod, view, out);
        out.write(view, Event::PodUnschedulable { pod });
        let text = "too few pods of the pod's group were placed";
        self.messages.insert(uid_of(pod), text.into());
        let mask = PluginMask::from_iter([wait.plugin]);
        self.take_back(now, pod, mask, Some(wait.since));
    }

    fn release(&mut self, pod: PodRef, view: &Store, out: &mut Outbox) {
        let Some(seen) = self.pods.get_mut(pod) else {
            return;
        };
        if std::mem::take(&mut seen.is_held) {
            let (owner, number) = (self.options.owner, uid_of(pod));
            out.write(view, Event::HoldReleased { owner, number });
        }
    }

    /// Pods whose time to wait is over give up.
    pub(super) fn time_out(&mut self, now: Instant, view: &Store, out: &mut Outbox) {
        while let Some(&(deadline, pod)) = self.waiting.deadlines.first()
            && deadline <= now
        {
            // Who found no place because of these may find one now.
            self.cache.groups.new_epoch();
            if let Some(group) = self.waiting.pods.get(&pod).and_then(|wait| wait.group) {
                self.cache.groups.give_up(group);
            }
            self.give_up(now, pod, view, out);
        }
    }
}
