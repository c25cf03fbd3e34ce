//! Writers that see changes late, and several at once: none undoes what others did meanwhile (spec:
//! kubernetes.md 1.4).

use windtunnel::cluster::{Observer, Store};
use windtunnel::model::{Event, Pod};
use windtunnel::sim::check::Checker;
use windtunnel::units::Instant;

use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// How the first node was at the end.
#[derive(Default)]
struct LastSeen {
    checker: Checker,
    taints: Vec<String>,
    is_cordoned: bool,
    is_ready: bool,
    running: usize,
}

impl Observer for LastSeen {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        match event {
            Event::PodRunning { .. } => self.running += 1,
            Event::NodeUpdated { .. } | Event::NodeReadiness { .. } => {}
            _ => return,
        }
        let Some(node) = store.nodes().by_name("n0") else {
            return;
        };
        let object = store.nodes().object(node).expect("a node that is there");
        self.is_ready = store.nodes().is_ready(node);
        self.is_cordoned = object.unschedulable;
        let taints = object.taints.iter();
        self.taints = taints
            .map(|own| format!("{}={:?}", own.key, own.effect))
            .collect();
    }
}

/// A queue takes its room back from another, whose jobs are seen to end later than they do.
#[test]
fn a_queue_that_sees_late_takes_its_room_back_once() {
    for end in [100, 103, 105] {
        let jobs = format!(
            "submit,name,tenant,run_time,cpu\n0,b0,bob,1000,1\n0,b1,bob,1000,1\n0,b2,bob,{end},1\n\
             0,b3,bob,{end},1\n100,a0,ann,500,1\n100,a1,ann,500,1\n"
        );
        let text = "windtunnel: v1\nname: late-queue\ncluster: {nodes: [{count: 1, template: {allocatable: \
                    {cpu: 4, memory: 16Gi}}}]}\nworkload: [{trace: {format: csv, path: jobs.csv}}]\nsystem: \
                    {name: batch, scheduler: {queue: yunikorn, backfill: skip, reclaim: true, queues: \
                    [{tenant: ann, guaranteed: 2}, {tenant: bob, guaranteed: 2}]}}\nmodels: {watchDelay: \
                    5s}\nstop: {when: drained}\n";
        let scratch = Scratch::new("late-queue", &[("jobs.csv", &jobs), ("run.yaml", text)]);
        let experiment = load_file(&scratch.path("run.yaml"));
        let mut eyes = LastSeen::default();
        let scenario = &experiment.variants[0].scenario;
        let ran = watch(scenario, &experiment.files, &mut eyes);
        ran.unwrap_or_else(|error| panic!("{end}: {error}"));
        assert_eq!(eyes.checker.failure(), None, "{end}");
        // Six jobs, and those that start over.
        assert!((6..=8).contains(&eyes.running), "{end}: {}", eyes.running);
    }
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: \
                   4\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: \
                   {app: web}}\n    spec: {containers: [{name: web, image: \"web:1\", resources: \
                   {requests: {cpu: 1, memory: 1Gi}}}]}\n";

fn play(name: &str, system: &str, more: &str) -> LastSeen {
    let text = format!(
        "windtunnel: v1\nname: {name}\ncluster: {{nodes: [{{name: \"n{{}}\", count: 3, template: \
         {{allocatable: {{cpu: 8, memory: 16Gi, pods: 110}}}}}}]}}\nworkload: [{{manifests: \
         web.yaml}}]\nsystem: {system}\n{more}"
    );
    let next = WEB.replace("web:1", "web:2");
    let files = [("web.yaml", WEB), ("next.yaml", &next), ("run.yaml", &text)];
    let scratch = Scratch::new(name, &files);
    let experiment = load_file(&scratch.path("run.yaml"));
    let mut eyes = LastSeen::default();
    let scenario = &experiment.variants[0].scenario;
    let end = watch(scenario, &experiment.files, &mut eyes);
    end.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(eyes.checker.failure(), None, "{name}");
    eyes
}

#[test]
fn a_cordon_outlives_the_taints_that_come_of_a_late_view() {
    // The node is found to be lost and tainted some time after its crash: whenever the cordon comes, both
    // are there in the end.
    for at in (20..220).step_by(10) {
        let more = format!(
            "models: {{watchDelay: 40s}}\nfailures: [{{kind: node-outage, node: n0, at: 12s}}]\n\
             operations: [{{at: {at}s, cordon: n0}}, {{at: {at}s, taint: {{node: n0, key: mine, \
             effect: NoSchedule}}}}]\nstop: {{at: 10m}}\n"
        );
        let system = "{name: kubernetes, controllers: {}}";
        let eyes = play(&format!("late-cordon-{at}"), system, &more);
        assert!(eyes.is_cordoned && !eyes.is_ready, "{at}");
        for taint in [
            "mine=NoSchedule",
            "node.kubernetes.io/unreachable=NoExecute",
        ] {
            let has_it = eyes.taints.iter().any(|own| own == taint);
            assert!(has_it, "{at}: {taint} of {:?}", eyes.taints);
        }
    }
}

#[test]
fn a_node_that_is_back_before_it_is_missed_late_is_ready_in_the_end() {
    for back in (30..200).step_by(15) {
        let more = format!(
            "models: {{watchDelay: 40s}}\nfailures: [{{kind: partition, node: n0, at: 12s, for: \
             {back}s}}]\nstop: {{at: 20m}}\n"
        );
        let system = "{name: kubernetes, controllers: {}}";
        let eyes = play(&format!("late-back-{back}"), system, &more);
        // One that was never missed has no changes.
        let was_missed = !eyes.taints.is_empty() || eyes.is_ready;
        assert!(eyes.taints.is_empty(), "{back}: {:?}", eyes.taints);
        assert!(was_missed || eyes.running == 4, "{back}");
    }
}

#[test]
fn controllers_that_see_late_finish_what_users_ask_for() {
    for (name, system) in [
        ("kubernetes", "{name: kubernetes, controllers: {}}"),
        ("openshift", "{name: openshift, controllers: {}}"),
        ("swarmkit", "{name: swarmkit}"),
        ("ecs", "{name: ecs}"),
    ] {
        let more = "models: {watchDelay: 7s}\noperations: [{at: 60s, scale: Deployment/default/web, \
                    replicas: 6}, {at: 61s, apply: next.yaml}, {at: 62s, scale: Deployment/default/web, \
                    replicas: 5}]\nstop: {at: 20m}\n";
        let eyes = play(&format!("late-{name}"), system, more);
        // Four of the first version, and five of the second at least.
        assert!(eyes.running >= 9, "{name}: {}", eyes.running);
    }
}
