//! Goals beside room for every pod: losses to survive, shares that stay free.

use std::sync::Arc;

use super::Questions;
use super::bench::Bench;
use super::bill::{Priced, beside};
use super::demand::{Demand, GoalPod, is_troubled, zone_of};
use super::loss::{Survive, Unplaced, first_fatal, lose_each};
use crate::snapshot::NamespaceBounds;
use model::Text;
use model::node::{INSTANCE_TYPE_LABEL, is_spot, label_of};
use model::rules::admits;
use scheduler::kube::{Cache, NodeInfo, PodInfo};
use units::{SortedMap, SortedSet};
use world::Committed;

/// Goals of a plan, and the prices of nodes.
#[derive(Clone, Debug, Default)]
pub struct Goal {
    /// Losses after each of which every pod still finds a node.
    pub survive: Vec<Survive>,
    /// Places of the pods that may wait after losses, for each of these.
    pub aside: Vec<SortedSet<usize>>,
    /// Share of cpu and memory that stays free in every zone, in parts per million.
    pub free_ppm: i64,
    /// Further pods for which there has to be room, all of them together.
    pub room: Vec<Room>,
    /// A pod among these that the API server refuses, whatever nodes there are.
    pub refused: Option<Unplaced>,
    /// Limit ranges and quotas of namespaces.
    pub bounds: NamespaceBounds,
    /// Prices of types in millionths an hour, on demand and as spot capacity.
    pub prices: SortedMap<(Text, bool), i64>,
    /// Prices of existing nodes, which go first.
    pub node_prices: SortedMap<Text, i64>,
    /// Nodes that are paid for in any case.
    pub committed: Vec<Committed>,
    /// Label that names the team of a pod or a namespace.
    pub team_label: Option<Text>,
}

/// Room for further pods of a shape.
#[derive(Clone, Debug)]
pub struct Room {
    /// Number of pods.
    pub count: u64,
    /// A pod of the shape.
    pub pod: Arc<PodInfo>,
}

impl Room {
    /// The pods, numbered.
    fn pods(&self) -> impl Iterator<Item = Arc<PodInfo>> + '_ {
        (1..=self.count).map(|number| {
            Arc::new(PodInfo {
                name: format!("{}-{number}", self.pod.name).into(),
                uid: 0,
                ..PodInfo::clone(&self.pod)
            })
        })
    }
}

impl Goal {
    /// The goal that is asked for, before anything is known of the cluster.
    pub(super) fn of(questions: &Questions) -> Self {
        let offered = questions.offers.iter();
        let type_prices = offered.flat_map(|own| {
            let name: Text = own.name.as_str().into();
            [false, true].map(|is_spot| ((name.clone(), is_spot), own.price_as(is_spot)))
        });
        Self {
            survive: questions.survive.clone(),
            free_ppm: questions.free_ppm,
            room: questions.room.clone(),
            refused: None,
            bounds: NamespaceBounds::default(),
            aside: Vec::new(),
            prices: type_prices.collect(),
            node_prices: questions.prices.clone(),
            committed: questions.committed.clone(),
            team_label: questions.team_label.clone(),
        }
    }

    /// Price of a node in millionths an hour; 0 if it is not known.
    pub fn price_of(&self, node: &NodeInfo) -> i64 {
        let kind = label_of(&node.object.labels, INSTANCE_TYPE_LABEL);
        let is_spot = is_spot(&node.object.labels);
        let of_kind = || self.prices.get(&(kind?.clone(), is_spot));
        let price = self.node_prices.get(node.name()).or_else(of_kind);
        price.copied().unwrap_or(0)
    }

    /// Cost of the nodes of a cluster beside commitments.
    pub(super) fn bill_of(&self, cache: &Cache) -> i64 {
        self.bill_without(cache, "")
    }

    /// As [`Self::bill_of`], without a node.
    pub(super) fn bill_without(&self, cache: &Cache, gone: &str) -> i64 {
        let nodes = cache.nodes().filter(|own| **own.name() != *gone);
        let nodes = nodes.map(|own| Priced::of(&own.object, self.price_of(own)));
        beside(&self.committed, &nodes.collect::<Vec<Priced>>())
    }

    /// Whether anything beside room is asked for.
    pub fn is_stated(&self) -> bool {
        !self.survive.is_empty() || self.free_ppm > 0 || !self.room.is_empty()
    }

    /// Whether pods outlive the loss of any node.
    pub fn survives_node(&self) -> bool {
        self.losses() > 0
    }

    /// Number of nodes that may be lost at once.
    pub(super) fn losses(&self) -> usize {
        let counts = self.survive.iter().map(|own| match own {
            Survive::Node(count) => *count,
            Survive::Label(_) => 0,
        });
        counts.max().unwrap_or(0)
    }

    /// Whether values of labels may be lost, such as zones.
    pub(super) fn loses_labels(&self) -> bool {
        let mut survive = self.survive.iter();
        survive.any(|own| matches!(own, Survive::Label(_)))
    }

    /// Whether a pod may wait after the loss of its node: nobody makes it anew, or it is excused.
    pub(super) fn may_wait(&self, pod: &GoalPod) -> bool {
        let sorts = self.survive.iter().zip(&self.aside);
        let mut aside = sorts.filter(|(own, _)| matches!(own, Survive::Node(_)));
        let place = usize::try_from(pod.info.uid).unwrap_or(0);
        pod.is_bare || place > 0 && aside.any(|(_, own)| own.contains(&(place - 1)))
    }

    /// Whether all pods outlive the loss of any zone.
    pub fn survives_zone(&self) -> bool {
        self.is_whole() && self.survive.contains(&Survive::zone())
    }

