//! A pod in the queue, and which events its rejecting plugins listen to.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{EventKinds, QueueContext, Rank};
use crate::kube::{Attempt, KubeProfile, PodInfo};
use model::Change;
use units::Instant;

/// A set of plugins, by their position in a profile; a profile has fewer than 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginMask(u64);

impl PluginMask {
    /// Adds a plugin.
    pub const fn insert(&mut self, plugin: usize) {
        self.0 |= 1 << plugin;
    }

    /// Whether a plugin is in the set.
    pub const fn contains(self, plugin: usize) -> bool {
        self.0 >> plugin & 1 == 1
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The plugins, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let plugin = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(plugin)
        })
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<usize> for PluginMask {
    fn from_iter<I: IntoIterator<Item = usize>>(plugins: I) -> Self {
        let mut mask = Self::default();
        for plugin in plugins {
            mask.insert(plugin);
        }
        mask
    }
}

/// Place of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It may be tried now.
    Active,
    /// It was rejected and waits out its back-off.
    Backoff,
    /// It failed with an error and waits out its back-off.
    ErrorBackoff,
    /// It waits for an event that may help, or is gated.
    Unschedulable,
    /// It is being tried.
    InFlight,
}

/// A pod in the queue.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    /// The pod as declared last.
    pub info: Arc<PodInfo>,
    /// The index of its profile.
    pub profile: usize,
    /// Place of the pod.
    pub place: Place,
    /// Instant at which the pod was queued first or failed last.
    pub timestamp: Instant,
    /// Number of attempts.
    pub attempts: u32,
    /// Number of attempts that ended in a rejection.
    pub unschedulable_count: u32,
    /// Number of attempts in a row that ended in an error.
    pub consecutive_errors: u32,
    /// Plugins that rejected the pod in the last attempt, or hold it back before the queue.
    pub rejected_by: PluginMask,
    /// Plugins that asked the pod to wait in the last attempt.
    pub pending_on: PluginMask,
    /// Plugin that holds the pod back before the queue.
    pub gated_by: Option<usize>,
    pub(super) sequence: u64,
    /// The end of its back-off, once it was asked for.
    pub(super) expiry: Option<Instant>,
}

impl QueuedPod {
    pub(super) fn new(info: Arc<PodInfo>, profile: usize) -> Self {
        Self {
            info,
            profile,
            place: Place::InFlight,
            timestamp: Instant::ZERO,
            attempts: 0,
            unschedulable_count: 0,
            consecutive_errors: 0,
            rejected_by: PluginMask::default(),
            pending_on: PluginMask::default(),
            gated_by: None,
            sequence: 0,
            expiry: None,
        }
    }

    /// Asks the plugins that let pods into the queue; whether one holds it back.
    pub(super) fn gate(&mut self, ctx: QueueContext<'_>) -> bool {
        self.gated_by = Attempt::gate_plugin(&ctx.profiles[self.profile], &self.info, ctx.objects);
        if let Some(plugin) = self.gated_by {
            self.rejected_by.insert(plugin);
        }
        self.gated_by.is_some()
    }

    pub(super) fn rejectors(&self) -> PluginMask {
        self.rejected_by.and(self.pending_on)
    }

    pub(super) fn rank(&self) -> Rank {
        let group = self.info.group();
        let (timestamp, group) = match group {
            Some(group) => (group.created, group.index + 1),
            None => (self.timestamp, 0),
        };
        let place = (group, self.sequence);
        (Reverse(self.info.priority()), timestamp, place)
    }
}

/// Properties that pods waiting for an event share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RejectionGroup {
    pub(super) profile: usize,
    pub(super) by: PluginMask,
    /// Marks pods that are held back before the queue.
    pub(super) is_gated: bool,
}

impl RejectionGroup {
    pub(super) fn of(pod: &QueuedPod) -> Self {
        Self {
            profile: pod.profile,
            by: pod.rejectors(),
            is_gated: pod.gated_by.is_some(),
        }
    }
}

/// Events that the plugins of a profile listen to, by position.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    listens: Vec<EventKinds>,
    /// Plugins that hear of node additions and not of taints: they take any taint event of any
    /// node for one that may help.
    any_taint: PluginMask,
    /// Whether plugins are asked about an event that they listen to, rather than taken to expect
    /// that it helps (spec: kubernetes-releases.md B).
    pub(super) are_asked: bool,
}

impl Hints {
    pub(super) fn of(profile: &KubeProfile) -> Self {
        let hears_all = !profile.changes.has(Change::FinerEvents);
        let mut hints = Self {
            are_asked: profile.changes.has(Change::QueueingHints),
            ..Self::default()
        };
        for (index, plugin) in profile.plugins.iter().enumerate() {
            let mut listens = plugin.events_to_register();
            if hears_all && listens.contains(EventKinds::NODE_ADD) {
                listens = listens.and(EventKinds::NODE_CHANGE);
            }
            if listens.contains(EventKinds::NODE_ADD) && !listens.contains(EventKinds::NODE_TAINT) {
                hints.any_taint.insert(index);
                listens = listens.and(EventKinds::NODE_TAINT);
            }
            hints.listens.push(listens);
        }
        hints
    }

    /// Whether a plugin listens to a kind of event.
    pub fn listens(&self, plugin: usize, kind: EventKinds) -> bool {
        let listens = self.listens.get(plugin);
        listens.is_some_and(|listens| listens.contains(kind))
    }

    /// Whether a plugin takes this kind of event for one that may help, whatever it says.
    pub fn takes_any_taint(&self, plugin: usize, kind: EventKinds) -> bool {
        kind == EventKinds::NODE_TAINT && self.any_taint.contains(plugin)
    }

    /// Whether any of these plugins listens to a kind of event; without any plugin every event may
    /// help.
    pub fn may_help(&self, plugins: PluginMask, kind: EventKinds) -> bool {
        plugins.is_empty() || plugins.iter().any(|plugin| self.listens(plugin, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::GroupRef;

    #[test]
    fn a_mask_gives_its_plugins_in_order() {
        for plugins in [vec![], vec![0], vec![63], vec![0, 5, 6, 31, 32, 63]] {
            let mask: PluginMask = plugins.iter().copied().collect();
            assert_eq!(mask.iter().collect::<Vec<_>>(), plugins);
        }
        let all: PluginMask = (0..64).collect();
        assert!(all.iter().eq(0..64));
    }

    #[test]
    fn groups_of_one_instant_go_one_after_the_other() {
        let queued = |group: Option<usize>, sequence: u64| {
            let mut info = PodInfo::default();
            let created = Instant::ZERO;
            info.set_group(group.map(|index| GroupRef { created, index }));
            let mut queued = QueuedPod::new(Arc::new(info), 0);
            queued.sequence = sequence;
            queued
        };
        // By the order of arrival the groups would take turns; pods without one go first.
        let arrived = [Some(0), Some(1), None, Some(0), Some(1), None];
        let mut pods: Vec<QueuedPod> = (arrived.into_iter().zip(0..))
            .map(|(group, sequence)| queued(group, sequence))
            .collect();
        pods.sort_by_key(QueuedPod::rank);
        let order: Vec<u64> = pods.iter().map(|pod| pod.sequence).collect();
        assert_eq!(order, [2, 5, 0, 3, 1, 4]);
    }
}
