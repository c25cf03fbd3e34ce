//! Cost of the nodes, and who causes it (metrics.md 5.4; the split follows `OpenCost`).
//!
//! A node costs its price from the instant it joins until it leaves, up or not. Its price is split
//! over its processors, memory and GPUs in proportion to what these usually cost, and a pod pays for
//! what it reserves of each; what nobody reserves is idle. Where it is known what pods use there is a
//! second split, by the greater of the two. Rates are integers in millionths of a millionth of the
//! currency per hour, rounded down once per pod, so that tenants and idle add up to the cluster
//! exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::node::{CAPACITY_LABEL, GROUP_LABEL, INSTANCE_TYPE_LABEL, ORDERED_LABEL, SPOT};
use crate::model::{EndReason, Event, Pod, PodPhase, Text, TrafficNames, TrafficStretch};
use crate::units::{Instant, NodeId};

use super::collector::{Change, Collector, Heard, MetricValue, RunEnd, Sample, Span};
use super::economics::Economics;
use super::integral::Integral;
use super::registry::{Direction, MetricEntry, Statistic};
use super::setup::Setup;
use super::state::{ClusterState, Resource, Row};
use super::traffic_totals::NO_REQUESTS;
use super::window::Measured;

mod accounts;
mod by_use;
mod table;
#[cfg(test)]
mod tests;

use accounts::{Account, Payers};
use by_use::{ByUse, Moment};
pub use table::{CostTable, NodeKindCost, TenantCost};

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
        money("per_million_requests"),
        money("idle_by_use"),
        Statistic::ratio("spot_share", Direction::None),
    ],
    formula: "total: sum over nodes of price x billed on-time in W; on-time from its order, or joining, until \
              leaving, rounded by `metrics.billing`; allocated: sum over pods of price(n) x share, \
              share: what the pod reserves of the node, cpu : memory GiB : GPU weighed 31.611 : \
              4.237 : 950; idle: the rest of the unrounded price; rounding: what rounding adds; \
              total = allocated + idle + rounding; per_useful_core_hour: total over core-hours of \
              pods that succeeded in W; per_million_requests: total over requests of clients served \
              in W, x 10^6; idle_by_use: the rest where a pod's share is of the greater of what it \
              reserves and uses; spot_share: the part of total for spot capacity",
    denominators: "useful core-hours (per_useful_core_hour); requests served (per_million_requests); \
                   total (spot_share)",
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

/// Nanoseconds in an hour.
const HOUR: f64 = 3.6e12;

#[derive(Clone, Debug)]
struct Cost {
    economics: Option<Arc<Economics>>,
    nodes: Vec<Node>,
    kinds: BTreeMap<KindKey, Kind>,
    payers: Payers,
    accounts: Vec<Account>,
    /// What the pod of a row pays, and who.
    paying: Vec<Option<(usize, i128)>>,
    by_use: Option<ByUse>,
    price_rate: i128,
    idle_rate: i128,
    price: Integral,
    idle: Integral,
    useful: Integral,
    served: BTreeMap<Text, u64>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    since: Option<Instant>,
    price_rate: i128,
    /// What all that it offers weighs.
    whole: i128,
    kind: KindKey,
}

/// Instance type, whether it may be taken back, and its price in millionths an hour.
type KindKey = (Text, bool, i64);

