//! Cases of ECS: placements, bounds of deployments and their steps in time, the circuit breaker,
//! capacity providers, and Fargate. Runs place in [`FastCluster`]; [`placement::place`] defines where.

use rng::Stream;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::timeline::{Timeline, duration, instant};
use super::{Case, Forms, Trouble, read};
use model::{Labels, Text};
use systems::ecs::breaker::threshold;
use systems::ecs::capacity::{Demand, ManagedScaling, Share, split};
use systems::ecs::fargate::{LaunchBucket, TaskSize};
use systems::ecs::fast::FastCluster;
use systems::ecs::placement::{
    self, Constraint, Field, Gpus, Instance, Packed, Rules, Strategy, Task, ZONE,
};
use systems::ecs::query::Query;
use systems::ecs::service::{HealthyPercent, Moves, Tasks};
use units::{Duration, Instant, SortedMap};

/// Both forms of placement.
pub(super) const FORMS: Forms = Forms::Both {
    plain: |case| decide(case, place_plainly),
    fast: |case| decide(case, place_fast),
};

/// Places a number of tasks: the instance of each, by position.
type Place = fn(Vec<Instance>, &Task, &Rules, usize) -> Vec<Option<usize>>;

fn random() -> Stream {
    Stream::new(1, "ecs.random", 0)
}

fn place_plainly(
    mut instances: Vec<Instance>,
    task: &Task,
    rules: &Rules,
    count: usize,
) -> Vec<Option<usize>> {
    let mut random = random();
    let mut placed = Vec::new();
    for _ in 0..count {
        let chosen = placement::place(&instances, task, rules, &mut random);
        if let Some(index) = chosen {
            instances[index].add(task);
        }
        placed.push(chosen);
    }
    placed
}

fn place_fast(
    instances: Vec<Instance>,
    task: &Task,
    rules: &Rules,
    count: usize,
) -> Vec<Option<usize>> {
    let (mut random, mut cluster) = (random(), FastCluster::default());
    for instance in instances {
        cluster.add_instance(instance);
    }
    let rules = cluster.register(rules.clone());
    let mut placed = Vec::new();
    for _ in 0..count {
        let chosen = cluster.place(task, rules, &mut random);
        if let Some(index) = chosen {
            cluster.add(index, task);
        }
        placed.push(chosen);
    }
    placed
}

fn decide(case: &Case, place: Place) -> Result<Value, Trouble> {
    let asked = |field: &str| case.request.get(field).is_some();
    if asked("strategy") || asked("task") {
        placements(case, place)
    } else if asked("start_to_running_s") {
        rolling(case)
    } else if asked("rows") {
        rows(case)
    } else if asked("providers") {
        shares(case)
    } else if asked("asked") {
        sizes(case)
    } else if asked("launches") {
        launches(case)
    } else if asked("desired") {
        let desired: Vec<u64> = read(&case.request["desired"])?;
        let thresholds: Vec<u64> = desired.into_iter().map(threshold).collect();
        Ok(json!({"threshold": thresholds}))
    } else {
        Err(Trouble::Unsupported("a request of another kind".to_owned()))
    }
}

#[derive(Deserialize)]
struct InstanceCase {
    id: Text,
    #[serde(default)]
    attr: Labels,
    cpu: i64,
    mem: i64,
    #[serde(default, alias = "gpus")]
    gpu: i64,
    /// Ports that are taken.
    #[serde(default)]
    ports: Vec<Value>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    draining: bool,
    #[serde(default)]
    tasks: SortedMap<Text, u64>,
}

impl InstanceCase {
    fn instance(self) -> Instance {
        let status = self.status.as_deref().unwrap_or("ACTIVE");
        let ports = self.ports.iter().map(|port| (port_of(port), 1));
        Instance {
            id: self.id,
            attributes: self.attr,
            cpu: self.cpu,
            memory: self.mem,
            gpus: gpus(self.gpu),
            ports: ports.collect(),
            tasks: self.tasks,
            is_active: !self.draining && status.eq_ignore_ascii_case("active"),
        }
    }
}

/// So many whole GPUs.
fn gpus(count: i64) -> Gpus {
    Gpus {
        devices: count,
        ..Gpus::NONE
    }
}

/// A port of a case, of TCP where it states no protocol.
fn port_of(written: &Value) -> Text {
    let text = written
        .as_str()
        .map_or_else(|| written.to_string(), str::to_owned);
    if text.contains('/') {
        return text.into();
    }
    format!("{text}/tcp").into()
}

#[derive(Deserialize)]
struct TaskCase {
    cpu: i64,
    mem: i64,
    #[serde(default, alias = "gpus")]
    gpu: i64,
    #[serde(default)]
    ports: Vec<Value>,
}

/// A strategy as a pair of words, or as the API has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum StrategyCase {
    Words(Vec<String>),
    Named {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        field: Option<String>,
    },
}

