//! A sequence of decisions as runs. Each step comes a second after the one before: pods arrive, and users
//! add, change and delete nodes and pods. Where several nodes are equally good, a run may take another
//! than the recording; what comes after it is another run, at whose beginning pods are where the recording
//! has them.

use serde_json::{Map, Value, json};

use crate::cases::list;
use crate::door::Said;
use crate::door::folder::Folder;
use crate::kube_scheduler::world::AROUND;
use cluster::{Observer, Store};
use model::{Event, Pod};
use units::{Instant, SortedMap};

/// Milliseconds from one step to the next.
const STEP: i64 = 1_000;

/// Steps of one run, so that a long sequence is not one.
const SPAN: usize = 40;

/// Runs of one sequence; the steps behind them are left to the judge of the functions.
const RUNS: usize = 12;

/// Decides a sequence.
///
/// # Errors
/// A run has no result, in words.
pub(super) fn decide(case: &Value) -> Result<Said, String> {
    let steps = list(case, "steps");
    let answers = list(&case["expect"], "steps");
    let mut known = Known::of(case);
    let (mut done, mut runs) = (0, 0);
    while done < steps.len().min(answers.len()) && runs < RUNS {
        runs += 1;
        let end = (done + SPAN).min(steps.len());
        let seen = known.run(case, &steps, done..end)?;
        let mut agreed = end;
        for number in done..end {
            if steps[number]["op"] != "schedule" {
                continue;
            }
            let name = name_of(&steps[number]["pod"]);
            let decided = seen.first.get(&name).cloned().flatten();
            let answer = answers[number];
            if let Err(words) = hold(answer, decided.as_deref()) {
                return Ok(Said::Differs(format!("step {number}: {name}: {words}")));
            }
            let recorded = answer.get("node").and_then(Value::as_str);
            // From here on the run is not that of the recording; victims are gone at once there.
            let is_other = decided.as_deref() != recorded;
            if is_other || recorded.is_none() {
                agreed = number + 1;
                break;
            }
        }
        if case.get("percentageOfNodesToScore").is_some() && agreed < end {
            // The node at which the next search begins is in no file.
            break;
        }
        known.advance(&steps, &answers, done..agreed)?;
        done = agreed;
    }
    Ok(Said::Agrees)
}

/// Holds the node of a pod's first attempt against the recording.
fn hold(answer: &Value, decided: Option<&str>) -> Result<(), String> {
    let best: Vec<&str> = match answer.get("best").and_then(Value::as_array) {
        Some(best) => best.iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    };
    match decided {
        Some(node) if best.contains(&node) => Ok(()),
        None if best.is_empty() => Ok(()),
        decided => Err(format!("recorded {best:?}, decided {decided:?}")),
    }
}

fn name_of(object: &Value) -> String {
    let meta = &object["metadata"];
    let namespace = meta["namespace"].as_str().unwrap_or("default");
    format!("{namespace}/{}", meta["name"].as_str().unwrap_or_default())
}

/// The cluster as the recording has it.
struct Known {
    nodes: Vec<Value>,
    pods: Vec<Value>,
}

impl Known {
    fn of(case: &Value) -> Self {
        let copied = |field: &str| list(case, field).into_iter().cloned().collect();
        Self {
            nodes: copied("nodes"),
            pods: copied("pods"),
        }
    }

