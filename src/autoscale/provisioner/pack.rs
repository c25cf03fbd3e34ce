//! Packing pods onto nodes that are there and onto new ones: each new node keeps the set of
//! instance types that its pods still fit (spec: kubernetes.md 3.4).

use std::sync::Arc;

use super::{Offering, named};
use crate::cluster_autoscaler::{Template, fits_template};
use crate::nodes::Daemons;
use crate::snapshot::{ClusterSnapshot, Fit};
use model::node::ZONE_LABEL;
use model::rules::{self, room::fits};
use model::{Node, PodRef, ResourceList, Text};
use scheduler::kube::{Amounts, CacheError, PodClass, PodInfo};
use units::SortedMap;

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

    /// A node without room in each zone where a node can be bought, if there are several: pods that
    /// are to be spread are spread over what can be had, not over what is there.
    fn vacant_zones(&self) -> Vec<Arc<Node>> {
        let mut zones: SortedMap<&Text, &Node> = SortedMap::new();
        for &place in self.open {
            let node = &*self.offerings[place].node;
            if let Some(zone) = node.labels.get(ZONE_LABEL) {
                zones.entry(zone).or_insert(node);
            }
        }
        if zones.len() < 2 {
            return Vec::new();
        }
        let vacant = zones.into_iter().map(|(zone, node)| {
            let node = Node {
                allocatable: ResourceList::default(),
                gpu: None,
                ..node.clone()
            };
            named(&Arc::new(node), &format!("vacant {zone}").into())
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
    /// Knowledge of classes whose pods look at single nodes only, by the class's address in memory.
    known: SortedMap<usize, Known>,
}

/// Knowledge of the pods of a class. Nodes only get fuller while pods are packed, so what took none
/// takes none later.
#[derive(Clone, Copy, Default)]
struct Known {
    /// The first node that is there and might take one.
    existing: usize,
    /// The first new node that might take one.
    new: usize,
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

/// Packs pods, those that ask for most first; equal ones in the order of their creation. They stay in
/// the cluster, and so do new nodes.
///
/// # Errors
/// If an amount does not fit.
pub fn pack<C: ClusterSnapshot>(
    market: &mut Market<'_>,
    cluster: &mut C,
    pods: &[(PodRef, Arc<PodInfo>)],
) -> Result<Packed, CacheError> {
    let mut order: Vec<&(PodRef, Arc<PodInfo>)> = pods.iter().collect();
    order.sort_by_key(|(pod, info)| {
        let asked = &info.class.requests;
        (-asked.cpu_milli, -asked.memory, pod.id)
    });
    let offerings = market.offerings;
    for vacant in market.vacant_zones() {
        cluster.add_node(vacant, &[])?;
    }
    let mut packing = Packing {
        market,
        existing: cluster.nodes().len(),
        cluster,
        new: Vec::new(),
        known: SortedMap::new(),
    };
    let mut left = Vec::new();
    for (pod, info) in order {
        if !packing.place(*pod, info)? {
            left.push(*pod);
        }
    }
    let new = packing.new.into_iter().map(|own| NewNode {
        cheapest: cheapest(offerings, &own.offerings).unwrap_or(0),
        offerings: own.offerings,
        pods: own.pods,
    });
    Ok(Packed {
        new: new.collect(),
        left,
    })
}

impl<C: ClusterSnapshot> Packing<'_, '_, C> {
    fn place(&mut self, pod: PodRef, info: &Arc<PodInfo>) -> Result<bool, CacheError> {
        let is_local = self.cluster.is_local(info);
        let key = Arc::as_ptr(&info.class).addr();
        let known = self.known.get(&key).copied();
        let mut known = known.filter(|_| is_local).unwrap_or_default();
        let found = self.place_in(pod, info, &mut known);
        if is_local {
            self.known.insert(key, known);
        }
        found
    }

    fn place_in(
        &mut self,
        pod: PodRef,
        info: &Arc<PodInfo>,
        known: &mut Known,
    ) -> Result<bool, CacheError> {
        let found = self.cluster.first(info, known.existing..self.existing);
        known.existing = found.unwrap_or(self.existing);
        if let Some(place) = found {
            self.cluster.place(info, place);
            return Ok(true);
        }
        for number in known.new..self.new.len() {
            if self.add_to(number, pod, info) {
                known.new = number;
                return Ok(true);
            }
        }
        known.new = self.new.len();
        self.open_for(pod, info)
    }

    /// Puts a pod onto a new node, if an offering is left that it fits, too.
    fn add_to(&mut self, number: usize, pod: PodRef, info: &Arc<PodInfo>) -> bool {
        let place = self.new[number].place;
        if self.cluster.fit(info, place) != Fit::Yes {
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
                    && rules::admits(info.spec(), node)
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
    fn open_for(&mut self, pod: PodRef, info: &Arc<PodInfo>) -> Result<bool, CacheError> {
        let fitting = self.market.fitting(self.cluster, info)?;
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
