//! Attempts that ended and are kept: of each container the last one and the one before, while the node holds
//! the pod, and afterwards for the logs of a pod that ended by itself.

use std::io;

use units::SortedSet;

use super::Containers;
use crate::runtime::{AttemptId, Listed, Phase, Runtime};

/// Number of attempts of a container that are kept: the last one, and the one before its restart.
const ATTEMPTS_KEPT: usize = 2;

impl<R: Runtime> Containers<R> {
    /// Keeps the containers of pods that ended by themselves, for those who want to read their logs.
    pub(in crate::daemon) fn retain(&mut self, ended: &[u32]) {
        let noted = self.retained.add(ended);
        self.tell_of(noted);
    }

    /// The pods that ended and whose containers are kept.
    pub(in crate::daemon) fn retained(&self) -> &[u32] {
        self.retained.pods()
    }

    /// Keeps the containers of pods no longer.
    pub(in crate::daemon) fn release(&mut self, gone: &[u32]) {
        let noted = self.retained.remove(gone);
        self.tell_of(noted);
    }

    fn tell_of(&mut self, noted: io::Result<()>) {
        if let Err(error) = noted {
            self.problems.push(format!(
                "the logs of pods that ended can't be noted: {error}"
            ));
        }
    }

    /// Forgets the attempts that ended and are kept no longer, as the control server has their ends for good.
    pub(in crate::daemon) fn acknowledge(&mut self, is_held: &dyn Fn(u32) -> bool) {
        let mut kept = SortedSet::new();
        let listed = self.runtime.list();
        for (place, own) in listed.iter().enumerate() {
            let attempt = &own.attempt;
            if own.phase != Phase::Ended {
                continue;
            }
            // They are listed by pod, container and number.
            let is_recent = listed
                .get(place + ATTEMPTS_KEPT)
                .is_none_or(|later: &Listed| !is_same_container(&later.attempt, attempt));
            let number = self.number(attempt);
            if is_recent && number.is_some_and(|pod| self.retained.contains(pod)) {
                kept.insert(attempt.clone());
                continue;
            }
            let is_surplus = self.is_surplus(attempt);
            let is_reported = self.reported.contains(attempt);
            let is_wanted = match self.known.get(attempt) {
                Some(known) => is_held(known.pod),
                None => is_reported && !is_surplus,
            };
            if is_recent && is_wanted {
                kept.insert(attempt.clone());
            } else if is_surplus || is_reported || self.known.contains_key(attempt) {
                self.forget(attempt);
            }
        }
        if let Err(error) = self.reported.keep(kept) {
            self.problems
                .push(format!("what was reported can't be noted: {error}"));
        }
    }

    /// Whether an attempt is the last one of its container that the agent ordered.
    pub(super) fn is_last(&self, pod: u32, attempt: &AttemptId) -> bool {
        self.attempt_of(pod, attempt.container()).as_ref() == Some(attempt)
    }

    fn forget(&mut self, ended: &AttemptId) {
        self.known.remove(ended);
        self.failing.retain(|(attempt, _)| attempt != ended);
        self.refusing.remove(ended);
        self.runtime.acknowledge(ended);
    }

    /// Number of the pod of an attempt; `None` of another control server's.
    fn number(&self, attempt: &AttemptId) -> Option<u32> {
        let number = attempt.pod().strip_prefix(&*self.cluster)?;
        number.strip_prefix('.')?.parse().ok()
    }

    /// Whether an attempt belongs to no pod of the node, or to one of which nothing is known any more.
    /// Before the control server has said which its pods are, none does: the end of one that ended
    /// while no daemon was there has yet to be reported.
    fn is_surplus(&self, attempt: &AttemptId) -> bool {
        let Some(kept) = &self.kept else {
            return false;
        };
        let is_of = |pod: u32| attempt.pod() == self.id(pod);
        let is_known = self.known.values().any(|known| is_of(known.pod));
        let awaits_order = kept
            .iter()
            .any(|&pod| is_of(pod) && !self.ordered.contains(&pod));
        !is_known && !awaits_order
    }
}

fn is_same_container(one: &AttemptId, other: &AttemptId) -> bool {
    (one.pod(), one.container()) == (other.pod(), other.container())
}
