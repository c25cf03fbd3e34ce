//! A batch framework with delay scheduling: a job declines offers of agents without its data for a
//! while, then takes any (spec: orchestrators-b.md section 1.1; Zaharia et al., "Delay Scheduling",
//! `EuroSys` 2010).

use model::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Duration, Instant, SortedSet};

/// Distance of an agent from a task's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Locality {
    /// The data is on the agent.
    Agent,
    /// The data is in its rack.
    Rack,
    /// The data is elsewhere.
    Any,
}

/// Options of a batch framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosBatch {
    /// Number of agents that hold the data of a job, drawn from the seed, 0 to 1000; default 0 for
    /// all agents.
    #[schemars(range(min = 0, max = 1_000))]
    pub data_replicas: u32,
    /// Time a job waits for an agent with its data; default `3s`.
    pub agent_wait: Duration,
    /// Additional time a job waits for an agent in the rack of its data (label `rack`, otherwise
    /// the zone); default `3s`.
    pub rack_wait: Duration,
}

impl Default for MesosBatch {
    fn default() -> Self {
        Self {
            data_replicas: 0,
            agent_wait: Duration::from_secs(3),
            rack_wait: Duration::from_secs(3),
        }
    }
}

/// A job of equal tasks.
#[derive(Clone, Debug)]
pub struct BatchJob {
    options: MesosBatch,
    agents: SortedSet<Text>,
    racks: SortedSet<Text>,
    waiting: u64,
    waits_since: Option<Instant>,
    level: Locality,
}

impl BatchJob {
    /// A job of so many tasks whose data is on these agents, in these racks.
    pub fn new(
        options: MesosBatch,
        tasks: u64,
        agents: SortedSet<Text>,
        racks: SortedSet<Text>,
    ) -> Self {
        Self {
            options,
            agents,
            racks,
            waiting: tasks,
            waits_since: None,
            level: Locality::Agent,
        }
    }

    /// Tasks without an agent.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// An offer with room for so many tasks: how many it takes. Once it has taken something as near
    /// as an agent with the data it waits anew; an offer that is too far begins its waiting.
    pub fn offered(&mut self, now: Instant, agent: &Text, rack: &Text, room: u64) -> u64 {
        if self.waiting == 0 || room == 0 {
            return 0;
        }
        let locality = if self.agents.is_empty() || self.agents.contains(agent) {
            Locality::Agent
        } else if self.racks.contains(rack) {
            Locality::Rack
        } else {
            Locality::Any
        };
        let waited = self
            .waits_since
            .map_or(Duration::ZERO, |since| now.since(since));
        if waited >= self.options.agent_wait + self.options.rack_wait {
            self.level = Locality::Any;
        } else if waited >= self.options.agent_wait {
            self.level = self.level.max(Locality::Rack);
        }
        if locality > self.level {
            self.waits_since.get_or_insert(now);
            return 0;
        }
        if locality == Locality::Agent {
            self.level = Locality::Agent;
        }
        self.waits_since = None;
        let taken = self.waiting.min(room);
        self.waiting -= taken;
        taken
    }

    /// Instant from which the job takes agents that are farther away than those it takes now, if it
    /// waits for that.
    pub fn waits_until(&self, now: Instant) -> Option<Instant> {
        let since = self.waits_since?;
        let agent = since.saturating_add(self.options.agent_wait);
        let rack = agent.saturating_add(self.options.rack_wait);
        [agent, rack].into_iter().find(|&at| at > now)
    }

    /// A task failed and waits again.
    pub fn failed(&mut self) {
        self.waiting += 1;
    }
}
