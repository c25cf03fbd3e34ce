//! Findings about what would keep the autoscalers of a scenario from scaling, or set them against
//! each other.

use autoscale::horizontal::{HorizontalSpec, MetricSpec, double_targets};
use model::finding::{Finding, Problem};
use model::resource_list::{CPU, MEMORY};
use model::usage::Pattern;
use model::workload::ObjectRef;
use model::workload::vertical::UpdateMode;
use model::{Object, PodSpec, Text};
use scenario::Scenario;
use sim::UsageOptions;
use sim::traffic::measures::MEASURES;
use units::{Duration, SortedSet};

/// Faults of autoscalers beside each other and beside what they scale.
pub(super) fn findings(
    objects: &[&Object],
    scenario: &Scenario,
    usage: &UsageOptions,
) -> Vec<Finding> {
    let mut specs: Vec<&HorizontalSpec> = Vec::new();
    let mut names = SortedSet::new();
    for object in objects {
        if let Object::HorizontalPodAutoscaler(own) = object
            && names.insert((&own.namespace, &own.name))
        {
            specs.push(&own.spec);
        }
    }
    let around = Surroundings {
        objects,
        scenario,
        usage,
    };
    let mut found = double_targets(specs.iter().copied());
    for spec in &specs {
        let add = |field: String, problem| Finding {
            object: spec.to_string(),
            field,
            problem,
        };
        match named(objects, &spec.namespace, &spec.target) {
            None => found.push(add(
                "spec.scaleTargetRef".to_owned(),
                unknown(objects, &spec.target),
            )),
            Some(target) => {
                for (index, metric) in spec.metrics().iter().enumerate() {
                    let missing = around.missing(metric, &spec.namespace, target);
                    let field = format!("spec.metrics[{index}]");
                    found.extend(missing.map(|problem| add(field, problem)));
                }
            }
        }
    }
    for object in objects {
        let Object::VerticalPodAutoscaler(own) = object else {
            continue;
        };
        if named(objects, &own.namespace, &own.target).is_none() {
            found.push(Finding {
                object: format!("VerticalPodAutoscaler {}/{}", own.namespace, own.name),
                field: "spec.targetRef".to_owned(),
                problem: unknown(objects, &own.target),
            });
        }
    }
    found
}

fn unknown(objects: &[&Object], target: &ObjectRef) -> Problem {
    let mut kinds = Object::KINDS.iter();
    let Some(kind) = kinds.find(|kind| **kind == &*target.kind) else {
        // A kind that is not read may be meant for one that is, such as a DeploymentConfig.
        let scaled = (objects.iter()).filter(|object| SCALED.contains(&object.kind()));
        let known: SortedSet<Text> = scaled
            .map(|object| format!("{} {}", object.kind(), object.name()).into())
            .collect();
        return Problem::Unknown {
            kind: "workload",
            name: format!("{} {}", target.kind, target.name).into(),
            known: known.into_iter().take(8).collect(),
        };
    };
    let known = objects
        .iter()
        .filter(|object| object.kind() == &*target.kind);
    let known: SortedSet<Text> = known.map(|object| object.name().clone()).collect();
    Problem::Unknown {
        kind,
        name: target.name.clone(),
        known: known.into_iter().take(8).collect(),
    }
}

/// Kinds of the workloads that autoscalers scale.
const SCALED: [&str; 4] = [
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// The workload that an autoscaler names, among all that is ever declared.
fn named<'a>(objects: &[&'a Object], namespace: &Text, target: &ObjectRef) -> Option<&'a Object> {
    let is_it = |object: &&&Object| {
        object.kind() == &*target.kind
            && object.namespace() == namespace
            && *object.name() == target.name
    };
    objects.iter().find(is_it).copied()
}

/// Vertical autoscalers that resize what a horizontal one measures by: who, and what that leads to.
pub(super) fn rivals(objects: &[&Object]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for object in objects {
        let Object::VerticalPodAutoscaler(own) = object else {
            continue;
        };
        if own.mode == UpdateMode::Off {
            continue;
        }
        let rival = objects.iter().find_map(|other| match other {
            Object::HorizontalPodAutoscaler(other)
                if other.namespace == own.namespace
                    && other.spec.target == own.target
                    && other.spec.metrics().iter().any(measures_requests) =>
            {
                Some(&other.spec)
            }
            _ => None,
        });
        let Some(rival) = rival else { continue };
        let name = super::remarks::autoscaler(object).unwrap_or_default();
        let what = format!(
            "{rival} scales {} {} by usage relative to requests, which this one changes: they can \
             feed back on each other; scale by another metric, or write `updateMode: Off`",
            own.target.kind, own.target.name
        );
        if !found.iter().any(|(known, _)| *known == name) {
            found.push((name, what));
        }
    }
    found
}

/// Horizontal autoscalers that state a tolerance.
pub(super) fn with_tolerance(objects: &[&Object]) -> Vec<String> {
    let mut found = Vec::new();
    for object in objects {
        let Object::HorizontalPodAutoscaler(own) = object else {
            continue;
        };
        let behavior = &own.spec.behavior;
        let mut rules = behavior.iter().flat_map(|own| [&own.up, &own.down]);
        let name = super::remarks::autoscaler(object).unwrap_or_default();
        if rules.any(|own| own.tolerance_milli.is_some()) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Whether a metric is a share of what pods ask for.
const fn measures_requests(metric: &MetricSpec) -> bool {
    use autoscale::horizontal::Target;
    matches!(
        metric,
        MetricSpec::Resource {
            target: Target::Utilization(_),
            ..
        } | MetricSpec::ContainerResource {
            target: Target::Utilization(_),
            ..
        }
    )
}

/// Surroundings that an autoscaler is checked against.
pub(super) struct Surroundings<'a> {
    pub(super) objects: &'a [&'a Object],
    pub(super) scenario: &'a Scenario,
    pub(super) usage: &'a UsageOptions,
}

