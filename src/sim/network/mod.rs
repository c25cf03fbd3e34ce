//! Max-min shares: links are shared by transfers, cores of a node by processes. A flow crosses
//! links, takes a part in proportion to its weight, and never more than its demand; what others
//! can't use goes to those that can (spec: orchestrators-b.md 10.5, 10.6).
//!
//! Flows that cross the same links with the same weight and demand have the same rate at every
//! instant, so they are served as one group: a change costs what there are groups, not flows, and
//! rates are worked out again only when a flow begins or ends. Everything is in integers: a rate is
//! in billionths of a unit a second, what was carried in 10^-18 units, and an end is the nanosecond
//! nearest to it.

mod fill;
#[cfg(test)]
mod tests;

pub use fill::{Group, fill};

use units::{Duration, Instant, SortedMap, SortedSet};

/// The weight one: weights are in thousandths.
pub const WEIGHT_ONE: i64 = 1_000;

/// Number of parts of a unit in which carried amounts are counted: rates have nine digits, instants
/// too.
const FINE: i128 = 1_000_000_000_000_000_000;

/// A link: the n-th one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u32);

/// A flow's name, its owner's own.
pub type FlowId = u64;

/// Properties shared by flows with the same rate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// The links that it crosses, each once.
    pub links: Vec<LinkId>,
    /// The shape's weight, in thousandths; more than nothing.
    pub weight: i64,
    /// The most it takes, in units a second; `None` without a bound.
    pub demand: Option<i64>,
}

/// Flows of one shape.
#[derive(Clone, Debug)]
struct FlowClass {
    /// Amount that each of them was carried since the group began, in 10^-18 units, at `since`.
    carried: i128,
    since: Instant,
    /// In billionths of a unit a second.
    rate: i128,
    /// The flows, by what will have been carried at their end.
    flows: SortedSet<(i128, FlowId)>,
    group: Group,
}

impl FlowClass {
    fn carried_at(&self, now: Instant) -> i128 {
        self.carried + self.rate * i128::from(now.since(self.since).as_nanos())
    }

    /// Instant at which a given amount will have been carried, to the nearest nanosecond.
    fn reaches(&self, target: i128) -> Option<Instant> {
        let left = target - self.carried;
        if left <= 0 {
            return Some(self.since);
        }
        if self.rate <= 0 {
            return None;
        }
        let nanos = (left + self.rate / 2) / self.rate;
        let nanos = i64::try_from(nanos).unwrap_or(i64::MAX);
        Some(self.since.saturating_add(Duration::from_nanos(nanos)))
    }
}

/// Links and the flows over them.
#[derive(Clone, Debug, Default)]
pub struct Network {
    capacities: Vec<i128>,
    groups: SortedMap<Shape, FlowClass>,
    /// Shape of each flow, and the amount that will have been carried at its end.
    flows: SortedMap<FlowId, (Shape, i128)>,
    /// Whether flows began or ended since the rates were worked out.
    is_stale: bool,
}

impl Network {
    /// A network without links.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a link that carries so many units a second.
    pub fn add_link(&mut self, capacity: i64) -> LinkId {
        self.capacities.push(nano(capacity.max(0)));
        LinkId(self.capacities.len() as u32 - 1)
    }

    /// A link carries so many units a second from now on.
    pub fn set_capacity(&mut self, now: Instant, link: LinkId, capacity: i64) {
        self.serve(now);
        self.capacities[link.0 as usize] = nano(capacity.max(0));
        self.is_stale = true;
    }

    /// A flow of so many units begins.
    pub fn begin(&mut self, now: Instant, flow: FlowId, shape: Shape, size: i64) {
        self.begin_fine(now, flow, shape, i128::from(size) * FINE);
    }

    /// Begins a flow whose size is in billionths of a unit, so that a rate times seconds is exact.
    pub fn begin_nano(&mut self, now: Instant, flow: FlowId, shape: Shape, size_nano: i128) {
        self.begin_fine(now, flow, shape, size_nano * 1_000_000_000);
    }

    fn begin_fine(&mut self, now: Instant, flow: FlowId, shape: Shape, size: i128) {
        self.end(now, flow);
        let served = self
            .groups
            .entry(shape.clone())
            .or_insert_with(|| FlowClass {
                carried: 0,
                since: now,
                rate: 0,
                flows: SortedSet::new(),
                group: Group::new(&shape),
            });
        let target = served.carried_at(now) + size;
        served.flows.insert((target, flow));
        served.group.count += 1;
        self.flows.insert(flow, (shape, target));
        self.is_stale = true;
    }

    /// A flow ends, wherever it got; returns what was left of it, in billionths of a unit.
    pub fn end(&mut self, now: Instant, flow: FlowId) -> Option<i128> {
        let (shape, target) = self.flows.remove(&flow)?;
        let served = self.groups.get_mut(&shape)?;
        let left = (target - served.carried_at(now)).max(0) / 1_000_000_000;
        served.flows.remove(&(target, flow));
        served.group.count -= 1;
        if served.flows.is_empty() {
            self.groups.remove(&shape);
        }
        self.is_stale = true;
        Some(left)
    }

    /// Whether nothing flows.
    pub fn is_idle(&self) -> bool {
        self.flows.is_empty()
    }

    /// Works out the rates again if flows began or ended; then the next end, if there is one.
    pub fn next_end(&mut self, now: Instant) -> Option<Instant> {
        self.settle(now);
        let ends = self.groups.values().filter_map(|served| {
            let &(target, _) = served.flows.first()?;
            served.reaches(target)
        });
        ends.min()
    }

    /// Takes out the flows that have ended by now, in the order of their names.
    pub fn ended(&mut self, now: Instant) -> Vec<FlowId> {
        let mut ended = Vec::new();
        for served in self.groups.values_mut() {
            while let Some(&(target, flow)) = served.flows.first()
                && served.reaches(target).is_some_and(|at| at <= now)
            {
                served.flows.pop_first();
                served.group.count -= 1;
                ended.push(flow);
            }
        }
        if !ended.is_empty() {
            self.groups.retain(|_, served| !served.flows.is_empty());
            self.is_stale = true;
        }
        for flow in &ended {
            self.flows.remove(flow);
        }
        ended.sort_unstable();
        ended
    }

    /// A flow's rate, in billionths of a unit a second.
    pub fn rate(&mut self, now: Instant, flow: FlowId) -> Option<i128> {
        self.settle(now);
        let (shape, _) = self.flows.get(&flow)?;
        Some(self.groups.get(shape)?.rate)
    }

    /// A flow's rate as it was last worked out, in billionths of a unit a second.
    pub fn rate_before(&self, flow: FlowId) -> Option<i128> {
        let (shape, _) = self.flows.get(&flow)?;
        Some(self.groups.get(shape)?.rate)
    }

    /// Carries what flowed at the present rates.
    fn serve(&mut self, now: Instant) {
        for served in self.groups.values_mut() {
            served.carried = served.carried_at(now);
            served.since = now;
        }
    }

    fn settle(&mut self, now: Instant) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        self.serve(now);
        let groups: Vec<&Group> = self.groups.values().map(|served| &served.group).collect();
        let rates = fill(&self.capacities, &groups);
        for (served, rate) in self.groups.values_mut().zip(rates) {
            served.rate = rate;
        }
    }
}

/// In billionths.
const fn nano(units: i64) -> i128 {
    units as i128 * 1_000_000_000
}
