//! A job or an autoscaler for each rule about them.

use serde_json::{Value, json};

use super::server_rules_of_objects;
use crate::{ManifestReader, Manifests};
use intake::{Input, TraceError};

/// Job specs by the words of the rule that they break, the field first.
const JOBS: &[(&str, &str, &str)] = &[
    (
        "`selector` not auto-generated; leave it out, or add `manualSelector: true`",
        "selector",
        r#"{"selector": {"matchLabels": {"a": "b"}}}"#,
    ),
    (
        "Required value: when maxFailedIndexes is specified",
        "backoffLimitPerIndex",
        r#"{"completionMode": "Indexed", "completions": 2, "maxFailedIndexes": 1}"#,
    ),
    (
        "Required value: when completion mode is Indexed",
        "completions",
        r#"{"completionMode": "Indexed"}"#,
    ),
    (
        "must be less than or equal to 100000 when completion mode is Indexed",
        "parallelism",
        r#"{"completionMode": "Indexed", "completions": 2, "parallelism": 100001}"#,
    ),
    (
        "must be less than or equal to completions",
        "maxFailedIndexes",
        r#"{"completionMode": "Indexed", "completions": 2, "backoffLimitPerIndex": 1, "maxFailedIndexes": 3}"#,
    ),
    (
        "Required value: must be specified when completions is above 100000",
        "maxFailedIndexes",
        r#"{"completionMode": "Indexed", "completions": 100001, "backoffLimitPerIndex": 1}"#,
    ),
    (
        "must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
        "parallelism",
        r#"{"completionMode": "Indexed", "completions": 100001, "backoffLimitPerIndex": 1, "maxFailedIndexes": 1, "parallelism": 10001}"#,
    ),
    (
        "requires indexed completion mode",
        "backoffLimitPerIndex",
        r#"{"backoffLimitPerIndex": 1}"#,
    ),
    (
        "Too many: must have at most 20 items",
        "successPolicy.rules",
        r#"{"completionMode": "Indexed", "completions": 2, "successPolicy": {"rules": [{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}}"#,
    ),
    (
        "Required value: valid values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\"",
        "podFailurePolicy.rules[0].action",
        r#"{"podFailurePolicy": {"rules": [{}]}}"#,
    ),
    (
        "requires the backoffLimitPerIndex to be set",
        "podFailurePolicy.rules[0].action",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailIndex"}]}}"#,
    ),
    (
        "Unsupported value: supported values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\"",
        "podFailurePolicy.rules[0].action",
        r#"{"podFailurePolicy": {"rules": [{"action": "Fail"}]}}"#,
    ),
    (
        "Required value: valid values: \"In\", \"NotIn\"",
        "podFailurePolicy.rules[0].onExitCodes.operator",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"values": [1]}}]}}"#,
    ),
    (
        "Unsupported value: supported values: \"In\", \"NotIn\"",
        "podFailurePolicy.rules[0].onExitCodes.operator",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "Equals", "values": [1]}}]}}"#,
    ),
    (
        "must be one of the container or initContainer names in the pod template",
        "podFailurePolicy.rules[0].onExitCodes.containerName",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"containerName": "nope", "operator": "In", "values": [1]}}]}}"#,
    ),
    (
        "at least one value is required",
        "podFailurePolicy.rules[0].onExitCodes.values",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": []}}]}}"#,
    ),
    (
        "must not be 0 for the In operator",
        "podFailurePolicy.rules[0].onExitCodes.values[0]",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [0, 42]}}]}}"#,
    ),
    (
        "Duplicate value: an exit code stands twice",
        "podFailurePolicy.rules[0].onExitCodes.values[1]",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3, 3]}}]}}"#,
    ),
    (
        "must be ordered",
        "podFailurePolicy.rules[0].onExitCodes.values",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3, 2]}}]}}"#,
    ),
    (
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        "podFailurePolicy.rules[0].onPodConditions[0].type",
        r#"{"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "a b"}]}]}}"#,
    ),
    (
        "Unsupported value: supported values: \"False\", \"True\", \"Unknown\"",
        "podFailurePolicy.rules[0].onPodConditions[0].status",
        r#"{"podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "Yes"}]}]}}"#,
    ),
    (
        "specifying both OnExitCodes and OnPodConditions is not supported",
        "podFailurePolicy.rules[0]",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}, "onPodConditions": [{"type": "DisruptionTarget"}]}]}}"#,
    ),
    (
        "specifying one of OnExitCodes and OnPodConditions is required",
        "podFailurePolicy.rules[0]",
        r#"{"podFailurePolicy": {"rules": [{"action": "FailJob"}]}}"#,
    ),
    (
        "Required value: at least one rules must be specified when the successPolicy is specified",
        "successPolicy.rules",
        r#"{"completionMode": "Indexed", "completions": 2, "successPolicy": {}}"#,
    ),
    (
        "Required value: at least one of succeededCount or succeededIndexes must be specified",
        "successPolicy.rules[0]",
        r#"{"completionMode": "Indexed", "completions": 2, "successPolicy": {"rules": [{}]}}"#,
    ),
    (
        "error parsing succeededIndexes: too large index: {}",
        "successPolicy.rules[0].succeededIndexes",
        r#"{"completionMode": "Indexed", "completions": 2, "successPolicy": {"rules": [{"succeededIndexes": "0-2"}]}}"#,
    ),
    (
        "error parsing succeededIndexes: non-increasing order, previous: {}, current: {}",
        "successPolicy.rules[0].succeededIndexes",
        r#"{"completionMode": "Indexed", "completions": 5, "successPolicy": {"rules": [{"succeededIndexes": "3,1"}]}}"#,
    ),
    (
        "must be less than or equal to {} (the number of specified completions)",
        "successPolicy.rules[0].succeededCount",
        r#"{"completionMode": "Indexed", "completions": 2, "successPolicy": {"rules": [{"succeededCount": 3}]}}"#,
    ),
    (
        "must be less than or equal to {} (the number of indexes in the specified succeededIndexes field)",
        "successPolicy.rules[0].succeededCount",
        r#"{"completionMode": "Indexed", "completions": 5, "successPolicy": {"rules": [{"succeededCount": 4, "succeededIndexes": "0,2-3"}]}}"#,
    ),
    (
        "must be greater than or equal to 0",
        "successPolicy.rules[0].succeededCount",
        r#"{"completionMode": "Indexed", "completions": 5, "successPolicy": {"rules": [{"succeededCount": -1}]}}"#,
    ),
    (
        "Unsupported value: supported values: \"Failed\"",
        "podReplacementPolicy",
        r#"{"podReplacementPolicy": "TerminatingOrFailed", "podFailurePolicy": {"rules": []}}"#,
    ),
    (
        "only \"Never\" is supported when podFailurePolicy is specified",
        "template.spec.restartPolicy",
        r#"{"podFailurePolicy": {"rules": []}, "template": {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "main"}]}}}"#,
    ),
];

