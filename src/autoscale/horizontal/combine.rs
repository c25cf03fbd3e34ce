//! From all metrics to one proposal: the largest wins, metrics in error are passed over unless
//! all are or the rest would scale down (spec: kubernetes.md 3.1).

use super::calculator::{Calculator, Proposal};
use super::observation::MetricSource;
use super::spec::{MetricIdentifier, MetricSpec, ObjectRef, Target};
use super::status::{CurrentValue, MetricStatus};
use units::Quantity;

/// Proposal of one metric.
pub(super) struct MetricProposal {
    pub(super) replicas: i32,
    pub(super) name: String,
    pub(super) status: MetricStatus,
}

/// Reason a metric proposes nothing.
pub(super) struct Failure {
    /// The reason of the condition and the event.
    pub(super) reason: &'static str,
    /// Fault in the words of the condition.
    pub(super) text: String,
    /// Fault in the words of the pass.
    pub(super) error: String,
}

/// Proposals of all metrics.
pub(super) struct ProposalSet {
    /// Replicas and the name of the metric, unless there is no proposal.
    pub(super) best: Option<(i32, String)>,
    pub(super) statuses: Vec<MetricStatus>,
    pub(super) failures: Vec<Failure>,
    /// Words of the pass about the failures.
    pub(super) error: Option<String>,
}

/// Asks all metrics.
pub(super) fn combine(
    metrics: &[MetricSpec],
    context: &MetricInputs<'_>,
    source: &dyn MetricSource,
) -> ProposalSet {
    let mut statuses = Vec::with_capacity(metrics.len());
    let mut failures: Vec<Failure> = Vec::new();
    let mut best: Option<(i32, String)> = None;
    for metric in metrics {
        match ask(metric, context, source) {
            Ok(proposed) => {
                statuses.push(proposed.status);
                // A proposal of 0 gives way to any later one, as in the original.
                let wins = |known: i32| known == 0 || proposed.replicas > known;
                if best.as_ref().is_none_or(|&(known, _)| wins(known)) {
                    best = Some((proposed.replicas, proposed.name));
                }
            }
            Err(failure) => {
                statuses.push(MetricStatus::Unknown);
                failures.push(failure);
            }
        }
    }
    let error = failures.first().map(|first| {
        let (count, all, first) = (failures.len(), metrics.len(), &first.error);
        format!("invalid metrics ({count} invalid out of {all}), first error is: {first}")
    });
    let would_shrink = |&(replicas, _): &(i32, String)| replicas < context.calculator.current;
    if failures.len() == metrics.len()
        || (error.is_some() && best.as_ref().is_some_and(would_shrink))
    {
        best = None;
    }
    ProposalSet {
        best,
        statuses,
        failures,
        error,
    }
}

/// Inputs with which the metrics are asked.
pub(super) struct MetricInputs<'a> {
    pub(super) calculator: Calculator<'a>,
    pub(super) status_replicas: i32,
    pub(super) namespace: &'a str,
}

fn ask(
    metric: &MetricSpec,
    asked: &MetricInputs<'_>,
    source: &dyn MetricSource,
) -> Result<MetricProposal, Failure> {
    match metric {
        MetricSpec::Resource { resource, target } => {
            let (proposal, current) = resource_metric(asked, source, resource, None, *target)
                .map_err(|text| Failure {
                    reason: "FailedGetResourceMetric",
                    error: format!("failed to get {resource} resource metric value: {text}"),
                    text,
                })?;
            let name = match target {
                Target::Utilization(_) => {
                    format!("{resource} resource utilization (percentage of request)")
                }
                _ => format!("{resource} resource"),
            };
            let resource = resource.clone();
            let status = MetricStatus::Resource { resource, current };
            Ok(proposed(proposal, name, status))
        }
        MetricSpec::ContainerResource {
            resource,
            container,
            target,
        } => {
            let (proposal, current) =
                resource_metric(asked, source, resource, Some(container), *target).map_err(
                    |text| Failure {
                        reason: "FailedGetContainerResourceMetric",
                        error: format!("failed to get {container} container metric value: {text}"),
                        text,
                    },
                )?;
            let name = match target {
                Target::Utilization(_) => {
                    format!("{resource} container resource utilization (percentage of request)")
                }
                // The original names average values as those of whole pods.
                _ => format!("{resource} resource"),
            };
            let status = MetricStatus::ContainerResource {
                resource: resource.clone(),
                container: container.clone(),
                current,
            };
            Ok(proposed(proposal, name, status))
        }
        MetricSpec::Pods { metric, target } => pods_metric(asked, source, metric, *target),
        MetricSpec::Object {
            metric,
            object,
            target,
        } => object_metric(asked, source, metric, object, *target),
        MetricSpec::External { metric, target } => external_metric(asked, source, metric, *target),
    }
}

fn proposed(proposal: Proposal, name: String, status: MetricStatus) -> MetricProposal {
    MetricProposal {
        replicas: proposal.replicas,
        name,
        status,
    }
}

fn average(proposal: &Proposal) -> CurrentValue {
    CurrentValue {
        average: Some(Quantity::from_milli(proposal.usage)),
        utilization: proposal.utilization,
        value: None,
    }
}

