//! Tables of updates that meet failures: each cell is a whole run, and a second judge of its system looks on.
//! The judge has the original's rules, reads each event where the original reads it, and shares no code with
//! the system. A cell is right if the run orders at each instant what the judge orders.

mod constraints;
mod ecs;
mod marathon;
mod nova;
mod replace_actor;
mod service_scheduler;

use windtunnel::cluster::Observer;
use windtunnel::scenario::{Experiment, Scenario};

use crate::harness::dice;
use crate::kube_scenario::load_file;
use crate::scratch::Scratch;
use crate::watch::watch;

/// Files of an experiment, read once for all cells that differ in single fields.
struct Base {
    _folder: Scratch,
    experiment: Experiment,
}

impl Base {
    /// The experiment `own.yaml` among these files.
    fn new(files: &[(&str, String)]) -> Self {
        let files: Vec<(&str, &str)> = { files.iter() }
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let folder = Scratch::new("table", &files);
        let experiment = load_file(&folder.path("own.yaml"));
        Self {
            _folder: folder,
            experiment,
        }
    }

    fn scenario(&self) -> Scenario {
        self.experiment.variants[0].scenario.clone()
    }

    /// Runs a scenario of these files while a judge looks on.
    fn play(&self, scenario: &Scenario, judge: &mut dyn Observer) -> Result<(), String> {
        let end = watch(scenario, &self.experiment.files, judge);
        end.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// Seed by which the tables take other cells.
fn seed() -> usize {
    dice::seed().unwrap_or(0) as usize
}

/// Reports cells that differ, a line each: the cell, what the judge says and what ran.
fn all_agree(table: &str, cells: usize, wrong: &[String]) {
    println!("{table}: {cells} cells");
    let shown: Vec<&str> = wrong.iter().take(20).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} of {cells} cells of {table} differ:\n{}",
        wrong.len(),
        shown.join("\n")
    );
}
