//! Cost of the nodes, and who causes it (metrics.md 5.4; the split follows `OpenCost`).
//!
//! A node costs its price from the instant it joins until it leaves, up or not. Its price is split
//! over its processors, memory and GPUs in proportion to what these usually cost, and a pod pays for
//! what it reserves of each; the unreserved rest is idle. Where it is known what pods use there is a
//! second split, by the greater of the two. Rates are integers in millionths of a millionth of the
//! currency per hour, rounded down once per pod, so that tenants and idle add up to the cluster
//! exactly.

use std::sync::Arc;

use model::node::{
    BILLED_LABEL, FROM_JOINING, GROUP_LABEL, INSTANCE_TYPE_LABEL, ORDERED_LABEL, is_spot,
};
use model::{EndReason, Event, NewPrice, Pod, PodPhase, Text, TrafficNames, TrafficStretch};
use units::{Instant, NodeId, SortedMap};

use crate::record::collector::{Change, Collector, EventKind, RunEnd, UsageSample};
use crate::record::entry::MetricEntry;
use crate::record::node_rows::allocatable_at;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::setup::Setup;
use crate::record::setup::economics::Economics;
use crate::record::state::{ClusterState, Resource, class_requests};
use crate::record::tables::Tables;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Range, Statistic, Values};

mod accounts;
mod commitments;
mod node;
mod outcome;
mod table;
#[cfg(test)]
mod tests;
mod usage_split;

use accounts::{Account, Payers};
use commitments::Commitments;
use node::{Kind, KindKey, Node, bill, weight};
use outcome::total;
pub use table::{CostTable, NodeKindCost, TenantCost};
use usage_split::{CostContext, UsageSplit};

const TOTAL: Statistic = money("total");
const IDLE: Statistic = money("idle");
const ALLOCATED: Statistic = money("allocated");
const ROUNDING: Statistic = money("rounding");
const COMMITTED: Statistic = money("committed");
const COVERED: Statistic = money("covered").toward(Direction::None);
const LARGEST_TENANT: Statistic = money("largest_tenant").toward(Direction::None);
const PER_USEFUL_CORE_HOUR: Statistic =
    Statistic::amount("per_useful_core_hour", "currency", Direction::Lower).noise(0.01);
const PER_MILLION_REQUESTS: Statistic = money("per_million_requests");
const IDLE_BY_USE: Statistic = money("idle_by_use");
const SPOT_SHARE: Statistic = Statistic::ratio("spot_share", Direction::None);

/// `cost.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "cost",
    title: Title::new("cost"),
    group: Group::Money.at(20),
    short_lists: &[
        ShortList::Headline.at(210, &["total"]),
        ShortList::GatedOfWorkloads.at(50, &["total"]),
    ],
    series: &[],
    summary: "Cost of the nodes, and the part of it that pods did not reserve, in the currency of \
        the prices.",
    statistics: &[
        TOTAL,
        IDLE,
        ALLOCATED,
        ROUNDING,
        COMMITTED,
        COVERED,
        LARGEST_TENANT,
        PER_USEFUL_CORE_HOUR,
        PER_MILLION_REQUESTS,
        IDLE_BY_USE,
        SPOT_SHARE,
    ],
    formula: "total: sum over nodes of price x billed on-time in W, at the price valid at each \
              time, plus committed minus covered; on-time: from a node's order, or else its \
              joining, until it leaves, rounded by `metrics.billing`; allocated: sum over pods of \
              price(n) x share, share: the part of the node that the pod reserves, with cpu : \
              memory GiB : GPU weighted 31.611 : 4.237 : 950; idle: the rest of the unrounded \
              price; rounding: the amount that rounding adds; committed: sum over \
              `metrics.commitments` of machines x price x W; covered: the price of the nodes that \
              commitments pay for, at any time the nodes that joined first; total = allocated + \
              idle + rounding + committed - covered; per_useful_core_hour: total over core-hours \
              of pods that succeeded in W; per_million_requests: total over requests that pods \
              served in W, x 10^6; idle_by_use: idle where a pod's share is taken of the greater \
              of its requests and its usage; spot_share: the part of total for spot capacity",
    denominators: "useful core-hours (per_useful_core_hour); requests served (per_million_requests); \
                   total (spot_share)",
    census: "nodes that have a price, up or down, while they exist",
    censoring: "none: nothing is censored",
    source: "metrics.md 5.4, cost (price by time, rounding rule, commitments as fixed cost, idle cost, \
             tenant split by OpenCost)",
    construct: |setup| Box::new(Cost::new(setup)),
};

const fn money(name: &'static str) -> Statistic {
    // What is idle is negative where a system commits more than there is.
    Statistic::amount(name, "currency", Direction::Lower)
        .noise(0.01)
        .within(Range::ANY)
}

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
    kinds: SortedMap<KindKey, Kind>,
    payers: Payers,
    accounts: Vec<Account>,
    /// Payer and rate of the pod in each row.
    paying: Vec<Option<(usize, i128)>>,
    by_use: Option<UsageSplit>,
    /// Prices that changed in the run, by what they are the price of.
    prices: SortedMap<Text, i64>,
    price_rate: i128,
    idle_rate: i128,
    price: Integral,
    idle: Integral,
    useful: Integral,
    served: SortedMap<Text, u64>,
    commitments: Commitments,
}

