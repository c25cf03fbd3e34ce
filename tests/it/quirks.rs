//! What real clusters have in them: dumps with one quirk each, and what a scheduler makes of them
//! (spec: kubernetes.md 1.2, 1.3, 1.6, 1.12).

use std::fs;
use std::path::PathBuf;

use windtunnel::intake::Input;
use windtunnel::k8s::{SnapshotWriter, read_manifests};
use windtunnel::lab::explain::{Explanation, Outcome};
use windtunnel::lab::place::lost::{Loss, lose};
use windtunnel::lab::place::{MOST, place};
use windtunnel::lab::snapshot::profile::{profile_of, read_profiles};
use windtunnel::lab::snapshot::{Snapshot, SnapshotOptions};
use windtunnel::model::Changes;

use crate::scratch::new_folder;

const NODES: &str = "
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}
";

/// A pod of one core on a node, with more of its metadata, spec and status.
fn pod(name: &str, node: &str, [metadata, spec, status]: [&str; 3]) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop{metadata}}}\n\
         spec: {{nodeName: '{node}', containers: [{{name: c, resources: {{requests: {{cpu: 1}}}}}}]\
         {spec}}}\nstatus: {{phase: Running{status}}}\n"
    )
}

/// A snapshot of a text, read from a file as the commands do it.
fn snapshot(name: &str, text: &str) -> Snapshot {
    let folder = new_folder("quirks");
    fs::create_dir_all(&folder).unwrap();
    let file: PathBuf = folder.join(format!("{name}.yaml"));
    fs::write(&file, text).unwrap();
    let snapshot =
        Snapshot::read(std::slice::from_ref(&file), &SnapshotOptions::default()).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    snapshot
}

/// How many more pods like the one called `more` fit.
fn fits(snapshot: &mut Snapshot) -> u64 {
    let (profiles, _) = read_profiles(None, Changes::default()).unwrap();
    let more = snapshot.pod("more").unwrap().clone();
    let info = snapshot.pod_info(&more).unwrap();
    let profile = profile_of(&profiles, &info).unwrap();
    place(&snapshot.cache, profile, &info, MOST).unwrap().fits
}

const MORE: [&str; 3] = ["", "", ", phase: Pending"];

/// Eight cores, less what a pod of one core on the first node takes there.
#[test]
fn what_a_pod_takes_of_its_node() {
    let of_status = |status: &str| {
        let text = pod("quirk", "n1", ["", "", status]);
        text.replace("Running, phase: ", "")
    };
    let deleted = ", deletionTimestamp: '2025-01-01T00:00:00Z', deletionGracePeriodSeconds: 30";
    let mirror = ", annotations: {kubernetes.io/config.mirror: x}";
    let resized = |more: &str| {
        of_status(&format!(
            ", containerStatuses: [{{name: c, allocatedResources: {{cpu: 2}}, \
             resources: {{requests: {{cpu: 500m}}}}}}]{more}"
        ))
    };
    let infeasible = ", conditions: [{type: PodResizePending, status: 'True', reason: Infeasible}]";
    let large = resized(infeasible).replace("cpu: 1}", "cpu: 4}");
    for (quirk, text, expected) in [
        ("running", of_status(""), 7),
        ("succeeded", of_status(", phase: Succeeded"), 8),
        ("failed", of_status(", phase: Failed"), 8),
        ("evicted", of_status(", phase: Failed, reason: Evicted"), 8),
        ("unknown", of_status(", phase: Unknown"), 7),
        ("pulling", of_status(", phase: Pending"), 7),
        ("terminating", pod("quirk", "n1", [deleted, "", ""]), 7),
        ("mirror", pod("quirk", "n1", [mirror, "", ""]), 7),
        ("resized", resized(""), 6),
        ("infeasible", large, 6),
        ("elsewhere", pod("quirk", "n9", ["", "", ""]), 8),
        (
            "unknown kind",
            "---\napiVersion: x/v1\nkind: Widget\nspec: {kind: Pod}\n".into(),
            8,
        ),
    ] {
        let more = pod("more", "", MORE).replace("Running, phase: ", "");
        let mut own = snapshot("takes", &format!("{NODES}{text}{more}"));
        assert_eq!(fits(&mut own), expected, "{quirk}");
    }
}

