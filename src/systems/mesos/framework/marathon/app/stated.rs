//! Services as objects state them.

use std::sync::Arc;

use crate::mesos::marathon::upgrade::UpgradeStrategy;
use model::workload::{Deployment, DeploymentStrategy};
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

/// Surge and unavailable of a deployment as shares of its instances.
fn capacities(own: &Deployment) -> (f64, f64) {
    let replicas = f64::from(own.replicas.max(1));
    match own.strategy {
        DeploymentStrategy::Recreate => (0.0, 0.0),
        DeploymentStrategy::RollingUpdate(_) => (
            1.0 - f64::from(own.max_unavailable()) / replicas,
            f64::from(own.max_surge()) / replicas,
        ),
    }
}
