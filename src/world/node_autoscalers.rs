//! The autoscalers of nodes of a scenario, which order from its provider.

use std::sync::Arc;

use autoscale::cluster_autoscaler::{
    ClusterAutoscaler, ClusterAutoscalerOptions, Expander, GrowSettings, Prices, Priority,
    ShrinkSettings,
};
use autoscale::nodes::drain::{DrainExemptions, IgnoredPods};
use autoscale::provisioner::Provisioner;
use control::Component;
use model::Change;
use policy::Setup;
use policy::kube_profiles::{add_machine, build_kube_profiles};
use policy::registered::add_registered;
use scenario::Scenario;
use scenario::schema::{self, ExpanderName};
use systems::KubeRequest;

use super::BuildError;
use super::found_nodes::ClusterAtStart;

use super::provider::{ProviderPlan, wrong};
use super::provisioner::provisioner;
use super::runs_workloads::runs_workloads;

/// Price of a core and a GiB for an hour where the expander `price` weighs requests, in millionths:
/// those of the cost split.
const CORE_PRICE: i64 = 31_611;
const GIBIBYTE_PRICE: i64 = 4_237;

/// The autoscalers of nodes of a scenario.
pub fn node_autoscalers(
    scenario: &Scenario,
    plan: Option<&ProviderPlan>,
    kube: &KubeRequest,
    cluster: ClusterAtStart<'_>,
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
            shrink: shrink(own, scenario),
            profile: Arc::clone(&profile),
            objects: Arc::clone(&objects),
            seed: scenario.seed,
        };
        components.push(Box::new(ClusterAutoscaler::new(options)));
    }
    if let Some(own) = &autoscaling.provisioner {
        let options = provisioner(own, scenario, plan, cluster, profile, objects)?;
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

fn shrink(own: &schema::ClusterAutoscaling, scenario: &Scenario) -> ShrinkSettings {
    let changes = scenario.system.controllers_changes();
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
        ignored: IgnoredPods {
            daemons: own.ignore_daemon_sets_utilization,
            mirrors: own.ignore_mirror_pods_utilization,
        },
        waived: DrainExemptions {
            missing_controllers: !runs_workloads(scenario),
            local_storage: !own.skip_nodes_with_local_storage,
            system_pods: !own.skip_nodes_with_system_pods,
            system_pod_timeout: !changes.has(Change::SystemPodTimeout),
        },
        ..ShrinkSettings::default()
    }
}
