//! What nodes cost and draw: from their templates, and from a list of prices by instance type.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::economics::{FunctionPrices, TaskPrices};
use crate::metrics::power::{Embodied, MEASURED, Power, PowerCurve};
use crate::metrics::{Billing, Economics, NodeEconomics};
use crate::model::Node;
use crate::model::node::INSTANCE_TYPE_LABEL;
use crate::scenario::schema::{self, NodeSource};
use crate::scenario::{Scenario, Share};
use crate::trace::table::Table;
use crate::units::nearest::nearest;
use crate::units::{Instant, Quantity};

use super::catalogue::listed_currency;
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
    let provider = scenario.cluster.provider.as_ref();
    let own = provider.map(|own| own.currency.as_str());
    let (currency, listed) = match &scenario.metrics.prices {
        Some(file) => price_list(file, own, files)?,
        None => (own.unwrap_or_default().to_owned(), BTreeMap::new()),
    };
    let of = |node: &Arc<Node>| {
        let declared = declared.get(&*node.name).cloned();
        let mut economics = declared.unwrap_or_else(|| of_kinds.of_labels(&node.labels));
        let instance_type = node.labels.get(INSTANCE_TYPE_LABEL);
        let list_price = instance_type.and_then(|name| listed.get(&**name));
        economics.price_micro_per_hour = economics.price_micro_per_hour.or(list_price.copied());
        economics
    };
    Ok(Economics {
        nodes: nodes.iter().map(of).collect(),
        kinds,
        currency: currency.into(),
        tasks: tasks(scenario)?,
        functions: functions(scenario)?,
        tenant_label: (scenario.metrics.tenant_label.as_deref()).map(Into::into),
        overhead_ppm: (scenario.metrics.power_usage_effectiveness)
            .map(|own| libm::rint(own * 1e6) as i64),
        carbon: carbon(scenario, files)?,
        billing: match scenario.metrics.billing {
            schema::Billing::Exact => Billing::Exact,
            schema::Billing::PerSecond => Billing::PerSecond,
            schema::Billing::PerHour => Billing::PerHour,
        },
    })
}

/// What container tasks cost.
fn tasks(scenario: &Scenario) -> Result<Option<TaskPrices>, BuildError> {
    let Some(written) = &scenario.metrics.task_prices else {
        return Ok(None);
    };
    let nano = |field: &str, price: Quantity| {
        let nano = i64::try_from(price.nanos()).ok().filter(|nano| *nano >= 0);
        nano.ok_or_else(|| {
            BuildError::Experiment(format!(
                "metrics.taskPrices.{field}: {price} is no price; expected 0 or more"
            ))
        })
    };
    Ok(Some(TaskPrices {
        core_nano_per_hour: nano("coreHour", written.core_hour)?,
        gibibyte_nano_per_hour: nano("gibibyteHour", written.gibibyte_hour)?,
        least_secs: written.least_time.as_nanos() / 1_000_000_000,
    }))
}

/// What functions cost.
fn functions(scenario: &Scenario) -> Result<Option<FunctionPrices>, BuildError> {
    let Some(written) = &scenario.metrics.function_prices else {
        return Ok(None);
    };
    // Of a million in thousandths of a millionth, of one in a millionth of that.
    let pico = |field: &str, price: Quantity| {
        let pico = u64::try_from(price.nanos() / NANOS_PER_MICRO);
        pico.map_err(|_| {
            BuildError::Experiment(format!(
                "metrics.functionPrices.{field}: {price} is no price; expected 0 or more"
            ))
        })
    };
    let field = "millionProvisionedGibibyteSeconds";
    Ok(Some(FunctionPrices {
        gib_second_pico: pico("millionGibibyteSeconds", written.million_gibibyte_seconds)?,
        request_pico: pico("millionRequests", written.million_requests)?,
        provisioned_gib_second_pico: pico(field, written.million_provisioned_gibibyte_seconds)?,
        free_gib_seconds: written.free_gibibyte_seconds,
        free_requests: written.free_requests,
    }))
}

