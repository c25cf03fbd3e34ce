//! Fleet from an experiment file to the machines that its units are on.

use crate::story::{Story, story};

const HEAD: &str = r"
windtunnel: v1
name: fleet
seed: 42
cluster:
  nodes:
    - name: m{}
      count: 3
      template: {allocatable: {cpu: 4, memory: 8Gi, pods: 110}}
models:
  startup: {containerStart: 2s}
  nodeLife: observed
workload:
  - {manifests: work.yaml, at: 1s}
system: {name: fleet}
";

fn deployment(name: &str, replicas: u32, image: &str, rest: &str) -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: main, image: "{image}", resources: {{requests: {{cpu: "3"}}}}}}]
{rest}
"#
    )
}

fn play(name: &str, work: &str, rest: &str) -> Story {
    let own = format!("{HEAD}{rest}");
    let newer = deployment("web", 5, "web:2", "");
    let files = [
        ("own.yaml", own.as_str()),
        ("work.yaml", work),
        ("newer.yaml", newer.as_str()),
    ];
    story(name, &files)
}

#[test]
fn units_go_where_the_fewest_are_and_move_when_a_key_has_ended() {
    // orchestrators-a.md section 12: keys of 30 s, beats every 15 s (the last at 30), a crash at 40,
    // rounds at odd seconds, 2 s to load and start: the key is gone at 60, the round is at 61, the
    // units run at 63.
    let rest = r"
failures:
  - {kind: node-outage, node: m1, at: 40s}
stop: {at: 5m}
";
    let told = play("fleet-moves", &deployment("web", 5, "web:1", ""), rest);
    let first = told.between(1.0, 2.0);
    // By name and load: cpu plays no part, so that machines hold more than they have.
    assert_eq!(
        first,
        [
            "web@1.service on m0",
            "web@2.service on m1",
            "web@3.service on m2",
            "web@4.service on m0",
            "web@5.service on m1",
        ]
    );
    assert_eq!(told.times("m1 lost"), [60.0]);
    assert_eq!(
        told.between(61.0, 62.0),
        [
            "web@2.service ended NodeLost",
            "web@5.service ended NodeLost",
            "web@2.service on m2",
            "web@5.service on m0",
        ]
    );
    let again = told.times(" runs");
    assert_eq!(again[5..], [63.0, 63.0]);
}

#[test]
fn a_lost_leader_is_followed_when_its_lease_has_ended() {
    // The engine of m0 leads; its lease of 10 s was renewed at 39.
    let rest = r"
failures:
  - {kind: node-outage, node: m0, at: 40s}
operations:
  - {at: 42s, scale: Deployment/default/web, replicas: 6}
stop: {at: 5m}
";
    let told = play("fleet-leader", &deployment("web", 5, "web:1", ""), rest);
    let sixth = told.times("web@6.service on");
    assert!(
        sixth.len() == 1 && (49.0..51.0).contains(&sixth[0]),
        "{sixth:?}"
    );
    assert_eq!(told.times("m0 lost"), [60.0]);
    let moved = told.times("ended NodeLost");
    assert!(
        moved.iter().all(|&at| (60.0..62.0).contains(&at)),
        "{moved:?}"
    );
}

#[test]
fn a_cut_off_machine_that_returns_in_time_keeps_its_units() {
    let rest = r"
failures:
  - {kind: partition, node: m1, at: 40s, for: 15s}
stop: {at: 5m}
";
    let told = play("fleet-returns", &deployment("web", 5, "web:1", ""), rest);
    assert!(told.times("lost").is_empty() && told.times("ended").is_empty());
    assert_eq!(told.times(" on m").len(), 5);
}

#[test]
fn changed_units_start_again_where_they_are_and_fewer_are_destroyed() {
    let rest = r"
operations:
  - {at: 1m, apply: newer.yaml}
  - {at: 2m, scale: Deployment/default/web, replicas: 2}
stop: {at: 5m}
";
    let told = play("fleet-changed", &deployment("web", 5, "web:1", ""), rest);
    // All at once: nothing is ready for a while.
    assert!(told.ready.contains(&(60.0, 0)) || told.ready.contains(&(62.0, 1)));
    for number in 1..=5 {
        let places = told.lines.iter().filter_map(|line| {
            line.split_once(&format!("web@{number}.service on "))
                .map(|(_, on)| on)
        });
        let places: Vec<&str> = places.collect();
        assert!(places.len() == 2 && places[0] == places[1], "{places:?}");
    }
    let gone = told.between(120.0, 121.0);
    for number in 3..=5 {
        assert!(gone.contains(&format!("web@{number}.service ended Cancelled").as_str()));
    }
}

#[test]
fn instances_that_exclude_each_other_wait_for_a_machine_and_global_units_are_on_all() {
    let apart = "      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
                 [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}]}}";
    let log = r#"
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: log}
spec:
  selector: {matchLabels: {app: log}}
  template:
    metadata: {labels: {app: log}}
    spec:
      containers: [{name: main, image: "log:1"}]
"#;
    let work = format!("{}{log}", deployment("web", 4, "web:1", apart));
    let told = play("fleet-apart", &work, "stop: {at: 2m}\n");
    for machine in 0..3 {
        assert_eq!(
            told.times(&format!("log-m{machine} on m{machine}")).len(),
            1
        );
        assert_eq!(told.times(&format!(".service on m{machine}")).len(), 1);
    }
    assert!(told.times("web@4.service").is_empty());
}
