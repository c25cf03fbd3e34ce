//! A recorded case as an experiment of windtunnel, and its run.

use std::sync::atomic::AtomicBool;

use serde_json::{Map, Value, json};

use super::Trouble;
use super::driver::{Driver, Op, Outage, millis};
use super::patch::patch;
use super::pools::Pools;
use super::recorded::Phases;
use super::translate::translate;
use super::watch::{Seen, Watch};
use crate::experiment_text::experiment;
use k8s::read_values;
use lab::run::{prepare, run_watched};
use scheduler::pipeline::evaluate::Form;
use sim::RunControl;
use units::SortedMap;
use world::FileSource;

/// How long the recorded programs took to see a change, in milliseconds, when nothing hindered them.
/// Where times of a case tie in exact arithmetic, this and the requests of the fake kubelet decide as they did there.
const REACTION: i64 = 5;

/// From the beginning of a run to that of the recording, in milliseconds: nodes settle before.
const SETTLING: i64 = 1_000;

/// A case: the objects at its beginning, and what is done to them.
pub(super) struct Case {
    driver: Driver,
    /// The contents of the experiment's files, by name.
    files: SortedMap<String, Vec<Value>>,
    operations: Vec<Due>,
    /// Pods without an owner, as the recording has them, with the milliseconds of their creation.
    pods: Vec<(i64, Value)>,
}

/// An operation of the experiment, but for its time.
struct Due {
    /// Milliseconds since the recording's beginning.
    at: i64,
    fields: Map<String, Value>,
}

impl Case {
    /// The case of a driver and of the manifests that it begins with.
    pub(super) fn new(driver: &Driver, manifests: &str) -> Result<Self, Trouble> {
        let declared = read_values(manifests).map_err(|why| format!("manifests.yaml: {why}"))?;
        let mut case = Self {
            driver: driver.clone(),
            files: SortedMap::new(),
            operations: Vec::new(),
            pods: Vec::new(),
        };
        let (mut nodes, mut objects) = (Vec::new(), Vec::new());
        let mut known: SortedMap<(String, String), Value> = SortedMap::new();
        for object in declared {
            known.insert(identity(&object), object.clone());
            if object["kind"] == "Pod" {
                case.pods.push((0, object.clone()));
            }
            let list = match object["kind"].as_str() {
                Some("Node") => &mut nodes,
                _ => &mut objects,
            };
            let mut own = object;
            translate(&mut own)?;
            list.push(own);
        }
        case.files.insert("nodes.json".to_owned(), nodes);
        case.files.insert("objects.json".to_owned(), objects);
        // It changes nothing, and lets the control plane see its nodes before the recording begins.
        case.settle();
        case.add_steps(&mut known)?;
        Ok(case)
    }

    /// Pods without an owner, with the milliseconds of their creation.
    pub(super) fn bare_pods(&self) -> impl Iterator<Item = (i64, &Value)> {
        self.pods.iter().map(|(at, pod)| (*at, pod))
    }

    fn settle(&mut self) {
        self.operations.push(Due {
            at: i64::MIN,
            fields: fields(json!({"apply": "nodes.json"})),
        });
    }

    fn add_steps(&mut self, known: &mut SortedMap<(String, String), Value>) -> Result<(), Trouble> {
        for (number, step) in self.driver.steps.clone().into_iter().enumerate() {
            let fields = match step.op {
                Op::Create { object } => {
                    known.insert(identity(&object), object.clone());
                    if object["kind"] == "Pod" {
                        self.pods.push((millis(step.at), object.clone()));
                    }
                    self.apply(number, object)?
                }
                Op::Patch {
                    kind,
                    name,
                    form,
                    patch: change,
                } => {
                    let object = find(known, &kind, &name)?;
                    patch(object, &form, &change)?;
                    self.apply(number, object.clone())?
                }
                Op::Scale {
                    kind,
                    name,
                    replicas,
                } => {
                    find(known, &kind, &name)?["spec"]["replicas"] = replicas.into();
                    fields(json!({
                        "scale": format!("{kind}/default/{name}"), "replicas": replicas,
                    }))
                }
                Op::Delete {
                    kind,
                    name,
                    propagation,
                } => deletion(&kind, &name, propagation),
                Op::DeletePods { selector, count } => deletion_of_pods(&selector, count),
                Op::Cordon { name } => fields(json!({"cordon": name})),
                Op::Uncordon { name } => fields(json!({"uncordon": name})),
                Op::Drain { name } => fields(json!({"drain": name})),
                Op::Taint {
                    name,
                    key,
                    value,
                    effect,
                } => fields(json!({
                    "taint": {"node": name, "key": key, "value": value, "effect": effect},
                })),
                Op::Untaint { name, key } => fields(json!({"untaint": {"node": name, "key": key}})),
                Op::NodeStop { .. } | Op::NodeStart { .. } => continue,
            };
            let at = millis(step.at);
            self.operations.push(Due { at, fields });
        }
        Ok(())
    }

    /// The operation that applies an object, from a file of its own.
    fn apply(&mut self, number: usize, mut object: Value) -> Result<Map<String, Value>, Trouble> {
        translate(&mut object)?;
        let file = format!("step{number}.json");
        let fields = fields(json!({"apply": file}));
        self.files.insert(file, vec![object]);
        Ok(fields)
    }

