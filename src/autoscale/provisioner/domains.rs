//! Domains of new nodes, by any label that rules of pods name: zones, instance types, capacity types,
//! architectures (Karpenter's `scheduling/topology.go`, `topologygroup.go`; spec: karpenter.md 1.9). The
//! domain that a rule chooses for a pod is a requirement of its new node from then on.

use std::sync::Arc;

use super::market::{Market, cheapest};
use super::preferences::Applicant;
use super::{Offering, named};
use model::node::{HOSTNAME_LABEL, ZONE_LABEL};
use model::{Node, PodRef, PodSpec, ResourceList, Text, rules};
use units::{SortedMap, SortedSet};

/// Keys of labels.
type Keys<'s> = SortedSet<&'s str>;

/// Keys of domains of which a pod's node has one: those of its rules of spreading and of being near
/// others. Every node is a host of its own.
pub(super) fn about(spec: &PodSpec) -> Keys<'_> {
    let near = spec.affinity.required_pod_affinity.iter();
    let near = near.map(|own| &*own.topology_key);
    let keys = spread(spec).into_iter().chain(near);
    keys.filter(|key| *key != HOSTNAME_LABEL).collect()
}

/// Keys of domains of which the new node that a pod opens has one: zones, too, because where a node is
/// decides which pods may join it.
pub(super) fn about_new(spec: &PodSpec) -> Keys<'_> {
    let mut keys = about(spec);
    keys.insert(ZONE_LABEL);
    keys
}

/// Keys of domains that a pod shares with none of those that it is kept apart from.
pub(super) fn apart(spec: &PodSpec) -> Keys<'_> {
    let terms = spec.affinity.required_pod_anti_affinity.iter();
    let keys = terms.map(|own| &*own.topology_key);
    keys.filter(|key| *key != HOSTNAME_LABEL).collect()
}

/// Keys of domains that a pod is spread over.
fn spread(spec: &PodSpec) -> Keys<'_> {
    let rules = spec.topology_spread.iter();
    rules.map(|own| &*own.topology_key).collect()
}

/// The domains of an offering's nodes, by key.
fn domain<'o>(offering: &'o Offering, keys: &Keys<'_>) -> Vec<Option<&'o Text>> {
    let labels = &offering.node.labels;
    keys.iter().map(|key| labels.get(key)).collect()
}

/// Whether some offerings have the same domains.
pub(super) fn are_one(offerings: &[Offering], places: &[usize], keys: &Keys<'_>) -> bool {
    let mut domains = places.iter().map(|&place| domain(&offerings[place], keys));
    let first = domains.next();
    keys.is_empty() || domains.all(|domain| first.as_ref() == Some(&domain))
}

/// Of some offerings those in the domains of the cheapest.
pub(super) fn keep_cheapest(offerings: &[Offering], places: &mut Vec<usize>, keys: &Keys<'_>) {
    if let Some(best) = cheapest(offerings, places) {
        let chosen = domain(&offerings[best], keys);
        places.retain(|&place| domain(&offerings[place], keys) == chosen);
    }
}

/// The values that a label has in some offerings.
pub(super) fn values<'o>(
    offerings: &'o [Offering],
    places: &[usize],
    key: &str,
) -> SortedSet<&'o Text> {
    let labels = places.iter().map(|&place| &offerings[place].node.labels);
    labels.filter_map(|labels| labels.get(key)).collect()
}

/// Nodes without room, one in each domain where the provisioner can buy a node for pods with a rule of
/// spreading: such pods are spread over the domains of all offerings, not over those of present nodes.
pub(super) fn vacant(market: &Market<'_>, pods: &[&(PodRef, Applicant)]) -> Vec<Arc<Node>> {
    let mut places: SortedSet<usize> = SortedSet::new();
    let mut seen: SortedSet<usize> = SortedSet::new();
    for (_, wanted) in pods {
        let steps = wanted.steps.iter().map(|step| &step.pod);
        for pod in steps.filter(|pod| !pod.spec().topology_spread.is_empty()) {
            if seen.insert(Arc::as_ptr(&pod.class).addr()) {
                places.extend(one_in_each(market, pod.spec()));
            }
        }
    }
    let vacant = places.iter().map(|&place| {
        let node = Node {
            allocatable: ResourceList::default(),
            gpu: None,
            ..Node::clone(&market.offerings[place].node)
        };
        named(&Arc::new(node), &format!("vacant {place}").into())
    });
    vacant.collect()
}

