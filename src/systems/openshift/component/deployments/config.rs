//! One configuration: its versions, the rollout of the newest, and what it reports.

use std::sync::Arc;

use model::workload::deployment::{
    ConditionKind, ConditionReason, DeploymentCondition, DeploymentStatus,
};
use model::workload::replica_set::RolloutAnnotations;
use model::workload::{Deployment, DeploymentStrategy, ReplicaSet};
use model::{
    EndReason, Event, LabelSelector, Object, ObjectChange, Operator, PodSpec, Requirement,
    RolloutStep, Text,
};
use units::{Instant, ObjectId};

use crate::openshift::deployment::{Bounds, Cause, DeploymentConfig, Outcome, Rollout as Version};
use crate::openshift::options::ConfigRules;
use crate::openshift::rollout::{Failure, Helper, Rollout, Sizes, Strategy};
use crate::parts::turn::Turn;

use super::controllers::{Controller, Desk, VERSION_LABEL};
use super::crew::Team;

/// A configuration as the controller knows it.
#[derive(Clone, Debug)]
pub(super) struct Config {
    rules: ConfigRules,
    versions: DeploymentConfig,
    /// Template of the newest version.
    template: Arc<PodSpec>,
    /// The rollout under way, with its version.
    rollout: Option<(usize, Rollout)>,
    /// Version whose replication controller was asked for.
    asked: Option<usize>,
    /// Whether pods of a cancelled version have not ended yet.
    awaits_end: bool,
    /// Whether a rollout failed, and the pods of the completed version before it are not all there again.
    goes_back: bool,
    /// Rollouts that failed, by their causes and versions.
    failed: Vec<(Failure, Text)>,
    /// Rollouts that were cancelled, whose deployers and hooks are yet to be dismissed.
    cancelled: Vec<(usize, Rollout)>,
}

/// The replication controllers of a rollout.
#[derive(Clone, Copy)]
struct Pair<'a> {
    /// That of the last completed version, if there is one.
    old: Option<&'a Controller>,
    /// That of the version that is rolled out.
    new: &'a Controller,
}

/// Goes back to the template of a version, 0 being the last completed one before the newest, as a user
/// asks for. The changed template begins a version if it triggers one.
pub(super) fn roll_back(
    id: ObjectId,
    deployment: &Arc<Deployment>,
    revision: i64,
    controllers: &[Controller],
    turn: &mut Turn<'_>,
) {
    let newest = controllers.last().map_or(0, Controller::version);
    let is_wanted = |own: &&Controller| match revision {
        0 => own.version() < newest && own.outcome() == Outcome::Complete,
        _ => own.set.rollout.revision == revision,
    };
    let mut new = Deployment {
        rollback_to: None,
        ..Deployment::clone(deployment)
    };
    if let Some(found) = controllers.iter().rev().find(is_wanted) {
        new.template = found.template();
        new.generation += 1;
    } else {
        let step = RolloutStep::BackRefused;
        turn.write(Event::Rollout { workload: id, step });
    }
    let object = Object::Deployment(Arc::new(new));
    turn.write(Event::Object(ObjectChange::Updated { id, object }));
}

/// Whether all pods are those of the completed version, and available.
fn is_back(complete: Option<&Controller>, replicas: i32, controllers: &[Controller]) -> bool {
    complete.is_some_and(|complete| {
        let mut others = controllers.iter().filter(|own| own.id != complete.id);
        complete.set.status.available >= replicas && others.all(|own| own.pods == 0)
    })
}

/// The images of a template, as one text.
fn images(template: &PodSpec) -> Text {
    let images: Vec<&str> = template.all_containers().map(|own| &*own.image).collect();
    images.join(",").into()
}

impl Config {
    /// A configuration that is new to the controller: declared just now, or kept by an earlier one; `None`
    /// while it is paused before its first version.
    pub(super) fn found(
        now: Instant,
        rules: ConfigRules,
        deployment: &Deployment,
        controllers: &[Controller],
    ) -> Option<Self> {
        let Some(newest) = controllers.last() else {
            return (!deployment.paused).then(|| Self {
                versions: DeploymentConfig::new(
                    now,
                    rules.triggers,
                    rules.has_image.then(|| images(&deployment.template)),
                ),
                rules,
                template: Arc::clone(&deployment.template),
                rollout: None,
                asked: None,
                awaits_end: false,
                goes_back: false,
                failed: Vec::new(),
                cancelled: Vec::new(),
            });
        };
        let mut versions = Vec::new();
        for number in 1..=newest.version() {
            let known = controllers.iter().find(|own| own.version() == number);
            versions.push(Version {
                cause: Cause::Manual,
                started: known.map_or(Instant::ZERO, |own| own.set.created),
                // One whose controller is gone was cleaned up long ago.
                outcome: known.map_or(Outcome::Cancelled, Controller::outcome),
            });
        }
        let template = newest.template();
        let image = Some(images(&template));
        Some(Self {
            versions: DeploymentConfig::restored(rules.triggers, image, versions),
            rules,
            template,
            rollout: None,
            asked: None,
            awaits_end: false,
            goes_back: false,
            failed: Vec::new(),
            cancelled: Vec::new(),
        })
    }

