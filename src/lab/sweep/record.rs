//! Record of one run of a sweep: JSON in a file that knows whether it is whole.

use serde::{Deserialize, Serialize};

use crate::folder::{sealed, unsealed};
use crate::steps::StepUnit;
use crate::summary::{
    LimitsSummary, MetricSummary, UnexpressedSummary, UnfinishedSummary, VariantSummary,
};
use metrics::registry;
use units::SortedMap;

/// Result of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// The run's key.
    pub key: String,
    /// The program that ran it.
    pub program: String,
    /// The run's seed.
    pub seed: u64,
    /// Nodes at the start.
    pub nodes: u64,
    /// Pods that were submitted.
    pub pods: u64,
    /// Reason the run ended.
    pub ended: String,
    /// Simulated time at the end, in nanoseconds.
    pub end_ns: i64,
    /// Changes applied to the store.
    pub changes: u64,
    /// Scheduling attempts.
    pub decisions: u64,
    /// Digest over every change.
    pub digest: String,
    /// The metrics by id, in the units of a summary; `null` where one is undefined.
    pub metrics: SortedMap<String, Option<f64>>,
    /// Treatment of the workload.
    #[serde(default)]
    pub treatment: Treatment,
}

/// Facts on how a run treated its workload, by which it is compared with others. They are those of a summary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Treatment {
    /// The system modelled.
    pub system: String,
    /// The scheduler's profile, or queue policy and backfilling.
    pub scheduler: String,
    /// Limits by which the system holds back its own requests or launches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsSummary>,
    /// Features of the workload that the system can't express.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unexpressed: Vec<UnexpressedSummary>,
    /// Jobs that ended and left work undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedSummary>,
    /// Whether time is counted in the steps of a fill-up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_in_steps: bool,
}

impl RunRecord {
    /// The record of a run that was not interrupted.
    pub fn of(key: &str, program: &str, run: VariantSummary) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let metrics = run.metrics.into_iter();
        Self {
            key: key.to_owned(),
            program: program.to_owned(),
            seed: run.seed,
            nodes: run.nodes,
            pods: run.pods,
            ended: run.ended,
            end_ns: run.end_ns,
            changes: run.changes,
            decisions: run.decisions,
            digest: run.digest,
            metrics: metrics
                .map(|(id, metric)| (id, finite(metric.value)))
                .collect(),
            treatment: Treatment {
                system: run.system,
                scheduler: run.scheduler,
                limits: run.limits,
                unexpressed: run.unexpressed,
                unfinished: run.unfinished,
                is_in_steps: run.arrived.is_some(),
            },
        }
    }

    /// The run as a candidate of a name in a comparison.
    pub fn summary(&self, name: String) -> VariantSummary {
        let own = self.treatment.clone();
        let metric = |(id, value): (&String, &Option<f64>)| {
            let (_, statistic) = registry::find(id)?;
            let steps = StepUnit::of(statistic.unit).filter(|_| own.is_in_steps);
            let metric = MetricSummary {
                value: *value,
                unit: steps.map_or(statistic.unit, |own| own.name).to_owned(),
                better: statistic.direction.name().to_owned(),
                ..MetricSummary::default()
            };
            Some((id.clone(), metric))
        };
        VariantSummary {
            name,
            seed: self.seed,
            nodes: self.nodes,
            pods: self.pods,
            ended: self.ended.clone(),
            end_ns: self.end_ns,
            changes: self.changes,
            decisions: self.decisions,
            digest: self.digest.clone(),
            metrics: self.metrics.iter().filter_map(metric).collect(),
            system: own.system,
            scheduler: own.scheduler,
            limits: own.limits,
            unexpressed: own.unexpressed,
            unfinished: own.unfinished,
            ..VariantSummary::default()
        }
    }

    /// The bytes of its file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("invariant: a record is plain data");
        sealed(&json)
    }

    /// The record in the bytes of a file.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub fn from_bytes(bytes: &[u8], key: &str) -> Result<Self, String> {
        let record: Self =
            serde_json::from_slice(unsealed(bytes)?).map_err(|error| error.to_string())?;
        if record.key != key {
            return Err(format!("it is the record of {}", record.key));
        }
        Ok(record)
    }
}
