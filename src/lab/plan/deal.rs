//! The deal of bought nodes to zones: first to those that pods are bound to, the rest alike, and within a
//! zone to the values of other labels.

use std::cmp::Reverse;
use std::sync::Arc;

use super::bench::Bench;
use super::demand::{Demand, Largest, is_troubled, largest, left_on};
use super::goal::Goal;
use super::market::Type;
use super::places::Places;
use super::rules::{classes, keeps_apart, size_of};
use super::shifts::Shift;
use super::zonal::affinities_of;
use model::rules::admits;
use model::rules::affinity::meets;
use model::{ClusterObjects, Node, NodeSelector, PodSpec};
use scheduler::kube::{Amounts, PodClass, PodInfo};
use units::{SortedMap, SortedSet};

/// Pods of one class that only some zones of their nodes take.
pub(super) struct Bound {
    class: Arc<PodClass>,
    pods: u64,
    /// Zones that take them, by type.
    zones: Vec<Vec<usize>>,
}

/// Needs of zones, by which nodes are dealt to them.
#[derive(Default)]
pub(super) struct Needs {
    /// Pods that some zones alone take, the largest first.
    bound: Vec<Bound>,
    /// Shares of the largest node that pods ask for, by group and zone; those of pods that several zones take are
    /// split among these.
    loads: SortedMap<(usize, usize), i128>,
    /// Number of nodes that may be lost at once; the zones of bound pods have spare room for as many.
    losses: usize,
    /// Whether zones get alike beyond what is bound to them, as values of labels may be lost.
    is_even: bool,
}

/// Nodes that take a pod, by its selectors, taints and volumes.
struct Taking<'a> {
    spec: &'a PodSpec,
    affinities: Vec<&'a NodeSelector>,
}

impl<'a> Taking<'a> {
    fn of(info: &'a PodInfo, objects: &'a ClusterObjects) -> Self {
        Self {
            spec: info.spec(),
            affinities: affinities_of(info, objects),
        }
    }

    fn is_open(&self, node: &Node) -> bool {
        admits(self.spec, node) && self.affinities.iter().all(|own| meets(Some(own), node))
    }
}

/// Number of pods of a class that amounts hold.
fn fits(class: &PodClass, free: &Amounts) -> u64 {
    let parts = size_of(class).into_iter();
    let parts = parts.map(|(resource, amount)| resource.of(free).max(0) / amount);
    let most = parts.fold(free.pods.max(0), i64::min);
    let most = if keeps_apart(class) {
        most.min(1)
    } else {
        most
    };
    u64::try_from(most).unwrap_or(0)
}

/// Needs of the pods of a demand. What nodes hold of bound pods which are there needs no others.
pub(super) fn needs(
    types: &[Type],
    places: &Places,
    base: &Bench<'_>,
    demand: &Demand,
    goal: &Goal,
) -> Needs {
    let most = largest(types.iter().map(|own| &own.free));
    let mut needs = Needs {
        losses: goal.losses(),
        is_even: goal.loses_labels(),
        ..Needs::default()
    };
    let cache = base.cache();
    let mut kept: Vec<(&Node, Amounts)> = { cache.nodes() }
        .filter(|node| !is_troubled(node))
        .map(|node| (&*node.object, left_on(node)))
        .collect();
    let variants: Vec<Vec<(usize, Vec<Arc<Node>>)>> = { types.iter() }
        .map(|own| {
            let zones = own.zones.iter();
            let zones = zones.map(|&zone| (zone, places.variants(&own.node, &[zone])));
            zones.collect()
        })
        .collect();
    for pods in classes(demand) {
        let info = &demand.pods[pods[0]].info;
        let taking = Taking::of(info, &cache.objects);
        let zones = types.iter().zip(&variants).map(|(own, variants)| {
            if fits(&info.class, &own.free) == 0 {
                return Vec::new();
            }
            let open = variants.iter();
            let open = open.filter(|(_, nodes)| nodes.iter().any(|own| taking.is_open(own)));
            open.map(|(zone, _)| *zone).collect()
        });
        let zones: Vec<Vec<usize>> = zones.collect();
        let asked = most.share(&info.class.requests) * pods.len() as i128;
        needs.load(&zones, types, asked);
        let pairs = || zones.iter().zip(types);
        let is_bound = pairs().any(|(own, of)| !own.is_empty() && own.len() < of.zones.len());
        let is_free = pairs().any(|(own, of)| own.len() > 1 && own.len() == of.zones.len());
        if !is_bound || is_free {
            continue;
        }
        let mut left = pods.len() as u64;
        for (_, free) in kept.iter_mut().filter(|(node, _)| taking.is_open(node)) {
            let count = fits(&info.class, free).min(left);
            take(free, &info.class, count);
            left -= count;
        }
        needs.bound.push(Bound {
            class: info.class.clone(),
            pods: left,
            zones,
        });
    }
    let size = |own: &Bound| most.share(&own.class.requests);
    needs.bound.sort_by_key(|own| Reverse(size(own)));
    needs
}

