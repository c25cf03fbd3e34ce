//! Parts of a Swarm; the defaults are the original's, where it has one (spec: orchestrators-a.md
//! section 1).

use options::{NamedWorkload, Rules, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

use super::contact::ContactOptions;
use super::container::ReschedulePolicy;
use super::discovery::DiscoveryOptions;
use super::engine::Overcommit;
use super::filter::{DEFAULT_FILTERS, Filter};
use super::manager::REPLICATION_TTL;
use super::request::Environment;
use super::scheduler::Scheduler;
use super::strategy::Strategy;

/// Options of Docker Swarm (classic) 1.2; used with `name: swarm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Swarm {
    /// Strategy that ranks the engines that pass all filters (`--strategy`); default `spread`.
    pub strategy: Strategy,
    /// Filters in the order in which they are applied (`--filter`); default all.
    #[schemars(length(min = 1))]
    pub filters: Vec<Filter>,
    /// Overcommit share of an engine's resources (`swarm.overcommit`), above -1, cut to whole per
    /// cent; default 0.05.
    pub overcommit: f64,
    /// CPU unit: whole cores as in the original, with requests rounded up, or thousandths; default
    /// `cores`.
    pub cpu: CpuUnit,
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
    pub discovery: DiscoveryOptions,
    /// Creation time of a container on an engine, before it can be started; default `0s`.
    pub create_time: Duration,
    /// Reschedule policy for containers of a lost engine that state none
    /// (`com.docker.swarm.reschedule-policies`); default `off`.
    pub reschedule: ReschedulePolicy,
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
            strategy: Strategy::Spread,
            filters: DEFAULT_FILTERS.to_vec(),
            overcommit: 0.05,
            cpu: CpuUnit::Cores,
            create_retry: 0,
            client_retry: Duration::from_secs(10),
            refresh_min: Duration::from_secs(30),
            refresh_max: Duration::from_secs(60),
            jitter: true,
            failure_retry: 3,
            request_timeout: Duration::ZERO,
            discovery: DiscoveryOptions::default(),
            create_time: Duration::ZERO,
            reschedule: ReschedulePolicy::Off,
            managers: 1,
            replication_ttl: Duration::from_secs(20),
            environment: SortedMap::new(),
        }
    }
}

impl SystemSection for Swarm {
    const SYSTEM: &'static str = "swarm";
    const MEANING: &'static str = "Options of Docker Swarm (classic), for `name: swarm`.";

    fn workloads(&self) -> Vec<NamedWorkload> {
        let names = self.environment.keys().filter(|name| *name != "*");
        let all = names.map(|name| NamedWorkload::new("environment", name, "workload"));
        all.collect()
    }

    fn check(&self, rules: &mut Rules<'_>) {
        if let Err(why) = Overcommit::new(self.overcommit) {
            let message = format!(
                "an over-commit of {} leaves an engine without resources",
                why.share
            );
            rules.at(&["overcommit"], message, "expected more than -1");
        }
        if self.refresh_max < self.refresh_min {
            let (min, max) = (self.refresh_min, self.refresh_max);
            let message =
                format!("the longest wait of {max} is shorter than the shortest of {min}");
            rules.at(&["refreshMax"], message, format!("expected {min} or more"));
        }
        let DiscoveryOptions { ttl, heartbeat, .. } = self.discovery;
        if ttl <= heartbeat {
            let message = "registrations would expire between two heartbeats";
            let label = format!("expected more than the heartbeat of {heartbeat}");
            rules.at(&["discovery", "ttl"], message, label);
        }
    }

    fn placement(&self) -> Option<&'static str> {
        Some(match self.strategy {
            Strategy::Spread => "spread",
            Strategy::Binpack => "binpack",
            Strategy::Random => "random",
        })
    }
}

impl SwarmOptions {
    /// Parts of a cluster with these options.
    ///
    /// # Errors
    /// A value is wrong; the message begins with its field.
    pub fn new(stated: Swarm) -> Result<Self, String> {
        let overcommit = Overcommit::new(stated.overcommit);
        let mut environment = Environment::default();
        for (name, variables) in &stated.environment {
            for (number, variable) in variables.iter().enumerate() {
                let added = environment.add(name, variable);
                added.map_err(|why| format!("environment.{name}[{number}]: {why}"))?;
            }
        }
        Ok(Self {
            scheduler: Scheduler {
                strategy: stated.strategy,
                filters: stated.filters,
            },
            overcommit: overcommit.map_err(|why| format!("overcommit: {why}"))?,
            cpu: stated.cpu,
            create_retries: stated.create_retry,
            client_retry: stated.client_retry,
            contact: ContactOptions {
                refresh_min: stated.refresh_min,
                refresh_max: stated.refresh_max,
                failure_retry: i64::from(stated.failure_retry),
                has_jitter: stated.jitter,
            },
            request_timeout: stated.request_timeout,
            discovery: stated.discovery,
            create_time: stated.create_time,
            reschedule: stated.reschedule,
            managers: stated.managers as usize,
            replication_ttl: stated.replication_ttl,
            environment,
        })
    }
}

/// Options of a manager, its engines and its clients.
#[derive(Clone, Debug)]
pub struct SwarmOptions {
    /// Scheduler that chooses engines.
    pub scheduler: Scheduler,
    /// Excess over an engine's amounts up to which it is filled.
    pub overcommit: Overcommit,
    /// Unit of CPU.
    pub cpu: CpuUnit,
    /// Number of times that a creation that an engine refused is tried again elsewhere.
    pub create_retries: u32,
    /// Time after which a client asks again for what was refused; zero: it gives up.
    pub client_retry: Duration,
    /// Contact with engines.
    pub contact: ContactOptions,
    /// Time until a request to a host that does not answer fails.
    pub request_timeout: Duration,
    /// Discovery that lists engines.
    pub discovery: DiscoveryOptions,
    /// Time that an engine takes to create a container.
    pub create_time: Duration,
    /// Default policy for containers of a lost engine.
    pub reschedule: ReschedulePolicy,
    /// Number of managers.
    pub managers: usize,
    /// Time for which the primary's lock lasts without renewal.
    pub replication_ttl: Duration,
    /// Constraints, affinities and policies of containers.
    pub environment: Environment,
}

/// CPU unit of requests and capacities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SwarmCpu")]
pub enum CpuUnit {
    /// Whole cores, with requests rounded up.
    #[default]
    Cores,
    /// Thousandths of a core.
    Millicores,
}

impl Default for SwarmOptions {
    fn default() -> Self {
        Self {
            scheduler: Scheduler::default(),
            overcommit: Overcommit::default(),
            cpu: CpuUnit::default(),
            create_retries: 0,
            client_retry: Duration::from_secs(10),
            contact: ContactOptions::default(),
            request_timeout: Duration::ZERO,
            discovery: DiscoveryOptions::default(),
            create_time: Duration::ZERO,
            reschedule: ReschedulePolicy::default(),
            managers: 1,
            replication_ttl: REPLICATION_TTL,
            environment: Environment::default(),
        }
    }
}
