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
        let is_ours = ["silent", "heard", "left", "joined"].contains(&kind.as_str());
        Some((kind, event["time_ns"].as_f64()? / 1e9)).filter(|_| is_ours)
    });
    // What is there at the start joined at zero.
    let turns = events.filter(|turn| *turn != ("joined".to_owned(), 0.0));
    (turns.collect(), said)
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

/// Steps of `node-0`, one every ten minutes from the tenth on.
fn one_after_the_other(steps: &[&str]) -> String {
    let line = |(number, step): (usize, &&str)| {
        let minutes = 10 * (number + 1);
        format!("  - {{at: {minutes}m, machine: {{node: node-0, step: {step}}}}}\n")
    };
    steps.iter().enumerate().map(line).collect()
}

#[test]
fn a_host_that_is_removed_leaves_and_one_that_is_created_joins() {
    let turns = |text: &str| -> Vec<(String, f64)> {
        let turns = text.split_whitespace().map(|turn| {
            let (kind, at) = turn.split_once('@').expect("kind@seconds");
            (kind.to_owned(), at.parse().expect("seconds"))
        });
        turns.collect()
    };
    // Created: 1 + 20, the host seen after 99 s, SSH after 6, 1 + 40, the engine after 6, 1.
    for (steps, expected) in [
        (&["remove"][..], "left@605"),
        (&["remove", "create"], "left@605 joined@1374"),
        // Later steps are those of the host in its place.
        (
            &["remove", "create", "restart", "remove"],
            "left@605 joined@1374 silent@1800 heard@1917 left@2405",
        ),
        (&["stop", "remove"], "silent@600 left@1205"),
        // One that is created first is not there before.
        (&["create"], "left@0 joined@774"),
        (&["provision"], "silent@641 heard@647"),
    ] {
        let more = ", remove: constant(5s)";
        let scratch = scratch_with(more, &one_after_the_other(steps));
        let (found, said) = absences_in(&scratch);
        assert_eq!(found, turns(expected), "{steps:?}");
        assert!(!said.contains("operations["), "{said}");
    }
}

#[test]
fn what_ran_on_a_removed_host_runs_elsewhere() {
    let scratch = scratch(&one_after_the_other(&["remove"]));
    scratch.run(&["run", "a.yaml", "--out", "out", "--events"], 0);
    let text = scratch.run(&["events", "out", "--from", "10m", "--format", "json"], 0);
    let of = |kind: &str| {
        let kind = format!("\"kind\":\"{kind}\"");
        text.lines().filter(|line| line.contains(&kind)).count()
    };
    assert_eq!((of("ended"), of("running")), (1, 1), "{text}");
}

#[test]
fn a_removal_that_fails_leaves_the_host_to_its_user_or_to_nobody() {
    let forced = one_after_the_other(&["remove, force: true", "remove"]);
    for (more, operations, expected) in [
        (
            ", removeFailureRate: 100%",
            one_after_the_other(&["remove", "create"]),
            [
                "operations[0].machine: remove of `node-0` failed: the driver did not remove the host",
                "operations[1].machine: create of `node-0` had no effect, as a step before failed",
            ],
        ),
        (
            ", removeFailureRate: 100%",
            forced,
            [
                "remove of `node-0` failed: the driver did not remove the host; Docker Machine has \
                 forgotten it",
                "operations[1].machine: remove of `node-0` had no effect, as a step before failed",
            ],
        ),
        (
            ", failureRate: {ssh: 100%}",
            one_after_the_other(&["create", "stop"]),
            [
                "operations[0].machine: create of `node-0` failed: the host did not answer by SSH",
                "operations[1].machine: stop of `node-0` had no effect, as a step before failed",
            ],
        ),
    ] {
        let (found, said) = absences_in(&scratch_with(more, &operations));
        for line in expected {
            assert!(said.contains(line), "{operations}: {said}");
        }
        let stays = found.iter().all(|(kind, at)| kind != "left" || *at == 0.0);
        assert!(stays, "{found:?}");
    }
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
            "expected `create`, `start`, `stop`, `kill`, `restart`, `provision`, `upgrade` or `remove`",
        ),
        (
            "  - {at: 10m, machine: {node: node-0, step: remove}}\n  \
             - {at: 20m, machine: {node: node-0, step: stop}}\n",
            "operations[1].machine: `node-0` is not there at that time; create it before",
        ),
        (
            "  - {at: 10m, machine: {node: node-0, step: stop}}\n  \
             - {at: 20m, machine: {node: node-0, step: create}}\n",
            "operations[1].machine: `node-0` is there at that time; remove it before",
        ),
        (
            "  - {at: 10m, machine: {node: node-0, step: stop, force: true}}\n",
            "operations[0].machine.force: only the step `remove` can be forced",
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

#[test]
fn a_creation_that_fails_is_an_event_with_its_cause() {
    let operations = one_after_the_other(&["create"]);
    let scratch = scratch_with(", failureRate: {ssh: 100%}", &operations);
    scratch.run(&["run", "a.yaml", "--out", "out", "--events"], 0);
    let text = scratch.run(&["events", "out", "--kind", "machine-failed"], 0);
    assert!(text.contains("Node/node-0"), "{text}");
    let cause = "no host was made: the host did not answer by SSH";
    assert_eq!(text.matches(cause).count(), 1, "{text}");
}
