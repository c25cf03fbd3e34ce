//! Hypothetical changes to the nodes of a snapshot and to the pod under question.

use std::sync::Arc;

use super::SnapshotError;
use model::node::CORDON_TAINT;
use model::{Labels, Node, PodSpec, Text};
use scheduler::kube::{Cache, PodInfo};
use units::Quantity;

/// A change of a label: the new value, or none.
type LabelChange = (Text, Option<Text>);

/// Changes that are looked at together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Labels of nodes.
    pub node_labels: Vec<LabelChange>,
    /// Labels of the pod.
    pub pod_labels: Vec<LabelChange>,
    /// Keys of taints that nodes don't have.
    pub taints: Vec<Text>,
    /// Total requests of the pod.
    pub requests: Vec<(Text, Quantity)>,
}

impl Changes {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a change as it is written: `node.KEY=VALUE` or `pod.KEY=VALUE` sets a label,
    /// `node.KEY-` or `pod.KEY-` takes it away.
    ///
    /// # Errors
    /// If it is written otherwise.
    pub fn add_label(&mut self, text: &str) -> Result<(), SnapshotError> {
        let wrong = || {
            SnapshotError::Input(format!(
                "--what-if `{text}`: expected `node.KEY=VALUE`, `node.KEY-`, `pod.KEY=VALUE` or \
                 `pod.KEY-`, such as `node.disktype=ssd`"
            ))
        };
        let (subject, rest) = text.split_once('.').ok_or_else(wrong)?;
        let list = match subject {
            "node" => &mut self.node_labels,
            "pod" => &mut self.pod_labels,
            _ => return Err(wrong()),
        };
        let (key, value) = match rest.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (rest.strip_suffix('-').ok_or_else(wrong)?, None),
        };
        if key.is_empty() {
            return Err(wrong());
        }
        list.push((key.into(), value.map(Into::into)));
        Ok(())
    }

    /// Adds a request as it is written: `RESOURCE=AMOUNT`.
    ///
    /// # Errors
    /// If it is written otherwise.
    pub fn add_request(&mut self, text: &str) -> Result<(), SnapshotError> {
        let wrong = |why: &str| {
            SnapshotError::Input(format!(
                "--request `{text}`: {why}; expected RESOURCE=AMOUNT, such as `cpu=500m` or \
                 `memory=2Gi`"
            ))
        };
        let (name, amount) = text.split_once('=').ok_or_else(|| wrong("it has no `=`"))?;
        if name.is_empty() {
            return Err(wrong("it names no resource"));
        }
        let amount: Quantity = amount.parse().map_err(|error| wrong(&format!("{error}")))?;
        if amount < Quantity::ZERO {
            return Err(wrong("an amount can't be negative"));
        }
        self.requests.push((name.into(), amount));
        Ok(())
    }

    /// The cluster with the changes to its nodes, or to one of them.
    ///
    /// # Errors
    /// If an amount can't be expressed.
    pub fn of_nodes(&self, cache: &Cache, only: Option<&str>) -> Result<Cache, SnapshotError> {
        let mut changed = cache.clone();
        if self.node_labels.is_empty() && self.taints.is_empty() {
            return Ok(changed);
        }
        let chosen = cache
            .nodes()
            .filter(|node| only.is_none_or(|name| **node.name() == *name));
        for node in chosen {
            let mut object = Node::clone(&node.object);
            change_labels(&mut object.labels, &self.node_labels);
            object
                .taints
                .retain(|taint| !self.taints.contains(&taint.key));
            if self.taints.iter().any(|key| **key == *CORDON_TAINT) {
                object.unschedulable = false;
            }
            if object != *node.object {
                changed.update_node(Arc::new(object))?;
            }
        }
        Ok(changed)
    }

    /// The pod with the changes to it. A request is what the first container asks for; the others
    /// then ask for nothing of that resource.
    ///
    /// # Errors
    /// If an amount can't be expressed.
    pub fn of_pod(&self, cache: &mut Cache, pod: &PodInfo) -> Result<PodInfo, SnapshotError> {
        if self.pod_labels.is_empty() && self.requests.is_empty() {
            return Ok(pod.clone());
        }
        let mut spec = PodSpec::clone(pod.spec());
        change_labels(&mut spec.labels, &self.pod_labels);
        for (name, amount) in &self.requests {
            let all = spec.containers.iter_mut().chain(&mut spec.init_containers);
            for (place, container) in all.enumerate() {
                if place == 0 {
                    container.requests.set(name, *amount);
                } else {
                    container.requests.remove(name);
                }
            }
            if spec.pod_requests.contains(name) {
                spec.pod_requests.set(name, *amount);
            }
        }
        let mut changed = PodInfo {
            class: cache.class(&Arc::new(spec))?,
            ..pod.clone()
        };
        changed.set_accounted(None);
        Ok(changed)
    }
}

fn change_labels(labels: &mut Labels, changes: &[LabelChange]) {
    for (key, value) in changes {
        match value {
            Some(value) => {
                labels.insert(key.clone(), value.clone());
            }
            None => {
                labels.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_as_written() {
        let mut changes = Changes::default();
        for text in [
            "node.disktype=ssd",
            "node.topology.kubernetes.io/zone=b",
            "node.old-",
            "pod.app=",
        ] {
            changes.add_label(text).expect("a change");
        }
        let label = |key: &str, value: Option<&str>| (key.into(), value.map(Into::into));
        assert_eq!(
            changes.node_labels,
            [
                label("disktype", Some("ssd")),
                label("topology.kubernetes.io/zone", Some("b")),
                label("old", None)
            ]
        );
        assert_eq!(changes.pod_labels, [label("app", Some(""))]);
        for text in ["", "disk=ssd", "node.", "node.x", "node.=x", "zone.a=b"] {
            assert!(changes.add_label(text).is_err(), "{text}");
        }
        for (text, is_right) in [
            ("cpu=500m", true),
            ("memory=2Gi", true),
            ("cpu", false),
            ("=1", false),
            ("cpu=-1", false),
            ("cpu=x", false),
        ] {
            assert_eq!(changes.add_request(text).is_ok(), is_right, "{text}");
        }
    }
}
