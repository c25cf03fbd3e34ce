//! Sets of dumps with the templates that they had before.

use serde_json::{Value, json};

use super::cluster::{Course, Pod, nodes, object, stateful_set, template};

/// A template whose pods have to be on a node.
fn on(app: &str, node: &str) -> Value {
    let mut template = template(app);
    template["spec"]["nodeSelector"] = json!({"kubernetes.io/hostname": node});
    template
}

/// A revision of a set, with its fields in the order of `kubectl get -o yaml`.
fn revision(kind: &str, set: &str, hash: &str, number: i64, template: &Value) -> Value {
    let mut template = template.clone();
    template["$patch"] = "replace".into();
    let name = format!("{set}-{hash}");
    json!({
        "apiVersion": "apps/v1",
        "data": {"spec": {"template": template}},
        "kind": "ControllerRevision",
        "metadata": {"name": name, "namespace": "d", "uid": name,
            "labels": {"controller-revision-hash": hash},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": set,
                "uid": format!("{kind}-{set}"), "controller": true}]},
        "revision": number,
    })
}

/// A stateful set whose roll-out stops above its first pod, which has just gone; its former pods were on
/// `n-3`, the present ones are on `n-1`.
fn half_rolled_out(revisions: Vec<Value>, rest: &str) -> Course {
    let new = on("db", "n-1");
    let status = json!({"replicas": 2, "readyReplicas": 2, "currentRevision": "db-old",
        "updateRevision": "db-new", "updatedReplicas": 2});
    let mut set = stateful_set(3, &new, &status);
    set["spec"]["updateStrategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    let of = |name: &str| {
        Pod::new(name, &new, "n-1")
            .owned("StatefulSet", "db")
            .labelled("controller-revision-hash", "db-new")
    };
    let pods = vec![of("db-1"), of("db-2")];
    Course::new(&[nodes(), vec![set], revisions], pods, rest)
}

fn of_stateful_set() -> Vec<Value> {
    vec![
        revision("StatefulSet", "db", "new", 7, &on("db", "n-1")),
        revision("StatefulSet", "db", "old", 6, &on("db", "n-3")),
    ]
}

/// A pod below the partition is made again from the template that it had, which a revision has; without it
/// nothing but the present template is known, and that is said.
#[test]
fn a_pod_below_the_partition_keeps_its_template() {
    let bound = |begun: &Course| -> Vec<String> {
        let told = begun.told(&["bound"]).into_iter();
        told.filter(|line| line.contains(" db-0 ")).collect()
    };
    let begun = half_rolled_out(of_stateful_set(), "stop: {at: 1h}");
    assert_eq!(bound(&begun), ["0 s bound db-0 to n-3"]);
    let run = ["run", "run.yaml", "--out", "told", "--force"];
    let said = begun.0.run(&run, 0);
    assert!(!said.contains("half rolled out"), "{said}");
    let without = half_rolled_out(Vec::new(), "stop: {at: 1h}");
    assert_eq!(bound(&without), ["0 s bound db-0 to n-1"]);
    let said = without.0.run(&run, 0);
    assert!(
        said.contains("1 set is half rolled out") && said.contains("`StatefulSet/d/db`"),
        "{said}"
    );
}

/// A snapshot has the revisions, too.
#[test]
fn a_snapshot_has_the_revisions() {
    let begun = half_rolled_out(of_stateful_set(), "stop: {at: 1h}");
    let of_dump = begun.events("run.yaml");
    let import = ["import", "kubectl", "dump.json", "--out", "imported"];
    begun.0.run(&import, 0);
    let text = begun.0.bytes("imported/dump.objects.json.zst");
    let text = zstd::decode_all(&text[..]).expect("a file");
    std::fs::write(begun.0.path("dump.json"), text).expect("a file of the test");
    assert_eq!(begun.events("run.yaml"), of_dump);
}

/// What `kubectl rollout undo` goes back to is what the revisions have.
#[test]
fn sets_are_rolled_back_to_their_revisions() {
    let rest = "operations: [{at: 10m, rollBack: StatefulSet/d/db}]\nstop: {at: 1h}";
    let begun = half_rolled_out(of_stateful_set(), rest);
    let told = begun.told(&["bound"]);
    let back: Vec<&str> = told[told.len() - 2..]
        .iter()
        .map(|line| {
            let (_, what) = line.split_once(" bound ").expect("a binding");
            what
        })
        .collect();
    assert_eq!(back, ["db-2 to n-3", "db-1 to n-3"], "{told:?}");
}

fn daemons(revisions: Vec<Value>) -> Course {
    let (old, new) = (template("agent"), {
        let mut new = template("agent");
        new["spec"]["containers"][0]["image"] = "a:2".into();
        new
    });
    let spec = json!({"template": new, "selector": {"matchLabels": {"app": "agent"}}});
    let set = object("apps/v1", "DaemonSet", "agent", &spec);
    let of = |number: i32, template: &Value, hash: &str| {
        let node = format!("n-{number}");
        Pod::new(&format!("agent-{number}"), template, &node)
            .owned("DaemonSet", "agent")
            .labelled("controller-revision-hash", hash)
    };
    // One node has the former pod yet.
    let pods = vec![
        of(0, &new, "two"),
        of(1, &new, "two"),
        of(2, &new, "two").waiting("Pending", "ImagePullBackOff"),
        of(3, &old, "one"),
    ];
    let rest = "operations: [{at: 10m, rollBack: DaemonSet/d/agent}]\nstop: {at: 1h}";
    Course::new(&[nodes(), vec![set], revisions], pods, rest)
}

/// A roll-out of daemons that stands still is rolled back: pods of the former template stay, the others are
/// replaced. Without the revisions there is nothing to go back to.
#[test]
fn daemons_are_rolled_back_to_their_revisions() {
    let (old, mut new) = (template("agent"), template("agent"));
    new["spec"]["containers"][0]["image"] = "a:2".into();
    let begun = daemons(vec![
        revision("DaemonSet", "agent", "one", 1, &old),
        revision("DaemonSet", "agent", "two", 2, &new),
    ]);
    let mut ended: Vec<String> = { begun.told(&["ended"]).into_iter() }
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let at = words.iter().position(|word| *word == "ended").unwrap_or(0);
            words[at + 1].to_owned()
        })
        .collect();
    ended.sort();
    assert_eq!(ended, ["agent-0", "agent-1", "agent-2"]);
    let without = daemons(Vec::new());
    let run = ["run", "run.yaml", "--out", "told", "--force"];
    let told = without.0.run(&run, 2);
    assert!(
        told.contains("DaemonSet/d/agent has no last revision to roll back to"),
        "{told}"
    );
}
