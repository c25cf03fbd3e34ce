//! Workloads that are scaled in a run, from an experiment file to replicas over time.

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::{Outcome, Prepared, prepare};
use windtunnel::model::{Event, Object, ObjectChange, Pod, PodPhase};
use windtunnel::scenario::Experiment;
use windtunnel::units::{Instant, SortedMap};
use windtunnel::world::FileSource;

use crate::kube_scenario::{Scratch, load_file};
use crate::watch::measure;

/// A deployment `web` of namespace `shop`: requests, what it uses, and what else is declared.
pub(crate) fn manifests(replicas: i32, usage: &str, more: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata:
      labels: {{app: web}}
      annotations: {{{usage}}}
    spec:
      containers: [{{name: app, image: 'web:1', resources: {{requests: {{cpu: 500m, memory: 512Mi}}}}}}]
---
{more}"
    )
}

/// A horizontal autoscaler of `web` on half of the cpu.
pub(crate) const HORIZONTAL: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 20
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
";

pub(crate) fn experiment(more: &str) -> String {
    format!(
        "windtunnel: v1
name: scaling
seed: 7
cluster:
  nodes:
    - count: 10
      template: {{allocatable: {{cpu: 8, memory: 32Gi}}}}
workload:
  - manifests: shop.yaml
{more}"
    )
}

/// Replicas that `web` states, as they changed, in seconds.
#[derive(Default)]
pub(crate) struct Replicas {
    pub(crate) stated: Vec<(f64, i32)>,
    pub(crate) running: Vec<(f64, usize)>,
    pub(crate) reasons: Vec<String>,
}

impl Observer for Replicas {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, _store: &Store) {
        let Event::Object(
            ObjectChange::Created { object, .. } | ObjectChange::Updated { object, .. },
        ) = event
        else {
            return;
        };
        match object {
            Object::Deployment(own)
                if &*own.name == "web"
                    && self
                        .stated
                        .last()
                        .is_none_or(|&(_, last)| last != own.replicas) =>
            {
                self.stated.push((at.as_secs_f64(), own.replicas));
            }
            Object::HorizontalPodAutoscaler(own) if !own.status.reason.is_empty() => {
                self.reasons.push(own.status.reason.to_string());
            }
            _ => {}
        }
    }

    fn settled(&mut self, at: Instant, store: &Store) {
        let pods = store.pods().iter();
        let running = pods.filter(|pod| pod.phase == PodPhase::Running).count();
        if self.running.last().is_none_or(|&(_, last)| last != running) {
            self.running.push((at.as_secs_f64(), running));
        }
    }
}

pub(crate) fn prepared(experiment: &Experiment) -> Result<Prepared, String> {
    let scenario = &experiment.variants[0].scenario;
    let source = FileSource::of(&experiment.files);
    prepare(scenario, &source).map_err(|error| error.to_string())
}

pub(crate) fn run_file(experiment: &Experiment) -> (Replicas, Outcome) {
    let scenario = &experiment.variants[0].scenario;
    let mut replicas = Replicas::default();
    let outcome = measure(scenario, &experiment.files, &mut replicas);
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    (replicas, outcome)
}

