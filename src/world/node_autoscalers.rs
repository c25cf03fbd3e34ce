//! The autoscalers of nodes of a scenario, which order from its provider.

use std::sync::Arc;

use autoscale::cluster_autoscaler::{
    ClusterAutoscaler, ClusterAutoscalerOptions, Expander, GrowSettings, Prices, Priority,
    ShrinkSettings,
};
use autoscale::nodes::drain::{Ignored, Waived};
use autoscale::provisioner::{
    BudgetWindow, ConsolidationPolicy, DisruptionBudget, Offering, Provisioner, ProvisionerOptions,
    Reason,
};
use control::Component;
use model::node::{ON_DEMAND, SPOT};
use model::workload::CronSchedule;
use policy::Setup;
use policy::kube_profiles::{add_machine, build_kube_profiles};
use policy::registered::add_registered;
use scenario::Scenario;
use scenario::schema::{self, DisruptionReason, ExpanderName, NodeAnnotations};
use scheduler::kube::KubeProfile;
use systems::KubeRequest;
use units::{Duration, Instant};

use super::BuildError;
use super::catalogue::matches;
use super::instance_type::InstanceType;
use metrics::economics::priced_as;

use super::provider::{ProviderPlan, label, unknown_type, wrong};

/// Price of a core and a GiB for an hour where the expander `price` weighs requests, in millionths:
/// those of the cost split.
const CORE_PRICE: i64 = 31_611;
const GIBIBYTE_PRICE: i64 = 4_237;

/// Prefix of the names of a provisioner's nodes.
const POOL: &str = "provisioned";

/// Field of the provisioner.
const PROVISIONER: &str = "system.autoscaling.provisioner";

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
            "stop: autoscalers never stop, so the run would not end; set its end, such as `stop: \
             {at: 24h}`",
        );
    }
    let profiles = build_kube_profiles(&kube.config, kube.changes);
    let mut profiles = profiles.map_err(|error| BuildError::Policy(error.to_string()))?;
    profiles.truncate(1);
    let Some(mut profile) = profiles.pop() else {
        return Ok(components);
    };
    // Autoscalers ask the filters alone, which are made from their arguments.
    add_registered(&mut profile, &kube.registered, &Setup::default())
        .map_err(|error| BuildError::Policy(error.to_string()))?;
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
        let options = provisioner(own, scenario, plan, profile, objects)?;
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
        new_pod_delay: own.new_pod_scale_up_delay,
        backoff: own.back_off,
        max_backoff: own.max_back_off.max(own.back_off),
        balances: own.balance_similar_node_groups,
        ignored_labels: own
            .balancing_ignore_labels
            .iter()
            .map(|own| own.as_str().into())
            .collect(),
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
        gpu_threshold: if own.scale_down {
            own.gpu_utilization_threshold.as_f64()
        } else {
            -1.0
        },
        unneeded: own.unneeded_time,
        unready: own.unready_time,
        after_deletion: own.delay_after_delete,
        parallel: own.max_scale_down_parallelism as usize,
        parallel_drains: own.max_drain_parallelism as usize,
        grace: own.max_graceful_termination,
        after_growth: own.delay_after_add,
        after_failure: own.delay_after_failure,
        interval: own.scan_interval,
        ignored: Ignored {
            daemons: own.ignore_daemon_sets_utilization,
            mirrors: own.ignore_mirror_pods_utilization,
        },
        waived: Waived {
            local_storage: !own.skip_nodes_with_local_storage,
            system_pods: !own.skip_nodes_with_system_pods,
        },
        ..ShrinkSettings::default()
    }
}

fn provisioner(
    own: &schema::Provisioning,
    scenario: &Scenario,
    plan: &ProviderPlan,
    profile: Arc<KubeProfile>,
    objects: Arc<model::ClusterObjects>,
) -> Result<ProvisionerOptions, BuildError> {
    let field = PROVISIONER;
    let market = scenario
        .cluster
        .provider
        .as_ref()
        .and_then(|own| own.spot.as_ref());
    if own.spot && market.is_none() {
        return wrong(format!(
            "{field}.spot: spot capacity is not configured; write `spot` under `cluster.provider`"
        ));
    }
    let offerings = offerings(own, plan)?;
    let budget = budget(&format!("{field}.budget"), &own.budget)?;
    let windows = own.budgets.iter().enumerate();
    let budgets = windows.map(|(number, own)| window(&format!("{field}.budgets[{number}]"), own));
    let zero_unix_secs =
        super::operations::controllers(scenario)?.map_or(0, |own| own.zero_unix_secs);
    let mut drifts: Vec<Instant> = own
        .drifts
        .iter()
        .map(|&at| Instant::ZERO.saturating_add(at))
        .collect();
    drifts.sort_unstable();
    Ok(ProvisionerOptions {
        pool: POOL.into(),
        offerings,
        most_nodes: own.max_nodes.map(|most| most as usize),
        consolidation: match own.consolidation {
            schema::ConsolidationPolicy::WhenEmpty => ConsolidationPolicy::WhenEmpty,
            schema::ConsolidationPolicy::WhenEmptyOrUnderutilized => {
                ConsolidationPolicy::WhenEmptyOrUnderutilized
            }
        },
        consolidate_after: own.consolidate_after.max(Duration::ZERO),
        budget,
        budgets: budgets.collect::<Result<_, _>>()?,
        expire_after: own.expire_after,
        drifts,
        zero_unix_secs,
        spot_to_spot: own.spot_to_spot,
        ignores_preferences: own.preference_policy == schema::PreferencePolicy::Ignore,
        termination_grace: own.termination_grace_period,
        profile,
        objects,
    })
}

