//! Messages about manifests that are broken, or that say more than the model holds.

use proptest::prelude::*;

use super::super::read_manifests;
use super::{pod_with, read};

fn error(text: &str) -> String {
    read_manifests("bad.yaml", text)
        .expect_err("a bad manifest")
        .to_string()
}

#[test]
fn fields_that_are_not_modelled_are_found() {
    for (spec, field) in [
        (
            "  volumes: [{name: v, persistentVolumeClaim: {claimName: x}}]",
            "",
        ),
        (
            "  volumes: [{name: w, emptyDir: {}}, {name: v, csi: {driver: x}}]",
            "spec.volumes[1].csi",
        ),
        (
            "  volumes: [{name: w, emptyDir: {}}, {name: v, configMap: {name: x}}]",
            "",
        ),
        ("  runtimeClassName: kata", "spec.runtimeClassName"),
        ("  runtimeClassName: kata\n  overhead: {cpu: 1}", ""),
        (
            "  tolerations: [{key: a, operator: Gt, value: '1'}]",
            "spec.tolerations[0].operator",
        ),
        ("status: {nominatedNodeName: n}", ""),
        (
            "status: {containerStatuses: [{name: c, allocatedResources: {cpu: 1}}]}",
            "",
        ),
    ] {
        let manifests = read(&pod_with(spec));
        let found: Vec<_> = manifests
            .findings
            .iter()
            .map(|found| found.field.as_str())
            .collect();
        assert_eq!(
            found,
            if field.is_empty() {
                vec![]
            } else {
                vec![field]
            },
            "{spec}"
        );
    }
    let twice = pod_with("  runtimeClassName: kata\n");
    let manifests = read(&format!(
        "{twice}---\n{}",
        twice.replace("name: p", "name: q")
    ));
    assert_eq!(manifests.findings.len(), 1);
    assert_eq!(
        manifests.findings[0].to_string(),
        "Pod `default/p`: spec.runtimeClassName: a runtime class, and no `overhead`; the class' \
         overhead and node selector are not applied (and 1 more like it)"
    );
}

/// Each of these pieces of a spec is refused with a message that has the text beside it.
fn check(cases: &[(&str, &str)]) {
    for (spec, expected) in cases {
        let message = error(&pod_with(spec));
        let head = "bad.yaml: document 1, Pod `p`: ";
        assert!(message.starts_with(head), "{message}");
        assert!(message.contains(expected), "{message}\nlacks {expected}");
    }
}

#[test]
fn broken_values_name_object_field_and_what_was_expected() {
    check(&[
        (
            "  initContainers: [{resources: {requests: {cpu: -1}}}]",
            "spec.initContainers[0].resources.requests[\"cpu\"]: expected a quantity of 0 or more, \
             found `-1`",
        ),
        (
            "  initContainers: [{resources: {limits: {cpu: 1..5}}}]",
            "spec.initContainers[0].resources.limits[\"cpu\"]: ",
        ),
        (
            "  initContainers: [{restartPolicy: Always, ports: [{hostPort: 70000}]}]",
            "ports[0].hostPort: must be between 1 and 65535, inclusive, found `70000`",
        ),
        (
            "  topologySpreadConstraints: [{maxSkew: 0}]",
            "spec.topologySpreadConstraints[0].maxSkew: expected 1 or more, found `0`",
        ),
        (
            "  tolerations: [{value: x}]",
            "spec.tolerations[0].operator: expected `Exists`, as there is no key, found `Equal`",
        ),
        (
            "  tolerations: [{key: x, effect: Never}]",
            "spec.tolerations[0].effect: expected `NoSchedule`, `PreferNoSchedule` or \
             `NoExecute`, found `Never`",
        ),
        ("  preemptionPolicy: Sometimes", "spec.preemptionPolicy: "),
        (
            "  nodeSelector: {a: 'b c'}",
            "spec.nodeSelector[\"a\"]: expected a label value",
        ),
        ("status: {phase: Lost}", "status.phase: "),
    ]);
}

