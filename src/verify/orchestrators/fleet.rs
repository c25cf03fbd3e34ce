//! Cases of Fleet: placements by the engine's rounds, timers, and a crashed machine. Runs keep the
//! registry in [`FastEngine`]; [`Engine`] defines what it decides.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::{Timeline, duration, instant};
use super::{Case, Forms, Trouble, read};
use model::{Labels, Text};
use systems::fleet::agent::{Agent, Present, Task};
use systems::fleet::engine::{Engine, Inability, Round, Unit};
use systems::fleet::fast::FastEngine;
use systems::fleet::options::FleetOptions;
use systems::fleet::presence::{AGENT_INTERVAL, BEAT_RETRY, BEAT_TIMEOUT, Presence};
use systems::fleet::unit::{Requirements, TargetState};
use units::SortedMap;

/// Both forms of the engine.
pub(super) const FORMS: Forms = Forms::Both {
    plain: decide::<Engine>,
    fast: decide::<FastEngine>,
};

/// Inputs and questions that both forms of the engine take.
trait Form: Default {
    fn put_machine(&mut self, id: &Text, metadata: Labels);
    fn remove_machine(&mut self, id: &Text);
    fn put_unit(&mut self, name: &Text, unit: Unit);
    fn unit(&self, name: &str) -> Option<&Unit>;
    fn reconcile(&mut self) -> Round;

    /// The machine that a unit has.
    fn machine_of(&self, name: &str) -> Option<Text> {
        self.unit(name).and_then(|unit| unit.machine.clone())
    }
}

impl Form for Engine {
    fn put_machine(&mut self, id: &Text, metadata: Labels) {
        self.put_machine(id.clone(), metadata);
    }

    fn remove_machine(&mut self, id: &Text) {
        self.remove_machine(id);
    }

    fn put_unit(&mut self, name: &Text, unit: Unit) {
        self.put_unit(name.clone(), unit);
    }

    fn unit(&self, name: &str) -> Option<&Unit> {
        self.unit(name)
    }

    fn reconcile(&mut self) -> Round {
        self.reconcile()
    }
}

impl Form for FastEngine {
    fn put_machine(&mut self, id: &Text, metadata: Labels) {
        self.put_machine(id, metadata);
    }

    fn remove_machine(&mut self, id: &Text) {
        self.remove_machine(id);
    }

    fn put_unit(&mut self, name: &Text, unit: Unit) {
        self.put_unit(name, unit);
    }

    fn unit(&self, name: &str) -> Option<&Unit> {
        self.unit(name)
    }

    fn reconcile(&mut self) -> Round {
        self.reconcile()
    }
}

#[derive(Deserialize)]
struct MachineCase {
    id: Text,
    #[serde(default)]
    metadata: Labels,
    #[serde(default)]
    lost: bool,
}

/// A unit as cases give it, in the request or among those that are there.
#[derive(Deserialize, Default)]
#[serde(default)]
struct UnitCase {
    unit: Text,
    units: Option<Vec<Text>>,
    machine: Option<Text>,
    #[serde(rename = "global_", alias = "global")]
    is_global: bool,
    #[serde(rename = "Replaces", alias = "replaces")]
    replaces: Vec<Text>,
    target: Option<String>,
    event: Option<String>,
    /// Options by the names that unit files have for them, and what else the case says.
    #[serde(flatten)]
    options: Map<String, Value>,
}

/// The values of an option, which a case gives as one or as a list.
fn values(option: &Value) -> Vec<String> {
    match option {
        Value::String(value) => vec![value.clone()],
        Value::Array(list) => list.iter().flat_map(values).collect(),
        Value::Null => Vec::new(),
        other => vec![other.to_string()],
    }
}

impl UnitCase {
    fn requirements(&self, unit: &str) -> Requirements {
        let mut asked = Requirements::default();
        for (name, written) in &self.options {
            let name = if name == "conflicts" {
                "Conflicts"
            } else {
                name
            };
            for value in values(written) {
                asked.take_option(unit, name, &value);
            }
        }
        for pattern in &self.replaces {
            asked.take_option(unit, "Replaces", pattern);
        }
        asked.is_global |= self.is_global;
        asked
    }

