//! The hierarchical allocator: which framework is offered which agent's free resources, when, and
//! what frameworks answer (spec: orchestrators-b.md sections 1.4 to 1.6; mesos
//! `src/master/allocator/mesos/hierarchical.cpp`).
//!
//! [`Allocator`] is told what happens; a run ([`Allocator::run`]) makes offers over the agents that
//! have gathered since the last one. What is offered counts as allocated until it is given back.
//!
//! This is the plain form: the definition that the allocator of runs ([`super::fast`]) is judged
//! against by a property test.

mod frameworks;
mod quota;
pub(super) mod resources;
mod run;
pub(super) mod sorter;

use model::Text;
use rng::Stream;
use units::{Duration, Instant, SortedMap, SortedSet};

use super::fast::refusals::lifetime;
use resources::{Kind, Quantities, Resources};
use sorter::{Fairness, Sorter};

pub(in crate::mesos) use super::fast::Capabilities;
use frameworks::Framework;
pub(in crate::mesos) use quota::Quota;

/// Order in which agents are walked.
#[derive(Clone, Debug)]
pub(in crate::mesos) enum AgentOrder {
    /// Shuffled before each stage of a run, as the original does.
    Shuffled(Box<Stream>),
    /// By id.
    ById,
}

/// Options of the allocator; [`AllocatorOptions::default`] has the original's defaults, with agents
/// by id.
#[derive(Clone, Debug)]
pub(in crate::mesos) struct AllocatorOptions {
    /// Between two runs over all agents.
    pub(in crate::mesos) allocation_interval: Duration,
    /// Order in which clients are served.
    pub(in crate::mesos) fairness: Fairness,
    /// Order in which agents are walked.
    pub(in crate::mesos) agent_order: AgentOrder,
    /// Least amounts, one of which has to be free for an agent to be offered.
    pub(in crate::mesos) min_allocatable: Vec<Quantities>,
    /// Whether agents with GPUs are kept for frameworks that can use them.
    pub(in crate::mesos) filter_gpu_resources: bool,
    /// Resources that do not count for fairness.
    pub(in crate::mesos) excluded: SortedSet<Text>,
}

impl Default for AllocatorOptions {
    fn default() -> Self {
        Self {
            allocation_interval: Duration::from_secs(1),
            fairness: Fairness::DominantResource,
            agent_order: AgentOrder::ById,
            min_allocatable: vec![
                Quantities::new([("cpus".into(), 10)]),
                Quantities::new([("mem".into(), 32_000)]),
            ],
            filter_gpu_resources: true,
            excluded: SortedSet::new(),
        }
    }
}

/// An offer; it stands until it is declined, accepted in part, or rescinded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mesos) struct Offer {
    /// Framework that gets the offer.
    pub(in crate::mesos) framework: Text,
    /// Role of the framework.
    pub(in crate::mesos) role: Text,
    /// Agent of the offer.
    pub(in crate::mesos) agent: Text,
    /// The offered resources.
    pub(in crate::mesos) resources: Resources,
}

/// An agent.
#[derive(Clone, Debug, Default)]
struct Agent {
    total: Resources,
    /// Resources that frameworks hold, offered or in use, by framework and role.
    held: SortedMap<(Text, Text), Resources>,
    is_deactivated: bool,
}

impl Agent {
    fn free(&self) -> Resources {
        let mut free = self.total.clone();
        self.held.values().for_each(|held| free.subtract(held));
        free
    }
}

/// The allocator.
#[derive(Clone, Debug)]
pub(in crate::mesos) struct Allocator {
    options: AllocatorOptions,
    agents: SortedMap<Text, Agent>,
    frameworks: SortedMap<Text, Framework>,
    roles: Sorter,
    sorters: SortedMap<Text, Sorter>,
    quotas: SortedMap<Text, Quota>,
    /// The agents that the next run looks at.
    candidates: SortedSet<Text>,
}