    /// Follows the recording over steps.
    fn advance(
        &mut self,
        steps: &[&Value],
        answers: &[&Value],
        range: std::ops::Range<usize>,
    ) -> Result<(), String> {
        for number in range {
            let step = steps[number];
            match step["op"].as_str().unwrap_or_default() {
                "schedule" => {
                    let answer = answers[number];
                    let Some(node) = answer.get("node").and_then(Value::as_str) else {
                        continue;
                    };
                    let victims = list(answer, "victims");
                    self.pods
                        .retain(|pod| !victims.iter().any(|own| **own == *name_of(pod)));
                    let mut pod = step["pod"].clone();
                    pod["spec"]["nodeName"] = node.into();
                    let begin = jiff::Timestamp::from_second(1_735_689_600 + number as i64);
                    let begin = begin.map_err(|error| error.to_string())?;
                    pod["status"] = json!({"phase": "Running", "startTime": begin.to_string()});
                    self.pods.push(pod);
                }
                "deletePod" => self.pods.retain(|pod| step["name"] != *name_of(pod)),
                "deleteNode" => {
                    let is_it = |node: &Value| *node == step["name"];
                    self.nodes.retain(|node| !is_it(&node["metadata"]["name"]));
                    self.pods.retain(|pod| !is_it(&pod["spec"]["nodeName"]));
                }
                _ => {
                    let node = &step["node"];
                    let name = |node: &Value| node["metadata"]["name"].clone();
                    match self.nodes.iter_mut().find(|own| name(own) == name(node)) {
                        Some(own) => *own = node.clone(),
                        None => self.nodes.push(node.clone()),
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs steps from here on.
    fn run(
        &self,
        case: &Value,
        steps: &[&Value],
        range: std::ops::Range<usize>,
    ) -> Result<FirstAttempts, String> {
        let mut others: Vec<&Value> = Vec::new();
        for field in AROUND {
            others.extend(list(case, field));
        }
        others.extend(&self.pods);
        let nodes: Vec<&Value> = self.nodes.iter().collect();
        let seconds = i64::try_from(range.len()).unwrap_or(0) + 1;
        let mut folder = Folder::kubernetes(&nodes, &others, seconds);
        // Without them nodes keep the taints that follow from conditions, as they do in the recording.
        if range
            .clone()
            .any(|number| steps[number]["op"] != "schedule")
        {
            folder.set_in("system", "controllers", json!({}));
        }
        let share = case.get("percentageOfNodesToScore").and_then(Value::as_i64);
        let share = share.unwrap_or(100);
        let mut scheduler = Map::new();
        scheduler.insert("tieBreak".to_owned(), "first".into());
        if let Some(config) = case.get("config") {
            let mut config = config.clone();
            config["percentageOfNodesToScore"] = share.into();
            folder.text("config.json", config.to_string());
            scheduler.insert("config".to_owned(), "config.json".into());
        } else {
            scheduler.insert("percentageOfNodesToScore".to_owned(), share.into());
        }
        folder.set_in("system", "scheduler", Value::Object(scheduler));
        for (place, number) in range.enumerate() {
            let at = i64::try_from(place).unwrap_or(0) * STEP + STEP / 2;
            let step = steps[number];
            let file = format!("step{number}.json");
            match step["op"].as_str().unwrap_or_default() {
                "schedule" => {
                    folder.objects(&file, &[&step["pod"]]);
                    folder.arrive(&file, at);
                }
                "deletePod" => {
                    let name = step["name"].as_str().unwrap_or_default();
                    folder.operate(at, json!({"delete": format!("Pod/{name}")}));
                }
                "deleteNode" => {
                    let name = step["name"].as_str().unwrap_or_default();
                    folder.operate(at, json!({"delete": format!("Node/{name}")}));
                }
                _ => {
                    folder.objects(&file, &[&step["node"]]);
                    folder.operate(at, json!({"apply": file}));
                }
            }
        }
        let mut seen = FirstAttempts::default();
        folder.run(&mut seen)?;
        Ok(seen)
    }
}

/// How the first attempt of each pod ended.
#[derive(Default)]
struct FirstAttempts {
    first: SortedMap<String, Option<String>>,
}

impl Observer for FirstAttempts {
    fn observe(&mut self, _at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        let (pod, node) = match event {
            Event::PodUnschedulable { pod } => (*pod, None),
            Event::PodBound { pod, node, .. } => (*pod, Some(store.nodes().name(*node).to_owned())),
            _ => return,
        };
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let namespace = &store.class(record.class).spec.namespace;
        let name = format!("{namespace}/{}", record.name);
        self.first.entry(name).or_insert(node);
    }
}
