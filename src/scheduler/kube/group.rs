//! Groups of pods that start together or not at all (coscheduling; spec: orchestrators-b.md 7.6).

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::PodInfo;
use super::queue::PodUid;
use model::objects::PodGroup;
use model::{ClusterObjects, PodSpec, Text};
use units::{Duration, GangId, Instant, SortedSet};

/// The label that names a pod's group.
pub const GROUP_LABEL: &str = "scheduling.x-k8s.io/pod-group";
/// An older label that names a pod's group.
const OLD_GROUP_LABEL: &str = "pod-group.scheduling.sigs.k8s.io/name";
/// The label that states the least number of members beside the older one.
const OLD_LEAST_LABEL: &str = "pod-group.scheduling.sigs.k8s.io/min-available";

/// Key of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Namespace and name.
    Named(Text, Text),
    /// A gang of the workload: all of its pods belong together.
    Gang(GangId),
}

/// A group of pods.
#[derive(Clone, Debug)]
pub struct Group {
    /// Instant at which the group's first pod was seen.
    pub created: Instant,
    /// Number of members that must have a place before one starts; `None` is a group that no object
    /// declares.
    pub least: Option<usize>,
    /// Time for which placed members wait for the others, where the group states it.
    pub timeout: Option<Duration>,
    /// The group's living pods.
    pub members: SortedSet<PodUid>,
    /// Number of members that have a place.
    pub assigned: usize,
    /// The epoch in which its members gave their places back, if they did.
    given_up: Option<u64>,
}

/// A pod's group: its index, and when it was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupRef {
    /// Instant at which the group's first pod was seen.
    pub created: Instant,
    /// The group's index among all groups.
    pub index: usize,
}

/// All groups, by index.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    groups: IndexMap<Key, Group, FxBuildHasher>,
    /// Number of times that something happened that may let a group fit.
    epoch: u64,
}

impl Groups {
    /// A group.
    pub fn get(&self, group: GroupRef) -> Option<&Group> {
        self.groups.get_index(group.index).map(|(_, group)| group)
    }

    /// The group that a new pod belongs to, if it belongs to any.
    pub fn join(
        &mut self,
        objects: &ClusterObjects,
        uid: PodUid,
        spec: &PodSpec,
        gang: Option<GangId>,
        now: Instant,
    ) -> Option<GroupRef> {
        let labels = &spec.labels;
        let name = labels
            .get(GROUP_LABEL)
            .or_else(|| labels.get(OLD_GROUP_LABEL));
        let key = match (name, gang) {
            (Some(name), _) => Key::Named(spec.namespace.clone(), name.clone()),
            (None, Some(gang)) => Key::Gang(gang),
            (None, None) => return None,
        };
        let entry = self.groups.entry(key);
        let index = entry.index();
        let declared = match entry.key() {
            Key::Named(namespace, name) => objects.group(namespace, name),
            Key::Gang(_) => None,
        };
        let group = entry.or_insert_with(|| new_group(declared, spec, now));
        group.members.insert(uid);
        group.given_up = None;
        if name.is_none() {
            group.least = Some(group.members.len());
        }
        let created = group.created;
        Some(GroupRef { created, index })
    }

    /// Something happened that may let a group fit that did not.
    pub fn new_epoch(&mut self) {
        self.epoch += 1;
    }

    /// The members of a group give their places back.
    pub fn give_up(&mut self, group: GroupRef) {
        let epoch = self.epoch;
        if let Some(group) = self.get_mut(Some(group)) {
            group.given_up = Some(epoch);
        }
    }

    /// Whether the group was given up and nothing has happened since that may let it fit.
    pub fn is_given_up(&self, group: GroupRef) -> bool {
        let given_up = self.get(group).and_then(|group| group.given_up);
        given_up == Some(self.epoch)
    }

    /// A pod is gone.
    pub fn leave(&mut self, pod: &PodInfo) {
        if let Some(group) = self.get_mut(pod.group()) {
            group.members.remove(&pod.uid);
        }
    }

    /// A pod got a place (1) or lost it (-1).
    pub(super) fn assign(&mut self, pod: &PodInfo, sign: isize) {
        if let Some(group) = self.get_mut(pod.group()) {
            group.assigned = group.assigned.saturating_add_signed(sign);
        }
    }

    fn get_mut(&mut self, group: Option<GroupRef>) -> Option<&mut Group> {
        let (_, group) = self.groups.get_index_mut(group?.index)?;
        Some(group)
    }
}

fn new_group(declared: Option<&PodGroup>, spec: &PodSpec, now: Instant) -> Group {
    let stated = spec.labels.get(OLD_LEAST_LABEL);
    Group {
        created: now,
        least: declared
            .map(|group| group.least)
            .or_else(|| stated.and_then(|least| least.parse().ok())),
        timeout: declared.and_then(|group| group.timeout),
        members: SortedSet::new(),
        assigned: 0,
        given_up: None,
    }
}
