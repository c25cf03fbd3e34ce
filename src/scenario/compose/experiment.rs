//! The experiment that runs a project, as the text of its file.

use serde_json::{Map, Value, json};

use super::Target;
use super::objects::{GPU, label_value, object_name};
use super::project::{Constraint, Dependency, Project, RestartPolicy, Service, Update};
use super::service::STARTED;
use model::node::{HOSTNAME_LABEL, PLATFORM};
use units::plural;

/// Nodes of a stack and of a cluster.
pub(super) const NODES: u32 = 3;
/// Least processors of a node.
const CPUS: i64 = 4;
/// Least memory of a node.
const MEMORY: i64 = 16 << 30;

/// The experiment file of a project whose objects are in `file`, as `target`.
///
/// # Errors
/// A text can't be written as YAML.
pub fn experiment(project: &Project, target: Target, file: &str) -> Result<String, String> {
    let containers: u64 = project
        .services
        .iter()
        .map(|own| u64::from(own.replicas))
        .sum();
    let description = format!(
        "Compose project: {}, {}.",
        plural::count(project.services.len(), "service"),
        plural::count(containers, "container")
    );
    let mut experiment = json!({
        "windtunnel": "v1",
        "name": project.name,
        "description": description,
        "cluster": cluster(project, target),
        "workload": [{"manifests": file}],
        "system": system(project, target),
        "models": {"startup": {"containerStart": "1s"}},
        "stop": {"at": "10m"},
    });
    if target == Target::Compose
        && let Some(Value::Object(system)) = experiment.get_mut("system")
        && system.get("compose") == Some(&json!({"services": {}}))
    {
        system.shift_remove("compose");
    }
    crate::yaml::write(&experiment).map_err(|error| error.to_string())
}

/// Nodes that hold what the services reserve, with the labels that they ask for.
fn cluster(project: &Project, target: Target) -> Value {
    let sum = |of: fn(&Service) -> Option<i64>| -> i64 {
        let own = project.services.iter();
        let own = own.map(|own| {
            of(own)
                .unwrap_or(0)
                .saturating_mul(i64::from(own.replicas.max(1)))
        });
        own.fold(0, i64::saturating_add)
    };
    let cpus = sum(|own| own.reservations.nano_cpus);
    let cpus = CPUS.max(cpus / 1_000_000_000 + i64::from(cpus % 1_000_000_000 > 0));
    let memory = MEMORY.max(sum(|own| own.reservations.memory));
    let memory = memory / (1 << 30) + i64::from(memory % (1 << 30) > 0);
    let mut allocatable = json!({"cpu": cpus, "memory": format!("{memory}Gi"), "pods": 110});
    let gpus = project.gpus_of_node();
    if gpus > 0 {
        allocatable[GPU] = gpus.into();
    }
    let mut template = json!({"allocatable": allocatable});
    let mut labels = Map::new();
    for own in project.services.iter().flat_map(|own| &own.constraints) {
        // A node has a platform, whichever is asked for.
        let platform = PLATFORM.iter().find(|(key, _)| **key == *own.label);
        if let Some((_, usual)) = platform {
            labels.insert(own.label.clone(), (*usual).into());
        } else if own.is_equal && own.label != HOSTNAME_LABEL && !own.is_of_engine() {
            labels
                .entry(own.label.clone())
                .or_insert_with(|| own.value.clone().into());
        }
    }
    if !labels.is_empty() && target != Target::Compose {
        template["labels"] = labels.into();
    }
    if target == Target::Compose {
        return json!({"nodes": [{"name": "host", "count": 1, "template": template}]});
    }
    let hosts = hosts(project);
    let mut nodes: Vec<Value> = (hosts.iter())
        .map(|name| json!({"name": name, "count": 1, "template": template}))
        .collect();
    let rest = NODES.saturating_sub(nodes.len() as u32);
    if rest > 0 {
        let is_free = |own: &&str| hosts.iter().all(|host| !host.starts_with(own));
        let name = ["node", "host", "other"].into_iter().find(is_free);
        let name = format!("{}-{{}}", name.unwrap_or("rest"));
        nodes.push(json!({"name": name, "count": rest, "template": template}));
    }
    let mut cluster = json!({"nodes": nodes});
    let mut spread: Vec<&String> = project
        .services
        .iter()
        .flat_map(|own| &own.spread)
        .collect();
    spread.sort();
    spread.dedup();
    if !spread.is_empty() {
        let domains = spread
            .iter()
            .map(|label| json!({"label": label, "name": "d{}", "count": NODES}));
        cluster["domains"] = domains.collect::<Vec<Value>>().into();
    }
    cluster
}