    fn unit(&self, name: &str) -> Unit {
        Unit {
            requirements: self.requirements(name),
            target: match self.target.as_deref() {
                Some("inactive") => TargetState::Inactive,
                Some("loaded") => TargetState::Loaded,
                _ => TargetState::Launched,
            },
            machine: self.machine.clone(),
        }
    }
}

fn decide<F: Form>(case: &Case) -> Result<Value, Trouble> {
    if case.request.get("crash_at_s").is_some() {
        return failover::<F>(case);
    }
    if case.request.get("engine_reconcile_interval_s").is_some() {
        return timers(case);
    }
    let request: UnitCase = read(&case.request)?;
    let mut engine: F = engine(case)?;
    if request.event.is_some() {
        let round = engine.reconcile();
        let unscheduled: Vec<&Text> = round.unscheduled.iter().map(|(unit, _)| unit).collect();
        return Ok(json!({
            "unscheduled": unscheduled,
            "placements": named(&round.scheduled),
        }));
    }
    if let Some(units) = &request.units {
        for name in units {
            engine.put_unit(name, request.unit(name));
        }
        engine.reconcile();
        let machine = |name: &Text| engine.machine_of(name);
        return Ok(json!({"placements": units.iter().map(machine).collect::<Vec<_>>()}));
    }
    if !request.replaces.is_empty() {
        return Ok(replaces(engine, &request));
    }
    let mut decided = grounds(case, &request)?;
    engine.put_unit(&request.unit, request.unit(&request.unit));
    let round = engine.reconcile();
    match round.waiting.iter().find(|(unit, _)| *unit == request.unit) {
        Some((_, error)) => decided["error"] = json!(error.to_string()),
        None => decided["chosen"] = json!(engine.machine_of(&request.unit)),
    }
    Ok(decided)
}

fn engine<F: Form>(case: &Case) -> Result<F, Trouble> {
    let mut engine = F::default();
    let machines: Vec<MachineCase> = read(&case.nodes)?;
    // `presence of A expires` says which machine is lost, too.
    let event = case.request["event"].as_str().unwrap_or_default();
    let expires = event.strip_prefix("presence of ");
    let expires = expires.and_then(|rest| rest.strip_suffix(" expires"));
    let is_lost = |own: &MachineCase| own.lost || expires == Some(&*own.id);
    for machine in machines.into_iter().filter(|machine| !is_lost(machine)) {
        engine.put_machine(&machine.id, machine.metadata);
    }
    let units: Vec<UnitCase> = read(&case.existing)?;
    for unit in units {
        engine.put_unit(&unit.unit, unit.unit(&unit.unit));
    }
    Ok(engine)
}

fn named(pairs: &[(Text, Text)]) -> Map<String, Value> {
    let pairs = pairs.iter();
    pairs
        .map(|(unit, machine)| (unit.to_string(), json!(machine)))
        .collect()
}

/// Grounds on which a unit gets its machine: the loads of machines, and which are able. The plain
/// form alone can tell.
fn grounds(case: &Case, request: &UnitCase) -> Result<Value, Trouble> {
    let mut engine: Engine = engine(case)?;
    engine.count();
    let asked = request.requirements(&request.unit);
    let mut scores = Map::new();
    let mut eligible = Vec::new();
    for id in engine.by_load() {
        let inability = engine.inability(&request.unit, &asked, id);
        let score = match inability {
            Some(Inability::Conflict) => json!("conflict"),
            _ => json!(engine.load(id)),
        };
        if inability.is_none() {
            eligible.push(id.clone());
        }
        scores.insert(id.to_string(), score);
    }
    Ok(json!({"scores": scores, "eligible": eligible}))
}

/// Two rounds, with the names of units up to their suffix.
fn replaces<F: Form>(mut engine: F, request: &UnitCase) -> Value {
    engine.put_unit(&request.unit, request.unit(&request.unit));
    let stem = |name: &Text| name.split('.').next().unwrap_or_default().to_owned();
    let first = engine.reconcile();
    let placed = first.scheduled.iter();
    let first: Map<String, Value> = placed
        .map(|(unit, machine)| (stem(unit), json!(machine)))
        .collect();
    engine.reconcile();
    let names = request.replaces.iter().chain([&request.unit]);
    let second: Map<String, Value> = names
        .map(|name| (stem(name), json!(engine.machine_of(name))))
        .collect();
    json!({"first_pass": first, "second_pass": second})
}

