//! Containers and rules about places of pods that a trace was written as: those that Kubernetes takes come back as they
//! were, and each that differs was named when the pods were written.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::prelude::*;
use crate::readers::csv::CsvSource;
use crate::writers::find;
use arrivals::{MemorySource, Recorded};

use k8s::ManifestReader;

/// A text that is a key and a value of a label, or any.
#[derive(Clone, Copy)]
struct Words(&'static str);

const PLAIN: Words = Words("[a-z]{1,4}");
const ANY: Words = Words("([a-z]{1,3}|[a-zA-Z/,.= \"-]{0,4})");

impl Words {
    fn word(self) -> BoxedStrategy<Value> {
        self.0.prop_map(Value::from).boxed()
    }

    fn words(self) -> BoxedStrategy<Value> {
        vec(self.word(), 0..2).prop_map(Value::from).boxed()
    }

    fn labels(self) -> BoxedStrategy<Value> {
        let labels = vec((self.0, self.0), 0..3);
        let all = labels.prop_map(|all| {
            let labels = all.into_iter().map(|(key, value)| (key, value.into()));
            Value::Object(labels.collect())
        });
        all.boxed()
    }

    fn requirements(self, operators: &'static [&'static str]) -> BoxedStrategy<Value> {
        let operator = prop::sample::select(operators);
        let one = (self.word(), operator, self.word(), 0_i32..9);
        let one = one.prop_map(|(key, operator, value, number)| {
            let values = match operator {
                "In" | "NotIn" => json!([value]),
                "Exists" | "DoesNotExist" => json!([]),
                _ => json!([number.to_string()]),
            };
            json!({"key": key, "operator": operator, "values": values})
        });
        vec(one, 0..3).prop_map(Value::from).boxed()
    }

    fn selector(self) -> BoxedStrategy<Value> {
        let of_sets = self.requirements(&["In", "NotIn", "Exists", "DoesNotExist"]);
        of_sets
            .prop_map(|list| json!({"matchExpressions": list}))
            .boxed()
    }

    fn node_term(self) -> BoxedStrategy<Value> {
        let all = self.requirements(&["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]);
        let field = option::weighted(0.2, self.word());
        let all = (all, field).prop_map(|(expressions, field)| {
            let fields = field
                .map(|name| json!({"key": "metadata.name", "operator": "In", "values": [name]}));
            json!({"matchExpressions": expressions, "matchFields": fields.into_iter().collect::<Vec<_>>()})
        });
        all.boxed()
    }

    fn pod_term(self) -> BoxedStrategy<Value> {
        let selectors = (option::of(self.selector()), option::of(self.selector()));
        let keys = (self.words(), self.words());
        let all = (self.word(), selectors, keys);
        let is_plain = self.0 == PLAIN.0;
        let all = all.prop_map(move |(topology, (pods, namespaces), (matching, differing))| {
            // The server takes keys beside a selector alone, and not both ways.
            let is_taken = !is_plain || pods.is_some();
            let matching = if is_taken { matching } else { json!([]) };
            let is_taken = is_taken && !(is_plain && matching == differing);
            let differing = if is_taken { differing } else { json!([]) };
            let mut term = json!({"topologyKey": topology, "matchLabelKeys": matching, "mismatchLabelKeys": differing});
            for (member, selector) in [("labelSelector", pods), ("namespaceSelector", namespaces)] {
                if let Some(selector) = selector {
                    term[member] = selector;
                }
            }
            term
        });
        all.boxed()
    }

    fn affinity(self) -> BoxedStrategy<Value> {
        let weight = || 1_i32..=100;
        let nodes = (
            vec(self.node_term(), 0..2),
            vec((weight(), self.node_term()), 0..2),
        );
        let pods = || {
            (
                vec(self.pod_term(), 0..2),
                vec((weight(), self.pod_term()), 0..2),
            )
        };
        let all = (nodes, pods(), pods()).prop_map(|((required, preferred), near, far)| {
            let mut affinity = json!({});
            if !required.is_empty() {
                affinity["nodeAffinity"][REQUIRED] = json!({"nodeSelectorTerms": required});
            }
            let preferred = preferred.into_iter();
            let preferred: Vec<Value> = preferred
                .map(|(weight, term)| json!({"weight": weight, "preference": term}))
                .collect();
            affinity["nodeAffinity"][PREFERRED] = preferred.into();
            for (member, (required, wishes)) in [("podAffinity", near), ("podAntiAffinity", far)] {
                let wishes = wishes.into_iter();
                let wishes: Vec<Value> = wishes
                    .map(|(weight, term)| json!({"weight": weight, "podAffinityTerm": term}))
                    .collect();
                affinity[member] = json!({REQUIRED: required, PREFERRED: wishes});
            }
            affinity
        });
        all.boxed()
    }

    fn toleration(self) -> BoxedStrategy<Value> {
        let effect = option::of(prop::sample::select(
            &["NoSchedule", "PreferNoSchedule", "NoExecute"][..],
        ));
        let all = (
            option::of(self.word()),
            self.word(),
            any::<bool>(),
            effect,
            option::of(0_i64..99),
        );
        let all = all.prop_map(|(key, value, is_any, effect, seconds)| {
            let mut own = json!({});
            if is_any || key.is_none() {
                own["operator"] = "Exists".into();
            } else {
                own["value"] = value;
            }
            if let Some(key) = key {
                own["key"] = key;
            }
            if let (Some("NoExecute"), Some(seconds)) = (effect, seconds) {
                own["tolerationSeconds"] = seconds.into();
            }
            if let Some(effect) = effect {
                own["effect"] = effect.into();
            }
            own
        });
        all.boxed()
    }

    fn spread(self) -> BoxedStrategy<Value> {
        let all = (
            1..5,
            self.word(),
            any::<[bool; 3]>(),
            option::of(self.selector()),
            option::of(1_i32..5),
            self.words(),
        );
        let is_plain = self.0 == PLAIN.0;
        let all = all.prop_map(
            move |(skew, topology, [hard, affinity, taints], selector, domains, keys)| {
                let is_taken = !is_plain || selector.is_some();
                let keys = if is_taken { keys } else { json!([]) };
                let policy = |honors| if honors { "Honor" } else { "Ignore" };
                let mut rule = json!({
                    "maxSkew": skew,
                    "topologyKey": topology,
                    "whenUnsatisfiable": if hard { "DoNotSchedule" } else { "ScheduleAnyway" },
                    "nodeAffinityPolicy": policy(affinity),
                    "nodeTaintsPolicy": policy(taints),
                    "matchLabelKeys": keys,
                });
                if let Some(selector) = selector {
                    rule["labelSelector"] = selector;
                }
                if let (true, Some(domains)) = (hard, domains) {
                    rule["minDomains"] = domains.into();
                }
                rule
            },
        );
        all.boxed()
    }

    /// Containers with these names, the first of which every pod has.
    fn containers(self, names: &'static [&'static str]) -> BoxedStrategy<Value> {
        let image = (self.0, self.0).prop_map(|(name, tag)| format!("{name}:{tag}"));
        let amounts = (
            option::of(0_i64..9_000),
            option::of(0_i64..9_000),
            option::of(1_i64..9),
        );
        let port = option::weighted(0.3, 1_u16..);
        let one = (image, amounts, port, any::<bool>());
        let all = vec(one, 1..=names.len()).prop_map(move |all| {
            let all = all.into_iter().zip(names);
            let all = all.map(|((image, (cpu, memory, cards), port, stays), name)| {
                let mut own = json!({"name": name, "image": image});
                for (member, resource, amount) in [
                    ("requests", "cpu", cpu.map(|own| format!("{own}m"))),
                    ("limits", "memory", memory.map(|own| format!("{own}Mi"))),
                    (
                        "limits",
                        "example.com/card",
                        cards.map(|own| own.to_string()),
                    ),
                ] {
                    if let Some(amount) = amount {
                        own["resources"][member][resource] = amount.into();
                    }
                }
                if let Some(port) = port {
                    own["ports"] = json!([{"containerPort": port, "hostPort": port}]);
                }
                if stays && name.starts_with("init") {
                    own["restartPolicy"] = "Always".into();
                } else if name.starts_with("init") {
                    own["ports"] = json!([]);
                }
                own
            });
            Value::from(all.collect::<Vec<_>>())
        });
        all.boxed()
    }

    /// The template of a pod.
    fn template(self) -> BoxedStrategy<Value> {
        let containers = (
            self.containers(&["web", "log"]),
            option::of(self.containers(&["init-a", "init-b"])),
        );
        let rules = (
            self.affinity(),
            vec(self.toleration(), 0..3),
            vec(self.spread(), 0..3),
        );
        let all = (self.labels(), self.labels(), containers, rules);
        let all = all.prop_map(|(labels, selector, (containers, init), rules)| {
            let (affinity, tolerations, spread) = rules;
            let mut spec = Map::new();
            spec.insert("containers".into(), containers);
            spec.insert("nodeSelector".into(), selector);
            spec.insert("affinity".into(), affinity);
            spec.insert("tolerations".into(), tolerations.into());
            spec.insert("topologySpreadConstraints".into(), spread.into());
            spec.insert("overhead".into(), json!({"cpu": "10m"}));
            if let Some(init) = init {
                spec.insert("initContainers".into(), init);
            }
            json!({"metadata": {"labels": labels}, "spec": spec})
        });
        all.boxed()
    }
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// A pod before and after it was written, with the fields of which the writer says that they are lost.
struct Written {
    own: PodSpec,
    read: PodSpec,
    lost: Vec<String>,
}

fn written(template: &Value) -> Written {
    let mut table = csv_row(&template.to_string());
    table.insert_str(0, "submit,name,pod\n");
    let input = Input::bytes("t.csv", table.into_bytes());
    let mut source = CsvSource::open(&input, &ReadOptions::default()).expect("a table");
    let recorded = Recorded::collect(&mut source).expect("good rows");
    let mut own = PodSpec::clone(&recorded.classes[0]);
    let mut out = Vec::new();
    let mut source: Box<dyn ArrivalSource> = Box::new(MemorySource::new(recorded));
    let writer = find("manifests").expect("a format");
    let converted = writer.write(&mut *source, false, &mut out).expect("memory");
    let mut reader = ManifestReader::new().with_workloads();
    let text = String::from_utf8(out.clone()).expect("text");
    let read = reader.read(&Input::bytes("pods.yaml", out));
    read.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let read = PodSpec::clone(&reader.finish().pods[0].spec);
    // What the API server adds to rules about other pods.
    own.affinity.merge_label_keys(&own.labels.clone());
    Written {
        own,
        read,
        lost: { converted.lost.iter() }
            .map(|own| own.field.to_string())
            .collect(),
    }
}

fn csv_row(template: &str) -> String {
    format!("0,a,\"{}\"\n", template.replace('"', "\"\""))
}

/// Each field by its name with whether it came back.
fn came_back(written: &Written) -> [(&'static str, bool); 7] {
    let Written { own, read, .. } = written;
    let amounts = |spec: &PodSpec| spec.requests().unwrap_or_default();
    let of_containers = |spec: &PodSpec| -> Vec<String> {
        let all = spec.all_containers();
        all.map(|own| {
            format!(
                "{} {} {} {:?}",
                own.name, own.image, own.restartable, own.limits
            )
        })
        .collect()
    };
    let ports = |spec: &PodSpec| spec.host_ports().cloned().collect::<Vec<_>>();
    let cpu = |spec: &PodSpec| amounts(spec).get("cpu");
    [
        ("containers", of_containers(own) == of_containers(read)),
        ("cpu", cpu(own) == cpu(read)),
        ("host ports", ports(own) == ports(read)),
        (
            "constraints",
            own.node_selector == read.node_selector && own.affinity == read.affinity,
        ),
        ("tolerations", own.tolerations == read.tolerations),
        ("spreading", own.topology_spread == read.topology_spread),
        ("labels", own.labels == read.labels),
    ]
}

proptest! {
    #[test]
    fn rules_that_kubernetes_takes_come_back(template in PLAIN.template()) {
        prop_assume!(k8s::read_pod(&template, "default", None).is_ok());
        let written = written(&template);
        for (field, came_back) in came_back(&written) {
            prop_assert!(came_back, "{}: {:?} {:?}", field, written.own, written.read);
        }
    }

    #[test]
    fn every_rule_that_does_not_come_back_was_named(template in ANY.template()) {
        let written = written(&template);
        for (field, came_back) in came_back(&written) {
            let is_named = written.lost.iter().any(|own| *own == *field);
            prop_assert!(came_back || is_named, "{}: {:?} {:?}", field, written.own, written.read);
        }
    }
}