#[test]
fn a_pod_that_is_deleted_while_it_waits_is_left_alone() {
    let deleted = ", deletionTimestamp: '2025-01-01T00:00:00Z'";
    let text = pod("late", "", [deleted, "", ""]).replace("Running", "Pending");
    let mut own = snapshot("deleted", &format!("{NODES}{text}"));
    assert_eq!((own.counts.bound, own.counts.pending), (0, 0));
    let (profiles, _) = read_profiles(None, Changes::default()).unwrap();
    let late = own.pod("late").unwrap().clone();
    assert!(!late.waits_for_node());
    let info = own.pod_info(&late).unwrap();
    let told = Explanation::of(&own.cache, &profiles[0], &info);
    assert!(matches!(&told.outcome, Outcome::Gated(why) if why.contains("being deleted")));
    assert!(told.feasible.is_empty() && told.groups.is_empty());
}

/// A volume that is attached counts for its driver's limit, whether a pod uses it or not.
#[test]
fn volumes_that_are_attached_use_up_the_limit_of_a_driver() {
    let storage = |limit: u32| {
        format!(
            "---\napiVersion: storage.k8s.io/v1\nkind: CSINode\nmetadata: {{name: n1}}\nspec: \
             {{drivers: [{{name: d, nodeID: x, allocatable: {{count: {limit}}}}}]}}\n\
             ---\napiVersion: storage.k8s.io/v1\nkind: CSINode\nmetadata: {{name: n2}}\nspec: \
             {{drivers: [{{name: d, nodeID: y, allocatable: {{count: 0}}}}]}}\n"
        )
    };
    let volume = |name: &str, claim: &str| {
        format!(
            "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {name}}}\nspec: \
             {{capacity: {{storage: 1Gi}}, accessModes: [ReadWriteOnce], csi: {{driver: d, \
             volumeHandle: h-{name}}}, claimRef: {{namespace: shop, name: {claim}}}}}\nstatus: \
             {{phase: Bound}}\n\
             ---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {claim}, \
             namespace: shop, annotations: {{pv.kubernetes.io/bind-completed: 'yes'}}}}\nspec: \
             {{volumeName: {name}, accessModes: [ReadWriteOnce]}}\nstatus: {{phase: Bound}}\n"
        )
    };
    let attached = "---\napiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\nmetadata: {name: a}\n\
                    spec: {attacher: d, nodeName: n1, source: {persistentVolumeName: other}}\n";
    let claims = ", volumes: [{name: v, persistentVolumeClaim: {claimName: own}}]";
    let more = pod("more", "", ["", claims, ""]).replace("Running", "Pending");
    for (limit, attachment, expected) in [(1, "", 4), (1, attached, 0), (2, attached, 4)] {
        let volumes = format!("{}{}", volume("other", "of-other"), volume("mine", "own"));
        let text = format!("{NODES}{}{volumes}{attachment}{more}", storage(limit));
        let mut own = snapshot("attached", &text);
        assert_eq!(fits(&mut own), expected, "limit {limit}{attachment}");
        // What an import keeps says the same.
        let mut writer = SnapshotWriter::new(Vec::new());
        writer
            .read(&Input::bytes("dump.yaml", text.clone().into_bytes()))
            .unwrap();
        let kept = String::from_utf8(writer.finish().unwrap().out).unwrap();
        let kept = read_manifests("kept.json", &kept).unwrap();
        let whole = read_manifests("dump.yaml", &text).unwrap();
        assert_eq!(kept.objects, whole.objects);
    }
}

