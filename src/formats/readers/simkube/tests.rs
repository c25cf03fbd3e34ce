//! Owners that come, grow, change and go, and events that are wrong.

use crate::tests::prelude::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TRACE: &str = r#"{"version": 2, "config": {"trackedObjects": {}}, "events": [
{"ts": 100, "applied_objs": [], "deleted_objs": []},
{"ts": 100, "applied_objs": [{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "web", "namespace": "n"}, "spec": {"replicas": 2, "template": {"spec":
 {"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m"}}}]}}}}], "deleted_objs": []},
{"ts": 110, "applied_objs": [{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "web", "namespace": "n"}, "spec": {"replicas": 3, "template": {"spec":
 {"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m"}}}]}}}},
 {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}], "deleted_objs": []},
{"ts": 120, "applied_objs": [{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "web", "namespace": "n"}, "spec": {"replicas": 1, "template": {"spec":
 {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}}}}], "deleted_objs": []},
{"ts": 130, "applied_objs": [{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
 "spec": {"jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}}}}}},
 {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": {"containers": [{"name": "c"}],
 "schedulingGates": [{"name": "g"}], "tolerations": [{"key": "gpu", "operator": "Exists"}],
 "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
 {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}}}}],
 "deleted_objs": [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web",
 "namespace": "n"}}]}],
"pod_lifecycles": {"batch/v1.CronJob default/tick": {"9": [{"Finished": [150, 155]}, {"Running": 160}]},
"v1.Pod default/one": {"8": [{"Finished": [131, 171]}]}}}"#;

fn read(bytes: &[u8]) -> Recorded {
    let input = file_of(&ENTRY, "t.sktrace", bytes);
    collected(open(&input, &ReadOptions::default()))
}

#[test]
fn pods_come_and_go_with_their_owners() {
    let recorded = read(TRACE.as_bytes());
    let seconds = |span: Duration| span.as_nanos() / 1_000_000_000;
    let seen = recorded.each(|one| {
        let submit = seconds(one.submit.since(Instant::ZERO));
        (one.name.to_string(), submit, one.run_time.map(seconds))
    });
    let expected = [
        ("web-1", 0, Some(20)),
        ("web-2", 0, Some(20)),
        ("web-3", 10, Some(10)),
        ("web-4", 20, Some(10)),
        ("one", 30, Some(40)),
        ("tick-1", 50, Some(5)),
        ("tick-2", 60, None),
    ];
    assert_eq!(
        seen,
        expected.map(|(name, at, run)| (name.to_owned(), at, run))
    );
    recorded.ledger.has_once([
        "object that keeps no number of pods",
        "pods of another template; replaced at once",
        crate::parts::recorded_pod::UNENFORCED,
    ]);
    let class = recorded.arrivals[4].class;
    let spec = &recorded.classes[class as usize];
    assert_eq!(spec.tolerations[0].key.as_deref(), Some("gpu"));
    let required = spec.affinity.node.required.as_ref().expect("a rule");
    assert_eq!(&*required.terms[0].match_expressions[0].key, "zone");
}

#[test]
fn recorded_lives_go_on_where_pods_have_ended() {
    let text = r#"{"version": 2, "config": {"trackedObjects": {}}, "events": [
{"ts": 100, "applied_objs": [{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
 "spec": {"completions": 5, "parallelism": 2, "template": {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "c"}]}}}},
 {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
 "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "c"}]}}}}]},
{"ts": 200, "applied_objs": [], "deleted_objs": [{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "d"}}]}],
"pod_lifecycles": {"batch/v1.Job default/j": {"7": [{"Finished": [100, 110]}, {"Finished": [100, 111]},
 {"Finished": [110, 120]}, {"Finished": [111, 125]}]},
"apps/v1.Deployment default/d": {"8": [{"Finished": [105, 130]}, {"Running": 132}, {"Running": 300}]}}}"#;
    let recorded = read(text.as_bytes());
    let seconds = |span: Duration| span.as_nanos() / 1_000_000_000;
    let seen = recorded.each(|one| {
        let submit = seconds(one.submit.since(Instant::ZERO));
        (one.name.to_string(), submit, one.run_time.map(seconds))
    });
    let expected = [
        ("j-1", 0, Some(10)),
        ("j-2", 0, Some(11)),
        ("d-1", 0, Some(25)),
        ("j-3", 10, Some(10)),
        ("j-4", 11, Some(14)),
        ("d-2", 32, Some(68)),
    ];
    assert_eq!(
        seen,
        expected.map(|(name, at, run)| (name.to_owned(), at, run))
    );
    recorded.ledger.has_once([
        "job with completions of which no life is recorded; left out",
        "recorded life that no pod of an owner has",
    ]);
}

