//! Record of one run of a sweep: JSON in a file that knows whether it is whole.

use serde::{Deserialize, Serialize};

use crate::folder::{sealed, unsealed};
use crate::run::Outcome;
use crate::steps;
use sim::EndCause;
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
}

impl RunRecord {
    /// The record of a run that was not interrupted.
    pub fn of(key: &str, program: &str, seed: u64, outcome: Outcome) -> Self {
        // A fill-up counts steps, as in its summary.
        let is_fill_up = outcome.metrics.arrived.is_some();
        let factor = |id: &str| if is_fill_up { steps::factor(id) } else { 1.0 };
        let values = outcome.metrics.values.into_iter();
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Self {
            key: key.to_owned(),
            program: program.to_owned(),
            seed,
            nodes: outcome.nodes,
            pods: outcome.pods,
            ended: match outcome.end.cause {
                EndCause::Reached => "reached",
                EndCause::Drained => "drained",
                EndCause::Idle => "idle",
                EndCause::Interrupted => "interrupted",
                EndCause::Stopped => "stopped",
            }
            .to_owned(),
            end_ns: outcome.end.at.as_nanos(),
            changes: outcome.end.changes,
            decisions: outcome.end.decisions,
            digest: outcome.end.digest,
            metrics: values
                .map(|value| {
                    let factor = factor(&value.id);
                    let found = finite(value.value.map(|value| value * factor));
                    (value.id, found)
                })
                .collect(),
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
