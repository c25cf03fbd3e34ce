//! From an experiment's plan to a world that can be simulated: nodes, arrivals, control plane.

mod adoption;
mod after_end;
mod alerts;
mod autoscale;
mod autoscale_findings;
pub mod catalogue;
mod consolidation_options;
mod container_ends;
mod contention;
mod decoded;
mod deletions;
mod delivery;
mod descheduling;
mod devices;
mod docker_machine;
mod domains;
mod economics;
mod estimates;
mod failures;
mod federation;
mod found_nodes;
mod generated;
mod graphene_options;
mod hypervisors;
mod ignored_objects;
mod images;
pub mod inputs;
mod instance_labels;
mod instance_type;
mod jobs_without_pods;
mod karpenter_types;
mod kube;
mod left_out;
mod limited;
mod machine_events;
mod machine_steps;
mod manifest_cache;
mod manifests;
mod mapping;
mod mix;
mod money;
mod node_autoscalers;
mod node_groups;
mod node_pools;
mod nodes;
mod object_name;
pub mod offers;
mod openshift_options;
mod operations;
mod outcome_remarks;
mod partitions;
mod pool_states;
mod powers;
mod price_history;
mod price_list;
pub mod production;
mod programs;
mod provider;
mod provisioner;
mod queue_changes;
pub mod queueing;
mod relocations;
mod remarks;
pub mod request_limits;
mod reservations;
pub mod reserve;
mod residents;
mod resized;
mod routers;
mod runs_workloads;
mod scaling_rules;
mod scheduler_policy;
mod shapes;
mod small_requests;
mod spot_market;
mod start_up;
mod storage;
mod stored_usage;
mod stuck_pods;
mod submitted_jobs;
mod system_options;
mod throughputs;
mod trace_edits;
mod traffic;
mod typical;
mod unheeded;
mod units;
mod unreserved;
mod usage;
mod volume_places;
mod volumes;
mod watched;
mod workload;

use std::path::PathBuf;

use thiserror::Error;

use arrivals::ReadOptions;
use intake::{Input, OnBadRow, RowPolicy, TraceError};
use k8s::Manifests;
use scenario::schema::OnBadRow as Written;
use scenario::{Arguments, Files};

use manifest_cache::ReaderOptions;

pub use adoption::Adoption;
pub use alerts::{alerts, route};
pub use autoscale::autoscalers;
pub use contention::{checkpoints, contention};
pub use deletions::Deletions;
pub use delivery::delivery;
pub use descheduling::descheduling;
pub use devices::with_claims;
pub use domains::FailureDomains;
pub use economics::{NodePrices, economics, node_prices};
pub use failures::{Failures, contact, failures, node_life};
pub use found_nodes::ClusterAtStart;
pub use hypervisors::hypervisor_room;
pub use images::images;
pub use kube::{allotment_doubt, ignored_by, is_exact, kube_request};
pub use limited::limited_parts;
pub use manifest_cache::ManifestCache;
pub use manifests::{ManifestFiles, check_ignored, followed, follows_kubelets};
pub use mapping::mapping;
pub use mix::workload_mix;
pub use node_autoscalers::node_autoscalers;
pub use node_groups::join_groups;
pub use nodes::{mislabelled, nodes};
pub use operations::{controllers, empties_nodes, operations};
pub use price_list::{Committed, committed, unread_prices};
pub use programs::check_programs;
pub use provider::{ProviderPlan, provider};
pub use provisioner::node_pool_notes;
pub use remarks::Remarks;
pub use reservations::reservations;
pub use resized::resizes_left_out;
pub use runs_workloads::runs_workloads;
pub use start_up::{StartUpValues, start_up, start_up_values};
pub use storage::storage;
pub use stored_usage::stored_usage;
pub use stuck_pods::stuck_pods;
pub use submitted_jobs::{check_submitted_jobs, submitted_jobs};
pub use system_options::{option_notes, system_options};
pub use throughputs::throughputs;
pub use traffic::traffic;
pub use typical::{gpu_models, typical_pods};
pub use usage::usage;
pub use volumes::attach_options;
pub use watched::watched;
pub use workload::{Workload, workload};

