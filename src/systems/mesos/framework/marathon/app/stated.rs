//! Services as objects state them.

use std::sync::Arc;

use crate::mesos::marathon::upgrade::UpgradeStrategy;
use model::workload::{Count, Deployment, DeploymentStrategy};
use model::{Object, PodSpec};

/// Service that Marathon makes of an object; `None` of what is no service.
pub(super) struct Stated {
    pub(super) kind: &'static str,
    pub(super) template: Arc<PodSpec>,
    pub(super) replicas: u64,
    pub(super) is_resident: bool,
    /// Share that stays healthy, and the share by which there may be more.
    pub(super) upgrade: (f64, f64),
}

pub(super) fn stated(object: &Object) -> Option<Stated> {
    let plain = UpgradeStrategy::default_of(false);
    let plain = (plain.minimum_health_capacity, plain.maximum_over_capacity);
    let of = |template: &Arc<PodSpec>, replicas: i32, upgrade| Stated {
        kind: object.kind(),
        template: template.clone(),
        replicas: replicas.max(0) as u64,
        is_resident: false,
        upgrade,
    };
    Some(match object {
        Object::Deployment(own) => of(&own.template, own.replicas, capacities(own)),
        Object::ReplicaSet(own) | Object::ReplicationController(own) => {
            of(&own.template, own.replicas, plain)
        }
        Object::StatefulSet(own) => {
            let resident = UpgradeStrategy::default_of(true);
            Stated {
                is_resident: true,
                ..of(
                    &own.template,
                    own.replicas,
                    (
                        resident.minimum_health_capacity,
                        resident.maximum_over_capacity,
                    ),
                )
            }
        }
        _ => return None,
    })
}

/// Surge and unavailable of a deployment as shares of its instances, which Marathon rounds its own way
/// (`ignitionStrategy` of `TaskReplaceBehaviour.scala`): what stays healthy up, what there may be down.
fn capacities(own: &Deployment) -> (f64, f64) {
    match own.strategy {
        DeploymentStrategy::Recreate => (0.0, 0.0),
        DeploymentStrategy::RollingUpdate(update) => {
            let health = health(update.max_unavailable, own.replicas);
            let over = over(update.max_surge, own.replicas);
            let number = of(own.replicas);
            // Where nothing could move Marathon lets one more run, but only of healthy instances; to Kubernetes
            // others never stand in the way of an update.
            let is_fixed = (number * health).ceil() >= (number * (1.0 + over)).floor();
            let one = (1.0 + HALF) / number;
            (health, if is_fixed { one } else { over })
        }
    }
}

/// Part of an instance by which a number of them is off, so that the share of it is rounded to the number, whatever
/// the floats make of it.
const HALF: f64 = 0.5;

/// Share that stays healthy where so many may be missing.
fn health(missing: Count, replicas: i32) -> f64 {
    let share = match missing {
        Count::Percent(percent) => f64::from(100 - percent) / 100.0,
        Count::Number(0) => 1.0,
        Count::Number(number) => (f64::from(replicas) - f64::from(number) - HALF) / of(replicas),
    };
    share.clamp(0.0, 1.0)
}

/// Share by which there may be more where so many may.
fn over(more: Count, replicas: i32) -> f64 {
    match more {
        Count::Percent(percent) => f64::from(percent) / 100.0,
        Count::Number(0) => 0.0,
        Count::Number(number) => (f64::from(number) + HALF) / of(replicas),
    }
}

fn of(replicas: i32) -> f64 {
    f64::from(replicas.max(1))
}