impl Allocator {
    /// An allocator that knows nobody.
    pub(in crate::mesos) fn new(options: AllocatorOptions) -> Self {
        let roles = Sorter::new(options.fairness.clone(), options.excluded.clone());
        Self {
            options,
            agents: SortedMap::new(),
            frameworks: SortedMap::new(),
            roles,
            sorters: SortedMap::new(),
            quotas: SortedMap::new(),
            candidates: SortedSet::new(),
        }
    }

    /// An agent registers, with what frameworks hold there already; it gathers for a run.
    pub(in crate::mesos) fn add_agent(
        &mut self,
        id: Text,
        total: Resources,
        held: SortedMap<(Text, Text), Resources>,
    ) {
        let agent = Agent {
            total,
            ..Agent::default()
        };
        self.agents.insert(id.clone(), agent);
        self.update_totals();
        for ((framework, role), resources) in held {
            self.hold(&framework, &role, &id, &resources);
        }
        self.candidates.insert(id);
    }

    /// An agent has something else from now on; filters on it stay. It gathers for a run.
    pub(in crate::mesos) fn update_agent(&mut self, id: &Text, total: Resources) {
        self.agents.get_mut(id).expect("an agent").total = total;
        self.update_totals();
        self.candidates.insert(id.clone());
    }

    /// An agent is gone, with everything on it and every filter on it.
    pub(in crate::mesos) fn remove_agent(&mut self, id: &str) {
        let Some(agent) = self.agents.remove(id) else {
            return;
        };
        for ((framework, role), resources) in &agent.held {
            self.uncount(framework, role, &resources.quantities());
        }
        for framework in self.frameworks.values_mut() {
            framework.forget_agent(id);
        }
        self.candidates.remove(id);
        self.update_totals();
    }

    /// An agent is offered, or passed over (it is disconnected, or drained).
    pub(in crate::mesos) fn set_agent_active(&mut self, id: &str, is_active: bool) {
        if let Some(agent) = self.agents.get_mut(id) {
            agent.is_deactivated = !is_active;
        }
    }

    /// Sets the weight of a role; it shows in the next run.
    pub(in crate::mesos) fn set_weight(&mut self, role: Text, weight: f64) {
        self.roles.set_weight(role, weight);
    }

    /// Sets the quota of a top-level role; it shows in the next run.
    pub(in crate::mesos) fn set_quota(&mut self, role: Text, quota: Quota) {
        self.quotas.insert(role, quota);
    }

    /// Every agent gathers for the next run: the periodic one.
    pub(in crate::mesos) fn gather_all(&mut self) {
        self.candidates = self.agents.keys().cloned().collect();
    }

    /// A run over the agents that have gathered: every offer it makes.
    pub(in crate::mesos) fn run(&mut self, now: Instant) -> Vec<Offer> {
        let candidates = std::mem::take(&mut self.candidates);
        let candidates = candidates
            .into_iter()
            .filter(|id| self.agents.get(id).is_some_and(|one| !one.is_deactivated));
        run::run(self, candidates.collect(), now)
    }

    /// A framework gives back something that it holds of an agent: tasks ended.
    pub(in crate::mesos) fn release(
        &mut self,
        framework: &Text,
        agent: &Text,
        resources: &Resources,
    ) {
        let known = &self.agents[agent];
        let roles = known.held.keys().filter(|(holder, _)| holder == framework);
        let roles: Vec<Text> = roles.map(|(_, role)| role.clone()).collect();
        let mut left = resources.clone();
        for role in roles {
            let back = self.give_back(framework, &role, agent, &left);
            left.subtract(&back);
        }
    }

    /// A framework declines whatever it holds of an agent, for so long; `None` leaves no filter, a
    /// negative span is the default one. The resources wait for the next run.
    pub(in crate::mesos) fn decline(
        &mut self,
        now: Instant,
        framework: &Text,
        agent: &Text,
        refusal: Option<Duration>,
    ) {
        let known = &self.agents[agent];
        let of_framework = known.held.iter().filter(|((one, _), _)| one == framework);
        let held: Vec<(Text, Resources)> = of_framework
            .map(|((_, role), resources)| (role.clone(), resources.clone()))
            .collect();
        for (role, resources) in held {
            self.give_back(framework, &role, agent, &resources);
            let interval = self.options.allocation_interval;
            if let (Some(span), Some(known)) = (refusal, self.frameworks.get_mut(framework)) {
                let until = now.saturating_add(lifetime(span, interval));
                known.refuse(role, agent.clone(), resources, until);
            }
        }
    }

