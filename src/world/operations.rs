//! Operations of users in a scenario: workloads of manifests are created when their file is due,
//! and the operations that the scenario lists.

use std::sync::Arc;

use ::units::Instant;
use control::admission::BarePod;
use control::controllers::manager::{ControllerOptions, ControllerScope};
use control::operation::{
    EvictionRequests, Operation, PodChoice, Propagation, TaintChoice, Target as Name, meant,
};
use control::upgrade::{DrainMethod, JoinedNodes, UpgradePlan};
use k8s::Manifests;
use model::queueing::QueueingObjects;
use model::start_date::second_of;
use model::{Labels, Node, Object, Taint, TaintEffect, Text};
use scenario::Scenario;
use scenario::schema::{self, PropagationPolicy, WorkloadSource};
use sim::failures::Target;
use systems::SystemFact;
use systems::capability::{Capability, Support, support};
use systems::nova::section::Nova;
use systems::registry::find;

use super::adoption::with_granted;
use super::domains::FailureDomains;
use super::object_name::{no_node, target};
use super::production::client_limits;
use super::queueing;
use super::runs_workloads::{how_to_have_controllers, runs_always, runs_workloads};
use super::units::units;
use super::{BuildError, FileSource, ManifestFiles, Remarks};
use units::SortedSet;

/// Settings of a scenario's controllers, if it has any.
pub fn controllers(scenario: &Scenario) -> Result<Option<ControllerOptions>, BuildError> {
    let wrong = |what: String| Err(BuildError::Experiment(what));
    let Some(controllers) = &scenario.system.controllers else {
        let mut operations = scenario.operations.iter();
        let own = operations.position(|own| !super::runs_workloads::needs_no_controllers(own));
        return match own.filter(|_| !runs_workloads(scenario)) {
            None => Ok(None),
            Some(number) => wrong(format!(
                "operations[{number}]: no controller would carry it out; {}",
                how_to_have_controllers(&scenario.system.name)
            )),
        };
    };
    let system = &scenario.system.name;
    if !runs_workloads(scenario) || runs_always(scenario) {
        return wrong(format!(
            "system.controllers: the system `{system}` has none; leave it out, or write \
             `name: kubernetes`"
        ));
    }
    let zero_unix_secs = match controllers.start_date.as_deref() {
        None => 0,
        Some(date) => match second_of(date) {
            Ok(second) => second,
            Err(why) => return wrong(format!("system.controllers.startDate: {why}")),
        },
    };
    Ok(Some(ControllerOptions {
        zero_unix_secs,
        client: client_limits(scenario).controllers,
        volumes: None,
        replaced: &[],
        scope: ControllerScope::default(),
        changes: scenario.system.controllers_changes(),
        terminated_pods: controllers.terminated_pod_threshold.map(|own| own as usize),
    }))
}

/// Whether tasks of a scenario's system wait for secrets and configs.
pub(super) fn heeds_needs(scenario: &Scenario) -> bool {
    let entry = find(&scenario.system.name);
    let known = entry.map(|entry| support(entry.capabilities, Capability::Needs));
    matches!(known, Ok(Some(Support::Yes(_))))
}

/// The objects of a file that mean something to the system.
fn heeded(
    scenario: &Scenario,
    declared: &Manifests,
    queues: Option<&QueueingObjects>,
    zero: Option<i64>,
    remarks: &mut Remarks,
) -> Vec<Object> {
    let heeds_needs = heeds_needs(scenario);
    let objects = declared.workloads.iter();
    let objects = objects.map(|own| with_granted(own, zero));
    let is_needed = |object: &Object| matches!(object, Object::Secret(_) | Object::ConfigMap(_));
    let objects = objects.filter(|object| heeds_needs || !is_needed(object));
    let mut objects: Vec<Object> = objects.collect();
    if let Some(queues) = queues {
        for object in &mut objects {
            for doubt in queueing::doubts(object, queues) {
                remarks.note(doubt);
            }
            queueing::hold_back(object);
        }
    }
    objects
}

/// A drain as the system carries it out: some empty a host that is disabled themselves.
fn drained_by(scenario: &Scenario, operation: Operation) -> Operation {
    match operation {
        Operation::Drain(node, _) if migrates(scenario) => Operation::Cordon(node),
        Operation::Drain(node, _) if empties_nodes(scenario) => {
            Operation::Drain(node, EvictionRequests::Never)
        }
        Operation::Drain(node, _) => {
            Operation::Drain(node, super::production::eviction_requests(scenario))
        }
        other => other,
    }
}

