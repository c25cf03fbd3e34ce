//! Operations of users in a scenario: workloads of manifests are created when their file is due,
//! and the operations that the scenario lists.

use std::sync::Arc;

use jiff::Timestamp;

use ::units::Instant;
use control::controllers::manager::ControllerOptions;
use control::operation::{Operation, Target as Goal};
use control::upgrade::UpgradePlan;
use manifest::Manifests;
use model::{Node, Object};
use scenario::Scenario;
use scenario::schema::{self, WorkloadSource};
use sim::failures::{Layout, Target};
use systems::RunsWorkloads;
use systems::capability::{Capability, Support, support};
use systems::registry::find;

use super::units::units;
use super::{BuildError, FileSource, ManifestFiles, Remarks};

/// Whether the system of a scenario acts on workloads, and not on pods alone.
pub fn runs_workloads(scenario: &Scenario) -> bool {
    let system = &scenario.system;
    match find(&system.name).map(|entry| entry.workloads) {
        Ok(RunsWorkloads::Always) => true,
        Ok(RunsWorkloads::WithControllers) => system.controllers.is_some(),
        Ok(RunsWorkloads::Never) | Err(_) => false,
    }
}

/// Whether the system of a scenario has control loops of its own.
pub(super) fn runs_always(scenario: &Scenario) -> bool {
    let entry = find(&scenario.system.name);
    entry.is_ok_and(|entry| entry.workloads == RunsWorkloads::Always)
}

/// Settings of a scenario's controllers, if it has any.
pub fn controllers(scenario: &Scenario) -> Result<Option<ControllerOptions>, BuildError> {
    let wrong = |what: String| Err(BuildError::Experiment(what));
    let Some(controllers) = &scenario.system.controllers else {
        if scenario.operations.is_empty() || runs_workloads(scenario) {
            return Ok(None);
        }
        return wrong(
            "operations: no controller would carry them out; write `controllers: {}` under `system`"
                .to_owned(),
        );
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
        Some(date) => match date.parse::<Timestamp>() {
            Ok(date) => date.as_second(),
            Err(_) => {
                return wrong(format!(
                    "system.controllers.startDate: expected a date and time such as \
                     `2025-03-03T00:00:00Z`, found `{date}`"
                ));
            }
        },
    };
    Ok(Some(ControllerOptions { zero_unix_secs }))
}

/// Whether tasks of a scenario's system wait for secrets and configs.
pub(super) fn heeds_needs(scenario: &Scenario) -> bool {
    let entry = find(&scenario.system.name);
    let known = entry.map(|entry| support(entry.capabilities, Capability::Needs));
    matches!(known, Ok(Some(Support::Yes(_))))
}

/// The objects of a file that mean something to the system.
fn heeded<'a>(
    scenario: &Scenario,
    declared: &'a Manifests,
) -> impl Iterator<Item = Object> + use<'a> {
    let heeds_needs = heeds_needs(scenario);
    let objects = declared.workloads.iter().map(|own| &own.object);
    let is_needed = |object: &Object| matches!(object, Object::Secret(_) | Object::ConfigMap(_));
    objects
        .filter(move |object| heeds_needs || !is_needed(object))
        .cloned()
}

/// Operations of users, in order of time.
pub fn operations(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    files: &FileSource<'_>,
    manifests: &mut ManifestFiles,
    remarks: &mut Remarks,
) -> Result<Vec<(Instant, Operation)>, BuildError> {
    let mut operations = Vec::new();
    if !runs_workloads(scenario) {
        return Ok(operations);
    }
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
        let objects = heeded(scenario, &declared);
        operations.extend(objects.map(|object| (at, Operation::Create(object))));
    }
    for (number, operation) in scenario.operations.iter().enumerate() {
        let at = Instant::ZERO.saturating_add(operation.at);
        if let Some(file) = &operation.apply {
            let declared = manifests.read(file, files, remarks)?;
            let objects = heeded(scenario, &declared);
            operations.extend(objects.map(|object| (at, Operation::Apply(object))));
            continue;
        }
        if let Some(written) = &operation.upgrade {
            let plan = upgrade(number, written, scenario, nodes)?;
            operations.push((at, Operation::Upgrade(Arc::new(plan))));
            continue;
        }
        operations.push((at, read(number, operation, nodes)?));
    }
    // Equal times stay in order, but what others need to be made comes first.
    let needs_others = |operation: &Operation| match operation {
        Operation::Create(object) | Operation::Apply(object) => !object.comes_first(),
        _ => true,
    };
    operations.sort_by_key(|(at, operation)| (*at, needs_others(operation)));
    Ok(operations)
}

