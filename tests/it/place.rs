//! A dump in every form that people have it gives the same answers.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use verify::VerifyOptions;
use verify::place::FAMILY;
use windtunnel::intake::Input;

use crate::scratch::{Scratch, new_folder};

fn data(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/place");
    folder.join(name)
}

/// The objects of the dump, lists within the list taken apart.
fn objects() -> Vec<Value> {
    let text = Input::path(data("dump.json.gz")).read_to_string().unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn is_kind(object: &Value, kinds: &[&str]) -> bool {
    kinds.contains(&object["kind"].as_str().unwrap())
}

/// YAML in blocks, as `kubectl` writes it.
fn yaml(value: &Value, indent: usize, text: &mut String) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let _ = write!(text, "\n{pad}{}:", json!(key));
                yaml(value, indent + 1, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(text, "\n{pad}-");
                yaml(item, indent + 1, text);
            }
        }
        plain => {
            let _ = write!(text, " {plain}");
        }
    }
}

fn list(kind: &str, items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "items": items})
}

/// A folder with the dump under `name`, made by `write`, and the answers about it.
#[track_caller]
fn check(form: &str, names: &[&str], write: impl FnOnce(&Path)) {
    let folder = new_folder(&format!("place-{form}"));
    fs::create_dir_all(&folder).unwrap();
    for pod in ["plain.yaml", "zonal-spread.yaml"] {
        fs::copy(data(pod), folder.join(pod)).unwrap();
    }
    write(&folder);
    let mut answers = String::new();
    for line in fs::read_to_string(data("answers.jsonl")).unwrap().lines() {
        let mut answer: Value = serde_json::from_str(line).unwrap();
        answer["dump"] = json!(names);
        let _ = writeln!(answers, "{answer}");
    }
    let file = folder.join("answers.jsonl");
    fs::write(&file, answers).unwrap();
    let options = VerifyOptions::default();
    let reports = FAMILY.judge.run(&[file], &options).unwrap();
    let told = reports[0].disagreements.join("\n");
    assert_eq!((reports[0].passed, reports[0].failed), (2, 0), "{told}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_recorded_dump_gives_the_recorded_answers() {
    let file = data("answers.jsonl");
    assert!((FAMILY.claims)(&file) && !(FAMILY.claims)(&data("dump.json.gz")));
    let options = VerifyOptions::default();
    let reports = FAMILY.judge.run(&[file], &options).unwrap();
    assert_eq!((reports[0].passed, reports[0].failed), (2, 0));
}

#[test]
fn a_dump_as_yaml_gives_the_same_answers() {
    check("yaml", &["dump.yaml"], |folder| {
        let mut text = String::from("---");
        yaml(&list("List", &objects()), 0, &mut text);
        fs::write(folder.join("dump.yaml"), text).unwrap();
    });
}

#[test]
fn a_dump_in_several_files_gives_the_same_answers() {
    let names = ["nodes.json", "pods.yaml", "rest.json"];
    check("files", &names, |folder| {
        let all = objects();
        let part = |wanted: fn(&Value) -> bool| -> Vec<Value> {
            all.iter().filter(|own| wanted(own)).cloned().collect()
        };
        let nodes = part(|own| is_kind(own, &["Node"]));
        let pods = part(|own| is_kind(own, &["Pod"]));
        let rest = part(|own| !is_kind(own, &["Node", "Pod"]));
        fs::write(folder.join("nodes.json"), list("List", &nodes).to_string()).unwrap();
        let mut text = String::new();
        for pod in &pods {
            text.push_str("\n---");
            yaml(pod, 0, &mut text);
        }
        fs::write(folder.join("pods.yaml"), text).unwrap();
        fs::write(folder.join("rest.json"), list("List", &rest).to_string()).unwrap();
    });
}

/// The folder of `kubectl cluster-info dump --output-directory`: nodes at its top, a folder per
/// namespace with a typed list per kind, events and logs; kinds that it leaves out are beside it.
#[test]
fn the_new_folder_a_cluster_info_dump_gives_the_same_answers() {
    let names = ["cluster-info", "beside.json"];
    check("folder", &names, |folder| {
        let root = folder.join("cluster-info");
        fs::create_dir_all(&root).unwrap();
        let all = objects();
        let of_kind = |kind: &str| -> Vec<Value> {
            let chosen = all.iter().filter(|own| is_kind(own, &[kind])).cloned();
            // Items of typed lists state no kind of their own.
            chosen
                .map(|mut own| {
                    let fields = own.as_object_mut().unwrap();
                    fields.shift_remove("kind");
                    fields.shift_remove("apiVersion");
                    own
                })
                .collect()
        };
        let nodes = list("NodeList", &of_kind("Node"));
        fs::write(root.join("nodes.json"), nodes.to_string()).unwrap();
        let pods = of_kind("Pod");
        for namespace in ["data", "kube-system", "ml", "shop"] {
            let own: Vec<Value> = pods
                .iter()
                .filter(|pod| pod["metadata"]["namespace"] == namespace)
                .cloned()
                .collect();
            let place = root.join(namespace);
            fs::create_dir_all(place.join("pod-0")).unwrap();
            fs::write(place.join("pods.json"), list("PodList", &own).to_string()).unwrap();
            let events = list("EventList", &[json!({"reason": "Scheduled"})]);
            fs::write(place.join("events.json"), events.to_string()).unwrap();
            fs::write(place.join("pod-0/logs.txt"), "{ no object").unwrap();
        }
        let in_dump = ["Node", "Pod"];
        let beside: Vec<Value> = all
            .iter()
            .filter(|own| !is_kind(own, &in_dump))
            .cloned()
            .collect();
        fs::write(
            folder.join("beside.json"),
            list("List", &beside).to_string(),
        )
        .unwrap();
    });
}

/// What a service runs is no machine that is lost in turn.
#[test]
fn nodes_of_services_are_no_machines_to_lose() {
    let node = |name: &str, labels: &Value| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}})
    };
    let fargate = json!({"eks.amazonaws.com/compute-type": "fargate"});
    let items = [node("machine", &json!({})), node("service", &fargate)];
    let dump = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let scratch = Scratch::new("place-services", &[("dump.json", &*dump)]);
    let told = scratch.run(
        &["place", "dump.json", "--lose", "each", "--format", "csv"],
        0,
    );
    assert!(
        told.contains("machine") && !told.contains("service"),
        "{told}"
    );
}
