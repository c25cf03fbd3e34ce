//! Packing pods onto nodes that are there and onto new ones: each new node keeps the set of
//! instance types that its pods still fit (spec: kubernetes.md 3.4, karpenter.md 1.3 to 1.5).

use std::sync::Arc;

use super::domains;
use super::market::{Market, OfferingCache, cheapest};
use super::preferences::{Applicant, Step};
use crate::snapshot::{ClusterSnapshot, Fit};
use model::rules::{self, room::fits};
use model::{PodRef, PodSpec, Text};
use scheduler::kube::{Amounts, CacheError, PodInfo};
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
pub struct PackResult {
    /// New nodes.
    pub new: Vec<NewNode>,
    /// Pods that found a place on a node that is there or on its way, each with that place.
    pub placed: Vec<(PodRef, usize)>,
    /// Pods that found no place anywhere.
    pub left: Vec<PodRef>,
}

/// A packing under way.
struct Packing<'m, 'a, C> {
    market: &'m mut Market<'a>,
    cluster: &'m mut C,
    /// Number of nodes without new ones, which come after.
    existing: usize,
    new: Vec<NodeDraft>,
    /// New nodes in the order in which they are tried: those with the fewest pods first.
    order: Vec<usize>,
    placed: Vec<(PodRef, usize)>,
    /// Nodes without room that stand for domains in which a new node may come up, by key and value.
    shadows: SortedMap<(Text, Text), usize>,
    /// Knowledge of classes whose pods look at single nodes only, by the class's address in memory.
    known: SortedMap<usize, ClassMemo>,
}

/// Knowledge of the pods of a class. Nodes only get fuller while pods are packed, so what took none
/// takes none later.
#[derive(Clone, Default)]
struct ClassMemo {
    /// The first node that is there and might take one.
    existing: usize,
    /// New nodes that take none.
    refused: SortedSet<usize>,
}

