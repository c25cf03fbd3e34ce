//! Relations between two tellings of one experiment: what must not change doesn't, over whole runs of the
//! program. Experiments are drawn from fixed seeds, without chance, with ties taken in order.

use serde_json::{Value, json};
use windtunnel::units::SortedMap;

use crate::harness::dice::Dice;
use crate::scratch::Scratch;

/// Experiments that each relation is tried on.
const SEEDS: std::ops::Range<u64> = 0..8;

/// An experiment with its files.
#[derive(Clone)]
struct Experiment {
    fields: Value,
    /// Files of objects, by name.
    objects: SortedMap<String, Vec<Value>>,
    /// Rows of `jobs.csv` behind its header, or of files that replace it.
    tables: SortedMap<String, Vec<String>>,
}

/// Columns of the tables of jobs.
const HEADER: &str = "submit,name,run_time,cpu,memory,members,priority";

/// Pods with their nodes and times, in seconds where they are known.
type Placements = SortedMap<String, [String; 4]>;

impl Experiment {
    /// Runs the experiment.
    fn run(&self) -> Placements {
        let mut files: Vec<(String, String)> = Vec::new();
        files.push(("x.yaml".to_owned(), self.fields.to_string()));
        for (name, objects) in &self.objects {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            files.push((name.clone(), list.to_string()));
        }
        for (name, rows) in &self.tables {
            files.push((name.clone(), format!("{HEADER}\n{}\n", rows.join("\n"))));
        }
        let borrowed: Vec<(&str, &str)> = { files.iter() }
            .map(|(name, text)| (&**name, &**text))
            .collect();
        let scratch = Scratch::new("metamorphic", &borrowed);
        let _ = scratch.run(&["run", "x.yaml", "--out", "o", "--tables", "csv", "-q"], 0);
        scratch.pods("o", ["node", "submit_ns", "bound_ns", "ended_ns"])
    }

    /// The pods under names without what hangs on the template's content.
    fn seen(&self) -> Vec<(String, [String; 4])> {
        let plain = |name: &str| {
            let mut parts: Vec<&str> = name.split('-').collect();
            if name.starts_with("web") && parts.len() > 2 {
                parts.truncate(parts.len() - 2);
            }
            parts.join("-")
        };
        let pods = self.run().into_iter();
        let mut pods: Vec<(String, [String; 4])> =
            pods.map(|(name, cells)| (plain(&name), cells)).collect();
        pods.sort();
        pods
    }

    fn push(&mut self, list: &str, value: Value) {
        let known = self.fields[list].as_array_mut();
        match known {
            Some(known) => known.push(value),
            None => self.fields[list] = json!([value]),
        }
    }
}

/// An experiment of a seed: nodes of two kinds, a table of jobs, workloads with controllers, operations.
fn draw(seed: u64) -> Experiment {
    let mut dice = Dice::new(seed + 1);
    let has_controllers = dice.chance(60);
    let mut nodes = Vec::new();
    for kind in ["a", "b"] {
        let (cpu, memory) = (dice.between(2, 8), dice.between(4, 16));
        nodes.push(json!({
            "count": dice.between(1, 4), "name": format!("{kind}-{{}}"),
            "template": {
                "allocatable": {"cpu": cpu, "memory": format!("{memory}Gi"), "pods": 20},
                "labels": {"kind": kind},
            },
        }));
    }
    let mut rows = Vec::new();
    let mut at = 0;
    for job in 0..dice.between(10, 40) {
        at += dice.between(0, 40);
        let (run, cpu) = (dice.between(20, 400), dice.between(1, 16) * 125);
        let (memory, priority) = (dice.between(64, 2_048), dice.below(3));
        rows.push(format!(
            "{at},job{job},{run},{cpu}m,{memory}Mi,1,{priority}"
        ));
    }
    let mut system = if has_controllers || dice.chance(50) {
        json!({"name": "kubernetes", "scheduler": {"tieBreak": "first", "percentageOfNodesToScore": 100}})
    } else {
        let profile = dice.text(&["first-fit", "best-fit", "worst-fit"]);
        json!({"name": "pipeline", "scheduler": {"profile": &*profile, "tieBreak": "first"}})
    };
    let mut told = Experiment {
        fields: json!({
            "windtunnel": "v1", "name": "told", "seed": 7,
            "cluster": {"nodes": nodes},
            "workload": [{"trace": {"format": "csv", "path": "jobs.csv"}}],
            "models": {"nodeLife": "declared"},
            "stop": {"at": "3600s"},
        }),
        objects: SortedMap::new(),
        tables: [("jobs.csv".to_owned(), rows)].into(),
    };
    if has_controllers {
        system["controllers"] = json!({});
        let objects = (0..dice.between(2, 4)).map(|number| workload(&mut dice, number));
        told.objects.insert("m.json".to_owned(), objects.collect());
        told.push("workload", json!({"manifests": "m.json", "at": "5s"}));
        let replicas = dice.between(0, 6);
        told.push(
            "operations",
            json!({
                "at": format!("{}s", dice.between(60, 900)),
                "scale": "Deployment/default/web0", "replicas": replicas,
            }),
        );
        told.push("operations", json!({"at": "1200s", "cordon": "a-0"}));
        told.push("operations", json!({"at": "1500s", "uncordon": "a-0"}));
    }
    told.fields["system"] = system;
    told
}

