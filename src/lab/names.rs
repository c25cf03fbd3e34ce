//! The names that experiment files may use, out of the registries themselves.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use policy::entry::Kind;
use policy::job_order::JOB_ORDERS;
use policy::kubernetes::plugin_names;
use policy::profiles::named;
use policy::{Point, registry};
use scenario::{NameKind, Names};
use systems::registry::SYSTEMS;
use trace::format::FormatKind;
use trace::generate::{GENERATORS, GeneratorOptions};
use trace::registry::FORMATS;

/// Names from the registries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registered;

/// Queue policies that the pipeline and the batch planner know.
fn queues() -> Vec<&'static str> {
    let orders = registry::at(Point::QueueOrder).map(|entry| entry.name);
    JOB_ORDERS
        .iter()
        .map(|entry| entry.name)
        .chain(orders)
        .collect()
}

fn formats(kind: FormatKind) -> Vec<&'static str> {
    FORMATS
        .iter()
        .filter(|entry| entry.kind() == kind)
        .map(|entry| entry.name)
        .collect()
}

impl Names for Registered {
    fn names(&self, kind: NameKind) -> Vec<&'static str> {
        match kind {
            NameKind::System => SYSTEMS.iter().map(|entry| entry.name).collect(),
            NameKind::Profile => named().map(|(name, _)| name).collect(),
            NameKind::Policy => [Point::Filter, Point::Score, Point::Devices]
                .into_iter()
                .flat_map(|point| registry::at(point).map(|entry| entry.name))
                .chain(plugin_names())
                .collect(),
            NameKind::Queue => queues(),
            NameKind::NodeFormat => formats(FormatKind::Nodes),
            NameKind::WorkloadFormat => formats(FormatKind::Workload),
            NameKind::Generator => GENERATORS.iter().map(|entry| entry.name).collect(),
            NameKind::Metric => metric_ids(),
        }
    }

    fn parameters(&self, kind: NameKind, name: &str) -> Option<Value> {
        match kind {
            // Plugins of kube-scheduler take the arguments of their own configuration file.
            NameKind::Policy if plugin_names().contains(&name) => Some(Value::Bool(true)),
            NameKind::Policy => policy_parameters(name),
            NameKind::NodeFormat | NameKind::WorkloadFormat => format_parameters(kind, name),
            NameKind::Generator => generator_parameters(name),
            _ => None,
        }
    }
}

/// Ids of metrics: subject and statistic joined, once.
fn metric_ids() -> Vec<&'static str> {
    static IDS: OnceLock<Vec<String>> = OnceLock::new();
    let ids = IDS.get_or_init(|| {
        metrics::REGISTRY
            .iter()
            .flat_map(metrics::MetricEntry::ids)
            .map(|(id, _)| id)
            .collect()
    });
    ids.iter().map(String::as_str).collect()
}

fn object(properties: &Map<String, Value>) -> Option<Value> {
    (!properties.is_empty())
        .then(|| json!({"type": "object", "properties": properties, "additionalProperties": false}))
}

fn policy_parameters(name: &str) -> Option<Value> {
    let mut properties = Map::new();
    for parameter in registry::find(name)?.parameters {
        let mut schema = match parameter.kind {
            Kind::Integer { min, max, .. } => {
                json!({"type": "integer", "minimum": min, "maximum": max})
            }
            Kind::Weights { .. } => json!({
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 100},
            }),
        };
        schema["description"] = parameter.doc.into();
        schema["default"] = parameter.default_value();
        properties.insert(parameter.name.to_owned(), schema);
    }
    object(&properties)
}

fn format_parameters(kind: NameKind, name: &str) -> Option<Value> {
    let entry = trace::registry::find(name)?;
    let mut properties = Map::new();
    if kind == NameKind::WorkloadFormat {
        let schema = json!({
            "type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1,
            "description": "How often the log is repeated, end to end.",
        });
        properties.insert("repeat".to_owned(), schema);
    }
    if entry.options.contains(&"memory") {
        let schema = json!({
            "type": "boolean", "default": false,
            "description": "Jobs ask for the memory that the log says they requested.",
        });
        properties.insert("memory".to_owned(), schema);
    }
    if entry.options.contains(&"pods-per-node") {
        let schema = json!({
            "type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1_001,
            "description": "Pod slots of a node; the published study allows 1,001.",
        });
        properties.insert("podsPerNode".to_owned(), schema);
    }
    object(&properties)
}

fn generator_parameters(name: &str) -> Option<Value> {
    let entry = trace::generate::find(name)?;
    let defaults = GeneratorOptions::default();
    let mut properties = Map::new();
    for &option in entry.options {
        let schema = match option {
            "seed" => json!({
                "type": "integer", "minimum": 0,
                "description": "Seed of the generator; default the experiment's.",
            }),
            "processors" => json!({
                "type": "integer", "minimum": 8, "maximum": 65_536, "default": 256,
                "description": "Size of the machine.",
            }),
            "nodes" => json!({
                "type": "integer", "minimum": 1, "maximum": 1_000_000,
                "default": defaults.nodes,
                "description": "Nodes of the cluster that the load is a share of.",
            }),
            "classes" => json!({
                "type": "integer", "minimum": 1, "maximum": 100_000, "default": defaults.classes,
                "description": "How many different requests tasks have.",
            }),
            "load" => json!({
                "type": "integer", "minimum": 1, "maximum": 1_000,
                "default": defaults.load_percent,
                "description": "Percent of the scarcer of processors and memory used in the long \
                                run; run times follow from it.",
            }),
            "span" => json!({
                "type": "string", "default": "29d",
                "description": "The time in which the tasks arrive, such as `29d`.",
            }),
            "tasks-per-job" => json!({
                "type": "integer", "minimum": 1, "maximum": 1_000,
                "default": defaults.tasks_per_job,
                "description": "Tasks of a job in the mean; at 1 each task draws its class anew.",
            }),
            "kind" => json!({
                "enum": ["typed", "untyped"], "default": "untyped",
                "description": "Two streams, batch and interactive, or one.",
            }),
            // `jobs` is a field of every generated workload.
            _ => continue,
        };
        let name = if option == "tasks-per-job" {
            "tasksPerJob"
        } else {
            option
        };
        properties.insert(name.to_owned(), schema);
    }
    object(&properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::schema::System;
    use systems::RunsWorkloads;

    #[test]
    fn schema_and_registry_agree_on_who_has_loops_of_its_own() {
        for entry in SYSTEMS {
            let system = System {
                name: entry.name.to_owned(),
                ..System::default()
            };
            let has_own = entry.workloads == RunsWorkloads::Always;
            assert_eq!(system.has_own_loops(), has_own, "{}", entry.name);
        }
    }

    #[test]
    fn every_kind_has_names_and_they_are_unique() {
        for kind in NameKind::ALL {
            let mut names = Registered.names(kind);
            assert!(!names.is_empty(), "{kind:?}");
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{kind:?}");
        }
    }
}
