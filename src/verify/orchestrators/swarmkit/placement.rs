//! Groups of tasks, and tasks one by one, through the scheduler.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Case, Trouble, read};
use super::{amount, constraint, desired, nodes, observed, preference};
use model::Text;
use systems::swarmkit::scheduler::Scheduler;
use systems::swarmkit::spread::SpreadMode;
use systems::swarmkit::task::{Resources, Task, TaskSpec, TaskState, Version};
use units::{Instant, SortedMap};

#[derive(Deserialize)]
struct RequestCase {
    service: Text,
    #[serde(default)]
    tasks: usize,
    #[serde(default)]
    one_at_a_time: usize,
    #[serde(default)]
    each_task_fails_after_assignment: bool,
    #[serde(default)]
    prefs: Vec<String>,
    #[serde(default)]
    constraints: Vec<String>,
    #[serde(default)]
    cpu: f64,
    #[serde(default)]
    mem: f64,
    #[serde(default)]
    maxrep: u32,
    #[serde(default)]
    ports: Vec<Text>,
    #[serde(default)]
    platforms: Vec<PlatformCase>,
    #[serde(default)]
    platform: Option<PlatformCase>,
    #[serde(default)]
    plugins: Vec<Text>,
    #[serde(default)]
    generic: SortedMap<Text, i64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PlatformCase {
    os: Text,
    #[serde(alias = "architecture")]
    arch: Text,
}

#[derive(Deserialize)]
struct ExistingCase {
    node: Text,
    service: Text,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    desired: Option<String>,
    #[serde(default)]
    cpu: f64,
    #[serde(default)]
    mem: f64,
    #[serde(default)]
    ports: Vec<Text>,
    #[serde(default)]
    generic: SortedMap<Text, i64>,
}

impl ExistingCase {
    fn spec(&self) -> TaskSpec {
        TaskSpec {
            version: version(&self.service),
            reservations: Resources {
                nano_cpus: amount(Some(self.cpu)),
                memory: amount(Some(self.mem / 1e9)),
                generic: self.generic.clone(),
            },
            host_ports: self.ports.clone(),
            ..TaskSpec::default()
        }
    }
}

/// The one version of a service that cases know.
pub(super) fn version(service: &Text) -> Version {
    Version {
        service: service.clone(),
        version: 1,
    }
}

fn spec(request: &RequestCase) -> Result<TaskSpec, Trouble> {
    let constraints = request.constraints.iter().map(|text| constraint(text));
    Ok(TaskSpec {
        version: version(&request.service),
        reservations: Resources {
            nano_cpus: amount(Some(request.cpu)),
            memory: amount(Some(request.mem / 1e9)),
            generic: request.generic.clone(),
        },
        platforms: (request.platforms.iter().chain(&request.platform))
            .map(|own| (own.os.clone(), own.arch.clone()))
            .collect(),
        plugins: request.plugins.clone(),
        constraints: constraints.collect::<Result<_, _>>()?,
        host_ports: request.ports.clone(),
        max_replicas: request.maxrep,
        preferences: request.prefs.iter().map(|name| preference(name)).collect(),
        ..TaskSpec::default()
    })
}

fn scheduler(case: &Case, mode: SpreadMode) -> Result<Scheduler, Trouble> {
    let mut scheduler = Scheduler::new(mode);
    for node in nodes(case)? {
        scheduler.put_node(node);
    }
    let existing: Vec<ExistingCase> = read(&case.existing)?;
    for task in existing {
        let Some(node) = scheduler.node_mut(&task.node) else {
            continue;
        };
        let observed = observed(task.state.as_deref())?;
        let is_wanted = desired(task.desired.as_deref())?.is_active();
        if matches!(observed, TaskState::Failed | TaskState::Rejected) {
            node.count_failure(Instant::ZERO, &version(&task.service));
        }
        // A task that has ended is one that its service does not want to run any more, unless the case says otherwise.
        let has_ended = task.desired.is_none() && observed > TaskState::Complete;
        if is_wanted && !has_ended {
            node.add_task(&task.spec());
        }
    }
    Ok(scheduler)
}

/// A group of tasks of one service, in both ways to count shares.
pub(super) fn group(case: &Case) -> Result<Value, Trouble> {
    let request: RequestCase = read(&case.request)?;
    let spec = Arc::new(spec(&request)?);
    let mut decided = serde_json::Map::new();
    for (mode, field) in [
        (SpreadMode::Upstream, "mode_upstream"),
        (SpreadMode::Strict, "mode_strict"),
    ] {
        let mut scheduler = scheduler(case, mode)?;
        for number in 0..request.tasks {
            scheduler.enqueue(Task {
                id: format!("t{number:04}").into(),
                spec: Arc::clone(&spec),
                node: None,
            });
        }
        let pass = scheduler.run(Instant::ZERO);
        let mut assigned: SortedMap<&str, u64> = SortedMap::new();
        for assignment in &pass.assigned {
            *assigned.entry(&assignment.node).or_default() += 1;
        }
        decided.insert(field.to_owned(), json!(assigned));
        if mode == SpreadMode::Upstream {
            let order: Vec<&Text> = pass.assigned.iter().map(|one| &one.node).collect();
            decided.insert("assigned".to_owned(), json!(assigned));
            decided.insert("order".to_owned(), json!(order));
            decided.insert("pending".to_owned(), json!(pass.waiting.len()));
            if let Some((_, why)) = pass.waiting.first() {
                decided.insert("explanation".to_owned(), json!(why));
            }
        }
    }
    Ok(Value::Object(decided))
}

/// Tasks one after another, each of which may fail as soon as it has a node.
pub(super) fn one_at_a_time(case: &Case) -> Result<Value, Trouble> {
    let request: RequestCase = read(&case.request)?;
    let spec = spec(&request)?;
    let mut scheduler = scheduler(case, SpreadMode::Upstream)?;
    let mut sequence = Vec::new();
    for _ in 0..request.one_at_a_time {
        let chosen = scheduler.choose(Instant::ZERO, &spec, 1).into_iter().next();
        if let Some(id) = &chosen
            && request.each_task_fails_after_assignment
            && let Some(node) = scheduler.node_mut(id)
        {
            node.deactivate_task(&spec);
            node.free_task(&spec);
            node.count_failure(Instant::ZERO, &spec.version);
        }
        sequence.push(chosen);
    }
    Ok(json!({ "assigned_sequence": sequence }))
}