    /// The replication controller that was asked for is not there, and is asked for once more.
    pub(super) fn ask_again(&mut self) {
        self.asked = None;
    }

    /// Rollouts that failed, by their causes and versions.
    pub(super) fn failed(&self) -> &[(Failure, Text)] {
        &self.failed
    }

    /// Whether a version is rolled out, waits for the end of one that was cancelled, or is taken back.
    pub(super) fn is_rolling(&self) -> bool {
        self.rollout.is_some() || self.awaits_end || self.goes_back
    }

    /// Begins a version if something that triggers one has changed.
    pub(super) fn trigger(&mut self, now: Instant, deployment: &Deployment) {
        self.versions.set_paused(deployment.paused);
        if *deployment.template == *self.template {
            return;
        }
        let image = images(&deployment.template);
        let by_image = self.versions.image_tagged(now, &image);
        if by_image
            .or_else(|| self.versions.template_changed(now))
            .is_some()
        {
            self.template = Arc::clone(&deployment.template);
            self.goes_back = false;
            self.cancelled.extend(self.rollout.take());
        }
    }

    /// The version that is rolled out, from 1.
    fn running(&self) -> Option<usize> {
        let last = self.versions.rollouts().last()?;
        (last.outcome == Outcome::Running).then(|| self.versions.rollouts().len())
    }

    /// Goes on with the rollout, or keeps the completed version at its size: when to look again.
    pub(super) fn advance(
        &mut self,
        now: Instant,
        id: ObjectId,
        deployment: &Deployment,
        controllers: &[Controller],
        desk: &mut Desk<'_>,
    ) -> Option<Instant> {
        let complete = self.versions.last_complete();
        let named = |version| controllers.iter().find(|own| own.version() == version);
        let old = complete.and_then(named);
        let running = self.running();
        let new = running.and_then(named);
        for (version, rollout) in std::mem::take(&mut self.cancelled) {
            Team::new(deployment, version).dismiss(&rollout, false, desk);
        }
        for own in controllers {
            if Some(own.version()) != complete && Some(own.version()) != running {
                desk.scale(own, 0);
                if own.outcome() == Outcome::Running {
                    desk.mark(own, false, 0);
                    desk.tell(id, RolloutStep::Cancelled);
                    let team = Team::new(deployment, own.version());
                    desk.dismiss(&team.name(Helper::Deployer), EndReason::Error);
                }
            }
        }
        // A new version begins once nothing is left of those that were cancelled, and the completed one has
        // its size meanwhile.
        let is_left = |own: &Controller| {
            let is_other = ![complete, running].contains(&Some(own.version()));
            is_other && (own.set.replicas > 0 || own.pods > 0)
        };
        self.awaits_end = running.is_some() && controllers.iter().any(is_left);
        let Some(version) = running.filter(|_| !self.awaits_end) else {
            if let Some(old) = old {
                desk.scale(old, i64::from(deployment.replicas));
            }
            if self.goes_back && is_back(old, deployment.replicas, controllers) {
                self.goes_back = false;
                desk.tell(id, RolloutStep::RolledBack);
            }
            return None;
        };
        let Some(new) = new else {
            if self.asked != Some(version) {
                self.asked = Some(version);
                let object = Self::controller(now, version, deployment, &self.template);
                desk.create(id, object);
            }
            return None;
        };
        self.roll(now, id, deployment, Pair { old, new }, desk)
    }

    /// One look at the rollout of a version.
    fn roll(
        &mut self,
        now: Instant,
        id: ObjectId,
        deployment: &Deployment,
        pair: Pair<'_>,
        desk: &mut Desk<'_>,
    ) -> Option<Instant> {
        let Pair { old, new } = pair;
        let (version, replicas) = (new.version(), deployment.replicas);
        let known = self.rollout.filter(|own| own.0 == version);
        let mut rollout = known.map_or_else(
            || {
                let made = new.set.created;
                Rollout::new(now, self.strategy(deployment), i64::from(replicas), made)
            },
            |own| own.1,
        );
        let sizes = Sizes {
            old: old.map_or(0, |own| i64::from(own.set.replicas)),
            old_pods: old.map_or(0, |own| own.pods as i64),
            new: i64::from(new.set.replicas),
            new_pods: new.pods as i64,
            new_available: i64::from(new.set.status.available),
            has_old: old.is_some(),
        };
        let team = Team::new(deployment, version);
        let step = rollout.step(now, sizes, &desk.crew(&team), &self.rules.rollout);
        if let Some(helper) = step.start {
            let left = rollout.left(now, &self.rules.rollout);
            desk.start(&team.errand(helper, &self.rules, left));
        }
        if let Some(end) = step.end {
            team.dismiss(&rollout, end.is_ok(), desk);
        }
        self.rollout = Some((version, rollout));
        if let (Some(old), Some(size)) = (old, step.old) {
            desk.scale(old, size);
        }
        if let Some(size) = step.new {
            desk.scale(new, size);
        }
        let Some(end) = step.end else {
            return step.wake;
        };
        let success = end.is_ok();
        if let Err(why) = end {
            let name = new.set.name.clone();
            self.failed.push((why, name));
        }
        self.versions.ended(version, success);
        self.rollout = None;
        desk.mark(new, success, replicas);
        if success {
            desk.scale(new, i64::from(replicas));
        } else {
            desk.scale(new, 0);
            if let Some(old) = old {
                desk.scale(old, i64::from(replicas));
            }
            self.goes_back = old.is_some();
            let step = match old {
                Some(_) => RolloutStep::RollingBack,
                None => RolloutStep::Failed,
            };
            desk.tell(id, step);
        }
        None
    }

