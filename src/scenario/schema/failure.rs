//! `failures:` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::workload::OnBadRow;
use options::Share;
use rng::Distribution;
use units::{Duration, SortedMap};

/// Failure to inject; each `kind` documents the fields that it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// Kind of failure, which decides the other fields.
    pub kind: FailureKind,
    /// Name of the failing node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub node: Option<String>,
    /// Zone whose nodes fail, also those that join later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub zone: Option<String>,
    /// Domain of `cluster.domains` by its label and name, such as `rack: r7`, with everything in
    /// it; or the nodes with this label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub domain: Option<SortedMap<String, String>>,
    /// Label of which every domain fails independently, such as `rack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub each: Option<String>,
    /// Start of the failure, as a time after the start of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Duration>,
    /// Duration of the failure; default until the end of the run.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub lasts: Option<Duration>,
    /// Time between failures, from one end to the next start: a distribution, such as `weibull(30d,
    /// 0.7)`; for spot nodes, their lifetime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtbf: Option<Distribution>,
    /// Repair time: a distribution, such as `lognormal(2h, 1.0)`; for spot nodes, the time until a
    /// replacement joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Distribution>,
    /// Time between two losses of contact, from start to start; greater than 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub every: Option<Duration>,
    /// Duration of each loss of contact; greater than 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub down: Option<Duration>,
    /// Notice given in advance: by a spot node before its end, or before a maintenance whose nodes
    /// are then cordoned and drained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Duration>,
    /// Name of the volume, one of `storage`, whose disks fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub volume: Option<String>,
    /// Name of the corrupted image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub image: Option<String>,
    /// Probability that a spot node is reclaimed within a month of 30 days, in place of `mtbf`,
    /// such as `5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_month: Option<Share>,
    /// Burst settings: crashes that take other nodes along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// Path of the failure log: a published one, such as that of Los Alamos, or a table `node,down,up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub path: Option<String>,
    /// Number of the system in the log of Los Alamos whose nodes are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<u32>,
    /// Date in the log of Los Alamos at which the run starts; default the first date of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub from: Option<String>,
    /// Name of the service in a log of outages of several services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub service: Option<String>,
    /// Handling of rows of the failure log that cannot be read; default `fail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_bad_row: Option<OnBadRow>,
    /// Slowdown factor: multiple of the normal time that work takes, 1 to 1000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub factor: Option<f64>,
    /// Share of the pods, or of a pool's nodes, that is affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Program of the control plane that is affected; default `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ControlPart>,
    /// Lease time that a new leader waits for the old lease to expire; default `15s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Duration>,
    /// Election time after the lease has expired: a distribution; default `uniform(0s, 2s)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub election: Option<Distribution>,
    /// Number of managers that are away, 1 to 99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 99))]
    pub managers: Option<u32>,
    /// Name of the Mesos framework that is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub framework: Option<String>,
    /// Delay with which changes are seen or requests answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// Rate at which requests are answered, in requests per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001, max = 1_000_000))]
    pub requests_per_second: Option<f64>,
    /// Probability that a request is refused or lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Share>,
    /// Timeout after which the requester gives up; default `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Time from a mistake to its detection, by which the copies made in between hold it, too; default
    /// `0s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_after: Option<Duration>,
}

/// Burst: a crash that takes other nodes along (spec: orchestrators-b.md 10.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Burst {
    /// Probability that a crash is the first of a burst; default `37%`.
    #[serde(default = "burst_probability")]
    pub probability: Share,
    /// Probability that yet another node crashes, after the second and each further one; default
    /// `50%`.
    #[serde(default = "half")]
    pub more: Share,
    /// Label of the domains, such as `rack`, from which most further nodes come; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub within: Option<String>,
    /// Probability that a further node is in the same domain; default `80%`.
    #[serde(default = "burst_share")]
    pub share: Share,
    /// Time span within which the nodes of a burst crash; default `120s`.
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

