//! Places of the pods of workloads: how many are in each zone and on each node, and how many of them the
//! budgets of disruption let go at once. Kept by change: a pod that comes, goes, gets ready or ceases to be
//! moves two counts, whatever the size of the cluster.

use std::sync::Arc;

use model::node::{ZONE_LABEL, label_of};
use model::workload::{BudgetLimit, PodDisruptionBudget};
use model::{Node, Object, PodSpec, Text};
use units::{Instant, NodeId, ObjectId, SortedMap};

use super::row::exceeds;
use crate::record::window::MeasuredWindow;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;

/// Fewest wanted pods of a workload that has something to spread.
const SPREAD_FROM: i64 = 2;

/// Places of the pods of all workloads of a cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Placements {
    /// One for each workload, in their order.
    rows: Vec<PlacementRow>,
    nodes: Domains<NodeId>,
    zones: Domains<Text>,
    /// Zone of each node that is there, by its number.
    zone_of: Vec<Option<u32>>,
    budgets: SortedMap<ObjectId, Budget>,
}

/// Domains that exist, with the number of nodes of each.
#[derive(Clone, Debug)]
struct Domains<K> {
    numbers: SortedMap<K, u32>,
    nodes: SortedMap<u32, u32>,
}

impl<K> Default for Domains<K> {
    fn default() -> Self {
        Self {
            numbers: SortedMap::new(),
            nodes: SortedMap::new(),
        }
    }
}

impl<K: Ord> Domains<K> {
    fn enter(&mut self, key: K) -> u32 {
        let next = self.numbers.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        *self.nodes.entry(number).or_default() += 1;
        number
    }

    fn leave(&mut self, number: u32) {
        if let Some(nodes) = self.nodes.get_mut(&number) {
            *nodes -= 1;
            if *nodes == 0 {
                self.nodes.remove(&number);
            }
        }
    }

    fn count(&self) -> usize {
        self.nodes.len()
    }
}

/// A budget and the workloads whose pods it selects.
#[derive(Clone, Debug)]
struct Budget {
    object: PodDisruptionBudget,
    rows: Vec<u32>,
}

/// Places of the pods of one workload.
#[derive(Clone, Debug, Default)]
struct PlacementRow {
    /// Namespace and template of the workload; `None` of one whose pods aren't spread by choice.
    source: Option<(Text, Arc<PodSpec>)>,
    desired: i64,
    required: i64,
    budgets: Vec<ObjectId>,
    evictable: i64,
    since: Instant,
    zones: Places,
    nodes: Places,
    sums: PlacementSums,
}

/// Counts of pods by domain.
#[derive(Clone, Debug, Default)]
struct Places {
    bound: Tally,
    ready: Tally,
}

/// Number of pods in each domain that has any.
#[derive(Clone, Debug, Default)]
struct Tally {
    pods: SortedMap<u32, i64>,
    /// Number of domains by the number of their pods.
    domains: SortedMap<i64, usize>,
    total: i64,
}

impl Tally {
    fn add(&mut self, domain: u32, change: i64) {
        self.total += change;
        let before = self.pods.get(&domain).copied().unwrap_or(0);
        let after = before + change;
        if let Some(domains) = self.domains.get_mut(&before) {
            *domains -= 1;
            if *domains == 0 {
                self.domains.remove(&before);
            }
        }
        if after == 0 {
            self.pods.remove(&domain);
        } else {
            self.pods.insert(domain, after);
            *self.domains.entry(after).or_default() += 1;
        }
    }

    fn most(&self) -> i64 {
        self.domains.last_key_value().map_or(0, |(&pods, _)| pods)
    }

    /// Pods of the emptiest of so many domains.
    fn fewest(&self, domains: usize) -> i64 {
        let fewest = self.domains.first_key_value();
        fewest.map_or(
            0,
            |(&pods, _)| if self.pods.len() < domains { 0 } else { pods },
        )
    }
}

/// Measurements of the places of a workload's pods in the measured window.
#[derive(Clone, Debug, Default)]
pub struct PlacementSums {
    /// By zone.
    pub zone: DomainSums,
    /// By node.
    pub node: DomainSums,
    /// Largest share of the wanted pods that the budgets let go at once.
    pub evictable: Option<(i64, i64)>,
}

/// Measurements of the domains of one kind.
#[derive(Clone, Debug, Default)]
pub struct DomainSums {
    /// Time for which pods were bound, in nanoseconds.
    pub bound: Integral,
    /// Skew x time.
    pub skew: Integral,
    /// Largest skew that held for some time.
    pub worst_skew: Option<i64>,
    /// Time for which enough pods were ready, in nanoseconds.
    pub available: Integral,
    /// The part of it in which one domain held all ready pods.
    pub whole: Integral,
    /// Ready pods x time while enough were ready.
    pub ready: Integral,
    /// The part of them in the fullest domain.
    pub fullest: Integral,
    /// Largest share of the ready pods in one domain that held for some time.
    pub share: Option<(i64, i64)>,
}

