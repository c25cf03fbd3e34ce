//! What autoscalers of nodes keep to in a run: orders that fail or take too long, groups that are
//! alike, what may not be moved, budgets by the clock, nodes that drift or expire.

use crate::node_scaling::{Nodes, metric, run_text};

/// A node for the rest, and groups of a provider.
pub(crate) fn cluster(provider: &str) -> String {
    format!(
        "cluster:
  nodes:
    - {{count: 1, template: {{allocatable: {{cpu: 2, memory: 8Gi}}}}}}
  provider:
    boot: 90s
{provider}"
    )
}

/// A group of four-core nodes at 0.192 an hour.
fn group(name: &str, more: &str) -> String {
    format!("      - {{name: {name}, instanceType: m5.xlarge, min: 0, max: 10{more}}}\n")
}

pub(crate) fn groups(list: &[(&str, &str)]) -> String {
    let list: Vec<String> = list.iter().map(|(name, more)| group(name, more)).collect();
    cluster(&format!("    groups:\n{}", list.concat()))
}

/// A deployment of pods of one core each; what its template says besides.
pub(crate) fn web(replicas: i32, annotations: &str, more: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}, annotations: {{{annotations}}}}}
    spec: {{{more}containers: [{{name: app, image: 'web:1', resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]}}
"
    )
}

pub(crate) fn autoscaled(settings: &str, more: &str) -> String {
    format!("system: {{controllers: {{}}, autoscaling: {{cluster: {{{settings}}}}}}}\n{more}")
}

/// When the nodes of a group joined, in minutes.
pub(crate) fn joined(nodes: &Nodes, group: &str) -> Vec<f64> {
    let own = nodes.came.iter();
    let own = own.filter(|(_, name, kind)| !kind.is_empty() && name.starts_with(group));
    own.map(|(at, ..)| at / 60.0).collect()
}

#[test]
fn orders_that_fail_back_their_group_off_twice_as_long_each_time() {
    // Out of stock for eight minutes; what fails is known after a minute. Orders at 0, 6 and 17.
    let provider = groups(&[("workers", "")]) + "    stockOuts: [{of: workers, at: 0s, for: 8m}]\n";
    let more = autoscaled("", "stop: {at: 1h}\n");
    let (nodes, outcome) = run_text("rules-backoff", &provider, &web(6, "", ""), &more);
    let came = joined(&nodes, "workers");
    assert!(
        !came.is_empty() && (18.0..20.0).contains(&came[0]),
        "{came:?}"
    );
    assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
    // With a minute to begin with they are at 0, 2, 5 and 10.
    let more = autoscaled("backOff: 1m", "stop: {at: 1h}\n");
    let (nodes, _) = run_text("rules-backoff-short", &provider, &web(6, "", ""), &more);
    let came = joined(&nodes, "workers");
    assert!(
        !came.is_empty() && (11.0..13.0).contains(&came[0]),
        "{came:?}"
    );
}

#[test]
fn nodes_that_take_too_long_are_given_up_and_another_group_grows() {
    let provider = groups(&[("workers", ", boot: 40m"), ("other", "")]);
    let settings =
        "maxProvisionTime: 15m, expanders: [priority], priorities: {20: [workers], 10: [other]}";
    let more = autoscaled(settings, "stop: {at: 1h}\n");
    let (nodes, outcome) = run_text("rules-slow", &provider, &web(6, "", ""), &more);
    assert_eq!(joined(&nodes, "workers"), [0.0; 0], "{:?}", nodes.came);
    let came = joined(&nodes, "other");
    assert!(
        !came.is_empty() && (16.0..18.0).contains(&came[0]),
        "{came:?}"
    );
    assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
}

