//! How the cluster autoscaler empties a node: taint, five seconds, evictions as budgets allow for two
//! minutes, ten minutes to end at most (spec: kubernetes.md 3.3).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{EndReason, Event, EvictionCause, Pod, PodChange};
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::{Scratch, load_file};
use crate::node_scaling_rules::{autoscaled, groups, web};
use crate::watch::measure;

/// What happens to nodes that are to go, in seconds.
#[derive(Default)]
struct Drains {
    marked: SortedMap<String, Vec<f64>>,
    unmarked: Vec<f64>,
    told: Vec<f64>,
    graces: Vec<f64>,
    ended: Vec<f64>,
    went: Vec<f64>,
}

impl Observer for Drains {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        let at = at.as_secs_f64();
        match event {
            Event::NodeUpdated { node, object } => {
                let is_leaving = object
                    .taints
                    .iter()
                    .any(|own| *own.key == *"ToBeDeletedByClusterAutoscaler");
                let name = store.nodes().name(*node).to_owned();
                if is_leaving {
                    self.marked.entry(name).or_default().push(at);
                } else if self.marked.contains_key(&name) {
                    self.unmarked.push(at);
                }
            }
            Event::PodChanged {
                change:
                    PodChange::Terminating {
                        grace,
                        reason: EndReason::Evicted(EvictionCause::Consolidation),
                    },
                ..
            } => {
                self.told.push(at);
                self.graces.push(grace.as_nanos() as f64 / 1e9);
            }
            Event::PodEnded {
                reason: EndReason::Evicted(EvictionCause::Consolidation),
                ..
            } => self.ended.push(at),
            Event::NodeRemoved { .. } => self.went.push(at),
            _ => {}
        }
    }
}

fn drained(name: &str, shop: &str, more: &str) -> Drains {
    let provider = groups(&[("workers", "")]);
    let text = format!(
        "windtunnel: v1\nname: drain\nseed: 3\n{provider}workload:\n  - manifests: shop.yaml\n{}",
        autoscaled("unneededTime: 2m, delayAfterAdd: 0s", more)
    );
    watched(name, shop, &text)
}

