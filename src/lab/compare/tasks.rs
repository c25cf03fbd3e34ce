//! The runs of a comparison as tasks that an engine deals to workers.

use super::runs::{Runs, baseline_first, run_keys};
use super::same_inputs::same_inputs;
use super::{CompareError, Settings};
use crate::replicate::{RunKeys, RunRecords, Work, Workers, replicate_paired};
use scenario::Experiment;

/// Comparison whose runs are tasks: any process makes one, and its record is kept for [`super::run`].
pub struct RunTasks {
    /// The experiment, its baseline first.
    experiment: Experiment,
    settings: Settings,
    keys: RunKeys,
}

impl RunTasks {
    /// The tasks of a comparison, whose inputs are read for their hashes.
    ///
    /// # Errors
    /// If there is nothing to compare, a candidate asks a program of one's own, or an input can't be read.
    pub fn new(experiment: &Experiment, settings: Settings) -> Result<Self, CompareError> {
        let experiment = baseline_first(experiment, &settings)?;
        Ok(Self {
            keys: run_keys(&experiment)?,
            experiment,
            settings,
        })
    }

    /// The runs without records, as far as it is known which the comparison takes: the first two of each candidate,
    /// and once these have records, what is left. Each has its key.
    ///
    /// # Errors
    /// If the candidates can't be compared or a record can't be read.
    pub fn missing(
        &self,
        workers: Workers<'_>,
        records: &RunRecords,
    ) -> Result<Vec<(String, Work)>, CompareError> {
        let Self {
            experiment,
            settings,
            keys,
        } = self;
        let mut runs = Runs::new(experiment, settings, workers, Some((records, keys)))?;
        let first = self.without_records(runs.beginning(settings.seeds), records)?;
        if !first.is_empty() {
            same_inputs(experiment, workers)?;
            return Ok(first);
        }
        runs.begin(settings.seeds)?;
        self.without_records(runs.all_lacking(), records)
    }

    fn without_records(
        &self,
        work: Vec<Work>,
        records: &RunRecords,
    ) -> Result<Vec<(String, Work)>, CompareError> {
        let mut without = Vec::new();
        for work in work {
            let key = self.keys.key(work);
            if !records.has(&key)? {
                without.push((key, work));
            }
        }
        Ok(without)
    }

    /// Makes one run; its record, which [`RunRecords::keep_made`] keeps.
    ///
    /// # Errors
    /// If the run fails.
    pub fn make(&self, workers: Workers<'_>, work: Work) -> Result<Vec<u8>, CompareError> {
        let key = self.keys.key(work);
        let made = replicate_paired(&self.experiment, &[work], workers, None)?;
        Ok(made.first().map(|run| run.record(&key)).unwrap_or_default())
    }
}
