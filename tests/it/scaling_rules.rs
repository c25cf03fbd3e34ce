//! Workloads that are scaled by rules of other platforms: a target, steps, a backlog
//! (spec: orchestrators-a.md 9.3).

use crate::kube_scenario::{Scratch, load_file};
use crate::scaling::{HORIZONTAL, Replicas, experiment, manifests, prepared, run_file};

const QUEUE: &str = "seconds,value\n0,30\n600,300\n1200,30\n";

fn scratch(name: &str, shop: &str, rule: &str, more: &str) -> Scratch {
    let system = format!(
        "models: {{externalMetrics: {{queue: queue.csv}}}}
system:
  controllers: {{}}
  autoscaling:
    rules: [{rule}]
stop: {{at: 30m}}
{more}"
    );
    let run = experiment(&system);
    let files = [
        ("shop.yaml", shop),
        ("queue.csv", QUEUE),
        ("run.yaml", &run),
    ];
    Scratch::new(name, &files)
}

fn run(name: &str, shop: &str, rule: &str) -> Replicas {
    let scratch = scratch(name, shop, rule, "");
    run_file(&load_file(&scratch.path("run.yaml"))).0
}

#[test]
fn a_mean_is_held_at_its_target() {
    // Two cores of work, half a core asked for by each: 400 % at one replica, 57 % at seven.
    let usage = "windtunnel.dev/cpu-usage: 'shared(2)'";
    let shop = manifests(1, usage, "");
    let rule = "{target: Deployment/shop/web, metric: cpu, min: 1, max: 20, track: {target: 60}}";
    let replicas = run("rules-track", &shop, rule);
    // At most four more a look; seven are within a tenth of the target.
    assert_eq!(replicas.stated, [(0.0, 1), (15.0, 5), (30.0, 7)]);
    let young = "{target: Deployment/shop/web, metric: cpu, min: 1, max: 20, \
                 track: {target: 60, warmUp: 60s}}";
    let replicas = run("rules-young", &shop, young);
    // Nobody is old enough to be counted before a minute has passed; then the new ones count with the
    // target: (80 + 4 x 60) / 5 is 64.
    assert_eq!(replicas.stated, [(0.0, 1), (60.0, 5), (120.0, 7)]);
}

#[test]
fn steps_over_a_threshold_pause_after_each() {
    let shop = manifests(1, "", "");
    let rule = "{target: Deployment/shop/web, external: queue, min: 1, max: 9, steps: {threshold: 50, \
                cooldown: 5m, changes: [{to: -10, change: -2}, {from: 0, to: 100, change: 1}, \
                {from: 100, change: 3}]}}";
    let replicas = run("rules-steps", &shop, rule);
    let expected = [
        (0.0, 1),
        (600.0, 4),
        (900.0, 7),
        (1200.0, 5),
        (1500.0, 3),
        (1800.0, 1),
    ];
    assert_eq!(replicas.stated, expected);
}

#[test]
fn a_backlog_has_the_replicas_that_it_needs() {
    let shop = manifests(1, "", "");
    let rule = "{target: Deployment/shop/web, external: queue, min: 2, max: 9, every: 1m, \
                backlog: {perReplica: 40}}";
    let replicas = run("rules-backlog", &shop, rule);
    assert_eq!(
        replicas.stated,
        [(0.0, 1), (60.0, 2), (600.0, 8), (1200.0, 2)]
    );
}

#[test]
fn rules_that_cannot_work_are_refused_at_their_place() {
    let plain = manifests(1, "", "");
    let usage = "windtunnel.dev/cpu-usage: '0.4'";
    let rivals = manifests(2, usage, HORIZONTAL);
    for (name, shop, rule, expected) in [
        (
            "none",
            &plain,
            "{target: Deployment/shop/web, external: queue, min: 1, max: 9}",
            "rules[0]: expected one of `track`, `steps` and `backlog`",
        ),
        (
            "order",
            &plain,
            "{target: Deployment/shop/web, external: queue, min: 9, max: 1, track: {target: 60}}",
            "rules[0].min: 9 is above max 1",
        ),
        (
            "nobody",
            &plain,
            "{target: Deployment/shop/wep, external: queue, min: 1, max: 9, track: {target: 60}}",
            "rules[0].target: there is no Deployment `wep` in namespace `shop`",
        ),
        (
            "silent",
            &plain,
            "{target: Deployment/shop/web, metric: cpu, min: 1, max: 9, track: {target: 60}}",
            "rules[0].metric: missing; expected the usage of the pods",
        ),
        (
            "unknown",
            &plain,
            "{target: Deployment/shop/web, external: queues, min: 1, max: 9, track: {target: 60}}",
            "rules[0].metric: no external metric of `models.externalMetrics` is named `queues`",
        ),
        (
            "rival",
            &rivals,
            "{target: Deployment/shop/web, metric: cpu, min: 1, max: 9, track: {target: 60}}",
            "rules[0].target: the HorizontalPodAutoscaler `web` also scales `web`",
        ),
        (
            "steps",
            &plain,
            "{target: Deployment/shop/web, external: queue, min: 1, max: 9, \
             steps: {threshold: 1, changes: [{from: 5, to: 2, change: 1}]}}",
            "rules[0].steps.changes[0].from: 5 is not below `to` 2",
        ),
    ] {
        let scratch = scratch(&format!("rules-{name}"), shop, rule, "");
        let experiment = load_file(&scratch.path("run.yaml"));
        let told = prepared(&experiment).err().unwrap_or_default();
        assert!(told.contains(expected), "{name}: {told}");
    }
}
