//! The allocator, event by event: the offers of every run. What cases name is numbered, agents in the
//! order of their names.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::timeline::{duration, instant};
use super::super::{Case, Trouble, read};
use super::{Amounts as Given, thousandths};
use model::Text;
use systems::mesos::fast::amounts::{Amounts, Bundle};
use systems::mesos::fast::tree::Order;
use systems::mesos::fast::{Capabilities, FastAllocator, FastOffer, FastOptions, FastQuota, Walk};
use units::{Duration, Instant, SortedMap, SortedSet};

#[derive(Deserialize)]
struct EventCase {
    #[serde(default)]
    t: Option<f64>,
    #[serde(flatten)]
    event: Event,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Config {
        #[serde(default)]
        allocation_interval_s: Option<f64>,
    },
    AddAgent {
        agent: Text,
        resources: Map<String, Value>,
        #[serde(default)]
        used: SortedMap<Text, Map<String, Value>>,
    },
    AddFramework {
        framework: Text,
        role: Text,
    },
    SetQuota {
        role: Text,
        #[serde(default)]
        guarantee: Given,
        #[serde(default)]
        limit: Given,
    },
    SetWeight {
        role: Text,
        weight: f64,
    },
    Batch,
    Decline {
        framework: Text,
        agent: Text,
        #[serde(default)]
        refuse_seconds: Option<f64>,
    },
    DeclineAll {
        framework: Text,
    },
    Release {
        framework: Text,
        agent: Text,
        resources: Map<String, Value>,
    },
    Suppress {
        framework: Text,
    },
    Revive {
        framework: Text,
    },
}

