//! The layer as its callers see it.

mod findings;
mod loading;

use std::path::{Path, PathBuf};

use super::*;

/// Every file exists, except those called `missing…` and, beside the experiment, traces.
struct Disk;

impl FileLookup for Disk {
    fn exists(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        !text.contains("missing") && (text.starts_with("/traces/") || !text.contains("openb/"))
    }
}

/// A few names of each registry.
struct SomeNames;

#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct FitParameters {
    /// How to score, with what.
    scoring_strategy: Option<ScoringStrategy>,
    /// How to score.
    strategy: Option<FitStrategy>,
    /// How much.
    #[schemars(extend("x-places" = 2))]
    factor: Option<f64>,
}

#[derive(schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct ScoringStrategy {
    /// How to score.
    r#type: FitStrategy,
}

#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
enum FitStrategy {
    LeastAllocated,
    MostAllocated,
}

impl Names for SomeNames {
    fn names(&self, kind: NameKind) -> Vec<&'static str> {
        match kind {
            NameKind::System => vec![
                "kubernetes",
                "batch",
                "swarm",
                "swarmkit",
                "fleet",
                "sparrow",
                "omega",
                "flow",
                "graphene",
                "consolidation",
                "gpu-sharing",
                "openshift",
                "ecs",
                "borg",
                "compose",
                "nova",
                "mesos",
                "dcos",
            ],
            NameKind::Change => vec!["balanced-allocation-improvement"],
            NameKind::Profile => vec!["default", "fgd"],
            NameKind::Policy => {
                vec![
                    "NodeResourcesFit",
                    "ImageLocality",
                    "best-fit",
                    "worst-fit",
                    "random",
                ]
            }
            NameKind::Queue => vec!["fcfs", "sjf", "wfp3", "slurm", "volcano"],
            NameKind::NodeFormat => vec!["openb-nodes"],
            NameKind::WorkloadFormat => vec!["openb-pods", "swf", "csv"],
            NameKind::Generator => vec!["lublin99", "gpu-cluster"],
            NameKind::Metric => vec!["pending_time.p99", "allocation.gpu.peak"],
        }
    }

    fn parameters(&self, kind: NameKind, name: &str) -> Option<Json> {
        (kind == NameKind::Policy && name == "NodeResourcesFit")
            .then(|| schemars::schema_for!(FitParameters).to_value())
    }

    fn sections(&self) -> &'static [Section] {
        ::systems::SECTIONS
    }
}

fn load_with(text: &str, sets: &[&str]) -> Result<Experiment, Box<Rejected>> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let search = SearchPath {
        base_dir: PathBuf::from("/lab"),
        traces_dirs: vec![PathBuf::from("/traces")],
        built_in: None,
    };
    load(
        text,
        "lab.yaml",
        LoadOptions {
            sets: &sets,
            search: &search,
            lookup: &Disk,
            names: &SomeNames,
        },
    )
}

fn complete() -> &'static str {
    include_str!("../../tests/data/scenario/complete.yaml")
}

/// The smallest experiment that is right.
const MINIMAL: &str = "\
windtunnel: v1
name: lab
cluster:
  nodes:
    - count: 4
      template:
        allocatable: {cpu: 8, memory: 32Gi}
workload:
  - generate: {model: lublin99, jobs: 100}
";
