//! Rules about jobs. Source: `pkg/apis/batch/validation/validation.go`.

use super::Rule;
use crate::field::{Path, check_label_key};
use crate::raw;
use units::SortedSet;

const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];

/// Labels by which the server itself selects the pods of a job.
const OWN_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

/// The rules, in the order in which the server looks at them.
pub(super) const RULES: &[Rule<raw::Job>] = &[
    Rule::new(
        "`selector` not auto-generated; leave it out, or add `manualSelector: true`",
        "ValidateGeneratedSelector",
        |job, breaches| {
            let is_manual = job.manual_selector == Some(true) || job.is_of_cron_job;
            let is_own = |own: &raw::LabelSelector| {
                let is_own = |key: &str| OWN_LABELS.contains(&key);
                own.match_labels.keys().any(|key| is_own(key))
            };
            let selector = job.selector.as_ref().filter(|own| !is_own(own));
            if selector.is_some() && !is_manual {
                breaches.add_plain(&Path::root("spec").field("selector"));
            }
        },
    ),
    Rule::new(
        "Required value: when maxFailedIndexes is specified",
        "validateJobSpec",
        |job, breaches| {
            if job.max_failed_indexes.is_some() && job.backoff_limit_per_index.is_none() {
                breaches.add_plain(&Path::root("spec").field("backoffLimitPerIndex"));
            }
        },
    ),
    Rule::new(
        "Required value: when completion mode is Indexed",
        "validateJobSpec",
        |job, breaches| {
            if job.is_indexed() && job.completions.is_none() {
                breaches.add_plain(&Path::root("spec").field("completions"));
            }
        },
    ),
    Rule::new(
        "must be less than or equal to 100000 when completion mode is Indexed",
        "validateJobSpec",
        |job, breaches| {
            let wrong = job.parallelism.filter(|own| *own > 100_000);
            if let Some(pods) = wrong.filter(|_| job.is_indexed()) {
                breaches.add(&Path::root("spec").field("parallelism"), &[], &pods);
            }
        },
    ),
    Rule::new(
        "must be less than or equal to completions",
        "validateJobSpec",
        |job, breaches| {
            let most = job.completions.filter(|_| job.is_indexed());
            if let (Some(most), Some(failed)) = (most, job.max_failed_indexes)
                && failed > most
            {
                breaches.add(&Path::root("spec").field("maxFailedIndexes"), &[], &failed);
            }
        },
    ),
    Rule::new(
        "Required value: must be specified when completions is above 100000",
        "validateJobSpec",
        |job, breaches| {
            let is_large = job.completions.is_some_and(|count| count > 100_000);
            let is_limited = job.is_indexed() && job.backoff_limit_per_index.is_some();
            if is_large && is_limited && job.max_failed_indexes.is_none() {
                breaches.add_plain(&Path::root("spec").field("maxFailedIndexes"));
            }
        },
    ),
    Rule::new(
        "must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
        "validateJobSpec",
        |job, breaches| {
            let is_large = job.completions.is_some_and(|count| count > 100_000);
            if !(is_large && job.is_indexed() && job.backoff_limit_per_index.is_some()) {
                return;
            }
            for (field, value) in [
                ("parallelism", job.parallelism),
                ("maxFailedIndexes", job.max_failed_indexes),
            ] {
                if let Some(value) = value.filter(|own| *own > 10_000) {
                    breaches.add(&Path::root("spec").field(field), &[], &value);
                }
            }
        },
    ),
    Rule::new(
        "requires indexed completion mode",
        "validateJobSpec",
        |job, breaches| {
            for (field, is_stated) in [
                (
                    "backoffLimitPerIndex",
                    job.backoff_limit_per_index.is_some(),
                ),
                ("maxFailedIndexes", job.max_failed_indexes.is_some()),
                ("successPolicy", job.success_policy.is_some()),
            ] {
                if is_stated && !job.is_indexed() {
                    breaches.add_plain(&Path::root("spec").field(field));
                }
            }
        },
    ),
    Rule::new(
        "Too many: must have at most 20 items",
        "validatePodFailurePolicy, validatePodFailurePolicyRuleOnPodConditions, validateSuccessPolicy",
        |job, breaches| {
            let root = Path::root("spec");
            let mut look = |path: &Path<'_>, count: usize| {
                if count > 20 {
                    breaches.add(path, &[], &count);
                }
            };
            if let Some(policy) = &job.pod_failure_policy {
                look(
                    &root.field("podFailurePolicy").field("rules"),
                    policy.rules.len(),
                );
            }
            if let Some(policy) = &job.success_policy {
                look(
                    &root.field("successPolicy").field("rules"),
                    policy.rules.len(),
                );
            }
            each_failure(job, |path, own| {
                look(&path.field("onPodConditions"), own.on_pod_conditions.len());
            });
        },
    ),
    Rule::new(
        "Required value: valid values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\"",
        "validatePodFailurePolicyRule",
        |job, breaches| {
            each_failure(job, |path, own| {
                if own.action.is_empty() {
                    breaches.add_plain(&path.field("action"));
                }
            });
        },
    ),
    Rule::new(
        "requires the backoffLimitPerIndex to be set",
        "validatePodFailurePolicyRule",
        |job, breaches| {
            each_failure(job, |path, own| {
                if own.action == "FailIndex" && job.backoff_limit_per_index.is_none() {
                    breaches.add(&path.field("action"), &[], &own.action);
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\"",
        "validatePodFailurePolicyRule",
        |job, breaches| {
            each_failure(job, |path, own| {
                breaches.add_unknown(&path.field("action"), Some(&own.action), ACTIONS);
            });
        },
    ),
    Rule::new(
        "Required value: valid values: \"In\", \"NotIn\"",
        "validatePodFailurePolicyRuleOnExitCodes",
        |job, breaches| {
            each_codes(job, |path, own| {
                if own.operator.is_empty() {
                    breaches.add_plain(&path.field("operator"));
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"In\", \"NotIn\"",
        "validatePodFailurePolicyRuleOnExitCodes",
        |job, breaches| {
            each_codes(job, |path, own| {
                let known = &["In", "NotIn"];
                breaches.add_unknown(&path.field("operator"), Some(&own.operator), known);
            });
        },
    ),
    Rule::new(
        "must be one of the container or initContainer names in the pod template",
        "validatePodFailurePolicyRuleOnExitCodes",
        |job, breaches| {
            each_codes(job, |path, own| {
                let name = own.container_name.as_ref();
                if let Some(name) = name.filter(|name| !job.template.spec.has(name)) {
                    breaches.add(&path.field("containerName"), &[], name);
                }
            });
        },
    ),
    Rule::new(
        "at least one value is required",
        "validatePodFailurePolicyRuleOnExitCodes",
        |job, breaches| {
            each_codes(job, |path, own| {
                if own.values.is_empty() {
                    breaches.add_plain(&path.field("values"));
                }
            });
        },
    ),
    Rule::new(
        "Too many: must have at most 255 items",
        "validatePodFailurePolicyRuleOnExitCodes",
        |job, breaches| {
            each_codes(job, |path, own| {
                if own.values.len() > 255 {
                    breaches.add(&path.field("values"), &[], &own.values.len());
                }
            });
        },
    ),
    Rule::new(
        "must not be 0 for the In operator",
        "validatePodFailurePolicyRuleOnExitCodes",
        |job, breaches| {
            each_codes(job, |path, own| {
                let zero = own.values.iter().position(|code| *code == 0);
                if let Some(place) = zero.filter(|_| own.operator == "In") {
                    breaches.add(&path.field("values").index(place), &[], &0);
                }
            });
        },
    ),
    Rule::new(
        "Duplicate value: an exit code stands twice",
        "validatePodFailurePolicyRuleOnExitCodes",
        |job, breaches| {
            each_codes(job, |path, own| {
                let mut seen = SortedSet::new();
                for (place, code) in own.values.iter().enumerate() {
                    if !seen.insert(*code) {
                        breaches.add(&path.field("values").index(place), &[], code);
                    }
                }
            });
        },
    ),
    Rule::new(
        "must be ordered",
        "validatePodFailurePolicyRuleOnExitCodes",
        |job, breaches| {
            each_codes(job, |path, own| {
                if !own.values.is_sorted() {
                    let found = format!("{:?}", own.values);
                    breaches.add(&path.field("values"), &[], &found);
                }
            });
        },
    ),
    Rule::new(
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character",
        "validatePodFailurePolicyRuleOnPodConditions",
        |job, breaches| {
            each_condition(job, |path, own| {
                let path = path.field("type");
                if check_label_key(&own.kind, &path).is_err() {
                    breaches.add(&path, &[], &own.kind);
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"False\", \"True\", \"Unknown\"",
        "validatePodFailurePolicyRuleOnPodConditions",
        |job, breaches| {
            each_condition(job, |path, own| {
                let (status, known) = (own.status.as_deref(), &["False", "True", "Unknown"]);
                breaches.add_unknown(&path.field("status"), status, known);
            });
        },
    ),
    Rule::new(
        "specifying both OnExitCodes and OnPodConditions is not supported",
        "validatePodFailurePolicyRule",
        |job, breaches| {
            each_failure(job, |path, own| {
                if own.on_exit_codes.is_some() && !own.on_pod_conditions.is_empty() {
                    breaches.add_plain(path);
                }
            });
        },
    ),
    Rule::new(
        "specifying one of OnExitCodes and OnPodConditions is required",
        "validatePodFailurePolicyRule",
        |job, breaches| {
            each_failure(job, |path, own| {
                if own.on_exit_codes.is_none() && own.on_pod_conditions.is_empty() {
                    breaches.add_plain(path);
                }
            });
        },
    ),
    Rule::new(
        "Required value: at least one rules must be specified when the successPolicy is specified",
        "validateSuccessPolicy",
        |job, breaches| {
            if job
                .success_policy
                .as_ref()
                .is_some_and(|success_policy| success_policy.rules.is_empty())
            {
                breaches.add_plain(&Path::root("spec").field("successPolicy").field("rules"));
            }
        },
    ),
    Rule::new(
        "Required value: at least one of succeededCount or succeededIndexes must be specified",
        "validateSuccessPolicyRule",
        |job, breaches| {
            each_success(job, |path, own| {
                if own.succeeded_count.is_none() && own.succeeded_indexes.is_none() {
                    breaches.add_plain(path);
                }
            });
        },
    ),
    Rule::new(
        "error parsing succeededIndexes: too large index: {}",
        "validateIndexesFormat",
        |job, breaches| {
            each_success(job, |path, own| {
                let text = own.succeeded_indexes.as_deref().unwrap_or_default();
                let most = job.completions.unwrap_or(i32::MAX);
                let wrong = bounds(text).find(|index| *index >= most);
                if let Some(index) = wrong {
                    breaches.add(&path.field("succeededIndexes"), &[&index], &text);
                }
            });
        },
    ),
    Rule::new(
        "error parsing succeededIndexes: non-increasing order, previous: {}, current: {}",
        "validateIndexesFormat",
        |job, breaches| {
            each_success(job, |path, own| {
                let text = own.succeeded_indexes.as_deref().unwrap_or_default();
                let pairs = bounds(text).zip(bounds(text).skip(1));
                if let Some((last, next)) = { pairs }.find(|(last, next)| last >= next) {
                    breaches.add(&path.field("succeededIndexes"), &[&last, &next], &text);
                }
            });
        },
    ),
    Rule::new(
        "must be less than or equal to {} (the number of specified completions)",
        "validateSuccessPolicyRule",
        |job, breaches| {
            each_success(job, |path, own| {
                if let (Some(count), Some(all)) = (own.succeeded_count, job.completions)
                    && count > all
                {
                    breaches.add(&path.field("succeededCount"), &[&all], &count);
                }
            });
        },
    ),
    Rule::new(
        "must be less than or equal to {} (the number of indexes in the specified succeededIndexes field)",
        "validateSuccessPolicyRule",
        |job, breaches| {
            each_success(job, |path, own| {
                let all = own.succeeded_indexes.as_deref().map(number_of_indexes);
                if let (Some(count), Some(all)) = (own.succeeded_count, all)
                    && i64::from(count) > all
                {
                    breaches.add(&path.field("succeededCount"), &[&all], &count);
                }
            });
        },
    ),
    Rule::new(
        "must be greater than or equal to 0",
        "validateSuccessPolicyRule",
        |job, breaches| {
            each_success(job, |path, own| {
                if let Some(count) = own.succeeded_count.filter(|count| *count < 0) {
                    breaches.add(&path.field("succeededCount"), &[], &count);
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"Failed\"",
        "validatePodReplacementPolicy",
        |job, breaches| {
            let policy = job.pod_replacement_policy.as_deref();
            let policy = policy.filter(|_| job.pod_failure_policy.is_some());
            let path = Path::root("spec");
            breaches.add_unknown(&path.field("podReplacementPolicy"), policy, &["Failed"]);
        },
    ),
    Rule::new(
        "only \"Never\" is supported when podFailurePolicy is specified",
        "validateJobSpec",
        |job, breaches| {
            let policy = job.template.spec.restart_policy.as_deref();
            let policy = policy.filter(|_| job.pod_failure_policy.is_some());
            let path = Path::root("spec");
            let (path, known) = (path.field("template"), &["Never"]);
            breaches.add_unknown(&path.field("spec").field("restartPolicy"), policy, known);
        },
    ),
    Rule::new(
        "`selector` will be auto-generated",
        "ValidateJobTemplateSpec",
        |job, breaches| {
            if job.is_of_cron_job && job.selector.is_some() {
                breaches.add_plain(&Path::root("spec").field("selector"));
            }
        },
    ),
    Rule::new(
        "Unsupported value: supported values: nil, false",
        "ValidateJobTemplateSpec",
        |job, breaches| {
            if job.is_of_cron_job && job.manual_selector == Some(true) {
                breaches.add(&Path::root("spec").field("manualSelector"), &[], &true);
            }
        },
    ),
];

/// Shows each rule about failed pods with its place.
fn each_failure(job: &raw::Job, mut show: impl FnMut(&Path<'_>, &raw::FailureRule)) {
    let path = Path::root("spec");
    let path = path.field("podFailurePolicy");
    let path = path.field("rules");
    let rules = job.pod_failure_policy.iter().flat_map(|own| &own.rules);
    for (index, rule) in rules.enumerate() {
        show(&path.index(index), rule);
    }
}

/// Shows what each rule about failed pods says of exit codes.
fn each_codes(job: &raw::Job, mut show: impl FnMut(&Path<'_>, &raw::ExitCodes)) {
    each_failure(job, |path, own| {
        if let Some(codes) = &own.on_exit_codes {
            show(&path.field("onExitCodes"), codes);
        }
    });
}

/// Shows what each rule about failed pods says of their conditions.
fn each_condition(job: &raw::Job, mut show: impl FnMut(&Path<'_>, &raw::PodCondition)) {
    each_failure(job, |path, own| {
        let path = path.field("onPodConditions");
        for (index, condition) in own.on_pod_conditions.iter().enumerate() {
            show(&path.index(index), condition);
        }
    });
}

/// Shows each rule about success of an indexed job; others have another problem with it.
fn each_success(job: &raw::Job, mut show: impl FnMut(&Path<'_>, &raw::SuccessRule)) {
    let path = Path::root("spec");
    let path = path.field("successPolicy");
    let path = path.field("rules");
    let policy = job.success_policy.iter().filter(|_| job.is_indexed());
    for (index, rule) in policy.flat_map(|own| &own.rules).enumerate() {
        show(&path.index(index), rule);
    }
}

/// Bounds of the intervals of a list such as `0,2-5`; what is no number is another rule's.
fn bounds(text: &str) -> impl Iterator<Item = i32> {
    { text.split([',', '-']) }.filter_map(|own| own.trim().parse().ok())
}

fn number_of_indexes(text: &str) -> i64 {
    let intervals = text.split(',').map(|own| {
        let mut bounds = bounds(own).map(i64::from);
        let first = bounds.next();
        let last = bounds.next().or(first);
        first
            .zip(last)
            .map_or(0, |(first, last)| (last - first + 1).max(0))
    });
    intervals.sum()
}
