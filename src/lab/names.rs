//! The names that experiment files may use, out of the registries themselves.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use arrivals::format::FormatKind;
use formats::registry::FORMATS;
use model::releases::CHANGES;
use policy::job_order::JOB_ORDERS;
use policy::profiles::named;
use policy::{Point, registry};
use scenario::{Misfit, NameKind, Names, Section};
use systems::profile::check_profile;
use systems::registry::{self as known_systems, SYSTEMS};
use workloads::generate::{GENERATORS, GeneratorOptions};

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

/// Names of the changes between releases that an experiment may turn on or off.
fn settable_changes() -> Vec<&'static str> {
    let settable = CHANGES.iter().filter(|entry| entry.is_settable());
    settable.map(|entry| entry.name).collect()
}

impl Names for Registered {
    fn names(&self, kind: NameKind) -> Vec<&'static str> {
        match kind {
            NameKind::System => SYSTEMS.iter().map(|entry| entry.name).collect(),
            NameKind::Profile => named().map(|(name, _)| name).collect(),
            NameKind::Policy => [
                Point::Filter,
                Point::Sample,
                Point::Score,
                Point::Devices,
                Point::Preemption,
                Point::KubePlugin,
            ]
            .into_iter()
            .flat_map(|point| registry::at(point).map(|entry| entry.name))
            .collect(),
            NameKind::Queue => queues(),
            NameKind::NodeFormat => formats(FormatKind::Nodes),
            NameKind::WorkloadFormat => formats(FormatKind::Workload),
            NameKind::Generator => GENERATORS.iter().map(|entry| entry.name).collect(),
            NameKind::Metric => metric_ids(),
            NameKind::Change => settable_changes(),
        }
    }

    fn parameters(&self, kind: NameKind, name: &str) -> Option<Value> {
        match kind {
            NameKind::Policy => registry::find(name)?.schema(),
            NameKind::NodeFormat | NameKind::WorkloadFormat => format_parameters(kind, name),
            NameKind::Generator => generator_parameters(name),
            _ => None,
        }
    }

    fn sections(&self) -> &'static [Section] {
        systems::SECTIONS
    }

    fn profile_conflict(&self, system: &str, profile: &str) -> Option<Misfit> {
        let entry = known_systems::find(system).ok()?;
        let conflict = check_profile(entry, profile).err()?;
        Some(Misfit {
            what: conflict.what,
            fix: conflict.fix,
        })
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

/// Choices of a format: the option, its name in experiments, and its meaning.
const CHOICES: [(&str, &str, &str); 5] = [
    (
        "memory",
        "memory",
        "Take the memory requests of jobs from the log.",
    ),
    (
        "constraints",
        "constraints",
        "Keep to constraints on attributes of machines, which must be labels of the nodes, and keep tasks of a job on \
         different machines where it says so.",
    ),
    (
        "largest-request",
        "largestRequest",
        "Request the most that a task whose request changes ever requested.",
    ),
    (
        "shares",
        "shares",
        "Request the shares of disks and network: of Azure as `windtunnel.dev/hdd`, `ssd` and `nic`, in millionths of a \
         host, rounded down; of Alibaba's services of 2017 as ephemeral storage, of which the largest machine has 1 TiB.",
    ),
    (
        "end-when-idle",
        "endWhenIdle",
        "End machines once they use nothing from one sample to the next, as CloudSim does.",
    ),
];

/// Amounts of a format: the option, its name in experiments, its default, and its meaning.
const AMOUNTS: [(&str, &str, u32, &str); 4] = [
    (
        "full-cpu",
        "fullCores",
        64,
        "Cores of the largest machine, to which the trace is normalized.",
    ),
    (
        "full-memory",
        "fullMemoryGib",
        256,
        "Memory of the largest machine in GiB, to which the trace is normalized.",
    ),
    (
        "open-buckets",
        "openCores",
        30,
        "Cores that the open bucket `>24` counts as.",
    ),
    (
        "open-buckets",
        "openMemoryGib",
        70,
        "Memory in GiB that the open bucket `>64` counts as.",
    ),
];

fn format_parameters(kind: NameKind, name: &str) -> Option<Value> {
    let entry = formats::registry::find(name)?;
    let mut properties = Map::new();
    if kind == NameKind::WorkloadFormat {
        let schema = json!({
            "type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1,
            "description": "Number of times the log is repeated, end to end.",
        });
        properties.insert("repeat".to_owned(), schema);
        let schema = json!({
            "type": "boolean", "default": false,
            "description": "Read a file that is cut off up to its last whole line.",
        });
        properties.insert("cutOff".to_owned(), schema);
    }
    for (option, name, meaning) in CHOICES {
        if entry.options.contains(&option) {
            let schema = json!({"type": "boolean", "default": false, "description": meaning});
            properties.insert(name.to_owned(), schema);
        }
    }
    if entry.options.contains(&"pods-per-node") {
        let schema = json!({
            "type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1_001,
            "description": "Pod slots per node; the published study allows 1,001.",
        });
        properties.insert("podsPerNode".to_owned(), schema);
    }
    if entry.options.contains(&"core-mhz") {
        let schema = json!({
            "type": "integer", "minimum": 1, "maximum": 1_000_000,
            "description": "Speed of a core of the hosts in MHz. Tasks request their capacity divided by it; without it, \
                            their count of cores.",
        });
        properties.insert("coreMhz".to_owned(), schema);
    }
    for (option, name, default, meaning) in AMOUNTS {
        if entry.options.contains(&option) {
            let schema = json!({
                "type": "integer", "minimum": 1, "maximum": 1_000_000, "default": default,
                "description": meaning,
            });
            properties.insert(name.to_owned(), schema);
        }
    }
    object(&properties)
}

fn generator_parameters(name: &str) -> Option<Value> {
    let entry = workloads::generate::find(name)?;
    let defaults = GeneratorOptions::default();
    let mut properties = Map::new();
    for &option in entry.options {
        let schema = match option {
            "seed" => json!({
                "type": "integer", "minimum": 0,
                "description": "Seed of the generator; default: the seed of the experiment.",
            }),
            "processors" => json!({
                "type": "integer", "minimum": 8, "maximum": 65_536, "default": 256,
                "description": "Processors of the machine.",
            }),
            "nodes" => json!({
                "type": "integer", "minimum": 1, "maximum": 1_000_000,
                "default": defaults.nodes,
                "description": "Number of nodes in the cluster to which `load` refers.",
            }),
            "classes" => json!({
                "type": "integer", "minimum": 1, "maximum": 100_000, "default": defaults.classes,
                "description": "Number of task classes, each with its own requests.",
            }),
            "load" => json!({
                "type": "integer", "minimum": 1, "maximum": 1_000,
                "default": defaults.load_percent,
                "description": "Long-run utilization, in percent, of the scarcer of CPU and \
                                memory; run times are derived from it.",
            }),
            "span" => json!({
                "type": "string", "default": "29d",
                "description": "Period in which the tasks arrive, such as `29d`.",
            }),
            "tasks-per-job" => json!({
                "type": "integer", "minimum": 1, "maximum": 1_000,
                "default": defaults.tasks_per_job,
                "description": "Mean number of tasks per job; at 1 each task draws its own class.",
            }),
            "kind" => json!({
                "enum": ["typed", "untyped"], "default": "untyped",
                "description": "Job streams: batch and interactive (`typed`) or a single one \
                    (`untyped`).",
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
