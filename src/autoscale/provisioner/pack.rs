//! Packing pods onto nodes that are there and onto new ones: each new node keeps the set of
//! instance types that its pods still fit (spec: kubernetes.md 3.4, karpenter.md 1.3 to 1.5).

use std::sync::Arc;

use super::wishes::{Applicant, Step};
use super::{Offering, named};
use crate::cluster_autoscaler::{Template, fits_template};
use crate::nodes::Daemons;
use crate::snapshot::{ClusterSnapshot, Fit};
use model::node::ZONE_LABEL;
use model::rules::{self, room::fits};
use model::{Node, PodRef, ResourceList, Text};
use scheduler::kube::{Amounts, CacheError, PodClass, PodInfo};
use units::{SortedMap, SortedSet};

/// A new node that pods were packed onto.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// The offerings that its pods fit, as places in the list.
    pub offerings: Vec<usize>,
    /// The cheapest of them.
    pub cheapest: usize,
    /// The node's pods.
    pub pods: Vec<PodRef>,
}

/// Result of packing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// New nodes.
    pub new: Vec<NewNode>,
    /// Pods that found a place on a node that is there or on its way, each with that place.
    pub placed: Vec<(PodRef, usize)>,
    /// Pods that found no place anywhere.
    pub left: Vec<PodRef>,
}

/// Available offerings, with derived data.
pub struct Market<'a> {
    offerings: &'a [Offering],
    /// The offerings that can be asked for, as places in the list.
    open: &'a [usize],
    daemons: &'a Daemons,
    /// Amounts that the offerings offer.
    offered: Vec<Amounts>,
    /// By where a class of pods lies in memory that look at single nodes only: the class that is
    /// held there keeps the place taken, and the offerings an empty node of which takes them.
    fitting: SortedMap<usize, (Arc<PodClass>, Vec<usize>)>,
    /// Places of nodes that start or are on their way: others are tried before them.
    pub(super) starting: SortedSet<usize>,
}