fn timers(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct TimersCase {
        engine_reconcile_interval_s: f64,
        agent_ttl_s: f64,
    }
    let given: TimersCase = read(&case.request)?;
    let options = FleetOptions {
        engine_interval: duration(given.engine_reconcile_interval_s)?,
        agent_ttl: duration(given.agent_ttl_s)?,
        ..FleetOptions::default()
    };
    let (least, most) = options.expiry_bounds();
    Ok(json!({
        "lease_ttl_s": options.lease_ttl().as_secs_f64(),
        "presence_beat_s": options.presence_beat().as_secs_f64(),
        "beat_attempts_within_s": BEAT_TIMEOUT.as_secs_f64(),
        "beat_retry_s": BEAT_RETRY.as_secs_f64(),
        "unit_beat_s": options.unit_beat().as_secs_f64(),
        "machine_expires_after_crash_s": [least.as_secs_f64(), most.as_secs_f64()],
        "agent_reconcile_s": AGENT_INTERVAL.as_secs_f64(),
    }))
}

#[derive(Deserialize)]
struct FailoverCase {
    #[serde(rename = "crash_at_s")]
    crash_at: f64,
    #[serde(rename = "agent_ttl_s")]
    agent_ttl: f64,
    #[serde(rename = "beat_s")]
    beat: Option<f64>,
    #[serde(rename = "engine_interval_s")]
    engine_interval: f64,
    #[serde(rename = "engine_rounds_start_s")]
    rounds_start: f64,
    #[serde(rename = "load_and_start_s")]
    start: f64,
}

/// A machine crashes; its key expires, the next round moves its unit, the other agent starts it.
fn failover<F: Form>(case: &Case) -> Result<Value, Trouble> {
    enum Event {
        Beat,
        Expiry,
        Round,
        Started,
    }
    let given: FailoverCase = read(&case.request)?;
    let options = FleetOptions {
        engine_interval: duration(given.engine_interval)?,
        agent_ttl: duration(given.agent_ttl)?,
        ..FleetOptions::default()
    };
    let crash = instant(given.crash_at)?;
    let beat = given.beat.map_or(Ok(options.presence_beat()), duration)?;
    let start = duration(given.start)?;
    let mut engine = F::default();
    for id in ["lost", "other"] {
        engine.put_machine(&id.into(), Labels::new());
    }
    let unit = UnitCase {
        machine: Some("lost".into()),
        ..UnitCase::default()
    };
    engine.put_unit(&"web.service".into(), unit.unit("web.service"));
    let mut presence = Presence::new(options);
    let mut agent = Agent::default();
    let mut timeline = Timeline::default();
    timeline.at(instant(0.0)?, Event::Beat);
    timeline.at(instant(given.rounds_start)?, Event::Round);
    let (mut expires, mut moved, mut running) = (None, None, None);
    while let Some((now, event)) = timeline.next() {
        match event {
            Event::Beat if now < crash => {
                presence.beat(now, "lost".into());
                timeline.at(now + beat, Event::Beat);
            }
            Event::Beat => {
                if let Some(expiry) = presence.next_expiry() {
                    timeline.at(expiry, Event::Expiry);
                }
            }
            Event::Expiry => {
                for machine in presence.expire(now) {
                    engine.remove_machine(&machine);
                    expires = Some(now.as_secs_f64());
                }
            }
            Event::Round => {
                let round = engine.reconcile();
                if round.scheduled.is_empty() {
                    timeline.at(now + options.engine_interval, Event::Round);
                    continue;
                }
                moved = Some(now.as_secs_f64());
                // A changed target is an event, on which the agent acts at once.
                let present = Present {
                    content: 1,
                    state: TargetState::Launched,
                };
                let units = round.scheduled.into_iter().map(|(unit, _)| (unit, present));
                let tasks = agent.reconcile(&units.collect::<SortedMap<_, _>>());
                if tasks.iter().any(|task| matches!(task, Task::Start(_))) {
                    timeline.at(now + start, Event::Started);
                }
            }
            Event::Started => running = Some(now.as_secs_f64()),
        }
    }
    Ok(json!({"expires_s": expires, "engine_round_s": moved, "running_s": running}))
}
