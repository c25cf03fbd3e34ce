//! Decisions about nodes that public reports are about: groups that are balanced, annotations of
//! nodes and pods, what pods prefer, machines that start, pods that nobody makes anew. Expected is
//! what the originals decide (cluster autoscaler 1.34: `core/scaleup/orchestrator`,
//! `processors/nodegroupset`, `clusterstate`; Karpenter: spec karpenter.md).

use crate::node_scaling::{Nodes, metric, run_text};
use crate::node_scaling_rules::{autoscaled, cluster, joined};

/// A node that takes no pod without the toleration for it.
const CLOSED: &str = "cluster:
  nodes:
    - {count: 1, name: base, template: {allocatable: {cpu: 2, memory: 8Gi}, taints: [{key: base, effect: NoSchedule}]}}
  provider:
    boot: constant(60s)
";

fn provisioned(settings: &str, more: &str) -> String {
    format!(
        "system: {{controllers: {{}}, autoscaling: {{provisioner: {{instanceTypes: ['m5.*', 'c5.*']{settings}}}}}}}\n{more}"
    )
}

/// A deployment whose pods ask for so much cpu.
fn pods(name: &str, replicas: i32, cpu: &str, annotations: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: d}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{{annotations}}}}}
    spec:
      {spec}
      containers: [{{name: c, image: 'c:1', resources: {{requests: {{cpu: {cpu}, memory: 512Mi}}}}}}]
"
    )
}

/// Names of nodes that went.
fn went(nodes: &Nodes) -> Vec<&str> {
    let mut went: Vec<&str> = nodes.went.iter().map(|own| &*own.1).collect();
    went.sort_unstable();
    went
}

#[test]
fn groups_that_can_not_take_the_pods_are_not_balanced() {
    let typed = "    groups:
      - {name: pool-a, max: 10, instanceType: m5.xlarge, zone: a, labels: {tier: gold}}
      - {name: pool-b, max: 10, instanceType: m5.xlarge, zone: b, labels: {tier: gold}}
";
    // Templates of two zones differ in nothing else.
    let template = |zone: &str| {
        format!(
            "      - {{name: pool-{zone}, max: 10, template: {{allocatable: {{cpu: 4, memory: 16Gi}}, \
             labels: {{tier: gold, topology.kubernetes.io/zone: {zone}}}}}}}\n"
        )
    };
    let templates = format!("    groups:\n{}{}", template("a"), template("b"));
    let anywhere = "nodeSelector: {tier: gold}";
    let in_b = "nodeSelector: {tier: gold, topology.kubernetes.io/zone: b}";
    for (name, groups, spec, expected) in [
        ("typed-b", typed, in_b, (0, 6)),
        ("typed-any", typed, anywhere, (3, 3)),
        ("template-b", &*templates, in_b, (0, 6)),
        ("template-any", &templates, anywhere, (3, 3)),
    ] {
        let more = autoscaled("balanceSimilarNodeGroups: true", "stop: {at: 30m}\n");
        let work = pods("big", 6, "3", "", spec);
        let name = format!("decisions-balance-{name}");
        let (nodes, _) = run_text(&name, &(CLOSED.to_owned() + groups), &work, &more);
        let counts = ["pool-a", "pool-b"].map(|group| joined(&nodes, group).len());
        assert_eq!((counts[0], counts[1]), expected, "{name}");
    }
}

/// Two nodes of a dump, the first with an annotation, and a pod on each that fits elsewhere.
fn dump(annotation: &str) -> String {
    let node = |name: &str, annotation: &str| {
        format!(
            "---
apiVersion: v1
kind: Node
metadata:
  name: {name}
  labels: {{kubernetes.io/hostname: {name}, eks.amazonaws.com/nodegroup: pool}}
  annotations: {{{annotation}}}
status: {{allocatable: {{cpu: '4', memory: 15Gi, pods: '58'}}}}
"
        )
    };
    node("kept", annotation) + &node("other", "")
}

