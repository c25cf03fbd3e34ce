//! Cost of the nodes, and who causes it (metrics.md 5.4; the split follows `OpenCost`).
//!
//! A node costs its price from the instant it joins until it leaves, up or not. Its price is split
//! over its processors, memory and GPUs in proportion to what these usually cost, and a pod pays for
//! what it reserves of each; what nobody reserves is idle. Rates are integers in millionths of a
//! millionth of the currency per hour, rounded down once per pod, so that tenants and idle add up to
//! the cluster exactly.

use std::sync::Arc;

use crate::model::node::ORDERED_LABEL;
use crate::model::{EndReason, Event, Pod, PodPhase};
use crate::units::{Instant, NodeId, TenantId};

use super::collector::{Change, Collector, Heard, MetricValue, RunEnd, Span};
use super::economics::Economics;
use super::integral::Integral;
use super::recorder::Setup;
use super::registry::{Direction, MetricEntry, Statistic};
use super::state::{ClusterState, Resource, Row};
use super::window::Measured;

/// `cost.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "cost",
    summary: "What the nodes cost and how much of it nobody used, in the currency of the prices.",
    statistics: &[
        money("total"),
        money("idle"),
        money("allocated"),
        money("rounding"),
        money("largest_tenant").toward(Direction::None),
        Statistic::amount("per_useful_core_hour", "currency", Direction::Lower).noise(0.01),
    ],
    formula: "total: sum over nodes of price x billed on-time in W; on-time from its order, or joining, until \
              leaving, rounded by `metrics.billing`; allocated: sum over pods of price(n) x share, \
              share: what the pod reserves of the node, cpu : memory GiB : GPU weighed 31.611 : \
              4.237 : 950; idle: the rest of the unrounded price; rounding: what rounding adds; \
              total = allocated + idle + rounding; per_useful_core_hour: total over core-hours of \
              pods that succeeded in W",
    denominators: "useful core-hours (per_useful_core_hour)",
    census: "nodes that have a price, up or not, while they are there",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.4, cost (rounding rule, idle cost, tenant split by OpenCost)",
    construct: |setup| Box::new(Cost::new(setup)),
};

const fn money(name: &'static str) -> Statistic {
    Statistic::amount(name, "currency", Direction::Lower).noise(0.01)
}

/// Usual prices of a core, a GiB and a GPU an hour, in millionths: how a node's price is split.
const WEIGHTS: [i128; 3] = [31_611, 4_237, 950_000];

/// Parts of a millionth of the currency that rates are kept in.
const PARTS: i128 = 1_000_000;

/// Parts per hour x nanoseconds in one unit of the currency.
const UNIT: f64 = 1e12 * 3.6e12;

#[derive(Clone, Debug)]
struct Cost {
    economics: Option<Arc<Economics>>,
    nodes: Vec<Node>,
    tenants: Vec<Tenant>,
    /// What the pod of a row pays, and to which node.
    paying: Vec<Option<(NodeId, i128)>>,
    price_rate: i128,
    idle_rate: i128,
    price: Integral,
    idle: Integral,
    billed: Integral,
    useful: Integral,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    since: Option<Instant>,
    price_rate: i128,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tenant {
    rate: i128,
    since: Instant,
    area: Integral,
}

impl Tenant {
    fn settle(&mut self, at: Instant, measured: &Measured) {
        let span = Span {
            from: self.since,
            to: at,
        };
        if let Some(span) = measured.clip(span) {
            self.area.add(self.rate, span.nanos());
        }
        self.since = at;
    }
}

/// What amounts usually cost, in an integer unit of its own.
fn weight(amounts: &Row) -> i128 {
    let [cpu_milli, memory_bytes, gpu_milli, _] = amounts.map(i128::from);
    let memory = memory_bytes * WEIGHTS[1] * 1_000 / (1 << 30);
    cpu_milli * WEIGHTS[0] + memory + gpu_milli * WEIGHTS[2]
}

impl Cost {
    fn new(setup: &Setup) -> Self {
        let has_price = |economics: &&Arc<Economics>| economics.has_prices();
        Self {
            economics: setup.economics.as_ref().filter(has_price).cloned(),
            nodes: Vec::new(),
            tenants: Vec::new(),
            paying: Vec::new(),
            price_rate: 0,
            idle_rate: 0,
            price: Integral::default(),
            idle: Integral::default(),
            billed: Integral::default(),
            useful: Integral::default(),
        }
    }