/// What the files of the workload create; what a run finds there is not created.
fn creations(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<Vec<(Instant, Operation)>, BuildError> {
    let mut operations = Vec::new();
    for source in &scenario.workload {
        let WorkloadSource::Manifests { file, at } = source else {
            let submission = units(source, files)?;
            let sets = submission.daemon_sets();
            operations.extend(
                sets.map(|(at, object)| {
                    (Instant::ZERO.saturating_add(at), Operation::Create(object))
                }),
            );
            continue;
        };
        let at = Instant::ZERO.saturating_add(*at);
        let declared = manifests.read(file, files, remarks)?;
        let adoption = manifests.adoption(scenario, nodes, files, remarks)?;
        // What comes later comes without the state of its dump.
        let zero = adoption.zero_unix_secs.filter(|_| at == Instant::ZERO);
        let objects = heeded(
            scenario,
            &declared,
            manifests.queues.as_ref(),
            zero,
            remarks,
        );
        let objects = objects.into_iter().filter(|object| !adoption.has(object));
        operations.extend(objects.map(|object| (at, Operation::Create(object))));
    }
    Ok(operations)
}

/// Operations of users, in order of time.
pub fn operations(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    domains: &FailureDomains,
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<Vec<(Instant, Operation)>, BuildError> {
    let mut operations = Vec::new();
    let has_controllers = runs_workloads(scenario);
    if has_controllers {
        operations.extend(creations(scenario, nodes, files, manifests, remarks)?);
    } else if scenario.operations.is_empty() {
        return Ok(operations);
    }
    let mut known = Known {
        nodes: nodes.iter().map(|node| node.name.clone()).collect(),
        objects: objects_of(&operations),
    };
    for (number, operation) in scenario.operations.iter().enumerate() {
        let at = Instant::ZERO.saturating_add(operation.at);
        if let Some(file) = &operation.apply {
            let declared = manifests.read(file, files, remarks)?;
            if !has_controllers && let Some(kind) = declared.unread_workloads.keys().next() {
                return Err(BuildError::Experiment(format!(
                    "operations[{number}].apply: {file}: no controller would make the pods of its {kind}; {}",
                    how_to_have_controllers(&scenario.system.name)
                )));
            }
            let heeded = heeded(
                scenario,
                &declared,
                manifests.queues.as_ref(),
                None,
                remarks,
            );
            let applied = applied(scenario, &declared, heeded, number)?;
            let joined = declared.nodes.iter().map(|node| node.name.clone());
            known.nodes.extend(joined);
            operations.extend(applied.into_iter().map(|operation| (at, operation)));
            continue;
        }
        if super::pool_states::deleted(operation).is_some() && provisions(scenario) {
            // The provisioner follows it.
            continue;
        }
        if super::queue_changes::deleted(operation).is_some() {
            // Kueue follows it.
            continue;
        }
        if operation.machine.is_some() {
            // Its effect is an outage of the node.
            continue;
        }
        if let Some(own) = &operation.push {
            operations.push((at, Operation::Push(super::delivery::push(own))));
            continue;
        }
        if let Some(written) = &operation.upgrade {
            let plan = upgrade(number, written, scenario, nodes, domains)?;
            operations.push((at, Operation::Upgrade(Arc::new(plan))));
            continue;
        }
        let read = read(number, operation, &known)?;
        operations.push((at, drained_by(scenario, read)));
    }
    operations.extend(super::routers::made(scenario, &operations)?);
    super::hypervisors::check_nova_hosts(scenario, nodes, &operations)?;
    super::volume_places::bind(scenario, &mut operations, remarks);
    super::storage::uneven_periods(scenario, remarks);
    super::after_end::note(scenario, remarks);
    operations.extend(super::delivery::pushes(scenario, files)?);
    operations.extend(super::storage::disk_failures(scenario, nodes)?);
    super::unheeded::leave_out(scenario, &mut operations, remarks);
    super::delivery::check_digests(&operations)?;
    // Equal times stay in order, but what others need to be made comes first.
    let needs_others = |operation: &Operation| match operation {
        Operation::Create(object) | Operation::Apply(object) => !object.comes_first(),
        _ => true,
    };
    operations.sort_by_key(|(at, operation)| (*at, needs_others(operation)));
    Ok(operations)
}

/// Whether the scenario's system takes off a node that drains what has to go itself.
pub fn empties_nodes(scenario: &Scenario) -> bool {
    systems::registry::has(&scenario.system.name, SystemFact::EmptiesNodes)
}

/// Whether instances leave a cordoned node by live migration.
fn migrates(scenario: &Scenario) -> bool {
    let is_run = scenario.system.name == systems::nova::ENTRY.name;
    is_run && { scenario.system.own::<Nova>().live_migration }.is_some()
}

/// What applying the objects of a file does: nodes join first, then come objects and pods, in order.
fn applied(
    scenario: &Scenario,
    declared: &Manifests,
    heeded: Vec<Object>,
    number: usize,
) -> Result<Vec<Operation>, BuildError> {
    let is_tainted = scenario.node_life() != schema::NodeLife::Declared;
    let nodes = declared.nodes.iter().map(|node| {
        let mut node = node.clone();
        // The API taints what joins; the taint goes once the node is seen to be ready.
        let taint = Taint {
            key: "node.kubernetes.io/not-ready".into(),
            value: Text::default(),
            effect: TaintEffect::NoSchedule,
        };
        node.taints.extend(is_tainted.then_some(taint));
        Operation::ApplyNode(Arc::new(node))
    });
    let objects = heeded.into_iter().map(Operation::Apply);
    let mut operations: Vec<Operation> = nodes.chain(objects).collect();
    for pod in &declared.pods {
        if pod.node_name.is_some() || pod.phase.is_final() {
            return Err(BuildError::Experiment(format!(
                "operations[{number}].apply: Pod/{}/{} has a node or has ended already; only pods \
                 that wait for a node can be applied",
                pod.namespace(),
                pod.name
            )));
        }
        operations.push(Operation::ApplyPod(Arc::new(BarePod {
            name: pod.name.clone(),
            spec: Arc::clone(&pod.spec),
        })));
    }
    Ok(operations)
}

/// An upgrade with its nodes in order.
fn upgrade(
    number: usize,
    written: &schema::Upgrade,
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    domains: &FailureDomains,
) -> Result<UpgradePlan, BuildError> {
    let wrong = |field: &str, what: &dyn std::fmt::Display| {
        BuildError::Experiment(format!("operations[{number}].upgrade.{field}: {what}"))
    };
    let layout = domains.layout(scenario, nodes);
    let domain = written.domain.iter().flatten().next();
    let target = domain.map_or(Target::All, |(key, value)| {
        Target::Label(key.clone(), value.clone())
    });
    let found = layout.find(&target).map_err(|why| wrong("domain", &why))?;
    let mut found: Vec<&Arc<Node>> = found.iter().map(|node| &nodes[node.index()]).collect();
    if let Some(label) = &written.by {
        if !found
            .iter()
            .any(|node| node.labels.contains_key(label.as_str()))
        {
            return Err(wrong(
                "by",
                &format!("none of the nodes has the label `{label}`"),
            ));
        }
        found.sort_by_key(|node| node.labels.get(label.as_str()).cloned());
    }
    let emptying = if migrates(scenario) {
        DrainMethod::Migration
    } else if empties_nodes(scenario) {
        DrainMethod::System
    } else {
        DrainMethod::Eviction
    };
    let width = written.batch.or(written.max_unavailable).unwrap_or(1);
    Ok(UpgradePlan {
        nodes: found.iter().map(|node| node.name.clone()).collect(),
        joined: Some(JoinedNodes {
            domain: domain.map(|(key, value)| (key.as_str().into(), value.as_str().into())),
            by: written.by.as_deref().map(Text::from),
        }),
        width: width as usize,
        is_rolling: written.max_unavailable.is_some(),
        service: written.service.clone(),
        drain_timeout: written.drain_timeout,
        gap: written.gap,
        replaces: written.replace,
        emptying,
        seed: scenario.seed,
    })
}

/// Names that operations may be about.
struct Known {
    nodes: SortedSet<Text>,
    /// Objects of the workload's manifests.
    objects: Vec<Name>,
}

/// Whether a scenario has pools of nodes that a provisioner follows.
fn provisions(scenario: &Scenario) -> bool {
    let autoscaling = scenario.system.autoscaling.as_ref();
    autoscaling.is_some_and(|own| own.provisioner.is_some())
}

/// The objects that operations create.
fn objects_of(operations: &[(Instant, Operation)]) -> Vec<Name> {
    let created = operations
        .iter()
        .filter_map(|(_, operation)| match operation {
            Operation::Create(object) => Some(Name::of(object)),
            _ => None,
        });
    created.collect()
}

/// Complaint about a name that is no whole place of an object.
fn no_place(written: &str, known: &Known) -> String {
    let hint = match meant(written, &known.objects) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("kinds are {}", Object::KINDS.join(", ")),
    };
    format!(
        "expected KIND/NAMESPACE/NAME such as `Deployment/default/shop` (KIND/NAME of a Namespace or \
         PriorityClass), found `{written}`; {hint}"
    )
}

fn read(
    number: usize,
    operation: &schema::Operation,
    known: &Known,
) -> Result<Operation, BuildError> {
    let nodes = &known.nodes;
    let wrong = |field: &str, what: String| {
        BuildError::Experiment(format!("operations[{number}].{field}: {what}"))
    };
    if let Some(wish) = super::relocations::wish(number, operation, nodes)? {
        return Ok(Operation::Relocate(wish));
    }
    if let Some((field, name)) = operation.node() {
        if !nodes.contains(name) {
            return Err(wrong(field, no_node(name, nodes)));
        }
        return Ok(on_node(operation, field, name.into()));
    }
    if let Some(own) = &operation.delete_pods {
        let namespace = own.namespace.as_deref().unwrap_or("default");
        return Ok(Operation::DeletePods(PodChoice {
            namespace: namespace.into(),
            name: None,
            labels: (&own.labels).into(),
            count: own.count,
        }));
    }
    let (field, written) = operation.object().unwrap_or(("scale", ""));
    if field == "delete"
        && let Some(node) = written.strip_prefix("Node/")
    {
        if !nodes.contains(node) {
            return Err(wrong(field, no_node(node, nodes)));
        }
        return Ok(Operation::DeleteNode(node.into()));
    }
    if field == "delete"
        && let Some(pod) = written.strip_prefix("Pod/")
    {
        let what = || {
            wrong(
                field,
                format!("expected Pod/NAMESPACE/NAME, found `{written}`"),
            )
        };
        return one_pod(pod).map(Operation::DeletePods).ok_or_else(what);
    }
    let target = target(written).ok_or_else(|| wrong(field, no_place(written, known)))?;
    Ok(match field {
        "scale" => Operation::Scale(target, operation.replicas.unwrap_or(0)),
        "delete" => {
            let policy = match operation.propagation.unwrap_or_default() {
                PropagationPolicy::Background => Propagation::Background,
                PropagationPolicy::Foreground => Propagation::Foreground,
                PropagationPolicy::Orphan => Propagation::Orphan,
            };
            Operation::Delete(target, policy)
        }
        "pause" => Operation::Pause(target),
        "resume" => Operation::Resume(target),
        _ => Operation::RollBack(target),
    })
}

/// The operation that a field asks for on a node.
fn on_node(operation: &schema::Operation, field: &str, name: Text) -> Operation {
    if let Some(own) = &operation.taint {
        let taint = Taint {
            key: own.key.as_str().into(),
            value: own.value.as_deref().unwrap_or_default().into(),
            effect: effect(own.effect),
        };
        return Operation::Taint(name, taint);
    }
    if let Some(own) = &operation.untaint {
        let choice = TaintChoice {
            key: own.key.as_str().into(),
            effect: own.effect.map(effect),
        };
        return Operation::Untaint(name, choice);
    }
    match field {
        "cordon" => Operation::Cordon(name),
        "uncordon" => Operation::Uncordon(name),
        _ => Operation::Drain(name, EvictionRequests::default()),
    }
}

/// The pod of a text `NAMESPACE/NAME`; `None` of any other text.
fn one_pod(text: &str) -> Option<PodChoice> {
    let (namespace, name) = text.split_once('/')?;
    let is_name = !namespace.is_empty() && !name.is_empty() && !name.contains('/');
    is_name.then(|| PodChoice {
        namespace: namespace.into(),
        name: Some(name.into()),
        labels: Labels::default(),
        count: None,
    })
}

const fn effect(written: schema::TaintEffect) -> TaintEffect {
    match written {
        schema::TaintEffect::NoSchedule => TaintEffect::NoSchedule,
        schema::TaintEffect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
        schema::TaintEffect::NoExecute => TaintEffect::NoExecute,
    }
}
