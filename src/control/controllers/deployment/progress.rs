//! Report of a deployment: counts, conditions, and whether its rollout moves.

use super::Sync;
use super::proportion::saturated;
use model::workload::deployment::{
    ConditionKind, ConditionReason, DeploymentCondition, DeploymentStatus,
};
use units::Duration;

impl Sync<'_> {
    /// Records that the rollout was halted or goes on.
    pub(super) fn note_pause(&mut self) {
        let reason = self.status.progress();
        if reason == Some(ConditionReason::ProgressDeadlineExceeded) {
            return;
        }
        let was_paused = reason == Some(ConditionReason::DeploymentPaused);
        if self.deployment.paused && !was_paused {
            self.note(None, ConditionReason::DeploymentPaused);
        } else if !self.deployment.paused && was_paused {
            self.note(None, ConditionReason::DeploymentResumed);
        }
    }

    /// Sets how the rollout goes, if the deployment has a deadline for it.
    pub(super) fn note(&mut self, status: Option<bool>, reason: ConditionReason) {
        if self.deployment.progress_deadline.is_some() {
            let condition = self.condition(ConditionKind::Progressing, status, reason);
            self.status.set(condition);
        }
    }

    fn condition(
        &self,
        kind: ConditionKind,
        status: Option<bool>,
        reason: ConditionReason,
    ) -> DeploymentCondition {
        DeploymentCondition {
            kind,
            status,
            reason,
            updated: self.now,
            changed: self.now,
        }
    }

    /// Reports counts and availability.
    pub(super) fn report(&mut self) {
        let sum =
            |count: fn(&model::workload::ReplicaSet) -> i32| saturated(self.sets.iter().map(count));
        let available = sum(|set| set.status.available);
        let mut status = DeploymentStatus {
            observed_generation: self.deployment.generation,
            replicas: sum(|set| set.status.replicas),
            updated: self.new.map_or(0, |new| self.sets[new].status.replicas),
            ready: sum(|set| set.status.ready),
            available,
            unavailable: (self.total() - available).max(0),
            revision: self.status.revision,
            conditions: std::mem::take(&mut self.status.conditions),
        };
        let least = self.deployment.replicas - self.deployment.max_unavailable();
        let is_available = available >= least;
        let reason = if is_available {
            ConditionReason::MinimumReplicasAvailable
        } else {
            ConditionReason::MinimumReplicasUnavailable
        };
        status.set(self.condition(ConditionKind::Available, Some(is_available), reason));
        self.status = status;
    }

    /// Reports counts, availability and how the rollout goes.
    pub(super) fn report_rollout(&mut self) {
        if self.writes.failed {
            return;
        }
        let before = self.status.clone();
        self.report();
        let Some(deadline) = self.deployment.progress_deadline else {
            self.status.remove(ConditionKind::Progressing);
            return;
        };
        let known = before.condition(ConditionKind::Progressing).copied();
        let was_done = self.status.replicas == self.status.updated
            && before.progress() == Some(ConditionReason::NewReplicaSetAvailable);
        if !was_done {
            self.judge_progress(&before, known, deadline);
        }
        self.look_again(&before, deadline);
    }

    fn judge_progress(
        &mut self,
        before: &DeploymentStatus,
        known: Option<DeploymentCondition>,
        deadline: Duration,
    ) {
        if self.status.is_complete(self.deployment) {
            self.note(Some(true), ConditionReason::NewReplicaSetAvailable);
        } else if is_moving(before, &self.status) {
            let reason = ConditionReason::ReplicaSetUpdated;
            let mut moving = self.condition(ConditionKind::Progressing, Some(true), reason);
            if let Some(known) = known.filter(|known| known.status == Some(true)) {
                moving.changed = known.changed;
            }
            // Unlike others this condition is written anew, for the time of its last update.
            self.status.remove(ConditionKind::Progressing);
            self.status.set(moving);
        } else if self.is_overdue(deadline) {
            self.note(Some(false), ConditionReason::ProgressDeadlineExceeded);
        }
    }

    fn is_overdue(&self, deadline: Duration) -> bool {
        let progress = self.status.condition(ConditionKind::Progressing);
        progress.is_some_and(|known| match known.reason {
            ConditionReason::NewReplicaSetAvailable => false,
            ConditionReason::ProgressDeadlineExceeded => true,
            _ => known.updated.saturating_add(deadline) < self.now,
        })
    }

    /// Asks for a wake-up when the rollout would count as stuck.
    fn look_again(&mut self, before: &DeploymentStatus, deadline: Duration) {
        let done = self.status.is_complete(self.deployment);
        let progress = self.status.condition(ConditionKind::Progressing);
        let Some(progress) = progress.filter(|_| *before == self.status && !done) else {
            return;
        };
        if progress.reason != ConditionReason::ProgressDeadlineExceeded {
            let late = deadline.checked_add(Duration::from_secs(1));
            let at = progress
                .updated
                .saturating_add(late.unwrap_or(Duration::MAX));
            self.writes.wake = Some(at.max(self.now));
        }
    }
}

/// Whether anything came nearer to the end.
fn is_moving(before: &DeploymentStatus, now: &DeploymentStatus) -> bool {
    let old = |status: &DeploymentStatus| status.replicas - status.updated;
    now.updated > before.updated
        || old(now) < old(before)
        || now.ready > before.ready
        || now.available > before.available
}
