//! Provider of a scenario's machines while it runs: instance types and prices, and groups.

use std::sync::Arc;

use autoscale::cluster_autoscaler::{GroupOptions, NodeGroup};
use metrics::NodeEconomics;
use metrics::economics::priced_as;
use model::node::{
    CAPACITY_LABEL, GROUP_LABEL, HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, ON_DEMAND, SPOT, ZONE_LABEL,
};
use model::{NewPrice, Node, Text};
use scenario::schema;
use scenario::{Scenario, Share};
use sim::ProviderOptions;
use systems::ecs::fargate::{TaskDisk, TaskSize};
use systems::ecs::section::Ecs;
use units::nearest::nearest;
use units::{Instant, SortedMap};

use super::catalogue::catalogue;
use super::docker_machine;
use super::hypervisors::hypervisors;
use super::instance_type::InstanceType;
use super::money::micro;
use super::nodes::of_template;
use super::powers::Powers;
use super::price_history::{self, Prices, Sold, from_start};
use super::price_list::{Price, in_zone};
use super::spot_market;
use super::{BuildError, FileSource};

/// The provider of a scenario.
#[derive(Clone, Debug, Default)]
pub struct ProviderPlan {
    /// Options of the provider.
    pub options: ProviderOptions,
    /// The groups.
    pub groups: Vec<GroupOptions>,
    /// Their nodes at the start.
    pub initial: Vec<Arc<Node>>,
    /// Prices of nodes, by group, or by instance type and purchase option.
    pub kinds: SortedMap<Text, NodeEconomics>,
    /// Instance types that can be bought.
    pub(super) types: SortedMap<String, InstanceType>,
    /// Name of the list.
    list: String,
}

impl ProviderPlan {
    /// Key and price per hour of an instance type as it is bought in a zone. The price of its zone goes before
    /// that of everywhere.
    pub(super) fn price(
        &self,
        instance_type: &str,
        bought: &str,
        zone: Option<&str>,
    ) -> Option<(Text, i64)> {
        [zone, None].into_iter().find_map(|zone| {
            let key = priced_as(instance_type, bought, zone);
            let price = self.kinds.get(&*key)?.price_micro_per_hour?;
            Some((key.into(), price))
        })
    }
}

/// The provider of a scenario, if it has one.
pub fn provider(
    scenario: &Scenario,
    files: &FileSource<'_>,
) -> Result<Option<ProviderPlan>, BuildError> {
    let autoscaling = scenario.system.autoscaling.as_ref();
    let Some(written) = &scenario.cluster.provider else {
        let asks =
            autoscaling.is_some_and(|own| own.cluster.is_some() || own.provisioner.is_some());
        return if asks {
            wrong(
                "system.autoscaling: there is no provider of machines; write `provider` under \
                `cluster`",
            )
        } else {
            Ok(None)
        };
    };
    let (types, list) = catalogue(written, files)?;
    spot_market::check(written, &list, &types)?;
    let powers = Powers::new(written, &types)?;
    let mut plan = ProviderPlan {
        options: options(written)?,
        types,
        list,
        ..ProviderPlan::default()
    };
    for (name, own) in &plan.types {
        let power = powers.of(name);
        let mut add = |(bought, zone): (&str, Option<&str>), price: i64| {
            let economics = NodeEconomics {
                power: power.clone(),
                price_micro_per_hour: Some(price),
                changes_as: None,
            };
            plan.kinds
                .insert(priced_as(name, bought, zone).into(), economics);
        };
        for price in &own.prices {
            let zone = price.zone.as_deref();
            if let Some(price) = price.on_demand {
                add((ON_DEMAND, zone), price);
            }
            if let Some(price) = spot_price(written, price) {
                add((SPOT, zone), price);
            }
        }
    }
    price_fargate(&mut plan, scenario, &powers);
    for (number, group) in written.groups.iter().enumerate() {
        add_group(&mut plan, written, &powers, number, group)?;
    }
    if let Some(own) = &written.nova {
        let hosts = hypervisors(own, &plan.groups, &mut plan.initial, scenario.seed)?;
        plan.options.hosts = Some(hosts);
    }
    change_prices(&mut plan, scenario, written, files)?;
    let known = |name: &String| {
        plan.types.contains_key(name) || plan.groups.iter().any(|own| *own.name == **name)
    };
    for name in written
        .quota
        .of
        .keys()
        .chain(written.stock_outs.iter().map(|own| &own.of))
    {
        if !known(name) {
            return Err(unknown_type("cluster.provider", name, &plan));
        }
    }
    super::volume_places::label_all(&mut plan.initial, scenario);
    for group in &mut plan.groups {
        super::volume_places::label(Arc::make_mut(&mut group.node), scenario);
    }
    Ok(Some(plan))
}

