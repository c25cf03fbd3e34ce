//! Logs that are made short while a cluster runs: what is stored stays, nothing runs twice, and the
//! records replay to the same commands.

use super::bench::{Bench, deployment, plane};
use super::systems;
use crate::control::Compaction;
use crate::driver::input::Input;
use crate::driver::{Driver, Plane};
use crate::journal::archive::Archive;
use crate::journal::{Dies, MemoryJournal};
use crate::record::{Log, replay};
use crate::wire::request::Request;

/// A rule that makes logs short after a few steps.
fn often() -> Compaction {
    Compaction {
        after_bytes: 4_000,
        snapshots: 0,
        archive: None,
    }
}

/// A run with roll-outs, a lost node and pods that end.
fn churn(bench: &mut Bench) {
    bench.turns(2);
    bench.apply(&deployment(6));
    bench.turns(20);
    for round in 0..4 {
        bench.hosts[round % 3].is_cut = true;
        bench.turns(60);
        bench.hosts[round % 3].is_cut = false;
        bench.hosts[(round + 1) % 3].restart();
        let object = "Deployment/default/web".to_owned();
        let replicas = 4 + i32::try_from(round).expect("few rounds");
        drop(bench.ask(Request::Scale { object, replicas }));
        bench.turns(400);
    }
    bench.agrees(7);
    bench.audit_hosts();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test reads an archive")]
fn kept_logs_replay_one_by_one_and_as_one_run() {
    let folder = format!("windtunnel-archive-{}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    let _ = std::fs::remove_dir_all(&folder);
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(3, &journal);
    bench.compaction = Compaction {
        archive: Some(Archive::new(&folder)),
        ..often()
    };
    bench.open(journal.clone());
    churn(&mut bench);
    let control = bench.control.take().expect("a control server");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(files.len() > 3, "{files:?}");
    let mut whole = Driver::new(plane());
    let mut before: Option<String> = None;
    let last = control.log().expect("a log");
    let texts = files.iter().map(|file| std::fs::read(file).expect("a log"));
    for text in texts.chain([last]) {
        let log = Log::read(&text).expect("a whole log");
        if let Some(before) = &before {
            let begun = log.begin(plane()).expect("a snapshot");
            assert_eq!(begun.digest(), *before);
        }
        before = Some(log.replay(plane()).expect("the same run").digest());
        for record in &log.records {
            replay(&mut whole, 0, record).expect("the same run");
        }
    }
    assert_eq!(whole.digest(), control.driver().digest());
    assert_eq!(whole.pod_rows(), control.driver().pod_rows());
    std::fs::remove_dir_all(&folder).expect("a folder to remove");
}

#[test]
fn a_server_that_dies_while_it_replaces_its_log_loses_and_doubles_nothing() {
    for dies in [Dies::Before, Dies::After] {
        let journal = MemoryJournal::default();
        let mut bench = Bench::new(3, &journal);
        bench.turns(2);
        bench.apply(&deployment(6));
        bench.compaction = often();
        let mut deaths = 0;
        for round in 0..12 {
            bench.open(journal.dying(dies));
            for turn in 0..40 {
                bench.turn();
                if turn == 5 {
                    let object = "Deployment/default/web".to_owned();
                    let replicas = [2, 9][round % 2];
                    let message = Request::Scale { object, replicas };
                    // A server that died has no answer.
                    drop(bench.send(Input::Ask { message }));
                }
                let control = bench.control.as_ref().expect("a control server");
                if control.is_halted() {
                    deaths += 1;
                    break;
                }
            }
            // What is stored without a short log lets the next one go on.
            bench.compaction = Compaction::default();
            bench.open(journal.clone());
            bench.turns(10);
            bench.compaction = often();
        }
        assert!(deaths > 5, "{dies:?}: {deaths} deaths");
        bench.compaction = often();
        bench.open(journal.clone());
        bench.apply(&deployment(6));
        bench.turns(400);
        bench.agrees(6);
        bench.audit();
    }
}

#[test]
fn a_log_does_not_grow_with_what_is_gone() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(3, &journal);
    bench.compaction = often();
    bench.open(journal.clone());
    bench.turns(2);
    let mut lengths = Vec::new();
    for _ in 0..6 {
        for replicas in [6, 1] {
            bench.apply(&deployment(replicas));
            bench.turns(90);
        }
        let control = bench.control.as_ref().expect("a control server");
        lengths.push(control.log().expect("a log").len());
    }
    let (first, last) = (lengths[1], lengths[5]);
    // Events are kept up to their number, and so are the last records.
    assert!(last < first + 60_000, "{lengths:?}");
    let control = bench.control.as_ref().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    let text = serde_json::to_string(&log.snapshot).expect("a text");
    assert!(text.len() < 60_000, "{}", text.len());
}

/// A job of three runs, one after the other.
const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec:\n  completions: 3\n  \
                   parallelism: 1\n  template:\n    spec:\n      restartPolicy: Never\n      \
                   containers:\n      - name: main\n        image: none\n        command: [sleep, \
                   \"9\"]\n        resources: {requests: {cpu: 100m, memory: 16Mi}}\n";

/// A run through all that controllers remember: a job, a roll-out that is under way, other sizes, and a
/// process that dies. Returns the number of pods that were made, and those that run at the end.
fn eventful(plane: &dyn Fn() -> Plane, has_jobs: bool, compaction: &Compaction) -> (u32, usize) {
    let journal = MemoryJournal::default();
    let mut bench = Bench::with_plane(3, &journal, plane());
    bench.compaction = compaction.clone();
    bench.open_with(journal.clone(), plane());
    bench.turns(3);
    bench.apply(&deployment(6));
    bench.turns(30);
    if has_jobs {
        bench.apply(JOB);
    }
    for _ in 0..6 {
        bench.turns(15);
        exit(&mut bench, "once", usize::MAX, 0);
    }
    bench.turns(15);
    assert_eq!(running(&bench, "once"), 0);
    assert_eq!(running(&bench, "web"), 6);
    bench.apply(&deployment(6).replace("100000", "200000"));
    for turns in [1, 2, 5, 120] {
        bench.turns(turns);
        bench.open_with(journal.clone(), plane());
    }
    let context = format!("{} {}", plane().system, compaction.after_bytes);
    assert_eq!(running(&bench, "web"), 6, "{context}");
    for replicas in [9, 4] {
        let object = "Deployment/default/web".to_owned();
        drop(bench.ask(Request::Scale { object, replicas }));
        bench.turns(60);
        assert_eq!(running(&bench, "web"), replicas as usize, "{context}");
    }
    exit(&mut bench, "web", 1, 1);
    bench.turns(60);
    bench.audit_hosts();
    let control = bench.control.take().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    assert_eq!(log.snapshot.is_some(), compaction.after_bytes < 1_000_000);
    let replayed = log.replay(plane()).expect("the same run");
    assert_eq!(replayed.digest(), control.driver().digest());
    let made = control.driver().store().pods().created();
    bench.control = Some(control);
    (made, running(&bench, "web"))
}

/// Pods that are ready, by the beginning of their names.
fn running(bench: &Bench, prefix: &str) -> usize {
    let pods = bench.pods().into_iter();
    pods.filter(|pod| pod.ready && pod.name.starts_with(prefix))
        .count()
}

/// Processes of so many pods end by themselves.
fn exit(bench: &mut Bench, prefix: &str, count: usize, code: i32) {
    let pods = bench.pods().into_iter();
    let pods = pods.filter(|pod| pod.ready && pod.name.starts_with(prefix));
    for pod in pods.take(count) {
        let mut hosts = bench.hosts.iter_mut();
        let host = hosts.find(|host| pod.node.as_ref() == Some(&host.name));
        host.expect("a host").machine.exit(pod.pod, code);
    }
}

#[test]
fn no_system_makes_more_or_fewer_pods_because_its_log_is_made_short() {
    let of = |system: &'static str| move || systems::plane(system);
    let others = [
        "swarmkit", "mesos", "dcos", "fleet", "ecs", "compose", "swarm", "nova",
    ];
    let others = others.map(|system| (system, of(system)));
    let mut planes: Vec<(&str, &dyn Fn() -> Plane)> = vec![("kubernetes", &plane)];
    planes.extend(others.iter().map(|(system, plane)| (*system, plane as _)));
    for (system, plane) in planes {
        let has_jobs = ["kubernetes", "swarmkit", "mesos", "dcos"].contains(&system);
        let never = eventful(plane, has_jobs, &Compaction::default());
        // With every step, and after a few.
        for after_bytes in [0, 4_000] {
            let compaction = Compaction {
                after_bytes,
                ..often()
            };
            let made = eventful(plane, has_jobs, &compaction);
            assert_eq!(made, never, "{system}, after {after_bytes} bytes");
        }
    }
}
