//! Program of the experiment's author that takes part in scheduling.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use control::Exchange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Duration;

/// Program or library that filters or scores nodes, orders waiting jobs, or is the scheduler: exactly one of `command`,
/// `socket` and `library`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct External {
    /// Program and its arguments, run in the folder of the experiment file. It is asked by lines of JSON on its standard
    /// input and answers on its standard output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Socket at which a program waits, which gets the same lines: a path from the folder of the experiment file, or host
    /// and port of this machine such as `127.0.0.1:9000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// Library with functions of `windtunnel.h`, by a path from the folder of the experiment file. It is asked by calls of C
    /// within this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<PathBuf>,
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

impl External {
    /// Name of what is asked: the command, the socket or the library.
    pub fn name(&self) -> String {
        let library = self.library.as_ref().map(|own| own.display().to_string());
        let words = || self.command.join(" ");
        self.socket.clone().or(library).unwrap_or_else(words)
    }
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
    /// A function within this program, in the place of the command.
    Function {
        /// The function.
        function: AnswerFunction,
        /// Stem of the files that its answers are recorded in.
        record: Option<PathBuf>,
    },
    /// Answers of an earlier run, in files of this stem.
    Recorded(PathBuf),
}

/// Maker of answers within the program that runs an experiment, such as a function of the language that the program is
/// a library of.
pub trait Answers: Debug + Send + Sync {
    /// A fresh start, which remembers no question.
    fn start(&self) -> Box<dyn Exchange>;
}

/// Shared maker of answers, equal to itself alone.
#[derive(Clone, Debug)]
pub struct AnswerFunction(pub Arc<dyn Answers>);

impl PartialEq for AnswerFunction {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for AnswerFunction {}

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

impl ExternalPoint {
    /// Every point.
    pub const ALL: [Self; 4] = [Self::Filter, Self::Score, Self::Order, Self::Schedule];

    /// Name in files and in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Score => "score",
            Self::Order => "order",
            Self::Schedule => "schedule",
        }
    }
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
