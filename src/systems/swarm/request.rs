//! Pods as requests for containers, and nodes as engines: what of a manifest becomes which field,
//! label, constraint or affinity of Swarm.
//!
//! Keys of Swarm's labels have no `/`, so it becomes `.`: `topology.kubernetes.io/zone` is
//! `topology.kubernetes.io.zone`. The label of the host's name is the key `node`.

use thiserror::Error;

use crate::mapping::plain_key;
use model::node::{HOSTNAME_LABEL, OS_LABEL, USUAL_OS};
use model::resource_list::{CPU, MEMORY};
use model::{
    Labels, Node, NodeSelectorTerm, Operator, PodAffinityTerm, PodSpec, Requirement, ResourceList,
    Text,
};

use super::container::{ContainerConfig, PortBinding, ReschedulePolicy};
use super::engine::Engine;
use super::expression::{Expression, SwarmExpressionError};
use super::options::{CpuUnit, SwarmOptions};
use units::SortedMap;

/// Instructions for the manager, as given with `docker run -e`, by the name of a workload or pod;
/// `*` is for all.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: SortedMap<String, Vec<Variable>>,
}

#[derive(Clone, Debug)]
enum Variable {
    Constraint(Expression),
    Affinity(Expression),
    Whitelist(Expression),
    Reschedule(ReschedulePolicy),
}

/// Reason a text is no variable that a manager reads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VariableError {
    /// It has no kind that is known.
    #[error(
        "`{0}` is not an instruction for a manager; expected `constraint:…`, `affinity:…`, \
         `whitelist:…` or `reschedule:…`"
    )]
    Kind(String),
    /// The variable's policy is none.
    #[error("`{0}` is not a policy; expected `reschedule:off` or `reschedule:on-node-failure`")]
    Policy(String),
    /// There is a policy already.
    #[error("a container has one policy, and `{0}` is a second one")]
    SecondPolicy(String),
    /// The variable's expression is wrong.
    #[error(transparent)]
    Expression(#[from] SwarmExpressionError),
}

impl Environment {
    /// Adds a variable to the containers of a name.
    ///
    /// # Errors
    /// It says nothing to a manager.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), VariableError> {
        let known = self.variables.entry(name.to_owned()).or_default();
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        known.push(match kind {
            "constraint" => Variable::Constraint(Expression::parse(rest)?),
            "affinity" => Variable::Affinity(Expression::parse(rest)?),
            "whitelist" => Variable::Whitelist(Expression::parse(rest)?),
            "reschedule" => {
                let is_second = |one: &Variable| matches!(one, Variable::Reschedule(_));
                if known.iter().any(is_second) {
                    return Err(VariableError::SecondPolicy(text.to_owned()));
                }
                Variable::Reschedule(match rest {
                    "off" => ReschedulePolicy::Off,
                    "on-node-failure" => ReschedulePolicy::OnNodeFailure,
                    _ => return Err(VariableError::Policy(text.to_owned())),
                })
            }
            _ => return Err(VariableError::Kind(text.to_owned())),
        });
        Ok(())
    }

    /// `true` if the environment says something of this name alone.
    pub fn names(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    fn of<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Variable> {
        let all = self.variables.get("*").into_iter();
        all.chain(self.variables.get(name)).flatten()
    }
}

/// A node as an engine.
pub fn engine(node: &Node, options: &SwarmOptions) -> Engine {
    let total = options.overcommit;
    let (memory, cpus) = amounts(&node.allocatable, options.cpu);
    let (memory, cpus) = (total.total(memory), total.total(cpus));
    let mut engine = Engine::new(node.name.clone(), node.name.clone(), memory, cpus);
    let labels = node.labels.iter();
    engine.labels = labels
        .map(|(key, value)| (plain_key(key), value.clone()))
        .collect();
    // An engine says it by itself (swarm `cluster/engine.go`, updateSpecs).
    if !engine.labels.contains_key("ostype") {
        let system = node.labels.get(OS_LABEL);
        let system = system.cloned().unwrap_or_else(|| USUAL_OS.into());
        engine.labels.insert("ostype".into(), system);
    }
    let images = node.images.iter();
    engine.images = images
        .map(|(name, _)| super::engine::Image {
            id: name.clone(),
            tags: vec![name.clone()],
        })
        .collect();
    engine
}

/// Configuration of every container of a class, without a name. `workload` is its name in the
/// environment.
///
/// # Errors
/// A label of it is no key or value of Swarm's expressions.
pub fn container(
    pod: &PodSpec,
    workload: &str,
    options: &SwarmOptions,
) -> Result<ContainerConfig, SwarmExpressionError> {
    let requests = pod.requests().unwrap_or_default();
    let (memory, cpus) = amounts_asked(&requests, options.cpu);
    let mut config = ContainerConfig {
        image: pod
            .containers
            .first()
            .map_or_else(Text::default, |one| one.image.clone()),
        memory,
        cpus,
        labels: plain(&pod.labels),
        constraints: constraints(pod)?,
        affinities: affinities(pod)?,
        bindings: bindings(pod),
        reschedule: options.reschedule,
        ..ContainerConfig::default()
    };
    for variable in options.environment.of(workload) {
        match variable {
            Variable::Constraint(one) => config.constraints.push(one.clone()),
            Variable::Affinity(one) => config.affinities.push(one.clone()),
            Variable::Whitelist(one) => config.whitelists.push(one.clone()),
            Variable::Reschedule(policy) => config.reschedule = *policy,
        }
    }
    Ok(config)
}

