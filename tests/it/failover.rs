//! Fail-over side by side, by simulation: a crash, lost managers, a lost quorum, a lost list of nodes
//! (spec: orchestrators-a.md sections 11 and 12).

use std::path::Path;

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::options::{Arguments, Plain};
use windtunnel::sim::check::Checker;
use windtunnel::units::{Instant, SortedMap};

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::{measure, watch};

/// What happened, in seconds.
#[derive(Default)]
pub(crate) struct Story {
    checker: Checker,
    /// When nodes were found to be lost.
    pub(crate) lost: Vec<f64>,
    /// When pods were bound, prepared and running, by the order of their creation.
    pub(crate) bound: SortedMap<u32, f64>,
    prepared: SortedMap<u32, f64>,
    pub(crate) running: SortedMap<u32, f64>,
    pub(crate) ended: Vec<f64>,
}

impl Observer for Story {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let secs = at.as_secs_f64();
        match event {
            Event::NodeReadiness { ready: false, .. } => self.lost.push(secs),
            Event::PodBound { pod, .. } => {
                self.bound.insert(pod.id.0, secs);
            }
            Event::PodStarting { pod } => {
                self.prepared.insert(pod.id.0, secs);
            }
            Event::PodRunning { pod } => {
                self.running.insert(pod.id.0, secs);
            }
            Event::PodEnded { .. } => self.ended.push(secs),
            _ => {}
        }
    }
}

impl Story {
    pub(crate) fn later(times: &SortedMap<u32, f64>, than: f64) -> Vec<f64> {
        times.values().copied().filter(|&at| at > than).collect()
    }
}

/// Runs a service of some replicas on some nodes; its containers start within a second.
pub(crate) fn play(name: &str, sizes: (u32, u32), system: &str, rest: &str) -> Story {
    play_from(name, sizes, ("0s", "1s"), system, rest)
}