    /// The way in which the configuration replaces its pods.
    fn strategy(&self, deployment: &Deployment) -> Strategy {
        match deployment.strategy {
            _ if !self.rules.rollout.script.is_empty() => Strategy::Custom,
            DeploymentStrategy::Recreate => Strategy::Recreate,
            DeploymentStrategy::RollingUpdate(rolling) => {
                Strategy::Rolling(Bounds::of(deployment.replicas, rolling))
            }
        }
    }

    /// The replication controller of a version, without pods at first.
    fn controller(
        now: Instant,
        version: usize,
        deployment: &Deployment,
        template: &PodSpec,
    ) -> Object {
        let name: Text = format!("{}-{version}", deployment.name).into();
        let mut template = PodSpec::clone(template);
        template.labels.insert(VERSION_LABEL.into(), name.clone());
        let mut selector: LabelSelector = deployment.selector.clone();
        selector.requirements.push(Requirement {
            key: VERSION_LABEL.into(),
            operator: Operator::In,
            values: vec![name.clone()],
        });
        Object::ReplicationController(Arc::new(ReplicaSet {
            namespace: deployment.namespace.clone(),
            name,
            selector,
            template: Arc::new(template),
            replicas: 0,
            min_ready: deployment.min_ready,
            created: now,
            rollout: RolloutAnnotations {
                revision: version as i64,
                ..RolloutAnnotations::default()
            },
            ..ReplicaSet::default()
        }))
    }

    /// Deletes controllers without pods beyond the history limit, the oldest first.
    pub(super) fn clean_up(
        &self,
        deployment: &Deployment,
        controllers: &[Controller],
        desk: &mut Desk<'_>,
    ) {
        let Some(limit) = deployment.revision_history_limit else {
            return;
        };
        let kept = [self.versions.last_complete(), self.running()];
        let is_old = |own: &&Controller| {
            !kept.contains(&Some(own.version())) && own.set.replicas == 0 && own.pods == 0
        };
        let old: Vec<&Controller> = controllers.iter().filter(is_old).collect();
        let surplus = old.len().saturating_sub(limit.max(0) as usize);
        // The newest version stays, for its number is the next one's base.
        let newest = controllers.last().map(|own| own.id);
        for own in old.into_iter().take(surplus) {
            if Some(own.id) != newest {
                desk.delete(own);
            }
        }
    }

    /// Reports the standing of the configuration.
    pub(super) fn report(
        &self,
        now: Instant,
        id: ObjectId,
        deployment: &Arc<Deployment>,
        controllers: &[Controller],
        desk: &mut Desk<'_>,
    ) {
        let statuses = controllers.iter().map(|own| own.set.status);
        let (mut replicas, mut ready, mut available) = (0, 0, 0);
        for own in statuses {
            replicas += own.replicas;
            ready += own.ready;
            available += own.available;
        }
        let newest = self.versions.rollouts().len();
        let updated = controllers.iter().find(|own| own.version() == newest);
        let mut status = DeploymentStatus {
            observed_generation: deployment.generation,
            replicas,
            updated: updated.map_or(0, |own| own.set.status.replicas),
            ready,
            available,
            unavailable: (deployment.replicas - available).max(0),
            revision: newest as i64,
            conditions: deployment.status.conditions.clone(),
        };
        if let Some(last) = self.versions.rollouts().last() {
            let (is_fine, reason) = match last.outcome {
                Outcome::Running => (true, ConditionReason::ReplicaSetUpdated),
                Outcome::Complete => (true, ConditionReason::NewReplicaSetAvailable),
                Outcome::Failed | Outcome::Cancelled => {
                    (false, ConditionReason::ProgressDeadlineExceeded)
                }
            };
            status.set(DeploymentCondition {
                kind: ConditionKind::Progressing,
                status: Some(is_fine),
                reason,
                updated: now,
                changed: now,
            });
        }
        if status != deployment.status {
            let new = Deployment {
                status,
                ..Deployment::clone(deployment)
            };
            let object = Object::Deployment(Arc::new(new));
            desk.update(ObjectChange::Updated { id, object });
        }
    }
}
