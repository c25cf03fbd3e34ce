//! Capacity providers of ECS in whole runs, managed scaling and Fargate, and tasks behind a balancer (spec:
//! orchestrators-a.md sections 7.2 to 7.4 and 9.7).

use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::node::ZONE_LABEL;
use windtunnel::model::{Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::Instant;

use crate::failover::play;
use crate::kube_scenario::{Scratch, load_file};
use crate::node_scaling::metric;
use crate::scratch;
use crate::watch::measure;

/// Instances that join and leave, and tasks that run.
#[derive(Default)]
struct Seen {
    checker: Checker,
    joined: Vec<(f64, String)>,
    /// Zones of the instances that joined.
    zones: Vec<String>,
    left: Vec<(f64, String)>,
    running: Vec<f64>,
}

impl Observer for Seen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64();
        match event {
            Event::NodeAdded { object, .. } => {
                self.joined.push((secs, object.name.to_string()));
                let zone = object.labels.get(ZONE_LABEL);
                self.zones.extend(zone.map(ToString::to_string));
            }
            Event::NodeRemoved { node } => {
                self.left.push((secs, store.nodes().name(*node).to_owned()));
            }
            Event::PodRunning { .. } => self.running.push(secs),
            _ => {}
        }
    }
}

/// Four tasks, each of which fills half an instance.
const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {name: web, image: 'web:1', resources: {requests: {cpu: 250m, memory: 512Mi}}}
";

/// Runs four tasks, each of which fills half an instance of the group, which is empty at first.
fn run(name: &str, providers: &str, more: &str) -> (Seen, Outcome) {
    run_of(name, WEB, providers, more)
}

/// Runs tasks of these manifests.
fn run_of(name: &str, web: &str, providers: &str, more: &str) -> (Seen, Outcome) {
    let text = format!(
        "windtunnel: v1
name: {name}
cluster:
  provider:
    boot: constant(30s)
    spot: {{price: 30%, kept: constant(20m)}}
    groups:
      - {{name: pool, min: 0, max: 9, initial: 0, price: 0.1, template: {{allocatable: {{cpu: 500m, memory: 1Gi}}}}}}
workload: [{{manifests: web.yaml}}]
system: {{name: ecs, ecs: {{capacityProviders: [{providers}]}}}}
models: {{startup: {{containerStart: 10s}}}}
stop: {{at: 1h}}
{more}"
    );
    let scratch = Scratch::new(name, &[("web.yaml", web), ("run.yaml", &text)]);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut seen = Seen::default();
    let scenario = &experiment.variants[0].scenario;
    let outcome = measure(scenario, &experiment.files, &mut seen);
    assert_eq!(seen.checker.failure(), None);
    (seen, outcome.unwrap_or_else(|error| panic!("{error}")))
}

fn times(rows: &[(f64, String)]) -> Vec<f64> {
    rows.iter().map(|(at, _)| *at).collect()
}

#[test]
fn a_group_grows_for_tasks_that_wait_and_shrinks_a_quarter_of_an_hour_after_they_went() {
    let more = "operations: [{at: 10m, scale: Deployment/default/web, replicas: 1}]";
    let (seen, _) = run("ecs-managed", "{name: pool, managedScaling: {}}", more);
    // The first look is at 60 s, and a provider without instances begins with two.
    assert_eq!(times(&seen.joined), [90.0, 90.0]);
    assert_eq!(seen.running, [100.0; 4]);
    // Of two instances one is empty from 10 min on: the fifteenth look below the target takes it.
    assert_eq!(times(&seen.left), [1_500.0]);
}

#[test]
fn further_instances_wait_for_the_warm_up_of_the_last() {
    let more = "operations: [{at: 150s, scale: Deployment/default/web, replicas: 8}]";
    let (seen, _) = run("ecs-warm-up", "{name: pool, managedScaling: {}}", more);
    // They joined at 90 s, and are warm at the look of 420 s.
    assert_eq!(times(&seen.joined), [90.0, 90.0, 450.0, 450.0]);
}

#[test]
fn a_task_of_fargate_has_a_machine_that_is_billed_by_its_size() {
    let more = "operations: [{at: 30m, scale: Deployment/default/web, replicas: 3}]";
    let (seen, outcome) = run("ecs-fargate", "{name: FARGATE}", more);
    assert_eq!(times(&seen.joined), [30.0; 4]);
    assert_eq!(seen.running, [40.0; 4]);
    assert_eq!(times(&seen.left), [1_800.0]);
    // A quarter of a processor and half a GiB, from the pull of the image to the end of the task.
    let hourly = 0.25 * 0.04048 + 0.5 * 0.004_445;
    let hours = (3.0 * 3_570.0 + 1_770.0) / 3_600.0;
    let cost = metric(&outcome, "cost.total");
    assert!((cost - hourly * hours).abs() < 1e-4, "{cost}");
}