/// Names of hosts that services ask for, each once.
fn hosts(project: &Project) -> Vec<&str> {
    let constraints = project.services.iter().flat_map(|own| &own.constraints);
    let asked = constraints.filter(|own| own.is_equal && own.label == HOSTNAME_LABEL);
    let mut hosts: Vec<&str> = asked.map(|own| own.value.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

fn system(project: &Project, target: Target) -> Value {
    match target {
        Target::Compose => json!({"name": "compose", "compose": {"services": services(project)}}),
        Target::SwarmKit => swarmkit(project),
        Target::Kubernetes => json!({"name": "kubernetes", "controllers": {}}),
    }
}

fn services(project: &Project) -> Map<String, Value> {
    let mut services = Map::new();
    for service in &project.services {
        let mut own = Map::new();
        if service.restart != "no" {
            own.insert("restart".to_owned(), service.restart.clone().into());
        }
        if !service.depends_on.is_empty() {
            let each = service.depends_on.iter();
            let each = each.map(|own| (label_value(&own.service).to_owned(), dependency(own)));
            own.insert(
                "dependsOn".to_owned(),
                each.collect::<Map<String, Value>>().into(),
            );
        }
        if !own.is_empty() {
            services.insert(label_value(&service.name).to_owned(), own.into());
        }
    }
    services
}

fn dependency(own: &Dependency) -> Value {
    let mut fields = Map::new();
    if own.condition != STARTED {
        fields.insert("condition".to_owned(), own.condition.clone().into());
    }
    if !own.is_required {
        fields.insert("required".to_owned(), false.into());
    }
    if own.restarts {
        fields.insert("restart".to_owned(), true.into());
    }
    fields.into()
}

fn swarmkit(project: &Project) -> Value {
    let mut own = Map::new();
    let mut placement = Map::new();
    for service in &project.services {
        let mut of_service = Map::new();
        let of_engine = service.constraints.iter().filter(|own| own.is_of_engine());
        let of_engine: Vec<Value> = of_engine.map(constraint).collect();
        if !of_engine.is_empty() {
            of_service.insert("constraints".to_owned(), of_engine.into());
        }
        if service.max_per_node > 0 {
            let most = service.max_per_node.into();
            of_service.insert("maxReplicasPerNode".to_owned(), most);
        }
        if !of_service.is_empty() {
            placement.insert(object_name(&service.name), of_service.into());
        }
    }
    if !placement.is_empty() {
        own.insert("placement".to_owned(), placement.into());
    }
    // One manager, so that there are workers as well where services ask for either.
    let mut constraints = project.services.iter().flat_map(|own| &own.constraints);
    if constraints.any(|own| own.label == "node.role") {
        own.insert("managers".to_owned(), 1.into());
    }
    let mut rules = Map::new();
    for service in &project.services {
        let mut of_service = Map::new();
        if let Some(policy) = &service.restart_policy {
            of_service.insert("restart".to_owned(), restart(policy));
        }
        for (key, update) in [("update", &service.update), ("rollback", &service.rollback)] {
            if let Some(written) = update {
                of_service.insert(key.to_owned(), updates(written));
            }
        }
        if !of_service.is_empty() {
            rules.insert(object_name(&service.name), of_service.into());
        }
    }
    if !rules.is_empty() {
        own.insert("services".to_owned(), rules.into());
    }
    if own.is_empty() {
        json!({"name": "swarmkit"})
    } else {
        json!({"name": "swarmkit", "swarmkit": own})
    }
}

fn constraint(own: &Constraint) -> Value {
    let sign = if own.is_equal { "==" } else { "!=" };
    format!("{}{sign}{}", own.label, own.value).into()
}

fn restart(policy: &RestartPolicy) -> Value {
    let mut own = Map::new();
    if let Some(condition) = &policy.condition {
        own.insert("condition".to_owned(), condition.clone().into());
    }
    if let Some(delay) = policy.delay {
        own.insert("delay".to_owned(), delay.to_string().into());
    }
    if let Some(most) = policy.max_attempts {
        own.insert("maxAttempts".to_owned(), most.into());
    }
    if let Some(window) = policy.window {
        own.insert("window".to_owned(), window.to_string().into());
    }
    own.into()
}

fn updates(update: &Update) -> Value {
    let mut own = Map::new();
    if let Some(parallelism) = update.parallelism {
        own.insert("parallelism".to_owned(), parallelism.into());
    }
    for (key, span) in [("delay", update.delay), ("monitor", update.monitor)] {
        if let Some(span) = span {
            own.insert(key.to_owned(), span.to_string().into());
        }
    }
    for (key, word) in [
        ("failureAction", &update.failure_action),
        ("order", &update.order),
    ] {
        if let Some(word) = word {
            own.insert(key.to_owned(), word.clone().into());
        }
    }
    if let Some(ratio) = update
        .max_failure_ratio
        .as_ref()
        .and_then(|ratio| ratio.parse::<f64>().ok())
    {
        own.insert("maxFailureRatio".to_owned(), ratio.into());
    }
    own.into()
}

#[cfg(test)]
mod tests;
