//! Cases of Marathon: constraints, back-off, upgrades, scaling down, lost instances.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::{Timeline, duration, instant};
use super::{Case, Decide, Trouble, read};
use model::Text;
use systems::mesos::marathon::backoff::{LaunchBackoff, TaskStatus};
use systems::mesos::marathon::constraint::{Constraint, FieldValue};
use systems::mesos::marathon::scale_down::{Condition, Instance, KillSelection, victims};
use systems::mesos::marathon::unreachable::{self, Tracker, UnreachableStrategy};
use systems::mesos::marathon::upgrade::{self, Before, Upgrade, UpgradeStrategy, plan};
use systems::parts::delay::Growth;
use units::{Duration, Instant, SortedMap};

pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "marathon-constraint" => constraint,
        "marathon-group-by" => group_by,
        "marathon-group-by-fill" => group_by_fill,
        "marathon-backoff" => backoff,
        "marathon-upgrade" => upgrade_plan,
        "marathon-upgrade-steps" => upgrade_steps,
        "marathon-scale-down" => scale_down,
        "marathon-unreachable" => lost_instances,
        _ => return None,
    };
    Some(decide)
}

fn malformed(error: impl std::fmt::Display) -> Trouble {
    Trouble::Malformed(error.to_string())
}

/// A text, a number, `{"ranges": …}`, `{"set": …}`, or nothing.
fn field_value(value: &Value) -> Result<Option<FieldValue>, Trouble> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::String(text) => FieldValue::Text(text.as_str().into()),
        Value::Number(_) => FieldValue::Scalar(read(value)?),
        other if other.get("ranges").is_some() => FieldValue::Ranges(read(&other["ranges"])?),
        other if other.get("set").is_some() => FieldValue::Set(read(&other["set"])?),
        other => return Err(malformed(format!("no value of a field: {other}"))),
    }))
}

fn constraint(case: &Case) -> Result<Value, Trouble> {
    let placed: Vec<Value> = read(&case.existing)?;
    let placed: Vec<String> = placed
        .iter()
        .map(|value| {
            Ok(field_value(value)?
                .map(|value| value.printed())
                .unwrap_or_default())
        })
        .collect::<Result<_, Trouble>>()?;
    let text = |field: &str| case.request[field].as_str().unwrap_or_default();
    let constraint = Constraint::parse(text("operator"), text("value")).map_err(malformed)?;
    let offer = field_value(&case.request["offer_value"])?;
    let instances = placed.len().max(1) as u64;
    let accepted = constraint.accepts(offer.as_ref(), &placed, instances, instances);
    Ok(json!({ "accept": accepted }))
}

#[derive(Deserialize)]
struct GroupByCase {
    instances: u64,
    group_by: u64,
    #[serde(default)]
    offer_value: Value,
    #[serde(default)]
    offers: Vec<Value>,
}

/// The values of placed instances, given as a count of each.
fn placed_values(case: &Case) -> Result<Vec<String>, Trouble> {
    let counts: Map<String, Value> = read(&case.existing)?;
    let mut placed = Vec::new();
    for (value, count) in counts {
        let count: usize = read(&count)?;
        placed.extend(std::iter::repeat_n(value, count));
    }
    Ok(placed)
}

fn group_by(case: &Case) -> Result<Value, Trouble> {
    let given: GroupByCase = read(&case.request)?;
    let constraint = Constraint::EvenGroups(Some(given.group_by).filter(|&groups| groups > 0));
    let placed = placed_values(case)?;
    let offer = field_value(&given.offer_value)?;
    let accepted = constraint.accepts(offer.as_ref(), &placed, given.instances, 1);
    Ok(json!({ "accept": accepted }))
}

