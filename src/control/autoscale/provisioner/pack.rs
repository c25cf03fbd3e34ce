//! Packing pods onto nodes that are there and onto new ones: each new node keeps the set of
//! instance types that its pods still fit (spec: kubernetes.md 3.4).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Offering, named};
use crate::control::autoscale::cluster::{Cluster, Fit, KubeCluster, Template, fits_template};
use crate::control::scheduler::kube::{Amounts, CacheError, PodInfo};
use crate::model::{Node, PodRef, PodSpec, Text};

/// A new node that pods were packed onto.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// The offerings that its pods fit, as places in the list.
    pub offerings: Vec<usize>,
    /// The cheapest of them.
    pub cheapest: usize,
    /// Its pods.
    pub pods: Vec<PodRef>,
}

/// What packing came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// New nodes.
    pub new: Vec<NewNode>,
    /// Pods that found no place anywhere.
    pub left: Vec<PodRef>,
}

/// A packing under way.
pub struct Packing<'a, 'p> {
    offerings: &'a [Offering],
    open: &'a [usize],
    daemons: &'a dyn Fn(&Node) -> Vec<Arc<PodInfo>>,
    cluster: KubeCluster<'p>,
    new: Vec<Growing>,
    /// What offerings offer.
    offered: Vec<Amounts>,
    /// What is known of classes whose pods don't look at others, by the class.
    known: BTreeMap<usize, Known>,
    /// Whether pods keep others away from them.
    repels: bool,
}

/// What is known of the pods of a class. Nodes only get fuller while pods are packed, so what took none
/// takes none later.
#[derive(Default)]
struct Known {
    /// The first node that is there and might take one.
    existing: usize,
    /// The first new node that might take one.
    new: usize,
    /// The offerings that an empty node of takes one.
    fitting: Option<Vec<usize>>,
}

/// A new node in the making.
struct Growing {
    /// What stands for it in the simulation: the largest offering that its pods fit.
    name: Text,
    offerings: Vec<usize>,
    asked: Amounts,
    count: i64,
    pods: Vec<PodRef>,
}

impl<'a, 'p> Packing<'a, 'p> {
    /// Nothing is packed yet; `open` are the offerings that can be asked for.
    pub fn new(
        offerings: &'a [Offering],
        open: &'a [usize],
        daemons: &'a dyn Fn(&Node) -> Vec<Arc<PodInfo>>,
        cluster: KubeCluster<'p>,
    ) -> Self {
        Self {
            offerings,
            open,
            daemons,
            cluster,
            new: Vec::new(),
            offered: (offerings.iter())
                .map(|own| Amounts::of(&own.node.allocatable).unwrap_or_default())
                .collect(),
            known: BTreeMap::new(),
            repels: false,
        }
    }

