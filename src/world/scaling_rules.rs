//! Workloads scaled by rules (`system.autoscaling.rules`; spec: orchestrators-a.md 9.3).

use autoscale::rules::{Bounds, Step, StepScaling, TargetTracking};
use autoscale::workloads::{Measure, Rule, RuleScaling};
use model::Object;
use model::resource_list::{CPU, MEMORY};
use scenario::Scenario;
use scenario::schema;
use sim::UsageOptions;

use super::BuildError;
use super::autoscale_findings::Surroundings;
use super::object_name::target;

/// The rules of a scenario, whose objects are ever declared as these.
pub(super) fn rules(
    scenario: &Scenario,
    objects: &[&Object],
    usage: &UsageOptions,
) -> Result<Vec<RuleScaling>, BuildError> {
    let declared = scenario.system.autoscaling.as_ref();
    let declared = declared.map_or(&[][..], |own| &own.rules);
    let mut rules: Vec<RuleScaling> = Vec::new();
    for (number, own) in declared.iter().enumerate() {
        let place = format!("system.autoscaling.rules[{number}]");
        let read = || -> Result<RuleScaling, String> {
            let rule = rule(own)?;
            let around = Surroundings {
                objects,
                scenario,
                usage,
            };
            fits(&rule, &around)?;
            let is_other = |other: &RuleScaling| other.target == rule.target;
            if let Some(other) = rules.iter().position(is_other) {
                return Err(format!(
                    ".target: `{}` is also scaled by rules[{other}]; leave one out",
                    own.target
                ));
            }
            Ok(rule)
        };
        let wrong = |what: String| BuildError::Experiment(format!("{place}{what}"));
        let rule = read().map_err(wrong)?;
        rules.push(rule);
    }
    Ok(rules)
}

/// Holds a rule against what there is.
fn fits(rule: &RuleScaling, around: &Surroundings<'_>) -> Result<(), String> {
    let (kind, namespace, name) = (rule.target.kind, &rule.target.namespace, &rule.target.name);
    let mut declared = around.objects.iter();
    let is_it =
        |own: &&&Object| own.kind() == kind && own.namespace() == namespace && own.name() == name;
    let Some(object) = declared.find(is_it) else {
        return Err(format!(
            ".target: there is no {kind} `{name}` in namespace `{namespace}`; declare it, or name \
             one that is declared"
        ));
    };
    let is_rival = |own: &&&Object| match own {
        Object::HorizontalPodAutoscaler(own) => {
            own.namespace == *namespace
                && &*own.spec.target.kind == kind
                && own.spec.target.name == *name
        }
        _ => false,
    };
    if let Some(rival) = around.objects.iter().find(is_rival) {
        return Err(format!(
            ".target: the HorizontalPodAutoscaler `{}` also scales `{name}`; leave one out",
            rival.name()
        ));
    }
    let missing = match &rule.measure {
        Measure::Use(resource) => around.unused(resource, object),
        Measure::Pods(name) => around.unmeasured(name),
        Measure::External(name) => around.unknown_outside(name),
    };
    missing.map_or(Ok(()), |problem| Err(format!(".metric: {problem}")))
}

fn rule(own: &schema::RuleScaling) -> Result<RuleScaling, String> {
    let named = target(&own.target).ok_or_else(|| {
        format!(
            ".target: expected KIND/NAMESPACE/NAME such as `Deployment/default/shop`, found `{}`",
            own.target
        )
    })?;
    let measure = match (own.metric.as_deref(), own.external.as_deref()) {
        (Some(name @ (CPU | MEMORY)), None) => Measure::Use(name.into()),
        (Some(name), None) => Measure::Pods(name.into()),
        (None, Some(name)) => Measure::External(name.into()),
        (Some(_), Some(_)) => {
            return Err(".external: excludes `metric`; leave one out".to_owned());
        }
        (None, None) => {
            return Err(
                ".metric: missing; write `metric: cpu`, a metric of traffic, or `external: NAME`"
                    .to_owned(),
            );
        }
    };
    if own.min > own.max {
        return Err(format!(
            ".min: {} is above max {}; lower it, or raise max",
            own.min, own.max
        ));
    }
    let bounds = Bounds {
        min: own.min,
        max: own.max,
    };
    let rule = match (&own.track, &own.steps, &own.backlog) {
        (Some(track), None, None) => {
            let mut rule = TargetTracking::new(bounds, track.target);
            (rule.tolerance, rule.window) = (track.tolerance, track.window);
            Rule::Track(rule, track.warm_up)
        }
        (None, Some(steps), None) => Rule::Steps(stepwise(bounds, steps)?),
        (None, None, Some(backlog)) => Rule::Backlog(bounds, backlog.per_replica),
        _ => {
            return Err(
                ": expected one of `track`, `steps` and `backlog`; write one, such as \
                 `track: {target: 60}`"
                    .to_owned(),
            );
        }
    };
    Ok(RuleScaling {
        target: named,
        measure,
        rule,
        every: own.every,
    })
}

fn stepwise(bounds: Bounds, own: &schema::Steps) -> Result<StepScaling, String> {
    let steps = own.changes.iter().enumerate().map(|(index, own)| {
        if let (Some(from), Some(to)) = (own.from, own.to)
            && from >= to
        {
            return Err(format!(
                ".steps.changes[{index}].from: {from} is not below `to` {to}; swap them"
            ));
        }
        Ok(Step {
            lower: own.from,
            upper: own.to,
            change: own.change,
        })
    });
    let steps = steps.collect::<Result<_, _>>()?;
    let mut rule = StepScaling::new(bounds, own.threshold, steps);
    rule.cooldown = own.cooldown;
    Ok(rule)
}
