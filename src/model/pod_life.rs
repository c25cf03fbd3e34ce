//! Life of a pod on its node, as manifests state it: restarts, grace, probes, pulls (spec:
//! kubernetes.md part 4). No placement depends on it.

use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

use super::workload::Probe;
use super::{PodSpec, Text};
use units::Duration;

/// Condition under which containers that end are started again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum RestartPolicy {
    /// Whenever they end.
    #[default]
    Always,
    /// Containers that fail are started again.
    OnFailure,
    /// Never.
    Never,
}

/// Condition under which images are asked for at the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PullPolicy {
    /// At every start: layers that are present aren't transferred again.
    Always,
    /// Images are asked for if the node does not have them.
    IfNotPresent,
    /// Never: a container whose image the node does not have can't start.
    Never,
}

/// Life of a pod on its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodLife {
    /// Condition under which the pod's containers are started again.
    pub restart: RestartPolicy,
    /// Lives of the containers, in the order of [`super::PodSpec::containers`]; those left out have
    /// the defaults.
    pub containers: Vec<ContainerLife>,
    /// Life of each of [`super::PodSpec::init_containers`].
    pub init_containers: Vec<ContainerLife>,
}

/// Life of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContainerLife {
    /// Probe that finds out that the container has started.
    pub startup: Option<Probe>,
    /// Probe that finds out that the container is alive.
    pub liveness: Option<Probe>,
    /// Probe that finds out that the container serves.
    pub readiness: Option<Probe>,
    /// The container's health check in Docker's manner, for systems that have such.
    pub health_check: Option<HealthCheck>,
    /// Time that the hook before the stop takes.
    pub pre_stop: Duration,
    /// Condition under which the container's image is asked for; `None` is as its tag says: always
    /// for `latest`.
    pub pull: Option<PullPolicy>,
    /// Behaviour of the container's application.
    pub application: Application,
}

impl Hash for ContainerLife {
    // What has no health check has the bytes that it had before there were any.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            startup,
            liveness,
            readiness,
            health_check,
            pre_stop,
            pull,
            application,
        } = self;
        (startup, liveness, readiness).hash(state);
        (pre_stop, pull, application).hash(state);
        if let Some(check) = health_check {
            check.hash(state);
        }
    }
}

/// A health check in Docker's manner (spec: orchestrators-a.md 9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Time from the end of a probe to the next.
    pub interval: Duration,
    /// A probe that takes longer has failed.
    pub timeout: Duration,
    /// Number of consecutive failures that make a container unhealthy.
    pub retries: u32,
    /// Failures of probes that begin within this time do not count before the first success.
    pub start_period: Duration,
    /// The interval within the start period, before the first success.
    pub start_interval: Duration,
}

impl Default for HealthCheck {
    /// Docker's defaults.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
            retries: 3,
            start_period: Duration::ZERO,
            start_interval: Duration::from_secs(5),
        }
    }
}

/// Behaviour of an application in a running container. Kubernetes manifests do not state it;
/// annotations of the pod (template) do.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Application {
    /// Run time: a duration or a distribution, in the notation of experiment files; `None` is the
    /// pod's run time, or, of an init container, no time at all.
    pub run_time: Option<Text>,
    /// The code that it ends with; `None` is what the pod says, or, of an init container, 0.
    pub exit_code: Option<i32>,
    /// Times at which the application answers probes.
    pub health: Health,
    /// Time that an answer takes; a probe with a shorter time-out fails.
    pub answer_time: Duration,
    /// Time that the application takes to end once it is asked to.
    pub stop_time: Duration,
}

/// Times at which an application answers, counted from its container's start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Health {
    /// Time from which the application answers.
    pub from: Duration,
    /// Time until which the application answers; `None` is for good.
    pub until: Option<Duration>,
    /// Times between which probes can't be made, so that they neither succeed nor fail.
    pub unknown: Option<(Duration, Duration)>,
}

/// Reason an image could not be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PullError {
    /// The registry did not answer.
    RegistryUnavailable,
    /// The transferred image is corrupted.
    Corrupted,
    /// The node's disk has no room for it.
    NoSpace,
    /// The node does not have it, and its policy is never to pull.
    NeverPull,
    /// The node went down meanwhile.
    Interrupted,
}

impl PullError {
    /// The reason that the container's state shows.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NeverPull => "ErrImageNeverPull",
            _ => "ErrImagePull",
        }
    }

    /// Describes the problem in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::RegistryUnavailable => "the registry does not answer",
            Self::Corrupted => "the image is corrupted",
            Self::NoSpace => "no space left on the node",
            Self::NeverPull => "the node does not have it and may not pull it",
            Self::Interrupted => "the node went down",
        }
    }
}

impl RestartPolicy {
    /// Whether a container that ended so is started again.
    pub const fn restarts(self, success: bool) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => !success,
            Self::Never => false,
        }
    }
}

impl PullPolicy {
    /// The policy of an image that states none (spec: kubernetes.md part 4).
    pub fn of_image(image: &str) -> Self {
        let name = image.rsplit('/').next().unwrap_or(image);
        if name.contains('@') {
            return Self::IfNotPresent;
        }
        match name.split_once(':') {
            None | Some((_, "latest")) => Self::Always,
            Some(_) => Self::IfNotPresent,
        }
    }
}

impl PodSpec {
    /// The number of the first container that is no init container: the one that a node runs which starts the
    /// pod whole.
    pub const fn main_container(&self) -> usize {
        self.init_containers.len()
    }

    /// Life of that container, where it is stated.
    pub fn main_life(&self) -> Option<&ContainerLife> {
        self.container_life(self.main_container())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_decide_when_images_are_pulled() {
        for (image, expected) in [
            ("shop", PullPolicy::Always),
            ("shop:latest", PullPolicy::Always),
            ("registry:5000/shop", PullPolicy::Always),
            ("registry:5000/shop:v2", PullPolicy::IfNotPresent),
            ("shop@sha256:0", PullPolicy::IfNotPresent),
        ] {
            assert_eq!(PullPolicy::of_image(image), expected, "{image}");
        }
    }
}
