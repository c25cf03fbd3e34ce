//! The allocator that runs use, through the events of a case: what cases name is numbered, agents in
//! the order of their names, in which the plain form walks them.

use serde_json::{Map, Value};

use super::super::Trouble;
use super::allocator::{Event, EventCase, Form, Plain, refusal, resources};
use super::{Amounts as Given, thousandths};
use model::Text;
use systems::mesos::allocator::{AllocatorOptions, Capabilities, Offer};
use systems::mesos::fast::amounts::{Amounts, Bundle};
use systems::mesos::fast::tree::Order;
use systems::mesos::fast::{FastAllocator, FastOffer, FastOptions, FastQuota, Walk};
use systems::mesos::resources::{Amount, Kind, Resources};
use units::{Duration, Instant, SortedMap, SortedSet};

/// The fast form.
pub(super) struct FastForm {
    allocator: FastAllocator,
    columns: Vec<Text>,
    agents: Vec<Text>,
    /// The frameworks by client: one role each.
    frameworks: Vec<Text>,
    /// The roles by number.
    roles: Vec<Text>,
}

/// The columns that there always are: without them the least amounts of an offer ask for nothing.
const ALWAYS: [&str; 3] = ["cpus", "gpus", "mem"];

impl FastForm {
    /// An allocator that knows nobody. Resources that are given away whole are in the plain form
    /// alone, and runs have none: such a case is the plain form's.
    pub(super) fn make(events: &[EventCase], options: AllocatorOptions) -> Box<dyn Form> {
        let (mut columns, mut agents) = (SortedSet::from(ALWAYS.map(Text::from)), SortedSet::new());
        for event in events {
            if let Event::AddAgent { agent, .. } = &event.event {
                agents.insert(agent.clone());
            }
            for (name, amount) in named(&event.event) {
                if amount.is_some_and(Value::is_string) {
                    return Box::new(Plain::new(options));
                }
                columns.insert(name);
            }
        }
        let columns: Vec<Text> = columns.into_iter().collect();
        let least = options.min_allocatable.iter();
        let least = least.map(|least| columns.iter().map(|name| least.get(name)).collect());
        let fast = FastOptions {
            interval: options.allocation_interval,
            order: Order::DominantResource,
            walk: Walk::ById,
            min_allocatable: least.collect(),
            gpu_column: columns.iter().position(|name| &**name == "gpus"),
            is_excluded: vec![false; columns.len()],
            seed: 0,
        };
        Box::new(Self {
            allocator: FastAllocator::new(fast),
            columns,
            agents: agents.into_iter().collect(),
            frameworks: Vec::new(),
            roles: Vec::new(),
        })
    }

    fn role(&mut self, name: &Text) -> u32 {
        let role = self.allocator.role(name);
        if self.roles.len() <= role as usize {
            self.roles.push(name.clone());
        }
        role
    }

    fn client(&self, framework: &str) -> Result<u32, Trouble> {
        number(&self.frameworks, framework)
            .ok_or_else(|| Trouble::Malformed(format!("there is no framework `{framework}`")))
    }

    fn agent(&self, agent: &str) -> Result<u32, Trouble> {
        number(&self.agents, agent)
            .ok_or_else(|| Trouble::Malformed(format!("there is no agent `{agent}`")))
    }

    fn row(&self, amounts: &Given) -> Amounts {
        let amount = |name| amounts.get(name).map_or(0, |&amount| thousandths(amount));
        self.columns.iter().map(amount).collect()
    }

    fn bundle(&mut self, given: &Map<String, Value>) -> Result<Bundle, Trouble> {
        let mut bundle = Bundle::nothing(self.columns.len());
        for (kind, amount) in resources(given)?.iter() {
            let mut amounts = Amounts::from_elem(0, self.columns.len());
            if let (Amount::Scalar(amount), Some(column)) =
                (amount, number(&self.columns, &kind.name))
            {
                amounts[column as usize] = *amount;
            }
            let reserved = kind.role.as_ref().map(|role| self.role(role));
            bundle.add(&match reserved {
                None => Bundle::of(amounts),
                Some(role) => Bundle {
                    plain: Amounts::from_elem(0, self.columns.len()),
                    reserved: vec![(role, amounts)],
                },
            });
        }
        Ok(bundle)
    }

    fn resources(&self, bundle: &Bundle) -> Resources {
        let reserved = bundle.reserved.iter();
        let reserved = reserved.map(|(role, own)| (Some(self.roles[*role as usize].clone()), own));
        let mut all = Resources::default();
        for (role, amounts) in reserved.chain([(None, &bundle.plain)]) {
            for (name, &amount) in self.columns.iter().zip(amounts) {
                let kind = Kind {
                    name: name.clone(),
                    role: role.clone(),
                    is_revocable: false,
                };
                all.add_one(&kind, &Amount::Scalar(amount));
            }
        }
        all
    }

