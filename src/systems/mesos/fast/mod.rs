//! The fast form of the allocator: agents, roles and frameworks by number, amounts by column, orders
//! that are kept rather than made. A property test holds it to a plain form, which looks at everything anew.

mod agents;
pub mod amounts;
pub(in crate::mesos) mod refusals;
mod run;
#[cfg(test)]
mod tests;
pub mod tree;
mod whole;

use fixedbitset::FixedBitSet;

use model::Text;
use rng::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Duration, Instant, SortedMap};

use amounts::{Amounts, Bundle, add, contains, is_nothing};
use refusals::{Refusals, lifetime};
use tree::{Order, Tree};

/// Order in which agents are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "MesosAgentOrder")]
pub enum Walk {
    /// Random order, drawn from the seed.
    #[default]
    Shuffled,
    /// Order of the cluster's nodes.
    #[serde(rename = "in-order")]
    ById,
}

/// Options of the allocator.
#[derive(Clone, Debug)]
pub struct FastOptions {
    /// Between two runs over all agents.
    pub interval: Duration,
    /// Order in which clients are served.
    pub order: Order,
    /// Order in which agents are walked.
    pub walk: Walk,
    /// Least amounts, one of which has to be free for an agent to be offered.
    pub min_allocatable: Vec<Amounts>,
    /// The column of GPUs, where agents with GPUs are kept for frameworks that can use them.
    pub gpu_column: Option<usize>,
    /// Columns that do not count for fairness; as many as there are columns.
    pub is_excluded: Vec<bool>,
    /// Seed of the random orders.
    pub seed: u64,
}

/// Capabilities of a framework.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Agents with GPUs.
    pub gpu_resources: bool,
    /// Resources that can be taken back.
    pub revocable_resources: bool,
}

/// A quota: by column, what is sure, and what is the most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FastQuota {
    /// Guaranteed amounts of the role.
    pub guarantee: Amounts,
    /// Limits of the role, where set.
    pub limit: Vec<Option<i64>>,
}

/// An offer of an agent to a framework in one of its roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastOffer {
    /// Client that gets the offer, and its role.
    pub client: u32,
    /// Agent of the offer.
    pub agent: u32,
    /// The offered resources.
    pub resources: Bundle,
}

/// An agent.
#[derive(Clone, Debug, Default)]
struct Agent {
    is_known: bool,
    is_active: bool,
    total: Bundle,
    free: Bundle,
    held: Vec<(u32, Bundle)>,
    refusals: Refusals,
}

/// A framework in one of its roles.
#[derive(Clone, Debug)]
struct Client {
    framework: u32,
    role: u32,
    /// The client's number in the tree of its role.
    place: u32,
    /// Refusals of earlier epochs are void.
    epoch: u32,
    /// Amounts that the client gave back and its shares still count.
    owed: Amounts,
}

/// A role.
#[derive(Clone, Debug)]
struct Role {
    name: Text,
    /// The role's place in the tree of roles, once a framework has it.
    place: Option<u32>,
    /// The role's clients, by their place in `tree`.
    clients: Vec<u32>,
    tree: Tree,
    quota: Option<FastQuota>,
    /// Unreserved amounts that are allocated to this very role.
    plain: Amounts,
    /// Amounts reserved for this very role, over all agents.
    reserved: Amounts,
}

/// The allocator.
#[derive(Clone, Debug)]
pub struct FastAllocator {
    options: FastOptions,
    agents: Vec<Agent>,
    clients: Vec<Client>,
    frameworks: Vec<(Capabilities, Vec<u32>)>,
    roles: Vec<Role>,
    role_of: SortedMap<Text, u32>,
    /// The roles by their place in `tree`.
    placed: Vec<u32>,
    tree: Tree,
    total: Amounts,
    /// The agents that the next run looks at.
    candidates: FixedBitSet,
    runs: u64,
    /// Number of clients that want offers.
    served: u32,
    /// Whether an agent ever had anything revocable.
    has_revocable: bool,
    /// Clients whose shares still count what they gave back.
    owing: Vec<u32>,
    scratch: run::Scratch,
}

impl FastAllocator {
    /// An allocator that knows nobody.
    pub fn new(options: FastOptions) -> Self {
        let tree = Tree::new(options.order, options.is_excluded.clone());
        Self {
            total: Amounts::from_elem(0, options.is_excluded.len()),
            options,
            agents: Vec::new(),
            clients: Vec::new(),
            frameworks: Vec::new(),
            roles: Vec::new(),
            role_of: SortedMap::new(),
            placed: Vec::new(),
            tree,
            candidates: FixedBitSet::new(),
            runs: 0,
            served: 0,
            has_revocable: false,
            owing: Vec::new(),
            scratch: run::Scratch::default(),
        }
    }