    /// Runs the case, in the phases of the recording's clocks.
    pub(super) fn run(&self, phases: Phases, pools: &Pools) -> Result<Seen, Trouble> {
        let end = millis(self.driver.end_s);
        let mut failures = Vec::new();
        for outage in self.driver.outages() {
            let node = match outage.node.strip_prefix("of:") {
                None => outage.node.clone(),
                Some(pod) => {
                    let before = self.simulate(&failures, outage.from, phases, pools)?;
                    let node = before.node_of(pod);
                    node.ok_or_else(|| {
                        let at = outage.from / 1_000;
                        format!("{pod} has no node at {at} s, when it is to stop")
                    })?
                }
            };
            failures.push(partition(&node, &outage, SETTLING + phases.fraction));
        }
        self.simulate(&failures, end, phases, pools)
    }

    fn simulate(
        &self,
        failures: &[Value],
        end: i64,
        phases: Phases,
        pools: &Pools,
    ) -> Result<Seen, Trouble> {
        let zero = SETTLING + phases.fraction;
        let mut models = json!({
            "set": "production",
            "nodeLife": "observed",
            // Fake kubelets see their containers at once, and register nodes that are Ready.
            "kubelet": "none",
            "watchDelay": span(REACTION),
        });
        if let Some(renewal) = phases.renewal {
            models["leaseOffset"] = span((zero + renewal).rem_euclid(10_000));
        }
        let second = (self.driver.t0_wall_second + 60 - (SETTLING / 1_000) as u32) % 60;
        let due = self.operations.iter().filter(|due| due.at <= end);
        let operations: Vec<Value> = due
            .map(|due| {
                let mut fields = due.fields.clone();
                let at = zero.saturating_add(due.at).max(0);
                fields.insert("at".to_owned(), span(at));
                Value::Object(fields)
            })
            .collect();
        let experiment = json!({
            "windtunnel": "v1",
            "name": "recorded",
            "seed": 1,
            "cluster": {"nodes": [{"manifests": "nodes.json"}]},
            "workload": [{"manifests": "objects.json", "at": span(zero)}],
            "system": {
                "name": "kubernetes",
                "controllers": {"startDate": format!("2026-01-01T00:00:{second:02}Z")},
            },
            "models": models,
            "stop": {"at": span(zero + end)},
            "failures": failures,
            "operations": operations,
        });
        self.run_text(&experiment.to_string(), zero, pools)
    }

    fn run_text(&self, text: &str, zero: i64, pools: &Pools) -> Result<Seen, Trouble> {
        let contents = self.files.iter().map(|(name, objects)| {
            let objects = Value::Array(objects.clone()).to_string();
            (name.clone(), objects)
        });
        let experiment = experiment(text, contents)?;
        let files = &experiment.files;
        let plan = experiment.variants.first().ok_or("no variant".to_owned())?;
        let source = FileSource::of(files);
        let prepared = prepare(&plan.scenario, &source).map_err(|error| error.to_string())?;
        let interrupted = AtomicBool::new(false);
        let mut control = RunControl {
            interrupted: &interrupted,
            progress: &mut |_| {},
        };
        let mut watch = Watch::new(pools, zero);
        let form = Form::Incremental;
        run_watched(&plan.scenario, prepared, form, &mut watch, &mut control)
            .map_err(|error| error.to_string())?;
        Ok(watch.finish())
    }
}

/// The fields of a map.
fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn partition(node: &str, outage: &Outage, zero: i64) -> Value {
    let mut failure = json!({"kind": "partition", "node": node, "at": span(zero + outage.from)});
    if let Some(until) = outage.until {
        failure["for"] = span(until - outage.from);
    }
    failure
}

/// A duration of the experiment file.
fn span(millis: i64) -> Value {
    format!("{millis}ms").into()
}

fn identity(object: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&object["kind"]), text(&object["metadata"]["name"]))
}

fn find<'a>(
    known: &'a mut SortedMap<(String, String), Value>,
    kind: &str,
    name: &str,
) -> Result<&'a mut Value, Trouble> {
    let key = (kind.to_owned(), name.to_owned());
    let found = known.get_mut(&key);
    found.ok_or_else(|| {
        let words = format!("the driver changes {kind}/{name}, which no file declares");
        Trouble::Unsupported(words)
    })
}

/// The operation that deletes an object.
fn deletion(kind: &str, name: &str, propagation: Option<String>) -> Map<String, Value> {
    let policy = propagation.unwrap_or_default().to_lowercase();
    let target = match kind {
        "Node" => format!("Node/{name}"),
        _ => format!("{kind}/default/{name}"),
    };
    let mut fields = fields(json!({"delete": target}));
    if !policy.is_empty() && !matches!(kind, "Pod" | "Node") {
        fields.insert("propagation".to_owned(), policy.into());
    }
    fields
}

/// The operation that deletes pods by their labels.
fn deletion_of_pods(selector: &str, count: Option<u32>) -> Map<String, Value> {
    let pairs = selector.split(',').filter_map(|pair| pair.split_once('='));
    let labels: Map<String, Value> = pairs
        .map(|(key, value)| (key.trim().to_owned(), value.trim().into()))
        .collect();
    let mut choice = json!({"labels": labels});
    if let Some(count) = count {
        choice["count"] = count.into();
    }
    fields(json!({"deletePods": choice}))
}