/// Prices of the machines of Fargate, where tasks may go there.
fn price_fargate(plan: &mut ProviderPlan, scenario: &Scenario, powers: &Powers) {
    if !scenario.system.own::<Ecs>().has_fargate() {
        return;
    }
    let spot = scenario.cluster.provider.as_ref();
    let spot = spot.and_then(|own| own.spot.as_ref());
    let share = spot.and_then(|own| own.price).map_or(1.0, Share::as_f64);
    let sizes = TaskSize::all().into_iter();
    for (size, disk) in sizes.flat_map(|size| TaskDisk::all().map(move |disk| (size, disk))) {
        let name = size.name(disk);
        let on_demand = size.price_micro_per_hour(disk);
        let on_spot = libm::rint(on_demand as f64 * share) as i64;
        for (bought, price) in [(ON_DEMAND, on_demand), (SPOT, on_spot)] {
            let economics = NodeEconomics {
                power: powers.of(&name),
                price_micro_per_hour: Some(price),
                changes_as: None,
            };
            plan.kinds
                .insert(priced_as(&name, bought, None).into(), economics);
        }
    }
}

pub(super) fn wrong<T>(what: impl Into<String>) -> Result<T, BuildError> {
    Err(BuildError::Experiment(what.into()))
}

pub(super) fn unknown_type(field: &str, name: &str, plan: &ProviderPlan) -> BuildError {
    let known: Vec<&str> = plan.types.keys().map(String::as_str).collect();
    let near = nearest(name, known.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    BuildError::Experiment(format!(
        "{field}: no instance type is named `{name}` in {}, which has {}{near}",
        plan.list,
        known.len()
    ))
}

fn options(written: &schema::Provider) -> Result<ProviderOptions, BuildError> {
    let quota = &written.quota;
    if let Some((name, _)) = quota.of.iter().find(|(_, most)| **most == 0) {
        return wrong(format!(
            "cluster.provider.quota.of.{name}: a quota of 0 lets no machine start; leave it out \
             for no limit"
        ));
    }
    let mut stock_outs: SortedMap<Text, Vec<(Instant, Instant)>> = SortedMap::new();
    for own in &written.stock_outs {
        let from = Instant::ZERO.saturating_add(own.at);
        let span = (from, from.saturating_add(own.lasts));
        stock_outs
            .entry(own.of.as_str().into())
            .or_default()
            .push(span);
    }
    let boots = written.groups.iter();
    let boots = boots.filter_map(|own| Some((own.name.as_str().into(), own.boot.clone()?)));
    let failing = written.failure_rate.map_or(0.0, Share::as_f64);
    if failing > 1.0 {
        return wrong("cluster.provider.failureRate: expected at most 100%");
    }
    Ok(ProviderOptions {
        boot: written.boot.clone(),
        machine: written
            .docker_machine
            .as_ref()
            .map(docker_machine::options)
            .transpose()?,
        boot_of: boots.collect(),
        failure_ppm: libm::rint(failing * 1e6) as u32,
        failed_after: written.failed_after,
        most_machines: quota.machines.map(u64::from),
        most_cpu_milli: quota.cpu.and_then(|cpu| cpu.milli_floor().ok()),
        most_of: (quota.of.iter())
            .map(|(name, &most)| (name.as_str().into(), u64::from(most)))
            .collect(),
        stock_outs,
        hosts: None,
        spot: written
            .spot
            .as_ref()
            .and_then(|own| Some((own.kept.clone()?, own.notice))),
        prices: Vec::new(),
    })
}

/// Price of an instance type as spot capacity.
fn spot_price(written: &schema::Provider, own: &Price) -> Option<i64> {
    let share = written.spot.as_ref()?.price;
    let of_share = |price: i64| Some(libm::rint(price as f64 * share?.as_f64()) as i64);
    own.spot.or_else(|| own.on_demand.and_then(of_share))
}

/// Prices change as a history has it.
fn change_prices(
    plan: &mut ProviderPlan,
    scenario: &Scenario,
    written: &schema::Provider,
    files: &FileSource<'_>,
) -> Result<(), BuildError> {
    let Some(file) = &written.price_history else {
        return Ok(());
    };
    let field = "cluster.provider.priceHistory";
    let controllers = scenario.system.controllers.as_ref();
    let is_dated = controllers.is_some_and(|own| own.start_date.is_some());
    let zero = super::operations::controllers(scenario)?.filter(|_| is_dated);
    let zero = zero.map(|own| own.zero_unix_secs);
    let all = price_history::read(field, file, &written.currency, zero, files)?;
    let known: Vec<(&Sold, &Prices)> = all
        .iter()
        .filter(|(sold, _)| plan.types.contains_key(&sold.0))
        .collect();
    if known.is_empty() {
        let first = all.keys().next().map_or("", |sold| &sold.0);
        return Err(unknown_type(field, first, plan));
    }
    if written.spot.is_none() && all.keys().any(|sold| sold.1 == SPOT) {
        return wrong(format!(
            "{field}: {file} has spot prices, but spot capacity is not configured; write `spot` \
             under `cluster.provider`"
        ));
    }
    let mut changes: Vec<(Instant, Text, i64)> = Vec::new();
    for (sold, prices) in known {
        let (first, later) = from_start(prices);
        for kind in kinds_sold(sold, &all, written) {
            let Some(economics) = known_kind(plan, sold, &kind) else {
                continue;
            };
            economics.price_micro_per_hour = first.or(economics.price_micro_per_hour);
            if !later.is_empty() {
                economics.changes_as = Some(kind.clone());
            }
            let later = later.iter();
            changes.extend(later.map(|&(at, price)| (at, kind.clone(), price)));
        }
    }
    changes.sort();
    let changes = changes.into_iter().map(|(at, kind, price_micro_per_hour)| {
        let new = NewPrice {
            kind,
            price_micro_per_hour,
        };
        (at, Arc::new(new))
    });
    plan.options.prices = changes.collect();
    Ok(())
}

/// Kinds that the price of something sold concerns: its own kind, and groups of it that state no
/// price of their own.
fn kinds_sold(sold: &Sold, all: &SortedMap<Sold, Prices>, written: &schema::Provider) -> Vec<Text> {
    let (name, bought, zone) = sold;
    let mut kinds = vec![priced_as(name, bought, zone.as_deref()).into()];
    for group in &written.groups {
        let is_of = group.instance_type.as_ref() == Some(name) && group.spot == (*bought == SPOT);
        let own_zone = || (name.clone(), *bought, group.zone.clone());
        // The price of its zone goes before that of everywhere.
        let is_there = match zone {
            Some(_) => group.zone == *zone,
            None => group.zone.is_none() || !all.contains_key(&own_zone()),
        };
        if is_of && is_there && group.price.is_none() {
            kinds.push(group.name.as_str().into());
        }
    }
    kinds
}

/// Kind that can be bought; a zone of which the list says nothing has the price that holds
/// everywhere until it changes.
fn known_kind<'p>(
    plan: &'p mut ProviderPlan,
    sold: &Sold,
    kind: &Text,
) -> Option<&'p mut NodeEconomics> {
    let (name, bought, zone) = sold;
    if !plan.kinds.contains_key(kind) {
        zone.as_ref()?;
        let everywhere = plan.kinds.get(&*priced_as(name, bought, None))?.clone();
        plan.kinds.insert(kind.clone(), everywhere);
    }
    plan.kinds.get_mut(kind)
}

