//! Program of the experiment's author that takes part in scheduling.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Duration;

/// Program that filters or scores nodes. It is asked by lines of JSON on its standard input and answers
/// on its standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct External {
    /// Program and its arguments, run in the folder of the experiment file.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Points at which it is asked; default `[score]`.
    #[serde(default = "default_points")]
    #[schemars(length(min = 1))]
    pub points: Vec<ExternalPoint>,
    /// Weight of its score, 1 to 1000000; default 1.
    #[serde(default = "default_weight")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub weight: i64,
    /// Real time that an answer may take; default `1m`.
    #[serde(default = "default_limit")]
    pub answer_limit: Duration,
    /// Folder that the program runs in, once the caller has allowed it. No file can say so.
    #[serde(skip)]
    pub allowed: Option<PathBuf>,
}

/// Point at which a program takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExternalPoint {
    /// It says which nodes can take a pod.
    Filter,
    /// It gives the nodes that can take a pod points; more is better.
    Score,
}

fn default_points() -> Vec<ExternalPoint> {
    vec![ExternalPoint::Score]
}

const fn default_weight() -> i64 {
    1
}

const fn default_limit() -> Duration {
    Duration::from_secs(60)
}
