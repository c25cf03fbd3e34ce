//! Switches that can make a difference on a dump at all: most changes concern features that few
//! clusters use, and a switch without its feature need not be turned.

use super::{Landing, UpgradePlan};
use model::{Change, ChangeArea, ChangeEntry, PodAffinityTerm, PodSpec};

/// Switches between the releases of a plan that can bear on landings in its dump.
pub(super) fn relevant(plan: &UpgradePlan<'_>) -> Vec<&'static ChangeEntry> {
    let differing = plan.before().differing(plan.after());
    differing
        .filter(|entry| entry.is_settable())
        .filter(|entry| matches!(entry.bearing, ChangeArea::Placement | ChangeArea::Message))
        .filter(|entry| concerns(entry.change, plan))
        .collect()
}

/// Whether a switch can bear on a pod with these landings: words change only where a pod finds no
/// free node.
pub(super) fn can_matter(entry: &ChangeEntry, from: &Landing, to: &Landing) -> bool {
    let both_place = matches!((from, to), (Landing::On(_), Landing::On(_)));
    entry.bearing == ChangeArea::Placement || !both_place
}

/// Whether a dump has what a switch is about.
pub(super) fn concerns(change: Change, plan: &UpgradePlan<'_>) -> bool {
    let gathered = plan.gathered;
    let any = |has: fn(&PodSpec) -> bool| gathered.pods.iter().any(|pod| has(&pod.spec));
    match change {
        Change::PodLevelResources => any(|pod| !pod.pod_requests.is_empty()),
        Change::SidecarHostPorts | Change::SidecarDefaults => any(has_sidecar),
        Change::LostNamespaceSelector => any(has_namespace_selector),
        Change::OnePodClaimText
        | Change::VolumeAffinityText
        | Change::VolumeAttachments
        | Change::AllocatableVolumeLimits => any(|pod| !pod.volumes.is_empty()),
        Change::VictimsSortedAgain => !gathered.objects.budgets.is_empty(),
        Change::LeftOutNodesNamed | Change::LeftOutNodesOldText | Change::NodeNamePanic => {
            any(|pod| pod.affinity.node.required.is_some())
        }
        Change::TaintText => gathered
            .nodes
            .iter()
            .any(|node| !node.taints.is_empty() || node.unschedulable),
        Change::DevicePoolsInOrder => any(|pod| !pod.device_claims.0.is_empty()),
        Change::InPlaceResize => gathered.pods.iter().any(|pod| pod.accounted.is_some()),
        // Landings hold all nodes that tie, and 0 points for each node change no total.
        Change::HeapRoot | Change::DynamicResourcesScore => false,
        _ => true,
    }
}

/// Whether a pod has a container that starts before the others and keeps running.
pub(super) fn has_sidecar(pod: &PodSpec) -> bool {
    pod.init_containers.iter().any(|own| own.restartable)
}

/// Terms of a pod about other pods, required or preferred.
pub(super) fn terms(pod: &PodSpec) -> impl Iterator<Item = &PodAffinityTerm> {
    let affinity = &pod.affinity;
    let required = affinity.required_pod_affinity.iter();
    let preferred = affinity.preferred_pod_affinity.iter();
    let preferred = preferred.chain(&affinity.preferred_pod_anti_affinity);
    required
        .chain(&affinity.required_pod_anti_affinity)
        .chain(preferred.map(|(_, term)| term))
}

fn has_namespace_selector(pod: &PodSpec) -> bool {
    terms(pod).any(|term| term.namespace_selector.is_some())
}
