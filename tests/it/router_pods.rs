//! Routers of `OpenShift` as pods of the cluster: what the loss of a router's node costs, until its pod is
//! there again (spec: orchestrators-a.md 8.2 and 8.4).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::traffic::{FlowCounts, TrafficNames, TrafficStretch};
use windtunnel::model::{Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::Instant;

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::measure;

/// Stretches of time with the requests that succeeded and failed in them, and where pods of routers were
/// bound.
#[derive(Default)]
struct Seen {
    checker: Checker,
    requests: Vec<Stretch>,
    routers: Vec<(f64, String)>,
}

/// Seconds at which a stretch begins and ends, and its requests.
#[derive(Debug)]
struct Stretch {
    from: f64,
    until: f64,
    succeeded: u64,
    failed: u64,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let Event::PodBound { pod, node, .. } = event else {
            return;
        };
        let record = store.pods().get(*pod).expect("a pod that was bound");
        if store.class(record.class).spec.labels.contains_key("router") {
            let node = store.nodes().name(*node).to_owned();
            self.routers.push((at.as_secs_f64(), node));
        }
    }

    fn traffic(&mut self, stretch: &TrafficStretch, _: &TrafficNames) {
        let from = stretch.from.as_secs_f64();
        self.requests.push(Stretch {
            from,
            until: from + stretch.nanos() as f64 / 1e9,
            succeeded: stretch.flows.iter().map(|own| own.succeeded).sum(),
            failed: stretch.flows.iter().map(FlowCounts::failures).sum(),
        });
    }
}

impl Seen {
    /// Part of the requests between two instants that succeeded.
    fn answered(&self, from: f64, until: f64) -> f64 {
        let (mut succeeded, mut all) = (0.0, 0.0);
        for own in self.requests.iter().filter(|own| own.until > own.from) {
            let common = (own.until.min(until) - own.from.max(from)).max(0.0);
            let part = common / (own.until - own.from);
            succeeded += part * own.succeeded as f64;
            all += part * (own.succeeded + own.failed) as f64;
        }
        succeeded / all
    }
}

const SHOP: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, resources: {requests: {cpu: 1, memory: 1Gi}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: web}
spec: {host: shop.example, to: {kind: Service, name: web}}
";

/// Runs the shop behind two routers on nodes of the infrastructure, the first of which is lost for a while.
fn run(name: &str, infra: u32, pods: &str) -> Seen {
    let text = format!(
        "windtunnel: v1\nname: {name}\ncluster:\n  nodes:\n    - {{name: 'infra-{{}}', count: {infra}, \
         template: {{allocatable: {{cpu: 4, memory: 16Gi, pods: 50}}, labels: {{region: infra}}}}}}\n    \
         - {{name: 'node-{{}}', count: 2, template: {{allocatable: {{cpu: 4, memory: 16Gi, pods: 50}}, \
         labels: {{region: primary}}}}}}\nworkload: [{{manifests: shop.yaml}}]\nsystem:\n  name: \
         openshift\n  controllers: {{}}\n  openshift:\n    projects: {{default: {{nodeSelector: {{}}}}}}\n    \
         routers: [{{name: router, replicas: 2{pods}}}]\nmodels: {{startup: {{containerStart: 5s}}, \
         nodeLife: observed, services: {{serviceTime: 5ms, form: aggregated}}}}\ntraffic: \
         [{{name: customers, host: shop.example, rate: 100}}]\nfailures: [{{kind: node-outage, node: \
         infra-0, at: 10m, for: 10m}}]\nstop: {{at: 30m}}\n"
    );
    let scratch = Scratch::new(name, &[("shop.yaml", SHOP), ("run.yaml", &text)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut seen);
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(seen.checker.failure(), None);
    seen
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 0.02
}

#[test]
fn the_loss_of_a_routers_node_costs_its_share_until_the_pod_is_there_again() {
    let pods = ", pods: {nodeSelector: {region: infra}}";
    let seen = run("router-pods", 2, pods);
    let mut nodes: Vec<&str> = seen.routers[..2].iter().map(|own| &*own.1).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["infra-0", "infra-1"], "a node has each port once");
    // A start of 5 s and the first probe 10 s later, after the deployer; endpoints follow with a reload.
    for (from, until, part) in [
        (60.0, 600.0, 1.0),
        (660.0, 1_200.0, 0.5),
        (1_260.0, 1_800.0, 1.0),
    ] {
        let found = seen.answered(from, until);
        assert!(
            is_near(found, part),
            "{from}: {found} of {:?}",
            seen.requests
        );
    }
    // With a node to spare the pod comes back once it is evicted, five minutes after the node is missed.
    let seen = run("router-pods-spare", 3, pods);
    let again = seen.routers.iter().find(|own| own.0 > 600.0);
    let (at, node) = again.expect("another pod").clone();
    let first: Vec<&str> = seen.routers[..2].iter().map(|own| &*own.1).collect();
    assert!(
        first.contains(&"infra-0") && !first.contains(&&*node),
        "{first:?}, then {node}"
    );
    assert!(node.starts_with("infra-"), "{node}");
    assert!((930.0..=1_010.0).contains(&at), "{at}");
    let found = [seen.answered(660.0, at), seen.answered(at + 60.0, 1_800.0)];
    assert!(
        is_near(found[0], 0.5) && is_near(found[1], 1.0),
        "{found:?}"
    );
}

#[test]
fn a_router_outside_of_the_cluster_never_fails() {
    let seen = run("router-outside", 2, "");
    assert!(seen.routers.is_empty());
    let found = [seen.answered(60.0, 600.0), seen.answered(720.0, 1_800.0)];
    assert!(found.iter().all(|own| is_near(*own, 1.0)), "{found:?}");
}