    fn join(&mut self, node: NodeId, change: &Change<'_>, economics: &Economics) {
        let price = economics.of(node, change.store).price_micro_per_hour;
        let price_rate = i128::from(price.unwrap_or(0)) * PARTS;
        // A machine costs from its order on, and while it boots nobody uses it.
        let object = change.store.nodes().object(node);
        let ordered = object.and_then(|object| object.labels.get(ORDERED_LABEL)?.parse().ok());
        let since = ordered
            .map_or(change.at, Instant::from_nanos)
            .min(change.at);
        let booting = Span {
            from: since,
            to: change.at,
        };
        if let Some(booting) = change.measured.clip(booting) {
            self.price.add(price_rate, booting.nanos());
            self.idle.add(price_rate, booting.nanos());
        }
        if self.nodes.len() <= node.index() {
            self.nodes.resize(node.index() + 1, Node::default());
        }
        self.nodes[node.index()] = Node {
            since: Some(since),
            price_rate,
        };
        self.price_rate += price_rate;
        self.idle_rate += price_rate;
    }

    fn leave(&mut self, node: NodeId, change: &Change<'_>, economics: &Economics) {
        let Some(known) = self.nodes.get_mut(node.index()) else {
            return;
        };
        let left = std::mem::take(known);
        self.price_rate -= left.price_rate;
        self.idle_rate -= left.price_rate;
        bill(
            &mut self.billed,
            &left,
            change.at,
            (economics, change.measured),
        );
    }

    fn bind(&mut self, pod: &Pod, node: NodeId, change: &Change<'_>) {
        let price_rate = self
            .nodes
            .get(node.index())
            .map_or(0, |node| node.price_rate);
        let columns = change.store.nodes().allocatable();
        let row = node.index();
        let whole = weight(&[
            columns.cpu_milli[row],
            columns.memory_bytes[row],
            columns.gpu_milli[row],
            0,
        ]);
        if price_rate == 0 || whole == 0 {
            return;
        }
        let rate = price_rate * weight(change.requests) / whole;
        let slot = pod.pod.slot.index();
        if self.paying.len() <= slot {
            self.paying.resize(slot + 1, None);
        }
        self.paying[slot] = Some((node, rate));
        self.pay(pod.tenant, rate, change);
    }

    fn end(&mut self, pod: &Pod, reason: EndReason, change: &Change<'_>) {
        let slot = pod.pod.slot.index();
        if let Some((_, rate)) = self.paying.get_mut(slot).and_then(Option::take) {
            self.pay(pod.tenant, -rate, change);
        }
        let span = Span {
            from: pod.started,
            to: change.at,
        };
        if reason == EndReason::Completed
            && pod.phase == PodPhase::Running
            && let Some(span) = change.measured.clip(span)
        {
            let cpu = change.requests[Resource::Cpu as usize];
            self.useful.add(i128::from(cpu), span.nanos());
        }
    }

    fn pay(&mut self, tenant: TenantId, rate: i128, change: &Change<'_>) {
        if self.tenants.len() <= tenant.index() {
            self.tenants.resize(tenant.index() + 1, Tenant::default());
        }
        let tenant = &mut self.tenants[tenant.index()];
        tenant.settle(change.at, change.measured);
        tenant.rate += rate;
        self.idle_rate -= rate;
    }

