//! Objects, pods that ended and conditions of nodes, as users read them.

use serde_json::Value;

use super::bench::{Bench, deployment};
use super::systems::plane;
use crate::driver::input::Input;
use crate::journal::MemoryJournal;
use crate::record::Log;
use crate::runtime::host::{ENFORCEMENT, LIMITS, STRICT};
use crate::wire::declaration::{Declaration, Label};
use crate::wire::request::Request;
use units::{Duration, Instant};

fn objects(bench: &Bench, kind: &str) -> Vec<Value> {
    bench
        .control
        .as_ref()
        .expect("a control server")
        .objects(kind)
}

/// The status of the only object of a kind.
fn status(bench: &Bench, kind: &str) -> Value {
    let rows = objects(bench, kind);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0]["status"].clone()
}

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: import}\nspec:\n  \
    completions: 2\n  parallelism: 2\n  template:\n    spec:\n      restartPolicy: Never\n      \
    containers:\n      - name: main\n        image: none\n        command: [\"true\"]\n        \
    env: [{name: PASSWORD, value: hidden}]\n        \
    resources: {requests: {cpu: 100m, memory: 16Mi}}\n";

#[test]
fn controllers_say_how_far_workloads_are() {
    let mut bench = Bench::new(2, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(&deployment(3));
    bench.turns(10);
    let found = status(&bench, "Deployment");
    for field in [
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
    ] {
        assert_eq!(found[field], 3, "{field}: {found}");
    }
    let mut conditions = found["conditions"].as_array().expect("conditions").iter();
    let available = conditions
        .find(|one| one["type"] == "Available")
        .expect("one");
    assert_eq!(available["status"], "True");
    assert_eq!(available["reason"], "MinimumReplicasAvailable");
    let sets = objects(&bench, "ReplicaSet");
    assert_eq!(sets[0]["metadata"]["ownerReferences"][0]["name"], "web");
    assert_eq!(sets[0]["status"]["readyReplicas"], 3);
    let web = &objects(&bench, "Deployment")[0];
    assert_eq!(web["spec"]["selector"]["matchLabels"]["app"], "web");
    let template = &web["spec"]["template"];
    assert_eq!(template["metadata"]["labels"]["app"], "web");
    assert_eq!(template["spec"]["containers"][0]["command"][0], "sleep");
    assert_eq!(objects(&bench, "Deploymen"), [] as [Value; 0]);
}

#[test]
fn jobs_count_pods_that_ended_and_these_are_listed() {
    let mut bench = Bench::new(2, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(JOB);
    bench.turns(5);
    let row = &objects(&bench, "Job")[0];
    assert_eq!(row["status"]["active"], 2);
    for (pod, code) in bench.pods().iter().map(|pod| pod.pod).zip([0, 3]) {
        for number in 0..bench.hosts.len() {
            bench.hosts[number].machine.exit(pod, code);
        }
    }
    bench.turns(5);
    let found = status(&bench, "Job");
    assert_eq!(
        (&found["succeeded"], &found["failed"]),
        (&1.into(), &1.into())
    );
    let control = bench.control.as_ref().expect("a control server");
    let ended: Vec<_> = control
        .pods()
        .into_iter()
        .filter_map(|pod| pod.ended)
        .collect();
    assert_eq!(ended, ["completed", "error"]);
    let owners = control.pods().into_iter().map(|pod| pod.owner);
    assert!(
        owners
            .clone()
            .all(|owner| owner.as_deref() == Some("Job/import")),
        "{owners:?}"
    );
    // A snapshot holds them, and they go with their job.
    let listed = control.pods();
    bench.send(Input::Compacted {});
    let log = bench.control.as_ref().expect("a control server").log();
    let log = Log::read(&log.expect("a log")).expect("a whole log");
    let replayed = log.replay(super::bench::plane()).expect("the same run");
    let kept = replayed.ended_rows();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|row| listed.contains(row)), "{kept:?}");
    let object = "Job/default/import".to_owned();
    bench.ask(Request::Delete { object });
    bench.turns(3);
    assert_eq!(bench.control.as_ref().expect("a control server").pods(), []);
}

#[test]
fn a_pod_that_ended_is_listed_until_a_user_deletes_it() {
    let mut bench = Bench::new(1, &MemoryJournal::default());
    bench.turns(2);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: once}\nspec:\n  restartPolicy: Never\n  \
               containers: [{name: main, image: none, command: [\"true\"]}]\n";
    bench.apply(pod);
    bench.turns(3);
    bench.hosts[0].machine.exit(0, 0);
    bench.turns(3);
    let listed = |bench: &Bench| {
        let rows = bench.control.as_ref().expect("a control server").pods();
        let rows = rows.into_iter().map(|row| (row.phase, row.node, row.ended));
        rows.collect::<Vec<_>>()
    };
    let ended = || {
        let word = |word: &str| Some(word.to_owned());
        vec![("succeeded".to_owned(), word("n0"), word("completed"))]
    };
    assert_eq!(listed(&bench), ended());
    // A pod of the same name takes its place.
    bench.apply(pod);
    bench.turns(3);
    assert_eq!(listed(&bench)[0].0, "running");
    bench.hosts[0].machine.exit(1, 0);
    bench.turns(3);
    let delete = || Request::Delete {
        object: "Pod/default/once".to_owned(),
    };
    let outcome = bench.ask(delete());
    assert_eq!(outcome.done, ["delete Pod/default/once"]);
    assert_eq!((listed(&bench), outcome.refused), (vec![], vec![]));
    assert_eq!(bench.ask(delete()).refused.len(), 1);
}

#[test]
fn other_systems_have_their_pods_counted() {
    for system in ["swarmkit", "fleet", "mesos", "nova"] {
        let journal = MemoryJournal::default();
        let mut bench = Bench::with_plane(3, &journal, plane(system));
        bench.turns(3);
        bench.apply(&deployment(4));
        bench.turns(60);
        let found = status(&bench, "Deployment");
        for field in ["replicas", "updatedReplicas", "readyReplicas"] {
            assert_eq!(found[field], 4, "{system} {field}: {found}");
        }
        assert_eq!(found["unavailableReplicas"], 0);
    }
}

#[test]
fn jobs_of_other_systems_complete() {
    for system in ["swarmkit", "fleet", "mesos"] {
        let journal = MemoryJournal::default();
        let mut bench = Bench::with_plane(3, &journal, plane(system));
        bench.turns(3);
        bench.apply(JOB);
        bench.turns(10);
        assert_eq!(status(&bench, "Job")["conditions"], Value::Null, "{system}");
        let pods: Vec<u32> = bench.pods().iter().map(|pod| pod.pod).collect();
        assert_eq!(pods.len(), 2, "{system}");
        for pod in pods {
            for number in 0..bench.hosts.len() {
                bench.hosts[number].machine.exit(pod, 0);
            }
        }
        bench.turns(5);
        let found = status(&bench, "Job");
        assert_eq!(
            found["conditions"][0]["type"], "Complete",
            "{system}: {found}"
        );
        assert!(found["completionTime"].is_string(), "{system}: {found}");
        // It stays so without the pods, and in a snapshot.
        let ended = bench.control.as_ref().expect("a control server").pods();
        assert_eq!(ended.len(), 2, "{system}: {ended:?}");
        for pod in ended {
            let object = format!("Pod/default/{}", pod.name);
            drop(bench.ask(Request::Delete { object }));
        }
        bench.send(Input::Compacted {});
        assert_eq!(status(&bench, "Job"), found, "{system}");
    }
}

#[test]
fn objects_have_the_labels_that_users_wrote() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(1, &journal);
    bench.turns(2);
    let labelled = deployment(1).replacen("name: web}", "name: web, labels: {tier: front}}", 1);
    let object = "Deployment/default/web".to_owned();
    let labels = |bench: &Bench, kind: &str| -> Vec<String> {
        let rows = objects(bench, kind);
        assert_eq!(rows.len(), 1, "{kind}");
        let labels = rows[0]["metadata"]["labels"].as_object();
        let labels = labels.into_iter().flatten();
        labels
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect()
    };
    bench.apply(&labelled);
    bench.turns(2);
    for _ in 0..2 {
        assert_eq!(labels(&bench, "Deployment"), ["tier=front"]);
        let of_set = labels(&bench, "ReplicaSet");
        assert_eq!((of_set.len(), &*of_set[0]), (2, "app=web"));
        // A snapshot holds them.
        bench.send(Input::Compacted {});
        bench.open(journal.clone());
    }
    // A request that is refused changes no labels.
    let refused = bench.ask(Request::Apply {
        file: "web.yaml".to_owned(),
        text: labelled
            .replace("tier: front", "tier: back")
            .replace("image: none", "comand: x"),
    });
    assert_eq!(refused.done, Vec::<String>::new());
    assert_eq!(labels(&bench, "Deployment"), ["tier=front"]);
    bench.apply(&deployment(1));
    assert!(labels(&bench, "Deployment").is_empty());
    bench.apply(&labelled);
    bench.ask(Request::Delete { object });
    bench.turns(3);
    assert!(objects(&bench, "Deployment").is_empty());
}

#[test]
fn what_is_not_listed_can_not_be_deleted() {
    let mut bench = Bench::new(1, &MemoryJournal::default());
    bench.turns(2);
    bench.apply(
        &JOB.replace("ions: 2", "ions: 1")
            .replace("ism: 2", "ism: 1"),
    );
    bench.turns(3);
    let name = bench.pods()[0].name.clone();
    bench.hosts[0].machine.exit(0, 0);
    bench.turns(3);
    let delete = |object: &str| Request::Delete {
        object: object.to_owned(),
    };
    drop(bench.ask(delete("Job/default/import")));
    bench.turns(3);
    // The pod went with its job.
    let outcome = bench.ask(delete(&format!("Pod/default/{name}")));
    assert_eq!((outcome.done.len(), outcome.refused.len()), (0, 1));
}

#[test]
fn nodes_say_since_when_they_keep_their_limits() {
    let mut bench = Bench::new(1, &MemoryJournal::default());
    bench.turns(1);
    let register = |bench: &mut Bench, limits: &str, process: u32| {
        let mut message = super::bench::registration("n0", process);
        message.declaration.labels.push(Label {
            key: LIMITS.to_owned(),
            value: limits.to_owned(),
        });
        bench.now = bench.now.saturating_add(Duration::from_secs(1));
        bench.send(Input::Register { message });
        let rows = bench.control.as_ref().expect("a control server").nodes();
        let mut conditions = rows[0].conditions.iter();
        let kept = conditions.find(|one| one.kind == "LimitsKept");
        kept.expect("a condition").changed_ns.expect("an instant") / 1_000_000_000
    };
    assert_eq!(register(&mut bench, "cpu", 2), 2);
    assert_eq!(register(&mut bench, "cpu", 3), 2);
    assert_eq!(register(&mut bench, "cpu.memory", 4), 4);
}

#[test]
fn nodes_say_since_when_they_are_as_they_are() {
    let mut bench = Bench::new(2, &MemoryJournal::default());
    bench.turns(3);
    let ready = |bench: &Bench| {
        let rows = bench.control.as_ref().expect("a control server").nodes();
        rows[1].conditions[0].clone()
    };
    let first = ready(&bench);
    let second = 1_000_000_000;
    assert_eq!((&*first.status, &*first.reason), ("True", "AgentReady"));
    assert_eq!(first.changed_ns, Some(second));
    // The last heartbeat said nothing else, so it is in no record.
    assert_eq!(first.heard_ns, Some(3 * second));
    bench.hosts[1].is_cut = true;
    bench.turns(20);
    assert_eq!(ready(&bench).reason, "AgentSilent");
    bench.turns(60);
    let lost = ready(&bench);
    assert_eq!((&*lost.status, &*lost.reason), ("Unknown", "AgentSilent"));
    assert!(lost.changed_ns > Some(40 * second), "{lost:?}");
    assert_eq!(lost.heard_ns, first.heard_ns);
    bench.hosts[1].is_cut = false;
    bench.turns(5);
    let back = ready(&bench);
    assert_eq!(&*back.status, "True");
    assert!(back.changed_ns > lost.changed_ns);
}

#[test]
fn nodes_say_which_limits_they_keep_and_what_they_have() {
    let said = |limits: Option<&str>, enforcement: &str| {
        let mut bench = Bench::new(1, &MemoryJournal::default());
        let mut declaration = Declaration::of(&[("cpu", "2"), ("memory", "64Gi")])
            .within(&[("cpu", "4"), ("memory", "8Gi")]);
        let label = |key: &str, value: &str| Label {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let labels = limits.map(|limits| [label(LIMITS, limits), label(ENFORCEMENT, enforcement)]);
        declaration.labels = labels.into_iter().flatten().collect();
        let mut message = super::bench::registration("n0", 1);
        message.declaration = declaration;
        bench.now = Instant::ZERO.saturating_add(Duration::from_secs(1));
        bench.send(Input::Register { message });
        let row = bench
            .control
            .as_ref()
            .expect("a control server")
            .nodes()
            .remove(0);
        // What a trial offers beyond its machine counts as there.
        assert_eq!(row.capacity["memory"], "64Gi");
        assert_eq!(
            (&*row.allocatable["cpu"], &*row.capacity["cpu"]),
            ("2", "4")
        );
        let mut conditions = row.conditions.iter();
        conditions
            .find(|one| one.kind == "LimitsKept")
            .map(|one| format!("{} {}: {}", one.status, one.reason, one.message))
    };
    let kept = said(Some("cpu.memory.pids"), "best-effort").expect("a condition");
    assert!(kept.starts_with("True CgroupsAvailable: "), "{kept}");
    let none = said(Some("none"), "best-effort").expect("a condition");
    assert_eq!(
        none,
        "False BestEffort: these limits are not kept, and containers run without them: cpu, memory, pids"
    );
    let strict = said(Some("cpu.pids"), STRICT).expect("a condition");
    assert!(
        strict.starts_with("False Strict: ") && strict.ends_with(": memory"),
        "{strict}"
    );
    assert_eq!(said(None, ""), None);
}