/// Metrics by the words of the rule that they break, the field first.
const METRICS: &[(&str, &str, &str)] = &[
    (
        "Required value: must specify a metric source type",
        "type",
        r#"{"resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}"#,
    ),
    (
        "Unsupported value: supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", \"Resource\"",
        "type",
        r#"{"type": "Resources", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}"#,
    ),
    (
        "Required value: must populate information for the given metric source",
        "pods",
        r#"{"type": "Pods", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}"#,
    ),
    (
        "Forbidden: must populate the given metric source only",
        "pods",
        r#"{"type": "Resource", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": 1}}, "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}"#,
    ),
    (
        "Required value: must specify a resource name",
        "resource.name",
        r#"{"type": "Resource", "resource": {"target": {"type": "Utilization", "averageUtilization": 50}}}"#,
    ),
    (
        "Required value: must specify a container",
        "containerResource.container",
        r#"{"type": "ContainerResource", "containerResource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}"#,
    ),
    (
        "Required value: must specify a metric name",
        "external.metric.name",
        r#"{"type": "External", "external": {"target": {"type": "Value", "value": 5}}}"#,
    ),
    (
        "Required value: must specify a metric target type",
        "resource.target.type",
        r#"{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50}}}"#,
    ),
    (
        "must be either Utilization, Value, or AverageValue",
        "resource.target.type",
        r#"{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Percent", "averageUtilization": 50}}}"#,
    ),
    (
        "Required value: must set either a target raw value or a target utilization",
        "resource.target.averageUtilization",
        r#"{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}"#,
    ),
    (
        "Forbidden: may not set both a target raw value and a target utilization",
        "resource.target.averageValue",
        r#"{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50, "averageValue": "10m"}}}"#,
    ),
    (
        "Required value: must set either a target value for metric or a per-pod target",
        "external.target.averageValue",
        r#"{"type": "External", "external": {"metric": {"name": "m"}, "target": {"type": "Value"}}}"#,
    ),
    (
        "Forbidden: may not set both a target value for metric and a per-pod target",
        "external.target.value",
        r#"{"type": "External", "external": {"metric": {"name": "m"}, "target": {"type": "Value", "value": 5, "averageValue": 5}}}"#,
    ),
    (
        "Required value: must specify a positive target averageValue",
        "pods.target.averageValue",
        r#"{"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue"}}}"#,
    ),
];

fn read(object: &Value) -> Result<Manifests, TraceError> {
    let input = Input::bytes("o.json", object.to_string().into_bytes());
    let mut reader = ManifestReader::new().with_workloads();
    reader.read(&input)?;
    Ok(reader.finish())
}

fn job(spec: &str) -> Value {
    let mut spec: Value = serde_json::from_str(spec).expect("JSON");
    if spec.get("template").is_none() {
        spec["template"] =
            json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main"}]}});
    }
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": spec})
}

