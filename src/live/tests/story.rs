//! The story of a record that begins with a snapshot: what is there at its beginning stands in it.

use units::Instant;

use super::bench::{Bench, deployment, plane};
use super::systems;
use crate::control::Compaction;
use crate::journal::MemoryJournal;
use crate::record::Log;
use crate::story::{Fitted, Story};
use crate::wire::request::Request;

#[test]
fn a_story_begins_with_what_its_snapshot_holds() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(3, &journal);
    bench.compaction = Compaction {
        after_bytes: 4_000,
        snapshots: 0,
        archive: None,
    };
    bench.open(journal.clone());
    bench.turns(2);
    bench.apply(&deployment(6));
    bench.turns(200);
    bench.compaction = Compaction::default();
    bench.open(journal.clone());
    let object = "Deployment/default/web".to_owned();
    let replicas = 8;
    drop(bench.ask(Request::Scale { object, replicas }));
    bench.hosts[1].is_cut = true;
    bench.turns(60);
    let control = bench.control.take().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    assert!(log.snapshot.is_some());
    let story = Story::of(&log, plane()).expect("a story");
    assert!(story.origin > Instant::ZERO);
    let beginning = story.beginning.as_ref().expect("a beginning");
    assert_eq!((beginning.machines.len(), beginning.nodes.len()), (3, 3));
    assert_eq!(beginning.pods.len(), 6);
    for pod in &beginning.pods {
        let owner = pod.owner.expect("an owner").object;
        assert_eq!(beginning.objects[owner].object.kind(), "ReplicaSet");
        assert!(pod.node.is_some() && !pod.is_terminating);
        // It began to run before the story does.
        assert!(pod.started.is_some_and(|at| at <= Instant::ZERO));
    }
    for (place, standing) in beginning.objects.iter().enumerate() {
        assert!(standing.owner.is_none_or(|owner| owner < place));
    }
    let base =
        serde_json::json!({"system": {"controllers": {"startDate": "2020-01-01T00:00:00Z"}}});
    let derived = story.experiment(&base, &Fitted::default());
    let date = derived.document.pointer("/system/controllers/startDate");
    assert_eq!(
        date,
        Some(&serde_json::json!("1970-01-01T00:00:04.000000000Z"))
    );
    let at = derived.document.pointer("/operations/0/at");
    let at: units::Duration = at
        .and_then(serde_json::Value::as_str)
        .and_then(|text| text.parse().ok())
        .expect("an operation");
    let asked = story.deeds.iter().map(|deed| deed.at).min();
    assert_eq!(Some(story.origin.saturating_add(at)), asked);
    assert_eq!(
        derived.document.pointer("/failures/0/node"),
        Some(&"n1".into())
    );
}

/// A job of two indexes, each of which may fail twice.
const INDEXED: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec:\n  completions: 2\n  \
                       parallelism: 2\n  completionMode: Indexed\n  backoffLimitPerIndex: 2\n  template:\n    \
                       spec:\n      restartPolicy: Never\n      containers:\n      - name: main\n        \
                       image: none\n        command: [sleep, \"9\"]\n        resources: {requests: {cpu: \
                       100m, memory: 16Mi}}\n";

#[test]
fn a_story_begins_with_the_failures_of_indexes() {
    let journal = MemoryJournal::default();
    let mut bench = Bench::new(3, &journal);
    bench.compaction = Compaction {
        after_bytes: 0,
        snapshots: 0,
        archive: None,
    };
    bench.open(journal.clone());
    bench.turns(2);
    bench.apply(INDEXED);
    bench.turns(30);
    let failing = bench.pods().into_iter().find(|pod| pod.ready);
    let failing = failing.expect("a pod of the job");
    let mut hosts = bench.hosts.iter_mut();
    let host = hosts.find(|host| failing.node.as_ref() == Some(&host.name));
    host.expect("a host").machine.exit(failing.pod, 1);
    bench.turns(200);
    let control = bench.control.take().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    let story = Story::of(&log, plane()).expect("a story");
    let beginning = story.beginning.as_ref().expect("a beginning");
    let owners = beginning.pods.iter().filter_map(|pod| pod.owner);
    let mut failures: Vec<i32> = owners.map(|owner| owner.failures.counted).collect();
    failures.sort_unstable();
    assert_eq!(failures, [0, 1]);
}

#[test]
fn a_story_begins_at_no_snapshot_of_managers_that_keep_more_than_it_shows() {
    let journal = MemoryJournal::default();
    let swarmkit = || systems::plane("swarmkit");
    let mut bench = Bench::with_plane(3, &journal, swarmkit());
    bench.compaction = Compaction {
        after_bytes: 4_000,
        snapshots: 0,
        archive: None,
    };
    bench.open_with(journal.clone(), swarmkit());
    bench.turns(2);
    bench.apply(&deployment(6));
    bench.turns(60);
    let control = bench.control.take().expect("a control server");
    let log = Log::read(&control.log().expect("a log")).expect("a whole log");
    assert!(log.snapshot.is_some());
    let why = Story::of(&log, swarmkit())
        .expect_err("no story")
        .to_string();
    assert!(
        why.contains("give the logs before it with `--archive`"),
        "{why}"
    );
}