    fn add_agent(
        &mut self,
        agent: &Text,
        total: &Map<String, Value>,
        used: &SortedMap<Text, Map<String, Value>>,
    ) -> Result<(), Trouble> {
        let (agent, total) = (self.agent(agent)?, self.bundle(total)?);
        self.allocator.add_agent(agent, total);
        for (framework, used) in used {
            let (client, used) = (self.client(framework)?, self.bundle(used)?);
            self.allocator.hold(client, agent, &used);
        }
        Ok(())
    }

    fn quota(&self, guarantee: &Given, limit: &Given) -> FastQuota {
        let bound = |name| limit.get(name).map(|&bound| thousandths(bound));
        FastQuota {
            guarantee: self.row(guarantee),
            limit: self.columns.iter().map(bound).collect(),
        }
    }

    /// A client gives back all that it holds of an agent, and may refuse as much.
    fn decline(&mut self, now: Instant, client: u32, agent: u32, refusal: Option<Duration>) {
        if let Some(held) = self.allocator.held(client, agent).cloned() {
            self.allocator.give_back(client, agent, &held);
            if let Some(span) = refusal {
                self.allocator.refuse(client, agent, held, now, span);
            }
        }
    }
}

impl Form for FastForm {
    fn happen(&mut self, now: Instant, event: &Event) -> Result<bool, Trouble> {
        match event {
            Event::Config { .. } => return Ok(false),
            Event::AddAgent {
                agent,
                resources: given,
                used,
            } => {
                self.add_agent(agent, given, used)?;
                return Ok(true);
            }
            Event::AddFramework { framework, role } => {
                self.role(role);
                let (roles, able) = (std::slice::from_ref(role), Capabilities::default());
                self.allocator.add_framework(framework, roles, able);
                self.frameworks.push(framework.clone());
                return Ok(true);
            }
            Event::SetQuota {
                role,
                guarantee,
                limit,
            } => {
                let quota = self.quota(guarantee, limit);
                self.role(role);
                self.allocator.set_quota(role, quota);
            }
            Event::SetWeight { role, weight } => self.allocator.set_weight(role, *weight),
            Event::Batch => {
                self.allocator.gather_all();
                return Ok(true);
            }
            Event::Decline {
                framework,
                agent,
                refuse_seconds,
            } => {
                let (client, agent) = (self.client(framework)?, self.agent(agent)?);
                self.decline(now, client, agent, refusal(*refuse_seconds)?);
            }
            Event::DeclineAll { framework } => {
                let client = self.client(framework)?;
                for agent in 0..self.agents.len() as u32 {
                    self.decline(now, client, agent, None);
                }
            }
            Event::Release {
                framework,
                agent,
                resources: given,
            } => {
                let (client, agent) = (self.client(framework)?, self.agent(agent)?);
                let back = self.bundle(given)?;
                self.allocator.give_back(client, agent, &back);
            }
            Event::Suppress { framework } => {
                let client = self.client(framework)?;
                let framework = self.allocator.framework_of(client);
                self.allocator.suppress(framework);
            }
            Event::Revive { framework } => {
                let client = self.client(framework)?;
                let framework = self.allocator.framework_of(client);
                self.allocator.revive(framework);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn run(&mut self, now: Instant) -> Vec<Offer> {
        let mut offers = Vec::new();
        self.allocator.run(now, &mut offers);
        let offer = |made: &FastOffer| Offer {
            framework: self.frameworks[made.client as usize].clone(),
            role: self.allocator.role_of_client(made.client).clone(),
            agent: self.agents[made.agent as usize].clone(),
            resources: self.resources(&made.resources),
        };
        offers.iter().map(offer).collect()
    }
}

fn number(names: &[Text], wanted: &str) -> Option<u32> {
    let found = names.iter().position(|name| &**name == wanted);
    found.map(|place| place as u32)
}

/// The resources that an event names, without the roles they are reserved for.
fn named(event: &Event) -> Vec<(Text, Option<&Value>)> {
    let bare = |(key, amount)| {
        let key: &String = key;
        let name = key.split('(').next().unwrap_or(key);
        (Text::from(name), Some(amount))
    };
    match event {
        Event::AddAgent {
            resources, used, ..
        } => {
            let maps = used.values().chain([resources]);
            maps.flat_map(|map| map.iter().map(bare)).collect()
        }
        Event::Release { resources, .. } => resources.iter().map(bare).collect(),
        Event::SetQuota {
            guarantee, limit, ..
        } => {
            let names = guarantee.keys().chain(limit.keys());
            names.map(|name| (name.clone(), None)).collect()
        }
        _ => Vec::new(),
    }
}
