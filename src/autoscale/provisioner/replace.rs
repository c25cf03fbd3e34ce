//! Replacement of nodes that go by offerings (spec: kubernetes.md 3.4; what it is silent about is
//! as in the original, `pkg/controllers/disruption/consolidation.go` and
//! `multinodeconsolidation.go`).

use super::Offering;
use model::Text;
use units::{SortedMap, SortedSet};

/// The fewest cheaper types for which a single spot node is replaced by a spot node.
pub(super) const SPOT_CHOICE: usize = 15;

/// A node that would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedNode {
    /// The pod's instance type.
    pub instance_type: Text,
    /// Price per hour, in millionths of the currency.
    pub price: i64,
    /// Marks a node that the provider may take back.
    pub is_spot: bool,
}

/// The offerings of those that pods fit, as places in the list, one of which may take the place of
/// nodes: cheaper than these together, of spot nodes only by leave, and of several none that would
/// as well be kept.
pub fn replacements(
    offerings: &[Offering],
    fitting: &[usize],
    replaced: &[ReplacedNode],
    spot_to_spot: bool,
) -> Vec<usize> {
    let total: i64 = replaced.iter().map(|own| own.price).sum();
    let mut kept = fitting.to_vec();
    let are_spot = replaced.iter().all(|own| own.is_spot);
    let to_spot = are_spot && fitting.iter().any(|&place| offerings[place].is_spot);
    if to_spot {
        // Where spot capacity can be had nothing else takes its place.
        kept.retain(|&place| spot_to_spot && offerings[place].is_spot);
    }
    kept.retain(|&place| offerings[place].price < total);
    if replaced.len() > 1 {
        if let Some(limit) = price_of_same_type(offerings, &kept, replaced) {
            kept.retain(|&place| offerings[place].price < limit);
        }
    } else if to_spot {
        let types: SortedSet<&Text> = kept
            .iter()
            .map(|&place| &offerings[place].instance_type)
            .collect();
        // With fewer it would be replaced again and again by what is cheaper by a little.
        if types.len() < SPOT_CHOICE {
            kept.clear();
        }
    }
    kept
}

/// The least price of a node that goes among those of a type that would take its place, too: to give
/// back the others and keep that one comes to the same and moves fewer pods.
fn price_of_same_type(
    offerings: &[Offering],
    kept: &[usize],
    replaced: &[ReplacedNode],
) -> Option<i64> {
    let mut prices: SortedMap<&Text, i64> = SortedMap::new();
    for own in replaced {
        let least = prices.entry(&own.instance_type).or_insert(own.price);
        *least = own.price.min(*least);
    }
    let same = kept
        .iter()
        .filter_map(|&place| prices.get(&offerings[place].instance_type));
    same.min().copied()
}
