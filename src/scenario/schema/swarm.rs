//! `system.swarm:` of the experiment file: options of Docker Swarm (classic), with the defaults of
//! its manager.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

/// Options of Docker Swarm (classic) 1.2; used with `name: swarm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Swarm {
    /// Strategy that ranks the engines that pass all filters (`--strategy`); default `spread`.
    pub strategy: SwarmStrategy,
    /// Filters in the order in which they are applied (`--filter`); default all.
    #[schemars(length(min = 1))]
    pub filters: Vec<SwarmFilter>,
    /// Overcommit share of an engine's resources (`swarm.overcommit`), above -1, cut to whole per
    /// cent; default 0.05.
    pub overcommit: f64,
    /// CPU unit: whole cores as in the original, with requests rounded up, or thousandths; default
    /// `cores`.
    pub cpu: SwarmCpu,
    /// Maximum number of retries on other engines after a refused creation (`swarm.createretry`), 0
    /// to 1000; default 0.
    #[schemars(range(min = 0, max = 1_000))]
    pub create_retry: u32,
    /// Client retry delay for a container that no engine took; `0s` gives up. Default `10s`. The
    /// manager itself never retries.
    pub client_retry: Duration,
    /// Minimum time between two refreshes of an engine (`--engine-refresh-min-interval`); default
    /// `30s`.
    #[schemars(extend("x-positive" = true))]
    pub refresh_min: Duration,
    /// Maximum time between two refreshes of an engine (`--engine-refresh-max-interval`),
    /// exclusive; default `60s`.
    #[schemars(extend("x-positive" = true))]
    pub refresh_max: Duration,
    /// Jitter: `true` draws the time between refreshes at random, `false` uses the minimum. Default
    /// `true`.
    pub jitter: bool,
    /// Number of consecutive failures after which an engine is lost (`--engine-failure-retry`), 1
    /// to 1000; default 3.
    #[schemars(range(min = 1, max = 1_000))]
    pub failure_retry: u32,
    /// Request timeout for a host that does not answer; default `0s`, where hosts that are down
    /// refuse at once.
    pub request_timeout: Duration,
    /// Discovery service that lists the engines.
    pub discovery: SwarmDiscovery,
    /// Creation time of a container on an engine, before it can be started; default `0s`.
    pub create_time: Duration,
    /// Reschedule policy for containers of a lost engine that state none
    /// (`com.docker.swarm.reschedule-policies`); default `off`.
    pub reschedule: SwarmReschedule,
    /// Number of managers, 1 to 99, of which one is primary and the others stand by
    /// (`--replication`); default 1.
    #[schemars(range(min = 1, max = 99))]
    pub managers: u32,
    /// Lifetime of the primary's lock without renewal (`--replication-ttl`); default `20s`.
    #[schemars(extend("x-positive" = true))]
    pub replication_ttl: Duration,
    /// Constraints, affinities and policies of containers by workload or pod name (`*` for all), as
    /// for `docker run -e`: `constraint:storage==ssd`, `affinity:image==~redis`,
    /// `reschedule:on-node-failure`, `whitelist:node==n1|n2`.
    pub environment: SortedMap<String, Vec<String>>,
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
            environment: SortedMap::new(),
        }
    }
}

/// Strategy that ranks engines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmStrategy {
    /// Smallest reserved share first, then the fewest containers.
    #[default]
    Spread,
    /// Greatest reserved share first, then the most containers.
    Binpack,
    /// Engine picked at random, whatever is left on it.
    Random,
}

impl SwarmStrategy {
    /// Name of the strategy.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Binpack => "binpack",
            Self::Random => "random",
        }
    }
}

/// Filter that engines must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmFilter {
    /// Engines that do not answer are filtered out.
    Health,
    /// Engines without the requested host ports free are filtered out.
    Port,
    /// Engines without room by their label `containerslots` are filtered out.
    ContainerSlots,
    /// Engines without the linked containers are filtered out.
    Dependency,
    /// Affinity expressions over containers, images and labels of containers.
    Affinity,
    /// Constraint expressions over the engine and its labels.
    Constraint,
    /// Whitelists of engines by name.
    Whitelist,
}

impl SwarmFilter {
    /// All filters, in the default order of a manager.
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

/// CPU unit of requests and capacities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmCpu {
    /// Whole cores, with requests rounded up.
    #[default]
    Cores,
    /// Thousandths of a core.
    Millicores,
}

/// Reschedule policy for containers of a lost engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwarmReschedule {
    /// Containers are not created again.
    #[default]
    Off,
    /// Containers are created again on other engines.
    OnNodeFailure,
}

/// Discovery service that lists the engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SwarmDiscovery {
    /// Back-end of the discovery service; default `list`.
    pub backend: SwarmBackend,
    /// Interval of agent registrations (`swarm join --heartbeat`); default `60s`.
    #[schemars(extend("x-positive" = true))]
    pub heartbeat: Duration,
    /// Lifetime of a registration (`swarm join --ttl`), longer than the heartbeat; default `180s`.
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

/// Back-end of the discovery service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwarmBackend {
    /// List of addresses or a file, where nothing expires.
    #[default]
    List,
    /// Token service of Docker Hub.
    Token,
    /// Key-value store: etcd, Consul or `ZooKeeper`.
    Store,
}
