//! Cases of `SwarmKit`: placements, slots, constraints, updates, restarts, heartbeats and quorum.

mod placement;
mod story;

use serde::Deserialize;
use serde_json::{Value, json};

use model::{Labels, Text};
use systems::parts::quorum::{quorum, tolerated_failures};
use systems::swarmkit::constraint::Constraint;
use systems::swarmkit::dispatcher::{
    HeartbeatOptions, MAX_REGISTRATIONS, ORPHAN_TIMEOUT, REGISTRATION_WINDOW,
};
use systems::swarmkit::enforcer::{Placed, rejected};
use systems::swarmkit::node::{Availability, Node, NodeStatus};
use systems::swarmkit::raft::Managers;
use systems::swarmkit::replicated::{Slot, reconcile};
use systems::swarmkit::restart::{Condition, History, RestartPolicy};
use systems::swarmkit::task::{DesiredState, Preference, Resources, TaskState};
use units::{Instant, SortedMap, SortedSet};

use super::timeline::{duration, instant};
use super::{Case, Trouble, read};

/// A node as cases give it; a resource that is missing is unlimited.
#[derive(Deserialize, Default)]
#[serde(default)]
struct NodeCase {
    id: Text,
    hostname: Text,
    ip: Text,
    role: Text,
    os: Text,
    #[serde(alias = "architecture")]
    arch: Text,
    labels: Labels,
    engine_labels: Labels,
    plugins: SortedSet<Text>,
    generic: SortedMap<Text, i64>,
    cpu: Option<f64>,
    mem: Option<f64>,
    ready: Option<bool>,
    /// `READY`, or another state of its heartbeats.
    state: Option<String>,
    availability: Option<String>,
    svc: SortedMap<Text, i32>,
    total: Option<i32>,
    fails: SortedMap<Text, usize>,
}

pub(super) fn decide(case: &Case) -> Result<Value, Trouble> {
    let request = &case.request;
    let has = |field: &str| request.get(field).is_some();
    if has("one_at_a_time") {
        placement::one_at_a_time(case)
    } else if has("tasks") {
        placement::group(case)
    } else if has("replicas") {
        scale(case)
    } else if has("slots") {
        story::update(case)
    } else if has("dirty_slots") {
        story::failures(case)
    } else if has("rows") {
        restarts(case)
    } else if has("crash_at_s") {
        story::failover(case)
    } else if has("event") {
        enforce(case)
    } else if has("constraints") {
        constraints(case)
    } else if has("period_s") {
        heartbeats(case)
    } else if has("managers") {
        let managers: Vec<usize> = read(&request["managers"])?;
        let quorums = managers.iter().map(|&one| quorum(one));
        let tolerated = managers.iter().map(|&one| tolerated_failures(one));
        Ok(json!({
            "quorum": quorums.collect::<Vec<_>>(),
            "tolerated_failures": tolerated.collect::<Vec<_>>(),
        }))
    } else if has("remove") {
        remove_members(case)
    } else {
        Err(Trouble::Unsupported(
            "no rule of SwarmKit is asked for in these words".to_owned(),
        ))
    }
}

/// An amount in billionths of whatever unit the case uses, far from overflow where unlimited.
fn amount(given: Option<f64>) -> i64 {
    given.map_or(i64::MAX / 4, |given| (given * 1e9).round() as i64)
}

fn node(case: NodeCase) -> Result<Node, Trouble> {
    let words = case.availability.map(|own| own.to_lowercase());
    let availability = match words.as_deref() {
        None | Some("active") => Availability::Active,
        Some("pause") => Availability::Pause,
        Some("drain") => Availability::Drain,
        Some(other) => return Err(Trouble::Malformed(format!("availability `{other}`"))),
    };
    let state = case.state.unwrap_or_else(|| "ready".to_owned());
    let is_silent = !state.eq_ignore_ascii_case("ready");
    let mut node = Node {
        id: case.id,
        hostname: case.hostname,
        ip: case.ip,
        role: case.role,
        os: case.os,
        architecture: case.arch,
        labels: case.labels,
        engine_labels: case.engine_labels,
        plugins: case.plugins,
        availability,
        status: if case.ready == Some(false) || is_silent {
            NodeStatus::Down
        } else {
            NodeStatus::Ready
        },
        available: Resources {
            nano_cpus: amount(case.cpu),
            memory: amount(case.mem.map(|mem| mem / 1e9)),
            generic: case.generic,
        },
        ..Node::default()
    };
    let mut counted = 0;
    for (service, &tasks) in &case.svc {
        node.count_active(service, tasks);
        counted += tasks;
    }
    if let Some(total) = case.total {
        node.count_active(&Text::default(), total - counted);
    }
    for (service, &failures) in &case.fails {
        let version = placement::version(service);
        for _ in 0..failures {
            node.count_failure(Instant::ZERO, &version);
        }
    }
    Ok(node)
}