    /// Whether losses may leave no pod waiting.
    fn is_whole(&self) -> bool {
        self.aside.iter().all(SortedSet::is_empty)
    }

    /// The first pod that a goal leaves without a place in a cluster; `None` if all goals are met.
    pub fn missed(&self, bench: &Bench<'_>, demand: &Demand) -> Option<Unplaced> {
        if let Some(short) = self.short(bench, demand) {
            return Some(short);
        }
        let none = SortedSet::new();
        self.survive
            .iter()
            .enumerate()
            .find_map(|(number, survive)| {
                let aside = self.aside.get(number).unwrap_or(&none);
                let loss = first_fatal(bench, demand, &survive.domains(bench), aside)?;
                Some(loss.first?.after(&loss.domain))
            })
    }

    /// The first pod that has no place, or the first share that is short, while nothing is lost.
    pub(super) fn short(&self, bench: &Bench<'_>, demand: &Demand) -> Option<Unplaced> {
        let refused = self.refused.clone();
        refused
            .or_else(|| self.short_zone(bench, demand))
            .or_else(|| self.short_room(bench))
    }

    /// Excuses the pods that find no other node after some loss of a cluster: what is made of it has to
    /// be no worse. Gives their names.
    pub fn excuse(&mut self, bench: &Bench<'_>, demand: &Demand) -> Vec<String> {
        let mut excused = SortedSet::new();
        self.aside.resize(self.survive.len(), SortedSet::new());
        for (survive, aside) in self.survive.iter().zip(&mut self.aside) {
            let losses = lose_each(bench, demand, &survive.domains(bench));
            let waiting = losses.into_iter().flat_map(|loss| loss.places);
            excused.extend(waiting.filter(|&place| aside.insert(place)));
        }
        let names = excused
            .into_iter()
            .map(|place| demand.pods[place].name.clone());
        names.collect()
    }

    /// The pods of a demand, and those for which there has to be room: what placements have to hold.
    pub fn with_room(&self, demand: &Demand) -> Demand {
        let mut all = demand.clone();
        for info in self.room.iter().flat_map(Room::pods) {
            all.pods.push(GoalPod {
                name: info.full_name(),
                workload: Text::default(),
                node: None,
                held: None,
                is_bare: false,
                is_of_set: false,
                kept_by: None,
                shun: None,
                is_free: true,
                info,
            });
        }
        all
    }

    /// Holds the further pods to the limit ranges and quotas of their namespaces.
    pub fn hold_to(&mut self, bounds: NamespaceBounds) {
        let mut left = bounds.clone();
        self.bounds = bounds;
        let mut pods = self.room.iter().flat_map(Room::pods);
        self.refused = pods.find_map(|pod| {
            let message = left.admit(pod.spec()).err()?;
            let pod = pod.full_name();
            Some(Unplaced { pod, message })
        });
    }

    /// A shape of pods of which too few fit.
    fn short_room(&self, bench: &Bench<'_>) -> Option<Unplaced> {
        if self.room.is_empty() {
            return None;
        }
        let mut own = bench.clone();
        own.mark();
        self.room.iter().find_map(|room| {
            for (fits, pod) in room.pods().enumerate() {
                if let Err(message) = own.place(&pod) {
                    return Some(Unplaced {
                        pod: pod.full_name(),
                        message: format!("{fits} of {} more fit: {message}", room.count),
                    });
                }
            }
            None
        })
    }

    /// A zone in which the nodes that some pods can use have too little left.
    fn short_zone(&self, bench: &Bench<'_>, demand: &Demand) -> Option<Unplaced> {
        if self.free_ppm <= 0 {
            return None;
        }
        let nodes: Vec<&NodeInfo> = { bench.cache().nodes() }
            .filter(|node| !is_troubled(node) && !node.object.is_virtual())
            .collect();
        let mut classes = SortedSet::new();
        let mut seen = SortedSet::new();
        demand.pods.iter().find_map(|pod| {
            if !classes.insert(Arc::as_ptr(&pod.info.class).addr()) {
                return None;
            }
            let spec = pod.info.spec();
            let is_open: Vec<bool> = nodes.iter().map(|own| admits(spec, &own.object)).collect();
            if !seen.insert(is_open.clone()) {
                return None;
            }
            let open = nodes.iter().zip(&is_open).filter(|(_, open)| **open);
            let (zone, resource) = self.short_share(open.map(|(node, _)| *node))?;
            let place = if zone.is_empty() {
                "the cluster".to_owned()
            } else {
                format!("zone {zone}")
            };
            Some(Unplaced {
                pod: place,
                message: format!(
                    "less {resource} would be free than `--headroom` asks for, on the nodes that \
                     pods such as {} can use",
                    pod.name
                ),
            })
        })
    }

    /// The first zone and resource of which nodes have too little left.
    fn short_share<'n>(
        &self,
        nodes: impl Iterator<Item = &'n NodeInfo>,
    ) -> Option<(Text, &'static str)> {
        let mut zones: SortedMap<Text, [(i128, i128); 2]> = SortedMap::new();
        for node in nodes {
            let zone = zones.entry(zone_of(node)).or_default();
            let (used, of) = (&node.requested, &node.allocatable);
            let pairs = [(used.cpu_milli, of.cpu_milli), (used.memory, of.memory)];
            for (sum, (used, of)) in zone.iter_mut().zip(pairs) {
                sum.0 += i128::from(used);
                sum.1 += i128::from(of);
            }
        }
        zones.into_iter().find_map(|(zone, sums)| {
            let is_short = |(used, of): &(i128, i128)| {
                (of - used) * 1_000_000 < of * i128::from(self.free_ppm)
            };
            let place = sums.iter().position(is_short)?;
            Some((zone, ["cpu", "memory"][place]))
        })
    }
}
