//! Nodes that come and go in a run: groups that a cluster autoscaler grows and shrinks, single nodes
//! that a provisioner buys and gives back, and what the provider makes of it.

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::{EndReason, Event, EvictionCause, Object, ObjectChange, Pod};
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::scaling::prepared;
use crate::watch::measure;

/// Nodes that came and went, in seconds, and the most that were there.
#[derive(Default)]
pub(crate) struct Nodes {
    pub(crate) came: Vec<(f64, String, String)>,
    pub(crate) went: Vec<(f64, String)>,
    pub(crate) most: usize,
    /// When each node had a pod last.
    pub(crate) used: SortedMap<String, f64>,
    /// When each node that joined was ordered.
    pub(crate) ordered: SortedMap<String, f64>,
    /// The zone of each node that joined.
    pub(crate) zones: SortedMap<String, String>,
    /// When replicas of a workload were changed, and to how many.
    pub(crate) scaled: Vec<(f64, i32)>,
    /// When pods were evicted to be resized.
    pub(crate) resized: Vec<f64>,
}

impl Observer for Nodes {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let at = at.as_secs_f64();
        match event {
            Event::NodeAdded { object, .. } => {
                let kind = object.labels.get("node.kubernetes.io/instance-type");
                let kind = kind
                    .map(std::string::ToString::to_string)
                    .unwrap_or_default();
                if let Some(nanos) = object.labels.get("windtunnel.dev/ordered") {
                    let nanos: f64 = nanos.parse().unwrap();
                    self.ordered.insert(object.name.to_string(), nanos / 1e9);
                }
                if let Some(zone) = object.labels.get("topology.kubernetes.io/zone") {
                    self.zones.insert(object.name.to_string(), zone.to_string());
                }
                self.came.push((at, object.name.to_string(), kind));
                self.most = self.most.max(store.nodes().present().count());
            }
            Event::NodeRemoved { node } => {
                self.went.push((at, store.nodes().name(*node).to_owned()));
            }
            Event::Object(ObjectChange::Updated { object, .. }) => {
                if let Object::Deployment(own) = object
                    && self.scaled.last().is_none_or(|last| last.1 != own.replicas)
                {
                    self.scaled.push((at, own.replicas));
                }
            }
            Event::PodEnded { reason, .. } => {
                if *reason == EndReason::Evicted(EvictionCause::Resizing) {
                    self.resized.push(at);
                }
                if let Some(node) = ended.and_then(windtunnel::model::Pod::node) {
                    self.used.insert(store.nodes().name(node).to_owned(), at);
                }
            }
            _ => {}
        }
    }
}