    /// What tenants paid by the end of the run.
    fn paid(&self, end: &RunEnd<'_>) -> Vec<Integral> {
        let settled = self.tenants.iter().map(|&(mut tenant)| {
            tenant.settle(end.at, end.measured);
            tenant.area
        });
        settled.collect()
    }
}

/// Bills a node's on-time in the window, up to an instant.
fn bill(
    billed: &mut Integral,
    node: &Node,
    at: Instant,
    (economics, measured): (&Economics, &Measured),
) {
    let span = node.since.map(|since| Span {
        from: since,
        to: at,
    });
    if let Some(span) = span.and_then(|span| measured.clip(span)) {
        billed.add(node.price_rate, economics.billing.billed(span.nanos()));
    }
}

fn total(areas: &[Integral]) -> Option<i128> {
    let mut areas = areas.iter();
    areas.try_fold(0_i128, |sum, area| sum.checked_add(area.value()?))
}

impl Collector for Cost {
    fn hears(&self) -> &'static [Heard] {
        if self.economics.is_some() {
            &[Heard::Declared, Heard::Bound, Heard::Ended, Heard::Spans]
        } else {
            &[]
        }
    }

    fn event(&mut self, change: &Change<'_>) {
        let Some(economics) = self.economics.clone() else {
            return;
        };
        match change.event {
            Event::NodeAdded { node, .. } => self.join(*node, change, &economics),
            Event::NodeRemoved { node } => self.leave(*node, change, &economics),
            Event::PodBound { node, .. } => {
                if let Some(pod) = change.pod {
                    self.bind(pod, *node, change);
                }
            }
            Event::PodEnded { reason, .. } => {
                if let Some(pod) = change.pod {
                    self.end(pod, *reason, change);
                }
            }
            _ => {}
        }
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        self.price.add(self.price_rate, span.nanos());
        self.idle.add(self.idle_rate, span.nanos());
    }

    fn check(&self, end: &RunEnd<'_>) -> Result<(), String> {
        let (paid, idle, price) = (
            total(&self.paid(end)),
            self.idle.value(),
            self.price.value(),
        );
        match (paid, idle, price) {
            (Some(paid), Some(idle), Some(price)) if paid + idle != price => Err(format!(
                "tenants paid {paid} and {idle} was idle; the cluster cost {price}"
            )),
            _ => Ok(()),
        }
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let Some(economics) = &self.economics else {
            let reason = "no node has a price";
            let values = ENTRY.ids();
            return values
                .map(|(id, _)| MetricValue::new(id, Err(reason.to_owned())))
                .collect();
        };
        let mut billed = self.billed;
        for node in &self.nodes {
            bill(&mut billed, node, end.at, (economics, end.measured));
        }
        let money = |area: Option<i128>| {
            area.map(|area| area as f64 / UNIT)
                .ok_or_else(|| "price x time is beyond 2^127".to_owned())
        };
        let paid = self.paid(end);
        let largest = paid.iter().filter_map(Integral::value).max();
        let rounding = billed.value().zip(self.price.value());
        // Milli-core-nanoseconds in core-hours.
        let per_core = billed
            .ratio(&self.useful, "useful core-hours")
            .map(|ratio| ratio / 1e12 * 1_000.0);
        let unpriced = economics
            .nodes
            .iter()
            .filter(|node| node.price_micro_per_hour.is_none())
            .count();
        let mut remark = economics.billing.rule().to_owned();
        if unpriced > 0 {
            remark = format!("{remark}; {unpriced} nodes have no price and cost nothing");
        }
        let found = [
            ("total", money(billed.value())),
            ("idle", money(self.idle.value())),
            ("allocated", money(total(&paid))),
            ("rounding", money(rounding.map(|(all, exact)| all - exact))),
            ("largest_tenant", money(Some(largest.unwrap_or(0)))),
            ("per_useful_core_hour", per_core),
        ];
        found
            .into_iter()
            .map(|(name, value)| {
                MetricValue::new(format!("cost.{name}"), value).remark(Some(remark.clone()))
            })
            .collect()
    }
}
