//! Deployment configurations: what triggers a new version, and the bounds of a rolling update
//! (openshift-controller-manager `pkg/apps/deploymentconfig`, `pkg/image/trigger/deploymentconfigs`).

use model::Text;
use model::workload::deployment::RollingUpdate;
use units::Instant;

/// Bounds of a rolling update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most pods, old and new.
    pub max_total: i64,
    /// Least number of available ones.
    pub min_available: i64,
}

impl Bounds {
    /// Bounds of a rolling update: the surge rounds up, what may be missing rounds down, and where both come
    /// to 0, one may be missing.
    pub fn of(replicas: i32, update: RollingUpdate) -> Self {
        let replicas = replicas.max(0);
        let (surge, missing) = update.resolved(replicas);
        Self {
            max_total: i64::from(replicas) + i64::from(surge),
            min_available: (i64::from(replicas) - i64::from(missing)).max(0),
        }
    }
}

/// Cause of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its pod template changed (`ConfigChange`).
    Config,
    /// A tag that it watches names another image (`ImageChange`).
    Image,
    /// A user asked for it.
    Manual,
}

impl Cause {
    /// Name of the trigger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "ConfigChange",
            Self::Image => "ImageChange",
            Self::Manual => "Manual",
        }
    }
}

/// End of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It runs.
    Running,
    /// All its pods are there.
    Complete,
    /// It made no progress in time, or a hook aborted it.
    Failed,
    /// A newer version took its place.
    Cancelled,
}

/// A version of a configuration and its rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Cause of the version.
    pub cause: Cause,
    /// Instant at which the rollout began.
    pub started: Instant,
    /// End of the rollout.
    pub outcome: Outcome,
}

/// Triggers of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triggers {
    /// Whether a changed template is a new version.
    pub on_config: bool,
    /// Whether a changed image is a new version, without being asked for.
    pub on_image: bool,
}

/// A deployment configuration. Its version is the position of a rollout, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentConfig {
    triggers: Triggers,
    /// Image that the watched tag names, once it is resolved.
    image: Option<Text>,
    is_paused: bool,
    rollouts: Vec<Rollout>,
}

impl DeploymentConfig {
    /// A configuration that is declared; where it watches a tag that names no image yet, its first
    /// version waits for one.
    pub fn new(now: Instant, triggers: Triggers, image: Option<Text>) -> Self {
        let mut own = Self {
            triggers,
            image,
            is_paused: false,
            rollouts: Vec::new(),
        };
        if triggers.on_image {
            if own.image.is_some() {
                own.roll_out(now, Cause::Image);
            }
        } else if triggers.on_config {
            own.roll_out(now, Cause::Config);
        }
        own
    }

    /// A configuration as its versions show it, the newest of which has an image.
    pub const fn restored(triggers: Triggers, image: Option<Text>, rollouts: Vec<Rollout>) -> Self {
        Self {
            triggers,
            image,
            is_paused: false,
            rollouts,
        }
    }

    /// All rollouts so far.
    pub fn rollouts(&self) -> &[Rollout] {
        &self.rollouts
    }

    /// Last version that was rolled out with success, to which a failed rollout goes back.
    pub fn last_complete(&self) -> Option<usize> {
        let is_complete = |own: &Rollout| own.outcome == Outcome::Complete;
        self.rollouts.iter().rposition(is_complete).map(|at| at + 1)
    }

    /// Pauses the configuration, or lets it go on.
    pub const fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// The watched tag names an image: the new version, if there is one.
    pub fn image_tagged(&mut self, now: Instant, image: &Text) -> Option<usize> {
        if self.is_paused || !self.triggers.on_image || self.image.as_ref() == Some(image) {
            return None;
        }
        self.image = Some(image.clone());
        Some(self.roll_out(now, Cause::Image))
    }

    /// The pod template changed: the new version, if there is one.
    pub fn template_changed(&mut self, now: Instant) -> Option<usize> {
        let awaits_image = self.triggers.on_image && self.image.is_none();
        let acts = self.triggers.on_config && !self.is_paused && !awaits_image;
        acts.then(|| self.roll_out(now, Cause::Config))
    }

    /// A user asks for a new version.
    pub fn asked_for(&mut self, now: Instant) -> Option<usize> {
        (!self.is_paused).then(|| self.roll_out(now, Cause::Manual))
    }

    /// A rollout has ended.
    pub fn ended(&mut self, version: usize, success: bool) {
        let rollout = version
            .checked_sub(1)
            .and_then(|at| self.rollouts.get_mut(at));
        if let Some(own) = rollout.filter(|own| own.outcome == Outcome::Running) {
            own.outcome = if success {
                Outcome::Complete
            } else {
                Outcome::Failed
            };
        }
    }

    /// Begins a version; one that is rolled out is cancelled first.
    fn roll_out(&mut self, started: Instant, cause: Cause) -> usize {
        for own in self
            .rollouts
            .iter_mut()
            .filter(|own| own.outcome == Outcome::Running)
        {
            own.outcome = Outcome::Cancelled;
        }
        self.rollouts.push(Rollout {
            cause,
            started,
            outcome: Outcome::Running,
        });
        self.rollouts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::workload::Count;

    #[test]
    fn worked_bounds_of_rolling_updates() {
        let bounds = |replicas, surge, missing| {
            let own = Bounds::of(
                replicas,
                RollingUpdate {
                    max_surge: Count::Percent(surge),
                    max_unavailable: Count::Percent(missing),
                },
            );
            (own.max_total, own.min_available)
        };
        assert_eq!(bounds(4, 25, 25), (5, 3));
        assert_eq!(bounds(3, 25, 25), (4, 3));
        assert_eq!(bounds(10, 25, 25), (13, 8));
        assert_eq!(bounds(1, 25, 25), (2, 1));
        assert_eq!(bounds(5, 0, 10), (5, 4));
        assert_eq!(bounds(0, 25, 25), (0, 0));
    }

    #[test]
    fn images_and_templates_trigger_versions() {
        let at = Instant::from_secs;
        let both = Triggers {
            on_config: true,
            on_image: true,
        };
        let mut own = DeploymentConfig::new(at(0), both, None);
        assert_eq!(own.template_changed(at(1)), None);
        assert_eq!(own.image_tagged(at(60), &"sha1".into()), Some(1));
        own.ended(1, true);
        assert_eq!(own.image_tagged(at(300), &"sha2".into()), Some(2));
        assert_eq!(own.template_changed(at(310)), Some(3));
        assert_eq!(own.image_tagged(at(400), &"sha2".into()), None);
        let outcomes: Vec<Outcome> = own.rollouts().iter().map(|own| own.outcome).collect();
        assert_eq!(
            outcomes,
            [Outcome::Complete, Outcome::Cancelled, Outcome::Running]
        );
        assert_eq!(own.last_complete(), Some(1));
        own.ended(3, false);
        own.set_paused(true);
        assert_eq!(own.asked_for(at(500)), None);
        let config = Triggers {
            on_config: true,
            on_image: false,
        };
        assert_eq!(
            DeploymentConfig::new(at(0), config, None).rollouts().len(),
            1
        );
    }
}
