//! Deployment configurations and the scheduler policy of `OpenShift` in whole runs (spec:
//! orchestrators-a.md section 8).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, Object, ObjectChange, Pod, PodRef};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::failover::Story;
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
    /// Names and nodes of builds, deployers and hooks, in the order of their bindings.
    helpers: Vec<(String, String)>,
    /// Names of pods that ended, and why.
    ends: Vec<(String, EndReason)>,
}

/// Whether a pod is one of a replication controller.
fn is_of_controller(store: &Store, pod: PodRef) -> bool {
    let state = store.pod_states().get(pod);
    state.is_some_and(|own| own.owner.is_some())
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
            Event::PodBound { pod, node, .. } if is_of_controller(store, *pod) => {
                self.nodes.push(store.nodes().name(*node).to_owned());
            }
            Event::PodBound { pod, node, .. } => {
                let name = store.pods().get(*pod).map(|own| own.name.to_string());
                let node = store.nodes().name(*node).to_owned();
                self.helpers.push((name.unwrap_or_default(), node));
            }
            Event::PodRunning { pod } if is_of_controller(store, *pod) => {
                self.running.push(at.as_secs_f64());
            }
            Event::PodEnded { reason, .. } => {
                let name = ended.map(|own| own.name.to_string());
                self.ends.push((name.unwrap_or_default(), *reason));
            }
            _ => {}
        }
    }
}

impl Seen {
    /// Why a pod ended.
    fn end_of(&self, pod: &str) -> Option<EndReason> {
        let own = self.ends.iter().find(|own| own.0 == pod);
        own.map(|own| own.1)
    }

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
    // The deployer and each hook are pods, which take 5 s to start, and the first new pod has to be ready; the
    // deployer looks at the old ones a second after it scaled them down.
    let expected = [
        (60.0, "web-2", 0),
        (75.0, "web-1", 0),
        (101.0, "web-2", 1),
        (106.0, "web-2", 4),
    ];
    assert_eq!(seen.since(60.0), expected);
    assert_eq!(seen.running[4..], [106.0, 111.0, 111.0, 111.0]);
    let names = seen.helpers.iter().map(|own| &*own.0);
    let second: Vec<&str> = names.filter(|own| own.starts_with("web-2-")).collect();
    let expected = [
        "web-2-deploy",
        "web-2-hook-pre",
        "web-2-hook-mid",
        "web-2-hook-post",
    ];
    assert_eq!(second, expected);
}

#[test]
fn a_hook_that_is_retried_fails_in_its_one_pod() {
    let options = "deploymentConfigs: {web: {pre: {takes: 5s, failures: 2, failurePolicy: retry}}}";
    let more = "operations: [{at: 5m, apply: shop-2.yaml}]";
    let seen = run("openshift-retry", "Recreate", options, more);
    let names = seen.helpers.iter().map(|own| &*own.0);
    let second: Vec<&str> = names.filter(|own| own.starts_with("web-2-")).collect();
    assert_eq!(second, ["web-2-deploy", "web-2-hook-pre"]);
    // It starts in 5 s, fails after another 5 s, again after as long, and once more 10 s later.
    assert_eq!(seen.since(301.0)[0], (345.0, "web-1", 0));
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
        (65.0, "web-2", 1),
        (67.0, "web-1", 3),
        (68.0, "web-2", 2),
        (190.0, "web-1", 4),
        (190.0, "web-2", 0),
    ];
    assert_eq!(seen.since(59.0), expected);
    // The process of a deployer exits with 1 where it has failed.
    assert_eq!(seen.end_of("web-1-deploy"), Some(EndReason::Completed));
    assert_eq!(seen.end_of("web-2-deploy"), Some(EndReason::Error));
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
    assert_eq!(later[2], (401.0, "web-3", 1));
    assert_eq!(seen.now["web-1"], 0);
    assert_eq!((seen.now["web-2"], seen.now["web-3"]), (0, 4));
    let ends = ["web-2-deploy", "web-2-hook-pre", "web-3-hook-pre"].map(|pod| seen.end_of(pod));
    assert_eq!(
        ends,
        [EndReason::Error, EndReason::Error, EndReason::Completed].map(Some)
    );
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

#[test]
fn a_build_takes_room_of_a_node_and_fails_with_it() {
    let delivery = "delivery: [{image: shop/web, stages: [{name: compile, takes: 60s}], buildPods: {requests: \
                    {cpu: 4, memory: 1Gi}}}]";
    let pushes = "operations: [{at: 89s, push: {image: 'shop/web:v2', source: true}}]";
    let more = format!("{delivery}\n{pushes}");
    let seen = run("openshift-build", "RollingUpdate", "", &more);
    // Seen at 90 s; the pod starts for 5 s, and works for a minute.
    assert_eq!(seen.since(89.0)[0], (155.0, "web-2", 0));
    let build = seen.helpers.iter().find(|own| own.0 == "web-1-build");
    let node = build.expect("it has a node").1.clone();
    assert!(
        !seen.nodes[..4].contains(&node),
        "{node} had room for nothing else"
    );
    let outage =
        format!("{more}\nfailures: [{{kind: node-outage, node: {node}, at: 100s, for: 25m}}]");
    let seen = run("openshift-build-lost", "RollingUpdate", "", &outage);
    assert!(!seen.now.contains_key("web-2"), "{:?}", seen.sizes);
    let small = more.replace("cpu: 4", "cpu: 5");
    let seen = run("openshift-build-waits", "RollingUpdate", "", &small);
    assert!(!seen.now.contains_key("web-2"), "no node has room for it");
}

