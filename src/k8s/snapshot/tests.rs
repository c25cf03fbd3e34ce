//! Contents of a snapshot, and what must never be in it.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::super::{ManifestPod, read_inputs};
use super::*;
use crate::kubectl_dump::{DumpConfig, write_kubectl_dump};

fn snapshot(inputs: &[Input]) -> Snapshot<Vec<u8>> {
    written(SnapshotWriter::new(Vec::new()), inputs)
}

fn short(inputs: &[Input]) -> Snapshot<Vec<u8>> {
    written(SnapshotWriter::new(Vec::new()).short(), inputs)
}

fn written(mut writer: SnapshotWriter<Vec<u8>>, inputs: &[Input]) -> Snapshot<Vec<u8>> {
    for input in inputs {
        writer.read(input).expect("a good dump");
    }
    writer.finish().expect("memory")
}

/// Pods of a dump that count: those that have ended do not.
fn living(manifests: &Manifests) -> Vec<&ManifestPod> {
    let pods = manifests.pods.iter();
    pods.filter(|pod| !pod.phase.is_final()).collect()
}

/// A dump and its snapshot declare the same, and a snapshot of a snapshot is itself.
fn check_same(inputs: &[Input]) {
    let whole = read_inputs(inputs).expect("a good dump");
    let kept = snapshot(inputs);
    let input = Input::bytes("kept.json", kept.out);
    let again = read_inputs(std::slice::from_ref(&input)).expect("a good snapshot");
    assert_eq!(whole.nodes, again.nodes);
    assert_eq!(living(&whole), living(&again));
    assert_eq!(whole.objects, again.objects);
    let once_more = snapshot(std::slice::from_ref(&input)).out;
    let text = input.read_to_string().expect("text");
    assert_eq!(text, String::from_utf8(once_more).expect("text"));
    check_short(inputs, &again, &text);
}

/// A short snapshot declares what the one in full does, and is made of either; the one in full is made
/// of it.
fn check_short(inputs: &[Input], whole: &Manifests, text: &str) {
    let of_dump = short(inputs);
    let of_whole = short(&[Input::bytes("whole.json", text.as_bytes().to_vec())]);
    assert_eq!(of_whole.kept, of_dump.kept);
    let [found, of_whole] = [of_dump.out, of_whole.out].map(|out| String::from_utf8(out).unwrap());
    assert!(found == of_whole, "snapshots of dump and snapshot differ");
    let input = [Input::bytes("short.json", found.clone().into_bytes())];
    let again = read_inputs(&input).expect("a good snapshot");
    assert_eq!(again.nodes, whole.nodes);
    assert_eq!(again.pods, whole.pods);
    assert_eq!(again.objects, whole.objects);
    assert_eq!(again.findings, whole.findings);
    let spaced = Input::bytes("short.json", spaced(&found).into_bytes());
    let slowly = read_inputs(&[spaced]).expect("a good snapshot");
    assert_eq!(slowly.pods, whole.pods);
    assert_eq!(slowly.findings, whole.findings);
    let once_more = String::from_utf8(short(&input).out).expect("text");
    assert!(once_more == found, "a snapshot of a snapshot is itself");
    let in_full = String::from_utf8(snapshot(&input).out).expect("text");
    let in_full = read_inputs(&[Input::bytes("full.json", in_full.into_bytes())]);
    assert_eq!(in_full.expect("a good snapshot").pods, whole.pods);
}

/// A snapshot whose pods are read as any other object, not as they are written.
fn spaced(text: &str) -> String {
    text.replace(
        "{\"kind\":\"Pod\",\"like\":",
        "{ \"kind\": \"Pod\", \"like\": ",
    )
}

fn generated() -> String {
    let config = DumpConfig {
        nodes: 9,
        pods: 400,
        seed: 3,
    };
    let mut text = Vec::new();
    write_kubectl_dump(&config, &mut text).expect("memory");
    String::from_utf8(text).expect("text")
}

/// The recorded dump, if it is there.
fn recorded() -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("../../../shared/vectors/place/dump.json.gz");
    if !path.exists() {
        println!("skipped: needs ../shared/vectors/place");
        return None;
    }
    Some(Input::path(path).read_to_string().expect("a dump"))
}

#[test]
fn a_snapshot_declares_what_the_dump_declares() {
    check_same(&[Input::bytes("dump.json", generated().into_bytes())]);
    let small = include_str!("../../../traces/small-cluster.yaml");
    check_same(&[Input::bytes("small.yaml", small.as_bytes())]);
    if let Some(text) = recorded() {
        check_same(&[Input::bytes("dump.json", text.into_bytes())]);
    }
}

