//! Pods in flight and what happened meanwhile: an event concerns every pod that was in flight
//! before it, or the one pod that it is about.

use std::collections::VecDeque;

use super::PodUid;
use crate::kube::event::ClusterEvent;

/// Pods in flight, each with the number of events before it, and the events that one of them may
/// still look at.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    /// By identity.
    pods: Vec<(PodUid, u64)>,
    /// Number of times that each beginning is in `pods`, by beginning; the first is not 0.
    beginnings: VecDeque<(u64, usize)>,
    events: VecDeque<(Option<PodUid>, ClusterEvent)>,
    /// Number of events forgotten.
    forgotten: u64,
}

impl InFlight {
    fn place(&self, uid: PodUid) -> Result<usize, usize> {
        self.pods.binary_search_by_key(&uid, |&(own, _)| own)
    }

    pub(super) fn begin(&mut self, uid: PodUid) {
        let beginning = self.forgotten + self.events.len() as u64;
        let place = match self.place(uid) {
            Ok(place) => {
                self.pods[place].1 = beginning;
                return;
            }
            Err(place) => place,
        };
        self.pods.insert(place, (uid, beginning));
        match self.beginnings.back_mut() {
            Some((last, count)) if *last == beginning => *count += 1,
            _ => self.beginnings.push_back((beginning, 1)),
        }
    }

    pub(super) fn end(&mut self, uid: PodUid) {
        let Ok(place) = self.place(uid) else {
            return;
        };
        let (_, beginning) = self.pods.remove(place);
        let counts = &mut self.beginnings;
        if let Ok(place) = counts.binary_search_by_key(&beginning, |&(own, _)| own) {
            counts[place].1 -= 1;
        }
        while counts.front().is_some_and(|&(_, count)| count == 0) {
            counts.pop_front();
        }
        let end = self.forgotten + self.events.len() as u64;
        let oldest = counts.front().map_or(end, |&(beginning, _)| beginning);
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
        if self.contains(uid) {
            self.events.push_back((Some(uid), event));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    pub(super) fn contains(&self, uid: PodUid) -> bool {
        self.place(uid).is_ok()
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = PodUid> {
        self.pods.iter().map(|&(uid, _)| uid)
    }

    /// The events that concern a pod since it is in flight.
    pub(super) fn since(&self, uid: PodUid) -> impl Iterator<Item = &ClusterEvent> {
        let end = self.events.len();
        let beginning = self.place(uid).map(|place| self.pods[place].1);
        let start = beginning.map_or(end, |beginning| (beginning - self.forgotten) as usize);
        let events = self.events.range(start..);
        events
            .filter(move |(target, _)| target.is_none_or(|target| target == uid))
            .map(|(_, event)| event)
    }
}
