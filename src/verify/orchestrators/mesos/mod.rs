//! Cases of Mesos: sorters, the allocator's offers, lost agents, and fairness task by task.

mod allocator;
mod sorter;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::{duration, instant};
use super::{Case, Forms, Trouble, read};
use model::Text;
use systems::mesos::drf_tasks::{Blocked, User, divide};
use systems::mesos::observer::{Observer, ObserverOptions, Removals};
use units::{Instant, SortedMap, SortedSet};

pub(super) fn forms(kind: &str) -> Option<Forms> {
    Some(match kind {
        "mesos-sorter" => Forms::One(sorter::sorts),
        "mesos-random-sorter" => Forms::One(sorter::positions),
        "mesos-allocator" => Forms::One(allocator::decide),
        "mesos-agent" => Forms::One(agents),
        _ => return None,
    })
}

/// Amounts by name as cases give them.
type Amounts = SortedMap<Text, f64>;

fn thousandths(amount: f64) -> i64 {
    (amount * 1_000.0).round() as i64
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
    agents: SortedMap<Text, AgentCase>,
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
    let mut observers: SortedMap<Text, Observer> = SortedMap::new();
    let mut removals = Removals::new(options.removal_limit);
    let mut events: SortedSet<(Instant, Event)> = SortedSet::new();
    for (id, agent) in &given.agents {
        events.insert((instant(agent.registered_at)?, Event::Ping(id.clone())));
    }
    let mut unreachable: SortedMap<Text, Option<f64>> =
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
    users: SortedMap<Text, Amounts>,
    #[serde(default)]
    weights: Option<SortedMap<Text, f64>>,
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
    let division = divide(&capacities, &users, blocked)
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