/// A workload; the first one is a deployment.
fn workload(dice: &mut Dice, number: i64) -> Value {
    let kind = match number {
        0 => "Deployment",
        _ => dice.pick(&["Deployment", "StatefulSet", "Job"]),
    };
    let name = format!(
        "{}{number}",
        if kind == "Deployment" { "web" } else { "set" }
    );
    let resources = json!({"requests": {
        "cpu": format!("{}m", dice.between(1, 8) * 125), "memory": format!("{}Mi", dice.between(64, 1_024)),
    }});
    let mut template = json!({
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "app:1", "resources": resources}]},
    });
    if kind == "Job" {
        template["spec"]["restartPolicy"] = "Never".into();
        template["metadata"]["annotations"] =
            json!({"windtunnel.dev/run-time": format!("{}s", dice.between(30, 300))});
        return json!({
            "apiVersion": "batch/v1", "kind": kind, "metadata": {"name": name, "namespace": "default"},
            "spec": {"parallelism": 2, "completions": dice.between(2, 6), "template": template},
        });
    }
    if dice.chance(40) {
        template["spec"]["topologySpreadConstraints"] = json!([{
            "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": name}},
        }]);
    }
    json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": dice.between(1, 5), "selector": {"matchLabels": {"app": name}},
            "template": template, "serviceName": name,
        },
    })
}

/// Holds every experiment against what a relation makes of it.
#[track_caller]
fn hold(relation: impl Fn(&mut Experiment), expected: impl Fn([String; 4]) -> [String; 4]) {
    for seed in SEEDS {
        let told = draw(seed);
        let mut other = told.clone();
        relation(&mut other);
        let before = told.seen().into_iter();
        let before: Vec<_> = before
            .map(|(name, cells)| (name, expected(cells)))
            .collect();
        assert!(before.len() >= 10, "seed {seed}");
        assert_eq!(before, other.seen(), "seed {seed}");
    }
}

/// Twice an amount with its unit.
fn twice(amount: &Value) -> Value {
    let text = amount
        .as_str()
        .map_or_else(|| amount.to_string(), str::to_owned);
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: i64 = text[..end].parse().expect("a number");
    format!("{}{}", 2 * number, &text[end..]).into()
}

/// Changes every amount of processor and memory below a value.
fn double(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if key == "cpu" || key == "memory" {
                    *value = twice(value);
                } else {
                    double(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(double),
        _ => {}
    }
}

#[test]
fn twice_the_amounts_everywhere_change_no_decision() {
    let relation = |told: &mut Experiment| {
        double(&mut told.fields["cluster"]);
        for objects in told.objects.values_mut() {
            objects.iter_mut().for_each(double);
        }
        for rows in told.tables.values_mut() {
            for row in rows {
                let mut cells: Vec<String> = row.split(',').map(str::to_owned).collect();
                for place in [3, 4] {
                    cells[place] = twice(&cells[place].as_str().into())
                        .as_str()
                        .unwrap_or("")
                        .to_owned();
                }
                *row = cells.join(",");
            }
        }
    };
    hold(relation, |cells| cells);
}

#[test]
fn other_names_of_nodes_in_the_same_order_change_no_decision() {
    let rename = |name: &str| {
        name.replacen("a-", "machine-a-", 1)
            .replacen("b-", "machine-b-", 1)
    };
    let relation = |told: &mut Experiment| {
        for group in told.fields["cluster"]["nodes"]
            .as_array_mut()
            .expect("nodes")
        {
            group["name"] = format!("machine-{}", group["name"].as_str().unwrap_or("")).into();
        }
        for operation in told
            .fields
            .get_mut("operations")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            for field in ["cordon", "uncordon"] {
                if operation[field].is_string() {
                    operation[field] = "machine-a-0".into();
                }
            }
        }
    };
    hold(relation, |[node, submit, bound, end]| {
        [rename(&node), submit, bound, end]
    });
}

#[test]
fn objects_and_rows_in_two_files_are_those_of_one() {
    let relation = |told: &mut Experiment| {
        let rows = told.tables.remove("jobs.csv").expect("a table");
        let (first, last) = rows.split_at(rows.len() / 2);
        told.tables.insert("one.csv".to_owned(), first.to_vec());
        told.tables.insert("two.csv".to_owned(), last.to_vec());
        let sources = told.fields["workload"].as_array_mut().expect("sources");
        sources[0]["trace"]["path"] = "one.csv".into();
        let mut second = sources[0].clone();
        second["trace"]["path"] = "two.csv".into();
        sources.insert(1, second);
        if let Some(objects) = told.objects.remove("m.json") {
            let (first, last) = objects.split_at(1);
            told.objects.insert("m1.json".to_owned(), first.to_vec());
            told.objects.insert("m2.json".to_owned(), last.to_vec());
            sources[2]["manifests"] = "m1.json".into();
            sources.push(json!({"manifests": "m2.json", "at": "5s"}));
        }
    };
    hold(relation, |cells| cells);
}

