//! Steps of Docker Machine for hosts that are there: when nodes are away, and orders that make no sense.

use crate::scratch::Scratch;

const EXPERIMENT: &str = "\
windtunnel: v1
name: machine-steps
cluster:
  nodes:
    - name: node-{}
      count: 2
      template: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}
  provider: {dockerMachine: {driver: amazonec2, stop: constant(10s)}}
workload:
  - manifests: web.yaml
system: {name: kubernetes, controllers: {}}
stop: {at: 1h}
operations:
";

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web, resources: {requests: {cpu: 1}}}]
";

fn scratch(operations: &str) -> Scratch {
    scratch_with("", operations)
}

/// The experiment with more fields of Docker Machine.
fn scratch_with(more: &str, operations: &str) -> Scratch {
    let stop = "stop: constant(10s)";
    let experiment = EXPERIMENT.replace(stop, &format!("{stop}{more}"));
    let experiment = [&experiment, operations].concat();
    let files = [("a.yaml", experiment.as_str()), ("web.yaml", WEB)];
    Scratch::new("machine-steps", &files)
}

/// Times at which a node goes and comes back, in seconds.
fn absences(operations: &str) -> Vec<(String, f64)> {
    absences_in(&scratch(operations)).0
}

/// Times at which a node goes and comes back, and the text of the run.
fn absences_in(scratch: &Scratch) -> (Vec<(String, f64)>, String) {
    let out = ["run", "a.yaml", "--out", "out", "--events", "-v"];
    let said = scratch.run(&out, 0);
    let text = scratch.run(
        &[
            "events",
            "out",
            "--object",
            "Node/node-0",
            "--format",
            "json",
        ],
        0,
    );
    let events = text.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        let kind = event["kind"].as_str()?.to_owned();
        let is_ours = ["silent", "heard"].contains(&kind.as_str());
        is_ours.then_some((kind, event["time_ns"].as_f64()? / 1e9))
    });
    (events.collect(), said)
}

#[test]
fn a_step_that_fails_leaves_the_host_as_it_is_or_away() {
    let stop_and_start = "  - {at: 10m, machine: {node: node-0, step: stop}}\n  \
                          - {at: 20m, machine: {node: node-0, step: start}}\n";
    let restart = "  - {at: 10m, machine: {node: node-0, step: restart}}\n";
    let upgrade = "  - {at: 10m, machine: {node: node-0, step: upgrade}}\n";
    let upgrade_twice = [upgrade, &upgrade.replace("10m", "20m")].concat();
    for (more, operations, expected, lines) in [
        (
            ", failureRate: {boot: 100%}",
            restart,
            &[("silent", 600.0)][..],
            &["operations[0].machine: restart of `node-0` failed: the host did not start"][..],
        ),
        (
            ", failureRate: {boot: 100%}",
            stop_and_start,
            &[("silent", 600.0)],
            &["operations[1].machine: start of `node-0` failed: the host did not start"],
        ),
        (
            ", failureRate: {install: 100%}",
            upgrade,
            &[],
            &["upgrade of `node-0` failed: the engine could not be installed"],
        ),
        (
            ", failureRate: {engine: 100%}",
            &upgrade_twice,
            &[("silent", 640.0)],
            &[
                "operations[0].machine: upgrade of `node-0` failed: the engine did not answer",
                "operations[1].machine: upgrade of `node-0` had no effect, as a step before failed",
            ],
        ),
        (
            ", stopFailureRate: 100%",
            stop_and_start,
            &[],
            &[
                "operations[0].machine: stop of `node-0` failed: the host did not stop",
                "operations[1].machine: start of `node-0` had no effect, as a step before failed",
            ],
        ),
        (
            ", failureRate: {ssh: 100%}",
            restart,
            &[("silent", 600.0), ("heard", 717.0)],
            &[],
        ),
    ] {
        let (found, said) = absences_in(&scratch_with(more, operations));
        let expected: Vec<_> = { expected.iter() }
            .map(|(kind, at)| ((*kind).to_owned(), *at))
            .collect();
        assert_eq!(found, expected, "{more}");
        assert_eq!(said.matches("operations[").count(), lines.len(), "{said}");
        for line in lines {
            assert!(said.contains(line), "{more}: {said}");
        }
    }
    let said = scratch_with(", stopFailureRate: 150%", restart).run(&["run", "a.yaml"], 2);
    assert!(said.contains("stopFailureRate"), "{said}");
}

#[test]
fn hosts_are_away_for_the_time_of_their_step() {
    // Stopped after 10 s, seen after 12; running after 96.9 s, seen after 99; the engine after 6.
    let restart = absences("  - {at: 10m, machine: {node: node-0, step: restart}}\n");
    let expected = [("silent", 600.0), ("heard", 600.0 + 12.0 + 99.0 + 6.0)];
    assert_eq!(restart, expected.map(|(kind, at)| (kind.to_owned(), at)));
    let upgrade = absences("  - {at: 10m, machine: {node: node-0, step: upgrade}}\n");
    let expected = [("silent", 640.0), ("heard", 646.0)];
    assert_eq!(upgrade, expected.map(|(kind, at)| (kind.to_owned(), at)));
    let both = absences(
        "  - {at: 10m, machine: {node: node-0, step: stop}}\n  \
         - {at: 20m, machine: {node: node-0, step: start}}\n",
    );
    let expected = [("silent", 600.0), ("heard", 1_200.0 + 99.0 + 6.0)];
    assert_eq!(both, expected.map(|(kind, at)| (kind.to_owned(), at)));
}

#[test]
fn steps_that_make_no_sense_are_refused() {
    for (operations, expected) in [
        (
            "  - {at: 10m, machine: {node: node-0, step: start}}\n",
            "operations[0].machine: `node-0` runs at that time; stop or kill it before",
        ),
        (
            "  - {at: 10m, machine: {node: node-0, step: stop}}\n  \
             - {at: 20m, machine: {node: node-0, step: upgrade}}\n",
            "operations[1].machine: `node-0` is stopped at that time; start it before",
        ),
        (
            "  - {at: 10m, machine: {node: node-0, step: restart}}\n  \
             - {at: 11m, machine: {node: node-0, step: restart}}\n",
            "operations[1].machine: the step before of `node-0` ends only at 11m57s",
        ),
        (
            "  - {at: 10m, machine: {node: node-7, step: stop}}\n",
            "machine.node: ",
        ),
        (
            "  - {at: 10m, machine: {node: node-0, step: sleep}}\n",
            "expected `start`, `stop`, `kill`, `restart` or `upgrade`",
        ),
    ] {
        let said = scratch(operations).run(&["run", "a.yaml", "--out", "out"], 2);
        assert!(said.contains(expected), "{operations}: {said}");
    }
}

#[test]
fn steps_need_docker_machine() {
    let operations = "  - {at: 10m, machine: {node: node-0, step: stop}}\n";
    let experiment = [EXPERIMENT, operations].concat();
    let provider = "  provider: {dockerMachine: {driver: amazonec2, stop: constant(10s)}}\n";
    let experiment = experiment.replace(provider, "");
    let files = [("a.yaml", experiment.as_str()), ("web.yaml", WEB)];
    let scratch = Scratch::new("machine-steps-alone", &files);
    let said = scratch.run(&["run", "a.yaml", "--out", "out"], 2);
    let expected = "no Docker Machine makes hosts; write `dockerMachine` under `cluster.provider`";
    assert!(said.contains(expected), "{said}");
}
