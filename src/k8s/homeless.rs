//! Pods that name a node which no file has: of a part of a cluster, or of a node that is gone.

use std::fmt;

use super::ManifestPod;
use model::Text;
use units::{SortedSet, plural};

/// Pods that name a node which no file has, as every command tells of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HomelessPods {
    pods: usize,
    nodes: SortedSet<Text>,
    /// The first of them, and its node.
    first: Option<(String, Text)>,
}

impl HomelessPods {
    /// Those of some pods, where `has_node` says what nodes there are.
    pub fn of<'p>(
        pods: impl IntoIterator<Item = &'p ManifestPod>,
        has_node: impl Fn(&Text) -> bool,
    ) -> Self {
        let mut homeless = Self::default();
        for pod in pods {
            homeless.look_at(pod, &has_node);
        }
        homeless
    }

    /// Takes a pod in if it names a node that is not there; whether it does.
    pub fn look_at(&mut self, pod: &ManifestPod, has_node: impl Fn(&Text) -> bool) -> bool {
        let Some(node) = pod.node_name.as_ref().filter(|_| !pod.phase.is_final()) else {
            return false;
        };
        if has_node(node) {
            return false;
        }
        self.pods += 1;
        self.nodes.insert(node.clone());
        let name = || (format!("{}/{}", pod.namespace(), pod.name), node.clone());
        self.first.get_or_insert_with(name);
        true
    }

    /// Number of pods.
    pub fn count(&self) -> usize {
        self.pods
    }

    /// Words about them, if there are any; `fate` is what happens beside that they hold no room.
    pub fn told(&self, fate: Option<&str>) -> Option<String> {
        (self.pods > 0).then(|| format!("{self}: {}", Self::effect(fate)))
    }

    /// Fate of the pods, in words.
    pub fn effect(fate: Option<&str>) -> String {
        let fate = fate.map(|fate| format!(", and {fate}"));
        format!(
            "they are left out and hold no room{} (a real cluster deletes pods of a node that is gone after \
             40 s); if the files are a part of a cluster, dump all of its nodes",
            fate.unwrap_or_default()
        )
    }
}

impl fmt::Display for HomelessPods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = plural::either(self.pods, "names", "name");
        let (pods, nodes) = (
            plural::count(self.pods, "pod"),
            plural::count(self.nodes.len(), "node"),
        );
        write!(f, "{pods} {names} {nodes} that no file has")?;
        match &self.first {
            None => Ok(()),
            Some((pod, node)) => write!(f, " (first: `{pod}` on `{node}`)"),
        }
    }
}