/// The same, declared at a time and with another time to start.
fn play_from(
    name: &str,
    (nodes, replicas): (u32, u32),
    (at, start): (&str, &str),
    system: &str,
    rest: &str,
) -> Story {
    let manifests = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: \
         {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: \
         {{labels: {{app: web}}}}\n    spec:\n      containers:\n        - {{name: web, image: \
         \"web:1\", resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}\n---\napiVersion: v1\nkind: \
         Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n"
    );
    let text = format!(
        "windtunnel: v1\nname: failover\ncluster:\n  nodes:\n    - name: \"n{{}}\"\n      count: \
         {nodes}\n      template: {{labels: {{side: \"{{index % 2}}\"}}, \
         allocatable: {{cpu: 8, memory: 16Gi, pods: 110}}}}\nworkload: \
         [{{manifests: web.yaml, at: {at}}}]\nsystem: {{{system}}}\nmodels: {{startup: \
         {{containerStart: constant({start})}}}}\n{rest}"
    );
    let name = format!("failover-{name}");
    let files = [("web.yaml", &*manifests), ("scenario.yaml", &*text)];
    let scratch = Scratch::new(&name, &files);
    let experiment = load_file(&scratch.path("scenario.yaml"));
    let scenario = &experiment.variants[0].scenario;
    let mut story = Story::default();
    let end = watch(scenario, &experiment.files, &mut story);
    assert_eq!(story.checker.failure(), None);
    end.expect("a run that ends");
    story
}

#[test]
fn swarm_finds_a_crash_at_the_third_failed_refresh_and_moves_one_container_at_a_time() {
    let system = "name: swarm, swarm: {refreshMin: 30s, refreshMax: 30s, jitter: false, \
                  reschedule: on-node-failure, createTime: 3s}";
    let rest = "failures: [{kind: node-outage, node: n0, at: 35s}]\nstop: {at: 10m}\n";
    let story = play("swarm", (3, 6), system, rest);
    assert_eq!(story.lost, [120.0]);
    assert_eq!(Story::later(&story.bound, 35.0), [123.0, 127.0]);
    assert_eq!(Story::later(&story.running, 35.0), [124.0, 128.0]);
}

#[test]
fn swarm_leaves_containers_of_a_lost_engine_where_no_policy_says_otherwise() {
    let rest = "failures: [{kind: node-outage, node: n0, at: 35s}]\nstop: {at: 10m}\n";
    let story = play("swarm-off", (3, 6), "name: swarm", rest);
    assert_eq!((story.lost.len(), story.ended.len()), (1, 0));
    assert!((95.0..=215.0).contains(&story.lost[0]), "{:?}", story.lost);
    assert_eq!(story.bound.len(), 6);
}

#[test]
fn swarmkit_finds_a_crash_after_three_beats_and_starts_replacements_after_their_delay() {
    let system = "name: swarmkit, swarmkit: {heartbeatEpsilon: 0s, prepareTime: 2s}";
    let rest = "failures: [{kind: node-outage, node: n0, at: 12s}]\nstop: {at: 10m}\n";
    let story = play("swarmkit", (3, 6), system, rest);
    assert_eq!(story.lost, [25.0]);
    assert_eq!(Story::later(&story.bound, 12.0), [25.05, 25.05]);
    assert_eq!(Story::later(&story.prepared, 12.0), [27.05, 27.05]);
    assert_eq!(Story::later(&story.running, 12.0), [31.0, 31.0]);
    // What was there is kept for its node, in case it comes back.
    assert!(story.ended.is_empty());
}

#[test]
fn kubernetes_finds_a_crash_after_its_grace_and_evicts_five_minutes_later() {
    let rest = "failures: [{kind: node-outage, node: n0, at: 12s}]\nstop: {at: 20m}\n";
    let system = "name: kubernetes, controllers: {}";
    let story = play("kubernetes", (3, 6), system, rest);
    assert_eq!(story.lost.len(), 1);
    assert!((52.0..=67.0).contains(&story.lost[0]), "{:?}", story.lost);
    let replaced = Story::later(&story.bound, 12.0);
    let after = |at: &f64| (story.lost[0] + 295.0..=story.lost[0] + 310.0).contains(at);
    assert!(
        !replaced.is_empty() && replaced.iter().all(after),
        "{replaced:?}"
    );
}

#[test]
fn a_partition_is_a_crash_to_managers_and_what_was_replaced_stops_on_return() {
    let system = "name: swarmkit, swarmkit: {heartbeatEpsilon: 0s}";
    let rest = "failures: [{kind: partition, node: n0, at: 12s, for: 60s}]\nstop: {at: 5m}\n";
    let story = play("partition", (3, 6), system, rest);
    assert_eq!(story.lost, [25.0]);
    assert_eq!(Story::later(&story.running, 12.0).len(), 2);
    assert_eq!(story.ended, [72.0, 72.0]);
    // One that is shorter than the grace is not noticed.
    let rest = "failures: [{kind: partition, node: n0, at: 12s, for: 8s}]\nstop: {at: 5m}\n";
    let story = play("partition-short", (3, 6), system, rest);
    assert_eq!(
        (story.lost.len(), story.bound.len(), story.ended.len()),
        (0, 6, 0)
    );
}

#[test]
fn ecs_gives_an_instance_up_five_minutes_after_its_agent_fell_silent() {
    let outage = "failures: [{kind: node-outage, node: n0, at: 53s}]\nstop: {at: 10m}\n";
    let story = play("ecs", (3, 6), "name: ecs", outage);
    assert_eq!(story.lost, [113.0]);
    assert_eq!(story.ended, [353.0, 353.0]);
    assert_eq!(Story::later(&story.bound, 53.0), [353.0, 353.0]);
    // A short cut is not noticed.
    let rest = "failures: [{kind: partition, node: n0, at: 53s, for: 50s}]\nstop: {at: 10m}\n";
    assert!(play("ecs-cut", (3, 6), "name: ecs", rest).lost.is_empty());
}

#[test]
fn nova_takes_a_host_for_down_a_minute_after_its_last_report_and_moves_nothing_by_itself() {
    // Reports every 10 s, the last at 50.
    let outage = "failures: [{kind: node-outage, node: n0, at: 53s}]\nstop: {at: 10m}\n";
    let story = play("nova", (3, 6), "name: nova", outage);
    let is_at = |found: &[f64], at: f64| found.len() == 1 && (found[0] - at).abs() < 1e-6;
    assert!(is_at(&story.lost, 110.0), "{:?}", story.lost);
    assert_eq!((story.bound.len(), story.ended.len()), (6, 0));
    let system = "name: nova, nova: {evacuateAfter: 2m, machine: {boot: 20s}}";
    let story = play("nova-evacuated", (3, 6), system, outage);
    assert!(is_at(&story.lost, 110.0), "{:?}", story.lost);
    let (bound, running) = (
        Story::later(&story.bound, 53.0),
        Story::later(&story.running, 53.0),
    );
    let near = |found: &[f64], at: f64| found.iter().all(|own| (own - at).abs() < 1.5);
    assert!(bound.len() == 2 && near(&bound, 230.0), "{bound:?}");
    assert!(running.len() == 2 && near(&running, 251.0), "{running:?}");
    // A short cut is not noticed.
    let rest = "failures: [{kind: partition, node: n0, at: 53s, for: 50s}]\nstop: {at: 10m}\n";
    assert!(play("nova-cut", (3, 6), "name: nova", rest).lost.is_empty());
}

#[test]
fn fleet_misses_a_machine_when_its_key_ends_and_moves_its_units_in_the_next_round() {
    // Declared at 1, so that rounds are at odd seconds; beats every 15 s, the last at 30.
    let rest = "failures: [{kind: node-outage, node: n0, at: 40s}]\nstop: {at: 5m}\n";
    let story = play_from("fleet", (3, 6), ("1s", "2s"), "name: fleet", rest);
    assert_eq!(story.lost, [60.0]);
    assert_eq!(Story::later(&story.bound, 40.0), [61.0, 61.0]);
    assert_eq!(Story::later(&story.running, 40.0), [63.0, 63.0]);
    assert_eq!(story.ended, [61.0, 61.0]);
}

#[test]
fn fleet_runs_two_of_a_unit_while_its_machine_is_cut_off() {
    let rest = "failures: [{kind: partition, node: n0, at: 40s, for: 60s}]\nstop: {at: 5m}\n";
    let story = play_from("fleet-cut", (3, 6), ("1s", "2s"), "name: fleet", rest);
    assert_eq!((story.lost, story.ended.len()), (vec![60.0], 2));
    assert_eq!(Story::later(&story.running, 40.0), [63.0, 63.0]);
}

#[test]
fn fleet_is_led_by_another_engine_once_the_lease_of_the_lost_one_has_ended() {
    for (name, away, from, until) in [("one", 1, 109.0, 113.0), ("all", 3, 160.0, 163.0)] {
        let rest = format!(
            "operations: [{{at: 101s, scale: Deployment/default/web, replicas: 8}}]\nfailures: \
             [{{kind: manager-loss, managers: {away}, at: 100s, for: 60s}}]\nstop: {{at: 5m}}\n"
        );
        let story = play(&format!("fleet-{name}"), (3, 6), "name: fleet", &rest);
        let new = Story::later(&story.bound, 100.0);
        let taken = |at: &f64| (from..until).contains(at);
        assert!(new.len() == 2 && new.iter().all(taken), "{name}: {new:?}");
        assert!(story.ended.is_empty() && story.lost.is_empty());
    }
}

#[test]
fn mesos_gives_an_agent_up_after_five_pings_and_marathon_replaces_its_instances() {
    // A ping every 15 s: that of 105 is the first without an answer.
    let rest = "failures: [{kind: node-outage, node: n0, at: 100s}]\nstop: {at: 5m}\n";
    let story = play("mesos", (1, 6), "name: mesos", rest);
    assert_eq!(story.lost, [180.0]);
    assert_eq!((story.ended.len(), story.bound.len()), (6, 6));
    let story = play("mesos-two", (2, 6), "name: mesos", rest);
    assert_eq!(story.lost, [180.0]);
    let count = story.ended.len();
    assert!(count > 0 && story.ended.iter().all(|at| (at - 180.0).abs() < 1e-9));
    assert_eq!(Story::later(&story.bound, 100.0), vec![180.0; count]);
    assert_eq!(Story::later(&story.running, 100.0), vec![181.0; count]);
}

#[test]
fn mesos_removes_lost_agents_no_faster_than_it_may() {
    let system = "name: mesos, mesos: {agentRemovalRateLimit: 1/10mins}";
    let rest = "failures:\n  - {kind: node-outage, node: n0, at: 1s}\n  - {kind: node-outage, \
                node: n1, at: 1s}\n  - {kind: node-outage, node: n2, at: 1s}\nstop: {at: 30m}\n";
    let story = play("mesos-slow", (4, 4), system, rest);
    // Due at 90 s, a permit every ten minutes.
    assert_eq!(story.lost, [90.0, 690.0, 1_290.0]);
    // One that answers before its turn is kept.
    let rest = rest.replace("node: n1, at: 1s", "node: n1, at: 1s, for: 5m");
    let story = play("mesos-kept", (4, 4), system, &rest);
    assert_eq!(story.lost, [90.0, 690.0]);
}

#[test]
fn mesos_offers_nothing_without_a_leading_master_and_tasks_run_on() {
    for (name, away, from, until) in [("one", 1, 106.0, 113.0), ("two", 2, 200.0, 214.0)] {
        let rest = format!(
            "operations: [{{at: 101s, scale: Deployment/default/web, replicas: 8}}]\nfailures: \
             [{{kind: manager-loss, managers: {away}, at: 100s, for: 100s}}]\nstop: {{at: 5m}}\n"
        );
        let story = play(&format!("mesos-{name}"), (3, 6), "name: mesos", &rest);
        let new = Story::later(&story.bound, 100.0);
        let taken = |at: &f64| (from..until).contains(at);
        assert!(new.len() == 2 && new.iter().all(taken), "{name}: {new:?}");
        assert!(story.ended.is_empty() && story.lost.is_empty());
    }
}

#[test]
fn tasks_outlive_their_framework_for_its_failover_timeout() {
    let rest = "operations: [{at: 101s, scale: Deployment/default/web, replicas: 8}]\nfailures: \
                [{kind: framework-outage, framework: marathon, at: 100s, for: 100s}]\nstop: {at: \
                5m}\n";
    let story = play("framework", (3, 6), "name: mesos", rest);
    assert!(story.ended.is_empty());
    assert_eq!(Story::later(&story.bound, 100.0), [200.0, 200.0]);
    // Shorter than its absence: they end, and there are others once it is back.
    let system = "name: mesos, mesos: {frameworks: [{name: marathon, failoverTimeout: 30s, \
                  marathon: {}}]}";
    let story = play("framework-ends", (3, 6), system, rest);
    assert_eq!(story.ended, [130.0; 6]);
    assert_eq!(Story::later(&story.bound, 100.0), [200.0; 8]);
    // A new master does not know since when a framework is away.
    let both = rest.replace(
        "for: 100s}]",
        "for: 100s}, {kind: manager-loss, managers: 1, at: 110s}]",
    );
    let story = play("framework-unknown", (3, 6), system, &both);
    assert!(story.ended.is_empty(), "{:?}", story.ended);
}

#[test]
fn without_a_primary_swarm_takes_nothing_new_and_containers_run_on() {
    let system = "name: swarm, swarm: {managers: 3}";
    let rest = "operations: [{at: 101s, scale: Deployment/default/web, replicas: 8}]\nfailures: \
                [{kind: manager-loss, managers: 1, at: 100s}]\nstop: {at: 5m}\n";
    let story = play("primary", (3, 6), system, rest);
    let new = Story::later(&story.bound, 100.0);
    // The lock lasts 20 s from its last renewal; a client asks again every 10 s.
    let taken = |at: &f64| (110.0..=140.0).contains(at);
    assert!(new.len() == 2 && new.iter().all(taken), "{new:?}");
    assert!(story.ended.is_empty());
    // Without a standby nobody takes over until it is back.
    let system = "name: swarm, swarm: {managers: 1}";
    let rest = "operations: [{at: 101s, scale: Deployment/default/web, replicas: 8}]\nfailures: \
                [{kind: manager-loss, managers: 1, at: 100s, for: 60s}]\nstop: {at: 5m}\n";
    let story = play("primary-alone", (3, 6), system, rest);
    let new = Story::later(&story.bound, 100.0);
    assert!(
        new.len() == 2 && new.iter().all(|&at| at >= 160.0),
        "{new:?}"
    );
    assert!(story.ended.is_empty());
}

#[test]
fn a_minority_of_managers_accepts_nothing_and_a_majority_does_after_an_election() {
    for (managers, away) in [(1, 1), (3, 1), (3, 2), (5, 2), (5, 3), (7, 4)] {
        let system = format!("name: swarmkit, swarmkit: {{managers: {managers}}}");
        let rest = format!(
            "operations: [{{at: 101s, scale: Deployment/default/web, replicas: \
             8}}]\nfailures:\n  - {{kind: manager-loss, managers: {away}, at: 100s, for: \
             100s}}\n  - {{kind: node-outage, node: n0, at: 110s}}\nstop: {{at: 10m}}\n"
        );
        let story = play(&format!("quorum-{managers}-{away}"), (3, 6), &system, &rest);
        let new = Story::later(&story.bound, 100.0);
        let has_majority = 2 * (managers - away) > managers;
        let begin = if has_majority { 110.0 } else { 210.0 };
        let end = if has_majority { 121.0 } else { 221.0 };
        let first = new.first().copied().unwrap_or_default();
        assert!((begin..=end).contains(&first), "{managers} {away}: {new:?}");
        // Two more replicas, and those of the crashed node, which the new leader waits for longer.
        assert_eq!(new.len(), 4, "{managers} {away}: {new:?}");
        let found = story.lost[0] - first;
        assert!(
            (25.0..=34.0).contains(&found),
            "{managers} {away}: {:?}",
            story.lost
        );
        assert!(story.ended.is_empty());
    }
}

#[test]
fn engines_that_the_list_forgets_take_nothing_until_they_register_again() {
    let system = "name: swarm, swarm: {discovery: {backend: store}}";
    let rest = "operations: [{at: 401s, scale: Deployment/default/web, replicas: 8}]\nfailures: \
                [{kind: discovery-outage, at: 100s, for: 300s}]\nstop: {at: 10m}\n";
    let story = play("discovery", (3, 6), system, rest);
    assert_eq!(story.lost, [400.0, 400.0, 400.0]);
    let new = Story::later(&story.bound, 100.0);
    assert!(
        new.len() == 2 && new.iter().all(|&at| at >= 420.0),
        "{new:?}"
    );
    assert!(story.ended.is_empty());
    // A shorter one is not noticed.
    let rest = "failures: [{kind: discovery-outage, at: 100s, for: 100s}]\nstop: {at: 10m}\n";
    let story = play("discovery-short", (3, 6), system, rest);
    assert!(story.lost.is_empty());
}

#[test]
fn scaling_to_none_and_back_and_beyond_the_room_waits_for_room() {
    // Of thirty, six wait for room. Marathon decommissions those last (ScalingProposition.scala, weights of
    // conditions), so that all 24 go and four of the waiting ones start.
    for (system, bound) in [
        ("name: swarm", 24),
        ("name: swarmkit", 24),
        ("name: mesos", 28),
    ] {
        let rest = "operations:\n  - {at: 60s, scale: Deployment/default/web, replicas: 0}\n  - \
                    {at: 120s, scale: Deployment/default/web, replicas: 30}\n  - {at: 180s, scale: \
                    Deployment/default/web, replicas: 4}\nstop: {at: 5m}\n";
        let name = format!("scale-{}", system.len());
        let story = play(&name, (3, 6), system, rest);
        assert_eq!(Story::later(&story.bound, 60.0).len(), bound, "{system}");
        let ended = story.ended.iter().filter(|&&at| at <= 60.0).count();
        assert_eq!((ended, story.ended.len()), (6, 32), "{system}");
    }
}

#[test]
fn the_same_run_twice_is_the_same() {
    let rest = "failures: [{kind: node-crash, mtbf: exponential(5m), repair: exponential(1m)}]\n\
                stop: {at: 1h}\n";
    for system in [
        "name: swarm",
        "name: swarmkit",
        "name: fleet",
        "name: mesos",
        "name: nova, nova: {hostSubsetSize: 3}",
        "name: ecs, ecs: {placement: {'*': {strategies: [random]}}}",
        "name: borg, borg: {candidates: 2}",
        "name: compose",
        "name: openshift, controllers: {}",
    ] {
        let once = play(&format!("twice-a-{}", system.len()), (4, 12), system, rest);
        let again = play(&format!("twice-b-{}", system.len()), (4, 12), system, rest);
        assert_eq!((once.bound, once.lost), (again.bound, again.lost));
    }
}

#[test]
fn the_scenario_of_all_managers_shows_what_its_head_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = load_file(&folder.join("four-managers.yaml"));
    let mut found = SortedMap::new();
    for plan in &experiment.variants {
        let outcome = measure(&plan.scenario, &experiment.files, &mut Story::default());
        let metrics = outcome.expect("a run that ends").metrics;
        let value = |id: &str| {
            metrics
                .get(id)
                .and_then(|metric| metric.value)
                .unwrap_or(f64::NAN)
        };
        let both = (value("time_to_recover.max"), value("availability.time"));
        found.insert(plan.name.clone(), both);
    }
    // When a service is whole again after its rack went, and how much of the time all are.
    for (name, recovered, available) in [
        ("kubernetes", 340.0..=370.0, 0.87..=0.89),
        ("swarm", 1_200.0..=1_200.0, 0.78..=0.80),
        ("swarm-moves", 95.0..=215.0, 0.94..=0.97),
        ("swarmkit", 20.0..=25.0, 0.99..=1.0),
        ("fleet", 17.0..=34.0, 0.99..=1.0),
        ("mesos", 77.0..=92.0, 0.97..=0.985),
    ] {
        let (one, other) = found[name];
        assert!(recovered.contains(&one), "{name}: {one}");
        assert!(available.contains(&other), "{name}: {other}");
    }
    // In whole cores not everything has room on the nodes that are left.
    let whole = experiment
        .variants
        .iter()
        .find(|plan| plan.name == "swarm-moves");
    let mut whole = whole.expect("a variant").scenario.clone();
    let moves = Plain::Map(vec![(
        "reschedule".to_owned(),
        Plain::String("on-node-failure".to_owned()),
    )]);
    whole.system.sections = Arguments(vec![("swarm".to_owned(), moves)]);
    let outcome = measure(&whole, &experiment.files, &mut Story::default());
    let metrics = outcome.expect("a run that ends").metrics;
    let recovered = metrics
        .get("time_to_recover.max")
        .and_then(|metric| metric.value);
    assert_eq!(recovered, Some(1_200.0));
}

/// Cpu and memory play no part: there is always room.
#[test]
fn fleet_scales_to_none_and_back_and_beyond_what_machines_have() {
    let rest = "operations:\n  - {at: 60s, scale: Deployment/default/web, replicas: 0}\n  - {at: \
                120s, scale: Deployment/default/web, replicas: 30}\nstop: {at: 5m}\n";
    let story = play("fleet-scale", (3, 6), "name: fleet", rest);
    assert_eq!(Story::later(&story.bound, 60.0).len(), 30);
    let ended = story.ended.iter().filter(|&&at| at <= 70.0).count();
    assert_eq!((ended, story.ended.len()), (6, 6));
}

#[test]
fn lost_managers_of_kubernetes_are_a_fail_over_or_an_outage() {
    let scale = "operations: [{at: 101s, scale: Deployment/default/web, replicas: 8}]\n";
    let system = "name: kubernetes, controllers: {}";
    let new_pods = |name: &str, failure: &str| -> Vec<f64> {
        let rest = format!("{scale}failures: [{failure}]\nstop: {{at: 10m}}\n");
        let story = play(name, (3, 6), system, &rest);
        assert!(story.ended.is_empty(), "what runs goes on");
        Story::later(&story.bound, 100.0)
    };
    // One of three is the leader: another is elected once its lease of 15 s is over.
    let one = new_pods("kube-one", "{kind: manager-loss, managers: 1, at: 100s}");
    let leader = new_pods("kube-leader", "{kind: leader-failover, at: 100s}");
    assert_eq!(one, leader);
    assert!(
        one.len() == 2 && one.iter().all(|at| (115.0..120.0).contains(at)),
        "{one:?}"
    );
    // Two are the majority: nothing is accepted until they are back.
    let two = new_pods(
        "kube-two",
        "{kind: manager-loss, managers: 2, at: 100s, for: 60s}",
    );
    let outage = new_pods(
        "kube-outage",
        "{kind: control-plane-outage, at: 100s, for: 60s}",
    );
    assert_eq!(two, outage);
    assert!(
        two.len() == 2 && two.iter().all(|at| *at >= 160.0),
        "{two:?}"
    );
}
