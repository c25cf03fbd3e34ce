//! `failures:` of the experiment file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::share::Share;
use rng::Distribution;
use units::Duration;

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
    /// A domain of `cluster.domains` by its label and name, such as `rack: r7`, with all that is in
    /// it; or the nodes with this label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub domain: Option<BTreeMap<String, String>>,
    /// Every domain of this label by itself, such as `rack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub each: Option<String>,
    /// When, after the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Duration>,
    /// For how long; without it for good.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Option<Duration>,
    /// From one failure's end to the next: a distribution, such as `weibull(30d, 0.7)`; of a spot
    /// node, how long it is kept.
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
    /// How long before its end a spot node says so; how long before a maintenance its nodes are
    /// cordoned and drained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Duration>,
    /// The image's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub image: Option<String>,
    /// The probability that a spot node is taken back within a month of 30 days, in place of
    /// `mtbf`, such as `5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_month: Option<Share>,
    /// Crashes that take others along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// The failure log: the log of Los Alamos, or a table `node,down,up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub path: Option<String>,
    /// Of the log of Los Alamos, the system whose nodes are taken, by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<u32>,
    /// Of the log of Los Alamos, the date of the run's start; default the first of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<String>,
    /// How many times as long work takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub factor: Option<f64>,
    /// Which share of the pods, or of a pool's nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Which part of the control plane; default all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ControlPart>,
    /// How long a new leader waits for the lease of the old one to expire; default 15s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Duration>,
    /// From there to its election: a distribution; default `uniform(0s, 2s)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub election: Option<Distribution>,
    /// How many managers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 99))]
    pub managers: Option<u32>,
    /// The name of a framework of Mesos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub framework: Option<String>,
    /// How much later changes are seen, or requests answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// How many requests a second are answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001, max = 1_000_000))]
    pub requests_per_second: Option<f64>,
    /// With what probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Share>,
    /// After how long who asked gives up; default 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

/// Crashes that take other nodes along (spec: orchestrators-b.md 10.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Burst {
    /// With what probability a crash is the first of several; default 37 %.
    #[serde(default = "burst_probability")]
    pub probability: Share,
    /// With what probability one more node crashes after the second, and so on; default 50 %.
    #[serde(default = "half")]
    pub more: Share,
    /// The label of the domains, such as racks, from which most of the others come; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub within: Option<String>,
    /// With what probability another is of the same domain; default 80 %.
    #[serde(default = "burst_share")]
    pub share: Share,
    /// Within what time they crash; default 120s.
    #[serde(default = "burst_spread")]
    pub spread: Duration,
}

fn burst_probability() -> Share {
    Share::of(0.37)
}

fn half() -> Share {
    Share::of(0.5)
}

fn burst_share() -> Share {
    Share::of(0.8)
}

const fn burst_spread() -> Duration {
    Duration::from_secs(120)
}

/// A part of the control plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControlPart {
    /// Every component.
    #[default]
    All,
    /// What places pods.
    Scheduler,
    /// Everything else.
    Controllers,
}

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A `node` is down from `at`, `for` a while.
    NodeOutage,
    /// All nodes of a `zone` or `domain` are down from `at`, `for` a while.
    ZoneOutage,
    /// A `domain`, or `each` of a label, is down as one, again and again: by `mtbf` and `repair`.
    DomainOutage,
    /// A `node`, `zone` or `domain` is cut off from the control plane from `at`, `for` a while: its
    /// processes run on. Needs `models.nodeLife`.
    Partition,
    /// A `node`, `zone` or `domain` is cut off again and again: from `at`, `for` a while, `every`
    /// so often, `down` each time. Needs `models.nodeLife`.
    Flapping,
    /// Nodes crash by a distribution `mtbf` and take `repair`: all, or those of a `zone` or
    /// `domain`, or one `node`; in a `burst`, where one is given.
    NodeCrash,
    /// Nodes are down as a log says (`path`).
    FailureLog,
    /// Work on a `node`, `zone`, `domain` or everywhere takes `factor` times as long: from `at`,
    /// `for` a while, or again and again by `mtbf` and `repair`.
    SlowNode,
    /// A `share` of the pods takes between twice and `factor` times as long.
    Stragglers,
    /// The disk of a `node`, or of every node of a `zone` or `domain`, is full: it takes no new pods
    /// from `at`, `for` a while.
    DiskFull,
    /// The container runtime of a `node`, or of every node of a `zone` or `domain`, does not answer
    /// from `at`, `for` a while: what runs goes on, nothing is started or stopped, and after 30 s the
    /// node says that it is not ready.
    RuntimeOutage,
    /// A `node`, `zone` or `domain` is cordoned and drained, as budgets allow, `notice` before
    /// `at`, is down from `at`, `for` a while, and comes back.
    Maintenance,
    /// Nodes are taken back after `mtbf`, or by the probability `perMonth`, with a `notice` and
    /// replaced after `repair`: all, or those of a `zone` or `domain`, or one `node`; or of `each`
    /// domain of a label a `share` at a time.
    Spot,
    /// No scheduler or controller acts and no user is answered from `at`, `for` a while; containers
    /// run on.
    ControlPlaneOutage,
    /// The registry does not answer from `at`, `for` a while: what is on its way to nodes breaks off,
    /// and nothing else comes. Needs `models.images`.
    RegistryOutage,
    /// An `image` comes corrupted from `at`, `for` a while: nodes find that once they have it, and
    /// drop it. Needs `models.images`.
    CorruptedImage,
    /// The leader of a `component` crashes at `at`, or by `mtbf`: what it had in memory is lost,
    /// another is elected once its `lease` has expired and the `election` is over, and begins
    /// with what is stored.
    LeaderFailover,
    /// So many `managers` of a system that has several are away from `at`, `for` a while, the leader
    /// first; of one whose managers vote, a majority away is the loss of its quorum. The control plane
    /// of Kubernetes counts as three: one away is a leader fail-over, two are an outage.
    ManagerLoss,
    /// What lists the nodes of a system that discovers them does not answer from `at`, `for` a
    /// while; nodes of other systems than `swarm` make themselves known.
    DiscoveryOutage,
    /// A `framework` of Mesos is away from `at`, `for` a while: its tasks run on until its
    /// `failoverTimeout` is over, and are killed then.
    FrameworkOutage,
    /// A `component` sees changes `delay` later from `at`, `for` a while.
    WatchDelay,
    /// A `component` sees no changes from `at`, `for` a while, then all of them.
    StaleCache,
    /// Requests to bind pods are refused with a `probability` from `at`, `for` a while.
    RefusedBinds,
    /// Requests to bind pods are lost with a `probability` from `at`, `for` a while: the scheduler
    /// gives up after `timeout`.
    LostBinds,
    /// Requests of a `component` take `delay`, or are answered `requestsPerSecond` at most, from
    /// `at`, `for` a while.
    SlowApi,
}