/// The allocator of a case.
struct Named {
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

impl Named {
    /// An allocator that knows nobody, with the defaults of the original.
    fn new(events: &[EventCase]) -> Result<Self, Trouble> {
        let (mut columns, mut agents) = (SortedSet::from(ALWAYS.map(Text::from)), SortedSet::new());
        let mut interval = Duration::from_secs(1);
        for event in events {
            match &event.event {
                Event::AddAgent { agent, .. } => {
                    agents.insert(agent.clone());
                }
                Event::Config {
                    allocation_interval_s: Some(own),
                } => interval = duration(*own)?,
                _ => {}
            }
            columns.extend(named(&event.event));
        }
        let columns: Vec<Text> = columns.into_iter().collect();
        let least = |wanted: &str, amount| {
            let amounts = columns.iter();
            amounts
                .map(|name| if &**name == wanted { amount } else { 0 })
                .collect()
        };
        let options = FastOptions {
            interval,
            order: Order::DominantResource,
            walk: Walk::ById,
            min_allocatable: vec![least("cpus", 10), least("mem", 32_000)],
            gpu_column: columns.iter().position(|name| &**name == "gpus"),
            is_excluded: vec![false; columns.len()],
            seed: 0,
        };
        Ok(Self {
            allocator: FastAllocator::new(options),
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

    /// `cpus`, or `cpus(q)` where it is reserved for the role q.
    fn bundle(&mut self, given: &Map<String, Value>) -> Result<Bundle, Trouble> {
        let mut bundle = Bundle::nothing(self.columns.len());
        for (key, amount) in given {
            let mut amounts = Amounts::from_elem(0, self.columns.len());
            if let Some(column) = number(&self.columns, bare(key)) {
                amounts[column as usize] = thousandths(read(amount)?);
            }
            let reserved = key
                .split_once('(')
                .and_then(|(_, role)| role.strip_suffix(')'));
            bundle.add(&match reserved {
                None => Bundle::of(amounts),
                Some(role) => Bundle {
                    plain: Amounts::from_elem(0, self.columns.len()),
                    reserved: vec![(self.role(&role.into()), amounts)],
                },
            });
        }
        Ok(bundle)
    }

    /// An offer as cases tell it: what there is of each resource.
    fn offer(&self, made: &FastOffer) -> Value {
        let reserved = made.resources.reserved.iter();
        let reserved = reserved.map(|(role, own)| (Some(&self.roles[*role as usize]), own));
        let mut told = Map::new();
        for (role, amounts) in reserved.chain([(None, &made.resources.plain)]) {
            for (name, &amount) in self.columns.iter().zip(amounts) {
                if amount > 0 {
                    let kind =
                        role.map_or_else(|| name.to_string(), |role| format!("{name}({role})"));
                    told.insert(kind, json!(amount as f64 / 1_000.0));
                }
            }
        }
        json!({
            "framework": self.frameworks[made.client as usize],
            "role": self.allocator.role_of_client(made.client),
            "agent": self.agents[made.agent as usize],
            "resources": told,
        })
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

impl Named {
    /// Tells the allocator; whether it starts a run.
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

    /// The offers of a run.
    fn run(&mut self, now: Instant) -> Vec<Value> {
        let mut offers = Vec::new();
        self.allocator.run(now, &mut offers);
        offers.sort_by_key(|made| {
            let framework = &self.frameworks[made.client as usize];
            (made.agent, framework.clone())
        });
        offers.iter().map(|made| self.offer(made)).collect()
    }
}

fn number(names: &[Text], wanted: &str) -> Option<u32> {
    let found = names.iter().position(|name| &**name == wanted);
    found.map(|place| place as u32)
}

/// The name of a resource, without the role it is reserved for.
fn bare(key: &str) -> &str {
    key.split('(').next().unwrap_or(key)
}

/// The names of the resources that an event tells of.
fn named(event: &Event) -> Vec<Text> {
    match event {
        Event::AddAgent {
            resources, used, ..
        } => {
            let maps = used.values().chain([resources]);
            maps.flat_map(Map::keys)
                .map(|key| bare(key).into())
                .collect()
        }
        Event::Release { resources, .. } => resources.keys().map(|key| bare(key).into()).collect(),
        Event::SetQuota {
            guarantee, limit, ..
        } => guarantee.keys().chain(limit.keys()).cloned().collect(),
        _ => Vec::new(),
    }
}

/// The offers after every event that starts a run.
pub(super) fn decide(case: &Case) -> Result<Value, Trouble> {
    let events: Vec<EventCase> = read(&case.request)?;
    let mut allocator = Named::new(&events)?;
    let mut now = Instant::ZERO;
    let mut offers = Map::new();
    for (number, event) in events.iter().enumerate() {
        if let Some(t) = event.t {
            now = instant(t)?;
        }
        if allocator.happen(now, &event.event)? {
            offers.insert(number.to_string(), json!(allocator.run(now)));
        }
    }
    // Offers are a set: both sides are told in one order.
    let expected = case.expected["offers_after_event"].as_object();
    let same_set = |number: &String, made: &Value| {
        let expected = expected.and_then(|all| all.get(number));
        let (Some(made), Some(expected)) = (made.as_array(), expected.and_then(Value::as_array))
        else {
            return made.clone();
        };
        in_order_of(expected, made)
    };
    let ordered = offers
        .iter()
        .map(|(number, made)| (number.clone(), same_set(number, made)));
    Ok(json!({"offers_after_event": ordered.collect::<Map<_, _>>()}))
}

/// The offers in the order in which they were expected; what was not follows.
fn in_order_of(expected: &[Value], made: &[Value]) -> Value {
    let place = |offer: &Value| {
        let same =
            |one: &Value| one["framework"] == offer["framework"] && one["agent"] == offer["agent"];
        expected.iter().position(same).unwrap_or(usize::MAX)
    };
    let mut ordered = made.to_vec();
    ordered.sort_by_key(place);
    Value::Array(ordered)
}

/// No seconds leave no filter; seconds that are missing are the default ones.
fn refusal(seconds: Option<f64>) -> Result<Option<Duration>, Trouble> {
    match seconds {
        Some(0.0) => Ok(None),
        Some(seconds) => duration(seconds).map(Some),
        None => duration(-1.0).map(Some),
    }
}
