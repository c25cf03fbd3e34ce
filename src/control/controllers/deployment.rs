//! Deployments: replica sets that follow one another, step by step or at once
//! (spec: kubernetes.md 2.2). One sync does one step; what it changes is seen in the next.

mod progress;
mod proportion;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::ControllerEvent;
use model::workload::deployment::{ConditionReason, DeploymentStatus};
use model::workload::replica_set::{RolloutAnnotations, is_same_template};
use model::workload::{Deployment, DeploymentStrategy, ReplicaSet};
use model::{PodSpec, Release, Text};
use units::{Instant, SortedMap};

/// The controller's view of one deployment.
#[derive(Clone, Debug)]
pub struct DeploymentView<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// The deployment's replica sets.
    pub sets: &'a [ReplicaSet],
    /// Number of pods of each set (by name) that have not ended, terminating ones included.
    pub living: &'a SortedMap<Text, i32>,
    /// Name of a new replica set for the current template.
    pub new_name: Text,
    /// Release whose rules apply.
    pub release: Release,
}

/// Changes that the controller requests for one deployment, in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentWrites {
    /// A replica set to be made for the present template.
    pub create: Option<NewReplicaSet>,
    /// Replica sets whose size or annotations change.
    pub update: Vec<ReplicaSetUpdate>,
    /// Replica sets that are deleted, as history beyond its limit.
    pub delete: Vec<Text>,
    /// The template to go back to; what asked for it is cleared.
    pub roll_back: Option<Arc<PodSpec>>,
    /// Whether the request to go back was dealt with.
    pub roll_back_done: bool,
    /// Status to report.
    pub status: DeploymentStatus,
    /// Events to record.
    pub events: Vec<ControllerEvent>,
    /// Instant of the next look for want of progress.
    pub wake: Option<Instant>,
    /// Whether the sync broke off and is tried again later.
    pub failed: bool,
}

impl DeploymentWrites {
    /// Makes the writes on replica sets as the store would: a new set has the deployment's template.
    pub fn apply(&self, now: Instant, template: &Arc<PodSpec>, sets: &mut Vec<ReplicaSet>) {
        for update in &self.update {
            if let Some(set) = sets.iter_mut().find(|set| set.name == update.name) {
                (set.replicas, set.rollout) = (update.replicas, update.rollout);
            }
        }
        sets.retain(|set| !self.delete.contains(&set.name));
        if let Some(new) = &self.create {
            sets.push(ReplicaSet {
                name: new.name.clone(),
                template: template.clone(),
                replicas: new.replicas,
                created: now,
                rollout: new.rollout,
                ..ReplicaSet::default()
            });
        }
    }
}

/// A replica set to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReplicaSet {
    /// The replica set's name.
    pub name: Text,
    /// The replica set's size.
    pub replicas: i32,
    /// The replica set's annotations.
    pub rollout: RolloutAnnotations,
}

/// A replica set's new size and annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSetUpdate {
    /// Name of the replica set.
    pub name: Text,
    /// The replica set's size.
    pub replicas: i32,
    /// The replica set's annotations.
    pub rollout: RolloutAnnotations,
}

/// One sync.
pub fn sync(now: Instant, view: &DeploymentView<'_>) -> DeploymentWrites {
    let mut sync = Sync::new(now, view);
    sync.run();
    sync.writes.status = sync.status;
    sync.writes
}

/// A sync under way. Sizes in `sets` stay as they were seen; `update` of the writes holds what
/// they become, for the status is computed from what was seen.
struct Sync<'a> {
    now: Instant,
    view: &'a DeploymentView<'a>,
    deployment: &'a Deployment,
    /// By age, oldest first.
    sets: Vec<ReplicaSet>,
    /// The set of the present template.
    new: Option<usize>,
    /// The status as it is known, then as it becomes.
    status: DeploymentStatus,
    writes: DeploymentWrites,
}

