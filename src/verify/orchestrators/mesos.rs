//! Cases of Mesos: sorters, the allocator's offers, lost agents, and fairness task by task.

mod allocator;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::{duration, instant};
use super::{Case, Decide, Trouble, read};
use model::Text;
use rng::Stream;
use systems::mesos::drf_tasks::{Blocked, ShareRule, User, divide};
use systems::mesos::observer::{Observer, ObserverOptions, Removals};
use systems::mesos::resources::Quantities;
use systems::mesos::sorter::{Fairness, Sorter};
use units::Instant;

pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "mesos-sorter" => sorter,
        "mesos-random-sorter" => random_sorter,
        "mesos-allocator" => allocator::decide,
        "mesos-agent" => agents,
        _ => return None,
    };
    Some(decide)
}

/// Amounts by name as cases give them.
type Amounts = BTreeMap<Text, f64>;

fn thousandths(amount: f64) -> i64 {
    (amount * 1_000.0).round() as i64
}

fn quantities(amounts: &Amounts) -> Quantities {
    let amounts = amounts.iter();
    Quantities::new(amounts.map(|(name, &amount)| (name.clone(), thousandths(amount))))
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Operation {
    Add {
        client: Text,
    },
    Remove {
        client: Text,
    },
    Activate {
        client: Text,
    },
    Deactivate {
        client: Text,
    },
    Allocated {
        client: Text,
        res: Amounts,
    },
    Unallocated {
        client: Text,
        res: Amounts,
    },
    Update {
        client: Text,
        old: Amounts,
        new: Amounts,
    },
    Weight {
        client: Text,
        w: f64,
    },
    SetTotal {
        res: Amounts,
    },
    Sort,
}

fn sorter(case: &Case) -> Result<Value, Trouble> {
    let mut sorter = Sorter::new(Fairness::DominantResource, BTreeSet::new());
    sorter.set_total(quantities(&read(&case.nodes)?));
    let operations: Vec<Operation> = read(&case.request)?;
    let mut sorts = Vec::new();
    for operation in operations {
        match operation {
            Operation::Add { client } => sorter.add(&client),
            Operation::Remove { client } => sorter.remove(&client),
            Operation::Activate { client } => sorter.set_active(&client, true),
            Operation::Deactivate { client } => sorter.set_active(&client, false),
            Operation::Allocated { client, res } => sorter.allocated(&client, &quantities(&res)),
            Operation::Unallocated { client, res } => {
                sorter.unallocated(&client, &quantities(&res));
            }
            Operation::Update { client, old, new } => {
                sorter.update(&client, &quantities(&old), &quantities(&new));
            }
            Operation::Weight { client, w } => {
                let set = sorter.set_weight(client, w);
                set.map_err(|error| Trouble::Malformed(error.to_string()))?;
            }
            Operation::SetTotal { res } => sorter.set_total(quantities(&res)),
            Operation::Sort => sorts.push(sorter.sort()),
        }
    }
    Ok(json!({ "sorts": sorts }))
}

/// How many orders are drawn to find how likely each position is.
const DRAWS: u32 = 20_000;

fn random_sorter(case: &Case) -> Result<Value, Trouble> {
    let weights: BTreeMap<Text, f64> = read(&case.request["weights"])?;
    let random = Fairness::Random(Box::new(Stream::new(1, "mesos.random-sorter", 0)));
    let mut sorter = Sorter::new(random, BTreeSet::new());
    for (client, &weight) in &weights {
        sorter.add(client);
        let set = sorter.set_weight(client.clone(), weight);
        set.map_err(|error| Trouble::Malformed(error.to_string()))?;
    }
    let none = || vec![0_u32; weights.len()];
    let mut counts: BTreeMap<Text, Vec<u32>> = weights
        .keys()
        .map(|client| (client.clone(), none()))
        .collect();
    for _ in 0..DRAWS {
        for (position, client) in sorter.sort().into_iter().enumerate() {
            if let Some(counts) = counts.get_mut(&client) {
                counts[position] += 1;
            }
        }
    }
    let shares = counts.into_iter().map(|(client, counts)| {
        let shares = counts
            .into_iter()
            .map(|one| f64::from(one) / f64::from(DRAWS));
        (client.to_string(), json!(shares.collect::<Vec<_>>()))
    });
    Ok(json!({"position_probability": shares.collect::<Map<_, _>>()}))
}

#[derive(Deserialize)]
struct AgentCase {
    registered_at: f64,
    down: Vec<(f64, Option<f64>)>,
}

#[derive(Deserialize)]
struct AgentsCase {
    ping_s: f64,
    max_missed: u32,
    #[serde(default)]
    limit: Option<String>,
    agents: BTreeMap<Text, AgentCase>,
    until: f64,
}

/// Agents that are down at times, and when the master finds them unreachable.
fn agents(case: &Case) -> Result<Value, Trouble> {
    /// Permits of an instant go before its pings, and pings by id.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Event {
        Permit,
        Ping(Text),
    }
    let given: AgentsCase = read(&case.request)?;
    let limit = given.limit.as_deref().map(str::parse).transpose();
    let options = ObserverOptions {
        ping_period: duration(given.ping_s)?,
        max_missed: given.max_missed,
        removal_limit: limit.map_err(|error: systems::parts::permit::RateError| {
            Trouble::Malformed(error.to_string())
        })?,
    };
    let until = instant(given.until)?;
    let mut observers: BTreeMap<Text, Observer> = BTreeMap::new();
    let mut removals = Removals::new(options.removal_limit);
    let mut events: BTreeSet<(Instant, Event)> = BTreeSet::new();
    for (id, agent) in &given.agents {
        events.insert((instant(agent.registered_at)?, Event::Ping(id.clone())));
    }
    let mut unreachable: BTreeMap<Text, Option<f64>> =
        given.agents.keys().map(|id| (id.clone(), None)).collect();
    while let Some((now, event)) = events.pop_first() {
        if now > until {
            break;
        }
        if let Event::Ping(id) = event {
            if unreachable[&id].is_some() {
                continue;
            }
            let is_known = observers.contains_key(&id);
            let observer = observers
                .entry(id.clone())
                .or_insert_with(|| Observer::new(options));
            if is_known && observer.timed_out(now) {
                removals.push(id.clone());
            }
            if answers(&given.agents[&id], now)? && observer.answered(now) {
                removals.cancel(&id);
            }
            events.insert((observer.deadline(now), Event::Ping(id)));
        }
        for id in removals.take(now) {
            unreachable.insert(id, Some(now.as_secs_f64()));
        }
        if let Some(wake) = removals.wakes(now) {
            events.insert((wake, Event::Permit));
        }
    }
    Ok(json!({ "unreachable_at": unreachable }))
}