/// Nodes of one kind that were there within the window.
#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    nodes: u64,
    on_time: i128,
    billed: i128,
    cost: Integral,
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
        let economics = setup.economics.as_ref().filter(has_price).cloned();
        let label = economics.as_ref().and_then(|own| own.tenant_label.clone());
        Self {
            economics,
            nodes: Vec::new(),
            kinds: BTreeMap::new(),
            payers: Payers::new(label),
            accounts: Vec::new(),
            paying: Vec::new(),
            by_use: None,
            price_rate: 0,
            idle_rate: 0,
            price: Integral::default(),
            idle: Integral::default(),
            useful: Integral::default(),
            served: BTreeMap::new(),
        }
    }

    fn join(&mut self, node: NodeId, change: &Change<'_>, economics: &Economics) {
        let price = economics.of(node, change.store).price_micro_per_hour;
        let price_rate = i128::from(price.unwrap_or(0)) * PARTS;
        // A machine costs from its order on, and while it boots nobody uses it.
        let object = change.store.nodes().object(node);
        let label = |key: &str| object.and_then(|object| object.labels.get(key));
        let ordered = label(ORDERED_LABEL).and_then(|nanos| nanos.parse().ok());
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
            if let Some(by_use) = &mut self.by_use {
                by_use.idle.add(price_rate, booting.nanos());
            }
        }
        if self.nodes.len() <= node.index() {
            self.nodes.resize(node.index() + 1, Node::default());
        }
        let columns = change.store.nodes().allocatable();
        let row = node.index();
        let kind = label(INSTANCE_TYPE_LABEL).or_else(|| label(GROUP_LABEL));
        let is_spot = label(CAPACITY_LABEL).is_some_and(|own| **own == *SPOT);
        self.nodes[row] = Node {
            since: Some(since),
            price_rate,
            whole: weight(&[
                columns.cpu_milli[row],
                columns.memory_bytes[row],
                columns.gpu_milli[row],
                0,
            ]),
            kind: (
                kind.cloned().unwrap_or_default(),
                is_spot,
                price.unwrap_or(0),
            ),
        };
        self.price_rate += price_rate;
        self.idle_rate += price_rate;
        if let Some(by_use) = &mut self.by_use {
            by_use.idle_rate += price_rate;
        }
    }

    fn leave(&mut self, node: NodeId, change: &Change<'_>, economics: &Economics) {
        let Some(known) = self.nodes.get_mut(node.index()) else {
            return;
        };
        let left = std::mem::take(known);
        self.price_rate -= left.price_rate;
        self.idle_rate -= left.price_rate;
        if let Some(by_use) = &mut self.by_use {
            by_use.idle_rate -= left.price_rate;
        }
        bill(
            &mut self.kinds,
            &left,
            change.at,
            (economics, change.measured),
        );
    }

    fn bind(&mut self, pod: &Pod, node: NodeId, change: &Change<'_>) {
        let Some(own) = self.nodes.get(node.index()) else {
            return;
        };
        if own.price_rate == 0 || own.whole == 0 {
            return;
        }
        let rate = own.price_rate * weight(change.requests) / own.whole;
        let slot = pod.pod.slot.index();
        if self.paying.len() <= slot {
            self.paying.resize(slot + 1, None);
        }
        let payer = self.payers.of(pod, change.store);
        self.paying[slot] = Some((payer, rate));
        if let Some(by_use) = &mut self.by_use {
            by_use.bound(
                Moment::of(change),
                (pod, payer),
                change.requests,
                (node, own),
            );
        }
        self.pay(payer, rate, change);
    }

    fn end(&mut self, pod: &Pod, reason: EndReason, change: &Change<'_>) {
        let slot = pod.pod.slot.index();
        if let Some((payer, rate)) = self.paying.get_mut(slot).and_then(Option::take) {
            self.pay(payer, -rate, change);
            if let (Some(by_use), Some(node)) = (&mut self.by_use, pod.node())
                && let Some(own) = self.nodes.get(node.index())
            {
                by_use.ended(Moment::of(change), pod, (node, own));
            }
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

    fn pay(&mut self, payer: usize, rate: i128, change: &Change<'_>) {
        if self.accounts.len() <= payer {
            self.accounts.resize(payer + 1, Account::default());
        }
        self.accounts[payer].change(change.at, rate, change.measured);
        self.idle_rate -= rate;
    }

    /// What tenants paid by the end of the run.
    fn paid(&self, end: &RunEnd<'_>) -> Vec<Integral> {
        let accounts = self.accounts.iter();
        accounts
            .map(|account| account.paid(end.at, end.measured))
            .collect()
    }

    /// Nodes by kind, those included that are there at the end.
    fn closed(&self, end: &RunEnd<'_>, economics: &Economics) -> BTreeMap<KindKey, Kind> {
        let mut kinds = self.kinds.clone();
        for node in &self.nodes {
            bill(&mut kinds, node, end.at, (economics, end.measured));
        }
        kinds
    }
}

/// Bills a node's on-time in the window, up to an instant.
fn bill(
    kinds: &mut BTreeMap<KindKey, Kind>,
    node: &Node,
    at: Instant,
    (economics, measured): (&Economics, &Measured),
) {
    let span = node.since.map(|since| Span {
        from: since,
        to: at,
    });
    if let Some(span) = span.and_then(|span| measured.clip(span)) {
        let kind = kinds.entry(node.kind.clone()).or_default();
        let billed = economics.billing.billed(span.nanos());
        kind.nodes += 1;
        kind.on_time += i128::from(span.nanos());
        kind.billed += i128::from(billed);
        kind.cost.add(node.price_rate, billed);
    }
}

fn total<'a>(areas: impl IntoIterator<Item = &'a Integral>) -> Option<i128> {
    let mut areas = areas.into_iter();
    areas.try_fold(0_i128, |sum, area| sum.checked_add(area.value()?))
}

