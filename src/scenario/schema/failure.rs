//! `failures:` of the experiment file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rng::Distribution;
use crate::units::Duration;

/// Something that fails. Which fields go with which kind is said at the kinds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// What fails.
    pub kind: FailureKind,
    /// The node's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub node: Option<String>,
    /// The nodes of this zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub zone: Option<String>,
    /// The nodes with this label, such as `rack: r7`: a domain that fails as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub domain: Option<BTreeMap<String, String>>,
    /// When, after the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Duration>,
    /// For how long; without it for good.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Option<Duration>,
    /// From one crash's repair to the next crash of a node: a distribution, such as
    /// `weibull(30d, 0.7)`; of a spot node, how long it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtbf: Option<Distribution>,
    /// How long a repair takes: a distribution, such as `lognormal(2h, 1.0)`; of a spot node, how
    /// long until another takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Distribution>,
    /// From one loss of contact to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub every: Option<Duration>,
    /// How long each loss of contact lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub down: Option<Duration>,
    /// How long before its end a spot node says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Duration>,
    /// The image's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub image: Option<String>,
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A `node` is down from `at`, `for` a while.
    NodeOutage,
    /// All nodes of a `zone` or `domain` are down from `at`, `for` a while.
    ZoneOutage,
    /// A `node`, `zone` or `domain` is cut off from the control plane from `at`, `for` a while: its
    /// processes run on. Needs `models.nodeLife`.
    Partition,
    /// A `node`, `zone` or `domain` is cut off again and again: from `at`, `for` a while, `every`
    /// so often, `down` each time. Needs `models.nodeLife`.
    Flapping,
    /// Nodes crash by a distribution `mtbf` and take `repair`: all, or those of a `zone` or
    /// `domain`, or one `node`.
    NodeCrash,
    /// Nodes are taken back after `mtbf` with a `notice` and replaced after `repair`: all, or those
    /// of a `zone` or `domain`, or one `node`.
    Spot,
    /// No scheduler or controller acts from `at`, `for` a while; containers run on.
    ControlPlaneOutage,
    /// The registry does not answer from `at`, `for` a while: what is on its way to nodes breaks off,
    /// and nothing else comes. Needs `models.images`.
    RegistryOutage,
    /// An `image` comes corrupted from `at`, `for` a while: nodes find that once they have it, and
    /// drop it. Needs `models.images`.
    CorruptedImage,
}

impl FailureKind {
    /// The fields that it needs, and those that it may have besides; of `node`, `zone` and
    /// `domain` at most one is given.
    pub const fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::NodeOutage => (&["node", "at"], &["for"]),
            Self::ZoneOutage => (&["at"], &["zone", "domain", "for"]),
            Self::Partition => (&["at"], &["node", "zone", "domain", "for"]),
            Self::Flapping => (&["at", "every", "down"], &["node", "zone", "domain", "for"]),
            Self::NodeCrash => (&["mtbf", "repair"], &["node", "zone", "domain"]),
            Self::Spot => (&["mtbf", "repair", "notice"], &["node", "zone", "domain"]),
            Self::ControlPlaneOutage | Self::RegistryOutage => (&["at"], &["for"]),
            Self::CorruptedImage => (&["image", "at"], &["for"]),
        }
    }

    /// Whether it has to be said whom it strikes.
    pub const fn needs_target(self) -> bool {
        matches!(self, Self::ZoneOutage | Self::Partition | Self::Flapping)
    }

    /// Whether it can't be told unless the control plane learns of its nodes by heartbeats.
    pub const fn needs_contact(self) -> bool {
        matches!(self, Self::Partition | Self::Flapping)
    }
}

impl Failure {
    /// The fields that are given.
    pub fn given(&self) -> Vec<&'static str> {
        [
            ("node", self.node.is_some()),
            ("zone", self.zone.is_some()),
            ("domain", self.domain.is_some()),
            ("at", self.at.is_some()),
            ("for", self.lasts.is_some()),
            ("mtbf", self.mtbf.is_some()),
            ("repair", self.repair.is_some()),
            ("every", self.every.is_some()),
            ("down", self.down.is_some()),
            ("notice", self.notice.is_some()),
            ("image", self.image.is_some()),
        ]
        .into_iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| name)
        .collect()
    }
}