#[test]
fn new_nodes_are_spread_over_groups_that_are_alike() {
    let list = [("a", ", zone: a"), ("b", ", zone: b"), ("c", ", zone: c")];
    for (settings, expected) in [("", 1), ("balanceSimilarNodeGroups: true", 3)] {
        let more = autoscaled(settings, "stop: {at: 30m}\n");
        let name = format!("rules-balance-{expected}");
        let (nodes, _) = run_text(&name, &groups(&list), &web(26, "", ""), &more);
        let counts: Vec<usize> = ["a", "b", "c"]
            .iter()
            .map(|group| joined(&nodes, group).len())
            .filter(|count| *count > 0)
            .collect();
        assert_eq!(
            (counts.len(), counts.iter().sum::<usize>()),
            (expected, 6),
            "{counts:?}"
        );
        let (most, least) = (counts.iter().max(), counts.iter().min());
        assert!(expected == 1 || most == least, "{counts:?}");
    }
}

#[test]
fn data_on_a_disk_and_pods_of_the_system_keep_their_node() {
    let local = "volumes: [{name: scratch, emptyDir: {}}], ";
    let memory = "volumes: [{name: scratch, emptyDir: {medium: Memory}}], ";
    let given_up = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes: scratch";
    let waived = "skipNodesWithLocalStorage: false";
    for (name, annotation, volumes, settings, goes) in [
        ("plain", "", "", "", true),
        ("disk", "", local, "", false),
        ("memory", "", memory, "", true),
        ("given-up", given_up, local, "", true),
        ("waived", "", local, waived, true),
        (
            "on-completion",
            "cluster-autoscaler.kubernetes.io/safe-to-evict: on-completion",
            "",
            "",
            false,
        ),
    ] {
        let more = autoscaled(
            settings,
            "operations:\n  - {at: 10m, scale: Deployment/shop/web, replicas: 4}\nstop: {at: 2h}\n",
        );
        let shop = web(10, annotation, volumes);
        let name = format!("rules-{name}");
        let (nodes, _) = run_text(&name, &groups(&[("workers", "")]), &shop, &more);
        assert_eq!(nodes.went.is_empty(), !goes, "{name}: {:?}", nodes.went);
    }
}

#[test]
fn a_group_whose_annotation_says_so_is_not_shrunk() {
    let kept = |by: &str| {
        format!(", {by}: {{cluster-autoscaler.kubernetes.io/scale-down-disabled: 'true'}}")
    };
    let (annotated, labelled) = (kept("annotations"), kept("labels"));
    let no_annotations = [("", "none"), (&*labelled, "label")].map(|own| (own.0, own.1, true));
    for (more, name, goes) in no_annotations
        .into_iter()
        .chain([(&*annotated, "annotation", false)])
    {
        let end = autoscaled(
            "",
            "operations:\n  - {at: 10m, scale: Deployment/shop/web, replicas: 1}\nstop: {at: 2h}\n",
        );
        let name = format!("rules-kept-{name}");
        let (nodes, _) = run_text(&name, &groups(&[("workers", more)]), &web(10, "", ""), &end);
        assert_eq!(nodes.went.is_empty(), !goes, "{:?}", nodes.went);
    }
}

#[test]
fn headroom_gives_way_at_once_and_is_made_again() {
    let headroom = "---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: headroom}
value: -5
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: headroom, namespace: shop}
spec:
  replicas: 4
  selector: {matchLabels: {app: headroom}}
  template:
    metadata: {labels: {app: headroom}}
    spec: {priorityClassName: headroom, terminationGracePeriodSeconds: 0, containers: [{name: pause, image: 'pause:3', resources: {requests: {cpu: 1, memory: 1Gi}}}]}