#[test]
fn broken_terms_name_object_field_and_what_was_expected() {
    for (expression, expected) in [
        (
            "{key: a, operator: Near}",
            "matchExpressions[0].operator: expected one of `In`, `NotIn`, `Exists`, \
             `DoesNotExist`, `Gt`, `Lt`, found `Near`",
        ),
        (
            "{key: a, operator: In}",
            "matchExpressions[0].values: expected at least one value, but it is missing",
        ),
        (
            "{key: a, operator: Gt, values: ['1', '2']}",
            "values: expected exactly one value, a whole number, found `1, 2`",
        ),
    ] {
        let spec = format!(
            "  affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: \
             {{nodeSelectorTerms: [{{matchExpressions: [{expression}]}}]}}}}}}"
        );
        check(&[(&spec, expected)]);
    }
    for (weight, term, expected) in [
        (
            101,
            "topologyKey: z",
            "Execution[0].weight: expected a weight of 1 to 100, found `101`",
        ),
        (1, "", "podAffinityTerm.topologyKey: expected a node label"),
        (
            1,
            "topologyKey: z, labelSelector: {matchLabels: {'a b': c}}",
            "labelSelector.matchLabels: expected a key of the form",
        ),
        (
            1,
            "topologyKey: z, labelSelector: {matchExpressions: [{key: a, operator: Gt}]}",
            "found `Gt`",
        ),
    ] {
        let spec = format!(
            "  affinity: {{podAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: \
             [{{weight: {weight}, podAffinityTerm: {{{term}}}}}]}}}}"
        );
        check(&[(&spec, expected)]);
    }
}

#[test]
fn errors_say_where_in_the_file() {
    let node = "kind: Node\nmetadata: {name: n}\nstatus: {allocatable: {cpu: 1, pods: 1}}\n";
    let item = r#"{"kind":"Pod","metadata":{"name":"x"},"spec":PLACEHOLDER}"#.replace(
        "PLACEHOLDER",
        r#"{"containers":[{"name":"c"}],"priority":"high"}"#,
    );
    let whole = format!(
        r#"{{"kind":"List","items":[{}]}}"#,
        item.replace("\"high\"", "1")
    );
    for (text, expected) in [
        (
            format!("{node}---\n{node}"),
            "document 2, Node `n`: metadata.name: expected a unique name (also used in document \
             1), found `n`",
        ),
        (
            "metadata: {name: x}\n".to_owned(),
            "document 1: kind: expected the object's kind",
        ),
        (
            "kind: Node\nmetadata: {name: n}\n".to_owned(),
            "status.allocatable.cpu: expected the node's resources",
        ),
        (
            format!("{node}---\nkind: Pod\nmetadata: {{name: p}}\nspec: {{priority: high}}\n"),
            "document 2, Pod `p`: ",
        ),
        (
            format!(r#"{{"kind":"List","items":[{{"kind":"A"}},{item}]}}"#),
            "document 1, items[1], Pod `x`: ",
        ),
        (whole[..whole.len() - 20].to_owned(), "the file is cut off"),
        (
            "just a text\n".to_owned(),
            "a Kubernetes object with `apiVersion`",
        ),
        (
            r#"{"kind": "PodList" "items": []}"#.to_owned(),
            "document 1: ",
        ),
        (format!("{node}\n  - : {{]"), "document 1"),
    ] {
        let message = error(&text);
        assert!(message.contains(expected), "{message}\nlacks {expected}");
    }
    let message = error(&format!(
        "{node}---\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  priority: high\n"
    ));
    assert!(message.contains("line 8 column 13"), "{message}");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = read_manifests("x", &text);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_manifests("x", &String::from_utf8_lossy(&bytes));
    }

    /// Damage to a good file: a piece cut out, and another put in its place.
    #[test]
    fn damaged_manifests_never_panic(
        start in 0..10_000_usize,
        length in 0..60_usize,
        patch in "[-{}\\[\\]:,&*!|>\n a0\"']{0,6}",
    ) {
        let good = include_str!("../../../traces/small-cluster.yaml");
        let start = start % good.len();
        let mut bytes = good.as_bytes().to_vec();
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, patch.bytes());
        let _ = read_manifests("x", &String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn annotations_are_texts_but_for_those_of_files_that_no_server_reads() {
    let annotated = |own: &str| {
        format!(
            "kind: Pod\nmetadata: {{name: p, annotations: {{{own}}}}}\nspec: {{containers: [{{name: c}}]}}\n"
        )
    };
    for own in [
        "windtunnel.dev/exit-code: 5",
        "alibabacloud.com/gpu-milli: 500",
        "other: 'true', more: ~",
    ] {
        assert_eq!(read(&annotated(own)).pods.len(), 1, "{own}");
    }
    for own in [
        "controller.kubernetes.io/pod-deletion-cost: 5",
        "other: 5",
        "other: true",
        "other: {a: b}",
    ] {
        let message = error(&annotated(own));
        assert!(message.contains("expected a text"), "{message}");
    }
}
