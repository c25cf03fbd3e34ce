//! Objects that a control plane can't tell apart but by chance: pods of one declaration, and the
//! nodes that are cut off. Their changes are judged together.

use serde_json::Value;

use super::driver::Driver;
use super::experiment::Case;
use units::SortedMap;

/// Names under which equals are judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Pools {
    /// By the name of a pod without an owner.
    pods: SortedMap<String, String>,
    /// Whether nodes are cut off, so that it is chance which of them comes first.
    has_outages: bool,
}

impl Pools {
    /// The equals of a case.
    pub(super) fn of(case: &Case, driver: &Driver) -> Self {
        let mut alike: SortedMap<String, Vec<&str>> = SortedMap::new();
        for (at, pod) in case.bare_pods() {
            let mut plain = pod.clone();
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            plain["metadata"]["name"] = Value::Null;
            let key = format!("{at} {plain}");
            alike.entry(key).or_default().push(name);
        }
        let mut pods = SortedMap::new();
        for names in alike.into_values().filter(|names| names.len() > 1) {
            let label = format!("{} and its equals", names[0]);
            pods.extend(
                names
                    .into_iter()
                    .map(|name| (name.to_owned(), label.clone())),
            );
        }
        Self {
            pods,
            has_outages: !driver.outages().is_empty(),
        }
    }

    /// The label of a pod without an owner.
    pub(super) fn pod(&self, name: &str) -> String {
        let known = self.pods.get(name);
        format!("Pod {}", known.map_or(name, String::as_str))
    }

    /// The label of a node.
    pub(super) fn node(&self, name: &str) -> String {
        if self.has_outages {
            "Node of those cut off".to_owned()
        } else {
            format!("Node {name}")
        }
    }
}