impl DomainSums {
    /// The places were these for a time.
    fn hold(&mut self, places: &Places, domains: usize, required: i64, nanos: i64) {
        if domains < 2 {
            return;
        }
        if places.bound.total > 0 {
            let skew = places.bound.most() - places.bound.fewest(domains);
            self.bound.add(1, nanos);
            self.skew.add_product(skew, nanos);
            self.worst_skew = self.worst_skew.max(Some(skew));
        }
        let (ready, most) = (places.ready.total, places.ready.most());
        if ready > 0 && ready >= required {
            self.available.add(1, nanos);
            self.ready.add_product(ready, nanos);
            self.fullest.add_product(most, nanos);
            if most == ready {
                self.whole.add(1, nanos);
            }
            if self.share.is_none_or(|known| exceeds((most, ready), known)) {
                self.share = Some((most, ready));
            }
        }
    }
}

impl PlacementRow {
    fn hold_until(&mut self, at: Instant, [zones, nodes]: [usize; 2], measured: &MeasuredWindow) {
        if at <= self.since {
            return;
        }
        let from = std::mem::replace(&mut self.since, at);
        if self.source.is_none() || self.desired < SPREAD_FROM {
            return;
        }
        let Some(span) = measured.clip(Span { from, to: at }) else {
            return;
        };
        let (sums, nanos) = (&mut self.sums, span.nanos());
        sums.zone.hold(&self.zones, zones, self.required, nanos);
        sums.node.hold(&self.nodes, nodes, self.required, nanos);
        let share = (self.evictable, self.desired);
        if sums.evictable.is_none_or(|known| exceeds(share, known)) {
            sums.evictable = Some(share);
        }
    }
}

/// Place of a bound pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    node: NodeId,
    /// Number of the zone that the node had when the pod was bound.
    zone: Option<u32>,
}

/// Place of a pod, and whether it counts as bound and as ready there.
pub(super) type Standing = (Option<Place>, bool, bool);

impl Placements {
    /// What came of each workload, in their order.
    pub(super) fn sums(&self) -> impl Iterator<Item = &PlacementSums> {
        self.rows.iter().map(|row| &row.sums)
    }

    /// The places of some of the workloads, by their numbers.
    pub(super) fn subset(&self, rows: &[usize]) -> Self {
        Self {
            rows: rows.iter().map(|&row| self.rows[row].clone()).collect(),
            ..Self::default()
        }
    }

    /// Ends the record.
    pub(super) fn close(&mut self, at: Instant, measured: &MeasuredWindow) {
        let domains = self.domains();
        for row in &mut self.rows {
            row.hold_until(at, domains, measured);
        }
    }

    fn domains(&self) -> [usize; 2] {
        [self.zones.count(), self.nodes.count()]
    }

    fn touch(&mut self, row: u32, at: Instant, measured: &MeasuredWindow) -> &mut PlacementRow {
        let domains = self.domains();
        let row = &mut self.rows[row as usize];
        row.hold_until(at, domains, measured);
        row
    }

    /// A node joined or is declared anew, or left.
    pub(super) fn node(
        &mut self,
        at: Instant,
        node: NodeId,
        object: Option<&Node>,
        measured: &MeasuredWindow,
    ) {
        self.close(at, measured);
        if self.zone_of.len() <= node.index() {
            self.zone_of.resize(node.index() + 1, None);
        }
        let zone = object.and_then(|object| label_of(&object.labels, ZONE_LABEL));
        let zone = zone.map(|zone| self.zones.enter(zone.clone()));
        let before = std::mem::replace(&mut self.zone_of[node.index()], zone);
        if let Some(before) = before {
            self.zones.leave(before);
        }
        match (self.nodes.numbers.get(&node).copied(), object) {
            (Some(number), None) => self.nodes.leave(number),
            (Some(number), Some(_)) if self.nodes.nodes.contains_key(&number) => {}
            (_, Some(_)) => {
                self.nodes.enter(node);
            }
            (None, None) => {}
        }
    }

    /// Place of a pod that is bound to a node.
    pub(super) fn place(&self, node: NodeId) -> Place {
        let zone = self.zone_of.get(node.index()).copied().flatten();
        Place { node, zone }
    }

    /// A pod of a workload came, went, or is ready or not any more.
    pub(super) fn pod(
        &mut self,
        at: Instant,
        row: u32,
        [before, after]: [Standing; 2],
        measured: &MeasuredWindow,
    ) {
        if before == after || self.rows[row as usize].source.is_none() {
            return;
        }
        let row = self.touch(row, at, measured);
        for ((place, is_bound, is_ready), change) in [(before, -1), (after, 1)] {
            let Some(Place { node, zone }) = place else {
                continue;
            };
            let places = [
                (&mut row.nodes, Some(node.index() as u32)),
                (&mut row.zones, zone),
            ];
            for (places, domain) in places {
                let Some(domain) = domain else { continue };
                if is_bound {
                    places.bound.add(domain, change);
                }
                if is_ready {
                    places.ready.add(domain, change);
                }
            }
        }
    }