fn whole(proposal: &Proposal) -> CurrentValue {
    CurrentValue {
        value: Some(Quantity::from_milli(proposal.usage)),
        ..CurrentValue::default()
    }
}

const NO_TARGET: &str = "neither a value target nor an average value target was set";

fn resource_metric(
    asked: &MetricInputs<'_>,
    source: &dyn MetricSource,
    resource: &str,
    container: Option<&str>,
    target: Target,
) -> Result<(Proposal, CurrentValue), String> {
    let samples = || {
        let samples = source.resource(resource, container);
        samples.map_err(|text| format!("unable to get metrics for resource {resource}: {text}"))
    };
    let calculator = &asked.calculator;
    let proposal = match target {
        Target::Utilization(percent) => samples()
            .and_then(|samples| calculator.utilization(samples, percent, resource, container))
            .map_err(|text| format!("failed to get {resource} utilization: {text}")),
        Target::AverageValue(milli) => samples()
            .and_then(|samples| calculator.average(samples, milli, resource))
            .map_err(|text| format!("failed to get {resource} usage: {text}")),
        Target::Value(_) => Err(
            "invalid resource metric source: neither an average utilization \
                                 target nor an average value (usage) target was set"
                .to_owned(),
        ),
    }?;
    Ok((proposal, average(&proposal)))
}

fn pods_metric(
    asked: &MetricInputs<'_>,
    source: &dyn MetricSource,
    metric: &MetricIdentifier,
    target: Target,
) -> Result<MetricProposal, Failure> {
    let name = &metric.name;
    let result = match target {
        Target::AverageValue(milli) => source
            .pods(metric)
            .map_err(|text| format!("unable to get metric {name}: {text}"))
            .and_then(|samples| asked.calculator.average(samples, milli, "")),
        _ => Err(format!("invalid pods metric source: {NO_TARGET}")),
    };
    let proposal = result.map_err(|text| Failure {
        reason: "FailedGetPodsMetric",
        error: format!("failed to get pods metric value: {text}"),
        text,
    })?;
    let status = MetricStatus::Pods {
        metric: metric.clone(),
        current: average(&proposal),
    };
    Ok(proposed(proposal, format!("pods metric {name}"), status))
}

fn object_metric(
    asked: &MetricInputs<'_>,
    source: &dyn MetricSource,
    metric: &MetricIdentifier,
    object: &ObjectRef,
    target: Target,
) -> Result<MetricProposal, Failure> {
    let (name, calculator) = (&metric.name, &asked.calculator);
    let (kind, namespace) = (&object.kind, asked.namespace);
    let value = || {
        // The original's text has its arguments in this order.
        let value = source.object(metric, object);
        value.map_err(|text| {
            let object = &object.name;
            format!("unable to get metric {name}: {kind} on {namespace} {object}/{text}")
        })
    };
    let result = match target {
        Target::Value(milli) => value().and_then(|usage| calculator.whole(usage, milli)),
        Target::AverageValue(milli) => value()
            .map(|usage| calculator.per_replica(usage, milli, asked.status_replicas))
            .map_err(|text| format!("failed to get {name} object metric: {text}")),
        Target::Utilization(_) => Err(format!("invalid object metric source: {NO_TARGET}")),
    };
    let proposal = result.map_err(|text| Failure {
        reason: "FailedGetObjectMetric",
        error: format!("failed to get object metric value: {text}"),
        text,
    })?;
    let is_whole = matches!(target, Target::Value(_));
    let status = MetricStatus::Object {
        metric: metric.clone(),
        object: is_whole.then(|| object.clone()),
        current: if is_whole {
            whole(&proposal)
        } else {
            average(&proposal)
        },
    };
    let name = if is_whole {
        format!("{kind} metric {name}")
    } else {
        format!("external metric {name}({})", metric.printed_selector())
    };
    Ok(proposed(proposal, name, status))
}

fn external_metric(
    asked: &MetricInputs<'_>,
    source: &dyn MetricSource,
    metric: &MetricIdentifier,
    target: Target,
) -> Result<MetricProposal, Failure> {
    let (name, calculator) = (&metric.name, &asked.calculator);
    let (namespace, selector) = (asked.namespace, metric.printed_selector());
    let usage = || {
        let values = source.external(metric);
        values
            .map(|values| calculator.sum(&values))
            .map_err(|text| {
                format!("unable to get external metric {namespace}/{name}/{selector}: {text}")
            })
    };
    let result = match target {
        Target::AverageValue(milli) => usage()
            .map(|usage| calculator.per_replica(usage, milli, asked.status_replicas))
            .map_err(|text| format!("failed to get {name} external metric: {text}")),
        Target::Value(milli) => usage()
            .and_then(|usage| calculator.whole(usage, milli))
            .map_err(|text| format!("failed to get external metric {name}: {text}")),
        Target::Utilization(_) => Err(format!("invalid external metric source: {NO_TARGET}")),
    };
    let proposal = result.map_err(|text| Failure {
        reason: "FailedGetExternalMetric",
        error: format!("failed to get {name} external metric value: {text}"),
        text,
    })?;
    let status = MetricStatus::External {
        metric: metric.clone(),
        current: match target {
            Target::Value(_) => whole(&proposal),
            _ => average(&proposal),
        },
    };
    let name = format!("external metric {name}({selector})");
    Ok(proposed(proposal, name, status))
}
