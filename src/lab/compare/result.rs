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

impl Made {
    /// The first run of each variant, for a result folder and a report: summary, data of plots and the text of the
    /// scenario, which is written into the folder.
    ///
    /// # Errors
    /// An input can't be read, or the folder can't be written to.
    pub fn result(
        &self,
        experiment: &Experiment,
        folder: &ResultFolder,
    ) -> Result<(Summary, ReportData, String), ExperimentError> {
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
        Ok((summary, data, scenario))
    }
}
