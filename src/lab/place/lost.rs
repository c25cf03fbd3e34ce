//! Loss of nodes with their pods: those that a controller makes anew are decided one after the
//! other, by falling priority and then in order of the dump, and each counts for the next. Nodes of
//! equal points are taken by name.

use std::cmp::Reverse;
use std::sync::Arc;

use super::decide;
use crate::snapshot::profile::profile_of;
use crate::snapshot::{Snapshot, SnapshotError};
use manifest::Maker;
use model::Text;
use scheduler::kube::{Attempt, KubeProfile};

/// Fate of the pods of lost nodes; pods are given as `NAMESPACE/NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Pods with their new nodes, in the order of the decisions.
    pub placed: Vec<(String, Text)>,
    /// Pods that find no node, with what the scheduler says of each.
    pub waiting: Vec<(String, String)>,
    /// Pods that nobody makes anew.
    pub gone: Vec<String>,
    /// Pods that belonged to their node: static ones, and those of a `DaemonSet`.
    pub of_node: Vec<String>,
}

/// Takes nodes away, all at once, and finds new places for their pods.
///
/// # Errors
/// If a node is not there, or an amount can't be expressed.
pub fn lose(
    snapshot: &mut Snapshot,
    profiles: &[KubeProfile],
    nodes: &[String],
) -> Result<Loss, SnapshotError> {
    let mut lost = Vec::new();
    for node in nodes {
        lost.extend(snapshot.lose_node(node)?);
    }
    lost.sort_by_key(|&index| (Reverse(snapshot.pods[index].spec.priority), index));
    let mut loss = Loss::default();
    for index in lost {
        let pod = snapshot.pods[index].clone();
        let mut info = snapshot.pod_info(&pod)?;
        info.set_nominated_node(None);
        let name = info.full_name();
        match pod.maker {
            Maker::Nobody => loss.gone.push(name),
            Maker::Node => loss.of_node.push(name),
            Maker::Controller => {
                let profile = match profile_of(profiles, &info) {
                    Ok(profile) => profile,
                    Err(error) => {
                        loss.waiting.push((name, error.to_string()));
                        continue;
                    }
                };
                if let Err(status) = Attempt::gate(profile, &info) {
                    loss.waiting.push((name, status.text()));
                    continue;
                }
                match decide(&snapshot.cache, profile, &info) {
                    Ok(node) => {
                        snapshot.cache.add_pod(Arc::new(info), &node)?;
                        loss.placed.push((name, node));
                    }
                    Err((text, _)) => loss.waiting.push((name, text)),
                }
            }
        }
    }
    Ok(loss)
}