/// The first offering in each domain that a pod is spread over.
fn one_in_each(market: &Market<'_>, spec: &PodSpec) -> impl Iterator<Item = usize> {
    let mut keys = spread(spec);
    keys.insert(ZONE_LABEL);
    let mut first: SortedMap<(&str, Option<&Text>), usize> = SortedMap::new();
    for &place in market.open {
        let node = &*market.offerings[place].node;
        let domains = keys.iter().filter(|key| **key != HOSTNAME_LABEL);
        let mut new = domains.map(|key| (*key, node.labels.get(key)));
        if new.any(|own| !first.contains_key(&own)) && rules::admits(spec, node) {
            for key in keys.iter().filter(|key| **key != HOSTNAME_LABEL) {
                let domain = (*key, node.labels.get(key));
                first.entry(domain).or_insert(place);
            }
        }
    }
    let places: SortedSet<usize> = first.values().copied().collect();
    places.into_iter()
}

/// A node without room in a domain in which a new node may come up.
pub(super) fn shadow(key: &str, value: &Text) -> Arc<Node> {
    Arc::new(Node {
        name: format!("shadow {key} {value}").into(),
        labels: [(key.into(), value.clone())].into_iter().collect(),
        ..Node::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TopologySpread;
    use model::node::{CAPACITY_LABEL, INSTANCE_TYPE_LABEL};

    fn offering(kind: &str, bought: &str, price: i64) -> Offering {
        let labels = [(INSTANCE_TYPE_LABEL, kind), (CAPACITY_LABEL, bought)];
        let labels = labels.map(|(key, value)| (key.into(), value.into()));
        Offering {
            instance_type: kind.into(),
            node: Arc::new(Node {
                labels: labels.into_iter().collect(),
                ..Node::default()
            }),
            price,
            priced_as: kind.into(),
            is_spot: bought == "spot",
            pool: 0,
        }
    }

    fn spread_over(keys: &[&str]) -> PodSpec {
        let rule = |key: &&str| TopologySpread {
            max_skew: 1,
            topology_key: (*key).into(),
            hard: true,
            selector: None,
            min_domains: None,
            honor_node_affinity: true,
            honor_node_taints: false,
            match_label_keys: Vec::new(),
        };
        PodSpec {
            topology_spread: keys.iter().map(rule).collect(),
            ..PodSpec::default()
        }
    }

    #[test]
    fn a_new_node_has_the_domain_of_the_cheapest_offering() {
        let offerings = [
            offering("a", "on-demand", 5),
            offering("b", "on-demand", 3),
            offering("b", "spot", 1),
            offering("a", "spot", 2),
        ];
        let kept = |keys: &[&str]| {
            let spec = spread_over(keys);
            let mut places = vec![0, 1, 2, 3];
            keep_cheapest(&offerings, &mut places, &about_new(&spec));
            assert!(are_one(&offerings, &places, &about(&spec)));
            places
        };
        assert_eq!(kept(&[]), [0, 1, 2, 3]);
        assert_eq!(kept(&[INSTANCE_TYPE_LABEL]), [1, 2]);
        assert_eq!(kept(&[CAPACITY_LABEL]), [2, 3]);
        assert_eq!(kept(&[CAPACITY_LABEL, INSTANCE_TYPE_LABEL]), [2]);
        // Every node is a host of its own, and a label that none has tells none apart.
        assert_eq!(kept(&[HOSTNAME_LABEL, "rack"]), [0, 1, 2, 3]);
    }

    #[test]
    fn there_is_a_vacant_node_in_each_domain_that_can_be_had() {
        let offerings = [
            offering("a", "on-demand", 5),
            offering("b", "on-demand", 3),
            offering("b", "spot", 1),
        ];
        let daemons = crate::nodes::Daemons::default();
        let open = [0, 1, 2];
        let market = Market::new(&offerings, &open, &daemons);
        let vacant =
            |keys: &[&str]| -> Vec<usize> { one_in_each(&market, &spread_over(keys)).collect() };
        assert_eq!(vacant(&[HOSTNAME_LABEL]), [0]);
        assert_eq!(vacant(&[INSTANCE_TYPE_LABEL]), [0, 1]);
        assert_eq!(vacant(&[CAPACITY_LABEL]), [0, 2]);
    }
}