/// YAML as `kubectl` writes it.
fn yaml(value: &Value, indent: usize, out: &mut String) {
    let space = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let key = Value::from(key.as_str());
                write!(out, "{space}{}:", plain(&key)).expect("a string takes it");
                nested(value, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut text = String::new();
                yaml(item, indent + 2, &mut text);
                write!(out, "{space}- {}", text.trim_start()).expect("a string takes it");
            }
        }
        scalar => writeln!(out, "{space}{}", plain(scalar)).expect("a string takes it"),
    }
}

fn nested(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            yaml(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            yaml(value, indent, out);
        }
        Value::String(text) if text.contains('\n') => {
            out.push_str(" |\n");
            for line in text.lines() {
                writeln!(out, "{}{line}", " ".repeat(indent + 2)).expect("a string takes it");
            }
        }
        scalar => writeln!(out, " {}", plain(scalar)).expect("a string takes it"),
    }
}

fn plain(scalar: &Value) -> String {
    let is_plain = |text: &str| {
        text.starts_with(|letter: char| letter.is_ascii_lowercase())
            && !matches!(
                text,
                "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
            )
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-./_".contains(&byte))
    };
    match scalar {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// However a dump is written, its snapshot is the same.
#[test]
fn forms_of_a_dump_make_no_difference() {
    for text in [Some(generated()), recorded()].into_iter().flatten() {
        let list: Value = serde_json::from_str(&text).expect("JSON");
        let expected = snapshot(&[Input::bytes("dump.json", text.into_bytes())]);
        let mut of_yaml = String::new();
        yaml(&list, 0, &mut of_yaml);
        let found = snapshot(&[Input::bytes("dump.yaml", of_yaml.into_bytes())]);
        assert_same(&expected, &found);
        // One file for each item.
        let items = list["items"].as_array().expect("a list");
        let files = items
            .iter()
            .map(|item| Input::bytes("part.json", item.to_string().into_bytes()));
        assert_same(&expected, &snapshot(&files.collect::<Vec<_>>()));
        // As `cluster-info dump` has them: lists by kind whose items state none, logs between.
        let mut concatenated = String::new();
        for item in items {
            let kind = item["kind"].as_str().expect("a kind");
            let mut bare = item.clone();
            if let Some(fields) = bare.as_object_mut().filter(|_| !kind.ends_with("List")) {
                fields.shift_remove("kind");
                let whole = serde_json::json!({"kind": format!("{kind}List"), "items": [fields],
                    "apiVersion": item["apiVersion"]});
                writeln!(concatenated, "{whole:#}").expect("a string takes it");
            } else {
                writeln!(concatenated, "{item:#}").expect("a string takes it");
            }
            concatenated.push_str("==== START logs for container a of pod b/c ====\n{\n");
            concatenated.push_str("==== END logs for container a of pod b/c ====\n");
        }
        let found = snapshot(&[Input::bytes("all.json", concatenated.into_bytes())]);
        assert_eq!(found.kept, expected.kept);
        assert_eq!(living(&found.manifests), living(&expected.manifests));
        assert_eq!(found.manifests.objects, expected.manifests.objects);
    }
}

fn assert_same(expected: &Snapshot<Vec<u8>>, found: &Snapshot<Vec<u8>>) {
    assert_eq!(found.kept, expected.kept);
    assert_eq!(
        found.manifests.ignored_kinds,
        expected.manifests.ignored_kinds
    );
    assert_eq!(found.passed_over, expected.passed_over);
    let text = |of: &Snapshot<Vec<u8>>| String::from_utf8_lossy(&of.out).into_owned();
    assert!(text(found) == text(expected), "the snapshots differ");
}

#[test]
fn nothing_secret_is_copied() {
    let text = r#"{"apiVersion": "v1", "kind": "List", "items": [
      {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s",
        "annotations": {"windtunnel/at": "PLANTED"}},
        "data": {"password": "PLANTED"}, "stringData": {"token": "PLANTED"}},
      {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"},
        "data": {"settings": "PLANTED"}, "binaryData": {"x": "PLANTED"}},
      {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": "PLANTED"},
        "managedFields": [{"fieldsV1": {"PLANTED": {}}}]},
        "spec": {"configSource": "PLANTED", "providerID": "PLANTED"},
        "status": {"allocatable": {"cpu": "4", "pods": "10"}, "nodeInfo": {"x": "PLANTED"}}},
      {"spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": "PLANTED"}],
          "command": ["PLANTED"], "args": ["PLANTED"], "lifecycle": {"x": "PLANTED"},
          "resources": {"requests": {"cpu": "1"}, "x": "PLANTED"},
          "livenessProbe": {"httpGet": {"httpHeaders": [{"value": "PLANTED"}]}}}],
          "initContainers": [{"name": "i", "env": [{"name": "A", "value": "PLANTED"}]}],
          "volumes": [{"name": "v", "csi": {"volumeAttributes": {"x": "PLANTED"}}},
            {"name": "w", "iscsi": {"iqn": "q", "chapAuthDiscovery": "PLANTED"}}],
          "imagePullSecrets": [{"name": "PLANTED"}], "x": {"y": ["PLANTED"]}},
        "status": {"message": "PLANTED", "conditions": [{"type": "Ready", "message": "PLANTED"}]},
        "kind": "Pod", "metadata": {"name": "p", "annotations": {"a": "PLANTED"}}},
      {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s", "uid": "u"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"x": "PLANTED"}}},
      {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"},
        "spec": {"csi": {"driver": "d", "volumeHandle": "h",
          "volumeAttributes": {"x": "PLANTED"}}}},
      {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "c"},
        "provisioner": "p", "parameters": {"secret": "PLANTED"}}]}"#;
    let value: Value = serde_json::from_str(text).expect("JSON");
    let mut of_yaml = String::new();
    yaml(&value, 0, &mut of_yaml);
    for (name, text) in [("dump.json", text.to_owned()), ("dump.yaml", of_yaml)] {
        let kept = snapshot(&[Input::bytes(name, text.into_bytes())]);
        assert_eq!(kept.kept.values().sum::<u64>(), 5, "{name}");
        let out = String::from_utf8(kept.out).expect("text");
        assert!(!out.contains("PLANTED"), "{name}: {out}");
        let told: Vec<_> = kept.passed_over.sorted();
        assert!(!format!("{told:?}").contains("\"PLANTED"), "{told:?}");
    }
}