impl Needs {
    /// Whether zones get nodes as pods ask for them.
    pub(super) fn is_uneven(&self) -> bool {
        !self.bound.is_empty() && !self.is_even
    }

    /// Adds what pods ask for to the zones that take them, in each group.
    fn load(&mut self, zones: &[Vec<usize>], types: &[Type], asked: i128) {
        let mut groups: SortedMap<usize, SortedSet<usize>> = SortedMap::new();
        for (zones, own) in zones.iter().zip(types) {
            groups
                .entry(own.group)
                .or_default()
                .extend(zones.iter().copied());
        }
        for (group, zones) in groups {
            let each = asked / (zones.len() as i128).max(1);
            for zone in zones {
                *self.loads.entry((group, zone)).or_default() += each;
            }
        }
    }
}

/// Takes pods of a class off amounts.
fn take(free: &mut Amounts, class: &PodClass, count: u64) {
    for _ in 0..count {
        free.change(&class.requests, -1);
        free.pods -= 1;
    }
}

/// Place of a bought node.
pub(super) struct Spot {
    /// Its zone.
    pub(super) zone: usize,
    /// Its value of each lane.
    pub(super) values: Vec<Option<usize>>,
}

/// Amount that is free for pods which are bound to no zone, with the number of nodes.
type Filled = (i128, u64);

/// A label: that of zones, or a lane by its place.
type Topology = Option<usize>;

/// Deal of some nodes.
struct Deal<'a> {
    types: &'a [Type],
    places: &'a Places,
    needs: &'a Needs,
    /// Bound pods of each class that no node holds yet.
    left: Vec<u64>,
    most: Largest,
    /// By group, and of all of them: what each value of a topology has.
    filled: SortedMap<(Option<usize>, Topology, usize), Filled>,
    /// By group and zone with bound pods: the largest of its nodes.
    spares: SortedMap<(usize, usize), i128>,
    /// By group and zone: the share of all its nodes.
    sizes: SortedMap<(usize, usize), i128>,
}

/// Places of nodes, in order of the types: the largest nodes are dealt first.
pub(super) fn dealt(
    types: &[Type],
    places: &Places,
    needs: &Needs,
    counts: &[u64],
    shifts: &[Shift],
) -> Vec<Spot> {
    let kinds = counts.iter().enumerate();
    let kinds: Vec<usize> = kinds
        .flat_map(|(kind, &count)| (0..count).map(move |_| kind))
        .collect();
    let most = largest(types.iter().map(|own| &own.free));
    let mut deal = Deal {
        types,
        places,
        needs,
        left: needs.bound.iter().map(|own| own.pods).collect(),
        most,
        filled: SortedMap::new(),
        spares: SortedMap::new(),
        sizes: SortedMap::new(),
    };
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    order.sort_by_key(|&place| (Reverse(most.share(&types[kinds[place]].free)), place));
    let mut spots: Vec<(usize, Spot)> = { order.into_iter() }
        .map(|place| (place, deal.next(kinds[place])))
        .collect();
    for shift in shifts {
        let mut own = spots.iter_mut().rev();
        let own = own.find(|(place, own)| kinds[*place] == shift.kind && own.zone == shift.from);
        if let Some((_, spot)) = own {
            *spot = deal.spot(shift.kind, shift.to);
        }
    }
    spots.sort_by_key(|own| own.0);
    spots.into_iter().map(|own| own.1).collect()
}

