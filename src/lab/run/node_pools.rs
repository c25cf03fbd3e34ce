//! Pools of nodes: the provider of a run, and notes on what becomes of them.

use std::sync::Arc;

use model::Node;
use scenario::Scenario;
use systems::KubeRequest;
use world::{BuildError, FileSource, ProviderPlan, Remarks};

/// The provider of a scenario; nodes join its groups, and those that these begin with join the nodes.
pub(super) fn provided(
    scenario: &Scenario,
    files: &FileSource<'_>,
    nodes: &mut Vec<Arc<Node>>,
    remarks: &mut Remarks,
) -> Result<Option<ProviderPlan>, BuildError> {
    let mut provider = world::provider(scenario, files)?;
    if let (Some(plan), Some(written)) = (&mut provider, &scenario.cluster.provider) {
        remarks.note_all(world::join_groups(written, nodes, plan));
        nodes.extend(plan.initial.iter().cloned());
    }
    note_mislabelled(provider.as_ref(), nodes, remarks);
    Ok(provider)
}

/// Notes annotations of autoscalers that nodes have as labels.
fn note_mislabelled(provider: Option<&ProviderPlan>, nodes: &[Arc<Node>], remarks: &mut Remarks) {
    let groups = provider.into_iter().flat_map(|own| &own.groups);
    remarks.note_all(world::mislabelled(groups.map(|own| &own.node).chain(nodes)));
}

/// Notes what becomes of pools of nodes, and of nodes that were bought before the run.
pub(super) fn note_pools(
    scenario: &Scenario,
    provider: Option<&ProviderPlan>,
    kube: &KubeRequest,
    nodes: &[Arc<Node>],
    remarks: &mut Remarks,
) -> Result<(), BuildError> {
    let notes = world::node_pool_notes(scenario, provider, &kube.objects, nodes)?;
    remarks.note_all(notes);
    Ok(())
}