impl FailureKind {
    /// The fields that it needs, and those that it may have besides; of `node`, `zone`, `domain`
    /// and `each` at most one is given.
    pub const fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::NodeOutage => (&["node", "at"], &["for"]),
            Self::ZoneOutage => (&["at"], &["zone", "domain", "for"]),
            Self::DomainOutage => (&["mtbf", "repair"], &["zone", "domain", "each"]),
            Self::Partition | Self::DiskFull | Self::RuntimeOutage => {
                (&["at"], &["node", "zone", "domain", "for"])
            }
            Self::Flapping => (&["at", "every", "down"], &["node", "zone", "domain", "for"]),
            Self::CorruptedImage => (&["image", "at"], &["for"]),
            Self::NodeCrash => (&["mtbf", "repair"], &["node", "zone", "domain", "burst"]),
            Self::FailureLog => (&["path"], &["system", "from"]),
            Self::SlowNode => (
                &["factor"],
                &["node", "zone", "domain", "at", "for", "mtbf", "repair"],
            ),
            Self::Stragglers => (&["share", "factor"], &[]),
            Self::Maintenance => (&["at", "for"], &["node", "zone", "domain", "notice"]),
            Self::Spot => (
                &["repair", "notice"],
                &[
                    "mtbf", "perMonth", "node", "zone", "domain", "each", "share",
                ],
            ),
            Self::ControlPlaneOutage | Self::RegistryOutage | Self::DiscoveryOutage => {
                (&["at"], &["for"])
            }
            Self::ManagerLoss => (&["managers", "at"], &["for"]),
            Self::FrameworkOutage => (&["framework", "at"], &["for"]),
            Self::LeaderFailover => (&[], &["at", "mtbf", "component", "lease", "election"]),
            Self::WatchDelay => (&["at", "delay"], &["for", "component"]),
            Self::StaleCache => (&["at", "for"], &["component"]),
            Self::RefusedBinds => (&["probability"], &["at", "for"]),
            Self::LostBinds => (&["probability"], &["at", "for", "timeout"]),
            Self::SlowApi => (
                &[],
                &["at", "for", "delay", "requestsPerSecond", "component"],
            ),
        }
    }

    /// Fields of which exactly one is needed.
    pub const fn one_of(self) -> &'static [&'static str] {
        match self {
            Self::SlowNode | Self::LeaderFailover => &["at", "mtbf"],
            Self::Spot => &["mtbf", "perMonth"],
            Self::SlowApi => &["delay", "requestsPerSecond"],
            _ => &[],
        }
    }

    /// Whether it has to be said whom it strikes.
    pub const fn needs_target(self) -> bool {
        matches!(
            self,
            Self::ZoneOutage
                | Self::DomainOutage
                | Self::Partition
                | Self::Flapping
                | Self::DiskFull
                | Self::RuntimeOutage
                | Self::Maintenance
        )
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
            ("each", self.each.is_some()),
            ("at", self.at.is_some()),
            ("for", self.lasts.is_some()),
            ("mtbf", self.mtbf.is_some()),
            ("repair", self.repair.is_some()),
            ("every", self.every.is_some()),
            ("down", self.down.is_some()),
            ("notice", self.notice.is_some()),
            ("image", self.image.is_some()),
            ("perMonth", self.per_month.is_some()),
            ("burst", self.burst.is_some()),
            ("path", self.path.is_some()),
            ("system", self.system.is_some()),
            ("from", self.from.is_some()),
            ("factor", self.factor.is_some()),
            ("share", self.share.is_some()),
            ("component", self.component.is_some()),
            ("lease", self.lease.is_some()),
            ("election", self.election.is_some()),
            ("managers", self.managers.is_some()),
            ("framework", self.framework.is_some()),
            ("delay", self.delay.is_some()),
            ("requestsPerSecond", self.requests_per_second.is_some()),
            ("probability", self.probability.is_some()),
            ("timeout", self.timeout.is_some()),
        ]
        .into_iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| name)
        .collect()
    }
}