/// Part of the control plane: a program, which crashes and elects its leader as one, or all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControlPart {
    /// Every program of the control plane.
    #[default]
    All,
    /// Scheduler of any system, which places the pods: `kube-scheduler` in Kubernetes.
    Scheduler,
    /// Controllers of any system: `kube-controller-manager` in Kubernetes.
    Controllers,
    /// Scheduler of Kubernetes.
    KubeScheduler,
    /// Controllers of Kubernetes, with those of node life, volumes and horizontal autoscalers.
    KubeControllerManager,
    /// Cluster autoscaler. Requires `system.autoscaling.cluster`.
    ClusterAutoscaler,
    /// Node provisioner in Karpenter's manner. Requires `system.autoscaling.provisioner`.
    Karpenter,
    /// Descheduler. Requires `system.descheduling`.
    Descheduler,
    /// Vertical pod autoscaler: recommender, updater and admission controller.
    VerticalPodAutoscaler,
    /// Metrics server and the adapters of other metrics, which autoscalers of pods read.
    MetricsServer,
    /// Queueing of jobs by Kueue.
    Kueue,
}

/// Kind of failure, with the fields that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// Outage of a `node` at `at`, lasting `for`.
    NodeOutage,
    /// Outage of all nodes of a `zone` or `domain` at `at`, lasting `for`.
    ZoneOutage,
    /// Repeated outages of a `domain`, or independently of `each` domain of a label, by `mtbf` and
    /// `repair`.
    DomainOutage,
    /// Network partition at `at`, lasting `for`: a `node`, `zone` or `domain` is cut off from the
    /// control plane, while its processes keep running. Requires `models.nodeLife`.
    Partition,
    /// Flapping connection: a `node`, `zone` or `domain` is cut off for `down` in every period
    /// `every`, from `at`, lasting `for`. Requires `models.nodeLife`.
    Flapping,
    /// Crashes of nodes by `mtbf`, repaired after `repair`: all nodes, those of a `zone` or
    /// `domain`, or one `node`; with `burst`, several at once.
    NodeCrash,
    /// Outages of nodes as recorded in a log (`path`).
    FailureLog,
    /// Slowdown of work on a `node`, `zone`, `domain` or everywhere by `factor`: at `at`, lasting
    /// `for`, or repeatedly by `mtbf` and `repair`.
    SlowNode,
    /// Stragglers: a `share` of the pods takes between 2 and `factor` times as long.
    Stragglers,
    /// Full disk of a `node`, or of every node of a `zone` or `domain`: it takes no new pods from
    /// `at`, lasting `for`.
    DiskFull,
    /// Loss of the disk of a `node`, or of the disks of a `volume`, for good at `at`: the data on it
    /// is restored from backups or lost. Requires `storage`.
    DiskLoss,
    /// Deletion or overwriting of the data of a `volume` by mistake at `at`, on every replica alike: it
    /// is restored from a snapshot or backup of before, `detectedAfter` later. Requires `storage`.
    DataCorruption,
    /// Hang of the container runtime of a `node`, or of every node of a `zone` or `domain`, at
    /// `at`, lasting `for`. Running containers continue, none is started or stopped, and after 30 s
    /// the node reports that it is not ready.
    RuntimeOutage,
    /// Maintenance of a `node`, `zone` or `domain`: cordoned and drained, as budgets allow,
    /// `notice` before `at`, down from `at` for `for`, then back.
    Maintenance,
    /// Reclaimed spot nodes, by `mtbf` or the probability `perMonth`, with a `notice`, replaced
    /// after `repair`: all nodes, those of a `zone` or `domain`, or one `node`; or a `share` at a
    /// time of `each` domain of a label.
    Spot,
    /// Outage of the control plane at `at`, lasting `for`: no scheduler or controller acts and no
    /// user gets an answer; containers keep running.
    ControlPlaneOutage,
    /// Outage of the image registry at `at`, lasting `for`: transfers in progress break off and no
    /// other starts. Requires `models.images`.
    RegistryOutage,
    /// Corrupted `image` from `at`, lasting `for`: nodes detect it after the transfer and drop it.
    /// Requires `models.images`.
    CorruptedImage,
    /// Crash of the leader of a `component` at `at`, or by `mtbf`: its memory is lost. After the
    /// `lease` has expired and the `election` is over, a new leader starts from the stored state.
    LeaderFailover,
    /// Loss of `managers` of a system that has several, at `at`, lasting `for`, the leader first.
    /// If managers vote, losing a majority loses the quorum. The control plane of Kubernetes counts
    /// as three: one away is a leader fail-over, two are an outage.
    ManagerLoss,
    /// Outage of node discovery at `at`, lasting `for`. It affects systems that list nodes by a
    /// discovery service; nodes of systems other than `swarm` register themselves.
    DiscoveryOutage,
    /// Absence of a Mesos `framework` at `at`, lasting `for`: its tasks run on for its
    /// `failoverTimeout` and are then killed.
    FrameworkOutage,
    /// Delayed watch of a `component`: it sees changes `delay` later from `at`, lasting `for`.
    WatchDelay,
    /// Stale cache of a `component`: it sees no changes from `at`, lasting `for`, then all of them.
    StaleCache,
    /// Refused binds: requests to bind pods fail with a `probability` from `at`, lasting `for`.
    RefusedBinds,
    /// Lost binds: requests to bind pods are lost with a `probability` from `at`, lasting `for`,
    /// and the scheduler gives up after `timeout`.
    LostBinds,
    /// Slow API: requests of a `component` take `delay`, or are sent at `requestsPerSecond` at most
    /// after a burst of 1.5 times as many, from `at`, lasting `for`.
    SlowApi,
}

