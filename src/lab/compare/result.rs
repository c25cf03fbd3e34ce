//! Comparison as a result folder keeps it: the first runs of its candidates, as if they were run alone.

use scenario::Experiment;

use super::Made;
use crate::experiment::{ExperimentError, metric_definitions, scenario_text};
use crate::folder::ResultFolder;
use crate::hashes::{input_hashes, scenario_hash};
use crate::program;
use crate::summary::{SCHEMA_VERSION, Summary};
use history::{REPORT_DATA_VERSION, ReportData};

/// Metrics of the objectives of all variants, each once.
pub fn objectives(experiment: &Experiment) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for objective in experiment
        .variants
        .iter()
        .flat_map(|plan| &plan.scenario.objectives)
    {
        let id = objective.id();
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// First runs of the candidates of a comparison, for a result folder and a report.
pub struct FirstRuns {
    /// Summary of the runs.
    pub summary: Summary,
    /// Data of their plots.
    pub data: ReportData,
    /// Text of the scenario.
    pub scenario: String,
}

impl Made {
    /// The first run of each variant. The text of the scenario is written into the folder.
    ///
    /// # Errors
    /// An input can't be read, or the folder can't be written to.
    pub fn result(
        &self,
        experiment: &Experiment,
        folder: &ResultFolder,
    ) -> Result<FirstRuns, ExperimentError> {
        let first = self.first();
        let order = |name: &str| first.iter().position(|run| run.name == name);
        let mut experiment = experiment.clone();
        experiment.variants.sort_by_key(|plan| order(&plan.name));
        let mut drawn = self.drawn.clone();
        drawn.sort_by_key(|data| order(&data.name));
        let summary = Summary {
            schema_version: SCHEMA_VERSION,
            windtunnel: program::VERSION.to_owned(),
            build: program::build().to_owned(),
            name: experiment.name.clone(),
            description: experiment.description.clone(),
            scenario_hash: scenario_hash(&experiment),
            inputs: input_hashes(&experiment)?,
            definitions: metric_definitions(),
            variants: first,
        };
        let data = ReportData {
            schema_version: REPORT_DATA_VERSION,
            variants: drawn,
        };
        let scenario = scenario_text(&experiment, folder);
        folder.text("scenario.yaml", &scenario)?;
        Ok(FirstRuns {
            summary,
            data,
            scenario,
        })
    }
}
