//! A finished run.

use history::ReportData;
use lab::compare::{Finished, FirstRuns};
use lab::summary::Summary;
use lab::travel::Fork;

/// Run as the report takes it.
#[derive(Clone, Debug)]
pub struct ReportRun {
    /// Name that distinguishes the run: that of its folder, or of its experiment.
    pub name: String,
    /// Summary of the run.
    pub summary: Summary,
    /// Data of its plots; empty if the folder has none.
    pub data: ReportData,
    /// Text of its `scenario.yaml`; empty if the folder has none.
    pub scenario: String,
    /// Fork from another run, if it is one.
    pub fork: Option<Fork>,
}

impl ReportRun {
    /// The run as a side of a comparison.
    pub fn finished(&self) -> Finished {
        Finished {
            name: self.name.clone(),
            summary: self.summary.clone(),
            scenario: self.scenario.clone(),
        }
    }
}

impl From<FirstRuns> for ReportRun {
    fn from(first: FirstRuns) -> Self {
        Self {
            name: first.summary.name.clone(),
            summary: first.summary,
            data: first.data,
            scenario: first.scenario,
            fork: None,
        }
    }
}