/// The pods of a lost node: what a controller makes anew finds a place by priority, each counting
/// for the next.
#[test]
fn pods_of_a_lost_node_find_new_places() {
    let owner = |kind: &str| {
        format!(
            ", ownerReferences: [{{apiVersion: v1, kind: {kind}, name: o, uid: u, controller: true}}]"
        )
    };
    let (set, daemon, node) = (owner("ReplicaSet"), owner("DaemonSet"), owner("Node"));
    let deleted = format!("{set}, deletionTimestamp: '2025-01-01T00:00:00Z'");
    let mut text = NODES.to_owned();
    for (name, on, metadata, spec) in [
        ("stays", "n2", set.as_str(), ""),
        ("stays-too", "n2", &set, ""),
        ("plain-1", "n1", &set, ""),
        ("plain-2", "n1", &set, ""),
        ("urgent", "n1", &set, ", priority: 10"),
        ("bare", "n1", "", ""),
        ("agent", "n1", &daemon, ""),
        ("static", "n1", &node, ""),
        ("leaving", "n1", &deleted, ""),
    ] {
        text.push_str(&pod(name, on, [metadata, spec, ""]));
    }
    let mut own = snapshot("lost", &text);
    let (profiles, _) = read_profiles(None, Changes::default()).unwrap();
    let loss = lose(&mut own, &profiles, &["n1".to_owned()]).unwrap();
    let message = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, \
                   preemption: 0/1 nodes are available: 1 No preemption victims found for incoming \
                   pod.";
    let expected = Loss {
        placed: vec![
            ("shop/urgent".into(), "n2".into()),
            ("shop/plain-1".into(), "n2".into()),
        ],
        waiting: vec![("shop/plain-2".into(), message.into())],
        gone: vec!["shop/bare".into()],
        of_node: vec!["shop/agent".into(), "shop/static".into()],
        evicted: Vec::new(),
        range: (1, 1),
    };
    assert_eq!(loss, expected);
    let error = lose(&mut own, &profiles, &["n3".to_owned()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the snapshot has no node `n3`; there is `n2`"
    );
}

/// Half of a dump are managed fields; in YAML they never reach the parser, and lines keep their
/// numbers.
#[test]
fn managed_fields_are_passed_over_unread() {
    let item = |cpu: &str| {
        format!(
            "apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Node\n  metadata:\n    managedFields:\n    \
             - {{ \"unclosed\n      f: [\n    name: n1\n  status:\n    allocatable:\n      cpu: {cpu}\n      \
             pods: \"10\"\n  spec:\n    managedFields: kept as it is\nkind: List\n"
        )
    };
    let mut writer = SnapshotWriter::new(Vec::new());
    writer
        .read(&Input::bytes("a.yaml", item("4").into_bytes()))
        .unwrap();
    let kept = writer.finish().unwrap();
    assert_eq!(kept.manifests.nodes.len(), 1);
    let told = kept.passed_over.sorted();
    let fields = [("metadata.managedFields", 1), ("spec.managedFields", 1)];
    assert_eq!(told, [("Node", fields.to_vec())]);
    let mut writer = SnapshotWriter::new(Vec::new());
    let error = writer.read(&Input::bytes("a.yaml", item("{4: 4}").into_bytes()));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("line 12"), "{error}");
}

/// In a text of a size that is written by hand an alias may stand for a part of another item.
#[test]
fn aliases_reach_over_items() {
    let text = "kind: List\napiVersion: v1\nitems:\n- kind: Node\n  apiVersion: v1\n  metadata: {name: \
                a}\n  status: &same\n    allocatable: {cpu: 2, pods: 10}\n- kind: Node\n  apiVersion: \
                v1\n  metadata: {name: b}\n  status: *same\n";
    let own = snapshot("aliases", text);
    assert_eq!(own.cache.node_count(), 2);
    let allocatable = |name: &str| own.cache.node(name).unwrap().object.allocatable.clone();
    assert_eq!(allocatable("a"), allocatable("b"));
}

/// Of several files that are read as one, each remark names its own.
#[test]
fn remarks_name_their_file() {
    let folder = new_folder("quirks-files");
    fs::create_dir_all(&folder).unwrap();
    let strange =
        "---\napiVersion: v1\nkind: Node\nmetadata: {name: n3}\nstatus: {allocatable: {cpu: 1}}\n";
    let files = [("a.yaml", NODES), ("b.yaml", strange)].map(|(name, text)| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    });
    let own = Snapshot::read(&files, &SnapshotOptions::default()).unwrap();
    let [told] = own.warnings.as_slice() else {
        panic!("{:?}", own.warnings)
    };
    let place = format!("{}: Node `n3`: ", files[1].display());
    assert!(told.starts_with(&place), "{told}");
    fs::remove_dir_all(&folder).unwrap();
}
