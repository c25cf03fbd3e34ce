//! `RemoveDuplicates`: pods of one owner with the same images go from a node until no node that they
//! may be on has more of them than an even spread gives it.

use super::Scope;
use super::evictor::{Answer, Pass};
use model::rules;
use model::{Owner, Pod, PodSpec, Text};
use units::{ClassId, NodeId, SortedMap, SortedSet};

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct RemoveDuplicates {
    /// Pods of owners of these kinds are passed over.
    pub excluded_kinds: Vec<Text>,
    /// Pods that the strategy looks at.
    pub scope: Scope,
}

/// Key of pods that are duplicates of each other: namespace, owner and images.
type Key = (Text, Owner, Vec<Text>);

/// Equal pods.
#[derive(Default)]
struct Group<'a> {
    count: usize,
    /// Beside the first on each node.
    duplicates: SortedMap<NodeId, Vec<&'a Pod>>,
    specs: SortedSet<ClassId>,
}

impl RemoveDuplicates {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        let mut groups: SortedMap<Key, Group<'_>> = SortedMap::new();
        for &node in &pass.nodes {
            let mut met: SortedSet<Key> = SortedSet::new();
            for pod in pass.pods_on(node) {
                let spec = pass.spec(pod.class);
                let Some(key) = self.key(spec) else {
                    continue;
                };
                if !self.scope.takes(spec) || !pass.may_go(pod) || !pass.has_way_out(pod) {
                    continue;
                }
                let group = groups.entry(key.clone()).or_default();
                group.count += 1;
                if !met.insert(key) {
                    group.duplicates.entry(node).or_default().push(pod);
                    group.specs.insert(pod.class);
                }
            }
        }
        for group in groups.into_values() {
            let targets = targets(pass, &group.specs);
            if targets < 2 {
                continue;
            }
            let even = group.count.div_ceil(targets);
            for duplicates in group.duplicates.into_values() {
                // The first pod of each node is not among them.
                for pod in duplicates.into_iter().skip(even - 1) {
                    match pass.evict(pod) {
                        Answer::Evicted | Answer::Refused => {}
                        Answer::NodeLimit => break,
                        Answer::TotalLimit => return,
                    }
                }
            }
        }
    }

    fn key(&self, spec: &PodSpec) -> Option<Key> {
        let owner = spec.owner.as_ref()?;
        if self.excluded_kinds.contains(&owner.kind) {
            return None;
        }
        let images = spec
            .containers
            .iter()
            .map(|container| container.image.clone());
        let mut images: Vec<Text> = images.collect();
        images.sort_unstable();
        Some((spec.namespace.clone(), owner.clone(), images))
    }
}

/// Number of nodes that pods of these classes may be on, by selector, affinity and taints; a class
/// that only one node takes does not count.
fn targets(pass: &Pass<'_>, specs: &SortedSet<ClassId>) -> usize {
    let mut targets: SortedSet<NodeId> = SortedSet::new();
    for &spec in specs {
        let spec = pass.spec(spec);
        let nodes = pass.nodes.iter().copied().filter(|&node| {
            pass.node(node)
                .is_some_and(|object| rules::admits(spec, object))
        });
        let nodes: Vec<NodeId> = nodes.collect();
        if nodes.len() > 1 {
            targets.extend(nodes);
        }
    }
    targets.len()
}
