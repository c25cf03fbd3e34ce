//! Objects of Kueue: what is read of them, and what is refused.

use super::super::read_manifests;
use super::read;
use model::queueing::FairStrategy;
use units::Quantity;

fn error(text: &str) -> String {
    let read = read_manifests("bad.yaml", text);
    read.expect_err("a bad manifest").to_string()
}

/// A queue of a cluster with these lines in its `spec`, indented by two.
fn queue(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: kueue.x-k8s.io/v1beta2\nkind: ClusterQueue\nmetadata: {{name: {name}}}\nspec:\n{spec}\n"
    )
}

/// The spec of a queue with this quota of one flavor.
fn quota(quota: &str) -> String {
    format!(
        "  resourceGroups:\n    - coveredResources: [cpu]\n      flavors:\n        \
         - {{name: f, resources: [{{name: cpu, {quota}}}]}}"
    )
}

#[test]
fn objects_of_queues_are_read() {
    let own = format!(
        "{}---\n{}",
        queue(
            "q",
            &format!("  cohort: c\n{}", quota("nominalQuota: 1500m"))
        )
        .replace("v1beta2", "v1beta1"),
        "apiVersion: kueue.x-k8s.io/v1beta2\nkind: LocalQueue\n\
         metadata: {name: l, namespace: n}\nspec: {clusterQueue: q}\n\
         ---\nkind: WorkloadPriorityClass\napiVersion: kueue.x-k8s.io/v1beta2\n\
         metadata: {name: high}\nvalue: 7\n\
         ---\nkind: Configuration\napiVersion: config.kueue.x-k8s.io/v1beta2\n\
         fairSharing: {preemptionStrategies: [LessThanInitialShare]}\n\
         ---\nkind: Job\napiVersion: batch/v1\n\
         metadata: {name: j, namespace: n, labels: {kueue.x-k8s.io/queue-name: l}}\n\
         spec: {template: {spec: {restartPolicy: Never, containers: [{name: c}]}}}\n"
    );
    let read = read(&own);
    let objects = &read.objects.queueing;
    assert_eq!(objects.queues[0].cohort.as_deref(), Some("c"));
    let nominal = objects.queues[0].groups[0].flavors[0].resources[0].nominal;
    assert_eq!(nominal, Quantity::from_milli(1500));
    assert_eq!(&*objects.local_queues[0].cluster_queue, "q");
    assert_eq!(objects.priorities.get("high"), Some(&7));
    let strategies = Some(vec![FairStrategy::LessThanInitialShare]);
    assert_eq!(objects.fair_sharing, strategies);
    assert_eq!(objects.len(), 4);
    assert!(read.ignored_kinds.is_empty() || read.ignored_kinds.len() == 1);
}

#[test]
fn fields_that_are_left_out_are_listed() {
    let own = queue(
        "q",
        "  admissionChecksStrategy: {admissionChecks: [{name: a}]}\n  chort: c",
    );
    let fields: Vec<String> = read(&own)
        .findings
        .into_iter()
        .map(|own| own.field)
        .collect();
    assert_eq!(fields, ["spec.admissionChecksStrategy", "spec.chort"]);
}

#[test]
fn contradictions_are_refused_at_their_fields() {
    let cohort = |name: &str, parent: &str| {
        format!(
            "---\napiVersion: kueue.x-k8s.io/v1beta2\nkind: Cohort\nmetadata: {{name: {name}}}\n\
             spec: {{parentName: {parent}}}\n"
        )
    };
    for (text, expected) in [
        (
            cohort("a", "b") + &cohort("b", "c") + &cohort("c", "a"),
            "document 3, Cohort `c`: spec.parentName: expected a cohort that is not below this one, \
             found `c -> a -> b -> c`",
        ),
        (
            queue("q", &quota("nominalQuota: 1, borrowingLimit: 2")),
            "ClusterQueue `q`: spec.resourceGroups[0].flavors[0].resources[0].borrowingLimit: expected \
             no limit, as there is no cohort, found `2`",
        ),
        (
            queue(
                "q",
                &format!(
                    "  cohortName: c\n{}",
                    quota("nominalQuota: 1, lendingLimit: 2")
                ),
            ),
            "ClusterQueue `q`: spec.resourceGroups[0].flavors[0].resources[0].lendingLimit: expected at \
             most the nominal quota 1, found `2`",
        ),
        (
            queue("q", "  fairSharing: {weight: -1}"),
            "ClusterQueue `q`: spec.fairSharing.weight: expected a quantity of 0 or more, found `-1`",
        ),
        (
            queue("q", "  stopPolicy: Now"),
            "ClusterQueue `q`: spec.stopPolicy: expected `None`, `Hold` or `HoldAndDrain`, found `Now`",
        ),
        (
            queue("q", "  cohortName: c") + "---\n" + &queue("q", "  cohortName: c"),
            "document 2, ClusterQueue `q`: metadata.name: expected a unique name, found `q`",
        ),
        (
            "apiVersion: kueue.x-k8s.io/v1beta2\nkind: LocalQueue\nmetadata: {name: l}\nspec: {}\n"
                .to_owned(),
            "LocalQueue `l`: spec.clusterQueue: expected a queue of the cluster, but it is missing",
        ),
        (
            "apiVersion: config.kueue.x-k8s.io/v1beta2\nkind: Configuration\n\
             fairSharing: {preemptionStrategies: [First]}\n"
                .to_owned(),
            "fairSharing.preemptionStrategies[0]: expected `LessThanOrEqualToFinalShare` or \
             `LessThanInitialShare`, found `\"First\"`",
        ),
    ] {
        let found = error(&text);
        assert!(found.contains(expected), "{found}\nlacks {expected}");
    }
}
