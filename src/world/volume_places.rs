//! Volumes of a scenario and the places of pods: the workloads select nodes that have the label of their volume,
//! which the volume keeper keeps. Every system has rules for labels, and places by them.

use std::sync::Arc;

use control::operation::{Operation, Target};
use model::node::ZONE_LABEL;
use model::storage::{VOLUME_LABEL_VALUE, is_attach_limit, volume_label};
use model::{Node, Object, PodVolume, Text};
use scenario::Scenario;
use scenario::schema::{NodeSource, Storage, StorageClass};
use systems::capability::{Capability, Support, support};
use systems::ecs::section::Ecs;
use systems::registry::find;
use units::Instant;

use super::Remarks;
use super::object_name::target;
use super::production::storage_delays;
use super::runs_workloads::runs_workloads;

/// Whether pods of a scenario go where their volumes are.
pub(super) fn binds_pods(scenario: &Scenario) -> bool {
    why_unbound(scenario).is_none() && !scenario.storage.is_empty() && runs_workloads(scenario)
}

/// Reason why the system of a scenario places pods whatever their volumes.
fn why_unbound(scenario: &Scenario) -> Option<&'static str> {
    if scenario.system.own::<Ecs>().has_fargate() {
        return Some("each task of Fargate has a machine of its own");
    }
    let entry = find(&scenario.system.name).ok()?;
    match support(entry.capabilities, Capability::NodeSelector) {
        Some(Support::Without(why) | Support::Refused(why)) => Some(why),
        Some(Support::Yes(_)) | None => None,
    }
}

/// The volumes of a scenario that nodes attach before pods start there.
pub(super) fn attached(scenario: &Scenario) -> impl Iterator<Item = &Storage> {
    let has_delays = binds_pods(scenario) && storage_delays(scenario).is_some();
    let volumes = scenario.storage.iter();
    volumes.filter(move |own| has_delays && own.class == StorageClass::Network)
}

/// Labels a node for the volumes that pods on it can have as the run begins.
pub(super) fn label(node: &mut Node, scenario: &Scenario) {
    if scenario.storage.is_empty() || !binds_pods(scenario) {
        return;
    }
    for own in &scenario.storage {
        let zone = node.labels.get(ZONE_LABEL);
        let is_reached = match (own.class, &own.zone) {
            (StorageClass::Network, Some(stated)) => zone.is_some_and(|zone| **zone == **stated),
            (StorageClass::Local | StorageClass::Network, _) => true,
        };
        if is_reached {
            let label = volume_label(&own.volume);
            node.labels.insert(label, VOLUME_LABEL_VALUE.into());
        }
    }
}

/// Labels nodes for the volumes that pods on them can have as the run begins.
pub(super) fn label_all(nodes: &mut [Arc<Node>], scenario: &Scenario) {
    if scenario.storage.is_empty() {
        return;
    }
    for node in nodes {
        label(Arc::make_mut(node), scenario);
    }
}

/// Has the pods of workloads go where their volumes are; notes those that don't.
pub(super) fn bind(
    scenario: &Scenario,
    operations: &mut [(Instant, Operation)],
    remarks: &mut Remarks,
) {
    if let Some(line) = idle_limits(scenario) {
        remarks.note(line);
    }
    if scenario.storage.is_empty() {
        return;
    }
    if let Some(why) = why_unbound(scenario) {
        let system = &scenario.system.name;
        remarks.note(format!(
            "storage: the pods of `{system}` go anywhere, whatever the places of their volumes: {why}"
        ));
        return;
    }
    for own in &scenario.storage {
        let (Some(target), label) = (target(&own.workload), volume_label(&own.volume)) else {
            continue;
        };
        let declared = operations.iter_mut();
        let declared = declared.filter_map(|(_, operation)| match operation {
            Operation::Create(object) | Operation::Apply(object) => Some(object),
            _ => None,
        });
        let mut is_bound = false;
        for object in declared.filter(|object| Target::of(object) == target) {
            is_bound |= select(object, &label);
            if attached(scenario).any(|other| other.volume == own.volume) {
                mount(object, &own.volume);
            }
        }
        if !is_bound {
            let (volume, workload) = (&own.volume, &own.workload);
            remarks.note(format!(
                "storage: `{workload}` is there before the run begins; its pods go anywhere, whatever the \
                 place of the volume `{volume}`"
            ));
        }
    }
}

/// The remark on limits of attached volumes that nothing of the scenario attaches.
fn idle_limits(scenario: &Scenario) -> Option<String> {
    let nodes = scenario.cluster.nodes.iter();
    let mut templates = nodes.filter_map(|source| match source {
        NodeSource::Template(own) => Some(&own.template.allocatable.extended),
        NodeSource::Trace(_) | NodeSource::Manifests(_) => None,
    });
    let limit = templates.find_map(|extended| extended.keys().find(|name| is_attach_limit(name)));
    let mut volumes = scenario.storage.iter();
    let is_idle = !volumes.any(|own| own.class == StorageClass::Network);
    limit.filter(|_| is_idle).map(|name| {
        format!("`{name}` has no effect: no volume of `storage` is of the class `network`")
    })
}

/// Has the pods of an object wait for a volume on their nodes.
fn mount(object: &mut Object, volume: &str) {
    if let Some(template) = object.template_mut() {
        template.volumes.push(PodVolume::Kept(volume.into()));
    }
}

/// Has the pods of an object select a label of nodes; whether it has pods.
fn select(object: &mut Object, label: &Text) -> bool {
    let Some(template) = object.template_mut() else {
        return false;
    };
    let value = VOLUME_LABEL_VALUE.into();
    template.node_selector.insert(label.clone(), value);
    true
}
