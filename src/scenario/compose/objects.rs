//! A project as objects of Kubernetes, which every system runs: a `Deployment` for a service that is
//! kept running, a `Job` for one that runs once, a `DaemonSet` for a global one, and a `Service` for
//! its ports.

use serde_json::{Map, Value, json};

use super::Target;
use super::project::{Amounts, Gpus, HealthCheck, Project, Service, Update};
use model::node::HOSTNAME_LABEL;
use units::Duration;

/// Label of all containers of a service.
pub const SERVICE_LABEL: &str = "com.docker.compose.service";
/// Label of all containers of a project.
pub const PROJECT_LABEL: &str = "com.docker.compose.project";

/// Resource of a GPU on a node.
pub(super) const GPU: &str = "nvidia.com/gpu";

/// Name of a service as an object: lower case letters, digits and dashes.
pub fn object_name(service: &str) -> String {
    let lower = service.to_ascii_lowercase();
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let name: String = lower.chars().map(plain).collect();
    name.trim_matches('-').to_owned()
}

/// A name as the value of a label.
pub(super) fn label_value(name: &str) -> &str {
    name.trim_matches(|letter: char| !letter.is_ascii_alphanumeric())
}

/// The objects of a project, in the order of its services.
pub fn objects(project: &Project, target: Target) -> Vec<Value> {
    let mut objects = Vec::new();
    for service in &project.services {
        objects.push(workload(project, service, target));
        // On one host, clients find containers by themselves.
        objects.extend(ports(service).filter(|_| target != Target::Compose));
    }
    objects
}

