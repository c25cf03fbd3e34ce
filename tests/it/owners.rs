//! Owners of pods, from files to evictions: pods that an owner makes again are moved by whoever empties nodes,
//! whichever kind the owner is, and pods that nobody makes again keep their node.

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::units::Instant;

use crate::kube_scenario::Scratch;
use crate::watch::watch;

/// Nodes that left, by name.
#[derive(Default)]
struct Left(Vec<String>, Vec<String>);

impl Observer for Left {
    fn observe(&mut self, _: Instant, event: &Event, _: Option<&Pod>, _: &Store) {
        match event {
            Event::NodeAdded { object, .. } => self.0.push(object.name.to_string()),
            Event::NodeRemoved { node } => self.1.push(self.0[node.index()].clone()),
            _ => {}
        }
    }
}

const RUNS: &str = "labels: {app: w}, annotations: {windtunnel.dev/run-time: 10h}";

const SPEC: &str = "{RESTART affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, \
    preference: {matchExpressions: [{key: pool, operator: Exists}]}}]}}, containers: [{name: c, image: a, resources: \
    {requests: {cpu: 200m}}}]}";

/// Workloads, and whether their pod is moved off a node that is hardly used.
const OWNERS: [(&str, bool); 6] = [
    (
        "{apiVersion: v1, kind: Pod, metadata: {name: w, RUNS}, spec: SPEC}",
        false,
    ),
    (
        "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: w}, spec: {replicas: 1, selector: {matchLabels: {app: w}}, \
         template: ALWAYS}}",
        true,
    ),
    (
        "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: w}, spec: {replicas: 1, serviceName: w, selector: \
         {matchLabels: {app: w}}, template: ALWAYS}}",
        true,
    ),
    (
        "{apiVersion: batch/v1, kind: Job, metadata: {name: w}, spec: {template: NEVER}}",
        true,
    ),
    (
        "{apiVersion: batch/v1, kind: CronJob, metadata: {name: w}, spec: {schedule: '1 0 * * *', jobTemplate: {spec: \
         {template: NEVER}}}}",
        true,
    ),
    (
        "{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, metadata: {name: w}, spec: {replicatedJobs: [{name: a, \
         replicas: 1, template: {spec: {template: NEVER}}}]}}",
        true,
    ),
];

fn written(owner: &str) -> String {
    let template = format!("{{metadata: {{{RUNS}}}, spec: {SPEC}}}");
    let always = template.replace("RESTART", "");
    let never = template.replace("RESTART", "restartPolicy: Never,");
    owner
        .replace("ALWAYS", &always)
        .replace("NEVER", &never)
        .replace("RUNS", RUNS)
        .replace("SPEC", &SPEC.replace("RESTART", "restartPolicy: Never,"))
}

#[test]
fn nodes_are_emptied_of_pods_that_an_owner_makes_again() {
    let text = "\
windtunnel: v1
name: owners
cluster:
  nodes: [{count: 1, name: 'fix-{}', template: {allocatable: {cpu: 8, memory: 30Gi}}}]
  provider:
    boot: constant(90s)
    groups: [{name: pool, instanceType: m5.xlarge, labels: {pool: x}, min: 0, max: 3, initial: 1}]
workload: [{manifests: w.yaml}]
system: {name: kubernetes, controllers: {}, autoscaling: {cluster: {}}}
stop: {at: 1h}
";
    for (owner, moves) in OWNERS {
        let owner = written(owner);
        let scratch = Scratch::new("owners", &[("w.yaml", &owner), ("s.yaml", text)]);
        let loaded = scratch.load("s.yaml");
        let mut left = Left::default();
        watch(&loaded.0.variants[0].scenario, &loaded.0.files, &mut left).expect("a run");
        assert_eq!(!left.1.is_empty(), moves, "{owner}: {:?}", left.1);
    }
}
