//! Volumes for which a pod waits: the nodes that reach them, in words.

use model::storage::volume_of_label;
use model::{Node, PodSpec, Text};
use units::plural;

/// Says which nodes reach the volumes of a pod; `None` if it has none, or every node does.
pub(super) fn words<'n>(spec: &PodSpec, nodes: impl FnOnce() -> Vec<&'n Node>) -> Option<String> {
    let selected = spec.node_selector.keys();
    let volumes = selected.filter_map(|label| Some((label, volume_of_label(label)?)));
    let volumes: Vec<(&Text, String)> = volumes.collect();
    let nodes = if volumes.is_empty() {
        return None;
    } else {
        nodes()
    };
    let words = volumes.into_iter().filter_map(|(label, volume)| {
        let reaching = nodes.iter();
        let reaching = reaching.filter(|node| node.labels.contains_key(label));
        let reaching: Vec<_> = reaching.collect();
        let from = match &reaching[..] {
            all if all.len() == nodes.len() => return None,
            [only] => format!("{} alone", only.name),
            some => format!("{} of {}", some.len(), plural::count(nodes.len(), "node")),
        };
        Some(format!("the volume `{volume}` is reached from {from}"))
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::storage::volume_label;

    #[test]
    fn a_pod_waits_for_volumes_that_few_nodes_reach() {
        let node = |name: &str, volumes: &[&str]| Node {
            name: name.into(),
            labels: volumes
                .iter()
                .map(|own| (volume_label(own), "yes".into()))
                .collect(),
            ..Node::default()
        };
        let nodes = [
            node("n1", &["data", "logs"]),
            node("n2", &["logs", "cold"]),
            node("n3", &["logs", "cold"]),
        ];
        let said = |volume: &str| {
            let spec = PodSpec {
                node_selector: [(volume_label(volume), "yes".into())].into_iter().collect(),
                ..PodSpec::default()
            };
            words(&spec, || nodes.iter().collect())
        };
        let reached = |from: &str| Some(format!("the volume `{from}"));
        assert_eq!(said("data"), reached("data` is reached from n1 alone"));
        assert_eq!(said("cold"), reached("cold` is reached from 2 of 3 nodes"));
        assert_eq!(said("gone"), reached("gone` is reached from 0 of 3 nodes"));
        assert_eq!(said("logs"), None);
        assert_eq!(words(&PodSpec::default(), Vec::new), None);
    }
}