/// An upgrade with its nodes in order.
fn upgrade(
    number: usize,
    written: &schema::Upgrade,
    scenario: &Scenario,
    nodes: &[Arc<Node>],
) -> Result<UpgradePlan, BuildError> {
    let wrong = |field: &str, what: &dyn std::fmt::Display| {
        BuildError::Experiment(format!("operations[{number}].upgrade.{field}: {what}"))
    };
    if written.service.missing_file().is_some() {
        let what = "values of a file can't be used here; give a distribution with parameters";
        return Err(wrong("service", &what));
    }
    let domains = super::domains::domains(scenario, nodes)?;
    let layout = Layout {
        nodes,
        domains: &domains,
        seed: scenario.seed,
    };
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
    let width = written.batch.or(written.max_unavailable).unwrap_or(1);
    Ok(UpgradePlan {
        nodes: found.iter().map(|node| node.name.clone()).collect(),
        width: width as usize,
        is_rolling: written.max_unavailable.is_some(),
        service: written.service.clone(),
        drain_timeout: written.drain_timeout,
        gap: written.gap,
        replaces: written.replace,
        seed: scenario.seed,
    })
}

fn read(
    number: usize,
    operation: &schema::Operation,
    nodes: &[Arc<Node>],
) -> Result<Operation, BuildError> {
    let wrong = |field: &str, what: String| {
        BuildError::Experiment(format!("operations[{number}].{field}: {what}"))
    };
    if let Some((field, name)) = operation.node() {
        if nodes.iter().all(|node| *node.name != *name) {
            return Err(wrong(field, format!("the cluster has no node `{name}`")));
        }
        let name = name.into();
        return Ok(match field {
            "cordon" => Operation::Cordon(name),
            "uncordon" => Operation::Uncordon(name),
            _ => Operation::Drain(name),
        });
    }
    let (field, written) = operation.object().unwrap_or(("scale", ""));
    let target = target(written).ok_or_else(|| {
        let kinds = Object::KINDS.join(", ");
        wrong(
            field,
            format!(
                "expected KIND/NAMESPACE/NAME such as `Deployment/default/shop` (KIND/NAME of a \
                 Namespace or PriorityClass), found `{written}`; kinds are {kinds}"
            ),
        )
    })?;
    Ok(match field {
        "scale" => Operation::Scale(target, operation.replicas.unwrap_or(0)),
        "delete" => Operation::Delete(target),
        "pause" => Operation::Pause(target),
        "resume" => Operation::Resume(target),
        _ => Operation::RollBack(target),
    })
}

/// An object as `KIND/NAMESPACE/NAME`, or `KIND/NAME` if it is one of the whole cluster.
pub(super) fn target(written: &str) -> Option<Goal> {
    let mut parts = written.split('/');
    let kind = parts.next()?;
    let kind = Object::KINDS.iter().find(|known| **known == kind)?;
    let is_of_cluster = Object::OF_CLUSTER.contains(kind);
    let namespace = if is_of_cluster { "" } else { parts.next()? };
    let name = parts.next()?;
    let is_whole =
        parts.next().is_none() && (is_of_cluster || !namespace.is_empty()) && !name.is_empty();
    is_whole.then(|| Goal {
        kind,
        namespace: namespace.into(),
        name: name.into(),
    })
}
