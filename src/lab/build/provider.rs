//! Where the machines of a scenario come from while it runs: instance types and prices, groups, and
//! the autoscalers of nodes that order from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::control::Component;
use crate::control::autoscale::cluster::{
    ClusterAutoscaler, ClusterAutoscalerOptions, Expander, GroupOptions, GrowSettings, NodeGroup,
    Prices, Priority, ShrinkSettings,
};
use crate::control::autoscale::provisioner::{
    Consolidation, DisruptionBudget, Offering, Provisioner, ProvisionerOptions,
};
use crate::control::scheduler::kube::KubeProfile;
use crate::metrics::NodeEconomics;
use crate::model::node::{
    CAPACITY_LABEL, GROUP_LABEL, HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, ON_DEMAND, SPOT, ZONE_LABEL,
};
use crate::model::resource_list::{CPU, MEMORY, PODS};
use crate::model::{Node, ResourceList, Text};
use crate::policy::kubernetes::{add_machine, build_kube_profiles};
use crate::scenario::Scenario;
use crate::scenario::schema::{self, ConsolidationPolicy, ExpanderName};
use crate::sim::ProviderOptions;
use crate::systems::KubeRequest;
use crate::trace::Input;
use crate::trace::table::Table;
use crate::units::nearest::nearest;
use crate::units::{Duration, Instant, Quantity};

use super::economics::micro;
use super::nodes::of_template;
use super::{BuildError, FileSource};

/// The instance types that come with the program.
const BUNDLED: (&str, &[u8]) = ("prices.csv", include_bytes!("../../../traces/prices.csv"));

/// What a core and a GiB cost an hour where the expander `price` weighs what is asked, in millionths:
/// those of the cost split.
const CORE_PRICE: i64 = 31_611;
const GIBIBYTE_PRICE: i64 = 4_237;

/// The provider of a scenario.
#[derive(Clone, Debug, Default)]
pub struct ProviderPlan {
    /// How machines are provided.
    pub options: ProviderOptions,
    /// The groups.
    pub groups: Vec<GroupOptions>,
    /// Their nodes at the start.
    pub initial: Vec<Arc<Node>>,
    /// What nodes cost, by group, or by instance type and how they are bought.
    pub kinds: BTreeMap<Text, NodeEconomics>,
    /// What can be bought.
    types: BTreeMap<String, InstanceType>,
    /// Where they are listed.
    list: String,
}

/// An instance type of a list.
#[derive(Clone, Debug)]
struct InstanceType {
    capacity: ResourceList,
    /// Millionths an hour on demand, and as spot capacity where the list says so.
    price: i64,
    spot: Option<i64>,
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
            wrong("system.autoscaling: nobody provides machines; write `provider` under `cluster`")
        } else {
            Ok(None)
        };
    };
    let (types, list) = catalogue(written, files)?;
    let mut plan = ProviderPlan {
        options: options(written)?,
        types,
        list,
        ..ProviderPlan::default()
    };
    for (name, own) in &plan.types {
        let mut add = |bought: &str, price: i64| {
            let economics = NodeEconomics {
                power: None,
                price_micro_per_hour: Some(price),
            };
            plan.kinds
                .insert(format!("{name}/{bought}").into(), economics);
        };
        add(ON_DEMAND, own.price);
        if let Some(price) = spot_price(written, own) {
            add(SPOT, price);
        }
    }
    for (number, group) in written.groups.iter().enumerate() {
        add_group(&mut plan, written, number, group)?;
    }
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
    Ok(Some(plan))
}

fn wrong<T>(what: impl Into<String>) -> Result<T, BuildError> {
    Err(BuildError::Experiment(what.into()))
}

