//! Worked examples of Compose and ECS as runs, from an experiment file to what happens (spec:
//! orchestrators-a.md sections 3, 7.2, 9.1 and 9.4).

use crate::kube_scenario::load_file;
use crate::node_scaling::metric;
use crate::story::{Story, story};
use crate::watch::measure;

/// A Deployment or Job with annotations of its pods.
fn workload(kind: &str, name: &str, replicas: u32, image: &str, annotations: &str) -> String {
    let (version, size, restart) = match kind {
        "Job" => ("batch/v1", "backoffLimit: 0", "restartPolicy: Never, "),
        _ => ("apps/v1", "", ""),
    };
    let size = match kind {
        "Job" => size.to_owned(),
        _ => format!("replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}"),
    };
    format!(
        "apiVersion: {version}
kind: {kind}
metadata: {{name: {name}}}
spec:
  {size}
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{{annotations}}}}}
    spec: {{{restart}containers: [{{name: c, image: {image}, resources: {{requests: {{cpu: 100m}}}}}}]}}
---
"
    )
}

fn experiment(nodes: u32, system: &str, more: &str) -> String {
    format!(
        "windtunnel: v1
name: worked
cluster: {{nodes: [{{name: 'n{{}}', count: {nodes}, template: {{allocatable: {{cpu: 8, memory: 32Gi}}}}}}]}}
workload: [{{manifests: work.yaml}}]
system: {system}
{more}
"
    )
}

#[test]
fn four_services_of_a_project_start_one_after_the_other() {
    let annotation = |name: &str, value: &str| format!("windtunnel.dev/{name}: '{value}'");
    let db = format!(
        "{}, {}, {}",
        annotation("start-time", "2s"),
        annotation("answers-after", "8s"),
        annotation("health-check", "interval=10s")
    );
    let migrate = format!(
        "{}, {}",
        annotation("start-time", "1s"),
        annotation("run-time", "7s")
    );
    let work = [
        workload("Deployment", "db", 1, "db:1", &db),
        workload(
            "Deployment",
            "redis",
            1,
            "redis:1",
            &annotation("start-time", "1s"),
        ),
        workload("Job", "migrate", 1, "migrate:1", &migrate),
        workload(
            "Deployment",
            "web",
            1,
            "web:1",
            &annotation("start-time", "1s"),
        ),
    ]
    .concat();
    let system = "{name: compose, compose: {services: {
  migrate: {dependsOn: {db: {condition: service_healthy}}},
  web: {dependsOn: {migrate: {condition: service_completed_successfully}, redis: {}}}}}}";
    let own = experiment(1, system, "stop: {at: 2m}");
    let seen = story(
        "worked-compose",
        &[("own.yaml", &own), ("work.yaml", &work)],
    );
    let called = |service: &str| seen.times(&format!("{service}-1 on "));
    assert_eq!(called("db"), [0.0], "{:?}", seen.lines);
    assert_eq!(called("redis"), [0.0]);
    assert_eq!(called("migrate"), [12.0], "{:?}", seen.lines);
    assert_eq!(called("web"), [20.0], "{:?}", seen.lines);
    assert_eq!(seen.times("web-1 runs"), [21.0]);
}

/// A service of ECS with four tasks, deployed anew at 600 s: tasks take 10 s to start and 5 s to stop.
fn deployed(name: &str, options: &str, annotations: &str) -> Story {
    let more = "operations: [{at: 10m, apply: new.yaml}]
models: {startup: {containerStart: 10s}}
stop: {at: 40m}";
    let own = experiment(8, &format!("{{name: ecs, ecs: {{{options}}}}}"), more);
    let stop = format!("windtunnel.dev/stop-time: 5s{annotations}");
    let old = workload(
        "Deployment",
        "web",
        4,
        "web:1",
        "windtunnel.dev/stop-time: 5s",
    );
    let new = workload("Deployment", "web", 4, "web:2", &stop);
    story(
        name,
        &[("own.yaml", &own), ("work.yaml", &old), ("new.yaml", &new)],
    )
}

/// Seconds after the deployment at which lines that contain a text stand, each once.
fn after(seen: &Story, text: &str) -> Vec<f64> {
    let times = seen.times(text).into_iter();
    let mut times: Vec<f64> = times.map(|at| at - 600.0).filter(|at| *at >= 0.0).collect();
    times.dedup();
    times
}

#[test]
fn four_tasks_are_deployed_in_55_or_110_seconds() {
    let seen = deployed("worked-ecs-beside", "", "");
    // Four start at once, are healthy after 10 + 40 s, and the old ones need 5 s to stop.
    assert_eq!(after(&seen, " on "), [0.0], "{:?}", seen.lines);
    assert_eq!(after(&seen, "told to end"), [50.0]);
    assert_eq!(after(&seen, "ended Cancelled"), [55.0]);
    let halves = "minimumHealthyPercent: 50, maximumPercent: 100";
    let seen = deployed("worked-ecs-halves", halves, "");
    assert_eq!(after(&seen, "told to end"), [0.0, 55.0], "{:?}", seen.lines);
    assert_eq!(after(&seen, " on "), [5.0, 60.0]);
    // The last two count as healthy 40 s after they run, so that the deployment is done at 110 s.
    assert_eq!(after(&seen, " runs"), [15.0, 70.0]);
}

