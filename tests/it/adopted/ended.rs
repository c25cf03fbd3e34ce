//! Pods of a dump that ended and that their controllers have yet to look at, and what jobs have decided.

use serde_json::{Value, json};

use super::cluster::{Course, Pod, at, nodes, object, stateful_set, template};

/// A job of two indexes, each of which may fail once.
fn job(status: &Value) -> Value {
    let mut work = template("job");
    work["spec"]["restartPolicy"] = "Never".into();
    let spec = json!({"completions": 2, "parallelism": 2, "completionMode": "Indexed",
        "backoffLimitPerIndex": 1, "template": work});
    let mut job = object("batch/v1", "Job", "j", &spec);
    job["status"] = status.clone();
    job
}

/// A pod of an index, whose container ended half a minute ago, as its job has it before it is counted.
fn ended(index: u32, failures: u32, code: i32) -> Pod {
    let mut work = template("job");
    work["spec"]["restartPolicy"] = "Never".into();
    let pod = Pod::new(&format!("j-{index}-a"), &work, "n-0").since(-100);
    let text = index.to_string();
    let mut pod = pod
        .owned("Job", "j")
        .labelled("batch.kubernetes.io/job-completion-index", &text)
        .unready(-30);
    let metadata = &mut pod.0["metadata"];
    metadata["finalizers"] = json!(["batch.kubernetes.io/job-tracking"]);
    metadata["annotations"] =
        json!({"batch.kubernetes.io/job-index-failure-count": failures.to_string()});
    let status = &mut pod.0["status"];
    status["phase"] = if code == 0 { "Succeeded" } else { "Failed" }.into();
    status["containerStatuses"][0]["state"] =
        json!({"terminated": {"exitCode": code, "finishedAt": at(-30)}});
    pod
}

/// Events about pods whose names begin so, each as its time, kind and name.
fn lives(begun: &Course, kind: &str, names: &str) -> Vec<String> {
    let told = begun.told(&[kind]).into_iter();
    let about = told.filter(|line| line.contains(&format!(" {names}")));
    about.collect()
}

/// What ended before the dump and is not counted is counted once, and an index goes on from the failures that
/// it had; a snapshot of the dump tells the same.
#[test]
fn a_job_counts_pods_that_ended() {
    let status = json!({"startTime": at(-100), "active": 2});
    let of = |failures: u32| {
        let pods = vec![ended(0, 0, 0), ended(1, failures, 3)];
        Course::new(&[nodes(), vec![job(&status)]], pods, "stop: {at: 10m}")
    };
    let begun = of(0);
    let ready = lives(&begun, "ready", "j-");
    assert_eq!(ready.len(), 1, "{ready:?}");
    assert!(ready[0].contains(" j-1-"), "{ready:?}");
    let of_dump = begun.events("run.yaml");
    begun
        .0
        .run(&["import", "kubectl", "dump.json", "--out", "imported"], 0);
    let text = begun.0.bytes("imported/dump.objects.json.zst");
    let text = zstd::decode_all(&text[..]).expect("a file");
    std::fs::write(begun.0.path("dump.json"), text).expect("a file of the test");
    assert_eq!(begun.events("run.yaml"), of_dump);
    assert_eq!(lives(&of(1), "ready", "j-"), [""; 0]);
}

/// A job that is to fail once its last pod is gone makes no other in its place.
#[test]
fn a_decision_about_a_job_holds_on() {
    let mut status = json!({"startTime": at(-100), "active": 0, "terminating": 1});
    let pods = || {
        let mut work = template("job");
        work["spec"]["restartPolicy"] = "Never".into();
        let pod = Pod::new("j-0-a", &work, "n-0").since(-100);
        let pod = pod.labelled("batch.kubernetes.io/job-completion-index", "0");
        vec![pod.owned("Job", "j").told_to_end(10)]
    };
    let begun = |status: &Value| {
        let begun = Course::new(&[nodes(), vec![job(status)]], pods(), "stop: {at: 10m}");
        let ready = lives(&begun, "ready", "j-");
        ready.iter().filter(|line| !line.contains(" j-0-a")).count()
    };
    assert_eq!(begun(&status), 2);
    status["conditions"] = json!([{"type": "FailureTarget", "status": "True",
        "reason": "PodFailurePolicy", "lastTransitionTime": at(-5)}]);
    assert_eq!(begun(&status), 0);
}

/// A pod that ended keeps the name of its ordinal until its set has deleted it, and then another comes.
#[test]
fn a_stateful_set_replaces_a_pod_that_ended() {
    let db = template("db");
    let mut failed = Pod::new("db-1", &db, "n-1")
        .owned("StatefulSet", "db")
        .unready(-30);
    failed.0["status"]["phase"] = "Failed".into();
    let pods = vec![
        Pod::new("db-0", &db, "n-0").owned("StatefulSet", "db"),
        failed,
    ];
    let set = stateful_set(2, &db, &json!({"replicas": 2}));
    let begun = Course::new(&[nodes(), vec![set]], pods, "stop: {at: 10m}");
    let ended = lives(&begun, "ended", "db-");
    assert_eq!(ended, ["0 s ended db-1 Error"]);
    let created = lives(&begun, "created", "db-1");
    assert_eq!(created.len(), 2, "{:?}", begun.events("run.yaml"));
    assert_eq!(lives(&begun, "ready", "db-").len(), 2);
}

/// The revision from which a set comes is what its status says, though no pod tells of it any more: the pods
/// below the partition stay as they are.
#[test]
fn a_stateful_set_comes_from_the_revision_of_its_status() {
    let db = template("db");
    let status = json!({"replicas": 1, "currentRevision": "db-old", "updateRevision": "db-new"});
    let mut set = stateful_set(2, &db, &status);
    set["spec"]["updateStrategy"] = json!({"rollingUpdate": {"partition": 2}});
    let pod = Pod::new("db-0", &db, "n-0").owned("StatefulSet", "db");
    let pods = vec![pod.labelled("controller-revision-hash", "db-new")];
    let begun = Course::new(&[nodes(), vec![set]], pods, "stop: {at: 10m}");
    assert_eq!(lives(&begun, "ready", "db-1").len(), 1);
    assert_eq!(lives(&begun, "terminating", "db-").len(), 0);
}

/// Times of objects count from when the nodes were heard last, though these stand in a file of their own.
#[test]
fn times_of_objects_count_from_the_dump() {
    let mut work = template("job");
    work["spec"]["restartPolicy"] = "Never".into();
    let spec = json!({"activeDeadlineSeconds": 100, "template": work});
    let mut job = object("batch/v1", "Job", "j", &spec);
    job["status"] = json!({"startTime": at(-60)});
    let begun = Course::new(&[vec![job]], Vec::new(), "stop: {at: 10m}");
    let hosts = json!({"apiVersion": "v1", "kind": "List", "items": nodes()}).to_string();
    std::fs::write(begun.0.path("nodes.json"), hosts).expect("a file of the test");
    let text = String::from_utf8(begun.0.bytes("run.yaml")).expect("a text");
    let text = text.replacen("dump.json", "nodes.json", 1);
    std::fs::write(begun.0.path("run.yaml"), text).expect("a file of the test");
    let told = lives(&begun, "terminating", "j-");
    assert_eq!(told.len(), 1, "{:?}", begun.events("run.yaml"));
    assert!(told[0].starts_with("40.0 s "), "{told:?}");
}
