//! The allocator, event by event: the offers of every run. Runs of the simulator offer with the fast
//! form (`fast_allocator`), which the plain one defines.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::timeline::{duration, instant};
use super::super::{Case, Forms, Trouble, read};
use super::fast_allocator::FastForm;
use super::{Amounts, quantities, thousandths};
use model::Text;
use systems::mesos::allocator::{
    Allocator, AllocatorError, AllocatorOptions, Capabilities, Offer, Quota,
};
use systems::mesos::resources::{Amount, Kind, Limits, Resources};
use units::{Duration, Instant, SortedMap, SortedSet};

/// Both forms of the allocator.
pub(super) const FORMS: Forms = Forms::Both {
    plain: |case| decide(case, |_, options| Box::new(Plain::new(options))),
    fast: |case| decide(case, |events, options| FastForm::make(events, options)),
};

/// A form of the allocator.
pub(super) trait Form {
    /// Tells the allocator; whether it starts a run.
    fn happen(&mut self, now: Instant, event: &Event) -> Result<bool, Trouble>;

    /// The offers of a run.
    fn run(&mut self, now: Instant) -> Vec<Offer>;
}

#[derive(Deserialize)]
pub(super) struct EventCase {
    #[serde(default)]
    t: Option<f64>,
    #[serde(flatten)]
    pub(super) event: Event,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
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

/// The plain form.
pub(super) struct Plain {
    allocator: Allocator,
    roles: SortedMap<Text, Text>,
}

impl Plain {
    pub(super) fn new(options: AllocatorOptions) -> Self {
        Self {
            allocator: Allocator::new(options),
            roles: SortedMap::new(),
        }
    }
}

fn decide(
    case: &Case,
    make: impl FnOnce(&[EventCase], AllocatorOptions) -> Box<dyn Form>,
) -> Result<Value, Trouble> {
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
    let mut form = make(&events, options);
    let mut now = Instant::ZERO;
    let mut offers = Map::new();
    for (number, event) in events.iter().enumerate() {
        if let Some(t) = event.t {
            now = instant(t)?;
        }
        if form.happen(now, &event.event)? {
            let mut made = form.run(now);
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

impl Form for Plain {
    fn happen(&mut self, now: Instant, event: &Event) -> Result<bool, Trouble> {
        let allocator = &mut self.allocator;
        let none = SortedSet::new();
        let done: Result<bool, AllocatorError> = match event {
            Event::Config { .. } => Ok(false),
            Event::AddAgent {
                agent,
                resources: given,
                used,
            } => {
                let mut held = SortedMap::new();
                for (framework, used) in used {
                    let role = self.roles.get(framework).cloned().unwrap_or_default();
                    held.insert((framework.clone(), role), resources(used)?);
                }
                let added = allocator.add_agent(agent.clone(), resources(given)?, held);
                added.map(|()| true)
            }
            Event::AddFramework { framework, role } => {
                self.roles.insert(framework.clone(), role.clone());
                let capabilities = Capabilities::default();
                allocator.add_framework(framework.clone(), [role.clone()], capabilities);
                Ok(true)
            }
            Event::SetQuota {
                role,
                guarantee,
                limit,
            } => {
                allocator.set_quota(role.clone(), quota(guarantee, limit));
                Ok(false)
            }
            Event::SetWeight { role, weight } => {
                allocator.set_weight(role.clone(), *weight).map(|()| false)
            }
            Event::Batch => {
                allocator.gather_all();
                Ok(true)
            }
            Event::Decline {
                framework,
                agent,
                refuse_seconds,
            } => {
                let refusal = refusal(*refuse_seconds)?;
                let declined = allocator.decline(now, framework, agent, refusal);
                declined.map(|()| false)
            }
            Event::DeclineAll { framework } => {
                let agents = allocator.held_agents(framework);
                let mut declined = agents.iter();
                declined
                    .try_for_each(|agent| allocator.decline(now, framework, agent, None))
                    .map(|()| false)
            }
            Event::Release {
                framework,
                agent,
                resources: given,
            } => {
                let released = allocator.release(framework, agent, &resources(given)?);
                released.map(|()| false)
            }
            Event::Suppress { framework } => allocator.suppress(framework, &none).map(|()| false),
            Event::Revive { framework } => allocator.revive(framework, &none).map(|()| true),
        };
        done.map_err(|error| Trouble::Malformed(error.to_string()))
    }

    fn run(&mut self, now: Instant) -> Vec<Offer> {
        self.allocator.run(now)
    }
}

/// No seconds leave no filter; seconds that are missing are the default ones.
pub(super) fn refusal(seconds: Option<f64>) -> Result<Option<Duration>, Trouble> {
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
pub(super) fn resources(given: &Map<String, Value>) -> Result<Resources, Trouble> {
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