/// Exact parts per hour x nanoseconds in the currency.
fn currency(area: Option<i128>) -> Result<f64, String> {
    area.map(|area| area as f64 / UNIT)
        .ok_or_else(|| "price x time is beyond 2^127".to_owned())
}

impl Collector for Cost {
    fn hears(&self) -> &'static [Heard] {
        if self.economics.is_some() {
            &[
                Heard::Declared,
                Heard::Bound,
                Heard::Ended,
                Heard::Spans,
                Heard::Measured,
                Heard::Traffic,
            ]
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
        if let Some(by_use) = &mut self.by_use {
            by_use.idle.add(by_use.idle_rate, span.nanos());
        }
    }

    fn measured(&mut self, sample: &Sample<'_>) {
        let (store, used) = (sample.store, sample.used);
        let moment = Moment {
            at: sample.at,
            store,
            measured: sample.measured,
        };
        if self.by_use.is_none() {
            let mut pods = store.pods().iter();
            let is_known =
                |pod: &Pod| pod.phase == PodPhase::Running && used.pod(pod.pod).is_some();
            if !pods.any(is_known) {
                return;
            }
            let paid = (&self.accounts[..], self.idle_rate, self.idle);
            self.by_use = Some(ByUse::begin(moment, paid, (&mut self.payers, &self.nodes)));
        }
        if let Some(by_use) = &mut self.by_use {
            by_use.measured(moment, used, (&mut self.payers, &self.nodes));
        }
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        let served: u64 = stretch.flows.iter().map(|flow| flow.succeeded).sum();
        let service = names.services.get(stretch.service as usize);
        let namespace = service
            .and_then(|name| name.split_once('/'))
            .map_or("", |own| own.0);
        match self.served.get_mut(namespace) {
            Some(known) => *known += served,
            None => {
                self.served.insert(namespace.into(), served);
            }
        }
    }

    fn check(&self, end: &RunEnd<'_>) -> Result<(), String> {
        let whole = |paid: &[Integral], idle: &Integral| match (
            total(paid),
            idle.value(),
            self.price.value(),
        ) {
            (Some(paid), Some(idle), Some(price)) if paid + idle != price => Err(format!(
                "tenants paid {paid} and {idle} was idle; the cluster cost {price}"
            )),
            _ => Ok(()),
        };
        whole(&self.paid(end), &self.idle)?;
        if let Some(by_use) = &self.by_use {
            whole(&by_use.paid(end.at, end.measured), &by_use.idle)?;
        }
        Ok(())
    }