#[test]
fn a_node_of_a_dump_stays_if_its_annotation_says_so() {
    let groups = "    groups: [{name: pool, max: 10, instanceType: m5.xlarge}]\n";
    let cluster = "cluster:
  nodes: [{manifests: shop.yaml}]
  provider:
    boot: 90s
";
    for (name, annotation, expected) in [
        (
            "true",
            "cluster-autoscaler.kubernetes.io/scale-down-disabled: 'true'",
            vec!["other"],
        ),
        (
            "false",
            "cluster-autoscaler.kubernetes.io/scale-down-disabled: 'false'",
            vec!["kept", "other"],
        ),
        (
            "foreign",
            "karpenter.sh/do-not-disrupt: 'true'",
            vec!["kept", "other"],
        ),
    ] {
        let more = autoscaled(
            "",
            "operations: [{at: 1s, cordon: other}, {at: 2s, uncordon: other}]\nstop: {at: 1h}\n",
        );
        let name = format!("decisions-annotated-{name}");
        let (nodes, _) = run_text(
            &name,
            &format!("{cluster}{groups}"),
            &dump(annotation),
            &more,
        );
        assert_eq!(went(&nodes), expected, "{name}");
    }
}

#[test]
fn each_autoscaler_reads_its_own_annotations() {
    let quiet = ", consolidateAfter: 1m, budget: '100%'";
    let shrinks =
        "operations: [{at: 10m, scale: Deployment/d/big, replicas: 0}]\nstop: {at: 40m}\n";
    for (name, annotation, settings, goes) in [
        ("none", "", "", true),
        ("pod", "karpenter.sh/do-not-disrupt: 'true'", "", false),
        ("span", "karpenter.sh/do-not-disrupt: 1h", "", false),
        ("over", "karpenter.sh/do-not-disrupt: 5m", "", true),
        ("unread", "karpenter.sh/do-not-disrupt: 'yes'", "", true),
        (
            "foreign",
            "cluster-autoscaler.kubernetes.io/safe-to-evict: 'false'",
            "",
            true,
        ),
        (
            "node",
            "",
            ", annotations: {karpenter.sh/do-not-disrupt: 'true'}",
            false,
        ),
    ] {
        let work = pods("long", 1, "500m", annotation, "") + &pods("big", 1, "6", "", "");
        let more = provisioned(&format!("{quiet}{settings}"), shrinks);
        let name = format!("decisions-own-{name}");
        let (nodes, _) = run_text(&name, CLOSED, &work, &more);
        assert_eq!(
            went(&nodes) == ["provisioned-0"],
            goes,
            "{name}: {:?}",
            nodes.went
        );
    }
}

#[test]
fn what_pods_prefer_is_bought_and_kept() {
    let far = "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 9, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: soft}}}}]}}";
    let spread = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: soft}}}]";
    let zone = |value: &str| {
        format!(
            "affinity: {{nodeAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 1, preference: {{matchExpressions: [{{key: topology.kubernetes.io/zone, operator: In, values: [{value}]}}]}}}}]}}}}"
        )
    };
    let quiet = ", consolidateAfter: 1m, budget: '100%', zones: [a, b]";
    let ignored = format!("{quiet}, preferencePolicy: Ignore");
    for (name, spec, settings, machines, zones) in [
        ("far", far.to_owned(), quiet, 3, "a"),
        ("spread", spread.to_owned(), quiet, 3, "a"),
        ("zone", zone("b"), quiet, 1, "b"),
        // A wish that nothing can meet is given up.
        ("nowhere", zone("z"), quiet, 1, "a"),
        ("ignored", far.to_owned(), &ignored, 1, "a"),
    ] {
        let work = pods("soft", 3, "500m", "", &spec);
        let name = format!("decisions-wish-{name}");
        let (nodes, outcome) = run_text(
            &name,
            CLOSED,
            &work,
            &provisioned(settings, "stop: {at: 1h}\n"),
        );
        assert_eq!(nodes.zones.len(), machines, "{name}");
        assert!(
            nodes.zones.values().all(|zone| zone == zones),
            "{name}: {:?}",
            nodes.zones
        );
        // Nothing is consolidated against it.
        assert_eq!(went(&nodes), [""; 0], "{name}");
        assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
    }
}

#[test]
fn a_pod_that_nobody_makes_anew_keeps_no_node_from_a_provisioner() {
    let bare = "---
apiVersion: v1
kind: Pod
metadata: {name: long, namespace: d}
spec: {containers: [{name: c, image: 'c:1', resources: {requests: {cpu: 500m, memory: 512Mi}}}]}
";
    let work = pods("big", 1, "6", "", "") + bare;
    let more = provisioned(
        ", consolidateAfter: 1m, budget: '100%'",
        "operations: [{at: 10m, scale: Deployment/d/big, replicas: 0}]\nstop: {at: 40m}\n",
    );
    let (nodes, _) = run_text("decisions-bare", CLOSED, &work, &more);
    // The pod is lost, so that what was bought for it is empty.
    assert_eq!(went(&nodes), ["provisioned-0", "provisioned-1"]);
}