/// A ping at the very instant at which a failure begins or ends is answered.
fn answers(agent: &AgentCase, now: Instant) -> Result<bool, Trouble> {
    for &(from, to) in &agent.down {
        let is_before_end = match to {
            Some(to) => now < instant(to)?,
            None => true,
        };
        if now > instant(from)? && is_before_end {
            return Ok(false);
        }
    }
    Ok(true)
}

#[derive(Deserialize)]
struct DivisionCase {
    users: BTreeMap<Text, Amounts>,
    #[serde(default)]
    weights: Option<BTreeMap<Text, f64>>,
    blocked_users: String,
}

pub(super) fn drf_tasks(case: &Case) -> Result<Value, Trouble> {
    let capacities: Amounts = read(&case.nodes)?;
    let given: DivisionCase = read(&case.request)?;
    // Millionths, so that demands such as 0.1 stay exact.
    let millionths = |amount: &f64| (amount * 1e6).round() as i64;
    let weight = |name: &Text| {
        let weights = given.weights.as_ref();
        weights.and_then(|weights| weights.get(name)).copied()
    };
    let users: Vec<User> = given
        .users
        .iter()
        .map(|(name, demand)| User {
            name: name.clone(),
            demand: capacities
                .keys()
                .map(|resource| demand.get(resource).map_or(0, millionths))
                .collect(),
            weight: weight(name).unwrap_or(1.0),
        })
        .collect();
    let blocked = match given.blocked_users.as_str() {
        "skip" => Blocked::Skip,
        "stop" => Blocked::Stop,
        other => return Err(Trouble::Malformed(format!("blocked users `{other}`"))),
    };
    let capacities: Vec<i64> = capacities.values().map(millionths).collect();
    let division = divide(&capacities, &users, ShareRule::DominantResource, blocked)
        .map_err(|error| Trouble::Malformed(error.to_string()))?;
    let by_name = |values: Vec<Value>| {
        let names = users.iter().map(|user| user.name.to_string());
        names.zip(values).collect::<Map<String, Value>>()
    };
    let tasks = division.tasks.iter().map(|&tasks| json!(tasks));
    let shares = division.dominant_shares.iter().map(|&share| json!(share));
    let sequence = division.sequence.iter().map(|&user| &users[user].name);
    Ok(json!({
        "tasks": by_name(tasks.collect()),
        "sequence": sequence.collect::<Vec<_>>(),
        "dominant_shares": by_name(shares.collect()),
    }))
}
