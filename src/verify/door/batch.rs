//! Jobs of a batch queue as a table of jobs, on a machine of nodes with one processor each.

use std::fmt::Write as _;

use serde_json::json;

use super::folder::Folder;
use crate::job_runs::{RigidJob, Started, Starts};
use cluster::{Observer, Store};
use model::{Event, Pod};
use units::Instant;

/// Runs jobs of a table; their starts in the order of the decisions.
///
/// # Errors
/// The run has no result, or a job never starts.
pub(crate) fn run(
    jobs: &[RigidJob],
    nodes: u32,
    order: &str,
    backfill: &str,
    kills: bool,
) -> Result<Vec<Started>, String> {
    let mut table = "submit_ns,name,run_time_ns,time_limit_ns,members,cpu\n".to_owned();
    for (place, job) in jobs.iter().enumerate() {
        let _ = writeln!(
            table,
            "{},j{place},{},{},{},1",
            job.submit.as_nanos(),
            job.run.as_nanos(),
            job.requested.as_nanos(),
            job.members
        );
    }
    let mut folder = Folder::default();
    folder.text("jobs.csv", table);
    let template = json!({"allocatable": {"cpu": 1, "memory": "1Gi", "pods": 1}});
    folder.set(
        "cluster",
        json!({"nodes": [{"count": nodes, "template": template}]}),
    );
    folder.push(
        "workload",
        json!({"trace": {"format": "csv", "path": "jobs.csv", "killAtWalltime": kills}}),
    );
    folder.set(
        "system",
        json!({"name": "batch", "scheduler": {"queue": order, "backfill": backfill}}),
    );
    folder.set("stop", json!({"when": "drained"}));
    let mut seen = NamedStarts(Starts::of(jobs.len()));
    folder.run(&mut seen)?;
    match seen.0.first_unseen() {
        Some(place) => Err(format!("the job at position {place} never starts")),
        None => Ok(seen.0.decided),
    }
}

/// Starts of jobs whose names state their positions.
struct NamedStarts(Starts);

impl Observer for NamedStarts {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        let Event::PodBound { pod, node, .. } = event else {
            return;
        };
        let name = store.pods().get(*pod).map(|record| record.name.to_string());
        let name = name.unwrap_or_default();
        let job = name.strip_prefix('j').and_then(|rest| {
            let number = rest.split('-').next().unwrap_or_default();
            number.parse::<usize>().ok()
        });
        if let Some(position) = job {
            self.0.note(position, at, *node);
        }
    }
}