/// Memory and CPU that a node has: parts of a unit are no unit.
fn amounts(list: &ResourceList, unit: CpuUnit) -> (i64, i64) {
    let milli = list.get(CPU).milli_floor().unwrap_or(i64::MAX);
    let memory = list.get(MEMORY).units_ceil().unwrap_or(i64::MAX);
    match unit {
        CpuUnit::Cores => (memory, milli / 1_000),
        CpuUnit::Millicores => (memory, milli),
    }
}

/// Memory and CPU that are asked for: a part of a unit is one.
fn amounts_asked(list: &ResourceList, unit: CpuUnit) -> (i64, i64) {
    let memory = list.get(MEMORY).units_ceil().unwrap_or(i64::MAX);
    let cpu = list.get(CPU);
    let cpus = match unit {
        CpuUnit::Cores => cpu.units_ceil(),
        CpuUnit::Millicores => cpu.milli_ceil(),
    };
    (memory, cpus.unwrap_or(i64::MAX))
}

fn plain(labels: &Labels) -> Labels {
    let plain = labels.iter();
    plain
        .map(|(key, value)| (plain_key(key), value.clone()))
        .collect()
}

fn constraints(pod: &PodSpec) -> Result<Vec<Expression>, SwarmExpressionError> {
    let mut constraints = Vec::new();
    for (key, value) in &pod.node_selector {
        constraints.push(Expression::parse(&format!("{}=={value}", node_key(key)))?);
    }
    let required = pod.affinity.node.required.iter();
    // Alternatives are refused before.
    for term in required.flat_map(|selector| &selector.terms).take(1) {
        constraints.extend(of_term(term)?);
    }
    Ok(constraints)
}

fn of_term(term: &NodeSelectorTerm) -> Result<Vec<Expression>, SwarmExpressionError> {
    let asked = term.match_expressions.iter();
    asked
        .map(|asked| expression(&node_key(&asked.key), asked))
        .collect()
}

fn node_key(key: &str) -> Text {
    if key == HOSTNAME_LABEL {
        "node".into()
    } else {
        plain_key(key)
    }
}

/// A requirement as an expression: several values are a regular expression, and a missing label is
/// the empty text.
fn expression(key: &str, asked: &Requirement) -> Result<Expression, SwarmExpressionError> {
    let any = || {
        let values: Vec<String> = asked.values.iter().map(|value| literal(value)).collect();
        format!("/^({})$/", values.join("|"))
    };
    Expression::parse(&match asked.operator {
        Operator::In => format!("{key}=={}", any()),
        Operator::NotIn => format!("{key}!={}", any()),
        Operator::Exists => format!("{key}==/./"),
        Operator::DoesNotExist | Operator::Gt | Operator::Lt => format!("{key}!=/./"),
    })
}

/// A label's value in a regular expression: of its characters only `.` has a meaning there.
fn literal(value: &str) -> String {
    value.replace('.', r"\.")
}

fn affinities(pod: &PodSpec) -> Result<Vec<Expression>, SwarmExpressionError> {
    let on_node = |term: &&PodAffinityTerm| *term.topology_key == *HOSTNAME_LABEL;
    let mut affinities = Vec::new();
    for term in pod.affinity.required_pod_affinity.iter().filter(on_node) {
        for asked in term
            .selector
            .iter()
            .flat_map(|selector| &selector.requirements)
        {
            affinities.push(expression(&plain_key(&asked.key), asked)?);
        }
    }
    for term in pod
        .affinity
        .required_pod_anti_affinity
        .iter()
        .filter(on_node)
    {
        // Where all of several requirements must hold to keep a pod away, the first one does.
        let mut asked = term
            .selector
            .iter()
            .flat_map(|selector| &selector.requirements);
        if let Some(asked) = asked.next() {
            let mut against = asked.clone();
            against.operator = match asked.operator {
                Operator::In => Operator::NotIn,
                Operator::NotIn => Operator::In,
                Operator::Exists => Operator::DoesNotExist,
                Operator::DoesNotExist | Operator::Gt | Operator::Lt => Operator::Exists,
            };
            affinities.push(expression(&plain_key(&against.key), &against)?);
        }
    }
    Ok(affinities)
}

fn bindings(pod: &PodSpec) -> Vec<PortBinding> {
    let ports = pod.containers.iter().flat_map(|one| &one.host_ports);
    ports
        .map(|port| PortBinding {
            ip: port.host_ip.clone(),
            port: port.port.to_string().into(),
        })
        .collect()
}
