//! `system.swarm:` of the experiment file: options of Docker Swarm (classic), with the defaults of
//! its manager.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// Options of Docker Swarm (classic) 1.2, with `name: swarm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Swarm {
    /// How the engines that passed all filters are ranked (`--strategy`).
    pub strategy: SwarmStrategy,
    /// The filters, in the order in which they are applied (`--filter`).
    #[schemars(length(min = 1))]
    pub filters: Vec<SwarmFilter>,
    /// By what share more than an engine has is given away, more than -1 (`swarm.overcommit`);
    /// cut to whole per cent.
    pub overcommit: f64,
    /// What CPU is counted in: whole cores as the original counts, requests rounded up, or
    /// thousandths.
    pub cpu: SwarmCpu,
    /// How often a creation that an engine refused is tried again elsewhere (`swarm.createretry`).
    #[schemars(range(min = 0, max = 1_000))]
    pub create_retry: u32,
    /// After how long a client asks again for a container that no engine took; `0s`: it gives up.
    /// The manager itself never asks again.
    pub client_retry: Duration,
    /// The shortest wait between two refreshes of an engine (`--engine-refresh-min-interval`).
    #[schemars(extend("x-positive" = true))]
    pub refresh_min: Duration,
    /// The end of the longest wait between two refreshes (`--engine-refresh-max-interval`).
    #[schemars(extend("x-positive" = true))]
    pub refresh_max: Duration,
    /// Whether waits between refreshes are drawn; otherwise each is the shortest.
    pub jitter: bool,
    /// From how many failures in a row an engine is lost (`--engine-failure-retry`).
    #[schemars(range(min = 1, max = 1_000))]
    pub failure_retry: u32,
    /// How long a request to a host that does not answer takes to fail; `0s`: hosts that are down
    /// refuse at once.
    pub request_timeout: Duration,
    /// Where engines are listed.
    pub discovery: SwarmDiscovery,
    /// How long an engine takes to create a container, before it can be started.
    pub create_time: Duration,
    /// What becomes of containers of a lost engine that say nothing of it
    /// (`com.docker.swarm.reschedule-policies`).
    pub reschedule: SwarmReschedule,
    /// Managers: one primary, the others stand by (`--replication`).
    #[schemars(range(min = 1, max = 99))]
    pub managers: u32,
    /// How long the primary's lock lasts without renewal (`--replication-ttl`).
    #[schemars(extend("x-positive" = true))]
    pub replication_ttl: Duration,
    /// Constraints, affinities and policies of containers by the name of their workload or pod, `*`
    /// for all, as `docker run -e` takes them: `constraint:storage==ssd`, `affinity:image==~redis`,
    /// `reschedule:on-node-failure`, `whitelist:node==n1|n2`.
    pub environment: BTreeMap<String, Vec<String>>,
}

impl Default for Swarm {
    fn default() -> Self {
        Self {
            strategy: SwarmStrategy::Spread,
            filters: SwarmFilter::ALL.to_vec(),
            overcommit: 0.05,
            cpu: SwarmCpu::Cores,
            create_retry: 0,
            client_retry: Duration::from_secs(10),
            refresh_min: Duration::from_secs(30),
            refresh_max: Duration::from_secs(60),
            jitter: true,
            failure_retry: 3,
            request_timeout: Duration::ZERO,
            discovery: SwarmDiscovery::default(),
            create_time: Duration::ZERO,
            reschedule: SwarmReschedule::Off,
            managers: 1,
            replication_ttl: Duration::from_secs(20),
            environment: BTreeMap::new(),
        }
    }
}

/// How engines are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmStrategy {
    /// The smallest reserved share first, then the fewest containers.
    #[default]
    Spread,
    /// The greatest reserved share first, then the most containers.
    Binpack,
    /// Any engine, whatever is left on it.
    Random,
}

impl SwarmStrategy {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Binpack => "binpack",
            Self::Random => "random",
        }
    }
}

/// A filter of engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmFilter {
    /// The engine answers.
    Health,
    /// The host ports are free.
    Port,
    /// The engine's label `containerslots` leaves room.
    ContainerSlots,
    /// Linked containers are on the engine.
    Dependency,
    /// Expressions over containers, images and labels of containers.
    Affinity,
    /// Expressions over the engine and its labels.
    Constraint,
    /// Lists of engines.
    Whitelist,
}

impl SwarmFilter {
    /// All, in the order of a manager that was told nothing.
    pub const ALL: [Self; 7] = [
        Self::Health,
        Self::Port,
        Self::ContainerSlots,
        Self::Dependency,
        Self::Affinity,
        Self::Constraint,
        Self::Whitelist,
    ];
}

/// What CPU is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmCpu {
    /// Whole cores, requests rounded up.
    #[default]
    Cores,
    /// Thousandths of a core.
    Millicores,
}

/// What becomes of containers of a lost engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwarmReschedule {
    /// Nothing.
    #[default]
    Off,
    /// They are created anew on other engines.
    OnNodeFailure,
}

/// Where engines are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SwarmDiscovery {
    /// The back-end.
    pub backend: SwarmBackend,
    /// How often an agent registers (`swarm join --heartbeat`).
    #[schemars(extend("x-positive" = true))]
    pub heartbeat: Duration,
    /// How long a registration lasts (`swarm join --ttl`); more than the heartbeat.
    #[schemars(extend("x-positive" = true))]
    pub ttl: Duration,
}

impl Default for SwarmDiscovery {
    fn default() -> Self {
        Self {
            backend: SwarmBackend::List,
            heartbeat: Duration::from_secs(60),
            ttl: Duration::from_secs(180),
        }
    }
}

/// A back-end of discovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmBackend {
    /// A list of addresses or a file: nothing expires.
    #[default]
    List,
    /// Docker Hub's service of tokens.
    Token,
    /// A key-value store: etcd, Consul or `ZooKeeper`.
    Store,
}
