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
            "system: {name: swarm, swarm: {environment: {web: ['constraint:disk=~ssd']}}}",
            WEB,
            "system.swarm.environment.web[0]: `disk=~ssd` has no operator",
            "a soft expression is written `key==~value` or `key!=~value`",
        ),
        (
            "system: {name: swarm}",
            REPORT,
            "the system `swarm` can't express any of it",
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

/// Runs of the workload `work`, with `newer.yaml` beside it.
fn play_with(name: &str, work: &str, newer: &str, rest: &str) -> Story {
    let own = format!("{HEAD}{rest}");
    let files = [
        ("own.yaml", &*own),
        ("work.yaml", work),
        ("newer.yaml", newer),
    ];
    story(name, &files)
}

#[test]
fn a_cut_off_engine_is_missed_after_three_rounds_and_comes_back() {
    let system = "system: {name: swarm, swarm: {refreshMin: 30s, refreshMax: 30s, jitter: false, \
                  reschedule: on-node-failure}}\nstop: {at: 20m}\nfailures: [{kind: partition, node: \
                  n0, at: 35s, for: ";
    // Shorter than three rounds: nobody notices.
    let told = play("swarm-cut-short", &format!("{system}60s}}]\n"));
    assert!(told.times("lost").is_empty() && told.times("ended").is_empty());
    // Longer: its container is created elsewhere, and it takes new ones once it is back.
    let told = play("swarm-cut", &format!("{system}5m}}]\n"));
    assert_eq!(told.times("n0 lost"), [120.0]);
    assert_eq!(told.times("ended"), [120.0]);
    assert_eq!(told.times(" on n").len(), 4, "{:?}", told.lines);
    let up = told.times("n0 up");
    assert!(up.len() == 1 && (335.0..=400.0).contains(&up[0]), "{up:?}");
}

#[test]
fn containers_that_are_to_be_moved_wait_for_a_manager() {
    // The first of two is moved at 120; the manager is away before it is created.
    let rest = "system: {name: swarm, swarm: {refreshMin: 30s, refreshMax: 30s, jitter: false, \
                reschedule: on-node-failure, createTime: 3s}}\noperations: [{at: 5s, scale: \
                Deployment/default/web, replicas: 6}]\nfailures:\n  - {kind: node-outage, node: n0, \
                at: 35s}\n  - {kind: manager-loss, managers: 1, at: 110s, for: 100s}\nstop: {at: 10m}\n";
    let told = play("swarm-move-halted", rest);
    let moved = told.times(" on n").split_off(6);
    assert_eq!(moved.len(), 2, "{:?}", told.lines);
    assert!(moved.iter().all(|at| *at >= 210.0), "{moved:?}");
}

#[test]
fn a_service_is_scaled_while_it_is_updated() {
    let newer = WEB.replace("web:1", "web:2");
    let rest = "system: {name: swarmkit, swarmkit: {update: {delay: 20s}}}\noperations:\n  - {at: 60s, \
                apply: newer.yaml}\n  - {at: 70s, scale: Deployment/default/web, replicas: 5}\n  - {at: \
                200s, scale: Deployment/default/web, replicas: 1}\nstop: {at: 5m}\n";
    let told = play_with("swarmkit-scaled", WEB, &newer, rest);
    // Two more at once, of the new version. The scaling is an update of its own, which cancels the one
    // under way and begins with the next old task, not 20 s after the one before (updater.go, Update).
    assert_eq!(
        told.between(70.0, 70.2)
            .iter()
            .filter(|what| what.contains(" on n"))
            .count(),
        3
    );
    let updated = told.times(" on n");
    assert_eq!(updated.len(), 3 + 3 + 2, "{:?}", told.lines);
    assert_eq!(
        told.times("told to end")
            .iter()
            .filter(|at| **at < 200.0)
            .count(),
        3
    );
    assert_eq!(
        told.times("told to end")
            .iter()
            .filter(|at| **at >= 200.0)
            .count(),
        4
    );
}

#[test]
fn global_services_follow_their_nodes_in_runs() {
    let global = WEB
        .replace("kind: Deployment", "kind: DaemonSet")
        .replace("  replicas: 3\n", "");
    let rest = "system: {name: swarmkit, swarmkit: {heartbeatEpsilon: 0s}}\nfailures: [{kind: \
                node-outage, node: n0, at: 60s, for: 100s}]\noperations: [{at: 30s, cordon: n1}]\nstop: \
                {at: 10m}\n";
    let told = play_with("swarmkit-global", &global, &global, rest);
    let on = |node: &str| told.times(&format!(" on {node}"));
    // One each; what is cordoned keeps its own; what is back gets another.
    assert_eq!((on("n1").len(), on("n2").len()), (1, 1), "{:?}", told.lines);
    let returned = on("n0");
    assert!(
        returned.len() == 2 && (160.0..166.0).contains(&returned[1]),
        "{:?}",
        told.lines
    );
    // Nobody takes its place elsewhere.
    assert_eq!(told.times(" on n").len(), 4);
}

#[test]
fn tasks_wait_for_their_secrets_and_a_minority_hands_out_none() {
    let needing = WEB.replace(
        "      containers:\n",
        "      volumes: [{name: v, secret: {secretName: s}}, {name: w, configMap: {name: c, optional: \
         true}}]\n      containers:\n",
    );
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
    let play = |name: &str, rest: &str| play_with(name, &needing, secret, rest);
    let rest =
        "system: {name: swarmkit}\noperations: [{at: 60s, apply: newer.yaml}]\nstop: {at: 5m}\n";
    let told = play("swarmkit-secret", rest);
    // They have their nodes, and are prepared, long before.
    assert!(
        told.times(" on n").iter().all(|at| *at < 2.0),
        "{:?}",
        told.lines
    );
    assert_eq!(told.times(" runs"), [61.0, 61.0, 61.0], "{:?}", told.lines);
    // Deleted later: who runs runs on, who is new waits.
    let rest = "system: {name: swarmkit}\noperations:\n  - {at: 60s, apply: newer.yaml}\n  - {at: 90s, \
                delete: Secret/default/s}\n  - {at: 100s, scale: Deployment/default/web, replicas: \
                4}\nstop: {at: 5m}\n";
    let told = play("swarmkit-secret-gone", rest);
    assert_eq!(
        (told.times(" on n").len(), told.times(" runs").len()),
        (4, 3)
    );
    assert!(told.times("ended").is_empty(), "{:?}", told.lines);
    let rest = "system: {name: swarmkit}\noperations: [{at: 60s, apply: newer.yaml}]\nfailures: [{kind: \
                manager-loss, managers: 2, at: 50s, for: 60s}]\nstop: {at: 5m}\n";
    let told = play("swarmkit-secret-minority", rest);
    let runs = told.times(" runs");
    let late = |at: &f64| (120.0..=132.0).contains(at);
    assert!(runs.len() == 3 && runs.iter().all(late), "{:?}", told.lines);
}

#[test]
fn requests_take_tasks_in_turns_and_come_in_at_any_node() {
    let service = |more: &str| {
        format!(
            "{WEB}---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{{more}selector: {{app: web}}}}\n"
        )
    };
    let run = |name: &str, more: &str, rest: &str| {
        let head = HEAD.replace("models: {startup: {containerStart: constant(1s)}}\n", "");
        let own =
            format!("{head}system: {{name: swarmkit, swarmkit: {{heartbeatEpsilon: 0s}}}}\n{rest}");
        let files = [("own.yaml", &*own), ("work.yaml", &*service(more))];
        let scratch = Scratch::new(name, &files);
        scratch.run(&["run", "own.yaml", "--out", "out", "--quiet"], 0);
        let summary = scratch.summary("out");
        let metrics = summary.variants[0].metrics.clone();
        let value = move |id: &str| {
            metrics
                .get(id)
                .and_then(|own| own.value)
                .unwrap_or(f64::NAN)
        };
        (value("requests.offered"), value("requests.failed"))
    };
    for form in ["requests", "aggregated"] {
        let head = format!(
            "models: {{startup: {{containerStart: 1s}}, services: {{form: {form}, serviceTime: 1ms}}}}\n"
        );
        // A node is down for good after 60 s, and its task is missed at 70: the virtual address sends
        // a third of the requests there for 10 s, a node's port a third of all for ever.
        let inside = "traffic: [{name: c, service: default/web, rate: 30, timeout: 1s}]\n";
        let outside = "traffic: [{name: c, published: default/web, rate: 30, timeout: 1s}]\n";
        let rest = "failures: [{kind: node-outage, node: n0, at: 57s}]\nstop: {at: 157s}\nmetrics: {warmup: 10s}\n";
        let play = |name: &str, more: &str, traffic: &str| {
            let text = format!("{head}{traffic}{rest}");
            let (offered, failed) = run(&format!("swarmkit-{name}-{form}"), more, &text);
            failed / offered
        };
        let (all, gone, missed) = (147.0, 100.0, 13.0);
        let virtual_ip = play("virtual", "", inside);
        let expected = missed / 3.0 / all;
        assert!(
            (virtual_ip - expected).abs() < 0.4 * expected,
            "{form}: {virtual_ip} {expected}"
        );
        let ingress = play("ingress", "type: NodePort, ", outside);
        let expected = (gone / 3.0 + missed * 2.0 / 9.0) / all;
        assert!(
            (ingress - expected).abs() < 0.2 * expected,
            "{form}: {ingress} {expected}"
        );
        // Two nodes have a task each, then both, one of them two; the third takes nothing.
        let host = play(
            "host",
            "type: NodePort, externalTrafficPolicy: Local, ",
            outside,
        );
        let expected = gone / 3.0 / all;
        assert!(
            (host - expected).abs() < 0.2 * expected,
            "{form}: {host} {expected}"
        );
        // All addresses are asked for again every 30 s: the dead one is known for longer.
        let names = play("names", "clusterIP: None, ", inside);
        assert!(names > 1.3 * virtual_ip, "{form}: {names} {virtual_ip}");
    }
}
