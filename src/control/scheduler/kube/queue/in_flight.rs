//! Pods in flight and what happened meanwhile: an event concerns every pod that was in flight
//! before it, or the one pod that it is about.

use std::collections::{BTreeMap, VecDeque};

use super::PodUid;
use crate::control::scheduler::kube::event::ClusterEvent;

/// Pods in flight, each with the number of events before it, and the events that one of them may
/// still look at.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    pods: BTreeMap<PodUid, u64>,
    /// How often each beginning is in `pods`.
    beginnings: BTreeMap<u64, usize>,
    events: VecDeque<(Option<PodUid>, ClusterEvent)>,
    /// How many events are forgotten.
    forgotten: u64,
}

impl InFlight {
    pub(super) fn begin(&mut self, uid: PodUid) {
        let beginning = self.forgotten + self.events.len() as u64;
        if self.pods.insert(uid, beginning).is_none() {
            *self.beginnings.entry(beginning).or_insert(0) += 1;
        }
    }

    pub(super) fn end(&mut self, uid: PodUid) {
        let Some(beginning) = self.pods.remove(&uid) else {
            return;
        };
        if let Some(count) = self.beginnings.get_mut(&beginning) {
            *count -= 1;
            if *count == 0 {
                self.beginnings.remove(&beginning);
            }
        }
        let end = self.forgotten + self.events.len() as u64;
        let oldest = self.beginnings.first_key_value();
        let oldest = oldest.map_or(end, |(&beginning, _)| beginning);
        self.events.drain(..(oldest - self.forgotten) as usize);
        self.forgotten = oldest;
    }

    /// Something happened that concerns every pod in flight.
    pub(super) fn happened(&mut self, event: ClusterEvent) {
        if !self.pods.is_empty() {
            self.events.push_back((None, event));
        }
    }

    /// Something happened that concerns one pod in flight.
    pub(super) fn happened_to(&mut self, uid: PodUid, event: ClusterEvent) {
        if self.pods.contains_key(&uid) {
            self.events.push_back((Some(uid), event));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    pub(super) fn contains(&self, uid: PodUid) -> bool {
        self.pods.contains_key(&uid)
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = PodUid> {
        self.pods.keys().copied()
    }

    /// The events that concern a pod since it is in flight.
    pub(super) fn since(&self, uid: PodUid) -> impl Iterator<Item = &ClusterEvent> {
        let end = self.events.len();
        let beginning = self.pods.get(&uid);
        let start = beginning.map_or(end, |beginning| (beginning - self.forgotten) as usize);
        let events = self.events.range(start..);
        events
            .filter(move |(target, _)| target.is_none_or(|target| target == uid))
            .map(|(_, event)| event)
    }
}