impl Deal<'_> {
    fn of(&self, group: Option<usize>, topology: Topology, value: usize) -> Filled {
        let key = (group, topology, value);
        self.filled.get(&key).copied().unwrap_or_default()
    }

    /// Amount that bound pods still need in a zone, as far as nodes of a type serve them.
    fn wanted(&self, kind: usize, zone: usize) -> i128 {
        let left = self.needs.bound.iter().zip(&self.left);
        let left = left.filter(|(own, _)| own.zones[kind].contains(&zone));
        let asked = left.map(|(own, &left)| {
            let each = self.most.share(&own.class.requests).max(1);
            each.saturating_mul(i128::from(left))
        });
        let asked = asked.fold(0, i128::saturating_add);
        if asked > 0 {
            return asked;
        }
        let group = self.types[kind].group;
        let spare = self.spares.get(&(group, zone)).copied().unwrap_or(0);
        spare * self.needs.losses as i128 - self.of(Some(group), None, zone).0
    }

    /// Requests of pods in a zone over the size of its nodes and one more of a type; zero where zones
    /// get alike.
    fn pressure(&self, kind: usize, zone: usize) -> i128 {
        if !self.needs.is_uneven() {
            return 0;
        }
        let own = &self.types[kind];
        let of = |sums: &SortedMap<(usize, usize), i128>| {
            sums.get(&(own.group, zone)).copied().unwrap_or(0)
        };
        let size = of(&self.sizes) + self.most.share(&own.free);
        of(&self.needs.loads) * 1_000_000 / size.max(1)
    }

    /// Free amounts of a zone, of a group or of all: first those of the labels whose values span several zones.
    fn filled(&self, group: Option<usize>, zone: usize) -> Vec<Filled> {
        let wide = self.places.lanes.iter().enumerate();
        let wide = wide.filter(|(_, own)| own.is_wide);
        let wide = wide.filter_map(|(lane, own)| Some((lane, *own.of_zone[zone].first()?)));
        let wide = wide.map(|(lane, value)| self.of(group, Some(lane), value));
        wide.chain([self.of(group, None, zone)]).collect()
    }

    /// Deals a node of a type.
    fn next(&mut self, kind: usize) -> Spot {
        let own = &self.types[kind];
        let group = Some(own.group);
        let zone = own.zones.iter().copied().min_by_key(|&zone| {
            let wanted = self.wanted(kind, zone).max(0);
            let pressure = self.pressure(kind, zone);
            let even = (self.filled(group, zone), self.filled(None, zone), zone);
            (Reverse((wanted, pressure)), even)
        });
        self.spot(kind, zone.unwrap_or(0))
    }

    /// Deals a node of a type to a zone.
    fn spot(&mut self, kind: usize, zone: usize) -> Spot {
        let own = &self.types[kind];
        let group = Some(own.group);
        let lanes = self.places.lanes.iter().enumerate().map(|(lane, lanes)| {
            let values = lanes.of_zone[zone].iter().copied();
            let values = values.filter(|&value| lanes.is_open(value, own.group));
            values.min_by_key(|&value| {
                let of = |group| self.of(group, Some(lane), value);
                (of(group), of(None), value)
            })
        });
        let values: Vec<Option<usize>> = lanes.collect();
        *self.sizes.entry((own.group, zone)).or_default() += self.most.share(&own.free);
        let free = self.packed(kind, zone);
        let named =
            { values.iter().enumerate() }.filter_map(|(lane, value)| Some((Some(lane), (*value)?)));
        for (topology, value) in named.chain([(None, zone)]) {
            for group in [group, None] {
                let sum = self.filled.entry((group, topology, value)).or_default();
                *sum = (sum.0 + free, sum.1 + 1);
            }
        }
        Spot { zone, values }
    }

    /// Puts bound pods on a node of a type; gives the share that is left of it.
    fn packed(&mut self, kind: usize, zone: usize) -> i128 {
        let own = &self.types[kind];
        let mut free = own.free.clone();
        for (bound, left) in self.needs.bound.iter().zip(&mut self.left) {
            if *left > 0 && bound.zones[kind].contains(&zone) {
                let count = fits(&bound.class, &free).min(*left);
                take(&mut free, &bound.class, count);
                *left -= count;
                if count > 0 {
                    let size = self.most.share(&own.free);
                    let spare = self.spares.entry((own.group, zone)).or_default();
                    *spare = size.max(*spare);
                }
            }
        }
        let part = |left: i64, of: i64| i128::from(left) * 1_000_000 / i128::from(of.max(1));
        let cpu = part(free.cpu_milli, own.free.cpu_milli);
        let memory = part(free.memory, own.free.memory);
        self.most.share(&own.free) * cpu.min(memory).max(0) / 1_000_000
    }
}
