//! Total of the bill, at the end of a run.

use super::node::{Kind, KindKey, bill};
use super::{
    ALLOCATED, COMMITTED, COVERED, Cost, CostTable, HOUR, IDLE, IDLE_BY_USE, LARGEST_TENANT,
    NodeKindCost, PER_MILLION_REQUESTS, PER_USEFUL_CORE_HOUR, ROUNDING, SPOT_SHARE, TOTAL,
    TenantCost, UNIT,
};
use crate::families::traffic::traffic_totals::NO_REQUESTS;
use crate::record::collector::RunEnd;
use crate::record::setup::economics::{Economics, NodeEconomics};
use crate::statistics::integral::Integral;
use crate::values::{Reading, Values};
use units::{SortedMap, plural};

impl Cost {
    /// Amount that tenants paid until the end of the run.
    pub(super) fn paid(&self, end: &RunEnd<'_>) -> Vec<Integral> {
        let accounts = self.accounts.iter();
        accounts
            .map(|account| account.paid(end.at, end.measured))
            .collect()
    }

    /// Nodes by kind, those included that are there at the end.
    fn closed(&self, end: &RunEnd<'_>, economics: &Economics) -> SortedMap<KindKey, Kind> {
        let mut kinds = self.kinds.clone();
        for node in &self.nodes {
            bill(&mut kinds, node, end.at, economics, end.measured);
        }
        kinds
    }

    /// Cost of commitments and the amount they cover; `None` on overflow.
    fn committed(&self, end: &RunEnd<'_>) -> Option<(i128, i128)> {
        let window = end.window_nanos();
        let (fixed, covered) = self.commitments.amounts(end.at, end.measured, window);
        fixed.value().zip(covered.value())
    }

    /// The bill.
    pub(super) fn table(&self, end: &RunEnd<'_>) -> Option<CostTable> {
        let economics = self.economics.as_ref()?;
        let kinds = self.closed(end, economics);
        let billed = total(kinds.values().map(|kind| &kind.cost))?;
        let (committed, covered) = self.committed(end)?;
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
                price: match price {
                    Some(price) => *price as f64 / 1e6,
                    None => mean(sum(kind.cost.value())?, kind.billed as f64 / HOUR),
                },
                price_changes: price.is_none(),
                hours: kind.on_time as f64 / HOUR,
                billed_hours: kind.billed as f64 / HOUR,
                cost: sum(kind.cost.value())?,
            })
        });
        Some(CostTable {
            currency: economics.currency.clone(),
            billing: economics.billing.rule(),
            total: sum(Some(billed + committed - covered))?,
            committed: sum(Some(committed))?,
            covered: sum(Some(covered))?,
            rounding: sum(Some(billed - self.price.value()?))?,
            idle: sum(self.idle.value())?,
            idle_by_use: by_use.and_then(|by_use| sum(by_use.idle.value())),
            tenants,
            nodes: nodes.collect::<Option<_>>()?,
        })
    }

    /// Reads the statistics of `cost.*`.
    pub(super) fn read(&self, end: &RunEnd<'_>, values: &mut Values) {
        let Some(economics) = &self.economics else {
            values.put_undefined("no node has a price");
            return;
        };
        let kinds = self.closed(end, economics);
        let billed = total(kinds.values().map(|kind| &kind.cost));
        let bound = self.committed(end);
        let cost = billed.zip(bound).map(|(all, own)| all + own.0 - own.1);
        let spot = total(
            kinds
                .iter()
                .filter(|kind| kind.0.1)
                .map(|kind| &kind.1.cost),
        );
        let paid = self.paid(end);
        let largest = paid.iter().filter_map(Integral::value).max();
        let rounding = billed.zip(self.price.value());
        // Milli-core-nanoseconds in core-hours.
        let mut all = Integral::default();
        for kind in kinds.values() {
            all.join(&kind.cost);
        }
        if let Some((committed, covered)) = bound {
            all.add(committed - covered, 1);
        }
        let per_core = all
            .ratio(&self.useful, "useful core-hours")
            .map(|ratio| ratio / 1e12 * 1_000.0);
        let served: u64 = self.served.values().sum();
        let per_million = match served {
            0 => Err(NO_REQUESTS.to_owned()),
            _ => currency(cost).map(|cost| cost / (served as f64 / 1e6)),
        };
        let remark = remark(economics);
        let by_use = match &self.by_use {
            Some(by_use) => currency(by_use.idle.value()),
            None => Err("the usage of pods is unknown".to_owned()),
        };
        let spot_share = match (spot, cost) {
            (Some(spot), Some(cost)) if cost > 0 => Ok(spot as f64 / cost as f64),
            _ => Err("the nodes cost nothing".to_owned()),
        };
        let mut put = |statistic, value| {
            values.put(statistic, Reading::new(value).remark(Some(remark.clone())));
        };
        put(TOTAL, currency(cost));
        put(IDLE, currency(self.idle.value()));
        put(ALLOCATED, currency(total(&paid)));
        put(ROUNDING, currency(rounding.map(|(all, exact)| all - exact)));
        put(COMMITTED, currency(bound.map(|own| own.0)));
        put(COVERED, currency(bound.map(|own| own.1)));
        put(LARGEST_TENANT, currency(Some(largest.unwrap_or(0))));
        put(PER_USEFUL_CORE_HOUR, per_core);
        put(PER_MILLION_REQUESTS, per_million);
        put(IDLE_BY_USE, by_use);
        put(SPOT_SHARE, spot_share);
    }
}

/// Words beside every value: the rule of billing, and nodes without a price.
fn remark(economics: &Economics) -> String {
    let rule = economics.billing.rule();
    let is_unpriced = |node: &&NodeEconomics| node.price_micro_per_hour.is_none();
    let unpriced = economics.nodes.iter().filter(is_unpriced).count();
    if unpriced == 0 {
        return rule.to_owned();
    }
    let have = plural::either(
        unpriced,
        "node has no price and costs",
        "nodes have no price and cost",
    );
    format!("{rule}; {unpriced} {have} nothing")
}

pub(super) fn total<'a>(areas: impl IntoIterator<Item = &'a Integral>) -> Option<i128> {
    let mut areas = areas.into_iter();
    areas.try_fold(0_i128, |sum, area| sum.checked_add(area.value()?))
}

/// Exact parts per hour x nanoseconds in the currency.
fn currency(area: Option<i128>) -> Result<f64, String> {
    area.map(|area| area as f64 / UNIT)
        .ok_or_else(|| "price x time is beyond 2^127".to_owned())
}

/// Average cost per hour.
fn mean(cost: f64, hours: f64) -> f64 {
    if hours > 0.0 { cost / hours } else { 0.0 }
}