fn nodes(case: &Case) -> Result<Vec<Node>, Trouble> {
    let nodes: Vec<NodeCase> = read(&case.nodes)?;
    nodes.into_iter().map(node).collect()
}

fn constraint(text: &str) -> Result<Constraint, Trouble> {
    Constraint::parse(text).map_err(|error| Trouble::Malformed(error.to_string()))
}

/// The observed state of a task, which runs where the case does not say otherwise.
fn observed(word: Option<&str>) -> Result<TaskState, Trouble> {
    let word = word.unwrap_or("running").to_lowercase();
    Ok(match word.as_str() {
        "new" => TaskState::New,
        "pending" => TaskState::Pending,
        "assigned" => TaskState::Assigned,
        "accepted" => TaskState::Accepted,
        "preparing" => TaskState::Preparing,
        "ready" => TaskState::Ready,
        "starting" => TaskState::Starting,
        "running" => TaskState::Running,
        "complete" | "completed" => TaskState::Complete,
        "shutdown" => TaskState::Shutdown,
        "failed" => TaskState::Failed,
        "rejected" => TaskState::Rejected,
        "remove" => TaskState::Remove,
        "orphaned" => TaskState::Orphaned,
        _ => return Err(Trouble::Malformed(format!("state `{word}`"))),
    })
}

/// The state that a manager wants of a task, which is to run where the case does not say otherwise.
fn desired(word: Option<&str>) -> Result<DesiredState, Trouble> {
    let word = word.unwrap_or("running").to_lowercase();
    Ok(match word.as_str() {
        "ready" => DesiredState::Ready,
        "running" => DesiredState::Running,
        "complete" | "completed" => DesiredState::Complete,
        "shutdown" => DesiredState::Shutdown,
        "remove" => DesiredState::Remove,
        _ => return Err(Trouble::Malformed(format!("desired state `{word}`"))),
    })
}

/// A label to spread over: a bare name is a label of the node.
fn preference(name: &str) -> Preference {
    if let Some(label) = name.strip_prefix("engine.labels.") {
        return Preference::EngineLabel(label.into());
    }
    let label = name.strip_prefix("node.labels.").unwrap_or(name);
    Preference::NodeLabel(label.into())
}

fn scale(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct SlotCase {
        slot: u64,
        #[serde(default)]
        node: Text,
        #[serde(default)]
        running: bool,
        #[serde(default)]
        tasks: Option<u32>,
    }
    let slots: Vec<SlotCase> = read(&case.existing)?;
    let slots: Vec<Slot> = slots
        .into_iter()
        .map(|slot| Slot {
            number: slot.slot,
            node: (!slot.node.is_empty()).then_some(slot.node),
            is_running: slot.running,
            tasks: slot.tasks.unwrap_or(1),
        })
        .collect();
    let scaling = reconcile(&slots, read(&case.request["replicas"])?);
    let numbers = slots.iter().map(|slot| slot.number);
    let mut keep: Vec<u64> = numbers
        .filter(|number| !scaling.remove.contains(number))
        .collect();
    keep.sort_unstable();
    Ok(json!({"keep": keep, "remove": scaling.remove, "create": scaling.create}))
}

fn constraints(case: &Case) -> Result<Value, Trouble> {
    let nodes = nodes(case)?;
    let texts: Vec<String> = read(&case.request["constraints"])?;
    let mut matches = Vec::new();
    for text in &texts {
        let constraint = constraint(text)?;
        let met = nodes.iter().filter(|node| constraint.matches(node));
        matches.push(met.map(|node| node.id.clone()).collect::<Vec<_>>());
    }
    Ok(json!({ "matches": matches }))
}