fn watched(name: &str, shop: &str, text: &str) -> Drains {
    let scratch = Scratch::new(name, &[("shop.yaml", shop), ("run.yaml", text)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut drains = Drains::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut drains);
    outcome.unwrap_or_else(|error| panic!("{error}"));
    drains
}

/// Ten pods on three nodes, of which four are left after ten minutes.
const SHRINKS: &str =
    "operations:\n  - {at: 10m, scale: Deployment/shop/web, replicas: 4}\nstop: {at: 90m}\n";

#[test]
fn a_node_is_closed_then_emptied_after_five_seconds_and_goes_when_all_ended() {
    let drains = drained("drain-plain", &web(10, "", ""), SHRINKS);
    let marked = drains.marked.values().flatten().copied();
    let first = marked.fold(f64::MAX, f64::min);
    assert!(!drains.told.is_empty() && !drains.went.is_empty());
    assert!(
        drains.told.iter().all(|told| told - first >= 5.0),
        "{first} {:?}",
        drains.told
    );
    assert!(drains.unmarked.is_empty(), "{:?}", drains.unmarked);
    let last = drains.ended.iter().copied().fold(0.0, f64::max);
    assert!(drains.went.iter().any(|&went| went >= last));
}

#[test]
fn pods_have_ten_minutes_to_end_whatever_they_ask_for() {
    let slow = "terminationGracePeriodSeconds: 1800, ";
    let stop = "windtunnel.dev/stop-time: 25m";
    let drains = drained(
        "drain-slow",
        &web(10, stop, slow),
        &SHRINKS.replace("90m", "150m"),
    );
    assert!(!drains.told.is_empty());
    assert!(
        drains
            .graces
            .iter()
            .all(|grace| (grace - 600.0).abs() < 1e-9),
        "{:?}",
        drains.graces
    );
    for (told, ended) in drains.told.iter().zip(&drains.ended) {
        assert!((ended - told - 600.0).abs() < 1.5, "{told} {ended}");
    }
    assert!(drains.unmarked.is_empty() && !drains.went.is_empty());
}

#[test]
fn a_budget_that_allows_nobody_any_more_is_asked_for_two_minutes_and_the_node_stays() {
    // Six of ten pods stay, two on each node. Those of a worker fit the other, but the second may not
    // go before another is ready in the place of the first, which takes five minutes.
    let slow = web(10, "", "").replace(
        "image: 'web:1',",
        "image: 'web:1', readinessProbe: {httpGet: {path: /, port: 80}, initialDelaySeconds: 300, periodSeconds: 10},",
    );
    let budget = "---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
";
    let shop = format!("{slow}{budget}");
    let drains = drained(
        "drain-budget",
        &shop,
        &SHRINKS.replace("replicas: 4", "replicas: 6"),
    );
    assert!(!drains.told.is_empty());
    let failed = drains.unmarked.first().copied();
    let marked = drains.marked.values().flatten().copied();
    let before = marked.filter(|&at| failed.is_some_and(|failed| at < failed));
    let marked = before.fold(0.0, f64::max);
    let failed = failed.expect("a node stays");
    assert!(
        (120.0..=145.0).contains(&(failed - marked)),
        "{marked} {failed}"
    );
    // Nothing more is begun for three minutes.
    let next = drains
        .marked
        .values()
        .flatten()
        .copied()
        .filter(|&at| at > failed);
    assert!(next.fold(f64::MAX, f64::min) - failed >= 180.0);
}

#[test]
fn pods_of_the_system_keep_their_node_for_an_hour() {
    let shop = web(10, "", "").replace("namespace: shop", "namespace: kube-system");
    let more = "operations:\n  - {at: 10m, scale: Deployment/kube-system/web, replicas: 4}\nstop: {at: 2h}\n";
    let drains = drained("drain-system", &shop, more);
    let empty_or_later = drains.told.iter().copied().fold(f64::MAX, f64::min);
    assert!(
        empty_or_later > 3600.0 && empty_or_later < 7200.0,
        "{empty_or_later}"
    );
}

/// The first of all nodes marked to go, where a pod that needs so many cores comes at an instant.
fn first_marked(name: &str, cores: u32, at: Option<f64>) -> f64 {
    let late = web(0, "", "")
        .replace("name: web,", "name: late,")
        .replace("app: web", "app: late")
        .replace("cpu: 1,", &format!("cpu: {cores},"));
    let comes = at.map(|at| {
        let millis = (at * 1000.0).round();
        format!("  - {{at: {millis}ms, scale: Deployment/shop/late, replicas: 1}}\n")
    });
    let more = format!(
        "operations:\n  - {{at: 10m, scale: Deployment/shop/web, replicas: 4}}\n{}stop: {{at: 90m}}\n",
        comes.unwrap_or_default()
    );
    let provider = groups(&[("workers", ", initial: 2")])
        + "      - {name: big, instanceType: m5.2xlarge, min: 0, max: 10}\n";
    let text = format!(
        "windtunnel: v1\nname: drain\nseed: 3\n{provider}workload:\n  - manifests: shop.yaml\n{}",
        autoscaled("unneededTime: 2m, delayAfterAdd: 0s", &more)
    );
    let shop = format!("{}---\n{late}", web(10, "", ""));
    let drains = watched(name, &shop, &text);
    let marked = drains.marked.values().flatten().copied();
    marked.fold(f64::MAX, f64::min)
}

#[test]
fn nothing_goes_in_a_loop_in_which_all_that_wait_are_too_young() {
    let usual = first_marked("drain-usual", 64, None);
    assert!((600.0 + 120.0..600.0 + 150.0).contains(&usual), "{usual}");
    // A pod that no group takes: it keeps the loop after its arrival from giving anything back, and
    // none after that.
    let young = first_marked("drain-young", 64, Some(usual - 1.0));
    assert!((young - usual - 10.0).abs() < 1e-6, "{usual} {young}");
    let old = first_marked("drain-old", 64, Some(usual - 5.0));
    assert!((old - usual).abs() < 1e-6, "{usual} {old}");
}

#[test]
fn a_scale_up_stops_the_deletion_of_its_loop_and_not_what_is_counted() {
    let usual = first_marked("drain-alone", 6, None);
    let grown = first_marked("drain-grown", 6, Some(usual - 5.0));
    assert!((grown - usual - 10.0).abs() < 1e-6, "{usual} {grown}");
}
