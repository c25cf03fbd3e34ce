//! Options of clouds and platforms that change nothing in the setting that a scenario gives them, as notes of the
//! run: attributes that no instance has, balancers without a Service, weights of routes without alternates.

use std::sync::Arc;

use control::operation::Operation;
use model::node::{INSTANCE_TYPE_LABEL, ZONE_LABEL};
use model::service::{Ingress, Service};
use model::{Node, Object, PodSpec};
use scenario::Scenario;
use systems::ecs::query::Query;
use systems::ecs::section::Ecs;
use systems::nova::section::{Nova, NovaMigration};
use systems::openshift::section::OpenShift;
use units::{Duration, Instant};

use super::Remarks;

/// Notes what changes nothing.
pub(super) fn note(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    operations: &[(Instant, Operation)],
    remarks: &mut Remarks,
) {
    let system = &scenario.system;
    let setting = Setting { nodes, operations };
    match &*system.name {
        "ecs" => {
            let written: Ecs = system.own();
            let has_provider = scenario.cluster.provider.is_some();
            setting.ecs(&written, has_provider, remarks);
            Setting::ecs_providers(&written, remarks);
        }
        "openshift" => {
            setting.openshift(&system.own(), remarks);
        }
        "nova" => {
            let migration = system.own::<Nova>().live_migration;
            setting.nova(migration, scenario, remarks);
        }
        _ => {}
    }
}

/// Nodes and objects that a scenario declares.
struct Setting<'run> {
    nodes: &'run [Arc<Node>],
    operations: &'run [(Instant, Operation)],
}

impl<'run> Setting<'run> {
    fn objects(&self) -> impl Iterator<Item = &'run Object> {
        let operations = self.operations.iter();
        operations.filter_map(|(_, own)| match own {
            Operation::Create(object) | Operation::Apply(object) => Some(object),
            _ => None,
        })
    }

    /// Attributes of all instances, those that join later included.
    fn has_attribute(&self, name: &str) -> bool {
        let joining = self.operations.iter().filter_map(|(_, own)| match own {
            Operation::ApplyNode(node) => Some(node),
            _ => None,
        });
        let mut nodes = self.nodes.iter().chain(joining);
        nodes.any(|node| systems::ecs::attributes(node).contains_key(name))
    }

    fn has_balanced_service(&self) -> bool {
        let services = self.objects().filter_map(|own| match own {
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
        let mut templates = self.objects().filter_map(Object::template);
        templates.any(|spec| services.iter().any(|own| selects(own, spec)))
    }

    fn ecs(&self, written: &Ecs, has_provider: bool, remarks: &mut Remarks) {
        for (name, own) in &written.placement {
            let place = format!("system.ecs.placement.{name}");
            for (number, text) in own.strategies.iter().enumerate() {
                let spread = text.strip_prefix("spread=attribute:");
                if let Some(attribute) =
                    spread.filter(|own| !has_provider && !self.has_attribute(own))
                {
                    remarks.note(format!(
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
                    !has_provider && names.into_iter().all(|name| !self.has_attribute(name))
                });
                if let Some(name) = asked.as_ref().and_then(|own| own.names().pop()) {
                    remarks.note(format!(
                        "{place}.constraints[{number}]: no instance has the attribute `{name}`; {}",
                        remedy(name)
                    ));
                }
            }
        }
        let fields = [
            ("targetHealthyAfter", written.target_healthy_after.is_some()),
            (
                "deregistrationDelay",
                written.deregistration_delay != Duration::ZERO,
            ),
        ];
        for (field, is_stated) in fields {
            if is_stated && !self.has_balanced_service() {
                remarks.note(format!(
                    "system.ecs.{field} has no effect: no Service selects the tasks of a service, so that \
                     none has a balancer; add one to the manifests, or leave it out"
                ));
            }
        }
    }

    /// Shares of a single capacity provider.
    fn ecs_providers(written: &Ecs, remarks: &mut Remarks) {
        let [only] = &*written.capacity_providers else {
            return;
        };
        for (field, is_stated) in [("base", only.base > 0), ("weight", only.weight > 1)] {
            if is_stated {
                remarks.note(format!(
                    "system.ecs.capacityProviders[0].{field} has no effect: all tasks go to the only capacity \
                     provider; add another one, or leave it out"
                ));
            }
        }
    }

    fn openshift(&self, written: &OpenShift, remarks: &mut Remarks) {
        let routes = self.objects().filter_map(|own| match own {
            Object::Ingress(own) => Some(own),
            _ => None,
        });
        let routes: Vec<&Arc<Ingress>> = routes.collect();
        for own in &routes {
            let paths = own.rules.iter().flat_map(|rule| &rule.paths);
            let alone = paths.filter_map(|path| match &*path.backends {
                [only] => Some(only),
                _ => None,
            });
            for only in alone.filter(|own| !matches!(own.weight, 0 | 1 | 100)) {
                remarks.note(format!(
                    "Route/{}/{}: the weight {} of the service `{}` has no effect: it has all requests, as the \
                     route has no `alternateBackends`",
                    own.namespace, own.name, only.weight, only.service
                ));
            }
        }
        if !written.routers.is_empty() && routes.is_empty() {
            remarks.note(
                "system.openshift.routers has no effect: there is no Route and no Ingress; add one to the \
                 manifests, or leave it out"
                    .to_owned(),
            );
        }
    }

    fn nova(&self, migration: Option<NovaMigration>, scenario: &Scenario, remarks: &mut Remarks) {
        let cordons = |own: &Operation| {
            matches!(
                own,
                Operation::Cordon(_) | Operation::Drain(..) | Operation::Upgrade(_)
            )
        };
        let is_used = self.operations.iter().any(|(_, own)| cordons(own))
            || !scenario.failures.is_empty()
            || self.nodes.iter().any(|node| node.unschedulable);
        if migration.is_some() && !is_used {
            remarks.note(
                "system.nova.liveMigration has no effect: no host is taken out of use; write `cordon`, \
                 `drain` or `upgrade` under `operations`, or leave it out"
                    .to_owned(),
            );
        }
    }
}

/// What gives instances an attribute: a node's own label where ECS makes the attribute from one.
fn remedy(attribute: &str) -> String {
    match attribute {
        "ecs.availability-zone" => {
            format!("write `zone` at the nodes and groups, which is their label `{ZONE_LABEL}`")
        }
        "ecs.instance-type" => format!("give the nodes the label `{INSTANCE_TYPE_LABEL}`"),
        _ => "give the nodes a label of this name".to_owned(),
    }
}
