//! Account of a scheduler that races with others on the same nodes: each attempt at a pod is a decision
//! with one claim at most, and it is in conflict where another scheduler has taken the room meanwhile.

use std::sync::Arc;

use super::KubeScheduler;
use cluster::{Conflict, Store};
use control::Outbox;
use model::{Decision, Event, PodRef};
use units::Instant;

/// Attempt whose end is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pod: PodRef,
    began: Instant,
    /// Instant of the pod's creation, if this is the first attempt at it.
    submitted: Option<Instant>,
    is_claim: bool,
    /// Whether the claim was refused, and that for what others did.
    refusal: Option<bool>,
}

impl KubeScheduler {
    /// Notes an attempt that begins, where the scheduler has rivals.
    pub(super) fn attempt_begins(&mut self, now: Instant, pod: PodRef, number: u32, view: &Store) {
        let place = &self.options.place;
        if place.others.is_empty() || !place.nodes.is_empty() {
            return;
        }
        let created = view.pods().get(pod).map(|record| record.created);
        self.attempt = Some(Attempt {
            pod,
            began: now,
            submitted: created.filter(|_| number <= 1),
            is_claim: false,
            refusal: None,
        });
    }

    /// Notes whether the attempt came to a claim.
    pub(super) fn attempt_claims(&mut self, out: &Outbox) {
        if let Some(attempt) = &mut self.attempt {
            let mut writes = out.writes.iter();
            attempt.is_claim = writes
                .any(|write| matches!(write.event, Event::PodBound { .. } | Event::HoldPlaced(_)));
        }
    }

    /// Notes that a claim was refused. The room of a node is what schedulers race for.
    pub(super) fn claim_refused(&mut self, pod: PodRef, conflict: &Conflict) {
        if let Some(attempt) = &mut self.attempt
            && attempt.pod == pod
        {
            attempt.refusal = Some(matches!(conflict, Conflict::NoRoom));
        }
    }

    /// Tells what came of the attempt before; its writes have been answered by now.
    pub(super) fn attempt_ends(&mut self, view: &Store, out: &mut Outbox) {
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        let decision = Decision {
            scheduler: self.options.name.as_str().into(),
            schedulers: self.options.place.others.len() as u32 + 1,
            began: attempt.began,
            submitted: attempt.submitted,
            claims: u32::from(attempt.is_claim),
            conflicts: u32::from(attempt.refusal == Some(true)),
            placed: u32::from(attempt.is_claim && attempt.refusal.is_none()),
        };
        out.write(view, Event::Decided(Arc::new(decision)));
    }
}