/// Reason an experiment can't be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// A trace can't be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A policy's arguments are wrong.
    #[error("system.scheduler: {0}")]
    Policy(String),
    /// Something else that the experiment asks for can't be.
    #[error("{0}")]
    Experiment(String),
}

/// The one door to the files of an experiment: what is opened here stands in the list that checking
/// made of the scenario's file fields ([`scenario::file_fields`]), and all of that list is hashed into
/// the inputs of a run.
#[derive(Clone, Copy)]
pub struct FileSource<'a> {
    /// Path of each file that is named.
    pub files: &'a Files,
    /// Manifests that were parsed before; without it each run parses its own.
    cache: Option<&'a ManifestCache>,
}

impl<'a> FileSource<'a> {
    /// The files of these paths.
    pub const fn of(files: &'a Files) -> Self {
        Self { files, cache: None }
    }

    /// The files of these paths, whose manifests are parsed once for all runs with a cache.
    #[must_use]
    pub const fn parsed_once(self, cache: Option<&'a ManifestCache>) -> Self {
        Self { cache, ..self }
    }
}

impl FileSource<'_> {
    /// The file of a path as written, which a field of the scenario names.
    pub fn open(&self, written: &str) -> Input {
        let found = self
            .files
            .get(written)
            .cloned()
            .unwrap_or_else(|| PathBuf::from(written));
        inputs::open(&found)
    }

    /// What a reader makes of a file of manifests, from the cache where it was read so before.
    ///
    /// # Errors
    /// The file can't be read.
    fn manifests(&self, written: &str, options: &ReaderOptions) -> Result<Manifests, BuildError> {
        let parse = || options.parse(&self.open(written));
        match (self.cache, self.files.get(written)) {
            (Some(cache), Some(path)) => cache.get(path, options, parse),
            _ => parse(),
        }
    }
}

fn row_policy(written: Written) -> RowPolicy {
    let on_bad_row = match written {
        Written::Fail | Written::Strict => OnBadRow::Fail,
        Written::Skip => OnBadRow::Skip,
        Written::Report => OnBadRow::Report,
    };
    RowPolicy {
        on_bad_row,
        strict: written == Written::Strict,
    }
}

/// Settings of reading a trace beside the options of its reader.
struct Reading {
    /// Number of times the log is repeated.
    repeat: u64,
    /// Whether its file may be cut off.
    is_cut_off: bool,
}

/// Options of formats beyond the common ones.
fn read_options(options: &mut ReadOptions, arguments: &Arguments) -> Result<Reading, BuildError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Extra {
        pods_per_node: Option<i64>,
        memory: Option<bool>,
        constraints: Option<bool>,
        largest_request: Option<bool>,
        shares: Option<bool>,
        end_when_idle: Option<bool>,
        core_mhz: Option<i64>,
        full_cores: Option<i64>,
        full_memory_gib: Option<i64>,
        open_cores: Option<i64>,
        open_memory_gib: Option<i64>,
        repeat: Option<u64>,
        cut_off: Option<bool>,
    }
    let extra: Extra = arguments
        .decode()
        .map_err(|error| BuildError::Experiment(format!("trace: {error}")))?;
    options.pods_per_node = extra.pods_per_node.unwrap_or(options.pods_per_node);
    options.memory = extra.memory.unwrap_or(options.memory);
    options.constraints = extra.constraints.unwrap_or(options.constraints);
    options.shares = extra.shares.unwrap_or(options.shares);
    let largest = extra.largest_request;
    options.largest_request = largest.unwrap_or(options.largest_request);
    options.core_mhz = extra.core_mhz;
    options.end_when_idle = extra.end_when_idle.unwrap_or(options.end_when_idle);
    if let Some(cores) = extra.full_cores {
        options.full_cpu_milli = cores.saturating_mul(1_000);
    }
    if let Some(cores) = extra.open_cores {
        options.open_cpu_milli = cores.saturating_mul(1_000);
    }
    if let Some(gib) = extra.open_memory_gib {
        options.open_memory_bytes = gib.saturating_mul(1 << 30);
    }
    if let Some(gib) = extra.full_memory_gib {
        options.full_memory_bytes = gib.saturating_mul(1 << 30);
    }
    Ok(Reading {
        repeat: extra.repeat.unwrap_or(1),
        is_cut_off: extra.cut_off.unwrap_or(false),
    })
}