    /// Packs pods, those that ask for most first; equal ones in the order of their creation.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn pack(mut self, pods: &[(PodRef, Arc<PodInfo>)]) -> Result<Packed, CacheError> {
        let mut order: Vec<&(PodRef, Arc<PodInfo>)> = pods.iter().collect();
        order.sort_by_key(|(pod, info)| {
            let asked = &info.class.requests;
            (-asked.cpu_milli, -asked.memory, pod.id)
        });
        let repels = |info: &Arc<PodInfo>| {
            let affinity = &info.spec().affinity;
            !affinity.required_pod_anti_affinity.is_empty()
        };
        let is_repelled = {
            let mut there = self.cluster.cache().nodes().flat_map(|node| &node.pods);
            pods.iter().any(|own| repels(&own.1)) || there.any(repels)
        };
        self.repels = is_repelled;
        let mut left = Vec::new();
        for (pod, info) in order {
            if !self.place(*pod, info)? {
                left.push(*pod);
            }
        }
        let offerings = self.offerings;
        let new = self.new.into_iter().map(|own| NewNode {
            cheapest: cheapest(offerings, &own.offerings).unwrap_or(0),
            offerings: own.offerings,
            pods: own.pods,
        });
        Ok(Packed {
            new: new.collect(),
            left,
        })
    }

    fn place(&mut self, pod: PodRef, info: &Arc<PodInfo>) -> Result<bool, CacheError> {
        let existing = self.cluster.nodes().len() - self.new.len();
        let key = is_plain(info.spec()).then(|| Arc::as_ptr(&info.class) as usize);
        let mut known = key
            .and_then(|key| self.known.remove(&key))
            .unwrap_or_default();
        let found = self.place_in(pod, info, existing, &mut known);
        if let Some(key) = key {
            self.known.insert(key, known);
        }
        found
    }

    fn place_in(
        &mut self,
        pod: PodRef,
        info: &Arc<PodInfo>,
        existing: usize,
        known: &mut Known,
    ) -> Result<bool, CacheError> {
        let nodes = &self.cluster.nodes()[known.existing..existing];
        let found = (self.cluster).find(info, &mut nodes.iter(), &mut |fit| fit == Fit::Yes);
        if let Some(found) = found {
            known.existing += found;
            let name = self.cluster.nodes()[known.existing].clone();
            self.cluster.place(info.clone(), &name)?;
            return Ok(true);
        }
        known.existing = existing;
        for place in known.new..self.new.len() {
            if self.add_to(place, pod, info)? {
                known.new = place;
                return Ok(true);
            }
        }
        known.new = self.new.len();
        self.open_for(pod, info, known)
    }

    /// Puts a pod onto a new node, if an offering is left that it fits, too.
    fn add_to(
        &mut self,
        place: usize,
        pod: PodRef,
        info: &Arc<PodInfo>,
    ) -> Result<bool, CacheError> {
        let own = &self.new[place];
        if self.cluster.fit(info, &own.name) != Fit::Yes {
            return Ok(false);
        }
        let mut asked = own.asked.clone();
        asked.change(&info.class.requests, 1);
        let count = own.count + 1;
        let fitting = own.offerings.iter().copied();
        let fitting: Vec<usize> = fitting
            .filter(|&offering| {
                let node = &self.offerings[offering].node;
                has_room(&self.offered[offering], &asked, count)
                    && info.spec().selects(node)
                    && info.spec().tolerates_taints(&node.taints)
            })
            .collect();
        if fitting.is_empty() {
            return Ok(false);
        }
        let name = own.name.clone();
        self.cluster.place(info.clone(), &name)?;
        let own = &mut self.new[place];
        (own.offerings, own.asked, own.count) = (fitting, asked, count);
        own.pods.push(pod);
        Ok(true)
    }

    /// The offerings an empty node of which takes a pod.
    fn fitting(&mut self, info: &Arc<PodInfo>) -> Result<Vec<usize>, CacheError> {
        let mut fitting = Vec::new();
        for &offering in self.open {
            let node = &self.offerings[offering].node;
            let daemons = (self.daemons)(node);
            let template = Template {
                node: node.clone(),
                daemons,
            };
            if fits_template(&mut self.cluster, &template, info)? {
                fitting.push(offering);
            }
        }
        Ok(fitting)
    }

    /// Opens a new node for a pod.
    fn open_for(
        &mut self,
        pod: PodRef,
        info: &Arc<PodInfo>,
        known: &mut Known,
    ) -> Result<bool, CacheError> {
        // What keeps others away may have come to a zone of it meanwhile.
        let fitting = match known.fitting.take().filter(|_| !self.repels) {
            Some(fitting) => fitting,
            None => self.fitting(info)?,
        };
        known.fitting = Some(fitting.clone());
        let largest = fitting.iter().copied().max_by_key(|&offering| {
            let amounts = &self.offered[offering];
            (
                amounts.cpu_milli,
                amounts.memory,
                std::cmp::Reverse(offering),
            )
        });
        let Some(largest) = largest else {
            return Ok(false);
        };
        let name: Text = format!("new-{}", self.new.len()).into();
        let node = named(&self.offerings[largest].node, &name);
        let daemons = (self.daemons)(&node);
        let mut asked = Amounts::default();
        for daemon in &daemons {
            asked.change(&daemon.class.requests, 1);
        }
        asked.change(&info.class.requests, 1);
        let count = daemons.len() as i64 + 1;
        self.cluster.add_node(node, &daemons)?;
        self.cluster.place(info.clone(), &name)?;
        self.new.push(Growing {
            name,
            offerings: fitting,
            asked,
            count,
            pods: vec![pod],
        });
        Ok(true)
    }
}

/// Whether a pod looks at nothing but the node and what it has left.
fn is_plain(spec: &PodSpec) -> bool {
    let affinity = &spec.affinity;
    spec.topology_spread.is_empty()
        && spec.volumes.is_empty()
        && affinity.required_pod_affinity.is_empty()
        && affinity.required_pod_anti_affinity.is_empty()
}

fn has_room(offered: &Amounts, asked: &Amounts, count: i64) -> bool {
    let scalars = asked.scalars.iter();
    asked.cpu_milli <= offered.cpu_milli
        && asked.memory <= offered.memory
        && asked.storage <= offered.storage
        && count <= offered.pods
        && scalars
            .into_iter()
            .all(|(name, amount)| *amount <= offered.scalar(name))
}

/// The cheapest of some offerings; of equal ones the first.
pub(super) fn cheapest(offerings: &[Offering], places: &[usize]) -> Option<usize> {
    places
        .iter()
        .copied()
        .min_by_key(|&place| (offerings[place].price, place))
}