impl FailureKind {
    /// Fields that the kind requires, and those that it allows besides; at most one of `node`,
    /// `zone`, `domain` and `each` may be given.
    pub const fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::NodeOutage => (&["node", "at"], &["for"]),
            Self::ZoneOutage => (&["at"], &["zone", "domain", "for"]),
            Self::DomainOutage => (&["mtbf", "repair"], &["zone", "domain", "each"]),
            Self::Partition | Self::DiskFull | Self::RuntimeOutage => {
                (&["at"], &["node", "zone", "domain", "for"])
            }
            Self::Flapping => (&["at", "every", "down"], &["node", "zone", "domain", "for"]),
            Self::DiskLoss => (&["at"], &["node", "volume"]),
            Self::DataCorruption => (&["volume", "at"], &["detectedAfter"]),
            Self::CorruptedImage => (&["image", "at"], &["for"]),
            Self::NodeCrash => (&["mtbf", "repair"], &["node", "zone", "domain", "burst"]),
            Self::FailureLog => (&["path"], &["system", "from", "service", "onBadRow"]),
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

    /// Fields of which exactly one is required.
    pub const fn one_of(self) -> &'static [&'static str] {
        match self {
            Self::SlowNode | Self::LeaderFailover => &["at", "mtbf"],
            Self::Spot => &["mtbf", "perMonth"],
            Self::SlowApi => &["delay", "requestsPerSecond"],
            _ => &[],
        }
    }

    /// Returns whether the kind requires a target.
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

    /// Returns whether the kind requires a control plane that learns of its nodes by heartbeats.
    pub const fn needs_contact(self) -> bool {
        matches!(self, Self::Partition | Self::Flapping)
    }
}

impl Failure {
    /// Names of the fields that are given.
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
            ("volume", self.volume.is_some()),
            ("image", self.image.is_some()),
            ("perMonth", self.per_month.is_some()),
            ("burst", self.burst.is_some()),
            ("path", self.path.is_some()),
            ("system", self.system.is_some()),
            ("from", self.from.is_some()),
            ("service", self.service.is_some()),
            ("onBadRow", self.on_bad_row.is_some()),
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
            ("detectedAfter", self.detected_after.is_some()),
        ]
        .into_iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| name)
        .collect()
    }
}