pub(crate) fn load(name: &str, manifests: &str, more: &str) -> (Scratch, Experiment) {
    let files = [("shop.yaml", manifests), ("run.yaml", &experiment(more))];
    let scratch = Scratch::new(name, &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    (scratch, experiment)
}

fn run_text(name: &str, manifests: &str, more: &str) -> (Replicas, Outcome) {
    let (_scratch, experiment) = load(name, manifests, more);
    run_file(&experiment)
}

const CONTROLLED: &str = "system: {controllers: {}}\nstop: {at: 1h}\n";

#[test]
fn replicas_follow_the_load_and_stay_within_bounds() {
    // 5 cores in all, half of 500m each: 20 pods; then 1 core: 4 pods.
    let usage = "windtunnel.dev/cpu-usage: 'shared(steps(0s: 1, 10m: 5, 30m: 1))'";
    let shop = manifests(2, usage, HORIZONTAL);
    let (replicas, outcome) = run_text("scaling-follow", &shop, CONTROLLED);
    let at = |secs: f64| {
        let known = replicas.stated.iter().rev();
        known
            .map(|&(at, count)| (at, count))
            .find(|&(at, _)| at <= secs)
            .unwrap()
            .1
    };
    assert_eq!(
        (at(590.0), at(1500.0), at(3599.0)),
        (4, 20, 4),
        "{:?}",
        replicas.stated
    );
    assert!(
        replicas
            .stated
            .iter()
            .all(|&(_, count)| (2..=20).contains(&count))
    );
    // What goes down waits five minutes for a higher proposal.
    let down = replicas
        .stated
        .iter()
        .find(|&&(at, count)| at > 1800.0 && count < 20);
    assert!(down.unwrap().0 >= 2100.0, "{:?}", replicas.stated);
    let metric = |id: &str| outcome.metrics.get(id).and_then(|own| own.value);
    assert!(metric("scaling.up").unwrap() >= 3.0 && metric("scaling.down").unwrap() >= 1.0);
    assert_eq!(metric("scaling.reversals"), Some(0.0));
    assert!(metric("usage.cpu.utilization").unwrap() > 0.0);
}

#[test]
fn constant_load_within_the_tolerance_is_left_alone() {
    for used in ["2", "2050m", "1900m"] {
        let usage = format!("windtunnel.dev/cpu-usage: 'shared({used})'");
        let shop = manifests(8, &usage, HORIZONTAL);
        let (replicas, _) = run_text("scaling-constant", &shop, CONTROLLED);
        assert_eq!(replicas.stated, [(0.0, 8)], "{used}");
    }
}

#[test]
fn what_arrives_late_or_never_is_told() {
    let usage = "windtunnel.dev/cpu-usage: 'shared(5)'";
    let shop = manifests(4, usage, HORIZONTAL);
    let more = "system: {controllers: {}, autoscaling: {metrics: {loss: 1}}}\nstop: {at: 1h}\n";
    let (replicas, outcome) = run_text("scaling-lost", &shop, more);
    assert_eq!(replicas.stated, [(0.0, 4)]);
    let remark = "HorizontalPodAutoscaler shop/web: a metric was never available";
    assert!(
        outcome.remarks.iter().any(|line| line.contains(remark)),
        "{:?}",
        outcome.remarks
    );
}

#[test]
fn the_clock_scales_too() {
    let shop = manifests(2, "", "");
    let more = "system:
  controllers: {startDate: '2025-03-03T07:30:00Z'}
  autoscaling:
    scheduled:
      - target: Deployment/shop/web
        rules: [{schedule: '0 8 * * *', replicas: 10}, {schedule: '0 20 * * *', replicas: 1}]
stop: {at: 24h}
";
    let (replicas, _) = run_text("scaling-clock", &shop, more);
    let half_hour = 1800.0;
    let evening = half_hour + 12.0 * 3600.0;
    assert_eq!(replicas.stated, [(0.0, 2), (half_hour, 10), (evening, 1)]);
}

#[test]
fn an_external_metric_scales() {
    let hpa = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 20
  metrics:
    - {type: External, external: {metric: {name: queue}, target: {type: AverageValue, averageValue: 30}}}
";
    let run = experiment(
        "models: {externalMetrics: {queue: queue.csv}}\nsystem: {controllers: {}}\nstop: {at: 1h}\n",
    );
    let shop = manifests(1, "", hpa);
    // What is 0 scales down, what can't be had leaves all as it is.
    for (queue, expected) in [
        ("seconds,value\n0,30\n600,300\n", 10),
        ("seconds,value\n0,300\n600,0\n", 1),
        ("seconds,value\n0,300\n600,\n", 10),
    ] {
        let files = [
            ("shop.yaml", &*shop),
            ("queue.csv", queue),
            ("run.yaml", &*run),
        ];
        let scratch = Scratch::new("scaling-external", &files);
        let (replicas, _) = run_file(&load_file(&scratch.path("run.yaml")));
        let last = replicas.stated.last().map(|own| own.1);
        assert_eq!(last, Some(expected), "{:?}", replicas.stated);
    }
}

#[test]
fn requests_follow_a_leak_and_pods_come_back_one_half_at_a_time() {
    let usage = "windtunnel.dev/cpu-usage: 100m, windtunnel.dev/memory-usage: 'ramp(300Mi, 100Mi, 1h, 2Gi)'";
    let vpa = "apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  resourcePolicy:
    containerPolicies: [{containerName: '*', maxAllowed: {memory: 1Gi}}]
";
    let shop = manifests(4, usage, vpa);
    let more =
        "models: {startup: {containerStart: 30s}}\nsystem: {controllers: {}}\nstop: {at: 48h}\n";
    let (replicas, outcome) = run_text("scaling-vertical", &shop, more);
    let least = replicas
        .running
        .iter()
        .filter(|own| own.0 > 60.0)
        .map(|own| own.1)
        .min();
    assert!(least >= Some(2), "{:?}", replicas.running);
    let resized = outcome
        .metrics
        .get("scaling.resized")
        .and_then(|own| own.value);
    assert!(resized >= Some(4.0), "{resized:?}");
}

#[test]
fn what_can_never_scale_is_refused() {
    let usage = "windtunnel.dev/cpu-usage: 'shared(5)'";
    let with = |from: &str, to: &str| manifests(2, usage, &HORIZONTAL.replace(from, to));
    let twice = format!(
        "{HORIZONTAL}---\n{}",
        HORIZONTAL.replace("name: web, names", "name: other, names")
    );
    let cases = SortedMap::from([
        (
            "min",
            (
                with("minReplicas: 2", "minReplicas: 30"),
                "spec.minReplicas: 30 is above maxReplicas 20",
            ),
        ),
        (
            "target",
            (
                with("Deployment, name: web", "Deployment, name: wob"),
                "no Deployment is named `wob`; there are web",
            ),
        ),
        (
            "twice",
            (
                manifests(2, usage, &twice),
                "Deployment web is claimed by HorizontalPodAutoscaler",
            ),
        ),
        (
            "usage",
            (
                manifests(2, "", HORIZONTAL),
                "without it the metric is never available",
            ),
        ),
    ]);
    for (name, (shop, expected)) in cases {
        let (_scratch, experiment) = load(&format!("scaling-bad-{name}"), &shop, CONTROLLED);
        let error = prepared(&experiment).err().unwrap_or_default();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let shop = manifests(2, usage, HORIZONTAL);
    let (_scratch, experiment) = load("scaling-bad-stop", &shop, "system: {controllers: {}}\n");
    let error = prepared(&experiment).err().unwrap_or_default();
    assert!(error.contains("stop: autoscalers never stop"), "{error}");
}

#[test]
fn horizontal_against_vertical_is_told() {
    // What is used rises as what is asked for falls: each undoes what the other measures by.
    let usage = "windtunnel.dev/cpu-usage: 'shared(steps(0s: 300m, 6h: 4, 12h: 300m))', \
                 windtunnel.dev/memory-usage: 300Mi";
    let vpa = "apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
";
    let shop = manifests(6, usage, &format!("{HORIZONTAL}---\n{vpa}"));
    let more =
        "models: {startup: {containerStart: 30s}}\nsystem: {controllers: {}}\nstop: {at: 24h}\n";
    let (_, outcome) = run_text("scaling-fight", &shop, more);
    let fights = outcome.metrics.get("fights.horizontal_vertical").unwrap();
    assert!(fights.value >= Some(1.0), "{fights:?}");
    let told = "horizontal and vertical scaling fought: HorizontalPodAutoscaler shop/web against the \
                VerticalPodAutoscaler of web";
    assert!(
        outcome.remarks.iter().any(|line| line.contains(told)),
        "{:?}",
        outcome.remarks
    );
}
