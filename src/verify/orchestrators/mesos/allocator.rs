//! The allocator, event by event: the offers of every run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::timeline::{duration, instant};
use super::super::{Case, Trouble, read};
use super::{Amounts, quantities, thousandths};
use model::Text;
use systems::mesos::allocator::{
    Allocator, AllocatorError, AllocatorOptions, Capabilities, Offer, Quota,
};
use systems::mesos::resources::{Amount, Kind, Limits, Resources};
use units::{Duration, Instant};

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
        used: BTreeMap<Text, Map<String, Value>>,
    },
    AddFramework {
        framework: Text,
        role: Text,
    },
    SetQuota {
        role: Text,
        #[serde(default)]
        guarantee: Amounts,
        #[serde(default)]
        limit: Amounts,
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

struct Story {
    allocator: Allocator,
    roles: BTreeMap<Text, Text>,
    now: Instant,
}

pub(super) fn decide(case: &Case) -> Result<Value, Trouble> {
    let events: Vec<EventCase> = read(&case.request)?;
    let mut options = AllocatorOptions::default();
    for event in &events {
        if let Event::Config {
            allocation_interval_s: Some(interval),
        } = event.event
        {
            options.allocation_interval = duration(interval)?;
        }
    }
    let mut story = Story {
        allocator: Allocator::new(options),
        roles: BTreeMap::new(),
        now: Instant::ZERO,
    };
    let mut offers = Map::new();
    for (number, event) in events.into_iter().enumerate() {
        if let Some(t) = event.t {
            story.now = instant(t)?;
        }
        if story.happen(event.event)? {
            let mut made = story.allocator.run(story.now);
            made.sort_by(|one, other| {
                let key = |offer: &Offer| (offer.agent.clone(), offer.framework.clone());
                key(one).cmp(&key(other))
            });
            let told: Vec<Value> = made.iter().map(offer_value).collect();
            offers.insert(number.to_string(), json!(told));
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

impl Story {
    /// Tells the allocator; whether it starts a run.
    fn happen(&mut self, event: Event) -> Result<bool, Trouble> {
        let allocator = &mut self.allocator;
        let none = BTreeSet::new();
        let done: Result<bool, AllocatorError> = match event {
            Event::Config { .. } => Ok(false),
            Event::AddAgent {
                agent,
                resources: given,
                used,
            } => {
                let mut held = BTreeMap::new();
                for (framework, used) in used {
                    let role = self.roles.get(&framework).cloned().unwrap_or_default();
                    held.insert((framework, role), resources(&used)?);
                }
                let added = allocator.add_agent(agent, resources(&given)?, held);
                added.map(|()| true)
            }
            Event::AddFramework { framework, role } => {
                self.roles.insert(framework.clone(), role.clone());
                allocator.add_framework(framework, [role], Capabilities::default());
                Ok(true)
            }
            Event::SetQuota {
                role,
                guarantee,
                limit,
            } => {
                allocator.set_quota(role, quota(&guarantee, &limit));
                Ok(false)
            }
            Event::SetWeight { role, weight } => allocator.set_weight(role, weight).map(|()| false),
            Event::Batch => {
                allocator.gather_all();
                Ok(true)
            }
            Event::Decline {
                framework,
                agent,
                refuse_seconds,
            } => {
                let declined =
                    allocator.decline(self.now, &framework, &agent, refusal(refuse_seconds)?);
                declined.map(|()| false)
            }
            Event::DeclineAll { framework } => {
                let agents = allocator.held_agents(&framework);
                let mut declined = agents.iter();
                declined
                    .try_for_each(|agent| allocator.decline(self.now, &framework, agent, None))
                    .map(|()| false)
            }
            Event::Release {
                framework,
                agent,
                resources: given,
            } => {
                let released = allocator.release(&framework, &agent, &resources(&given)?);
                released.map(|()| false)
            }
            Event::Suppress { framework } => allocator.suppress(&framework, &none).map(|()| false),
            Event::Revive { framework } => allocator.revive(&framework, &none).map(|()| true),
        };
        done.map_err(|error| Trouble::Malformed(error.to_string()))
    }
}

/// No seconds leave no filter; seconds that are missing are the default ones.
fn refusal(seconds: Option<f64>) -> Result<Option<Duration>, Trouble> {
    match seconds {
        Some(0.0) => Ok(None),
        Some(seconds) => duration(seconds).map(Some),
        None => duration(-1.0).map(Some),
    }
}

fn quota(guarantee: &Amounts, limit: &Amounts) -> Quota {
    let limit = limit.iter();
    Quota {
        guarantee: quantities(guarantee),
        limit: Limits::new(limit.map(|(name, &bound)| (name.clone(), thousandths(bound)))),
    }
}

/// `cpus`, or `cpus(q)` where it is reserved for the role q; a text is given away whole.
fn resources(given: &Map<String, Value>) -> Result<Resources, Trouble> {
    let mut all = Resources::default();
    for (key, value) in given {
        let (name, role) = match key.split_once('(') {
            Some((name, role)) => (name, role.strip_suffix(')')),
            None => (key.as_str(), None),
        };
        let kind = Kind {
            name: name.into(),
            role: role.map(Text::from),
            is_revocable: false,
        };
        let amount = match value {
            Value::String(whole) => Amount::Whole(whole.as_str().into()),
            number => Amount::Scalar(thousandths(read(number)?)),
        };
        all.add_one(&kind, &amount);
    }
    Ok(all)
}

fn offer_value(offer: &Offer) -> Value {
    let told = offer.resources.iter().map(|(kind, amount)| {
        let name = match &kind.role {
            Some(role) => format!("{}({role})", kind.name),
            None => kind.name.to_string(),
        };
        let amount = match amount {
            Amount::Scalar(thousandths) => json!(*thousandths as f64 / 1_000.0),
            Amount::Whole(whole) => json!(whole),
        };
        (name, amount)
    });
    json!({
        "framework": offer.framework, "role": offer.role, "agent": offer.agent,
        "resources": told.collect::<Map<_, _>>(),
    })
}
