//! Volumes that one node at a time has, and nodes that join before they are Ready: from an experiment
//! file to what happens.

use crate::story::{Story, story};

const NODES: &str = "apiVersion: v1
kind: Node
metadata: {name: a}
status: {allocatable: {cpu: '4', memory: 16Gi, pods: '110'}}
---
apiVersion: v1
kind: Node
metadata: {name: b}
status: {allocatable: {cpu: '4', memory: 16Gi, pods: '110'}}
";

const SET: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - {weight: 100, preference: {matchFields: [{key: metadata.name, operator: In, values: [a]}]}}
      containers: [{name: c, image: c, resources: {requests: {cpu: 1}}}]
  volumeClaimTemplates:
  - {metadata: {name: disk}, spec: {accessModes: [ReadWriteOnce]}}
";

fn run(name: &str, models: &str, more: &str) -> Story {
    let own = format!(
        "windtunnel: v1
name: volumes
seed: 1
cluster: {{nodes: [{{manifests: nodes.yaml}}]}}
workload: [{{manifests: set.yaml}}]
system: {{name: kubernetes, controllers: {{}}}}
models: {{{models}}}
{more}"
    );
    let files = [
        ("own.yaml", &*own),
        ("nodes.yaml", NODES),
        ("set.yaml", SET),
    ];
    story(name, &files)
}

/// The node of the set's pod is lost at 60 s for good; its object is deleted, or it is marked.
fn lost(name: &str, models: &str, operation: &str) -> Vec<f64> {
    let more = format!(
        "failures: [{{kind: node-outage, node: a, at: 60s}}]
operations: [{{at: 120s, {operation}}}]
stop: {{at: 20m}}
"
    );
    run(name, &format!("leaseOffset: 0s, {models}"), &more).times("db-0 runs")
}

#[test]
fn a_pod_starts_once_its_volume_is_attached_and_without_the_model_at_once() {
    let stop = "stop: {at: 2m}\n";
    let started = |name: &str, models: &str| run(name, models, stop).times("db-0 runs");
    assert_eq!(started("volumes-off", ""), [0.0]);
    assert_eq!(
        started(
            "volumes-none",
            "set: production, kubelet: none, volumes: none"
        ),
        [0.0]
    );
    assert_eq!(started("volumes-on", "volumes: {}"), [10.0]);
    assert_eq!(
        started("volumes-set", "set: production, kubelet: none"),
        [10.0]
    );
    assert_eq!(started("volumes-3s", "volumes: {attach: 3s}"), [3.0]);
}

#[test]
fn a_volume_of_a_lost_node_comes_six_minutes_after_its_pod_has_gone() {
    // The pod of a node that was deleted is collected at 160 s, and replaced at once.
    let deleted = "delete: Node/a";
    let forced = 160.0 + 360.0 + 5.0 + 10.0;
    assert_eq!(lost("volumes-lost", "volumes: {}", deleted), [10.0, forced]);
    let sooner = "volumes: {attach: 1s, detach: 0s, forceDetach: 60s}";
    assert_eq!(lost("volumes-soon", sooner, deleted), [1.0, 221.0]);
    assert_eq!(lost("volumes-free", "volumes: none", deleted), [0.0, 160.0]);
}

/// Where a volume is attached is stored; for how long it has been unused is not.
#[test]
fn a_new_leader_of_the_controllers_waits_for_a_volume_anew() {
    let more = "failures: [{kind: node-outage, node: a, at: 60s}, {kind: leader-failover, component: \
                kube-controller-manager, at: 298s, lease: 1s, election: 1s}]\noperations: [{at: 120s, delete: \
                Node/a}]\nstop: {at: 20m}\n";
    let told = run("volumes-failover", "leaseOffset: 0s, volumes: {}", more);
    let forced = 300.0 + 360.0 + 5.0 + 10.0;
    assert_eq!(told.times("db-0 runs"), [10.0, forced]);
}

#[test]
fn a_node_that_is_out_of_service_gives_its_volumes_up_at_once() {
    let marked = "taint: {node: a, key: node.kubernetes.io/out-of-service, effect: NoExecute}";
    // Told to end at 120 s, the pod is removed by the next pass of the collector.
    let told = lost("volumes-marked", "volumes: {}", marked);
    assert_eq!(told.len(), 2);
    assert!((135.0..=155.0).contains(&told[1]), "{told:?}");
}

#[test]
fn a_pod_that_is_only_told_to_end_on_a_lost_node_keeps_its_volume() {
    let more = "failures: [{kind: node-outage, node: a, at: 60s, for: 30m}]\nstop: {at: 40m}\n";
    let told = run("volumes-kept", "leaseOffset: 0s, volumes: {}", more);
    let runs = told.times("db-0 runs");
    // The node is back at 1860 s: its volume is still there.
    assert!(
        runs.len() == 2 && (1860.0..1862.0).contains(&runs[1]),
        "{runs:?}"
    );
}

#[test]
fn a_node_that_joins_under_the_production_set_takes_pods_once_it_is_ready() {
    let node = "apiVersion: v1
kind: Node
metadata: {name: c}
status: {allocatable: {cpu: '64', memory: 16Gi, pods: '110'}}
";
    let large = SET.replace("cpu: 1", "cpu: 32");
    let at = |models: &str| {
        let own = format!(
            "windtunnel: v1
name: joins
seed: 1
cluster: {{nodes: [{{manifests: nodes.yaml}}]}}
workload: [{{manifests: set.yaml}}]
system: {{name: kubernetes, controllers: {{}}}}
models: {{{models}}}
operations: [{{at: 30s, apply: node.yaml}}]
stop: {{at: 2m}}
"
        );
        let files = [
            ("own.yaml", &*own),
            ("nodes.yaml", NODES),
            ("set.yaml", &*large),
            ("node.yaml", node),
        ];
        let told = story("joins", &files);
        (
            told.times("db-0 on c"),
            told.times("c lost"),
            told.times("c up"),
        )
    };
    let (bound, lost, up) = at("");
    assert_eq!((bound, lost, up), (vec![30.0], vec![], vec![]));
    let (bound, lost, up) = at("set: production, volumes: none");
    assert_eq!((lost, up), (vec![30.0], vec![40.0]));
    assert!(
        bound.len() == 1 && (40.0..40.3).contains(&bound[0]),
        "{bound:?}"
    );
}
