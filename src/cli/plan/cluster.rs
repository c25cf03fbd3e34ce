//! The planned cluster as files that a run reads.

use std::io;

use super::super::Failure;
use super::{PlanArguments, PlanFolder};
use intake::Input;
use lab::folder::write_file_with;
use lab::plan::planned::{Changed, Planned, write_objects};
use lab::snapshot::Snapshot;
use model::Release;
use report::plan::PlanFile;
use units::plural;

/// Writes the files of the planned cluster: a scenario that runs, its objects, and the scheduler's
/// configuration.
pub(super) fn write_cluster(
    arguments: &PlanArguments,
    snapshot: &Snapshot,
    planned: &Planned,
    changed: Changed<'_>,
    folder: &PlanFolder<'_>,
) -> Result<(), Failure> {
    let path = folder.path.join(CLUSTER_OBJECTS);
    let mut unread = None;
    let written = write_file_with(&path, folder.existing, |out| {
        write_objects(&snapshot.inputs, planned, changed, out).map_err(|error| {
            let words = error.to_string();
            unread = Some(error);
            io::Error::other(words)
        })
    });
    if let Some(error) = unread {
        return Err(error.into());
    }
    written?;
    let mut scheduler = "{tieBreak: first}".to_owned();
    if let Some(path) = &arguments.scheduler.config {
        let config = Input::path(path).read_to_string()?;
        folder.write(&PlanFile::new(CLUSTER_CONFIG, config))?;
        scheduler = format!("{{tieBreak: first, config: {CLUSTER_CONFIG}}}");
    }
    let text = scenario_text(planned, snapshot.release, &scheduler);
    folder.write(&PlanFile::new(CLUSTER, text))
}

/// Names of the files of the planned cluster.
pub(super) const CLUSTER_FILES: [&str; 3] = [CLUSTER, CLUSTER_OBJECTS, CLUSTER_CONFIG];

/// File of the planned cluster as a scenario.
const CLUSTER: &str = "cluster.yaml";

/// File of the planned cluster's objects.
const CLUSTER_OBJECTS: &str = "cluster.objects.json";

/// File of the scheduler's configuration.
const CLUSTER_CONFIG: &str = "cluster.scheduler.yaml";

fn scenario_text(planned: &Planned, release: Release, scheduler: &str) -> String {
    let nodes = plural::count(planned.kept.len() + planned.bought.len(), "node");
    let pods = plural::count(planned.nodes_of_pods.len(), "pod");
    let placed = if planned.is_placed_anew {
        "which the run places"
    } else {
        "each on its node"
    };
    format!(
        "windtunnel: v1\n\
         name: plan\n\
         description: \"Cluster of a plan: {nodes}, {pods}, {placed}.\"\n\
         cluster:\n\
         \x20 nodes:\n\
         \x20   - manifests: {CLUSTER_OBJECTS}\n\
         workload:\n\
         \x20 - manifests: {CLUSTER_OBJECTS}\n\
         system:\n\
         \x20 name: kubernetes\n\
         \x20 release: \"{release}\"\n\
         \x20 scheduler: {scheduler}\n\
         stop: {{when: idle}}\n"
    )
}
