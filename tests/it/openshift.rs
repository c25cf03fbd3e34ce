//! Deployment configurations and the scheduler policy of `OpenShift` in whole runs (spec:
//! orchestrators-a.md section 8).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Object, ObjectChange, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::watch;

/// Sizes of replication controllers and places of pods.
#[derive(Default)]
struct Seen {
    checker: Checker,
    /// Seconds, name and new size of a controller.
    sizes: Vec<(f64, String, i32)>,
    now: SortedMap<String, i32>,
    /// Nodes of pods, in the order of their bindings.
    nodes: Vec<String>,
    /// Seconds at which pods run.
    running: Vec<f64>,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::Object(
                ObjectChange::Created { object, .. } | ObjectChange::Updated { object, .. },
            ) => {
                let Object::ReplicationController(own) = object else {
                    return;
                };
                let name = own.name.to_string();
                if self.now.insert(name.clone(), own.replicas) != Some(own.replicas) {
                    self.sizes.push((at.as_secs_f64(), name, own.replicas));
                }
            }
            Event::PodBound { node, .. } => {
                self.nodes.push(store.nodes().name(*node).to_owned());
            }
            Event::PodRunning { .. } => self.running.push(at.as_secs_f64()),
            _ => {}
        }
    }
}

impl Seen {
    /// The changes of sizes from an instant on.
    fn since(&self, from: f64) -> Vec<(f64, &str, i32)> {
        let later = self.sizes.iter().filter(|own| own.0 >= from);
        later
            .map(|(at, name, size)| (*at, &**name, *size))
            .collect()
    }
}

fn shop(version: u32, strategy: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 4
  strategy: {{type: {strategy}}}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: 'shop/web:v{version}'
          resources: {{requests: {{cpu: 500m, memory: 1Gi}}}}
          readinessProbe: {{httpGet: {{path: /, port: 80}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}
"
    )
}

/// Runs the shop on nodes of two regions and two zones, with options and more fields of the experiment.
fn run(name: &str, strategy: &str, options: &str, more: &str) -> Seen {
    let node = |region: &str, number: usize| {
        format!(
            "{{name: {region}-{number}, count: 1, template: {{allocatable: {{cpu: 4, memory: 8Gi}}, \
             labels: {{region: {region}, zone: z{}}}}}}}",
            number % 2
        )
    };
    let nodes = |region| [0, 1, 2].map(|number| node(region, number)).join(", ");
    let text = format!(
        "windtunnel: v1
name: {name}
cluster:
  nodes: [{}, {}]
workload: [{{manifests: shop.yaml}}]
system: {{name: openshift, controllers: {{}}, openshift: {{{options}}}}}
models: {{startup: {{containerStart: 5s}}, nodeLife: observed}}
stop: {{at: 30m}}
{more}",
        nodes("infra"),
        nodes("primary")
    );
    let (first, second) = (shop(1, strategy), shop(2, strategy));
    let files = [
        ("shop.yaml", &*first),
        ("shop-2.yaml", &*second),
        ("run.yaml", &*text),
    ];
    let scratch = Scratch::new(name, &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let end = watch(scenario, &experiment.files, &mut seen);
    assert_eq!(seen.checker.failure(), None);
    end.unwrap_or_else(|error| panic!("{error}"));
    seen
}

#[test]
fn recreate_ends_all_old_pods_and_runs_its_hooks_between() {
    let options = "deploymentConfigs: {web: {pre: {takes: 5s}, mid: {takes: 20s}, post: {takes: \
                   2s, failures: 1, failurePolicy: ignore}}}";
    let more = "operations: [{at: 60s, apply: shop-2.yaml}]";
    let seen = run("openshift-recreate", "Recreate", options, more);
    let expected = [(60.0, "web-2", 0), (65.0, "web-1", 0), (85.0, "web-2", 4)];
    assert_eq!(seen.since(60.0), expected);
    assert_eq!(seen.running[4..], [90.0; 4]);
}

#[test]
fn a_version_that_is_never_ready_goes_back_to_the_last_complete_one() {
    let options = "deploymentConfigs: {'*': {timeout: 2m}}";
    let more = "delivery: [{image: shop/web, deadline: 3m}]
operations: [{at: 59s, push: {image: 'shop/web:v2', fault: unready}}]";
    let seen = run("openshift-back", "RollingUpdate", options, more);
    // Five pods at most, three of them available, and none of the new ones ever is.
    let expected = [
        (60.0, "web-2", 0),
        (60.0, "web-2", 1),
        (61.0, "web-1", 3),
        (62.0, "web-2", 2),
        (182.0, "web-1", 4),
        (182.0, "web-2", 0),
    ];
    assert_eq!(seen.since(59.0), expected);
}

#[test]
fn a_newer_version_cancels_the_one_that_is_rolled_out() {
    let options = "deploymentConfigs: {web: {pre: {takes: 60s}}}";
    let more = "delivery: [{image: shop/web}]
operations:
  - {at: 5m, push: {image: 'shop/web:v2'}}
  - {at: 330s, push: {image: 'shop/web:v3'}}";
    let seen = run("openshift-cancel", "RollingUpdate", options, more);
    let later = seen.since(300.0);
    assert_eq!(later[..2], [(301.0, "web-2", 0), (331.0, "web-3", 0)]);
    assert_eq!(later[2], (391.0, "web-3", 1));
    assert_eq!(seen.now["web-1"], 0);
    assert_eq!((seen.now["web-2"], seen.now["web-3"]), (0, 4));
}

#[test]
fn pods_of_a_service_stay_in_a_region_and_spread_over_zones_and_nodes() {
    let seen = run("openshift-region", "Recreate", "", "");
    // The first of equal nodes, then another zone of its region, then the node without a pod.
    assert_eq!(seen.nodes, ["infra-0", "infra-1", "infra-2", "infra-1"]);
    let options = "nodeSelector: {region: infra}, projects: {default: {nodeSelector: {region: \
                   primary}}}";
    let seen = run("openshift-project", "Recreate", options, "");
    assert!(seen.nodes.iter().all(|node| node.starts_with("primary")));
}