    fn columns(&self) -> usize {
        self.options.is_excluded.len()
    }

    /// The number of a role; one that is new is known from now on.
    pub fn role(&mut self, name: &Text) -> u32 {
        if let Some(&role) = self.role_of.get(name) {
            return role;
        }
        let role = self.roles.len() as u32;
        let columns = self.columns();
        self.roles.push(Role {
            name: name.clone(),
            place: None,
            clients: Vec::new(),
            tree: Tree::new(self.options.order, self.options.is_excluded.clone()),
            quota: None,
            plain: Amounts::from_elem(0, columns),
            reserved: Amounts::from_elem(0, columns),
        });
        self.role_of.insert(name.clone(), role);
        role
    }

    /// Sets the weight of a role, above 0; it shows in the next run.
    pub fn set_weight(&mut self, role: &Text, weight: f64) {
        self.tree.set_weight(role, weight);
    }

    /// Sets the quota of a top-level role; it shows in the next run.
    pub fn set_quota(&mut self, role: &Text, quota: FastQuota) {
        let role = self.role(role) as usize;
        self.roles[role].quota = Some(quota);
    }

    /// A framework subscribes with roles; all agents gather for a run. Its clients, one a role.
    ///
    /// Names of frameworks in one role are in the order of their subscription, or differ.
    pub fn add_framework(
        &mut self,
        name: &str,
        roles: &[Text],
        capabilities: Capabilities,
    ) -> Vec<u32> {
        let framework = self.frameworks.len() as u32;
        let mut clients = Vec::new();
        for name_of_role in roles {
            let role = self.role(name_of_role);
            let client = self.clients.len() as u32;
            let known = &mut self.roles[role as usize];
            if known.place.is_none() {
                known.tree.set_total(self.total.clone());
                known.place = Some(self.tree.push(name_of_role));
                self.placed.push(role);
            }
            let place = known.tree.push(name);
            known.clients.push(client);
            self.clients.push(Client {
                framework,
                role,
                place,
                epoch: 0,
                owed: Amounts::from_elem(0, self.options.is_excluded.len()),
            });
            self.served += 1;
            clients.push(client);
        }
        self.frameworks.push((capabilities, clients.clone()));
        self.gather_all();
        clients
    }

    /// Whether any framework wants offers.
    pub fn is_anyone_served(&self) -> bool {
        self.tree.active() > 0
    }

    /// Number of clients that want offers.
    pub const fn served(&self) -> u32 {
        self.served
    }

    /// A framework holds something of an agent that it was not offered: tasks of an agent that
    /// registers again.
    pub fn hold(&mut self, client: u32, agent: u32, resources: &Bundle) {
        if !self.is_known(agent) {
            return;
        }
        let known = &mut self.agents[agent as usize];
        known.free.subtract(resources);
        match known.held.iter_mut().find(|(holder, _)| *holder == client) {
            Some((_, held)) => held.add(resources),
            None => known.held.push((client, resources.clone())),
        }
        let of = &self.clients[client as usize];
        let role = &mut self.roles[of.role as usize];
        let amounts = resources.sum();
        add(&mut role.plain, &resources.plain);
        role.tree.allocated(of.place, &amounts);
        if let Some(place) = role.place {
            self.tree.allocated(place, &amounts);
        }
    }

    /// A client gives back something of an agent, of which nothing else is refused.
    pub fn give_back(&mut self, client: u32, agent: u32, resources: &Bundle) {
        if !self.is_known(agent) {
            return;
        }
        let known = &mut self.agents[agent as usize];
        let place = known.held.iter().position(|(holder, _)| *holder == client);
        let Some(place) = place else {
            return;
        };
        let held = &mut known.held[place].1;
        if held == resources {
            // Mostly an offer is given back as it was made.
            known.held.remove(place);
            known.free.add(resources);
            return self.uncount(client, resources);
        }
        let back = held.shared_with(resources);
        held.subtract(&back);
        if held.is_empty() {
            known.held.remove(place);
        }
        known.free.add(&back);
        self.uncount(client, &back);
    }