/// What templates declare, by node name; those that declare nothing are not in it.
fn of_templates(scenario: &Scenario) -> Result<BTreeMap<String, NodeEconomics>, BuildError> {
    let mut declared = BTreeMap::new();
    for (position, source) in scenario.cluster.nodes.iter().enumerate() {
        let NodeSource::Template(group) = source else {
            continue;
        };
        let field = format!("cluster.nodes[{position}].template.power");
        let power = group.template.power.as_ref();
        let power = power
            .map(|own| self::power(&field, own))
            .transpose()?
            .map(Arc::new);
        let price = match group.template.price {
            Some(price) => Some(micro(price).ok_or_else(|| {
                BuildError::Experiment(format!(
                    "cluster.nodes[{position}].template.price: {price} is no price; expected 0 or \
                     more"
                ))
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
            declared.insert(group.name.render(index), economics.clone());
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
pub(super) fn power(field: &str, written: &schema::PowerTemplate) -> Result<Power, BuildError> {
    let wrong = |what: String| BuildError::Experiment(format!("{field}.{what}"));
    let max = written.max.map_or(0, |max| max.micro);
    let curve = if let Some(name) = &written.machine {
        PowerCurve::measured(name).ok_or_else(|| {
            let names = || MEASURED.iter().map(|(name, _)| *name);
            let near = nearest(name, names());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let known: Vec<&str> = names().collect();
            wrong(format!(
                "machine: no measured machine is called `{name}`; there are {}{near}",
                known.join(", ")
            ))
        })?
    } else if let Some(table) = &written.table {
        let watts: Vec<i64> = table.iter().map(|own| own.micro).collect();
        let watts = watts.try_into().map_err(|own: Vec<i64>| {
            let found = own.len();
            wrong(format!(
                "table: expected 11 powers, at 0, 10, … 100 %, found {found}"
            ))
        })?;
        PowerCurve::Table(watts)
    } else {
        let idle = match (written.idle, written.static_share) {
            (Some(idle), _) => idle.micro,
            (None, Some(share)) if share.as_f64() > 1.0 => {
                return Err(wrong("staticShare: expected 100% or less".to_owned()));
            }
            (None, share) => libm::rint(max as f64 * share.map_or(0.0, Share::as_f64)) as i64,
        };
        if idle > max {
            return Err(wrong(
                "max: a node draws more idle than at most; raise it".to_owned(),
            ));
        }
        PowerCurve::Formula {
            idle,
            max,
            exponent: written.exponent,
            sleeps: written.sleeps,
        }
    };
    let embodied = written
        .embodied
        .as_ref()
        .map(|own| -> Result<Embodied, BuildError> {
            let milligrams = own.kilograms.nanos() / 1_000;
            let milligrams = i64::try_from(milligrams).ok().filter(|own| *own >= 0);
            Ok(Embodied {
                milligrams: milligrams.ok_or_else(|| {
                    let found = own.kilograms;
                    wrong(format!(
                        "embodied.kilograms: expected 0 or more, found {found}"
                    ))
                })?,
                lifetime: own.lifetime,
            })
        });
    Ok(Power {
        curve,
        off_micro_watt: written.off.map_or(0, |own| own.micro),
        boot_micro_watt: written.boot.map_or(0, |own| own.micro),
        embodied: embodied.transpose()?,
    })
}

/// The currency of a list, and its prices by instance type; types without a price are not in it.
fn price_list(
    written: &str,
    currency: Option<&str>,
    files: &FileSource<'_>,
) -> Result<(String, BTreeMap<String, i64>), BuildError> {
    let input = files.open(written);
    let mut table = Table::open(&input)?;
    let name = table.required_column("instance_type")?;
    let found = listed_currency(&table).unwrap_or_else(|| "USD".to_owned());
    if let Some(own) = currency
        && own != found
    {
        return Err(BuildError::Experiment(format!(
            "metrics.prices: prices of {written} are in {found}, those of the experiment in {own}; \
             give a list in {own}, or write `currency: {found}` under `cluster.provider`"
        )));
    }
    let column = format!("on_demand_{}_per_hour", found.to_lowercase());
    let price = table.required_column(&column)?;
    let mut prices = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        let wrong = |line: u64, text: &str| {
            BuildError::Experiment(format!(
                "{written}:{line}: column `{column}`: `{text}` is no price; expected a number of 0 \
                 or more, such as 0.204"
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
    Ok((found, prices))
}

/// Millionths of a price that is not negative.
pub(super) fn micro(price: Quantity) -> Option<i64> {
    let micro = i64::try_from(price.nanos() / NANOS_PER_MICRO).ok()?;
    // 10^9 an hour for each of 10^7 nodes over a century stay within 128 bits.
    (0..=1_000_000_000_000_000)
        .contains(&micro)
        .then_some(micro)
}