impl<'a> Sync<'a> {
    fn new(now: Instant, view: &'a DeploymentView<'a>) -> Self {
        let mut sets = view.sets.to_vec();
        sets.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
        let deployment = view.deployment;
        let new = sets
            .iter()
            .position(|set| is_same_template(&set.template, &deployment.template));
        Self {
            now,
            view,
            deployment,
            sets,
            new,
            status: deployment.status.clone(),
            writes: DeploymentWrites::default(),
        }
    }

    fn run(&mut self) {
        self.note_pause();
        if self.deployment.paused {
            return self.only_scale();
        }
        if let Some(revision) = self.deployment.rollback_to {
            return self.roll_back(revision);
        }
        self.sync_revision(false);
        if self.is_scaling() {
            return self.only_scale();
        }
        match self.deployment.strategy {
            DeploymentStrategy::Recreate => self.recreate(),
            DeploymentStrategy::RollingUpdate(_) => self.roll(),
        }
    }

    /// Whether the wanted size changed since the active sets were last scaled.
    fn is_scaling(&self) -> bool {
        let mut active = self.sets.iter().filter(|set| set.replicas > 0);
        active.any(|set| {
            set.rollout
                .desired_replicas
                .is_some_and(|desired| desired != self.deployment.replicas)
        })
    }

    fn only_scale(&mut self) {
        self.sync_revision(false);
        self.scale();
        if self.deployment.paused {
            self.clean_up();
        }
        self.report();
    }

    /// Gives the set of the present template its revision, and makes it if that is wanted.
    fn sync_revision(&mut self, create: bool) {
        let newest = self
            .old_sets()
            .map(|place| self.sets[place].rollout.revision);
        let revision = newest.max().unwrap_or(0) + 1;
        let Some(place) = self.new else {
            if create {
                self.create(revision);
            }
            return;
        };
        let set = &mut self.sets[place];
        let is_revised = set.rollout.revision < revision;
        if is_revised || set.min_ready != self.deployment.min_ready {
            set.rollout.revision = set.rollout.revision.max(revision);
            set.min_ready = self.deployment.min_ready;
            let (replicas, rollout) = (set.replicas, set.rollout);
            self.update(place, replicas, rollout);
            return;
        }
        self.status.revision = set.rollout.revision;
        if !self.status.has_progress() {
            self.note(Some(true), ConditionReason::FoundNewReplicaSet);
        }
    }

    fn create(&mut self, revision: i64) {
        let mut set = ReplicaSet {
            namespace: self.deployment.namespace.clone(),
            name: self.view.new_name.clone(),
            selector: self.deployment.selector.clone(),
            template: self.deployment.template.clone(),
            replicas: 0,
            min_ready: self.deployment.min_ready,
            created: self.now,
            rollout: RolloutAnnotations {
                revision,
                desired_replicas: Some(self.deployment.replicas),
                max_replicas: Some(self.max_replicas()),
            },
            ..ReplicaSet::default()
        };
        set.replicas = self.new_size(0);
        if set.replicas > 0 {
            let verb = match self.view.release {
                Release::V1_28 => "",
                _ => "from 0 ",
            };
            self.tell(format!(
                "Scaled up replica set {} {verb}to {}",
                set.name, set.replicas
            ));
        }
        self.writes.create = Some(NewReplicaSet {
            name: set.name.clone(),
            replicas: set.replicas,
            rollout: set.rollout,
        });
        self.status.revision = revision;
        self.new = Some(self.sets.len());
        self.sets.push(set);
        self.note(Some(true), ConditionReason::NewReplicaSetCreated);
    }

    /// The size that the new set gets, now that it has `present`.
    fn new_size(&self, present: i32) -> i32 {
        let wanted = self.deployment.replicas;
        let DeploymentStrategy::RollingUpdate(rolling) = self.deployment.strategy else {
            return wanted;
        };
        let total = self.total();
        let most = wanted.saturating_add(rolling.max_surge.rounded_up(wanted));
        if total >= most {
            return present;
        }
        present + (most - total).min(wanted - present)
    }

