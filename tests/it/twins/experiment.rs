//! An experiment of files, run as a user runs it, and what is read of its run.

use std::fmt::Write as _;

use serde_json::{Value, json};
use windtunnel::cluster::{Observer, Store};
use windtunnel::lab::run::Outcome;
use windtunnel::model::{EndReason, Event, EvictionCause, Pod, PodChange};
use windtunnel::units::{Instant, SortedMap};

use super::pods::{Source, Workload};
use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::measure;

/// Nodes `n-0`, `n-1`, … of so many cores each.
pub(super) fn nodes(count: usize, cores: usize) -> Vec<Value> {
    let node = |number: usize| {
        let name = format!("n-{number}");
        let amounts = json!({
            "cpu": cores.to_string(), "memory": format!("{}Gi", 4 * cores), "pods": "110",
            "ephemeral-storage": "100Gi", "example.com/fpga": "100",
        });
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "status": {
                "allocatable": amounts, "capacity": amounts,
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        })
    };
    (0..count).map(node).collect()
}

pub(super) fn node_names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("n-{number}")).collect()
}

/// Node group of an autoscaled cluster.
pub(super) fn group(initial: usize) -> Value {
    let amounts = json!({"cpu": 4, "memory": "16Gi", "pods": 110, "example.com/fpga": 100});
    json!({"boot": "constant(60s)", "groups": [{
        "name": "g", "template": {"allocatable": amounts}, "min": 0, "max": 10,
        "initial": initial, "labels": {"pool": "x"},
    }]})
}

/// A run to be: the workload that has twins, and what surrounds it.
pub(super) struct Experiment {
    /// The experiment file.
    pub(super) file: Value,
    /// Workload whose form varies.
    workload: Vec<Workload>,
    source: Source,
    nodes: Vec<Value>,
    /// Objects that are the same in every twin, by file.
    others: Vec<(&'static str, Vec<Value>)>,
}

impl Experiment {
    pub(super) fn new(workload: Workload, source: Source, nodes: Vec<Value>) -> Self {
        let file = json!({
            "windtunnel": "v1", "name": "twin", "seed": 1,
            "cluster": {"nodes": [{"manifests": "nodes.yaml"}]},
            "workload": [],
            "system": {"name": "kubernetes", "controllers": {}},
            "operations": [], "stop": {"at": "1h"},
        });
        Self {
            file,
            workload: vec![workload],
            source,
            nodes,
            others: Vec::new(),
        }
    }

    /// Adds objects that are there from the start.
    pub(super) fn with(mut self, objects: Vec<Value>) -> Self {
        self.others.push(("others.yaml", objects));
        self.push("workload", json!({"manifests": "others.yaml"}));
        self
    }

    /// Applies objects under way.
    pub(super) fn apply(mut self, at: &str, name: &'static str, objects: Vec<Value>) -> Self {
        self.others.push((name, objects));
        self.operation(json!({"at": at, "apply": name}))
    }

    pub(super) fn operation(mut self, operation: Value) -> Self {
        self.push("operations", operation);
        self
    }

    /// Sets a field of the experiment file, named by a JSON pointer.
    pub(super) fn set(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let mut place = &mut self.file;
        for part in parent.split('/').skip(1) {
            if place[part].is_null() {
                place[part] = json!({});
            }
            place = &mut place[part];
        }
        place[name] = value;
        self
    }

    fn push(&mut self, list: &str, item: Value) {
        self.file[list].as_array_mut().expect("a list").push(item);
    }

