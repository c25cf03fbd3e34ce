//! The bill: cost by tenant, idle cost, and the nodes paid for.

use minijinja::{Value, context};
use serde::Serialize;

use crate::format;
use lab::summary::{CostSummary, Summary};

/// Most tenants shown of a variant; the rest are one line.
const TENANTS_MAX: usize = 25;

/// The bills of all variants.
#[derive(Serialize)]
pub(super) struct PageCosts {
    rows: Vec<Value>,
    nodes: Vec<Value>,
    /// The currency, where it is known and all have the same.
    currency: String,
    billing: String,
    /// Whether anything is known of what pods use.
    is_by_use: bool,
    /// Whether clients asked any tenant.
    has_requests: bool,
}

impl PageCosts {
    pub(super) fn new(summary: &Summary, columns: &[&str]) -> Self {
        let variants = summary.variants.iter().zip(columns);
        let bills: Vec<(&CostSummary, &str)> = variants
            .filter_map(|(variant, &column)| Some((variant.costs.as_ref()?, column)))
            .collect();
        let first = bills.first().map(|own| own.0);
        let same = |of: fn(&CostSummary) -> &String| {
            let own = first.map(of);
            let is_same = bills.iter().all(|bill| Some(of(bill.0)) == own);
            own.filter(|_| is_same)
                .map_or_else(String::new, |own| format::clean(own))
        };
        Self {
            rows: bills
                .iter()
                .flat_map(|(bill, column)| lines(bill, column))
                .collect(),
            nodes: bills
                .iter()
                .flat_map(|(bill, column)| kinds(bill, column))
                .collect(),
            currency: same(|bill| &bill.currency),
            billing: same(|bill| &bill.billing),
            is_by_use: bills.iter().any(|bill| bill.0.idle_by_use.is_some()),
            has_requests: bills
                .iter()
                .any(|bill| bill.0.tenants.iter().any(|own| own.served > 0)),
        }
    }
}

/// An amount of money to four digits behind the point below one, two above.
fn money(amount: f64) -> String {
    let places = if amount.abs() < 1.0 { 4 } else { 2 };
    format!("{amount:.places$}")
}

fn lines(bill: &CostSummary, column: &str) -> Vec<Value> {
    let none = || format::UNDEFINED.to_owned();
    let known = |amount: Option<f64>| amount.map_or_else(none, money);
    let share = |amount: f64| {
        if bill.total > 0.0 {
            format!("{:.1} %", 100.0 * amount / bill.total)
        } else {
            none()
        }
    };
    let line = |who: &str, kind, (amount, used): (f64, Option<f64>), per_million| {
        context! {
            variant => column.to_owned(),
            who => format::clean(who),
            kind,
            by_requests => money(amount),
            share => share(amount),
            by_use => known(used),
            per_million,
        }
    };
    let mut rows: Vec<Value> = bill
        .tenants
        .iter()
        .take(TENANTS_MAX)
        .map(|own| {
            let amounts = (own.by_requests, own.by_use);
            line(
                &own.name,
                "tenant",
                amounts,
                known(own.per_million_requests),
            )
        })
        .collect();
    let more = bill.tenants.get(TENANTS_MAX..).unwrap_or_default();
    if !more.is_empty() {
        let amount = more.iter().map(|own| own.by_requests).sum();
        let used: Option<f64> = more.iter().map(|own| own.by_use).sum();
        let who = format!("{} more", more.len());
        rows.push(line(&who, "tenant", (amount, used), none()));
    }
    let rounding = (bill.rounding, bill.idle_by_use.map(|_| bill.rounding));
    rows.push(line("idle", "rest", (bill.idle, bill.idle_by_use), none()));
    if bill.rounding > 0.0 {
        rows.push(line(
            "minimum on-time and rounding",
            "rest",
            rounding,
            none(),
        ));
    }
    if bill.committed > 0.0 {
        let of_use = |amount| (amount, bill.idle_by_use.map(|_| amount));
        rows.push(line("commitments", "rest", of_use(bill.committed), none()));
        let covered = of_use(-bill.covered);
        rows.push(line("covered by them", "rest", covered, none()));
    }
    let total = (bill.total, bill.idle_by_use.map(|_| bill.total));
    rows.push(line("in total", "sum", total, none()));
    rows
}

fn kinds(bill: &CostSummary, column: &str) -> Vec<Value> {
    let rows = bill.nodes.iter().map(|own| {
        context! {
            variant => column.to_owned(),
            name => if own.instance_type.is_empty() {
                        "declared nodes".to_owned()
                    } else {
                        format::clean(&own.instance_type)
                    },
            bought => if own.spot { "spot" } else { "on demand" },
            nodes => format::count(own.nodes),
            hours => format!("{:.2}", own.hours),
            billed => format!("{:.2}", own.billed_hours),
            price => if own.price_changes {
                        format!("{:.4} on average", own.price)
                    } else {
                        format!("{}", own.price)
                    },
            cost => money(own.cost),
        }
    });
    rows.collect()
}
