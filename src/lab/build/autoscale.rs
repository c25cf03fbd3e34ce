//! What scales the workloads of a scenario, and what would keep it from scaling.

use std::collections::BTreeSet;

use crate::control::autoscale::horizontal::{
    HorizontalSettings, HorizontalSpec, MetricSpec, PipelineSettings, double_targets,
};
use crate::control::autoscale::manager::{
    Action, AutoscalerOptions, ScheduledRule, ScheduledScaling,
};
use crate::control::autoscale::vertical::{RecommenderSettings, UpdaterSettings};
use crate::control::controllers::Release;
use crate::control::controllers::manager::ControllerOptions;
use crate::control::operation::Operation;
use crate::model::finding::{Finding, Problem};
use crate::model::usage::Pattern;
use crate::model::workload::{CronSchedule, ObjectRef};
use crate::model::{Object, PodSpec, Text};
use crate::scenario::Scenario;
use crate::scenario::schema;
use crate::sim::UsageOptions;
use crate::units::Instant;

use super::BuildError;
use super::operations::target;

/// What the autoscalers of a scenario are made from, if it has some.
pub fn autoscalers(
    scenario: &Scenario,
    controllers: Option<&ControllerOptions>,
    operations: &[(Instant, Operation)],
    usage: &UsageOptions,
) -> Result<Option<AutoscalerOptions>, BuildError> {
    let wrong = |what: String| Err(BuildError::Experiment(what));
    let declared = scenario.system.autoscaling.clone();
    let Some(controllers) = controllers else {
        return match declared {
            None => Ok(None),
            Some(_) => wrong(
                "system.autoscaling: nobody would make the pods that it asks for; write \
                 `controllers: {}` under `system`"
                    .to_owned(),
            ),
        };
    };
    let settings = declared.unwrap_or_default();
    let objects: Vec<&Object> = operations
        .iter()
        .filter_map(|(_, own)| declares(own))
        .collect();
    let scales = |object: &&Object| {
        matches!(
            object,
            Object::HorizontalPodAutoscaler(_) | Object::VerticalPodAutoscaler(_)
        )
    };
    if settings.scheduled.is_empty() && !objects.iter().any(scales) {
        return Ok(None);
    }
    if scenario.stop.at.is_none() {
        return wrong(
            "stop: autoscalers look again for ever, so the run would have no end; say when it \
             ends, as `stop: {at: 24h}`"
                .to_owned(),
        );
    }
    let findings = findings(&objects, scenario, usage);
    if !findings.is_empty() {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        return wrong(lines.join("\n"));
    }
    Ok(Some(options(scenario, &settings, controllers)?))
}

fn options(
    scenario: &Scenario,
    settings: &schema::Autoscaling,
    controllers: &ControllerOptions,
) -> Result<AutoscalerOptions, BuildError> {
    let (horizontal, metrics) = (&settings.horizontal, &settings.metrics);
    let vertical = &settings.vertical;
    let scheduled = settings.scheduled.iter().enumerate();
    let scheduled = scheduled.map(|(number, own)| scaling(number, own));
    Ok(AutoscalerOptions {
        horizontal: HorizontalSettings {
            release: Release::V1_36,
            period: horizontal.sync_period,
            tolerance: horizontal.tolerance,
            cpu_initialization: horizontal.cpu_initialization,
            initial_readiness_delay: horizontal.initial_readiness_delay,
            downscale_stabilization: horizontal.downscale_stabilization,
        },
        pipeline: PipelineSettings {
            scrape: metrics.scrape,
            window: metrics.window,
            delay: metrics.delay,
            loss: metrics.loss,
            stale: metrics.stale,
        },
        recommender: RecommenderSettings {
            target_part: vertical.target_part,
            margin: vertical.margin,
            ..RecommenderSettings::default()
        },
        updater: UpdaterSettings {
            tolerance: vertical.eviction_tolerance,
            ..UpdaterSettings::default()
        },
        vertical_period: vertical.period,
        scheduled: scheduled.collect::<Result<_, _>>()?,
        zero_unix_secs: controllers.zero_unix_secs,
        seed: scenario.seed,
    })
}