/// A new node in the making.
struct NodeDraft {
    /// Place of the node that stands for it in the simulation.
    place: usize,
    /// Offering of that node: the largest that its pods fit.
    stand_in: usize,
    offerings: Vec<usize>,
    asked: Amounts,
    count: i64,
    pods: Vec<(PodRef, Arc<PodInfo>)>,
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
) -> Result<PackResult, CacheError> {
    let mut queue: Vec<&(PodRef, Applicant)> = pods.iter().collect();
    queue.sort_by_key(|(pod, wanted)| {
        let asked = &wanted.info.class.requests;
        (-asked.cpu_milli, -asked.memory, pod.id)
    });
    let offerings = market.offerings;
    let rooms = market.rooms.clone();
    for vacant in domains::vacant(market, &queue) {
        cluster.add_node(vacant, &[])?;
    }
    let mut packing = Packing {
        market,
        existing: cluster.nodes().len(),
        cluster,
        new: Vec::new(),
        order: Vec::new(),
        placed: Vec::new(),
        shadows: SortedMap::new(),
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
    packing.market.rooms = rooms;
    let placed = std::mem::take(&mut packing.placed);
    let new = packing.new.into_iter().map(|own| NewNode {
        cheapest: cheapest(offerings, &own.offerings).unwrap_or(0),
        offerings: own.offerings,
        pods: own.pods.into_iter().map(|pod| pod.0).collect(),
    });
    Ok(PackResult {
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
        known: &mut ClassMemo,
    ) -> Result<bool, CacheError> {
        if let Some(place) = self.first_existing(&step.pod, known) {
            self.cluster.place(info, place);
            self.placed.push((pod, place));
            return Ok(true);
        }
        let new = &self.new;
        self.order.sort_by_key(|&number| new[number].pods.len());
        let mut buyable = OfferingCache::default();
        for turn in 0..self.order.len() {
            let number = self.order[turn];
            if known.refused.contains(&number) {
                continue;
            }
            if self.add_to(number, pod, info, step, &mut buyable)? {
                return Ok(true);
            }
            known.refused.insert(number);
        }
        self.open_for(pod, info, step, buyable)
    }

    /// The first node that is there and takes a pod, those that have started before the others.
    fn first_existing(&mut self, pod: &Arc<PodInfo>, known: &mut ClassMemo) -> Option<usize> {
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
        step: &Step,
        buyable: &mut OfferingCache,
    ) -> Result<bool, CacheError> {
        let own = &self.new[number];
        let mut asked = own.asked.clone();
        asked.change(&info.class.requests, 1);
        let count = own.count + 1;
        let market = &self.market;
        // None has more cores than the one that stands for them all.
        if !fits(asked.cpu_milli, market.offered[own.stand_in].cpu_milli) {
            return Ok(false);
        }
        let spec = step.pod.spec();
        let fitting = own.offerings.iter().copied();
        let mut fitting: Vec<usize> = fitting
            .filter(|&offering| {
                let node = &market.offerings[offering].node;
                has_room(&market.offered[offering], &asked, count) && rules::admits(spec, node)
            })
            .collect();
        if fitting.is_empty() {
            return Ok(false);
        }
        let keys = domains::about(spec);
        if !domains::are_one(market.offerings, &fitting, &keys) {
            // Its domain is one that a node of its own could have.
            let pool = self.market.offerings[fitting[0]].pool;
            let buyable = buyable.of(self.market, self.cluster, step, pool)?;
            fitting.retain(|own| buyable.contains(own));
            domains::keep_cheapest(self.market.offerings, &mut fitting, &keys);
        }
        let Some(place) = self.stand_in(number, &fitting, &step.pod)? else {
            return Ok(false);
        };
        self.cluster.place(info, place);
        let own = &mut self.new[number];
        (own.offerings, own.asked, own.count) = (fitting, asked, count);
        own.pods.push((pod, info.clone()));
        self.keep_apart(number, info, spec, None)?;
        Ok(true)
    }

    /// Place of a node that stands for a new one of some offerings, if it takes a pod: the present one,
    /// or the largest of them in its place.
    fn stand_in(
        &mut self,
        number: usize,
        fitting: &[usize],
        pod: &Arc<PodInfo>,
    ) -> Result<Option<usize>, CacheError> {
        let own = &self.new[number];
        let present = own.place;
        if fitting.contains(&own.stand_in) {
            let takes = self.cluster.fit(pod, present) == Fit::Yes;
            return Ok(takes.then_some(present));
        }
        let Some(largest) = self.market.largest(fitting) else {
            return Ok(None);
        };
        let node = self.market.node_of(largest, number);
        let daemons = self.market.daemons.on(&node);
        self.cluster.mark();
        self.cluster.take_out(&[present]);
        let place = self.cluster.add_node(node, &daemons)?;
        for (_, info) in &self.new[number].pods {
            self.cluster.place(info, place);
        }
        if self.cluster.fit(pod, place) != Fit::Yes {
            self.cluster.undo();
            return Ok(None);
        }
        self.cluster.commit();
        let own = &mut self.new[number];
        (own.place, own.stand_in) = (place, largest);
        Ok(Some(place))
    }

    /// Opens a new node for a pod, in the domains of the cheapest offering that it may have.
    fn open_for(
        &mut self,
        pod: PodRef,
        info: &Arc<PodInfo>,
        step: &Step,
        mut buyable: OfferingCache,
    ) -> Result<bool, CacheError> {
        let offerings = self.market.offerings;
        let spec = step.pod.spec();
        let open = self.market.open.iter();
        let pools: SortedSet<usize> = open.map(|&place| offerings[place].pool).collect();
        let mut possible = Vec::new();
        for pool in pools {
            possible = buyable.of(self.market, self.cluster, step, pool)?;
            possible.retain(|&place| self.market.rooms.admit(&offerings[place]));
            if !possible.is_empty() {
                break;
            }
        }
        let mut fitting = possible.clone();
        domains::keep_cheapest(offerings, &mut fitting, &domains::about_new(spec));
        let Some(largest) = self.market.largest(&fitting) else {
            return Ok(false);
        };
        let number = self.new.len();
        let node = self.market.node_of(largest, number);
        let daemons = self.market.daemons.on(&node);
        let mut asked = Amounts::default();
        for daemon in &daemons {
            asked.change(&daemon.class.requests, 1);
        }
        asked.change(&info.class.requests, 1);
        let count = daemons.len() as i64 + 1;
        let place = self.cluster.add_node(node, &daemons)?;
        self.cluster.place(info, place);
        self.market.rooms.take(offerings, &fitting);
        self.order.push(number);
        self.new.push(NodeDraft {
            place,
            stand_in: largest,
            offerings: fitting,
            asked,
            count,
            pods: vec![(pod, info.clone())],
        });
        self.keep_apart(number, info, spec, Some(&possible))?;
        Ok(true)
    }

    /// Where a new node may still come up in several domains, a pod that others are kept apart from
    /// keeps them out of all of these (spec: karpenter.md 1.9, Record).
    fn keep_apart(
        &mut self,
        number: usize,
        info: &Arc<PodInfo>,
        spec: &PodSpec,
        possible: Option<&[usize]>,
    ) -> Result<(), CacheError> {
        let offerings = self.market.offerings;
        for key in domains::apart(spec) {
            let possible = possible.unwrap_or(&self.new[number].offerings);
            let values = domains::values(offerings, possible, key);
            if values.len() < 2 || domains::about(spec).contains(key) {
                continue;
            }
            for value in values {
                let domain: (Text, Text) = (key.into(), value.clone());
                let place = match self.shadows.get(&domain) {
                    Some(&place) => place,
                    None => self.cluster.add_node(domains::shadow(key, value), &[])?,
                };
                self.shadows.insert(domain, place);
                self.cluster.place(info, place);
            }
        }
        Ok(())
    }
}

pub(super) fn has_room(offered: &Amounts, asked: &Amounts, count: i64) -> bool {
    let scalars = asked.scalars.iter();
    fits(asked.cpu_milli, offered.cpu_milli)
        && fits(asked.memory, offered.memory)
        && fits(asked.storage, offered.storage)
        && fits(count, offered.pods)
        && scalars
            .into_iter()
            .all(|(name, amount)| fits(*amount, offered.scalar(name)))
}