impl Surroundings<'_> {
    /// Whether clients are followed, so that their requests are measured.
    fn has_traffic(&self) -> bool {
        !self.scenario.traffic.is_empty()
    }

    /// Reason a metric can never arrive, if it can't.
    fn missing(&self, metric: &MetricSpec, namespace: &Text, target: &Object) -> Option<Problem> {
        match metric {
            MetricSpec::Resource { resource, .. }
            | MetricSpec::ContainerResource { resource, .. } => self.unused(resource, target),
            MetricSpec::External { metric, .. } => self.unknown_outside(&metric.name),
            MetricSpec::Pods { metric, .. } => self.unmeasured(&metric.name),
            MetricSpec::Object { metric, object, .. } => {
                let unmeasured = self.unmeasured(&metric.name);
                unmeasured.or_else(|| self.unserved(namespace, object))
            }
        }
    }

    /// Reason nothing comes from outside by a name.
    pub(super) fn unknown_outside(&self, name: &Text) -> Option<Problem> {
        if self.usage.external.contains_key(name) {
            return None;
        }
        Some(Problem::Unknown {
            kind: "external metric of `models.externalMetrics`",
            name: name.clone(),
            known: self.usage.external.keys().take(8).cloned().collect(),
        })
    }

    /// Reason the pods' usage of a resource is unknown.
    pub(super) fn unused(&self, resource: &str, target: &Object) -> Option<Problem> {
        let template = template(target)?;
        let stated = template.behaviour.as_ref();
        let (own, default) = match resource {
            CPU => (
                stated.and_then(|own| own.cpu_usage.as_ref()),
                &self.usage.cpu,
            ),
            MEMORY => (
                stated.and_then(|own| own.memory_usage.as_ref()),
                &self.usage.memory,
            ),
            _ => return None,
        };
        let own = own.and_then(|text| text.parse::<Pattern>().ok());
        let of_containers = stated.is_some_and(|own| {
            let mut all = own.container_usage.iter();
            all.any(|own| match resource {
                CPU => own.cpu.is_some(),
                _ => own.memory.is_some(),
            })
        });
        let per_request = (template.server.as_ref()).and_then(|server| server.cpu_per_request);
        let per_request = per_request.unwrap_or(self.scenario.models.services.cpu_per_request);
        if own.is_some() || of_containers || default.is_some() {
            return None;
        }
        if resource == CPU && self.has_traffic() {
            let expected = "the CPU time of a request, as an annotation \
                            `windtunnel.dev/cpu-per-request` of the pod template or as \
                            `models.services.cpuPerRequest`; without it the metric is never \
                            available";
            return (per_request <= Duration::ZERO).then_some(Problem::Missing { expected });
        }
        let expected = "the usage of the pods, as an annotation `windtunnel.dev/cpu-usage` or \
                        `windtunnel.dev/memory-usage` of the pod template or under \
                        `models.usage`; without it the metric is never available \
                        (`--ignore hpa` leaves such autoscalers out)";
        Some(Problem::Missing { expected })
    }

    /// Reason no pod or object has a metric of a name.
    pub(super) fn unmeasured(&self, name: &Text) -> Option<Problem> {
        if !self.has_traffic() {
            let expected = "a source of the metric: without `traffic` no pod or object has any; write one that a file \
                            has as `type: External`, and the file under `models.externalMetrics`";
            return Some(Problem::Missing { expected });
        }
        let mut names = MEASURES.iter().map(|(name, _)| *name);
        (!names.any(|known| *known == **name)).then(|| Problem::Unknown {
            kind: "metric of traffic",
            name: name.clone(),
            known: MEASURES.iter().map(|(name, _)| (*name).into()).collect(),
        })
    }

    /// Reason an object has no metrics.
    fn unserved(&self, namespace: &Text, object: &ObjectRef) -> Option<Problem> {
        let kind = match &*object.kind {
            "Service" => "Service",
            "Ingress" => "Ingress",
            _ => {
                let expected = "`describedObject` of kind `Service` or `Ingress`, for which \
                                traffic is measured; metrics of other objects are those of files: write `type: \
                                External`, and the file under `models.externalMetrics`";
                return Some(Problem::Missing { expected });
            }
        };
        if named(self.objects, namespace, object).is_some() {
            return None;
        }
        let known = self.objects.iter().filter(|own| own.kind() == kind);
        let known: SortedSet<Text> = known.map(|own| own.name().clone()).collect();
        Some(Problem::Unknown {
            kind,
            name: object.name.clone(),
            known: known.into_iter().take(8).collect(),
        })
    }
}

fn template(object: &Object) -> Option<&PodSpec> {
    Some(match object {
        Object::Deployment(object) => &object.template,
        Object::ReplicaSet(object) | Object::ReplicationController(object) => &object.template,
        Object::StatefulSet(object) => &object.template,
        _ => return None,
    })
}