    fn roll(&mut self) {
        self.sync_revision(true);
        if !self.grow_new() && !self.shrink_old() && self.status.is_complete(self.deployment) {
            self.clean_up();
        }
        self.report_rollout();
    }

    fn recreate(&mut self) {
        let active: Vec<usize> = self.active_old().collect();
        let mut is_scaled = false;
        for place in active {
            is_scaled |= self.resize(place, 0);
        }
        if is_scaled || self.has_old_pods() {
            return self.report_rollout();
        }
        self.sync_revision(true);
        if let Some(place) = self.new {
            self.resize(place, self.deployment.replicas);
        }
        if self.status.is_complete(self.deployment) {
            self.clean_up();
        }
        self.report_rollout();
    }

    fn has_old_pods(&self) -> bool {
        let reported = self
            .old_sets()
            .map(|place| self.sets[place].status.replicas);
        let reported = proportion::saturated(reported);
        let new = self.new.map(|place| &self.sets[place].name);
        let mut living = self.view.living.iter();
        reported > 0 || living.any(|(set, &pods)| Some(set) != new && pods > 0)
    }

    /// Sets the new set's size; whether that changed anything.
    fn grow_new(&mut self) -> bool {
        let Some(place) = self.new else { return false };
        let (present, wanted) = (self.sets[place].replicas, self.deployment.replicas);
        let size = if present > wanted {
            wanted
        } else {
            self.new_size(present)
        };
        present != wanted && self.resize(place, size)
    }

    /// Takes pods from the old sets as far as enough stay available; whether that changed anything.
    fn shrink_old(&mut self) -> bool {
        let Some(new) = self.new else { return false };
        let old: Vec<usize> = self.active_old().collect();
        if old.is_empty() {
            return false;
        }
        let least = self.deployment.replicas - self.deployment.max_unavailable();
        let missing = self.sets[new].replicas - self.sets[new].status.available;
        let most_down = self.total() - least - missing;
        if most_down <= 0 {
            return false;
        }
        let mut sizes: Vec<i32> = old.iter().map(|&place| self.sets[place].replicas).collect();
        let mut cleaned = 0;
        for (size, &place) in sizes.iter_mut().zip(&old) {
            let unhealthy = *size - self.sets[place].status.available;
            if cleaned >= most_down || unhealthy == 0 {
                continue;
            }
            if unhealthy < 0 {
                // The original refuses to grow a set here and gives the sync up.
                self.writes.failed = true;
                return false;
            }
            let taken = unhealthy.min(most_down - cleaned);
            cleaned += taken;
            *size -= taken;
            self.resize(place, *size);
        }
        let available = proportion::saturated(self.sets.iter().map(|set| set.status.available));
        let mut left = (available - least).max(0);
        let mut is_shrunk = false;
        for (size, &place) in sizes.iter_mut().zip(&old) {
            let taken = left.min(*size);
            if taken > 0 {
                left -= taken;
                *size -= taken;
                is_shrunk = true;
                self.resize(place, *size);
            }
        }
        cleaned > 0 || is_shrunk
    }

    /// Deletes sets without pods beyond the history limit, lowest revision first.
    fn clean_up(&mut self) {
        let limit = self.deployment.revision_history_limit;
        let Some(limit) = limit.filter(|&limit| limit != i32::MAX) else {
            return;
        };
        let old = self.old_sets().map(|place| &self.sets[place]);
        let mut old: Vec<&ReplicaSet> = old.filter(|set| !set.is_terminating).collect();
        old.sort_by(|one, other| {
            let key = |set: &ReplicaSet| (set.rollout.revision, set.created);
            (key(one), &one.name).cmp(&(key(other), &other.name))
        });
        let surplus = old.len().saturating_sub(limit.max(0) as usize);
        for set in old.into_iter().take(surplus) {
            let resized = self
                .writes
                .update
                .iter()
                .any(|update| update.name == set.name);
            if set.status.replicas == 0 && set.replicas == 0 && !resized {
                self.writes.delete.push(set.name.clone());
            }
        }
    }