fn add_group(
    plan: &mut ProviderPlan,
    written: &schema::Provider,
    powers: &Powers,
    number: usize,
    group: &schema::NodeGroup,
) -> Result<(), BuildError> {
    let field = format!("cluster.provider.groups[{number}]");
    if plan.groups.iter().any(|own| *own.name == *group.name) {
        return wrong(format!(
            "{field}.name: two groups are named `{}`",
            group.name
        ));
    }
    if group.spot && written.spot.is_none() {
        return wrong(format!(
            "{field}.spot: spot capacity is not configured; write `spot` under `cluster.provider`"
        ));
    }
    let (mut node, listed) = node_of(plan, written, &field, group)?;
    let stated = group.price.or_else(|| group.template.as_ref()?.price);
    let stated = stated.map(|price| {
        micro(price).ok_or_else(|| {
            let message = format!("{field}.price: {price} is not a price; expected 0 or more");
            BuildError::Experiment(message)
        })
    });
    let instance_type: Text = group.instance_type.as_deref().unwrap_or(&group.name).into();
    let bought = if group.spot { SPOT } else { ON_DEMAND };
    label(
        &mut node,
        &group.name,
        &instance_type,
        bought,
        group.zone.as_deref(),
    );
    for (key, value) in &group.labels {
        node.labels
            .insert(key.as_str().into(), value.as_str().into());
    }
    node.taints
        .extend(group.taints.iter().map(super::nodes::taint));
    node.guard = super::nodes::guard(&group.annotations);
    let template = group.template.as_ref().and_then(|own| own.power.as_ref());
    let power = match template {
        Some(own) => {
            let field = format!("{field}.template.power");
            Some(Arc::new(super::economics::power(&field, own)?))
        }
        None => powers.of(&instance_type),
    };
    plan.kinds.insert(
        group.name.as_str().into(),
        NodeEconomics {
            power,
            price_micro_per_hour: stated.transpose()?.or(listed),
            changes_as: None,
        },
    );
    let options = GroupOptions {
        name: group.name.as_str().into(),
        min: group.min as usize,
        max: group.max as usize,
        node: Arc::new(node),
        instance_type,
        is_spot: group.spot,
    };
    let initial = initial(&field, group, &options)?;
    for index in 0..initial {
        let mut node = Node::clone(&options.node);
        node.name = format!("{}-{index}", group.name).into();
        node.labels.insert(HOSTNAME_LABEL.into(), node.name.clone());
        plan.initial.push(Arc::new(node));
    }
    plan.groups.push(options);
    Ok(())
}