#[test]
fn machines_that_start_count_for_the_pods_that_wait() {
    let base = cluster("").replace("boot: 90s", "boot: constant(60s)");
    let work = pods("app", 12, "1", "", "");
    let ideal = provisioned("", "stop: {at: 1h}\n");
    for (name, models) in [("ideal", ""), ("production", "models: {set: production}\n")] {
        let name = format!("decisions-start-{name}");
        let (nodes, _) = run_text(&name, &base, &work, &format!("{ideal}{models}"));
        assert_eq!(joined(&nodes, "provisioned").len(), 1, "{name}");
        assert_eq!(went(&nodes), [""; 0], "{name}");
        let groups = "    groups: [{name: pool, max: 9, instanceType: m5.4xlarge}]\n";
        let more = autoscaled("", "stop: {at: 1h}\n") + models;
        let (nodes, _) = run_text(
            &format!("{name}-pool"),
            &(base.clone() + groups),
            &work,
            &more,
        );
        assert_eq!(joined(&nodes, "pool").len(), 1, "{name}");
    }
}

#[test]
fn a_start_up_taint_is_expected_to_go_for_a_quarter_of_an_hour() {
    let groups = "    groups: [{name: pool, max: 9, instanceType: m5.xlarge, taints: [{key: startup-taint.cluster-autoscaler.kubernetes.io/init, effect: NoSchedule}]}]\n";
    let work = pods("app", 2, "1", "", "");
    for (minutes, machines) in [(14, 1), (25, 2)] {
        let more = autoscaled("", &format!("stop: {{at: {minutes}m}}\n"));
        let name = format!("decisions-taint-{minutes}");
        let (nodes, _) = run_text(&name, &(CLOSED.to_owned() + groups), &work, &more);
        assert_eq!(joined(&nodes, "pool").len(), machines, "{name}");
    }
}

#[test]
fn expendable_pods_neither_order_nodes_nor_keep_them() {
    let class = "---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: spare}
value: -20
";
    let groups = "    groups: [{name: pool, max: 9, initial: 2, instanceType: m5.xlarge}]\n";
    let work = pods("spare", 9, "1", "", "priorityClassName: spare") + class;
    let more = autoscaled("", "stop: {at: 30m}\n");
    let base = CLOSED.to_owned() + groups;
    let (nodes, _) = run_text("decisions-expendable", &base, &work, &more);
    assert_eq!(joined(&nodes, "pool"), [0.0, 0.0]);
    assert_eq!(went(&nodes), ["pool-0", "pool-1"]);
}

#[test]
fn a_pod_that_waits_for_those_it_preempted_needs_no_node() {
    let class = "---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: low}
value: -5
";
    // Preempted pods take most of a minute to end; one of them needs a new node, and no other pod.
    let low = "priorityClassName: low\n      terminationGracePeriodSeconds: 60";
    let low = pods("low", 5, "1", "windtunnel.dev/stop-time: 50s", low);
    let work = low + &pods("high", 0, "1", "", "") + class;
    let groups = "    groups: [{name: pool, max: 9, initial: 1, instanceType: m5.xlarge}]\n";
    let grows = "operations: [{at: 5m, scale: Deployment/d/high, replicas: 2}]\nstop: {at: 15m}\n";
    let base = cluster("") + groups;
    let (nodes, _) = run_text("decisions-preempt", &base, &work, &autoscaled("", grows));
    assert_eq!(joined(&nodes, "pool").len(), 2, "{:?}", nodes.came);
}

#[test]
fn a_termination_grace_period_ends_what_protects_a_node() {
    let kept = "karpenter.sh/do-not-disrupt: 'true'";
    let work = pods("app", 2, "1", kept, "");
    for (name, settings, goes) in [
        ("kept", ", expireAfter: 20m", false),
        (
            "limit",
            ", expireAfter: 20m, terminationGracePeriod: 5m",
            true,
        ),
        ("drift", ", drifts: [20m]", false),
        (
            "drift-limit",
            ", drifts: [20m], terminationGracePeriod: 5m",
            true,
        ),
    ] {
        let name = format!("decisions-grace-{name}");
        let more = provisioned(settings, "stop: {at: 35m}\n");
        let (nodes, _) = run_text(&name, CLOSED, &work, &more);
        assert_eq!(
            went(&nodes) == ["provisioned-0"],
            goes,
            "{name}: {:?}",
            nodes.went
        );
    }
}
