//! The decision about one workload by itself: flavors, and who has to make room (spec:
//! batch-on-kubernetes.md 1.3, 1.5.5).

use super::assign::{Assignment, Mode, assign, smallest_reduction};
use super::preempt::{Preemptor, Target, targets};
use super::snapshot::Snapshot;
use super::topology::Usage;
use super::workload::{DomainUse, PendingWorkload};

/// Work of a nomination, in that of counting one workload in or out.
const NOMINATION: u64 = 20;

/// Decision about one workload.
#[derive(Clone, Debug)]
pub struct Nomination {
    /// Flavors.
    pub assignment: Assignment,
    /// Workloads that have to make room.
    pub targets: Vec<Target>,
}

impl Nomination {
    /// Usage of the places of the pods.
    pub fn domains(&self, pending: &PendingWorkload) -> Vec<DomainUse> {
        self.assignment.domains(pending)
    }
}

/// Decides about a workload as the snapshot stands; that is afterwards as before.
pub fn nominate(snapshot: &mut Snapshot, pending: &PendingWorkload) -> Nomination {
    snapshot.note_work(NOMINATION);
    let full = try_counts(snapshot, pending);
    let mut nomination = if is_good(&full) {
        full
    } else {
        let partly = smallest_reduction(pending, |fewer| {
            let tried = try_counts(snapshot, fewer);
            is_good(&tried).then_some(tried)
        });
        partly.unwrap_or(full)
    };
    record_places(snapshot, pending, &mut nomination);
    nomination
}

fn is_good(nomination: &Nomination) -> bool {
    match nomination.assignment.mode() {
        Mode::Fit => true,
        Mode::Preempt => !nomination.targets.is_empty(),
        Mode::NoFit => false,
    }
}

fn try_counts(snapshot: &mut Snapshot, pending: &PendingWorkload) -> Nomination {
    let assignment = assign(snapshot, pending);
    let targets = if assignment.mode() == Mode::Preempt {
        let need = assignment.needs(&snapshot.names);
        let request = assignment.requests(pending, &snapshot.names);
        let places = assignment.places(snapshot, pending);
        let preemptor = Preemptor {
            queue: pending.queue,
            priority: pending.workload.priority,
            timestamp: pending.timestamp,
            need: &need,
            request: &request,
            places: (!places.is_empty()).then_some(&places),
        };
        targets(snapshot, &preemptor)
    } else {
        Vec::new()
    };
    Nomination {
        assignment,
        targets,
    }
}

/// Records the places of a workload that has to wait for others, so that they stay reserved.
fn record_places(snapshot: &mut Snapshot, pending: &PendingWorkload, nomination: &mut Nomination) {
    if nomination.assignment.mode() != Mode::Preempt {
        return;
    }
    let places = nomination.assignment.places(snapshot, pending);
    if places.is_empty() {
        return;
    }
    for target in &nomination.targets {
        snapshot.remove_usage(target.holding);
    }
    let usage = if nomination.targets.is_empty() {
        Usage::Nothing
    } else {
        Usage::Present
    };
    let found = snapshot.find_places(&places, usage);
    for target in &nomination.targets {
        snapshot.add_usage(target.holding);
    }
    if let Ok(found) = found {
        nomination.assignment.set_places(found);
    }
}
