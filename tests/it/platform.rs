//! Automatic deployment and storage in whole runs, as their scenarios and pages say (spec:
//! orchestrators-a.md 9.1 and 9.6).

use std::sync::Arc;

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::{Delivery, DeliveryStep, Event, Pod, VolumeStep};
use windtunnel::units::Instant;

use crate::kube_scenario::{Scratch, load_file};
use crate::node_scaling::metric;
use crate::watch::measure;

/// Steps of pushes and of volumes, with their seconds.
#[derive(Default)]
struct Seen {
    pushes: Vec<(f64, Arc<Delivery>)>,
    volumes: Vec<(f64, VolumeStep)>,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, _: &Store) {
        match event {
            Event::Delivery(own) => self.pushes.push((at.as_secs_f64(), Arc::clone(own))),
            Event::Volume(own) => self.volumes.push((at.as_secs_f64(), own.step.clone())),
            _ => {}
        }
    }
}

impl Seen {
    /// Seconds at which pushes of an image reached a step.
    fn at(&self, image: &str, step: DeliveryStep) -> Vec<f64> {
        let steps = self.pushes.iter();
        let found = steps.filter(|(_, own)| *own.push.image == *image && own.step == step);
        found.map(|(at, _)| *at).collect()
    }
}

const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: shop/web:v1
          resources: {requests: {cpu: \"1\", memory: 1Gi}}
          readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
";

/// Runs the shop on four nodes with more fields of the experiment.
fn run(name: &str, system: &str, more: &str) -> (Seen, Outcome) {
    let text = format!(
        "windtunnel: v1
name: {name}
cluster:
  nodes: [{{name: 'node-{{}}', count: 4, template: {{allocatable: {{cpu: 8, memory: 32Gi}}}}}}]
workload: [{{manifests: shop.yaml}}]
system: {system}
models: {{startup: {{containerStart: 5s}}}}
stop: {{at: 2h}}
{more}"
    );
    let scratch = Scratch::new(name, &[("shop.yaml", SHOP), ("run.yaml", &text)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut seen);
    (seen, outcome.unwrap_or_else(|error| panic!("{error}")))
}

const STAGES: &str = "stages: [{name: compile, takes: 20s}, {name: package, takes: 10s}, \
                      {name: upload, takes: 5s}]";

#[test]
fn a_commit_is_seen_built_and_rolled_out() {
    let more = format!(
        "delivery: [{{image: shop/web, {STAGES}}}]
operations: [{{at: 37s, push: {{image: 'shop/web:v2', source: true}}}}]"
    );
    let (seen, outcome) = run(
        "delivery-commit",
        "{name: kubernetes, controllers: {}}",
        &more,
    );
    // As the worked example of the specification: pushed at 37 s, seen a second later, 35 s of stages.
    assert_eq!(seen.at("shop/web:v2", DeliveryStep::RolloutBegan), [73.0]);
    let first = seen.at("shop/web:v2", DeliveryStep::FirstReplica);
    assert!((78.0..80.0).contains(&first[0]), "{first:?}");
    // One at a time, each ready 5 s after its start and at most a second later by its probe.
    let all = seen.at("shop/web:v2", DeliveryStep::Delivered);
    assert!((93.0..98.0).contains(&all[0]), "{all:?}");
    assert!((metric(&outcome, "deliveries.max") - (all[0] - 37.0)).abs() < 1e-6);
    assert!((metric(&outcome, "deliveries.delivered") - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_version_that_never_answers_is_taken_back_and_not_triggered_again() {
    let more = "delivery: [{image: shop/web, poll: 60s, deadline: 2m, autoRollback: true}]
operations:
  - {at: 70s, push: {image: 'shop/web:v2', fault: unready}}
  - {at: 20m, push: {image: 'shop/web:v2', fault: unready}}
  - {at: 30m, push: {image: 'shop/web:v3'}}";
    let (seen, outcome) = run("delivery-bad", "{name: kubernetes, controllers: {}}", more);
    assert_eq!(seen.at("shop/web:v2", DeliveryStep::RolloutBegan), [120.0]);
    assert_eq!(seen.at("shop/web:v2", DeliveryStep::Failed), [240.0]);
    assert_eq!(seen.at("shop/web:v2", DeliveryStep::RolledBack).len(), 1);
    assert_eq!(seen.at("shop/web:v2", DeliveryStep::Unchanged), [1_200.0]);
    assert_eq!(seen.at("shop/web:v3", DeliveryStep::Delivered).len(), 1);
    // None of the old pods had to go.
    assert!((metric(&outcome, "rollouts.lowest_ready") - 1.0).abs() < f64::EPSILON);
}

#[test]
fn every_system_that_rolls_out_delivers() {
    let more = "delivery: [{image: shop/web}]
operations: [{at: 10m, push: {image: 'shop/web:v2'}}]";
    for system in [
        "pipeline",
        "openshift",
        "swarmkit",
        "mesos",
        "ecs",
        "fleet",
        "compose",
    ] {
        let options = match system {
            "openshift" => "{name: openshift, controllers: {}}".to_owned(),
            "pipeline" => {
                "{name: pipeline, controllers: {}, scheduler: {profile: first-fit}}".to_owned()
            }
            _ => format!("{{name: {system}}}"),
        };
        let (seen, _) = run(&format!("delivery-{system}"), &options, more);
        let done = seen.at("shop/web:v2", DeliveryStep::Delivered);
        assert!(
            done.len() == 1 && done[0] < 1_800.0,
            "{system}: {:?}",
            seen.pushes
        );
    }
    for system in ["swarm", "nova"] {
        let (seen, outcome) = run(
            &format!("delivery-{system}"),
            &format!("{{name: {system}}}"),
            more,
        );
        assert_eq!(seen.at("shop/web:v2", DeliveryStep::Unsupported), [601.0]);
        let undelivered = metric(&outcome, "deliveries.undelivered");
        assert!((undelivered - 1.0).abs() < f64::EPSILON, "{system}");
        let told = outcome
            .remarks
            .iter()
            .any(|own| own.contains("replaces no running pods"));
        assert!(told, "{system}: {:?}", outcome.remarks);
    }
}

#[test]
fn a_version_that_never_answers_passes_where_no_probe_asks_it() {
    let more = "delivery: [{image: shop/web, deadline: 2m, autoRollback: true}]
operations: [{at: 10m, push: {image: 'shop/web:v2', fault: unready}}]";
    for system in ["fleet", "swarmkit", "ecs", "compose"] {
        let options = format!("{{name: {system}}}");
        let (seen, _) = run(&format!("delivery-unasked-{system}"), &options, more);
        let done = seen.at("shop/web:v2", DeliveryStep::Delivered);
        assert_eq!(done.len(), 1, "{system}: {:?}", seen.pushes);
    }
}

const VOLUME: &str = "volume: data, workload: Deployment/default/web, size: 100Gi, newVolume: 30s, \
                      replay: 10s";

#[test]
fn a_disk_that_fails_costs_the_writes_since_the_last_complete_backup() {
    let more = format!(
        "storage: [{{{VOLUME}, backup: {{every: 1h, fullEvery: 24, retention: 24, change: 5Gi, \
         bandwidth: 1Gi}}}}]
failures: [{{kind: disk-loss, volume: data, at: 90m}}]"
    );
    let (seen, outcome) = run("storage-disk", "{name: kubernetes, controllers: {}}", &more);
    // Backups begin at 0 and 3600; 105 GiB are read back at 1 GiB a second.
    assert!((metric(&outcome, "storage.data_loss.max") - 1_800.0).abs() < 1e-6);
    assert!((metric(&outcome, "storage.restore_time.max") - 145.0).abs() < 1e-6);
    assert!((metric(&outcome, "storage.losses") - 1.0).abs() < f64::EPSILON);
    let restored = seen.volumes.iter().filter_map(|(at, step)| match step {
        VolumeStep::Restored { bytes, .. } => Some((*at, *bytes >> 30)),
        _ => None,
    });
    assert_eq!(restored.collect::<Vec<_>>(), [(5_545.0, 105)]);
}

#[test]
fn a_lost_node_takes_a_local_volume_and_a_replica_saves_it() {
    for (name, replicated, lost) in [("storage-node", false, true), ("storage-copy", true, false)] {
        let more = format!(
            "storage: [{{{VOLUME}, replicated: {replicated}, giveUpAfter: 5m}}]
failures:
  - {{kind: node-outage, node: node-0, at: 30m}}
  - {{kind: node-outage, node: node-1, at: 30m}}
  - {{kind: node-outage, node: node-2, at: 30m}}
  - {{kind: node-outage, node: node-3, at: 30m}}"
        );
        let (_, outcome) = run(name, "{name: kubernetes, controllers: {}}", &more);
        let data = metric(&outcome, "storage.data_loss.max");
        // Without a backup all that was ever written is lost.
        let expected = if lost { 1_800.0 } else { 0.0 };
        assert!((data - expected).abs() < 11.0, "{name}: {data}");
        let for_good = metric(&outcome, "storage.lost_for_good");
        assert!(
            (for_good - f64::from(u8::from(lost))).abs() < f64::EPSILON,
            "{name}"
        );
    }
}

#[test]
fn a_mistake_in_a_volume_out_of_reach_is_undone_once_its_node_is_back() {
    let outages: Vec<String> = (0..4)
        .map(|node| format!("{{kind: node-outage, node: node-{node}, at: 30m, for: 30m}}"))
        .collect();
    let more = format!(
        "storage: [{{{VOLUME}, giveUpAfter: 3h, snapshots: {{every: 10s, keep: 9, change: 1Gi}}}}]
failures: [{{kind: data-corruption, volume: data, at: 40m, detectedAfter: 5m}}, {}]",
        outages.join(", ")
    );
    let (seen, outcome) = run(
        "storage-mistake",
        "{name: kubernetes, controllers: {}}",
        &more,
    );
    let data = metric(&outcome, "storage.data_loss.max");
    assert!((0.0..11.0).contains(&data), "{data}");
    assert!((metric(&outcome, "storage.losses") - 1.0).abs() < f64::EPSILON);
    let mut restored = seen.volumes.iter();
    let restored = restored.find(|(_, step)| matches!(step, VolumeStep::Restored { .. }));
    assert!(
        restored.is_some_and(|(at, _)| *at > 3_600.0),
        "{restored:?}"
    );
}

#[test]
fn copies_are_made_until_the_stated_end_though_nothing_else_happens() {
    let more = "storage: [{volume: data, workload: Deployment/default/web, size: 1Gi, backup: {every: 10m, \
                retention: 9}, snapshots: {every: 20m, keep: 2}}]";
    for system in ["{name: kubernetes, controllers: {}}", "{name: fleet}"] {
        let (seen, _) = run("storage-copies", system, more);
        let of = |is: fn(&VolumeStep) -> bool| {
            let steps = seen.volumes.iter().filter(|(_, step)| is(step));
            steps.map(|(at, _)| *at).collect::<Vec<_>>()
        };
        let every = |seconds: i32| {
            let times = (0..=7_200 / seconds).map(|number| f64::from(number * seconds));
            times.collect::<Vec<_>>()
        };
        let backups = of(|step| matches!(step, VolumeStep::BackedUp { .. }));
        assert_eq!(backups, every(600), "{system}");
        let snapshots = of(|step| matches!(step, VolumeStep::Snapshotted { .. }));
        assert_eq!(snapshots, every(1_200), "{system}");
    }
}