fn scaling(number: usize, own: &schema::Scheduled) -> Result<ScheduledScaling, BuildError> {
    let field = format!("system.autoscaling.scheduled[{number}]");
    let named = target(&own.target).ok_or_else(|| {
        BuildError::Experiment(format!(
            "{field}.target: expected KIND/NAMESPACE/NAME such as `Deployment/default/shop`, \
             found `{}`",
            own.target
        ))
    })?;
    let rules = own.rules.iter().enumerate().map(|(index, rule)| {
        let schedule = CronSchedule::parse(&rule.schedule, None).map_err(|why| {
            BuildError::Experiment(format!("{field}.rules[{index}].schedule: {why}"))
        })?;
        let action = match rule.max_replicas {
            None => Action::Replicas(rule.replicas),
            Some(most) if most < rule.replicas => {
                return Err(BuildError::Experiment(format!(
                    "{field}.rules[{index}].replicas: {} is above maxReplicas {most}; lower it, or \
                     raise maxReplicas",
                    rule.replicas
                )));
            }
            Some(most) => Action::Bounds(rule.replicas, most),
        };
        Ok(ScheduledRule { schedule, action })
    });
    Ok(ScheduledScaling {
        target: named,
        rules: rules.collect::<Result<_, _>>()?,
    })
}

/// What is wrong with autoscalers beside each other and beside what they scale.
fn findings(objects: &[&Object], scenario: &Scenario, usage: &UsageOptions) -> Vec<Finding> {
    let mut specs: Vec<&HorizontalSpec> = Vec::new();
    let mut names = BTreeSet::new();
    for object in objects {
        if let Object::HorizontalPodAutoscaler(own) = object
            && names.insert((&own.namespace, &own.name))
        {
            specs.push(&own.spec);
        }
    }
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
                    let missing = missing(metric, target, scenario, usage);
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
    let known = objects
        .iter()
        .filter(|object| object.kind() == &*target.kind);
    let known: BTreeSet<Text> = known.map(|object| object.name().clone()).collect();
    Problem::Unknown {
        kind: Object::KINDS
            .iter()
            .find(|kind| **kind == &*target.kind)
            .copied()
            .unwrap_or("workload"),
        name: target.name.clone(),
        known: known.into_iter().take(8).collect(),
    }
}

/// The workload that an autoscaler names, among all that is ever declared.
fn named<'a>(objects: &[&'a Object], namespace: &Text, target: &ObjectRef) -> Option<&'a Object> {
    let is_it = |object: &&&Object| {
        object.kind() == &*target.kind
            && object.namespace() == namespace
            && *object.name() == target.name
    };
    objects.iter().find(is_it).copied()
}

/// Why a metric can never arrive, if it can't.
fn missing(
    metric: &MetricSpec,
    target: &Object,
    scenario: &Scenario,
    usage: &UsageOptions,
) -> Option<Problem> {
    let expected = match metric {
        MetricSpec::Resource { resource, .. } | MetricSpec::ContainerResource { resource, .. } => {
            let stated = template(target)?.behaviour.as_ref();
            let (own, default) = match &**resource {
                "cpu" => (stated.and_then(|own| own.cpu_usage.as_ref()), &usage.cpu),
                "memory" => (
                    stated.and_then(|own| own.memory_usage.as_ref()),
                    &usage.memory,
                ),
                _ => return None,
            };
            let own = own.and_then(|text| text.parse::<Pattern>().ok());
            if own.is_some() || default.is_some() || super::traffic_feeds_usage(scenario) {
                return None;
            }
            "what the pods use, as an annotation `windtunnel.dev/cpu-usage` or \
             `windtunnel.dev/memory-usage` of the pod template or under `models.usage`; without it \
             the metric never arrives"
        }
        MetricSpec::External { metric, .. } => {
            if usage.external.contains_key(&metric.name) || super::traffic_feeds_metrics(scenario) {
                return None;
            }
            return Some(Problem::Unknown {
                kind: "external metric of `models.externalMetrics`",
                name: metric.name.clone(),
                known: usage.external.keys().take(8).cloned().collect(),
            });
        }
        MetricSpec::Pods { .. } | MetricSpec::Object { .. } => {
            if super::traffic_feeds_metrics(scenario) {
                return None;
            }
            "a source of the metric; without traffic no pod or object has any, so it never arrives"
        }
    };
    Some(Problem::Missing { expected })
}

fn template(object: &Object) -> Option<&PodSpec> {
    Some(match object {
        Object::Deployment(object) => &object.template,
        Object::ReplicaSet(object) | Object::ReplicationController(object) => &object.template,
        Object::StatefulSet(object) => &object.template,
        _ => return None,
    })
}

const fn declares(operation: &Operation) -> Option<&Object> {
    match operation {
        Operation::Create(object) | Operation::Apply(object) => Some(object),
        _ => None,
    }
}
