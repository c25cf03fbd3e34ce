//! Jobs of a batch queue as a table of jobs, on a machine of nodes with one processor each.

use std::fmt::Write as _;

use serde_json::json;

use super::folder::Folder;
use crate::job_runs::{RigidJob, Started};
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
    let mut starts = Starts {
        places: vec![None; jobs.len()],
        started: Vec::new(),
    };
    folder.run(&mut starts)?;
    match starts.places.iter().position(Option::is_none) {
        Some(place) => Err(format!("the job at position {place} never starts")),
        None => Ok(starts.started),
    }
}

/// Starts of jobs.
struct Starts {
    /// Where each job is among those that started.
    places: Vec<Option<usize>>,
    started: Vec<Started>,
}

impl Observer for Starts {
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
        let Some(position) = job.filter(|place| *place < self.places.len()) else {
            return;
        };
        let next = self.started.len();
        let place = *self.places[position].get_or_insert(next);
        if place == next {
            self.started.push(Started {
                position,
                at,
                nodes: Vec::new(),
            });
        }
        self.started[place].nodes.push(*node);
    }
}
