//! Consolidation: the nodes that can go, several whose pods fit elsewhere or on one cheaper node,
//! by halving, and single ones in order (spec: kubernetes.md 3.4). What is simulated is taken back.

use std::sync::Arc;

use super::pack::{Market, Packed, cheapest, pack};
use super::replace::{Replaced, replacements};
use crate::snapshot::ClusterSnapshot;
use model::{PodRef, Text};
use scheduler::kube::{CacheError, PodInfo};
use units::NodeId;

/// The most nodes that are merged at once.
const MERGED: usize = 100;

/// A node that might go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaver {
    /// The node.
    pub node: NodeId,
    /// The node's name.
    pub name: Text,
    /// Role of the node in the price comparison.
    pub replaced: Replaced,
}

/// The pods of a node that have to go elsewhere.
pub type PodsOf<'a> = dyn FnMut(NodeId) -> Vec<(PodRef, Arc<PodInfo>)> + 'a;

/// A look at which nodes can go.
pub struct Consolidation<'l, 'a, C> {
    /// The cluster as it is, with what is ordered.
    pub cluster: &'l mut C,
    /// Market of the available offerings.
    pub market: &'l mut Market<'a>,
    /// The pods of nodes.
    pub pods: &'l mut PodsOf<'l>,
    /// Whether spot nodes are replaced by cheaper spot nodes.
    pub spot_to_spot: bool,
    /// Whether daemons keep other pods away.
    pub daemons_repel: bool,
}

impl<C: ClusterSnapshot> Consolidation<'_, '_, C> {
    /// The nodes that can go, of those that might, in order: the most of the first ones that can go
    /// together, else the first one that can go alone.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn find(
        &mut self,
        leavers: &[Leaver],
        room: usize,
    ) -> Result<Option<Vec<NodeId>>, CacheError> {
        let many = leavers.len().min(room).min(MERGED);
        let (mut low, mut high) = (2, many);
        let mut best = None;
        while low <= high && many >= 2 {
            let middle = usize::midpoint(low, high);
            if self.replacement(&leavers[..middle])?.is_some() {
                best = Some(middle);
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        let nodes = |leavers: &[Leaver]| leavers.iter().map(|own| own.node).collect();
        if let Some(best) = best {
            return Ok(Some(nodes(&leavers[..best])));
        }
        if room == 0 {
            return Ok(None);
        }
        for own in leavers {
            let alone = std::slice::from_ref(own);
            if self.replacement(alone)?.is_some() {
                return Ok(Some(nodes(alone)));
            }
        }
        Ok(None)
    }

    /// Cheaper replacement of nodes: nothing, or one offering; `None` if the nodes can't be
    /// removed.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn replacement(&mut self, leavers: &[Leaver]) -> Result<Option<Vec<usize>>, CacheError> {
        let packed = self.without(leavers)?;
        if !packed.left.is_empty() {
            return Ok(None);
        }
        Ok(match packed.new.as_slice() {
            [] => Some(Vec::new()),
            [one] => {
                let offerings = self.market.offerings();
                let replaced: Vec<Replaced> =
                    leavers.iter().map(|own| own.replaced.clone()).collect();
                let kept = replacements(offerings, &one.offerings, &replaced, self.spot_to_spot);
                cheapest(offerings, &kept).map(|own| vec![own])
            }
            _ => None,
        })
    }

    /// Placement of the pods of nodes if these were not there.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn without(&mut self, leavers: &[Leaver]) -> Result<Packed, CacheError> {
        let mut pods = Vec::new();
        for own in leavers {
            pods.extend((self.pods)(own.node));
        }
        let places: Vec<usize> = leavers
            .iter()
            .filter_map(|own| self.cluster.place_of(&own.name))
            .collect();
        self.cluster.mark();
        // To pods that look at single nodes it is the same whether a node is gone or takes nothing.
        let are_local =
            !self.daemons_repel && pods.iter().all(|(_, info)| self.cluster.is_local(info));
        if are_local {
            for &place in &places {
                self.cluster.hide(place);
            }
        } else {
            self.cluster.take_out(&places);
        }
        let packed = pack(self.market, self.cluster, &pods);
        self.cluster.undo();
        packed
    }
}
