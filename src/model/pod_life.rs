//! How a pod lives on its node, as manifests state it: restarts, grace, probes, pulls
//! (spec: kubernetes.md part 4). No placement depends on it.

use super::workload::Probe;
use super::workload::probe::DEFAULT_GRACE_SECS;
use crate::units::Duration;

/// How long a pod may take to end by default.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(DEFAULT_GRACE_SECS);

/// When containers that end are started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RestartPolicy {
    /// Whenever they end.
    #[default]
    Always,
    /// When they fail.
    OnFailure,
    /// Never.
    Never,
}

/// When images are asked for at the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PullPolicy {
    /// At every start: layers that are present aren't transferred again.
    Always,
    /// When the node does not have them.
    IfNotPresent,
    /// Never: a container whose image the node does not have can't start.
    Never,
}

/// How a pod lives on its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodLife {
    /// When its containers are started again.
    pub restart: RestartPolicy,
    /// How its containers live, in the order of [`super::PodSpec::containers`]; those left out have
    /// the defaults.
    pub containers: Vec<ContainerLife>,
    /// The same of [`super::PodSpec::init_containers`].
    pub init_containers: Vec<ContainerLife>,
}

/// How a container lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerLife {
    /// Whether it has started.
    pub startup: Option<Probe>,
    /// Whether it lives.
    pub liveness: Option<Probe>,
    /// Whether it serves.
    pub readiness: Option<Probe>,
    /// How long its hook before the stop takes.
    pub pre_stop: Duration,
    /// When its image is asked for; `None` is as its tag says: always for `latest`.
    pub pull: Option<PullPolicy>,
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