#[test]
fn a_disk_beyond_twenty_gigabytes_is_billed_and_one_beyond_two_hundred_refused() {
    let cost = |name: &str, disk: &str| {
        let web = WEB.replace(
            "memory: 512Mi",
            &format!("memory: 512Mi, ephemeral-storage: {disk}"),
        );
        let (_, outcome) = run_of(name, &web, "{name: FARGATE}", "");
        metric(&outcome, "cost.total")
    };
    let extra = cost("ecs-disk", "50Gi") - cost("ecs-disk-included", "20Gi");
    // From 30 s on, as the machines boot for nothing.
    let hours = 3_570.0 / 3_600.0;
    assert!(
        (extra - 4.0 * 30.0 * 0.000_111 * hours).abs() < 1e-6,
        "{extra}"
    );
    let web = WEB.replace("memory: 512Mi", "memory: 512Mi, ephemeral-storage: 201Gi");
    let (seen, _) = run_of("ecs-disk-refused", &web, "{name: FARGATE}", "");
    assert!(seen.joined.is_empty() && seen.running.is_empty());
}

#[test]
fn spot_machines_of_fargate_are_taken_back_and_replaced_in_their_zones() {
    let (seen, outcome) = run("ecs-spot", "{name: FARGATE_SPOT, zones: [a, b]}", "");
    assert_eq!(seen.zones[..4], ["a", "b", "a", "b"]);
    let rounds = times(&seen.joined);
    assert_eq!(
        rounds[..8],
        [30.0, 30.0, 30.0, 30.0, 1_140.0, 1_140.0, 1_140.0, 1_140.0]
    );
    assert_eq!(times(&seen.left)[..4], [1_110.0; 4]);
    // Four machines all of the time, but for four boots of 30 s, which cost nothing.
    let hourly = 0.3 * (0.25 * 0.04048 + 0.5 * 0.004_445);
    let cost = metric(&outcome, "cost.total");
    let hours = 3_480.0 / 3_600.0;
    assert!((cost - 4.0 * hourly * hours).abs() < 1e-4, "{cost}");
}

#[test]
fn tasks_are_shared_between_providers_by_base_and_weight() {
    let providers = "{name: pool, base: 2, weight: 0, managedScaling: {}}, {name: FARGATE}";
    let (seen, _) = run("ecs-shared", providers, "");
    let fargate = seen
        .joined
        .iter()
        .filter(|(_, name)| name.starts_with("FARGATE"));
    assert_eq!(fargate.count(), 2);
    assert_eq!(seen.running.len(), 4);
}

/// A control server ends when it is told to, a run by its `stop`: what makes a run from the experiment says so.
#[test]
fn managed_scaling_without_an_end_is_refused_in_words() {
    let text = "windtunnel: v1
name: ecs
cluster:
  provider: {groups: [{name: pool, min: 0, max: 9, template: {allocatable: {cpu: 1, memory: 1Gi}}}]}
workload: [{manifests: web.yaml}]
system: {name: ecs, ecs: {capacityProviders: [{name: pool, managedScaling: {}}]}}
";
    let scratch = scratch::Scratch::new("ecs-endless", &[("web.yaml", WEB), ("run.yaml", text)]);
    let said = scratch.run(&["run", "run.yaml"], 2);
    let place = "system.ecs.capacityProviders[0].managedScaling: managed scaling never stops";
    assert!(said.contains(place), "{said}");
    assert!(said.contains("`stop: {at: 24h}`"), "{said}");
}

#[test]
fn ecs_takes_a_task_off_its_balancer_before_it_stops_it() {
    let rest =
        "operations: [{at: 60s, scale: Deployment/default/web, replicas: 4}]\nstop: {at: 10m}\n";
    let ended = |name: &str, options: &str| {
        let system = format!("name: ecs, ecs: {{{options}}}");
        play(name, (3, 6), &system, rest).ended
    };
    assert_eq!(ended("ecs-alone", ""), [60.0, 60.0]);
    let balanced = "deregistrationDelay: 45s, targetHealthyAfter: 10s";
    assert_eq!(ended("ecs-balanced", balanced), [105.0, 105.0]);
}
