//! Autoscalers of a scenario's workloads, and what would keep them from scaling.

use autoscale::horizontal::{HorizontalSettings, PipelineSettings};
use autoscale::vertical::{RecommenderSettings, UpdaterSettings};
use autoscale::workloads::{Action, AutoscalerOptions, ScheduledRule, ScheduledScaling};
use control::controllers::manager::ControllerOptions;
use control::operation::Operation;
use model::workload::CronSchedule;
use model::{Change, Object, Release};
use scenario::Scenario;
use scenario::schema;
use sim::UsageOptions;
use units::Instant;

use super::autoscale_findings::{findings, rivals, with_tolerance};
use super::object_name::target;
use super::runs_workloads::{how_to_have_controllers, runs_always};
use super::{BuildError, Remarks};

/// Settings of a scenario's autoscalers, if it has any.
pub fn autoscalers(
    scenario: &Scenario,
    controllers: Option<&ControllerOptions>,
    operations: &[(Instant, Operation)],
    usage: &UsageOptions,
    remarks: &mut Remarks,
) -> Result<Option<AutoscalerOptions>, BuildError> {
    let wrong = |what: String| Err(BuildError::Experiment(what));
    let declared = scenario.system.autoscaling.clone();
    let Some(controllers) = controllers else {
        return match declared {
            None => Ok(None),
            Some(_) if runs_always(scenario) => wrong(format!(
                "system.autoscaling: the system `{}` scales nothing by itself here; write `operations` at their \
                 times, such as `{{at: 1h, scale: Deployment/default/web, replicas: 6}}`, or compare with \
                 `name: kubernetes`",
                scenario.system.name
            )),
            Some(_) => wrong(format!(
                "system.autoscaling: no controller would create the pods; {}",
                how_to_have_controllers(&scenario.system.name)
            )),
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
    let has_own = !settings.scheduled.is_empty() || !settings.rules.is_empty();
    if !has_own && !objects.iter().any(scales) {
        return Ok(None);
    }
    if scenario.stop.at.is_none() {
        return wrong(
            "stop: autoscalers never stop, so the run would not end; set its end, such as `stop: \
             {at: 24h}`"
                .to_owned(),
        );
    }
    let findings = findings(&objects, scenario, usage);
    let told = findings.iter().map(|own| {
        let place = remarks.place(&own.object, &own.field);
        format!("{place}{own}")
    });
    let lines: Vec<String> = told.collect();
    if !lines.is_empty() {
        return wrong(lines.join("\n"));
    }
    for (object, what) in rivals(&objects) {
        let place = remarks.place(&object, "spec.targetRef");
        remarks.note(format!("{place}{object}: {what}"));
    }
    if !scenario
        .system
        .controllers_changes()
        .has(Change::ToleranceByObject)
    {
        for object in with_tolerance(&objects) {
            let place = remarks.place(&object, "spec.behavior");
            remarks.note(format!(
                "{place}{object}: its own tolerance is not heeded before 1.35, but that of all \
                 (`system.autoscaling.horizontal.tolerance`); write `system.release: \"1.35\"`"
            ));
        }
    }
    let rules = super::scaling_rules::rules(scenario, &objects, usage)?;
    let options = options(scenario, &settings, controllers)?;
    Ok(Some(AutoscalerOptions { rules, ..options }))
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
            heeds_own_tolerance: scenario
                .system
                .controllers_changes()
                .has(Change::ToleranceByObject),
            heeds_whole_requests: scenario
                .system
                .controllers_changes()
                .has(Change::PodLevelResources),
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
        resizes_in_place: scenario
            .system
            .controllers_changes()
            .has(Change::InPlaceResize),
        vertical_period: vertical.period,
        scheduled: scheduled.collect::<Result<_, _>>()?,
        rules: Vec::new(),
        stored: Vec::new(),
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

const fn declares(operation: &Operation) -> Option<&Object> {
    match operation {
        Operation::Create(object) | Operation::Apply(object) => Some(object),
        _ => None,
    }
}