    /// Writes the files of the source and the experiment file that names them.
    fn files(mut self) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = Vec::new();
        let objects = |workload: &[Workload], form: fn(&Workload) -> Vec<Value>| -> Vec<Value> {
            workload.iter().flat_map(form).collect()
        };
        match self.source {
            Source::Manifests => {
                let written = objects(&self.workload, Workload::manifests);
                files.push(("workload.yaml".into(), documents(&written)));
                self.push("workload", json!({"manifests": "workload.yaml"}));
            }
            Source::Applied => {
                let written = objects(&self.workload, Workload::manifests);
                files.push(("applied.yaml".into(), documents(&written)));
                let account = json!({
                    "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "empty"},
                });
                files.push(("empty.yaml".into(), documents(&[account])));
                self.push("workload", json!({"manifests": "empty.yaml"}));
                let operation = json!({"at": "1s", "apply": "applied.yaml"});
                self.file["operations"]
                    .as_array_mut()
                    .expect("a list")
                    .insert(0, operation);
            }
            Source::Dump => {
                let mut items = self.nodes.clone();
                items.extend(objects(&self.workload, Workload::dump));
                let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
                files.push(("dump.json".into(), list.to_string()));
                self.push("workload", json!({"manifests": "dump.json"}));
                self.file["cluster"]["nodes"][0] = json!({"manifests": "dump.json"});
            }
            Source::Rows => {
                files.push(("rows.csv".into(), rows(&self.workload)));
                let trace = json!({"format": "csv", "path": "rows.csv"});
                self.push("workload", json!({"trace": trace}));
                if self.workload[0].usage.is_some() {
                    self = self.set("/models/usage", json!("trace"));
                }
            }
        }
        files.push(("nodes.yaml".into(), documents(&self.nodes)));
        for (name, objects) in &self.others {
            files.push(((*name).into(), documents(objects)));
        }
        files.push(("twin.yaml".into(), self.file.to_string()));
        files
    }

    /// Runs it.
    pub(super) fn run(self) -> Answer {
        let files = self.files();
        let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (&**a, &**b)).collect();
        let scratch = Scratch::new("twins", &files);
        let experiment = load_file(&scratch.path("twin.yaml"));
        let mut counts = Counts::default();
        let plan = experiment.variants.first().expect("a variant");
        let outcome = measure(&plan.scenario, &experiment.files, &mut counts);
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        Answer { counts, outcome }
    }
}

fn documents(objects: &[Value]) -> String {
    let mut text = String::new();
    for object in objects {
        let _ = writeln!(text, "---\n{object}");
    }
    text
}

/// A table of bare pods: amounts in columns, all else in the column of the pod.
fn rows(workload: &[Workload]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "submit",
        "name",
        "namespace",
        "cpu",
        "memory",
        "cpu_usage",
        "pod",
    ];
    writer.write_record(header).expect("a header");
    for own in workload {
        for ordinal in 0..own.count {
            let pod = json!({"metadata": {"labels": {"app": own.name}}, "spec": own.fields});
            let name = format!("{}-{ordinal}", own.name);
            let usage = own.usage.unwrap_or("");
            let row = ["0", &name, "d", "1", "1Gi", usage, &pod.to_string()];
            writer.write_record(row).expect("a row");
        }
    }
    String::from_utf8(writer.into_inner().expect("a table")).expect("text")
}

/// What a run came to.
pub(super) struct Answer {
    pub(super) counts: Counts,
    pub(super) outcome: Outcome,
}

impl Answer {
    /// A metric to three digits behind the point.
    pub(super) fn metric(&self, id: &str) -> String {
        let value = self.outcome.metrics.get(id).and_then(|metric| metric.value);
        value.map_or("none".to_owned(), |value| format!("{value:.3}"))
    }
}

/// Counts over the pods labelled `app: app…`, and over nodes.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) living: usize,
    pub(super) bound: usize,
    /// Instant of each binding, in whole seconds.
    pub(super) bound_at: Vec<i64>,
    pub(super) evictions: SortedMap<EvictionCause, usize>,
    pub(super) joined: usize,
    pub(super) left: usize,
}

impl Counts {
    pub(super) fn evicted(&self) -> usize {
        self.evictions.values().sum()
    }
}

impl Observer for Counts {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        let is_counted = |pod: &Pod| {
            let labels = &store.class(pod.class).spec.labels;
            labels.get("app").is_some_and(|app| app.starts_with("app"))
        };
        let counted = |pod| store.pods().get(pod).filter(|pod| is_counted(pod));
        match event {
            Event::NodeAdded { .. } if at > Instant::ZERO => self.joined += 1,
            Event::NodeRemoved { .. } => self.left += 1,
            Event::PodCreated(created) if counted(created.pod).is_some() => self.living += 1,
            Event::PodBound { pod, .. } => {
                if let Some(pod) = counted(*pod)
                    && pod.found().is_none()
                {
                    self.bound += 1;
                    self.bound_at.push(at.as_nanos() / 1_000_000_000);
                }
            }
            Event::PodChanged {
                pod,
                change:
                    PodChange::Terminating {
                        reason: EndReason::Evicted(cause),
                        ..
                    },
            } if counted(*pod).is_some() => {
                *self.evictions.entry(*cause).or_default() += 1;
            }
            Event::PodEnded { .. } if ended.is_some_and(is_counted) => self.living -= 1,
            _ => {}
        }
    }
}
