//! Automatic deployment as the log of a run has it: pushes of images, and their steps on the way to
//! the pods that run them (spec: orchestrators-a.md section 9.1).

use serde::{Deserialize, Serialize};

use super::Text;
use units::Instant;

/// Fault of a version of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VersionFault {
    /// Its containers fail a second after their start, with exit code 1.
    Crash,
    /// Its application never answers a probe.
    Unready,
}

/// A push of an image to a registry, or of source code that an image is built from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Push {
    /// Repository and tag of the image, such as `shop/web:v2`.
    pub image: Text,
    /// Digest that the tag names from now on; `None` where a tag is never used twice.
    pub digest: Option<Text>,
    /// Whether source code was pushed, whose image is yet to be built.
    pub is_source: bool,
    /// Fault of the version; `None` where it works.
    pub fault: Option<VersionFault>,
}

/// A step of a push on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The push.
    pub push: Push,
    /// Instant of the push.
    pub pushed: Instant,
    /// Workload that the step is about, as `KIND/NAMESPACE/NAME`; empty before there is one.
    pub workload: Text,
    /// The step.
    pub step: DeliveryStep,
}

/// Kind of a step of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeliveryStep {
    /// A user pushes it.
    Pushed,
    /// The image is built and in the registry.
    Built,
    /// A stage of its build failed.
    BuildFailed,
    /// A newer push took the place of its build before that began.
    BuildCancelled,
    /// No workload runs an image of the repository, or follows the tag.
    Unused,
    /// The system replaces no running pods.
    Unsupported,
    /// The workload runs this image already, or it was rolled back.
    Unchanged,
    /// The rollout begins.
    RolloutBegan,
    /// The first new pod is ready.
    FirstReplica,
    /// All pods are new and ready.
    Delivered,
    /// The rollout made no progress in time, or the system gave it up.
    Failed,
    /// All pods are of the version before again.
    RolledBack,
    /// A newer version, or a change by a user, took the place of its rollout; or a look at the registry found
    /// a newer push of the tag.
    Superseded,
}

impl DeliveryStep {
    /// All steps, each at its own number.
    pub const ALL: [Self; 13] = [
        Self::Pushed,
        Self::Built,
        Self::BuildFailed,
        Self::BuildCancelled,
        Self::Unused,
        Self::Unsupported,
        Self::Unchanged,
        Self::RolloutBegan,
        Self::FirstReplica,
        Self::Delivered,
        Self::Failed,
        Self::RolledBack,
        Self::Superseded,
    ];

    /// The step's name in tables and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::Built => "built",
            Self::BuildFailed => "build-failed",
            Self::BuildCancelled => "build-cancelled",
            Self::Unused => "unused",
            Self::Unsupported => "unsupported",
            Self::Unchanged => "unchanged",
            Self::RolloutBegan => "rollout-began",
            Self::FirstReplica => "first-replica",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::Superseded => "superseded",
        }
    }
}

impl Push {
    /// Repository of the image.
    pub fn repository(&self) -> &str {
        repository(&self.image)
    }

    /// The image as containers name it: by its digest where it has one, else by its tag.
    pub fn resolved(&self) -> Text {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.repository()).into(),
            None => self.image.clone(),
        }
    }
}

/// Repository of an image: its name without tag and digest.
///
/// ```
/// use model::delivery::repository;
///
/// assert_eq!(repository("registry:5000/shop/web:v2"), "registry:5000/shop/web");
/// assert_eq!(repository("shop/web@sha256:0"), "shop/web");
/// ```
pub fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    match image[last..].find(':') {
        Some(colon) => &image[..last + colon],
        None => image,
    }
}

/// Tag of an image: `latest` where it names none.
///
/// ```
/// use model::delivery::tag;
///
/// assert_eq!(tag("registry:5000/shop/web:v2"), "v2");
/// assert_eq!(tag("registry:5000/shop/web@sha256:0"), "latest");
/// ```
pub fn tag(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let rest = &name[repository(name).len()..];
    rest.strip_prefix(':').unwrap_or("latest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stand_at_their_numbers() {
        for (number, step) in DeliveryStep::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, number, "{}", step.name());
        }
    }

    #[test]
    fn images_are_named_by_digest_where_there_is_one() {
        let push = Push {
            image: "shop/web:latest".into(),
            digest: Some("sha256:1".into()),
            is_source: false,
            fault: None,
        };
        assert_eq!(&*push.resolved(), "shop/web@sha256:1");
        let tagged = Push {
            digest: None,
            ..push
        };
        assert_eq!(&*tagged.resolved(), "shop/web:latest");
    }
}