    /// A framework gives back a part of an offer that it has no use for, and refuses as much for so
    /// long.
    pub(in crate::mesos) fn decline_part(&mut self, now: Instant, part: &Offer, refusal: Duration) {
        let Offer {
            framework,
            role,
            agent,
            resources,
        } = part;
        let back = self.give_back(framework, role, agent, resources);
        let until = now.saturating_add(lifetime(refusal, self.options.allocation_interval));
        if let Some(known) = self.frameworks.get_mut(framework) {
            known.refuse(role.clone(), agent.clone(), back, until);
        }
    }

    /// Agents are walked in this order from now on.
    pub(in crate::mesos) fn set_agent_order(&mut self, order: AgentOrder) {
        self.options.agent_order = order;
    }

    /// The agents of which a framework holds something.
    pub(in crate::mesos) fn held_agents(&self, framework: &str) -> Vec<Text> {
        let holds = |agent: &Agent| agent.held.keys().any(|(one, _)| &**one == framework);
        let agents = self.agents.iter().filter(|(_, agent)| holds(agent));
        agents.map(|(id, _)| id.clone()).collect()
    }

    /// Total allocation on an agent.
    pub(in crate::mesos) fn held_of(&self, agent: &str) -> Resources {
        let mut sum = Resources::default();
        if let Some(agent) = self.agents.get(agent) {
            agent.held.values().for_each(|held| sum.add(held));
        }
        sum
    }

    /// Enters that a framework holds something, offered or in use.
    fn hold(&mut self, framework: &Text, role: &Text, agent: &Text, resources: &Resources) {
        let Some(known) = self.agents.get_mut(agent) else {
            return;
        };
        let key = (framework.clone(), role.clone());
        known.held.entry(key).or_default().add(resources);
        let amount = resources.quantities();
        self.roles.allocated(role, &amount);
        if let Some(sorter) = self.sorters.get_mut(role) {
            sorter.allocated(framework, &amount);
        }
    }

    /// Enters that a framework no longer holds something; what of it it did hold.
    fn give_back(
        &mut self,
        framework: &Text,
        role: &Text,
        agent: &Text,
        resources: &Resources,
    ) -> Resources {
        let key = (framework.clone(), role.clone());
        let known = self.agents.get_mut(agent);
        let Some(held) = known.and_then(|known| known.held.get_mut(&key)) else {
            return Resources::default();
        };
        let back = held.shared_with(resources);
        held.subtract(&back);
        let is_empty = held.is_empty();
        if is_empty && let Some(known) = self.agents.get_mut(agent) {
            known.held.remove(&key);
        }
        self.uncount(framework, role, &back.quantities());
        back
    }

    fn uncount(&mut self, framework: &str, role: &str, amount: &Quantities) {
        self.roles.unallocated(role, amount);
        if let Some(sorter) = self.sorters.get_mut(role) {
            sorter.unallocated(framework, amount);
        }
    }

    fn total(&self) -> Quantities {
        let mut total = Quantities::default();
        for agent in self.agents.values() {
            total.add(&agent.total.quantities());
        }
        total
    }

    fn update_totals(&mut self) {
        let total = self.total();
        for sorter in self.sorters.values_mut() {
            sorter.set_total(total.clone());
        }
        self.roles.set_total(total);
    }
}

/// Whether an agent has GPUs.
fn has_gpus(agent: &Agent) -> bool {
    let is_gpu = |kind: &Kind| &*kind.name == "gpus";
    !agent.total.quantities_of(is_gpu).is_empty()
}