/// The objects of a project as one text of YAML documents.
///
/// # Errors
/// A text can't be written as YAML.
pub fn text(project: &Project, target: Target) -> Result<String, String> {
    let mut text = String::new();
    for object in objects(project, target) {
        text.push_str("---\n");
        let written = crate::yaml::write(&object).map_err(|error| error.to_string())?;
        text.push_str(&written);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

fn labels(project: &Project, service: &Service) -> Value {
    json!({SERVICE_LABEL: label_value(&service.name), PROJECT_LABEL: label_value(&project.name)})
}

fn workload(project: &Project, service: &Service, target: Target) -> Value {
    let name = object_name(&service.name);
    let metadata = json!({"name": name, "labels": labels(project, service)});
    let template = template(project, service, target);
    let selector = json!({"matchLabels": {SERVICE_LABEL: label_value(&service.name)}});
    let (version, kind, spec) = if service.is_job {
        let spec = json!({
            "parallelism": service.replicas,
            "completions": service.replicas,
            "backoffLimit": attempts(service, target),
            "template": template,
        });
        ("batch/v1", "Job", spec)
    } else if service.is_global {
        (
            "apps/v1",
            "DaemonSet",
            json!({"selector": selector, "template": template}),
        )
    } else {
        let mut spec = json!({
            "replicas": service.replicas,
            "selector": selector,
            "template": template,
        });
        if let Some(update) = &service.update {
            spec["strategy"] = strategy(update, service.replicas);
        }
        ("apps/v1", "Deployment", spec)
    };
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}

/// The restarts of a container that runs once.
fn attempts(service: &Service, target: Target) -> u32 {
    const UNLIMITED: u32 = i32::MAX.unsigned_abs();
    let most = match target {
        // Without a number, which SwarmKit writes as 0, too, there is no limit.
        Target::SwarmKit => {
            let policy = service.restart_policy.as_ref();
            let condition = policy.and_then(|own| own.condition.as_deref());
            let most = policy.and_then(|own| own.max_attempts);
            return match condition {
                Some("none") => 0,
                _ => most.filter(|most| *most > 0).unwrap_or(UNLIMITED),
            };
        }
        Target::Compose | Target::Kubernetes => service.restart.split_once(':'),
    };
    match most.and_then(|(_, most)| most.parse().ok()) {
        Some(most) if most > 0 => most,
        None if service.restart == "no" => 0,
        _ => UNLIMITED,
    }
}

/// The containers that an update replaces at once are those above the number, or missing from it.
fn strategy(update: &Update, replicas: u32) -> Value {
    let at_once = match update.parallelism.unwrap_or(1) {
        0 => replicas.max(1),
        some => some,
    };
    let starts_first = update.order.as_deref() == Some("start-first");
    let (surge, missing) = if starts_first {
        (at_once, 0)
    } else {
        (0, at_once)
    };
    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": missing}})
}

fn template(project: &Project, service: &Service, target: Target) -> Value {
    let mut annotations = Map::new();
    let mut annotate = |key: &str, value: String| {
        annotations.insert(format!("windtunnel.dev/{key}"), value.into());
    };
    let behaviour = &service.behaviour;
    if let Some(span) = behaviour.start_time {
        annotate("start-time", span.to_string());
    }
    if let Some(run_time) = &behaviour.run_time {
        annotate("run-time", run_time.clone());
    }
    if let Some(codes) = &behaviour.exit_code {
        annotate("exit-code", codes.clone());
    }
    if let Some(span) = behaviour.answers_after {
        annotate("answers-after", span.to_string());
    }
    if let Some(check) = &service.health {
        annotate("health-check", health_check(check));
    }
    let mut metadata = json!({"labels": labels(project, service)});
    if !annotations.is_empty() {
        metadata["annotations"] = annotations.into();
    }
    json!({"metadata": metadata, "spec": pod(project, service, target)})
}

fn health_check(check: &HealthCheck) -> String {
    let mut text = Vec::new();
    let spans = [
        ("interval", check.interval),
        ("timeout", check.timeout),
        ("start-period", check.start_period),
        ("start-interval", check.start_interval),
    ];
    for (key, span) in spans {
        // 0 stands for the default, except of the start period.
        let stated = span.filter(|span| *span > Duration::ZERO);
        text.extend(stated.map(|span| format!("{key}={span}")));
    }
    let retries = check.retries.filter(|retries| *retries > 0);
    text.extend(retries.map(|retries| format!("retries={retries}")));
    if text.is_empty() {
        // All defaults.
        text.push("retries=3".to_owned());
    }
    text.join(" ")
}

/// Liveness by the same command, in whole seconds.
fn probe(check: &HealthCheck) -> Value {
    let seconds = |span: Option<Duration>, default: i64| {
        let span = span.filter(|span| *span > Duration::ZERO);
        span.map_or(default, |span| {
            let nanos = span.as_nanos();
            (nanos / 1_000_000_000 + i64::from(nanos % 1_000_000_000 > 0)).max(1)
        })
    };
    json!({
        "exec": {"command": ["healthcheck"]},
        "initialDelaySeconds": check.start_period.map_or(0, |span| seconds(Some(span), 0)),
        "periodSeconds": seconds(check.interval, 30),
        "timeoutSeconds": seconds(check.timeout, 30),
        "failureThreshold": check.retries.filter(|own| *own > 0).unwrap_or(3),
    })
}

fn pod(project: &Project, service: &Service, target: Target) -> Value {
    let mut container = json!({
        "name": object_name(&service.name),
        "image": service.image,
        "resources": resources(project, service),
    });
    if let Some(check) = service
        .health
        .as_ref()
        .filter(|_| target == Target::Kubernetes)
    {
        container["livenessProbe"] = probe(check);
    }
    let of_host = host_ports(service);
    if !of_host.is_empty() && target != Target::Compose {
        container["ports"] = of_host.into();
    }
    if let Some(pull) = service.pull {
        container["imagePullPolicy"] = pull.into();
    }
    let grace = service.stop_grace.unwrap_or(Duration::from_secs(10));
    let grace = grace.as_nanos() / 1_000_000_000;
    let mut pod = json!({
        "terminationGracePeriodSeconds": grace,
        "containers": [container],
    });
    if service.is_job {
        let restarts = service.restart.starts_with("on-failure");
        pod["restartPolicy"] = if restarts { "OnFailure" } else { "Never" }.into();
    }
    if let Some(affinity) = affinity(service) {
        pod["affinity"] = affinity;
    }
    if !service.spread.is_empty() {
        let spread = service.spread.iter().map(|label| {
            json!({
                "maxSkew": 1,
                "topologyKey": label,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {SERVICE_LABEL: label_value(&service.name)}},
            })
        });
        pod["topologySpreadConstraints"] = spread.collect::<Vec<Value>>().into();
    }
    pod
}

/// Ports that each container takes on its own host.
fn host_ports(service: &Service) -> Vec<Value> {
    let ports = service.ports.iter().filter(|port| port.is_of_host);
    let ports = ports.filter_map(|port| {
        let (first, _) = port.published.filter(|(first, last)| first == last)?;
        let protocol = port.protocol.to_ascii_uppercase();
        Some(json!({"containerPort": port.target, "hostPort": first, "protocol": protocol}))
    });
    ports.collect()
}

/// Limits alone reserve nothing, other than in Kubernetes, where they are the requests, too.
fn resources(project: &Project, service: &Service) -> Value {
    let amounts = |own: &Amounts| {
        let mut list = Map::new();
        if let Some(nanos) = own.nano_cpus {
            list.insert("cpu".to_owned(), format!("{nanos}n").into());
        }
        if let Some(bytes) = own.memory {
            list.insert("memory".to_owned(), bytes.to_string().into());
        }
        list
    };
    let mut limits = amounts(&service.limits);
    let mut requests = amounts(&service.reservations);
    for name in limits.keys() {
        requests.entry(name.clone()).or_insert_with(|| "0".into());
    }
    if let Some(gpus) = service.gpus {
        let count = match gpus {
            Gpus::Count(count) => count,
            Gpus::All => project.gpus_of_node(),
        };
        limits.insert(GPU.to_owned(), count.into());
    }
    let mut resources = Map::new();
    if !limits.is_empty() {
        resources.insert("limits".to_owned(), limits.into());
    }
    if !requests.is_empty() {
        resources.insert("requests".to_owned(), requests.into());
    }
    resources.into()
}

fn affinity(service: &Service) -> Option<Value> {
    let mut affinity = Map::new();
    let of_labels = service.constraints.iter().filter(|own| !own.is_of_engine());
    let rules = of_labels.map(|own| {
        let operator = if own.is_equal { "In" } else { "NotIn" };
        json!({"key": own.label, "operator": operator, "values": [own.value]})
    });
    let rules: Vec<Value> = rules.collect();
    if !rules.is_empty() {
        let required = json!({"nodeSelectorTerms": [{"matchExpressions": rules}]});
        let node = json!({"requiredDuringSchedulingIgnoredDuringExecution": required});
        affinity.insert("nodeAffinity".to_owned(), node);
    }
    if service.max_per_node == 1 {
        let term = json!({
            "topologyKey": HOSTNAME_LABEL,
            "labelSelector": {"matchLabels": {SERVICE_LABEL: label_value(&service.name)}},
        });
        let rule = json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]});
        affinity.insert("podAntiAffinity".to_owned(), rule);
    }
    (!affinity.is_empty()).then(|| affinity.into())
}

fn ports(service: &Service) -> Option<Value> {
    if service.ports.is_empty() {
        return None;
    }
    let mut known: Vec<(u16, &str)> = Vec::new();
    let mut ports = Vec::new();
    for port in &service.ports {
        let number = port.published.map_or(port.target, |(first, _)| first);
        let protocol = port.protocol.as_str();
        if known.contains(&(number, protocol)) {
            continue;
        }
        known.push((number, protocol));
        ports.push(json!({
            "name": format!("{protocol}-{number}"),
            "port": number,
            "targetPort": port.target,
            "protocol": protocol.to_ascii_uppercase(),
        }));
    }
    Some(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": object_name(&service.name)},
        "spec": {
            "selector": {SERVICE_LABEL: label_value(&service.name)},
            "ports": ports,
        },
    }))
}
