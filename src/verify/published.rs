//! Runs of the published GPU packing study (spec: published-results.md section 1), set up through
//! an experiment file as a user would write it.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use cluster::Observer;
use lab::names::Registered;
use lab::run::{Outcome, Tables, prepare, run};
use scenario::{Color, LoadOptions, SearchPath, load};
use scheduler::pipeline::evaluate::Form;
use sim::RunControl;
use world::FileSource;
use world::inputs::DiskAndEmbedded;

use super::VerifyOptions;

/// The published node list, plain or compressed.
pub const NODES: [&str; 2] = [
    "openb_node_list_gpu_node.csv.gz",
    "openb_node_list_gpu_node.csv",
];
/// Prefix of the published workloads' file names.
pub const PODS_PREFIX: &str = "openb_pod_list_";
/// The share of the cluster's GPUs that arrives, in millionths.
pub const SHARE_MILLIONTHS: i64 = 1_300_000;
/// The published name of the policy that draws its nodes.
pub const RANDOM: &str = "01-Random";

/// Published names of policies and the profiles that are them.
const PROFILES: [(&str, &str); 6] = [
    (RANDOM, "gpu-random"),
    ("02-DotProd", "dot-product"),
    ("03-GpuClustering", "gpu-clustering"),
    ("04-GpuPacking", "gpu-packing"),
    ("05-BestFit", "gpu-best-fit"),
    ("06-FGD", "fgd"),
];

/// One published run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedRun {
    /// The workload, with or without its prefix.
    pub workload: String,
    /// The policy's published name.
    pub policy: String,
    /// The seed of the study's generator.
    pub seed: u64,
}

impl std::fmt::Display for PublishedRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, seed {}", self.workload, self.policy, self.seed)
    }
}

/// Reason a published run can't be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmade {
    /// This program does not have what it takes.
    Unsupported(String),
    /// It went wrong.
    Failed(String),
}

impl PublishedRun {
    /// Makes the run; `draws` numbers the draws of the random policy and means nothing to others.
    pub fn make(
        &self,
        options: &VerifyOptions,
        draws: u64,
        watch: Option<&mut dyn Observer>,
    ) -> Result<Outcome, Unmade> {
        let profile = PROFILES
            .iter()
            .find(|(published, _)| *published == self.policy);
        let Some((_, profile)) = profile else {
            let known: Vec<&str> = PROFILES.iter().map(|(published, _)| *published).collect();
            let words = format!("{self}: the policy is not one of {}", known.join(", "));
            return Err(Unmade::Unsupported(words));
        };
        let (nodes, pods) = (
            self.find(options, &NODES.map(str::to_owned))?,
            self.pods(options)?,
        );
        let text = scenario(self.seed, profile, &nodes, &pods);
        simulate(&text, draws, watch).map_err(|words| Unmade::Failed(format!("{self}: {words}")))
    }

    fn pods(&self, options: &VerifyOptions) -> Result<PathBuf, Unmade> {
        let short = self
            .workload
            .strip_prefix(PODS_PREFIX)
            .unwrap_or(&self.workload);
        let names = ["csv.gz", "csv.zst", "csv"].map(|end| format!("{PODS_PREFIX}{short}.{end}"));
        self.find(options, &names)
    }

    fn find(&self, options: &VerifyOptions, names: &[String]) -> Result<PathBuf, Unmade> {
        super::find_trace(options, "openb", names).ok_or_else(|| {
            let words = format!(
                "{self}: this run needs {}, published by Alibaba; say with --traces DIR where it \
                 is kept (there, or in a folder `openb`)",
                names[0]
            );
            Unmade::Unsupported(words)
        })
    }
}

/// Runs the one variant of an experiment; `draws` numbers the draws of random policies.
pub(super) fn simulate(
    text: &str,
    draws: u64,
    watch: Option<&mut dyn Observer>,
) -> Result<Outcome, String> {
    let search = SearchPath::default();
    let load_options = LoadOptions {
        sets: &[],
        search: &search,
        lookup: &DiskAndEmbedded,
        names: &Registered,
    };
    let experiment = load(text, "published.yaml", load_options)
        .map_err(|rejected| rejected.render(Color::Off))?;
    let plan = experiment.variants.first().ok_or("no variant")?;
    let files = FileSource::of(&experiment.files);
    let prepared = prepare(&plan.scenario, &files).map_err(|error| error.to_string())?;
    // The order of arrival is drawn by now; another seed gives the random policy other draws.
    let mut scenario = plan.scenario.clone();
    scenario.seed = scenario.seed.wrapping_add(draws << 32);
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    let tables = Tables {
        watch,
        ..Tables::default()
    };
    run(&scenario, prepared, Form::Incremental, tables, &mut control)
        .map_err(|error| error.to_string())
}

/// The experiment of a published run.
fn scenario(seed: u64, profile: &str, nodes: &Path, pods: &Path) -> String {
    let quoted = |path: &Path| serde_json::Value::from(path.display().to_string()).to_string();
    let tie_break = if profile == "gpu-random" {
        ""
    } else {
        ", tieBreak: rank"
    };
    format!(
        "windtunnel: v1\n\
         name: published\n\
         seed: {seed}\n\
         cluster: {{nodes: [{{trace: {{format: openb-nodes, path: {}}}}}]}}\n\
         workload:\n\
         - trace:\n    \
             format: openb-pods\n    \
             path: {}\n    \
             arrivals: {{order: published, until: 1.3, depart: never}}\n\
         system: {{name: pipeline, scheduler: {{profile: {profile}{tie_break}}}}}\n\
         stop: {{when: idle}}\n",
        quoted(nodes),
        quoted(pods),
    )
}
