//! Workloads that keep a number of pods: `spec` and `status`.

use model::workload::deployment::DeploymentCondition;
use model::workload::{
    BudgetLimit, Count, DaemonSet, Deployment, DeploymentStrategy, PodDisruptionBudget,
    PodManagement, ReplicaSet, StatefulSet, StatefulUpdate,
};
use serde_json::{Value, json};
use units::Duration;

use super::{Counted, Parts, Wall, seconds, selector, stated, template, texts};
use crate::runtime::timestamp;

pub(super) fn deployment(own: &Deployment, counted: Option<Counted>, wall: Wall<'_>) -> Parts {
    let strategy = match &own.strategy {
        DeploymentStrategy::Recreate => json!({"type": "Recreate"}),
        DeploymentStrategy::RollingUpdate(update) => json!({
            "type": "RollingUpdate",
            "rollingUpdate": {
                "maxSurge": count(update.max_surge),
                "maxUnavailable": count(update.max_unavailable),
            },
        }),
    };
    let spec = json!({
        "replicas": own.replicas,
        "selector": selector(&own.selector),
        "strategy": strategy,
        "minReadySeconds": min_ready(own.min_ready),
        "paused": own.paused.then_some(true),
        "template": template(&own.template),
    });
    let status = &own.status;
    let status = counted.map_or_else(
        || {
            let conditions = status.conditions.iter();
            let conditions: Vec<Value> = conditions.map(|one| condition(one, wall)).collect();
            json!({
                "observedGeneration": status.observed_generation,
                "replicas": status.replicas,
                "updatedReplicas": status.updated,
                "readyReplicas": status.ready,
                "availableReplicas": status.available,
                "unavailableReplicas": status.unavailable,
                "conditions": conditions,
            })
        },
        |counted| {
            json!({
                "replicas": counted.replicas,
                "updatedReplicas": counted.updated,
                "readyReplicas": counted.ready,
                "availableReplicas": counted.ready,
                "unavailableReplicas": (own.replicas - counted.ready).max(0),
            })
        },
    );
    Parts {
        api_version: "apps/v1",
        spec: stated(spec),
        status,
    }
}

fn condition(condition: &DeploymentCondition, wall: Wall<'_>) -> Value {
    json!({
        // Kinds and reasons are named as in the API.
        "type": format!("{:?}", condition.kind),
        "status": match condition.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        },
        "reason": format!("{:?}", condition.reason),
        "lastUpdateTime": timestamp(wall(condition.updated)),
        "lastTransitionTime": timestamp(wall(condition.changed)),
    })
}

pub(super) fn replica_set(
    api_version: &'static str,
    own: &ReplicaSet,
    counted: Option<Counted>,
) -> Parts {
    let spec = json!({
        "replicas": own.replicas,
        "selector": selector(&own.selector),
        "minReadySeconds": min_ready(own.min_ready),
        "template": template(&own.template),
    });
    let status = own.status;
    let status = counted.map_or(
        [status.replicas, status.ready, status.available],
        |counted| [counted.replicas, counted.ready, counted.ready],
    );
    let [replicas, ready, available] = status;
    Parts {
        api_version,
        spec: stated(spec),
        status: json!({
            "replicas": replicas, "readyReplicas": ready, "availableReplicas": available,
        }),
    }
}

pub(super) fn stateful_set(own: &StatefulSet, counted: Option<Counted>) -> Parts {
    let update = match &own.update {
        StatefulUpdate::OnDelete => json!({"type": "OnDelete"}),
        StatefulUpdate::RollingUpdate {
            partition,
            max_unavailable,
        } => json!({
            "type": "RollingUpdate",
            "rollingUpdate": stated(json!({
                "partition": partition,
                "maxUnavailable": max_unavailable.map(count),
            })),
        }),
    };
    let management = match own.management {
        PodManagement::OrderedReady => "OrderedReady",
        PodManagement::Parallel => "Parallel",
    };
    let claims = (!own.claim_templates.is_empty()).then(|| texts(&own.claim_templates));
    let spec = json!({
        "replicas": own.replicas,
        "selector": selector(&own.selector),
        "podManagementPolicy": management,
        "updateStrategy": update,
        "minReadySeconds": min_ready(own.min_ready),
        "volumeClaimTemplates": claims.map(|names| {
            let claims = names.into_iter().map(|name| json!({"metadata": {"name": name}}));
            claims.collect::<Vec<_>>()
        }),
        "template": template(&own.template),
    });
    let status = &own.status;
    let status = counted.map_or_else(
        || {
            json!({
                "replicas": status.replicas,
                "readyReplicas": status.ready,
                "availableReplicas": status.available,
                "currentReplicas": status.current,
                "updatedReplicas": status.updated,
                "currentRevision": status.current_revision,
                "updateRevision": status.update_revision,
            })
        },
        |counted| {
            json!({
                "replicas": counted.replicas,
                "readyReplicas": counted.ready,
                "availableReplicas": counted.ready,
                "updatedReplicas": counted.updated,
            })
        },
    );
    Parts {
        api_version: "apps/v1",
        spec: stated(spec),
        status,
    }
}

pub(super) fn daemon_set(own: &DaemonSet, counted: Option<Counted>) -> Parts {
    let update = own.update.as_ref().map_or_else(
        || json!({"type": "OnDelete"}),
        |update| {
            json!({
                "type": "RollingUpdate",
                "rollingUpdate": {
                    "maxSurge": count(update.max_surge),
                    "maxUnavailable": count(update.max_unavailable),
                },
            })
        },
    );
    let spec = json!({
        "selector": selector(&own.selector),
        "updateStrategy": update,
        "minReadySeconds": min_ready(own.min_ready),
        "template": template(&own.template),
    });
    let status = own.status;
    let status = counted.map_or_else(
        || {
            json!({
                "desiredNumberScheduled": status.desired,
                "currentNumberScheduled": status.current,
                "numberReady": status.ready,
                "numberAvailable": status.available,
                "updatedNumberScheduled": status.updated,
                "numberMisscheduled": status.misplaced,
            })
        },
        |counted| {
            json!({
                "desiredNumberScheduled": counted.replicas,
                "currentNumberScheduled": counted.replicas,
                "numberReady": counted.ready,
                "numberAvailable": counted.ready,
                "updatedNumberScheduled": counted.updated,
            })
        },
    );
    Parts {
        api_version: "apps/v1",
        spec: stated(spec),
        status,
    }
}

pub(super) fn budget(own: &PodDisruptionBudget) -> Parts {
    let (least, most) = match &own.limit {
        BudgetLimit::MinAvailable(limit) => (Some(count(*limit)), None),
        BudgetLimit::MaxUnavailable(limit) => (None, Some(count(*limit))),
    };
    let spec = json!({
        "minAvailable": least,
        "maxUnavailable": most,
        "selector": own.selector.as_ref().map(selector),
    });
    let status = &own.status;
    Parts {
        api_version: "policy/v1",
        spec: stated(spec),
        status: json!({
            "disruptionsAllowed": status.disruptions_allowed,
            "currentHealthy": status.current_healthy,
            "desiredHealthy": status.desired_healthy,
            "expectedPods": status.expected_pods,
        }),
    }
}

/// A number or a percentage.
fn count(count: Count) -> Value {
    match count {
        Count::Number(number) => json!(number),
        Count::Percent(_) => json!(count.to_string()),
    }
}

/// Least time of being ready, where there is any.
fn min_ready(duration: Duration) -> Option<i64> {
    Some(seconds(duration)).filter(|&seconds| seconds > 0)
}