fn heartbeats(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct HeartbeatCase {
        period_s: f64,
        epsilon_s: f64,
        grace_multiplier: i64,
    }
    let given: HeartbeatCase = read(&case.request)?;
    let options = HeartbeatOptions {
        period: duration(given.period_s)?,
        epsilon: duration(given.epsilon_s)?,
        grace: given.grace_multiplier,
    };
    let (shortest, longest) = options.period_bounds();
    let both = |of: &dyn Fn(units::Duration) -> units::Duration| {
        [of(shortest).as_secs_f64(), of(longest).as_secs_f64()]
    };
    Ok(json!({
        "next_beat_s": both(&|period| period),
        "down_after_last_beat_s": both(&|period| options.grace_of(period)),
        "unknown_after_leader_change_s": both(&|period| options.grace_after_election(period)),
        "orphan_after_down_s": ORPHAN_TIMEOUT.as_secs_f64(),
        "max_registrations": MAX_REGISTRATIONS,
        "per_s": REGISTRATION_WINDOW.as_secs_f64(),
    }))
}

fn remove_members(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct RemoveCase {
        members: usize,
        down: usize,
        remove: Vec<String>,
    }
    let given: RemoveCase = read(&case.request)?;
    let mut managers = Managers::new(given.members, 0);
    for manager in 0..given.down.min(given.members) {
        managers.set_reachable(Instant::ZERO, given.members - 1 - manager, false);
    }
    let allowed = given.remove.iter().map(|which| {
        let member = match which.as_str() {
            "down" => given.members.saturating_sub(1),
            _ => 0,
        };
        managers.clone().remove(member).is_ok()
    });
    Ok(json!({"allowed": allowed.collect::<Vec<_>>()}))
}

fn restarts(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct RowCase {
        condition: Option<String>,
        #[serde(default)]
        exit: i64,
        #[serde(default)]
        max_attempts: u32,
        #[serde(default)]
        restarts_so_far: usize,
        #[serde(default)]
        window_s: Option<f64>,
        #[serde(default)]
        failure_at_s: f64,
        #[serde(default)]
        restart_times_s: Option<Vec<f64>>,
    }
    let rows: Vec<RowCase> = read(&case.request["rows"])?;
    let mut allowed = Vec::new();
    for row in rows {
        let policy = RestartPolicy {
            condition: match row.condition.as_deref() {
                None | Some("any") => Condition::Any,
                Some("on-failure") => Condition::OnFailure,
                Some("none") => Condition::None,
                Some(other) => return Err(Trouble::Malformed(format!("condition `{other}`"))),
            },
            max_attempts: row.max_attempts,
            window: row.window_s.map(duration).transpose()?,
            ..RestartPolicy::default()
        };
        let times = row
            .restart_times_s
            .unwrap_or_else(|| vec![row.failure_at_s - 1.0; row.restarts_so_far]);
        let times = times.into_iter().map(instant).collect::<Result<_, _>>()?;
        let history = History::new(times);
        allowed.push(history.allows(&policy, instant(row.failure_at_s)?, row.exit == 0));
    }
    let delay = RestartPolicy::default().delay.as_secs_f64();
    Ok(json!({"restart": allowed, "default_delay_s": delay}))
}

fn enforce(case: &Case) -> Result<Value, Trouble> {
    #[derive(Deserialize)]
    struct TaskCase {
        task: Text,
        #[serde(default)]
        service_constraint: Option<String>,
        #[serde(default)]
        state: Option<String>,
        #[serde(default)]
        desired: Option<String>,
        #[serde(default)]
        cpu: f64,
        #[serde(default)]
        mem: f64,
    }
    let mut nodes: Vec<NodeCase> = read(&case.nodes)?;
    if let (Some(node), Some(availability)) =
        (nodes.first_mut(), case.request["availability"].as_str())
    {
        node.availability = Some(availability.to_owned());
    }
    let tasks: Vec<TaskCase> = read(&case.existing)?;
    let mut placed = Vec::new();
    for task in tasks {
        let constraint = task.service_constraint.as_deref().map(constraint);
        placed.push(Placed {
            task: task.task,
            constraints: constraint.transpose()?.into_iter().collect(),
            reservations: Resources {
                nano_cpus: amount(Some(task.cpu)),
                memory: amount(Some(task.mem / 1e9)),
                generic: SortedMap::new(),
            },
            desired: desired(task.desired.as_deref())?,
            observed: observed(task.state.as_deref())?,
        });
    }
    // Cases say the order of the walk, which the original leaves to its store.
    let order: Vec<String> = match &case.request["order"] {
        Value::String(names) => names.split(',').map(|one| one.trim().to_owned()).collect(),
        Value::Null => Vec::new(),
        names => read(names)?,
    };
    placed.sort_by_key(|task| order.iter().position(|name| **name == *task.task));
    let mut gone = Vec::new();
    for case in nodes {
        let node = node(case)?;
        gone.extend(rejected(&node, &node.available, &placed));
    }
    Ok(json!({ "rejected": gone }))
}