fn unknown_type(field: &str, name: &str, plan: &ProviderPlan) -> BuildError {
    let known: Vec<&str> = plan.types.keys().map(String::as_str).collect();
    let near = nearest(name, known.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    BuildError::Experiment(format!(
        "{field}: no instance type is called `{name}` in {}, which has {}{near}",
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
    let mut stock_outs: BTreeMap<Text, Vec<(Instant, Instant)>> = BTreeMap::new();
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
    let failing = written.failure_rate.map_or(0.0, |share| share.as_f64());
    if failing > 1.0 {
        return wrong("cluster.provider.failureRate: more than all orders can't fail");
    }
    Ok(ProviderOptions {
        boot: written.boot.clone(),
        boot_of: boots.collect(),
        failure_ppm: libm::rint(failing * 1e6) as u32,
        failed_after: written.failed_after,
        most_machines: quota.machines.map(u64::from),
        most_cpu_milli: quota.cpu.and_then(|cpu| cpu.milli_floor().ok()),
        most_of: (quota.of.iter())
            .map(|(name, &most)| (name.as_str().into(), u64::from(most)))
            .collect(),
        stock_outs,
        spot: written
            .spot
            .as_ref()
            .map(|own| (own.kept.clone(), own.notice)),
    })
}

/// The instance types of a list, and what it is called.
fn catalogue(
    written: &schema::Provider,
    files: &FileSource<'_>,
) -> Result<(BTreeMap<String, InstanceType>, String), BuildError> {
    let input = match &written.prices {
        Some(file) => files.open(file),
        None => Input::bytes(BUNDLED.0, BUNDLED.1),
    };
    let list = written
        .prices
        .clone()
        .unwrap_or_else(|| "the bundled list".to_owned());
    let mut table = Table::open(&input)?;
    let currency = written.currency.to_lowercase();
    let wanted = format!("on_demand_{currency}_per_hour");
    let found = table.columns().iter().find_map(|column| {
        let inner = column.strip_prefix("on_demand_")?;
        inner.strip_suffix("_per_hour").map(str::to_owned)
    });
    if table.column(&wanted).is_none()
        && let Some(found) = found
    {
        return wrong(format!(
            "cluster.provider.currency: prices of {list} are in {}, those of the experiment in {}; \
             give a list in {}, or write `currency: {}`",
            found.to_uppercase(),
            written.currency,
            written.currency,
            found.to_uppercase()
        ));
    }
    let (name, price) = (
        table.required_column("instance_type")?,
        table.required_column(&wanted)?,
    );
    let (cpu, memory) = (
        table.required_column("vcpu")?,
        table.required_column("memory_mib")?,
    );
    let spot = table.column(&format!("spot_{currency}_per_hour"));
    let mut types = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        let row = row.map_err(|bad| {
            let (line, column, rule) = (bad.line, bad.column, bad.rule);
            BuildError::Experiment(format!("{list}:{line}: column `{column}`: {rule}"))
        })?;
        let line = row.line;
        let amount = |text: &str, column: &str| {
            let parsed = text
                .parse::<Quantity>()
                .ok()
                .filter(|own| !own.is_negative());
            parsed.ok_or_else(|| {
                BuildError::Experiment(format!(
                    "{list}:{line}: column `{column}`: `{text}` is no amount of 0 or more"
                ))
            })
        };
        let money = |text: &str| {
            let parsed = text.parse::<Quantity>().ok().and_then(micro);
            parsed.ok_or_else(|| {
                BuildError::Experiment(format!(
                    "{list}:{line}: column `{wanted}`: `{text}` is no price; expected a number of 0 \
                     or more, such as 0.204"
                ))
            })
        };
        // Types without a price can't be bought.
        if row.text(&price).is_empty() {
            continue;
        }
        let bytes = amount(row.text(&memory), "memory_mib")?.checked_mul(1 << 20);
        let bytes = bytes.map_err(|why| {
            BuildError::Experiment(format!("{list}:{line}: column `memory_mib`: {why}"))
        })?;
        let reserved = &written.reserved;
        let less = |whole: Quantity, part: Option<Quantity>| {
            whole
                .checked_sub(part.unwrap_or(Quantity::ZERO))
                .unwrap_or(Quantity::ZERO)
        };
        let spot = match row.optional_text(spot.as_ref()) {
            "" => None,
            text => Some(money(text)?),
        };
        let own = InstanceType {
            capacity: ResourceList::from_pairs([
                (CPU, less(amount(row.text(&cpu), "vcpu")?, reserved.cpu)),
                (MEMORY, less(bytes, reserved.memory)),
                (PODS, Quantity::from_units(110)),
            ]),
            price: money(row.text(&price))?,
            spot,
        };
        types.insert(row.text(&name).to_owned(), own);
    }
    Ok((types, list))
}

/// What an instance type costs as spot capacity.
fn spot_price(written: &schema::Provider, own: &InstanceType) -> Option<i64> {
    let market = written.spot.as_ref()?;
    let share = market.price.as_f64();
    Some(
        own.spot
            .unwrap_or_else(|| libm::rint(own.price as f64 * share) as i64),
    )
}

fn add_group(
    plan: &mut ProviderPlan,
    written: &schema::Provider,
    number: usize,
    group: &schema::NodeGroup,
) -> Result<(), BuildError> {
    let field = format!("cluster.provider.groups[{number}]");
    if plan.groups.iter().any(|own| *own.name == *group.name) {
        return wrong(format!(
            "{field}.name: two groups are called `{}`",
            group.name
        ));
    }
    if group.spot && written.spot.is_none() {
        return wrong(format!(
            "{field}.spot: nothing is said of spot capacity; write `spot` under `cluster.provider`"
        ));
    }
    let (mut node, listed) = match (&group.instance_type, &group.template) {
        (Some(name), _) => {
            let own = plan.types.get(name);
            let own =
                own.ok_or_else(|| unknown_type(&format!("{field}.instanceType"), name, plan))?;
            let price = if group.spot {
                spot_price(written, own)
            } else {
                Some(own.price)
            };
            let node = Node {
                allocatable: own.capacity.clone(),
                ..Node::default()
            };
            (node, price)
        }
        (None, Some(template)) => (of_template(template, 0), None),
        (None, None) => {
            return wrong(format!(
                "{field}: a group needs an instance type or a template"
            ));
        }
    };
    let stated = match group.price.or_else(|| group.template.as_ref()?.price) {
        None => None,
        Some(price) => Some(micro(price).ok_or_else(|| {
            BuildError::Experiment(format!(
                "{field}.price: {price} is no price; expected 0 or more"
            ))
        })?),
    };
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
    let power = group.template.as_ref().and_then(|own| own.power);
    plan.kinds.insert(
        group.name.as_str().into(),
        NodeEconomics {
            power: power.map(super::economics::power),
            price_micro_per_hour: stated.or(listed),
        },
    );
    let initial = group.initial.unwrap_or(group.min);
    let options = GroupOptions {
        name: group.name.as_str().into(),
        min: group.min as usize,
        max: group.max as usize,
        node: Arc::new(node),
        instance_type,
        is_spot: group.spot,
    };
    let declared = NodeGroup {
        id: options.name.clone(),
        min: options.min,
        max: options.max,
        target: initial as usize,
        template: None,
        instance_type: None,
        quota: None,
    };
    // Its template is declared with it.
    let findings = declared.findings(&[]);
    if let Some(own) = findings.iter().find(|own| own.field != "template") {
        return wrong(format!("{field}.{}: {}", own.field, own.problem));
    }
    if initial > group.max {
        return wrong(format!(
            "{field}.initial: {initial} is above max {}; lower it, or raise max",
            group.max
        ));
    }
    for index in 0..initial {
        let mut node = Node::clone(&options.node);
        node.name = format!("{}-{index}", group.name).into();
        node.labels.insert(HOSTNAME_LABEL.into(), node.name.clone());
        plan.initial.push(Arc::new(node));
    }
    plan.groups.push(options);
    Ok(())
}

fn label(node: &mut Node, group: &str, instance_type: &str, bought: &str, zone: Option<&str>) {
    let labels = [
        (GROUP_LABEL, group),
        (INSTANCE_TYPE_LABEL, instance_type),
        (CAPACITY_LABEL, bought),
    ];
    for (key, value) in labels {
        node.labels.insert(key.into(), value.into());
    }
    if let Some(zone) = zone {
        node.labels.insert(ZONE_LABEL.into(), zone.into());
    }
}

/// The autoscalers of nodes of a scenario.
pub fn node_autoscalers(
    scenario: &Scenario,
    plan: Option<&ProviderPlan>,
    kube: &KubeRequest,
) -> Result<Vec<Box<dyn Component>>, BuildError> {
    let mut components: Vec<Box<dyn Component>> = Vec::new();
    let (Some(plan), Some(autoscaling)) = (plan, &scenario.system.autoscaling) else {
        return Ok(components);
    };
    if autoscaling.cluster.is_none() && autoscaling.provisioner.is_none() {
        return Ok(components);
    }
    if scenario.stop.at.is_none() {
        return wrong(
            "stop: autoscalers look again for ever, so the run would have no end; say when it \
             ends, as `stop: {at: 24h}`",
        );
    }
    let profiles = build_kube_profiles(&kube.config, kube.release);
    let mut profiles = profiles.map_err(|error| BuildError::Policy(error.to_string()))?;
    profiles.truncate(1);
    let Some(mut profile) = profiles.pop() else {
        return Ok(components);
    };
    add_machine(&mut profile);
    let (profile, objects) = (Arc::new(profile), Arc::new(kube.objects.clone()));
    if let Some(own) = &autoscaling.cluster {
        if plan.groups.is_empty() {
            return wrong(
                "system.autoscaling.cluster: there is no group to grow; write `groups` under \
                 `cluster.provider`",
            );
        }
        let options = ClusterAutoscalerOptions {
            groups: plan.groups.clone(),
            grow: grow(own, plan)?,
            shrink: shrink(own),
            profile: Arc::clone(&profile),
            objects: Arc::clone(&objects),
            seed: scenario.seed,
        };
        components.push(Box::new(ClusterAutoscaler::new(options)));
    }
    if let Some(own) = &autoscaling.provisioner {
        let options = provisioner(own, scenario, plan, (profile, objects))?;
        components.push(Box::new(Provisioner::new(options)));
    }
    Ok(components)
}

fn grow(own: &schema::ClusterAutoscaling, plan: &ProviderPlan) -> Result<GrowSettings, BuildError> {
    let expander = |name: &ExpanderName| match name {
        ExpanderName::LeastWaste => Expander::LeastWaste,
        ExpanderName::MostPods => Expander::MostPods,
        ExpanderName::LeastNodes => Expander::LeastNodes,
        ExpanderName::Random => Expander::Random,
        ExpanderName::Price => {
            let priced = plan.groups.iter().filter_map(|group| {
                let own = plan.kinds.get(&group.name)?;
                Some((group.name.clone(), own.price_micro_per_hour?))
            });
            Expander::Price(Prices {
                nodes: priced.collect(),
                core: CORE_PRICE,
                gibibyte: GIBIBYTE_PRICE,
            })
        }
        ExpanderName::Priority => {
            let priorities = own.priorities.iter().map(|(&value, patterns)| Priority {
                value,
                patterns: patterns.clone(),
            });
            Expander::Priority(priorities.collect())
        }
    };
    let expanders: Vec<Expander> = own.expanders.iter().map(expander).collect();
    if let Some(finding) = expanders.iter().flat_map(Expander::findings).next() {
        return wrong(format!("system.autoscaling.cluster: {finding}"));
    }
    Ok(GrowSettings {
        expendable: own.expendable_priority,
        max_total: own.max_nodes.map(|most| most as usize),
        provision: own.max_provision_time,
        expanders,
        ..GrowSettings::default()
    })
}

fn shrink(own: &schema::ClusterAutoscaling) -> ShrinkSettings {
    ShrinkSettings {
        threshold: if own.scale_down {
            own.utilization_threshold.as_f64()
        } else {
            // No node is used less than this.
            -1.0
        },
        unneeded: own.unneeded_time,
        after_growth: own.delay_after_add,
        after_failure: own.delay_after_failure,
        interval: own.scan_interval,
        ..ShrinkSettings::default()
    }
}

fn provisioner(
    own: &schema::Provisioning,
    scenario: &Scenario,
    plan: &ProviderPlan,
    (profile, objects): (Arc<KubeProfile>, Arc<crate::model::ClusterObjects>),
) -> Result<ProvisionerOptions, BuildError> {
    const POOL: &str = "provisioned";
    let field = "system.autoscaling.provisioner";
    let market = scenario
        .cluster
        .provider
        .as_ref()
        .and_then(|own| own.spot.as_ref());
    if own.spot && market.is_none() {
        return wrong(format!(
            "{field}.spot: nothing is said of spot capacity; write `spot` under `cluster.provider`"
        ));
    }
    let mut offerings = Vec::new();
    for pattern in &own.instance_types {
        let matching = plan.types.iter().filter(|(name, _)| matches(pattern, name));
        let matching: Vec<(&String, &InstanceType)> = matching.collect();
        if matching.is_empty() {
            return Err(unknown_type(
                &format!("{field}.instanceTypes"),
                pattern,
                plan,
            ));
        }
        for (name, _) in matching {
            for (bought, wanted) in [(ON_DEMAND, own.on_demand), (SPOT, own.spot)] {
                let price = plan.kinds.get(&*format!("{name}/{bought}"));
                let Some(price) = price
                    .filter(|_| wanted)
                    .and_then(|own| own.price_micro_per_hour)
                else {
                    continue;
                };
                let mut node = Node {
                    allocatable: plan.types[name].capacity.clone(),
                    ..Node::default()
                };
                label(&mut node, POOL, name, bought, own.zone.as_deref());
                offerings.push(Offering {
                    instance_type: name.as_str().into(),
                    node: Arc::new(node),
                    price,
                    is_spot: bought == SPOT,
                });
            }
        }
    }
    let budget = match own.budget.strip_suffix('%') {
        Some(percent) => percent.trim().parse().ok().map(DisruptionBudget::Percent),
        None => own.budget.trim().parse().ok().map(DisruptionBudget::Nodes),
    };
    let Some(budget) = budget else {
        return wrong(format!(
            "{field}.budget: expected a number of nodes or a share such as `10%`, found `{}`",
            own.budget
        ));
    };
    Ok(ProvisionerOptions {
        pool: POOL.into(),
        offerings,
        most_nodes: own.max_nodes.map(|most| most as usize),
        consolidation: match own.consolidation {
            ConsolidationPolicy::WhenEmpty => Consolidation::WhenEmpty,
            ConsolidationPolicy::WhenEmptyOrUnderutilized => {
                Consolidation::WhenEmptyOrUnderutilized
            }
        },
        consolidate_after: own.consolidate_after.max(Duration::ZERO),
        budget,
        spot_to_spot: own.spot_to_spot,
        profile,
        objects,
    })
}

/// Whether a name is one of a pattern, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(place) => rest = &rest[place + piece.len()..],
            None => return false,
        }
    }
    true
}