    /// A client does not want what it gave back for so long; the span is no shorter than the interval
    /// of runs. Until when.
    pub fn refuse(
        &mut self,
        client: u32,
        agent: u32,
        resources: Bundle,
        now: Instant,
        span: Duration,
    ) -> Instant {
        let span = lifetime(span, self.options.interval);
        let until = now.saturating_add(span);
        let whose = (client, self.clients[client as usize].epoch);
        if let Some(known) = self.agents.get_mut(agent as usize) {
            known.refusals.add(whose, resources, now, until);
        }
        until
    }

    /// A client has less from now on. Its shares are told when they are looked at next, of all that
    /// it gave back by then at once: of a run's offers most are given back.
    fn uncount(&mut self, client: u32, resources: &Bundle) {
        let of = &mut self.clients[client as usize];
        let role = &mut self.roles[of.role as usize];
        amounts::subtract(&mut role.plain, &resources.plain);
        if is_nothing(&of.owed) {
            self.owing.push(client);
        }
        add(&mut of.owed, &resources.plain);
        for (_, amounts) in &resources.reserved {
            add(&mut of.owed, amounts);
        }
    }

    /// Tells the shares of clients what they gave back.
    fn settle(&mut self) {
        for client in self.owing.drain(..) {
            let of = &mut self.clients[client as usize];
            let role = &mut self.roles[of.role as usize];
            role.tree.unallocated(of.place, &of.owed);
            if let Some(place) = role.place {
                self.tree.unallocated(place, &of.owed);
            }
            of.owed.fill(0);
        }
    }

    /// A framework wants no offers; those that stand stay.
    pub fn suppress(&mut self, framework: u32) {
        self.serve(framework, false);
    }

    /// A framework wants offers again: its refusals end, all agents gather for a run.
    pub fn revive(&mut self, framework: u32) {
        for &client in &self.frameworks[framework as usize].1 {
            self.clients[client as usize].epoch += 1;
        }
        self.serve(framework, true);
        self.gather_all();
    }

    fn serve(&mut self, framework: u32, is_served: bool) {
        for &client in &self.frameworks[framework as usize].1 {
            let of = &self.clients[client as usize];
            let role = &mut self.roles[of.role as usize];
            self.served -= role.tree.active();
            role.tree.set_active(of.place, is_served);
            self.served += role.tree.active();
            let is_anyone = role.tree.active() > 0;
            if let Some(place) = role.place {
                self.tree.set_active(place, is_anyone);
            }
        }
    }

    /// The framework of a client.
    pub fn framework_of(&self, client: u32) -> u32 {
        self.clients[client as usize].framework
    }

    /// The role of a client.
    pub fn role_of_client(&self, client: u32) -> &Text {
        &self.roles[self.clients[client as usize].role as usize].name
    }

    /// Free resources of an agent.
    pub fn free(&self, agent: u32) -> Option<&Bundle> {
        let known = self.agents.get(agent as usize)?;
        known.is_known.then_some(&known.free)
    }

    /// Allocation of a client on an agent.
    pub fn held(&self, client: u32, agent: u32) -> Option<&Bundle> {
        let held = &self.agents.get(agent as usize)?.held;
        held.iter()
            .find(|(holder, _)| *holder == client)
            .map(|(_, held)| held)
    }

    /// Whether there is one of the least amounts.
    fn is_allocatable(&self, resources: &Bundle) -> bool {
        if self.options.min_allocatable.is_empty() {
            return !resources.is_empty();
        }
        let has = |have: &Amounts| {
            let mut least = self.options.min_allocatable.iter();
            least.any(|least| contains(have, least))
        };
        if resources.reserved.is_empty() {
            has(&resources.plain)
        } else {
            let mut sum = Amounts::from_elem(0, self.columns());
            for amounts in (resources.reserved.iter().map(|(_, own)| own)).chain([&resources.plain])
            {
                for (sum, amount) in sum.iter_mut().zip(amounts) {
                    *sum += (*amount).max(0);
                }
            }
            has(&sum)
        }
    }

    /// Whether an agent has GPUs that a framework must not be offered.
    fn keeps_gpus(&self, agent: u32, framework: u32) -> bool {
        let Some(column) = self.options.gpu_column else {
            return false;
        };
        let total = &self.agents[agent as usize].total;
        let reserved = total.reserved.iter().map(|(_, amounts)| amounts);
        let has_gpus = ({ reserved }.chain([&total.plain])).any(|amounts| amounts[column] > 0);
        has_gpus && !self.frameworks[framework as usize].0.gpu_resources
    }

    fn stream(&self, purpose: &str) -> Stream {
        Stream::new(self.options.seed, purpose, self.runs)
    }
}

/// Whether anything is asked for.
fn is_some(amounts: &Amounts) -> bool {
    !is_nothing(amounts)
}
