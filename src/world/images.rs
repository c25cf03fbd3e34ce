//! Images of a scenario, their pulls by nodes, and the network that carries them.

use std::sync::Arc;

use control::node::PresentImages;
use model::{Node, Text};
use scenario::Scenario;
use scenario::scalar::NoneOr;
use scenario::schema::{Images, Pulls};
use sim::images::ImageModel;
use systems::SystemEntry;
use systems::kubelet::PullOptions;
use systems::registry::find;
use units::nearest::hint;
use units::{NodeId, Quantity, SortedMap};

use super::BuildError;

/// Bits of a byte.
const BITS: i64 = 8;

/// Pulls of kubelets, and the layers of images; `None` where images take no time.
pub fn images(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
) -> Result<Option<(PullOptions, ImageModel)>, BuildError> {
    let NoneOr::Some(images) = &scenario.models.images else {
        return Ok(None);
    };
    let entry = find(&scenario.system.name);
    if !entry.is_ok_and(SystemEntry::runs_kubelets) {
        let name = &scenario.system.name;
        return Err(wrong(
            "",
            &format!(
                "the nodes of the system `{name}` do not pull images; leave it out, or write \
             `name: kubernetes` under `system`"
            ),
        ));
    }
    let mut numbers: SortedMap<&str, u32> = SortedMap::new();
    let mut layers = Vec::new();
    for (name, size) in &images.layers {
        numbers.insert(name, layers.len() as u32);
        let field = format!(".layers.{name}");
        layers.push(fetched(whole(&field, *size)?, images.fetched.as_f64()));
    }
    let number_of = |name: &String| numbers.get(&**name).copied();
    let made_of = |own: &Vec<String>| own.iter().filter_map(number_of).collect();
    let capacities = capacities(images, nodes)?;
    // What manifests say of images on nodes holds.
    let on = nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| !node.images.is_empty());
    let names = |node: &Arc<Node>| node.images.iter().map(|(name, _)| name.clone()).collect();
    let present = PresentImages {
        everywhere: images
            .present
            .iter()
            .map(|name| Text::from(&**name))
            .collect(),
        on: on
            .map(|(place, node)| (NodeId::from_index(place), names(node)))
            .collect(),
    };
    let model = ImageModel {
        layers,
        images: (images.images.iter())
            .map(|(name, own)| (Text::from(&**name), made_of(own)))
            .collect(),
        default: fetched(whole(".default", images.default)?, images.fetched.as_f64()),
        registry: whole(".registryBandwidth", images.registry_bandwidth)? / BITS,
        node: whole(".nodeBandwidth", images.node_bandwidth)? / BITS,
        nodes: capacities,
        round_trip: images.round_trip,
        parallel_layers: images.parallel_layers,
        unpack: images
            .unpack
            .map(|speed| whole(".unpack", speed))
            .transpose()?,
        disk: images.disk.map(|disk| whole(".disk", disk)).transpose()?,
        present: present.clone(),
    };
    let parallel = match images.pulls {
        Pulls::Serial => Some(1),
        Pulls::Parallel => None,
    };
    Ok(Some((PullOptions { parallel, present }, model)))
}

/// The bytes a second of nodes that have a bandwidth of their own.
fn capacities(images: &Images, nodes: &[Arc<Node>]) -> Result<SortedMap<NodeId, i64>, BuildError> {
    let mut capacities = SortedMap::new();
    for (name, bits) in &images.node_bandwidths {
        let place = nodes.iter().position(|node| *node.name == **name);
        let field = format!(".nodeBandwidths.{name}");
        let place = place.ok_or_else(|| {
            let known = hint(name, nodes.iter().map(|node| &*node.name).take(1_000));
            wrong(
                &field,
                &format!("the cluster has no node `{name}`; {known}"),
            )
        })?;
        capacities.insert(NodeId::from_index(place), whole(&field, *bits)? / BITS);
    }
    Ok(capacities)
}

fn wrong(field: &str, what: &str) -> BuildError {
    BuildError::Experiment(format!("models.images{field}: {what}"))
}

fn whole(field: &str, amount: Quantity) -> Result<i64, BuildError> {
    let amount = amount.units_ceil();
    amount.map_err(|error| wrong(field, &error.to_string()))
}

/// The part of a layer that is fetched, in whole bytes.
fn fetched(bytes: i64, share: f64) -> i64 {
    if share >= 1.0 {
        return bytes;
    }
    libm::rint(bytes as f64 * share) as i64
}