    fn costs(&self, end: &RunEnd<'_>) -> Option<CostTable> {
        let economics = self.economics.as_ref()?;
        let kinds = self.closed(end, economics);
        let billed = total(kinds.values().map(|kind| &kind.cost))?;
        let sum = |area: Option<i128>| currency(area).ok();
        let by_use = self.by_use.as_ref();
        let used = by_use.map(|own| own.paid(end.at, end.measured));
        let paid = self.paid(end);
        let tenants = self.payers.names().iter().enumerate().map(|(place, name)| {
            let of = |list: &[Integral]| {
                let own = list.get(place).copied().unwrap_or_default();
                sum(own.value())
            };
            Some(TenantCost {
                name: name.clone(),
                by_requests: of(&paid)?,
                by_use: used.as_ref().and_then(|used| of(used)),
                served: if self.payers.are_namespaces() {
                    self.served.get(name).copied().unwrap_or(0)
                } else {
                    0
                },
            })
        });
        let mut tenants = tenants.collect::<Option<Vec<TenantCost>>>()?;
        tenants.sort_by(|one, other| {
            let order = other.by_requests.total_cmp(&one.by_requests);
            order.then_with(|| one.name.cmp(&other.name))
        });
        let nodes = kinds.iter().map(|((instance_type, is_spot, price), kind)| {
            Some(NodeKindCost {
                instance_type: instance_type.clone(),
                is_spot: *is_spot,
                nodes: kind.nodes,
                price: *price as f64 / 1e6,
                hours: kind.on_time as f64 / HOUR,
                billed_hours: kind.billed as f64 / HOUR,
                cost: sum(kind.cost.value())?,
            })
        });
        Some(CostTable {
            currency: economics.currency.clone(),
            billing: economics.billing.rule(),
            total: sum(Some(billed))?,
            rounding: sum(Some(billed - self.price.value()?))?,
            idle: sum(self.idle.value())?,
            idle_by_use: by_use.and_then(|own| sum(own.idle.value())),
            tenants,
            nodes: nodes.collect::<Option<_>>()?,
        })
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let Some(economics) = &self.economics else {
            let reason = "no node has a price";
            let values = ENTRY.ids();
            return values
                .map(|(id, _)| MetricValue::new(id, Err(reason.to_owned())))
                .collect();
        };
        let kinds = self.closed(end, economics);
        let billed = total(kinds.values().map(|kind| &kind.cost));
        let spot = total(kinds.iter().filter(|own| own.0.1).map(|own| &own.1.cost));
        let paid = self.paid(end);
        let largest = paid.iter().filter_map(Integral::value).max();
        let rounding = billed.zip(self.price.value());
        // Milli-core-nanoseconds in core-hours.
        let mut all = Integral::default();
        for kind in kinds.values() {
            all.join(&kind.cost);
        }
        let per_core = all
            .ratio(&self.useful, "useful core-hours")
            .map(|ratio| ratio / 1e12 * 1_000.0);
        let served: u64 = self.served.values().sum();
        let per_million = match served {
            0 => Err(NO_REQUESTS.to_owned()),
            _ => currency(billed).map(|cost| cost / (served as f64 / 1e6)),
        };
        let unpriced = economics
            .nodes
            .iter()
            .filter(|node| node.price_micro_per_hour.is_none())
            .count();
        let mut remark = economics.billing.rule().to_owned();
        if unpriced > 0 {
            remark = format!("{remark}; {unpriced} nodes have no price and cost nothing");
        }
        let by_use = match &self.by_use {
            Some(by_use) => currency(by_use.idle.value()),
            None => Err("nothing is known of what pods use".to_owned()),
        };
        let spot_share = match (spot, billed) {
            (Some(spot), Some(billed)) if billed > 0 => Ok(spot as f64 / billed as f64),
            _ => Err("the nodes cost nothing".to_owned()),
        };
        let found = [
            ("total", currency(billed)),
            ("idle", currency(self.idle.value())),
            ("allocated", currency(total(&paid))),
            (
                "rounding",
                currency(rounding.map(|(all, exact)| all - exact)),
            ),
            ("largest_tenant", currency(Some(largest.unwrap_or(0)))),
            ("per_useful_core_hour", per_core),
            ("per_million_requests", per_million),
            ("idle_by_use", by_use),
            ("spot_share", spot_share),
        ];
        found
            .into_iter()
            .map(|(name, value)| {
                MetricValue::new(format!("cost.{name}"), value).remark(Some(remark.clone()))
            })
            .collect()
    }
}