impl StrategyCase {
    fn words(self) -> Vec<String> {
        match self {
            Self::Words(words) => words,
            Self::Named { kind, field } => [kind].into_iter().chain(field).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlacementCase {
    task: TaskCase,
    count: usize,
    #[serde(default)]
    strategy: Option<Vec<StrategyCase>>,
    #[serde(default)]
    distinct_instance: bool,
    #[serde(default)]
    member_of: Option<String>,
    #[serde(default)]
    constraints: Vec<Vec<String>>,
    #[serde(default)]
    service: Option<Text>,
}

fn strategy(written: &[String]) -> Result<Strategy, Trouble> {
    let words: Vec<&str> = written.iter().map(String::as_str).collect();
    match words[..] {
        ["spread", field] => Ok(Strategy::Spread(Field::named(field))),
        ["binpack", field] => match field.to_lowercase().as_str() {
            "cpu" => Ok(Strategy::Binpack(Packed::Cpu)),
            "memory" | "mem" => Ok(Strategy::Binpack(Packed::Memory)),
            _ => Err(Trouble::Unsupported(format!("strategy {words:?}"))),
        },
        ["random", ..] => Ok(Strategy::Random),
        _ => Err(Trouble::Unsupported(format!("strategy {words:?}"))),
    }
}

/// Constraints of a placement, in the words of the case or as pairs of type and expression.
fn constraints(written: &PlacementCase) -> Result<Vec<Constraint>, Trouble> {
    let member_of = |text: &str| {
        let query = Query::parse(text).map_err(|why| Trouble::Malformed(why.to_string()));
        query.map(Constraint::MemberOf)
    };
    let mut constraints = Vec::new();
    if written.distinct_instance {
        constraints.push(Constraint::DistinctInstance);
    }
    if let Some(text) = &written.member_of {
        constraints.push(member_of(text)?);
    }
    for words in &written.constraints {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        constraints.push(match words[..] {
            ["distinctInstance", ..] => Constraint::DistinctInstance,
            ["memberOf", text] => member_of(text)?,
            _ => return Err(Trouble::Unsupported(format!("constraint {words:?}"))),
        });
    }
    Ok(constraints)
}

fn placements(case: &Case, place: Place) -> Result<Value, Trouble> {
    let written: PlacementCase = read(&case.request)?;
    let cases: Vec<InstanceCase> = read(&case.nodes)?;
    let mut instances: Vec<Instance> = cases.into_iter().map(InstanceCase::instance).collect();
    instances.sort_by(|one, other| one.id.cmp(&other.id));
    let constraints = constraints(&written)?;
    // A service that states no strategy is spread over zones, then over instances.
    let usual = [["spread", ZONE], ["spread", "instanceId"]];
    let strategies: Vec<Vec<String>> = match written.strategy {
        Some(list) => list.into_iter().map(StrategyCase::words).collect(),
        None => usual.map(|pair| pair.map(String::from).into()).into(),
    };
    let strategies: Result<Vec<Strategy>, Trouble> =
        strategies.iter().map(|own| strategy(own)).collect();
    let rules = Rules {
        constraints,
        strategies: strategies?,
    };
    let task = Task {
        cpu: written.task.cpu,
        memory: written.task.mem,
        gpus: gpus(written.task.gpu),
        ports: written.task.ports.iter().map(port_of).collect(),
        group: written.service.unwrap_or_else(|| "service".into()),
    };
    let ids: Vec<Text> = instances.iter().map(|own| own.id.clone()).collect();
    let placed = place(instances, &task, &rules, written.count).into_iter();
    let names: Vec<Option<&Text>> = placed.map(|index| index.map(|own| &ids[own])).collect();
    Ok(json!({"placements": names}))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Bounds {
        desired: u64,
        #[serde(default = "whole")]
        min_pct: u64,
        #[serde(default = "twice")]
        max_pct: u64,
    },
    Reservation {
        running_instances: u64,
        needed_instances: u64,
        #[serde(default = "whole")]
        target_capacity: u64,
    },
}

const fn whole() -> u64 {
    100
}

const fn twice() -> u64 {
    200
}

fn rows(case: &Case) -> Result<Value, Trouble> {
    let rows: Vec<Row> = read(&case.request["rows"])?;
    let decided = rows.into_iter().map(|row| match row {
        Row::Bounds {
            desired,
            min_pct,
            max_pct,
        } => {
            let percent = HealthyPercent {
                minimum: min_pct,
                maximum: max_pct,
            };
            let bounds = percent.bounds(desired);
            let tasks = Tasks {
                old_healthy: desired,
                ..Tasks::default()
            };
            let moves = bounds.moves(desired, tasks);
            json!({
                "min_running": bounds.min_running,
                "max_total": bounds.max_total,
                "can_stop_first": moves.stop,
                "can_start_first": moves.start,
            })
        }
        Row::Reservation {
            running_instances,
            needed_instances,
            target_capacity,
        } => {
            let scaling = ManagedScaling {
                target_capacity,
                ..ManagedScaling::default()
            };
            let demand = Demand {
                running: running_instances,
                needed: needed_instances,
                empty: running_instances.saturating_sub(needed_instances),
            };
            json!({"cpr": scaling.reservation(demand), "desired": scaling.desired(demand)})
        }
    });
    Ok(json!({"rows": decided.collect::<Vec<_>>()}))
}

#[derive(Deserialize)]
struct ProviderCase {
    name: Text,
    #[serde(default)]
    base: u64,
    #[serde(default)]
    weight: u64,
}

fn shares(case: &Case) -> Result<Value, Trouble> {
    let tasks: Vec<u64> = read(&case.request["tasks"])?;
    let providers: Vec<ProviderCase> = read(&case.request["providers"])?;
    let shares: Vec<Share> = providers
        .into_iter()
        .map(|own| Share {
            name: own.name,
            base: own.base,
            weight: own.weight,
        })
        .collect();
    let splits = tasks.into_iter().map(|tasks| {
        let counts = shares.iter().zip(split(&shares, tasks));
        let named = counts.map(|(share, count)| (share.name.to_string(), json!(count)));
        named.collect::<Map<String, Value>>()
    });
    Ok(json!({"split": splits.collect::<Vec<_>>()}))
}

#[derive(Deserialize)]
struct AskedSize {
    vcpu: f64,
    gb: f64,
}

fn sizes(case: &Case) -> Result<Value, Trouble> {
    let asked: Vec<AskedSize> = read(&case.request["asked"])?;
    let up = |amount: f64| libm::ceil(amount * 1_024.0) as i64;
    let sizes = asked.into_iter().map(|asked| {
        let size = TaskSize::holding(up(asked.vcpu), up(asked.gb));
        size.map(
            |size| json!({"vcpu": size.cpu as f64 / 1_024.0, "gb": size.memory as f64 / 1_024.0}),
        )
    });
    Ok(json!({"size": sizes.collect::<Vec<_>>()}))
}

#[derive(Deserialize)]
struct Launches {
    at_s: f64,
    count: usize,
}

fn launches(case: &Case) -> Result<Value, Trouble> {
    let capacity: u32 = read(&case.request["bucket"])?;
    let rate: u32 = read(&case.request["refill_per_s"])?;
    let launches: Vec<Launches> = read(&case.request["launches"])?;
    let mut bucket = LaunchBucket::new(capacity, rate);
    let (mut started, mut number) = (Map::new(), 0);
    for launches in launches {
        let now = instant(launches.at_s)?;
        for _ in 0..launches.count {
            number += 1;
            let (name, at) = (format!("{number}"), bucket.launch(now));
            // A case gives some of the launches.
            if case.expected["started_at_s"].get(&name).is_some() {
                started.insert(name, json!(seconds(at)));
            }
        }
    }
    Ok(json!({"started_at_s": started}))
}

fn seconds(at: Instant) -> f64 {
    at.since(Instant::ZERO).as_nanos() as f64 / 1e9
}

#[derive(Deserialize)]
struct RollingCase {
    desired: u64,
    #[serde(default = "whole")]
    min_pct: u64,
    #[serde(default = "twice")]
    max_pct: u64,
    stop_s: f64,
    start_to_running_s: f64,
    healthy_after_running_s: f64,
}

/// Something that tasks of a deployment have come to.
#[derive(Clone, Copy)]
enum Come {
    Stopped(u64),
    Healthy(u64),
}

/// A deployment, with the capacity that it wants: its steps, and the instant at which it is done.
fn rolling(case: &Case) -> Result<Value, Trouble> {
    let written: RollingCase = read(&case.request)?;
    let percent = HealthyPercent {
        minimum: written.min_pct,
        maximum: written.max_pct,
    };
    let bounds = percent.bounds(written.desired);
    if bounds.is_stuck(written.desired) {
        return Ok(json!({"stuck": true}));
    }
    let stop = duration(written.stop_s)?;
    let running = duration(written.start_to_running_s)?;
    let healthy: Duration = running.saturating_add(duration(written.healthy_after_running_s)?);
    let mut tasks = Tasks {
        old_healthy: written.desired,
        ..Tasks::default()
    };
    let mut story = Timeline::default();
    let (mut now, mut events) = (Instant::ZERO, Vec::new());
    loop {
        let moves = bounds.moves(written.desired, tasks);
        if moves != Moves::default() {
            tasks.old_healthy -= moves.stop;
            tasks.stopping += moves.stop;
            tasks.new_unhealthy += moves.start;
            let mut event = Map::new();
            event.insert("at_s".to_owned(), json!(seconds(now)));
            if moves.stop > 0 {
                event.insert("stop".to_owned(), json!(moves.stop));
                story.at(now.saturating_add(stop), Come::Stopped(moves.stop));
            }
            if moves.start > 0 {
                let at = now.saturating_add(healthy);
                event.insert("start".to_owned(), json!(moves.start));
                event.insert("healthy_at_s".to_owned(), json!(seconds(at)));
                story.at(at, Come::Healthy(moves.start));
            }
            events.push(Value::Object(event));
        }
        let Some((at, come)) = story.next() else {
            break;
        };
        now = at;
        match come {
            Come::Stopped(count) => tasks.stopping -= count,
            Come::Healthy(count) => {
                tasks.new_unhealthy -= count;
                tasks.new_healthy += count;
            }
        }
    }
    Ok(json!({"events": events, "done_s": seconds(now)}))
}