impl Cost {
    fn new(setup: &Setup) -> Self {
        let has_price = |economics: &&Arc<Economics>| economics.has_prices();
        let economics = setup.economics.as_ref().filter(has_price).cloned();
        let label = economics
            .as_ref()
            .and_then(|economics| economics.tenant_label.clone());
        let committed = economics.as_ref().map(|own| &own.commitments[..]);
        let commitments = Commitments::new(committed.unwrap_or_default());
        Self {
            economics,
            nodes: Vec::new(),
            kinds: SortedMap::new(),
            payers: Payers::new(label),
            accounts: Vec::new(),
            paying: Vec::new(),
            by_use: None,
            prices: SortedMap::new(),
            price_rate: 0,
            idle_rate: 0,
            price: Integral::default(),
            idle: Integral::default(),
            useful: Integral::default(),
            served: SortedMap::new(),
            commitments,
        }
    }

    fn join(&mut self, node: NodeId, change: &Change<'_>, economics: &Economics) {
        let own = economics.of(node, change.store);
        let changes_as = own.changes_as;
        let price = match &changes_as {
            // What it costs by now.
            Some(kind) => self.prices.get(kind).copied().or(own.price_micro_per_hour),
            None => own.price_micro_per_hour,
        };
        let price_rate = i128::from(price.unwrap_or(0)) * PARTS;
        // Most machines cost from their order on, and while they boot they are idle.
        let object = change.store.nodes().object(node);
        let label = |key: &str| object.and_then(|object| object.labels.get(key));
        let boots_free = label(BILLED_LABEL).is_some_and(|own| **own == *FROM_JOINING);
        let ordered = label(ORDERED_LABEL).filter(|_| !boots_free);
        let ordered = ordered.and_then(|nanos| nanos.parse().ok());
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
        let row = node.index();
        let kind = label(INSTANCE_TYPE_LABEL).or_else(|| label(GROUP_LABEL));
        let is_spot = object.is_some_and(|object| is_spot(&object.labels));
        if !is_spot && !self.commitments.is_empty() {
            let names = [label(INSTANCE_TYPE_LABEL), label(GROUP_LABEL)];
            self.commitments
                .joined(node, names, price_rate, change.at, change.measured);
        }
        self.nodes[row] = Node {
            since: Some(since),
            price_rate,
            whole: weight(&allocatable_at(change.store, node)),
            kind: (
                kind.cloned().unwrap_or_default(),
                is_spot,
                (changes_as.is_none()).then_some(price.unwrap_or(0)),
            ),
            changes_as,
            earlier: None,
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
        self.commitments.left(node, change.at, change.measured);
        self.price_rate -= left.price_rate;
        self.idle_rate -= left.price_rate;
        if let Some(by_use) = &mut self.by_use {
            by_use.idle_rate -= left.price_rate;
        }
        bill(
            &mut self.kinds,
            &left,
            change.at,
            economics,
            change.measured,
        );
    }

    /// Nodes of a kind cost something else from now on, and so do the pods on them.
    fn reprice(&mut self, new: &NewPrice, change: &Change<'_>) {
        self.prices
            .insert(new.kind.clone(), new.price_micro_per_hour);
        let price_rate = i128::from(new.price_micro_per_hour) * PARTS;
        for place in 0..self.nodes.len() {
            let node = &mut self.nodes[place];
            let is_meant = node.since.is_some() && node.changes_as.as_ref() == Some(&new.kind);
            if !is_meant || node.price_rate == price_rate {
                continue;
            }
            node.settle(change.at, change.measured);
            let more = price_rate - node.price_rate;
            node.price_rate = price_rate;
            self.price_rate += more;
            self.idle_rate += more;
            let id = NodeId::from_index(place);
            self.commitments
                .repriced(id, price_rate, change.at, change.measured);
            self.reprice_pods(place, change);
            if let Some(by_use) = &mut self.by_use {
                by_use.repriced(CostContext::of(change), (id, &self.nodes[place]), more);
            }
        }
    }

    fn reprice_pods(&mut self, place: usize, change: &Change<'_>) {
        let node = &self.nodes[place];
        let (price_rate, whole) = (node.price_rate, node.whole);
        if whole == 0 {
            return;
        }
        for &slot in change.store.nodes().pods(NodeId::from_index(place)) {
            let Some(pod) = change.store.pods().at(slot) else {
                continue;
            };
            let amounts = class_requests(change.store, pod.class);
            let rate = price_rate * weight(&amounts) / whole;
            if self.paying.len() <= slot.index() {
                self.paying.resize(slot.index() + 1, None);
            }
            let payer = self.payers.of(pod, change.store);
            let before = self.paying[slot.index()].replace((payer, rate));
            self.pay(payer, rate - before.map_or(0, |before| before.1), change);
        }
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
                CostContext::of(change),
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
                by_use.ended(CostContext::of(change), pod, (node, own));
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
}

impl Collector for Cost {
    fn hears(&self) -> &'static [EventKind] {
        if self.economics.is_some() {
            &[
                EventKind::Declared,
                EventKind::Bound,
                EventKind::Ended,
                EventKind::Spans,
                EventKind::Usage,
                EventKind::Traffic,
                EventKind::Prices,
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
            Event::PriceChanged(new) => self.reprice(new, change),
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

    fn usage(&mut self, sample: &UsageSample<'_>) {
        let (store, used) = (sample.store, sample.usage);
        let moment = CostContext {
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
            let own = UsageSplit::begin(
                moment,
                &self.accounts,
                self.idle_rate,
                self.idle,
                &mut self.payers,
                &self.nodes,
            );
            self.by_use = Some(own);
        }
        if let Some(by_use) = &mut self.by_use {
            by_use.follow(moment, sample, &mut self.payers, &self.nodes);
        }
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        // Functions run elsewhere.
        if stretch.function.is_some() {
            return;
        }
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

    fn tables(&self, end: &RunEnd<'_>, tables: &mut Tables) {
        if let Some(table) = self.table(end) {
            tables.put(table);
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        self.read(end, values);
    }
}