fn budget(field: &str, text: &str) -> Result<DisruptionBudget, BuildError> {
    let budget = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse().ok().map(DisruptionBudget::Percent),
        None => text.trim().parse().ok().map(DisruptionBudget::Nodes),
    };
    budget.ok_or_else(|| {
        BuildError::Experiment(format!(
            "{field}: expected a number of nodes or a share such as `10%`, found `{text}`"
        ))
    })
}

fn window(field: &str, own: &schema::DisruptionWindow) -> Result<BudgetWindow, BuildError> {
    let schedule = own.schedule.as_deref().map(|text| {
        let parsed = CronSchedule::parse(text, None);
        parsed.map_err(|why| BuildError::Experiment(format!("{field}.schedule: {why}")))
    });
    let reasons = own.reasons.iter().map(|reason| match reason {
        DisruptionReason::Empty => Reason::Empty,
        DisruptionReason::Drifted => Reason::Drifted,
        DisruptionReason::Underutilized => Reason::Underutilized,
    });
    Ok(BudgetWindow {
        limit: budget(&format!("{field}.nodes"), &own.nodes)?,
        times: schedule.transpose()?.zip(own.lasts),
        reasons: reasons.collect(),
    })
}

/// Offerings that a provisioner may buy.
fn offerings(own: &schema::Provisioning, plan: &ProviderPlan) -> Result<Vec<Offering>, BuildError> {
    let mut offerings = Vec::new();
    for pattern in &own.instance_types {
        let matching = plan.types.iter().filter(|(name, _)| matches(pattern, name));
        let matching: Vec<(&String, &InstanceType)> = matching.collect();
        if matching.is_empty() {
            return Err(unknown_type(
                &format!("{PROVISIONER}.instanceTypes"),
                pattern,
                plan,
            ));
        }
        for (name, known) in matching {
            for (bought, wanted) in [(ON_DEMAND, own.on_demand), (SPOT, own.spot)] {
                let zones = zones(own).into_iter().filter(|_| wanted);
                let sold = zones
                    .filter_map(|zone| offering(name, known, bought, zone, &own.annotations, plan));
                offerings.extend(sold);
            }
        }
    }
    if offerings.is_empty() {
        let named: Vec<&str> = zones(own).into_iter().flatten().collect();
        let place = match named.as_slice() {
            [] => String::new(),
            names => format!(" in zone `{}`", names.join("`, `")),
        };
        return wrong(format!(
            "{PROVISIONER}.instanceTypes: none of these has a usable price{place}; check \
             `onDemand`, `spot` and `zone`, and at the list of prices"
        ));
    }
    Ok(offerings)
}

/// The zones of a provisioner's nodes; `None` is none.
fn zones(own: &schema::Provisioning) -> Vec<Option<&str>> {
    if own.zones.is_empty() {
        return vec![own.zone.as_deref()];
    }
    own.zones.iter().map(|zone| Some(zone.as_str())).collect()
}

/// An instance type as it is sold in a zone, if it is.
fn offering(
    name: &str,
    known: &InstanceType,
    bought: &str,
    zone: Option<&str>,
    annotations: &NodeAnnotations,
    plan: &ProviderPlan,
) -> Option<Offering> {
    // The price of its zone goes before that of everywhere.
    let (price, kind) = [zone, None].into_iter().find_map(|zone| {
        let kind = priced_as(name, bought, zone);
        let price = plan.kinds.get(&*kind)?.price_micro_per_hour?;
        Some((price, kind))
    })?;
    let mut node = known.node.clone();
    label(&mut node, POOL, name, bought, zone);
    node.guard = super::nodes::guard(annotations);
    Some(Offering {
        instance_type: name.into(),
        node: Arc::new(node),
        price,
        priced_as: kind.into(),
        is_spot: bought == SPOT,
    })
}
