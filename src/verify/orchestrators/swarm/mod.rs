//! Cases of Swarm classic: rankings, sequences, filters, expressions, rescheduling and fail-over.

mod fast;
mod story;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use model::{Labels, Text};
use rng::Stream;
use systems::swarm::cluster::Cluster;
use systems::swarm::contact::ContactOptions;
use systems::swarm::container::{
    Container, ContainerConfig, ContainerState, Network, PortBinding, ReschedulePolicy,
};
use systems::swarm::engine::{Engine, Image, Overcommit, health_indicator};
use systems::swarm::expression::{Expression, SwarmExpressionError};
use systems::swarm::filter::{Filter, SoftExpressions};
use systems::swarm::scheduler::{Scheduler, SelectError};
use systems::swarm::strategy::Strategy;

use super::timeline::duration;
use super::{Case, Forms, Trouble, read};

/// Both forms of choosing an engine: looking at every one, and at those that changed.
pub(super) const FORMS: Forms = Forms::Both {
    plain: |case| decide(case, Form::Plain),
    fast: |case| decide(case, Form::Fast),
};

/// Form in which engines are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// As runs choose.
    Fast,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NodeCase {
    id: Text,
    name: Option<Text>,
    labels: Labels,
    total_mem: i64,
    total_cpus: i64,
    used_mem: i64,
    used_cpus: i64,
    health: Option<i64>,
    containers: Value,
    images: Vec<Value>,
    ports: Vec<BindingCase>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BindingCase {
    ip: Text,
    port: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ContainerCase {
    name: Text,
    id: Text,
    image: Text,
    labels: Labels,
    node: Text,
    policy: String,
    running: bool,
    mem: i64,
    cpus: i64,
    constraints: Vec<String>,
    affinities: Vec<String>,
    ports: Vec<BindingCase>,
    exposed: Vec<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RequestCase {
    strategy: Option<String>,
    filter: Option<String>,
    mem: i64,
    cpus: i64,
    sequence: Option<Vec<AskCase>>,
    expressions: Option<Vec<String>>,
    constraints: Vec<String>,
    affinities: Vec<String>,
    soft_pass: Option<bool>,
    bindings: Vec<BindingCase>,
    exposed: Vec<Text>,
    links: Vec<Text>,
    volumes_from: Vec<Text>,
    network: Option<Text>,
    physical: Option<Vec<AskCase>>,
    overcommit: Option<f64>,
    failure_counts: Option<Vec<i64>>,
    failure_retry: Option<i64>,
    refresh_min_s: Option<f64>,
    refresh_max_s: Option<f64>,
    event: Option<String>,
    crash_at_s: Option<f64>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(default)]
struct AskCase {
    mem: i64,
    cpus: i64,
}

fn decide(case: &Case, form: Form) -> Result<Value, Trouble> {
    let request: RequestCase = read(&case.request)?;
    if request.crash_at_s.is_some() {
        return story::failover(case);
    }
    if let Some(event) = &request.event {
        return story::reschedule(case, event, &request);
    }
    if let Some(physical) = &request.physical {
        return overcommit(physical, request.overcommit);
    }
    if request.refresh_min_s.is_some() {
        return refresh_waits(&request);
    }
    if let Some(failures) = &request.failure_counts {
        let retry = request.failure_retry.unwrap_or(3);
        let health = failures.iter().map(|&one| health_indicator(one, retry));
        return Ok(json!({"indicator": health.collect::<Vec<_>>()}));
    }
    let cluster = cluster(case, &request)?;
    if let Some(sequence) = &request.sequence {
        return Ok(place_all(cluster, sequence, form));
    }
    if let Some(filter) = &request.filter {
        return filter_engines(&cluster, filter, &request, form);
    }
    match (&request.expressions, case.nodes.as_array()) {
        (Some(expressions), Some(nodes)) if nodes.is_empty() => {
            let valid = expressions
                .iter()
                .map(|text| Expression::parse(text).is_ok());
            Ok(json!({"valid": valid.collect::<Vec<_>>()}))
        }
        _ => rank(&cluster, &request, form),
    }
}

fn cluster(case: &Case, request: &RequestCase) -> Result<Cluster, Trouble> {
    let strategy = match &request.strategy {
        Some(name) => name.parse().map_err(unsupported)?,
        None => Strategy::Spread,
    };
    let scheduler = Scheduler {
        strategy,
        ..Scheduler::default()
    };
    let mut cluster = Cluster::new(scheduler, 0);
    let nodes: Vec<NodeCase> = if case.nodes.is_null() {
        Vec::new()
    } else {
        read(&case.nodes)?
    };
    for node in nodes {
        cluster.add_engine(engine(node)?);
    }
    Ok(cluster)
}

fn engine(node: NodeCase) -> Result<Engine, Trouble> {
    let name = node.name.unwrap_or_else(|| node.id.clone());
    let mut engine = Engine::new(node.id, name, node.total_mem, node.total_cpus);
    engine.labels = node.labels;
    engine.health = node.health.unwrap_or(engine.health);
    engine.images = node.images.iter().map(image).collect::<Result<_, _>>()?;
    let counted = match &node.containers {
        Value::Array(listed) => {
            for one in listed {
                engine.insert(container(one)?);
            }
            0
        }
        other => other.as_i64().unwrap_or(0),
    };
    engine.count_foreign(counted, node.used_mem, node.used_cpus);
    if !node.ports.is_empty() {
        let config = ContainerConfig {
            name: "holder of ports".into(),
            bindings: node.ports.into_iter().map(binding).collect(),
            ..ContainerConfig::default()
        };
        engine.insert(stopped(config, Text::default()));
    }
    Ok(engine)
}

fn image(value: &Value) -> Result<Image, Trouble> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct ImageCase {
        id: Text,
        tags: Vec<Text>,
    }
    match value {
        Value::String(tag) => Ok(Image {
            id: tag.as_str().into(),
            tags: vec![tag.as_str().into()],
        }),
        other => {
            let ImageCase { id, tags } = read(other)?;
            Ok(Image { id, tags })
        }
    }
}

/// A container is given by name, or with its image, labels and ports.
fn container(value: &Value) -> Result<Container, Trouble> {
    let known: ContainerCase = match value {
        Value::String(name) => ContainerCase {
            name: name.as_str().into(),
            ..ContainerCase::default()
        },
        other => read(other)?,
    };
    let reschedule = match known.policy.as_str() {
        "on-node-failure" => ReschedulePolicy::OnNodeFailure,
        _ => ReschedulePolicy::Off,
    };
    let network = if known.exposed.is_empty() {
        Network::Bridge
    } else {
        Network::Host {
            exposed: known.exposed,
        }
    };
    let stated = |texts: &[String]| {
        let wrong = |error: SwarmExpressionError| Trouble::Malformed(error.to_string());
        read_all(texts).map_err(wrong)
    };
    let mut container = stopped(
        ContainerConfig {
            name: known.name,
            image: known.image,
            labels: known.labels,
            memory: known.mem,
            cpus: known.cpus,
            constraints: stated(&known.constraints)?,
            affinities: stated(&known.affinities)?,
            bindings: known.ports.into_iter().map(binding).collect(),
            network,
            reschedule,
            ..ContainerConfig::default()
        },
        known.id,
    );
    if known.running {
        container.state = ContainerState::Running;
    }
    Ok(container)
}

fn stopped(config: ContainerConfig, id: Text) -> Container {
    Container {
        swarm_id: config.name.clone(),
        config: Arc::new(config),
        id,
        state: ContainerState::Stopped,
    }
}

fn binding(case: BindingCase) -> PortBinding {
    PortBinding {
        ip: case.ip,
        port: case.port,
    }
}

fn read_all(texts: &[String]) -> Result<Vec<Expression>, SwarmExpressionError> {
    texts.iter().map(|text| Expression::parse(text)).collect()
}

/// Configuration of a request, or the error of the expression that can't be read.
fn config(request: &RequestCase) -> Result<ContainerConfig, SwarmExpressionError> {
    let of_filter = |name: &str| match (&request.filter, &request.expressions) {
        (Some(filter), Some(texts)) if filter == name => read_all(texts),
        _ => Ok(Vec::new()),
    };
    let mut constraints = read_all(&request.constraints)?;
    constraints.extend(of_filter("constraint")?);
    let mut affinities = read_all(&request.affinities)?;
    affinities.extend(of_filter("affinity")?);
    let bindings = request.bindings.iter().map(|one| PortBinding {
        ip: one.ip.clone(),
        port: one.port.clone(),
    });
    let shared = request
        .network
        .as_deref()
        .and_then(|network| network.strip_prefix("container:"));
    let network = match shared {
        Some(name) => Network::Container(name.into()),
        None if request.exposed.is_empty() => Network::Bridge,
        None => Network::Host {
            exposed: request.exposed.clone(),
        },
    };
    Ok(ContainerConfig {
        memory: request.mem,
        cpus: request.cpus,
        constraints,
        affinities,
        whitelists: of_filter("whitelist")?,
        bindings: bindings.collect(),
        network,
        volumes_from: request.volumes_from.clone(),
        links: request.links.clone(),
        ..ContainerConfig::default()
    })
}

fn ids(cluster: &Cluster, engines: &[usize]) -> Vec<Text> {
    let all = cluster.engines();
    engines.iter().map(|&one| all[one].id.clone()).collect()
}

fn rank(cluster: &Cluster, request: &RequestCase, form: Form) -> Result<Value, Trouble> {
    let config = config(request).map_err(unsupported)?;
    let mut rng = Stream::new(0, "swarm.random", 0);
    let engines = cluster.engines();
    let mut decided = Map::new();
    for (soft, accepts, fails) in [
        (SoftExpressions::Counted, "first_pass_accepts", "first_pass"),
        (
            SoftExpressions::Ignored,
            "second_pass_accepts",
            "second_pass",
        ),
    ] {
        match cluster.scheduler().candidates(engines, &config, soft) {
            Ok(passed) => decided.insert(accepts.to_owned(), json!(ids(cluster, &passed))),
            Err(_) => decided.insert(fails.to_owned(), json!("error")),
        };
    }
    let explained = cluster.scheduler().explain(engines, &config, &mut rng);
    let chosen = match form {
        Form::Plain => cluster.scheduler().choose(engines, &config, &mut rng),
        Form::Fast => fast::choose(cluster, &config)?,
    };
    match explained.and_then(|selection| Ok((selection, chosen?))) {
        Ok((selection, chosen)) => {
            let rows = selection.ranking.iter().map(|row| {
                json!({
                    "node": engines[row.engine].id, "cpu_score": row.cpu_score,
                    "mem_score": row.memory_score, "weight": row.weight,
                    "containers": row.containers,
                })
            });
            decided.insert("ranking".to_owned(), rows.collect());
            decided.insert("chosen".to_owned(), json!(engines[chosen].id));
        }
        Err(error) => {
            decided.insert("error".to_owned(), json!(error.to_string()));
            decided.insert("error_kind".to_owned(), json!(error_kind(&error)));
        }
    }
    Ok(Value::Object(decided))
}

fn error_kind(error: &SelectError) -> &'static str {
    match error {
        SelectError::Filter { .. } => "no node satisfies",
        SelectError::Strategy(_) => "no resources",
    }
}

fn place_all(mut cluster: Cluster, sequence: &[AskCase], form: Form) -> Value {
    let mut placements = Vec::new();
    // Containers that ask for the same are one class.
    let class = |ask: &AskCase| {
        let same = |one: &AskCase| (one.mem, one.cpus) == (ask.mem, ask.cpus);
        sequence.iter().position(same).unwrap_or_default() as u32
    };
    let config = |name: Text, ask: &AskCase| ContainerConfig {
        name,
        memory: ask.mem,
        cpus: ask.cpus,
        ..ContainerConfig::default()
    };
    if form == Form::Fast {
        for (number, ask) in (0..)
            .zip(sequence)
            .filter(|(number, ask)| class(ask) == *number)
        {
            fast::begin(
                &mut cluster,
                &config("first of its class".into(), ask),
                number,
            );
        }
    }
    for (number, ask) in sequence.iter().enumerate() {
        let config = Arc::new(config(format!("c{number}").into(), ask));
        let created = match form {
            Form::Plain => cluster.create(config),
            Form::Fast => cluster.create_as(config, class(ask)),
        };
        let placed = created.ok().map(|creation| creation.engine);
        placements.push(placed.map(|engine| cluster.engines()[engine].id.clone()));
    }
    let counts = cluster.engines().iter().map(|engine| {
        let count = json!(engine.container_count());
        (engine.id.to_string(), count)
    });
    json!({"placements": placements, "final_containers": counts.collect::<Map<_, _>>()})
}

fn filter_engines(
    cluster: &Cluster,
    name: &str,
    request: &RequestCase,
    form: Form,
) -> Result<Value, Trouble> {
    let filter: Filter = name.parse().map_err(unsupported)?;
    let config = match config(request) {
        Ok(config) => config,
        Err(error) => return Ok(json!({"error": error.to_string(), "error_kind": "parse"})),
    };
    let soft = match request.soft_pass {
        Some(false) => SoftExpressions::Ignored,
        _ => SoftExpressions::Counted,
    };
    let scheduler = Scheduler {
        filters: vec![filter],
        ..cluster.scheduler().clone()
    };
    let candidates = match form {
        Form::Plain => scheduler.candidates(cluster.engines(), &config, soft),
        Form::Fast => fast::candidates(&scheduler, cluster.engines(), &config, soft)?,
    };
    Ok(match candidates {
        Ok(passed) => json!({"accepted": ids(cluster, &passed)}),
        Err(error) => json!({"error": error.to_string(), "error_kind": error_kind(&error)}),
    })
}

fn overcommit(physical: &[AskCase], share: Option<f64>) -> Result<Value, Trouble> {
    let overcommit = match share {
        Some(share) => Overcommit::new(share).map_err(unsupported)?,
        None => Overcommit::default(),
    };
    let totals = physical
        .iter()
        .map(|one| json!({"mem": overcommit.total(one.mem), "cpus": overcommit.total(one.cpus)}));
    Ok(json!({"totals": totals.collect::<Vec<_>>()}))
}

fn refresh_waits(request: &RequestCase) -> Result<Value, Trouble> {
    let plain = ContactOptions::default();
    let options = ContactOptions {
        refresh_min: duration(request.refresh_min_s.unwrap_or(30.0))?,
        refresh_max: duration(request.refresh_max_s.unwrap_or(60.0))?,
        failure_retry: request.failure_retry.unwrap_or(plain.failure_retry),
        ..plain
    };
    let failures = request.failure_counts.as_deref().unwrap_or_default();
    let bounds = failures.iter().map(|&one| options.wait_bounds(one));
    let (shortest, end): (Vec<f64>, Vec<f64>) = bounds
        .map(|(shortest, end)| (shortest.as_secs_f64(), end.as_secs_f64()))
        .unzip();
    Ok(json!({"wait_min_s": shortest, "wait_max_exclusive_s": end}))
}

fn unsupported(error: impl std::fmt::Display) -> Trouble {
    Trouble::Unsupported(error.to_string())
}
