//! Deeds of alike pods, added up: totals that are linear in pods follow pods of one class and
//! tenant together, once, instead of change by change. A pod that is created, bound and started at
//! one instant is then one step of what is allocated.

use cluster::Store;
use model::{Event, Pod, PodPhase};
use units::{ClassId, TenantId};

use crate::record::state::Row;

/// Kind of identical pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Their class.
    pub spec: ClassId,
    /// Tenant that the pods are accounted to.
    pub tenant: TenantId,
    /// Whether they were submitted in the measured window.
    pub measured: bool,
}

impl Kind {
    /// Kind of a pod.
    #[inline]
    pub fn of(pod: &Pod, measured: bool) -> Self {
        Self {
            spec: pod.class,
            tenant: pod.tenant,
            measured,
        }
    }
}

/// The pod that a change is about, as the change left it, or as it was before it ended.
#[inline]
pub fn pod_of<'a>(event: &Event, ended: Option<&'a Pod>, store: &'a Store) -> Option<&'a Pod> {
    match event {
        Event::PodCreated(created) => store.pods().get(created.pod),
        Event::PodUnschedulable { pod }
        | Event::PodBound { pod, .. }
        | Event::PodStarting { pod }
        | Event::PodRunning { pod } => store.pods().get(*pod),
        Event::PodEnded { .. } => ended,
        Event::ClassAdded { .. }
        | Event::NodeAdded { .. }
        | Event::NodeUpdated { .. }
        | Event::NodeReadiness { .. }
        | Event::NodeContact { .. }
        | Event::NodeRemoved { .. }
        | Event::PodChanged { .. }
        | Event::Object(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased { .. }
        | Event::PriceChanged(_)
        | Event::Decided(_)
        | Event::Delivery(_)
        | Event::Rollout { .. }
        | Event::Volume(_)
        | Event::ServiceLevels(_)
        | Event::MachineFailed(_) => None,
    }
}

/// Deeds of alike pods within one instant, with the number of pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeBatch {
    /// Kind of the pods; `None` before the first change.
    pub kind: Option<Kind>,
    /// Requests of each pod.
    pub requests: Row,
    /// Changes that are in here.
    pub changes: u64,
    /// Pods that were created.
    pub created: i64,
    /// Pods that were bound.
    pub bound: i64,
    /// Pods that began to run.
    pub running: i64,
    /// Pods that ended without a node.
    pub ended_unbound: i64,
    /// Pods that ended on their node before they ran.
    pub ended_starting: i64,
    /// Pods that ended while they ran.
    pub ended_running: i64,
}

impl ChangeBatch {
    /// No deeds yet of pods that reserve these amounts.
    pub fn of(kind: Kind, requests: Row) -> Self {
        Self {
            kind: Some(kind),
            requests,
            ..Self::default()
        }
    }

    /// Adds a change of one of the pods, whose record is the one that the change left, or ended.
    #[inline]
    pub fn add(&mut self, event: &Event, pod: &Pod) {
        let count = match event {
            Event::PodCreated(_) => &mut self.created,
            Event::PodBound { .. } => &mut self.bound,
            Event::PodRunning { .. } => &mut self.running,
            Event::PodEnded { .. } => match pod.phase {
                PodPhase::Running => &mut self.ended_running,
                phase if phase.holds_node() => &mut self.ended_starting,
                _ => &mut self.ended_unbound,
            },
            _ => return,
        };
        *count += 1;
        self.changes += 1;
    }

    /// Forgets what happened, not to whom.
    pub fn clear(&mut self) {
        *self = Self {
            kind: self.kind,
            requests: self.requests,
            ..Self::default()
        };
    }

    /// Change of the number of pods that hold a node.
    #[inline]
    pub fn holding(&self) -> i64 {
        self.bound - self.ended_starting - self.ended_running
    }

    /// Change of the number of pods that have a node and don't run.
    #[inline]
    pub fn starting(&self) -> i64 {
        self.bound - self.running - self.ended_starting
    }

    /// Change of the number of pods that wait for a node.
    #[inline]
    pub fn waiting(&self) -> i64 {
        self.created - self.bound - self.ended_unbound
    }

    /// Change of the number of living pods.
    #[inline]
    pub fn living(&self) -> i64 {
        self.holding() + self.waiting()
    }
}
