//! What nodes cost and draw: from their templates, and from a list of prices by instance type.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::{Billing, Economics, NodeEconomics, Power};
use crate::model::Node;
use crate::model::node::INSTANCE_TYPE_LABEL;
use crate::scenario::Scenario;
use crate::scenario::schema::{self, NodeSource};
use crate::trace::table::Table;
use crate::units::{Instant, Quantity};

use super::{BuildError, FileSource, ProviderPlan};

/// Nano units in a millionth.
const NANOS_PER_MICRO: i128 = 1_000;

/// What the nodes of a scenario cost and draw.
pub fn economics(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    files: &FileSource<'_>,
    provided: Option<&ProviderPlan>,
) -> Result<Economics, BuildError> {
    let kinds = provided.map(|plan| plan.kinds.clone()).unwrap_or_default();
    let of_kinds = Economics {
        kinds: kinds.clone(),
        ..Economics::default()
    };
    let declared = of_templates(scenario)?;
    let listed = match &scenario.metrics.prices {
        Some(file) => price_list(file, files)?,
        None => BTreeMap::new(),
    };
    let of = |node: &Arc<Node>| {
        let declared = declared.get(&*node.name).copied();
        let mut economics = declared.unwrap_or_else(|| of_kinds.of_labels(&node.labels));
        let instance_type = node.labels.get(INSTANCE_TYPE_LABEL);
        let list_price = instance_type.and_then(|name| listed.get(&**name));
        economics.price_micro_per_hour = economics.price_micro_per_hour.or(list_price.copied());
        economics
    };
    Ok(Economics {
        nodes: nodes.iter().map(of).collect(),
        kinds,
        carbon: carbon(scenario, files)?,
        billing: match scenario.metrics.billing {
            schema::Billing::Exact => Billing::Exact,
            schema::Billing::PerSecond => Billing::PerSecond,
            schema::Billing::PerHour => Billing::PerHour,
        },
    })
}

/// What templates declare, by node name; those that declare nothing are not in it.
fn of_templates(scenario: &Scenario) -> Result<BTreeMap<String, NodeEconomics>, BuildError> {
    let mut declared = BTreeMap::new();
    for source in &scenario.cluster.nodes {
        let NodeSource::Template(group) = source else {
            continue;
        };
        let power = group.template.power.map(power);
        let price = match group.template.price {
            Some(price) => Some(micro(price).ok_or_else(|| {
                let message = format!("cluster.nodes: the price {price} is out of range");
                BuildError::Experiment(message)
            })?),
            None => None,
        };
        if power.is_none() && price.is_none() {
            continue;
        }
        let economics = NodeEconomics {
            power,
            price_micro_per_hour: price,
        };
        for index in 0..u64::from(group.count) {
            declared.insert(group.name.render(index), economics);
        }
    }
    Ok(declared)
}

/// What the grid emits, in milligrams per kilowatt-hour.
fn carbon(scenario: &Scenario, files: &FileSource<'_>) -> Result<Vec<(Instant, i64)>, BuildError> {
    let Some(file) = &scenario.metrics.carbon_intensity else {
        return Ok(Vec::new());
    };
    let mut series = super::usage::read(file, files)?;
    let Some((_, series)) = series.pop_first().filter(|_| series.is_empty()) else {
        let message = format!("{file}: the grid's intensity is one series, this file has several");
        return Err(BuildError::Experiment(message));
    };
    let wrong = |value: Quantity| {
        BuildError::Experiment(format!("{file}: {value} is no intensity of 0 or more"))
    };
    let series = series.into_iter().map(|(at, value)| {
        let milli = value.milli_ceil().ok().filter(|&milli| milli >= 0);
        Ok((at, milli.ok_or_else(|| wrong(value))?))
    });
    series.collect()
}

/// A power model as it is written.
pub(super) const fn power(power: schema::PowerTemplate) -> Power {
    Power {
        idle_micro_watt: power.idle.micro,
        max_micro_watt: power.max.micro,
        exponent: power.exponent,
    }
}

/// Prices by instance type; types without a price are not in it.
fn price_list(written: &str, files: &FileSource<'_>) -> Result<BTreeMap<String, i64>, BuildError> {
    let input = files.open(written);
    let mut table = Table::open(&input)?;
    let name = table.required_column("instance_type")?;
    let price = table.required_column("on_demand_usd_per_hour")?;
    let mut prices = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        let wrong = |line: u64, text: &str| {
            BuildError::Experiment(format!(
                "{written}:{line}: column `on_demand_usd_per_hour`: `{text}` is no price; expected \
                 a number such as 0.204"
            ))
        };
        let row = match row {
            Ok(row) => row,
            Err(bad) => {
                let (line, column, rule) = (bad.line, bad.column, bad.rule);
                let message = format!("{written}:{line}: column `{column}`: {rule}");
                return Err(BuildError::Experiment(message));
            }
        };
        let text = row.text(&price);
        if text.is_empty() {
            continue;
        }
        let parsed = text.parse::<Quantity>().ok().and_then(micro);
        let parsed = parsed.ok_or_else(|| wrong(row.line, text))?;
        prices.insert(row.text(&name).to_owned(), parsed);
    }
    Ok(prices)
}

/// Millionths of a price that is not negative.
pub(super) fn micro(price: Quantity) -> Option<i64> {
    let micro = i64::try_from(price.nanos() / NANOS_PER_MICRO).ok()?;
    // 10^9 an hour for each of 10^7 nodes over a century stay within 128 bits.
    (0..=1_000_000_000_000_000)
        .contains(&micro)
        .then_some(micro)
}