#[test]
fn a_health_check_takes_the_place_of_forty_seconds() {
    let check = ", windtunnel.dev/health-check: interval=5s";
    let seen = deployed("worked-ecs-check", "", check);
    assert_eq!(after(&seen, "told to end"), [15.0], "{:?}", seen.lines);
    assert_eq!(after(&seen, "ended Cancelled"), [20.0]);
}

#[test]
fn tasks_that_fail_their_health_checks_are_replaced_until_the_breaker_opens() {
    let never = ", windtunnel.dev/health-check: interval=5s, windtunnel.dev/answers-after: 1h";
    // Healthy is none of the new ones: three probes fail 15 s after the start, and others follow.
    let seen = deployed("worked-ecs-sick", "", never);
    let failed = after(&seen, "ended Error");
    assert_eq!(failed[..2], [30.0, 60.0], "{:?}", seen.lines);
    assert!(after(&seen, "ended Cancelled").is_empty());
    assert!(failed.len() > 30, "{failed:?}");
    // The breaker opens at the tenth failed check, of the third round, and the old tasks are left.
    let breaker = "circuitBreaker: {enable: true, rollback: true}";
    let seen = deployed("worked-ecs-breaker", breaker, never);
    assert_eq!(after(&seen, "ended Error"), [30.0, 60.0, 90.0]);
    assert_eq!(seen.ready.last().map(|own| own.1), Some(4));
}

#[test]
fn one_scenario_gives_the_five_differences_of_machines_and_containers() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = load_file(&folder.join("vm-or-container.yaml"));
    let outcomes = experiment.variants.iter().take(6).map(|variant| {
        let mut nobody = Story::default();
        let outcome = measure(&variant.scenario, &experiment.files, &mut nobody);
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        [
            "turnaround.mean",
            "start_up.total.p50",
            "allocation.pods.peak",
            "cost.total",
        ]
        .map(|name| metric(&outcome, name))
    });
    let found: Vec<[f64; 4]> = outcomes.collect();
    let [quiet, noisy, micro, micro_noisy, full, full_noisy] = found[..] else {
        panic!("{found:?}");
    };
    let loss = |one: [f64; 4], other: [f64; 4]| other[0] / one[0] - 1.0;
    assert!(loss(quiet, noisy) > 0.25, "{found:?}");
    assert!((0.0..0.1).contains(&loss(micro, micro_noisy)), "{found:?}");
    assert!(loss(full, full_noisy).abs() < 0.02, "{found:?}");
    // Start-up time, density, overhead and cost, each worse the more of a machine there is.
    assert!(quiet[1] < micro[1] && micro[1] < 1.0 && full[1] > 40.0);
    assert!(quiet[2] > micro[2] && (micro[2] - full[2]).abs() < 1e-9);
    assert!(quiet[0] < micro[0] && micro[0] < full[0]);
    assert!(quiet[3] < micro[3] && micro[3] < full[3]);
}

#[test]
fn services_of_a_stack_are_updated_each_by_its_own_rules() {
    let both = |version: &str| {
        let image = |name: &str| format!("{name}:{version}");
        let one = workload("Deployment", "fast", 4, &image("fast"), "");
        one + &workload("Deployment", "slow", 4, &image("slow"), "")
    };
    let system = "{name: swarmkit, swarmkit: {update: {delay: 20s}, services: {
  fast: {update: {parallelism: 4}},
  slow: {restart: {delay: 1s}}}}}";
    let more = "operations: [{at: 10m, apply: new.yaml}]
models: {startup: {containerStart: 2s}}
stop: {at: 40m}";
    let own = experiment(4, system, more);
    let (old, new) = (both("1"), both("2"));
    let files = [
        ("own.yaml", &*own),
        ("work.yaml", &*old),
        ("new.yaml", &*new),
    ];
    let seen = story("worked-stack", &files);
    let running = |service: &str| {
        let lines = seen.lines.iter().filter_map(|line| line.split_once(' '));
        let own = lines.filter(|(_, what)| what.starts_with(service) && what.ends_with(" runs"));
        let times = own.map(|(at, _)| at.parse::<f64>().expect("a time"));
        times.filter(|at| *at >= 600.0).collect::<Vec<f64>>()
    };
    let (fast, slow) = (running("fast"), running("slow"));
    assert_eq!((fast.len(), slow.len()), (4, 4), "{:?}", seen.lines);
    assert!(fast[3] - fast[0] < 0.1, "{fast:?}");
    // One at a time, each 20 s after the one before has started.
    let gaps = slow.windows(2).map(|own| own[1] - own[0]);
    assert!(gaps.clone().all(|gap| gap >= 22.0), "{slow:?}");
}