fn autoscaler(metric: &str) -> Value {
    let metric: Value = serde_json::from_str(metric).expect("JSON");
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}, "maxReplicas": 6, "metrics": [metric]}})
}

/// Checks that an object is refused with the words at the field, and that a dump's is taken with them.
fn check(object: &Value, field: &str, says: &str) {
    let refused = read(object).expect_err(says).to_string();
    let words = says.split(" {}").next().expect("a first part");
    assert!(
        refused.contains(&format!("{field}: ")),
        "{refused}\nlacks {field}"
    );
    assert!(refused.contains(words), "{refused}\nlacks {words}");
    let mut admitted = object.clone();
    admitted["metadata"]["uid"] = "u-1".into();
    match read(&admitted) {
        Ok(read) => {
            let told: Vec<String> = read.findings.iter().map(ToString::to_string).collect();
            assert!(told.join("\n").contains(words), "{told:?}\nlacks {words}");
        }
        // Some have no meaning whichever server has admitted them.
        Err(error) => assert!(!error.to_string().contains(words), "{error}"),
    }
}

#[test]
fn jobs_that_break_a_rule_are_refused() {
    for (says, field, spec) in JOBS {
        check(&job(spec), &format!("spec.{field}"), says);
    }
    let codes = vec!["1"; 256].join(", ");
    let spec = format!(
        r#"{{"podFailurePolicy": {{"rules": [{{"action": "FailJob", "onExitCodes": {{"operator": "In", "values": [{codes}]}}}}]}}}}"#
    );
    let field = "spec.podFailurePolicy.rules[0].onExitCodes.values";
    check(&job(&spec), field, "Too many: must have at most 255 items");
}

#[test]
fn metrics_that_break_a_rule_are_refused() {
    for (says, field, metric) in METRICS {
        check(
            &autoscaler(metric),
            &format!("spec.metrics[0].{field}"),
            says,
        );
    }
}

#[test]
fn templates_of_cron_jobs_have_the_rules_of_jobs_at_their_place() {
    for (says, field, spec) in [
        (
            "`selector` will be auto-generated",
            "selector",
            r#"{"selector": {"matchLabels": {"a": "b"}}}"#,
        ),
        (
            "Unsupported value: supported values: nil, false",
            "manualSelector",
            r#"{"manualSelector": true}"#,
        ),
        (
            "Required value: when completion mode is Indexed",
            "completions",
            r#"{"completionMode": "Indexed"}"#,
        ),
    ] {
        let spec = job(spec)["spec"].clone();
        let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"},
            "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": spec}}});
        check(&cron, &format!("spec.jobTemplate.spec.{field}"), says);
    }
}

#[test]
fn each_rule_about_objects_has_one_that_breaks_it() {
    let apart = [
        "Too many: must have at most 255 items",
        "`selector` will be auto-generated",
        "Unsupported value: supported values: nil, false",
    ];
    for (says, source) in server_rules_of_objects() {
        let mut all = JOBS.iter().chain(METRICS);
        assert!(
            all.any(|own| own.0 == says) || apart.contains(&says),
            "{source}: {says}"
        );
    }
}

#[test]
fn what_a_server_takes_is_taken() {
    for spec in [
        "{}",
        r#"{"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}}"#,
        r#"{"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}}"#,
        r#"{"podReplacementPolicy": "Failed", "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes":
            {"containerName": "main", "operator": "NotIn", "values": [0, 42]}}]}}"#,
        r#"{"completionMode": "Indexed", "completions": 5, "successPolicy": {"rules": [{"succeededCount": 3, "succeededIndexes": "0,2-4"}]}}"#,
    ] {
        read(&job(spec)).expect(spec);
    }
    let both = r#"{"type": "Object", "object": {"metric": {"name": "m"}, "describedObject": {"kind": "Service", "name": "s"},
        "target": {"type": "Value", "value": 5, "averageValue": 5}}}"#;
    read(&autoscaler(both)).expect(both);
}

#[test]
fn numbers_as_texts_and_misspelt_policies_are_refused() {
    let budget = |least: Value| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "a"},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"a": "b"}}}})
    };
    read(&budget("50%".into())).expect("a percentage");
    let refused = read(&budget("2".into())).expect_err("a text").to_string();
    assert!(
        refused.contains("spec.minAvailable: a valid percent string"),
        "{refused}"
    );
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "a"},
        "value": 5, "preemptionPolicy": "never"});
    let refused = read(&class).expect_err("a policy").to_string();
    assert!(
        refused.contains("preemptionPolicy: expected `PreemptLowerPriority` or `Never`"),
        "{refused}"
    );
    let vertical = json!({"apiVersion": "autoscaling.k8s.io/v1", "kind": "VerticalPodAutoscaler", "metadata": {"name": "a"},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}, "updatePolicy": {"minReplicas": 0}}});
    let refused = read(&vertical).expect_err("no replica").to_string();
    assert!(
        refused.contains("spec.updatePolicy.minReplicas: minReplicas has to be positive, got 0"),
        "{refused}"
    );
}
