//! Recorded placements of the published GPU packing study, event by event.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use cluster::{Observer, Store};
use model::{Event, Pod};
use units::{Instant, SortedMap, plural};

use super::door::Door;
use super::published::{PublishedRun, Unmade};
use super::table::Table;
use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};

/// Placements of single runs: every event's node and devices.
pub const FAMILY: Family = Family {
    name: "fgd-placements",
    summary: "every placement of single published fill-ups: node and GPU devices, event by event",
    claims,
    kinds: &[],
    judge: Judge::One(judge),
    door: Door::Same,
};

/// Prefix of the files' names: `placements_WORKLOAD_POLICY_SEED.csv`.
const PREFIX: &str = "placements_";

fn claims(path: &Path) -> bool {
    run_of(path).is_some()
}

/// The run that a file is of.
fn run_of(path: &Path) -> Option<PublishedRun> {
    let name = file_name(path).split('.').next()?.strip_prefix(PREFIX)?;
    let (rest, seed) = name.rsplit_once('_')?;
    let (workload, policy) = rest.rsplit_once('_')?;
    let seed = seed.parse().ok()?;
    Some(PublishedRun {
        workload: workload.to_owned(),
        policy: policy.to_owned(),
        seed,
    })
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<FamilyReport, String> {
    let judged: Vec<FamilyReport> = files
        .par_iter()
        .filter_map(|file| Some((file, run_of(file)?)))
        .filter(|(_, run)| options.wants(&run.to_string()))
        .map(|(file, run)| judge_file(file, &run, options))
        .collect::<Result<_, String>>()?;
    let mut report = FamilyReport::new(FAMILY.name);
    for part in judged {
        report.merge(part);
    }
    Ok(report)
}

fn judge_file(
    file: &Path,
    run: &PublishedRun,
    options: &VerifyOptions,
) -> Result<FamilyReport, String> {
    let mut report = FamilyReport::new(FAMILY.name);
    let table = Table::read(file)?;
    let in_file = |error: String| format!("{}: {error}", file.display());
    let node = table.column("node").map_err(in_file)?;
    let gpus = table.column("gpus").map_err(in_file)?;
    let mut placements = Placements::default();
    let made = run.make(options, 0, Some(&mut placements));
    match made {
        Err(Unmade::Unsupported(words)) => report.leave_out(table.rows.len() as u64, || words),
        Err(Unmade::Failed(words)) => report.fail(|| words),
        Ok(outcome) => {
            if outcome.pods != table.rows.len() as u64 {
                let recorded = table.rows.len();
                report.fail(|| {
                    format!(
                        "{run}: {} recorded, {} decided",
                        plural::count(recorded, "event"),
                        outcome.pods
                    )
                });
            }
            for (event, row) in table.rows.iter().enumerate() {
                let decided = placements.of(event as u32);
                if (row[node].as_str(), row[gpus].as_str()) == decided {
                    report.pass();
                } else {
                    report.fail(|| {
                        format!(
                            "{run}, event {event}: recorded `{}` `{}`, decided `{}` `{}`",
                            row[node], row[gpus], decided.0, decided.1
                        )
                    });
                }
            }
        }
    }
    Ok(report)
}

/// Nodes and devices by pod, in order of creation.
#[derive(Clone, Debug, Default)]
struct Placements {
    by_pod: SortedMap<u32, (String, String)>,
}

impl Placements {
    /// The node and devices of the n-th pod; empty if it was not placed.
    fn of(&self, pod: u32) -> (&str, &str) {
        self.by_pod
            .get(&pod)
            .map_or(("", ""), |(node, gpus)| (node, gpus))
    }
}

impl Observer for Placements {
    fn observe(&mut self, _at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        if let Event::PodBound { pod, node, devices } = event {
            let name = store.nodes().name(*node).to_owned();
            self.by_pod.insert(pod.id.0, (name, devices.to_string()));
        }
    }
}