#[test]
fn a_node_that_takes_nothing_changes_no_decision() {
    for taint in [true, false] {
        let relation = |told: &mut Experiment| {
            let mut node = json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": "zz"},
                "spec": {"unschedulable": true},
                "status": {"allocatable": {"cpu": "64", "memory": "256Gi", "pods": "110"}},
            });
            if taint {
                node["spec"] = json!({"taints": [{"key": "nobody", "effect": "NoSchedule"}]});
            }
            told.objects.insert("node.json".to_owned(), vec![node]);
            let nodes = told.fields["cluster"]["nodes"]
                .as_array_mut()
                .expect("nodes");
            nodes.push(json!({"manifests": "node.json"}));
        };
        hold(relation, |cells| cells);
    }
}

#[test]
fn an_hour_later_everything_is_an_hour_later() {
    const HOUR: i64 = 3_600;
    let later = |time: &Value| {
        let text = time.as_str().unwrap_or("0s");
        let seconds: i64 = text.trim_end_matches('s').parse().expect("seconds");
        Value::from(format!("{}s", seconds + HOUR))
    };
    let relation = |told: &mut Experiment| {
        for rows in told.tables.values_mut() {
            for row in rows {
                let (at, rest) = row.split_once(',').expect("a row");
                let at: i64 = at.parse().expect("seconds");
                *row = format!("{},{rest}", at + HOUR);
            }
        }
        for source in told.fields["workload"].as_array_mut().into_iter().flatten() {
            if source["manifests"].is_string() {
                source["at"] = later(&source["at"]);
            }
        }
        for operation in told
            .fields
            .get_mut("operations")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            operation["at"] = later(&operation["at"]);
        }
        told.fields["stop"]["at"] = later(&told.fields["stop"]["at"]);
    };
    hold(relation, |[node, submit, bound, end]| {
        let times = [submit, bound, end].map(|cell| match cell.parse::<i64>() {
            Ok(nanos) => (nanos + HOUR * 1_000_000_000).to_string(),
            Err(_) => cell,
        });
        let [submit, bound, end] = times;
        [node, submit, bound, end]
    });
}

#[test]
fn an_experiment_without_chance_does_not_depend_on_its_seed() {
    hold(|told| told.fields["seed"] = 8.into(), |cells| cells);
}

#[test]
fn clusters_that_share_nothing_run_side_by_side_as_they_run_alone() {
    for seed in SEEDS {
        // What ends in one cluster wakes the pods that wait in the other, whose next try is then later and after others,
        // as in the original. So pods end where none waits.
        let ends = seed % 2 == 0;
        let pods = |dice: &mut Dice, cluster: &str| -> Vec<Value> {
            (0..dice.between(8, 20))
                .map(|number| {
                    let mut annotations =
                        json!({"windtunnel/at": format!("{}s", dice.between(0, 300))});
                    if ends {
                        let span = format!("{}s", dice.between(20, 200));
                        annotations["windtunnel.dev/run-time"] = span.into();
                    }
                    json!({
                        "apiVersion": "v1", "kind": "Pod",
                        "metadata": {
                            "name": format!("{cluster}{number}"), "namespace": "default",
                            "annotations": annotations,
                        },
                        "spec": {
                            "restartPolicy": "Never",
                            "nodeSelector": {"cluster": cluster},
                            "containers": [{"name": "c", "image": "a", "resources": {"requests": {
                                "cpu": format!("{}m", dice.between(1, 16) * 125),
                                "memory": format!("{}Mi", dice.between(64, 1_024)),
                            }}}],
                        },
                    })
                })
                .collect()
        };
        let told = |clusters: &[&str]| {
            let mut nodes = Vec::new();
            let mut objects = Vec::new();
            for cluster in clusters {
                let place = u64::from(*cluster == "south");
                let mut dice = Dice::new(2 * seed + place + 100);
                let (least, most, memory) = if ends {
                    (20, 40, "40Gi")
                } else {
                    (2, 4, "4Gi")
                };
                nodes.push(json!({
                    "count": dice.between(1, 4), "name": format!("{cluster}-{{}}"),
                    "template": {
                        "allocatable": {"cpu": dice.between(least, most), "memory": memory, "pods": 20},
                        "labels": {"cluster": cluster},
                    },
                }));
                objects.extend(pods(&mut dice, cluster));
            }
            Experiment {
                fields: json!({
                    "windtunnel": "v1", "name": "told", "seed": 7,
                    "cluster": {"nodes": nodes},
                    "workload": [{"manifests": "m.json"}],
                    "system": {"name": "kubernetes", "scheduler": {
                        "tieBreak": "first", "percentageOfNodesToScore": 100,
                    }},
                    "stop": {"at": "3600s"},
                }),
                objects: [("m.json".to_owned(), objects)].into(),
                tables: SortedMap::new(),
            }
        };
        let mut alone = told(&["north"]).seen();
        alone.extend(told(&["south"]).seen());
        alone.sort();
        assert_eq!(alone, told(&["north", "south"]).seen(), "seed {seed}");
    }
}