";
    let grows = "operations:\n  - {at: 20m, scale: Deployment/shop/web, replicas: 6}\nstop: {at: 40m}\nmetrics: {warmup: 15m}\n";
    let mut waits = Vec::new();
    for (name, more) in [("none", ""), ("some", headroom)] {
        let shop = format!("{}{more}", web(2, "", ""));
        let name = format!("rules-headroom-{name}");
        let provider = groups(&[("workers", "")]);
        let (nodes, outcome) = run_text(&name, &provider, &shop, &autoscaled("", grows));
        let late = joined(&nodes, "workers");
        assert!(late.iter().any(|&at| at > 20.0), "{late:?}");
        waits.push((
            metric(&outcome, "first_wait.mean"),
            metric(&outcome, "disruptions.evicted"),
        ));
    }
    // Four pods wait for a machine, or four that give way wait for it instead.
    assert!(waits[0].0 > 80.0 && waits[1].0 < 60.0, "{waits:?}");
    assert!(
        waits[0].1.abs() < 1e-9 && (waits[1].1 - 4.0).abs() < 1e-9,
        "{waits:?}"
    );
}

pub(crate) const BOUGHT: &str = "cluster:
  nodes:
    - {count: 1, template: {allocatable: {cpu: 1, memory: 2Gi}}}
  provider: {boot: 60s}
";

fn bought(settings: &str, more: &str) -> String {
    format!(
        "system:
  controllers: {{startDate: '2025-03-03T00:00:00Z'}}
  autoscaling: {{provisioner: {{instanceTypes: [m5.xlarge], consolidation: WhenEmpty, {settings}}}}}
{more}"
    )
}

/// When machines that a provisioner bought went, in minutes.
fn went(nodes: &Nodes) -> Vec<f64> {
    nodes.went.iter().map(|(at, _)| at / 60.0).collect()
}

#[test]
fn nodes_that_drifted_are_replaced_within_their_budget() {
    let shop = web(10, "", "");
    let more = bought("drifts: [1h], budget: '1'", "stop: {at: 3h}\n");
    let (nodes, outcome) = run_text("rules-drift", BOUGHT, &shop, &more);
    let bought = joined(&nodes, "provisioned");
    let (first, later): (Vec<f64>, Vec<f64>) = bought.iter().partition(|&&at| at < 60.0);
    assert_eq!(
        (first.len(), later.len(), went(&nodes).len()),
        (3, 3, 3),
        "{bought:?}"
    );
    assert!(went(&nodes).iter().all(|&at| at > 60.0), "{:?}", nodes.went);
    // One at a time: the second is ordered once the first is gone.
    let gone = went(&nodes);
    assert!(
        later[1] > gone[0] && later[2] > gone[1],
        "{later:?} {gone:?}"
    );
    assert!(metric(&outcome, "pods.never_placed").abs() < 1e-9);
}

#[test]
fn a_budget_of_nothing_holds_nodes_for_its_hours() {
    let shop = web(10, "", "");
    let closed = "drifts: [1h], budget: '1', budgets: [{nodes: '0', schedule: '30 0 * * *', for: 2h, reasons: [Drifted]}]";
    let more = bought(closed, "stop: {at: 4h}\n");
    let (nodes, _) = run_text("rules-closed", BOUGHT, &shop, &more);
    let gone = went(&nodes);
    assert!(
        gone.len() == 3 && gone.iter().all(|&at| at > 150.0),
        "{gone:?}"
    );
    // What it does not limit goes on.
    let other = closed.replace("Drifted]", "Empty]");
    let more = bought(&other, "stop: {at: 4h}\n");
    let (nodes, _) = run_text("rules-open", BOUGHT, &shop, &more);
    assert!(went(&nodes).iter().all(|&at| at < 90.0), "{:?}", nodes.went);
}

#[test]
fn nodes_that_expire_go_and_are_bought_anew() {
    let more = bought("expireAfter: 1h, budget: '0'", "stop: {at: 150m}\n");
    let (nodes, _) = run_text("rules-expire", BOUGHT, &web(4, "", ""), &more);
    let gone = went(&nodes);
    assert!(gone.len() >= 2, "{gone:?}");
    for (at, name) in &nodes.went {
        let age = at - nodes.ordered[name];
        assert!((3600.0..3700.0).contains(&age), "{name} went at {age} s");
    }
}
