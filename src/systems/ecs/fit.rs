//! Options of ECS beside the instances and services of a cluster: attributes that no instance has, balancers
//! without a Service, shares of a single provider.

use std::sync::Arc;

use model::node::{INSTANCE_TYPE_LABEL, ZONE_LABEL};
use model::service::Service;
use model::{Object, PodSpec};
use units::Duration;

use super::attributes;
use super::query::Query;
use super::section::Ecs;
use crate::setting::Setting;

/// Notes about options that change nothing.
pub(crate) fn idle(stated: &Ecs, setting: &Setting<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let lacks = |name: &str| {
        let mut nodes = setting.all_nodes();
        !setting.has_provider && !nodes.any(|node| attributes(node).contains_key(name))
    };
    for (name, own) in &stated.placement {
        let place = format!("system.ecs.placement.{name}");
        for (number, text) in own.strategies.iter().enumerate() {
            let spread = text.strip_prefix("spread=attribute:");
            if let Some(attribute) = spread.filter(|&own| lacks(own)) {
                notes.push(format!(
                    "{place}.strategies[{number}] has no effect: no instance has the attribute \
                     `{attribute}`, so all of them are alike; {}",
                    remedy(attribute)
                ));
            }
        }
        for (number, text) in own.constraints.iter().enumerate() {
            let asked = Query::parse(text).ok();
            let asked = asked.filter(|own| {
                let names = own.names();
                names.into_iter().all(|name| lacks(name))
            });
            if let Some(name) = asked.as_ref().and_then(|own| own.names().pop()) {
                notes.push(format!(
                    "{place}.constraints[{number}]: no instance has the attribute `{name}`; {}",
                    remedy(name)
                ));
            }
        }
    }
    let fields = [
        ("targetHealthyAfter", stated.target_healthy_after.is_some()),
        (
            "deregistrationDelay",
            stated.deregistration_delay != Duration::ZERO,
        ),
    ];
    for (field, is_stated) in fields {
        if is_stated && !has_balanced_service(setting) {
            notes.push(format!(
                "system.ecs.{field} has no effect: no Service selects the tasks of a service, so that \
                 none has a balancer; add one to the manifests, or leave it out"
            ));
        }
    }
    let [only] = &*stated.capacity_providers else {
        return notes;
    };
    for (field, is_stated) in [("base", only.base > 0), ("weight", only.weight > 1)] {
        if is_stated {
            notes.push(format!(
                "system.ecs.capacityProviders[0].{field} has no effect: all tasks go to the only capacity \
                 provider; add another one, or leave it out"
            ));
        }
    }
    notes
}

fn has_balanced_service(setting: &Setting<'_>) -> bool {
    let services = setting.objects().filter_map(|own| match own {
        Object::Service(service) => Some(service),
        _ => None,
    });
    let selects = |service: &Service, spec: &PodSpec| {
        let mut labels = service.selector.iter();
        !service.selector.is_empty()
            && service.namespace == spec.namespace
            && labels.all(|(key, value)| spec.labels.get(key) == Some(value))
    };
    let services: Vec<&Arc<Service>> = services.collect();
    let mut templates = setting.objects().filter_map(Object::template);
    templates.any(|spec| services.iter().any(|own| selects(own, spec)))
}

/// Remedy that gives instances an attribute: a node's own label where ECS makes the attribute from one.
fn remedy(attribute: &str) -> String {
    match attribute {
        "ecs.availability-zone" => {
            format!("write `zone` at the nodes and groups, which is their label `{ZONE_LABEL}`")
        }
        "ecs.instance-type" => format!("give the nodes the label `{INSTANCE_TYPE_LABEL}`"),
        _ => "give the nodes a label of this name".to_owned(),
    }
}
