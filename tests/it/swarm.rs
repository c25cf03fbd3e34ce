//! Swarm and SwarmKit from an experiment file: what is refused, and what a new leader takes up.

use crate::scratch::{Scratch, output, stderr};
use crate::story::{Story, story};

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: "web:1", resources: {requests: {cpu: 1, memory: 1Gi}}}
"#;

const REPORT: &str = r#"
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec:
  schedule: "*/10 * * * *"
  jobTemplate:
    spec:
      template:
        metadata: {annotations: {windtunnel.dev/run-time: 2m}}
        spec:
          restartPolicy: Never
          containers:
            - {name: report, image: "report:1", resources: {requests: {cpu: 1, memory: 256Mi}}}
"#;

const HEAD: &str = r#"
windtunnel: v1
name: swarm
cluster:
  nodes:
    - name: "n{}"
      count: 3
      template: {allocatable: {cpu: 8, memory: 16Gi, pods: 110}}
workload: [{manifests: work.yaml}]
models: {startup: {containerStart: constant(1s)}}
"#;

fn play(name: &str, rest: &str) -> Story {
    let newer = WEB.replace("web:1", "web:2");
    let own = format!("{HEAD}{rest}");
    let files = [
        ("own.yaml", &*own),
        ("work.yaml", WEB),
        ("newer.yaml", &*newer),
    ];
    story(name, &files)
}

#[test]
fn what_can_not_be_is_refused_with_its_place_and_a_way_out() {
    let cases = [
        (
            "system: {name: swarmkit, swarmkit: {managers: 4}}",
            WEB,
            "4 managers survive the loss of 1, as 3 would",
            "expected an odd number",
        ),
        (
            "system: {name: swarmkit, swarmkit: {update: {parallelism: 4}}}",
            WEB,
            "system.swarmkit.update.parallelism: Deployment `web`",
            "expected at most 3, or 0 for all at once",
        ),
        (
            "system: {name: swarm, swarm: {environment: {web: ['constraint:disk=~ssd']}}}",
            WEB,
            "system.swarm.environment.web[0]: `disk=~ssd` has no operator",
            "a soft expression is written `key==~value` or `key!=~value`",
        ),
        (
            "system: {name: swarm}",
            REPORT,
            "the system `swarm` can express nothing of it",
            "choose another system",
        ),
    ];
    for (number, (system, work, what, way_out)) in cases.into_iter().enumerate() {
        let own = format!("{HEAD}{system}\nstop: {{at: 5m}}\n");
        let files = [("own.yaml", &*own), ("work.yaml", work)];
        let scratch = Scratch::new(&format!("swarm-flaw-{number}"), &files);
        let ended = output(&scratch.path("."), &["run", "own.yaml", "--out", "out"]);
        let told = stderr(&ended);
        assert_eq!(ended.status.code(), Some(2), "{system}: {told}");
        assert!(
            told.contains(what) && told.contains(way_out),
            "{system}: {told}"
        );
    }
}

#[test]
fn a_new_leader_takes_up_what_came_to_a_halt() {
    // A node is down at 100; its tasks' replacements are held until 105, and nobody leads from 102.
    let rest = "system: {name: swarmkit, swarmkit: {heartbeatEpsilon: 0s}}\nfailures:\n  - {kind: \
                node-outage, node: n0, at: 87s}\n  - {kind: manager-loss, managers: 2, at: 102s, \
                for: 98s}\nstop: {at: 10m}\n";
    let told = play("swarmkit-held", rest);
    assert_eq!(told.times("n0 lost"), [100.0]);
    let late: Vec<f64> = told.times(" runs").split_off(3);
    let after_election = |at: &f64| (211.0..=221.0).contains(at);
    assert!(
        late.len() == 1 && late.iter().all(after_election),
        "{late:?}"
    );

    // An update halts between two of its slots, and goes on.
    let rest = "system: {name: swarmkit, swarmkit: {update: {parallelism: 1, delay: \
                30s}}}\noperations: [{at: 80s, apply: newer.yaml}]\nfailures: [{kind: \
                manager-loss, managers: 2, at: 100s, for: 100s}]\nstop: {at: 10m}\n";
    let told = play("swarmkit-update", rest);
    let begun = told.times(" on n").split_off(3);
    assert_eq!(begun.len(), 3, "{begun:?}");
    assert!(
        begun[0] < 82.0 && (210.0..=221.0).contains(&begun[1]),
        "{begun:?}"
    );
    assert!((28.0..=35.0).contains(&(begun[2] - begun[1])), "{begun:?}");

    // A service that is deleted meanwhile stops then.
    let rest = "system: {name: swarmkit}\noperations: [{at: 110s, delete: \
                Deployment/default/web}]\nfailures: [{kind: manager-loss, managers: 2, at: 100s, \
                for: 100s}]\nstop: {at: 10m}\n";
    let told = play("swarmkit-delete", rest);
    let stopped = told.times("told to end");
    assert!(
        stopped.len() == 3 && stopped.iter().all(|at| (210.0..=220.0).contains(at)),
        "{stopped:?}"
    );
}

#[test]
fn a_run_whose_managers_never_return_ends() {
    for (name, system) in [
        ("swarm", "{name: swarm, swarm: {managers: 3}}"),
        (
            "swarmkit",
            "{name: swarmkit, swarmkit: {heartbeatEpsilon: 0s}}",
        ),
    ] {
        // At 102 a scaled service waits for a manager, and a replacement for its time to start.
        let rest = format!(
            "system: {system}\noperations: [{{at: 103s, scale: Deployment/default/web, replicas: \
             5}}]\nfailures:\n  - {{kind: node-outage, node: n0, at: 87s}}\n  - {{kind: \
             manager-loss, managers: 3, at: 102s}}\n"
        );
        let told = play(&format!("{name}-for-good"), &rest);
        assert!(
            told.between(103.0, 1e9)
                .iter()
                .all(|what| what.ends_with("lost"))
        );
    }
}