    fn roll_back(&mut self, revision: i64) {
        self.sync_revision(false);
        let last = || {
            let mut revisions: Vec<i64> =
                self.sets.iter().map(|set| set.rollout.revision).collect();
            revisions.sort_unstable();
            revisions.iter().rev().nth(1).copied().unwrap_or(0)
        };
        let revision = if revision == 0 { last() } else { revision };
        let found = self
            .sets
            .iter()
            .find(|set| revision > 0 && set.rollout.revision == revision);
        self.writes.roll_back_done = true;
        let event = match found {
            None => ControllerEvent::warning(
                "DeploymentRollbackRevisionNotFound",
                "Unable to find the revision to rollback to.".to_owned(),
            ),
            Some(set) if is_same_template(&set.template, &self.deployment.template) => {
                ControllerEvent::warning(
                    "DeploymentRollbackTemplateUnchanged",
                    format!(
                        "The rollback revision contains the same template as current deployment \
                         {:?}",
                        self.deployment.name
                    ),
                )
            }
            Some(set) => {
                self.writes.roll_back = Some(set.template.clone());
                ControllerEvent::normal(
                    "DeploymentRollback",
                    format!(
                        "Rolled back deployment {:?} to revision {revision}",
                        self.deployment.name
                    ),
                )
            }
        };
        self.writes.events.push(event);
    }

    /// Places of all sets but the new one, oldest first.
    fn old_sets(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let new = self.new;
        (0..self.sets.len()).filter(move |&place| Some(place) != new)
    }

    fn active_old(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.old_sets()
            .filter(|&place| self.sets[place].replicas > 0)
    }

    /// Wanted pods of all sets.
    fn total(&self) -> i32 {
        proportion::saturated(self.sets.iter().map(|set| set.replicas))
    }

    /// The deployment's size and its surge.
    fn max_replicas(&self) -> i32 {
        self.deployment
            .replicas
            .saturating_add(self.deployment.max_surge())
    }

    /// Gives a set its size and the annotations of scaling; whether its size changed.
    fn resize(&mut self, place: usize, size: i32) -> bool {
        let known = self.writes.update.iter();
        let known = known
            .rev()
            .find(|update| update.name == self.sets[place].name);
        let present = known.map_or(self.sets[place].replicas, |update| update.replicas);
        if present == size {
            return false;
        }
        self.annotate(place, size);
        let (name, direction) = (
            self.sets[place].name.clone(),
            if size > present { "up" } else { "down" },
        );
        self.tell(match self.view.release {
            Release::V1_28 => {
                format!("Scaled {direction} replica set {name} to {size} from {present}")
            }
            _ => {
                format!("Scaled {direction} replica set {name} from {present} to {size}")
            }
        });
        true
    }

    /// The annotations of scaling that a set is to have (`SetReplicasAnnotations`).
    fn annotations(&self, place: usize) -> RolloutAnnotations {
        RolloutAnnotations {
            revision: self.sets[place].rollout.revision,
            desired_replicas: Some(self.deployment.replicas),
            max_replicas: Some(self.max_replicas()),
        }
    }

    fn annotate(&mut self, place: usize, size: i32) {
        let rollout = self.annotations(place);
        self.update(place, size, rollout);
    }

    fn update(&mut self, place: usize, replicas: i32, rollout: RolloutAnnotations) {
        let name = self.sets[place].name.clone();
        let known = self.writes.update.iter_mut();
        match known.into_iter().find(|update| update.name == name) {
            Some(update) => (update.replicas, update.rollout) = (replicas, rollout),
            None => self.writes.update.push(ReplicaSetUpdate {
                name,
                replicas,
                rollout,
            }),
        }
    }

    fn tell(&mut self, message: String) {
        let event = ControllerEvent::normal("ScalingReplicaSet", message);
        self.writes.events.push(event);
    }
}
