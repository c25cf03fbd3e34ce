//! A drain that its node does not outlive (spec: kubernetes.md 2.9).

use crate::scratch::Scratch;

const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 9
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {windtunnel.dev/stop-time: 20s}}
    spec:
      containers:
      - name: web
        image: web
        readinessProbe: {httpGet: {port: 80}, initialDelaySeconds: 15}
        resources: {requests: {cpu: \"1\", memory: 1Gi}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 8, selector: {matchLabels: {app: web}}}
";

const EXPERIMENT: &str = "\
windtunnel: v1
name: drain
seed: 1
cluster: {nodes: [{count: 3, template: {allocatable: {cpu: 8, memory: 32Gi}}}]}
workload: [{manifests: shop.yaml}]
system: {name: kubernetes, controllers: {}}
operations:
- {at: 60s, drain: node-0}
- {at: 70s, delete: Node/node-0}
stop: {at: 5m}
";

/// `kubectl drain` evicts the pods that it found, one as the budget allows, whether or not the node's
/// object is still there: the next is asked for every five seconds.
#[test]
fn a_drain_goes_on_after_its_node_is_deleted() {
    let files = [("shop.yaml", SHOP), ("run.yaml", EXPERIMENT)];
    let scratch = Scratch::new("drain", &files);
    scratch.run(
        &["run", "run.yaml", "--quiet", "--events", "--out", "out"],
        0,
    );
    let events = scratch.printed(&["events", "out", "--kind", "terminating"], 0);
    let times: Vec<&str> = events
        .lines()
        .filter(|line| line.contains("Evicted(Drain)"))
        .map(|line| line.split("  terminating").next().unwrap_or(line).trim())
        .collect();
    assert_eq!(times, ["60.0 s", "85.0 s", "110 s"], "{events}");
}
