//! Program of the experiment's author that takes part in scheduling.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Duration;

/// Program that filters or scores nodes, or orders waiting jobs. It is asked by lines of JSON on its standard input and answers
/// on its standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct External {
    /// Program and its arguments, run in the folder of the experiment file.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Points at which it is asked; default `[score]`. The system `pipeline` has all, `kubernetes` has `filter`
    /// and `score`, `batch` has `order`.
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
    /// Delay with which a program with the point `schedule` sees changes; default `0s`.
    #[serde(default)]
    pub watch_delay: Duration,
    /// Source of the answers, which the caller decides on. No file can say so.
    #[serde(skip)]
    pub answers: AnswerSource,
}

/// Source of the answers of a program outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AnswerSource {
    /// None: the program isn't allowed to run.
    #[default]
    Refused,
    /// The program, which runs in a folder.
    Program {
        /// Folder that it runs in.
        folder: PathBuf,
        /// Stem of the files that its answers are recorded in.
        record: Option<PathBuf>,
    },
    /// Answers of an earlier run, in files of this stem.
    Recorded(PathBuf),
}

/// Point at which a program takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExternalPoint {
    /// It says which nodes can take a pod.
    Filter,
    /// It gives the nodes that can take a pod points; more is better.
    Score,
    /// It puts the waiting jobs of the system `batch` in order, or the pods in the queue of the system
    /// `pipeline`.
    Order,
    /// It is the scheduler, in place of the policies of the system `pipeline`, which choose GPU devices
    /// alone.
    Schedule,
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