#[test]
fn a_configuration_follows_its_tag_alone() {
    let options = "deploymentConfigs: {web: {imageTag: prod}}";
    let more = "delivery: [{image: shop/web}]
operations:
  - {at: 60s, push: {image: 'shop/web:v2', digest: 'sha256:2'}}
  - {at: 120s, push: {image: 'shop/web:prod', digest: 'sha256:2'}}
  - {at: 300s, push: {image: 'shop/web:prod', digest: 'sha256:2'}}";
    let seen = run("openshift-tag", "RollingUpdate", options, more);
    assert_eq!(seen.since(60.0)[0], (121.0, "web-2", 0));
    assert!(
        !seen.now.contains_key("web-3"),
        "the same image again is nothing"
    );
}

#[test]
fn a_first_version_waits_for_its_image() {
    let options = "deploymentConfigs: {web: {awaitsImage: true}}";
    let more = "delivery: [{image: shop/web}]
operations: [{at: 60s, push: {image: 'shop/web:v2'}}]";
    let seen = run("openshift-awaits", "RollingUpdate", options, more);
    assert_eq!(seen.sizes[0], (61.0, "web-1".to_owned(), 0));
    assert_eq!(seen.now["web-1"], 4);
}

#[test]
fn a_script_takes_the_place_of_a_strategy() {
    let options = "deploymentConfigs: {web: {script: [{after: 0s, new: 25, old: 100}, {after: 30s, new: 100, \
                   old: 0}], resources: {cpu: 500m}}}";
    let more = "operations: [{at: 60s, apply: shop-2.yaml}]";
    let seen = run("openshift-script", "RollingUpdate", options, more);
    let expected = [
        (60.0, "web-2", 0),
        (65.0, "web-2", 1),
        (95.0, "web-1", 0),
        (95.0, "web-2", 4),
    ];
    assert_eq!(seen.since(60.0), expected);
}

#[test]
fn a_rollout_fails_with_the_node_of_its_deployer() {
    let options = "deploymentConfigs: {web: {pre: {takes: 10m}, resources: {cpu: 100m}}}, projects: {default: \
                   {nodeSelector: {region: infra}}}";
    let more = "operations: [{at: 15m, apply: shop-2.yaml}]";
    let seen = run("openshift-deployer", "Recreate", options, more);
    let deployer = seen.helpers.iter().find(|own| own.0 == "web-2-deploy");
    let node = deployer.expect("it has a node").1.clone();
    let lost =
        format!("{more}\nfailures: [{{kind: node-outage, node: {node}, at: 16m, for: 13m}}]");
    let seen = run("openshift-deployer-lost", "Recreate", options, &lost);
    assert_eq!((seen.now["web-1"], seen.now["web-2"]), (4, 0));
}

#[test]
fn a_pod_that_fits_nowhere_is_tried_again_after_its_back_off() {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: \
             {{terminationGracePeriodSeconds: 0, containers: [{{name: a, image: a, resources: {{requests: \
             {{cpu: 3, memory: 1Gi}}}}}}]}}\n"
        )
    };
    let pods = format!("{}{}", pod("first"), pod("second"));
    let text = "windtunnel: v1\nname: back-off\ncluster: {nodes: [{name: n0, count: 1, template: \
                {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}}]}\nworkload: [{manifests: \
                pods.yaml}]\nsystem: {name: openshift, controllers: {}}\noperations: [{at: 40s, delete: \
                Pod/default/first}]\nstop: {at: 10m}\n";
    let files = [("pods.yaml", &*pods), ("run.yaml", text)];
    let scratch = Scratch::new("openshift-back-off", &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut story = Story::default();
    let scenario = &experiment.variants[0].scenario;
    let end = watch(scenario, &experiment.files, &mut story);
    end.unwrap_or_else(|error| panic!("{error}"));
    // Tried at 0, 1, 3, 7, 15, 31 and 63 s; there is room from 40 s on.
    let bound: Vec<f64> = story.bound.values().copied().collect();
    assert_eq!(bound, [0.0, 63.0]);
}

#[test]
fn nodes_can_ask_the_pods_of_a_controller_to_stay_away() {
    let node = |name: &str, cores: u32, annotations: &str| {
        format!(
            "---\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}{annotations}}}\nstatus: \
             {{allocatable: {{cpu: '{cores}', memory: 16Gi, pods: '110'}}}}\n"
        )
    };
    let controller = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: ReplicationController\nmetadata: {{name: {name}}}\nspec:\n  \
             replicas: 1\n  selector: {{app: {name}}}\n  template:\n    metadata: {{labels: {{app: \
             {name}}}}}\n    spec: {{containers: [{{name: a, image: a, resources: {{requests: {{cpu: 1, \
             memory: 1Gi}}}}}}]}}\n"
        )
    };
    let avoided = ", annotations: {scheduler.alpha.kubernetes.io/preferAvoidPods: \
                   '{\"preferAvoidPods\": [{\"podSignature\": {\"podController\": {\"kind\": \
                   \"ReplicationController\", \"name\": \"noisy\"}}}]}'}";
    let nodes = format!("{}{}", node("n0", 16, avoided), node("n1", 4, ""));
    let controllers = format!("{}{}", controller("noisy"), controller("quiet"));
    let text = "windtunnel: v1\nname: avoided\ncluster: {nodes: [{manifests: nodes.yaml}]}\nworkload: \
                [{manifests: pods.yaml}]\nsystem: {name: openshift, controllers: {}, openshift: {policy: \
                '3.11'}}\nstop: {at: 5m}\n";
    let files = [
        ("nodes.yaml", &*nodes),
        ("pods.yaml", &*controllers),
        ("run.yaml", text),
    ];
    let scratch = Scratch::new("openshift-avoided", &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let end = watch(scenario, &experiment.files, &mut seen);
    end.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(seen.nodes, ["n1", "n0"]);
}