pub(crate) fn run_text(name: &str, cluster: &str, workload: &str, more: &str) -> (Nodes, Outcome) {
    let text = format!(
        "windtunnel: v1\nname: nodes\nseed: 3\n{cluster}workload:\n  - manifests: shop.yaml\n{more}"
    );
    let scratch = Scratch::new(name, &[("shop.yaml", workload), ("run.yaml", &text)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut nodes = Nodes::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut nodes);
    (nodes, outcome.unwrap_or_else(|error| panic!("{error}")))
}

/// A node for the rest, and a group of four-core nodes at 0.192 an hour.
fn cluster(provider: &str) -> String {
    format!(
        "cluster:
  nodes:
    - count: 1
      template: {{allocatable: {{cpu: 2, memory: 8Gi}}, price: 0.1}}
  provider:
    boot: 90s
    groups:
      - {{name: workers, instanceType: m5.xlarge, min: 0, max: 10}}
{provider}"
    )
}

/// Pods of one core each, so many of them.
fn pods(replicas: i32, annotations: &str, run_time: Option<&str>) -> String {
    let kind = match run_time {
        None => format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  \
             replicas: {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n"
        ),
        Some(_) => format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: web, namespace: shop}}\nspec:\n  \
             parallelism: {replicas}\n  completions: {replicas}\n  template:\n"
        ),
    };
    let run_time = run_time.map(|time| format!("windtunnel.dev/run-time: {time}"));
    let annotations: Vec<String> = (run_time.into_iter())
        .chain((!annotations.is_empty()).then(|| annotations.to_owned()))
        .collect();
    let restart = if kind.contains("Job") {
        "restartPolicy: Never, "
    } else {
        ""
    };
    format!(
        "{kind}    metadata: {{labels: {{app: web}}, annotations: {{{}}}}}
    spec: {{{restart}containers: [{{name: app, image: 'web:1', resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]}}
",
        annotations.join(", ")
    )
}

pub(crate) fn metric(outcome: &Outcome, id: &str) -> f64 {
    let found = outcome.metrics.get(id).unwrap_or_else(|| panic!("{id}"));
    found
        .value
        .unwrap_or_else(|| panic!("{id}: {:?}", found.reason))
}

const AUTOSCALED: &str = "system: {controllers: {}, autoscaling: {cluster: {}}}\nstop: {at: 2h}\n";

#[test]
fn a_group_grows_for_pods_that_wait_and_shrinks_when_they_are_gone() {
    let job = pods(10, "", Some("30m"));
    let (nodes, outcome) = run_text("nodes-grow", &cluster(""), &job, AUTOSCALED);
    // Ten cores: two on the node that is there, eight on two of four.
    let came: Vec<f64> = nodes.came.iter().skip(1).map(|own| own.0).collect();
    assert_eq!(came.len(), 2, "{:?}", nodes.came);
    assert!(
        came.iter().all(|&at| (90.0..=110.0).contains(&at)),
        "{came:?}"
    );
    assert_eq!(nodes.went.len(), 2, "{:?}", nodes.went);
    for (at, name) in &nodes.went {
        assert!(at - nodes.used[name] > 600.0, "{name} went under its delay");
    }
    let hours = metric(&outcome, "scaling.node_hours");
    assert!((metric(&outcome, "cost.total") - 0.1 * 2.0).abs() < 0.192 * 2.0 * hours);
    assert!(metric(&outcome, "scaling.to_capacity.max") >= 90.0);
}

#[test]
fn cost_is_node_hours_times_price_from_the_order_on() {
    let more = "system: {controllers: {}, autoscaling: {cluster: {scaleDown: false}}}
metrics: {billing: exact}
stop: {at: 2h}
";
    let (nodes, outcome) = run_text("nodes-cost", &cluster(""), &pods(10, "", None), more);
    let joined: f64 = nodes
        .came
        .iter()
        .skip(1)
        .map(|own| 7200.0 - own.0 + 90.0)
        .sum();
    let expected = 0.1 * 2.0 + 0.192 * joined / 3600.0;
    let total = metric(&outcome, "cost.total");
    assert!((total - expected).abs() < 1e-9, "{total} {expected}");
    let parts = metric(&outcome, "cost.idle") + metric(&outcome, "cost.allocated");
    assert!((parts + metric(&outcome, "cost.rounding") - total).abs() < 1e-9);
}

#[test]
fn what_may_not_be_evicted_keeps_its_node() {
    // Eight pods on two nodes; then one is left on each, and both would fit one node.
    for (annotation, goes) in [
        ("", true),
        (
            "cluster-autoscaler.kubernetes.io/safe-to-evict: 'false'",
            false,
        ),
    ] {
        let web = pods(10, annotation, None);
        let more = format!(
            "{}operations:\n  - {{at: 10m, scale: Deployment/shop/web, replicas: 4}}\n",
            AUTOSCALED.replace("2h", "3h")
        );
        let name = format!("nodes-evict-{goes}");
        let (nodes, _) = run_text(&name, &cluster(""), &web, &more);
        assert_eq!(nodes.went.is_empty(), !goes, "{:?}", nodes.went);
    }
}

#[test]
fn a_group_that_is_out_of_stock_is_left_alone_and_another_grows() {
    let provider = "      - {name: other, instanceType: m5.2xlarge, min: 0, max: 10}
    stockOuts: [{of: workers, at: 0s, for: 10h}]
";
    let (nodes, outcome) = run_text(
        "nodes-stock",
        &cluster(provider),
        &pods(6, "", None),
        AUTOSCALED,
    );
    let kinds: Vec<&str> = nodes
        .came
        .iter()
        .skip(1)
        .map(|own| own.2.as_str())
        .collect();
    assert_eq!(kinds, ["m5.2xlarge"], "{:?}", nodes.came);
    assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
}

const BOUGHT: &str = "cluster:
  nodes:
    - count: 1
      template: {allocatable: {cpu: 1, memory: 2Gi}, price: 0.05}
  provider:
    boot: 60s
    spot: {price: 30%, kept: 40m, notice: 120s}
";

#[test]
fn a_provisioner_buys_the_cheapest_types_and_consolidates() {
    let web = pods(13, "", None);
    let more = "system:
  controllers: {}
  autoscaling: {provisioner: {instanceTypes: ['m5.*', 'c5.*'], consolidateAfter: 30s, budget: 50%}}
operations:
  - {at: 1h, scale: Deployment/shop/web, replicas: 3}
stop: {at: 3h}
";
    let (nodes, outcome) = run_text("nodes-bought", BOUGHT, &web, more);
    // Twelve cores and GiB at once: the cheapest that takes them all is one machine of sixteen.
    assert_eq!(nodes.came[1].2, "c5.4xlarge", "{:?}", nodes.came);
    // Two cores are left for it: one of two takes its place.
    assert_eq!(nodes.came.last().unwrap().2, "c5.large", "{:?}", nodes.came);
    assert_eq!(nodes.went.len(), nodes.came.len() - 2, "{:?}", nodes.went);
    assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
}

#[test]
fn spot_capacity_is_taken_back_and_bought_again() {
    let web = pods(5, "", None);
    let more = "system: {controllers: {}, autoscaling: {provisioner: {instanceTypes: [m5.xlarge], spot: true}}}
stop: {at: 3h}
";
    let (nodes, outcome) = run_text("nodes-spot", BOUGHT, &web, more);
    assert!(nodes.went.len() >= 3, "{:?}", nodes.went);
    assert!(metric(&outcome, "scaling.nodes_added") >= 4.0);
    // All of them cost 30 % of 0.192, beside the one of 0.05.
    let most = 3.0 * 0.05 + 0.192 * 0.3 * 3.0 * 2.0;
    assert!(
        metric(&outcome, "cost.total") < most,
        "{}",
        metric(&outcome, "cost.total")
    );
}

#[test]
fn what_no_provider_can_give_is_refused() {
    let cases = [
        (
            "currency",
            "    currency: EUR\n",
            "prices of the bundled list are in USD",
        ),
        (
            "type",
            "      - {name: b, instanceType: m5.xxl, max: 3}\n",
            "no instance type is named `m5.xxl`",
        ),
        (
            "min",
            "      - {name: b, instanceType: m5.large, min: 4, max: 3}\n",
            "groups[1].min: 4 is above max 3",
        ),
        (
            "spot",
            "      - {name: b, instanceType: m5.large, max: 3, spot: true}\n",
            "spot capacity is not configured",
        ),
        (
            "quota",
            "    quota: {of: {workers: 0}}\n",
            "a quota of 0 lets no machine start",
        ),
    ];
    for (name, provider, expected) in cases {
        let text = format!(
            "windtunnel: v1\nname: nodes\n{}workload:\n  - manifests: shop.yaml\n{AUTOSCALED}",
            cluster(provider)
        );
        let shop = pods(1, "", None);
        let scratch = Scratch::new(
            &format!("nodes-bad-{name}"),
            &[("shop.yaml", &shop), ("run.yaml", &text)],
        );
        let error = prepared(&load_file(&scratch.path("run.yaml")))
            .err()
            .unwrap_or_default();
        assert!(error.contains(expected), "{name}: {error}");
    }
}
