//! Fields that the API server lets nobody change once an object is there (`ValidateUpdate` of each kind).

use model::workload::{CompletionMode, Job, StatefulSet};
use model::{Labels, Object, PodSpec};

/// Words of the API server about a field that may not change.
const IMMUTABLE: &str = "field is immutable";

/// Words of the API server about a stateful set.
const SET_IS_FIXED: &str = "spec: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
     'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are \
     forbidden";

/// Labels that the API server gives pods of jobs.
const JOB_LABELS: [&str; 4] = [
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "job-name",
    "batch.kubernetes.io/job-name",
];

/// The rule that a new declaration of an object breaks, with its field.
pub(super) fn broken_rule(new: &Object, known: &Object) -> Option<String> {
    let fixed = |field: &str, is_same: bool| (!is_same).then(|| format!("{field}: {IMMUTABLE}"));
    match (new, known) {
        (Object::Deployment(new), Object::Deployment(known)) => {
            fixed("spec.selector", new.selector == known.selector)
        }
        (Object::ReplicaSet(new), Object::ReplicaSet(known)) => {
            fixed("spec.selector", new.selector == known.selector)
        }
        (Object::DaemonSet(new), Object::DaemonSet(known)) => {
            fixed("spec.selector", new.selector == known.selector)
        }
        (Object::StatefulSet(new), Object::StatefulSet(known)) => {
            (!has_same_form(new, known)).then(|| SET_IS_FIXED.to_owned())
        }
        (Object::Job(new), Object::Job(known)) => {
            fixed_field(new, known).map(|field| format!("{field}: {IMMUTABLE}"))
        }
        (Object::ResourceClaim(new), Object::ResourceClaim(known)) => fixed(
            "spec",
            new.requests == known.requests && new.constraints == known.constraints,
        ),
        (Object::PriorityClass(new), Object::PriorityClass(known)) => {
            let is_same = (new.value, new.preempts) == (known.value, known.preempts);
            let field = if new.value == known.value {
                "preemptionPolicy"
            } else {
                "value"
            };
            (!is_same).then(|| format!("{field}: may not be changed in an update"))
        }
        _ => None,
    }
}

fn has_same_form(new: &StatefulSet, known: &StatefulSet) -> bool {
    new.selector == known.selector
        && new.management == known.management
        && new.claim_templates == known.claim_templates
        && new.claims == known.claims
}

/// The field of a job that differs and may not. A job that is suspended may get another place for its pods, and one with
/// a queue is changed by who admits it; the size of an indexed job may change with its parallelism.
fn fixed_field(new: &Job, known: &Job) -> Option<&'static str> {
    let is_elastic =
        new.mode == CompletionMode::Indexed && new.completions == Some(new.parallelism);
    let is_open = known.suspend || known.queue.0.is_some();
    [
        (
            "spec.completions",
            is_elastic || new.completions == known.completions,
        ),
        ("spec.completionMode", new.mode == known.mode),
        (
            "spec.podFailurePolicy",
            new.failure_policy == known.failure_policy,
        ),
        (
            "spec.backoffLimitPerIndex",
            new.backoff_limit_per_index == known.backoff_limit_per_index,
        ),
        (
            "spec.template",
            is_open
                || (new.restart == known.restart
                    && declared(&new.template) == declared(&known.template)),
        ),
    ]
    .into_iter()
    .find_map(|(field, is_same)| (!is_same).then_some(field))
}

/// A template as users write it.
fn declared(template: &PodSpec) -> PodSpec {
    let labels = template.labels.iter();
    let own = labels.filter(|(key, _)| !JOB_LABELS.contains(&&***key));
    PodSpec {
        labels: own
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Labels>(),
        ..template.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use model::priority_class::PriorityClass;

    fn job(change: impl FnOnce(&mut Job)) -> Object {
        let mut job = Job {
            parallelism: 2,
            completions: Some(3),
            ..Job::default()
        };
        change(&mut job);
        Object::Job(Arc::new(job))
    }

    #[test]
    fn jobs_change_in_what_the_api_leaves_open() {
        let known = job(|_| {});
        assert_eq!(broken_rule(&job(|own| own.parallelism = 5), &known), None);
        for (field, changed) in [
            ("spec.completions", job(|own| own.completions = Some(5))),
            (
                "spec.completionMode",
                job(|own| own.mode = CompletionMode::Indexed),
            ),
            (
                "spec.template",
                job(|own| Arc::make_mut(&mut own.template).priority = 5),
            ),
        ] {
            assert_eq!(
                broken_rule(&changed, &known),
                Some(format!("{field}: {IMMUTABLE}"))
            );
        }
        // Labels that the server gave are no change; nor is the size of an indexed job with its parallelism.
        let labelled = job(|own| {
            let labels = &mut Arc::make_mut(&mut own.template).labels;
            labels.insert("job-name".into(), "j".into());
        });
        assert_eq!(broken_rule(&known, &labelled), None);
        let indexed = |size| {
            job(|own| {
                own.mode = CompletionMode::Indexed;
                (own.parallelism, own.completions) = (size, Some(size));
            })
        };
        assert_eq!(broken_rule(&indexed(5), &indexed(3)), None);
    }

    #[test]
    fn a_class_keeps_its_value() {
        let class = |value, preempts| {
            Object::PriorityClass(Arc::new(PriorityClass {
                namespace: "".into(),
                name: "std".into(),
                value,
                preempts,
                is_default: false,
            }))
        };
        let rule = broken_rule(&class(2, true), &class(1, true));
        assert_eq!(
            rule.as_deref(),
            Some("value: may not be changed in an update")
        );
        let rule = broken_rule(&class(1, false), &class(1, true));
        assert_eq!(
            rule.as_deref(),
            Some("preemptionPolicy: may not be changed in an update")
        );
        assert_eq!(broken_rule(&class(1, true), &class(1, true)), None);
    }
}
