//! Options of a scale-up: groups that may grow and what each would take.

use std::sync::Arc;

use super::estimator::{PodGroup, Template};
use super::group::{NodeGroup, balance};
use super::grow::Growth;
use model::Text;
use scheduler::kube::PodInfo;

/// A group that may grow.
pub(super) struct OpenGroup<'g> {
    pub(super) group: &'g NodeGroup,
    pub(super) template: &'g Template,
    /// Places of the groups of pods whose pods fit a new node of it.
    pub(super) fitting: Vec<usize>,
}

/// A group that could grow.
pub(super) struct GrowthOption<'g> {
    pub(super) group: &'g NodeGroup,
    pub(super) template: &'g Template,
    /// Groups over which the new nodes are spread with it.
    pub(super) similar: Vec<&'g NodeGroup>,
    /// The new nodes.
    pub(super) nodes: usize,
    /// A pod of each class that the new nodes take, and the number of such pods.
    pub(super) placed: Vec<(Arc<PodInfo>, usize)>,
}

impl GrowthOption<'_> {
    /// Parts the new nodes among the group and those that are similar.
    pub(super) fn spread(&self) -> Growth {
        let all = std::iter::once(self.group).chain(self.similar.iter().copied());
        let all: Vec<&NodeGroup> = all.collect();
        let sizes: Vec<(usize, usize)> = all
            .iter()
            .map(|own| (own.target, own.target + own.room()))
            .collect();
        let parts = balance(&sizes, self.nodes);
        let parts = all.iter().zip(parts).filter(|(_, nodes)| *nodes > 0);
        let mut parts: Vec<(Text, usize)> =
            parts.map(|(own, nodes)| (own.id.clone(), nodes)).collect();
        let (group, nodes) = parts.remove(0);
        Growth::Grow {
            group,
            nodes,
            pods: self.placed.iter().map(|(_, count)| count).sum(),
            others: parts,
        }
    }
}

/// Pods in groups of one owner and one spec, in the order of their first ones.
pub(super) fn group_pods(pods: &[Arc<PodInfo>]) -> Vec<PodGroup> {
    let mut groups: Vec<PodGroup> = Vec::new();
    for pod in pods {
        let is_alike = |own: &&mut PodGroup| Arc::ptr_eq(&own.pods[0].class, &pod.class);
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.pods.push(pod.clone()),
            None => groups.push(PodGroup {
                pods: vec![pod.clone()],
            }),
        }
    }
    groups
}