impl<'a> Market<'a> {
    /// Nothing is known yet; `open` are the offerings that can be asked for.
    pub fn new(offerings: &'a [Offering], open: &'a [usize], daemons: &'a Daemons) -> Self {
        Self {
            offerings,
            open,
            daemons,
            offered: (offerings.iter())
                .map(|own| Amounts::of(&own.node.allocatable).unwrap_or_default())
                .collect(),
            fitting: SortedMap::new(),
            starting: SortedSet::new(),
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

    /// Nodes without room, one in each zone where a node can be bought for pods that are to be spread:
    /// they are spread over what can be had, zones and hosts, not over what is there.
    fn vacant(&self, pods: &[&(PodRef, Applicant)]) -> Vec<Arc<Node>> {
        let mut places: SortedSet<usize> = SortedSet::new();
        let mut seen: SortedSet<usize> = SortedSet::new();
        for (_, wanted) in pods {
            let steps = wanted.steps.iter().map(|own| &own.pod);
            for pod in steps.filter(|pod| !pod.spec().topology_spread.is_empty()) {
                if !seen.insert(Arc::as_ptr(&pod.class).addr()) {
                    continue;
                }
                let mut zones: SortedSet<Option<&Text>> = SortedSet::new();
                for &place in self.open {
                    let node = &*self.offerings[place].node;
                    let zone = node.labels.get(ZONE_LABEL);
                    if !zones.contains(&zone) && rules::admits(pod.spec(), node) {
                        zones.insert(zone);
                        places.insert(place);
                    }
                }
            }
        }
        let vacant = places.iter().map(|&place| {
            let node = Node {
                allocatable: ResourceList::default(),
                gpu: None,
                ..Node::clone(&self.offerings[place].node)
            };
            named(&Arc::new(node), &format!("vacant {place}").into())
        });
        vacant.collect()
    }

    /// Of some offerings those in the zone of the cheapest: where a node is decides which pods may
    /// join it.
    fn in_cheapest_zone(&self, mut offerings: Vec<usize>) -> Vec<usize> {
        let zone = |place: usize| self.offerings[place].node.labels.get(ZONE_LABEL);
        if let Some(best) = cheapest(self.offerings, &offerings) {
            offerings.retain(|&place| zone(place) == zone(best));
        }
        offerings
    }

    /// Of some offerings the largest.
    fn largest(&self, offerings: &[usize]) -> Option<usize> {
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

/// A packing under way.
struct Packing<'m, 'a, C> {
    market: &'m mut Market<'a>,
    cluster: &'m mut C,
    /// Number of nodes without new ones, which come after.
    existing: usize,
    new: Vec<Growing>,
    /// New nodes in the order in which they are tried: those with the fewest pods first.
    order: Vec<usize>,
    placed: Vec<(PodRef, usize)>,
    /// Knowledge of classes whose pods look at single nodes only, by the class's address in memory.
    known: SortedMap<usize, Known>,
}

/// Knowledge of the pods of a class. Nodes only get fuller while pods are packed, so what took none
/// takes none later.
#[derive(Clone, Default)]
struct Known {
    /// The first node that is there and might take one.
    existing: usize,
    /// New nodes that take none.
    refused: SortedSet<usize>,
}

/// A new node in the making.
struct Growing {
    /// Offering that stands for the new node in the simulation: the largest that its pods fit.
    place: usize,
    offerings: Vec<usize>,
    asked: Amounts,
    count: i64,
    pods: Vec<PodRef>,
}

/// Packs pods, those that ask for most first; equal ones in the order of their creation. Those that
/// find no place are tried again while others do. They stay in the cluster, and so do new nodes.
///
/// # Errors
/// If an amount does not fit.
pub fn pack<C: ClusterSnapshot>(
    market: &mut Market<'_>,
    cluster: &mut C,
    pods: &[(PodRef, Applicant)],
) -> Result<Packed, CacheError> {
    let mut queue: Vec<&(PodRef, Applicant)> = pods.iter().collect();
    queue.sort_by_key(|(pod, wanted)| {
        let asked = &wanted.info.class.requests;
        (-asked.cpu_milli, -asked.memory, pod.id)
    });
    let offerings = market.offerings;
    for vacant in market.vacant(&queue) {
        cluster.add_node(vacant, &[])?;
    }
    let mut packing = Packing {
        market,
        existing: cluster.nodes().len(),
        cluster,
        new: Vec::new(),
        order: Vec::new(),
        placed: Vec::new(),
        known: SortedMap::new(),
    };
    let mut left = Vec::new();
    loop {
        let mut others = Vec::new();
        let count = queue.len();
        for own in queue {
            if !packing.try_steps(own.0, &own.1)? {
                others.push(own);
            }
        }
        // To a pod that looks at single nodes the others make no difference for the better.
        let (near, far): (Vec<_>, Vec<_>) =
            (others.into_iter()).partition(|(_, wanted)| packing.cluster.is_local(&wanted.info));
        left.extend(near.iter().map(|own| own.0));
        if far.is_empty() || far.len() + near.len() == count {
            left.extend(far.iter().map(|own| own.0));
            break;
        }
        queue = far;
    }
    left.sort_unstable();
    let placed = std::mem::take(&mut packing.placed);
    let new = packing.new.into_iter().map(|own| NewNode {
        cheapest: cheapest(offerings, &own.offerings).unwrap_or(0),
        offerings: own.offerings,
        pods: own.pods,
    });
    Ok(Packed {
        new: new.collect(),
        placed,
        left,
    })
}

impl<C: ClusterSnapshot> Packing<'_, '_, C> {
    /// Tries a pod under all of its conditions, then under fewer and fewer.
    fn try_steps(&mut self, pod: PodRef, wanted: &Applicant) -> Result<bool, CacheError> {
        for step in &wanted.steps {
            if self.place(pod, &wanted.info, step)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn place(&mut self, pod: PodRef, info: &Arc<PodInfo>, step: &Step) -> Result<bool, CacheError> {
        let is_local = self.cluster.is_local(&step.pod);
        let key = Arc::as_ptr(&step.pod.class).addr();
        let known = self.known.remove(&key).filter(|_| is_local);
        let mut known = known.unwrap_or_default();
        let found = self.place_in(pod, info, step, &mut known);
        if is_local {
            self.known.insert(key, known);
        }
        found
    }

    fn place_in(
        &mut self,
        pod: PodRef,
        info: &Arc<PodInfo>,
        step: &Step,
        known: &mut Known,
    ) -> Result<bool, CacheError> {
        if let Some(place) = self.first_existing(&step.pod, known) {
            self.cluster.place(info, place);
            self.placed.push((pod, place));
            return Ok(true);
        }
        let new = &self.new;
        self.order.sort_by_key(|&number| new[number].pods.len());
        for turn in 0..self.order.len() {
            let number = self.order[turn];
            if known.refused.contains(&number) {
                continue;
            }
            if self.add_to(number, pod, info, &step.pod) {
                return Ok(true);
            }
            known.refused.insert(number);
        }
        if let Some(evenly) = &step.evenly
            && self.open_for(pod, info, evenly)?
        {
            return Ok(true);
        }
        self.open_for(pod, info, &step.pod)
    }

    /// The first node that is there and takes a pod, those that have started before the others.
    fn first_existing(&mut self, pod: &Arc<PodInfo>, known: &mut Known) -> Option<usize> {
        let mut from = known.existing;
        let mut starting = None;
        let mut found = None;
        while let Some(place) = self.cluster.first(pod, from..self.existing) {
            if !self.market.starting.contains(&place) {
                found = Some(place);
                break;
            }
            starting = starting.or(Some(place));
            from = place + 1;
        }
        let first = found.into_iter().chain(starting).min();
        known.existing = first.unwrap_or(self.existing);
        found.or(starting)
    }

    /// Puts a pod onto a new node, if an offering is left that it fits, too.
    fn add_to(
        &mut self,
        number: usize,
        pod: PodRef,
        info: &Arc<PodInfo>,
        step: &Arc<PodInfo>,
    ) -> bool {
        let place = self.new[number].place;
        if self.cluster.fit(step, place) != Fit::Yes {
            return false;
        }
        let own = &self.new[number];
        let mut asked = own.asked.clone();
        asked.change(&info.class.requests, 1);
        let count = own.count + 1;
        let market = &self.market;
        let fitting = own.offerings.iter().copied();
        let fitting: Vec<usize> = fitting
            .filter(|&offering| {
                let node = &market.offerings[offering].node;
                has_room(&market.offered[offering], &asked, count)
                    && rules::admits(step.spec(), node)
            })
            .collect();
        if fitting.is_empty() {
            return false;
        }
        self.cluster.place(info, place);
        let own = &mut self.new[number];
        (own.offerings, own.asked, own.count) = (fitting, asked, count);
        own.pods.push(pod);
        true
    }

    /// Opens a new node for a pod.
    fn open_for(
        &mut self,
        pod: PodRef,
        info: &Arc<PodInfo>,
        step: &Arc<PodInfo>,
    ) -> Result<bool, CacheError> {
        let fitting = self.market.fitting(self.cluster, step)?;
        let fitting = self.market.in_cheapest_zone(fitting);
        let Some(largest) = self.market.largest(&fitting) else {
            return Ok(false);
        };
        let name: Text = format!("new-{}", self.new.len()).into();
        let node = named(&self.market.offerings[largest].node, &name);
        let daemons = self.market.daemons.on(&node);
        let mut asked = Amounts::default();
        for daemon in &daemons {
            asked.change(&daemon.class.requests, 1);
        }
        asked.change(&info.class.requests, 1);
        let count = daemons.len() as i64 + 1;
        let place = self.cluster.add_node(node, &daemons)?;
        self.cluster.place(info, place);
        self.order.push(self.new.len());
        self.new.push(Growing {
            place,
            offerings: fitting,
            asked,
            count,
            pods: vec![pod],
        });
        Ok(true)
    }
}

fn has_room(offered: &Amounts, asked: &Amounts, count: i64) -> bool {
    let scalars = asked.scalars.iter();
    fits(asked.cpu_milli, offered.cpu_milli)
        && fits(asked.memory, offered.memory)
        && fits(asked.storage, offered.storage)
        && fits(count, offered.pods)
        && scalars
            .into_iter()
            .all(|(name, amount)| fits(*amount, offered.scalar(name)))
}

/// The cheapest of some offerings; of equal ones the first.
pub(super) fn cheapest(offerings: &[Offering], places: &[usize]) -> Option<usize> {
    places
        .iter()
        .copied()
        .min_by_key(|&place| (offerings[place].price, place))
}