fn group_by_fill(case: &Case) -> Result<Value, Trouble> {
    let given: GroupByCase = read(&case.request)?;
    let constraint = Constraint::EvenGroups(Some(given.group_by).filter(|&groups| groups > 0));
    let mut placed = placed_values(case)?;
    let mut accepted = Vec::new();
    for offer in &given.offers {
        if placed.len() as u64 >= given.instances {
            break;
        }
        let offer = field_value(offer)?;
        let accepts = constraint.accepts(offer.as_ref(), &placed, given.instances, 1);
        if accepts && let Some(offer) = offer {
            placed.push(offer.printed());
        }
        accepted.push(accepts);
    }
    let mut counts: SortedMap<String, u64> = SortedMap::new();
    for value in placed {
        *counts.entry(value).or_default() += 1;
    }
    Ok(json!({"accept": accepted, "final": counts}))
}

fn backoff(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct BackoffCase {
        backoff_s: f64,
        factor: f64,
        max_s: f64,
        events: Vec<(f64, String)>,
    }
    let given: BackoffCase = read(&case.request)?;
    let mut backoff = LaunchBackoff::new(Growth {
        first: duration(given.backoff_s)?,
        factor: given.factor,
        most: duration(given.max_s)?,
    });
    let (mut delays, mut deadlines) = (Vec::new(), Vec::new());
    for (t, event) in given.events {
        let now = instant(t)?;
        match event.as_str() {
            "sweep" => backoff.sweep(now),
            "deploy" => backoff.reset(),
            name => {
                let status = TaskStatus::named(name);
                let status = status.ok_or_else(|| malformed(format!("a state `{name}`")))?;
                backoff.changed(now, status);
            }
        }
        delays.push(backoff.delay().map(Duration::as_secs_f64));
        deadlines.push(backoff.deadline().map(Instant::as_secs_f64));
    }
    Ok(json!({"delay_s": delays, "deadline": deadlines}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpgradeCase {
    instances: u64,
    minimum_health_capacity: f64,
    maximum_over_capacity: f64,
    #[serde(default)]
    resident: bool,
    #[serde(default)]
    events: Vec<(String, Text)>,
}

impl UpgradeCase {
    fn strategy(&self) -> UpgradeStrategy {
        UpgradeStrategy {
            minimum_health_capacity: self.minimum_health_capacity,
            maximum_over_capacity: self.maximum_over_capacity,
            is_resident: self.resident,
        }
    }
}

fn upgrade_plan(case: &Case) -> Result<Value, Trouble> {
    let given: UpgradeCase = read(&case.request)?;
    let healthy: u64 = read(&case.existing["healthy"])?;
    let current: u64 = read(&case.existing["current"])?;
    let plan = plan(&given.strategy(), given.instances, healthy, current);
    Ok(json!({
        "min_healthy": plan.min_healthy, "max_capacity": plan.max_capacity,
        "kill_now": plan.kill_now, "start_now": plan.start_now,
    }))
}

fn upgrade_steps(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct OldCase {
        id: Text,
        healthy: bool,
    }
    let given: UpgradeCase = read(&case.request)?;
    let old: Vec<OldCase> = read(&case.existing)?;
    let before = Before {
        old: old.into_iter().map(|one| (one.id, one.healthy)).collect(),
        ..Before::default()
    };
    let (mut upgrade, first) = Upgrade::begin(&given.strategy(), given.instances, &before);
    let mut actions = vec![in_words(&first)];
    for (event, id) in &given.events {
        let new = || {
            let number = id
                .strip_prefix('n')
                .and_then(|number| number.parse::<u64>().ok());
            number.ok_or_else(|| malformed(format!("no new instance: `{id}`")))
        };
        let now = match event.as_str() {
            "new_ready" => upgrade.new_ready(new()?),
            "new_failed" => {
                upgrade.new_failed(new()?);
                Vec::new()
            }
            "old_ended" => upgrade.old_ended(id),
            other => return Err(malformed(format!("an event `{other}`"))),
        };
        actions.push(in_words(&now));
    }
    let plan = upgrade.plan();
    Ok(json!({
        "min_healthy": plan.min_healthy, "max_capacity": plan.max_capacity,
        "actions": actions, "done": upgrade.is_done(),
    }))
}

fn in_words(actions: &[upgrade::Action]) -> Vec<String> {
    let words = actions.iter().map(|action| match action {
        upgrade::Action::Kill(old) => format!("kill {old}"),
        upgrade::Action::Start(new) => format!("start n{new}"),
    });
    words.collect()
}

fn scale_down(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct InstanceCase {
        id: Text,
        state: String,
        started: f64,
    }
    #[derive(Deserialize)]
    struct KillCase {
        kill: usize,
        #[serde(default, rename = "killSelection")]
        selection: String,
        #[serde(default)]
        asked: Vec<Text>,
    }
    let given: KillCase = read(&case.request)?;
    let instances: Vec<InstanceCase> = read(&case.existing)?;
    let instances: Vec<Instance> = instances
        .into_iter()
        .map(|one| {
            Ok(Instance {
                id: one.id,
                condition: match one.state.as_str() {
                    "UNREACHABLE_INACTIVE" => Condition::UnreachableInactive,
                    "UNREACHABLE" => Condition::Unreachable,
                    "STAGING" => Condition::Staging,
                    "STARTING" => Condition::Starting,
                    "RUNNING" => Condition::Running,
                    _ => Condition::Other,
                },
                started: instant(one.started)?,
                groups: Vec::new(),
            })
        })
        .collect::<Result<_, Trouble>>()?;
    let selection = match given.selection.as_str() {
        "OLDEST_FIRST" => KillSelection::OldestFirst,
        _ => KillSelection::YoungestFirst,
    };
    let victims = victims(&instances, given.kill, selection, &given.asked);
    Ok(json!({ "victims": victims }))
}

fn lost_instances(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct InstanceCase {
        id: Text,
        unreachable_at: f64,
        reachable_at: Option<f64>,
    }
    #[derive(Deserialize)]
    struct LostCase {
        inactive_after_s: f64,
        expunge_after_s: f64,
        instances: Vec<InstanceCase>,
        until: f64,
    }
    enum Event {
        Lost(Text),
        Returned(Text),
        Due,
    }
    let given: LostCase = read(&case.request)?;
    let until = instant(given.until)?;
    let mut tracker = Tracker::new(UnreachableStrategy {
        inactive_after: duration(given.inactive_after_s)?,
        expunge_after: duration(given.expunge_after_s)?,
    });
    let mut timeline = Timeline::default();
    let ids: Vec<Text> = given.instances.iter().map(|one| one.id.clone()).collect();
    for one in given.instances {
        timeline.at(instant(one.unreachable_at)?, Event::Lost(one.id.clone()));
        if let Some(at) = one.reachable_at {
            timeline.at(instant(at)?, Event::Returned(one.id));
        }
    }
    let mut told = Vec::new();
    while let Some((now, event)) = timeline.next() {
        if now > until {
            break;
        }
        let actions = match event {
            Event::Lost(id) => tracker.lost(now, id),
            Event::Returned(id) => tracker.returned(now, &id),
            Event::Due => tracker.step(now),
        };
        let mut position = 0;
        for action in actions {
            let (name, of) = match &action {
                unreachable::Action::Replace(id) => ("replace", json!(id)),
                unreachable::Action::Expunge(id) => ("expunge", json!(id)),
                unreachable::Action::Running(id) => ("running", json!(id)),
                unreachable::Action::ScaleDown(count) => ("scale_down", json!(count)),
                unreachable::Action::Kill(id) => ("kill", json!(id)),
            };
            // Scaling down belongs to the instance that has just come back.
            let own = of
                .as_str()
                .and_then(|id| ids.iter().position(|one| **one == *id));
            position = own.unwrap_or(position);
            told.push((now, position, json!([now.as_secs_f64(), name, of])));
        }
        if let Some(wake) = tracker.wakes() {
            timeline.at(wake.max(now), Event::Due);
        }
    }
    // What happens at one instant is told in the order of the instances.
    told.sort_by_key(|&(now, position, _)| (now, position));
    let told: Vec<Value> = told.into_iter().map(|(_, _, action)| action).collect();
    Ok(json!({ "actions": told }))
}