#[test]
fn dirty_events_are_named_and_damage_is_placed() {
    let text = r#"{"version": 2, "config": {"trackedObjects": {}}, "events": [
{"ts": -5, "applied_objs": []},
{"ts": 5, "applied_objs": {}},
{"ts": 5, "applied_objs": [{"apiVersion": "v1", "kind": "Pod", "metadata": {}}]},
{"ts": 5, "applied_objs": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {}}]},
{"ts": 5, "applied_objs": [{"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": "two",
"template": {"spec": {"containers": []}}}}]}],
"pod_lifecycles": {"a": {"1": [{"Finished": [9, 5]}]}}}"#;
    let input = Input::bytes("t.json", text.as_bytes());
    validate(&input, &ENTRY, &ReadOptions::default(), 9).has_bad_rows([
            "t.json:8: column `pod_lifecycles`: must be lists of {\"Running\": start} and \
             {\"Finished\": [start, end]}, found `{\"Finished\":[9,5]}`",
            "t.json:2: column `ts`: must be seconds since 1970, found `-5`",
            "t.json:3: column `applied_objs`: must be a list of objects, found `{}`",
            "t.json:4: column `metadata.name`: must be a text, found ``",
            "t.json:5: column `spec.containers`: expected at least one container, but it is missing, found ``",
            "t.json:6: column `replicas`: must be a number from 0 to 1048576, found `\"two\"`",
        ]);
    let input = Input::bytes("t", &b"\x82\xa7version\x02\xaetrackedObjects\x81"[..]);
    let stopped = validate(&input, &ENTRY, &ReadOptions::default(), 9).stopped;
    assert_eq!(
        stopped.map(|error| error.to_string()),
        Some("t: byte 26: the file ends too early: it is truncated; copy it again".to_owned())
    );
    let old = text.replace("\"version\": 2", "\"version\": 1");
    let stopped = faults(&ENTRY, "t.json", old).stopped;
    let stopped = stopped.map(|error| error.to_string()).unwrap_or_default();
    assert!(
        stopped.contains("`version` is 1, and 2 is read"),
        "{stopped}"
    );
}

/// An object of a few names, with replicas or completions, and whether it is there.
fn an_object() -> impl Strategy<Value = (Value, bool)> {
    const KINDS: [(&str, &str); 4] = [
        ("apps/v1", "Deployment"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
        ("v1", "Pod"),
    ];
    (0..4_usize, 0..3, 0..4, 0..3, any::<bool>()).prop_map(|(kind, name, count, cpu, is_there)| {
        let (version, kind) = KINDS[kind];
        let policy = if kind.ends_with("Job") {
            "Never"
        } else {
            "Always"
        };
        let spec = json!({"restartPolicy": policy, "containers": [
            {"name": "c", "resources": {"requests": {"cpu": format!("{cpu}")}}},
        ]});
        let template = json!({"spec": spec});
        let spec = match kind {
            "Pod" => spec,
            "CronJob" => json!({"jobTemplate": {"spec": {"template": template}}}),
            "Job" => json!({"parallelism": count, "completions": 3, "template": template}),
            _ => json!({"replicas": count, "template": template}),
        };
        let metadata = json!({"name": format!("o{name}"), "namespace": "n"});
        let object =
            json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec});
        (object, is_there)
    })
}

proptest! {
    #[test]
    fn pods_sorted_on_disk_are_those_in_memory(
        events in prop::collection::vec((0..60_i64, an_object()), 1..25),
        lives in prop::collection::vec((0..60_i64, 0..30_i64, an_object()), 0..12),
        most_held in 1_usize..5,
    ) {
        let read = |mut cluster: Cluster| {
            let mut journal = Journal::new("t".into(), ReadOptions::default().rows);
            for (start, span, (object, is_over)) in &lives {
                let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
                let [version, kind, name] = ["/apiVersion", "/kind", "/metadata/name"].map(text);
                let life = if *is_over {
                    json!({"Finished": [start, start + span]})
                } else {
                    json!({"Running": start})
                };
                let owner = format!("{version}.{kind} n/{name}");
                cluster.add_lives(0, &owner, &json!({"1": [life]})).expect("good");
            }
            for (line, (at, (object, is_there))) in (1..).zip(&events) {
                let member = if *is_there { "applied_objs" } else { "deleted_objs" };
                let event = json!({"ts": at, member: [object]});
                cluster.take(&mut journal, line, &event).expect("good");
            }
            let mut pods = cluster.finish(&mut journal).expect("readable");
            let mut found = Vec::new();
            while let Some((line, pod)) = pods.next().expect("readable") {
                found.push(format!("{line} {pod:?}"));
            }
            (found, journal.ledger.to_string())
        };
        prop_assert_eq!(read(Cluster::holding(most_held)), read(Cluster::default()));
    }
}