/// Node of a group, and its price on the list.
fn node_of(
    plan: &ProviderPlan,
    written: &schema::Provider,
    field: &str,
    group: &schema::NodeGroup,
) -> Result<(Node, Option<i64>), BuildError> {
    match (&group.instance_type, &group.template) {
        (Some(name), _) => {
            let own = plan.types.get(name);
            let own =
                own.ok_or_else(|| unknown_type(&format!("{field}.instanceType"), name, plan))?;
            let price = in_zone(&own.prices, group.zone.as_deref());
            if price.is_none() && !own.prices.is_empty() && group.price.is_none() {
                let zones = own.prices.iter().filter_map(|own| own.zone.as_deref());
                let zones: Vec<&str> = zones.collect();
                return wrong(format!(
                    "{field}.zone: prices of `{name}` in {} are per zone; give the zone of the \
                     nodes, one of {}",
                    plan.list,
                    zones.join(", ")
                ));
            }
            let price = price.and_then(|price| {
                if group.spot {
                    spot_price(written, price)
                } else {
                    price.on_demand
                }
            });
            Ok((own.node.clone(), price))
        }
        (None, Some(template)) => Ok((of_template(template, 0), None)),
        (None, None) => wrong(format!(
            "{field}: a group needs an instance type or a template"
        )),
    }
}

/// Number of nodes of a group at the start, if its bounds are right.
fn initial(
    field: &str,
    group: &schema::NodeGroup,
    options: &GroupOptions,
) -> Result<u32, BuildError> {
    let declared = NodeGroup {
        id: options.name.clone(),
        min: options.min,
        max: options.max,
        target: 0,
        unready: 0,
        template: None,
        instance_type: None,
        quota: None,
    };
    // Its template is declared with it.
    let findings = declared.findings(&[]);
    if let Some(own) = findings.iter().find(|own| own.field != "template") {
        return wrong(format!("{field}.{}: {}", own.field, own.problem));
    }
    let initial = group.initial.unwrap_or(group.min);
    if initial > group.max {
        return wrong(format!(
            "{field}.initial: {initial} is above max {}; lower it, or raise max",
            group.max
        ));
    }
    Ok(initial)
}

pub(super) fn label(
    node: &mut Node,
    group: &str,
    instance_type: &str,
    bought: &str,
    zone: Option<&str>,
) {
    for (key, value) in [(GROUP_LABEL, group), (CAPACITY_LABEL, bought)] {
        node.labels.insert(key.into(), value.into());
    }
    // A template may state what it is.
    (node.labels).insert_if_absent(INSTANCE_TYPE_LABEL, || instance_type.into());
    if let Some(zone) = zone {
        node.labels.insert(ZONE_LABEL.into(), zone.into());
    }
}
