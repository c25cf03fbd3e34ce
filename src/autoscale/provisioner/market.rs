//! The market: offerings that can be bought, what an empty node of each takes, and the cheapest and the
//! largest of some.

use std::sync::Arc;

use super::pools::Rooms;
use super::preferences::Step;
use super::{Offering, named};
use crate::cluster_autoscaler::{Template, fits_template};
use crate::nodes::Daemons;
use crate::snapshot::ClusterSnapshot;
use model::Node;
use scheduler::kube::{Amounts, CacheError, PodClass, PodInfo};
use units::{SortedMap, SortedSet};

/// Available offerings, with derived data.
pub struct Market<'a> {
    pub(super) offerings: &'a [Offering],
    /// The offerings that can be asked for, as places in the list.
    pub(super) open: &'a [usize],
    pub(super) daemons: &'a Daemons,
    /// Amounts that the offerings offer.
    pub(super) offered: Vec<Amounts>,
    /// By where a class of pods lies in memory that look at single nodes only: the class that is
    /// held there keeps the place taken, and the offerings an empty node of which takes them.
    fitting: SortedMap<usize, (Arc<PodClass>, Vec<usize>)>,
    /// Places of nodes that start or are on their way: others are tried before them.
    pub(super) starting: SortedSet<usize>,
    /// Resources that pools may still buy.
    pub(super) rooms: Rooms,
}

impl<'a> Market<'a> {
    /// Nothing is known yet; `open` are the offerings that can be asked for.
    pub fn new(offerings: &'a [Offering], open: &'a [usize], daemons: &'a Daemons) -> Self {
        Self {
            offerings,
            open,
            daemons,
            offered: (offerings.iter())
                .map(|offering| Amounts::of(&offering.node.allocatable).unwrap_or_default())
                .collect(),
            fitting: SortedMap::new(),
            starting: SortedSet::new(),
            rooms: Rooms::default(),
        }
    }

    /// Offerings of the market.
    pub fn offerings(&self) -> &'a [Offering] {
        self.offerings
    }

    /// The offerings an empty node of which takes a pod.
    fn fitting<C: ClusterSnapshot>(
        &mut self,
        cluster: &mut C,
        pod: &Arc<PodInfo>,
    ) -> Result<Vec<usize>, CacheError> {
        // What keeps others away may come to a zone meanwhile; daemons come with every node.
        let is_kept = cluster.is_local(pod) && !self.daemons.repel();
        let key = Arc::as_ptr(&pod.class).addr();
        if let Some((_, known)) = self.fitting.get(&key).filter(|_| is_kept) {
            return Ok(known.clone());
        }
        let mut fitting = Vec::new();
        for &offering in self.open {
            let node = &self.offerings[offering].node;
            let template = Template {
                node: node.clone(),
                daemons: self.daemons.on(node),
            };
            if fits_template(cluster, &template, pod)? {
                fitting.push(offering);
            }
        }
        if is_kept {
            self.fitting
                .insert(key, (pod.class.clone(), fitting.clone()));
        }
        Ok(fitting)
    }

    /// A node of an offering that stands for a new one.
    pub(super) fn node_of(&self, offering: usize, number: usize) -> Arc<Node> {
        named(
            &self.offerings[offering].node,
            &format!("new-{number}").into(),
        )
    }

    /// Of some offerings the largest.
    pub(super) fn largest(&self, offerings: &[usize]) -> Option<usize> {
        offerings.iter().copied().max_by_key(|&offering| {
            let amounts = &self.offered[offering];
            (
                amounts.cpu_milli,
                amounts.memory,
                std::cmp::Reverse(offering),
            )
        })
    }
}

/// Offerings whose empty nodes take a pod under the conditions of a step, computed on demand.
#[derive(Default)]
pub(super) struct OfferingCache {
    /// Those in the domains with the fewest pods.
    evenly: Option<Vec<usize>>,
    any: Option<Vec<usize>>,
}

impl OfferingCache {
    /// Those for a pool: in the domains with the fewest pods, if there are any.
    pub(super) fn of<C: ClusterSnapshot>(
        &mut self,
        market: &mut Market<'_>,
        cluster: &mut C,
        step: &Step,
        pool: usize,
    ) -> Result<Vec<usize>, CacheError> {
        let conditions = [
            (&mut self.evenly, step.evenly.as_ref()),
            (&mut self.any, Some(&step.pod)),
        ];
        for (known, pod) in conditions {
            let Some(pod) = pod else { continue };
            let found = match known.take() {
                Some(known) => known,
                None => market.fitting(cluster, pod)?,
            };
            let own = found.iter().copied();
            let own = own.filter(|&place| market.offerings[place].pool == pool);
            let own: Vec<usize> = own.collect();
            *known = Some(found);
            if !own.is_empty() {
                return Ok(own);
            }
        }
        Ok(Vec::new())
    }
}

/// The cheapest of some offerings; of equal ones the first.
pub(super) fn cheapest(offerings: &[Offering], places: &[usize]) -> Option<usize> {
    places
        .iter()
        .copied()
        .min_by_key(|&place| (offerings[place].price, place))
}