#[test]
fn what_was_met_before_counts_once() {
    let text = generated();
    let twice = [
        Input::bytes("a.json", text.clone().into_bytes()),
        Input::bytes("b.json", text.into_bytes()),
    ];
    let whole = snapshot(&twice[..1]);
    let mut writer = SnapshotWriter::new(Vec::new());
    writer.read(&twice[0]).expect("a good dump");
    // Objects without an identity of their own can't be recognized as the same.
    let message = writer.read(&twice[1]).map(|()| String::new());
    assert_eq!(
        message.map_err(|error| error.to_string()),
        Ok(String::new())
    );
    let found = writer.finish().expect("memory");
    assert_eq!(found.manifests.nodes, whole.manifests.nodes);
    assert_eq!(found.manifests.pods, whole.manifests.pods);
    assert!(found.repeated >= 409);
}

const HEAD: &str = r#"{"apiVersion": "windtunnel/v2", "kind": "Snapshot"}"#;

/// Pods like one another state their own fields alone, with and without a node, a class of priority or a
/// remark.
#[test]
fn what_pods_share_stands_once() {
    let pod = |name: &str, node: &str| {
        format!(
            r#"{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "{name}",
            "namespace": "shop", "uid": "u-{name}", "labels": {{"app": "web"}},
            "creationTimestamp": "2025-01-01T00:00:0{}Z"}}, "spec": {{"priorityClassName": "high",
            "schedulingGroup": {{"podGroupName": "g"}}, {node} "containers": [{{"name": "c"}}],
            "volumes": [{{"name": "kube-api-access-{name}", "projected": {{"sources": []}}}}]}}}}"#,
            name.len()
        )
    };
    let items = [
        r#"{"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": "high"}, "value": 7}"#
            .to_owned(),
        pod("a", r#""nodeName": "n-1","#),
        pod("bb", ""),
        pod("ccc", r#""nodeName": "n-2","#),
        pod("dddd", r#""nodeName": "","#),
        pod("eeeee", ""),
    ];
    let text = format!(r#"{{"kind": "List", "items": [{}]}}"#, items.join(","));
    let inputs = [Input::bytes("dump.json", text.into_bytes())];
    check_same(&inputs);
    let found = String::from_utf8(short(&inputs).out).expect("text");
    assert_eq!(found.matches("\"like\"").count(), 2, "{found}");
    let expected = r#"{"kind":"Pod","like":"bb","metadata":{"name":"eeeee","uid":"u-eeeee","creationTimestamp":"2025-01-01T00:00:05Z","namespace":"shop"}}"#;
    assert!(found.contains(expected), "{found}");
    let read = read_inputs(&[Input::bytes("short.json", found.into_bytes())]).expect("a snapshot");
    assert!(read.pods.iter().all(|pod| pod.spec.priority == 7));
    assert!(
        read.findings.iter().any(|finding| finding.count == 5),
        "{:?}",
        read.findings
    );
}

/// Contradictions of a snapshot are refused by name and field; `like` of other files means nothing.
#[test]
fn broken_likenesses_are_refused() {
    let whole =
        r#"{"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}"#;
    let read = |items: &[&str]| {
        let text = format!("[{}]", items.join(","));
        let [slowly, read] = [spaced(&text), text].map(|text| {
            let input = Input::bytes("s.json", text.into_bytes());
            let by_writer = SnapshotWriter::new(Vec::new()).read(&input).is_err();
            let read = read_inputs(&[input]).map_err(|error| error.to_string());
            assert_eq!(by_writer, read.is_err());
            read
        });
        // Columns differ by the spaces.
        let without_column = |error: &String| error.split(" at line").next().map(str::to_owned);
        assert_eq!(
            slowly.as_ref().err().map(without_column),
            read.as_ref().err().map(without_column)
        );
        read
    };
    let like = |like: &str, rest: &str| {
        format!(r#"{{"kind":"Pod","like":"{like}","metadata":{{"name":"b"{rest}}}}}"#)
    };
    let pods = read(&[HEAD, whole, &like("a", "")])
        .expect("a snapshot")
        .pods;
    assert_eq!((pods.len(), &pods[0].spec), (2, &pods[1].spec));
    for (items, expected) in [
        (
            vec![HEAD, whole, &like("z", "")],
            "document 1, items[2], Pod `b`: like: expected the name of a pod before this one in the \
             same namespace and file, found `z`",
        ),
        (
            vec![HEAD, &like("a", ""), whole],
            "document 1, items[1], Pod `b`: like: expected the name",
        ),
        (
            vec![HEAD, whole, &like("a", r#", "labels": {}"#)],
            "unknown field `labels`, expected one of",
        ),
        (
            vec![whole, &like("a", "")],
            "document 1, items[1], Pod `b`: spec.containers: expected at least one container",
        ),
        (
            vec![
                r#"{"apiVersion": "windtunnel/v9", "kind": "Snapshot"}"#,
                whole,
            ],
            "document 1, items[0], Snapshot: apiVersion: expected `windtunnel/v2`: another release \
             of windtunnel wrote this snapshot; open it with that release, or import the dump again, \
             found `windtunnel/v9`",
        ),
        // Pods that broke a rule are no pods that others may be like.
        (
            vec![HEAD, whole, whole, &like("a", "")],
            "items[2], Pod `a`: metadata.name: expected a name unique in its namespace",
        ),
        (
            vec![
                HEAD,
                r#"{"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]},
                    "status": {"phase": "Foo"}}"#,
                &like("a", ""),
            ],
            "items[2], Pod `b`: like: expected the name of a pod before this one",
        ),
    ] {
        let found = read(&items).map(|_| ()).expect_err(expected);
        assert!(found.contains(expected), "{found}");
    }
}

/// A pod that stood in a file before may be another version of it there.
#[test]
fn pods_are_like_none_that_a_file_before_has() {
    let a = r#"{"kind": "Pod", "metadata": {"name": "a", "uid": "u"},
        "spec": {"containers": [{"name": "c", "image": "IMAGE"}]}}"#;
    let first = format!("[{HEAD},{}]", a.replace("IMAGE", "one"));
    let b = r#"{"kind": "Pod", "like": "a", "metadata": {"name": "b", "uid": "v"}}"#;
    let second = format!("[{HEAD},{},{b}]", a.replace("IMAGE", "two"));
    let inputs = [
        Input::bytes("monday.json", first.into_bytes()),
        Input::bytes("tuesday.json", second.into_bytes()),
    ];
    let read = read_inputs(&inputs)
        .expect_err("another version")
        .to_string();
    assert!(
        read.contains("like: expected a pod that no file before has"),
        "{read}"
    );
    let mut writer = SnapshotWriter::new(Vec::new());
    writer.read(&inputs[0]).expect("a snapshot");
    let read = writer
        .read(&inputs[1])
        .expect_err("another version")
        .to_string();
    assert!(
        read.contains("like: expected a pod that no file before has"),
        "{read}"
    );
}
