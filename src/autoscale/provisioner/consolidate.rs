//! Consolidation: the nodes that can go, several whose pods fit elsewhere or on one cheaper node,
//! by halving, and single ones in order (spec: kubernetes.md 3.4). What is simulated is taken back.

use super::market::Market;
use super::pack::{NewNode, pack};
use super::preferences::Applicant;
use super::replace::{ReplacedNode, replacements};
use crate::snapshot::ClusterSnapshot;
use model::{PodRef, Text};
use scheduler::kube::CacheError;
use units::{NodeId, SortedSet};

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
    pub replaced: ReplacedNode,
}

/// The pods of a node that have to go elsewhere.
pub type PodsOf<'a> = dyn FnMut(NodeId) -> Vec<(PodRef, Applicant)> + 'a;

/// Nodes that can go, and the offerings one of which takes their place; none if nothing has to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The nodes.
    pub nodes: Vec<NodeId>,
    /// The offerings, as places in the list.
    pub options: Vec<usize>,
}

/// A look at which nodes can go.
pub struct Consolidation<'l, 'a, C> {
    /// The cluster as it is, with what is ordered.
    pub cluster: &'l mut C,
    /// Market of the available offerings.
    pub market: &'l mut Market<'a>,
    /// The pods of nodes.
    pub pods: &'l mut PodsOf<'l>,
    /// Pods that wait, which take room and may go without a place.
    pub waiting: &'l [(PodRef, Applicant)],
    /// Pods of nodes on their way out, which need a place as well.
    pub going: &'l [(PodRef, Applicant)],
    /// Whether spot nodes are replaced by cheaper spot nodes.
    pub spot_to_spot: bool,
    /// Whether daemons keep other pods away.
    pub daemons_repel: bool,
}

impl<C: ClusterSnapshot> Consolidation<'_, '_, C> {
    /// The nodes that can go, of those that might, in order: the most of the first ones of `together`
    /// that can go together, else the first one that can go alone.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn find(
        &mut self,
        together: &[Leaver],
        alone: &[Leaver],
    ) -> Result<Option<Proposal>, CacheError> {
        let many = together.len().min(MERGED);
        let (mut low, mut high) = (2, many);
        let mut best = None;
        while low <= high && many >= 2 {
            let middle = usize::midpoint(low, high);
            if let Some(options) = self.replacement(&together[..middle])? {
                best = Some((middle, options));
                low = middle + 1;
            } else {
                high = middle - 1;
            }
        }
        let found = |leavers: &[Leaver], options| Proposal {
            nodes: leavers.iter().map(|leaver| leaver.node).collect(),
            options,
        };
        if let Some((best, options)) = best {
            return Ok(Some(found(&together[..best], options)));
        }
        for own in alone {
            let own = std::slice::from_ref(own);
            if let Some(options) = self.replacement(own)? {
                return Ok(Some(found(own, options)));
            }
        }
        Ok(None)
    }

    /// Cheaper replacements of nodes: none if nothing has to take their place; `None` if the nodes
    /// can't be removed.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn replacement(&mut self, leavers: &[Leaver]) -> Result<Option<Vec<usize>>, CacheError> {
        let Some(new) = self.without(leavers)? else {
            return Ok(None);
        };
        Ok(match new.as_slice() {
            [] => Some(Vec::new()),
            [one] => {
                let offerings = self.market.offerings();
                let replaced: Vec<ReplacedNode> = leavers
                    .iter()
                    .map(|leaver| leaver.replaced.clone())
                    .collect();
                let kept = replacements(offerings, &one.offerings, &replaced, self.spot_to_spot);
                (!kept.is_empty()).then_some(kept)
            }
            _ => None,
        })
    }

    /// New nodes for the pods of nodes if these were not there; `None` if a pod found no place, or
    /// none but on a node that has not started.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn without(&mut self, leavers: &[Leaver]) -> Result<Option<Vec<NewNode>>, CacheError> {
        let mut pods = self.going.to_vec();
        let going = pods.len();
        for own in leavers {
            pods.extend((self.pods)(own.node));
        }
        let own: SortedSet<PodRef> = pods[going..].iter().map(|own| own.0).collect();
        pods.extend_from_slice(self.waiting);
        let places: Vec<usize> = leavers
            .iter()
            .filter_map(|leaver| self.cluster.place_of(&leaver.name))
            .collect();
        self.cluster.mark();
        // To pods that look at single nodes it is the same whether a node is gone or takes nothing.
        let cluster = &mut *self.cluster;
        let mut steps = pods.iter().flat_map(|(_, wanted)| &wanted.steps);
        let are_local = !self.daemons_repel && steps.all(|step| cluster.is_local(&step.pod));
        if are_local {
            for &place in &places {
                self.cluster.hide(place);
            }
        } else {
            self.cluster.take_out(&places);
        }
        let rooms = self.market.rooms.clone();
        for own in leavers {
            self.market.rooms.release(&own.name);
        }
        let packed = pack(self.market, self.cluster, &pods);
        self.market.rooms = rooms;
        self.cluster.undo();
        let packed = packed?;
        let may_fail: SortedSet<PodRef> = self.waiting.iter().map(|own| own.0).collect();
        let starting = &self.market.starting;
        let mut placed = packed.placed.iter();
        let fails = packed.left.iter().any(|pod| !may_fail.contains(pod))
            || placed.any(|(pod, place)| own.contains(pod) && starting.contains(place));
        Ok((!fails).then_some(packed.new))
    }
}