    /// A workload began.
    pub(super) fn begin(&mut self, at: Instant) {
        self.rows.push(PlacementRow {
            since: at,
            ..PlacementRow::default()
        });
    }

    /// A workload is declared with so many wanted and required pods.
    pub(super) fn declare(
        &mut self,
        at: Instant,
        number: u32,
        object: &Object,
        [desired, required]: [i64; 2],
        measured: &MeasuredWindow,
    ) {
        let Some((_, template)) = object.replicas() else {
            return;
        };
        let row = self.touch(number, at, measured);
        let is_same = (row.source.as_ref()).is_some_and(|(_, known)| {
            Arc::ptr_eq(known, template) || known.labels == template.labels
        });
        let is_alike = is_same && row.desired == desired;
        (row.desired, row.required) = (desired, required);
        if is_alike {
            return;
        }
        if !is_same {
            row.source = Some((object.namespace().clone(), Arc::clone(template)));
            row.budgets.clear();
            let source = row.source.clone();
            let mut found = Vec::new();
            for (&id, budget) in &mut self.budgets {
                budget.rows.retain(|&own| own != number);
                if selects(&budget.object, source.as_ref()) {
                    budget.rows.push(number);
                    found.push(id);
                }
            }
            self.rows[number as usize].budgets = found;
        }
        self.allow(at, &self.siblings(number), measured);
    }

    /// A workload is gone.
    pub(super) fn deleted(&mut self, at: Instant, number: u32, measured: &MeasuredWindow) {
        self.touch(number, at, measured).desired = 0;
        self.allow(at, &self.siblings(number), measured);
    }

    /// A budget is declared, or gone.
    pub(super) fn budget(
        &mut self,
        at: Instant,
        id: ObjectId,
        object: Option<&PodDisruptionBudget>,
        measured: &MeasuredWindow,
    ) {
        let known = self.budgets.get(&id).map(|budget| &budget.object);
        let is_same = match (known, object) {
            (Some(known), Some(new)) => known.limit == new.limit && known.selector == new.selector,
            (None, None) => true,
            _ => false,
        };
        // Most news of a budget is of its status.
        if is_same {
            return;
        }
        let mut changed = self.budgets.remove(&id).map_or(Vec::new(), |own| own.rows);
        for &row in &changed {
            self.rows[row as usize].budgets.retain(|&own| own != id);
        }
        if let Some(object) = object {
            let rows: Vec<u32> = (0..self.rows.len() as u32)
                .filter(|&row| selects(object, self.rows[row as usize].source.as_ref()))
                .collect();
            for &row in &rows {
                self.rows[row as usize].budgets.push(id);
            }
            changed.extend(&rows);
            let object = object.clone();
            self.budgets.insert(id, Budget { object, rows });
        }
        self.allow(at, &changed, measured);
    }

    /// The workloads that share a budget with one, itself included.
    fn siblings(&self, number: u32) -> Vec<u32> {
        let budgets = self.rows[number as usize].budgets.iter();
        let rows = budgets.filter_map(|id| self.budgets.get(id));
        rows.flat_map(|budget| budget.rows.iter().copied())
            .chain([number])
            .collect()
    }

    /// Finds out how many pods of some workloads may go at once.
    fn allow(&mut self, at: Instant, rows: &[u32], measured: &MeasuredWindow) {
        for &number in rows {
            let row = &self.rows[number as usize];
            let evictable = match row.budgets.as_slice() {
                [] => row.desired,
                [one] => self.allowed(*one).min(row.desired),
                // The eviction API refuses pods of several budgets.
                _ => 0,
            };
            self.touch(number, at, measured).evictable = evictable;
        }
    }

    /// Number of pods that a budget lets go while all wanted pods are ready.
    fn allowed(&self, id: ObjectId) -> i64 {
        let Some(budget) = self.budgets.get(&id) else {
            return 0;
        };
        let wanted = budget
            .rows
            .iter()
            .map(|&row| self.rows[row as usize].desired);
        let wanted: i64 = wanted.sum();
        let scale = i32::try_from(wanted).unwrap_or(i32::MAX);
        let allowed = match budget.object.limit {
            BudgetLimit::MinAvailable(least) => wanted - i64::from(least.rounded_up(scale)),
            BudgetLimit::MaxUnavailable(most) => i64::from(most.rounded_up(scale)),
        };
        allowed.max(0)
    }
}

fn selects(budget: &PodDisruptionBudget, source: Option<&(Text, Arc<PodSpec>)>) -> bool {
    source.is_some_and(|(namespace, template)| {
        let selector = budget.selector.as_ref();
        *namespace == budget.namespace && selector.is_some_and(|own| own.matches(&template.labels))
    })
}
