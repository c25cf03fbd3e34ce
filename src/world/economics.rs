//! Costs and power of nodes: from their templates, and from a list of prices by instance type.

use std::sync::Arc;

use intake::Input;
use metrics::economics::{Commitment, FunctionPrices, TaskPrices};
use metrics::power::{Embodied, MACHINES, Power, PowerCurve};
use metrics::{Billing, Economics, NodeEconomics};
use model::node::{GROUP_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL, is_spot, label_of};
use model::{Node, Text};
use scenario::schema::{self, NodeSource};
use scenario::{Scenario, Share};
use units::nearest::nearest;
use units::{Instant, Quantity, SortedMap, SortedSet};

use super::money::{NANOS_PER_MICRO, micro};
use super::price_list::{self, PriceList, in_zone};
use super::{BuildError, FileSource, ProviderPlan};

/// Prices and power models of a scenario's nodes.
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
    let listed = match &scenario.metrics.prices {
        Some(file) => price_list::read(&files.open(file), "metrics.prices", file, own)?,
        None => PriceList {
            currency: own.unwrap_or_default().to_owned(),
            ..PriceList::default()
        },
    };
    let of = |node: &Arc<Node>| {
        let declared = declared.get(&*node.name).cloned();
        let mut economics = declared.unwrap_or_else(|| of_kinds.of_labels(&node.labels));
        let price = economics.price_micro_per_hour;
        economics.price_micro_per_hour = price.or_else(|| list_price(node, &listed));
        economics
    };
    Ok(Economics {
        nodes: nodes.iter().map(of).collect(),
        currency: listed.currency.as_str().into(),
        commitments: commitments(scenario, nodes, &kinds)?,
        kinds,
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

/// Prices of nodes by a list.
#[derive(Clone, Debug)]
pub struct NodePrices {
    /// Currency of the list; empty where it states none.
    pub currency: String,
    /// Price of each node in millionths an hour, in the nodes' order; `None` stands in no row.
    pub micro_per_hour: Vec<Option<i64>>,
}

/// Prices of nodes by a file, a list of prices by instance type.
///
/// # Errors
/// The file can't be read, or is no list of prices.
pub fn node_prices(nodes: &[Arc<Node>], input: &Input) -> Result<NodePrices, BuildError> {
    let listed = price_list::read(input, "--prices", &input.name, None)?;
    Ok(NodePrices {
        micro_per_hour: nodes.iter().map(|node| list_price(node, &listed)).collect(),
        currency: listed.currency,
    })
}

/// Cost of a node by a list.
fn list_price(node: &Node, listed: &PriceList) -> Option<i64> {
    if let Some(&own) = listed.of_nodes.get(&*node.name) {
        return Some(own);
    }
    let label = |key: &str| label_of(&node.labels, key).map(|own| &**own);
    let prices = listed.of.get(label(INSTANCE_TYPE_LABEL)?)?;
    let price = in_zone(prices, label(ZONE_LABEL))?;
    let spot = price.spot.filter(|_| is_spot(&node.labels));
    spot.or(price.on_demand)
}

/// Machines that are paid for whether or not they are there.
fn commitments(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    kinds: &SortedMap<Text, NodeEconomics>,
) -> Result<Vec<Commitment>, BuildError> {
    let written = scenario.metrics.commitments.iter().enumerate();
    let all = written.map(|(number, own)| {
        let field = format!("metrics.commitments[{number}]");
        let of_kinds = kinds
            .keys()
            .map(|kind| kind.split('/').next().unwrap_or(kind));
        let of_nodes = nodes.iter().flat_map(|node| {
            let label = |key: &str| label_of(&node.labels, key).map(|own| &**own);
            [label(INSTANCE_TYPE_LABEL), label(GROUP_LABEL)]
        });
        let known: SortedSet<&str> = of_kinds.chain(of_nodes.flatten()).collect();
        if !known.contains(&*own.of) {
            let near = nearest(&own.of, known.iter().copied());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return Err(BuildError::Experiment(format!(
                "{field}.of: no instance type and no group is named `{}`{near}",
                own.of
            )));
        }
        let price = micro(own.price).ok_or_else(|| {
            let price = own.price;
            let message = format!("{field}.price: {price} is not a price; expected 0 or more");
            BuildError::Experiment(message)
        });
        Ok(Commitment {
            of: own.of.as_str().into(),
            machines: own.machines,
            price_micro_per_hour: price?,
        })
    });
    all.collect()
}

/// Prices of container tasks.
fn tasks(scenario: &Scenario) -> Result<Option<TaskPrices>, BuildError> {
    let Some(written) = &scenario.metrics.task_prices else {
        return Ok(None);
    };
    let nano = |field: &str, price: Quantity| {
        let nano = i64::try_from(price.nanos()).ok().filter(|nano| *nano >= 0);
        nano.ok_or_else(|| {
            BuildError::Experiment(format!(
                "metrics.taskPrices.{field}: {price} is not a price; expected 0 or more"
            ))
        })
    };
    Ok(Some(TaskPrices {
        core_nano_per_hour: nano("coreHour", written.core_hour)?,
        gibibyte_nano_per_hour: nano("gibibyteHour", written.gibibyte_hour)?,
        least_secs: written.least_time.as_nanos() / 1_000_000_000,
    }))
}

/// Prices of functions.
fn functions(scenario: &Scenario) -> Result<Option<FunctionPrices>, BuildError> {
    let Some(written) = &scenario.metrics.function_prices else {
        return Ok(None);
    };
    // Of a million in thousandths of a millionth, of one in a millionth of that.
    let pico = |field: &str, price: Quantity| {
        let pico = u64::try_from(price.nanos() / NANOS_PER_MICRO);
        pico.map_err(|_| {
            BuildError::Experiment(format!(
                "metrics.functionPrices.{field}: {price} is not a price; expected 0 or more"
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

/// Declarations of templates, by node name; those that declare nothing are not in it.
pub(super) fn of_templates(
    scenario: &Scenario,
) -> Result<SortedMap<String, NodeEconomics>, BuildError> {
    let mut declared = SortedMap::new();
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
                    "cluster.nodes[{position}].template.price: {price} is not a price; expected 0 \
                     or more"
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
            changes_as: None,
        };
        for index in 0..u64::from(group.count) {
            declared.insert(group.name.render(index), economics.clone());
        }
    }
    Ok(declared)
}

/// Emissions of the grid, in milligrams per kilowatt-hour.
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
        BuildError::Experiment(format!("{file}: {value} is not an intensity of 0 or more"))
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
        PowerCurve::of_machine(name).ok_or_else(|| {
            let names = || MACHINES.iter().map(|(name, _)| *name);
            let near = nearest(name, names());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let known: Vec<&str> = names().collect();
            wrong(format!(
                "machine: no measured machine is named `{name}`; there are {}{near}",
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
                "max: less than the power of an idle node; raise it".to_owned(),
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
